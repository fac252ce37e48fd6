package server_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"

	"emulator/emulatortest"
	"emulator/server"
)

// What nobody has signed is refused at no greater cost than that of having sent it.
func TestUnsignedRequestsAreCheap(t *testing.T) {
	s, err := server.Open(server.Config{DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const web = "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&"
	fill := func(begin, repeat, end string, size int) string {
		return begin + strings.Repeat(repeat, (size-len(begin)-len(end))/len(repeat)) + end
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	io.WriteString(z, fill(web, "a.", "a=", server.MaxBody))
	z.Close()
	const small, large = 250 << 10, 1 << 20
	for _, c := range []struct {
		name, query, body string
		header            http.Header
		status            int
	}{
		{"a large form", "", fill(web, "a.", "a=", large), form, 413},
		{"a deep name", "", fill(web, "a.", "a=", small), form, 400},
		{"a deep name below a member", "", fill(web+"PolicyArns.member.1.", "a.", "a=", small), form, 400},
		{"a deep name of an operation that must be signed", "", fill("Action=CreateUser&Version=2010-05-08&UserName.", "a.", "a=", small), form, 403},
		{"many names", "", fill(web, "a&", "", small), form, 400},
		{"many names in the query string", fill(web, "a&", "", small), "", nil, 400},
		{"a long action", "", fill("Version=2011-06-15&Action=", "a", "", small), form, 400},
		{"escapes", "", fill(web+"RoleArn=", "%FF", "", small), form, 400},
		{"a value that matches no pattern", "", fill(web+"RoleSessionName=", "%C3%A9", "", small), form, 400},
		{"compressed", "", zipped.String(), http.Header{"Content-Type": form["Content-Type"], "Content-Encoding": {"gzip"}}, 400},
		{"JSON", "", fill("", "[", "", large), jsonFor("TrentService.Encrypt"), 400},
		{"a signature that makes no sense", "", fill(web, "a.", "a=", small), http.Header{"Content-Type": form["Content-Type"], "Authorization": {"AWS4-HMAC-SHA256 x"}}, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/?"+c.query, strings.NewReader(c.body))
			r.Header = c.header
			w := httptest.NewRecorder()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			s.Handler().ServeHTTP(w, r)
			runtime.ReadMemStats(&after)
			if used := int(after.TotalAlloc - before.TotalAlloc); used > 4*(len(c.query)+len(c.body))+200<<10 {
				t.Errorf("%d KiB are taken for %d", used>>10, (len(c.query)+len(c.body))>>10)
			}
			if w.Code != c.status || w.Body.Len() > 600<<10 {
				t.Errorf("%d and %d bytes: %.300s", w.Code, w.Body.Len(), w.Body)
			}
		})
	}
}

// A JSON service's request that is not signed is refused by its headers.
func TestUnsignedJSONIsNotRead(t *testing.T) {
	c := dial(t, emulatortest.Start(t))
	c.send("POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: TrentService.ListKeys\r\nExpect: 100-continue\r\nContent-Length: 1000000\r\n\r\n")
	if status, body := c.answer(); status != 400 || !strings.Contains(body, "MissingAuthenticationTokenException") {
		t.Errorf("%d %s", status, body)
	}
}

// No operation takes a body that is not signed, and no access key of a made-up name is one.
func TestSignatureRefusals(t *testing.T) {
	e := emulatortest.Start(t)
	for _, c := range []struct {
		name string
		call call
		code string
	}{
		{"UNSIGNED-PAYLOAD", call{body: whoAmI, header: http.Header{"Content-Type": form["Content-Type"], "X-Amz-Content-Sha256": {"UNSIGNED-PAYLOAD"}}, service: "sts"}, "SignatureDoesNotMatch"},
		{"a NUL in the access key", call{method: http.MethodGet, path: "/?" + whoAmI + "&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" + url.QueryEscape("AKIA\x00/20261124/us-east-1/sts/aws4_request") +
			"&X-Amz-Date=20261124T000000Z&X-Amz-SignedHeaders=host&X-Amz-Signature=" + strings.Repeat("0", 64)}, "InvalidClientTokenId"},
		{"a target without a service", call{body: "{}", header: jsonFor(".GetCallerIdentity"), service: "sts"}, "UnknownOperationException"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if resp, body := send(t, e, c.call); resp.StatusCode >= 500 || !strings.Contains(body, c.code) {
				t.Errorf("%s, want %s: %s", resp.Status, c.code, body)
			}
		})
	}
}
