package main

import (
	"bytes"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
)

// TestRootKey has commands find the root key where the server does, and the screen not show it.
func TestRootKey(t *testing.T) {
	noAWS(t)
	const secret = "correct-horse"
	environ := []string{"EMULATOR_ROOT_KEY=ops:" + secret}
	s, url := serveIn(t, environ, "--ephemeral", "--listen", "127.0.0.1:0")
	if strings.Contains(s.screen(), secret) || !strings.Contains(s.screen(), "access key ops") || strings.Contains(s.screen(), "secret test") {
		t.Errorf("the screen:\n%s", s.screen())
	}
	shell := exec.Command("bash", "-euc", s.screen()[strings.Index(s.screen(), "\nexport"):]+"\nprintenv AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY")
	shell.Env = environ
	if out, err := shell.Output(); err != nil || string(out) != "ops\n"+secret+"\n" {
		t.Errorf("what the screen sets: %q, %v", out, err)
	}
	command := func(environ []string, args ...string) (int, string) {
		var stdout, stderr bytes.Buffer
		status := run(t.Context(), args, environ, &stdout, &stderr)
		return status, stdout.String() + stderr.String()
	}
	for _, c := range []struct {
		environ []string
		args    []string
		status  int
		want    string
	}{
		{environ, []string{"env", "--shell", "bash", "--endpoint", url}, 0, "AWS_SECRET_ACCESS_KEY='" + secret + "'"},
		{environ, []string{"credentials", "--endpoint", url}, 0, `"SessionToken"`},
		{nil, []string{"credentials", "--endpoint", url, "--root-key", "ops:" + secret}, 0, `"SessionToken"`},
		{nil, []string{"credentials", "--endpoint", url}, 1, "InvalidClientTokenId"},
		{environ, []string{"token", "--endpoint", url, "--claim", "repository=org/app"}, 0, "ey"},
		{environ, []string{"saml", "--endpoint", url, "metadata"}, 0, "EntityDescriptor"},
		{environ, []string{"attest", "--endpoint", url}, 0, "hEShATgi"},
		{environ, []string{"explain", "--endpoint", url, "--principal", "arn:aws:iam::000000000000:root", "--action", "kms:ListKeys"}, 0, "Allowed"},
		{environ, []string{"health", "--listen", strings.TrimPrefix(url, "http://")}, 0, ""},
	} {
		if status, text := command(c.environ, c.args...); status != c.status || !strings.Contains(text, c.want) {
			t.Errorf("%v: %d %s", c.args, status, text)
		}
	}
	// What exec runs must not become the root user.
	t.Setenv("EMULATOR_ROOT_KEY", "ops:"+secret)
	if status, text := command(environ, "exec", "--endpoint", url, "--", "sh", "-c", `test -z "$EMULATOR_ROOT_KEY"`); status != 0 {
		t.Errorf("exec: %d %s", status, text)
	}
	s.stop()
	if status := <-s.done; status != 0 || strings.Contains(s.stderr.String(), "EMULATOR_ROOT_KEY") {
		t.Errorf("%d %s", status, s.stderr)
	}
}

// TestKnownRootKeyWarning: only a listener that others may reach, with the key that they know.
func TestKnownRootKeyWarning(t *testing.T) {
	for _, c := range []struct {
		environ []string
		listen  string
		warned  bool
	}{
		{nil, "0.0.0.0:0", true},
		{[]string{"EMULATOR_ROOT_KEY=test:test"}, "[::]:0", true},
		{[]string{"EMULATOR_ROOT_KEY=ops:correct-horse"}, "0.0.0.0:0", false},
		{nil, "127.0.0.1:0", false},
	} {
		s, _ := serveIn(t, c.environ, "--ephemeral", "--listen", c.listen)
		s.stop()
		if status := <-s.done; status != 0 || strings.Contains(s.stderr.String(), "level=WARN") != c.warned {
			t.Errorf("%s with %v: %d %s", c.listen, c.environ, status, s.stderr)
		}
	}
}

// TestNamesForBrowsers: what the flags call the listener is its name, also that of the certificate.
func TestNamesForBrowsers(t *testing.T) {
	s, url := serve(t, "--ephemeral", "--host-name", "emulator.lan", "--tls-name", "emulator.test,*.emulator.test,192.0.2.1", "--allow-origin", "https://app.example")
	for host, status := range map[string]int{"emulator.lan": 200, "emulator.test": 200, "192.0.2.1": 200, "evil.test": 403} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/healthz", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		r.Header.Set("User-Agent", "Mozilla/5.0")
		r.Header.Set("Origin", "https://app.example")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != status {
			t.Errorf("%s: %s", host, resp.Status)
		}
	}
	s.stop()
	if status := <-s.done; status != 0 {
		t.Errorf("%d %s", status, s.stderr)
	}
}
