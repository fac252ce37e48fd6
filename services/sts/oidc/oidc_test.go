package oidc_test

import (
	"context"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
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

func TestBadIssuers(t *testing.T) {
	other := oidctest.Start(t)
	for name, test := range map[string]struct {
		path    string
		handler http.HandlerFunc
		want    error
	}{
		"discovery is not there":     {oidctest.DiscoveryPath, http.NotFound, oidc.ErrNoKey},
		"discovery is not JSON":      {oidctest.DiscoveryPath, text("<html>"), oidc.ErrNoKey},
		"discovery is for another":   {oidctest.DiscoveryPath, text(`{"issuer":"https://other.example","jwks_uri":"https://other.example/keys"}`), oidc.ErrNoKey},
		"discovery names twice":      {oidctest.DiscoveryPath, text(`{"issuer":"x","issuer":"y"}`), oidc.ErrNoKey},
		"discovery redirects":        {oidctest.DiscoveryPath, http.RedirectHandler(other.URL+oidctest.DiscoveryPath, http.StatusFound).ServeHTTP, oidc.ErrNoKey},
		"discovery redirects itself": {oidctest.DiscoveryPath, http.RedirectHandler(oidctest.DiscoveryPath, http.StatusFound).ServeHTTP, oidc.ErrNoKey},
		"discovery fails":            {oidctest.DiscoveryPath, status(http.StatusBadGateway), oidc.ErrUnreachable},
		"discovery is throttled":     {oidctest.DiscoveryPath, status(http.StatusTooManyRequests), oidc.ErrUnreachable},
		"keys are not there":         {oidctest.KeysPath, http.NotFound, oidc.ErrNoKey},
		"keys are not JSON":          {oidctest.KeysPath, text("nothing"), oidc.ErrNoKey},
		"keys are none":              {oidctest.KeysPath, text(`{"keys":[]}`), oidc.ErrNoKey},
		"keys are null":              {oidctest.KeysPath, text(`null`), oidc.ErrNoKey},
		"keys are too many":          {oidctest.KeysPath, text(`{"keys":[{}` + strings.Repeat(",{}", 200) + `]}`), oidc.ErrNoKey},
		"keys are huge":              {oidctest.KeysPath, endless, oidc.ErrNoKey},
		"keys are cut off":           {oidctest.KeysPath, cutOff, oidc.ErrUnreachable},
		"keys redirect":              {oidctest.KeysPath, http.RedirectHandler(other.URL+oidctest.KeysPath, http.StatusFound).ServeHTTP, oidc.ErrNoKey},
		"header is huge":             {oidctest.KeysPath, hugeHeader, oidc.ErrUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			i := oidctest.Start(t)
			i.AddKey("k", "ES256")
			i.Replace(test.path, test.handler)
			token := i.Token("k", "ES256", claims(nil))
			if err := verify(t, oidc.NewVerifier(oidc.Config{}), token); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
	if n := other.Fetches.Load(); n != 0 {
		t.Errorf("%d redirects were followed to another host", n)
	}
	t.Run("unreachable", func(t *testing.T) {
		i := oidctest.Start(t)
		i.AddKey("k", "ES256")
		token := i.Token("k", "ES256", claims(nil))
		i.Close()
		if err := verify(t, oidc.NewVerifier(oidc.Config{}), token); !errors.Is(err, oidc.ErrUnreachable) {
			t.Error(err)
		}
	})
	t.Run("redirect on the host", func(t *testing.T) {
		i := oidctest.Start(t)
		i.AddKey("k", "ES256")
		i.Replace(oidctest.KeysPath, http.RedirectHandler("/moved", http.StatusFound).ServeHTTP)
		i.Replace("/moved", func(w http.ResponseWriter, _ *http.Request) { w.Write(i.KeySet()) })
		if err := verify(t, oidc.NewVerifier(oidc.Config{}), i.Token("k", "ES256", claims(nil))); err != nil {
			t.Error(err)
		}
	})
}

func text(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(s)) }
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func endless(w http.ResponseWriter, _ *http.Request) {
	w.Write([]byte(`{"keys":[`))
	for {
		if _, err := w.Write([]byte(strings.Repeat(" ", 1<<16))); err != nil {
			return
		}
	}
}

func cutOff(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	w.Write([]byte(`{"keys":`))
}

func hugeHeader(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("X-Huge", strings.Repeat("x", 1<<20))
}

// TestPlainHTTP: plain http is for this machine and the hosts that are named.
func TestPlainHTTP(t *testing.T) {
	k := oidctest.NewKey(t, "ES256")
	served := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == oidctest.DiscoveryPath {
			fmt.Fprintf(w, `{"issuer":"http://%s","jwks_uri":"http://%s/keys"}`, r.Host, r.Host)
			return
		}
		fmt.Fprintf(w, `{"keys":[{"kty":"EC","crv":"P-256","kid":"k","x":%q,"y":%q}]}`, oidctest.JWK("k", k.Public())["x"], oidctest.JWK("k", k.Public())["y"])
	}))
	defer served.Close()
	client := &http.Client{Transport: proxy{served.Listener.Addr().String()}}
	for host, want := range map[string]error{
		"127.0.0.1:9":      nil,
		"localhost:9":      nil,
		"idp.localhost":    nil,
		"[::1]:9":          nil,
		"idp.test":         nil, // by name
		"idp.test:9":       nil,
		"other.test:8080":  nil, // by name and port
		"other.test:8081":  oidc.ErrNoKey,
		"example.com":      oidc.ErrNoKey,
		"10.0.0.1":         oidc.ErrNoKey,
		"localhost.evil":   oidc.ErrNoKey,
		"user@127.0.0.1:9": oidc.ErrNoKey,
	} {
		v := oidc.NewVerifier(oidc.Config{Client: client, InsecureHosts: []string{"idp.test", "other.test:8080"}})
		token := oidctest.Sign(t, k, "ES256", map[string]any{"kid": "k"}, claims(map[string]any{"iss": "http://" + host}))
		if err := verify(t, v, token); !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%s: got %v, want %v", host, err, want)
		}
	}
}

// proxy sends every request to one address.
type proxy struct{ addr string }

func (p proxy) RoundTrip(r *http.Request) (*http.Response, error) {
	out := r.Clone(r.Context())
	out.URL.Host, out.Host = p.addr, r.URL.Host
	return http.DefaultTransport.RoundTrip(out)
}

// TestThumbprint: a certificate of no authority is trusted by its thumbprint, for the
// provider that has it.
func TestThumbprint(t *testing.T) {
	i := oidctest.StartTLS(t)
	i.AddKey("k", "ES256")
	sum := sha1.Sum(i.Certificate().Raw)
	thumbprint := hex.EncodeToString(sum[:])
	token := i.Token("k", "ES256", claims(nil))
	v := oidc.NewVerifier(oidc.Config{})
	if err := verify(t, v, token); !errors.Is(err, oidc.ErrCertificate) {
		t.Errorf("without a thumbprint: %v", err)
	}
	if err := verify(t, v, token, strings.ToUpper(thumbprint)); err != nil {
		t.Errorf("with its thumbprint: %v", err)
	}
	if err := verify(t, v, token, strings.Repeat("0", 40)); !errors.Is(err, oidc.ErrCertificate) {
		t.Errorf("with another thumbprint: %v", err)
	}
	if err := verify(t, oidc.NewVerifier(oidc.Config{Client: i.Client()}), token); err != nil {
		t.Errorf("with a client that trusts it: %v", err)
	}
}

// TestThumbprintIsForTheHost: a thumbprint says whose signature to trust, not that
// the certificate is for any host.
func TestThumbprintIsForTheHost(t *testing.T) {
	k := oidctest.NewKey(t, "ES256")
	for name, test := range map[string]struct {
		template x509.Certificate
		want     error
	}{
		"for the address":     {x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}, nil},
		"for another address": {x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 2)}}, oidc.ErrCertificate},
		"for a name":          {x509.Certificate{DNSNames: []string{"issuer.example"}}, oidc.ErrCertificate},
		"expired":             {x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: time.Now().Add(-time.Minute)}, oidc.ErrCertificate},
	} {
		t.Run(name, func(t *testing.T) {
			c := test.template
			c.SerialNumber, c.NotBefore = big.NewInt(1), time.Now().Add(-time.Hour)
			if c.NotAfter.IsZero() {
				c.NotAfter = time.Now().Add(time.Hour)
			}
			der, err := x509.CreateCertificate(rand.Reader, &c, &c, k.Public(), k)
			if err != nil {
				t.Fatal(err)
			}
			i := oidctest.StartWith(t, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: k})
			i.AddKey("k", "ES256")
			sum := sha1.Sum(der)
			err = verify(t, oidc.NewVerifier(oidc.Config{}), i.Token("k", "ES256", claims(nil)), hex.EncodeToString(sum[:]))
			if !errors.Is(err, test.want) || test.want == nil && err != nil {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}
