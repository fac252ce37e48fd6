package kms_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"emulator/emulatortest"
)

// https://docs.aws.amazon.com/kms/latest/APIReference/API_Encrypt.html: "The maximum size of the data that you can encrypt".
func TestLongestPlaintexts(t *testing.T) {
	e := emulatortest.Start(t)
	china := kms.NewFromConfig(e.ConfigWith("test", "test", "", "cn-north-1"))
	c := kms.NewFromConfig(e.Config())
	for _, test := range []struct {
		c         *kms.Client
		spec      types.KeySpec
		algorithm types.EncryptionAlgorithmSpec
		longest   int
	}{
		{c, "SYMMETRIC_DEFAULT", "SYMMETRIC_DEFAULT", 4096}, {china, "SYMMETRIC_DEFAULT", "SYMMETRIC_DEFAULT", 4096},
		{c, "RSA_2048", "RSAES_OAEP_SHA_1", 214}, {c, "RSA_2048", "RSAES_OAEP_SHA_256", 190}, {c, "RSA_3072", "RSAES_OAEP_SHA_1", 342},
		{c, "RSA_3072", "RSAES_OAEP_SHA_256", 318}, {c, "RSA_4096", "RSAES_OAEP_SHA_1", 470}, {c, "RSA_4096", "RSAES_OAEP_SHA_256", 446}, {china, "SM2", "SM2PKE", 1024},
	} {
		key := createKey(t, test.c, test.spec, "ENCRYPT_DECRYPT")
		plaintext := random(test.longest + 1)
		in := &kms.EncryptInput{KeyId: key.KeyId, EncryptionAlgorithm: test.algorithm, Plaintext: plaintext[1:]}
		blob := must[*kms.EncryptOutput](t)(test.c.Encrypt(t.Context(), in)).CiphertextBlob
		out := must[*kms.DecryptOutput](t)(test.c.Decrypt(t.Context(), &kms.DecryptInput{KeyId: key.KeyId, EncryptionAlgorithm: test.algorithm, CiphertextBlob: blob}))
		if !bytes.Equal(out.Plaintext, plaintext[1:]) || len(blob) > 6144 {
			t.Errorf("%s with %s: %d bytes in %d, opened as %d", test.algorithm, test.spec, test.longest, len(blob), len(out.Plaintext))
		}
		in.Plaintext = plaintext
		text := fmt.Sprintf("Algorithm %s and key spec %s cannot encrypt data larger than %d bytes.", test.algorithm, test.spec, test.longest)
		if test.longest == 4096 {
			text = "Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4096"
		}
		_, err := test.c.Encrypt(t.Context(), in)
		refused(t, err, "ValidationException", text)
		in.Plaintext = []byte{}
		_, err = test.c.Encrypt(t.Context(), in)
		refused(t, err, "ValidationException", "Member must have length greater than or equal to 1")
	}
}

// A digest is of the length of its algorithm's hash, and a message of up to 4096 bytes
// (https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html).
func TestMessageLengths(t *testing.T) {
	_, c := start(t)
	for _, spec := range []types.KeySpec{"RSA_2048", "ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", "ECC_SECG_P256K1"} {
		key := createKey(t, c, spec, "SIGN_VERIFY")
		for _, algorithm := range key.SigningAlgorithms {
			size := map[string]int{"256": 32, "384": 48, "512": 64}[string(algorithm[len(algorithm)-3:])]
			sign := func(message []byte, mt types.MessageType) error {
				_, err := c.Sign(t.Context(), &kms.SignInput{KeyId: key.KeyId, SigningAlgorithm: algorithm, Message: message, MessageType: mt})
				return err
			}
			must[any](t)(nil, sign(random(size), types.MessageTypeDigest))
			must[any](t)(nil, sign(random(4096), types.MessageTypeRaw))
			refused(t, sign(random(4097), types.MessageTypeRaw), "ValidationException", "less than or equal to 4096")
			for _, wrong := range []int{1, size - 1, size + 1, 4096} {
				refused(t, sign(random(wrong), types.MessageTypeDigest), "ValidationException", "Digest is invalid length for algorithm "+string(algorithm)+".")
			}
		}
	}
	key := createKey(t, c, "HMAC_224", "GENERATE_VERIFY_MAC")
	mac := func(size int) error {
		_, err := c.GenerateMac(t.Context(), &kms.GenerateMacInput{KeyId: key.KeyId, MacAlgorithm: "HMAC_SHA_224", Message: random(size)})
		return err
	}
	must[any](t)(nil, mac(4096))
	refused(t, mac(4097), "ValidationException", "less than or equal to 4096")
	for _, size := range []int32{0, 1025} {
		_, err := c.GenerateRandom(t.Context(), &kms.GenerateRandomInput{NumberOfBytes: &size})
		refused(t, err, "ValidationException", "numberOfBytes")
	}
}

// Data goes from a key of any kind that encrypts to one of any other
// (https://docs.aws.amazon.com/kms/latest/APIReference/API_ReEncrypt.html).
func TestReEncryptBetweenKinds(t *testing.T) {
	_, c := start(t)
	type side struct {
		key       *types.KeyMetadata
		algorithm types.EncryptionAlgorithmSpec
	}
	sides := []side{
		{createKey(t, c, "", ""), "SYMMETRIC_DEFAULT"}, {createKey(t, c, "", ""), ""}, {keyInStore(t, c), ""},
		{createKey(t, c, "RSA_2048", "ENCRYPT_DECRYPT"), "RSAES_OAEP_SHA_1"}, {createKey(t, c, "RSA_3072", "ENCRYPT_DECRYPT"), "RSAES_OAEP_SHA_256"},
	}
	plaintext := random(214)[:190]
	for _, from := range sides {
		blob := must[*kms.EncryptOutput](t)(c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: from.key.KeyId, EncryptionAlgorithm: from.algorithm, Plaintext: plaintext})).CiphertextBlob
		for _, to := range sides {
			in := &kms.ReEncryptInput{CiphertextBlob: blob, SourceKeyId: from.key.KeyId, SourceEncryptionAlgorithm: from.algorithm, DestinationKeyId: to.key.KeyId, DestinationEncryptionAlgorithm: to.algorithm}
			out := must[*kms.ReEncryptOutput](t)(c.ReEncrypt(t.Context(), in))
			opened := must[*kms.DecryptOutput](t)(c.Decrypt(t.Context(), &kms.DecryptInput{KeyId: to.key.KeyId, EncryptionAlgorithm: to.algorithm, CiphertextBlob: out.CiphertextBlob}))
			if !bytes.Equal(opened.Plaintext, plaintext) || *out.SourceKeyId != *from.key.Arn || *out.KeyId != *to.key.Arn {
				t.Errorf("from %s to %s: %+v", from.key.KeySpec, to.key.KeySpec, out)
			}
			symmetric := func(s side) bool { return s.key.KeySpec == types.KeySpecSymmetricDefault }
			if (out.SourceKeyMaterialId != nil) != symmetric(from) || (out.DestinationKeyMaterialId != nil) != symmetric(to) {
				t.Errorf("from %s to %s: materials %v, %v", from.key.KeySpec, to.key.KeySpec, out.SourceKeyMaterialId, out.DestinationKeyMaterialId)
			}
			in.SourceKeyId = nil // only the ciphertext of a symmetric key tells it
			if _, err := c.ReEncrypt(t.Context(), in); symmetric(from) {
				must[any](t)(nil, err)
			} else {
				refused(t, err, "ValidationException", "KeyId must not be null")
			}
		}
	}
	long := must[*kms.EncryptOutput](t)(c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: sides[0].key.KeyId, Plaintext: random(1000)})).CiphertextBlob
	_, err := c.ReEncrypt(t.Context(), &kms.ReEncryptInput{CiphertextBlob: long, DestinationKeyId: sides[3].key.KeyId, DestinationEncryptionAlgorithm: sides[3].algorithm})
	refused(t, err, "ValidationException", "cannot encrypt data larger than 214 bytes")
	_, err = c.ReEncrypt(t.Context(), &kms.ReEncryptInput{CiphertextBlob: long, DestinationKeyId: sides[3].key.KeyId})
	refused(t, err, "InvalidKeyUsageException", "Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048.")
	_, err = c.ReEncrypt(t.Context(), &kms.ReEncryptInput{CiphertextBlob: long, SourceKeyId: sides[1].key.KeyId, DestinationKeyId: sides[1].key.KeyId})
	refused(t, err, "IncorrectKeyException", "")
}

// "A short key ID is also acceptable when decrypting symmetric ciphertexts" of another account's key, as the ciphertext tells the account
// (https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html).
func TestShortKeyIDsOfOtherAccounts(t *testing.T) {
	e, owner := start(t)
	const friend = "111111111111"
	c := kms.NewFromConfig(e.ConfigWith(friend, "test", "", emulatortest.Region))
	shared := must[*kms.CreateKeyOutput](t)(owner.CreateKey(t.Context(), &kms.CreateKeyInput{Policy: aws.String(strings.Replace(keyPolicy("*"), `"*"`, `["000000000000","`+friend+`"]`, 1))})).KeyMetadata
	secret, own := createKey(t, owner, "", ""), createKey(t, c, "", "")
	blob := encrypt(t, owner, shared.KeyId)
	if out := must[*kms.DecryptOutput](t)(c.Decrypt(t.Context(), &kms.DecryptInput{KeyId: shared.KeyId, CiphertextBlob: blob})); *out.KeyId != *shared.Arn {
		t.Errorf("opened with %s", *out.KeyId)
	}
	must[*kms.ReEncryptOutput](t)(c.ReEncrypt(t.Context(), &kms.ReEncryptInput{SourceKeyId: shared.KeyId, CiphertextBlob: blob, DestinationKeyId: own.KeyId}))
	_, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: shared.KeyId, Plaintext: []byte("x")})
	refused(t, err, "NotFoundException", *shared.KeyId)
	_, err = c.Decrypt(t.Context(), &kms.DecryptInput{KeyId: own.KeyId, CiphertextBlob: blob})
	refused(t, err, "IncorrectKeyException", "")
	_, err = c.Decrypt(t.Context(), &kms.DecryptInput{KeyId: secret.KeyId, CiphertextBlob: encrypt(t, owner, secret.KeyId)})
	refused(t, err, "AccessDeniedException", "you are not allowed to access.")
}

// withMember adds a member, which the SDK lacks, to what an operation is sent.
func withMember(t *testing.T, name string, value any) func(*kms.Options) {
	return kms.WithAPIOptions(func(stack *middleware.Stack) error {
		return stack.Serialize.Add(middleware.SerializeMiddlewareFunc("withMember", func(ctx context.Context, in middleware.SerializeInput, next middleware.SerializeHandler) (middleware.SerializeOutput, middleware.Metadata, error) {
			request := in.Request.(*smithyhttp.Request)
			var body map[string]any
			if err := json.Unmarshal(must[[]byte](t)(io.ReadAll(request.GetStream())), &body); err != nil {
				t.Fatal(err)
			}
			body[name] = value
			in.Request = must[*smithyhttp.Request](t)(request.SetStream(bytes.NewReader(must[[]byte](t)(json.Marshal(body)))))
			return next.HandleSerialize(ctx, in)
		}), middleware.After)
	})
}

// Nothing is shared through RAM: of others there are no keys
// (https://docs.aws.amazon.com/kms/latest/APIReference/API_ListKeys.html).
func TestListKeysOfOwners(t *testing.T) {
	_, c := start(t)
	for range 3 {
		createKey(t, c, "", "")
	}
	list := func(in kms.ListKeysInput, owners ...string) (*kms.ListKeysOutput, error) {
		return c.ListKeys(t.Context(), &in, withMember(t, "ResourceOwners", owners))
	}
	for want, owners := range map[int][][]string{3: {{"SELF"}, {"SELF", "OTHER_ACCOUNTS_VIA_RAM"}, {"OTHER_ACCOUNTS_VIA_RAM", "SELF"}}, 0: {{"OTHER_ACCOUNTS_VIA_RAM"}}} {
		for _, owners := range owners {
			if out := must[*kms.ListKeysOutput](t)(list(kms.ListKeysInput{}, owners...)); len(out.Keys) != want || out.Truncated {
				t.Errorf("%s: %d keys", strings.Join(owners, ", "), len(out.Keys))
			}
		}
	}
	first := must[*kms.ListKeysOutput](t)(list(kms.ListKeysInput{Limit: aws.Int32(2)}, "SELF"))
	if rest := must[*kms.ListKeysOutput](t)(list(kms.ListKeysInput{Marker: first.NextMarker}, "SELF")); len(first.Keys) != 2 || len(rest.Keys) != 1 || rest.Truncated {
		t.Errorf("%d keys and %d", len(first.Keys), len(rest.Keys))
	}
	for _, owners := range [][]string{{"OTHER_ACCOUNTS_VIA_RAM"}, {"SELF", "OTHER_ACCOUNTS_VIA_RAM"}} {
		_, err := list(kms.ListKeysInput{Marker: first.NextMarker}, owners...)
		refused(t, err, "InvalidMarkerException", "")
	}
	for _, owners := range [][]string{{}, {"NOBODY"}, {"SELF", "SELF", "SELF"}} {
		_, err := list(kms.ListKeysInput{}, owners...)
		refused(t, err, "ValidationException", "resourceOwners")
	}
}
