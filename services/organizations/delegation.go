package organizations

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/store"
)

// delegation is the record of a service that an account administers for the organization.
type delegation struct {
	Since time.Time `json:"since"`
}

// delegationsPrefix is what the keys of the services begin with that an account administers for the organization.
func delegationsPrefix(organization, account string) []byte {
	return identity.InOrganization(organization, "delegation", account)
}

func delegationKey(organization, account, service string) []byte {
	return identity.InOrganization(organization, "delegation", account, service)
}

// administratorsPrefix is what the keys of the index begin with from a service, or from "" for any, to the accounts that administer it.
func administratorsPrefix(organization, service string) []byte {
	return identity.InOrganization(organization, "administrator", service)
}

// administers reports whether an account administers any service for the organization.
func administers(r store.Reader, o *identity.Organization, account string) bool {
	for range r.Scan(delegationsPrefix(o.ID, account), nil) {
		return true
	}
	return false
}

func (s *Service) delegationOperations() []api.Operation {
	return []api.Operation{
		api.Op("DeregisterDelegatedAdministrator", s.deregisterDelegatedAdministrator),
		api.Op("ListDelegatedAdministrators", s.listDelegatedAdministrators),
		api.Op("ListDelegatedServicesForAccount", s.listDelegatedServicesForAccount),
		api.Op("RegisterDelegatedAdministrator", s.registerDelegatedAdministrator),
	}
}

// mostAdministrators is how many accounts can administer a service, by what the service's documentation says. There is no such limit
// for those that are not here.
//
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_integrate_services_list.html
var mostAdministrators = map[string]int{
	"access-analyzer.amazonaws.com":                     1,
	"account.amazonaws.com":                             1,
	"auditmanager.amazonaws.com":                        1,
	"cloudtrail.amazonaws.com":                          3,
	"config-multiaccountsetup.amazonaws.com":            3,
	"config.amazonaws.com":                              3,
	"detective.amazonaws.com":                           1,
	"guardduty.amazonaws.com":                           1,
	"health.amazonaws.com":                              5,
	"inspector2.amazonaws.com":                          1,
	"ipam.amazonaws.com":                                1,
	"license-manager.amazonaws.com":                     1,
	"macie.amazonaws.com":                               1,
	"member.org.stacksets.cloudformation.amazonaws.com": 5,
	"securityhub.amazonaws.com":                         1,
	"sso.amazonaws.com":                                 1,
	"storage-lens.s3.amazonaws.com":                     5,
}

func ofService(service string) authz.Request {
	return authz.Request{Context: map[string][]string{"organizations:ServicePrincipal": {service}}}
}

// findDelegated returns the organization and its account, which is to administer a service or does, once the caller may do the operation.
func (s *Service) findDelegated(r store.Reader, c api.Caller, operation, account string, request authz.Request) (*identity.Organization, *identity.Member, error) {
	o, err := s.enter(r, c, operation, request, account)
	if err != nil {
		return nil, nil, err
	}
	if o.ConsolidatedBilling {
		return nil, nil, notAllFeatures()
	}
	m, err := s.memberOf(r, o, account)
	if err == nil && m == nil {
		err = noAccount()
	}
	return o, m, err
}

// registerDelegatedAdministrator lets an account administer a service, and read what the organization has.
//
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_RegisterDelegatedAdministrator.html
func (s *Service) registerDelegatedAdministrator(ctx context.Context, c api.Caller, in *organizations.RegisterDelegatedAdministratorInput) (*organizations.RegisterDelegatedAdministratorOutput, error) {
	account, service, now := *in.AccountId, *in.ServicePrincipal, s.now()
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		o, m, err := s.findDelegated(tx, c, "RegisterDelegatedAdministrator", account, ofService(service))
		if err != nil {
			return err
		}
		if err := s.mayAdminister(tx, o, m, service); err != nil {
			return err
		}
		for _, key := range [][]byte{identity.AdministratorKey(o.ID, "", account), identity.AdministratorKey(o.ID, service, account)} {
			if err := tx.Put(key, []byte(account)); err != nil {
				return err
			}
		}
		return store.Save(tx, delegationKey(o.ID, account, service), delegation{Since: now})
	})
}

func (s *Service) mayAdminister(r store.Reader, o *identity.Organization, m *identity.Member, service string) error {
	restriction, err := identity.LoadRestriction(r, m.Account)
	if err != nil {
		return err
	}
	_, trusted := o.TrustedAccess[service]
	switch {
	case !recognized(service):
		return noService()
	case m.Account == o.Management:
		return api.Errorf(constraint, "You cannot register management account/yourself as delegated administrator for your organization.").With("Reason", "CANNOT_REGISTER_MASTER_AS_DELEGATED_ADMINISTRATOR")
	case restriction.Unusable():
		return api.Errorf(constraint, "You cannot register a suspended account as a delegated administrator.").With("Reason", "CANNOT_REGISTER_SUSPENDED_ACCOUNT_AS_DELEGATED_ADMINISTRATOR")
	case !trusted:
		return api.Errorf(constraint, "You attempted to register a delegated administrator before you enabled service access. Call the EnableAWSServiceAccess API first.").With("Reason", "SERVICE_ACCESS_NOT_ENABLED")
	case r.Get(delegationKey(o.ID, m.Account, service)) != nil:
		return api.Errorf("AccountAlreadyRegisteredException", "The provided account is already a delegated administrator for your organization.")
	}
	most, limited := mostAdministrators[service]
	if !limited {
		return nil
	}
	for range r.Scan(administratorsPrefix(o.ID, service), nil) {
		most--
	}
	switch {
	case most > 0:
		return nil
	case mostAdministrators[service] == 1:
		return api.Errorf(constraint, "You attempted to register an Amazon Web Services account as a delegated administrator for an Amazon Web Services service that already has a delegated administrator. To complete this operation, you must first deregister any existing delegated administrators for this service.").With("Reason", "DELEGATED_ADMINISTRATOR_EXISTS_FOR_THIS_SERVICE")
	default:
		return api.Errorf(constraint, "You attempted to register more delegated administrators than allowed for the service principal.").With("Reason", "MAX_DELEGATED_ADMINISTRATORS_FOR_SERVICE_LIMIT_EXCEEDED")
	}
}

func noService() error {
	return api.Errorf("InvalidInputException", "You specified an unrecognized service principal.").With("Reason", "UNRECOGNIZED_SERVICE_PRINCIPAL")
}

func notRegistered() error {
	return api.Errorf("AccountNotRegisteredException", "The provided account is not a registered delegated administrator for your organization.")
}

// https://docs.aws.amazon.com/organizations/latest/APIReference/API_DeregisterDelegatedAdministrator.html
func (s *Service) deregisterDelegatedAdministrator(ctx context.Context, c api.Caller, in *organizations.DeregisterDelegatedAdministratorInput) (*organizations.DeregisterDelegatedAdministratorOutput, error) {
	account, service := *in.AccountId, *in.ServicePrincipal
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		o, _, err := s.findDelegated(tx, c, "DeregisterDelegatedAdministrator", account, ofService(service))
		switch {
		case err != nil:
			return err
		case !recognized(service):
			return noService()
		case tx.Get(delegationKey(o.ID, account, service)) == nil:
			return notRegistered()
		}
		return deregister(tx, o, account, service)
	})
}

func deregister(tx store.Tx, o *identity.Organization, account, service string) error {
	for _, key := range [][]byte{delegationKey(o.ID, account, service), identity.AdministratorKey(o.ID, service, account)} {
		if err := tx.Delete(key); err != nil {
			return err
		}
	}
	if administers(tx, o, account) {
		return nil
	}
	return tx.Delete(identity.AdministratorKey(o.ID, "", account))
}

// deregisterAll ends all that an account administers.
func (s *Service) deregisterAll(tx store.Tx, o *identity.Organization, account string) error {
	var services []string
	for key := range tx.Scan(delegationsPrefix(o.ID, account), nil) {
		services = append(services, store.Parts(key)[4])
	}
	for _, service := range services {
		if err := deregister(tx, o, account, service); err != nil {
			return err
		}
	}
	return nil
}

// listDelegatedAdministrators lists those of a service, or of any.
//
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListDelegatedAdministrators.html
func (s *Service) listDelegatedAdministrators(ctx context.Context, c api.Caller, in *organizations.ListDelegatedAdministratorsInput) (*organizations.ListDelegatedAdministratorsOutput, error) {
	out := &organizations.ListDelegatedAdministratorsOutput{}
	var request authz.Request
	service := ""
	if in.ServicePrincipal != nil {
		service = *in.ServicePrincipal
		request = ofService(service)
	}
	err := s.store.View(ctx, func(r store.Reader) error {
		o, err := s.enter(r, c, "ListDelegatedAdministrators", request)
		if err != nil {
			return err
		}
		if o.ConsolidatedBilling {
			return notAllFeatures()
		}
		if service != "" && !recognized(service) {
			return noService()
		}
		out.DelegatedAdministrators, out.NextToken, err = scanPage(r, api.ListOf(c, in), administratorsPrefix(o.ID, service), 0, func(account string) (*types.DelegatedAdministrator, error) {
			return s.wireAdministrator(r, o, account, service)
		})
		return err
	})
	return out, err
}

// wireAdministrator returns an account that administers a service, or with "" any, nil if it is not in the organization any more.
func (s *Service) wireAdministrator(r store.Reader, o *identity.Organization, account, service string) (*types.DelegatedAdministrator, error) {
	a, err := s.wireAccount(r, o, account)
	if err != nil || a == nil {
		return nil, err
	}
	w := &types.DelegatedAdministrator{
		Arn: a.Arn, Id: a.Id, Name: a.Name, Email: a.Email, State: a.State, Status: a.Status, JoinedMethod: a.JoinedMethod, JoinedTimestamp: a.JoinedTimestamp,
	}
	for key := range r.Scan(delegationsPrefix(o.ID, account), nil) {
		d, _, err := store.Load[delegation](r, key)
		if err != nil {
			return nil, err
		}
		if of := store.Parts(key)[4]; of == service || service == "" && (w.DelegationEnabledDate == nil || d.Since.Before(*w.DelegationEnabledDate)) {
			w.DelegationEnabledDate = &d.Since
		}
	}
	return w, nil
}

// https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListDelegatedServicesForAccount.html
func (s *Service) listDelegatedServicesForAccount(ctx context.Context, c api.Caller, in *organizations.ListDelegatedServicesForAccountInput) (*organizations.ListDelegatedServicesForAccountOutput, error) {
	account := *in.AccountId
	out := &organizations.ListDelegatedServicesForAccountOutput{}
	err := s.store.View(ctx, func(r store.Reader) error {
		o, _, err := s.findDelegated(r, c, "ListDelegatedServicesForAccount", account, authz.Request{})
		if err != nil {
			return err
		}
		if !administers(r, o, account) {
			return notRegistered()
		}
		out.DelegatedServices, out.NextToken, err = scanPage(r, api.ListOf(c, in), delegationsPrefix(o.ID, account), 0, func(service string) (*types.DelegatedService, error) {
			d, _, err := store.Load[delegation](r, delegationKey(o.ID, account, service))
			return &types.DelegatedService{ServicePrincipal: &service, DelegationEnabledDate: &d.Since}, err
		})
		return err
	})
	return out, err
}
