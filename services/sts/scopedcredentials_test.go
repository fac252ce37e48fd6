package sts_test

import (
	"encoding/xml"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"emulator/emulatortest"
)

// query sends what the SDK has not yet.
func (w world) query(config aws.Config, operation string, parameters map[string]string, out any) error {
	w.t.Helper()
	answer, err := emulatortest.Query(w.t.Context(), config, "sts", operation, parameters)
	if err == nil && out != nil {
		if err := xml.Unmarshal(answer, out); err != nil {
			w.t.Fatal(err)
		}
	}
	return err
}

// withCredentials is the configuration of whoever has temporary credentials.
func (w world) withCredentials(c *types.Credentials) aws.Config {
	return w.ConfigWith(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken, emulatortest.Region)
}

type scoped struct {
	Credentials         types.Credentials                     `xml:"GetScopedCredentialsResult>Credentials"`
	SessionInfo         struct{ ScopedSessionId, Arn string } `xml:"GetScopedCredentialsResult>SessionInfo"`
	SessionTokenSize    int                                   `xml:"GetScopedCredentialsResult>SessionTokenSize"`
	ScopedPoliciesCount int                                   `xml:"GetScopedCredentialsResult>ScopedPoliciesCount"`
	SourceIdentity      string                                `xml:"GetScopedCredentialsResult>SourceIdentity"`
}

// scope calls GetScopedCredentials with a policy and a duration, "" for none.
func (w world) scope(config aws.Config, policy, seconds string) (scoped, error) {
	parameters := map[string]string{"ScopedSessionDescription": "a test"}
	if policy != "" {
		parameters["Policy"] = policy
	}
	if seconds != "" {
		parameters["DurationSeconds"] = seconds
	}
	var out scoped
	err := w.query(config, "GetScopedCredentials", parameters, &out)
	return out, err
}

func (w world) mustScope(config aws.Config, policy, seconds string) scoped {
	w.t.Helper()
	out, err := w.scope(config, policy, seconds)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetScopedCredentials.html
func TestGetScopedCredentials(t *testing.T) {
	w := newWorld(t)
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	w.Clock.Freeze(now)
	config, ann := w.user(home, "ann", "")
	role := w.role(home, "app", trust(ann, all, ""), allow(`"*"`))
	out, err := sts.NewFromConfig(config).AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: &role, RoleSessionName: aws.String("session"), SourceIdentity: aws.String("annabel"), Policy: aws.String(allow(`["iam:*","sts:*","kms:*"]`)),
	})
	if err != nil {
		t.Fatal(err)
	}
	session := w.withCredentials(out.Credentials)
	who := *out.AssumedRoleUser.Arn

	w.Clock.Advance(time.Minute)
	first := w.mustScope(session, allow(`["iam:ListUsers","iam:ListRoles","iam:ListGroups","sts:GetScopedCredentials","s3:*"]`), "")
	if info := first.SessionInfo; info.Arn != who || info.ScopedSessionId != *out.AssumedRoleUser.AssumedRoleId || first.SourceIdentity != "annabel" || first.ScopedPoliciesCount != 1 {
		t.Errorf("%+v", first)
	}
	if c := first.Credentials; !c.Expiration.Equal(*out.Credentials.Expiration) || *c.AccessKeyId == *out.Credentials.AccessKeyId || first.SessionTokenSize != len(*c.SessionToken) {
		t.Errorf("%+v", first)
	}
	identity, err := w.as(&first.Credentials).GetCallerIdentity(t.Context(), nil)
	if err != nil || *identity.Arn != who || *identity.UserId != *out.AssumedRoleUser.AssumedRoleId {
		t.Errorf("%v, %v", identity, err)
	}

	// Each layer narrows what is left, also of what the role, its session policy and the layers before allow.
	can := func(s scoped, users, roles, groups bool) {
		t.Helper()
		client := iam.NewFromConfig(w.withCredentials(&s.Credentials))
		_, usersErr := client.ListUsers(t.Context(), nil)
		_, rolesErr := client.ListRoles(t.Context(), nil)
		_, groupsErr := client.ListGroups(t.Context(), nil)
		if users != (usersErr == nil) || roles != (rolesErr == nil) || groups != (groupsErr == nil) {
			t.Errorf("users %v\nroles %v\ngroups %v", usersErr, rolesErr, groupsErr)
		}
	}
	can(first, true, true, true)
	_, err = iam.NewFromConfig(w.withCredentials(&first.Credentials)).ListPolicies(t.Context(), nil)
	expect(t, err, "AccessDenied", notAuthorized(who, "iam:ListPolicies", "arn:aws:iam::000000000000:policy/")+" because no session policy allows the iam:ListPolicies action")
	second := w.mustScope(w.withCredentials(&first.Credentials), allow(`["iam:ListUsers","iam:ListRoles","iam:ListPolicies","sts:GetScopedCredentials"]`), "600")
	can(second, true, true, false)
	third := w.mustScope(w.withCredentials(&second.Credentials), document(`{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"iam:ListRoles","Resource":"*"}`), "")
	can(third, true, false, false)
	_, err = iam.NewFromConfig(w.withCredentials(&third.Credentials)).ListRoles(t.Context(), nil)
	expect(t, err, "AccessDenied", notAuthorized(who, "iam:ListRoles", "arn:aws:iam::000000000000:role/")+" with an explicit deny in a session policy")
	if third.ScopedPoliciesCount != 3 || !third.Credentials.Expiration.Equal(*second.Credentials.Expiration) || !second.Credentials.Expiration.Equal(now.Add(11*time.Minute)) {
		t.Errorf("%d until %s", third.ScopedPoliciesCount, third.Credentials.Expiration)
	}
	last := w.withCredentials(&third.Credentials)
	_, err = w.scope(last, allow(`"*"`), "")
	expect(t, err, "AccessDenied", "The calling session already has the maximum of 3 scope down policies.")
	shorter := w.mustScope(last, "", "1") // no layer
	if shorter.ScopedPoliciesCount != 3 {
		t.Errorf("%d layers", shorter.ScopedPoliciesCount)
	}
	can(shorter, true, false, false)
	w.Clock.Advance(time.Second)
	_, err = w.as(&shorter.Credentials).GetCallerIdentity(t.Context(), nil)
	expect(t, err, "ExpiredToken", "The security token included in the request is expired")
	can(third, true, false, false)

	// A layer that does not allow it ends the chain.
	closed := w.mustScope(session, allow(`"iam:ListUsers"`), "")
	_, err = w.scope(w.withCredentials(&closed.Credentials), "", "60")
	expect(t, err, "AccessDenied", notAuthorized(who, "sts:GetScopedCredentials", "arn:aws:sts::000000000000:self")+" because no session policy allows the sts:GetScopedCredentials action")

	// What a resource's policy grants to the very session is narrowed too, unlike by session policies.
	keys := kms.NewFromConfig(w.in(home))
	key, err := keys.CreateKey(t.Context(), &kms.CreateKeyInput{Policy: aws.String(document(`{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::000000000000:root","` + who + `"]},"Action":"kms:*","Resource":"*"}`))})
	if err != nil {
		t.Fatal(err)
	}
	describe := func(config aws.Config) error {
		_, err := kms.NewFromConfig(config).DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: key.KeyMetadata.KeyId})
		return err
	}
	if err := describe(session); err != nil {
		t.Error(err)
	}
	expect(t, describe(w.withCredentials(&first.Credentials)), "AccessDeniedException", notAuthorized(who, "kms:DescribeKey", *key.KeyMetadata.Arn)+" because no session policy allows the kms:DescribeKey action")
}

// Users scope down the credentials of GetSessionToken, federated users and root users theirs.
func TestScopedUsers(t *testing.T) {
	w := newWorld(t)
	config, ann := w.user(home, "ann", allow(`["sts:*","kms:*"]`))
	token, err := sts.NewFromConfig(config).GetSessionToken(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	root, err := sts.NewFromConfig(w.in(home)).GetSessionToken(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	federated, err := sts.NewFromConfig(config).GetFederationToken(t.Context(), &sts.GetFederationTokenInput{Name: aws.String("bob"), Policy: aws.String(allow(`"*"`))})
	if err != nil {
		t.Fatal(err)
	}
	for arn, credentials := range map[string]*types.Credentials{
		ann: token.Credentials, "arn:aws:iam::000000000000:root": root.Credentials, "arn:aws:sts::000000000000:federated-user/bob": federated.Credentials,
	} {
		out := w.mustScope(w.withCredentials(credentials), allow(`"kms:ListKeys"`), "")
		if out.SessionInfo.Arn != arn || !out.Credentials.Expiration.Equal(*credentials.Expiration) {
			t.Errorf("%s until %s, want %s until %s", out.SessionInfo.Arn, out.Credentials.Expiration, arn, credentials.Expiration)
		}
		identity, err := w.as(&out.Credentials).GetCallerIdentity(t.Context(), nil)
		if err != nil || *identity.Arn != arn || *identity.UserId != out.SessionInfo.ScopedSessionId {
			t.Errorf("%v, %v", identity, err)
		}
		keys := kms.NewFromConfig(w.withCredentials(&out.Credentials))
		if _, err = keys.ListKeys(t.Context(), nil); err != nil {
			t.Error(err)
		}
		_, err = keys.ListAliases(t.Context(), nil)
		expect(t, err, "AccessDeniedException", notAuthorized(arn, "kms:ListAliases", "*")+" because no session policy allows the kms:ListAliases action")
		_, err = w.as(&out.Credentials).GetSessionToken(t.Context(), nil)
		expect(t, err, "AccessDenied", "Cannot call GetSessionToken with session credentials")
	}
}

func TestScopedCredentialsErrors(t *testing.T) {
	w := newWorld(t)
	config, ann := w.user(home, "ann", allow(`["sts:GetScopedCredentials","sts:GetSessionToken"]`))
	out, err := sts.NewFromConfig(config).GetSessionToken(t.Context(), &sts.GetSessionTokenInput{DurationSeconds: aws.Int32(900)})
	if err != nil {
		t.Fatal(err)
	}
	session := w.withCredentials(out.Credentials)
	w.Clock.Freeze(out.Credentials.Expiration.Add(-10 * time.Minute))
	poor, bob := w.user(home, "bob", "")
	poorToken, err := sts.NewFromConfig(poor).GetSessionToken(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	const needsTemporary = "GetScopedCredentials must be called with temporary security credentials."
	for _, test := range []struct {
		name            string
		config          aws.Config
		policy, seconds string
		code, message   string
	}{
		{"a user's own credentials", config, allow(`"*"`), "", "InvalidSubjectCredentials", needsTemporary},
		{"the root user's", w.in(home), allow(`"*"`), "", "InvalidSubjectCredentials", needsTemporary},
		{"neither", session, "", "", "ValidationError", "At least one of Policy or DurationSeconds must be specified."},
		{"longer than the session", session, "", "601", "InsufficientSessionLifetime", "The requested DurationSeconds of 601 exceeds the remaining lifetime of the calling session, which is 600 seconds."},
		{"no time", session, "", "0", "ValidationError", "1 validation error detected: Value '0' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		{"too long", session, "", "129601", "ValidationError", "1 validation error detected: Value '129601' at 'durationSeconds' failed to satisfy constraint: Member must have value less than or equal to 129600"},
		{"no JSON", session, "allow", "", "MalformedPolicyDocument", "The policy is not in the valid JSON format."},
		{"no policy", session, "{}", "", "MalformedPolicyDocument", "Syntax errors in policy."},
		{"with a principal", session, document(`{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}`), "", "MalformedPolicyDocument", "Policy document should not specify a principal."},
		{"no permission", w.withCredentials(poorToken.Credentials), "", "60", "AccessDenied", notAuthorized(bob, "sts:GetScopedCredentials", "arn:aws:sts::000000000000:self") + noIdentityPolicy("sts:GetScopedCredentials")},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := w.scope(test.config, test.policy, test.seconds)
			expect(t, err, test.code, test.message)
		})
	}
	if out := w.mustScope(session, "", "600"); out.SessionInfo.Arn != ann {
		t.Errorf("all of what is left: %+v", out)
	}
	// A policy has room in a token, some that can't be compressed have not.
	for i := range 3 {
		next, err := w.scope(session, document(fmt.Sprintf(`{"Effect":"Allow","Action":["sts:*","s3:%s"],"Resource":"*"}`, noise(6000)[i*1900:(i+1)*1900])), "")
		if i == 2 || err != nil {
			expect(t, err, "PackedPolicyTooLarge", tooLarge)
			break
		}
		session = w.withCredentials(&next.Credentials)
	}
	global := w.named(session, "sts.amazonaws.com")
	err = w.query(global, "GetScopedCredentials", map[string]string{"DurationSeconds": "60"}, nil)
	expect(t, err, "InvalidAction", "GetScopedCredentials is not available on the STS global endpoint. Use a Regional endpoint.")
}
