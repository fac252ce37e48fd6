package server_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"emulator/emulatortest"
)

var authorize = "/v1/authorize?" + url.Values{
	"response_type": {"code"}, "client_id": {"arn:aws:signin:::devtools/same-device"}, "state": {"s"}, "code_challenge_method": {"SHA-256"},
	"scope": {"openid"}, "redirect_uri": {"http://127.0.0.1:45678/oauth/callback"}, "code_challenge": {strings.Repeat("a", 43)},
}.Encode()

// TestSignInRoutes has the sign-in page, which hands out credentials, behind the guard of the admin API, and what clients call
// with what they got there in front of it.
func TestSignInRoutes(t *testing.T) {
	e := emulatortest.Start(t)
	if _, err := iam.NewFromConfig(e.Config()).CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("alice")}); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, method, path, host string
		status                   int
		text                     string
	}{
		{"the page", "GET", authorize, "", 200, "alice"},
		{"the page, from elsewhere", "GET", authorize, "evil.example", 403, "another origin"},
		{"a token without a proof", "POST", "/v1/token", "signin.example", 400, "INVALID_REQUEST"},
		{"the federation endpoint", "GET", "/federation?Action=getSigninToken&Session=%7B%7D", "signin.example", 400, "Invalid"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), test.method, e.URL+test.path, strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			r.Host = test.host
			r.Header.Set("Content-Type", "application/json")
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != test.status || !strings.Contains(string(body), test.text) {
				t.Errorf("status %d\n%s\nwant %d and %q", resp.StatusCode, body, test.status, test.text)
			}
		})
	}
}

// TestSignInWithPassword: a user that has a password signs in with it, and not while it has to be changed.
func TestSignInWithPassword(t *testing.T) {
	ctx, e := t.Context(), emulatortest.Start(t)
	c := iam.NewFromConfig(e.Config())
	user(t, e, "alice")
	alice, may := aws.String("alice"), aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"signin:*","Resource":"*"}]}`)
	check := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	request := func(method, path string, form url.Values) (status int, body string) {
		t.Helper()
		r, err := http.NewRequestWithContext(ctx, method, e.URL+path, strings.NewReader(form.Encode()))
		check(nil, err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := http.DefaultTransport.RoundTrip(r) // which follows no redirect
		check(nil, err)
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		check(nil, err)
		return resp.StatusCode, string(text)
	}
	signIn := func(password string) (status int, body string) {
		t.Helper()
		_, page := request("GET", authorize, nil)
		_, form, _ := strings.Cut(page, `name="request" value="`)
		form, _, _ = strings.Cut(form, `"`)
		return request("POST", "/v1/authorize", url.Values{"request": {form}, "principal": {"arn:aws:iam::000000000000:user/alice"}, "password": {password}})
	}
	refused := func(password, why string) {
		t.Helper()
		if status, body := signIn(password); status != http.StatusForbidden || !strings.Contains(body, why) {
			t.Errorf("%q: status %d\n%s", password, status, body)
		}
	}
	lastUsed := func() bool {
		t.Helper()
		out, err := c.GetUser(ctx, &iam.GetUserInput{UserName: alice})
		check(out, err)
		return out.User.PasswordLastUsed != nil
	}
	refused("", "not authorized to perform: signin:AuthorizeOAuth2Access")
	check(c.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: alice, PolicyName: aws.String("p"), PolicyDocument: may}))
	if status, _ := signIn(""); status != http.StatusSeeOther || lastUsed() {
		t.Errorf("without a password: status %d, last used %v", status, lastUsed())
	}
	check(c.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: alice, Password: aws.String("Password-1"), PasswordResetRequired: true}))
	refused("", "The password is not the user&#39;s.")
	refused("password-1", "The password is not the user&#39;s.")
	refused("Password-1", "The password has to be changed first")
	check(c.UpdateLoginProfile(ctx, &iam.UpdateLoginProfileInput{UserName: alice, PasswordResetRequired: aws.Bool(false)}))
	if lastUsed() {
		t.Error("a refused password was used")
	}
	if status, body := signIn("Password-1"); status != http.StatusSeeOther || !lastUsed() {
		t.Errorf("status %d, last used %v\n%s", status, lastUsed(), body)
	}
	check(c.UpdateAccountPasswordPolicy(ctx, &iam.UpdateAccountPasswordPolicyInput{MaxPasswordAge: aws.Int32(10)}))
	e.Clock.Advance(10 * 24 * time.Hour)
	refused("Password-1", "The password has expired.")
}
