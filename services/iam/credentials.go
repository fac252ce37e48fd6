package iam

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/quota"
	"emulator/store"
)

// credential is the record of what a user has besides access keys, a password and MFA devices: an SSH public key, a signing
// certificate or a service-specific credential.
type credential struct {
	ID       string    `json:"id"`
	Inactive bool      `json:"inactive,omitempty"`
	Created  time.Time `json:"created"`
	// Body is an SSH public key as a line of an authorized_keys file, or a certificate in PEM.
	Body string `json:"body,omitempty"`
	// Unique is what no other credential of the kind in the account has, or "": the hash of a certificate, the name for a service.
	Unique string `json:"unique,omitempty"`
	// Of a service-specific credential.
	Service string    `json:"service,omitempty"`
	Name    string    `json:"name,omitempty"` // at the service
	Expires time.Time `json:"expires,omitzero"`
	Hash    []byte    `json:"hash,omitempty"` // of the secret, which is as long as a hash
}

// status is what AWS shows of it at a time.
func (c *credential) status(now time.Time) types.StatusType {
	switch {
	case !c.Expires.IsZero() && !now.Before(c.Expires):
		return types.StatusTypeExpired
	case c.Inactive:
		return types.StatusTypeInactive
	}
	return types.StatusTypeActive
}

// credentialKind is what sets the kinds of credentials apart where they are alike.
type credentialKind struct {
	name    string // in keys of records
	missing string // the message about an ID that is not one of the owner's
	quota   quota.Quota
}

var (
	sshKeyKind      = &credentialKind{"ssh-public-key", "The SSH Public Key with id %s cannot be found.", sshKeysPerUser}
	signingKind     = &credentialKind{"signing-certificate", "The Certificate with id %s cannot be found.", signingCertificatesPerUser}
	serviceKind     = &credentialKind{"service-credential", "No such credential %s exists", serviceCredentialsPerUser}
	credentialKinds = []*credentialKind{sshKeyKind, signingKind, serviceKind}
)

// prefix is what the keys of an owner's credentials begin with, or with "" of all in the account.
func (k *credentialKind) prefix(account, owner string) []byte {
	if owner == "" {
		return store.Key("iam", account, k.name)
	}
	return store.Key("iam", account, k.name, owner)
}

func (k *credentialKind) key(account, owner, id string) []byte {
	return store.Key("iam", account, k.name, owner, id)
}

// uniqueKey is the key of an entry of the index by credential.Unique. Its value is the credential's ID.
func (k *credentialKind) uniqueKey(account, unique string) []byte {
	return store.Key("iam", account, k.name+"-unique", unique)
}

// of returns the owner's credentials in the order of their making. They are few.
func (k *credentialKind) of(r store.Reader, account, owner string) ([]credential, error) {
	var all []credential
	for key := range r.Scan(k.prefix(account, owner), nil) {
		c, _, err := store.Load[credential](r, key)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	slices.SortStableFunc(all, func(a, b credential) int { return a.Created.Compare(b.Created) })
	return all, nil
}

// has reports whether the owner has any.
func (k *credentialKind) has(r store.Reader, account, owner string) bool {
	return holds(r, k.prefix(account, owner))
}

func (k *credentialKind) save(tx store.Tx, account, owner string, c *credential) error {
	if c.Unique != "" {
		if err := tx.Put(k.uniqueKey(account, c.Unique), []byte(c.ID)); err != nil {
			return err
		}
	}
	return store.Save(tx, k.key(account, owner, c.ID), c)
}

func (k *credentialKind) delete(tx store.Tx, account, owner string, c *credential) error {
	if c.Unique != "" {
		if err := tx.Delete(k.uniqueKey(account, c.Unique)); err != nil {
			return err
		}
	}
	return tx.Delete(k.key(account, owner, c.ID))
}

// load returns the owner's credential of that ID.
func (k *credentialKind) load(r store.Reader, account, owner, id string) (*credential, error) {
	c, ok, err := store.Load[credential](r, k.key(account, owner, id))
	if err == nil && !ok {
		err = api.Errorf("NoSuchEntity", k.missing, id)
	}
	return &c, err
}

// chosen says which credential an operation is about.
type chosen struct {
	kind  *credentialKind
	owner *string // nil: the caller
	id    string
}

// findCredential returns a credential and its owner, once the caller may do the action.
func (s *Service) findCredential(r store.Reader, c api.Caller, q chosen, action string) (owner, *credential, error) {
	request := authz.Request{Action: action}
	if q.kind == serviceKind {
		var err error
		if request.Context, err = serviceContext(r, c, q); err != nil {
			return owner{}, nil, err
		}
	}
	o, err := s.findOwner(r, c, q.owner, request)
	if err != nil {
		return o, nil, err
	}
	found, err := q.kind.load(r, c.Account, o.id, q.id)
	return o, found, err
}

// setStatus makes a credential active or inactive. code is that of the error if the status is another one.
func (s *Service) setStatus(ctx context.Context, c api.Caller, q chosen, action string, status types.StatusType, code string) error {
	return s.store.Update(ctx, func(tx store.Tx) error {
		o, found, err := s.findCredential(tx, c, q, action)
		if err != nil {
			return err
		}
		if found.Inactive, err = inactive(status, code); err != nil {
			return err
		}
		return store.Save(tx, q.kind.key(c.Account, o.id, found.ID), found)
	})
}

// inactive reads the status that a request gives.
func inactive(status types.StatusType, code string) (bool, error) {
	if status != types.StatusTypeActive && status != types.StatusTypeInactive {
		return false, api.Errorf(code, "The status is Active or Inactive.")
	}
	return status == types.StatusTypeInactive, nil
}

func (s *Service) deleteCredential(ctx context.Context, c api.Caller, q chosen, action string) error {
	return s.store.Update(ctx, func(tx store.Tx) error {
		o, found, err := s.findCredential(tx, c, q, action)
		if err != nil {
			return err
		}
		return q.kind.delete(tx, c.Account, o.id, found)
	})
}

// listCredentials returns a page of the owner's credentials.
func (s *Service) listCredentials(ctx context.Context, c api.Caller, k *credentialKind, given *string, action string, list api.List) (o owner, page []credential, next *string, err error) {
	err = s.store.View(ctx, func(r store.Reader) error {
		if o, err = s.findOwner(r, c, given, authz.Request{Action: action}); err != nil {
			return err
		}
		all, err := k.of(r, c.Account, o.id)
		if err != nil {
			return err
		}
		page, next, err = pageOf(all, list)
		return err
	})
	return o, page, next, err
}

// noRoot refuses an operation that is about the caller, unless it is a user.
func noRoot(c api.Caller, given *string) error {
	if given == nil && c.Kind == identity.Root {
		_, err := userName(c, given)
		return err
	}
	return nil
}
