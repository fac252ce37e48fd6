package organizations

import (
	"bytes"
	"context"
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
	}
}

func accountARN(o *identity.Organization, account string) string {
	return identity.ARN(o.Partition, "organizations", o.Management, "account/"+o.ID+"/"+account)
}

func wireAccount(o *identity.Organization, m *identity.Member) types.Account {
	w := types.Account{
		Arn: aws.String(accountARN(o, m.Account)), Id: &m.Account, Name: &m.Name, Email: &m.Email, JoinedTimestamp: &m.Joined,
		JoinedMethod: types.AccountJoinedMethodInvited, State: types.AccountStateActive, Status: types.AccountStatusActive,
		Paths: []string{m.Path() + m.Account + "/"},
	}
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
	tags := make(map[string]string)
	for _, t := range in.Tags {
		tags[*t.Key] = *t.Value
	}
	id, err := newID("car-", "0123456789abcdef", 32)
	if err != nil {
		return nil, err
	}
	made := &creation{ID: id, Name: *in.AccountName, Requested: now}
	err = s.store.Update(ctx, func(tx store.Tx) error {
		o, err := s.organization(tx, c, authz.Request{Action: "organizations:CreateAccount", RequestTags: tags, TagAction: "organizations:TagResource"}, true)
		if err != nil {
			return err
		}
		if len(tags) > 0 {
			return api.Errorf("NotImplemented", "Tags of accounts are not supported by this emulator.")
		}
		made.Organization = o.ID
		if made.Account, err = newAccountID(tx); err != nil {
			return err
		}
		m := &identity.Member{
			Account: made.Account, Organization: o.ID, Name: made.Name, Email: *in.Email, Joined: now, Created: true, Parents: []string{o.Root},
		}
		if err := saveMember(tx, m); err != nil {
			return err
		}
		if err := store.Save(tx, creationKey(o.ID, id), made); err != nil {
			return err
		}
		name := accessRole
		if in.RoleName != nil {
			name = *in.RoleName
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

func (s *Service) describeCreateAccountStatus(ctx context.Context, c api.Caller, in *organizations.DescribeCreateAccountStatusInput) (*organizations.DescribeCreateAccountStatusOutput, error) {
	var out *organizations.DescribeCreateAccountStatusOutput
	err := s.store.View(ctx, func(r store.Reader) error {
		o, err := s.organization(r, c, authz.Request{Action: "organizations:DescribeCreateAccountStatus"}, true)
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
		status := made.inProgress()
		if end, ended := s.clock.Ended(made.Requested); ended {
			status.State, status.AccountId, status.CompletedTimestamp = types.CreateAccountStateSucceeded, &made.Account, &end
		}
		out = &organizations.DescribeCreateAccountStatusOutput{CreateAccountStatus: status}
		return nil
	})
	return out, err
}

func (s *Service) describeAccount(ctx context.Context, c api.Caller, in *organizations.DescribeAccountInput) (*organizations.DescribeAccountOutput, error) {
	var out *organizations.DescribeAccountOutput
	err := s.store.View(ctx, func(r store.Reader) error {
		// The ARN of an account in no organization names none.
		resource := "*"
		m, err := identity.LoadMember(r, *in.AccountId)
		if err != nil {
			return err
		}
		own, err := identity.LoadOrganization(r, c.Account)
		if err != nil {
			return err
		}
		if own != nil {
			resource = accountARN(own, *in.AccountId)
		}
		o, err := s.organization(r, c, authz.Request{Action: "organizations:DescribeAccount", Resource: resource}, true)
		if err != nil {
			return err
		}
		if m == nil || m.Organization != o.ID {
			return api.Errorf("AccountNotFoundException", "You specified an account that doesn't exist.")
		}
		account := wireAccount(o, m)
		out = &organizations.DescribeAccountOutput{Account: &account}
		return nil
	})
	return out, err
}

func (s *Service) listAccounts(ctx context.Context, c api.Caller, in *organizations.ListAccountsInput) (*organizations.ListAccountsOutput, error) {
	out := &organizations.ListAccountsOutput{Accounts: []types.Account{}}
	err := s.store.View(ctx, func(r store.Reader) error {
		o, err := s.organization(r, c, authz.Request{Action: "organizations:ListAccounts"}, true)
		if err != nil {
			return err
		}
		list, prefix := api.ListOf(c, in), identity.OrganizationAccountsPrefix(o.ID)
		after, ok := list.After()
		if !ok {
			return invalidToken()
		}
		var start []byte
		if after != "" {
			start = append(bytes.Clone(prefix), after...)
		}
		left := list.Max(listed)
		for key, account := range r.Scan(prefix, start) {
			if left == 0 {
				out.NextToken = aws.String(list.Marker(after))
				return nil
			}
			left--
			after = string(key[len(prefix):])
			m, err := identity.LoadMember(r, string(account))
			if err != nil {
				return err
			}
			out.Accounts = append(out.Accounts, wireAccount(o, m))
		}
		return nil
	})
	return out, err
}
