package kms_test

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/mlkem"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/cloudflare/circl/kem/schemes"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// What KMS derives from a peer's public key, the peer derives from KMS's.
func TestDeriveSharedSecret(t *testing.T) {
	_, c := start(t)
	derive := func(key *types.KeyMetadata, peer []byte) (*kms.DeriveSharedSecretOutput, error) {
		return c.DeriveSharedSecret(t.Context(), &kms.DeriveSharedSecretInput{KeyId: key.KeyId, KeyAgreementAlgorithm: types.KeyAgreementAlgorithmSpecEcdh, PublicKey: peer})
	}
	curves := map[types.KeySpec]ecdh.Curve{types.KeySpecEccNistP256: ecdh.P256(), types.KeySpecEccNistP384: ecdh.P384(), types.KeySpecEccNistP521: ecdh.P521()}
	for spec, curve := range curves {
		key := createKey(t, c, spec, types.KeyUsageTypeKeyAgreement)
		if !slices.Equal(key.KeyAgreementAlgorithms, []types.KeyAgreementAlgorithmSpec{types.KeyAgreementAlgorithmSpecEcdh}) || key.SigningAlgorithms != nil {
			t.Errorf("%s: %+v", spec, key)
		}
		public := must[*kms.GetPublicKeyOutput](t)(c.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: key.KeyId}))
		if !slices.Equal(public.KeyAgreementAlgorithms, key.KeyAgreementAlgorithms) {
			t.Errorf("%s: %+v", spec, public)
		}
		parsed, err := x509.ParsePKIXPublicKey(public.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		kmsKey, err := parsed.(*ecdsa.PublicKey).ECDH()
		if err != nil {
			t.Fatal(err)
		}
		peer := must[*ecdh.PrivateKey](t)(curve.GenerateKey(rand.Reader))
		der := must[[]byte](t)(x509.MarshalPKIXPublicKey(peer.PublicKey()))
		got := must[*kms.DeriveSharedSecretOutput](t)(derive(key, der))
		if want := must[[]byte](t)(peer.ECDH(kmsKey)); !bytes.Equal(got.SharedSecret, want) || *got.KeyId != *key.Arn || got.KeyOrigin != types.OriginTypeAwsKms {
			t.Errorf("%s: %+v", spec, got)
		}
		for name, bad := range map[string][]byte{"nothing of the kind": []byte("x"), "something behind it": append(bytes.Clone(der), 0)} {
			_, err := derive(key, bad)
			if refused(t, err, "ValidationException", "public key"); err == nil {
				t.Errorf("%s: %s", spec, name)
			}
		}
		for other, curve := range curves {
			if other == spec {
				continue
			}
			stranger := must[*ecdh.PrivateKey](t)(curve.GenerateKey(rand.Reader))
			_, err := derive(key, must[[]byte](t)(x509.MarshalPKIXPublicKey(stranger.PublicKey())))
			refused(t, err, "ValidationException", "not a valid public key of key spec "+string(spec))
		}
		_, err = c.DeriveSharedSecret(t.Context(), &kms.DeriveSharedSecretInput{KeyId: key.KeyId, KeyAgreementAlgorithm: types.KeyAgreementAlgorithmSpecEcdh, PublicKey: der, DryRun: aws.Bool(true)})
		refused(t, err, "DryRunOperationException", "")
		_, err = c.Sign(t.Context(), &kms.SignInput{KeyId: key.KeyId, Message: []byte("x"), SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256})
		refused(t, err, "InvalidKeyUsageException", "key usage is KEY_AGREEMENT which is not valid for Sign.")
	}
	signing := createKey(t, c, types.KeySpecEccNistP256, types.KeyUsageTypeSignVerify)
	_, err := derive(signing, []byte("x"))
	refused(t, err, "InvalidKeyUsageException", "key usage is SIGN_VERIFY which is not valid for DeriveSharedSecret.")
	must[*kms.DisableKeyOutput](t)(c.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: signing.KeyId}))
	_, err = c.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: signing.KeyId})
	refused(t, err, "DisabledException", "")
}

// Secrets go in and out of KMS, to and from somebody who has the public key and another implementation.
func TestEncapsulation(t *testing.T) {
	_, c := start(t)
	decapsulate := func(key *types.KeyMetadata, ciphertext []byte) ([]byte, error) {
		out, err := c.Decapsulate(t.Context(), &kms.DecapsulateInput{KeyId: key.KeyId, EncapsulationAlgorithm: types.EncapsulationAlgorithmSpecMlKem, SharedSecretCiphertextBlob: ciphertext})
		if err != nil {
			return nil, err
		}
		return out.SharedSecret, nil
	}
	for spec, size := range map[types.KeySpec]int{types.KeySpecMlKem512: 768, types.KeySpecMlKem768: 1088, types.KeySpecMlKem1024: 1568} {
		key := createKey(t, c, spec, types.KeyUsageTypeEncapsulateDecapsulate)
		out := must[*kms.EncapsulateOutput](t)(c.Encapsulate(t.Context(), &kms.EncapsulateInput{KeyId: key.KeyId, EncapsulationAlgorithm: types.EncapsulationAlgorithmSpecMlKem}))
		if len(out.SharedSecret) != 32 || len(out.SharedSecretCiphertextBlob) != size || *out.KeyId != *key.Arn {
			t.Errorf("%s: a secret of %d bytes in %d", spec, len(out.SharedSecret), len(out.SharedSecretCiphertextBlob))
		}
		if got := must[[]byte](t)(decapsulate(key, out.SharedSecretCiphertextBlob)); !bytes.Equal(got, out.SharedSecret) {
			t.Errorf("%s: another secret comes out", spec)
		}
		public := must[*kms.GetPublicKeyOutput](t)(c.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: key.KeyId}))
		if !slices.Equal(public.EncapsulationAlgorithms, key.EncapsulationAlgorithms) || len(key.EncapsulationAlgorithms) != 1 {
			t.Errorf("%s: %+v", spec, public)
		}
		_, encoded := parseSPKI(t, public.PublicKey)
		scheme := schemes.ByName("ML-KEM-" + string(spec[len("ML_KEM_"):]))
		outside, err := scheme.UnmarshalBinaryPublicKey(encoded)
		if err != nil {
			t.Fatal(err)
		}
		ciphertext, secret, err := scheme.Encapsulate(outside)
		if err != nil {
			t.Fatal(err)
		}
		if got := must[[]byte](t)(decapsulate(key, ciphertext)); !bytes.Equal(got, secret) {
			t.Errorf("%s: not the secret from outside", spec)
		}
		// Implicit rejection: the same wrong secret for the same wrong ciphertext, and no error.
		ciphertext[0] ^= 1
		wrong := must[[]byte](t)(decapsulate(key, ciphertext))
		if again := must[[]byte](t)(decapsulate(key, ciphertext)); len(wrong) != 32 || bytes.Equal(wrong, secret) || !bytes.Equal(wrong, again) {
			t.Errorf("%s: %x, %x", spec, wrong, again)
		}
		_, err = decapsulate(key, ciphertext[1:])
		refused(t, err, "InvalidCiphertextException", "")
		_, err = c.Encapsulate(t.Context(), &kms.EncapsulateInput{KeyId: key.KeyId, EncapsulationAlgorithm: types.EncapsulationAlgorithmSpecMlKem, DryRun: aws.Bool(true)})
		refused(t, err, "DryRunOperationException", "")
		for blob, code := range map[string]string{string(ciphertext): "DryRunOperationException", "short": "InvalidCiphertextException"} {
			_, err = c.Decapsulate(t.Context(), &kms.DecapsulateInput{
				KeyId: key.KeyId, EncapsulationAlgorithm: types.EncapsulationAlgorithmSpecMlKem, SharedSecretCiphertextBlob: []byte(blob), DryRun: aws.Bool(true),
			})
			refused(t, err, code, "")
		}
	}
	symmetric := createKey(t, c, "", "")
	_, err := decapsulate(symmetric, make([]byte, 1088))
	refused(t, err, "InvalidKeyUsageException", "key usage is ENCRYPT_DECRYPT which is not valid for Decapsulate.")
	_, err = c.Encapsulate(t.Context(), &kms.EncapsulateInput{KeyId: symmetric.KeyId, EncapsulationAlgorithm: types.EncapsulationAlgorithmSpecMlKem})
	refused(t, err, "InvalidKeyUsageException", "key usage is ENCRYPT_DECRYPT which is not valid for Encapsulate.")
}

// The private key of a pair is that of its public key, in the form that others read.
func TestDataKeyPairs(t *testing.T) {
	_, c := start(t)
	key := createKey(t, c, "", "")
	for _, spec := range types.DataKeyPairSpec("").Values() {
		if spec == types.DataKeyPairSpecSm2 {
			continue // of the China Regions
		}
		out := must[*kms.GenerateDataKeyPairOutput](t)(c.GenerateDataKeyPair(t.Context(), &kms.GenerateDataKeyPairInput{KeyId: key.KeyId, KeyPairSpec: spec}))
		opened := must[*kms.DecryptOutput](t)(c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: out.PrivateKeyCiphertextBlob}))
		if !bytes.Equal(opened.Plaintext, out.PrivateKeyPlaintext) {
			t.Errorf("%s: another private key", spec)
		}
		seed := out.PrivateKeyPlaintext[max(0, len(out.PrivateKeyPlaintext)-mlkem.SeedSize):]
		_, encoded := parseSPKI(t, out.PublicKey)
		switch spec {
		case types.DataKeyPairSpecMlKem768:
			if got := must[*mlkem.DecapsulationKey768](t)(mlkem.NewDecapsulationKey768(seed)).EncapsulationKey().Bytes(); !bytes.Equal(got, encoded) {
				t.Errorf("%s: not a pair", spec)
			}
		case types.DataKeyPairSpecMlKem1024:
			if got := must[*mlkem.DecapsulationKey1024](t)(mlkem.NewDecapsulationKey1024(seed)).EncapsulationKey().Bytes(); !bytes.Equal(got, encoded) {
				t.Errorf("%s: not a pair", spec)
			}
		case types.DataKeyPairSpecMlKem512:
			public, _ := schemes.ByName("ML-KEM-512").DeriveKeyPair(seed)
			if got := must[[]byte](t)(public.MarshalBinary()); !bytes.Equal(got, encoded) {
				t.Errorf("%s: not a pair", spec)
			}
		case types.DataKeyPairSpecEccSecgP256k1:
			var info struct {
				Version   int
				Algorithm pkix.AlgorithmIdentifier
				Key       []byte
			}
			var private struct { // RFC 5915
				Version int
				Key     []byte
				Public  asn1.BitString `asn1:"explicit,tag:1"`
			}
			rest, err := asn1.Unmarshal(out.PrivateKeyPlaintext, &info)
			inner, innerErr := asn1.Unmarshal(info.Key, &private)
			if err != nil || innerErr != nil || len(rest)+len(inner) > 0 {
				t.Fatalf("%s: %v, %v", spec, err, innerErr)
			}
			point := secp256k1.PrivKeyFromBytes(private.Key).PubKey().SerializeUncompressed()
			if !bytes.Equal(point, encoded) || !bytes.Equal(point, private.Public.Bytes) {
				t.Errorf("%s: not a pair", spec)
			}
		default:
			private, err := x509.ParsePKCS8PrivateKey(out.PrivateKeyPlaintext)
			if err != nil {
				t.Fatal(err)
			}
			switch private.(type) {
			case *rsa.PrivateKey, *ecdsa.PrivateKey, ed25519.PrivateKey:
			default:
				t.Errorf("%s: a %T", spec, private)
			}
			if der := must[[]byte](t)(x509.MarshalPKIXPublicKey(private.(crypto.Signer).Public())); !bytes.Equal(der, out.PublicKey) {
				t.Errorf("%s: not a pair", spec)
			}
		}
	}
}
