package kms

import (
	"cmp"
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/policy"
	"emulator/store"
)

// There are no grants yet, since none can be created: lists of them are empty.
func (s *Service) grantOperations() []api.Operation {
	return []api.Operation{
		api.Op("ListGrants", s.listGrants),
		api.Op("ListRetirableGrants", s.listRetirableGrants),
	}
}

// parsePrincipal returns the ARN of what may be a principal of a grant.
func parsePrincipal(c api.Caller, given string) (policy.ARN, error) {
	arn, ok := policy.ParseARN(given)
	if !ok || arn.Partition != c.Partition || arn.Service != "iam" && arn.Service != "sts" || arn.Region != "" || !identity.IsAccountID(arn.Account) {
		return arn, noPrincipal(given)
	}
	return arn, nil
}

func noPrincipal(given string) error {
	return api.Errorf("InvalidArnException", "ARN does not refer to a valid principal: %s", given)
}

// listGrants (https://docs.aws.amazon.com/kms/latest/APIReference/API_ListGrants.html).
func (s *Service) listGrants(ctx context.Context, c api.Caller, in *kms.ListGrantsInput) (*kms.ListGrantsOutput, error) {
	out := &kms.ListGrantsOutput{Grants: []types.GrantListEntry{}}
	err := s.store.View(ctx, func(r store.Reader) error {
		k, err := s.findKey(r, c, *in.KeyId, access{action: "kms:ListGrants", anyAccount: true, noAlias: true})
		if err != nil {
			return err
		}
		if in.GranteePrincipal != nil {
			if _, err := parsePrincipal(c, *in.GranteePrincipal); err != nil {
				return err
			}
		}
		if in.GrantId != nil {
			return api.Errorf("InvalidGrantIdException", "Grant ID %s is not found for key %s.", *in.GrantId, k.ARN())
		}
		out.Grants, out.NextMarker, err = pageOf(out.Grants, api.ListOf(c, in), 50)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// listRetirableGrants: what is asked for is the permission on the principal, which is one of the caller's account
// (https://docs.aws.amazon.com/kms/latest/APIReference/API_ListRetirableGrants.html).
func (s *Service) listRetirableGrants(ctx context.Context, c api.Caller, in *kms.ListRetirableGrantsInput) (*kms.ListRetirableGrantsOutput, error) {
	out := &kms.ListRetirableGrantsOutput{Grants: []types.GrantListEntry{}}
	err := s.store.View(ctx, func(r store.Reader) error {
		if err := s.authz.Authorize(r, c, authz.Request{Action: "kms:ListRetirableGrants", Resource: cmp.Or(aws.ToString(in.RetiringPrincipal), "*")}); err != nil {
			return err
		}
		switch {
		case in.RetiringServicePrincipal != nil: // which only services may ask for
			return api.Errorf("ValidationError", "RetiringServicePrincipal can only be used by callers in a service principal.")
		case in.RetiringPrincipal == nil:
			return api.Errorf("ValidationError", "RetiringPrincipal is required.")
		}
		arn, err := parsePrincipal(c, *in.RetiringPrincipal)
		if err != nil {
			return err
		}
		if arn.Account != c.Account {
			return noPrincipal(*in.RetiringPrincipal)
		}
		out.Grants, out.NextMarker, err = pageOf(out.Grants, api.ListOf(c, in), 50)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
