package policy

import "slices"

// Trace is a decision with all that was looked at, for people and as JSON.
type Trace struct {
	Decision
	// Reason is that of a denial in AWS's words.
	Reason string `json:"reason,omitempty"`
	// Policies in the order in which they are asked.
	Policies []PolicyTrace `json:"policies"`
	// Empty are the types of policy that would have been asked too, had there been any.
	Empty []Source `json:"empty,omitempty"`
	// Missing are the types of policy that would have to allow the request, too.
	Missing []Source `json:"missing,omitempty"`
	// Grants are the KMS grants that allow the request.
	Grants []string `json:"grants,omitempty"`
	// Incomplete is set if not all that was looked at is there: it would take too long or too much memory.
	Incomplete bool `json:"incomplete,omitzero"`
}

// PolicyTrace is a policy that was read.
type PolicyTrace struct {
	Type Source `json:"type"`
	// Level of a service or resource control policy, from 1, the root of the organization.
	Level int    `json:"level,omitzero"`
	Name  string `json:"name,omitzero"`
	// Ignored says why the policy does not count for this principal, "" if it does.
	Ignored    string           `json:"ignored,omitzero"`
	Statements []StatementTrace `json:"statements"`
}

// StatementTrace is a statement that was compared with the request.
type StatementTrace struct {
	Sid     string   `json:"sid,omitzero"`
	Index   int      `json:"index"`
	Effect  string   `json:"effect"`
	Start   Position `json:"start"`
	End     Position `json:"end"`
	Matched bool     `json:"matched"`
	// Mismatch is the first element that did not match.
	Mismatch *Mismatch `json:"mismatch,omitempty"`
}

// Mismatch is an element of a statement that did not match, with both sides.
type Mismatch struct {
	// Element is "Action", "NotAction", "Principal", "NotPrincipal", "Resource", "NotResource" or "Condition".
	Element string `json:"element"`
	// Operator and Key of a condition.
	Operator string `json:"operator,omitempty"`
	Key      string `json:"key,omitempty"`
	// Policy is what the statement has, as it is written there, and Position where.
	Policy   []string `json:"policy"`
	Position Position `json:"position,omitzero"`
	// Request is what the request has; nothing if it lacks the key.
	Request []string `json:"request"`
	// Missing are the context keys that variables in Policy ask for and the request lacks.
	Missing []string `json:"missing,omitempty"`
}

// Explain decides like Evaluate and says what it looked at.
func Explain(req *Request, p *Policies) Trace {
	return ExplainDecision(req, p, Evaluate(req, p))
}

// ExplainDecision says what was looked at for a decision that Evaluate made. The statement that decided is shown
// as matched, also if the request's long values were cut since.
func ExplainDecision(req *Request, p *Policies, d Decision) Trace {
	e := newEvaluation(req)
	e.work = -15 * maxWork // all statements are looked at, also those that could not change the decision
	t := Trace{Decision: d, Reason: d.Reason(req.Action), Policies: []PolicyTrace{}}
	for _, g := range p.Grants {
		t.Grants = append(t.Grants, g.ID)
	}
	add := func(source Source, level int, ignored string, policies ...Named) {
		for _, n := range policies {
			if n != (Named{}) {
				t.Policies = append(t.Policies, PolicyTrace{
					Type: source, Level: level, Name: n.Name, Ignored: ignored, Statements: e.explain(req, n.Policy, d.Statement),
				})
			}
		}
	}
	who := &req.Principal
	for i, level := range p.RCPs {
		add(FromRCP, i+1, unless(who.limitedByRCPs(), who), level...)
	}
	for i, level := range p.SCPs {
		add(FromSCP, i+1, unless(who.limitedBySCPs(), who), level...)
	}
	add(p.resourceSource(), 0, "", p.Resource)
	add(FromIdentity, 0, unless(who.hasIdentityPolicies(), who), p.Identity...)
	add(FromBoundary, 0, unless(who.hasIdentityPolicies(), who), p.Boundary)
	add(FromSession, 0, unless(who.inAccount(), who), p.Session...)
	add(FromScope, 0, unless(who.inAccount(), who), p.Scopes...)
	for _, kind := range [...]struct {
		source Source
		counts bool
	}{
		{FromRCP, who.limitedByRCPs()}, {FromSCP, who.limitedBySCPs()}, {p.resourceSource(), true},
		{FromIdentity, who.hasIdentityPolicies()}, {FromBoundary, who.hasIdentityPolicies()}, {FromSession, who.inAccount()},
	} {
		if kind.counts && !slices.ContainsFunc(t.Policies, func(p PolicyTrace) bool { return p.Type == kind.source }) {
			t.Empty = append(t.Empty, kind.source)
		}
	}
	if d.Effect == ImplicitlyDenied {
		t.Missing = Missing(req, p)
	}
	t.Incomplete = !e.spend(0)
	return t
}

// unless returns why policies of a type do not count.
func unless(counts bool, who *Principal) string {
	switch {
	case counts:
		return ""
	case who.ServiceLinked:
		return "service-linked roles are exempt"
	case who.isRoot():
		return "the account root user has no identity-based policies"
	default:
		return "the principal belongs to no account"
	}
}

func (e *evaluation) explain(req *Request, p *Policy, decided *Statement) []StatementTrace {
	all := []StatementTrace{}
	if p == nil {
		return all
	}
	for i := range p.Statements {
		s := &p.Statements[i]
		m := s.mismatch(e, req)
		if !e.spend(0) {
			return all
		}
		if s == decided {
			m = nil
		}
		if m != nil {
			p.quote(s, m)
		}
		all = append(all, StatementTrace{
			Sid: s.Sid, Index: s.Index, Effect: s.Effect(), Start: s.Start, End: s.End, Matched: m == nil, Mismatch: m,
		})
	}
	return all
}

// quote says what a statement's element has in the policy's own spelling, and where it stands.
func (p *Policy) quote(s *Statement, m *Mismatch) {
	root, _, err := parseJSON(p.Text[s.Start.Offset:s.End.Offset])
	if err != nil { // what was parsed once parses again
		return
	}
	n := root.get(m.Element)
	if n != nil && m.Operator != "" {
		n = n.get(m.Operator).get(m.Key)
	}
	if n == nil {
		return
	}
	m.Position = s.Start.advance(p.Text, s.Start.Offset+n.start)
	if n.kind == '{' { // of principals the kind is left out
		return
	}
	m.Policy = nil
	for _, item := range n.list() {
		m.Policy = append(m.Policy, item.text)
	}
}

// mismatch asks what match asks, in the same order, and returns the first thing that
// does not match.
func (s *Statement) mismatch(e *evaluation, req *Request) *Mismatch {
	element := func(name string, negated bool) string {
		if negated {
			return "Not" + name
		}
		return name
	}
	if !s.matchAction(e) {
		m := &Mismatch{Element: element("Action", s.notAction), Request: []string{req.Action}}
		for i := range s.actions {
			m.Policy = append(m.Policy, s.actions[i].String())
		}
		return m
	}
	if s.matchPrincipal(e.principal) == noMatch {
		m := &Mismatch{Element: element("Principal", s.notPrincipal), Request: e.principal.names()}
		for i := range s.principals {
			m.Policy = append(m.Policy, s.principals[i].source)
		}
		return m
	}
	if !s.matchResource(e) {
		m := &Mismatch{Element: element("Resource", s.notResource), Request: []string{e.resource}}
		for i := range s.resources {
			m.Policy = append(m.Policy, s.resources[i].source())
			m.Missing = s.resources[i].appendMissing(m.Missing, e.context)
		}
		return m
	}
	for i := range s.conditions {
		if c := &s.conditions[i]; !c.holds(e) {
			m := &Mismatch{Element: "Condition", Operator: c.operator.written, Key: c.key}
			m.Request, _ = e.context.Values(c.lowerKey)
			for j := range c.values {
				v := &c.values[j]
				m.Policy = append(m.Policy, v.text.source())
				m.Missing = v.text.appendMissing(m.Missing, e.context)
			}
			return m
		}
	}
	return nil
}

// names are all that Principal elements can call the caller by.
func (p *Principal) names() []string {
	var names []string
	for _, name := range []string{p.ARN, p.RoleARN, p.UserARN, p.UniqueID, p.Account} {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// appendMissing appends the variables that have no value in the request.
func (t *template) appendMissing(missing []string, c Context) []string {
	for _, p := range t.parts() {
		if p.key == "" || p.hasDefault {
			continue
		}
		if values, _ := c.Values(p.key); len(values) == 0 {
			missing = append(missing, p.written)
		}
	}
	return missing
}
