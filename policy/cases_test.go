package policy

import (
	"os"
	"path/filepath"
	"testing"
)

// oracleWrong lists cases in which the independent simulator contradicts AWS's documentation.
// With each the page that decides.
var oracleWrong = map[string]string{
	// A variable's default is for a key that is absent; aws:PrincipalTag/team is present here, and empty.
	"random-7-451": "IAM: Policy variables, Specifying default values",
	// 0.0.0.0/0 contains every IPv4 address.
	"random-7-930":  "IAM: Condition operators, IP address condition operators",
	"random-7-1950": "IAM: Condition operators, IP address condition operators",
}

func readCases(t testing.TB, pattern string) []Case {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in %s: %v", pattern, err)
	}
	var all []Case
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		cases, err := ReadCases(f)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, cases...)
	}
	return all
}

func TestCases(t *testing.T) {
	for _, c := range readCases(t, "testdata/*.json*") {
		if oracleWrong[c.Name] != "" {
			continue
		}
		r, p, err := c.Build()
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		d := Evaluate(r, p)
		if d.Effect.String() != c.Expected {
			t.Errorf("%s: %s (%v %q), want %s", c.Name, d.Effect, d.Source, d.Policy, c.Expected)
		}
		if trace := Explain(r, p); trace.Effect != d.Effect.String() {
			t.Errorf("%s: Explain says %s, Evaluate %s", c.Name, trace.Effect, d.Effect)
		}
	}
}
