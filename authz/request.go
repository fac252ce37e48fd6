package authz

import (
	"time"

	"emulator/api"
	"emulator/identity"
	"emulator/policy"
)

// Request is what an operation asks permission for.
type Request struct {
	// Action as policies name it: "kms:Decrypt".
	Action string
	// Resource is its ARN, or "*" for actions that have none.
	Resource string
	// ResourceAccount owns the resource; "" means the caller's account.
	ResourceAccount string
	// ResourceTags become aws:ResourceTag/*.
	ResourceTags map[string]string
	// RequestTags become aws:RequestTag/* and aws:TagKeys: the tags that the call
	// carries. TagKeys are further keys, those of an untagging.
	RequestTags map[string]string
	TagKeys     []string
	// TagAction is what a call with RequestTags needs besides Action: "iam:TagRole".
	TagAction string
	// Context holds the service's own condition keys: "kms:EncryptionContext:app".
	Context map[string][]string
	// Assumed are condition keys of a call that nobody makes. They stand before all others.
	Assumed map[string][]string
	// MFA is when the caller proved a second factor in this very call; zero if it did not.
	MFA time.Time
	// ResourcePolicy is the policy on the resource, nil if it has none.
	ResourcePolicy *ResourcePolicy
	// Principal asks for somebody else than the caller: a federated identity
	// with no AWS credentials yet.
	Principal *policy.Principal
	// Grants are the KMS grants that allow this very request, to whom they name.
	Grants []policy.Grant
	// AWSManaged: the resource is one of AWS's own in the account, such as an AWS managed key, which no resource control policy protects.
	AWSManaged bool
	// Unnamed: the denial does not name the resource, which does not exist yet.
	Unnamed bool
}

// ServiceLinkedRole returns the request of those calls for which the service makes the role that is linked to it.
func ServiceLinkedRole(c api.Caller, service, name string) Request {
	return Request{
		Action:   "iam:CreateServiceLinkedRole",
		Resource: identity.ARN(c.Partition, "iam", c.Account, "role/aws-service-role/"+service+"/"+name),
		Context:  map[string][]string{"iam:AWSServiceName": {service}},
	}
}

// ResourcePolicy is a policy on a resource. A key policy and a trust policy must
// themselves allow, other kinds need not.
type ResourcePolicy struct {
	// Kind is policy.KeyPolicy, policy.TrustPolicy or policy.Resource.
	Kind policy.Kind
	// ARN is that of the resource, for the trace.
	ARN string
	// Text with users and roles as unique IDs, as StorePrincipals made it. It is "" if there is no such resource: nobody is
	// allowed anything, as if it were one that names others.
	Text string
}
