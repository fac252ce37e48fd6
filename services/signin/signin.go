// Package signin is AWS Sign-In, without the console behind it: the OAuth 2.0 endpoints of `aws login`, the
// federation endpoint that makes console links of temporary credentials, and the one that takes SAML responses. What
// it gives out is sealed, and the credentials are sessions like those of STS.
//
// Whoever may open the authorize page picks who to be. Only users that have a password must give it.
//
// https://docs.aws.amazon.com/signin/latest/userguide/command-line-sign-in.html,
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_enable-console-custom-url.html
package signin

import (
	"cmp"
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/netip"
	"regexp"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/mux"

	"emulator/api"
	"emulator/authz"
	"emulator/clock"
	"emulator/identity"
	"emulator/services/sts"
	"emulator/store"
)

// Paths are what Handler answers, as package mux has them, and Pages those of them which people open in
// a browser. A GET request changes nothing at them.
var (
	Paths = []string{authorizePath, tokenPath, federationPath, samlPath, samlPath + "/acs/{provider}"}
	Pages = []string{authorizePath, federationPath}
)

const (
	authorizePath  = "/v1/authorize"
	tokenPath      = "/v1/token"
	federationPath = "/federation"
	// samlPath may have /acs/ and the ID of a provider behind it, which the response proves better.
	samlPath = "/saml"
	// confirmationPath is where AWS shows the code of a sign-in from another device. Here the
	// authorize page shows it, so that nothing answers at this path.
	confirmationPath = "/v1/sessions/confirmation"
)

// maxBody is the greatest size of a request's body: the longest session token goes in.
const maxBody = 256 << 10

// Config is what the service is made of.
type Config struct {
	Store     store.Store
	Authz     *authz.Authorizer
	Clock     *clock.Clock
	Directory *identity.Directory
	// STS verifies SAML responses, and makes the sessions.
	STS *sts.Service
	// Regions are those that a host may name.
	Regions identity.Regions
	// Log takes the service's log; nil means slog.Default.
	Log *slog.Logger
}

// Service is AWS Sign-In. It is safe for concurrent use.
type Service struct {
	store     store.Store
	authz     *authz.Authorizer
	clock     *clock.Clock
	directory *identity.Directory
	sts       *sts.Service
	regions   identity.Regions
	keyring   *identity.Keyring
	log       *slog.Logger
	proofs    proofs
	idTokens  []byte // the key that signs them
}

// New returns the service.
func New(c Config) *Service {
	// Clients read an ID token and don't verify it, having it from us over the connection on which
	// they asked for it. So its key need not outlive the process.
	key := make([]byte, 48)
	rand.Read(key)
	return &Service{
		store:     c.Store,
		authz:     c.Authz,
		clock:     c.Clock,
		directory: c.Directory,
		sts:       c.STS,
		regions:   c.Regions,
		keyring:   c.Directory.Keyring,
		log:       cmp.Or(c.Log, slog.Default()),
		idTokens:  key,
	}
}

// Handler answers at Paths. guard keeps out who may not be everybody: the authorize page
// gives out credentials of whomever one picks.
func (s *Service) Handler(guard func(http.Handler) http.Handler) http.Handler {
	sameOrigin := http.NewCrossOriginProtection()
	r := mux.NewRouter()
	r.Handle(authorizePath, guard(s.page(s.showAuthorize))).Methods(http.MethodGet)
	r.Handle(authorizePath, guard(sameOrigin.Handler(s.page(s.postAuthorize)))).Methods(http.MethodPost)
	r.HandleFunc(tokenPath, s.serveToken).Methods(http.MethodPost)
	r.Handle(federationPath, s.page(s.serveFederation)).Methods(http.MethodGet, http.MethodPost)
	for _, path := range Paths {
		if TakesSAML(path) {
			r.Handle(path, s.page(s.serveSAML)).Methods(http.MethodPost)
		}
	}
	return r
}

var signinHost = regexp.MustCompile(`^([a-z0-9-]+)\.(?:[a-z]+\.)*signin\.`)

// caller is how a request came in; nobody has signed it. The region is that in the host's name,
// as in eu-west-1.signin.aws.amazon.com, which is the only place where AWS has it.
func (s *Service) caller(r *http.Request, requestID string) api.Caller {
	region := "us-east-1"
	if m := signinHost.FindStringSubmatch(r.Host); m != nil && s.regions[m[1]] {
		region = m[1]
	}
	c := api.Caller{
		Region:    region,
		Partition: identity.Partition(region),
		RequestID: requestID,
		UserAgent: r.UserAgent(),
		Referer:   r.Referer(),
		Secure:    r.TLS != nil,
		Host:      r.Host,
		Received:  s.clock.Now(),
	}
	if ap, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		c.SourceIP = ap.Addr().Unmap()
	}
	return c
}

// start gives a request its ID. Nothing of what is answered may be kept by a cache.
func start(w http.ResponseWriter) (requestID string) {
	requestID = uuid.NewString()
	w.Header().Set("X-Amzn-Requestid", requestID)
	w.Header().Set("Cache-Control", "no-store")
	return requestID
}

// logRequest logs refusals, and at debug level everything. Parameters are not logged.
func (s *Service) logRequest(r *http.Request, requestID string, began time.Time, status int, err error) {
	level := slog.LevelDebug
	switch {
	case status >= 500:
		level = slog.LevelError
	case err != nil:
		level = slog.LevelInfo
	}
	attrs := []slog.Attr{
		slog.String("service", "signin"), slog.String("path", r.URL.Path), slog.Int("status", status),
		slog.String("request", requestID), slog.Duration("took", time.Since(began)),
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", api.LogText(err)))
	}
	s.log.LogAttrs(r.Context(), level, "call", attrs...)
}
