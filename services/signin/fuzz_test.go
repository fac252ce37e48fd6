package signin

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// TestShortCoordinates: the SDK for Go leaves out zeros at the head of a coordinate. The key is the same.
func TestShortCoordinates(t *testing.T) {
	encode := base64.RawURLEncoding.EncodeToString
	for short := 0; short < 2; {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		point, err := key.PublicKey.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		x, y := point[1:33], point[33:]
		if x[0] != 0 && y[0] != 0 {
			continue
		}
		short++
		full, want, err := publicKey(map[string]any{"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y)})
		if err != nil || !full.Equal(&key.PublicKey) {
			t.Fatal(full, err)
		}
		trimmed := map[string]any{"kty": "EC", "crv": "P-256", "x": encode(trim(x)), "y": encode(trim(y))}
		if got, thumbprint, err := publicKey(trimmed); err != nil || !got.Equal(full) || thumbprint != want {
			t.Errorf("%v: %s, want %s, %v", trimmed, thumbprint, want, err)
		}
	}
}

func trim(b []byte) []byte {
	for len(b) > 0 && b[0] == 0 {
		b = b[1:]
	}
	return b
}

// TestThumbprint is the example of https://www.rfc-editor.org/rfc/rfc9449#section-6.1.
func TestThumbprint(t *testing.T) {
	_, got, err := publicKey(map[string]any{
		"kty": "EC", "crv": "P-256",
		"x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs", "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
	})
	if err != nil || got != "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" {
		t.Error(got, err)
	}
}

// TestProofsAreBounded: when the memory is full of proofs that are good, there are no more; later it is free again.
func TestProofsAreBounded(t *testing.T) {
	var p proofs
	now := time.Now()
	id := func(n int) *proof { return &proof{id: strconv.Itoa(n)} }
	for i := range maxProofs {
		if err := p.take(id(i), now); err != nil {
			t.Fatal(i, err)
		}
	}
	if err := p.take(id(maxProofs), now); !errors.Is(err, errProofsFull) {
		t.Errorf("one too many: %v", err)
	}
	later := now.Add(2 * proofSkew)
	if err := p.take(id(0), later); !errors.Is(err, errProofReplayed) {
		t.Errorf("again while it is good: %v", err)
	}
	if err := p.take(id(maxProofs), later.Add(2*time.Second)); err != nil || len(p.used) != 1 {
		t.Errorf("later: %v, %d remembered", err, len(p.used))
	}
}

func FuzzProof(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{"jti": "1", "htm": "POST", "htu": "http://localhost/v1/token", "iat": 1})
	token.Header["typ"], token.Header["jwk"] = "dpop+jwt", map[string]any{"kty": "EC", "crv": "P-256", "x": "AQ", "y": "AQ"}
	signed, err := token.SignedString(key)
	if err != nil {
		f.Fatal(err)
	}
	header, _, _ := strings.Cut(signed, ".")
	for _, seed := range []string{signed, header + ".e30.", "..", "a.b.c", "bnVsbA.bnVsbA.bnVsbA"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parseProof(text)
		if (err == nil) != (p != nil) || err == nil && (p.id == "" || len(p.thumbprint) != 43) {
			t.Errorf("%q: %v %v", text, p, err)
		}
	})
}

func FuzzSession(f *testing.F) {
	for _, seed := range []string{`{"sessionId":"a","sessionKey":"b","sessionToken":"c"}`, `{"sessionId":1}`, "null", "[]", "", `{"sessionid":"a"}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parseSession(text)
		if (err == nil) != (s != nil) || err == nil && (s.ID == "" || s.Key == "" || s.Token == "") {
			t.Errorf("%q: %v %v", text, s, err)
		}
	})
}

// FuzzRequest: a browser is sent to no other host than this one, whatever is asked.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{"http://127.0.0.1:1/oauth/callback", "http://localhost/oauth/callback", "http://[::1]:8/oauth/callback", "http://127.0.0.1@a/oauth/callback", `http://a\@127.0.0.1/oauth/callback`, "//127.0.0.1/oauth/callback"} {
		f.Add(seed, "state")
	}
	f.Fuzz(func(t *testing.T, redirect, state string) {
		q, err := parseRequest(url.Values{
			"response_type": {"code"}, "client_id": {sameDevice}, "state": {state}, "code_challenge_method": {"SHA-256"}, "scope": {"openid"},
			"redirect_uri": {redirect}, "code_challenge": {strings.Repeat("a", 43)},
		})
		if err != nil {
			return
		}
		u, err := url.Parse(q.callback("code", "x"))
		if err != nil || u.Scheme != "http" || u.User != nil || u.Path != "/oauth/callback" || !loopback(u) || u.Query().Get("state") != state || u.Query().Get("code") != "x" {
			t.Errorf("%q %q: %v %v", redirect, state, u, err)
		}
		if origin := q.origin(); strings.ContainsAny(origin, " ;,'\"\r\n") {
			t.Errorf("%q: origin %q", redirect, origin)
		}
	})
}
