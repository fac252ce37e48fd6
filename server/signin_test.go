package server_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"emulator/emulatortest"
)

// TestSignInRoutes has the sign-in page, which hands out credentials, behind the guard of the admin API, and what clients call
// with what they got there in front of it.
func TestSignInRoutes(t *testing.T) {
	e := emulatortest.Start(t)
	if _, err := iam.NewFromConfig(e.Config()).CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("alice")}); err != nil {
		t.Fatal(err)
	}
	authorize := "/v1/authorize?" + url.Values{
		"response_type": {"code"}, "client_id": {"arn:aws:signin:::devtools/same-device"}, "state": {"s"}, "code_challenge_method": {"SHA-256"},
		"scope": {"openid"}, "redirect_uri": {"http://127.0.0.1:45678/oauth/callback"}, "code_challenge": {strings.Repeat("a", 43)},
	}.Encode()
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
