package sts

import (
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
)

// What the API model has and the SDK has not yet.

type getScopedCredentialsInput struct {
	Policy                   *string
	DurationSeconds          *int32
	MinimumSessionTokenSize  *int32
	ScopedSessionDescription *string
}

type getScopedCredentialsOutput struct {
	Credentials             *types.Credentials
	SessionInfo             *scopedSession
	SessionTokenUtilization *int32
	SessionTokenSize        *int32
	ScopedPoliciesCount     *int32
	SourceIdentity          *string
}

type scopedSession struct{ ScopedSessionId, Arn *string }
