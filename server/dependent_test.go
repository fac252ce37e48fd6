package server_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"

	"emulator/emulatortest"
)

// TestDependentActions makes the calls that need more than the action of their name: with all but one they are
// denied, in AWS's words, with all they are not.
//
// The rows are the dependent actions of AWS's Service Authorization Reference, and the tags that a call gives to what it
// makes: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html, denials as users pasted them. kms:PutKeyPolicy of
// CreateKey is none: https://docs.aws.amazon.com/kms/latest/developerguide/create-keys.html#create-key-permissions
func TestDependentActions(t *testing.T) {
	e := emulatortest.Start(t)
	values := prepare(t, e)
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}]}`
	root := iam.NewFromConfig(e.Config())
	if _, err := root.UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String("app"), PolicyDocument: &trust}); err != nil {
		t.Fatal(err)
	}
	bob := user(t, e, "bob")
	people, tokens, keys, orgs := iam.NewFromConfig(bob), sts.NewFromConfig(bob), kms.NewFromConfig(bob), organizations.NewFromConfig(bob)
	tags := []iamtypes.Tag{{Key: aws.String("team"), Value: aws.String("a")}}
	sessionTags := []ststypes.Tag{{Key: aws.String("team"), Value: aws.String("a")}}
	role, document := aws.String(values["RoleArn"].(string)), aws.String(values["PolicyDocument"].(string))
	on := func(resource string) string { return " on resource: arn:aws:iam::000000000000:" + resource }
	for _, test := range []struct {
		own, dependent string
		resource       string // as the denial has it
		call           func() error
	}{
		{"iam:CreateUser", "iam:TagUser", on("user/team/u"), func() error {
			_, err := people.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("u"), Path: aws.String("/team/"), Tags: tags})
			return err
		}},
		{"iam:CreateRole", "iam:TagRole", on("role/x"), func() error {
			_, err := people.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("x"), AssumeRolePolicyDocument: &trust, Tags: tags})
			return err
		}},
		{"iam:UploadServerCertificate", "iam:TagServerCertificate", on("server-certificate/x"), func() error {
			_, err := people.UploadServerCertificate(t.Context(), &iam.UploadServerCertificateInput{ServerCertificateName: aws.String("x"), CertificateBody: aws.String("x"), PrivateKey: aws.String("x"), Tags: tags})
			return err
		}},
		{"iam:CreatePolicy", "iam:TagPolicy", on("policy/x"), func() error {
			_, err := people.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: aws.String("x"), PolicyDocument: document, Tags: tags})
			return err
		}},
		{"iam:CreateOpenIDConnectProvider", "iam:TagOpenIDConnectProvider", on("oidc-provider/tagged.example"), func() error {
			_, err := people.CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://tagged.example"), Tags: tags})
			return err
		}},
		{"iam:CreateSAMLProvider", "iam:TagSAMLProvider", on("saml-provider/x"), func() error {
			_, err := people.CreateSAMLProvider(t.Context(), &iam.CreateSAMLProviderInput{Name: aws.String("x"), SAMLMetadataDocument: aws.String(strings.Repeat(" ", 1000)), Tags: tags})
			return err
		}},
		{"iam:CreateVirtualMFADevice", "iam:TagMFADevice", on("mfa/x"), func() error {
			_, err := people.CreateVirtualMFADevice(t.Context(), &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: aws.String("x"), Tags: tags})
			return err
		}},
		{"iam:CreateInstanceProfile", "iam:TagInstanceProfile", on("instance-profile/x"), func() error {
			_, err := people.CreateInstanceProfile(t.Context(), &iam.CreateInstanceProfileInput{InstanceProfileName: aws.String("x"), Tags: tags})
			return err
		}},
		{"iam:AddRoleToInstanceProfile", "iam:PassRole", on("role/app"), func() error {
			_, err := people.AddRoleToInstanceProfile(t.Context(), &iam.AddRoleToInstanceProfileInput{InstanceProfileName: aws.String("web"), RoleName: aws.String("app")})
			return err
		}},
		{"sts:AssumeRole", "sts:TagSession", " on resource: " + *role, func() error {
			_, err := tokens.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: role, RoleSessionName: aws.String("s1"), Tags: sessionTags})
			return err
		}},
		{"sts:AssumeRole", "sts:SetSourceIdentity", " on resource: " + *role, func() error {
			_, err := tokens.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: role, RoleSessionName: aws.String("s1"), SourceIdentity: aws.String("bob")})
			return err
		}},
		{"sts:GetFederationToken", "sts:TagSession", " on resource: arn:aws:sts::000000000000:federated-user/s1", func() error {
			_, err := tokens.GetFederationToken(t.Context(), &sts.GetFederationTokenInput{Name: aws.String("s1"), Tags: sessionTags})
			return err
		}},
		{"sts:GetWebIdentityToken", "sts:TagGetWebIdentityToken", " on resource: arn:aws:sts::000000000000:self", func() error {
			_, err := tokens.GetWebIdentityToken(t.Context(), &sts.GetWebIdentityTokenInput{Audience: []string{"a"}, SigningAlgorithm: aws.String("RS256"), Tags: sessionTags})
			return err
		}},
		// Reports of users leave out the resource here, and only here.
		{"kms:CreateKey", "kms:TagResource", "", func() error {
			_, err := keys.CreateKey(t.Context(), &kms.CreateKeyInput{Tags: []kmstypes.Tag{{TagKey: aws.String("team"), TagValue: aws.String("a")}}})
			return err
		}},
		{"kms:CreateCustomKeyStore iam:CreateServiceLinkedRole", "cloudhsm:DescribeClusters", " on resource: *", func() error { return invoke(t, keys, "kms", "CreateCustomKeyStore", values) }},
		{
			"kms:CreateCustomKeyStore cloudhsm:DescribeClusters", "iam:CreateServiceLinkedRole",
			on("role/aws-service-role/cks.kms.amazonaws.com/AWSServiceRoleForKeyManagementServiceCustomKeyStores"),
			func() error { return invoke(t, keys, "kms", "CreateCustomKeyStore", values) },
		},
		{
			"organizations:CreateOrganization", "iam:CreateServiceLinkedRole", on("role/aws-service-role/organizations.amazonaws.com/AWSServiceRoleForOrganizations"),
			func() error {
				_, err := orgs.CreateOrganization(t.Context(), nil)
				return err
			},
		},
		{
			"cloudhsm:CreateCluster", "iam:CreateServiceLinkedRole", on("role/aws-service-role/cloudhsm.amazonaws.com/AWSServiceRoleForCloudHSM"),
			func() error { return invoke(t, clientsOf(bob)["cloudhsmv2"], "cloudhsmv2", "CreateCluster", values) },
		},
		{"organizations:CreateAccount", "organizations:TagResource", " on resource: *", func() error {
			_, err := orgs.CreateAccount(t.Context(), &organizations.CreateAccountInput{
				AccountName: aws.String("a"), Email: aws.String("a@example.com"), Tags: []orgtypes.Tag{{Key: aws.String("team"), Value: aws.String("a")}},
			})
			return err
		}},
	} {
		t.Run(test.own+" and "+test.dependent, func(t *testing.T) {
			allow := func(actions string) {
				t.Helper()
				document := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["` + strings.ReplaceAll(actions, " ", `","`) + `"],"Resource":"*"}]}`
				if _, err := root.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: aws.String("bob"), PolicyName: aws.String("p"), PolicyDocument: &document}); err != nil {
					t.Fatal(err)
				}
			}
			allow(test.own)
			want := "User: arn:aws:iam::000000000000:user/bob is not authorized to perform: " + test.dependent + test.resource +
				" because no identity-based policy allows the " + test.dependent + " action"
			denied, ok := errors.AsType[smithy.APIError](test.call())
			if !ok || !strings.HasPrefix(denied.ErrorCode(), "AccessDenied") || denied.ErrorMessage() != want {
				t.Errorf("got  %v\nwant %s", denied, want)
			}
			allow(test.own + " " + test.dependent)
			if err, ok := errors.AsType[smithy.APIError](test.call()); ok && strings.HasPrefix(err.ErrorCode(), "AccessDenied") {
				t.Errorf("with both: %v", err)
			}
		})
	}
}
