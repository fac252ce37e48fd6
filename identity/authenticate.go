package identity

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"emulator/store"
)

// Why credentials are refused. The wire has AWS's code and text for each.
var (
	// ErrUnknownKey: no such access key, or it is not active, or the principal
	// behind it is gone.
	ErrUnknownKey = errors.New("unknown access key")
	// ErrToken: the session token is not ours or belongs to another access key.
	ErrToken = errors.New("invalid session token")
	// ErrExpired: the session is over.
	ErrExpired = errors.New("expired session")
	// ErrUnusable: the account is suspended or closed.
	ErrUnusable = errors.New("unusable account")
)

// Directory finds out who is behind an access key. It is safe for concurrent use.
type Directory struct {
	Keyring *Keyring
	// RootKey is the access key of DefaultAccount's root user; zero: KnownRootKey.
	RootKey RootKey
	// NoAccountKeys turns off that an access key of twelve digits with RootKey's secret
	// is the root user of that account.
	NoAccountKeys bool

	users      store.Cache[*User]
	roles      store.Cache[*Role]
	accessKeys store.Cache[*openedKey]
}

// openedKey is an access key with its secret in clear.
type openedKey struct {
	AccessKey
	secret string
}

// Role returns the role of that name, or nil. It is shared: it must not be changed.
func (d *Directory) Role(r store.Reader, account, name string) (*Role, error) {
	role, err := store.LoadShared(r, RoleKey(account, name), &d.roles)
	if err != nil || role == nil || role.Name != name {
		return nil, err
	}
	return role, nil
}

func (d *Directory) user(r store.Reader, account, name string) (*User, error) {
	user, err := store.LoadShared(r, UserKey(account, name), &d.users)
	if err != nil || user == nil || user.Name != name {
		return nil, err
	}
	return user, nil
}

func (d *Directory) accessKey(r store.Reader, id string) (*openedKey, error) {
	raw := r.Get(AccessKeyKey(id))
	if raw == nil {
		return nil, nil
	}
	return d.accessKeys.Get(raw, func(raw []byte) (*openedKey, error) {
		key := new(openedKey)
		if err := json.Unmarshal(raw, &key.AccessKey); err != nil {
			return nil, fmt.Errorf("access key %s: %w", id, err)
		}
		secret, err := d.Keyring.Open(key.Secret, key.ID)
		if err != nil {
			return nil, fmt.Errorf("access key %s: %w", id, err)
		}
		key.secret = string(secret)
		return key, nil
	})
}

// Credential is an access key's secret and the principal it belongs to.
type Credential struct {
	Secret    string
	Principal Principal
	// Unfinished: nobody has completed the sign-up of the account.
	Unfinished bool
}

// Find returns the credential of an access key, and of its session token if there
// is one. It does not prove that the caller knows the secret. now is when a session
// must not be over; partition goes into ARNs. Errors are ErrUnknownKey, ErrToken,
// ErrExpired, ErrUnusable, or those of a damaged database.
func (d *Directory) Find(r store.Reader, now time.Time, partition, accessKeyID, token string) (Credential, error) {
	credential, err := d.find(r, now, partition, accessKeyID, token)
	if err != nil {
		return Credential{}, err
	}
	restriction, err := LoadRestriction(r, credential.Principal.Account)
	switch {
	case err != nil:
		return Credential{}, err
	case restriction.Unusable():
		return Credential{}, ErrUnusable
	}
	credential.Unfinished = restriction != nil
	return credential, nil
}

// find is Find, whatever the account's state.
func (d *Directory) find(r store.Reader, now time.Time, partition, accessKeyID, token string) (Credential, error) {
	if token != "" {
		return d.findSession(r, now, partition, accessKeyID, token)
	}
	rootKey := cmp.Or(d.RootKey, KnownRootKey)
	if account, ok := d.rootAccount(rootKey, accessKeyID); ok {
		return Credential{Secret: rootKey.Secret, Principal: root(partition, account, accessKeyID)}, nil
	}
	key, err := d.accessKey(r, accessKeyID)
	if err != nil {
		return Credential{}, err
	}
	if key == nil || !key.Active {
		return Credential{}, ErrUnknownKey
	}
	if key.User == "" {
		return Credential{Secret: key.secret, Principal: root(partition, key.Account, key.ID)}, nil
	}
	user, err := d.user(r, key.Account, key.User)
	if err != nil {
		return Credential{}, err
	}
	if user == nil {
		return Credential{}, ErrUnknownKey
	}
	return Credential{Secret: key.secret, Principal: Principal{
		Kind: UserKind, Account: key.Account, ARN: user.ARN(), UserID: user.ID, AccessKeyID: key.ID, User: user,
	}}, nil
}

func (d *Directory) rootAccount(rootKey RootKey, accessKeyID string) (string, bool) {
	if accessKeyID == rootKey.ID {
		return DefaultAccount, true
	}
	return accessKeyID, IsAccountID(accessKeyID) && !d.NoAccountKeys
}

func root(partition, account, accessKeyID string) Principal {
	return Principal{
		Kind: Root, Account: account, ARN: ARN(partition, "iam", account, "root"), UserID: account, AccessKeyID: accessKeyID,
	}
}

func (d *Directory) findSession(r store.Reader, now time.Time, partition, accessKeyID, token string) (Credential, error) {
	s, err := d.Keyring.OpenSession(token)
	if err != nil || s.AccessKeyID != accessKeyID {
		return Credential{}, ErrToken
	}
	if !now.Before(s.Expires) {
		return Credential{}, ErrExpired
	}
	p, err := d.sessionPrincipal(r, partition, s)
	if err != nil {
		return Credential{}, err
	}
	return Credential{Secret: d.Keyring.SessionSecret(accessKeyID), Principal: p}, nil
}

// sessionUser returns the user of a session, also if it has another name now, or nil if it was deleted.
func (d *Directory) sessionUser(r store.Reader, s *Session) (*User, error) {
	user, err := d.user(r, s.Account, s.Name)
	if err != nil || user != nil && user.ID == s.ID {
		return user, err
	}
	arn, ok, err := store.Load[string](r, UniqueIDKey(s.ID))
	if err != nil || !ok {
		return nil, err
	}
	return d.user(r, s.Account, arn[strings.LastIndexByte(arn, '/')+1:])
}

// sessionPrincipal finds the user, role or account that a session stands on. One that was
// deleted, or made anew under the same name, is ErrToken.
func (d *Directory) sessionPrincipal(r store.Reader, partition string, s *Session) (Principal, error) {
	p := Principal{Kind: s.Kind, Account: s.Account, AccessKeyID: s.AccessKeyID, Session: s}
	switch s.Kind {
	case AssumedRole:
		role, err := d.Role(r, s.Account, s.Name)
		if err != nil {
			return Principal{}, err
		}
		if role == nil || role.ID != s.ID {
			return Principal{}, ErrToken
		}
		p.Role = role
		p.ARN = ARN(role.Partition, "sts", s.Account, "assumed-role/"+role.Name+"/"+s.SessionName)
		p.UserID = role.ID + ":" + s.SessionName
		return p, nil
	case Root:
		if s.ID != AccountLife(r, s.Account) {
			return Principal{}, ErrToken
		}
		base := root(partition, s.Account, s.AccessKeyID)
		base.Session = s
		return base, nil
	case UserKind, FederatedUser:
		if s.Name != "" { // else the root user federated
			user, err := d.sessionUser(r, s)
			if err != nil {
				return Principal{}, err
			}
			if user == nil {
				return Principal{}, ErrToken
			}
			p.User, p.ARN, p.UserID = user, user.ARN(), user.ID
		} else if s.ID != AccountLife(r, s.Account) {
			return Principal{}, ErrToken
		}
		if s.Kind == FederatedUser {
			p.ARN = ARN(partition, "sts", s.Account, "federated-user/"+s.SessionName)
			p.UserID = s.Account + ":" + s.SessionName
		}
		return p, nil
	}
	return Principal{}, fmt.Errorf("session of kind %q", s.Kind)
}
