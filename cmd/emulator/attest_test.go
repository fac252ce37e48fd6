package main

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"emulator/emulatortest"
	"emulator/server"
	"emulator/services/kms/attestation"
)

// file writes a file of a test.
func file(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// runAttest runs the command, and returns what it printed.
func runAttest(t *testing.T, env settings, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := newAttestCommand(env)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func TestAttest(t *testing.T) {
	e := emulatortest.Start(t, server.Config{AdminToken: "secret"})
	env := settings{adminTokenVariable: "secret"}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	derFile := file(t, "key.der", der)
	pemFile := file(t, "key.pem", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	pcr := strings.Repeat("ab", 48)
	document := filepath.Join(t.TempDir(), "document")
	for _, c := range []struct {
		name  string
		args  []string
		check func(*attestation.Document) bool
	}{
		{"default", nil, func(d *attestation.Document) bool {
			return len(d.PCRs) == 16 && d.PublicKey == nil && d.UserData == nil
		}},
		{"PEM", []string{"--public-key", pemFile}, func(d *attestation.Document) bool { return bytes.Equal(d.PublicKey, der) }},
		{"DER", []string{"--public-key", derFile}, func(d *attestation.Document) bool { return bytes.Equal(d.PublicKey, der) }},
		{"PCRs", []string{"--pcr", "0=" + pcr, "--pcr", "31=" + strings.ToUpper(pcr)}, func(d *attestation.Document) bool {
			return d.PCRs[0][47] == 0xab && d.PCRs[31][0] == 0xab && len(d.PCRs) == 17
		}},
		{"NitroTPM", []string{"--nitrotpm", "--pcr", "4=" + pcr}, func(d *attestation.Document) bool { return d.NitroTPM && d.PCRs[4][0] == 0xab && len(d.PCRs) == 24 }},
		{"data", []string{"--user-data", file(t, "data", []byte{0, 1}), "--nonce", file(t, "nonce", nil)}, func(d *attestation.Document) bool {
			return bytes.Equal(d.UserData, []byte{0, 1}) && d.Nonce != nil && len(d.Nonce) == 0
		}},
		{"name and age", []string{"--module-id", "i-1", "--age", "4h"}, func(d *attestation.Document) bool { return d.ModuleID == "i-1" }},
		{"a file", []string{"--out", document}, func(*attestation.Document) bool { return true }},
	} {
		t.Run(c.name, func(t *testing.T) {
			stdout, err := runAttest(t, env, append(c.args, "--endpoint", e.URL)...)
			if err != nil {
				t.Fatal(err)
			}
			signed, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(stdout, "\n"))
			if stdout == "" {
				signed, err = os.ReadFile(document)
			}
			if err != nil {
				t.Fatal(err)
			}
			d, err := attestation.Parse(signed)
			if err != nil || !c.check(d) {
				t.Errorf("%+v, %v", d, err)
			}
		})
	}
	for _, c := range []struct {
		name, want string
		env        settings
		args       []string
	}{
		{"no value", `--pcr "0": want an index`, env, []string{"--pcr", "0"}},
		{"no index", `--pcr "x=00": want an index`, env, []string{"--pcr", "x=00"}},
		{"an index too high", `--pcr "32=00": want an index from 0 to 31`, env, []string{"--pcr", "32=00"}},
		{"no hexadecimal", `--pcr "0=0x00": want an index`, env, []string{"--pcr", "0=0x00"}},
		{"twice", "--pcr 0 is given twice", env, []string{"--pcr", "0=00", "--pcr", "0=01"}},
		{"too short", "its pcrs is not 1 to 32 values of 32, 48 or 64 bytes", env, []string{"--pcr", "0=00"}},
		{"a private key", "RSA PRIVATE KEY, want PUBLIC KEY", env, []string{"--public-key", file(t, "private", pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))}},
		{"no key", "no public key in PEM or DER", env, []string{"--public-key", file(t, "no key", []byte("hello"))}},
		{"no such file", "no such file", env, []string{"--nonce", filepath.Join(t.TempDir(), "none")}},
		{"too much", "its user_data is not at most 512 bytes", env, []string{"--user-data", file(t, "long", make([]byte, 513))}},
		{"no age", "age: ", env, []string{"--age", "old"}},
		{"admin token", "the admin token is wrong", settings{adminTokenVariable: "x"}, nil},
		{"arguments", "unknown command", env, []string{"enclave"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			stdout, err := runAttest(t, c.env, append(c.args, "--endpoint", e.URL)...)
			if err == nil || !strings.Contains(err.Error(), c.want) || stdout != "" {
				t.Errorf("%q %v, want %s", stdout, err, c.want)
			}
		})
	}
}

func TestReadRoots(t *testing.T) {
	e := emulatortest.Start(t)
	stdout, err := runAttest(t, nil, "--endpoint", e.URL)
	if err != nil {
		t.Fatal(err)
	}
	signed, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(stdout))
	d, err := attestation.Parse(signed)
	if err != nil {
		t.Fatal(err)
	}
	root := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: d.Root()})
	for _, c := range []struct {
		name    string
		content []byte
		roots   int
		want    string
	}{
		{"one", root, 1, ""},
		{"two, with text before them", bytes.Join([][]byte{[]byte("subject\n"), root, root, []byte("\n")}, nil), 2, ""},
		{"none", nil, 0, "want certificates"},
		{"DER", d.Root(), 0, "want certificates"},
		{"a key", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte{0}}), 0, "PUBLIC KEY is no certificate"},
		{"no certificate", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{0}}), 0, "is no certificate"},
		{"a half one", append(bytes.Clone(root), root[:100]...), 0, "want certificates"},
	} {
		roots, err := readRoots(file(t, "roots.pem", c.content))
		if len(roots) != c.roots || (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %d roots, %v", c.name, len(roots), err)
		}
	}
}
