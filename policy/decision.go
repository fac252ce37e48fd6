package policy

import (
	"fmt"
	"strings"
)

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

// Source is the type of a policy that applies to a request.
type Source int

// The types of policy, as AWS's messages tell them apart.
const (
	// NoSource is that of the root user's permissions, which come from no policy.
	NoSource Source = iota
	// FromIdentity are the policies of the user, its groups, or the role.
	FromIdentity
	// FromResource is the policy of the resource, also a key policy.
	FromResource
	// FromTrust is the trust policy of the role to be assumed.
	FromTrust
	// FromBoundary is the permissions boundary of the user or role.
	FromBoundary
	// FromSession are the policies passed when the session was created.
	FromSession
	// FromSCP are the service control policies of the principal's account.
	FromSCP
	// FromRCP are the resource control policies of the resource's account.
	FromRCP
	// FromGrant is a KMS grant.
	FromGrant
	// FromScope are the policies that a session was scoped down to since.
	FromScope
	// Undecided is no policy: comparing the request with those that apply takes too long.
	Undecided
)

var sourceNames = [...]string{
	"", "identity-based policy", "resource-based policy", "role trust policy", "permissions boundary",
	"session policy", "service control policy", "resource control policy", "grant", "scope down policy", "undecided",
}

// String returns the type as AWS's messages have it: "identity-based policy".
func (s Source) String() string { return sourceNames[s] }

// inMessages is the type as AWS's denials name it, which have no word of their own for what came after session policies.
func (s Source) inMessages() string {
	if s == FromScope {
		s = FromSession
	}
	return s.String()
}

// MarshalText implements encoding.TextMarshaler.
func (s Source) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Source) UnmarshalText(text []byte) error {
	for i, name := range sourceNames {
		if name == string(text) {
			*s = Source(i)
			return nil
		}
	}
	return fmt.Errorf("%q is not a type of policy", text)
}

// Decision is the answer to a request.
type Decision struct {
	Effect Effect `json:"effect"`
	// Source is the type of policy that denies; that had to allow and didn't; or, if the request is
	// allowed, that grants.
	Source Source `json:"source,omitzero"`
	// Policy is the name of the policy that denies explicitly or grants, or the grant's ID.
	Policy string `json:"policy,omitzero"`
	// Statement denies explicitly or grants; nil for an implicit denial and for a KMS grant.
	Statement *Statement `json:"statement,omitzero"`
}

// Reason returns the part of AWS's denial that says why: "because no identity-based
// policy allows the kms:Decrypt action", or "with an explicit deny in a service control
// policy: arn:aws:organizations::…". It is "" if the request is allowed.
//
// The policy's ARN is there if that is its name. AWS gives it only to callers of the same
// account or organization; to others, clear Policy first.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
func (d Decision) Reason(action string) string {
	switch {
	case d.Effect == Allowed:
		return ""
	case d.Source == Undecided:
		return "because the policies that apply take too long to evaluate for this request"
	case d.Effect == ImplicitlyDenied:
		return "because no " + d.Source.inMessages() + " allows the " + action + " action"
	}
	article := " a "
	switch d.Source {
	case FromIdentity:
		article = " an "
	case FromTrust:
		article = " the "
	}
	reason := "with an explicit deny in" + article + d.Source.inMessages()
	if strings.HasPrefix(d.Policy, "arn:") && d.Source != FromResource && d.Source != FromTrust {
		reason += ": " + d.Policy
	}
	return reason
}
