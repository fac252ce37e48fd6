package identity

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"sync"
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
	// Scopes are the texts of policies that narrow the session since it was made: whatever allows something, each of them
	// must allow it too.
	Scopes []string `json:"scopes,omitempty"`

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
	// OnBehalfOf is the user of IAM Identity Center for whom the session acts, and its identity store: for events.
	OnBehalfOf *OnBehalfOf `json:"onBehalfOf,omitempty"`
	// IdentityContext is set for a session whose Context IAM Identity Center gave it, which may do no more than that is made for.
	IdentityContext bool `json:"identityContext,omitempty"`
	// AssumedRoot is set for a session of AssumeRoot, which PolicyARNs limits by what they deny.
	AssumedRoot bool `json:"assumedRoot,omitempty"`
	// Delegated is set for a session of GetDelegatedAccessToken.
	Delegated bool `json:"delegated,omitempty"`
	// Chained is set if temporary credentials of a role assumed this role.
	Chained bool `json:"chained,omitempty"`
	// DefaultRegions limits the session to regions that AWS enables for every account, as
	// tokens of version 1 of the global endpoint are.
	DefaultRegions bool `json:"defaultRegions,omitempty"`
}

// Limited reports whether the session may do less than whom it is of, by policies of its own.
func (s *Session) Limited() bool {
	return len(s.Policies)+len(s.PolicyARNs)+len(s.Scopes) > 0 || s.IdentityContext
}

// OnBehalfOf is a user of IAM Identity Center.
type OnBehalfOf struct {
	User  string `json:"user"`
	Store string `json:"store"`
}

// tokenBinding keeps session tokens apart from anything else sealed with the same key.
const tokenBinding = "session token v1"

// compressedFrom is the size in bytes from which on a session is worth to be compressed in its token: policies make it large.
const compressedFrom = 1 << 10

// SealSession returns the session token of s, which has at least minimum bytes.
func (k *Keyring) SealSession(s *Session, minimum int) (string, error) {
	plaintext, err := json.Marshal(s)
	if err != nil {
		return "", fmt.Errorf("session: %w", err)
	}
	if len(plaintext) >= compressedFrom {
		plaintext = deflate(plaintext)
	}
	// In base64 four characters stand for three bytes. Both JSON and what is compressed end by themselves.
	least := (minimum+3)/4*3 - k.tokens.NonceSize() - k.tokens.Overhead()
	if missing := least - len(plaintext); missing > 0 {
		plaintext = append(plaintext, bytes.Repeat([]byte{' '}, missing)...)
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
	if deflated, ok := bytes.CutPrefix(plaintext, []byte{compressed}); ok {
		if plaintext, err = io.ReadAll(flate.NewReader(bytes.NewReader(deflated))); err != nil {
			return nil, fmt.Errorf("session: %w", err)
		}
	}
	s := new(Session)
	if err := json.Unmarshal(plaintext, s); err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	return s, nil
}

// compressors are kept because making one costs more than using it.
var compressors = sync.Pool{New: func() any {
	w, err := flate.NewWriter(nil, flate.BestCompression)
	if err != nil {
		panic(err) // the level is a constant
	}
	return w
}}

// compressed begins what is no JSON.
const compressed = 'z'

func deflate(plaintext []byte) []byte {
	b := bytes.NewBuffer([]byte{compressed})
	w := compressors.Get().(*flate.Writer)
	defer compressors.Put(w)
	w.Reset(b)
	w.Write(plaintext) // to memory: no errors
	w.Close()
	return b.Bytes()
}
