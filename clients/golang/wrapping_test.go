package golang

import (
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	wrapping "github.com/hashicorp/go-kms-wrapping/v2"
	"github.com/hashicorp/go-kms-wrapping/wrappers/awskms/v2"
)

// TestWrapping seals and opens as Vault and Boundary do with the root key.
func TestWrapping(t *testing.T) {
	w := awskms.NewWrapper()
	key := createKey(t, types.KeySpecSymmetricDefault, types.KeyUsageTypeEncryptDecrypt)
	if _, err := w.SetConfig(t.Context(), wrapping.WithConfigMap(map[string]string{"kms_key_id": key, "region": "us-east-1", "endpoint": os.Getenv("AWS_ENDPOINT_URL")})); err != nil {
		t.Fatal(err)
	}
	blob, err := w.Encrypt(t.Context(), []byte("root key"), wrapping.WithAad([]byte("context")))
	if err != nil {
		t.Fatal(err)
	}
	if blob.KeyInfo.KeyId != key {
		t.Errorf("made with %s, not %s", blob.KeyInfo.KeyId, key)
	}
	if text, err := w.Decrypt(t.Context(), blob, wrapping.WithAad([]byte("context"))); err != nil || string(text) != "root key" {
		t.Errorf("%q %v", text, err)
	}
}
