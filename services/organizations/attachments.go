package organizations

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"emulator/api"
	"emulator/identity"
	"emulator/store"
)

func (s *Service) attachmentOperations() []api.Operation {
	return []api.Operation{
		api.Op("AttachPolicy", s.attachPolicy),
		api.Op("DetachPolicy", s.detachPolicy),
		api.Op("ListPoliciesForTarget", s.listPoliciesForTarget),
		api.Op("ListTargetsForPolicy", s.listTargetsForPolicy),
	}
}

// attachedPrefix is what the keys of the index from a policy to what it is attached to begin with. The ID of a root, unit or account
// follows. The value is the attachment's order.
func attachedPrefix(organization, policy string) []byte {
	return identity.InOrganization(organization, "attached", policy)
}

func attachedKey(organization, policy, target string) []byte {
	return identity.InOrganization(organization, "attached", policy, target)
}

// policiesChanged saves the organization after something happened to policies of a type.
func (s *Service) policiesChanged(tx store.Tx, o *identity.Organization, policyType string) error {
	changed := map[string]time.Time{}
	maps.Copy(changed, o.PoliciesChanged)
	changed[policyType] = s.now()
	o.PoliciesChanged = changed
	return guardrailsChanged(tx, o)
}

// guardrailsChanged saves the organization in another state of its policies, under which nobody keeps anything yet.
func guardrailsChanged(tx store.Tx, o *identity.Organization) error {
	o.Guardrails = rand.Text()
	return store.Save(tx, identity.OrganizationKey(o.ID), o)
}

// attach attaches a policy, of which nobody knows before guardrailsChanged.
func attach(tx store.Tx, o *identity.Organization, p *identity.OrganizationPolicy, target string) error {
	o.Attachments++
	order := fmt.Sprintf("%016x", o.Attachments)
	if err := tx.Put(attachedKey(o.ID, p.ID, target), []byte(order)); err != nil {
		return err
	}
	return tx.Put(identity.AttachmentKey(o.ID, target, p.Type, order, p.ID), []byte(p.ID))
}

func detach(tx store.Tx, o *identity.Organization, policyType, policy, target string) error {
	order := string(tx.Get(attachedKey(o.ID, policy, target)))
	if err := tx.Delete(attachedKey(o.ID, policy, target)); err != nil {
		return err
	}
	return tx.Delete(identity.AttachmentKey(o.ID, target, policyType, order, policy))
}

// attachNew attaches AWS's policies of the enabled types to a new unit or account. An account can have been here before, with others.
func attachNew(tx store.Tx, o *identity.Organization, target string) error {
	changed := false
	for i := range identity.AWSOrganizationPolicies {
		if p := &identity.AWSOrganizationPolicies[i]; o.Enabled(p.Type) {
			if err := attach(tx, o, p, target); err != nil {
				return err
			}
			changed = true
		}
	}
	if !changed {
		return nil
	}
	return guardrailsChanged(tx, o)
}

// detachAll detaches all policies of a type, or all, from a target.
func detachAll(tx store.Tx, o *identity.Organization, target string, policyType ...string) error {
	prefix := identity.AttachmentsPrefix(o.ID, target)
	var attached [][]string
	for key := range tx.Scan(identity.AttachmentsPrefix(o.ID, target, policyType...), nil) {
		attached = append(attached, store.Parts(key[len(prefix):]))
	}
	for _, a := range attached {
		if err := detach(tx, o, a[0], a[2], target); err != nil {
			return err
		}
	}
	return nil
}

// needTarget fails if there is no such root, unit or account.
func needTarget(r store.Reader, o *identity.Organization, target string) error {
	if target == o.Root {
		return nil
	}
	parents, err := parentsOf(r, o, target)
	if err == nil && parents == nil {
		err = noTarget()
	}
	return err
}

// findAttachment returns a policy and whether it is attached to a target.
func (s *Service) findAttachment(r store.Reader, c api.Caller, operation, policy, target string) (*identity.Organization, *identity.OrganizationPolicy, bool, error) {
	o, p, err := s.findPolicy(r, c, operation, policy, target)
	if err != nil {
		return nil, nil, false, err
	}
	if err := needTarget(r, o, target); err != nil {
		return nil, nil, false, err
	}
	return o, p, r.Get(attachedKey(o.ID, p.ID, target)) != nil, nil
}

// https://docs.aws.amazon.com/organizations/latest/APIReference/API_AttachPolicy.html
func (s *Service) attachPolicy(ctx context.Context, c api.Caller, in *organizations.AttachPolicyInput) (*organizations.AttachPolicyOutput, error) {
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		o, p, attached, err := s.findAttachment(tx, c, "AttachPolicy", *in.PolicyId, *in.TargetId)
		switch {
		case err != nil:
			return err
		case !o.Enabled(p.Type):
			return notEnabled()
		case attached:
			return api.Errorf("DuplicatePolicyAttachmentException", "A policy with the specified name and type already exists.")
		case !s.room(tx, policyTypes[types.PolicyType(p.Type)].perTarget, identity.AttachmentsPrefix(o.ID, *in.TargetId, p.Type)):
			return api.Errorf("ConstraintViolationException", "You have attached the maximum number of policies to the specified target.").With("Reason", "MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED")
		}
		if err := attach(tx, o, p, *in.TargetId); err != nil {
			return err
		}
		return s.policiesChanged(tx, o, p.Type)
	})
}

// https://docs.aws.amazon.com/organizations/latest/APIReference/API_DetachPolicy.html
func (s *Service) detachPolicy(ctx context.Context, c api.Caller, in *organizations.DetachPolicyInput) (*organizations.DetachPolicyOutput, error) {
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		o, p, attached, err := s.findAttachment(tx, c, "DetachPolicy", *in.PolicyId, *in.TargetId)
		switch {
		case err != nil:
			return err
		case !attached:
			return api.Errorf("PolicyNotAttachedException", "The policy isn't attached to the specified target in the specified root.")
		case p.Type == identity.ResourceControlPolicy && p.AWSManaged:
			return api.Errorf("InvalidInputException", "You can't detach this Amazon Web Services Managed Policy.").With("Reason", "NON_DETACHABLE_POLICY")
		case p.Type == identity.ServiceControlPolicy && !hasTwo(tx, identity.AttachmentsPrefix(o.ID, *in.TargetId, p.Type)):
			return api.Errorf("ConstraintViolationException", "You cannot remove the last policy attached to the specified target. You must have at least one attached at all times.").With("Reason", "MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED")
		}
		if err := detach(tx, o, p.Type, p.ID, *in.TargetId); err != nil {
			return err
		}
		return s.policiesChanged(tx, o, p.Type)
	})
}

// hasTwo reports whether there are two keys or more with a prefix.
func hasTwo(r store.Reader, prefix []byte) bool {
	n := 0
	for range r.Scan(prefix, nil) {
		if n++; n == 2 {
			return true
		}
	}
	return false
}

func (s *Service) listPoliciesForTarget(ctx context.Context, c api.Caller, in *organizations.ListPoliciesForTargetInput) (*organizations.ListPoliciesForTargetOutput, error) {
	out := &organizations.ListPoliciesForTargetOutput{}
	err := s.store.View(ctx, func(r store.Reader) error {
		o, err := s.enter(r, c, "ListPoliciesForTarget", ofPolicyType(in.Filter), *in.TargetId)
		if err != nil {
			return err
		}
		if err := needTarget(r, o, *in.TargetId); err != nil {
			return err
		}
		prefix := identity.AttachmentsPrefix(o.ID, *in.TargetId, string(in.Filter))
		out.Policies, out.NextToken, err = scanPage(r, api.ListOf(c, in), prefix, 0, func(id string) (*types.PolicySummary, error) {
			p, err := identity.LoadOrganizationPolicy(r, o.ID, id)
			if err != nil || p == nil {
				return nil, err
			}
			return wireSummary(o, p), nil
		})
		return err
	})
	return out, err
}

func (s *Service) listTargetsForPolicy(ctx context.Context, c api.Caller, in *organizations.ListTargetsForPolicyInput) (*organizations.ListTargetsForPolicyOutput, error) {
	out := &organizations.ListTargetsForPolicyOutput{}
	err := s.store.View(ctx, func(r store.Reader) error {
		o, p, err := s.findPolicy(r, c, "ListTargetsForPolicy", *in.PolicyId)
		if err != nil {
			return err
		}
		out.Targets, out.NextToken, err = scanPage(r, api.ListOf(c, in), attachedPrefix(o.ID, p.ID), 0, func(id string) (*types.PolicyTargetSummary, error) {
			return wireTarget(r, o, id)
		})
		return err
	})
	return out, err
}

// wireTarget returns what a policy is attached to.
func wireTarget(r store.Reader, o *identity.Organization, id string) (*types.PolicyTargetSummary, error) {
	arn, err := resourceARN(r, o, id)
	if err != nil {
		return nil, err
	}
	w := &types.PolicyTargetSummary{TargetId: &id, Arn: &arn}
	switch {
	case id == o.Root:
		name := rootName
		w.Type, w.Name = types.TargetTypeRoot, &name
	case strings.HasPrefix(id, "ou-"):
		u, _, err := store.Load[identity.OrganizationalUnit](r, identity.OrganizationalUnitKey(o.ID, id))
		if err != nil {
			return nil, err
		}
		w.Type, w.Name = types.TargetTypeOrganizationalUnit, &u.Name
	default:
		m, err := identity.LoadMember(r, id)
		if err != nil || m == nil {
			return nil, err
		}
		w.Type, w.Name = types.TargetTypeAccount, &m.Name
	}
	return w, nil
}
