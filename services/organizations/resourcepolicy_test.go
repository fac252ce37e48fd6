package organizations_test

import (
	"errors"
	"testing"

	"emulator/api"
	emulated "emulator/services/organizations"
)

// Whatever a document says, it is taken or refused with a reason.
func FuzzResourcePolicy(f *testing.F) {
	for _, text := range []string{
		`{}`, `{"Statement":{"Principal":"*","Action":"organizations:List*","Resource":"*"}}`, `{"Statement":[{"Principal":{"AWS":["1"]},"Action":[],"Resource":["arn:aws:organizations::000000000000:ou/o-aaaaaaaaaa/*"]}]}`,
		`{"Statement":[null]}`, `{"Statement":{"Principal":null}}`, `{"Statement":{"Principal":"*","Action":"organizations:ListRoots","Resource":"arn:aws:organizations:::","Condition":{"X":{"organizations:PolicyType":[1]}}}}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		err := emulated.CheckStatements(text)
		if e, ok := errors.AsType[*api.Error](err); err != nil && (!ok || e.Code != "InvalidInputException" || e.Members["Reason"] == "") {
			t.Errorf("got %v", err)
		}
	})
}
