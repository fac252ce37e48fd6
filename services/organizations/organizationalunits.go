package organizations

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/store"
)

// maxDepth is how many units can be within one another.
//
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html
const maxDepth = 5

func (s *Service) organizationalUnitOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateOrganizationalUnit", s.createOrganizationalUnit),
		api.Op("DeleteOrganizationalUnit", s.deleteOrganizationalUnit),
		api.Op("DescribeOrganizationalUnit", s.describeOrganizationalUnit),
		api.Op("ListAccountsForParent", s.listAccountsForParent),
		api.Op("ListChildren", s.listChildren),
		api.Op("ListOrganizationalUnitsForParent", s.listOrganizationalUnitsForParent),
		api.Op("ListParents", s.listParents),
		api.Op("UpdateOrganizationalUnit", s.updateOrganizationalUnit),
	}
}

func wireUnit(o *identity.Organization, u *identity.OrganizationalUnit) *types.OrganizationalUnit {
	path := o.ID + "/" + strings.Join(u.Within(), "/") + "/"
	return &types.OrganizationalUnit{Arn: aws.String(unitARN(o, u.ID)), Id: &u.ID, Name: &u.Name, Path: &path}
}

// findUnit returns a unit and the organization once the caller may do the operation to it.
func (s *Service) findUnit(r store.Reader, c api.Caller, operation, id string) (*identity.Organization, *identity.OrganizationalUnit, error) {
	o, err := s.enter(r, c, operation, authz.Request{}, id)
	if err != nil {
		return nil, nil, err
	}
	u, ok, err := store.Load[identity.OrganizationalUnit](r, identity.OrganizationalUnitKey(o.ID, id))
	if err == nil && !ok {
		err = api.Errorf("OrganizationalUnitNotFoundException", "You specified an organizational unit that doesn't exist.")
	}
	return o, &u, err
}

// nameUnit saves a unit under a name that no other one beside it has.
func nameUnit(tx store.Tx, o *identity.Organization, u *identity.OrganizationalUnit, name string) error {
	parent := u.Parents[len(u.Parents)-1]
	if tx.Get(unitNameKey(o.ID, parent, name)) != nil {
		return api.Errorf("DuplicateOrganizationalUnitException", "An OU with the same name already exists.")
	}
	if err := tx.Delete(unitNameKey(o.ID, parent, u.Name)); err != nil {
		return err
	}
	u.Name = name
	if err := tx.Put(unitNameKey(o.ID, parent, name), []byte(u.ID)); err != nil {
		return err
	}
	return store.Save(tx, identity.OrganizationalUnitKey(o.ID, u.ID), u)
}

// https://docs.aws.amazon.com/organizations/latest/APIReference/API_CreateOrganizationalUnit.html
func (s *Service) createOrganizationalUnit(ctx context.Context, c api.Caller, in *organizations.CreateOrganizationalUnitInput) (*organizations.CreateOrganizationalUnitOutput, error) {
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	end, err := newID("-", letters, 8)
	if err != nil {
		return nil, err
	}
	var out *organizations.CreateOrganizationalUnitOutput
	err = s.store.Update(ctx, func(tx store.Tx) error {
		o, err := s.enter(tx, c, "CreateOrganizationalUnit", creating(tags), *in.ParentId)
		if err != nil {
			return err
		}
		u := &identity.OrganizationalUnit{ID: "ou-" + strings.TrimPrefix(o.Root, "r-") + end}
		if u.Parents, err = insideParent(tx, o, *in.ParentId); err != nil {
			return err
		}
		if len(u.Parents) > maxDepth {
			return api.Errorf("ConstraintViolationException", "You attempted to create an OU tree that is too many levels deep.").With("Reason", "OU_DEPTH_LIMIT_EXCEEDED")
		}
		if !s.room(tx, unitsPerOrganization, identity.OrganizationalUnitsPrefix(o.ID)) {
			return api.Errorf("ConstraintViolationException", "You attempted to exceed the number of OUs that you can have in an organization.").With("Reason", "OU_NUMBER_LIMIT_EXCEEDED")
		}
		if err := nameUnit(tx, o, u, *in.Name); err != nil {
			return err
		}
		if err := tx.Put(childKey(o.ID, *in.ParentId, types.ChildTypeOrganizationalUnit, u.ID), []byte(u.ID)); err != nil {
			return err
		}
		if err := attachNew(tx, o, u.ID); err != nil {
			return err
		}
		if err := s.saveTags(tx, o, u.ID, tags); err != nil {
			return err
		}
		out = &organizations.CreateOrganizationalUnitOutput{OrganizationalUnit: wireUnit(o, u)}
		return nil
	})
	return out, err
}

func (s *Service) updateOrganizationalUnit(ctx context.Context, c api.Caller, in *organizations.UpdateOrganizationalUnitInput) (*organizations.UpdateOrganizationalUnitOutput, error) {
	var out *organizations.UpdateOrganizationalUnitOutput
	err := s.store.Update(ctx, func(tx store.Tx) error {
		o, u, err := s.findUnit(tx, c, "UpdateOrganizationalUnit", *in.OrganizationalUnitId)
		if err != nil {
			return err
		}
		if in.Name != nil && *in.Name != u.Name {
			if err := nameUnit(tx, o, u, *in.Name); err != nil {
				return err
			}
		}
		out = &organizations.UpdateOrganizationalUnitOutput{OrganizationalUnit: wireUnit(o, u)}
		return nil
	})
	return out, err
}

func (s *Service) deleteOrganizationalUnit(ctx context.Context, c api.Caller, in *organizations.DeleteOrganizationalUnitInput) (*organizations.DeleteOrganizationalUnitOutput, error) {
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		o, u, err := s.findUnit(tx, c, "DeleteOrganizationalUnit", *in.OrganizationalUnitId)
		if err != nil {
			return err
		}
		if hasAny(tx, identity.InOrganization(o.ID, "child", u.ID)) {
			return api.Errorf("OrganizationalUnitNotEmptyException", "The specified OU is not empty. Move all accounts to another root or to other OUs, remove all child OUs, and try the operation again.")
		}
		if err := deleteTags(tx, o, u.ID); err != nil {
			return err
		}
		parent := u.Parents[len(u.Parents)-1]
		for _, key := range [][]byte{
			identity.OrganizationalUnitKey(o.ID, u.ID), unitNameKey(o.ID, parent, u.Name), childKey(o.ID, parent, types.ChildTypeOrganizationalUnit, u.ID),
		} {
			if err := tx.Delete(key); err != nil {
				return err
			}
		}
		return detachAll(tx, o, u.ID)
	})
}

func (s *Service) describeOrganizationalUnit(ctx context.Context, c api.Caller, in *organizations.DescribeOrganizationalUnitInput) (*organizations.DescribeOrganizationalUnitOutput, error) {
	var out *organizations.DescribeOrganizationalUnitOutput
	err := s.store.View(ctx, func(r store.Reader) error {
		o, u, err := s.findUnit(r, c, "DescribeOrganizationalUnit", *in.OrganizationalUnitId)
		if err == nil {
			out = &organizations.DescribeOrganizationalUnitOutput{OrganizationalUnit: wireUnit(o, u)}
		}
		return err
	})
	return out, err
}

// listInside lists the children of a kind of a root or unit.
func listInside[T any](ctx context.Context, s *Service, c api.Caller, operation, parent string, kind types.ChildType, list api.List, item func(store.Reader, *identity.Organization, string) (*T, error)) (page []T, next *string, err error) {
	err = s.store.View(ctx, func(r store.Reader) error {
		o, err := s.enter(r, c, operation, authz.Request{}, parent)
		if err != nil {
			return err
		}
		if _, err := insideParent(r, o, parent); err != nil {
			return err
		}
		page, next, err = scanPage(r, list, childrenPrefix(o.ID, parent, kind), 0, func(id string) (*T, error) { return item(r, o, id) })
		return err
	})
	return page, next, err
}

func (s *Service) listChildren(ctx context.Context, c api.Caller, in *organizations.ListChildrenInput) (*organizations.ListChildrenOutput, error) {
	page, next, err := listInside(ctx, s, c, "ListChildren", *in.ParentId, in.ChildType, api.ListOf(c, in), func(r store.Reader, o *identity.Organization, id string) (*types.Child, error) {
		if in.ChildType == types.ChildTypeAccount {
			if m, err := s.memberOf(r, o, id); err != nil || m == nil {
				return nil, err
			}
		}
		return &types.Child{Id: &id, Type: in.ChildType}, nil
	})
	return &organizations.ListChildrenOutput{Children: page, NextToken: next}, err
}

func (s *Service) listOrganizationalUnitsForParent(ctx context.Context, c api.Caller, in *organizations.ListOrganizationalUnitsForParentInput) (*organizations.ListOrganizationalUnitsForParentOutput, error) {
	page, next, err := listInside(ctx, s, c, "ListOrganizationalUnitsForParent", *in.ParentId, types.ChildTypeOrganizationalUnit, api.ListOf(c, in), func(r store.Reader, o *identity.Organization, id string) (*types.OrganizationalUnit, error) {
		u, _, err := store.Load[identity.OrganizationalUnit](r, identity.OrganizationalUnitKey(o.ID, id))
		return wireUnit(o, &u), err
	})
	return &organizations.ListOrganizationalUnitsForParentOutput{OrganizationalUnits: page, NextToken: next}, err
}

func (s *Service) listAccountsForParent(ctx context.Context, c api.Caller, in *organizations.ListAccountsForParentInput) (*organizations.ListAccountsForParentOutput, error) {
	page, next, err := listInside(ctx, s, c, "ListAccountsForParent", *in.ParentId, types.ChildTypeAccount, api.ListOf(c, in), s.wireAccount)
	return &organizations.ListAccountsForParentOutput{Accounts: page, NextToken: next}, err
}

// listParents returns the one parent that an account or unit has.
//
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListParents.html
func (s *Service) listParents(ctx context.Context, c api.Caller, in *organizations.ListParentsInput) (*organizations.ListParentsOutput, error) {
	out := &organizations.ListParentsOutput{}
	err := s.store.View(ctx, func(r store.Reader) error {
		o, err := s.enter(r, c, "ListParents", authz.Request{}, *in.ChildId)
		if err != nil {
			return err
		}
		parents, err := parentsOf(r, o, *in.ChildId)
		if err != nil {
			return err
		}
		if parents == nil {
			return api.Errorf("ChildNotFoundException", "You specified a child that doesn't exist.")
		}
		parent := types.Parent{Id: &parents[len(parents)-1], Type: types.ParentTypeOrganizationalUnit}
		if *parent.Id == o.Root {
			parent.Type = types.ParentTypeRoot
		}
		out.Parents, out.NextToken, err = pageOf([]types.Parent{parent}, api.ListOf(c, in), listed)
		return err
	})
	return out, err
}
