// Package oidctest runs an OpenID Connect issuer inside a test: it serves a discovery
// document and a key set, signs tokens, and can be made to misbehave.
package oidctest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

// Issuer is a running issuer.
type Issuer struct {
	*httptest.Server
	// Fetches counts the requests for the key set.
	Fetches atomic.Int32

	t    testing.TB
	mu   sync.Mutex
	keys map[string]crypto.Signer
	// replace are handlers that stand in for those of a path.
	replace map[string]http.HandlerFunc
}

// Paths of the issuer.
const (
	DiscoveryPath = "/.well-known/openid-configuration"
	KeysPath      = "/keys"
)

// Start starts an issuer over plain http, which the end of the test stops.
func Start(t testing.TB) *Issuer { return start(t, (*httptest.Server).Start) }

// StartTLS starts an issuer over https, with a certificate that only a thumbprint makes trusted.
func StartTLS(t testing.TB) *Issuer { return start(t, (*httptest.Server).StartTLS) }

// StartWith starts an issuer over https with a certificate of the test's.
func StartWith(t testing.TB, certificate tls.Certificate) *Issuer {
	return start(t, func(s *httptest.Server) {
		s.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
		s.StartTLS()
	})
}

func start(t testing.TB, run func(*httptest.Server)) *Issuer {
	i := &Issuer{t: t, keys: make(map[string]crypto.Signer), replace: make(map[string]http.HandlerFunc)}
	i.Server = httptest.NewUnstartedServer(i)
	i.Server.Config.ErrorLog = log.New(io.Discard, "", 0) // refused certificates are what tests are about
	run(i.Server)
	t.Cleanup(i.Close)
	return i
}

// Replace makes h answer for a path, or the issuer itself again if h is nil.
func (i *Issuer) Replace(path string, h http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.replace[path] = h
}

// ServeHTTP implements http.Handler.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	h := i.replace[r.URL.Path]
	i.mu.Unlock()
	if r.URL.Path == KeysPath {
		i.Fetches.Add(1)
	}
	switch {
	case h != nil:
		h(w, r)
	case r.URL.Path == DiscoveryPath:
		json.NewEncoder(w).Encode(map[string]any{"issuer": i.URL, "jwks_uri": i.URL + KeysPath, "id_token_signing_alg_values_supported": []string{"RS256"}})
	case r.URL.Path == KeysPath:
		w.Write(i.KeySet())
	default:
		http.NotFound(w, r)
	}
}

// KeySet returns the issuer's JSON Web Key Set.
func (i *Issuer) KeySet() []byte {
	i.mu.Lock()
	defer i.mu.Unlock()
	keys := []map[string]string{}
	for id, k := range i.keys {
		keys = append(keys, JWK(id, k.Public()))
	}
	set, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		i.t.Fatal(err)
	}
	return set
}

// JWK returns the JSON Web Key of a public key.
func JWK(id string, public crypto.PublicKey) map[string]string {
	k := map[string]string{"kid": id, "use": "sig"}
	switch p := public.(type) {
	case *rsa.PublicKey:
		k["kty"], k["n"], k["e"] = "RSA", encode(p.N.Bytes()), encode(big.NewInt(int64(p.E)).Bytes())
	case *ecdsa.PublicKey:
		point, err := p.Bytes()
		if err != nil {
			panic(err)
		}
		size := (len(point) - 1) / 2
		k["kty"], k["crv"] = "EC", p.Params().Name
		k["x"], k["y"] = encode(point[1:1+size]), encode(point[1+size:])
	case ed25519.PublicKey:
		k["kty"], k["crv"], k["x"] = "OKP", "Ed25519", encode(p)
	}
	return k
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// AddKey gives the issuer a new key for an algorithm, in place of one with the same ID.
func (i *Issuer) AddKey(id, algorithm string) crypto.Signer {
	i.t.Helper()
	k := NewKey(i.t, algorithm)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys[id] = k
	return k
}

// DropKey takes a key out of the set.
func (i *Issuer) DropKey(id string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.keys, id)
}

// NewKey returns a new key for an algorithm.
func NewKey(t testing.TB, algorithm string) crypto.Signer {
	t.Helper()
	var k crypto.Signer
	var err error
	switch algorithm {
	case "ES256":
		k, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		k, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ES512":
		k, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "EdDSA":
		_, k, err = ed25519.GenerateKey(rand.Reader)
	default:
		k, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Token returns a token of the issuer, signed with its key of that ID. The claim iss is added
// unless it is given.
func (i *Issuer) Token(id, algorithm string, claims map[string]any) string {
	i.t.Helper()
	i.mu.Lock()
	k := i.keys[id]
	i.mu.Unlock()
	all := map[string]any{"iss": i.URL}
	for name, value := range claims {
		all[name] = value
	}
	return Sign(i.t, k, algorithm, map[string]any{"kid": id}, all)
}

// Sign returns a token that is signed with any key at all. Members of header that are nil are left out.
func Sign(t testing.TB, key any, algorithm string, header, claims map[string]any) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.GetSigningMethod(algorithm), jwt.MapClaims(claims))
	for name, value := range header {
		if value == nil {
			delete(token.Header, name)
		} else {
			token.Header[name] = value
		}
	}
	signed, err := token.SignedString(key)
	if err != nil {
		t.Fatalf("sign: %v", err)
	}
	return signed
}
