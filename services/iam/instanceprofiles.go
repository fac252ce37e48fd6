package iam

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/services/resourcegroupstaggingapi/tagindex"
	"emulator/store"
)

// instanceProfileKind has no policies: instance profiles are listed as users, groups and roles are.
var instanceProfileKind = &entityKind{name: "instance-profile", counted: countedInstanceProfiles, load: func(r store.Reader, account, name string) (*entity, error) {
	p, ok, err := identity.LoadInstanceProfile(r, account, name)
	if err != nil || !ok {
		return nil, err
	}
	return &entity{name: p.Name, id: p.ID, path: p.Path, arn: p.ARN(), tags: p.Tags, inline: new(map[string]string), attached: new([]string)}, nil
}}

func (s *Service) instanceProfileOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateInstanceProfile", s.createInstanceProfile),
		api.Op("GetInstanceProfile", s.getInstanceProfile),
		api.Op("DeleteInstanceProfile", s.deleteInstanceProfile),
		api.Op("AddRoleToInstanceProfile", s.addRoleToInstanceProfile),
		api.Op("RemoveRoleFromInstanceProfile", s.removeRoleFromInstanceProfile),
		api.Op("ListInstanceProfiles", s.listInstanceProfiles),
		api.Op("ListInstanceProfilesForRole", s.listInstanceProfilesForRole),
	}
}

// profileOfRoleKey is the key of an entry of the index from a role to the instance profiles that it is in. The entry's
// value is the profile's name as it is written.
func profileOfRoleKey(account, role, profile string) []byte {
	return append(profilesOfRolePrefix(account, role), store.Key(strings.ToLower(profile))...)
}

func profilesOfRolePrefix(account, role string) []byte {
	return store.Key("iam", account, "profile-of-role", strings.ToLower(role))
}

// findInstanceProfile is findUser for instance profiles.
func (s *Service) findInstanceProfile(r store.Reader, c api.Caller, name string, request authz.Request) (*identity.InstanceProfile, error) {
	p, ok, err := identity.LoadInstanceProfile(r, c.Account, name)
	if err != nil {
		return nil, err
	}
	request.Resource = identity.ARN(c.Partition, "iam", c.Account, "instance-profile/"+name)
	if ok {
		request.Resource, request.ResourceTags = p.ARN(), p.Tags
	}
	if err := s.authz.Authorize(r, c, request); err != nil {
		return nil, err
	}
	if !ok {
		return nil, api.Errorf("NoSuchEntity", "Instance Profile %s cannot be found.", name)
	}
	return p, nil
}

func saveInstanceProfile(tx store.Tx, p *identity.InstanceProfile) error {
	return saveTagged(tx, identity.InstanceProfileKey(p.Account, p.Name), p, p.ARN(), p.Tags)
}

// wireInstanceProfile returns an instance profile as lists have it. Of its role, AWS shows less than ListRoles does.
func (s *Service) wireInstanceProfile(r store.Reader, p *identity.InstanceProfile) (*types.InstanceProfile, error) {
	w := &types.InstanceProfile{
		Arn: aws.String(p.ARN()), CreateDate: &p.Created, InstanceProfileId: &p.ID, InstanceProfileName: &p.Name, Path: &p.Path, Roles: []types.Role{},
	}
	if p.Role == "" {
		return w, nil
	}
	role, _, err := identity.LoadRole(r, p.Account, p.Role)
	if err != nil {
		return nil, err
	}
	shown, err := s.wireRole(r, role)
	if err != nil {
		return nil, err
	}
	shown.Description, shown.MaxSessionDuration = nil, nil
	w.Roles = append(w.Roles, *shown)
	return w, nil
}

func (s *Service) createInstanceProfile(ctx context.Context, c api.Caller, in *iam.CreateInstanceProfileInput) (*iam.CreateInstanceProfileOutput, error) {
	tags, tagsErr := newTags(in.Tags, caseSensitive)
	p := &identity.InstanceProfile{
		Account: c.Account, Partition: c.Partition, Name: *in.InstanceProfileName, ID: identity.NewUniqueID(identity.PrefixInstanceProfile),
		Path: pathOf(in.Path), Created: s.now(), Tags: tags,
	}
	var out *types.InstanceProfile
	err := s.store.Update(ctx, func(tx store.Tx) error {
		request := authz.Request{Action: "iam:CreateInstanceProfile", Resource: p.ARN(), RequestTags: tags, TagAction: "iam:TagInstanceProfile"}
		if err := s.authz.Authorize(tx, c, request); err != nil {
			return err
		}
		if tagsErr != nil {
			return tagsErr
		}
		if tx.Get(identity.InstanceProfileKey(c.Account, p.Name)) != nil {
			return api.Errorf("EntityAlreadyExists", "Instance Profile %s already exists.", p.Name)
		}
		if err := s.room(tx, countedInstanceProfiles, c.Account); err != nil {
			return err
		}
		var err error
		if out, err = s.wireInstanceProfile(tx, p); err != nil {
			return err
		}
		out.Tags = in.Tags
		if err := tagindex.Put(tx, p.ARN(), p.Tags); err != nil {
			return err
		}
		return saveNew(tx, instanceProfileKind, identity.InstanceProfileKey(c.Account, p.Name), p, c.Account, p.Path, p.Name, p.ID, p.ARN())
	})
	return &iam.CreateInstanceProfileOutput{InstanceProfile: out}, err
}

func (s *Service) getInstanceProfile(ctx context.Context, c api.Caller, in *iam.GetInstanceProfileInput) (*iam.GetInstanceProfileOutput, error) {
	out := &iam.GetInstanceProfileOutput{}
	err := s.store.View(ctx, func(r store.Reader) error {
		p, err := s.findInstanceProfile(r, c, *in.InstanceProfileName, authz.Request{Action: "iam:GetInstanceProfile"})
		if err != nil {
			return err
		}
		if out.InstanceProfile, err = s.wireInstanceProfile(r, p); err == nil {
			out.InstanceProfile.Tags = wireTags(p.Tags)
		}
		return err
	})
	return out, err
}

func (s *Service) deleteInstanceProfile(ctx context.Context, c api.Caller, in *iam.DeleteInstanceProfileInput) (*iam.DeleteInstanceProfileOutput, error) {
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		p, err := s.findInstanceProfile(tx, c, *in.InstanceProfileName, authz.Request{Action: "iam:DeleteInstanceProfile"})
		if err != nil {
			return err
		}
		if p.Role != "" {
			return errInInstanceProfile()
		}
		if err := tagindex.Remove(tx, p.ARN()); err != nil {
			return err
		}
		return deleteAll(tx, instanceProfileKind, identity.InstanceProfileKey(c.Account, p.Name), c.Account, p.Path, p.Name, p.ID)
	})
}

// errInInstanceProfile keeps both a role and an instance profile from being deleted while one is in the other.
func errInInstanceProfile() error {
	return api.Errorf("DeleteConflict", "Cannot delete entity, must remove roles from instance profile first.")
}

// addRoleToInstanceProfile passes the role to EC2, for any instance of the account.
//
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_AddRoleToInstanceProfile.html
func (s *Service) addRoleToInstanceProfile(ctx context.Context, c api.Caller, in *iam.AddRoleToInstanceProfileInput) (*iam.AddRoleToInstanceProfileOutput, error) {
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		p, err := s.findInstanceProfile(tx, c, *in.InstanceProfileName, authz.Request{Action: "iam:AddRoleToInstanceProfile"})
		if err != nil {
			return err
		}
		role, err := s.findRole(tx, c, *in.RoleName, authz.Request{Action: "iam:PassRole", Context: map[string][]string{
			"iam:PassedToService":       {"ec2.amazonaws.com"},
			"iam:AssociatedResourceArn": {"arn:" + c.Partition + ":ec2:*:" + c.Account + ":instance/*"},
		}})
		if err != nil {
			return err
		}
		if err := modifiable(role); err != nil {
			return err
		}
		if p.Role != "" { // even if it is this one
			return api.Errorf("LimitExceeded", "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1")
		}
		p.Role = role.Name
		if err := tx.Put(profileOfRoleKey(c.Account, role.Name, p.Name), []byte(p.Name)); err != nil {
			return err
		}
		return saveInstanceProfile(tx, p)
	})
}

func (s *Service) removeRoleFromInstanceProfile(ctx context.Context, c api.Caller, in *iam.RemoveRoleFromInstanceProfileInput) (*iam.RemoveRoleFromInstanceProfileOutput, error) {
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		p, err := s.findInstanceProfile(tx, c, *in.InstanceProfileName, authz.Request{Action: "iam:RemoveRoleFromInstanceProfile"})
		if err != nil {
			return err
		}
		role, ok, err := identity.LoadRole(tx, c.Account, *in.RoleName)
		switch {
		case err != nil:
			return err
		case !ok:
			return noRole(*in.RoleName)
		}
		if err := modifiable(role); err != nil {
			return err
		}
		if p.Role != role.Name {
			return api.Errorf("NoSuchEntity", "Role %s in Instance Profile %s cannot be found.", role.Name, p.Name)
		}
		p.Role = ""
		if err := tx.Delete(profileOfRoleKey(c.Account, role.Name, p.Name)); err != nil {
			return err
		}
		return saveInstanceProfile(tx, p)
	})
}

func (s *Service) listInstanceProfiles(ctx context.Context, c api.Caller, in *iam.ListInstanceProfilesInput) (*iam.ListInstanceProfilesOutput, error) {
	out := &iam.ListInstanceProfilesOutput{InstanceProfiles: []types.InstanceProfile{}}
	var err error
	out.Marker, err = s.listKind(ctx, c, api.ListOf(c, in), instanceProfileKind, "iam:ListInstanceProfiles", in.PathPrefix, func(r store.Reader, name string) error {
		return s.appendInstanceProfile(r, c, &out.InstanceProfiles)(name)
	})
	out.IsTruncated = out.Marker != nil
	return out, err
}

// appendInstanceProfile returns a function that adds an instance profile to a list by its name.
func (s *Service) appendInstanceProfile(r store.Reader, c api.Caller, all *[]types.InstanceProfile) func(name string) error {
	return func(name string) error {
		p, _, err := identity.LoadInstanceProfile(r, c.Account, name)
		if err != nil {
			return err
		}
		w, err := s.wireInstanceProfile(r, p)
		if err != nil {
			return err
		}
		*all = append(*all, *w)
		return nil
	}
}

func (s *Service) listInstanceProfilesForRole(ctx context.Context, c api.Caller, in *iam.ListInstanceProfilesForRoleInput) (*iam.ListInstanceProfilesForRoleOutput, error) {
	page, err := newPage(api.ListOf(c, in))
	if err != nil {
		return nil, err
	}
	out := &iam.ListInstanceProfilesForRoleOutput{InstanceProfiles: []types.InstanceProfile{}}
	err = s.store.View(ctx, func(r store.Reader) error {
		role, err := s.findRole(r, c, *in.RoleName, authz.Request{Action: "iam:ListInstanceProfilesForRole"})
		if err != nil {
			return err
		}
		add := s.appendInstanceProfile(r, c, &out.InstanceProfiles)
		root := profilesOfRolePrefix(c.Account, role.Name)
		for key, name := range r.Scan(root, page.startBelow(root)) {
			if !page.take(string(key[len(root):])) {
				return nil
			}
			if err := add(string(name)); err != nil {
				return err
			}
		}
		return nil
	})
	out.Marker = page.next()
	out.IsTruncated = out.Marker != nil
	return out, err
}
