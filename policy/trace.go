package policy

// Trace is a decision with all that was looked at, for people and as JSON.
type Trace struct {
	Principal       string   `json:"principal"`
	Action          string   `json:"action"`
	Resource        string   `json:"resource"`
	ResourceAccount string   `json:"resourceAccount,omitzero"`
	Decision        Decision `json:"decision"`
	// Reason is that of a denial in AWS's words.
	Reason string `json:"reason,omitzero"`
	// Policies in the order in which they are asked.
	Policies []PolicyTrace `json:"policies"`
	// Grants are the KMS grants that allow the request.
	Grants []string `json:"grants,omitempty"`
}

// PolicyTrace is a policy that was read.
type PolicyTrace struct {
	Type Type   `json:"type"`
	Name string `json:"name,omitzero"`
	ARN  string `json:"arn,omitzero"`
	// Level of a service or resource control policy, from 1, the root of the organization.
	Level int `json:"level,omitzero"`
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
	// Policy is what the statement has.
	Policy []string `json:"policy"`
	// Request is what the request has; nothing if it lacks the key.
	Request []string `json:"request"`
	// Missing are the context keys that variables in Policy ask for and the request lacks.
	Missing []string `json:"missing,omitempty"`
}

// Explain decides like Evaluate and says what it looked at.
func Explain(req *Request, p *Policies) *Trace {
	e := newEvaluation(req)
	t := &Trace{
		Principal: req.Principal.ARN, Action: req.Action, Resource: req.Resource, ResourceAccount: req.ResourceAccount,
		Decision: e.decide(p), Policies: []PolicyTrace{}, Grants: p.Grants,
	}
	t.Reason = t.Decision.Reason(req.Action)
	add := func(kind Type, level int, ignored string, policies ...Named) {
		for _, n := range policies {
			t.Policies = append(t.Policies, PolicyTrace{
				Type: kind, Name: n.Name, ARN: n.ARN, Level: level, Ignored: ignored, Statements: e.explain(req, n.Policy),
			})
		}
	}
	who := &req.Principal
	for i, level := range p.RCPs {
		add(ResourceControl, i+1, unless(who.limitedByRCPs(), who), level...)
	}
	for i, level := range p.SCPs {
		add(ServiceControl, i+1, unless(who.limitedBySCPs(), who), level...)
	}
	if p.Resource != nil {
		add(p.resourceType(), 0, "", *p.Resource)
	}
	add(IdentityBased, 0, unless(who.hasIdentityPolicies(), who), p.Identity...)
	if p.Boundary != nil {
		add(PermissionsBoundary, 0, unless(who.hasIdentityPolicies(), who), *p.Boundary)
	}
	add(SessionPolicy, 0, unless(who.inAccount(), who), p.Session...)
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

func (e *evaluation) explain(req *Request, p *Policy) []StatementTrace {
	all := []StatementTrace{}
	if p == nil {
		return all
	}
	for i := range p.Statements {
		s := &p.Statements[i]
		m := s.mismatch(e, req)
		all = append(all, StatementTrace{
			Sid: s.Sid, Index: s.Index, Effect: s.Effect(), Start: s.Start, End: s.End, Matched: m == nil, Mismatch: m,
		})
	}
	return all
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
	if !s.matchAction(e.action) {
		m := &Mismatch{Element: element("Action", s.notAction), Request: []string{req.Action}}
		for i := range s.actions {
			m.Policy = append(m.Policy, s.actions[i].String())
		}
		return m
	}
	if s.matchPrincipal(e.principal) == noMatch {
		m := &Mismatch{Element: element("Principal", s.notPrincipal), Request: e.principal.names()}
		for i := range s.principals {
			m.Policy = append(m.Policy, s.principals[i].kind)
		}
		return m
	}
	if !s.matchResource(e) {
		m := &Mismatch{Element: element("Resource", s.notResource), Request: []string{e.resource}}
		for i := range s.resources {
			m.Policy = append(m.Policy, s.resources[i].kind)
			m.Missing = s.resources[i].appendMissing(m.Missing, e.context)
		}
		return m
	}
	for i := range s.conditions {
		if c := &s.conditions[i]; !c.holds(e.context) {
			m := &Mismatch{Element: "Condition", Operator: c.operator.written, Key: c.key, Request: e.context.Values(c.lowerKey)}
			for j := range c.values {
				v := &c.values[j]
				m.Policy = append(m.Policy, v.kind)
				m.Missing = v.text.appendMissing(m.Missing, e.context)
				for k := range v.arn {
					m.Missing = v.arn[k].appendMissing(m.Missing, e.context)
				}
			}
			return m
		}
	}
	return nil
}

// names are all that Principal elements can call the caller by.
func (p *Principal) names() []string {
	var names []string
	for _, name := range []string{p.ARN, p.Issuer, p.UniqueID, p.Account} {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// appendMissing appends the variables that have no value in the request.
func (t *template) appendMissing(missing []string, c Context) []string {
	for i := range t.parts {
		p := &t.parts[i]
		if p.key == "" || p.hasDefault {
			continue
		}
		if len(c.Values(p.key)) != 1 {
			missing = append(missing, p.written)
		}
	}
	return missing
}
