package iam

import (
	"crypto/rsa"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// FuzzSSHKey: what is taken for a key is an RSA key of a length that AWS takes, and reads back as the same.
func FuzzSSHKey(f *testing.F) {
	f.Add("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC7 comment")
	f.Add("-----BEGIN PUBLIC KEY-----\nMFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAM==\n-----END PUBLIC KEY-----")
	f.Add("-----BEGIN RSA PUBLIC KEY-----\nMAYCAQMCAQM=\n-----END RSA PUBLIC KEY-----")
	f.Fuzz(func(t *testing.T, text string) {
		key, err := parseSSHKey(text)
		if err != nil {
			return
		}
		if n := key.(ssh.CryptoPublicKey).CryptoPublicKey().(*rsa.PublicKey).N.BitLen(); n < 2048 || n > 16384 {
			t.Errorf("%d bits", n)
		}
		again, err := parseSSHKey(authorizedKey(key))
		if err != nil || authorizedKey(again) != authorizedKey(key) {
			t.Errorf("%v: %s", err, authorizedKey(key))
		}
	})
}

// FuzzServerCertificate: whatever is given as certificate, private key and chain is refused or fits together.
func FuzzServerCertificate(f *testing.F) {
	f.Add("-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n", "-----BEGIN PRIVATE KEY-----\naGVsbG8=\n-----END PRIVATE KEY-----\n", "")
	f.Add("", "-----BEGIN RSA PRIVATE KEY-----\nDEK-Info: x\n\naGVsbG8=\n-----END RSA PRIVATE KEY-----\n", "-----BEGIN CERTIFICATE-----")
	f.Fuzz(func(t *testing.T, body, key, chain string) {
		blocks, ok := decodePEM(chain)
		if ok && len(blocks) > 0 && !strings.HasPrefix(strings.TrimSpace(chain), "-----BEGIN ") {
			t.Errorf("%q has blocks", chain)
		}
		if certificate, err := parseServerCertificate(body, key, chain, time.Unix(0, 0)); err == nil && certificate.PublicKey == nil {
			t.Error("a certificate without a key")
		}
		parsePrivateKey(key)
	})
}
