package oidc_test

import (
	"crypto/ed25519"
	"net/http"
	"strings"
	"testing"

	"emulator/services/sts/oidc"
	"emulator/services/sts/oidc/oidctest"
)

// answers is an issuer without a network: one that gives the same key set to everybody.
type answers struct{ keys []byte }

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	body := string(a.keys)
	if strings.HasSuffix(r.URL.Path, oidctest.DiscoveryPath) {
		issuer := strings.TrimSuffix(r.URL.String(), oidctest.DiscoveryPath)
		body = `{"issuer":"` + issuer + `","jwks_uri":"` + issuer + `/keys"}`
	}
	response := &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}
	response.Body = readCloser{strings.NewReader(body)}
	return response, nil
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

// FuzzToken: whatever is sent as a token is refused or is a token that the key signed.
func FuzzToken(f *testing.F) {
	k := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)) // the same in each worker
	set := `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":"` + oidctest.JWK("k", k.Public())["x"] + `"}]}`
	v := oidc.NewVerifier(oidc.Config{Client: &http.Client{Transport: answers{[]byte(set)}}})
	body := map[string]any{"iss": "https://issuer.example", "sub": "s", "aud": []string{"a", "b"}, "exp": 4e9, "nbf": 1.5, "azp": "a"}
	good := oidctest.Sign(f, k, "EdDSA", map[string]any{"kid": "k"}, body)
	signed := good[:strings.LastIndexByte(good, '.')]
	if token, err := oidc.Parse(good); err != nil || v.Verify(f.Context(), token, nil) != nil {
		f.Fatal("the seed is not verified")
	}
	f.Add(good)
	f.Add(oidctest.Sign(f, oidctest.NewKey(f, "RS256"), "RS256", nil, body))
	f.Add(oidctest.Sign(f, []byte("secret"), "HS256", nil, body))
	f.Add("a.b.c")
	f.Add("..")
	f.Fuzz(func(t *testing.T, raw string) {
		token, err := oidc.Parse(raw)
		if err != nil {
			if token != nil {
				t.Error("a token with an error")
			}
			return
		}
		if len(token.Audience) == 0 || token.Issuer == "" || token.Subject == "" || token.Expires.IsZero() {
			t.Errorf("incomplete token %+v", token)
		}
		if v.Verify(t.Context(), token, nil) == nil && !strings.HasPrefix(raw, signed+".") {
			t.Errorf("%q is verified", raw)
		}
	})
}

// FuzzKeys: no key set makes the verifier fail otherwise than with an error.
func FuzzKeys(f *testing.F) {
	k := oidctest.NewKey(f, "ES256")
	for _, algorithm := range []string{"RS256", "ES256", "ES512", "EdDSA"} {
		var set strings.Builder
		set.WriteString(`{"keys":[{"kid":"k"`)
		for name, value := range oidctest.JWK("k", oidctest.NewKey(f, algorithm).Public()) {
			if name != "kid" {
				set.WriteString(`,"` + name + `":"` + value + `"`)
			}
		}
		set.WriteString(`}]}`)
		f.Add([]byte(set.String()))
	}
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"","y":""},{"kty":"RSA","n":"AA","e":"AQAB"}]}`))
	f.Add([]byte(`{"keys":null}`))
	raw := make(map[string]string)
	for algorithm, key := range map[string]any{"ES256": k, "ES512": oidctest.NewKey(f, "ES512"), "RS256": oidctest.NewKey(f, "RS256"), "EdDSA": oidctest.NewKey(f, "EdDSA")} {
		raw[algorithm] = oidctest.Sign(f, key, algorithm, nil, map[string]any{"iss": "https://issuer.example", "sub": "s", "aud": "a", "exp": 4e9})
	}
	f.Fuzz(func(t *testing.T, set []byte) {
		v := oidc.NewVerifier(oidc.Config{Client: &http.Client{Transport: answers{set}}})
		for algorithm, raw := range raw {
			token, err := oidc.Parse(raw)
			if err != nil {
				t.Fatal(err)
			}
			if err := v.Verify(t.Context(), token, nil); err == nil {
				t.Errorf("%s: verified with %q", algorithm, set)
			} else if strings.Contains(err.Error(), "panic") {
				t.Error(err)
			}
		}
	})
}
