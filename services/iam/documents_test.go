package iam_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"emulator/emulatortest"
)

// The rules of documents hold in every operation that takes one.
func TestDocuments(t *testing.T) {
	ctx, client := t.Context(), startIAM(t)
	const legacy = "The policy failed legacy parsing"
	must(client.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("ann")}))(t)
	must(client.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: aws.String("staff")}))(t)
	must(client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("app"), AssumeRolePolicyDocument: aws.String(anyTrust)}))(t)
	arn := makePolicy(t, client, "Managed")
	name := aws.String("p")
	takers := map[string]func(text *string) error{
		"PutUserPolicy": func(text *string) error {
			_, err := client.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: aws.String("ann"), PolicyName: name, PolicyDocument: text})
			return err
		},
		"PutGroupPolicy": func(text *string) error {
			_, err := client.PutGroupPolicy(ctx, &iam.PutGroupPolicyInput{GroupName: aws.String("staff"), PolicyName: name, PolicyDocument: text})
			return err
		},
		"PutRolePolicy": func(text *string) error {
			_, err := client.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("app"), PolicyName: name, PolicyDocument: text})
			return err
		},
		"CreatePolicy": func(text *string) error {
			_, err := client.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: name, PolicyDocument: text})
			return err
		},
		"CreatePolicyVersion": func(text *string) error {
			_, err := client.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: &arn, PolicyDocument: text})
			return err
		},
	}
	const allow = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"%s"%s}]}`
	wrong := map[string]string{ // and AWS's answer
		"\n" + fmt.Sprintf(allow, "*", ""): legacy,
		`{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"},"Version":"2012-10-17"}`: legacy,
		strings.Replace(fmt.Sprintf(allow, "*", ""), "Allow", "allow", 1):                        legacy,
		fmt.Sprintf(allow, "arn:aws-cn:s3:::bucket/*", ""):                                       `Partition "aws-cn" is not valid for resource "arn:aws-cn:s3:::bucket/*".`,
		fmt.Sprintf(allow, "*", `,"Condition":{"DateLessThan":{"a":"soon"}}`):                    legacy,
	}
	right := fmt.Sprintf(allow, "arn:aws:s3:::bucket/*", `,"Condition":{"StringEquals":{"a":"b"},"DateLessThan":{"aws:CurrentTime":"01T"}}`)
	for operation, take := range takers {
		for text, message := range wrong {
			t.Run(operation+message, func(t *testing.T) { wantError(t, take(&text), "MalformedPolicyDocument", message) })
		}
		if err := take(&right); err != nil {
			t.Errorf("%s: %v", operation, err)
		}
	}
	for text, message := range wrong {
		_, err := client.SimulateCustomPolicy(ctx, &iam.SimulateCustomPolicyInput{PolicyInputList: []string{text}, ActionNames: []string{"s3:GetObject"}})
		wantError(t, err, "InvalidInput", "PolicyInputList.1: "+message)
		_, err = client.SimulatePrincipalPolicy(ctx, &iam.SimulatePrincipalPolicyInput{
			PolicySourceArn: aws.String("arn:aws:iam::000000000000:user/ann"), PolicyInputList: []string{text}, ActionNames: []string{"s3:GetObject"},
		})
		wantError(t, err, "InvalidInput", "PolicyInputList.1: "+message)
		_, err = client.GetContextKeysForCustomPolicy(ctx, &iam.GetContextKeysForCustomPolicyInput{PolicyInputList: []string{text}})
		wantError(t, err, "InvalidInput", "PolicyInputList.1: "+message)
	}
}

// A document's partition is its account's.
func TestPartitions(t *testing.T) {
	e := emulatortest.Start(t)
	for region, partition := range map[string]string{"us-east-1": "aws", "cn-north-1": "aws-cn", "us-gov-west-1": "aws-us-gov"} {
		client := iam.NewFromConfig(e.ConfigWith("111111111111", "test", "", region))
		for _, p := range []string{"aws", "aws-cn", "aws-us-gov"} {
			text := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:` + p + `:s3:::b"}]}`
			_, err := client.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: aws.String(p), PolicyDocument: &text})
			if p == partition && err != nil {
				t.Errorf("in %s: %v", region, err)
			} else if p != partition {
				wantError(t, err, "MalformedPolicyDocument", `Partition "`+p+`" is not valid for resource "arn:`+p+`:s3:::b".`)
			}
		}
		role := must(client.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String(partition), AssumeRolePolicyDocument: aws.String(trustOf(`{"AWS":"222222222222"}`))}))(t).Role
		if shown := must(url.QueryUnescape(*role.AssumeRolePolicyDocument))(t); shown != trustOf(`{"AWS":"arn:`+partition+`:iam::222222222222:root"}`) {
			t.Errorf("in %s the account is shown in %s", region, shown)
		}
	}
}

func trustOf(principal string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":` + principal + `,"Action":"sts:AssumeRole"}]}`
}

func TestTrustedPrincipals(t *testing.T) {
	ctx, client := t.Context(), startIAM(t)
	ann := must(client.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("ann")}))(t).User
	gone := must(client.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("gone")}))(t).User
	trustsGone := trustOf(`{"AWS":"` + *gone.Arn + `"}`)
	must(client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("old"), AssumeRolePolicyDocument: &trustsGone}))(t)
	must(client.DeleteUser(ctx, &iam.DeleteUserInput{UserName: gone.UserName}))(t)

	const provider = "Federated principals must be valid domain names or SAML metadata ARNs"
	for _, tt := range []struct{ principal, shown, message string }{
		// The number of an account: hashicorp/terraform-provider-aws issue 720
		{`{"AWS":"111111111111"}`, `{"AWS":"arn:aws:iam::111111111111:root"}`, ""},
		{`{"AWS":["arn:aws:iam::000000000000:user/ann", "000000000000"]}`, `{"AWS":["arn:aws:iam::000000000000:user/ann", "arn:aws:iam::000000000000:root"]}`, ""},
		{`{"AWS":"*"}`, `{"AWS":"*"}`, ""},
		// A unique ID, which is good as long as it is somebody's
		{`{"AWS":"` + *ann.UserId + `"}`, `{"AWS":"arn:aws:iam::000000000000:user/ann"}`, ""},
		{`{"AWS":"` + *gone.UserId + `"}`, "", `Invalid principal in policy: "AWS":"` + *gone.UserId + `"`},
		{`{"AWS":"AROAAAAAAAAAAAAAAAAAA"}`, "", `Invalid principal in policy: "AWS":"AROAAAAAAAAAAAAAAAAAA"`},
		{`{"AWS":"arn:aws-cn:iam::111111111111:root"}`, "", `Invalid principal in policy: "AWS":"arn:aws-cn:iam::111111111111:root"`},
		// aws-samples/aws-cdk-examples issue 801
		{`{"Service":"amazonaws.com"}`, "", `Invalid principal in policy: "SERVICE":"amazonaws.com"`},
		// hashicorp/terraform issue 35086
		{`{"Service":["lambda.amazonaws.com","tagging.amazonaws.com"]}`, "", `Invalid principal in policy: "SERVICE":"tagging.amazonaws.com"`},
		{`{"Service":["pods.eks.amazonaws.com","logs.us-east-1.amazonaws.com"]}`, `{"Service":["pods.eks.amazonaws.com","logs.us-east-1.amazonaws.com"]}`, ""},
		// aws/aws-cdk pull request 5746
		{`"*"`, "", `AssumeRolepolicy contained an invalid principal: "STAR":"*".`},
		// terraform-aws-modules/terraform-aws-iam issue 202
		{`{"Federated":"https://accounts.google.com"}`, "", provider},
		{`{"Federated":"arn:aws:iam//000000000000:oidc-provider/accounts.google.com"}`, "", provider},
		{`{"Federated":"accounts.google.com"}`, `{"Federated":"accounts.google.com"}`, ""},
		{`{"Federated":"arn:aws:iam::000000000000:saml-provider/corporate"}`, `{"Federated":"arn:aws:iam::000000000000:saml-provider/corporate"}`, ""},
	} {
		t.Run(tt.principal, func(t *testing.T) {
			_, err := client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("app"), AssumeRolePolicyDocument: aws.String(trustOf(tt.principal))})
			_, updating := client.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String("old"), PolicyDocument: aws.String(trustOf(tt.principal))})
			if tt.message != "" {
				wantError(t, err, "MalformedPolicyDocument", tt.message)
				wantError(t, updating, "MalformedPolicyDocument", tt.message)
				return
			}
			if err != nil || updating != nil {
				t.Fatal(err, updating)
			}
			role := must(client.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("app")}))(t).Role
			if shown := must(url.QueryUnescape(*role.AssumeRolePolicyDocument))(t); shown != trustOf(tt.shown) {
				t.Errorf("shown as %s", shown)
			}
			must(client.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: aws.String("app")}))(t)
		})
	}

	// tilfin/aws-iam-policy-tool pull request 9
	_, err := client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("app"), Path: aws.String("/aws-service-role/ecs.amazonaws.com/"), AssumeRolePolicyDocument: aws.String(anyTrust)})
	wantError(t, err, "InvalidInput", "Path prefix '/aws-service-role/' can only be used for AWS Service linked Roles")
	_, err = client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("app"), AssumeRolePolicyDocument: aws.String(" " + anyTrust)})
	wantError(t, err, "MalformedPolicyDocument", "JSON strings must not have leading spaces")
}

// What a policy trusted before its user was deleted is shown by the unique ID, and can't be written back like that.
func TestDeletedPrincipal(t *testing.T) {
	ctx, client := t.Context(), startIAM(t)
	gone := must(client.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("gone")}))(t).User
	must(client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("app"), AssumeRolePolicyDocument: aws.String(trustOf(`{"AWS":"` + *gone.Arn + `"}`))}))(t)
	must(client.DeleteUser(ctx, &iam.DeleteUserInput{UserName: gone.UserName}))(t)
	role := must(client.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("app")}))(t).Role
	shown := must(url.QueryUnescape(*role.AssumeRolePolicyDocument))(t)
	if shown != trustOf(`{"AWS":"`+*gone.UserId+`"}`) {
		t.Errorf("shown as %s", shown)
	}
	_, err := client.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String("app"), PolicyDocument: &shown})
	wantError(t, err, "MalformedPolicyDocument", `Invalid principal in policy: "AWS":"`+*gone.UserId+`"`)
}
