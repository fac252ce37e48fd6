package kms

import (
	"bytes"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"emulator/clock"
	"emulator/identity"
	"emulator/services/kms/keystore"
)

// No token opens but one that was sealed for the key, and nothing that is wrapped, or was unwrapped, breaks the import.
func FuzzImport(f *testing.F) {
	keyring, err := identity.NewKeyring(make([]byte, identity.MasterKeySize))
	if err != nil {
		f.Fatal(err)
	}
	s := &Service{keyring: keyring, clock: &clock.Clock{}}
	k, other := &Key{ID: "a", Spec: types.KeySpecRsa2048}, &Key{ID: "b"}
	forRSA, err := keystore.Generate(types.KeySpecRsa2048, "aws")
	if err != nil {
		f.Fatal(err)
	}
	forSM2, err := keystore.Generate(types.KeySpecSm2, keystore.China)
	if err != nil {
		f.Fatal(err)
	}
	token, err := s.sealImportToken(k, importToken{types.AlgorithmSpecRsaAesKeyWrapSha256, types.WrappingKeySpecRsa2048, time.Now().Add(time.Hour), forRSA})
	if err != nil {
		f.Fatal(err)
	}
	wrapped := bytes.Repeat([]byte{1}, 256+24)
	f.Add(token, wrapped, forRSA)
	f.Add(token[:20], wrapped[:256], forRSA[:100])
	f.Add(token[:20], []byte("0"), forSM2)
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
		for algorithm := range wrappings {
			token := importToken{Algorithm: algorithm, KeySpec: types.WrappingKeySpecRsa2048, PrivateKey: forRSA}
			if algorithm == types.AlgorithmSpecSm2pke {
				token.KeySpec, token.PrivateKey = types.WrappingKeySpecSm2, forSM2
			}
			if opened, err := token.unwrap(wrapped); err == nil {
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
