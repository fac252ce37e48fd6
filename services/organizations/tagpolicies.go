package organizations

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"emulator/api"
	"emulator/identity"
	"emulator/services/organizations/management"
	"emulator/store"
)

// CheckTags is an authz.TagCheck: it holds tags to the effective tag policy of the account, with the error of the resource's service.
//
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_tag-policies-enforcement.html
func (s *Service) CheckTags(r store.Reader, account, resource string, tags map[string]string) error {
	const policyType = string(types.PolicyTypeTagPolicy)
	m, err := identity.LoadMember(r, account)
	if err != nil || m == nil || !management.Enforced(resource) {
		return err
	}
	o, err := identity.LoadOrganization(r, account)
	if err != nil || !o.Enabled(policyType) {
		return err
	}
	e, err := s.effective(r, o, m, policyType)
	if err != nil || e == nil {
		return err
	}
	key, refused := e.Refused(resource, tags)
	if !refused {
		return nil
	}
	text := "The tag policy does not allow the specified value for the following tag key: '" + key + "'."
	switch service, _, _ := strings.Cut(resource, ":"); service {
	case "iam":
		return api.Errorf("InvalidInput", "%s", text)
	case "kms":
		return api.Errorf("TagException", "%s", text)
	default:
		return api.Errorf("ConstraintViolationException", "%s", text).With("Reason", "TAG_POLICY_VIOLATION")
	}
}
