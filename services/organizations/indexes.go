package organizations

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"emulator/identity"
	"emulator/store"
)

// Indexes notes what the records of organizations say that must be in their indexes, and what
// they refer to that is not there.
func Indexes(r store.Reader, indexed *store.Indexed) error {
	indexed.Own(func(parts []string) bool {
		return parts[0] == "organization-account" || parts[0] == "in-organization" && slices.Contains(ownIndexes, parts[2])
	})
	for key := range r.Scan(store.Key("organization-member"), nil) {
		m, _, err := store.Load[identity.Member](r, key)
		if err != nil {
			return err
		}
		indexed.Need(r, identity.OrganizationKey(m.Organization), key)
		indexed.Entry(identity.OrganizationAccountKey(m.Organization, m.Account), m.Account)
		indexed.Entry(childKey(m.Organization, m.Parents[len(m.Parents)-1], types.ChildTypeAccount, m.Account), m.Account)
		needUnits(r, indexed, m.Organization, m.Parents, key)
	}
	for key := range r.Scan(store.Key("organizations"), nil) {
		o, _, err := store.Load[identity.Organization](r, key)
		if err != nil {
			return err
		}
		indexed.Need(r, identity.MemberKey(o.Management), key)
		if err := organizationIndexes(r, indexed, &o); err != nil {
			return err
		}
	}
	return nil
}

// ownIndexes are those of what is in an organization.
var ownIndexes = []string{"child", "unit-name"}

func organizationIndexes(r store.Reader, indexed *store.Indexed, o *identity.Organization) error {
	for key := range r.Scan(unitsPrefix(o.ID), nil) {
		u, _, err := store.Load[unit](r, key)
		if err != nil {
			return err
		}
		parent := u.Parents[len(u.Parents)-1]
		indexed.Entry(childKey(o.ID, parent, types.ChildTypeOrganizationalUnit, u.ID), u.ID)
		indexed.Entry(unitNameKey(o.ID, parent, u.Name), u.ID)
		needUnits(r, indexed, o.ID, u.Parents, key)
	}
	return nil
}

// needUnits notes which of the units that lead to something are not there. The first of parents is the root.
func needUnits(r store.Reader, indexed *store.Indexed, organization string, parents []string, by []byte) {
	for _, id := range parents[1:] {
		indexed.Need(r, unitKey(organization, id), by)
	}
}
