package containercreds_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"

	"emulator/clock"
	"emulator/containercreds"
)

const roleARN = "arn:aws:iam::111111111111:role/app"

// source makes numbered credentials of an hour, or fails.
type source struct {
	clock clock.Clock
	made  atomic.Int64
	err   error
}

func (s *source) credentials(context.Context) (aws.Credentials, error) {
	if s.err != nil {
		return aws.Credentials{}, s.err
	}
	return aws.Credentials{
		AccessKeyID: fmt.Sprintf("ASIA%d", s.made.Add(1)), SecretAccessKey: "secret/+<", SessionToken: "token==",
		CanExpire: true, Expires: s.clock.Now().Add(time.Hour), AccountID: "111111111111",
	}, nil
}

func start(t *testing.T, s *source) *containercreds.Server {
	t.Helper()
	server, err := containercreds.Start(containercreds.Config{Credentials: s.credentials, RoleARN: roleARN, Now: s.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return server
}

// request sends a request with these Authorization headers.
func request(t *testing.T, method, url string, authorization ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range authorization {
		r.Header.Add("Authorization", value)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestAnswer(t *testing.T) {
	s := new(source)
	s.clock.Freeze(time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC))
	server := start(t, s)
	if !strings.HasPrefix(server.URL, "http://127.0.0.1:") || len(server.Token) < 26 {
		t.Errorf("URL %s, token %s", server.URL, server.Token)
	}
	resp, body := request(t, "GET", server.URL, server.Token)
	const want = `{"RoleArn":"arn:aws:iam::111111111111:role/app","AccessKeyId":"ASIA1","SecretAccessKey":"secret/+<","Token":"token==","Expiration":"2026-01-02T04:04:05Z","AccountId":"111111111111"}` + "\n"
	if resp.StatusCode != 200 || body != want || resp.Header.Get("Content-Type") != "application/json" || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s %v\n%s", resp.Status, resp.Header, body)
	}
}

func TestRefusals(t *testing.T) {
	s := new(source)
	server := start(t, s)
	root := strings.TrimSuffix(server.URL, containercreds.Path)
	for _, c := range []struct {
		name, method, url string
		authorization     []string
		status            int
		code              string
	}{
		{"no token", "GET", server.URL, nil, 401, "Unauthorized"},
		{"empty token", "GET", server.URL, []string{""}, 401, "Unauthorized"},
		{"wrong token", "GET", server.URL, []string{"wrong"}, 403, "AccessDenied"},
		{"beginning of the token", "GET", server.URL, []string{server.Token[:len(server.Token)-1]}, 403, "AccessDenied"},
		{"token and more", "GET", server.URL, []string{server.Token + "x"}, 403, "AccessDenied"},
		{"a scheme", "GET", server.URL, []string{"Bearer " + server.Token}, 403, "AccessDenied"},
		{"two tokens", "GET", server.URL, []string{server.Token, server.Token}, 403, "AccessDenied"},
		{"elsewhere", "GET", root + "/", []string{server.Token}, 404, "NotFound"},
		{"elsewhere without a token", "GET", root + "/", nil, 401, "Unauthorized"},
		{"POST", "POST", server.URL, []string{server.Token}, 405, "MethodNotAllowed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, body := request(t, c.method, c.url, c.authorization...)
			var refused struct{ Code, Message string }
			if err := json.Unmarshal([]byte(body), &refused); err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != c.status || refused.Code != c.code || refused.Message == "" {
				t.Errorf("%s %s", resp.Status, body)
			}
		})
	}
	if n := s.made.Load(); n != 0 {
		t.Errorf("%d credentials were made for nobody", n)
	}
}

func TestConfig(t *testing.T) {
	s := new(source)
	for _, c := range []containercreds.Config{
		{Credentials: s.credentials},
		{Token: "two words", Credentials: s.credentials},
		{Token: "line\n", Credentials: s.credentials},
		{Token: "ключ", Credentials: s.credentials},
		{Token: "token"},
	} {
		if _, err := containercreds.New(c); err == nil {
			t.Errorf("no error for token %q", c.Token)
		}
	}
}

func TestRenewal(t *testing.T) {
	s := new(source)
	s.clock.Freeze(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	server := start(t, s)
	key := func() (int, string) {
		t.Helper()
		resp, body := request(t, "GET", server.URL, server.Token)
		var a struct{ AccessKeyId, Message string }
		if err := json.Unmarshal([]byte(body), &a); err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, a.AccessKeyId + a.Message
	}
	for _, step := range []struct {
		advance time.Duration
		err     error
		status  int
		want    string
	}{
		{0, nil, 200, "ASIA1"},
		{0, nil, 200, "ASIA1"},
		{55*time.Minute - time.Second, nil, 200, "ASIA1"},
		{time.Second, errors.New("down"), 200, "ASIA1"},
		{0, nil, 200, "ASIA2"},
		{time.Hour - time.Second, errors.New("down"), 200, "ASIA2"},
		{time.Second, errors.New("AccessDenied: not any more"), 500, "AccessDenied: not any more"},
		{0, nil, 200, "ASIA3"},
	} {
		s.clock.Advance(step.advance)
		s.err = step.err
		if status, got := key(); status != step.status || got != step.want {
			t.Errorf("%d %q, want %d %q", status, got, step.status, step.want)
		}
	}
}

// Many at once cause one call of the source.
func TestOneCall(t *testing.T) {
	s := new(source)
	server := start(t, s)
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if resp, body := request(t, "GET", server.URL, server.Token); resp.StatusCode != 200 {
				t.Errorf("%s %s", resp.Status, body)
			}
		})
	}
	group.Wait()
	if n := s.made.Load(); n != 1 {
		t.Errorf("%d calls", n)
	}
}

// Credentials that do not expire have no Expiration, and are kept.
func TestForEver(t *testing.T) {
	cache := containercreds.NewCache(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
	}, func() time.Time { return time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC) })
	if creds, _, err := cache.Credentials(t.Context()); err != nil || creds.AccessKeyID != "test" {
		t.Errorf("%+v %v", creds, err)
	}
	server, err := containercreds.Start(containercreds.Config{Credentials: func(ctx context.Context) (aws.Credentials, error) {
		creds, _, err := cache.Credentials(ctx)
		return creds, err
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if _, body := request(t, "GET", server.URL, server.Token); body != `{"AccessKeyId":"test","SecretAccessKey":"test"}`+"\n" {
		t.Errorf("%s", body)
	}
}

// AWS's own client reads the answer and the errors, and a token file anew for each request.
func TestGoSDK(t *testing.T) {
	s := new(source)
	server := start(t, s)
	file := filepath.Join(t.TempDir(), "token")
	provider := endpointcreds.New(server.URL, func(o *endpointcreds.Options) {
		o.AuthorizationTokenProvider = endpointcreds.TokenProviderFunc(func() (string, error) {
			text, err := os.ReadFile(file)
			return string(text), err
		})
	})
	if err := os.WriteFile(file, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := provider.Retrieve(t.Context()); err == nil || !strings.Contains(err.Error(), "AccessDenied: The authorization token is not") {
		t.Errorf("error %v", err)
	}
	if err := os.WriteFile(file, []byte(server.Token), 0o600); err != nil {
		t.Fatal(err)
	}
	creds, err := provider.Retrieve(t.Context())
	if err != nil || creds.AccessKeyID != "ASIA1" || creds.SecretAccessKey != "secret/+<" || creds.SessionToken != "token==" || !creds.CanExpire || creds.AccountID != "111111111111" {
		t.Errorf("%+v %v", creds, err)
	}
}

func TestPrimeAndClose(t *testing.T) {
	s := &source{err: errors.New("no")}
	server := start(t, s)
	if err := server.Prime(t.Context()); err == nil || err.Error() != "no" {
		t.Errorf("error %v", err)
	}
	s.err = nil
	if err := server.Prime(t.Context()); err != nil {
		t.Error(err)
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if _, err := http.Get(server.URL); err == nil {
		t.Error("it still answers")
	}
}
