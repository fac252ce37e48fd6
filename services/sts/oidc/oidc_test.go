package oidc_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"emulator/services/sts/oidc"
	"emulator/services/sts/oidc/oidctest"
)

func claims(changes map[string]any) map[string]any {
	all := map[string]any{"sub": "somebody", "aud": "client", "exp": time.Now().Add(time.Hour).Unix()}
	maps.Copy(all, changes)
	maps.DeleteFunc(all, func(_ string, value any) bool { return value == nil })
	return all
}

func verify(t *testing.T, v *oidc.Verifier, raw string, thumbprints ...string) error {
	t.Helper()
	token, err := oidc.Parse(raw)
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return v.Verify(t.Context(), token, thumbprints)
}

func TestAlgorithms(t *testing.T) {
	v := oidc.NewVerifier(oidc.Config{})
	i := oidctest.Start(t)
	algorithms := []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
	for _, a := range algorithms {
		i.AddKey("key "+a, a)
	}
	for _, a := range algorithms {
		t.Run(a, func(t *testing.T) {
			if err := verify(t, v, i.Token("key "+a, a, claims(nil))); err != nil {
				t.Error(err)
			}
			other := oidctest.Sign(t, oidctest.NewKey(t, a), a, map[string]any{"kid": "key " + a}, claims(map[string]any{"iss": i.URL}))
			if err := verify(t, v, other); !errors.Is(err, oidc.ErrSignature) {
				t.Errorf("another key: %v", err)
			}
		})
	}
}

func TestTokenWithoutKeyID(t *testing.T) {
	v := oidc.NewVerifier(oidc.Config{})
	i := oidctest.Start(t)
	i.AddKey("rsa", "RS256")
	k := i.AddKey("ec", "ES256")
	i.AddKey("ec2", "ES256")
	token := oidctest.Sign(t, k, "ES256", map[string]any{"kid": nil}, claims(map[string]any{"iss": i.URL}))
	if err := verify(t, v, token); err != nil {
		t.Error(err)
	}
}

// TestAlgorithmIsTheKeys: a token can't choose how its key is used.
func TestAlgorithmIsTheKeys(t *testing.T) {
	i := oidctest.Start(t)
	k := i.AddKey("k", "RS256")
	header := map[string]any{"kid": "k"}
	body := claims(map[string]any{"iss": i.URL})
	der, err := x509.MarshalPKIXPublicKey(k.Public())
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	for name, token := range map[string]string{
		"none":                     oidctest.Sign(t, jwt.UnsafeAllowNoneSignatureType, "none", header, body),
		"HMAC with the public key": oidctest.Sign(t, public, "HS256", header, body),
	} {
		if _, err := oidc.Parse(token); !errors.Is(err, oidc.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	v := oidc.NewVerifier(oidc.Config{})
	token := oidctest.Sign(t, oidctest.NewKey(t, "ES256"), "ES256", header, body)
	if err := verify(t, v, token); !errors.Is(err, oidc.ErrNoKey) {
		t.Errorf("ES256 under the ID of an RSA key: %v", err)
	}
	// A key that says what it is for is for that only.
	i.Replace(oidctest.KeysPath, func(w http.ResponseWriter, _ *http.Request) {
		jwk := oidctest.JWK("k", k.Public())
		fmt.Fprintf(w, `{"keys":[{"kty":"RSA","kid":"k","alg":"RS512","n":%q,"e":%q}]}`, jwk["n"], jwk["e"])
	})
	if err := verify(t, oidc.NewVerifier(oidc.Config{}), i.Token("k", "RS256", claims(nil))); !errors.Is(err, oidc.ErrNoKey) {
		t.Errorf("RS256 with a key for RS512: %v", err)
	}
	i.Replace(oidctest.KeysPath, func(w http.ResponseWriter, _ *http.Request) {
		jwk := oidctest.JWK("k", k.Public())
		fmt.Fprintf(w, `{"keys":[{"kty":"RSA","kid":"k","use":"enc","n":%q,"e":%q}]}`, jwk["n"], jwk["e"])
	})
	if err := verify(t, oidc.NewVerifier(oidc.Config{}), i.Token("k", "RS256", claims(nil))); !errors.Is(err, oidc.ErrNoKey) {
		t.Errorf("a key for encryption: %v", err)
	}
}

func TestParse(t *testing.T) {
	k := oidctest.NewKey(t, "ES256")
	sign := func(header, changes map[string]any) string {
		return oidctest.Sign(t, k, "ES256", header, claims(changes))
	}
	iss := map[string]any{"iss": "https://issuer.example"}
	with := func(name string, value any) map[string]any {
		all := maps.Clone(iss)
		all[name] = value
		return all
	}
	good := sign(nil, iss)
	if _, err := oidc.Parse(good); err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string]string{
		"no JWT":              "Atza|IQEBLjAsAhRFiXuWpUXuRvQ9PZL3GM",
		"two parts":           good[:strings.LastIndexByte(good, '.')],
		"four parts":          good + ".x",
		"no base64":           "!" + good,
		"padding":             good + "=",
		"critical extension":  sign(map[string]any{"crit": []string{"exp"}}, iss),
		"key ID is a number":  sign(map[string]any{"kid": 7}, iss),
		"unknown algorithm":   sign(map[string]any{"alg": "XS256"}, iss),
		"algorithm is a list": sign(map[string]any{"alg": []string{"ES256"}}, iss),
		"subject is a number": sign(nil, with("sub", 7)),
		"expiry is a string":  sign(nil, with("exp", "tomorrow")),
		"expiry is negative":  sign(nil, with("exp", -1)),
		"expiry is too far":   sign(nil, with("exp", 1e300)),
		"audience is mixed":   sign(nil, with("aud", []any{"a", 7})),
		"audience is a map":   sign(nil, with("aud", map[string]any{})),
	} {
		if _, err := oidc.Parse(raw); !errors.Is(err, oidc.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, claim := range []string{"iss", "sub", "aud", "exp"} {
		for _, value := range []any{nil, ""} {
			_, err := oidc.Parse(sign(nil, with(claim, value)))
			if missing, ok := errors.AsType[*oidc.MissingClaimError](err); !ok || missing.Claim != claim {
				t.Errorf("%s is %v: %v", claim, value, err)
			}
		}
	}
}

func TestKeyRotation(t *testing.T) {
	v := oidc.NewVerifier(oidc.Config{})
	i := oidctest.Start(t)
	i.AddKey("old", "ES256")
	old := i.Token("old", "ES256", claims(nil))
	if err := verify(t, v, old); err != nil {
		t.Fatal(err)
	}
	i.AddKey("new", "RS256")
	if err := verify(t, v, i.Token("new", "RS256", claims(nil))); err != nil {
		t.Errorf("new key: %v", err)
	}
	if n := i.Fetches.Load(); n != 2 {
		t.Errorf("%d fetches, want 2", n)
	}
	i.AddKey("new", "RS256") // as an issuer that was started anew
	if err := verify(t, v, i.Token("new", "RS256", claims(nil))); err != nil {
		t.Errorf("another key of the same ID: %v", err)
	}
	i.DropKey("old")
	i.AddKey("newer", "ES256")
	if err := verify(t, v, i.Token("newer", "ES256", claims(nil))); err != nil {
		t.Errorf("newer key: %v", err)
	}
	if err := verify(t, v, old); !errors.Is(err, oidc.ErrNoKey) {
		t.Errorf("key that is gone: %v", err)
	}
}

func TestCache(t *testing.T) {
	now := time.Now()
	v := oidc.NewVerifier(oidc.Config{Now: func() time.Time { return now }})
	i := oidctest.Start(t)
	i.AddKey("k", "ES256")
	good := i.Token("k", "ES256", claims(nil))
	for range 20 {
		if err := verify(t, v, good); err != nil {
			t.Fatal(err)
		}
	}
	if n := i.Fetches.Load(); n != 1 {
		t.Errorf("%d fetches for good tokens, want 1", n)
	}
	// Made-up key IDs.
	bad := func(n int) string {
		return oidctest.Sign(t, oidctest.NewKey(t, "ES256"), "ES256", map[string]any{"kid": fmt.Sprint(n)}, claims(map[string]any{"iss": i.URL}))
	}
	for n := range 100 {
		if err := verify(t, v, bad(n)); !errors.Is(err, oidc.ErrNoKey) {
			t.Fatal(err)
		}
	}
	if n := i.Fetches.Load(); n != 6 {
		t.Errorf("%d fetches after 100 unknown key IDs, want 6", n)
	}
	now = now.Add(10 * time.Second)
	for n := range 10 {
		verify(t, v, bad(n))
	}
	if n := i.Fetches.Load(); n != 7 {
		t.Errorf("%d fetches after ten more seconds, want 7", n)
	}
	now = now.Add(time.Hour)
	if err := verify(t, v, good); err != nil {
		t.Fatal(err)
	}
	if n := i.Fetches.Load(); n != 8 {
		t.Errorf("%d fetches after the keys' time, want 8", n)
	}
}

// An issuer that fails is asked once in a few seconds, whoever sends how many tokens.
func TestFailuresAreRemembered(t *testing.T) {
	now := time.Now()
	v := oidc.NewVerifier(oidc.Config{Now: func() time.Time { return now }})
	i := oidctest.Start(t)
	i.AddKey("k", "ES256")
	var asked atomic.Int32
	i.Replace(oidctest.KeysPath, func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusBadGateway)
	})
	good := i.Token("k", "ES256", claims(nil))
	many := func() {
		t.Helper()
		for range 20 {
			if err := verify(t, v, good); !errors.Is(err, oidc.ErrUnreachable) {
				t.Fatal(err)
			}
		}
	}
	many()
	now = now.Add(5 * time.Second)
	many()
	if n := asked.Load(); n != 2 {
		t.Errorf("asked %d times in five seconds, want 2", n)
	}
	i.Replace(oidctest.KeysPath, nil)
	now = now.Add(5 * time.Second)
	if err := verify(t, v, good); err != nil {
		t.Fatalf("once it works: %v", err)
	}
	// The keys that are known stay good while there is no answer about another one.
	i.Replace(oidctest.KeysPath, http.NotFound)
	unknown := oidctest.Sign(t, oidctest.NewKey(t, "ES256"), "ES256", map[string]any{"kid": "unknown"}, claims(map[string]any{"iss": i.URL}))
	fetched := i.Fetches.Load()
	for range 20 {
		if err := verify(t, v, unknown); !errors.Is(err, oidc.ErrNoKey) {
			t.Fatal(err)
		}
		if err := verify(t, v, good); err != nil {
			t.Fatal(err)
		}
	}
	if n := i.Fetches.Load() - fetched; n != 1 {
		t.Errorf("asked %d times for an unknown key, want 1", n)
	}
}

func TestManyIssuers(t *testing.T) {
	v := oidc.NewVerifier(oidc.Config{})
	i := oidctest.Start(t)
	k := i.AddKey("k", "ES256")
	for n := range 300 { // more than are kept
		path := fmt.Sprintf("/%d", n)
		i.Replace(path+oidctest.DiscoveryPath, func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, i.URL+path, i.URL+oidctest.KeysPath)
		})
		token := oidctest.Sign(t, k, "ES256", map[string]any{"kid": "k"}, claims(map[string]any{"iss": i.URL + path}))
		if err := verify(t, v, token); err != nil {
			t.Fatal(err)
		}
	}
}

func TestConcurrentFetchesAreOne(t *testing.T) {
	v := oidc.NewVerifier(oidc.Config{})
	i := oidctest.Start(t)
	i.AddKey("k", "ES256")
	const callers = 50
	arrived := make(chan struct{}, 1)
	release := make(chan struct{})
	i.Replace(oidctest.DiscoveryPath, func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-release
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, i.URL, i.URL+oidctest.KeysPath)
	})
	token := i.Token("k", "ES256", claims(nil))
	var wg sync.WaitGroup
	// The first goes away while it waits; the others get their answer all the same.
	impatient, leave := context.WithCancel(t.Context())
	wg.Go(func() {
		parsed, err := oidc.Parse(token)
		if err != nil {
			t.Error(err)
			return
		}
		if err := v.Verify(impatient, parsed, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("who goes away: %v", err)
		}
	})
	<-arrived
	leave()
	for range callers {
		wg.Go(func() {
			parsed, err := oidc.Parse(token)
			if err == nil {
				err = v.Verify(t.Context(), parsed, nil)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	close(release)
	wg.Wait()
	if n := i.Fetches.Load(); n != 1 {
		t.Errorf("%d fetches, want 1", n)
	}
}
