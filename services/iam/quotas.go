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

	accessKeysQuota          = quota.Quota{Name: "iam.access-keys-per-user", Value: 2}
	mfaDevicesQuota          = quota.Quota{Name: "iam.mfa-devices-per-user", Value: 8}
	sshKeysQuota             = quota.Quota{Name: "iam.ssh-public-keys-per-user", Value: 5}
	signingCertificatesQuota = quota.Quota{Name: "iam.signing-certificates-per-user", Value: 2}
	serviceCredentialsQuota  = quota.Quota{Name: "iam.service-specific-credentials-per-user", Value: 2} // for each service
	serverCertificatesQuota  = quota.Quota{Name: "iam.server-certificates", Value: 20}
)

// Quotas returns all quotas of IAM that settings can change.
func Quotas() []quota.Quota {
	return []quota.Quota{
		instanceProfilesQuota, rolesQuota,
		accessKeysQuota, mfaDevicesQuota, sshKeysQuota, signingCertificatesQuota, serviceCredentialsQuota, serverCertificatesQuota,
	}
}

// checkRoom refuses one more entry below a prefix if it holds as many as the quota allows. AWS has a name of its own for
// the quota.
func (s *Service) checkRoom(r store.Reader, prefix []byte, q quota.Quota, name string) error {
	if most := s.quotas.Max(q); holds(r, prefix, most) {
		return quotaExceeded(name, most)
	}
	return nil
}

// checkCount is checkRoom where it is known how many there are.
func (s *Service) checkCount(count int, q quota.Quota, name string) error {
	if most := s.quotas.Max(q); count >= most {
		return quotaExceeded(name, most)
	}
	return nil
}

func quotaExceeded(name string, most int) error {
	return api.Errorf("LimitExceeded", "Cannot exceed quota for %s: %d", name, most)
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
