package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/store"
)

func (s *Service) accountOperations() []api.Operation {
	return []api.Operation{
		api.Op("GetAccountSummary", s.getAccountSummary),
		api.Op("SetSecurityTokenServicePreferences", s.setSecurityTokenServicePreferences),
	}
}

// quotas are those of an account that AWS has not raised.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
var quotas = map[types.SummaryKeyType]int{
	types.SummaryKeyTypeAccessKeysPerUserQuota:          int(accessKeysQuota.Value),
	types.SummaryKeyTypeAssumeRolePolicySizeQuota:       trustPolicySize,
	types.SummaryKeyTypeAttachedPoliciesPerGroupQuota:   attachedPerEntity,
	types.SummaryKeyTypeAttachedPoliciesPerRoleQuota:    attachedPerEntity,
	types.SummaryKeyTypeAttachedPoliciesPerUserQuota:    attachedPerEntity,
	types.SummaryKeyTypeGroupPolicySizeQuota:            groupKind.inlineSize,
	types.SummaryKeyTypeRolePolicySizeQuota:             roleKind.inlineSize,
	types.SummaryKeyTypeUserPolicySizeQuota:             userKind.inlineSize,
	types.SummaryKeyTypeGroupsPerUserQuota:              groupsPerUser,
	types.SummaryKeyTypePolicySizeQuota:                 policySize,
	types.SummaryKeyTypeVersionsPerPolicyQuota:          versionsPerPolicy,
	types.SummaryKeyTypePolicyVersionsInUseQuota:        10000,
	types.SummaryKeyTypeGroupsQuota:                     300,
	types.SummaryKeyTypeInstanceProfilesQuota:           int(instanceProfilesQuota.Value),
	types.SummaryKeyTypePoliciesQuota:                   1500,
	types.SummaryKeyTypeRolesQuota:                      int(rolesQuota.Value),
	types.SummaryKeyTypeServerCertificatesQuota:         int(serverCertificatesQuota.Value),
	types.SummaryKeyTypeSigningCertificatesPerUserQuota: int(signingCertificatesQuota.Value),
	types.SummaryKeyTypeUsersQuota:                      5000,
}

// getAccountSummary counts.
//
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountSummary.html
func (s *Service) getAccountSummary(ctx context.Context, c api.Caller, _ *iam.GetAccountSummaryInput) (*iam.GetAccountSummaryOutput, error) {
	// The root user's access key is always there; passwords and certificates are not.
	summary := map[string]int32{
		"AccountAccessKeysPresent": 1, "AccountMFAEnabled": 0, "AccountPasswordPresent": 0, "AccountSigningCertificatesPresent": 0,
		"InstanceProfiles": 0, "MFADevices": 0, "MFADevicesInUse": 0, "ServerCertificates": 0,
		"Users": 0, "Groups": 0, "Roles": 0, "Policies": 0, "PolicyVersionsInUse": 0, "Providers": 0,
	}
	for key, quota := range quotas {
		summary[string(key)] = int32(quota)
	}
	err := s.store.View(ctx, func(r store.Reader) error {
		if err := s.authz.Authorize(r, c, authz.Request{Action: "iam:GetAccountSummary", Resource: "*"}); err != nil {
			return err
		}
		for _, counted := range []struct {
			key    string
			prefix []byte
		}{
			{"Users", byPathPrefix(c.Account, userKind, "")}, {"Groups", byPathPrefix(c.Account, groupKind, "")}, {"Roles", byPathPrefix(c.Account, roleKind, "")},
			{"InstanceProfiles", byPathPrefix(c.Account, instanceProfileKind, "")},
			{"ServerCertificates", byPathPrefix(c.Account, serverCertificateKind, "")},
			{"Providers", identity.OIDCProvidersPrefix(c.Account)}, {"Providers", identity.SAMLProvidersPrefix(c.Account)},
		} {
			for range r.Scan(counted.prefix, nil) {
				summary[counted.key]++
			}
		}
		for key := range r.Scan(identity.PoliciesPrefix(c.Account), nil) {
			p, _, err := store.Load[identity.ManagedPolicy](r, key)
			if err != nil {
				return err
			}
			summary["Policies"]++
			summary["PolicyVersionsInUse"] += int32(len(p.Versions))
		}
		for key := range r.Scan(identity.MFADevicesPrefix(c.Account), nil) {
			d, _, err := store.Load[identity.MFADevice](r, key)
			if err != nil {
				return err
			}
			summary["MFADevices"]++
			if d.UserID != "" {
				summary["MFADevicesInUse"]++
			}
		}
		if r.Get(identity.LoginProfileKey(c.Account, c.Account)) != nil {
			summary["AccountPasswordPresent"] = 1
		}
		if signingKind.has(r, c.Account, c.Account) {
			summary["AccountSigningCertificatesPresent"] = 1
		}
		settings, _, err := store.Load[identity.AccountSettings](r, identity.AccountSettingsKey(c.Account))
		summary["GlobalEndpointTokenVersion"] = 1
		if settings.TokensForAllRegions {
			summary["GlobalEndpointTokenVersion"] = 2
		}
		return err
	})
	return &iam.GetAccountSummaryOutput{SummaryMap: summary}, err
}

func (s *Service) setSecurityTokenServicePreferences(ctx context.Context, c api.Caller, in *iam.SetSecurityTokenServicePreferencesInput) (*iam.SetSecurityTokenServicePreferencesOutput, error) {
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		if err := s.authz.Authorize(tx, c, authz.Request{Action: "iam:SetSecurityTokenServicePreferences", Resource: "*"}); err != nil {
			return err
		}
		settings, _, err := store.Load[identity.AccountSettings](tx, identity.AccountSettingsKey(c.Account))
		if err != nil {
			return err
		}
		settings.TokensForAllRegions = in.GlobalEndpointTokenVersion == types.GlobalEndpointTokenVersionV2Token
		return store.Save(tx, identity.AccountSettingsKey(c.Account), settings)
	})
}
