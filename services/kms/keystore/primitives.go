package keystore

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/mlkem"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1" // registers SHA-1 for RSAES_OAEP_SHA_1
	"crypto/sha256"
	_ "crypto/sha512" // registers SHA-384 and SHA-512
	"encoding/asn1"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"

	"filippo.io/mldsa"
	"filippo.io/mldsa/mldsacrypto"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/cloudflare/circl/kem/mlkem/mlkem512"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	secp256k1ecdsa "github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	sm2ecdh "github.com/emmansun/gmsm/ecdh"
	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm4"

	"emulator/services/kms/keystore/mldsamu"
)

// All cryptography of the service is in this file: the standard library's, and for what that lacks the libraries that the field
// looks after: Filippo Valsorda's ML-DSA, which is Go's own of the next release, Cloudflare's ML-KEM-512,
// Decred's secp256k1 and Emman Sun's SM2, SM3 and SM4.

// generators make private keys. Those of symmetric and HMAC keys are so many random bytes.
var generators = map[types.KeySpec]func() (any, error){
	types.KeySpecSymmetricDefault:    random(32),
	types.KeySpecHmac224:             random(28),
	types.KeySpecHmac256:             random(32),
	types.KeySpecHmac384:             random(48),
	types.KeySpecHmac512:             random(64),
	types.KeySpecRsa2048:             rsaKey(2048),
	types.KeySpecRsa3072:             rsaKey(3072),
	types.KeySpecRsa4096:             rsaKey(4096),
	types.KeySpecEccNistP256:         ecKey(elliptic.P256()),
	types.KeySpecEccNistP384:         ecKey(elliptic.P384()),
	types.KeySpecEccNistP521:         ecKey(elliptic.P521()),
	types.KeySpecEccSecgP256k1:       func() (any, error) { return secp256k1.GeneratePrivateKey() },
	types.KeySpecEccNistEdwards25519: func() (any, error) { _, key, err := ed25519.GenerateKey(nil); return key, err },
	types.KeySpecSm2:                 func() (any, error) { return sm2.GenerateKey(rand.Reader) },
	types.KeySpecMlDsa44:             func() (any, error) { return mldsa.GenerateKey(mldsa.MLDSA44()) },
	types.KeySpecMlDsa65:             func() (any, error) { return mldsa.GenerateKey(mldsa.MLDSA65()) },
	types.KeySpecMlDsa87:             func() (any, error) { return mldsa.GenerateKey(mldsa.MLDSA87()) },
	types.KeySpecMlKem512:            mlkemKey(newMLKEM512),
	types.KeySpecMlKem768:            mlkemKey(newMLKEM768),
	types.KeySpecMlKem1024:           mlkemKey(newMLKEM1024),
}

// China is the partition in which SYMMETRIC_DEFAULT is SM4, and where keys of SM2 are.
const China = "aws-cn"

// sm4KeySize tells keys of SM4 from those of AES-256.
const sm4KeySize = 16

func random(n int) func() (any, error) {
	return func() (any, error) {
		secret := make([]byte, n)
		rand.Read(secret)
		return secret, nil
	}
}

func rsaKey(bits int) func() (any, error) {
	return func() (any, error) { return rsa.GenerateKey(rand.Reader, bits) }
}

func ecKey(curve elliptic.Curve) func() (any, error) {
	return func() (any, error) { return ecdsa.GenerateKey(curve, rand.Reader) }
}

func mlkemKey(from func(seed []byte) (decapsulator, error)) func() (any, error) {
	return func() (any, error) {
		seed := make([]byte, mlkem.SeedSize)
		rand.Read(seed)
		return from(seed)
	}
}

// Generate makes the material of a key of a spec in a partition: a secret, or a private key in PKCS #8. Large RSA keys take a
// while: no transaction may be open.
func Generate(spec types.KeySpec, partition string) ([]byte, error) {
	generate := generators[spec]
	if spec == types.KeySpecSymmetricDefault && partition == China {
		generate = random(sm4KeySize)
	}
	key, err := generate()
	if err != nil {
		return nil, err
	}
	if secret, ok := key.([]byte); ok {
		return secret, nil
	}
	return marshalPrivate(key)
}

// PublicKey returns, as an X.509 SubjectPublicKeyInfo, the public key of a private one in PKCS #8.
func PublicKey(material []byte) ([]byte, error) {
	p, err := parsePair(material)
	if err != nil {
		return nil, err
	}
	return marshalPublic(p.public)
}

// SaltSize makes two messages under one derived key as good as impossible.
const SaltSize = 16

// messageCipher derives a key for one message, as KMS does: a key that encrypts any number of
// messages under random nonces would wear out.
//
// https://docs.aws.amazon.com/kms/latest/cryptographic-details/crypto-primitives.html
func messageCipher(secret, salt []byte) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, secret, salt, "kms message", len(secret))
	if err != nil {
		return nil, err
	}
	return gcm(key)
}

func gcm(key []byte) (cipher.AEAD, error) {
	newCipher := aes.NewCipher
	if len(key) == sm4KeySize {
		newCipher = sm4.NewCipher
	}
	block, err := newCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// The derived key is used once, so its nonce may be constant.
var zeroNonce = make([]byte, 12)

func seal(secret, plaintext, data []byte) ([]byte, error) {
	out := make([]byte, SaltSize, SaltSize+len(plaintext)+16)
	rand.Read(out)
	aead, err := messageCipher(secret, out)
	if err != nil {
		return nil, err
	}
	return aead.Seal(out, zeroNonce, plaintext, data), nil
}

func open(secret, ciphertext, data []byte) ([]byte, error) {
	if len(ciphertext) < SaltSize {
		return nil, ErrCiphertext
	}
	aead, err := messageCipher(secret, ciphertext[:SaltSize])
	if err != nil {
		return nil, err
	}
	plaintext, err := aead.Open(nil, zeroNonce, ciphertext[SaltSize:], data)
	if err != nil {
		return nil, ErrCiphertext
	}
	return plaintext, nil
}

// hashes of the algorithms.
var hashes = map[string]crypto.Hash{
	string(types.EncryptionAlgorithmSpecRsaesOaepSha1): crypto.SHA1, string(types.EncryptionAlgorithmSpecRsaesOaepSha256): crypto.SHA256,

	string(types.SigningAlgorithmSpecRsassaPkcs1V15Sha256): crypto.SHA256, string(types.SigningAlgorithmSpecRsassaPssSha256): crypto.SHA256, string(types.SigningAlgorithmSpecEcdsaSha256): crypto.SHA256,
	string(types.SigningAlgorithmSpecRsassaPkcs1V15Sha384): crypto.SHA384, string(types.SigningAlgorithmSpecRsassaPssSha384): crypto.SHA384, string(types.SigningAlgorithmSpecEcdsaSha384): crypto.SHA384,
	string(types.SigningAlgorithmSpecRsassaPkcs1V15Sha512): crypto.SHA512, string(types.SigningAlgorithmSpecRsassaPssSha512): crypto.SHA512, string(types.SigningAlgorithmSpecEcdsaSha512): crypto.SHA512,
	string(types.SigningAlgorithmSpecEd25519PhSha512): crypto.SHA512,

	string(types.MacAlgorithmSpecHmacSha224): crypto.SHA224, string(types.MacAlgorithmSpecHmacSha256): crypto.SHA256,
	string(types.MacAlgorithmSpecHmacSha384): crypto.SHA384, string(types.MacAlgorithmSpecHmacSha512): crypto.SHA512,
}

func encrypt(public any, algorithm types.EncryptionAlgorithmSpec, plaintext []byte) ([]byte, error) {
	switch public := public.(type) {
	case *ecdsa.PublicKey:
		return sm2.EncryptASN1(rand.Reader, public, plaintext)
	case *rsa.PublicKey:
		return rsa.EncryptOAEP(hashes[string(algorithm)].New(), rand.Reader, public, plaintext, nil)
	}
	return nil, errKind
}

func decrypt(private any, algorithm types.EncryptionAlgorithmSpec, ciphertext []byte) (plaintext []byte, err error) {
	switch private := private.(type) {
	case *sm2.PrivateKey:
		plaintext, err = private.Decrypt(nil, ciphertext, sm2.ASN1DecrypterOpts)
	case *rsa.PrivateKey:
		plaintext, err = rsa.DecryptOAEP(hashes[string(algorithm)].New(), nil, private, ciphertext, nil)
	default:
		return nil, errKind
	}
	if err != nil {
		return nil, ErrCiphertext
	}
	return plaintext, nil
}

// signingInput returns what the primitive signs: the digest of a message, or what was given where it is that already, or where
// the primitive hashes for itself.
func signingInput(algorithm types.SigningAlgorithmSpec, t types.MessageType, message []byte) []byte {
	h := hashes[string(algorithm)]
	// Ed25519ph hashes what it is given, though that is a digest: AWS says so.
	if h == 0 || t != types.MessageTypeRaw && algorithm != types.SigningAlgorithmSpecEd25519PhSha512 {
		return message
	}
	digest := h.New()
	digest.Write(message)
	return digest.Sum(nil)
}

// signerOptions are how crypto.Signer is told the algorithm.
func signerOptions(algorithm types.SigningAlgorithmSpec, t types.MessageType) crypto.SignerOpts {
	h := hashes[string(algorithm)]
	switch algorithm {
	case types.SigningAlgorithmSpecRsassaPssSha256, types.SigningAlgorithmSpecRsassaPssSha384, types.SigningAlgorithmSpecRsassaPssSha512:
		return &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: h}
	case types.SigningAlgorithmSpecEd25519Sha512, types.SigningAlgorithmSpecEd25519PhSha512:
		return &ed25519.Options{Hash: h}
	case types.SigningAlgorithmSpecMlDsaShake256:
		if t == types.MessageTypeExternalMu {
			return mldsacrypto.MLDSAMu
		}
	}
	return h
}

func sign(p *pair, algorithm types.SigningAlgorithmSpec, t types.MessageType, message []byte) ([]byte, error) {
	input := signingInput(algorithm, t, message)
	switch private := p.private.(type) {
	case *secp256k1.PrivateKey:
		return signSecp256k1(private, input)
	case *sm2.PrivateKey:
		digest, err := sm2Digest(&private.PublicKey, t, message)
		if err != nil {
			return nil, err
		}
		return sm2.SignASN1(rand.Reader, private, digest, nil)
	case crypto.Signer:
		return private.Sign(rand.Reader, input, signerOptions(algorithm, t))
	}
	return nil, errKind
}

// sm2Digest is SM3 of a message under the distinguishing ID that KMS has, 1234567812345678, and the key.
func sm2Digest(public *ecdsa.PublicKey, t types.MessageType, message []byte) ([]byte, error) {
	if t == types.MessageTypeDigest {
		return message, nil
	}
	return sm2.CalculateSM2Hash(public, message, nil)
}

// signSecp256k1: of the two signatures with one nonce AWS gives either, so a client that needs the one with the lower half has to
// see to it.
func signSecp256k1(private *secp256k1.PrivateKey, digest []byte) ([]byte, error) {
	signature := secp256k1ecdsa.Sign(private, digest)
	r, s := signature.R(), signature.S()
	if mathrand.Uint32()&1 == 0 {
		s.Negate()
	}
	rBytes, sBytes := r.Bytes(), s.Bytes()
	return asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(rBytes[:]), new(big.Int).SetBytes(sBytes[:])})
}

func verify(public any, algorithm types.SigningAlgorithmSpec, t types.MessageType, message, signature []byte) (bool, error) {
	input := signingInput(algorithm, t, message)
	switch public := public.(type) {
	case *rsa.PublicKey:
		if pss, ok := signerOptions(algorithm, t).(*rsa.PSSOptions); ok {
			return rsa.VerifyPSS(public, pss.Hash, input, signature, pss) == nil, nil
		}
		return rsa.VerifyPKCS1v15(public, hashes[string(algorithm)], input, signature) == nil, nil
	case *ecdsa.PublicKey:
		if algorithm == types.SigningAlgorithmSpecSm2dsa {
			digest, err := sm2Digest(public, t, message)
			return err == nil && sm2.VerifyASN1(public, digest, signature), err
		}
		return ecdsa.VerifyASN1(public, input, signature), nil
	case ed25519.PublicKey:
		return ed25519.VerifyWithOptions(public, input, signature, signerOptions(algorithm, t).(*ed25519.Options)) == nil, nil
	case *secp256k1.PublicKey:
		parsed, err := secp256k1ecdsa.ParseDERSignature(signature)
		return err == nil && parsed.Verify(input, public), nil
	case *mldsa.PublicKey:
		if t == types.MessageTypeExternalMu {
			return mldsamu.Verify(public.Bytes(), message, signature) == nil, nil
		}
		return mldsa.Verify(public, input, signature, nil) == nil, nil
	}
	return false, errKind
}

func mac(secret []byte, algorithm types.MacAlgorithmSpec, message []byte) []byte {
	h := hmac.New(hashes[string(algorithm)].New, secret)
	h.Write(message)
	return h.Sum(nil)
}

func deriveSharedSecret(private any, peer []byte) ([]byte, error) {
	public, err := parsePublic(peer)
	if err != nil {
		return nil, ErrPublicKey
	}
	if same, err := marshalPublic(public); err != nil || !bytes.Equal(same, peer) { // what follows or pads it would be lost
		return nil, ErrPublicKey
	}
	point, ok := public.(*ecdsa.PublicKey)
	if !ok {
		return nil, ErrPublicKey
	}
	switch private := private.(type) {
	case *ecdsa.PrivateKey:
		return ecdhSecret(private.ECDH, point.ECDH)
	case *sm2.PrivateKey:
		return ecdhSecret(private.ECDH, func() (*sm2ecdh.PublicKey, error) { return sm2.PublicKeyToECDH(point) })
	}
	return nil, errKind
}

// ecdhSecret agrees on a secret, on the curves of one library or the other. What is not a point of the private key's curve is an
// error in both.
func ecdhSecret[Private interface{ ECDH(Public) ([]byte, error) }, Public any](private func() (Private, error), public func() (Public, error)) ([]byte, error) {
	key, err := private()
	if err != nil {
		return nil, err
	}
	peer, err := public()
	if err != nil {
		return nil, ErrPublicKey
	}
	secret, err := key.ECDH(peer)
	if err != nil {
		return nil, ErrPublicKey
	}
	return secret, nil
}

// decapsulator is a private key of ML-KEM. Bytes returns its seed.
type decapsulator interface {
	crypto.Decapsulator
	Bytes() []byte
}

func newMLKEM768(seed []byte) (decapsulator, error)  { return mlkem.NewDecapsulationKey768(seed) }
func newMLKEM1024(seed []byte) (decapsulator, error) { return mlkem.NewDecapsulationKey1024(seed) }

// mlkem512Key makes of ML-KEM-512 what the standard library makes of its larger siblings.
type mlkem512Key struct {
	seed    []byte
	private *mlkem512.PrivateKey
	public  *mlkem512Public
}

type mlkem512Public struct{ *mlkem512.PublicKey }

func newMLKEM512(seed []byte) (decapsulator, error) {
	if len(seed) != mlkem512.KeySeedSize {
		return nil, fmt.Errorf("a seed of %d bytes", len(seed))
	}
	public, private := mlkem512.NewKeyFromSeed(seed)
	return &mlkem512Key{append([]byte(nil), seed...), private, &mlkem512Public{public}}, nil
}

func (k *mlkem512Key) Bytes() []byte                     { return k.seed }
func (k *mlkem512Key) Encapsulator() crypto.Encapsulator { return k.public }

func (k *mlkem512Key) Decapsulate(ciphertext []byte) ([]byte, error) {
	if len(ciphertext) != mlkem512.CiphertextSize {
		return nil, fmt.Errorf("a ciphertext of %d bytes", len(ciphertext))
	}
	secret := make([]byte, mlkem512.SharedKeySize)
	k.private.DecapsulateTo(secret, ciphertext)
	return secret, nil
}

func (k *mlkem512Public) Bytes() []byte {
	b := make([]byte, mlkem512.PublicKeySize)
	k.Pack(b)
	return b
}

func (k *mlkem512Public) Encapsulate() (secret, ciphertext []byte) {
	secret, ciphertext = make([]byte, mlkem512.SharedKeySize), make([]byte, mlkem512.CiphertextSize)
	k.EncapsulateTo(ciphertext, secret, nil)
	return secret, ciphertext
}
