package oidc_test

import (
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"emulator/services/sts/oidc"
	"emulator/services/sts/oidc/oidctest"
)

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
