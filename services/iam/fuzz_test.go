package iam

import (
	"crypto/rsa"
	"testing"

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
