package organizations

import (
	"context"
	"slices"
	"strings"
	"time"

	"emulator/api"
	"emulator/identity"
	"emulator/store"
)

// Facts is the record of what holds of an account outside of this API: its owner, and what billing and sign-up know of it. Of
// most accounts there is none, and nothing stands in their way.
type Facts struct {
	// Email is of the account's root user. It is "" for ACCOUNT@example.com.
	Email string `json:"email,omitempty"`
	Name  string `json:"name,omitempty"`
	// Partition in which the account is; "" is "aws". In each an address is of one account.
	Partition string `json:"partition,omitempty"`
	// GovCloudAccount is the account in AWS GovCloud (US) that this one is paired with.
	GovCloudAccount string `json:"govCloudAccount,omitempty"`
	// Seller is the seller of record; "" is the one that most accounts have.
	Seller string `json:"seller,omitempty"`
	// NoticeDays is how many days before its end a responsibility transfer must be terminated, by the partner's agreement.
	NoticeDays int `json:"noticeDays,omitempty"`
	// Is has further facts, which known lists, sorted.
	Is []string `json:"is,omitempty"`
}

// The further facts.
const (
	addressInvalid             = "addressInvalid"
	addressOfOtherMarketplace  = "addressOfOtherMarketplace"
	agreementMissing           = "agreementMissing"
	billingForRootOnly         = "billingForRootOnly"
	billingTransferUnavailable = "billingTransferUnavailable"
	billingUnsupported         = "billingUnsupported"
	businessIdentityInvalid    = "businessIdentityInvalid"
	businessLicenseMissing     = "businessLicenseMissing"
	businessValidationFailed   = "businessValidationFailed"
	businessValidationMissing  = "businessValidationMissing"
	businessValidationPending  = "businessValidationPending"
	businessValidationUnknown  = "businessValidationUnknown"
	contactMissing             = "contactMissing"
	creationFails              = "creationFails"
	deletionPending            = "deletionPending"
	emailCodeExpired           = "emailCodeExpired"
	emailUnverified            = "emailUnverified"
	initializing               = "initializing"
	invoicePastDue             = "invoicePastDue"
	legacyPermissions          = "legacyPermissions"
	membershipJustChanged      = "membershipJustChanged"
	paymentInvalid             = "paymentInvalid"
	paymentMissing             = "paymentMissing"
	phoneUnverified            = "phoneUnverified"
	prepaymentUnused           = "prepaymentUnused"
	pricingUnsupported         = "pricingUnsupported"
	signUpIncomplete           = "signUpIncomplete"
	suspended                  = "suspended"
)

var known = []string{
	addressInvalid, addressOfOtherMarketplace, agreementMissing, billingForRootOnly, billingTransferUnavailable, billingUnsupported,
	businessIdentityInvalid, businessLicenseMissing, businessValidationFailed, businessValidationMissing, businessValidationPending,
	businessValidationUnknown, contactMissing, creationFails, deletionPending, emailCodeExpired, emailUnverified, initializing, invoicePastDue,
	legacyPermissions, membershipJustChanged, paymentInvalid, paymentMissing, phoneUnverified, prepaymentUnused, pricingUnsupported,
	signUpIncomplete, suspended,
}

// notCollected is what is not asked of whoever creates an account, and missing when it is to stand alone.
//
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_CreateAccount.html
var notCollected = []string{agreementMissing, paymentMissing, phoneUnverified}

func (f *Facts) is(fact string) bool { return slices.Contains(f.Is, fact) }

func factsKey(account string) []byte { return store.Key("account-facts", account) }

func loadFacts(r store.Reader, account string) (*Facts, error) {
	f, _, err := store.Load[Facts](r, factsKey(account))
	return &f, err
}

// emailKey is the key of an entry of the index from the addresses that were given to accounts, unique in a partition, to those accounts.
func emailKey(partition, email string) []byte {
	if partition == "" {
		partition = "aws"
	}
	return store.Key("account-email", partition, strings.ToLower(email))
}

const ownDomain = "@example.com"

// emailOf returns an account's address.
func (f *Facts) emailOf(account string) string {
	if f.Email != "" {
		return f.Email
	}
	return account + ownDomain
}

// ownerOf returns the account that has an address, "" if none has.
func ownerOf(r store.Reader, partition, email string) (string, error) {
	if owner := r.Get(emailKey(partition, email)); owner != nil {
		return string(owner), nil
	}
	account, own := strings.CutSuffix(strings.ToLower(email), ownDomain)
	if !own || !identity.IsAccountID(account) {
		return "", nil
	}
	f, err := loadFacts(r, account)
	if err != nil || f.Email != "" {
		return "", err
	}
	return account, nil
}

// Facts returns what holds of an account.
func (s *Service) Facts(ctx context.Context, account string) (f *Facts, err error) {
	err = s.store.View(ctx, func(r store.Reader) error {
		f, err = loadFacts(r, account)
		return err
	})
	return f, err
}

// SetFacts replaces what holds of an account. What can't be is an api.Error.
func (s *Service) SetFacts(ctx context.Context, account string, f *Facts) error {
	bad := func(format string, args ...any) error { return api.Errorf("InvalidInput", format, args...) }
	switch {
	case f.Email != "" && !goodEmail(f.Email):
		return bad("email: want an address as CreateAccount takes it")
	case len(f.Name) > 50 || len(f.Seller) > 50:
		return bad("name, seller: want at most 50 bytes")
	case f.Partition != "" && identity.Partition(identity.HomeRegion(f.Partition)) != f.Partition:
		return bad("partition: want one of AWS's, as aws-us-gov")
	case f.GovCloudAccount != "" && (!identity.IsAccountID(f.GovCloudAccount) || f.GovCloudAccount == account):
		return bad("govCloudAccount: want the twelve digits of another account")
	case f.NoticeDays < 0 || f.NoticeDays > 366:
		return bad("noticeDays: want 0 to 366")
	}
	for _, fact := range f.Is {
		if !slices.Contains(known, fact) {
			return bad("is: want some of %s", strings.Join(known, ", "))
		}
	}
	slices.Sort(f.Is)
	f.Is = slices.Compact(f.Is)
	return s.store.Update(ctx, func(tx store.Tx) error {
		if f.Email != "" {
			owner, err := ownerOf(tx, f.Partition, f.Email)
			if err != nil {
				return err
			}
			if owner != "" && owner != account {
				return bad("email: account %s has it", owner)
			}
		}
		return saveFacts(tx, account, f)
	})
}

// saveFacts saves what holds of an account, and all that follows from it.
func saveFacts(tx store.Tx, account string, f *Facts) error {
	old, err := loadFacts(tx, account)
	if err != nil {
		return err
	}
	if old.Email != "" {
		if err := tx.Delete(emailKey(old.Partition, old.Email)); err != nil {
			return err
		}
	}
	if f.Email != "" {
		if err := tx.Put(emailKey(f.Partition, f.Email), []byte(account)); err != nil {
			return err
		}
		if err := deliver(tx, f.Email, account); err != nil {
			return err
		}
	}
	m, err := identity.LoadMember(tx, account)
	if err != nil {
		return err
	}
	if m != nil && (m.Email != f.emailOf(account) || f.Name != "" && m.Name != f.Name) {
		m.Email = f.emailOf(account)
		if f.Name != "" {
			m.Name = f.Name
		}
		if err := store.Save(tx, identity.MemberKey(account), m); err != nil {
			return err
		}
	}
	restriction, err := identity.LoadRestriction(tx, account)
	if err != nil {
		return err
	}
	if restriction == nil {
		restriction = &identity.Restriction{}
	}
	restriction.Suspended, restriction.Unfinished = f.is(suspended), f.is(signUpIncomplete)
	if err := restriction.Save(tx, account); err != nil {
		return err
	}
	if f.empty() {
		return tx.Delete(factsKey(account))
	}
	return store.Save(tx, factsKey(account), f)
}

func (f *Facts) empty() bool {
	rest := *f
	rest.Is = nil
	return len(f.Is) == 0 && f.Email == "" && f.Name == "" && f.Partition == "" && f.GovCloudAccount == "" && f.Seller == "" && f.NoticeDays == 0
}

// refusal is an error for a fact.
type refusal struct {
	fact string
	err  *api.Error
}

// notInitialized is the refusal of what an organization does with further accounts.
var notInitialized = refusal{initializing, api.Errorf("FinalizingOrganizationException", "Organizations couldn't perform the operation because your organization hasn't finished initializing. This can take up to an hour. Try again later.")}

// refuse returns the error of the first fact that holds, nil if none does.
func (f *Facts) refuse(refusals ...refusal) error {
	for _, x := range refusals {
		if f.is(x.fact) {
			return x.err.Because("the account's facts have %q", x.fact)
		}
	}
	return nil
}

// timeKey orders as times do.
func timeKey(t time.Time) string { return t.UTC().Format("20060102T150405.000Z") }
