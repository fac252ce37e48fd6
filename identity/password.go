package identity

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"

	"emulator/store"
)

// LoginProfile is the record of the password of a user. The root user's, which is made in a session of AssumeRoot, has none yet.
type LoginProfile struct {
	Created       time.Time `json:"created"`
	Changed       time.Time `json:"changed"` // when the password became what it is
	ResetRequired bool      `json:"resetRequired,omitempty"`
	// MaxSigninSessionDuration in seconds; 0 if it is not set.
	MaxSigninSessionDuration int32 `json:"maxSigninSessionDuration,omitempty"`
	// Salt is that of all of the profile's hashes: one computation compares a password with all that were before.
	Salt []byte `json:"salt,omitempty"`
	Hash []byte `json:"hash,omitempty"`
	// Earlier are the hashes of the passwords before, the latest first.
	Earlier [][]byte `json:"earlier,omitempty"`
}

// mostRemembered is the greatest PasswordReusePrevention.
const mostRemembered = 24

// LoginProfileKey is the key of the LoginProfile of a user, by its unique ID, or of the root user, by the account's number.
func LoginProfileKey(account, id string) []byte {
	return store.Key("iam", account, "login-profile", id)
}

// NewSalt returns a salt for the hashes of a new profile.
func NewSalt() []byte {
	salt := make([]byte, 16)
	rand.Read(salt)
	return salt
}

// SetPassword gives the profile a password by its hash.
func (p *LoginProfile) SetPassword(hash []byte, now time.Time) {
	if p.Hash != nil {
		p.Earlier = slices.Insert(p.Earlier, 0, p.Hash)
		p.Earlier = p.Earlier[:min(len(p.Earlier), mostRemembered-1)]
	}
	p.Hash, p.Changed = hash, now
}

// Matches reports whether the password has this hash.
func (p *LoginProfile) Matches(hash []byte) bool { return p.Hash != nil && hmac.Equal(p.Hash, hash) }

// Remembers reports whether the hash is that of one of the last n passwords.
func (p *LoginProfile) Remembers(hash []byte, n int) bool {
	if n == 0 {
		return false
	}
	return p.Matches(hash) || slices.ContainsFunc(p.Earlier[:min(len(p.Earlier), n-1)], func(e []byte) bool { return bytes.Equal(e, hash) })
}

// HashPassword takes some 30 ms of time and 19 MB of memory, as OWASP advises, of which not more are taken at once than
// there are processors. What is hashed depends on the master key: who has but the database can't try out passwords.
//
// https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#argon2id
func (k *Keyring) HashPassword(password string, salt []byte) []byte {
	k.hashing <- struct{}{}
	defer func() { <-k.hashing }()
	mac := hmac.New(sha256.New, k.passwords)
	mac.Write([]byte(password))
	return argon2.IDKey(mac.Sum(nil), salt, 2, 19<<10, 1, 32)
}

// PasswordPolicy is the record of an account's password policy. What is not set is zero.
type PasswordPolicy struct {
	MinimumLength   int32 `json:"minimumLength"`
	Lowercase       bool  `json:"lowercase,omitempty"`
	Uppercase       bool  `json:"uppercase,omitempty"`
	Numbers         bool  `json:"numbers,omitempty"`
	Symbols         bool  `json:"symbols,omitempty"`
	UsersMayChange  bool  `json:"usersMayChange,omitempty"`
	HardExpiry      *bool `json:"hardExpiry,omitempty"`
	MaxAge          int32 `json:"maxAge,omitempty"` // days
	ReusePrevention int32 `json:"reusePrevention,omitempty"`

	// atLeast is how many of the four kinds of characters a password must have, if the account has chosen none.
	atLeast int
}

// PasswordPolicyKey is the key of an account's PasswordPolicy.
func PasswordPolicyKey(account string) []byte { return store.Key("iam", account, "password-policy") }

// LoadPasswordPolicy returns the account's password policy, or AWS's default one.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_passwords_account-policy.html#default-policy-details
func LoadPasswordPolicy(r store.Reader, account string) (PasswordPolicy, error) {
	p, ok, err := store.Load[PasswordPolicy](r, PasswordPolicyKey(account))
	if !ok {
		p = PasswordPolicy{MinimumLength: 8, Lowercase: true, Uppercase: true, Numbers: true, Symbols: true, atLeast: 3}
	}
	return p, err
}

// Violation returns AWS's sentence about what a password lacks, or "".
func (p *PasswordPolicy) Violation(password string) string {
	var lacks []string
	for _, kind := range []struct {
		required          bool
		characters, title string
	}{
		{p.Uppercase, "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "uppercase letter"},
		{p.Lowercase, "abcdefghijklmnopqrstuvwxyz", "lowercase letter"},
		{p.Numbers, "0123456789", "number"},
		{p.Symbols, "!@#$%^&*()_+-=[]{}|'", "symbol"},
	} {
		if kind.required && !strings.ContainsAny(password, kind.characters) {
			lacks = append(lacks, "Password should have at least one "+kind.title)
		}
	}
	if missing := p.atLeast - (4 - len(lacks)); p.atLeast > 0 {
		if missing > 0 {
			lacks = []string{fmt.Sprintf("Password should meet %d more of the following requirements: %s", missing, strings.Join(lacks, ", "))}
		} else {
			lacks = nil
		}
	}
	if len([]rune(password)) < int(p.MinimumLength) {
		lacks = slices.Insert(lacks, 0, fmt.Sprintf("Password should have a minimum length of %d", p.MinimumLength))
	}
	return strings.Join(lacks, ", ")
}

// Expired reports whether a password has to be changed before it opens anything.
func (p *PasswordPolicy) Expired(l *LoginProfile, now time.Time) bool {
	return p.MaxAge > 0 && !now.Before(l.Changed.AddDate(0, 0, int(p.MaxAge)))
}
