package server_test

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"emulator/emulatortest"
	"emulator/identity"
	"emulator/server"
	servicekms "emulator/services/kms"
	"emulator/store"
	"emulator/store/bolt"
)

func trustOf(principal string) *string {
	return aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":` + principal + `,"Action":"sts:AssumeRole"}]}`)
}

// A service that is not known can be made so, as the log of its refusal says.
func TestServicePrincipals(t *testing.T) {
	var lines logLines
	e := emulatortest.Start(t, server.Config{Log: slog.New(slog.NewTextHandler(&lines, nil)), ServicePrincipals: []string{"queue.example.com"}})
	client := iam.NewFromConfig(e.Config())
	if _, err := client.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("a"), AssumeRolePolicyDocument: trustOf(`{"Service":"queue.example.com"}`)}); err != nil {
		t.Error(err)
	}
	lines.take()
	_, err := client.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("b"), AssumeRolePolicyDocument: trustOf(`{"Service":"queues.example.com"}`)})
	if err == nil || !strings.HasSuffix(err.Error(), `MalformedPolicyDocument: Invalid principal in policy: "SERVICE":"queues.example.com"`) {
		t.Errorf("error %v", err)
	}
	if log := lines.take(); !strings.Contains(log, "--service-principal") || !strings.Contains(log, "queues.example.com") {
		t.Errorf("the log says %s", log)
	}
	_, err = kms.NewFromConfig(e.Config()).CreateKey(t.Context(), &kms.CreateKeyInput{Policy: aws.String(`{"Statement":{"Effect":"Allow","Principal":{"Service":"queues.example.com"},"Action":"kms:*","Resource":"*"}}`)})
	if log := lines.take(); err == nil || strings.Contains(err.Error(), "--service") || !strings.Contains(log, "--service-principal") {
		t.Errorf("error %v, the log says %s", err, log)
	}
	if _, err := server.Open(server.Config{ServicePrincipals: []string{"*.example.com"}}); err == nil {
		t.Error("a pattern is taken for a service")
	}
}

// Documents that are in the database from before a rule was known are in force.
func TestStoredDocumentsStayInForce(t *testing.T) {
	dir := t.TempDir()
	var userKey *iam.CreateAccessKeyOutput
	var keyID *string
	t.Run("before", func(t *testing.T) {
		e := emulatortest.Start(t, server.Config{DataDir: dir})
		client := iam.NewFromConfig(e.Config())
		_, err := client.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("ann")})
		if err != nil {
			t.Fatal(err)
		}
		if userKey, err = client.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("ann")}); err != nil {
			t.Fatal(err)
		}
		if _, err = client.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("app"), AssumeRolePolicyDocument: trustOf(`{"AWS":"*"}`)}); err != nil {
			t.Fatal(err)
		}
		key, err := kms.NewFromConfig(e.Config()).CreateKey(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		keyID = key.KeyMetadata.KeyId
	})
	db, err := bolt.Open(filepath.Join(dir, "emulator.db"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(t.Context(), func(tx store.Tx) error {
		user, _, err := identity.LoadUser(tx, identity.DefaultAccount, "ann")
		if err != nil {
			return err
		}
		changed := *user
		changed.Inline = map[string]string{"p": "\n" + `{"Statement":{"Effect":"Allow","Action":"*","Resource":["*","arn:aws-cn:s3:::b"],"Condition":{"DateGreaterThan":{"aws:CurrentTime":"2016-12-13t20:00:00.1999999999+10:59"}}},"Version":"2012-10-17"}`}
		if err := store.Save(tx, identity.UserKey(user.Account, user.Name), &changed); err != nil {
			return err
		}
		role, _, err := identity.LoadRole(tx, identity.DefaultAccount, "app")
		if err != nil {
			return err
		}
		trusting := *role
		trusting.Trust = ` {"Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"},
			{"Effect":"Allow","Principal":{"Service":"no.example.com","Federated":"provider","AWS":["arn:aws-cn:iam::111111111111:root","222222222222","AIDAAAAAAAAAAAAAAAAAA"]},"Action":"sts:AssumeRole"}]}`
		if err := store.Save(tx, identity.RoleKey(role.Account, role.Name), &trusting); err != nil {
			return err
		}
		at := store.Key("kms", identity.DefaultAccount, emulatortest.Region, "key", *keyID)
		key, _, err := store.Load[servicekms.Key](tx, at)
		if err != nil {
			return err
		}
		key.Policy = `{"Statement":[{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"kms:*","Resource":"*","Condition":{"Null":{"aws:ResourceTag/a":"true","kms:ResourceAliases":"true"}}}]}`
		return store.Save(tx, at, &key)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	e := emulatortest.Start(t, server.Config{DataDir: dir})
	ann := e.ConfigWith(*userKey.AccessKey.AccessKeyId, *userKey.AccessKey.SecretAccessKey, "", emulatortest.Region)
	if _, err := iam.NewFromConfig(ann).GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("app")}); err != nil {
		t.Errorf("identity policy: %v", err)
	}
	if _, err := sts.NewFromConfig(ann).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::000000000000:role/app"), RoleSessionName: aws.String("session")}); err != nil {
		t.Errorf("trust policy: %v", err)
	}
	if _, err := kms.NewFromConfig(ann).Encrypt(t.Context(), &kms.EncryptInput{KeyId: keyID, Plaintext: []byte("a")}); err != nil {
		t.Errorf("key policy: %v", err)
	}
	if _, err := iam.NewFromConfig(ann).SimulatePrincipalPolicy(t.Context(), &iam.SimulatePrincipalPolicyInput{PolicySourceArn: aws.String("arn:aws:iam::000000000000:user/ann"), ActionNames: []string{"s3:GetObject"}}); err != nil {
		t.Errorf("simulation: %v", err)
	}
}
