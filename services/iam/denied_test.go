package iam_test

import (
	"context"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"

	"emulator/api"
	"emulator/audit"
	"emulator/authz"
	"emulator/clock"
	"emulator/identity"
	"emulator/services/iam"
	"emulator/store/bolt"
)

// operations returns the service's operations, without HTTP and signature, as calls of a principal.
func operations(tb testing.TB, principal identity.Principal) map[string]func(in any) (any, error) {
	db, err := bolt.Open(filepath.Join(tb.TempDir(), "db"), bolt.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	keyring, err := identity.NewKeyring(make([]byte, identity.MasterKeySize))
	if err != nil {
		tb.Fatal(err)
	}
	c := new(clock.Clock)
	caller := api.Caller{Principal: principal, Region: "us-east-1", Partition: "aws"}
	calls := make(map[string]func(any) (any, error))
	for _, op := range iam.New(iam.Config{Store: db, Authz: authz.New(c, keyring, authz.Enforce), Clock: c, Keyring: keyring, LastUse: new(audit.LastUse)}).Operations() {
		calls[op.Name] = func(in any) (any, error) { return op.Call(context.Background(), caller, embedded(op.In, in)) }
	}
	return calls
}

// embedded returns an input of the SDK in the type around it that the operation takes, if it has one of its own.
func embedded(takes reflect.Type, in any) any {
	given := reflect.TypeOf(in).Elem()
	if given == takes {
		return in
	}
	around := reflect.New(takes)
	around.Elem().FieldByName(given.Name()).Set(reflect.ValueOf(in).Elem())
	return around.Interface()
}

// Nothing is made or read for a caller who may not have it done: a denied call costs what a decision does.
func TestNothingIsMadeBeforePermission(t *testing.T) {
	user := &identity.User{Account: identity.DefaultAccount, Partition: "aws", Name: "ann", Path: "/", ID: "AIDAAAAAAAAAAAAAAAAAA"}
	calls := operations(t, identity.Principal{Kind: identity.UserKind, Account: user.Account, ARN: user.ARN(), UserID: user.ID, User: user})
	metadata := strings.Repeat("<a>", 10_000) + strings.Repeat("</a>", 10_000)
	policy := `{"Version":"2012-10-17","Statement":[` + strings.Repeat(`{"Effect":"Allow","Action":"a:b","Resource":"*"},`, 100) + `{}]}`
	inputs := map[string]any{
		"CreateVirtualMFADevice":              &awsiam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: aws.String("phone")},
		"CreateSAMLProvider":                  &awsiam.CreateSAMLProviderInput{Name: aws.String("corporate"), SAMLMetadataDocument: &metadata},
		"UpdateSAMLProvider":                  &awsiam.UpdateSAMLProviderInput{SAMLProviderArn: aws.String("arn:aws:iam::000000000000:saml-provider/corporate"), SAMLMetadataDocument: &metadata},
		"EnableOutboundWebIdentityFederation": &awsiam.EnableOutboundWebIdentityFederationInput{},
		"CreatePolicy":                        &awsiam.CreatePolicyInput{PolicyName: aws.String("p"), PolicyDocument: &policy},
		"CreateRole":                          &awsiam.CreateRoleInput{RoleName: aws.String("app"), AssumeRolePolicyDocument: &policy},
		"SimulateCustomPolicy":                &awsiam.SimulateCustomPolicyInput{PolicyInputList: []string{policy}, ActionNames: []string{"a:b"}},
		"GetRole":                             &awsiam.GetRoleInput{RoleName: aws.String("app")},
	}
	const decision = 70 // allocations, and some to spare
	for name, in := range inputs {
		allocations := testing.AllocsPerRun(20, func() {
			if _, err := calls[name](in); api.ErrorCode(err) != "AccessDenied" {
				t.Fatalf("%s: %v", name, err)
			}
		})
		if allocations > decision {
			t.Errorf("a denied %s allocates %.0f times", name, allocations)
		}
	}
}

// rootOperations are operations as calls of the root user.
func rootOperations(tb testing.TB) map[string]func(in any) (any, error) {
	account := identity.DefaultAccount
	return operations(tb, identity.Principal{Kind: identity.Root, Account: account, ARN: identity.ARN("aws", "iam", account, "root"), UserID: account})
}
