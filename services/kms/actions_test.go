package kms_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"emulator/api/model"
)

// What the page's table of actions says of most of them. kms:ViaService, which it also has, is of calls that a service makes for somebody:
// here there are none. kms:RecipientAttestation:* is of enclaves.
const (
	ofKey        = "aws:ResourceTag/team kms:CallerAccount kms:KeyOrigin kms:KeySpec kms:KeyUsage kms:MultiRegion kms:MultiRegionKeyType kms:ResourceAliases "
	ofUse        = ofKey + "kms:RequestAlias "
	ofEncryption = ofUse + "kms:EncryptionAlgorithm kms:EncryptionContext:app kms:EncryptionContextKeys "
	ofGrant      = ofKey + "kms:EncryptionContext:app kms:EncryptionContextKeys kms:GrantConstraintType "
)

// actionKeys are the condition keys of every action.
//
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awskeymanagementservice.html#awskeymanagementservice-actions-as-permissions
var actionKeys = map[string]string{
	"CancelKeyDeletion":                   ofKey,
	"ConnectCustomKeyStore":               "kms:CallerAccount",
	"CreateAlias":                         ofKey,
	"CreateCustomKeyStore":                "kms:CallerAccount",
	"CreateGrant":                         ofGrant + "kms:GrantConstraintSourceArn kms:GrantIsForAWSResource kms:GrantOperations kms:GranteePrincipal kms:GranteeServicePrincipal kms:RetiringPrincipal kms:RetiringServicePrincipal",
	"CreateKey":                           "aws:RequestTag/team aws:ResourceTag/team aws:TagKeys kms:BypassPolicyLockoutSafetyCheck kms:CallerAccount kms:KeyOrigin kms:KeySpec kms:KeyUsage kms:MultiRegion kms:MultiRegionKeyType",
	"Decapsulate":                         ofUse, // the page has neither of the two yet
	"Decrypt":                             ofEncryption,
	"DeleteAlias":                         ofKey,
	"DeleteCustomKeyStore":                "kms:CallerAccount",
	"DeleteImportedKeyMaterial":           ofKey,
	"DeriveSharedSecret":                  ofUse + "kms:KeyAgreementAlgorithm",
	"DescribeCustomKeyStores":             "kms:CallerAccount",
	"DescribeKey":                         ofUse,
	"DisableKey":                          ofKey + "kms:TrailingDaysWithoutKeyUsage",
	"DisableKeyRotation":                  ofKey,
	"DisconnectCustomKeyStore":            "kms:CallerAccount",
	"EnableKey":                           ofKey,
	"EnableKeyRotation":                   ofKey + "kms:RotationPeriodInDays",
	"Encapsulate":                         ofUse,
	"Encrypt":                             ofEncryption,
	"GenerateDataKey":                     ofEncryption,
	"GenerateDataKeyPair":                 ofEncryption + "kms:DataKeyPairSpec",
	"GenerateDataKeyPairWithoutPlaintext": ofEncryption + "kms:DataKeyPairSpec",
	"GenerateDataKeyWithoutPlaintext":     ofEncryption,
	"GenerateMac":                         ofUse + "kms:MacAlgorithm",
	"GenerateRandom":                      "",
	"GetKeyLastUsage":                     ofKey,
	"GetKeyPolicy":                        ofKey,
	"GetKeyRotationStatus":                ofKey,
	"GetParametersForImport":              ofKey + "kms:WrappingAlgorithm kms:WrappingKeySpec",
	"GetPublicKey":                        ofUse,
	"ImportKeyMaterial":                   ofKey + "kms:ExpirationModel kms:ValidTo",
	"ListAliases":                         "",
	"ListGrants":                          ofKey + "kms:GrantIsForAWSResource",
	"ListKeyPolicies":                     ofKey,
	"ListKeyRotations":                    ofKey,
	"ListKeys":                            "",
	"ListResourceTags":                    ofKey,
	"ListRetirableGrants":                 "",
	"PutKeyPolicy":                        ofKey + "kms:BypassPolicyLockoutSafetyCheck",
	"ReEncryptFrom":                       ofEncryption + "kms:ReEncryptOnSameKey",
	"ReEncryptTo":                         ofEncryption + "kms:ReEncryptOnSameKey",
	"ReplicateKey":                        ofKey + "kms:ReplicaRegion",
	"RetireGrant":                         ofGrant,
	"RevokeGrant":                         ofKey + "kms:GrantIsForAWSResource",
	"RotateKeyOnDemand":                   ofKey,
	"ScheduleKeyDeletion":                 ofKey + "kms:ScheduleKeyDeletionPendingWindowInDays kms:TrailingDaysWithoutKeyUsage",
	"Sign":                                ofUse + "kms:MessageType kms:SigningAlgorithm",
	"TagResource":                         ofKey + "aws:RequestTag/team aws:TagKeys",
	"UntagResource":                       ofKey + "aws:TagKeys",
	"UpdateAlias":                         ofKey,
	"UpdateCustomKeyStore":                "kms:CallerAccount",
	"UpdateKeyDescription":                ofKey,
	"UpdatePrimaryRegion":                 ofKey + "kms:PrimaryRegion",
	"Verify":                              ofUse + "kms:MessageType kms:SigningAlgorithm",
	"VerifyMac":                           ofUse + "kms:MacAlgorithm",
}

// conditionKeys returns all condition keys of the page.
func conditionKeys() []string {
	all := []string{"kms:ViaService", "kms:RecipientAttestation:ImageSha384", "kms:RecipientAttestation:PCR0", "kms:RecipientAttestation:NitroTPMPCR0"}
	for _, keys := range actionKeys {
		all = append(all, strings.Fields(keys)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Every action has exactly the condition keys that the page gives it: one statement asks of a call that they are there and no others are.
func TestConditionKeysOfActions(t *testing.T) {
	e, c := start(t)
	bob := kms.NewFromConfig(newUser(t, e, e.Config(), "bob", mayAssume))
	people := iam.NewFromConfig(e.Config())
	ctx, x, dry := t.Context(), []byte("x"), aws.Bool(true)
	tags := []types.Tag{{TagKey: aws.String("team"), TagValue: aws.String("red")}}
	names := map[*types.KeyMetadata]*string{}
	create := func(spec types.KeySpec, usage types.KeyUsageType, origin types.OriginType) *types.KeyMetadata {
		k := must[*kms.CreateKeyOutput](t)(c.CreateKey(ctx, &kms.CreateKeyInput{KeySpec: spec, KeyUsage: usage, Origin: origin, MultiRegion: dry, Tags: tags})).KeyMetadata
		names[k] = aws.String(fmt.Sprintf("alias/%d", len(names)))
		must[*kms.CreateAliasOutput](t)(c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: names[k], TargetKeyId: k.KeyId}))
		return k
	}
	key, mac := create("", "", ""), create(types.KeySpecHmac256, types.KeyUsageTypeGenerateVerifyMac, "")
	signing, agreeing := create(types.KeySpecEccNistP256, types.KeyUsageTypeSignVerify, ""), create(types.KeySpecEccNistP256, types.KeyUsageTypeKeyAgreement, "")
	imported := create("", "", types.OriginTypeExternal)
	// Of a key for encapsulation there is none in several Regions.
	encapsulating := must[*kms.CreateKeyOutput](t)(c.CreateKey(ctx, &kms.CreateKeyInput{KeySpec: types.KeySpecMlKem768, KeyUsage: types.KeyUsageTypeEncapsulateDecapsulate, Tags: tags})).KeyMetadata
	must[*kms.CreateAliasOutput](t)(c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: aws.String("alias/kem"), TargetKeyId: encapsulating.KeyId}))
	names[encapsulating] = aws.String("alias/kem")
	id, alias := key.KeyId, names[key]
	peer := must[*kms.GetPublicKeyOutput](t)(c.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: agreeing.KeyId})).PublicKey
	sealed := must[*kms.EncapsulateOutput](t)(c.Encapsulate(ctx, &kms.EncapsulateInput{KeyId: encapsulating.KeyId, EncapsulationAlgorithm: types.EncapsulationAlgorithmSpecMlKem})).SharedSecretCiphertextBlob
	context := map[string]string{"app": "a"}
	blob := must[*kms.EncryptOutput](t)(c.Encrypt(ctx, &kms.EncryptInput{KeyId: id, Plaintext: x, EncryptionContext: context})).CiphertextBlob
	importer := newImporter(t, c, imported.KeyId)
	importer.c = bob
	owner := "arn:aws:iam::000000000000:root"
	retirable := must[*kms.CreateGrantOutput](t)(c.CreateGrant(ctx, &kms.CreateGrantInput{
		KeyId: id, GranteePrincipal: aws.String(account + "user/bob"), RetiringPrincipal: &owner, Operations: []types.GrantOperation{"Decrypt"}, Constraints: &types.GrantConstraints{EncryptionContextEquals: context},
	})).GrantId
	s3, source := aws.String("s3.amazonaws.com"), aws.String("arn:aws:s3:us-east-1:000000000000:bucket")
	keyStore := aws.String("cks-12345678901234567")
	err := func(_ any, err error) error { return err }

	unasked := make(map[string]bool)
	for action := range actionKeys {
		unasked[action] = true
	}
	// A key for encapsulation is of one Region; a call names one kind of grantee; and a key that is yet to be made has no tags.
	const oneRegion, noTags = "kms:MultiRegionKeyType", "aws:ResourceTag/team"
	for _, call := range []struct {
		action string
		lacks  string
		do     func() error
	}{
		{"ConnectCustomKeyStore", "", func() error {
			return err(bob.ConnectCustomKeyStore(ctx, &kms.ConnectCustomKeyStoreInput{CustomKeyStoreId: keyStore}))
		}},
		{"CreateAlias", "", func() error {
			return err(bob.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: aws.String("alias/bob"), TargetKeyId: id}))
		}},
		{"CreateCustomKeyStore", "", func() error {
			return err(bob.CreateCustomKeyStore(ctx, &kms.CreateCustomKeyStoreInput{CustomKeyStoreName: aws.String("s"), CloudHsmClusterId: aws.String("cluster-12345678901"), KeyStorePassword: aws.String("password"), TrustAnchorCertificate: aws.String("x")}))
		}},
		{"CreateGrant", "kms:GrantConstraintSourceArn kms:GranteeServicePrincipal kms:RetiringServicePrincipal", func() error {
			return err(bob.CreateGrant(ctx, &kms.CreateGrantInput{KeyId: id, GranteePrincipal: &owner, RetiringPrincipal: &owner, Operations: []types.GrantOperation{"Decrypt"}, Constraints: &types.GrantConstraints{EncryptionContextSubset: context}, DryRun: dry}))
		}},
		{"CreateGrant", "kms:GranteePrincipal kms:RetiringPrincipal", func() error {
			return err(bob.CreateGrant(ctx, &kms.CreateGrantInput{KeyId: id, GranteeServicePrincipal: s3, RetiringServicePrincipal: s3, Operations: []types.GrantOperation{"Decrypt"}, Constraints: &types.GrantConstraints{EncryptionContextSubset: context, SourceArn: source}, DryRun: dry}))
		}},
		{"CreateKey", noTags, func() error {
			return err(bob.CreateKey(ctx, &kms.CreateKeyInput{MultiRegion: dry, Tags: tags, BypassPolicyLockoutSafetyCheck: true}))
		}},
		{"Decapsulate", oneRegion, func() error {
			return err(bob.Decapsulate(ctx, &kms.DecapsulateInput{KeyId: names[encapsulating], EncapsulationAlgorithm: types.EncapsulationAlgorithmSpecMlKem, SharedSecretCiphertextBlob: sealed}))
		}},
		{"Decrypt", "", func() error {
			return err(bob.Decrypt(ctx, &kms.DecryptInput{KeyId: alias, CiphertextBlob: blob, EncryptionContext: context}))
		}},
		{"DeleteAlias", "", func() error {
			return err(bob.DeleteAlias(ctx, &kms.DeleteAliasInput{AliasName: aws.String("alias/bob")}))
		}},
		{"DeleteCustomKeyStore", "", func() error {
			return err(bob.DeleteCustomKeyStore(ctx, &kms.DeleteCustomKeyStoreInput{CustomKeyStoreId: keyStore}))
		}},
		{"DeriveSharedSecret", "", func() error {
			return err(bob.DeriveSharedSecret(ctx, &kms.DeriveSharedSecretInput{KeyId: names[agreeing], KeyAgreementAlgorithm: types.KeyAgreementAlgorithmSpecEcdh, PublicKey: peer}))
		}},
		{"DescribeCustomKeyStores", "", func() error { return err(bob.DescribeCustomKeyStores(ctx, nil)) }},
		{"DescribeKey", "", func() error { return err(bob.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: alias})) }},
		{"DisconnectCustomKeyStore", "", func() error {
			return err(bob.DisconnectCustomKeyStore(ctx, &kms.DisconnectCustomKeyStoreInput{CustomKeyStoreId: keyStore}))
		}},
		{"EnableKey", "", func() error { return err(bob.EnableKey(ctx, &kms.EnableKeyInput{KeyId: id})) }},
		{"EnableKeyRotation", "", func() error {
			return err(bob.EnableKeyRotation(ctx, &kms.EnableKeyRotationInput{KeyId: id, RotationPeriodInDays: aws.Int32(100)}))
		}},
		{"DisableKeyRotation", "", func() error { return err(bob.DisableKeyRotation(ctx, &kms.DisableKeyRotationInput{KeyId: id})) }},
		{"Encapsulate", oneRegion, func() error {
			return err(bob.Encapsulate(ctx, &kms.EncapsulateInput{KeyId: names[encapsulating], EncapsulationAlgorithm: types.EncapsulationAlgorithmSpecMlKem}))
		}},
		{"Encrypt", "", func() error {
			return err(bob.Encrypt(ctx, &kms.EncryptInput{KeyId: alias, Plaintext: x, EncryptionContext: context}))
		}},
		{"GenerateDataKey", "", func() error {
			return err(bob.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: alias, KeySpec: "AES_256", EncryptionContext: context}))
		}},
		{"GenerateDataKeyPair", "", func() error {
			return err(bob.GenerateDataKeyPair(ctx, &kms.GenerateDataKeyPairInput{KeyId: alias, KeyPairSpec: "ECC_NIST_P256", EncryptionContext: context}))
		}},
		{"GenerateDataKeyPairWithoutPlaintext", "", func() error {
			return err(bob.GenerateDataKeyPairWithoutPlaintext(ctx, &kms.GenerateDataKeyPairWithoutPlaintextInput{KeyId: alias, KeyPairSpec: "ECC_NIST_P256", EncryptionContext: context}))
		}},
		{"GenerateDataKeyWithoutPlaintext", "", func() error {
			return err(bob.GenerateDataKeyWithoutPlaintext(ctx, &kms.GenerateDataKeyWithoutPlaintextInput{KeyId: alias, KeySpec: "AES_256", EncryptionContext: context}))
		}},
		{"GenerateMac", "", func() error {
			return err(bob.GenerateMac(ctx, &kms.GenerateMacInput{KeyId: names[mac], Message: x, MacAlgorithm: "HMAC_SHA_256"}))
		}},
		{"GenerateRandom", "", func() error {
			return err(bob.GenerateRandom(ctx, &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(1)}))
		}},
		{"GetKeyLastUsage", "", func() error { return err(bob.GetKeyLastUsage(ctx, &kms.GetKeyLastUsageInput{KeyId: id})) }},
		{"GetKeyPolicy", "", func() error { return err(bob.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: id})) }},
		{"GetKeyRotationStatus", "", func() error { return err(bob.GetKeyRotationStatus(ctx, &kms.GetKeyRotationStatusInput{KeyId: id})) }},
		{"GetParametersForImport", "", func() error {
			return err(bob.GetParametersForImport(ctx, &kms.GetParametersForImportInput{KeyId: imported.KeyId, WrappingAlgorithm: types.AlgorithmSpecRsaesOaepSha256, WrappingKeySpec: types.WrappingKeySpecRsa2048}))
		}},
		{"GetPublicKey", "", func() error { return err(bob.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: names[signing]})) }},
		{"ImportKeyMaterial", "", func() error {
			return err(importer.put(t, make([]byte, 32), kms.ImportKeyMaterialInput{ExpirationModel: types.ExpirationModelTypeKeyMaterialExpires, ValidTo: aws.Time(e.Clock.Now().Add(day))}))
		}},
		{"DeleteImportedKeyMaterial", "", func() error {
			return err(bob.DeleteImportedKeyMaterial(ctx, &kms.DeleteImportedKeyMaterialInput{KeyId: imported.KeyId}))
		}},
		{"ListAliases", "", func() error { return err(bob.ListAliases(ctx, nil)) }},
		{"ListGrants", "", func() error { return err(bob.ListGrants(ctx, &kms.ListGrantsInput{KeyId: id})) }},
		{"ListKeyPolicies", "", func() error { return err(bob.ListKeyPolicies(ctx, &kms.ListKeyPoliciesInput{KeyId: id})) }},
		{"ListKeyRotations", "", func() error { return err(bob.ListKeyRotations(ctx, &kms.ListKeyRotationsInput{KeyId: id})) }},
		{"ListKeys", "", func() error { return err(bob.ListKeys(ctx, nil)) }},
		{"ListResourceTags", "", func() error { return err(bob.ListResourceTags(ctx, &kms.ListResourceTagsInput{KeyId: id})) }},
		{"ListRetirableGrants", "", func() error {
			return err(bob.ListRetirableGrants(ctx, &kms.ListRetirableGrantsInput{RetiringPrincipal: &owner}))
		}},
		{"PutKeyPolicy", "", func() error {
			return err(bob.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: mac.KeyId, BypassPolicyLockoutSafetyCheck: true, Policy: aws.String(keyPolicy(owner))}))
		}},
		{"ReEncryptFrom", "", func() error {
			return err(bob.ReEncrypt(ctx, &kms.ReEncryptInput{CiphertextBlob: blob, SourceKeyId: alias, SourceEncryptionContext: context, DestinationKeyId: alias, DestinationEncryptionContext: context}))
		}},
		{"ReEncryptTo", "", func() error {
			return err(bob.ReEncrypt(ctx, &kms.ReEncryptInput{CiphertextBlob: blob, SourceKeyId: alias, SourceEncryptionContext: context, DestinationKeyId: alias, DestinationEncryptionContext: context}))
		}},
		{"ReplicateKey", "", func() error {
			return err(bob.ReplicateKey(ctx, &kms.ReplicateKeyInput{KeyId: signing.KeyId, ReplicaRegion: aws.String(elsewhere), BypassPolicyLockoutSafetyCheck: true, Tags: tags}))
		}},
		{"RetireGrant", "", func() error {
			return err(bob.RetireGrant(ctx, &kms.RetireGrantInput{KeyId: key.Arn, GrantId: retirable}))
		}},
		{"RevokeGrant", "", func() error { return err(bob.RevokeGrant(ctx, &kms.RevokeGrantInput{KeyId: id, GrantId: retirable})) }},
		{"RotateKeyOnDemand", "", func() error { return err(bob.RotateKeyOnDemand(ctx, &kms.RotateKeyOnDemandInput{KeyId: id})) }},
		{"Sign", "", func() error {
			return err(bob.Sign(ctx, &kms.SignInput{KeyId: names[signing], Message: x, SigningAlgorithm: "ECDSA_SHA_256"}))
		}},
		{"TagResource", "", func() error { return err(bob.TagResource(ctx, &kms.TagResourceInput{KeyId: id, Tags: tags})) }},
		{"UpdateAlias", "", func() error {
			return err(bob.UpdateAlias(ctx, &kms.UpdateAliasInput{AliasName: alias, TargetKeyId: id}))
		}},
		{"UpdateCustomKeyStore", "", func() error {
			return err(bob.UpdateCustomKeyStore(ctx, &kms.UpdateCustomKeyStoreInput{CustomKeyStoreId: keyStore, NewCustomKeyStoreName: aws.String("n")}))
		}},
		{"UpdateKeyDescription", "", func() error {
			return err(bob.UpdateKeyDescription(ctx, &kms.UpdateKeyDescriptionInput{KeyId: id, Description: aws.String("d")}))
		}},
		{"UpdatePrimaryRegion", "", func() error { // it is asked of both keys
			must[*kms.CreateAliasOutput](t)(inRegion(e, elsewhere).CreateAlias(ctx, &kms.CreateAliasInput{AliasName: names[signing], TargetKeyId: signing.KeyId}))
			return err(bob.UpdatePrimaryRegion(ctx, &kms.UpdatePrimaryRegionInput{KeyId: signing.KeyId, PrimaryRegion: aws.String(elsewhere)}))
		}},
		{"Verify", "", func() error {
			return err(bob.Verify(ctx, &kms.VerifyInput{KeyId: names[signing], Message: x, Signature: x, SigningAlgorithm: "ECDSA_SHA_256"}))
		}},
		{"VerifyMac", "", func() error {
			return err(bob.VerifyMac(ctx, &kms.VerifyMacInput{KeyId: names[mac], Message: x, Mac: make([]byte, 32), MacAlgorithm: "HMAC_SHA_256"}))
		}},
		{"DisableKey", "", func() error { return err(bob.DisableKey(ctx, &kms.DisableKeyInput{KeyId: id})) }},
		{"ScheduleKeyDeletion", "", func() error { return err(bob.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: id})) }},
		{"CancelKeyDeletion", "", func() error { return err(bob.CancelKeyDeletion(ctx, &kms.CancelKeyDeletionInput{KeyId: id})) }},
		{"UntagResource", "", func() error {
			return err(bob.UntagResource(ctx, &kms.UntagResourceInput{KeyId: id, TagKeys: []string{"team"}}))
		}},
	} {
		t.Run(call.action, func(t *testing.T) {
			has := slices.DeleteFunc(strings.Fields(actionKeys[call.action]), func(key string) bool { return slices.Contains(strings.Fields(call.lacks), key) })
			var conditions []string
			for _, key := range conditionKeys() {
				conditions = append(conditions, fmt.Sprintf("%q:%q", key, fmt.Sprint(!slices.Contains(has, key))))
			}
			// The alias in CreateAlias and its like has no more than the first; and what else the call needs is allowed.
			document := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","NotAction":"kms:%s","Resource":"*"},
				{"Effect":"Allow","Action":"kms:%s","Resource":"arn:aws:kms:*:*:alias/*","Condition":{"Null":{"kms:CallerAccount":"false","kms:KeySpec":"true"}}},
				{"Effect":"Allow","Action":"kms:%s","Resource":"*","Condition":{"Null":{%s}}}]}`, call.action, call.action, call.action, strings.Join(conditions, ","))
			must[*iam.PutUserPolicyOutput](t)(people.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: aws.String("bob"), PolicyName: aws.String("p"), PolicyDocument: &document}))
			if e, ok := errors.AsType[smithy.APIError](call.do()); ok && e.ErrorCode() == "AccessDeniedException" {
				t.Errorf("%v\nunder %s", e, document)
			}
			delete(unasked, call.action)
		})
	}
	for action := range unasked {
		t.Errorf("%s is not called here", action)
	}
	service, ok := model.Load("kms")
	if ok != nil {
		t.Fatal(ok)
	}
	for name := range service.Operations {
		if _, ok := actionKeys[name]; !ok && name != "ReEncrypt" {
			t.Errorf("%s has no condition keys here", name)
		}
	}
}
