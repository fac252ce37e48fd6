package policy

import (
	"fmt"
	"strings"
)

// Trace is a decision with all that was read for it.
type Trace struct {
	Effect string `json:"effect"`
	// Reason is AWS's phrase behind a denial, "" if allowed.
	Reason   string        `json:"reason,omitempty"`
	Policies []PolicyTrace `json:"policies"`
	Grants   []string      `json:"grants,omitempty"`
}

// PolicyTrace is one policy that was read.
type PolicyTrace struct {
	// Type as in denials: "identity-based policy". Level counts the levels of SCPs and RCPs from
	// the organization's root, from 1.
	Type       string           `json:"type"`
	Level      int              `json:"level,omitempty"`
	Name       string           `json:"name,omitempty"`
	Statements []StatementTrace `json:"statements"`
}

// StatementTrace is one statement that was read.
type StatementTrace struct {
	Index   int      `json:"index"`
	Sid     string   `json:"sid,omitempty"`
	Effect  string   `json:"effect"`
	Start   Position `json:"start"`
	End     Position `json:"end"`
	Matched bool     `json:"matched"`
	// Mismatch is the first thing that did not match.
	Mismatch *Mismatch `json:"mismatch,omitempty"`
}

// Mismatch is an element of a statement that a request does not match, with the
// values of both.
type Mismatch struct {
	// Element: "Action", "Condition" ….
	Element string `json:"element"`
	// Operator and Key of a condition.
	Operator string `json:"operator,omitempty"`
	Key      string `json:"key,omitempty"`
	// Policy is what the statement has, Request what the request has; no values of a
	// condition key mean that it is absent.
	Policy  []string `json:"policy"`
	Request []string `json:"request"`
}

// Explain decides as Evaluate does, and tells how every statement of every policy
// met the request.
func Explain(r *Request, p *Policies) Trace {
	d := Evaluate(r, p)
	t := Trace{Effect: d.Effect.String(), Grants: p.Grants, Policies: []PolicyTrace{}}
	if d.Effect != Allowed {
		t.Reason = d.Reason(r.Action)
	}
	add := func(s Source, level int, policies ...Named) {
		for _, n := range policies {
			if n.Policy != nil {
				t.Policies = append(t.Policies, PolicyTrace{Type: s.String(), Level: level, Name: n.Name, Statements: explain(r, n.Policy)})
			}
		}
	}
	for i, level := range p.SCPs {
		add(FromSCP, i+1, level...)
	}
	for i, level := range p.RCPs {
		add(FromRCP, i+1, level...)
	}
	if p.ResourceKind == TrustPolicy {
		add(FromTrust, 0, p.Resource)
	} else {
		add(FromResource, 0, p.Resource)
	}
	if r.Principal.Type != AccountRoot {
		add(FromIdentity, 0, p.Identity...)
		add(FromBoundary, 0, p.Boundary)
	}
	add(FromSession, 0, p.Session...)
	return t
}

func explain(r *Request, p *Policy) []StatementTrace {
	all := make([]StatementTrace, len(p.Statements))
	for i, s := range p.Statements {
		t := StatementTrace{Index: s.Index, Sid: s.Sid, Effect: "Deny", Start: s.Start, End: s.End}
		if s.Allow {
			t.Effect = "Allow"
		}
		why := new(Mismatch)
		if t.Matched = s.matches(r, why); !t.Matched {
			t.Mismatch = why
		}
		all[i] = t
	}
	return all
}

func (m *Mismatch) principal(s *Statement, r *Request) {
	if m == nil {
		return
	}
	*m = Mismatch{Element: negate("Principal", s.notPrincipal), Request: []string{r.Principal.ARN}}
	for _, e := range s.principals {
		m.Policy = append(m.Policy, strings.TrimPrefix(e.kind+":"+e.value, "AWS:"))
	}
}

func (m *Mismatch) action(s *Statement, r *Request) {
	if m == nil {
		return
	}
	*m = Mismatch{Element: negate("Action", s.notAction), Request: []string{r.Action}}
	for _, p := range s.actions {
		m.Policy = append(m.Policy, p.String())
	}
}

func (m *Mismatch) resource(s *Statement, r *Request) {
	if m == nil {
		return
	}
	*m = Mismatch{Element: negate("Resource", s.notResource), Request: []string{r.Resource}}
	for i := range s.resources {
		m.Policy = append(m.Policy, s.resources[i].show(r.Context))
	}
}

func (m *Mismatch) condition(c *condition, r *Request) {
	if m == nil {
		return
	}
	*m = Mismatch{Element: "Condition", Operator: c.operator.name, Key: c.key, Request: []string{}}
	for i := range c.values {
		m.Policy = append(m.Policy, c.values[i].show(r.Context))
	}
	if values, ok := r.Context.Values(c.lowerKey); ok {
		m.Request = append(m.Request, values...)
	}
}

// show returns the text, and behind it what its variables made of it.
func (t *template) show(c Context) string {
	if t.parts == nil {
		return t.source
	}
	resolved, ok := t.resolve(c)
	if !ok {
		return t.source + " (a variable has no value)"
	}
	return fmt.Sprintf("%s (%s)", t.source, resolved)
}

func negate(element string, not bool) string {
	if not {
		return "Not" + element
	}
	return element
}

// String returns the type's name as AWS's denials have it.
func (s Source) String() string {
	return [...]string{
		"", "service control policy", "resource control policy", "resource-based policy", "identity-based policy",
		"permissions boundary", "session policy", "grant", "role trust policy",
	}[s]
}

// Reason returns the phrase that AWS puts behind a denial: "because no identity-based
// policy allows the kms:Decrypt action", "with an explicit deny in a service control
// policy". It is "" if the decision allows.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
func (d Decision) Reason(action string) string {
	source := d.Source
	if source == FromGrant {
		source = FromResource
	}
	switch d.Effect {
	case Allowed:
		return ""
	case ImplicitlyDenied:
		return "because no " + source.String() + " allows the " + action + " action"
	}
	reason := "with an explicit deny in " + article(source) + " " + source.String()
	if strings.HasPrefix(d.Policy, "arn:") && source != FromResource && source != FromTrust {
		reason += ": " + d.Policy
	}
	return reason
}

func article(s Source) string {
	switch s {
	case FromTrust:
		return "the"
	case FromIdentity:
		return "an"
	default:
		return "a"
	}
}
