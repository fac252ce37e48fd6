package iam

import (
	"cmp"
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/store"
)

func (s *Service) passwordPolicyOperations() []api.Operation {
	return []api.Operation{
		api.Op("GetAccountPasswordPolicy", s.getAccountPasswordPolicy),
		api.Op("UpdateAccountPasswordPolicy", s.updateAccountPasswordPolicy),
		api.Op("DeleteAccountPasswordPolicy", s.deleteAccountPasswordPolicy),
	}
}

// shortestPassword is the default of MinimumPasswordLength.
const shortestPassword = 6

// getAccountPasswordPolicy leaves out what is not set, as AWS does.
func (s *Service) getAccountPasswordPolicy(ctx context.Context, c api.Caller, _ *iam.GetAccountPasswordPolicyInput) (*iam.GetAccountPasswordPolicyOutput, error) {
	var p identity.PasswordPolicy
	err := s.store.View(ctx, func(r store.Reader) error {
		rules, err := byPasswordPolicy(r, c)
		if err != nil {
			return err
		}
		if err := s.authz.Authorize(r, c, authz.Request{Action: "iam:GetAccountPasswordPolicy", Resource: "*", ResourcePolicy: rules}); err != nil {
			return err
		}
		loaded, ok, err := store.Load[identity.PasswordPolicy](r, identity.PasswordPolicyKey(c.Account))
		if err == nil && !ok {
			err = api.Errorf("NoSuchEntity", "The Password Policy with domain name %s cannot be found.", c.Account)
		}
		p = loaded
		return err
	})
	if err != nil {
		return nil, err
	}
	w := &types.PasswordPolicy{
		AllowUsersToChangePassword: p.UsersMayChange, ExpirePasswords: p.MaxAge > 0, HardExpiry: p.HardExpiry, MinimumPasswordLength: &p.MinimumLength,
		RequireLowercaseCharacters: p.Lowercase, RequireNumbers: p.Numbers, RequireSymbols: p.Symbols, RequireUppercaseCharacters: p.Uppercase,
	}
	if p.MaxAge > 0 {
		w.MaxPasswordAge = &p.MaxAge
	}
	if p.ReusePrevention > 0 {
		w.PasswordReusePrevention = &p.ReusePrevention
	}
	return &iam.GetAccountPasswordPolicyOutput{PasswordPolicy: w}, nil
}

// updateAccountPasswordPolicy sets all: what is not given gets its default.
//
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAccountPasswordPolicy.html
func (s *Service) updateAccountPasswordPolicy(ctx context.Context, c api.Caller, in *iam.UpdateAccountPasswordPolicyInput) (*iam.UpdateAccountPasswordPolicyOutput, error) {
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		if err := s.authz.Authorize(tx, c, authz.Request{Action: "iam:UpdateAccountPasswordPolicy", Resource: "*"}); err != nil {
			return err
		}
		return store.Save(tx, identity.PasswordPolicyKey(c.Account), identity.PasswordPolicy{
			MinimumLength: cmp.Or(aws.ToInt32(in.MinimumPasswordLength), shortestPassword),
			Lowercase:     in.RequireLowercaseCharacters, Uppercase: in.RequireUppercaseCharacters, Numbers: in.RequireNumbers, Symbols: in.RequireSymbols,
			UsersMayChange: in.AllowUsersToChangePassword, HardExpiry: in.HardExpiry,
			MaxAge: aws.ToInt32(in.MaxPasswordAge), ReusePrevention: aws.ToInt32(in.PasswordReusePrevention),
		})
	})
}

func (s *Service) deleteAccountPasswordPolicy(ctx context.Context, c api.Caller, _ *iam.DeleteAccountPasswordPolicyInput) (*iam.DeleteAccountPasswordPolicyOutput, error) {
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		if err := s.authz.Authorize(tx, c, authz.Request{Action: "iam:DeleteAccountPasswordPolicy", Resource: "*"}); err != nil {
			return err
		}
		key := identity.PasswordPolicyKey(c.Account)
		if tx.Get(key) == nil {
			return api.Errorf("NoSuchEntity", "The account policy with name PasswordPolicy cannot be found.")
		}
		return tx.Delete(key)
	})
}
