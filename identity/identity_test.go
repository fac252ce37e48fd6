package identity

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// AWS's published example of an access key ID with its account, and the way back.
func TestAccessKeyCarriesAccount(t *testing.T) {
	for range 1000 {
		account := fmt.Sprintf("%012d", rand.Int64N(1_000_000_000_000))
		id, err := NewAccessKeyID(PrefixAccessKey, account)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := AccountOf(id); !ok || got != account || len(id) != 20 || !strings.HasPrefix(id, "AKIA") {
			t.Fatalf("%s of account %s: %s", id, account, got)
		}
	}
	if got, ok := AccountOf("ASIAQNZGKIQY56JQ7WML"); !ok || got != "029608264753" {
		t.Errorf("a key of AWS's: %s", got)
	}
	for _, bad := range []string{"", "test", "AKIAIOSFODNN7EXAMPLE!", "AKIAIOSFODNN7EXAMPL1", "AKIAAAAAAAAAAAAAAAAA"} {
		if account, ok := AccountOf(bad); ok {
			t.Errorf("%q has account %s", bad, account)
		}
	}
}

func keyring(t *testing.T, seed byte) *Keyring {
	t.Helper()
	k, err := NewKeyring(bytes.Repeat([]byte{seed}, MasterKeySize))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSessionToken(t *testing.T) {
	k := keyring(t, 1)
	s := &Session{
		Kind: AssumedRole, Account: "000000000000", AccessKeyID: "ASIA", Name: "app", ID: "AROA", SessionName: "s",
		Issued: time.Unix(1, 0).UTC(), Expires: time.Unix(2, 0).UTC(), Tags: map[string]string{"a": "b"}, Policies: []string{"{}"},
	}
	token, err := k.SealSession(s, 0)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := k.OpenSession(token)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, opened); diff != "" {
		t.Error(diff)
	}
	for policies, minimum := range map[string]int{strings.Repeat(`{"Statement":{}}`, 400): 0, "{}": 4000, strings.Repeat("{}", 3000): 4093} {
		large := &Session{Kind: AssumedRole, Policies: []string{policies}}
		token, err := k.SealSession(large, minimum)
		if err != nil || len(token) > 4096 || len(token) < minimum {
			t.Errorf("%d characters of policies in %d of a token, at least %d: %v", len(policies), len(token), minimum, err)
		}
		if opened, err := k.OpenSession(token); err != nil || cmp.Diff(large, opened) != "" {
			t.Errorf("%d characters of policies: %v", len(policies), err)
		}
	}
	if _, err := keyring(t, 2).OpenSession(token); !errors.Is(err, ErrSealed) {
		t.Errorf("another master key: %v", err)
	}
	for i := range len(token) {
		tampered := []byte(token)
		tampered[i] ^= 1
		if _, err := k.OpenSession(string(tampered)); err == nil {
			t.Fatalf("character %d changed: it opens", i)
		}
	}
	if _, err := k.Open(k.Seal([]byte("x"), "one"), "two"); !errors.Is(err, ErrSealed) {
		t.Errorf("another binding: %v", err)
	}
	if k.SessionSecret("a") == k.SessionSecret("b") || k.SessionSecret("a") == keyring(t, 2).SessionSecret("a") || len(k.SessionSecret("a")) != 40 {
		t.Error("session secrets")
	}
	if _, err := NewKeyring([]byte("short")); err == nil {
		t.Error("a short master key")
	}
}

func FuzzOpenSession(f *testing.F) {
	k, err := NewKeyring(make([]byte, MasterKeySize))
	if err != nil {
		f.Fatal(err)
	}
	token, err := k.SealSession(&Session{}, 0)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(token)
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		if _, err := k.OpenSession(s); err != nil && !errors.Is(err, ErrSealed) {
			t.Errorf("%v", err)
		}
	})
}
