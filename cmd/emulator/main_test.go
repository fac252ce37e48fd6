package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"emulator/emulatortest"
)

// Wrong input is one line on stderr and exit status 1, before anything is written.
func TestRefusals(t *testing.T) {
	t.Chdir(t.TempDir())
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	for _, c := range []struct {
		name, want string
		args       []string
		environ    []string
	}{
		{"unknown flag", "unknown flag: --nonsense", []string{"--nonsense"}, nil},
		{"unknown command", "unknown command", []string{"nonsense"}, nil},
		{"unknown variable", "unknown variable EMULATOR_LISTN", nil, []string{"EMULATOR_LISTN=x"}},
		{"bad variable", "EMULATOR_EPHEMERAL", nil, []string{"EMULATOR_EPHEMERAL=perhaps"}},
		{"bad log level", `--log-level "loud"`, []string{"--log-level", "loud"}, nil},
		{"bad log format", `--log-format "xml"`, []string{"--log-format", "xml"}, nil},
		{"port in use", "address already in use", []string{"--listen", busy.Addr().String()}, nil},
		{"no address", "cannot listen on nonsense", []string{"--listen", "nonsense"}, nil},
		{"both places for state", "exclude each other", []string{"--ephemeral", "--data-dir", "x"}, nil},
		{"bad master key", "master key", []string{"--listen", "127.0.0.1:0"}, []string{"EMULATOR_MASTER_KEY=x"}},
		{"bad root key", "root key: want NAME:SECRET", []string{"--root-key", "secret"}, nil},
		{"bad root key of a caller", "root key: the name", []string{"env"}, []string{"EMULATOR_ROOT_KEY=111111111111:x"}},
		{"every origin", `allowed origin "*"`, []string{"--listen", "127.0.0.1:0", "--allow-origin", "*"}, nil},
		{"name with a port", `host name "emulator:4566"`, []string{"--listen", "127.0.0.1:0", "--host-name", "emulator:4566"}, nil},
		{"no attestation root", "--attestation-root none.pem: open none.pem", []string{"--listen", "127.0.0.1:0", "--attestation-root", "none.pem"}, nil},
		{"nobody healthy", "connection refused", []string{"health", "--listen", "127.0.0.1:1"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			if status := run(ctx, c.args, c.environ, &stdout, &stderr); status != 1 {
				t.Errorf("status %d", status)
			}
			if text := stderr.String(); !strings.Contains(text, c.want) || strings.Count(text, "\n") != 1 || !strings.HasPrefix(text, "emulator: ") {
				t.Errorf("stderr %q, want %q", text, c.want)
			}
			if stdout.Len() > 0 {
				t.Errorf("stdout %q", &stdout)
			}
		})
	}
	if left, _ := filepath.Glob(".emulator/*.db"); len(left) > 0 {
		t.Errorf("written all the same: %v", left)
	}
}

// serving is a running command.
type serving struct {
	stop   context.CancelFunc
	done   chan int
	stderr *bytes.Buffer

	mu     sync.Mutex
	stdout bytes.Buffer
}

func (s *serving) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stdout.Write(p)
}

func (s *serving) screen() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stdout.String()
}

var endpoint = regexp.MustCompile(`(?m)^export AWS_ENDPOINT_URL=(\S+)`)

// serve starts the command and waits for its screen.
func serve(t *testing.T, args ...string) (s *serving, url string) {
	t.Helper()
	return serveIn(t, nil, append(args, "--listen", "127.0.0.1:0")...)
}

func serveIn(t *testing.T, environ []string, args ...string) (s *serving, url string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	s = &serving{stop: stop, done: make(chan int, 1), stderr: new(bytes.Buffer)}
	go func() { s.done <- run(ctx, args, environ, s, s.stderr) }()
	for {
		if found := endpoint.FindStringSubmatch(s.screen()); found != nil {
			return s, found[1]
		}
		select {
		case status := <-s.done:
			t.Fatalf("it ended with %d: %s", status, s.stderr)
		case <-time.After(time.Millisecond):
		}
	}
}

func TestServe(t *testing.T) {
	dir := t.TempDir()
	s, url := serve(t, "--data-dir", dir)
	for _, want := range []string{"STS, IAM, KMS, Organizations", "access key test, secret test", "export AWS_REGION=us-east-1", "enforced   signatures", dir} {
		if !strings.Contains(s.screen(), want) {
			t.Errorf("no %q on the screen:\n%s", want, s.screen())
		}
	}
	var second bytes.Buffer
	if status := run(t.Context(), []string{"--data-dir", dir, "--listen", "127.0.0.1:0"}, nil, io.Discard, &second); status != 1 || !strings.Contains(second.String(), "in use by another process") {
		t.Errorf("a second process: %d %s", status, &second)
	}
	var stderr bytes.Buffer
	address := strings.TrimPrefix(url, "http://")
	if status := run(t.Context(), []string{"health", "--listen", address}, nil, io.Discard, &stderr); status != 0 {
		t.Errorf("health: %d %s", status, &stderr)
	}
	s.stop()
	if status := <-s.done; status != 0 {
		t.Errorf("status %d: %s", status, s.stderr)
	}
}

func TestServeEphemeralTLS(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	s, url := serve(t, "--ephemeral", "--tls")
	if !strings.HasPrefix(url, "https://") {
		t.Errorf("endpoint %s", url)
	}
	var stderr bytes.Buffer
	if status := run(t.Context(), []string{"health", "--tls", "--listen", strings.TrimPrefix(url, "https://")}, nil, io.Discard, &stderr); status != 0 {
		t.Errorf("health: %d %s", status, &stderr)
	}
	if resp, err := http.Get(url); err == nil {
		resp.Body.Close()
		t.Error("the certificate is trusted without the local authority")
	}
	s.stop()
	if status := <-s.done; status != 0 {
		t.Errorf("status %d: %s", status, s.stderr)
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "emulator-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestCA(t *testing.T) {
	dir := t.TempDir()
	var one, two bytes.Buffer
	run(t.Context(), []string{"ca", "--data-dir", dir}, nil, &one, io.Discard)
	run(t.Context(), []string{"ca"}, []string{"EMULATOR_DATA_DIR=" + dir}, &two, io.Discard)
	if !strings.HasPrefix(one.String(), "-----BEGIN CERTIFICATE-----") || one.String() != two.String() {
		t.Errorf("authorities:\n%s\n%s", &one, &two)
	}
}

// The README's table is what `emulator coverage` prints.
func TestReadmeTable(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var table bytes.Buffer
	if status := run(t.Context(), []string{"coverage"}, nil, &table, io.Discard); status != 0 {
		t.Fatalf("status %d", status)
	}
	if !strings.Contains(string(readme), table.String()) {
		t.Errorf("the README's table is not that of `emulator coverage`:\n%s", &table)
	}
}

// TestExitStatus: exec ends as the command that it ran ends, without a word of its own.
func TestExitStatus(t *testing.T) {
	e := emulatortest.Start(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	var stderr strings.Builder
	status := run(t.Context(), []string{"exec", "--endpoint", e.URL, "--", "sh", "-c", "exit 7"}, nil, io.Discard, &stderr)
	if status != 7 || stderr.String() != "" {
		t.Errorf("status %d, %q", status, stderr.String())
	}
}
