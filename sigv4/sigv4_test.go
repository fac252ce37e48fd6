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
	"sync"
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
	s3Secret      = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

var credentials = aws.Credentials{AccessKeyID: exampleKey, SecretAccessKey: exampleSecret}

var exampleTime = time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)

func verifier(now time.Time) *sigv4.Verifier {
	return sigv4.NewVerifier(func() time.Time { return now })
}

// The examples of AWS's guides. (Those of S3 apply as far as they sign the path and the payload as
// other services do.)
func TestPublishedExamples(t *testing.T) {
	const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	for _, c := range []struct {
		name, target, host, secret string
		header                     map[string]string
		authorization              string
	}{
		{"IAM User Guide: ListUsers", "/?Action=ListUsers&Version=2010-05-08", "iam.amazonaws.com", exampleSecret,
			map[string]string{"Content-Type": "application/x-www-form-urlencoded; charset=utf-8", "X-Amz-Date": "20150830T123600Z"},
			"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"},
		{"S3 API Reference: GET Object", "/test.txt", "examplebucket.s3.amazonaws.com", s3Secret,
			map[string]string{"Range": "bytes=0-9", "X-Amz-Content-Sha256": emptyHash, "X-Amz-Date": "20130524T000000Z"},
			"AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
		{"S3 API Reference: GET Bucket Lifecycle", "/?lifecycle", "examplebucket.s3.amazonaws.com", s3Secret,
			map[string]string{"X-Amz-Content-Sha256": emptyHash, "X-Amz-Date": "20130524T000000Z"},
			"AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
		{"S3 API Reference: GET Bucket", "/?max-keys=2&prefix=J", "examplebucket.s3.amazonaws.com", s3Secret,
			map[string]string{"X-Amz-Content-Sha256": emptyHash, "X-Amz-Date": "20130524T000000Z"},
			"AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", c.target, nil)
			r.Host = c.host
			for name, value := range c.header {
				r.Header.Set(name, value)
			}
			r.Header.Set("Authorization", c.authorization)
			s, err := sigv4.Parse(r)
			if err != nil {
				t.Fatal(err)
			}
			if err := verifier(s.Time).Verify(r, nil, s, c.secret); err != nil {
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
	address, _, err := v4.NewSigner().PresignHTTP(t.Context(), credentials, r, hex.EncodeToString(empty[:]), "kms", "us-east-1", exampleTime)
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

// The presigned requests of Kubernetes sign a header of their own; those of STS's client for Go
// say nothing of when they expire; some leave the semicolons as they are.
func TestPresignedVariants(t *testing.T) {
	r, _ := http.NewRequest("GET", "http://sts.us-east-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15", nil)
	r.Header.Set("X-K8s-Aws-Id", "cluster")
	empty := sha256.Sum256(nil)
	address, _, err := v4.NewSigner().PresignHTTP(t.Context(), credentials, r, hex.EncodeToString(empty[:]), "kms", "us-east-1", exampleTime)
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{address, strings.ReplaceAll(address, "%3B", ";")} {
		r := httptest.NewRequest("GET", address, nil)
		r.Header.Set("X-K8s-Aws-Id", "cluster")
		r.Header.Set("Accept", "application/json")
		s, err := sigv4.Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		if s.Expires != 15*time.Minute || len(s.SignedHeaders) != 2 {
			t.Errorf("parsed %+v", s)
		}
		if err := verify(r, ""); err != nil {
			t.Error(err)
		}
		r.Header.Set("X-K8s-Aws-Id", "another")
		if verify(r, "") == nil {
			t.Error("another cluster verifies")
		}
	}
}

// A path verifies as it was sent, which is what the signer for Go signs, and normalized, which is
// what the others sign and what Vault relies on: it sends to // what was signed for /.
func TestPaths(t *testing.T) {
	for _, c := range []struct {
		signed, sent string
		ok           bool
	}{
		{"/", "/", true},
		{"/x", "/x", true},
		{"//", "//", true},
		{"/", "//", true},
		{"/", "///", true},
		{"/x/", "//x//", true},
		{"/x", "/y/../x", true},
		{"/", "/../..", true},
		{"/x%20y/%E1%88%B4", "/x%20y/%E1%88%B4", true},
		{"/x/./y", "/x/./y", true},
		{"//", "/", false},
		{"/x", "/x/", false},
		{"/x", "/", false},
		{"/x", "/%78", false},
	} {
		r := signed(t, "POST", c.signed, "body", nil)
		var err error
		if r.URL, err = url.ParseRequestURI(c.sent); err != nil {
			t.Fatal(err)
		}
		if err := verify(r, "body"); (err == nil) != c.ok {
			t.Errorf("signed %s, sent %s: %v", c.signed, c.sent, err)
		}
	}
}

// AWS's texts for a clock that is wrong; both ends are still good.
func TestSkew(t *testing.T) {
	r := signed(t, "POST", "/", "", nil)
	s, err := sigv4.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		late time.Duration
		want string
	}{
		{0, ""},
		{5 * time.Minute, ""},
		{5*time.Minute + 999*time.Millisecond, ""},
		{-5 * time.Minute, ""},
		{5*time.Minute + time.Second, "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T124101Z - 5 min.)"},
		{-5*time.Minute - time.Second, "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T123059Z + 5 min.)"},
	} {
		err := verifier(exampleTime.Add(c.late).In(time.FixedZone("", 3600))).Verify(r, nil, s, exampleSecret)
		if c.want == "" {
			if err != nil {
				t.Errorf("%v late: %v", c.late, err)
			}
			continue
		}
		if err == nil || err.Error() != "SignatureDoesNotMatch: "+c.want {
			t.Errorf("%v late: %v", c.late, err)
		}
	}
}

// Without X-Amz-Date the Date header counts, in HTTP's form or in AWS's.
func TestDateHeader(t *testing.T) {
	for _, date := range []string{"Sun, 30 Aug 2015 12:36:00 GMT", "20150830T123600Z"} {
		r := signed(t, "POST", "/", "", func(r *http.Request) { r.Header.Set("Date", date) })
		r.Header.Del("X-Amz-Date")
		s, err := sigv4.Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		if !s.Time.Equal(exampleTime) {
			t.Errorf("%s is %v", date, s.Time)
		}
	}
}

// No byte of what was signed can be another one.
func TestTampering(t *testing.T) {
	const body = "Action=ListRoles&Version=2010-05-08"
	empty := sha256.Sum256(nil)
	presigned, _ := http.NewRequest("GET", "http://localhost:4566/a%20b?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Expires=60&x=%2B&y=", nil)
	presigned.Header.Set("X-K8s-Aws-Id", "cluster")
	address, _, err := v4.NewSigner().PresignHTTP(t.Context(), credentials, presigned, hex.EncodeToString(empty[:]), "kms", "us-east-1", exampleTime)
	if err != nil {
		t.Fatal(err)
	}
	presigned = httptest.NewRequest("GET", address, nil)
	presigned.Header.Set("X-K8s-Aws-Id", "cluster")
	header := signed(t, "POST", "/a%20b/c?x=%2B&y=&z", body, func(r *http.Request) {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("X-Amz-Security-Token", "token")
		r.Header.Set("X-Amz-Target", "TrentService.Encrypt")
	})
	for name, request := range map[string]struct {
		*http.Request
		body string
	}{"header": {header, body}, "query": {presigned, ""}} {
		if err := verify(request.Request, request.body); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		tampered := 0
		tamper := func(what, old string, set func(r *http.Request, changed string)) {
			for i := range old {
				for _, c := range []byte("01aZ-%") {
					if c == old[i] || what == "Authorization" && c|0x20 == old[i]|0x20 {
						continue // hexadecimal digits have two forms
					}
					r := request.Clone(t.Context())
					changed := old[:i] + string(c) + old[i+1:]
					tampered++
					set(r, changed)
					if r.URL != nil && verify(r, request.body) == nil {
						t.Errorf("%s: verifies with %s %q instead of %q", name, what, changed, old)
					}
				}
			}
		}
		tamper("method", request.Method, func(r *http.Request, s string) { r.Method = s })
		tamper("target", request.URL.RequestURI(), func(r *http.Request, s string) { r.URL, _ = url.ParseRequestURI(s) })
		tamper("host", request.Host, func(r *http.Request, s string) { r.Host = s })
		for field, value := range request.Header {
			if field == "Authorization" { // who owns the access key is another question
				id := len("AWS4-HMAC-SHA256 Credential=" + exampleKey)
				tamper(field, value[0][id:], func(r *http.Request, s string) { r.Header.Set(field, value[0][:id]+s) })
				continue
			}
			tamper(field, value[0], func(r *http.Request, s string) { r.Header.Set(field, s) })
		}
		s, err := sigv4.Parse(request.Request)
		if err != nil {
			t.Fatal(err)
		}
		v := verifier(exampleTime)
		for i := range len(request.body) + 1 {
			if v.Verify(request.Request, []byte(request.body[:i]+"x"+request.body[min(i+1, len(request.body)):]), s, exampleSecret) == nil {
				t.Errorf("%s: verifies with byte %d of the body changed", name, i)
			}
		}
		if tampered < 1000 {
			t.Errorf("%s: only %d changes", name, tampered)
		}
	}
}

// One verifier serves everybody at a time.
func TestConcurrent(t *testing.T) {
	v := verifier(exampleTime)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			body := strings.Repeat("x", i*700)
			r := signed(t, "POST", "/", body, nil)
			s, err := sigv4.Parse(r)
			if err != nil {
				t.Error(err)
				return
			}
			for j := range 200 {
				secret := exampleSecret
				if j%3 == i%3 {
					secret = "other"
				}
				if err := v.Verify(r, []byte(body), s, secret); (err == nil) != (secret == exampleSecret) {
					t.Errorf("secret %s: %v", secret, err)
				}
			}
		})
	}
	wg.Wait()
}

// Each way in which a signature makes no sense has its error.
func TestParseErrors(t *testing.T) {
	good := "AWS4-HMAC-SHA256 Credential=a/20150830/us-east-1/iam/aws4_request, SignedHeaders=host;x-amz-date, Signature=" + strings.Repeat("a", 64)
	presigned := "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a/20150830/us-east-1/iam/aws4_request&X-Amz-Date=20150830T123600Z&X-Amz-SignedHeaders=host&X-Amz-Signature=" + strings.Repeat("a", 64)
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
		{"AWS's header not signed", good, "/", "SignatureDoesNotMatch", "'X-Amz-Target' must be a 'SignedHeader'", func(h http.Header) { h.Set("X-Amz-Target", "TrentService.Encrypt") }},
		{"headers not sorted", strings.Replace(good, "host;x-amz-date", "x-amz-date;host", 1), "/", "IncompleteSignature", "sorted", nil},
		{"two headers", good, "/", "IncompleteSignature", "more than one Authorization header", func(h http.Header) { h.Add("Authorization", "x") }},
		{"header and query", good, "/?X-Amz-Algorithm=x", "SignatureDoesNotMatch", "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.", nil},
		{"query: incomplete", "", "/?X-Amz-Signature=x", "IncompleteSignature", "AWS query-string parameters must include 'X-Amz-Algorithm'. AWS query-string parameters must include 'X-Amz-Credential'. AWS query-string parameters must include 'X-Amz-SignedHeaders'. AWS query-string parameters must include 'X-Amz-Date'. Re-examine", nil},
		{"query: twice", "", "/?X-Amz-Signature=x&X-Amz-Signature=y", "IncompleteSignature", "more than once", nil},
		{"query: name escaped", "", "/?X%2DAmz-Signature=x", "IncompleteSignature", "must include 'X-Amz-Algorithm'", nil},
		{"query: SigV4A", "", "/?X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256", "IncompleteSignature", "Signature Version 4A", nil},
		{"query: expires never", "", presigned + "&X-Amz-Expires=604801", "IncompleteSignature", "from 1 to 604800. Got '604801'", func(h http.Header) { h.Del("X-Amz-Date") }},
		{"query: expires at once", "", presigned + "&X-Amz-Expires=0", "IncompleteSignature", "from 1 to 604800. Got '0'", func(h http.Header) { h.Del("X-Amz-Date") }},
		{"query: expires at no number", "", presigned + "&X-Amz-Expires=1e3", "IncompleteSignature", "from 1 to 604800. Got '1e3'", func(h http.Header) { h.Del("X-Amz-Date") }},
		{"query: AWS's header not signed", "", presigned, "SignatureDoesNotMatch", "'X-Amz-Date' must be a 'SignedHeader'", nil},
		{"empty header", "", "/", "MissingAuthenticationToken", "Request is missing Authentication Token", func(h http.Header) { h.Set("Authorization", "") }},
		{"only a scheme", "AWS4-HMAC-SHA256", "/", "IncompleteSignature", "'' not a valid key=value pair", nil},
		{"another version", "AWS4-HMAC-SHA512 x", "/", "IncompleteSignature", "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA512' (only AWS4-HMAC-SHA256 for now). ", nil},
		{"parameter twice", good + ", Credential=b", "/", "IncompleteSignature", "more than one 'Credential' parameter", nil},
		{"nothing and no date", "AWS4-HMAC-SHA256 a=b", "/", "IncompleteSignature", "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. " +
			"Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. Authorization=AWS4-HMAC-SHA256 a=b", func(h http.Header) { h.Del("X-Amz-Date") }},
		{"fraction of a second", good, "/", "IncompleteSignature", "Got '20150830T123600.5Z'", func(h http.Header) { h.Set("X-Amz-Date", "20150830T123600.5Z") }},
		{"wrong terminator and day", strings.Replace(good, "20150830/us-east-1/iam/aws4_request", "20150831/us-east-1/iam/x", 1), "/", "SignatureDoesNotMatch",
			"Credential should be scoped with a valid terminator: 'aws4_request', not 'x'. Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20150831' != '20150830', from '20150830T123600Z'.", nil},
		{"short signature", strings.TrimSuffix(good, "a"), "/", "IncompleteSignature", "64 hexadecimal digits", nil},
		{"header signed twice", strings.Replace(good, "host;", "host;host;", 1), "/", "IncompleteSignature", "each once", nil},
		{"header in upper case", strings.Replace(good, "host;", "Host;", 1), "/", "IncompleteSignature", "lower case", nil},
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
		"UNSIGNED-PAYLOAD": "does not match what was computed", strings.Repeat("0", 64): "does not match what was computed", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD": "Chunked signing",
	} {
		r, _ := http.NewRequest("POST", "http://localhost/", strings.NewReader("body"))
		r.Header.Set("X-Amz-Content-Sha256", hash)
		if err := v4.NewSigner().SignHTTP(t.Context(), credentials, r, hash, "iam", "us-east-1", exampleTime); err != nil {
			t.Fatal(err)
		}
		r.Host = "localhost"
		if err := verify(r, "body"); api.ErrorCode(err) != "SignatureDoesNotMatch" || !strings.Contains(err.Error(), text) {
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

// Whatever the SDK can sign verifies, with what the wire makes of it.
func FuzzVerify(f *testing.F) {
	f.Add("POST", "/", "a  b", "text/plain", []byte("body"))
	f.Add("GET", "//x/../%2F?b=2&a=1&a=&+=%2B&%E1%88%B4", "", "", []byte{})
	f.Fuzz(func(t *testing.T, method, target, value, contentType string, body []byte) {
		r, err := http.NewRequest(method, "http://localhost:4566", nil)
		if err != nil {
			t.Skip()
		}
		if r.URL, err = url.ParseRequestURI(target); err != nil || !strings.HasPrefix(target, "/") || strings.Contains(target, "X-Amz-") {
			t.Skip()
		}
		r.Header.Set("X-Header", value)
		r.Header.Set("Content-Type", contentType)
		r.ContentLength = int64(len(body))
		hash := sha256.Sum256(body)
		if err := v4.NewSigner().SignHTTP(t.Context(), credentials, r, hex.EncodeToString(hash[:]), "iam", "us-east-1", exampleTime); err != nil {
			t.Skip()
		}
		if r.URL, err = url.ParseRequestURI(r.URL.RequestURI()); err != nil {
			t.Skip()
		}
		if err := verify(r, string(body)); err != nil {
			t.Fatal(err)
		}
		if verify(r, string(body)+"x") == nil {
			t.Fatal("another body verifies")
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
