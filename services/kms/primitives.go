package kms

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1" // registers SHA-1 for RSAES_OAEP_SHA_1
	"crypto/sha256"
	_ "crypto/sha512" // registers SHA-384 and SHA-512
	"crypto/x509"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// All cryptography of the service is in this file, and all of it is the standard
// library's.

// spec is what keys of a KeySpec are good for.
type spec struct {
	usages     []types.KeyUsageType // the first is assumed if it is the only one
	encryption []types.EncryptionAlgorithmSpec
	signing    []types.SigningAlgorithmSpec
	mac        []types.MacAlgorithmSpec

	bits  int            // of an RSA key or a HMAC key
	curve elliptic.Curve // of an ECC key
}

var (
	rsaEncryption = []types.EncryptionAlgorithmSpec{types.EncryptionAlgorithmSpecRsaesOaepSha1, types.EncryptionAlgorithmSpecRsaesOaepSha256}
	rsaSigning    = []types.SigningAlgorithmSpec{
		types.SigningAlgorithmSpecRsassaPkcs1V15Sha256, types.SigningAlgorithmSpecRsassaPkcs1V15Sha384, types.SigningAlgorithmSpecRsassaPkcs1V15Sha512,
		types.SigningAlgorithmSpecRsassaPssSha256, types.SigningAlgorithmSpecRsassaPssSha384, types.SigningAlgorithmSpecRsassaPssSha512,
	}
	encryptOrSign = []types.KeyUsageType{types.KeyUsageTypeEncryptDecrypt, types.KeyUsageTypeSignVerify}
	signOnly      = []types.KeyUsageType{types.KeyUsageTypeSignVerify}
	macOnly       = []types.KeyUsageType{types.KeyUsageTypeGenerateVerifyMac}
)

// specs are the KeySpecs that really work. secp256k1, SM2 and the post-quantum ones
// are not in the standard library.
var specs = map[types.KeySpec]spec{
	types.KeySpecSymmetricDefault: {
		usages:     []types.KeyUsageType{types.KeyUsageTypeEncryptDecrypt},
		encryption: []types.EncryptionAlgorithmSpec{types.EncryptionAlgorithmSpecSymmetricDefault}, bits: 256,
	},
	types.KeySpecRsa2048:             {usages: encryptOrSign, encryption: rsaEncryption, signing: rsaSigning, bits: 2048},
	types.KeySpecRsa3072:             {usages: encryptOrSign, encryption: rsaEncryption, signing: rsaSigning, bits: 3072},
	types.KeySpecRsa4096:             {usages: encryptOrSign, encryption: rsaEncryption, signing: rsaSigning, bits: 4096},
	types.KeySpecEccNistP256:         {usages: signOnly, signing: []types.SigningAlgorithmSpec{types.SigningAlgorithmSpecEcdsaSha256}, curve: elliptic.P256()},
	types.KeySpecEccNistP384:         {usages: signOnly, signing: []types.SigningAlgorithmSpec{types.SigningAlgorithmSpecEcdsaSha384}, curve: elliptic.P384()},
	types.KeySpecEccNistP521:         {usages: signOnly, signing: []types.SigningAlgorithmSpec{types.SigningAlgorithmSpecEcdsaSha512}, curve: elliptic.P521()},
	types.KeySpecEccNistEdwards25519: {usages: signOnly, signing: []types.SigningAlgorithmSpec{types.SigningAlgorithmSpecEd25519Sha512, types.SigningAlgorithmSpecEd25519PhSha512}},
	types.KeySpecHmac224:             {usages: macOnly, mac: []types.MacAlgorithmSpec{types.MacAlgorithmSpecHmacSha224}, bits: 224},
	types.KeySpecHmac256:             {usages: macOnly, mac: []types.MacAlgorithmSpec{types.MacAlgorithmSpecHmacSha256}, bits: 256},
	types.KeySpecHmac384:             {usages: macOnly, mac: []types.MacAlgorithmSpec{types.MacAlgorithmSpecHmacSha384}, bits: 384},
	types.KeySpecHmac512:             {usages: macOnly, mac: []types.MacAlgorithmSpec{types.MacAlgorithmSpecHmacSha512}, bits: 512},
}

// material is a key's secret, ready for use.
type material struct {
	secret []byte        // of symmetric and HMAC keys
	signer crypto.Signer // of the others
}

// newMaterial makes a key of a spec. Large RSA keys take a while: no transaction may be open.
func newMaterial(s types.KeySpec) ([]byte, error) {
	sp := specs[s]
	var key crypto.Signer
	var err error
	switch {
	case sp.signing == nil:
		secret := make([]byte, sp.bits/8)
		rand.Read(secret)
		return secret, nil
	case sp.curve != nil:
		key, err = ecdsa.GenerateKey(sp.curve, rand.Reader)
	case sp.bits > 0:
		key, err = rsa.GenerateKey(rand.Reader, sp.bits)
	default:
		_, key, err = ed25519.GenerateKey(rand.Reader)
	}
	if err != nil {
		return nil, err
	}
	return x509.MarshalPKCS8PrivateKey(key)
}

func parseMaterial(s types.KeySpec, raw []byte) (*material, error) {
	if specs[s].signing == nil {
		return &material{secret: raw}, nil
	}
	key, err := x509.ParsePKCS8PrivateKey(raw)
	if err != nil {
		return nil, err
	}
	return &material{signer: key.(crypto.Signer)}, nil
}

// saltSize makes two messages under one derived key as good as impossible.
const saltSize = 16

// messageCipher derives a key for one message, as KMS does: a key that encrypts any number of
// messages under random nonces would wear out.
//
// https://docs.aws.amazon.com/kms/latest/cryptographic-details/crypto-primitives.html
func messageCipher(secret, salt []byte) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, secret, salt, "kms message", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// The derived key is used once, so its nonce may be constant.
var zeroNonce = make([]byte, 12)

// hashes of the algorithms whose names do not say it otherwise.
var hashes = map[string]crypto.Hash{
	string(types.EncryptionAlgorithmSpecRsaesOaepSha1): crypto.SHA1, string(types.EncryptionAlgorithmSpecRsaesOaepSha256): crypto.SHA256,

	string(types.SigningAlgorithmSpecRsassaPkcs1V15Sha256): crypto.SHA256, string(types.SigningAlgorithmSpecRsassaPssSha256): crypto.SHA256, string(types.SigningAlgorithmSpecEcdsaSha256): crypto.SHA256,
	string(types.SigningAlgorithmSpecRsassaPkcs1V15Sha384): crypto.SHA384, string(types.SigningAlgorithmSpecRsassaPssSha384): crypto.SHA384, string(types.SigningAlgorithmSpecEcdsaSha384): crypto.SHA384,
	string(types.SigningAlgorithmSpecRsassaPkcs1V15Sha512): crypto.SHA512, string(types.SigningAlgorithmSpecRsassaPssSha512): crypto.SHA512, string(types.SigningAlgorithmSpecEcdsaSha512): crypto.SHA512,
	string(types.SigningAlgorithmSpecEd25519Sha512): crypto.SHA512, string(types.SigningAlgorithmSpecEd25519PhSha512): crypto.SHA512,

	string(types.MacAlgorithmSpecHmacSha224): crypto.SHA224, string(types.MacAlgorithmSpecHmacSha256): crypto.SHA256,
	string(types.MacAlgorithmSpecHmacSha384): crypto.SHA384, string(types.MacAlgorithmSpecHmacSha512): crypto.SHA512,
}

// encryptOAEP returns also how long a plaintext can be, and a nil ciphertext if it is longer.
func (m *material) encryptOAEP(algorithm types.EncryptionAlgorithmSpec, plaintext []byte) (ciphertext []byte, longest int, err error) {
	public, ok := m.signer.Public().(*rsa.PublicKey)
	if !ok {
		return nil, 0, fmt.Errorf("no RSA key")
	}
	h := hashes[string(algorithm)]
	longest = public.Size() - 2*h.Size() - 2 // RFC 8017, 7.1.1
	if len(plaintext) > longest {
		return nil, longest, nil
	}
	ciphertext, err = rsa.EncryptOAEP(h.New(), rand.Reader, public, plaintext, nil)
	return ciphertext, longest, err
}

func (m *material) decryptOAEP(algorithm types.EncryptionAlgorithmSpec, ciphertext []byte) ([]byte, error) {
	private, ok := m.signer.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("no RSA key")
	}
	return rsa.DecryptOAEP(hashes[string(algorithm)].New(), nil, private, ciphertext, nil)
}

// signerOptions are how crypto.Signer is told the algorithm.
func signerOptions(algorithm types.SigningAlgorithmSpec) crypto.SignerOpts {
	h := hashes[string(algorithm)]
	switch algorithm {
	case types.SigningAlgorithmSpecRsassaPssSha256, types.SigningAlgorithmSpecRsassaPssSha384, types.SigningAlgorithmSpecRsassaPssSha512:
		return &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: h}
	case types.SigningAlgorithmSpecEd25519Sha512:
		return &ed25519.Options{}
	case types.SigningAlgorithmSpecEd25519PhSha512:
		return &ed25519.Options{Hash: crypto.SHA512}
	}
	return h
}

// sign signs a digest, or for pure Ed25519 the message.
func (m *material) sign(algorithm types.SigningAlgorithmSpec, input []byte) ([]byte, error) {
	return m.signer.Sign(rand.Reader, input, signerOptions(algorithm))
}

func (m *material) verify(algorithm types.SigningAlgorithmSpec, input, signature []byte) bool {
	switch public := m.signer.Public().(type) {
	case *rsa.PublicKey:
		if pss, ok := signerOptions(algorithm).(*rsa.PSSOptions); ok {
			return rsa.VerifyPSS(public, pss.Hash, input, signature, pss) == nil
		}
		return rsa.VerifyPKCS1v15(public, hashes[string(algorithm)], input, signature) == nil
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(public, input, signature)
	case ed25519.PublicKey:
		return ed25519.VerifyWithOptions(public, input, signature, signerOptions(algorithm).(*ed25519.Options)) == nil
	}
	return false
}

func (m *material) mac(algorithm types.MacAlgorithmSpec, message []byte) []byte {
	h := hmac.New(hashes[string(algorithm)].New, m.secret)
	h.Write(message)
	return h.Sum(nil)
}
