package authz

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"unsafe"

	"emulator/identity"
	"emulator/policy"
	"emulator/store"
)

// resourceControlled are the services whose resources resource control policies protect.
//
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html#rcp-supported-services
var resourceControlled = []string{
	"aoss", "cognito-identity", "cognito-idp", "dynamodb", "ecr", "kms", "logs", "s3", "secretsmanager", "sqs", "sts",
}

// controlsResource reports whether resource control policies apply to an action.
//
// https://docs.aws.amazon.com/kms/latest/developerguide/resource-control-policies.html
func controlsResource(action string) bool {
	service, _, _ := strings.Cut(action, ":")
	return slices.Contains(resourceControlled, service) && action != "kms:RetireGrant"
}

// level has the policies of a root, organizational unit or account that authorize calls.
type level struct{ scps, rcps []policy.Named }

// levels keeps levels by what they are made of: a target and the state that all guardrails of its organization have. It is safe for
// concurrent use.
type levels struct {
	mu       sync.RWMutex
	made     map[levelKey]*level
	policies map[*policy.Policy]bool // those that made holds
	bytes    int
}

type levelKey struct{ state, target string }

// maxLevels bounds the bytes of levels and of the policies in them. It is about what a large organization has in force.
const maxLevels = 64 << 20

func (l *levels) find(key levelKey) *level {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.made[key]
}

func (l *levels) keep(key levelKey, made *level) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.made == nil || l.bytes > maxLevels {
		l.made, l.policies, l.bytes = make(map[levelKey]*level), make(map[*policy.Policy]bool), 0
	}
	if l.made[key] != nil {
		return
	}
	l.made[key] = made
	l.bytes += int(unsafe.Sizeof(*made)) + len(key.state) + len(key.target)
	for _, n := range slices.Concat(made.scps, made.rcps) {
		l.bytes += int(unsafe.Sizeof(n)) + len(n.Name)
		if n.Policy != nil && !l.policies[n.Policy] {
			l.policies[n.Policy] = true
			l.bytes += n.Policy.Memory()
		}
	}
}

// limiting returns the organization that limits an account by policies, nil if none does: the
// management account is limited by nothing.
func (g *gatherer) limiting(m *identity.Member) (*identity.Organization, error) {
	if m == nil {
		return nil, nil
	}
	o, err := store.LoadShared(g.r, identity.OrganizationKey(m.Organization), &g.a.organizations)
	if err != nil || o == nil || o.Management == m.Account || o.Guardrails == "" {
		return nil, err
	}
	return o, nil
}

// guardrails adds the service control policies of the caller's account, and the resource control policies of the resource's.
//
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html
func (g *gatherer) guardrails(known *context) error {
	err := g.serviceControlPolicies(known.member)
	if err != nil || known.request.AWSManaged || !controlsResource(known.request.Action) {
		return err
	}
	owner, err := g.limiting(known.resourceMember)
	if err == nil && owner != nil && owner.Enabled(identity.ResourceControlPolicy) {
		g.policies.RCPs, err = g.levels(owner, known.resourceMember.Parents, known.resourceMember.Account, rcpsOf)
	}
	return err
}

// ServiceControlPolicies returns those that limit an account, by level from the root of its organization; nil if none do.
func (a *Authorizer) ServiceControlPolicies(r store.Reader, account string) ([][]policy.Named, error) {
	g := gatherer{a: a, r: r, policies: new(policy.Policies)}
	m, err := a.member(r, account)
	if err != nil {
		return nil, err
	}
	err = g.serviceControlPolicies(m)
	return g.policies.SCPs, err
}

// ServiceControlPoliciesOn returns those on each of the targets, the IDs of a root, units and accounts; nil if the type is not enabled.
func (a *Authorizer) ServiceControlPoliciesOn(r store.Reader, o *identity.Organization, targets []string) ([][]policy.Named, error) {
	if !o.Enabled(identity.ServiceControlPolicy) || len(targets) == 0 {
		return nil, nil
	}
	g := gatherer{a: a, r: r}
	last := len(targets) - 1
	return g.levels(o, targets[:last], targets[last], scpsOf)
}

func scpsOf(l *level) []policy.Named { return l.scps }

func rcpsOf(l *level) []policy.Named { return l.rcps }

func (g *gatherer) serviceControlPolicies(m *identity.Member) error {
	o, err := g.limiting(m)
	if err == nil && o != nil && o.Enabled(identity.ServiceControlPolicy) {
		g.policies.SCPs, err = g.levels(o, m.Parents, m.Account, scpsOf)
	}
	return err
}

// levels returns the policies of each level down to a target.
func (g *gatherer) levels(o *identity.Organization, parents []string, target string, of func(*level) []policy.Named) ([][]policy.Named, error) {
	all := make([][]policy.Named, len(parents)+1)
	for i := range all {
		id := target
		if i < len(parents) {
			id = parents[i]
		}
		l, err := g.level(o, id)
		if err != nil {
			return nil, err
		}
		all[i] = of(l)
	}
	return all, nil
}

func (g *gatherer) level(o *identity.Organization, target string) (*level, error) {
	key := levelKey{o.Guardrails, target}
	if l := g.a.levels.find(key); l != nil {
		return l, nil
	}
	made, unparsed := new(level), g.unparsed
	for _, of := range []struct {
		policyType string
		kind       policy.Kind
		policies   *[]policy.Named
	}{{identity.ServiceControlPolicy, policy.SCP, &made.scps}, {identity.ResourceControlPolicy, policy.RCP, &made.rcps}} {
		for _, id := range g.r.Scan(identity.AttachmentsPrefix(o.ID, target, of.policyType), nil) {
			p, err := identity.LoadOrganizationPolicy(g.r, o.ID, string(id))
			if err != nil {
				return nil, err
			}
			if p == nil {
				return nil, fmt.Errorf("policy %s is attached to %s and does not exist", id, target)
			}
			d := document{kind: of.kind, stored: p.Content}
			if p.AWSManaged && of.kind == policy.RCP {
				d.kind = policy.Resource // others can't allow
			}
			named, err := g.parse(p.ARN(o), d)
			if err != nil {
				return nil, fmt.Errorf("policy %s: %w", named.Name, err)
			}
			*of.policies = append(*of.policies, named)
		}
	}
	if g.unparsed == unparsed || g.unparsed <= maxParsedInTurn { // all of them are there
		g.a.levels.keep(key, made)
	}
	return made, nil
}
