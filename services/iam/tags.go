package iam

import (
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"emulator/api"
)

const maxTags = 50

// newTags returns tags that a request gives, or AWS's error. Their keys differ
// without regard to case.
func newTags(given []types.Tag) (map[string]string, error) {
	tags := make(map[string]string, len(given))
	seen := make(map[string]bool, len(given))
	for _, t := range given {
		lower := strings.ToLower(*t.Key)
		if seen[lower] {
			return tags, api.Errorf("InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		if strings.HasPrefix(lower, "aws:") {
			return tags, api.Errorf("InvalidInput", "aws: prefixed tag key names are not allowed for external use.")
		}
		seen[lower] = true
		tags[*t.Key] = *t.Value
	}
	return tags, nil
}

// addTags returns the tags with others added. A key that differs only by case is the
// same, and keeps its spelling.
func addTags(tags, added map[string]string) (map[string]string, error) {
	all := maps.Clone(tags)
	if all == nil {
		all = make(map[string]string)
	}
	for key, value := range added {
		if old, ok := findTag(all, key); ok {
			key = old
		}
		all[key] = value
	}
	if len(all) > maxTags {
		return nil, api.Errorf("LimitExceeded", "The number of tags has reached the maximum limit.")
	}
	return all, nil
}

// removeTags returns the tags without some. Keys that are not there do no harm.
func removeTags(tags map[string]string, keys []string) map[string]string {
	left := maps.Clone(tags)
	for _, key := range keys {
		if old, ok := findTag(left, key); ok {
			delete(left, old)
		}
	}
	return left
}

func findTag(tags map[string]string, key string) (string, bool) {
	for k := range tags {
		if strings.EqualFold(k, key) {
			return k, true
		}
	}
	return "", false
}

// wireTags returns tags as they are answered, sorted by key; never nil.
func wireTags(tags map[string]string) []types.Tag {
	wire := make([]types.Tag, 0, len(tags))
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		value := tags[key]
		wire = append(wire, types.Tag{Key: &key, Value: &value})
	}
	return wire
}
