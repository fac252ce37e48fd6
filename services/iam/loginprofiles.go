package iam

import (
	"bytes"
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/policy"
	"emulator/store"
)

// Passwords of users, with which they sign in.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_passwords.html

func (s *Service) loginProfileOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateLoginProfile", s.createLoginProfile),
		api.Op("GetLoginProfile", s.getLoginProfile),
		api.Op("UpdateLoginProfile", s.updateLoginProfile),
		api.Op("DeleteLoginProfile", s.deleteLoginProfile),
		api.Op("ChangePassword", s.changePassword),
	}
}

// inAssumedRoot reports whether an operation on a login profile is about the root user's own, who may ask for it in a session
// of AssumeRoot only.
func inAssumedRoot(c api.Caller, given *string) bool {
	return given == nil && c.Session != nil && c.Session.AssumedRoot
}

// findProfileOwner returns whose login profile an operation is about, once the caller may do the action.
func (s *Service) findProfileOwner(r store.Reader, c api.Caller, given *string, action string) (owner, error) {
	if given == nil && c.Kind == identity.Root && !inAssumedRoot(c, given) {
		_, err := userName(c, given)
		return owner{}, err
	}
	return s.findOwner(r, c, given, authz.Request{Action: action})
}

// findChangeableProfile returns a login profile that is to be changed or deleted, and its owner.
func (s *Service) findChangeableProfile(r store.Reader, c api.Caller, given *string, action string) (owner, *identity.LoginProfile, error) {
	o, p, err := s.findLoginProfile(r, c, given, action)
	if err == nil {
		err = s.checkMade(o, p)
	}
	return o, p, err
}

// checkMade refuses to change what is still being created.
func (s *Service) checkMade(o owner, p *identity.LoginProfile) error {
	if _, ended := s.clock.Ended(p.Created); !ended {
		return beingCreated(o)
	}
	return nil
}

func beingCreated(o owner) error {
	return api.Errorf("EntityTemporarilyUnmodifiable", "Login Profile for User %s cannot be modified while login profile is being created.", o.title())
}

// findLoginProfile returns a login profile, and its owner.
func (s *Service) findLoginProfile(r store.Reader, c api.Caller, given *string, action string) (owner, *identity.LoginProfile, error) {
	o, err := s.findProfileOwner(r, c, given, action)
	if err != nil {
		return o, nil, err
	}
	p, ok, err := store.Load[identity.LoginProfile](r, identity.LoginProfileKey(c.Account, o.id))
	if err == nil && !ok {
		err = api.Errorf("NoSuchEntity", "Login Profile for User %s cannot be found.", o.title())
	}
	return o, &p, err
}

// checkPassword holds a password to the account's policy.
func checkPassword(r store.Reader, account, password string) error {
	p, err := identity.LoadPasswordPolicy(r, account)
	if err != nil {
		return err
	}
	if violation := p.Violation(password); violation != "" {
		return api.Errorf("PasswordPolicyViolation", "%s", violation)
	}
	return nil
}

// setPassword gives a profile a password, by its hash, and saves it. salt is the one that the hash was made with.
func (s *Service) setPassword(tx store.Tx, account string, o owner, p *identity.LoginProfile, salt, hash []byte) error {
	if !bytes.Equal(salt, p.Salt) { // the profile was deleted and made anew meanwhile
		return beingCreated(o)
	}
	rules, err := identity.LoadPasswordPolicy(tx, account)
	if err != nil {
		return err
	}
	if p.Remembers(hash, int(rules.ReusePrevention)) {
		return api.Errorf("PasswordPolicyViolation", "Password does not conform to the account password policy.")
	}
	p.SetPassword(hash, s.now())
	return store.Save(tx, identity.LoginProfileKey(account, o.id), p)
}

func wireLoginProfile(o owner, p *identity.LoginProfile) *aheadLoginProfile {
	return &aheadLoginProfile{
		LoginProfile:             types.LoginProfile{UserName: aws.String(o.title()), CreateDate: &p.Created, PasswordResetRequired: p.ResetRequired},
		MaxSigninSessionDuration: setting(p.MaxSigninSessionDuration),
	}
}

// noSetting refuses a maximum of the root user's sign-in sessions, for whom there is none.
func noSetting(o owner, value *int32) error {
	if o.name == nil && value != nil {
		return api.Errorf("ValidationError", "MaxSigninSessionDuration is not supported for the root user.")
	}
	return nil
}

// createLoginProfile in a session of AssumeRoot lets the root user set a password by mail, of which there is none here.
//
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateLoginProfile.html
func (s *Service) createLoginProfile(ctx context.Context, c api.Caller, in *createLoginProfileInput) (*createLoginProfileOutput, error) {
	now := s.now()
	p := &identity.LoginProfile{
		Created: now, Changed: now, ResetRequired: in.PasswordResetRequired, Salt: identity.NewSalt(), MaxSigninSessionDuration: aws.ToInt32(in.MaxSigninSessionDuration),
	}
	var o owner
	err := store.Make(ctx, s.store, func(r store.Reader) (err error) {
		if o, err = s.findProfileOwner(r, c, in.UserName, "iam:CreateLoginProfile"); err != nil {
			return err
		}
		if err := noSetting(o, in.MaxSigninSessionDuration); err != nil {
			return err
		}
		switch {
		case o.name == nil && in.Password != nil:
			return api.Errorf("ValidationError", "Password must be omitted in a session of AssumeRoot.")
		case o.name != nil && in.Password == nil:
			return api.Errorf("ValidationError", "1 validation error detected: Value null at 'password' failed to satisfy constraint: Member must not be null")
		case r.Get(identity.LoginProfileKey(c.Account, o.id)) != nil:
			return api.Errorf("EntityAlreadyExists", "Login Profile for user %s already exists.", o.title())
		case in.Password != nil:
			return checkPassword(r, c.Account, *in.Password)
		}
		return nil
	}, func() ([]byte, error) {
		if in.Password == nil {
			return nil, nil
		}
		return s.keyring.HashPassword(*in.Password, p.Salt), nil
	}, func(tx store.Tx, hash []byte) error {
		p.Hash = hash
		return store.Save(tx, identity.LoginProfileKey(c.Account, o.id), p)
	})
	return &createLoginProfileOutput{LoginProfile: wireLoginProfile(o, p)}, err
}

func (s *Service) getLoginProfile(ctx context.Context, c api.Caller, in *iam.GetLoginProfileInput) (*getLoginProfileOutput, error) {
	out := &getLoginProfileOutput{}
	err := s.store.View(ctx, func(r store.Reader) error {
		o, p, err := s.findLoginProfile(r, c, in.UserName, "iam:GetLoginProfile")
		if err != nil {
			return err
		}
		out.LoginProfile = wireLoginProfile(o, p)
		return nil
	})
	return out, err
}

// updateLoginProfile changes what is given.
func (s *Service) updateLoginProfile(ctx context.Context, c api.Caller, in *updateLoginProfileInput) (*iam.UpdateLoginProfileOutput, error) {
	var o owner
	var p *identity.LoginProfile
	var salt []byte
	return nil, store.Make(ctx, s.store, func(r store.Reader) (err error) {
		if o, p, err = s.findChangeableProfile(r, c, in.UserName, "iam:UpdateLoginProfile"); err != nil {
			return err
		}
		if err := noSetting(o, in.MaxSigninSessionDuration); err != nil {
			return err
		}
		if err := changeSetting(&p.MaxSigninSessionDuration, in.MaxSigninSessionDuration, in.ResetMaxSigninSessionDuration); err != nil || in.Password == nil {
			return err
		}
		return checkPassword(r, c.Account, *in.Password)
	}, func() ([]byte, error) {
		if in.Password == nil {
			return nil, nil
		}
		salt = p.Salt
		return s.keyring.HashPassword(*in.Password, salt), nil
	}, func(tx store.Tx, hash []byte) error {
		if in.PasswordResetRequired != nil {
			p.ResetRequired = *in.PasswordResetRequired
		}
		if hash == nil {
			return store.Save(tx, identity.LoginProfileKey(c.Account, o.id), p)
		}
		return s.setPassword(tx, c.Account, o, p, salt, hash)
	})
}

func (s *Service) deleteLoginProfile(ctx context.Context, c api.Caller, in *iam.DeleteLoginProfileInput) (*iam.DeleteLoginProfileOutput, error) {
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		o, _, err := s.findChangeableProfile(tx, c, in.UserName, "iam:DeleteLoginProfile")
		if err != nil {
			return err
		}
		return tx.Delete(identity.LoginProfileKey(c.Account, o.id))
	})
}

// byPasswordPolicy is what an account's password policy allows its users if they may change their passwords: that, and to read it.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_passwords_account-policy.html
func byPasswordPolicy(r store.Reader, c api.Caller) (*authz.ResourcePolicy, error) {
	p, err := identity.LoadPasswordPolicy(r, c.Account)
	if err != nil || c.Kind != identity.UserKind || !p.UsersMayChange {
		return nil, err
	}
	return &authz.ResourcePolicy{
		Kind: policy.Resource, ARN: identity.ARN(c.Partition, "iam", c.Account, "account-password-policy"),
		Text: fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":%q},"Action":["iam:ChangePassword","iam:GetAccountPasswordPolicy"],"Resource":"*"}]}`, c.User.ID),
	}, nil
}

// changePassword changes the caller's own, also one that has expired.
//
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_ChangePassword.html
func (s *Service) changePassword(ctx context.Context, c api.Caller, in *iam.ChangePasswordInput) (*iam.ChangePasswordOutput, error) {
	var p identity.LoginProfile
	var o owner
	var salt []byte
	type hashes struct{ before, after []byte }
	return nil, store.Make(ctx, s.store, func(r store.Reader) error {
		rules, err := byPasswordPolicy(r, c)
		if err != nil {
			return err
		}
		request := authz.Request{Action: "iam:ChangePassword", Resource: c.ARN, ResourcePolicy: rules}
		if c.User != nil {
			request.ResourceTags = c.User.Tags
		}
		if err := s.authz.Authorize(r, c, request); err != nil {
			return err
		}
		if c.Kind != identity.UserKind {
			return api.Errorf("InvalidUserType", "The request was rejected because the type of user for the transaction was incorrect.")
		}
		var ok bool
		if p, ok, err = store.Load[identity.LoginProfile](r, identity.LoginProfileKey(c.Account, c.User.ID)); err != nil {
			return err
		}
		if !ok {
			return api.Errorf("NoSuchEntity", "Login Profile for User %s cannot be found.", c.User.Name)
		}
		o = owner{id: c.User.ID, name: &c.User.Name}
		if err := s.checkMade(o, &p); err != nil {
			return err
		}
		return checkPassword(r, c.Account, *in.NewPassword)
	}, func() (hashes, error) {
		salt = p.Salt
		return hashes{s.keyring.HashPassword(*in.OldPassword, salt), s.keyring.HashPassword(*in.NewPassword, salt)}, nil
	}, func(tx store.Tx, h hashes) error {
		if bytes.Equal(salt, p.Salt) && !p.Matches(h.before) {
			return api.Errorf("AccessDenied", "The old password is not the user's.")
		}
		p.ResetRequired = false
		return s.setPassword(tx, c.Account, o, &p, salt, h.after)
	})
}
