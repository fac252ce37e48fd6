package organizations

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"emulator/identity"
	"emulator/services/resourcegroupstaggingapi/tagindex"
	"emulator/store"
)

// Begin makes the index of the children of roots, in databases of older versions: all accounts were in the root, and in no index.
func Begin(tx store.Tx) error {
	children := make(map[string]string) // a scan must not write
	for key := range tx.Scan(store.Key("organizations"), nil) {
		o, _, err := store.Load[identity.Organization](tx, key)
		if err != nil {
			return err
		}
		if hasAny(tx, identity.InOrganization(o.ID, "child")) {
			continue
		}
		for _, account := range tx.Scan(identity.OrganizationAccountsPrefix(o.ID), nil) {
			children[string(childKey(o.ID, o.Root, types.ChildTypeAccount, string(account)))] = string(account)
		}
	}
	for key, account := range children {
		if err := tx.Put([]byte(key), []byte(account)); err != nil {
			return err
		}
	}
	return nil
}

func hasAny(r store.Reader, prefix []byte) bool {
	for range r.Scan(prefix, nil) {
		return true
	}
	return false
}

// Tagged calls f with the ARNs of what can have tags in organizations, and its tags.
func Tagged(r store.Reader, f func(arn string, tags map[string]string) error) error {
	for key := range r.Scan(store.Key("organizations"), nil) {
		o, _, err := store.Load[identity.Organization](r, key)
		if err != nil {
			return err
		}
		ids := targets(r, &o)
		for key := range r.Scan(identity.InOrganization(o.ID, "policy"), nil) {
			ids = append(ids, store.Parts(key)[3])
		}
		for key := range r.Scan(transfersPrefix(o.ID), nil) {
			ids = append(ids, store.Parts(key)[3])
		}
		if p, err := loadResourcePolicy(r, &o); err != nil {
			return err
		} else if p != nil {
			ids = append(ids, p.ID)
		}
		for _, id := range ids {
			arn, err := resourceARN(r, &o, id)
			if err != nil {
				return err
			}
			tags, _, err := store.Load[map[string]string](r, tagsKey(o.ID, id))
			if err != nil {
				return err
			}
			if err := f(arn, tags); err != nil {
				return err
			}
		}
	}
	return nil
}

// Indexes notes what the records of organizations say that must be in their indexes, and what
// they refer to that is not there.
func Indexes(r store.Reader, indexed *store.Indexed) error {
	indexed.Own(func(parts []string) bool {
		return slices.Contains([]string{"organization-account", "account-email", "handshake-received"}, parts[0]) || parts[0] == "in-organization" && slices.Contains(ownIndexes, parts[2])
	})
	indexed.Own(tagindex.Own("organizations"))
	if err := Tagged(r, func(arn string, tags map[string]string) error { return tagindex.Expect(r, indexed, arn, tags) }); err != nil {
		return err
	}
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
	for key := range r.Scan(store.Key("account-facts"), nil) {
		f, _, err := store.Load[Facts](r, key)
		if err != nil {
			return err
		}
		if f.Email != "" {
			indexed.Entry(emailKey(f.Partition, f.Email), store.Parts(key)[1])
		}
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
var ownIndexes = []string{"administrator", "attached", "child", "closed", "policy-name", "policy-of-type", "unit-name"}

func organizationIndexes(r store.Reader, indexed *store.Indexed, o *identity.Organization) error {
	for key := range r.Scan(identity.OrganizationalUnitsPrefix(o.ID), nil) {
		u, _, err := store.Load[identity.OrganizationalUnit](r, key)
		if err != nil {
			return err
		}
		parent := u.Parents[len(u.Parents)-1]
		indexed.Entry(childKey(o.ID, parent, types.ChildTypeOrganizationalUnit, u.ID), u.ID)
		indexed.Entry(unitNameKey(o.ID, parent, u.Name), u.ID)
		needUnits(r, indexed, o.ID, u.Parents, key)
	}
	if err := accountIndexes(r, indexed, o); err != nil {
		return err
	}
	return policyIndexes(r, indexed, o)
}

// policyIndexes are those of policies and of what they are attached to.
func policyIndexes(r store.Reader, indexed *store.Indexed, o *identity.Organization) error {
	for key := range r.Scan(identity.InOrganization(o.ID, "policy"), nil) {
		p, _, err := store.Load[identity.OrganizationPolicy](r, key)
		if err != nil {
			return err
		}
		indexed.Entry(policyOfTypeKey(o.ID, p.Type, p.ID), p.ID)
		indexed.Entry(policyNameKey(o.ID, p.Type, p.Name), p.ID)
	}
	for key := range r.Scan(identity.InOrganization(o.ID, "attachment"), nil) {
		parts := store.Parts(key)
		target, order, id := parts[3], parts[5], parts[6]
		p, err := identity.LoadOrganizationPolicy(r, o.ID, id)
		switch {
		case err != nil:
			return err
		case p == nil:
			indexed.Need(r, identity.OrganizationPolicyKey(o.ID, id), key)
		}
		indexed.Entry(attachedKey(o.ID, id, target), order)
		if target != o.Root && needTarget(r, o, target) != nil {
			indexed.Find("the policy %s is attached to %s, which is not there", id, target)
		}
	}
	return nil
}

// needUnits notes which of the units that lead to something are not there. The first of parents is the root.
func needUnits(r store.Reader, indexed *store.Indexed, organization string, parents []string, by []byte) {
	for _, id := range parents[1:] {
		indexed.Need(r, identity.OrganizationalUnitKey(organization, id), by)
	}
}

// accountIndexes are those of what accounts have to do with the organization.
func accountIndexes(r store.Reader, indexed *store.Indexed, o *identity.Organization) error {
	for key := range r.Scan(handshakesPrefix(o.ID), nil) {
		h, _, err := store.Load[handshake](r, key)
		if err != nil {
			return err
		}
		indexed.Entry(receivedKey(h.Recipient, h.ID), o.ID)
		if h.Transfer != "" {
			indexed.Need(r, transferKey(o.ID, h.Transfer), key)
		}
	}
	for key := range r.Scan(transfersPrefix(o.ID), nil) {
		indexed.Need(r, handshakeKey(o.ID, handshakeOf(store.Parts(key)[3])), key)
	}
	for key := range r.Scan(identity.InOrganization(o.ID, "delegation"), nil) {
		account, service := store.Parts(key)[3], store.Parts(key)[4]
		indexed.Need(r, identity.MemberKey(account), key)
		indexed.Entry(identity.AdministratorKey(o.ID, "", account), account)
		indexed.Entry(identity.AdministratorKey(o.ID, service, account), account)
	}
	for key := range r.Scan(identity.OrganizationAccountsPrefix(o.ID), nil) {
		account := store.Parts(key)[2]
		restriction, err := identity.LoadRestriction(r, account)
		if err != nil {
			return err
		}
		if restriction != nil && !restriction.Closed.IsZero() {
			indexed.Entry(closedKey(o.ID, restriction.Closed, account), account)
		}
	}
	return nil
}
