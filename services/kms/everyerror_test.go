package kms_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"emulator/api/model"
)

// takeAliases are the operations that take aliases, too.
var takeAliases = []string{
	"Decapsulate", "Decrypt", "DeriveSharedSecret", "DescribeKey", "Encapsulate", "Encrypt", "GenerateDataKey", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext",
	"GenerateDataKeyWithoutPlaintext", "GenerateMac", "GetPublicKey", "ListAliases", "Sign", "Verify", "VerifyMac",
}

func operationOf(in any) string { return strings.TrimSuffix(reflect.TypeOf(in).Elem().Name(), "Input") }

// call calls the operation that an input is of.
func call(t *testing.T, c *kms.Client, in any) error {
	t.Helper()
	err, _ := reflect.ValueOf(c).MethodByName(operationOf(in)).Call([]reflect.Value{reflect.ValueOf(t.Context()), reflect.ValueOf(in)})[1].Interface().(error)
	return err
}

// with returns a copy of an input in which a member, if there is one of the name, is another.
func with(in any, member string, value any) (changed any, ok bool) {
	v := reflect.New(reflect.TypeOf(in).Elem())
	v.Elem().Set(reflect.ValueOf(in).Elem())
	field := v.Elem().FieldByName(member)
	if !field.IsValid() {
		return in, false
	}
	field.Set(reflect.ValueOf(value))
	return v.Interface(), true
}

// The errors that most operations on keys have in common.
func TestErrorsOfKeyOperations(t *testing.T) {
	_, c := start(t)
	key, signing, mac := createKey(t, c, "", ""), createKey(t, c, types.KeySpecEccNistP256, types.KeyUsageTypeSignVerify), createKey(t, c, types.KeySpecHmac256, types.KeyUsageTypeGenerateVerifyMac)
	agreeing, sealing := createKey(t, c, types.KeySpecEccNistP256, types.KeyUsageTypeKeyAgreement), createKey(t, c, types.KeySpecMlKem768, types.KeyUsageTypeEncapsulateDecapsulate)
	external, several := createExternal(t, c, "", "").KeyId, createMultiRegion(t, c, kms.CreateKeyInput{}).KeyId
	token := parameters(t, c, external, types.AlgorithmSpecRsaesOaepSha256, types.WrappingKeySpecRsa2048).ImportToken
	replicate(t, c, several, elsewhere)
	id, x := key.KeyId, []byte("x")
	peer := must[*kms.GetPublicKeyOutput](t)(c.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: agreeing.KeyId})).PublicKey
	blob := must[*kms.EncryptOutput](t)(c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: id, Plaintext: x})).CiphertextBlob
	encapsulated := must[*kms.EncapsulateOutput](t)(c.Encapsulate(t.Context(), &kms.EncapsulateInput{KeyId: sealing.KeyId, EncapsulationAlgorithm: "ML_KEM"})).SharedSecretCiphertextBlob
	tags, operations := []types.Tag{{TagKey: aws.String("a"), TagValue: aws.String("b")}}, []types.GrantOperation{"Decrypt"}
	me := aws.String("arn:aws:iam::000000000000:root")
	must[*kms.CreateAliasOutput](t)(c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/there"), TargetKeyId: id}))
	inputs := []any{
		&kms.CancelKeyDeletionInput{KeyId: id}, &kms.CreateGrantInput{KeyId: id, GranteePrincipal: me, Operations: operations}, &kms.DeleteImportedKeyMaterialInput{KeyId: external},
		&kms.DescribeKeyInput{KeyId: id}, &kms.DisableKeyInput{KeyId: id}, &kms.DisableKeyRotationInput{KeyId: id}, &kms.EnableKeyInput{KeyId: id}, &kms.EnableKeyRotationInput{KeyId: id},
		&kms.GetKeyLastUsageInput{KeyId: id}, &kms.GetKeyPolicyInput{KeyId: id}, &kms.GetKeyRotationStatusInput{KeyId: id},
		&kms.GetParametersForImportInput{KeyId: external, WrappingAlgorithm: types.AlgorithmSpecRsaesOaepSha256, WrappingKeySpec: types.WrappingKeySpecRsa2048},
		&kms.ImportKeyMaterialInput{KeyId: external, ImportToken: token, EncryptedKeyMaterial: x, ExpirationModel: types.ExpirationModelTypeKeyMaterialDoesNotExpire},
		&kms.ListGrantsInput{KeyId: id}, &kms.ListKeyPoliciesInput{KeyId: id}, &kms.ListKeyRotationsInput{KeyId: id}, &kms.ListResourceTagsInput{KeyId: id},
		&kms.PutKeyPolicyInput{KeyId: id, Policy: aws.String(keyPolicy(*me))}, &kms.ReplicateKeyInput{KeyId: several, ReplicaRegion: aws.String("us-west-2")}, &kms.RevokeGrantInput{KeyId: id, GrantId: aws.String("none")},
		&kms.RetireGrantInput{KeyId: id, GrantId: aws.String("none")}, &kms.RotateKeyOnDemandInput{KeyId: id}, &kms.ScheduleKeyDeletionInput{KeyId: id},
		&kms.TagResourceInput{KeyId: id, Tags: tags}, &kms.UntagResourceInput{KeyId: id, TagKeys: []string{"a"}}, &kms.UpdateKeyDescriptionInput{KeyId: id, Description: me},
		&kms.UpdatePrimaryRegionInput{KeyId: several, PrimaryRegion: aws.String(elsewhere)},

		&kms.DecryptInput{KeyId: id, CiphertextBlob: blob}, &kms.EncryptInput{KeyId: id, Plaintext: x},
		&kms.GenerateDataKeyInput{KeyId: id, KeySpec: "AES_256"}, &kms.GenerateDataKeyWithoutPlaintextInput{KeyId: id, KeySpec: "AES_256"},
		&kms.GenerateDataKeyPairInput{KeyId: id, KeyPairSpec: "ECC_NIST_P256"}, &kms.GenerateDataKeyPairWithoutPlaintextInput{KeyId: id, KeyPairSpec: "ECC_NIST_P256"},
		&kms.ReEncryptInput{CiphertextBlob: blob, DestinationKeyId: id}, &kms.GetPublicKeyInput{KeyId: signing.KeyId},
		&kms.SignInput{KeyId: signing.KeyId, Message: x, SigningAlgorithm: "ECDSA_SHA_256"}, &kms.VerifyInput{KeyId: signing.KeyId, Message: x, Signature: x, SigningAlgorithm: "ECDSA_SHA_256"},
		&kms.GenerateMacInput{KeyId: mac.KeyId, Message: x, MacAlgorithm: "HMAC_SHA_256"}, &kms.VerifyMacInput{KeyId: mac.KeyId, Message: x, Mac: make([]byte, 32), MacAlgorithm: "HMAC_SHA_256"},
		&kms.DeriveSharedSecretInput{KeyId: agreeing.KeyId, KeyAgreementAlgorithm: "ECDH", PublicKey: peer},
		&kms.EncapsulateInput{KeyId: sealing.KeyId, EncapsulationAlgorithm: "ML_KEM"}, &kms.DecapsulateInput{KeyId: sealing.KeyId, EncapsulationAlgorithm: "ML_KEM", SharedSecretCiphertextBlob: encapsulated},
		&kms.CreateAliasInput{AliasName: aws.String("alias/new"), TargetKeyId: id}, &kms.UpdateAliasInput{AliasName: aws.String("alias/there"), TargetKeyId: id}, &kms.DeleteAliasInput{AliasName: aws.String("alias/there")},
	}
	service, err := model.Load("kms")
	if err != nil {
		t.Fatal(err)
	}
	declares := func(in any, code string) bool {
		return slices.ContainsFunc(service.Operations[operationOf(in)].Errors, func(e *model.Shape) bool { return e.Name == code })
	}
	for _, in := range inputs {
		// The members that name a key.
		for _, member := range []string{"KeyId", "TargetKeyId", "DestinationKeyId"} {
			if other, ok := with(in, member, aws.String("12345678-1234-1234-1234-123456789012")); ok {
				refused(t, call(t, c, other), "NotFoundException", "12345678-1234-1234-1234-123456789012' does not exist")
			}
		}
		if !slices.Contains(takeAliases, operationOf(in)) {
			if other, ok := with(in, "KeyId", aws.String("alias/there")); ok {
				refused(t, call(t, c, other), "InvalidArnException", "Key Aliases are not supported for this operation.")
			}
		}
		if other, ok := with(in, "GrantTokens", []string{"x"}); ok && declares(in, "InvalidGrantTokenException") {
			refused(t, call(t, c, other), "InvalidGrantTokenException", "The grant token is not valid.")
		}
		if other, ok := with(in, "DryRun", aws.Bool(true)); ok && operationOf(in) != "RetireGrant" && operationOf(in) != "RevokeGrant" { // of no grant
			if err := call(t, c, other); operationOf(in) != "Verify" && operationOf(in) != "VerifyMac" {
				refused(t, err, "DryRunOperationException", "DryRun")
			}
		}
		if other, ok := with(in, "Marker", aws.String("!")); ok && declares(in, "InvalidMarkerException") {
			refused(t, call(t, c, other), "InvalidMarkerException", "")
		}

		// The states that refuse most.
		key := id
		if v := reflect.ValueOf(in).Elem().FieldByName("KeyId"); v.IsValid() {
			key = v.Interface().(*string)
		}
		for state, enter := range map[string]any{"disabled": &kms.DisableKeyInput{KeyId: key}, "pending deletion": &kms.ScheduleKeyDeletionInput{KeyId: key}} {
			if err := call(t, c, enter); err != nil && key != external {
				t.Fatal(err)
			}
			err := call(t, c, in)
			if e, ok := errors.AsType[smithy.APIError](err); ok && e.ErrorCode() != "ValidationException" && !declares(in, e.ErrorCode()) {
				t.Errorf("%s of a key that is %s: %v", operationOf(in), state, err)
			}
			c.CancelKeyDeletion(t.Context(), &kms.CancelKeyDeletionInput{KeyId: key})
			c.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: key})
			c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/there"), TargetKeyId: id})
		}
	}
}

// The errors that single operations have, where no other test needs them.
func TestErrorsOfOneOperation(t *testing.T) {
	_, c := start(t)
	key, signing := createKey(t, c, "", "").KeyId, createKey(t, c, types.KeySpecEccNistP256, types.KeyUsageTypeSignVerify).KeyId
	several := createMultiRegion(t, c, kms.CreateKeyInput{}).KeyId
	newKeyStore := func(n int) (*kms.CreateCustomKeyStoreOutput, error) {
		return c.CreateCustomKeyStore(t.Context(), &kms.CreateCustomKeyStoreInput{
			CustomKeyStoreName: aws.String(fmt.Sprint("store", n)), CloudHsmClusterId: aws.String(fmt.Sprintf("cluster-abcdefghij%c", "abcdefghijklmn"[n])),
			KeyStorePassword: aws.String("kmsPswd"), TrustAnchorCertificate: aws.String(certificate(t)),
		})
	}
	keyStore := must[*kms.CreateCustomKeyStoreOutput](t)(newKeyStore(0)).CustomKeyStoreId
	random := &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(8), CustomKeyStoreId: keyStore}
	unconnected := call(t, c, random)
	must[*kms.ConnectCustomKeyStoreOutput](t)(c.ConnectCustomKeyStore(t.Context(), &kms.ConnectCustomKeyStoreInput{CustomKeyStoreId: keyStore}))
	if out := must[*kms.GenerateRandomOutput](t)(c.GenerateRandom(t.Context(), random)); len(out.Plaintext) != 8 {
		t.Errorf("%d random bytes", len(out.Plaintext))
	}
	held := must[*kms.CreateKeyOutput](t)(c.CreateKey(t.Context(), &kms.CreateKeyInput{Origin: types.OriginTypeAwsCloudhsm, CustomKeyStoreId: keyStore})).KeyMetadata.KeyId
	for i := 1; i < 10; i++ {
		must[*kms.CreateCustomKeyStoreOutput](t)(newKeyStore(i))
	}
	_, eleventh := newKeyStore(10)
	for i := range 51 {
		to := key
		if i == 50 {
			to = signing
		}
		must[*kms.CreateAliasOutput](t)(c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String(fmt.Sprint("alias/", i)), TargetKeyId: to}))
	}
	other := createKey(t, c, "", "").KeyId
	must[*kms.CreateAliasOutput](t)(c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/other"), TargetKeyId: other}))
	given := grant(t, c, *key, "arn:aws:iam::000000000000:root", nil, "Decrypt").GrantId
	reserved := []types.Tag{{TagKey: aws.String("aws:x"), TagValue: aws.String("y")}}
	for _, test := range []struct {
		in         any
		code, text string
	}{
		{&kms.GenerateRandomInput{NumberOfBytes: aws.Int32(8), CustomKeyStoreId: aws.String("cks-none")}, "CustomKeyStoreNotFoundException", "cks-none does not exist"},
		{&kms.GenerateDataKeyPairWithoutPlaintextInput{KeyId: held, KeyPairSpec: "ECC_NIST_P256"}, "UnsupportedOperationException", "origin is AWS_CLOUDHSM which is not valid for this operation."},
		{&kms.GenerateDataKeyPairInput{KeyId: signing, KeyPairSpec: "ECC_NIST_P256"}, "InvalidKeyUsageException", "SIGN_VERIFY which is not valid for GenerateDataKeyPair."},
		{&kms.GenerateDataKeyWithoutPlaintextInput{KeyId: signing, KeySpec: "AES_256"}, "InvalidKeyUsageException", "SIGN_VERIFY which is not valid for GenerateDataKeyWithoutPlaintext."},
		{&kms.ReEncryptInput{CiphertextBlob: []byte("x"), DestinationKeyId: key}, "InvalidCiphertextException", ""},
		{&kms.ReplicateKeyInput{KeyId: several, ReplicaRegion: aws.String("us-west-2"), Policy: aws.String("{")}, "MalformedPolicyDocumentException", ""},
		{&kms.ReplicateKeyInput{KeyId: several, ReplicaRegion: aws.String("us-west-2"), Policy: aws.String(strings.Repeat(" ", 33<<10))}, "LimitExceededException", ""},
		{&kms.ReplicateKeyInput{KeyId: several, ReplicaRegion: aws.String("us-west-2"), Tags: reserved}, "TagException", "Tags beginning with aws: are reserved"},
		{&kms.UntagResourceInput{KeyId: key, TagKeys: []string{"AWS:x"}}, "TagException", "Tags beginning with aws: are reserved"},
		{&kms.PutKeyPolicyInput{KeyId: key, Policy: aws.String(strings.Repeat(" ", 33<<10))}, "LimitExceededException", "key policy"},
		{&kms.CreateKeyInput{Policy: aws.String(strings.Repeat(" ", 33<<10))}, "LimitExceededException", "key policy"},
		{&kms.CreateAliasInput{AliasName: aws.String("alias/x"), TargetKeyId: key}, "LimitExceededException", "Aliases per key quota"},
		{&kms.UpdateAliasInput{AliasName: aws.String("alias/other"), TargetKeyId: key}, "LimitExceededException", "Aliases per key quota"},
		{&kms.RevokeGrantInput{KeyId: key, GrantId: given, DryRun: aws.Bool(true)}, "DryRunOperationException", "DryRun"},
	} {
		t.Run(operationOf(test.in)+" "+test.code, func(t *testing.T) { refused(t, call(t, c, test.in), test.code, test.text) })
	}
	refused(t, unconnected, "CustomKeyStoreInvalidStateException", "is not connected")
	refused(t, eleventh, "LimitExceededException", "custom key stores")
}
