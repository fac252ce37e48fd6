package signin

import (
	"emulator/identity"
	"emulator/store"
)

// maxPrincipals is how many of whom one may sign in as the page lists; the others are typed.
const maxPrincipals = 1000

// account is an account of the page's list.
type account struct {
	ID         string
	Alias      string
	Principals []listed
}

// title is what AWS's page has an account under: "alias (111111111111)", or the number.
func (a account) title() string {
	if a.Alias == "" {
		return a.ID
	}
	return a.Alias + " (" + a.ID + ")"
}

// listed is a user or a role.
type listed struct{ ARN, Label string }

// principals returns the users and roles of all accounts that have anything in IAM, and whether there are more than
// the page lists. The account that is always there comes first.
func principals(r store.Reader) (all []account, more bool, err error) {
	ids := []string{identity.DefaultAccount}
	for id := range identity.Accounts(r) {
		if id != identity.DefaultAccount {
			ids = append(ids, id)
		}
	}
	left := maxPrincipals
	for _, id := range ids {
		if left--; left < 0 {
			return all, true, nil
		}
		a := account{ID: id}
		for key := range r.Scan(store.Key("iam", id, "user"), nil) {
			user, _, err := store.Load[identity.User](r, key)
			if err != nil {
				return nil, false, err
			}
			if left--; left < 0 {
				return append(all, a), true, nil
			}
			a.Principals = append(a.Principals, listed{user.ARN(), "user " + user.Name})
		}
		for key := range r.Scan(store.Key("iam", id, "role"), nil) {
			role, _, err := store.Load[identity.Role](r, key)
			if err != nil {
				return nil, false, err
			}
			if role.ServiceLinked() {
				continue
			}
			if left--; left < 0 {
				return append(all, a), true, nil
			}
			a.Principals = append(a.Principals, listed{role.ARN(), "role " + role.Name})
		}
		all = append(all, a)
	}
	return all, false, nil
}
