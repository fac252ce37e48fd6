package sts_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/aws/smithy-go"

	"emulator/api/model"
)

// reached notes which operation answered which error while the tests run.
var reached = struct {
	sync.Mutex
	codes map[string][]string
}{codes: make(map[string][]string)}

func noteError(operation, code string) {
	reached.Lock()
	defer reached.Unlock()
	reached.codes[operation] = append(reached.codes[operation], code)
}

// noteReached notes what a client got.
func noteReached(err error) {
	operation, ok := errors.AsType[*smithy.OperationError](err)
	e, isError := errors.AsType[smithy.APIError](err)
	if ok && isError {
		noteError(operation.OperationName, e.ErrorCode())
	}
}

// unreachable are the errors of the API model that nothing can lead to, with the reason.
var unreachable = map[string]string{
	"AssumeRole ExpiredTokenException": "InvalidContextAssertion, as its documentation says, stands for a context assertion that has expired",
	"AssumeRoot ExpiredTokenException": "an expired session token is refused before the operation, as ExpiredToken",
}

// TestMain checks, once all tests have passed, that every error that the API model has of an
// operation was reached.
func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if whole := flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.fuzz").Value.String() == "" && flag.Lookup("test.list").Value.String() == ""; code == 0 && whole {
		code = checkReached()
	}
	os.Exit(code)
}

func checkReached() (exit int) {
	sts, err := model.Load("sts")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	for name, operation := range sts.Operations {
		for _, shape := range operation.Errors {
			code := shape.Error.Code
			if unreachable[name+" "+code] == "" && !slices.Contains(reached.codes[name], code) {
				fmt.Printf("no test reaches %s of %s\n", code, name)
				exit = 1
			}
		}
	}
	return exit
}
