package kms_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

func TestSignaturesVerifyOutside(t *testing.T) {
	_, c := start(t)
	message := []byte("a message")
	digest := sha256.Sum256(message)
	for _, spec := range []types.KeySpec{types.KeySpecRsa2048, types.KeySpecEccNistP256, types.KeySpecEccNistP384, types.KeySpecEccNistP521, types.KeySpecEccNistEdwards25519} {
		key := createKey(t, c, spec, types.KeyUsageTypeSignVerify)
		public := must[*kms.GetPublicKeyOutput](t)(c.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: key.KeyId}))
		parsed, err := x509.ParsePKIXPublicKey(public.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		for _, algorithm := range key.SigningAlgorithms {
			in := &kms.SignInput{KeyId: key.KeyId, Message: message, SigningAlgorithm: algorithm}
			if algorithm == types.SigningAlgorithmSpecEd25519PhSha512 {
				in.Message, in.MessageType = make([]byte, 64), types.MessageTypeDigest
			}
			signature := must[*kms.SignOutput](t)(c.Sign(t.Context(), in)).Signature
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
			switch algorithm {
			case types.SigningAlgorithmSpecEcdsaSha256:
				if !ecdsa.VerifyASN1(parsed.(*ecdsa.PublicKey), digest[:], signature) {
					t.Error("ECDSA does not verify outside")
				}
			case types.SigningAlgorithmSpecRsassaPkcs1V15Sha256:
				if err := rsa.VerifyPKCS1v15(parsed.(*rsa.PublicKey), crypto.SHA256, digest[:], signature); err != nil {
					t.Error(err)
				}
			case types.SigningAlgorithmSpecRsassaPssSha256:
				if err := rsa.VerifyPSS(parsed.(*rsa.PublicKey), crypto.SHA256, digest[:], signature, nil); err != nil {
					t.Error(err)
				}
			}
		}
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
		refused(t, err, "ValidationException", "key ID is required")
	}
	_, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: make([]byte, 300), EncryptionAlgorithm: types.EncryptionAlgorithmSpecRsaesOaepSha256})
	refused(t, err, "ValidationException", "cannot encrypt data larger than")
	_, err = c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("x"), EncryptionAlgorithm: types.EncryptionAlgorithmSpecRsaesOaepSha256, EncryptionContext: map[string]string{"a": "b"}})
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
