package policy

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// checkTrace checks that a trace's statements are those that the decision speaks of.
func checkTrace(t *testing.T, name string, d Decision, trace Trace) {
	t.Helper()
	if diff := cmp.Diff(d, trace.Decision, cmpopts.IgnoreUnexported(Statement{})); diff != "" {
		t.Errorf("%s: Evaluate and Explain differ:\n%s", name, diff)
	}
	type policy struct {
		source Source
		name   string
	}
	denied := false
	matched := make(map[policy]bool)
	for _, p := range trace.Policies {
		for _, s := range p.Statements {
			if s.Matched && p.Ignored == "" {
				denied = denied || s.Effect == "Deny"
				matched[policy{p.Type, p.Name}] = true
			}
		}
	}
	if denied != (d.Effect == ExplicitlyDenied) {
		t.Errorf("%s: %s, but a matching Deny in the trace: %v", name, d.Effect, denied)
	}
	if d.Statement != nil && !matched[policy{d.Source, d.Policy}] {
		t.Errorf("%s: %s %q decided, but did not match in the trace", name, d.Source, d.Policy)
	}
}

func TestTraceSaysWhatDidNotMatch(t *testing.T) {
	p := mustParse(t, Identity, `{"Version": "2012-10-17", "Statement": [
		{"Sid": "other", "Effect": "Allow", "Action": ["kms:Encrypt", "s3:*"], "Resource": "*"},
		{"Effect": "Allow", "Action": "kms:*", "Resource": "arn:aws:kms:*:*:key/${aws:PrincipalTag/key}"},
		{"Effect": "Allow", "Action": "kms:*", "Resource": "*", "Condition": {"StringLike": {"aws:PrincipalTag/team": ["blue", "red*"]}}},
		{"Effect": "Deny", "Action": "kms:*", "Resource": "*", "Condition": {"Null": {"aws:TokenIssueTime": "false"}}},
		{"Effect": "Allow", "NotAction": "iam:*", "NotResource": "arn:aws:s3:::*"}]}`)
	trace := Explain(&Request{
		Principal: Principal{Type: User, Account: "111111111111", ARN: "arn:aws:iam::111111111111:user/alice"},
		Action:    "kms:Decrypt", Resource: "arn:aws:kms:us-east-1:111111111111:key/k",
		Context: NewContext(map[string][]string{"aws:PrincipalTag/team": {"green"}}),
	}, &Policies{Identity: []Named{{Name: "p", Policy: p}}})
	var got []*Mismatch
	for _, s := range trace.Policies[0].Statements {
		got = append(got, s.Mismatch)
	}
	want := []*Mismatch{
		{Element: "Action", Policy: []string{"kms:Encrypt", "s3:*"}, Position: Position{2, 49, 89}, Request: []string{"kms:Decrypt"}},
		{
			Element: "Resource", Policy: []string{"arn:aws:kms:*:*:key/${aws:PrincipalTag/key}"},
			Position: Position{3, 54, 185}, Request: []string{"arn:aws:kms:us-east-1:111111111111:key/k"}, Missing: []string{"aws:PrincipalTag/key"},
		},
		{
			Element: "Condition", Operator: "StringLike", Key: "aws:PrincipalTag/team",
			Policy: []string{"blue", "red*"}, Position: Position{4, 113, 345}, Request: []string{"green"},
		},
		{Element: "Condition", Operator: "Null", Key: "aws:TokenIssueTime", Policy: []string{"false"}, Position: Position{5, 103, 468}},
		nil,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if trace.Effect != Allowed || trace.Statement.Index != 4 {
		t.Errorf("decision: %+v", trace.Decision)
	}
	if want := []Source{FromRCP, FromSCP, FromResource, FromBoundary, FromSession}; !slices.Equal(trace.Empty, want) {
		t.Errorf("empty: %v, want %v", trace.Empty, want)
	}
	if s := trace.Policies[0].Statements[0]; s.Sid != "other" || s.Start.Line != 2 || s.Start.Column != 3 {
		t.Errorf("first statement: %+v", s)
	}

	text, err := json.Marshal(trace)
	if err != nil {
		t.Fatal(err)
	}
	var back Trace
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(trace, back, cmpopts.IgnoreUnexported(Statement{})); diff != "" {
		t.Errorf("a trace changes on its way through JSON:\n%s", diff)
	}
}

func mustParse(t testing.TB, kind Kind, text string) *Policy {
	t.Helper()
	p, err := Parse(kind, text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
