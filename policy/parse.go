package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Parse parses a document, checks it against the grammar of its kind and compiles it.
// An error is a *SyntaxError. It is for documents that are in force: those that are to be, Check holds to more.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
func Parse(kind Kind, text string) (*Policy, error) {
	return parse(kind, text, nil).result()
}

// Rules are what a document must keep to when it is written, besides the grammar, and what they depend on. What was
// written before a rule was known stays in force.
type Rules struct {
	// Partition is the only one whose ARNs the document may have; "": any.
	Partition string
	// Service returns an error that says what is wrong with the name of a service principal, or nil. A nil Service
	// takes whatever has the form of one.
	Service func(name string) error
}

// Check is Parse for a document that is about to be written.
func Check(kind Kind, text string, rules Rules) (*Policy, error) {
	p, err := parse(kind, text, &rules).result()
	if err != nil {
		return nil, err
	}
	if fault := p.checkProviders(); fault != nil {
		return nil, fault
	}
	return p, nil
}

// result returns the policy, or the fault that AWS would speak of.
func (p *parser) result() (*Policy, error) {
	if len(p.problems) == 0 {
		return p.policy, nil
	}
	first := slices.MinFunc(p.problems, func(a, b problem) int {
		return cmp.Or(cmp.Compare(a.fault, b.fault), cmp.Compare(a.at, b.at))
	})
	return nil, &SyntaxError{
		Message: first.message, Detail: first.detail,
		At: position(p.policy.Text, first.at), Path: first.path,
	}
}

// parser reads a document to its end and collects all that is wrong with it.
type parser struct {
	kind     Kind
	rules    *Rules // nil for a document that is in force
	policy   *Policy
	root     *node
	problems []problem
}

// problem is a fault found in a document.
type problem struct {
	fault   fault
	message string // AWS's
	detail  string // ours
	at      int
	path    string
}

func parse(kind Kind, text string, rules *Rules) *parser {
	p := &parser{kind: kind, rules: rules, policy: &Policy{Kind: kind, Version: "2008-10-17", Text: text}}
	if text != strings.TrimLeft(text, " \t\r\n") {
		const detail = "the text must begin with {, not with white space"
		switch {
		case kind == TrustPolicy:
			p.refuse(faultRawText, badLeading, 0, "", detail)
		case kind.ofIdentity():
			p.refuse(faultRawText, badLegacy, 0, "", detail)
		}
	}
	root, at, err := parseJSON(text)
	if err != nil {
		p.fail(faultJSON, at, "", "%v", err)
		return p
	}
	p.root = root
	p.document(root)
	return p
}

// fail notes a fault for which AWS has a fixed sentence; the detail is for people.
func (p *parser) fail(f fault, at int, path, format string, args ...any) {
	p.failWith(f, "", at, path, fmt.Sprintf(format, args...))
}

// failWith notes a fault with a sentence of AWS's for this document.
func (p *parser) failWith(f fault, message string, at int, path, detail string) {
	field := path[strings.LastIndexByte(path, '.')+1:]
	p.problems = append(p.problems, problem{
		fault: f, message: p.message(f, message, field, at), detail: detail, at: at, path: path,
	})
}

// refuse is failWith for what only a document that is being written must not have.
func (p *parser) refuse(f fault, message string, at int, path, detail string) {
	if p.rules != nil {
		p.failWith(f, message, at, path, detail)
	}
}

// object reports whether n is an object of known elements, each of which it hands to element.
func (p *parser) object(n *node, path, what string, known []string) bool {
	if n.kind != '{' {
		f := faultSyntax
		if n == p.root {
			f = faultJSON
		}
		p.fail(f, n.start, path, "%s must be an object", what)
		return false
	}
	for _, m := range n.members {
		if !slices.Contains(known, m.name) {
			p.fail(faultUnknownField, m.start, join(path, m.name), "%s has no element %q", what, m.name)
		}
	}
	return true
}

// text returns the value of an element that must be a string; it is "" if there is none.
func (p *parser) text(n *node, path, name string) string {
	v := n.get(name)
	if v == nil {
		return ""
	}
	if v.kind != '"' {
		p.fail(faultSyntax, v.start, join(path, name), "%s must be a string", name)
		return ""
	}
	return v.text
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func (p *parser) document(root *node) {
	if !p.object(root, "", "a policy", []string{"Version", "Id", "Statement"}) {
		return
	}
	p.policy.ID = p.text(root, "", "Id")
	p.version(root)
	statements := root.get("Statement")
	if statements == nil {
		p.fail(faultSyntax, root.end, "Statement", "a policy must have a Statement")
		return
	}
	if v := root.get("Version"); v != nil && v.start > statements.start && statements.kind == '{' && p.kind.ofIdentity() {
		p.refuse(faultLegacy, "", statements.start, "Statement", "a Statement that is no list must stand behind Version")
	}
	list := statements.list()
	if len(list) == 0 {
		p.fail(faultNoStatements, statements.start, "Statement", "Statement must not be empty")
	}
	p.policy.Statements = make([]Statement, len(list))
	sids := make(map[string]int)
	at := position(p.policy.Text, 0)
	for i, n := range list {
		path := "Statement"
		if statements.kind == '[' {
			path = fmt.Sprintf("Statement[%d]", i)
		}
		s := &p.policy.Statements[i]
		s.Index, s.Start = i, at.advance(p.policy.Text, n.start)
		s.End = s.Start.advance(p.policy.Text, n.end)
		at = s.End
		p.statement(n, s, path)
		if other, ok := sids[s.Sid]; ok && s.Sid != "" {
			p.fail(faultSid, n.start, path+".Sid", "Statement[%d] has the Sid %q too", other, s.Sid)
		}
		sids[s.Sid] = i
	}
}

func (p *parser) version(root *node) {
	v := root.get("Version")
	switch {
	case v == nil:
		if p.kind == Managed {
			p.fail(faultVersion, root.start, "Version", "there is no Version")
		}
	case v.kind != '"' || v.text != "2008-10-17" && v.text != "2012-10-17":
		p.fail(faultSyntax, v.start, "Version", "Version is neither 2012-10-17 nor 2008-10-17")
	default:
		p.policy.Version = v.text
		if p.kind == Managed && v.text != "2012-10-17" {
			p.fail(faultVersion, v.start, "Version", "a managed policy must be of version 2012-10-17")
		}
	}
	if (p.kind == SCP || p.kind == RCP) && p.policy.Version != "2012-10-17" {
		p.refuse(faultVersion, "", root.start, "Version", "a "+p.kind.String()+" policy must be of version 2012-10-17")
	}
}

var statementElements = []string{
	"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
}

func (p *parser) statement(n *node, s *Statement, path string) {
	if !p.object(n, path, "a statement", statementElements) {
		return
	}
	s.Sid = p.text(n, path, "Sid")
	if (p.kind == Identity || p.kind == Managed) && strings.ContainsFunc(s.Sid, notAlphanumeric) {
		// Services with policies of their own take spaces and more.
		p.fail(faultSyntax, n.get("Sid").start, path+".Sid", "a Sid has only letters and digits")
	}
	effect := p.text(n, path, "Effect")
	s.Allow = effect == "Allow"
	switch v := n.get("Effect"); {
	case v == nil:
		p.fail(faultNoEffect, n.start, path+".Effect", "a statement must have an Effect")
	case p.kind.ofIdentity() && effect != "Deny" && !s.Allow && (strings.EqualFold(effect, "Allow") || strings.EqualFold(effect, "Deny")):
		p.fail(faultLegacy, v.start, path+".Effect", "Effect is Allow or Deny, in these letters")
	case effect != "Allow" && effect != "Deny":
		p.fail(faultSyntax, v.start, path+".Effect", "Effect must be Allow or Deny")
	case s.Allow && p.kind == RCP:
		p.fail(faultSyntax, v.start, path+".Effect", "a resource control policy can only deny")
	}
	p.principal(n, s, path)
	p.action(n, s, path)
	p.resource(n, s, path)
	if c := n.get("Condition"); c != nil {
		p.condition(c, s, path+".Condition")
	}
}

func notAlphanumeric(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9')
}

// either returns that one of an element and its negation which a statement has.
func (p *parser) either(n *node, path, name string) (v *node, full string, negated bool) {
	plain, not := n.get(name), n.get("Not"+name)
	switch {
	case plain != nil && not != nil:
		p.fail(faultSyntax, not.start, path+".Not"+name, "a statement can't have both %s and Not%s", name, name)
		return plain, path + "." + name, false
	case not != nil:
		return not, path + ".Not" + name, true
	}
	return plain, path + "." + name, false
}

// item is a value in a list or, with the index -1, in the place of one.
type item struct {
	*node
	path  string
	index int
}

// at is the item's path, which only faults need.
func (i *item) at() string {
	if i.index < 0 {
		return i.path
	}
	return fmt.Sprintf("%s[%d]", i.path, i.index)
}

// items calls each for every value of an element that is a value or a list of them.
func (p *parser) items(n *node, path string, each func(item)) {
	if n.kind != '[' {
		each(item{n, path, -1})
		return
	}
	for i := range n.items {
		each(item{n.items[i], path, i})
	}
}

// strings is items for strings.
func (p *parser) strings(n *node, path string, each func(item)) {
	p.items(n, path, func(i item) {
		if i.kind != '"' {
			p.fail(faultSyntax, i.start, i.at(), "a string is expected")
			return
		}
		each(i)
	})
}

func (p *parser) action(n *node, s *Statement, path string) {
	v, path, negated := p.either(n, path, "Action")
	if v == nil || len(v.list()) == 0 {
		p.fail(faultNoActions, n.start, path, "a statement must have an Action or NotAction")
		return
	}
	s.notAction = negated
	if negated && p.kind == RCP {
		p.refuse(faultForbidden, "", v.start, path, "a resource control policy has no NotAction")
	}
	s.actions = make([]pattern, 0, len(v.list()))
	p.strings(v, path, func(item item) {
		if message := checkAction(item.text); message != "" {
			p.failWith(faultAction, message, item.start, item.at(), fmt.Sprintf("%q is not of the form service:action", item.text))
		}
		if service, _, _ := strings.Cut(item.text, ":"); p.kind == RCP && strings.ContainsAny(service, "*?") {
			p.refuse(faultAction, "", item.start, item.at(), "an action of a resource control policy must name its service")
		}
		action := compilePattern(strings.ToLower(item.text))
		if p.kind == TrustPolicy && !negated && !trustAction(&action) {
			p.fail(faultTrustAction, item.start, item.at(), "%q is no action of a trust policy", item.text)
		}
		s.actions = append(s.actions, action)
	})
}

func (p *parser) resource(n *node, s *Statement, path string) {
	v, path, negated := p.either(n, path, "Resource")
	if p.kind == TrustPolicy {
		if v != nil {
			p.fail(faultForbidden, v.start, path, "a trust policy is about its role, and has no Resource")
		}
		s.anyResource = true
		return
	}
	if v == nil || len(v.list()) == 0 {
		p.fail(faultNoResources, n.start, path, "a statement must have a Resource or NotResource")
		return
	}
	s.notResource = negated
	allowed := partitions
	if p.rules != nil && p.rules.Partition != "" {
		allowed = []string{p.rules.Partition}
	}
	s.resources = make([]template, 0, len(v.list()))
	p.strings(v, path, func(item item) {
		if f, message := checkResource(item.text, allowed); message != "" && p.kind != Resource && p.kind != KeyPolicy {
			p.failWith(f, message, item.start, item.at(), fmt.Sprintf("%q is neither \"*\" nor an ARN as IAM takes it here", item.text))
		}
		s.anyResource = s.anyResource || item.text == "*" && !negated
		s.resources = append(s.resources, compileTemplate(item.text, p.policy.Version, true))
	})
}

func (p *parser) condition(n *node, s *Statement, path string) {
	if n.kind != '{' {
		p.fail(faultSyntax, n.start, path, "Condition must be an object")
		return
	}
	for _, m := range n.members {
		path := path + "." + m.name
		op, ok := parseOperator(m.name)
		if m.value.kind != '{' {
			p.fail(faultSyntax, m.value.start, path, "a condition operator must have an object")
			continue
		}
		if !ok && len(m.value.members) > 0 {
			p.fail(faultSyntax, m.start, path, "%q is not a condition operator", m.name)
			continue
		}
		for _, k := range m.value.members {
			p.conditionKey(op, k, s, path+"."+k.name)
		}
	}
}

func (p *parser) conditionKey(op operator, k member, s *Statement, path string) {
	c := condition{operator: op, key: k.name, lowerKey: strings.ToLower(k.name), deny: !s.Allow}
	if p.kind == KeyPolicy && keyPolicyLacks(c.lowerKey) {
		p.refuse(faultKeyPolicy, "", k.start, path, k.name+" is for IAM policies only")
	}
	c.values = make([]value, 0, len(k.value.list()))
	p.items(k.value, path, func(item item) {
		switch item.kind {
		case '"', '0', 't', 'f': // quotation marks around numbers and Booleans are optional
		default:
			p.fail(faultSyntax, item.start, item.at(), "a string, number or Boolean is expected")
			return
		}
		v := op.compileValue(item.text, p.policy.Version)
		switch {
		case op.kind == opDate && v.operand == nil:
			p.fail(faultLegacy, item.start, item.at(), "%q is not a date", item.text)
		case op.kind == opDate && !writableDate(item.text):
			p.refuse(faultLegacy, "", item.start, item.at(), fmt.Sprintf("%q is more exact than a date can be", item.text))
		}
		c.values = append(c.values, v)
	})
	s.conditions = append(s.conditions, c)
}
