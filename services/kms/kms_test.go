package kms_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
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
		if _, err := decrypt(flipped, context, nil); err == nil {
			t.Errorf("byte %d flipped: decrypted", i)
		} else {
			refused(t, err, "InvalidCiphertextException", "")
		}
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
	refused(t, err, "NotFoundException", "Invalid keyId 'alias/app'")
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
			names = append(names, *a.AliasName)
		}
	}
	if len(names) != 8 || pages != 3 {
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
func TestSignaturesVerifyOutside(t *testing.T) {
	_, c := start(t)
	message := []byte("a message")
	digest := sha256.Sum256(message)
	for _, spec := range []types.KeySpec{types.KeySpecRsa2048, types.KeySpecEccNistP256, types.KeySpecEccNistP384, types.KeySpecEccNistP521, types.KeySpecEccNistEdwards25519} {
		key := createKey(t, c, spec, types.KeyUsageTypeSignVerify)
		public := must[*kms.GetPublicKeyOutput](t)(c.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: key.KeyId}))
		parsed, err := x509.ParsePKIXPublicKey(public.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		for _, algorithm := range key.SigningAlgorithms {
			in := &kms.SignInput{KeyId: key.KeyId, Message: message, SigningAlgorithm: algorithm}
			if algorithm == types.SigningAlgorithmSpecEd25519PhSha512 {
				in.Message, in.MessageType = make([]byte, 64), types.MessageTypeDigest
			}
			signature := must[*kms.SignOutput](t)(c.Sign(t.Context(), in)).Signature
			verify := func(message, signature []byte) error {
				_, err := c.Verify(t.Context(), &kms.VerifyInput{KeyId: key.KeyId, Message: message, MessageType: in.MessageType, SigningAlgorithm: algorithm, Signature: signature})
				return err
			}
			if err := verify(in.Message, signature); err != nil {
				t.Errorf("%s %s: %v", spec, algorithm, err)
			}
			flipped := bytes.Clone(in.Message)
			flipped[0] ^= 1
			refused(t, verify(flipped, signature), "KMSInvalidSignatureException", "")
			switch algorithm {
			case types.SigningAlgorithmSpecEcdsaSha256:
				if !ecdsa.VerifyASN1(parsed.(*ecdsa.PublicKey), digest[:], signature) {
					t.Error("ECDSA does not verify outside")
				}
			case types.SigningAlgorithmSpecRsassaPkcs1V15Sha256:
				if err := rsa.VerifyPKCS1v15(parsed.(*rsa.PublicKey), crypto.SHA256, digest[:], signature); err != nil {
					t.Error(err)
				}
			case types.SigningAlgorithmSpecRsassaPssSha256:
				if err := rsa.VerifyPSS(parsed.(*rsa.PublicKey), crypto.SHA256, digest[:], signature, nil); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

func TestSigningErrors(t *testing.T) {
	_, c := start(t)
	ecc, symmetric := createKey(t, c, types.KeySpecEccNistP256, types.KeyUsageTypeSignVerify), createKey(t, c, "", "")
	sign := func(key *types.KeyMetadata, algorithm types.SigningAlgorithmSpec, message []byte, mt types.MessageType) error {
		_, err := c.Sign(t.Context(), &kms.SignInput{KeyId: key.KeyId, Message: message, MessageType: mt, SigningAlgorithm: algorithm})
		return err
	}
	refused(t, sign(symmetric, types.SigningAlgorithmSpecEcdsaSha256, []byte("x"), ""), "InvalidKeyUsageException", "key usage is ENCRYPT_DECRYPT which is not valid for signing")
	refused(t, sign(ecc, types.SigningAlgorithmSpecEcdsaSha384, []byte("x"), ""), "InvalidKeyUsageException", "incompatible with key spec ECC_NIST_P256")
	refused(t, sign(ecc, types.SigningAlgorithmSpecEcdsaSha256, []byte("short"), types.MessageTypeDigest), "ValidationException", "Digest is invalid length for algorithm ECDSA_SHA_256.")
	refused(t, sign(ecc, types.SigningAlgorithmSpecEcdsaSha256, make([]byte, 4097), ""), "ValidationException", "Value at 'message' failed to satisfy constraint: Member must have length less than or equal to 4096")
	_, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: ecc.KeyId, Plaintext: []byte("x")})
	refused(t, err, "InvalidKeyUsageException", "")
	_, err = c.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: symmetric.KeyId})
	refused(t, err, "UnsupportedOperationException", "")
	_, err = c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: symmetric.KeyId, Plaintext: make([]byte, 4097)})
	refused(t, err, "ValidationException", "Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4096")
}

func TestRSAEncryption(t *testing.T) {
	_, c := start(t)
	key := createKey(t, c, types.KeySpecRsa2048, types.KeyUsageTypeEncryptDecrypt)
	for _, algorithm := range []types.EncryptionAlgorithmSpec{types.EncryptionAlgorithmSpecRsaesOaepSha1, types.EncryptionAlgorithmSpecRsaesOaepSha256} {
		out := must[*kms.EncryptOutput](t)(c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("hello"), EncryptionAlgorithm: algorithm}))
		in := &kms.DecryptInput{KeyId: key.KeyId, CiphertextBlob: out.CiphertextBlob, EncryptionAlgorithm: algorithm}
		plain := must[*kms.DecryptOutput](t)(c.Decrypt(t.Context(), in))
		if string(plain.Plaintext) != "hello" {
			t.Errorf("%s: %q", algorithm, plain.Plaintext)
		}
		in.KeyId = nil
		_, err := c.Decrypt(t.Context(), in)
		refused(t, err, "ValidationException", "key ID is required")
	}
	_, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: make([]byte, 300), EncryptionAlgorithm: types.EncryptionAlgorithmSpecRsaesOaepSha256})
	refused(t, err, "ValidationException", "too long")
	_, err = c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("x"), EncryptionAlgorithm: types.EncryptionAlgorithmSpecRsaesOaepSha256, EncryptionContext: map[string]string{"a": "b"}})
	refused(t, err, "ValidationException", "EncryptionContext")
	_, err = c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("x")})
	refused(t, err, "InvalidKeyUsageException", "SYMMETRIC_DEFAULT is incompatible")
}

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

func TestMac(t *testing.T) {
	_, c := start(t)
	for _, spec := range []types.KeySpec{types.KeySpecHmac224, types.KeySpecHmac256, types.KeySpecHmac384, types.KeySpecHmac512} {
		key := createKey(t, c, spec, types.KeyUsageTypeGenerateVerifyMac)
		algorithm := key.MacAlgorithms[0]
		mac := must[*kms.GenerateMacOutput](t)(c.GenerateMac(t.Context(), &kms.GenerateMacInput{KeyId: key.KeyId, MacAlgorithm: algorithm, Message: []byte("x")})).Mac
		verify := func(message string) error {
			_, err := c.VerifyMac(t.Context(), &kms.VerifyMacInput{KeyId: key.KeyId, MacAlgorithm: algorithm, Message: []byte(message), Mac: mac})
			return err
		}
		if err := verify("x"); err != nil {
			t.Errorf("%s: %v", spec, err)
		}
		refused(t, verify("y"), "KMSInvalidMacException", "")
	}
	symmetric := createKey(t, c, "", "")
	_, err := c.GenerateMac(t.Context(), &kms.GenerateMacInput{KeyId: symmetric.KeyId, MacAlgorithm: types.MacAlgorithmSpecHmacSha256, Message: []byte("x")})
	refused(t, err, "InvalidKeyUsageException", "")
}

func TestCreateKeyErrors(t *testing.T) {
	_, c := start(t)
	for _, bad := range []struct {
		in         kms.CreateKeyInput
		code, text string
	}{
		{kms.CreateKeyInput{KeySpec: types.KeySpecRsa2048}, "ValidationException", "You must specify a KeyUsage value"},
		{kms.CreateKeyInput{KeySpec: types.KeySpecHmac256, KeyUsage: types.KeyUsageTypeSignVerify}, "ValidationException", "KeyUsage SIGN_VERIFY is not compatible with KeySpec HMAC_256"},
		{kms.CreateKeyInput{KeySpec: types.KeySpecEccSecgP256k1, KeyUsage: types.KeyUsageTypeSignVerify}, "UnsupportedOperationException", "ECC_SECG_P256K1"},
		{kms.CreateKeyInput{KeySpec: "NONSENSE"}, "ValidationException", "Member must satisfy enum value set"},
		{kms.CreateKeyInput{MultiRegion: aws.Bool(true)}, "UnsupportedOperationException", "Multi-Region"},
		{kms.CreateKeyInput{Origin: types.OriginTypeExternal}, "UnsupportedOperationException", "EXTERNAL"},
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
	if aliases := must[*kms.ListAliasesOutput](t)(c.ListAliases(t.Context(), nil)).Aliases; len(aliases) != 0 {
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
	must[*kms.UntagResourceOutput](t)(c.UntagResource(t.Context(), &kms.UntagResourceInput{KeyId: key.KeyId, TagKeys: []string{"a"}}))
	tags := must[*kms.ListResourceTagsOutput](t)(c.ListResourceTags(t.Context(), &kms.ListResourceTagsInput{KeyId: key.KeyId})).Tags
	if len(tags) != 1 || *tags[0].TagKey != "b" {
		t.Errorf("tags %v", tags)
	}
	_, err := c.GetKeyPolicy(t.Context(), &kms.GetKeyPolicyInput{KeyId: key.KeyId, PolicyName: aws.String("other")})
	refused(t, err, "NotFoundException", "No such policy exists")
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
	refused(t, encrypt(), "AccessDeniedException", "arn:aws:iam::111111111111:root is not authorized to perform: kms:Encrypt on resource: "+*key.Arn)
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
func certificate(t *testing.T) string {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestCustomKeyStores(t *testing.T) {
	e, c := start(t)
	in := func(name, cluster string) *kms.CreateCustomKeyStoreInput {
		return &kms.CreateCustomKeyStoreInput{
			CustomKeyStoreName: &name, CloudHsmClusterId: &cluster, KeyStorePassword: aws.String("kmsPswd"),
			TrustAnchorCertificate: aws.String(certificate(t)), CustomKeyStoreType: types.CustomKeyStoreTypeAwsCloudhsm,
		}
	}
	create := func(in *kms.CreateCustomKeyStoreInput) error {
		_, err := c.CreateCustomKeyStore(t.Context(), in)
		return err
	}
	id := must[*kms.CreateCustomKeyStoreOutput](t)(c.CreateCustomKeyStore(t.Context(), in("one", "cluster-abcdefghijk"))).CustomKeyStoreId
	refused(t, create(in("one", "cluster-abcdefghijm")), "CustomKeyStoreNameInUseException", "")
	refused(t, create(in("two", "cluster-abcdefghijk")), "CloudHsmClusterInUseException", "")
	refused(t, create(in("two", "nonsense-cluster-abc")), "ValidationException", "cloudHsmClusterId")
	bad := in("two", "cluster-abcdefghijm")
	bad.TrustAnchorCertificate = aws.String(trustAnchor)
	refused(t, create(bad), "IncorrectTrustAnchorException", "")
	bad = in("two", "cluster-abcdefghijm")
	bad.CustomKeyStoreType = types.CustomKeyStoreTypeExternalKeyStore
	refused(t, create(bad), "UnsupportedOperationException", "External")
	refused(t, create(&kms.CreateCustomKeyStoreInput{CustomKeyStoreName: aws.String("two")}), "ValidationException", "required")

	createIn := &kms.CreateKeyInput{Origin: types.OriginTypeAwsCloudhsm, CustomKeyStoreId: id}
	_, err := c.CreateKey(t.Context(), createIn)
	refused(t, err, "CustomKeyStoreInvalidStateException", "")
	_, err = c.DisconnectCustomKeyStore(t.Context(), &kms.DisconnectCustomKeyStoreInput{CustomKeyStoreId: id})
	refused(t, err, "CustomKeyStoreInvalidStateException", "")
	connect := func() {
		t.Helper()
		must[*kms.ConnectCustomKeyStoreOutput](t)(c.ConnectCustomKeyStore(t.Context(), &kms.ConnectCustomKeyStoreInput{CustomKeyStoreId: id}))
	}
	connect()
	_, err = c.ConnectCustomKeyStore(t.Context(), &kms.ConnectCustomKeyStoreInput{CustomKeyStoreId: id})
	refused(t, err, "CustomKeyStoreInvalidStateException", "")
	_, err = c.CreateKey(t.Context(), &kms.CreateKeyInput{Origin: types.OriginTypeAwsCloudhsm, CustomKeyStoreId: id, KeySpec: types.KeySpecRsa2048, KeyUsage: types.KeyUsageTypeSignVerify})
	refused(t, err, "UnsupportedOperationException", "symmetric")
	key := must[*kms.CreateKeyOutput](t)(c.CreateKey(t.Context(), createIn)).KeyMetadata
	if *key.CustomKeyStoreId != *id || *key.CloudHsmClusterId != "cluster-abcdefghijk" || key.Origin != types.OriginTypeAwsCloudhsm {
		t.Errorf("key %+v", key)
	}
	blob := must[*kms.EncryptOutput](t)(c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("hello")})).CiphertextBlob
	decrypt := func() error {
		out, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob})
		if err == nil && string(out.Plaintext) != "hello" {
			t.Errorf("decrypted %q", out.Plaintext)
		}
		return err
	}
	if err := decrypt(); err != nil {
		t.Error(err)
	}
	must[*kms.DisconnectCustomKeyStoreOutput](t)(c.DisconnectCustomKeyStore(t.Context(), &kms.DisconnectCustomKeyStoreInput{CustomKeyStoreId: id}))
	refused(t, decrypt(), "KMSInvalidStateException", "is unavailable")
	if out := must[*kms.DescribeKeyOutput](t)(c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: key.KeyId})); out.KeyMetadata.KeyState != types.KeyStateUnavailable {
		t.Errorf("state %s", out.KeyMetadata.KeyState)
	}
	_, err = c.DeleteCustomKeyStore(t.Context(), &kms.DeleteCustomKeyStoreInput{CustomKeyStoreId: id})
	refused(t, err, "CustomKeyStoreHasCMKsException", "")
	connect()
	if err := decrypt(); err != nil {
		t.Errorf("connected again: %v", err)
	}
	stores := must[*kms.DescribeCustomKeyStoresOutput](t)(c.DescribeCustomKeyStores(t.Context(), &kms.DescribeCustomKeyStoresInput{CustomKeyStoreName: aws.String("one")})).CustomKeyStores
	if len(stores) != 1 || stores[0].ConnectionState != types.ConnectionStateTypeConnected {
		t.Errorf("stores %v", stores)
	}
	_, err = c.DescribeCustomKeyStores(t.Context(), &kms.DescribeCustomKeyStoresInput{CustomKeyStoreName: aws.String("none")})
	refused(t, err, "CustomKeyStoreNotFoundException", "")
	must[*kms.ScheduleKeyDeletionOutput](t)(c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: key.KeyId, PendingWindowInDays: aws.Int32(7)}))
	e.Clock.Advance(8 * 24 * time.Hour)
	_, err = c.DeleteCustomKeyStore(t.Context(), &kms.DeleteCustomKeyStoreInput{CustomKeyStoreId: id})
	refused(t, err, "CustomKeyStoreInvalidStateException", "not disconnected")
	must[*kms.DisconnectCustomKeyStoreOutput](t)(c.DisconnectCustomKeyStore(t.Context(), &kms.DisconnectCustomKeyStoreInput{CustomKeyStoreId: id}))
	must[*kms.DeleteCustomKeyStoreOutput](t)(c.DeleteCustomKeyStore(t.Context(), &kms.DeleteCustomKeyStoreInput{CustomKeyStoreId: id}))
	_, err = c.ConnectCustomKeyStore(t.Context(), &kms.ConnectCustomKeyStoreInput{CustomKeyStoreId: id})
	refused(t, err, "CustomKeyStoreNotFoundException", "")
}

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
