package iam

import (
	"emulator/api"
	"emulator/quota"
	"emulator/store"
)

// Quotas of resources (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
var (
	instanceProfilesQuota = quota.Quota{Name: "iam.instance-profiles", Value: 1000}
	rolesQuota            = quota.Quota{Name: "iam.roles", Value: 1000}
)

// Quotas returns all quotas of IAM that settings can change.
func Quotas() []quota.Quota { return []quota.Quota{instanceProfilesQuota, rolesQuota} }

// checkRoom refuses one more entry below a prefix if it holds as many as the quota allows. AWS has a name of its own for
// the quota.
func (s *Service) checkRoom(r store.Reader, prefix []byte, q quota.Quota, name string) error {
	if most := s.quotas.Max(q); holds(r, prefix, most) {
		return api.Errorf("LimitExceeded", "Cannot exceed quota for %s: %d", name, most)
	}
	return nil
}

// holds reports whether there are n entries below a prefix.
func holds(r store.Reader, prefix []byte, n int) bool {
	if n == 0 || n == quota.Unlimited {
		return n == 0
	}
	for range r.Scan(prefix, nil) {
		if n--; n == 0 {
			return true
		}
	}
	return false
}
