package organizations

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/store"
)

func (s *Service) policyOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreatePolicy", s.createPolicy),
		api.Op("DeletePolicy", s.deletePolicy),
		api.Op("DescribePolicy", s.describePolicy),
		api.Op("ListPolicies", s.listPolicies),
		api.Op("UpdatePolicy", s.updatePolicy),
	}
}

// policiesPrefix is what the keys of the index from a type to its policies begin with. Their IDs follow, and are the values.
func policiesPrefix(organization, policyType string) []byte {
	return identity.InOrganization(organization, "policy-of-type", policyType)
}

func policyOfTypeKey(organization, policyType, id string) []byte {
	return identity.InOrganization(organization, "policy-of-type", policyType, id)
}

// policyNameKey is the key of an entry of the index from the names of policies, unique in a type, to their IDs.
func policyNameKey(organization, policyType, name string) []byte {
	return identity.InOrganization(organization, "policy-name", policyType, name)
}

func wireSummary(o *identity.Organization, p *identity.OrganizationPolicy) *types.PolicySummary {
	return &types.PolicySummary{
		Arn: aws.String(p.ARN(o)), Id: &p.ID, Name: &p.Name, Description: &p.Description, Type: types.PolicyType(p.Type), AwsManaged: p.AWSManaged,
	}
}

func wirePolicy(o *identity.Organization, p *identity.OrganizationPolicy) *types.Policy {
	return &types.Policy{PolicySummary: wireSummary(o, p), Content: &p.Content}
}

// findPolicy returns a policy and the organization once the caller may do the operation to it, and to what else it concerns.
func (s *Service) findPolicy(r store.Reader, c api.Caller, operation, id string, others ...string) (*identity.Organization, *identity.OrganizationPolicy, error) {
	o, err := s.enter(r, c, operation, authz.Request{}, append([]string{id}, others...)...)
	if err != nil {
		return nil, nil, err
	}
	p, err := identity.LoadOrganizationPolicy(r, o.ID, id)
	if err == nil && p == nil {
		err = api.Errorf("PolicyNotFoundException", "You specified a policy that doesn't exist.")
	}
	return o, p, err
}

// findOwnPolicy is findPolicy for what can't be done to AWS's.
func (s *Service) findOwnPolicy(r store.Reader, c api.Caller, operation, id string) (*identity.Organization, *identity.OrganizationPolicy, error) {
	o, p, err := s.findPolicy(r, c, operation, id)
	if err == nil && p.AWSManaged {
		err = api.Errorf("InvalidInputException", "You specified a policy that is managed by Amazon Web Services and can't be modified.").With("Reason", "IMMUTABLE_POLICY")
	}
	return o, p, err
}

// namePolicy saves a policy under a name that no other one of its type has.
func namePolicy(tx store.Tx, o *identity.Organization, p *identity.OrganizationPolicy, name string) error {
	taken := slices.ContainsFunc(identity.AWSOrganizationPolicies, func(a identity.OrganizationPolicy) bool { return a.Type == p.Type && a.Name == name })
	if id := tx.Get(policyNameKey(o.ID, p.Type, name)); taken || id != nil && string(id) != p.ID {
		return api.Errorf("DuplicatePolicyException", "A policy with the specified name and type already exists.")
	}
	if err := tx.Delete(policyNameKey(o.ID, p.Type, p.Name)); err != nil {
		return err
	}
	p.Name = name
	if err := tx.Put(policyNameKey(o.ID, p.Type, name), []byte(p.ID)); err != nil {
		return err
	}
	return store.Save(tx, identity.OrganizationPolicyKey(o.ID, p.ID), p)
}

// checkContent fails if a policy of the type can't have this content.
func (s *Service) checkContent(o *identity.Organization, name types.PolicyType, content string) error {
	if utf8.RuneCountInString(content) > s.quotas.Max(policyTypes[name].size) {
		return api.Errorf("ConstraintViolationException", "You have exceeded the maximum policy size.").With("Reason", "POLICY_CONTENT_LIMIT_EXCEEDED")
	}
	return s.checkSyntax(o.Partition, name, content)
}

// https://docs.aws.amazon.com/organizations/latest/APIReference/API_CreatePolicy.html
func (s *Service) createPolicy(ctx context.Context, c api.Caller, in *organizations.CreatePolicyInput) (*organizations.CreatePolicyOutput, error) {
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	id, err := newID("p-", letters, 8)
	if err != nil {
		return nil, err
	}
	var out *organizations.CreatePolicyOutput
	request := creating(tags)
	request.Context = ofPolicyType(in.Type).Context
	err = s.store.Update(ctx, func(tx store.Tx) error {
		o, err := s.enter(tx, c, "CreatePolicy", request)
		if err != nil {
			return err
		}
		if o.ConsolidatedBilling {
			return notAvailable()
		}
		if err := s.checkContent(o, in.Type, *in.Content); err != nil {
			return err
		}
		if !s.room(tx, policyTypes[in.Type].perOrganization, policiesPrefix(o.ID, string(in.Type))) {
			return api.Errorf("ConstraintViolationException", "You attempted to exceed the number of policies that you can have in an organization.").With("Reason", "POLICY_NUMBER_LIMIT_EXCEEDED")
		}
		p := &identity.OrganizationPolicy{ID: id, Type: string(in.Type), Description: *in.Description, Content: *in.Content}
		if err := namePolicy(tx, o, p, *in.Name); err != nil {
			return err
		}
		if err := tx.Put(policyOfTypeKey(o.ID, p.Type, id), []byte(id)); err != nil {
			return err
		}
		if err := s.saveTags(tx, o, id, tags); err != nil {
			return err
		}
		out = &organizations.CreatePolicyOutput{Policy: wirePolicy(o, p)}
		return nil
	})
	return out, err
}

// https://docs.aws.amazon.com/organizations/latest/APIReference/API_UpdatePolicy.html
func (s *Service) updatePolicy(ctx context.Context, c api.Caller, in *organizations.UpdatePolicyInput) (*organizations.UpdatePolicyOutput, error) {
	var out *organizations.UpdatePolicyOutput
	err := s.store.Update(ctx, func(tx store.Tx) error {
		o, p, err := s.findOwnPolicy(tx, c, "UpdatePolicy", *in.PolicyId)
		if err != nil {
			return err
		}
		if in.Content != nil {
			if err := s.checkContent(o, types.PolicyType(p.Type), *in.Content); err != nil {
				return err
			}
			p.Content = *in.Content
		}
		if in.Description != nil {
			p.Description = *in.Description
		}
		name := p.Name
		if in.Name != nil {
			name = *in.Name
		}
		if err := namePolicy(tx, o, p, name); err != nil {
			return err
		}
		out = &organizations.UpdatePolicyOutput{Policy: wirePolicy(o, p)}
		return s.policiesChanged(tx, o, p.Type)
	})
	return out, err
}

func (s *Service) deletePolicy(ctx context.Context, c api.Caller, in *organizations.DeletePolicyInput) (*organizations.DeletePolicyOutput, error) {
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		o, p, err := s.findOwnPolicy(tx, c, "DeletePolicy", *in.PolicyId)
		if err != nil {
			return err
		}
		if hasAny(tx, attachedPrefix(o.ID, p.ID)) {
			return api.Errorf("PolicyInUseException", "The policy is attached to one or more entities. You must detach it from all roots, OUs, and accounts before performing this operation.")
		}
		if err := deleteTags(tx, o, p.ID); err != nil {
			return err
		}
		for _, key := range [][]byte{
			identity.OrganizationPolicyKey(o.ID, p.ID), policyOfTypeKey(o.ID, p.Type, p.ID), policyNameKey(o.ID, p.Type, p.Name),
		} {
			if err := tx.Delete(key); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Service) describePolicy(ctx context.Context, c api.Caller, in *organizations.DescribePolicyInput) (*organizations.DescribePolicyOutput, error) {
	var out *organizations.DescribePolicyOutput
	err := s.store.View(ctx, func(r store.Reader) error {
		o, p, err := s.findPolicy(r, c, "DescribePolicy", *in.PolicyId)
		if err == nil {
			out = &organizations.DescribePolicyOutput{Policy: wirePolicy(o, p)}
		}
		return err
	})
	return out, err
}

// listPolicies lists AWS's first.
//
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListPolicies.html
func (s *Service) listPolicies(ctx context.Context, c api.Caller, in *organizations.ListPoliciesInput) (*organizations.ListPoliciesOutput, error) {
	out := &organizations.ListPoliciesOutput{}
	err := s.store.View(ctx, func(r store.Reader) error {
		o, err := s.enter(r, c, "ListPolicies", ofPolicyType(in.Filter))
		if err != nil {
			return err
		}
		list := api.ListOf(c, in)
		first := []types.PolicySummary{}
		if in.NextToken == nil {
			for i := range identity.AWSOrganizationPolicies {
				if p := &identity.AWSOrganizationPolicies[i]; p.Type == string(in.Filter) {
					first = append(first, *wireSummary(o, p))
				}
			}
		}
		own, next, err := scanPage(r, list, policiesPrefix(o.ID, string(in.Filter)), len(first), func(id string) (*types.PolicySummary, error) {
			p, err := identity.LoadOrganizationPolicy(r, o.ID, id)
			if err != nil || p == nil {
				return nil, err
			}
			return wireSummary(o, p), nil
		})
		out.Policies, out.NextToken = append(first, own...), next
		return err
	})
	return out, err
}

// isPolicy reports whether an ID is one of a policy.
func isPolicy(id string) bool { return strings.HasPrefix(id, "p-") }
