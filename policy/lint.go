package policy

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Severity is how bad a finding is.
type Severity string

// The severities.
const (
	// Error is what AWS refuses.
	Error Severity = "error"
	// Warning is what AWS takes, but does hardly what was meant.
	Warning Severity = "warning"
)

// Finding is something worth knowing about a document.
type Finding struct {
	Severity Severity `json:"severity"`
	Message  string   `json:"message"`
	// AWS is what AWS says of an error, "" for warnings.
	AWS string `json:"aws,omitzero"`
	Position
	// Path leads to the element: "Statement[0].Condition.Bool.aws:SecureTransport".
	Path string `json:"path,omitzero"`
}

// Lint returns all errors of a document that is about to be written or, if it has none, warnings, in the order
// in which they stand in the text.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html
func Lint(kind Kind, text string, rules Rules) []Finding {
	p := parse(kind, text, &rules)
	findings := make([]Finding, 0, len(p.problems))
	for _, f := range p.problems {
		findings = append(findings, Finding{
			Severity: Error, Message: f.detail, AWS: f.message, Position: position(text, f.at), Path: f.path,
		})
	}
	if len(findings) == 0 {
		if e := p.policy.checkProviders(); e != nil {
			findings = append(findings, Finding{Severity: Error, Message: e.Detail, AWS: e.Message, Position: e.At, Path: e.Path})
		}
	}
	if len(findings) == 0 {
		l := &linter{policy: p.policy}
		l.document(p.root)
		findings = l.findings
	}
	slices.SortStableFunc(findings, func(a, b Finding) int { return cmp.Compare(a.Offset, b.Offset) })
	return findings
}

// linter looks for what is in the grammar but rarely meant.
type linter struct {
	policy   *Policy
	findings []Finding
}

func (l *linter) warn(at int, path, format string, args ...any) {
	l.findings = append(l.findings, Finding{
		Severity: Warning, Message: fmt.Sprintf(format, args...), Position: position(l.policy.Text, at), Path: path,
	})
}

func (l *linter) document(root *node) {
	if root.get("Version") == nil {
		l.warn(root.start, "Version", "without a Version the policy is of version 2008-10-17")
	}
	if l.policy.Version == "2008-10-17" && strings.Contains(l.policy.Text, "${") {
		l.warn(root.start, "Version", "in version 2008-10-17 ${…} is plain text; variables need 2012-10-17")
	}
	statements := root.get("Statement")
	for i, n := range statements.list() {
		path := "Statement"
		if statements.kind == '[' {
			path = fmt.Sprintf("Statement[%d]", i)
		}
		l.statement(n, &l.policy.Statements[i], path)
	}
}

func (l *linter) statement(n *node, s *Statement, path string) {
	l.principals(n, s, path)
	if v := n.get("NotAction"); v != nil && s.Allow {
		l.warn(v.start, path+".NotAction", "NotAction with Allow allows everything else, of every service")
	}
	if v := n.get("NotResource"); v != nil && s.Allow {
		l.warn(v.start, path+".NotResource", "NotResource with Allow allows every other resource, also those to come")
	}
	if v := n.get("Resource"); v != nil && s.Allow && s.anyResource && len(s.conditions) == 0 && !s.notAction {
		for i := range s.actions {
			if s.actions[i].literal != "" && s.actions[i].match("iam:passrole") {
				l.warn(v.start, path+".Resource", "iam:PassRole on every resource lets any role be passed to any service")
			}
		}
	}
	for _, name := range []string{"Resource", "NotResource"} {
		if v := n.get(name); v != nil {
			for _, item := range v.list() {
				l.variables(item, path+"."+name)
			}
		}
	}
	if c := n.get("Condition"); c != nil {
		for _, operator := range c.members {
			op, _ := parseOperator(operator.name)
			for _, key := range operator.value.members {
				l.condition(op, key, n, s, path+".Condition."+operator.name+"."+key.name)
			}
		}
	}
}

func (l *linter) principals(n *node, s *Statement, path string) {
	if v := n.get("NotPrincipal"); v != nil {
		path += ".NotPrincipal"
		if s.Allow {
			l.warn(v.start, path, "NotPrincipal with Allow is not supported, and allows everyone else, also anonymously")
			return
		}
		accounts := make(map[string]bool)
		for _, e := range s.principals {
			if e.kind == namesAccount {
				accounts[e.value] = true
			}
		}
		for _, e := range s.principals {
			if a, ok := ParseARN(e.value); ok && e.kind == namesARN && !accounts[a.Account] {
				l.warn(v.start, path, "%s is denied all the same, unless its account %s is listed too", e.value, a.Account)
			}
		}
	}
	if v := n.get("Principal"); v != nil && s.Allow && len(s.conditions) == 0 {
		for _, e := range s.principals {
			if e.kind == namesEveryone {
				l.warn(v.start, path+".Principal", "everyone is allowed, from any account and anonymously")
			}
		}
	}
}

// multivalued are the global keys that can have several values.
var multivalued = []string{
	"aws:calledvia", "aws:principalorgpaths", "aws:principalservicenameslist", "aws:resourceorgpaths",
	"aws:sourceorgpaths", "aws:tagkeys",
}

func (l *linter) condition(op operator, key member, statement *node, s *Statement, path string) {
	name := strings.ToLower(key.name)
	values := key.value.list()
	many := slices.Contains(multivalued, name)
	switch {
	case !strings.Contains(name, ":"):
		l.warn(key.start, path, "no request has a condition key %s: it lacks a prefix", key.name)
	case strings.HasPrefix(name, "aws:") && !IsGlobalKey(name):
		l.warn(key.start, path, "there is no global condition key %s", key.name)
	case many && op.set == single && op.kind != opNull:
		l.warn(key.start, path, "%s can have several values: ForAnyValue or ForAllValues says which of them count", key.name)
	case !many && op.set != single && strings.HasPrefix(name, "aws:"):
		l.warn(key.start, path, "%s has a single value: ForAnyValue and ForAllValues are for several", key.name)
	case s.Allow && op.set == forAllValues && !requiresKey(statement, key.name):
		l.warn(key.start, path, `ForAllValues holds too if %s is missing: add "Null": {%q: "false"}`, key.name, key.name)
	case len(values) == 0:
		l.warn(key.start, path, "a condition without values compares with nothing")
	}
	for _, item := range values {
		l.value(op, item, path)
	}
}

// requiresKey reports whether a Null condition asks for the key to be there.
func requiresKey(statement *node, key string) bool {
	for _, operator := range statement.get("Condition").members {
		if op, _ := parseOperator(operator.name); op.kind != opNull {
			continue
		}
		for _, k := range operator.value.members {
			if strings.EqualFold(k.name, key) {
				return true
			}
		}
	}
	return false
}

// expectations say what values of an operator look like.
var expectations = map[operatorKind]string{
	opNumeric: "a number", opDate: "a date", opBool: "true or false", opNull: "true or false",
	opBinary: "base64", opIP: "an IP address or range", opARN: "an ARN",
}

func (l *linter) value(op operator, item *node, path string) {
	v := op.compileValue(item.text, l.policy.Version)
	switch {
	case !v.readable(&op):
		l.warn(item.start, path, "%q is not %s, and never matches", item.text, expectations[op.kind])
	case op.kind == opIP:
		if p, err := netip.ParsePrefix(item.text); err == nil && p.Masked() != p {
			l.warn(item.start, path, "%s is the range %s", item.text, p.Masked())
		}
	case (op.kind == opString || op.kind == opStringIgnoreCase) && v.text.parts() == nil && strings.ContainsAny(v.text.fixed.literal, "*?"):
		if !strings.Contains(item.text, "${") && item.text != "*" {
			l.warn(item.start, path, "%s compares * and ? as text; wildcards need StringLike", op.written)
		}
	}
	l.variables(item, path)
}

func (l *linter) variables(item *node, path string) {
	if l.policy.Version != "2012-10-17" {
		return
	}
	for s := item.text; ; {
		_, rest, found := strings.Cut(s, "${")
		if !found {
			return
		}
		inner, after, closed := strings.Cut(rest, "}")
		switch {
		case !closed:
			l.warn(item.start, path, "%q has a variable without its }", item.text)
			return
		case inner == "*" || inner == "?" || inner == "$":
		case !strings.Contains(inner, ":"):
			l.warn(item.start, path, "${%s} is not a variable: it lacks the prefix of a condition key", inner)
		}
		s = after
	}
}

// globalKeys are AWS's global condition keys, in lower case.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
var globalKeys = []string{
	"aws:assumedroot", "aws:calledvia", "aws:calledviafirst", "aws:calledvialast", "aws:chatbotsourcearn", "aws:currenttime",
	"aws:ec2instancesourceprivateipv4", "aws:ec2instancesourcevpc", "aws:epochtime", "aws:federatedprovider",
	"aws:ismcpserviceaction", "aws:multifactorauthage", "aws:multifactorauthpresent", "aws:principalaccount",
	"aws:principalarn", "aws:principalisawsservice", "aws:principalorgid", "aws:principalorgmasteraccountid", "aws:principalorgpaths",
	"aws:principalservicename", "aws:principalservicenameslist", "aws:principaltype", "aws:referer",
	"aws:requestedregion", "aws:resourceaccount", "aws:resourceorgid", "aws:resourceorgpaths", "aws:securetransport",
	"aws:sourceaccount", "aws:sourcearn", "aws:sourceidentity", "aws:sourceip", "aws:sourceorgid", "aws:sourceorgpaths",
	"aws:sourceowner", "aws:sourcevpc", "aws:sourcevpcarn", "aws:sourcevpce", "aws:tagkeys", "aws:tokenissuetime",
	"aws:useragent", "aws:userid", "aws:username", "aws:viaawsmcpservice", "aws:viaawsservice", "aws:vpceaccount",
	"aws:vpceorgid", "aws:vpceorgpaths", "aws:vpcsourceip",
}

// IsGlobalKey reports whether a key in lower case is one of AWS's global condition keys; tags are keys of their own.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
func IsGlobalKey(key string) bool {
	for _, prefix := range []string{"aws:principaltag/", "aws:requesttag/", "aws:resourcetag/"} {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return slices.Contains(globalKeys, key)
}
