package kms_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"emulator/emulatortest"
)

// The China Regions have keys of SM2, none of ML-KEM, and SM4 where others have AES.
func TestChina(t *testing.T) {
	e := emulatortest.Start(t)
	c := kms.NewFromConfig(e.ConfigWith("test", "test", "", "cn-north-1"))
	_, err := c.CreateKey(t.Context(), &kms.CreateKeyInput{KeySpec: types.KeySpecMlKem512, KeyUsage: types.KeyUsageTypeEncapsulateDecapsulate})
	refused(t, err, "UnsupportedOperationException", "KeySpec ML_KEM_512 is not supported in this Region.")

	symmetric := createKey(t, c, "", "")
	_, err = c.GenerateDataKeyPair(t.Context(), &kms.GenerateDataKeyPairInput{KeyId: symmetric.KeyId, KeyPairSpec: types.DataKeyPairSpecMlKem512})
	refused(t, err, "UnsupportedOperationException", "KeyPairSpec ML_KEM_512 is not supported in this Region.")
	pair := must[*kms.GenerateDataKeyPairOutput](t)(c.GenerateDataKeyPair(t.Context(), &kms.GenerateDataKeyPairInput{KeyId: symmetric.KeyId, KeyPairSpec: types.DataKeyPairSpecSm2}))
	opened := must[*kms.DecryptOutput](t)(c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: pair.PrivateKeyCiphertextBlob}))
	if !bytes.Equal(opened.Plaintext, pair.PrivateKeyPlaintext) {
		t.Error("another private key")
	}
	private := must[any](t)(smx509.ParsePKCS8PrivateKey(pair.PrivateKeyPlaintext)).(*sm2.PrivateKey)
	if der := must[[]byte](t)(smx509.MarshalPKIXPublicKey(&private.PublicKey)); !bytes.Equal(der, pair.PublicKey) {
		t.Error("not a pair")
	}

	publicKey := func(key *types.KeyMetadata) (*kms.GetPublicKeyOutput, *ecdsa.PublicKey) {
		out := must[*kms.GetPublicKeyOutput](t)(c.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: key.KeyId}))
		return out, must[any](t)(smx509.ParsePKIXPublicKey(out.PublicKey)).(*ecdsa.PublicKey)
	}

	signing := createKey(t, c, types.KeySpecSm2, types.KeyUsageTypeSignVerify)
	const sm2DSA = types.SigningAlgorithmSpecSm2dsa
	out, public := publicKey(signing)
	if !slices.Equal(out.SigningAlgorithms, []types.SigningAlgorithmSpec{sm2DSA}) || !slices.Equal(signing.SigningAlgorithms, out.SigningAlgorithms) {
		t.Errorf("%v, %v", signing.SigningAlgorithms, out.SigningAlgorithms)
	}
	message := []byte("a message")
	digest := must[[]byte](t)(sm2.CalculateSM2Hash(public, message, nil))
	for mt, input := range map[types.MessageType][]byte{types.MessageTypeRaw: message, types.MessageTypeDigest: digest} {
		signature := must[*kms.SignOutput](t)(c.Sign(t.Context(), &kms.SignInput{KeyId: signing.KeyId, Message: input, MessageType: mt, SigningAlgorithm: sm2DSA})).Signature
		if !sm2.VerifyASN1WithSM2(public, []byte("1234567812345678"), message, signature) {
			t.Errorf("%s: does not verify outside", mt)
		}
		for mt, input := range map[types.MessageType][]byte{types.MessageTypeRaw: message, types.MessageTypeDigest: digest} {
			must[*kms.VerifyOutput](t)(c.Verify(t.Context(), &kms.VerifyInput{KeyId: signing.KeyId, Message: input, MessageType: mt, SigningAlgorithm: sm2DSA, Signature: signature}))
		}
		_, err := c.Verify(t.Context(), &kms.VerifyInput{KeyId: signing.KeyId, Message: []byte("another"), SigningAlgorithm: sm2DSA, Signature: signature})
		refused(t, err, "KMSInvalidSignatureException", "")
	}

	encrypting := createKey(t, c, types.KeySpecSm2, types.KeyUsageTypeEncryptDecrypt)
	const sm2PKE = types.EncryptionAlgorithmSpecSm2pke
	_, public = publicKey(encrypting)
	outside := must[[]byte](t)(sm2.EncryptASN1(rand.Reader, public, message))
	inside := must[*kms.EncryptOutput](t)(c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: encrypting.KeyId, Plaintext: message, EncryptionAlgorithm: sm2PKE})).CiphertextBlob
	for _, ciphertext := range [][]byte{outside, inside} {
		plain := must[*kms.DecryptOutput](t)(c.Decrypt(t.Context(), &kms.DecryptInput{KeyId: encrypting.KeyId, CiphertextBlob: ciphertext, EncryptionAlgorithm: sm2PKE}))
		if !bytes.Equal(plain.Plaintext, message) {
			t.Errorf("decrypted %q", plain.Plaintext)
		}
		ciphertext[len(ciphertext)-1] ^= 1
		_, err := c.Decrypt(t.Context(), &kms.DecryptInput{KeyId: encrypting.KeyId, CiphertextBlob: ciphertext, EncryptionAlgorithm: sm2PKE})
		refused(t, err, "InvalidCiphertextException", "")
	}
	_, err = c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: encrypting.KeyId, Plaintext: make([]byte, 1025), EncryptionAlgorithm: sm2PKE})
	refused(t, err, "ValidationException", "cannot encrypt data larger than 1024 bytes")

	agreeing, peer := createKey(t, c, types.KeySpecSm2, types.KeyUsageTypeKeyAgreement), must[*sm2.PrivateKey](t)(sm2.GenerateKey(rand.Reader))
	derive := func(public []byte) (*kms.DeriveSharedSecretOutput, error) {
		return c.DeriveSharedSecret(t.Context(), &kms.DeriveSharedSecretInput{KeyId: agreeing.KeyId, KeyAgreementAlgorithm: types.KeyAgreementAlgorithmSpecEcdh, PublicKey: public})
	}
	derived := must[*kms.DeriveSharedSecretOutput](t)(derive(must[[]byte](t)(smx509.MarshalPKIXPublicKey(&peer.PublicKey))))
	_, public = publicKey(agreeing)
	kmsKey, err := sm2.PublicKeyToECDH(public)
	if err != nil {
		t.Fatal(err)
	}
	peerKey, err := peer.ECDH()
	if err != nil {
		t.Fatal(err)
	}
	if want := must[[]byte](t)(peerKey.ECDH(kmsKey)); !bytes.Equal(derived.SharedSecret, want) {
		t.Error("another secret")
	}
	nist := createKey(t, c, types.KeySpecEccNistP256, types.KeyUsageTypeKeyAgreement)
	other, _ := publicKey(nist)
	_, err = derive(other.PublicKey)
	refused(t, err, "ValidationException", "not a valid public key of key spec SM2")
	agreeing = nist
	_, err = derive(out.PublicKey)
	refused(t, err, "ValidationException", "not a valid public key of key spec ECC_NIST_P256")
}

// In China material is wrapped for keys of SM2, but not with AES.
// https://docs.aws.amazon.com/kms/latest/developerguide/importing-keys-get-public-key-and-token.html#select-wrapping-algorithm
func TestImportInChina(t *testing.T) {
	e := emulatortest.Start(t)
	c := kms.NewFromConfig(e.ConfigWith("test", "test", "", "cn-north-1"))
	forSM2 := must[*sm2.PrivateKey](t)(sm2.GenerateKey(rand.Reader))
	forRSA := must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048))
	forP256 := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	pkcs8 := func(private any) []byte { return must[[]byte](t)(smx509.MarshalPKCS8PrivateKey(private)) }
	for _, test := range []struct {
		spec     types.KeySpec
		usage    types.KeyUsageType
		material []byte
		public   any // nil of a secret
		good     string
	}{
		{"SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", random(16), nil, "RSAES_OAEP_SHA_1 RSA_2048, RSAES_OAEP_SHA_256 RSA_2048"},
		{"HMAC_256", "GENERATE_VERIFY_MAC", random(32), nil, "RSAES_OAEP_SHA_1 RSA_2048, RSAES_OAEP_SHA_256 RSA_2048"},
		{"RSA_2048", "SIGN_VERIFY", pkcs8(forRSA), forRSA.Public(), "SM2PKE SM2"},
		{"ECC_NIST_P256", "SIGN_VERIFY", pkcs8(forP256), forP256.Public(), "RSAES_OAEP_SHA_1 RSA_2048, RSAES_OAEP_SHA_256 RSA_2048, SM2PKE SM2"},
		{"SM2", "SIGN_VERIFY", pkcs8(forSM2), forSM2.Public(), "RSAES_OAEP_SHA_1 RSA_2048, RSAES_OAEP_SHA_256 RSA_2048, SM2PKE SM2"},
	} {
		key := createExternal(t, c, test.spec, test.usage)
		for _, algorithm := range types.AlgorithmSpec("").Values() {
			for _, spec := range []types.WrappingKeySpec{types.WrappingKeySpecRsa2048, types.WrappingKeySpecSm2} {
				p, err := c.GetParametersForImport(t.Context(), &kms.GetParametersForImportInput{KeyId: key.KeyId, WrappingAlgorithm: algorithm, WrappingKeySpec: spec})
				if !strings.Contains(test.good, string(algorithm)+" "+string(spec)) {
					code := "ValidationException"
					if algorithm == types.AlgorithmSpecRsaesPkcs1V15 || strings.HasPrefix(string(algorithm), "RSA_AES_KEY_WRAP") { // for no key there
						code = "UnsupportedOperationException"
					}
					refused(t, err, code, string(algorithm))
					continue
				}
				if err != nil {
					t.Errorf("%s with %s for %s: %v", algorithm, spec, test.spec, err)
					continue
				}
				var wrapped []byte
				if algorithm == types.AlgorithmSpecSm2pke {
					wrapped = must[[]byte](t)(sm2.EncryptASN1(rand.Reader, must[any](t)(smx509.ParsePKIXPublicKey(p.PublicKey)).(*ecdsa.PublicKey), test.material))
				} else {
					wrapped = wrap(t, p.PublicKey, algorithm, test.material)
				}
				in := &kms.ImportKeyMaterialInput{KeyId: key.KeyId, ImportToken: p.ImportToken, EncryptedKeyMaterial: wrapped, ExpirationModel: types.ExpirationModelTypeKeyMaterialDoesNotExpire}
				must[*kms.ImportKeyMaterialOutput](t)(c.ImportKeyMaterial(t.Context(), in))
				in.EncryptedKeyMaterial = bytes.Clone(wrapped)
				in.EncryptedKeyMaterial[len(wrapped)-1] ^= 1
				_, err = c.ImportKeyMaterial(t.Context(), in)
				refused(t, err, "InvalidCiphertextException", "")
			}
		}
		if test.public == nil {
			continue
		}
		out := must[*kms.GetPublicKeyOutput](t)(c.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: key.KeyId}))
		if !bytes.Equal(out.PublicKey, must[[]byte](t)(smx509.MarshalPKIXPublicKey(test.public))) {
			t.Errorf("%s: another public key", test.spec)
		}
	}
}
