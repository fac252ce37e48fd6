package sts

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/store"
)

// getFederationToken gives out credentials for somebody whom the calling user vouches
// for. Without a session policy they allow nothing that a resource's policy does not.
//
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetFederationToken.html
func (s *Service) getFederationToken(ctx context.Context, c api.Caller, in *sts.GetFederationTokenInput) (*sts.GetFederationTokenOutput, error) {
	if c.Session != nil {
		return nil, sessionCredentials("GetFederationToken")
	}
	if err := s.checkRegion(c, c.Account); err != nil {
		return nil, err
	}
	requested, err := tagMap(in.Tags)
	if err != nil {
		return nil, err
	}
	policies, err := s.newSessionPolicies(c.Partition, in.Policy, in.PolicyArns)
	if err != nil {
		return nil, err
	}
	arn := identity.ARN(c.Partition, "sts", c.Account, "federated-user/"+*in.Name)
	err = s.store.View(ctx, func(r store.Reader) error {
		request := authz.Request{Action: "sts:GetFederationToken", Resource: arn, RequestTags: requested, TagAction: "sts:TagSession"}
		if err := s.authz.Authorize(r, c, request); err != nil {
			return err
		}
		return policies.check(r, c.Account)
	})
	if err != nil {
		return nil, err
	}
	session := userSession(c, identity.FederatedUser)
	session.SessionName = *in.Name
	session.Policies, session.PolicyARNs, session.Tags = policies.texts, policies.arns, requested
	issued, err := s.issue(ctx, c, session, userDuration(in.DurationSeconds, c), in.MinimumSessionTokenSize)
	if err != nil {
		return nil, err
	}
	return &sts.GetFederationTokenOutput{
		Credentials:   issued.Credentials,
		FederatedUser: &types.FederatedUser{Arn: &arn, FederatedUserId: aws.String(c.Account + ":" + *in.Name)},
		//lint:ignore SA1019 clients that know of no other still read it
		PackedPolicySize:        &issued.utilization,
		SessionTokenSize:        &issued.size,
		SessionTokenUtilization: &issued.utilization,
	}, nil
}
