package iam

import (
	"cmp"
	"context"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/store"
)

// thumbprintsPerProvider is AWS's limit (https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html).
const thumbprintsPerProvider = 5

func (s *Service) oidcOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateOpenIDConnectProvider", s.createOIDCProvider),
		api.Op("GetOpenIDConnectProvider", s.getOIDCProvider),
		api.Op("ListOpenIDConnectProviders", s.listOIDCProviders),
		api.Op("DeleteOpenIDConnectProvider", s.deleteOIDCProvider),
		api.Op("AddClientIDToOpenIDConnectProvider", s.addClientID),
		api.Op("RemoveClientIDFromOpenIDConnectProvider", s.removeClientID),
		api.Op("UpdateOpenIDConnectProvider", s.updateOIDCProvider),
		api.Op("UpdateOpenIDConnectProviderThumbprint", s.updateThumbprints),
	}
}

// findOIDCProvider returns the provider of that ARN once the caller may do with it
// what request says.
func (s *Service) findOIDCProvider(r store.Reader, c api.Caller, arn string, request authz.Request) (*identity.OIDCProvider, error) {
	var p *identity.OIDCProvider
	// Another partition's or account's ARN is one that is not found.
	if issuer, ok := strings.CutPrefix(arn, oidcARN(c, "")); ok && !strings.ContainsRune(issuer, 0) {
		found, ok, err := store.Load[identity.OIDCProvider](r, identity.OIDCProviderKey(c.Account, issuer))
		if err != nil {
			return nil, err
		}
		if ok {
			p, request.ResourceTags = &found, found.Tags
			request.Context = withResource(request.Context, found.URL, found.Propagation)
		}
	}
	request.Resource = arn
	if err := s.authz.Authorize(r, c, request); err != nil {
		return nil, err
	}
	if p == nil {
		return nil, api.Errorf("NoSuchEntity", "OpenIDConnect Provider not found for arn %s", arn)
	}
	return p, nil
}

func oidcARN(c api.Caller, issuer string) string {
	return identity.ARN(c.Partition, "iam", c.Account, "oidc-provider/"+issuer)
}

// changeOIDCProvider runs f on the provider and saves it.
func (s *Service) changeOIDCProvider(ctx context.Context, c api.Caller, arn string, request authz.Request, f func(*identity.OIDCProvider) error) error {
	return s.store.Update(ctx, func(tx store.Tx) error {
		p, err := s.findOIDCProvider(tx, c, arn, request)
		if err != nil {
			return err
		}
		if err := f(p); err != nil {
			return err
		}
		return saveOIDCProvider(tx, p)
	})
}

func saveOIDCProvider(tx store.Tx, p *identity.OIDCProvider) error {
	return saveTagged(tx, identity.OIDCProviderKey(p.Account, p.URL), p, p.ARN(), p.Tags)
}

// parseIssuer splits an issuer's URL into its scheme and the rest, by which the
// provider is known. AWS wants https; here http will do for issuers that run on the
// same machine or that the configuration names.
func (s *Service) parseIssuer(text string) (scheme, issuer string, err error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(text, "#") ||
		u.Scheme != "https" && (u.Scheme != "http" || !s.insecureIssuer(u)) {
		return "", "", api.Errorf("ValidationError", "Invalid Open ID Connect Provider URL")
	}
	_, issuer, _ = strings.Cut(text, "://")
	return u.Scheme, issuer, nil
}

func (s *Service) insecureIssuer(u *url.URL) bool {
	host := u.Hostname()
	if addr, err := netip.ParseAddr(host); err == nil && addr.IsLoopback() {
		return true
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost") ||
		slices.Contains(s.insecureIssuers, host) || slices.Contains(s.insecureIssuers, u.Host)
}

func (s *Service) createOIDCProvider(ctx context.Context, c api.Caller, in *createOIDCProviderInput) (*iam.CreateOpenIDConnectProviderOutput, error) {
	scheme, issuer, urlErr := s.parseIssuer(*in.Url)
	tags, tagsErr := newTags(in.Tags, caseSensitive)
	p := &identity.OIDCProvider{
		Account:     c.Account,
		Partition:   c.Partition,
		URL:         issuer,
		Scheme:      scheme,
		ClientIDs:   unique(in.ClientIDList),
		Thumbprints: in.ThumbprintList,
		Created:     s.now(),
		Tags:        tags,
	}
	arn := p.ARN()
	given := propagation{context: in.ContextProvider, instance: in.IdentityCenterInstanceArn}
	err := s.store.Update(ctx, func(tx store.Tx) error {
		request := authz.Request{
			Action: "iam:CreateOpenIDConnectProvider", Resource: arn, RequestTags: tags, TagAction: "iam:TagOpenIDConnectProvider", Context: given.requestKeys(issuer, true),
		}
		if err := s.authz.Authorize(tx, c, request); err != nil {
			return err
		}
		if err := given.check(); err != nil {
			return err
		}
		if err := given.apply(&p.Propagation); err != nil {
			return err
		}
		switch {
		case urlErr != nil:
			return urlErr
		case tagsErr != nil:
			return tagsErr
		case len(p.Thumbprints) > thumbprintsPerProvider:
			return tooManyThumbprints()
		case tx.Get(identity.OIDCProviderKey(c.Account, issuer)) != nil:
			return api.Errorf("EntityAlreadyExists", "Provider with url %s already exists.", *in.Url)
		}
		if err := cmp.Or(s.within(clientIDsPerProvider, len(p.ClientIDs)), s.addNew(tx, countedOIDCProviders, c.Account)); err != nil {
			return err
		}
		return saveOIDCProvider(tx, p)
	})
	return &iam.CreateOpenIDConnectProviderOutput{OpenIDConnectProviderArn: &arn, Tags: in.Tags}, err
}

// unique returns the strings without repetitions, in their order.
func unique(list []string) []string {
	seen := make(map[string]bool, len(list))
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool {
		again := seen[s]
		seen[s] = true
		return again
	})
}

func tooManyThumbprints() error {
	return api.Errorf("InvalidInput", "Thumbprint list must contain fewer than %d entries.", thumbprintsPerProvider)
}

func (s *Service) getOIDCProvider(ctx context.Context, c api.Caller, in *iam.GetOpenIDConnectProviderInput) (*getOIDCProviderOutput, error) {
	var out *getOIDCProviderOutput
	err := s.store.View(ctx, func(r store.Reader) error {
		p, err := s.findOIDCProvider(r, c, *in.OpenIDConnectProviderArn, authz.Request{Action: "iam:GetOpenIDConnectProvider"})
		if err != nil {
			return err
		}
		out = &getOIDCProviderOutput{
			GetOpenIDConnectProviderOutput: iam.GetOpenIDConnectProviderOutput{
				Url: &p.URL, CreateDate: &p.Created, Tags: wireTags(p.Tags),
				// AWS sends empty lists.
				ClientIDList: append([]string{}, p.ClientIDs...), ThumbprintList: append([]string{}, p.Thumbprints...),
			},
			ContextProvider:           wireContextProvider(p.ContextProvider),
			IdentityCenterInstanceArn: filled(p.IdentityCenter), IdentityStoreArn: filled(p.IdentityStore(p.Account)),
		}
		return nil
	})
	return out, err
}

func (s *Service) listOIDCProviders(ctx context.Context, c api.Caller, _ *iam.ListOpenIDConnectProvidersInput) (*listOIDCProvidersOutput, error) {
	out := &listOIDCProvidersOutput{OpenIDConnectProviderList: []oidcProviderEntry{}} // AWS sends empty lists
	err := s.store.View(ctx, func(r store.Reader) error {
		if err := s.authz.Authorize(r, c, authz.Request{Action: "iam:ListOpenIDConnectProviders", Resource: oidcARN(c, "*")}); err != nil {
			return err
		}
		for key := range r.Scan(identity.OIDCProvidersPrefix(c.Account), nil) {
			p, _, err := store.Load[identity.OIDCProvider](r, key)
			if err != nil {
				return err
			}
			out.OpenIDConnectProviderList = append(out.OpenIDConnectProviderList, oidcProviderEntry{
				OpenIDConnectProviderListEntry:      types.OpenIDConnectProviderListEntry{Arn: aws.String(p.ARN())},
				IsTrustedIdentityPropagationEnabled: p.IdentityCenter != "", // so AWS says
			})
		}
		return nil
	})
	return out, err
}

// deleteOIDCProvider fails if there is no such provider, in words of its own: so answers were recorded.
func (s *Service) deleteOIDCProvider(ctx context.Context, c api.Caller, in *iam.DeleteOpenIDConnectProviderInput) (*iam.DeleteOpenIDConnectProviderOutput, error) {
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		p, err := s.findOIDCProvider(tx, c, *in.OpenIDConnectProviderArn, authz.Request{Action: "iam:DeleteOpenIDConnectProvider"})
		if api.ErrorCode(err) == "NoSuchEntity" {
			return api.Errorf("NoSuchEntity", "OpenId connect Provider %s cannot be found.", *in.OpenIDConnectProviderArn)
		}
		if err != nil {
			return err
		}
		if err := countedOIDCProviders.add(tx, c.Account, -1); err != nil {
			return err
		}
		return deleteTagged(tx, identity.OIDCProviderKey(c.Account, p.URL), p.ARN())
	})
}

// addClientID succeeds without effect if the provider has the client ID.
func (s *Service) addClientID(ctx context.Context, c api.Caller, in *iam.AddClientIDToOpenIDConnectProviderInput) (*iam.AddClientIDToOpenIDConnectProviderOutput, error) {
	request := authz.Request{Action: "iam:AddClientIDToOpenIDConnectProvider"}
	return nil, s.changeOIDCProvider(ctx, c, *in.OpenIDConnectProviderArn, request, func(p *identity.OIDCProvider) error {
		if slices.Contains(p.ClientIDs, *in.ClientID) {
			return nil
		}
		if err := s.within(clientIDsPerProvider, len(p.ClientIDs)+1); err != nil {
			return err
		}
		p.ClientIDs = append(p.ClientIDs, *in.ClientID)
		return nil
	})
}

// removeClientID succeeds without effect if the provider does not have the client ID.
func (s *Service) removeClientID(ctx context.Context, c api.Caller, in *iam.RemoveClientIDFromOpenIDConnectProviderInput) (*iam.RemoveClientIDFromOpenIDConnectProviderOutput, error) {
	request := authz.Request{Action: "iam:RemoveClientIDFromOpenIDConnectProvider"}
	return nil, s.changeOIDCProvider(ctx, c, *in.OpenIDConnectProviderArn, request, func(p *identity.OIDCProvider) error {
		p.ClientIDs = slices.DeleteFunc(p.ClientIDs, func(id string) bool { return id == *in.ClientID })
		return nil
	})
}

// updateOIDCProvider changes trusted identity propagation: either the context provider or the instance of IAM Identity Center.
//
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateOpenIDConnectProvider.html
func (s *Service) updateOIDCProvider(ctx context.Context, c api.Caller, in *updateOIDCProviderInput) (*updateOIDCProviderOutput, error) {
	given := propagation{in.ContextProvider, in.IdentityCenterInstanceArn, in.RemoveContextProvider, in.RemoveIdentityCenterInstance}
	request := authz.Request{Action: "iam:UpdateOpenIDConnectProvider", Context: given.requestKeys("", false)}
	return nil, s.changeOIDCProvider(ctx, c, *in.OpenIDConnectProviderArn, request, func(p *identity.OIDCProvider) error {
		if err := given.check(); err != nil {
			return err
		}
		if given.changesContext() == given.changesInstance() {
			return api.Errorf("InvalidInput", "A request must change either the context provider or the IAM Identity Center association.")
		}
		return given.apply(&p.Propagation)
	})
}

// updateThumbprints replaces the whole list.
func (s *Service) updateThumbprints(ctx context.Context, c api.Caller, in *iam.UpdateOpenIDConnectProviderThumbprintInput) (*iam.UpdateOpenIDConnectProviderThumbprintOutput, error) {
	request := authz.Request{Action: "iam:UpdateOpenIDConnectProviderThumbprint"}
	return nil, s.changeOIDCProvider(ctx, c, *in.OpenIDConnectProviderArn, request, func(p *identity.OIDCProvider) error {
		if len(in.ThumbprintList) > thumbprintsPerProvider {
			return tooManyThumbprints()
		}
		p.Thumbprints = in.ThumbprintList
		return nil
	})
}
