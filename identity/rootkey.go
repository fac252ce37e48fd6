package identity

import (
	"errors"
	"regexp"
	"strings"
)

// DefaultAccount is the account that is always there.
const DefaultAccount = "000000000000"

// RootKey is the access key of DefaultAccount's root user. Its secret is that of the keys of twelve
// digits, too.
type RootKey struct{ ID, Secret string }

// KnownRootKey is the one that everybody knows: people's settings for local endpoints have it already.
var KnownRootKey = RootKey{"test", "test"}

// Of returns the access key ID of an account's root user.
func (k RootKey) Of(account string) string {
	if account == DefaultAccount {
		return k.ID
	}
	return account
}

// RootKeyUse is what the last use of the RootKey is kept under in an account: the key has no record.
func RootKeyUse(account string) string { return "root-key-" + account }

var (
	rootKeyID  = regexp.MustCompile(`^\w{1,128}$`) // as AWS's accessKeyIdType
	rootSecret = regexp.MustCompile(`^[!-~]{1,128}$`)
)

// ParseRootKey reads NAME:SECRET. Errors don't have the secret.
func ParseRootKey(text string) (RootKey, error) {
	id, secret, ok := strings.Cut(text, ":")
	switch {
	case !ok:
		return RootKey{}, errors.New("root key: want NAME:SECRET")
	case !rootKeyID.MatchString(id):
		return RootKey{}, errors.New("root key: the name has 1 to 128 letters, digits and underscores")
	case IsAccountID(id) || strings.HasPrefix(id, PrefixAccessKey) || strings.HasPrefix(id, PrefixSessionKey):
		return RootKey{}, errors.New("root key: the name must not look like an account number or an access key that was issued (AKIA…, ASIA…)")
	case !rootSecret.MatchString(secret):
		return RootKey{}, errors.New("root key: the secret has 1 to 128 visible ASCII characters")
	}
	return RootKey{id, secret}, nil
}
