package kms

import (
	"slices"
	"strconv"

	"emulator/services/resourcegroupstaggingapi/tagindex"
	"emulator/store"
)

// Tagged calls f with all keys.
func Tagged(r store.Reader, f func(arn string, tags map[string]string) error) error {
	for key := range r.Scan(store.Key("kms"), nil) {
		if store.Parts(key)[3] != "key" {
			continue
		}
		k, _, err := store.Load[Key](r, key)
		if err != nil {
			return err
		}
		if err := f(k.ARN(), k.Tags); err != nil {
			return err
		}
	}
	return nil
}

// Indexes notes what KMS's records say that must be in its indexes, and what they refer to that
// is not there.
func Indexes(r store.Reader, indexed *store.Indexed) error {
	indexed.Own(func(parts []string) bool {
		return slices.Contains([]string{"kms-deletion", "kms-expiry", "kms-retiree"}, parts[0]) ||
			parts[0] == "kms" && slices.Contains([]string{"alias-of", "key-store-key", "grant-of", "grant-named", "grant-count", "key-count"}, parts[3])
	})
	indexed.Own(tagindex.Own("kms"))
	if err := Tagged(r, func(arn string, tags map[string]string) error { return tagindex.Expect(r, indexed, arn, tags) }); err != nil {
		return err
	}
	counts := make(map[string]int)
	for key := range r.Scan(store.Key("kms"), nil) {
		parts := store.Parts(key)
		account, region := parts[1], parts[2]
		switch parts[3] {
		case "key":
			k, _, err := store.Load[Key](r, key)
			if err != nil {
				return err
			}
			if count := keyCountKey(account, region); !k.AWSManaged && r.Get(count) != nil {
				counts[string(count)]++
			}
			materials, err := storedMaterials(r, &k)
			if err != nil {
				return err
			}
			for _, m := range materials {
				if !m.Missing {
					indexed.Need(r, k.refOf(m.ID).Key(k.Cluster), key)
				}
				if !m.ValidTo.IsZero() {
					indexed.Entry(expiryKey(&k, m), "")
				}
			}
			if k.MultiRegion != "" {
				indexed.Need(r, multiRegionKey(account, k.ID), key)
			}
			if !k.Deletion.IsZero() {
				indexed.Entry(deletionKey(&k), "")
			}
			if k.CustomKeyStore != "" {
				indexed.Entry(storeKeyKey(&k), "")
				indexed.Need(r, keyStoreKey(account, region, k.CustomKeyStore), key)
			}
		case "material":
			indexed.Need(r, keyKey(account, region, parts[4]), key)
		case "alias":
			a, _, err := store.Load[Alias](r, key)
			if err != nil {
				return err
			}
			indexed.Need(r, keyKey(account, region, a.Target), key)
			indexed.Entry(aliasOfKey(account, region, a.Target, a.Name), a.Name)
		case "grant":
			g, _, err := store.Load[Grant](r, key)
			if err != nil {
				return err
			}
			indexed.Need(r, keyKey(account, region, g.Key), key)
			for entry, value := range g.entries {
				indexed.Entry(entry, value)
			}
			counts[string(grantCountKey(account, region, g.Key))]++
		}
	}
	for key := range r.Scan(store.Key("kms-multi-region"), nil) {
		m, _, err := store.Load[MultiRegion](r, key)
		if err != nil {
			return err
		}
		parts := store.Parts(key)
		for _, region := range append(m.Replicas, m.Primary) {
			indexed.Need(r, keyKey(parts[1], region, parts[2]), key)
		}
	}
	for key, count := range counts {
		indexed.Entry([]byte(key), strconv.Itoa(count))
	}
	return nil
}
