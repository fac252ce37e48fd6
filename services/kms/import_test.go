package kms_test

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"crypto/x509"
	"fmt"
	"hash"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	service "emulator/services/kms"
)

func createExternal(t *testing.T, c *kms.Client, spec types.KeySpec, usage types.KeyUsageType) *types.KeyMetadata {
	t.Helper()
	key := must[*kms.CreateKeyOutput](t)(c.CreateKey(t.Context(), &kms.CreateKeyInput{KeySpec: spec, KeyUsage: usage, Origin: types.OriginTypeExternal})).KeyMetadata
	if key.KeyState != types.KeyStatePendingImport || key.Enabled || key.Origin != types.OriginTypeExternal || key.CurrentKeyMaterialId != nil || key.ExpirationModel != "" {
		t.Errorf("created %+v", key)
	}
	return key
}

func parameters(t *testing.T, c *kms.Client, id *string, algorithm types.AlgorithmSpec, spec types.WrappingKeySpec) *kms.GetParametersForImportOutput {
	t.Helper()
	return must[*kms.GetParametersForImportOutput](t)(c.GetParametersForImport(t.Context(), &kms.GetParametersForImportInput{KeyId: id, WrappingAlgorithm: algorithm, WrappingKeySpec: spec}))
}

// wrap is what somebody who imports does.
func wrap(t *testing.T, publicKey []byte, algorithm types.AlgorithmSpec, material []byte) []byte {
	t.Helper()
	public := must[any](t)(x509.ParsePKIXPublicKey(publicKey)).(*rsa.PublicKey)
	newHash := crypto.SHA256.New
	if strings.HasSuffix(string(algorithm), "SHA_1") {
		newHash = crypto.SHA1.New
	}
	oaep := func(h hash.Hash, b []byte) []byte {
		return must[[]byte](t)(rsa.EncryptOAEP(h, rand.Reader, public, b, nil))
	}
	if !strings.HasPrefix(string(algorithm), "RSA_AES") {
		return oaep(newHash(), material)
	}
	kek := make([]byte, 32)
	rand.Read(kek)
	return append(oaep(newHash(), kek), service.WrapKey(kek, material)...)
}

// importer imports into one key, with one set of parameters.
type importer struct {
	c          *kms.Client
	id         *string
	parameters *kms.GetParametersForImportOutput
}

func newImporter(t *testing.T, c *kms.Client, id *string) importer {
	t.Helper()
	return importer{c, id, parameters(t, c, id, types.AlgorithmSpecRsaesOaepSha256, types.WrappingKeySpecRsa2048)}
}

// put imports material that does not expire unless the input says otherwise.
func (i importer) put(t *testing.T, material []byte, in kms.ImportKeyMaterialInput) (*kms.ImportKeyMaterialOutput, error) {
	t.Helper()
	in.KeyId, in.ImportToken = i.id, i.parameters.ImportToken
	in.EncryptedKeyMaterial = wrap(t, i.parameters.PublicKey, types.AlgorithmSpecRsaesOaepSha256, material)
	if in.ExpirationModel == "" && in.ValidTo == nil {
		in.ExpirationModel = types.ExpirationModelTypeKeyMaterialDoesNotExpire
	}
	return i.c.ImportKeyMaterial(t.Context(), &in)
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

func describe(t *testing.T, c *kms.Client, id *string) *types.KeyMetadata {
	t.Helper()
	return must[*kms.DescribeKeyOutput](t)(c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: id})).KeyMetadata
}

// Every kind of key, with every wrapping algorithm and wrapping key, does with the material what others do with it.
func TestImport(t *testing.T) {
	_, c, _ := startChecked(t)
	pkcs8 := func(key any, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return must[[]byte](t)(x509.MarshalPKCS8PrivateKey(key))
	}
	_, edwards, _ := ed25519.GenerateKey(rand.Reader)
	for _, test := range []struct {
		spec      types.KeySpec
		usage     types.KeyUsageType
		algorithm types.AlgorithmSpec
		wrapping  types.WrappingKeySpec
		material  []byte
	}{
		{"SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "RSAES_OAEP_SHA_1", "RSA_2048", random(32)},
		{"SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "RSAES_OAEP_SHA_256", "RSA_3072", random(32)},
		{"HMAC_512", "GENERATE_VERIFY_MAC", "RSAES_OAEP_SHA_256", "RSA_2048", random(64)},
		{"HMAC_512", "GENERATE_VERIFY_MAC", "RSAES_OAEP_SHA_256", "RSA_2048", random(128)},
		{"RSA_2048", "SIGN_VERIFY", "RSA_AES_KEY_WRAP_SHA_256", "RSA_2048", pkcs8(rsa.GenerateKey(rand.Reader, 2048))},
		{"RSA_2048", "ENCRYPT_DECRYPT", "RSA_AES_KEY_WRAP_SHA_1", "RSA_2048", pkcs8(rsa.GenerateKey(rand.Reader, 2048))},
		{"ECC_NIST_P256", "SIGN_VERIFY", "RSAES_OAEP_SHA_1", "RSA_2048", pkcs8(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))},
		{"ECC_NIST_P384", "SIGN_VERIFY", "RSA_AES_KEY_WRAP_SHA_256", "RSA_2048", pkcs8(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))},
		{"ECC_NIST_P521", "SIGN_VERIFY", "RSAES_OAEP_SHA_256", "RSA_4096", pkcs8(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))},
		{"ECC_NIST_EDWARDS25519", "SIGN_VERIFY", "RSAES_OAEP_SHA_256", "RSA_2048", pkcs8(edwards, nil)},
	} {
		key := createExternal(t, c, test.spec, test.usage)
		p := parameters(t, c, key.KeyId, test.algorithm, test.wrapping)
		if public := must[any](t)(x509.ParsePKIXPublicKey(p.PublicKey)).(*rsa.PublicKey); fmt.Sprint("RSA_", public.N.BitLen()) != string(test.wrapping) || *p.KeyId != *key.Arn {
			t.Errorf("%s: a wrapping key of %d bits for %s", test.spec, public.N.BitLen(), *p.KeyId)
		}
		out := must[*kms.ImportKeyMaterialOutput](t)(c.ImportKeyMaterial(t.Context(), &kms.ImportKeyMaterialInput{
			KeyId: key.KeyId, ImportToken: p.ImportToken, EncryptedKeyMaterial: wrap(t, p.PublicKey, test.algorithm, test.material), ExpirationModel: types.ExpirationModelTypeKeyMaterialDoesNotExpire,
		}))
		if m := describe(t, c, key.KeyId); m.KeyState != types.KeyStateEnabled || !m.Enabled || m.ExpirationModel != types.ExpirationModelTypeKeyMaterialDoesNotExpire || m.ValidTo != nil || *out.KeyId != *key.Arn {
			t.Errorf("%s: imported %+v", test.spec, m)
		}
		switch test.usage {
		case types.KeyUsageTypeGenerateVerifyMac:
			mac := must[*kms.GenerateMacOutput](t)(c.GenerateMac(t.Context(), &kms.GenerateMacInput{KeyId: key.KeyId, MacAlgorithm: types.MacAlgorithmSpecHmacSha512, Message: []byte("m")})).Mac
			h := hmac.New(sha512.New, test.material)
			h.Write([]byte("m"))
			if !hmac.Equal(mac, h.Sum(nil)) {
				t.Errorf("%s: another MAC", test.spec)
			}
		case types.KeyUsageTypeEncryptDecrypt, types.KeyUsageTypeSignVerify:
			if test.spec == types.KeySpecSymmetricDefault {
				decrypts(t, c, encrypt(t, c, key.KeyId), out.KeyMaterialId)
				break
			}
			private := must[any](t)(x509.ParsePKCS8PrivateKey(test.material)).(crypto.Signer)
			public := must[*kms.GetPublicKeyOutput](t)(c.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: key.KeyId})).PublicKey
			if !bytes.Equal(public, must[[]byte](t)(x509.MarshalPKIXPublicKey(private.Public()))) {
				t.Errorf("%s: another public key", test.spec)
			}
		}
	}
}

// Keys of HMAC are of any length from that of the MAC to 1024 bits
// (https://docs.aws.amazon.com/kms/latest/developerguide/importing-keys-conceptual.html#importing-keys-material-requirements).
func TestImportedHMACLengths(t *testing.T) {
	_, c := start(t)
	for spec, shortest := range map[types.KeySpec]int{"HMAC_224": 28, "HMAC_256": 32, "HMAC_384": 48, "HMAC_512": 64} {
		key := createExternal(t, c, spec, "GENERATE_VERIFY_MAC")
		i, last := newImporter(t, c, key.KeyId), random(shortest)
		for _, size := range []int{shortest - 1, 129} {
			_, err := i.put(t, random(size), kms.ImportKeyMaterialInput{})
			refused(t, err, "IncorrectKeyMaterialException", string(spec))
		}
		must[*kms.ImportKeyMaterialOutput](t)(i.put(t, last, kms.ImportKeyMaterialInput{}))
		must[*kms.ImportKeyMaterialOutput](t)(i.put(t, last, kms.ImportKeyMaterialInput{})) // again, as there is no other
		_, err := i.put(t, random(128), kms.ImportKeyMaterialInput{})
		refused(t, err, "IncorrectKeyMaterialException", "")
	}
}

// What may not be wrapped so, and keys that take no material.
func TestGetParametersForImportRefused(t *testing.T) {
	_, c := start(t)
	get := func(id *string, algorithm types.AlgorithmSpec, spec types.WrappingKeySpec) error {
		_, err := c.GetParametersForImport(t.Context(), &kms.GetParametersForImportInput{KeyId: id, WrappingAlgorithm: algorithm, WrappingKeySpec: spec})
		return err
	}
	for _, test := range []struct {
		spec      types.KeySpec
		usage     types.KeyUsageType
		algorithm types.AlgorithmSpec
		wrapping  types.WrappingKeySpec
		known     bool // for other keys
	}{
		{"", "", "RSAES_PKCS1_V1_5", "RSA_2048", false}, {"", "", "SM2PKE", "SM2", false}, {"", "", "RSAES_OAEP_SHA_256", "SM2", false},
		{"RSA_2048", "SIGN_VERIFY", "SM2PKE", "RSA_2048", false}, {"ECC_NIST_P256", "SIGN_VERIFY", "SM2PKE", "SM2", false},
		{"SYMMETRIC_DEFAULT", "", "RSA_AES_KEY_WRAP_SHA_256", "RSA_3072", true}, // a user's report
		{"HMAC_256", "GENERATE_VERIFY_MAC", "RSA_AES_KEY_WRAP_SHA_1", "RSA_2048", true}, {"RSA_2048", "SIGN_VERIFY", "RSAES_OAEP_SHA_256", "RSA_4096", true},
		{"ECC_NIST_P521", "SIGN_VERIFY", "RSAES_OAEP_SHA_1", "RSA_2048", true},
	} {
		err := get(createExternal(t, c, test.spec, test.usage).KeyId, test.algorithm, test.wrapping)
		if test.known {
			refused(t, err, "ValidationException", fmt.Sprintf("Wrapping algorithm %s and wrapping key spec %s cannot be used to import a %s key.", test.algorithm, test.wrapping, test.spec))
		} else {
			refused(t, err, "UnsupportedOperationException", "is not supported")
		}
	}
	for spec, usage := range map[types.KeySpec]types.KeyUsageType{"ML_DSA_44": "SIGN_VERIFY", "ML_KEM_768": "ENCAPSULATE_DECAPSULATE"} {
		_, err := c.CreateKey(t.Context(), &kms.CreateKeyInput{KeySpec: spec, KeyUsage: usage, Origin: types.OriginTypeExternal})
		refused(t, err, "UnsupportedOperationException", "Importing key material of key spec "+string(spec)+" is not supported.")
	}
	key := createKey(t, c, "", "")
	text := *key.Arn + " origin is AWS_KMS which is not valid for this operation."
	refused(t, get(key.KeyId, "RSAES_OAEP_SHA_256", "RSA_2048"), "UnsupportedOperationException", text)
	_, err := c.ImportKeyMaterial(t.Context(), &kms.ImportKeyMaterialInput{KeyId: key.KeyId, ImportToken: []byte("x"), EncryptedKeyMaterial: []byte("x")})
	refused(t, err, "UnsupportedOperationException", text)
	_, err = c.DeleteImportedKeyMaterial(t.Context(), &kms.DeleteImportedKeyMaterialInput{KeyId: key.KeyId})
	refused(t, err, "UnsupportedOperationException", text)
	external := createExternal(t, c, "", "")
	_, err = c.EnableKeyRotation(t.Context(), &kms.EnableKeyRotationInput{KeyId: external.KeyId})
	refused(t, err, "UnsupportedOperationException", *external.Arn+" origin is EXTERNAL which is not valid for this operation.")
	must[*kms.ScheduleKeyDeletionOutput](t)(c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: external.KeyId}))
	refused(t, get(external.KeyId, "RSAES_OAEP_SHA_256", "RSA_2048"), "KMSInvalidStateException", *external.Arn+" is pending deletion.")
}

// A token is good for its key, for a day, and material for the token's wrapping key and the key's spec.
func TestImportRefused(t *testing.T) {
	e, c, _ := startChecked(t)
	e.Clock.Freeze(time.Date(2031, 3, 1, 12, 0, 0, 0, time.UTC))
	key, other, private := createExternal(t, c, "", ""), createExternal(t, c, "", ""), createExternal(t, c, "ECC_NIST_P256", "SIGN_VERIFY")
	i, o, p := newImporter(t, c, key.KeyId), newImporter(t, c, other.KeyId), newImporter(t, c, private.KeyId)
	material := random(32)
	never := types.ExpirationModelTypeKeyMaterialDoesNotExpire

	_, err := importer{c, other.KeyId, i.parameters}.put(t, material, kms.ImportKeyMaterialInput{})
	refused(t, err, "InvalidImportTokenException", "")
	changed := *i.parameters
	changed.ImportToken = bytes.Clone(changed.ImportToken)
	changed.ImportToken[100] ^= 1
	_, err = importer{c, key.KeyId, &changed}.put(t, material, kms.ImportKeyMaterialInput{})
	refused(t, err, "InvalidImportTokenException", "")
	mixed := *i.parameters
	mixed.PublicKey = o.parameters.PublicKey
	_, err = importer{c, key.KeyId, &mixed}.put(t, material, kms.ImportKeyMaterialInput{})
	refused(t, err, "InvalidCiphertextException", "")
	for _, size := range []int{0, 16, 31, 33} {
		_, err = i.put(t, random(size), kms.ImportKeyMaterialInput{})
		refused(t, err, "IncorrectKeyMaterialException", "SYMMETRIC_DEFAULT")
	}
	for _, wrong := range [][]byte{
		random(32),
		must[[]byte](t)(x509.MarshalPKCS8PrivateKey(must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P224(), rand.Reader)))),
		must[[]byte](t)(x509.MarshalPKCS8PrivateKey(must[*ecdh.PrivateKey](t)(ecdh.X25519().GenerateKey(rand.Reader)))), // no key that signs
	} {
		_, err = p.put(t, wrong, kms.ImportKeyMaterialInput{})
		refused(t, err, "IncorrectKeyMaterialException", "ECC_NIST_P256")
	}

	for _, size := range []int{1, 255, 257, 512} { // the wrapping key's is 256
		_, err = c.ImportKeyMaterial(t.Context(), &kms.ImportKeyMaterialInput{KeyId: key.KeyId, ImportToken: i.parameters.ImportToken, EncryptedKeyMaterial: random(size), ExpirationModel: never})
		refused(t, err, "ValidationException", "Invalid encrypted key size.")
	}
	wrapping := parameters(t, c, private.KeyId, types.AlgorithmSpecRsaAesKeyWrapSha256, types.WrappingKeySpecRsa2048)
	_, err = c.ImportKeyMaterial(t.Context(), &kms.ImportKeyMaterialInput{KeyId: private.KeyId, ImportToken: wrapping.ImportToken, EncryptedKeyMaterial: random(256), ExpirationModel: never})
	refused(t, err, "ValidationException", "Invalid encrypted key size.")
	_, err = c.ImportKeyMaterial(t.Context(), &kms.ImportKeyMaterialInput{KeyId: private.KeyId, ImportToken: wrapping.ImportToken, EncryptedKeyMaterial: random(257), ExpirationModel: never})
	refused(t, err, "InvalidCiphertextException", "")

	now := e.Clock.Now()
	for text, in := range map[string]kms.ImportKeyMaterialInput{
		"cannot be specified for a key with an expiration model of KEY_MATERIAL_DOES_NOT_EXPIRE": {ExpirationModel: never, ValidTo: aws.Time(now.Add(day))},
		"A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES":              {ExpirationModel: types.ExpirationModelTypeKeyMaterialExpires}, // recorded by LocalStack
		"ValidTo must be in the future": {ValidTo: &now},
		"no more than 365 days":         {ValidTo: aws.Time(now.Add(365*day + time.Second))},
		"You cannot specify KeyMaterialId when ImportType is NEW_KEY_MATERIAL": {ImportType: types.ImportTypeNewKeyMaterial, KeyMaterialId: aws.String(strings.Repeat("a", 64))},
	} {
		_, err = i.put(t, material, in)
		refused(t, err, "ValidationException", text)
	}
	for _, in := range []kms.ImportKeyMaterialInput{{ImportType: types.ImportTypeExistingKeyMaterial}, {KeyMaterialId: aws.String(strings.Repeat("a", 64))}} {
		_, err = i.put(t, material, in)
		refused(t, err, "IncorrectKeyMaterialException", "")
	}
	for _, in := range []kms.ImportKeyMaterialInput{{ImportType: types.ImportTypeNewKeyMaterial}, {KeyMaterialId: aws.String(strings.Repeat("a", 64))}, {KeyMaterialDescription: aws.String("x")}} {
		_, err = p.put(t, random(32), in)
		refused(t, err, "UnsupportedOperationException", "symmetric")
	}
	_, err = c.DeleteImportedKeyMaterial(t.Context(), &kms.DeleteImportedKeyMaterialInput{KeyId: private.KeyId, KeyMaterialId: aws.String(strings.Repeat("a", 64))})
	refused(t, err, "UnsupportedOperationException", "symmetric")
	_, err = c.DeleteImportedKeyMaterial(t.Context(), &kms.DeleteImportedKeyMaterialInput{KeyId: key.KeyId, KeyMaterialId: aws.String(strings.Repeat("a", 64))})
	refused(t, err, "NotFoundException", "")
	must[*kms.DeleteImportedKeyMaterialOutput](t)(c.DeleteImportedKeyMaterial(t.Context(), &kms.DeleteImportedKeyMaterialInput{KeyId: key.KeyId}))

	// Without material a key is of no use.
	_, err = c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("x")})
	refused(t, err, "KMSInvalidStateException", *key.Arn+" is pending import.")
	_, err = c.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: private.KeyId})
	refused(t, err, "KMSInvalidStateException", *private.Arn+" is pending import.")
	_, err = c.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: key.KeyId})
	refused(t, err, "KMSInvalidStateException", *key.Arn+" is pending import.")
	_, err = c.RotateKeyOnDemand(t.Context(), &kms.RotateKeyOnDemandInput{KeyId: key.KeyId})
	refused(t, err, "KMSInvalidStateException", *key.Arn+" is pending import.")

	e.Clock.Advance(day)
	_, err = i.put(t, material, kms.ImportKeyMaterialInput{})
	refused(t, err, "ExpiredImportTokenException", "")
	e.Clock.Advance(-time.Second)
	must[*kms.ImportKeyMaterialOutput](t)(i.put(t, material, kms.ImportKeyMaterialInput{}))
	_, err = c.RotateKeyOnDemand(t.Context(), &kms.RotateKeyOnDemandInput{KeyId: key.KeyId})
	refused(t, err, "KMSInvalidStateException", "No available key material pending rotation for the key: "+*key.Arn+".")
}

// Material expires on the clock, and comes back when the same is imported again.
func TestImportedMaterialExpires(t *testing.T) {
	e, c, _ := startChecked(t)
	now := time.Date(2031, 3, 1, 12, 0, 0, 0, time.UTC)
	e.Clock.Freeze(now)
	key := createExternal(t, c, "", "")
	i, material := newImporter(t, c, key.KeyId), random(32)
	out := must[*kms.ImportKeyMaterialOutput](t)(i.put(t, material, kms.ImportKeyMaterialInput{ValidTo: aws.Time(now.Add(time.Hour)), KeyMaterialDescription: aws.String("first")}))
	if m := describe(t, c, key.KeyId); m.ExpirationModel != types.ExpirationModelTypeKeyMaterialExpires || !m.ValidTo.Equal(now.Add(time.Hour)) || *m.CurrentKeyMaterialId != *out.KeyMaterialId {
		t.Errorf("imported: %+v", m)
	}
	blob := encrypt(t, c, key.KeyId)
	for _, swept := range []bool{false, true} {
		e.Clock.Freeze(now.Add(2 * time.Hour))
		if swept {
			createKey(t, c, "", "") // whoever writes destroys what has expired
		}
		if m := describe(t, c, key.KeyId); m.KeyState != types.KeyStatePendingImport || m.Enabled || m.ExpirationModel != "" || m.ValidTo != nil || *m.CurrentKeyMaterialId != *out.KeyMaterialId {
			t.Errorf("expired, swept %v: %+v", swept, m)
		}
		_, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob})
		refused(t, err, "KMSInvalidStateException", *key.Arn+" is pending import.")
		if _, all := rotations(t, c, key.KeyId, types.IncludeKeyMaterialAllKeyMaterial); len(all) != 1 || all[0].ImportState != types.ImportStatePendingImport || all[0].ExpirationModel != "" || *all[0].KeyMaterialDescription != "first" {
			t.Errorf("expired, swept %v: %+v", swept, all)
		}
	}
	e.Clock.Freeze(now) // which brings nothing back that is destroyed
	if m := describe(t, c, key.KeyId); m.KeyState != types.KeyStatePendingImport {
		t.Errorf("after a sweep the clock is moved back: %s", m.KeyState)
	}
	e.Clock.Freeze(now.Add(2 * time.Hour))
	_, err := i.put(t, random(32), kms.ImportKeyMaterialInput{})
	refused(t, err, "IncorrectKeyMaterialException", "")
	must[*kms.ImportKeyMaterialOutput](t)(i.put(t, material, kms.ImportKeyMaterialInput{}))
	decrypts(t, c, blob, out.KeyMaterialId)
	if _, all := rotations(t, c, key.KeyId, types.IncludeKeyMaterialAllKeyMaterial); *all[0].KeyMaterialDescription != "first" || all[0].ImportState != types.ImportStateImported || all[0].ExpirationModel != types.ExpirationModelTypeKeyMaterialDoesNotExpire {
		t.Errorf("imported again: %+v", all)
	}

	// Importing it again moves its end; deleting it is as its end, and at once.
	must[*kms.ImportKeyMaterialOutput](t)(i.put(t, material, kms.ImportKeyMaterialInput{ValidTo: aws.Time(now.Add(3 * time.Hour))}))
	must[*kms.ImportKeyMaterialOutput](t)(i.put(t, material, kms.ImportKeyMaterialInput{ValidTo: aws.Time(now.Add(5 * time.Hour))}))
	e.Clock.Freeze(now.Add(4 * time.Hour))
	createKey(t, c, "", "")
	decrypts(t, c, blob, out.KeyMaterialId)
	must[*kms.DisableKeyOutput](t)(c.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: key.KeyId}))
	if d := must[*kms.DeleteImportedKeyMaterialOutput](t)(c.DeleteImportedKeyMaterial(t.Context(), &kms.DeleteImportedKeyMaterialInput{KeyId: key.KeyId})); *d.KeyId != *key.Arn || *d.KeyMaterialId != *out.KeyMaterialId {
		t.Errorf("deleted %+v", d)
	}
	_, err = c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob})
	refused(t, err, "KMSInvalidStateException", *key.Arn+" is pending import.")
	must[*kms.ImportKeyMaterialOutput](t)(i.put(t, material, kms.ImportKeyMaterialInput{}))
	if m := describe(t, c, key.KeyId); m.KeyState != types.KeyStateEnabled {
		t.Errorf("imported again: %s", m.KeyState)
	}
	decrypts(t, c, blob, out.KeyMaterialId)
}

// A symmetric key has several materials: one waits for a rotation on demand, and all that have been in force are needed.
func TestImportedMaterials(t *testing.T) {
	e, c, gone := startChecked(t)
	now := time.Date(2031, 3, 1, 12, 0, 0, 0, time.UTC)
	e.Clock.Freeze(now)
	key := createExternal(t, c, "", "")
	i, first, second := newImporter(t, c, key.KeyId), random(32), random(32)
	states := func(want ...string) []types.RotationsListEntry {
		t.Helper()
		shown, entries := rotations(t, c, key.KeyId, types.IncludeKeyMaterialAllKeyMaterial)
		if !slices.Equal(shown, want) {
			t.Errorf("materials %q, want %q", shown, want)
		}
		return entries
	}
	put := func(material []byte, in kms.ImportKeyMaterialInput) *string {
		t.Helper()
		return must[*kms.ImportKeyMaterialOutput](t)(i.put(t, material, in)).KeyMaterialId
	}
	remove := func(id *string) {
		t.Helper()
		must[*kms.DeleteImportedKeyMaterialOutput](t)(c.DeleteImportedKeyMaterial(t.Context(), &kms.DeleteImportedKeyMaterialInput{KeyId: key.KeyId, KeyMaterialId: id}))
	}
	anew := kms.ImportKeyMaterialInput{ImportType: types.ImportTypeNewKeyMaterial}
	states()
	firstID := put(first, kms.ImportKeyMaterialInput{})
	old := encrypt(t, c, key.KeyId)
	_, err := i.put(t, first, anew)
	refused(t, err, "IncorrectKeyMaterialException", "already associated")
	_, err = i.put(t, second, kms.ImportKeyMaterialInput{})
	refused(t, err, "IncorrectKeyMaterialException", "")

	secondID := put(second, anew)
	states("CURRENT", "PENDING_ROTATION")
	_, err = i.put(t, random(32), anew)
	refused(t, err, "KMSInvalidStateException", "cannot be imported into KMS key "+*key.Arn+", because another key material (id: "+*secondID+") is pending rotation.")
	decrypts(t, c, encrypt(t, c, key.KeyId), firstID)
	remove(secondID) // which the key does not have for good
	states("CURRENT")
	put(random(32), kms.ImportKeyMaterialInput{ImportType: types.ImportTypeNewKeyMaterial, ValidTo: aws.Time(now.Add(time.Hour))})
	e.Clock.Freeze(now.Add(2 * time.Hour)) // nor one that has expired
	states("CURRENT")
	if again := put(second, anew); *again != *secondID {
		t.Errorf("the same material in the same key is %s, and was %s", *again, *secondID)
	}
	if m := describe(t, c, key.KeyId); m.KeyState != types.KeyStateEnabled || *m.CurrentKeyMaterialId != *firstID {
		t.Errorf("pending: %+v", m)
	}
	must[*kms.RotateKeyOnDemandOutput](t)(c.RotateKeyOnDemand(t.Context(), &kms.RotateKeyOnDemandInput{KeyId: key.KeyId}))
	if entries := states("NON_CURRENT", "CURRENT ON_DEMAND"); !entries[1].RotationDate.Equal(now.Add(2*time.Hour)) || *entries[1].KeyMaterialId != *secondID {
		t.Errorf("rotated: %+v", entries[1])
	}
	decrypts(t, c, old, firstID)
	fresh := encrypt(t, c, key.KeyId)
	decrypts(t, c, fresh, secondID)

	remove(firstID)
	if m := describe(t, c, key.KeyId); m.KeyState != types.KeyStatePendingImport || *m.CurrentKeyMaterialId != *secondID {
		t.Errorf("the first is deleted: %+v", m)
	}
	_, err = c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: fresh})
	refused(t, err, "KMSInvalidStateException", *key.Arn+" is pending import.")
	remove(nil) // the current one
	put(first, kms.ImportKeyMaterialInput{KeyMaterialId: firstID})
	if m := describe(t, c, key.KeyId); m.KeyState != types.KeyStatePendingImport {
		t.Errorf("one of two is imported again: %s", m.KeyState)
	}
	_, err = i.put(t, second, kms.ImportKeyMaterialInput{KeyMaterialId: firstID})
	refused(t, err, "IncorrectKeyMaterialException", *firstID)
	put(second, kms.ImportKeyMaterialInput{ValidTo: aws.Time(now.Add(100 * day))})
	decrypts(t, c, old, firstID)
	decrypts(t, c, fresh, secondID)
	if m := describe(t, c, key.KeyId); !m.ValidTo.Equal(now.Add(100 * day)) {
		t.Errorf("expires %v", m.ValidTo)
	}

	must[*kms.ScheduleKeyDeletionOutput](t)(c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: key.KeyId}))
	_, err = i.put(t, second, kms.ImportKeyMaterialInput{})
	refused(t, err, "KMSInvalidStateException", *key.Arn+" is pending deletion.")
	e.Clock.Advance(31 * day)
	createKey(t, c, "", "")
	gone(*key.KeyId)
}

// Policies see with what a key rotates and how material is imported.
func TestMaterialConditionKeys(t *testing.T) {
	e, c := start(t)
	e.Clock.Freeze(time.Date(2031, 3, 1, 12, 0, 0, 0, time.UTC))
	rotating, imported := createKey(t, c, "", ""), createExternal(t, c, "", "")
	allow := func(action, condition string) string {
		return `{"Effect":"Allow","Action":"kms:` + action + `","Resource":"*","Condition":` + condition + `}`
	}
	bob := kms.NewFromConfig(newUser(t, e, e.Config(), "bob", strings.Join([]string{
		allow("EnableKeyRotation", `{"NumericLessThan":{"kms:RotationPeriodInDays":"200"}}`),
		allow("GetParametersForImport", `{"StringEquals":{"kms:WrappingAlgorithm":"RSAES_OAEP_SHA_256","kms:WrappingKeySpec":"RSA_2048"}}`),
		allow("ImportKeyMaterial", `{"StringEquals":{"kms:ExpirationModel":"KEY_MATERIAL_EXPIRES"},"DateLessThan":{"kms:ValidTo":"2031-04-01T00:00:00Z"}}`),
	}, ",")))
	for days, ok := range map[int32]bool{100: true, 200: false} {
		_, err := bob.EnableKeyRotation(t.Context(), &kms.EnableKeyRotationInput{KeyId: rotating.Arn, RotationPeriodInDays: &days})
		if (err == nil) != ok {
			t.Errorf("%d days: %v", days, err)
		}
	}
	get := func(algorithm types.AlgorithmSpec, spec types.WrappingKeySpec) (*kms.GetParametersForImportOutput, error) {
		return bob.GetParametersForImport(t.Context(), &kms.GetParametersForImportInput{KeyId: imported.Arn, WrappingAlgorithm: algorithm, WrappingKeySpec: spec})
	}
	_, err := get(types.AlgorithmSpecRsaesOaepSha1, types.WrappingKeySpecRsa2048)
	refused(t, err, "AccessDeniedException", "kms:GetParametersForImport")
	_, err = get(types.AlgorithmSpecRsaesOaepSha256, types.WrappingKeySpecRsa4096)
	refused(t, err, "AccessDeniedException", "kms:GetParametersForImport")
	i := importer{bob, imported.Arn, must[*kms.GetParametersForImportOutput](t)(get(types.AlgorithmSpecRsaesOaepSha256, types.WrappingKeySpecRsa2048))}
	material := random(32)
	_, err = i.put(t, material, kms.ImportKeyMaterialInput{})
	refused(t, err, "AccessDeniedException", "kms:ImportKeyMaterial")
	_, err = i.put(t, material, kms.ImportKeyMaterialInput{ValidTo: aws.Time(e.Clock.Now().Add(60 * day))})
	refused(t, err, "AccessDeniedException", "kms:ImportKeyMaterial")
	must[*kms.ImportKeyMaterialOutput](t)(i.put(t, material, kms.ImportKeyMaterialInput{ValidTo: aws.Time(e.Clock.Now().Add(20 * day))}))
}
