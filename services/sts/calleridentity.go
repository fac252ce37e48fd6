package sts

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/store"
)

// getCallerIdentity needs no permission, and no policy can deny it.
func (s *Service) getCallerIdentity(_ context.Context, c api.Caller, _ *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	return &sts.GetCallerIdentityOutput{Account: &c.Account, Arn: &c.ARN, UserId: &c.UserID}, nil
}

func (s *Service) getAccessKeyInfo(ctx context.Context, c api.Caller, in *sts.GetAccessKeyInfoInput) (*sts.GetAccessKeyInfoOutput, error) {
	if err := mayCall(c, "GetAccessKeyInfo"); err != nil {
		return nil, err
	}
	err := s.store.View(ctx, func(r store.Reader) error {
		return s.authz.Authorize(r, c, authz.Request{Action: "sts:GetAccessKeyInfo", Resource: "*"})
	})
	if err != nil {
		return nil, err
	}
	id := *in.AccessKeyId
	if identity.IsAccountID(id) { // the root user's key of any account
		return &sts.GetAccessKeyInfoOutput{Account: &id}, nil
	}
	account, ok := identity.AccountOf(id)
	if !ok || !strings.HasPrefix(id, identity.PrefixAccessKey) && !strings.HasPrefix(id, identity.PrefixSessionKey) {
		return nil, api.Errorf("ValidationError", "The access key ID %s is not valid.", id)
	}
	return &sts.GetAccessKeyInfoOutput{Account: &account}, nil
}

// mayCall refuses what the credentials of GetSessionToken and GetFederationToken can't be used for.
//
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetFederationToken.html
func mayCall(c api.Caller, operation string) error {
	if c.Session == nil || c.Kind == identity.AssumedRole {
		return nil
	}
	switch operation {
	case "GetScopedCredentials", "GetDelegatedAccessToken":
		return nil
	case "AssumeRole", "GetWebIdentityToken":
		if c.Kind != identity.FederatedUser {
			return nil
		}
	}
	return sessionCredentials(operation)
}

func sessionCredentials(operation string) error {
	return api.Errorf("AccessDenied", "Cannot call %s with session credentials", operation)
}
