package kms_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"emulator/emulatortest"
	"emulator/identity"
	"emulator/server"
	"emulator/store"
	"emulator/store/bolt"
)

// heard keeps the responses of operations, by the operation, and whatever else is written to it.
type heard struct {
	mu    sync.Mutex
	texts map[string][]byte
}

func (h *heard) add(where string, text []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.texts[where] = append(h.texts[where], text...)
}

// writer is an io.Writer of what is heard somewhere.
type writer struct {
	h     *heard
	where string
}

func (w writer) Write(p []byte) (int, error) {
	w.h.add(w.where, p)
	return len(p), nil
}

// listener is an HTTP client that keeps what it gets.
type listener struct {
	aws.HTTPClient
	h *heard
}

func (l listener) Do(r *http.Request) (*http.Response, error) {
	response, err := l.HTTPClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	l.h.add("response of "+operation, body)
	l.h.add("response of "+operation, fmt.Append(nil, response.Header))
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, err
}

// secret is what may be in the responses of some operations, and nowhere else.
type secret struct {
	name  string
	value []byte
	told  []string
}

// forms are the ways in which pieces of a secret could be written: as they are, and as Go's fmt and encodings do.
func (s secret) forms() [][]byte {
	const size = 15
	var forms [][]byte
	for _, at := range []int{0, len(s.value) / 2 / 3 * 3, len(s.value) - size} {
		piece := s.value[max(at, 0):min(max(at, 0)+size, len(s.value))]
		forms = append(forms, piece, []byte(hex.EncodeToString(piece)), fmt.Appendf(nil, "%X", piece), bytes.Trim(fmt.Append(nil, piece), "[]"))
		for shift := range 3 { // in which base64 can begin before the piece
			shifted := piece[shift : shift+(len(piece)-shift)/3*3]
			forms = append(forms, []byte(base64.StdEncoding.EncodeToString(shifted)), []byte(base64.URLEncoding.EncodeToString(shifted)))
		}
	}
	return forms
}

// privateParts are what is secret of a private key in PKCS #8, where there are public parts, too.
func privateParts(t *testing.T, name string, der []byte) []secret {
	t.Helper()
	var info struct {
		Version   int
		Algorithm asn1.RawValue
		Private   []byte
	}
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		return []secret{{name: name, value: der}} // of a symmetric or HMAC key
	}
	if key, err := x509.ParsePKCS1PrivateKey(info.Private); err == nil {
		return rsaParts(name, key)
	}
	var ec struct {
		Version int
		Private []byte
		Rest    asn1.RawValue `asn1:"optional,explicit,tag:0"`
		Public  asn1.RawValue `asn1:"optional,explicit,tag:1"`
	}
	if _, err := asn1.Unmarshal(info.Private, &ec); err == nil && ec.Version == 1 {
		return []secret{{name: name, value: ec.Private}}
	}
	return []secret{{name: name, value: info.Private[2:]}} // a seed, behind its tag and its length
}

func rsaParts(name string, key *rsa.PrivateKey) []secret {
	return []secret{
		{name: name + " d", value: key.D.Bytes()}, {name: name + " p", value: key.Primes[0].Bytes()}, {name: name + " q", value: key.Primes[1].Bytes()},
		{name: name + " 1/q mod p", value: key.Precomputed.Qinv.Bytes()},
	}
}

// No byte of key material is where it does not belong: not in the database with its free pages, nor in another file than that of the master
// key, nor in the log at its most talkative, an event, a decision, or a response that has not to carry it.
func TestKeyMaterialStaysInside(t *testing.T) {
	master, dir := random(identity.MasterKeySize), t.TempDir()
	h := &heard{texts: make(map[string][]byte)}
	var secrets []secret
	t.Run("calls", func(t *testing.T) { // the end of which stops the emulator
		e := emulatortest.Start(t, server.Config{DataDir: dir, MasterKey: hex.EncodeToString(master), Log: slog.New(slog.NewTextHandler(writer{h, "log"}, &slog.HandlerOptions{Level: slog.LevelDebug}))})
		config := e.Config()
		config.HTTPClient = listener{config.HTTPClient, h}
		secrets = useEverything(t, kms.NewFromConfig(config), func(key *types.KeyMetadata, token []byte) []byte {
			return must[[]byte](t)(must[*identity.Keyring](t)(identity.NewKeyring(master)).Open(token, "kms import "+*key.Arn))
		})
		// Decisions keep the more of a call that is denied.
		user := newUser(t, e, config, "bob", `{"Effect":"Allow","Action":["kms:CreateKey","kms:TagResource"],"Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/_custom_key_material_":"x"}}}`)
		user.HTTPClient = config.HTTPClient
		bob, fixed := kms.NewFromConfig(user), random(32)
		secrets = append(secrets, secret{name: "_custom_key_material_ of who may not", value: fixed})
		_, err := bob.CreateKey(t.Context(), &kms.CreateKeyInput{Tags: tagged("_custom_key_material_", base64.StdEncoding.EncodeToString(fixed))})
		refused(t, err, "AccessDeniedException", "kms:CreateKey")
		_, err = bob.Encrypt(t.Context(), &kms.EncryptInput{KeyId: aws.String("alias/none"), Plaintext: secrets[0].value})
		refused(t, err, "AccessDeniedException", "kms:Encrypt")
		// What is sealed to an enclave is in no response at all.
		n, c, ctx := newEnclave(t, e), kms.NewFromConfig(config), t.Context()
		to, key, plaintext := n.recipient(t, server.AttestationRequest{}), createKey(t, c, "", "").KeyId, random(64)
		blob := must[*kms.EncryptOutput](t)(c.Encrypt(ctx, &kms.EncryptInput{KeyId: key, Plaintext: plaintext})).CiphertextBlob
		must[*kms.DecryptOutput](t)(c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob, Recipient: to}))
		data := must[*kms.GenerateDataKeyOutput](t)(c.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: key, KeySpec: "AES_256", Recipient: to}))
		some := must[*kms.GenerateRandomOutput](t)(c.GenerateRandom(ctx, &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(32), Recipient: to}))
		secrets = append(secrets, secret{name: "a plaintext for an enclave", value: plaintext},
			secret{name: "a data key for an enclave", value: n.open(t, data.CiphertextForRecipient)}, secret{name: "random bytes for an enclave", value: n.open(t, some.CiphertextForRecipient)})
		for _, path := range []string{"events?limit=1000", "decisions?limit=1000"} {
			response, err := http.Get(e.URL + "/_emulator/" + path)
			if err != nil {
				t.Fatal(err)
			}
			text := must[[]byte](t)(io.ReadAll(response.Body))
			response.Body.Close()
			if response.StatusCode != http.StatusOK || len(text) < 1000 {
				t.Fatalf("%s: %s %.200s", path, response.Status, text)
			}
			h.add(path, text)
		}
	})
	if t.Failed() {
		return
	}
	for _, s := range storedMaterial(t, dir, master) {
		secrets = append(secrets, privateParts(t, s.name, s.value)...)
	}
	if len(secrets) < 60 {
		t.Errorf("%d secrets", len(secrets))
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		h.add("file "+file.Name(), must[[]byte](t)(os.ReadFile(filepath.Join(dir, file.Name()))))
	}
	found := 0
	for _, s := range secrets {
		for _, form := range s.forms() {
			for where, text := range h.texts {
				in := bytes.Contains(text, form)
				operation, _ := strings.CutPrefix(where, "response of ")
				switch may := slices.Contains(s.told, operation); {
				case in && !may:
					t.Errorf("%s is in the %s: %q", s.name, where, form)
				case in:
					found++
				}
			}
		}
	}
	if found == 0 {
		t.Error("nothing is found where it belongs, either")
	}
}

// storedMaterial returns the material in a database, of every key and with every material that it had.
func storedMaterial(t *testing.T, dir string, master []byte) (all []secret) {
	t.Helper()
	keyring := must[*identity.Keyring](t)(identity.NewKeyring(master))
	db := must[*bolt.DB](t)(bolt.Open(filepath.Join(dir, "emulator.db"), bolt.Options{}))
	defer db.Close()
	err := db.View(t.Context(), func(r store.Reader) error {
		for _, table := range []string{"kms-material", "hsm-material"} {
			for key, sealed := range r.Scan(store.Key(table), nil) {
				parts := store.Parts(key)[1:]
				holder := "kms"
				if table == "hsm-material" {
					holder = "hsm " + parts[2]
					parts = slices.Delete(parts, 2, 3)
				}
				raw, err := keyring.Open(sealed, holder+" {"+strings.Join(parts, " ")+"}")
				if err != nil {
					return err
				}
				all = append(all, secret{name: "the material of " + strings.Join(parts, " "), value: raw})
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// useEverything makes keys of every kind and uses them in every way, and returns the secrets that went in or came out. open opens an import
// token of a key.
func useEverything(t *testing.T, c *kms.Client, open func(*types.KeyMetadata, []byte) []byte) (secrets []secret) {
	ctx := t.Context()
	tell := func(name string, value []byte, operations ...string) {
		secrets = append(secrets, secret{name, value, operations})
	}
	key := createKey(t, c, "", "")
	plaintext := random(64)
	tell("the plaintext", plaintext, "Decrypt")
	blob := must[*kms.EncryptOutput](t)(c.Encrypt(ctx, &kms.EncryptInput{KeyId: key.KeyId, Plaintext: plaintext})).CiphertextBlob
	must[*kms.RotateKeyOnDemandOutput](t)(c.RotateKeyOnDemand(ctx, &kms.RotateKeyOnDemandInput{KeyId: key.KeyId}))
	moved := must[*kms.ReEncryptOutput](t)(c.ReEncrypt(ctx, &kms.ReEncryptInput{CiphertextBlob: blob, DestinationKeyId: key.KeyId})).CiphertextBlob
	for _, blob := range [][]byte{blob, moved} {
		must[*kms.DecryptOutput](t)(c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob}))
	}
	_, err := c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: map[string]string{"a": "b"}})
	refused(t, err, "InvalidCiphertextException", "")
	createMultiRegion(t, c, kms.CreateKeyInput{})

	data := must[*kms.GenerateDataKeyOutput](t)(c.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: key.KeyId, KeySpec: "AES_256"}))
	tell("a data key", data.Plaintext, "GenerateDataKey")
	blind := must[*kms.GenerateDataKeyWithoutPlaintextOutput](t)(c.GenerateDataKeyWithoutPlaintext(ctx, &kms.GenerateDataKeyWithoutPlaintextInput{KeyId: key.KeyId, KeySpec: "AES_256"}))
	tell("a data key without plaintext", must[*kms.DecryptOutput](t)(c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blind.CiphertextBlob})).Plaintext, "Decrypt")
	for _, spec := range types.DataKeyPairSpec("").Values() {
		if spec == types.DataKeyPairSpecSm2 {
			continue // of China
		}
		pair := must[*kms.GenerateDataKeyPairOutput](t)(c.GenerateDataKeyPair(ctx, &kms.GenerateDataKeyPairInput{KeyId: key.KeyId, KeyPairSpec: spec}))
		for _, part := range privateParts(t, "a data key pair "+string(spec), pair.PrivateKeyPlaintext) {
			tell(part.name, part.value, "GenerateDataKeyPair")
		}
	}
	blindPair := must[*kms.GenerateDataKeyPairWithoutPlaintextOutput](t)(c.GenerateDataKeyPairWithoutPlaintext(ctx, &kms.GenerateDataKeyPairWithoutPlaintextInput{KeyId: key.KeyId, KeyPairSpec: "RSA_2048"}))
	opened := must[*kms.DecryptOutput](t)(c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blindPair.PrivateKeyCiphertextBlob})).Plaintext
	for _, part := range privateParts(t, "a data key pair without plaintext", opened) {
		tell(part.name, part.value, "Decrypt")
	}
	tell("random bytes", must[*kms.GenerateRandomOutput](t)(c.GenerateRandom(ctx, &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(32)})).Plaintext, "GenerateRandom")

	for _, spec := range signingSpecs {
		k := createKey(t, c, spec, types.KeyUsageTypeSignVerify)
		signature := must[*kms.SignOutput](t)(c.Sign(ctx, &kms.SignInput{KeyId: k.KeyId, Message: plaintext[:1], SigningAlgorithm: k.SigningAlgorithms[0]})).Signature
		must[*kms.VerifyOutput](t)(c.Verify(ctx, &kms.VerifyInput{KeyId: k.KeyId, Message: plaintext[:1], SigningAlgorithm: k.SigningAlgorithms[0], Signature: signature}))
		must[*kms.GetPublicKeyOutput](t)(c.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: k.KeyId}))
	}
	oaep := createKey(t, c, types.KeySpecRsa2048, types.KeyUsageTypeEncryptDecrypt)
	wrapped := must[*kms.EncryptOutput](t)(c.Encrypt(ctx, &kms.EncryptInput{KeyId: oaep.KeyId, Plaintext: plaintext, EncryptionAlgorithm: "RSAES_OAEP_SHA_256"})).CiphertextBlob
	must[*kms.DecryptOutput](t)(c.Decrypt(ctx, &kms.DecryptInput{KeyId: oaep.KeyId, CiphertextBlob: wrapped, EncryptionAlgorithm: "RSAES_OAEP_SHA_256"}))
	for _, spec := range []types.KeySpec{types.KeySpecHmac224, types.KeySpecHmac256, types.KeySpecHmac384, types.KeySpecHmac512} {
		k := createKey(t, c, spec, types.KeyUsageTypeGenerateVerifyMac)
		must[*kms.GenerateMacOutput](t)(c.GenerateMac(ctx, &kms.GenerateMacInput{KeyId: k.KeyId, Message: plaintext, MacAlgorithm: k.MacAlgorithms[0]}))
	}
	agreeing := createKey(t, c, types.KeySpecEccNistP384, types.KeyUsageTypeKeyAgreement)
	peer := must[*ecdh.PrivateKey](t)(ecdh.P384().GenerateKey(rand.Reader))
	derived := must[*kms.DeriveSharedSecretOutput](t)(c.DeriveSharedSecret(ctx, &kms.DeriveSharedSecretInput{KeyId: agreeing.KeyId, KeyAgreementAlgorithm: "ECDH", PublicKey: must[[]byte](t)(x509.MarshalPKIXPublicKey(peer.Public()))}))
	tell("a derived secret", derived.SharedSecret, "DeriveSharedSecret")
	for _, spec := range []types.KeySpec{types.KeySpecMlKem512, types.KeySpecMlKem768, types.KeySpecMlKem1024} {
		k := createKey(t, c, spec, types.KeyUsageTypeEncapsulateDecapsulate)
		made := must[*kms.EncapsulateOutput](t)(c.Encapsulate(ctx, &kms.EncapsulateInput{KeyId: k.KeyId, EncapsulationAlgorithm: "ML_KEM"}))
		must[*kms.DecapsulateOutput](t)(c.Decapsulate(ctx, &kms.DecapsulateInput{KeyId: k.KeyId, EncapsulationAlgorithm: "ML_KEM", SharedSecretCiphertextBlob: made.SharedSecretCiphertextBlob}))
		tell("an encapsulated secret", made.SharedSecret, "Encapsulate", "Decapsulate")
	}

	// Material from outside.
	pkcs8 := func(private any, err error) []byte {
		return must[[]byte](t)(x509.MarshalPKCS8PrivateKey(must[any](t)(private, err)))
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	rsaKey, err2 := rsa.GenerateKey(rand.Reader, 2048)
	ecKey, err3 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	for _, imported := range []struct {
		spec     types.KeySpec
		usage    types.KeyUsageType
		material []byte
	}{
		{types.KeySpecSymmetricDefault, "", random(32)}, {types.KeySpecHmac512, types.KeyUsageTypeGenerateVerifyMac, random(64)}, {types.KeySpecRsa2048, types.KeyUsageTypeSignVerify, pkcs8(rsaKey, err2)},
		{types.KeySpecEccNistP256, types.KeyUsageTypeSignVerify, pkcs8(ecKey, err3)}, {types.KeySpecEccNistEdwards25519, types.KeyUsageTypeSignVerify, pkcs8(edwards, err)},
	} {
		for _, secret := range privateParts(t, "the imported "+string(imported.spec), imported.material) {
			tell(secret.name, secret.value)
		}
		k := createExternal(t, c, imported.spec, imported.usage)
		algorithm, wrappedSize := types.AlgorithmSpecRsaAesKeyWrapSha256, 300
		if imported.spec == types.KeySpecSymmetricDefault || imported.usage == types.KeyUsageTypeGenerateVerifyMac {
			algorithm, wrappedSize = types.AlgorithmSpecRsaesOaepSha256, 256
		}
		p := parameters(t, c, k.KeyId, algorithm, types.WrappingKeySpecRsa2048)
		var token struct{ PrivateKey []byte }
		if err := json.Unmarshal(open(k, p.ImportToken), &token); err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, rsaParts("a wrapping key", must[any](t)(x509.ParsePKCS8PrivateKey(token.PrivateKey)).(*rsa.PrivateKey))...)
		_, err := c.ImportKeyMaterial(ctx, &kms.ImportKeyMaterialInput{KeyId: k.KeyId, ImportToken: p.ImportToken, EncryptedKeyMaterial: random(wrappedSize), ExpirationModel: types.ExpirationModelTypeKeyMaterialDoesNotExpire})
		refused(t, err, "InvalidCiphertextException", "")
		must[*kms.ImportKeyMaterialOutput](t)(c.ImportKeyMaterial(ctx, &kms.ImportKeyMaterialInput{
			KeyId: k.KeyId, ImportToken: p.ImportToken, EncryptedKeyMaterial: wrap(t, p.PublicKey, algorithm, imported.material), ExpirationModel: types.ExpirationModelTypeKeyMaterialDoesNotExpire,
		}))
		if imported.spec != types.KeySpecEccNistP256 { // the free pages hold what is deleted
			must[*kms.DeleteImportedKeyMaterialOutput](t)(c.DeleteImportedKeyMaterial(ctx, &kms.DeleteImportedKeyMaterialInput{KeyId: k.KeyId}))
		}
	}
	fixed := random(32)
	tell("_custom_key_material_", fixed)
	k := must[*kms.CreateKeyOutput](t)(c.CreateKey(ctx, &kms.CreateKeyInput{Tags: tagged("_custom_key_material_", base64.StdEncoding.EncodeToString(fixed))})).KeyMetadata
	must[*kms.ListResourceTagsOutput](t)(c.ListResourceTags(ctx, &kms.ListResourceTagsInput{KeyId: k.KeyId}))
	broken := base64.StdEncoding.EncodeToString(append(fixed, 'x'))
	_, err = c.CreateKey(ctx, &kms.CreateKeyInput{Tags: tagged("_custom_key_material_", broken)})
	refused(t, err, "ValidationException", "")

	// A custom key store.
	password := "aPassword0123456789"
	tell("the password of a key store", []byte(password))
	ks := must[*kms.CreateCustomKeyStoreOutput](t)(c.CreateCustomKeyStore(ctx, &kms.CreateCustomKeyStoreInput{
		CustomKeyStoreName: aws.String("s"), CloudHsmClusterId: aws.String("cluster-abcdefghijk"), KeyStorePassword: &password, TrustAnchorCertificate: aws.String(certificate(t)),
	})).CustomKeyStoreId
	must[*kms.ConnectCustomKeyStoreOutput](t)(c.ConnectCustomKeyStore(ctx, &kms.ConnectCustomKeyStoreInput{CustomKeyStoreId: ks}))
	held := must[*kms.CreateKeyOutput](t)(c.CreateKey(ctx, &kms.CreateKeyInput{Origin: types.OriginTypeAwsCloudhsm, CustomKeyStoreId: ks})).KeyMetadata
	must[*kms.EncryptOutput](t)(c.Encrypt(ctx, &kms.EncryptInput{KeyId: held.KeyId, Plaintext: plaintext}))
	must[*kms.ListKeysOutput](t)(c.ListKeys(ctx, nil))
	return secrets
}
