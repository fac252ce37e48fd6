package sts

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"emulator/api"
	"emulator/identity"
)

// Trusted identity propagation: context keys that tell on whose behalf a session acts.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_tip_federation_context_keys.html
const (
	originSubject  = "aws:OriginIdentity/Subject"
	originType     = "aws:OriginIdentity/SubjectType"
	originIssuer   = "aws:OriginIdentity/Issuer"
	originProvider = "aws:OriginIdentity/FederatedProviderArn"
	runtimeClaim   = "aws:TransactionContext/IdentityProvider/"
)

// maxRuntimeClaim is how long the value of a runtimeClaim may be, in characters.
const maxRuntimeClaim = 128

// propagate returns the context keys that a provider's configuration makes of what it says, nil if it has none. source returns
// the values of a claim or attribute.
func propagate(p identity.Propagation, account, providerARN, issuer string, source func(name string) []string) (map[string][]string, error) {
	from := p.ContextProvider
	if from == nil {
		return nil, nil
	}
	context := map[string][]string{originIssuer: {issuer}, originProvider: {providerARN}}
	set := func(key, name string) error {
		values := source(name)
		switch {
		case len(values) == 0:
			return nil
		case len(values) > 1:
			return invalidToken("The trusted identity propagation source %s must have one value", name)
		case utf8.RuneCountInString(values[0]) > maxRuntimeClaim && strings.HasPrefix(key, runtimeClaim):
			return invalidToken("The trusted identity propagation source %s must have at most %d characters", name, maxRuntimeClaim)
		case values[0] != "":
			context[key] = values
		}
		return nil
	}
	if err := set(originSubject, from.Subject); err != nil {
		return nil, err
	}
	if context[originSubject] == nil {
		return nil, invalidToken("The trusted identity propagation subject %s is missing", from.Subject)
	}
	if from.SubjectType != "" {
		context[originType] = []string{from.SubjectType}
	} else if err := set(originType, from.SubjectTypeFrom); err != nil {
		return nil, err
	}
	for _, k := range from.Keys {
		target := k.Target
		if target == "" {
			target = k.Source
		}
		if err := set(runtimeClaim+target, k.Source); err != nil {
			return nil, err
		}
	}
	if p.IdentityCenter != "" {
		context["aws:IdentityCenterInstanceArn"] = []string{p.IdentityCenter}
		context["aws:IdentityStoreArn"] = []string{p.IdentityStore(account)}
	}
	return context, nil
}

// propagatedContext shows what of a session's context came by propagation; nil if nothing did.
func propagatedContext(context map[string][]string) *trustedIdentityPropagationContext {
	one := func(key string) *string {
		if values := context[key]; len(values) > 0 {
			return &values[0]
		}
		return nil
	}
	if one(originSubject) == nil {
		return nil
	}
	shown := &trustedIdentityPropagationContext{OriginIdentity: &originIdentity{one(originSubject), one(originType), one(originIssuer), one(originProvider)}}
	for key, values := range context {
		if name, ok := strings.CutPrefix(key, runtimeClaim); ok {
			if shown.TransactionContext == nil {
				shown.TransactionContext = &transactionContext{make(map[string]string)}
			}
			shown.TransactionContext.IdentityProvider[name] = values[0]
		}
	}
	return shown
}

// requestContext adds what a request asks to set in a session, as sts:SetContext is about it.
func requestContext(keys map[string][]string, provider string, context map[string][]string) {
	keys["sts:RequestContextProviders"] = []string{provider}
	for key, values := range context {
		keys["sts:RequestContext/"+key] = values
	}
}

// openContext returns what the context assertion of a request asserts, nil if there is none.
func (s *Service) openContext(partition string, provided []types.ProvidedContext) (*identity.ContextAssertion, error) {
	if len(provided) == 0 {
		return nil, nil
	}
	if len(provided) > 1 {
		return nil, api.Errorf("InvalidContextAssertion", "A session can have one context assertion only.")
	}
	given := provided[0]
	if given.ProviderArn == nil || *given.ProviderArn != identity.IdentityCenterProvider(partition) {
		return nil, api.Errorf("InvalidContextAssertion", "The context provider is not trusted.")
	}
	var text string
	if given.ContextAssertion != nil {
		text = *given.ContextAssertion
	}
	assertion, err := s.keyring.OpenContextAssertion(text)
	switch {
	case err != nil || assertion.Provider != *given.ProviderArn:
		return nil, api.Errorf("InvalidContextAssertion", "The context assertion is not valid.")
	case !s.clock.Now().Before(assertion.Expires):
		return nil, api.Errorf("InvalidContextAssertion", "The context assertion has expired.")
	}
	return assertion, nil
}

// setContext gives a session what was asserted.
func setContext(session *identity.Session, a *identity.ContextAssertion) {
	if a == nil {
		return
	}
	one := func(key string) string {
		if values := a.Context[key]; len(values) > 0 {
			return values[0]
		}
		return ""
	}
	session.OnBehalfOf = &identity.OnBehalfOf{User: one("identitystore:UserId"), Store: one("identitystore:IdentityStoreArn")}
	if !a.AuditOnly {
		session.Context, session.IdentityContext = a.Context, true
	}
}

// checkOrigin returns the subject of a session's propagated context for a token, if AWS puts it into one.
//
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetWebIdentityToken.html
func checkOrigin(session *identity.Session) (string, error) {
	var context map[string][]string
	if session != nil {
		context = session.Context
	}
	if len(context[originSubject]) == 0 || strings.TrimSpace(context[originSubject][0]) == "" || len(context[originIssuer])+len(context[originProvider]) == 0 {
		return "", api.Errorf("ValidationError", "The calling session has no trusted identity propagation context with a subject and its issuer.")
	}
	subject := context[originSubject][0]
	unclean := func(r rune) bool { return r != ' ' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Z) }
	if strings.HasPrefix(strings.ToLower(subject), "arn:") || strings.TrimSpace(subject) != subject || strings.ContainsFunc(subject, unclean) {
		return "", api.Errorf("AccessDenied", "The subject of the calling session's trusted identity propagation context can't be the subject of a token.")
	}
	return subject, nil
}

// checkTokenScope checks the Scope of a token.
func checkTokenScope(in *getWebIdentityTokenInput) error {
	if in.Scope == nil {
		return nil
	}
	if in.subjectMode() != originIdentityMode || len(in.Audience) != 1 {
		return api.Errorf("ValidationError", "Scope can be specified only with the SubjectMode OriginIdentity and exactly one audience.")
	}
	seen := make(map[string]bool)
	for _, value := range strings.Split(*in.Scope, " ") {
		if seen[value] {
			return api.Errorf("ValidationError", "The scope value %s is repeated.", value)
		}
		seen[value] = true
	}
	return nil
}
