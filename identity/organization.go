package identity

import (
	"slices"
	"strings"
	"time"

	"emulator/store"
)

// Organization is the record of an organization of accounts.
type Organization struct {
	ID        string `json:"id"`
	Partition string `json:"partition"`
	// Management is its management account.
	Management string `json:"management"`
	// Root is the ID of the root under which all accounts are.
	Root    string    `json:"root"`
	Created time.Time `json:"created"`
	// ConsolidatedBilling: it has no other features, so no policies and no trusted access.
	ConsolidatedBilling bool `json:"consolidatedBilling,omitempty"`
	// TrustedAccess has the service principals that work across the organization, and since when.
	TrustedAccess map[string]time.Time `json:"trustedAccess,omitempty"`
	// PolicyTypes are those that are enabled in the root, sorted.
	PolicyTypes []string `json:"policyTypes,omitempty"`
	// Guardrails is another one whenever the policies, or what they are attached to, have changed: whoever keeps what was made of
	// them, keeps it under this. It is never the same again.
	Guardrails string `json:"guardrails,omitempty"`
	// PoliciesChanged is when that was, by the type of policies.
	PoliciesChanged map[string]time.Time `json:"policiesChanged,omitempty"`
	// Attachments is how many there were ever of policies.
	Attachments uint64 `json:"attachments,omitempty"`
	// RootSessions and RootCredentials are IAM's features of centralized root access
	// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_root-user.html).
	RootSessions    bool `json:"rootSessions,omitempty"`
	RootCredentials bool `json:"rootCredentials,omitempty"`
}

// ARN returns the organization's ARN.
func (o *Organization) ARN() string {
	return ARN(o.Partition, "organizations", o.Management, "organization/"+o.ID)
}

// Enabled reports whether a policy type is enabled in the root.
func (o *Organization) Enabled(policyType string) bool {
	return slices.Contains(o.PolicyTypes, policyType)
}

// Member is the record of an account in an organization.
type Member struct {
	Account      string    `json:"account"`
	Organization string    `json:"organization"`
	Name         string    `json:"name"`
	Email        string    `json:"email"`
	Joined       time.Time `json:"joined"`
	// Created: the organization made the account. Else it was invited, or is the management account.
	Created bool `json:"created,omitempty"`
	// Parents are the IDs of the root and of the organizational units that lead to the account.
	Parents []string `json:"parents"`
	// Moved is when it was put there last; zero if it joined there.
	Moved time.Time `json:"moved,omitzero"`
	// State is one of types.AccountState of Organizations; "" is ACTIVE.
	State string `json:"state,omitempty"`
}

// Path returns the account's place as aws:PrincipalOrgPaths has it: "o-a1b2c3d4e5/r-ab12/".
func (m *Member) Path() string {
	return m.Organization + "/" + strings.Join(m.Parents, "/") + "/"
}

// OrganizationalUnit is the record of an organizational unit. Units are never moved.
type OrganizationalUnit struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// Parents are the IDs of the root and of the units that lead to it.
	Parents []string `json:"parents"`
}

// Within returns the IDs that lead to what is in the unit.
func (u *OrganizationalUnit) Within() []string { return append(slices.Clip(u.Parents), u.ID) }

// OrganizationalUnitsPrefix is what the keys of an organization's units begin with. Their IDs follow.
func OrganizationalUnitsPrefix(organization string) []byte {
	return InOrganization(organization, "unit")
}

// OrganizationalUnitKey is the key of an OrganizationalUnit.
func OrganizationalUnitKey(organization, id string) []byte {
	return InOrganization(organization, "unit", id)
}

// OrganizationKey is the key of an Organization.
func OrganizationKey(id string) []byte { return store.Key("organizations", id) }

// MemberKey is the key of a Member.
func MemberKey(account string) []byte { return store.Key("organization-member", account) }

// OrganizationAccountKey is the key of an entry of the index from an organization to its accounts.
func OrganizationAccountKey(id, account string) []byte {
	return store.Key("organization-account", id, account)
}

// OrganizationAccountsPrefix is what the keys of that index begin with.
func OrganizationAccountsPrefix(id string) []byte { return store.Key("organization-account", id) }

// InOrganization is the key of what is in an organization besides its accounts: of a kind that parts begin with.
func InOrganization(id string, parts ...string) []byte {
	return store.Key(slices.Concat([]string{"in-organization", id}, parts)...)
}

// AdministratorKey is the key of an entry of the index from a service, or from "" for any, to the accounts that administer it for
// an organization.
func AdministratorKey(organization, service, account string) []byte {
	return InOrganization(organization, "administrator", service, account)
}

// RunsRootAccess reports whether an account may run centralized root access: the management account, and those that administer IAM
// for the organization.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_root-user.html#id_root-user-access-management
func (o *Organization) RunsRootAccess(r store.Reader, account string) bool {
	return o.Management == account || r.Get(AdministratorKey(o.ID, "iam.amazonaws.com", account)) != nil
}

// LoadMember returns the account's membership in an organization, or nil.
func LoadMember(r store.Reader, account string) (*Member, error) {
	m, ok, err := store.Load[Member](r, MemberKey(account))
	if err != nil || !ok {
		return nil, err
	}
	return &m, nil
}

// LoadOrganization returns the organization of an account, or nil.
func LoadOrganization(r store.Reader, account string) (*Organization, error) {
	m, err := LoadMember(r, account)
	if err != nil || m == nil {
		return nil, err
	}
	o, ok, err := store.Load[Organization](r, OrganizationKey(m.Organization))
	if err != nil || !ok {
		return nil, err
	}
	return &o, nil
}
