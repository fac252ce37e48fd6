package server_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"emulator/emulatortest"
	"emulator/server"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// A data directory that can't be opened is an error of one line, and stays as it is.
func TestOpenRefuses(t *testing.T) {
	made := func(t *testing.T) string {
		dir := t.TempDir()
		s, err := server.Open(server.Config{DataDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		return dir
	}
	for _, c := range []struct {
		name string
		make func(t *testing.T) server.Config
		want string
	}{
		{"damaged database", func(t *testing.T) server.Config {
			dir := made(t)
			os.WriteFile(filepath.Join(dir, "emulator.db"), []byte("nonsense"), 0o600)
			return server.Config{DataDir: dir}
		}, "damaged"},
		{"missing master key", func(t *testing.T) server.Config {
			dir := made(t)
			os.Remove(filepath.Join(dir, "master.key"))
			return server.Config{DataDir: dir}
		}, "master.key is missing"},
		{"damaged master key", func(t *testing.T) server.Config {
			dir := made(t)
			os.WriteFile(filepath.Join(dir, "master.key"), []byte("short\n"), 0o600)
			return server.Config{DataDir: dir}
		}, "want 64 hexadecimal digits"},
		{"a master key that others can read", func(t *testing.T) server.Config {
			dir := made(t)
			os.Chmod(filepath.Join(dir, "master.key"), 0o640)
			return server.Config{DataDir: dir}
		}, "master.key can be read by others on this machine; type chmod 600 /"},
		{"another master key", func(t *testing.T) server.Config {
			return server.Config{DataDir: made(t), MasterKey: strings.Repeat("ab", 32)}
		}, "the master key is not the one"},
		{"malformed master key", func(t *testing.T) server.Config {
			return server.Config{DataDir: t.TempDir(), MasterKey: "x"}
		}, "want 64 hexadecimal digits"},
		{"a file for a directory", func(t *testing.T) server.Config {
			file := filepath.Join(t.TempDir(), "file")
			os.WriteFile(file, nil, 0o600)
			return server.Config{DataDir: file}
		}, "data directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := c.make(t)
			before := snapshot(config.DataDir)
			s, err := server.Open(config)
			if err == nil {
				s.Close()
				t.Fatal("it opened")
			}
			if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%q, want %q", err, c.want)
			}
			if after := snapshot(config.DataDir); !bytes.Equal(before, after) {
				t.Error("the files were changed")
			}
		})
	}
}

func snapshot(dir string) []byte {
	var all []byte
	for _, name := range []string{"emulator.db", "master.key"} {
		text, _ := os.ReadFile(filepath.Join(dir, name))
		all = append(all, text...)
	}
	return all
}

// A directory that others can enter is warned of.
func TestOpenDirectory(t *testing.T) {
	for mode, warned := range map[os.FileMode]bool{0o700: false, 0o710: true, 0o755: true} {
		dir := t.TempDir()
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		s, err := server.Open(server.Config{DataDir: dir, Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		if got := strings.Contains(log.String(), "level=WARN") && strings.Contains(log.String(), dir); got != warned {
			t.Errorf("mode %o: log %q", mode, &log)
		}
	}
}

func TestStateIsKept(t *testing.T) {
	dir := t.TempDir()
	start := func(t *testing.T, f func(e *emulatortest.Emulator)) {
		t.Run("run", func(t *testing.T) { f(emulatortest.Start(t, server.Config{DataDir: dir})) })
	}
	var blob []byte
	start(t, func(e *emulatortest.Emulator) {
		client := kms.NewFromConfig(e.Config())
		key, err := client.CreateKey(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		out, err := client.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyMetadata.KeyId, Plaintext: []byte("kept")})
		if err != nil {
			t.Fatal(err)
		}
		blob = out.CiphertextBlob
	})
	start(t, func(e *emulatortest.Emulator) {
		out, err := kms.NewFromConfig(e.Config()).Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob})
		if err != nil || string(out.Plaintext) != "kept" {
			t.Errorf("after a restart: %v", err)
		}
	})
	info, err := os.Stat(filepath.Join(dir, "master.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("master key: %v %v", info.Mode(), err)
	}
}

func TestReset(t *testing.T) {
	e := emulatortest.Start(t)
	one := iam.NewFromConfig(e.ConfigWith("111111111111", "test", "", emulatortest.Region))
	two := iam.NewFromConfig(e.ConfigWith("222222222222", "test", "", emulatortest.Region))
	for _, client := range []*iam.Client{one, two} {
		if _, err := client.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("bob")}); err != nil {
			t.Fatal(err)
		}
	}
	key, err := one.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("bob")})
	if err != nil {
		t.Fatal(err)
	}
	users := func(client *iam.Client) int {
		t.Helper()
		out, err := client.ListUsers(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		return len(out.Users)
	}
	admin(t, e, "POST", "/reset", `{"account":"1"}`, 400)
	admin(t, e, "POST", "/reset", `{"account":"111111111111"}`, 200)
	if users(one) != 0 || users(two) != 1 {
		t.Errorf("after the reset of one account: %d and %d users", users(one), users(two))
	}
	bob := sts.NewFromConfig(e.ConfigWith(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "", emulatortest.Region))
	if _, err := bob.GetCallerIdentity(t.Context(), nil); err == nil {
		t.Error("an access key survived the reset of its account")
	}
	admin(t, e, "POST", "/reset", "", 200)
	if users(two) != 0 {
		t.Errorf("after the reset of everything: %d users", users(two))
	}
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	names := []string{"emulator.test", "192.0.2.1"}
	authority, err := server.OpenAuthority(dir, names)
	if err != nil {
		t.Fatal(err)
	}
	again, err := server.OpenAuthority(dir, names)
	if err != nil || !bytes.Equal(authority.PEM(), again.PEM()) {
		t.Fatalf("another authority the second time: %v", err)
	}
	config, err := authority.TLSConfig(names)
	if err != nil {
		t.Fatal(err)
	}
	l := tls.NewListener(listen(t), config)
	go http.Serve(l, http.NotFoundHandler())
	defer l.Close()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.PEM())
	for _, name := range []string{"localhost", "127.0.0.1", "::1", "sts.amazonaws.com", "kms.eu-west-1.amazonaws.com", "sts.cn-north-1.amazonaws.com.cn", "emulator.test", "192.0.2.1"} {
		conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: roots, ServerName: name})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		conn.Close()
	}
	if _, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: roots, ServerName: "example.com"}); err == nil {
		t.Error("the certificate is good for example.com")
	}
	os.WriteFile(filepath.Join(dir, "authority.key"), []byte("nonsense"), 0o600)
	if _, err := server.OpenAuthority(dir, names); err == nil {
		t.Error("a damaged authority opened")
	}
}

// A denial can be looked up by its request ID.
func TestDecisions(t *testing.T) {
	e := emulatortest.Start(t)
	client := iam.NewFromConfig(e.Config())
	if _, err := client.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("bob")}); err != nil {
		t.Fatal(err)
	}
	document := `{"Version":"2012-10-17","Statement":[{"Sid":"Mine","Effect":"Allow","Action":"iam:ListUsers","Resource":"*","Condition":{"StringEquals":{"aws:username":"alice"}}}]}`
	if _, err := client.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: aws.String("bob"), PolicyName: aws.String("p"), PolicyDocument: &document}); err != nil {
		t.Fatal(err)
	}
	key, err := client.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("bob")})
	if err != nil {
		t.Fatal(err)
	}
	k := aws.Credentials{AccessKeyID: *key.AccessKey.AccessKeyId, SecretAccessKey: *key.AccessKey.SecretAccessKey}
	resp, body := send(t, e, call{body: "Action=ListUsers&Version=2010-05-08", header: form, service: "iam", credentials: k})
	if resp.StatusCode != 403 || !strings.Contains(body, "because no identity-based policy allows the iam:ListUsers action") {
		t.Fatalf("%s %s", resp.Status, body)
	}
	_, trace := send(t, e, call{method: "GET", path: "/_emulator/decisions/" + resp.Header.Get("X-Amzn-Requestid")})
	for _, want := range []string{`"ImplicitlyDenied"`, `"Mine"`, `"aws:username"`, `"alice"`, `"bob"`} {
		if !strings.Contains(trace, want) {
			t.Errorf("no %s in %s", want, trace)
		}
	}
	// The message that AWS's services put into denials decodes to AWS's JSON.
	var kept struct {
		Decisions []struct{ EncodedMessage string }
	}
	if err := json.Unmarshal([]byte(trace), &kept); err != nil || len(kept.Decisions) != 1 {
		t.Fatalf("%v: %s", err, trace)
	}
	root := sts.NewFromConfig(e.Config())
	decoded, err := root.DecodeAuthorizationMessage(t.Context(), &sts.DecodeAuthorizationMessageInput{EncodedMessage: &kept.Decisions[0].EncodedMessage})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`{"allowed":false,"explicitDeny":false,"matchedStatements":{"items":[]},"failures":{"items":[]},"context":{"principal":{"id":"AIDA`,
		`"name":"bob","arn":"arn:aws:iam::000000000000:user/bob"},"action":"iam:ListUsers","resource":"arn:aws:iam::000000000000:user/"`,
		`{"key":"aws:username","values":{"items":[{"value":"bob"}]}}`,
	} {
		if !strings.Contains(*decoded.DecodedMessage, want) {
			t.Errorf("no %s in %s", want, *decoded.DecodedMessage)
		}
	}
	_, err = root.DecodeAuthorizationMessage(t.Context(), &sts.DecodeAuthorizationMessageInput{EncodedMessage: aws.String("nonsense")})
	if err == nil || !strings.Contains(err.Error(), "InvalidAuthorizationMessageException") {
		t.Errorf("nonsense: %v", err)
	}

	// The statement that denies is shown as it stands in its document.
	document = `{"Version":"2012-10-17","Statement":[{"Sid":"No","Effect":"Deny","Action":["iam:List*"],"Resource":"*","Condition":{"Bool":{"aws:SecureTransport":false}}}]}`
	if _, err := client.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: aws.String("bob"), PolicyName: aws.String("p"), PolicyDocument: &document}); err != nil {
		t.Fatal(err)
	}
	resp, _ = send(t, e, call{body: "Action=ListUsers&Version=2010-05-08", header: form, service: "iam", credentials: k})
	_, trace = send(t, e, call{method: "GET", path: "/_emulator/decisions/" + resp.Header.Get("X-Amzn-Requestid")})
	if err := json.Unmarshal([]byte(trace), &kept); err != nil {
		t.Fatal(err)
	}
	if decoded, err = root.DecodeAuthorizationMessage(t.Context(), &sts.DecodeAuthorizationMessageInput{EncodedMessage: &kept.Decisions[0].EncodedMessage}); err != nil {
		t.Fatal(err)
	}
	want := `"explicitDeny":true,"matchedStatements":{"items":[{"statementId":"No","effect":"DENY","principals":{"items":[]},"actions":{"items":[{"value":"iam:List*"}]},` +
		`"resources":{"items":[{"value":"*"}]},"conditions":{"items":[{"key":"aws:SecureTransport","values":{"items":[{"value":"false"}]}}]}}]}`
	if !strings.Contains(*decoded.DecodedMessage, want) {
		t.Errorf("no %s in %s", want, *decoded.DecodedMessage)
	}
}
