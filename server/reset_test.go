package server_test

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"

	"emulator/emulatortest"
)

// Every session of an account ends with the account, also of those whose like is made anew
// after its reset; the root user's key goes on working.
func TestSessionsEndWithReset(t *testing.T) {
	const one, two = "111111111111", "222222222222"
	const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}`
	const all = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	e := emulatortest.Start(t)
	root := func(account string) aws.Config { return e.ConfigWith(account, "test", "", emulatortest.Region) }
	as := func(c *types.Credentials) aws.Config {
		return e.ConfigWith(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken, emulatortest.Region)
	}
	key := func(k *iam.CreateAccessKeyOutput) aws.Config {
		return e.ConfigWith(*k.AccessKey.AccessKeyId, *k.AccessKey.SecretAccessKey, "", emulatortest.Region)
	}
	// populate makes the same user and role each time, and a session of every kind.
	populate := func(account string) map[string]*types.Credentials {
		t.Helper()
		admin := iam.NewFromConfig(root(account))
		must(admin.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("bob")}))(t)
		must(admin.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: aws.String("bob"), PolicyName: aws.String("p"), PolicyDocument: aws.String(all)}))(t)
		bob := key(must(admin.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("bob")}))(t))
		role := must(admin.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("app"), AssumeRolePolicyDocument: aws.String(trust)}))(t)
		session := func(config aws.Config) *types.Credentials {
			return must(sts.NewFromConfig(config).GetSessionToken(t.Context(), nil))(t).Credentials
		}
		federated := func(config aws.Config) *types.Credentials {
			return must(sts.NewFromConfig(config).GetFederationToken(t.Context(), &sts.GetFederationTokenInput{Name: aws.String("feder"), Policy: aws.String(all)}))(t).Credentials
		}
		return map[string]*types.Credentials{
			"root": session(root(account)), "root, federated": federated(root(account)),
			"user": session(bob), "user, federated": federated(bob),
			"role": must(sts.NewFromConfig(bob).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: role.Role.Arn, RoleSessionName: aws.String("me")}))(t).Credentials,
		}
	}
	check := func(when string, sessions map[string]*types.Credentials, want string) {
		t.Helper()
		for name, c := range sessions {
			if _, err := sts.NewFromConfig(as(c)).GetCallerIdentity(t.Context(), nil); errorCode(err) != want {
				t.Errorf("%s: the session of %s: %v, want %q", when, name, err, want)
			}
		}
	}
	ones, twos := populate(one), populate(two)
	check("at first", ones, "")
	for range 2 { // a life also ends that began with a reset
		admin(t, e, "POST", "/reset", `{"account":"`+one+`"}`, 200)
		check("after the account's reset", ones, "InvalidClientTokenId")
		check("after another account's reset", twos, "")
		again := populate(one)
		check("made anew", again, "")
		check("with new ones there", ones, "InvalidClientTokenId")
		ones = again
	}
	for range 2 {
		admin(t, e, "POST", "/reset", "", 200)
		check("after a reset of everything", ones, "InvalidClientTokenId")
		check("after a reset of everything", twos, "InvalidClientTokenId")
		ones, twos = populate(one), populate(two)
		check("made anew", ones, "")
	}

	// AssumeRoot's session is of the member's root user, and goes with the member.
	management := organizations.NewFromConfig(root(two))
	must(management.CreateOrganization(t.Context(), nil))(t)
	must(management.EnableAWSServiceAccess(t.Context(), &organizations.EnableAWSServiceAccessInput{ServicePrincipal: aws.String("iam.amazonaws.com")}))(t)
	must(iam.NewFromConfig(root(two)).EnableOrganizationsRootSessions(t.Context(), nil))(t)
	made := must(management.CreateAccount(t.Context(), &organizations.CreateAccountInput{AccountName: aws.String("team"), Email: aws.String("team@example.com")}))(t)
	member := must(management.DescribeCreateAccountStatus(t.Context(), &organizations.DescribeCreateAccountStatusInput{CreateAccountRequestId: made.CreateAccountStatus.Id}))(t).CreateAccountStatus.AccountId
	bob := key(must(iam.NewFromConfig(root(two)).CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("bob")}))(t))
	assumed := map[string]*types.Credentials{"AssumeRoot": must(sts.NewFromConfig(bob).AssumeRoot(t.Context(), &sts.AssumeRootInput{
		TargetPrincipal: member, TaskPolicyArn: &types.PolicyDescriptorType{Arn: aws.String("arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials")},
	}))(t).Credentials}
	check("of the member", assumed, "")
	admin(t, e, "POST", "/reset", `{"account":"`+*member+`"}`, 200)
	check("after the member's reset", assumed, "InvalidClientTokenId")
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// errorCode returns the code that AWS's client found in an answer, "" if there was no error.
func errorCode(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// A reset of one account of an organization, of one that was invited, or of the one that manages it leaves nothing behind that refers to nothing.
func TestResetOfAccountsOfAnOrganization(t *testing.T) {
	e := emulatortest.Start(t)
	populate(t, e)
	o := organizations.NewFromConfig(e.ConfigWith(firstAccount, "test", "", emulatortest.Region))
	accounts := []string{"333333333333"}
	for _, a := range must(o.ListAccounts(t.Context(), nil))(t).Accounts {
		if *a.Id != firstAccount {
			accounts = append(accounts, *a.Id)
		}
	}
	for _, account := range append(accounts, firstAccount) {
		admin(t, e, "POST", "/reset", `{"account":"`+account+`"}`, 200)
		if text := findings(t, e); text != nothingFound {
			t.Errorf("after the reset of %s: %s", account, text)
		}
	}
}
