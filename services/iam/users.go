package iam

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"emulator/api"
	"emulator/audit"
	"emulator/authz"
	"emulator/identity"
	"emulator/store"
)

func (s *Service) userOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateUser", s.createUser),
		api.Op("GetUser", s.getUser),
		api.Op("UpdateUser", s.updateUser),
		api.Op("DeleteUser", s.deleteUser),
		api.Op("ListUsers", s.listUsers),
		api.Op("PutUserPermissionsBoundary", s.putUserPermissionsBoundary),
		api.Op("DeleteUserPermissionsBoundary", s.deleteUserPermissionsBoundary),
	}
}

// findUser returns the user of that name once the caller may do with it what request
// says. A user that does not exist is authorized as if it stood at path "/".
func (s *Service) findUser(r store.Reader, c api.Caller, name string, request authz.Request) (*identity.User, error) {
	u, ok, err := identity.LoadUser(r, c.Account, name)
	if err != nil {
		return nil, err
	}
	request.Resource = identity.ARN(c.Partition, "iam", c.Account, "user/"+name)
	if ok {
		request.Resource, request.ResourceTags = u.ARN(), u.Tags
		request.Context = withBoundary(request.Context, u.Boundary)
	}
	if err := s.authz.Authorize(r, c, request); err != nil {
		return nil, err
	}
	if !ok {
		return nil, noUser(name)
	}
	return u, nil
}

func noUser(name string) error {
	return api.Errorf("NoSuchEntity", "The user with name %s cannot be found.", name)
}

// withBoundary adds the boundary that an entity has or is to have, unless the request has named one.
func withBoundary(context map[string][]string, boundary string) map[string][]string {
	if boundary == "" || context["iam:PermissionsBoundary"] != nil {
		return context
	}
	if context == nil {
		context = make(map[string][]string)
	}
	context["iam:PermissionsBoundary"] = []string{boundary}
	return context
}

func (s *Service) changeUser(ctx context.Context, c api.Caller, name string, request authz.Request, f func(store.Tx, *identity.User) error) error {
	return s.store.Update(ctx, func(tx store.Tx) error {
		u, err := s.findUser(tx, c, name, request)
		if err != nil {
			return err
		}
		if err := f(tx, u); err != nil {
			return err
		}
		return store.Save(tx, identity.UserKey(c.Account, u.Name), u)
	})
}

// userName returns the name that was given, or the caller's.
func userName(c api.Caller, given *string) (string, error) {
	switch {
	case given != nil:
		return *given, nil
	case c.Kind == identity.UserKind:
		return c.User.Name, nil
	}
	return "", api.Errorf("ValidationError", "Must specify userName when calling with non-User credentials")
}

func wireUser(u *identity.User) *types.User {
	w := &types.User{Arn: aws.String(u.ARN()), CreateDate: &u.Created, Path: &u.Path, UserId: &u.ID, UserName: &u.Name}
	if !u.PasswordLastUsed.IsZero() {
		w.PasswordLastUsed = &u.PasswordLastUsed
	}
	return w
}

// wireUserWhole adds what lists leave out.
func wireUserWhole(u *identity.User) *types.User {
	w := wireUser(u)
	w.PermissionsBoundary = wireBoundary(u.Boundary)
	if len(u.Tags) > 0 {
		w.Tags = wireTags(u.Tags)
	}
	return w
}

func wireBoundary(arn string) *types.AttachedPermissionsBoundary {
	if arn == "" {
		return nil
	}
	// AWS does not send the value that its model has.
	return &types.AttachedPermissionsBoundary{PermissionsBoundaryArn: &arn, PermissionsBoundaryType: "Policy"}
}

func (s *Service) createUser(ctx context.Context, c api.Caller, in *iam.CreateUserInput) (*iam.CreateUserOutput, error) {
	tags, tagsErr := newTags(in.Tags, caseInsensitive)
	u := &identity.User{
		Account: c.Account, Partition: c.Partition, Name: *in.UserName, ID: identity.NewUniqueID(identity.PrefixUser),
		Path: pathOf(in.Path), Created: s.now(), Boundary: aws.ToString(in.PermissionsBoundary), Tags: tags,
	}
	err := s.store.Update(ctx, func(tx store.Tx) error {
		request := authz.Request{Action: "iam:CreateUser", Resource: u.ARN(), RequestTags: tags, TagAction: "iam:TagUser", Context: withBoundary(nil, u.Boundary)}
		if err := s.authz.Authorize(tx, c, request); err != nil {
			return err
		}
		if tagsErr != nil {
			return tagsErr
		}
		if tx.Get(identity.UserKey(c.Account, u.Name)) != nil {
			return api.Errorf("EntityAlreadyExists", "User with name %s already exists.", u.Name)
		}
		if err := s.room(tx, countedUsers, c.Account); err != nil {
			return err
		}
		if u.Boundary != "" {
			if err := findBoundary(tx, c, u.Boundary); err != nil {
				return err
			}
		}
		if err := changeBoundary(tx, c.Account, userKind, u.Name, "", u.Boundary); err != nil {
			return err
		}
		var err error
		if u.Recreated, err = s.reuseName(tx, u); err != nil {
			return err
		}
		return saveNew(tx, userKind, identity.UserKey(c.Account, u.Name), u, c.Account, u.Path, u.Name, u.ID, u.ARN())
	})
	if err != nil {
		return nil, err
	}
	out := wireUserWhole(u)
	out.Tags = in.Tags
	return &iam.CreateUserOutput{User: out}, nil
}

// A user whose name was that of one deleted just before can't be changed for a while, as the documentation of
// EntityTemporarilyUnmodifiable has it: "such as a user name that was deleted and then recreated".

func deletedUserKey(u *identity.User) []byte {
	return store.Key("iam", u.Account, "deleted-user", strings.ToLower(u.Name))
}

// giveUpName notes that the user is deleted, if that takes time.
func (s *Service) giveUpName(tx store.Tx, u *identity.User) error {
	if now := s.clock.Now(); s.clock.Transition > 0 {
		return store.Save(tx, deletedUserKey(u), now)
	}
	return nil
}

// reuseName reports whether another user of the name was deleted just before.
func (s *Service) reuseName(tx store.Tx, u *identity.User) (bool, error) {
	deleted, ok, err := store.Load[time.Time](tx, deletedUserKey(u))
	if err != nil || !ok {
		return false, err
	}
	_, ended := s.clock.Ended(deleted)
	return !ended, tx.Delete(deletedUserKey(u))
}

func (s *Service) checkSettled(u *identity.User) error {
	if _, ended := s.clock.Ended(u.Created); u.Recreated && !ended {
		return api.Errorf("EntityTemporarilyUnmodifiable", "User %s cannot be modified while it is being created: another user of that name was deleted.", u.Name)
	}
	return nil
}

// saveNew saves an entity with its entries in the indexes by path and by unique ID.
func saveNew[T any](tx store.Tx, k *entityKind, key []byte, record T, account, path, name, id, arn string) error {
	if err := k.counted.add(tx, account, 1); err != nil {
		return err
	}
	if err := tx.Put(byPathKey(account, k, path, name), []byte(name)); err != nil {
		return err
	}
	if err := store.Save(tx, identity.UniqueIDKey(id), arn); err != nil {
		return err
	}
	return store.Save(tx, key, record)
}

// deleteAll deletes an entity and its entries in those indexes.
func deleteAll(tx store.Tx, k *entityKind, key []byte, account, path, name, id string) error {
	if err := k.counted.add(tx, account, -1); err != nil {
		return err
	}
	for _, key := range [][]byte{key, byPathKey(account, k, path, name), identity.UniqueIDKey(id)} {
		if err := tx.Delete(key); err != nil {
			return err
		}
	}
	return nil
}

// authorizeRoot asks for what the root user may do with itself, which a session of AssumeRoot may
// not be allowed.
func (s *Service) authorizeRoot(ctx context.Context, c api.Caller, action string) error {
	return s.store.View(ctx, func(r store.Reader) error {
		return s.authz.Authorize(r, c, authz.Request{Action: action, Resource: c.ARN})
	})
}

// getUser of the root user answers with the account's own identity, as AWS does.
func (s *Service) getUser(ctx context.Context, c api.Caller, in *iam.GetUserInput) (*iam.GetUserOutput, error) {
	if in.UserName == nil && c.Kind == identity.Root {
		return &iam.GetUserOutput{User: &types.User{
			Arn: &c.ARN, UserId: &c.Account, UserName: aws.String("root"), Path: aws.String("/"), CreateDate: aws.Time(time.Unix(0, 0).UTC()),
		}}, s.authorizeRoot(ctx, c, "iam:GetUser")
	}
	name, err := userName(c, in.UserName)
	if err != nil {
		return nil, err
	}
	var out *types.User
	err = s.store.View(ctx, func(r store.Reader) error {
		u, err := s.findUser(r, c, name, authz.Request{Action: "iam:GetUser"})
		if err != nil {
			return err
		}
		out = wireUserWhole(u)
		return nil
	})
	return &iam.GetUserOutput{User: out}, err
}

func (s *Service) listUsers(ctx context.Context, c api.Caller, in *iam.ListUsersInput) (*iam.ListUsersOutput, error) {
	out := &iam.ListUsersOutput{}
	var err error
	out.Marker, err = s.listKind(ctx, c, api.ListOf(c, in), userKind, "iam:ListUsers", in.PathPrefix, func(r store.Reader, name string) error {
		u, _, err := identity.LoadUser(r, c.Account, name)
		out.Users = append(out.Users, *wireUser(u))
		return err
	})
	out.IsTruncated = out.Marker != nil
	return out, err
}

// updateUser gives a user another name or path. What refers to the user by its unique ID
// goes on doing so.
func (s *Service) updateUser(ctx context.Context, c api.Caller, in *iam.UpdateUserInput) (*iam.UpdateUserOutput, error) {
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		u, err := s.findUser(tx, c, *in.UserName, authz.Request{Action: "iam:UpdateUser"})
		if err != nil {
			return err
		}
		if err := s.checkSettled(u); err != nil {
			return err
		}
		old := *u
		if in.NewUserName != nil {
			u.Name = *in.NewUserName
		}
		if in.NewPath != nil {
			u.Path = *in.NewPath
		}
		if old.ARN() == u.ARN() {
			return nil
		}
		// The caller must be allowed to do this to the user as it is and as it becomes.
		if err := s.authz.Authorize(tx, c, authz.Request{Action: "iam:UpdateUser", Resource: u.ARN(), ResourceTags: u.Tags}); err != nil {
			return err
		}
		if !strings.EqualFold(old.Name, u.Name) && tx.Get(identity.UserKey(c.Account, u.Name)) != nil {
			return api.Errorf("EntityAlreadyExists", "User with name %s already exists.", u.Name)
		}
		if err := deleteAll(tx, userKind, identity.UserKey(c.Account, old.Name), c.Account, old.Path, old.Name, old.ID); err != nil {
			return err
		}
		if err := renameUser(tx, &old, u); err != nil {
			return err
		}
		return saveNew(tx, userKind, identity.UserKey(c.Account, u.Name), u, c.Account, u.Path, u.Name, u.ID, u.ARN())
	})
}

// renameUser changes what refers to a user by its name.
func renameUser(tx store.Tx, old, u *identity.User) error {
	if old.Name == u.Name {
		return nil
	}
	if err := renameUses(tx, u.Account, userKind, old.Name, u.Name, u.Attached, u.Boundary); err != nil {
		return err
	}
	for _, group := range u.Groups {
		if err := tx.Delete(memberKey(u.Account, group, old.Name)); err != nil {
			return err
		}
		if err := tx.Put(memberKey(u.Account, group, u.Name), []byte(u.Name)); err != nil {
			return err
		}
	}
	for _, id := range u.AccessKeys {
		key, _, err := store.Load[identity.AccessKey](tx, identity.AccessKeyKey(id))
		if err != nil {
			return err
		}
		key.User = u.Name
		if err := store.Save(tx, identity.AccessKeyKey(id), key); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) deleteUser(ctx context.Context, c api.Caller, in *iam.DeleteUserInput) (*iam.DeleteUserOutput, error) {
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		u, err := s.findUser(tx, c, *in.UserName, authz.Request{Action: "iam:DeleteUser"})
		if err != nil {
			return err
		}
		switch {
		case len(u.Groups) > 0:
			return api.Errorf("DeleteConflict", "Cannot delete entity, must remove users from group first.")
		case len(u.Attached) > 0:
			return api.Errorf("DeleteConflict", "Cannot delete entity, must detach all policies first.")
		case len(u.Inline) > 0:
			return api.Errorf("DeleteConflict", "Cannot delete entity, must delete policies first.")
		case tx.Get(identity.LoginProfileKey(c.Account, u.ID)) != nil:
			return api.Errorf("DeleteConflict", "Cannot delete entity, must delete login profile first.")
		case len(u.AccessKeys) > 0:
			return api.Errorf("DeleteConflict", "Cannot delete entity, must delete access keys first.")
		case signingKind.has(tx, c.Account, u.ID):
			return api.Errorf("DeleteConflict", "Cannot delete entity, must delete certificates first.")
		case len(u.MFADevices) > 0:
			return api.Errorf("DeleteConflict", "Cannot delete entity, must delete MFA device first.")
		case sshKeyKind.has(tx, c.Account, u.ID), serviceKind.has(tx, c.Account, u.ID):
			return api.Errorf("DeleteConflict", "Cannot delete entity, must remove referenced objects first.")
		}
		if err := changeBoundary(tx, c.Account, userKind, u.Name, u.Boundary, ""); err != nil {
			return err
		}
		if err := audit.ForgetUse(tx, u.ID); err != nil {
			return err
		}
		if err := s.giveUpName(tx, u); err != nil {
			return err
		}
		return deleteAll(tx, userKind, identity.UserKey(c.Account, u.Name), c.Account, u.Path, u.Name, u.ID)
	})
}

func (s *Service) putUserPermissionsBoundary(ctx context.Context, c api.Caller, in *iam.PutUserPermissionsBoundaryInput) (*iam.PutUserPermissionsBoundaryOutput, error) {
	request := authz.Request{Action: "iam:PutUserPermissionsBoundary", Context: withBoundary(nil, *in.PermissionsBoundary)}
	return nil, s.changeUser(ctx, c, *in.UserName, request, func(tx store.Tx, u *identity.User) error {
		if err := findBoundaryOf(tx, c, userKind, *in.PermissionsBoundary); err != nil {
			return err
		}
		from := u.Boundary
		u.Boundary = *in.PermissionsBoundary
		return changeBoundary(tx, c.Account, userKind, u.Name, from, u.Boundary)
	})
}

func (s *Service) deleteUserPermissionsBoundary(ctx context.Context, c api.Caller, in *iam.DeleteUserPermissionsBoundaryInput) (*iam.DeleteUserPermissionsBoundaryOutput, error) {
	return nil, s.changeUser(ctx, c, *in.UserName, authz.Request{Action: "iam:DeleteUserPermissionsBoundary"}, func(tx store.Tx, u *identity.User) error {
		if u.Boundary == "" {
			return api.Errorf("NoSuchEntity", "No permissions boundary is set on user %s.", u.Name)
		}
		from := u.Boundary
		u.Boundary = ""
		return changeBoundary(tx, c.Account, userKind, u.Name, from, "")
	})
}
