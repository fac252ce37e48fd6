// Package golang has Go libraries that keep keys in KMS tell what they are for, against the
// emulator at AWS_ENDPOINT_URL.
package golang

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// createKey returns the ARN of a new key.
func createKey(t *testing.T, spec types.KeySpec, usage types.KeyUsageType) string {
	t.Helper()
	c, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	key, err := kms.NewFromConfig(c).CreateKey(t.Context(), &kms.CreateKeyInput{KeySpec: spec, KeyUsage: usage})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(key.KeyMetadata.Arn)
}
