package organizations_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
)

const (
	tagPolicy    = types.PolicyTypeTagPolicy
	backupPolicy = types.PolicyTypeBackupPolicy
)

// costCenters is a tag policy by which CostCenter has some values; setting is the operator.
func costCenters(setting string, values ...string) string {
	return `{"tags":{"costcenter":{"tag_key":{"@@assign":"CostCenter"},"tag_value":{"` + setting + `":["` + strings.Join(values, `","`) + `"]}}}}`
}

func (o *tree) effective(client *organizations.Client, target string, policyType types.EffectivePolicyType) (*types.EffectivePolicy, error) {
	in := &organizations.DescribeEffectivePolicyInput{PolicyType: policyType}
	if target != "" {
		in.TargetId = &target
	}
	out, err := client.DescribeEffectivePolicy(o.t.Context(), in)
	if err != nil {
		return nil, err
	}
	return out.EffectivePolicy, nil
}

// wantEffective tests an account's effective tag policy, as its own account and the management account see it.
func (o *tree) wantEffective(account, want string) {
	o.t.Helper()
	for target, client := range map[string]*organizations.Client{account: o.Client, "": o.as(account)} {
		got, err := o.effective(client, target, types.EffectivePolicyTypeTagPolicy)
		check(o.t, err)
		if *got.PolicyContent != want || *got.TargetId != account || got.PolicyType != types.EffectivePolicyTypeTagPolicy {
			o.t.Errorf("got %s of %s, want %s", *got.PolicyContent, *got.TargetId, want)
		}
	}
}

// Effective policies follow what is attached, detached, changed and moved, at once.
func TestEffectivePolicy(t *testing.T) {
	o := newTree(t)
	o.enable(tagPolicy)
	a, b := o.unit(o.root, "a"), o.unit(o.root, "b")
	account := o.account(a, "team")
	const of = `{"tags":{"costcenter":{"tag_key":"CostCenter","tag_value":[%s]}}}`
	base, added, removed := o.policy(tagPolicy, "base", costCenters("@@assign", "1", "2")), o.policy(tagPolicy, "added", costCenters("@@append", "3")), o.policy(tagPolicy, "removed", costCenters("@@remove", "1"))
	check(t, o.attach(base, o.root))
	o.wantEffective(account, fmt.Sprintf(of, `"1","2"`))
	check(t, o.attach(added, a))
	o.wantEffective(account, fmt.Sprintf(of, `"1","2","3"`))
	check(t, o.attach(removed, account))
	o.wantEffective(account, fmt.Sprintf(of, `"2","3"`))
	o.wantEffective("000000000000", fmt.Sprintf(of, `"1","2"`))
	check(t, o.move(account, a, b))
	o.wantEffective(account, fmt.Sprintf(of, `"2"`))
	_, err := o.UpdatePolicy(t.Context(), &organizations.UpdatePolicyInput{PolicyId: &base, Content: aws.String(costCenters("@@assign", "1", "9"))})
	check(t, err)
	o.wantEffective(account, fmt.Sprintf(of, `"9"`))
	check(t, o.detach(removed, account))
	o.wantEffective(account, fmt.Sprintf(of, `"1","9"`))
}

// "Policies are evaluated based on the order in which they were attached … To change which policy is evaluated first, you can detach a
// policy and then reattach it" (https://docs.aws.amazon.com/organizations/latest/userguide/inheritance-examples.html, example 6).
func TestEffectivePolicyHeedsTheOrderOfAttachment(t *testing.T) {
	o := newTree(t)
	o.enable(tagPolicy)
	account := o.account(o.root, "team")
	var all []string
	for i := range 6 {
		all = append(all, o.policy(tagPolicy, fmt.Sprint(i), costCenters("@@assign", fmt.Sprint(i))))
	}
	for _, i := range []int{3, 0, 5, 1, 4, 2} {
		check(t, o.attach(all[i], account))
	}
	for _, first := range []int{3, 0, 5, 1, 4, 2} {
		o.wantEffective(account, fmt.Sprintf(`{"tags":{"costcenter":{"tag_key":"CostCenter","tag_value":["%d"]}}}`, first))
		check(t, o.detach(all[first], account))
		if first == 3 {
			check(t, o.attach(all[first], account))
		}
	}
	o.wantEffective(account, `{"tags":{"costcenter":{"tag_key":"CostCenter","tag_value":["3"]}}}`)
	if got := o.on(account, tagPolicy); !slices.Equal(got, []string{all[3]}) {
		t.Errorf("attached: %v", got)
	}
}

// https://docs.aws.amazon.com/organizations/latest/APIReference/API_DescribeEffectivePolicy.html
func TestEffectivePolicyNotFound(t *testing.T) {
	o := newTree(t)
	account, other := o.account(o.root, "team"), o.account(o.root, "other")
	const tags = types.EffectivePolicyTypeTagPolicy
	describe := func(client *organizations.Client, target string) error {
		_, err := o.effective(client, target, tags)
		return err
	}
	wantCode(t, describe(o.Client, account), "EffectivePolicyNotFoundException") // the type is not enabled
	wantCode(t, describe(o.as(account), ""), "EffectivePolicyNotFoundException")
	o.enable(tagPolicy)
	wantCode(t, describe(o.as(account), ""), "EffectivePolicyNotFoundException") // it has none
	got, err := o.effective(o.Client, account, tags)
	check(t, err)
	if *got.PolicyContent != "{}" {
		t.Errorf("got %s", *got.PolicyContent)
	}
	check(t, o.attach(o.policy(tagPolicy, "a", costCenters("@@assign", "1")), o.root))
	check(t, describe(o.as(account), ""))
	check(t, describe(o.as(account), account))
	wantCode(t, describe(o.as(account), other), "AccessDeniedException")
	wantCode(t, describe(o.as(account), "000000000000"), "AccessDeniedException")
	wantCode(t, describe(o.as(account), o.root), "AccessDeniedException")
	wantCode(t, describe(o.as("999999999999"), ""), "AWSOrganizationsNotInUseException")
	wantCode(t, describe(o.Client, "999999999999"), "TargetNotFoundException")
	wantInput(t, describe(o.Client, o.root), types.InvalidInputExceptionReasonTargetNotSupported)
	wantInput(t, describe(o.Client, o.unit(o.root, "u")), types.InvalidInputExceptionReasonTargetNotSupported)
	wantInput(t, describe(o.Client, "p-12345678"), types.InvalidInputExceptionReasonInvalidPatternTargetId)
	delegation := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + account + `"},"Action":"organizations:DescribeEffectivePolicy","Resource":"arn:aws:organizations::000000000000:account/*/` + other + `"}]}`
	_, err = o.PutResourcePolicy(t.Context(), &organizations.PutResourcePolicyInput{Content: &delegation})
	check(t, err)
	check(t, describe(o.as(account), other)) // orgs_delegate_policies.html: the organization's policy allows it
	check(t, describe(o.as(account), ""))
	wantCode(t, describe(o.as(account), "000000000000"), "AccessDeniedException")
	wantCode(t, describe(o.as(other), account), "AccessDeniedException")
	_, err = o.effective(o.Client, account, "SERVICE_CONTROL_POLICY")
	wantInput(t, err, types.InvalidInputExceptionReasonInvalidEnum)
	_, err = o.DisablePolicyType(t.Context(), &organizations.DisablePolicyTypeInput{RootId: &o.root, PolicyType: tagPolicy})
	check(t, err)
	wantCode(t, describe(o.Client, account), "EffectivePolicyNotFoundException")
}

// LastUpdatedTimestamp is when something happened to policies of the type, or to the account.
func TestEffectivePolicyTellsWhenItChanged(t *testing.T) {
	o := newTree(t)
	account, u := o.account(o.root, "team"), o.unit(o.root, "u")
	o.enable(tagPolicy, backupPolicy)
	policy := o.policy(tagPolicy, "a", costCenters("@@assign", "1"))
	last := time.Time{}
	changes := func(want bool, do func()) {
		t.Helper()
		o.e.Clock.Advance(time.Hour)
		do()
		got, err := o.effective(o.Client, account, types.EffectivePolicyTypeTagPolicy)
		check(t, err)
		if got.LastUpdatedTimestamp.After(last) != want {
			t.Errorf("%v after %v", got.LastUpdatedTimestamp, last)
		}
		last = *got.LastUpdatedTimestamp
	}
	changes(true, func() { check(t, o.attach(policy, o.root)) })
	changes(false, func() { check(t, o.attach(o.policy(backupPolicy, "b", `{"plans":{}}`), o.root)) })
	changes(true, func() {
		_, err := o.UpdatePolicy(t.Context(), &organizations.UpdatePolicyInput{PolicyId: &policy, Content: aws.String(costCenters("@@assign", "2"))})
		check(t, err)
	})
	changes(true, func() { check(t, o.move(account, o.root, u)) })
	changes(true, func() { check(t, o.detach(policy, o.root)) })
}

// incomplete is a backup policy that lacks something: two errors.
const incomplete = `{"plans":{"daily":{"regions":{"@@assign":["us-east-1"]}}}}`

func (o *tree) errors(client *organizations.Client, account string, policyType types.EffectivePolicyType) (*organizations.ListEffectivePolicyValidationErrorsOutput, error) {
	return client.ListEffectivePolicyValidationErrors(o.t.Context(), &organizations.ListEffectivePolicyValidationErrorsInput{AccountId: &account, PolicyType: policyType})
}

// https://docs.aws.amazon.com/organizations/latest/userguide/invalid-policy-alerts.html
func TestInvalidEffectivePolicies(t *testing.T) {
	o := newTree(t)
	o.enable(backupPolicy)
	u := o.unit(o.root, "u")
	const backups = types.EffectivePolicyTypeBackupPolicy
	var inside []string
	for i := range 3 {
		inside = append(inside, o.account(u, fmt.Sprint(i)))
	}
	slices.Sort(inside)
	outside := o.account(o.root, "outside")
	invalid := func() (accounts []string) {
		for p := organizations.NewListAccountsWithInvalidEffectivePolicyPaginator(o, &organizations.ListAccountsWithInvalidEffectivePolicyInput{PolicyType: backups, MaxResults: aws.Int32(2)}); p.HasMorePages(); {
			page, err := p.NextPage(t.Context())
			check(t, err)
			if page.PolicyType != backups {
				t.Errorf("of %s", page.PolicyType)
			}
			for _, a := range page.Accounts {
				accounts = append(accounts, *a.Id)
			}
		}
		return accounts
	}
	if got := invalid(); got != nil {
		t.Errorf("invalid: %v", got)
	}
	policy := o.policy(backupPolicy, "a", incomplete)
	check(t, o.attach(policy, u))
	if got := invalid(); !slices.Equal(got, inside) {
		t.Errorf("invalid: %v, want %v", got, inside)
	}

	got, err := o.errors(o.Client, inside[0], backups)
	check(t, err)
	if *got.AccountId != inside[0] || got.PolicyType != backups || *got.Path != o.id+"/"+o.root+"/"+u+"/"+inside[0]+"/" || got.EvaluationTimestamp == nil || len(got.EffectivePolicyValidationErrors) != 2 {
		t.Fatalf("got %+v", got)
	}
	for i, missing := range []string{"rules", "selections"} {
		e := got.EffectivePolicyValidationErrors[i]
		if *e.ErrorCode != "KEY_REQUIRED" || *e.ErrorMessage != "'"+missing+"' is missing" || *e.PathToError != "plans/daily" || !slices.Equal(e.ContributingPolicies, []string{policy}) {
			t.Errorf("got %s %s %s %v", *e.ErrorCode, *e.ErrorMessage, *e.PathToError, e.ContributingPolicies)
		}
	}
	first, err := o.ListEffectivePolicyValidationErrors(t.Context(), &organizations.ListEffectivePolicyValidationErrorsInput{AccountId: &inside[0], PolicyType: backups, MaxResults: aws.Int32(1)})
	check(t, err)
	if len(first.EffectivePolicyValidationErrors) != 1 || first.NextToken == nil {
		t.Errorf("got %+v", first)
	}
	second, err := o.ListEffectivePolicyValidationErrors(t.Context(), &organizations.ListEffectivePolicyValidationErrorsInput{AccountId: &inside[0], PolicyType: backups, NextToken: first.NextToken})
	check(t, err)
	if len(second.EffectivePolicyValidationErrors) != 1 || *second.EffectivePolicyValidationErrors[0].ErrorMessage != "'selections' is missing" || second.NextToken != nil {
		t.Errorf("got %+v", second)
	}
	valid, err := o.errors(o.Client, outside, backups)
	check(t, err)
	if len(valid.EffectivePolicyValidationErrors) != 0 || valid.Path != nil || valid.EvaluationTimestamp != nil {
		t.Errorf("got %+v", valid)
	}
	check(t, o.detach(policy, u))
	if got := invalid(); got != nil {
		t.Errorf("invalid: %v", got)
	}

	list := func(client *organizations.Client, policyType types.EffectivePolicyType) error {
		_, err := client.ListAccountsWithInvalidEffectivePolicy(t.Context(), &organizations.ListAccountsWithInvalidEffectivePolicyInput{PolicyType: policyType})
		return err
	}
	errorsOf := func(client *organizations.Client, account string, policyType types.EffectivePolicyType) error {
		_, err := o.errors(client, account, policyType)
		return err
	}
	wantCode(t, list(o.Client, types.EffectivePolicyTypeTagPolicy), "EffectivePolicyNotFoundException")
	wantCode(t, list(o.as(outside), backups), "AccessDeniedException")
	wantCode(t, list(o.as("999999999999"), backups), "AWSOrganizationsNotInUseException")
	wantInput(t, list(o.Client, "SERVICE_CONTROL_POLICY"), types.InvalidInputExceptionReasonInvalidEnum)
	wantCode(t, errorsOf(o.Client, outside, types.EffectivePolicyTypeTagPolicy), "EffectivePolicyNotFoundException")
	wantCode(t, errorsOf(o.Client, "999999999999", backups), "AccountNotFoundException")
	wantCode(t, errorsOf(o.as(outside), outside, backups), "AccessDeniedException")
	wantCode(t, errorsOf(o.as("999999999999"), outside, backups), "AWSOrganizationsNotInUseException")
	wantInput(t, errorsOf(o.Client, o.root, backups), types.InvalidInputExceptionReasonInvalidPattern)
	_, err = o.ListAccountsWithInvalidEffectivePolicy(t.Context(), &organizations.ListAccountsWithInvalidEffectivePolicyInput{PolicyType: backups, NextToken: aws.String("x")})
	wantInput(t, err, types.InvalidInputExceptionReasonInvalidPaginationToken)
	_, err = o.ListEffectivePolicyValidationErrors(t.Context(), &organizations.ListEffectivePolicyValidationErrorsInput{AccountId: &outside, PolicyType: backups, NextToken: aws.String("x")})
	wantInput(t, err, types.InvalidInputExceptionReasonInvalidPaginationToken)
}

// What the policies are asked (https://docs.aws.amazon.com/service-authorization/latest/reference/list_organizations.html).
func TestPermissionsOnEffectivePolicies(t *testing.T) {
	o := newTree(t)
	o.enable(tagPolicy, backupPolicy)
	account := o.account(o.root, "team")
	people := iam.NewFromConfig(o.e.Config())
	_, err := people.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("ann")})
	check(t, err)
	key, err := people.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("ann")})
	check(t, err)
	ann := organizations.NewFromConfig(o.e.ConfigWith(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "", "us-east-1"))
	arn := "arn:aws:organizations::000000000000:account/" + o.id + "/" + account
	document := `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["organizations:DescribeEffectivePolicy","organizations:ListEffectivePolicyValidationErrors"],"Resource":"` + arn + `","Condition":{"StringEquals":{"organizations:PolicyType":"TAG_POLICY"}}},
		{"Effect":"Allow","Action":"organizations:ListAccountsWithInvalidEffectivePolicy","Resource":"*","Condition":{"StringEquals":{"organizations:PolicyType":"TAG_POLICY"}}}]}`
	_, err = people.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: aws.String("ann"), PolicyName: aws.String("p"), PolicyDocument: &document})
	check(t, err)
	calls := func(target string, policyType types.EffectivePolicyType) []error {
		_, describe := o.effective(ann, target, policyType)
		_, list := ann.ListAccountsWithInvalidEffectivePolicy(t.Context(), &organizations.ListAccountsWithInvalidEffectivePolicyInput{PolicyType: policyType})
		_, errs := o.errors(ann, target, policyType)
		return []error{describe, errs, list}
	}
	for _, err := range calls(account, types.EffectivePolicyTypeTagPolicy) {
		check(t, err)
	}
	for _, err := range calls(account, types.EffectivePolicyTypeBackupPolicy) {
		wantCode(t, err, "AccessDeniedException")
	}
	for _, err := range calls("000000000000", types.EffectivePolicyTypeTagPolicy)[:2] {
		wantCode(t, err, "AccessDeniedException")
	}
}
