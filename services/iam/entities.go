package iam

import (
	"context"
	"maps"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/quota"
	"emulator/store"
)

// entity is a user, role or group as far as its policies go.
type entity struct {
	kind                          *entityKind
	name, id, path, arn, boundary string
	tags                          map[string]string
	role                          *identity.Role // if it is one
	// inline and attached are in the record that save saves.
	inline   *map[string]string
	attached *[]string
	save     func(store.Tx) error
}

// entityKind is what sets users, roles and groups apart where their policies are
// alike.
type entityKind struct {
	// name as it stands in ARNs, keys and messages, and title as in others.
	name, title string
	// attached limits the attached policies, inlineSize the size of all inline policies together.
	attached, inlineSize quota.Quota
	counted              *counted
	// load returns nil if there is no such entity.
	load func(r store.Reader, account, name string) (*entity, error)
}

var userKind = &entityKind{"user", "User", policiesPerUser, userPoliciesSize, countedUsers, func(r store.Reader, account, name string) (*entity, error) {
	u, ok, err := identity.LoadUser(r, account, name)
	if err != nil || !ok {
		return nil, err
	}
	return &entity{
		name: u.Name, id: u.ID, path: u.Path, arn: u.ARN(), boundary: u.Boundary, tags: u.Tags,
		inline: &u.Inline, attached: &u.Attached,
		save: func(tx store.Tx) error { return store.Save(tx, identity.UserKey(account, name), u) },
	}, nil
}}

var groupKind = &entityKind{"group", "Group", policiesPerGroup, groupPoliciesSize, countedGroups, func(r store.Reader, account, name string) (*entity, error) {
	g, ok, err := identity.LoadGroup(r, account, name)
	if err != nil || !ok {
		return nil, err
	}
	return &entity{
		name: g.Name, id: g.ID, path: g.Path, arn: g.ARN(),
		inline: &g.Inline, attached: &g.Attached,
		save: func(tx store.Tx) error { return store.Save(tx, identity.GroupKey(account, name), g) },
	}, nil
}}

var roleKind = &entityKind{"role", "Role", policiesPerRole, rolePoliciesSize, countedRoles, func(r store.Reader, account, name string) (*entity, error) {
	role, ok, err := identity.LoadRole(r, account, name)
	if err != nil || !ok {
		return nil, err
	}
	return &entity{
		name: role.Name, id: role.ID, path: role.Path, arn: role.ARN(), boundary: role.Boundary, tags: role.Tags,
		role:   role,
		inline: &role.Inline, attached: &role.Attached,
		save: func(tx store.Tx) error { return store.Save(tx, identity.RoleKey(account, name), role) },
	}, nil
}}

// holds reports whether there is anything below a prefix.
func holds(r store.Reader, prefix []byte) bool {
	for range r.Scan(prefix, nil) {
		return true
	}
	return false
}

// kinds by name.
var kinds = map[string]*entityKind{userKind.name: userKind, groupKind.name: groupKind, roleKind.name: roleKind}

// entityRequest says which entity an operation on policies is about, and what it is
// allowed by.
type entityRequest struct {
	kind *entityKind
	name string
	// action as policies name it, and its condition keys.
	action  string
	context map[string][]string
}

// find returns the entity once the caller may do the action with it.
func (s *Service) findEntity(r store.Reader, c api.Caller, q entityRequest) (*entity, error) {
	e, err := q.kind.load(r, c.Account, q.name)
	if err != nil {
		return nil, err
	}
	request := authz.Request{Action: q.action, Context: q.context}
	if e != nil {
		request.Resource, request.ResourceTags = e.arn, e.tags
		request.Context = withBoundary(maps.Clone(q.context), e.boundary)
	} else {
		request.Resource = identity.ARN(c.Partition, "iam", c.Account, q.kind.name+"/"+q.name)
	}
	if err := s.authz.Authorize(r, c, request); err != nil {
		return nil, err
	}
	if e == nil {
		return nil, api.Errorf("NoSuchEntity", "The %s with name %s cannot be found.", q.kind.name, q.name)
	}
	e.kind = q.kind
	return e, nil
}

// viewEntity runs f on the entity.
func (s *Service) viewEntity(ctx context.Context, c api.Caller, q entityRequest, f func(*entity) error) error {
	return s.store.View(ctx, func(r store.Reader) error {
		e, err := s.findEntity(r, c, q)
		if err != nil {
			return err
		}
		return f(e)
	})
}

// changeEntity runs f on the entity and saves it, unless AWS keeps it from changing.
func (s *Service) changeEntity(ctx context.Context, c api.Caller, q entityRequest, f func(store.Tx, *entity) error) error {
	return s.store.Update(ctx, func(tx store.Tx) error {
		e, err := s.findEntity(tx, c, q)
		if err != nil {
			return err
		}
		if e.role != nil {
			if err := modifiable(e.role); err != nil {
				return err
			}
		}
		if err := f(tx, e); err != nil {
			return err
		}
		return e.save(tx)
	})
}
