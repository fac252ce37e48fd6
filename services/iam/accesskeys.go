package iam

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"emulator/api"
	"emulator/audit"
	"emulator/authz"
	"emulator/identity"
	"emulator/store"
)

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

// keyOwner is whose access keys they are: a user's, or the root user's, whose are in the account's settings.
type keyOwner struct {
	name  *string  // nil of the root user
	fixed []string // which the emulator was started with
	keys  *[]string
	save  func(store.Tx) error
}

// findKeyOwner returns the user of that name, or if none is given the caller, once the caller may do the action.
func (s *Service) findKeyOwner(r store.Reader, c api.Caller, given *string, action string) (keyOwner, error) {
	if given == nil && c.Kind == identity.Root {
		if err := s.authz.Authorize(r, c, authz.Request{Action: action, Resource: c.ARN}); err != nil {
			return keyOwner{}, err
		}
		key := identity.AccountSettingsKey(c.Account)
		settings, _, err := store.Load[identity.AccountSettings](r, key)
		return keyOwner{
			fixed: []string{s.rootKey.Of(c.Account)}, keys: &settings.RootAccessKeys,
			save: func(tx store.Tx) error { return store.Save(tx, key, &settings) },
		}, err
	}
	name, err := userName(c, given)
	if err != nil {
		return keyOwner{}, err
	}
	u, err := s.findUser(r, c, name, authz.Request{Action: action})
	if err != nil {
		return keyOwner{}, err
	}
	return keyOwner{name: &u.Name, keys: &u.AccessKeys, save: func(tx store.Tx) error { return store.Save(tx, identity.UserKey(c.Account, u.Name), u) }}, nil
}

func (s *Service) createAccessKey(ctx context.Context, c api.Caller, in *iam.CreateAccessKeyInput) (*iam.CreateAccessKeyOutput, error) {
	id, err := identity.NewAccessKeyID(identity.PrefixAccessKey, c.Account)
	if err != nil {
		return nil, err
	}
	secret := identity.NewSecret()
	key := identity.AccessKey{ID: id, Account: c.Account, Active: true, Created: s.now(), Secret: s.keyring.Seal([]byte(secret), id)}
	var owner keyOwner
	err = s.store.Update(ctx, func(tx store.Tx) (err error) {
		if owner, err = s.findKeyOwner(tx, c, in.UserName, "iam:CreateAccessKey"); err != nil {
			return err
		}
		if err := s.within(accessKeysPerUser, len(owner.fixed)+len(*owner.keys)+1); err != nil {
			return err
		}
		key.User = aws.ToString(owner.name)
		*owner.keys = append(*owner.keys, id)
		if err := store.Save(tx, identity.AccessKeyKey(id), key); err != nil {
			return err
		}
		return owner.save(tx)
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreateAccessKeyOutput{AccessKey: &types.AccessKey{
		AccessKeyId: &key.ID, SecretAccessKey: &secret, Status: wireStatus(&key), UserName: owner.name, CreateDate: &key.Created,
	}}, nil
}

// changeAccessKey runs f on a key of the owner's.
func (s *Service) changeAccessKey(ctx context.Context, c api.Caller, given *string, id, action string, f func(store.Tx, keyOwner, *identity.AccessKey) error) error {
	return s.store.Update(ctx, func(tx store.Tx) error {
		owner, err := s.findKeyOwner(tx, c, given, action)
		if err != nil {
			return err
		}
		switch {
		case slices.Contains(owner.fixed, id):
			return api.Errorf("ValidationError", "The Access Key with id %s is the one that the emulator was started with, and cannot be changed.", id)
		case !slices.Contains(*owner.keys, id):
			return api.Errorf("NoSuchEntity", "The Access Key with id %s cannot be found.", id)
		}
		key, _, err := store.Load[identity.AccessKey](tx, identity.AccessKeyKey(id))
		if err != nil {
			return err
		}
		return f(tx, owner, &key)
	})
}

func (s *Service) updateAccessKey(ctx context.Context, c api.Caller, in *iam.UpdateAccessKeyInput) (*iam.UpdateAccessKeyOutput, error) {
	return nil, s.changeAccessKey(ctx, c, in.UserName, *in.AccessKeyId, "iam:UpdateAccessKey", func(tx store.Tx, _ keyOwner, key *identity.AccessKey) error {
		off, err := inactive(in.Status, "InvalidInput")
		if err != nil {
			return err
		}
		key.Active = !off
		return store.Save(tx, identity.AccessKeyKey(key.ID), key)
	})
}

func (s *Service) deleteAccessKey(ctx context.Context, c api.Caller, in *iam.DeleteAccessKeyInput) (*iam.DeleteAccessKeyOutput, error) {
	return nil, s.changeAccessKey(ctx, c, in.UserName, *in.AccessKeyId, "iam:DeleteAccessKey", func(tx store.Tx, owner keyOwner, key *identity.AccessKey) error {
		*owner.keys = slices.DeleteFunc(*owner.keys, func(id string) bool { return id == key.ID })
		if err := audit.ForgetUse(tx, key.ID); err != nil {
			return err
		}
		if err := tx.Delete(identity.AccessKeyKey(key.ID)); err != nil {
			return err
		}
		return owner.save(tx)
	})
}

func (s *Service) listAccessKeys(ctx context.Context, c api.Caller, in *iam.ListAccessKeysInput) (*iam.ListAccessKeysOutput, error) {
	out := &iam.ListAccessKeysOutput{AccessKeyMetadata: []types.AccessKeyMetadata{}} // AWS sends empty lists
	err := s.store.View(ctx, func(r store.Reader) error {
		owner, err := s.findKeyOwner(r, c, in.UserName, "iam:ListAccessKeys")
		if err != nil {
			return err
		}
		ids, next, err := pageOf(slices.Concat(owner.fixed, *owner.keys), api.ListOf(c, in))
		if err != nil {
			return err
		}
		for _, id := range ids {
			w := types.AccessKeyMetadata{AccessKeyId: &id, Status: types.StatusTypeActive, UserName: owner.name}
			if !slices.Contains(owner.fixed, id) {
				key, _, err := store.Load[identity.AccessKey](r, identity.AccessKeyKey(id))
				if err != nil {
					return err
				}
				w.CreateDate, w.Status = &key.Created, wireStatus(&key)
			}
			out.AccessKeyMetadata = append(out.AccessKeyMetadata, w)
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
			return api.Errorf("AccessDenied", "User: %s is not authorized to perform %s on resource: access key %s", c.ARN, action, *in.AccessKeyId)
		}
		out = &iam.GetAccessKeyLastUsedOutput{}
		if key.User == "" {
			err = s.authz.Authorize(r, c, authz.Request{Action: action, Resource: identity.ARN(c.Partition, "iam", c.Account, "root")})
		} else {
			var u *identity.User
			if u, err = s.findUser(r, c, key.User, authz.Request{Action: action}); err == nil {
				out.UserName = &u.Name
			}
		}
		if err != nil {
			return err
		}
		none := "N/A"
		out.AccessKeyLastUsed = &types.AccessKeyLastUsed{Region: &none, ServiceName: &none}
		use, ok, err := s.lastUse.Last(r, key.ID)
		if ok {
			out.AccessKeyLastUsed = &types.AccessKeyLastUsed{LastUsedDate: &use.At, Region: &use.Region, ServiceName: &use.Service}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, s.lastUse.Told(ctx, *in.AccessKeyId)
}
