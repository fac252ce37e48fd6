package identity

import (
	"encoding/base64"
	"time"

	"emulator/store"
)

// DelegationRequest is the record of one account's request for temporary access to another.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies-temporary-delegation.html
type DelegationRequest struct {
	ID string `json:"id"`
	// Requestor is the account that asks, and Workflow its own name of the request.
	Requestor string `json:"requestor"`
	Workflow  string `json:"workflow"`
	// OwnerAccount is whose access is asked for, and Owner the ARN of the identity there that took
	// the request up. Both may be "" at first.
	OwnerAccount string `json:"ownerAccount,omitempty"`
	Owner        string `json:"owner,omitempty"`
	// Approver is the ARN of the identity that accepted, and Session what it hands on: itself,
	// limited to Policy.
	Approver string   `json:"approver,omitempty"`
	Session  *Session `json:"session,omitempty"`

	Template    string                `json:"template"`
	Parameters  []DelegationParameter `json:"parameters,omitempty"`
	Policy      string                `json:"policy"`
	Description string                `json:"description"`
	Message     string                `json:"message,omitempty"`
	RedirectURL string                `json:"redirectUrl,omitempty"`
	Channel     string                `json:"channel"`
	Notes       string                `json:"notes,omitempty"`
	Rejection   string                `json:"rejection,omitempty"`
	// Seconds is how long the access lasts from when the token was sent.
	Seconds         int32     `json:"seconds"`
	OnlySendByOwner bool      `json:"onlySendByOwner,omitempty"`
	State           string    `json:"state"`
	Created         time.Time `json:"created"`
	Updated         time.Time `json:"updated"`
}

// DelegationParameter is a value for a template.
type DelegationParameter struct {
	Name   string   `json:"name"`
	Type   string   `json:"type,omitempty"`
	Values []string `json:"values"`
}

// DelegationFinalized is the state of a request whose token was sent.
const DelegationFinalized = "FINALIZED"

// DelegationRequestKey is the key of a DelegationRequest.
func DelegationRequestKey(id string) []byte { return store.Key("delegation-request", id) }

// DelegationWorkflowKey is the key under which a request is found by its requestor's name of it.
func DelegationWorkflowKey(account, workflow string) []byte {
	return store.Key("delegation-workflow", account, workflow)
}

// DelegationOwnedKey is the key of an entry of the index from an account to the requests that its
// identities took up; DelegationOwnedPrefix is what they begin with.
func DelegationOwnedKey(account, id string) []byte { return store.Key("delegation-owned", account, id) }

// DelegationOwnedPrefix is what the keys of an account's entries begin with.
func DelegationOwnedPrefix(account string) []byte { return store.Key("delegation-owned", account) }

const tradeInBinding = "trade-in token v1"

// SealTradeIn returns a token that its receiver trades in for the access of a request.
func (k *Keyring) SealTradeIn(requestID string) string {
	return base64.RawURLEncoding.EncodeToString(seal(k.tokens, []byte(requestID), tradeInBinding))
}

// OpenTradeIn returns the ID of the request that a token is for, or ErrSealed.
func (k *Keyring) OpenTradeIn(token string) (string, error) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil {
		return "", ErrSealed
	}
	id, err := open(k.tokens, sealed, tradeInBinding)
	return string(id), err
}
