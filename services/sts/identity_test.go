package sts_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"emulator/emulatortest"
)

func TestGetCallerIdentity(t *testing.T) {
	w := newWorld(t)
	check := func(client *sts.Client, account, arn, id string) {
		t.Helper()
		who, err := client.GetCallerIdentity(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if *who.Account != account || *who.Arn != arn || id != "" && *who.UserId != id {
			t.Errorf("got %s %s %s", *who.Account, *who.Arn, *who.UserId)
		}
	}
	check(sts.NewFromConfig(w.Config()), home, "arn:aws:iam::000000000000:root", home)
	check(sts.NewFromConfig(w.in(other)), other, "arn:aws:iam::111111111111:root", other)
	china := w.ConfigWith("test", "test", "", "cn-north-1")
	check(sts.NewFromConfig(china), home, "arn:aws-cn:iam::000000000000:root", home)

	// Not even an explicit denial stops it.
	config, ann := w.user(home, "ann", document(`{"Effect":"Deny","Action":"*","Resource":"*"}`))
	user, err := iam.NewFromConfig(w.Config()).GetUser(t.Context(), &iam.GetUserInput{UserName: aws.String("ann")})
	if err != nil {
		t.Fatal(err)
	}
	check(sts.NewFromConfig(config), home, ann, *user.User.UserId)
}

func TestGetSessionToken(t *testing.T) {
	w := newWorld(t)
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	w.Clock.Freeze(now)
	config, ann := w.user(home, "ann", "")
	for name, test := range map[string]struct {
		config  aws.Config
		seconds *int32
		want    time.Duration
	}{
		"user":                {config, nil, 12 * time.Hour},
		"user, shortest":      {config, aws.Int32(900), 15 * time.Minute},
		"user, longest":       {config, aws.Int32(129600), 36 * time.Hour},
		"root":                {w.Config(), nil, time.Hour},
		"root, shortest":      {w.Config(), aws.Int32(900), 15 * time.Minute},
		"root, longer than 1": {w.Config(), aws.Int32(129600), time.Hour},
	} {
		out, err := sts.NewFromConfig(test.config).GetSessionToken(t.Context(), &sts.GetSessionTokenInput{DurationSeconds: test.seconds})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := out.Credentials.Expiration.Sub(now); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
	for _, seconds := range []int32{899, 129601} {
		if _, err := sts.NewFromConfig(config).GetSessionToken(t.Context(), &sts.GetSessionTokenInput{DurationSeconds: &seconds}); err == nil {
			t.Errorf("%d seconds are allowed", seconds)
		}
	}
	_, err := sts.NewFromConfig(config).GetSessionToken(t.Context(), &sts.GetSessionTokenInput{SerialNumber: aws.String("GAHT12345678"), TokenCode: aws.String("123456")})
	expect(t, err, "AccessDenied", "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.")

	denied, eve := w.user(home, "eve", document(`{"Effect":"Deny","Action":"sts:GetSessionToken","Resource":"*"}`))
	_, err = sts.NewFromConfig(denied).GetSessionToken(t.Context(), nil)
	expect(t, err, "AccessDenied", notAuthorized(eve, "sts:GetSessionToken", "*")+" with an explicit deny in an identity-based policy")

	// The session is the user's own.
	out, err := sts.NewFromConfig(config).GetSessionToken(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	session := w.as(out.Credentials)
	who, err := session.GetCallerIdentity(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if *who.Arn != ann {
		t.Errorf("the session is %s", *who.Arn)
	}
	role := w.role(home, "app", trust(ann, all, ""), "", func(in *iam.CreateRoleInput) { in.MaxSessionDuration = aws.Int32(43200) })
	if _, err := session.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("session")}); err != nil {
		t.Error(err)
	}
	_, err = session.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("session"), DurationSeconds: aws.Int32(7200)})
	expect(t, err, "ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
	_, err = session.GetSessionToken(t.Context(), nil)
	expect(t, err, "AccessDenied", "Cannot call GetSessionToken with session credentials")
	_, err = session.GetFederationToken(t.Context(), &sts.GetFederationTokenInput{Name: aws.String("bob")})
	expect(t, err, "AccessDenied", "Cannot call GetFederationToken with session credentials")
	_, err = session.GetAccessKeyInfo(t.Context(), &sts.GetAccessKeyInfoInput{AccessKeyId: out.Credentials.AccessKeyId})
	expect(t, err, "AccessDenied", "Cannot call GetAccessKeyInfo with session credentials")
	root, err := sts.NewFromConfig(w.Config()).GetSessionToken(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.as(root.Credentials).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("session")})
	expect(t, err, "AccessDenied", "Roles may not be assumed by root accounts.")
}

func TestGetAccessKeyInfo(t *testing.T) {
	w := newWorld(t)
	config, arn := w.user(home, "ann", "")
	foreign, _ := w.user(other, "eve", allow(`"sts:GetAccessKeyInfo"`))
	eve, err := foreign.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	session, err := sts.NewFromConfig(foreign).GetSessionToken(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	root := sts.NewFromConfig(w.Config())
	for _, id := range []string{eve.AccessKeyID, *session.Credentials.AccessKeyId} {
		for _, client := range []*sts.Client{root, sts.NewFromConfig(foreign)} {
			info, err := client.GetAccessKeyInfo(t.Context(), &sts.GetAccessKeyInfoInput{AccessKeyId: &id})
			if err != nil {
				t.Fatal(err)
			}
			if *info.Account != other {
				t.Errorf("%s is of account %s", id, *info.Account)
			}
		}
	}
	for _, id := range []string{"AKIAIOSFODNN7EXAMPL1", "AROAQAAAAAAAAAAAAAAA", "AKIA0000000000000000", "abcdefghijklmnop"} {
		_, err := root.GetAccessKeyInfo(t.Context(), &sts.GetAccessKeyInfoInput{AccessKeyId: &id})
		expect(t, err, "ValidationError", "The access key ID "+id+" is not valid.")
	}
	_, err = sts.NewFromConfig(config).GetAccessKeyInfo(t.Context(), &sts.GetAccessKeyInfoInput{AccessKeyId: &eve.AccessKeyID})
	expect(t, err, "AccessDenied", notAuthorized(arn, "sts:GetAccessKeyInfo", "*")+noIdentityPolicy("sts:GetAccessKeyInfo"))
}

func TestGetFederationToken(t *testing.T) {
	w := newWorld(t)
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	w.Clock.Freeze(now)
	config, arn := w.user(home, "broker", allow(`["sts:GetFederationToken","sts:TagSession","iam:*"]`))
	client := sts.NewFromConfig(config)
	out, err := client.GetFederationToken(t.Context(), &sts.GetFederationTokenInput{
		Name: aws.String("bob@example.com"), Policy: aws.String(allow(`"iam:ListUsers"`)), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("blue")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	const bob = "arn:aws:sts::000000000000:federated-user/bob@example.com"
	if *out.FederatedUser.Arn != bob || *out.FederatedUser.FederatedUserId != home+":bob@example.com" || *out.PackedPolicySize < 1 {
		t.Errorf("%s %s %d", *out.FederatedUser.Arn, *out.FederatedUser.FederatedUserId, *out.PackedPolicySize)
	}
	if got := out.Credentials.Expiration.Sub(now); got != 12*time.Hour {
		t.Errorf("expires in %s", got)
	}
	federated := w.as(out.Credentials)
	who, err := federated.GetCallerIdentity(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if *who.Arn != bob || *who.UserId != home+":bob@example.com" {
		t.Errorf("identity %s %s", *who.Arn, *who.UserId)
	}
	role := w.role(home, "app", trust(arn, all, ""), "")
	_, err = federated.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("session")})
	expect(t, err, "AccessDenied", "Cannot call AssumeRole with session credentials")
	_, err = federated.GetSessionToken(t.Context(), nil)
	expect(t, err, "AccessDenied", "Cannot call GetSessionToken with session credentials")

	_, err = client.GetFederationToken(t.Context(), &sts.GetFederationTokenInput{Name: aws.String("bob"), Policy: aws.String("{}")})
	expect(t, err, "MalformedPolicyDocument", "Syntax errors in policy.")
	large := &sts.GetFederationTokenInput{Name: aws.String("bob")}
	for n := range 20 {
		large.Tags = append(large.Tags, types.Tag{Key: aws.String(fmt.Sprint("key", n)), Value: aws.String(noise(4000)[n*200 : n*200+200])})
	}
	_, err = client.GetFederationToken(t.Context(), large)
	expect(t, err, "PackedPolicyTooLarge", tooLarge)
	plain, err := client.GetFederationToken(t.Context(), &sts.GetFederationTokenInput{Name: aws.String("bob")})
	if err != nil {
		t.Fatal(err)
	}
	if *plain.PackedPolicySize != *plain.SessionTokenUtilization {
		t.Errorf("packed size %v without a policy", plain.PackedPolicySize)
	}
	root, err := sts.NewFromConfig(w.Config()).GetFederationToken(t.Context(), &sts.GetFederationTokenInput{Name: aws.String("bob"), DurationSeconds: aws.Int32(7200)})
	if err != nil {
		t.Fatal(err)
	}
	if got := root.Credentials.Expiration.Sub(now); got != time.Hour {
		t.Errorf("root's expires in %s", got)
	}
	// Who has no permission, and a session without a policy.
	poor, ann := w.user(home, "ann", allow(`"sts:GetFederationToken"`))
	none, eve := w.user(home, "eve", "")
	const resource = "arn:aws:sts::000000000000:federated-user/bob"
	_, err = sts.NewFromConfig(none).GetFederationToken(t.Context(), &sts.GetFederationTokenInput{Name: aws.String("bob")})
	expect(t, err, "AccessDenied", notAuthorized(eve, "sts:GetFederationToken", resource)+noIdentityPolicy("sts:GetFederationToken"))
	_, err = sts.NewFromConfig(poor).GetFederationToken(t.Context(), &sts.GetFederationTokenInput{Name: aws.String("bob"), Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}})
	expect(t, err, "AccessDenied", notAuthorized(ann, "sts:TagSession", resource)+noIdentityPolicy("sts:TagSession"))
	bare, err := client.GetFederationToken(t.Context(), &sts.GetFederationTokenInput{Name: aws.String("bob")})
	if err != nil {
		t.Fatal(err)
	}
	c := bare.Credentials
	if _, err := iam.NewFromConfig(w.ConfigWith(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken, emulatortest.Region)).ListUsers(t.Context(), nil); err == nil {
		t.Error("a federated user without a session policy may list users")
	}
}

func TestInvalidAuthorizationMessage(t *testing.T) {
	w := newWorld(t)
	for _, message := range []string{"message", strings.Repeat("A", 100)} {
		_, err := sts.NewFromConfig(w.in(home)).DecodeAuthorizationMessage(t.Context(), &sts.DecodeAuthorizationMessageInput{EncodedMessage: &message})
		expect(t, err, "InvalidAuthorizationMessageException", "Message is not valid")
	}
}
