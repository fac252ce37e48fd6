package organizations_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// The examples of AWS's pages, as far as there is something here that they are about, with a call that they refuse and one that they don't.
//
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_examples.html
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps_examples.html
func TestExamplesOfPolicies(t *testing.T) {
	o := newTree(t)
	account := o.account(o.root, "team")
	o.enable(scp, rcp)
	root := o.e.ConfigWith(account, "test", "", "us-east-1")
	people := iam.NewFromConfig(root)
	admin := aws.String("arn:aws:iam::aws:policy/AdministratorAccess")
	_, err := people.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("ann")})
	check(t, err)
	_, err = people.AttachUserPolicy(t.Context(), &iam.AttachUserPolicyInput{UserName: aws.String("ann"), PolicyArn: admin})
	check(t, err)
	key, err := people.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("ann")})
	check(t, err)
	ann := o.e.ConfigWith(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "", "us-east-1")
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + account + `"},"Action":"sts:AssumeRole"}]}`
	for _, name := range []string{"role-to-deny", "AdminRole"} {
		_, err = people.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust})
		check(t, err)
		_, err = people.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: &name, PolicyArn: admin})
		check(t, err)
	}
	assumed, err := sts.NewFromConfig(ann).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::" + account + ":role/AdminRole"), RoleSessionName: aws.String("session")})
	check(t, err)
	c := assumed.Credentials
	adminRole := o.e.ConfigWith(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken, "us-east-1")
	provider, err := people.CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://token.actions.githubusercontent.com"), ClientIDList: []string{"sts.amazonaws.com"}})
	check(t, err)
	trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"` + *provider.OpenIDConnectProviderArn + `"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringLike":{"token.actions.githubusercontent.com:sub":"repo:*"}}}]}`
	_, err = people.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("ci"), AssumeRolePolicyDocument: &trust})
	check(t, err)

	keysIn := func(config aws.Config, region string) func() error {
		config.Region = region
		return func() error { _, err := kms.NewFromConfig(config).ListKeys(t.Context(), nil); return err }
	}
	updateRole := func(config aws.Config) func() error {
		return func() error {
			_, err := iam.NewFromConfig(config).UpdateRole(t.Context(), &iam.UpdateRoleInput{RoleName: aws.String("role-to-deny"), Description: aws.String("d")})
			return err
		}
	}
	listRoles := func(config aws.Config) func() error {
		return func() error {
			_, err := iam.NewFromConfig(config).ListRoles(t.Context(), nil)
			return err
		}
	}
	federate := func(repository string) func() error {
		return func() error {
			resp, err := http.Post(o.e.URL+"/_emulator/oidc/github/token", "application/json", strings.NewReader(`{"claims":{"repository":"`+repository+`"}}`))
			check(t, err)
			defer resp.Body.Close()
			var answer struct{ Token string }
			check(t, json.NewDecoder(resp.Body).Decode(&answer))
			_, err = sts.NewFromConfig(root).AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
				RoleArn: aws.String("arn:aws:iam::" + account + ":role/ci"), RoleSessionName: aws.String("session"), WebIdentityToken: &answer.Token,
			})
			return err
		}
	}
	policyOf := func(statement string) string { return `{"Version":"2012-10-17","Statement":[` + statement + `]}` }
	for _, c := range []struct {
		name         string
		policyType   types.PolicyType
		policy       string
		denies, lets func() error
	}{
		{name: "scps_examples_general: deny access based on the requested Region", policyType: scp, policy: policyOf(`{"Sid":"DenyAllOutsideEU","Effect":"Deny","NotAction":["iam:*","organizations:*","sts:*"],"Resource":"*",
			"Condition":{"StringNotEquals":{"aws:RequestedRegion":["eu-central-1","eu-west-1"]},"ArnNotLike":{"aws:PrincipalARN":["arn:aws:iam::*:role/Role1AllowedToBypassThisSCP"]}}}`),
			denies: keysIn(root, "us-east-1"), lets: keysIn(root, "eu-west-1")},
		{name: "scps_examples_general: prevent changes of a role", policyType: scp, policy: policyOf(`{"Sid":"DenyAccessToASpecificRole","Effect":"Deny","Action":["iam:AttachRolePolicy","iam:DeleteRole","iam:UpdateRole"],"Resource":["arn:aws:iam::*:role/role-to-deny"]}`),
			denies: updateRole(adminRole), lets: listRoles(adminRole)},
		{name: "scps_examples_general: prevent changes, with an exception for an admin role", policyType: scp, policy: policyOf(`{"Sid":"DenyAccessWithException","Effect":"Deny","Action":["iam:UpdateRole"],"Resource":["arn:aws:iam::*:role/role-to-deny"],
			"Condition":{"ArnNotLike":{"aws:PrincipalARN":"arn:aws:iam::*:role/AdminRole"}}}`), denies: updateRole(ann), lets: updateRole(adminRole)},
		{name: "scps_examples_general: require MFA", policyType: scp, policy: policyOf(`{"Sid":"DenyStopAndTerminateWhenMFAIsNotPresent","Effect":"Deny","Action":["kms:ListKeys"],"Resource":"*","Condition":{"BoolIfExists":{"aws:MultiFactorAuthPresent":false}}}`),
			denies: keysIn(adminRole, "us-east-1"), lets: listRoles(adminRole)},
		{name: "scps_examples_general: block the root user", policyType: scp, policy: policyOf(`{"Sid":"RestrictEC2ForRoot","Effect":"Deny","Action":["kms:*"],"Resource":["*"],"Condition":{"StringLike":{"aws:PrincipalArn":["arn:aws:iam::*:root"]}}}`),
			denies: keysIn(root, "us-east-1"), lets: keysIn(ann, "us-east-1")},
		{name: "rcps_examples: enforce OIDC providers' organizations", policyType: rcp, policy: policyOf(`{"Sid":"EnforceTrustedOIDCTenants","Effect":"Deny","Principal":"*","Action":"sts:AssumeRoleWithWebIdentity","Resource":"*",
			"Condition":{"StringNotLikeIfExists":{"token.actions.githubusercontent.com:sub":"repo:mine/*"},"Null":{"token.actions.githubusercontent.com:sub":"false"}}}`),
			denies: federate("theirs/app"), lets: federate("mine/app")},
		{name: "rcps_examples: enforce TLS", policyType: rcp, policy: policyOf(`{"Sid":"EnforceSecureTransport","Effect":"Deny","Principal":"*","Action":["sts:*","kms:*"],"Resource":"*","Condition":{"BoolIfExists":{"aws:SecureTransport":"false"}}}`),
			denies: keysIn(ann, "us-east-1"), lets: listRoles(ann)},
	} {
		t.Run(c.name, func(t *testing.T) {
			check(t, c.denies())
			id := o.policy(c.policyType, c.name, c.policy)
			check(t, o.attach(id, o.root))
			if err := c.denies(); !denied(err) {
				t.Errorf("not denied: %v", err)
			}
			check(t, c.lets())
			check(t, o.detach(id, o.root))
		})
	}
}
