package iam

import (
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"emulator/identity"
)

// What the API model has and the SDK has not yet.

type createRoleInput struct {
	iam.CreateRoleInput
	MaxSigninSessionDuration *int32
}

type updateRoleInput struct {
	iam.UpdateRoleInput
	MaxSigninSessionDuration      *int32
	ResetMaxSigninSessionDuration *bool
}

type aheadRole struct {
	types.Role
	MaxSigninSessionDuration *int32
}

// ahead adds to a role what the SDK's type has no member for.
func ahead(w *types.Role, r *identity.Role) *aheadRole {
	return &aheadRole{Role: *w, MaxSigninSessionDuration: setting(r.MaxSigninSessionDuration)}
}

type createRoleOutput struct {
	iam.CreateRoleOutput
	Role *aheadRole
}

type getRoleOutput struct {
	iam.GetRoleOutput
	Role *aheadRole
}

type listRolesOutput struct {
	iam.ListRolesOutput
	Roles []aheadRole
}

type updateRoleDescriptionOutput struct {
	iam.UpdateRoleDescriptionOutput
	Role *aheadRole
}

type createLoginProfileInput struct {
	iam.CreateLoginProfileInput
	MaxSigninSessionDuration *int32
}

type updateLoginProfileInput struct {
	iam.UpdateLoginProfileInput
	MaxSigninSessionDuration      *int32
	ResetMaxSigninSessionDuration *bool
}

type aheadLoginProfile struct {
	types.LoginProfile
	MaxSigninSessionDuration *int32
}

type createLoginProfileOutput struct {
	iam.CreateLoginProfileOutput
	LoginProfile *aheadLoginProfile
}

type getLoginProfileOutput struct {
	iam.GetLoginProfileOutput
	LoginProfile *aheadLoginProfile
}

type contextProvider struct {
	KeyDefinitionList                                        []contextProviderKey
	SubjectSourceKey, SubjectTypeValue, SubjectTypeSourceKey *string
}

type contextProviderKey struct{ SourceKey, TargetKey *string }

type createOIDCProviderInput struct {
	iam.CreateOpenIDConnectProviderInput
	ContextProvider           *contextProvider
	IdentityCenterInstanceArn *string
}

type updateOIDCProviderInput struct {
	OpenIDConnectProviderArn                            *string
	ContextProvider                                     *contextProvider
	IdentityCenterInstanceArn                           *string
	RemoveContextProvider, RemoveIdentityCenterInstance bool
}

type updateOIDCProviderOutput struct{}

type getOIDCProviderOutput struct {
	iam.GetOpenIDConnectProviderOutput
	ContextProvider                             *contextProvider
	IdentityCenterInstanceArn, IdentityStoreArn *string
}

type listOIDCProvidersOutput struct {
	iam.ListOpenIDConnectProvidersOutput
	OpenIDConnectProviderList []oidcProviderEntry
}

type oidcProviderEntry struct {
	types.OpenIDConnectProviderListEntry
	IsTrustedIdentityPropagationEnabled bool
}

type createSAMLProviderInput struct {
	iam.CreateSAMLProviderInput
	ContextProvider           *contextProvider
	IdentityCenterInstanceArn *string
}

type updateSAMLProviderInput struct {
	iam.UpdateSAMLProviderInput
	ContextProvider                                     *contextProvider
	IdentityCenterInstanceArn                           *string
	RemoveContextProvider, RemoveIdentityCenterInstance bool
}

type getSAMLProviderOutput struct {
	iam.GetSAMLProviderOutput
	SAMLKeyHashes                               []samlKeyHashes
	ContextProvider                             *contextProvider
	IdentityCenterInstanceArn, IdentityStoreArn *string
}

type samlKeyHashes struct {
	IssuerURL *string
	KeyHashes []string
}

type listSAMLProvidersOutput struct {
	iam.ListSAMLProvidersOutput
	SAMLProviderList []samlProviderEntry
}

type samlProviderEntry struct {
	types.SAMLProviderListEntry
	IsTrustedIdentityPropagationEnabled bool
}
