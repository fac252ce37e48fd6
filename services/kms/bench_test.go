package kms_test

import (
	"context"
	"path/filepath"
	"testing"

	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"emulator/api"
	"emulator/authz"
	"emulator/clock"
	"emulator/identity"
	"emulator/services/kms"
	"emulator/store/bolt"
)

// operations returns the service's operations, without HTTP and signature, as calls of a user without policies.
func operations(tb testing.TB) map[string]func(in any) error {
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
	user := &identity.User{Account: identity.DefaultAccount, Partition: "aws", Name: "ann", Path: "/", ID: "AIDAAAAAAAAAAAAAAAAAA"}
	caller := api.Caller{
		Principal: identity.Principal{Kind: identity.UserKind, Account: user.Account, ARN: user.ARN(), UserID: user.ID, User: user},
		Region:    "us-east-1", Partition: "aws",
	}
	calls := make(map[string]func(any) error)
	for _, op := range kms.New(kms.Config{Store: db, Authz: authz.New(c, keyring, authz.Enforce), Clock: c, Keyring: keyring}).Operations() {
		calls[op.Name] = func(in any) error {
			_, err := op.Call(context.Background(), caller, in)
			return err
		}
	}
	return calls
}

// BenchmarkDeniedCreateKey is what somebody costs who may not make a key.
func BenchmarkDeniedCreateKey(b *testing.B) {
	call := operations(b)["CreateKey"]
	in := &awskms.CreateKeyInput{KeySpec: types.KeySpecRsa4096, KeyUsage: types.KeyUsageTypeSignVerify}
	b.ReportAllocs()
	for b.Loop() {
		if err := call(in); api.ErrorCode(err) != "AccessDenied" {
			b.Fatal(err)
		}
	}
}

// Nothing is made for a caller who may not have it: a denied call costs the same whatever it asks for.
func TestNothingIsMadeBeforePermission(t *testing.T) {
	calls := operations(t)
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
				if err := calls[operation](in); api.ErrorCode(err) != "AccessDenied" {
					t.Fatalf("%s: %v", operation, err)
				}
			})
		}
		if cheap, costly := allocations(in.cheap), allocations(in.costly); costly > cheap+5 {
			t.Errorf("%s: a denied call allocates %.0f times for RSA_4096, %.0f for ECC_NIST_P256", operation, costly, cheap)
		}
	}
}
