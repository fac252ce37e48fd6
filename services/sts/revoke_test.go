package sts_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// TestRevokeSessions denies what was issued before a time, as the console's button does.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_revoke-sessions.html
func TestRevokeSessions(t *testing.T) {
	w := newWorld(t)
	config, arn := w.user(home, "ann", allow(`"sts:AssumeRole"`))
	role := w.role(home, "app", trust(arn, all, ""), allow(`"iam:ListRoles"`))
	session := func() func() error {
		t.Helper()
		out, err := sts.NewFromConfig(config).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("session")})
		if err != nil {
			t.Fatal(err)
		}
		c := out.Credentials
		client := iam.NewFromConfig(w.ConfigWith(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken, "us-east-1"))
		return func() error {
			_, err := client.ListRoles(t.Context(), nil)
			return err
		}
	}
	before := session()
	if err := before(); err != nil {
		t.Fatal(err)
	}
	w.Clock.Advance(time.Minute)
	now := w.Clock.Now().UTC().Format(time.RFC3339)
	if _, err := iam.NewFromConfig(w.in(home)).PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: aws.String("app"), PolicyName: aws.String("AWSRevokeOlderSessions"),
		PolicyDocument: aws.String(document(`{"Effect":"Deny","Action":["*"],"Resource":["*"],"Condition":{"DateLessThan":{"aws:TokenIssueTime":"` + now + `"}}}`))}); err != nil {
		t.Fatal(err)
	}
	expect(t, before(), "AccessDenied", notAuthorized("arn:aws:sts::000000000000:assumed-role/app/session", "iam:ListRoles", "arn:aws:iam::000000000000:role/")+" with an explicit deny in an identity-based policy")
	w.Clock.Advance(time.Minute)
	if err := session()(); err != nil {
		t.Errorf("a session issued since: %v", err)
	}
}
