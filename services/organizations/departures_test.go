package organizations_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"emulator/server"
)

const day = 24 * time.Hour

func (o *tree) close(account string) error {
	_, err := o.CloseAccount(o.t.Context(), &organizations.CloseAccountInput{AccountId: &account})
	return err
}

func (o *tree) remove(account string) error {
	_, err := o.RemoveAccountFromOrganization(o.t.Context(), &organizations.RemoveAccountFromOrganizationInput{AccountId: &account})
	return err
}

// state returns an account's state and status.
func (o *tree) state(account string) string {
	o.t.Helper()
	out, err := o.DescribeAccount(o.t.Context(), &organizations.DescribeAccountInput{AccountId: &account})
	check(o.t, err)
	return string(out.Account.State) + " " + string(out.Account.Status)
}

// From the request to when nobody sees the account any more.
//
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_accounts_account_state.html
func TestCloseAccount(t *testing.T) {
	o := newTree(t, server.Config{Transition: time.Hour})
	unit := o.unit(o.root, "u")
	made, err := o.create("a", "a@example.com")
	check(t, err)
	o.e.Clock.Advance(time.Hour)
	account := *o.status(made.Id).AccountId
	check(t, o.move(account, o.root, unit))
	inside := o.e.ConfigWith(account, "test", "", "us-east-1")
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + management + `"},"Action":"sts:AssumeRole"}]}`
	role, err := iam.NewFromConfig(inside).CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("r"), AssumeRolePolicyDocument: &trust})
	check(t, err)
	_, err = iam.NewFromConfig(inside).CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("u")})
	check(t, err)
	key, err := iam.NewFromConfig(inside).CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("u")})
	check(t, err)
	admin := iam.NewFromConfig(o.e.Config())
	_, err = admin.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("ann")})
	check(t, err)
	_, err = admin.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: aws.String("ann"), PolicyName: aws.String("p"), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)})
	check(t, err)
	annKey, err := admin.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("ann")})
	check(t, err)
	ann := sts.NewFromConfig(o.e.ConfigWith(*annKey.AccessKey.AccessKeyId, *annKey.AccessKey.SecretAccessKey, "", "us-east-1"))
	assume := func() (*sts.AssumeRoleOutput, error) {
		return ann.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: role.Role.Arn, RoleSessionName: aws.String("session")})
	}
	session, err := assume()
	check(t, err)

	if got := o.state(account); got != "ACTIVE ACTIVE" {
		t.Errorf("at first %s", got)
	}
	wantConstraint(t, o.close(management), types.ConstraintViolationExceptionReasonCannotCloseManagementAccount)
	wantCode(t, o.close("999999999999"), "AccountNotFoundException")
	check(t, o.close(account))
	if got := o.state(account); got != "PENDING_CLOSURE PENDING_CLOSURE" {
		t.Errorf("then %s", got)
	}
	wantCode(t, o.close(account), "ConflictException")
	c := session.Credentials
	for name, config := range map[string]aws.Config{
		"root":    inside,
		"user":    o.e.ConfigWith(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "", "us-east-1"),
		"session": o.e.ConfigWith(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken, "us-east-1"),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := sts.NewFromConfig(config).GetCallerIdentity(t.Context(), nil)
			wantCode(t, err, "InvalidClientTokenId")
			_, err = organizations.NewFromConfig(config).DescribeOrganization(t.Context(), nil)
			wantCode(t, err, "UnrecognizedClientException")
		})
	}
	_, err = assume()
	wantCode(t, err, "AccessDenied") // what is in it is out of reach, too

	o.e.Clock.Advance(time.Hour)
	if got := o.state(account); got != "CLOSED SUSPENDED" {
		t.Errorf("at last %s", got)
	}
	wantCode(t, o.close(account), "AccountAlreadyClosedException")
	wantConstraint(t, o.remove(account), types.ConstraintViolationExceptionReasonAccountCannotLeaveOrganization)

	o.e.Clock.Advance(90*day - 2*time.Hour)
	_, err = o.DeleteOrganizationalUnit(t.Context(), &organizations.DeleteOrganizationalUnitInput{OrganizationalUnitId: &unit})
	wantCode(t, err, "OrganizationalUnitNotEmptyException")
	o.e.Clock.Advance(2 * time.Hour)
	_, err = o.DescribeAccount(t.Context(), &organizations.DescribeAccountInput{AccountId: &account})
	wantCode(t, err, "AccountNotFoundException")
	if out, err := o.ListAccounts(t.Context(), nil); err != nil || len(out.Accounts) != 1 {
		t.Errorf("accounts %+v, %v", out, err)
	}
	if out, err := o.ListChildren(t.Context(), &organizations.ListChildrenInput{ParentId: &unit, ChildType: types.ChildTypeAccount}); err != nil || len(out.Children) != 0 {
		t.Errorf("children %+v, %v", out, err)
	}
	_, err = o.DeleteOrganizationalUnit(t.Context(), &organizations.DeleteOrganizationalUnitInput{OrganizationalUnitId: &unit})
	check(t, err)
	_, err = sts.NewFromConfig(inside).GetCallerIdentity(t.Context(), nil)
	wantCode(t, err, "InvalidClientTokenId")
}

// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html
func TestQuotasOfClosing(t *testing.T) {
	o := newTree(t, server.Config{Transition: time.Hour, Quotas: []string{"organizations.AccountsClosedConcurrently=2", "organizations.AccountsClosedIn30Days=3", "organizations.Accounts=30"}})
	var accounts []string
	for i := range 6 {
		made, err := o.create("a", fmt.Sprintf("a%d@example.com", i))
		check(t, err)
		o.e.Clock.Advance(time.Hour)
		accounts = append(accounts, *o.status(made.Id).AccountId)
	}
	check(t, o.close(accounts[0]))
	check(t, o.close(accounts[1]))
	wantConstraint(t, o.close(accounts[2]), types.ConstraintViolationExceptionReasonCloseAccountRequestsLimitExceeded)
	o.e.Clock.Advance(2 * time.Hour)
	check(t, o.close(accounts[2]))
	wantConstraint(t, o.close(accounts[3]), types.ConstraintViolationExceptionReasonCloseAccountQuotaExceeded)
	o.e.Clock.Advance(30 * day)
	check(t, o.close(accounts[3]))
}

func TestCloseAccountNeedsAllFeatures(t *testing.T) {
	o := newBilling(t)
	wantConstraint(t, o.close(o.account(o.root, "a")), types.ConstraintViolationExceptionReasonOrganizationNotInAllFeaturesMode)
}

// What an account needs to stand alone.
//
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_account-before-remove.html
func TestLeaveOrganization(t *testing.T) {
	o := newTree(t)
	account := o.account(o.root, "a")
	member := o.as(account)
	leave := func(client *organizations.Client) error {
		_, err := client.LeaveOrganization(t.Context(), nil)
		return err
	}
	wantCode(t, leave(o.Client), "MasterCannotLeaveOrganizationException")
	wantCode(t, o.remove(management), "MasterCannotLeaveOrganizationException")
	wantCode(t, o.remove("999999999999"), "AccountNotFoundException")
	wantConstraint(t, leave(member), types.ConstraintViolationExceptionReasonWaitPeriodActive)
	wantConstraint(t, o.remove(account), types.ConstraintViolationExceptionReasonWaitPeriodActive)
	o.e.Clock.Advance(4 * day)
	wantConstraint(t, leave(member), types.ConstraintViolationExceptionReasonAccountCannotLeaveWithoutEula) // a new account has none of it
	for fact, want := range map[string]types.ConstraintViolationExceptionReason{
		"phoneUnverified": types.ConstraintViolationExceptionReasonAccountCannotLeaveWithoutPhoneVerification,
		"paymentMissing":  types.ConstraintViolationExceptionReasonMemberAccountPaymentInstrumentRequired,
		"paymentInvalid":  types.ConstraintViolationExceptionReasonInvalidPaymentInstrument,
	} {
		o.is(account, fact)
		wantConstraint(t, leave(member), want)
		wantConstraint(t, o.remove(account), want)
	}
	o.is(account)
	_, err := o.TagResource(t.Context(), &organizations.TagResourceInput{ResourceId: &account, Tags: tagsOf("a", "b")})
	check(t, err)
	check(t, leave(member))
	_, err = member.DescribeOrganization(t.Context(), nil)
	wantCode(t, err, "AWSOrganizationsNotInUseException")
	_, err = sts.NewFromConfig(o.e.ConfigWith(account, "test", "", "us-east-1")).GetCallerIdentity(t.Context(), nil)
	check(t, err)

	other := o.account(o.root, "b")
	o.is(other)
	o.e.Clock.Advance(4 * day)
	check(t, o.remove(other))
	wantCode(t, o.remove(other), "AccountNotFoundException")
	_, err = o.DeleteOrganization(t.Context(), nil)
	check(t, err)
}

// States that come from facts.
func TestSuspendedAndUnfinishedAccounts(t *testing.T) {
	o := newTree(t)
	account := o.account(o.root, "a")
	people := iam.NewFromConfig(o.e.ConfigWith(account, "test", "", "us-east-1"))
	list := func() error {
		_, err := people.ListUsers(t.Context(), nil)
		return err
	}
	o.is(account, "suspended")
	if got := o.state(account); got != "SUSPENDED SUSPENDED" {
		t.Errorf("got %s", got)
	}
	wantCode(t, list(), "InvalidClientTokenId")
	o.is(account, "signUpIncomplete")
	if got := o.state(account); got != "PENDING_ACTIVATION SUSPENDED" {
		t.Errorf("got %s", got)
	}
	wantCode(t, list(), "OptInRequired")
	_, err := o.as(account).DescribeOrganization(t.Context(), nil)
	check(t, err)
	o.is(account)
	check(t, list())
}
