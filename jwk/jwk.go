// Package jwk is signing keys and how their public halves are published: JSON Web Keys.
//
// https://www.rfc-editor.org/rfc/rfc7517
package jwk

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
)

// Key is a public key (RFC 7517, RFC 7518 section 6, RFC 8037).
type Key struct {
	Type      string `json:"kty"`
	ID        string `json:"kid"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
	Curve     string `json:"crv,omitempty"`
	N         string `json:"n,omitempty"`
	E         string `json:"e,omitempty"`
	X         string `json:"x,omitempty"`
	Y         string `json:"y,omitempty"`
}

// New makes a key of an algorithm: RS256, ES256, ES384 or EdDSA. Its ID is its thumbprint.
func New(algorithm string) (crypto.Signer, Key, error) {
	var private crypto.Signer
	var err error
	switch algorithm {
	case "RS256":
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	case "ES256":
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		private, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "EdDSA":
		_, private, err = ed25519.GenerateKey(rand.Reader)
	default:
		err = fmt.Errorf("unknown algorithm %q", algorithm)
	}
	if err != nil {
		return nil, Key{}, err
	}
	public, err := publish(private.Public(), algorithm)
	return private, public, err
}

func publish(public crypto.PublicKey, algorithm string) (Key, error) {
	k := Key{Use: "sig", Algorithm: algorithm}
	switch key := public.(type) {
	case *rsa.PublicKey:
		k.Type, k.N, k.E = "RSA", encode(key.N.Bytes()), encode(big.NewInt(int64(key.E)).Bytes())
	case *ecdsa.PublicKey:
		point, err := key.Bytes() // 4, then both coordinates
		if err != nil {
			return Key{}, err
		}
		half := (len(point)-1)/2 + 1
		k.Type, k.Curve, k.X, k.Y = "EC", key.Params().Name, encode(point[1:half]), encode(point[half:])
	case ed25519.PublicKey:
		k.Type, k.Curve, k.X = "OKP", "Ed25519", encode(key)
	}
	var err error
	k.ID, err = k.thumbprint()
	return k, err
}

// thumbprint is the key's ID (RFC 7638): the hash of the members that the type requires, in
// the order of their names.
func (k *Key) thumbprint() (string, error) {
	text, err := json.Marshal(struct {
		Curve string `json:"crv,omitempty"`
		E     string `json:"e,omitempty"`
		Type  string `json:"kty"`
		N     string `json:"n,omitempty"`
		X     string `json:"x,omitempty"`
		Y     string `json:"y,omitempty"`
	}{k.Curve, k.E, k.Type, k.N, k.X, k.Y})
	sum := sha256.Sum256(text)
	return encode(sum[:]), err
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
