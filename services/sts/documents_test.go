package sts_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// A session policy keeps to the rules of identity policies.
func TestSessionPolicyDocuments(t *testing.T) {
	w := newWorld(t)
	config, ann := w.user(home, "ann", allow(`"sts:*"`))
	role := w.role(home, "app", trust(ann, all, ""), "")
	client := sts.NewFromConfig(config)
	for _, tt := range []struct{ name, text, message string }{
		{"leading blank", " " + allow(`"s3:*"`), "The policy failed legacy parsing"},
		{"single Statement before Version", `{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"},"Version":"2012-10-17"}`, "The policy failed legacy parsing"},
		{"Effect in another case", document(`{"Effect":"ALLOW","Action":"s3:*","Resource":"*"}`), "The policy failed legacy parsing"},
		{"other partition", document(`{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws-cn:s3:::b"}`), `Partition "aws-cn" is not valid for resource "arn:aws-cn:s3:::b".`},
		{"condition key without vendor", document(`{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"a":"b"}}}`), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, assuming := client.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("session"), Policy: &tt.text})
			_, federating := client.GetFederationToken(t.Context(), &sts.GetFederationTokenInput{Name: aws.String("session"), Policy: &tt.text})
			for _, err := range []error{assuming, federating} {
				if tt.message != "" {
					expect(t, err, "MalformedPolicyDocument", tt.message)
				} else if err != nil {
					t.Error(err)
				}
			}
		})
	}
	// The partition of a caller without signature is that of the role.
	foreign := document(`{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b"}`)
	_, err := client.AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: aws.String("arn:aws-cn:iam::000000000000:role/app"), RoleSessionName: aws.String("session"), WebIdentityToken: aws.String("none"), Policy: &foreign,
	})
	expect(t, err, "MalformedPolicyDocument", `Partition "aws" is not valid for resource "arn:aws:s3:::b".`)
}
