package policy

import (
	"fmt"
	"strings"
	"testing"
)

// A file that says something else than it means is refused, in words that name the place.
func TestReadCasesIsStrict(t *testing.T) {
	const good = `{"name":"n","request":{"principal":"arn:aws:iam::111111111111:user/a","action":"s3:Get","resource":"*"},"policies":{"identity":[{"Statement":[]}]},"expected":"Allowed"}`
	for _, test := range []struct{ old, new, want string }{
		{`"policies"`, `"polices"`, `case 1: n: there is no member "polices"; known are name, request, policies, expected, source`},
		{`"expected"`, `"expect"`, `there is no member "expect"`},
		{`"expected"`, `"Expected"`, `there is no member "Expected"`},
		{`"identity"`, `"identities"`, `policies: there is no member "identities"; known are identity, boundary, session, scopes, resource, scps, rcps, grants`},
		{`"principal"`, `"pincipal"`, `request: there is no member "pincipal"`},
		{`"action":"s3:Get"`, `"action":["s3:Get"]`, "request.action: a string is expected, not a list"},
		{`"name":"n"`, `"name":5`, "case 1: name: a string is expected, not a number"},
		{`[{"Statement":[]}]`, `{"Statement":[]}`, "policies.identity: a list is expected, not an object"},
		{`{"principal":"arn:aws:iam::111111111111:user/a","action":"s3:Get","resource":"*"}`, `"x"`, "request: an object is expected, not a string"},
		{`"resource":"*"`, `"resource":"*","context":{"a:b":{}}`, "request.context: a context key has a string or a list of strings"},
		{`"resource":"*"`, `"resource":"*","resource":"x"`, "a name is given twice"},
		{good, `"x"`, "case 1: an object is expected, not a string"},
		{good, `[[]]`, "case 1: an object is expected, not a list"},
		{good, `{"Version":"2012-10-17","Statement":[]}`, `case 1: there is no member "Statement"`},
		{good, "name: n\n", "cases: invalid character"},
		{good, good + good[:20], "cases: unexpected EOF"},
	} {
		_, err := ReadCases(strings.NewReader(strings.Replace(good, test.old, test.new, 1)))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s for %s: %v, want %s", test.new, test.old, err, test.want)
		}
	}
	for _, several := range []string{good, good + "\n" + good, "[" + good + "," + good + "]", ""} {
		if cases, err := ReadCases(strings.NewReader(several)); err != nil || len(cases) != strings.Count(several, "expected") {
			t.Errorf("%d cases, %v", len(cases), err)
		}
	}
}

// What is missing in a request is said; what follows from the principal is there.
func TestBuild(t *testing.T) {
	build := func(principal string, context map[string]CaseValues) (*Request, error) {
		c := Case{Name: "n", Request: CaseRequest{Principal: principal, Action: "s3:Get", Resource: "*", Context: context, UniqueID: "AROAAAAAAAAAAAAAAAAAA"}}
		r, _, err := c.Build()
		return r, err
	}
	if _, err := build("", nil); err == nil || !strings.Contains(err.Error(), "request.principal is missing") {
		t.Error(err)
	}
	for _, test := range []struct{ principal, key, want string }{
		{"arn:aws:iam::111111111111:user/path/alice", "aws:PrincipalArn", "[arn:aws:iam::111111111111:user/path/alice]"},
		{"arn:aws:iam::111111111111:user/path/alice", "aws:username", "[alice]"},
		{"arn:aws:iam::111111111111:user/path/alice", "aws:PrincipalAccount", "[111111111111]"},
		{"arn:aws:iam::111111111111:user/path/alice", "aws:PrincipalType", "[User]"},
		{"arn:aws:sts::111111111111:assumed-role/app/run", "aws:PrincipalArn", "[arn:aws:iam::111111111111:role/app]"},
		{"arn:aws:sts::111111111111:assumed-role/app/run", "aws:userid", "[AROAAAAAAAAAAAAAAAAAA:run]"},
		{"arn:aws:sts::111111111111:assumed-role/app/run", "aws:username", "[]"},
		{"arn:aws:iam::111111111111:root", "aws:PrincipalType", "[Account]"},
		{"lambda.amazonaws.com", "aws:PrincipalIsAWSService", "[true]"},
		{"lambda.amazonaws.com", "aws:PrincipalArn", "[]"},
	} {
		r, err := build(test.principal, nil)
		if err != nil {
			t.Fatal(err)
		}
		if values, _ := r.Context.Values(strings.ToLower(test.key)); fmt.Sprint(values) != test.want {
			t.Errorf("%s of %s: %v, want %s", test.key, test.principal, values, test.want)
		}
	}
	r, err := build("arn:aws:iam::111111111111:user/alice", map[string]CaseValues{"AWS:PrincipalArn": {"other"}})
	if err != nil {
		t.Fatal(err)
	}
	if values, _ := r.Context.Values("aws:principalarn"); fmt.Sprint(values) != "[other]" {
		t.Errorf("the case's own aws:PrincipalArn became %v", values)
	}
}

// RCPFullAWSAccess may stand among resource control policies, which else only deny
// (https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html).
func TestRCPFullAWSAccess(t *testing.T) {
	const stock = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`
	for document, good := range map[string]bool{stock: true, strings.Replace(stock, `"Action":"*"`, `"Action":"s3:*"`, 1): false} {
		c := Case{
			Request:  CaseRequest{Principal: "arn:aws:iam::111111111111:user/a", Action: "s3:Get", Resource: "*"},
			Policies: CasePolicies{RCPs: [][]CasePolicy{{{Document: []byte(document)}}}, Identity: []CasePolicy{{Document: []byte(`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)}}},
		}
		if d, err := c.Run(); (err == nil) != good || good && d.Effect != Allowed {
			t.Errorf("%s: %v %v", document, d.Effect, err)
		}
	}
}
