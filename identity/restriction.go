package identity

import (
	"time"

	"emulator/store"
)

// Restriction is the record of an account that is not active. Accounts that are have none.
//
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_accounts_account_state.html
type Restriction struct {
	// Closed is when its closure began; zero if it is not closed.
	Closed time.Time `json:"closed,omitzero"`
	// Suspended: AWS restricts the account.
	Suspended bool `json:"suspended,omitempty"`
	// Unfinished: nobody has completed the account's sign-up.
	Unfinished bool `json:"unfinished,omitempty"`
}

// RestrictionKey is the key of a Restriction.
func RestrictionKey(account string) []byte { return store.Key("account-restriction", account) }

// LoadRestriction returns why an account is not active, nil if it is.
func LoadRestriction(r store.Reader, account string) (*Restriction, error) {
	restriction, ok, err := store.Load[Restriction](r, RestrictionKey(account))
	if err != nil || !ok {
		return nil, err
	}
	return &restriction, nil
}

// Save saves the restriction of an account; one that restricts nothing is none.
func (x *Restriction) Save(tx store.Tx, account string) error {
	if *x == (Restriction{}) {
		return tx.Delete(RestrictionKey(account))
	}
	return store.Save(tx, RestrictionKey(account), x)
}

// Unusable reports whether nobody can use the account any more.
func (x *Restriction) Unusable() bool { return x != nil && (x.Suspended || !x.Closed.IsZero()) }
