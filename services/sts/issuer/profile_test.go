package issuer_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"emulator/identity"
	"emulator/services/sts/issuer"
	"emulator/services/sts/oidc"
)

// documented are the examples of tokens in the issuers' own documentation.
var documented = []struct {
	page, issuer, example string
	// from are the claims of the example that the others follow from; chosen are those whose
	// value is anybody's guess.
	from, chosen string
	// further are claims that the page describes, and the example has not.
	further string
}{
	{
		page:   "https://docs.github.com/en/actions/concepts/security/openid-connect#understanding-the-oidc-token",
		issuer: "github",
		example: `{"jti":"example-id","sub":"repo:octo-org/octo-repo:environment:prod","environment":"prod","aud":"https://github.com/octo-org",
			"ref":"refs/heads/main","sha":"example-sha","repository":"octo-org/octo-repo","repository_owner":"octo-org","actor_id":"12",
			"repository_visibility":"private","repository_id":"74","repository_owner_id":"65","run_id":"example-run-id","run_number":"10","run_attempt":"2",
			"runner_environment":"github-hosted","actor":"octocat","workflow":"example-workflow","head_ref":"","base_ref":"","event_name":"workflow_dispatch",
			"enterprise":"avocado-corp","enterprise_id":"2","ref_type":"branch","job_workflow_ref":"octo-org/octo-automation/.github/workflows/oidc.yml@refs/heads/main",
			"iss":"https://token.actions.githubusercontent.com","nbf":1632492967,"exp":1632493867,"iat":1632493567}`,
		from:    "environment repository event_name enterprise enterprise_id job_workflow_ref aud",
		chosen:  "jti sha actor_id repository_id repository_owner_id run_id run_number run_attempt workflow",
		further: "check_run_id job_workflow_sha ref_protected workflow_ref workflow_sha",
	},
	{
		page:   "https://docs.gitlab.com/ci/secrets/id_token_authentication/#token-payload",
		issuer: "gitlab",
		example: `{"namespace_id":"72","namespace_path":"my-group","project_id":"20","project_path":"my-group/my-project","user_id":"1","user_login":"sample-user",
			"user_email":"sample-user@example.com","user_identities":[{"provider":"github","extern_uid":"2435223452345"},{"provider":"bitbucket","extern_uid":"john.smith"}],
			"pipeline_id":"574","pipeline_source":"push","job_id":"302","ref":"feature-branch-1","ref_type":"branch","ref_path":"refs/heads/feature-branch-1",
			"ref_protected":"false","groups_direct":["mygroup/mysubgroup","myothergroup/myothersubgroup"],"environment":"test-environment2",
			"environment_protected":"false","deployment_tier":"testing","environment_action":"start","runner_id":1,"runner_environment":"self-hosted",
			"sha":"714a629c0b401fdce83e847fc9589983fc6f46bc","project_visibility":"public",
			"ci_config_ref_uri":"gitlab.example.com/my-group/my-project//.gitlab-ci.yml@refs/heads/main","ci_config_sha":"714a629c0b401fdce83e847fc9589983fc6f46bc",
			"jti":"235b3a54-b797-45c7-ae9a-f72d7bc6ef5b","iss":"https://gitlab.example.com","iat":1681395193,"nbf":1681395188,"exp":1681398793,
			"sub":"project_path:my-group/my-project:ref_type:branch:ref:feature-branch-1","aud":"https://vault.example.com"}`,
		from:    "ref user_identities groups_direct environment aud sha iss",
		chosen:  "namespace_id project_id user_id pipeline_id job_id deployment_tier runner_environment project_visibility jti ci_config_ref_uri",
		further: "user_access_level job_project_path job_project_id job_namespace_path job_namespace_id",
	},
	{
		page:   "https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/",
		issuer: "eks",
		example: `{"aud":["https://my-audience.example.com"],"exp":1729605240,"iat":1729518840,"iss":"https://oidc.eks.us-east-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE",
			"jti":"aed34954-b33a-4142-b1ec-389d6bbb4936","kubernetes.io":{"namespace":"my-namespace","node":{"name":"my-node","uid":"646e7c5e-32d6-4d42-9dbd-e504e6cbe6b1"},
			"pod":{"name":"my-pod","uid":"5e0bd49b-f040-43b0-99b7-22765a53f7f3"},"serviceaccount":{"name":"my-serviceaccount","uid":"14ee3fa4-a7e2-420f-9f9a-dbc4507c3798"}},
			"nbf":1729518840,"sub":"system:serviceaccount:my-namespace:my-serviceaccount"}`,
		from:   "aud kubernetes.io",
		chosen: "jti",
	},
	{
		page:   "https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-id-token.html",
		issuer: "cognito",
		example: `{"sub":"aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee","cognito:groups":["test-group-a","test-group-b","test-group-c"],"email_verified":true,
			"cognito:preferred_role":"arn:aws:iam::111122223333:role/my-test-role","iss":"https://cognito-idp.us-east-1.amazonaws.com/us-east-1_EXAMPLE",
			"cognito:username":"my-test-user","middle_name":"Jane","nonce":"abcdefg","origin_jti":"aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
			"cognito:roles":["arn:aws:iam::111122223333:role/my-test-role"],"aud":"xxxxxxxxxxxxexample",
			"identities":[{"userId":"amzn1.account.EXAMPLE","providerName":"LoginWithAmazon","providerType":"LoginWithAmazon","issuer":null,"primary":"true","dateCreated":"1642699117273"}],
			"event_id":"64f513be-32db-42b0-b78e-b02127b4f463","token_use":"id","auth_time":1676312777,"exp":1676316377,"iat":1676312777,
			"jti":"aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee","email":"my-test-user@example.com"}`,
		from:   "cognito:groups cognito:preferred_role cognito:roles middle_name nonce identities aud",
		chosen: "sub origin_jti event_id jti",
	},
}

// TestDocumentedClaims: a token has the claims of the documented one, of the same types, the same
// values wherever they follow from something, and no others.
func TestDocumentedClaims(t *testing.T) {
	f := newFixture(t)
	for _, d := range documented {
		t.Run(d.page, func(t *testing.T) {
			var want map[string]any
			if err := json.Unmarshal([]byte(d.example), &want); err != nil {
				t.Fatal(err)
			}
			request := issuer.Request{Issuer: d.issuer, Claims: make(map[string]any)}
			for _, name := range strings.Fields(d.from) {
				request.Claims[name] = want[name]
			}
			made := time.Unix(int64(want["iat"].(float64)), 0)
			token, _, err := f.Mint(t.Context(), made, request)
			if err != nil {
				t.Fatal(err)
			}
			parsed, err := oidc.Parse(token)
			if err != nil {
				t.Fatal(err)
			}
			got := parsed.Claims
			chosen := strings.Fields(d.chosen)
			for name, value := range want {
				switch {
				case reflect.TypeOf(got[name]) != reflect.TypeOf(value):
					t.Errorf("%s is %T %v, documented is %T %v", name, got[name], got[name], value, value)
				case !slices.Contains(chosen, name) && !reflect.DeepEqual(got[name], value):
					t.Errorf("%s is %v, documented is %v", name, got[name], value)
				}
			}
			var more []string
			for name := range got {
				if _, ok := want[name]; !ok {
					more = append(more, name)
				}
			}
			slices.Sort(more)
			further := strings.Fields(d.further)
			slices.Sort(further)
			if !slices.Equal(more, further) {
				t.Errorf("further claims %v, documented are %v", more, further)
			}
		})
	}
}

func TestSubjects(t *testing.T) {
	f := newFixture(t)
	const (
		githubPage = "https://docs.github.com/en/actions/reference/security/oidc"
		gitlabPage = "https://docs.gitlab.com/ci/secrets/id_token_authentication"
		eksPage    = "https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html"
	)
	octo := map[string]any{"repository": "octo-org/octo-repo"}
	with := func(claims map[string]any, pairs ...any) map[string]any {
		all := maps.Clone(claims)
		for at := 0; at < len(pairs); at += 2 {
			all[pairs[at].(string)] = pairs[at+1]
		}
		return all
	}
	ids := with(octo, "repository_owner_id", "123456", "repository_id", "456789")
	project := map[string]any{"project_path": "my-group/sub/my-project"}
	for _, c := range []struct {
		page, issuer string
		claims       map[string]any
		change       func(*issuer.Request)
		want         string
	}{
		{githubPage + "#filtering-for-a-specific-environment", "github", with(octo, "environment", "Production"), nil, "repo:octo-org/octo-repo:environment:Production"},
		{githubPage + "#filtering-for-pull_request-events", "github", with(octo, "event_name", "pull_request"), nil, "repo:octo-org/octo-repo:pull_request"},
		{githubPage + ", environment before event", "github", with(octo, "event_name", "pull_request", "environment", "x"), nil, "repo:octo-org/octo-repo:environment:x"},
		{githubPage + "#filtering-for-a-specific-branch", "github", with(octo, "ref", "refs/heads/demo-branch"), nil, "repo:octo-org/octo-repo:ref:refs/heads/demo-branch"},
		{githubPage + "#filtering-for-a-specific-tag", "github", with(octo, "ref", "refs/tags/demo-tag"), nil, "repo:octo-org/octo-repo:ref:refs/tags/demo-tag"},
		{githubPage + "#filtering-for-metadata-containing-", "github", with(octo, "environment", "Production:V1"), nil, "repo:octo-org/octo-repo:environment:Production%3AV1"},
		{githubPage + "#immutable-subject-claims", "github", ids, immutable, "repo:octo-org@123456/octo-repo@456789:ref:refs/heads/main"},
		{githubPage + "#example-allowing-repository-based-on-visibility-and-owner", "github", map[string]any{"repository": "monalisa/x"}, of("repository_owner", "repository_visibility"), "repository_owner:monalisa:repository_visibility:private"},
		{githubPage + "#example-requiring-a-reusable-workflow-and-other-claims", "github",
			with(octo, "environment", "prod", "job_workflow_ref", "octo-org/octo-automation/.github/workflows/oidc.yml@refs/heads/main"), of("repo", "context", "job_workflow_ref"),
			"repo:octo-org/octo-repo:environment:prod:job_workflow_ref:octo-org/octo-automation/.github/workflows/oidc.yml@refs/heads/main"},
		{githubPage + "#example-context-value-with-", "github", with(octo, "environment", "production:eastus"), of("environment", "repository_owner"), "environment:production%3Aeastus:repository_owner:octo-org"},
		{githubPage + "#example-filtering-on-a-repository-custom-property", "github", with(octo, "repo_property_workspace_id", "ws-abc123"), of("repo_property_workspace_id"), "repo_property_workspace_id:ws-abc123"},
		{githubPage + ", given", "github", with(octo, "sub", "anything"), nil, "anything"},
		{gitlabPage, "gitlab", project, nil, "project_path:my-group/sub/my-project:ref_type:branch:ref:main"},
		{gitlabPage + ", tag", "gitlab", with(project, "ref_type", "tag", "ref", "v4.2.0"), nil, "project_path:my-group/sub/my-project:ref_type:tag:ref:v4.2.0"},
		{gitlabPage + ", configured", "gitlab", project, of("project_path", "ref"), "project_path:my-group/sub/my-project:ref:main"},
		{eksPage, "eks", map[string]any{"namespace": "default", "serviceaccount": "my-service-account"}, nil, "system:serviceaccount:default:my-service-account"},
		{eksPage + ", whole claim", "eks", map[string]any{"kubernetes.io": map[string]any{"namespace": "a", "serviceaccount": map[string]any{"name": "b"}}}, nil, "system:serviceaccount:a:b"},
		{"cognito, the same user", "cognito", map[string]any{"cognito:username": "jane", "sub": "7d8ca528-4931-4254-9273-ea5ee853f271"}, nil, "7d8ca528-4931-4254-9273-ea5ee853f271"},
		{"plain", "plain", map[string]any{"sub": "alice"}, nil, "alice"},
	} {
		t.Run(c.page, func(t *testing.T) {
			request := issuer.Request{Issuer: c.issuer, Claims: c.claims}
			if c.change != nil {
				c.change(&request)
			}
			given := maps.Clone(c.claims)
			if _, claims := f.mint(t, request); claims["sub"] != c.want {
				t.Errorf("sub %v, want %s", claims["sub"], c.want)
			}
			if !reflect.DeepEqual(given, c.claims) {
				t.Error("the caller's claims were changed")
			}
		})
	}
}

func immutable(r *issuer.Request) { r.ImmutableSubject = true }

func of(names ...string) func(*issuer.Request) {
	return func(r *issuer.Request) { r.SubjectClaims = names }
}

// TestFollowing: claims follow from those that were given.
func TestFollowing(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct {
		name, issuer string
		claims, want map[string]any
	}{
		{"github, tag", "github", map[string]any{"repository": "a/b", "ref": "refs/tags/v1"}, map[string]any{"repository_owner": "a", "ref_type": "tag", "job_workflow_ref": "a/b/.github/workflows/deploy.yml@refs/tags/v1"}},
		{"github, pull request", "github", map[string]any{"event_name": "pull_request"}, map[string]any{"ref": "refs/pull/1/merge", "ref_type": "branch", "head_ref": "feature", "base_ref": "main"}},
		{"github, workflow", "github", map[string]any{"workflow_ref": "a/b/.github/workflows/x.yml@refs/heads/y", "sha": "abc"}, map[string]any{"job_workflow_ref": "a/b/.github/workflows/x.yml@refs/heads/y", "job_workflow_sha": "abc"}},
		{"gitlab, group", "gitlab", map[string]any{"project_path": "a/b/c", "ref_type": "tag", "ref": "v1"}, map[string]any{"namespace_path": "a/b", "ref_path": "refs/tags/v1", "job_project_path": "a/b/c", "ci_config_ref_uri": "gitlab.com/a/b/c//.gitlab-ci.yml@refs/tags/v1"}},
		{"gitlab, no environment", "gitlab", nil, map[string]any{"environment": nil, "deployment_tier": nil, "runner_id": 1}},
		{"eks, parts are no claims", "eks", map[string]any{"namespace": "a", "pod": "p", "node": "n", "serviceaccount": "s"}, map[string]any{"namespace": nil, "pod": nil, "node": nil, "serviceaccount": nil}},
		{"left out", "plain", map[string]any{"sub": nil, "jti": nil}, map[string]any{"sub": nil, "jti": nil}},
		{"any type", "plain", map[string]any{"sub": json.Number("12345678901234567890")}, map[string]any{"sub": json.Number("12345678901234567890")}},
		{"AWS's claims", "github", map[string]any{"https://aws.amazon.com/source_identity": "alice"}, map[string]any{"https://aws.amazon.com/source_identity": "alice"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, claims := f.mint(t, issuer.Request{Issuer: c.issuer, Claims: c.claims})
			for name, want := range c.want {
				if !reflect.DeepEqual(claims[name], want) {
					t.Errorf("%s is %v, want %v", name, claims[name], want)
				}
				if _, ok := claims[name]; ok && want == nil {
					t.Errorf("%s is there", name)
				}
			}
		})
	}
	_, one := f.mint(t, issuer.Request{Issuer: "github", Claims: map[string]any{"repository": "a/b"}})
	_, two := f.mint(t, issuer.Request{Issuer: "github", Claims: map[string]any{"repository": "a/c"}})
	if one["repository_id"] == two["repository_id"] || one["repository_owner_id"] != two["repository_owner_id"] || one["jti"] == two["jti"] {
		t.Errorf("IDs of a/b %v and of a/c %v", one, two)
	}
}

func TestTimesAndAudiences(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct {
		issuer                 string
		change                 func(*issuer.Request)
		issued, early, expires time.Duration // against now
		audience               any
	}{
		{"github", nil, 0, 10 * time.Minute, 5 * time.Minute, "sts.amazonaws.com"},
		{"gitlab", nil, 0, 5 * time.Second, time.Hour, "https://gitlab.com"},
		{"eks", nil, 0, 0, 24 * time.Hour, []any{"sts.amazonaws.com"}},
		{"cognito", nil, 0, -1, time.Hour, "1example23456789"},
		{"plain", nil, 0, -1, time.Hour, "sts.amazonaws.com"},
		{"plain", func(r *issuer.Request) { r.ExpiresIn, r.Audience = 90*time.Second, "me" }, 0, -1, 90 * time.Second, "me"},
		{"eks", func(r *issuer.Request) { r.Audience = "me" }, 0, 0, 24 * time.Hour, []any{"me"}},
		{"eks", func(r *issuer.Request) { r.Claims = map[string]any{"aud": []any{"me", "you"}} }, 0, 0, 24 * time.Hour, []any{"me", "you"}},
		{"github", func(r *issuer.Request) { r.ExpiresIn = -time.Minute }, -6 * time.Minute, 10 * time.Minute, -time.Minute, "sts.amazonaws.com"},
	} {
		request := issuer.Request{Issuer: c.issuer}
		if c.change != nil {
			c.change(&request)
		}
		_, claims := f.mint(t, request)
		issued := now.Add(c.issued)
		want := map[string]any{"iat": issued.Unix(), "exp": now.Add(c.expires).Unix(), "aud": c.audience}
		if c.early >= 0 {
			want["nbf"] = issued.Add(-c.early).Unix()
		}
		for _, name := range []string{"iat", "nbf", "exp", "aud"} {
			if !reflect.DeepEqual(claims[name], want[name]) {
				t.Errorf("%s %+v: %s is %v, want %v", c.issuer, request, name, claims[name], want[name])
			}
		}
	}
}

func TestBadRequests(t *testing.T) {
	f := newFixture(t)
	for name, c := range map[string]struct {
		request issuer.Request
		want    error
	}{
		"unknown issuer":          {issuer.Request{Issuer: "okta"}, issuer.ErrUnknownIssuer},
		"no issuer":               {issuer.Request{}, issuer.ErrUnknownIssuer},
		"algorithm":               {issuer.Request{Issuer: "plain", Algorithm: "none"}, issuer.ErrRequest},
		"HMAC":                    {issuer.Request{Issuer: "plain", Algorithm: "HS256"}, issuer.ErrRequest},
		"nameless claim":          {issuer.Request{Issuer: "plain", Claims: map[string]any{"": "x"}}, issuer.ErrRequest},
		"too far":                 {issuer.Request{Issuer: "plain", ExpiresIn: 1 << 62}, issuer.ErrRequest},
		"too long ago":            {issuer.Request{Issuer: "plain", ExpiresIn: -1 << 63}, issuer.ErrRequest},
		"immutable elsewhere":     {issuer.Request{Issuer: "gitlab", ImmutableSubject: true}, issuer.ErrRequest},
		"subject elsewhere":       {issuer.Request{Issuer: "eks", SubjectClaims: []string{"aud"}}, issuer.ErrRequest},
		"subject without a claim": {issuer.Request{Issuer: "github", SubjectClaims: []string{"environment"}}, issuer.ErrRequest},
		"subject of no text":      {issuer.Request{Issuer: "github", Claims: map[string]any{"x": []any{}}, SubjectClaims: []string{"x"}}, issuer.ErrRequest},
	} {
		if token, claims, err := f.Mint(t.Context(), now, c.request); !errors.Is(err, c.want) || token != "" || claims != nil {
			t.Errorf("%s: %q %v %v", name, token, claims, err)
		}
	}
	for _, i := range f.Issuers() {
		if ids := f.keyIDs(t, i.URL); ids != nil {
			t.Errorf("%s got keys for what was refused: %v", i.Name, ids)
		}
	}
}

func TestParseClaim(t *testing.T) {
	for text, want := range map[string]string{
		"a=b": "a string b", "a=": "a string ", "a=b=c": "a string b=c", "a:b=c": "a:b string c", "a=:=1": "a string :=1",
		"a:=1": "a json.Number 1", "a:=true": "a bool true", "a:=null": "a <nil> <nil>", `a:="b"`: "a string b",
		`cognito:groups:=["x","y"]`: "cognito:groups []interface {} [x y]", `a:={"b":[1]} `: "a map[string]interface {} map[b:[1]]",
		"https://aws.amazon.com/source_identity=me": "https://aws.amazon.com/source_identity string me",
	} {
		name, value, err := issuer.ParseClaim(text)
		if got := fmt.Sprintf("%s %T %v", name, value, value); err != nil || got != want {
			t.Errorf("%s: %s %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "a", "=b", ":=1", "a:=", "a:=b", "a:=1 2", "a:=[1", "a\xff=b", "a=\xff", "a:={} {}", "a:=01"} {
		if name, value, err := issuer.ParseClaim(text); !errors.Is(err, issuer.ErrRequest) {
			t.Errorf("%q is %s %v %v", text, name, value, err)
		}
	}
	if _, err := issuer.ParseClaims([]string{"a=b", "a:=1"}); !errors.Is(err, issuer.ErrRequest) {
		t.Errorf("a claim twice: %v", err)
	}
}

// TestIdentityCenter: the context assertions in a token of IAM Identity Center say what its other claims do.
func TestIdentityCenter(t *testing.T) {
	f := newFixture(t)
	keyring, err := identity.NewKeyring(bytes.Repeat([]byte{1}, identity.MasterKeySize)) // the fixture's
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name      string
		request   issuer.Request
		user      string
		provider  string
		expires   time.Time
		assertion bool
	}{
		{"default", issuer.Request{}, "", "arn:aws:iam::aws:contextProvider/IdentityCenter", now.Add(time.Hour), true},
		{"a user", issuer.Request{Claims: map[string]any{"sub": "alice"}, ExpiresIn: time.Minute}, "alice", "arn:aws:iam::aws:contextProvider/IdentityCenter", now.Add(time.Minute), true},
		{"expired", issuer.Request{ExpiresIn: -time.Minute}, "", "arn:aws:iam::aws:contextProvider/IdentityCenter", now.Add(-time.Minute), true},
		{"China", issuer.Request{Claims: map[string]any{"aws:instance_arn": "arn:aws-cn:sso:::instance/ssoins-1234567890abcdef"}}, "", "arn:aws-cn:iam::aws:contextProvider/IdentityCenter", now.Add(time.Hour), true},
		{"another assertion", issuer.Request{Claims: map[string]any{"sts:identity_context": "x"}}, "", "", time.Time{}, false},
		{"no assertion", issuer.Request{Claims: map[string]any{"sts:identity_context": nil}}, "", "", time.Time{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.request.Issuer = "identitycenter"
			_, claims := f.mint(t, c.request)
			if audit, err := keyring.OpenContextAssertion(fmt.Sprint(claims["sts:audit_context"])); err != nil || !audit.AuditOnly {
				t.Errorf("for events: %+v, %v", audit, err)
			}
			assertion, err := keyring.OpenContextAssertion(fmt.Sprint(claims["sts:identity_context"]))
			if !c.assertion {
				if err == nil {
					t.Errorf("an assertion: %+v", assertion)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			user := c.user
			if user == "" {
				user = claims["sub"].(string)
			}
			want := map[string][]string{
				"identitystore:UserId": {user}, "identitystore:IdentityStoreArn": {claims["aws:identity_store_arn"].(string)},
				"identitycenter:InstanceArn": {claims["aws:instance_arn"].(string)}, "identitycenter:ApplicationArn": {claims["aud"].(string)},
				"identitycenter:CredentialId": {claims["aws:credential_id"].(string)},
			}
			if !reflect.DeepEqual(assertion.Context, want) || assertion.AuditOnly || assertion.Provider != c.provider || !assertion.Expires.Equal(c.expires) {
				t.Errorf("%+v", assertion)
			}
		})
	}
}
