package server_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"emulator/emulatortest"
	"emulator/server"
)

// dialed is a client's connection, of which a test sees every byte.
type dialed struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

func dial(t *testing.T, e *emulatortest.Emulator) *dialed {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(e.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return dialedOver(t, c)
}

func dialedOver(t *testing.T, c net.Conn) *dialed {
	c.SetDeadline(time.Now().Add(2 * time.Minute)) // a test that waits has failed
	return &dialed{t, c, bufio.NewReader(c)}
}

func (c *dialed) send(format string, args ...any) {
	c.t.Helper()
	if _, err := fmt.Fprintf(c, format, args...); err != nil {
		c.t.Fatal(err)
	}
}

func (c *dialed) answer() (int, string) {
	c.t.Helper()
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// ended waits for the server to close the connection.
func (c *dialed) ended() {
	c.t.Helper()
	if b, err := c.r.ReadByte(); err == nil {
		c.t.Errorf("the server sent %q, want it to close", b)
	}
}

// begin sends the head of a request with a body of that many bytes, and returns when the server waits for the body.
func (c *dialed) begin(head string, length int) {
	c.t.Helper()
	c.send("POST / HTTP/1.1\r\nHost: localhost\r\n%sExpect: 100-continue\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n", head, length)
	if line, err := c.r.ReadString('\n'); err != nil || !strings.Contains(line, "100") {
		c.t.Fatalf("%q %v", line, err)
	}
	c.r.ReadString('\n')
}

const health = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"

// A connection more than may be open makes an idle one end, the one that was idle for longest, be it that it
// sent a request before or none ever; and no other. Nothing tells a client when the server takes its connection for idle: all
// but the one that has to end are those that have a request under way.
func TestConnectionsAreBounded(t *testing.T) {
	e := emulatortest.Start(t, server.Config{MaxConnections: 3})
	silent, kept, busy := dial(t, e), dial(t, e), dial(t, e)
	kept.send("%s", health)
	kept.answer()
	busy.begin("", len(whoAmI))
	further := dial(t, e)
	further.begin("", len(whoAmI))
	silent.ended()
	another := dial(t, e)
	another.begin("", len(whoAmI))
	kept.ended()
	for _, c := range []*dialed{busy, further, another} {
		c.send("%s", whoAmI)
		if status, body := c.answer(); status != 403 || !strings.Contains(body, "MissingAuthenticationToken") {
			t.Errorf("one with a request under way: %d %s", status, body)
		}
	}
}

// If all connections have requests under way a further one waits until one is answered.
func TestConnectionsWait(t *testing.T) {
	e := emulatortest.Start(t, server.Config{MaxConnections: 1})
	busy := dial(t, e)
	busy.begin("", len(whoAmI))
	further := dial(t, e)
	further.send("%s", health)
	busy.send("%s", whoAmI)
	busy.answer()
	if status, _ := further.answer(); status != 200 {
		t.Errorf("%d", status)
	}
}

// The bound holds over TLS and for the instance metadata service as well.
func TestConnectionsOfOtherListeners(t *testing.T) {
	s, err := server.Open(server.Config{DataDir: t.TempDir(), MaxConnections: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	authority, err := server.OpenAuthority(s.DataDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	config, err := authority.TLSConfig(nil)
	if err != nil {
		t.Fatal(err)
	}
	metadata, err := s.MetadataHandler(server.Metadata{Region: emulatortest.Region, AllowV1: true})
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.PEM())
	for _, c := range []struct {
		name, request string
		serve         func(context.Context, net.Listener) error
		dial          func(address string) (net.Conn, error)
	}{
		{"TLS", health, func(ctx context.Context, l net.Listener) error { return s.Serve(ctx, l, config) },
			func(address string) (net.Conn, error) { return tls.Dial("tcp", address, &tls.Config{RootCAs: roots}) }},
		{"metadata", "GET /latest/meta-data/ HTTP/1.1\r\nHost: localhost\r\n\r\n", func(ctx context.Context, l net.Listener) error { return s.ServeMetadata(ctx, l, metadata) },
			func(address string) (net.Conn, error) { return net.Dial("tcp", address) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error)
			go func() { done <- c.serve(ctx, l) }()
			var before *dialed
			for range 3 {
				conn, err := c.dial(l.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				next := dialedOver(t, conn)
				next.send("%s", c.request)
				if status, _ := next.answer(); status != 200 {
					t.Errorf("%d", status)
				}
				if before != nil {
					before.ended()
				}
				before = next
			}
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

// A body takes memory as it comes, not as it is announced, and all bodies together only so much.
func TestBodiesAreBounded(t *testing.T) {
	e := emulatortest.Start(t)
	const head = "Authorization: AWS4-HMAC-SHA256 Credential=test/20261124/us-east-1/sts/aws4_request, SignedHeaders=host;x-amz-date, " +
		"Signature=0000000000000000000000000000000000000000000000000000000000000000\r\nX-Amz-Date: 20261124T000000Z\r\n"
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	var all []*dialed
	for range 100 {
		c := dial(t, e)
		c.begin(head, server.MaxBody)
		all = append(all, c)
	}
	if used := int64(heap() - before); used > 100*100<<10 {
		t.Errorf("announced bodies take %d KiB", used>>10)
	}
	// The bodies come but for their last byte. Those that are refused are answered, and there has to be room for what is left.
	answers := make(chan int, len(all))
	almost := []byte(strings.Repeat("x", server.MaxBody-1))
	for _, c := range all {
		go func() {
			status := http.StatusServiceUnavailable // unless the server closes before its answer is read
			if resp, err := http.ReadResponse(c.r, nil); err == nil {
				status = resp.StatusCode
			}
			answers <- status
		}()
		c.Write(almost) // fails once it is refused
	}
	const room = 32
	refused := 0
	for range len(all) - room {
		if status := <-answers; status != http.StatusServiceUnavailable {
			t.Fatalf("%d before the end of the body", status)
		}
		refused++
	}
	for _, c := range all {
		c.Write([]byte("x"))
	}
	for range room {
		if status := <-answers; status == http.StatusServiceUnavailable {
			refused++
		}
	}
	if refused > len(all)-room+12 {
		t.Errorf("%d of %d bodies of 1 MiB are refused", refused, len(all))
	}
	c := dial(t, e)
	c.send("%s", health)
	if status, _ := c.answer(); status != 200 {
		t.Errorf("afterwards: %d", status)
	}
}
