package organizations

import (
	"maps"
	"slices"

	"emulator/quota"
	"emulator/store"
)

// Quotas of the organization (https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html).
var (
	tagsPerResource      = quota.Quota{Name: "organizations.TagsPerResource", Value: 50}
	unitsPerOrganization = quota.Quota{Name: "organizations.OrganizationalUnits", Value: 2000}
)

// Quotas returns all quotas of Organizations.
func Quotas() []quota.Quota {
	all := []quota.Quota{tagsPerResource, unitsPerOrganization}
	for _, name := range slices.Sorted(maps.Keys(policyTypes)) {
		t := policyTypes[name]
		all = append(all, t.perOrganization, t.perTarget, t.size)
	}
	return all
}

// room reports whether there can be one more of those whose keys have a prefix.
func (s *Service) room(r store.Reader, q quota.Quota, prefix []byte) bool {
	left := s.quotas.Max(q)
	if left == quota.Unlimited {
		return true
	}
	for range r.Scan(prefix, nil) {
		left--
		if left <= 0 {
			break
		}
	}
	return left > 0
}
