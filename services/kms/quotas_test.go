package kms_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"emulator/api"
	"emulator/emulatortest"
	"emulator/server"
	service "emulator/services/kms"
)

func startLimited(t *testing.T, settings ...string) (*emulatortest.Emulator, *kms.Client) {
	t.Helper()
	e := emulatortest.Start(t, server.Config{Quotas: settings})
	return e, kms.NewFromConfig(e.Config())
}

// Every operation has a quota of requests that settings know, with every algorithm and spec that it takes.
func TestEveryOperationHasARequestQuota(t *testing.T) {
	known := make(map[string]bool)
	for _, q := range service.Quotas() {
		if known[q.Name] || q.Value <= 0 {
			t.Errorf("%s stands twice, or is %v", q.Name, q.Value)
		}
		known[q.Name] = true
	}
	used := make(map[string]bool)
	check := func(operation string, in any) {
		for _, c := range service.Charges(api.Caller{Region: "us-east-1"}, operation, in) {
			if !known[c.Quota.Name] {
				t.Errorf("%s %+v takes of %q", operation, in, c.Quota.Name)
			}
			used[c.Quota.Name] = true
		}
	}
	for _, op := range service.New(service.Config{}).Operations() {
		switch op.Name {
		case "GenerateDataKeyPair":
			for _, spec := range types.DataKeyPairSpec("").Values() {
				check(op.Name, &kms.GenerateDataKeyPairInput{KeyPairSpec: spec})
				check(op.Name, &kms.GenerateDataKeyPairWithoutPlaintextInput{KeyPairSpec: spec})
			}
		case "GenerateDataKeyPairWithoutPlaintext":
		case "Sign":
			for _, algorithm := range types.SigningAlgorithmSpec("").Values() {
				check(op.Name, &kms.SignInput{SigningAlgorithm: algorithm})
			}
		case "Verify":
			check(op.Name, &kms.VerifyInput{SigningAlgorithm: types.SigningAlgorithmSpecSm2dsa})
		case "Encrypt":
			check(op.Name, new(kms.EncryptInput))
		case "Decrypt":
			check(op.Name, &kms.DecryptInput{EncryptionAlgorithm: types.EncryptionAlgorithmSpecRsaesOaepSha1})
		case "ReEncrypt":
			check(op.Name, &kms.ReEncryptInput{DestinationEncryptionAlgorithm: types.EncryptionAlgorithmSpecSm2pke})
		case "GenerateDataKey":
			check(op.Name, new(kms.GenerateDataKeyInput))
		case "GenerateDataKeyWithoutPlaintext":
			check(op.Name, new(kms.GenerateDataKeyWithoutPlaintextInput))
		case "GenerateRandom":
			check(op.Name, new(kms.GenerateRandomInput))
		case "GenerateMac", "VerifyMac":
			check(op.Name, new(kms.GenerateMacInput))
			check(op.Name, new(kms.VerifyMacInput))
		case "DeriveSharedSecret":
			check(op.Name, new(kms.DeriveSharedSecretInput))
		case "Encapsulate", "Decapsulate":
			check(op.Name, new(kms.EncapsulateInput))
			check(op.Name, new(kms.DecapsulateInput))
		case "ReplicateKey":
			check(op.Name, &kms.ReplicateKeyInput{ReplicaRegion: aws.String("eu-west-1")})
		case "UpdatePrimaryRegion":
			check(op.Name, &kms.UpdatePrimaryRegionInput{PrimaryRegion: aws.String("eu-west-1")})
		default:
			check(op.Name, nil)
		}
	}
	for name := range known {
		if strings.HasSuffix(name, "/s") && !used[name] && name != "kms.CustomKeyStore/s" {
			t.Errorf("nothing takes of %s", name)
		}
	}
}

const tooFast = "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls."

// Requests beyond a quota are refused to the account that asks, in that Region, until the second is over, whatever the emulated time.
// One in a hundred seconds stands for one in a second, so that no test depends on how fast it is.
func TestRequestQuotas(t *testing.T) {
	e, c := startLimited(t, "kms.Symmetric/s=0.01", "kms.RSA/s=0.01", "kms.CreateAlias/s=0.01", "kms.CreateGrant/s=0")
	key := createKey(t, c, "", "")
	random := func(c *kms.Client) error {
		_, err := c.GenerateRandom(t.Context(), &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(1)})
		return err
	}
	must[any](t)(nil, random(c))
	_, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("x")})
	refused(t, err, "ThrottlingException", tooFast)
	_, err = c.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: key.KeyId, KeySpec: types.DataKeySpecAes256, DryRun: aws.Bool(true)})
	refused(t, err, "ThrottlingException", tooFast)
	e.Clock.Advance(time.Hour)
	refused(t, random(c), "ThrottlingException", tooFast)
	must[any](t)(nil, random(kms.NewFromConfig(e.ConfigWith("test", "test", "", "eu-west-1"))))
	other := kms.NewFromConfig(e.ConfigWith("111111111111", "test", "", emulatortest.Region))
	must[any](t)(nil, random(other))
	_, err = other.Decrypt(t.Context(), &kms.DecryptInput{KeyId: key.Arn, CiphertextBlob: []byte("x"), EncryptionAlgorithm: types.EncryptionAlgorithmSpecRsaesOaepSha1})
	refused(t, err, "AccessDeniedException", "") // counts for who asks: another quota of his
	_, err = other.Sign(t.Context(), &kms.SignInput{KeyId: key.Arn, Message: []byte("x"), SigningAlgorithm: types.SigningAlgorithmSpecRsassaPssSha256})
	refused(t, err, "ThrottlingException", tooFast)
	must[*kms.DescribeKeyOutput](t)(c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: key.KeyId})) // has no limit
	must[*kms.CreateAliasOutput](t)(c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/one"), TargetKeyId: key.KeyId}))
	_, err = c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/two"), TargetKeyId: key.KeyId})
	refused(t, err, "ThrottlingException", tooFast)
	_, err = c.CreateGrant(t.Context(), &kms.CreateGrantInput{KeyId: key.KeyId, GranteePrincipal: aws.String("arn:aws:iam::000000000000:root"), Operations: []types.GrantOperation{types.GrantOperationDecrypt}})
	refused(t, err, "ThrottlingException", tooFast)
}

// A replica is two CreateKey requests where it will be; a change of the primary Region is a request in both.
func TestRequestQuotasOfTwoRegions(t *testing.T) {
	e, c := startLimited(t, "kms.CreateKey/s=3", "kms.UpdatePrimaryRegion/s=0.01")
	there := kms.NewFromConfig(e.ConfigWith("test", "test", "", "eu-west-1"))
	key := must[*kms.CreateKeyOutput](t)(c.CreateKey(t.Context(), &kms.CreateKeyInput{MultiRegion: aws.Bool(true)})).KeyMetadata
	must[*kms.ReplicateKeyOutput](t)(c.ReplicateKey(t.Context(), &kms.ReplicateKeyInput{KeyId: key.KeyId, ReplicaRegion: aws.String("eu-west-1")}))
	must[*kms.UpdatePrimaryRegionOutput](t)(c.UpdatePrimaryRegion(t.Context(), &kms.UpdatePrimaryRegionInput{KeyId: key.KeyId, PrimaryRegion: aws.String("eu-west-1")}))
	_, err := there.UpdatePrimaryRegion(t.Context(), &kms.UpdatePrimaryRegionInput{KeyId: key.KeyId, PrimaryRegion: aws.String("us-east-1")})
	refused(t, err, "ThrottlingException", tooFast)
}

// A custom key store has a quota of its own, which uses of its keys take of, and random bytes of its cluster.
func TestCustomKeyStoreQuota(t *testing.T) {
	_, c := startLimited(t, "kms.CustomKeyStore/s=0.01")
	key := keyInStore(t, c)
	plain := createKey(t, c, "", "")
	encrypt := func(id *string) error {
		_, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: id, Plaintext: []byte("x")})
		return err
	}
	must[any](t)(nil, encrypt(key.KeyId))
	refused(t, encrypt(key.KeyId), "ThrottlingException", tooFast)
	for range 3 {
		must[any](t)(nil, encrypt(plain.KeyId))
	}
	other := keyInStore(t, c)
	must[any](t)(nil, encrypt(other.KeyId))
	_, err := c.GenerateRandom(t.Context(), &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(1), CustomKeyStoreId: other.CustomKeyStoreId})
	refused(t, err, "ThrottlingException", tooFast)
}

// keyInStore returns a key in a custom key store that is made for it, and connected.
func keyInStore(t *testing.T, c *kms.Client) *types.KeyMetadata {
	t.Helper()
	name := fmt.Sprintf("%08d", len(must[*kms.DescribeCustomKeyStoresOutput](t)(c.DescribeCustomKeyStores(t.Context(), &kms.DescribeCustomKeyStoresInput{})).CustomKeyStores))
	id := must[*kms.CreateCustomKeyStoreOutput](t)(c.CreateCustomKeyStore(t.Context(), &kms.CreateCustomKeyStoreInput{
		CustomKeyStoreName: &name, CloudHsmClusterId: aws.String("cluster-abc" + strings.ReplaceAll(strings.ReplaceAll(name, "0", "a"), "1", "b")),
		KeyStorePassword: aws.String("kmsPswd"), TrustAnchorCertificate: aws.String(certificate(t)),
	})).CustomKeyStoreId
	must[*kms.ConnectCustomKeyStoreOutput](t)(c.ConnectCustomKeyStore(t.Context(), &kms.ConnectCustomKeyStoreInput{CustomKeyStoreId: id}))
	return must[*kms.CreateKeyOutput](t)(c.CreateKey(t.Context(), &kms.CreateKeyInput{Origin: types.OriginTypeAwsCloudhsm, CustomKeyStoreId: id})).KeyMetadata
}

func TestResourceQuotas(t *testing.T) {
	e, c, gone := startChecked(t, "kms.KeysPerRegion=2", "kms.AliasesPerKey=1", "kms.GrantsPerKey=1", "kms.KeyPolicySize=1000", "kms.CustomKeyStoresPerRegion=0", "kms.OnDemandRotationsPerKey=1")
	key := createKey(t, c, "", "")
	create := func(c *kms.Client, in *kms.CreateKeyInput) error {
		_, err := c.CreateKey(t.Context(), in)
		return err
	}
	alias := func(name string) error {
		_, err := c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: &name, TargetKeyId: key.KeyId})
		return err
	}
	must[any](t)(nil, alias("alias/one"))
	refused(t, alias("alias/two"), "LimitExceededException", "Aliases per key quota for this account in this region is 1, current usage is 1.")
	grant := func(operation types.GrantOperation) error {
		_, err := c.CreateGrant(t.Context(), &kms.CreateGrantInput{KeyId: key.KeyId, GranteePrincipal: aws.String("arn:aws:iam::000000000000:root"), Operations: []types.GrantOperation{operation}})
		return err
	}
	must[any](t)(nil, grant(types.GrantOperationDecrypt))
	refused(t, grant(types.GrantOperationEncrypt), "LimitExceededException", "limit of 1 grants")
	refused(t, create(c, &kms.CreateKeyInput{Policy: aws.String(strings.Repeat(" ", 1001))}), "LimitExceededException", "larger than 1000 bytes")
	_, err := c.CreateCustomKeyStore(t.Context(), &kms.CreateCustomKeyStoreInput{
		CustomKeyStoreName: aws.String("one"), CloudHsmClusterId: aws.String("cluster-abcdefghijk"), KeyStorePassword: aws.String("kmsPswd"), TrustAnchorCertificate: aws.String(certificate(t)),
	})
	refused(t, err, "LimitExceededException", "at most 0 custom key stores")
	rotate := func() error {
		_, err := c.RotateKeyOnDemand(t.Context(), &kms.RotateKeyOnDemandInput{KeyId: key.KeyId})
		return err
	}
	must[any](t)(nil, rotate())
	refused(t, rotate(), "LimitExceededException", "on-demand rotations limit")

	// Keys count in their Region, replicas too, until they are gone.
	there := kms.NewFromConfig(e.ConfigWith("test", "test", "", "eu-west-1"))
	primary := must[*kms.CreateKeyOutput](t)(there.CreateKey(t.Context(), &kms.CreateKeyInput{MultiRegion: aws.Bool(true)})).KeyMetadata
	replicate := func() error {
		_, err := there.ReplicateKey(t.Context(), &kms.ReplicateKeyInput{KeyId: primary.KeyId, ReplicaRegion: aws.String("us-east-1")})
		return err
	}
	second := createKey(t, c, "", "")
	refused(t, replicate(), "LimitExceededException", "Key quota for this account in this region is 2 but the current usage is 2.")
	must[*kms.ScheduleKeyDeletionOutput](t)(c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: second.KeyId, PendingWindowInDays: aws.Int32(7)}))
	refused(t, create(c, &kms.CreateKeyInput{}), "LimitExceededException", "Key quota")
	e.Clock.Advance(8 * day)
	gone(*second.KeyId)
	must[any](t)(nil, replicate())
	refused(t, create(c, &kms.CreateKeyInput{}), "LimitExceededException", "Key quota")
	must[any](t)(nil, create(kms.NewFromConfig(e.ConfigWith("111111111111", "test", "", emulatortest.Region)), &kms.CreateKeyInput{}))
}
