package policy

import (
	"strings"
	"testing"
)

func TestLint(t *testing.T) {
	const allow = `"Effect": "Allow", "Action": "s3:*", "Resource": "*"`
	condition := func(c string) string { return statement(allow + `, "Condition": {` + c + `}`) }
	tests := []struct {
		name    string
		kind    Kind
		text    string
		finding string // part of the only one; "" if there is none
	}{
		{"clean", Identity, statement(allow), ""},
		{"no Version", Identity, `{"Statement": {` + allow + `}}`, "without a Version"},
		{"variable in the old version", Identity, `{"Version": "2008-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::${aws:username}"}}`, "plain text"},
		{"NotAction", Identity, statement(`"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"`), "every service"},
		{"NotAction with Deny", Identity, statement(`"Effect": "Deny", "NotAction": "iam:*", "Resource": "*"`), ""},
		{"NotResource", Identity, statement(`"Effect": "Allow", "Action": "s3:*", "NotResource": "arn:aws:s3:::b"`), "every other resource"},
		{"PassRole", Identity, statement(`"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*"`), "iam:PassRole"},
		{"everyone", Resource, statement(allow + `, "Principal": {"AWS": "*"}`), "everyone is allowed"},
		{"everyone with a condition", Resource, statement(allow + `, "Principal": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}`), ""},
		{"NotPrincipal without account", Resource, statement(`"Effect": "Deny", "Action": "s3:*", "Resource": "*", "NotPrincipal": {"AWS": "arn:aws:iam::111111111111:user/a"}`), "unless its account"},
		{"unknown global key", Identity, condition(`"Bool": {"aws:SecuredTransport": "true"}`), "no global condition key"},
		{"several values without set operator", Identity, condition(`"StringEquals": {"aws:TagKeys": "a"}`), "several values"},
		{"set operator on a single value", Identity, condition(`"ForAnyValue:StringEquals": {"aws:username": "a"}`), "single value"},
		{"ForAllValues without Null", Identity, condition(`"ForAllValues:StringEquals": {"aws:TagKeys": "a"}`), `add "Null"`},
		{"ForAllValues with Null", Identity, condition(`"ForAllValues:StringEquals": {"aws:TagKeys": "a"}, "Null": {"aws:TagKeys": "false"}`), ""},
		{"no values", Identity, condition(`"StringEquals": {"aws:username": []}`), "without values"},
		{"wildcard in StringEquals", Identity, condition(`"StringEquals": {"aws:username": "a*"}`), "wildcards need StringLike"},
		{"no number", Identity, condition(`"NumericEquals": {"s3:max-keys": "ten"}`), "is not a number"},
		{"no Boolean", Identity, condition(`"Bool": {"aws:SecureTransport": "yes"}`), "is not true or false"},
		{"no address", Identity, condition(`"IpAddress": {"aws:SourceIp": "10.0.0.0/33"}`), "is not an IP address"},
		{"range with host bits", Identity, condition(`"IpAddress": {"aws:SourceIp": "10.1.2.3/8"}`), "is the range 10.0.0.0/8"},
		{"no ARN", Identity, condition(`"ArnLike": {"aws:SourceArn": "arn:aws:s3"}`), "is not an ARN"},
		{"unclosed variable", Identity, statement(`"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::b/${aws:username"`), "without its }"},
		{"variable without prefix", Identity, statement(`"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::b/${username}"`), "lacks the prefix"},
		{"shared provider", TrustPolicy, trustGitHub(`"StringEquals": {"token.actions.githubusercontent.com:sub": "repo:o/r:ref:refs/heads/main"}`), ""},
		{"shared provider, patterns", TrustPolicy, trustGitHub(`"StringLike": {"Token.Actions.GitHubUserContent.com:SUB": ["repo:o/r:*", "repo:o/s:*"]}`), ""},
		{"shared provider, only the audience", TrustPolicy, trustGitHub(`"StringEquals": {"token.actions.githubusercontent.com:aud": "sts.amazonaws.com"}`), "every tenant"},
		{"shared provider, any subject", TrustPolicy, trustGitHub(`"StringLike": {"token.actions.githubusercontent.com:sub": ["repo:o/r:*", "*"]}`), "every tenant"},
		{"shared provider, all but one", TrustPolicy, trustGitHub(`"StringNotEquals": {"token.actions.githubusercontent.com:sub": "repo:o/r:*"}`), "every tenant"},
		{"shared provider, if it exists", TrustPolicy, trustGitHub(`"StringLikeIfExists": {"token.actions.githubusercontent.com:sub": "repo:o/r:*"}`), "every tenant"},
		{"shared provider, that it exists", TrustPolicy, trustGitHub(`"Null": {"token.actions.githubusercontent.com:sub": "false"}`), "every tenant"},
		{"Cognito", TrustPolicy, statement(`"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity", "Principal": {"Federated": "cognito-identity.amazonaws.com"}`), "every tenant"},
		{"private provider", TrustPolicy, statement(`"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity", "Principal": {"Federated": "arn:aws:iam::111111111111:oidc-provider/gitlab.example.com"}`), ""},
		{"shared provider denied", TrustPolicy, statement(`"Effect": "Deny", "Action": "sts:AssumeRoleWithWebIdentity", "Principal": {"Federated": "arn:aws:iam::111111111111:oidc-provider/gitlab.com"}`), ""},
		{"condition key without prefix", Identity, statement(`"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"StringEquals": {"prefix": "a"}}`), "lacks a prefix"},
		{"partition", Identity, statement(`"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws-cn:s3:::b"`), ""},
		{"error", Identity, statement(`"Effect": "Allow", "Action": "s3", "Resource": "*"`), "service:action"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			findings := Lint(tt.kind, tt.text, Rules{})
			switch {
			case tt.finding == "" && len(findings) > 0:
				t.Errorf("findings %+v", findings)
			case tt.finding != "" && (len(findings) != 1 || !strings.Contains(findings[0].Message, tt.finding)):
				t.Errorf("findings %+v, want one with %q", findings, tt.finding)
			case tt.finding != "" && (findings[0].Line < 1 || findings[0].Path == ""):
				t.Errorf("finding has no place: %+v", findings[0])
			case tt.finding != "" && (findings[0].Severity == Error) != (findings[0].AWS != ""):
				t.Errorf("AWS's words belong to errors: %+v", findings[0])
			}
		})
	}
}

func TestLintFindsAllErrors(t *testing.T) {
	findings := Lint(Identity, `{"Statement": [
		{"Effect": "allow", "Action": "s3", "Resource": "b"},
		{"Sid": "a b", "Effect": "Allow", "Resource": "*"}]}`, Rules{})
	var lines []int
	for _, f := range findings {
		lines = append(lines, f.Line)
	}
	if len(findings) != 5 || lines[2] != 2 || lines[3] != 3 {
		t.Errorf("findings %+v", findings)
	}
}

// trustGitHub is a trust policy for workflows on conditions.
func trustGitHub(condition string) string {
	return statement(`"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity", "Principal": {"Federated": "arn:aws:iam::111111111111:oidc-provider/token.actions.githubusercontent.com"},
		"Condition": {` + condition + `}`)
}
