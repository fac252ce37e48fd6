package organizations_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
)

func (o *tree) trust(service string) error {
	_, err := o.EnableAWSServiceAccess(o.t.Context(), &organizations.EnableAWSServiceAccessInput{ServicePrincipal: &service})
	return err
}

func (o *tree) register(account, service string) error {
	_, err := o.RegisterDelegatedAdministrator(o.t.Context(), &organizations.RegisterDelegatedAdministratorInput{AccountId: &account, ServicePrincipal: &service})
	return err
}

func (o *tree) deregister(account, service string) error {
	_, err := o.DeregisterDelegatedAdministrator(o.t.Context(), &organizations.DeregisterDelegatedAdministratorInput{AccountId: &account, ServicePrincipal: &service})
	return err
}

// administrators returns those of a service, or with "" of any, as their names.
func (o *tree) administrators(service string) (names string) {
	o.t.Helper()
	in := &organizations.ListDelegatedAdministratorsInput{}
	if service != "" {
		in.ServicePrincipal = &service
	}
	out, err := o.ListDelegatedAdministrators(o.t.Context(), in)
	check(o.t, err)
	for _, a := range out.DelegatedAdministrators {
		if a.State != types.AccountStateActive || a.DelegationEnabledDate == nil || *a.Arn == "" {
			o.t.Errorf("got %+v", a)
		}
		names += *a.Name + " "
	}
	return names
}

const (
	config  = "config.amazonaws.com"
	guards  = "guardduty.amazonaws.com"
	backups = "backup.amazonaws.com"
)

// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_integrate_delegated_admin.html
func TestDelegatedAdministrators(t *testing.T) {
	o := newTree(t)
	a, b := o.account(o.root, "a"), o.account(o.root, "b")
	wantConstraint(t, o.register(a, config), types.ConstraintViolationExceptionReasonServiceAccessNotEnabled)
	for _, service := range []string{config, guards, backups} {
		check(t, o.trust(service))
	}
	wantConstraint(t, o.register(management, config), types.ConstraintViolationExceptionReasonCannotRegisterMasterAsDelegatedAdministrator)
	wantCode(t, o.register("999999999999", config), "AccountNotFoundException")
	wantInput(t, o.register(a, "x.amazonaws.com"), types.InvalidInputExceptionReasonUnrecognizedServicePrincipal)
	_, err := o.as(a).ListAccounts(t.Context(), nil)
	wantCode(t, err, "AccessDeniedException")
	check(t, o.register(a, config))
	wantCode(t, o.register(a, config), "AccountAlreadyRegisteredException")
	check(t, o.register(b, config))
	o.e.Clock.Advance(time.Hour)
	check(t, o.register(a, guards))
	wantConstraint(t, o.register(b, guards), types.ConstraintViolationExceptionReasonDelegatedAdministratorExistsForThisService)
	for service, want := range map[string]int{"": 2, config: 2, guards: 1, backups: 0} {
		if got := o.administrators(service); len(got) != 2*want {
			t.Errorf("administrators of %q: %s", service, got)
		}
	}
	_, err = o.ListDelegatedAdministrators(t.Context(), &organizations.ListDelegatedAdministratorsInput{ServicePrincipal: aws.String("x.amazonaws.com")})
	wantInput(t, err, types.InvalidInputExceptionReasonUnrecognizedServicePrincipal)

	// It reads what the organization has, and changes nothing.
	if _, err := o.as(a).ListAccounts(t.Context(), nil); err != nil {
		t.Error(err)
	}
	services, err := o.as(a).ListDelegatedServicesForAccount(t.Context(), &organizations.ListDelegatedServicesForAccountInput{AccountId: &a})
	check(t, err)
	if got := services.DelegatedServices; len(got) != 2 || *got[0].ServicePrincipal != config || got[1].DelegationEnabledDate.Sub(*got[0].DelegationEnabledDate) < time.Hour {
		t.Errorf("got %+v", got)
	}
	_, err = o.as(a).TagResource(t.Context(), &organizations.TagResourceInput{ResourceId: &a, Tags: tagsOf("a", "b")})
	wantCode(t, err, "AccessDeniedException")

	wantCode(t, o.deregister(b, guards), "AccountNotRegisteredException")
	wantCode(t, o.deregister("999999999999", guards), "AccountNotFoundException")
	wantInput(t, o.deregister(a, "x.amazonaws.com"), types.InvalidInputExceptionReasonUnrecognizedServicePrincipal)
	check(t, o.deregister(b, config))
	_, err = o.as(b).ListAccounts(t.Context(), nil)
	wantCode(t, err, "AccessDeniedException")
	_, err = o.ListDelegatedServicesForAccount(t.Context(), &organizations.ListDelegatedServicesForAccountInput{AccountId: &b})
	wantCode(t, err, "AccountNotRegisteredException")
	_, err = o.ListDelegatedServicesForAccount(t.Context(), &organizations.ListDelegatedServicesForAccountInput{AccountId: aws.String("999999999999")})
	wantCode(t, err, "AccountNotFoundException")
	if got := o.administrators(""); got != "a " {
		t.Errorf("administrators: %s", got)
	}
	check(t, o.close(b))
	wantConstraint(t, o.register(b, config), types.ConstraintViolationExceptionReasonCannotRegisterSuspendedAccountAsDelegatedAdministrator)
}

func TestNumberOfDelegatedAdministrators(t *testing.T) {
	o := newTree(t)
	check(t, o.trust(config))
	for i := range 3 {
		check(t, o.register(o.account(o.root, fmt.Sprint("a", i)), config))
	}
	wantConstraint(t, o.register(o.account(o.root, "b"), config), types.ConstraintViolationExceptionReasonMaxDelegatedAdministratorsForServiceLimitExceeded)
}

// Who registers an administrator of which service is asked of the policies.
func TestServicePrincipalCondition(t *testing.T) {
	o := newTree(t)
	a := o.account(o.root, "a")
	check(t, o.trust(config))
	check(t, o.trust(guards))
	user := &tree{o.user(management, `{"Effect":"Allow","Action":"organizations:*","Resource":"*","Condition":{"StringEquals":{"organizations:ServicePrincipal":"`+config+`"}}}`), t, o.e, o.id, o.root}
	wantCode(t, user.register(a, guards), "AccessDeniedException")
	check(t, user.register(a, config))
	if got := user.administrators(config); got != "a " {
		t.Errorf("got %s", got)
	}
	check(t, user.deregister(a, config))
}

// user makes a user of an account with a policy of the statement.
func (o *tree) user(account, statement string) *organizations.Client {
	o.t.Helper()
	people := iam.NewFromConfig(o.e.ConfigWith(account, "test", "", "us-east-1"))
	name := aws.String(fmt.Sprint("u", o.e.Clock.Now().UnixNano()))
	_, err := people.CreateUser(o.t.Context(), &iam.CreateUserInput{UserName: name})
	check(o.t, err)
	_, err = people.PutUserPolicy(o.t.Context(), &iam.PutUserPolicyInput{UserName: name, PolicyName: aws.String("p"), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[` + statement + `]}`)})
	check(o.t, err)
	key, err := people.CreateAccessKey(o.t.Context(), &iam.CreateAccessKeyInput{UserName: name})
	check(o.t, err)
	return organizations.NewFromConfig(o.e.ConfigWith(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "", "us-east-1"))
}

func (o *tree) put(statement string) (*types.ResourcePolicy, error) {
	out, err := o.PutResourcePolicy(o.t.Context(), &organizations.PutResourcePolicyInput{Content: aws.String(`{"Version":"2012-10-17","Statement":[` + statement + `]}`)})
	if err != nil {
		return nil, err
	}
	return out.ResourcePolicy, nil
}

// https://docs.aws.amazon.com/organizations/latest/userguide/security_iam_resource-based-policy-examples.html
func TestResourcePolicy(t *testing.T) {
	o := newTree(t)
	a, b := o.account(o.root, "a"), o.account(o.root, "b")
	_, err := o.DescribeResourcePolicy(t.Context(), nil)
	wantCode(t, err, "ResourcePolicyNotFoundException")
	_, err = o.DeleteResourcePolicy(t.Context(), nil)
	wantCode(t, err, "ResourcePolicyNotFoundException")
	out, err := o.PutResourcePolicy(t.Context(), &organizations.PutResourcePolicyInput{Tags: tagsOf("a", "b"), Content: aws.String(`{"Version":"2012-10-17","Statement":{
		"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + a + `:root"},"Action":["organizations:ListAccounts","organizations:DescribeAccount"],"Resource":"*"}}`)})
	check(t, err)
	p := out.ResourcePolicy.ResourcePolicySummary
	if *p.Arn != "arn:aws:organizations::000000000000:resourcepolicy/"+o.id+"/"+*p.Id || !strings.HasPrefix(*p.Id, "rp-") {
		t.Errorf("got %+v", p)
	}
	if got := o.tags(*p.Id); got != "a=b " {
		t.Errorf("tags %s", got)
	}
	list := func(client *organizations.Client) error {
		_, err := client.ListAccounts(t.Context(), nil)
		return err
	}
	check(t, list(o.as(a)))
	wantCode(t, list(o.as(b)), "AccessDeniedException")
	_, err = o.as(a).ListRoots(t.Context(), nil)
	wantCode(t, err, "AccessDeniedException")
	// Its users need the permission of their own, too.
	wantCode(t, list(o.user(a, `{"Effect":"Allow","Action":"organizations:ListRoots","Resource":"*"}`)), "AccessDeniedException")
	check(t, list(o.user(a, `{"Effect":"Allow","Action":"organizations:List*","Resource":"*"}`)))

	// It can be changed, and then has no new tags.
	_, err = o.PutResourcePolicy(t.Context(), &organizations.PutResourcePolicyInput{Tags: tagsOf("a", "b"), Content: aws.String(`{}`)})
	wantInput(t, err, types.InvalidInputExceptionReasonTargetNotSupported)
	changed, err := o.put(`{"Effect":"Allow","Principal":{"AWS":"` + b + `"},"Action":"organizations:ListAccounts","Resource":"*"},{"Effect":"Allow","Principal":"*","Action":["organizations:TagResource"],"Resource":"arn:aws:organizations::` + management + `:account/` + o.id + `/` + b + `"}`)
	check(t, err)
	if *changed.ResourcePolicySummary.Id != *p.Id {
		t.Errorf("got %+v", changed)
	}
	wantCode(t, list(o.as(a)), "AccessDeniedException")
	check(t, list(o.as(b)))
	tag := func(account string) error {
		_, err := o.as(a).TagResource(t.Context(), &organizations.TagResourceInput{ResourceId: &account, Tags: tagsOf("a", "b")})
		return err
	}
	check(t, tag(b))
	wantCode(t, tag(a), "AccessDeniedException")
	described, err := o.DescribeResourcePolicy(t.Context(), nil)
	check(t, err)
	if !strings.Contains(*described.ResourcePolicy.Content, `"arn:aws:iam::`+b+`:root"`) {
		t.Errorf("content %s", *described.ResourcePolicy.Content)
	}
	_, err = o.DeleteResourcePolicy(t.Context(), nil)
	check(t, err)
	wantCode(t, list(o.as(b)), "AccessDeniedException")
	_, err = o.ListTagsForResource(t.Context(), &organizations.ListTagsForResourceInput{ResourceId: p.Id})
	wantCode(t, err, "TargetNotFoundException")
}

// Policies that the organization can't have.
func TestResourcePolicyIsRefused(t *testing.T) {
	o := newTree(t)
	a := o.account(o.root, "a")
	who, what, where := `"Principal":{"AWS":"`+a+`"}`, `"Action":"organizations:ListAccounts"`, `"Resource":"*"`
	for name, c := range map[string]struct {
		statement string
		want      types.InvalidInputExceptionReason
	}{
		"no JSON":                         {`{`, types.InvalidInputExceptionReasonInvalidResourcePolicyJson},
		"no effect":                       {`{` + who + `,` + what + `,` + where + `}`, types.InvalidInputExceptionReasonInvalidResourcePolicyJson},
		"a service":                       {`{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},` + what + `,` + where + `}`, types.InvalidInputExceptionReasonInvalidPrincipal},
		"all but some":                    {`{"Effect":"Deny","NotPrincipal":{"AWS":"` + a + `"},` + what + `,` + where + `}`, types.InvalidInputExceptionReasonInvalidPrincipal},
		"a role that is not there":        {`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + a + `:role/gone"},` + what + `,` + where + `}`, types.InvalidInputExceptionReasonInvalidPrincipal},
		"what only the management may do": {`{"Effect":"Allow",` + who + `,"Action":"organizations:CreateAccount",` + where + `}`, types.InvalidInputExceptionReasonUnsupportedActionInResourcePolicy},
		"all actions":                     {`{"Effect":"Allow",` + who + `,"Action":"organizations:*",` + where + `}`, types.InvalidInputExceptionReasonUnsupportedActionInResourcePolicy},
		"an action of another service":    {`{"Effect":"Allow",` + who + `,"Action":"s3:GetObject",` + where + `}`, types.InvalidInputExceptionReasonUnsupportedActionInResourcePolicy},
		"all actions but some":            {`{"Effect":"Allow",` + who + `,"NotAction":"organizations:ListAccounts",` + where + `}`, types.InvalidInputExceptionReasonUnsupportedActionInResourcePolicy},
		"a resource of another service":   {`{"Effect":"Allow",` + who + `,` + what + `,"Resource":"arn:aws:s3:::bucket"}`, types.InvalidInputExceptionReasonUnsupportedResourceInResourcePolicy},
		"handshakes":                      {`{"Effect":"Allow",` + who + `,` + what + `,"Resource":"arn:aws:organizations::` + management + `:handshake/` + o.id + `/invite/h-12345678"}`, types.InvalidInputExceptionReasonUnsupportedResourceInResourcePolicy},
		"another organization's account":  {`{"Effect":"Allow",` + who + `,` + what + `,"Resource":"arn:aws:organizations::` + management + `:account/o-aaaaaaaaaa/` + a + `"}`, types.InvalidInputExceptionReasonInvalidSyntaxOrganization},
		"a policy type that there is not": {`{"Effect":"Allow",` + who + `,` + what + `,` + where + `,"Condition":{"StringLike":{"Organizations:policytype":["TAG_POLICY","X*"]}}}`, types.InvalidInputExceptionReasonUnsupportedPolicyTypeInResourcePolicy},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := o.put(c.statement)
			wantInput(t, err, c.want)
		})
	}
	_, err := o.put(`{"Effect":"Allow",` + who + `,"Action":["organizations:Describe*","organizations:list*","organizations:AttachPolicy"],"Resource":["arn:aws:organizations::` + management + `:policy/` + o.id + `/backup_policy/*","arn:aws:organizations::aws:policy/*","arn:aws:organizations::` + management + `:ou/` + o.id + `/*"],"Condition":{"StringLike":{"organizations:PolicyType":"BACKUP_*"}}}`)
	check(t, err)
	_, err = o.PutResourcePolicy(t.Context(), &organizations.PutResourcePolicyInput{Content: aws.String(strings.Repeat(" ", 40001))})
	wantInput(t, err, types.InvalidInputExceptionReasonMaxLengthExceeded)
}

// What only organizations with all features have.
func TestDelegationNeedsAllFeatures(t *testing.T) {
	o := newBilling(t)
	a := o.account(o.root, "a")
	_, put := o.put(`{}`)
	_, describe := o.DescribeResourcePolicy(t.Context(), nil)
	_, remove := o.DeleteResourcePolicy(t.Context(), nil)
	_, administrators := o.ListDelegatedAdministrators(t.Context(), nil)
	_, services := o.ListDelegatedServicesForAccount(t.Context(), &organizations.ListDelegatedServicesForAccountInput{AccountId: &a})
	_, disable := o.DisableAWSServiceAccess(t.Context(), &organizations.DisableAWSServiceAccessInput{ServicePrincipal: aws.String(config)})
	_, list := o.ListAWSServiceAccessForOrganization(t.Context(), nil)
	for _, err := range []error{o.trust(config), o.register(a, config), o.deregister(a, config), put, describe, remove, administrators, services, disable, list} {
		wantConstraint(t, err, types.ConstraintViolationExceptionReasonOrganizationNotInAllFeaturesMode)
	}
}
