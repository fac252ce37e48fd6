package api

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestLogText(t *testing.T) {
	secret := strings.Repeat("s", 50)
	for _, c := range []struct {
		err  error
		want string
	}{
		{Errorf("NoSuchEntity", "The role with name app cannot be found."), "NoSuchEntity: The role with name app cannot be found."},
		{Errorf("SignatureDoesNotMatch", "It does not match. Check your key.\n\nThe Canonical String is %s", secret), "SignatureDoesNotMatch: It does not match"},
		{Errorf("IncompleteSignature", "Authorization header requires 'Signature' parameter. Authorization=%s", secret), "IncompleteSignature: Authorization header requires 'Signature' parameter"},
		{Errorf("IncompleteSignature", "'x' not a valid pair in Authorization header: 'it's %s'.", secret), "IncompleteSignature: 'x' not a valid pair in "},
		{Errorf("ValidationError", "Value '%s' at 'keyId' failed", secret), "ValidationError: Value '…' at 'keyId' failed"},
		{Errorf("NotFoundException", "Key 'arn:aws:kms:us-east-1:000000000000:key/%s' does not exist", secret), "NotFoundException: Key 'arn:aws:kms:us-east-1:000000000000:key/" + secret + "' does not exist"},
		{fmt.Errorf("%w (%w)", Errorf("InvalidIdentityToken", "Response signature invalid"), errors.New("no digest")), "InvalidIdentityToken: Response signature invalid (no digest)"},
		{errors.New("disk full"), "disk full"},
	} {
		if got := LogText(c.err); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
	for _, err := range []error{errors.New(strings.Repeat("é", 1<<20)), Errorf("X", "%s", strings.Repeat("é", 1<<20))} {
		if got := LogText(err); len(got) > 5000 || strings.ContainsRune(got, '\uFFFD') {
			t.Errorf("%d bytes", len(got))
		}
	}
}
