package kms_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"emulator/emulatortest"
)

func start(t *testing.T) (*emulatortest.Emulator, *kms.Client) {
	t.Helper()
	e := emulatortest.Start(t)
	return e, kms.NewFromConfig(e.Config())
}

// must returns v, and ends the test if there is an error.
func must[T any](t *testing.T) func(v T, err error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// refused checks that err has that code, and a message with text in it.
func refused(t *testing.T, err error, code, text string) {
	t.Helper()
	e, ok := errors.AsType[smithy.APIError](err)
	if !ok || e.ErrorCode() != code || !strings.Contains(e.ErrorMessage(), text) {
		t.Errorf("got %v, want %s %q", err, code, text)
	}
}

func createKey(t *testing.T, c *kms.Client, spec types.KeySpec, usage types.KeyUsageType) *types.KeyMetadata {
	t.Helper()
	return must[*kms.CreateKeyOutput](t)(c.CreateKey(t.Context(), &kms.CreateKeyInput{KeySpec: spec, KeyUsage: usage})).KeyMetadata
}

func TestEncryptionContextBinds(t *testing.T) {
	_, c := start(t)
	key, other := createKey(t, c, "", ""), createKey(t, c, "", "")
	context := map[string]string{"app": "a", "tenant": "b"}
	blob := must[*kms.EncryptOutput](t)(c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("hello"), EncryptionContext: context})).CiphertextBlob
	decrypt := func(blob []byte, context map[string]string, keyID *string) (*kms.DecryptOutput, error) {
		return c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: context, KeyId: keyID})
	}
	out := must[*kms.DecryptOutput](t)(decrypt(blob, context, nil))
	if string(out.Plaintext) != "hello" || *out.KeyId != *key.Arn || *out.KeyMaterialId != *key.CurrentKeyMaterialId {
		t.Errorf("decrypted %q with %s", out.Plaintext, *out.KeyId)
	}
	for name, wrong := range map[string]map[string]string{
		"none": nil, "less": {"app": "a"}, "more": {"app": "a", "tenant": "b", "x": "y"}, "another value": {"app": "a", "tenant": "c"},
		"case": {"App": "a", "tenant": "b"}, "shifted": {"app": "atenantb"}, "swapped": {"app": "b", "tenant": "a"},
	} {
		_, err := decrypt(blob, wrong, nil)
		if err == nil {
			t.Errorf("context %s: decrypted", name)
			continue
		}
		refused(t, err, "InvalidCiphertextException", "")
	}
	for i := range blob {
		flipped := bytes.Clone(blob)
		flipped[i] ^= 1
		_, err := decrypt(flipped, context, nil)
		if e, ok := errors.AsType[smithy.APIError](err); ok && e.ErrorCode() == "AccessDeniedException" && bytes.Index(blob, []byte(*key.KeyId))+36 > i {
			continue // it names another key
		}
		refused(t, err, "InvalidCiphertextException", "")
	}
	for _, n := range []int{1, 10, len(blob) - 1} {
		_, err := decrypt(blob[:n], context, nil)
		refused(t, err, "InvalidCiphertextException", "")
	}
	_, err := decrypt(blob, context, other.KeyId)
	refused(t, err, "IncorrectKeyException", "")
	if _, err := decrypt(blob, context, key.Arn); err != nil {
		t.Errorf("with the right key named: %v", err)
	}
	again := must[*kms.EncryptOutput](t)(c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("hello"), EncryptionContext: context}))
	if bytes.Equal(again.CiphertextBlob, blob) {
		t.Error("the same ciphertext twice")
	}
}

// Every way of naming a key, in the operations that take it.
func TestKeyIDs(t *testing.T) {
	e, c := start(t)
	key := createKey(t, c, "", "")
	must[*kms.CreateAliasOutput](t)(c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/app"), TargetKeyId: key.Arn}))
	aliasARN := "arn:aws:kms:us-east-1:000000000000:alias/app"
	for _, id := range []string{*key.KeyId, *key.Arn, "alias/app", aliasARN} {
		out, err := c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &id})
		if err != nil || *out.KeyMetadata.KeyId != *key.KeyId {
			t.Errorf("%s: %v", id, err)
		}
	}
	for id, want := range map[string]string{
		"alias/none":                           "Alias arn:aws:kms:us-east-1:000000000000:alias/none is not found.",
		"12345678-1234-1234-1234-123456789012": "Key 'arn:aws:kms:us-east-1:000000000000:key/12345678-1234-1234-1234-123456789012' does not exist",
		"nonsense":                             "Invalid keyId 'nonsense'",
		"arn:aws:kms:eu-west-1:000000000000:key/" + *key.KeyId:      "Invalid arn eu-west-1",
		"arn:aws:kms:us-east-1:000000000000:nonsense/" + *key.KeyId: "Invalid keyId",
	} {
		_, err := c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &id})
		refused(t, err, "NotFoundException", want)
	}
	_, err := c.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: aws.String("alias/app")})
	refused(t, err, "InvalidArnException", "Key Aliases are not supported for this operation.")
	elsewhere := kms.NewFromConfig(e.ConfigWith("test", "test", "", "eu-west-1"))
	_, err = elsewhere.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: key.KeyId})
	refused(t, err, "NotFoundException", "does not exist")
}

func TestAliases(t *testing.T) {
	_, c := start(t)
	one, two := createKey(t, c, "", ""), createKey(t, c, "", "")
	rsaKey := createKey(t, c, types.KeySpecRsa2048, types.KeyUsageTypeSignVerify)
	create := func(name string, key *string) error {
		_, err := c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: &name, TargetKeyId: key})
		return err
	}
	if err := create("alias/a", one.KeyId); err != nil {
		t.Fatal(err)
	}
	refused(t, create("alias/a", two.KeyId), "AlreadyExistsException", "An alias with the name arn:aws:kms:us-east-1:000000000000:alias/a already exists")
	refused(t, create("a", one.KeyId), "ValidationException", "alias/")
	refused(t, create("alias/aws/s3", one.KeyId), "NotAuthorizedException", "")
	refused(t, create("alias/b", aws.String("alias/a")), "ValidationException", "Aliases must refer to keys. Not aliases")
	refused(t, create("alias/b", aws.String("12345678-1234-1234-1234-123456789012")), "NotFoundException", "does not exist")
	update := func(name string, key *string) error {
		_, err := c.UpdateAlias(t.Context(), &kms.UpdateAliasInput{AliasName: &name, TargetKeyId: key})
		return err
	}
	refused(t, update("alias/a", rsaKey.KeyId), "ValidationException", "must be the same type")
	refused(t, update("alias/none", one.KeyId), "NotFoundException", "alias/none is not found")
	if err := update("alias/a", two.KeyId); err != nil {
		t.Fatal(err)
	}
	for i := range 7 {
		if err := create(fmt.Sprintf("alias/many/%d", i), one.KeyId); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	p := kms.NewListAliasesPaginator(c, &kms.ListAliasesInput{Limit: aws.Int32(3)})
	pages := 0
	for ; p.HasMorePages(); pages++ {
		for _, a := range must[*kms.ListAliasesOutput](t)(p.NextPage(t.Context())).Aliases {
			if a.TargetKeyId != nil {
				names = append(names, *a.AliasName)
			}
		}
	}
	if len(names) != 8 || pages != (8+awsManaged+2)/3 {
		t.Errorf("%d aliases on %d pages", len(names), pages)
	}
	of := must[*kms.ListAliasesOutput](t)(c.ListAliases(t.Context(), &kms.ListAliasesInput{KeyId: two.Arn}))
	if len(of.Aliases) != 1 || *of.Aliases[0].TargetKeyId != *two.KeyId {
		t.Errorf("of the second key: %v", of.Aliases)
	}
	_, err := c.ListAliases(t.Context(), &kms.ListAliasesInput{Marker: aws.String("!")})
	refused(t, err, "InvalidMarkerException", "")
	must[*kms.DeleteAliasOutput](t)(c.DeleteAlias(t.Context(), &kms.DeleteAliasInput{AliasName: aws.String("alias/a")}))
	_, err = c.DeleteAlias(t.Context(), &kms.DeleteAliasInput{AliasName: aws.String("alias/a")})
	refused(t, err, "NotFoundException", "alias/a is not found")
}

// What the public key verifies outside was really signed inside.
func TestReEncryptAndDataKeys(t *testing.T) {
	_, c := start(t)
	one, two := createKey(t, c, "", ""), createKey(t, c, "", "")
	context := map[string]string{"a": "b"}
	data := must[*kms.GenerateDataKeyOutput](t)(c.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: one.KeyId, KeySpec: types.DataKeySpecAes256, EncryptionContext: context}))
	if len(data.Plaintext) != 32 {
		t.Errorf("a data key of %d bytes", len(data.Plaintext))
	}
	moved := must[*kms.ReEncryptOutput](t)(c.ReEncrypt(t.Context(), &kms.ReEncryptInput{
		CiphertextBlob: data.CiphertextBlob, SourceEncryptionContext: context, DestinationKeyId: two.KeyId, DestinationEncryptionContext: map[string]string{"c": "d"},
	}))
	if *moved.SourceKeyId != *one.Arn || *moved.KeyId != *two.Arn {
		t.Errorf("from %s to %s", *moved.SourceKeyId, *moved.KeyId)
	}
	plain := must[*kms.DecryptOutput](t)(c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: moved.CiphertextBlob, EncryptionContext: map[string]string{"c": "d"}}))
	if !bytes.Equal(plain.Plaintext, data.Plaintext) {
		t.Error("another data key after ReEncrypt")
	}
	without := must[*kms.GenerateDataKeyWithoutPlaintextOutput](t)(c.GenerateDataKeyWithoutPlaintext(t.Context(), &kms.GenerateDataKeyWithoutPlaintextInput{KeyId: one.KeyId, NumberOfBytes: aws.Int32(64)}))
	if plain := must[*kms.DecryptOutput](t)(c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: without.CiphertextBlob})); len(plain.Plaintext) != 64 {
		t.Errorf("%d bytes", len(plain.Plaintext))
	}
	_, err := c.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: one.KeyId})
	refused(t, err, "ValidationException", "Please specify either number of bytes or key spec.")
	pair := must[*kms.GenerateDataKeyPairOutput](t)(c.GenerateDataKeyPair(t.Context(), &kms.GenerateDataKeyPairInput{KeyId: one.KeyId, KeyPairSpec: types.DataKeyPairSpecEccNistP256}))
	private, err := x509.ParsePKCS8PrivateKey(pair.PrivateKeyPlaintext)
	if err != nil {
		t.Fatal(err)
	}
	if public, _ := x509.MarshalPKIXPublicKey(private.(crypto.Signer).Public()); !bytes.Equal(public, pair.PublicKey) {
		t.Error("public and private key are no pair")
	}
	if out := must[*kms.GenerateRandomOutput](t)(c.GenerateRandom(t.Context(), &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(100)})); len(out.Plaintext) != 100 {
		t.Errorf("%d random bytes", len(out.Plaintext))
	}
	_, err = c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: one.KeyId, Plaintext: []byte("x"), DryRun: aws.Bool(true)})
	refused(t, err, "DryRunOperationException", "DryRun")
	_, err = c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: one.KeyId, Plaintext: []byte("x"), GrantTokens: []string{"x"}})
	refused(t, err, "InvalidGrantTokenException", "")
}

// What is wrong with a request is told in an error that the operation has.
func TestErrorsOfTheOperation(t *testing.T) {
	_, c := start(t)
	id := createKey(t, c, "", "").KeyId
	_, err := c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: id, GrantTokens: []string{"x"}})
	refused(t, err, "ValidationException", "grant token")
	_, err = c.ListKeyPolicies(t.Context(), &kms.ListKeyPoliciesInput{KeyId: id, Marker: aws.String("x")})
	refused(t, err, "ValidationException", "marker")
	colon := aws.String("alias/a:b")
	_, err = c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: colon, TargetKeyId: id})
	refused(t, err, "ValidationException", "")
	_, err = c.UpdateAlias(t.Context(), &kms.UpdateAliasInput{AliasName: colon, TargetKeyId: id})
	refused(t, err, "NotFoundException", "alias/a:b")
	_, err = c.DeleteAlias(t.Context(), &kms.DeleteAliasInput{AliasName: colon})
	refused(t, err, "NotFoundException", "alias/a:b")
}

func TestCreateKeyErrors(t *testing.T) {
	_, c := start(t)
	for _, bad := range []struct {
		in         kms.CreateKeyInput
		code, text string
	}{
		{kms.CreateKeyInput{KeySpec: types.KeySpecRsa2048}, "ValidationException", "You must specify a KeyUsage value"},
		{kms.CreateKeyInput{KeySpec: types.KeySpecHmac256, KeyUsage: types.KeyUsageTypeSignVerify}, "ValidationException", "KeyUsage SIGN_VERIFY is not compatible with KeySpec HMAC_256"},
		{kms.CreateKeyInput{KeySpec: types.KeySpecEccSecgP256k1, KeyUsage: types.KeyUsageTypeKeyAgreement}, "ValidationException", "KeyUsage KEY_AGREEMENT is not compatible with KeySpec ECC_SECG_P256K1"},
		{kms.CreateKeyInput{KeySpec: types.KeySpecMlKem768, KeyUsage: types.KeyUsageTypeKeyAgreement}, "ValidationException", "KeyUsage KEY_AGREEMENT is not compatible with KeySpec ML_KEM_768"},
		{kms.CreateKeyInput{KeySpec: types.KeySpecSm2, KeyUsage: types.KeyUsageTypeSignVerify}, "UnsupportedOperationException", "KeySpec SM2 is not supported in this Region."},
		{kms.CreateKeyInput{KeySpec: "NONSENSE"}, "ValidationException", "Member must satisfy enum value set"},
		{kms.CreateKeyInput{MultiRegion: aws.Bool(true), Origin: types.OriginTypeAwsCloudhsm, CustomKeyStoreId: aws.String("cks-12345678901234567")}, "UnsupportedOperationException", "Multi-Region"},
		{kms.CreateKeyInput{Origin: types.OriginTypeExternalKeyStore}, "UnsupportedOperationException", "EXTERNAL_KEY_STORE"},
		{kms.CreateKeyInput{Origin: types.OriginTypeExternal, CustomKeyStoreId: aws.String("cks-12345678901234567")}, "ValidationException", "CustomKeyStoreId"},
		{kms.CreateKeyInput{Origin: types.OriginTypeAwsCloudhsm}, "ValidationException", "CustomKeyStoreId"},
		{kms.CreateKeyInput{Origin: types.OriginTypeAwsCloudhsm, CustomKeyStoreId: aws.String("cks-12345678901234567")}, "CustomKeyStoreNotFoundException", ""},
		{kms.CreateKeyInput{Policy: aws.String("{")}, "MalformedPolicyDocumentException", ""},
		{kms.CreateKeyInput{Policy: aws.String(keyPolicy("arn:aws:iam::000000000000:user/nobody"))}, "MalformedPolicyDocumentException", "invalid principals"},
		{kms.CreateKeyInput{Policy: aws.String(keyPolicy("arn:aws:iam::111111111111:root"))}, "MalformedPolicyDocumentException", "will not allow you to update the key policy in the future"},
		{kms.CreateKeyInput{Tags: []types.Tag{{TagKey: aws.String("aws:x"), TagValue: aws.String("y")}}}, "TagException", "aws:"},
	} {
		_, err := c.CreateKey(t.Context(), &bad.in)
		refused(t, err, bad.code, bad.text)
	}
	if keys := must[*kms.ListKeysOutput](t)(c.ListKeys(t.Context(), nil)).Keys; len(keys) != 0 {
		t.Errorf("%d keys were made all the same", len(keys))
	}
}

func keyPolicy(principal string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + principal + `"},"Action":"kms:*","Resource":"*"}]}`
}

// "If you provide a key policy, it must … allow the calling principal to make a subsequent PutKeyPolicy request": the default one need not.
//
// https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateKey.html
func TestLockoutCheckIsOfGivenPolicies(t *testing.T) {
	e, _ := start(t)
	bob := kms.NewFromConfig(newUser(t, e, e.Config(), "bob", `{"Effect":"Allow","Action":["kms:CreateKey","kms:ReplicateKey"],"Resource":"*"}`))
	key := must[*kms.CreateKeyOutput](t)(bob.CreateKey(t.Context(), &kms.CreateKeyInput{MultiRegion: aws.Bool(true)})).KeyMetadata
	must[*kms.ReplicateKeyOutput](t)(bob.ReplicateKey(t.Context(), &kms.ReplicateKeyInput{KeyId: key.KeyId, ReplicaRegion: aws.String("eu-west-1")}))
	given := keyPolicy("arn:aws:iam::000000000000:root")
	_, err := bob.CreateKey(t.Context(), &kms.CreateKeyInput{Policy: &given})
	refused(t, err, "MalformedPolicyDocumentException", "will not allow you to update the key policy in the future")
}

// The states of a key and what they refuse.
func TestStates(t *testing.T) {
	e, c := start(t)
	key := createKey(t, c, "", "")
	encrypt := func() error {
		_, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("x")})
		return err
	}
	state := func(want types.KeyState) {
		t.Helper()
		out, err := c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: key.KeyId})
		if err != nil || out.KeyMetadata.KeyState != want || out.KeyMetadata.Enabled != (want == types.KeyStateEnabled) {
			t.Errorf("%v, want %s: %v", out, want, err)
		}
	}
	state(types.KeyStateEnabled)
	must[*kms.DisableKeyOutput](t)(c.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: key.KeyId}))
	state(types.KeyStateDisabled)
	refused(t, encrypt(), "DisabledException", *key.Arn+" is disabled.")
	must[*kms.EnableKeyOutput](t)(c.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: key.KeyId}))
	_, err := c.CancelKeyDeletion(t.Context(), &kms.CancelKeyDeletionInput{KeyId: key.KeyId})
	refused(t, err, "KMSInvalidStateException", "is not pending deletion")
	_, err = c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: key.KeyId, PendingWindowInDays: aws.Int32(3)})
	refused(t, err, "ValidationException", "")
	must[*kms.CreateAliasOutput](t)(c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/x"), TargetKeyId: key.KeyId}))
	scheduled := must[*kms.ScheduleKeyDeletionOutput](t)(c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: key.KeyId, PendingWindowInDays: aws.Int32(7)}))
	if days := scheduled.DeletionDate.Sub(e.Clock.Now()).Hours() / 24; days < 6.9 || days > 7.1 {
		t.Errorf("deletion in %f days", days)
	}
	state(types.KeyStatePendingDeletion)
	refused(t, encrypt(), "KMSInvalidStateException", *key.Arn+" is pending deletion.")
	_, err = c.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: key.KeyId})
	refused(t, err, "KMSInvalidStateException", "is pending deletion")
	_, err = c.TagResource(t.Context(), &kms.TagResourceInput{KeyId: key.KeyId, Tags: []types.Tag{{TagKey: aws.String("a"), TagValue: aws.String("b")}}})
	refused(t, err, "KMSInvalidStateException", "is pending deletion")
	must[*kms.CancelKeyDeletionOutput](t)(c.CancelKeyDeletion(t.Context(), &kms.CancelKeyDeletionInput{KeyId: key.KeyId}))
	state(types.KeyStateDisabled)

	must[*kms.ScheduleKeyDeletionOutput](t)(c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: key.KeyId, PendingWindowInDays: aws.Int32(7)}))
	e.Clock.Advance(7*24*time.Hour + time.Minute)
	refused(t, encrypt(), "NotFoundException", "does not exist")
	if keys := must[*kms.ListKeysOutput](t)(c.ListKeys(t.Context(), nil)).Keys; len(keys) != 0 {
		t.Errorf("listed after its deletion: %v", keys)
	}
	if aliases := must[*kms.ListAliasesOutput](t)(c.ListAliases(t.Context(), nil)).Aliases; len(aliases) != awsManaged {
		t.Errorf("listed after the deletion of its key: %v", aliases)
	}
	createKey(t, c, "", "") // a write destroys what is due
	e.Clock.Reset()
	refused(t, encrypt(), "NotFoundException", "does not exist")
	if err := func() error {
		other := createKey(t, c, "", "")
		_, err := c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/x"), TargetKeyId: other.KeyId})
		return err
	}(); err != nil {
		t.Errorf("the alias of the destroyed key is not free: %v", err)
	}
}

func TestKeyPoliciesAndTags(t *testing.T) {
	e, c := start(t)
	key := createKey(t, c, "", "")
	policy := *must[*kms.GetKeyPolicyOutput](t)(c.GetKeyPolicy(t.Context(), &kms.GetKeyPolicyInput{KeyId: key.KeyId})).Policy
	if !strings.HasPrefix(policy, "{\n  \"Version\" : \"2012-10-17\",\n  \"Id\" : \"key-default-1\",") {
		t.Errorf("the default policy: %s", policy)
	}
	people := iam.NewFromConfig(e.Config())
	must[*iam.CreateUserOutput](t)(people.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("bob")}))
	bobKey := must[*iam.CreateAccessKeyOutput](t)(people.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("bob")})).AccessKey
	bob := kms.NewFromConfig(e.ConfigWith(*bobKey.AccessKeyId, *bobKey.SecretAccessKey, "", emulatortest.Region))
	put := func(text string, bypass bool) error {
		_, err := c.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: key.KeyId, Policy: &text, BypassPolicyLockoutSafetyCheck: bypass})
		return err
	}
	encrypt := func(c *kms.Client) error {
		_, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("x")})
		return err
	}
	refused(t, encrypt(bob), "AccessDeniedException", "because no identity-based policy allows the kms:Encrypt action")
	only := keyPolicy("arn:aws:iam::000000000000:user/bob")
	refused(t, put(only, false), "MalformedPolicyDocumentException", "will not allow you to update")
	if err := put(only, true); err != nil {
		t.Fatal(err)
	}
	if err := encrypt(bob); err != nil {
		t.Errorf("bob, whom the key policy names: %v", err)
	}
	refused(t, encrypt(c), "AccessDeniedException", "because no resource-based policy allows the kms:Encrypt action")
	if got := *must[*kms.GetKeyPolicyOutput](t)(bob.GetKeyPolicy(t.Context(), &kms.GetKeyPolicyInput{KeyId: key.KeyId})).Policy; got != only {
		t.Errorf("the policy came back as %s", got)
	}
	// Another user of the same name is not the one that the policy means.
	must[*iam.DeleteAccessKeyOutput](t)(people.DeleteAccessKey(t.Context(), &iam.DeleteAccessKeyInput{UserName: aws.String("bob"), AccessKeyId: bobKey.AccessKeyId}))
	must[*iam.DeleteUserOutput](t)(people.DeleteUser(t.Context(), &iam.DeleteUserInput{UserName: aws.String("bob")}))
	must[*iam.CreateUserOutput](t)(people.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("bob")}))
	bobKey = must[*iam.CreateAccessKeyOutput](t)(people.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("bob")})).AccessKey
	refused(t, encrypt(kms.NewFromConfig(e.ConfigWith(*bobKey.AccessKeyId, *bobKey.SecretAccessKey, "", emulatortest.Region))), "AccessDeniedException", "")

	key = createKey(t, c, "", "")
	tag := func(tags ...string) error {
		in := &kms.TagResourceInput{KeyId: key.KeyId}
		for i := 0; i < len(tags); i += 2 {
			in.Tags = append(in.Tags, types.Tag{TagKey: &tags[i], TagValue: &tags[i+1]})
		}
		_, err := c.TagResource(t.Context(), in)
		return err
	}
	if err := tag("a", "1", "b", "2"); err != nil {
		t.Fatal(err)
	}
	refused(t, tag("a", "1", "a", "2"), "TagException", "Duplicate")
	for _, text := range []string{"My & My Team", `"`, "<a>", "{}", "a\tb", "a,b", "☃"} { // the first by a user's report
		refused(t, tag("a", text), "TagException", "Invalid tag")
		refused(t, tag(text, "a"), "TagException", "Invalid tag")
	}
	must[*kms.UntagResourceOutput](t)(c.UntagResource(t.Context(), &kms.UntagResourceInput{KeyId: key.KeyId, TagKeys: []string{"a"}}))
	tags := must[*kms.ListResourceTagsOutput](t)(c.ListResourceTags(t.Context(), &kms.ListResourceTagsInput{KeyId: key.KeyId})).Tags
	if len(tags) != 1 || *tags[0].TagKey != "b" {
		t.Errorf("tags %v", tags)
	}
	_, err := c.GetKeyPolicy(t.Context(), &kms.GetKeyPolicyInput{KeyId: key.KeyId, PolicyName: aws.String("other")})
	refused(t, err, "NotFoundException", "No such policy exists")
	_, err = c.GetKeyPolicy(t.Context(), &kms.GetKeyPolicyInput{KeyId: key.KeyId, PolicyName: aws.String("AWS_RAM")})
	refused(t, err, "NotFoundException", "No such policy exists")
	_, err = c.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: key.KeyId, PolicyName: aws.String("AWS_RAM"), Policy: aws.String("{}")})
	refused(t, err, "ValidationException", "The AWS_RAM policy can only be managed by the RAM service.")
	if names := must[*kms.ListKeyPoliciesOutput](t)(c.ListKeyPolicies(t.Context(), &kms.ListKeyPoliciesInput{KeyId: key.KeyId})).PolicyNames; len(names) != 1 || names[0] != "default" {
		t.Errorf("policies %v", names)
	}
}

// Conditions on the key's aliases, and on the one that the request used.
func TestAliasConditions(t *testing.T) {
	e, c := start(t)
	key := createKey(t, c, "", "")
	must[*kms.CreateAliasOutput](t)(c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/app"), TargetKeyId: key.KeyId}))
	people := iam.NewFromConfig(e.Config())
	must[*iam.CreateUserOutput](t)(people.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("bob")}))
	k := must[*iam.CreateAccessKeyOutput](t)(people.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("bob")})).AccessKey
	bob := kms.NewFromConfig(e.ConfigWith(*k.AccessKeyId, *k.SecretAccessKey, "", emulatortest.Region))
	for condition, allowed := range map[string]map[string]bool{
		`"ForAnyValue:StringEquals":{"kms:ResourceAliases":"alias/app"}`:   {"alias/app": true, *key.KeyId: true},
		`"StringEquals":{"kms:RequestAlias":"alias/app"}`:                  {"alias/app": true, *key.KeyId: false},
		`"ForAnyValue:StringEquals":{"kms:ResourceAliases":"alias/other"}`: {"alias/app": false, *key.KeyId: false},
	} {
		document := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:Encrypt","Resource":"*","Condition":{` + condition + `}}]}`
		must[*iam.PutUserPolicyOutput](t)(people.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: aws.String("bob"), PolicyName: aws.String("p"), PolicyDocument: &document}))
		for id, want := range allowed {
			if _, err := bob.Encrypt(t.Context(), &kms.EncryptInput{KeyId: &id, Plaintext: []byte("x")}); (err == nil) != want {
				t.Errorf("%s with %s: %v", condition, id, err)
			}
		}
	}
}

func TestCrossAccount(t *testing.T) {
	e, c := start(t)
	other := kms.NewFromConfig(e.ConfigWith("111111111111", "test", "", emulatortest.Region))
	key := createKey(t, c, "", "")
	encrypt := func() error {
		_, err := other.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.Arn, Plaintext: []byte("x")})
		return err
	}
	refused(t, encrypt(), "AccessDeniedException", "arn:aws:iam::111111111111:root is not authorized to perform: kms:Encrypt on this resource because")
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["000000000000","111111111111"]},"Action":"kms:*","Resource":"*"}]}`
	must[*kms.PutKeyPolicyOutput](t)(c.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: key.KeyId, Policy: &policy}))
	if err := encrypt(); err != nil {
		t.Errorf("after the key policy lets the account in: %v", err)
	}
	_, err := other.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: key.Arn})
	refused(t, err, "AccessDeniedException", "")
}

const trustAnchor = `-----BEGIN CERTIFICATE-----
MIIBdzCCAR2gAwIBAgIBATAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDEwR0ZXN0MCAX
-----END CERTIFICATE-----`

// certificate returns a self-signed certificate in PEM form.
func TestListKeysPages(t *testing.T) {
	_, c := start(t)
	for range 5 {
		createKey(t, c, "", "")
	}
	p := kms.NewListKeysPaginator(c, &kms.ListKeysInput{Limit: aws.Int32(2)})
	seen := make(map[string]bool)
	pages := 0
	for ; p.HasMorePages(); pages++ {
		for _, k := range must[*kms.ListKeysOutput](t)(p.NextPage(t.Context())).Keys {
			seen[*k.KeyId] = true
		}
	}
	if len(seen) != 5 || pages != 3 {
		t.Errorf("%d keys on %d pages", len(seen), pages)
	}
	_, err := c.ListKeys(t.Context(), &kms.ListKeysInput{Marker: aws.String("!")})
	refused(t, err, "InvalidMarkerException", "")
}
