package server_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"emulator/emulatortest"
	"emulator/server"
)

// withoutCredentials is an STS client of a caller that has none yet.
func withoutCredentials(e *emulatortest.Emulator) *sts.Client {
	config := e.Config()
	config.Credentials = aws.AnonymousCredentials{}
	return sts.NewFromConfig(config)
}

// ask posts to the admin API and returns a member of its answer.
func ask(t *testing.T, e *emulatortest.Emulator, path, body, member string) string {
	t.Helper()
	resp, err := http.Post(e.URL+"/_emulator/"+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	text, _ := answer[member].(string)
	if text == "" {
		t.Fatalf("%s: %s: %v", path, resp.Status, answer)
	}
	return text
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

// TestTestIssuer takes a role as a workflow of GitHub Actions does, with AWS's own names in the
// trust policy and no network.
func TestTestIssuer(t *testing.T) {
	e := emulatortest.Start(t, server.Config{Offline: true})
	admin := iam.NewFromConfig(e.Config())
	provider, err := admin.CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://token.actions.githubusercontent.com"), ClientIDList: []string{"sts.amazonaws.com"}})
	if err != nil {
		t.Fatal(err)
	}
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"` + *provider.OpenIDConnectProviderArn + `"},
		"Action":["sts:AssumeRoleWithWebIdentity","sts:TagSession","sts:SetSourceIdentity"],
		"Condition":{"StringEquals":{"token.actions.githubusercontent.com:aud":"sts.amazonaws.com"},"StringLike":{"token.actions.githubusercontent.com:sub":"repo:org/app:*"}}}]}`
	role, err := admin.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("deploy"), AssumeRolePolicyDocument: &trust})
	if err != nil {
		t.Fatal(err)
	}
	assume := func(token string) (*sts.AssumeRoleWithWebIdentityOutput, error) {
		return withoutCredentials(e).AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{RoleArn: role.Role.Arn, RoleSessionName: aws.String("run"), WebIdentityToken: &token})
	}
	mint := func(issuer, body string) string {
		t.Helper()
		return ask(t, e, "oidc/"+issuer+"/token", body, "token")
	}
	good := mint("github", `{"claims":{"repository":"org/app","environment":"prod","https://aws.amazon.com/tags":{"principal_tags":{"team":["blue"]}},"https://aws.amazon.com/source_identity":"alice"}}`)
	out, err := assume(good)
	if err != nil {
		t.Fatal(err)
	}
	if *out.SubjectFromWebIdentityToken != "repo:org/app:environment:prod" || *out.SourceIdentity != "alice" {
		t.Errorf("subject %s, source identity %s", *out.SubjectFromWebIdentityToken, *out.SourceIdentity)
	}
	for _, test := range []struct{ name, token, code string }{
		{"another repository", mint("github", `{"claims":{"repository":"org/other"}}`), "AccessDenied"},
		{"expired", mint("github", `{"claims":{"repository":"org/app"},"expiresIn":"-1s"}`), "ExpiredTokenException"},
		{"another audience", mint("github", `{"claims":{"repository":"org/app"},"audience":"x"}`), "InvalidIdentityToken"},
		{"another issuer's name", mint("gitlab", `{"claims":{"iss":"https://token.actions.githubusercontent.com","sub":"repo:org/app:x","aud":"sts.amazonaws.com"}}`), "InvalidIdentityToken"},
		{"no such provider in the account", mint("gitlab", ``), "InvalidIdentityToken"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := assume(test.token)
			wantCode(t, err, test.code)
		})
	}
	e.Clock.Advance(time.Hour)
	_, err = assume(good)
	wantCode(t, err, "ExpiredTokenException")
}

// TestOffline has an issuer that is not emulated here.
func TestOffline(t *testing.T) {
	e := emulatortest.Start(t, server.Config{Offline: true})
	admin := iam.NewFromConfig(e.Config())
	if _, err := admin.CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{Url: aws.String("http://127.0.0.1:1"), ClientIDList: []string{"sts.amazonaws.com"}}); err != nil {
		t.Fatal(err)
	}
	token := ask(t, e, "oidc/plain/token", `{"claims":{"iss":"http://127.0.0.1:1"},"audience":"sts.amazonaws.com"}`, "token")
	_, err := withoutCredentials(e).AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: aws.String("arn:aws:iam::000000000000:role/deploy"), RoleSessionName: aws.String("run"), WebIdentityToken: &token})
	wantCode(t, err, "IDPCommunicationError")
}

// TestTestIssuerGuard has who may mint: the same as may use the admin API.
func TestTestIssuerGuard(t *testing.T) {
	for _, test := range []struct {
		name, token, authorization, host string
		status                           int
	}{
		{"GitHub's toolkit sends some token", "", "Bearer any", "", 200},
		{"a name that was made to resolve to us", "", "", "evil.example", 403},
		{"that, with some token", "", "Bearer any", "evil.example", 403},
		{"the admin token", "secret", "bearer secret", "emulator", 200},
		{"a wrong admin token", "secret", "Bearer other", "", 403},
		{"a fetch, which sends nothing", "", "", "", 403},
		{"a fetch, with an admin token", "secret", "", "", 403},
		{"no bearer", "", "Basic any", "", 403},
		{"an empty bearer", "", "Bearer ", "", 403},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := emulatortest.Start(t, server.Config{AdminToken: test.token})
			get := func(path, host, authorization string) int {
				t.Helper()
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, e.URL+"/_emulator/oidc/github/"+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				r.Host = host
				if authorization != "" {
					r.Header.Set("Authorization", authorization)
				}
				resp, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				return resp.StatusCode
			}
			if status := get("token?audience=a", test.host, test.authorization); status != test.status {
				t.Errorf("minting: status %d, want %d", status, test.status)
			}
			if status := get(".well-known/jwks.json", "evil.example", ""); status != 200 {
				t.Errorf("the public keys: status %d", status)
			}
		})
	}
	e := emulatortest.Start(t, server.Config{NoTestIssuers: true})
	if resp, err := http.Get(e.URL + "/_emulator/oidc/github/.well-known/jwks.json"); err != nil || resp.StatusCode != 404 {
		t.Errorf("turned off: %v, %v", resp, err)
	}
}

// TestSAMLIdentityProvider takes a role with a response of the built-in identity provider, before and after
// a restart.
func TestSAMLIdentityProvider(t *testing.T) {
	config := server.Config{DataDir: t.TempDir()}
	const role, provider = "arn:aws:iam::000000000000:role/staff", "arn:aws:iam::000000000000:saml-provider/corporate"
	assume := func(t *testing.T, e *emulatortest.Emulator, body string) (*sts.AssumeRoleWithSAMLOutput, error) {
		t.Helper()
		return withoutCredentials(e).AssumeRoleWithSAML(t.Context(), &sts.AssumeRoleWithSAMLInput{
			RoleArn: aws.String(role), PrincipalArn: aws.String(provider), SAMLAssertion: aws.String(ask(t, e, "saml/response", body, "response")),
		})
	}
	const alice = `"role":"` + role + `","provider":"` + provider + `","subject":"alice"`
	t.Run("first", func(t *testing.T) {
		e := emulatortest.Start(t, config)
		admin := iam.NewFromConfig(e.Config())
		resp, err := http.Get(e.URL + "/_emulator/saml/metadata")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var answer struct{ Metadata string }
		if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
			t.Fatal(err)
		}
		if _, err := admin.CreateSAMLProvider(t.Context(), &iam.CreateSAMLProviderInput{Name: aws.String("corporate"), SAMLMetadataDocument: &answer.Metadata}); err != nil {
			t.Fatal(err)
		}
		trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"` + provider + `"},"Action":["sts:AssumeRoleWithSAML","sts:TagSession"],
			"Condition":{"StringEquals":{"SAML:aud":"https://signin.aws.amazon.com/saml","aws:RequestTag/team":"blue"}}}]}`
		if _, err := admin.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("staff"), AssumeRolePolicyDocument: &trust}); err != nil {
			t.Fatal(err)
		}
		_, err = assume(t, e, `{`+alice+`}`)
		wantCode(t, err, "AccessDenied")
		_, err = assume(t, e, `{`+alice+`,"age":"10m"}`)
		wantCode(t, err, "ExpiredTokenException")
		for _, bad := range []string{`{}`, `{` + alice + `,"age":"long"}`, `{"unknown":1}`} {
			if resp, err := http.Post(e.URL+"/_emulator/saml/response", "application/json", strings.NewReader(bad)); err != nil || resp.StatusCode != 400 {
				t.Errorf("%s: %v, %v", bad, resp, err)
			}
		}
	})
	t.Run("after a restart", func(t *testing.T) {
		e := emulatortest.Start(t, config)
		out, err := assume(t, e, `{`+alice+`,"sessionName":"a.b","attributes":{"https://aws.amazon.com/SAML/Attributes/PrincipalTag:team":["blue"]}}`)
		if err != nil || *out.Subject != "alice" || *out.AssumedRoleUser.Arn != "arn:aws:sts::000000000000:assumed-role/staff/a.b" {
			t.Errorf("got %+v, %v", out, err)
		}
		event, _ := events(t, e, "name=AssumeRoleWithSAML")
		if id := event[0].UserIdentity; id.Type != "SAMLUser" || id.UserName != "alice" || id.IdentityProvider != *out.NameQualifier || id.PrincipalID != *out.NameQualifier+":alice" || event[0].RecipientAccountID != "000000000000" {
			t.Errorf("%+v", event[0])
		}
	})
}

// TestAccessToken takes a role with an access token in place of Login with Amazon's and Facebook's.
func TestAccessToken(t *testing.T) {
	e := emulatortest.Start(t)
	admin := iam.NewFromConfig(e.Config())
	for provider, keys := range map[string][2]string{"www.amazon.com": {"user_id", "app_id"}, "graph.facebook.com": {"id", "app_id"}} {
		t.Run(provider, func(t *testing.T) {
			trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"` + provider + `"},"Action":"sts:AssumeRoleWithWebIdentity",
				"Condition":{"StringEquals":{"` + provider + `:` + keys[1] + `":"app.1","` + provider + `:` + keys[0] + `":"user.1"}}}]}`
			role, err := admin.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String(provider), AssumeRolePolicyDocument: &trust})
			if err != nil {
				t.Fatal(err)
			}
			assume := func(token string) (*sts.AssumeRoleWithWebIdentityOutput, error) {
				return withoutCredentials(e).AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
					RoleArn: role.Role.Arn, RoleSessionName: aws.String("app"), WebIdentityToken: &token, ProviderId: &provider})
			}
			mint := func(provider, user string) string {
				t.Helper()
				return ask(t, e, "access-tokens", `{"provider":"`+provider+`","app":"app.1","user":"`+user+`"}`, "token")
			}
			good := mint(provider, "user.1")
			out, err := assume(good)
			if err != nil || *out.Provider != provider || *out.SubjectFromWebIdentityToken != "user.1" || *out.Audience != "app.1" {
				t.Fatalf("got %+v, %v", out, err)
			}
			_, err = assume(mint(provider, "user.2"))
			wantCode(t, err, "AccessDenied")
			another := map[string]string{"www.amazon.com": "graph.facebook.com", "graph.facebook.com": "www.amazon.com"}[provider]
			_, err = assume(mint(another, "user.1"))
			wantCode(t, err, "IDPRejectedClaim")
			e.Clock.Advance(time.Hour)
			_, err = assume(good)
			wantCode(t, err, "ExpiredTokenException")
		})
	}
	for _, bad := range []string{`{}`, `{"provider":"www.amazon.com"}`, `{"provider":"www.amazon.com","app":"a","user":"b","expiresIn":"soon"}`} {
		if resp, err := http.Post(e.URL+"/_emulator/access-tokens", "application/json", strings.NewReader(bad)); err != nil || resp.StatusCode != 400 {
			t.Errorf("%s: %v, %v", bad, resp, err)
		}
	}
}
