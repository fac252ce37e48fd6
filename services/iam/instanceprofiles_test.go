package iam_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"emulator/emulatortest"
)

// TestInstanceProfiles has the answers and errors of AWS.
//
// [rec] localstack, test_iam_instance_profiles.snapshot.json
func TestInstanceProfiles(t *testing.T) {
	ctx, client := t.Context(), startIAM(t)
	web, app := aws.String("web"), aws.String("app")
	for _, name := range []string{"app", "other"} {
		must(client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(anyTrust), Description: aws.String("d")}))(t)
	}
	created := must(client.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{
		InstanceProfileName: web, Path: aws.String("/team/"), Tags: []types.Tag{{Key: aws.String("b"), Value: aws.String("1")}, {Key: aws.String("a"), Value: aws.String("2")}},
	}))(t).InstanceProfile
	if id := *created.InstanceProfileId; !strings.HasPrefix(id, "AIPA") || len(id) != 21 {
		t.Errorf("ID %s", id)
	}
	if *created.Arn != "arn:aws:iam::000000000000:instance-profile/team/web" || *created.Path != "/team/" || *created.Tags[0].Key != "b" || created.Roles == nil {
		t.Errorf("created %+v", created)
	}
	get := func() *types.InstanceProfile {
		t.Helper()
		return must(client.GetInstanceProfile(ctx, &iam.GetInstanceProfileInput{InstanceProfileName: web}))(t).InstanceProfile
	}
	if got := get(); *got.InstanceProfileId != *created.InstanceProfileId || len(got.Roles) != 0 || *got.Tags[0].Key != "a" {
		t.Errorf("got %+v", got)
	}
	add := func(profile, role string) error {
		_, err := client.AddRoleToInstanceProfile(ctx, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: &profile, RoleName: &role})
		return err
	}
	remove := func(profile, role string) error {
		_, err := client.RemoveRoleFromInstanceProfile(ctx, &iam.RemoveRoleFromInstanceProfileInput{InstanceProfileName: &profile, RoleName: &role})
		return err
	}
	if err := add("web", "app"); err != nil {
		t.Fatal(err)
	}
	role := get().Roles[0]
	if *role.Arn != "arn:aws:iam::000000000000:role/app" || role.AssumeRolePolicyDocument == nil || role.Description != nil || role.MaxSessionDuration != nil {
		t.Errorf("role %+v", role)
	}
	for _, name := range []string{"other", "app"} {
		wantError(t, add("web", name), "LimitExceeded", "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1")
	}
	const conflict = "Cannot delete entity, must remove roles from instance profile first."
	deleteProfile := func(name string) error {
		_, err := client.DeleteInstanceProfile(ctx, &iam.DeleteInstanceProfileInput{InstanceProfileName: &name})
		return err
	}
	deleteRole := func() error {
		_, err := client.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: app})
		return err
	}
	wantError(t, deleteProfile("web"), "DeleteConflict", conflict)
	wantError(t, deleteRole(), "DeleteConflict", conflict)

	const none = "Instance Profile none cannot be found."
	_, err := client.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: aws.String("WEB")})
	wantError(t, err, "EntityAlreadyExists", "Instance Profile WEB already exists.")
	_, err = client.GetInstanceProfile(ctx, &iam.GetInstanceProfileInput{InstanceProfileName: aws.String("none")})
	wantError(t, err, "NoSuchEntity", none)
	wantError(t, deleteProfile("none"), "NoSuchEntity", none)
	wantError(t, add("none", "app"), "NoSuchEntity", none)
	wantError(t, add("web", "none"), "NoSuchEntity", "The role with name none cannot be found.")
	wantError(t, remove("none", "app"), "NoSuchEntity", none)
	wantError(t, remove("web", "none"), "NoSuchEntity", "The role with name none cannot be found.")
	wantError(t, remove("web", "other"), "NoSuchEntity", "Role other in Instance Profile web cannot be found.")
	_, err = client.ListInstanceProfilesForRole(ctx, &iam.ListInstanceProfilesForRoleInput{RoleName: aws.String("none")})
	wantError(t, err, "NoSuchEntity", "The role with name none cannot be found.")
	if got := must(client.GetAccountSummary(ctx, nil))(t).SummaryMap["InstanceProfiles"]; got != 1 {
		t.Errorf("%d instance profiles", got)
	}

	if err := remove("web", "app"); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{deleteProfile("web"), deleteRole()} {
		if err != nil {
			t.Error(err)
		}
	}
	wantError(t, deleteProfile("web"), "NoSuchEntity", "Instance Profile web cannot be found.")
}

func TestInstanceProfileTags(t *testing.T) {
	ctx, client := t.Context(), startIAM(t)
	web := aws.String("web")
	tag := func(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} }
	must(client.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: web}))(t)
	tags := func() []types.Tag {
		t.Helper()
		return pages(t, func(marker *string, max int32) ([]types.Tag, *string, error) {
			out := must(client.ListInstanceProfileTags(ctx, &iam.ListInstanceProfileTagsInput{InstanceProfileName: web, Marker: marker, MaxItems: &max}))(t)
			return out.Tags, out.Marker, nil
		})
	}
	must(client.TagInstanceProfile(ctx, &iam.TagInstanceProfileInput{InstanceProfileName: web, Tags: []types.Tag{tag("k", "1"), tag("K", "2"), tag("l", "3")}}))(t)
	wantSame(t, tags(), []types.Tag{tag("K", "2"), tag("k", "1"), tag("l", "3")})
	must(client.UntagInstanceProfile(ctx, &iam.UntagInstanceProfileInput{InstanceProfileName: web, TagKeys: []string{"k", "none"}}))(t)
	wantSame(t, tags(), []types.Tag{tag("K", "2"), tag("l", "3")})

	var many []types.Tag
	for i := range 49 {
		many = append(many, tag(fmt.Sprint(i), ""))
	}
	_, err := client.TagInstanceProfile(ctx, &iam.TagInstanceProfileInput{InstanceProfileName: web, Tags: many})
	wantError(t, err, "LimitExceeded", "The number of tags has reached the maximum limit.")
	twice := []types.Tag{tag("k", "1"), tag("k", "2")}
	_, err = client.TagInstanceProfile(ctx, &iam.TagInstanceProfileInput{InstanceProfileName: web, Tags: twice})
	wantError(t, err, "InvalidInput", "Duplicate tag keys found.")
	_, err = client.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: aws.String("x"), Tags: twice})
	wantError(t, err, "InvalidInput", "Duplicate tag keys found.")
	_, err = client.TagInstanceProfile(ctx, &iam.TagInstanceProfileInput{InstanceProfileName: aws.String("none"), Tags: many[:1]})
	wantError(t, err, "NoSuchEntity", "Instance Profile none cannot be found.")
	_, err = client.UntagInstanceProfile(ctx, &iam.UntagInstanceProfileInput{InstanceProfileName: aws.String("none"), TagKeys: []string{"k"}})
	wantError(t, err, "NoSuchEntity", "Instance Profile none cannot be found.")
	_, err = client.ListInstanceProfileTags(ctx, &iam.ListInstanceProfileTagsInput{InstanceProfileName: aws.String("none")})
	wantError(t, err, "NoSuchEntity", "Instance Profile none cannot be found.")
}

func TestListInstanceProfiles(t *testing.T) {
	ctx, client := t.Context(), startIAM(t)
	app := aws.String("app")
	must(client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: app, AssumeRolePolicyDocument: aws.String(anyTrust)}))(t)
	must(client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("ap"), AssumeRolePolicyDocument: aws.String(anyTrust)}))(t)
	long := "/" + strings.Repeat("p", 100) + "/"
	for i, path := range []string{"/", "/a/", "/a/b/", "/a/", long} {
		name := aws.String(fmt.Sprintf("P%d", i))
		must(client.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: name, Path: &path}))(t)
		if i != 2 {
			must(client.AddRoleToInstanceProfile(ctx, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: name, RoleName: app}))(t)
		}
	}
	names := func(all []types.InstanceProfile) (names string) {
		for _, p := range all {
			names += " " + *p.InstanceProfileName
			if p.Tags != nil || *p.InstanceProfileName != "P2" && *p.Roles[0].RoleName != "app" {
				t.Errorf("listed %+v", p)
			}
		}
		return names
	}
	for prefix, want := range map[string]string{"/": " P0 P1 P3 P2 P4", "/a/": " P1 P3 P2", "/a/b/": " P2", long: " P4", "/none/": ""} {
		got := names(pages(t, func(marker *string, max int32) ([]types.InstanceProfile, *string, error) {
			out := must(client.ListInstanceProfiles(ctx, &iam.ListInstanceProfilesInput{PathPrefix: &prefix, Marker: marker, MaxItems: &max}))(t)
			return out.InstanceProfiles, out.Marker, nil
		}))
		if got != want {
			t.Errorf("%s:%s, want%s", prefix, got, want)
		}
	}
	for role, want := range map[string]string{"app": " P0 P1 P3 P4", "ap": ""} {
		got := names(pages(t, func(marker *string, max int32) ([]types.InstanceProfile, *string, error) {
			out := must(client.ListInstanceProfilesForRole(ctx, &iam.ListInstanceProfilesForRoleInput{RoleName: &role, Marker: marker, MaxItems: &max}))(t)
			return out.InstanceProfiles, out.Marker, nil
		}))
		if got != want {
			t.Errorf("%s is in%s, want%s", role, got, want)
		}
	}
}

// TestPassRoleToEC2 passes a role with each condition key of iam:PassRole, and tags an instance profile with those of tags.
//
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_AddRoleToInstanceProfile.html
func TestPassRoleToEC2(t *testing.T) {
	ctx, e := t.Context(), emulatortest.Start(t)
	root := iam.NewFromConfig(e.Config())
	bob := aws.String("bob")
	must(root.CreateUser(ctx, &iam.CreateUserInput{UserName: bob}))(t)
	key := must(root.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: bob}))(t).AccessKey
	client := iam.NewFromConfig(e.ConfigWith(*key.AccessKeyId, *key.SecretAccessKey, "", emulatortest.Region))
	role, profile := aws.String("app"), aws.String("web")
	must(root.CreateRole(ctx, &iam.CreateRoleInput{RoleName: role, Path: aws.String("/team/"), AssumeRolePolicyDocument: aws.String(anyTrust), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}}}))(t)
	must(root.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: profile, Path: aws.String("/fleet/")}))(t)
	const (
		who        = "User: arn:aws:iam::000000000000:user/bob is not authorized to perform: "
		addAllowed = `{"Effect":"Allow","Action":"iam:AddRoleToInstanceProfile","Resource":"arn:aws:iam::000000000000:instance-profile/fleet/*"},`
		pass       = `{"Effect":"Allow","Action":"iam:PassRole","Resource":"arn:aws:iam::000000000000:role/team/app","Condition":`
		notPassed  = who + "iam:PassRole on resource: arn:aws:iam::000000000000:role/team/app because no identity-based policy allows the iam:PassRole action"
	)
	for _, test := range []struct{ statements, denied string }{
		{pass + `{}}`, who + "iam:AddRoleToInstanceProfile on resource: arn:aws:iam::000000000000:instance-profile/fleet/web because no identity-based policy allows the iam:AddRoleToInstanceProfile action"},
		{strings.TrimSuffix(addAllowed, ","), notPassed},
		{addAllowed + pass + `{"StringEquals":{"iam:PassedToService":"lambda.amazonaws.com"}}}`, notPassed},
		{addAllowed + pass + `{"ArnLike":{"iam:AssociatedResourceArn":"arn:aws:ec2:us-east-1:000000000000:instance/i-1"}}}`, notPassed},
		{addAllowed + pass + `{"StringEquals":{"iam:ResourceTag/team":"b"}}}`, notPassed},
		{addAllowed + pass + `{"StringEquals":{"iam:PassedToService":"ec2.amazonaws.com","iam:ResourceTag/team":"a"},"StringLike":{"iam:AssociatedResourceArn":"arn:aws:ec2:*:000000000000:instance/*"}}}`, ""},
	} {
		document := `{"Version":"2012-10-17","Statement":[` + test.statements + `]}`
		must(root.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: bob, PolicyName: aws.String("p"), PolicyDocument: &document}))(t)
		_, err := client.AddRoleToInstanceProfile(ctx, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: profile, RoleName: role})
		if test.denied != "" {
			wantError(t, err, "AccessDenied", test.denied)
		} else if err != nil {
			t.Error(err)
		}
	}

	must(root.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: bob, PolicyName: aws.String("p"), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["iam:CreateInstanceProfile","iam:TagInstanceProfile"],"Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/team":"a"},"ForAllValues:StringEquals":{"aws:TagKeys":["team"]}}}]}`)}))(t)
	create := func(tags ...types.Tag) error {
		_, err := client.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: aws.String("mine"), Tags: tags})
		return err
	}
	team, more := types.Tag{Key: aws.String("team"), Value: aws.String("a")}, types.Tag{Key: aws.String("more"), Value: aws.String("")}
	denied := who + "iam:CreateInstanceProfile on resource: arn:aws:iam::000000000000:instance-profile/mine because no identity-based policy allows the iam:CreateInstanceProfile action"
	wantError(t, create(), "AccessDenied", denied)
	wantError(t, create(team, more), "AccessDenied", denied)
	if err := create(team); err != nil {
		t.Error(err)
	}
}
