package sigv4_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"emulator/api"
	"emulator/sigv4"
)

// The credentials and the time of AWS's examples.
const (
	exampleKey    = "AKIDEXAMPLE"
	exampleSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

var exampleTime = time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)

func verifier(now time.Time) *sigv4.Verifier {
	return sigv4.NewVerifier(func() time.Time { return now })
}

// AWS's published examples: the Signature Version 4 test suite, and the ListUsers request of the IAM User
// Guide ("Create a signed AWS API request").
func TestPublishedExamples(t *testing.T) {
	for _, c := range []struct {
		name, method, target, host, service, body string
		header                                    [][2]string
		signedHeaders, signature                  string
	}{
		{"suite: get-vanilla", "GET", "/", "example.amazonaws.com", "service", "", nil, "host;x-amz-date",
			"5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{"suite: get-vanilla-query-order-key-case", "GET", "/?Param2=value2&Param1=value1", "example.amazonaws.com", "service", "", nil, "host;x-amz-date",
			"b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
		{"suite: get-header-value-trim", "GET", "/", "example.amazonaws.com", "service", "", [][2]string{{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}}, "host;my-header1;my-header2;x-amz-date",
			"acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
		{"suite: get-unreserved", "GET", "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "example.amazonaws.com", "service", "", nil, "host;x-amz-date",
			"07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
		{"suite: post-vanilla", "POST", "/", "example.amazonaws.com", "service", "", nil, "host;x-amz-date",
			"5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
		{"suite: post-x-www-form-urlencoded", "POST", "/", "example.amazonaws.com", "service", "Param1=value1", [][2]string{{"Content-Type", "application/x-www-form-urlencoded"}}, "content-type;host;x-amz-date",
			"ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
		{"guide: ListUsers", "GET", "/?Action=ListUsers&Version=2010-05-08", "iam.amazonaws.com", "iam", "", [][2]string{{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}}, "content-type;host;x-amz-date",
			"5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(c.method, c.target, strings.NewReader(c.body))
			r.Host = c.host
			for _, h := range c.header {
				r.Header.Add(h[0], h[1])
			}
			r.Header.Set("X-Amz-Date", "20150830T123600Z")
			r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/"+c.service+
				"/aws4_request, SignedHeaders="+c.signedHeaders+", Signature="+c.signature)
			s, err := sigv4.Parse(r)
			if err != nil {
				t.Fatal(err)
			}
			if s.AccessKeyID != exampleKey || s.Region != "us-east-1" || s.Service != c.service {
				t.Errorf("parsed %+v", s)
			}
			if err := verifier(exampleTime).Verify(r, []byte(c.body), s, exampleSecret); err != nil {
				t.Error(err)
			}
		})
	}
}

// signed returns a request that the SDK's signer signed.
func signed(t testing.TB, method, target, body string, change func(*http.Request)) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, "http://localhost:4566"+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(r)
	}
	hash := sha256.Sum256([]byte(body))
	credentials := aws.Credentials{AccessKeyID: exampleKey, SecretAccessKey: exampleSecret}
	if err := v4.NewSigner().SignHTTP(context.Background(), credentials, r, hex.EncodeToString(hash[:]), "iam", "us-east-1", exampleTime); err != nil {
		t.Fatal(err)
	}
	r.Host = "localhost:4566"
	return r
}

func verify(r *http.Request, body string) error {
	s, err := sigv4.Parse(r)
	if err != nil {
		return err
	}
	return verifier(exampleTime).Verify(r, []byte(body), s, exampleSecret)
}

// What the SDK signs verifies, and nothing that was signed can be changed.
func TestAgreesWithSDK(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	text := func(alphabet string) string {
		b := make([]rune, 1+random.IntN(12))
		for i := range b {
			b[i] = []rune(alphabet)[random.IntN(len([]rune(alphabet)))]
		}
		return string(b)
	}
	const any = "abz019-._~ /+&=%?#:@!$'()*,;[]é€😀"
	for range 300 {
		query := url.Values{}
		for range random.IntN(4) {
			query.Add(text(any), text(any))
		}
		path := "/" + strings.Repeat("/", random.IntN(2)) + url.PathEscape(text("abz019-._~ é€/"))
		target := path
		if len(query) > 0 {
			target += "?" + query.Encode()
		}
		body := text(any)
		r := signed(t, "POST", target, body, func(r *http.Request) {
			r.Header.Set("X-Header", " "+text("ab ")+" c")
			r.Header.Add("X-Twice", "1")
			r.Header.Add("X-Twice", "2")
		})
		if err := verify(r, body); err != nil {
			t.Fatalf("%s: %v", target, err)
		}
		if verify(r, body+"x") == nil {
			t.Fatalf("%s: another body verifies", target)
		}
		for name, change := range map[string]func(r *http.Request){
			"method": func(r *http.Request) { r.Method = "PUT" },
			"path":   func(r *http.Request) { r.URL.Path, r.URL.RawPath = "/other"+r.URL.Path, "" },
			"query":  func(r *http.Request) { r.URL.RawQuery += "&x=y" },
			"header": func(r *http.Request) { r.Header.Set("X-Header", "other") },
			"host":   func(r *http.Request) { r.Host = "other" },
			"secret": nil,
		} {
			changed := r.Clone(t.Context())
			if change == nil {
				s, _ := sigv4.Parse(changed)
				if verifier(exampleTime).Verify(changed, []byte(body), s, "other") == nil {
					t.Fatal("another secret verifies")
				}
				continue
			}
			change(changed)
			if verify(changed, body) == nil {
				t.Fatalf("%s: another %s verifies", target, name)
			}
		}
	}
}

func TestPresigned(t *testing.T) {
	r, _ := http.NewRequest("GET", "http://localhost/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Expires=600", nil)
	empty := sha256.Sum256(nil)
	credentials := aws.Credentials{AccessKeyID: exampleKey, SecretAccessKey: exampleSecret, SessionToken: "token/+="}
	address, _, err := v4.NewSigner().PresignHTTP(t.Context(), credentials, r, hex.EncodeToString(empty[:]), "sts", "us-east-1", exampleTime)
	if err != nil {
		t.Fatal(err)
	}
	r = httptest.NewRequest("GET", address, nil)
	s, err := sigv4.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	if !s.Presigned || s.Expires != 10*time.Minute || s.SessionToken != "token/+=" {
		t.Errorf("parsed %+v", s)
	}
	for offset, code := range map[time.Duration]string{
		0: "", 9 * time.Minute: "", 11 * time.Minute: "RequestExpired", -4 * time.Minute: "", -6 * time.Minute: "SignatureDoesNotMatch",
	} {
		if got := api.ErrorCode(verifier(exampleTime.Add(offset)).Verify(r, nil, s, exampleSecret)); got != code {
			t.Errorf("%v after signing: %q, want %q", offset, got, code)
		}
	}
}

// Each way in which a signature makes no sense has its error.
func TestParseErrors(t *testing.T) {
	good := "AWS4-HMAC-SHA256 Credential=a/20150830/us-east-1/iam/aws4_request, SignedHeaders=host;x-amz-date, Signature=" + strings.Repeat("a", 64)
	for _, c := range []struct {
		name, authorization, target, code, text string
		change                                  func(http.Header)
	}{
		{"none", "", "/", "MissingAuthenticationToken", "Request is missing Authentication Token", nil},
		{"other scheme", "Bearer x", "/", "IncompleteSignature", "Unsupported AWS 'algorithm': 'Bearer'", nil},
		{"SigV4A", "AWS4-ECDSA-P256-SHA256 Credential=x", "/", "IncompleteSignature", "Signature Version 4A", nil},
		{"no pair", "AWS4-HMAC-SHA256 nonsense", "/", "IncompleteSignature", "'nonsense' not a valid key=value pair (missing equal-sign) in Authorization header", nil},
		{"nothing but credential", "AWS4-HMAC-SHA256 Credential=a/20150830/us-east-1/iam/aws4_request", "/", "IncompleteSignature", "Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. Authorization=", nil},
		{"no date", good, "/", "IncompleteSignature", "requires existence of either a 'X-Amz-Date' or a 'Date' header", func(h http.Header) { h.Del("X-Amz-Date") }},
		{"bad date", good, "/", "IncompleteSignature", "Date must be in ISO-8601 'basic format'. Got 'x'", func(h http.Header) { h.Set("X-Amz-Date", "x") }},
		{"short credential", strings.Replace(good, "/iam", "", 1), "/", "IncompleteSignature", "Credential must have exactly 5 slash-delimited elements", nil},
		{"wrong terminator", strings.Replace(good, "aws4_request", "aws5_request", 1), "/", "SignatureDoesNotMatch", "valid terminator: 'aws4_request'", nil},
		{"another day", strings.Replace(good, "20150830", "20150831", 1), "/", "SignatureDoesNotMatch", "'20150831' != '20150830', from '20150830T123600Z'.", nil},
		{"signature is no hex", strings.Replace(good, "aaaa", "zzzz", 1), "/", "IncompleteSignature", "64 hexadecimal digits", nil},
		{"host not signed", strings.Replace(good, "host;", "", 1), "/", "SignatureDoesNotMatch", "'Host' or ':authority' must be a 'SignedHeader'", nil},
		{"AWS's header not signed", good, "/", "SignatureDoesNotMatch", "'x-amz-security-token' must be a 'SignedHeader'", func(h http.Header) { h.Set("X-Amz-Security-Token", "x") }},
		{"headers not sorted", strings.Replace(good, "host;x-amz-date", "x-amz-date;host", 1), "/", "IncompleteSignature", "sorted", nil},
		{"two headers", good, "/", "IncompleteSignature", "more than one Authorization header", func(h http.Header) { h.Add("Authorization", "x") }},
		{"header and query", good, "/?X-Amz-Signature=x", "IncompleteSignature", "both", nil},
		{"query: incomplete", "", "/?X-Amz-Signature=x", "IncompleteSignature", "AWS query-string parameters must include 'X-Amz-Algorithm'.", nil},
		{"query: twice", "", "/?X-Amz-Signature=x&X-Amz-Signature=y", "IncompleteSignature", "more than once", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", c.target, nil)
			r.Header.Set("X-Amz-Date", "20150830T123600Z")
			if c.authorization != "" {
				r.Header.Set("Authorization", c.authorization)
			}
			if c.change != nil {
				c.change(r.Header)
			}
			s, err := sigv4.Parse(r)
			if s != nil || api.ErrorCode(err) != c.code || !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v, want %s %q", err, c.code, c.text)
			}
		})
	}
}

func TestContentHash(t *testing.T) {
	for hash, text := range map[string]string{
		"UNSIGNED-PAYLOAD": "", strings.Repeat("0", 64): "does not match what was computed", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD": "Chunked signing",
	} {
		r, _ := http.NewRequest("POST", "http://localhost/", strings.NewReader("body"))
		r.Header.Set("X-Amz-Content-Sha256", hash)
		credentials := aws.Credentials{AccessKeyID: exampleKey, SecretAccessKey: exampleSecret}
		if err := v4.NewSigner().SignHTTP(t.Context(), credentials, r, hash, "iam", "us-east-1", exampleTime); err != nil {
			t.Fatal(err)
		}
		r.Host = "localhost"
		if err := verify(r, "body"); (text == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", hash, err)
		}
	}
}

// A secret that was replaced does not go on working from the cache of signing keys.
func TestReplacedSecret(t *testing.T) {
	r := signed(t, "POST", "/", "", nil)
	s, err := sigv4.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	v := verifier(exampleTime)
	for _, secret := range []string{exampleSecret, "other", exampleSecret} {
		if err := v.Verify(r, nil, s, secret); (err == nil) != (secret == exampleSecret) {
			t.Errorf("secret %s: %v", secret, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=a/20150830/us-east-1/iam/aws4_request, SignedHeaders=host;x-amz-date, Signature="+strings.Repeat("a", 64), "20150830T123600Z", "a=b&%zz")
	f.Add("", "", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a/20150830/r/s/aws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=1&X-Amz-SignedHeaders=host&X-Amz-Signature="+strings.Repeat("a", 64))
	f.Fuzz(func(t *testing.T, authorization, date, query string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.URL.RawQuery = query
		r.Header.Set("Authorization", authorization)
		r.Header.Set("X-Amz-Date", date)
		s, err := sigv4.Parse(r)
		if err != nil {
			if api.ErrorCode(err) == "" {
				t.Errorf("%v is none of AWS's errors", err)
			}
			return
		}
		if err := verifier(exampleTime).Verify(r, nil, s, exampleSecret); err != nil && api.ErrorCode(err) == "" {
			t.Errorf("%v is none of AWS's errors", err)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	for _, size := range []int{200, 1400} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			body := strings.Repeat("x", size)
			r := signed(b, "POST", "/", body, func(r *http.Request) { r.Header.Set("Content-Type", "application/x-amz-json-1.1") })
			v := verifier(exampleTime)
			raw := bytes.Clone([]byte(body))
			b.ReportAllocs()
			for b.Loop() {
				s, err := sigv4.Parse(r)
				if err != nil {
					b.Fatal(err)
				}
				if err := v.Verify(r, raw, s, exampleSecret); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
