package kms_test

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	_ "crypto/sha256"
	"crypto/sha3"
	_ "crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/cloudflare/circl/sign/schemes"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// spki is a SubjectPublicKeyInfo, for what crypto/x509 does not parse.
type spki struct {
	Algorithm pkix.AlgorithmIdentifier
	Key       asn1.BitString
}

func parseSPKI(t *testing.T, der []byte) (algorithm asn1.ObjectIdentifier, key []byte) {
	t.Helper()
	var info spki
	if rest, err := asn1.Unmarshal(der, &info); err != nil || len(rest) > 0 {
		t.Fatalf("public key: %v", err)
	}
	return info.Algorithm.Algorithm, info.Key.RightAlign()
}

// outside verifies a signature of KMS without KMS: with the standard library or, of ML-DSA, with Cloudflare's, where KMS's is Go's own.
func outside(t *testing.T, spec types.KeySpec, algorithm types.SigningAlgorithmSpec, publicKey, message, signature []byte) bool {
	t.Helper()
	name := string(algorithm)
	hash := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[name[len(name)-3:]]
	h := hash.New()
	h.Write(message)
	digest := h.Sum(nil)
	var public any
	switch spec {
	case types.KeySpecEccSecgP256k1:
		_, point := parseSPKI(t, publicKey)
		key, err := secp256k1.ParsePubKey(point)
		if err != nil {
			t.Fatal(err)
		}
		public = key.ToECDSA()
	case types.KeySpecMlDsa44, types.KeySpecMlDsa65, types.KeySpecMlDsa87:
		scheme := schemes.ByName("ML-DSA-" + string(spec[len(spec)-2:]))
		_, encoded := parseSPKI(t, publicKey)
		key, err := scheme.UnmarshalBinaryPublicKey(encoded)
		if err != nil {
			t.Fatal(err)
		}
		return scheme.Verify(key, message, signature, nil)
	default:
		var err error
		if public, err = x509.ParsePKIXPublicKey(publicKey); err != nil {
			t.Fatal(err)
		}
	}
	switch public := public.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(public, digest, signature)
	case ed25519.PublicKey:
		if algorithm == types.SigningAlgorithmSpecEd25519PhSha512 {
			return ed25519.VerifyWithOptions(public, digest, signature, &ed25519.Options{Hash: crypto.SHA512}) == nil
		}
		return ed25519.Verify(public, message, signature)
	case *rsa.PublicKey:
		if strings.HasPrefix(name, "RSASSA_PSS") {
			return rsa.VerifyPSS(public, hash, digest, signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
		}
		return rsa.VerifyPKCS1v15(public, hash, digest, signature) == nil
	}
	return false
}

// signingSpecs are the specs of keys that sign, in every Region.
var signingSpecs = []types.KeySpec{
	types.KeySpecRsa2048, types.KeySpecRsa3072, types.KeySpecRsa4096, types.KeySpecEccNistP256, types.KeySpecEccNistP384, types.KeySpecEccNistP521,
	types.KeySpecEccSecgP256k1, types.KeySpecEccNistEdwards25519, types.KeySpecMlDsa44, types.KeySpecMlDsa65, types.KeySpecMlDsa87,
}

func TestSignaturesVerifyOutside(t *testing.T) {
	_, c := start(t)
	for _, spec := range signingSpecs {
		key := createKey(t, c, spec, types.KeyUsageTypeSignVerify)
		public := must[*kms.GetPublicKeyOutput](t)(c.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: key.KeyId}))
		if len(key.SigningAlgorithms) == 0 || !slices.Equal(public.SigningAlgorithms, key.SigningAlgorithms) || public.KeySpec != spec || public.KeyUsage != key.KeyUsage {
			t.Errorf("%s: %+v", spec, public)
		}
		for _, algorithm := range key.SigningAlgorithms {
			in := &kms.SignInput{KeyId: key.KeyId, Message: []byte("a message"), SigningAlgorithm: algorithm}
			if algorithm == types.SigningAlgorithmSpecEd25519PhSha512 {
				in.Message, in.MessageType = bytes.Repeat([]byte("digest! "), 8), types.MessageTypeDigest
			}
			signature := must[*kms.SignOutput](t)(c.Sign(t.Context(), in)).Signature
			if !outside(t, spec, algorithm, public.PublicKey, in.Message, signature) {
				t.Errorf("%s %s: does not verify outside", spec, algorithm)
			}
			verify := func(message, signature []byte) error {
				_, err := c.Verify(t.Context(), &kms.VerifyInput{KeyId: key.KeyId, Message: message, MessageType: in.MessageType, SigningAlgorithm: algorithm, Signature: signature})
				return err
			}
			if err := verify(in.Message, signature); err != nil {
				t.Errorf("%s %s: %v", spec, algorithm, err)
			}
			flipped := bytes.Clone(in.Message)
			flipped[0] ^= 1
			refused(t, verify(flipped, signature), "KMSInvalidSignatureException", "")
			refused(t, verify(in.Message, []byte("no signature")), "KMSInvalidSignatureException", "")
		}
	}
}

// A digest that is signed as such is the message that it is of.
func TestDigests(t *testing.T) {
	_, c := start(t)
	message := []byte("a message")
	for spec, digests := range map[types.KeySpec]map[types.SigningAlgorithmSpec]crypto.Hash{
		types.KeySpecRsa2048:       {types.SigningAlgorithmSpecRsassaPkcs1V15Sha256: crypto.SHA256, types.SigningAlgorithmSpecRsassaPssSha384: crypto.SHA384},
		types.KeySpecEccNistP256:   {types.SigningAlgorithmSpecEcdsaSha256: crypto.SHA256},
		types.KeySpecEccNistP521:   {types.SigningAlgorithmSpecEcdsaSha512: crypto.SHA512},
		types.KeySpecEccSecgP256k1: {types.SigningAlgorithmSpecEcdsaSha256: crypto.SHA256},
	} {
		key := createKey(t, c, spec, types.KeyUsageTypeSignVerify)
		for algorithm, hash := range digests {
			h := hash.New()
			h.Write(message)
			signature := must[*kms.SignOutput](t)(c.Sign(t.Context(), &kms.SignInput{
				KeyId: key.KeyId, Message: h.Sum(nil), MessageType: types.MessageTypeDigest, SigningAlgorithm: algorithm,
			})).Signature
			must[*kms.VerifyOutput](t)(c.Verify(t.Context(), &kms.VerifyInput{KeyId: key.KeyId, Message: message, SigningAlgorithm: algorithm, Signature: signature}))
		}
	}
}

// mu is the message representative of a message under a public key of ML-DSA (FIPS 204, algorithm 7, with no context).
func mu(publicKey, message []byte) []byte {
	h := sha3.NewSHAKE256()
	tr := sha3.SumSHAKE256(publicKey, 64)
	h.Write(tr)
	h.Write([]byte{0, 0})
	h.Write(message)
	out := make([]byte, 64)
	h.Read(out)
	return out
}

// What is signed over µ is a signature of the message that µ is of.
func TestExternalMu(t *testing.T) {
	_, c := start(t)
	message := bytes.Repeat([]byte("longer than KMS takes "), 1000)
	for _, spec := range []types.KeySpec{types.KeySpecMlDsa44, types.KeySpecMlDsa65, types.KeySpecMlDsa87} {
		key := createKey(t, c, spec, types.KeyUsageTypeSignVerify)
		public := must[*kms.GetPublicKeyOutput](t)(c.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: key.KeyId})).PublicKey
		_, encoded := parseSPKI(t, public)
		const algorithm = types.SigningAlgorithmSpecMlDsaShake256
		in := &kms.SignInput{KeyId: key.KeyId, Message: mu(encoded, message), MessageType: types.MessageTypeExternalMu, SigningAlgorithm: algorithm}
		signature := must[*kms.SignOutput](t)(c.Sign(t.Context(), in)).Signature
		if !outside(t, spec, algorithm, public, message, signature) {
			t.Errorf("%s: does not verify outside", spec)
		}
		raw := must[*kms.SignOutput](t)(c.Sign(t.Context(), &kms.SignInput{KeyId: key.KeyId, Message: message[:4096], SigningAlgorithm: algorithm})).Signature
		verify := func(message, signature []byte, mt types.MessageType) error {
			_, err := c.Verify(t.Context(), &kms.VerifyInput{KeyId: key.KeyId, Message: message, MessageType: mt, SigningAlgorithm: algorithm, Signature: signature})
			return err
		}
		if err := cmp.Or(verify(mu(encoded, message), signature, types.MessageTypeExternalMu), verify(mu(encoded, message[:4096]), raw, types.MessageTypeExternalMu)); err != nil {
			t.Errorf("%s: %v", spec, err)
		}
		refused(t, verify(mu(encoded, message[1:]), signature, types.MessageTypeExternalMu), "KMSInvalidSignatureException", "")
		refused(t, verify(mu(encoded, message), signature, ""), "KMSInvalidSignatureException", "") // µ is not the message
	}
}

// Clients of secp256k1 that want the lower of two values must see to it, as with AWS.
func TestSecp256k1Signatures(t *testing.T) {
	_, c := start(t)
	key := createKey(t, c, types.KeySpecEccSecgP256k1, types.KeyUsageTypeSignVerify)
	half := new(big.Int).Rsh(secp256k1.S256().N, 1)
	low, high := 0, 0
	for range 64 {
		signature := must[*kms.SignOutput](t)(c.Sign(t.Context(), &kms.SignInput{KeyId: key.KeyId, Message: []byte("x"), SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256})).Signature
		var rs struct{ R, S *big.Int }
		if rest, err := asn1.Unmarshal(signature, &rs); err != nil || len(rest) > 0 {
			t.Fatalf("signature: %v", err)
		}
		if rs.S.Cmp(half) > 0 {
			high++
		} else {
			low++
		}
	}
	if low == 0 || high == 0 {
		t.Errorf("%d low, %d high", low, high)
	}
}

func TestSigningErrors(t *testing.T) {
	_, c := start(t)
	ecc, symmetric := createKey(t, c, types.KeySpecEccNistP256, types.KeyUsageTypeSignVerify), createKey(t, c, "", "")
	sign := func(key *types.KeyMetadata, algorithm types.SigningAlgorithmSpec, message []byte, mt types.MessageType) error {
		_, err := c.Sign(t.Context(), &kms.SignInput{KeyId: key.KeyId, Message: message, MessageType: mt, SigningAlgorithm: algorithm})
		return err
	}
	refused(t, sign(symmetric, types.SigningAlgorithmSpecEcdsaSha256, []byte("x"), ""), "InvalidKeyUsageException", "key usage is ENCRYPT_DECRYPT which is not valid for Sign.")
	refused(t, sign(ecc, types.SigningAlgorithmSpecEcdsaSha384, []byte("x"), ""), "InvalidKeyUsageException", "incompatible with key spec ECC_NIST_P256")
	refused(t, sign(ecc, types.SigningAlgorithmSpecEcdsaSha256, []byte("short"), types.MessageTypeDigest), "ValidationException", "Digest is invalid length for algorithm ECDSA_SHA_256.")
	refused(t, sign(ecc, types.SigningAlgorithmSpecEcdsaSha256, make([]byte, 4097), ""), "ValidationException", "Value at 'message' failed to satisfy constraint: Member must have length less than or equal to 4096")
	edwards, lattice := createKey(t, c, types.KeySpecEccNistEdwards25519, types.KeyUsageTypeSignVerify), createKey(t, c, types.KeySpecMlDsa44, types.KeyUsageTypeSignVerify)
	const mlDSA = types.SigningAlgorithmSpecMlDsaShake256
	for _, bad := range []struct {
		key       *types.KeyMetadata
		algorithm types.SigningAlgorithmSpec
		size      int
		mt        types.MessageType
		text      string
	}{
		{ecc, types.SigningAlgorithmSpecEcdsaSha256, 64, types.MessageTypeExternalMu, "Message type EXTERNAL_MU is incompatible with algorithm ECDSA_SHA_256."},
		{edwards, types.SigningAlgorithmSpecEd25519Sha512, 64, types.MessageTypeDigest, "Message type DIGEST is incompatible with algorithm ED25519_SHA_512."},
		{edwards, types.SigningAlgorithmSpecEd25519PhSha512, 64, "", "Message type RAW is incompatible with algorithm ED25519_PH_SHA_512."},
		{edwards, types.SigningAlgorithmSpecEd25519PhSha512, 32, types.MessageTypeDigest, "Digest is invalid length for algorithm ED25519_PH_SHA_512."},
		{lattice, mlDSA, 64, types.MessageTypeDigest, "Message type DIGEST is incompatible with key spec ML_DSA_44."},
		{lattice, mlDSA, 32, types.MessageTypeExternalMu, "Digest is invalid length for algorithm ML_DSA_SHAKE_256."},
	} {
		refused(t, sign(bad.key, bad.algorithm, make([]byte, bad.size), bad.mt), "ValidationException", bad.text)
		_, err := c.Verify(t.Context(), &kms.VerifyInput{KeyId: bad.key.KeyId, Message: make([]byte, bad.size), MessageType: bad.mt, SigningAlgorithm: bad.algorithm, Signature: []byte("x")})
		refused(t, err, "ValidationException", bad.text)
	}
	_, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: ecc.KeyId, Plaintext: []byte("x")})
	refused(t, err, "InvalidKeyUsageException", "")
	_, err = c.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: symmetric.KeyId})
	refused(t, err, "UnsupportedOperationException", "")
	_, err = c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: symmetric.KeyId, Plaintext: make([]byte, 4097)})
	refused(t, err, "ValidationException", "Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4096")
}

func TestRSAEncryption(t *testing.T) {
	_, c := start(t)
	key := createKey(t, c, types.KeySpecRsa2048, types.KeyUsageTypeEncryptDecrypt)
	for _, algorithm := range []types.EncryptionAlgorithmSpec{types.EncryptionAlgorithmSpecRsaesOaepSha1, types.EncryptionAlgorithmSpecRsaesOaepSha256} {
		out := must[*kms.EncryptOutput](t)(c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("hello"), EncryptionAlgorithm: algorithm}))
		in := &kms.DecryptInput{KeyId: key.KeyId, CiphertextBlob: out.CiphertextBlob, EncryptionAlgorithm: algorithm}
		plain := must[*kms.DecryptOutput](t)(c.Decrypt(t.Context(), in))
		if string(plain.Plaintext) != "hello" {
			t.Errorf("%s: %q", algorithm, plain.Plaintext)
		}
		in.KeyId = nil
		_, err := c.Decrypt(t.Context(), in)
		refused(t, err, "ValidationException", "KeyId must not be null")
	}
	for algorithm, longest := range map[types.EncryptionAlgorithmSpec]int{types.EncryptionAlgorithmSpecRsaesOaepSha1: 214, types.EncryptionAlgorithmSpecRsaesOaepSha256: 190} {
		in := &kms.EncryptInput{KeyId: key.KeyId, Plaintext: make([]byte, longest), EncryptionAlgorithm: algorithm}
		must[*kms.EncryptOutput](t)(c.Encrypt(t.Context(), in))
		in.Plaintext = make([]byte, longest+1)
		in.DryRun = aws.Bool(true) // which would not succeed either
		_, err := c.Encrypt(t.Context(), in)
		refused(t, err, "ValidationException", fmt.Sprintf("cannot encrypt data larger than %d bytes", longest))
	}
	_, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("x"), EncryptionAlgorithm: types.EncryptionAlgorithmSpecRsaesOaepSha256, EncryptionContext: map[string]string{"a": "b"}})
	refused(t, err, "ValidationException", "EncryptionContext")
	_, err = c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("x")})
	refused(t, err, "InvalidKeyUsageException", "SYMMETRIC_DEFAULT is incompatible")
}

func TestMac(t *testing.T) {
	_, c := start(t)
	for _, spec := range []types.KeySpec{types.KeySpecHmac224, types.KeySpecHmac256, types.KeySpecHmac384, types.KeySpecHmac512} {
		key := createKey(t, c, spec, types.KeyUsageTypeGenerateVerifyMac)
		algorithm := key.MacAlgorithms[0]
		mac := must[*kms.GenerateMacOutput](t)(c.GenerateMac(t.Context(), &kms.GenerateMacInput{KeyId: key.KeyId, MacAlgorithm: algorithm, Message: []byte("x")})).Mac
		verify := func(message string) error {
			_, err := c.VerifyMac(t.Context(), &kms.VerifyMacInput{KeyId: key.KeyId, MacAlgorithm: algorithm, Message: []byte(message), Mac: mac})
			return err
		}
		if err := verify("x"); err != nil {
			t.Errorf("%s: %v", spec, err)
		}
		refused(t, verify("y"), "KMSInvalidMacException", "")
	}
	symmetric := createKey(t, c, "", "")
	_, err := c.GenerateMac(t.Context(), &kms.GenerateMacInput{KeyId: symmetric.KeyId, MacAlgorithm: types.MacAlgorithmSpecHmacSha256, Message: []byte("x")})
	refused(t, err, "InvalidKeyUsageException", "")
}
