package organizations

import (
	"emulator/identity"
	"emulator/store"
)

// Indexes notes what the records of organizations say that must be in their indexes, and what
// they refer to that is not there.
func Indexes(r store.Reader, indexed *store.Indexed) error {
	indexed.Own(func(parts []string) bool { return parts[0] == "organization-account" })
	for key := range r.Scan(store.Key("organization-member"), nil) {
		m, _, err := store.Load[identity.Member](r, key)
		if err != nil {
			return err
		}
		indexed.Need(r, identity.OrganizationKey(m.Organization), key)
		indexed.Entry(identity.OrganizationAccountKey(m.Organization, m.Account), m.Account)
	}
	for key := range r.Scan(store.Key("organizations"), nil) {
		o, _, err := store.Load[identity.Organization](r, key)
		if err != nil {
			return err
		}
		indexed.Need(r, identity.MemberKey(o.Management), key)
	}
	return nil
}
