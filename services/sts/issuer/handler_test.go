package issuer_test

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"emulator/services/sts/issuer"
	"emulator/services/sts/oidc"
)

// send makes a call, and returns the JSON of its answer.
func send(t testing.TB, method, address, authorization, body string, status int) map[string]any {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != status {
		t.Errorf("%s %s %.100s: %s %s, want %d", method, address, body, resp.Status, text, status)
	}
	var answer map[string]any
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatalf("%s %s: %v in %q", method, address, err, text)
	}
	if status != http.StatusOK && answer["error"] == nil {
		t.Errorf("%s %s: no error in %s", method, address, text)
	}
	return answer
}

func get(t testing.TB, address string, status int) map[string]any {
	t.Helper()
	return send(t, http.MethodGet, address, "", "", status)
}

const secret = "Bearer secret"

func TestPublicDocuments(t *testing.T) {
	f := newFixture(t)
	for _, path := range []string{"", "/"} {
		list := get(t, f.url+path, 200)["issuers"].([]any)
		if first := list[0].(map[string]any); len(list) != 6 || first["name"] != "github" || first["url"] != githubURL || first["discovery"] != f.url+"/github/.well-known/openid-configuration" {
			t.Errorf("%q: %v", path, list)
		}
	}
	discovery := get(t, f.url+"/gitlab/.well-known/openid-configuration", 200)
	if discovery["issuer"] != "https://gitlab.com" || discovery["jwks_uri"] != f.url+"/gitlab/.well-known/jwks.json" || !slices.Contains(discovery["claims_supported"].([]any), any("project_path")) {
		t.Errorf("discovery: %v", discovery)
	}
	if keys := get(t, f.url+"/gitlab/.well-known/jwks.json", 200)["keys"].([]any); len(keys) != 0 {
		t.Errorf("keys before the first token: %v", keys)
	}
	send(t, "POST", f.url+"/gitlab/token", secret, "", 200)
	send(t, "POST", f.url+"/gitlab/token", secret, `{"algorithm":"ES256"}`, 200)
	send(t, "POST", f.url+"/gitlab/token", secret, `{"algorithm":"EdDSA"}`, 200)
	members := map[string][]string{
		"RS256": {"alg", "e", "kid", "kty", "n", "use"}, "ES256": {"alg", "crv", "kid", "kty", "use", "x", "y"}, "EdDSA": {"alg", "crv", "kid", "kty", "use", "x"},
	}
	keys := get(t, f.url+"/gitlab/.well-known/jwks.json", 200)["keys"].([]any)
	for _, k := range keys {
		k := k.(map[string]any)
		if names := slices.Sorted(maps.Keys(k)); !slices.Equal(names, members[k["alg"].(string)]) {
			t.Errorf("members of a published key: %v", names)
		}
	}
	if len(keys) != 3 {
		t.Errorf("keys %v", keys)
	}
}

func TestTokenEndpoint(t *testing.T) {
	f := newFixture(t)
	answer := send(t, "POST", f.url+"/github/token", secret,
		`{"claims":{"repository":"org/app","environment":"prod","n":12345678901234567890},"audience":"me","expiresIn":"10m","algorithm":"ES256","immutableSubject":true}`, 200)
	if err := f.verify(t, answer["token"].(string)); err != nil {
		t.Error(err)
	}
	parsed, err := oidc.Parse(answer["token"].(string))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(parsed.Subject, "repo:org@") || !slices.Equal(parsed.Audience, []string{"me"}) || parsed.Expires.Sub(now).Minutes() != 10 {
		t.Errorf("%+v", parsed)
	}
	if claims := answer["claims"].(map[string]any); claims["sub"] != parsed.Subject {
		t.Errorf("claims %v", claims)
	}
	if answer := send(t, "POST", f.url+"/github/rotate", secret, "", 200); answer["kid"] == "" {
		t.Errorf("rotated: %v", answer)
	}
	huge := `{"audience":"` + strings.Repeat("a", 64<<10) + `"}`
	for _, c := range []struct {
		name, method, path, authorization, body string
		status                                  int
	}{
		{"no guard", "POST", "/github/token", "", "", 403},
		{"no guard to rotate", "POST", "/github/rotate", "", "", 403},
		{"no guard on GET", "GET", "/github/token", "", "", 403},
		{"unknown issuer", "POST", "/okta/token", secret, "", 404},
		{"unknown issuer's keys", "GET", "/okta/.well-known/jwks.json", "", "", 404},
		{"unknown issuer's discovery", "GET", "/okta/.well-known/openid-configuration", "", "", 404},
		{"unknown issuer to rotate", "POST", "/okta/rotate", secret, "", 404},
		{"an issuer by its URL", "POST", "/" + url.PathEscape(githubURL) + "/token", secret, "", 404},
		{"no such path", "GET", "/github/nothing", "", "", 404},
		{"method", "DELETE", "/github/token", secret, "", 405},
		{"no JSON", "POST", "/github/token", secret, "claims", 400},
		{"two bodies", "POST", "/github/token", secret, "{}{}", 400},
		{"a list", "POST", "/github/token", secret, "[]", 400},
		{"unknown member", "POST", "/github/token", secret, `{"claim":{}}`, 400},
		{"claims are a list", "POST", "/github/token", secret, `{"claims":["a=b"]}`, 400},
		{"audience is a list", "POST", "/github/token", secret, `{"audience":["a"]}`, 400},
		{"no duration", "POST", "/github/token", secret, `{"expiresIn":"soon"}`, 400},
		{"no time at all", "POST", "/github/token", secret, `{"expiresIn":"0s"}`, 400},
		{"algorithm", "POST", "/github/token", secret, `{"algorithm":"HS256"}`, 400},
		{"too big", "POST", "/github/token", secret, huge, 413},
	} {
		t.Run(c.name, func(t *testing.T) { send(t, c.method, f.url+c.path, c.authorization, c.body, c.status) })
	}
}

// TestActionsToken calls as GitHub's toolkit does: it appends to the URL it was given, and sends
// the token as "Bearer"; GitHub's example with curl sends it as "bearer".
//
// https://docs.github.com/en/actions/reference/security/oidc#methods-for-requesting-the-oidc-token
// https://github.com/actions/toolkit/blob/main/packages/core/src/oidc-utils.ts
func TestActionsToken(t *testing.T) {
	f := newFixture(t)
	requestURL := f.url + "/github/token?api-version=2.0&claim=repository%3Dorg/app&claim=environment%3Dprod&expiresIn=1m"
	for _, authorization := range []string{"Bearer secret", "bearer secret"} {
		for audience, want := range map[string]string{"&audience=sts.amazonaws.com": "sts.amazonaws.com", "&audience=api%3A%2F%2Fx": "api://x", "": "https://github.com/org"} {
			answer := send(t, "GET", requestURL+audience, authorization, "", 200)
			parsed, err := oidc.Parse(answer["value"].(string))
			if err != nil {
				t.Fatal(err)
			}
			if parsed.Subject != "repo:org/app:environment:prod" || parsed.Audience[0] != want || parsed.Expires.Sub(now).Minutes() != 1 {
				t.Errorf("%+v", parsed)
			}
			if err := f.verify(t, answer["value"].(string)); err != nil {
				t.Error(err)
			}
		}
	}
	answer := send(t, "GET", f.url+"/github/token?immutableSubject=true&subjectClaims=repo,actor&algorithm=EdDSA", secret, "", 200)
	if parsed, err := oidc.Parse(answer["value"].(string)); err != nil || !strings.HasSuffix(parsed.Subject, ":actor:octocat") || !strings.HasPrefix(parsed.Subject, "repo:octo-org@") {
		t.Errorf("%+v %v", parsed, err)
	}
	for _, query := range []string{"claim=a", "claims=a%3Db", "claim=a%3Db&claim=a%3Dc", "immutableSubject=perhaps", "expiresIn=soon", "algorithm=none", "a=%zz", "subjectClaims=nothing"} {
		if answer := send(t, "GET", f.url+"/github/token?"+query, secret, "", 400); answer["message"] == nil { // which the toolkit shows
			t.Errorf("%s: %v", query, answer)
		}
	}
	send(t, "GET", f.url+"/okta/token", secret, "", 404)
}

// TestBrokenStore: what is not the caller's fault is not told to be.
func TestBrokenStore(t *testing.T) {
	f := newFixture(t)
	f.store.Close()
	for _, path := range []string{"/token", "/rotate"} {
		send(t, "POST", f.url+"/github"+path, secret, "", 500)
	}
	get(t, f.url+"/github/.well-known/jwks.json", 500)
	if _, _, err := f.Keys(t.Context(), githubURL); err == nil || errors.Is(err, issuer.ErrRequest) {
		t.Error(err)
	}
}
