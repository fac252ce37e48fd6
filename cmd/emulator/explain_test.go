package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"emulator/audit"
	"emulator/authz"
	"emulator/emulatortest"
	"emulator/policy"
	"emulator/server"
)

// command runs a command line, and returns its status and all that it prints.
func command(t *testing.T, args ...string) (int, string) {
	t.Helper()
	var out bytes.Buffer
	status := run(t.Context(), args, nil, &out, &out)
	return status, out.String()
}

func TestExplain(t *testing.T) {
	e := emulatortest.Start(t)
	people := iam.NewFromConfig(e.Config())
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	explain := func(args ...string) (int, string) { return command(t, append(args, "--endpoint", e.URL)...) }
	if status, text := explain("explain", "--last"); status != 1 || !strings.Contains(text, "no call was refused yet") {
		t.Errorf("%d %s", status, text)
	}
	if status, text := explain("denials"); status != 0 || text != "no call was refused yet\n" {
		t.Errorf("%d %s", status, text)
	}
	_, err := people.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("alice")})
	check(err)
	key, err := people.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("alice")})
	check(err)
	_, err = people.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: aws.String("alice"), PolicyName: aws.String("p"), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[
		{"Sid":"Some","Effect":"Allow","Resource":"*",
		 "Action":["s3:a","s3:b","s3:c","s3:d","s3:e","kms:ListKey","kms:List"]},
		{"Effect":"Deny","Action":"kms:DescribeKey","Resource":"*"}]}`)})
	check(err)
	alice := kms.NewFromConfig(e.ConfigWith(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "", emulatortest.Region))
	if _, err := alice.ListKeys(t.Context(), nil); err == nil {
		t.Fatal("allowed")
	}
	status, text := explain("explain", "--last")
	for _, want := range []string{
		"Refused AccessDenied: ", "  kms:ListKeys by arn:aws:iam::000000000000:user/alice, ",
		"ImplicitlyDenied because no identity-based policy allows the kms:ListKeys action\n",
		"  Allow  statement 1 Some, line 3  Action does not match\n      policy   kms:ListKey, kms:List, s3:e, s3:a, s3:b, and 2 more\n      request  kms:ListKeys\n",
		"  DENY   statement 2, line 4  Action does not match\n",
		"none of: resource control policy, service control policy, resource-based policy, permissions boundary, session policy\n",
		"It would be allowed with this in a policy of arn:aws:iam::000000000000:user/alice:\n  {\"Effect\":\"Allow\",\"Action\":\"kms:ListKeys\",\"Resource\":\"*\"}\n",
	} {
		if status != 0 || !strings.Contains(text, want) {
			t.Errorf("%d, lacks %q:\n%s", status, want, text)
		}
	}
	status, text = explain("denials")
	if lines := strings.Split(text, "\n"); status != 0 || len(lines) != 3 || !strings.Contains(lines[0], "  kms:ListKeys  arn:aws:iam::000000000000:user/alice") || !strings.HasPrefix(lines[1], "    AccessDenied: User: ") {
		t.Errorf("%d %s", status, text)
	}
	id := strings.Fields(text)[2]
	if status, text := explain("explain", id); status != 0 || !strings.Contains(text, "ImplicitlyDenied") {
		t.Errorf("%d %s", status, text)
	}
	if status, text := explain("explain", id, "--json"); status != 0 || !strings.Contains(text, `"refused": {`) {
		t.Errorf("%d %s", status, text)
	}
	const question = "explain --principal arn:aws:iam::000000000000:user/alice --action "
	for line, want := range map[string]string{
		question + "kms:DescribeKey --resource alias/none":                 "  DENY   statement 2, line 4  matches\n",
		question + "kms:Listkeyz":                                          "emulator: kms:Listkeyz is no action. The nearest: kms:ListKeys",
		question + "kms:ListKeys --context aws:Sourceip=1 --context a:b=1": "ImplicitlyDenied",
		question + "sts:AssumeRole --resource gone":                        "role trust policy: arn:aws:iam::000000000000:role/gone (there is none)\n",
		question + "kms:ListKeys --last":                                   "give a request ID, --last, or",
		"explain":                                                          "give a request ID, --last, or",
		"explain nothing":                                                  "nothing is kept of request nothing",
		question + "kms:ListKeys --context a":                              `--context "a": want key=value`,
	} {
		if _, text := explain(strings.Fields(line)...); !strings.Contains(text, want) {
			t.Errorf("%s:\n%s, want %q", line, text, want)
		}
	}
}

// Colours make a Deny that matched stand out.
func TestTraceColours(t *testing.T) {
	var out bytes.Buffer
	printTrace(&out, &policyTrace{Trace: policy.Trace{
		Decision: policy.Decision{Effect: policy.ExplicitlyDenied},
		Policies: []policy.PolicyTrace{{Statements: []policy.StatementTrace{{Effect: "Deny", Matched: true}}}},
	}}, true)
	if !strings.Contains(out.String(), "\x1b[31mDENY \x1b[0m") || !strings.Contains(out.String(), "No statement allows what another denies") {
		t.Errorf("%q", out.String())
	}
	if text := refusal(&audit.Refusal{Code: "SignatureDoesNotMatch", Message: "a\n\nb"}); text != "SignatureDoesNotMatch: a b" {
		t.Errorf("%q", text)
	}
}

// policy eval says what is wrong with a file of cases.
func TestPolicyEval(t *testing.T) {
	const good = `{"name":"n","request":{"principal":"arn:aws:iam::111111111111:user/a","action":"s3:Get","resource":"*"},"policies":{},"expected":"ImplicitlyDenied"}`
	for text, want := range map[string]string{
		good: "1 passed, 0 failed",
		strings.Replace(good, "ImplicitlyDenied", "Allowed", 1):        "n: ImplicitlyDenied (identity-based policy), expected Allowed",
		strings.Replace(good, `,"expected":"ImplicitlyDenied"`, "", 1): `n: "expected" is missing: ImplicitlyDenied`,
		strings.Replace(good, `"ImplicitlyDenied"`, `"denied"`, 1):     `n: "expected" is "denied": want Allowed, ExplicitlyDenied or ImplicitlyDenied`,
		strings.Replace(good, `"policies"`, `"polices"`, 1):            `there is no member "polices"`,
		strings.Replace(good, `"action":"s3:Get",`, "", 1):             "request.action is missing",
		`{"Version":"2012-10-17","Statement":[]}`:                      `there is no member "Statement"`,
		"": "no cases",
	} {
		file := filepath.Join(t.TempDir(), "cases.json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		status, out := command(t, "policy", "eval", file)
		if (status == 0) != (text == good) || !strings.Contains(out, want) {
			t.Errorf("%s: %d %s, want %s", text, status, out, want)
		}
	}
}

// What was let through is told only where the mode is to let it through.
func TestDenialsInAuditMode(t *testing.T) {
	for mode, want := range map[authz.Mode]bool{authz.Audit: true, authz.Enforce: false} {
		e := emulatortest.Start(t, server.Config{IAM: mode})
		people := iam.NewFromConfig(e.Config())
		if _, err := people.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("bob")}); err != nil {
			t.Fatal(err)
		}
		key, err := people.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("bob")})
		if err != nil {
			t.Fatal(err)
		}
		bob := kms.NewFromConfig(e.ConfigWith(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "", emulatortest.Region))
		if _, err := bob.ListKeys(t.Context(), nil); (err == nil) != want {
			t.Fatal(err)
		}
		for range 120 { // more refusals than are listed
			if _, err := people.GetUser(t.Context(), &iam.GetUserInput{UserName: aws.String("nobody")}); err == nil {
				t.Fatal("there is nobody")
			}
		}
		if _, text := command(t, "denials", "--endpoint", e.URL); strings.Contains(text, "let through: because no identity-based policy allows the kms:ListKeys action") != want {
			t.Errorf("%v: %s", mode, text)
		}
	}
}
