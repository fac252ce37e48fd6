package kms

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"emulator/clock"
	"emulator/identity"
)

// No token opens but one that was sealed for the key, and nothing that is wrapped, or was unwrapped, breaks the import.
func FuzzImport(f *testing.F) {
	keyring, err := identity.NewKeyring(make([]byte, identity.MasterKeySize))
	if err != nil {
		f.Fatal(err)
	}
	s := &Service{keyring: keyring, clock: &clock.Clock{}}
	k, other := &Key{ID: "a", Spec: types.KeySpecRsa2048}, &Key{ID: "b"}
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		f.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		f.Fatal(err)
	}
	token, err := s.sealImportToken(k, importToken{types.AlgorithmSpecRsaAesKeyWrapSha256, time.Now().Add(time.Hour), x509.MarshalPKCS1PrivateKey(private)})
	if err != nil {
		f.Fatal(err)
	}
	wrapped := bytes.Repeat([]byte{1}, private.Size()+24)
	f.Add(token, wrapped, raw)
	f.Add(token[:20], wrapped[:private.Size()], raw[:100])
	f.Add([]byte(nil), []byte(nil), []byte(nil))
	f.Fuzz(func(t *testing.T, b, wrapped, raw []byte) {
		if _, err := s.openImportToken(k, b); err == nil {
			if _, err := s.openImportToken(other, b); err == nil {
				t.Errorf("%x opens for another key", b)
			}
			b = bytes.Clone(b)
			b[len(wrapped)%len(b)] ^= 1
		}
		if _, err := s.openImportToken(k, b); err == nil {
			t.Errorf("%x opens", b)
		}
		for algorithm, w := range wrappings {
			if opened, err := w.unwrap(private, wrapped); err == nil {
				t.Errorf("%s: %x unwraps as %x", algorithm, wrapped, opened)
			}
		}
		for spec := range specs {
			stored, err := importable(&Key{Spec: spec}, raw)
			if err != nil {
				continue
			}
			if again, err := importable(&Key{Spec: spec}, stored); err != nil || !bytes.Equal(again, stored) {
				t.Errorf("%s: %x is stored as %x, and that as %x, %v", spec, raw, stored, again, err)
			}
		}
	})
}
