package identity

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"
)

// IdentityCenterProvider is the context provider of IAM Identity Center, in a partition.
func IdentityCenterProvider(partition string) string {
	return ARN(partition, "iam", "aws", "contextProvider/IdentityCenter")
}

// IdentityCenterAllowList is the managed policy that limits sessions with the identity context of IAM Identity Center, in a
// partition: it denies what the context is not made for.
//
// https://docs.aws.amazon.com/singlesignon/latest/userguide/security-iam-awsmanpol.html
func IdentityCenterAllowList(partition string) string {
	return ARN(partition, "iam", "aws", "policy/AWSIAMIdentityCenterAllowListForIdentityContext")
}

// ContextAssertion is what a context provider asserts of whoever a session acts for. AWS's are opaque: STS signs and encrypts
// them itself, so that those that are made here are sealed.
//
// https://docs.aws.amazon.com/singlesignon/latest/userguide/trustedidentitypropagation-identity-enhanced-iam-role-sessions.html
type ContextAssertion struct {
	// Provider is the ARN of the context provider.
	Provider string `json:"provider"`
	// Context holds the condition keys: "identitystore:UserId".
	Context map[string][]string `json:"context"`
	// AuditOnly is set for an assertion that is for events, and not for policies.
	AuditOnly bool      `json:"auditOnly,omitempty"`
	Expires   time.Time `json:"expires"`
}

const contextAssertionBinding = "context assertion v1"

// SealContextAssertion returns a as a parameter of AssumeRole.
func (k *Keyring) SealContextAssertion(a *ContextAssertion) (string, error) {
	text, err := json.Marshal(a)
	if err != nil {
		return "", fmt.Errorf("context assertion: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(seal(k.tokens, text, contextAssertionBinding)), nil
}

// OpenContextAssertion returns what was sealed, expired or not, or ErrSealed.
func (k *Keyring) OpenContextAssertion(text string) (*ContextAssertion, error) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, ErrSealed
	}
	plain, err := open(k.tokens, sealed, contextAssertionBinding)
	if err != nil {
		return nil, err
	}
	a := new(ContextAssertion)
	if err := json.Unmarshal(plain, a); err != nil {
		return nil, fmt.Errorf("context assertion: %w", err)
	}
	return a, nil
}
