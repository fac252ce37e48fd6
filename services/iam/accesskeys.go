package iam

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"emulator/api"
	"emulator/audit"
	"emulator/authz"
	"emulator/identity"
	"emulator/store"
)

const accessKeysPerUser = 2

func (s *Service) accessKeyOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateAccessKey", s.createAccessKey),
		api.Op("UpdateAccessKey", s.updateAccessKey),
		api.Op("DeleteAccessKey", s.deleteAccessKey),
		api.Op("ListAccessKeys", s.listAccessKeys),
		api.Op("GetAccessKeyLastUsed", s.getAccessKeyLastUsed),
	}
}

func wireStatus(k *identity.AccessKey) types.StatusType {
	if k.Active {
		return types.StatusTypeActive
	}
	return types.StatusTypeInactive
}

func (s *Service) createAccessKey(ctx context.Context, c api.Caller, in *iam.CreateAccessKeyInput) (*iam.CreateAccessKeyOutput, error) {
	name, err := userName(c, in.UserName)
	if err != nil {
		return nil, err
	}
	id, err := identity.NewAccessKeyID(identity.PrefixAccessKey, c.Account)
	if err != nil {
		return nil, err
	}
	secret := identity.NewSecret()
	key := identity.AccessKey{
		ID: id, Account: c.Account, User: name, Active: true, Created: s.now(), Secret: s.keyring.Seal([]byte(secret), id),
	}
	err = s.changeUser(ctx, c, name, authz.Request{Action: "iam:CreateAccessKey"}, func(tx store.Tx, u *identity.User) error {
		if len(u.AccessKeys) >= accessKeysPerUser {
			return api.Errorf("LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: %d", accessKeysPerUser)
		}
		u.AccessKeys = append(u.AccessKeys, id)
		return store.Save(tx, identity.AccessKeyKey(id), key)
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreateAccessKeyOutput{AccessKey: &types.AccessKey{
		AccessKeyId: &key.ID, SecretAccessKey: &secret, Status: wireStatus(&key), UserName: &key.User, CreateDate: &key.Created,
	}}, nil
}

// changeAccessKey runs f on a key of the user's.
func (s *Service) changeAccessKey(ctx context.Context, c api.Caller, given *string, id, action string, f func(store.Tx, *identity.User, *identity.AccessKey) error) error {
	name, err := userName(c, given)
	if err != nil {
		return err
	}
	return s.changeUser(ctx, c, name, authz.Request{Action: action}, func(tx store.Tx, u *identity.User) error {
		if !slices.Contains(u.AccessKeys, id) {
			return api.Errorf("NoSuchEntity", "The Access Key with id %s cannot be found.", id)
		}
		key, _, err := store.Load[identity.AccessKey](tx, identity.AccessKeyKey(id))
		if err != nil {
			return err
		}
		return f(tx, u, &key)
	})
}

func (s *Service) updateAccessKey(ctx context.Context, c api.Caller, in *iam.UpdateAccessKeyInput) (*iam.UpdateAccessKeyOutput, error) {
	return nil, s.changeAccessKey(ctx, c, in.UserName, *in.AccessKeyId, "iam:UpdateAccessKey", func(tx store.Tx, _ *identity.User, key *identity.AccessKey) error {
		switch in.Status {
		case types.StatusTypeActive:
			key.Active = true
		case types.StatusTypeInactive:
			key.Active = false
		default:
			return api.Errorf("ValidationError", "The status of an access key is Active or Inactive.")
		}
		return store.Save(tx, identity.AccessKeyKey(key.ID), key)
	})
}

func (s *Service) deleteAccessKey(ctx context.Context, c api.Caller, in *iam.DeleteAccessKeyInput) (*iam.DeleteAccessKeyOutput, error) {
	return nil, s.changeAccessKey(ctx, c, in.UserName, *in.AccessKeyId, "iam:DeleteAccessKey", func(tx store.Tx, u *identity.User, key *identity.AccessKey) error {
		u.AccessKeys = slices.DeleteFunc(u.AccessKeys, func(id string) bool { return id == key.ID })
		if err := audit.ForgetUse(tx, key.ID); err != nil {
			return err
		}
		return tx.Delete(identity.AccessKeyKey(key.ID))
	})
}

func (s *Service) listAccessKeys(ctx context.Context, c api.Caller, in *iam.ListAccessKeysInput) (*iam.ListAccessKeysOutput, error) {
	if in.UserName == nil && c.Kind == identity.Root {
		id := s.rootKey.Of(c.Account)
		return &iam.ListAccessKeysOutput{AccessKeyMetadata: []types.AccessKeyMetadata{{AccessKeyId: &id, Status: types.StatusTypeActive}}},
			s.authorizeRoot(ctx, c, "iam:ListAccessKeys")
	}
	name, err := userName(c, in.UserName)
	if err != nil {
		return nil, err
	}
	out := &iam.ListAccessKeysOutput{}
	err = s.store.View(ctx, func(r store.Reader) error {
		u, err := s.findUser(r, c, name, authz.Request{Action: "iam:ListAccessKeys"})
		if err != nil {
			return err
		}
		ids, next, err := pageOf(u.AccessKeys, in.Marker, in.MaxItems)
		if err != nil {
			return err
		}
		for _, id := range ids {
			key, _, err := store.Load[identity.AccessKey](r, identity.AccessKeyKey(id))
			if err != nil {
				return err
			}
			out.AccessKeyMetadata = append(out.AccessKeyMetadata, types.AccessKeyMetadata{
				AccessKeyId: &key.ID, CreateDate: &key.Created, Status: wireStatus(&key), UserName: &u.Name,
			})
		}
		out.Marker, out.IsTruncated = next, next != nil
		return nil
	})
	return out, err
}

// getAccessKeyLastUsed answers AccessDenied for keys of other accounts and for unknown ones.
//
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccessKeyLastUsed.html
func (s *Service) getAccessKeyLastUsed(ctx context.Context, c api.Caller, in *iam.GetAccessKeyLastUsedInput) (*iam.GetAccessKeyLastUsedOutput, error) {
	const action = "iam:GetAccessKeyLastUsed"
	var out *iam.GetAccessKeyLastUsedOutput
	err := s.store.View(ctx, func(r store.Reader) error {
		key, ok, err := store.Load[identity.AccessKey](r, identity.AccessKeyKey(*in.AccessKeyId))
		if err != nil {
			return err
		}
		if !ok || key.Account != c.Account {
			return api.Errorf("AccessDenied", "User: %s is not authorized to perform: %s on resource: access key %s", c.ARN, action, *in.AccessKeyId)
		}
		u, err := s.findUser(r, c, key.User, authz.Request{Action: action})
		if err != nil {
			return err
		}
		none := "N/A"
		last := &types.AccessKeyLastUsed{Region: &none, ServiceName: &none}
		use, ok, err := s.lastUse.Last(r, key.ID)
		if ok {
			last = &types.AccessKeyLastUsed{LastUsedDate: &use.At, Region: &use.Region, ServiceName: &use.Service}
		}
		out = &iam.GetAccessKeyLastUsedOutput{UserName: &u.Name, AccessKeyLastUsed: last}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, s.lastUse.Told(ctx, *in.AccessKeyId)
}
