package policy

import (
	"os"
	"path/filepath"
	"testing"
)

func readCases(t testing.TB, path string) []Case {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cases, err := ReadCases(f)
	if err != nil {
		t.Fatal(err)
	}
	if len(cases) == 0 {
		t.Fatalf("%s has no cases", path)
	}
	return cases
}

// contradictions are the oracle's cases that AWS's documentation decides otherwise.
var contradictions = map[string]string{
	// An empty tag has a value; a default is for what is not in the request.
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-specifying-default
	"random-7-451": "ImplicitlyDenied",
	// 0.0.0.0/0 has every IPv4 address in it.
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_IPAddress
	"random-7-930":  "ImplicitlyDenied",
	"random-7-1950": "ExplicitlyDenied",
}

// TestOracle runs cases labelled by an independent simulator.
func TestOracle(t *testing.T) {
	for _, c := range readCases(t, "testdata/cases.jsonl.gz") {
		if documented, ok := contradictions[c.Name]; ok {
			c.Expected = documented
		}
		runCase(t, &c)
	}
}

// TestDocumentation runs cases made from AWS's documentation.
func TestDocumentation(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		for _, c := range readCases(t, file) {
			t.Run(c.Name, func(t *testing.T) {
				if c.Source == "" {
					t.Error("the case has no source")
				}
				runCase(t, &c)
			})
		}
	}
}

// runCase decides a case, and checks that its trace tells the same.
func runCase(t *testing.T, c *Case) {
	t.Helper()
	req, p, err := c.Build()
	if err != nil {
		t.Error(err)
		return
	}
	d := Evaluate(req, p)
	if d.Effect.String() != c.Expected {
		t.Errorf("%s: %s, want %s (%s)", c.Name, d.Effect, c.Expected, d.Reason(req.Action))
	}
	checkTrace(t, c.Name, d, Explain(req, p))
}
