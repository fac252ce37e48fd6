package organizations

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"emulator/api"
	"emulator/identity"
	"emulator/store"
)

// unitNameKey is the key of an entry of the index from the names of units, unique under a parent, to their IDs.
func unitNameKey(organization, parent, name string) []byte {
	return identity.InOrganization(organization, "unit-name", parent, name)
}

// childrenPrefix is what the keys of the index from a root or unit to its children of a kind begin with. Their IDs follow, and are the values.
func childrenPrefix(organization, parent string, kind types.ChildType) []byte {
	return identity.InOrganization(organization, "child", parent, string(kind))
}

func childKey(organization, parent string, kind types.ChildType, id string) []byte {
	return identity.InOrganization(organization, "child", parent, string(kind), id)
}

func unitARN(o *identity.Organization, id string) string {
	return identity.ARN(o.Partition, "organizations", o.Management, "ou/"+o.ID+"/"+id)
}

const rootName = "Root"

func rootARN(o *identity.Organization) string {
	return identity.ARN(o.Partition, "organizations", o.Management, "root/"+o.ID+"/"+o.Root)
}

// resourceARN returns the ARN of a root, organizational unit, account or policy by its ID, also if there is none.
func resourceARN(r store.Reader, o *identity.Organization, id string) (string, error) {
	kind, _, _ := strings.Cut(id, "-")
	switch kind {
	case "r":
		return identity.ARN(o.Partition, "organizations", o.Management, "root/"+o.ID+"/"+id), nil
	case "ou":
		return unitARN(o, id), nil
	case "p":
		p, err := identity.LoadOrganizationPolicy(r, o.ID, id)
		if err != nil || p == nil {
			return "*", err // what there is not has no type, which would be in the ARN
		}
		return p.ARN(o), nil
	case "rp":
		return resourcePolicyARN(o, id), nil
	case "rt":
		return transferARN(o, &transfer{ID: id, Type: types.ResponsibilityTransferTypeBilling}, inbound), nil
	}
	return accountARN(o, id), nil
}

// inside returns the IDs that lead to what is in a root or unit; nil if there is no such root or unit.
func inside(r store.Reader, o *identity.Organization, parent string) ([]string, error) {
	if parent == o.Root {
		return []string{o.Root}, nil
	}
	u, ok, err := store.Load[identity.OrganizationalUnit](r, identity.OrganizationalUnitKey(o.ID, parent))
	if err != nil || !ok {
		return nil, err
	}
	return u.Within(), nil
}

// insideParent is inside for a root or unit that must be there.
func insideParent(r store.Reader, o *identity.Organization, parent string) ([]string, error) {
	within, err := inside(r, o, parent)
	if err == nil && within == nil {
		err = api.Errorf("ParentNotFoundException", "You specified a parent that doesn't exist.")
	}
	return within, err
}

// memberOf returns an account of the organization, nil if it has none of this ID.
func memberOf(r store.Reader, o *identity.Organization, account string) (*identity.Member, error) {
	m, err := identity.LoadMember(r, account)
	if err != nil || m == nil || m.Organization != o.ID {
		return nil, err
	}
	return m, nil
}

// memberOf is memberOf without those that were closed long ago.
func (s *Service) memberOf(r store.Reader, o *identity.Organization, account string) (*identity.Member, error) {
	m, err := memberOf(r, o, account)
	if err != nil || m == nil {
		return nil, err
	}
	restriction, err := identity.LoadRestriction(r, account)
	if err != nil || s.departed(restriction) {
		return nil, err
	}
	return m, nil
}

// parentsOf returns the IDs that lead to an account or unit; nil if there is none of this ID.
func parentsOf(r store.Reader, o *identity.Organization, child string) ([]string, error) {
	if strings.HasPrefix(child, "ou-") {
		u, _, err := store.Load[identity.OrganizationalUnit](r, identity.OrganizationalUnitKey(o.ID, child))
		return u.Parents, err
	}
	m, err := memberOf(r, o, child)
	if err != nil || m == nil {
		return nil, err
	}
	return m.Parents, nil
}

// addAccount saves an account that comes into the organization, with all that a new one has.
func addAccount(tx store.Tx, o *identity.Organization, m *identity.Member) error {
	if err := tx.Put(identity.OrganizationAccountKey(o.ID, m.Account), []byte(m.Account)); err != nil {
		return err
	}
	if err := attachNew(tx, o, m.Account); err != nil {
		return err
	}
	return placeAccount(tx, m, m.Parents)
}

// removeAccount deletes an account that leaves the organization, and all that the organization has of it.
func removeAccount(tx store.Tx, o *identity.Organization, m *identity.Member) error {
	if err := deleteTags(tx, o, m.Account); err != nil {
		return err
	}
	for _, key := range [][]byte{
		identity.MemberKey(m.Account), identity.OrganizationAccountKey(o.ID, m.Account),
		childKey(o.ID, m.Parents[len(m.Parents)-1], types.ChildTypeAccount, m.Account),
	} {
		if err := tx.Delete(key); err != nil {
			return err
		}
	}
	return detachAll(tx, o, m.Account)
}

// placeAccount saves an account in the last of parents, and nowhere else.
func placeAccount(tx store.Tx, m *identity.Member, parents []string) error {
	key := func() []byte {
		return childKey(m.Organization, m.Parents[len(m.Parents)-1], types.ChildTypeAccount, m.Account)
	}
	if err := tx.Delete(key()); err != nil {
		return err
	}
	m.Parents = slices.Clone(parents)
	if err := tx.Put(key(), []byte(m.Account)); err != nil {
		return err
	}
	return store.Save(tx, identity.MemberKey(m.Account), m)
}

// deleteInside deletes all that is in an organization.
func deleteInside(tx store.Tx, o *identity.Organization) error {
	var tagged []string
	for key := range tx.Scan(tagsPrefix(o.ID), nil) {
		tagged = append(tagged, store.Parts(key)[3])
	}
	for _, id := range tagged {
		if err := deleteTags(tx, o, id); err != nil {
			return err
		}
	}
	var keys [][]byte
	for key := range tx.Scan(identity.InOrganization(o.ID), nil) {
		keys = append(keys, slices.Clone(key))
	}
	for _, key := range keys {
		if err := tx.Delete(key); err != nil {
			return err
		}
	}
	return nil
}
