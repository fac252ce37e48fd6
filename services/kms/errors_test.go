package kms_test

import (
	"cmp"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"emulator/api/model"
	emulated "emulator/services/kms"
)

// reached notes which operation answered which error while the tests run.
type reached struct {
	sync.Mutex
	codes map[string]bool // "Encrypt DisabledException"
}

// RoundTrip is that of the clients of all tests.
func (r *reached) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := http.DefaultTransport.RoundTrip(request)
	if _, operation, ok := strings.Cut(request.Header.Get("X-Amz-Target"), "TrentService."); ok && err == nil {
		code, _, _ := strings.Cut(response.Header.Get("X-Amzn-ErrorType"), ":")
		r.Lock()
		r.codes[operation+" "+code] = true
		r.Unlock()
	}
	return response, err
}

// unreachable are the errors of the API model that nothing can lead to, with the reason: by their code, or by the operation and the code.
var unreachable = map[string]string{
	"KMSInternalException":       "what fails inside is a bug, and answered as InternalFailure",
	"DependencyTimeoutException": "nothing that an operation depends on is on another machine",
	"KeyUnavailableException":    "key stores that are out of reach for a moment are external ones, of which there are none",

	"CreateAlias InvalidAliasNameException":        "a name with a wrong character is a ValidationException (TestTexts)",
	"CreateKey InvalidArnException":                "an ARN in a policy that is no principal's is a MalformedPolicyDocumentException",
	"DescribeKey InvalidArnException":              noARN,
	"GetPublicKey InvalidArnException":             noARN,
	"ListAliases InvalidArnException":              noARN,
	"EnableKey LimitExceededException":             "AWS has no quota of keys that are enabled any more",
	"GenerateRandom UnsupportedOperationException": "it is that of external key stores, of which there are none",
	"GetPublicKey InvalidKeyUsageException":        "a key without a public key is an UnsupportedOperationException",
	"ListRetirableGrants NotFoundException":        "a principal that does not exist is an InvalidArnException",
	"PutKeyPolicy UnsupportedOperationException":   "of AWS managed keys it is an AccessDenied, as their policies let nobody put one (TestAWSManagedKeysCannotBeChanged)",
	"TagResource LimitExceededException":           "too many tags are a TagException",

	"DeleteAlias KMSInvalidStateException":          everyState,
	"GetKeyPolicy KMSInvalidStateException":         everyState,
	"GetKeyRotationStatus KMSInvalidStateException": everyState,
	"ListGrants KMSInvalidStateException":           everyState,
	"ListKeyPolicies KMSInvalidStateException":      everyState,
	"ListKeyRotations KMSInvalidStateException":     everyState,
	"PutKeyPolicy KMSInvalidStateException":         everyState,
	"RetireGrant KMSInvalidStateException":          everyState,
	"RevokeGrant KMSInvalidStateException":          everyState,
}

const (
	noARN      = "it takes aliases, and what is no ARN is a NotFoundException (TestKeyIDs)"
	everyState = "it works in every state (https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html#key-state-table)"
)

// TestMain checks, once all tests have passed, that every error that the API model has of an operation was reached.
func TestMain(m *testing.M) {
	flag.Parse()
	r := &reached{codes: make(map[string]bool)}
	http.DefaultClient.Transport = r
	code := m.Run()
	if whole := flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.fuzz").Value.String() == "" && flag.Lookup("test.list").Value.String() == ""; code == 0 && whole {
		code = r.check()
	}
	os.Exit(code)
}

func (r *reached) check() (exit int) {
	kms, err := model.Load("kms")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	for _, op := range emulated.New(emulated.Config{}).Operations() {
		for _, shape := range kms.Operations[op.Name].Errors {
			code := shape.Name
			reached, reason := r.codes[op.Name+" "+code], cmp.Or(unreachable[code], unreachable[op.Name+" "+code])
			switch {
			case reached && reason != "":
				fmt.Printf("%s of %s was reached, though %s\n", code, op.Name, reason)
				exit = 1
			case !reached && reason == "" && !strings.HasPrefix(code, "CloudHsm") && !strings.HasPrefix(code, "Xks"): // which come with their stores
				fmt.Printf("no test reaches %s of %s\n", code, op.Name)
				exit = 1
			}
		}
	}
	return exit
}
