package server

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"

	"emulator/api"
	"emulator/identity"
	"emulator/imds"
	"emulator/store"
)

// Metadata says which instance the instance metadata service speaks for.
type Metadata struct {
	Region string
	// Role is the ARN of the instance's role or instance profile, or "".
	Role string
	// AllowV1 answers requests without a token, too.
	AllowV1 bool
}

// instanceID is that of AWS's examples. It also names the sessions of the instance's role.
const instanceID = "i-1234567890abcdef0"

// MetadataHandler returns the instance metadata service of an instance whose role's credentials
// are good here. Whether the role exists and trusts EC2 is told when they are asked for.
func (s *Server) MetadataHandler(m Metadata) (http.Handler, error) {
	if err := s.regions.Check(m.Region); err != nil {
		return nil, err
	}
	i := &instance{server: s, region: m.Region, account: identity.DefaultAccount, allowV1: m.AllowV1}
	if m.Role != "" {
		parts := strings.SplitN(m.Role, ":", 6)
		if len(parts) != 6 || !identity.IsAccountID(parts[4]) {
			return nil, fmt.Errorf("%q is not the ARN of a role or instance profile", m.Role)
		}
		i.account = parts[4]
		kind, name, _ := strings.Cut(parts[5], "/")
		switch kind {
		case "role":
			i.role = m.Role
		case "instance-profile":
			i.profileARN, i.profile = m.Role, name[strings.LastIndexByte(name, '/')+1:]
		default:
			return nil, fmt.Errorf("%q is not the ARN of a role or instance profile", m.Role)
		}
	}
	var err error
	if i.key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		return nil, err
	}
	if i.certificate, err = imds.NewCertificate(i.key, s.clock.Now()); err != nil {
		return nil, err
	}
	if _, err := i.handler(context.Background()); err != nil {
		return nil, err
	}
	return s.guardBrowsers(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if forwarded(r) { // AWS's service knows a proxy by this one
			r.Header.Set("X-Forwarded-For", "")
		}
		h, err := i.handler(r.Context())
		if err != nil {
			s.log.Error("instance metadata", "error", err)
			http.Error(w, http.StatusText(http.StatusServiceUnavailable), http.StatusServiceUnavailable)
			return
		}
		h.ServeHTTP(w, r)
	})), nil
}

// instance is the instance that the metadata service speaks for.
type instance struct {
	server                *Server
	region, account, role string
	profileARN, profile   string // "" if it is given a role
	allowV1               bool
	key                   *rsa.PrivateKey
	certificate           *x509.Certificate

	mu      sync.Mutex
	current *imds.Handler
	// held is the role, and profileID the profile, that current is of.
	held, profileID string
}

// handler returns the service of the instance as its profile is now: whoever makes the profile, or puts another role into
// it, need not restart the emulator. Tokens of the time before are not good then.
func (i *instance) handler(ctx context.Context) (*imds.Handler, error) {
	role, profileID := i.role, ""
	if i.profile != "" {
		err := i.server.store.View(ctx, func(r store.Reader) error {
			p, ok, err := identity.LoadInstanceProfile(r, i.account, i.profile)
			if err != nil || !ok || p.ARN() != i.profileARN || p.Role == "" {
				return err
			}
			held, _, err := identity.LoadRole(r, i.account, p.Role)
			role, profileID = held.ARN(), p.ID
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.current != nil && i.held == role && i.profileID == profileID {
		return i.current, nil
	}
	h, err := i.describe(role, profileID)
	if err == nil {
		i.current, i.held, i.profileID = h, role, profileID
	}
	return h, err
}

// describe returns the service of the instance with a role, or "".
func (i *instance) describe(role, profileID string) (*imds.Handler, error) {
	s := i.server
	return imds.New(imds.Config{
		Region: i.region, AccountID: i.account, InstanceID: instanceID, RoleARN: role, InstanceProfileARN: i.profileARN, InstanceProfileID: profileID,
		AllowV1: i.allowV1, IdentityKey: i.key, IdentityCertificate: i.certificate, Now: s.clock.Now, Log: s.log,
		Credentials: func(ctx context.Context) (aws.Credentials, error) {
			c, err := s.sts.ServiceRole(ctx, "ec2.amazonaws.com", role, instanceID)
			switch {
			case api.ErrorCode(err) == "AccessDenied":
				return aws.Credentials{}, fmt.Errorf("%w: %w", imds.ErrTrust, err)
			case err != nil:
				return aws.Credentials{}, err
			}
			return aws.Credentials{
				AccessKeyID: *c.AccessKeyId, SecretAccessKey: *c.SecretAccessKey, SessionToken: *c.SessionToken,
				CanExpire: true, Expires: *c.Expiration, AccountID: i.account,
			}, nil
		},
	})
}
