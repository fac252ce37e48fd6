package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What AWS would refuse to write, lint finds, also what only the lists of an account's partition and services tell.
func TestLint(t *testing.T) {
	trust := func(principal string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":` + principal + `,"Action":"sts:AssumeRole"}]}`
	}
	for _, tt := range []struct {
		name, text string
		flags      []string
		want       string // "": nothing
	}{
		{"good", trust(`{"Service":"ec2.amazonaws.com"}`), nil, ""},
		{"other partitions", trust(`{"AWS":"arn:aws-cn:iam::111111111111:root"}`), nil, ""},
		{"unknown service", trust(`{"Service":"queue.example.com"}`), nil, `Invalid principal in policy: "SERVICE":"queue.example.com"`},
		{"further service", trust(`{"Service":"queue.example.com"}`), []string{"--service-principal", "queue.example.com"}, ""},
		{"leading newline", "\n" + trust(`{"AWS":"111111111111"}`), nil, "JSON strings must not have leading spaces"},
		{"everyone", trust(`"*"`), nil, `AssumeRolepolicy contained an invalid principal: "STAR":"*".`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "trust.json")
			if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			var stdout, stderr bytes.Buffer
			status := run(t.Context(), append([]string{"policy", "lint", "--kind", "trust", file}, tt.flags...), nil, &stdout, &stderr)
			if (status == 1) != (tt.want != "") || !strings.Contains(stdout.String(), tt.want) || tt.want == "" && stdout.Len() > 0 {
				t.Errorf("status %d: %s%s", status, &stdout, &stderr)
			}
		})
	}
	var stderr bytes.Buffer
	if status := run(t.Context(), []string{"policy", "lint", "--service-principal", "*", "x.json"}, nil, &stderr, &stderr); status != 1 || !strings.Contains(stderr.String(), "--service-principal") {
		t.Errorf("status %d: %s", status, &stderr)
	}
}
