package main

import (
	"bytes"
	"io"
	"path/filepath"
	"strings"
	"testing"
)

// TestTrust: over https, commands trust the authority of the data directory, and what AWS_CA_BUNDLE names.
func TestTrust(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(dir, "none"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(dir, "none"))
	t.Setenv("EMULATOR_DATA_DIR", t.TempDir())
	t.Setenv("AWS_CA_BUNDLE", "")
	_, url := serve(t, "--tls", "--data-dir", dir)
	commands := map[string][]string{
		"token":    {"token", "--issuer", "plain", "--endpoint", url},
		"metadata": {"saml", "metadata", "--endpoint", url},
		"attest":   {"attest", "--endpoint", url},
		// Refused by STS, if it came to it.
		"credentials": {"credentials", "--role", "arn:aws:iam::000000000000:role/none", "--endpoint", url},
	}
	for name, args := range commands {
		for _, c := range []struct {
			name, variable, value string
			trusted               bool
		}{
			{"neither", "AWS_CA_BUNDLE", "", false},
			{"data directory", "EMULATOR_DATA_DIR", dir, true},
			{"bundle", "AWS_CA_BUNDLE", filepath.Join(dir, "ca.pem"), true},
		} {
			t.Run(name+" with "+c.name, func(t *testing.T) {
				t.Setenv(c.variable, c.value)
				var stderr bytes.Buffer
				status := run(t.Context(), args, nil, io.Discard, &stderr)
				if strings.Contains(stderr.String(), "unknown authority") == c.trusted || c.trusted && status != 0 && !strings.Contains(stderr.String(), "AccessDenied") {
					t.Errorf("status %d: %s", status, &stderr)
				}
			})
		}
	}
	t.Setenv("AWS_CA_BUNDLE", filepath.Join(dir, "authority.none"))
	var stderr bytes.Buffer
	if status := run(t.Context(), commands["token"], nil, io.Discard, &stderr); status == 0 || !strings.Contains(stderr.String(), "AWS_CA_BUNDLE: ") {
		t.Errorf("a bundle that is not there: %d %s", status, &stderr)
	}
}
