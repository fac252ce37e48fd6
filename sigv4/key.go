package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"strings"
	"sync"
)

// maxKeys bounds the memory that signing keys take: about 300 bytes each.
const maxKeys = 10_000

// keyCache keeps the signing keys of requests that were verified: each is good for one
// day, region and service.
type keyCache struct {
	mu   sync.RWMutex
	keys map[keyID]signingKey
}

type keyID struct{ accessKeyID, scope string }

type signingKey struct {
	secret string // that it was derived from: with another one it is stale
	key    []byte
}

// get returns the key for s, and whether it was kept.
func (c *keyCache) get(s *Signature, secret string) (key []byte, kept bool) {
	c.mu.RLock()
	cached, ok := c.keys[keyID{s.AccessKeyID, s.scope}]
	c.mu.RUnlock()
	if ok && subtle.ConstantTimeCompare([]byte(cached.secret), []byte(secret)) == 1 {
		return cached.key, true
	}
	return deriveKey(secret, s.Date, s.Region, s.Service), false
}

// keep is to be called once a request was verified with the key, so that nobody without
// the secret can fill the cache.
func (c *keyCache) keep(s *Signature, secret string, key []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.keys) >= maxKeys {
		clear(c.keys) // rare, and cheaper than an order of use
	}
	// Cloned, as they are parts of a request's header.
	c.keys[keyID{strings.Clone(s.AccessKeyID), strings.Clone(s.scope)}] = signingKey{secret, key}
}

// deriveKey derives the signing key
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html#derive-signing-key).
func deriveKey(secret, date, region, service string) []byte {
	key := []byte("AWS4" + secret)
	for _, part := range []string{date, region, service, terminator} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return key
}
