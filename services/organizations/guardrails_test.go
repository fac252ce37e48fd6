package organizations_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

const outside = "222222222222" // of no organization

// scpOf is a service control policy of one statement.
func scpOf(effect string, actions ...string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"` + effect + `","Action":["` + strings.Join(actions, `","`) + `"],"Resource":"*"}]}`
}

// rcpOf is a resource control policy of one statement.
func rcpOf(condition string, actions ...string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":["` + strings.Join(actions, `","`) + `"],"Resource":"*","Condition":` + condition + `}]}`
}

// replace attaches policies in the place of all that a target has, which can be detached.
func (o *tree) replace(target string, policies ...string) {
	o.t.Helper()
	before := o.on(target, scp)
	for _, id := range policies {
		if !slices.Contains(before, id) {
			check(o.t, o.attach(id, target))
		}
	}
	for _, id := range before {
		if !slices.Contains(policies, id) {
			check(o.t, o.detach(id, target))
		}
	}
}

// calls are some of an account's root user, by their actions.
func (o *tree) calls(account string) map[string]func() error {
	config := o.e.ConfigWith(account, "test", "", "us-east-1")
	people, keys := iam.NewFromConfig(config), kms.NewFromConfig(config)
	return map[string]func() error{
		"iam:ListUsers":   func() error { _, err := people.ListUsers(o.t.Context(), nil); return err },
		"iam:ListRoles":   func() error { _, err := people.ListRoles(o.t.Context(), nil); return err },
		"kms:ListKeys":    func() error { _, err := keys.ListKeys(o.t.Context(), nil); return err },
		"kms:ListAliases": func() error { _, err := keys.ListAliases(o.t.Context(), nil); return err },
	}
}

// allowed returns the services of which an account's root user may call something: "iam kms".
func (o *tree) allowed(account string) string {
	o.t.Helper()
	var services []string
	calls := o.calls(account)
	for _, action := range []string{"iam:ListUsers", "kms:ListKeys"} {
		switch err := calls[action](); {
		case err == nil:
			services = append(services, action[:3])
		case !denied(err):
			o.t.Fatal(err)
		}
	}
	return strings.Join(services, " ")
}

func denied(err error) bool {
	e, ok := errors.AsType[smithy.APIError](err)
	return ok && strings.HasPrefix(e.ErrorCode(), "AccessDenied")
}

// The worked examples, with IAM and KMS for the services that they speak of.
func TestSCPEvaluation(t *testing.T) {
	const evaluation, inheritance, strategies = "orgs_manage_policies_scps_evaluation.html", "orgs_manage_policies_inheritance_auth.html", "orgs_manage_policies_scps_strategies.html"
	o := newTree(t)
	production := o.unit(o.root, "Production")
	a, b, elsewhere := o.account(production, "A"), o.account(production, "B"), o.account(o.root, "C")
	o.enable(scp)
	policies := map[string]string{"full": full}
	for name, content := range map[string]string{
		"allow iam": scpOf("Allow", "iam:*"), "allow kms": scpOf("Allow", "kms:*"), "allow both": scpOf("Allow", "iam:*", "kms:*"), "deny kms": scpOf("Deny", "kms:*"),
		"allow all but kms": `{"Version":"2012-10-17","Statement":[{"Sid":"AllowsAllActions","Effect":"Allow","Action":"*","Resource":"*"},{"Sid":"DenyKMS","Effect":"Deny","Action":"kms:*","Resource":"*"}]}`,
	} {
		policies[name] = o.policy(scp, name, content)
	}
	for _, c := range []struct {
		name                             string
		root, production, a, b           string // policies, with commas
		allowedA, allowedB, allowedOther string
	}{
		{evaluation + " how_scps_allow figure 1: Allow at root, Production OU and Account B", "full", "full", "full", "full", "iam kms", "iam kms", "iam kms"},
		{evaluation + " how_scps_allow figure 2: no Allow at Production OU", "full", "allow iam", "full", "full", "iam", "iam", "iam kms"},
		{evaluation + " how_scps_allow: no Allow at Account B", "full", "full", "full", "allow iam", "iam kms", "iam", "iam kms"},
		{evaluation + " how_scps_allow: no Allow at root", "allow iam", "full", "full", "full", "iam", "iam", "iam"},
		{evaluation + " how_scps_deny figure 3: Deny at Production OU", "full", "full,deny kms", "full", "full", "iam", "iam", "iam kms"},
		{evaluation + " how_scps_deny: Deny at Production OU, Allow below", "full", "full,deny kms", "full,allow kms", "full", "iam", "iam", "iam kms"},
		{evaluation + " strategy_using_scps: Deny at root", "full,deny kms", "full", "full", "full", "iam", "iam", "iam"},
		{evaluation + " strategy_using_scps: Deny at Account A", "full", "full", "full,deny kms", "full", "iam", "iam kms", "iam kms"},
		{inheritance + ": permissions allowed above and below are those of both", "allow both", "allow kms", "full", "allow iam", "kms", "", "iam kms"},
		{inheritance + ": what is blocked above can't be added below", "allow iam", "allow both", "allow kms", "allow both", "", "iam", "iam"},
		{strategies + " denylist: one policy that allows all and denies one", "full", "allow all but kms", "full", "full", "iam", "iam", "iam kms"},
		{strategies + " denylist: FullAWSAccess and a second that denies", "full", "full,deny kms", "full", "full", "iam", "iam", "iam kms"},
		{strategies + " denylist: a Deny overrides an Allow beside it", "full", "allow both,deny kms", "full", "full", "iam", "iam", "iam kms"},
		{strategies + " allowlist: every level must allow", "allow both", "allow both", "allow kms", "allow both", "kms", "iam kms", "iam kms"},
		{strategies + " allowlist: policies of one level are combined", "full", "allow iam,allow kms", "full", "full", "iam kms", "iam kms", "iam kms"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for target, names := range map[string]string{o.root: c.root, production: c.production, a: c.a, b: c.b} {
				var ids []string
				for name := range strings.SplitSeq(names, ",") {
					ids = append(ids, policies[name])
				}
				o.replace(target, ids...)
			}
			for account, want := range map[string]string{a: c.allowedA, b: c.allowedB, elsewhere: c.allowedOther, "000000000000": "iam kms", outside: "iam kms"} {
				if got := o.allowed(account); got != want {
					t.Errorf("in %s: %q, want %q", account, got, want)
				}
			}
		})
	}
}

// Whom service control policies limit.
//
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html#scp-effects-on-permissions
func TestWhomSCPsLimit(t *testing.T) {
	o := newTree(t)
	account := o.account(o.root, "team")
	inside := o.e.ConfigWith(account, "test", "", "us-east-1")
	people := iam.NewFromConfig(inside)
	admin := aws.String("arn:aws:iam::aws:policy/AdministratorAccess")
	_, err := people.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("ann")})
	check(t, err)
	_, err = people.AttachUserPolicy(t.Context(), &iam.AttachUserPolicyInput{UserName: aws.String("ann"), PolicyArn: admin})
	check(t, err)
	key, err := people.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("ann")})
	check(t, err)
	ann := o.e.ConfigWith(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "", "us-east-1")
	manager := iam.NewFromConfig(o.e.Config())
	_, err = manager.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("eve")})
	check(t, err)
	_, err = manager.AttachUserPolicy(t.Context(), &iam.AttachUserPolicyInput{UserName: aws.String("eve"), PolicyArn: admin})
	check(t, err)
	managerKey, err := manager.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("eve")})
	check(t, err)
	eve := o.e.ConfigWith(*managerKey.AccessKey.AccessKeyId, *managerKey.AccessKey.SecretAccessKey, "", "us-east-1")
	assumed, err := sts.NewFromConfig(eve).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::" + account + ":role/OrganizationAccountAccessRole"), RoleSessionName: aws.String("session")})
	check(t, err)
	c := assumed.Credentials
	session := o.e.ConfigWith(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken, "us-east-1")
	federated, err := sts.NewFromConfig(ann).GetFederationToken(t.Context(), &sts.GetFederationTokenInput{Name: aws.String("federated"), Policy: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)})
	check(t, err)
	f := federated.Credentials
	// The user, the role and the federated user have sessions under way when the policy comes.
	o.enable(scp)
	check(t, o.attach(o.policy(scp, "deny", scpOf("Deny", "kms:ListKeys")), o.root))
	for name, c := range map[string]struct {
		config aws.Config
		denied bool
	}{
		"a member's root user":            {inside, true},
		"a member's user":                 {ann, true},
		"a session of a member's role":    {session, true},
		"a federated user of a member":    {o.e.ConfigWith(*f.AccessKeyId, *f.SecretAccessKey, *f.SessionToken, "us-east-1"), true},
		"the management account's root":   {o.e.Config(), false},
		"the management account's user":   {eve, false},
		"an account in no organization":   {o.e.ConfigWith(outside, "test", "", "us-east-1"), false},
		"what the policy says nothing of": {o.e.ConfigWith(account, "test", "", "us-east-1"), true},
	} {
		_, err := kms.NewFromConfig(c.config).ListKeys(t.Context(), nil)
		if denied(err) != c.denied {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := kms.NewFromConfig(inside).ListAliases(t.Context(), nil); err != nil {
		t.Errorf("what the policy says nothing of: %v", err)
	}
}

// explain returns the only decision of the request that failed.
func (o *tree) explain(err error) (decision struct {
	Source, Policy string
	Policies       []struct {
		Type  string
		Level int
		Name  string
	}
}) {
	o.t.Helper()
	e, ok := errors.AsType[*awshttp.ResponseError](err)
	if !ok {
		o.t.Fatalf("got %v", err)
	}
	resp, err := http.Get(o.e.URL + "/_emulator/decisions/" + e.ServiceRequestID())
	check(o.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	check(o.t, err)
	var all struct{ Decisions []json.RawMessage }
	check(o.t, json.Unmarshal(text, &all))
	if len(all.Decisions) == 0 {
		o.t.Fatalf("no decision in %s", text)
	}
	check(o.t, json.Unmarshal(all.Decisions[len(all.Decisions)-1], &decision))
	return decision
}

// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
func TestDenialsByGuardrails(t *testing.T) {
	o := newTree(t)
	unit := o.unit(o.root, "u")
	account := o.account(unit, "team")
	other := o.account(o.root, "other")
	keys := kms.NewFromConfig(o.e.ConfigWith(account, "test", "", "us-east-1"))
	open := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}]}`
	made, err := keys.CreateKey(t.Context(), &kms.CreateKeyInput{Policy: &open, BypassPolicyLockoutSafetyCheck: true})
	check(t, err)
	o.enable(scp, rcp)
	root := "User: arn:aws:iam::" + account + ":root is not authorized to perform: kms:ListKeys on resource: * "

	deny := o.policy(scp, "deny", scpOf("Deny", "kms:ListKeys"))
	check(t, o.attach(deny, unit))
	_, err = keys.ListKeys(t.Context(), nil)
	arn := "arn:aws:organizations::000000000000:policy/" + o.id + "/service_control_policy/" + deny
	if err == nil || !strings.HasSuffix(err.Error(), root+"with an explicit deny in a service control policy: "+arn) {
		t.Errorf("got %v", err)
	}
	d := o.explain(err)
	if d.Source != "service control policy" || d.Policy != arn {
		t.Errorf("explained as %+v", d)
	}
	var levels []string
	for _, p := range d.Policies {
		if p.Type == "service control policy" {
			levels = append(levels, fmt.Sprint(p.Level, " ", path.Base(p.Name)))
		}
	}
	slices.Sort(levels)
	want := []string{"1 " + full, "2 " + full, "2 " + deny, "3 " + full}
	if slices.Sort(want); !slices.Equal(levels, want) {
		t.Errorf("levels %q, want %q", levels, want)
	}

	check(t, o.detach(deny, unit))
	allow := o.policy(scp, "allow", scpOf("Allow", "iam:*"))
	check(t, o.attach(allow, unit))
	check(t, o.detach(full, unit))
	_, err = keys.ListKeys(t.Context(), nil)
	if err == nil || !strings.HasSuffix(err.Error(), root+"because no service control policy allows the kms:ListKeys action") {
		t.Errorf("got %v", err)
	}
	check(t, o.attach(full, unit))

	denyUse := o.policy(rcp, "deny", rcpOf("{}", "kms:DescribeKey"))
	check(t, o.attach(denyUse, account))
	arn = "arn:aws:organizations::000000000000:policy/" + o.id + "/resource_control_policy/" + denyUse
	// The account's own root user, another one of the organization, and one from outside, which is told less.
	reason := " on resource: " + *made.KeyMetadata.Arn + " with an explicit deny in a resource control policy: " + arn
	for caller, end := range map[string]string{
		account: reason, other: reason,
		outside: " on this resource because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access",
	} {
		_, err = kms.NewFromConfig(o.e.ConfigWith(caller, "test", "", "us-east-1")).DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: made.KeyMetadata.Arn})
		if want := "User: arn:aws:iam::" + caller + ":root is not authorized to perform: kms:DescribeKey" + end; err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("got %v", err)
		}
	}
}

// What resource control policies protect, and from whom.
//
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html
func TestRCPEvaluation(t *testing.T) {
	o := newTree(t)
	production := o.unit(o.root, "Production")
	a, other := o.account(production, "A"), o.account(o.root, "other")
	o.enable(scp, rcp)
	open := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}]}`
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["` + a + `","` + other + `","` + outside + `"]},"Action":"sts:AssumeRole"}]}`
	keyOf := make(map[string]string)
	for _, account := range []string{a, other, "000000000000"} {
		config := o.e.ConfigWith(account, "test", "", "us-east-1")
		made, err := kms.NewFromConfig(config).CreateKey(t.Context(), &kms.CreateKeyInput{Policy: &open, BypassPolicyLockoutSafetyCheck: true})
		check(t, err)
		keyOf[account] = *made.KeyMetadata.Arn
		_, err = iam.NewFromConfig(config).CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("open"), AssumeRolePolicyDocument: &trust})
		check(t, err)
	}
	callers := make(map[string]aws.Config) // users, since no root user assumes roles
	for _, account := range []string{a, other, outside} {
		people := iam.NewFromConfig(o.e.ConfigWith(account, "test", "", "us-east-1"))
		_, err := people.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("u")})
		check(t, err)
		_, err = people.AttachUserPolicy(t.Context(), &iam.AttachUserPolicyInput{UserName: aws.String("u"), PolicyArn: aws.String("arn:aws:iam::aws:policy/AdministratorAccess")})
		check(t, err)
		key, err := people.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("u")})
		check(t, err)
		callers[account] = o.e.ConfigWith(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "", "us-east-1")
	}
	describe := func(caller, owner string) func() error {
		return func() error {
			_, err := kms.NewFromConfig(callers[caller]).DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String(keyOf[owner])})
			return err
		}
	}
	assume := func(caller, owner string) func() error {
		return func() error {
			_, err := sts.NewFromConfig(callers[caller]).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::" + owner + ":role/open"), RoleSessionName: aws.String("session")})
			return err
		}
	}
	inside := iam.NewFromConfig(callers[a])
	listRoles := func() error { _, err := inside.ListRoles(t.Context(), nil); return err }
	retire := func() error {
		admin := kms.NewFromConfig(o.e.ConfigWith(a, "test", "", "us-east-1"))
		grant, err := admin.CreateGrant(t.Context(), &kms.CreateGrantInput{
			KeyId: aws.String(keyOf[a]), GranteePrincipal: aws.String("arn:aws:iam::" + a + ":user/u"), RetiringPrincipal: aws.String("arn:aws:iam::" + a + ":user/u"), Operations: []kmstypes.GrantOperation{"Decrypt"},
		})
		check(t, err)
		_, err = kms.NewFromConfig(callers[a]).RetireGrant(t.Context(), &kms.RetireGrantInput{KeyId: aws.String(keyOf[a]), GrantId: grant.GrantId})
		return err
	}
	awsManaged := func() error {
		_, err := kms.NewFromConfig(callers[a]).DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String("alias/aws/s3")})
		return err
	}
	everything := rcpOf("{}", "kms:DescribeKey", "kms:RetireGrant", "sts:AssumeRole")
	const page, evaluation, kmsPage = "orgs_manage_policies_rcps.html", "orgs_manage_policies_rcps_evaluation.html", "kms resource-control-policies.html"
	perimeter := rcpOf(`{"StringNotEqualsIfExists":{"aws:PrincipalOrgID":"`+o.id+`"},"BoolIfExists":{"aws:PrincipalIsAWSService":"false"}}`, "kms:*", "sts:AssumeRole")
	for _, c := range []struct {
		name, policy, target string
		call                 func() error
		denied               bool
	}{
		{evaluation + " figure 1: Deny at Production OU", everything, production, describe(a, a), true},
		{evaluation + " figure 1: Deny at Production OU, a caller of the organization", everything, production, describe(other, a), true},
		{evaluation + ": a resource elsewhere", everything, production, describe(a, other), false},
		{evaluation + ": Deny at root", everything, o.root, describe(a, other), true},
		{evaluation + ": Deny at the account", everything, a, describe(a, a), true},
		{page + ": principals from outside of the organization", everything, a, describe(outside, a), true},
		{page + ": STS", everything, a, assume(outside, a), true},
		{page + ": resources in the management account", everything, o.root, describe(a, "000000000000"), false},
		{page + ": services that don't support them", rcpOf("{}", "iam:*"), a, listRoles, false},
		{kmsPage + ": RetireGrant has no effect", rcpOf("{}", "kms:RetireGrant"), a, retire, false},
		{kmsPage + ": AWS managed keys", everything, a, awsManaged, false},
		{kmsPage + " example: external principals", perimeter, o.root, describe(outside, a), true},
		{kmsPage + " example: principals of the organization", perimeter, o.root, describe(other, a), false},
		{"orgs_manage_policies_rcps_examples.html: external principals assume no role", perimeter, o.root, assume(outside, a), true},
		{"orgs_manage_policies_rcps_examples.html: principals of the organization assume roles", perimeter, o.root, assume(other, a), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.call(); err != nil {
				t.Fatalf("before: %v", err)
			}
			id := o.policy(rcp, c.name, c.policy)
			check(t, o.attach(id, c.target))
			if err := c.call(); denied(err) != c.denied || !c.denied && err != nil {
				t.Errorf("got %v", err)
			}
			check(t, o.detach(id, c.target))
			if err := c.call(); err != nil {
				t.Errorf("after: %v", err)
			}
		})
	}
}

// A move changes the policies and the condition keys of sessions under way, at once.
func TestMovesTakeEffectAtOnce(t *testing.T) {
	o := newTree(t)
	open, closed := o.unit(o.root, "open"), o.unit(o.root, "closed")
	account := o.account(open, "team")
	o.enable(scp, rcp)
	check(t, o.attach(o.policy(scp, "deny", scpOf("Deny", "iam:ListUsers")), closed))
	manager := iam.NewFromConfig(o.e.Config())
	_, err := manager.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("eve")})
	check(t, err)
	_, err = manager.AttachUserPolicy(t.Context(), &iam.AttachUserPolicyInput{UserName: aws.String("eve"), PolicyArn: aws.String("arn:aws:iam::aws:policy/AdministratorAccess")})
	check(t, err)
	key, err := manager.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("eve")})
	check(t, err)
	assumed, err := sts.NewFromConfig(o.e.ConfigWith(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "", "us-east-1")).AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::" + account + ":role/OrganizationAccountAccessRole"), RoleSessionName: aws.String("session"),
	})
	check(t, err)
	c := assumed.Credentials
	session := o.e.ConfigWith(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken, "us-east-1")
	// A key of the management account is for who is in the unit "open", and one of the member for who is in its own part.
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"kms:*","Resource":"*"},{"Effect":"Allow","Principal":"*","Action":"kms:DescribeKey","Resource":"*","Condition":{
		"StringEquals":{"aws:PrincipalOrgID":"` + o.id + `"},"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"` + o.id + `/` + o.root + `/` + open + `/*"}}}]}`
	shared, err := kms.NewFromConfig(o.e.Config()).CreateKey(t.Context(), &kms.CreateKeyInput{Policy: &policy})
	check(t, err)
	own, err := kms.NewFromConfig(session).CreateKey(t.Context(), nil)
	check(t, err)
	path := o.policy(rcp, "path", rcpOf(`{"ForAnyValue:StringLike":{"aws:ResourceOrgPaths":"`+o.id+`/`+o.root+`/`+closed+`/*"},"StringEquals":{"aws:ResourceOrgID":"`+o.id+`"}}`, "kms:DescribeKey"))
	check(t, o.attach(path, o.root))
	calls := func() (denials [3]bool) {
		t.Helper()
		_, err := iam.NewFromConfig(session).ListUsers(t.Context(), nil)
		denials[0] = denied(err)
		_, err = kms.NewFromConfig(session).DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: shared.KeyMetadata.Arn})
		denials[1] = denied(err)
		_, err = kms.NewFromConfig(session).DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: own.KeyMetadata.Arn})
		denials[2] = denied(err)
		return denials
	}
	for range 2 {
		if got := calls(); got != [3]bool{} {
			t.Errorf("in the open unit: %v", got)
		}
		check(t, o.move(account, open, closed))
		if got := calls(); got != [3]bool{true, true, true} {
			t.Errorf("in the closed unit: %v", got)
		}
		check(t, o.move(account, closed, open))
	}
}

// A key that is created with the default policy is made, though nobody may write policies.
func TestGuardrailOfKeyPoliciesLeavesNewKeys(t *testing.T) {
	o := newTree(t)
	account := o.account(o.root, "team")
	o.enable(scp)
	check(t, o.attach(o.policy(scp, "policies", scpOf("Deny", "kms:PutKeyPolicy")), account))
	_, err := kms.NewFromConfig(o.e.ConfigWith(account, "test", "", "us-east-1")).CreateKey(t.Context(), nil)
	check(t, err)
}

// A change of a policy's text takes effect at once, and is undone at once.
func TestUpdatesTakeEffectAtOnce(t *testing.T) {
	o := newTree(t)
	account := o.account(o.root, "team")
	o.enable(scp)
	id := o.policy(scp, "p", scpOf("Deny", "kms:*"))
	check(t, o.attach(id, o.root))
	for range 3 {
		for services, text := range map[string]string{"iam": scpOf("Deny", "kms:*"), "kms": scpOf("Deny", "iam:*"), "iam kms": scpOf("Deny", "s3:*")} {
			_, err := o.UpdatePolicy(t.Context(), &organizations.UpdatePolicyInput{PolicyId: &id, Content: &text})
			check(t, err)
			if got := o.allowed(account); got != services {
				t.Errorf("%s: %q", text, got)
			}
		}
	}
}

// Policies as large and as many as can be are all obeyed, and by the first call after a change, too: a write, in whose turn there is no time to
// parse them.
func TestManyLargePolicies(t *testing.T) {
	o := newTree(t)
	unit := o.unit(o.root, "u")
	account := o.account(unit, "team")
	o.enable(scp)
	people := iam.NewFromConfig(o.e.ConfigWith(account, "test", "", "us-east-1"))
	for i, target := range []string{o.root, unit, account} {
		for j := range 9 {
			statements := make([]string, 0, 100)
			for k := range 80 {
				statements = append(statements, fmt.Sprintf(`{"Effect":"Deny","Action":"iam:CreateUser","Resource":"arn:aws:iam::*:user/no%d-%d-%d"}`, i, j, k))
			}
			id := o.policy(scp, fmt.Sprint(i, j), `{"Version":"2012-10-17","Statement":[`+strings.Join(statements, ",")+`]}`)
			check(t, o.attach(id, target))
		}
		for name, want := range map[string]bool{fmt.Sprintf("no%d-8-79", i): true, fmt.Sprint("yes", i): false} {
			_, err := people.CreateUser(t.Context(), &iam.CreateUserInput{UserName: &name})
			if denied(err) != want || !want && err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// Service-linked roles are limited by nothing.
//
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html#not-restricted-by-scp
func TestServiceLinkedRolesAreExempt(t *testing.T) {
	o := newTree(t)
	account := o.account(o.root, "team")
	people := iam.NewFromConfig(o.e.ConfigWith(account, "test", "", "us-east-1"))
	linked, err := people.CreateServiceLinkedRole(t.Context(), &iam.CreateServiceLinkedRoleInput{AWSServiceName: aws.String("ecs.amazonaws.com")})
	check(t, err)
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	other, err := people.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("other"), AssumeRolePolicyDocument: &trust})
	check(t, err)
	o.enable(scp)
	check(t, o.attach(o.policy(scp, "deny", scpOf("Deny", "*")), o.root))
	for arn, want := range map[string]string{*linked.Role.Arn: "identity-based policy", *other.Role.Arn: "service control policy"} {
		resp, err := http.Post(o.e.URL+"/_emulator/explain", "application/json", strings.NewReader(`{"principal":"`+arn+`","action":"iam:ListUsers","resource":"arn:aws:iam::`+account+`:user/"}`))
		check(t, err)
		var answer struct{ Decisions []struct{ Source string } }
		check(t, json.NewDecoder(resp.Body).Decode(&answer))
		resp.Body.Close()
		if len(answer.Decisions) != 1 || answer.Decisions[0].Source != want {
			t.Errorf("%s: %+v", arn, answer)
		}
	}
}

// plain is an organization as AWS's text has it, without regard to cost.
type plain struct {
	parent   map[string]string        // of units and accounts
	attached map[string][]plainPolicy // by target
}

type plainPolicy struct {
	id      string
	rcp     bool
	allow   bool
	actions []string
}

func (p plainPolicy) matches(action string) bool {
	return slices.ContainsFunc(p.actions, func(pattern string) bool { ok, _ := path.Match(pattern, action); return ok })
}

// decide: "For a permission to be allowed for a specific account, there must be an explicit Allow statement at every level from the
// root through each OU in the direct path to the account (including the target account itself)"; a Deny at any level denies; an
// RCP denies at any level above the resource.
func (m *plain) decide(caller, owner, action string) bool {
	for at := caller; caller != "000000000000" && caller != outside && at != ""; at = m.parent[at] {
		allowed := false
		for _, p := range m.attached[at] {
			if p.rcp || !p.matches(action) {
				continue
			}
			if !p.allow {
				return false
			}
			allowed = true
		}
		if !allowed {
			return false
		}
	}
	for at := owner; owner != "000000000000" && strings.HasPrefix(action, "kms:") && at != ""; at = m.parent[at] {
		for _, p := range m.attached[at] {
			if p.rcp && p.matches(action) {
				return false
			}
		}
	}
	return true
}

// In random trees with random policies every decision is that of the plain model.
func TestGuardrailsAreThoseOfThePlainModel(t *testing.T) {
	random := rand.New(rand.NewPCG(11, 7))
	pick := func(list []string) string { return list[random.IntN(len(list))] }
	o := newTree(t)
	m := &plain{parent: map[string]string{"000000000000": o.root}, attached: make(map[string][]plainPolicy)}
	units, accounts := []string{o.root}, []string{"000000000000"}
	depth := map[string]int{o.root: 0}
	for i := range 8 {
		parent := pick(units)
		if depth[parent] == 5 {
			continue
		}
		id := o.unit(parent, fmt.Sprint("unit ", i))
		units, depth[id], m.parent[id] = append(units, id), depth[parent]+1, parent
	}
	for i := range 4 {
		parent := pick(units)
		id := o.account(parent, fmt.Sprint("account", i))
		accounts, m.parent[id] = append(accounts, id), parent
	}
	open := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}]}`
	keyOf := make(map[string]*string)
	calls := make(map[string]map[string]func() error)
	for _, account := range accounts {
		made, err := kms.NewFromConfig(o.e.ConfigWith(account, "test", "", "us-east-1")).CreateKey(t.Context(), &kms.CreateKeyInput{Policy: &open, BypassPolicyLockoutSafetyCheck: true})
		check(t, err)
		keyOf[account], calls[account] = made.KeyMetadata.Arn, o.calls(account)
	}
	o.enable(scp, rcp)
	targets := slices.Concat(units, accounts)
	for _, target := range targets {
		m.attached[target] = []plainPolicy{{id: full, allow: true, actions: []string{"*"}}}
	}
	var policies []plainPolicy
	for i, actions := range [][]string{{"*"}, {"iam:*"}, {"kms:*"}, {"kms:Describe*", "iam:ListUsers"}, {"kms:List*"}, {"iam:List*", "kms:ListKeys"}} {
		for _, p := range []plainPolicy{{allow: true, actions: actions}, {actions: actions}, {rcp: true, actions: actions}} {
			effect := map[bool]string{true: "Allow", false: "Deny"}[p.allow]
			switch {
			case p.rcp && actions[0] == "*": // which no RCP may have
				continue
			case p.rcp:
				p.id = o.policy(rcp, fmt.Sprint(i), rcpOf("{}", actions...))
			default:
				p.id = o.policy(scp, fmt.Sprint(effect, i), scpOf(effect, actions...))
			}
			policies = append(policies, p)
		}
	}
	denials, all := 0, 0
	for range 60 {
		switch target := pick(targets); random.IntN(5) {
		case 0: // a move
			account, to := pick(accounts), pick(units)
			if to != m.parent[account] {
				check(t, o.move(account, m.parent[account], to))
				m.parent[account] = to
			}
		case 1, 2: // one less
			i := random.IntN(len(m.attached[target]))
			id := m.attached[target][i].id
			if o.detach(id, target) == nil { // not the last
				m.attached[target] = slices.Delete(slices.Clone(m.attached[target]), i, i+1)
			}
		default: // one more; more often one that allows
			p := policies[random.IntN(len(policies))]
			if random.IntN(3) > 0 {
				p = policies[3*random.IntN(len(policies)/3)]
			}
			if o.attach(p.id, target) == nil { // not twice, and not too many
				m.attached[target] = append(m.attached[target], p)
			}
		}
		for range 6 {
			caller, owner := pick(append(accounts, outside)), pick(accounts)
			action := pick([]string{"iam:ListUsers", "iam:ListRoles", "kms:ListKeys", "kms:ListAliases", "kms:DescribeKey"})
			var err error
			if action == "kms:DescribeKey" {
				_, err = kms.NewFromConfig(o.e.ConfigWith(caller, "test", "", "us-east-1")).DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: keyOf[owner]})
			} else {
				owner = caller
				if calls[caller] == nil {
					calls[caller] = o.calls(caller)
				}
				err = calls[caller][action]()
			}
			want := m.decide(caller, owner, action)
			if err != nil && !denied(err) || denied(err) == want {
				t.Fatalf("%s asks for %s of %s: %v; the model allows it: %v", caller, action, owner, err, want)
			}
			if all++; err != nil {
				denials++
			}
		}
	}
	if denials < all/10 || denials > all*9/10 {
		t.Errorf("%d of %d were denied: the policies are no test", denials, all)
	}
}
