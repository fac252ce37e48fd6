package sts_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"emulator/emulatortest"
)

// TestAssumeRoot has the way of AWS's guide from an organization to a session for one task.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_root-user-privileged-task.html
func TestAssumeRoot(t *testing.T) {
	w := newWorld(t)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	management, admin := organizations.NewFromConfig(w.in(home)), iam.NewFromConfig(w.in(home))
	config, arn := w.user(home, "auditor", allow(`"sts:AssumeRoot"`))
	auditor := sts.NewFromConfig(config)
	assume := func(client *sts.Client, account, task string) (*types.Credentials, error) {
		out, err := client.AssumeRoot(t.Context(), &sts.AssumeRootInput{TargetPrincipal: &account, TaskPolicyArn: &types.PolicyDescriptorType{Arn: &task}})
		if err != nil {
			return nil, err
		}
		return out.Credentials, nil
	}
	const audit = "arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials"
	denied := func(err error, who, account string) {
		t.Helper()
		expect(t, err, "AccessDenied", notAuthorized(who, "sts:AssumeRoot", "arn:aws:iam::"+account+":root"))
	}

	_, err := assume(auditor, other, audit)
	denied(err, arn, other)
	_, err = admin.EnableOrganizationsRootSessions(t.Context(), nil)
	expect(t, err, "OrganizationNotFoundException", "The request was rejected because no organization is associated with your account.")
	created, err := management.CreateOrganization(t.Context(), nil)
	check(err)
	_, err = admin.EnableOrganizationsRootSessions(t.Context(), nil)
	expect(t, err, "ServiceAccessNotEnabledException", "The request was rejected because trusted access is not enabled for IAM in Organizations.")
	_, err = management.EnableAWSServiceAccess(t.Context(), &organizations.EnableAWSServiceAccessInput{ServicePrincipal: aws.String("iam.amazonaws.com")})
	check(err)
	made, err := management.CreateAccount(t.Context(), &organizations.CreateAccountInput{AccountName: aws.String("team"), Email: aws.String("team@example.com")})
	check(err)
	status, err := management.DescribeCreateAccountStatus(t.Context(), &organizations.DescribeCreateAccountStatusInput{CreateAccountRequestId: made.CreateAccountStatus.Id})
	check(err)
	member := *status.CreateAccountStatus.AccountId
	_, err = iam.NewFromConfig(w.in(member)).ListOrganizationsFeatures(t.Context(), nil)
	expect(t, err, "AccountNotManagementOrDelegatedAdministratorException", "The request was rejected because the account making the request is not the management account or delegated administrator account for centralized root access.")
	_, err = assume(auditor, member, audit)
	denied(err, arn, member)
	_, err = admin.EnableOrganizationsRootCredentialsManagement(t.Context(), nil)
	check(err)
	enabled, err := admin.EnableOrganizationsRootSessions(t.Context(), nil)
	check(err)
	if *enabled.OrganizationId != *created.Organization.Id || len(enabled.EnabledFeatures) != 2 {
		t.Errorf("got %v", enabled)
	}

	credentials, err := assume(auditor, member, audit)
	check(err)
	if left := credentials.Expiration.Sub(w.Clock.Now()).Round(time.Minute); left != 15*time.Minute {
		t.Errorf("lasts %v", left)
	}
	session := w.ConfigWith(*credentials.AccessKeyId, *credentials.SecretAccessKey, *credentials.SessionToken, "us-east-1")
	root := "arn:aws:iam::" + member + ":root"
	if id, err := sts.NewFromConfig(session).GetCallerIdentity(t.Context(), nil); err != nil || *id.Arn != root {
		t.Errorf("caller identity %v, %v", id, err)
	}
	inside := iam.NewFromConfig(session)
	if u, err := inside.GetUser(t.Context(), nil); err != nil || *u.User.Arn != root {
		t.Errorf("GetUser: %v, %v", u, err)
	}
	if _, err := inside.ListMFADevices(t.Context(), nil); err != nil {
		t.Error(err)
	}
	if keys, err := inside.ListAccessKeys(t.Context(), nil); err != nil || len(keys.AccessKeyMetadata) != 1 {
		t.Errorf("ListAccessKeys: %v, %v", keys, err)
	}
	_, err = inside.ListUsers(t.Context(), nil)
	expect(t, err, "AccessDenied", notAuthorized(root, "iam:ListUsers", "arn:aws:iam::"+member+":user/")+" with an explicit deny in a session policy: "+audit)
	_, err = sts.NewFromConfig(session).GetSessionToken(t.Context(), nil)
	expect(t, err, "AccessDenied", "Cannot call GetSessionToken with session credentials")

	// A root user gets a password, and loses it.
	task := func(name string) *iam.Client {
		t.Helper()
		credentials, err := assume(auditor, member, "arn:aws:iam::aws:policy/root-task/"+name)
		check(err)
		return iam.NewFromConfig(w.ConfigWith(*credentials.AccessKeyId, *credentials.SecretAccessKey, *credentials.SessionToken, "us-east-1"))
	}
	creating, err := assume(auditor, member, "arn:aws:iam::aws:policy/root-task/IAMCreateRootUserPassword")
	check(err)
	_, err = emulatortest.Query(t.Context(), w.withCredentials(creating), "iam", "CreateLoginProfile", map[string]string{"MaxSigninSessionDuration": "3600"})
	expect(t, err, "ValidationError", "MaxSigninSessionDuration is not supported for the root user.")
	_, err = task("IAMCreateRootUserPassword").CreateLoginProfile(t.Context(), &iam.CreateLoginProfileInput{Password: aws.String("Password-1")})
	expect(t, err, "ValidationError", "Password must be omitted in a session of AssumeRoot.")
	_, err = task("IAMCreateRootUserPassword").CreateLoginProfile(t.Context(), nil)
	check(err)
	if p, err := inside.GetLoginProfile(t.Context(), nil); err != nil || *p.LoginProfile.UserName != "root" {
		t.Errorf("GetLoginProfile: %v, %v", p, err)
	}
	if present := accountSummary(t, w.in(member))["AccountPasswordPresent"]; present != 1 {
		t.Errorf("AccountPasswordPresent is %d", present)
	}
	_, err = task("IAMDeleteRootUserCredentials").DeleteLoginProfile(t.Context(), nil)
	check(err)
	_, err = inside.GetLoginProfile(t.Context(), nil)
	expect(t, err, "NoSuchEntity", "Login Profile for User root cannot be found.")

	// What is not allowed, and what is no task.
	denyRoot := document(`{"Effect":"Allow","Action":"sts:AssumeRoot","Resource":"*","Condition":{"StringEquals":{"sts:TaskPolicyArn":"arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy"}}}`)
	limited, limitedARN := w.user(home, "limited", denyRoot)
	_, err = assume(sts.NewFromConfig(limited), member, audit)
	expect(t, err, "AccessDenied", notAuthorized(limitedARN, "sts:AssumeRoot", root)+noIdentityPolicy("sts:AssumeRoot"))
	if _, err := assume(sts.NewFromConfig(limited), root, "arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy"); err != nil {
		t.Error(err)
	}
	{
		_, err = assume(sts.NewFromConfig(w.in(home)), member, audit)
		denied(err, "arn:aws:iam::000000000000:root", member)
	}
	_, err = assume(auditor, home, audit) // not the management account itself
	denied(err, arn, home)
	_, err = assume(auditor, other, audit) // not of the organization
	denied(err, arn, other)
	// An account that administers IAM for the organization may, and one that no longer does may not.
	made, err = management.CreateAccount(t.Context(), &organizations.CreateAccountInput{AccountName: aws.String("security"), Email: aws.String("security@example.com")})
	check(err)
	status, err = management.DescribeCreateAccountStatus(t.Context(), &organizations.DescribeCreateAccountStatusInput{CreateAccountRequestId: made.CreateAccountStatus.Id})
	check(err)
	security := *status.CreateAccountStatus.AccountId
	config, delegateARN := w.user(security, "auditor", allow(`"sts:AssumeRoot"`))
	delegate := sts.NewFromConfig(config)
	_, err = assume(delegate, member, audit)
	denied(err, delegateARN, member)
	_, err = management.RegisterDelegatedAdministrator(t.Context(), &organizations.RegisterDelegatedAdministratorInput{AccountId: &security, ServicePrincipal: aws.String("iam.amazonaws.com")})
	check(err)
	_, err = assume(delegate, member, audit)
	check(err)
	_, err = assume(delegate, home, audit)
	denied(err, delegateARN, home)
	_, err = management.DeregisterDelegatedAdministrator(t.Context(), &organizations.DeregisterDelegatedAdministratorInput{AccountId: &security, ServicePrincipal: aws.String("iam.amazonaws.com")})
	check(err)
	_, err = assume(delegate, member, audit)
	denied(err, delegateARN, member)

	_, err = assume(auditor, member, "arn:aws:iam::aws:policy/AdministratorAccess")
	expect(t, err, "ValidationError", "TaskPolicyArn must be one of the managed policies for root tasks.")
	_, err = assume(auditor, member, "arn:aws:iam::aws:policy/root-task/Nothing")
	expect(t, err, "ValidationError", "Policy arn:aws:iam::aws:policy/root-task/Nothing does not exist or is not attachable.")
	_, err = assume(auditor, "arn:aws:iam::"+member+":role/app", audit)
	expect(t, err, "ValidationError", "arn:aws:iam::"+member+":role/app is not a member account's ID or root user.")

	_, err = admin.DisableOrganizationsRootSessions(t.Context(), nil)
	check(err)
	_, err = assume(auditor, member, audit)
	denied(err, arn, member)
	features, err := admin.DisableOrganizationsRootCredentialsManagement(t.Context(), nil)
	if err != nil || len(features.EnabledFeatures) != 0 {
		t.Errorf("got %v, %v", features, err)
	}
}

func accountSummary(t *testing.T, config aws.Config) map[string]int32 {
	t.Helper()
	out, err := iam.NewFromConfig(config).GetAccountSummary(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return out.SummaryMap
}
