package iam_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"emulator/emulatortest"
	"emulator/server"
	emulatoriam "emulator/services/iam"
)

const (
	powerUser = "arn:aws:iam::aws:role-template/iam.amazonaws.com/PowerUserRoleTemplate:1"
	rotation  = "arn:aws:iam::aws:role-template/secretsmanager.amazonaws.com/AWSSecretsManagerRotationRoleTemplate:1"
	ownARN    = "arn:aws:iam::aws:role-template/team.example.com/Team:2"
)

// acquire makes a role of values: names and, after each, its values, separated by blanks.
func acquire(t *testing.T, client *iam.Client, template string, pairs ...string) (*types.Role, error) {
	t.Helper()
	values := make(map[string]types.ReplacementValueEntry)
	for i := 0; i < len(pairs); i += 2 {
		values[pairs[i]] = types.ReplacementValueEntry{Values: strings.Fields(pairs[i+1])}
	}
	out, err := client.AcquireRole(t.Context(), &iam.AcquireRoleInput{TemplateArn: &template, ReplacementValues: values})
	if err != nil {
		return nil, err
	}
	return out.Role, nil
}

func decoded(t *testing.T, document *string) string {
	t.Helper()
	return must(url.PathUnescape(*document))(t)
}

// TestAcquireRole makes roles of AWS's templates.
//
// The answers are recorded: stackd, testdata/aws/iam/role_templates.json, role_acquisition.json.
func TestAcquireRole(t *testing.T) {
	ctx, client := t.Context(), startIAM(t)
	made := must(acquire(t, client, powerUser, "AWSServiceName", "lambda.amazonaws.com", "RoleName", "power"))(t)
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	if *made.Path != "/" || *made.Arn != "arn:aws:iam::000000000000:role/power" || decoded(t, made.AssumeRolePolicyDocument) != trust ||
		made.Description != nil || made.MaxSessionDuration != nil || made.SourceRoleTemplate != nil {
		t.Errorf("made %+v", made)
	}
	name := aws.String("power")
	role := must(client.GetRole(ctx, &iam.GetRoleInput{RoleName: name}))(t).Role
	if *role.Description != "Power user role for lambda.amazonaws.com" || *role.MaxSessionDuration != 3600 ||
		*role.SourceRoleTemplate.TemplateArn != powerUser || *role.SourceRoleTemplate.TemplateMinorVersion != 0 {
		t.Errorf("role %+v", role)
	}
	if listed := must(client.ListRoles(ctx, nil))(t).Roles[0]; listed.SourceRoleTemplate != nil {
		t.Error("a list has the template")
	}
	attached := must(client.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: name}))(t).AttachedPolicies
	if len(attached) != 1 || *attached[0].PolicyArn != "arn:aws:iam::aws:policy/PowerUserAccess" {
		t.Errorf("attached %v", attached)
	}

	again := func() error {
		t.Helper()
		role, err := acquire(t, client, powerUser, "AWSServiceName", "lambda.amazonaws.com", "RoleName", "power")
		if err == nil && *role.RoleId != *made.RoleId {
			t.Error("made another role")
		}
		return err
	}
	const modified = "Role power has been modified since it was created and is no longer managed."
	readOnly, power := aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess"), attached[0].PolicyArn
	tag := types.Tag{Key: aws.String("k"), Value: aws.String("v")}
	fails := func(_ any, err error) error { return err }
	for _, step := range []struct {
		change     string
		err        error
		isModified bool
	}{
		{"nothing", nil, false},
		{"the description", fails(client.UpdateRole(ctx, &iam.UpdateRoleInput{RoleName: name, Description: aws.String("d"), MaxSessionDuration: aws.Int32(7200)})), false},
	} {
		if step.err != nil {
			t.Fatal(step.err)
		}
		if err := again(); err != nil {
			t.Errorf("%s: %v", step.change, err)
		}
	}
	for change, test := range map[string]struct{ do, undo func() error }{
		"a further policy": {
			func() error {
				return fails(client.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: name, PolicyArn: readOnly}))
			},
			func() error {
				return fails(client.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: name, PolicyArn: readOnly}))
			},
		},
		"a policy less": {
			func() error {
				return fails(client.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: name, PolicyArn: power}))
			},
			func() error {
				return fails(client.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: name, PolicyArn: power}))
			},
		},
		"an inline policy": {
			func() error {
				return fails(client.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: name, PolicyName: aws.String("p"), PolicyDocument: aws.String(document)}))
			},
			func() error {
				return fails(client.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: name, PolicyName: aws.String("p")}))
			},
		},
		"a boundary": {
			func() error {
				return fails(client.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: name, PermissionsBoundary: power}))
			},
			func() error {
				return fails(client.DeleteRolePermissionsBoundary(ctx, &iam.DeleteRolePermissionsBoundaryInput{RoleName: name}))
			},
		},
		"a tag": {
			func() error {
				return fails(client.TagRole(ctx, &iam.TagRoleInput{RoleName: name, Tags: []types.Tag{tag}}))
			},
			func() error {
				return fails(client.UntagRole(ctx, &iam.UntagRoleInput{RoleName: name, TagKeys: []string{"k"}}))
			},
		},
		"the trust policy": {
			func() error {
				return fails(client.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: name, PolicyDocument: aws.String(anyTrust)}))
			},
			func() error { // the same, written otherwise
				return fails(client.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: name, PolicyDocument: aws.String(
					`{"Statement":{"Action":["sts:AssumeRole"],"Effect":"Allow","Principal":{"Service":["lambda.amazonaws.com"]}},"Version":"2012-10-17"}`)}))
			},
		},
	} {
		if err := test.do(); err != nil {
			t.Fatal(err)
		}
		if err := again(); err == nil || !strings.Contains(err.Error(), modified) {
			t.Errorf("%s: %v", change, err)
		}
		if err := test.undo(); err != nil {
			t.Fatal(err)
		}
		if err := again(); err != nil {
			t.Errorf("%s undone: %v", change, err)
		}
	}

	const otherParameters = "A role with this name exists but was created with different parameters. Pass a unique roleName to create a new role."
	const otherOrigin = "A role with this name already exists in the account but was not created from this template. Choose a different role name, or remove the existing role if it is no longer needed."
	must(client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("plain"), AssumeRolePolicyDocument: &trust}))(t)
	for _, test := range []struct {
		template, service, name string
		code, message           string
	}{
		{powerUser, "ec2.amazonaws.com", "power", "NameConflict", otherParameters},
		{powerUser, "lambda.amazonaws.com", "POWER", "NameConflict", otherParameters},
		{powerUser, "lambda.amazonaws.com", "plain", "NameConflict", otherOrigin},
		{powerUser, "", "x", "InvalidInput", "Failed to render template: Parameter 'AWSServiceName' not found."},
		{powerUser, "lambda.amazonaws.com ec2.amazonaws.com", "x", "ValidationError", "AWSServiceName replacement value must contain exactly one value, got 2"},
		{powerUser, "not-a-service", "x", "MalformedPolicyDocument", `Invalid principal in policy: "SERVICE":"not-a-service"`},
		{powerUser, "lambda.amazonaws.com", "a/b", "InvalidInput", `Failed to render template: "a/b" is not the name of a role.`},
		{powerUser + "0", "lambda.amazonaws.com", "x", "NoSuchEntity", "Role template not found in repository: " + powerUser + "0"},
	} {
		pairs := []string{"RoleName", test.name}
		if test.service != "" {
			pairs = append(pairs, "AWSServiceName", test.service)
		}
		_, err := acquire(t, client, test.template, pairs...)
		wantError(t, err, test.code, test.message)
	}
	_, err := acquire(t, client, powerUser, "AWSServiceName", "lambda.amazonaws.com", "Unused", "x")
	wantError(t, err, "InvalidInput", "Failed to render template: Unrecognized parameter: Unused")
	for _, minor := range []int32{-1, 999} {
		_, err := client.AcquireRole(ctx, &iam.AcquireRoleInput{TemplateArn: aws.String(powerUser), TemplateMinorVersion: &minor})
		wantError(t, err, "NoSuchEntity", "Role template not found in repository: "+powerUser)
	}
	_, err = client.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("x")})
	wantError(t, err, "NoSuchEntity", "The role with name x cannot be found.")
}

// TestRenderTemplate has statements that parameters enable, and lists.
//
// The answers are recorded: stackd, testdata/aws/iam/role_templates.json.
func TestRenderTemplate(t *testing.T) {
	ctx, client := t.Context(), startIAM(t)
	inline := func(pairs ...string) string {
		t.Helper()
		role := must(acquire(t, client, rotation, pairs...))(t)
		if *role.Path != "/service-role/" {
			t.Errorf("path %s", *role.Path)
		}
		return decoded(t, must(client.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: role.RoleName, PolicyName: aws.String("SecretRotationPermissionPolicy")}))(t).PolicyDocument)
	}
	const generic = `{"Version":"2012-10-17","Statement":[{"Sid":"AllowRotationAccessGeneric","Effect":"Allow","Action":["secretsmanager:DescribeSecret","secretsmanager:GetSecretValue","secretsmanager:PutSecretValue","secretsmanager:UpdateSecretVersionStage"],` +
		`"Resource":"arn:aws:secretsmanager:us-east-1:000000000000:secret:*","Condition":{"StringEquals":{"secretsmanager:resource/Type":"probe"}}},` +
		`{"Effect":"Allow","Sid":"AllowPasswordGenerationAccessAdmin","Action":["secretsmanager:GetRandomPassword"],"Resource":"*"}`
	if got := inline("accountId", "000000000000", "region", "us-east-1", "resourceType", "probe"); got != generic+`]}` {
		t.Errorf("got %s", got)
	}
	one, two := "arn:aws:kms:us-east-1:000000000000:key/1", "arn:aws:kms:us-east-1:000000000000:key/2"
	all := []string{"accountId", "000000000000", "region", "us-east-1", "resourceType", "probe", "adminType", "admin", "kmsKeyArn", one + " " + two, "RoleName", "both", "ADMIN_RESOURCE_ENABLED", "true", "CMK_ENABLED", "True"}
	want := generic + `,{"Sid":"AllowRotationAccess","Action":["secretsmanager:GetSecretValue"],"Resource":"arn:aws:secretsmanager:us-east-1:000000000000:secret:*","Effect":"Allow","Condition":{"StringEquals":{"secretsmanager:resource/Type":"admin"}}},` +
		`{"Sid":"KMSAccessForCustomerSecret","Effect":"Allow","Action":["kms:Decrypt","kms:DescribeKey","kms:GenerateDataKey"],"Resource":["` + one + `","` + two + `"],"Condition":{"StringEquals":{"kms:ViaService":"secretsmanager.us-east-1.amazonaws.com"}}}]}`
	if got := inline(all...); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	_, err := acquire(t, client, rotation, "accountId", "000000000000", "region", "us-east-1", "resourceType", "probe", "CMK_ENABLED", "True", "RoleName", "x")
	wantError(t, err, "InvalidInput", "Failed to render template: Parameter 'kmsKeyArn' not found.")

	studio := "arn:aws:iam::aws:role-template/datazone.amazonaws.com/AmazonSageMakerAdminIAMPermissiveExecutionRoleTemplate:1"
	role := must(acquire(t, client, studio, "accountId", "000000000000"))(t)
	if *role.RoleName != "AmazonSageMakerAdminIAMExecutionRole" {
		t.Errorf("role %s", *role.RoleName)
	}
	if names := must(client.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: role.RoleName}))(t).PolicyNames; len(names) != 0 {
		t.Errorf("policies %v of which nothing is enabled", names)
	}

	// Values stay within the strings they stand in.
	_, err = acquire(t, client, powerUser, "AWSServiceName", `x"},"Action":"sts:*`, "RoleName", "x")
	wantError(t, err, "MalformedPolicyDocument", `Invalid principal in policy: "SERVICE":"x"},"Action":"sts:*"`)
}

func TestGetRoleTemplateVersion(t *testing.T) {
	ctx, client := t.Context(), startIAM(t)
	got := must(client.GetRoleTemplateVersion(ctx, &iam.GetRoleTemplateVersionInput{TemplateArn: aws.String(rotation)}))(t).RoleTemplateVersion
	if *got.TemplateName != "AWSSecretsManagerRotationRoleTemplate" || *got.MajorVersion != 1 || *got.MinorVersion != 0 || *got.DefaultMinorVersion != 0 || !got.Enabled || !got.VersionEnabled ||
		len(got.ParametersDefinition) != 8 || got.ParametersDefinition[5].Type != types.ParameterTypeTypeStringList || got.CreateTimestamp.Year() != 2026 || got.ManagedByType != types.ManagedByTypeTypeService {
		t.Errorf("got %+v", got)
	}
	for _, document := range []*string{got.AssumeRolePolicyDocumentTemplate, got.InlinePolicyTemplates[0].PolicyDocument} {
		if text := decoded(t, document); !json.Valid([]byte(text)) || !strings.Contains(text, "@{accountId}") {
			t.Errorf("document %s", text)
		}
	}
	for _, unknown := range []struct {
		arn   string
		minor *int32
	}{
		{powerUser + "9", nil}, {powerUser, aws.Int32(1)}, {powerUser, aws.Int32(-1)}, {"arn:aws:iam::aws:policy/PowerUserAccess", nil}, {"arn:aws-cn:iam::aws:role-template/iam.amazonaws.com/PowerUserRoleTemplate:1", nil},
	} {
		_, err := client.GetRoleTemplateVersion(ctx, &iam.GetRoleTemplateVersionInput{TemplateArn: &unknown.arn, MinorVersion: unknown.minor})
		wantError(t, err, "NoSuchEntity", "Role Template "+unknown.arn+" cannot be found.")
	}
}

const ownTemplates = `[
	{"TemplateArn": "` + ownARN + `", "MinorVersion": 1, "DefaultMinorVersion": 3, "RoleNamePattern": "old", "AssumeRolePolicyDocumentTemplate": {"Version": "2012-10-17", "Statement": []}, "VersionEnabled": false},
	{
		"TemplateArn": "` + ownARN + `", "MinorVersion": 3, "RoleNamePattern": "@{team}-app", "RolePathPattern": "/@{team}/", "RoleDescriptionPattern": "of @{team}",
		"AssumeRolePolicyDocumentTemplate": "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"@{trusted}\"},\"Action\":\"sts:AssumeRole\"}}",
		"InlinePolicyTemplates": [{"PolicyName": "p", "PolicyDocument": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": ["arn:aws:s3:::logs", "@{buckets}", "arn:aws:s3:::@{team}/*"]}]}}],
		"ManagedPolicyArns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"], "PermissionBoundaryArn": "arn:aws:iam::aws:policy/PowerUserAccess", "MaxSessionDuration": 7200,
		"RoleTagsTemplate": [{"Key": "team", "Value": "@{team}"}],
		"ParametersDefinition": [{"Name": "team", "Type": "String"}, {"Name": "trusted", "Type": "Arn"}, {"Name": "buckets", "Type": "ArnList"}]
	}
]`

// TestOwnTemplate makes a role of a template with everything that a template can have, of whoever runs the emulator.
func TestOwnTemplate(t *testing.T) {
	ctx := t.Context()
	templates := must(emulatoriam.ParseRoleTemplates([]byte(ownTemplates)))(t)
	e := emulatortest.Start(t, server.Config{RoleTemplates: templates, Quotas: []string{"iam.RolesPerAccount=1"}})
	client := iam.NewFromConfig(e.Config())
	must(client.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("ann")}))(t)
	values := []string{"team", "blue", "trusted", "arn:aws:iam::000000000000:user/ann", "buckets", "arn:aws:s3:::a arn:aws:s3:::b"}
	for range 2 {
		must(acquire(t, client, ownARN, values...))(t)
	}
	role := must(client.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("blue-app")}))(t).Role
	if *role.Path != "/blue/" || *role.Description != "of blue" || *role.MaxSessionDuration != 7200 || *role.PermissionsBoundary.PermissionsBoundaryArn != "arn:aws:iam::aws:policy/PowerUserAccess" ||
		len(role.Tags) != 1 || *role.Tags[0].Value != "blue" || *role.SourceRoleTemplate.TemplateMinorVersion != 3 || !strings.Contains(decoded(t, role.AssumeRolePolicyDocument), "user/ann") {
		t.Errorf("role %+v", role)
	}
	got := decoded(t, must(client.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: role.RoleName, PolicyName: aws.String("p")}))(t).PolicyDocument)
	if want := `"Resource":["arn:aws:s3:::logs","arn:aws:s3:::a","arn:aws:s3:::b","arn:aws:s3:::blue/*"]`; !strings.Contains(got, want) {
		t.Errorf("policy %s", got)
	}
	values[1] = "green"
	_, err := acquire(t, client, ownARN, values...)
	wantError(t, err, "LimitExceeded", "Cannot exceed quota for RolesPerAccount: 1")
	_, err = client.AcquireRole(ctx, &iam.AcquireRoleInput{TemplateArn: aws.String(ownARN), TemplateMinorVersion: aws.Int32(1)})
	wantError(t, err, "RoleTemplateDisabled", "Role template "+ownARN+" is disabled.")
	values[3] = strings.Repeat("x", 3000)
	_, err = acquire(t, client, ownARN, values...)
	wantError(t, err, "LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048")
}

// TestParseRoleTemplates: what is wrong with templates is told when they are read.
func TestParseRoleTemplates(t *testing.T) {
	form := func(members string) string {
		return `[{"TemplateArn":"` + ownARN + `","RoleNamePattern":"r","AssumeRolePolicyDocumentTemplate":{"Version":"2012-10-17","Statement":[]}` + members + `}]`
	}
	if _, err := emulatoriam.ParseRoleTemplates([]byte(form(""))); err != nil {
		t.Error(err)
	}
	for text, want := range map[string]string{
		`{}`:                                     "cannot unmarshal object",
		`[{}]`:                                   "is not of the form",
		`[{"TemplateArn":"` + powerUser + `x"}]`: "is not of the form",
		`[{"TemplateArn":"` + ownARN + `"}]`:     "has no RoleNamePattern",
		form(`,"Unknown":1`):                     `unknown field "Unknown"`,
		form(`,"DefaultMinorVersion":1`):         "has no version 1, which is its default",
		form(`,"RoleTagsTemplate":[{"Key":"k","Value":"@{x}"}]`):                    "does not define the parameter x",
		form(`,"ParametersDefinition":[{"Name":"x","Type":"Text"}]`):                `has the type "Text"`,
		form(`,"InlinePolicyTemplates":[{"PolicyName":"p"}]`):                       "has no name or no document",
		form(`,"InlinePolicyTemplates":[{"PolicyName":"p","PolicyDocument":"x"}]`):  "a document of",
		strings.TrimSuffix(form(""), "]") + "," + strings.TrimPrefix(form(""), "["): "stands twice",
	} {
		if _, err := emulatoriam.ParseRoleTemplates([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// TestAcquireRolePermissions takes each permission away that AcquireRole needs.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_role-manager_enable-use.html
func TestAcquireRolePermissions(t *testing.T) {
	ctx := t.Context()
	e := emulatortest.Start(t, server.Config{RoleTemplates: must(emulatoriam.ParseRoleTemplates([]byte(ownTemplates)))(t)})
	root := iam.NewFromConfig(e.Config())
	bob := aws.String("bob")
	must(root.CreateUser(ctx, &iam.CreateUserInput{UserName: bob}))(t)
	key := must(root.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: bob}))(t).AccessKey
	client := iam.NewFromConfig(e.ConfigWith(*key.AccessKeyId, *key.SecretAccessKey, "", emulatortest.Region))
	allow := func(statements ...string) {
		t.Helper()
		must(root.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: bob, PolicyName: aws.String("p"), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`)}))(t)
	}
	take := func() error {
		_, err := acquire(t, client, ownARN, "team", "blue", "trusted", "arn:aws:iam::000000000000:user/bob", "buckets", "arn:aws:s3:::a")
		return err
	}
	const app = "arn:aws:iam::000000000000:role/blue/blue-app"
	denied := func(action, resource string) string {
		return "User: arn:aws:iam::000000000000:user/bob is not authorized to perform: iam:" + action + " on resource: " + resource + " because no identity-based policy allows the iam:" + action + " action"
	}
	statement := func(action, resource, condition string) string {
		return `{"Effect":"Allow","Action":"iam:` + action + `","Resource":"` + resource + `","Condition":` + condition + `}`
	}
	ofTemplate := `"ArnEquals":{"iam:RoleTemplateARN":"` + ownARN + `"}`
	needed := []string{"GetRoleTemplateVersion", "CreateRole", "TagRole", "PutRolePermissionsBoundary", "PutRolePolicy", "AttachRolePolicy"}
	var have []string
	for _, action := range needed {
		allow(append(have, statement("ListRoles", "*", `{}`))...)
		resource, condition := app, `{`+ofTemplate+`}`
		switch action {
		case "GetRoleTemplateVersion": // which has not the key
			resource, condition = ownARN, `{"Null":{"iam:RoleTemplateARN":"true"}}`
		case "CreateRole", "TagRole":
			condition = `{` + ofTemplate + `,"StringEquals":{"aws:RequestTag/team":"blue","iam:PermissionsBoundary":"arn:aws:iam::aws:policy/PowerUserAccess"}}`
		case "AttachRolePolicy":
			condition = `{` + strings.TrimSuffix(ofTemplate, "}") + `,"iam:PolicyARN":"arn:aws:iam::aws:policy/ReadOnlyAccess"}}`
		}
		wantError(t, take(), "AccessDenied", denied(action, resource))
		have = append(have, statement(action, resource, condition))
	}
	allow(have...)
	if err := take(); err != nil {
		t.Fatal(err)
	}
	wantError(t, take(), "AccessDenied", denied("GetRole", app)) // who may make it may not take it
	allow(append(have, statement("GetRole", app, `{`+ofTemplate+`}`))...)
	if err := take(); err != nil {
		t.Error(err)
	}
	_, err := client.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("blue-app")})
	wantError(t, err, "AccessDenied", denied("GetRole", app)) // which is not of a template
	_, err = client.GetRoleTemplateVersion(ctx, &iam.GetRoleTemplateVersionInput{TemplateArn: aws.String(powerUser)})
	wantError(t, err, "AccessDenied", denied("GetRoleTemplateVersion", powerUser))
}

// No values make another policy of a template than one whose statements have its actions, or an error.
func FuzzAcquireRole(f *testing.F) {
	f.Add("lambda.amazonaws.com")
	f.Add(`","Action":"*`)
	f.Add("@{RoleName}")
	f.Add("\\")
	calls := rootOperations(f)
	f.Fuzz(func(t *testing.T, service string) {
		out, err := calls["AcquireRole"](&iam.AcquireRoleInput{TemplateArn: aws.String(powerUser), ReplacementValues: map[string]types.ReplacementValueEntry{"AWSServiceName": {Values: []string{service}}}})
		if err != nil {
			return
		}
		var trust struct{ Statement []struct{ Action string } }
		if err := json.Unmarshal([]byte(decoded(t, out.(*iam.AcquireRoleOutput).Role.AssumeRolePolicyDocument)), &trust); err != nil || len(trust.Statement) != 1 || trust.Statement[0].Action != "sts:AssumeRole" {
			t.Errorf("%q made %+v, %v", service, trust, err)
		}
	})
}
