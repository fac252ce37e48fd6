package organizations_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"emulator/api/model"
	emulated "emulator/services/organizations"
)

// reached notes which operation answered which error, and which reasons, while the tests run.
type reached struct {
	sync.Mutex
	errors  map[string]bool // "MoveAccount AccountNotFoundException"
	reasons map[string]bool // "InvalidInputException INVALID_ENUM", and "FailureReason …"
}

// RoundTrip is that of the clients of all tests.
func (r *reached) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := http.DefaultTransport.RoundTrip(request)
	_, operation, ok := strings.Cut(request.Header.Get("X-Amz-Target"), "AWSOrganizationsV20161128.")
	if !ok || err != nil {
		return response, err
	}
	text, err := io.ReadAll(response.Body)
	response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(text))
	var body struct {
		Reason              string
		CreateAccountStatus struct{ FailureReason string }
	}
	json.Unmarshal(text, &body)
	code, _, _ := strings.Cut(response.Header.Get("X-Amzn-ErrorType"), ":")
	r.Lock()
	defer r.Unlock()
	r.errors[operation+" "+code] = true
	r.reasons[code+" "+body.Reason] = true
	r.reasons["FailureReason "+body.CreateAccountStatus.FailureReason] = true
	return response, err
}

// unreachable are the errors of the API model that nothing can lead to, with why: by their code, by the operation and the code, or
// by the code and the reason.
var unreachable = map[string]string{
	"ConcurrentModificationException":  "one transaction follows another",
	"ServiceException":                 "what fails inside is a bug, and answered as InternalFailure",
	"TooManyRequestsException":         "AWS has it for quotas of requests, of which Organizations publishes none",
	"UnsupportedAPIEndpointException":  "there is one endpoint",
	"PolicyChangesInProgressException": "policies change at once",

	"LeaveOrganization AccountNotFoundException":                            "an account that is in no organization is an AWSOrganizationsNotInUseException",
	"DeleteOrganization InvalidInputException":                              noInput,
	"EnableAllFeatures InvalidInputException":                               noInput,
	"LeaveOrganization InvalidInputException":                               noInput,
	"UntagResource ConstraintViolationException":                            "there are not more tags than before",
	"ListInboundResponsibilityTransfers ConstraintViolationException":       readsAll,
	"ListOutboundResponsibilityTransfers ConstraintViolationException":      readsAll,
	"TerminateResponsibilityTransfer ConstraintViolationException":          "what its end must be is told by InvalidInputExceptions",
	"DescribeEffectivePolicy ConstraintViolationException":                  unlikePolicies,
	"DisablePolicyType ConstraintViolationException":                        unlikePolicies,
	"ListAccountsWithInvalidEffectivePolicy ConstraintViolationException":   unlikePolicies,
	"ListEffectivePolicyValidationErrors ConstraintViolationException":      unlikePolicies,
	"ConstraintViolationException TAG_POLICY_VIOLATION":                     "it is, with tag policies of all services: TestTagPolicies of the server",
	"InvalidInputException CALLER_REQUIRED_FIELD_MISSING":                   "a caller has an account, and what it calls knows the organization",
	"InvalidInputException MOVING_ACCOUNT_BETWEEN_DIFFERENT_ROOTS":          "an organization has one root",
	"FailureReason UPDATE_EXISTING_RESOURCE_POLICY_WITH_TAGS_NOT_SUPPORTED": "it is PutResourcePolicy's, which is no creation of an account, and fails with TARGET_NOT_SUPPORTED",
}

const (
	noInput  = "it takes nothing that can be wrong"
	readsAll = "AWS names no constraint of it"

	unlikePolicies = "a type of policies that the organization has not is an error of its own"
)

// TestMain checks, once all tests have passed, that every error that the API model has of an operation was reached, and every reason.
func TestMain(m *testing.M) {
	flag.Parse()
	r := &reached{errors: make(map[string]bool), reasons: make(map[string]bool)}
	http.DefaultClient.Transport = r
	code := m.Run()
	if whole := flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.fuzz").Value.String() == "" && flag.Lookup("test.list").Value.String() == ""; code == 0 && whole {
		code = r.check()
	}
	os.Exit(code)
}

func (r *reached) check() (exit int) {
	organizations, err := model.Load("organizations")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	wrong := func(format string, args ...any) {
		fmt.Printf(format+"\n", args...)
		exit = 1
	}
	for _, op := range emulated.New(emulated.Config{}).Operations() {
		for _, shape := range organizations.Operations[op.Name].Errors {
			code := shape.Name
			reached, reason := r.errors[op.Name+" "+code], cmp.Or(unreachable[op.Name+" "+code], unreachable[code])
			if !reached && reason == "" {
				wrong("no test reaches %s of %s", code, op.Name)
			}
		}
	}
	for name, reached := range r.reasons {
		if reached && unreachable[name] != "" {
			wrong("%s was reached, though %s", name, unreachable[name])
		}
	}
	reasons := func(code string, all []string) {
		for _, reason := range all {
			name := code + " " + reason
			if !r.reasons[name] && unreachable[name] == "" {
				wrong("no test reaches the reason %s of %s", reason, code)
			}
		}
	}
	reasons("ConstraintViolationException", texts(types.ConstraintViolationExceptionReason("").Values()))
	reasons("InvalidInputException", texts(types.InvalidInputExceptionReason("").Values()))
	reasons("HandshakeConstraintViolationException", texts(types.HandshakeConstraintViolationExceptionReason("").Values()))
	reasons("AccessDeniedForDependencyException", texts(types.AccessDeniedForDependencyExceptionReason("").Values()))
	reasons("FailureReason", texts(types.CreateAccountFailureReason("").Values()))
	return exit
}

func texts[T ~string](values []T) (all []string) {
	for _, v := range values {
		all = append(all, string(v))
	}
	return all
}
