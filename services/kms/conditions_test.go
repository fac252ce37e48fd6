package kms_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
)

// Each of KMS's condition keys, with an operation that has it: a statement under a condition that is met allows it, and under one
// that is not it does not. A key that the operation does not have meets no condition but that it is absent.
//
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awskeymanagementservice.html#awskeymanagementservice-policy-keys
func TestConditionKeys(t *testing.T) {
	e, c := start(t)
	e.Clock.Freeze(time.Date(2031, 3, 1, 12, 0, 0, 0, time.UTC))
	bob := kms.NewFromConfig(newUser(t, e, e.Config(), "bob", mayAssume))
	people := iam.NewFromConfig(e.Config())
	key, rsaKey := createKey(t, c, "", ""), createKey(t, c, types.KeySpecRsa2048, types.KeyUsageTypeSignVerify)
	tags := []types.Tag{{TagKey: aws.String("team"), TagValue: aws.String("red")}}
	hmacKey := createMultiRegion(t, c, kms.CreateKeyInput{KeySpec: types.KeySpecHmac256, KeyUsage: types.KeyUsageTypeGenerateVerifyMac, Tags: tags})
	agreeing, imported := createKey(t, c, types.KeySpecEccNistP256, types.KeyUsageTypeKeyAgreement), newImporter(t, c, createExternal(t, c, "", "").KeyId)
	imported.c = bob
	must[*kms.CreateAliasOutput](t)(c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/app"), TargetKeyId: key.KeyId}))
	context := map[string]string{"app": "a", "Tenant": "b"}
	blob := must[*kms.EncryptOutput](t)(c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("x"), EncryptionContext: context})).CiphertextBlob
	bobARN, service, source := account+"user/bob", "s3.amazonaws.com", "arn:aws:s3:us-east-1:000000000000:bucket"

	// Calls, by their action.
	ctx, x := t.Context(), []byte("x")
	grantWith := func(in kms.CreateGrantInput) func() error {
		return func() error {
			in.KeyId, in.DryRun = key.KeyId, aws.Bool(true)
			if in.GranteePrincipal == nil && in.GranteeServicePrincipal == nil {
				in.GranteePrincipal = &bobARN
			}
			if in.Operations == nil {
				in.Operations = []types.GrantOperation{"Decrypt", "Encrypt"}
			}
			_, err := bob.CreateGrant(ctx, &in)
			return err
		}
	}
	constrained := grantWith(kms.CreateGrantInput{Constraints: &types.GrantConstraints{EncryptionContextSubset: context}})
	forService := grantWith(kms.CreateGrantInput{GranteeServicePrincipal: &service, RetiringServicePrincipal: &service, Constraints: &types.GrantConstraints{SourceArn: &source}})
	encryptWith := func(id *string) func() error {
		return func() error {
			_, err := bob.Encrypt(ctx, &kms.EncryptInput{KeyId: id, Plaintext: x, EncryptionContext: context})
			return err
		}
	}
	encrypt, byAlias := encryptWith(key.KeyId), encryptWith(aws.String("alias/app"))
	decrypt := func() error {
		_, err := bob.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: context})
		return err
	}
	reEncrypt := func() error {
		_, err := bob.ReEncrypt(ctx, &kms.ReEncryptInput{CiphertextBlob: blob, SourceEncryptionContext: context, DestinationKeyId: aws.String("alias/app"), DestinationEncryptionContext: map[string]string{"to": "c"}})
		return err
	}
	dataKey := func() error {
		_, err := bob.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: key.KeyId, KeySpec: "AES_256", EncryptionContext: context})
		return err
	}
	dataKeyBlind := func() error {
		_, err := bob.GenerateDataKeyWithoutPlaintext(ctx, &kms.GenerateDataKeyWithoutPlaintextInput{KeyId: key.KeyId, KeySpec: "AES_256", EncryptionContext: context})
		return err
	}
	pair := func() error {
		_, err := bob.GenerateDataKeyPair(ctx, &kms.GenerateDataKeyPairInput{KeyId: key.KeyId, KeyPairSpec: "ECC_NIST_P256", EncryptionContext: context})
		return err
	}
	pairBlind := func() error {
		_, err := bob.GenerateDataKeyPairWithoutPlaintext(ctx, &kms.GenerateDataKeyPairWithoutPlaintextInput{KeyId: key.KeyId, KeyPairSpec: "ECC_NIST_P256", EncryptionContext: context})
		return err
	}
	sign := func() error {
		_, err := bob.Sign(ctx, &kms.SignInput{KeyId: rsaKey.KeyId, Message: x, SigningAlgorithm: "RSASSA_PSS_SHA_256"})
		return err
	}
	verify := func() error {
		_, err := bob.Verify(ctx, &kms.VerifyInput{KeyId: rsaKey.KeyId, Message: make([]byte, 32), MessageType: "DIGEST", Signature: x, SigningAlgorithm: "RSASSA_PSS_SHA_256"})
		return err
	}
	makeMac := func() error {
		_, err := bob.GenerateMac(ctx, &kms.GenerateMacInput{KeyId: hmacKey.KeyId, Message: x, MacAlgorithm: "HMAC_SHA_256"})
		return err
	}
	verifyMac := func() error {
		_, err := bob.VerifyMac(ctx, &kms.VerifyMacInput{KeyId: hmacKey.KeyId, Message: x, MacAlgorithm: "HMAC_SHA_256", Mac: make([]byte, 32)})
		return err
	}
	create := func() error {
		_, err := bob.CreateKey(ctx, &kms.CreateKeyInput{KeySpec: types.KeySpecEccNistP256, KeyUsage: types.KeyUsageTypeSignVerify, BypassPolicyLockoutSafetyCheck: true, Tags: tags})
		return err
	}
	describe := func() error {
		_, err := bob.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: key.KeyId})
		return err
	}
	describeByAlias := func() error {
		_, err := bob.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String("alias/app")})
		return err
	}
	describeStores := func() error {
		_, err := bob.DescribeCustomKeyStores(ctx, nil)
		return err
	}
	connect := func() error {
		_, err := bob.ConnectCustomKeyStore(ctx, &kms.ConnectCustomKeyStoreInput{CustomKeyStoreId: aws.String("cks-12345678901234567")})
		return err
	}
	getRAMPolicy := func() error {
		_, err := bob.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: hmacKey.KeyId, PolicyName: aws.String("AWS_RAM")})
		return err
	}
	putPolicy := func() error {
		_, err := bob.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: hmacKey.KeyId, BypassPolicyLockoutSafetyCheck: true, Policy: aws.String(
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"kms:*","Resource":"*"}]}`)})
		return err
	}
	schedule := func() error {
		_, err := bob.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: createKey(t, c, "", "").KeyId, PendingWindowInDays: aws.Int32(8)})
		return err
	}
	listGrants := func() error {
		_, err := bob.ListGrants(ctx, &kms.ListGrantsInput{KeyId: key.KeyId})
		return err
	}
	revoke := func() error {
		_, err := bob.RevokeGrant(ctx, &kms.RevokeGrantInput{KeyId: key.KeyId, GrantId: aws.String("none")})
		return err
	}

	derive := func() error {
		peer := must[*kms.GetPublicKeyOutput](t)(c.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: agreeing.KeyId})).PublicKey
		_, err := bob.DeriveSharedSecret(ctx, &kms.DeriveSharedSecretInput{KeyId: agreeing.KeyId, KeyAgreementAlgorithm: types.KeyAgreementAlgorithmSpecEcdh, PublicKey: peer})
		return err
	}
	importExpiring := func() error {
		_, err := imported.put(t, make([]byte, 32), kms.ImportKeyMaterialInput{ValidTo: aws.Time(e.Clock.Now().Add(10 * day))})
		return err
	}
	getParameters := func() error {
		_, err := bob.GetParametersForImport(ctx, &kms.GetParametersForImportInput{KeyId: imported.id, WrappingAlgorithm: types.AlgorithmSpecRsaesOaepSha256, WrappingKeySpec: types.WrappingKeySpecRsa2048})
		return err
	}
	makeReplica := func() error {
		_, err := bob.ReplicateKey(ctx, &kms.ReplicateKeyInput{KeyId: createMultiRegion(t, c, kms.CreateKeyInput{}).KeyId, ReplicaRegion: aws.String("us-west-2"), BypassPolicyLockoutSafetyCheck: true})
		return err
	}
	movePrimary := func() error {
		moved := createMultiRegion(t, c, kms.CreateKeyInput{})
		replicate(t, c, moved.KeyId, elsewhere)
		_, err := bob.UpdatePrimaryRegion(ctx, &kms.UpdatePrimaryRegionInput{KeyId: moved.KeyId, PrimaryRegion: aws.String(elsewhere)})
		return err
	}
	rotate := func() error {
		_, err := bob.EnableKeyRotation(ctx, &kms.EnableKeyRotationInput{KeyId: key.KeyId, RotationPeriodInDays: aws.Int32(100)})
		return err
	}
	// A key that was used three days and some hours ago.
	disable := func() error {
		used := createKey(t, c, "", "")
		e.Clock.Advance(5 * day)
		encrypt := must[*kms.EncryptOutput](t)(c.Encrypt(ctx, &kms.EncryptInput{KeyId: used.KeyId, Plaintext: x}))
		e.Clock.Advance(4*day - time.Second)
		defer e.Clock.Freeze(e.Clock.Now().Add(-9*day + time.Second))
		_, err := bob.DisableKey(ctx, &kms.DisableKeyInput{KeyId: encrypt.KeyId})
		return err
	}
	tag := func() error {
		_, err := bob.TagResource(ctx, &kms.TagResourceInput{KeyId: hmacKey.KeyId, Tags: tags})
		return err
	}
	untag := func() error {
		_, err := bob.UntagResource(ctx, &kms.UntagResourceInput{KeyId: hmacKey.KeyId, TagKeys: []string{"other"}})
		return err
	}

	// allowed are errors that come after permission.
	allowed := []string{"DryRunOperationException", "InvalidGrantIdException", "KMSInvalidSignatureException", "KMSInvalidMacException", "CustomKeyStoreNotFoundException", "NotFoundException"}
	var tested []string
	const equals, anyOf, allOf, is, number = "StringEquals", "ForAnyValue:StringEquals", "ForAllValues:StringEquals", "Bool", "NumericEquals"
	for _, tt := range []struct {
		key            string
		action         string
		call           func() error
		operator       string
		met, otherwise string // values in JSON
	}{
		{"kms:BypassPolicyLockoutSafetyCheck", "CreateKey", create, is, "true", "false"},
		{"kms:BypassPolicyLockoutSafetyCheck", "PutKeyPolicy", putPolicy, is, "true", "false"},
		{"kms:CallerAccount", "DescribeKey", describe, equals, `"000000000000"`, `"111111111111"`},
		{"kms:CallerAccount", "DescribeCustomKeyStores", describeStores, equals, `"000000000000"`, `"111111111111"`},
		{"kms:CallerAccount", "ConnectCustomKeyStore", connect, equals, `"000000000000"`, `"111111111111"`},
		{"kms:CustomerMasterKeySpec", "CreateKey", create, equals, `"ECC_NIST_P256"`, `"SYMMETRIC_DEFAULT"`},
		{"kms:CustomerMasterKeySpec", "Sign", sign, equals, `"RSA_2048"`, `"SYMMETRIC_DEFAULT"`},
		{"kms:CustomerMasterKeyUsage", "CreateKey", create, equals, `"SIGN_VERIFY"`, `"ENCRYPT_DECRYPT"`},
		{"kms:CustomerMasterKeyUsage", "Sign", sign, equals, `"SIGN_VERIFY"`, `"ENCRYPT_DECRYPT"`},
		{"kms:DataKeyPairSpec", "GenerateDataKeyPair", pair, equals, `"ECC_NIST_P256"`, `"RSA_2048"`},
		{"kms:DataKeyPairSpec", "GenerateDataKeyPairWithoutPlaintext", pairBlind, "StringLike", `"ECC*"`, `"RSA*"`},
		{"kms:EncryptionAlgorithm", "Encrypt", encrypt, equals, `"SYMMETRIC_DEFAULT"`, `"RSAES_OAEP_SHA_256"`},
		{"kms:EncryptionAlgorithm", "Decrypt", decrypt, equals, `"SYMMETRIC_DEFAULT"`, `"RSAES_OAEP_SHA_256"`},
		{"kms:EncryptionAlgorithm", "ReEncryptTo", reEncrypt, equals, `"SYMMETRIC_DEFAULT"`, `"RSAES_OAEP_SHA_256"`},
		{"kms:EncryptionAlgorithm", "GenerateDataKey", dataKey, equals, `"SYMMETRIC_DEFAULT"`, `"RSAES_OAEP_SHA_256"`},
		{"kms:EncryptionAlgorithm", "GenerateDataKeyWithoutPlaintext", dataKeyBlind, equals, `"SYMMETRIC_DEFAULT"`, `"RSAES_OAEP_SHA_256"`},
		{"kms:EncryptionAlgorithm", "GenerateDataKeyPair", pair, equals, `"SYMMETRIC_DEFAULT"`, `"RSAES_OAEP_SHA_256"`},
		{"kms:EncryptionAlgorithm", "GenerateDataKeyPairWithoutPlaintext", pairBlind, equals, `"SYMMETRIC_DEFAULT"`, `"RSAES_OAEP_SHA_256"`},
		{"kms:EncryptionContext:app", "Encrypt", encrypt, equals, `"a"`, `"A"`},
		{"kms:EncryptionContext:tenant", "Decrypt", decrypt, equals, `"b"`, `"a"`}, // the key's case does not count
		{"kms:EncryptionContext:app", "ReEncryptFrom", reEncrypt, equals, `"a"`, `"c"`},
		{"kms:EncryptionContext:to", "ReEncryptTo", reEncrypt, equals, `"c"`, `"a"`},
		{"kms:EncryptionContext:app", "GenerateDataKey", dataKey, equals, `"a"`, `"b"`},
		{"kms:EncryptionContext:app", "GenerateDataKeyWithoutPlaintext", dataKeyBlind, equals, `"a"`, `"b"`},
		{"kms:EncryptionContext:app", "GenerateDataKeyPair", pair, equals, `"a"`, `"b"`},
		{"kms:EncryptionContext:app", "GenerateDataKeyPairWithoutPlaintext", pairBlind, equals, `"a"`, `"b"`},
		{"kms:EncryptionContext:app", "CreateGrant", constrained, equals, `"a"`, `"b"`},
		{"kms:EncryptionContextKeys", "Encrypt", encrypt, anyOf, `"app"`, `"tenant"`},
		{"kms:EncryptionContextKeys", "Decrypt", decrypt, allOf, `["app","Tenant","x"]`, `"app"`},
		{"kms:EncryptionContextKeys", "ReEncryptFrom", reEncrypt, anyOf, `"app"`, `"to"`},
		{"kms:EncryptionContextKeys", "GenerateDataKey", dataKey, anyOf, `"app"`, `"to"`},
		{"kms:EncryptionContextKeys", "CreateGrant", constrained, anyOf, `"app"`, `"to"`},
		{"kms:GrantConstraintSourceArn", "CreateGrant", forService, "ArnLike", `"arn:aws:s3:*:000000000000:*"`, `"arn:aws:s3:*:111111111111:*"`},
		{"kms:GrantConstraintType", "CreateGrant", constrained, equals, `"EncryptionContextSubset"`, `"EncryptionContextEquals"`},
		{"kms:GrantConstraintType", "CreateGrant", forService, equals, `"SourceArn"`, `"EncryptionContextSubset"`},
		{"kms:GrantIsForAWSResource", "CreateGrant", constrained, is, "false", "true"},
		{"kms:GrantIsForAWSResource", "ListGrants", listGrants, is, "false", "true"},
		{"kms:GrantIsForAWSResource", "RevokeGrant", revoke, is, "false", "true"},
		{"kms:GrantOperations", "CreateGrant", constrained, allOf, `["Encrypt","Decrypt","Sign"]`, `["Encrypt"]`},
		{"kms:GrantOperations", "CreateGrant", constrained, anyOf, `["Encrypt"]`, `["Sign"]`},
		{"kms:GranteePrincipal", "CreateGrant", constrained, equals, `"` + bobARN + `"`, `"` + account + `user/ann"`},
		{"kms:GranteeServicePrincipal", "CreateGrant", forService, equals, `"s3.amazonaws.com"`, `"ec2.amazonaws.com"`},
		{"kms:KeyOrigin", "CreateKey", create, equals, `"AWS_KMS"`, `"EXTERNAL"`},
		{"kms:KeyOrigin", "Encrypt", encrypt, equals, `"AWS_KMS"`, `"EXTERNAL"`},
		{"kms:KeySpec", "CreateKey", create, equals, `"ECC_NIST_P256"`, `"SYMMETRIC_DEFAULT"`},
		{"kms:KeySpec", "Encrypt", encrypt, equals, `"SYMMETRIC_DEFAULT"`, `"RSA_2048"`},
		{"kms:KeyUsage", "CreateKey", create, equals, `"SIGN_VERIFY"`, `"ENCRYPT_DECRYPT"`},
		{"kms:KeyUsage", "GenerateMac", makeMac, equals, `"GENERATE_VERIFY_MAC"`, `"ENCRYPT_DECRYPT"`},
		{"kms:MacAlgorithm", "GenerateMac", makeMac, equals, `"HMAC_SHA_256"`, `"HMAC_SHA_512"`},
		{"kms:MacAlgorithm", "VerifyMac", verifyMac, equals, `"HMAC_SHA_256"`, `"HMAC_SHA_512"`},
		{"kms:MessageType", "Sign", sign, equals, `"RAW"`, `"DIGEST"`},
		{"kms:MessageType", "Verify", verify, equals, `"DIGEST"`, `"RAW"`},
		{"kms:MultiRegion", "CreateKey", create, is, "false", "true"},
		{"kms:MultiRegion", "DescribeKey", describe, is, "false", "true"},
		{"kms:ReEncryptOnSameKey", "ReEncryptFrom", reEncrypt, is, "true", "false"},
		{"kms:ReEncryptOnSameKey", "ReEncryptTo", reEncrypt, is, "true", "false"},
		{"kms:RequestAlias", "Encrypt", byAlias, equals, `"alias/app"`, `"alias/other"`},
		{"kms:RequestAlias", "DescribeKey", describeByAlias, "StringLike", `"alias/a*"`, `"alias/b*"`},
		{"kms:RequestAlias", "DescribeKey", describe, "Null", "true", "false"},
		{"kms:ResourceAliases", "Encrypt", encrypt, anyOf, `"alias/app"`, `"alias/other"`},
		{"kms:ResourceAliases", "Sign", sign, "Null", "true", "false"},
		{"kms:RetiringPrincipal", "CreateGrant", grantWith(kms.CreateGrantInput{RetiringPrincipal: &bobARN}), equals, `"` + bobARN + `"`, `"` + account + `user/ann"`},
		{"kms:RetiringPrincipal", "CreateGrant", constrained, "Null", "true", "false"},
		{"kms:RetiringServicePrincipal", "CreateGrant", forService, equals, `"s3.amazonaws.com"`, `"ec2.amazonaws.com"`},
		{"kms:ScheduleKeyDeletionPendingWindowInDays", "ScheduleKeyDeletion", schedule, number, `"8"`, `"30"`},
		{"kms:SigningAlgorithm", "Sign", sign, equals, `"RSASSA_PSS_SHA_256"`, `"RSASSA_PSS_SHA_512"`},
		{"kms:SigningAlgorithm", "Verify", verify, equals, `"RSASSA_PSS_SHA_256"`, `"RSASSA_PSS_SHA_512"`},

		{"kms:ExpirationModel", "ImportKeyMaterial", importExpiring, equals, `"KEY_MATERIAL_EXPIRES"`, `"KEY_MATERIAL_DOES_NOT_EXPIRE"`},
		{"kms:KeyAgreementAlgorithm", "DeriveSharedSecret", derive, equals, `"ECDH"`, `"OTHER"`},
		{"kms:MultiRegionKeyType", "GenerateMac", makeMac, equals, `"PRIMARY"`, `"REPLICA"`},
		{"kms:PolicyName", "PutKeyPolicy", putPolicy, equals, `"default"`, `"AWS_RAM"`},
		{"kms:PolicyName", "GetKeyPolicy", getRAMPolicy, equals, `"AWS_RAM"`, `"default"`},
		{"kms:PrimaryRegion", "UpdatePrimaryRegion", movePrimary, equals, `"eu-west-1"`, `"us-east-1"`},
		{"kms:ReplicaRegion", "ReplicateKey", makeReplica, equals, `"us-west-2"`, `"us-east-1"`},
		{"kms:RotationPeriodInDays", "EnableKeyRotation", rotate, number, `"100"`, `"365"`},
		{"kms:TrailingDaysWithoutKeyUsage", "DisableKey", disable, number, `"3"`, `"4"`},
		{"kms:TrailingDaysWithoutKeyUsage", "ScheduleKeyDeletion", schedule, "NumericLessThan", `"1"`, `"0"`},
		{"kms:ValidTo", "ImportKeyMaterial", importExpiring, "DateLessThan", `"2031-03-11T12:00:01Z"`, `"2031-03-11T12:00:00Z"`},
		{"kms:WrappingAlgorithm", "GetParametersForImport", getParameters, equals, `"RSAES_OAEP_SHA_256"`, `"RSAES_OAEP_SHA_1"`},
		{"kms:WrappingKeySpec", "GetParametersForImport", getParameters, equals, `"RSA_2048"`, `"RSA_4096"`},
		{"kms:ViaService", "Encrypt", encrypt, "Null", "true", "false"}, // no service calls for anybody
		{"aws:RequestTag/team", "CreateKey", create, equals, `"red"`, `"blue"`},
		{"aws:TagKeys", "CreateKey", create, allOf, `"team"`, `"other"`},
		{"aws:RequestTag/team", "TagResource", tag, equals, `"red"`, `"blue"`},
		{"aws:TagKeys", "TagResource", tag, anyOf, `"team"`, `"Other"`},
		{"aws:TagKeys", "UntagResource", untag, anyOf, `"other"`, `"team"`},
		{"aws:ResourceTag/team", "GenerateMac", makeMac, equals, `"red"`, `"blue"`},
		{"aws:ResourceTag/team", "Encrypt", encrypt, "Null", "true", "false"},
	} {
		t.Run(tt.key+" "+tt.action+" "+tt.operator, func(t *testing.T) {
			for _, value := range []string{tt.met, tt.otherwise} {
				// The rest of what the call needs is allowed.
				document := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","NotAction":"kms:%s","Resource":"*"},{"Effect":"Allow","Action":"kms:%s","Resource":"*","Condition":{%q:{%q:%s}}}]}`,
					tt.action, tt.action, tt.operator, tt.key, value)
				must[*iam.PutUserPolicyOutput](t)(people.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: aws.String("bob"), PolicyName: aws.String("p"), PolicyDocument: &document}))
				err := tt.call()
				code := ""
				if e, ok := errors.AsType[smithy.APIError](err); ok {
					code = e.ErrorCode()
				}
				if value == tt.otherwise {
					refused(t, err, "AccessDeniedException", "kms:"+tt.action)
				} else if err != nil && !slices.Contains(allowed, code) {
					t.Errorf("with %s: %v", value, err)
				}
			}
		})
		if tt.operator != "Null" {
			tested = append(tested, strings.ToLower(tt.key))
		}
	}
	for _, key := range conditionKeys() {
		if !slices.Contains(tested, strings.ToLower(key)) && key != "kms:ViaService" && !strings.HasPrefix(key, "kms:RecipientAttestation:") {
			t.Errorf("%s has no value here", key)
		}
	}
}
