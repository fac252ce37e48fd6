package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/store"
)

// Centralized root access of an organization.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_root-user.html#id_root-user-access-management

func (s *Service) rootAccessOperations() []api.Operation {
	return []api.Operation{
		api.Op("EnableOrganizationsRootSessions", s.enableOrganizationsRootSessions),
		api.Op("DisableOrganizationsRootSessions", s.disableOrganizationsRootSessions),
		api.Op("EnableOrganizationsRootCredentialsManagement", s.enableOrganizationsRootCredentialsManagement),
		api.Op("DisableOrganizationsRootCredentialsManagement", s.disableOrganizationsRootCredentialsManagement),
		api.Op("ListOrganizationsFeatures", s.listOrganizationsFeatures),
	}
}

// findOrganization returns the organization whose root access the caller runs, once it may do the action.
func (s *Service) findOrganization(r store.Reader, c api.Caller, action string) (*identity.Organization, error) {
	if err := s.authz.Authorize(r, c, authz.Request{Action: action, Resource: "*"}); err != nil {
		return nil, err
	}
	o, err := identity.LoadOrganization(r, c.Account)
	switch {
	case err != nil:
		return nil, err
	case o == nil:
		return nil, api.Errorf("OrganizationNotFoundException", "The request was rejected because no organization is associated with your account.")
	case !o.RunsRootAccess(r, c.Account):
		return nil, api.Errorf("AccountNotManagementOrDelegatedAdministratorException",
			"The request was rejected because the account making the request is not the management account or delegated administrator account for centralized root access.")
	case o.ConsolidatedBilling:
		return nil, api.Errorf("OrganizationNotInAllFeaturesModeException", "The request was rejected because your organization does not have All features enabled.")
	case o.TrustedAccess["iam.amazonaws.com"].IsZero():
		return nil, api.Errorf("ServiceAccessNotEnabledException", "The request was rejected because trusted access is not enabled for IAM in Organizations.")
	}
	return o, nil
}

// changeRootAccess runs f on the organization and saves it.
func (s *Service) changeRootAccess(ctx context.Context, c api.Caller, action string, f func(*identity.Organization) error) (id *string, features []types.FeatureType, err error) {
	err = s.store.Update(ctx, func(tx store.Tx) error {
		o, err := s.findOrganization(tx, c, action)
		if err != nil {
			return err
		}
		if err := f(o); err != nil {
			return err
		}
		id, features = &o.ID, rootFeatures(o)
		return store.Save(tx, identity.OrganizationKey(o.ID), o)
	})
	return id, features, err
}

// byManagement refuses all others, who may disable features that they may not enable.
func byManagement(o *identity.Organization, c api.Caller) error {
	if o.Management != c.Account {
		return api.Errorf("CallerIsNotManagementAccountException", "The request was rejected because the account making the request is not the management account for the organization.")
	}
	return nil
}

func rootFeatures(o *identity.Organization) []types.FeatureType {
	features := []types.FeatureType{}
	if o.RootCredentials {
		features = append(features, types.FeatureTypeRootCredentialsManagement)
	}
	if o.RootSessions {
		features = append(features, types.FeatureTypeRootSessions)
	}
	return features
}

func (s *Service) enableOrganizationsRootSessions(ctx context.Context, c api.Caller, _ *iam.EnableOrganizationsRootSessionsInput) (*iam.EnableOrganizationsRootSessionsOutput, error) {
	id, features, err := s.changeRootAccess(ctx, c, "iam:EnableOrganizationsRootSessions", func(o *identity.Organization) error { o.RootSessions = true; return byManagement(o, c) })
	return &iam.EnableOrganizationsRootSessionsOutput{OrganizationId: id, EnabledFeatures: features}, err
}

func (s *Service) disableOrganizationsRootSessions(ctx context.Context, c api.Caller, _ *iam.DisableOrganizationsRootSessionsInput) (*iam.DisableOrganizationsRootSessionsOutput, error) {
	id, features, err := s.changeRootAccess(ctx, c, "iam:DisableOrganizationsRootSessions", func(o *identity.Organization) error { o.RootSessions = false; return nil })
	return &iam.DisableOrganizationsRootSessionsOutput{OrganizationId: id, EnabledFeatures: features}, err
}

func (s *Service) enableOrganizationsRootCredentialsManagement(ctx context.Context, c api.Caller, _ *iam.EnableOrganizationsRootCredentialsManagementInput) (*iam.EnableOrganizationsRootCredentialsManagementOutput, error) {
	id, features, err := s.changeRootAccess(ctx, c, "iam:EnableOrganizationsRootCredentialsManagement", func(o *identity.Organization) error { o.RootCredentials = true; return byManagement(o, c) })
	return &iam.EnableOrganizationsRootCredentialsManagementOutput{OrganizationId: id, EnabledFeatures: features}, err
}

func (s *Service) disableOrganizationsRootCredentialsManagement(ctx context.Context, c api.Caller, _ *iam.DisableOrganizationsRootCredentialsManagementInput) (*iam.DisableOrganizationsRootCredentialsManagementOutput, error) {
	id, features, err := s.changeRootAccess(ctx, c, "iam:DisableOrganizationsRootCredentialsManagement", func(o *identity.Organization) error { o.RootCredentials = false; return nil })
	return &iam.DisableOrganizationsRootCredentialsManagementOutput{OrganizationId: id, EnabledFeatures: features}, err
}

func (s *Service) listOrganizationsFeatures(ctx context.Context, c api.Caller, _ *iam.ListOrganizationsFeaturesInput) (*iam.ListOrganizationsFeaturesOutput, error) {
	var out *iam.ListOrganizationsFeaturesOutput
	err := s.store.View(ctx, func(r store.Reader) error {
		o, err := s.findOrganization(r, c, "iam:ListOrganizationsFeatures")
		if err != nil {
			return err
		}
		out = &iam.ListOrganizationsFeaturesOutput{OrganizationId: &o.ID, EnabledFeatures: rootFeatures(o)}
		return nil
	})
	return out, err
}
