package sts_test

import (
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"emulator/api"
	"emulator/authz"
	"emulator/clock"
	"emulator/emulatortest/reached"
	"emulator/identity"
	"emulator/services/sts"
	"emulator/store/bolt"
)

// TestRegionDisabled: the operations that give out credentials refuse to in a
// region that is turned off.
func TestRegionDisabled(t *testing.T) {
	db, err := bolt.Open(filepath.Join(t.TempDir(), "db"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	keyring, err := identity.NewKeyring(make([]byte, identity.MasterKeySize))
	if err != nil {
		t.Fatal(err)
	}
	c := new(clock.Clock)
	service := sts.New(sts.Config{Store: db, Authz: authz.New(c, keyring, authz.Enforce), Clock: c, Directory: &identity.Directory{Keyring: keyring}, DisabledRegions: []string{"eu-west-1"}})
	in := map[string]any{
		"AssumeRole":                &awssts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::000000000000:role/app"), RoleSessionName: aws.String("session")},
		"AssumeRoleWithWebIdentity": &awssts.AssumeRoleWithWebIdentityInput{RoleArn: aws.String("arn:aws:iam::000000000000:role/app"), RoleSessionName: aws.String("session"), WebIdentityToken: aws.String("token")},
		"AssumeRoleWithSAML":        &awssts.AssumeRoleWithSAMLInput{RoleArn: aws.String("arn:aws:iam::000000000000:role/app"), PrincipalArn: aws.String("arn:aws:iam::000000000000:saml-provider/idp"), SAMLAssertion: aws.String("token")},
		"AssumeRoot":                &awssts.AssumeRootInput{TargetPrincipal: aws.String("111111111111"), TaskPolicyArn: &types.PolicyDescriptorType{Arn: aws.String("arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy")}},
		"GetDelegatedAccessToken":   &awssts.GetDelegatedAccessTokenInput{TradeInToken: aws.String("token")},
		"GetSessionToken":           &awssts.GetSessionTokenInput{},
		"GetFederationToken":        &awssts.GetFederationTokenInput{Name: aws.String("bob")},
	}
	user := identity.Principal{Kind: identity.UserKind, Account: home, ARN: "arn:aws:iam::000000000000:user/ann", UserID: "AIDA", User: &identity.User{Account: home, Name: "ann", ID: "AIDA"}}
	for _, op := range service.Operations() {
		if in[op.Name] == nil {
			continue
		}
		_, err := op.Call(t.Context(), api.Caller{Principal: user, Region: "eu-west-1", Partition: "aws"}, in[op.Name])
		code := api.ErrorCode(err)
		if reached.Note(op.Name, code); code != "RegionDisabledException" {
			t.Errorf("%s: %v", op.Name, err)
		}
		_, err = op.Call(t.Context(), api.Caller{Principal: user, Region: "us-east-1", Partition: "aws"}, in[op.Name])
		if code := api.ErrorCode(err); code == "RegionDisabledException" {
			t.Errorf("%s in a region that is on: %v", op.Name, err)
		}
	}
}
