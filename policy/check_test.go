package policy

import (
	"errors"
	"strings"
	"testing"
)

// What AWS refuses of a document that is being written, and reads all the same of one that was written before.
func TestOnlyTheWrittenIsRefused(t *testing.T) {
	const (
		legacy   = "The policy failed legacy parsing"
		kms      = "Policy contains a statement with one or more invalid principals."
		notInKey = "These condition keys are not permitted in a key policy: aws:ResourceTag, kms:ResourceTag, kms:ResourceAliases"
		provider = "Federated principals must be valid domain names or SAML metadata ARNs"
		scp      = "The provided policy document does not meet the requirements of the specified policy type."
		anything = `"Effect": "Allow", "Action": "*", "Resource": "*"`
		trust    = `"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": `
	)
	identity := statement(anything)
	trusting := func(principal string) string { return statement(trust + principal) }
	rules := Rules{Partition: "aws", Service: func(name string) error {
		if name != "ec2.amazonaws.com" {
			return errors.New("AWS has no such service")
		}
		return nil
	}}
	tests := []struct {
		name    string
		kind    Kind
		text    string
		message string
		path    string
	}{
		// velero-io/velero issue 1494: "file with an extra space in front of every line"
		{"leading blank", Identity, " " + identity, legacy, ""},
		{"leading tab", Managed, "\t" + identity, legacy, ""},
		{"leading newline", Managed, "\n" + identity, legacy, ""},
		{"leading CR LF", Session, "\r\n" + identity, legacy, ""},
		// trendmicro/cloudone-filestorage-plugins pull request 20
		{"leading blank of a trust policy", TrustPolicy, " " + trusting(`{"AWS": "*"}`), "JSON strings must not have leading spaces", ""},
		{"leading blank, before all else", TrustPolicy, " " + trusting(`"*"`), "JSON strings must not have leading spaces", ""},
		{"single Statement before Version", Identity, `{"Statement": {` + anything + `}, "Version": "2012-10-17"}`, legacy, "Statement"},
		{"single Statement before Version, managed", Managed, `{"Statement": {` + anything + `}, "Version": "2012-10-17"}`, legacy, "Statement"},
		{"single Statement before an old Version", Identity, `{"Id": "a", "Statement": {` + anything + `}, "Version": "2008-10-17"}`, legacy, "Statement"},

		// moto's tests, which were compared with AWS (tests/test_iam/test_iam_policies.py)
		{"date of more than nanoseconds", Managed, statement(anything + `, "Condition": {"DateLessThanEquals": {"a": "2016-12-13t2:00:00.1999999999+10:59"}}`), legacy, "Statement[0].Condition.DateLessThanEquals.a"},
		{"date of a part of a second", Managed, statement(anything + `, "Condition": {"DateLessThanEquals": {"a": "1.5"}}`), legacy, "Statement[0].Condition.DateLessThanEquals.a"},

		// terraform-aws-modules/terraform-aws-iam issue 39, aws/chalice issue 777, aws/copilot-cli issue 2563
		{"other partition", Identity, statement(`"Effect": "Allow", "Action": "*", "Resource": ["*", "arn:aws-cn:s3:::bucket/*"]`), `Partition "aws-cn" is not valid for resource "arn:aws-cn:s3:::bucket/*".`, "Statement[0].Resource[1]"},
		{"other partition, NotResource", Session, statement(`"Effect": "Allow", "Action": "*", "NotResource": "arn:aws-us-gov:iam::*:role/a"`), `Partition "aws-us-gov" is not valid for resource "arn:aws-us-gov:iam::*:role/a".`, "Statement[0].NotResource"},
		{"other partition of a service control policy", SCP, statement(`"Effect": "Allow", "Action": "*", "Resource": "arn:aws-cn:s3:::b"`), scp, "Statement[0].Resource"},
		{"role of another partition", TrustPolicy, trusting(`{"AWS": "arn:aws-cn:iam::111111111111:role/r"}`), `Invalid principal in policy: "AWS":"arn:aws-cn:iam::111111111111:role/r"`, "Statement[0].Principal.AWS"},
		{"account of another partition", KeyPolicy, statement(anything + `, "Principal": {"AWS": "arn:aws-us-gov:iam::111111111111:root"}`), kms, "Statement[0].Principal.AWS"},
		{"provider of another partition", TrustPolicy, trusting(`{"Federated": "arn:aws-cn:iam::111111111111:oidc-provider/a.example"}`), provider, "Statement[0].Principal.Federated"},

		// aws-samples/aws-cdk-examples issue 801
		{"unknown service", TrustPolicy, trusting(`{"Service": ["ec2.amazonaws.com", "amazonaws.com"]}`), `Invalid principal in policy: "SERVICE":"amazonaws.com"`, "Statement[0].Principal.Service[1]"},
		{"unknown service of a key policy", KeyPolicy, statement(anything + `, "Principal": {"Service": "amazonaws.com"}`), kms, "Statement[0].Principal.Service"},
		{"unknown service excepted", KeyPolicy, statement(anything + `, "NotPrincipal": {"Service": "amazonaws.com"}`), kms, "Statement[0].NotPrincipal.Service"},
		// aws/aws-cdk pull request 5746 and issue 10994, which is of a Deny
		{"everyone as a string", TrustPolicy, trusting(`"*"`), `AssumeRolepolicy contained an invalid principal: "STAR":"*".`, "Statement[0].Principal"},
		{"everyone denied as a string", TrustPolicy, statement(`"Effect": "Deny", "Action": "sts:AssumeRole", "Principal": "*"`), `AssumeRolepolicy contained an invalid principal: "STAR":"*".`, "Statement[0].Principal"},
		// terraform-aws-modules/terraform-aws-iam issue 202
		{"URL of a provider", TrustPolicy, trusting(`{"Federated": "https://accounts.google.com"}`), provider, "Statement[0].Principal.Federated"},
		{"slashes in the ARN of a provider", TrustPolicy, trusting(`{"Federated": "arn:aws:iam//111111111111:oidc-provider/token.actions.githubusercontent.com"}`), provider, "Statement[0].Principal.Federated"},
		{"provider without account", TrustPolicy, trusting(`{"Federated": "arn:aws:iam:::oidc-provider/a.example"}`), provider, "Statement[0].Principal.Federated"},
		{"role as a provider", TrustPolicy, trusting(`{"Federated": "arn:aws:iam::111111111111:role/r"}`), provider, "Statement[0].Principal.Federated"},
		{"provider that is no domain", TrustPolicy, trusting(`{"Federated": "provider"}`), provider, "Statement[0].Principal.Federated"},
		{"provider that is no domain, of a key policy", KeyPolicy, statement(anything + `, "Principal": {"Federated": "provider"}`), kms, "Statement[0].Principal.Federated"},

		// awsdocs/aws-kms-developer-guide pull request 47
		{"tag in a key policy", KeyPolicy, statement(anything + `, "Principal": {"AWS": "*"}, "Condition": {"StringEquals": {"aws:ResourceTag/team": "a"}}`), notInKey, "Statement[0].Condition.StringEquals.aws:ResourceTag/team"},
		{"KMS's tag in a key policy", KeyPolicy, statement(anything + `, "Principal": {"AWS": "*"}, "Condition": {"Null": {"KMS:resourceTag/team": "true"}}`), notInKey, "Statement[0].Condition.Null.KMS:resourceTag/team"},
		{"alias in a key policy", KeyPolicy, statement(anything + `, "Principal": {"AWS": "*"}, "Condition": {"ForAnyValue:StringLike": {"kms:ResourceAliases": "alias/*"}}`), notInKey, "Statement[0].Condition.ForAnyValue:StringLike.kms:ResourceAliases"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Check(tt.kind, tt.text, rules)
			syntax, ok := errors.AsType[*SyntaxError](err)
			if !ok || syntax.Message != tt.message || syntax.Path != tt.path || syntax.Detail == "" {
				t.Errorf("error %+v at %q, want %s at %q", err, syntax.Path, tt.message, tt.path)
			}
			if findings := Lint(tt.kind, tt.text, rules); len(findings) == 0 || findings[0].Severity != Error {
				t.Errorf("findings %+v", findings)
			}
			if p, err := Parse(tt.kind, tt.text); err != nil || len(p.Statements) != 1 {
				t.Errorf("it can't be read: %v", err)
			}
		})
	}
}

func TestWrittenWell(t *testing.T) {
	const anything = `"Effect": "Allow", "Action": "*", "Resource": "*"`
	date := func(value string) string {
		return statement(anything + `, "Condition": {"DateLessThan": {"a": "` + value + `"}}`)
	}
	trust := func(principal string) string {
		return statement(`"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": ` + principal)
	}
	tests := []struct {
		name string
		kind Kind
		text string
	}{
		{"white space behind", Managed, statement(anything) + " \n"},
		{"single Statement behind Version", Managed, `{"Version": "2012-10-17", "Statement": {` + anything + `}}`},
		{"Statements before Version", Managed, `{"Statement": [{` + anything + `}], "Version": "2012-10-17"}`},
		{"single Statement before Version in a trust policy", TrustPolicy, `{"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}, "Version": "2012-10-17"}`},
		// moto's tests, which were compared with AWS (tests/test_iam/test_iam_policies.py)
		{"date without a time", Managed, date("01T")},
		{"date with hours of a time zone", Managed, date("2016-12-13t2:00:00.593194+23")},
		{"earliest year", Managed, date("-292275054")},
		{"no dates", Managed, statement(anything + `, "Condition": {"DateGreaterThan": {"a": []}}`)},
		{"own partition", Identity, statement(`"Effect": "Allow", "Action": "*", "Resource": ["arn:aws:s3:::b", "arn:*:s3:::b", "arn:${aws:Partition}:s3:::b"]`)},
		{"everyone in a map", TrustPolicy, trust(`{"AWS": "*"}`)},
		{"everyone in a key policy", KeyPolicy, statement(anything + `, "Principal": "*"`)},
		{"providers", TrustPolicy, trust(`{"Federated": ["accounts.google.com", "www.amazon.com", "arn:aws:iam::111111111111:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/A", "arn:aws:iam::111111111111:saml-provider/p"]}`)},
		{"IAM policy about tags and aliases", Managed, statement(anything + `, "Condition": {"StringEquals": {"aws:ResourceTag/team": "a", "kms:ResourceAliases": "alias/a"}}`)},
		{"alias of the request in a key policy", KeyPolicy, statement(anything + `, "Principal": {"AWS": "*"}, "Condition": {"StringEquals": {"kms:RequestAlias": "alias/a", "aws:RequestTag/a": "b"}}`)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Check(tt.kind, tt.text, Rules{Partition: "aws"}); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRules(t *testing.T) {
	text := statement(`"Effect": "Allow", "Action": "*", "Resource": "arn:aws-cn:s3:::b"`)
	for partition, ok := range map[string]bool{"aws-cn": true, "": true, "aws": false} {
		if _, err := Check(Identity, text, Rules{Partition: partition}); (err == nil) != ok {
			t.Errorf("in partition %q: %v", partition, err)
		}
	}
	text = statement(`"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "x.amazonaws.com"}`)
	if _, err := Check(TrustPolicy, text, Rules{}); err != nil {
		t.Errorf("without a list of services: %v", err)
	}
	_, err := Check(TrustPolicy, text, Rules{Service: func(name string) error { return errors.New(name + "?") }})
	if err == nil || !strings.Contains(err.Error(), "x.amazonaws.com?") {
		t.Errorf("error %v does not say why", err)
	}
}
