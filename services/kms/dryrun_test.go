package kms_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"emulator/api/model"
)

const wouldHave = "The request would have succeeded, but the DryRun option is set."

// Every operation that the model gives a DryRun answers it as what would have become of the call: that it may not be made comes first, and
// that it would have succeeded last (https://docs.aws.amazon.com/kms/latest/developerguide/testing-permissions.html).
func TestDryRun(t *testing.T) {
	e, c := start(t)
	nobody := kms.NewFromConfig(newUser(t, e, e.Config(), "nobody", `{"Effect":"Allow","Action":"kms:ListKeys","Resource":"*"}`))
	key, signing, mac := createKey(t, c, "", "").Arn, createKey(t, c, "ECC_NIST_P256", "SIGN_VERIFY").Arn, createKey(t, c, "HMAC_256", "GENERATE_VERIFY_MAC").Arn
	agreeing, sealing := createKey(t, c, "ECC_NIST_P256", "KEY_AGREEMENT").Arn, createKey(t, c, "ML_KEM_768", "ENCAPSULATE_DECAPSULATE").Arn
	x, me := []byte("x"), aws.String("arn:aws:iam::000000000000:root")
	blob := encrypt(t, c, key)
	signature := must[*kms.SignOutput](t)(c.Sign(t.Context(), &kms.SignInput{KeyId: signing, Message: x, SigningAlgorithm: "ECDSA_SHA_256"})).Signature
	tag := must[*kms.GenerateMacOutput](t)(c.GenerateMac(t.Context(), &kms.GenerateMacInput{KeyId: mac, Message: x, MacAlgorithm: "HMAC_SHA_256"})).Mac
	peer := must[*kms.GetPublicKeyOutput](t)(c.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: agreeing})).PublicKey
	sealed := must[*kms.EncapsulateOutput](t)(c.Encapsulate(t.Context(), &kms.EncapsulateInput{KeyId: sealing, EncapsulationAlgorithm: "ML_KEM"})).SharedSecretCiphertextBlob
	grant := must[*kms.CreateGrantOutput](t)(c.CreateGrant(t.Context(), &kms.CreateGrantInput{KeyId: key, GranteePrincipal: me, Operations: []types.GrantOperation{"Decrypt"}})).GrantId
	var tested []string
	for _, in := range []any{
		&kms.CreateGrantInput{KeyId: key, GranteePrincipal: me, Operations: []types.GrantOperation{"Encrypt"}}, &kms.RetireGrantInput{KeyId: key, GrantId: grant}, &kms.RevokeGrantInput{KeyId: key, GrantId: grant},
		&kms.EncryptInput{KeyId: key, Plaintext: x}, &kms.DecryptInput{KeyId: key, CiphertextBlob: blob}, &kms.ReEncryptInput{CiphertextBlob: blob, SourceKeyId: key, DestinationKeyId: key},
		&kms.GenerateDataKeyInput{KeyId: key, KeySpec: "AES_256"}, &kms.GenerateDataKeyWithoutPlaintextInput{KeyId: key, KeySpec: "AES_256"},
		&kms.GenerateDataKeyPairInput{KeyId: key, KeyPairSpec: "ECC_NIST_P256"}, &kms.GenerateDataKeyPairWithoutPlaintextInput{KeyId: key, KeyPairSpec: "ECC_NIST_P256"},
		&kms.SignInput{KeyId: signing, Message: x, SigningAlgorithm: "ECDSA_SHA_256"}, &kms.VerifyInput{KeyId: signing, Message: x, Signature: signature, SigningAlgorithm: "ECDSA_SHA_256"},
		&kms.GenerateMacInput{KeyId: mac, Message: x, MacAlgorithm: "HMAC_SHA_256"}, &kms.VerifyMacInput{KeyId: mac, Message: x, Mac: tag, MacAlgorithm: "HMAC_SHA_256"},
		&kms.DeriveSharedSecretInput{KeyId: agreeing, KeyAgreementAlgorithm: "ECDH", PublicKey: peer}, &kms.EncapsulateInput{KeyId: sealing, EncapsulationAlgorithm: "ML_KEM"},
		&kms.DecapsulateInput{KeyId: sealing, EncapsulationAlgorithm: "ML_KEM", SharedSecretCiphertextBlob: sealed},
	} {
		tested = append(tested, operationOf(in))
		dry, _ := with(in, "DryRun", aws.Bool(true))
		refused(t, call(t, c, dry), "DryRunOperationException", wouldHave)
		refused(t, call(t, nobody, dry), "AccessDeniedException", "is not authorized to perform")
		off, _ := with(in, "DryRun", aws.Bool(false))
		refused(t, call(t, nobody, off), "AccessDeniedException", "is not authorized to perform")
		for member, value := range map[string]any{"KeySpec": types.DataKeySpec(""), "PublicKey": x, "Signature": x, "Mac": make([]byte, 32), "CiphertextBlob": x, "GrantId": aws.String("none"), "EncryptionAlgorithm": types.EncryptionAlgorithmSpecRsaesOaepSha1} {
			if wrong, ok := with(dry, member, value); ok {
				err := call(t, c, wrong)
				if err == nil || err.Error() == call(t, c, dry).Error() {
					t.Errorf("%s with a wrong %s: %v", operationOf(in), member, err)
				}
				now, _ := with(wrong, "DryRun", aws.Bool(false))
				if e, ok := errors.AsType[smithy.APIError](err); ok {
					refused(t, call(t, c, now), e.ErrorCode(), "")
				}
			}
		}
	}
	if grants := must[*kms.ListGrantsOutput](t)(c.ListGrants(t.Context(), &kms.ListGrantsInput{KeyId: key})).Grants; len(grants) != 1 {
		t.Errorf("%d grants", len(grants))
	}
	for _, id := range []*string{key, signing, mac, agreeing, sealing} {
		must[*kms.DisableKeyOutput](t)(c.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: id}))
	}
	for _, in := range []any{&kms.EncryptInput{KeyId: key, Plaintext: x, DryRun: aws.Bool(true)}, &kms.VerifyMacInput{KeyId: mac, Message: x, Mac: tag, MacAlgorithm: "HMAC_SHA_256", DryRun: aws.Bool(true)}} {
		refused(t, call(t, c, in), "DisabledException", "is disabled")
	}
	service, err := model.Load("kms")
	if err != nil {
		t.Fatal(err)
	}
	for name, operation := range service.Operations {
		has := slices.ContainsFunc(operation.Input.Members, func(m model.Member) bool { return m.Name == "DryRun" })
		if has != slices.Contains(tested, name) {
			t.Errorf("%s has a dry run: %v", name, has)
		}
	}
}

// With IGNORE_CIPHERTEXT it is only asked whether the keys may be used so: they have to be named, and whatever ciphertext there is counts for nothing
// (https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html).
func TestDryRunIgnoresCiphertext(t *testing.T) {
	e, c := start(t)
	bob := kms.NewFromConfig(newUser(t, e, e.Config(), "bob", `{"Effect":"Allow","Action":["kms:Decrypt","kms:ReEncryptFrom"],"Resource":"*","Condition":{"StringEquals":{"kms:EncryptionContext:app":"a"}}},
		{"Effect":"Allow","Action":"kms:ReEncryptTo","Resource":"*","Condition":{"Bool":{"kms:ReEncryptOnSameKey":"true"}}}`))
	key, other, rsa := createKey(t, c, "", "").KeyId, createKey(t, c, "", "").KeyId, createKey(t, c, "RSA_2048", "ENCRYPT_DECRYPT").KeyId
	context := map[string]string{"app": "a"}
	ignore := []types.DryRunModifierType{types.DryRunModifierTypeIgnoreCiphertext}
	decrypt := func(c *kms.Client, change func(*kms.DecryptInput)) error {
		in := &kms.DecryptInput{KeyId: key, EncryptionContext: context, DryRun: aws.Bool(true), DryRunModifiers: ignore}
		change(in)
		_, err := c.Decrypt(t.Context(), in)
		return err
	}
	refused(t, decrypt(bob, func(in *kms.DecryptInput) {}), "DryRunOperationException", wouldHave)
	refused(t, decrypt(bob, func(in *kms.DecryptInput) { in.CiphertextBlob = []byte("nonsense") }), "DryRunOperationException", wouldHave)
	refused(t, decrypt(bob, func(in *kms.DecryptInput) { in.CiphertextBlob = encrypt(t, c, other) }), "DryRunOperationException", wouldHave)
	refused(t, decrypt(bob, func(in *kms.DecryptInput) { in.EncryptionContext = nil }), "AccessDeniedException", "kms:Decrypt")
	refused(t, decrypt(c, func(in *kms.DecryptInput) { in.KeyId = nil }), "ValidationException", "A key ID is required")
	refused(t, decrypt(c, func(in *kms.DecryptInput) { in.KeyId = rsa }), "InvalidKeyUsageException", "SYMMETRIC_DEFAULT")
	refused(t, decrypt(c, func(in *kms.DecryptInput) {
		in.KeyId, in.EncryptionAlgorithm, in.EncryptionContext = rsa, types.EncryptionAlgorithmSpecRsaesOaepSha256, nil
	}), "DryRunOperationException", wouldHave)
	// The modifier applies to dry runs, and without it the ciphertext counts.
	for _, dry := range []*bool{nil, aws.Bool(false)} {
		refused(t, decrypt(c, func(in *kms.DecryptInput) { in.DryRun = dry }), "ValidationException", "'ciphertextBlob'")
		refused(t, decrypt(c, func(in *kms.DecryptInput) { in.DryRun, in.CiphertextBlob = dry, []byte("nonsense") }), "InvalidCiphertextException", "")
	}
	refused(t, decrypt(c, func(in *kms.DecryptInput) { in.DryRunModifiers, in.CiphertextBlob = nil, []byte("nonsense") }), "InvalidCiphertextException", "")
	refused(t, decrypt(c, func(in *kms.DecryptInput) { in.DryRunModifiers = []types.DryRunModifierType{"NONE"} }), "ValidationException", "dryRunModifiers")

	reEncrypt := func(c *kms.Client, source, destination *string, change func(*kms.ReEncryptInput)) error {
		in := &kms.ReEncryptInput{SourceKeyId: source, DestinationKeyId: destination, SourceEncryptionContext: context, DryRun: aws.Bool(true), DryRunModifiers: ignore}
		change(in)
		_, err := c.ReEncrypt(t.Context(), in)
		return err
	}
	nothing := func(*kms.ReEncryptInput) {}
	refused(t, reEncrypt(bob, key, key, nothing), "DryRunOperationException", wouldHave)
	refused(t, reEncrypt(bob, key, other, nothing), "AccessDeniedException", "kms:ReEncryptTo")
	refused(t, reEncrypt(bob, key, key, func(in *kms.ReEncryptInput) { in.SourceEncryptionContext = nil }), "AccessDeniedException", "kms:ReEncryptFrom")
	refused(t, reEncrypt(c, nil, other, nothing), "ValidationException", "A key ID is required")
	refused(t, reEncrypt(c, key, rsa, nothing), "InvalidKeyUsageException", "SYMMETRIC_DEFAULT")
	refused(t, reEncrypt(c, key, other, func(in *kms.ReEncryptInput) { in.DryRun = nil }), "ValidationException", "'ciphertextBlob'")
	must[*kms.DisableKeyOutput](t)(c.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: other}))
	refused(t, reEncrypt(c, key, other, nothing), "DisabledException", *other)
}
