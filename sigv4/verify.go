package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"emulator/api"
)

// Skew is how far the time of a signature may be from ours.
const Skew = 5 * time.Minute

// Verifier verifies signatures. It is safe for concurrent use.
type Verifier struct {
	now  func() time.Time
	keys keyCache
}

// NewVerifier returns a verifier that reads the real time from now.
func NewVerifier(now func() time.Time) *Verifier {
	return &Verifier{now: now, keys: keyCache{keys: make(map[keyID]signingKey)}}
}

// buffers hold canonical request and string to sign, one after the other.
var buffers = sync.Pool{New: func() any { return new([2048]byte) }}

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
	buffer := buffers.Get().(*[2048]byte)
	defer buffers.Put(buffer)

	key, kept := v.keys.get(s, secret)
	path := sentPath(r.URL)
	text, split := s.appendTexts(buffer[:0], r, path, payloadHash)
	verified := s.signs(text[split:], key)
	if !verified {
		if normal := normalPath(path); normal != path {
			text, split = s.appendTexts(buffer[:0], r, normal, payloadHash)
			verified = s.signs(text[split:], key)
		}
	}
	if !verified {
		return mismatch("The request signature we calculated does not match the signature you provided. "+
			"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.\n\n"+
			"The Canonical String for this request should have been\n'%s'\n\nThe String-to-Sign should have been\n'%s'\n", withoutToken(text[:split]), text[split:])
	}
	if !kept {
		v.keys.keep(s, secret, key)
	}
	return nil
}

var tokenValue = regexp.MustCompile(`(?m)^(x-amz-security-token:).*$|((?:^|&)X-Amz-Security-Token=)[^&\n]*`)

// withoutToken takes the session token's value out of a canonical request: error texts end in logs.
func withoutToken(canonical []byte) []byte {
	return tokenValue.ReplaceAll(canonical, []byte("${1}${2}(not shown)"))
}

// checkTime compares the time of the signature with now. AWS's texts have it in minutes.
func (s *Signature) checkTime(now time.Time) error {
	earliest, latest := now.Add(-Skew).Truncate(time.Second), now.Add(Skew)
	switch {
	case s.Presigned && now.After(s.Time.Add(s.Expires)):
		return api.Errorf("RequestExpired", "Request has expired")
	case !s.Presigned && s.Time.Before(earliest):
		return mismatch("Signature expired: %s is now earlier than %s (%s - 5 min.)", s.timestamp, earliest.Format(timeFormat), now.Format(timeFormat))
	case s.Time.After(latest):
		return mismatch("Signature not yet current: %s is still later than %s (%s + 5 min.)", s.timestamp, latest.Format(timeFormat), now.Format(timeFormat))
	}
	return nil
}

// payloadHash returns the hash that the client signed. If it sent one, it must be
// that of the body: no operation here has the unsignedPayload trait, with which
// UNSIGNED-PAYLOAD stands for any.
func (s *Signature) payloadHash(body []byte) (string, error) {
	if strings.HasPrefix(s.contentHash, "STREAMING-") {
		return "", mismatch("Chunked signing (%s) is not supported by this service.", s.contentHash)
	}
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	if s.contentHash != "" && s.contentHash != hash {
		return "", mismatch("The provided 'x-amz-content-sha256' header does not match what was computed.")
	}
	return hash, nil
}

// appendTexts appends the canonical request and, from split on, the string to sign
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html#create-string-to-sign).
func (s *Signature) appendTexts(dst []byte, r *http.Request, path, payloadHash string) (text []byte, split int) {
	dst = s.appendCanonicalRequest(dst, r, path, payloadHash)
	split = len(dst)
	sum := sha256.Sum256(dst)
	for _, line := range []string{algorithm, s.timestamp, s.scope} {
		dst = append(dst, line...)
		dst = append(dst, '\n')
	}
	return hex.AppendEncode(dst, sum[:]), split
}

// signs reports whether the signature is that of text, by key.
func (s *Signature) signs(text, key []byte) bool {
	mac := hmac.New(sha256.New, key)
	mac.Write(text)
	var sum [sha256.Size]byte
	return hmac.Equal(mac.Sum(sum[:0]), s.signature[:])
}
