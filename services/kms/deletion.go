package kms

import (
	"cmp"
	"time"

	"emulator/audit"
	"emulator/services/resourcegroupstaggingapi/tagindex"
	"emulator/store"
)

// deletionKey is the key of an entry of the index of scheduled deletions, the earliest
// first.
func deletionKey(k *Key) []byte {
	return append(store.Key("kms-deletion"), store.Key(k.Deletion.UTC().Format(time.RFC3339), k.Account, k.Region, k.ID)...)
}

// sweep destroys the keys whose deletion date has come, with their material and aliases.
// Until then they only look gone, and a clock that is moved back brings them back; after
// it nothing does. It costs one look-up if there are none.
func (s *Service) sweep(tx store.Tx) error {
	now := s.clock.Now().UTC().Format(time.RFC3339)
	if err := s.sweepExpired(tx, now); err != nil {
		return err
	}
	var due [][]string
	for key := range tx.Scan(store.Key("kms-deletion"), nil) {
		parts := store.Parts(key)
		if parts[1] >= now {
			break
		}
		due = append(due, parts)
	}
	for _, parts := range due {
		if err := s.destroy(tx, store.Key(parts...), parts[2], parts[3], parts[4]); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) destroy(tx store.Tx, entry []byte, account, region, id string) error {
	k, ok, err := store.Load[Key](tx, keyKey(account, region, id))
	if err != nil {
		return err
	}
	if ok {
		ks, err := s.keyStore(tx, &k)
		if err != nil {
			return err
		}
		materials, err := storedMaterials(tx, &k)
		if err != nil {
			return err
		}
		var doomed [][]byte
		for _, m := range materials {
			if err := ks.Delete(tx, k.refOf(m.ID)); err != nil {
				return err
			}
			doomed = append(doomed, materialKey(&k, m), expiryKey(&k, m))
		}
		for key, name := range tx.Scan(aliasesOfPrefix(account, region, id), nil) {
			doomed = append(doomed, append([]byte(nil), key...), aliasKey(account, region, string(name)))
		}
		if err := deleteGrants(tx, &k); err != nil {
			return err
		}
		if k.CustomKeyStore != "" {
			doomed = append(doomed, storeKeyKey(&k))
		}
		if k.MultiRegion != "" {
			if err := s.leave(tx, &k); err != nil {
				return err
			}
		}
		if err := countGone(tx, &k); err != nil {
			return err
		}
		for _, key := range doomed {
			if err := tx.Delete(key); err != nil {
				return err
			}
		}
	}
	if err := tx.Delete(keyKey(account, region, id)); err != nil {
		return err
	}
	if ok {
		if err := cmp.Or(audit.ForgetUse(tx, k.ARN()), tagindex.Remove(tx, k.ARN())); err != nil {
			return err
		}
	}
	return tx.Delete(entry)
}
