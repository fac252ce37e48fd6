package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"emulator/clock"
	"emulator/identity"
	"emulator/services/sts/issuer"
	"emulator/services/sts/oidc"
	"emulator/store/bolt"
)

// newIssuerServer serves the provider, to those with the admin token.
func newIssuerServer(t *testing.T, adminToken string) string {
	t.Helper()
	db, err := bolt.Open(filepath.Join(t.TempDir(), "db"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	keyring, err := identity.NewKeyring(make([]byte, identity.MasterKeySize))
	if err != nil {
		t.Fatal(err)
	}
	provider, err := issuer.New(issuer.Config{Store: db, Keyring: keyring, Clock: new(clock.Clock)})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(provider.Handler(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if adminToken != "" && r.Header.Get("Authorization") != "Bearer "+adminToken {
				w.WriteHeader(http.StatusForbidden)
				w.Write([]byte(`{"error":"the admin token is wrong"}`))
				return
			}
			next.ServeHTTP(w, r)
		})
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// runToken runs the command, and returns what it printed.
func runToken(t *testing.T, env settings, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errOut bytes.Buffer
	cmd := newTokenCommand(env)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&errOut)
	err = cmd.ExecuteContext(t.Context())
	return out.String(), errOut.String(), err
}

func TestToken(t *testing.T) {
	endpoint := newIssuerServer(t, "secret")
	env := settings{adminTokenVariable: "secret"}
	for _, c := range []struct {
		name, issuer, subject string
		args                  []string
		check                 func(*oidc.Token) bool
	}{
		{"default", githubIssuer, "repo:octo-org/octo-repo:ref:refs/heads/main", nil, nil},
		{"github", githubIssuer, "repo:org/app:environment:prod", []string{"--issuer", "github", "--claim", "repository=org/app", "--claim", "environment=prod"}, nil},
		{"immutable", githubIssuer, "repo:org@1/app@2:ref:refs/heads/main", []string{"--claim", "repository=org/app", "--claim", "repository_owner_id=1", "--claim", "repository_id=2", "--immutable-subject"}, nil},
		{"subject claims", githubIssuer, "repository_owner:octo-org:actor:octocat", []string{"--subject-claims", "repository_owner,actor"}, nil},
		{"eks", "https://oidc.eks.us-east-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE", "system:serviceaccount:shop:cart", []string{"--issuer", "eks", "--claim", "namespace=shop", "--claim", "serviceaccount=cart"}, nil},
		{"audience", "https://gitlab.com", "x", []string{"--issuer", "gitlab", "--audience", "me", "--claim", "sub=x"}, func(t *oidc.Token) bool { return t.Audience[0] == "me" }},
		{"expiry", githubIssuer, "x", []string{"--expires-in", "90s", "--claim", "sub=x"}, func(t *oidc.Token) bool { return t.Expires.Sub(t.IssuedAt) == 90*time.Second }},
		{"expired", githubIssuer, "x", []string{"--expires-in=-1h", "--claim", "sub=x"}, func(t *oidc.Token) bool { return time.Since(t.Expires) >= time.Hour }},
		{"JSON with a comma", "https://issuer.example.com", "x", []string{"--issuer", "plain", "--claim", "sub=x", "--claim", `groups:=["a","b"]`}, func(t *oidc.Token) bool { return len(t.Claims["groups"].([]any)) == 2 }},
		{"algorithm", githubIssuer, "x", []string{"--alg", "ES256", "--claim", "sub=x"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			stdout, stderr, err := runToken(t, env, append(c.args, "--endpoint", endpoint)...)
			if err != nil || stderr != "" {
				t.Fatalf("%v %s", err, stderr)
			}
			token, err := oidc.Parse(stdout) // exactly the token, as files of it need
			if err != nil {
				t.Fatalf("%q: %v", stdout, err)
			}
			if token.Issuer != c.issuer || token.Subject != c.subject || c.check != nil && !c.check(token) {
				t.Errorf("%+v", token)
			}
		})
	}
}

const githubIssuer = "https://token.actions.githubusercontent.com"

func TestTokenShow(t *testing.T) {
	endpoint := newIssuerServer(t, "")
	stdout, stderr, err := runToken(t, nil, "--show", "--claim", "repository=a/b", "--endpoint", endpoint)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := oidc.Parse(stdout); err != nil {
		t.Error(err)
	}
	var claims map[string]any
	if err := json.Unmarshal([]byte(stderr), &claims); err != nil || claims["repository_owner"] != "a" {
		t.Errorf("%v in %s", err, stderr)
	}
}

func TestTokenRefusals(t *testing.T) {
	endpoint := newIssuerServer(t, "secret")
	page := httptest.NewServer(http.NotFoundHandler())
	defer page.Close()
	env := settings{adminTokenVariable: "secret"}
	for _, c := range []struct {
		name, want string
		env        settings
		args       []string
	}{
		{"no value", `claim "repository"`, env, []string{"--claim", "repository", "--endpoint", endpoint}},
		{"bad JSON", "claim n:", env, []string{"--claim", "n:=x", "--endpoint", endpoint}},
		{"twice", "claim a is given twice", env, []string{"--claim", "a=1", "--claim", "a=2", "--endpoint", endpoint}},
		{"unknown issuer", `no such issuer: "okta"`, env, []string{"--issuer", "okta", "--endpoint", endpoint}},
		{"a path for an issuer", "no such issuer", env, []string{"--issuer", "github/../..", "--endpoint", endpoint}},
		{"unknown algorithm", `unknown algorithm "none"`, env, []string{"--alg", "none", "--endpoint", endpoint}},
		{"no lifetime", "expiresIn", env, []string{"--expires-in", "0s", "--endpoint", endpoint}},
		{"admin token", "the admin token is wrong", nil, []string{"--endpoint", endpoint}},
		{"no emulator", "connection refused", env, []string{"--endpoint", "http://127.0.0.1:1"}},
		{"another server", "404 Not Found", env, []string{"--endpoint", page.URL}},
		{"arguments", "unknown command", env, []string{"github"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			stdout, _, err := runToken(t, c.env, c.args...)
			if err == nil || !strings.Contains(err.Error(), c.want) || stdout != "" {
				t.Errorf("%q %v, want %s", stdout, err, c.want)
			}
		})
	}
}
