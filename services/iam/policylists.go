package iam

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/identity/awspolicies"
	"emulator/store"
)

// useOf is what AWS's filters mean.
var useOf = map[types.PolicyUsageType]use{
	types.PolicyUsageTypePermissionsPolicy:   asPermissions,
	types.PolicyUsageTypePermissionsBoundary: asBoundary,
}

// listPolicies lists the account's policies and then AWS's, or, if only used ones
// are wanted, those of the index of the used ones.
func (s *Service) listPolicies(ctx context.Context, c api.Caller, in *iam.ListPoliciesInput) (*iam.ListPoliciesOutput, error) {
	pathPrefix := pathOf(in.PathPrefix)
	page, err := newPage(api.ListOf(c, in))
	if err != nil {
		return nil, err
	}
	walk := walkPolicies
	if in.OnlyAttached || in.PolicyUsageFilter != "" {
		walk = walkUsedPolicies
	}
	out := &iam.ListPoliciesOutput{Policies: []types.Policy{}} // AWS sends empty lists
	err = s.store.View(ctx, func(r store.Reader) error {
		request := authz.Request{Action: "iam:ListPolicies", Resource: identity.ARN(c.Partition, "iam", c.Account, "policy"+pathPrefix)}
		if err := s.authz.Authorize(r, c, request); err != nil {
			return err
		}
		return walk(r, c, in.Scope, page.after, func(position string, p *managedPolicy) (more bool, err error) {
			if !strings.HasPrefix(p.path(), pathPrefix) {
				return page.skip(position), nil
			}
			u, err := loadPolicyUse(r, c.Account, p.arn())
			if err != nil {
				return false, err
			}
			if in.PolicyUsageFilter != "" && u.unusedFor(useOf[in.PolicyUsageFilter]) {
				return page.skip(position), nil
			}
			if !page.take(position) {
				return false, nil
			}
			out.Policies = append(out.Policies, *p.wire(u))
			return true, nil
		})
	})
	out.Marker = page.next()
	out.IsTruncated = out.Marker != nil
	return out, err
}

// Positions of walkPolicies and walkUsedPolicies are the owner of a policy and its name.

// walkPolicies calls f with the policies behind a position, as long as it wants more.
func walkPolicies(r store.Reader, c api.Caller, scope types.PolicyScopeType, after string, f func(position string, p *managedPolicy) (more bool, err error)) error {
	owner, name, _ := strings.Cut(after, "/")
	if scope != types.PolicyScopeTypeAws && owner != ownerAWS {
		prefix := identity.PoliciesPrefix(c.Account)
		var key []byte
		if name != "" {
			key = append(slices.Clone(prefix), strings.ToLower(name)+"\x00"...)
		}
		for k := range r.Scan(prefix, key) {
			p, _, err := store.Load[identity.ManagedPolicy](r, k)
			if err != nil {
				return err
			}
			if more, err := f(ownerAccount+"/"+p.Name, &managedPolicy{local: &p}); !more || err != nil {
				return err
			}
		}
	}
	if scope == types.PolicyScopeTypeLocal {
		return nil
	}
	if owner != ownerAWS {
		name = ""
	}
	for p := range awspolicies.All(c.Partition, name) {
		if more, err := f(ownerAWS+"/"+p.Name, &managedPolicy{aws: p}); !more || err != nil {
			return err
		}
	}
	return nil
}

// walkUsedPolicies is walkPolicies for those that some entity has.
func walkUsedPolicies(r store.Reader, c api.Caller, scope types.PolicyScopeType, after string, f func(position string, p *managedPolicy) (more bool, err error)) error {
	prefix := store.Key("iam", c.Account, "policy-use")
	var key []byte
	if owner, name, ok := strings.Cut(after, "/"); ok {
		key = append(slices.Clone(prefix), owner+"\x00"+strings.ToLower(name)+"\x00"...)
	}
	switch scope {
	case types.PolicyScopeTypeAws:
		prefix = append(prefix, ownerAWS...)
	case types.PolicyScopeTypeLocal:
		prefix = append(prefix, ownerAccount...)
	}
	for k := range r.Scan(prefix, key) {
		u, _, err := store.Load[policyUse](r, k)
		if err != nil {
			return err
		}
		if !strings.HasPrefix(u.ARN, "arn:"+c.Partition+":") {
			continue
		}
		p, err := findPolicy(r, c, u.ARN)
		if err != nil {
			return err
		}
		parts := store.Parts(k)
		if more, err := f(parts[3]+"/"+parts[4], p); !more || err != nil {
			return err
		}
	}
	return nil
}

// listEntitiesForPolicy reads the index from the policy to its entities.
func (s *Service) listEntitiesForPolicy(ctx context.Context, c api.Caller, in *iam.ListEntitiesForPolicyInput) (*iam.ListEntitiesForPolicyOutput, error) {
	page, err := newPage(api.ListOf(c, in))
	if err != nil {
		return nil, err
	}
	out := &iam.ListEntitiesForPolicyOutput{PolicyGroups: []types.PolicyGroup{}, PolicyRoles: []types.PolicyRole{}, PolicyUsers: []types.PolicyUser{}}
	err = s.store.View(ctx, func(r store.Reader) error {
		if _, err := s.findPolicy(r, c, *in.PolicyArn, authz.Request{Action: "iam:ListEntitiesForPolicy"}); api.ErrorCode(err) == "NoSuchEntity" {
			return notAttachable(*in.PolicyArn)
		} else if err != nil {
			return err
		}
		return walkEntities(r, c.Account, *in.PolicyArn, useOf[in.PolicyUsageFilter], page.after, func(position string, k *entityKind, name string) (more bool, err error) {
			if in.EntityFilter != "" && string(in.EntityFilter) != k.title {
				return page.skip(position), nil
			}
			e, err := k.load(r, c.Account, name)
			if err != nil {
				return false, err
			}
			if !strings.HasPrefix(e.path, aws.ToString(in.PathPrefix)) {
				return page.skip(position), nil
			}
			if !page.take(position) {
				return false, nil
			}
			switch k {
			case userKind:
				out.PolicyUsers = append(out.PolicyUsers, types.PolicyUser{UserName: &e.name, UserId: &e.id})
			case groupKind:
				out.PolicyGroups = append(out.PolicyGroups, types.PolicyGroup{GroupName: &e.name, GroupId: &e.id})
			case roleKind:
				out.PolicyRoles = append(out.PolicyRoles, types.PolicyRole{RoleName: &e.name, RoleId: &e.id})
			}
			return true, nil
		})
	})
	out.Marker = page.next()
	out.IsTruncated = out.Marker != nil
	return out, err
}

// walkEntities calls f with the entities behind a position that use a policy for u,
// or for anything if u is "", as long as it wants more. None comes twice.
func walkEntities(r store.Reader, account, policyARN string, u use, after string, f func(position string, k *entityKind, name string) (more bool, err error)) error {
	afterUse, afterEntity, _ := strings.Cut(after, "/")
	for _, each := range []use{asPermissions, asBoundary} {
		if u != "" && u != each || string(each) < afterUse {
			continue
		}
		prefix := usedByPrefix(account, each, policyARN)
		var key []byte
		if string(each) == afterUse {
			key = append(slices.Clone(prefix), afterEntity...)
		}
		for k, value := range r.Scan(prefix, key) {
			entity, name := k[len(prefix):], string(value)
			if each == asBoundary && u == "" && r.Get(append(usedByPrefix(account, asPermissions, policyARN), entity...)) != nil {
				continue
			}
			kind, _, _ := strings.Cut(string(entity), "\x00")
			if more, err := f(string(each)+"/"+string(entity), kinds[kind], name); !more || err != nil {
				return err
			}
		}
	}
	return nil
}
