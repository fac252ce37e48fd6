package organizations

import (
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"emulator/api"
	"emulator/policy"
)

// checkSyntax fails if content is no policy of a type.
func (s *Service) checkSyntax(partition string, name types.PolicyType, content string) error {
	switch name {
	case types.PolicyTypeServiceControlPolicy:
		return s.authz.CheckPolicy("MalformedPolicyDocumentException", policy.SCP, partition, content)
	case types.PolicyTypeResourceControlPolicy:
		return s.authz.CheckPolicy("MalformedPolicyDocumentException", policy.RCP, partition, content)
	}
	return checkManagementPolicy(name, content)
}

// checkManagementPolicy fails if content is no policy of a type that configures services. It must be a JSON object.
func checkManagementPolicy(_ types.PolicyType, content string) error {
	var document map[string]json.RawMessage
	if err := json.Unmarshal([]byte(content), &document); err != nil || document == nil {
		return api.Errorf("MalformedPolicyDocumentException", "The provided policy document does not meet the requirements of the specified policy type.").Because("%v", err)
	}
	return nil
}
