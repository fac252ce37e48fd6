package kms_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"emulator/emulatortest"
	"emulator/server"
	"emulator/services/kms/attestation/attestationtest"
)

// enclave is a key in an enclave, and the documents with which the enclave attests it.
type enclave struct {
	*rsa.PrivateKey
	e *emulatortest.Emulator
}

func newEnclave(t *testing.T, e *emulatortest.Emulator) *enclave {
	t.Helper()
	return &enclave{must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048)), e}
}

// recipient returns a Recipient with a document. Its public key is the enclave's unless another is given.
func (n *enclave) recipient(t *testing.T, in server.AttestationRequest) *types.RecipientInfo {
	t.Helper()
	if in.PublicKey == nil {
		in.PublicKey = must[[]byte](t)(x509.MarshalPKIXPublicKey(n.Public()))
	}
	body := must[[]byte](t)(json.Marshal(in))
	resp := must[*http.Response](t)(http.Post(n.e.URL+"/_emulator/attestation-document", "application/json", bytes.NewReader(body)))
	defer resp.Body.Close()
	var answer struct{ Document []byte }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Document == nil {
		t.Fatalf("%s: %v", resp.Status, err)
	}
	return &types.RecipientInfo{AttestationDocument: answer.Document, KeyEncryptionAlgorithm: types.KeyEncryptionMechanismRsaesOaepSha256}
}

func (n *enclave) open(t *testing.T, envelope []byte) []byte {
	t.Helper()
	return must[[]byte](t)(attestationtest.Open(n.PrivateKey, envelope))
}

var image = strings.Repeat("ab", 48)

// What each operation answers a recipient.
//
// https://docs.aws.amazon.com/kms/latest/developerguide/cryptographic-attestation.html
func TestRecipient(t *testing.T) {
	e, c := start(t)
	n := newEnclave(t, e)
	to, ctx := n.recipient(t, server.AttestationRequest{PCRs: map[int]string{0: image}, Nonce: []byte("n"), UserData: []byte{}}), t.Context()
	key := createKey(t, c, "", "")
	t.Run("Decrypt", func(t *testing.T) {
		for _, size := range []int{1, 16, 4096} {
			plaintext := make([]byte, size)
			rand.Read(plaintext)
			blob := must[*kms.EncryptOutput](t)(c.Encrypt(ctx, &kms.EncryptInput{KeyId: key.KeyId, Plaintext: plaintext})).CiphertextBlob
			out := must[*kms.DecryptOutput](t)(c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob, Recipient: to}))
			if out.Plaintext != nil || out.KeyMaterialId != nil || *out.KeyId != *key.Arn || !bytes.Equal(n.open(t, out.CiphertextForRecipient), plaintext) {
				t.Errorf("%+v", out)
			}
		}
		rsaKey := createKey(t, c, types.KeySpecRsa2048, types.KeyUsageTypeEncryptDecrypt)
		blob := must[*kms.EncryptOutput](t)(c.Encrypt(ctx, &kms.EncryptInput{KeyId: rsaKey.KeyId, Plaintext: []byte("hello"), EncryptionAlgorithm: "RSAES_OAEP_SHA_1"})).CiphertextBlob
		out := must[*kms.DecryptOutput](t)(c.Decrypt(ctx, &kms.DecryptInput{KeyId: rsaKey.KeyId, CiphertextBlob: blob, EncryptionAlgorithm: "RSAES_OAEP_SHA_1", Recipient: to}))
		if got := n.open(t, out.CiphertextForRecipient); string(got) != "hello" || out.Plaintext != nil {
			t.Errorf("%s, %+v", got, out)
		}
	})
	t.Run("GenerateDataKey", func(t *testing.T) {
		out := must[*kms.GenerateDataKeyOutput](t)(c.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: key.KeyId, KeySpec: "AES_256", Recipient: to}))
		plaintext := must[*kms.DecryptOutput](t)(c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: out.CiphertextBlob})).Plaintext
		if out.Plaintext != nil || out.KeyMaterialId != nil || *out.KeyId != *key.Arn || len(plaintext) != 32 || !bytes.Equal(n.open(t, out.CiphertextForRecipient), plaintext) {
			t.Errorf("%+v", out)
		}
	})
	t.Run("GenerateDataKeyPair", func(t *testing.T) {
		out := must[*kms.GenerateDataKeyPairOutput](t)(c.GenerateDataKeyPair(ctx, &kms.GenerateDataKeyPairInput{KeyId: key.KeyId, KeyPairSpec: "RSA_2048", Recipient: to}))
		plaintext := must[*kms.DecryptOutput](t)(c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: out.PrivateKeyCiphertextBlob})).Plaintext
		private := must[any](t)(x509.ParsePKCS8PrivateKey(plaintext)).(*rsa.PrivateKey)
		public := must[any](t)(x509.ParsePKIXPublicKey(out.PublicKey))
		if out.PrivateKeyPlaintext != nil || *out.KeyMaterialId != *key.CurrentKeyMaterialId || !private.PublicKey.Equal(public) || !bytes.Equal(n.open(t, out.CiphertextForRecipient), plaintext) {
			t.Errorf("%+v", out)
		}
	})
	t.Run("GenerateRandom", func(t *testing.T) {
		out := must[*kms.GenerateRandomOutput](t)(c.GenerateRandom(ctx, &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(100), Recipient: to}))
		if got := n.open(t, out.CiphertextForRecipient); out.Plaintext != nil || len(got) != 100 || bytes.Equal(got, make([]byte, 100)) {
			t.Errorf("%+v", out)
		}
	})
	t.Run("DeriveSharedSecret", func(t *testing.T) {
		ours := createKey(t, c, types.KeySpecEccNistP256, types.KeyUsageTypeKeyAgreement)
		theirs := must[*ecdh.PrivateKey](t)(ecdh.P256().GenerateKey(rand.Reader))
		in := &kms.DeriveSharedSecretInput{KeyId: ours.KeyId, KeyAgreementAlgorithm: "ECDH", PublicKey: must[[]byte](t)(x509.MarshalPKIXPublicKey(theirs.Public()))}
		plain := must[*kms.DeriveSharedSecretOutput](t)(c.DeriveSharedSecret(ctx, in))
		in.Recipient = to
		out := must[*kms.DeriveSharedSecretOutput](t)(c.DeriveSharedSecret(ctx, in))
		if out.SharedSecret != nil || plain.CiphertextForRecipient != nil || out.KeyOrigin != types.OriginTypeAwsKms || !bytes.Equal(n.open(t, out.CiphertextForRecipient), plain.SharedSecret) {
			t.Errorf("%+v", out)
		}
	})
}

// attestedCalls are the operations that take a Recipient, on a symmetric key and one for key agreement.
func attestedCalls(t *testing.T, c *kms.Client, key, agreement *types.KeyMetadata, blob []byte) map[string]func(*kms.Client, *types.RecipientInfo) error {
	ctx := t.Context()
	point := must[[]byte](t)(x509.MarshalPKIXPublicKey(must[*ecdh.PrivateKey](t)(ecdh.P256().GenerateKey(rand.Reader)).Public()))
	return map[string]func(*kms.Client, *types.RecipientInfo) error{
		"Decrypt": func(c *kms.Client, to *types.RecipientInfo) error {
			_, err := c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob, Recipient: to})
			return err
		},
		"GenerateDataKey": func(c *kms.Client, to *types.RecipientInfo) error {
			_, err := c.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: key.Arn, KeySpec: "AES_128", Recipient: to})
			return err
		},
		"GenerateDataKeyPair": func(c *kms.Client, to *types.RecipientInfo) error {
			_, err := c.GenerateDataKeyPair(ctx, &kms.GenerateDataKeyPairInput{KeyId: key.Arn, KeyPairSpec: "ECC_NIST_P256", Recipient: to})
			return err
		},
		"GenerateRandom": func(c *kms.Client, to *types.RecipientInfo) error {
			_, err := c.GenerateRandom(ctx, &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(1), Recipient: to})
			return err
		},
		"DeriveSharedSecret": func(c *kms.Client, to *types.RecipientInfo) error {
			_, err := c.DeriveSharedSecret(ctx, &kms.DeriveSharedSecretInput{KeyId: agreement.Arn, KeyAgreementAlgorithm: "ECDH", PublicKey: point, Recipient: to})
			return err
		},
	}
}

// Recipients that are not who they say, or say nothing that there is an answer to.
func TestRecipientRefusals(t *testing.T) {
	e, c := start(t)
	n := newEnclave(t, e)
	key, agreement := createKey(t, c, "", ""), createKey(t, c, types.KeySpecEccNistP256, types.KeyUsageTypeKeyAgreement)
	blob := must[*kms.EncryptOutput](t)(c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("x")})).CiphertextBlob
	with := func(in server.AttestationRequest, change func(*types.RecipientInfo)) *types.RecipientInfo {
		to := n.recipient(t, in)
		if change != nil {
			change(to)
		}
		return to
	}
	const algorithm = types.KeyEncryptionMechanismRsaesOaepSha256
	elsewhere := newEnclave(t, emulatortest.Start(t))
	refusals := map[string]struct {
		to   *types.RecipientInfo
		text string
	}{
		"no document":                      {&types.RecipientInfo{KeyEncryptionAlgorithm: algorithm}, "'recipient.attestationDocument' failed to satisfy constraint: Member must not be null"},
		"no algorithm":                     {with(server.AttestationRequest{}, func(to *types.RecipientInfo) { to.KeyEncryptionAlgorithm = "" }), "'recipient.keyEncryptionAlgorithm' failed to satisfy constraint: Member must not be null"},
		"another algorithm":                {with(server.AttestationRequest{}, func(to *types.RecipientInfo) { to.KeyEncryptionAlgorithm = "RSAES_OAEP_SHA_1" }), "Member must satisfy enum value set: [RSAES_OAEP_SHA_256]"},
		"a document of no bytes":           {&types.RecipientInfo{KeyEncryptionAlgorithm: algorithm, AttestationDocument: []byte{}}, "Member must have length greater than or equal to 1"},
		"a document longer than the model": {&types.RecipientInfo{KeyEncryptionAlgorithm: algorithm, AttestationDocument: make([]byte, 262145)}, "Member must have length less than or equal to 262144"},
		"the longest that the model has":   {&types.RecipientInfo{KeyEncryptionAlgorithm: algorithm, AttestationDocument: bytes.Repeat([]byte{0x9f}, 262144)}, "The attestation document is not valid."},
		"a signature that was changed":     {with(server.AttestationRequest{}, func(to *types.RecipientInfo) { to.AttestationDocument[len(to.AttestationDocument)-1] ^= 1 }), "The attestation document is not valid."},
		"older than its certificate":       {with(server.AttestationRequest{Age: "3h1s"}, nil), "The attestation document is not valid."},
		"of a time to come":                {with(server.AttestationRequest{Age: "-1m"}, nil), "The attestation document is not valid."},
		"under another root":               {elsewhere.recipient(t, server.AttestationRequest{}), "The attestation document is not valid."},
		"a key that is not RSA's":          {with(server.AttestationRequest{PublicKey: must[*kms.GetPublicKeyOutput](t)(c.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: agreement.KeyId})).PublicKey}, nil), "The attestation document is not valid."},
		"a key that is none":               {with(server.AttestationRequest{PublicKey: []byte("key")}, nil), "The attestation document is not valid."},
	}
	bob := kms.NewFromConfig(newUser(t, e, e.Config(), "bob", mayAssume))
	forged := refusals["a signature that was changed"].to
	for operation, call := range attestedCalls(t, c, key, agreement, blob) {
		for name, tt := range refusals {
			t.Run(operation+", "+name, func(t *testing.T) { refused(t, call(c, tt.to), "ValidationException", tt.text) })
		}
		// Permission comes before the cost of verifying.
		t.Run(operation+", not allowed", func(t *testing.T) { refused(t, call(bob, forged), "AccessDeniedException", "kms:"+operation) })
	}
	// Nor is a dry run a success with a document that is not true.
	_, err := c.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: key.KeyId, KeySpec: "AES_128", DryRun: aws.Bool(true), Recipient: forged})
	refused(t, err, "ValidationException", "not valid")
	_, err = c.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: key.KeyId, KeySpec: "AES_128", DryRun: aws.Bool(true), Recipient: n.recipient(t, server.AttestationRequest{})})
	refused(t, err, "DryRunOperationException", "")
	decrypt := &kms.DecryptInput{KeyId: key.KeyId, DryRun: aws.Bool(true), DryRunModifiers: []types.DryRunModifierType{types.DryRunModifierTypeIgnoreCiphertext}, Recipient: forged}
	_, err = c.Decrypt(t.Context(), decrypt)
	refused(t, err, "ValidationException", "not valid")
	decrypt.Recipient = n.recipient(t, server.AttestationRequest{})
	_, err = c.Decrypt(t.Context(), decrypt)
	refused(t, err, "DryRunOperationException", "")
	// The emulated time is what certificates are held against.
	to := n.recipient(t, server.AttestationRequest{})
	e.Clock.Advance(3*time.Hour + time.Second)
	refused(t, attestedCalls(t, c, key, agreement, blob)["Decrypt"](c, to), "ValidationException", "not valid")
}

// The condition keys of what a document says, in policies of users and of keys.
//
// https://docs.aws.amazon.com/kms/latest/developerguide/conditions-attestation.html
func TestRecipientConditions(t *testing.T) {
	e, c := start(t)
	n := newEnclave(t, e)
	people, ctx := iam.NewFromConfig(e.Config()), t.Context()
	bob := kms.NewFromConfig(newUser(t, e, e.Config(), "bob", mayAssume))
	key, agreement := createKey(t, c, "", ""), createKey(t, c, types.KeySpecEccNistP256, types.KeyUsageTypeKeyAgreement)
	blob := must[*kms.EncryptOutput](t)(c.Encrypt(ctx, &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("x")})).CiphertextBlob
	calls := attestedCalls(t, c, key, agreement, blob)
	zeros, last := strings.Repeat("0", 96), strings.Repeat("cd", 48)
	ofEnclave := n.recipient(t, server.AttestationRequest{PCRs: map[int]string{0: image, 8: last, 31: last}})
	debug := n.recipient(t, server.AttestationRequest{})
	tpm := n.recipient(t, server.AttestationRequest{NitroTPM: true, PCRs: map[int]string{4: image, 23: last, 24: last}})
	const equals, ignoreCase, null = "StringEquals", "StringEqualsIgnoreCase", "Null"
	for _, tt := range []struct {
		key             string
		to              *types.RecipientInfo
		operator, value string
		allowed         bool
	}{
		{"ImageSha384", ofEnclave, equals, image, true},
		{"ImageSha384", ofEnclave, equals, strings.ToUpper(image), false},
		{"ImageSha384", ofEnclave, ignoreCase, strings.ToUpper(image), true},
		{"imagesha384", ofEnclave, equals, image, true}, // of names the case does not count
		{"ImageSha384", ofEnclave, equals, zeros, false},
		{"ImageSha384", debug, equals, zeros, true},
		{"ImageSha384", debug, equals, image, false},
		{"ImageSha384", tpm, null, "true", true},
		{"ImageSha384", nil, null, "true", true},
		{"ImageSha384", nil, equals, image, false},
		{"PCR0", ofEnclave, equals, image, true},
		{"PCR1", ofEnclave, equals, zeros, true},
		{"PCR8", ofEnclave, equals, last, true},
		{"PCR8", ofEnclave, equals, zeros, false},
		{"PCR30", ofEnclave, null, "true", true},
		{"PCR31", ofEnclave, equals, last, true},
		{"PCR4", tpm, null, "true", true},
		{"NitroTPMPCR4", tpm, equals, image, true},
		{"NitroTPMPCR4", tpm, equals, last, false},
		{"NitroTPMPCR4", ofEnclave, null, "true", true},
		{"NitroTPMPCR23", tpm, equals, last, true},
		{"NitroTPMPCR24", tpm, null, "true", true}, // there is no such key
		{"PCR32", ofEnclave, null, "true", true},
	} {
		document := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{%q:{"kms:RecipientAttestation:%s":%q}}}]}`, tt.operator, tt.key, tt.value)
		must[*iam.PutUserPolicyOutput](t)(people.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: aws.String("bob"), PolicyName: aws.String("p"), PolicyDocument: &document}))
		for operation, call := range calls {
			t.Run(fmt.Sprintf("%s, %s %s %.8s", operation, tt.key, tt.operator, tt.value), func(t *testing.T) {
				if err := call(bob, tt.to); !tt.allowed {
					refused(t, err, "AccessDeniedException", "kms:"+operation)
				} else if err != nil {
					t.Error(err)
				}
			})
		}
	}
	must[*iam.DeleteUserPolicyOutput](t)(people.DeleteUserPolicy(ctx, &iam.DeleteUserPolicyInput{UserName: aws.String("bob"), PolicyName: aws.String("p")}))

	// A key policy as AWS's guide has it; a denial of what is not attested, in spite of a grant.
	policyOf := func(statements ...string) *string {
		admin := fmt.Sprintf(`{"Effect":"Allow","Principal":{"AWS":"%sroot"},"NotAction":"kms:Decrypt","Resource":"*"}`, account)
		return aws.String(`{"Version":"2012-10-17","Statement":[` + strings.Join(slices.Insert(statements, 0, admin), ",") + `]}`)
	}
	put := func(policy *string) {
		t.Helper()
		must[*kms.PutKeyPolicyOutput](t)(c.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: key.KeyId, Policy: policy}))
	}
	put(policyOf(fmt.Sprintf(`{"Effect":"Allow","Principal":{"AWS":"%suser/bob"},"Action":"kms:Decrypt","Resource":"*","Condition":{"StringEqualsIgnoreCase":{"kms:RecipientAttestation:ImageSha384":%q}}}`, account, image)))
	if err := calls["Decrypt"](bob, ofEnclave); err != nil {
		t.Error(err)
	}
	refused(t, calls["Decrypt"](bob, debug), "AccessDeniedException", "kms:Decrypt")
	refused(t, calls["Decrypt"](bob, nil), "AccessDeniedException", "kms:Decrypt")
	must[*kms.CreateGrantOutput](t)(c.CreateGrant(ctx, &kms.CreateGrantInput{KeyId: key.KeyId, GranteePrincipal: aws.String(account + "user/bob"), Operations: []types.GrantOperation{"Decrypt"}}))
	if err := calls["Decrypt"](bob, nil); err != nil {
		t.Errorf("by a grant: %v", err)
	}
	put(policyOf(fmt.Sprintf(`{"Effect":"Deny","Principal":"*","Action":"kms:Decrypt","Resource":"*","Condition":{"StringNotEqualsIgnoreCase":{"kms:RecipientAttestation:PCR8":%q}}}`, last)))
	if err := calls["Decrypt"](bob, ofEnclave); err != nil {
		t.Errorf("by a grant: %v", err)
	}
	refused(t, calls["Decrypt"](bob, debug), "AccessDeniedException", "with an explicit deny in a resource-based policy")
	refused(t, calls["Decrypt"](bob, nil), "AccessDeniedException", "with an explicit deny in a resource-based policy")
}
