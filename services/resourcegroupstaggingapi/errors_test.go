package resourcegroupstaggingapi_test

import (
	"testing"

	"emulator/emulatortest/reached"
)

// unreachable are the errors of the API model that nothing can lead to.
var unreachable = []reached.Reason{
	{Why: "what fails inside is a bug, and answered as InternalFailure", Errors: []string{"* InternalServiceException"}},
	{Why: "the requests that are counted are those of KMS only", Errors: []string{"* ThrottledException"}},
}

func TestMain(m *testing.M) {
	reached.Main(m, reached.Config{
		Service: "resourcegroupstaggingapi", Operations: []string{"GetResources", "GetTagKeys", "GetTagValues"}, Unreachable: unreachable, Table: "testdata/reached.md",
	})
}
