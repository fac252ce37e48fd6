package sts

import (
	"context"
	"crypto/rsa"
	"crypto/sha1" // of NameQualifier: that is what AWS uses
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"emulator/api"
	"emulator/audit"
	"emulator/identity"
	"emulator/policy"
	"emulator/saml"
	"emulator/store"
)

// AssumeRoleWithSAML takes a signed response of an identity provider in place of a signature.
//
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithSAML.html
func (s *Service) AssumeRoleWithSAML(ctx context.Context, c api.Caller, in *sts.AssumeRoleWithSAMLInput) (*assumeRoleWithSAMLOutput, error) {
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
	provider, err := s.findSAMLProvider(ctx, *in.PrincipalArn)
	if err != nil {
		return nil, err
	}
	assertion, err := s.verifyAssertion(*in.SAMLAssertion, provider)
	if err != nil {
		return nil, samlError(err)
	}
	claims, err := saml.ClaimsOf(assertion)
	if err != nil {
		return nil, samlError(err)
	}
	providerARN := provider.ARN()
	denied := api.Errorf("AccessDenied", "Not authorized to perform sts:AssumeRoleWithSAML")
	switch {
	case assertion.Subject == "":
		return nil, denied.Because("the assertion has no subject")
	case !claims.Allows(arn.text, providerARN):
		return nil, denied.Because("the assertion has no pair of the role %s and the provider %s", arn.text, providerARN)
	case arn.account != provider.Account:
		return nil, denied.Because("role and provider are of two accounts")
	case strings.HasPrefix(arn.name, "AWSReservedSSO_"):
		return nil, denied.Because("only IAM Identity Center assumes this role")
	}
	if err := checkProvidedTags(claims.Tags); err != nil {
		return nil, err
	}

	qualifier := nameQualifier(assertion.Issuer, provider)
	c.Notes.Vouched(audit.Identity{Type: "SAMLUser", PrincipalID: qualifier + ":" + assertion.Subject, UserName: assertion.Subject, Provider: qualifier})
	trust := assertion.ConditionKeys()
	trust["saml:namequalifier"] = []string{qualifier}
	trust["saml:doc"] = []string{provider.Account + "/" + provider.Name}
	kept := map[string][]string{"saml:namequalifier": {qualifier}}
	for _, key := range []string{"saml:sub", "saml:sub_type"} {
		if values := trust[key]; len(values) > 0 {
			kept[key] = values
		}
	}
	propagated, err := propagate(provider.Propagation, provider.Account, providerARN, saml.KeyHash(assertion.Signer), func(source string) []string {
		if source == "Subject/NameID" {
			return []string{assertion.Subject}
		}
		return assertion.Attributes[source]
	})
	if err != nil {
		return nil, err
	}
	assumed, err := s.federate(ctx, c, &federation{
		action:         "sts:AssumeRoleWithSAML",
		role:           arn,
		provider:       providerARN,
		sessionName:    claims.RoleSessionName,
		policies:       policies,
		tags:           claims.Tags,
		transitive:     claims.TransitiveTagKeys,
		sourceIdentity: claims.SourceIdentity,
		trust:          trust,
		session:        kept,
		propagated:     propagated,
	})
	if err != nil {
		return nil, err
	}
	seconds, err := s.samlDuration(in.DurationSeconds, assumed.role, claims, assertion)
	if err != nil {
		return nil, err
	}
	issued, err := s.issue(ctx, c, assumed.session, seconds, in.MinimumSessionTokenSize)
	if err != nil {
		return nil, err
	}
	out := &assumeRoleWithSAMLOutput{AssumeRoleWithSAMLOutput: sts.AssumeRoleWithSAMLOutput{
		AssumedRoleUser: assumedRoleUser(assumed.role, assumed.session),
		Audience:        &assertion.Recipient,
		Credentials:     issued.Credentials,
		Issuer:          &assertion.Issuer,
		NameQualifier:   &qualifier,
		//lint:ignore SA1019 clients that know of no other still read it
		PackedPolicySize:        &issued.utilization,
		SessionTokenSize:        &issued.size,
		SessionTokenUtilization: &issued.utilization,
		SourceIdentity:          present(claims.SourceIdentity),
		Subject:                 &assertion.Subject,
		SubjectType:             &assertion.SubjectType,
	}}
	if !assertion.Encrypted { // what was kept secret from the caller stays so
		out.TrustedIdentityPropagationContext = propagatedContext(propagated)
	}
	return out, nil
}

// SAMLRoles returns the roles that a response offers, each with the provider that vouches for it: those
// that the response proves to be of. If it does for none, the error is that of AssumeRoleWithSAML.
func (s *Service) SAMLRoles(ctx context.Context, response string) ([]saml.Role, error) {
	var providers []*samlProvider
	err := s.store.View(ctx, func(r store.Reader) error {
		for account := range identity.Accounts(r) {
			for _, record := range r.Scan(identity.SAMLProvidersPrefix(account), nil) {
				p, err := s.samlProviders.Get(record, s.readSAMLProvider)
				if err != nil {
					return err
				}
				providers = append(providers, p)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var roles []saml.Role
	failure := error(saml.ErrIssuer)
	for _, p := range providers {
		assertion, err := s.verifyAssertion(response, p)
		if errors.Is(err, saml.ErrIssuer) {
			continue
		}
		var claims *saml.Claims
		if err == nil {
			claims, err = saml.ClaimsOf(assertion)
		}
		if err != nil {
			failure = err
			continue
		}
		for _, role := range claims.Roles {
			if role.Provider == p.ARN() {
				roles = append(roles, role)
			}
		}
	}
	if len(roles) == 0 {
		return nil, samlError(failure)
	}
	return roles, nil
}

// samlProvider is a provider with what its record holds, read: callers who are nobody yet may have us do it but once.
type samlProvider struct {
	identity.SAMLProvider
	metadata *saml.Metadata
	keys     []*rsa.PrivateKey
}

func (s *Service) findSAMLProvider(ctx context.Context, arn string) (*samlProvider, error) {
	parsed, _ := policy.ParseARN(arn)
	name, ok := strings.CutPrefix(parsed.Resource, "saml-provider/")
	if !ok || parsed.Service != "iam" || !identity.IsAccountID(parsed.Account) || !isName(name) {
		return nil, api.Errorf("ValidationError", "%s is invalid", arn)
	}
	var provider *samlProvider
	err := s.store.View(ctx, func(r store.Reader) (err error) {
		if record := r.Get(identity.SAMLProviderKey(parsed.Account, name)); record != nil {
			provider, err = s.samlProviders.Get(record, s.readSAMLProvider)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if provider == nil || provider.ARN() != arn {
		return nil, invalidToken("Specified provider doesn't exist")
	}
	return provider, nil
}

func (s *Service) readSAMLProvider(record []byte) (*samlProvider, error) {
	p := new(samlProvider)
	if err := json.Unmarshal(record, &p.SAMLProvider); err != nil {
		return nil, fmt.Errorf("SAML provider: %w", err)
	}
	var err error
	if p.metadata, err = saml.ParseMetadata([]byte(p.Metadata)); err != nil {
		return nil, fmt.Errorf("%s: %w", p.ARN(), err)
	}
	for _, key := range p.Keys {
		der, err := s.keyring.Open(key.Private, key.ID)
		if err != nil {
			return nil, fmt.Errorf("key of %s: %w", p.ARN(), err)
		}
		private, err := x509.ParsePKCS8PrivateKey(der)
		if err != nil {
			return nil, fmt.Errorf("key of %s: %w", p.ARN(), err)
		}
		p.keys = append(p.keys, private.(*rsa.PrivateKey))
	}
	return p, nil
}

// verifyAssertion returns the assertion in a response, proven to be the provider's.
func (s *Service) verifyAssertion(response string, p *samlProvider) (*saml.Assertion, error) {
	document, err := saml.Decode(response)
	if err != nil {
		return nil, err
	}
	return saml.Verify(document, saml.Options{
		Metadata: p.metadata, Now: s.clock.Now(), Leeway: clockLeeway, DecryptionKeys: p.keys,
		Recipient: saml.AWSRecipient(p.ID), Audience: saml.AWSAudience(p.ID), EncryptionRequired: p.Encrypted,
	})
}

// samlError gives AWS's error for one of package saml. The cause is for the log: the caller did
// not prove that it may know.
func samlError(err error) error {
	known, ok := errors.AsType[*saml.Error](err)
	if !ok {
		return err
	}
	return fmt.Errorf("%w (%w)", api.Errorf(known.Code, "%s", known.Message), err)
}

// checkProvidedTags refuses session tags that break the API model's patterns, which the wire
// checks only in parameters.
func checkProvidedTags(tags map[string]string) error {
	seen := make(map[string]bool, len(tags))
	for key, value := range tags {
		lower := strings.ToLower(key)
		if !isTag(key, value) || seen[lower] || len(tags) > maxTags {
			return invalidToken("%s", saml.ErrTags.Message)
		}
		seen[lower] = true
	}
	return nil
}

// nameQualifier tells users of the same name at several providers apart.
func nameQualifier(issuer string, p *samlProvider) string {
	sum := sha1.Sum([]byte(issuer + p.Account + "/" + p.Name))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// samlDuration is what the caller asks for, or else the assertion, but not longer than the
// user's session at the identity provider.
func (s *Service) samlDuration(requested *int32, role *identity.Role, claims *saml.Claims, assertion *saml.Assertion) (int32, error) {
	if requested == nil && claims.SessionDuration > 0 {
		requested = aws.Int32(int32(claims.SessionDuration / time.Second))
	}
	seconds, err := roleDuration(requested, role)
	if end := assertion.SessionNotOnOrAfter; err == nil && !end.IsZero() {
		seconds = min(seconds, int32(max(0, end.Sub(s.clock.Now()))/time.Second))
	}
	return seconds, err
}
