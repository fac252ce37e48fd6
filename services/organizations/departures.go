package organizations

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/quota"
	"emulator/store"
)

const (
	// postClosure is how long an account that was closed is still seen in its organization.
	//
	// https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-closing.html
	postClosure = 90 * 24 * time.Hour
	// waitPeriod is how old an account must be that the organization created before it can leave it.
	waitPeriod = 4 * 24 * time.Hour
	// closures counts within this time.
	closures = 30 * 24 * time.Hour
	// mostClosed bounds how many accounts can be closed within it, however many there are.
	mostClosed = 1000
)

// closedPrefix is what the keys of the index from when accounts were closed to those accounts begin with.
func closedPrefix(organization string) []byte { return identity.InOrganization(organization, "closed") }

func closedKey(organization string, closed time.Time, account string) []byte {
	return identity.InOrganization(organization, "closed", timeKey(closed), account)
}

// stateOf returns the state of an account with a restriction, or with none.
func (s *Service) stateOf(x *identity.Restriction) types.AccountState {
	switch {
	case x == nil:
		return types.AccountStateActive
	case !x.Closed.IsZero():
		if _, ended := s.clock.Ended(x.Closed); !ended {
			return types.AccountStatePendingClosure
		}
		return types.AccountStateClosed
	case x.Suspended:
		return types.AccountStateSuspended
	}
	return types.AccountStatePendingActivation
}

// departed reports whether an account was closed so long ago that it is in no organization any more.
func (s *Service) departed(x *identity.Restriction) bool {
	return x != nil && !x.Closed.IsZero() && !s.clock.Now().Before(x.Closed.Add(postClosure))
}

// sweep removes the accounts from an organization that were closed long ago. It costs one look-up if there are none.
func (s *Service) sweep(tx store.Tx, o *identity.Organization) error {
	before := timeKey(s.clock.Now().Add(-postClosure))
	var due []string
	for key := range tx.Scan(closedPrefix(o.ID), nil) {
		parts := store.Parts(key)
		if parts[3] > before {
			break
		}
		due = append(due, parts[4])
	}
	for _, account := range due {
		m, err := identity.LoadMember(tx, account)
		if err != nil {
			return err
		}
		if m == nil || m.Organization != o.ID {
			continue
		}
		if err := s.remove(tx, o, m); err != nil {
			return err
		}
	}
	return nil
}

// closeAccount closes an account, and the one in AWS GovCloud (US) that it is paired with. Nobody can use it from now on.
//
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_CloseAccount.html
func (s *Service) closeAccount(ctx context.Context, c api.Caller, in *organizations.CloseAccountInput) (*organizations.CloseAccountOutput, error) {
	now := s.now()
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		o, err := s.enter(tx, c, "CloseAccount", authz.Request{}, *in.AccountId)
		if err != nil {
			return err
		}
		if o.ConsolidatedBilling {
			return notAllFeatures()
		}
		m, err := s.memberOf(tx, o, *in.AccountId)
		if err != nil {
			return err
		}
		if m == nil {
			return noAccount()
		}
		if m.Account == o.Management {
			return api.Errorf(constraint, "You attempted to close the management account. To close the management account for the organization, you must first either remove or close all member accounts in the organization.").With("Reason", "CANNOT_CLOSE_MANAGEMENT_ACCOUNT")
		}
		restriction, err := identity.LoadRestriction(tx, m.Account)
		if err != nil {
			return err
		}
		_, created := s.clock.Ended(m.Joined)
		switch state := s.stateOf(restriction); {
		case state == types.AccountStateClosed:
			return api.Errorf("AccountAlreadyClosedException", "You attempted to close an account that is already closed.")
		case state == types.AccountStatePendingClosure, m.Created && !created:
			return api.Errorf("ConflictException", "The request failed because it conflicts with the current state of the specified resource.")
		}
		if err := s.mayClose(tx, o); err != nil {
			return err
		}
		if err := shut(tx, m.Account, now); err != nil {
			return err
		}
		facts, err := loadFacts(tx, m.Account)
		if err != nil || facts.GovCloudAccount == "" {
			return err
		}
		return shut(tx, facts.GovCloudAccount, now)
	})
}

// shut begins the closure of an account.
func shut(tx store.Tx, account string, now time.Time) error {
	restriction, err := identity.LoadRestriction(tx, account)
	if err != nil {
		return err
	}
	if restriction == nil {
		restriction = &identity.Restriction{}
	}
	if !restriction.Closed.IsZero() {
		return nil
	}
	restriction.Closed = now
	if err := restriction.Save(tx, account); err != nil {
		return err
	}
	m, err := identity.LoadMember(tx, account)
	if err != nil || m == nil {
		return err
	}
	return tx.Put(closedKey(m.Organization, now, account), []byte(account))
}

func notAllFeatures() error {
	return api.Errorf(constraint, "The organization must have all features enabled.").With("Reason", "ORGANIZATION_NOT_IN_ALL_FEATURES_MODE")
}

// mayClose fails if too many accounts are being closed, or were within thirty days: there can be as many as the quota says, or a fifth of
// the accounts if that is more.
//
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html
func (s *Service) mayClose(r store.Reader, o *identity.Organization) error {
	now := s.clock.Now()
	closing := 0
	most := s.quotas.Max(concurrentClosures)
	for key := range r.Scan(closedPrefix(o.ID), closedKey(o.ID, now.Add(-s.clock.Transition-time.Millisecond), "")) {
		begun, err := identity.LoadRestriction(r, store.Parts(key)[4])
		if err != nil {
			return err
		}
		if s.stateOf(begun) == types.AccountStatePendingClosure {
			closing++
		}
		if closing >= most {
			return api.Errorf(constraint, "You attempted to exceed the number of accounts that you can close at a time.").With("Reason", "CLOSE_ACCOUNT_REQUESTS_LIMIT_EXCEEDED")
		}
	}
	most = s.quotas.Max(closuresPerMonth)
	if most == quota.Unlimited {
		return nil
	}
	closed := 0
	for range r.Scan(closedPrefix(o.ID), closedKey(o.ID, now.Add(-closures), "")) {
		closed++
	}
	if closed < most {
		return nil
	}
	members := 0
	for range r.Scan(identity.OrganizationAccountsPrefix(o.ID), nil) {
		members++
	}
	if closed >= min(members/5, mostClosed) {
		return api.Errorf(constraint, "You have exceeded close account quota for the past 30 days.").With("Reason", "CLOSE_ACCOUNT_QUOTA_EXCEEDED")
	}
	return nil
}

// leaveOrganization is called by the account that leaves.
//
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_LeaveOrganization.html
func (s *Service) leaveOrganization(ctx context.Context, c api.Caller, _ *organizations.LeaveOrganizationInput) (*organizations.LeaveOrganizationOutput, error) {
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		o, err := s.enter(tx, c, "LeaveOrganization", authz.Request{})
		if err != nil {
			return err
		}
		m, err := identity.LoadMember(tx, c.Account)
		if err != nil {
			return err
		}
		return s.leave(tx, o, m)
	})
}

// https://docs.aws.amazon.com/organizations/latest/APIReference/API_RemoveAccountFromOrganization.html
func (s *Service) removeAccountFromOrganization(ctx context.Context, c api.Caller, in *organizations.RemoveAccountFromOrganizationInput) (*organizations.RemoveAccountFromOrganizationOutput, error) {
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		o, err := s.enter(tx, c, "RemoveAccountFromOrganization", authz.Request{}, *in.AccountId)
		if err != nil {
			return err
		}
		m, err := s.memberOf(tx, o, *in.AccountId)
		if err != nil {
			return err
		}
		if m == nil {
			return noAccount()
		}
		return s.leave(tx, o, m)
	})
}

// leave removes an account that is to stand alone.
func (s *Service) leave(tx store.Tx, o *identity.Organization, m *identity.Member) error {
	if err := s.mayLeave(tx, o, m); err != nil {
		return err
	}
	facts, err := loadFacts(tx, m.Account)
	if err != nil {
		return err
	}
	if err := facts.refuse(
		refusal{agreementMissing, api.Errorf(constraint, "You attempted to remove an account from the organization that doesn't yet have enough information to exist as a standalone account. This account requires you to first agree to the AWS Customer Agreement.").With("Reason", "ACCOUNT_CANNOT_LEAVE_WITHOUT_EULA")},
		refusal{phoneUnverified, api.Errorf(constraint, "You attempted to remove an account from the organization that doesn't yet have enough information to exist as a standalone account. This account requires you to first complete phone verification.").With("Reason", "ACCOUNT_CANNOT_LEAVE_WITHOUT_PHONE_VERIFICATION")},
		refusal{paymentMissing, api.Errorf(constraint, "The member account must be configured with a valid payment method, such as a credit card.").With("Reason", "MEMBER_ACCOUNT_PAYMENT_INSTRUMENT_REQUIRED")},
		refusal{paymentInvalid, api.Errorf(constraint, "You cannot remove an account because no supported payment method is associated with the account.").With("Reason", "INVALID_PAYMENT_INSTRUMENT")},
	); err != nil {
		return err
	}
	return s.remove(tx, o, m)
}

// mayLeave fails if the account can't leave the organization, wherever it goes.
//
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_account-before-remove.html
func (s *Service) mayLeave(r store.Reader, o *identity.Organization, m *identity.Member) error {
	restriction, err := identity.LoadRestriction(r, m.Account)
	if err != nil {
		return err
	}
	switch {
	case m.Account == o.Management:
		return api.Errorf("MasterCannotLeaveOrganizationException", "You can't remove a management account from an organization. If you want the management account to become a member account in another organization, you must first delete the current organization of the management account.")
	case restriction.Unusable():
		return api.Errorf(constraint, "You can't remove an account that is closed or suspended from the organization.").With("Reason", "ACCOUNT_CANNOT_LEAVE_ORGANIZATION")
	case administers(r, o, m.Account):
		return api.Errorf(constraint, "You attempted to remove an account that is registered as a delegated administrator for a service integrated with your organization. To complete this operation, you must first deregister this account as a delegated administrator.").With("Reason", "CANNOT_REMOVE_DELEGATED_ADMINISTRATOR_FROM_ORG")
	case m.Created && s.clock.Now().Before(m.Joined.Add(waitPeriod)):
		return api.Errorf(constraint, "After you create an Amazon Web Services account, you must wait until at least four days after the account was created.").With("Reason", "WAIT_PERIOD_ACTIVE")
	}
	return nil
}

// remove takes an account out of the organization, with all that it has there.
func (s *Service) remove(tx store.Tx, o *identity.Organization, m *identity.Member) error {
	if err := s.deregisterAll(tx, o, m.Account); err != nil {
		return err
	}
	if err := s.withdrawApproval(tx, o, m.Account); err != nil {
		return err
	}
	restriction, err := identity.LoadRestriction(tx, m.Account)
	if err != nil {
		return err
	}
	if restriction != nil && !restriction.Closed.IsZero() {
		if err := tx.Delete(closedKey(o.ID, restriction.Closed, m.Account)); err != nil {
			return err
		}
	}
	return removeAccount(tx, o, m)
}
