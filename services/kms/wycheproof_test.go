package kms

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"crypto/x509"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"emulator/wycheproof"
)

// publicOnly is a signer of which only the public half is known.
type publicOnly struct{ public crypto.PublicKey }

func (p publicOnly) Public() crypto.PublicKey { return p.public }
func (p publicOnly) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	panic("there is no private key")
}

// TestWycheproofVerify takes signatures of messages as Verify does, which hashes them.
func TestWycheproofVerify(t *testing.T) {
	for file, how := range map[string]struct {
		spec      types.KeySpec
		algorithm types.SigningAlgorithmSpec
	}{
		"ecdsa_secp256r1_sha256":      {types.KeySpecEccNistP256, types.SigningAlgorithmSpecEcdsaSha256},
		"ecdsa_secp384r1_sha384":      {types.KeySpecEccNistP384, types.SigningAlgorithmSpecEcdsaSha384},
		"ecdsa_secp521r1_sha512":      {types.KeySpecEccNistP521, types.SigningAlgorithmSpecEcdsaSha512},
		"ed25519":                     {types.KeySpecEccNistEdwards25519, types.SigningAlgorithmSpecEd25519Sha512},
		"rsa_signature_2048_sha256":   {types.KeySpecRsa2048, types.SigningAlgorithmSpecRsassaPkcs1V15Sha256},
		"rsa_signature_2048_sha384":   {types.KeySpecRsa2048, types.SigningAlgorithmSpecRsassaPkcs1V15Sha384},
		"rsa_signature_2048_sha512":   {types.KeySpecRsa2048, types.SigningAlgorithmSpecRsassaPkcs1V15Sha512},
		"rsa_signature_3072_sha256":   {types.KeySpecRsa3072, types.SigningAlgorithmSpecRsassaPkcs1V15Sha256},
		"rsa_signature_4096_sha512":   {types.KeySpecRsa4096, types.SigningAlgorithmSpecRsassaPkcs1V15Sha512},
		"rsa_pss_2048_sha256_mgf1_32": {types.KeySpecRsa2048, types.SigningAlgorithmSpecRsassaPssSha256},
		"rsa_pss_2048_sha384_mgf1_48": {types.KeySpecRsa2048, types.SigningAlgorithmSpecRsassaPssSha384},
		"rsa_pss_3072_sha256_mgf1_32": {types.KeySpecRsa3072, types.SigningAlgorithmSpecRsassaPssSha256},
		"rsa_pss_4096_sha384_mgf1_48": {types.KeySpecRsa4096, types.SigningAlgorithmSpecRsassaPssSha384},
		"rsa_pss_4096_sha512_mgf1_64": {types.KeySpecRsa4096, types.SigningAlgorithmSpecRsassaPssSha512},
		// Salts of another length than the hash are for no algorithm of KMS.
		"rsa_pss_2048_sha256_mgf1sha1_20": {types.KeySpecRsa2048, types.SigningAlgorithmSpecRsassaPssSha256},
		"rsa_pss_4096_sha512_mgf1_32":     {types.KeySpecRsa4096, types.SigningAlgorithmSpecRsassaPssSha512},
	} {
		key := &Key{Spec: how.spec, Usage: types.KeyUsageTypeSignVerify}
		wycheproof.Run(t, file, func(g *wycheproof.Group, v *wycheproof.Vector) (want, ok bool) {
			// Acceptable are signatures of RSA that lack NULL in their algorithm: RFC 8017 lets one refuse them.
			hash := strings.TrimPrefix(hashes[string(how.algorithm)].String(), "SHA-")
			otherSalt := g.Type == "RsassaPssVerify" && (g.SaltLength != hashes[string(how.algorithm)].Size() || g.MGFSHA != "SHA-"+hash)
			return false, v.Result == "acceptable" || otherSalt
		}, func(g *wycheproof.Group, v *wycheproof.Vector) bool {
			public, err := x509.ParsePKIXPublicKey(g.PublicKeyDER)
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			m := &material{signer: publicOnly{public}}
			input, err := signingInput(key, "Verify", how.algorithm, v.Message, types.MessageTypeRaw)
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			return m.verify(how.algorithm, input, v.Signature)
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
			m, err := parseMaterial(types.KeySpecRsa2048, g.PrivateKeyPKCS8)
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			plaintext, err := m.decryptOAEP(algorithm, v.Ciphertext)
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
			return hmac.Equal((&material{secret: v.Key}).mac(algorithm, v.Message), v.Tag) // as VerifyMac does
		})
	}
}
