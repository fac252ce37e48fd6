package issuer_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"emulator/identity"
	"emulator/services/sts/issuer"
	"emulator/services/sts/oidc"
	"emulator/store"
)

const githubURL = "https://token.actions.githubusercontent.com"

// TestKeysAtFirstUse: an issuer is asked over the network until a token is minted for it.
func TestKeysAtFirstUse(t *testing.T) {
	f := newFixture(t)
	if ids := f.keyIDs(t, githubURL); ids != nil {
		t.Errorf("keys before the first token: %v", ids)
	}
	get(t, f.url+"/github/.well-known/jwks.json", 200) // which must not make one
	if ids := f.keyIDs(t, githubURL); ids != nil {
		t.Errorf("looking made keys: %v", ids)
	}
	f.mint(t, issuer.Request{Issuer: "github"})
	first := f.keyIDs(t, githubURL)
	f.mint(t, issuer.Request{Issuer: "github"})
	if again := f.keyIDs(t, githubURL); len(first) != 1 || !slices.Equal(first, again) {
		t.Errorf("keys %v, then %v", first, again)
	}
	f.mint(t, issuer.Request{Issuer: "github", Algorithm: "ES256"})
	if ids := f.keyIDs(t, githubURL); len(ids) != 2 {
		t.Errorf("keys of two algorithms: %v", ids)
	}
	if ids := f.keyIDs(t, "https://gitlab.com"); ids != nil {
		t.Errorf("another issuer has keys: %v", ids)
	}
}

func TestFirstTokensAtOnce(t *testing.T) {
	f := newFixture(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			token, _, err := f.Mint(t.Context(), now, issuer.Request{Issuer: "github", Algorithm: "ES256"})
			if err != nil {
				t.Error(err)
			} else if err := f.verify(t, token); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if ids := f.keyIDs(t, githubURL); len(ids) != 1 {
		t.Errorf("keys %v", ids)
	}
}

// TestRestart: keys outlast the process, and only the master key opens them.
func TestRestart(t *testing.T) {
	f := newFixture(t)
	token, _ := f.mint(t, issuer.Request{Issuer: "github"})
	before := f.keyIDs(t, githubURL)
	f.Provider = f.provider(t, 1)
	f.mint(t, issuer.Request{Issuer: "github"})
	if err := f.verify(t, token); err != nil || !slices.Equal(before, f.keyIDs(t, githubURL)) {
		t.Errorf("after a restart: %v", err)
	}
	f.Provider = f.provider(t, 2)
	if _, _, err := f.Mint(t.Context(), now, issuer.Request{Issuer: "github"}); !errors.Is(err, identity.ErrSealed) {
		t.Errorf("with another master key: %v", err)
	}
	err := f.store.View(t.Context(), func(r store.Reader) error {
		for key, value := range r.Scan(nil, nil) {
			var records []struct{ Private []byte }
			if err := json.Unmarshal(value, &records); err != nil || len(records) != 1 {
				t.Errorf("record %q: %v", key, err)
				continue
			}
			if _, err := x509.ParsePKCS8PrivateKey(records[0].Private); err == nil || bytes.Contains(value, []byte("PRIVATE")) {
				t.Errorf("record %q is not sealed", key)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestRotate(t *testing.T) {
	f := newFixture(t)
	old, _ := f.mint(t, issuer.Request{Issuer: "github"})
	first := f.keyIDs(t, githubURL)
	kid, err := f.Rotate(t.Context(), f.clock.Now(), "github")
	if err != nil {
		t.Fatal(err)
	}
	if ids := f.keyIDs(t, githubURL); len(ids) != 2 || ids[0] != first[0] || ids[1] != kid {
		t.Errorf("keys %v after %v and %s", ids, first, kid)
	}
	young, _ := f.mint(t, issuer.Request{Issuer: "github"})
	for name, token := range map[string]string{"old": old, "new": young} {
		if err := f.verify(t, token); err != nil {
			t.Errorf("the %s token: %v", name, err)
		}
	}
	f.clock.Advance(26 * time.Hour)
	if ids := f.keyIDs(t, githubURL); !slices.Equal(ids, []string{kid}) {
		t.Errorf("a day later: %v", ids)
	}
	if err := f.verify(t, old); !errors.Is(err, oidc.ErrNoKey) {
		t.Errorf("the old token a day later: %v", err)
	}
	if err := f.verify(t, young); err != nil {
		t.Errorf("the new token a day later: %v", err)
	}
	if _, err := f.Rotate(t.Context(), now, "nobody"); !errors.Is(err, issuer.ErrUnknownIssuer) {
		t.Errorf("an unknown issuer: %v", err)
	}
}

// TestManyRotations: however often keys are rotated, the set stays one that AWS takes.
func TestManyRotations(t *testing.T) {
	f := newFixture(t)
	var kids []string
	for range 13 {
		kid, err := f.Rotate(t.Context(), f.clock.Now(), "plain")
		if err != nil {
			t.Fatal(err)
		}
		kids = append(kids, kid)
	}
	if ids := f.keyIDs(t, "https://issuer.example.com"); !slices.Equal(ids, kids[2:]) {
		t.Errorf("%d keys: %v of %v", len(ids), ids, kids)
	}
	token, _ := f.mint(t, issuer.Request{Issuer: "plain"})
	if err := f.verify(t, token); err != nil {
		t.Error(err)
	}
}
