package identity

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strconv"
)

// Prefixes of unique IDs, by what they identify
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids).
const (
	PrefixAccessKey         = "AKIA"
	PrefixSessionKey        = "ASIA"
	PrefixUser              = "AIDA"
	PrefixRole              = "AROA"
	PrefixGroup             = "AGPA"
	PrefixPolicy            = "ANPA"
	PrefixInstanceProfile   = "AIPA"
	PrefixServerCertificate = "ASCA"
	PrefixSSHPublicKey      = "APKA"
	PrefixServiceCredential = "ACCA"
)

var base32NoPad = base32.StdEncoding.WithPadding(base32.NoPadding)

// NewUniqueID returns a new unique ID of 21 characters that begins with prefix.
func NewUniqueID(prefix string) string {
	var b [11]byte
	rand.Read(b[:])
	return prefix + base32NoPad.EncodeToString(b[:])[:17]
}

// NewAccessKeyID returns a new access key ID of 20 characters. It carries the
// account number as AWS's do, so that AccountOf needs no look-up: of the 80 bits
// behind the prefix the first is set, 40 are the account, 39 are random.
func NewAccessKeyID(prefix, account string) (string, error) {
	n, err := strconv.ParseUint(account, 10, 40)
	if err != nil {
		return "", fmt.Errorf("account %q: %w", account, err)
	}
	var b [10]byte
	rand.Read(b[:])
	var head [8]byte
	binary.BigEndian.PutUint64(head[:], 1<<47|n<<7|uint64(b[5]&0x7f))
	copy(b[:6], head[2:])
	return prefix + base32NoPad.EncodeToString(b[:]), nil
}

// AccountOf returns the account number in an access key ID made by NewAccessKeyID,
// or by AWS since 2019.
func AccountOf(accessKeyID string) (account string, ok bool) {
	if len(accessKeyID) != 20 {
		return "", false
	}
	b, err := base32NoPad.DecodeString(accessKeyID[4:])
	if err != nil || b[0]&0x80 == 0 {
		return "", false
	}
	var head [8]byte
	copy(head[2:], b[:6])
	n := binary.BigEndian.Uint64(head[:]) &^ (1 << 47) >> 7
	if n > 999_999_999_999 {
		return "", false
	}
	return fmt.Sprintf("%012d", n), true
}

// IsAccountID reports whether s is an account number: twelve digits.
func IsAccountID(s string) bool {
	if len(s) != 12 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
