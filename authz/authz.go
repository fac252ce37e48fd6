// Package authz decides whether a caller may do what an operation is about to do:
// it gathers the policies that apply, asks package policy, keeps what it decided
// for whoever asks why, and words the denial as AWS does.
package authz

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"emulator/api"
	"emulator/clock"
	"emulator/identity"
	"emulator/identity/serviceprincipals"
	"emulator/policy"
	"emulator/store"
)

// Mode is what becomes of a denial.
type Mode int

// The modes. Enforce is the zero value.
const (
	// Enforce refuses what policies deny.
	Enforce Mode = iota
	// Audit lets everything through, and keeps what would have been refused.
	Audit
	// Off asks no policy.
	Off
)

// ParseMode returns the mode of that name: enforce, audit or off.
func ParseMode(name string) (Mode, bool) {
	for i, known := range []string{"enforce", "audit", "off"} {
		if name == known {
			return Mode(i), true
		}
	}
	return Enforce, false
}

// Authorizer decides. It is safe for concurrent use.
type Authorizer struct {
	// Services are those that policies may name as principals, besides AWS's.
	Services serviceprincipals.Further
	// Tags is asked of the tags that an allowed call gives a resource, unless it is nil.
	Tags TagCheck

	clock    *clock.Clock
	keyring  *identity.Keyring
	mode     Mode
	policies compiled
	levels   levels
	trail    trail
	// members and organizations are those records as they were read.
	members       store.Cache[*identity.Member]
	organizations store.Cache[*identity.Organization]
	// rehearsals are the decisions of those under way, by request ID.
	rehearsals sync.Map
}

// New returns an Authorizer. The keyring seals the messages of denials.
func New(c *clock.Clock, keyring *identity.Keyring, mode Mode) *Authorizer {
	return &Authorizer{clock: c, keyring: keyring, mode: mode}
}

// Authorize returns nil if c may do what req asks for, else AccessDenied with AWS's text, or that the tags are not what the
// account's tag policy allows. It reads the policies in the transaction in which the operation acts. Other errors are those of
// a damaged database.
func (a *Authorizer) Authorize(r store.Reader, c api.Caller, req Request) error {
	err := a.authorize(r, c, req)
	if err == nil && req.TagAction != "" && len(req.RequestTags) > 0 {
		tag := req
		tag.Action = req.TagAction
		err = a.authorize(r, c, tag)
	}
	if err == nil {
		err = a.checkTags(r, &c, &req)
	}
	return err
}

func (a *Authorizer) authorize(r store.Reader, c api.Caller, req Request) error {
	if owner := req.ResourceAccount; owner != "" && owner != c.Account {
		restriction, err := identity.LoadRestriction(r, owner)
		if err != nil {
			return err
		}
		if restriction.Unusable() {
			return api.Errorf("AccessDenied", "User: %s is not authorized to perform: %s on resource: %s", c.ARN, req.Action, req.Resource).Because("account %s is suspended or closed", owner)
		}
	}
	rehearsed := a.rehearsal(c.RequestID)
	if a.mode == Off && rehearsed == nil {
		return nil
	}
	question, policies, err := a.gather(r, &c, &req)
	if err != nil {
		return err
	}
	d := policy.Evaluate(question, policies)
	if rehearsed != nil {
		*rehearsed = append(*rehearsed, explain(question, policies, d))
	} else {
		a.keep(c, *question, policies, d)
	}
	if d.Effect == policy.Allowed || a.mode == Audit && rehearsed == nil {
		return nil
	}
	return api.Errorf("AccessDenied", "%s", denial(question, d, c.Account, req.Unnamed))
}

// keep adds a decision to the trail.
func (a *Authorizer) keep(c api.Caller, question policy.Request, policies *policy.Policies, d policy.Decision) {
	known := question.Context.(*context)
	q := asked{
		requestID: c.RequestID, at: known.now, question: question, context: known.keep(), caller: callerName{id: c.UserID},
		policies: policies, decision: d,
	}
	if c.User != nil {
		q.caller.name = c.User.Name
	}
	q.question.Context = nil
	q.question.Resource = strings.Clone(question.Resource)
	q.question.Principal.ARN = strings.Clone(question.Principal.ARN)
	a.trail.keep(q)
}

// denial words the refusal as AWS does. It names the policy type at fault only to callers of the
// resource's own account, and that of an organization's policy also to others of the organization.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
func denial(r *policy.Request, d policy.Decision, callerAccount string, unnamed bool) string {
	if r.Principal.Type == policy.Federated || r.Principal.Type == policy.Anonymous {
		return "Not authorized to perform " + r.Action
	}
	text := fmt.Sprintf("User: %s is not authorized to perform: %s", r.Principal.ARN, r.Action)
	if !unnamed {
		text += " on resource: " + r.Resource
	}
	known := r.Context.(*context)
	guardrail := d.Source == policy.FromSCP || d.Source == policy.FromRCP
	told := callerAccount == r.ResourceAccount || d.Source == policy.FromIdentity ||
		guardrail && known.member != nil && organizationOf(known.member) == organizationOf(known.resourceMember)
	if d.Source == policy.FromTrust && d.Effect == policy.ImplicitlyDenied || !told {
		return text // AWS tells nobody what a role trusts, nor others what an account allows
	}
	return text + " " + d.Reason(r.Action)
}

// gather makes package policy's question of an operation's.
func (a *Authorizer) gather(r store.Reader, c *api.Caller, req *Request) (*policy.Request, *policy.Policies, error) {
	question := &policy.Request{Action: req.Action, Resource: req.Resource, ResourceAccount: req.ResourceAccount}
	if question.ResourceAccount == "" {
		question.ResourceAccount = c.Account
	}
	known := &context{caller: c, request: req, account: question.ResourceAccount, now: a.clock.Now(), assumed: req.Assumed}
	question.Context = known
	var err error
	if known.member, err = a.member(r, c.Account); err != nil {
		return nil, nil, err
	}
	if known.resourceMember = known.member; question.ResourceAccount != c.Account {
		if known.resourceMember, err = a.member(r, question.ResourceAccount); err != nil {
			return nil, nil, err
		}
	}
	if account := known.sourceAccount(); account != "" {
		if known.sourceMember, err = a.member(r, account); err != nil {
			return nil, nil, err
		}
	}
	policies := &policy.Policies{Grants: req.Grants, ResourceKind: policy.Resource}
	g := gatherer{a: a, r: r, policies: policies}
	_, g.waits = r.(store.Tx)
	if err := g.guardrails(known); err != nil {
		return nil, nil, err
	}
	if rp := req.ResourcePolicy; rp != nil {
		policies.ResourceKind, policies.Resource = rp.Kind, policy.Named{Name: rp.ARN}
		if rp.Text != "" {
			policies.Resource, err = g.parse(rp.ARN, document{kind: rp.Kind, stored: rp.Text})
		}
		if err != nil {
			return nil, nil, fmt.Errorf("policy of %s: %w", rp.ARN, err)
		}
	}
	if req.Principal != nil {
		question.Principal = *req.Principal
	} else {
		question.Principal = principal(c)
		err = g.caller(c)
	}
	if err == nil && g.unparsed > maxParsedInTurn {
		err = &store.Later{Do: g.parseLater}
	}
	return question, policies, err
}

// member returns an account's membership in an organization, or nil. It is shared.
func (a *Authorizer) member(r store.Reader, account string) (*identity.Member, error) {
	return store.LoadShared(r, identity.MemberKey(account), &a.members)
}

func principal(c *api.Caller) policy.Principal {
	p := policy.Principal{ARN: c.ARN, Account: c.Account}
	switch c.Kind {
	case identity.Root:
		p.Type = policy.AccountRoot
	case identity.UserKind:
		p.Type, p.UniqueID = policy.User, c.User.ID
	case identity.AssumedRole:
		p.Type, p.UniqueID, p.RoleARN, p.ServiceLinked = policy.AssumedRole, c.Role.ID, c.Role.ARN(), c.Role.ServiceLinked()
	case identity.FederatedUser:
		p.Type = policy.FederatedUser
		if c.User != nil {
			p.UniqueID, p.UserARN = c.User.ID, c.User.ARN()
		}
	}
	return p
}

// gatherer reads the policies of a caller. While others wait for the transaction it parses only what is short, and
// leaves the rest for later.
type gatherer struct {
	a        *Authorizer
	r        store.Reader
	policies *policy.Policies
	waits    bool // others wait
	unparsed int  // bytes
	later    []document
}

// maxParsedInTurn bounds the text that is parsed while others wait, in bytes: about half a millisecond.
const maxParsedInTurn = 16 << 10

// parse returns a policy under a name, if it isn't to be parsed later.
func (g *gatherer) parse(name string, d document) (policy.Named, error) {
	if g.waits && g.a.policies.find(d) == nil {
		g.later = append(g.later, d)
		if g.unparsed += len(d.stored); g.unparsed > maxParsedInTurn {
			return policy.Named{Name: name}, nil
		}
	}
	parsed, err := g.a.policies.parse(d)
	return policy.Named{Name: name, Policy: parsed}, err
}

// parseLater parses what is to be there when the transaction is run again. What fails will fail there.
func (g *gatherer) parseLater() {
	for _, d := range g.later {
		g.a.policies.parse(d)
	}
}

func (g *gatherer) caller(c *api.Caller) error {
	if u := c.User; u != nil {
		if err := g.entity(u.Inline, u.Attached); err != nil {
			return err
		}
		for _, name := range u.Groups {
			group, ok, err := identity.LoadGroup(g.r, u.Account, name)
			if err != nil {
				return err
			}
			if !ok {
				return fmt.Errorf("user %s is in group %s, which does not exist", u.ARN(), name)
			}
			if err := g.entity(group.Inline, group.Attached); err != nil {
				return err
			}
		}
		if err := g.boundary(u.Boundary); err != nil {
			return err
		}
	}
	if role := c.Role; role != nil {
		if err := g.entity(role.Inline, role.Attached); err != nil {
			return err
		}
		if err := g.boundary(role.Boundary); err != nil {
			return err
		}
	}
	if c.Session == nil {
		return nil
	}
	if c.Kind == identity.FederatedUser && c.User == nil { // the root user vouched for it
		if err := g.entity(map[string]string{"root user": everything}, nil); err != nil {
			return err
		}
	}
	return g.session(c)
}

// everything is what a root user may do.
const everything = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`

// entity adds the identity policies of a user, group or role.
func (g *gatherer) entity(inline map[string]string, attached []string) error {
	for _, name := range slices.Sorted(maps.Keys(inline)) {
		named, err := g.parse(name, document{kind: policy.Identity, stored: inline[name]})
		if err != nil {
			return fmt.Errorf("inline policy %s: %w", name, err)
		}
		g.policies.Identity = append(g.policies.Identity, named)
	}
	for _, arn := range attached {
		named, err := g.managed(arn)
		if err != nil {
			return err
		}
		g.policies.Identity = append(g.policies.Identity, named)
	}
	return nil
}

func (g *gatherer) boundary(arn string) (err error) {
	if arn != "" {
		g.policies.Boundary, err = g.managed(arn)
	}
	return err
}

func (g *gatherer) session(c *api.Caller) error {
	further := c.Session.PolicyARNs
	if c.Session.IdentityContext {
		further = append(further[:len(further):len(further)], identity.IdentityCenterAllowList(c.Role.Partition))
	}
	// The policy of a root user's task only denies, and so does that of an identity context.
	if c.Session.AssumedRoot || c.Session.IdentityContext && len(c.Session.Policies)+len(c.Session.PolicyARNs) == 0 {
		named, err := g.parse("everything", document{kind: policy.Session, stored: everything})
		if err != nil {
			return err
		}
		g.policies.Session = append(g.policies.Session, named)
	}
	for i, text := range c.Session.Policies {
		name := fmt.Sprintf("session policy %d", i+1)
		named, err := g.parse(name, document{kind: policy.Session, stored: text})
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		g.policies.Session = append(g.policies.Session, named)
	}
	for _, arn := range further {
		named, err := g.managed(arn)
		if err != nil {
			return err
		}
		g.policies.Session = append(g.policies.Session, named)
	}
	for i, text := range c.Session.Scopes {
		name := fmt.Sprintf("scope down policy %d", i+1)
		named, err := g.parse(name, document{kind: policy.Session, stored: text})
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		g.policies.Scopes = append(g.policies.Scopes, named)
	}
	g.policies.SessionLimited = c.Kind == identity.FederatedUser
	return nil
}

// managed finds a managed policy's version in force. A policy that is gone allows nothing:
// only session policies can outlive theirs.
func (g *gatherer) managed(arn string) (policy.Named, error) {
	d, ok, err := managedPolicy(g.r, arn)
	if err != nil {
		return policy.Named{}, err
	}
	if !ok {
		return policy.Named{Name: arn}, nil
	}
	named, err := g.parse(arn, d)
	if err != nil {
		return policy.Named{}, fmt.Errorf("policy %s: %w", arn, err)
	}
	return named, nil
}

// CheckPolicy returns an error with AWS's message, and the code that a service has for it, if a document may not be
// written as it is into an account of the partition. What is wrong with it, the error says to the log.
func (a *Authorizer) CheckPolicy(code string, kind policy.Kind, partition, text string) error {
	_, err := policy.Check(kind, text, policy.Rules{Partition: partition, Service: a.Services.Check})
	if syntax, ok := errors.AsType[*policy.SyntaxError](err); ok {
		return api.Errorf(code, "%s", syntax.Message).Because("%s", syntax.Detail)
	}
	return err
}

// StorePrincipals returns a trust or key policy of a partition as it is stored: with the ARNs of users and roles
// replaced by their unique IDs, so that an entity made anew under a name does not inherit
// what the old one was trusted with, and the numbers of accounts by the ARNs of their roots. A principal that does not
// exist is an error with AWS's text.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
func (a *Authorizer) StorePrincipals(r store.Reader, partition, text string) (string, error) {
	return policy.MapPrincipals(text, func(value string) (string, error) {
		id, known, err := StoredPrincipal(r, partition, value)
		if err != nil {
			return "", err
		}
		if !known {
			return "", api.Errorf("MalformedPolicyDocument", `Invalid principal in policy: "AWS":"%s"`, value)
		}
		return id, nil
	})
}

// ShowPrincipals undoes StorePrincipals for the users and roles that still exist; of
// the others the unique ID remains, as in AWS.
func (a *Authorizer) ShowPrincipals(r store.Reader, stored string) (string, error) {
	if !strings.Contains(stored, `"`+identity.PrefixRole) && !strings.Contains(stored, `"`+identity.PrefixUser) {
		return stored, nil // most name accounts only
	}
	return policy.MapPrincipals(stored, func(value string) (string, error) { return ShownPrincipal(r, value) })
}

// ShownPrincipal undoes StoredPrincipal.
func ShownPrincipal(r store.Reader, stored string) (string, error) {
	arn, ok, err := store.Load[string](r, identity.UniqueIDKey(stored))
	if err != nil || !ok {
		return stored, err
	}
	return arn, nil
}

// StoredPrincipal returns what stands for an AWS principal where it is stored: the unique ID of a user or role, the ARN of
// a session, a federated user or an account. It is not known if there is no such user or role.
func StoredPrincipal(r store.Reader, partition, value string) (stored string, known bool, err error) {
	arn, ok := policy.ParseARN(value)
	if !ok {
		if identity.IsAccountID(value) {
			return identity.ARN(partition, "iam", value, "root"), true, nil
		}
		return value, r.Get(identity.UniqueIDKey(value)) != nil, nil
	}
	kind, name, _ := strings.Cut(arn.Resource, "/")
	name = name[strings.LastIndexByte(name, '/')+1:]
	switch {
	case arn.Service == "sts" && (kind == "assumed-role" || kind == "federated-user"), arn.Resource == "root":
		return value, true, nil
	case arn.Service == "iam" && kind == "user":
		user, ok, err := identity.LoadUser(r, arn.Account, name)
		return user.ID, ok && user.ARN() == value, err
	case arn.Service == "iam" && kind == "role":
		role, ok, err := identity.LoadRole(r, arn.Account, name)
		return role.ID, ok && role.ARN() == value, err
	}
	return "", false, nil
}
