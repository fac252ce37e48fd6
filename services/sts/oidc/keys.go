package oidc

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"math/big"
	"slices"

	"github.com/go-json-experiment/json"

	"emulator/jwk"
)

// maxKeys is AWS's limit: 100 RSA keys and 100 of elliptic curves
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc.html).
const maxKeys = 200

// Sizes of RSA moduli, in bits. The lower one is that of RFC 7518, section 3.3, the upper one bounds what a verification costs.
const (
	minModulus = 2048
	maxModulus = 8192
)

// key is a public key of an issuer.
type key struct {
	id string
	// algorithm is the only one that the key is for, or "".
	algorithm string
	public    crypto.PublicKey
}

// published is a key as it comes.
type published struct {
	jwk.Key
	Operations []string `json:"key_ops"`
}

// parseKeys reads a JSON Web Key Set. Keys that are not understood, or not for
// signatures, are left out, as RFC 7517, section 5, asks for.
func parseKeys(document []byte) ([]key, error) {
	var set struct {
		Keys []published `json:"keys"`
	}
	if err := json.Unmarshal(document, &set); err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("key set: %d keys, more than %d", len(set.Keys), maxKeys)
	}
	var keys []key
	for _, k := range set.Keys {
		if k.Use != "" && k.Use != "sig" || k.Operations != nil && !slices.Contains(k.Operations, "verify") {
			continue
		}
		if public := k.public(); public != nil {
			keys = append(keys, key{id: k.ID, algorithm: k.Algorithm, public: public})
		}
	}
	return keys, nil
}

// public returns the key, or nil if it is none that we know how to use.
func (k *published) public() crypto.PublicKey {
	switch k.Type {
	case "RSA":
		return k.rsa()
	case "EC":
		return k.ec()
	case "OKP":
		x, err := decode(k.X)
		if k.Curve != "Ed25519" || err != nil || len(x) != ed25519.PublicKeySize {
			return nil
		}
		return ed25519.PublicKey(x)
	}
	return nil
}

func (k *published) rsa() crypto.PublicKey {
	n, err := decode(k.N)
	if err != nil || len(n) > maxModulus/8+1 {
		return nil
	}
	e, err := decode(k.E)
	if err != nil || len(e) > 4 {
		return nil
	}
	modulus, exponent := new(big.Int).SetBytes(n), new(big.Int).SetBytes(e).Int64()
	if bits := modulus.BitLen(); bits < minModulus || bits > maxModulus || exponent < 3 || exponent > 1<<31-1 || exponent%2 == 0 || factorable(modulus) {
		return nil
	}
	return &rsa.PublicKey{N: modulus, E: int(exponent)}
}

// factorable reports whether a modulus has the mark of the library whose keys can be factored (CVE-2017-15361): modulo each of
// these primes it is a power of 65537, which one in 100 million others is.
func factorable(modulus *big.Int) bool {
	for _, prime := range [...]int64{11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157} {
		rest := new(big.Int).Mod(modulus, big.NewInt(prime)).Int64()
		for power := int64(1); power != rest; {
			if power = power * 65537 % prime; power == 1 {
				return false
			}
		}
	}
	return true
}

var curves = map[string]elliptic.Curve{
	"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521(),
}

func (k *published) ec() crypto.PublicKey {
	curve, ok := curves[k.Curve]
	if !ok {
		return nil
	}
	size := (curve.Params().BitSize + 7) / 8
	x, err := decode(k.X)
	if err != nil || len(x) != size {
		return nil
	}
	y, err := decode(k.Y)
	if err != nil || len(y) != size {
		return nil
	}
	point := append(append([]byte{4}, x...), y...)
	public, err := ecdsa.ParseUncompressedPublicKey(curve, point) // checks that it is on the curve
	if err != nil {
		return nil
	}
	return public
}

func decode(s string) ([]byte, error) { return base64.RawURLEncoding.DecodeString(s) }

// fits reports whether the key may verify signatures of that algorithm. That is the
// key's matter, never the token's: an algorithm goes with one type of key and, for
// ECDSA, one curve.
func (k *key) fits(algorithm string) bool {
	if k.algorithm != "" && k.algorithm != algorithm {
		return false
	}
	switch public := k.public.(type) {
	case *rsa.PublicKey:
		return algorithm[:2] == "RS" || algorithm[:2] == "PS"
	case *ecdsa.PublicKey:
		switch public.Curve {
		case elliptic.P256():
			return algorithm == "ES256"
		case elliptic.P384():
			return algorithm == "ES384"
		case elliptic.P521():
			return algorithm == "ES512"
		}
	case ed25519.PublicKey:
		return algorithm == "EdDSA"
	}
	return false
}

// verify checks the token's signature. A token that names a key is verified with keys
// of that name only. The error is ErrNoKey or ErrSignature.
func (t *Token) verify(keys []key) error {
	tried := false
	for i := range keys {
		k := &keys[i]
		if t.keyID != "" && k.id != t.keyID || !k.fits(t.method.Alg()) {
			continue
		}
		if t.method.Verify(t.signed, t.signature, k.public) == nil {
			return nil
		}
		tried = true
	}
	if !tried {
		return ErrNoKey
	}
	return ErrSignature
}
