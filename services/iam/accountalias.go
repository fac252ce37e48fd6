package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/store"
)

func (s *Service) accountAliasOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateAccountAlias", s.createAccountAlias),
		api.Op("DeleteAccountAlias", s.deleteAccountAlias),
		api.Op("ListAccountAliases", s.listAccountAliases),
	}
}

// accountAliasKey is the key of the account that has an alias: aliases are unique among all of a partition.
func accountAliasKey(partition, alias string) []byte {
	return store.Key("iam-account-alias", partition, alias)
}

// accountAlias loads an account's settings, in which its alias is, once the caller may do the action.
func (s *Service) accountAlias(r store.Reader, c api.Caller, action string) (identity.AccountSettings, error) {
	if err := s.authz.Authorize(r, c, authz.Request{Action: action, Resource: "*"}); err != nil {
		return identity.AccountSettings{}, err
	}
	settings, _, err := store.Load[identity.AccountSettings](r, identity.AccountSettingsKey(c.Account))
	return settings, err
}

// createAccountAlias takes the place of the alias that the account has: it can have one.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/account-alias-create.html
func (s *Service) createAccountAlias(ctx context.Context, c api.Caller, in *iam.CreateAccountAliasInput) (*iam.CreateAccountAliasOutput, error) {
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		settings, err := s.accountAlias(tx, c, "iam:CreateAccountAlias")
		if err != nil {
			return err
		}
		if tx.Get(accountAliasKey(c.Partition, *in.AccountAlias)) != nil {
			return api.Errorf("EntityAlreadyExists", "The account alias %s already exists.", *in.AccountAlias)
		}
		if settings.Alias != "" {
			if err := tx.Delete(accountAliasKey(c.Partition, settings.Alias)); err != nil {
				return err
			}
		}
		if err := tx.Put(accountAliasKey(c.Partition, *in.AccountAlias), []byte(c.Account)); err != nil {
			return err
		}
		settings.Alias = *in.AccountAlias
		return store.Save(tx, identity.AccountSettingsKey(c.Account), settings)
	})
}

func (s *Service) deleteAccountAlias(ctx context.Context, c api.Caller, in *iam.DeleteAccountAliasInput) (*iam.DeleteAccountAliasOutput, error) {
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		settings, err := s.accountAlias(tx, c, "iam:DeleteAccountAlias")
		if err != nil {
			return err
		}
		if settings.Alias != *in.AccountAlias {
			return api.Errorf("NoSuchEntity", "The account alias %s cannot be found.", *in.AccountAlias)
		}
		settings.Alias = ""
		if err := tx.Delete(accountAliasKey(c.Partition, *in.AccountAlias)); err != nil {
			return err
		}
		return store.Save(tx, identity.AccountSettingsKey(c.Account), settings)
	})
}

func (s *Service) listAccountAliases(ctx context.Context, c api.Caller, in *iam.ListAccountAliasesInput) (*iam.ListAccountAliasesOutput, error) {
	aliases := []string{}
	err := s.store.View(ctx, func(r store.Reader) error {
		settings, err := s.accountAlias(r, c, "iam:ListAccountAliases")
		if settings.Alias != "" {
			aliases = append(aliases, settings.Alias)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	page, next, err := pageOf(aliases, api.ListOf(c, in))
	return &iam.ListAccountAliasesOutput{AccountAliases: page, IsTruncated: next != nil, Marker: next}, err
}
