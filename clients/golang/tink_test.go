package golang

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/tink-crypto/tink-go-awskms/v3/integration/awskms"
)

// TestTink encrypts with associated data, which is KMS's encryption context.
func TestTink(t *testing.T) {
	uri := "aws-kms://" + createKey(t, types.KeySpecSymmetricDefault, types.KeyUsageTypeEncryptDecrypt)
	client, err := awskms.NewClientWithOptions(t.Context(), uri)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := client.GetAEAD(uri)
	if err != nil {
		t.Fatal(err)
	}
	ciphertext, err := aead.Encrypt([]byte("secret"), []byte("data"))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := aead.Decrypt(ciphertext, []byte("data")); err != nil || string(text) != "secret" {
		t.Errorf("%q %v", text, err)
	}
	if _, err := aead.Decrypt(ciphertext, []byte("other")); err == nil {
		t.Error("opens with other associated data")
	}
}
