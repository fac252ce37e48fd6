package server_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"emulator/emulatortest"
	"emulator/server"
)

// logLines keeps what is logged.
type logLines struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(p)
}

// take returns what was logged since the last time.
func (l *logLines) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.Reset()
	return l.String()
}

// No secret of a caller gets into the log, whatever is wrong with the request, nor a session token into the
// answer. A line of the log is short.
func TestSecretsStayOut(t *testing.T) {
	var lines logLines
	e := emulatortest.Start(t, server.Config{Log: slog.New(slog.NewTextHandler(&lines, nil))})
	out, err := sts.NewFromConfig(e.Config()).GetSessionToken(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	token := *out.Credentials.SessionToken
	wrong := aws.Credentials{AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: "wrong", SessionToken: token}
	presigned := func() string {
		r, err := http.NewRequest(http.MethodGet, e.URL+"/?"+whoAmI, nil)
		if err != nil {
			t.Fatal(err)
		}
		empty := sha256.Sum256(nil)
		signed, _, err := v4.NewSigner().PresignHTTP(t.Context(), wrong, r, hex.EncodeToString(empty[:]), "sts", emulatortest.Region, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimPrefix(signed, e.URL)
	}
	signature := strings.Repeat("ab", 32)
	authorize := func(header string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", header) }
	}
	for _, c := range []struct {
		name string
		call call
		code string
	}{
		{"a session token in the header", call{body: whoAmI, header: form, service: "sts", credentials: wrong}, "SignatureDoesNotMatch"},
		{"a session token in the query", call{method: http.MethodGet, path: presigned()}, "SignatureDoesNotMatch"},
		{"a session token, in JSON", call{body: "{}", header: jsonFor("TrentService.ListKeys"), service: "kms", credentials: wrong}, "InvalidSignatureException"},
		{"a signature, no equal-sign", call{body: whoAmI, header: form, after: authorize("AWS4-HMAC-SHA256 Credential, Signature=" + signature)}, "IncompleteSignature"},
		{"a signature, something missing", call{body: whoAmI, header: form, after: authorize("AWS4-HMAC-SHA256 Credential=a/b/c/d/e, Signature=" + signature)}, "IncompleteSignature"},
		{"a signature given twice", call{body: whoAmI, header: form, after: authorize("AWS4-HMAC-SHA256 Signature=" + signature + ",Signature=" + signature)}, "IncompleteSignature"},
		{"another kind of secret", call{body: whoAmI, header: form, after: authorize("Bearer" + token)}, "IncompleteSignature"},
		{"a parameter", call{body: "Action=GetAccessKeyInfo&Version=2011-06-15&AccessKeyId=" + url.QueryEscape(token), header: form, service: "sts"}, "ValidationError"},
	} {
		t.Run(c.name, func(t *testing.T) {
			lines.take()
			_, body := send(t, e, c.call)
			logged := lines.take()
			if !strings.Contains(body, c.code) || !strings.Contains(logged, "error=") {
				t.Fatalf("want %s:\n%s\n%s", c.code, body, logged)
			}
			for _, secret := range []string{token, url.QueryEscape(token), signature} {
				if strings.Contains(logged, secret[len(secret)-40:]) {
					t.Errorf("in the log: %s", logged)
				}
				if c.code != "ValidationError" && secret != signature && c.call.credentials.SessionToken != "" && strings.Contains(body, secret[len(secret)-40:]) {
					t.Errorf("in the answer: %s", body)
				}
			}
			if len(logged) > 1000 {
				t.Errorf("%d characters are logged: %s", len(logged), &lines)
			}
		})
	}
}
