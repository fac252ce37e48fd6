package identity

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Propagation is what an identity provider says on whose behalf sessions act that it vouches for: AWS calls it trusted
// identity propagation. The zero value says nothing.
//
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_ContextProvider.html
type Propagation struct {
	ContextProvider *ContextProvider `json:"contextProvider,omitempty"`
	// IdentityCenter is the ARN of an instance of IAM Identity Center that knows the provider's users, or "".
	IdentityCenter string `json:"identityCenter,omitempty"`
}

// ContextProvider is from which claims of a token, or attributes of an assertion, the context of a session is taken.
type ContextProvider struct {
	// Subject is the source of aws:OriginIdentity/Subject.
	Subject string `json:"subject"`
	// SubjectType is aws:OriginIdentity/SubjectType itself, SubjectTypeFrom its source. Both are "" if there is none.
	SubjectType     string `json:"subjectType,omitempty"`
	SubjectTypeFrom string `json:"subjectTypeFrom,omitempty"`
	// Keys are further ones.
	Keys []PropagatedKey `json:"keys,omitempty"`
}

// PropagatedKey is a key of aws:TransactionContext/IdentityProvider/*, and its source. An empty Target is named like the source.
type PropagatedKey struct {
	Source string `json:"source"`
	Target string `json:"target,omitempty"`
}

// IdentityStore returns the ARN of the identity store of the instance of IAM Identity Center, "" without one. There is no
// such service here, so the store's ID is made of the instance's.
func (p Propagation) IdentityStore(account string) string {
	if p.IdentityCenter == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(p.IdentityCenter))
	partition := strings.Split(p.IdentityCenter, ":")[1]
	return ARN(partition, "identitystore", account, "identitystore/d-"+hex.EncodeToString(sum[:5]))
}
