package cloudhsm

import (
	"slices"

	"emulator/services/resourcegroupstaggingapi/tagindex"
	"emulator/store"
)

// Tagged calls f with all clusters and backups.
func Tagged(r store.Reader, f func(arn string, tags map[string]string) error) error {
	for key := range r.Scan(store.Key("cloudhsm"), nil) {
		var err error
		switch store.Parts(key)[3] {
		case "cluster":
			var k Cluster
			if k, _, err = store.Load[Cluster](r, key); err == nil {
				err = f(k.arn(), k.Tags)
			}
		case "backup":
			var b Backup
			if b, _, err = store.Load[Backup](r, key); err == nil {
				err = f(b.arn(), b.Tags)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Indexes notes what CloudHSM's records say that must be in its indexes.
func Indexes(r store.Reader, indexed *store.Indexed) error {
	indexed.Own(func(parts []string) bool {
		return parts[0] == "cloudhsm-shared" || parts[0] == "cloudhsm" && slices.Contains([]string{"newest-backup", "oldest-backup", "backup-of"}, parts[3])
	})
	indexed.Own(tagindex.Own("cloudhsm"))
	if err := Tagged(r, func(arn string, tags map[string]string) error { return tagindex.Expect(r, indexed, arn, tags) }); err != nil {
		return err
	}
	for key := range r.Scan(store.Key("cloudhsm"), nil) {
		if store.Parts(key)[3] != "backup" {
			continue
		}
		b, _, err := store.Load[Backup](r, key)
		if err != nil {
			return err
		}
		for _, entry := range append(b.entries(), b.shares()...) {
			indexed.Entry(entry, b.ID)
		}
	}
	return nil
}
