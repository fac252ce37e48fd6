package policy

import (
	"fmt"
	"testing"
)

func TestReaches(t *testing.T) {
	statement := func(effect, action, rest string) string {
		return fmt.Sprintf(`{"Effect": %q, %s, "Resource": "*"%s}`, effect, action, rest)
	}
	const (
		all       = `"Action": "*"`
		condition = `, "Condition": {"Bool": {"aws:SecureTransport": "false"}}`
	)
	for _, test := range []struct {
		name            string
		statements      string
		service, action string
		want            bool
	}{
		{"nothing", statement("Allow", `"Action": "s3:GetObject"`, ""), "kms", "", false},
		{"an action", statement("Allow", `"Action": "kms:Decrypt"`, ""), "kms", "", true},
		{"that action", statement("Allow", `"Action": "KMS:decrypt"`, ""), "kms", "Decrypt", true},
		{"another action", statement("Allow", `"Action": "kms:Decrypt"`, ""), "kms", "Encrypt", false},
		{"a longer name", statement("Allow", `"Action": "kmsx:*"`, ""), "kms", "", false},
		{"a shorter name", statement("Allow", `"Action": "kms:*"`, ""), "km", "", false},
		{"a pattern", statement("Allow", `"Action": "kms:?ncrypt"`, ""), "kms", "Encrypt", true},
		{"all", statement("Allow", all, ""), "kms", "", true},
		{"all, an action", statement("Allow", all, ""), "kms", "Encrypt", true},
		{"any vendor's", statement("Allow", `"Action": "*:*"`, ""), "kms", "Encrypt", true},
		{"an action of any vendor", statement("Allow", `"Action": "*:Enc*"`, ""), "kms", "", true},
		{"under a condition", statement("Allow", all, condition), "kms", "", true},
		{"all but the service", statement("Allow", `"NotAction": "kms:*"`, ""), "kms", "", false},
		{"all but an action", statement("Allow", `"NotAction": "kms:Decrypt"`, ""), "kms", "", true},
		{"all but that action", statement("Allow", `"NotAction": "kms:Decrypt"`, ""), "kms", "Decrypt", false},
		{"all but everything", statement("Allow", `"NotAction": "*"`, ""), "kms", "", false},
		{"the service is denied", statement("Allow", all, "") + "," + statement("Deny", `"Action": "kms:*"`, ""), "kms", "", false},
		{"another is denied", statement("Allow", all, "") + "," + statement("Deny", `"Action": "s3:*"`, ""), "kms", "", true},
		{"an action is denied", statement("Allow", all, "") + "," + statement("Deny", `"Action": "kms:Decrypt"`, ""), "kms", "", true},
		{"that action is denied", statement("Allow", all, "") + "," + statement("Deny", `"Action": "kms:Decrypt"`, ""), "kms", "Decrypt", false},
		{"it is denied under a condition", statement("Allow", all, "") + "," + statement("Deny", `"Action": "kms:*"`, condition), "kms", "", true},
		{"it is denied on some resource", statement("Allow", all, "") + `,{"Effect": "Deny", "Action": "*", "Resource": "arn:aws:kms:*:*:key/a"}`, "kms", "", true},
		{"all but others is denied", statement("Allow", all, "") + "," + statement("Deny", `"NotAction": "s3:*"`, ""), "kms", "", false},
		{"all but some of it is denied", statement("Allow", all, "") + "," + statement("Deny", `"NotAction": "kms:Enc*"`, ""), "kms", "", true},
		{"only a denial", statement("Deny", `"Action": "s3:*"`, ""), "kms", "", false},
	} {
		p, err := Parse(Identity, `{"Version": "2012-10-17", "Statement": [`+test.statements+`]}`)
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		if got := Reaches([]*Policy{p}, test.service, test.action); got != test.want {
			t.Errorf("%s: %t", test.name, got)
		}
	}
}
