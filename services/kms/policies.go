package kms

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"emulator/api"
	"emulator/identity"
	"emulator/policy"
	"emulator/store"
)

func (s *Service) policyOperations() []api.Operation {
	return []api.Operation{
		api.Op("GetKeyPolicy", s.getKeyPolicy),
		api.Op("PutKeyPolicy", s.putKeyPolicy),
		api.Op("ListKeyPolicies", s.listKeyPolicies),
	}
}

// policyName is the only one there is. AWS RAM, of which there is none here, would manage another of the name ramPolicyName.
const (
	policyName    = "default"
	ramPolicyName = "AWS_RAM"
)

// policyAccess is the access that an operation on a key policy asks for.
//
// https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-policy-name
func policyAccess(action string, name *string) access {
	a := access{action: action}
	a.request.Context = map[string][]string{"kms:PolicyName": {policyName}}
	if name != nil {
		a.request.Context["kms:PolicyName"] = []string{*name}
	}
	return a
}

// defaultPolicy is AWS's, to the letter: it gives the account control of the key and lets
// IAM policies give access to it
// (https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html).
func defaultPolicy(partition, account string) string {
	return fmt.Sprintf(`{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "%s"
    },
    "Action" : "kms:*",
    "Resource" : "*"
  } ]
}`, identity.ARN(partition, "iam", account, "root"))
}

// setPolicy checks a key policy, or AWS's default if none is given, and puts it into the key.
// Unless the check is bypassed, a policy that is given must let the caller change it again.
func (s *Service) setPolicy(r store.Reader, c api.Caller, k *Key, given *string, bypass bool) error {
	text := defaultPolicy(k.Partition, k.Account)
	if given != nil {
		text = *given
	}
	if most := s.quotas.Max(policySizeQuota); len(text) > most {
		return api.Errorf("LimitExceededException", "The key policy is larger than %d bytes.", most)
	}
	err := s.authz.CheckPolicy("MalformedPolicyDocumentException", policy.KeyPolicy, k.Partition, text)
	if err != nil {
		return err
	}
	k.Policy, err = s.authz.StorePrincipals(r, k.Partition, text)
	if e, ok := errors.AsType[*api.Error](err); ok {
		return api.Errorf("MalformedPolicyDocumentException", "Policy contains a statement with one or more invalid principals.").Because("%s", e.Message)
	}
	if err != nil || bypass || given == nil {
		return err
	}
	if err := s.authorize(r, c, k, policyAccess("kms:PutKeyPolicy", nil)); api.ErrorCode(err) != "" {
		return api.Errorf("MalformedPolicyDocumentException", "The new key policy will not allow you to update the key policy in the future.")
	} else if err != nil {
		return err
	}
	return nil
}

func checkPolicyName(name *string) error {
	if name != nil && *name != policyName {
		return api.Errorf("NotFoundException", "No such policy exists")
	}
	return nil
}

func (s *Service) getKeyPolicy(ctx context.Context, c api.Caller, in *kms.GetKeyPolicyInput) (*kms.GetKeyPolicyOutput, error) {
	out := &kms.GetKeyPolicyOutput{PolicyName: aws.String(policyName)}
	err := s.store.View(ctx, func(r store.Reader) error {
		k, err := s.findByID(r, c, *in.KeyId, policyAccess("kms:GetKeyPolicy", in.PolicyName))
		if err != nil {
			return err
		}
		if err := checkPolicyName(in.PolicyName); err != nil {
			return err
		}
		text, err := s.authz.ShowPrincipals(r, k.Policy)
		out.Policy = &text
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *Service) putKeyPolicy(ctx context.Context, c api.Caller, in *kms.PutKeyPolicyInput) (*kms.PutKeyPolicyOutput, error) {
	a := policyAccess("kms:PutKeyPolicy", in.PolicyName)
	a.request.Context["kms:BypassPolicyLockoutSafetyCheck"] = []string{strconv.FormatBool(in.BypassPolicyLockoutSafetyCheck)}
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		return s.changeKey(tx, c, *in.KeyId, a, func(k *Key) error {
			if aws.ToString(in.PolicyName) == ramPolicyName {
				return api.Errorf("ValidationError", "The AWS_RAM policy can only be managed by the RAM service.")
			}
			if err := checkPolicyName(in.PolicyName); err != nil {
				return err
			}
			return s.setPolicy(tx, c, k, in.Policy, in.BypassPolicyLockoutSafetyCheck)
		})
	})
}

func (s *Service) listKeyPolicies(ctx context.Context, c api.Caller, in *kms.ListKeyPoliciesInput) (*kms.ListKeyPoliciesOutput, error) {
	out := &kms.ListKeyPoliciesOutput{PolicyNames: []string{policyName}} // a page has room for it
	err := s.store.View(ctx, func(r store.Reader) error {
		if _, err := s.findByID(r, c, *in.KeyId, access{action: "kms:ListKeyPolicies"}); err != nil {
			return err
		}
		if in.Marker != nil { // which no answer has; InvalidMarkerException is no error of this operation
			return api.Errorf("ValidationError", "The marker is not valid.")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
