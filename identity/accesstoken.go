package identity

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"
)

// AccessToken is what an OAuth 2.0 access token of Login with Amazon or of Facebook stands
// for. Theirs can be verified by nobody else, so those that are made here are sealed.
type AccessToken struct {
	// Provider is www.amazon.com or graph.facebook.com.
	Provider string    `json:"provider"`
	App      string    `json:"app"`
	User     string    `json:"user"`
	Expires  time.Time `json:"expires"`
}

// AccessTokenProviders are the providers of access tokens that AWS takes, with the condition
// keys of the user and of the app.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif
var AccessTokenProviders = map[string][2]string{
	"www.amazon.com":     {"www.amazon.com:user_id", "www.amazon.com:app_id"},
	"graph.facebook.com": {"graph.facebook.com:id", "graph.facebook.com:app_id"},
}

const accessTokenBinding = "access token v1"

// SealAccessToken returns the token of t.
func (k *Keyring) SealAccessToken(t *AccessToken) (string, error) {
	text, err := json.Marshal(t)
	if err != nil {
		return "", fmt.Errorf("access token: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(seal(k.tokens, text, accessTokenBinding)), nil
}

// OpenAccessToken returns what a token stands for, expired or not, or ErrSealed.
func (k *Keyring) OpenAccessToken(token string) (*AccessToken, error) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil {
		return nil, ErrSealed
	}
	text, err := open(k.tokens, sealed, accessTokenBinding)
	if err != nil {
		return nil, err
	}
	t := new(AccessToken)
	if err := json.Unmarshal(text, t); err != nil {
		return nil, fmt.Errorf("access token: %w", err)
	}
	return t, nil
}
