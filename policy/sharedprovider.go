package policy

import (
	"fmt"
	"slices"
	"strings"
)

// sharedProviders are the OpenID Connect issuers that serve many tenants, with the condition
// key that tells them apart. A role that trusts one and does not ask for the key could be
// assumed by every tenant.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_oidc_secure-by-default.html
var sharedProviders = map[string]string{
	"agent.buildkite.com":                                "agent.buildkite.com:sub",
	"api.pulumi.com/oidc":                                "api.pulumi.com/oidc:aud",
	"app.terraform.io":                                   "app.terraform.io:sub",
	"cognito-identity.amazonaws.com":                     "cognito-identity.amazonaws.com:aud",
	"gitlab.com":                                         "gitlab.com:sub",
	"oidc.codefresh.io":                                  "oidc.codefresh.io:sub",
	"oidc.vercel.com":                                    "oidc.vercel.com:aud",
	"proidc.upbound.io":                                  "proidc.upbound.io:sub",
	"sandboxes.cloud":                                    "sandboxes.cloud:aud",
	"scalr.io":                                           "scalr.io:sub",
	"studio.datachain.ai/api":                            "studio.datachain.ai/api:sub",
	"token.actions.githubusercontent.com":                "token.actions.githubusercontent.com:sub",
	"tokens.cloud.shisho.dev":                            "tokens.cloud.shisho.dev:sub",
	"vstoken.actions.githubusercontent.com":              "vstoken.actions.githubusercontent.com:sub",
	"oidc-configuration.audit-log.githubusercontent.com": "oidc-configuration.audit-log.githubusercontent.com:sub",
	"oidc.op1.openshiftapps.com/2f785sojlpb85i7402pk3qogugim5nfb": "oidc.op1.openshiftapps.com/2f785sojlpb85i7402pk3qogugim5nfb:sub",
	"sts.windows.net/33e01921-4d64-4f8c-a055-5bdaffd5e33d":        "sts:rolesessionname",
}

// checkProviders returns the error with which AWS refuses a trust policy that allows a shared
// identity provider without limiting its tenants, or nil. The text is ours, AWS does not publish its own.
func (p *Policy) checkProviders() *SyntaxError {
	if p.Kind != TrustPolicy {
		return nil
	}
	for i := range p.Statements {
		s := &p.Statements[i]
		if !s.Allow || s.notPrincipal {
			continue
		}
		for _, e := range s.principals {
			if e.kind != namesFederated {
				continue
			}
			_, provider, found := strings.Cut(e.value, ":oidc-provider/")
			if !found {
				provider = e.value // of AWS's own: cognito-identity.amazonaws.com
			}
			key, shared := sharedProviders[provider]
			if !shared || slices.ContainsFunc(s.conditions, func(c condition) bool { return c.limits(key) }) {
				continue
			}
			return &SyntaxError{
				Message: fmt.Sprintf("The trust policy must evaluate the condition key %s of the shared identity provider %s.", key, provider),
				Detail:  fmt.Sprintf("every tenant of %s could assume the role", provider),
				At:      s.Start,
				Path:    fmt.Sprintf("Statement[%d].Condition", i),
			}
		}
	}
	return nil
}

// limits reports whether the condition holds only for some values of a key.
func (c *condition) limits(key string) bool {
	switch c.operator.kind {
	case opString, opStringIgnoreCase, opStringLike:
	default:
		return false
	}
	return c.lowerKey == key && !c.operator.negated && !c.operator.ifExists &&
		!slices.ContainsFunc(c.values, func(v value) bool { return strings.Trim(v.text.source(), "*?") == "" })
}
