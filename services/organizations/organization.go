package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/store"
)

func (s *Service) organizationOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateOrganization", s.createOrganization),
		api.Op("DescribeOrganization", s.describeOrganization),
		api.Op("DeleteOrganization", s.deleteOrganization),
		api.Op("ListRoots", s.listRoots),
	}
}

func wireOrganization(o *identity.Organization, email string) *types.Organization {
	w := &types.Organization{
		Arn: aws.String(o.ARN()), Id: &o.ID, FeatureSet: types.OrganizationFeatureSetAll, MasterAccountId: &o.Management,
		MasterAccountArn:     aws.String(accountARN(o, o.Management)),
		MasterAccountEmail:   &email,
		AvailablePolicyTypes: []types.PolicyTypeSummary{{Type: types.PolicyTypeServiceControlPolicy, Status: types.PolicyTypeStatusEnabled}},
	}
	if o.ConsolidatedBilling {
		w.FeatureSet, w.AvailablePolicyTypes = types.OrganizationFeatureSetConsolidatedBilling, []types.PolicyTypeSummary{}
	}
	return w
}

// createOrganization makes the caller's account the management account.
//
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_CreateOrganization.html
func (s *Service) createOrganization(ctx context.Context, c api.Caller, in *organizations.CreateOrganizationInput) (*organizations.CreateOrganizationOutput, error) {
	id, err := newID("o-", letters, 10)
	if err != nil {
		return nil, err
	}
	root, err := newID("r-", letters, 4)
	if err != nil {
		return nil, err
	}
	now := s.now()
	o := &identity.Organization{
		ID: id, Partition: c.Partition, Management: c.Account, Root: root, Created: now,
		ConsolidatedBilling: in.FeatureSet == types.OrganizationFeatureSetConsolidatedBilling,
	}
	m := &identity.Member{Account: c.Account, Organization: id, Joined: now, Parents: []string{root}}
	err = s.store.Update(ctx, func(tx store.Tx) error {
		if err := s.authz.Authorize(tx, c, authz.Request{Action: "organizations:CreateOrganization", Resource: "*"}); err != nil {
			return err
		}
		if err := s.linkOwnRole(tx, c); err != nil {
			return err
		}
		if tx.Get(identity.MemberKey(c.Account)) != nil {
			return api.Errorf("AlreadyInOrganizationException", "The provided account is already a member of an organization.")
		}
		if err := s.mayOrganize(tx, o, m); err != nil {
			return err
		}
		if err := store.Save(tx, identity.OrganizationKey(id), o); err != nil {
			return err
		}
		return addAccount(tx, o, m)
	})
	return &organizations.CreateOrganizationOutput{Organization: wireOrganization(o, m.Email)}, err
}

// mayOrganize fails if what holds of an account keeps it from managing an organization; else it gives the account its name and address.
func (s *Service) mayOrganize(r store.Reader, o *identity.Organization, m *identity.Member) error {
	facts, err := loadFacts(r, m.Account)
	if err != nil {
		return err
	}
	m.Email, m.Name = facts.emailOf(m.Account), facts.Name
	if m.Name == "" {
		m.Name = "Management"
	}
	if o.ConsolidatedBilling && o.Partition == govCloud {
		return api.Errorf(constraint, "To create an organization in the specified region, you must enable all features mode.").With("Reason", "CREATE_ORGANIZATION_IN_BILLING_MODE_UNSUPPORTED_REGION")
	}
	refusals := []refusal{
		{signUpIncomplete, api.Errorf(constraint, "Your account setup isn't complete or your account isn't fully active. You must complete the account setup before you create an organization.").With("Reason", "ACCOUNT_CREATION_NOT_COMPLETE")},
		{paymentMissing, api.Errorf(constraint, "To create an organization with this management account, you first must associate a valid payment instrument, such as a credit card, with the account.").With("Reason", "MASTER_ACCOUNT_PAYMENT_INSTRUMENT_REQUIRED")},
	}
	if o.Partition == "aws-cn" {
		refusals = append(refusals, refusal{businessLicenseMissing, api.Errorf(constraint, "To create an organization, the master must have a valid business license. For more information, contact customer support.").With("Reason", "MASTER_ACCOUNT_MISSING_BUSINESS_LICENSE")})
	}
	return facts.refuse(refusals...)
}

func (s *Service) describeOrganization(ctx context.Context, c api.Caller, _ *organizations.DescribeOrganizationInput) (*organizations.DescribeOrganizationOutput, error) {
	var out *organizations.DescribeOrganizationOutput
	err := s.store.View(ctx, func(r store.Reader) error {
		o, err := s.enter(r, c, "DescribeOrganization", authz.Request{})
		if err != nil {
			return err
		}
		m, err := identity.LoadMember(r, o.Management)
		if err != nil {
			return err
		}
		out = &organizations.DescribeOrganizationOutput{Organization: wireOrganization(o, m.Email)}
		return nil
	})
	return out, err
}

// deleteOrganization deletes the organization, and what is in it besides accounts: units, policies, tags.
//
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_org_delete.html
func (s *Service) deleteOrganization(ctx context.Context, c api.Caller, _ *organizations.DeleteOrganizationInput) (*organizations.DeleteOrganizationOutput, error) {
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		o, err := s.enter(tx, c, "DeleteOrganization", authz.Request{})
		if err != nil {
			return err
		}
		for _, account := range tx.Scan(identity.OrganizationAccountsPrefix(o.ID), nil) {
			if string(account) != c.Account {
				return api.Errorf("OrganizationNotEmptyException", "To delete an organization you must first remove all member accounts (except the master).")
			}
		}
		if err := s.checkTransfers(tx, o); err != nil {
			return err
		}
		m, err := identity.LoadMember(tx, c.Account)
		if err != nil {
			return err
		}
		if err := removeAccount(tx, o, m); err != nil {
			return err
		}
		if err := takeBack(tx, o); err != nil {
			return err
		}
		if err := deleteInside(tx, o); err != nil {
			return err
		}
		return tx.Delete(identity.OrganizationKey(o.ID))
	})
}

// listRoots returns the one root there is.
//
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListRoots.html
func (s *Service) listRoots(ctx context.Context, c api.Caller, in *organizations.ListRootsInput) (*organizations.ListRootsOutput, error) {
	out := &organizations.ListRootsOutput{}
	err := s.store.View(ctx, func(r store.Reader) error {
		o, err := s.enter(r, c, "ListRoots", authz.Request{})
		if err != nil {
			return err
		}
		out.Roots, out.NextToken, err = pageOf([]types.Root{wireRoot(o)}, api.ListOf(c, in), listed)
		return err
	})
	return out, err
}
