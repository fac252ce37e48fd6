package kms_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"emulator/authz"
	"emulator/emulatortest"
	"emulator/server"
)

// awsManaged is how many AWS managed keys there are: those of https://github.com/FogSecurity/aws-managed-kms-keys in us-east-1.
const awsManaged = 39

// aliases returns the names of all aliases with their keys, page by page.
func aliases(t *testing.T, c *kms.Client) (names []string, keys map[string]*string) {
	t.Helper()
	keys = make(map[string]*string)
	for pages := kms.NewListAliasesPaginator(c, &kms.ListAliasesInput{Limit: aws.Int32(4)}); pages.HasMorePages(); {
		for _, a := range must[*kms.ListAliasesOutput](t)(pages.NextPage(t.Context())).Aliases {
			if *a.AliasArn != "arn:aws:kms:us-east-1:000000000000:"+*a.AliasName || (a.TargetKeyId == nil) != (a.CreationDate == nil) {
				t.Errorf("alias %+v", a)
			}
			names = append(names, *a.AliasName)
			keys[*a.AliasName] = a.TargetKeyId
		}
	}
	return names, keys
}

// https://docs.aws.amazon.com/kms/latest/APIReference/API_DescribeKey.html: "If you specify a predefined AWS alias (an AWS alias with no
// key ID), AWS KMS associates the alias with an AWS managed key and returns its KeyId and Arn in the response."
func TestAWSManagedKeys(t *testing.T) {
	e, c, _ := startChecked(t, "kms.KeysPerRegion=1")
	now := time.Date(2031, 3, 1, 12, 0, 0, 0, time.UTC)
	e.Clock.Freeze(now)
	names, keys := aliases(t, c)
	if len(names) != awsManaged || !slices.IsSorted(names) || slices.ContainsFunc(names, func(name string) bool { return keys[name] != nil || !strings.HasPrefix(name, "alias/aws/") }) {
		t.Errorf("before the first use: %q", names)
	}
	if listed := must[*kms.ListKeysOutput](t)(c.ListKeys(t.Context(), nil)).Keys; len(listed) != 0 {
		t.Errorf("before the first use: keys %+v", listed)
	}
	_, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: aws.String("alias/aws/s3"), Plaintext: []byte("a")})
	refused(t, err, "NotFoundException", "alias/aws/s3 is not found")
	for _, none := range []string{"alias/aws/nothing", "alias/aws/", "alias/aws/s3/", "alias/aws/S3", "arn:aws:kms:us-east-1:111111111111:alias/aws/s3"} {
		if _, err := c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &none}); err == nil {
			t.Errorf("%s: described", none)
		}
	}

	key := describe(t, c, aws.String("alias/aws/s3"))
	if key.KeyManager != types.KeyManagerTypeAws || key.KeyState != types.KeyStateEnabled || !key.Enabled || key.Origin != types.OriginTypeAwsKms || key.KeySpec != types.KeySpecSymmetricDefault ||
		*key.Description != "Default key that protects my S3 objects when no other key is defined" || *key.MultiRegion || !key.CreationDate.Equal(now) {
		t.Errorf("made %+v", key)
	}
	for _, id := range []*string{aws.String("alias/aws/s3"), aws.String("arn:aws:kms:us-east-1:000000000000:alias/aws/s3"), key.KeyId, key.Arn} {
		if again := describe(t, c, id); *again.KeyId != *key.KeyId {
			t.Errorf("%s is %s, want %s", *id, *again.KeyId, *key.KeyId)
		}
	}
	own := createKey(t, c, "", "") // of which the quota allows one
	if own.KeyManager != types.KeyManagerTypeCustomer {
		t.Errorf("made %+v", own)
	}
	for _, name := range []string{"alias/a", "alias/aws-own", "alias/aws0", "alias/z"} {
		must[*kms.CreateAliasOutput](t)(c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: &name, TargetKeyId: own.KeyId}))
	}
	names, keys = aliases(t, c)
	if len(names) != awsManaged+4 || len(keys) != len(names) || !slices.IsSorted(names) || aws.ToString(keys["alias/aws/s3"]) != *key.KeyId || keys["alias/aws/ebs"] != nil || aws.ToString(keys["alias/z"]) != *own.KeyId {
		t.Errorf("then: %q", names)
	}
	if listed := must[*kms.ListKeysOutput](t)(c.ListKeys(t.Context(), nil)).Keys; len(listed) != 2 {
		t.Errorf("then: keys %+v", listed)
	}
	if of := must[*kms.ListAliasesOutput](t)(c.ListAliases(t.Context(), &kms.ListAliasesInput{KeyId: key.KeyId})).Aliases; len(of) != 1 || *of[0].AliasName != "alias/aws/s3" {
		t.Errorf("aliases of the key: %+v", of)
	}
	if elsewhere := describe(t, inRegion(e, elsewhere), aws.String("alias/aws/s3")); *elsewhere.KeyId == *key.KeyId {
		t.Error("one key for two Regions")
	}

	// API_GetKeyRotationStatus: "The key rotation status for AWS managed KMS keys is always true", and "AWS KMS always rotates the key
	// material in AWS managed KMS keys every year".
	status := must[*kms.GetKeyRotationStatusOutput](t)(c.GetKeyRotationStatus(t.Context(), &kms.GetKeyRotationStatusInput{KeyId: key.KeyId}))
	if !status.KeyRotationEnabled || *status.RotationPeriodInDays != 365 || !status.NextRotationDate.Equal(now.Add(365*day)) {
		t.Errorf("rotation %+v", status)
	}
	e.Clock.Advance(366 * day)
	if shown, _ := rotations(t, c, key.KeyId, ""); !slices.Equal(shown, []string{"CURRENT AUTOMATIC"}) {
		t.Errorf("after a year: %q", shown)
	}
	if tags := must[*kms.ListResourceTagsOutput](t)(c.ListResourceTags(t.Context(), &kms.ListResourceTagsInput{KeyId: key.KeyId})).Tags; len(tags) != 0 {
		t.Errorf("tags %+v", tags)
	}
}

// Each policy is one that KMS would take, of that key's account and Region, and has what those of s3 and of ebs were seen to have
// (https://github.com/FogSecurity/aws-managed-kms-keys, README.md and reference_key_policies/ebs.json).
func TestPoliciesOfAWSManagedKeys(t *testing.T) {
	_, c := start(t)
	own := createKey(t, c, "", "")
	names, _ := aliases(t, c)
	for _, name := range names {
		id := describe(t, c, &name).KeyId
		text := must[*kms.GetKeyPolicyOutput](t)(c.GetKeyPolicy(t.Context(), &kms.GetKeyPolicyInput{KeyId: id})).Policy
		if strings.ContainsAny(*text, "\\") || strings.Contains(*text, "{account}") || strings.Contains(*text, "{region}") || strings.Contains(*text, "{partition}") {
			t.Errorf("%s: %s", name, *text)
		}
		if _, err := c.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: own.KeyId, Policy: text, BypassPolicyLockoutSafetyCheck: true}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		own = createKey(t, c, "", "") // whose policy lets it be put once
	}
	for name, want := range map[string]string{
		"alias/aws/s3":  policyLike("auto-s3-2", "S3", "s3", `"kms:Encrypt","kms:Decrypt","kms:ReEncrypt*","kms:GenerateDataKey*","kms:DescribeKey"`, ""),
		"alias/aws/ebs": policyLike("auto-ebs-2", "EBS", "ec2", `"kms:Encrypt","kms:Decrypt","kms:ReEncrypt*","kms:GenerateDataKey*","kms:CreateGrant","kms:DescribeKey"`, `,"kms:RevokeGrant"`),
	} {
		got := must[*kms.GetKeyPolicyOutput](t)(c.GetKeyPolicy(t.Context(), &kms.GetKeyPolicyInput{KeyId: describe(t, c, &name).KeyId})).Policy
		var a, b any
		if err := json.Unmarshal([]byte(*got), &a); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(want), &b); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(a, b) {
			t.Errorf("%s: %s", name, *got)
		}
	}
}

func policyLike(id, title, via, use, more string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Id":%q,"Statement":[
		{"Sid":"Allow access through %[2]s for all principals in the account that are authorized to use %[2]s","Effect":"Allow","Principal":{"AWS":"*"},"Action":[%s],"Resource":"*",
			"Condition":{"StringEquals":{"kms:CallerAccount":["000000000000"],"kms:ViaService":["%s.us-east-1.amazonaws.com"]}}},
		{"Sid":"Allow direct access to key metadata to the account","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:root"},"Action":["kms:Describe*","kms:Get*","kms:List*"%s],"Resource":"*"}
	]}`, id, title, use, via, more)
}

// Nobody changes what AWS manages, also the root user, and where no policy is enforced. The text is what AWS answered to
// aws-ia/terraform-aws-eks-blueprints issue 485.
func TestAWSManagedKeysCannotBeChanged(t *testing.T) {
	for _, mode := range []authz.Mode{authz.Enforce, authz.Off} {
		e := emulatortest.Start(t, server.Config{IAM: mode})
		c := kms.NewFromConfig(e.Config())
		key := describe(t, c, aws.String("alias/aws/ebs"))
		own := createKey(t, c, "", "")
		s := &subject{T: t, c: c, maker: c, id: key.KeyId, arn: key.Arn}
		for _, name := range []string{
			"CancelKeyDeletion", "CreateAlias", "DeleteImportedKeyMaterial", "DisableKey", "DisableKeyRotation", "EnableKey", "EnableKeyRotation", "ImportKeyMaterial", "PutKeyPolicy", "ReplicateKey",
			"RotateKeyOnDemand", "ScheduleKeyDeletion", "TagResource", "UntagResource", "UpdateKeyDescription", "UpdatePrimaryRegion",
		} {
			refused(t, drivenOperations[name].call(s), "AccessDeniedException", "User: arn:aws:iam::000000000000:root is not authorized to perform: kms:"+name+" on resource: "+*key.Arn+" because no resource-based policy allows the kms:"+name+" action")
		}
		must[*kms.CreateAliasOutput](t)(c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/own"), TargetKeyId: own.KeyId}))
		_, err := c.UpdateAlias(t.Context(), &kms.UpdateAliasInput{AliasName: aws.String("alias/own"), TargetKeyId: key.KeyId})
		refused(t, err, "AccessDeniedException", "kms:UpdateAlias")
		// API_CreateAlias: "The alias/aws/ prefix is reserved".
		_, err = c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/aws/own"), TargetKeyId: own.KeyId})
		refused(t, err, "NotAuthorizedException", "")
		_, err = c.UpdateAlias(t.Context(), &kms.UpdateAliasInput{AliasName: aws.String("alias/aws/ebs"), TargetKeyId: own.KeyId})
		refused(t, err, "NotAuthorizedException", "")
		_, err = c.DeleteAlias(t.Context(), &kms.DeleteAliasInput{AliasName: aws.String("alias/aws/ebs")})
		refused(t, err, "NotAuthorizedException", "")
		if mode == authz.Enforce { // and only its service uses it
			for _, name := range []string{"Encrypt", "GenerateDataKey", "CreateGrant"} {
				refused(t, drivenOperations[name].call(s), "AccessDeniedException", "because no resource-based policy allows the kms:"+name+" action")
			}
		}
	}
}

// A key is made for whom its own policy, with his, lets describe it.
func TestWhoMakesAWSManagedKeys(t *testing.T) {
	e, c := start(t)
	bob := kms.NewFromConfig(newUser(t, e, e.Config(), "bob", `{"Effect":"Allow","Action":"kms:ListKeys","Resource":"*"}`))
	_, err := bob.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String("alias/aws/s3")})
	refused(t, err, "AccessDeniedException", "is not authorized to perform: kms:DescribeKey because no identity-based policy allows the kms:DescribeKey action")
	if listed := must[*kms.ListKeysOutput](t)(c.ListKeys(t.Context(), nil)).Keys; len(listed) != 0 {
		t.Errorf("made for somebody who may not: %+v", listed)
	}
	for name, statement := range map[string]string{
		"ann": `{"Effect":"Allow","Action":"kms:DescribeKey","Resource":"arn:aws:kms:us-east-1:000000000000:key/*"}`,
		"eve": `{"Effect":"Allow","Action":"kms:DescribeKey","Resource":"*","Condition":{"StringEquals":{"kms:RequestAlias":"alias/aws/ebs"}}}`,
	} {
		service := map[string]string{"ann": "s3", "eve": "ebs"}[name]
		describe(t, kms.NewFromConfig(newUser(t, e, e.Config(), name, statement)), aws.String("alias/aws/"+service))
	}
}
