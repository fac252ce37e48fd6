package iam_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"emulator/emulatortest"
)

// TestRecordedAnswers has what answers of AWS have and what they leave out.
//
// [rec] localstack, tests/aws/services/iam/*.snapshot.json
func TestRecordedAnswers(t *testing.T) {
	ctx, client := t.Context(), startIAM(t)
	tag := func(key string) types.Tag { return types.Tag{Key: aws.String(key), Value: aws.String("v")} }
	boundary := makePolicy(t, client, "boundary")
	role := func(r *types.Role) *types.Role { // what differs from run to run
		r.Arn, r.CreateDate, r.RoleId, r.AssumeRolePolicyDocument = nil, nil, nil, nil
		return r
	}
	shown := &types.AttachedPermissionsBoundary{PermissionsBoundaryArn: &boundary, PermissionsBoundaryType: "Policy"}
	name := aws.String("app")
	created := must(client.CreateRole(ctx, &iam.CreateRoleInput{
		RoleName: name, AssumeRolePolicyDocument: aws.String(anyTrust), Description: aws.String("d"), MaxSessionDuration: aws.Int32(7200),
		PermissionsBoundary: &boundary, Tags: []types.Tag{tag("b"), tag("a")},
	}))(t)
	wantSame(t, role(created.Role), &types.Role{RoleName: name, Path: aws.String("/"), PermissionsBoundary: shown, Tags: []types.Tag{tag("b"), tag("a")}})
	wantSame(t, role(must(client.GetRole(ctx, &iam.GetRoleInput{RoleName: name}))(t).Role), &types.Role{
		RoleName: name, Path: aws.String("/"), Description: aws.String("d"), MaxSessionDuration: aws.Int32(7200), PermissionsBoundary: shown,
		RoleLastUsed: &types.RoleLastUsed{}, Tags: []types.Tag{tag("a"), tag("b")},
	})
	listed := must(client.ListRoles(ctx, nil))(t).Roles
	wantSame(t, role(&listed[0]), &types.Role{RoleName: name, Path: aws.String("/"), Description: aws.String("d"), MaxSessionDuration: aws.Int32(7200)})
	plain := aws.String("plain")
	must(client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: plain, AssumeRolePolicyDocument: aws.String(anyTrust)}))(t)
	described := must(client.UpdateRoleDescription(ctx, &iam.UpdateRoleDescriptionInput{RoleName: plain, Description: aws.String("e")}))(t)
	wantSame(t, role(described.Role), &types.Role{RoleName: plain, Path: aws.String("/"), Description: aws.String("e")})

	policy := must(client.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("p"), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"a:b","Resource":"*"}}`), Description: aws.String("d")}))(t).Policy
	if policy.Tags != nil || policy.Description != nil {
		t.Errorf("CreatePolicy has tags %v and a description %v", policy.Tags, policy.Description)
	}
	if got := must(client.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: policy.Arn}))(t).Policy; got.Tags == nil || *got.Description != "d" {
		t.Errorf("GetPolicy has tags %v and a description %v", got.Tags, got.Description)
	}
	if out := must(client.CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://a.example")}))(t); out.Tags != nil {
		t.Errorf("CreateOpenIDConnectProvider has tags %v", out.Tags)
	}
	if out := must(client.CreateVirtualMFADevice(ctx, &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: aws.String("d")}))(t); out.VirtualMFADevice.Tags != nil {
		t.Errorf("CreateVirtualMFADevice has tags %v", out.VirtualMFADevice.Tags)
	}
	summary := must(client.GetAccountSummary(ctx, nil))(t).SummaryMap
	if summary["Policies"] != 2 || summary["PolicyVersionsInUse"] != 2 || summary["PolicyVersionsInUseQuota"] != 10000 || summary["Providers"] != 1 || len(summary) != 34 {
		t.Errorf("summary of %d: %v", len(summary), summary)
	}
}

// TestTagCase: keys of users and roles are the same in another case, and take the spelling of the last; those of all
// else are not (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html#case-sensitivity; [rec] localstack,
// test_iam_policies.snapshot.json, test_iam_roles.snapshot.json).
func TestTagCase(t *testing.T) {
	ctx, client := t.Context(), startIAM(t)
	tags := func(pairs ...string) (all []types.Tag) {
		for i := 0; i < len(pairs); i += 2 {
			all = append(all, types.Tag{Key: &pairs[i], Value: &pairs[i+1]})
		}
		return all
	}
	ann := aws.String("ann")
	must(client.CreateUser(ctx, &iam.CreateUserInput{UserName: ann, Tags: tags("Team", "a", "x", "y")}))(t)
	must(client.TagUser(ctx, &iam.TagUserInput{UserName: ann, Tags: tags("team", "b")}))(t)
	wantSame(t, must(client.ListUserTags(ctx, &iam.ListUserTagsInput{UserName: ann}))(t).Tags, tags("team", "b", "x", "y"))
	must(client.UntagUser(ctx, &iam.UntagUserInput{UserName: ann, TagKeys: []string{"TEAM"}}))(t)
	wantSame(t, must(client.ListUserTags(ctx, &iam.ListUserTagsInput{UserName: ann}))(t).Tags, tags("x", "y"))
	_, err := client.TagUser(ctx, &iam.TagUserInput{UserName: ann, Tags: tags("a", "1", "A", "2")})
	wantError(t, err, "InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")

	arn := aws.String(makePolicy(t, client, "p"))
	must(client.TagPolicy(ctx, &iam.TagPolicyInput{PolicyArn: arn, Tags: tags("a", "lowercase", "A", "uppercase")}))(t)
	wantSame(t, must(client.ListPolicyTags(ctx, &iam.ListPolicyTagsInput{PolicyArn: arn}))(t).Tags, tags("A", "uppercase", "a", "lowercase"))
	must(client.UntagPolicy(ctx, &iam.UntagPolicyInput{PolicyArn: arn, TagKeys: []string{"a"}}))(t)
	wantSame(t, must(client.ListPolicyTags(ctx, &iam.ListPolicyTagsInput{PolicyArn: arn}))(t).Tags, tags("A", "uppercase"))
	_, err = client.TagPolicy(ctx, &iam.TagPolicyInput{PolicyArn: arn, Tags: tags("a", "1", "a", "2")})
	wantError(t, err, "InvalidInput", "Duplicate tag keys found.")
}

// TestPolicyARNs gives every operation that takes the ARN of a policy one that is none, and one of a policy that is not.
func TestPolicyARNs(t *testing.T) {
	ctx, client := t.Context(), startIAM(t)
	must(client.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("ann")}))(t)
	must(client.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: aws.String("staff")}))(t)
	must(client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("app"), AssumeRolePolicyDocument: aws.String(anyTrust)}))(t)
	ann, staff, app, document := aws.String("ann"), aws.String("staff"), aws.String("app"), aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"a:b","Resource":"*"}}`)
	const (
		parsing    = "Invalid ARN:  Could not be parsed!"
		missing    = "arn:aws:iam::000000000000:policy/missing"
		notFound   = "Policy " + missing + " was not found."
		version    = "Policy " + missing + " version v1 does not exist or is not attachable."
		attachable = "Policy " + missing + " does not exist or is not attachable."
	)
	fails := func(_ any, err error) error { return err }
	for name, test := range map[string]struct {
		call func(arn *string) error
		want string // of a policy that does not exist
	}{
		"GetPolicy": {func(arn *string) error { return fails(client.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: arn})) }, notFound},
		"DeletePolicy": {func(arn *string) error {
			return fails(client.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: arn}))
		}, notFound},
		"CreatePolicyVersion": {func(arn *string) error {
			return fails(client.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: document}))
		}, notFound},
		"GetPolicyVersion": {func(arn *string) error {
			return fails(client.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: arn, VersionId: aws.String("v1")}))
		}, version},
		"DeletePolicyVersion": {func(arn *string) error {
			return fails(client.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: aws.String("v1")}))
		}, version},
		"SetDefaultPolicyVersion": {func(arn *string) error {
			return fails(client.SetDefaultPolicyVersion(ctx, &iam.SetDefaultPolicyVersionInput{PolicyArn: arn, VersionId: aws.String("v1")}))
		}, version},
		"ListPolicyVersions": {func(arn *string) error {
			return fails(client.ListPolicyVersions(ctx, &iam.ListPolicyVersionsInput{PolicyArn: arn}))
		}, notFound},
		"ListEntitiesForPolicy": {func(arn *string) error {
			return fails(client.ListEntitiesForPolicy(ctx, &iam.ListEntitiesForPolicyInput{PolicyArn: arn}))
		}, attachable},
		"ListPolicyTags": {func(arn *string) error {
			return fails(client.ListPolicyTags(ctx, &iam.ListPolicyTagsInput{PolicyArn: arn}))
		}, notFound},
		"TagPolicy": {func(arn *string) error {
			return fails(client.TagPolicy(ctx, &iam.TagPolicyInput{PolicyArn: arn, Tags: []types.Tag{{Key: ann, Value: ann}}}))
		}, notFound},
		"UntagPolicy": {func(arn *string) error {
			return fails(client.UntagPolicy(ctx, &iam.UntagPolicyInput{PolicyArn: arn, TagKeys: []string{"a"}}))
		}, notFound},
		"AttachUserPolicy": {func(arn *string) error {
			return fails(client.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: ann, PolicyArn: arn}))
		}, attachable},
		"AttachGroupPolicy": {func(arn *string) error {
			return fails(client.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{GroupName: staff, PolicyArn: arn}))
		}, attachable},
		"AttachRolePolicy": {func(arn *string) error {
			return fails(client.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: app, PolicyArn: arn}))
		}, attachable},
		"DetachUserPolicy": {func(arn *string) error {
			return fails(client.DetachUserPolicy(ctx, &iam.DetachUserPolicyInput{UserName: ann, PolicyArn: arn}))
		}, notFound},
		"DetachGroupPolicy": {func(arn *string) error {
			return fails(client.DetachGroupPolicy(ctx, &iam.DetachGroupPolicyInput{GroupName: staff, PolicyArn: arn}))
		}, notFound},
		"DetachRolePolicy": {func(arn *string) error {
			return fails(client.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: app, PolicyArn: arn}))
		}, notFound},
		"PutUserPermissionsBoundary": {func(arn *string) error {
			return fails(client.PutUserPermissionsBoundary(ctx, &iam.PutUserPermissionsBoundaryInput{UserName: ann, PermissionsBoundary: arn}))
		}, "Scope ARN: " + missing + " does not exist or is not attachable."},
	} {
		t.Run(name, func(t *testing.T) {
			wantError(t, test.call(aws.String("longpolicynamebutnoarn")), "ValidationError", parsing)
			wantError(t, test.call(aws.String("arn:aws:iam::000000000000:not_a_policy/x")), "InvalidInput", "ARN arn:aws:iam::000000000000:not_a_policy/x is not valid.")
			wantError(t, test.call(aws.String(missing)), "NoSuchEntity", test.want)
		})
	}
}

func TestRefusedWhereAWSRefuses(t *testing.T) {
	ctx, client := t.Context(), startIAM(t)
	// [rep] Roles that services link to themselves are made by them.
	for _, path := range []string{"/aws-service-role/", "/aws-service-role/x.amazonaws.com/"} {
		_, err := client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("x"), Path: &path, AssumeRolePolicyDocument: aws.String(anyTrust)})
		wantError(t, err, "InvalidInput", "Path prefix '/aws-service-role/' can only be used for AWS Service linked Roles")
	}
	// [rec] localstack, test_iam_groups.snapshot.json
	_, err := client.RemoveUserFromGroup(ctx, &iam.RemoveUserFromGroupInput{GroupName: aws.String("none"), UserName: aws.String("any-user")})
	wantError(t, err, "NoSuchEntity", "The user with name any-user cannot be found.")
}

// TestRootAccessKeys: the root user's keys are its own where no user is named
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateAccessKey.html). The key that the emulator was started
// with is one of the two.
func TestRootAccessKeys(t *testing.T) {
	ctx, e := t.Context(), emulatortest.Start(t)
	root := iam.NewFromConfig(e.Config())
	list := func() string {
		t.Helper()
		var all []string
		for p := iam.NewListAccessKeysPaginator(root, &iam.ListAccessKeysInput{MaxItems: aws.Int32(1)}); p.HasMorePages(); {
			for _, key := range must(p.NextPage(ctx))(t).AccessKeyMetadata {
				if key.UserName != nil {
					t.Errorf("a key of the user %s", *key.UserName)
				}
				all = append(all, *key.AccessKeyId+" "+string(key.Status))
			}
		}
		return strings.Join(all, ", ")
	}
	key := must(root.CreateAccessKey(ctx, nil))(t).AccessKey
	id := *key.AccessKeyId
	if got := list(); got != "test Active, "+id+" Active" {
		t.Error(got)
	}
	_, err := root.CreateAccessKey(ctx, nil)
	wantError(t, err, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2")
	config := e.ConfigWith(id, *key.SecretAccessKey, "", emulatortest.Region)
	if arn := *must(sts.NewFromConfig(config).GetCallerIdentity(ctx, nil))(t).Arn; arn != "arn:aws:iam::000000000000:root" {
		t.Errorf("the key is of %s", arn)
	}
	used := must(root.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: &id}))(t)
	if used.UserName != nil || *used.AccessKeyLastUsed.ServiceName != "sts" {
		t.Errorf("last used %v by %v", *used.AccessKeyLastUsed.ServiceName, used.UserName)
	}
	must(root.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{AccessKeyId: &id, Status: "Inactive"}))(t)
	if got := list(); got != "test Active, "+id+" Inactive" {
		t.Error(got)
	}
	_, err = sts.NewFromConfig(config).GetCallerIdentity(ctx, nil)
	wantError(t, err, "InvalidClientTokenId", "The security token included in the request is invalid.")
	must(root.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{AccessKeyId: &id}))(t)
	if got := list(); got != "test Active" {
		t.Error(got)
	}
	_, err = root.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{AccessKeyId: &id})
	wantError(t, err, "NoSuchEntity", "The Access Key with id "+id+" cannot be found.")
	_, err = root.ListAccessKeys(ctx, &iam.ListAccessKeysInput{Marker: aws.String("nonsense")})
	wantError(t, err, "ValidationError", "Invalid Marker.")
	_, err = root.ListMFADevices(ctx, &iam.ListMFADevicesInput{Marker: aws.String("nonsense")})
	wantError(t, err, "ValidationError", "Invalid Marker.")
	_, err = root.DeactivateMFADevice(ctx, &iam.DeactivateMFADeviceInput{SerialNumber: aws.String("arn:aws:iam::000000000000:mfa/x")})
	wantError(t, err, "NoSuchEntity", "MFA Device with serial number arn:aws:iam::000000000000:mfa/x does not exist.")
}
