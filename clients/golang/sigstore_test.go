package golang

import (
	"bytes"
	"crypto"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	sigkms "github.com/sigstore/sigstore/pkg/signature/kms"
	_ "github.com/sigstore/sigstore/pkg/signature/kms/aws"
)

// TestSigstore makes a key and signs as cosign does with awskms://, and with a key that was there.
func TestSigstore(t *testing.T) {
	created, err := sigkms.Get(t.Context(), "awskms:///alias/sigstore", crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := created.CreateKey(t.Context(), string(types.KeySpecEccNistP256)); err != nil {
		t.Fatal(err)
	}
	found, err := sigkms.Get(t.Context(), "awskms:///"+createKey(t, types.KeySpecRsa3072, types.KeyUsageTypeSignVerify), crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	message := []byte("an image's digest")
	for name, signer := range map[string]sigkms.SignerVerifier{"created": created, "found": found} {
		signature, err := signer.SignMessage(bytes.NewReader(message))
		if err != nil {
			t.Fatal(name, err)
		}
		if err := signer.VerifySignature(bytes.NewReader(signature), bytes.NewReader(message)); err != nil {
			t.Error(name, err)
		}
		if signer.VerifySignature(bytes.NewReader(signature), bytes.NewReader([]byte("another"))) == nil {
			t.Error(name, "another message's signature verifies")
		}
	}
}
