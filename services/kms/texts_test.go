package kms_test

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
)

// AWS's codes and texts, and where they are from. What Floci measured stands in its tests (KmsIntegrationTest.java). "recorded" is what LocalStack recorded from AWS (tests/aws/services/kms/test_kms.snapshot.json).
func TestTexts(t *testing.T) {
	_, c := start(t)
	ctx := t.Context()
	symmetric, signing := createKey(t, c, "", ""), createKey(t, c, types.KeySpecEccNistP256, types.KeyUsageTypeSignVerify)
	mac := createKey(t, c, types.KeySpecHmac256, types.KeyUsageTypeGenerateVerifyMac)
	oaep := createKey(t, c, types.KeySpecRsa2048, types.KeyUsageTypeEncryptDecrypt)
	blob := must[*kms.EncryptOutput](t)(c.Encrypt(ctx, &kms.EncryptInput{KeyId: symmetric.KeyId, Plaintext: []byte("x")})).CiphertextBlob
	some := make([]byte, 32)
	edwards, mlDSA := createKey(t, c, types.KeySpecEccNistEdwards25519, types.KeyUsageTypeSignVerify), createKey(t, c, types.KeySpecMlDsa44, types.KeyUsageTypeSignVerify)
	disabledSigning, disabledOAEP := createKey(t, c, types.KeySpecEccNistP256, types.KeyUsageTypeSignVerify), createKey(t, c, types.KeySpecRsa2048, types.KeyUsageTypeEncryptDecrypt)
	disabledMAC := createKey(t, c, types.KeySpecHmac256, types.KeyUsageTypeGenerateVerifyMac)
	for _, k := range []*types.KeyMetadata{disabledSigning, disabledOAEP, disabledMAC} {
		must[*kms.DisableKeyOutput](t)(c.DisableKey(ctx, &kms.DisableKeyInput{KeyId: k.KeyId}))
	}
	disabled := func(k *types.KeyMetadata) string { return *k.Arn + " is disabled." }
	usage := func(k *types.KeyMetadata, operation string) string {
		return *k.Arn + " key usage is " + string(k.KeyUsage) + " which is not valid for " + operation + "."
	}
	const incorrect = "The key ID in the request does not identify a CMK that can perform this operation."
	encryptOAEP := func(algorithm types.EncryptionAlgorithmSpec, size int) error {
		_, err := c.Encrypt(ctx, &kms.EncryptInput{KeyId: oaep.KeyId, Plaintext: make([]byte, size), EncryptionAlgorithm: algorithm})
		return err
	}
	second := func(_ any, err error) error { return err }
	tag := []types.Tag{{TagKey: aws.String("AWS:x"), TagValue: aws.String("y")}}
	for _, test := range []struct {
		name, source string
		err          error
		code, text   string
	}{
		{"Decrypt with a signing key", "recorded", second(c.Decrypt(ctx, &kms.DecryptInput{KeyId: signing.KeyId, CiphertextBlob: blob})), "IncorrectKeyException", incorrect},
		{"Decrypt with a MAC key", "recorded", second(c.Decrypt(ctx, &kms.DecryptInput{KeyId: mac.KeyId, CiphertextBlob: blob})), "IncorrectKeyException", incorrect},
		{"Decrypt with an RSA key", "its kind", second(c.Decrypt(ctx, &kms.DecryptInput{KeyId: oaep.KeyId, CiphertextBlob: blob})), "IncorrectKeyException", incorrect},
		{"ReEncrypt with a MAC key", "its kind", second(c.ReEncrypt(ctx, &kms.ReEncryptInput{SourceKeyId: mac.KeyId, DestinationKeyId: symmetric.KeyId, CiphertextBlob: blob})), "IncorrectKeyException", incorrect},
		{"ReEncrypt to a MAC key", "its kind", second(c.ReEncrypt(ctx, &kms.ReEncryptInput{DestinationKeyId: mac.KeyId, CiphertextBlob: blob})), "InvalidKeyUsageException", usage(mac, "ReEncrypt")},
		{"Encrypt", "recorded", second(c.Encrypt(ctx, &kms.EncryptInput{KeyId: signing.KeyId, Plaintext: some})), "InvalidKeyUsageException", usage(signing, "Encrypt")},
		{"Decrypt with OAEP", "its kind", second(c.Decrypt(ctx, &kms.DecryptInput{KeyId: signing.KeyId, CiphertextBlob: some, EncryptionAlgorithm: "RSAES_OAEP_SHA_256"})), "InvalidKeyUsageException", usage(signing, "Decrypt")},
		{"Sign", "recorded", second(c.Sign(ctx, &kms.SignInput{KeyId: mac.KeyId, Message: some, SigningAlgorithm: "ECDSA_SHA_256"})), "InvalidKeyUsageException", usage(mac, "Sign")},
		{"Verify", "recorded", second(c.Verify(ctx, &kms.VerifyInput{KeyId: symmetric.KeyId, Message: some, Signature: some, SigningAlgorithm: "ECDSA_SHA_256"})), "InvalidKeyUsageException", usage(symmetric, "Verify")},
		{"GenerateMac", "recorded", second(c.GenerateMac(ctx, &kms.GenerateMacInput{KeyId: symmetric.KeyId, Message: some, MacAlgorithm: "HMAC_SHA_256"})), "InvalidKeyUsageException", usage(symmetric, "GenerateMac")},
		{"VerifyMac", "its kind", second(c.VerifyMac(ctx, &kms.VerifyMacInput{KeyId: signing.KeyId, Message: some, Mac: some, MacAlgorithm: "HMAC_SHA_256"})), "InvalidKeyUsageException", usage(signing, "VerifyMac")},
		{"GenerateDataKey", "its kind", second(c.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: signing.KeyId, KeySpec: "AES_256"})), "InvalidKeyUsageException", usage(signing, "GenerateDataKey")},
		{"GenerateDataKeyPairWithoutPlaintext", "its kind", second(c.GenerateDataKeyPairWithoutPlaintext(ctx, &kms.GenerateDataKeyPairWithoutPlaintextInput{KeyId: mac.KeyId, KeyPairSpec: "ECC_NIST_P256"})),
			"InvalidKeyUsageException", usage(mac, "GenerateDataKeyPairWithoutPlaintext")},
		{"GenerateDataKey of an RSA key", "Hadoop's and Secrets Manager's troubleshooting", second(c.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: oaep.KeyId, KeySpec: "AES_256"})),
			"InvalidKeyUsageException", "You cannot generate a data key with an asymmetric CMK"},
		{"Encrypt with OAEP and a context", "measured by Floci (floci-io/floci#3038)", second(c.Encrypt(ctx, &kms.EncryptInput{KeyId: oaep.KeyId, Plaintext: some, EncryptionAlgorithm: "RSAES_OAEP_SHA_256", EncryptionContext: map[string]string{"a": "b"}})),
			"ValidationException", "EncryptionContext is not supported when encrypting/decrypting with asymmetric CMKs."},
		{"Encrypt with a disabled signing key", "measured by Floci", second(c.Encrypt(ctx, &kms.EncryptInput{KeyId: disabledSigning.KeyId, Plaintext: some})), "InvalidKeyUsageException", usage(disabledSigning, "Encrypt")},
		{"Sign with a disabled key and another's algorithm", "measured by Floci", second(c.Sign(ctx, &kms.SignInput{KeyId: disabledSigning.KeyId, Message: some, SigningAlgorithm: "ECDSA_SHA_384"})), "DisabledException", disabled(disabledSigning)},
		{"Encrypt with a disabled key and another's algorithm", "measured by Floci", second(c.Encrypt(ctx, &kms.EncryptInput{KeyId: disabledOAEP.KeyId, Plaintext: some})), "DisabledException", disabled(disabledOAEP)},
		{"GenerateDataKey of a disabled RSA key", "measured by Floci", second(c.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: disabledOAEP.KeyId, KeySpec: "AES_256"})), "DisabledException", disabled(disabledOAEP)},
		{"GetPublicKey of a disabled MAC key", "its kind", second(c.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: disabledMAC.KeyId})), "DisabledException", disabled(disabledMAC)},
		{"GetPublicKey of a symmetric key", "measured by Floci", second(c.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: symmetric.KeyId})), "UnsupportedOperationException", ""},
		{"Sign a digest with Ed25519", "measured by Floci", second(c.Sign(ctx, &kms.SignInput{KeyId: edwards.KeyId, Message: some, MessageType: "DIGEST", SigningAlgorithm: "ED25519_SHA_512"})),
			"ValidationException", "Message type DIGEST is incompatible with algorithm ED25519_SHA_512."},
		{"Sign a message with prehashed Ed25519", "measured by Floci", second(c.Sign(ctx, &kms.SignInput{KeyId: edwards.KeyId, Message: some, SigningAlgorithm: "ED25519_PH_SHA_512"})),
			"ValidationException", "Message type RAW is incompatible with algorithm ED25519_PH_SHA_512."},
		{"Sign a digest with ML-DSA", "measured by Floci", second(c.Sign(ctx, &kms.SignInput{KeyId: mlDSA.KeyId, Message: some, MessageType: "DIGEST", SigningAlgorithm: "ML_DSA_SHAKE_256"})),
			"ValidationException", "Message type DIGEST is incompatible with key spec ML_DSA_44."},
		{"DescribeKey of an ARN with no key ID", "measured by Floci", second(c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String("arn:aws:kms:us-east-1:000000000000:key/foo")})), "NotFoundException", "Invalid keyId foo"},
		{"DescribeKey in upper case", "measured by Floci", second(c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String("786CA7CD-B74B-42B3-B887-902AD7AB6429")})),
			"NotFoundException", "Key 'arn:aws:kms:us-east-1:000000000000:key/786CA7CD-B74B-42B3-B887-902AD7AB6429' does not exist"},
		{"Encrypt with no such algorithm", "measured by Floci", second(c.Encrypt(ctx, &kms.EncryptInput{KeyId: symmetric.KeyId, Plaintext: some, EncryptionAlgorithm: "FOO"})),
			"ValidationException", "1 validation error detected: Value 'FOO' at 'encryptionAlgorithm' failed to satisfy constraint: Member must satisfy enum value set: [RSAES_OAEP_SHA_1, RSAES_OAEP_SHA_256, SM2PKE, SYMMETRIC_DEFAULT]"},
		{"Decrypt with OAEP, and no key", "measured by Floci", second(c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: some, EncryptionAlgorithm: "RSAES_OAEP_SHA_256"})), "ValidationException", "KeyId must not be null"},
		{"Decrypt of an RSA ciphertext, and no algorithm", "measured by Floci", second(c.Decrypt(ctx, &kms.DecryptInput{KeyId: oaep.KeyId, CiphertextBlob: make([]byte, 256)})), "InvalidCiphertextException", ""},
		{"OAEP with SHA-256", "recorded", encryptOAEP("RSAES_OAEP_SHA_256", 191), "ValidationException", "Algorithm RSAES_OAEP_SHA_256 and key spec RSA_2048 cannot encrypt data larger than 190 bytes."},
		{"OAEP with SHA-1", "recorded", encryptOAEP("RSAES_OAEP_SHA_1", 215), "ValidationException", "Algorithm RSAES_OAEP_SHA_1 and key spec RSA_2048 cannot encrypt data larger than 214 bytes."},
		{"TagResource", "recorded", second(c.TagResource(ctx, &kms.TagResourceInput{KeyId: mac.KeyId, Tags: tag})), "TagException", "Tags beginning with aws: are reserved"},
		{"CreateKey with tags", "recorded", second(c.CreateKey(ctx, &kms.CreateKeyInput{Tags: tag})), "TagException", "Tags beginning with aws: are reserved"},
		{"CreateAlias", "a user's report", second(c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: aws.String("alias/a:b"), TargetKeyId: mac.KeyId})), "ValidationException", "alias/a:b contains invalid characters for an alias"},
		{"GenerateRandom", "recorded", second(c.GenerateRandom(ctx, nil)), "ValidationException", "NumberOfBytes is required."},
		{"ListAliases", "DescribeKey's", second(c.ListAliases(ctx, &kms.ListAliasesInput{KeyId: aws.String("alias/none")})), "NotFoundException", "Alias arn:aws:kms:us-east-1:000000000000:alias/none is not found."},
		{"MacAlgorithm", "recorded", second(c.GenerateMac(ctx, &kms.GenerateMacInput{KeyId: mac.KeyId, Message: some, MacAlgorithm: "INVALID"})), "ValidationException",
			"1 validation error detected: Value 'INVALID' at 'macAlgorithm' failed to satisfy constraint: Member must satisfy enum value set: [HMAC_SHA_384, HMAC_SHA_256, HMAC_SHA_224, HMAC_SHA_512]"},
		{"KeySpec", "recorded, and what was added since", second(c.CreateKey(ctx, &kms.CreateKeyInput{KeySpec: "HMAC_random"})), "ValidationException",
			"1 validation error detected: Value 'HMAC_random' at 'keySpec' failed to satisfy constraint: Member must satisfy enum value set: [RSA_2048, ECC_NIST_P384, ECC_NIST_P256, ECC_NIST_P521, HMAC_384, RSA_3072, " +
				"ECC_SECG_P256K1, RSA_4096, SYMMETRIC_DEFAULT, HMAC_256, HMAC_224, HMAC_512, SM2, ML_DSA_44, ML_DSA_65, ML_DSA_87, ECC_NIST_EDWARDS25519, ML_KEM_512, ML_KEM_768, ML_KEM_1024]"},
		{"KeyUsage", "recorded, and what was added since", second(c.CreateKey(ctx, &kms.CreateKeyInput{KeySpec: "HMAC_256", KeyUsage: "RANDOM"})), "ValidationException",
			"1 validation error detected: Value 'RANDOM' at 'keyUsage' failed to satisfy constraint: Member must satisfy enum value set: [ENCRYPT_DECRYPT, SIGN_VERIFY, GENERATE_VERIFY_MAC, KEY_AGREEMENT, ENCAPSULATE_DECAPSULATE]"},
	} {
		if e, ok := errors.AsType[smithy.APIError](test.err); !ok || e.ErrorCode() != test.code || e.ErrorMessage() != test.text {
			t.Errorf("%s (%s):\ngot  %v\nwant %s: %s", test.name, test.source, test.err, test.code, test.text)
		}
	}
	for algorithm, size := range map[types.EncryptionAlgorithmSpec]int{"RSAES_OAEP_SHA_256": 190, "RSAES_OAEP_SHA_1": 214} {
		if err := encryptOAEP(algorithm, size); err != nil {
			t.Errorf("%s of as much as there may be: %v", algorithm, err)
		}
	}

	must[*kms.CreateAliasOutput](t)(c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: aws.String("alias/mac"), TargetKeyId: mac.KeyId}))
	list := must[*kms.ListAliasesOutput](t)(c.ListAliases(ctx, &kms.ListAliasesInput{KeyId: aws.String("alias/mac")}))
	if len(list.Aliases) != 1 || *list.Aliases[0].TargetKeyId != *mac.KeyId {
		t.Errorf("aliases of the key of an alias: %+v", list.Aliases)
	}
}
