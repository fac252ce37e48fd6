package identity

import (
	"time"

	"emulator/store"
)

// SAMLProvider is the record of a SAML 2.0 identity provider.
type SAMLProvider struct {
	Account   string    `json:"account"`
	Partition string    `json:"partition"`
	Name      string    `json:"name"`
	ID        string    `json:"id"`
	Created   time.Time `json:"created"`
	// Metadata is the document as it was given. Issuer is whom it describes, and KeyHashes are of the keys in it.
	Metadata   string            `json:"metadata"`
	Issuer     string            `json:"issuer"`
	KeyHashes  []string          `json:"keyHashes"`
	ValidUntil time.Time         `json:"validUntil"`
	Tags       map[string]string `json:"tags,omitempty"`
	// Encrypted demands encrypted assertions.
	Encrypted bool `json:"encrypted,omitempty"`
	// Keys decrypt assertions.
	Keys []SAMLKey `json:"keys,omitempty"`
	Propagation
}

// SAMLKey is a private key of a SAMLProvider.
type SAMLKey struct {
	ID      string    `json:"id"`
	Created time.Time `json:"created"`
	// Private is PKCS #8 of an RSA key, sealed, bound to ID.
	Private []byte `json:"private"`
}

// ARN returns the provider's ARN.
func (p *SAMLProvider) ARN() string {
	return ARN(p.Partition, "iam", p.Account, "saml-provider/"+p.Name)
}

// SAMLProviderKey is the key of a SAMLProvider.
func SAMLProviderKey(account, name string) []byte {
	return store.Key("iam", account, "saml-provider", name)
}

// SAMLProvidersPrefix is what the keys of an account's SAMLProviders begin with.
func SAMLProvidersPrefix(account string) []byte { return store.Key("iam", account, "saml-provider") }
