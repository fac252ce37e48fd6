package sts

import (
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"emulator/api"
	"emulator/identity"
	"emulator/identity/awspolicies"
	"emulator/policy"
	"emulator/store"
)

// AWS's limits of session policies
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-limits-entity-length).
const (
	maxPolicyText = 2048
	maxPolicyARNs = 10
)

// sessionPolicies are what limits a session.
type sessionPolicies struct {
	texts []string
	arns  []string
}

func (s *Service) newSessionPolicies(partition string, text *string, descriptors []types.PolicyDescriptorType) (sessionPolicies, error) {
	var p sessionPolicies
	size := 0
	if text != nil {
		if err := s.authz.CheckPolicy("MalformedPolicyDocument", policy.Session, partition, *text); err != nil {
			return p, err
		}
		p.texts = []string{*text}
		size = utf8.RuneCountInString(*text)
	}
	if len(descriptors) > maxPolicyARNs {
		return p, api.Errorf("ValidationError", "1 validation error detected: Value at 'policyArns' failed to satisfy constraint: Member must have length less than or equal to %d", maxPolicyARNs)
	}
	for _, d := range descriptors {
		p.arns = append(p.arns, aws.ToString(d.Arn))
		size += len(aws.ToString(d.Arn))
	}
	if size > maxPolicyText {
		return p, api.Errorf("ValidationError", "1 validation error detected: Value at 'policy' failed to satisfy constraint: Member must have length less than or equal to %d", maxPolicyText)
	}
	return p, nil
}

// check refuses managed policies that are neither AWS's nor of the session's account.
func (p sessionPolicies) check(r store.Reader, account string) error {
	for _, arn := range p.arns {
		ok, err := policyExists(r, account, arn)
		if err != nil {
			return err
		}
		if !ok {
			return api.Errorf("ValidationError", "Policy %s does not exist or is not attachable.", arn)
		}
	}
	return nil
}

func policyExists(r store.Reader, account, arn string) (bool, error) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 {
		return false, nil
	}
	name := arn[strings.LastIndexByte(arn, '/')+1:]
	if parts[4] == "aws" {
		_, ok := awspolicies.Find(parts[1], arn)
		return ok, nil
	}
	if parts[4] != account || !isName(name) {
		return false, nil
	}
	p, ok, err := store.Load[identity.ManagedPolicy](r, identity.PolicyKey(account, name))
	return ok && p.ARN() == arn, err
}
