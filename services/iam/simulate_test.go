package iam_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"emulator/emulatortest"
	"emulator/identity"
)

const simulated = `{
  "Version": "2012-10-17",
  "Statement": [
    {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::a/*",
     "Condition": {"StringEquals": {"aws:PrincipalTag/team": "blue"}}},
    {"Effect": "Deny", "Action": "s3:DeleteObject", "Resource": "*"}
  ]
}`

// What AWS's policy simulator answers, with the statements' places in the text.
func TestSimulateCustomPolicy(t *testing.T) {
	c := iam.NewFromConfig(emulatortest.Start(t).Config())
	simulate := func(change func(*iam.SimulateCustomPolicyInput)) *iam.SimulateCustomPolicyOutput {
		t.Helper()
		in := &iam.SimulateCustomPolicyInput{PolicyInputList: []string{simulated}, ActionNames: []string{"s3:GetObject", "s3:DeleteObject"}, ResourceArns: []string{"arn:aws:s3:::a/x"}}
		if change != nil {
			change(in)
		}
		out, err := c.SimulateCustomPolicy(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	decisions := func(out *iam.SimulateCustomPolicyOutput) []types.PolicyEvaluationDecisionType {
		var all []types.PolicyEvaluationDecisionType
		for _, r := range out.EvaluationResults {
			all = append(all, r.EvalDecision)
		}
		return all
	}
	team := func(in *iam.SimulateCustomPolicyInput) {
		in.ContextEntries = []types.ContextEntry{{ContextKeyName: aws.String("aws:PrincipalTag/team"), ContextKeyType: types.ContextKeyTypeEnumString, ContextKeyValues: []string{"blue"}}}
	}
	out := simulate(nil)
	if diff := cmp.Diff([]types.PolicyEvaluationDecisionType{"implicitDeny", "explicitDeny"}, decisions(out)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"aws:PrincipalTag/team"}, out.EvaluationResults[0].MissingContextValues); diff != "" {
		t.Error(diff)
	}
	deny := out.EvaluationResults[1].MatchedStatements
	if len(deny) != 1 || *deny[0].SourcePolicyId != "PolicyInputList.1" || deny[0].StartPosition.Line != 5 || deny[0].StartPosition.Column != 71 || deny[0].EndPosition.Line != 6 {
		t.Errorf("matched %+v", deny)
	}
	out = simulate(team)
	if diff := cmp.Diff([]types.PolicyEvaluationDecisionType{"allowed", "explicitDeny"}, decisions(out)); diff != "" {
		t.Error(diff)
	}
	if r := out.EvaluationResults[0]; len(r.MissingContextValues) != 0 || len(r.ResourceSpecificResults) != 1 || r.ResourceSpecificResults[0].EvalResourceDecision != "allowed" {
		t.Errorf("result %+v", r)
	}
	out = simulate(func(in *iam.SimulateCustomPolicyInput) {
		team(in)
		in.PermissionsBoundaryPolicyInputList = []string{`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:*","Resource":"*"}]}`}
	})
	if r := out.EvaluationResults[0]; r.EvalDecision != "implicitDeny" || r.PermissionsBoundaryDecisionDetail.AllowedByPermissionsBoundary {
		t.Errorf("with a boundary: %+v", r)
	}
	out = simulate(func(in *iam.SimulateCustomPolicyInput) {
		in.CallerArn = aws.String("arn:aws:iam::000000000000:user/bob")
		in.ResourcePolicy = aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:user/bob"},"Action":"s3:GetObject","Resource":"*"}]}`)
	})
	if r := out.EvaluationResults[0]; r.EvalDecision != "allowed" || r.MatchedStatements[0].SourcePolicyType != types.PolicySourceTypeResource {
		t.Errorf("with a resource policy: %+v", r)
	}
	out = simulate(func(in *iam.SimulateCustomPolicyInput) { in.MaxItems = aws.Int32(1) })
	if len(out.EvaluationResults) != 1 || !out.IsTruncated {
		t.Errorf("a page of one: %d results", len(out.EvaluationResults))
	}
	for name, change := range map[string]func(*iam.SimulateCustomPolicyInput){
		"no JSON": func(in *iam.SimulateCustomPolicyInput) { in.PolicyInputList = []string{"{"} },
		"caller is no user": func(in *iam.SimulateCustomPolicyInput) {
			in.CallerArn = aws.String("arn:aws:iam::000000000000:role/app")
		},
		"policy, no caller":   func(in *iam.SimulateCustomPolicyInput) { in.ResourcePolicy = aws.String(simulated) },
		"owner is no account": func(in *iam.SimulateCustomPolicyInput) { in.ResourceOwner = aws.String("nonsense") },
		"two boundaries": func(in *iam.SimulateCustomPolicyInput) {
			in.PermissionsBoundaryPolicyInputList = []string{simulated, simulated}
		},
	} {
		in := &iam.SimulateCustomPolicyInput{PolicyInputList: []string{simulated}, ActionNames: []string{"s3:GetObject"}}
		change(in)
		_, err := c.SimulateCustomPolicy(t.Context(), in)
		if e, ok := asAPIError(err); !ok || e.ErrorCode() != "InvalidInput" {
			t.Errorf("%s: %v", name, err)
		}
	}
	keys, err := c.GetContextKeysForCustomPolicy(t.Context(), &iam.GetContextKeysForCustomPolicyInput{PolicyInputList: []string{simulated}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"aws:PrincipalTag/team"}, keys.ContextKeyNames); diff != "" {
		t.Error(diff)
	}
}

// The simulation of a principal takes its own policies, those of its groups, and its boundary.
func TestSimulatePrincipalPolicy(t *testing.T) {
	c := iam.NewFromConfig(emulatortest.Start(t).Config())
	check := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	allow := func(action string) *string {
		return aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"` + action + `","Resource":"*"}]}`)
	}
	check(c.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("bob")}))
	check(c.CreateGroup(t.Context(), &iam.CreateGroupInput{GroupName: aws.String("staff")}))
	check(c.AddUserToGroup(t.Context(), &iam.AddUserToGroupInput{GroupName: aws.String("staff"), UserName: aws.String("bob")}))
	check(c.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: aws.String("bob"), PolicyName: aws.String("own"), PolicyDocument: allow("s3:GetObject")}))
	check(c.PutGroupPolicy(t.Context(), &iam.PutGroupPolicyInput{GroupName: aws.String("staff"), PolicyName: aws.String("shared"), PolicyDocument: allow("s3:PutObject")}))
	check(c.AttachUserPolicy(t.Context(), &iam.AttachUserPolicyInput{UserName: aws.String("bob"), PolicyArn: aws.String("arn:aws:iam::aws:policy/IAMReadOnlyAccess")}))
	bob := aws.String("arn:aws:iam::000000000000:user/bob")
	simulate := func(in *iam.SimulatePrincipalPolicyInput) map[string]types.EvaluationResult {
		t.Helper()
		in.PolicySourceArn = bob
		in.ActionNames = []string{"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "iam:GetUser"}
		out, err := c.SimulatePrincipalPolicy(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		all := make(map[string]types.EvaluationResult)
		for _, r := range out.EvaluationResults {
			all[*r.EvalActionName] = r
		}
		return all
	}
	all := simulate(&iam.SimulatePrincipalPolicyInput{})
	for action, want := range map[string]struct {
		decision types.PolicyEvaluationDecisionType
		id       string
	}{
		"s3:GetObject":    {"allowed", "user_bob_own"},
		"s3:PutObject":    {"allowed", "group_staff_shared"},
		"iam:GetUser":     {"allowed", "IAMReadOnlyAccess"},
		"s3:DeleteObject": {"implicitDeny", ""},
	} {
		got := all[action]
		if got.EvalDecision != want.decision || want.id != "" && (*got.MatchedStatements[0].SourcePolicyId != want.id || got.MatchedStatements[0].SourcePolicyType != "IAM Policy") {
			t.Errorf("%s: %s %+v", action, got.EvalDecision, got.MatchedStatements)
		}
	}
	all = simulate(&iam.SimulatePrincipalPolicyInput{PolicyInputList: []string{*allow("s3:DeleteObject")}})
	if all["s3:DeleteObject"].EvalDecision != "allowed" {
		t.Errorf("with another policy: %+v", all["s3:DeleteObject"])
	}
	check(c.PutUserPermissionsBoundary(t.Context(), &iam.PutUserPermissionsBoundaryInput{UserName: aws.String("bob"), PermissionsBoundary: aws.String("arn:aws:iam::aws:policy/IAMReadOnlyAccess")}))
	all = simulate(&iam.SimulatePrincipalPolicyInput{})
	if r := all["s3:GetObject"]; r.EvalDecision != "implicitDeny" || r.PermissionsBoundaryDecisionDetail.AllowedByPermissionsBoundary {
		t.Errorf("with a boundary: %+v", r)
	}
	if r := all["iam:GetUser"]; r.EvalDecision != "allowed" || !r.PermissionsBoundaryDecisionDetail.AllowedByPermissionsBoundary {
		t.Errorf("within the boundary: %+v", r)
	}
	for source, code := range map[string]string{
		"arn:aws:iam::000000000000:user/nobody": "NoSuchEntity", "arn:aws:iam::000000000000:user/path/bob": "NoSuchEntity",
		"arn:aws:iam::111111111111:user/bob": "InvalidInput", "arn:aws:s3:::some-bucket-name": "InvalidInput",
	} {
		_, err := c.SimulatePrincipalPolicy(t.Context(), &iam.SimulatePrincipalPolicyInput{PolicySourceArn: &source, ActionNames: []string{"s3:GetObject"}})
		if e, ok := asAPIError(err); !ok || e.ErrorCode() != code {
			t.Errorf("%s: %v", source, err)
		}
	}
	check(c.DeleteUserPermissionsBoundary(t.Context(), &iam.DeleteUserPermissionsBoundaryInput{UserName: aws.String("bob")}))
	inline := types.InlinePolicyIdentifierType{PolicyName: aws.String("shared"), AttachmentType: types.AttachmentTypeGroup, AttachmentName: aws.String("staff")}
	for name, c := range map[string]struct {
		identifier types.PolicyIdentifier
		denied     []string
	}{
		"by ARN":         {&types.PolicyIdentifierMemberPolicyArn{Value: "arn:aws:iam::aws:policy/IAMReadOnlyAccess"}, []string{"iam:GetUser"}},
		"by type":        {&types.PolicyIdentifierMemberPolicyType{Value: types.PolicyIdentifierPolicyTypeInline}, []string{"s3:GetObject", "s3:PutObject"}},
		"by inline name": {&types.PolicyIdentifierMemberInlinePolicyIdentifier{Value: inline}, []string{"s3:PutObject"}},
		"nothing":        {&types.PolicyIdentifierMemberPolicyArn{Value: "arn:aws:iam::000000000000:policy/none"}, nil},
	} {
		all = simulate(&iam.SimulatePrincipalPolicyInput{PolicyExclusionList: []types.PolicyIdentifier{c.identifier}})
		for _, action := range []string{"s3:GetObject", "s3:PutObject", "iam:GetUser"} {
			if denied := all[action].EvalDecision != "allowed"; denied != slices.Contains(c.denied, action) {
				t.Errorf("excluded %s: %s is %s", name, action, all[action].EvalDecision)
			}
		}
	}
}

// Each level of an organization must allow.
func TestSimulateOrganization(t *testing.T) {
	c := iam.NewFromConfig(emulatortest.Start(t).Config())
	level := func(actions ...string) types.OrderedOrganizationPolicyType {
		var l types.OrderedOrganizationPolicyType
		for _, a := range actions {
			l.ServiceControlPolicyInputList = append(l.ServiceControlPolicyInputList, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"`+a+`","Resource":"*"}]}`)
		}
		return l
	}
	for _, test := range []struct {
		levels  []types.OrderedOrganizationPolicyType
		allowed bool
	}{
		{[]types.OrderedOrganizationPolicyType{level("*"), level("*")}, true},
		{[]types.OrderedOrganizationPolicyType{level("*"), level("ec2:*", "s3:*")}, true},
		{[]types.OrderedOrganizationPolicyType{level("*"), level("ec2:*"), level("*")}, false},
	} {
		out, err := c.SimulateCustomPolicy(t.Context(), &iam.SimulateCustomPolicyInput{
			PolicyInputList:                    []string{`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`},
			ActionNames:                        []string{"s3:GetObject"},
			OrderedOrganizationPolicyInputList: test.levels,
		})
		if err != nil {
			t.Fatal(err)
		}
		r := out.EvaluationResults[0]
		if r.OrganizationsDecisionDetail.AllowedByOrganizations != test.allowed || (r.EvalDecision == "allowed") != test.allowed {
			t.Errorf("%d levels: %s", len(test.levels), r.EvalDecision)
		}
	}
}

// product is a simulation of many actions on many resources.
func product(actions, resources int) *iam.SimulateCustomPolicyInput {
	in := &iam.SimulateCustomPolicyInput{PolicyInputList: []string{simulated}}
	for i := range actions {
		in.ActionNames = append(in.ActionNames, fmt.Sprintf("s3:Action%d", i))
	}
	for i := range resources {
		in.ResourceArns = append(in.ResourceArns, fmt.Sprintf("arn:aws:s3:::a/%d", i))
	}
	return in
}

var simulator = identity.Principal{Kind: identity.Root, Account: identity.DefaultAccount, ARN: "arn:aws:iam::000000000000:root"}

// A page costs what is on it, however many questions there are.
func TestSimulationStopsBehindThePage(t *testing.T) {
	simulate := operations(t, simulator)["SimulateCustomPolicy"]
	in := product(500, 500)
	in.MaxItems = aws.Int32(10)
	allocations := testing.AllocsPerRun(5, func() {
		if _, err := simulate(in); err != nil {
			t.Fatal(err)
		}
	})
	if allocations > 2000 {
		t.Errorf("a page of 10 allocates %.0f times", allocations)
	}
}

// Pages have every question once, in order; where policies are large they are shorter than asked for.
func TestSimulationPages(t *testing.T) {
	c := iam.NewFromConfig(emulatortest.Start(t).Config())
	for _, test := range []struct{ space, items, least int }{{0, 7, 7}, {0, 1000, 400}, {120_000, 1000, 1}} {
		in := product(20, 20)
		in.PolicyInputList = []string{simulated + strings.Repeat(" ", test.space), simulated + strings.Repeat(" ", test.space), simulated + strings.Repeat(" ", test.space)}
		in.MaxItems = aws.Int32(int32(test.items))
		n := 0
		for p := iam.NewSimulateCustomPolicyPaginator(c, in); p.HasMorePages(); {
			out, err := p.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := len(out.EvaluationResults); got < test.least && out.IsTruncated || got > test.items || test.space > 0 && got > 100 {
				t.Errorf("%+v: a page of %d", test, got)
			}
			for _, r := range out.EvaluationResults {
				if *r.EvalActionName != in.ActionNames[n/20] || *r.EvalResourceName != in.ResourceArns[n%20] {
					t.Fatalf("%+v: question %d is %s on %s", test, n, *r.EvalActionName, *r.EvalResourceName)
				}
				n++
			}
		}
		if n != 400 {
			t.Errorf("%+v: %d questions", test, n)
		}
	}
}

func BenchmarkSimulateCustomPolicy(b *testing.B) {
	simulate := operations(b, simulator)["SimulateCustomPolicy"]
	in := product(1000, 100)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := simulate(in); err != nil {
			b.Fatal(err)
		}
	}
}

func asAPIError(err error) (smithy.APIError, bool) { return errors.AsType[smithy.APIError](err) }

// TestSimulationAnswers compares whole answers with ones of AWS.
func TestSimulationAnswers(t *testing.T) {
	e := emulatortest.Start(t)
	c := iam.NewFromConfig(e.Config())
	const until = `{"Effect":"Allow","Action":"dynamodb:*","Resource":"*","Condition":{"DateGreaterThan":{"aws:CurrentTime":"2018-08-16T12:00:00Z"}}}`
	const administrator = "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {\n      \"Effect\": \"Allow\",\n      \"Action\": \"*\",\n      \"Resource\": \"*\"\n    }\n  ]\n}"
	position := func(line, column int32) *types.Position { return &types.Position{Line: line, Column: column} }
	statement := func(from, to *types.Position) []types.Statement {
		return []types.Statement{{SourcePolicyId: aws.String("PolicyInputList.1"), SourcePolicyType: "IAM Policy", StartPosition: from, EndPosition: to}}
	}
	for name, test := range map[string]struct {
		policy   string
		from, to *types.Position
	}{
		// The AWS CLI's example of simulate-custom-policy.
		"a statement": {`{"Version":"2012-10-17","Statement":` + until + `}`, position(1, 38), position(1, 167)},
		// [rep] of single lines, as Terraform and Python write them.
		"a list":        {`{"Statement":[` + until + `],"Version":"2012-10-17"}`, position(1, 15), position(1, 145)},
		"a spaced list": {`{"Version": "2012-10-17", "Statement": [` + until + `]}`, position(1, 41), position(1, 171)},
		"lines":         {administrator, position(3, 17), position(8, 6)}, // [rec] AdministratorAccess
	} {
		t.Run(name, func(t *testing.T) {
			in := &iam.SimulateCustomPolicyInput{
				PolicyInputList: []string{test.policy}, ActionNames: []string{"dynamodb:CreateBackup"},
				ContextEntries: []types.ContextEntry{{ContextKeyName: aws.String("aws:CurrentTime"), ContextKeyType: "date", ContextKeyValues: []string{"2019-04-25T11:00:00Z"}}},
			}
			want := types.EvaluationResult{
				EvalActionName: aws.String("dynamodb:CreateBackup"), EvalResourceName: aws.String("*"), EvalDecision: "allowed",
				MatchedStatements: statement(test.from, test.to), MissingContextValues: []string{},
			}
			wantSame(t, must(c.SimulateCustomPolicy(t.Context(), in))(t).EvaluationResults, []types.EvaluationResult{want})

			// [rec] With resources there is more.
			const table = "arn:aws:dynamodb:us-east-1:000000000000:table/t"
			in.ResourceArns = []string{table}
			want.EvalResourceName, want.EvalDecisionDetails = aws.String(table), map[string]types.PolicyEvaluationDecisionType{}
			want.ResourceSpecificResults = []types.ResourceSpecificResult{{
				EvalResourceName: aws.String(table), EvalResourceDecision: "allowed", MatchedStatements: statement(test.from, test.to), MissingContextValues: []string{},
			}}
			wantSame(t, must(c.SimulateCustomPolicy(t.Context(), in))(t).EvaluationResults, []types.EvaluationResult{want})
		})
	}

	// Names of inline policies may be ambiguous: those of two groups are here.
	must(c.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("eve")}))(t)
	for group, policy := range map[string]string{"a": "b_c", "a_b": "c"} {
		must(c.CreateGroup(t.Context(), &iam.CreateGroupInput{GroupName: &group}))(t)
		must(c.AddUserToGroup(t.Context(), &iam.AddUserToGroupInput{GroupName: &group, UserName: aws.String("eve")}))(t)
		text := `{"Version":"2012-10-17","Statement":[` + strings.Repeat(`{"Effect":"Allow","Action":"x:y","Resource":"*"},`, len(group)) + `{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`
		must(c.PutGroupPolicy(t.Context(), &iam.PutGroupPolicyInput{GroupName: &group, PolicyName: &policy, PolicyDocument: &text}))(t)
	}
	eve := must(c.SimulatePrincipalPolicy(t.Context(), &iam.SimulatePrincipalPolicyInput{PolicySourceArn: aws.String("arn:aws:iam::000000000000:user/eve"), ActionNames: []string{"s3:GetObject"}}))(t)
	if matched := eve.EvaluationResults[0].MatchedStatements; len(matched) != 2 || *matched[0].SourcePolicyId != "group_a_b_c" || *matched[1].SourcePolicyId != "group_a_b_c" {
		t.Errorf("matched %+v", matched)
	}

	// [rec] Of a principal the organization is told, if its account is in one.
	must(c.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("bob")}))(t)
	in := &iam.SimulatePrincipalPolicyInput{PolicySourceArn: aws.String("arn:aws:iam::000000000000:user/bob"), ActionNames: []string{"s3:GetObject"}}
	want := types.EvaluationResult{
		EvalActionName: aws.String("s3:GetObject"), EvalResourceName: aws.String("*"), EvalDecision: "implicitDeny", MatchedStatements: []types.Statement{}, MissingContextValues: []string{},
	}
	wantSame(t, must(c.SimulatePrincipalPolicy(t.Context(), in))(t).EvaluationResults, []types.EvaluationResult{want})
	must(organizations.NewFromConfig(e.Config()).CreateOrganization(t.Context(), nil))(t)
	want.OrganizationsDecisionDetail = &types.OrganizationsDecisionDetail{AllowedByOrganizations: true}
	wantSame(t, must(c.SimulatePrincipalPolicy(t.Context(), in))(t).EvaluationResults, []types.EvaluationResult{want})

	// The service control policies of a member's account.
	orgs := organizations.NewFromConfig(e.Config())
	root := must(orgs.ListRoots(t.Context(), nil))(t).Roots[0].Id
	must(orgs.EnablePolicyType(t.Context(), &organizations.EnablePolicyTypeInput{RootId: root, PolicyType: "SERVICE_CONTROL_POLICY"}))(t)
	made := must(orgs.CreateAccount(t.Context(), &organizations.CreateAccountInput{AccountName: aws.String("team"), Email: aws.String("team@example.com")}))(t)
	account := must(orgs.DescribeCreateAccountStatus(t.Context(), &organizations.DescribeCreateAccountStatusInput{CreateAccountRequestId: made.CreateAccountStatus.Id}))(t).CreateAccountStatus.AccountId
	deny := must(orgs.CreatePolicy(t.Context(), &organizations.CreatePolicyInput{
		Type: "SERVICE_CONTROL_POLICY", Name: aws.String("deny"), Description: aws.String(""), Content: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}`),
	}))(t).Policy.PolicySummary.Id
	must(orgs.AttachPolicy(t.Context(), &organizations.AttachPolicyInput{PolicyId: deny, TargetId: root}))(t)
	member := iam.NewFromConfig(e.ConfigWith(*account, "test", "", "us-east-1"))
	must(member.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("bob")}))(t)
	must(member.AttachUserPolicy(t.Context(), &iam.AttachUserPolicyInput{UserName: aws.String("bob"), PolicyArn: aws.String("arn:aws:iam::aws:policy/AdministratorAccess")}))(t)
	for action, allowed := range map[string]bool{"s3:GetObject": false, "ec2:RunInstances": true} {
		in := &iam.SimulatePrincipalPolicyInput{PolicySourceArn: aws.String("arn:aws:iam::" + *account + ":user/bob"), ActionNames: []string{action}}
		got := must(member.SimulatePrincipalPolicy(t.Context(), in))(t).EvaluationResults[0]
		if got.OrganizationsDecisionDetail.AllowedByOrganizations != allowed || (got.EvalDecision == "allowed") != allowed {
			t.Errorf("%s: %+v", action, got)
		}
	}
}
