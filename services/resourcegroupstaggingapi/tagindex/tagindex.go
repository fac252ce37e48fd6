// Package tagindex is the index of the tags that resources have, which the Resource Groups Tagging API reads: services keep it
// when they save and delete what it lists. IAM's users and roles are not among that, as in AWS.
//
// https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/supported-services.html
package tagindex

import (
	"encoding/json"
	"iter"
	"maps"
	"slices"
	"strings"

	"emulator/identity"
	"emulator/policy"
	"emulator/store"
)

// place is where a resource is listed: by account, and by region, of resources without one the home region of their partition.
func place(arn string) (account, region string) {
	parsed, _ := policy.ParseARN(arn)
	if parsed.Region == "" {
		return parsed.Account, identity.HomeRegion(parsed.Partition)
	}
	return parsed.Account, parsed.Region
}

func resourceKey(arn string) []byte {
	account, region := place(arn)
	return store.Key("tagged", account, region, arn)
}

func tagKey(arn, key, value string) []byte {
	account, region := place(arn)
	return store.Key("tag", account, region, key, value, arn)
}

// Put notes which tags a resource has from now on. One that had any is listed also when it has none any more,
// and one that has no ARN never.
func Put(tx store.Tx, arn string, tags map[string]string) error {
	if arn == "" {
		return nil
	}
	key := resourceKey(arn)
	old, listed, err := store.Load[map[string]string](tx, key)
	if err != nil || maps.Equal(old, tags) {
		return err
	}
	if err := putTags(tx, arn, old, tags); err != nil {
		return err
	}
	if len(tags) == 0 && !listed {
		return nil
	}
	if tags == nil {
		tags = map[string]string{}
	}
	return store.Save(tx, key, tags)
}

var begunKey = store.Key("tags-indexed")

// Begin makes the index of a database that has none yet: of an older version, or a new one. each are the services' functions that
// tell of the resources that there are.
func Begin(tx store.Tx, each ...func(r store.Reader, f func(arn string, tags map[string]string) error) error) error {
	if tx.Get(begunKey) != nil {
		return nil
	}
	tagged := make(map[string]map[string]string) // a scan must not write
	for _, f := range each {
		if err := f(tx, func(arn string, tags map[string]string) error {
			if len(tags) > 0 {
				tagged[arn] = tags
			}
			return nil
		}); err != nil {
			return err
		}
	}
	for arn, tags := range tagged {
		if err := Put(tx, arn, tags); err != nil {
			return err
		}
	}
	return tx.Put(begunKey, []byte("1"))
}

// Remove notes that a resource is deleted.
func Remove(tx store.Tx, arn string) error {
	key := resourceKey(arn)
	old, _, err := store.Load[map[string]string](tx, key)
	if err != nil {
		return err
	}
	if err := putTags(tx, arn, old, nil); err != nil {
		return err
	}
	return tx.Delete(key)
}

// putTags changes the entries of tags from old ones to those that are.
func putTags(tx store.Tx, arn string, old, tags map[string]string) error {
	for tag, value := range old {
		if kept, ok := tags[tag]; ok && kept == value {
			continue
		}
		if err := tx.Delete(tagKey(arn, tag, value)); err != nil {
			return err
		}
	}
	for tag, value := range tags {
		if err := tx.Put(tagKey(arn, tag, value), nil); err != nil {
			return err
		}
	}
	return nil
}

// Own reports whether the parts of a key are those of an entry of this index about a resource of a service.
func Own(service string) func(parts []string) bool {
	return func(parts []string) bool {
		return (parts[0] == "tagged" || parts[0] == "tag") && strings.HasPrefix(afterPartition(parts[len(parts)-1]), service+":")
	}
}

// afterPartition returns an ARN from its service on.
func afterPartition(arn string) string {
	parts := strings.SplitN(arn, ":", 3)
	return parts[len(parts)-1]
}

// Expect notes the entries that a resource must have. Whether one without tags had any before, the entry alone knows.
func Expect(r store.Reader, indexed *store.Indexed, arn string, tags map[string]string) error {
	if len(tags) == 0 {
		if tags = map[string]string{}; r.Get(resourceKey(arn)) == nil {
			return nil
		}
	}
	text, err := json.Marshal(tags)
	if err != nil {
		return err
	}
	indexed.Entry(resourceKey(arn), string(text))
	for tag, value := range tags {
		indexed.Entry(tagKey(arn, tag, value), "")
	}
	return nil
}

// Resources yields the resources of an account and a region whose ARN comes after one, by their ARNs, with their tags, which
// are empty if the database is damaged.
func Resources(r store.Reader, account, region, after string) iter.Seq2[string, map[string]string] {
	prefix := store.Key("tagged", account, region)
	return func(yield func(string, map[string]string) bool) {
		for key, value := range r.Scan(prefix, behind(prefix, after, "\x00")) {
			var tags map[string]string
			json.Unmarshal(value, &tags)
			if !yield(string(key[len(prefix):len(key)-1]), tags) {
				return
			}
		}
	}
}

// Find returns the tags of a resource, nil if it has none or is not of this account and region.
func Find(r store.Reader, account, region, arn string) (map[string]string, error) {
	if a, b := place(arn); a != account || b != region {
		return nil, nil
	}
	tags, _, err := store.Load[map[string]string](r, resourceKey(arn))
	return tags, err
}

// Keys yields the tag keys that come after one, in their order.
func Keys(r store.Reader, account, region, after string) iter.Seq[string] {
	return distinct(r, store.Key("tag", account, region), after, after != "")
}

// Values yields the values of a tag key that come after one, if there was one before, in their order.
func Values(r store.Reader, account, region, key, after string, more bool) iter.Seq[string] {
	return distinct(r, store.Key("tag", account, region, key), after, more)
}

// distinct yields the parts that follow a prefix. It skips from one to the next, however many entries each has.
func distinct(r store.Reader, prefix []byte, last string, more bool) iter.Seq[string] {
	return func(yield func(string) bool) {
		for {
			var after []byte
			if more {
				after = behind(prefix, last, "\x00\xff") // behind all with this part: no text begins with that byte
			}
			found := false
			for key := range r.Scan(prefix, after) {
				last, _, _ = strings.Cut(string(key[len(prefix):]), "\x00")
				found = true
				break
			}
			if !found || !yield(last) {
				return
			}
			more = true
		}
	}
}

func behind(prefix []byte, part, end string) []byte {
	if part == "" && end == "\x00" {
		return nil
	}
	return append(slices.Clone(prefix), part+end...)
}
