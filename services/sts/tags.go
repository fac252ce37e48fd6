package sts

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"emulator/api"
	"emulator/identity"
)

// sessionTags are the tags that a session gets.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html
type sessionTags struct {
	// requested are those of the call, all the same with those that a role's
	// session hands on.
	requested, all map[string]string
	// transitive are the keys of those that are handed on.
	transitive []string
}

// newTags makes the tags of a session. from is the session that makes it, or nil.
func newTags(requested map[string]string, transitive []string, from *identity.Session) (sessionTags, error) {
	t := sessionTags{requested: requested, all: requested, transitive: transitive}
	for _, key := range transitive {
		if !hasKey(requested, key) {
			return t, api.Errorf("InvalidParameterValue", "The specified transitive tag key must be included in the requested tags.")
		}
	}
	if from == nil || len(from.TransitiveTags) == 0 {
		return t, nil
	}
	t.all = make(map[string]string, len(requested)+len(from.TransitiveTags))
	for key, value := range requested {
		t.all[key] = value
	}
	t.transitive = slices.Clone(transitive)
	for key, value := range from.Tags {
		if !slices.ContainsFunc(from.TransitiveTags, func(k string) bool { return strings.EqualFold(k, key) }) {
			continue
		}
		if hasKey(requested, key) {
			return t, api.Errorf("InvalidParameterValue", "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.")
		}
		t.all[key] = value
		t.transitive = append(t.transitive, key)
	}
	slices.Sort(t.transitive)
	return t, nil
}

func hasKey(tags map[string]string, key string) bool {
	for k := range tags {
		if strings.EqualFold(k, key) {
			return true
		}
	}
	return false
}

// tagMap makes a map of a request's tags.
func tagMap(list []types.Tag) (map[string]string, error) {
	if len(list) == 0 {
		return nil, nil
	}
	tags := make(map[string]string, len(list))
	for _, tag := range list {
		switch {
		case strings.HasPrefix(strings.ToLower(*tag.Key), "aws:"):
			return nil, api.Errorf("ValidationError", "Tag keys that begin with aws: are reserved for system use.")
		case hasKey(tags, *tag.Key):
			return nil, api.Errorf("InvalidParameterValue", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		tags[*tag.Key] = *tag.Value
	}
	return tags, nil
}
