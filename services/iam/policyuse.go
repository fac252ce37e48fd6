package iam

import (
	"strings"

	"emulator/store"
)

// A use is what an entity has a managed policy for.
type use string

const (
	asPermissions use = "attached-to"
	asBoundary    use = "boundary-of"
)

// policyUse is the record of how often an account uses a managed policy, its own or
// AWS's. A policy that is not used has none: the records are the index of the used
// ones.
type policyUse struct {
	ARN         string `json:"arn"`
	Attachments int32  `json:"attachments,omitempty"`
	Boundaries  int32  `json:"boundaries,omitempty"`
}

// unusedFor reports whether no entity has the policy for u, or, if u is "", for
// anything.
func (p policyUse) unusedFor(u use) bool {
	switch u {
	case asPermissions:
		return p.Attachments == 0
	case asBoundary:
		return p.Boundaries == 0
	default:
		return p.Attachments == 0 && p.Boundaries == 0
	}
}

// Owners of policies, in the order in which their policies are listed.
const (
	ownerAccount = "account"
	ownerAWS     = "aws"
)

// policyUseKey has the name of the policy, not its ARN: a position in the index must
// fit into a marker.
func policyUseKey(account, policyARN string) []byte {
	owner, _, name := splitPolicyARN(policyARN)
	if owner != awsAccount {
		owner = ownerAccount
	}
	return store.Key("iam", account, "policy-use", owner, strings.ToLower(name))
}

// usedByKey is the key of an entry of the index from a policy to the entities that
// use it. The entry's value is the entity's name as it is written.
func usedByKey(account string, u use, policyARN, kind, name string) []byte {
	return append(usedByPrefix(account, u, policyARN), store.Key(kind, strings.ToLower(name))...)
}

func usedByPrefix(account string, u use, policyARN string) []byte {
	return store.Key("iam", account, string(u), policyARN)
}

func loadPolicyUse(r store.Reader, account, policyARN string) (policyUse, error) {
	p, _, err := store.Load[policyUse](r, policyUseKey(account, policyARN))
	return p, err
}

// addUse notes that the entity begins to use the policy. It must not use it already.
func addUse(tx store.Tx, account string, u use, policyARN string, k *entityKind, name string) error {
	if err := tx.Put(usedByKey(account, u, policyARN, k.name, name), []byte(name)); err != nil {
		return err
	}
	return countUse(tx, account, u, policyARN, 1)
}

// removeUse notes that the entity, which used the policy, no longer does.
func removeUse(tx store.Tx, account string, u use, policyARN string, k *entityKind, name string) error {
	if err := tx.Delete(usedByKey(account, u, policyARN, k.name, name)); err != nil {
		return err
	}
	return countUse(tx, account, u, policyARN, -1)
}

func countUse(tx store.Tx, account string, u use, policyARN string, n int32) error {
	p, err := loadPolicyUse(tx, account, policyARN)
	if err != nil {
		return err
	}
	p.ARN = policyARN
	if u == asBoundary {
		p.Boundaries += n
	} else {
		p.Attachments += n
	}
	if p.unusedFor("") {
		return tx.Delete(policyUseKey(account, policyARN))
	}
	return store.Save(tx, policyUseKey(account, policyARN), p)
}

// changeBoundary notes that the entity's permissions boundary was changed from one
// policy to another. Either may be "".
func changeBoundary(tx store.Tx, account string, k *entityKind, name, from, to string) error {
	if from == to {
		return nil
	}
	if from != "" {
		if err := removeUse(tx, account, asBoundary, from, k, name); err != nil {
			return err
		}
	}
	if to != "" {
		return addUse(tx, account, asBoundary, to, k, name)
	}
	return nil
}

// renameUses keeps the index right when an entity with these attached policies and
// this boundary gets another name.
func renameUses(tx store.Tx, account string, k *entityKind, from, to string, attached []string, boundary string) error {
	move := func(u use, policyARN string) error {
		if err := tx.Delete(usedByKey(account, u, policyARN, k.name, from)); err != nil {
			return err
		}
		return tx.Put(usedByKey(account, u, policyARN, k.name, to), []byte(to))
	}
	for _, arn := range attached {
		if err := move(asPermissions, arn); err != nil {
			return err
		}
	}
	if boundary != "" {
		return move(asBoundary, boundary)
	}
	return nil
}
