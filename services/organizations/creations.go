package organizations

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"emulator/api"
	"emulator/identity"
	"emulator/quota"
	"emulator/store"
)

// accessRole is the role that Organizations makes in a new account, unless told otherwise.
const accessRole = "OrganizationAccountAccessRole"

// govCloud is the partition of accounts in AWS GovCloud (US).
const govCloud = "aws-us-gov"

// creation is the record of a request to create an account. If it fails there is no account.
type creation struct {
	ID              string                           `json:"id"`
	Organization    string                           `json:"organization"`
	Account         string                           `json:"account,omitempty"`
	GovCloudAccount string                           `json:"govCloudAccount,omitempty"`
	Name            string                           `json:"name"`
	Email           string                           `json:"email"`
	Requested       time.Time                        `json:"requested"`
	Failure         types.CreateAccountFailureReason `json:"failure,omitempty"`
}

func creationsPrefix(organization string) []byte {
	return store.Key("organizations-create-account", organization)
}

func creationKey(organization, id string) []byte {
	return store.Key("organizations-create-account", organization, id)
}

// creationID is the first of the IDs of requests that were made then: they order as their times do.
func creationID(requested time.Time) string {
	return fmt.Sprintf("car-%016x", requested.UnixMilli())
}

// inProgress is the status of the request at its begin.
func (made *creation) inProgress() *types.CreateAccountStatus {
	return &types.CreateAccountStatus{Id: &made.ID, AccountName: &made.Name, RequestedTimestamp: &made.Requested, State: types.CreateAccountStateInProgress}
}

// creationStatus is the status of the request by now.
func (s *Service) creationStatus(made *creation) *types.CreateAccountStatus {
	status := made.inProgress()
	end, ended := s.clock.Ended(made.Requested)
	switch {
	case !ended:
		return status
	case made.Failure != "":
		status.State, status.FailureReason = types.CreateAccountStateFailed, made.Failure
	default:
		status.State, status.AccountId = types.CreateAccountStateSucceeded, &made.Account
		if made.GovCloudAccount != "" {
			status.GovCloudAccountId = &made.GovCloudAccount
		}
	}
	status.CompletedTimestamp = &end
	return status
}

// https://docs.aws.amazon.com/organizations/latest/APIReference/API_CreateAccount.html
func (s *Service) createAccount(ctx context.Context, c api.Caller, in *organizations.CreateAccountInput) (*organizations.CreateAccountOutput, error) {
	status, err := s.create(ctx, c, "CreateAccount", &creation{Name: *in.AccountName, Email: *in.Email}, in.RoleName, in.IamUserAccessToBilling, in.Tags)
	return &organizations.CreateAccountOutput{CreateAccountStatus: status}, err
}

var govCloudName = regexp.MustCompile(`^[a-zA-Z0-9.-]+$`)

// createGovCloudAccount creates a pair: an account in the organization, and one in AWS GovCloud (US) that is in none. Both have one
// address, and the role in each trusts the management account or the one that it is paired with.
//
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_CreateGovCloudAccount.html
func (s *Service) createGovCloudAccount(ctx context.Context, c api.Caller, in *organizations.CreateGovCloudAccountInput) (*organizations.CreateGovCloudAccountOutput, error) {
	id, err := newID("", digits, 12)
	if err != nil {
		return nil, err
	}
	status, err := s.create(ctx, c, "CreateGovCloudAccount", &creation{Name: *in.AccountName, Email: *in.Email, GovCloudAccount: id}, in.RoleName, in.IamUserAccessToBilling, in.Tags)
	return &organizations.CreateGovCloudAccountOutput{CreateAccountStatus: status}, err
}

// create makes an account with a role that the management account may assume. Both are there at once; the status of the request tells
// of them when it has ended.
func (s *Service) create(ctx context.Context, c api.Caller, operation string, made *creation, role *string, billing types.IAMUserAccessToBilling, given []types.Tag) (*types.CreateAccountStatus, error) {
	made.Requested = s.now()
	tags, err := newTags(given)
	if err != nil {
		return nil, err
	}
	if role == nil {
		role = aws.String(accessRole)
	}
	if strings.HasPrefix(*role, "AWSServiceRoleFor") {
		return nil, api.Errorf("InvalidInputException", "You provided a role name that isn't valid. A role name can't begin with the reserved prefix AWSServiceRoleFor.").With("Reason", "INVALID_ROLE_NAME")
	}
	if made.ID, err = newID(creationID(made.Requested), letters, 16); err != nil {
		return nil, err
	}
	err = s.store.Update(ctx, func(tx store.Tx) error {
		o, err := s.enter(tx, c, operation, creating(tags))
		if err != nil {
			return err
		}
		if made.GovCloudAccount != "" && !govCloudName.MatchString(made.Name) {
			return api.Errorf("InvalidInputException", "You specified a full name that contains invalid characters.").With("Reason", "INVALID_FULL_NAME_TARGET")
		}
		management, err := loadFacts(tx, c.Account)
		if err != nil {
			return err
		}
		if err := management.refuse(
			notInitialized,
			refusal{contactMissing, api.Errorf(constraint, "To complete this operation, you must first provide a valid contact address and phone number for the management account. Then try the operation again.").With("Reason", "MASTER_ACCOUNT_MISSING_CONTACT_INFO")},
			refusal{addressOfOtherMarketplace, api.Errorf(constraint, "To create an account in this organization, you first must migrate the organization's management account to the marketplace that corresponds to the management account's address.").With("Reason", "MASTER_ACCOUNT_ADDRESS_DOES_NOT_MATCH_MARKETPLACE")},
		); err != nil {
			return err
		}
		if made.GovCloudAccount != "" && management.GovCloudAccount == "" {
			return api.Errorf(constraint, "To complete this operation, the management account must have an associated account in the Amazon Web Services GovCloud (US-West) Region.").With("Reason", "MASTER_ACCOUNT_NOT_GOVCLOUD_ENABLED")
		}
		made.Organization = o.ID
		if made.Failure, err = s.creationFailure(tx, o, made, management); err != nil {
			return err
		}
		if made.Failure == "" {
			if made.Account, err = newAccountID(tx); err != nil {
				return err
			}
		}
		if err := store.Save(tx, creationKey(o.ID, made.ID), made); err != nil || made.Failure != "" {
			return err
		}
		if err := s.makeAccount(tx, c, o, made, *role, billing); err != nil {
			return err
		}
		if made.GovCloudAccount != "" {
			if err := s.makeGovCloudAccount(tx, made, *role, management.GovCloudAccount); err != nil {
				return err
			}
		}
		return s.saveTags(tx, o, made.Account, tags)
	})
	return made.inProgress(), err
}

// constraint is the code of most errors with reasons.
const constraint = "ConstraintViolationException"

// creationFailure returns why the account can't be made, "" if it can. What can be told at once is an error.
func (s *Service) creationFailure(r store.Reader, o *identity.Organization, made *creation, management *Facts) (types.CreateAccountFailureReason, error) {
	running, same, err := s.creationsUnderWay(r, o, made.Email)
	if err != nil {
		return "", err
	}
	if running >= s.quotas.Max(concurrentCreations) {
		return "", api.Errorf(constraint, "You attempted to exceed the number of accounts that can be in progress at a time.").With("Reason", "ACCOUNT_CREATION_RATE_LIMIT_EXCEEDED")
	}
	limit := s.quotas.Max(accountsPerOrganization)
	accounts, err := s.countAccounts(r, o, limit)
	if err != nil {
		return "", err
	}
	owner, err := ownerOf(r, o.Partition, made.Email)
	if err != nil {
		return "", err
	}
	abroad := ""
	if made.GovCloudAccount != "" {
		if abroad, err = ownerOf(r, govCloud, made.Email); err != nil {
			return "", err
		}
	}
	switch {
	case limit != quota.Unlimited && accounts-running >= limit:
		return "", api.Errorf(constraint, "You have exceeded the allowed number of AWS accounts.").With("Reason", "ACCOUNT_NUMBER_LIMIT_EXCEEDED")
	case accounts >= limit:
		return types.CreateAccountFailureReasonAccountLimitExceeded, nil
	case !goodEmail(made.Email):
		return types.CreateAccountFailureReasonInvalidEmail, nil
	case same:
		return types.CreateAccountFailureReasonConcurrentAccountModification, nil
	case owner != "":
		return types.CreateAccountFailureReasonEmailAlreadyExists, nil
	case abroad != "":
		return types.CreateAccountFailureReasonGovcloudAccountAlreadyExists, nil
	}
	for _, f := range creationFailures {
		if management.is(f.fact) {
			return f.reason, nil
		}
	}
	return "", nil
}

// creationFailures are those that hang on the management account.
var creationFailures = []struct {
	fact   string
	reason types.CreateAccountFailureReason
}{
	{addressInvalid, types.CreateAccountFailureReasonInvalidAddress},
	{paymentMissing, types.CreateAccountFailureReasonMissingPaymentInstrument},
	{paymentInvalid, types.CreateAccountFailureReasonInvalidPaymentInstrument},
	{businessValidationMissing, types.CreateAccountFailureReasonMissingBusinessValidation},
	{businessValidationFailed, types.CreateAccountFailureReasonFailedBusinessValidation},
	{businessValidationPending, types.CreateAccountFailureReasonPendingBusinessVALIDATIONv},
	{businessIdentityInvalid, types.CreateAccountFailureReasonInvalidIdentityForBusinessValidation},
	{businessValidationUnknown, types.CreateAccountFailureReasonUnknownBusinessValidation},
	{creationFails, types.CreateAccountFailureReasonInternalFailure},
}

// emailLocal and emailDomain are the rules of AWS's page on CreateAccount.
var (
	emailLocal  = regexp.MustCompile(`^[!-~]+$`)
	emailDomain = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9.-]*\.[a-zA-Z0-9.-]*[a-zA-Z0-9]$`)
)

// goodEmail reports whether an address can be that of an account.
func goodEmail(email string) bool {
	local, domain, _ := strings.Cut(email, "@")
	return len(email) >= 6 && len(email) <= 64 && emailLocal.MatchString(local) && !strings.HasPrefix(local, ".") && !strings.ContainsAny(local, `"'()<>[]:;,\|%&`) && emailDomain.MatchString(domain)
}

// creationsUnderWay counts the accounts that are being made, and reports whether one of them has that address.
func (s *Service) creationsUnderWay(r store.Reader, o *identity.Organization, email string) (running int, same bool, err error) {
	since := creationKey(o.ID, creationID(s.clock.Now().Add(-s.clock.Transition-time.Millisecond)))
	for key := range r.Scan(creationsPrefix(o.ID), since) {
		made, _, err := store.Load[creation](r, key)
		if err != nil {
			return 0, false, err
		}
		if _, ended := s.clock.Ended(made.Requested); !ended && made.Failure == "" {
			running++
			same = same || strings.EqualFold(made.Email, email)
		}
	}
	return running, same, nil
}

// countAccounts returns how many accounts count against the organization's quota, those that are invited among them; no more than limit are counted.
func (s *Service) countAccounts(r store.Reader, o *identity.Organization, limit int) (n int, err error) {
	if limit == quota.Unlimited {
		return 0, nil
	}
	for range r.Scan(identity.OrganizationAccountsPrefix(o.ID), nil) {
		if n++; n >= 2*limit {
			break
		}
	}
	invited, err := s.invited(r, o)
	return n + invited, err
}

// makeAccount makes an account of the organization.
func (s *Service) makeAccount(tx store.Tx, c api.Caller, o *identity.Organization, made *creation, role string, billing types.IAMUserAccessToBilling) error {
	m := &identity.Member{
		Account: made.Account, Organization: o.ID, Name: made.Name, Email: made.Email, Joined: made.Requested, Created: true, Parents: []string{o.Root},
	}
	if err := addAccount(tx, o, m); err != nil {
		return err
	}
	facts := &Facts{Email: made.Email, Name: made.Name, Partition: o.Partition, GovCloudAccount: made.GovCloudAccount, Is: notCollected}
	if billing == types.IAMUserAccessToBillingDeny {
		facts.Is = append([]string{agreementMissing, billingForRootOnly}, notCollected[1:]...)
	}
	if err := saveFacts(tx, made.Account, facts); err != nil {
		return err
	}
	if err := s.linkRole(tx, c.Partition, made.Account, principal, made.Requested); err != nil {
		return err
	}
	return s.createRole(tx, newAccessRole(c.Partition, made.Account, role, c.Account, made.Requested))
}

// makeGovCloudAccount makes the account in AWS GovCloud (US), which trusts the one that the management account is paired with.
func (s *Service) makeGovCloudAccount(tx store.Tx, made *creation, role, trusted string) error {
	facts := &Facts{Email: made.Email, Name: made.Name, Partition: govCloud, Is: notCollected}
	if err := saveFacts(tx, made.GovCloudAccount, facts); err != nil {
		return err
	}
	return s.createRole(tx, newAccessRole(govCloud, made.GovCloudAccount, role, trusted, made.Requested))
}

// newAccessRole returns a role of an administrator, which an account trusts its users and roles with.
func newAccessRole(partition, account, name, trusted string, now time.Time) *identity.Role {
	return &identity.Role{
		Account: account, Partition: partition, Name: name, ID: identity.NewUniqueID(identity.PrefixRole), Path: "/", Created: now.Truncate(time.Second),
		MaxSessionDuration: 3600, Attached: []string{"arn:" + partition + ":iam::aws:policy/AdministratorAccess"},
		Trust: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + identity.ARN(partition, "iam", trusted, "root") + `"},"Action":"sts:AssumeRole"}]}`,
	}
}

// newAccountID returns a number that no account is known to have.
func newAccountID(r store.Reader) (string, error) {
	for {
		id, err := newID("", digits, 12)
		if err != nil || r.Get(identity.MemberKey(id)) == nil && r.Get(factsKey(id)) == nil {
			return id, err
		}
	}
}
