// Package emulatortest runs the emulator inside a Go test:
//
//	e := emulatortest.Start(t)
//	client := sts.NewFromConfig(e.Config())
//
// Each Start is an emulator of its own, on a loopback port and with a data
// directory that goes with the test.
package emulatortest

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"emulator/clock"
	"emulator/identity"
	"emulator/server"
)

// Region is that of Config.
const Region = "us-east-1"

// Emulator is a running emulator.
type Emulator struct {
	// URL is the endpoint.
	URL string
	// Clock is the emulated time, for a test to move.
	Clock *clock.Clock

	rootKey identity.RootKey
}

// Start starts an emulator that the end of the test stops. Its state is in a
// temporary directory of the test unless config, of which at most one is given, names another.
func Start(t testing.TB, config ...server.Config) *Emulator {
	t.Helper()
	var c server.Config
	if len(config) > 0 {
		c = config[0]
	}
	if c.DataDir == "" {
		c.DataDir = t.TempDir()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelError}))
	}
	s, err := server.Open(c)
	if err != nil {
		t.Fatalf("emulator: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("emulator: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l, nil) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("emulator: serve: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("emulator: close: %v", err)
		}
	})
	return &Emulator{URL: "http://" + l.Addr().String(), Clock: s.Clock(), rootKey: cmp.Or(c.RootKey, identity.KnownRootKey)}
}

// Config returns the configuration of an SDK client that is the root user of
// account 000000000000.
func (e *Emulator) Config() aws.Config {
	return e.ConfigWith(e.rootKey.ID, e.rootKey.Secret, "", Region)
}

// ConfigWith returns the configuration of an SDK client with these credentials.
// The client does not retry: a test wants to see the first answer.
func (e *Emulator) ConfigWith(accessKeyID, secret, sessionToken, region string) aws.Config {
	return aws.Config{
		Region:       region,
		BaseEndpoint: &e.URL,
		HTTPClient:   client{},
		Credentials:  credentials.NewStaticCredentialsProvider(accessKeyID, secret, sessionToken),
		Retryer:      func() aws.Retryer { return aws.NopRetryer{} },
	}
}

// client gives net/http a body of its own. The SDK closes the one it hands over as soon
// as an answer begins; net/http, which may not have seen that body's end yet when the
// answer comes within microseconds, takes this for a failed write and drops the
// connection, with the rest of an answer of more than 4 KB.
type client struct{}

func (client) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return http.DefaultClient.Do(r)
}

// testLog hands the emulator's log to the test's.
type testLog struct{ t testing.TB }

var _ io.Writer = testLog{}

func (l testLog) Write(p []byte) (int, error) {
	l.t.Logf("%s", p)
	return len(p), nil
}
