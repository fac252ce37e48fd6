package iam

import (
	"context"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"emulator/api"
	"emulator/policy"
	"emulator/store"
)

func (s *Service) inlinePolicyOperations() []api.Operation {
	return []api.Operation{
		api.Op("PutUserPolicy", s.putUserPolicy),
		api.Op("PutGroupPolicy", s.putGroupPolicy),
		api.Op("PutRolePolicy", s.putRolePolicy),
		api.Op("GetUserPolicy", s.getUserPolicy),
		api.Op("GetGroupPolicy", s.getGroupPolicy),
		api.Op("GetRolePolicy", s.getRolePolicy),
		api.Op("DeleteUserPolicy", s.deleteUserPolicy),
		api.Op("DeleteGroupPolicy", s.deleteGroupPolicy),
		api.Op("DeleteRolePolicy", s.deleteRolePolicy),
		api.Op("ListUserPolicies", s.listUserPolicies),
		api.Op("ListGroupPolicies", s.listGroupPolicies),
		api.Op("ListRolePolicies", s.listRolePolicies),
	}
}

func (s *Service) putUserPolicy(ctx context.Context, c api.Caller, in *iam.PutUserPolicyInput) (*iam.PutUserPolicyOutput, error) {
	return nil, s.putInline(ctx, c, entityRequest{kind: userKind, name: *in.UserName, action: "iam:PutUserPolicy"}, *in.PolicyName, *in.PolicyDocument)
}

func (s *Service) putGroupPolicy(ctx context.Context, c api.Caller, in *iam.PutGroupPolicyInput) (*iam.PutGroupPolicyOutput, error) {
	return nil, s.putInline(ctx, c, entityRequest{kind: groupKind, name: *in.GroupName, action: "iam:PutGroupPolicy"}, *in.PolicyName, *in.PolicyDocument)
}

func (s *Service) putRolePolicy(ctx context.Context, c api.Caller, in *iam.PutRolePolicyInput) (*iam.PutRolePolicyOutput, error) {
	return nil, s.putInline(ctx, c, entityRequest{kind: roleKind, name: *in.RoleName, action: "iam:PutRolePolicy"}, *in.PolicyName, *in.PolicyDocument)
}

// maxInlineLength bounds an entity's inline policies with their white space, which no quota counts: every call of the
// entity reads them. A single document may be as long, by the API model.
const maxInlineLength = 128 << 10

func errInlineSize(k *entityKind, name string, most int) error {
	return api.Errorf("LimitExceeded", "Maximum policy size of %d bytes exceeded for %s %s", most, k.name, name)
}

func (s *Service) putInline(ctx context.Context, c api.Caller, q entityRequest, name, document string) error {
	return s.changeEntity(ctx, c, q, func(_ store.Tx, e *entity) error {
		size, length := policy.Size(document), len(document)
		for other, text := range *e.inline {
			if other != name {
				size += policy.Size(text)
				length += len(text)
			}
		}
		if most := s.quotas.Max(e.kind.inlineSize); size > most || length > maxInlineLength {
			return errInlineSize(e.kind, e.name, min(most, maxInlineLength))
		}
		if err := s.checkDocument(policy.Identity, c.Partition, document); err != nil {
			return err
		}
		if *e.inline == nil {
			*e.inline = make(map[string]string)
		}
		(*e.inline)[name] = document
		return nil
	})
}

func (s *Service) getUserPolicy(ctx context.Context, c api.Caller, in *iam.GetUserPolicyInput) (*iam.GetUserPolicyOutput, error) {
	document, err := s.getInline(ctx, c, entityRequest{kind: userKind, name: *in.UserName, action: "iam:GetUserPolicy"}, *in.PolicyName)
	return &iam.GetUserPolicyOutput{UserName: in.UserName, PolicyName: in.PolicyName, PolicyDocument: &document}, err
}

func (s *Service) getGroupPolicy(ctx context.Context, c api.Caller, in *iam.GetGroupPolicyInput) (*iam.GetGroupPolicyOutput, error) {
	document, err := s.getInline(ctx, c, entityRequest{kind: groupKind, name: *in.GroupName, action: "iam:GetGroupPolicy"}, *in.PolicyName)
	return &iam.GetGroupPolicyOutput{GroupName: in.GroupName, PolicyName: in.PolicyName, PolicyDocument: &document}, err
}

func (s *Service) getRolePolicy(ctx context.Context, c api.Caller, in *iam.GetRolePolicyInput) (*iam.GetRolePolicyOutput, error) {
	document, err := s.getInline(ctx, c, entityRequest{kind: roleKind, name: *in.RoleName, action: "iam:GetRolePolicy"}, *in.PolicyName)
	return &iam.GetRolePolicyOutput{RoleName: in.RoleName, PolicyName: in.PolicyName, PolicyDocument: &document}, err
}

// getInline returns the document as it is answered.
func (s *Service) getInline(ctx context.Context, c api.Caller, q entityRequest, name string) (document string, err error) {
	err = s.viewEntity(ctx, c, q, func(e *entity) error {
		text, ok := (*e.inline)[name]
		if !ok {
			return noInline(e.kind, name)
		}
		document = encodeDocument(text)
		return nil
	})
	return document, err
}

func noInline(k *entityKind, name string) error {
	return api.Errorf("NoSuchEntity", "The %s policy with name %s cannot be found.", k.name, name)
}

func (s *Service) deleteUserPolicy(ctx context.Context, c api.Caller, in *iam.DeleteUserPolicyInput) (*iam.DeleteUserPolicyOutput, error) {
	return nil, s.deleteInline(ctx, c, entityRequest{kind: userKind, name: *in.UserName, action: "iam:DeleteUserPolicy"}, *in.PolicyName)
}

func (s *Service) deleteGroupPolicy(ctx context.Context, c api.Caller, in *iam.DeleteGroupPolicyInput) (*iam.DeleteGroupPolicyOutput, error) {
	return nil, s.deleteInline(ctx, c, entityRequest{kind: groupKind, name: *in.GroupName, action: "iam:DeleteGroupPolicy"}, *in.PolicyName)
}

func (s *Service) deleteRolePolicy(ctx context.Context, c api.Caller, in *iam.DeleteRolePolicyInput) (*iam.DeleteRolePolicyOutput, error) {
	return nil, s.deleteInline(ctx, c, entityRequest{kind: roleKind, name: *in.RoleName, action: "iam:DeleteRolePolicy"}, *in.PolicyName)
}

func (s *Service) deleteInline(ctx context.Context, c api.Caller, q entityRequest, name string) error {
	return s.changeEntity(ctx, c, q, func(_ store.Tx, e *entity) error {
		if _, ok := (*e.inline)[name]; !ok {
			return noInline(e.kind, name)
		}
		delete(*e.inline, name)
		return nil
	})
}

func (s *Service) listUserPolicies(ctx context.Context, c api.Caller, in *iam.ListUserPoliciesInput) (*iam.ListUserPoliciesOutput, error) {
	names, next, err := s.listInline(ctx, c, entityRequest{kind: userKind, name: *in.UserName, action: "iam:ListUserPolicies"}, api.ListOf(c, in))
	return &iam.ListUserPoliciesOutput{PolicyNames: names, IsTruncated: next != nil, Marker: next}, err
}

func (s *Service) listGroupPolicies(ctx context.Context, c api.Caller, in *iam.ListGroupPoliciesInput) (*iam.ListGroupPoliciesOutput, error) {
	names, next, err := s.listInline(ctx, c, entityRequest{kind: groupKind, name: *in.GroupName, action: "iam:ListGroupPolicies"}, api.ListOf(c, in))
	return &iam.ListGroupPoliciesOutput{PolicyNames: names, IsTruncated: next != nil, Marker: next}, err
}

func (s *Service) listRolePolicies(ctx context.Context, c api.Caller, in *iam.ListRolePoliciesInput) (*iam.ListRolePoliciesOutput, error) {
	names, next, err := s.listInline(ctx, c, entityRequest{kind: roleKind, name: *in.RoleName, action: "iam:ListRolePolicies"}, api.ListOf(c, in))
	return &iam.ListRolePoliciesOutput{PolicyNames: names, IsTruncated: next != nil, Marker: next}, err
}

func (s *Service) listInline(ctx context.Context, c api.Caller, q entityRequest, list api.List) (names []string, next *string, err error) {
	err = s.viewEntity(ctx, c, q, func(e *entity) error {
		names, next, err = pageOf(slices.Sorted(maps.Keys(*e.inline)), list)
		return err
	})
	return names, next, err
}
