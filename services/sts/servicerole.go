package sts

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"emulator/api"
	"emulator/identity"
	"emulator/policy"
	"emulator/store"
)

// serviceSeconds is how long the sessions last that AWS's services make of roles: EC2 gives its instances
// new credentials about every six hours.
const serviceSeconds = 6 * hour

// ServiceRole gives an AWS service, such as "ec2.amazonaws.com", credentials of a role. The error is AccessDenied
// if the role does not trust the service, or does not exist.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_terms-and-concepts.html
func (s *Service) ServiceRole(ctx context.Context, service, role, sessionName string) (*types.Credentials, error) {
	arn, err := parseRoleARN(role)
	if err != nil {
		return nil, err
	}
	question := roleRequest{
		action: "sts:AssumeRole", arn: arn, principal: &policy.Principal{Type: policy.Service, ARN: service},
		context: map[string][]string{"sts:RoleSessionName": {sessionName}},
	}
	var found *identity.Role
	err = s.store.View(ctx, func(r store.Reader) (err error) {
		found, err = s.authorizeRole(r, api.Caller{}, &question)
		return err
	})
	if err != nil {
		return nil, err
	}
	issued, err := s.issue(ctx, api.Caller{}, roleSession(found, sessionName, sessionPolicies{}, sessionTags{}, ""), serviceSeconds, nil)
	if err != nil {
		return nil, err
	}
	return issued.Credentials, nil
}
