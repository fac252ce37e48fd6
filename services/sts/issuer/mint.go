package issuer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// Request is what a token is to be. The zero value of each field but Issuer is the default of
// the issuer's profile.
type Request struct {
	// Issuer is a name in the alias table.
	Issuer string
	// Claims go into the token in place of the profile's, and what the profile computes
	// from a claim, it computes from these. A claim that is nil is left out. None is reserved: a
	// token with a wrong iss, exp or sub is good for testing that it is refused. Profile eks reads
	// namespace, serviceaccount, pod and node as parts of the claim kubernetes.io.
	Claims map[string]any
	// Audience is the aud claim.
	Audience string
	// ExpiresIn is how long the token is good for. If it is negative, the token expired
	// that long ago.
	ExpiresIn time.Duration
	// Algorithm is RS256, ES256 or EdDSA.
	Algorithm string
	// ImmutableSubject is that of repositories made since July 2026 on GitHub:
	// repo:ORG@ID/REPO@ID:…
	ImmutableSubject bool
	// SubjectClaims are the claims that a GitHub or GitLab project was configured to build
	// its subjects of.
	SubjectClaims []string

	// ownersAudience makes the default audience GitHub's: the URL of the repository's owner.
	ownersAudience bool
}

// maxExpiresIn keeps times within what a token can tell.
const maxExpiresIn = 10 * 365 * 24 * time.Hour

// Mint returns a token, and its claims. Errors are ErrUnknownIssuer and ErrRequest, or
// the store's.
func (p *Provider) Mint(ctx context.Context, now time.Time, request Request) (token string, claims map[string]any, err error) {
	i, err := p.find(request.Issuer)
	if err != nil {
		return "", nil, err
	}
	algorithm, err := algorithmOf(request.Algorithm)
	if err != nil {
		return "", nil, err
	}
	if claims, err = build(i, now, &request); err != nil {
		return "", nil, err
	}
	if i.Profile == "identitycenter" {
		if err := p.assert(claims, request.Claims); err != nil {
			return "", nil, err
		}
	}
	kid, key, err := p.signingKey(ctx, now, i, algorithm)
	if err != nil {
		return "", nil, err
	}
	t := jwt.NewWithClaims(jwt.GetSigningMethod(algorithm), jwt.MapClaims(claims))
	t.Header["kid"] = kid
	token, err = t.SignedString(key)
	return token, claims, err
}

// build returns the claims of a token.
func build(i Issuer, now time.Time, request *Request) (map[string]any, error) {
	profile := profiles[i.Profile]
	switch {
	case request.ExpiresIn > maxExpiresIn || request.ExpiresIn < -maxExpiresIn:
		return nil, fmt.Errorf("%w: a token can't expire in %s", ErrRequest, request.ExpiresIn)
	case request.ImmutableSubject && i.Profile != "github":
		return nil, fmt.Errorf("%w: immutable subjects are GitHub's", ErrRequest)
	case len(request.SubjectClaims) > 0 && i.Profile != "github" && i.Profile != "gitlab":
		return nil, fmt.Errorf("%w: only GitHub's and GitLab's subjects are built of claims", ErrRequest)
	}
	if _, ok := request.Claims[""]; ok {
		return nil, fmt.Errorf("%w: a claim has no name", ErrRequest)
	}
	c := &claimSet{issuer: i, request: request, given: maps.Clone(request.Claims), all: make(map[string]any)}
	issued, expires := now, now.Add(profile.lifetime)
	switch {
	case request.ExpiresIn > 0:
		expires = now.Add(request.ExpiresIn)
	case request.ExpiresIn < 0:
		expires = now.Add(request.ExpiresIn)
		issued = expires.Add(-profile.lifetime)
	}
	c.all["iss"], c.all["jti"] = i.URL, uuid.NewString()
	c.all["iat"], c.all["exp"] = issued.Unix(), expires.Unix()
	c.issued = issued
	if err := profile.claims(c); err != nil {
		return nil, err
	}
	if request.Audience != "" {
		c.all["aud"] = request.Audience
	}
	if _, one := c.all["aud"].(string); one && i.Profile == "eks" {
		c.all["aud"] = []any{c.all["aud"]} // Kubernetes always sends a list
	}
	maps.Copy(c.all, c.given)
	maps.DeleteFunc(c.all, func(_ string, value any) bool { return value == nil })
	return c.all, nil
}

// claimSet is the claims of a token in the making.
type claimSet struct {
	issuer  Issuer
	request *Request
	issued  time.Time
	// given are those asked for, all are those of the profile.
	given, all map[string]any
}

// text returns a claim that was asked for, if it is text, and else fallback.
func (c *claimSet) text(name, fallback string) string {
	if given, ok := c.given[name].(string); ok {
		return given
	}
	return fallback
}

// add adds a claim of the profile, and returns what will be in the token.
func (c *claimSet) add(name, value string) string {
	c.all[name] = value
	return c.text(name, value)
}

// take is text for what is asked for as a claim and does not become one.
func (c *claimSet) take(name, fallback string) string {
	value := c.text(name, fallback)
	delete(c.given, name)
	return value
}

// value returns a claim as text: what was asked for or else the profile's.
func (c *claimSet) value(name string) (string, bool) {
	value, ok := c.given[name]
	if !ok {
		value = c.all[name]
	}
	shown := text(value)
	_, isText := value.(string)
	return shown, isText || shown != ""
}

// text returns a claim of one value as text, and "" of others.
func text(claim any) string {
	switch v := claim.(type) {
	case string:
		return v
	case bool, json.Number, int64, float64:
		return fmt.Sprint(v)
	}
	return ""
}

// subject is built of claims: name, colon, value. special are names that stand for something else.
func (c *claimSet) subject(names []string, special map[string]string, escape func(string) string) (string, error) {
	var parts []string
	for _, name := range names {
		if part, ok := special[name]; ok {
			parts = append(parts, part)
			continue
		}
		value, ok := c.value(name)
		if !ok {
			return "", fmt.Errorf("%w: the subject is to have %s, which the token has not", ErrRequest, name)
		}
		parts = append(parts, name+":"+escape(value))
	}
	return strings.Join(parts, ":"), nil
}

// ParseClaim reads a claim as the command line has it: name=text, or name:=JSON.
func ParseClaim(text string) (name string, value any, err error) {
	name, raw, ok := strings.Cut(text, "=")
	name, typed := strings.CutSuffix(name, ":")
	if !ok || name == "" || !utf8.ValidString(text) {
		return "", nil, fmt.Errorf("%w: claim %q: want name=text or name:=JSON", ErrRequest, text)
	}
	if !typed {
		return name, raw, nil
	}
	if err := decode(strings.NewReader(raw), &value); err != nil {
		return "", nil, fmt.Errorf("%w: claim %s: %w", ErrRequest, name, err)
	}
	return name, value, nil
}

// decode reads one JSON value and no more. Numbers keep all their digits, as long IDs need.
func decode(r io.Reader, v any) error {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value")
	}
	return nil
}

// ParseClaims reads claims as the command line has them. Naming one twice is an error.
func ParseClaims(texts []string) (map[string]any, error) {
	claims := make(map[string]any, len(texts))
	for _, text := range texts {
		name, value, err := ParseClaim(text)
		if err != nil {
			return nil, err
		}
		if _, ok := claims[name]; ok {
			return nil, fmt.Errorf("%w: claim %s is given twice", ErrRequest, name)
		}
		claims[name] = value
	}
	return claims, nil
}

// claimNames are the claims that tokens of an issuer have by default, sorted.
func claimNames(i Issuer, now time.Time) []string {
	claims, err := build(i, now, &Request{})
	if err != nil {
		return nil // the defaults of no profile are wrong
	}
	return slices.Sorted(maps.Keys(claims))
}
