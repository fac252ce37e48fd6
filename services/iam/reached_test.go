package iam_test

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/smithy-go"

	"emulator/emulatortest"
	"emulator/server"
)

// step is a call and what AWS answers: "Code: message", and nothing if it succeeds.
type step struct {
	operation string
	// parameters on the wire: UserName=ann&Tags.member.1.Key=a
	parameters string
	want       string
}

func play(t *testing.T, config aws.Config, steps ...step) {
	t.Helper()
	for _, s := range steps {
		values, err := url.ParseQuery(s.parameters)
		if err != nil {
			t.Fatalf("%s: %v", s.parameters, err)
		}
		parameters := make(map[string]string)
		for name := range values {
			parameters[name] = values.Get(name)
		}
		_, err = emulatortest.Query(t.Context(), config, "iam", s.operation, parameters)
		got := ""
		if err != nil {
			e, ok := err.(*smithy.OperationError)
			if !ok {
				t.Fatalf("%s: %v", s.operation, err)
			}
			answered := e.Err.(*smithy.GenericAPIError)
			got = answered.Code + ": " + answered.Message
		}
		if got != s.want {
			t.Errorf("%s %.200s\ngot  %s\nwant %s", s.operation, s.parameters, got, s.want)
		}
	}
}

func privatePEM(key *rsa.PrivateKey) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
}

// tagParameters are the tags with the numbers from first to last.
func tagParameters(first, last int) string {
	var b strings.Builder
	for n := first; n <= last; n++ {
		fmt.Fprintf(&b, "&Tags.member.%d.Key=k%d&Tags.member.%d.Value=v", n-first+1, n, n-first+1)
	}
	return b.String()
}

const (
	noNobody     = "NoSuchEntity: The user with name nobody cannot be found."
	noNothing    = "NoSuchEntity: The role with name nothing cannot be found."
	noGroup      = "NoSuchEntity: The group with name nobody cannot be found."
	twiceTagged  = "InvalidInput: Duplicate tag keys found."
	twiceInsense = twiceTagged + " Please note that Tag keys are case insensitive."
	sameTags     = "&Tags.member.1.Key=a&Tags.member.1.Value=1&Tags.member.2.Key=a&Tags.member.2.Value=2"
)

// TestAbsentAndTaken names what is not there, or what is there already, in every operation in which no other test does.
func TestAbsentAndTaken(t *testing.T) {
	config := emulatortest.Start(t).Config()
	trust := "&AssumeRolePolicyDocument=" + url.QueryEscape(anyTrust)
	policy := "&PolicyDocument=" + url.QueryEscape(document)
	play(t, config,
		step{"CreateUser", "UserName=ann", ""},
		step{"CreateUser", "UserName=bob", ""},
		step{"CreateUser", "UserName=carl" + sameTags, twiceInsense},
		step{"GetUser", "UserName=ann", ""},
		step{"GetUser", "UserName=nobody", noNobody},
		step{"UpdateUser", "UserName=nobody&NewUserName=x", noNobody},
		step{"UpdateUser", "UserName=ann&NewUserName=BOB", "EntityAlreadyExists: User with name BOB already exists."},
		step{"DeleteUser", "UserName=nobody", noNobody},
		step{"DeleteUserPermissionsBoundary", "UserName=ann", "NoSuchEntity: No permissions boundary is set on user ann."},
		step{"CreateAccessKey", "UserName=nobody", noNobody},
		step{"UpdateAccessKey", "UserName=nobody&AccessKeyId=AKIAAAAAAAAAAAAAAAAA&Status=Inactive", noNobody},
		step{"ListAccessKeys", "UserName=nobody", noNobody},
		step{"ListMFADevices", "UserName=nobody", noNobody},
		step{"ResyncMFADevice", "UserName=nobody&SerialNumber=arn:aws:iam::000000000000:mfa/x&AuthenticationCode1=123456&AuthenticationCode2=234567", noNobody},
		step{"ListGroupsForUser", "UserName=nobody", noNobody},
		step{"AddUserToGroup", "UserName=ann&GroupName=nobody", noGroup},
		step{"GetContextKeysForPrincipalPolicy", "PolicySourceArn=arn:aws:iam::000000000000:user/ann", ""},
		step{"GetContextKeysForPrincipalPolicy", "PolicySourceArn=arn:aws:iam::000000000000:user/nobody", noNobody},
		step{"GetContextKeysForPrincipalPolicy", "PolicySourceArn=arn:aws:iam::000000000000:ann", "InvalidInput: Invalid Entity Arn: arn:aws:iam::000000000000:ann does not clearly define entity type and name."},

		step{"CreateGroup", "GroupName=staff", ""},
		step{"CreateGroup", "GroupName=other", ""},
		step{"GetGroup", "GroupName=nobody", noGroup},
		step{"UpdateGroup", "GroupName=nobody&NewGroupName=x", noGroup},
		step{"UpdateGroup", "GroupName=staff&NewGroupName=Other", "EntityAlreadyExists: Group with name Other already exists."},
		step{"UpdateGroup", "GroupName=staff&NewGroupName=crew", ""},
		step{"DeleteGroup", "GroupName=nobody", noGroup},
		step{"AddUserToGroup", "UserName=ann&GroupName=crew", ""},
		step{"DeleteGroup", "GroupName=crew", "DeleteConflict: Cannot delete entity, must remove users from group first."},

		step{"CreateRole", "RoleName=app" + trust, ""},
		step{"UpdateRole", "RoleName=nothing", noNothing},
		step{"UpdateRoleDescription", "RoleName=nothing&Description=d", noNothing},
		step{"UpdateAssumeRolePolicy", "RoleName=nothing" + strings.Replace(trust, "AssumeRole", "", 1), noNothing},
		step{"DeleteRole", "RoleName=nothing", noNothing},
		step{"PutRolePermissionsBoundary", "RoleName=nothing&PermissionsBoundary=arn:aws:iam::aws:policy/ReadOnlyAccess", noNothing},
		step{"PutRolePermissionsBoundary", "RoleName=app&PermissionsBoundary=arn:aws:iam::aws:policy/", "InvalidInput: ARN arn:aws:iam::aws:policy/ is not valid."},
		step{"DeleteRolePermissionsBoundary", "RoleName=nothing", noNothing},
		step{"CreateServiceLinkedRole", "AWSServiceName=batch.amazonaws.com", ""},
		step{"UpdateRoleDescription", "RoleName=AWSServiceRoleForBatch&Description=d", ""},

		step{"CreatePolicy", "PolicyName=p" + sameTags + policy, twiceTagged},
		step{"CreateVirtualMFADevice", "VirtualMFADeviceName=d" + sameTags, twiceTagged},
	)
	key := must(iam.NewFromConfig(config).CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("ann")}))(t).AccessKey
	play(t, config, step{"UpdateAccessKey", "UserName=ann&Status=Expired&AccessKeyId=" + *key.AccessKeyId, "InvalidInput: The status is Active or Inactive."})
}

// TestTagging gives each thing that has tags the same tag twice, and more than fifty.
func TestTagging(t *testing.T) {
	config := emulatortest.Start(t).Config()
	_, body := certificate(t, "a", rsaKeys()[0], nil, nil)
	play(t, config,
		step{"CreateUser", "UserName=ann", ""},
		step{"CreateRole", "RoleName=app&AssumeRolePolicyDocument=" + url.QueryEscape(anyTrust), ""},
		step{"CreatePolicy", "PolicyName=p&PolicyDocument=" + url.QueryEscape(document), ""},
		step{"CreateInstanceProfile", "InstanceProfileName=i", ""},
		step{"CreateOpenIDConnectProvider", "Url=https://a.example", ""},
		step{"CreateVirtualMFADevice", "VirtualMFADeviceName=d", ""},
		step{"UploadServerCertificate", "ServerCertificateName=c&CertificateBody=" + url.QueryEscape(body) + "&PrivateKey=" + url.QueryEscape(privatePEM(rsaKeys()[0])), ""},
		step{"CreateSAMLProvider", "Name=corporate&SAMLMetadataDocument=" + url.QueryEscape(metadata(t, "https://idp.example.com")), ""},
	)
	const account = "arn:aws:iam::000000000000:"
	for _, kind := range []struct{ name, parameter, id, absent, want, twice string }{
		{"User", "UserName", "ann", "nobody", noNobody, twiceInsense},
		{"Role", "RoleName", "app", "nothing", noNothing, twiceInsense},
		{"Policy", "PolicyArn", account + "policy/p", account + "policy/x", "NoSuchEntity: Policy " + account + "policy/x was not found.", twiceTagged},
		{"ServerCertificate", "ServerCertificateName", "c", "x", "NoSuchEntity: The Server Certificate with name x cannot be found.", twiceTagged},
		{"InstanceProfile", "InstanceProfileName", "i", "x", "NoSuchEntity: Instance Profile x cannot be found.", twiceTagged},
		{"OpenIDConnectProvider", "OpenIDConnectProviderArn", account + "oidc-provider/a.example", account + "oidc-provider/x", "NoSuchEntity: OpenIDConnect Provider not found for arn " + account + "oidc-provider/x", twiceTagged},
		{"SAMLProvider", "SAMLProviderArn", account + "saml-provider/corporate", account + "saml-provider/x", "NoSuchEntity: Manifest not found for arn " + account + "saml-provider/x", twiceTagged},
		{"MFADevice", "SerialNumber", account + "mfa/d", account + "mfa/x", "NoSuchEntity: MFA Device with serial number " + account + "mfa/x does not exist.", twiceTagged},
	} {
		is, isNot := kind.parameter+"="+kind.id, kind.parameter+"="+kind.absent
		play(t, config,
			step{"Tag" + kind.name, is + sameTags, kind.twice},
			step{"Tag" + kind.name, is + tagParameters(1, 50), ""},
			step{"Tag" + kind.name, is + tagParameters(50, 50), ""},
			step{"Tag" + kind.name, is + tagParameters(51, 51), "LimitExceeded: The number of tags has reached the maximum limit."},
			step{"Tag" + kind.name, isNot + tagParameters(1, 1), kind.want},
			step{"Untag" + kind.name, isNot + "&TagKeys.member.1=a", kind.want},
			step{"Untag" + kind.name, is + "&TagKeys.member.1=k50&TagKeys.member.2=none", ""},
			step{"Tag" + kind.name, is + tagParameters(51, 51), ""},
			step{"List" + kind.name + "Tags", isNot, kind.want},
			step{"List" + kind.name + "Tags", is, ""},
		)
	}
}

// TestTemporarilyUnmodifiable does to users and their passwords what AWS refuses while they are being made.
func TestTemporarilyUnmodifiable(t *testing.T) {
	ctx, e := t.Context(), emulatortest.Start(t, server.Config{Transition: time.Hour})
	config := e.Config()
	const (
		creating  = "EntityTemporarilyUnmodifiable: Login Profile for User ann cannot be modified while login profile is being created."
		recreated = "EntityTemporarilyUnmodifiable: User bob cannot be modified while it is being created: another user of that name was deleted."
	)
	ann := userClient(t, e, "ann", allow("iam:ChangePassword"))
	device := must(iam.NewFromConfig(config).CreateVirtualMFADevice(ctx, &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: aws.String("d")}))(t).VirtualMFADevice
	enable := "UserName=bob&AuthenticationCode1=000000&AuthenticationCode2=000000&SerialNumber=" + *device.SerialNumber
	change := func() error {
		return failed(ann.ChangePassword(ctx, &iam.ChangePasswordInput{OldPassword: aws.String("Longer-1"), NewPassword: aws.String("Longer-2")}))
	}
	play(t, config,
		step{"CreateUser", "UserName=bob", ""},
		step{"UpdateUser", "UserName=bob&NewPath=/a/", ""},
		step{"DeleteUser", "UserName=bob", ""},
		step{"CreateUser", "UserName=bob", ""},
		step{"UpdateUser", "UserName=bob&NewUserName=carl", recreated},
		step{"EnableMFADevice", enable, recreated},
		step{"CreateLoginProfile", "UserName=ann&Password=Longer-1", ""},
		step{"UpdateLoginProfile", "UserName=ann&PasswordResetRequired=true", creating},
		step{"DeleteLoginProfile", "UserName=ann", creating},
		step{"GetLoginProfile", "UserName=ann", ""},
	)
	wantError(t, change(), "EntityTemporarilyUnmodifiable", strings.TrimPrefix(creating, "EntityTemporarilyUnmodifiable: "))
	e.Clock.Advance(2 * time.Hour)
	if err := change(); err != nil {
		t.Error(err)
	}
	play(t, config,
		step{"UpdateLoginProfile", "UserName=ann&PasswordResetRequired=true", ""},
		step{"DeleteLoginProfile", "UserName=ann", ""},
		step{"EnableMFADevice", enable, "InvalidAuthenticationCode: Authentication code for device is not valid."},
		step{"UpdateUser", "UserName=bob&NewUserName=carl", ""},
		step{"DeleteUser", "UserName=carl", ""},
	)
	e.Clock.Advance(2 * time.Hour)
	play(t, config, step{"CreateUser", "UserName=carl", ""}, step{"UpdateUser", "UserName=carl&NewUserName=dora", ""})
}

// TestTrustPolicySize: white space does not count.
func TestTrustPolicySize(t *testing.T) {
	config := emulatortest.Start(t, server.Config{Quotas: []string{"iam.ACLSizePerRole=200"}}).Config()
	long := url.QueryEscape(strings.Replace(anyTrust, "{", `{"Id":"`+strings.Repeat("x", 200)+`",`, 1))
	play(t, config,
		step{"CreateRole", "RoleName=app&AssumeRolePolicyDocument=" + long, "LimitExceeded: Cannot exceed quota for ACLSizePerRole: 200"},
		step{"CreateRole", "RoleName=app&AssumeRolePolicyDocument=" + url.QueryEscape(anyTrust+strings.Repeat(" ", 200)), ""},
		step{"UpdateAssumeRolePolicy", "RoleName=app&PolicyDocument=" + long, "LimitExceeded: Cannot exceed quota for ACLSizePerRole: 200"},
	)
}

// TestRootAccess asks for centralized root access as an account that may not yet, or never, turn it on.
func TestRootAccess(t *testing.T) {
	operations := []string{
		"EnableOrganizationsRootSessions", "EnableOrganizationsRootCredentialsManagement", "ListOrganizationsFeatures",
		"DisableOrganizationsRootSessions", "DisableOrganizationsRootCredentialsManagement",
	}
	ctx, e := t.Context(), emulatortest.Start(t)
	all := func(account, want string) {
		t.Helper()
		for _, operation := range operations {
			play(t, e.ConfigWith(account, "test", "", emulatortest.Region), step{operation, "", want})
		}
	}
	orgs := organizations.NewFromConfig(e.ConfigWith("111111111111", "test", "", emulatortest.Region))
	all("111111111111", "OrganizationNotFoundException: The request was rejected because no organization is associated with your account.")
	must(orgs.CreateOrganization(ctx, nil))(t)
	made := must(orgs.CreateAccount(ctx, &organizations.CreateAccountInput{AccountName: aws.String("team"), Email: aws.String("team@example.com")}))(t).CreateAccountStatus
	all("111111111111", "ServiceAccessNotEnabledException: The request was rejected because trusted access is not enabled for IAM in Organizations.")
	must(orgs.EnableAWSServiceAccess(ctx, &organizations.EnableAWSServiceAccessInput{ServicePrincipal: aws.String("iam.amazonaws.com")}))(t)
	all("111111111111", "")
	member := *must(orgs.DescribeCreateAccountStatus(ctx, &organizations.DescribeCreateAccountStatusInput{CreateAccountRequestId: made.Id}))(t).CreateAccountStatus.AccountId
	all(member, "AccountNotManagementOrDelegatedAdministratorException: The request was rejected because the account making the request is not the management account or delegated administrator account for centralized root access.")
	must(orgs.RegisterDelegatedAdministrator(ctx, &organizations.RegisterDelegatedAdministratorInput{AccountId: &member, ServicePrincipal: aws.String("iam.amazonaws.com")}))(t)
	for _, operation := range operations {
		want := ""
		if strings.HasPrefix(operation, "Enable") {
			want = "CallerIsNotManagementAccountException: The request was rejected because the account making the request is not the management account for the organization."
		}
		play(t, e.ConfigWith(member, "test", "", emulatortest.Region), step{operation, "", want})
	}
	billing := organizations.NewFromConfig(e.ConfigWith("222222222222", "test", "", emulatortest.Region))
	must(billing.CreateOrganization(ctx, &organizations.CreateOrganizationInput{FeatureSet: "CONSOLIDATED_BILLING"}))(t)
	all("222222222222", "OrganizationNotInAllFeaturesModeException: The request was rejected because your organization does not have All features enabled.")
}

func TestOutboundFederation(t *testing.T) {
	const disabled = "FeatureDisabled: The request failed because outbound identity federation is not enabled for your Amazon Web Services account."
	play(t, emulatortest.Start(t).Config(),
		step{"GetOutboundWebIdentityFederationInfo", "", disabled},
		step{"DisableOutboundWebIdentityFederation", "", disabled},
		step{"EnableOutboundWebIdentityFederation", "", ""},
		step{"EnableOutboundWebIdentityFederation", "", "FeatureEnabled: The request failed because outbound identity federation is already enabled for your Amazon Web Services account."},
		step{"GetOutboundWebIdentityFederationInfo", "", ""},
		step{"DisableOutboundWebIdentityFederation", "", ""},
	)
}

// TestSAMLProviders makes more of them, and of their keys, than there may be.
func TestSAMLProviders(t *testing.T) {
	config := emulatortest.Start(t, server.Config{Quotas: []string{"iam.SAMLProvidersPerAccount=1"}}).Config()
	const arn = "arn:aws:iam::000000000000:saml-provider/"
	document := "&SAMLMetadataDocument=" + url.QueryEscape(metadata(t, "https://idp.example.com"))
	key := "&AddPrivateKey=" + url.QueryEscape(privatePEM(rsaKeys()[0]))
	play(t, config,
		step{"CreateSAMLProvider", "Name=corporate" + document, ""},
		step{"CreateSAMLProvider", "Name=corporate" + document, "EntityAlreadyExists: SAMLProvider corporate already exists."},
		step{"CreateSAMLProvider", "Name=other" + document, "LimitExceeded: Cannot exceed quota for SAMLProvidersPerAccount: 1"},
		step{"UpdateSAMLProvider", "SAMLProviderArn=" + arn + "corporate" + key, ""},
		step{"UpdateSAMLProvider", "SAMLProviderArn=" + arn + "corporate" + key, ""},
		step{"UpdateSAMLProvider", "SAMLProviderArn=" + arn + "corporate" + key, "LimitExceeded: Private key limit of 2 is reached"},
		step{"GetSAMLProvider", "SAMLProviderArn=" + arn + "other", "NoSuchEntity: Manifest not found for arn " + arn + "other"},
		step{"UpdateSAMLProvider", "SAMLProviderArn=" + arn + "other" + document, "NoSuchEntity: Manifest not found for arn " + arn + "other"},
		step{"DeleteSAMLProvider", "SAMLProviderArn=" + arn + "other", "NoSuchEntity: Manifest not found for arn " + arn + "other"},
		step{"DeleteSAMLProvider", "SAMLProviderArn=" + arn + "corporate", ""},
		step{"CreateSAMLProvider", "Name=other" + document, ""},
	)
}

// TestDelegationStates does to a delegation request what its state does not allow.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/temporary-delegation-managing-permissions.html
func TestDelegationStates(t *testing.T) {
	e := emulatortest.Start(t)
	partner, owner, other := e.ConfigWith(partnerAccount, "test", "", emulatortest.Region), e.Config(), e.ConfigWith("333333333333", "test", "", emulatortest.Region)
	template := "arn:aws:iam::" + partnerAccount + ":policy/template"
	request := func(workflow string) string {
		return "Description=d&NotificationChannel=arn:aws:sns:us-east-1:" + partnerAccount + ":t&SessionDuration=1800&RequestorWorkflowId=" + workflow + "&Permissions.PolicyTemplateArn=" + template
	}
	document := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":["arn:aws:s3:::@{bucket}"]}}`
	const filled = "&Permissions.Parameters.member.1.Name=bucket&Permissions.Parameters.member.1.Type=stringList&Permissions.Parameters.member.1.Values.member.1="
	play(t, partner,
		step{"CreateDelegationRequest", request("work1"), "InvalidInput: The policy template " + template + " does not exist."},
		step{"CreatePolicy", "PolicyName=template&PolicyDocument=" + url.QueryEscape(document), ""},
		step{"CreateDelegationRequest", request("work1"), "InvalidInput: The policy template " + template + " has parameters that are not given."},
		step{"CreateDelegationRequest", request("work1") + filled + url.QueryEscape(`a"`), ""},
		step{"CreateDelegationRequest", request("work1") + filled + "a", "EntityAlreadyExists: A delegation request with the workflow ID work1 already exists."},
	)
	made := func(workflow, more string) string {
		t.Helper()
		var out struct {
			ID string `xml:"CreateDelegationRequestResult>DelegationRequestId"`
		}
		values := must(url.ParseQuery(request(workflow) + filled + "a" + more))(t)
		parameters := make(map[string]string)
		for name := range values {
			parameters[name] = values.Get(name)
		}
		mustQuery(t, partner, "CreateDelegationRequest", parameters, &out)
		return out.ID
	}
	const absent = "11111111-1111-1111-1111-111111111111"
	for _, operation := range []string{"AssociateDelegationRequest", "UpdateDelegationRequest", "AcceptDelegationRequest", "RejectDelegationRequest", "SendDelegationToken", "GetDelegationRequest"} {
		play(t, owner, step{operation, "DelegationRequestId=" + absent, "NoSuchEntity: The delegation request with id " + absent + " cannot be found."})
	}
	accepted, rejected := "DelegationRequestId="+made("work2", ""), "DelegationRequestId="+made("work3", "&OwnerAccountId=000000000000")
	play(t, partner, step{"AssociateDelegationRequest", rejected, "InvalidInput: The delegation request is for another account."})
	play(t, owner,
		step{"UpdateDelegationRequest", accepted + "&Notes=n", "InvalidInput: The delegation request is in state UNASSIGNED."},
		step{"RejectDelegationRequest", accepted, "InvalidInput: The delegation request is in state UNASSIGNED."},
		step{"SendDelegationToken", accepted, "InvalidInput: The delegation request is in state UNASSIGNED."},
		step{"AcceptDelegationRequest", accepted, "NoSuchEntity: The delegation request is in state UNASSIGNED."},
		step{"AssociateDelegationRequest", accepted, ""},
		step{"AssociateDelegationRequest", accepted, "InvalidInput: The delegation request is in state ASSIGNED."},
		step{"UpdateDelegationRequest", accepted + "&Notes=n", ""},
		step{"AcceptDelegationRequest", accepted, ""},
		step{"SendDelegationToken", accepted, ""},
		step{"RejectDelegationRequest", accepted, "InvalidInput: The delegation request is in state FINALIZED."},
		step{"AssociateDelegationRequest", rejected, ""},
		step{"RejectDelegationRequest", rejected + "&Notes=no", ""},
		step{"AcceptDelegationRequest", rejected, "NoSuchEntity: The delegation request is in state REJECTED."},
	)
	play(t, other, step{"GetDelegationRequest", accepted, "NoSuchEntity: The delegation request with id " + strings.TrimPrefix(accepted, "DelegationRequestId=") + " cannot be found."})
}
