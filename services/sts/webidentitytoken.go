package sts

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/store"
)

const (
	tokenSeconds = 300
	// maxTokenPayload is ours: AWS has a limit, and does not tell it.
	maxTokenPayload = 8 << 10
)

// getWebIdentityToken tells others who the caller is, with a token that they verify with
// the account's published keys.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_outbound_token_claims.html
func (s *Service) getWebIdentityToken(ctx context.Context, c api.Caller, in *getWebIdentityTokenInput) (*sts.GetWebIdentityTokenOutput, error) {
	if err := notGlobal(c, "GetWebIdentityToken"); err != nil {
		return nil, err
	}
	if err := mayCall(c, "GetWebIdentityToken"); err != nil {
		return nil, err
	}
	tags, err := tagMap(in.Tags)
	if err != nil {
		return nil, err
	}
	seconds := int32(tokenSeconds)
	if in.DurationSeconds != nil {
		seconds = *in.DurationSeconds
	}
	if err := checkTokenScope(in); err != nil {
		return nil, err
	}
	request := authz.Request{
		Action:      "sts:GetWebIdentityToken",
		Resource:    identity.ARN(c.Partition, "sts", c.Account, "self"),
		RequestTags: tags,
		TagAction:   "sts:TagGetWebIdentityToken",
		Context: map[string][]string{
			"sts:IdentityTokenAudience": in.Audience,
			"sts:DurationSeconds":       {strconv.Itoa(int(seconds))},
			"sts:SigningAlgorithm":      {*in.SigningAlgorithm},
			"sts:SubjectMode":           {in.subjectMode()},
		},
	}
	if in.Scope != nil {
		request.Context["sts:IdentityTokenScope"] = strings.Split(*in.Scope, " ")
	}
	var issuer identity.OutboundIssuer
	err = s.store.View(ctx, func(r store.Reader) (err error) {
		if err := s.authz.Authorize(r, c, request); err != nil {
			return err
		}
		if in.Scope != nil {
			scoping := request
			scoping.Action, scoping.TagAction = "sts:SetWebIdentityTokenScope", ""
			if err := s.authz.Authorize(r, c, scoping); err != nil {
				return err
			}
		}
		issuer, _, err = store.Load[identity.OutboundIssuer](r, identity.OutboundIssuerKey(c.Account))
		return err
	})
	if err != nil {
		return nil, err
	}
	key, known := issuer.Keys[*in.SigningAlgorithm]
	now := s.clock.Now().Truncate(time.Second)
	expires := now.Add(time.Duration(seconds) * time.Second)
	switch {
	case !issuer.Enabled:
		return nil, api.Errorf("OutboundWebIdentityFederationDisabledException", "The outbound web identity federation feature is not enabled for this account.")
	case !known:
		return nil, api.Errorf("ValidationError", "1 validation error detected: Value '%s' at 'signingAlgorithm' failed to satisfy constraint: Member must satisfy enum value set: [RS256, ES384]", *in.SigningAlgorithm)
	case c.Session != nil && expires.After(c.Session.Expires):
		return nil, api.Errorf("SessionDurationEscalationException", "The requested token duration would extend the session beyond its original expiration time.")
	}
	claims := callerClaims(c, tags)
	if in.subjectMode() == originIdentityMode {
		if claims["sub"], err = checkOrigin(c.Session); err != nil {
			return nil, err
		}
		claims[awsClaims].(map[string]any)["subject_mode"] = originIdentityMode
	}
	if in.Scope != nil {
		claims["scope"] = *in.Scope
	}
	claims["iss"], claims["aud"], claims["jti"] = issuer.URL, any(in.Audience), uuid.NewString()
	if len(in.Audience) == 1 {
		claims["aud"] = in.Audience[0]
	}
	claims["iat"], claims["exp"] = now.Unix(), expires.Unix()
	payload, err := json.Marshal(claims)
	if err != nil {
		return nil, err
	}
	if len(payload) > maxTokenPayload {
		return nil, api.Errorf("JWTPayloadSizeExceededException", "The requested token payload size exceeds the maximum allowed size. Reduce the number of request tags included in the GetWebIdentityToken API call to reduce the token payload size.")
	}
	private, err := key.Open(s.keyring)
	if err != nil {
		return nil, err
	}
	token := jwt.NewWithClaims(jwt.GetSigningMethod(*in.SigningAlgorithm), claims)
	token.Header["kid"] = key.Public.ID
	signed, err := token.SignedString(private)
	if err != nil {
		return nil, fmt.Errorf("token: %w", err)
	}
	return &sts.GetWebIdentityTokenOutput{WebIdentityToken: &signed, Expiration: &expires}, nil
}

// awsClaims is the claim with those that only AWS has.
const awsClaims = "https://sts.amazonaws.com/"

// callerClaims are those that say who the caller is. A role speaks for itself, whatever its
// session is called.
func callerClaims(c api.Caller, tags map[string]string) jwt.MapClaims {
	subject, principalTags := c.ARN, make(map[string]string)
	switch {
	case c.Role != nil:
		subject = c.Role.ARN()
		maps.Copy(principalTags, c.Role.Tags)
	case c.User != nil:
		maps.Copy(principalTags, c.User.Tags)
	}
	aws := map[string]any{"aws_account": c.Account, "source_region": c.Region, "principal_id": subject}
	if session := c.Session; session != nil {
		maps.Copy(principalTags, session.Tags)
		aws["original_session_exp"] = session.Expires.Format(time.RFC3339)
		for claim, value := range map[string]string{"source_identity": session.SourceIdentity, "federated_provider": session.FederatedProvider} {
			if value != "" {
				aws[claim] = value
			}
		}
	}
	for claim, values := range map[string]map[string]string{"principal_tags": principalTags, "request_tags": tags} {
		if len(values) > 0 {
			aws[claim] = values
		}
	}
	return jwt.MapClaims{"sub": subject, awsClaims: aws}
}

// notGlobal refuses an operation that only regional endpoints have.
func notGlobal(c api.Caller, operation string) error {
	if isGlobal(c) {
		return api.Errorf("InvalidAction", "%s is not available on the STS global endpoint. Use a Regional endpoint.", operation)
	}
	return nil
}

// isGlobal reports whether the caller used the name of STS that stands for no region.
func isGlobal(c api.Caller) bool { return strings.TrimSuffix(c.Host, ":443") == "sts.amazonaws.com" }
