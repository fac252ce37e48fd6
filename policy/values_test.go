package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// Where an operator for single values meets several, a Deny matches if it does with any of them, an Allow only if it does with all.
func TestSingleValuedOperatorsMeetSeveralValues(t *testing.T) {
	arns := []string{"arn:aws:iam::111111111111:user/a", "arn:aws:iam::111111111111:user/b"}
	tests := []struct {
		operator, value string
		request         []string
		any, all        bool
	}{
		{"StringEquals", "a", []string{"a", "b"}, true, false},
		{"StringEquals", "a", []string{"a", "a"}, true, true},
		{"StringEquals", "a", []string{"b", "c"}, false, false},
		{"StringNotEquals", "a", []string{"a", "b"}, true, false},
		{"StringNotEquals", "a", []string{"b", "c"}, true, true},
		{"StringNotEquals", "a", []string{"a", "a"}, false, false},
		{"StringEqualsIfExists", "a", []string{"a", "b"}, true, false},
		{"StringEqualsIgnoreCase", "A", []string{"a", "b"}, true, false},
		{"StringLike", "a*", []string{"ab", "b"}, true, false},
		{"StringNotLike", "a*", []string{"ab", "b"}, true, false},
		{"NumericLessThan", "5", []string{"3", "7"}, true, false},
		{"NumericNotEquals", "5", []string{"5", "7"}, true, false},
		{"DateGreaterThan", "2026-01-01", []string{"2027-01-01", "2025-01-01"}, true, false},
		{"Bool", "true", []string{"true", "false"}, true, false},
		{"BinaryEquals", "YQ==", []string{"YQ==", "Yg=="}, true, false},
		{"IpAddress", "10.0.0.0/8", []string{"10.1.1.1", "11.1.1.1"}, true, false},
		{"NotIpAddress", "10.0.0.0/8", []string{"10.1.1.1", "11.1.1.1"}, true, false},
		{"ArnLike", "arn:aws:iam::*:user/a", arns, true, false},
		{"ArnNotEquals", "arn:aws:iam::*:user/a", arns, true, false},
		{"Null", "false", []string{"a", "b"}, true, true},
		{"Null", "true", []string{"a", "b"}, false, false},
		{"ForAnyValue:StringEquals", "a", []string{"a", "b"}, true, true},
		{"ForAllValues:StringEquals", "a", []string{"a", "b"}, false, false},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.operator, tt.value, tt.request), func(t *testing.T) {
			req := &Request{
				Principal: Principal{Type: User, Account: "111111111111"}, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k",
				Context: NewContext(map[string][]string{"x:key": tt.request}),
			}
			for effect, want := range map[string]bool{"Deny": tt.any, "Allow": tt.all} {
				p := mustParse(t, Identity, fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":%q,"Action":"*","Resource":"*","Condition":{%q:{"x:key":%q}}}]}`, effect, tt.operator, tt.value))
				d := Evaluate(req, &Policies{Identity: []Named{{Name: "p", Policy: p}}})
				if got := d.Effect != ImplicitlyDenied; got != want {
					t.Errorf("%s matches: %v, want %v", effect, got, want)
				}
			}
		})
	}
}

// A variable is a place for one value, too.
func TestVariablesWithSeveralValues(t *testing.T) {
	tests := []struct {
		element  string
		any, all bool
	}{
		{`"Resource":"arn:aws:s3:::b/${x:key}"`, true, false},
		{`"NotResource":"arn:aws:s3:::b/${x:key}"`, true, false},
		{`"NotResource":"arn:aws:s3:::other/${x:key}"`, true, true},
		{`"Resource":"arn:aws:s3:::other/${x:key}"`, false, false},
		{`"Resource":"arn:aws:s3:::${x:key}/${x:key}"`, false, false}, // both are of the same value
		{`"Resource":"*","Condition":{"StringEquals":{"x:other":"${x:key}"}}`, true, false},
		{`"Resource":"*","Condition":{"StringNotEquals":{"x:other":"${x:key}"}}`, true, false},
		{`"Resource":"*","Condition":{"ArnLike":{"x:arn":"arn:aws:s3:::b/${x:key}"}}`, true, false},
		{`"Resource":"*","Condition":{"StringEquals":{"x:other":"${x:many}"}}`, true, false}, // too many to be tried
		{`"Resource":"*","Condition":{"StringEquals":{"x:other":"${x:none}"}}`, false, false},
	}
	var many []string
	for i := range 2 * maxChoices {
		many = append(many, fmt.Sprint(i))
	}
	req := &Request{
		Principal: Principal{Type: User, Account: "111111111111"}, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k",
		Context: NewContext(map[string][]string{"x:key": {"b", "k"}, "x:other": {"k"}, "x:arn": {"arn:aws:s3:::b/k"}, "x:many": many}),
	}
	for _, tt := range tests {
		t.Run(tt.element, func(t *testing.T) {
			for effect, want := range map[string]bool{"Deny": tt.any, "Allow": tt.all} {
				p := mustParse(t, Identity, fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":%q,"Action":"*",%s}]}`, effect, tt.element))
				d := Evaluate(req, &Policies{Identity: []Named{{Name: "p", Policy: p}}})
				if got := d.Effect != ImplicitlyDenied; got != want {
					t.Errorf("%s matches: %v, want %v", effect, got, want)
				}
			}
		})
	}
}

// Whoever adds a value to a key that has one, under the same name or under one in another case, is
// not allowed what was denied, and gets the same answer each time, with the same trace.
func TestMoreValuesAllowNothingMore(t *testing.T) {
	m := newMixer(t)
	changed := 0
	for range 20_000 {
		req, p := m.mix()
		before := Evaluate(req, p)
		keys := maps.Clone(map[string][]string(req.Context.(MapContext)))
		single := func(key string) bool { return len(keys[key]) == 1 }
		candidates := slices.DeleteFunc(slices.Sorted(maps.Keys(keys)), func(key string) bool { return !single(key) || key == strings.ToUpper(key) })
		if len(candidates) == 0 {
			continue
		}
		key := pick(m, candidates)
		other := pick(m, m.requests).Context.(MapContext)[key]
		keys[strings.ToUpper(key)] = append([]string{"other"}, other...)
		var trace []byte
		for again := range 4 {
			names := slices.Sorted(maps.Keys(keys))
			if again%2 == 1 {
				slices.Reverse(names)
			}
			ordered := make(map[string][]string)
			for _, name := range names {
				ordered[name] = keys[name]
			}
			asked := *req
			asked.Context = NewContext(ordered)
			after := Evaluate(&asked, p)
			if before.Effect != Allowed && after.Effect == Allowed && !readsSets(p, key) {
				t.Fatalf("%s with %q beside %q turned %s into Allowed", key, keys[strings.ToUpper(key)], keys[key], before.Effect)
			}
			if after.Effect != before.Effect {
				changed++
			}
			text, err := json.Marshal(Explain(&asked, p))
			if err != nil {
				t.Fatal(err)
			}
			if trace == nil {
				trace = text
			}
			if !bytes.Equal(text, trace) {
				t.Fatalf("the same question, another trace:\n%s\n%s", trace, text)
			}
		}
	}
	if changed == 0 {
		t.Error("no decision ever changed: the test tests nothing")
	}
}

// readsSets reports whether a policy asks for any or all of the values of a key, where more of them may well
// be more.
func readsSets(p *Policies, key string) bool {
	all := slices.Concat(p.Identity, p.Session, []Named{p.Boundary, p.Resource})
	for _, level := range slices.Concat(p.SCPs, p.RCPs) {
		all = append(all, level...)
	}
	for _, n := range all {
		if n.Policy == nil {
			continue
		}
		for _, s := range n.Policy.Statements {
			for _, c := range s.conditions {
				if c.lowerKey == key && c.operator.set != single {
					return true
				}
			}
		}
	}
	return false
}

// A decision that would take too long denies, and says so.
func TestUndecided(t *testing.T) {
	p := worstPolicies(t, worstCases()["user agent"])
	req := benchRequest()
	req.Context = NewContext(map[string][]string{"aws:UserAgent": {strings.Repeat("a", 8192)}})
	d := Evaluate(req, p)
	if d.Effect != ImplicitlyDenied || d.Source != Undecided || d.Reason(req.Action) != "because the policies that apply take too long to evaluate for this request" {
		t.Errorf("%v by %v, %s", d.Effect, d.Source, d.Reason(req.Action))
	}
	// What clients send of themselves is short, and is decided on.
	req.Context = NewContext(map[string][]string{"aws:UserAgent": {"aws-sdk-go-v2/1.48.0 ua/2.1 os/linux lang/go#1.26.8 md/GOOS#linux md/GOARCH#amd64 api/kms#1.62.5 m/E,g"}})
	if d := Evaluate(req, p); d.Source != FromIdentity {
		t.Errorf("%v by %v", d.Effect, d.Source)
	}
	// An explicit deny that was found by then counts.
	p.Resource.Policy = mustParse(t, KeyPolicy, `{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}}`)
	p.SCPs = nil
	req.Context = NewContext(map[string][]string{"aws:UserAgent": {strings.Repeat("a", 8192)}})
	if d := Evaluate(req, p); d.Effect != ExplicitlyDenied {
		t.Errorf("%v by %v", d.Effect, d.Source)
	}
}

// Dates of policies and requests: AWS's documentation refers to ISO 8601; the odd ones are of moto's tests, which were
// compared with AWS (tests/test_iam/test_iam_policies.py).
func TestDates(t *testing.T) {
	for text, want := range map[string]string{ // "": none
		"2020-01-01T01:00:00+01:00":           "2020-01-01T00:00:00Z",
		"2016-12-13T21:20:37.593194+00:00":    "2016-12-13T21:20:37.593194Z",
		"2016-12-13t2:00:00.593194+23":        "2016-12-12T03:00:00.593194Z",
		"2016-12-13T2:00:00.5-0130":           "2016-12-13T03:30:00.5Z",
		"2016-12-13t2:00:00.1999999999+10:59": "2016-12-12T15:01:00.199999999Z",
		"2016-12-13T00:00z":                   "2016-12-13T00:00:00Z",
		"2016-12-13T7":                        "2016-12-13T07:00:00Z",
		"2016-2-3":                            "2016-02-03T00:00:00Z",
		"2016-02":                             "2016-02-01T00:00:00Z",
		"2016":                                "2016-01-01T00:00:00Z",
		"01T":                                 "0001-01-01T00:00:00Z",
		"-1":                                  "-0001-01-01T00:00:00Z",
		"-292275054":                          "-292275054-01-01T00:00:00Z",
		"0":                                   "1970-01-01T00:00:00Z",
		"1577836800":                          "2020-01-01T00:00:00Z",
		"1577836800.5":                        "2020-01-01T00:00:00.5Z",

		"":                             "",
		"soon":                         "",
		"T":                            "",
		"234-13":                       "",
		"2016-02-30":                   "",
		"2016-12-13T24:00:00Z":         "",
		"2016-12-13Z":                  "",
		"2016-12-13t2:00:00.593194+1":  "",
		"2016-12-13t2:00:00+24":        "",
		"292278994-01":                 "",
		"9223372036854775808":          "",
		"2016-12-13T2:00:00.":          "",
		"2016-12-13T2:00:00.1.1":       "",
		"2016-12-13-1":                 "",
		"99999999999999999999999-1":    "",
		"2016-12-13T02:00:00+00:00:00": "",
	} {
		got, ok := parseDate(text)
		if ok != (want != "") || ok && got.Format(time.RFC3339Nano) != want {
			t.Errorf("%q is %v, %v; want %s", text, got, ok, want)
		}
	}
}
