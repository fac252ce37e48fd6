package policy

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Parse parses and validates a document. An error is a *SyntaxError with AWS's text.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
func Parse(kind Kind, text string) (*Policy, error) {
	return (&parser{kind: kind, text: text}).parse()
}

func (p *parser) parse() (*Policy, error) {
	root, syntax := parseJSON(p.text)
	if syntax != nil {
		return nil, syntax
	}
	policy := p.document(root)
	if p.err != nil {
		return nil, p.err
	}
	return policy, nil
}

// parser keeps the first error it finds.
type parser struct {
	kind Kind
	text string
	// anyAction lets a trust policy have actions of any service.
	anyAction bool

	version string
	err     *SyntaxError
}

// AWS's texts.
const (
	badSyntax      = "Syntax errors in policy."
	badVersion     = "Policy document must be version 2012-10-17 or greater."
	badSid         = "Statement IDs (SID) in a single policy must be unique."
	noActions      = "Policy statement must contain actions."
	noResources    = "Policy statement must contain resources."
	noPrincipals   = "Missing required field Principal"
	badVendor      = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
	badColon       = "Actions/Condition can contain only one colon."
	hasPrincipal   = "Policy document should not specify a principal."
	hasResource    = "Has prohibited field Resource"
	badPrincipal   = "Invalid principal in policy"
	badTrustAction = "Trust Policy statement actions can only be sts:AssumeRole, sts:AssumeRoleWithSAML, sts:AssumeRoleWithWebIdentity, sts:SetSourceIdentity, sts:TagSession and sts:SetContext"
)

func (p *parser) fail(at int, message string) {
	if p.err == nil {
		p.err = &SyntaxError{Message: message, At: position(p.text, at)}
	}
}

func (p *parser) document(root *node) *Policy {
	if root.kind != '{' {
		p.fail(root.start, badSyntax)
		return nil
	}
	for _, m := range root.members {
		if m.name != "Version" && m.name != "Id" && m.name != "Statement" {
			p.fail(m.at, badSyntax)
			return nil
		}
	}
	policy := &Policy{Kind: p.kind, Text: p.text, Version: "2008-10-17"}
	if v := root.get("Version"); v != nil {
		if v.kind != '"' || v.text != "2008-10-17" && v.text != "2012-10-17" {
			p.fail(v.start, badVersion)
			return nil
		}
		policy.Version = v.text
	}
	p.version = policy.Version
	if id := root.get("Id"); id != nil {
		if id.kind != '"' {
			p.fail(id.start, badSyntax)
			return nil
		}
		policy.ID = id.text
	}
	statements := root.get("Statement")
	if statements == nil {
		p.fail(root.start, badSyntax)
		return nil
	}
	sids := make(map[string]bool)
	for i, n := range list(statements) {
		s := p.statement(n)
		if s == nil {
			return nil
		}
		s.Index = i
		if s.Sid != "" && sids[s.Sid] {
			p.fail(n.start, badSid)
			return nil
		}
		sids[s.Sid] = true
		policy.Statements = append(policy.Statements, s)
	}
	if len(policy.Statements) == 0 {
		p.fail(statements.start, badSyntax)
	}
	return policy
}

// list returns the items of an array, or a single value as the only item.
func list(n *node) []*node {
	if n.kind == '[' {
		return n.items
	}
	return []*node{n}
}

var statementElements = []string{
	"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
}

func (p *parser) statement(n *node) *Statement {
	if n.kind != '{' {
		p.fail(n.start, badSyntax)
		return nil
	}
	for _, m := range n.members {
		if !slices.Contains(statementElements, m.name) {
			p.fail(m.at, badSyntax)
			return nil
		}
	}
	s := &Statement{Start: position(p.text, n.start), End: position(p.text, n.end)}
	if sid := n.get("Sid"); sid != nil {
		if sid.kind != '"' || p.kind != KeyPolicy && p.kind != Resource && strings.ContainsFunc(sid.text, notSid) {
			p.fail(sid.start, badSyntax)
			return nil
		}
		s.Sid = sid.text
	}
	effect := n.get("Effect")
	if effect == nil || effect.kind != '"' || effect.text != "Allow" && effect.text != "Deny" {
		p.fail(n.start, badSyntax)
		return nil
	}
	s.Allow = effect.text == "Allow"
	if p.kind == RCP && s.Allow {
		p.fail(effect.start, badSyntax)
	}
	p.principal(n, s)
	p.action(n, s)
	p.resource(n, s)
	if c := n.get("Condition"); c != nil {
		s.conditions = p.conditions(c)
	}
	if p.err != nil {
		return nil
	}
	return s
}

func notSid(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9')
}

// either returns the value of one of two elements of which a statement has one.
func (p *parser) either(n *node, name, negated string) (value *node, not bool) {
	plain, not1 := n.get(name), n.get(negated)
	if plain != nil && not1 != nil {
		p.fail(n.start, badSyntax)
	}
	if plain != nil {
		return plain, false
	}
	return not1, not1 != nil
}

func (p *parser) action(n *node, s *Statement) {
	value, not := p.either(n, "Action", "NotAction")
	if value == nil || len(list(value)) == 0 {
		p.fail(n.start, noActions)
		return
	}
	s.notAction = not
	for _, item := range list(value) {
		if item.kind != '"' {
			p.fail(item.start, badSyntax)
			return
		}
		action := strings.ToLower(item.text)
		vendor, name, ok := strings.Cut(action, ":")
		switch {
		case action == "*" && (p.kind != TrustPolicy || p.anyAction):
		case !ok || vendor == "" || name == "":
			p.fail(item.start, badVendor)
		case strings.Contains(name, ":"):
			p.fail(item.start, badColon)
		case p.kind == TrustPolicy && vendor != "sts" && !p.anyAction:
			p.fail(item.start, badTrustAction)
		}
		s.actions = append(s.actions, compilePattern(action))
	}
}

func (p *parser) resource(n *node, s *Statement) {
	value, not := p.either(n, "Resource", "NotResource")
	if p.kind == TrustPolicy {
		if value != nil {
			p.fail(value.start, hasResource)
		}
		s.anyResource = true
		return
	}
	if value == nil || len(list(value)) == 0 {
		p.fail(n.start, noResources)
		return
	}
	s.notResource = not
	for _, item := range list(value) {
		if item.kind != '"' {
			p.fail(item.start, badSyntax)
			return
		}
		if item.text != "*" && !p.isARN(item.text) {
			p.fail(item.start, "Resource "+item.text+` must be in ARN format or "*".`)
			return
		}
		s.anyResource = s.anyResource || item.text == "*" && !not
		s.resources = append(s.resources, compileTemplate(item.text, p.version))
	}
}

// isARN reports whether a resource looks like an ARN: its first part may be a
// wildcard, and the rest may follow from one.
func (p *parser) isARN(s string) bool {
	if strings.HasPrefix(s, "arn:") {
		return strings.Count(s, ":") >= 5 || strings.ContainsAny(s, "*$")
	}
	// "*:key/x" and "ar*" match ARNs too, and AWS takes them where no rule of a service forbids it.
	return strings.HasPrefix(s, "*") || strings.HasPrefix(s, "ar*") || strings.HasPrefix(s, "arn*") || strings.HasPrefix(s, "${")
}

func (p *parser) conditions(n *node) []condition {
	if n.kind != '{' {
		p.fail(n.start, badSyntax)
		return nil
	}
	var all []condition
	for _, operator := range n.members {
		op, ok := parseOperator(operator.name)
		if !ok || operator.value.kind != '{' {
			p.fail(operator.at, badSyntax)
			return nil
		}
		for _, key := range operator.value.members {
			if !strings.Contains(key.name, ":") {
				p.fail(key.at, badVendor)
				return nil
			}
			c := condition{operator: op, key: key.name, lowerKey: strings.ToLower(key.name)}
			for _, item := range list(key.value) {
				if !scalar(item.kind) {
					p.fail(item.start, badSyntax)
					return nil
				}
				c.values = append(c.values, op.compile(item.text, p.version))
			}
			all = append(all, c)
		}
	}
	return all
}

// scalar reports whether a condition's value may be of that kind: numbers and
// booleans need no quotes.
func scalar(k jsontext.Kind) bool { return k == '"' || k == '0' || k == 't' || k == 'f' }
