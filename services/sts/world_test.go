package sts_test

import (
	"errors"
	"fmt"
	"regexp"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"

	"emulator/emulatortest"
)

const (
	home  = "000000000000"
	other = "111111111111"
)

// world is an emulator with what a test needs of IAM.
type world struct {
	*emulatortest.Emulator
	t testing.TB
}

func newWorld(t testing.TB) world { return world{emulatortest.Start(t), t} }

// in returns the configuration of the root user of an account.
func (w world) in(account string) aws.Config {
	return w.ConfigWith(account, "test", "", emulatortest.Region)
}

// as returns an STS client with temporary credentials.
func (w world) as(c *types.Credentials) *sts.Client {
	return sts.NewFromConfig(w.ConfigWith(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken, emulatortest.Region))
}

// user creates a user with an inline policy ("": none) and an access key, and returns its
// configuration and ARN.
func (w world) user(account, name, policy string) (aws.Config, string) {
	w.t.Helper()
	client := iam.NewFromConfig(w.in(account))
	created, err := client.CreateUser(w.t.Context(), &iam.CreateUserInput{UserName: &name})
	if err != nil {
		w.t.Fatal(err)
	}
	if policy != "" {
		if _, err := client.PutUserPolicy(w.t.Context(), &iam.PutUserPolicyInput{UserName: &name, PolicyName: aws.String("inline"), PolicyDocument: &policy}); err != nil {
			w.t.Fatal(err)
		}
	}
	key, err := client.CreateAccessKey(w.t.Context(), &iam.CreateAccessKeyInput{UserName: &name})
	if err != nil {
		w.t.Fatal(err)
	}
	return w.ConfigWith(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "", emulatortest.Region), *created.User.Arn
}

// role creates a role with a trust policy and an inline policy ("": none), and returns its ARN.
func (w world) role(account, name, trust, policy string, change ...func(*iam.CreateRoleInput)) string {
	w.t.Helper()
	client := iam.NewFromConfig(w.in(account))
	in := &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust}
	for _, f := range change {
		f(in)
	}
	created, err := client.CreateRole(w.t.Context(), in)
	if err != nil {
		w.t.Fatal(err)
	}
	if policy != "" {
		if _, err := client.PutRolePolicy(w.t.Context(), &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("inline"), PolicyDocument: &policy}); err != nil {
			w.t.Fatal(err)
		}
	}
	return *created.Role.Arn
}

func document(statements string) string {
	return `{"Version":"2012-10-17","Statement":[` + statements + `]}`
}

// allow is an identity policy that allows actions on everything.
func allow(actions string) string {
	return document(fmt.Sprintf(`{"Effect":"Allow","Action":%s,"Resource":"*"}`, actions))
}

// trust is a trust policy for a principal, with conditions if they are given.
func trust(principal, actions, condition string) string {
	if condition == "" {
		condition = "{}"
	}
	return document(fmt.Sprintf(`{"Effect":"Allow","Principal":{"AWS":%q},"Action":%s,"Condition":%s}`, principal, actions, condition))
}

// all are the actions that a trust policy may allow to a caller with credentials.
const all = `["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]`

var measured = regexp.MustCompile(`\bhas [0-9]+ bytes`)

// tooLarge is said of a session token of any size.
const tooLarge = "The session token has N bytes, which exceeds the maximum allowed size of 4096 bytes."

// expect checks that err is AWS's error of that code and text, where "has N bytes" is any
// size.
func expect(t testing.TB, err error, code, message string) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want %s: %s", err, code, message)
	}
	if e.ErrorCode() != code || measured.ReplaceAllString(e.ErrorMessage(), "has N bytes") != message {
		t.Errorf("got %s: %s\nwant %s: %s", e.ErrorCode(), e.ErrorMessage(), code, message)
	}
}

func notAuthorized(who, action, resource string) string {
	return "User: " + who + " is not authorized to perform: " + action + " on resource: " + resource
}

// noIdentityPolicy is what AWS adds for callers whose own policies do not allow an action.
func noIdentityPolicy(action string) string {
	return " because no identity-based policy allows the " + action + " action"
}
