package iam_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"emulator/emulatortest"
	"emulator/server"
)

func linkedRole(principal string) *iam.CreateServiceLinkedRoleInput {
	return &iam.CreateServiceLinkedRoleInput{AWSServiceName: &principal}
}

// TestServiceLinkedRole makes one, finds it wherever roles are found, and deletes it.
//
// [rec] localstack, tests/aws/services/iam/test_iam.py
func TestServiceLinkedRole(t *testing.T) {
	ctx, client := t.Context(), startIAM(t)
	in := linkedRole("batch.amazonaws.com")
	in.Description = aws.String("d")
	created := must(client.CreateServiceLinkedRole(ctx, in))(t).Role
	name := aws.String("AWSServiceRoleForBatch")
	const arn = "arn:aws:iam::000000000000:role/aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch"
	if *created.RoleName != *name || *created.Arn != arn || *created.Path != "/aws-service-role/batch.amazonaws.com/" || !strings.HasPrefix(*created.RoleId, "AROA") {
		t.Errorf("created %+v", created)
	}
	trust := must(url.QueryUnescape(*created.AssumeRolePolicyDocument))(t)
	if want := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"batch.amazonaws.com"},"Action":"sts:AssumeRole"}]}`; trust != want {
		t.Errorf("trust policy %s", trust)
	}
	got := must(client.GetRole(ctx, &iam.GetRoleInput{RoleName: name}))(t).Role
	if *got.Description != "d" || *got.MaxSessionDuration != 3600 || *got.RoleId != *created.RoleId {
		t.Errorf("got %+v", got)
	}
	attached := must(client.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: name}))(t).AttachedPolicies
	policy := aws.String("arn:aws:iam::aws:policy/aws-service-role/BatchServiceRolePolicy")
	wantSame(t, attached, []types.AttachedPolicy{{PolicyArn: policy, PolicyName: aws.String("BatchServiceRolePolicy")}})
	if n := len(must(client.ListEntitiesForPolicy(ctx, &iam.ListEntitiesForPolicyInput{PolicyArn: policy}))(t).PolicyRoles); n != 1 {
		t.Errorf("%d roles have the policy", n)
	}
	if roles := must(client.ListRoles(ctx, &iam.ListRolesInput{PathPrefix: aws.String("/aws-service-role/")}))(t).Roles; len(roles) != 1 {
		t.Errorf("%d roles", len(roles))
	}

	id := must(client.DeleteServiceLinkedRole(ctx, &iam.DeleteServiceLinkedRoleInput{RoleName: name}))(t).DeletionTaskId
	if !strings.HasPrefix(*id, "task/aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch/") {
		t.Errorf("task %s", *id)
	}
	status := must(client.GetServiceLinkedRoleDeletionStatus(ctx, &iam.GetServiceLinkedRoleDeletionStatusInput{DeletionTaskId: id}))(t)
	if status.Status != types.DeletionTaskStatusTypeSucceeded || status.Reason != nil {
		t.Errorf("status %+v", status)
	}
	_, err := client.GetRole(ctx, &iam.GetRoleInput{RoleName: name})
	wantError(t, err, "NoSuchEntity", "The role with name AWSServiceRoleForBatch cannot be found.")
	if n := len(must(client.ListEntitiesForPolicy(ctx, &iam.ListEntitiesForPolicyInput{PolicyArn: policy}))(t).PolicyRoles); n != 0 {
		t.Errorf("%d roles have the policy after the deletion", n)
	}
	must(client.CreateServiceLinkedRole(ctx, linkedRole("batch.amazonaws.com")))(t)
}

// TestDeletionUnderWay meets what AWS does in the background while it has not ended.
func TestDeletionUnderWay(t *testing.T) {
	ctx, e := t.Context(), emulatortest.Start(t, server.Config{Transition: time.Hour})
	client := iam.NewFromConfig(e.Config())
	name := must(client.CreateServiceLinkedRole(ctx, linkedRole("batch.amazonaws.com")))(t).Role.RoleName
	remove := func() string {
		t.Helper()
		return *must(client.DeleteServiceLinkedRole(ctx, &iam.DeleteServiceLinkedRoleInput{RoleName: name}))(t).DeletionTaskId
	}
	status := func(id string) types.DeletionTaskStatusType {
		t.Helper()
		return must(client.GetServiceLinkedRoleDeletionStatus(ctx, &iam.GetServiceLinkedRoleDeletionStatusInput{DeletionTaskId: &id}))(t).Status
	}
	first := remove()
	if got := status(first); got != types.DeletionTaskStatusTypeInProgress {
		t.Errorf("at first %s", got)
	}
	if again := remove(); again != first {
		t.Errorf("again %s, not %s", again, first)
	}
	_, err := client.CreateServiceLinkedRole(ctx, linkedRole("batch.amazonaws.com"))
	wantError(t, err, "InvalidInput", "Service role name AWSServiceRoleForBatch has been taken in this account, please try a different suffix.")
	e.Clock.Advance(time.Hour)
	if got := status(first); got != types.DeletionTaskStatusTypeSucceeded {
		t.Errorf("in the end %s", got)
	}
	must(client.CreateServiceLinkedRole(ctx, linkedRole("batch.amazonaws.com")))(t)
	if second := remove(); second == first || status(first) != types.DeletionTaskStatusTypeSucceeded || status(second) != types.DeletionTaskStatusTypeInProgress {
		t.Errorf("the second deletion %s: %s; the first %s", second, status(second), status(first))
	}
}

func TestServiceLinkedRoleErrors(t *testing.T) {
	ctx, client := t.Context(), startIAM(t)
	must(client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("app"), AssumeRolePolicyDocument: aws.String(anyTrust)}))(t)
	create := func(principal, suffix string) error {
		in := linkedRole(principal)
		if suffix != "" {
			in.CustomSuffix = &suffix
		}
		_, err := client.CreateServiceLinkedRole(ctx, in)
		return err
	}
	for _, c := range []struct{ principal, suffix string }{
		{"ecs.amazonaws.com", ""}, {"autoscaling.amazonaws.com", ""}, {"autoscaling.amazonaws.com", "blue"}, {"autoscaling.amazonaws.com", "green"},
	} {
		if err := create(c.principal, c.suffix); err != nil {
			t.Errorf("%s %s: %v", c.principal, c.suffix, err)
		}
	}
	if got := must(client.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("AWSServiceRoleForAutoScaling_blue")}))(t).Role.Path; *got != "/aws-service-role/autoscaling.amazonaws.com/" {
		t.Errorf("path %s", *got)
	}
	// The texts as users pasted them.
	const taken = " has been taken in this account, please try a different suffix."
	wantError(t, create("ecs.amazonaws.com", ""), "InvalidInput", "Service role name AWSServiceRoleForECS"+taken)
	wantError(t, create("autoscaling.amazonaws.com", "BLUE"), "InvalidInput", "Service role name AWSServiceRoleForAutoScaling_BLUE"+taken)
	wantError(t, create("es.amazonaws.com", "x"), "InvalidInput", "Custom suffix is not allowed for es.amazonaws.com")
	for _, unknown := range []string{"account.amazonaws.com", "ECS.amazonaws.com", "ecs.amazonaws.com.cn", "ecs", "amazonaws.com"} {
		wantError(t, create(unknown, ""), "AccessDenied", "Cannot find Service Linked Role template for "+unknown)
	}
	long := strings.Repeat("x", 64)
	wantError(t, create("autoscaling.amazonaws.com", long), "InvalidInput", "Service role name AWSServiceRoleForAutoScaling_"+long+" is longer than 64 characters, please try a different suffix.")

	remove := func(name string) error {
		_, err := client.DeleteServiceLinkedRole(ctx, &iam.DeleteServiceLinkedRoleInput{RoleName: &name})
		return err
	}
	wantError(t, remove("none"), "NoSuchEntity", "The role with name none cannot be found.")
	wantError(t, remove("app"), "NoSuchEntity", "The role with name app cannot be found.")
	status := func(id string) error {
		_, err := client.GetServiceLinkedRoleDeletionStatus(ctx, &iam.GetServiceLinkedRoleDeletionStatusInput{DeletionTaskId: &id})
		return err
	}
	const task = "task/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS/5d2f1f6e-5b0c-4b7a-9a3e-2c3f0f3b9a51"
	wantError(t, status(task), "NoSuchEntity", "The deletion task with ID "+task+" cannot be found.")
	for _, bad := range []string{"x", "task/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS", "task/aws-service-role//AWSServiceRoleForECS/x", task + "/x"} {
		wantError(t, status(bad), "InvalidInput", "The deletion task ID "+bad+" is not valid.")
	}
}

// TestProtectedRole: only the description and the tags of a service-linked role are the account's.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_update-service-linked-role.html
func TestProtectedRole(t *testing.T) {
	ctx, client := t.Context(), startIAM(t)
	name := must(client.CreateServiceLinkedRole(ctx, linkedRole("ecs.amazonaws.com")))(t).Role.RoleName
	must(client.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: aws.String("web")}))(t)
	web, arn, document := aws.String("web"), aws.String(administrator), aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)
	fails := func(_ any, err error) error { return err }
	for operation, err := range map[string]error{
		"UpdateRole":                    fails(client.UpdateRole(ctx, &iam.UpdateRoleInput{RoleName: name, MaxSessionDuration: aws.Int32(7200)})),
		"UpdateAssumeRolePolicy":        fails(client.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: name, PolicyDocument: aws.String(anyTrust)})),
		"DeleteRole":                    fails(client.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: name})),
		"PutRolePolicy":                 fails(client.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: name, PolicyName: aws.String("p"), PolicyDocument: document})),
		"DeleteRolePolicy":              fails(client.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: name, PolicyName: aws.String("p")})),
		"AttachRolePolicy":              fails(client.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: name, PolicyArn: arn})),
		"DetachRolePolicy":              fails(client.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: name, PolicyArn: aws.String("arn:aws:iam::aws:policy/aws-service-role/AmazonECSServiceRolePolicy")})),
		"PutRolePermissionsBoundary":    fails(client.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: name, PermissionsBoundary: arn})),
		"DeleteRolePermissionsBoundary": fails(client.DeleteRolePermissionsBoundary(ctx, &iam.DeleteRolePermissionsBoundaryInput{RoleName: name})),
		"AddRoleToInstanceProfile":      fails(client.AddRoleToInstanceProfile(ctx, &iam.AddRoleToInstanceProfileInput{RoleName: name, InstanceProfileName: web})),
		"RemoveRoleFromInstanceProfile": fails(client.RemoveRoleFromInstanceProfile(ctx, &iam.RemoveRoleFromInstanceProfileInput{RoleName: name, InstanceProfileName: web})),
	} {
		t.Run(operation, func(t *testing.T) {
			wantError(t, err, "UnmodifiableEntity", "Cannot perform the operation on the protected role 'AWSServiceRoleForECS' - this role is only modifiable by AWS")
		})
	}
	must(client.UpdateRole(ctx, &iam.UpdateRoleInput{RoleName: name, Description: aws.String("d")}))(t)
	must(client.UpdateRoleDescription(ctx, &iam.UpdateRoleDescriptionInput{RoleName: name, Description: aws.String("e")}))(t)
	tag := types.Tag{Key: aws.String("k"), Value: aws.String("v")}
	must(client.TagRole(ctx, &iam.TagRoleInput{RoleName: name, Tags: []types.Tag{tag, {Key: aws.String("l"), Value: aws.String("")}}}))(t)
	must(client.UntagRole(ctx, &iam.UntagRoleInput{RoleName: name, TagKeys: []string{"l"}}))(t)
	if got := must(client.GetRole(ctx, &iam.GetRoleInput{RoleName: name}))(t).Role; *got.Description != "e" || len(got.Tags) != 1 || got.PermissionsBoundary != nil {
		t.Errorf("got %+v", got)
	}
}

// TestServiceLinkedRolePermissions has AWS's examples of policies.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create-service-linked-role.html#service-linked-role-permissions
func TestServiceLinkedRolePermissions(t *testing.T) {
	ctx, e := t.Context(), emulatortest.Start(t)
	root := iam.NewFromConfig(e.Config())
	bob := aws.String("bob")
	must(root.CreateUser(ctx, &iam.CreateUserInput{UserName: bob}))(t)
	key := must(root.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: bob}))(t).AccessKey
	config := e.ConfigWith(*key.AccessKeyId, *key.SecretAccessKey, "", emulatortest.Region)
	client := iam.NewFromConfig(config)
	must(root.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: bob, PolicyName: aws.String("p"), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"iam:CreateServiceLinkedRole","Resource":"arn:aws:iam::*:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS*","Condition":{"StringLike":{"iam:AWSServiceName":"ecs.amazonaws.com"}}},
		{"Effect":"Allow","Action":["iam:DeleteServiceLinkedRole","iam:GetServiceLinkedRoleDeletionStatus"],"Resource":"arn:aws:iam::*:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS*"},
		{"Effect":"Allow","Action":"iam:CreateServiceLinkedRole","Resource":"*","Condition":{"StringEquals":{"iam:AWSServiceName":"unknown.amazonaws.com"}}},
		{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}]}`)}))(t)
	role := must(client.CreateServiceLinkedRole(ctx, linkedRole("ecs.amazonaws.com")))(t).Role
	denied := func(action, resource string) string {
		return "User: arn:aws:iam::000000000000:user/bob is not authorized to perform: iam:" + action + " on resource: arn:aws:iam::000000000000:role/" + resource +
			" because no identity-based policy allows the iam:" + action + " action"
	}
	_, err := client.CreateServiceLinkedRole(ctx, linkedRole("batch.amazonaws.com"))
	wantError(t, err, "AccessDenied", denied("CreateServiceLinkedRole", "aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch"))
	_, err = client.CreateServiceLinkedRole(ctx, linkedRole("unknown.amazonaws.com"))
	wantError(t, err, "AccessDenied", "Cannot find Service Linked Role template for unknown.amazonaws.com")
	_, err = sts.NewFromConfig(config).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: role.Arn, RoleSessionName: aws.String("ss")})
	wantError(t, err, "AccessDenied", "User: arn:aws:iam::000000000000:user/bob is not authorized to perform: sts:AssumeRole on resource: "+*role.Arn)
	id := must(client.DeleteServiceLinkedRole(ctx, &iam.DeleteServiceLinkedRoleInput{RoleName: role.RoleName}))(t).DeletionTaskId
	must(client.GetServiceLinkedRoleDeletionStatus(ctx, &iam.GetServiceLinkedRoleDeletionStatusInput{DeletionTaskId: id}))(t)
	other := strings.Replace(*id, "ecs.amazonaws.com/AWSServiceRoleForECS", "batch.amazonaws.com/AWSServiceRoleForBatch", 1)
	_, err = client.GetServiceLinkedRoleDeletionStatus(ctx, &iam.GetServiceLinkedRoleDeletionStatusInput{DeletionTaskId: &other})
	wantError(t, err, "AccessDenied", denied("GetServiceLinkedRoleDeletionStatus", "aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch"))
}
