package sts

import (
	"github.com/aws/aws-sdk-go-v2/service/sts"
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

type assumeRoleWithSAMLOutput struct {
	sts.AssumeRoleWithSAMLOutput
	TrustedIdentityPropagationContext *trustedIdentityPropagationContext
}

type assumeRoleWithWebIdentityOutput struct {
	sts.AssumeRoleWithWebIdentityOutput
	TrustedIdentityPropagationContext *trustedIdentityPropagationContext
}

type trustedIdentityPropagationContext struct {
	OriginIdentity     *originIdentity
	TransactionContext *transactionContext
}

type originIdentity struct{ Subject, SubjectType, Issuer, FederatedProviderArn *string }

type transactionContext struct{ IdentityProvider map[string]string }

type getWebIdentityTokenInput struct {
	sts.GetWebIdentityTokenInput
	Scope, SubjectMode *string
}

// The modes of the subject of a token.
const (
	awsIdentityMode    = "AWSIdentity"
	originIdentityMode = "OriginIdentity"
)

func (in *getWebIdentityTokenInput) subjectMode() string {
	if in.SubjectMode == nil {
		return awsIdentityMode
	}
	return *in.SubjectMode
}
