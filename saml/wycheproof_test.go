package saml

import (
	"bytes"
	"crypto/aes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"testing"

	"github.com/beevik/etree"

	"emulator/wycheproof"
)

// TestWycheproofSignatures takes signatures as verifyWith hands them to a certificate. The vectors' messages are no XML, so that they
// can't come in a response.
func TestWycheproofSignatures(t *testing.T) {
	for file, algorithm := range map[string]x509.SignatureAlgorithm{
		"ecdsa_secp256r1_sha256_p1363": x509.ECDSAWithSHA256, "ecdsa_secp384r1_sha384_p1363": x509.ECDSAWithSHA384, "ecdsa_secp521r1_sha512_p1363": x509.ECDSAWithSHA512,
		"ecdsa_secp256r1_sha512_p1363": x509.ECDSAWithSHA512,
		"rsa_signature_2048_sha256":    x509.SHA256WithRSA, "rsa_signature_2048_sha384": x509.SHA384WithRSA, "rsa_signature_2048_sha512": x509.SHA512WithRSA,
		"rsa_signature_3072_sha256": x509.SHA256WithRSA, "rsa_signature_4096_sha512": x509.SHA512WithRSA,
	} {
		// Acceptable are signatures of RSA that lack NULL in their algorithm: RFC 8017 lets one refuse them.
		wycheproof.Run(t, file, func(_ *wycheproof.Group, v *wycheproof.Vector) (want, ok bool) {
			return false, v.Result == "acceptable"
		}, func(g *wycheproof.Group, v *wycheproof.Vector) bool {
			public, err := x509.ParsePKIXPublicKey(g.PublicKeyDER)
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			signature := []byte(v.Signature)
			if key, ok := public.(*ecdsa.PublicKey); ok {
				if signature, err = ecdsaSignature(signature, key); err != nil {
					return false
				}
			}
			return (&x509.Certificate{PublicKey: public}).CheckSignature(algorithm, v.Message, signature) == nil
		})
	}
}

// TestWycheproofKeys decrypts encrypted keys in XML.
func TestWycheproofKeys(t *testing.T) {
	digests := map[string]string{}
	for uri, hash := range oaepDigests {
		digests[hash.String()] = uri
	}
	masks := map[string]string{}
	for uri, hash := range oaepMasks {
		masks[hash.String()] = uri
	}
	for _, file := range []string{
		"rsa_oaep_2048_sha1_mgf1sha1", "rsa_oaep_2048_sha256_mgf1sha1", "rsa_oaep_2048_sha256_mgf1sha256", "rsa_oaep_2048_sha384_mgf1sha1", "rsa_oaep_2048_sha384_mgf1sha384",
		"rsa_oaep_2048_sha512_mgf1sha512", "rsa_oaep_3072_sha256_mgf1sha256", "rsa_oaep_4096_sha512_mgf1sha1", "rsa_oaep_4096_sha256_mgf1sha256",
	} {
		wycheproof.Run(t, file, nil, func(g *wycheproof.Group, v *wycheproof.Vector) bool {
			key, err := x509.ParsePKCS8PrivateKey(g.PrivateKeyPKCS8)
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			document := etree.NewDocument()
			if err := document.ReadFromString(fmt.Sprintf(`<e:EncryptedKey xmlns:e="%s" xmlns:d="%s" xmlns:e11="%s"><e:EncryptionMethod Algorithm="%srsa-oaep"><d:DigestMethod Algorithm="%s"/>`+
				`<e11:MGF Algorithm="%s"/><e:OAEPparams>%s</e:OAEPparams></e:EncryptionMethod><e:CipherData><e:CipherValue>%s</e:CipherValue></e:CipherData></e:EncryptedKey>`,
				nsEncryption, nsSignature, nsEncryption11, nsEncryption11, digests[g.SHA], masks[g.MGFSHA],
				base64.StdEncoding.EncodeToString(v.Label), base64.StdEncoding.EncodeToString(v.Ciphertext))); err != nil {
				t.Fatal(err)
			}
			plain, err := decryptKey(document.Root(), key.(*rsa.PrivateKey))
			if err == nil && !bytes.Equal(plain, v.Message) {
				t.Errorf("%s %d: wrong plaintext", file, v.ID)
			}
			return err == nil
		})
	}
}

// TestWycheproofContent decrypts contents in GCM, of which XML has nonces of 12 bytes, tags of 16 and nothing else that is
// authenticated. The padding of XML in CBC is not that of the vectors.
func TestWycheproofContent(t *testing.T) {
	wycheproof.Run(t, "aes_gcm", func(_ *wycheproof.Group, v *wycheproof.Vector) (want, ok bool) {
		return false, len(v.IV) != 12 || len(v.Tag) != 16 || len(v.AAD) > 0
	}, func(_ *wycheproof.Group, v *wycheproof.Vector) bool {
		block, err := aes.NewCipher(v.Key)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := openGCM(block, append(append(append([]byte(nil), v.IV...), v.Ciphertext...), v.Tag...))
		if err == nil && !bytes.Equal(plain, v.Message) {
			t.Errorf("aes_gcm %d: wrong plaintext", v.ID)
		}
		return err == nil
	})
}
