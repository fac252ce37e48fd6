package policy

import "strings"

// Request is what somebody asks to do.
type Request struct {
	Principal Principal
	// Action: "kms:Decrypt".
	Action string
	// Resource is an ARN, or "*" for actions on none.
	Resource string
	// ResourceAccount owns the resource.
	ResourceAccount string
	// Context holds the condition keys.
	Context Context

	action string // in lower case
}

// Named is a policy with the name under which an explanation shows it.
type Named struct {
	// Name is an ARN for managed policies, or the name of an inline one.
	Name   string
	Policy *Policy
}

// Policies are those that apply to a request.
type Policies struct {
	// Identity are the policies of the user and its groups, or of the role.
	Identity []Named
	// Boundary is the permissions boundary; its Policy is nil if there is none.
	Boundary Named
	// Session are the session policies. Without any a session is not limited by them,
	// unless SessionLimited is set: a federated user without a policy may do nothing.
	Session        []Named
	SessionLimited bool
	// Resource is the policy on the resource; its Policy is nil if there is none.
	Resource Named
	// ResourceKind is KeyPolicy or TrustPolicy if the resource is of a kind whose policy must
	// itself allow, also where Resource has none.
	ResourceKind Kind
	// SCPs of the principal's account, by level, the organization's root first. Empty if none apply:
	// no organization, the management account, a service-linked role.
	SCPs [][]Named
	// RCPs of the resource's account, by level.
	RCPs [][]Named
	// Grants are the KMS grants that allow this request to its principal.
	Grants []string
}

// Effect is the outcome of a decision.
type Effect int

// The effects. ImplicitlyDenied is the zero value: nothing is allowed unless something allows it.
const (
	ImplicitlyDenied Effect = iota
	ExplicitlyDenied
	Allowed
)

// String returns "Allowed", "ExplicitlyDenied" or "ImplicitlyDenied".
func (e Effect) String() string {
	return [...]string{"ImplicitlyDenied", "ExplicitlyDenied", "Allowed"}[e]
}

// Source is a type of policy.
type Source int

// The sources of a decision, in the order in which explicit denials are looked for.
const (
	NoSource Source = iota
	FromSCP
	FromRCP
	FromResource
	FromIdentity
	FromBoundary
	FromSession
	FromGrant
	FromTrust
)

// Decision is the outcome and what decided it.
type Decision struct {
	Effect Effect
	// Source is the type of policy that denied, or that should have allowed and did
	// not, or that allowed. NoSource if the root user needed no policy.
	Source Source
	// Policy is the name of the policy that denied explicitly or allowed, or "".
	Policy string
	// Statement denied explicitly or allowed; nil for an implicit denial.
	Statement *Statement
}

// Evaluate decides.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
func Evaluate(r *Request, p *Policies) Decision {
	r.prepare()
	root := r.Principal.Type == AccountRoot
	resourceSource := FromResource
	if p.ResourceKind == TrustPolicy {
		resourceSource = FromTrust
	}

	// An explicit denial anywhere decides.
	var identity, boundary, session, resource verdict
	resourceReach := unnamed
	for _, level := range p.SCPs {
		v := r.all(level)
		if d, denied := v.denial(FromSCP); denied {
			return d
		}
	}
	for _, level := range p.RCPs {
		if d, denied := r.all(level).denial(FromRCP); denied {
			return d
		}
	}
	if p.Resource.Policy != nil {
		resource, resourceReach = r.resource(p.Resource)
		if d, denied := resource.denial(resourceSource); denied {
			return d
		}
	}
	if !root {
		identity = r.all(p.Identity)
		if d, denied := identity.denial(FromIdentity); denied {
			return d
		}
		if p.Boundary.Policy != nil {
			boundary = r.one(p.Boundary)
			if d, denied := boundary.denial(FromBoundary); denied {
				return d
			}
		}
	}
	session = r.all(p.Session)
	if d, denied := session.denial(FromSession); denied {
		return d
	}

	// Each level of service control policies must allow.
	for _, level := range p.SCPs {
		if !r.all(level).allowed() {
			return Decision{Source: FromSCP}
		}
	}
	return r.permit(p, resourceSource, identity, boundary, session, resource, resourceReach)
}

// permit decides a request that nothing denies explicitly: what must allow, does?
func (r *Request) permit(p *Policies, resourceSource Source, identity, boundary, session, resource verdict, reached reach) Decision {
	who := &r.Principal
	if len(p.Grants) > 0 && !resource.allowed() {
		// A grant allows as a policy on the resource does that names the grantee.
		resource, reached = verdict{allow: &Statement{Allow: true}, by: p.Grants[0]}, viaSelf
		resourceSource = FromGrant
	}
	byResource := resource.decision(resourceSource)
	sameAccount := who.Account == r.ResourceAccount
	switch {
	case who.Type == Service || who.Type == Federated || who.Type == Anonymous:
		// They have no policies of their own.
		if !resource.allowed() {
			return Decision{Source: resourceSource}
		}
		return byResource
	case sameAccount && resource.allowed() && reached == viaSelf && who.Type != AccountRoot:
		// Named itself: its own policies need not allow, nor its boundary and session policies.
		return byResource
	}

	// The limits: what does not allow here, denies.
	limited := func() (Decision, bool) {
		if p.Boundary.Policy != nil && who.Type != AccountRoot && !boundary.allowed() {
			return Decision{Source: FromBoundary}, true
		}
		if (len(p.Session) > 0 || p.SessionLimited) && !session.allowed() {
			return Decision{Source: FromSession}, true
		}
		return Decision{}, false
	}
	mustAllow := p.ResourceKind == KeyPolicy || p.ResourceKind == TrustPolicy
	if (mustAllow || !sameAccount) && !resource.allowed() {
		if !sameAccount && who.Type != AccountRoot && !identity.allowed() {
			return Decision{Source: FromIdentity}
		}
		return Decision{Source: resourceSource}
	}
	byIdentity := identity.decision(FromIdentity)
	switch {
	case who.Type == AccountRoot:
		byIdentity = Decision{Effect: Allowed}
	case identity.allowed():
	case sameAccount && resource.allowed() && reached != viaAccount:
		// Everyone or the role is named: no identity policy is needed, but the limits hold.
		byIdentity = byResource
	default:
		return Decision{Source: FromIdentity}
	}
	if d, denied := limited(); denied {
		return d
	}
	return byIdentity
}

func (r *Request) prepare() {
	if r.action == "" {
		r.action = strings.ToLower(r.Action)
	}
	if r.Context == nil {
		r.Context = MapContext(nil)
	}
}

// verdict is what policies of one type say: the first statement that denies, else the
// first that allows.
type verdict struct {
	allow, deny *Statement
	by          string // the name of its policy
}

func (v verdict) allowed() bool { return v.allow != nil && v.deny == nil }

func (v verdict) denial(s Source) (Decision, bool) {
	return Decision{Effect: ExplicitlyDenied, Source: s, Policy: v.by, Statement: v.deny}, v.deny != nil
}

func (v verdict) decision(s Source) Decision {
	return Decision{Effect: Allowed, Source: s, Policy: v.by, Statement: v.allow}
}

// all asks policies of one type.
func (r *Request) all(policies []Named) verdict {
	var v verdict
	for i := range policies {
		one := r.one(policies[i])
		if one.deny != nil {
			return one
		}
		if v.allow == nil {
			v = one
		}
	}
	return v
}

func (r *Request) one(n Named) verdict {
	v := verdict{by: n.Name}
	for _, s := range n.Policy.Statements {
		if (s.Allow && v.allow != nil) || !s.matches(r, nil) {
			continue
		}
		if !s.Allow {
			v.deny = s
			return v
		}
		v.allow = s
	}
	return v
}

// resource asks the policy on the resource, and how closely it names the principal
// where it allows.
func (r *Request) resource(n Named) (verdict, reach) {
	v, closest := verdict{by: n.Name}, unnamed
	for _, s := range n.Policy.Statements {
		if !s.matches(r, nil) {
			continue
		}
		if !s.Allow {
			v.deny = s
			return v, closest
		}
		if reached := s.reach(&r.Principal); reached > closest {
			v.allow, closest = s, reached
		}
	}
	return v, closest
}

// matches reports whether the statement is about the request. If why is not nil
// it is told the first element that does not match.
func (s *Statement) matches(r *Request, why *Mismatch) bool {
	if s.principals != nil && s.reach(&r.Principal) == unnamed {
		why.principal(s, r)
		return false
	}
	if !s.matchesAction(r.action) {
		why.action(s, r)
		return false
	}
	if !s.matchesResource(r) {
		why.resource(s, r)
		return false
	}
	for i := range s.conditions {
		if c := &s.conditions[i]; !c.match(r.Context) {
			why.condition(c, r)
			return false
		}
	}
	return true
}

func (s *Statement) matchesAction(action string) bool {
	for _, p := range s.actions {
		if p.match(action) {
			return !s.notAction
		}
	}
	return s.notAction
}

func (s *Statement) matchesResource(r *Request) bool {
	if s.anyResource {
		return true
	}
	for i := range s.resources {
		p, ok := s.resources[i].resolve(r.Context)
		if !ok {
			if s.notResource {
				return false // an unresolved variable makes the statement fail either way
			}
			continue
		}
		if p.match(r.Resource) {
			return !s.notResource
		}
	}
	return s.notResource
}
