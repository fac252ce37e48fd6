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
		api.Op("ListDelegatedAdministrators", s.listDelegatedAdministrators),
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
	m := &identity.Member{
		Account: c.Account, Organization: id, Name: "Management", Email: c.Account + "@example.com", Joined: now, Parents: []string{root},
	}
	err = s.store.Update(ctx, func(tx store.Tx) error {
		for _, request := range []authz.Request{
			{Action: "organizations:CreateOrganization", Resource: "*"},
			authz.ServiceLinkedRole(c, "organizations.amazonaws.com", "AWSServiceRoleForOrganizations"),
		} {
			if err := s.authz.Authorize(tx, c, request); err != nil {
				return err
			}
		}
		if tx.Get(identity.MemberKey(c.Account)) != nil {
			return api.Errorf("AlreadyInOrganizationException", "The provided account is already a member of an organization.")
		}
		if err := store.Save(tx, identity.OrganizationKey(id), o); err != nil {
			return err
		}
		if err := s.linkRole(tx, c.Partition, c.Account, "organizations.amazonaws.com", now); err != nil {
			return err
		}
		return addAccount(tx, o, m)
	})
	return &organizations.CreateOrganizationOutput{Organization: wireOrganization(o, m.Email)}, err
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
		m, err := identity.LoadMember(tx, c.Account)
		if err != nil {
			return err
		}
		if err := removeAccount(tx, o, m); err != nil {
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

// listDelegatedAdministrators returns none: no account can be registered as one yet.
//
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListDelegatedAdministrators.html
func (s *Service) listDelegatedAdministrators(ctx context.Context, c api.Caller, in *organizations.ListDelegatedAdministratorsInput) (*organizations.ListDelegatedAdministratorsOutput, error) {
	out := &organizations.ListDelegatedAdministratorsOutput{}
	var request authz.Request
	if in.ServicePrincipal != nil {
		request.Context = map[string][]string{"organizations:ServicePrincipal": {*in.ServicePrincipal}}
	}
	err := s.store.View(ctx, func(r store.Reader) error {
		if _, err := s.enter(r, c, "ListDelegatedAdministrators", request); err != nil {
			return err
		}
		var err error
		out.DelegatedAdministrators, out.NextToken, err = pageOf([]types.DelegatedAdministrator{}, api.ListOf(c, in), listed)
		return err
	})
	return out, err
}
