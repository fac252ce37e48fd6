package organizations

import (
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/store"
)

// place is from which accounts an operation can be called, besides the management account.
type place int

const (
	// alone: from no other.
	alone place = iota
	// delegated: from those that are a delegated administrator of any service, or that the organization's policy allows it.
	delegated
	// delegable: from those that the organization's policy allows it. A delegated administrator of a service only reads.
	delegable
	// itself: from any account about itself; about others as from delegated.
	itself
	// anywhere: from any account, also from one in no organization.
	anywhere
)

// callableFrom has, of each operation's page, "You can only call this operation from …"
// (https://docs.aws.amazon.com/organizations/latest/APIReference/API_Operations.html).
var callableFrom = map[string]place{
	"AttachPolicy":                               delegable,
	"CloseAccount":                               alone,
	"CreateAccount":                              alone,
	"CreateGovCloudAccount":                      alone,
	"CreateOrganizationalUnit":                   alone,
	"CreatePolicy":                               delegable,
	"DeleteOrganization":                         alone,
	"DeleteOrganizationalUnit":                   alone,
	"DeletePolicy":                               delegable,
	"DeleteResourcePolicy":                       alone,
	"DeregisterDelegatedAdministrator":           alone,
	"DescribeAccount":                            delegated,
	"DescribeCreateAccountStatus":                delegated,
	"DescribeEffectivePolicy":                    itself,
	"DescribeOrganization":                       anywhere,
	"DescribeOrganizationalUnit":                 delegated,
	"DescribePolicy":                             delegated,
	"DescribeResourcePolicy":                     delegated,
	"DetachPolicy":                               delegable,
	"DisableAWSServiceAccess":                    alone,
	"DisablePolicyType":                          delegable,
	"EnableAWSServiceAccess":                     alone,
	"EnableAllFeatures":                          alone,
	"EnablePolicyType":                           delegable,
	"InviteAccountToOrganization":                alone,
	"InviteOrganizationToTransferResponsibility": alone,
	"LeaveOrganization":                          anywhere,
	"ListAWSServiceAccessForOrganization":        delegated,
	"ListAccounts":                               delegated,
	"ListAccountsForParent":                      delegated,
	"ListAccountsWithInvalidEffectivePolicy":     delegated,
	"ListChildren":                               delegated,
	"ListCreateAccountStatus":                    delegated,
	"ListDelegatedAdministrators":                delegated,
	"ListDelegatedServicesForAccount":            delegated,
	"ListEffectivePolicyValidationErrors":        delegated,
	"ListHandshakesForOrganization":              delegated,
	"ListOrganizationalUnitsForParent":           delegated,
	"ListParents":                                delegated,
	"ListPolicies":                               delegated,
	"ListPoliciesForTarget":                      delegated,
	"ListRoots":                                  delegated,
	"ListTagsForResource":                        delegated,
	"ListTargetsForPolicy":                       delegated,
	"ListInboundResponsibilityTransfers":         alone,
	"ListOutboundResponsibilityTransfers":        alone,
	"DescribeResponsibilityTransfer":             alone,
	"TerminateResponsibilityTransfer":            alone,
	"UpdateResponsibilityTransfer":               alone,
	"MoveAccount":                                alone,
	"PutResourcePolicy":                          alone,
	"RegisterDelegatedAdministrator":             alone,
	"RemoveAccountFromOrganization":              alone,
	"TagResource":                                delegable,
	"UntagResource":                              delegable,
	"UpdateOrganizationalUnit":                   alone,
	"UpdatePolicy":                               delegable,
}

// actionPrefix is what the names of operations have before them in policies.
const actionPrefix = "organizations:"

// enter returns the caller's organization once it may call an operation: by its policies on each of the resources, given by their
// IDs, and from its account. Without resources it is asked for request's own, or for all.
func (s *Service) enter(r store.Reader, c api.Caller, operation string, request authz.Request, resources ...string) (*identity.Organization, error) {
	o, err := identity.LoadOrganization(r, c.Account)
	if err != nil {
		return nil, err
	}
	request.Action = actionPrefix + operation
	allowed := false
	if o != nil {
		if allowed, err = s.delegate(r, c, o, operation, &request, resources...); err != nil {
			return nil, err
		}
	}
	if o == nil || len(resources) == 0 {
		if request.Resource == "" {
			request.Resource = "*"
		}
		err = s.authz.Authorize(r, c, request)
	} else {
		err = s.authorizeEach(r, c, o, request, resources)
	}
	if err != nil {
		return nil, err
	}
	if o == nil {
		return nil, api.Errorf("AWSOrganizationsNotInUseException", "Your account is not a member of an organization.")
	}
	if !allowed && !mayCall(r, o, c.Account, operation, resources...) {
		return nil, notFromHere()
	}
	if tx, ok := r.(store.Tx); ok {
		err = s.sweep(tx, o)
	}
	return o, err
}

func notFromHere() error {
	return api.Errorf("AccessDeniedException", "You don't have permissions to access this resource.")
}

// authorizeEach asks for permission on each resource. Of the policy among them, if there is one, the others know the type.
func (s *Service) authorizeEach(r store.Reader, c api.Caller, o *identity.Organization, request authz.Request, resources []string) error {
	for _, id := range resources {
		if !isPolicy(id) {
			continue
		}
		p, err := identity.LoadOrganizationPolicy(r, o.ID, id)
		if err != nil {
			return err
		}
		if p != nil {
			request.Context = ofPolicyType(types.PolicyType(p.Type)).Context
		}
	}
	for _, id := range resources {
		var err error
		if request.Resource, err = resourceARN(r, o, id); err != nil {
			return err
		}
		if request.ResourceTags, _, err = store.Load[map[string]string](r, tagsKey(o.ID, id)); err != nil {
			return err
		}
		if err := s.authz.Authorize(r, c, request); err != nil {
			return err
		}
	}
	return nil
}

// mayCall reports whether an operation on resources, given by their IDs, can be called from an account of the organization.
func mayCall(r store.Reader, o *identity.Organization, account, operation string, resources ...string) bool {
	if account == o.Management {
		return true
	}
	switch callableFrom[operation] {
	case anywhere:
		return true
	case itself:
		return len(resources) == 1 && resources[0] == account || administers(r, o, account)
	case delegated:
		return administers(r, o, account)
	}
	return false
}
