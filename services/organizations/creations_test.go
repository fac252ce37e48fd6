package organizations_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"emulator/emulatortest"
	"emulator/server"
	emulated "emulator/services/organizations"
)

const management = "000000000000"

// putFacts sets what holds of an account, and returns the status of the answer.
func putFacts(t *testing.T, e *emulatortest.Emulator, account, facts string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, e.URL+"/_emulator/accounts/"+account+"/facts", strings.NewReader(facts))
	check(t, err)
	response, err := http.DefaultClient.Do(request)
	check(t, err)
	response.Body.Close()
	return response.StatusCode
}

// facts sets what holds of an account.
func (o *tree) facts(account string, f emulated.Facts) {
	o.t.Helper()
	text, err := json.Marshal(f)
	check(o.t, err)
	if status := putFacts(o.t, o.e, account, string(text)); status != http.StatusOK {
		o.t.Fatalf("facts of %s: status %d", account, status)
	}
}

// is sets some of the further facts of an account, and no other.
func (o *tree) is(account string, facts ...string) {
	o.t.Helper()
	o.facts(account, emulated.Facts{Is: facts})
}

// newBilling is newTree with an organization that has consolidated billing only.
func newBilling(t *testing.T, config ...server.Config) *tree {
	t.Helper()
	e := emulatortest.Start(t, config...)
	client := organizations.NewFromConfig(e.Config())
	made, err := client.CreateOrganization(t.Context(), &organizations.CreateOrganizationInput{FeatureSet: types.OrganizationFeatureSetConsolidatedBilling})
	check(t, err)
	roots, err := client.ListRoots(t.Context(), nil)
	check(t, err)
	return &tree{client, t, e, *made.Organization.Id, *roots.Roots[0].Id}
}

func (o *tree) create(name, email string) (*types.CreateAccountStatus, error) {
	out, err := o.CreateAccount(o.t.Context(), &organizations.CreateAccountInput{AccountName: &name, Email: &email})
	if err != nil {
		return nil, err
	}
	return out.CreateAccountStatus, nil
}

func (o *tree) createGovCloud(name, email string) (*types.CreateAccountStatus, error) {
	out, err := o.CreateGovCloudAccount(o.t.Context(), &organizations.CreateGovCloudAccountInput{AccountName: &name, Email: &email})
	if err != nil {
		return nil, err
	}
	return out.CreateAccountStatus, nil
}

func (o *tree) status(id *string) *types.CreateAccountStatus {
	o.t.Helper()
	out, err := o.DescribeCreateAccountStatus(o.t.Context(), &organizations.DescribeCreateAccountStatusInput{CreateAccountRequestId: id})
	check(o.t, err)
	return out.CreateAccountStatus
}

// Each reason of CreateAccountStatus for which no account was made.
//
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_CreateAccountStatus.html
func TestCreateAccountFails(t *testing.T) {
	o := newTree(t)
	o.facts("222222222222", emulated.Facts{Email: "taken@example.org"})
	for name, c := range map[string]struct {
		email string
		fact  string
		want  types.CreateAccountFailureReason
	}{
		"an address that an account has":           {"Taken@example.org", "", types.CreateAccountFailureReasonEmailAlreadyExists},
		"an address that every account has":        {"111111111111@example.com", "", types.CreateAccountFailureReasonEmailAlreadyExists},
		"a local name that begins with a dot":      {".a@example.com", "", types.CreateAccountFailureReasonInvalidEmail},
		"a local name with a parenthesis":          {"a(b@example.com", "", types.CreateAccountFailureReasonInvalidEmail},
		"letters that are not ASCII":               {"ä@example.com", "", types.CreateAccountFailureReasonInvalidEmail},
		"a domain that ends with a hyphen":         {"a@example.com-", "", types.CreateAccountFailureReasonInvalidEmail},
		"a domain with an underscore":              {"a@exa_mple.com", "", types.CreateAccountFailureReasonInvalidEmail},
		"an address of the management account":     {"b@example.com", "addressInvalid", types.CreateAccountFailureReasonInvalidAddress},
		"no payment method":                        {"b@example.com", "paymentMissing", types.CreateAccountFailureReasonMissingPaymentInstrument},
		"a payment method that is not supported":   {"b@example.com", "paymentInvalid", types.CreateAccountFailureReasonInvalidPaymentInstrument},
		"no validation of the business":            {"b@example.com", "businessValidationMissing", types.CreateAccountFailureReasonMissingBusinessValidation},
		"a validation of the business that failed": {"b@example.com", "businessValidationFailed", types.CreateAccountFailureReasonFailedBusinessValidation},
		"a validation of the business under way":   {"b@example.com", "businessValidationPending", types.CreateAccountFailureReasonPendingBusinessVALIDATIONv},
		"an identity that is not valid":            {"b@example.com", "businessIdentityInvalid", types.CreateAccountFailureReasonInvalidIdentityForBusinessValidation},
		"some issue with the validation":           {"b@example.com", "businessValidationUnknown", types.CreateAccountFailureReasonUnknownBusinessValidation},
		"a failure inside":                         {"b@example.com", "creationFails", types.CreateAccountFailureReasonInternalFailure},
	} {
		t.Run(name, func(t *testing.T) {
			if c.fact != "" {
				o.is(management, c.fact)
				defer o.is(management)
			}
			made, err := o.create("a", c.email)
			check(t, err)
			if s := o.status(made.Id); s.State != types.CreateAccountStateFailed || s.FailureReason != c.want || s.AccountId != nil || s.CompletedTimestamp == nil {
				t.Errorf("got %+v", s)
			}
		})
	}
	if out, err := o.ListAccounts(t.Context(), nil); err != nil || len(out.Accounts) != 1 {
		t.Errorf("accounts: %+v, %v", out, err)
	}
	list, err := o.ListCreateAccountStatus(t.Context(), &organizations.ListCreateAccountStatusInput{States: []types.CreateAccountState{types.CreateAccountStateFailed}})
	check(t, err)
	if len(list.CreateAccountStatuses) != 16 || !slices.IsSortedFunc(list.CreateAccountStatuses, func(a, b types.CreateAccountStatus) int { return a.RequestedTimestamp.Compare(*b.RequestedTimestamp) }) {
		t.Errorf("got %d", len(list.CreateAccountStatuses))
	}
}

// What stands against a creation at once.
func TestCreateAccountIsRefused(t *testing.T) {
	o := newTree(t)
	for fact, want := range map[string]types.ConstraintViolationExceptionReason{
		"contactMissing":            types.ConstraintViolationExceptionReasonMasterAccountMissingContactInfo,
		"addressOfOtherMarketplace": types.ConstraintViolationExceptionReasonMasterAccountAddressDoesNotMatchMarketplace,
	} {
		o.is(management, fact)
		_, err := o.create("a", "a@example.com")
		wantConstraint(t, err, want)
		_, err = o.createGovCloud("a", "a@example.com")
		wantConstraint(t, err, want)
	}
	o.is(management, "initializing")
	_, err := o.create("a", "a@example.com")
	wantCode(t, err, "FinalizingOrganizationException")
	_, err = o.createGovCloud("a", "a@example.com")
	wantCode(t, err, "FinalizingOrganizationException")
	o.is(management)
	_, err = o.createGovCloud("a", "a@example.com")
	wantConstraint(t, err, types.ConstraintViolationExceptionReasonMasterAccountNotGovcloudEnabled)
	_, err = o.createGovCloud("a b", "a@example.com")
	wantInput(t, err, types.InvalidInputExceptionReasonInvalidFullNameTarget)
	_, err = o.CreateAccount(t.Context(), &organizations.CreateAccountInput{AccountName: aws.String("a"), Email: aws.String("a@example.com"), RoleName: aws.String("AWSServiceRoleForX")})
	wantInput(t, err, types.InvalidInputExceptionReasonInvalidRoleName)
	wantInput(t, o.trust(""), types.InvalidInputExceptionReasonMinLengthExceeded)
	_, err = o.create(strings.Repeat("a", 51), "a@example.com")
	wantInput(t, err, types.InvalidInputExceptionReasonMaxLengthExceeded)
	_, err = o.DescribeCreateAccountStatus(t.Context(), &organizations.DescribeCreateAccountStatusInput{CreateAccountRequestId: aws.String("x")})
	wantInput(t, err, types.InvalidInputExceptionReasonInvalidPattern)
}

// Quotas of accounts: those that are there stand against a creation at once, those that are being made let it fail.
//
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html
func TestNumberOfAccounts(t *testing.T) {
	o := newTree(t, server.Config{Transition: time.Hour, Quotas: []string{"organizations.Accounts=4", "organizations.AccountsCreatedConcurrently=3"}})
	first, err := o.create("a", "a@example.com")
	check(t, err)
	same, err := o.create("a", "A@example.com")
	check(t, err)
	if first.State != types.CreateAccountStateInProgress || o.status(first.Id).State != types.CreateAccountStateInProgress {
		t.Errorf("got %+v", first)
	}
	_, err = o.CloseAccount(t.Context(), &organizations.CloseAccountInput{AccountId: o.last()})
	wantCode(t, err, "ConflictException") // it is being made
	o.e.Clock.Advance(2 * time.Hour)
	if s := o.status(same.Id); s.FailureReason != types.CreateAccountFailureReasonConcurrentAccountModification {
		t.Errorf("got %+v", s)
	}
	if s := o.status(first.Id); s.State != types.CreateAccountStateSucceeded || *s.CompletedTimestamp != s.RequestedTimestamp.Add(time.Hour) {
		t.Errorf("got %+v", s)
	}
	for _, name := range []string{"b", "c"} {
		_, err := o.create(name, name+"@example.com")
		check(t, err)
	}
	late, err := o.create("d", "d@example.com")
	check(t, err)
	o.e.Clock.Advance(2 * time.Hour)
	if s := o.status(late.Id); s.FailureReason != types.CreateAccountFailureReasonAccountLimitExceeded {
		t.Errorf("got %+v", s)
	}
	_, err = o.create("d", "d@example.com")
	wantConstraint(t, err, types.ConstraintViolationExceptionReasonAccountNumberLimitExceeded)
	_, err = o.invite(types.HandshakePartyTypeAccount, "222222222222")
	wantHandshake(t, err, types.HandshakeConstraintViolationExceptionReasonAccountNumberLimitExceeded)
}

func TestAccountsCreatedConcurrently(t *testing.T) {
	o := newTree(t, server.Config{Transition: time.Hour})
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		_, err := o.create(name, name+"@example.com")
		check(t, err)
	}
	_, err := o.create("f", "f@example.com")
	wantConstraint(t, err, types.ConstraintViolationExceptionReasonAccountCreationRateLimitExceeded)
	o.e.Clock.Advance(time.Hour)
	_, err = o.create("f", "f@example.com")
	check(t, err)
}

// last returns an account that the organization has made.
func (o *tree) last() *string {
	o.t.Helper()
	out, err := o.ListAccounts(o.t.Context(), nil)
	check(o.t, err)
	for _, a := range out.Accounts {
		if *a.Id != management {
			return a.Id
		}
	}
	return nil
}

// The pair of accounts, and the roles in both.
//
// https://docs.aws.amazon.com/govcloud-us/latest/UserGuide/getting-started-sign-up.html
func TestCreateGovCloudAccount(t *testing.T) {
	o := newTree(t)
	o.facts(management, emulated.Facts{GovCloudAccount: "111111111111"})
	out, err := o.CreateGovCloudAccount(t.Context(), &organizations.CreateGovCloudAccountInput{
		AccountName: aws.String("gov"), Email: aws.String("gov@example.com"), RoleName: aws.String("Admin"), IamUserAccessToBilling: types.IAMUserAccessToBillingDeny, Tags: tagsOf("a", "b"),
	})
	check(t, err)
	s := o.status(out.CreateAccountStatus.Id)
	if s.State != types.CreateAccountStateSucceeded || s.AccountId == nil || s.GovCloudAccountId == nil || *s.AccountId == *s.GovCloudAccountId {
		t.Fatalf("got %+v", s)
	}
	if got := o.tags(*s.AccountId); got != "a=b " {
		t.Errorf("tags %s", got)
	}
	_, err = o.DescribeAccount(t.Context(), &organizations.DescribeAccountInput{AccountId: s.GovCloudAccountId})
	wantCode(t, err, "AccountNotFoundException") // it is in no organization

	for _, c := range []struct{ partition, region, from, to string }{
		{"aws", "us-east-1", management, *s.AccountId}, {"aws-us-gov", "us-gov-west-1", "111111111111", *s.GovCloudAccountId},
	} {
		people := iam.NewFromConfig(o.e.ConfigWith(c.from, "test", "", c.region))
		trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + c.from + `"},"Action":"sts:AssumeRole"}]}`
		allow := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
		role, err := people.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("admin"), AssumeRolePolicyDocument: &trust})
		check(t, err)
		_, err = people.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: aws.String("admin"), PolicyName: aws.String("p"), PolicyDocument: &allow})
		check(t, err)
		user, err := people.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("u")})
		check(t, err)
		_, err = people.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: user.User.UserName, PolicyName: aws.String("p"), PolicyDocument: &allow})
		check(t, err)
		key, err := people.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: user.User.UserName})
		check(t, err)
		tokens := sts.NewFromConfig(o.e.ConfigWith(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "", c.region))
		_, err = tokens.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: role.Role.Arn, RoleSessionName: aws.String("session")})
		check(t, err)
		arn := "arn:" + c.partition + ":iam::" + c.to + ":role/Admin"
		assumed, err := tokens.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &arn, RoleSessionName: aws.String("session")})
		check(t, err)
		session := o.e.ConfigWith(*assumed.Credentials.AccessKeyId, *assumed.Credentials.SecretAccessKey, *assumed.Credentials.SessionToken, c.region)
		_, err = iam.NewFromConfig(session).ListUsers(t.Context(), nil)
		check(t, err)
	}

	again, err := o.createGovCloud("gov", "gov@example.com")
	check(t, err)
	if s := o.status(again.Id); s.FailureReason != types.CreateAccountFailureReasonEmailAlreadyExists {
		t.Errorf("got %+v", s)
	}
	o.facts("333333333333", emulated.Facts{Partition: "aws-us-gov", Email: "abroad@example.com"})
	if again, err = o.createGovCloud("gov", "abroad@example.com"); err != nil || o.status(again.Id).FailureReason != types.CreateAccountFailureReasonGovcloudAccountAlreadyExists {
		t.Errorf("got %+v, %v", again, err)
	}

	// It closes with the other.
	_, err = o.CloseAccount(t.Context(), &organizations.CloseAccountInput{AccountId: s.AccountId})
	check(t, err)
	_, err = iam.NewFromConfig(o.e.ConfigWith(*s.GovCloudAccountId, "test", "", "us-gov-west-1")).ListUsers(t.Context(), nil)
	wantCode(t, err, "InvalidClientTokenId")
}

// Facts are taken strictly, and answered as they were given.
func TestFacts(t *testing.T) {
	o := newTree(t)
	o.facts("222222222222", emulated.Facts{Email: "b@example.org"})
	for _, bad := range []string{
		`{"is":["rich"]}`, `{"unknown":1}`, `{"email":"x"}`, `{"email":"B@example.org"}`, `{"email":"333333333333@example.com"}`, `{"govCloudAccount":"1"}`,
		`{"govCloudAccount":"444444444444"}`, `{"partition":"mars"}`, `{"noticeDays":-1}`, `{"noticeDays":400}`, `{"name":"` + strings.Repeat("n", 51) + `"}`, `[]`, `{}{}`,
	} {
		if status := putFacts(t, o.e, "444444444444", bad); status != http.StatusBadRequest {
			t.Errorf("%s: status %d", bad, status)
		}
	}
	for _, account := range []string{"1", "44444444444x", "444444444444%00"} {
		if status := putFacts(t, o.e, account, `{}`); status != http.StatusBadRequest {
			t.Errorf("%s: status %d", account, status)
		}
	}
	o.facts("444444444444", emulated.Facts{Email: "d@example.org", Is: []string{"phoneUnverified", "agreementMissing", "phoneUnverified"}})
	response, err := http.Get(o.e.URL + "/_emulator/accounts/444444444444/facts")
	check(t, err)
	defer response.Body.Close()
	var got bytes.Buffer
	got.ReadFrom(response.Body)
	if text := strings.TrimSpace(got.String()); text != `{"email":"d@example.org","is":["agreementMissing","phoneUnverified"]}` {
		t.Errorf("got %s", text)
	}
	o.facts("444444444444", emulated.Facts{})
	o.facts("222222222222", emulated.Facts{Email: "d@example.org"}) // it is free again

	// Of a member they are what Organizations shows.
	account := o.account(o.root, "a")
	o.facts(account, emulated.Facts{Email: "new@example.org", Name: "New"})
	out, err := o.DescribeAccount(t.Context(), &organizations.DescribeAccountInput{AccountId: &account})
	check(t, err)
	if *out.Account.Email != "new@example.org" || *out.Account.Name != "New" {
		t.Errorf("got %+v", out.Account)
	}
}

// What holds of an account that would manage an organization.
func TestCreateOrganizationIsRefused(t *testing.T) {
	e := emulatortest.Start(t)
	o := &tree{organizations.NewFromConfig(e.Config()), t, e, "", ""}
	create := func(client *organizations.Client, set types.OrganizationFeatureSet) error {
		_, err := client.CreateOrganization(t.Context(), &organizations.CreateOrganizationInput{FeatureSet: set})
		return err
	}
	for fact, want := range map[string]types.ConstraintViolationExceptionReason{
		"signUpIncomplete": types.ConstraintViolationExceptionReasonAccountCreationNotComplete,
		"paymentMissing":   types.ConstraintViolationExceptionReasonMasterAccountPaymentInstrumentRequired,
	} {
		o.is(management, fact)
		wantConstraint(t, create(o.Client, types.OrganizationFeatureSetAll), want)
	}
	o.is(management, "businessLicenseMissing")
	china := organizations.NewFromConfig(e.ConfigWith(management, "test", "", "cn-northwest-1"))
	wantConstraint(t, create(china, types.OrganizationFeatureSetAll), types.ConstraintViolationExceptionReasonMasterAccountMissingBusinessLicense)
	gov := organizations.NewFromConfig(e.ConfigWith(management, "test", "", "us-gov-west-1"))
	wantConstraint(t, create(gov, types.OrganizationFeatureSetConsolidatedBilling), types.ConstraintViolationExceptionReasonCreateOrganizationInBillingModeUnsupportedRegion)
	check(t, create(o.Client, types.OrganizationFeatureSetAll))
}
