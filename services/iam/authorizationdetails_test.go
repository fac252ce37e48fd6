package iam_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"emulator/emulatortest"
)

// detailed are the names in answers of GetAccountAuthorizationDetails, in their order.
func detailed(outs ...*iam.GetAccountAuthorizationDetailsOutput) (names []string) {
	for _, out := range outs {
		for _, u := range out.UserDetailList {
			names = append(names, "user "+*u.UserName)
		}
		for _, g := range out.GroupDetailList {
			names = append(names, "group "+*g.GroupName)
		}
		for _, r := range out.RoleDetailList {
			names = append(names, "role "+*r.RoleName)
		}
		for _, p := range out.Policies {
			names = append(names, "policy "+*p.PolicyName)
		}
	}
	return names
}

func TestGetAccountAuthorizationDetails(t *testing.T) {
	ctx, e := t.Context(), emulatortest.Start(t)
	client := iam.NewFromConfig(e.Config())
	bound := makePolicy(t, client, "Bound")
	used := makePolicy(t, client, "Used")
	second := strings.ReplaceAll(document, " ", "\n")
	must(client.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: &used, PolicyDocument: &second, SetAsDefault: true}))(t)
	for _, name := range []string{"ann", "bob"} {
		must(client.CreateUser(ctx, &iam.CreateUserInput{UserName: &name, Path: aws.String("/team/"), PermissionsBoundary: &bound, Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String(name)}}}))(t)
		must(client.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: aws.String("of-" + name)}))(t)
		must(client.AddUserToGroup(ctx, &iam.AddUserToGroupInput{UserName: &name, GroupName: aws.String("of-" + name)}))(t)
		must(client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(anyTrust), PermissionsBoundary: &bound}))(t)
	}
	inline := `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}`
	for _, name := range []string{"z", "a"} {
		must(client.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: aws.String("ann"), PolicyName: &name, PolicyDocument: &inline}))(t)
	}
	must(client.PutGroupPolicy(ctx, &iam.PutGroupPolicyInput{GroupName: aws.String("of-ann"), PolicyName: aws.String("g"), PolicyDocument: &inline}))(t)
	must(client.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("ann"), PolicyName: aws.String("r"), PolicyDocument: &inline}))(t)
	must(client.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: aws.String("ann"), PolicyArn: &used}))(t)
	must(client.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: aws.String("ann"), PolicyArn: aws.String(administrator)}))(t)

	for _, name := range []string{"web", "batch"} {
		must(client.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: &name}))(t)
		must(client.AddRoleToInstanceProfile(ctx, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: &name, RoleName: aws.String("ann")}))(t)
	}

	out := must(client.GetAccountAuthorizationDetails(ctx, nil))(t)
	want := []string{"user ann", "user bob", "group of-ann", "group of-bob", "role ann", "role bob", "policy Bound", "policy Used", "policy AdministratorAccess"}
	if got := detailed(out); !slices.Equal(got, want) || out.IsTruncated || out.Marker != nil {
		t.Fatalf("got %v, truncated %t", got, out.IsTruncated)
	}
	decoded := func(text *string) string { return must(url.PathUnescape(aws.ToString(text)))(t) }
	ann, bob := out.UserDetailList[0], out.UserDetailList[1]
	if *ann.Arn != "arn:aws:iam::000000000000:user/team/ann" || *ann.Path != "/team/" || !strings.HasPrefix(*ann.UserId, "AIDA") || ann.CreateDate == nil ||
		!slices.Equal(ann.GroupList, []string{"of-ann"}) || *ann.PermissionsBoundary.PermissionsBoundaryArn != bound || *ann.Tags[0].Value != "ann" {
		t.Errorf("user %+v", ann)
	}
	if len(ann.UserPolicyList) != 2 || *ann.UserPolicyList[0].PolicyName != "a" || decoded(ann.UserPolicyList[0].PolicyDocument) != inline ||
		strings.ContainsAny(*ann.UserPolicyList[0].PolicyDocument, " +\"") {
		t.Errorf("inline policies %v", ann.UserPolicyList)
	}
	if len(ann.AttachedManagedPolicies) != 1 || *ann.AttachedManagedPolicies[0].PolicyArn != used || *ann.AttachedManagedPolicies[0].PolicyName != "Used" {
		t.Errorf("attached %v", ann.AttachedManagedPolicies)
	}
	if bob.AttachedManagedPolicies == nil || len(bob.AttachedManagedPolicies) > 0 {
		t.Errorf("bob has %v", bob.AttachedManagedPolicies)
	}
	group := out.GroupDetailList[0]
	if *group.Arn != "arn:aws:iam::000000000000:group/of-ann" || !strings.HasPrefix(*group.GroupId, "AGPA") || decoded(group.GroupPolicyList[0].PolicyDocument) != inline {
		t.Errorf("group %+v", group)
	}
	role := out.RoleDetailList[0]
	if decoded(role.AssumeRolePolicyDocument) != decoded(must(client.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("ann")}))(t).Role.AssumeRolePolicyDocument) ||
		decoded(role.RolePolicyList[0].PolicyDocument) != inline || *role.AttachedManagedPolicies[0].PolicyArn != administrator ||
		*role.PermissionsBoundary.PermissionsBoundaryArn != bound || role.RoleLastUsed == nil || role.RoleLastUsed.LastUsedDate != nil ||
		len(role.InstanceProfileList) != 2 || *role.InstanceProfileList[0].InstanceProfileName != "batch" || *role.InstanceProfileList[0].Roles[0].RoleName != "ann" ||
		out.RoleDetailList[1].InstanceProfileList == nil || len(out.RoleDetailList[1].InstanceProfileList) > 0 {
		t.Errorf("role %+v", role)
	}
	local, admin := out.Policies[1], out.Policies[2]
	if *local.DefaultVersionId != "v2" || len(local.PolicyVersionList) != 2 || *local.PolicyVersionList[0].VersionId != "v2" || !local.PolicyVersionList[0].IsDefaultVersion ||
		decoded(local.PolicyVersionList[0].Document) != second || decoded(local.PolicyVersionList[1].Document) != document || *local.AttachmentCount != 1 {
		t.Errorf("policy %+v", local)
	}
	if *out.Policies[0].PermissionsBoundaryUsageCount != 4 || *admin.Arn != administrator || *admin.AttachmentCount != 1 || !strings.Contains(decoded(admin.PolicyVersionList[0].Document), `"Action": "*"`) {
		t.Errorf("boundary %+v, AWS's %+v", out.Policies[0], admin)
	}
}

// A role's last use is told, and what was told is not lost.
func TestDetailsOfUsedRole(t *testing.T) {
	ctx, e := t.Context(), emulatortest.Start(t)
	client := iam.NewFromConfig(e.Config())
	must(client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("app"), AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"sts:AssumeRole"}}`)}))(t)
	must(client.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("bob")}))(t)
	must(client.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: aws.String("bob"), PolicyArn: aws.String(administrator)}))(t)
	key := must(client.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: aws.String("bob")}))(t).AccessKey
	bob := sts.NewFromConfig(e.ConfigWith(*key.AccessKeyId, *key.SecretAccessKey, "", "us-east-1"))
	c := must(bob.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::000000000000:role/app"), RoleSessionName: aws.String("session")}))(t).Credentials
	must(sts.NewFromConfig(e.ConfigWith(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken, "eu-west-1")).GetCallerIdentity(ctx, nil))(t)
	out := must(client.GetAccountAuthorizationDetails(ctx, nil))(t)
	if used := out.RoleDetailList[0].RoleLastUsed; used.LastUsedDate == nil || aws.ToString(used.Region) != "eu-west-1" {
		t.Errorf("used %+v", used)
	}
}

func TestDetailsByFilterAndPage(t *testing.T) {
	ctx, e := t.Context(), emulatortest.Start(t)
	client := iam.NewFromConfig(e.Config())
	for i := range 3 {
		name := fmt.Sprintf("n%d", i)
		must(client.CreateUser(ctx, &iam.CreateUserInput{UserName: &name}))(t)
		must(client.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: &name}))(t)
		must(client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(anyTrust)}))(t)
		makePolicy(t, client, name)
	}
	for _, name := range []string{"AdministratorAccess", "ReadOnlyAccess"} {
		must(client.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: aws.String("n0"), PolicyArn: aws.String("arn:aws:iam::aws:policy/" + name)}))(t)
	}
	whole := detailed(must(client.GetAccountAuthorizationDetails(ctx, nil))(t))
	if len(whole) != 14 {
		t.Fatalf("all: %v", whole)
	}
	for name, filter := range map[string][]types.EntityType{
		"User": {"User"}, "Role": {"Role"}, "Group": {"Group"}, "LocalManagedPolicy": {"LocalManagedPolicy"}, "AWSManagedPolicy": {"AWSManagedPolicy"},
		"all": {}, "User and AWSManagedPolicy": {"AWSManagedPolicy", "User"}, "Role twice": {"Role", "Role"},
	} {
		all := detailed(must(client.GetAccountAuthorizationDetails(ctx, &iam.GetAccountAuthorizationDetailsInput{Filter: filter}))(t))
		for size := range int32(len(all) + 1) {
			in := &iam.GetAccountAuthorizationDetailsInput{Filter: filter, MaxItems: aws.Int32(size + 1)}
			var got []string
			for {
				out := must(client.GetAccountAuthorizationDetails(ctx, in))(t)
				some := detailed(out)
				if len(some) == 0 || len(some) > int(size)+1 || out.IsTruncated != (out.Marker != nil) {
					t.Fatalf("%s: %d on a page of %d", name, len(some), size+1)
				}
				got = append(got, some...)
				if in.Marker = out.Marker; in.Marker == nil {
					break
				}
			}
			if !slices.Equal(got, all) {
				t.Errorf("%s in pages of %d: %v, whole %v", name, size+1, got, all)
			}
		}
	}
	if got := detailed(must(client.GetAccountAuthorizationDetails(ctx, &iam.GetAccountAuthorizationDetailsInput{Filter: []types.EntityType{"User", "AWSManagedPolicy"}}))(t)); !slices.Equal(got, []string{"user n0", "user n1", "user n2", "policy AdministratorAccess", "policy ReadOnlyAccess"}) {
		t.Errorf("users and AWS's policies: %v", got)
	}
	_, err := client.GetAccountAuthorizationDetails(ctx, &iam.GetAccountAuthorizationDetailsInput{Filter: []types.EntityType{"Robot"}})
	wantError(t, err, "ValidationError", "1 validation error detected: Value at 'filter' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [User, Role, Group, LocalManagedPolicy, AWSManagedPolicy]]")
}

// A page ends where its documents become too long: 30 MB of them are not one answer.
func TestDetailsAreBounded(t *testing.T) {
	ctx, e := t.Context(), emulatortest.Start(t)
	client := iam.NewFromConfig(e.Config())
	long := strings.Replace(document, "{", "{"+strings.Repeat(" ", 120<<10), 1) // percent-encoded it is three times as long
	const roles = 40
	for i := range roles {
		name := aws.String(fmt.Sprintf("r%02d", i))
		must(client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: name, AssumeRolePolicyDocument: aws.String(anyTrust)}))(t)
		must(client.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: name, PolicyName: name, PolicyDocument: &long}))(t)
	}
	in := &iam.GetAccountAuthorizationDetailsInput{}
	found, calls := 0, 0
	for {
		out := must(client.GetAccountAuthorizationDetails(ctx, in))(t)
		calls++
		found += len(out.RoleDetailList)
		if in.Marker = out.Marker; in.Marker == nil {
			break
		}
	}
	if found != roles || calls < 3 {
		t.Errorf("%d roles in %d pages", found, calls)
	}
}
