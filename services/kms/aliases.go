package kms

import (
	"bytes"
	"cmp"
	"context"
	"iter"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"emulator/api"
	"emulator/audit"
	"emulator/authz"
	"emulator/store"
)

func (s *Service) aliasOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateAlias", s.createAlias),
		api.Op("UpdateAlias", s.updateAlias),
		api.Op("DeleteAlias", s.deleteAlias),
		api.Op("ListAliases", s.listAliases),
	}
}

// Alias is the record of an alias.
type Alias struct {
	// Name with its prefix "alias/".
	Name string `json:"name"`
	// Target is the ID of the key.
	Target           string `json:"target"`
	Created, Updated time.Time
}

func aliasKey(account, region, name string) []byte {
	return store.Key("kms", account, region, "alias", name)
}

// aliasesOfPrefix begins the keys of the index from a key to its aliases, whose values are
// their names.
func aliasesOfPrefix(account, region, id string) []byte {
	return store.Key("kms", account, region, "alias-of", id)
}

func aliasOfKey(account, region, id, name string) []byte {
	return append(aliasesOfPrefix(account, region, id), store.Key(name)...)
}

// aliasesOf returns the names of the key's aliases, which are few.
func aliasesOf(r store.Reader, k *Key) []string {
	var names []string
	for _, name := range r.Scan(aliasesOfPrefix(k.Account, k.Region, k.ID), nil) {
		names = append(names, string(name))
	}
	return names
}

func loadAlias(r store.Reader, account, region, name string) (Alias, bool, error) {
	return store.Load[Alias](r, aliasKey(account, region, name))
}

// saveAlias stores an alias and its entry in the index.
func saveAlias(tx store.Tx, k *Key, a Alias) error {
	if err := tx.Put(aliasOfKey(k.Account, k.Region, k.ID, a.Name), []byte(a.Name)); err != nil {
		return err
	}
	return store.Save(tx, aliasKey(k.Account, k.Region, a.Name), a)
}

// checkAliasName: names that begin with alias/aws/ are AWS's.
func checkAliasName(name string) error {
	switch {
	case !strings.HasPrefix(name, "alias/") || name == "alias/":
		return api.Errorf("ValidationError", "Alias must start with the prefix \"alias/\". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html")
	case strings.HasPrefix(name, awsAliasPrefix):
		return api.Errorf("NotAuthorized", "")
	}
	return nil
}

// authorizeAlias asks for the permission on the alias, which only identity policies give.
func (s *Service) authorizeAlias(r store.Reader, c api.Caller, action, name string) error {
	named := arn(c.Partition, c.Region, c.Account, name)
	if err := s.authz.Authorize(r, c, authz.Request{Action: action, Resource: named, Context: map[string][]string{"kms:CallerAccount": {c.Account}}}); err != nil {
		return err
	}
	c.Notes.Resource(audit.Resource{Type: "AWS::KMS::Alias", Account: c.Account, ARN: named})
	return nil
}

func checkAliasTarget(id string) error {
	if strings.Contains(id, "alias/") {
		return api.Errorf("ValidationError", "Aliases must refer to keys. Not aliases")
	}
	return nil
}

func (s *Service) createAlias(ctx context.Context, c api.Caller, in *kms.CreateAliasInput) (*kms.CreateAliasOutput, error) {
	if err := checkAliasName(*in.AliasName); err != nil {
		return nil, err
	}
	if strings.Contains(*in.AliasName, ":") { // of which there is none: other operations don't find it
		return nil, api.Errorf("ValidationError", "%s contains invalid characters for an alias", *in.AliasName)
	}
	if err := checkAliasTarget(*in.TargetKeyId); err != nil {
		return nil, err
	}
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		if err := s.authorizeAlias(tx, c, "kms:CreateAlias", *in.AliasName); err != nil {
			return err
		}
		k, err := s.findKey(tx, c, *in.TargetKeyId, access{action: "kms:CreateAlias"})
		if err != nil {
			return err
		}
		if err := s.sweep(tx); err != nil {
			return err
		}
		if err := s.checkState(tx, k, toName); err != nil {
			return err
		}
		if _, ok, err := loadAlias(tx, c.Account, c.Region, *in.AliasName); err != nil {
			return err
		} else if ok {
			return api.Errorf("AlreadyExistsException", "An alias with the name %s already exists", arn(c.Partition, c.Region, c.Account, *in.AliasName))
		}
		if err := s.checkAliasQuota(tx, k); err != nil {
			return err
		}
		now := s.now()
		return saveAlias(tx, k, Alias{Name: *in.AliasName, Target: k.ID, Created: now, Updated: now})
	})
}

func (s *Service) checkAliasQuota(r store.Reader, k *Key) error {
	if most, count := s.quotas.Max(aliasesQuota), len(aliasesOf(r, k)); count >= most {
		return api.Errorf("LimitExceededException", "Aliases per key quota for this account in this region is %d, current usage is %d.", most, count)
	}
	return nil
}

// findAlias returns an alias that the caller may act on, with its key: it goes when that goes.
func (s *Service) findAlias(r store.Reader, c api.Caller, action, name string) (Alias, *Key, error) {
	if err := s.authorizeAlias(r, c, action, name); err != nil {
		return Alias{}, nil, err
	}
	a, ok, err := loadAlias(r, c.Account, c.Region, name)
	if err != nil {
		return a, nil, err
	}
	var k *Key
	if ok {
		if k, err = s.loadKey(r, c.Account, c.Region, a.Target); err != nil {
			return a, nil, err
		}
	}
	if k == nil {
		return a, nil, api.Errorf("NotFoundException", "Alias %s is not found.", arn(c.Partition, c.Region, c.Account, name))
	}
	return a, k, s.authorize(r, c, k, access{action: action})
}

// updateAlias gives an alias another key, which must be of the same type and usage.
func (s *Service) updateAlias(ctx context.Context, c api.Caller, in *kms.UpdateAliasInput) (*kms.UpdateAliasOutput, error) {
	if err := checkAliasName(*in.AliasName); err != nil {
		return nil, err
	}
	if err := checkAliasTarget(*in.TargetKeyId); err != nil {
		return nil, err
	}
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		a, old, err := s.findAlias(tx, c, "kms:UpdateAlias", *in.AliasName)
		if err != nil {
			return err
		}
		k, err := s.findKey(tx, c, *in.TargetKeyId, access{action: "kms:UpdateAlias"})
		if err != nil {
			return err
		}
		if err := s.sweep(tx); err != nil {
			return err
		}
		if err := s.checkState(tx, k, toName); err != nil {
			return err
		}
		if old.Usage != k.Usage || (old.Spec == types.KeySpecSymmetricDefault) != (k.Spec == types.KeySpecSymmetricDefault) {
			return api.Errorf("ValidationError", "The current and new KMS keys must be the same type (both symmetric or both asymmetric or both HMAC), and they must have the same key usage.")
		}
		if a.Target != k.ID {
			if err := s.checkAliasQuota(tx, k); err != nil {
				return err
			}
		}
		if err := tx.Delete(aliasOfKey(c.Account, c.Region, a.Target, a.Name)); err != nil {
			return err
		}
		a.Target, a.Updated = k.ID, s.now()
		return saveAlias(tx, k, a)
	})
}

func (s *Service) deleteAlias(ctx context.Context, c api.Caller, in *kms.DeleteAliasInput) (*kms.DeleteAliasOutput, error) {
	if err := checkAliasName(*in.AliasName); err != nil {
		return nil, err
	}
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		a, _, err := s.findAlias(tx, c, "kms:DeleteAlias", *in.AliasName)
		if err != nil {
			return err
		}
		if err := tx.Delete(aliasOfKey(c.Account, c.Region, a.Target, a.Name)); err != nil {
			return err
		}
		return tx.Delete(aliasKey(c.Account, c.Region, a.Name))
	})
}

// withPredefined is keys of records of aliases, sorted, with the keys that those of AWS managed keys have, which there need not be.
func withPredefined(c api.Caller, records iter.Seq2[[]byte, []byte], after []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func([]byte, []byte) bool) {
		left := awsManagedKeys
		upTo := func(key []byte) bool {
			for ; len(left) > 0; left = left[1:] {
				at := aliasKey(c.Account, c.Region, left[0].alias())
				if key != nil && bytes.Compare(at, key) >= 0 {
					break
				}
				if bytes.Compare(at, after) > 0 && !yield(at, nil) {
					return false
				}
			}
			return true
		}
		for key, value := range records {
			if !upTo(key) {
				return
			}
			if len(left) > 0 && bytes.Equal(key, aliasKey(c.Account, c.Region, left[0].alias())) {
				left = left[1:]
			}
			if !yield(key, value) {
				return
			}
		}
		upTo(nil)
	}
}

// listAliases lists the aliases of the account and region, or of one key. Those of AWS managed keys have no target before
// these are first described.
func (s *Service) listAliases(ctx context.Context, c api.Caller, in *kms.ListAliasesInput) (*kms.ListAliasesOutput, error) {
	out := &kms.ListAliasesOutput{Aliases: []types.AliasListEntry{}}
	err := s.store.View(ctx, func(r store.Reader) error {
		if err := s.authz.Authorize(r, c, authz.Request{Action: "kms:ListAliases", Resource: "*"}); err != nil {
			return err
		}
		prefix := store.Key("kms", c.Account, c.Region, "alias")
		if in.KeyId != nil {
			id, err := parseKeyID(c, *in.KeyId)
			if err != nil {
				return err
			}
			named := arn(c.Partition, c.Region, id.account, cmp.Or(id.alias, "key/"+id.id))
			if id.account != c.Account {
				return notFound(id, named)
			}
			if id.alias != "" {
				alias, _, err := loadAlias(r, c.Account, c.Region, id.alias)
				if err != nil {
					return err
				}
				id.id = alias.Target
			}
			k, err := s.loadKey(r, c.Account, c.Region, id.id)
			if err != nil {
				return err
			}
			if k == nil {
				return notFound(id, named)
			}
			prefix = aliasesOfPrefix(c.Account, c.Region, k.ID)
		}
		p, err := newPage(api.ListOf(c, in), 50)
		if err != nil {
			return err
		}
		listed := p.scan(r, prefix)
		if in.KeyId == nil {
			listed = withPredefined(c, listed, append(bytes.Clone(prefix), p.after...))
		}
		for key := range listed {
			parts := store.Parts(key)
			name := parts[len(parts)-1]
			a, ok, err := loadAlias(r, c.Account, c.Region, name)
			if err != nil {
				return err
			}
			entry := types.AliasListEntry{AliasName: &name, AliasArn: aws.String(arn(c.Partition, c.Region, c.Account, name))}
			if ok {
				if k, err := s.loadKey(r, c.Account, c.Region, a.Target); err != nil {
					return err
				} else if k == nil {
					continue
				}
				entry.TargetKeyId, entry.CreationDate, entry.LastUpdatedDate = &a.Target, &a.Created, &a.Updated
			}
			if !p.take(key) {
				break
			}
			out.Aliases = append(out.Aliases, entry)
		}
		out.NextMarker = p.next(prefix)
		out.Truncated = out.NextMarker != nil
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
