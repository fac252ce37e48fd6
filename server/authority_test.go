package server_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"emulator/server"
)

// verify has Go's verifier look at a certificate that the authority signs for a name.
func verify(t *testing.T, a *server.Authority, name string) error {
	t.Helper()
	config, err := a.TLSConfig([]string{name})
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(config.Certificates[0].Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(a.PEM())
	_, err = leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name})
	return err
}

// The authority's key is of no use for other names than those it was made for.
func TestAuthorityIsLimited(t *testing.T) {
	dir := t.TempDir()
	open := func(names []string, replaced bool) *server.Authority {
		t.Helper()
		a, err := server.OpenAuthority(dir, names)
		if err != nil {
			t.Fatal(err)
		}
		if a.Replaced != replaced {
			t.Errorf("names %q: replaced is %v", names, a.Replaced)
		}
		text, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
		if err != nil || !bytes.Equal(text, a.PEM()) || bytes.Contains(text, []byte("PRIVATE")) {
			t.Errorf("ca.pem is not the certificate alone: %v\n%s", err, text)
		}
		key := filepath.Join(dir, "authority.key")
		if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("authority.key: %v, %v", info, err)
		}
		return a
	}
	check := func(a *server.Authority, good, bad []string) {
		t.Helper()
		for _, name := range good {
			if err := verify(t, a, name); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, name := range bad {
			if err := verify(t, a, name); err == nil || !strings.Contains(err.Error(), "not permitted") {
				t.Errorf("%s: %v, want that it is not permitted", name, err)
			}
		}
	}
	ours := []string{"localhost", "127.0.0.1", "127.0.0.53", "::1", "kms.eu-west-1.amazonaws.com", "sts.cn-north-1.amazonaws.com.cn", "a.b.amazonaws.com", "signin.aws.amazon.com", "eu-west-1.signin.aws.amazon.com"}
	others := []string{"example.com", "console.aws.amazon.com", "aws.amazon.com", "amazonaws.com.example.com", "notamazonaws.com", "com", "192.0.2.1", "2001:db8::1"}
	first := open(nil, false)
	check(first, ours, append(others, "emulator.test", "10.0.0.1"))
	again := open(nil, false)
	if !bytes.Equal(first.PEM(), again.PEM()) {
		t.Error("another authority the second time")
	}
	// A further name makes a new one, which the fewer names are content with.
	names := []string{"Emulator.test", "*.wild.test", "10.0.0.1", "2001:db8::7"}
	further := open(names, true)
	check(further, append(ours, "emulator.test", "x.wild.test", "10.0.0.1", "2001:db8::7"), others)
	for _, n := range [][]string{names, names[:1], {"sub.emulator.test"}, nil} {
		if !bytes.Equal(further.PEM(), open(n, false).PEM()) {
			t.Errorf("names %q: another authority", n)
		}
	}
	key := filepath.Join(dir, "authority.key")
	os.Chmod(key, 0o644)
	if _, err := server.OpenAuthority(dir, nil); err == nil || !strings.Contains(err.Error(), "type chmod 600 "+key) {
		t.Errorf("a key that others can read: %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 2 {
		t.Errorf("left behind: %v", left)
	}
}

// The unlimited authority of older versions, whose key was in ca.pem, gives way to a new one.
func TestAuthorityOfOlderVersion(t *testing.T) {
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "AWS emulator local authority"}, NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true, IPAddresses: []net.IP{net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	old := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
	for _, name := range []string{"ca.pem", "authority.key"} { // a limitless one would not do under the new name either
		if err := os.WriteFile(filepath.Join(dir, name), old, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, replaced := range []bool{true, false} {
			a, err := server.OpenAuthority(dir, nil)
			if err != nil {
				t.Fatal(err)
			}
			if a.Replaced != replaced || bytes.Contains(old, a.PEM()) || verify(t, a, "example.com") == nil {
				t.Errorf("%s: replaced is %v, and it is limited: %v", name, a.Replaced, verify(t, a, "example.com"))
			}
			if text, err := os.ReadFile(filepath.Join(dir, "ca.pem")); err != nil || bytes.Contains(text, []byte("PRIVATE")) {
				t.Errorf("%s: a private key is left in ca.pem: %v", name, err)
			}
		}
	}
}
