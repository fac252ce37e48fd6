package server_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/smithy-go"

	"emulator/authz"
	"emulator/emulatortest"
	"emulator/server"
)

// costCenters is a tag policy that is enforced of all there is.
const costCenters = `{"tags":{"costcenter":{"tag_key":{"@@assign":"CostCenter"},"tag_value":{"@@assign":["100","2*"]},
	"enforced_for":{"@@assign":["iam:ALL_SUPPORTED","kms:ALL_SUPPORTED","organizations:ALL_SUPPORTED"]}}}}`

// tagPolicies makes an organization whose tag policies are attached to its root in this order.
func tagPolicies(t *testing.T, e *emulatortest.Emulator, contents ...string) (client *organizations.Client, root string) {
	t.Helper()
	client = organizations.NewFromConfig(e.Config())
	check := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(client.CreateOrganization(t.Context(), nil))
	roots, err := client.ListRoots(t.Context(), nil)
	check(nil, err)
	root = *roots.Roots[0].Id
	check(client.EnablePolicyType(t.Context(), &organizations.EnablePolicyTypeInput{RootId: &root, PolicyType: orgtypes.PolicyTypeTagPolicy}))
	for i, content := range contents {
		made, err := client.CreatePolicy(t.Context(), &organizations.CreatePolicyInput{Type: orgtypes.PolicyTypeTagPolicy, Name: aws.String(fmt.Sprint(i)), Description: aws.String(""), Content: &content})
		check(nil, err)
		check(client.AttachPolicy(t.Context(), &organizations.AttachPolicyInput{PolicyId: made.Policy.PolicySummary.Id, TargetId: &root}))
	}
	return client, root
}

func kmsTags(key, value string) []kmstypes.Tag {
	return []kmstypes.Tag{{TagKey: &key, TagValue: &value}}
}

func orgTags(key, value string) []orgtypes.Tag {
	return []orgtypes.Tag{{Key: &key, Value: &value}}
}

// refusal is the error for a tag that a tag policy does not allow, as users of other services pasted it.
func refusal(key string) string {
	return "The tag policy does not allow the specified value for the following tag key: '" + key + "'."
}

// TestTagPolicies: what is enforced, and what is not, is in
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_supported-resources-enforcement.html
func TestTagPolicies(t *testing.T) {
	e := emulatortest.Start(t)
	values := prepare(t, e)
	tagAll(t, e, values)
	orgs, root := tagPolicies(t, e, costCenters)
	unit, err := orgs.CreateOrganizationalUnit(t.Context(), &organizations.CreateOrganizationalUnitInput{ParentId: &root, Name: aws.String("u")})
	if err != nil {
		t.Fatal(err)
	}
	policies, err := orgs.ListPolicies(t.Context(), &organizations.ListPoliciesInput{Filter: orgtypes.PolicyTypeTagPolicy})
	if err != nil {
		t.Fatal(err)
	}
	people, keys := iam.NewFromConfig(e.Config()), kms.NewFromConfig(e.Config())
	value := func(name string) *string { return aws.String(values[name].(string)) }
	tagOrganization := func(id *string) func(key, value string) error {
		return func(key, value string) error {
			_, err := orgs.TagResource(t.Context(), &organizations.TagResourceInput{ResourceId: id, Tags: orgTags(key, value)})
			return err
		}
	}
	body, private := certificate(t)
	metadata := admin(t, e, "GET", "/saml/metadata", "", 200)["metadata"].(string)
	multiRegion, err := keys.CreateKey(t.Context(), &kms.CreateKeyInput{MultiRegion: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, code string // no code: tag policies are not enforced
		call       func(key, value string) error
	}{
		{"CreatePolicy", "InvalidInput", func(key, value string) error {
			_, err := people.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: aws.String("x"), PolicyDocument: aws.String(values["PolicyDocument"].(string)), Tags: iamTags(key, value)})
			return err
		}},
		{"TagPolicy", "InvalidInput", func(key, val string) error {
			_, err := people.TagPolicy(t.Context(), &iam.TagPolicyInput{PolicyArn: value("PolicyArn"), Tags: iamTags(key, val)})
			return err
		}},
		{"CreateInstanceProfile", "InvalidInput", func(key, value string) error {
			_, err := people.CreateInstanceProfile(t.Context(), &iam.CreateInstanceProfileInput{InstanceProfileName: aws.String("x"), Tags: iamTags(key, value)})
			return err
		}},
		{"TagInstanceProfile", "InvalidInput", func(key, value string) error {
			_, err := people.TagInstanceProfile(t.Context(), &iam.TagInstanceProfileInput{InstanceProfileName: aws.String("web"), Tags: iamTags(key, value)})
			return err
		}},
		{"CreateVirtualMFADevice", "InvalidInput", func(key, value string) error {
			_, err := people.CreateVirtualMFADevice(t.Context(), &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: aws.String("x"), Tags: iamTags(key, value)})
			return err
		}},
		{"TagMFADevice", "InvalidInput", func(key, val string) error {
			_, err := people.TagMFADevice(t.Context(), &iam.TagMFADeviceInput{SerialNumber: value("SerialNumber"), Tags: iamTags(key, val)})
			return err
		}},
		{"CreateOpenIDConnectProvider", "InvalidInput", func(key, value string) error {
			_, err := people.CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://x.example"), ThumbprintList: values["ThumbprintList"].([]string), Tags: iamTags(key, value)})
			return err
		}},
		{"TagOpenIDConnectProvider", "InvalidInput", func(key, val string) error {
			_, err := people.TagOpenIDConnectProvider(t.Context(), &iam.TagOpenIDConnectProviderInput{OpenIDConnectProviderArn: value("OpenIDConnectProviderArn"), Tags: iamTags(key, val)})
			return err
		}},
		{"CreateSAMLProvider", "InvalidInput", func(key, value string) error {
			_, err := people.CreateSAMLProvider(t.Context(), &iam.CreateSAMLProviderInput{Name: aws.String("x"), SAMLMetadataDocument: &metadata, Tags: iamTags(key, value)})
			return err
		}},
		{"TagSAMLProvider", "InvalidInput", func(key, val string) error {
			_, err := people.TagSAMLProvider(t.Context(), &iam.TagSAMLProviderInput{SAMLProviderArn: value("SAMLProviderArn"), Tags: iamTags(key, val)})
			return err
		}},
		{"UploadServerCertificate", "InvalidInput", func(key, value string) error {
			_, err := people.UploadServerCertificate(t.Context(), &iam.UploadServerCertificateInput{ServerCertificateName: aws.String("x"), CertificateBody: &body, PrivateKey: &private, Tags: iamTags(key, value)})
			return err
		}},
		{"TagServerCertificate", "InvalidInput", func(key, value string) error {
			_, err := people.TagServerCertificate(t.Context(), &iam.TagServerCertificateInput{ServerCertificateName: aws.String("name"), Tags: iamTags(key, value)})
			return err
		}},
		{"CreateUser", "", func(key, value string) error {
			_, err := people.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String(key + value[:1]), Tags: iamTags(key, value)})
			return err
		}},
		{"TagUser", "", func(key, value string) error {
			_, err := people.TagUser(t.Context(), &iam.TagUserInput{UserName: aws.String("alice"), Tags: iamTags(key, value)})
			return err
		}},
		{"TagRole", "", func(key, value string) error {
			_, err := people.TagRole(t.Context(), &iam.TagRoleInput{RoleName: aws.String("app"), Tags: iamTags(key, value)})
			return err
		}},
		{"CreateKey", "TagException", func(key, value string) error {
			_, err := keys.CreateKey(t.Context(), &kms.CreateKeyInput{Tags: kmsTags(key, value)})
			return err
		}},
		{"ReplicateKey", "TagException", func(key, value string) error {
			_, err := keys.ReplicateKey(t.Context(), &kms.ReplicateKeyInput{KeyId: multiRegion.KeyMetadata.KeyId, ReplicaRegion: aws.String("eu-west-1"), Tags: kmsTags(key, value)})
			return err
		}},
		{"kms TagResource", "TagException", func(key, val string) error {
			_, err := keys.TagResource(t.Context(), &kms.TagResourceInput{KeyId: value("KeyId"), Tags: kmsTags(key, val)})
			return err
		}},
		{"CreateAccount", "ConstraintViolationException", func(key, value string) error {
			_, err := orgs.CreateAccount(t.Context(), &organizations.CreateAccountInput{AccountName: aws.String("x"), Email: aws.String("x@example.com"), Tags: orgTags(key, value)})
			return err
		}},
		{"CreateOrganizationalUnit", "ConstraintViolationException", func(key, value string) error {
			_, err := orgs.CreateOrganizationalUnit(t.Context(), &organizations.CreateOrganizationalUnitInput{ParentId: &root, Name: aws.String("x"), Tags: orgTags(key, value)})
			return err
		}},
		{"organizations CreatePolicy", "ConstraintViolationException", func(key, value string) error {
			_, err := orgs.CreatePolicy(t.Context(), &organizations.CreatePolicyInput{Type: orgtypes.PolicyTypeTagPolicy, Name: aws.String("x"), Description: aws.String(""), Content: aws.String(costCenters), Tags: orgTags(key, value)})
			return err
		}},
		{"TagResource of a root", "ConstraintViolationException", tagOrganization(&root)},
		{"TagResource of a unit", "ConstraintViolationException", tagOrganization(unit.OrganizationalUnit.Id)},
		{"TagResource of a policy", "ConstraintViolationException", tagOrganization(policies.Policies[0].Id)},
		{"TagResource of an account", "ConstraintViolationException", tagOrganization(aws.String("000000000000"))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, bad := range [][2]string{{"CostCenter", "300"}, {"costCenter", "100"}} {
				err := tt.call(bad[0], bad[1])
				if tt.code == "" {
					if err != nil {
						t.Errorf("%s=%s: %v", bad[0], bad[1], err)
					}
					continue
				}
				refused, ok := errors.AsType[smithy.APIError](err)
				if !ok || refused.ErrorCode() != tt.code || refused.ErrorMessage() != refusal(bad[0]) {
					t.Errorf("%s=%s: %v", bad[0], bad[1], err)
				}
				if violation, ok := errors.AsType[*orgtypes.ConstraintViolationException](err); ok && violation.Reason != orgtypes.ConstraintViolationExceptionReasonTagPolicyViolation {
					t.Errorf("reason %s", violation.Reason)
				}
			}
			if err := tt.call("CostCenter", "200"); err != nil {
				t.Error(err)
			}
		})
	}
}

// A tag policy is that of the account. It is asked after the caller's policies, and not where these aren't enforced.
func TestWhereTagPoliciesHold(t *testing.T) {
	create := func(config aws.Config) error {
		_, err := kms.NewFromConfig(config).CreateKey(t.Context(), &kms.CreateKeyInput{Tags: kmsTags("CostCenter", "300")})
		return err
	}
	e := emulatortest.Start(t)
	client, root := tagPolicies(t, e, costCenters)
	if err := create(e.Config()); err == nil || !strings.Contains(err.Error(), refusal("CostCenter")) {
		t.Errorf("in the organization: %v", err)
	}
	if err := create(e.ConfigWith("111111111111", "test", "", emulatortest.Region)); err != nil {
		t.Errorf("outside of the organization: %v", err)
	}
	if err := create(user(t, e, "bob")); err == nil || !strings.Contains(err.Error(), "AccessDenied") {
		t.Errorf("without permission: %v", err)
	}
	if _, err := client.DisablePolicyType(t.Context(), &organizations.DisablePolicyTypeInput{RootId: &root, PolicyType: orgtypes.PolicyTypeTagPolicy}); err != nil {
		t.Fatal(err)
	}
	if err := create(e.Config()); err != nil {
		t.Errorf("disabled: %v", err)
	}
	audited := emulatortest.Start(t, server.Config{IAM: authz.Audit})
	tagPolicies(t, audited, costCenters)
	if err := create(audited.Config()); err != nil {
		t.Errorf("in audit mode: %v", err)
	}
}

// What is long is merged outside of the transaction.
func TestLongTagPolicies(t *testing.T) {
	long := func(operator string) string {
		values := make([]string, 900)
		for i := range values {
			values[i] = fmt.Sprintf(`"%s%d"`, operator, i)
		}
		return `{"tags":{"costcenter":{"tag_value":{"@@append":[` + strings.Join(values, ",") + `]}}}}`
	}
	e := emulatortest.Start(t)
	tagPolicies(t, e, `{"tags":{"costcenter":{"tag_key":{"@@assign":"CostCenter"},"enforced_for":{"@@assign":["iam:policy"]}}}}`, long("a"), long("b"), long("c"))
	client := iam.NewFromConfig(e.Config())
	for value, allowed := range map[string]bool{"a1": true, "c899": true, "d1": false} {
		_, err := client.CreatePolicy(t.Context(), &iam.CreatePolicyInput{
			PolicyName: &value, PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`),
			Tags: []iamtypes.Tag{{Key: aws.String("CostCenter"), Value: &value}},
		})
		if (err == nil) != allowed {
			t.Errorf("%s: %v", value, err)
		}
	}
}
