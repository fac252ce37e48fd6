package server

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"emulator/api"
	"emulator/identity"
	"emulator/imds"
)

// Metadata says which instance the instance metadata service speaks for.
type Metadata struct {
	Region string
	// Role is the ARN of the instance's role, or "".
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
	account := identity.DefaultAccount
	if m.Role != "" {
		parts := strings.SplitN(m.Role, ":", 6)
		if len(parts) != 6 || !identity.IsAccountID(parts[4]) || !strings.HasPrefix(parts[5], "role/") {
			return nil, fmt.Errorf("%q is not the ARN of a role", m.Role)
		}
		account = parts[4]
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	certificate, err := imds.NewCertificate(key, s.clock.Now())
	if err != nil {
		return nil, err
	}
	h, err := imds.New(imds.Config{
		Region: m.Region, AccountID: account, InstanceID: instanceID, RoleARN: m.Role, AllowV1: m.AllowV1,
		IdentityKey: key, IdentityCertificate: certificate, Now: s.clock.Now, Log: s.log,
		Credentials: func(ctx context.Context) (aws.Credentials, error) {
			c, err := s.sts.ServiceRole(ctx, "ec2.amazonaws.com", m.Role, instanceID)
			switch {
			case api.ErrorCode(err) == "AccessDenied":
				return aws.Credentials{}, fmt.Errorf("%w: %w", imds.ErrTrust, err)
			case err != nil:
				return aws.Credentials{}, err
			}
			return aws.Credentials{
				AccessKeyID: *c.AccessKeyId, SecretAccessKey: *c.SecretAccessKey, SessionToken: *c.SessionToken,
				CanExpire: true, Expires: *c.Expiration, AccountID: account,
			}, nil
		},
	})
	if err != nil {
		return nil, err
	}
	return s.guardBrowsers(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if forwarded(r) { // AWS's service knows a proxy by this one
			r.Header.Set("X-Forwarded-For", "")
		}
		h.ServeHTTP(w, r)
	})), nil
}
