package sts

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/store"
)

// maxScopes is how many policies a session can be scoped down by, one after the other.
const maxScopes = 3

// getScopedCredentials gives a session further credentials, which may do less, or for a shorter time. Who it is stays
// the same.
//
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetScopedCredentials.html
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_getscopedcredentials.html
func (s *Service) getScopedCredentials(ctx context.Context, c api.Caller, in *getScopedCredentialsInput) (*getScopedCredentialsOutput, error) {
	if err := notGlobal(c, "GetScopedCredentials"); err != nil {
		return nil, err
	}
	if err := s.checkScope(ctx, c, in); err != nil {
		return nil, err
	}
	session := *c.Session
	left := session.Expires.Sub(s.clock.Now().Truncate(time.Second)) / time.Second
	seconds := int32(left)
	if in.DurationSeconds != nil {
		seconds = *in.DurationSeconds
	}
	if seconds > int32(left) {
		return nil, api.Errorf("InsufficientSessionLifetime", "The requested DurationSeconds of %d exceeds the remaining lifetime of the calling session, which is %d seconds.", seconds, left)
	}
	if in.Policy != nil {
		session.Scopes = append(session.Scopes[:len(session.Scopes):len(session.Scopes)], *in.Policy)
	}
	issued, err := s.issue(ctx, c, &session, seconds, in.MinimumSessionTokenSize)
	if err != nil {
		return nil, err
	}
	return &getScopedCredentialsOutput{
		Credentials:             issued.Credentials,
		SessionInfo:             &scopedSession{ScopedSessionId: &c.UserID, Arn: &c.ARN},
		SessionTokenUtilization: &issued.utilization,
		SessionTokenSize:        &issued.size,
		ScopedPoliciesCount:     aws.Int32(int32(len(session.Scopes))),
		SourceIdentity:          present(session.SourceIdentity),
	}, nil
}

// checkScope checks that the caller may scope down its session, and what by.
func (s *Service) checkScope(ctx context.Context, c api.Caller, in *getScopedCredentialsInput) error {
	err := s.store.View(ctx, func(r store.Reader) error {
		return s.authz.Authorize(r, c, authz.Request{Action: "sts:GetScopedCredentials", Resource: identity.ARN(c.Partition, "sts", c.Account, "self")})
	})
	switch {
	case err != nil:
		return err
	case c.Session == nil:
		return api.Errorf("InvalidSubjectCredentials", "GetScopedCredentials must be called with temporary security credentials.")
	case in.Policy == nil && in.DurationSeconds == nil:
		return api.Errorf("ValidationError", "At least one of Policy or DurationSeconds must be specified.")
	case in.Policy != nil && len(c.Session.Scopes) == maxScopes:
		return api.Errorf("AccessDenied", "The calling session already has the maximum of %d scope down policies.", maxScopes)
	}
	_, err = s.newSessionPolicies(c.Partition, in.Policy, nil)
	return err
}
