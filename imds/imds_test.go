package imds_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	sdk "github.com/aws/aws-sdk-go-v2/feature/ec2/imds"

	"emulator/clock"
	"emulator/imds"
)

const (
	tokenPath   = "/latest/api/token"
	tokenHeader = "X-aws-ec2-metadata-token"
	ttlHeader   = "X-aws-ec2-metadata-token-ttl-seconds"
)

// source makes numbered credentials of an hour, or fails.
type source struct {
	clock *clock.Clock
	made  int
	err   error
}

func (s *source) credentials(context.Context) (aws.Credentials, error) {
	if s.err != nil {
		return aws.Credentials{}, s.err
	}
	s.made++
	return aws.Credentials{
		AccessKeyID: fmt.Sprintf("ASIA%d", s.made), SecretAccessKey: "secret/+", SessionToken: "token==",
		CanExpire: true, Expires: s.clock.Now().Add(time.Hour), AccountID: "111111111111",
	}, nil
}

// instance is a service on a port.
type instance struct {
	t      *testing.T
	url    string
	clock  *clock.Clock
	source *source
	token  string
}

// start starts the service of an instance with a role, changed by the given function.
func start(t *testing.T, change func(*imds.Config)) *instance {
	t.Helper()
	i := &instance{t: t, clock: new(clock.Clock)}
	i.source = &source{clock: i.clock}
	c := imds.Config{
		Region: "eu-west-1", AccountID: "111111111111", InstanceID: "i-0123456789abcdef0",
		RoleARN: "arn:aws:iam::111111111111:role/team/app", Credentials: i.source.credentials, Now: i.clock.Now,
	}
	if change != nil {
		change(&c)
	}
	handler, err := imds.New(c)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	i.url = server.URL
	return i
}

// do sends a request and returns its answer; headers are name, value, name, value.
func (i *instance) do(method, path string, headers ...string) (*http.Response, string) {
	i.t.Helper()
	r, err := http.NewRequest(method, i.url+path, nil)
	if err != nil {
		i.t.Fatal(err)
	}
	for n := 0; n < len(headers); n += 2 {
		r.Header.Set(headers[n], headers[n+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		i.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		i.t.Fatal(err)
	}
	return resp, string(body)
}

// get reads a path with a token.
func (i *instance) get(path string) (int, string) {
	i.t.Helper()
	if i.token == "" {
		_, i.token = i.do("PUT", tokenPath, ttlHeader, "21600")
	}
	resp, body := i.do("GET", path, tokenHeader, i.token)
	return resp.StatusCode, body
}

func TestTokens(t *testing.T) {
	i := start(t, nil)
	for _, c := range []struct {
		name, method, path string
		headers            []string
		want               int
	}{
		{"one second", "PUT", tokenPath, []string{ttlHeader, "1"}, 200},
		{"six hours", "PUT", tokenPath, []string{ttlHeader, "21600"}, 200},
		{"a dated version", "PUT", "/2021-03-23/api/token", []string{ttlHeader, "60"}, 200},
		{"no lifetime", "PUT", tokenPath, nil, 400},
		{"zero", "PUT", tokenPath, []string{ttlHeader, "0"}, 400},
		{"negative", "PUT", tokenPath, []string{ttlHeader, "-1"}, 400},
		{"signed", "PUT", tokenPath, []string{ttlHeader, "+60"}, 400},
		{"over six hours", "PUT", tokenPath, []string{ttlHeader, "21601"}, 400},
		{"huge", "PUT", tokenPath, []string{ttlHeader, "99999999999999999999"}, 400},
		{"a word", "PUT", tokenPath, []string{ttlHeader, "long"}, 400},
		{"through a proxy", "PUT", tokenPath, []string{ttlHeader, "60", "X-Forwarded-For", "10.0.0.1"}, 403},
		{"GET", "GET", tokenPath, []string{ttlHeader, "60"}, 405},
		{"POST", "POST", tokenPath, []string{ttlHeader, "60"}, 405},
		{"PUT elsewhere", "PUT", "/latest/meta-data/", []string{ttlHeader, "60"}, 405},
		{"DELETE", "DELETE", "/latest/meta-data/", nil, 405},
		{"no token", "GET", "/latest/meta-data/", nil, 401},
		{"no token for nothing", "GET", "/nonsense", nil, 401},
		{"no token for the versions", "GET", "/", nil, 401},
		{"empty token", "GET", "/latest/meta-data/", []string{tokenHeader, ""}, 401},
		{"invalid token", "GET", "/latest/meta-data/", []string{tokenHeader, "AQAAANjUxiwegZFRzs_HKr6XAXUpYn2LkYV2CRXM0RRhZShCnkx3oA=="}, 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, body := i.do(c.method, c.path, c.headers...)
			if resp.StatusCode != c.want {
				t.Fatalf("status %s, want %d", resp.Status, c.want)
			}
			if c.want == 200 {
				if len(body) != 56 || resp.Header.Get(ttlHeader) != c.headers[1] {
					t.Errorf("token %q, lifetime %q", body, resp.Header.Get(ttlHeader))
				}
				return
			}
			if title := fmt.Sprintf("<title>%d - %s</title>", c.want, http.StatusText(c.want)); !strings.Contains(body, title) || resp.Header.Get("Content-Type") != "text/html" {
				t.Errorf("no %s in %s:\n%s", title, resp.Header.Get("Content-Type"), body)
			}
		})
	}
}

func TestTokenLife(t *testing.T) {
	i, other := start(t, nil), start(t, nil)
	i.clock.Freeze(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	_, token := i.do("PUT", tokenPath, ttlHeader, "60")
	if _, again := i.do("PUT", tokenPath, ttlHeader, "60"); again == token {
		t.Error("two tokens are the same")
	}
	check := func(want int, left string) {
		t.Helper()
		resp, _ := i.do("GET", "/latest/meta-data/instance-id", tokenHeader, token)
		if resp.StatusCode != want || resp.Header.Get(ttlHeader) != left {
			t.Errorf("status %s with %q left, want %d with %q", resp.Status, resp.Header.Get(ttlHeader), want, left)
		}
	}
	check(200, "60")
	i.clock.Advance(59 * time.Second)
	check(200, "1")
	i.clock.Advance(time.Second)
	check(401, "")
	i.clock.Advance(-time.Second)
	check(200, "1")
	for n := range token {
		changed := []byte(token)
		changed[n] ^= 1
		if resp, _ := i.do("GET", "/latest/meta-data/", tokenHeader, string(changed)); resp.StatusCode != 401 {
			t.Errorf("character %d changed: %s", n, resp.Status)
		}
	}
	if resp, _ := other.do("GET", "/latest/meta-data/", tokenHeader, token); resp.StatusCode != 401 {
		t.Errorf("with another instance: %s", resp.Status)
	}
}

func TestWithoutToken(t *testing.T) {
	i := start(t, func(c *imds.Config) { c.AllowV1 = true })
	if resp, body := i.do("GET", "/latest/meta-data/instance-id"); resp.StatusCode != 200 || body != "i-0123456789abcdef0" {
		t.Errorf("%s %q", resp.Status, body)
	}
	if resp, _ := i.do("GET", "/latest/meta-data/instance-id", tokenHeader, "wrong"); resp.StatusCode != 401 {
		t.Errorf("a wrong token: %s", resp.Status)
	}
}

func TestMetadata(t *testing.T) {
	i := start(t, nil)
	for path, want := range map[string]string{
		"/latest":                    "dynamic\nmeta-data",
		"/latest/":                   "dynamic\nmeta-data",
		"/2021-03-23/":               "dynamic\nmeta-data",
		"/latest/meta-data":          metaData,
		"/latest/meta-data/":         metaData,
		"/latest/meta-data/ami-id":   "ami-0abcdef1234567890",
		"/latest/meta-data/hostname": "ip-10-0-0-10.eu-west-1.compute.internal",
		"/latest/meta-data/iam/":     "info\nsecurity-credentials-extended/\nsecurity-credentials/",
		"/latest/meta-data/iam/security-credentials/":                          "app",
		"/latest/meta-data/iam/security-credentials":                           "app",
		"/latest/meta-data/instance-id":                                        "i-0123456789abcdef0",
		"/2009-04-04/meta-data/instance-id":                                    "i-0123456789abcdef0",
		"/latest/meta-data/instance-type":                                      "t3.micro",
		"/latest/meta-data/local-ipv4":                                         "10.0.0.10",
		"/latest/meta-data/mac":                                                "02:00:0a:00:00:0a",
		"/latest/meta-data/network/interfaces/macs/":                           "02:00:0a:00:00:0a/",
		"/latest/meta-data/placement/":                                         "availability-zone\nregion",
		"/latest/meta-data/placement/region":                                   "eu-west-1",
		"/latest/meta-data/placement/availability-zone":                        "eu-west-1a",
		"/latest/meta-data/security-groups":                                    "default",
		"/latest/meta-data/services/":                                          "domain\npartition",
		"/latest/meta-data/services/domain":                                    "amazonaws.com",
		"/latest/meta-data/services/partition":                                 "aws",
		"/latest/dynamic/":                                                     "instance-identity/",
		"/latest/dynamic/instance-identity/":                                   "document",
		"/latest/meta-data/network/interfaces/macs/02:00:0a:00:00:0a/owner-id": "111111111111",
	} {
		if status, body := i.get(path); status != 200 || body != want {
			t.Errorf("%s: %d %q, want %q", path, status, body, want)
		}
	}
	if status, body := i.get("/"); status != 200 || !strings.HasPrefix(body, "1.0\n2007-01-19\n") || !strings.HasSuffix(body, "\n2024-04-11\nlatest") {
		t.Errorf("versions: %d %q", status, body)
	}
	for _, path := range []string{
		"/latest/user-data", "/latest/meta-data/nonsense", "/nonsense/meta-data/", "/2000-01-01/", "//latest/meta-data/",
		"/latest/meta-data/iam/security-credentials/other", "/latest/meta-data/ia", "/latest/meta-data/instance-id/x",
		"/latest/dynamic/instance-identity/signature", "/latest/dynamic/instance-identity/rsa2048", "/latest/dynamic/instance-identity/pkcs7",
	} {
		if status, body := i.get(path); status != 404 || !strings.Contains(body, "<h1>404 - Not Found</h1>") {
			t.Errorf("%s: %d %q", path, status, body)
		}
	}
	if resp, body := i.do("HEAD", "/latest/meta-data/instance-id", tokenHeader, i.token); resp.StatusCode != 200 || body != "" || resp.ContentLength != 19 || resp.Header.Get("Server") != "EC2ws" {
		t.Errorf("HEAD: %s %q %v", resp.Status, body, resp.Header)
	}
}

const metaData = `ami-id
ami-launch-index
ami-manifest-path
hostname
iam/
instance-action
instance-id
instance-life-cycle
instance-type
local-hostname
local-ipv4
mac
network/
placement/
security-groups
services/`

func TestRegions(t *testing.T) {
	for region, want := range map[string][3]string{
		"us-east-1":     {"aws", "amazonaws.com", "ip-10-0-0-10.ec2.internal"},
		"cn-north-1":    {"aws-cn", "amazonaws.com.cn", "ip-10-0-0-10.cn-north-1.compute.internal"},
		"us-gov-west-1": {"aws-us-gov", "amazonaws.com", "ip-10-0-0-10.us-gov-west-1.compute.internal"},
		"us-iso-east-1": {"aws-iso", "c2s.ic.gov", "ip-10-0-0-10.us-iso-east-1.compute.internal"},
	} {
		i := start(t, func(c *imds.Config) { c.Region = region })
		for n, path := range []string{"services/partition", "services/domain", "hostname"} {
			if _, body := i.get("/latest/meta-data/" + path); body != want[n] {
				t.Errorf("%s: %s is %q, want %q", region, path, body, want[n])
			}
		}
	}
}

func TestNoRole(t *testing.T) {
	i := start(t, func(c *imds.Config) { c.RoleARN, c.Credentials = "", nil })
	for _, path := range []string{"", "info", "security-credentials", "security-credentials/", "security-credentials/app", "security-credentials-extended/"} {
		if status, _ := i.get("/latest/meta-data/iam/" + path); status != 404 {
			t.Errorf("iam/%s: %d", path, status)
		}
	}
	if _, body := i.get("/latest/meta-data/"); strings.Contains(body, "iam") {
		t.Errorf("listed: %q", body)
	}
}

func TestCredentials(t *testing.T) {
	i := start(t, nil)
	i.clock.Freeze(time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC))
	const path = "/latest/meta-data/iam/security-credentials/app"
	if _, body := i.get(path); body != `{
  "Code" : "Success",
  "LastUpdated" : "2026-01-02T03:04:05Z",
  "Type" : "AWS-HMAC",
  "AccessKeyId" : "ASIA1",
  "SecretAccessKey" : "secret/+",
  "Token" : "token==",
  "Expiration" : "2026-01-02T04:04:05Z"
}` {
		t.Errorf("credentials:\n%s", body)
	}
	if _, body := i.get("/latest/meta-data/iam/security-credentials-extended/app"); !strings.Contains(body, `"AccountId" : "111111111111"`) || !strings.Contains(body, "ASIA1") {
		t.Errorf("extended:\n%s", body)
	}
	key := func() string {
		t.Helper()
		_, body := i.get(path)
		var c struct{ AccessKeyId string }
		if err := json.Unmarshal([]byte(body), &c); err != nil {
			t.Fatal(err)
		}
		return c.AccessKeyId
	}
	// New ones five minutes before the end; the last ones if there are no new ones.
	i.clock.Advance(54 * time.Minute)
	if k := key(); k != "ASIA1" {
		t.Errorf("%s after 54 minutes", k)
	}
	i.clock.Advance(time.Minute)
	i.source.err = errors.New("down")
	if k := key(); k != "ASIA1" {
		t.Errorf("%s with the source down", k)
	}
	i.source.err = nil
	if k := key(); k != "ASIA2" {
		t.Errorf("%s after 55 minutes", k)
	}
	i.clock.Advance(time.Hour)
	i.source.err = errors.New("down")
	if status, body := i.get(path); status != 503 || strings.Contains(body, "down") {
		t.Errorf("source down and the last ones over: %d %s", status, body)
	}
	i.source.err = fmt.Errorf("assume role: %w", imds.ErrTrust)
	if status, body := i.get(path); status != 200 || !strings.Contains(body, `"Code" : "AssumeRoleUnauthorizedAccess"`) || !strings.Contains(body, "EC2 cannot assume the role app.") {
		t.Errorf("no trust: %d %s", status, body)
	}
}

func TestConfig(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*imds.Config){
		"a Region and an account": func(c *imds.Config) { c.AccountID = "" },
		"not the ARN of a role":   func(c *imds.Config) { c.RoleARN = "arn:aws:iam::111111111111:user/app" },
		"\"x:role/\" is not":      func(c *imds.Config) { c.RoleARN = "x:role/" },
		"no source":               func(c *imds.Config) { c.Credentials = nil },
		"no certificate":          func(c *imds.Config) { c.IdentityKey = key },
	} {
		c := imds.Config{
			Region: "us-east-1", AccountID: "111111111111", RoleARN: "arn:aws:iam::111111111111:role/app",
			Credentials: (&source{clock: new(clock.Clock)}).credentials,
		}
		change(&c)
		if _, err := imds.New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// AWS's own client reads it.
func TestGoSDK(t *testing.T) {
	i := start(t, func(c *imds.Config) {
		c.InstanceProfileARN, c.InstanceProfileID = "arn:aws:iam::111111111111:instance-profile/p", "AIPA23456789012345678"
	})
	client := sdk.New(sdk.Options{Endpoint: i.url, EnableFallback: aws.FalseTernary})
	ctx := t.Context()
	region, err := client.GetRegion(ctx, nil)
	if err != nil || region.Region != "eu-west-1" {
		t.Errorf("region: %+v %v", region, err)
	}
	info, err := client.GetIAMInfo(ctx, nil)
	if err != nil || info.InstanceProfileArn != "arn:aws:iam::111111111111:instance-profile/p" || info.InstanceProfileID != "AIPA23456789012345678" || info.LastUpdated.IsZero() {
		t.Errorf("info: %+v %v", info, err)
	}
	document, err := client.GetInstanceIdentityDocument(ctx, nil)
	if err != nil || document.AccountID != "111111111111" || document.Region != "eu-west-1" || document.InstanceID != "i-0123456789abcdef0" || document.PendingTime.IsZero() {
		t.Errorf("document: %+v %v", document, err)
	}
	provider := ec2rolecreds.New(func(o *ec2rolecreds.Options) { o.Client = client })
	creds, err := provider.Retrieve(ctx)
	if err != nil || creds.AccessKeyID != "ASIA1" || creds.SecretAccessKey != "secret/+" || creds.SessionToken != "token==" || !creds.CanExpire {
		t.Errorf("credentials: %+v %v", creds, err)
	}
	i.source.err = imds.ErrTrust
	i.clock.Advance(2 * time.Hour)
	if _, err := provider.Retrieve(ctx); err == nil || !strings.Contains(err.Error(), "AssumeRoleUnauthorizedAccess") {
		t.Errorf("no trust: %v", err)
	}
}
