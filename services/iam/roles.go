package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"emulator/api"
	"emulator/audit"
	"emulator/authz"
	"emulator/identity"
	"emulator/policy"
	"emulator/store"
)

const (
	defaultSessionDuration = 3600
)

func (s *Service) roleOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateRole", s.createRole),
		api.Op("GetRole", s.getRole),
		api.Op("UpdateRole", s.updateRole),
		api.Op("UpdateRoleDescription", s.updateRoleDescription),
		api.Op("UpdateAssumeRolePolicy", s.updateAssumeRolePolicy),
		api.Op("DeleteRole", s.deleteRole),
		api.Op("ListRoles", s.listRoles),
		api.Op("PutRolePermissionsBoundary", s.putRolePermissionsBoundary),
		api.Op("DeleteRolePermissionsBoundary", s.deleteRolePermissionsBoundary),
	}
}

// findRole is findUser for roles.
func (s *Service) findRole(r store.Reader, c api.Caller, name string, request authz.Request) (*identity.Role, error) {
	role, ok, err := identity.LoadRole(r, c.Account, name)
	if err != nil {
		return nil, err
	}
	request.Resource = identity.ARN(c.Partition, "iam", c.Account, "role/"+name)
	if ok {
		request.Resource, request.ResourceTags = role.ARN(), role.Tags
		request.Context = withBoundary(request.Context, role.Boundary)
	}
	if err := s.authz.Authorize(r, c, request); err != nil {
		return nil, err
	}
	if !ok {
		return nil, noRole(name)
	}
	return role, nil
}

func noRole(name string) error {
	return api.Errorf("NoSuchEntity", "The role with name %s cannot be found.", name)
}

func (s *Service) changeRole(ctx context.Context, c api.Caller, name string, request authz.Request, f func(store.Tx, *identity.Role) error) error {
	return s.store.Update(ctx, func(tx store.Tx) error {
		role, err := s.findRole(tx, c, name, request)
		if err != nil {
			return err
		}
		if err := f(tx, role); err != nil {
			return err
		}
		return store.Save(tx, identity.RoleKey(c.Account, role.Name), role)
	})
}

// wireRole returns a role as lists have it. The trust policy is shown with the ARNs of the principals
// that exist.
func (s *Service) wireRole(r store.Reader, role *identity.Role) (*types.Role, error) {
	trust, err := s.authz.ShowPrincipals(r, role.Trust)
	if err != nil {
		return nil, err
	}
	w := &types.Role{
		Arn: aws.String(role.ARN()), AssumeRolePolicyDocument: aws.String(encodeDocument(trust)), CreateDate: &role.Created,
		MaxSessionDuration: &role.MaxSessionDuration, Path: &role.Path, RoleId: &role.ID, RoleName: &role.Name,
	}
	if role.Description != "" {
		w.Description = &role.Description
	}
	return w, nil
}

// wireRoleWhole adds what lists leave out.
func (s *Service) wireRoleWhole(r store.Reader, role *identity.Role) (*types.Role, error) {
	w, err := s.wireRole(r, role)
	if err != nil {
		return nil, err
	}
	w.PermissionsBoundary = wireBoundary(role.Boundary)
	if len(role.Tags) > 0 {
		w.Tags = wireTags(role.Tags)
	}
	return w, nil
}

// setTrust checks a trust policy and puts it into the role, with the users and roles that it names
// as their unique IDs.
func (s *Service) setTrust(r store.Reader, role *identity.Role, text string) (err error) {
	if err := s.within(trustPolicySize, policy.Size(text)); err != nil {
		return err
	}
	if err := s.checkDocument(policy.TrustPolicy, role.Partition, text); err != nil {
		return err
	}
	role.Trust, err = s.authz.StorePrincipals(r, role.Partition, text)
	return err
}

// SaveRole saves a new role that another service makes, with its entries in IAM's indexes. The trust policy
// names accounts only.
func SaveRole(tx store.Tx, role *identity.Role) error {
	for _, arn := range role.Attached {
		if err := addUse(tx, role.Account, asPermissions, arn, roleKind, role.Name); err != nil {
			return err
		}
	}
	return saveNew(tx, roleKind, identity.RoleKey(role.Account, role.Name), role, role.Account, role.Path, role.Name, role.ID, role.ARN())
}

func (s *Service) createRole(ctx context.Context, c api.Caller, in *createRoleInput) (*createRoleOutput, error) {
	tags, tagsErr := newTags(in.Tags, caseInsensitive)
	role := &identity.Role{
		Account: c.Account, Partition: c.Partition, Name: *in.RoleName, ID: identity.NewUniqueID(identity.PrefixRole),
		Path: pathOf(in.Path), Created: s.now(), Description: aws.ToString(in.Description), MaxSessionDuration: defaultSessionDuration,
		Boundary: aws.ToString(in.PermissionsBoundary), Tags: tags,
	}
	if in.MaxSessionDuration != nil {
		role.MaxSessionDuration = *in.MaxSessionDuration
	}
	role.MaxSigninSessionDuration = aws.ToInt32(in.MaxSigninSessionDuration)
	out := &createRoleOutput{}
	err := s.store.Update(ctx, func(tx store.Tx) error {
		request := authz.Request{Action: "iam:CreateRole", Resource: role.ARN(), RequestTags: tags, TagAction: "iam:TagRole", Context: withBoundary(nil, role.Boundary)}
		if err := s.authz.Authorize(tx, c, request); err != nil {
			return err
		}
		if tagsErr != nil {
			return tagsErr
		}
		if role.ServiceLinked() {
			return errServicePath()
		}
		if tx.Get(identity.RoleKey(c.Account, role.Name)) != nil {
			return api.Errorf("EntityAlreadyExists", "Role with name %s already exists.", role.Name)
		}
		if err := s.room(tx, countedRoles, c.Account); err != nil {
			return err
		}
		if err := s.setTrust(tx, role, *in.AssumeRolePolicyDocument); err != nil {
			return err
		}
		if role.Boundary != "" {
			if err := findBoundary(tx, c, role.Boundary); err != nil {
				return err
			}
		}
		if err := changeBoundary(tx, c.Account, roleKind, role.Name, "", role.Boundary); err != nil {
			return err
		}
		w, err := s.wireRoleWhole(tx, role)
		if err != nil {
			return err
		}
		w.Description, w.MaxSessionDuration, w.Tags = nil, nil, in.Tags // as AWS
		out.Role = ahead(w, role)
		return saveNew(tx, roleKind, identity.RoleKey(c.Account, role.Name), role, c.Account, role.Path, role.Name, role.ID, role.ARN())
	})
	return out, err
}

func errServicePath() error {
	return api.Errorf("InvalidInput", "Path prefix '/aws-service-role/' can only be used for AWS Service linked Roles")
}

func (s *Service) getRole(ctx context.Context, c api.Caller, in *iam.GetRoleInput) (*getRoleOutput, error) {
	out := &getRoleOutput{}
	err := s.store.View(ctx, func(r store.Reader) error {
		role, err := s.findRole(r, c, *in.RoleName, authz.Request{Action: "iam:GetRole"})
		if err != nil {
			return err
		}
		w, err := s.wireRoleWhole(r, role)
		if err != nil {
			return err
		}
		out.Role = ahead(w, role)
		out.Role.RoleLastUsed, err = s.roleLastUsed(r, role)
		if t := role.Template; t != nil && err == nil {
			out.Role.SourceRoleTemplate = &types.SourceRoleTemplate{TemplateArn: &t.ARN, TemplateMinorVersion: &t.MinorVersion}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, s.lastUse.Told(ctx, *out.Role.RoleId)
}

func (s *Service) roleLastUsed(r store.Reader, role *identity.Role) (*types.RoleLastUsed, error) {
	use, ok, err := s.lastUse.Last(r, role.ID)
	if err != nil || !ok || s.now().Sub(use.At) > audit.Tracked {
		return &types.RoleLastUsed{}, err
	}
	return &types.RoleLastUsed{LastUsedDate: &use.At, Region: &use.Region}, nil
}

func (s *Service) listRoles(ctx context.Context, c api.Caller, in *iam.ListRolesInput) (*listRolesOutput, error) {
	out := &listRolesOutput{}
	var err error
	out.Marker, err = s.listKind(ctx, c, api.ListOf(c, in), roleKind, "iam:ListRoles", in.PathPrefix, func(r store.Reader, name string) error {
		role, _, err := identity.LoadRole(r, c.Account, name)
		if err != nil {
			return err
		}
		w, err := s.wireRole(r, role)
		if err != nil {
			return err
		}
		out.Roles = append(out.Roles, *ahead(w, role))
		return nil
	})
	out.IsTruncated = out.Marker != nil
	return out, err
}

func (s *Service) updateRole(ctx context.Context, c api.Caller, in *updateRoleInput) (*iam.UpdateRoleOutput, error) {
	return nil, s.changeRole(ctx, c, *in.RoleName, authz.Request{Action: "iam:UpdateRole"}, func(_ store.Tx, role *identity.Role) error {
		if in.MaxSessionDuration != nil || in.MaxSigninSessionDuration != nil || aws.ToBool(in.ResetMaxSigninSessionDuration) {
			if err := modifiable(role); err != nil {
				return err
			}
		}
		if in.Description != nil {
			role.Description = *in.Description
		}
		if in.MaxSessionDuration != nil {
			role.MaxSessionDuration = *in.MaxSessionDuration
		}
		return changeSetting(&role.MaxSigninSessionDuration, in.MaxSigninSessionDuration, in.ResetMaxSigninSessionDuration)
	})
}

func (s *Service) updateRoleDescription(ctx context.Context, c api.Caller, in *iam.UpdateRoleDescriptionInput) (*updateRoleDescriptionOutput, error) {
	out := &updateRoleDescriptionOutput{}
	err := s.changeRole(ctx, c, *in.RoleName, authz.Request{Action: "iam:UpdateRoleDescription"}, func(tx store.Tx, role *identity.Role) error {
		role.Description = *in.Description
		w, err := s.wireRoleWhole(tx, role)
		if err != nil {
			return err
		}
		w.MaxSessionDuration = nil // as AWS
		out.Role = ahead(w, role)
		return nil
	})
	return out, err
}

// modifiable refuses to change roles that belong to an AWS service, but for their description and tags.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_update-service-linked-role.html
func modifiable(role *identity.Role) error {
	if role.ServiceLinked() {
		return api.Errorf("UnmodifiableEntity", "Cannot perform the operation on the protected role '%s' - this role is only modifiable by AWS", role.Name)
	}
	return nil
}

func (s *Service) updateAssumeRolePolicy(ctx context.Context, c api.Caller, in *iam.UpdateAssumeRolePolicyInput) (*iam.UpdateAssumeRolePolicyOutput, error) {
	return nil, s.changeRole(ctx, c, *in.RoleName, authz.Request{Action: "iam:UpdateAssumeRolePolicy"}, func(tx store.Tx, role *identity.Role) error {
		if err := modifiable(role); err != nil {
			return err
		}
		return s.setTrust(tx, role, *in.PolicyDocument)
	})
}

func (s *Service) deleteRole(ctx context.Context, c api.Caller, in *iam.DeleteRoleInput) (*iam.DeleteRoleOutput, error) {
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		role, err := s.findRole(tx, c, *in.RoleName, authz.Request{Action: "iam:DeleteRole"})
		if err != nil {
			return err
		}
		if err := modifiable(role); err != nil {
			return err
		}
		switch {
		case holds(tx, profilesOfRolePrefix(c.Account, role.Name)):
			return errInInstanceProfile()
		case len(role.Attached) > 0:
			return api.Errorf("DeleteConflict", "Cannot delete entity, must detach all policies first.")
		case len(role.Inline) > 0:
			return api.Errorf("DeleteConflict", "Cannot delete entity, must delete policies first.")
		}
		return removeRole(tx, role)
	})
}

// removeRole deletes a role with all that refers to it.
func removeRole(tx store.Tx, role *identity.Role) error {
	for _, arn := range role.Attached {
		if err := removeUse(tx, role.Account, asPermissions, arn, roleKind, role.Name); err != nil {
			return err
		}
	}
	if err := changeBoundary(tx, role.Account, roleKind, role.Name, role.Boundary, ""); err != nil {
		return err
	}
	if err := audit.ForgetUse(tx, role.ID); err != nil {
		return err
	}
	return deleteAll(tx, roleKind, identity.RoleKey(role.Account, role.Name), role.Account, role.Path, role.Name, role.ID)
}

func (s *Service) putRolePermissionsBoundary(ctx context.Context, c api.Caller, in *iam.PutRolePermissionsBoundaryInput) (*iam.PutRolePermissionsBoundaryOutput, error) {
	request := authz.Request{Action: "iam:PutRolePermissionsBoundary", Context: withBoundary(nil, *in.PermissionsBoundary)}
	return nil, s.changeRole(ctx, c, *in.RoleName, request, func(tx store.Tx, role *identity.Role) error {
		if err := modifiable(role); err != nil {
			return err
		}
		if err := findBoundaryOf(tx, c, roleKind, *in.PermissionsBoundary); err != nil {
			return err
		}
		from := role.Boundary
		role.Boundary = *in.PermissionsBoundary
		return changeBoundary(tx, c.Account, roleKind, role.Name, from, role.Boundary)
	})
}

func (s *Service) deleteRolePermissionsBoundary(ctx context.Context, c api.Caller, in *iam.DeleteRolePermissionsBoundaryInput) (*iam.DeleteRolePermissionsBoundaryOutput, error) {
	return nil, s.changeRole(ctx, c, *in.RoleName, authz.Request{Action: "iam:DeleteRolePermissionsBoundary"}, func(tx store.Tx, role *identity.Role) error {
		if err := modifiable(role); err != nil {
			return err
		}
		if role.Boundary == "" {
			return api.Errorf("NoSuchEntity", "No permissions boundary is set on role %s.", role.Name)
		}
		from := role.Boundary
		role.Boundary = ""
		return changeBoundary(tx, c.Account, roleKind, role.Name, from, "")
	})
}
