package organizations

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/store"
)

func (s *Service) trustedAccessOperations() []api.Operation {
	return []api.Operation{
		api.Op("EnableAWSServiceAccess", s.enableAWSServiceAccess),
		api.Op("DisableAWSServiceAccess", s.disableAWSServiceAccess),
		api.Op("ListAWSServiceAccessForOrganization", s.listAWSServiceAccess),
	}
}

// changeTrustedAccess runs f on the organization and saves it.
func (s *Service) changeTrustedAccess(ctx context.Context, c api.Caller, operation, principal string, f func(*identity.Organization) error) error {
	return s.store.Update(ctx, func(tx store.Tx) error {
		request := authz.Request{Context: map[string][]string{"organizations:ServicePrincipal": {principal}}}
		o, err := s.enter(tx, c, operation, request)
		if err != nil {
			return err
		}
		if o.ConsolidatedBilling {
			return notAllFeatures()
		}
		if !recognized(principal) {
			return noService()
		}
		if err := f(o); err != nil {
			return err
		}
		return store.Save(tx, identity.OrganizationKey(o.ID), o)
	})
}

// enableAWSServiceAccess lets a service work across the organization. To enable it again is no error.
//
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_EnableAWSServiceAccess.html
func (s *Service) enableAWSServiceAccess(ctx context.Context, c api.Caller, in *organizations.EnableAWSServiceAccessInput) (*organizations.EnableAWSServiceAccessOutput, error) {
	now := s.now()
	return nil, s.changeTrustedAccess(ctx, c, "EnableAWSServiceAccess", *in.ServicePrincipal, func(o *identity.Organization) error {
		trusted := maps.Clone(o.TrustedAccess)
		o.TrustedAccess = map[string]time.Time{*in.ServicePrincipal: now}
		maps.Copy(o.TrustedAccess, trusted)
		return nil
	})
}

func (s *Service) disableAWSServiceAccess(ctx context.Context, c api.Caller, in *organizations.DisableAWSServiceAccessInput) (*organizations.DisableAWSServiceAccessOutput, error) {
	return nil, s.changeTrustedAccess(ctx, c, "DisableAWSServiceAccess", *in.ServicePrincipal, func(o *identity.Organization) error {
		for name, t := range policyTypes {
			if t.service == *in.ServicePrincipal && o.Enabled(string(name)) {
				return api.Errorf("ConstraintViolationException", "You attempted to disable service access before you disabled the policy type. To complete this operation, you must first disable the policy type.").With("Reason", "POLICY_TYPE_ENABLED_FOR_THIS_SERVICE")
			}
		}
		delete(o.TrustedAccess, *in.ServicePrincipal)
		return nil
	})
}

func (s *Service) listAWSServiceAccess(ctx context.Context, c api.Caller, in *organizations.ListAWSServiceAccessForOrganizationInput) (*organizations.ListAWSServiceAccessForOrganizationOutput, error) {
	out := &organizations.ListAWSServiceAccessForOrganizationOutput{}
	err := s.store.View(ctx, func(r store.Reader) error {
		o, err := s.enter(r, c, "ListAWSServiceAccessForOrganization", authz.Request{})
		if err != nil {
			return err
		}
		if o.ConsolidatedBilling {
			return notAllFeatures()
		}
		var enabled []types.EnabledServicePrincipal
		for _, principal := range slices.Sorted(maps.Keys(o.TrustedAccess)) {
			since := o.TrustedAccess[principal]
			enabled = append(enabled, types.EnabledServicePrincipal{ServicePrincipal: &principal, DateEnabled: &since})
		}
		out.EnabledServicePrincipals, out.NextToken, err = pageOf(enabled, api.ListOf(c, in), listed)
		return err
	})
	return out, err
}
