package server_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"emulator/emulatortest"
	"emulator/identity"
	"emulator/server"
)

// TestRootKey has another root key in place of the one that everybody knows.
func TestRootKey(t *testing.T) {
	e := emulatortest.Start(t, server.Config{RootKey: identity.RootKey{ID: "ops", Secret: "correct-horse"}})
	for _, c := range []struct{ key, secret, arn, code string }{
		{"ops", "correct-horse", "arn:aws:iam::000000000000:root", ""},
		{"111111111111", "correct-horse", "arn:aws:iam::111111111111:root", ""},
		{"test", "test", "", "InvalidClientTokenId"},
		{"test", "correct-horse", "", "InvalidClientTokenId"},
		{"ops", "test", "", "SignatureDoesNotMatch"},
		{"111111111111", "test", "", "SignatureDoesNotMatch"},
	} {
		out, err := sts.NewFromConfig(e.ConfigWith(c.key, c.secret, "", emulatortest.Region)).GetCallerIdentity(t.Context(), nil)
		if c.code != "" {
			wantCode(t, err, c.code)
		} else if err != nil || *out.Arn != c.arn {
			t.Errorf("%s: %v, %v", c.key, out, err)
		}
	}
	keys, err := iam.NewFromConfig(e.Config()).ListAccessKeys(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if id := *keys.AccessKeyMetadata[0].AccessKeyId; id != "ops" {
		t.Errorf("the root user's key is listed as %s", id)
	}
	alone := emulatortest.Start(t, server.Config{RootKey: identity.RootKey{ID: "ops", Secret: "correct-horse"}, NoAccountKeys: true})
	_, err = sts.NewFromConfig(alone.ConfigWith("111111111111", "correct-horse", "", emulatortest.Region)).GetCallerIdentity(t.Context(), nil)
	wantCode(t, err, "InvalidClientTokenId")
}
