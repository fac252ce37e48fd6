package issuer_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"emulator/clock"
	"emulator/identity"
	"emulator/services/sts/issuer"
	"emulator/services/sts/oidc"
	"emulator/store"
	"emulator/store/bolt"
)

// now is when tokens are made.
var now = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

// fixture is a provider with what is behind it, and its handler on a loopback port.
type fixture struct {
	*issuer.Provider
	store store.Store
	clock *clock.Clock
	url   string
}

func newFixture(t testing.TB, issuers ...issuer.Issuer) *fixture {
	t.Helper()
	db, err := bolt.Open(filepath.Join(t.TempDir(), "db"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	f := &fixture{store: db, clock: new(clock.Clock)}
	f.clock.Freeze(now)
	f.Provider = f.provider(t, 1, issuers...)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.Handler(bearer).ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	f.url = server.URL + issuer.Path
	return f
}

// bearer admits whoever has the token, as the server's guard does from afar.
func bearer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.EqualFold(r.Header.Get("Authorization"), "Bearer secret") {
			http.Error(w, `{"error":"not you"}`, http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// provider returns one on the fixture's store, with a master key of one byte's repetitions.
func (f *fixture) provider(t testing.TB, master byte, issuers ...issuer.Issuer) *issuer.Provider {
	t.Helper()
	keyring, err := identity.NewKeyring(bytes.Repeat([]byte{master}, identity.MasterKeySize))
	if err != nil {
		t.Fatal(err)
	}
	p, err := issuer.New(issuer.Config{Store: f.store, Keyring: keyring, Clock: f.clock, Issuers: issuers})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (f *fixture) mint(t testing.TB, request issuer.Request) (string, map[string]any) {
	t.Helper()
	token, claims, err := f.Mint(t.Context(), f.clock.Now(), request)
	if err != nil {
		t.Fatal(err)
	}
	return token, claims
}

// verify verifies a token as STS does that fetches the real issuers' documents: only the network
// is another, one in which their hosts are this one.
func (f *fixture) verify(t testing.TB, token string) error {
	t.Helper()
	parsed, err := oidc.Parse(token)
	if err != nil {
		t.Fatal(err)
	}
	v := oidc.NewVerifier(oidc.Config{Client: &http.Client{Transport: network{f}}})
	return v.Verify(t.Context(), parsed, nil)
}

type network struct{ *fixture }

func (n network) RoundTrip(r *http.Request) (*http.Response, error) {
	for _, i := range n.Issuers() {
		if rest, ok := strings.CutPrefix(r.URL.String(), i.URL); ok {
			local, err := http.NewRequestWithContext(r.Context(), r.Method, n.url+"/"+i.Name+rest, nil)
			if err != nil {
				return nil, err
			}
			return http.DefaultTransport.RoundTrip(local)
		}
	}
	return http.DefaultTransport.RoundTrip(r)
}

// TestVerify: what is minted is what AWS's side of the protocol accepts.
func TestVerify(t *testing.T) {
	f := newFixture(t, issuer.Issuer{Name: "prod", Profile: "eks", URL: "https://oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"})
	for _, i := range f.Issuers() {
		for _, algorithm := range append([]string{""}, issuer.Algorithms...) {
			token, claims := f.mint(t, issuer.Request{Issuer: i.Name, Algorithm: algorithm})
			if err := f.verify(t, token); err != nil {
				t.Errorf("%s %s: %v", i.Name, algorithm, err)
			}
			parsed, err := oidc.Parse(token)
			if err != nil {
				t.Fatal(err)
			}
			if parsed.Issuer != i.URL || parsed.Subject != claims["sub"] || !parsed.IssuedAt.Equal(now) || !parsed.Expires.After(now) || parsed.NotBefore.After(now) {
				t.Errorf("%s: %+v", i.Name, parsed)
			}
		}
	}
}

// TestLocal: STS needs no network for the issuers of the alias table, once a token was minted.
func TestLocal(t *testing.T) {
	f := newFixture(t)
	v := oidc.NewVerifier(oidc.Config{Local: f.Keys, Client: &http.Client{Transport: unplugged{}}})
	verify := func(request issuer.Request) error {
		token, _ := f.mint(t, request)
		parsed, err := oidc.Parse(token)
		if err != nil {
			t.Fatal(err)
		}
		return v.Verify(t.Context(), parsed, nil)
	}
	for _, i := range f.Issuers() {
		if err := verify(issuer.Request{Issuer: i.Name}); err != nil {
			t.Errorf("%s: %v", i.Name, err)
		}
	}
	if err := verify(issuer.Request{Issuer: "github", Claims: map[string]any{"iss": "https://gitlab.com"}}); !errors.Is(err, oidc.ErrNoKey) {
		t.Errorf("github's key for gitlab: %v", err)
	}
	if err := verify(issuer.Request{Issuer: "github", Claims: map[string]any{"iss": "https://accounts.google.com"}}); !errors.Is(err, oidc.ErrUnreachable) {
		t.Errorf("an issuer that is not in the table: %v", err)
	}
}

// unplugged is a network without anybody.
type unplugged struct{}

func (unplugged) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("no network")
}

// TestServedHere: an issuer under this server's own address needs no alias: whoever knows its
// URL finds the keys.
func TestServedHere(t *testing.T) {
	f := newFixture(t)
	here := issuer.Issuer{Name: "here", Profile: "plain", URL: f.url + "/here"}
	f.Provider = f.provider(t, 1, here)
	token, _ := f.mint(t, issuer.Request{Issuer: "here"})
	parsed, err := oidc.Parse(token)
	if err != nil {
		t.Fatal(err)
	}
	if err := oidc.NewVerifier(oidc.Config{}).Verify(t.Context(), parsed, nil); err != nil {
		t.Error(err)
	}
}

// TestForeignIssuers: keys of this provider are believed for no issuer but their own.
func TestForeignIssuers(t *testing.T) {
	f := newFixture(t)
	f.mint(t, issuer.Request{Issuer: "gitlab"})
	for _, iss := range []string{"https://gitlab.com", "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_EXAMPLE"} {
		token, claims := f.mint(t, issuer.Request{Issuer: "github", Claims: map[string]any{"iss": iss}})
		if claims["iss"] != iss {
			t.Fatalf("iss %v", claims["iss"])
		}
		if err := f.verify(t, token); !errors.Is(err, oidc.ErrNoKey) {
			t.Errorf("a token of github's key for %s: %v", iss, err)
		}
	}
	for _, url := range []string{"https://accounts.google.com", "https://token.actions.githubusercontent.com/", "https://gitlab.com.evil.example", "token.actions.githubusercontent.com", ""} {
		f.mint(t, issuer.Request{Issuer: "github"})
		if keys, ok, err := f.Keys(t.Context(), url); ok || keys != nil || err != nil {
			t.Errorf("keys for %q: %s %t %v", url, keys, ok, err)
		}
	}
}

func TestParse(t *testing.T) {
	good := issuer.Issuer{Name: "prod", Profile: "eks", URL: "https://oidc.eks.eu-west-1.amazonaws.com/id/0123"}
	if i, err := issuer.Parse("prod=eks@https://oidc.eks.eu-west-1.amazonaws.com/id/0123"); err != nil || i != good {
		t.Errorf("%+v %v", i, err)
	}
	for _, text := range []string{
		"", "prod", "prod=eks", "prod=@https://a.example", "=eks@https://a.example", "PROD=eks@https://a.example",
		"a/b=eks@https://a.example", "prod=okta@https://a.example", "prod=eks@a.example", "prod=eks@ftp://a.example",
		"prod=eks@https://", "prod=eks@https://u@a.example", "prod=eks@https://a.example?x", "prod=eks@https://a.example?",
		"prod=eks@https://a.example#", "prod=eks@https://a.example/\x00", "prod=eks@https://a.example/" + strings.Repeat("a", 255),
	} {
		if i, err := issuer.Parse(text); err == nil {
			t.Errorf("%q is %+v", text, i)
		}
	}
}

func TestConfiguredIssuers(t *testing.T) {
	lab := issuer.Issuer{Name: "gitlab", Profile: "gitlab", URL: "https://gitlab.example.com"}
	f := newFixture(t, lab)
	if _, claims := f.mint(t, issuer.Request{Issuer: "gitlab"}); claims["iss"] != lab.URL || claims["aud"] != lab.URL {
		t.Errorf("the built-in issuer was not replaced: %v", claims)
	}
	if _, ok, _ := f.Keys(t.Context(), "https://gitlab.com"); ok {
		t.Error("the replaced issuer is still in the table")
	}
	for name, issuers := range map[string][]issuer.Issuer{
		"twice":    {lab, lab},
		"same URL": {{Name: "hub", Profile: "github", URL: "https://token.actions.githubusercontent.com"}},
		"bad name": {{Name: "", Profile: "github", URL: "https://a.example"}},
	} {
		if _, err := issuer.New(issuer.Config{Issuers: issuers}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// keyIDs are those in the key set that stands in for an issuer's, nil if none does.
func (f *fixture) keyIDs(t testing.TB, url string) []string {
	t.Helper()
	text, ok, err := f.Keys(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		return nil
	}
	var set struct{ Keys []struct{ Kid string } }
	if err := json.Unmarshal(text, &set); err != nil {
		t.Fatal(err)
	}
	ids := []string{}
	for _, k := range set.Keys {
		ids = append(ids, k.Kid)
	}
	return ids
}
