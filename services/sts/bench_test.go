package sts_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"

	"emulator/api"
	"emulator/authz"
	"emulator/clock"
	"emulator/identity"
	"emulator/saml/samlidp"
	"emulator/services/sts"
	"emulator/store"
	"emulator/store/bolt"
)

// BenchmarkAssumeRole is the operation alone, without HTTP and signature.
func BenchmarkAssumeRole(b *testing.B) {
	db, err := bolt.Open(filepath.Join(b.TempDir(), "db"), bolt.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	keyring, err := identity.NewKeyring(make([]byte, identity.MasterKeySize))
	if err != nil {
		b.Fatal(err)
	}
	user := &identity.User{Account: home, Partition: "aws", Name: "ann", Path: "/", ID: "AIDAAAAAAAAAAAAAAAAAA"}
	role := identity.Role{
		Account: home, Partition: "aws", Name: "app", Path: "/", ID: "AROAAAAAAAAAAAAAAAAAA", MaxSessionDuration: 3600,
		Trust: document(`{"Effect":"Allow","Principal":{"AWS":"AIDAAAAAAAAAAAAAAAAAA"},"Action":"sts:AssumeRole"}`),
	}
	err = db.Update(b.Context(), func(tx store.Tx) error { return store.Save(tx, identity.RoleKey(home, "app"), role) })
	if err != nil {
		b.Fatal(err)
	}
	c := new(clock.Clock)
	service := sts.New(sts.Config{Store: db, Authz: authz.New(c, keyring, authz.Enforce), Clock: c, Directory: &identity.Directory{Keyring: keyring}})
	caller := api.Caller{
		Principal: identity.Principal{Kind: identity.UserKind, Account: home, ARN: user.ARN(), UserID: user.ID, User: user},
		Region:    "us-east-1", Partition: "aws",
	}
	in := &awssts.AssumeRoleInput{RoleArn: aws.String(role.ARN()), RoleSessionName: aws.String("session")}
	for _, op := range service.Operations() {
		if op.Name != "AssumeRole" {
			continue
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := op.Call(b.Context(), caller, in); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// A provider's metadata is read once: who is nobody yet can't have it done for each call.
func TestSAMLMetadataIsReadOnce(t *testing.T) {
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
	idp, err := samlidp.New(rsaKey(t), "https://idp.example.com", "https://idp.example.com/sso", c.Now())
	if err != nil {
		t.Fatal(err)
	}
	metadata := string(idp.Metadata(c.Now()))
	end := strings.LastIndex(metadata, "</")
	metadata = metadata[:end] + strings.Repeat(`<x xmlns="urn:x"/>`, 5000) + metadata[end:]
	provider := identity.SAMLProvider{Account: home, Partition: "aws", Name: "corporate", Metadata: metadata}
	if err := db.Update(t.Context(), func(tx store.Tx) error { return store.Save(tx, identity.SAMLProviderKey(home, "corporate"), provider) }); err != nil {
		t.Fatal(err)
	}
	in := &awssts.AssumeRoleWithSAMLInput{RoleArn: aws.String("arn:aws:iam::" + home + ":role/app"), PrincipalArn: aws.String(provider.ARN()), SAMLAssertion: aws.String("bm90aGluZw==")}
	for _, op := range sts.New(sts.Config{Store: db, Authz: authz.New(c, keyring, authz.Enforce), Clock: c, Directory: &identity.Directory{Keyring: keyring}}).Operations() {
		if op.Name != "AssumeRoleWithSAML" {
			continue
		}
		allocations := testing.AllocsPerRun(10, func() {
			if _, err := op.Call(t.Context(), api.Caller{}, in); api.ErrorCode(err) != "InvalidIdentityToken" {
				t.Fatal(err)
			}
		})
		if allocations > 200 {
			t.Errorf("a call without a right assertion allocates %.0f times", allocations)
		}
	}
}
