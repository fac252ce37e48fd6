package iam_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"emulator/emulatortest"
)

// TestAccountProperties has recorded answers (stackd, testdata/aws/iam/account_properties.json).
func TestAccountProperties(t *testing.T) {
	ctx, e := t.Context(), emulatortest.Start(t)
	client := iam.NewFromConfig(e.Config())
	put := func(pairs ...string) error {
		properties := make(map[string]string)
		for i := 0; i < len(pairs); i += 2 {
			properties[pairs[i]] = pairs[i+1]
		}
		_, err := client.PutAccountProperties(ctx, &iam.PutAccountPropertiesInput{Properties: properties})
		return err
	}
	want := func(enabled string) {
		t.Helper()
		got := must(client.GetAccountProperties(ctx, nil))(t).Properties
		if len(got) != 1 || got["RoleManager/Enabled"] != enabled {
			t.Errorf("properties %v, want %s", got, enabled)
		}
	}
	want("false")
	wantError(t, put("RoleManager", "true"), "InvalidInput", "Property key must be in format Namespace/PropertyName: RoleManager")
	wantError(t, put("RoleManager/Enabled/x", "true"), "InvalidInput", "RoleManager namespace requires Enabled property")
	wantError(t, put("Other/Enabled", "true"), "InvalidInput", "Unsupported namespace: Other")
	wantError(t, put("RoleManager/Other", "true"), "InvalidInput", "RoleManager namespace requires Enabled property")
	wantError(t, put("Other/Enabled", "true", "RoleManager/Enabled", "true"), "InvalidInput", "All properties must belong to the same namespace")
	for _, bad := range []string{"False", " false", "0"} {
		wantError(t, put("RoleManager/Enabled", bad), "InvalidInput", "Enabled must be 'true' or 'false'")
	}
	want("false")
	for range 2 {
		if err := put("RoleManager/Enabled", "true", "RoleManager/Other", "x"); err != nil {
			t.Fatal(err)
		}
		want("true")
	}
	role := must(client.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("AWSServiceRoleForIAMRoleManager")}))(t).Role
	if *role.Path != "/aws-service-role/role-manager.iam.amazonaws.com/" {
		t.Errorf("role %s", *role.Arn)
	}
	if err := put("RoleManager/Enabled", "false"); err != nil {
		t.Fatal(err)
	}
	want("false")

	bob := aws.String("bob")
	must(client.CreateUser(ctx, &iam.CreateUserInput{UserName: bob}))(t)
	key := must(client.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: bob}))(t).AccessKey
	root := client
	client = iam.NewFromConfig(e.ConfigWith(*key.AccessKeyId, *key.SecretAccessKey, "", emulatortest.Region))
	allow := func(namespace string) {
		must(root.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: bob, PolicyName: aws.String("p"), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
			"Action":["iam:GetAccountProperties","iam:PutAccountProperties"],"Resource":"*","Condition":{"ForAnyValue:StringEquals":{"iam:AccountPropertyNamespaces":"` + namespace + `"}}}]}`)}))(t)
	}
	denied := func(action, resource string) string {
		return "User: arn:aws:iam::000000000000:user/bob is not authorized to perform: iam:" + action + " on resource: " + resource + " because no identity-based policy allows the iam:" + action + " action"
	}
	allow("RoleManager")
	want("false")
	if err := put("RoleManager/Enabled", "false"); err != nil {
		t.Error(err)
	}
	wantError(t, put("RoleManager/Enabled", "true"), "AccessDenied", denied("CreateServiceLinkedRole", "arn:aws:iam::000000000000:role/aws-service-role/role-manager.iam.amazonaws.com/AWSServiceRoleForIAMRoleManager"))
	want("false")
	allow("Other")
	_, err := client.GetAccountProperties(ctx, nil)
	wantError(t, err, "AccessDenied", denied("GetAccountProperties", "*"))
	wantError(t, put("RoleManager/Enabled", "false"), "AccessDenied", denied("PutAccountProperties", "*"))
}
