package keystore

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/mlkem"
	"crypto/rsa"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"

	"filippo.io/mldsa"
	"filippo.io/mldsa/x509"
	"github.com/cloudflare/circl/kem/mlkem/mlkem512"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/emmansun/gmsm/sm2"
)

// Keys in PKCS #8 and X.509, of the kinds that crypto/x509 does not know too.

var (
	oidEC        = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	oidSecp256k1 = asn1.ObjectIdentifier{1, 3, 132, 0, 10}
	oidSM2       = asn1.ObjectIdentifier{1, 2, 156, 10197, 1, 301}
	// Of ML-KEM (RFC 9935, section 3).
	oidMLKEM512  = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 4, 1}
	oidMLKEM768  = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 4, 2}
	oidMLKEM1024 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 4, 3}
)

// pkcs8 is a PrivateKeyInfo (RFC 5208).
type pkcs8 struct {
	Version    int
	Algorithm  pkix.AlgorithmIdentifier
	PrivateKey []byte
	// What may follow, attributes and a public key, is not looked at.
}

// spki is a SubjectPublicKeyInfo (RFC 5280).
type spki struct {
	Algorithm pkix.AlgorithmIdentifier
	Key       asn1.BitString
}

// ecPrivateKey is that of RFC 5915.
type ecPrivateKey struct {
	Version    int
	PrivateKey []byte
	Curve      asn1.ObjectIdentifier `asn1:"optional,explicit,tag:0"`
	PublicKey  asn1.BitString        `asn1:"optional,explicit,tag:1"`
}

// onCurve reports whether an algorithm is keys of a curve that is named.
func onCurve(a pkix.AlgorithmIdentifier, curve asn1.ObjectIdentifier) bool {
	var named asn1.ObjectIdentifier
	_, err := asn1.Unmarshal(a.Parameters.FullBytes, &named)
	return a.Algorithm.Equal(oidEC) && err == nil && named.Equal(curve)
}

func ecAlgorithm(curve asn1.ObjectIdentifier) (pkix.AlgorithmIdentifier, error) {
	named, err := asn1.Marshal(curve)
	return pkix.AlgorithmIdentifier{Algorithm: oidEC, Parameters: asn1.RawValue{FullBytes: named}}, err
}

// mlkems are the parameter sets of ML-KEM.
var mlkems = []struct {
	oid    asn1.ObjectIdentifier
	from   func(seed []byte) (decapsulator, error)
	public int // bytes of a public key
}{
	{oidMLKEM512, newMLKEM512, mlkem512.PublicKeySize},
	{oidMLKEM768, newMLKEM768, mlkem.EncapsulationKeySize768},
	{oidMLKEM1024, newMLKEM1024, mlkem.EncapsulationKeySize1024},
}

// seedTag: a private key of ML-KEM is its seed (RFC 9935, section 6).
const seedTag = "tag:0"

// pair is a private key and its public key.
type pair struct{ private, public any }

// size is about the bytes of a pair in memory: those of the lattices are far larger than what they are made of.
func (p *pair) size() int {
	switch p.private.(type) {
	case *mldsa.PrivateKey:
		return 192 << 10
	case decapsulator:
		return 16 << 10
	case *rsa.PrivateKey:
		return 8 << 10
	}
	return 1 << 10
}

// newPair returns the pair of a private key.
func newPair(private any) (*pair, error) {
	switch key := private.(type) {
	case *secp256k1.PrivateKey:
		return &pair{key, key.PubKey()}, nil
	case decapsulator:
		return &pair{key, key.Encapsulator()}, nil
	case crypto.Signer:
		return &pair{key, key.Public()}, nil
	}
	return nil, fmt.Errorf("a private key of type %T", private)
}

// parsePair returns the pair of a private key in PKCS #8.
func parsePair(der []byte) (*pair, error) {
	private, err := parsePrivate(der)
	if err != nil {
		return nil, err
	}
	return newPair(private)
}

func parsePrivate(der []byte) (any, error) {
	var info pkcs8
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		return nil, err
	}
	defer clear(info.PrivateKey)
	if onCurve(info.Algorithm, oidSecp256k1) {
		return parseSecp256k1(info.PrivateKey)
	}
	if onCurve(info.Algorithm, oidSM2) {
		scalar, err := parseScalar(info.PrivateKey)
		if err != nil {
			return nil, err
		}
		defer clear(scalar)
		return sm2.NewPrivateKey(scalar)
	}
	for _, kem := range mlkems {
		if info.Algorithm.Algorithm.Equal(kem.oid) {
			var seed []byte
			if rest, err := asn1.UnmarshalWithParams(info.PrivateKey, &seed, seedTag); err != nil || len(rest) > 0 {
				return nil, errors.New("not the seed of a private key of ML-KEM")
			}
			defer clear(seed)
			return kem.from(seed)
		}
	}
	return x509.ParsePKCS8PrivateKey(der)
}

// parseScalar returns the number that a private key of a curve of 256 bits is.
func parseScalar(der []byte) ([]byte, error) {
	var key ecPrivateKey
	if rest, err := asn1.Unmarshal(der, &key); err != nil || len(rest) > 0 || key.Version != 1 || len(key.PrivateKey) != 32 {
		return nil, errors.New("not a private key of a curve of 256 bits")
	}
	return key.PrivateKey, nil
}

func parseSecp256k1(der []byte) (*secp256k1.PrivateKey, error) {
	given, err := parseScalar(der)
	if err != nil {
		return nil, err
	}
	defer clear(given)
	var scalar secp256k1.ModNScalar
	if overflow := scalar.SetByteSlice(given); overflow || scalar.IsZero() {
		return nil, errors.New("no private key of secp256k1 is this number")
	}
	return secp256k1.NewPrivateKey(&scalar), nil
}

func marshalPrivate(private any) ([]byte, error) {
	switch key := private.(type) {
	case *secp256k1.PrivateKey:
		return marshalScalar(oidSecp256k1, key.Serialize(), key.PubKey().SerializeUncompressed())
	case *sm2.PrivateKey:
		public, err := sm2Point(&key.PublicKey)
		if err != nil {
			return nil, err
		}
		return marshalScalar(oidSM2, key.D.FillBytes(make([]byte, 32)), public)
	case decapsulator:
		inner, err := asn1.MarshalWithParams(key.Bytes(), seedTag)
		if err != nil {
			return nil, err
		}
		size := len(key.Encapsulator().Bytes())
		for _, kem := range mlkems {
			if kem.public == size {
				return asn1.Marshal(pkcs8{Algorithm: pkix.AlgorithmIdentifier{Algorithm: kem.oid}, PrivateKey: inner})
			}
		}
	}
	return x509.MarshalPKCS8PrivateKey(private)
}

// marshalScalar returns a private key of a curve in PKCS #8.
func marshalScalar(curve asn1.ObjectIdentifier, scalar, public []byte) ([]byte, error) {
	defer clear(scalar)
	algorithm, err := ecAlgorithm(curve)
	if err != nil {
		return nil, err
	}
	inner, err := asn1.Marshal(ecPrivateKey{Version: 1, PrivateKey: scalar, PublicKey: asn1.BitString{Bytes: public, BitLength: 8 * len(public)}})
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(pkcs8{Algorithm: algorithm, PrivateKey: inner})
}

// sm2Point returns a public key of SM2 as an uncompressed point.
func sm2Point(key *ecdsa.PublicKey) ([]byte, error) {
	public, err := sm2.PublicKeyToECDH(key)
	if err != nil {
		return nil, err
	}
	return public.Bytes(), nil
}

// parsePublic parses a SubjectPublicKeyInfo of what signs or agrees on keys: those of ML-KEM nobody hands in.
func parsePublic(der []byte) (any, error) {
	var info spki
	if rest, err := asn1.Unmarshal(der, &info); err != nil || len(rest) > 0 {
		return nil, errors.New("not a public key")
	}
	if onCurve(info.Algorithm, oidSecp256k1) {
		return secp256k1.ParsePubKey(info.Key.RightAlign())
	}
	if onCurve(info.Algorithm, oidSM2) {
		return sm2.NewPublicKey(info.Key.RightAlign())
	}
	return x509.ParsePKIXPublicKey(der)
}

func marshalPublic(public any) ([]byte, error) {
	var algorithm pkix.AlgorithmIdentifier
	var encoded []byte
	switch key := public.(type) {
	case *secp256k1.PublicKey:
		var err error
		if algorithm, err = ecAlgorithm(oidSecp256k1); err != nil {
			return nil, err
		}
		encoded = key.SerializeUncompressed()
	case crypto.Encapsulator:
		encoded = key.Bytes()
		for _, kem := range mlkems {
			if kem.public == len(encoded) {
				algorithm.Algorithm = kem.oid
			}
		}
	default:
		if !sm2.IsSM2PublicKey(public) {
			return x509.MarshalPKIXPublicKey(public)
		}
		var err error
		if encoded, err = sm2Point(public.(*ecdsa.PublicKey)); err != nil {
			return nil, err
		}
		if algorithm, err = ecAlgorithm(oidSM2); err != nil {
			return nil, err
		}
	}
	return asn1.Marshal(spki{algorithm, asn1.BitString{Bytes: encoded, BitLength: 8 * len(encoded)}})
}
