package server_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"emulator/emulatortest"
	"emulator/server"
)

// FuzzRequest sends any bytes as requests, as they are or, if the first of them can be read, with a signature of a
// service's: nothing is answered with a 5xx but what is not there yet, and nothing panics.
func FuzzRequest(f *testing.F) {
	if dir := "/dev/shm"; isDir(dir) { // a commit takes no disk
		f.Setenv("TMPDIR", dir)
	}
	var lines logLines
	s, err := server.Open(server.Config{Offline: true, Log: slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	metadata, err := s.MetadataHandler(server.Metadata{Region: emulatortest.Region, Role: "arn:aws:iam::000000000000:role/app", AllowV1: true})
	if err != nil {
		f.Fatal(err)
	}
	serve := func(handler func(context.Context, net.Listener) error) func([]byte) []byte {
		l := &memoryListener{connections: make(chan net.Conn)}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- handler(ctx, l) }()
		f.Cleanup(func() { cancel(); l.Close(); <-done })
		return l.exchange
	}
	main := serve(func(ctx context.Context, l net.Listener) error { return s.Serve(ctx, l, nil) })
	instance := serve(func(ctx context.Context, l net.Listener) error { return s.ServeMetadata(ctx, l, metadata) })

	for _, r := range seeds {
		for signer := range uint8(len(signers) + 1) {
			f.Add([]byte(r), signer)
		}
	}
	f.Fuzz(func(t *testing.T, request []byte, signer uint8) {
		lines.take()
		exchange := main
		if signer%uint8(len(signers)+1) == uint8(len(signers)) {
			exchange = instance
		} else {
			request = signAs(request, signers[signer%uint8(len(signers)+1)])
		}
		answers := bufio.NewReader(bytes.NewReader(exchange(request)))
		for {
			answer, err := http.ReadResponse(answers, nil)
			if err != nil {
				break
			}
			body, _ := io.ReadAll(answer.Body)
			if answer.StatusCode >= 500 && answer.StatusCode != http.StatusNotImplemented && answer.StatusCode != http.StatusHTTPVersionNotSupported {
				t.Errorf("%s: %s\n%q\n%s", answer.Status, body, request, lines.take())
			}
		}
		if logged := lines.take(); strings.Contains(logged, "panic") && !bytes.Contains(request, []byte("panic")) {
			t.Errorf("%q\n%s", request, logged)
		}
	})
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// signers are the services that a request is signed for, by their signing names; it is not signed for "".
var signers = []string{"", "sts", "iam", "kms", "cloudhsm", "organizations", "tagging"}

// signAs signs the request as the root user's, if it is one.
func signAs(request []byte, service string) []byte {
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(request)))
	if service == "" || err != nil {
		return request
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return request
	}
	for _, name := range []string{"Authorization", "X-Amz-Date", "X-Amz-Security-Token", "Connection", "Transfer-Encoding", "Content-Length"} {
		r.Header.Del(name)
	}
	r.TransferEncoding, r.ContentLength, r.RequestURI = nil, int64(len(body)), ""
	u, err := url.Parse("http://localhost" + r.URL.RequestURI())
	if err != nil {
		return request
	}
	r.URL, r.Host, r.Body = u, "localhost", io.NopCloser(bytes.NewReader(body))
	sum := sha256.Sum256(body)
	root := aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}
	if v4.NewSigner().SignHTTP(context.Background(), root, r, hex.EncodeToString(sum[:]), service, emulatortest.Region, time.Now()) != nil {
		return request
	}
	var signed bytes.Buffer
	if r.Write(&signed) != nil {
		return request
	}
	return signed.Bytes()
}

// memoryListener is a listener of connections that are not of the network.
type memoryListener struct{ connections chan net.Conn }

func (l *memoryListener) Accept() (net.Conn, error) {
	c, ok := <-l.connections
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (l *memoryListener) Close() error {
	defer func() { recover() }() // closed twice
	close(l.connections)
	return nil
}

func (l *memoryListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4566} }

// exchange sends bytes over a connection of their own, and returns all that is answered.
func (l *memoryListener) exchange(sent []byte) []byte {
	ours, theirs := net.Pipe()
	defer ours.Close()
	c := &memoryConn{Conn: theirs, sent: bytes.NewReader(sent), closed: make(chan struct{})}
	l.connections <- c
	<-c.closed
	return c.answered.Bytes()
}

// memoryConn is the server's side: what was sent can be read at once, and ends. To a reader of one
// byte it does not end: so net/http waits for its client to go away, which would end requests under way.
type memoryConn struct {
	net.Conn // for deadlines
	sent     *bytes.Reader
	answered bytes.Buffer
	closed   chan struct{}
}

func (c *memoryConn) Read(p []byte) (int, error) {
	if c.sent.Len() == 0 && len(p) == 1 {
		return c.Conn.Read(p)
	}
	return c.sent.Read(p)
}

func (c *memoryConn) Write(p []byte) (int, error) { return c.answered.Write(p) }

func (c *memoryConn) Close() error {
	select {
	case <-c.closed:
	default:
		close(c.closed)
	}
	return c.Conn.Close()
}

func (c *memoryConn) LocalAddr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4566}
}

func (c *memoryConn) RemoteAddr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 50000}
}

// seeds are requests of each kind.
var seeds = []string{
	post("/", "Content-Type: application/x-www-form-urlencoded", whoAmI),
	post("/", "Content-Type: application/x-www-form-urlencoded\r\nAccept: application/json", whoAmI),
	post("//", "Content-Type: application/x-www-form-urlencoded", "Action=AssumeRole&Version=2011-06-15&RoleArn=arn:aws:iam::000000000000:role/app&RoleSessionName=a&Tags.member.1.Key=a&Tags.member.1.Value=b&PolicyArns.member.1.arn=arn:aws:iam::aws:policy/ReadOnlyAccess"),
	post("/", "Content-Type: application/x-www-form-urlencoded", "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn:aws:iam::000000000000:role/app&RoleSessionName=a&WebIdentityToken=eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2V4YW1wbGUuY29tIn0.AA"),
	post("/", "Content-Type: application/x-www-form-urlencoded", "Action=AssumeRoleWithSAML&Version=2011-06-15&RoleArn=arn:aws:iam::000000000000:role/app&PrincipalArn=arn:aws:iam::000000000000:saml-provider/p&SAMLAssertion=PHNhbWxwOlJlc3BvbnNlLz4%3D"),
	post("/", "Content-Type: application/x-www-form-urlencoded", "Action=CreateRole&Version=2010-05-08&RoleName=app&AssumeRolePolicyDocument=%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Principal%22%3A%7B%22Service%22%3A%22ec2.amazonaws.com%22%7D%2C%22Action%22%3A%22sts%3AAssumeRole%22%7D%5D%7D"),
	post("/", "Content-Type: application/x-www-form-urlencoded", "Action=SimulateCustomPolicy&Version=2010-05-08&ActionNames.member.1=s3%3AGetObject&ResourceArns.member.1=*&PolicyInputList.member.1=%7B%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22s3%3A*%22%2C%22Resource%22%3A%22*%22%7D%7D&ContextEntries.member.1.ContextKeyName=aws:SourceIp&ContextEntries.member.1.ContextKeyType=ip&ContextEntries.member.1.ContextKeyValues.member.1=10.0.0.1"),
	post("/", "Content-Type: application/x-www-form-urlencoded", "Action=ListUsers&Version=2010-05-08&Marker=a&MaxItems=1&PathPrefix=/"),
	post("/", "Content-Type: application/x-www-form-urlencoded", "Action=CreateUser&Version=2010-05-08&UserName=alice&Path=/a/&Tags.member.1.Key=k&Tags.member.1.Value=v"),
	post("/", "Content-Type: application/x-www-form-urlencoded\r\nContent-Encoding: gzip", "\x1f\x8b\x08\x00"),
	post("/", "Content-Type: application/x-amz-json-1.1\r\nX-Amz-Target: TrentService.CreateKey", `{"Description":"d","Tags":[{"TagKey":"a","TagValue":"b"}]}`),
	post("/", "Content-Type: application/x-amz-json-1.1\r\nX-Amz-Target: TrentService.CreateAlias", `{"AliasName":"alias/a","TargetKeyId":"1234abcd-12ab-34cd-56ef-1234567890ab"}`),
	post("/", "Content-Type: application/x-amz-json-1.1\r\nX-Amz-Target: TrentService.Encrypt", `{"KeyId":"alias/a","Plaintext":"eA==","EncryptionContext":{"a":"b"},"GrantTokens":[],"DryRun":false}`),
	post("/", "Content-Type: application/x-amz-json-1.1\r\nX-Amz-Target: TrentService.Decrypt", `{"CiphertextBlob":"AQIDAHg="}`),
	post("/", "Content-Type: application/x-amz-json-1.1\r\nX-Amz-Target: TrentService.ListKeys", `{"Limit":1,"Marker":"YQ"}`),
	post("/", "Content-Type: application/x-amz-json-1.1\r\nX-Amz-Target: AWSOrganizationsV20161128.CreateOrganization", `{"FeatureSet":"ALL"}`),
	post("/", "Content-Type: application/x-amz-json-1.1\r\nX-Amz-Target: BaldrApiService.DescribeClusters", `{}`),
	post("/", "Content-Type: application/x-www-form-urlencoded\r\nX-Amz-Date: 20261124T000000Z\r\nAuthorization: AWS4-HMAC-SHA256 Credential=test/20261124/us-east-1/sts/aws4_request, SignedHeaders=host;x-amz-date, Signature="+strings.Repeat("0", 64), whoAmI),
	get("/?" + whoAmI + "&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=test%2F20261124%2Fus-east-1%2Fsts%2Faws4_request&X-Amz-Date=20261124T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Security-Token=a&X-Amz-Signature=" + strings.Repeat("0", 64)),
	get("/?" + whoAmI),
	get("/healthz"), get("/readyz"), get("/_localstack/health"),
	get("/_emulator/version"), get("/_emulator/clock"), get("/_emulator/decisions"), get("/_emulator/oidc"), get("/_emulator/saml/metadata"),
	get("/_emulator/decisions/00000000-0000-0000-0000-000000000000"), get("/_emulator/delegation-requests/a%00b"),
	get("/_emulator/oidc/github/.well-known/openid-configuration"), get("/_emulator/oidc/github/.well-known/jwks"), get("/_emulator/oidc/github/token?claim=repository%3Dorg/app"),
	post("/_emulator/clock", "Content-Type: application/json", `{"advance":"1h"}`),
	post("/_emulator/reset", "Content-Type: application/json", `{"account":"111111111111"}`),
	post("/_emulator/explain", "Content-Type: application/json", `{"principal":"arn:aws:iam::000000000000:role/app","action":"s3:GetObject","resource":"*","context":{"aws:SourceIp":["10.0.0.1"]}}`),
	post("/_emulator/oidc/github/token", "Content-Type: application/json", `{"claims":{"repository":"org/app"}}`),
	post("/_emulator/access-tokens", "Content-Type: application/json", `{"provider":"www.amazon.com","app":"a","user":"u"}`),
	post("/_emulator/saml/response", "Content-Type: application/json", `{"role":"arn:aws:iam::000000000000:role/app","provider":"arn:aws:iam::000000000000:saml-provider/p","subject":"alice"}`),
	post("/_emulator/attestation-document", "Content-Type: application/json", `{"pcrs":{"0":"00"},"nitroTPM":true,"publicKey":"eA==","nonce":"","age":"1h"}`),
	get("/v1/authorize?client_id=arn:aws:signin:::devtools/same-device&redirect_uri=http://127.0.0.1:1/oauth/callback&response_type=code&code_challenge=" + strings.Repeat("a", 43) + "&code_challenge_method=SHA-256&scope=openid&state=s"),
	post("/v1/token", "Content-Type: application/json\r\nDPoP: a.b.c", `{"clientId":"arn:aws:signin:::devtools/same-device","grantType":"authorization_code","code":"c","redirectUri":"http://127.0.0.1:1/oauth/callback","codeVerifier":"v"}`),
	get("/federation?Action=getSigninToken&SessionType=json&Session=%7B%22sessionId%22%3A%22a%22%2C%22sessionKey%22%3A%22b%22%2C%22sessionToken%22%3A%22c%22%7D"),
	get("/federation?Action=login&Issuer=a&Destination=https%3A%2F%2Fconsole.aws.amazon.com%2F&SigninToken=a"),
	"PUT /latest/api/token HTTP/1.1\r\nHost: localhost\r\nX-aws-ec2-metadata-token-ttl-seconds: 60\r\nContent-Length: 0\r\n\r\n",
	get("/latest/meta-data/iam/security-credentials/app"), get("/latest/dynamic/instance-identity/document"),
	"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nActio\r\n0\r\n\r\n",
}

func get(path string) string { return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n" }

func post(path, headers, body string) string {
	return "POST " + path + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
}
