package iam

import (
	"encoding/json"
	"fmt"
	"strconv"

	"emulator/identity"
	"emulator/services/resourcegroupstaggingapi/tagindex"
	"emulator/store"
)

// Of these kinds, by the first part of their key or the third, others say all about a record.
var (
	indexRoots = map[string]bool{"unique-id": true, "outbound-issuer": true, "delegation-workflow": true, "delegation-owned": true}
	indexKinds = map[string]bool{
		userKind.name + "-by-path": true, groupKind.name + "-by-path": true, roleKind.name + "-by-path": true, instanceProfileKind.name + "-by-path": true,
		"group-member": true, "count": true, "profile-of-role": true, string(asPermissions): true, string(asBoundary): true, "policy-use": true,
		serverCertificateKind.name + "-by-path": true, signingKind.name + "-unique": true, serviceKind.name + "-unique": true,
	}
)

// Tagged calls f with the resources that the Resource Groups Tagging API lists: all with tags but users and roles.
func Tagged(r store.Reader, f func(arn string, tags map[string]string) error) error {
	for key, value := range r.Scan(store.Key("iam"), nil) {
		var resource interface{ ARN() string }
		var tags *map[string]string
		switch store.Parts(key)[2] {
		case "policy":
			p := new(identity.ManagedPolicy)
			resource, tags = p, &p.Tags
		case instanceProfileKind.name:
			p := new(identity.InstanceProfile)
			resource, tags = p, &p.Tags
		case serverCertificateKind.name:
			k := new(identity.ServerCertificate)
			resource, tags = k, &k.Tags
		case "oidc-provider":
			p := new(identity.OIDCProvider)
			resource, tags = p, &p.Tags
		case "saml-provider":
			p := new(identity.SAMLProvider)
			resource, tags = p, &p.Tags
		case "mfa":
			d := new(identity.MFADevice)
			resource, tags = d, &d.Tags
		default:
			continue
		}
		if err := json.Unmarshal(value, resource); err != nil {
			return fmt.Errorf("record %q: %w", key, err)
		}
		if err := f(resource.ARN(), *tags); err != nil {
			return err
		}
	}
	return nil
}

// indexer gathers what must be in the indexes.
type indexer struct {
	*store.Indexed
	r    store.Reader
	uses map[string]policyUse // by key
}

// Indexes notes what IAM's records say that must be in its indexes, and what they refer to that
// is not there.
func Indexes(r store.Reader, indexed *store.Indexed) error {
	x := &indexer{indexed, r, make(map[string]policyUse)}
	indexed.Own(func(parts []string) bool {
		return indexRoots[parts[0]] || parts[0] == "iam" && indexKinds[parts[2]]
	})
	for key := range r.Scan(store.Key("iam"), nil) {
		if err := x.record(key, store.Parts(key)); err != nil {
			return err
		}
	}
	indexed.Own(tagindex.Own("iam"))
	if err := Tagged(r, func(arn string, tags map[string]string) error { return tagindex.Expect(r, indexed, arn, tags) }); err != nil {
		return err
	}
	for key := range r.Scan(store.Key("access-key"), nil) {
		k, _, err := store.Load[identity.AccessKey](r, key)
		if err != nil {
			return err
		}
		x.Need(r, identity.UserKey(k.Account, k.User), key)
	}
	for key := range r.Scan(store.Key("delegation-request"), nil) {
		d, _, err := store.Load[identity.DelegationRequest](r, key)
		if err != nil {
			return err
		}
		x.Entry(identity.DelegationWorkflowKey(d.Requestor, d.Workflow), d.ID)
		if d.Owner != "" {
			x.Entry(identity.DelegationOwnedKey(d.OwnerAccount, d.ID), d.ID)
		}
	}
	for key, u := range x.uses {
		text, err := json.Marshal(u)
		if err != nil {
			return err
		}
		x.Entry([]byte(key), string(text))
	}
	return nil
}

func (x *indexer) record(key []byte, parts []string) error {
	account := parts[1]
	switch parts[2] {
	case userKind.name:
		u, _, err := store.Load[identity.User](x.r, key)
		if err != nil {
			return err
		}
		if err := x.entity(userKind, key, account, u.Name); err != nil {
			return err
		}
		for _, group := range u.Groups {
			x.Need(x.r, identity.GroupKey(account, group), key)
			x.Entry(memberKey(account, group, u.Name), u.Name)
		}
		for _, id := range u.AccessKeys {
			x.Need(x.r, identity.AccessKeyKey(id), key)
		}
		for _, serial := range u.MFADevices {
			if d, ok, err := identity.LoadMFADevice(x.r, account, serial); err != nil {
				return err
			} else if !ok || d.UserID != u.ID {
				x.Find("the record %q refers to %s, which is not its device", parts, serial)
			}
		}
	case roleKind.name:
		role, _, err := store.Load[identity.Role](x.r, key)
		if err != nil {
			return err
		}
		return x.entity(roleKind, key, account, role.Name)
	case instanceProfileKind.name:
		p, _, err := store.Load[identity.InstanceProfile](x.r, key)
		if err != nil {
			return err
		}
		if p.Role != "" {
			x.Need(x.r, identity.RoleKey(account, p.Role), key)
			x.Entry(profileOfRoleKey(account, p.Role, p.Name), p.Name)
		}
		return x.entity(instanceProfileKind, key, account, p.Name)
	case groupKind.name:
		g, _, err := store.Load[identity.Group](x.r, key)
		if err != nil {
			return err
		}
		return x.entity(groupKind, key, account, g.Name)
	case serverCertificateKind.name:
		k, _, err := store.Load[identity.ServerCertificate](x.r, key)
		if err != nil {
			return err
		}
		return x.entity(serverCertificateKind, key, account, k.Name)
	case "policy":
		p, _, err := store.Load[identity.ManagedPolicy](x.r, key)
		if err != nil {
			return err
		}
		for _, v := range p.Versions {
			x.Need(x.r, identity.PolicyVersionKey(account, p.Name, v.ID), key)
		}
	case "policy-version":
		x.Need(x.r, identity.PolicyKey(account, parts[3]), key)
	case "outbound-issuer":
		issuer, _, err := store.Load[identity.OutboundIssuer](x.r, key)
		if err != nil {
			return err
		}
		return x.entryOf(identity.OutboundAccountKey(issuer.ID), account)
	case "login-profile", sshKeyKind.name, signingKind.name, serviceKind.name:
		if owner := parts[3]; owner != account { // whose number stands for the root user
			x.Need(x.r, identity.UniqueIDKey(owner), key)
		}
		return x.credential(key, parts)
	case "count":
		for _, k := range allCounted() {
			if k.quota.Name == parts[3] {
				x.Entry(k.key(account), strconv.Itoa(k.scan(x.r, account)))
			}
		}
	case "mfa", "mfa-serial":
		d, _, err := store.Load[identity.MFADevice](x.r, key)
		if err != nil {
			return err
		}
		if d.UserID != "" {
			x.Need(x.r, identity.UniqueIDKey(d.UserID), key)
		}
	}
	return nil
}

// credential notes what the indexes have of an owner's credential.
func (x *indexer) credential(key []byte, parts []string) error {
	for _, k := range credentialKinds {
		if k.name != parts[2] {
			continue
		}
		c, _, err := store.Load[credential](x.r, key)
		if err != nil {
			return err
		}
		if c.Unique != "" {
			x.Entry(k.uniqueKey(parts[1], c.Unique), c.ID)
		}
	}
	return nil
}

// entity notes what the indexes have of a user, group or role.
func (x *indexer) entity(k *entityKind, key []byte, account, name string) error {
	e, err := k.load(x.r, account, name)
	if err != nil {
		return err
	}
	if e == nil {
		x.Find("the record %q has the name %q", store.Parts(key), name)
		return nil
	}
	x.Entry(byPathKey(account, k, e.path, name), name)
	for _, arn := range *e.attached {
		x.use(asPermissions, account, k, arn, name, key)
	}
	if e.boundary != "" {
		x.use(asBoundary, account, k, e.boundary, name, key)
	}
	return x.entryOf(identity.UniqueIDKey(e.id), e.arn)
}

// use notes that an entity uses a policy.
func (x *indexer) use(u use, account string, k *entityKind, arn, name string, key []byte) {
	if owner, _, policy := splitPolicyARN(arn); owner == account {
		x.Need(x.r, identity.PolicyKey(account, policy), key)
	}
	x.Entry(usedByKey(account, u, arn, k.name, name), name)
	count := string(policyUseKey(account, arn))
	p := x.uses[count]
	p.ARN = arn
	if u == asBoundary {
		p.Boundaries++
	} else {
		p.Attachments++
	}
	x.uses[count] = p
}

// entryOf notes an entry whose value is a string as a record.
func (x *indexer) entryOf(key []byte, value string) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	x.Entry(key, string(text))
	return nil
}
