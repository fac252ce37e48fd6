// Package reached notes, while the tests of a service run, which operation answered which error, and holds them to the API model:
// each error that it declares is reached by a test, or stands with the reason why nothing leads to it.
package reached

import (
	"bytes"
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"emulator/api/model"
)

// Config tells what the tests of a service have to reach.
type Config struct {
	// Service is its name in the API model: "iam".
	Service string
	// Operations are those that are there. None is all of the model's.
	Operations []string
	// Unreachable are reasons why errors are not reached. Of those that match an error the first counts.
	Unreachable []Reason
	// Quotas are the names of all quotas, each of which has to be exceeded by a test.
	Quotas []string
	// QuotaOf returns the name of the quota that an error tells of, or "".
	QuotaOf func(code, message string) string
	// Table is the file that shows what is reached. Tests fail if it is not true any more; with -update they write it.
	Table string
}

// Reason is why nothing leads to errors.
type Reason struct {
	Why string
	// Errors are patterns, as of path.Match, of an operation and a code: "Delete* LimitExceeded".
	Errors []string
}

var update = flag.Bool("update", false, "write the table of the errors that tests reach")

// Main is the TestMain of a package that tests through http.DefaultClient, as the clients of emulatortest do. It checks after a
// run of all tests.
func Main(m *testing.M, c Config) {
	flag.Parse()
	service, err := model.Load(c.Service)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	t := &transport{config: c, service: service, codes: make(map[string]map[string]bool), quotas: make(map[string]map[string]bool)}
	http.DefaultClient.Transport = t
	code := m.Run()
	partly := slices.ContainsFunc([]string{"test.run", "test.skip", "test.fuzz", "test.list"}, func(name string) bool { return flag.Lookup(name).Value.String() != "" })
	if code == 0 && !partly {
		code = t.check()
	}
	os.Exit(code)
}

type transport struct {
	config  Config
	service *model.Service

	mu     sync.Mutex
	codes  map[string]map[string]bool // of an operation; "" is success
	quotas map[string]map[string]bool // that an operation told of
}

// RoundTrip is that of all clients.
func (t *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	request, operation, err := t.operation(request)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil || operation == "" {
		return response, err
	}
	code, message := "", ""
	if response.StatusCode >= http.StatusBadRequest {
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			return nil, err
		}
		response.Body = io.NopCloser(bytes.NewReader(body))
		code, _, _ = strings.Cut(response.Header.Get("X-Amzn-ErrorType"), ":")
		var failure struct {
			Error struct{ Code, Message string }
		}
		if t.service.Protocol == "query" && xml.Unmarshal(body, &failure) == nil {
			code, message = failure.Error.Code, failure.Error.Message
		}
		if code == "" {
			return response, nil // the endpoint's own error, which is no operation's
		}
	}
	t.note(operation, code, message)
	return response, nil
}

// operation returns the service's operation that a request asks for, or "", and the request to send.
func (t *transport) operation(request *http.Request) (*http.Request, string, error) {
	if t.service.Protocol != "query" {
		operation, _ := strings.CutPrefix(request.Header.Get("X-Amz-Target"), t.service.TargetPrefix+".")
		return request, operation, nil
	}
	if request.Body == nil || !strings.HasPrefix(request.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return request, "", nil
	}
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, "", err
	}
	request = request.Clone(request.Context())
	request.Body = io.NopCloser(bytes.NewReader(body))
	form, err := url.ParseQuery(string(body))
	if err != nil || form.Get("Version") != t.service.APIVersion {
		return request, "", nil
	}
	return request, form.Get("Action"), nil
}

// Note is for a test that calls an operation without a client.
func Note(operation, code string) {
	http.DefaultClient.Transport.(*transport).note(operation, code, "")
}

func (t *transport) note(operation, code, message string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	add(t.codes, operation, code)
	if t.config.QuotaOf == nil || code == "" {
		return
	}
	if name := t.config.QuotaOf(code, message); name != "" {
		add(t.quotas, operation, name)
	}
}

func add(to map[string]map[string]bool, operation, value string) {
	if to[operation] == nil {
		to[operation] = make(map[string]bool)
	}
	to[operation][value] = true
}

// why returns the number of the reason, from 1 on, why nothing leads to an error, or 0, and the pattern that matches it.
func (t *transport) why(operation, code string) (number int, pattern string) {
	for i, reason := range t.config.Unreachable {
		for _, pattern := range reason.Errors {
			if ok, err := path.Match(pattern, operation+" "+code); ok && err == nil {
				return i + 1, pattern
			}
		}
	}
	return 0, ""
}

// check tells what is not reached and has no reason, and what has changed of the table.
func (t *transport) check() (exit int) {
	fail := func(format string, args ...any) {
		fmt.Printf(format+"\n", args...)
		exit = 1
	}
	needed := make(map[string]bool) // patterns
	exceeded := make(map[string]bool)
	var table strings.Builder
	fmt.Fprintf(&table, "# What the tests of %s reach\n\nMade by the tests (`go test -update`). Numbers are of the reasons below.\n\n", t.config.Service)
	table.WriteString("| operation | errors of the API model that tests reach | those that nothing leads to | quotas |\n| --- | --- | --- | --- |\n")
	operations := t.config.Operations
	if operations == nil {
		operations = slices.Collect(maps.Keys(t.service.Operations))
	}
	for _, name := range slices.Sorted(slices.Values(operations)) {
		if !t.codes[name][""] {
			fail("no test has %s succeed", name)
		}
		var reached, not []string
		for _, shape := range t.service.Operations[name].Errors {
			code := shape.Error.Code
			switch why, pattern := t.why(name, code); {
			case t.codes[name][code]:
				reached = append(reached, code)
			case why == 0:
				fail("no test reaches %s of %s", code, name)
			default:
				needed[pattern] = true
				not = append(not, fmt.Sprintf("%s (%d)", code, why))
			}
		}
		slices.Sort(reached)
		slices.Sort(not)
		quotas := slices.Sorted(maps.Keys(t.quotas[name]))
		for _, q := range quotas {
			exceeded[q] = true
		}
		fmt.Fprintf(&table, "| %s | %s | %s | %s |\n", name, strings.Join(reached, ", "), strings.Join(not, ", "), strings.Join(quotas, ", "))
	}
	for _, q := range t.config.Quotas {
		if !exceeded[q] {
			fail("no test exceeds %s", q)
		}
	}
	table.WriteString("\n")
	for i, r := range t.config.Unreachable {
		fmt.Fprintf(&table, "%d. %s\n", i+1, r.Why)
		for _, pattern := range r.Errors {
			if !needed[pattern] {
				fail("%s is reached, or another reason has it, though %s", pattern, r.Why)
			}
		}
	}
	if exit == 0 {
		if err := t.compare(table.String()); err != nil {
			fail("%v", err)
		}
	}
	return exit
}

// compare holds the file of the table to what it should be, or writes it.
func (t *transport) compare(table string) error {
	if t.config.Table == "" {
		return nil
	}
	if *update {
		return os.WriteFile(t.config.Table, []byte(table), 0o644)
	}
	written, err := os.ReadFile(t.config.Table)
	if err != nil {
		return err
	}
	if string(written) != table {
		return fmt.Errorf("%s is not what the tests reach: run go test -update", t.config.Table)
	}
	return nil
}
