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
	"emulator/store"
)

func (s *Service) groupOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateGroup", s.createGroup),
		api.Op("GetGroup", s.getGroup),
		api.Op("UpdateGroup", s.updateGroup),
		api.Op("DeleteGroup", s.deleteGroup),
		api.Op("ListGroups", s.listGroups),
		api.Op("AddUserToGroup", s.addUserToGroup),
		api.Op("RemoveUserFromGroup", s.removeUserFromGroup),
		api.Op("ListGroupsForUser", s.listGroupsForUser),
	}
}

// memberKey is the key of an entry of the index from a group to its users. Its value is the user's name.
func memberKey(account, group, user string) []byte {
	return append(membersPrefix(account, group), store.Key(strings.ToLower(user))...)
}

func membersPrefix(account, group string) []byte {
	return store.Key("iam", account, "group-member", strings.ToLower(group))
}

// findGroup is findUser for groups.
func (s *Service) findGroup(r store.Reader, c api.Caller, name, action string) (*identity.Group, error) {
	g, ok, err := identity.LoadGroup(r, c.Account, name)
	if err != nil {
		return nil, err
	}
	arn := identity.ARN(c.Partition, "iam", c.Account, "group/"+name)
	if ok {
		arn = g.ARN()
	}
	if err := s.authz.Authorize(r, c, authz.Request{Action: action, Resource: arn}); err != nil {
		return nil, err
	}
	if !ok {
		return nil, api.Errorf("NoSuchEntity", "The group with name %s cannot be found.", name)
	}
	return g, nil
}

func wireGroup(g *identity.Group) *types.Group {
	return &types.Group{Arn: aws.String(g.ARN()), CreateDate: &g.Created, GroupId: &g.ID, GroupName: &g.Name, Path: &g.Path}
}

func (s *Service) createGroup(ctx context.Context, c api.Caller, in *iam.CreateGroupInput) (*iam.CreateGroupOutput, error) {
	g := &identity.Group{
		Account: c.Account, Partition: c.Partition, Name: *in.GroupName, ID: identity.NewUniqueID(identity.PrefixGroup),
		Path: pathOf(in.Path), Created: s.now(),
	}
	err := s.store.Update(ctx, func(tx store.Tx) error {
		if err := s.authz.Authorize(tx, c, authz.Request{Action: "iam:CreateGroup", Resource: g.ARN()}); err != nil {
			return err
		}
		if tx.Get(identity.GroupKey(c.Account, g.Name)) != nil {
			return groupExists(g.Name)
		}
		if err := s.room(tx, countedGroups, c.Account); err != nil {
			return err
		}
		return saveNew(tx, groupKind, identity.GroupKey(c.Account, g.Name), g, c.Account, g.Path, g.Name, g.ID, g.ARN())
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreateGroupOutput{Group: wireGroup(g)}, nil
}

func groupExists(name string) error {
	return api.Errorf("EntityAlreadyExists", "Group with name %s already exists.", name)
}

// getGroup answers with a page of the group's users too.
func (s *Service) getGroup(ctx context.Context, c api.Caller, in *iam.GetGroupInput) (*iam.GetGroupOutput, error) {
	page, err := newPage(api.ListOf(c, in))
	if err != nil {
		return nil, err
	}
	out := &iam.GetGroupOutput{}
	err = s.store.View(ctx, func(r store.Reader) error {
		g, err := s.findGroup(r, c, *in.GroupName, "iam:GetGroup")
		if err != nil {
			return err
		}
		out.Group = wireGroup(g)
		members := membersPrefix(c.Account, g.Name)
		for key, name := range r.Scan(members, page.startBelow(members)) {
			if !page.take(string(key[len(members):])) {
				break
			}
			u, _, err := identity.LoadUser(r, c.Account, string(name))
			if err != nil {
				return err
			}
			out.Users = append(out.Users, *wireUser(u))
		}
		return nil
	})
	out.Marker = page.next()
	out.IsTruncated = out.Marker != nil
	return out, err
}

func (s *Service) listGroups(ctx context.Context, c api.Caller, in *iam.ListGroupsInput) (*iam.ListGroupsOutput, error) {
	out := &iam.ListGroupsOutput{}
	var err error
	out.Marker, err = s.listKind(ctx, c, api.ListOf(c, in), groupKind, "iam:ListGroups", in.PathPrefix, func(r store.Reader, name string) error {
		g, _, err := identity.LoadGroup(r, c.Account, name)
		out.Groups = append(out.Groups, *wireGroup(g))
		return err
	})
	out.IsTruncated = out.Marker != nil
	return out, err
}

// updateGroup gives a group another name or path.
func (s *Service) updateGroup(ctx context.Context, c api.Caller, in *iam.UpdateGroupInput) (*iam.UpdateGroupOutput, error) {
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		g, err := s.findGroup(tx, c, *in.GroupName, "iam:UpdateGroup")
		if err != nil {
			return err
		}
		old := *g
		if in.NewGroupName != nil {
			g.Name = *in.NewGroupName
		}
		if in.NewPath != nil {
			g.Path = *in.NewPath
		}
		if old.ARN() == g.ARN() {
			return nil
		}
		if err := s.authz.Authorize(tx, c, authz.Request{Action: "iam:UpdateGroup", Resource: g.ARN()}); err != nil {
			return err
		}
		if !strings.EqualFold(old.Name, g.Name) && tx.Get(identity.GroupKey(c.Account, g.Name)) != nil {
			return groupExists(g.Name)
		}
		if err := deleteAll(tx, groupKind, identity.GroupKey(c.Account, old.Name), c.Account, old.Path, old.Name, old.ID); err != nil {
			return err
		}
		if err := renameGroup(tx, &old, g); err != nil {
			return err
		}
		return saveNew(tx, groupKind, identity.GroupKey(c.Account, g.Name), g, c.Account, g.Path, g.Name, g.ID, g.ARN())
	})
}

// renameGroup changes what refers to a group by its name.
func renameGroup(tx store.Tx, old, g *identity.Group) error {
	if old.Name == g.Name {
		return nil
	}
	if err := renameUses(tx, g.Account, groupKind, old.Name, g.Name, g.Attached, ""); err != nil {
		return err
	}
	var members []string
	for _, name := range tx.Scan(membersPrefix(g.Account, old.Name), nil) {
		members = append(members, string(name))
	}
	for _, name := range members {
		u, _, err := identity.LoadUser(tx, g.Account, name)
		if err != nil {
			return err
		}
		u.Groups[slices.Index(u.Groups, old.Name)] = g.Name
		if err := store.Save(tx, identity.UserKey(g.Account, name), u); err != nil {
			return err
		}
		if err := tx.Delete(memberKey(g.Account, old.Name, name)); err != nil {
			return err
		}
		if err := tx.Put(memberKey(g.Account, g.Name, name), []byte(name)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) deleteGroup(ctx context.Context, c api.Caller, in *iam.DeleteGroupInput) (*iam.DeleteGroupOutput, error) {
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		g, err := s.findGroup(tx, c, *in.GroupName, "iam:DeleteGroup")
		if err != nil {
			return err
		}
		for range tx.Scan(membersPrefix(c.Account, g.Name), nil) {
			return api.Errorf("DeleteConflict", "Cannot delete entity, must remove users from group first.")
		}
		switch {
		case len(g.Attached) > 0:
			return api.Errorf("DeleteConflict", "Cannot delete entity, must detach all policies first.")
		case len(g.Inline) > 0:
			return api.Errorf("DeleteConflict", "Cannot delete entity, must delete policies first.")
		}
		return deleteAll(tx, groupKind, identity.GroupKey(c.Account, g.Name), c.Account, g.Path, g.Name, g.ID)
	})
}

// changeMembership runs f on the user and saves it, once the caller may change the group.
func (s *Service) changeMembership(ctx context.Context, c api.Caller, group, user, action string, f func(store.Tx, *identity.Group, *identity.User) error) error {
	return s.store.Update(ctx, func(tx store.Tx) error {
		g, groupErr := s.findGroup(tx, c, group, action)
		if groupErr != nil && api.ErrorCode(groupErr) != "NoSuchEntity" {
			return groupErr
		}
		u, ok, err := identity.LoadUser(tx, c.Account, user)
		switch {
		case err != nil:
			return err
		case !ok: // which AWS tells first
			return noUser(user)
		case groupErr != nil:
			return groupErr
		}
		if err := f(tx, g, u); err != nil {
			return err
		}
		return store.Save(tx, identity.UserKey(c.Account, u.Name), u)
	})
}

// addUserToGroup of a member succeeds without effect.
func (s *Service) addUserToGroup(ctx context.Context, c api.Caller, in *iam.AddUserToGroupInput) (*iam.AddUserToGroupOutput, error) {
	return nil, s.changeMembership(ctx, c, *in.GroupName, *in.UserName, "iam:AddUserToGroup", func(tx store.Tx, g *identity.Group, u *identity.User) error {
		if slices.Contains(u.Groups, g.Name) {
			return nil
		}
		if err := s.within(groupsPerUser, len(u.Groups)+1); err != nil {
			return err
		}
		u.Groups = append(u.Groups, g.Name)
		return tx.Put(memberKey(c.Account, g.Name, u.Name), []byte(u.Name))
	})
}

// removeUserFromGroup of somebody who is no member succeeds without effect.
func (s *Service) removeUserFromGroup(ctx context.Context, c api.Caller, in *iam.RemoveUserFromGroupInput) (*iam.RemoveUserFromGroupOutput, error) {
	return nil, s.changeMembership(ctx, c, *in.GroupName, *in.UserName, "iam:RemoveUserFromGroup", func(tx store.Tx, g *identity.Group, u *identity.User) error {
		u.Groups = slices.DeleteFunc(u.Groups, func(name string) bool { return name == g.Name })
		return tx.Delete(memberKey(c.Account, g.Name, u.Name))
	})
}

func (s *Service) listGroupsForUser(ctx context.Context, c api.Caller, in *iam.ListGroupsForUserInput) (*iam.ListGroupsForUserOutput, error) {
	out := &iam.ListGroupsForUserOutput{}
	err := s.store.View(ctx, func(r store.Reader) error {
		u, err := s.findUser(r, c, *in.UserName, authz.Request{Action: "iam:ListGroupsForUser"})
		if err != nil {
			return err
		}
		names, next, err := pageOf(u.Groups, api.ListOf(c, in))
		if err != nil {
			return err
		}
		for _, name := range names {
			g, _, err := identity.LoadGroup(r, c.Account, name)
			if err != nil {
				return err
			}
			out.Groups = append(out.Groups, *wireGroup(g))
		}
		out.Marker, out.IsTruncated = next, next != nil
		return nil
	})
	return out, err
}
