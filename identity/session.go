package identity

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"
)

// Session is what temporary credentials stand for. A session token is a sealed
// Session: issuing one writes nothing.
type Session struct {
	// Kind is AssumedRole or FederatedUser, or User or Root for GetSessionToken.
	Kind        Kind      `json:"kind"`
	Account     string    `json:"account"`
	AccessKeyID string    `json:"accessKeyId"`
	Issued      time.Time `json:"issued"`
	Expires     time.Time `json:"expires"`

	// Name is that of the role or user behind the session, and ID its unique ID:
	// the session ends with it. Of the root user Name is empty, and ID the AccountLife.
	Name string `json:"name,omitempty"`
	ID   string `json:"id,omitempty"`
	// SessionName is the RoleSessionName, or the name given to GetFederationToken.
	SessionName string `json:"sessionName,omitempty"`

	// Policies are the texts of session policies, PolicyARNs managed ones. Both empty:
	// nothing limits the session.
	Policies   []string `json:"policies,omitempty"`
	PolicyARNs []string `json:"policyArns,omitempty"`

	SourceIdentity string            `json:"sourceIdentity,omitempty"`
	Tags           map[string]string `json:"tags,omitempty"`
	TransitiveTags []string          `json:"transitiveTags,omitempty"`
	// MFA is when the caller proved a second factor; zero if never.
	MFA time.Time `json:"mfa,omitzero"`
	// FederatedProvider is the identity provider that vouched for the caller:
	// an issuer's host and path, or a provider's ARN.
	FederatedProvider string `json:"federatedProvider,omitempty"`
	// Context holds further condition keys that stay with the session, such as an
	// identity provider's "sub".
	Context map[string][]string `json:"context,omitempty"`
	// AssumedRoot is set for a session of AssumeRoot, which PolicyARNs limits by what they deny.
	AssumedRoot bool `json:"assumedRoot,omitempty"`
	// Delegated is set for a session of GetDelegatedAccessToken.
	Delegated bool `json:"delegated,omitempty"`
	// Chained is set if temporary credentials of a role assumed this role.
	Chained bool `json:"chained,omitempty"`
	// DefaultRegions limits the session to regions that AWS enables for every account, as
	// tokens of version 1 of the global endpoint are.
	DefaultRegions bool `json:"defaultRegions,omitempty"`
	// Padding makes a token as long as its receiver asked for.
	Padding string `json:"padding,omitempty"`
}

// tokenBinding keeps session tokens apart from anything else sealed with the same key.
const tokenBinding = "session token v1"

// SealSession returns the session token of s.
func (k *Keyring) SealSession(s *Session) (string, error) {
	plaintext, err := json.Marshal(s)
	if err != nil {
		return "", fmt.Errorf("session: %w", err)
	}
	return base64.StdEncoding.EncodeToString(seal(k.tokens, plaintext, tokenBinding)), nil
}

// OpenSession returns the session in a token, expired or not, or ErrSealed.
func (k *Keyring) OpenSession(token string) (*Session, error) {
	sealed, err := base64.StdEncoding.Strict().DecodeString(token) // one token, one spelling
	if err != nil {
		return nil, ErrSealed
	}
	plaintext, err := open(k.tokens, sealed, tokenBinding)
	if err != nil {
		return nil, err
	}
	s := new(Session)
	if err := json.Unmarshal(plaintext, s); err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	return s, nil
}
