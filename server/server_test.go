package server_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"emulator/emulatortest"
	"emulator/server"
)

var root = aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}

// call is a request before it is signed.
type call struct {
	method, path, body string
	header             http.Header
	// service and region of the signature; an empty service means none.
	service, region string
	credentials     aws.Credentials
	at              time.Time
	// after changes the request when it has been signed.
	after func(*http.Request)
}

// send signs and sends the call, and returns the answer with its body.
func send(t *testing.T, e *emulatortest.Emulator, c call) (*http.Response, string) {
	t.Helper()
	method := c.method
	if method == "" {
		method = http.MethodPost
	}
	r, err := http.NewRequest(method, e.URL+c.path, strings.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range c.header {
		r.Header[name] = values
	}
	if c.service != "" {
		region := c.region
		if region == "" {
			region = emulatortest.Region
		}
		credentials := c.credentials
		if credentials.AccessKeyID == "" {
			credentials = root
		}
		at := c.at
		if at.IsZero() {
			at = time.Now()
		}
		if host := r.Header.Get("Host"); host != "" {
			r.Host = host
		}
		sum := sha256.Sum256([]byte(c.body))
		if err := v4.NewSigner().SignHTTP(t.Context(), credentials, r, hex.EncodeToString(sum[:]), c.service, region, at); err != nil {
			t.Fatal(err)
		}
	}
	if c.after != nil {
		c.after(r)
	}
	resp, err := http.DefaultTransport.RoundTrip(r) // follows no redirect
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

var (
	form    = http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}}
	whoAmI  = "Action=GetCallerIdentity&Version=2011-06-15"
	jsonFor = func(target string) http.Header {
		return http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {target}}
	}
)

// What does not reach an operation is answered with AWS's error, in the protocol of the request.
func TestRefusals(t *testing.T) {
	e := emulatortest.Start(t)
	for _, c := range []struct {
		name   string
		call   call
		status int
		want   []string
	}{
		{"query: unknown action", call{body: "Action=Nonsense&Version=2011-06-15", header: form, service: "sts"}, 400, []string{"<Code>InvalidAction</Code>", "Could not find operation Nonsense for version 2011-06-15"}},
		{"query: unknown version", call{body: "Action=GetCallerIdentity&Version=1999-01-01", header: form, service: "sts"}, 400, []string{"<Code>InvalidAction</Code>", "for version 1999-01-01"}},
		{"query: no version", call{body: "Action=GetCallerIdentity", header: form, service: "sts"}, 400, []string{"<Code>InvalidAction</Code>", "NO_VERSION_SPECIFIED"}},
		{"query: no action", call{body: "Version=2011-06-15", header: form, service: "sts"}, 400, []string{"<Code>MissingAction</Code>"}},
		{"query: not signed", call{body: whoAmI, header: form}, 403, []string{"<Code>MissingAuthenticationToken</Code>", "Request is missing Authentication Token"}},
		{"query: wrong content type", call{body: whoAmI, header: http.Header{"Content-Type": {"text/plain"}}, service: "sts"}, 400, []string{"<Code>MalformedInput</Code>"}},
		{"query: signed for another service", call{body: whoAmI, header: form, service: "iam"}, 403, []string{"<Code>SignatureDoesNotMatch</Code>", "Credential should be scoped to correct service: &#39;sts&#39;."}},
		{"query: unknown service", call{body: "Action=ListBuckets", header: form, service: "s3"}, 400, []string{"<Code>InvalidAction</Code>", "The service s3 is not answered here."}},
		{"query: no region", call{body: whoAmI, header: form, service: "sts", region: "nowhere"}, 403, []string{"Credential should be scoped to a valid region."}},
		{"query: a region that AWS has not", call{body: whoAmI, header: form, service: "sts", region: "us-east-9"}, 403, []string{"<Code>SignatureDoesNotMatch</Code>", "Credential should be scoped to a valid region."}},
		{"query: a region of any length", call{body: whoAmI, header: form, service: "sts", region: "us-" + strings.Repeat("x", 100_000) + "-1"}, 403, []string{"Credential should be scoped to a valid region."}},
		{"query: another region than the host's", call{body: whoAmI, header: http.Header{"Content-Type": form["Content-Type"], "Host": {"sts.eu-west-1.amazonaws.com"}}, service: "sts"}, 403, []string{"Credential should be scoped to a valid region."}},
		{"query: unknown key", call{body: whoAmI, header: form, service: "sts", credentials: aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "x"}}, 403, []string{"<Code>InvalidClientTokenId</Code>", "The security token included in the request is invalid."}},
		{"query: a token that is not ours", call{body: whoAmI, header: form, service: "sts", credentials: aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test", SessionToken: "test"}}, 403, []string{"<Code>InvalidClientTokenId</Code>"}},
		{"query: wrong secret", call{body: whoAmI, header: form, service: "sts", credentials: aws.Credentials{AccessKeyID: "test", SecretAccessKey: "x"}}, 403, []string{"<Code>SignatureDoesNotMatch</Code>", "The String-to-Sign should have been"}},
		{"query: old signature", call{body: whoAmI, header: form, service: "sts", at: time.Now().Add(-6 * time.Minute)}, 403, []string{"<Code>SignatureDoesNotMatch</Code>", "Signature expired: ", " - 5 min.)"}},
		{"query: signature from the future", call{body: whoAmI, header: form, service: "sts", at: time.Now().Add(6 * time.Minute)}, 403, []string{"Signature not yet current: ", " + 5 min.)"}},
		{"query: tampered body", call{body: whoAmI, header: form, service: "sts", after: func(r *http.Request) {
			r.Body = io.NopCloser(strings.NewReader(whoAmI + "&x=1"))
			r.ContentLength = int64(len(whoAmI) + 4)
		}}, 403, []string{"<Code>SignatureDoesNotMatch</Code>"}},
		{"query: too large", call{body: whoAmI + "&x=" + strings.Repeat("x", server.MaxBody), header: form, service: "sts"}, 413, []string{"<Code>RequestEntityTooLarge</Code>"}},
		{"query: bad gzip", call{body: whoAmI, header: http.Header{"Content-Type": form["Content-Type"], "Content-Encoding": {"gzip"}}, service: "sts"}, 400, []string{"<Code>MalformedInput</Code>"}},
		{"query: unknown encoding", call{body: whoAmI, header: http.Header{"Content-Type": form["Content-Type"], "Content-Encoding": {"br"}}, service: "sts"}, 400, []string{"<Code>MalformedInput</Code>"}},
		{"query: invalid parameter", call{body: "Action=AssumeRole&Version=2011-06-15&RoleArn=x&RoleSessionName=a", header: form, service: "sts"}, 400, []string{"<Code>ValidationError</Code>", "validation errors detected", "at &#39;roleArn&#39;"}},

		{"json: unknown target", call{body: "{}", header: jsonFor("TrentService.Nonsense"), service: "kms"}, 400, []string{`{"__type":"UnknownOperationException"}`}},
		{"json: unknown service", call{body: "{}", header: jsonFor("DynamoDB_20120810.ListTables"), service: "dynamodb"}, 400, []string{`"UnknownOperationException"`, "The service dynamodb is not answered here."}},
		{"json: what AWS has and we have not", call{body: "{}", header: jsonFor("ResourceGroupsTaggingAPI_20170126.StartReportCreation"), service: "tagging"}, 400, []string{`"UnsupportedOperationException"`, "StartReportCreation"}},
		{"json: no target", call{body: "{}", header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}}, service: "kms"}, 400, []string{`"UnknownOperationException"`}},
		{"json: not signed", call{body: "{}", header: jsonFor("TrentService.ListKeys")}, 400, []string{`"MissingAuthenticationTokenException"`}},
		{"json: unknown key", call{body: "{}", header: jsonFor("TrentService.ListKeys"), service: "kms", credentials: aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "x"}}, 400, []string{`"UnrecognizedClientException"`}},
		{"json: wrong secret", call{body: "{}", header: jsonFor("TrentService.ListKeys"), service: "kms", credentials: aws.Credentials{AccessKeyID: "test", SecretAccessKey: "x"}}, 400, []string{`"InvalidSignatureException"`}},
		{"json: not JSON", call{body: "{", header: jsonFor("TrentService.ListKeys"), service: "kms"}, 400, []string{`"SerializationException"`}},
		{"json: wrong type", call{body: `{"KeyId":7}`, header: jsonFor("TrentService.DescribeKey"), service: "kms"}, 400, []string{`"SerializationException"`, "NUMBER_VALUE can not be converted to String"}},
		{"json: missing member", call{body: `{}`, header: jsonFor("TrentService.DescribeKey"), service: "kms"}, 400, []string{`"ValidationException"`, "1 validation error detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null"}},
		{"json: missing member, of a service with reasons", call{body: `{}`, header: jsonFor("AWSOrganizationsV20161128.DescribeAccount"), service: "organizations"}, 400,
			[]string{`{"__type":"InvalidInputException","Message":"You must include a value for all required parameters.","Reason":"INPUT_REQUIRED"}`}},
		{"json: incomplete signature", call{body: "{}", header: jsonFor("TrentService.ListKeys"), after: func(r *http.Request) {
			r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=a/b/c")
		}}, 400, []string{`"IncompleteSignatureException"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, body := send(t, e, c.call)
			if resp.StatusCode != c.status {
				t.Errorf("status %d, want %d", resp.StatusCode, c.status)
			}
			for _, want := range c.want {
				// How quotes are escaped in XML does not matter.
				if !strings.Contains(strings.ReplaceAll(body, "&apos;", "'"), strings.ReplaceAll(want, "&#39;", "'")) {
					t.Errorf("no %q in\n%s", want, body)
				}
			}
			id := resp.Header.Get("X-Amzn-Requestid")
			if len(id) != 36 {
				t.Errorf("request ID %q", id)
			}
			if strings.HasPrefix(body, "<") != (resp.Header.Get("Content-Type") == "text/xml") {
				t.Errorf("content type %q of %s", resp.Header.Get("Content-Type"), body)
			}
			if strings.HasPrefix(body, "<") && !strings.Contains(body, "<RequestId>"+id+"</RequestId>") {
				t.Errorf("the body does not repeat the request ID:\n%s", body)
			}
			if strings.HasPrefix(body, "{") && !strings.Contains(body, `"`+resp.Header.Get("X-Amzn-Errortype")+`"`) {
				t.Errorf("error type %q of %s", resp.Header.Get("X-Amzn-Errortype"), body)
			}
		})
	}
}

// What clients do to paths, bodies and forms.
func TestAccepted(t *testing.T) {
	e := emulatortest.Start(t)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	io.WriteString(z, whoAmI)
	z.Close()
	for _, c := range []struct {
		name string
		call call
		want string
	}{
		{"query", call{body: whoAmI, header: form, service: "sts"}, "<Arn>arn:aws:iam::000000000000:root</Arn>"},
		{"double slash", call{path: "//", body: whoAmI, header: form, service: "sts"}, "<Account>000000000000</Account>"},
		{"path of the endpoint", call{path: "/x/", body: whoAmI, header: form, service: "sts"}, "<Account>000000000000</Account>"},
		{"gzip", call{body: zipped.String(), header: http.Header{"Content-Type": form["Content-Type"], "Content-Encoding": {"gzip"}}, service: "sts"}, "<Account>000000000000</Account>"},
		{"JSON answer", call{body: whoAmI, header: http.Header{"Content-Type": form["Content-Type"], "Accept": {"application/json"}}, service: "sts"},
			`{"GetCallerIdentityResponse":{"GetCallerIdentityResult":{"UserId":"000000000000","Account":"000000000000","Arn":"arn:aws:iam::000000000000:root"},"ResponseMetadata":{"RequestId":`},
		{"account as access key", call{body: whoAmI, header: form, service: "sts", credentials: aws.Credentials{AccessKeyID: "111111111111", SecretAccessKey: "test"}}, "<Arn>arn:aws:iam::111111111111:root</Arn>"},
		{"another partition", call{body: whoAmI, header: form, service: "sts", region: "cn-north-1"}, "<Arn>arn:aws-cn:iam::000000000000:root</Arn>"},
		{"host of AWS", call{body: whoAmI, header: http.Header{"Content-Type": form["Content-Type"], "Host": {"sts.us-east-1.amazonaws.com"}}, service: "sts"}, "<Account>000000000000</Account>"},
		{"unsigned headers of SDKs", call{body: whoAmI, header: form, service: "sts", after: func(r *http.Request) { r.Header.Set("Amz-Sdk-Request", "attempt=1") }}, "<Account>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, body := send(t, e, c.call)
			if resp.StatusCode != 200 || !strings.Contains(body, c.want) {
				t.Errorf("%s, want %q in\n%s", resp.Status, c.want, body)
			}
			if date, err := http.ParseTime(resp.Header.Get("Date")); err != nil || time.Since(date).Abs() > time.Minute {
				t.Errorf("Date: %q", resp.Header.Get("Date"))
			}
		})
	}
}

// Vault and Kubernetes prove identities with presigned requests: with a header of their own,
// an expiry, and an answer in JSON.
func TestPresigned(t *testing.T) {
	e := emulatortest.Start(t)
	presign := func(at time.Time, expires string) *http.Request {
		r, err := http.NewRequest(http.MethodGet, e.URL+"/?"+whoAmI+"&X-Amz-Expires="+expires, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-K8s-Aws-Id", "cluster")
		empty := sha256.Sum256(nil)
		signed, _, err := v4.NewSigner().PresignHTTP(t.Context(), root, r, hex.EncodeToString(empty[:]), "sts", emulatortest.Region, at)
		if err != nil {
			t.Fatal(err)
		}
		if r.URL, err = url.Parse(signed); err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", "application/json")
		return r
	}
	get := func(r *http.Request) (int, string) {
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body)
	}
	// STS does not heed what they say: aws-iam-authenticator's tokens say 0.
	for _, expires := range []string{"60", "0", "", "-1", "604801", "1e3", "soon"} {
		if status, body := get(presign(time.Now(), expires)); status != 200 || !strings.Contains(body, `"Account":"000000000000"`) {
			t.Errorf("%s: %d %s", expires, status, body)
		}
		if status, body := get(presign(time.Now().Add(-16*time.Minute), expires)); status != 400 || !strings.Contains(body, `"Code":"RequestExpired"`) {
			t.Errorf("%s, expired: %d %s", expires, status, body)
		}
	}
	if status, body := get(presign(time.Now().Add(-14*time.Minute), "60")); status != 200 {
		t.Errorf("STS takes them for 15 minutes, whatever they say: %d %s", status, body)
	}
	other := presign(time.Now(), "60")
	other.Header.Set("X-K8s-Aws-Id", "another")
	if status, body := get(other); status != 403 || !strings.Contains(body, "SignatureDoesNotMatch") {
		t.Errorf("another cluster: %d %s", status, body)
	}
}

func TestHealth(t *testing.T) {
	e := emulatortest.Start(t)
	for _, path := range []string{"/healthz", "/readyz", "/health", "/_localstack/health"} {
		resp, body := send(t, e, call{method: http.MethodGet, path: path})
		if resp.StatusCode != 200 {
			t.Errorf("%s: %s %s", path, resp.Status, body)
		}
	}
	_, body := send(t, e, call{method: http.MethodGet, path: "/_localstack/health"})
	var health struct{ Services map[string]string }
	if err := json.Unmarshal([]byte(body), &health); err != nil || health.Services["kms"] != "running" || health.Services["sts"] != "running" {
		t.Errorf("%v %s", err, body)
	}
	if resp, _ := send(t, e, call{method: http.MethodPut, path: "/"}); resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("PUT: %s", resp.Status)
	}
}

// The moved clock is AWS's, not the transport's: what was signed with real time goes on working, and Date stays.
func TestClock(t *testing.T) {
	e := emulatortest.Start(t)
	client := sts.NewFromConfig(e.Config())
	token, err := client.GetSessionToken(t.Context(), &sts.GetSessionTokenInput{DurationSeconds: aws.Int32(900)})
	if err != nil {
		t.Fatal(err)
	}
	c := token.Credentials
	session := sts.NewFromConfig(e.ConfigWith(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken, emulatortest.Region))
	if _, err := session.GetCallerIdentity(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	admin(t, e, "POST", "/clock", `{"advance":"16m"}`, 200)
	_, err = session.GetCallerIdentity(t.Context(), nil)
	if err == nil || !strings.Contains(err.Error(), "ExpiredToken: The security token included in the request is expired") {
		t.Errorf("after 16 minutes: %v", err)
	}
	if _, err := client.GetCallerIdentity(t.Context(), nil); err != nil {
		t.Errorf("long-term key: %v", err)
	}
	if state := admin(t, e, "POST", "/clock", `{"set":"2030-01-01T00:00:00Z","freeze":true}`, 200); state["now"] != "2030-01-01T00:00:00Z" || state["frozen"] != true {
		t.Errorf("frozen: %v", state)
	}
	for _, bad := range []string{`{}`, `{"advance":"x"}`, `{"advance":"1h","set":"2030-01-01T00:00:00Z"}`, `{"set":"x"}`, `{"other":1}`, `{`} {
		admin(t, e, "POST", "/clock", bad, 400)
	}
	admin(t, e, "DELETE", "/clock", "", 200)
	if _, err := session.GetCallerIdentity(t.Context(), nil); err != nil {
		t.Errorf("back in real time: %v", err)
	}
}

// admin calls the admin API and returns the JSON of its answer.
func admin(t *testing.T, e *emulatortest.Emulator, method, path, body string, status int) map[string]any {
	t.Helper()
	resp, text := send(t, e, call{method: method, path: "/_emulator" + path, body: body})
	if resp.StatusCode != status {
		t.Errorf("%s %s %s: %s %s", method, path, body, resp.Status, text)
	}
	var answer map[string]any
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Errorf("%s %s: %v in %s", method, path, err, text)
	}
	return answer
}

// A web page must not reach the admin API, nor somebody without the token.
func TestAdminOnly(t *testing.T) {
	e := emulatortest.Start(t, server.Config{AdminToken: "secret"})
	for _, c := range []struct {
		name   string
		change func(*http.Request)
		status int
	}{
		{"loopback", func(*http.Request) {}, 200},
		{"localhost", func(r *http.Request) { r.Host = "localhost:4566" }, 200},
		{"rebound name", func(r *http.Request) { r.Host = "evil.example:4566" }, 403},
		{"foreign origin", func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, 403},
		{"null origin", func(r *http.Request) { r.Header.Set("Origin", "null") }, 403},
		{"own origin", func(r *http.Request) { r.Header.Set("Origin", "http://"+r.URL.Host) }, 200},
		{"cross-site fetch", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403},
		{"token", func(r *http.Request) { r.Host = "emulator"; r.Header.Set("Authorization", "Bearer secret") }, 200},
		{"wrong token", func(r *http.Request) { r.Header.Set("Authorization", "Bearer guess") }, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, body := send(t, e, call{method: "GET", path: "/_emulator/version", after: c.change})
			if resp.StatusCode != c.status {
				t.Errorf("%s %s", resp.Status, body)
			}
		})
	}
	admin(t, e, "GET", "/nonsense", "", 404)
	admin(t, e, "DELETE", "/version", "", 404)
	admin(t, e, "GET", "/decisions/none", "", 404)
}

// TestCoverage prints what is there of each service.
func TestCoverage(t *testing.T) {
	s, err := server.Open(server.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, c := range s.Coverage() {
		fmt.Printf("%s %d/%d, missing: %s\n", strings.ToUpper(c.Service), len(c.Registered), len(c.Registered)+len(c.Missing), strings.Join(c.Missing, " "))
	}
}

func TestServeDrains(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s, err := server.Open(server.Config{})
	if err != nil {
		t.Fatal(err)
	}
	l := listen(t)
	if err := s.Serve(ctx, l, nil); err != nil {
		t.Errorf("Serve: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func TestFurtherRegion(t *testing.T) {
	e := emulatortest.Start(t, server.Config{Regions: []string{"us-east-9"}})
	resp, body := send(t, e, call{body: whoAmI, header: form, service: "sts", region: "us-east-9"})
	if resp.StatusCode != 200 {
		t.Errorf("%s %s", resp.Status, body)
	}
	for _, config := range []server.Config{{Regions: []string{"nowhere"}}, {DisabledRegions: []string{"us-east-9"}}} {
		config.DataDir = t.TempDir()
		if s, err := server.Open(config); err == nil {
			s.Close()
			t.Errorf("opened with %+v", config)
		}
	}
}
