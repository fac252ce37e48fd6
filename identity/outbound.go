package identity

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"time"

	"emulator/jwk"
	"emulator/store"
)

// OutboundIssuer is the record of an account as an OpenID Connect issuer, whose ID tokens
// others verify.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_outbound.html
type OutboundIssuer struct {
	Account string    `json:"account"`
	ID      string    `json:"id"`
	URL     string    `json:"url"`
	Created time.Time `json:"created"`
	Enabled bool      `json:"enabled"`
	// Keys by the name of their algorithm in a JWT: RS256 and ES384.
	Keys map[string]OutboundKey `json:"keys"`
}

// OutboundKey is a signing key of an OutboundIssuer.
type OutboundKey struct {
	Public jwk.Key `json:"public"`
	// Private is PKCS #8, sealed, bound to the key's ID.
	Private []byte `json:"private"`
}

// OutboundIssuerKey is the key of an account's OutboundIssuer.
func OutboundIssuerKey(account string) []byte { return store.Key("iam", account, "outbound-issuer") }

// OutboundAccountKey is the key under which an account is found by its issuer's ID.
func OutboundAccountKey(id string) []byte { return store.Key("outbound-issuer", id) }

// NewOutboundKeys makes the keys of an issuer.
func NewOutboundKeys(k *Keyring) (map[string]OutboundKey, error) {
	keys := make(map[string]OutboundKey)
	for _, algorithm := range []string{"RS256", "ES384"} {
		private, public, err := jwk.New(algorithm)
		if err != nil {
			return nil, err
		}
		der, err := x509.MarshalPKCS8PrivateKey(private)
		if err != nil {
			return nil, err
		}
		keys[algorithm] = OutboundKey{Public: public, Private: k.Seal(der, public.ID)}
	}
	return keys, nil
}

// Open returns the private key.
func (key *OutboundKey) Open(k *Keyring) (crypto.Signer, error) {
	der, err := k.Open(key.Private, key.Public.ID)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", key.Public.ID, err)
	}
	private, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", key.Public.ID, err)
	}
	return private.(crypto.Signer), nil
}
