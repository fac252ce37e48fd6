package sts_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"emulator/services/sts/oidc"
)

func getJSON(t *testing.T, url string, v any) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", url, resp.Status)
	}
	if err := json.NewDecoder(resp.Body).Decode(v); err != nil {
		t.Fatalf("%s: %v", url, err)
	}
}

// TestGetWebIdentityToken is the way of a token from the account to somebody who verifies it.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_outbound_getting_started.html
func TestGetWebIdentityToken(t *testing.T) {
	w := newWorld(t)
	admin := iam.NewFromConfig(w.in(home))
	ann, arn := w.user(home, "ann", allow(`["sts:GetWebIdentityToken","sts:AssumeRole"]`))
	roleARN := w.role(home, "job", trust(arn, all, ""), allow(`["sts:GetWebIdentityToken","sts:TagGetWebIdentityToken"]`), func(in *iam.CreateRoleInput) {
		in.Tags = []iamtypes.Tag{{Key: aws.String("team"), Value: aws.String("data")}, {Key: aws.String("stage"), Value: aws.String("test")}}
	})
	assumed, err := sts.NewFromConfig(ann).AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: &roleARN, RoleSessionName: aws.String("nightly"), SourceIdentity: aws.String("ann"), DurationSeconds: aws.Int32(900),
		Tags: []types.Tag{{Key: aws.String("stage"), Value: aws.String("production")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	role := w.as(assumed.Credentials)
	ask := func(client *sts.Client, change func(*sts.GetWebIdentityTokenInput)) (*sts.GetWebIdentityTokenOutput, error) {
		in := &sts.GetWebIdentityTokenInput{Audience: []string{"https://api.example.com"}, SigningAlgorithm: aws.String("ES384")}
		if change != nil {
			change(in)
		}
		return client.GetWebIdentityToken(t.Context(), in)
	}

	_, err = ask(role, nil)
	expect(t, err, "OutboundWebIdentityFederationDisabledException", "The outbound web identity federation feature is not enabled for this account.")
	_, err = admin.GetOutboundWebIdentityFederationInfo(t.Context(), nil)
	const disabled = "The request failed because outbound identity federation is not enabled for your Amazon Web Services account."
	expect(t, err, "FeatureDisabled", disabled)
	_, err = admin.DisableOutboundWebIdentityFederation(t.Context(), nil)
	expect(t, err, "FeatureDisabled", disabled)
	enabled, err := admin.EnableOutboundWebIdentityFederation(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = admin.EnableOutboundWebIdentityFederation(t.Context(), nil)
	expect(t, err, "FeatureEnabled", "The request failed because outbound identity federation is already enabled for your Amazon Web Services account.")
	issuer := *enabled.IssuerIdentifier
	if info, err := admin.GetOutboundWebIdentityFederationInfo(t.Context(), nil); err != nil || *info.IssuerIdentifier != issuer || !info.JwtVendingEnabled {
		t.Errorf("got %v, %v", info, err)
	}

	var discovery struct {
		Issuer string `json:"issuer"`
		JWKS   string `json:"jwks_uri"`
	}
	getJSON(t, issuer+"/.well-known/openid-configuration", &discovery)
	if discovery.Issuer != issuer || discovery.JWKS != issuer+"/.well-known/jwks.json" {
		t.Errorf("discovery %+v", discovery)
	}
	verifier := oidc.NewVerifier(oidc.Config{})
	for _, algorithm := range []string{"ES384", "RS256"} {
		out, err := ask(role, func(in *sts.GetWebIdentityTokenInput) {
			in.SigningAlgorithm = &algorithm
			in.Audience = append(in.Audience, "second")
			in.Tags = []types.Tag{{Key: aws.String("job-id"), Value: aws.String("7")}}
		})
		if err != nil {
			t.Fatal(err)
		}
		token, err := oidc.Parse(*out.WebIdentityToken)
		if err != nil {
			t.Fatal(err)
		}
		if err := verifier.Verify(t.Context(), token, nil); err != nil {
			t.Errorf("%s: %v", algorithm, err)
		}
		claims := jwt.MapClaims{}
		if _, _, err := jwt.NewParser().ParseUnverified(*out.WebIdentityToken, claims); err != nil {
			t.Fatal(err)
		}
		if lifetime := claims["exp"].(float64) - claims["iat"].(float64); lifetime != 300 || int64(claims["exp"].(float64)) != out.Expiration.Unix() || claims["jti"] == "" {
			t.Errorf("lifetime %v", lifetime)
		}
		for _, claim := range []string{"exp", "iat", "jti"} {
			delete(claims, claim)
		}
		want := jwt.MapClaims{"iss": issuer, "sub": roleARN, "aud": []any{"https://api.example.com", "second"}, "https://sts.amazonaws.com/": map[string]any{
			"aws_account": home, "source_region": "us-east-1", "principal_id": roleARN, "original_session_exp": assumed.Credentials.Expiration.Format(time.RFC3339),
			"source_identity": "ann", "principal_tags": map[string]any{"team": "data", "stage": "production"}, "request_tags": map[string]any{"job-id": "7"},
		}}
		if diff := cmp.Diff(want, claims); diff != "" {
			t.Errorf("claims (-want +got):\n%s", diff)
		}
	}

	// Who may what.
	_, err = ask(sts.NewFromConfig(ann), func(in *sts.GetWebIdentityTokenInput) {
		in.Tags = []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}
	})
	const self = "arn:aws:sts::000000000000:self"
	expect(t, err, "AccessDenied", notAuthorized(arn, "sts:TagGetWebIdentityToken", self)+noIdentityPolicy("sts:TagGetWebIdentityToken"))
	limited, limitedARN := w.user(home, "limited", document(`{"Effect":"Allow","Action":"sts:GetWebIdentityToken","Resource":"*","Condition":{
		"ForAllValues:StringEquals":{"sts:IdentityTokenAudience":["https://api.example.com"]},"StringEquals":{"sts:SigningAlgorithm":"ES384"},"NumericLessThanEquals":{"sts:DurationSeconds":"300"}}}`))
	for name, change := range map[string]func(*sts.GetWebIdentityTokenInput){
		"another audience":  func(in *sts.GetWebIdentityTokenInput) { in.Audience = append(in.Audience, "elsewhere") },
		"another algorithm": func(in *sts.GetWebIdentityTokenInput) { in.SigningAlgorithm = aws.String("RS256") },
		"longer":            func(in *sts.GetWebIdentityTokenInput) { in.DurationSeconds = aws.Int32(301) },
	} {
		_, err := ask(sts.NewFromConfig(limited), change)
		t.Log(name)
		expect(t, err, "AccessDenied", notAuthorized(limitedARN, "sts:GetWebIdentityToken", self)+noIdentityPolicy("sts:GetWebIdentityToken"))
	}
	if _, err := ask(sts.NewFromConfig(limited), nil); err != nil {
		t.Error(err)
	}

	for _, test := range []struct {
		name, code, message string
		change              func(*sts.GetWebIdentityTokenInput)
	}{
		{"longer than the session", "SessionDurationEscalationException", "The requested token duration would extend the session beyond its original expiration time.",
			func(in *sts.GetWebIdentityTokenInput) { in.DurationSeconds = aws.Int32(901) }},
		{"another algorithm", "ValidationError", "1 validation error detected: Value 'PS256' at 'signingAlgorithm' failed to satisfy constraint: Member must satisfy enum value set: [RS256, ES384]",
			func(in *sts.GetWebIdentityTokenInput) { in.SigningAlgorithm = aws.String("PS256") }},
		{"too much", "JWTPayloadSizeExceededException", "The requested token payload size exceeds the maximum allowed size. Reduce the number of request tags included in the GetWebIdentityToken API call to reduce the token payload size.",
			func(in *sts.GetWebIdentityTokenInput) {
				for i := range 50 {
					in.Tags = append(in.Tags, types.Tag{Key: aws.String(strings.Repeat("k", i+1)), Value: aws.String(strings.Repeat("v", 256))})
				}
			}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := ask(role, test.change)
			expect(t, err, test.code, test.message)
		})
	}

	// Its tokens are not for AWS itself, as AWS's guide says; and its URL outlives being disabled.
	if _, err := admin.DisableOutboundWebIdentityFederation(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	getJSON(t, discovery.JWKS, &struct{}{})
	if again, err := admin.EnableOutboundWebIdentityFederation(t.Context(), nil); err != nil || *again.IssuerIdentifier != issuer {
		t.Errorf("enabled again: %v, %v", again, err)
	}
	out, err := ask(role, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := admin.CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{Url: &issuer, ClientIDList: []string{"https://api.example.com"}}); err != nil {
		t.Fatal(err)
	}
	_, err = sts.NewFromConfig(w.in(home)).AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: &roleARN, RoleSessionName: aws.String("loop"), WebIdentityToken: out.WebIdentityToken,
	})
	expect(t, err, "InvalidIdentityToken", "Tokens of GetWebIdentityToken are not accepted here.")
	if resp, err := http.Get(w.URL + "/_emulator/sts/nobody/.well-known/jwks.json"); err != nil || resp.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown issuer: %v, %v", resp, err)
	}
}
