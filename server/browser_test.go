package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"emulator/emulatortest"
	"emulator/server"
)

const emptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// fetch sends a request with exactly these headers, Host among them. If it is for an operation it is
// presigned by the root user.
func fetch(t *testing.T, endpoint, method, path string, headers map[string]string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, endpoint+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = headers["Host"]
	if strings.Contains(path, "Action=") && !strings.HasPrefix(path, "/federation") {
		service := "sts"
		if strings.Contains(path, "Version=2010-05-08") {
			service = "iam"
		}
		signed, _, err := v4.NewSigner().PresignHTTP(t.Context(), root, r, emptySHA256, service, emulatortest.Region, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if r.URL, err = url.Parse(signed); err != nil {
			t.Fatal(err)
		}
		r.URL.Host = strings.TrimPrefix(endpoint, "http://")
	}
	r.Header.Set("User-Agent", "") // or net/http has one
	for name, value := range headers {
		r.Header[name] = []string{value}
	}
	resp, err := (&http.Transport{DisableCompression: true, DisableKeepAlives: true}).RoundTrip(r)
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

const identityCall = "/?Action=GetCallerIdentity&Version=2011-06-15"

// recording is what a client really sent, to 127.0.0.1:7701 (evil.test and emulator.test led there, too) and without a
// proxy between. LetIn tells whether it may call an emulator that was told nothing of names and origins.
type recording struct {
	Client, Version, Request, Method string
	Browser, LetIn                   bool
	Headers                          map[string]string
}

func recordings(t *testing.T) []recording {
	t.Helper()
	text, err := os.ReadFile("testdata/clients.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []recording
	if err := json.Unmarshal(text, &all); err != nil || len(all) == 0 {
		t.Fatalf("%d recordings: %v", len(all), err)
	}
	for i := range all {
		// The test signs in the URL, and has no body.
		maps.DeleteFunc(all[i].Headers, func(name, _ string) bool {
			return name == "Authorization" || name == "Content-Length" || strings.HasPrefix(name, "X-Amz-")
		})
	}
	return all
}

// TestClients has every client say who it is in the headers that it really sends.
func TestClients(t *testing.T) {
	e := emulatortest.Start(t)
	const allowed = "http://evil.test:7702"
	permissive := emulatortest.Start(t, server.Config{HostNames: []string{"emulator.test"}, AllowOrigins: []string{allowed}})
	for _, c := range recordings(t) {
		t.Run(c.Client+": "+c.Request, func(t *testing.T) {
			expect := func(e *emulatortest.Emulator, letIn bool) {
				t.Helper()
				resp, body := fetch(t, e.URL, c.Method, identityCall, c.Headers)
				switch {
				case letIn && c.Method == http.MethodOptions && resp.StatusCode == http.StatusNoContent && resp.Header.Get("Access-Control-Allow-Headers") == c.Headers["Access-Control-Request-Headers"]:
				case letIn && resp.StatusCode == 200 && strings.Contains(body, "arn:aws:iam::000000000000:root"):
				case !letIn && resp.StatusCode == 403 && strings.Contains(body, "<Code>AccessDenied</Code>"):
				default:
					t.Errorf("to %s: %s %s\nwant it let in: %t", c.Headers["Host"], resp.Status, body, letIn)
				}
			}
			expect(e, c.LetIn)
			rebound := strings.HasPrefix(c.Headers["Host"], "evil.test")
			named := strings.HasPrefix(c.Headers["Host"], "emulator.test")
			silent := c.Headers["Origin"] == "" && c.Headers["Sec-Fetch-Site"] == ""
			expect(permissive, c.LetIn || !rebound && c.Headers["Origin"] == allowed || named && silent)
			// By the name of a container.
			c.Headers["Host"] = "emulator:4566"
			expect(e, !c.Browser)
		})
	}
}

// TestBrowserMarks has each of the signs by which a browser is known, alone.
func TestBrowserMarks(t *testing.T) {
	e := emulatortest.Start(t)
	node := map[string]string{"Host": "emulator", "Sec-Fetch-Mode": "cors", "Accept-Language": "*", "User-Agent": "node", "Accept-Encoding": "gzip, deflate"}
	for _, c := range []struct {
		name, host string
		headers    map[string]string
		status     int
	}{
		{"nothing", "evil.test", nil, 200},
		{"Node.js by a container's name", "emulator", node, 200},
		{"Mozilla", "evil.test", map[string]string{"User-Agent": "Mozilla/5.0"}, 403},
		{"a language", "evil.test", map[string]string{"Accept-Language": "de"}, 403},
		{"a language behind any", "evil.test", map[string]string{"Accept-Language": "*, en;q=0.5"}, 403},
		{"any language", "evil.test", map[string]string{"Accept-Language": "*"}, 200},
		{"Origin", "evil.test", map[string]string{"Origin": "http://evil.test"}, 403},
		{"empty Origin", "127.0.0.1", map[string]string{"Origin": ""}, 403},
		{"null Origin", "127.0.0.1", map[string]string{"Origin": "null"}, 403},
		{"Sec-Fetch-Site", "evil.test", map[string]string{"Sec-Fetch-Site": "same-origin"}, 403},
		{"unknown Sec-Fetch-Site", "127.0.0.1", map[string]string{"Sec-Fetch-Site": "near"}, 403},
		{"Sec-Fetch-Site against Origin", "127.0.0.1", map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": "http://evil.test"}, 403},
		{"Origin against Sec-Fetch-Site", "127.0.0.1", map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1"}, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			headers := maps.Clone(c.headers)
			if headers == nil {
				headers = make(map[string]string)
			}
			headers["Host"] = c.host
			if resp, body := fetch(t, e.URL, "GET", identityCall, headers); resp.StatusCode != c.status {
				t.Errorf("%s %s, want %d", resp.Status, body, c.status)
			}
		})
	}
}

// TestHosts has the names by which a browser may ask.
func TestHosts(t *testing.T) {
	e := emulatortest.Start(t, server.Config{HostNames: []string{"Emulator.LAN", "10.0.0.7"}})
	for host, status := range map[string]int{
		"localhost": 200, "LOCALHOST:1": 200, "app.localhost:4566": 200, "127.0.0.1:4566": 200, "127.1.2.3": 200, "[::1]:4566": 200, "[::ffff:127.0.0.1]": 200,
		"sts.amazonaws.com": 200, "sts.us-east-1.amazonaws.com": 200, "kms-fips.us-east-1.api.aws:443": 200, "abc.tokens.sts.global.api.aws": 200, "us-east-1.signin.aws.amazon.com": 200,
		"emulator.lan": 200, "EMULATOR.lan:4566": 200, "10.0.0.7:4566": 200,
		"evil.example": 403, "localhost.evil.example": 403, "127.0.0.1.evil.example": 403, "10.0.0.8": 403, "0.0.0.0:4566": 403, "[::]": 403, "2130706433": 403, "0x7f.1": 403, "127.1": 403,
		"sts.amazonaws.com.evil.example": 403, "evilamazonaws.com": 403, "mine.us-east-1.elb.amazonaws.com": 403, "mine.s3.amazonaws.com": 403, "emulator.lan.evil.example": 403, "localhost.": 403, "": 403,
	} {
		t.Run(host, func(t *testing.T) {
			r := "GET /healthz HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: Mozilla/5.0\r\nConnection: close\r\n\r\n"
			if resp, body := exchange(t, e, r); resp.StatusCode != status {
				t.Errorf("%s %s, want %d", resp.Status, body, status)
			}
		})
	}
	if _, body := fetch(t, e.URL, "GET", identityCall, map[string]string{"Host": "evil.example", "User-Agent": "Mozilla/5.0"}); !strings.Contains(body, "--host-name") || !strings.Contains(body, "evil.example") {
		t.Errorf("what to do is not said: %s", body)
	}
}

// TestOwnAddress has the address that a request came to.
func TestOwnAddress(t *testing.T) {
	s, err := server.Open(server.Config{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, c := range []struct {
		local, host string
		status      int
	}{
		{"192.0.2.7", "192.0.2.7:4566", 200},
		{"::ffff:192.0.2.7", "192.0.2.7:4566", 200},
		{"2001:db8::7", "[2001:db8:0::7]:4566", 200},
		{"192.0.2.7", "192.0.2.8:4566", 403},
		{"192.0.2.7", "emulator:4566", 403},
	} {
		r := httptest.NewRequest(http.MethodGet, "/healthz", nil)
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(&net.TCPAddr{IP: net.ParseIP(c.local), Port: 4566})))
		r.Host = c.host
		r.Header.Set("User-Agent", "Mozilla/5.0")
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code != c.status {
			t.Errorf("%s at %s: %d, want %d", c.host, c.local, w.Code, c.status)
		}
	}
}

// exchange sends bytes and reads one answer.
func exchange(t *testing.T, e *emulatortest.Emulator, request string) (*http.Response, string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(e.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
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

// TestRefusedUnread announces a body that never comes.
func TestRefusedUnread(t *testing.T) {
	e := emulatortest.Start(t)
	resp, _ := exchange(t, e, "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://evil.test\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100000\r\n\r\n")
	if resp.StatusCode != 403 || !resp.Close {
		t.Errorf("%s, connection closed: %t", resp.Status, resp.Close)
	}
}

// TestBrowserRuleEverywhere asks for everything that is served, from a page of another site and by a rebound name.
func TestBrowserRuleEverywhere(t *testing.T) {
	s, err := server.Open(server.Config{AdminToken: "secret", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	endpoint := httptest.NewServer(s.Handler())
	defer endpoint.Close()
	handler, err := s.MetadataHandler(server.Metadata{Region: "us-east-1", AllowV1: true})
	if err != nil {
		t.Fatal(err)
	}
	metadata := httptest.NewServer(handler)
	defer metadata.Close()
	address := strings.TrimPrefix(endpoint.URL, "http://")
	for _, c := range []struct {
		url, method, path string
		own               int // the status of what a page of ours gets
	}{
		{endpoint.URL, "GET", identityCall, 200},
		{endpoint.URL, "GET", "/healthz", 200},
		{endpoint.URL, "GET", "/readyz", 200},
		{endpoint.URL, "GET", "/_localstack/health", 200},
		{endpoint.URL, "GET", "/_emulator/version", 200},
		{endpoint.URL, "POST", "/_emulator/reset", 200},
		{endpoint.URL, "GET", "/_emulator/oidc", 200},
		{endpoint.URL, "GET", "/_emulator/oidc/github/.well-known/openid-configuration", 200},
		{endpoint.URL, "GET", "/_emulator/sts/none/.well-known/jwks.json", 404},
		{endpoint.URL, "GET", "/v1/authorize", 400},
		{endpoint.URL, "POST", "/v1/authorize", 400},
		{endpoint.URL, "POST", "/v1/token", 400},
		{endpoint.URL, "GET", "/federation?Action=login", 400},
		{endpoint.URL, "POST", "/federation", 400},
		{endpoint.URL, "GET", "/nothing", 400},
		{metadata.URL, "GET", "/latest/meta-data/", 200},
		{metadata.URL, "PUT", "/latest/api/token", 400},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			for name, headers := range map[string]map[string]string{
				"own":               {"Host": address, "Origin": "http://" + address, "Sec-Fetch-Site": "same-origin"},
				"another origin":    {"Host": address, "Origin": "http://evil.test"},
				"image":             {"Host": address, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
				"rebound":           {"Host": "evil.test", "User-Agent": "Mozilla/5.0"},
				"rebound, by token": {"Host": "evil.test", "User-Agent": "Mozilla/5.0", "Authorization": "Bearer secret"},
			} {
				want := 403
				if name == "own" {
					want = c.own
				}
				if strings.Contains(name, "token") && strings.Contains(c.path, "Action=") { // signed twice
					continue
				}
				resp, body := fetch(t, c.url, c.method, c.path, headers)
				if refused := strings.Contains(body, "start") && strings.Contains(body, " with --"); resp.StatusCode != want || refused != (name != "own") {
					t.Errorf("%s: %s %s, want %d", name, resp.Status, body, want)
				}
			}
		})
	}
}

// TestNavigation has a link of another site, which leads people to a sign-in page and nothing else.
func TestNavigation(t *testing.T) {
	e := emulatortest.Start(t)
	for _, c := range []struct {
		name, method, path, dest string
		status                   int
	}{
		{"authorize", "GET", "/v1/authorize", "document", 400},
		{"federation", "GET", "/federation?Action=logout", "document", 200},
		{"in a frame", "GET", "/v1/authorize", "iframe", 403},
		{"a form", "POST", "/v1/authorize", "document", 403},
		{"a form to federation", "POST", "/federation?Action=logout", "document", 403},
		{"a SAML response", "POST", "/saml", "document", 400},
		{"a SAML response for one provider", "POST", "/saml/acs/SAMLSPEXAMPLE", "document", 400},
		{"a SAML response in a frame", "POST", "/saml", "iframe", 403},
		{"a SAML response of a script", "POST", "/saml", "empty", 403},
		{"what only begins like it", "POST", "/saml2", "document", 403},
		{"a link to where SAML responses go", "GET", "/saml", "document", 403},
		{"an operation", "GET", identityCall, "document", 403},
		{"the admin API", "GET", "/_emulator/version", "document", 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			headers := map[string]string{"Host": "localhost", "User-Agent": "Mozilla/5.0", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": c.dest}
			if resp, body := fetch(t, e.URL, c.method, c.path, headers); resp.StatusCode != c.status {
				t.Errorf("%s %s, want %d", resp.Status, body, c.status)
			}
		})
	}
}

// TestSilentBrowser: over plain http to a name, and from old browsers, an image of any page looks like a page of ours,
// and a link in a message like an address that was typed.
func TestSilentBrowser(t *testing.T) {
	e := emulatortest.Start(t, server.Config{HostNames: []string{"emulator.test"}})
	for path, status := range map[string]int{
		identityCall: 200,
		"/?Action=CreateUser&UserName=eve&Version=2010-05-08":   403,
		"/?Action=DeleteUser&UserName=eve&Version=2010-05-08":   403,
		"/?%41ction=CreateUser&UserName=eve&Version=2010-05-08": 403,
		"/federation?Action=logout":                             200,
	} {
		for _, headers := range []map[string]string{
			{"Host": "emulator.test", "User-Agent": "Mozilla/5.0"},
			{"Host": "127.0.0.1", "User-Agent": "Mozilla/5.0"},
			{"Host": "127.0.0.1", "User-Agent": "Mozilla/5.0", "Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
		} {
			if resp, body := fetch(t, e.URL, "GET", path, headers); resp.StatusCode != status || (status == 403) != strings.Contains(body, "may only read") {
				t.Errorf("%s: %s %s", path, resp.Status, body)
			}
		}
	}
	// A page of ours, and what is no browser, may.
	for i, headers := range []map[string]string{{"Host": "localhost", "Sec-Fetch-Site": "same-origin"}, {"Host": "emulator"}} {
		if resp, body := fetch(t, e.URL, "GET", fmt.Sprintf("/?Action=CreateUser&UserName=u%d&Version=2010-05-08", i), headers); resp.StatusCode != 200 {
			t.Errorf("%v: %s %s", headers, resp.Status, body)
		}
	}
}

// TestAllowOrigin has what browsers need to show an answer to a page of another origin.
func TestAllowOrigin(t *testing.T) {
	const app = "https://app.example"
	e := emulatortest.Start(t, server.Config{AllowOrigins: []string{"HTTPS://app.example:443", "http://localhost:3000"}, AdminToken: "secret"})
	headers := func(more map[string]string) map[string]string {
		all := map[string]string{"Host": "127.0.0.1", "User-Agent": "Mozilla/5.0", "Origin": app, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
		maps.Copy(all, more)
		return all
	}
	preflight := map[string]string{"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "amz-sdk-invocation-id,authorization,content-type,x-amz-target", "Access-Control-Request-Private-Network": "true"}
	for _, c := range []struct {
		name, method, path string
		more               map[string]string
		status             int
		allowed            bool
	}{
		{"call", "GET", identityCall, nil, 200, true},
		{"error", "POST", "/", nil, 400, true},
		{"preflight", "OPTIONS", "/", preflight, 204, true},
		{"sign-in", "OPTIONS", "/v1/token", preflight, 204, true},
		{"another allowed one", "GET", identityCall, map[string]string{"Origin": "http://localhost:3000", "Sec-Fetch-Site": "same-site"}, 200, true},
		{"OPTIONS that is no preflight", "OPTIONS", "/", nil, 405, true},
		{"admin API", "GET", "/_emulator/version", nil, 403, true},
		{"admin API with its token", "GET", "/_emulator/version", map[string]string{"Authorization": "Bearer secret"}, 200, true},
		{"sign-in page", "POST", "/v1/authorize", nil, 403, true},
		{"another scheme", "GET", identityCall, map[string]string{"Origin": "http://app.example"}, 403, false},
		{"another port", "GET", identityCall, map[string]string{"Origin": "https://app.example:8443"}, 403, false},
		{"longer", "GET", identityCall, map[string]string{"Origin": "https://app.example.evil.test"}, 403, false},
		{"none", "GET", identityCall, map[string]string{"Origin": "null"}, 403, false},
		{"preflight of another", "OPTIONS", "/", map[string]string{"Origin": "https://evil.test", "Access-Control-Request-Method": "POST"}, 403, false},
		{"by a rebound name", "GET", identityCall, map[string]string{"Host": "evil.test"}, 403, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			sent := headers(c.more)
			resp, body := fetch(t, e.URL, c.method, c.path, sent)
			if resp.StatusCode != c.status {
				t.Errorf("%s %s, want %d", resp.Status, body, c.status)
			}
			want := map[string]string{"Vary": "Origin"}
			if c.allowed {
				want["Access-Control-Allow-Origin"] = sent["Origin"]
				want["Access-Control-Expose-Headers"] = "X-Amzn-Requestid, X-Amzn-Errortype, Date"
			}
			if c.status == 204 {
				want["Access-Control-Allow-Headers"] = preflight["Access-Control-Request-Headers"]
				want["Access-Control-Allow-Private-Network"] = "true"
				want["Access-Control-Allow-Methods"] = "GET, HEAD, POST, PUT, DELETE"
			}
			for _, name := range []string{"Vary", "Access-Control-Allow-Origin", "Access-Control-Expose-Headers", "Access-Control-Allow-Headers", "Access-Control-Allow-Private-Network", "Access-Control-Allow-Methods", "Access-Control-Allow-Credentials"} {
				if got := resp.Header.Get(name); got != want[name] {
					t.Errorf("%s: %q, want %q", name, got, want[name])
				}
			}
		})
	}
}

func TestBadNamesAndOrigins(t *testing.T) {
	for _, c := range []server.Config{
		{AllowOrigins: []string{"*"}}, {AllowOrigins: []string{"https://*.example"}}, {AllowOrigins: []string{"null"}}, {AllowOrigins: []string{""}}, {AllowOrigins: []string{"app.example"}},
		{AllowOrigins: []string{"https://app.example/"}}, {AllowOrigins: []string{"https://app.example/x"}}, {AllowOrigins: []string{"https://user@app.example"}}, {AllowOrigins: []string{"https://app.example?"}},
		{HostNames: []string{"*"}}, {HostNames: []string{""}}, {HostNames: []string{"http://emulator"}}, {HostNames: []string{"emulator:4566"}}, {HostNames: []string{"a b"}},
	} {
		s, err := server.Open(c)
		if err == nil {
			s.Close()
			t.Errorf("taken: %q %q", c.AllowOrigins, c.HostNames)
		}
	}
}

// pageClient sends what a page of another origin would make a browser send.
type pageClient struct{}

func (pageClient) Do(r *http.Request) (*http.Response, error) {
	r.Header.Set("Origin", "http://evil.test")
	return http.DefaultClient.Do(r)
}

// TestRefusalForSDKs reads the refusal with SDKs of both protocols.
func TestRefusalForSDKs(t *testing.T) {
	e := emulatortest.Start(t)
	config := e.Config()
	config.HTTPClient = pageClient{}
	_, err := sts.NewFromConfig(config).GetCallerIdentity(t.Context(), nil)
	wantCode(t, err, "AccessDenied")
	_, err = kms.NewFromConfig(config).ListKeys(t.Context(), &kms.ListKeysInput{Limit: aws.Int32(1)})
	wantCode(t, err, "AccessDeniedException")
	if !strings.Contains(fmt.Sprint(err), "--allow-origin") {
		t.Errorf("what to do is not said: %v", err)
	}
}

// TestForwarded has a proxy on this machine, behind which everybody looks local.
func TestForwarded(t *testing.T) {
	e := emulatortest.Start(t, server.Config{AdminToken: "secret"})
	for _, header := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix", "X-Forwarded", "X-Real-IP", "Via", "CF-Connecting-IP", "True-Client-IP", "X-Client-IP", "X-Cluster-Client-IP", "Fastly-Client-IP"} {
		for _, path := range []string{"/_emulator/version", "/_emulator/oidc/github/token", "/v1/authorize", "/_emulator/nothing"} {
			for authorization, status := range map[string]int{"": 403, "Bearer secret": 0} {
				r := "GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: " + authorization + "\r\n" + header + ": \r\nConnection: close\r\n\r\n"
				resp, body := exchange(t, e, r)
				if (resp.StatusCode == 403) != (status == 403) {
					t.Errorf("%s with %s and %q: %s %s", path, header, authorization, resp.Status, body)
				}
			}
		}
	}
	s, err := server.Open(server.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	handler, err := s.MetadataHandler(server.Metadata{Region: "us-east-1"})
	if err != nil {
		t.Fatal(err)
	}
	metadata := httptest.NewServer(handler)
	defer metadata.Close()
	for header, status := range map[string]int{"X-Nothing": 200, "Via": 403, "Forwarded": 403, "X-Forwarded-For": 403, "X-Real-Ip": 403} {
		if resp, body := fetch(t, metadata.URL, "PUT", "/latest/api/token", map[string]string{"X-Aws-Ec2-Metadata-Token-Ttl-Seconds": "60", header: "1"}); resp.StatusCode != status {
			t.Errorf("instance metadata with %s: %s %s", header, resp.Status, body)
		}
	}
	// What AWS answers is for everybody.
	if resp, body := fetch(t, e.URL, "GET", identityCall, map[string]string{"Host": "emulator", "X-Forwarded-For": "192.0.2.1"}); resp.StatusCode != 200 {
		t.Errorf("%s %s", resp.Status, body)
	}
}
