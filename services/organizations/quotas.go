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

	accountsPerOrganization = quota.Quota{Name: "organizations.Accounts", Value: 10}
	concurrentCreations     = quota.Quota{Name: "organizations.AccountsCreatedConcurrently", Value: 5}
	concurrentClosures      = quota.Quota{Name: "organizations.AccountsClosedConcurrently", Value: 3}
	closuresPerMonth        = quota.Quota{Name: "organizations.AccountsClosedIn30Days", Value: 250}
	invitationsPerDay       = quota.Quota{Name: "organizations.InvitationsPerDay", Value: 20}
	migratedAccounts        = quota.Quota{Name: "organizations.AccountsOfStandardMigration", Value: 5000}

	// Of billing transfers (https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/orgs_transfer_billing-quotas.html). AWS allows no
	// inbound ones until it is asked for some.
	inboundTransfers  = quota.Quota{Name: "organizations.InboundTransfers", Value: 0}
	outboundTransfers = quota.Quota{Name: "organizations.OutboundTransfers", Value: 1}
	transferLevels    = quota.Quota{Name: "organizations.TransferLevels", Value: 2}
	chainedTransfers  = quota.Quota{Name: "organizations.TransfersInChain", Value: 1000}
)

// Quotas returns all quotas of Organizations.
func Quotas() []quota.Quota {
	all := []quota.Quota{
		tagsPerResource, unitsPerOrganization, accountsPerOrganization, concurrentCreations, concurrentClosures, closuresPerMonth, invitationsPerDay,
		migratedAccounts, inboundTransfers, outboundTransfers, transferLevels, chainedTransfers,
	}
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
