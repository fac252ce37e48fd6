package imds

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"
)

// The lifetime of a session token, in seconds ("How Instance Metadata Service Version 2
// works" in the EC2 user guide).
const (
	minTTL = 1
	maxTTL = 6 * 60 * 60
)

// A token is its end, random bytes and an authentication code, 56 characters as with AWS.
// Nothing about it is kept, so there is no table that could grow.
const (
	endBytes    = 8
	randomBytes = 10
	codeBytes   = 24
	tokenBytes  = endBytes + randomBytes + codeBytes
)

// tokens makes and checks the session tokens of one instance: "the token is an
// instance-specific key", of no use with another.
type tokens struct{ key []byte }

func newTokens() tokens {
	key := make([]byte, sha256.Size)
	rand.Read(key)
	return tokens{key}
}

func (t tokens) code(body []byte) []byte {
	h := hmac.New(sha256.New, t.key)
	h.Write(body)
	return h.Sum(nil)[:codeBytes]
}

// issue returns a token that is good until end.
func (t tokens) issue(end time.Time) string {
	token := make([]byte, endBytes+randomBytes, tokenBytes)
	binary.BigEndian.PutUint64(token, uint64(end.UnixNano()))
	rand.Read(token[endBytes:])
	return base64.URLEncoding.EncodeToString(append(token, t.code(token)...))
}

// check returns the whole seconds that a token has left, rounded up, and 0 for one that is
// over or was not issued here.
func (t tokens) check(text string, now time.Time) int {
	token, err := base64.URLEncoding.Strict().DecodeString(text)
	if err != nil || len(token) != tokenBytes {
		return 0
	}
	body, code := token[:endBytes+randomBytes], token[endBytes+randomBytes:]
	if !hmac.Equal(code, t.code(body)) {
		return 0
	}
	left := time.Unix(0, int64(binary.BigEndian.Uint64(body))).Sub(now)
	return max(0, int((left+time.Second-1)/time.Second))
}
