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
	"emulator/quota"
	"emulator/store"
)

// Config is what the service needs.
type Config struct {
	Store store.Store
	Authz *authz.Authorizer
	Clock *clock.Clock
	// Quotas in force.
	Quotas *quota.Quotas
	// CreateRole saves a new role of IAM's.
	CreateRole func(store.Tx, *identity.Role) error
	// LinkRole makes the role that is linked to a service, unless it is there.
	LinkRole func(tx store.Tx, partition, account, principal string, now time.Time) error
}

// Service is the service.
type Service struct {
	store      store.Store
	authz      *authz.Authorizer
	clock      *clock.Clock
	quotas     *quota.Quotas
	createRole func(store.Tx, *identity.Role) error
	linkRole   func(tx store.Tx, partition, account, principal string, now time.Time) error
	effectives effectives
}

// New returns the service.
func New(c Config) *Service {
	return &Service{store: c.Store, authz: c.Authz, clock: c.Clock, quotas: c.Quotas, createRole: c.CreateRole, linkRole: c.LinkRole}
}

// Operations returns what is covered of the API.
func (s *Service) Operations() []api.Operation {
	return slices.Concat(
		s.organizationOperations(), s.organizationalUnitOperations(), s.accountOperations(), s.policyOperations(), s.policyTypeOperations(),
		s.attachmentOperations(), s.effectivePolicyOperations(), s.tagOperations(), s.trustedAccessOperations(),
		s.handshakeOperations(), s.delegationOperations(), s.resourcePolicyOperations(), s.transferOperations(),
	)
}

// now is the emulated time, in milliseconds as Organizations shows it.
func (s *Service) now() time.Time { return s.clock.Now().Truncate(time.Millisecond) }

const (
	digits  = "0123456789"
	letters = "abcdefghijklmnopqrstuvwxyz" + digits
)

// principal is the service's own name, by which it makes its role.
const principal = "organizations.amazonaws.com"

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
