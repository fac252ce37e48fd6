// Package kms is the AWS Key Management Service: keys, aliases, key policies, and
// cryptography with the keys.
//
// https://docs.aws.amazon.com/kms/latest/APIReference/
package kms

import (
	"context"
	"crypto/x509"
	"slices"
	"time"

	"emulator/api"
	"emulator/audit"
	"emulator/authz"
	"emulator/clock"
	"emulator/identity"
	"emulator/quota"
	"emulator/services/kms/keystore"
	"emulator/store"
)

// Config is what the service needs.
type Config struct {
	Store   store.Store
	Authz   *authz.Authorizer
	Clock   *clock.Clock
	Keyring *identity.Keyring
	LastUse *audit.LastUse
	Quotas  *quota.Quotas
	// LinkRole makes the role that is linked to a service, unless it is there.
	LinkRole func(tx store.Tx, partition, account, principal string, now time.Time) error
	// AttestationRoots are those that the attestation documents of recipients have to lead to.
	AttestationRoots func(context.Context) ([]*x509.Certificate, error)
}

// Service is the service.
type Service struct {
	store    store.Store
	authz    *authz.Authorizer
	clock    *clock.Clock
	keyring  *identity.Keyring
	lastUse  *audit.LastUse
	quotas   *quota.Quotas
	linkRole func(tx store.Tx, partition, account, principal string, now time.Time) error
	material *keystore.Default
	records  store.Cache[*Key]
	// grantRecords are apart: they are many.
	grantRecords store.Cache[*Grant]
	contexts     contexts
	// attestationRoots as Config has it.
	attestationRoots func(context.Context) ([]*x509.Certificate, error)
}

// New returns the service.
func New(c Config) *Service {
	s := &Service{
		authz: c.Authz, clock: c.Clock, keyring: c.Keyring, lastUse: c.LastUse, quotas: c.Quotas, linkRole: c.LinkRole, material: keystore.New(c.Store, c.Keyring),
		attestationRoots: c.AttestationRoots,
	}
	s.store = rotating{c.Store, s}
	return s
}

// Operations returns what is covered of the API.
func (s *Service) Operations() []api.Operation {
	return s.throttle(slices.Concat(
		s.keyOperations(),
		s.aliasOperations(),
		s.encryptionOperations(),
		s.dataKeyOperations(),
		s.signingOperations(),
		s.macOperations(),
		s.agreementOperations(),
		s.policyOperations(),
		s.tagOperations(),
		s.customKeyStoreOperations(),
		s.rotationOperations(),
		s.importOperations(),
		s.multiRegionOperations(),
		s.grantOperations(),
	))
}

// now is the emulated time, in milliseconds as KMS shows it.
func (s *Service) now() time.Time { return s.clock.Now().Truncate(time.Millisecond) }
