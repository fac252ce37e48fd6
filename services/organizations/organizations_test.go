package organizations_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"emulator/emulatortest"
	"emulator/server"
)

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// createAccount waits, as clients do, for a new account, and returns its ID.
func createAccount(t *testing.T, client *organizations.Client, name string) string {
	t.Helper()
	made, err := client.CreateAccount(t.Context(), &organizations.CreateAccountInput{AccountName: &name, Email: aws.String(name + "@example.com")})
	check(t, err)
	if made.CreateAccountStatus.State != types.CreateAccountStateInProgress {
		t.Errorf("state %s", made.CreateAccountStatus.State)
	}
	done, err := client.DescribeCreateAccountStatus(t.Context(), &organizations.DescribeCreateAccountStatusInput{CreateAccountRequestId: made.CreateAccountStatus.Id})
	check(t, err)
	if done.CreateAccountStatus.State != types.CreateAccountStateSucceeded {
		t.Fatalf("state %s", done.CreateAccountStatus.State)
	}
	return *done.CreateAccountStatus.AccountId
}

func TestCreateAccountTakesTime(t *testing.T) {
	e := emulatortest.Start(t, server.Config{Transition: time.Hour})
	client := organizations.NewFromConfig(e.Config())
	_, err := client.CreateOrganization(t.Context(), &organizations.CreateOrganizationInput{})
	check(t, err)
	made, err := client.CreateAccount(t.Context(), &organizations.CreateAccountInput{AccountName: aws.String("a"), Email: aws.String("a@example.com")})
	check(t, err)
	status := func() *types.CreateAccountStatus {
		t.Helper()
		out, err := client.DescribeCreateAccountStatus(t.Context(), &organizations.DescribeCreateAccountStatusInput{CreateAccountRequestId: made.CreateAccountStatus.Id})
		check(t, err)
		return out.CreateAccountStatus
	}
	if s := status(); s.State != types.CreateAccountStateInProgress || s.AccountId != nil || s.CompletedTimestamp != nil {
		t.Errorf("at first: %+v", s)
	}
	e.Clock.Advance(2 * time.Hour)
	if s := status(); s.State != types.CreateAccountStateSucceeded || s.AccountId == nil || !s.CompletedTimestamp.Equal(s.RequestedTimestamp.Add(time.Hour)) {
		t.Errorf("at last: %+v", s)
	}
}

func TestOrganization(t *testing.T) {
	e := emulatortest.Start(t)
	client := organizations.NewFromConfig(e.Config())
	_, err := client.DescribeOrganization(t.Context(), nil)
	wantCode(t, err, "AWSOrganizationsNotInUseException")
	created, err := client.CreateOrganization(t.Context(), nil)
	check(t, err)
	_, err = client.CreateOrganization(t.Context(), nil)
	wantCode(t, err, "AlreadyInOrganizationException")
	described, err := client.DescribeOrganization(t.Context(), nil)
	check(t, err)
	o := described.Organization
	if *o.Id != *created.Organization.Id || o.FeatureSet != types.OrganizationFeatureSetAll || *o.MasterAccountId != "000000000000" ||
		*o.Arn != "arn:aws:organizations::000000000000:organization/"+*o.Id {
		t.Errorf("got %+v", o)
	}

	account := createAccount(t, client, "team")
	got, err := client.DescribeAccount(t.Context(), &organizations.DescribeAccountInput{AccountId: &account})
	check(t, err)
	if *got.Account.Name != "team" || *got.Account.Arn != "arn:aws:organizations::000000000000:account/"+*o.Id+"/"+account || got.Account.JoinedMethod != types.AccountJoinedMethodCreated {
		t.Errorf("got %+v", got.Account)
	}
	createAccount(t, client, "other")
	var names []string
	for p := organizations.NewListAccountsPaginator(client, &organizations.ListAccountsInput{MaxResults: aws.Int32(2)}); p.HasMorePages(); {
		page, err := p.NextPage(t.Context())
		check(t, err)
		for _, a := range page.Accounts {
			names = append(names, *a.Name)
		}
	}
	if len(names) != 3 {
		t.Errorf("accounts %v", names)
	}
	_, err = client.DescribeAccount(t.Context(), &organizations.DescribeAccountInput{AccountId: aws.String("999999999999")})
	wantCode(t, err, "AccountNotFoundException")
	_, err = client.DescribeCreateAccountStatus(t.Context(), &organizations.DescribeCreateAccountStatusInput{CreateAccountRequestId: aws.String("car-12345678")})
	wantCode(t, err, "CreateAccountStatusNotFoundException")
	_, err = client.DeleteOrganization(t.Context(), nil)
	wantCode(t, err, "OrganizationNotEmptyException")

	// The member knows its organization, and manages nothing of it.
	member := organizations.NewFromConfig(e.ConfigWith(account, "test", "", "us-east-1"))
	if m, err := member.DescribeOrganization(t.Context(), nil); err != nil || *m.Organization.Id != *o.Id {
		t.Errorf("member: %v, %v", m, err)
	}
	_, err = member.ListAccounts(t.Context(), nil)
	wantCode(t, err, "AccessDeniedException")
	_, err = member.CreateOrganization(t.Context(), nil)
	wantCode(t, err, "AlreadyInOrganizationException")

	_, err = client.EnableAWSServiceAccess(t.Context(), &organizations.EnableAWSServiceAccessInput{ServicePrincipal: aws.String("iam.amazonaws.com")})
	check(t, err)
	services := func() int {
		t.Helper()
		list, err := client.ListAWSServiceAccessForOrganization(t.Context(), nil)
		check(t, err)
		return len(list.EnabledServicePrincipals)
	}
	if n := services(); n != 1 {
		t.Errorf("%d services", n)
	}
	_, err = client.DisableAWSServiceAccess(t.Context(), &organizations.DisableAWSServiceAccessInput{ServicePrincipal: aws.String("iam.amazonaws.com")})
	check(t, err)
	if n := services(); n != 0 {
		t.Errorf("%d services", n)
	}
}

// wantReason checks the reason of an InvalidInputException (AWS's API reference).
func wantReason(t *testing.T, err error, reason types.InvalidInputExceptionReason, message string) {
	t.Helper()
	if e, ok := errors.AsType[*types.InvalidInputException](err); !ok || e.Reason != reason || *e.Message != message {
		t.Errorf("got %v (%+v), want %s", err, e, reason)
	}
}

// The text: localstack/localstack 8559 and pepperize/cdk-organizations 1718 have it from AWS.
func TestUnknownServicePrincipal(t *testing.T) {
	e := emulatortest.Start(t)
	client := organizations.NewFromConfig(e.Config())
	_, err := client.CreateOrganization(t.Context(), nil)
	check(t, err)
	for _, principal := range []string{"nonsense.amazonaws.com", "iam", "amazonaws.com", "iam.amazonaws.com.cn"} {
		_, err := client.EnableAWSServiceAccess(t.Context(), &organizations.EnableAWSServiceAccessInput{ServicePrincipal: &principal})
		wantReason(t, err, types.InvalidInputExceptionReasonUnrecognizedServicePrincipal, "You specified an unrecognized service principal.")
		_, err = client.DisableAWSServiceAccess(t.Context(), &organizations.DisableAWSServiceAccessInput{ServicePrincipal: &principal})
		wantReason(t, err, types.InvalidInputExceptionReasonUnrecognizedServicePrincipal, "You specified an unrecognized service principal.")
	}
}

// What is wrong with an input by itself is told as a reason, without the value. The text of the pattern: boto/boto3 4565 and
// RoadieHQ/roadie-backstage-plugins 1391; the others are the sentences of AWS's API reference.
func TestInvalidInput(t *testing.T) {
	e := emulatortest.Start(t)
	client := organizations.NewFromConfig(e.Config())
	describe := func(account string) error {
		_, err := client.DescribeAccount(t.Context(), &organizations.DescribeAccountInput{AccountId: &account})
		return err
	}
	list := func(items int32) error {
		_, err := client.ListRoots(t.Context(), &organizations.ListRootsInput{MaxResults: &items})
		return err
	}
	create := func(set types.OrganizationFeatureSet) error {
		_, err := client.CreateOrganization(t.Context(), &organizations.CreateOrganizationInput{FeatureSet: set})
		return err
	}
	enable := func(principal string) error {
		_, err := client.EnableAWSServiceAccess(t.Context(), &organizations.EnableAWSServiceAccessInput{ServicePrincipal: &principal})
		return err
	}
	for _, test := range []struct {
		err     error
		reason  types.InvalidInputExceptionReason
		message string
	}{
		{describe("arn:aws:organizations::000000000000:account/o-a/1"), types.InvalidInputExceptionReasonInvalidPattern, "You provided a value that does not match the required pattern."},
		{list(21), types.InvalidInputExceptionReasonMaxValueExceeded, "You provided a numeric parameter that has a larger value than allowed."},
		{list(0), types.InvalidInputExceptionReasonMinValueExceeded, "You provided a numeric parameter that has a smaller value than allowed."},
		{create("SOME"), types.InvalidInputExceptionReasonInvalidEnum, "You specified an invalid value."},
		{enable(""), types.InvalidInputExceptionReasonMinLengthExceeded, "You provided a string parameter that is shorter than allowed."},
		{enable(strings.Repeat("a", 129)), types.InvalidInputExceptionReasonMaxLengthExceeded, "You provided a string parameter that is longer than allowed."},
	} {
		wantReason(t, test.err, test.reason, test.message)
	}
}

// Each list heeds MaxResults, and a token only that it returned itself.
func TestNextTokens(t *testing.T) {
	e := emulatortest.Start(t)
	client := organizations.NewFromConfig(e.Config())
	_, err := client.CreateOrganization(t.Context(), nil)
	check(t, err)
	createAccount(t, client, "team")
	enabled := []string{"config.amazonaws.com", "iam.amazonaws.com", "sso.amazonaws.com"}
	for _, principal := range enabled {
		_, err := client.EnableAWSServiceAccess(t.Context(), &organizations.EnableAWSServiceAccessInput{ServicePrincipal: &principal})
		check(t, err)
	}
	var principals []string
	for p := organizations.NewListAWSServiceAccessForOrganizationPaginator(client, &organizations.ListAWSServiceAccessForOrganizationInput{MaxResults: aws.Int32(2)}); p.HasMorePages(); {
		page, err := p.NextPage(t.Context())
		check(t, err)
		if len(page.EnabledServicePrincipals) > 2 {
			t.Errorf("%d in a page of 2", len(page.EnabledServicePrincipals))
		}
		for _, enabled := range page.EnabledServicePrincipals {
			principals = append(principals, *enabled.ServicePrincipal)
		}
	}
	if !slices.Equal(principals, enabled) {
		t.Errorf("services %v", principals)
	}
	lists := map[string]func(token *string) (*string, error){
		"accounts": func(token *string) (*string, error) {
			out, err := client.ListAccounts(t.Context(), &organizations.ListAccountsInput{MaxResults: aws.Int32(1), NextToken: token})
			if err != nil {
				return nil, err
			}
			return out.NextToken, nil
		},
		"services": func(token *string) (*string, error) {
			out, err := client.ListAWSServiceAccessForOrganization(t.Context(), &organizations.ListAWSServiceAccessForOrganizationInput{MaxResults: aws.Int32(1), NextToken: token})
			if err != nil {
				return nil, err
			}
			return out.NextToken, nil
		},
		"roots": func(token *string) (*string, error) {
			_, err := client.ListRoots(t.Context(), &organizations.ListRootsInput{NextToken: token})
			return nil, err
		},
		"delegated administrators": func(token *string) (*string, error) {
			_, err := client.ListDelegatedAdministrators(t.Context(), &organizations.ListDelegatedAdministratorsInput{NextToken: token})
			return nil, err
		},
	}
	bad := []*string{aws.String("!"), aws.String("eA")}
	for _, name := range []string{"accounts", "services"} {
		token, err := lists[name](nil)
		check(t, err)
		if _, err := lists[name](token); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for other, list := range lists {
			if other != name {
				_, err := list(token)
				wantReason(t, err, types.InvalidInputExceptionReasonInvalidPaginationToken, "You provided an invalid NextToken.")
			}
		}
	}
	for _, list := range lists {
		for _, token := range bad {
			_, err := list(token)
			wantReason(t, err, types.InvalidInputExceptionReasonInvalidPaginationToken, "You provided an invalid NextToken.")
		}
	}
}

func TestDeleteOrganization(t *testing.T) {
	e := emulatortest.Start(t)
	client := organizations.NewFromConfig(e.Config())
	created, err := client.CreateOrganization(t.Context(), &organizations.CreateOrganizationInput{FeatureSet: types.OrganizationFeatureSetConsolidatedBilling})
	check(t, err)
	if p := created.Organization.AvailablePolicyTypes; p == nil || len(p) > 0 {
		t.Errorf("policy types %+v", p)
	}
	_, err = client.EnableAWSServiceAccess(t.Context(), &organizations.EnableAWSServiceAccessInput{ServicePrincipal: aws.String("iam.amazonaws.com")})
	if e, ok := errors.AsType[*types.ConstraintViolationException](err); !ok || e.Reason != types.ConstraintViolationExceptionReasonOrganizationNotInAllFeaturesMode {
		t.Errorf("got %v", err)
	}
	_, err = client.DeleteOrganization(t.Context(), nil)
	check(t, err)
	_, err = client.DescribeOrganization(t.Context(), nil)
	wantCode(t, err, "AWSOrganizationsNotInUseException")
}

// TestAccessRole switches from the management account into a new account.
//
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_accounts_create-cross-account-role.html
func TestAccessRole(t *testing.T) {
	e := emulatortest.Start(t)
	client, admin := organizations.NewFromConfig(e.Config()), iam.NewFromConfig(e.Config())
	created, err := client.CreateOrganization(t.Context(), nil)
	check(t, err)
	account := createAccount(t, client, "team")
	_, err = admin.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("ann")})
	check(t, err)
	key, err := admin.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("ann")})
	check(t, err)
	// ann may call what is of her organization.
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*","Condition":{
		"StringEquals":{"aws:PrincipalOrgID":"` + *created.Organization.Id + `","aws:ResourceOrgID":"${aws:PrincipalOrgID}"},
		"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"` + *created.Organization.Id + `/r-*/"}}}]}`
	_, err = admin.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: aws.String("ann"), PolicyName: aws.String("p"), PolicyDocument: &policy})
	check(t, err)
	ann := sts.NewFromConfig(e.ConfigWith(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "", "us-east-1"))
	out, err := ann.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::" + account + ":role/OrganizationAccountAccessRole"), RoleSessionName: aws.String("ann")})
	check(t, err)
	c := out.Credentials
	inside := iam.NewFromConfig(e.ConfigWith(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken, "us-east-1"))
	if _, err := inside.ListUsers(t.Context(), nil); err != nil {
		t.Error(err)
	}
	// All accounts of an organization have its service-linked role.
	for _, in := range []*iam.Client{admin, inside} {
		if _, err := in.GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("AWSServiceRoleForOrganizations")}); err != nil {
			t.Error(err)
		}
	}
	// An account outside of the organization.
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"sts:AssumeRole"}]}`
	outside := iam.NewFromConfig(e.ConfigWith("222222222222", "test", "", "us-east-1"))
	role, err := outside.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("open"), AssumeRolePolicyDocument: &trust})
	check(t, err)
	_, err = ann.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: role.Role.Arn, RoleSessionName: aws.String("ann")})
	wantCode(t, err, "AccessDenied")
}

// The root that an organization has from the beginning, as Terraform's aws_organizations_organization asks for it; AvailablePolicyTypes
// are those of the examples in AWS's API reference.
func TestListRoots(t *testing.T) {
	e := emulatortest.Start(t)
	client := organizations.NewFromConfig(e.Config())
	_, err := client.ListRoots(t.Context(), nil)
	wantCode(t, err, "AWSOrganizationsNotInUseException")
	created, err := client.CreateOrganization(t.Context(), nil)
	check(t, err)
	account := createAccount(t, client, "team")
	got, err := client.ListRoots(t.Context(), &organizations.ListRootsInput{MaxResults: aws.Int32(1)})
	check(t, err)
	if len(got.Roots) != 1 || got.NextToken != nil {
		t.Fatalf("got %+v", got)
	}
	root := got.Roots[0]
	if id := *root.Id; *root.Name != "Root" || root.PolicyTypes == nil || len(root.PolicyTypes) > 0 || *root.Arn != "arn:aws:organizations::000000000000:root/"+*created.Organization.Id+"/"+id {
		t.Errorf("got %+v", root)
	}
	member, err := client.DescribeAccount(t.Context(), &organizations.DescribeAccountInput{AccountId: &account})
	check(t, err)
	if want := *created.Organization.Id + "/" + *root.Id + "/" + account + "/"; member.Account.Paths[0] != want {
		t.Errorf("the account is in %s, want %s", member.Account.Paths[0], want)
	}
	described, err := client.DescribeOrganization(t.Context(), nil)
	check(t, err)
	for _, o := range []*types.Organization{created.Organization, described.Organization} {
		if p := o.AvailablePolicyTypes; len(p) != 1 || p[0].Type != types.PolicyTypeServiceControlPolicy || p[0].Status != types.PolicyTypeStatusEnabled {
			t.Errorf("policy types %+v", p)
		}
	}
	delegated, err := client.ListDelegatedAdministrators(t.Context(), nil)
	check(t, err)
	if delegated.DelegatedAdministrators == nil || len(delegated.DelegatedAdministrators) > 0 {
		t.Errorf("got %+v", delegated)
	}
	inside := organizations.NewFromConfig(e.ConfigWith(account, "test", "", "us-east-1"))
	_, err = inside.ListRoots(t.Context(), nil)
	wantCode(t, err, "AccessDeniedException")
	_, err = inside.ListDelegatedAdministrators(t.Context(), nil)
	wantCode(t, err, "AccessDeniedException")
}
