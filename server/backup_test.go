package server_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base32"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"emulator/emulatortest"
	"emulator/identity"
	"emulator/server"
	"emulator/store"
	"emulator/store/bolt"
)

const (
	trustEverybody = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}`
	allowAll       = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	firstAccount   = "111111111111"
	secondAccount  = "222222222222"
)

// populate fills two accounts with a record of every kind that others refer to.
func populate(t *testing.T, e *emulatortest.Emulator) {
	t.Helper()
	ctx := t.Context()
	root := func(account string) aws.Config { return e.ConfigWith(account, "test", "", emulatortest.Region) }
	for _, account := range []string{firstAccount, secondAccount} {
		c := iam.NewFromConfig(root(account))
		policyARN := must(c.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("Mine"), PolicyDocument: aws.String(allowAll)}))(t).Policy.Arn
		must(c.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: policyARN, PolicyDocument: aws.String(allowAll)}))(t)
		for _, name := range []string{"Bob", "ann"} {
			must(c.CreateUser(ctx, &iam.CreateUserInput{UserName: &name, Path: aws.String("/team/"), PermissionsBoundary: policyARN}))(t)
			must(c.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: &name, PolicyArn: aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess")}))(t)
			must(c.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &name}))(t)
		}
		must(c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: aws.String("Staff")}))(t)
		must(c.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{GroupName: aws.String("Staff"), PolicyArn: policyARN}))(t)
		must(c.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: aws.String("Staff"), UserName: aws.String("Bob")}))(t)
		must(c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("App"), AssumeRolePolicyDocument: aws.String(trustEverybody), PermissionsBoundary: policyARN}))(t)
		must(c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: aws.String("App"), PolicyArn: policyARN}))(t)
		must(c.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: aws.String("Web"), Path: aws.String("/fleet/")}))(t)
		must(c.AddRoleToInstanceProfile(ctx, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: aws.String("Web"), RoleName: aws.String("App")}))(t)
		must(c.CreateServiceLinkedRole(ctx, &iam.CreateServiceLinkedRoleInput{AWSServiceName: aws.String("ecs.amazonaws.com")}))(t)
		must(c.CreateServiceLinkedRole(ctx, &iam.CreateServiceLinkedRoleInput{AWSServiceName: aws.String("batch.amazonaws.com")}))(t)
		must(c.DeleteServiceLinkedRole(ctx, &iam.DeleteServiceLinkedRoleInput{RoleName: aws.String("AWSServiceRoleForBatch")}))(t)
		must(c.EnableOutboundWebIdentityFederation(ctx, nil))(t)
		device := must(c.CreateVirtualMFADevice(ctx, &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: aws.String("phone")}))(t).VirtualMFADevice
		seed := must(base32.StdEncoding.DecodeString(string(device.Base32StringSeed)))(t)
		code := func(steps time.Duration) *string {
			return aws.String(identity.TOTP(seed, e.Clock.Now().Add(steps*30*time.Second)))
		}
		must(c.EnableMFADevice(ctx, &iam.EnableMFADeviceInput{UserName: aws.String("Bob"), SerialNumber: device.SerialNumber, AuthenticationCode1: code(-1), AuthenticationCode2: code(0)}))(t)

		k := kms.NewFromConfig(root(account))
		id := must(k.CreateKey(ctx, nil))(t).KeyMetadata.KeyId
		must(k.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: aws.String("alias/app"), TargetKeyId: id}))(t)
		doomed := must(k.CreateKey(ctx, nil))(t).KeyMetadata.KeyId
		must(k.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: doomed}))(t)
		custom := must(k.CreateCustomKeyStore(ctx, &kms.CreateCustomKeyStoreInput{
			CustomKeyStoreName: aws.String("hsm"), CloudHsmClusterId: aws.String("cluster-abcdefghijk"), KeyStorePassword: aws.String("kmsPswd"),
			TrustAnchorCertificate: aws.String(trustAnchor(t)),
		}))(t).CustomKeyStoreId
		must(k.ConnectCustomKeyStore(ctx, &kms.ConnectCustomKeyStoreInput{CustomKeyStoreId: custom}))(t)
		must(k.CreateKey(ctx, &kms.CreateKeyInput{Origin: kmstypes.OriginTypeAwsCloudhsm, CustomKeyStoreId: custom}))(t)
	}
	o := organizations.NewFromConfig(root(firstAccount))
	must(o.CreateOrganization(ctx, nil))(t)
	must(o.CreateAccount(ctx, &organizations.CreateAccountInput{AccountName: aws.String("team"), Email: aws.String("team@example.com")}))(t)
	orgRoot := must(o.ListRoots(ctx, nil))(t).Roots[0].Id
	must(o.EnablePolicyType(ctx, &organizations.EnablePolicyTypeInput{RootId: orgRoot, PolicyType: orgtypes.PolicyTypeServiceControlPolicy}))(t)
	scp := must(o.CreatePolicy(ctx, &organizations.CreatePolicyInput{
		Type: orgtypes.PolicyTypeServiceControlPolicy, Name: aws.String("mine"), Description: aws.String(""), Content: aws.String(allowAll),
	}))(t).Policy.PolicySummary.Id
	must(o.AttachPolicy(ctx, &organizations.AttachPolicyInput{PolicyId: scp, TargetId: orgRoot}))(t)
	unit := must(o.CreateOrganizationalUnit(ctx, &organizations.CreateOrganizationalUnitInput{
		ParentId: orgRoot, Name: aws.String("outer"), Tags: []orgtypes.Tag{{Key: aws.String("a"), Value: aws.String("b")}},
	}))(t).OrganizationalUnit
	must(o.CreateOrganizationalUnit(ctx, &organizations.CreateOrganizationalUnitInput{ParentId: unit.Id, Name: aws.String("inner")}))(t)

	populateAccounts(t, o)

	partner, owner := iam.NewFromConfig(root(secondAccount)), iam.NewFromConfig(root(firstAccount))
	template := must(partner.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("template"), PolicyDocument: aws.String(allowAll)}))(t).Policy.Arn
	request := must(partner.CreateDelegationRequest(ctx, &iam.CreateDelegationRequestInput{
		Description: aws.String("read"), NotificationChannel: aws.String("arn:aws:sns:us-east-1:222222222222:topic"), RequestorWorkflowId: aws.String("workflow"),
		SessionDuration: aws.Int32(1800), Permissions: &iamtypes.DelegationPermission{PolicyTemplateArn: template},
	}))(t).DelegationRequestId
	must(owner.AssociateDelegationRequest(ctx, &iam.AssociateDelegationRequestInput{DelegationRequestId: request}))(t)
}

// populateAccounts makes what an organization has to do with accounts: an administrator, a closed one, invitations, a resource policy.
func populateAccounts(t *testing.T, o *organizations.Client) {
	t.Helper()
	ctx := t.Context()
	account := func(name string) *string {
		made := must(o.CreateAccount(ctx, &organizations.CreateAccountInput{AccountName: &name, Email: aws.String(name + "@example.com")}))(t)
		return must(o.DescribeCreateAccountStatus(ctx, &organizations.DescribeCreateAccountStatusInput{CreateAccountRequestId: made.CreateAccountStatus.Id}))(t).CreateAccountStatus.AccountId
	}
	service := aws.String("config.amazonaws.com")
	must(o.EnableAWSServiceAccess(ctx, &organizations.EnableAWSServiceAccessInput{ServicePrincipal: service}))(t)
	must(o.RegisterDelegatedAdministrator(ctx, &organizations.RegisterDelegatedAdministratorInput{AccountId: account("administrator"), ServicePrincipal: service}))(t)
	must(o.CloseAccount(ctx, &organizations.CloseAccountInput{AccountId: account("closed")}))(t)
	for kind, id := range map[orgtypes.HandshakePartyType]string{orgtypes.HandshakePartyTypeAccount: "333333333333", orgtypes.HandshakePartyTypeEmail: "nobody@example.org"} {
		must(o.InviteAccountToOrganization(ctx, &organizations.InviteAccountToOrganizationInput{Target: &orgtypes.HandshakeParty{Type: kind, Id: &id}}))(t)
	}
	must(o.PutResourcePolicy(ctx, &organizations.PutResourcePolicyInput{
		Tags:    []orgtypes.Tag{{Key: aws.String("a"), Value: aws.String("b")}},
		Content: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"organizations:ListRoots","Resource":"*"}}`),
	}))(t)
}

func trustAnchor(t *testing.T) string {
	t.Helper()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))(t)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// get returns the body of an admin GET that succeeds.
func adminGet(t *testing.T, e *emulatortest.Emulator, path string) []byte {
	t.Helper()
	resp, text := send(t, e, call{method: "GET", path: "/_emulator" + path})
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s %s", path, resp.Status, text)
	}
	return []byte(text)
}

func findings(t *testing.T, e *emulatortest.Emulator) string {
	t.Helper()
	return strings.TrimSpace(string(adminGet(t, e, "/check")))
}

const nothingFound = `{"findings":[]}`

// quiet is a configuration whose log says nothing.
func quiet(dir string) server.Config {
	return server.Config{DataDir: dir, Log: slog.New(slog.DiscardHandler)}
}

// A backup that is made while others write has all that was acknowledged, and is an emulator that
// works.
func TestBackup(t *testing.T) {
	dir := t.TempDir()
	e := emulatortest.Start(t, server.Config{DataDir: dir})
	populate(t, e)
	client := iam.NewFromConfig(e.Config())
	k := kms.NewFromConfig(e.Config())
	key := must(k.CreateKey(t.Context(), nil))(t).KeyMetadata.KeyId
	blob := must(k.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key, Plaintext: []byte("kept")}))(t).CiphertextBlob

	ctx, stop := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	var made atomic.Int64
	writing.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			if _, err := client.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String(fmt.Sprintf("u%d", i))}); err != nil {
				t.Error(err)
				return
			}
			made.Store(int64(i + 1))
		}
	})
	var backup []byte
	var before int64
	for rounds := 0; rounds < 5 || before < 5; rounds++ {
		before = made.Load()
		backup = adminGet(t, e, "/backup?with-key=1")
		if text := findings(t, e); text != nothingFound {
			t.Errorf("check: %s", text)
		}
	}
	without := adminGet(t, e, "/backup")
	stop()
	writing.Wait()
	admin(t, e, "GET", "/backup?with-key=yes", "", 400)
	for _, c := range []struct {
		path    string
		content []byte
		withKey bool
	}{{"with-key=1", backup, true}, {"no key", without, false}} {
		if got := bytes.Contains(c.content, must(os.ReadFile(filepath.Join(dir, "master.key")))(t)); got != c.withKey {
			t.Errorf("%s: the key is in it: %v", c.path, got)
		}
	}
	if text := findings(t, e); text != nothingFound {
		t.Errorf("check: %s", text)
	}
	if left := must(os.ReadDir(dir))(t); len(left) != 2 {
		t.Errorf("left in the data directory: %v", left)
	}

	restored := filepath.Join(t.TempDir(), "new")
	if err := server.Restore(restored, "", bytes.NewReader(backup)); err != nil {
		t.Fatal(err)
	}
	if found, err := server.CheckBackup(t.Context(), bytes.NewReader(without)); err != nil || len(found) > 0 {
		t.Errorf("check of the backup: %q, %v", found, err)
	}
	if found, err := server.Check(t.Context(), restored); err != nil || len(found) > 0 {
		t.Errorf("check of what was restored: %q, %v", found, err)
	}
	for _, name := range []string{"", "emulator.db", "master.key"} {
		if info := must(os.Stat(filepath.Join(restored, name)))(t); info.Mode()&0o077 != 0 {
			t.Errorf("%q has mode %v", name, info.Mode())
		}
	}
	again := emulatortest.Start(t, server.Config{DataDir: restored})
	if out := must(kms.NewFromConfig(again.Config()).Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob}))(t); string(out.Plaintext) != "kept" {
		t.Errorf("decrypted %q", out.Plaintext)
	}
	for i := range before {
		must(iam.NewFromConfig(again.Config()).GetUser(t.Context(), &iam.GetUserInput{UserName: aws.String(fmt.Sprintf("u%d", i))}))(t)
	}
}

// A receiver that doesn't read keeps the database from nothing: writing goes on in the space there is.
func TestBackupToSlowReceiver(t *testing.T) {
	dir := t.TempDir()
	db := must(bolt.Open(filepath.Join(dir, "emulator.db"), bolt.Options{}))(t)
	err := db.Update(t.Context(), func(tx store.Tx) error { // more than the buffers of a connection take
		for i := range 256 {
			if err := tx.Put(store.Key("test", fmt.Sprint(i)), make([]byte, 64<<10)); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	e := emulatortest.Start(t, server.Config{DataDir: dir, MasterKey: strings.Repeat("ab", 32)})
	client := iam.NewFromConfig(e.Config())
	must(client.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("bob")}))(t)
	before := len(adminGet(t, e, "/backup"))
	resp := must(http.Get(e.URL + "/_emulator/backup"))(t)
	defer resp.Body.Close()
	admin(t, e, "GET", "/backup", "", http.StatusTooManyRequests) // it is being sent
	for i := range 300 {
		must(client.TagUser(t.Context(), &iam.TagUserInput{UserName: aws.String("bob"), Tags: []iamtypes.Tag{{Key: aws.String("k"), Value: aws.String(fmt.Sprint(i))}}}))(t)
	}
	if n := must(io.Copy(io.Discard, resp.Body))(t); int(n) != before {
		t.Errorf("the backup has %d bytes, not %d", n, before)
	}
	if after := len(adminGet(t, e, "/backup")); after > before+1<<20 {
		t.Errorf("the database grew from %d to %d bytes", before, after)
	}
}

// What can't be restored is an error that says why, and leaves nothing behind.
func TestRestoreRefuses(t *testing.T) {
	dir := t.TempDir()
	s, err := server.Open(quiet(dir))
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	var with, without bytes.Buffer
	for buffer, withKey := range map[*bytes.Buffer]bool{&with: true, &without: false} {
		if err := server.Backup(t.Context(), dir, "", withKey, buffer); err != nil {
			t.Fatal(err)
		}
	}
	right := strings.TrimSpace(string(must(os.ReadFile(filepath.Join(dir, "master.key")))(t)))
	another := strings.Repeat("ab", 32)
	damaged := bytes.Clone(with.Bytes())
	copy(damaged[512+2*os.Getpagesize()+100:], "damage")
	for _, c := range []struct {
		name, want, key, keyFile string
		backup                   []byte
	}{
		{"the key in it", "", "", "", with.Bytes()},
		{"the key given", "", right, "", without.Bytes()},
		{"the key given and in it", "", right, "", with.Bytes()},
		{"the key there", "", "", right, without.Bytes()},
		{"no key", "has no master key", "", "", without.Bytes()},
		{"another key given", "the master key is not the one", another, "", without.Bytes()},
		{"another key there", "the master key is not the one", "", another, without.Bytes()},
		{"another key there than in it", "the master key in the backup is not the one of", "", another, with.Bytes()},
		{"damaged", "damaged", "", "", damaged},
		{"cut", "not a whole", "", "", with.Bytes()[:len(with.Bytes())/2]},
		{"cut behind a whole file", "not a whole", "", "", nil},
		{"empty", "no backup", "", "", []byte{}},
		{"text", "no backup", "", "", bytes.Repeat([]byte("nonsense "), 1000)},
	} {
		t.Run(c.name, func(t *testing.T) {
			to := t.TempDir()
			if c.backup == nil {
				c.backup = with.Bytes()[:len(with.Bytes())-1024-512+30] // within the text of master.key
			}
			if c.keyFile != "" {
				os.WriteFile(filepath.Join(to, "master.key"), []byte(c.keyFile+"\n"), 0o600)
			}
			before := must(os.ReadDir(to))(t)
			err := server.Restore(to, c.key, bytes.NewReader(c.backup))
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				config := quiet(to)
				config.MasterKey = c.key
				s, err := server.Open(config)
				if err != nil {
					t.Fatal(err)
				}
				s.Close()
				if err := server.Restore(to, c.key, bytes.NewReader(c.backup)); err == nil || !strings.Contains(err.Error(), "is there already") {
					t.Errorf("a second time: %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if after := must(os.ReadDir(to))(t); len(after) != len(before) {
				t.Errorf("left behind: %v", after)
			}
		})
	}
	// Offline is only what is not in use.
	s, err = server.Open(quiet(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := server.Backup(t.Context(), dir, "", false, io.Discard); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("Backup in use: %v", err)
	}
	if _, err := server.Check(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("Check in use: %v", err)
	}
}

// standalone are the kinds of records that nothing else tells of: which one is missing nobody can
// know but by the summary of all, and the number of keys, which is counted anew. The rest can't go missing, and entries of
// indexes can't change.
var standalone = []string{
	"master-key-check", "last-used", "last-used-since", "organizations-create-account", "kms/key-count", "iam/count", "iam/deletion-task", "tags-indexed",
}

// No entry of an index, and nothing that a record refers to, can be missing, changed or too many
// without a finding.
func TestCheckFindsWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	s := emulatortest.Start(t, server.Config{DataDir: dir})
	populate(t, s)
	if text := findings(t, s); text != nothingFound {
		t.Fatalf("at first: %s", text)
	}
	var backup bytes.Buffer
	backup.Write(adminGet(t, s, "/backup?with-key=1"))
	copied := filepath.Join(t.TempDir(), "copy")
	if err := server.Restore(copied, "", &backup); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(copied, "emulator.db")
	records := make(map[string]string)
	change := func(f func(tx store.Tx) error) {
		t.Helper()
		db := must(bolt.Open(path, bolt.Options{NoSync: true}))(t)
		defer db.Close()
		if err := db.Update(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	change(func(tx store.Tx) error {
		for key, value := range tx.Scan(nil, nil) {
			records[string(key)] = string(value)
		}
		return nil
	})
	found := func() []string { t.Helper(); return must(server.Check(t.Context(), copied))(t) }
	kinds := make(map[string]int)
	for key, value := range records {
		parts := store.Parts([]byte(key))
		kind := parts[0]
		switch kind {
		case "iam", "in-organization":
			kind += "/" + parts[2]
		case "kms":
			kind += "/" + parts[3]
		}
		kinds[kind]++
		if kinds[kind] > 3 {
			continue
		}
		change(func(tx store.Tx) error { return tx.Delete([]byte(key)) })
		if got := found(); len(got) == 0 && !slices.Contains(standalone, kind) {
			t.Errorf("without %q nothing is found", parts)
		}
		change(func(tx store.Tx) error { return tx.Put([]byte(key), []byte(value)) })
		if strings.Contains(kind, "-by-path") || slices.Contains([]string{"unique-id", "kms/alias-of", "iam/policy-use", "iam/group-member", "iam/profile-of-role", "organization-account", "in-organization/attached", "in-organization/child", "in-organization/policy-name", "in-organization/policy-of-type", "in-organization/unit-name", "kms/key-count", "iam/count"}, kind) {
			change(func(tx store.Tx) error { return tx.Put([]byte(key), []byte(`"another"`)) })
			if len(found()) == 0 {
				t.Errorf("with another value of %q nothing is found", parts)
			}
			change(func(tx store.Tx) error {
				if err := tx.Put([]byte(key), []byte(value)); err != nil {
					return err
				}
				return tx.Put(append([]byte(key), "more\x00"...), []byte(value))
			})
			if len(found()) == 0 {
				t.Errorf("with one more like %q nothing is found", parts)
			}
			change(func(tx store.Tx) error { return tx.Delete(append([]byte(key), "more\x00"...)) })
		}
	}
	if got := found(); len(got) > 0 {
		t.Errorf("at the end: %q", got)
	}
	if len(kinds) < 25 {
		t.Errorf("only %d kinds of records: %v", len(kinds), kinds)
	}
	// Nor does a reset leave half of anything.
	for _, account := range []string{firstAccount, secondAccount} {
		admin(t, s, "POST", "/reset", `{"account":"`+account+`"}`, 200)
		if text := findings(t, s); text != nothingFound {
			t.Errorf("after the reset of %s: %s", account, text)
		}
	}
}
