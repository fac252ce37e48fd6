package identity

import (
	"slices"
	"strings"

	"emulator/store"
)

// The policy types that authorize calls. The others configure services.
const (
	ServiceControlPolicy  = "SERVICE_CONTROL_POLICY"
	ResourceControlPolicy = "RESOURCE_CONTROL_POLICY"
)

// OrganizationPolicy is the record of a policy of an organization.
type OrganizationPolicy struct {
	ID          string `json:"id"`
	Type        string `json:"type"`
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Content     string `json:"content"`
	// AWSManaged is set for those of AWSOrganizationPolicies, which no organization has a record of.
	AWSManaged bool `json:"-"`
}

// AWSOrganizationPolicies are the AWS managed policies, of which every root, unit and account has those whose type is enabled
// (https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_evaluation.html,
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps_evaluation.html).
var AWSOrganizationPolicies = []OrganizationPolicy{
	{
		ID: "p-FullAWSAccess", Type: ServiceControlPolicy, Name: "FullAWSAccess", Description: "Allows access to every operation", AWSManaged: true,
		Content: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`,
	},
	{
		ID: "p-RCPFullAWSAccess", Type: ResourceControlPolicy, Name: "RCPFullAWSAccess", Description: "Allows access to every resource", AWSManaged: true,
		Content: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`,
	},
}

// ARN returns the policy's ARN in an organization.
func (p *OrganizationPolicy) ARN(o *Organization) string {
	resource := strings.ToLower(p.Type) + "/" + p.ID
	if p.AWSManaged {
		return ARN(o.Partition, "organizations", "aws", "policy/"+resource)
	}
	return ARN(o.Partition, "organizations", o.Management, "policy/"+o.ID+"/"+resource)
}

// OrganizationPolicyKey is the key of an OrganizationPolicy.
func OrganizationPolicyKey(organization, id string) []byte {
	return InOrganization(organization, "policy", id)
}

// LoadOrganizationPolicy returns a policy of an organization or of AWS, or nil.
func LoadOrganizationPolicy(r store.Reader, organization, id string) (*OrganizationPolicy, error) {
	if i := slices.IndexFunc(AWSOrganizationPolicies, func(p OrganizationPolicy) bool { return p.ID == id }); i >= 0 {
		return &AWSOrganizationPolicies[i], nil
	}
	p, ok, err := store.Load[OrganizationPolicy](r, OrganizationPolicyKey(organization, id))
	if err != nil || !ok {
		return nil, err
	}
	return &p, nil
}

// AttachmentsPrefix is what the keys of the attachments of a root, unit or account begin with: of all its policies, or of those of
// a type. An order and the ID of a policy follow, which is the value.
func AttachmentsPrefix(organization, target string, policyType ...string) []byte {
	return InOrganization(organization, slices.Concat([]string{"attachment", target}, policyType)...)
}

// AttachmentKey is the key of an attachment. By order those that were made before come first.
func AttachmentKey(organization, target, policyType, order, policy string) []byte {
	return InOrganization(organization, "attachment", target, policyType, order, policy)
}
