package sts_test

import (
	"testing"

	"emulator/emulatortest/reached"
)

// unreachable are the errors of the API model that nothing can lead to.
var unreachable = []reached.Reason{
	{Why: "InvalidContextAssertion, as its documentation says, stands for a context assertion that has expired", Errors: []string{"AssumeRole ExpiredTokenException"}},
	{Why: "an expired session token is refused before the operation, as ExpiredToken", Errors: []string{"AssumeRoot ExpiredTokenException"}},
}

func TestMain(m *testing.M) {
	reached.Main(m, reached.Config{Service: "sts", Unreachable: unreachable, Table: "testdata/reached.md"})
}
