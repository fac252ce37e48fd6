package awspolicies

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestAll(t *testing.T) {
	all := slices.Collect(All("aws", ""))
	if len(all) != count {
		t.Fatalf("%d policies, want %d", len(all), count)
	}
	if rest := slices.Collect(All("aws", all[9].Name)); len(rest) != count-10 || rest[0] != all[10] {
		t.Errorf("after %s: %d policies", all[9].Name, len(rest))
	}
	ids := make(map[string]bool)
	for _, p := range all {
		if !json.Valid([]byte(p.Document())) {
			t.Errorf("%s: document is not JSON", p.Name)
		}
		if found, ok := Find("aws", p.ARN()); !ok || found != p {
			t.Errorf("Find(%s) = %v, %t", p.ARN(), found, ok)
		}
		if len(p.ID()) != 21 || ids[p.ID()] {
			t.Errorf("%s: ID %q", p.Name, p.ID())
		}
		ids[p.ID()] = true
		versions := p.Versions()
		if p.Created.IsZero() || p.Updated.Before(p.Created) || versions[len(versions)-1].ID != p.DefaultVersion() {
			t.Errorf("%s: created %v, updated %v, version %s of %v", p.Name, p.Created, p.Updated, p.DefaultVersion(), versions)
		}
		for i, v := range versions {
			if !strings.HasPrefix(v.ID, "v") || v.Created.Year() < 2015 || i > 0 && v.Created.Before(versions[i-1].Created) {
				t.Errorf("%s: %s of %v", p.Name, v.ID, v.Created)
			}
		}
	}
}

func TestFind(t *testing.T) {
	for _, test := range []struct {
		partition, arn string
		ok             bool
	}{
		{"aws", "arn:aws:iam::aws:policy/AdministratorAccess", true},
		{"aws", "arn:aws:iam::aws:policy/ReadOnlyAccess", true},
		{"aws", "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess", true},
		{"aws", "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole", true},
		{"aws-cn", "arn:aws-cn:iam::aws:policy/AdministratorAccess", true},
		{"aws-cn", "arn:aws:iam::aws:policy/AdministratorAccess", false},
		{"aws", "arn:aws:iam::aws:policy/ViewOnlyAccess", false},
		{"aws", "arn:aws:iam::aws:policy/administratoraccess", false},
		{"aws", "arn:aws:iam::aws:policy/", false},
		{"aws", "arn:aws:iam::aws:policyAdministratorAccess", false},
		{"aws", "arn:aws:iam::111111111111:policy/AdministratorAccess", false},
		{"aws", "", false},
	} {
		p, ok := Find(test.partition, test.arn)
		if ok != test.ok || ok && p.ARN() != test.arn {
			t.Errorf("Find(%q, %q) = %v, %t", test.partition, test.arn, p, ok)
		}
	}
}

// TestDocument compares with the text that AWS answers.
func TestDocument(t *testing.T) {
	const want = `{
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "*",
            "Resource": "*"
        }
    ]
}`
	p, _ := Find("aws", "arn:aws:iam::aws:policy/AdministratorAccess")
	if got := p.Document(); got != want {
		t.Errorf("got %s", got)
	}
	p, _ = Find("aws-cn", "arn:aws-cn:iam::aws:policy/IAMUserChangePassword")
	if got := p.Document(); !strings.Contains(got, `"arn:aws-cn:iam::*:user/${aws:username}"`) {
		t.Errorf("got %s", got)
	}
}

func BenchmarkFind(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		p, ok := Find("aws", "arn:aws:iam::aws:policy/ReadOnlyAccess")
		if !ok || p.Document() == "" {
			b.Fatal("not found")
		}
	}
}

// BenchmarkFirst is what the first look-up of a policy costs besides the index.
func BenchmarkFirst(b *testing.B) {
	for b.Loop() {
		p, _ := Find("aws", "arn:aws:iam::aws:policy/ReadOnlyAccess")
		e := &entry{block: p.entry.block, start: p.entry.start, size: p.entry.size}
		e.document()
	}
}
