package organizations

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/store"
)

// accessRole is the role that Organizations makes in a new account, unless told otherwise.
const accessRole = "OrganizationAccountAccessRole"

func (s *Service) accountOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateAccount", s.createAccount),
		api.Op("DescribeCreateAccountStatus", s.describeCreateAccountStatus),
		api.Op("DescribeAccount", s.describeAccount),
		api.Op("ListAccounts", s.listAccounts),
		api.Op("ListCreateAccountStatus", s.listCreateAccountStatus),
		api.Op("MoveAccount", s.moveAccount),
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

func loadWireAccount(r store.Reader, o *identity.Organization, account string) (*types.Account, error) {
	m, err := identity.LoadMember(r, account)
	if err != nil {
		return nil, err
	}
	w := wireAccount(o, m)
	return &w, nil
}

func wireAccount(o *identity.Organization, m *identity.Member) types.Account {
	w := types.Account{
		Arn: aws.String(accountARN(o, m.Account)), Id: &m.Account, Name: &m.Name, Email: &m.Email, JoinedTimestamp: &m.Joined,
		JoinedMethod: types.AccountJoinedMethodInvited, State: types.AccountStateActive, Paths: []string{m.Path() + m.Account + "/"},
	}
	if m.State != "" {
		w.State = types.AccountState(m.State)
	}
	w.Status = statuses[w.State]
	if m.Created {
		w.JoinedMethod = types.AccountJoinedMethodCreated
	}
	return w
}

// creation is the record of a request to create an account.
type creation struct {
	ID           string    `json:"id"`
	Organization string    `json:"organization"`
	Account      string    `json:"account"`
	Name         string    `json:"name"`
	Requested    time.Time `json:"requested"`
}

func creationsPrefix(organization string) []byte {
	return store.Key("organizations-create-account", organization)
}

func creationKey(organization, id string) []byte {
	return store.Key("organizations-create-account", organization, id)
}

// inProgress is the status of the request at its begin.
func (c *creation) inProgress() *types.CreateAccountStatus {
	return &types.CreateAccountStatus{Id: &c.ID, AccountName: &c.Name, RequestedTimestamp: &c.Requested, State: types.CreateAccountStateInProgress}
}

// createAccount makes an account with a role that the management account may assume. Both are there at once; the status of
// the request tells of them when it has ended.
//
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_CreateAccount.html
func (s *Service) createAccount(ctx context.Context, c api.Caller, in *organizations.CreateAccountInput) (*organizations.CreateAccountOutput, error) {
	now := s.now()
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	id, err := newID("car-", "0123456789abcdef", 32)
	if err != nil {
		return nil, err
	}
	made := &creation{ID: id, Name: *in.AccountName, Requested: now}
	err = s.store.Update(ctx, func(tx store.Tx) error {
		o, err := s.enter(tx, c, "CreateAccount", creating(tags))
		if err != nil {
			return err
		}
		made.Organization = o.ID
		if made.Account, err = newAccountID(tx); err != nil {
			return err
		}
		m := &identity.Member{
			Account: made.Account, Organization: o.ID, Name: made.Name, Email: *in.Email, Joined: now, Created: true, Parents: []string{o.Root},
		}
		if err := addAccount(tx, o, m); err != nil {
			return err
		}
		if err := s.saveTags(tx, o, m.Account, tags); err != nil {
			return err
		}
		if err := store.Save(tx, creationKey(o.ID, id), made); err != nil {
			return err
		}
		name := accessRole
		if in.RoleName != nil {
			name = *in.RoleName
		}
		if err := s.linkRole(tx, c.Partition, made.Account, "organizations.amazonaws.com", now); err != nil {
			return err
		}
		return s.createRole(tx, &identity.Role{
			Account: made.Account, Partition: c.Partition, Name: name, ID: identity.NewUniqueID(identity.PrefixRole), Path: "/", Created: now.Truncate(time.Second),
			MaxSessionDuration: 3600, Attached: []string{"arn:" + c.Partition + ":iam::aws:policy/AdministratorAccess"},
			Trust: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + identity.ARN(c.Partition, "iam", c.Account, "root") + `"},"Action":"sts:AssumeRole"}]}`,
		})
	})
	return &organizations.CreateAccountOutput{CreateAccountStatus: made.inProgress()}, err
}

// newAccountID returns a number that no account of an organization has.
func newAccountID(r store.Reader) (string, error) {
	for {
		id, err := newID("", "0123456789", 12)
		if err != nil || r.Get(identity.MemberKey(id)) == nil {
			return id, err
		}
	}
}

// creationStatus is the status of the request by now.
func (s *Service) creationStatus(made *creation) *types.CreateAccountStatus {
	status := made.inProgress()
	if end, ended := s.clock.Ended(made.Requested); ended {
		status.State, status.AccountId, status.CompletedTimestamp = types.CreateAccountStateSucceeded, &made.Account, &end
	}
	return status
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
		m, err := memberOf(r, o, *in.AccountId)
		if err != nil {
			return err
		}
		if m == nil {
			return noAccount()
		}
		account := wireAccount(o, m)
		out = &organizations.DescribeAccountOutput{Account: &account}
		return nil
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
			return loadWireAccount(r, o, account)
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
		m, err := memberOf(tx, o, *in.AccountId)
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
