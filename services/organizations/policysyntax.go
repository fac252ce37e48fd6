package organizations

import (
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"emulator/api"
	"emulator/policy"
	"emulator/services/organizations/management"
)

// checkSyntax fails if content is no policy of a type.
func (s *Service) checkSyntax(partition string, name types.PolicyType, content string) error {
	switch name {
	case types.PolicyTypeServiceControlPolicy:
		return s.authz.CheckPolicy("MalformedPolicyDocumentException", policy.SCP, partition, content)
	case types.PolicyTypeResourceControlPolicy:
		return s.authz.CheckPolicy("MalformedPolicyDocumentException", policy.RCP, partition, content)
	}
	if _, err := management.Parse(management.Type(name), content); err != nil {
		return api.Errorf("MalformedPolicyDocumentException", "The provided policy document does not meet the requirements of the specified policy type.").Because("%v", err)
	}
	return nil
}
