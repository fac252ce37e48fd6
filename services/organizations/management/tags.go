package management

import (
	"maps"
	"slices"
	"strings"
)

// completeTags: "If case treatment isn't defined, lowercase is the default", and what nothing is said of may have any value. What
// is enforced of nothing is not enforced.
func completeTags(root *node) {
	if root.byName["tags"] == nil {
		return
	}
	for _, tag := range root.byName["tags"].members {
		defaults := func(name string, single bool, value string) {
			n := tag.byName[name]
			if n == nil {
				s, _, _ := tag.schema.member(name, language{})
				n = tag.add(newNode(s, name))
			}
			if n.values == nil {
				n.values, n.single = []string{value}, single
			}
		}
		defaults("tag_key", true, tag.name)
		defaults("tag_value", false, "*")
		for _, name := range []string{"enforced_for", "report_required_tag_for"} {
			if n := tag.byName[name]; n != nil && len(n.values) == 0 {
				n.values = nil
			}
		}
	}
}

// Refused returns the first of the tags that an effective tag policy does not let anybody give a resource of a type, such as
// "kms:key": because of its value or because of the case of its key.
//
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_tag-policies-enforcement.html
func (e *Effective) Refused(resource string, given map[string]string) (key string, refused bool) {
	all := e.root.byName["tags"]
	if all == nil {
		return "", false
	}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		tag := all.byName[strings.ToLower(key)]
		if tag == nil || tag.byName["enforced_for"] == nil || !slices.ContainsFunc(tag.byName["enforced_for"].values, covers(resource)) {
			continue
		}
		if tag.text("tag_key") != key || !slices.ContainsFunc(tag.byName["tag_value"].values, matches(given[key])) {
			return key, true
		}
	}
	return "", false
}

// covers returns whether what is enforced is that of a type of resources.
func covers(resource string) func(string) bool {
	service, _, _ := strings.Cut(resource, ":")
	return func(enforced string) bool {
		of, kind, _ := strings.Cut(enforced, ":")
		return enforced == resource || of == service && allTypes(kind)
	}
}

// matches returns whether an acceptable value, which can have one wildcard, is that of a tag.
func matches(value string) func(string) bool {
	return func(acceptable string) bool {
		before, after, wild := strings.Cut(acceptable, "*")
		if !wild {
			return acceptable == value
		}
		return len(value) >= len(before)+len(after) && strings.HasPrefix(value, before) && strings.HasSuffix(value, after)
	}
}

// Enforced reports whether tag policies can be enforced of a type of resources.
func Enforced(resource string) bool {
	service, kind, _ := strings.Cut(resource, ":")
	return slices.Contains(enforced[service], kind)
}
