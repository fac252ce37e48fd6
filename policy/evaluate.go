package policy

import (
	"iter"
	"strings"
)

// Request is what is to be decided.
type Request struct {
	Principal Principal
	// Action as policies name it: "kms:Decrypt".
	Action string
	// Resource is an ARN, or "*" for actions without one.
	Resource string
	// ResourceAccount owns the resource; "" stands for the principal's account.
	ResourceAccount string
	// Context is what else is known; nil knows nothing.
	Context Context
}

// Named is a policy with its name in traces and messages.
type Named struct {
	// Name is the ARN of a managed policy or the name of an inline one.
	Name string
	// Policy is nil if it applies but can't be had, and allows nothing then.
	Policy *Policy
}

// Policies are all that apply to a request.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
type Policies struct {
	// Identity policies of the user and its groups, or of the role. Those of the root user
	// and of principals outside of accounts are not looked at.
	Identity []Named
	// Boundary is the permissions boundary; the zero value if there is none.
	Boundary Named
	// Session policies, inline and managed alike. Without any a session is not limited by
	// them, unless SessionLimited is set: a federated user without session policies may do nothing.
	Session        []Named
	SessionLimited bool
	// Scopes narrow a session, one after the other: whatever allows a request, each of them must allow it too.
	Scopes []Named
	// Resource is the policy on the resource; the zero value if it has none.
	Resource Named
	// ResourceKind is KeyPolicy or TrustPolicy if the resource is a key or a role: their
	// policies must themselves allow. It is needed only where Resource has no policy that tells it.
	ResourceKind Kind
	// SCPs of the principal's account, by level from the root to the account. Empty: none
	// apply, as in a management account.
	SCPs [][]Named
	// RCPs of the resource's account by level. RCPFullAWSAccess is implied in each.
	RCPs [][]Named
	// Grants are the KMS grants that allow this very request, to whom they name.
	Grants []Grant
}

// Grant is a KMS grant.
type Grant struct {
	// ID names it in decisions and traces.
	ID string
	// Grantee is who has it, as an element of Principal names one: a unique ID, an ARN or the name of a service.
	Grantee string
	// Alone is set if the grant needs no identity policy even of a grantee in another account, as the right to retire it does.
	Alone bool
}

// All yields every policy, in an order of its own.
func (p *Policies) All() iter.Seq[Named] {
	return func(yield func(Named) bool) {
		for level := range p.Levels() {
			for _, n := range level {
				if !yield(n) {
					return
				}
			}
		}
		p.Own()(yield)
	}
}

// Levels yields the policies of organizations, level by level.
func (p *Policies) Levels() iter.Seq[[]Named] {
	return func(yield func([]Named) bool) {
		for _, levels := range [...][][]Named{p.SCPs, p.RCPs} {
			for _, level := range levels {
				if !yield(level) {
					return
				}
			}
		}
	}
}

// Own yields the other policies: those of the principal and of the resource.
func (p *Policies) Own() iter.Seq[Named] {
	return func(yield func(Named) bool) {
		for _, list := range [...][]Named{p.Identity, p.Session, p.Scopes, {p.Boundary, p.Resource}} {
			for _, n := range list {
				if n != (Named{}) && !yield(n) {
					return
				}
			}
		}
	}
}

// Evaluate decides on a request.
//
// An explicit deny in any policy that applies is final. Otherwise the service control policies
// of each level must allow. Within an account it then takes an identity policy or a resource
// policy, and from another account both, where boundary and session policies limit what
// identity policies allow, and some of what resource policies do.
//
// A decision takes a bounded time. Policies that need more are not obeyed by half: the request is
// denied, with Undecided as the source.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
func Evaluate(req *Request, p *Policies) Decision {
	e := newEvaluation(req)
	return e.decide(p)
}

// evaluation is a request made ready to be matched with many statements.
type evaluation struct {
	principal *Principal
	action    string // in lower case
	resource  string
	context   Context
	same      bool // principal and resource are of one account
	work      int  // spent so far
}

// maxWork bounds a decision. A unit is about what it takes to search a byte of text: a tenth of a
// nanosecond. Whatever policies IAM's quotas allow are decided on with less, unless they are full of patterns and
// are compared with values of many KB; those take some ten milliseconds, and are refused.
const maxWork = 64 << 20

// spend reports whether there is work left, with n more.
func (e *evaluation) spend(n int) bool {
	e.work += n
	return e.work <= maxWork
}

func (e *evaluation) match(p *pattern, s string) bool {
	return e.spend(p.cost(s)) && p.match(s)
}

func newEvaluation(req *Request) evaluation {
	e := evaluation{
		principal: &req.Principal, action: strings.ToLower(req.Action), resource: req.Resource, context: req.Context,
		same: req.ResourceAccount == "" || req.ResourceAccount == req.Principal.Account,
	}
	if e.context == nil {
		e.context = MapContext(nil)
	}
	return e
}

// inAccount reports whether the principal belongs to an account, whose policies apply to it.
func (p *Principal) inAccount() bool {
	return p.Type != Anonymous && p.Type != Federated && p.Type != Service
}

// isRoot reports whether the principal is a root user, or one that a root user federated.
// It may do all that its account may.
func (p *Principal) isRoot() bool {
	return p.Type == AccountRoot || p.Type == FederatedUser && strings.HasSuffix(p.UserARN, ":root")
}

func (p *Principal) hasIdentityPolicies() bool { return p.inAccount() && !p.isRoot() }

// limitedBySCPs: neither service-linked roles nor anybody outside of accounts.
func (p *Principal) limitedBySCPs() bool { return p.inAccount() && !p.ServiceLinked }

// limitedByRCPs: everybody, from anywhere, but service-linked roles.
func (p *Principal) limitedByRCPs() bool { return !p.ServiceLinked }

// resourceKind is the kind of the policy on the resource, also where that is missing.
func (p *Policies) resourceKind() Kind {
	if p.Resource.Policy != nil && (p.ResourceKind == Identity || p.ResourceKind == Resource) {
		return p.Resource.Policy.Kind
	}
	return p.ResourceKind
}

// resourceSource is what AWS calls the policy on the resource.
func (p *Policies) resourceSource() Source {
	if p.resourceKind() == TrustPolicy {
		return FromTrust
	}
	return FromResource
}

// resourceMustAllow: IAM alone can't allow the use of a key or role.
func (p *Policies) resourceMustAllow() bool {
	kind := p.resourceKind()
	return kind == KeyPolicy || kind == TrustPolicy
}

// verdict is what policies of one type say together.
type verdict struct {
	source Source
	grant  closeness // of the closest Allow
	allow  *Statement
	deny   *Statement
	by     string // the name of the policy of deny or else of allow
	alone  bool   // of a grant that needs no identity policy
}

func (v *verdict) allowed() bool { return v.grant != noMatch }

func (v *verdict) decision(effect Effect, s *Statement) Decision {
	return Decision{Effect: effect, Source: v.source, Policy: v.by, Statement: s}
}

// ask asks policies, until one denies.
func (v *verdict) ask(e *evaluation, policies ...Named) {
	for i := range policies {
		if policies[i].Policy == nil {
			continue
		}
		statements := policies[i].Policy.Statements
		for j := range statements {
			s := &statements[j]
			if s.Allow && v.grant == matchDirectly {
				continue // no Allow can say more
			}
			m := s.match(e)
			switch {
			case !e.spend(0):
				return
			case m == noMatch:
			case !s.Allow:
				v.deny, v.by = s, policies[i].Name
				return
			case m > v.grant:
				v.grant, v.allow, v.by = m, s, policies[i].Name
			}
		}
	}
}

// match reports whether a statement is about the request, and how closely its
// Principal names the caller.
func (s *Statement) match(e *evaluation) closeness {
	if !s.matchAction(e) {
		return noMatch
	}
	m := s.matchPrincipal(e.principal)
	if m == noMatch || !s.matchResource(e) {
		return noMatch
	}
	for i := range s.conditions {
		if !s.conditions[i].holds(e) {
			return noMatch
		}
	}
	return m
}

func (s *Statement) matchAction(e *evaluation) bool {
	for i := range s.actions {
		if e.match(&s.actions[i], e.action) {
			return !s.notAction
		}
	}
	return s.notAction
}

func (s *Statement) matchResource(e *evaluation) bool {
	if s.anyResource {
		return true
	}
	anyOf := !s.Allow != s.notResource // of several values of a variable
	for i := range s.resources {
		matched, resolved := s.resources[i].matches(e, anyOf, func(p *pattern) bool { return e.match(p, e.resource) })
		switch {
		case !resolved && s.notResource:
			return false // a variable without value fails the statement either way
		case matched:
			return !s.notResource
		}
	}
	return s.notResource
}

// notAllowed is the decision when policies of a type had to allow and didn't.
func notAllowed(s Source) Decision { return Decision{Source: s} }

// decide asks in the order of AWS's own diagram, which decides what type of policy a
// denial speaks of when there are several.
func (e *evaluation) decide(p *Policies) Decision {
	who := e.principal
	rcps, scps := verdict{source: FromRCP}, verdict{source: FromSCP}
	identity, boundary, session := verdict{source: FromIdentity}, verdict{source: FromBoundary}, verdict{source: FromSession}
	scopes, scopesAllow := verdict{source: FromScope}, true
	resource := verdict{source: p.resourceSource()}

	if who.limitedByRCPs() {
		for _, level := range p.RCPs {
			if rcps.ask(e, level...); rcps.deny != nil {
				return rcps.decision(ExplicitlyDenied, rcps.deny)
			}
		}
	}
	scpsAllow := true
	if who.limitedBySCPs() {
		for _, level := range p.SCPs {
			scps.grant = noMatch
			if scps.ask(e, level...); scps.deny != nil {
				return scps.decision(ExplicitlyDenied, scps.deny)
			}
			scpsAllow = scpsAllow && scps.allowed()
		}
	}
	resource.ask(e, p.Resource)
	if who.hasIdentityPolicies() {
		identity.ask(e, p.Identity...)
		boundary.ask(e, p.Boundary)
	}
	if who.inAccount() {
		session.ask(e, p.Session...)
		for _, scope := range p.Scopes {
			scopes.grant = noMatch
			if scopes.ask(e, scope); scopes.deny != nil {
				break
			}
			scopesAllow = scopesAllow && scopes.allowed()
		}
	}
	for _, v := range [...]*verdict{&resource, &identity, &boundary, &session, &scopes} {
		if v.deny != nil {
			return v.decision(ExplicitlyDenied, v.deny)
		}
	}
	switch {
	case !e.spend(0):
		return notAllowed(Undecided)
	case !scpsAllow:
		return notAllowed(FromSCP)
	}
	d := e.grant(p, &identity, &boundary, &session, &resource)
	if d.Effect == Allowed && !scopesAllow {
		return notAllowed(FromScope)
	}
	return d
}

// grant decides when nothing denies.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics-id-rdp.html
// https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html#access_policies_boundaries-eval-logic
func (e *evaluation) grant(p *Policies, identity, boundary, session, resource *verdict) Decision {
	who := e.principal
	if who.isRoot() && resource.source == FromTrust {
		return notAllowed(FromTrust) // Roles may not be assumed by root users.
	}
	for _, g := range p.Grants {
		resource.addGrant(who, g)
	}
	if !resource.allowed() && (!who.inAccount() || !e.same || p.resourceMustAllow()) {
		return notAllowed(p.resourceSource())
	}
	local := e.same || resource.alone
	if !who.inAccount() || local && resource.grant == matchDirectly {
		// What is granted to the very user or session is limited by nothing but denies.
		return resource.decision(Allowed, resource.allow)
	}
	var by Decision
	switch {
	case who.isRoot():
		by.Effect = Allowed
	case local && resource.grant == matchIssuer:
		// What is granted to a role in the same account needs no identity policy, but is
		// limited like one.
		by = resource.decision(Allowed, resource.allow)
	case identity.allowed():
		// What is granted to an account is for the account to hand on.
		by = identity.decision(Allowed, identity.allow)
	default:
		return notAllowed(FromIdentity)
	}
	if who.hasIdentityPolicies() && p.Boundary != (Named{}) && !boundary.allowed() {
		return notAllowed(FromBoundary)
	}
	if (len(p.Session) > 0 || p.SessionLimited) && !session.allowed() {
		return notAllowed(FromSession)
	}
	return by
}

// addGrant counts a KMS grant: it names its grantee as a resource policy would.
//
// https://docs.aws.amazon.com/kms/latest/developerguide/grants.html
func (v *verdict) addGrant(who *Principal, g Grant) {
	kind := "AWS"
	if who.Type == Service {
		kind = "Service"
	}
	grantee, ok := compilePrincipal(kind, g.Grantee)
	if !ok || grantee.kind == namesEveryone {
		return
	}
	if m := grantee.match(who); m > v.grant {
		*v = verdict{source: FromGrant, grant: m, by: g.ID, alone: g.Alone}
	}
}
