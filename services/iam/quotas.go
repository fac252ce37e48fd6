package iam

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"emulator/api"
	"emulator/identity"
	"emulator/quota"
	"emulator/store"
)

// Quotas that AWS has not raised, under the names that its errors have
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
var (
	accessKeysPerUser          = iamQuota("AccessKeysPerUser", 2)
	clientIDsPerProvider       = iamQuota("ClientIdsPerOpenIdConnectProvider", 100)
	groupPoliciesSize          = iamQuota("InlinePolicySizePerGroup", 5120)
	groupsPerUser              = iamQuota("GroupsPerUser", 10)
	keysPerSAMLProvider        = iamQuota("PrivateKeysPerSAMLProvider", 2)
	mfaDevicesPerUser          = iamQuota("MFADevicesPerUser", 8)
	policiesPerGroup           = iamQuota("PoliciesPerGroup", 10)
	policiesPerRole            = iamQuota("PoliciesPerRole", 10)
	policiesPerUser            = iamQuota("PoliciesPerUser", 10)
	policySize                 = iamQuota("PolicySize", 6144)
	rolePoliciesSize           = iamQuota("InlinePolicySizePerRole", 10240)
	serviceCredentialsPerUser  = iamQuota("ServiceSpecificCredentialsPerUser", 2) // for each service
	signingCertificatesPerUser = iamQuota("SigningCertificatesPerUser", 2)
	sshKeysPerUser             = iamQuota("SSHPublicKeysPerUser", 5)
	trustPolicySize            = iamQuota("ACLSizePerRole", 2048)
	userPoliciesSize           = iamQuota("InlinePolicySizePerUser", 2048)
	versionsPerPolicy          = iamQuota("VersionsPerPolicy", 5)
)

// What an account may have so many of.
var (
	countedGroups             = &counted{iamQuota("GroupsPerAccount", 300), "Groups", byPath("group")}
	countedInstanceProfiles   = &counted{iamQuota("InstanceProfilesPerAccount", 1000), "InstanceProfiles", byPath("instance-profile")}
	countedMFADevices         = &counted{iamQuota("VirtualMFADevicesPerAccount", 5000), "MFADevices", identity.MFADevicesPrefix}
	countedOIDCProviders      = &counted{iamQuota("OpenIdConnectProvidersPerAccount", 100), "Providers", identity.OIDCProvidersPrefix}
	countedPolicies           = &counted{iamQuota("PoliciesPerAccount", 1500), "Policies", identity.PoliciesPrefix}
	countedVersions           = &counted{iamQuota("PolicyVersionsInUsePerAccount", 10000), "PolicyVersionsInUse", func(account string) []byte { return store.Key("iam", account, "policy-version") }}
	countedRoles              = &counted{iamQuota("RolesPerAccount", 1000), "Roles", byPath("role")}
	countedSAMLProviders      = &counted{iamQuota("SAMLProvidersPerAccount", 100), "Providers", identity.SAMLProvidersPrefix}
	countedServerCertificates = &counted{iamQuota("ServerCertificatesPerAccount", 20), "ServerCertificates", byPath("server-certificate")}
	countedUsers              = &counted{iamQuota("UsersPerAccount", 5000), "Users", byPath("user")}
)

// byPath is the index of users, groups or roles.
func byPath(kind string) func(account string) []byte {
	return func(account string) []byte { return store.Key("iam", account, kind+"-by-path") }
}

func allCounted() []*counted {
	return []*counted{countedGroups, countedInstanceProfiles, countedMFADevices, countedOIDCProviders, countedPolicies, countedRoles, countedSAMLProviders, countedServerCertificates, countedUsers, countedVersions}
}

// Quotas returns all quotas of IAM.
func Quotas() []quota.Quota {
	all := []quota.Quota{
		accessKeysPerUser, clientIDsPerProvider, groupPoliciesSize, groupsPerUser, keysPerSAMLProvider, mfaDevicesPerUser, policiesPerGroup,
		policiesPerRole, policiesPerUser, policySize, rolePoliciesSize, serviceCredentialsPerUser, signingCertificatesPerUser, sshKeysPerUser, trustPolicySize, userPoliciesSize, versionsPerPolicy,
	}
	for _, k := range allCounted() {
		all = append(all, k.quota)
	}
	return all
}

func iamQuota(name string, value float64) quota.Quota {
	return quota.Quota{Name: "iam." + name, Value: value}
}

// within fails, in AWS's words, if so many are more than a quota allows.
func (s *Service) within(q quota.Quota, many int) error {
	if most := s.quotas.Max(q); many > most {
		return api.Errorf("LimitExceeded", "Cannot exceed quota for %s: %d", strings.TrimPrefix(q.Name, "iam."), most)
	}
	return nil
}

// counted are things of one kind, whose number in an account is kept, so that none has to be counted for the quota.
type counted struct {
	quota quota.Quota
	// summary is what GetAccountSummary has them under.
	summary string
	// prefix is that of the keys of which there is one for each.
	prefix func(account string) []byte
}

func (k *counted) key(account string) []byte {
	return store.Key("iam", account, "count", k.quota.Name)
}

// count returns how many an account has. Older versions kept no number.
func (k *counted) count(r store.Reader, account string) (int, error) {
	n, ok, err := store.Load[int](r, k.key(account))
	if err == nil && !ok {
		n = k.scan(r, account)
	}
	return n, err
}

func (k *counted) scan(r store.Reader, account string) (n int) {
	for range r.Scan(k.prefix(account), nil) {
		n++
	}
	return n
}

// add is for one that comes, before it is saved, or, with -1, one that goes, before it is deleted.
func (k *counted) add(tx store.Tx, account string, n int) error {
	before, err := k.count(tx, account)
	if err != nil {
		return err
	}
	return store.Save(tx, k.key(account), before+n)
}

// room fails if there may not be one more.
func (s *Service) room(r store.Reader, k *counted, account string) error {
	n, err := k.count(r, account)
	if err != nil {
		return err
	}
	return s.within(k.quota, n+1)
}

// addNew counts one more, before it is saved, if there may be one more.
func (s *Service) addNew(tx store.Tx, k *counted, account string) error {
	if err := s.room(tx, k, account); err != nil {
		return err
	}
	return k.add(tx, account, 1)
}

// summaryQuotas are those that GetAccountSummary has.
var summaryQuotas = map[types.SummaryKeyType]quota.Quota{
	types.SummaryKeyTypeAccessKeysPerUserQuota:          accessKeysPerUser,
	types.SummaryKeyTypeAssumeRolePolicySizeQuota:       trustPolicySize,
	types.SummaryKeyTypeAttachedPoliciesPerGroupQuota:   policiesPerGroup,
	types.SummaryKeyTypeAttachedPoliciesPerRoleQuota:    policiesPerRole,
	types.SummaryKeyTypeAttachedPoliciesPerUserQuota:    policiesPerUser,
	types.SummaryKeyTypeGroupPolicySizeQuota:            groupPoliciesSize,
	types.SummaryKeyTypeRolePolicySizeQuota:             rolePoliciesSize,
	types.SummaryKeyTypeUserPolicySizeQuota:             userPoliciesSize,
	types.SummaryKeyTypeGroupsPerUserQuota:              groupsPerUser,
	types.SummaryKeyTypePolicySizeQuota:                 policySize,
	types.SummaryKeyTypeVersionsPerPolicyQuota:          versionsPerPolicy,
	types.SummaryKeyTypeSigningCertificatesPerUserQuota: signingCertificatesPerUser,
	types.SummaryKeyTypePolicyVersionsInUseQuota:        countedVersions.quota,
	types.SummaryKeyTypeGroupsQuota:                     countedGroups.quota,
	types.SummaryKeyTypePoliciesQuota:                   countedPolicies.quota,
	types.SummaryKeyTypeRolesQuota:                      countedRoles.quota,
	types.SummaryKeyTypeInstanceProfilesQuota:           countedInstanceProfiles.quota,
	types.SummaryKeyTypeServerCertificatesQuota:         countedServerCertificates.quota,
	types.SummaryKeyTypeUsersQuota:                      countedUsers.quota,
}
