package oidc_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"emulator/services/sts/oidc"
	"emulator/services/sts/oidc/oidctest"
)

// victim listens on all addresses of this machine, and counts who comes.
func victim(t *testing.T) (port int, connections *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	connections = new(atomic.Int32)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			c.Close()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port, connections
}

// resolveToLoopback makes every name that the resolver is asked for one of 127.0.0.1.
func resolveToLoopback(t *testing.T) {
	t.Helper()
	dns, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dns.Close() })
	go func() {
		b := make([]byte, 512)
		for {
			n, from, err := dns.ReadFrom(b)
			if err != nil {
				return
			}
			end := 12 // of the question, the only one
			for b[end] != 0 {
				end += int(b[end]) + 1
			}
			isA := binary.BigEndian.Uint16(b[end+1:]) == 1
			end += 5
			if n < end {
				continue
			}
			answer := append([]byte{b[0], b[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, b[12:end]...)
			if isA {
				answer[7] = 1
				answer = append(answer, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1)
			}
			dns.WriteTo(answer, from)
		}
	}()
	before := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", dns.LocalAddr().String())
	}}
	t.Cleanup(func() { net.DefaultResolver = before })
}

// TestKeysElsewhereOnThisMachine has discovery documents lead to this machine in all the ways that it can be
// written: nobody is called, and open and closed ports look the same.
func TestKeysElsewhereOnThisMachine(t *testing.T) {
	resolveToLoopback(t)
	open, connections := victim(t)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := free.Addr().(*net.TCPAddr).Port
	free.Close()
	hosts := []string{"127.0.0.1", "127.9.9.9", "localhost", "LOCALHOST", "app.localhost", "[::1]", "0.0.0.0", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
		"2130706433", "0x7f000001", "0177.0.0.1", "127.1", "rebound.test", "169.254.169.254"}
	own, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range own {
		if ip := a.(*net.IPNet).IP; ip.To4() != nil {
			hosts = append(hosts, ip.String())
		}
	}
	for _, host := range hosts {
		for _, scheme := range []string{"http", "https"} {
			var texts []string
			for _, port := range []int{open, closed} {
				i := oidctest.Start(t)
				i.AddKey("k", "ES256")
				i.Replace(oidctest.DiscoveryPath, func(w http.ResponseWriter, _ *http.Request) {
					fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":"%s://%s:%d/keys"}`, i.URL, scheme, host, port)
				})
				// Every host may be spoken to over plain http, or that would be why.
				err := verify(t, oidc.NewVerifier(oidc.Config{InsecureHosts: hosts}), i.Token("k", "ES256", claims(nil)))
				// Not every resolver knows numbers that are not written as usual.
				if !errors.Is(err, oidc.ErrNoKey) && !(errors.Is(err, oidc.ErrUnreachable) && strings.Contains(err.Error(), "no such host")) {
					t.Errorf("%s://%s:%d: %v", scheme, host, port, err)
				}
				texts = append(texts, strings.ReplaceAll(fmt.Sprint(err), fmt.Sprintf(":%d", port), ""))
			}
			if texts[0] != texts[1] {
				t.Errorf("%s://%s: open: %s; closed: %s", scheme, host, texts[0], texts[1])
			}
		}
	}
	if n := connections.Load(); n != 0 {
		t.Errorf("%d connections", n)
	}
}

// TestIssuerOnThisMachine: what a provider was registered with may be of this machine, by any name.
func TestIssuerOnThisMachine(t *testing.T) {
	resolveToLoopback(t)
	i := oidctest.Start(t)
	k := i.AddKey("k", "ES256")
	_, port, err := net.SplitHostPort(i.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"127.0.0.1", "localhost", "idp.test"} {
		issuer := "http://" + host + ":" + port
		i.Replace(oidctest.DiscoveryPath, func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, issuer, issuer+oidctest.KeysPath)
		})
		token := oidctest.Sign(t, k, "ES256", map[string]any{"kid": "k"}, claims(map[string]any{"iss": issuer}))
		if err := verify(t, oidc.NewVerifier(oidc.Config{InsecureHosts: []string{"idp.test"}}), token); err != nil {
			t.Errorf("%s: %v", issuer, err)
		}
	}
}
