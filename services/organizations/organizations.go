// Package organizations is AWS Organizations: accounts that belong together.
//
// https://docs.aws.amazon.com/organizations/latest/APIReference/
package organizations

import (
	"crypto/rand"
	"math/big"
	"slices"
	"time"

	"emulator/api"
	"emulator/authz"
	"emulator/clock"
	"emulator/identity"
	"emulator/store"
)

// Config is what the service needs.
type Config struct {
	Store store.Store
	Authz *authz.Authorizer
	Clock *clock.Clock
	// CreateRole saves a new role of IAM's.
	CreateRole func(store.Tx, *identity.Role) error
}

// Service is the service.
type Service struct {
	store      store.Store
	authz      *authz.Authorizer
	clock      *clock.Clock
	createRole func(store.Tx, *identity.Role) error
}

// New returns the service.
func New(c Config) *Service {
	return &Service{store: c.Store, authz: c.Authz, clock: c.Clock, createRole: c.CreateRole}
}

// Operations returns what is covered of the API.
func (s *Service) Operations() []api.Operation {
	return slices.Concat(s.organizationOperations(), s.accountOperations(), s.trustedAccessOperations())
}

// now is the emulated time, in milliseconds as Organizations shows it.
func (s *Service) now() time.Time { return s.clock.Now().Truncate(time.Millisecond) }

// organization returns the caller's organization once it may do the action, which in most
// cases takes to be of the management account.
func (s *Service) organization(r store.Reader, c api.Caller, request authz.Request, management bool) (*identity.Organization, error) {
	o, err := identity.LoadOrganization(r, c.Account)
	if err != nil {
		return nil, err
	}
	if request.Resource == "" {
		request.Resource = "*"
	}
	if err := s.authz.Authorize(r, c, request); err != nil {
		return nil, err
	}
	switch {
	case o == nil:
		return nil, api.Errorf("AWSOrganizationsNotInUseException", "Your account is not a member of an organization.")
	case management && o.Management != c.Account:
		return nil, api.Errorf("AccessDeniedException", "You don't have permissions to access this resource.")
	}
	return o, nil
}

const letters = "abcdefghijklmnopqrstuvwxyz0123456789"

// newID returns random letters and digits behind a prefix.
func newID(prefix string, alphabet string, length int) (string, error) {
	id := []byte(prefix)
	for range length {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(alphabet))))
		if err != nil {
			return "", err
		}
		id = append(id, alphabet[n.Int64()])
	}
	return string(id), nil
}
