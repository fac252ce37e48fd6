// Package issuer is an OpenID Connect provider for tests. It mints ID tokens with the
// claims of GitHub Actions, GitLab CI/CD, EKS service accounts, Cognito user pools and IAM Identity Center, under
// the issuer URLs that those have, so that IAM's providers and trust policies are the same
// here and in AWS.
//
// Its issuers are an alias table: for their URLs, and for no others, the keys held here stand in
// for those that the real issuer publishes. An issuer that nothing was minted for has no
// keys, and is asked over the network as if it were not in the table. The keys of one issuer
// are not those of another, so that a token minted here whose iss claim names somebody
// else is refused like any forgery.
package issuer

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"emulator/clock"
	"emulator/identity"
	"emulator/store"
)

// Errors of a caller's making.
var (
	// ErrUnknownIssuer: the alias table has no issuer of that name.
	ErrUnknownIssuer = errors.New("no such issuer")
	// ErrRequest: no token can be made of the request.
	ErrRequest = errors.New("token request")
)

// Issuer is an entry of the alias table.
type Issuer struct {
	// Name is for the command line and for paths.
	Name string `json:"name"`
	// Profile is which claims its tokens have: github, gitlab, eks, cognito, identitycenter or plain.
	Profile string `json:"profile"`
	// URL is the iss claim of its tokens, and the URL of the provider in IAM.
	URL string `json:"url"`
}

// builtIn are the issuers that are always there. Those of which everybody has an own one
// stand under the URLs of AWS's examples.
var builtIn = []Issuer{
	{"github", "github", "https://token.actions.githubusercontent.com"},
	{"gitlab", "gitlab", "https://gitlab.com"},
	{"eks", "eks", "https://oidc.eks.us-east-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE"},
	{"cognito", "cognito", "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_EXAMPLE"},
	{"identitycenter", "identitycenter", "https://identitycenter.amazonaws.com/ssoins-1234567890abcdef"},
	{"plain", "plain", "https://issuer.example.com"},
}

// maxURL is IAM's limit of a provider's URL
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html).
const maxURL = 255

var issuerName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

// Parse reads name=profile@URL, as in
// prod=eks@https://oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF.
func Parse(text string) (Issuer, error) {
	name, rest, _ := strings.Cut(text, "=")
	profile, address, ok := strings.Cut(rest, "@")
	if !ok {
		return Issuer{}, fmt.Errorf("issuer %q: want name=profile@URL", text)
	}
	i := Issuer{name, profile, address}
	return i, i.check()
}

func (i Issuer) check() error {
	if !issuerName.MatchString(i.Name) {
		return fmt.Errorf("issuer %q: a name is of lower-case letters, digits and hyphens", i.Name)
	}
	if _, ok := profiles[i.Profile]; !ok {
		return fmt.Errorf("issuer %s: unknown profile %q: want %s", i.Name, i.Profile, strings.Join(profileNames, ", "))
	}
	// url.Parse refuses control characters, which would not be good in a key.
	u, err := url.Parse(i.URL)
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(i.URL, "#") ||
		u.Scheme != "https" && u.Scheme != "http" || len(i.URL) > maxURL {
		return fmt.Errorf("issuer %s: %q is no issuer's URL", i.Name, i.URL)
	}
	return nil
}

// Config is what a Provider is made of.
type Config struct {
	Store   store.Store
	Keyring *identity.Keyring
	// Clock is the emulated time: tokens are made and expire in it.
	Clock *clock.Clock
	// Issuers are added to the built-in ones, or replace that of the same name.
	Issuers []Issuer
}

// Provider mints tokens and holds the keys. It is safe for concurrent use.
type Provider struct {
	store   store.Store
	keyring *identity.Keyring
	clock   *clock.Clock
	issuers []Issuer
}

// New returns a Provider. It is an error if a name or URL stands for two issuers.
func New(c Config) (*Provider, error) {
	p := &Provider{store: c.Store, keyring: c.Keyring, clock: c.Clock, issuers: slices.Clone(builtIn)}
	names := make(map[string]bool)
	for _, i := range c.Issuers {
		if err := i.check(); err != nil {
			return nil, err
		}
		if names[i.Name] {
			return nil, fmt.Errorf("issuer %s is given twice", i.Name)
		}
		names[i.Name] = true
		if at := p.index(i.Name); at >= 0 {
			p.issuers[at] = i
		} else {
			p.issuers = append(p.issuers, i)
		}
	}
	urls := make(map[string]string)
	for _, i := range p.issuers {
		if other, ok := urls[i.URL]; ok {
			return nil, fmt.Errorf("issuers %s and %s have the same URL %s", other, i.Name, i.URL)
		}
		urls[i.URL] = i.Name
	}
	return p, nil
}

// Issuers returns the alias table.
func (p *Provider) Issuers() []Issuer { return slices.Clone(p.issuers) }

func (p *Provider) index(name string) int {
	return slices.IndexFunc(p.issuers, func(i Issuer) bool { return i.Name == name })
}

func (p *Provider) find(name string) (Issuer, error) {
	if at := p.index(name); at >= 0 {
		return p.issuers[at], nil
	}
	return Issuer{}, fmt.Errorf("%w: %q", ErrUnknownIssuer, name)
}
