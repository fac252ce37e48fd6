package sts_test

import (
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"

	"emulator/api"
	"emulator/authz"
	"emulator/clock"
	"emulator/identity"
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
