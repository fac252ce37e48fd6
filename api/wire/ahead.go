package wire

// AWS's model comes out before the SDK's modules do. What the SDK has not yet stands here, until a test says that it has. A service takes
// and answers it with a type of its own, which embeds the SDK's and adds the members:
//
//	type createRoleInput struct {
//		iam.CreateRoleInput
//		MaxSigninSessionDuration *int32
//	}
//
// Without such a type a request with the member is refused, and answers do not have it.

// aheadOperations are operations that the SDK's client lacks, by service.
var aheadOperations = map[string][]string{
	"sts": {"GetScopedCredentials"},
	"iam": {"UpdateOpenIDConnectProvider"},
}

// aheadMembers are members that the SDK's types lack, by service and shape.
var aheadMembers = map[string][]string{
	"sts AssumeRoleWithSAMLResponse":         {"TrustedIdentityPropagationContext"},
	"sts AssumeRoleWithWebIdentityResponse":  {"TrustedIdentityPropagationContext"},
	"sts GetWebIdentityTokenRequest":         {"Scope", "SubjectMode"},
	"iam CreateLoginProfileRequest":          {"MaxSigninSessionDuration"},
	"iam CreateOpenIDConnectProviderRequest": {"ContextProvider", "IdentityCenterInstanceArn"},
	"iam CreateRoleRequest":                  {"MaxSigninSessionDuration"},
	"iam CreateSAMLProviderRequest":          {"ContextProvider", "IdentityCenterInstanceArn"},
	"iam GetOpenIDConnectProviderResponse":   {"ContextProvider", "IdentityCenterInstanceArn", "IdentityStoreArn"},
	"iam GetSAMLProviderResponse":            {"ContextProvider", "IdentityCenterInstanceArn", "IdentityStoreArn", "SAMLKeyHashes"},
	"iam LoginProfile":                       {"MaxSigninSessionDuration"},
	"iam OpenIDConnectProviderListEntry":     {"IsTrustedIdentityPropagationEnabled"},
	"iam Role":                               {"MaxSigninSessionDuration"},
	"iam SAMLProviderListEntry":              {"IsTrustedIdentityPropagationEnabled"},
	"iam UpdateLoginProfileRequest":          {"MaxSigninSessionDuration", "ResetMaxSigninSessionDuration"},
	"iam UpdateRoleRequest":                  {"MaxSigninSessionDuration", "ResetMaxSigninSessionDuration"},
	"iam UpdateSAMLProviderRequest":          {"ContextProvider", "IdentityCenterInstanceArn", "RemoveContextProvider", "RemoveIdentityCenterInstance"},
	"kms ListKeysRequest":                    {"ResourceOwners"},
}
