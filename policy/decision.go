package policy

import "fmt"

// Effect is how a request is decided.
type Effect int

// The decisions. The zero value denies.
const (
	// ImplicitlyDenied: no policy that had to allow the request did.
	ImplicitlyDenied Effect = iota
	// ExplicitlyDenied: a Deny statement matched.
	ExplicitlyDenied
	// Allowed.
	Allowed
)

var effectNames = [...]string{"ImplicitlyDenied", "ExplicitlyDenied", "Allowed"}

// String returns "Allowed", "ExplicitlyDenied" or "ImplicitlyDenied".
func (e Effect) String() string { return effectNames[e] }

// MarshalText implements encoding.TextMarshaler.
func (e Effect) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (e *Effect) UnmarshalText(text []byte) error {
	for i, name := range effectNames {
		if name == string(text) {
			*e = Effect(i)
			return nil
		}
	}
	return fmt.Errorf("%q is not a decision", text)
}

// Type is the part that a policy plays in a decision.
type Type int

// The types of policy, as AWS's messages tell them apart.
const (
	// NoType is that of the root user's permissions, which come from no policy.
	NoType Type = iota
	// IdentityBased are the policies of the user, its groups, or the role.
	IdentityBased
	// ResourceBased is the policy of the resource, also a key policy.
	ResourceBased
	// RoleTrust is the trust policy of the role to be assumed.
	RoleTrust
	// PermissionsBoundary is the permissions boundary of the user or role.
	PermissionsBoundary
	// SessionPolicy are the policies passed when the session was created.
	SessionPolicy
	// ServiceControl are the service control policies of the principal's account.
	ServiceControl
	// ResourceControl are the resource control policies of the resource's account.
	ResourceControl
	// Grant is a KMS grant.
	Grant
)

var typeNames = [...]string{
	"", "identity-based policy", "resource-based policy", "role trust policy", "permissions boundary",
	"session policy", "service control policy", "resource control policy", "grant",
}

// String returns the type as AWS's messages have it: "identity-based policy".
func (t Type) String() string { return typeNames[t] }

// MarshalText implements encoding.TextMarshaler.
func (t Type) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *Type) UnmarshalText(text []byte) error {
	for i, name := range typeNames {
		if name == string(text) {
			*t = Type(i)
			return nil
		}
	}
	return fmt.Errorf("%q is not a type of policy", text)
}

// Decision is the answer to a request.
type Decision struct {
	Effect Effect `json:"effect"`
	// Type is the type of policy that denies; that had to allow and didn't; or, if the request is
	// allowed, that grants.
	Type Type `json:"type,omitzero"`
	// Name and ARN of the policy that denies explicitly or grants, as far as it has them. A KMS grant's
	// name is its ID.
	Name string `json:"name,omitzero"`
	ARN  string `json:"arn,omitzero"`
	// Statement denies explicitly or grants; nil for an implicit denial and for a KMS grant.
	Statement *Statement `json:"statement,omitzero"`
}

// Reason returns the part of AWS's denial that says why: "because no identity-based
// policy allows the kms:Decrypt action", or "with an explicit deny in a service control
// policy: arn:aws:organizations::…". It is "" if the request is allowed.
//
// AWS gives the policy's ARN only to callers of the same account or organization. For
// others, empty ARN first.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
func (d Decision) Reason(action string) string {
	switch {
	case d.Effect == Allowed:
		return ""
	case d.Effect == ImplicitlyDenied:
		return "because no " + d.Type.String() + " allows the " + action + " action"
	}
	article := " a "
	switch d.Type {
	case IdentityBased:
		article = " an "
	case RoleTrust:
		article = " the "
	}
	reason := "with an explicit deny in" + article + d.Type.String()
	if d.ARN != "" && d.Type != ResourceBased && d.Type != RoleTrust {
		reason += ": " + d.ARN
	}
	return reason
}
