package iam

import (
	"cmp"
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/policy"
	"emulator/store"
)

func (s *Service) policyOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreatePolicy", s.createPolicy),
		api.Op("GetPolicy", s.getPolicy),
		api.Op("DeletePolicy", s.deletePolicy),
		api.Op("ListPolicies", s.listPolicies),
		api.Op("CreatePolicyVersion", s.createPolicyVersion),
		api.Op("GetPolicyVersion", s.getPolicyVersion),
		api.Op("ListPolicyVersions", s.listPolicyVersions),
		api.Op("DeletePolicyVersion", s.deletePolicyVersion),
		api.Op("SetDefaultPolicyVersion", s.setDefaultPolicyVersion),
	}
}

// findPolicy returns the policy of that ARN once the caller may do with it what
// request says.
func (s *Service) findPolicy(r store.Reader, c api.Caller, arn string, request authz.Request) (*managedPolicy, error) {
	p, err := findPolicy(r, c, arn)
	if p != nil {
		request.ResourceTags = p.tags()
	}
	request.Resource = arn
	if denied := s.authz.Authorize(r, c, request); denied != nil {
		return nil, denied
	}
	switch {
	case err != nil:
		return nil, err
	case p == nil && foreignPolicy(c, arn):
		return nil, deniedPolicy(c, request.Action, arn)
	case p == nil:
		return nil, noPolicy(arn)
	}
	return p, nil
}

// findLocalPolicy is findPolicy for what only the owner of a policy may do.
func (s *Service) findLocalPolicy(r store.Reader, c api.Caller, arn string, request authz.Request) (*identity.ManagedPolicy, error) {
	p, err := s.findPolicy(r, c, arn, request)
	if err != nil {
		return nil, err
	}
	if p.local == nil {
		return nil, deniedPolicy(c, request.Action, arn)
	}
	return p.local, nil
}

// foreignPolicy reports whether an ARN is that of another account's policy.
func foreignPolicy(c api.Caller, arn string) bool {
	account, _, _ := splitPolicyARN(arn)
	return account != c.Account && account != awsAccount
}

// deniedPolicy refuses a policy of another account. No policy of the caller's can
// allow that, so even its root user is denied.
func deniedPolicy(c api.Caller, action, arn string) error {
	return api.Errorf("AccessDenied", "User: %s is not authorized to perform: %s on resource: policy %s", c.ARN, action, arn)
}

func savePolicy(tx store.Tx, p *identity.ManagedPolicy) error {
	return saveTagged(tx, identity.PolicyKey(p.Account, p.Name), p, p.ARN(), p.Tags)
}

func (s *Service) createPolicy(ctx context.Context, c api.Caller, in *iam.CreatePolicyInput) (*iam.CreatePolicyOutput, error) {
	tags, tagsErr := newTags(in.Tags, caseSensitive)
	now := s.now()
	p := &identity.ManagedPolicy{
		Account:     c.Account,
		Partition:   c.Partition,
		Name:        *in.PolicyName,
		ID:          identity.NewUniqueID(identity.PrefixPolicy),
		Path:        pathOf(in.Path),
		Description: aws.ToString(in.Description),
		Created:     now,
		Updated:     now,
		Tags:        tags,
		Default:     "v1",
		Versions:    []identity.PolicyVersion{{ID: "v1", Created: now}},
		Next:        2,
	}
	err := s.store.Update(ctx, func(tx store.Tx) error {
		if err := s.authz.Authorize(tx, c, authz.Request{Action: "iam:CreatePolicy", Resource: p.ARN(), RequestTags: tags, TagAction: "iam:TagPolicy"}); err != nil {
			return err
		}
		if tagsErr != nil {
			return tagsErr
		}
		if err := s.checkPolicyDocument(p.Partition, *in.PolicyDocument); err != nil {
			return err
		}
		if tx.Get(identity.PolicyKey(c.Account, p.Name)) != nil {
			return api.Errorf("EntityAlreadyExists", "A policy called %s already exists. Duplicate names are not allowed.", p.Name)
		}
		if err := cmp.Or(s.addNew(tx, countedPolicies, c.Account), s.addNew(tx, countedVersions, c.Account)); err != nil {
			return err
		}
		if err := store.Save(tx, identity.PolicyVersionKey(c.Account, p.Name, "v1"), *in.PolicyDocument); err != nil {
			return err
		}
		return savePolicy(tx, p)
	})
	if err != nil {
		return nil, err
	}
	out := (&managedPolicy{local: p}).wire(policyUse{})
	out.Tags = in.Tags
	return &iam.CreatePolicyOutput{Policy: out}, nil
}

func (s *Service) checkPolicyDocument(partition, text string) error {
	if err := s.within(policySize, policy.Size(text)); err != nil {
		return err
	}
	return s.checkDocument(policy.Managed, partition, text)
}

// wire returns the policy as lists have it: without description and tags.
func (p *managedPolicy) wire(u policyUse) *types.Policy {
	out := &types.Policy{
		DefaultVersionId:              aws.String(p.defaultVersion()),
		AttachmentCount:               &u.Attachments,
		PermissionsBoundaryUsageCount: &u.Boundaries,
		IsAttachable:                  true,
	}
	if l := p.local; l != nil {
		out.Arn, out.PolicyId, out.PolicyName, out.Path = aws.String(l.ARN()), &l.ID, &l.Name, &l.Path
		out.CreateDate, out.UpdateDate = &l.Created, &l.Updated
	} else {
		a := &p.aws
		out.Arn, out.PolicyId, out.PolicyName, out.Path = aws.String(a.ARN()), aws.String(a.ID()), &a.Name, &a.Path
		out.CreateDate, out.UpdateDate = &a.Created, &a.Updated
	}
	return out
}

func (s *Service) getPolicy(ctx context.Context, c api.Caller, in *iam.GetPolicyInput) (*iam.GetPolicyOutput, error) {
	var out *types.Policy
	err := s.store.View(ctx, func(r store.Reader) error {
		p, err := s.findPolicy(r, c, *in.PolicyArn, authz.Request{Action: "iam:GetPolicy"})
		if err != nil {
			return err
		}
		u, err := loadPolicyUse(r, c.Account, *in.PolicyArn)
		if err != nil {
			return err
		}
		out = p.wire(u)
		out.Tags = wireTags(p.tags())
		if p.local != nil && p.local.Description != "" {
			out.Description = &p.local.Description
		}
		return nil
	})
	return &iam.GetPolicyOutput{Policy: out}, err
}

func (s *Service) deletePolicy(ctx context.Context, c api.Caller, in *iam.DeletePolicyInput) (*iam.DeletePolicyOutput, error) {
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		p, err := s.findLocalPolicy(tx, c, *in.PolicyArn, authz.Request{Action: "iam:DeletePolicy"})
		if err != nil {
			return err
		}
		u, err := loadPolicyUse(tx, c.Account, *in.PolicyArn)
		switch {
		case err != nil:
			return err
		case !u.unusedFor(""):
			return api.Errorf("DeleteConflict", "Cannot delete a policy attached to entities.")
		case len(p.Versions) > 1:
			return api.Errorf("DeleteConflict", "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.")
		}
		if err := tx.Delete(identity.PolicyVersionKey(c.Account, p.Name, p.Default)); err != nil {
			return err
		}
		if err := cmp.Or(countedPolicies.add(tx, c.Account, -1), countedVersions.add(tx, c.Account, -1)); err != nil {
			return err
		}
		return deleteTagged(tx, identity.PolicyKey(c.Account, p.Name), p.ARN())
	})
}
