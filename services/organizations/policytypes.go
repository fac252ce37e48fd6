package organizations

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/quota"
	"emulator/store"
)

// policyType is what there is to say of a policy type.
type policyType struct {
	// perOrganization is how many of its policies there can be, perTarget how many of them on a root, unit or account.
	perOrganization, perTarget quota.Quota
	// size is how many characters a policy has at most.
	size quota.Quota
	// service must have trusted access for policies of the type.
	service string
}

// policyTypes has all types of the API (https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html).
var policyTypes = map[types.PolicyType]policyType{
	types.PolicyTypeServiceControlPolicy:          newPolicyType("ServiceControlPolicies", 10_000, 10, 10_240, ""),
	types.PolicyTypeResourceControlPolicy:         newPolicyType("ResourceControlPolicies", 1000, 5, 5120, ""),
	types.PolicyTypeAiservicesOptOutPolicy:        newPolicyType("AIServicesOptOutPolicies", 1000, 5, 2500, ""),
	types.PolicyTypeBackupPolicy:                  newPolicyType("BackupPolicies", 1000, 10, 10_000, ""),
	types.PolicyTypeBedrockPolicy:                 newPolicyType("BedrockPolicies", 1000, 10, 10_000, ""),
	types.PolicyTypeChatbotPolicy:                 newPolicyType("ChatApplicationsPolicies", 1000, 5, 10_000, ""),
	types.PolicyTypeDeclarativePolicyEc2:          newPolicyType("DeclarativePolicies", 1000, 10, 10_000, ""),
	types.PolicyTypeGuarddutyPolicy:               newPolicyType("GuardDutyPolicies", 1000, 10, 10_000, ""),
	types.PolicyTypeInspectorPolicy:               newPolicyType("InspectorPolicies", 1000, 10, 10_000, "inspector2.amazonaws.com"),
	types.PolicyTypeNetworkSecurityDirectorPolicy: newPolicyType("NetworkSecurityDirectorPolicies", 1000, 10, 10_000, ""),
	types.PolicyTypeS3Policy:                      newPolicyType("S3Policies", 1000, 10, 10_000, ""),
	types.PolicyTypeSecurityhubPolicy:             newPolicyType("SecurityHubPolicies", 1000, 10, 10_000, "securityhub.amazonaws.com"),
	"SECURITYHUB_CSPM_POLICY":                     newPolicyType("SecurityHubCSPMPolicies", 1000, 10, 10_000, ""),
	types.PolicyTypeTagPolicy:                     newPolicyType("TagPolicies", 1000, 10, 10_000, ""),
	types.PolicyTypeUpgradeRolloutPolicy:          newPolicyType("UpgradeRolloutPolicies", 1000, 10, 5120, ""),
}

func newPolicyType(name string, perOrganization, perTarget, size float64, service string) policyType {
	return policyType{
		perOrganization: quota.Quota{Name: "organizations." + name, Value: perOrganization},
		perTarget:       quota.Quota{Name: "organizations." + name + "PerTarget", Value: perTarget},
		size:            quota.Quota{Name: "organizations." + name + "Size", Value: size},
		service:         service,
	}
}

func (s *Service) policyTypeOperations() []api.Operation {
	return []api.Operation{
		api.Op("DisablePolicyType", s.disablePolicyType),
		api.Op("EnablePolicyType", s.enablePolicyType),
	}
}

func ofPolicyType(name types.PolicyType) authz.Request {
	return authz.Request{Context: map[string][]string{"organizations:PolicyType": {string(name)}}}
}

func wireRoot(o *identity.Organization) types.Root {
	arn, name := rootARN(o), rootName
	w := types.Root{Arn: &arn, Id: &o.Root, Name: &name, PolicyTypes: []types.PolicyTypeSummary{}}
	for _, enabled := range o.PolicyTypes {
		w.PolicyTypes = append(w.PolicyTypes, types.PolicyTypeSummary{Type: types.PolicyType(enabled), Status: types.PolicyTypeStatusEnabled})
	}
	return w
}

// changePolicyTypes runs f on the organization and saves it.
func (s *Service) changePolicyTypes(ctx context.Context, c api.Caller, operation string, name types.PolicyType, root string, f func(store.Tx, *identity.Organization) error) (*types.Root, error) {
	var changed types.Root
	return &changed, s.store.Update(ctx, func(tx store.Tx) error {
		o, err := s.enter(tx, c, operation, ofPolicyType(name), root)
		if err != nil {
			return err
		}
		if root != o.Root {
			return api.Errorf("RootNotFoundException", "You specified a root that doesn't exist.")
		}
		if err := f(tx, o); err != nil {
			return err
		}
		changed = wireRoot(o)
		return s.policiesChanged(tx, o, string(name))
	})
}

// enablePolicyType enables a type at once. If there is an AWS managed policy of it, everything has it.
//
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_EnablePolicyType.html
func (s *Service) enablePolicyType(ctx context.Context, c api.Caller, in *organizations.EnablePolicyTypeInput) (*organizations.EnablePolicyTypeOutput, error) {
	root, err := s.changePolicyTypes(ctx, c, "EnablePolicyType", in.PolicyType, *in.RootId, func(tx store.Tx, o *identity.Organization) error {
		_, trusted := o.TrustedAccess[policyTypes[in.PolicyType].service]
		switch {
		case o.ConsolidatedBilling:
			return notAvailable()
		case o.Enabled(string(in.PolicyType)):
			return api.Errorf("PolicyTypeAlreadyEnabledException", "The specified policy type is already enabled.")
		case policyTypes[in.PolicyType].service != "" && !trusted:
			return api.Errorf("ConstraintViolationException", "You attempted to enable a policy type before you enabled service access. Call the EnableAWSServiceAccess API first.").With("Reason", "SERVICE_ACCESS_NOT_ENABLED")
		}
		o.PolicyTypes = append(o.PolicyTypes, string(in.PolicyType))
		slices.Sort(o.PolicyTypes)
		i := slices.IndexFunc(identity.AWSOrganizationPolicies, func(p identity.OrganizationPolicy) bool { return p.Type == string(in.PolicyType) })
		if i < 0 {
			return nil
		}
		for _, target := range targets(tx, o) {
			if err := attach(tx, o, &identity.AWSOrganizationPolicies[i], target); err != nil {
				return err
			}
		}
		return nil
	})
	return &organizations.EnablePolicyTypeOutput{Root: root}, err
}

func notAvailable() error {
	return api.Errorf("PolicyTypeNotAvailableForOrganizationException", "You can't use the specified policy type with the feature set currently enabled for this organization.")
}

// targets returns the IDs of all that policies can be attached to.
func targets(r store.Reader, o *identity.Organization) []string {
	all := []string{o.Root}
	for key := range r.Scan(identity.OrganizationalUnitsPrefix(o.ID), nil) {
		all = append(all, store.Parts(key)[3])
	}
	for _, account := range r.Scan(identity.OrganizationAccountsPrefix(o.ID), nil) {
		all = append(all, string(account))
	}
	return all
}

// disablePolicyType detaches all policies of the type.
//
// https://docs.aws.amazon.com/organizations/latest/userguide/disable-policy-type.html
func (s *Service) disablePolicyType(ctx context.Context, c api.Caller, in *organizations.DisablePolicyTypeInput) (*organizations.DisablePolicyTypeOutput, error) {
	root, err := s.changePolicyTypes(ctx, c, "DisablePolicyType", in.PolicyType, *in.RootId, func(tx store.Tx, o *identity.Organization) error {
		if !o.Enabled(string(in.PolicyType)) {
			return notEnabled()
		}
		o.PolicyTypes = slices.DeleteFunc(o.PolicyTypes, func(name string) bool { return name == string(in.PolicyType) })
		for _, target := range targets(tx, o) {
			if err := detachAll(tx, o, target, string(in.PolicyType)); err != nil {
				return err
			}
		}
		return nil
	})
	return &organizations.DisablePolicyTypeOutput{Root: root}, err
}

func notEnabled() error {
	return api.Errorf("PolicyTypeNotEnabledException", "This operation can be performed only for enabled policy types.")
}
