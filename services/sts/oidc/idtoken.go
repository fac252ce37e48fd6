// Package oidc verifies OpenID Connect ID tokens against the keys that their issuer
// publishes. It knows no AWS: what a token's claims are worth is the caller's matter.
//
// https://openid.net/specs/openid-connect-core-1_0.html#IDToken
package oidc

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Why a token is refused.
var (
	// ErrMalformed: it is no signed JWT, or is signed in a way that is not accepted.
	ErrMalformed = errors.New("not a valid JWT")
	// ErrSignature: none of the issuer's keys made the signature.
	ErrSignature = errors.New("the signature is not of the issuer's keys")
	// ErrNoKey: the issuer answered, but not with a key for this token.
	ErrNoKey = errors.New("the issuer has no key for the token")
	// ErrCertificate: the issuer's certificate is not one to trust.
	ErrCertificate = errors.New("the issuer's certificate is not trusted")
	// ErrUnreachable: the issuer did not answer. It may do so later.
	ErrUnreachable = errors.New("the issuer cannot be reached")
	// ErrThisMachine comes with ErrNoKey if a document led to this machine, and with ErrUnreachable
	// if the issuer's own port here does not answer. Who is told one from the other,
	// or from ErrNoKey alone, learns which ports are open.
	ErrThisMachine = errors.New("the address is of this machine")
)

// MissingClaimError names a claim that a token must have and has not.
type MissingClaimError struct{ Claim string }

// Error has AWS's text.
func (e *MissingClaimError) Error() string { return "Missing a required claim: " + e.Claim }

// Token is an ID token. Nothing in it is proven before Verifier.Verify.
type Token struct {
	Issuer, Subject string
	// Audience has at least one value.
	Audience []string
	// AuthorizedParty is the azp claim, or "".
	AuthorizedParty string
	Expires         time.Time
	// NotBefore and IssuedAt are zero if the token does not tell.
	NotBefore, IssuedAt time.Time
	// Claims are all of them, as encoding/json reads them.
	Claims map[string]any

	method    jwt.SigningMethod
	keyID     string
	signed    string // what the signature is over
	signature []byte
}

// algorithms are those of asymmetric keys. "none" and the HMAC family are not among
// them: a public key must never serve as a secret.
var algorithms = map[string]jwt.SigningMethod{
	"RS256": jwt.SigningMethodRS256, "RS384": jwt.SigningMethodRS384, "RS512": jwt.SigningMethodRS512,
	"PS256": pss(jwt.SigningMethodPS256), "PS384": pss(jwt.SigningMethodPS384), "PS512": pss(jwt.SigningMethodPS512),
	"ES256": jwt.SigningMethodES256, "ES384": jwt.SigningMethodES384, "ES512": jwt.SigningMethodES512,
	"EdDSA": jwt.SigningMethodEdDSA,
}

// pss takes the one length of salt of RFC 7518, section 3.5, where the library takes any.
func pss(m *jwt.SigningMethodRSAPSS) *jwt.SigningMethodRSAPSS {
	return &jwt.SigningMethodRSAPSS{SigningMethodRSA: m.SigningMethodRSA, Options: &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}}
}

// strict refuses what is not the one base64url form of its bytes.
var strict = jwt.NewParser(jwt.WithStrictDecoding())

// Parse takes a token apart (RFC 7519) without verifying it. An error is
// ErrMalformed or a *MissingClaimError.
func Parse(raw string) (*Token, error) {
	t, err := parse(raw)
	if err != nil {
		return nil, err
	}
	return t, t.readClaims()
}

// parse reads all but the claims.
func parse(raw string) (*Token, error) {
	claims := jwt.MapClaims{}
	parsed, parts, err := strict.ParseUnverified(raw, claims)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	method := algorithms[parsed.Method.Alg()]
	if method == nil {
		return nil, fmt.Errorf("%w: algorithm %s", ErrMalformed, parsed.Method.Alg())
	}
	// RFC 7515, section 4.1.11: an extension that is marked critical and not understood refuses
	// the token. We understand none.
	if _, ok := parsed.Header["crit"]; ok {
		return nil, fmt.Errorf("%w: critical extensions", ErrMalformed)
	}
	t := &Token{
		Claims:    claims,
		method:    method,
		signed:    parts[0] + "." + parts[1],
		signature: parsed.Signature,
	}
	if kid, ok := parsed.Header["kid"]; ok {
		if t.keyID, ok = kid.(string); !ok {
			return nil, fmt.Errorf("%w: the key ID is no string", ErrMalformed)
		}
	}
	return t, nil
}

func (t *Token) readClaims() error {
	for _, claim := range []string{"iss", "sub", "aud", "exp"} {
		if t.Claims[claim] == nil || t.Claims[claim] == "" {
			return &MissingClaimError{claim}
		}
	}
	var ok bool
	for _, c := range []struct {
		name  string
		value *string
	}{{"iss", &t.Issuer}, {"sub", &t.Subject}, {"azp", &t.AuthorizedParty}} {
		if t.Claims[c.name] == nil {
			continue
		}
		if *c.value, ok = t.Claims[c.name].(string); !ok {
			return fmt.Errorf("%w: claim %s is no string", ErrMalformed, c.name)
		}
	}
	for _, c := range []struct {
		name  string
		value *time.Time
	}{{"exp", &t.Expires}, {"nbf", &t.NotBefore}, {"iat", &t.IssuedAt}} {
		if t.Claims[c.name] == nil {
			continue
		}
		if *c.value, ok = numericDate(t.Claims[c.name]); !ok {
			return fmt.Errorf("%w: claim %s is no time", ErrMalformed, c.name)
		}
	}
	if t.Audience, ok = Strings(t.Claims["aud"]); !ok {
		return fmt.Errorf("%w: claim aud is neither a string nor a list of them", ErrMalformed)
	}
	if len(t.Audience) == 0 {
		return &MissingClaimError{"aud"}
	}
	return nil
}

// Strings returns the value of a claim that is a string or a list of strings.
func Strings(claim any) (values []string, ok bool) {
	switch v := claim.(type) {
	case string:
		return []string{v}, true
	case []any:
		for _, item := range v {
			s, ok := item.(string)
			if !ok {
				return nil, false
			}
			values = append(values, s)
		}
		return values, true
	}
	return nil, false
}

// numericDate reads seconds since 1970, which may have a fraction (RFC 7519, section 2).
func numericDate(claim any) (time.Time, bool) {
	const year10000 = 253402300800
	seconds, ok := claim.(float64)
	if !ok || seconds < 0 || seconds >= year10000 {
		return time.Time{}, false
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*1e9)).UTC(), true
}
