package sts_test

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/golang-jwt/jwt/v5"

	"emulator/emulatortest"
	"emulator/services/sts/oidc/oidctest"
)

const (
	noKey      = "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements"
	notAJWT    = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
	notTrusted = "Not authorized to perform sts:AssumeRoleWithWebIdentity"
)

// federation is a world with an issuer, its provider in IAM, and a role that trusts it.
type federation struct {
	world
	issuer   *oidctest.Issuer
	provider string
	role     string
	now      time.Time
}

func newFederation(t testing.TB, issuer *oidctest.Issuer, thumbprints ...string) *federation {
	t.Helper()
	f := &federation{world: newWorld(t), issuer: issuer, now: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)}
	f.Clock.Freeze(f.now)
	issuer.AddKey("rsa", "RS256")
	issuer.AddKey("ec", "ES256")
	created, err := iam.NewFromConfig(f.Config()).CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{
		Url: &issuer.URL, ClientIDList: []string{"sts.amazonaws.com", "client"}, ThumbprintList: thumbprints,
	})
	if err != nil {
		t.Fatal(err)
	}
	f.provider = *created.OpenIDConnectProviderArn
	f.role = f.trusting("deploy", fmt.Sprintf(`{"StringEquals":{"%[1]s:aud":"sts.amazonaws.com"},"StringLike":{"%[1]s:sub":"repo:org/app:*"}}`, f.name()))
	return f
}

// name is the issuer's as condition keys have it.
func (f *federation) name() string {
	_, name, _ := strings.Cut(f.issuer.URL, "://")
	return name
}

// trusting creates a role that trusts the provider.
func (f *federation) trusting(name, condition string, actions ...string) string {
	f.t.Helper()
	actions = append(actions, "sts:AssumeRoleWithWebIdentity")
	return f.world.role(home, name, document(fmt.Sprintf(
		`{"Effect":"Allow","Principal":{"Federated":%q},"Action":["%s"],"Condition":%s}`, f.provider, strings.Join(actions, `","`), condition)), "")
}

// claims are those of a good token, with changes; nil takes a claim out.
func (f *federation) claims(changes map[string]any) map[string]any {
	all := map[string]any{
		"sub": "repo:org/app:ref:refs/heads/main", "aud": "sts.amazonaws.com",
		"iat": f.now.Unix(), "nbf": f.now.Unix(), "exp": f.now.Add(10 * time.Minute).Unix(),
	}
	maps.Copy(all, changes)
	maps.DeleteFunc(all, func(_ string, value any) bool { return value == nil })
	return all
}

func (f *federation) token(changes map[string]any) string {
	return f.issuer.Token("rsa", "RS256", f.claims(changes))
}

func (f *federation) assume(role, token string, change ...func(*sts.AssumeRoleWithWebIdentityInput)) (*sts.AssumeRoleWithWebIdentityOutput, error) {
	in := &sts.AssumeRoleWithWebIdentityInput{RoleArn: &role, RoleSessionName: aws.String("session"), WebIdentityToken: &token}
	for _, f := range change {
		f(in)
	}
	// Without credentials, as those have who call this.
	config := f.Config()
	config.Credentials = aws.AnonymousCredentials{}
	return sts.NewFromConfig(config).AssumeRoleWithWebIdentity(f.t.Context(), in)
}

func TestWebIdentity(t *testing.T) {
	f := newFederation(t, oidctest.Start(t))
	for algorithm, key := range map[string]string{"RS256": "rsa", "ES256": "ec"} {
		out, err := f.assume(f.role, f.issuer.Token(key, algorithm, f.claims(nil)))
		if err != nil {
			t.Fatalf("%s: %v", algorithm, err)
		}
		if *out.Provider != f.provider || *out.Audience != "sts.amazonaws.com" || *out.SubjectFromWebIdentityToken != "repo:org/app:ref:refs/heads/main" {
			t.Errorf("%s: %s %s %s", algorithm, *out.Provider, *out.Audience, *out.SubjectFromWebIdentityToken)
		}
		if got, want := *out.Credentials.Expiration, f.now.Add(time.Hour); !got.Equal(want) {
			t.Errorf("expires %s, want %s", got, want)
		}
		who, err := f.as(out.Credentials).GetCallerIdentity(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if *who.Arn != "arn:aws:sts::000000000000:assumed-role/deploy/session" || *who.Arn != *out.AssumedRoleUser.Arn || *who.UserId != *out.AssumedRoleUser.AssumedRoleId {
			t.Errorf("identity %s %s", *who.Arn, *who.UserId)
		}
	}
	t.Run("the SDK's provider", func(t *testing.T) {
		config := f.Config()
		config.Credentials = aws.AnonymousCredentials{}
		provider := stscreds.NewWebIdentityRoleProvider(sts.NewFromConfig(config), f.role, bearer(f.token(nil)))
		c, err := provider.Retrieve(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sts.NewFromConfig(f.ConfigWith(c.AccessKeyID, c.SecretAccessKey, c.SessionToken, emulatortest.Region)).GetCallerIdentity(t.Context(), nil); err != nil {
			t.Error(err)
		}
	})
}

// bearer is a token in place of a file with one.
type bearer string

func (b bearer) GetIdentityToken() ([]byte, error) { return []byte(b), nil }

func TestWebIdentityErrors(t *testing.T) {
	f := newFederation(t, oidctest.Start(t))
	stranger := oidctest.Start(t)
	stranger.AddKey("rsa", "RS256")
	key := f.issuer.AddKey("rsa", "RS256")
	header := map[string]any{"kid": "rsa"}
	named := f.claims(map[string]any{"iss": f.issuer.URL})
	now := f.now.Unix()
	provider := func(id string) func(*sts.AssumeRoleWithWebIdentityInput) {
		return func(in *sts.AssumeRoleWithWebIdentityInput) { in.ProviderId = &id }
	}
	for _, test := range []struct {
		name, token, code, message string
		change                     func(*sts.AssumeRoleWithWebIdentityInput)
	}{
		{"no JWT", "Atza|IQEBLjAsAhRFiXuWpUXuRvQ9PZL3GMFcYevydwIUF", "InvalidIdentityToken", notAJWT, nil},
		{"unsigned", oidctest.Sign(t, jwt.UnsafeAllowNoneSignatureType, "none", header, named), "InvalidIdentityToken", notAJWT, nil},
		{"HMAC", oidctest.Sign(t, f.issuer.KeySet(), "HS256", header, named), "InvalidIdentityToken", notAJWT, nil},
		{"no issuer", f.token(map[string]any{"iss": ""}), "InvalidIdentityToken", "Missing a required claim: iss", nil},
		{"no subject", f.token(map[string]any{"sub": nil}), "InvalidIdentityToken", "Missing a required claim: sub", nil},
		{"no audience", f.token(map[string]any{"aud": nil}), "InvalidIdentityToken", "Missing a required claim: aud", nil},
		{"no expiry", f.token(map[string]any{"exp": nil}), "InvalidIdentityToken", "Missing a required claim: exp", nil},
		{"issuer is no URL", f.token(map[string]any{"iss": "issuer"}), "InvalidIdentityToken", "Issuer must be a valid URL", nil},
		{"issuer has a NUL", f.token(map[string]any{"iss": "https://issuer/\x00"}), "InvalidIdentityToken", "Issuer must be a valid URL", nil},
		{"another issuer", stranger.Token("rsa", "RS256", f.claims(nil)), "InvalidIdentityToken", "No OpenIDConnect provider found in your account for " + stranger.URL, nil},
		{"issuer with a slash", f.token(map[string]any{"iss": f.issuer.URL + "/"}), "InvalidIdentityToken", "No OpenIDConnect provider found in your account for " + f.issuer.URL + "/", nil},
		{"issuer by https", f.token(map[string]any{"iss": "https://" + f.name()}), "InvalidIdentityToken", "No OpenIDConnect provider found in your account for https://" + f.name(), nil},
		{"a role of another account", f.token(nil), "InvalidIdentityToken", "No OpenIDConnect provider found in your account for " + f.issuer.URL, func(in *sts.AssumeRoleWithWebIdentityInput) {
			in.RoleArn = aws.String("arn:aws:iam::111111111111:role/deploy")
		}},
		{"another audience", f.token(map[string]any{"aud": "https://vault"}), "InvalidIdentityToken", "Incorrect token audience", nil},
		{"other audiences", f.token(map[string]any{"aud": []string{"a", "b"}}), "InvalidIdentityToken", "Incorrect token audience", nil},
		{"another authorized party", f.token(map[string]any{"azp": "somebody"}), "InvalidIdentityToken", "Incorrect token audience", nil},
		{"expired", f.token(map[string]any{"exp": now}), "ExpiredTokenException", fmt.Sprintf("Token expired: current date/time %d must be before the expiration date/time %d", now, now), nil},
		{"not valid yet", f.token(map[string]any{"nbf": now + 301}), "InvalidIdentityToken", fmt.Sprintf("Token is not valid yet: current date/time %d must not be before %d", now, now+301), nil},
		{"issued in the future", f.token(map[string]any{"iat": now + 301}), "InvalidIdentityToken", fmt.Sprintf("Token is not valid yet: current date/time %d must not be before %d", now, now+301), nil},
		{"another key", oidctest.Sign(t, oidctest.NewKey(t, "RS256"), "RS256", header, named), "InvalidIdentityToken", "Couldn't verify signed token.", nil},
		{"unknown key ID", oidctest.Sign(t, key, "RS256", map[string]any{"kid": "unknown"}, named), "InvalidIdentityToken", noKey, nil},
		{"claims were changed", swapClaims(f.token(nil), f.token(map[string]any{"sub": "repo:org/app:x"})), "InvalidIdentityToken", "Couldn't verify signed token.", nil},
		{"another subject", f.token(map[string]any{"sub": "repo:org/other:ref:refs/heads/main"}), "AccessDenied", notTrusted, nil},
		{"an audience that the role does not trust", f.token(map[string]any{"aud": "client"}), "AccessDenied", notTrusted, nil},
		{"no such role", f.token(nil), "AccessDenied", notTrusted, func(in *sts.AssumeRoleWithWebIdentityInput) {
			in.RoleArn = aws.String("arn:aws:iam::000000000000:role/none")
		}},
		{"tags that the role does not allow", f.token(map[string]any{"https://aws.amazon.com/tags": map[string]any{"principal_tags": map[string]any{"a": []string{"b"}}}}), "AccessDenied", "Not authorized to perform sts:TagSession", nil},
		{"source identity that the role does not allow", f.token(map[string]any{"https://aws.amazon.com/source_identity": "ann"}), "AccessDenied", "Not authorized to perform sts:SetSourceIdentity", nil},
		{"source identity is not one", f.token(map[string]any{"https://aws.amazon.com/source_identity": "a b"}), "InvalidIdentityToken", "The source identity in the token is not valid", nil},
		{"tag with two values", f.token(map[string]any{"https://aws.amazon.com/tags/principal_tags/a": []string{"b", "c"}}), "InvalidIdentityToken", "The session tag a must have one value", nil},
		{"tag that is none", f.token(map[string]any{"https://aws.amazon.com/tags/principal_tags/aws:a": "b"}), "InvalidIdentityToken", "The session tags in the token are not valid", nil},
		{"transitive tag that is not there", f.token(map[string]any{"https://aws.amazon.com/tags/transitive_tag_keys": []string{"a"}}), "InvalidParameterValue", "The specified transitive tag key must be included in the requested tags.", nil},
		{"transitive tags are a map", f.token(map[string]any{"https://aws.amazon.com/tags/transitive_tag_keys": map[string]any{}}), "InvalidIdentityToken", "The transitive tag keys in the token are not valid", nil},
		{"access token", "Atza|IQEBLjAsAhRFiXuWpUXuRvQ9PZL3GMFcYevydwIUF", "IDPRejectedClaim", "The identity provider www.amazon.com rejected the access token.", provider("www.amazon.com")},
		{"unknown ProviderId", f.token(nil), "ValidationError", "Unsupported ProviderId example.com", provider("example.com")},
		{"no role's ARN", f.token(nil), "ValidationError", "Request ARN is invalid", func(in *sts.AssumeRoleWithWebIdentityInput) { in.RoleArn = &f.provider }},
		{"too long", f.token(nil), "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.", func(in *sts.AssumeRoleWithWebIdentityInput) { in.DurationSeconds = aws.Int32(7200) }},
		{"malformed policy", f.token(nil), "MalformedPolicyDocument", "Syntax errors in policy.", func(in *sts.AssumeRoleWithWebIdentityInput) { in.Policy = aws.String("{}") }},
		{"large claims", f.token(map[string]any{"amr": []string{noise(6000)}}), "PackedPolicyTooLarge", tooLarge, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			var changes []func(*sts.AssumeRoleWithWebIdentityInput)
			if test.change != nil {
				changes = append(changes, test.change)
			}
			_, err := f.assume(f.role, test.token, changes...)
			expect(t, err, test.code, test.message)
		})
	}
	if n := stranger.Fetches.Load(); n != 0 {
		t.Errorf("an issuer that is no provider was asked %d times", n)
	}
}

// swapClaims returns a token with the claims of another.
func swapClaims(token, claims string) string {
	parts, from := strings.Split(token, "."), strings.Split(claims, ".")
	return parts[0] + "." + from[1] + "." + parts[2]
}

// TestWebIdentityAudiences: several audiences, and an authorized party.
func TestWebIdentityAudiences(t *testing.T) {
	f := newFederation(t, oidctest.Start(t))
	role := f.trusting("audience", fmt.Sprintf(`{"StringEquals":{"%[1]s:aud":"client"},"ForAnyValue:StringEquals":{"%[1]s:oaud":"api"}}`, f.name()))
	out, err := f.assume(f.role, f.token(map[string]any{"aud": []string{"vault", "sts.amazonaws.com"}}))
	if err != nil {
		t.Fatal(err)
	}
	if *out.Audience != "sts.amazonaws.com" {
		t.Errorf("audience %s", *out.Audience)
	}
	out, err = f.assume(role, f.token(map[string]any{"aud": "api", "azp": "client"}))
	if err != nil {
		t.Fatal(err)
	}
	if *out.Audience != "client" {
		t.Errorf("audience %s", *out.Audience)
	}
}

// TestWebIdentityClaims: what comes with a token is there in the role's session.
func TestWebIdentityClaims(t *testing.T) {
	f := newFederation(t, oidctest.Start(t))
	role := f.trusting("tagged", fmt.Sprintf(`{"StringEquals":{"aws:RequestTag/team":"blue","sts:SourceIdentity":"ann"},"ForAnyValue:StringEquals":{"%s:amr":"mfa"}}`, f.name()), "sts:TagSession", "sts:SetSourceIdentity")
	policy := document(fmt.Sprintf(`{"Effect":"Allow","Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"],"Resource":"*","Condition":{"StringLike":{"%s:sub":"repo:org/*"}}}`, f.name()))
	if _, err := iam.NewFromConfig(f.Config()).PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: aws.String("tagged"), PolicyName: aws.String("inline"), PolicyDocument: &policy}); err != nil {
		t.Fatal(err)
	}
	next := f.world.role(home, "next", trust("arn:aws:iam::000000000000:root", all, `{"StringEquals":{"aws:PrincipalTag/team":"blue","aws:SourceIdentity":"ann","aws:FederatedProvider":"`+f.provider+`"}}`), "")
	for name, tags := range map[string]map[string]any{
		"one object":      {"https://aws.amazon.com/tags": map[string]any{"principal_tags": map[string]any{"team": []string{"blue"}}, "transitive_tag_keys": []string{"team"}}},
		"a claim per tag": {"https://aws.amazon.com/tags/principal_tags/team": "blue", "https://aws.amazon.com/tags/transitive_tag_keys": []string{"team"}},
	} {
		t.Run(name, func(t *testing.T) {
			changes := map[string]any{"https://aws.amazon.com/source_identity": "ann", "amr": []string{"pwd", "mfa"}}
			maps.Copy(changes, tags)
			out, err := f.assume(role, f.token(changes))
			if err != nil {
				t.Fatal(err)
			}
			if *out.SourceIdentity != "ann" || out.PackedPolicySize == nil {
				t.Errorf("source identity %s, packed size %v", *out.SourceIdentity, out.PackedPolicySize)
			}
			if _, err := f.as(out.Credentials).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &next, RoleSessionName: aws.String("next")}); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWebIdentityRotation(t *testing.T) {
	f := newFederation(t, oidctest.Start(t))
	if _, err := f.assume(f.role, f.token(nil)); err != nil {
		t.Fatal(err)
	}
	f.issuer.DropKey("rsa")
	f.issuer.AddKey("next", "RS256")
	if _, err := f.assume(f.role, f.issuer.Token("next", "RS256", f.claims(nil))); err != nil {
		t.Errorf("the key after: %v", err)
	}
	if n := f.issuer.Fetches.Load(); n != 2 {
		t.Errorf("%d fetches, want 2", n)
	}
}

func TestWebIdentityIssuerFails(t *testing.T) {
	const unreachable = "The identity provider that was asked to verify the incoming identity token could not be reached."
	for name, test := range map[string]struct {
		path          string
		handler       http.HandlerFunc
		code, message string
	}{
		"not found":  {oidctest.DiscoveryPath, http.NotFound, "InvalidIdentityToken", noKey},
		"not JSON":   {oidctest.KeysPath, func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) }, "InvalidIdentityToken", noKey},
		"huge":       {oidctest.KeysPath, func(w http.ResponseWriter, _ *http.Request) { w.Write(slices.Repeat([]byte(" "), 2<<20)) }, "InvalidIdentityToken", noKey},
		"redirected": {oidctest.KeysPath, http.RedirectHandler("http://example.com/keys", http.StatusFound).ServeHTTP, "InvalidIdentityToken", noKey},
		"failing":    {oidctest.KeysPath, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, "IDPCommunicationError", unreachable},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFederation(t, oidctest.Start(t))
			f.issuer.Replace(test.path, test.handler)
			_, err := f.assume(f.role, f.token(nil))
			expect(t, err, test.code, test.message)
			f.issuer.Replace(test.path, func(http.ResponseWriter, *http.Request) { t.Error("asked again at once") })
			_, err = f.assume(f.role, f.token(nil))
			expect(t, err, test.code, test.message)
		})
	}
	t.Run("gone", func(t *testing.T) {
		f := newFederation(t, oidctest.Start(t))
		token := f.token(nil)
		f.issuer.Close()
		_, err := f.assume(f.role, token)
		expect(t, err, "InvalidIdentityToken", noKey) // as from an open port of this machine, where there is no issuer
	})
	t.Run("silent", func(t *testing.T) {
		f := newFederation(t, oidctest.Start(t))
		f.issuer.Replace(oidctest.DiscoveryPath, func(w http.ResponseWriter, _ *http.Request) {
			if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
				c.Close()
			}
		})
		_, err := f.assume(f.role, f.token(nil))
		expect(t, err, "InvalidIdentityToken", noKey)
	})
}

func TestWebIdentityThumbprint(t *testing.T) {
	issuer := oidctest.StartTLS(t)
	sum := sha1.Sum(issuer.Certificate().Raw)
	f := newFederation(t, issuer, hex.EncodeToString(sum[:]))
	if _, err := f.assume(f.role, f.token(nil)); err != nil {
		t.Error(err)
	}
	f = newFederation(t, issuer, strings.Repeat("0", 40))
	_, err := f.assume(f.role, f.token(nil))
	expect(t, err, "InvalidIdentityToken", "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint")
}

// TestWebIdentityKeysOnThisMachine has an issuer whose document leads to the emulator itself, where a GET once minted tokens,
// and to other ports of this machine, open and closed.
func TestWebIdentityKeysOnThisMachine(t *testing.T) {
	f := newFederation(t, oidctest.Start(t))
	other := oidctest.Start(t)
	other.AddKey("rsa", "RS256")
	_, port, err := net.SplitHostPort(other.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, keys := range []string{
		other.URL + oidctest.KeysPath, "http://localhost:" + port + oidctest.KeysPath, "http://[::1]:" + port + oidctest.KeysPath, "https://0.0.0.0:" + port,
		"http://127.0.0.1:1/keys", "https://127.0.0.1:1/keys",
		f.URL + "/_emulator/oidc/github/token?audience=sts.amazonaws.com", f.URL + "/_emulator/oidc/github/.well-known/jwks.json",
	} {
		f.issuer.Replace(oidctest.DiscoveryPath, func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, f.issuer.URL, keys)
		})
		_, err := f.assume(f.role, f.token(nil))
		expect(t, err, "InvalidIdentityToken", noKey)
	}
	if n := other.Fetches.Load(); n != 0 {
		t.Errorf("%d fetches from another port", n)
	}
}
