// Package server is the HTTP side of the emulator: routes, limits, the way of a
// request from the wire to an operation and back, health and administration.
package server

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"emulator/audit"
	"emulator/authz"
	"emulator/clock"
	"emulator/identity"
	"emulator/identity/serviceprincipals"
	"emulator/quota"
	"emulator/services/cloudhsm"
	"emulator/services/iam"
	"emulator/services/kms"
	"emulator/services/kms/attestation/nsm"
	"emulator/services/organizations"
	"emulator/services/resourcegroupstaggingapi"
	"emulator/services/signin"
	"emulator/services/sts"
	"emulator/services/sts/issuer"
	"emulator/sigv4"
	"emulator/store"
	"emulator/store/bolt"
)

// Limits of the HTTP side.
const (
	// MaxBody is the greatest size of a request's body, as sent and decompressed. AWS's
	// largest document, a policy of 128 KiB once URL-encoded, is well below it.
	MaxBody = 1 << 20
	// maxHeader leaves room for a session token with the longest session policies.
	maxHeader = 256 << 10
	// maxConditionHeader bounds the headers that conditions compare.
	maxConditionHeader = 8 << 10

	headerTimeout = 10 * time.Second
	bodyTimeout   = 60 * time.Second
	idleTimeout   = 120 * time.Second
	drainTimeout  = 10 * time.Second
)

// Config is what a server is made of. The zero value keeps state in a temporary
// directory and accepts the well-known root credentials.
type Config struct {
	// DataDir holds the database and the master key; "" means a temporary directory
	// that Close removes.
	DataDir string
	// MasterKey in hexadecimal; "" means the one in DataDir.
	MasterKey string
	// RootKey is the access key of account 000000000000's root user; zero: identity.KnownRootKey.
	RootKey identity.RootKey
	// NoAccountKeys turns off that twelve digits are the access key of that account's root user.
	NoAccountKeys bool
	// InsecureIssuers are hosts whose OpenID Connect issuers may be fetched over plain http.
	InsecureIssuers []string
	// NoTestIssuers turns off the OpenID Connect provider that mints tokens for tests.
	NoTestIssuers bool
	// TestIssuers are its issuers besides the built-in ones.
	TestIssuers []issuer.Issuer
	// Offline forbids fetching from OpenID Connect issuers.
	Offline bool
	// Regions are served besides those that AWS has.
	Regions []string
	// ServicePrincipals may stand in policies besides those that AWS has.
	ServicePrincipals []string
	// AttestationRoots are those that attestation documents have to lead to, in place of the built-in one.
	AttestationRoots []*x509.Certificate
	// DisabledRegions are those in which STS gives no credentials.
	DisabledRegions []string
	// MaxConnections is how many connections each listener has open at once; 0 means DefaultConnections.
	MaxConnections int
	// IAM is what becomes of denials: enforced, unless told otherwise.
	IAM authz.Mode
	// Transition is how long, in emulated time, what AWS does in the background takes (clock.Clock).
	Transition time.Duration
	// HostNames are names or addresses by which browsers may ask for this server, besides loopback
	// ones, those of AWS's services and the address that it listens on.
	HostNames []string
	// AllowOrigins are origins (https://app.example:8443) whose web pages may call AWS's
	// operations. They may not use the admin API.
	AllowOrigins []string
	// AdminToken opens the admin API to callers that are not on this machine; "": to none.
	AdminToken string
	// RoleTemplates are templates that AcquireRole makes roles of, besides AWS's.
	RoleTemplates iam.RoleTemplates
	// Quotas are settings of quotas: "off", "requests", "kms.KeysPerRegion=10", or a file of such (package quota).
	Quotas []string
	// Version is what /_emulator/version tells.
	Version string
	// Log takes the server's log; nil means slog.Default.
	Log *slog.Logger
}

// Server is a running emulator: state, services and the HTTP handler in front.
type Server struct {
	config        Config
	log           *slog.Logger
	store         store.Store
	clock         *clock.Clock
	directory     *identity.Directory
	authz         *authz.Authorizer
	regions       identity.Regions
	verifier      *sigv4.Verifier
	issuers       *issuer.Provider // nil if turned off
	iam           *iam.Service
	organizations *organizations.Service
	nsm           *nsm.Module
	lastUse       *audit.LastUse
	probe         writeProbe
	backup        sync.Mutex // held while the database is copied
	trail         audit.Trail
	sts           *sts.Service
	kms           *kms.Service
	cloudHSM      *cloudhsm.Service
	signin        *signin.Service
	services      []*service
	handler       http.Handler
	dataDir       string
}

// Open opens the state in config.DataDir and builds the services. Errors name the
// file at fault, and leave it as it was.
func Open(config Config) (_ *Server, err error) {
	s := &Server{config: config, log: cmp.Or(config.Log, slog.Default()), clock: &clock.Clock{Transition: config.Transition}}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if s.config.HostNames, err = normalized(config.HostNames, normalHostName); err != nil {
		return nil, err
	}
	if s.config.AllowOrigins, err = normalized(config.AllowOrigins, normalOrigin); err != nil {
		return nil, err
	}
	if s.regions, err = identity.NewRegions(config.Regions); err != nil {
		return nil, err
	}
	for _, region := range config.DisabledRegions {
		if err := s.regions.Check(region); err != nil {
			return nil, err
		}
	}
	quotas, err := quota.New(config.Quotas, time.Now, slices.Concat(iam.Quotas(), kms.Quotas(), cloudhsm.Quotas(), organizations.Quotas())...)
	if err != nil {
		return nil, fmt.Errorf("quotas: %w", err)
	}
	s.dataDir = config.DataDir
	if s.dataDir == "" {
		if s.dataDir, err = os.MkdirTemp("", "emulator-*"); err != nil {
			return nil, err
		}
	}
	database, master, err := openDataDir(s.dataDir, config.MasterKey)
	if err != nil {
		return nil, err
	}
	if openToOthers(s.dataDir) {
		s.log.Warn("others on this machine can enter the data directory; chmod 700 keeps them out", "directory", s.dataDir)
	}
	keyring, err := identity.NewKeyring(master)
	if err != nil {
		return nil, err
	}
	db, err := bolt.Open(database, bolt.Options{})
	if err != nil {
		return nil, err
	}
	s.store = db
	s.lastUse = audit.NewLastUse(db, s.log, usedRecord)
	if err := db.Update(context.Background(), func(tx store.Tx) error {
		if err := checkMasterKey(tx, keyring); err != nil {
			return err
		}
		return s.beginTracking(tx)
	}); err != nil {
		return nil, fmt.Errorf("%s: %w", database, err)
	}
	s.directory = &identity.Directory{Keyring: keyring, RootKey: config.RootKey, NoAccountKeys: config.NoAccountKeys}
	s.authz = authz.New(s.clock, keyring, config.IAM)
	if s.authz.Services, err = serviceprincipals.NewFurther(config.ServicePrincipals); err != nil {
		return nil, err
	}
	s.verifier = sigv4.NewVerifier(time.Now) // the age of a signature is the transport's: real time
	var localKeys func(context.Context, string) ([]byte, bool, error)
	if !config.NoTestIssuers {
		s.issuers, err = issuer.New(issuer.Config{Store: db, Keyring: keyring, Clock: s.clock, Issuers: config.TestIssuers})
		if err != nil {
			return nil, err
		}
		localKeys = s.issuers.Keys
	}
	s.sts = sts.New(sts.Config{
		Store: db, Authz: s.authz, Clock: s.clock, Directory: s.directory, DisabledRegions: config.DisabledRegions,
		InsecureIssuers: config.InsecureIssuers, LocalIssuers: localKeys, Offline: config.Offline,
	})
	s.signin = signin.New(signin.Config{Store: db, Authz: s.authz, Clock: s.clock, Directory: s.directory, STS: s.sts, Regions: s.regions, Log: s.log})
	s.nsm = nsm.New(nsm.Config{Store: db, Keyring: keyring})
	s.kms = kms.New(kms.Config{Store: db, Authz: s.authz, Clock: s.clock, Keyring: keyring, LastUse: s.lastUse, Quotas: quotas, LinkRole: iam.LinkRole, AttestationRoots: s.attestationRoots})
	s.iam = iam.New(iam.Config{Store: db, Authz: s.authz, Clock: s.clock, Keyring: keyring, LastUse: s.lastUse, Quotas: quotas, RoleTemplates: config.RoleTemplates, RootKey: config.RootKey, InsecureIssuers: config.InsecureIssuers})
	s.organizations = organizations.New(organizations.Config{Store: db, Authz: s.authz, Clock: s.clock, Quotas: quotas, CreateRole: iam.SaveRole, LinkRole: iam.LinkRole})
	s.authz.Tags = s.organizations.CheckTags
	s.cloudHSM = cloudhsm.New(cloudhsm.Config{Store: db, Authz: s.authz, Clock: s.clock, Keyring: keyring, Quotas: quotas, Regions: s.regions, LinkRole: iam.LinkRole})
	if s.services, err = newServices(
		source{"sts", s.sts.Operations()},
		source{"iam", s.iam.Operations()},
		source{"kms", s.kms.Operations()},
		source{"cloudhsmv2", s.cloudHSM.Operations()},
		source{"organizations", s.organizations.Operations()},
		source{"resourcegroupstaggingapi", resourcegroupstaggingapi.New(resourcegroupstaggingapi.Config{Store: db, Authz: s.authz, Clock: s.clock}).Operations()},
	); err != nil {
		return nil, err
	}
	s.handler = s.routes()
	return s, nil
}

// masterKeyCheck is a record sealed with the master key that the database was
// first opened with.
var masterKeyCheck = store.Key("master-key-check")

// checkMasterKey tells a wrong master key at the start, not at the first decryption.
func checkMasterKey(tx store.Tx, keyring *identity.Keyring) error {
	const text = "the key that seals this database"
	sealed := tx.Get(masterKeyCheck)
	if sealed == nil {
		return tx.Put(masterKeyCheck, keyring.Seal([]byte(text), string(masterKeyCheck)))
	}
	if opened, err := keyring.Open(sealed, string(masterKeyCheck)); err != nil || !bytes.Equal(opened, []byte(text)) {
		return errors.New("the master key is not the one that the database was made with")
	}
	return nil
}

// TuneGC makes the garbage collector of this process run less often: the live heap is
// a few MB, and would be collected every hundred calls. A soft limit keeps a large one
// from growing tenfold. GOGC and GOMEMLIMIT in the environment stand before it.
func TuneGC() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(1000)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(256 << 20)
	}
}

// Handler returns the whole HTTP side.
func (s *Server) Handler() http.Handler { return s.handler }

// DataDir returns the directory in use.
func (s *Server) DataDir() string { return s.dataDir }

// Clock returns the emulated time.
func (s *Server) Clock() *clock.Clock { return s.clock }

// Serve answers on l, over TLS if config is not nil, until ctx is done. Then it lets the
// requests under way end, for at most ten seconds.
func (s *Server) Serve(ctx context.Context, l net.Listener, config *tls.Config) error {
	return s.serve(ctx, l, s.handler, config)
}

// ServeMetadata is Serve with what MetadataHandler returned.
func (s *Server) ServeMetadata(ctx context.Context, l net.Listener, handler http.Handler) error {
	return s.serve(ctx, l, handler, nil)
}

func (s *Server) serve(ctx context.Context, l net.Listener, handler http.Handler, config *tls.Config) error {
	bounded := boundConnections(l, cmp.Or(s.config.MaxConnections, DefaultConnections))
	h := &http.Server{
		Handler:           boundBodies(handler),
		ConnState:         bounded.note,
		TLSConfig:         config,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       bodyTimeout,
		WriteTimeout:      bodyTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	drained := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		timeout, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
		defer cancel()
		drained <- h.Shutdown(timeout)
	})
	var err error
	if config != nil {
		err = h.ServeTLS(bounded, "", "")
	} else {
		err = h.Serve(bounded)
	}
	if !stop() && errors.Is(err, http.ErrServerClosed) {
		return <-drained
	}
	return err
}

// TestIssuers returns the issuers for which tokens are minted here, none if that is turned off.
func (s *Server) TestIssuers() []issuer.Issuer {
	if s.issuers == nil {
		return nil
	}
	return s.issuers.Issuers()
}

// Close closes the store, and removes the data directory if it was a temporary one.
func (s *Server) Close() error {
	var errs []error
	if s.store != nil {
		errs = append(errs, s.lastUse.Close(), s.store.Close())
	}
	if s.config.DataDir == "" && s.dataDir != "" {
		errs = append(errs, os.RemoveAll(s.dataDir))
	}
	return errors.Join(errs...)
}
