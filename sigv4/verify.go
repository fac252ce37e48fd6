package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
	"time"

	"emulator/api"
)

// Skew is how far the time of a signature may be from ours.
const Skew = 5 * time.Minute

const unsignedPayload = "UNSIGNED-PAYLOAD"

// Verifier verifies signatures. It keeps the signing keys that it derived, each good
// for one day, region and service. It is safe for concurrent use.
type Verifier struct {
	now  func() time.Time
	mu   sync.RWMutex
	keys map[keyID]signingKey
}

type keyID struct{ accessKeyID, date, region, service string }

type signingKey struct {
	secret string // that it was derived from: another one makes it stale
	key    []byte
}

// maxKeys bounds the memory that keys take: about 200 bytes each.
const maxKeys = 10_000

// NewVerifier returns a verifier that reads the real time from now.
func NewVerifier(now func() time.Time) *Verifier {
	return &Verifier{now: now, keys: make(map[keyID]signingKey)}
}

// Verify checks that s, which Parse found in r, is the signature of r with the given
// body, as it was sent, by the owner of secret, and of a time close to now. It fails with
// SignatureDoesNotMatch, or RequestExpired for a presigned request that is too old.
func (v *Verifier) Verify(r *http.Request, body []byte, s *Signature, secret string) error {
	if err := s.checkTime(v.now().UTC()); err != nil {
		return err
	}
	payloadHash, err := s.payloadHash(body)
	if err != nil {
		return err
	}
	var buffer [1024]byte
	canonical := s.appendCanonicalRequest(buffer[:0], r, payloadHash)
	toSign := s.stringToSign(canonical)
	mac := hmac.New(sha256.New, v.signingKey(s, secret))
	mac.Write([]byte(toSign))
	var sum [sha256.Size]byte
	if subtle.ConstantTimeCompare(mac.Sum(sum[:0]), s.signature) == 1 {
		return nil
	}
	return api.Errorf("SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. "+
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.\n\n"+
		"The Canonical String for this request should have been\n'%s'\n\nThe String-to-Sign should have been\n'%s'\n", canonical, toSign)
}

func (s *Signature) checkTime(now time.Time) error {
	stamp := now.Format(timeFormat)
	if s.Presigned {
		if now.After(s.Time.Add(s.Expires)) {
			return api.Errorf("RequestExpired", "Request has expired")
		}
	} else if earliest := now.Add(-Skew); s.Time.Before(earliest.Truncate(time.Second)) {
		return api.Errorf("SignatureDoesNotMatch", "Signature expired: %s is now earlier than %s (%s - 5 min.)", s.timestamp, earliest.Format(timeFormat), stamp)
	}
	if latest := now.Add(Skew); s.Time.After(latest) {
		return api.Errorf("SignatureDoesNotMatch", "Signature not yet current: %s is still later than %s (%s + 5 min.)", s.timestamp, latest.Format(timeFormat), stamp)
	}
	return nil
}

// payloadHash returns the hash that the client signed. If it sent one, it must be
// that of the body.
func (s *Signature) payloadHash(body []byte) (string, error) {
	switch {
	case s.contentHash == unsignedPayload:
		return unsignedPayload, nil
	case strings.HasPrefix(s.contentHash, "STREAMING-"):
		return "", api.Errorf("SignatureDoesNotMatch", "Chunked signing (%s) is not supported by this service.", s.contentHash)
	}
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	if s.contentHash != "" && s.contentHash != hash {
		return "", api.Errorf("SignatureDoesNotMatch", "The provided 'x-amz-content-sha256' header does not match what was computed.")
	}
	return hash, nil
}

func (s *Signature) stringToSign(canonical []byte) string {
	sum := sha256.Sum256(canonical)
	return algorithm + "\n" + s.timestamp + "\n" + s.scope() + "\n" + hex.EncodeToString(sum[:])
}

func (v *Verifier) signingKey(s *Signature, secret string) []byte {
	id := keyID{s.AccessKeyID, s.Date, s.Region, s.Service}
	v.mu.RLock()
	cached, ok := v.keys[id]
	v.mu.RUnlock()
	if ok && subtle.ConstantTimeCompare([]byte(cached.secret), []byte(secret)) == 1 {
		return cached.key
	}
	key := deriveKey(secret, s.Date, s.Region, s.Service)
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.keys) >= maxKeys {
		clear(v.keys) // rare, and cheaper than keeping an order of use
	}
	v.keys[id] = signingKey{secret, key}
	return key
}

func deriveKey(secret, date, region, service string) []byte {
	key := []byte("AWS4" + secret)
	for _, part := range []string{date, region, service, terminator} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return key
}
