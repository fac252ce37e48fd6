package golang

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"testing"

	"go.step.sm/crypto/kms/apiv1"
	"go.step.sm/crypto/kms/awskms"
)

// TestStep makes a certificate authority's key as step-ca does, and signs with it.
func TestStep(t *testing.T) {
	k, err := awskms.New(t.Context(), apiv1.Options{})
	if err != nil {
		t.Fatal(err)
	}
	key, err := k.CreateKey(&apiv1.CreateKeyRequest{Name: "authority", SignatureAlgorithm: apiv1.ECDSAWithSHA256})
	if err != nil {
		t.Fatal(err)
	}
	signer, err := k.CreateSigner(&apiv1.CreateSignerRequest{SigningKey: key.Name})
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte("certificate"))
	signature, err := signer.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil || !ecdsa.VerifyASN1(key.PublicKey.(*ecdsa.PublicKey), digest[:], signature) {
		t.Errorf("%x %v", signature, err)
	}
}
