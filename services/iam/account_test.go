package iam_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"emulator/emulatortest"
	"emulator/server"
)

// TestLastUsed uses an access key and a role, also across a restart.
func TestLastUsed(t *testing.T) {
	ctx := context.Background()
	config := server.Config{DataDir: t.TempDir()}
	var key, roleUsed, keyUsed string
	start := func(name string, f func(t *testing.T, e *emulatortest.Emulator, client *iam.Client)) {
		t.Run(name, func(t *testing.T) {
			e := emulatortest.Start(t, config)
			f(t, e, iam.NewFromConfig(e.Config()))
		})
	}
	role := func(t *testing.T, client *iam.Client) string {
		t.Helper()
		last := must(client.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("app")}))(t).Role.RoleLastUsed
		if last.LastUsedDate == nil {
			return "never"
		}
		return last.LastUsedDate.Format(time.RFC3339) + " " + *last.Region
	}
	accessKey := func(t *testing.T, client *iam.Client) string {
		t.Helper()
		out := must(client.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: &key}))(t)
		last := out.AccessKeyLastUsed
		if *out.UserName != "ann" || last.LastUsedDate == nil {
			return *last.ServiceName + " " + *last.Region
		}
		return last.LastUsedDate.Format(time.RFC3339) + " " + *last.ServiceName + " " + *last.Region
	}
	start("use", func(t *testing.T, e *emulatortest.Emulator, client *iam.Client) {
		e.Clock.Freeze(time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC))
		must(client.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("ann")}))(t)
		must(client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("app"), AssumeRolePolicyDocument: aws.String(
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:user/ann"},"Action":"sts:AssumeRole"}]}`)}))(t)
		created := must(client.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: aws.String("ann")}))(t).AccessKey
		key = *created.AccessKeyId
		if got := role(t, client) + ", " + accessKey(t, client); got != "never, N/A N/A" {
			t.Error(got)
		}
		ann := sts.NewFromConfig(e.ConfigWith(key, *created.SecretAccessKey, "", "eu-west-1"))
		c := must(ann.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::000000000000:role/app"), RoleSessionName: aws.String("session")}))(t).Credentials
		keyUsed = "2030-01-02T03:04:00Z sts eu-west-1"
		if got := role(t, client) + ", " + accessKey(t, client); got != "never, "+keyUsed {
			t.Error(got)
		}
		// A denied call is a use, too.
		_, err := kms.NewFromConfig(e.ConfigWith(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken, "eu-central-1")).ListKeys(ctx, nil)
		wantError(t, err, "AccessDeniedException", "User: arn:aws:sts::000000000000:assumed-role/app/session is not authorized to perform: kms:ListKeys on resource: * because no identity-based policy allows the kms:ListKeys action")
		roleUsed = "2030-01-02T03:04:00Z eu-central-1"
	})
	start("after a restart", func(t *testing.T, e *emulatortest.Emulator, client *iam.Client) {
		e.Clock.Freeze(time.Date(2030, 2, 1, 0, 0, 0, 0, time.UTC))
		if got := role(t, client) + ", " + accessKey(t, client); got != roleUsed+", "+keyUsed {
			t.Error(got)
		}
		e.Clock.Advance(400 * 24 * time.Hour)
		if got := role(t, client); got != "never" {
			t.Errorf("after AWS's tracking period: %s", got)
		}
		_, err := client.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: aws.String("AKIAIOSFODNN7EXAMPLE")})
		wantError(t, err, "AccessDenied", "User: arn:aws:iam::000000000000:root is not authorized to perform iam:GetAccessKeyLastUsed on resource: access key AKIAIOSFODNN7EXAMPLE")
	})
}

func TestAccountSummary(t *testing.T) {
	ctx, client := context.Background(), startIAM(t)
	must(client.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("u")}))(t)
	makePolicy(t, client, "p")
	makePolicy(t, client, "q")
	makeDevice(t, client, "d")
	must(client.SetSecurityTokenServicePreferences(ctx, &iam.SetSecurityTokenServicePreferencesInput{GlobalEndpointTokenVersion: "v2Token"}))(t)
	got := must(client.GetAccountSummary(ctx, nil))(t).SummaryMap
	for key, want := range map[string]int32{"Users": 1, "Policies": 2, "Roles": 0, "MFADevices": 1, "MFADevicesInUse": 0, "GlobalEndpointTokenVersion": 2, "UsersQuota": 5000} {
		if value, ok := got[key]; !ok || value != want {
			t.Errorf("%s: got %d, want %d", key, value, want)
		}
	}
	_, err := client.SetSecurityTokenServicePreferences(ctx, &iam.SetSecurityTokenServicePreferencesInput{GlobalEndpointTokenVersion: "v3Token"})
	wantError(t, err, "ValidationError", "1 validation error detected: Value 'v3Token' at 'globalEndpointTokenVersion' failed to satisfy constraint: Member must satisfy enum value set: [v1Token, v2Token]")
}

// TestSharedProvider has AWS's demands of trust policies.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_oidc_secure-by-default.html
func TestSharedProvider(t *testing.T) {
	ctx, client := context.Background(), startIAM(t)
	trust := func(condition string) *string {
		return aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRoleWithWebIdentity",
			"Principal":{"Federated":"arn:aws:iam::000000000000:oidc-provider/token.actions.githubusercontent.com"},"Condition":` + condition + `}]}`)
	}
	limited := trust(`{"StringLike":{"token.actions.githubusercontent.com:sub":"repo:org/app:*"}}`)
	open := trust(`{"StringEquals":{"token.actions.githubusercontent.com:aud":"sts.amazonaws.com"}}`)
	const message = "The trust policy must evaluate the condition key token.actions.githubusercontent.com:sub of the shared identity provider token.actions.githubusercontent.com."
	_, err := client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("deploy"), AssumeRolePolicyDocument: open})
	wantError(t, err, "MalformedPolicyDocument", message)
	must(client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("deploy"), AssumeRolePolicyDocument: limited}))(t)
	_, err = client.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String("deploy"), PolicyDocument: open})
	wantError(t, err, "MalformedPolicyDocument", message)
}

// TestMissingBoundary creates a role with a permissions boundary that does not exist. The model of CreateRole has no
// NoSuchEntity, the recorded answer has (localstack, test_iam_roles.snapshot.json).
func TestMissingBoundary(t *testing.T) {
	const arn = "arn:aws:iam::000000000000:policy/none"
	_, err := startIAM(t).CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("r"), AssumeRolePolicyDocument: aws.String(anyTrust), PermissionsBoundary: aws.String(arn)})
	wantError(t, err, "NoSuchEntity", "Scope ARN: "+arn+" does not exist or is not attachable.")
}

// TestServiceRoleBoundary refuses what only service-linked roles have as a boundary. [ours] AWS's texts are of AttachRolePolicy and of a
// boundary that is not there; which is told where follows the errors of the model.
func TestServiceRoleBoundary(t *testing.T) {
	const arn = "arn:aws:iam::aws:policy/aws-service-role/BatchServiceRolePolicy"
	ctx, client := t.Context(), startIAM(t)
	name, boundary := aws.String("app"), aws.String(arn)
	must(client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: name, AssumeRolePolicyDocument: aws.String(anyTrust)}))(t)
	must(client.CreateUser(ctx, &iam.CreateUserInput{UserName: name}))(t)
	_, err := client.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: name, PermissionsBoundary: boundary})
	wantError(t, err, "PolicyNotAttachable", "Cannot attach a Service Role Policy to a Customer Role.")
	_, err = client.PutUserPermissionsBoundary(ctx, &iam.PutUserPermissionsBoundaryInput{UserName: name, PermissionsBoundary: boundary})
	wantError(t, err, "PolicyNotAttachable", "Cannot attach a Service Role Policy to a Customer User.")
	_, err = client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("other"), AssumeRolePolicyDocument: aws.String(anyTrust), PermissionsBoundary: boundary})
	wantError(t, err, "NoSuchEntity", "Scope ARN: "+arn+" does not exist or is not attachable.")
	_, err = client.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("other"), PermissionsBoundary: boundary})
	wantError(t, err, "NoSuchEntity", "Scope ARN: "+arn+" does not exist or is not attachable.")
}

// TestDeleteRoleConflicts tells one by one what has to go first.
func TestDeleteRoleConflicts(t *testing.T) {
	ctx, client := t.Context(), startIAM(t)
	app, policy := aws.String("app"), aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess")
	conflict := func(text string) {
		t.Helper()
		_, err := client.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: app})
		wantError(t, err, "DeleteConflict", text)
	}
	must(client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: app, AssumeRolePolicyDocument: aws.String(anyTrust)}))(t)
	must(client.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: app}))(t)
	must(client.AddRoleToInstanceProfile(ctx, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: app, RoleName: app}))(t)
	must(client.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: app, PolicyArn: policy}))(t)
	must(client.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: app, PolicyName: app, PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)}))(t)
	conflict("Cannot delete entity, must remove roles from instance profile first.")
	must(client.RemoveRoleFromInstanceProfile(ctx, &iam.RemoveRoleFromInstanceProfileInput{InstanceProfileName: app, RoleName: app}))(t)
	conflict("Cannot delete entity, must detach all policies first.")
	must(client.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: app, PolicyArn: policy}))(t)
	conflict("Cannot delete entity, must delete policies first.")
	must(client.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: app, PolicyName: app}))(t)
	must(client.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: app}))(t)
}
