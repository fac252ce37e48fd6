package identity

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"

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
	ID string `json:"id"`
	// JWK is the public key (https://www.rfc-editor.org/rfc/rfc7517).
	JWK map[string]string `json:"jwk"`
	// Private is PKCS #8, sealed, bound to ID.
	Private []byte `json:"private"`
}

// OutboundIssuerKey is the key of an account's OutboundIssuer.
func OutboundIssuerKey(account string) []byte { return store.Key("iam", account, "outbound-issuer") }

// OutboundAccountKey is the key under which an account is found by its issuer's ID.
func OutboundAccountKey(id string) []byte { return store.Key("outbound-issuer", id) }

// NewOutboundKeys makes the keys of an issuer.
func NewOutboundKeys(k *Keyring) (map[string]OutboundKey, error) {
	rs256, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	es384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		return nil, err
	}
	keys := make(map[string]OutboundKey)
	for algorithm, private := range map[string]crypto.Signer{"RS256": rs256, "ES384": es384} {
		key, err := newOutboundKey(k, algorithm, private)
		if err != nil {
			return nil, err
		}
		keys[algorithm] = key
	}
	return keys, nil
}

func newOutboundKey(k *Keyring, algorithm string, private crypto.Signer) (OutboundKey, error) {
	public, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		return OutboundKey{}, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return OutboundKey{}, err
	}
	sum := sha256.Sum256(public)
	id := algorithm + "_" + base64.RawURLEncoding.EncodeToString(sum[:16])
	jwk := map[string]string{"kid": id, "alg": algorithm, "use": "sig"}
	encode := base64.RawURLEncoding.EncodeToString
	switch p := private.Public().(type) {
	case *rsa.PublicKey:
		jwk["kty"], jwk["n"] = "RSA", encode(p.N.Bytes())
		jwk["e"] = encode(binary.BigEndian.AppendUint32(nil, uint32(p.E))[1:]) // 65537 has three bytes
	case *ecdsa.PublicKey:
		point, err := p.Bytes()
		if err != nil {
			return OutboundKey{}, err
		}
		size := (len(point) - 1) / 2
		jwk["kty"], jwk["crv"], jwk["x"], jwk["y"] = "EC", p.Params().Name, encode(point[1:1+size]), encode(point[1+size:])
	}
	return OutboundKey{ID: id, JWK: jwk, Private: k.Seal(der, id)}, nil
}

// Open returns the private key.
func (key *OutboundKey) Open(k *Keyring) (crypto.Signer, error) {
	der, err := k.Open(key.Private, key.ID)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", key.ID, err)
	}
	private, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", key.ID, err)
	}
	return private.(crypto.Signer), nil
}
