package sts

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"emulator/api"
	"emulator/audit"
	"emulator/identity"
	"emulator/services/sts/oidc"
	"emulator/store"
)

// clockLeeway is how far an issuer's clock may run before ours: a token that
// was just made must not be refused for it.
const clockLeeway = 5 * time.Minute

// assumeRoleWithWebIdentity takes an ID token in place of a signature. The token is
// proven before the role is looked at, and no transaction is open while an issuer is asked.
//
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
func (s *Service) assumeRoleWithWebIdentity(ctx context.Context, c api.Caller, in *sts.AssumeRoleWithWebIdentityInput) (*assumeRoleWithWebIdentityOutput, error) {
	arn, err := parseFederatedRoleARN(*in.RoleArn)
	if err != nil {
		return nil, err
	}
	if err := s.checkRegion(c, arn.account); err != nil {
		return nil, err
	}
	policies, err := s.newSessionPolicies(arn.partition, in.Policy, in.PolicyArns)
	if err != nil {
		return nil, err
	}
	f := &federation{action: "sts:AssumeRoleWithWebIdentity", role: arn, sessionName: *in.RoleSessionName, policies: policies}
	prove := s.proveIDToken
	if in.ProviderId != nil { // it is given with access tokens only
		prove = s.proveAccessToken
	}
	bearer, err := prove(ctx, in, f)
	if err != nil {
		return nil, err
	}
	c.Notes.Vouched(audit.Identity{
		Type: "WebIdentityUser", PrincipalID: f.provider + ":" + bearer.audience + ":" + bearer.subject, UserName: bearer.subject, Provider: f.provider,
	})
	assumed, err := s.federate(ctx, c, f)
	if err != nil {
		return nil, err
	}
	seconds, err := roleDuration(in.DurationSeconds, assumed.role)
	if err != nil {
		return nil, err
	}
	issued, err := s.issue(ctx, c, assumed.session, seconds, in.MinimumSessionTokenSize)
	if err != nil {
		return nil, err
	}
	return &assumeRoleWithWebIdentityOutput{
		AssumeRoleWithWebIdentityOutput: sts.AssumeRoleWithWebIdentityOutput{
			AssumedRoleUser: assumedRoleUser(assumed.role, assumed.session),
			Audience:        &bearer.audience,
			Credentials:     issued.Credentials,
			//lint:ignore SA1019 clients that know of no other still read it
			PackedPolicySize:            &issued.utilization,
			Provider:                    &f.provider,
			SessionTokenSize:            &issued.size,
			SessionTokenUtilization:     &issued.utilization,
			SourceIdentity:              present(f.sourceIdentity),
			SubjectFromWebIdentityToken: &bearer.subject,
		},
		TrustedIdentityPropagationContext: propagatedContext(f.propagated),
	}, nil
}

// bearer is who a token is about, and whom it was made for.
type bearer struct{ subject, audience string }

// proveIDToken proves an OpenID Connect ID token, and puts into f what its claims say.
func (s *Service) proveIDToken(ctx context.Context, in *sts.AssumeRoleWithWebIdentityInput, f *federation) (bearer, error) {
	token, provider, err := s.verifyToken(ctx, *in.WebIdentityToken, f.role.account)
	if err != nil {
		return bearer{}, err
	}
	if f.tags, f.transitive, err = tokenTags(token); err != nil {
		return bearer{}, err
	}
	if f.sourceIdentity, err = tokenSourceIdentity(token); err != nil {
		return bearer{}, err
	}
	f.provider = provider.principal
	audiences := acceptedAudiences(token, provider)
	f.trust, f.session = conditionKeys(provider.url, token, audiences)
	f.propagated, err = propagate(provider.Propagation, f.role.account, provider.principal, provider.url, func(claim string) []string { return claimValues(token.Claims[claim]) })
	if err != nil {
		return bearer{}, err
	}
	return bearer{token.Subject, audiences[0]}, nil
}

// proveAccessToken proves an OAuth 2.0 access token. Only the provider can tell whether one of its own
// is good, so it takes those that the emulator made in its place.
func (s *Service) proveAccessToken(_ context.Context, in *sts.AssumeRoleWithWebIdentityInput, f *federation) (bearer, error) {
	keys, ok := identity.AccessTokenProviders[*in.ProviderId]
	if !ok {
		return bearer{}, api.Errorf("ValidationError", "Unsupported ProviderId %s", *in.ProviderId)
	}
	token, err := s.keyring.OpenAccessToken(*in.WebIdentityToken)
	switch {
	case err != nil || token.Provider != *in.ProviderId:
		return bearer{}, api.Errorf("IDPRejectedClaim", "The identity provider %s rejected the access token.", *in.ProviderId)
	case !s.clock.Now().Before(token.Expires):
		return bearer{}, api.Errorf("ExpiredTokenException", "The access token has expired.")
	}
	f.provider = token.Provider
	f.session = map[string][]string{keys[0]: {token.User}, keys[1]: {token.App}}
	f.trust = maps.Clone(f.session)
	return bearer{token.User, token.App}, nil
}

// identityProvider is whom an account believes ID tokens of.
type identityProvider struct {
	// principal is what trust policies name: an ARN or, of AWS's own providers, their name.
	principal string
	// url is the issuer without its scheme, which its condition keys begin with.
	url         string
	thumbprints []string
	// clientIDs are those whose tokens are accepted; anyClient: the trust policy decides.
	clientIDs []string
	anyClient bool
	identity.Propagation
}

// builtInProviders are those that no account needs to register, by issuer. Google's tokens
// may have it with or without the scheme.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc.html
var builtInProviders = map[string]string{
	"accounts.google.com":                    "accounts.google.com",
	"https://accounts.google.com":            "accounts.google.com",
	"https://cognito-identity.amazonaws.com": "cognito-identity.amazonaws.com",
}

// verifyToken returns the token in raw, proven, and the provider of that account which
// vouches for it.
func (s *Service) verifyToken(ctx context.Context, raw, account string) (*oidc.Token, *identityProvider, error) {
	token, err := oidc.Parse(raw)
	if err != nil {
		return nil, nil, tokenError(err)
	}
	provider, err := s.findProvider(ctx, token.Issuer, account)
	if err != nil {
		return nil, nil, err
	}
	if len(acceptedAudiences(token, provider)) == 0 {
		return nil, nil, invalidToken("Incorrect token audience")
	}
	if err := checkTimes(token, s.clock.Now()); err != nil {
		return nil, nil, err
	}
	if provider.anyClient {
		token.Issuer = "https://" + provider.url // Google's may lack the scheme
	}
	if err := s.tokens.Verify(ctx, token, provider.thumbprints); err != nil {
		return nil, nil, tokenError(err)
	}
	return token, provider, nil
}

// findProvider returns the account's provider for an issuer, which must be the very
// URL that the provider was made with.
func (s *Service) findProvider(ctx context.Context, issuer, account string) (*identityProvider, error) {
	if name, ok := builtInProviders[issuer]; ok {
		return &identityProvider{principal: name, url: name, anyClient: true}, nil
	}
	scheme, name, _ := strings.Cut(issuer, "://")
	// url.Parse refuses control characters, which would not be good in a key.
	if u, err := url.Parse(issuer); err != nil || u.Host == "" || scheme != "https" && scheme != "http" {
		return nil, invalidToken("Issuer must be a valid URL")
	}
	var provider identity.OIDCProvider
	var ok bool
	err := s.store.View(ctx, func(r store.Reader) (err error) {
		switch own, err := isOutbound(r, issuer); {
		case err != nil:
			return err
		case own:
			return invalidToken("Tokens of GetWebIdentityToken are not accepted here.")
		}
		provider, ok, err = store.Load[identity.OIDCProvider](r, identity.OIDCProviderKey(account, name))
		return err
	})
	if err != nil {
		return nil, err
	}
	if !ok || provider.Scheme != scheme {
		return nil, invalidToken("No OpenIDConnect provider found in your account for %s", issuer)
	}
	return &identityProvider{principal: provider.ARN(), url: provider.URL, thumbprints: provider.Thumbprints, clientIDs: provider.ClientIDs, Propagation: provider.Propagation}, nil
}

// isOutbound reports whether an issuer is an account of ours, whose tokens AWS takes for no role
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_outbound_getting_started.html).
func isOutbound(r store.Reader, issuer string) (bool, error) {
	id, _, _ := strings.Cut(issuer[strings.LastIndexByte(issuer, '/')+1:], ".") // in the path or in the host's name
	account, ok, err := store.Load[string](r, identity.OutboundAccountKey(id))
	if err != nil || !ok {
		return false, err
	}
	own, _, err := store.Load[identity.OutboundIssuer](r, identity.OutboundIssuerKey(account))
	return own.URL == issuer, err
}

// acceptedAudiences returns the audiences of the token that are among the provider's client
// IDs. A token that names an authorized party is for that one.
func acceptedAudiences(t *oidc.Token, p *identityProvider) []string {
	accepted := slices.Clone(audience(t))
	return slices.DeleteFunc(accepted, func(a string) bool { return !p.anyClient && !slices.Contains(p.clientIDs, a) })
}

func checkTimes(t *oidc.Token, now time.Time) error {
	if !now.Before(t.Expires) {
		return api.Errorf("ExpiredTokenException", "Token expired: current date/time %d must be before the expiration date/time %d", now.Unix(), t.Expires.Unix())
	}
	for _, from := range []time.Time{t.NotBefore, t.IssuedAt} {
		if now.Add(clockLeeway).Before(from) {
			return invalidToken("Token is not valid yet: current date/time %d must not be before %d", now.Unix(), from.Unix())
		}
	}
	return nil
}

func invalidToken(format string, args ...any) error {
	return api.Errorf("InvalidIdentityToken", format, args...)
}

// tokenError gives AWS's error for one of package oidc. What was wrong in detail is for the
// log: the caller did not prove that it may know.
func tokenError(err error) error {
	if missing, ok := errors.AsType[*oidc.MissingClaimError](err); ok {
		return invalidToken("%s", missing)
	}
	var visible error
	switch {
	case errors.Is(err, oidc.ErrMalformed):
		visible = invalidToken("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")
	case errors.Is(err, oidc.ErrSignature):
		visible = invalidToken("Couldn't verify signed token.")
	case errors.Is(err, oidc.ErrCertificate):
		visible = invalidToken("OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint")
	case errors.Is(err, oidc.ErrNoKey), errors.Is(err, oidc.ErrThisMachine):
		// With the two spaces that AWS has there.
		visible = invalidToken("Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements")
	case errors.Is(err, oidc.ErrUnreachable):
		visible = api.Errorf("IDPCommunicationError", "The identity provider that was asked to verify the incoming identity token could not be reached.")
	default:
		return err
	}
	return fmt.Errorf("%w (%w)", visible, err)
}
