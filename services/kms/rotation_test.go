package kms_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// What Terraform asks after each CreateKey. Asymmetric and HMAC keys are no error: AWS's API reference, and users of other emulators
// to whom AWS answered so (floci-io/floci 586). A key that is disabled, or to be deleted, answers too.
func TestKeyRotationStatus(t *testing.T) {
	_, c := start(t)
	status := func(id *string) (*kms.GetKeyRotationStatusOutput, error) {
		return c.GetKeyRotationStatus(t.Context(), &kms.GetKeyRotationStatusInput{KeyId: id})
	}
	for _, k := range []struct {
		spec  types.KeySpec
		usage types.KeyUsageType
	}{
		{"", ""}, {types.KeySpecEccNistP256, types.KeyUsageTypeSignVerify}, {types.KeySpecHmac256, types.KeyUsageTypeGenerateVerifyMac},
	} {
		key := createKey(t, c, k.spec, k.usage)
		if got := must[*kms.GetKeyRotationStatusOutput](t)(status(key.Arn)); got.KeyRotationEnabled || *got.KeyId != *key.Arn || got.RotationPeriodInDays != nil || got.NextRotationDate != nil {
			t.Errorf("%s: %+v", k.spec, got)
		}
		must[*kms.DisableKeyOutput](t)(c.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: key.KeyId}))
		must[*kms.GetKeyRotationStatusOutput](t)(status(key.KeyId))
		must[*kms.ScheduleKeyDeletionOutput](t)(c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: key.KeyId}))
		must[*kms.GetKeyRotationStatusOutput](t)(status(key.KeyId))
	}
	_, err := status(aws.String("12345678-1234-1234-1234-123456789012"))
	refused(t, err, "NotFoundException", "Key 'arn:aws:kms:us-east-1:000000000000:key/12345678-1234-1234-1234-123456789012' does not exist")
	_, err = status(aws.String("alias/a"))
	refused(t, err, "NotFoundException", "Invalid keyId 'alias/a'")

	store := must[*kms.CreateCustomKeyStoreOutput](t)(c.CreateCustomKeyStore(t.Context(), &kms.CreateCustomKeyStoreInput{
		CustomKeyStoreName: aws.String("hsm"), CloudHsmClusterId: aws.String("cluster-abcdefghijk"), KeyStorePassword: aws.String("password"), TrustAnchorCertificate: aws.String(certificate(t)),
	}))
	must[*kms.ConnectCustomKeyStoreOutput](t)(c.ConnectCustomKeyStore(t.Context(), &kms.ConnectCustomKeyStoreInput{CustomKeyStoreId: store.CustomKeyStoreId}))
	key := must[*kms.CreateKeyOutput](t)(c.CreateKey(t.Context(), &kms.CreateKeyInput{Origin: types.OriginTypeAwsCloudhsm, CustomKeyStoreId: store.CustomKeyStoreId})).KeyMetadata
	_, err = status(key.KeyId)
	refused(t, err, "UnsupportedOperationException", *key.Arn+" origin is AWS_CLOUDHSM which is not valid for this operation.")
}
