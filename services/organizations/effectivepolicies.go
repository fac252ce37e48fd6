package organizations

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"emulator/api"
	"emulator/identity"
	"emulator/services/organizations/management"
	"emulator/store"
)

func (s *Service) effectivePolicyOperations() []api.Operation {
	return []api.Operation{
		api.Op("DescribeEffectivePolicy", s.describeEffectivePolicy),
		api.Op("ListAccountsWithInvalidEffectivePolicy", s.listAccountsWithInvalidEffectivePolicy),
		api.Op("ListEffectivePolicyValidationErrors", s.listEffectivePolicyValidationErrors),
	}
}

// effectives keeps effective policies by what they were made of. It is safe for concurrent use.
type effectives struct {
	mu    sync.RWMutex
	made  map[effectiveKey]*management.Effective
	bytes int
}

// effectiveKey is the state that all policies of an organization have, with the nodes on the way to an account that have some.
type effectiveKey struct{ state, policyType, nodes string }

// maxEffectives bounds the bytes. It is some times what a large organization has.
const maxEffectives = 32 << 20

func (e *effectives) find(key effectiveKey) *management.Effective {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.made[key]
}

func (e *effectives) keep(key effectiveKey, made *management.Effective) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.made == nil || e.bytes > maxEffectives {
		e.made, e.bytes = make(map[effectiveKey]*management.Effective), 0
	}
	e.made[key] = made
	e.bytes += made.Memory() + len(key.nodes)
}

// maxMergedInTurn bounds the policies that are merged while others wait for the transaction, in bytes: about half a millisecond.
const maxMergedInTurn = 16 << 10

// effective returns what the policies of a type make together for an account, nil if there are none on the way to it.
func (s *Service) effective(r store.Reader, o *identity.Organization, m *identity.Member, policyType string) (*management.Effective, error) {
	var nodes []string
	var attached [][]string
	for _, target := range append(slices.Clone(m.Parents), m.Account) {
		var ids []string
		for _, id := range r.Scan(identity.AttachmentsPrefix(o.ID, target, policyType), nil) {
			ids = append(ids, string(id))
		}
		if ids != nil {
			nodes, attached = append(nodes, target), append(attached, ids)
		}
	}
	if nodes == nil {
		return nil, nil
	}
	key := effectiveKey{o.Guardrails, policyType, strings.Join(nodes, "/")}
	if made := s.effectives.find(key); made != nil {
		return made, nil
	}
	texts, size := make(map[string]string), 0
	for _, id := range slices.Concat(attached...) {
		p, err := identity.LoadOrganizationPolicy(r, o.ID, id)
		if err != nil {
			return nil, err
		}
		if p == nil {
			return nil, fmt.Errorf("policy %s of %s is attached and does not exist", id, o.ID)
		}
		texts[id] = p.Content
		size += len(p.Content)
	}
	merge := func() (*management.Effective, error) {
		made, err := mergePolicies(management.Type(policyType), attached, texts)
		if err == nil {
			s.effectives.keep(key, made)
		}
		return made, err
	}
	if _, waits := r.(store.Tx); waits && size > maxMergedInTurn {
		return nil, &store.Later{Do: func() { merge() }} // what fails will fail again
	}
	return merge()
}

// mergePolicies merges the policies that are attached to each node, by their IDs.
func mergePolicies(t management.Type, attached [][]string, texts map[string]string) (*management.Effective, error) {
	parsed := make(map[string]*management.Policy)
	for id, text := range texts {
		p, err := management.Parse(t, text)
		if err != nil {
			return nil, fmt.Errorf("policy %s: %w", id, err)
		}
		parsed[id] = p
	}
	levels := make([][]management.Attached, len(attached))
	for i, ids := range attached {
		for _, id := range ids {
			levels[i] = append(levels[i], management.Attached{ID: id, Policy: parsed[id]})
		}
	}
	return management.Merge(t, levels), nil
}

// changedFor is when the effective policy of an account changed last, or what it is made of.
func changedFor(o *identity.Organization, m *identity.Member, policyType string) time.Time {
	return slices.MaxFunc([]time.Time{o.PoliciesChanged[policyType], m.Joined, m.Moved}, time.Time.Compare)
}

// needEnabled fails if a type of policies is not enabled, or the organization has none.
func needEnabled(o *identity.Organization, policyType string) error {
	if !o.Enabled(policyType) {
		return noEffectivePolicy()
	}
	return nil
}

func noEffectivePolicy() error {
	return api.Errorf("EffectivePolicyNotFoundException", "If you ran this action on the management account, this policy type is not enabled. If you ran the action on a member account, the account doesn't have an effective policy of this type. Contact the administrator of your organization about attaching a policy of this type to the account.")
}

// describeEffectivePolicy tells every account of its own, and of others those that can read the rest of the organization, or that its policy allows it. Where no
// policy is attached, the organization's administrators see an empty one, and the account none.
//
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_DescribeEffectivePolicy.html
func (s *Service) describeEffectivePolicy(ctx context.Context, c api.Caller, in *organizations.DescribeEffectivePolicyInput) (*organizations.DescribeEffectivePolicyOutput, error) {
	target := c.Account
	if in.TargetId != nil {
		target = *in.TargetId
	}
	var out *organizations.DescribeEffectivePolicyOutput
	err := s.store.View(ctx, func(r store.Reader) error {
		o, err := s.enter(r, c, "DescribeEffectivePolicy", ofPolicyType(types.PolicyType(in.PolicyType)), target)
		if err != nil {
			return err
		}
		administers := target != c.Account || mayCall(r, o, c.Account, "ListEffectivePolicyValidationErrors")
		if strings.Contains(target, "-") {
			return api.Errorf("InvalidInputException", "You can't perform the specified operation on that target entity.").With("Reason", "TARGET_NOT_SUPPORTED")
		}
		m, err := memberOf(r, o, target)
		if err != nil {
			return err
		}
		if m == nil {
			return noTarget()
		}
		if err := needEnabled(o, string(in.PolicyType)); err != nil {
			return err
		}
		text := "{}"
		switch e, err := s.effective(r, o, m, string(in.PolicyType)); {
		case err != nil:
			return err
		case e != nil:
			text = e.Text()
		case !administers:
			return noEffectivePolicy()
		}
		changed := changedFor(o, m, string(in.PolicyType))
		out = &organizations.DescribeEffectivePolicyOutput{EffectivePolicy: &types.EffectivePolicy{
			PolicyContent: &text, PolicyType: in.PolicyType, TargetId: &target, LastUpdatedTimestamp: &changed,
		}}
		return nil
	})
	return out, err
}

// listAccountsWithInvalidEffectivePolicy looks at some accounts for each page: there can be pages without any.
//
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListAccountsWithInvalidEffectivePolicy.html
func (s *Service) listAccountsWithInvalidEffectivePolicy(ctx context.Context, c api.Caller, in *organizations.ListAccountsWithInvalidEffectivePolicyInput) (*organizations.ListAccountsWithInvalidEffectivePolicyOutput, error) {
	out := &organizations.ListAccountsWithInvalidEffectivePolicyOutput{PolicyType: in.PolicyType}
	err := s.store.View(ctx, func(r store.Reader) error {
		o, err := s.enter(r, c, "ListAccountsWithInvalidEffectivePolicy", ofPolicyType(types.PolicyType(in.PolicyType)))
		if err != nil {
			return err
		}
		if err := needEnabled(o, string(in.PolicyType)); err != nil {
			return err
		}
		out.Accounts, out.NextToken, err = scanPage(r, api.ListOf(c, in), identity.OrganizationAccountsPrefix(o.ID), 0, func(account string) (*types.Account, error) {
			m, err := memberOf(r, o, account)
			if err != nil || m == nil {
				return nil, err
			}
			e, err := s.effective(r, o, m, string(in.PolicyType))
			if err != nil || e == nil || len(e.Errors()) == 0 {
				return nil, err
			}
			return s.wireAccount(r, o, account)
		})
		return err
	})
	return out, err
}

// https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListEffectivePolicyValidationErrors.html
func (s *Service) listEffectivePolicyValidationErrors(ctx context.Context, c api.Caller, in *organizations.ListEffectivePolicyValidationErrorsInput) (*organizations.ListEffectivePolicyValidationErrorsOutput, error) {
	out := &organizations.ListEffectivePolicyValidationErrorsOutput{AccountId: in.AccountId, PolicyType: in.PolicyType}
	err := s.store.View(ctx, func(r store.Reader) error {
		o, err := s.enter(r, c, "ListEffectivePolicyValidationErrors", ofPolicyType(types.PolicyType(in.PolicyType)), *in.AccountId)
		if err != nil {
			return err
		}
		m, err := memberOf(r, o, *in.AccountId)
		if err != nil {
			return err
		}
		if m == nil {
			return noAccount()
		}
		if err := needEnabled(o, string(in.PolicyType)); err != nil {
			return err
		}
		e, err := s.effective(r, o, m, string(in.PolicyType))
		if err != nil {
			return err
		}
		found := []types.EffectivePolicyValidationError{}
		if e != nil {
			for _, problem := range e.Errors() {
				found = append(found, types.EffectivePolicyValidationError{
					ErrorCode: &problem.Code, ErrorMessage: &problem.Message, PathToError: &problem.Path, ContributingPolicies: problem.Contributing,
				})
			}
		}
		if len(found) > 0 {
			changed := changedFor(o, m, string(in.PolicyType))
			out.Path, out.EvaluationTimestamp = aws.String(m.Path()+m.Account+"/"), &changed
		}
		out.EffectivePolicyValidationErrors, out.NextToken, err = pageOf(found, api.ListOf(c, in), listed)
		return err
	})
	return out, err
}
