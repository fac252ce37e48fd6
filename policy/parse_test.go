package policy

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// statement returns a document with one statement of these elements.
func statement(elements string) string {
	return `{"Version": "2012-10-17", "Statement": [{` + elements + `}]}`
}

func TestMalformed(t *testing.T) {
	const (
		allow    = `"Effect": "Allow", `
		anything = allow + `"Action": "*", "Resource": "*"`
		trust    = allow + `"Action": "sts:AssumeRole"`
	)
	tests := []struct {
		name    string
		kind    Kind
		text    string
		message string
		path    string
	}{
		{"no JSON", Identity, `{`, "Syntax errors in policy.", ""},
		{"empty", Identity, ``, "Syntax errors in policy.", ""},
		{"two values", Identity, statement(anything) + `{}`, "Syntax errors in policy.", ""},
		{"no object", Identity, `[]`, "Syntax errors in policy.", ""},
		{"duplicate key", Identity, statement(anything + `, "Effect": "Deny"`), "Syntax errors in policy.", ""},
		{"duplicate condition key", Identity, statement(anything + `, "Condition": {"Bool": {"a:b": "true", "a:b": "false"}}`), "Syntax errors in policy.", ""},
		{"too deep", Identity, strings.Repeat("[", 1000), "Syntax errors in policy.", ""},
		{"no Statement", Identity, `{"Version": "2012-10-17"}`, "Syntax errors in policy.", "Statement"},
		{"no statements", Identity, `{"Version": "2012-10-17", "Statement": []}`, "Syntax errors in policy.", "Statement"},
		{"statement is a string", Identity, `{"Statement": ["x"]}`, "Syntax errors in policy.", "Statement[0]"},
		{"unknown element", Identity, `{"Comment": "x", "Statement": {` + anything + `}}`, "Syntax errors in policy.", "Comment"},
		{"unknown element of a statement", Identity, statement(anything + `, "Actions": "*"`), "Syntax errors in policy.", "Statement[0].Actions"},
		{"element in another case", Identity, `{"statement": {` + anything + `}}`, "Syntax errors in policy.", "statement"},
		{"unknown version", Identity, `{"Version": "2013-10-17", "Statement": {` + anything + `}}`, "Syntax errors in policy.", "Version"},
		{"old version of a managed policy", Managed, `{"Version": "2008-10-17", "Statement": {` + anything + `}}`, "Policy document must be version 2012-10-17 or greater.", "Version"},
		{"managed policy without version", Managed, `{"Statement": {` + anything + `}}`, "Policy document must be version 2012-10-17 or greater.", "Version"},
		{"no Effect", Identity, statement(`"Action": "*", "Resource": "*"`), "Syntax errors in policy.", "Statement[0].Effect"},
		// moto's tests, which were compared with AWS (tests/test_iam/test_iam_policies.py).
		{"Effect in another case", Managed, statement(`"Effect": "denY", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::b"`), "The policy failed legacy parsing", "Statement[0].Effect"},
		{"Effect in another case, no Version", Managed, `{"Statement": {"Effect": "denY", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::b"}}`, "Policy document must be version 2012-10-17 or greater.", "Version"},
		{"Effect in another case, no Action", Managed, statement(`"Effect": "allow", "Resource": "arn:aws:s3:us-east-1::b"`), "The policy failed legacy parsing", "Statement[0].Effect"},
		{"Effect in another case, inline", Identity, `{"Statement": {"Effect": "aLLow", "Action": "*", "Resource": "*"}}`, "The policy failed legacy parsing", "Statement.Effect"},
		{"Effect in another case, a Sid twice", Managed, `{"Version": "2012-10-17", "Statement": [{"Sid": "a", "Effect": "aLLow", "Action": "*", "Resource": "*"}, {"Sid": "a", "Effect": "Allow"}]}`, "The policy failed legacy parsing", "Statement[0].Effect"},
		{"Effect in another case, of a session", Session, statement(`"Effect": "allow", "Action": "*", "Resource": "*"`), "The policy failed legacy parsing", "Statement[0].Effect"},
		{"no date, no Version", Managed, `{"Statement": {` + anything + `, "Condition": {"DateGreaterThan": {"a": "sdfdsf"}}}}`, "Policy document must be version 2012-10-17 or greater.", "Version"},
		{"no date, an unknown partition", Managed, statement(allow + `"Action": "*", "Resource": "arn:error:s3:::b", "Condition": {"DateGreaterThan": {"a": "sdfdsf"}}`), "The policy failed legacy parsing", "Statement[0].Condition.DateGreaterThan.a"},
		{"two colons behind a set operator", Managed, statement(anything + `, "Condition": {"ForAnyValue::StringEqualsIfExists": {"a": "asf"}}`), "Syntax errors in policy.", "Statement[0].Condition.ForAnyValue::StringEqualsIfExists"},

		{"Sid with a space", Identity, statement(`"Sid": "a b", ` + anything), "Syntax errors in policy.", "Statement[0].Sid"},
		{"same Sid twice", Identity, `{"Statement": [{"Sid": "a", ` + anything + `}, {"Sid": "a", ` + anything + `}]}`, "Statement IDs (SID) in a single policy must be unique.", "Statement[1].Sid"},
		{"no Action", Identity, statement(allow + `"Resource": "*"`), "Policy statement must contain actions.", "Statement[0].Action"},
		{"empty Action", Identity, statement(allow + `"Action": [], "Resource": "*"`), "Policy statement must contain actions.", "Statement[0].Action"},
		{"Action and NotAction", Identity, statement(anything + `, "NotAction": "a:b"`), "Syntax errors in policy.", "Statement[0].NotAction"},
		{"action without vendor", Identity, statement(allow + `"Action": ["s3:*", "GetObject"], "Resource": "*"`), "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.", "Statement[0].Action[1]"},
		{"action with two colons", Identity, statement(allow + `"Action": "s3:a:b", "Resource": "*"`), "Actions/Condition can contain only one colon.", "Statement[0].Action"},
		{"vendor with an underscore", Identity, statement(allow + `"Action": "s_3:a", "Resource": "*"`), "Vendor s_3 is not valid", "Statement[0].Action"},
		{"no Resource", Identity, statement(allow + `"Action": "*"`), "Policy statement must contain resources.", "Statement[0].Resource"},
		{"empty Resource", Identity, statement(allow + `"Action": "*", "Resource": []`), "Policy statement must contain resources.", "Statement[0].Resource"},
		{"Resource is no ARN", Identity, statement(allow + `"Action": "*", "Resource": "bucket"`), `Resource bucket must be in ARN format or "*".`, "Statement[0].Resource"},
		{"unknown partition", Identity, statement(allow + `"Action": "*", "Resource": "arn:amazon:s3:::b"`), `Partition "amazon" is not valid for resource "arn:amazon:s3:::b".`, "Statement[0].Resource"},
		{"no partition", Identity, statement(allow + `"Action": "*", "Resource": "arn::s3:::b"`), `Partition "" is not valid for resource "arn::s3:::b".`, "Statement[0].Resource"},
		{"only a partition", Identity, statement(allow + `"Action": "*", "Resource": "arn:aws"`), "Resource vendor must be fully qualified and cannot contain regexes.", "Statement[0].Resource"},
		{"no service", Identity, statement(allow + `"Action": "*", "Resource": "arn:aws:::::"`), "The policy failed legacy parsing", "Statement[0].Resource"},
		{"IAM resource with region", Identity, statement(allow + `"Action": "*", "Resource": "arn:aws:iam:us-east-1:1:user/a"`), "IAM resource arn:aws:iam:us-east-1:1:user/a cannot contain region information.", "Statement[0].Resource"},
		{"bucket with region", Identity, statement(allow + `"Action": "*", "Resource": "arn:aws:s3:us-east-1::b"`), "Resource arn:aws:s3:us-east-1::b can not contain region information.", "Statement[0].Resource"},
		{"unknown IAM resource", Identity, statement(allow + `"Action": "*", "Resource": "arn:aws:iam::1:users/a"`), `IAM resource path must either be "*" or start with user/, federated-user/, role/, group/, instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, report/, access-report/.`, "Statement[0].Resource"},
		{"Principal", Identity, statement(anything + `, "Principal": "*"`), "Policy document should not specify a principal.", "Statement[0].Principal"},
		{"unknown operator", Identity, statement(anything + `, "Condition": {"StringMatches": {"a:b": "c"}}`), "Syntax errors in policy.", "Statement[0].Condition.StringMatches"},
		{"NullIfExists", Identity, statement(anything + `, "Condition": {"NullIfExists": {"a:b": "true"}}`), "Syntax errors in policy.", "Statement[0].Condition.NullIfExists"},
		{"condition value is an object", Identity, statement(anything + `, "Condition": {"Bool": {"a:b": {}}}`), "Syntax errors in policy.", "Statement[0].Condition.Bool.a:b"},
		{"no date", Identity, statement(anything + `, "Condition": {"DateLessThan": {"aws:CurrentTime": "soon"}}`), "The policy failed legacy parsing", "Statement[0].Condition.DateLessThan.aws:CurrentTime"},
		{"syntax comes before actions", Identity, statement(`"Effect": "Perhaps", "Action": [], "Resource": "*"`), "Syntax errors in policy.", "Statement[0].Effect"},

		{"Effect of a trust policy in another case", TrustPolicy, statement(`"Effect": "allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"`), "Syntax error at position (1,52)", "Statement[0].Effect"},
		{"trust policy is no JSON", TrustPolicy, `trust me`, "This policy contains invalid Json", ""},
		{"trust policy is a list", TrustPolicy, `[]`, "This policy contains invalid Json", ""},
		{"trust policy without Statement", TrustPolicy, `{}`, "Syntax error at position (1,3)", "Statement"},
		{"trust policy without statements", TrustPolicy, `{"Statement": []}`, "Could not parse the policy: Statement is empty!", "Statement"},
		{"trust policy with a comment", TrustPolicy, `{"_comment": "x"}`, "Unknown field _comment", "_comment"},
		{"trust policy without Effect", TrustPolicy, statement(`"Principal": "*", "Action": "sts:AssumeRole"`), "Missing required field Effect", "Statement[0].Effect"},
		{"trust policy without Action", TrustPolicy, statement(allow + `"Principal": "*"`), "Missing required field Action", "Statement[0].Action"},
		{"trust policy without Principal", TrustPolicy, statement(trust), "Missing required field Principal", "Statement[0].Principal"},
		{"trust policy with Resource", TrustPolicy, statement(trust + `, "Principal": "*", "Resource": "*"`), "Has prohibited field Resource", "Statement[0].Resource"},
		{"trust policy with an action of S3", TrustPolicy, statement(allow + `"Principal": "*", "Action": "s3:GetObject"`), "Trust Policy statement actions can only be sts:AssumeRole, sts:AssumeRoleWithSAML, sts:AssumeRoleWithWebIdentity, sts:SetSourceIdentity, sts:TagSession, and sts:SetContext", "Statement[0].Action"},
		{"wildcard in a principal", TrustPolicy, statement(trust + `, "Principal": {"AWS": "arn:aws:iam::111111111111:user/*"}`), `Invalid principal in policy: "AWS":"arn:aws:iam::111111111111:user/*"`, "Statement[0].Principal.AWS"},
		{"group as principal", TrustPolicy, statement(trust + `, "Principal": {"AWS": "arn:aws:iam::111111111111:group/g"}`), `Invalid principal in policy: "AWS":"arn:aws:iam::111111111111:group/g"`, "Statement[0].Principal.AWS"},
		{"unknown kind of principal", TrustPolicy, statement(trust + `, "Principal": {"Aws": "111111111111"}`), `Invalid principal in policy: "Aws":"111111111111"`, "Statement[0].Principal.Aws"},
		{"NotPrincipal in a trust policy", TrustPolicy, statement(trust + `, "NotPrincipal": {"AWS": "111111111111"}`), "Has prohibited field NotPrincipal", "Statement[0].NotPrincipal"},
		{"service without a domain", TrustPolicy, statement(trust + `, "Principal": {"Service": "ec2"}`), `Invalid principal in policy: "SERVICE":"ec2"`, "Statement[0].Principal.Service"},
		{"pattern of providers", TrustPolicy, statement(trust + `, "Principal": {"Federated": "*"}`), "Federated principals must be valid domain names or SAML metadata ARNs", "Statement[0].Principal.Federated"},
		{"principal of a key policy", KeyPolicy, statement(anything + `, "Principal": {"AWS": ["111111111111", "alice"]}`), "Policy contains a statement with one or more invalid principals.", "Statement[0].Principal.AWS[1]"},
		{"session policy is no JSON", Session, `{`, "The policy is not in the valid JSON format.", ""},
		{"session policy with Principal", Session, statement(anything + `, "Principal": "*"`), "Policy document should not specify a principal.", "Statement[0].Principal"},
		{"service control policy with Principal", SCP, statement(anything + `, "Principal": "*"`), "The provided policy document does not meet the requirements of the specified policy type.", "Statement[0].Principal"},
		{"resource control policy that allows", RCP, statement(anything + `, "Principal": "*"`), "The provided policy document does not meet the requirements of the specified policy type.", "Statement[0].Effect"},
		{"resource control policy for an account", RCP, statement(`"Effect": "Deny", "Action": "*", "Resource": "*", "Principal": {"AWS": "111111111111"}`), "The provided policy document does not meet the requirements of the specified policy type.", "Statement[0].Principal"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse(tt.kind, tt.text)
			syntax, ok := errors.AsType[*SyntaxError](err)
			if !ok {
				t.Fatalf("error %v", err)
			}
			if tt.message != "" && syntax.Message != tt.message {
				t.Errorf("message %q, want %q (%v)", syntax.Message, tt.message, err)
			}
			if syntax.Path != tt.path {
				t.Errorf("path %q, want %q (%v)", syntax.Path, tt.path, err)
			}
			if syntax.Detail == "" || syntax.Message == "" {
				t.Errorf("the error says nothing: %+v", syntax)
			}
		})
	}
}

func TestWellFormed(t *testing.T) {
	tests := []struct {
		name string
		kind Kind
		text string
	}{
		{"single statement", Identity, `{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`},
		{"empty Condition", Identity, statement(`"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {}`)},
		{"empty Sid twice", Identity, `{"Statement": [{"Sid": "", "Effect": "Allow", "Action": "*", "Resource": "*"}, {"Sid": "", "Effect": "Allow", "Action": "*", "Resource": "*"}]}`},
		{"Id", KeyPolicy, `{"Id": "key default", "Statement": {"Sid": "Enable IAM User Permissions", "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:*", "Resource": "*"}}`},
		{"numbers and Booleans", Identity, statement(`"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"NumericLessThan": {"a:b": [1, 2.5]}, "Bool": {"a:c": true}}`)},
		{"wildcards in an ARN", Identity, statement(`"Effect": "Allow", "Action": "*:*", "Resource": ["arn:*:s3:::b/*", "arn:aws:iam::*:*/x", "arn:aws:iam::aws:policy/*"]`)},
		{"no condition of an unknown operator", Managed, statement(`"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"x": {}, "y": {}}`)},
		// moto's tests, which were compared with AWS (tests/test_iam/test_iam_policies.py).
		{"condition keys without vendor", Managed, statement(`"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringEqualsIfExists": {"a": "asf"}, "ForAnyValue:StringEqualsIfExists": {"a": "b"}}`)},
		{"variable in an ARN", Identity, statement(`"Effect": "Allow", "Action": "iam:*", "Resource": "arn:aws:iam::*:user/${aws:username}"`)},
		{"all kinds of principals", TrustPolicy, statement(`"Effect": "Allow", "Action": ["sts:AssumeRole*", "sts:TagSession"], "Principal": {"AWS": ["*", "111111111111", "arn:aws:iam::111111111111:root", "arn:aws:iam::111111111111:user/a/b", "arn:aws:sts::111111111111:assumed-role/r/s", "arn:aws:sts::111111111111:federated-user/f", "AROAEXAMPLEEXAMPLE01"], "Service": "ec2.amazonaws.com", "Federated": ["accounts.google.com", "arn:aws:iam::111111111111:saml-provider/p"]}`)},
		{"NotPrincipal", Resource, statement(`"Effect": "Deny", "Action": "s3:*", "Resource": "*", "NotPrincipal": {"AWS": "111111111111"}`)},
		{"full language of service control policies", SCP, statement(`"Effect": "Allow", "NotAction": "iam:*", "NotResource": "arn:aws:s3:::b", "Condition": {"Bool": {"aws:SecureTransport": "true"}}`)},
		{"resource control policy", RCP, statement(`"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"`)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := mustParse(t, tt.kind, tt.text)
			if p.Text != tt.text || p.Kind != tt.kind {
				t.Errorf("policy has kind %v and text %q", p.Kind, p.Text)
			}
		})
	}
}

func TestPositions(t *testing.T) {
	text := "{\n  \"Statement\": [\n    {\"Sid\": \"a\", \"Effect\": \"Deny\", \"Action\": \"*\", \"Resource\": \"*\"},\n" +
		"    {\n      \"Effect\": \"Allow\", \"Action\": \"é\",\n      \"Resource\": \"*\"\n    }\n  ]\n}"
	_, err := Parse(Identity, text)
	syntax, ok := errors.AsType[*SyntaxError](err)
	if !ok || syntax.At.Line != 5 || syntax.At.Column != 36 {
		t.Errorf("error %v", err)
	}
	p := mustParse(t, Identity, strings.Replace(text, "é", "*", 1))
	s := p.Statements[1]
	if got := p.Text[s.Start.Offset:s.End.Offset]; !strings.HasPrefix(got, "{\n") || !strings.HasSuffix(got, "\n    }") {
		t.Errorf("second statement is %q", got)
	}
	if s.Start.Line != 4 || s.Start.Column != 5 || s.End.Line != 7 || s.End.Column != 6 {
		t.Errorf("second statement from %+v to %+v", s.Start, s.End)
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]int{
		"":                          0,
		" { \t\r\n } ":              2,
		`{"a b": "c\" d"}`:          15,
		`{"é": " "}`:                9,
		`{"a": "\\" , "b" : "  " }`: 19,
	} {
		if got := Size(text); got != want {
			t.Errorf("Size(%q) = %d, want %d", text, got, want)
		}
	}
}

func TestContextKeys(t *testing.T) {
	p := mustParse(t, Identity, statement(`"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::${aws:PrincipalTag/team, 'x'}/${*}",
		"Condition": {"StringLike": {"s3:prefix": "${aws:username}/*", "AWS:USERNAME": "a"}, "ArnLike": {"aws:SourceArn": "arn:aws:s3:*:${aws:ResourceAccount}:*"}}`))
	want := []string{"aws:PrincipalTag/team", "aws:ResourceAccount", "aws:SourceArn", "aws:username", "s3:prefix"}
	got := p.ContextKeys()
	for i := range got {
		got[i] = strings.Replace(got[i], "AWS:USERNAME", "aws:username", 1) // whichever stands first
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMapPrincipals(t *testing.T) {
	const text = `{ "Statement": [ {"Principal" : {"Service": "a.amazonaws.com", "AWS": [ "arn:x", "*" ]}, "Resource": "arn:x"},
	{"NotPrincipal":{"AWS":"arn:x"}}, {"Principal": "*"} ] }`
	got, err := MapPrincipals(text, func(value string) (string, error) { return strings.Replace(value, "arn:x", `A"ID`, 1), nil })
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(text, `[ "arn:x", "*" ]`, `[ "A\"ID", "*" ]`, 1)
	want = strings.Replace(want, `{"AWS":"arn:x"}`, `{"AWS":"A\"ID"}`, 1)
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	failure := errors.New("no such user")
	if _, err := MapPrincipals(text, func(string) (string, error) { return "", failure }); !errors.Is(err, failure) {
		t.Errorf("error %v", err)
	}
}

func TestPrincipals(t *testing.T) {
	p := mustParse(t, Resource, `{"Statement": [
		{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"},
		{"Effect": "Allow", "Principal": {"AWS": ["111111111111", "arn:aws:iam::111111111111:user/a"], "Service": "ec2.amazonaws.com"}, "Action": "*", "Resource": "*"}]}`)
	want := []NamedPrincipal{
		{"*", "*"}, {"AWS", "111111111111"}, {"AWS", "arn:aws:iam::111111111111:user/a"}, {"Service", "ec2.amazonaws.com"},
	}
	if diff := cmp.Diff(want, p.Principals()); diff != "" {
		t.Error(diff)
	}
}
