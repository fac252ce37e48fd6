package keystore

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/emmansun/gmsm/sm2"
)

// importedPairs tell whether a private key is of a spec.
var importedPairs = map[types.KeySpec]func(private any) bool{
	types.KeySpecRsa2048:             isRSA(2048),
	types.KeySpecRsa3072:             isRSA(3072),
	types.KeySpecRsa4096:             isRSA(4096),
	types.KeySpecEccNistP256:         isEC(elliptic.P256()),
	types.KeySpecEccNistP384:         isEC(elliptic.P384()),
	types.KeySpecEccNistP521:         isEC(elliptic.P521()),
	types.KeySpecEccSecgP256k1:       is[*secp256k1.PrivateKey],
	types.KeySpecEccNistEdwards25519: is[ed25519.PrivateKey],
	types.KeySpecSm2:                 is[*sm2.PrivateKey],
}

func isRSA(bits int) func(any) bool {
	return func(private any) bool {
		key, ok := private.(*rsa.PrivateKey)
		return ok && key.N.BitLen() == bits && len(key.Primes) == 2
	}
}

func isEC(curve elliptic.Curve) func(any) bool {
	return func(private any) bool {
		key, ok := private.(*ecdsa.PrivateKey)
		return ok && key.Curve == curve
	}
}

func is[Private any](private any) bool {
	_, ok := private.(Private)
	return ok
}

// secretSpecs are those whose material is a secret.
var secretSpecs = []types.KeySpec{types.KeySpecSymmetricDefault, types.KeySpecHmac224, types.KeySpecHmac256, types.KeySpecHmac384, types.KeySpecHmac512}

// maxHMACKey is the bytes of the longest key of HMAC that is imported; the shortest is as long as the MAC.
const maxHMACKey = 128

// Imports reports whether there is material of a spec that was made elsewhere.
func Imports(spec types.KeySpec) bool {
	return importedPairs[spec] != nil || slices.Contains(secretSpecs, spec)
}

// Unwrap returns what was encrypted for a private key in PKCS #8 that Generate made, or ErrCiphertext.
func Unwrap(private []byte, algorithm types.EncryptionAlgorithmSpec, wrapped []byte) ([]byte, error) {
	p, err := parsePair(private)
	if err != nil {
		return nil, err
	}
	return decrypt(p.private, algorithm, wrapped)
}

// Import returns material that was made elsewhere in the form in which it is stored, which is one for each key, or an error if it
// is not of the spec, or of one that is not imported.
func Import(spec types.KeySpec, partition string, raw []byte) ([]byte, error) {
	if slices.Contains(secretSpecs, spec) {
		ours, err := Generate(spec, partition)
		if err != nil {
			return nil, err
		}
		longest := maxHMACKey
		if spec == types.KeySpecSymmetricDefault {
			longest = len(ours)
		}
		if len(raw) < len(ours) || len(raw) > longest {
			return nil, errors.New("of the wrong length")
		}
		return raw, nil
	}
	fits, ok := importedPairs[spec]
	if !ok {
		return nil, errors.New("of a spec that is not imported")
	}
	private, err := parsePrivate(raw)
	if err != nil {
		return nil, err
	}
	if !fits(private) {
		return nil, errors.New("a private key of another kind")
	}
	return marshalPrivate(private)
}
