package organizations

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/store"
)

func (s *Service) accountOperations() []api.Operation {
	return []api.Operation{
		api.Op("CloseAccount", s.closeAccount),
		api.Op("CreateAccount", s.createAccount),
		api.Op("CreateGovCloudAccount", s.createGovCloudAccount),
		api.Op("DescribeCreateAccountStatus", s.describeCreateAccountStatus),
		api.Op("DescribeAccount", s.describeAccount),
		api.Op("ListAccounts", s.listAccounts),
		api.Op("LeaveOrganization", s.leaveOrganization),
		api.Op("ListCreateAccountStatus", s.listCreateAccountStatus),
		api.Op("MoveAccount", s.moveAccount),
		api.Op("RemoveAccountFromOrganization", s.removeAccountFromOrganization),
	}
}

func accountARN(o *identity.Organization, account string) string {
	return identity.ARN(o.Partition, "organizations", o.Management, "account/"+o.ID+"/"+account)
}

// statuses are what AWS sent before there were states, and clients that are older still read.
//
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_accounts_account_state.html
var statuses = map[types.AccountState]types.AccountStatus{
	types.AccountStatePendingActivation: types.AccountStatusSuspended,
	types.AccountStateActive:            types.AccountStatusActive,
	types.AccountStateSuspended:         types.AccountStatusSuspended,
	types.AccountStatePendingClosure:    types.AccountStatusPendingClosure,
	types.AccountStateClosed:            types.AccountStatusSuspended,
}

// wireAccount returns an account of the organization, nil if it has none of this ID.
func (s *Service) wireAccount(r store.Reader, o *identity.Organization, account string) (*types.Account, error) {
	m, err := s.memberOf(r, o, account)
	if err != nil || m == nil {
		return nil, err
	}
	w := &types.Account{
		Arn: aws.String(accountARN(o, m.Account)), Id: &m.Account, Name: &m.Name, Email: &m.Email, JoinedTimestamp: &m.Joined,
		JoinedMethod: types.AccountJoinedMethodInvited, Paths: []string{m.Path() + m.Account + "/"},
	}
	restriction, err := identity.LoadRestriction(r, account)
	if err != nil {
		return nil, err
	}
	w.State = s.stateOf(restriction)
	w.Status = statuses[w.State]
	if m.Created {
		w.JoinedMethod = types.AccountJoinedMethodCreated
	}
	return w, nil
}

func (s *Service) describeCreateAccountStatus(ctx context.Context, c api.Caller, in *organizations.DescribeCreateAccountStatusInput) (*organizations.DescribeCreateAccountStatusOutput, error) {
	var out *organizations.DescribeCreateAccountStatusOutput
	err := s.store.View(ctx, func(r store.Reader) error {
		o, err := s.enter(r, c, "DescribeCreateAccountStatus", authz.Request{})
		if err != nil {
			return err
		}
		made, ok, err := store.Load[creation](r, creationKey(o.ID, *in.CreateAccountRequestId))
		if err != nil {
			return err
		}
		if !ok {
			return api.Errorf("CreateAccountStatusNotFoundException", "You specified a create account request that doesn't exist.")
		}
		out = &organizations.DescribeCreateAccountStatusOutput{CreateAccountStatus: s.creationStatus(&made)}
		return nil
	})
	return out, err
}

func (s *Service) describeAccount(ctx context.Context, c api.Caller, in *organizations.DescribeAccountInput) (*organizations.DescribeAccountOutput, error) {
	var out *organizations.DescribeAccountOutput
	err := s.store.View(ctx, func(r store.Reader) error {
		o, err := s.enter(r, c, "DescribeAccount", authz.Request{}, *in.AccountId)
		if err != nil {
			return err
		}
		account, err := s.wireAccount(r, o, *in.AccountId)
		if err == nil && account == nil {
			err = noAccount()
		}
		out = &organizations.DescribeAccountOutput{Account: account}
		return err
	})
	return out, err
}

func noAccount() error {
	return api.Errorf("AccountNotFoundException", "You specified an account that doesn't exist.")
}

func (s *Service) listAccounts(ctx context.Context, c api.Caller, in *organizations.ListAccountsInput) (*organizations.ListAccountsOutput, error) {
	out := &organizations.ListAccountsOutput{}
	err := s.store.View(ctx, func(r store.Reader) error {
		o, err := s.enter(r, c, "ListAccounts", authz.Request{})
		if err != nil {
			return err
		}
		out.Accounts, out.NextToken, err = scanPage(r, api.ListOf(c, in), identity.OrganizationAccountsPrefix(o.ID), 0, func(account string) (*types.Account, error) {
			return s.wireAccount(r, o, account)
		})
		return err
	})
	return out, err
}

// https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListCreateAccountStatus.html
func (s *Service) listCreateAccountStatus(ctx context.Context, c api.Caller, in *organizations.ListCreateAccountStatusInput) (*organizations.ListCreateAccountStatusOutput, error) {
	out := &organizations.ListCreateAccountStatusOutput{}
	err := s.store.View(ctx, func(r store.Reader) error {
		o, err := s.enter(r, c, "ListCreateAccountStatus", authz.Request{})
		if err != nil {
			return err
		}
		out.CreateAccountStatuses, out.NextToken, err = scanPage(r, api.ListOf(c, in), creationsPrefix(o.ID), 0, func(id string) (*types.CreateAccountStatus, error) {
			made, _, err := store.Load[creation](r, creationKey(o.ID, id))
			if err != nil {
				return nil, err
			}
			status := s.creationStatus(&made)
			if len(in.States) > 0 && !slices.Contains(in.States, status.State) {
				return nil, nil
			}
			return status, nil
		})
		return err
	})
	return out, err
}

// https://docs.aws.amazon.com/organizations/latest/APIReference/API_MoveAccount.html
func (s *Service) moveAccount(ctx context.Context, c api.Caller, in *organizations.MoveAccountInput) (*organizations.MoveAccountOutput, error) {
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		o, err := s.enter(tx, c, "MoveAccount", authz.Request{}, *in.AccountId, *in.SourceParentId, *in.DestinationParentId)
		if err != nil {
			return err
		}
		m, err := s.memberOf(tx, o, *in.AccountId)
		if err != nil {
			return err
		}
		parents, err := inside(tx, o, *in.DestinationParentId)
		switch {
		case err != nil:
			return err
		case m == nil:
			return noAccount()
		case m.Parents[len(m.Parents)-1] != *in.SourceParentId:
			return api.Errorf("SourceParentNotFoundException", "You specified a source parent that doesn't exist.")
		case parents == nil:
			return api.Errorf("DestinationParentNotFoundException", "You specified a destination parent that doesn't exist.")
		case *in.DestinationParentId == *in.SourceParentId:
			return api.Errorf("DuplicateAccountException", "That account is already present in the specified destination.")
		}
		m.Moved = s.now()
		return placeAccount(tx, m, parents)
	})
}
