package iam

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"emulator/api"
	"emulator/store"
)

func (s *Service) attachmentOperations() []api.Operation {
	return []api.Operation{
		api.Op("AttachUserPolicy", s.attachUserPolicy),
		api.Op("AttachGroupPolicy", s.attachGroupPolicy),
		api.Op("AttachRolePolicy", s.attachRolePolicy),
		api.Op("DetachUserPolicy", s.detachUserPolicy),
		api.Op("DetachGroupPolicy", s.detachGroupPolicy),
		api.Op("DetachRolePolicy", s.detachRolePolicy),
		api.Op("ListAttachedUserPolicies", s.listAttachedUserPolicies),
		api.Op("ListAttachedGroupPolicies", s.listAttachedGroupPolicies),
		api.Op("ListAttachedRolePolicies", s.listAttachedRolePolicies),
		api.Op("ListEntitiesForPolicy", s.listEntitiesForPolicy),
	}
}

func (s *Service) attachUserPolicy(ctx context.Context, c api.Caller, in *iam.AttachUserPolicyInput) (*iam.AttachUserPolicyOutput, error) {
	return nil, s.attach(ctx, c, entityRequest{kind: userKind, name: *in.UserName, action: "iam:AttachUserPolicy"}, *in.PolicyArn)
}

func (s *Service) attachGroupPolicy(ctx context.Context, c api.Caller, in *iam.AttachGroupPolicyInput) (*iam.AttachGroupPolicyOutput, error) {
	return nil, s.attach(ctx, c, entityRequest{kind: groupKind, name: *in.GroupName, action: "iam:AttachGroupPolicy"}, *in.PolicyArn)
}

func (s *Service) attachRolePolicy(ctx context.Context, c api.Caller, in *iam.AttachRolePolicyInput) (*iam.AttachRolePolicyOutput, error) {
	return nil, s.attach(ctx, c, entityRequest{kind: roleKind, name: *in.RoleName, action: "iam:AttachRolePolicy"}, *in.PolicyArn)
}

func errServicePolicy(k *entityKind) error {
	return api.Errorf("PolicyNotAttachable", "Cannot attach a Service Role Policy to a Customer %s.", k.title)
}

// attach succeeds without effect if the policy is attached already.
func (s *Service) attach(ctx context.Context, c api.Caller, q entityRequest, policyARN string) error {
	q.context = map[string][]string{"iam:PolicyARN": {policyARN}}
	return s.changeEntity(ctx, c, q, func(tx store.Tx, e *entity) error {
		p, err := findPolicy(tx, c, policyARN)
		switch {
		case err != nil:
			return err
		case p == nil:
			return notAttachable(policyARN)
		case p.serviceLinked():
			// Service-linked roles, which may have it, were refused as protected.
			return errServicePolicy(e.kind)
		case slices.Contains(*e.attached, policyARN):
			return nil
		}
		if err := s.within(e.kind.attached, len(*e.attached)+1); err != nil {
			return err
		}
		*e.attached = append(*e.attached, policyARN)
		return addUse(tx, c.Account, asPermissions, policyARN, e.kind, e.name)
	})
}

func (s *Service) detachUserPolicy(ctx context.Context, c api.Caller, in *iam.DetachUserPolicyInput) (*iam.DetachUserPolicyOutput, error) {
	return nil, s.detach(ctx, c, entityRequest{kind: userKind, name: *in.UserName, action: "iam:DetachUserPolicy"}, *in.PolicyArn)
}

func (s *Service) detachGroupPolicy(ctx context.Context, c api.Caller, in *iam.DetachGroupPolicyInput) (*iam.DetachGroupPolicyOutput, error) {
	return nil, s.detach(ctx, c, entityRequest{kind: groupKind, name: *in.GroupName, action: "iam:DetachGroupPolicy"}, *in.PolicyArn)
}

func (s *Service) detachRolePolicy(ctx context.Context, c api.Caller, in *iam.DetachRolePolicyInput) (*iam.DetachRolePolicyOutput, error) {
	return nil, s.detach(ctx, c, entityRequest{kind: roleKind, name: *in.RoleName, action: "iam:DetachRolePolicy"}, *in.PolicyArn)
}

func (s *Service) detach(ctx context.Context, c api.Caller, q entityRequest, policyARN string) error {
	q.context = map[string][]string{"iam:PolicyARN": {policyARN}}
	return s.changeEntity(ctx, c, q, func(tx store.Tx, e *entity) error {
		if _, err := parsePolicyARN(c, policyARN); err != nil {
			return err
		}
		i := slices.Index(*e.attached, policyARN)
		if i < 0 {
			return noPolicy(policyARN)
		}
		*e.attached = slices.Delete(*e.attached, i, i+1)
		return removeUse(tx, c.Account, asPermissions, policyARN, e.kind, e.name)
	})
}

func (s *Service) listAttachedUserPolicies(ctx context.Context, c api.Caller, in *iam.ListAttachedUserPoliciesInput) (*iam.ListAttachedUserPoliciesOutput, error) {
	q := entityRequest{kind: userKind, name: *in.UserName, action: "iam:ListAttachedUserPolicies"}
	attached, next, err := s.listAttached(ctx, c, q, in.PathPrefix, api.ListOf(c, in))
	return &iam.ListAttachedUserPoliciesOutput{AttachedPolicies: attached, IsTruncated: next != nil, Marker: next}, err
}

func (s *Service) listAttachedGroupPolicies(ctx context.Context, c api.Caller, in *iam.ListAttachedGroupPoliciesInput) (*iam.ListAttachedGroupPoliciesOutput, error) {
	q := entityRequest{kind: groupKind, name: *in.GroupName, action: "iam:ListAttachedGroupPolicies"}
	attached, next, err := s.listAttached(ctx, c, q, in.PathPrefix, api.ListOf(c, in))
	return &iam.ListAttachedGroupPoliciesOutput{AttachedPolicies: attached, IsTruncated: next != nil, Marker: next}, err
}

func (s *Service) listAttachedRolePolicies(ctx context.Context, c api.Caller, in *iam.ListAttachedRolePoliciesInput) (*iam.ListAttachedRolePoliciesOutput, error) {
	q := entityRequest{kind: roleKind, name: *in.RoleName, action: "iam:ListAttachedRolePolicies"}
	attached, next, err := s.listAttached(ctx, c, q, in.PathPrefix, api.ListOf(c, in))
	return &iam.ListAttachedRolePoliciesOutput{AttachedPolicies: attached, IsTruncated: next != nil, Marker: next}, err
}

func (s *Service) listAttached(ctx context.Context, c api.Caller, q entityRequest, pathPrefix *string, list api.List) (attached []types.AttachedPolicy, next *string, err error) {
	err = s.viewEntity(ctx, c, q, func(e *entity) error {
		arns := slices.DeleteFunc(slices.Clone(*e.attached), func(arn string) bool {
			_, path, _ := splitPolicyARN(arn)
			return !strings.HasPrefix(path, aws.ToString(pathPrefix))
		})
		attached, next, err = pageOf(wireAttached(arns), list)
		return err
	})
	return attached, next, err
}

// wireAttached returns attached policies as lists have them, by their ARNs; never nil.
func wireAttached(arns []string) []types.AttachedPolicy {
	wire := []types.AttachedPolicy{}
	for _, arn := range slices.Sorted(slices.Values(arns)) {
		_, _, name := splitPolicyARN(arn)
		wire = append(wire, types.AttachedPolicy{PolicyArn: &arn, PolicyName: &name})
	}
	return wire
}
