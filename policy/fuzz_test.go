package policy

import (
	"errors"
	"slices"
	"testing"
)

func addDocuments(f *testing.F, add func(text string)) {
	cases := readCases(f, "testdata/cases.jsonl.gz")
	for _, c := range append(cases[:50:50], readCases(f, "testdata/conditions.json")...) {
		for _, p := range c.Policies.Identity {
			add(string(p.Document))
		}
		if c.Policies.Resource != nil {
			add(string(c.Policies.Resource.Document))
		}
	}
	add(`{"Statement": {"Effect": "Allow", "NotPrincipal": {"AWS": ["*"]}, "NotAction": "a:?", "NotResource": "${*}${", "Condition": {"Null": {"a:b": [true]}}}}`)
}

func FuzzParse(f *testing.F) {
	addDocuments(f, func(text string) { f.Add(0, text) })
	f.Fuzz(func(t *testing.T, kind int, text string) {
		k := Kind(uint(kind) % uint(len(kindNames)))
		p, err := Parse(k, text)
		findings := Lint(k, text, Rules{Partition: "aws"})
		if syntax, ok := errors.AsType[*SyntaxError](err); err != nil && (!ok || syntax.Message == "" || len(findings) == 0) {
			t.Fatalf("error %#v, findings %v", err, findings)
		}
		if _, fault := Check(k, text, Rules{Partition: "aws"}); (fault != nil) != slices.ContainsFunc(findings, func(f Finding) bool { return f.Severity == Error }) || err != nil && fault == nil {
			t.Fatalf("what may be written: %v, what may be read: %v, findings %v", fault, err, findings)
		}
		if err != nil {
			return
		}
		for _, s := range p.Statements {
			if text[s.Start.Offset] != '{' || text[s.End.Offset-1] != '}' {
				t.Errorf("a statement is at %v to %v", s.Start, s.End)
			}
		}
		p.ContextKeys()
		same, err := MapPrincipals(text, func(value string) (string, error) { return value, nil })
		if err != nil || same != text {
			t.Errorf("MapPrincipals changed %q into %q: %v", text, same, err)
		}
	})
}

func FuzzEvaluate(f *testing.F) {
	const user = "arn:aws:iam::111111111111:user/alice"
	addDocuments(f, func(text string) { f.Add(text, user, "s3:GetObject", "arn:aws:s3:::b/k", "aws:username", "alice") })
	f.Fuzz(func(t *testing.T, text, principal, action, resource, key, value string) {
		who, err := ParsePrincipal(principal)
		if err != nil {
			return
		}
		req := &Request{
			Principal: who, Action: action, Resource: resource, ResourceAccount: "111111111111",
			Context: NewContext(map[string][]string{key: {value, principal}, "aws:username": {value}}),
		}
		for k := range kindNames {
			parsed, err := Parse(Kind(k), text)
			if err != nil {
				continue
			}
			n := Named{Name: "p", Policy: parsed}
			p := &Policies{
				Identity: []Named{n}, Boundary: n, Session: []Named{n}, Resource: n, ResourceKind: Kind(k),
				SCPs: [][]Named{{n}}, RCPs: [][]Named{{n}},
			}
			checkTrace(t, text, Evaluate(req, p), Explain(req, p))
		}
	})
}
