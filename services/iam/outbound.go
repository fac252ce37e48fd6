package iam

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/uuid"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/store"
)

func (s *Service) outboundOperations() []api.Operation {
	return []api.Operation{
		api.Op("EnableOutboundWebIdentityFederation", s.enableOutboundWebIdentityFederation),
		api.Op("DisableOutboundWebIdentityFederation", s.disableOutboundWebIdentityFederation),
		api.Op("GetOutboundWebIdentityFederationInfo", s.getOutboundWebIdentityFederationInfo),
	}
}

// findOutbound returns the account's issuer, whose zero value is one that never was
// enabled, once the caller may do the action.
func (s *Service) findOutbound(r store.Reader, c api.Caller, action string) (*identity.OutboundIssuer, error) {
	if err := s.authz.Authorize(r, c, authz.Request{Action: action, Resource: "*"}); err != nil {
		return nil, err
	}
	issuer, _, err := store.Load[identity.OutboundIssuer](r, identity.OutboundIssuerKey(c.Account))
	return &issuer, err
}

// outboundURL is where verifiers find the issuer's keys: below the endpoint that the caller
// uses, or under the name it has at AWS if the caller calls AWS by its name.
func outboundURL(c api.Caller, id string) string {
	if strings.HasSuffix(c.Host, ".amazonaws.com") {
		return "https://" + id + ".tokens.sts.global.api.aws"
	}
	scheme := "http://"
	if c.Secure {
		scheme = "https://"
	}
	return scheme + c.Host + "/_emulator/sts/" + id
}

// enableOutboundWebIdentityFederation makes the account an issuer. It keeps its URL and
// keys when it is disabled and enabled again.
//
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_EnableOutboundWebIdentityFederation.html
func (s *Service) enableOutboundWebIdentityFederation(ctx context.Context, c api.Caller, _ *iam.EnableOutboundWebIdentityFederationInput) (*iam.EnableOutboundWebIdentityFederationOutput, error) {
	var issuer *identity.OutboundIssuer
	err := store.Make(ctx, s.store, func(r store.Reader) (err error) {
		if issuer, err = s.findOutbound(r, c, "iam:EnableOutboundWebIdentityFederation"); err != nil {
			return err
		}
		if issuer.Enabled {
			return api.Errorf("FeatureEnabled", "The request failed because outbound identity federation is already enabled for your Amazon Web Services account.")
		}
		return nil
	}, func() (map[string]identity.OutboundKey, error) {
		if issuer.ID != "" {
			return issuer.Keys, nil
		}
		return identity.NewOutboundKeys(s.keyring)
	}, func(tx store.Tx, keys map[string]identity.OutboundKey) error {
		if issuer.ID == "" {
			id := uuid.NewString()
			*issuer = identity.OutboundIssuer{Account: c.Account, ID: id, URL: outboundURL(c, id), Created: s.now(), Keys: keys}
			if err := store.Save(tx, identity.OutboundAccountKey(id), c.Account); err != nil {
				return err
			}
		}
		issuer.Enabled = true
		return store.Save(tx, identity.OutboundIssuerKey(c.Account), issuer)
	})
	if err != nil {
		return nil, err
	}
	return &iam.EnableOutboundWebIdentityFederationOutput{IssuerIdentifier: &issuer.URL}, nil
}

func (s *Service) disableOutboundWebIdentityFederation(ctx context.Context, c api.Caller, _ *iam.DisableOutboundWebIdentityFederationInput) (*iam.DisableOutboundWebIdentityFederationOutput, error) {
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		issuer, err := s.findOutbound(tx, c, "iam:DisableOutboundWebIdentityFederation")
		if err != nil {
			return err
		}
		if !issuer.Enabled {
			return outboundDisabled()
		}
		issuer.Enabled = false
		return store.Save(tx, identity.OutboundIssuerKey(c.Account), issuer)
	})
}

func (s *Service) getOutboundWebIdentityFederationInfo(ctx context.Context, c api.Caller, _ *iam.GetOutboundWebIdentityFederationInfoInput) (*iam.GetOutboundWebIdentityFederationInfoOutput, error) {
	var out *iam.GetOutboundWebIdentityFederationInfoOutput
	err := s.store.View(ctx, func(r store.Reader) error {
		issuer, err := s.findOutbound(r, c, "iam:GetOutboundWebIdentityFederationInfo")
		if err != nil {
			return err
		}
		if !issuer.Enabled {
			return outboundDisabled()
		}
		out = &iam.GetOutboundWebIdentityFederationInfoOutput{IssuerIdentifier: &issuer.URL, JwtVendingEnabled: true}
		return nil
	})
	return out, err
}

func outboundDisabled() error {
	return api.Errorf("FeatureDisabled", "The request failed because outbound identity federation is not enabled for your Amazon Web Services account.")
}
