package iam

import (
	"context"
	"math"

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
	for key, quota := range summaryQuotas {
		summary[string(key)] = int32(min(s.quotas.Max(quota), math.MaxInt32))
	}
	err := s.store.View(ctx, func(r store.Reader) error {
		if err := s.authz.Authorize(r, c, authz.Request{Action: "iam:GetAccountSummary", Resource: "*"}); err != nil {
			return err
		}
		for _, k := range allCounted() {
			n, err := k.count(r, c.Account)
			if err != nil {
				return err
			}
			summary[k.summary] += int32(n)
		}
		for key := range r.Scan(identity.MFADevicesPrefix(c.Account), nil) {
			d, _, err := store.Load[identity.MFADevice](r, key)
			if err != nil {
				return err
			}
			if d.UserID != "" {
				summary["MFADevicesInUse"]++
			}
		}
		for key := range r.Scan(identity.OtherMFADevicesPrefix(c.Account), nil) {
			d, _, err := store.Load[identity.MFADevice](r, key)
			if err != nil {
				return err
			}
			if d.UserID != "" { // before, it is not the account's
				summary["MFADevices"]++
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
