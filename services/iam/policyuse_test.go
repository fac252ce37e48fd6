package iam_test

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"
)

// TestPolicyUse follows one policy that a user has both as permissions and as boundary.
func TestPolicyUse(t *testing.T) {
	ctx, client := context.Background(), startIAM(t)
	arn := aws.String(makePolicy(t, client, "P"))
	check := func(step string, name string, attachments, boundaries int32) {
		t.Helper()
		p := must(client.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: arn}))(t).Policy
		if *p.AttachmentCount != attachments || *p.PermissionsBoundaryUsageCount != boundaries {
			t.Errorf("%s: counts %d and %d, want %d and %d", step, *p.AttachmentCount, *p.PermissionsBoundaryUsageCount, attachments, boundaries)
		}
		for filter, want := range map[types.PolicyUsageType]bool{
			"":                                       attachments+boundaries > 0,
			types.PolicyUsageTypePermissionsPolicy:   attachments > 0,
			types.PolicyUsageTypePermissionsBoundary: boundaries > 0,
		} {
			var names, wantNames []string
			for _, u := range must(client.ListEntitiesForPolicy(ctx, &iam.ListEntitiesForPolicyInput{PolicyArn: arn, PolicyUsageFilter: filter}))(t).PolicyUsers {
				names = append(names, *u.UserName)
			}
			if want {
				wantNames = []string{name}
			}
			if !slices.Equal(names, wantNames) {
				t.Errorf("%s, filter %q: users %v, want %v", step, filter, names, wantNames)
			}
			used := must(client.ListPolicies(ctx, &iam.ListPoliciesInput{OnlyAttached: true, PolicyUsageFilter: filter}))(t)
			if got := len(used.Policies) == 1; got != want {
				t.Errorf("%s, filter %q: %d used policies", step, filter, len(used.Policies))
			}
		}
		_, err := client.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: arn})
		if attachments+boundaries > 0 {
			wantError(t, err, "DeleteConflict", "Cannot delete a policy attached to entities.")
		} else if err != nil {
			t.Error(err)
		}
	}
	must(client.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("First"), PermissionsBoundary: arn}))(t)
	check("created with boundary", "First", 0, 1)
	must(client.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: aws.String("First"), PolicyArn: arn}))(t)
	check("attached", "First", 1, 1)
	must(client.PutUserPermissionsBoundary(ctx, &iam.PutUserPermissionsBoundaryInput{UserName: aws.String("First"), PermissionsBoundary: arn}))(t)
	check("the same boundary again", "First", 1, 1)
	must(client.UpdateUser(ctx, &iam.UpdateUserInput{UserName: aws.String("First"), NewUserName: aws.String("Second")}))(t)
	check("renamed", "Second", 1, 1)
	must(client.UpdateUser(ctx, &iam.UpdateUserInput{UserName: aws.String("Second"), NewUserName: aws.String("SECOND")}))(t)
	check("renamed but for case", "SECOND", 1, 1)
	must(client.DeleteUserPermissionsBoundary(ctx, &iam.DeleteUserPermissionsBoundaryInput{UserName: aws.String("SECOND")}))(t)
	check("without boundary", "SECOND", 1, 0)
	must(client.PutUserPermissionsBoundary(ctx, &iam.PutUserPermissionsBoundaryInput{UserName: aws.String("SECOND"), PermissionsBoundary: arn}))(t)
	must(client.DetachUserPolicy(ctx, &iam.DetachUserPolicyInput{UserName: aws.String("SECOND"), PolicyArn: arn}))(t)
	check("boundary only", "SECOND", 0, 1)
	must(client.DeleteUser(ctx, &iam.DeleteUserInput{UserName: aws.String("SECOND")}))(t)
	check("the user is gone", "", 0, 0)
}

func TestBoundaryPages(t *testing.T) {
	ctx, client := context.Background(), startIAM(t)
	arn := aws.String(makePolicy(t, client, "P"))
	both, one := "both", "one"
	for _, k := range kindsOfEntity(ctx, client) {
		if k.name == "group" {
			continue
		}
		for _, name := range []string{both, one} {
			if err := k.create(name, "/"); err != nil {
				t.Fatal(err)
			}
		}
		if err := k.attach(both, *arn); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []*string{&both, &one} {
		must(client.PutUserPermissionsBoundary(ctx, &iam.PutUserPermissionsBoundaryInput{UserName: name, PermissionsBoundary: arn}))(t)
		must(client.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: name, PermissionsBoundary: arn}))(t)
	}
	for _, filter := range []types.PolicyUsageType{"", types.PolicyUsageTypePermissionsBoundary} {
		var got []string
		p := iam.NewListEntitiesForPolicyPaginator(client, &iam.ListEntitiesForPolicyInput{PolicyArn: arn, PolicyUsageFilter: filter, MaxItems: aws.Int32(1)})
		for p.HasMorePages() {
			page := must(p.NextPage(ctx))(t)
			for _, u := range page.PolicyUsers {
				got = append(got, "user "+*u.UserName)
			}
			for _, r := range page.PolicyRoles {
				got = append(got, "role "+*r.RoleName)
			}
		}
		slices.Sort(got)
		if want := []string{"role both", "role one", "user both", "user one"}; !slices.Equal(got, want) {
			t.Errorf("filter %q: got %v, want %v", filter, got, want)
		}
	}
}

// TestForgedMarkers sends markers that decode to what no list answers.
func TestForgedMarkers(t *testing.T) {
	ctx, client := context.Background(), startIAM(t)
	arn := aws.String(makePolicy(t, client, "P"))
	must(client.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("u")}))(t)
	must(client.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: aws.String("g")}))(t)
	for _, position := range []string{"\x00", "/", "account/\x00", "aws/\x00\xff", "attached-to/user\x00\x00", "boundary-of/", "-1", "99999999999999999999", "7"} {
		marker := aws.String(base64.RawURLEncoding.EncodeToString([]byte(position)))
		_, errPolicies := client.ListPolicies(ctx, &iam.ListPoliciesInput{Marker: marker})
		_, errUsed := client.ListPolicies(ctx, &iam.ListPoliciesInput{Marker: marker, OnlyAttached: true})
		_, errEntities := client.ListEntitiesForPolicy(ctx, &iam.ListEntitiesForPolicyInput{PolicyArn: arn, Marker: marker})
		_, errVersions := client.ListPolicyVersions(ctx, &iam.ListPolicyVersionsInput{PolicyArn: arn, Marker: marker})
		_, errAttached := client.ListAttachedUserPolicies(ctx, &iam.ListAttachedUserPoliciesInput{UserName: aws.String("u"), Marker: marker})
		_, errGroup := client.GetGroup(ctx, &iam.GetGroupInput{GroupName: aws.String("g"), Marker: marker})
		_, errUsers := client.ListUsers(ctx, &iam.ListUsersInput{Marker: marker})
		_, errRoles := client.ListRoles(ctx, &iam.ListRolesInput{Marker: marker, PathPrefix: aws.String("/a/")})
		for _, err := range []error{errPolicies, errUsed, errEntities, errVersions, errAttached, errGroup, errUsers, errRoles} {
			if e, ok := errors.AsType[smithy.APIError](err); ok && e.ErrorCode() != "ValidationError" {
				t.Errorf("marker %q: %v", position, err)
			}
		}
	}
}

// TestLongPaths pages through users whose paths are longer than a marker may be, also when
// what a marker names is deleted meanwhile.
func TestLongPaths(t *testing.T) {
	ctx, client := context.Background(), startIAM(t)
	path := aws.String("/" + strings.Repeat("p", 510) + "/")
	for _, name := range []string{"a", "b", "c", "d"} {
		must(client.CreateUser(ctx, &iam.CreateUserInput{UserName: &name, Path: path}))(t)
	}
	must(client.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("other"), Path: aws.String((*path)[:400] + "/")}))(t)
	var names []string
	for p := iam.NewListUsersPaginator(client, &iam.ListUsersInput{PathPrefix: path, MaxItems: aws.Int32(1)}); p.HasMorePages(); {
		for _, u := range must(p.NextPage(ctx))(t).Users {
			names = append(names, *u.UserName)
			must(client.DeleteUser(ctx, &iam.DeleteUserInput{UserName: u.UserName}))(t)
		}
	}
	if want := []string{"a", "b", "c", "d"}; !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
}
