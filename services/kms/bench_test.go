package kms_test

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"testing"

	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"emulator/api"
	"emulator/authz"
	"emulator/clock"
	"emulator/identity"
	"emulator/services/kms"
	"emulator/store"
	"emulator/store/bolt"
)

// ann is a user without policies; root may do everything.
var (
	ann  = &identity.User{Account: identity.DefaultAccount, Partition: "aws", Name: "ann", Path: "/", ID: "AIDAAAAAAAAAAAAAAAAAA"}
	user = identity.Principal{Kind: identity.UserKind, Account: ann.Account, ARN: ann.ARN(), UserID: ann.ID, User: ann}
	root = identity.Principal{Kind: identity.Root, Account: ann.Account, ARN: "arn:aws:iam::" + ann.Account + ":root", UserID: ann.Account}
)

// operations returns the service's operations, without HTTP and signature, as calls of a principal.
func operations(tb testing.TB, as identity.Principal) map[string]func(in any) (any, error) {
	db, err := bolt.Open(filepath.Join(tb.TempDir(), "db"), bolt.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	keyring, err := identity.NewKeyring(make([]byte, identity.MasterKeySize))
	if err != nil {
		tb.Fatal(err)
	}
	c := new(clock.Clock)
	caller := api.Caller{Principal: as, Region: "us-east-1", Partition: "aws"}
	calls := make(map[string]func(any) (any, error))
	for _, op := range kms.New(kms.Config{Store: &oneAtATime{Store: db, tb: tb}, Authz: authz.New(c, keyring, authz.Enforce), Clock: c, Keyring: keyring}).Operations() {
		calls[op.Name] = func(in any) (any, error) { return op.Call(context.Background(), caller, in) }
	}
	return calls
}

// oneAtATime is a store for one goroutine, which fails the test if a transaction is begun within another: as one is if a key store
// is asked for cryptography there.
type oneAtATime struct {
	store.Store
	tb   testing.TB
	open bool
}

func (s *oneAtATime) begin() (end func()) {
	if s.open {
		s.tb.Error("a transaction within a transaction")
	}
	s.open = true
	return func() { s.open = false }
}

func (s *oneAtATime) View(ctx context.Context, f func(store.Reader) error) error {
	defer s.begin()()
	return s.Store.View(ctx, f)
}

func (s *oneAtATime) Update(ctx context.Context, f func(store.Tx) error) error {
	defer s.begin()()
	return s.Store.Update(ctx, f)
}

// cryptography calls each with every use of a key of every spec.
func cryptography(tb testing.TB, calls map[string]func(any) (any, error), each func(name string, do func() (any, error))) {
	call := func(operation string, in any) any {
		tb.Helper()
		out, err := calls[operation](in)
		if err != nil {
			tb.Fatalf("%s: %v", operation, err)
		}
		return out
	}
	use := func(operation string, spec any, in any) {
		each(operation+"/"+fmt.Sprint(spec), func() (any, error) { return calls[operation](in) })
	}
	create := func(spec types.KeySpec, usage types.KeyUsageType) *types.KeyMetadata {
		return call("CreateKey", &awskms.CreateKeyInput{KeySpec: spec, KeyUsage: usage}).(*awskms.CreateKeyOutput).KeyMetadata
	}
	message := bytes.Repeat([]byte("x"), 64)
	encrypting := []types.KeySpec{types.KeySpecSymmetricDefault, types.KeySpecRsa2048, types.KeySpecRsa3072, types.KeySpecRsa4096}
	for _, spec := range encrypting {
		k := create(spec, types.KeyUsageTypeEncryptDecrypt)
		algorithm := k.EncryptionAlgorithms[len(k.EncryptionAlgorithms)-1]
		in := &awskms.EncryptInput{KeyId: k.KeyId, Plaintext: message, EncryptionAlgorithm: algorithm}
		use("Encrypt", spec, in)
		use("Decrypt", spec, &awskms.DecryptInput{KeyId: k.KeyId, CiphertextBlob: call("Encrypt", in).(*awskms.EncryptOutput).CiphertextBlob, EncryptionAlgorithm: algorithm})
	}
	for _, spec := range signingSpecs {
		k := create(spec, types.KeyUsageTypeSignVerify)
		use("GetPublicKey", spec, &awskms.GetPublicKeyInput{KeyId: k.KeyId})
		in := &awskms.SignInput{KeyId: k.KeyId, Message: message, SigningAlgorithm: k.SigningAlgorithms[0]}
		use("Sign", spec, in)
		use("Verify", spec, &awskms.VerifyInput{KeyId: k.KeyId, Message: message, SigningAlgorithm: in.SigningAlgorithm, Signature: call("Sign", in).(*awskms.SignOutput).Signature})
	}
	for _, spec := range []types.KeySpec{types.KeySpecHmac224, types.KeySpecHmac256, types.KeySpecHmac384, types.KeySpecHmac512} {
		k := create(spec, types.KeyUsageTypeGenerateVerifyMac)
		in := &awskms.GenerateMacInput{KeyId: k.KeyId, Message: message, MacAlgorithm: k.MacAlgorithms[0]}
		use("GenerateMac", spec, in)
		use("VerifyMac", spec, &awskms.VerifyMacInput{KeyId: k.KeyId, Message: message, MacAlgorithm: in.MacAlgorithm, Mac: call("GenerateMac", in).(*awskms.GenerateMacOutput).Mac})
	}
	for _, spec := range []types.KeySpec{types.KeySpecEccNistP256, types.KeySpecEccNistP384, types.KeySpecEccNistP521} {
		k := create(spec, types.KeyUsageTypeKeyAgreement)
		peer := call("GetPublicKey", &awskms.GetPublicKeyInput{KeyId: create(spec, types.KeyUsageTypeKeyAgreement).KeyId}).(*awskms.GetPublicKeyOutput).PublicKey
		use("DeriveSharedSecret", spec, &awskms.DeriveSharedSecretInput{KeyId: k.KeyId, KeyAgreementAlgorithm: k.KeyAgreementAlgorithms[0], PublicKey: peer})
	}
	for _, spec := range []types.KeySpec{types.KeySpecMlKem512, types.KeySpecMlKem768, types.KeySpecMlKem1024} {
		k := create(spec, types.KeyUsageTypeEncapsulateDecapsulate)
		in := &awskms.EncapsulateInput{KeyId: k.KeyId, EncapsulationAlgorithm: k.EncapsulationAlgorithms[0]}
		use("Encapsulate", spec, in)
		use("Decapsulate", spec, &awskms.DecapsulateInput{
			KeyId: k.KeyId, EncapsulationAlgorithm: in.EncapsulationAlgorithm, SharedSecretCiphertextBlob: call("Encapsulate", in).(*awskms.EncapsulateOutput).SharedSecretCiphertextBlob,
		})
	}
	k := create("", "")
	use("GenerateDataKey", types.DataKeySpecAes256, &awskms.GenerateDataKeyInput{KeyId: k.KeyId, KeySpec: types.DataKeySpecAes256})
	use("ReEncrypt", types.KeySpecSymmetricDefault, &awskms.ReEncryptInput{
		CiphertextBlob: call("Encrypt", &awskms.EncryptInput{KeyId: k.KeyId, Plaintext: message}).(*awskms.EncryptOutput).CiphertextBlob, DestinationKeyId: k.KeyId,
	})
	for _, spec := range types.DataKeyPairSpec("").Values() {
		if spec != types.DataKeyPairSpecSm2 {
			use("GenerateDataKeyPair", spec, &awskms.GenerateDataKeyPairInput{KeyId: k.KeyId, KeyPairSpec: spec})
		}
	}
}

// BenchmarkCryptography is what each operation costs with a key of each spec. Package keystore's benchmark of the same names is the
// cryptography of it alone.
func BenchmarkCryptography(b *testing.B) {
	calls := operations(b, root)
	cryptography(b, calls, func(name string, do func() (any, error)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := do(); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
}

// No transaction is open during cryptography: oneAtATime looks after it.
func TestCryptographyOutsideOfTransactions(t *testing.T) {
	tried := 0
	cryptography(t, operations(t, root), func(name string, do func() (any, error)) {
		if _, err := do(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		tried++
	})
	if tried == 0 {
		t.Error("nothing was tried")
	}
}

// BenchmarkDeniedCreateKey is what somebody costs who may not make a key.
func BenchmarkDeniedCreateKey(b *testing.B) {
	call := operations(b, user)["CreateKey"]
	in := &awskms.CreateKeyInput{KeySpec: types.KeySpecRsa4096, KeyUsage: types.KeyUsageTypeSignVerify}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := call(in); api.ErrorCode(err) != "AccessDenied" {
			b.Fatal(err)
		}
	}
}

// Nothing is made for a caller who may not have it: a denied call costs the same whatever it asks for.
func TestNothingIsMadeBeforePermission(t *testing.T) {
	calls := operations(t, user)
	id := "12345678-1234-1234-1234-123456789012"
	for operation, in := range map[string]struct{ cheap, costly any }{
		"CreateKey": {
			&awskms.CreateKeyInput{KeySpec: types.KeySpecEccNistP256, KeyUsage: types.KeyUsageTypeSignVerify},
			&awskms.CreateKeyInput{KeySpec: types.KeySpecRsa4096, KeyUsage: types.KeyUsageTypeSignVerify},
		},
		"GenerateDataKeyPair": {
			&awskms.GenerateDataKeyPairInput{KeyId: &id, KeyPairSpec: types.DataKeyPairSpecEccNistP256},
			&awskms.GenerateDataKeyPairInput{KeyId: &id, KeyPairSpec: types.DataKeyPairSpecRsa4096},
		},
		"GenerateDataKeyPairWithoutPlaintext": {
			&awskms.GenerateDataKeyPairWithoutPlaintextInput{KeyId: &id, KeyPairSpec: types.DataKeyPairSpecEccNistP256},
			&awskms.GenerateDataKeyPairWithoutPlaintextInput{KeyId: &id, KeyPairSpec: types.DataKeyPairSpecRsa4096},
		},
	} {
		allocations := func(in any) float64 {
			return testing.AllocsPerRun(20, func() {
				if _, err := calls[operation](in); api.ErrorCode(err) != "AccessDenied" {
					t.Fatalf("%s: %v", operation, err)
				}
			})
		}
		if cheap, costly := allocations(in.cheap), allocations(in.costly); costly > cheap+5 {
			t.Errorf("%s: a denied call allocates %.0f times for RSA_4096, %.0f for ECC_NIST_P256", operation, costly, cheap)
		}
	}
}
