// Package sts is AWS's Security Token Service: it gives out temporary credentials,
// and tells who a caller is. What it gives out is sealed into the session token;
// nothing is stored.
//
// https://docs.aws.amazon.com/STS/latest/APIReference/welcome.html
package sts

import (
	"context"
	"net/http"
	"slices"

	"emulator/api"
	"emulator/authz"
	"emulator/clock"
	"emulator/identity"
	"emulator/services/sts/oidc"
	"emulator/store"
)

// Config is what the service is made of.
type Config struct {
	Store     store.Store
	Authz     *authz.Authorizer
	Clock     *clock.Clock
	Directory *identity.Directory
	// InsecureIssuers are hosts whose OpenID Connect issuers may be fetched over plain
	// http, besides those of this machine.
	InsecureIssuers []string
	// Offline forbids fetching: only tokens of LocalIssuers are good.
	Offline bool
	// HTTPClient fetches issuers' documents; nil means one that trusts the system's
	// authorities and the thumbprints of IAM's providers.
	HTTPClient *http.Client
	// LocalIssuers returns the keys of issuers that are emulated here, as oidc.Config's Local; nil
	// means that there are none.
	LocalIssuers func(ctx context.Context, issuer string) (keySet []byte, ok bool, err error)
	// DisabledRegions are those in which STS gives no credentials, as if an administrator had
	// deactivated them
	// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_enable-regions.html).
	DisabledRegions []string
}

// Service is STS.
type Service struct {
	store           store.Store
	authz           *authz.Authorizer
	clock           *clock.Clock
	directory       *identity.Directory
	keyring         *identity.Keyring
	tokens          *oidc.Verifier
	samlProviders   store.Cache[*samlProvider]
	disabledRegions []string
}

// New returns the service.
func New(c Config) *Service {
	return &Service{
		store:           c.Store,
		authz:           c.Authz,
		clock:           c.Clock,
		directory:       c.Directory,
		keyring:         c.Directory.Keyring,
		tokens:          oidc.NewVerifier(oidc.Config{Client: c.HTTPClient, InsecureHosts: c.InsecureIssuers, Local: c.LocalIssuers, Offline: c.Offline}),
		disabledRegions: c.DisabledRegions,
	}
}

// Operations returns what the service answers.
func (s *Service) Operations() []api.Operation {
	return []api.Operation{
		api.Op("AssumeRole", s.assumeRole),
		api.Unsigned(api.Op("AssumeRoleWithSAML", s.AssumeRoleWithSAML)),
		api.Unsigned(api.Op("AssumeRoleWithWebIdentity", s.assumeRoleWithWebIdentity)),
		api.Op("AssumeRoot", s.assumeRoot),
		api.Op("DecodeAuthorizationMessage", s.decodeAuthorizationMessage),
		api.Op("GetAccessKeyInfo", s.getAccessKeyInfo),
		api.Op("GetCallerIdentity", s.getCallerIdentity),
		api.Op("GetDelegatedAccessToken", s.getDelegatedAccessToken),
		api.Op("GetFederationToken", s.getFederationToken),
		api.Op("GetScopedCredentials", s.getScopedCredentials),
		api.Op("GetSessionToken", s.getSessionToken),
		api.Op("GetWebIdentityToken", s.getWebIdentityToken),
	}
}

// checkRegion refuses credentials in a region where STS is turned off.
func (s *Service) checkRegion(c api.Caller, account string) error {
	if slices.Contains(s.disabledRegions, c.Region) {
		return api.Errorf("RegionDisabledException", "STS is not activated in this region for account:%s. "+
			"Your account administrator can activate STS in this region using the IAM Console.", account)
	}
	return nil
}
