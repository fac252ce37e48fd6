package iam

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/policy"
	"emulator/store"
)

func (s *Service) simulationOperations() []api.Operation {
	return []api.Operation{
		api.Op("SimulateCustomPolicy", s.simulateCustomPolicy),
		api.WithUnion(api.Op("SimulatePrincipalPolicy", s.simulatePrincipalPolicy),
			types.PolicyIdentifierMemberPolicyArn{}, types.PolicyIdentifierMemberPolicyType{}, types.PolicyIdentifierMemberInlinePolicyIdentifier{}),
		api.Op("GetContextKeysForCustomPolicy", s.getContextKeysForCustomPolicy),
		api.Op("GetContextKeysForPrincipalPolicy", s.getContextKeysForPrincipalPolicy),
	}
}

// sourced is a policy of a simulation with what AWS tells of its origin.
type sourced struct {
	policy.Named
	kind types.PolicySourceType
	// inline names an inline policy and what it is in; empty for others.
	inline struct{ entity, policy string }
}

// simulation is a set of policies and the questions to ask them. It is the same engine that
// decides on calls.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_testing-policies.html
type simulation struct {
	partition string
	policies  []sourced
	boundary  *sourced
	resource  *sourced
	scps      [][]policy.Named // by level, nil if there are none
	// organization: the account is in one.
	organization bool
	principal    policy.Principal
	owner        string // the account of the resources
	context      policy.MapContext
	given        map[string]bool // context keys, in lower case
}

func invalidInput(format string, args ...any) error {
	return api.Errorf("InvalidInput", format, args...)
}

// parseInput parses a document of the request. A resource policy may be that of any service, which has its own principals.
func (s *simulation) parseInput(kind policy.Kind, list string, i int, text string) (sourced, error) {
	name := list
	if i >= 0 {
		name = fmt.Sprintf("%s.%d", list, i+1)
	}
	parsed, err := policy.Check(kind, text, policy.Rules{Partition: s.partition})
	if syntax, ok := errors.AsType[*policy.SyntaxError](err); ok {
		return sourced{}, invalidInput("%s: %s", name, syntax.Message)
	}
	return sourced{Named: policy.Named{Name: name, Policy: parsed}, kind: types.PolicySourceTypeNone}, err
}

func (s *simulation) addInputs(list string, texts []string) error {
	for i, text := range texts {
		p, err := s.parseInput(policy.Identity, list, i, text)
		if err != nil {
			return err
		}
		s.policies = append(s.policies, p)
	}
	return nil
}

// setBoundary takes the one boundary that a request may give.
func (s *simulation) setBoundary(texts []string) error {
	if len(texts) == 0 {
		return nil
	}
	if len(texts) > 1 {
		return invalidInput("Only one permissions boundary can be given.")
	}
	p, err := s.parseInput(policy.Identity, "PermissionsBoundaryPolicyInputList", 0, texts[0])
	s.boundary = &p
	return err
}

// setOrganization takes the service control policies, one list a level, the organization's root first.
func (s *simulation) setOrganization(levels []types.OrderedOrganizationPolicyType) error {
	for i, level := range levels {
		var policies []policy.Named
		for j, text := range level.ServiceControlPolicyInputList {
			p, err := s.parseInput(policy.SCP, fmt.Sprintf("OrderedOrganizationPolicyInputList.%d", i+1), j, text)
			if err != nil {
				return err
			}
			policies = append(policies, p.Named)
		}
		s.scps = append(s.scps, policies)
	}
	return nil
}

// exclude leaves out policies of the principal, by type, ARN or inline name. What matches none is no error.
func (s *simulation) exclude(identifiers []types.PolicyIdentifier) error {
	for _, identifier := range identifiers {
		var matches func(sourced) bool
		switch id := identifier.(type) {
		case *types.PolicyIdentifierMemberPolicyType:
			if id.Value == types.PolicyIdentifierPolicyTypePermissionBoundary {
				s.boundary = nil
			}
			matches = func(p sourced) bool {
				return string(p.kind) == string(id.Value) || id.Value == types.PolicyIdentifierPolicyTypeInline && p.inline.policy != ""
			}
		case *types.PolicyIdentifierMemberPolicyArn:
			if arn, ok := policy.ParseARN(id.Value); !ok || !strings.HasPrefix(arn.Resource, "policy/") {
				return invalidInput("PolicyExclusionList: %s is not the ARN of a policy.", id.Value)
			}
			matches = func(p sourced) bool { return p.inline.policy == "" && policy.Match(id.Value, p.Name) }
		case *types.PolicyIdentifierMemberInlinePolicyIdentifier:
			matches = func(p sourced) bool {
				return p.inline.policy == *id.Value.PolicyName && string(p.kind) == string(id.Value.AttachmentType) &&
					p.inline.entity == *id.Value.AttachmentName
			}
		}
		s.policies = slices.DeleteFunc(s.policies, matches)
	}
	return nil
}

// setScene takes what both operations have in common: caller, resource policy, owner and context.
func (s *simulation) setScene(caller, resourcePolicy, owner *string, entries []types.ContextEntry) error {
	if caller != nil {
		p, err := policy.ParsePrincipal(*caller)
		if err != nil || p.Type != policy.User {
			return invalidInput("CallerArn must be the ARN of an IAM user: %s", *caller)
		}
		s.principal = p
	}
	s.owner = s.principal.Account
	if resourcePolicy != nil {
		if caller == nil {
			return invalidInput("A resource policy needs a CallerArn.")
		}
		p, err := s.parseInput(policy.Resource, "ResourcePolicy", -1, *resourcePolicy)
		if err != nil {
			return err
		}
		p.kind = types.PolicySourceTypeResource
		s.resource = &p
	}
	if owner != nil {
		arn, ok := policy.ParseARN(*owner)
		if !ok || !identity.IsAccountID(arn.Account) {
			return invalidInput("ResourceOwner is not the ARN of an account: %s", *owner)
		}
		s.owner = arn.Account
	}
	keys := make(map[string][]string)
	s.given = make(map[string]bool)
	for _, e := range entries {
		if e.ContextKeyName == nil {
			return invalidInput("A context entry needs a name.")
		}
		keys[*e.ContextKeyName] = e.ContextKeyValues
		s.given[strings.ToLower(*e.ContextKeyName)] = true
	}
	s.context = policy.NewContext(keys)
	return nil
}

// all returns every policy of the simulation.
func (s *simulation) all() []sourced {
	all := slices.Clone(s.policies)
	for _, p := range []*sourced{s.boundary, s.resource} {
		if p != nil {
			all = append(all, *p)
		}
	}
	return all
}

// contextKeys returns the keys that the policies refer to.
func contextKeys(policies []sourced) []string {
	keys := make(map[string]string)
	for _, p := range policies {
		for _, key := range p.Policy.ContextKeys() {
			keys[strings.ToLower(key)] = key
		}
	}
	return slices.Sorted(maps.Values(keys))
}

var evalDecisions = map[policy.Effect]types.PolicyEvaluationDecisionType{
	policy.Allowed:          types.PolicyEvaluationDecisionTypeAllowed,
	policy.ExplicitlyDenied: types.PolicyEvaluationDecisionTypeExplicitDeny,
	policy.ImplicitlyDenied: types.PolicyEvaluationDecisionTypeImplicitDeny,
}

// maxSimulated bounds the work of a page, in bytes of policies that are evaluated and of answers: AWS may return fewer
// results than asked for, and a marker. What there is of actions and resources only the size of a request bounds, as in AWS.
const maxSimulated = 32 << 20

// run asks for every action on every resource, as far as a page goes.
func (s *simulation) run(ctx context.Context, actions, resources []string, list api.List) (results []types.EvaluationResult, next *string, err error) {
	p, err := newPage(list)
	if err != nil {
		return nil, nil, err
	}
	start, err := p.index()
	if err != nil {
		return nil, nil, err
	}
	given := resources
	if len(resources) == 0 {
		resources = []string{"*"}
	}
	all := s.all()
	missing := []string{}
	for _, key := range contextKeys(all) {
		if !s.given[strings.ToLower(key)] {
			missing = append(missing, key)
		}
	}
	each := 0 // bytes that a question costs
	for _, q := range all {
		each += len(q.Policy.Text)
	}
	for _, level := range s.scps {
		for _, q := range level {
			each += len(q.Policy.Text)
		}
	}
	for _, key := range missing {
		each += len(key)
	}
	sources := byName(all)
	results = []types.EvaluationResult{}
	for i, work := start, 0; i < len(actions)*len(resources) && ctx.Err() == nil; i++ {
		if work > maxSimulated {
			p.more = true
			break
		}
		if !p.take(strconv.Itoa(i + 1)) {
			break
		}
		r := s.ask(actions[i/len(resources)], resources[i%len(resources)], missing, sources, len(given) > 0)
		results = append(results, r)
		const statement = 1 << 10 // in an answer
		work += each + statement*(1+len(r.MatchedStatements))
	}
	return results, p.next(), ctx.Err()
}

// byName returns the policies by what stands for them in a trace.
func byName(policies []sourced) map[string]sourced {
	sources := make(map[string]sourced, len(policies))
	for _, p := range slices.Backward(policies) { // of several of a name the first counts
		sources[p.Name] = p
	}
	return sources
}

// ask returns what AWS tells of an action on a resource: more if the request named the resource.
func (s *simulation) ask(action, resource string, missing []string, sources map[string]sourced, named bool) types.EvaluationResult {
	request := &policy.Request{Principal: s.principal, Action: action, Resource: resource, ResourceAccount: s.owner, Context: s.context}
	policies := &policy.Policies{SCPs: s.scps}
	for _, p := range s.policies {
		policies.Identity = append(policies.Identity, p.Named)
	}
	if s.boundary != nil {
		policies.Boundary = s.boundary.Named
	}
	if s.resource != nil {
		policies.Resource = s.resource.Named
	}
	trace := policy.Explain(request, policies)
	decision, statements := evalDecisions[trace.Effect], matched(&trace, sources)
	result := types.EvaluationResult{
		EvalActionName: &action, EvalResourceName: &resource, EvalDecision: decision, MatchedStatements: statements, MissingContextValues: missing,
	}
	if s.boundary != nil {
		alone := policy.Evaluate(request, &policy.Policies{Identity: []policy.Named{s.boundary.Named}})
		result.PermissionsBoundaryDecisionDetail = &types.PermissionsBoundaryDecisionDetail{AllowedByPermissionsBoundary: alone.Effect == policy.Allowed}
	}
	if s.scps != nil || s.organization {
		result.OrganizationsDecisionDetail = &types.OrganizationsDecisionDetail{AllowedByOrganizations: allowedBySCPs(request, s.scps)}
	}
	if named {
		result.EvalDecisionDetails = map[string]types.PolicyEvaluationDecisionType{}
		result.ResourceSpecificResults = []types.ResourceSpecificResult{{
			EvalResourceName: &resource, EvalResourceDecision: decision, MatchedStatements: statements, MissingContextValues: missing,
			PermissionsBoundaryDecisionDetail: result.PermissionsBoundaryDecisionDetail,
		}}
	}
	return result
}

// allowedBySCPs asks the service control policies alone.
func allowedBySCPs(r *policy.Request, scps [][]policy.Named) bool {
	for _, level := range scps {
		if policy.Evaluate(r, &policy.Policies{Identity: level}).Effect != policy.Allowed {
			return false
		}
	}
	return true
}

// matched returns the statements that count for the decision: the denials if there are any, else
// those that allow.
func matched(trace *policy.Trace, sources map[string]sourced) []types.Statement {
	effect := "Allow"
	if trace.Effect == policy.ExplicitlyDenied {
		effect = "Deny"
	}
	matched := []types.Statement{}
	if trace.Effect == policy.ImplicitlyDenied {
		return matched
	}
	for _, p := range trace.Policies {
		source := sources[p.Name]
		kind := types.PolicySourceType("IAM Policy") // which is not among the model's
		if source.kind == types.PolicySourceTypeResource {
			kind = source.kind
		}
		name := p.Name
		if strings.HasPrefix(name, "arn:") {
			_, _, name = splitPolicyARN(name)
		}
		for _, statement := range p.Statements {
			if !statement.Matched || statement.Effect != effect {
				continue
			}
			start := statement.Start
			if i := statement.Index; source.Policy != nil && i < len(source.Policy.Statements) && source.Policy.Statements[i].Start == start { // names may be ambiguous
				start = startOf(source.Policy, i)
			}
			matched = append(matched, types.Statement{
				SourcePolicyId: &name, SourcePolicyType: kind,
				StartPosition: &types.Position{Line: int32(start.Line), Column: int32(start.Column)},
				EndPosition:   &types.Position{Line: int32(statement.End.Line), Column: int32(statement.End.Column)},
			})
		}
	}
	return matched
}

// startOf returns where AWS's parser is when it begins with a statement: behind the bracket of the list or the
// statement before, and if there is no list, behind the statement's own brace.
func startOf(p *policy.Policy, i int) policy.Position {
	if i > 0 {
		return p.Statements[i-1].End
	}
	start := p.Statements[0].Start
	before := strings.TrimRight(p.Text[:start.Offset], " \t\r\n")
	if !strings.HasSuffix(before, "[") {
		start.Column++
		return start
	}
	return policy.Position{Line: 1 + strings.Count(before, "\n"), Column: len(before) - strings.LastIndexByte(before, '\n'), Offset: len(before)}
}

func (s *Service) simulateCustomPolicy(ctx context.Context, c api.Caller, in *iam.SimulateCustomPolicyInput) (*iam.SimulateCustomPolicyOutput, error) {
	err := s.store.View(ctx, func(r store.Reader) error {
		return s.authz.Authorize(r, c, authz.Request{Action: "iam:SimulateCustomPolicy", Resource: "*"})
	})
	if err != nil {
		return nil, err
	}
	// Nobody in particular: a user of the caller's account.
	sim := &simulation{partition: c.Partition, principal: policy.Principal{Type: policy.User, Account: c.Account, ARN: identity.ARN(c.Partition, "iam", c.Account, "user/simulated")}}
	if err := errors.Join(
		sim.addInputs("PolicyInputList", in.PolicyInputList),
		sim.setBoundary(in.PermissionsBoundaryPolicyInputList),
		sim.setOrganization(in.OrderedOrganizationPolicyInputList),
		sim.setScene(in.CallerArn, in.ResourcePolicy, in.ResourceOwner, in.ContextEntries),
	); err != nil {
		return nil, err
	}
	results, next, err := sim.run(ctx, in.ActionNames, in.ResourceArns, api.ListOf(c, in))
	return &iam.SimulateCustomPolicyOutput{EvaluationResults: results, Marker: next, IsTruncated: next != nil}, err
}

func (s *Service) simulatePrincipalPolicy(ctx context.Context, c api.Caller, in *iam.SimulatePrincipalPolicyInput) (*iam.SimulatePrincipalPolicyOutput, error) {
	sim := &simulation{partition: c.Partition}
	err := s.store.View(ctx, func(r store.Reader) error {
		return s.loadSource(r, c, *in.PolicySourceArn, "iam:SimulatePrincipalPolicy", sim)
	})
	if err != nil {
		return nil, err
	}
	if err := errors.Join(
		sim.exclude(in.PolicyExclusionList),
		sim.addInputs("PolicyInputList", in.PolicyInputList),
		sim.setBoundary(in.PermissionsBoundaryPolicyInputList),
		sim.setScene(in.CallerArn, in.ResourcePolicy, in.ResourceOwner, in.ContextEntries),
	); err != nil {
		return nil, err
	}
	results, next, err := sim.run(ctx, in.ActionNames, in.ResourceArns, api.ListOf(c, in))
	return &iam.SimulatePrincipalPolicyOutput{EvaluationResults: results, Marker: next, IsTruncated: next != nil}, err
}

func (s *Service) getContextKeysForCustomPolicy(ctx context.Context, c api.Caller, in *iam.GetContextKeysForCustomPolicyInput) (*iam.GetContextKeysForCustomPolicyOutput, error) {
	err := s.store.View(ctx, func(r store.Reader) error {
		return s.authz.Authorize(r, c, authz.Request{Action: "iam:GetContextKeysForCustomPolicy", Resource: "*"})
	})
	if err != nil {
		return nil, err
	}
	sim := &simulation{partition: c.Partition}
	if err := sim.addInputs("PolicyInputList", in.PolicyInputList); err != nil {
		return nil, err
	}
	return &iam.GetContextKeysForCustomPolicyOutput{ContextKeyNames: contextKeys(sim.policies)}, nil
}

func (s *Service) getContextKeysForPrincipalPolicy(ctx context.Context, c api.Caller, in *iam.GetContextKeysForPrincipalPolicyInput) (*iam.GetContextKeysForPrincipalPolicyOutput, error) {
	sim := &simulation{partition: c.Partition}
	err := s.store.View(ctx, func(r store.Reader) error {
		return s.loadSource(r, c, *in.PolicySourceArn, "iam:GetContextKeysForPrincipalPolicy", sim)
	})
	if err != nil {
		return nil, err
	}
	if err := sim.addInputs("PolicyInputList", in.PolicyInputList); err != nil {
		return nil, err
	}
	return &iam.GetContextKeysForPrincipalPolicyOutput{ContextKeyNames: contextKeys(sim.policies)}, nil
}

// loadSource loads the policies of a user with its groups, of a group or of a role, once the
// caller may look at them.
func (s *Service) loadSource(r store.Reader, c api.Caller, source, action string, sim *simulation) error {
	arn, ok := policy.ParseARN(source)
	kindName, name, _ := strings.Cut(arn.Resource, "/")
	k := kinds[kindName]
	if !ok || arn.Service != "iam" || arn.Account != c.Account || k == nil {
		return invalidInput("Invalid Entity Arn: %s does not clearly define entity type and name.", source)
	}
	member, err := identity.LoadMember(r, c.Account)
	if err != nil {
		return err
	}
	sim.organization = member != nil
	if sim.scps, err = s.authz.ServiceControlPolicies(r, c.Account); err != nil {
		return err
	}
	e, err := s.findEntity(r, c, entityRequest{kind: k, name: name[strings.LastIndexByte(name, '/')+1:], action: action})
	if err != nil {
		return err
	}
	if e.arn != source {
		return api.Errorf("NoSuchEntity", "The %s with name %s cannot be found.", k.name, e.name)
	}
	sim.principal = policy.Principal{Type: policy.User, Account: c.Account, ARN: e.arn, UniqueID: e.id}
	if k == roleKind {
		sim.principal.Type = policy.Role
	}
	if err := addEntity(r, c, e, sim); err != nil {
		return err
	}
	if e.boundary != "" {
		p, err := loadManaged(r, c, e.boundary)
		if err != nil {
			return err
		}
		sim.boundary = &p
	}
	if k != userKind {
		return nil
	}
	u, _, err := identity.LoadUser(r, c.Account, e.name)
	if err != nil {
		return err
	}
	for _, group := range u.Groups {
		g, err := groupKind.load(r, c.Account, group)
		if err != nil {
			return err
		}
		g.kind = groupKind
		if err := addEntity(r, c, g, sim); err != nil {
			return err
		}
	}
	return nil
}

var sourceTypes = map[*entityKind]types.PolicySourceType{
	userKind: types.PolicySourceTypeUser, groupKind: types.PolicySourceTypeGroup, roleKind: types.PolicySourceTypeRole,
}

// addEntity adds the inline and the attached policies of an entity.
func addEntity(r store.Reader, c api.Caller, e *entity, sim *simulation) error {
	for _, name := range slices.Sorted(maps.Keys(*e.inline)) {
		parsed, err := policy.Parse(policy.Identity, (*e.inline)[name])
		if err != nil {
			return err
		}
		p := sourced{Named: policy.Named{Name: e.kind.name + "_" + e.name + "_" + name, Policy: parsed}, kind: sourceTypes[e.kind]}
		p.inline.entity, p.inline.policy = e.name, name
		sim.policies = append(sim.policies, p)
	}
	for _, arn := range *e.attached {
		p, err := loadManaged(r, c, arn)
		if err != nil {
			return err
		}
		sim.policies = append(sim.policies, p)
	}
	return nil
}

// loadManaged loads the version in force of a managed policy that an entity has.
func loadManaged(r store.Reader, c api.Caller, arn string) (sourced, error) {
	p, err := findPolicy(r, c, arn)
	if err != nil {
		return sourced{}, err
	}
	if p == nil {
		return sourced{}, fmt.Errorf("policy %s is attached and does not exist", arn)
	}
	kind := types.PolicySourceTypeAwsManaged
	if p.local != nil {
		kind = types.PolicySourceTypeUserManaged
	}
	text, err := p.text(r)
	if err != nil {
		return sourced{}, err
	}
	parsed, err := policy.Parse(policy.Identity, text)
	return sourced{Named: policy.Named{Name: arn, Policy: parsed}, kind: kind}, err
}
