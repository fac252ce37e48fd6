package keystore

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/sha3"
	"encoding/json"
	"strings"
	"testing"

	"filippo.io/mldsa"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"emulator/wycheproof"
)

// TestWycheproofVerify takes signatures of messages as Verify does, which hashes them.
func TestWycheproofVerify(t *testing.T) {
	for file, algorithm := range map[string]types.SigningAlgorithmSpec{
		"ecdsa_secp256r1_sha256":      types.SigningAlgorithmSpecEcdsaSha256,
		"ecdsa_secp384r1_sha384":      types.SigningAlgorithmSpecEcdsaSha384,
		"ecdsa_secp521r1_sha512":      types.SigningAlgorithmSpecEcdsaSha512,
		"ecdsa_secp256k1_sha256":      types.SigningAlgorithmSpecEcdsaSha256,
		"ed25519":                     types.SigningAlgorithmSpecEd25519Sha512,
		"rsa_signature_2048_sha256":   types.SigningAlgorithmSpecRsassaPkcs1V15Sha256,
		"rsa_signature_2048_sha384":   types.SigningAlgorithmSpecRsassaPkcs1V15Sha384,
		"rsa_signature_2048_sha512":   types.SigningAlgorithmSpecRsassaPkcs1V15Sha512,
		"rsa_signature_3072_sha256":   types.SigningAlgorithmSpecRsassaPkcs1V15Sha256,
		"rsa_signature_4096_sha512":   types.SigningAlgorithmSpecRsassaPkcs1V15Sha512,
		"rsa_pss_2048_sha256_mgf1_32": types.SigningAlgorithmSpecRsassaPssSha256,
		"rsa_pss_2048_sha384_mgf1_48": types.SigningAlgorithmSpecRsassaPssSha384,
		"rsa_pss_3072_sha256_mgf1_32": types.SigningAlgorithmSpecRsassaPssSha256,
		"rsa_pss_4096_sha384_mgf1_48": types.SigningAlgorithmSpecRsassaPssSha384,
		"rsa_pss_4096_sha512_mgf1_64": types.SigningAlgorithmSpecRsassaPssSha512,
		// Salts of another length than the hash are for no algorithm of KMS.
		"rsa_pss_2048_sha256_mgf1sha1_20": types.SigningAlgorithmSpecRsassaPssSha256,
		"rsa_pss_4096_sha512_mgf1_32":     types.SigningAlgorithmSpecRsassaPssSha512,
	} {
		wycheproof.Run(t, file, func(g *wycheproof.Group, v *wycheproof.Vector) (want, ok bool) {
			// Acceptable are signatures of RSA that lack NULL in their algorithm: RFC 8017 lets one refuse them.
			hash := strings.TrimPrefix(hashes[string(algorithm)].String(), "SHA-")
			otherSalt := g.Type == "RsassaPssVerify" && (g.SaltLength != hashes[string(algorithm)].Size() || g.MGFSHA != "SHA-"+hash)
			return false, v.Result == "acceptable" || otherSalt
		}, func(g *wycheproof.Group, v *wycheproof.Vector) bool {
			public, err := parsePublic(g.PublicKeyDER)
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			ok, err := verify(public, algorithm, types.MessageTypeRaw, v.Message, v.Signature)
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			return ok
		})
	}
}

func TestWycheproofDecrypt(t *testing.T) {
	for file, algorithm := range map[string]types.EncryptionAlgorithmSpec{
		"rsa_oaep_2048_sha1_mgf1sha1":     types.EncryptionAlgorithmSpecRsaesOaepSha1,
		"rsa_oaep_2048_sha256_mgf1sha256": types.EncryptionAlgorithmSpecRsaesOaepSha256,
		"rsa_oaep_3072_sha256_mgf1sha256": types.EncryptionAlgorithmSpecRsaesOaepSha256,
		"rsa_oaep_4096_sha256_mgf1sha256": types.EncryptionAlgorithmSpecRsaesOaepSha256,
		// Another mask is for no algorithm of KMS.
		"rsa_oaep_2048_sha256_mgf1sha1": types.EncryptionAlgorithmSpecRsaesOaepSha256,
	} {
		wycheproof.Run(t, file, func(g *wycheproof.Group, v *wycheproof.Vector) (want, ok bool) {
			return false, len(v.Label) > 0 || g.MGFSHA != g.SHA // KMS has no labels
		}, func(g *wycheproof.Group, v *wycheproof.Vector) bool {
			p, err := parsePair(g.PrivateKeyPKCS8)
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			plaintext, err := decrypt(p.private, algorithm, v.Ciphertext)
			if err == nil && !bytes.Equal(plaintext, v.Message) {
				t.Errorf("%s %d: wrong plaintext", file, v.ID)
			}
			return err == nil
		})
	}
}

func TestWycheproofMac(t *testing.T) {
	for file, algorithm := range map[string]types.MacAlgorithmSpec{
		"hmac_sha224": types.MacAlgorithmSpecHmacSha224, "hmac_sha256": types.MacAlgorithmSpecHmacSha256,
		"hmac_sha384": types.MacAlgorithmSpecHmacSha384, "hmac_sha512": types.MacAlgorithmSpecHmacSha512,
	} {
		wycheproof.Run(t, file, func(g *wycheproof.Group, _ *wycheproof.Vector) (want, ok bool) {
			return false, g.TagSize != hashes[string(algorithm)].Size()*8 // KMS cuts no MACs
		}, func(_ *wycheproof.Group, v *wycheproof.Vector) bool {
			return hmac.Equal(mac(v.Key, algorithm, v.Message), v.Tag) // as VerifyMac does
		})
	}
}

func TestWycheproofMLDSA(t *testing.T) {
	for set, parameters := range map[string]mldsa.Parameters{"44": mldsa.MLDSA44(), "65": mldsa.MLDSA65(), "87": mldsa.MLDSA87()} {
		wycheproof.Run(t, "mldsa_"+set+"_verify", func(_ *wycheproof.Group, v *wycheproof.Vector) (want, ok bool) {
			return false, len(v.Context) > 0 // KMS has no contexts
		}, func(g *wycheproof.Group, v *wycheproof.Vector) bool {
			var encoded wycheproof.Hex
			if err := json.Unmarshal(g.PublicKey, &encoded); err != nil {
				t.Fatal(err)
			}
			public, err := mldsa.NewPublicKey(parameters, encoded)
			if err != nil {
				return false
			}
			const algorithm = types.SigningAlgorithmSpecMlDsaShake256
			ok, err := verify(public, algorithm, types.MessageTypeRaw, v.Message, v.Signature)
			if err != nil {
				t.Fatal(err)
			}
			mu := sha3.SumSHAKE256(append(append(sha3.SumSHAKE256(encoded, 64), 0, 0), v.Message...), 64) // FIPS 204, algorithm 7
			if over, err := verify(public, algorithm, types.MessageTypeExternalMu, mu, v.Signature); err != nil || over != ok {
				t.Errorf("mldsa_%s %d: the message verifies: %v; its µ: %v, %v", set, v.ID, ok, over, err)
			}
			return ok
		})
	}
}

func TestWycheproofDeriveSharedSecret(t *testing.T) {
	for name, curve := range map[string]elliptic.Curve{"secp256r1": elliptic.P256(), "secp384r1": elliptic.P384(), "secp521r1": elliptic.P521()} {
		privates := make(map[string]*ecdsa.PrivateKey) // many vectors have the same
		wycheproof.Run(t, "ecdh_"+name, func(_ *wycheproof.Group, v *wycheproof.Vector) (want, ok bool) {
			// Acceptable are encodings that are not as they should be, and compressed points.
			return false, v.Result == "acceptable"
		}, func(_ *wycheproof.Group, v *wycheproof.Vector) bool {
			scalar := make([]byte, (curve.Params().BitSize+7)/8)
			copy(scalar[max(0, len(scalar)-len(v.Private)):], v.Private[max(0, len(v.Private)-len(scalar)):])
			private := privates[string(scalar)]
			if private == nil {
				var err error
				if private, err = ecdsa.ParseRawPrivateKey(curve, scalar); err != nil {
					t.Fatal(err)
				}
				privates[string(scalar)] = private
			}
			secret, err := deriveSharedSecret(private, v.Public)
			return err == nil && bytes.Equal(secret, v.Shared)
		})
	}
}

// The seed's public key and the secret in a ciphertext that is not that of the key, which the standard says too.
func TestWycheproofMLKEM(t *testing.T) {
	from := map[string]func([]byte) (decapsulator, error){"ML-KEM-512": newMLKEM512, "ML-KEM-768": newMLKEM768, "ML-KEM-1024": newMLKEM1024}
	wycheproof.Run(t, "mlkem", nil, func(g *wycheproof.Group, v *wycheproof.Vector) bool {
		if g.Type != "MLKEMTest" {
			return v.Result == "valid" // keys of others to encapsulate under, which nobody hands in
		}
		key, err := from[g.ParameterSet](v.Seed)
		if err != nil {
			t.Fatal(err)
		}
		secret, err := key.Decapsulate(v.Encapsulated)
		return err == nil && bytes.Equal(secret, v.Secret) && bytes.Equal(key.Encapsulator().Bytes(), v.EncapsulationKey)
	})
}

func TestWycheproofGCM(t *testing.T) {
	for file, size := range map[string]int{"aes_gcm": 32, "sm4_gcm": sm4KeySize} {
		wycheproof.Run(t, file, func(_ *wycheproof.Group, v *wycheproof.Vector) (want, ok bool) {
			return false, len(v.Key) != size || len(v.IV) != len(zeroNonce)
		}, func(_ *wycheproof.Group, v *wycheproof.Vector) bool {
			if len(v.Key) != size || len(v.IV) != len(zeroNonce) {
				return false
			}
			aead, err := gcm(v.Key)
			if err != nil {
				t.Fatal(err)
			}
			plaintext, err := aead.Open(nil, v.IV, append(bytes.Clone(v.Ciphertext), v.Tag...), v.AAD)
			return err == nil && bytes.Equal(plaintext, v.Message)
		})
	}
}
