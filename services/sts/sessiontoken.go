package sts

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/policy"
	"emulator/store"
)

// needsNoPolicy says for GetSessionToken that every user may call it. An explicit
// denial still counts, as AWS's own example policies for MFA show.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_getsessiontoken.html
const needsNoPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:GetSessionToken","Resource":"*"}]}`

// getSessionToken gives a user, or the root user, credentials of its own that end.
//
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
func (s *Service) getSessionToken(ctx context.Context, c api.Caller, in *sts.GetSessionTokenInput) (*sts.GetSessionTokenOutput, error) {
	if c.Session != nil {
		return nil, sessionCredentials("GetSessionToken")
	}
	if err := s.checkRegion(c, c.Account); err != nil {
		return nil, err
	}
	mfa, err := s.proveMFA(ctx, c, in.SerialNumber, in.TokenCode)
	if err != nil {
		return nil, err
	}
	err = s.store.View(ctx, func(r store.Reader) error {
		return s.authz.Authorize(r, c, authz.Request{
			Action:         "sts:GetSessionToken",
			Resource:       "*",
			MFA:            mfa,
			ResourcePolicy: &authz.ResourcePolicy{Kind: policy.Resource, ARN: "*", Text: needsNoPolicy},
		})
	})
	if err != nil {
		return nil, err
	}
	session := userSession(c, c.Kind)
	session.MFA = mfa
	issued, err := s.issue(ctx, c, session, userDuration(in.DurationSeconds, c), in.MinimumSessionTokenSize)
	if err != nil {
		return nil, err
	}
	return &sts.GetSessionTokenOutput{
		Credentials:             issued.Credentials,
		SessionTokenSize:        &issued.size,
		SessionTokenUtilization: &issued.utilization,
	}, nil
}

// userSession is a session that stands on a user or the root user.
func userSession(c api.Caller, kind identity.Kind) *identity.Session {
	session := &identity.Session{Kind: kind, Account: c.Account}
	if c.User != nil {
		session.Name, session.ID = c.User.Name, c.User.ID
	}
	return session
}
