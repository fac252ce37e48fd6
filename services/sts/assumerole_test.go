package sts_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"

	"emulator/emulatortest"
	"emulator/services/sts/oidc/oidctest"
)

func TestAssumeRole(t *testing.T) {
	w := newWorld(t)
	config, arn := w.user(home, "ann", "")
	role := w.role(home, "app", trust(arn, `"sts:AssumeRole"`, ""), "", func(in *iam.CreateRoleInput) { in.Path = aws.String("/team/") })
	created, err := iam.NewFromConfig(w.in(home)).GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("app")})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2030, 1, 2, 3, 4, 5, 678e6, time.UTC)
	w.Clock.Freeze(now)
	out, err := sts.NewFromConfig(config).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("a+b=c,d.e@f-g_1")})
	if err != nil {
		t.Fatal(err)
	}
	const session = "arn:aws:sts::000000000000:assumed-role/app/a+b=c,d.e@f-g_1"
	if got := *out.AssumedRoleUser.Arn; got != session {
		t.Errorf("ARN %s", got)
	}
	id := *created.Role.RoleId + ":a+b=c,d.e@f-g_1"
	if got := *out.AssumedRoleUser.AssumedRoleId; got != id || !strings.HasPrefix(got, "AROA") {
		t.Errorf("ID %s, want %s", got, id)
	}
	if got, want := *out.Credentials.Expiration, now.Truncate(time.Second).Add(time.Hour); !got.Equal(want) {
		t.Errorf("expires %s, want %s", got, want)
	}
	if !strings.HasPrefix(*out.Credentials.AccessKeyId, "ASIA") || len(*out.Credentials.SecretAccessKey) != 40 {
		t.Errorf("credentials %s, %s", *out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey)
	}
	if *out.PackedPolicySize != *out.SessionTokenUtilization || out.SourceIdentity != nil {
		t.Errorf("packed size %v, source identity %v", out.PackedPolicySize, out.SourceIdentity)
	}
	if int(*out.SessionTokenSize) != len(*out.Credentials.SessionToken) || *out.SessionTokenUtilization < 1 || *out.SessionTokenUtilization > 100 {
		t.Errorf("token size %d, utilization %d", *out.SessionTokenSize, *out.SessionTokenUtilization)
	}
	who, err := w.as(out.Credentials).GetCallerIdentity(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if *who.Arn != session || *who.UserId != id || *who.Account != home {
		t.Errorf("identity %s %s %s", *who.Arn, *who.UserId, *who.Account)
	}

	w.Clock.Advance(time.Hour - time.Second)
	if _, err := w.as(out.Credentials).GetCallerIdentity(t.Context(), nil); err != nil {
		t.Errorf("a second before it expires: %v", err)
	}
	w.Clock.Advance(time.Second)
	_, err = w.as(out.Credentials).GetCallerIdentity(t.Context(), nil)
	expect(t, err, "ExpiredToken", "The security token included in the request is expired")
}

func TestAssumeRoleErrors(t *testing.T) {
	w := newWorld(t)
	config, ann := w.user(home, "ann", "")
	free := w.role(home, "free", trust(ann, all, ""), "")
	session := func(change func(*sts.AssumeRoleInput)) error {
		in := &sts.AssumeRoleInput{RoleArn: &free, RoleSessionName: aws.String("session")}
		change(in)
		_, err := sts.NewFromConfig(config).AssumeRole(t.Context(), in)
		return err
	}
	closed := w.role(home, "closed", trust("arn:aws:iam::111111111111:root", all, ""), "")
	long := w.role(home, "long", trust(ann, all, ""), "", func(in *iam.CreateRoleInput) { in.MaxSessionDuration = aws.Int32(7200) })
	denied := func(role string) string { return notAuthorized(ann, "sts:AssumeRole", role) }
	mfa := aws.String("arn:aws:iam::000000000000:mfa/ann")
	tag := func(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} }
	for _, test := range []struct {
		name, code, message string
		change              func(*sts.AssumeRoleInput)
	}{
		{"not trusted", "AccessDenied", denied(closed), func(in *sts.AssumeRoleInput) { in.RoleArn = &closed }},
		{"no such role", "AccessDenied", denied("arn:aws:iam::000000000000:role/none"), func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String("arn:aws:iam::000000000000:role/none") }},
		{"no such account", "AccessDenied", denied("arn:aws:iam::999999999999:role/free"), func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String("arn:aws:iam::999999999999:role/free") }},
		{"another path", "AccessDenied", denied("arn:aws:iam::000000000000:role/x/free"), func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String("arn:aws:iam::000000000000:role/x/free") }},
		{"another case", "AccessDenied", denied("arn:aws:iam::000000000000:role/Free"), func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String("arn:aws:iam::000000000000:role/Free") }},
		{"another partition", "AccessDenied", denied("arn:aws-cn:iam::000000000000:role/free"), func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String("arn:aws-cn:iam::000000000000:role/free") }},
		{"no ARN", "ValidationError", "free-as-in-free-speech is invalid", func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String("free-as-in-free-speech") }},
		// The four below: recorded from AWS by LocalStack (test_sts_invalid_parameters).
		{"no partition", "ValidationError", "arn::b:::something/test-role is invalid", func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String("arn::b:::something/test-role") }},
		{"no service", "ValidationError", "arn:a::::something/test-role is invalid", func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String("arn:a::::something/test-role") }},
		{"not enough colons", "ValidationError", "arn:a:::something/test-role is invalid", func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String("arn:a:::something/test-role") }},
		{"no resource", "ValidationError", "arn:a:a::aaaaaaaaaa: is invalid", func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String("arn:a:a::aaaaaaaaaa:") }},
		// As users saw it (amzn/selling-partner-api-models 2523).
		{"a user's ARN", "AccessDenied", denied(ann), func(in *sts.AssumeRoleInput) { in.RoleArn = &ann }},
		{"no account", "ValidationError", "Request ARN is invalid", func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String("arn:aws:iam::1:role/free") }},
		{"longer than the role", "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.", func(in *sts.AssumeRoleInput) { in.RoleArn, in.DurationSeconds = &long, aws.Int32(7201) }},
		{"MFA device", "AccessDenied", "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.", func(in *sts.AssumeRoleInput) { in.SerialNumber, in.TokenCode = mfa, aws.String("123456") }},
		{"MFA device without code", "AccessDenied", "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.", func(in *sts.AssumeRoleInput) { in.SerialNumber = mfa }},
		{"context", "InvalidContextAssertion", "The context assertion is not valid.", func(in *sts.AssumeRoleInput) {
			in.ProvidedContexts = []types.ProvidedContext{{ProviderArn: aws.String("arn:aws:iam::aws:contextProvider/IdentityCenter"), ContextAssertion: aws.String("assertion")}}
		}},
		{"duplicate tags", "InvalidParameterValue", "Duplicate tag keys found. Please note that Tag keys are case insensitive.", func(in *sts.AssumeRoleInput) { in.Tags = []types.Tag{tag("team", "a"), tag("Team", "b")} }},
		{"AWS's tags", "ValidationError", "Tag keys that begin with aws: are reserved for system use.", func(in *sts.AssumeRoleInput) { in.Tags = []types.Tag{tag("AWS:team", "a")} }},
		{"transitive key without tag", "InvalidParameterValue", "The specified transitive tag key must be included in the requested tags.", func(in *sts.AssumeRoleInput) { in.TransitiveTagKeys = []string{"team"} }},
		{"policy is no JSON", "MalformedPolicyDocument", "The policy is not in the valid JSON format.", func(in *sts.AssumeRoleInput) { in.Policy = aws.String("allow") }},
		{"policy is too long", "ValidationError", "1 validation error detected: Value at 'policy' failed to satisfy constraint: Member must have length less than or equal to 2048", func(in *sts.AssumeRoleInput) {
			in.Policy = aws.String(allow(`"` + "s3:" + strings.Repeat("x", 2048) + `"`))
		}},
		{"tags are too large", "PackedPolicyTooLarge", tooLarge, func(in *sts.AssumeRoleInput) {
			for n := range 20 {
				in.Tags = append(in.Tags, tag(fmt.Sprint("key", n), noise(4000)[n*200:n*200+200]))
			}
		}},
		{"policies are too many", "ValidationError", "1 validation error detected: Value at 'policyArns' failed to satisfy constraint: Member must have length less than or equal to 10", func(in *sts.AssumeRoleInput) {
			for range 11 {
				in.PolicyArns = append(in.PolicyArns, types.PolicyDescriptorType{Arn: aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess")})
			}
		}},
		{"no such policy", "ValidationError", "Policy arn:aws:iam::000000000000:policy/none does not exist or is not attachable.", func(in *sts.AssumeRoleInput) {
			in.PolicyArns = []types.PolicyDescriptorType{{Arn: aws.String("arn:aws:iam::000000000000:policy/none")}}
		}},
		{"policy of another account", "ValidationError", "Policy arn:aws:iam::111111111111:policy/none does not exist or is not attachable.", func(in *sts.AssumeRoleInput) {
			in.PolicyArns = []types.PolicyDescriptorType{{Arn: aws.String("arn:aws:iam::111111111111:policy/none")}}
		}},
	} {
		t.Run(test.name, func(t *testing.T) { expect(t, session(test.change), test.code, test.message) })
	}
	t.Run("root", func(t *testing.T) {
		_, err := sts.NewFromConfig(w.Config()).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &free, RoleSessionName: aws.String("session")})
		expect(t, err, "AccessDenied", "Roles may not be assumed by root accounts.")
	})
}

// noise is text that does not compress: 1900 characters always of the same kind.
func noise(n int) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = letters[r.IntN(len(letters))]
	}
	return string(b)
}

// TestTrust: what a trust policy says of the request.
func TestTrust(t *testing.T) {
	w := newWorld(t)
	config, ann := w.user(home, "ann", "")
	granted, bob := w.user(home, "bob", allow(`"sts:AssumeRole"`))
	foreign, eve := w.user(other, "eve", allow(`"sts:AssumeRole"`))
	account := "arn:aws:iam::000000000000:root"
	for n, test := range []struct {
		name      string
		caller    aws.Config
		principal string
		condition string
		change    func(*sts.AssumeRoleInput)
		ok        bool
	}{
		{"the user alone", config, ann, "", nil, true},
		{"the account, and the user may", granted, account, "", nil, true},
		{"another user", granted, ann, "", nil, false},
		{"a user of another account", foreign, eve, "", nil, true},
		{"another account", foreign, "arn:aws:iam::111111111111:root", "", nil, true},
		{"not the other account", foreign, account, "", nil, false},
		{"external ID missing", foreign, eve, `{"StringEquals":{"sts:ExternalId":"secret/1"}}`, nil, false},
		{"external ID wrong", foreign, eve, `{"StringEquals":{"sts:ExternalId":"secret/1"}}`, func(in *sts.AssumeRoleInput) { in.ExternalId = aws.String("secret/2") }, false},
		{"external ID right", foreign, eve, `{"StringEquals":{"sts:ExternalId":"secret/1"}}`, func(in *sts.AssumeRoleInput) { in.ExternalId = aws.String("secret/1") }, true},
		{"session name", granted, bob, `{"StringLike":{"sts:RoleSessionName":"${aws:username}"}}`, func(in *sts.AssumeRoleInput) { in.RoleSessionName = aws.String("bob") }, true},
		{"another session name", granted, bob, `{"StringLike":{"sts:RoleSessionName":"${aws:username}"}}`, nil, false},
		{"source identity", granted, bob, `{"StringEquals":{"sts:SourceIdentity":"robert"}}`, func(in *sts.AssumeRoleInput) { in.SourceIdentity = aws.String("robert") }, true},
		{"another source identity", granted, bob, `{"StringEquals":{"sts:SourceIdentity":"robert"}}`, func(in *sts.AssumeRoleInput) { in.SourceIdentity = aws.String("roberta") }, false},
		{"tag", granted, bob, `{"StringEquals":{"aws:RequestTag/team":"blue"}}`, tagged("team", "blue"), true},
		{"another tag", granted, bob, `{"StringEquals":{"aws:RequestTag/team":"blue"}}`, tagged("team", "red"), false},
		{"address", granted, bob, `{"IpAddress":{"aws:SourceIp":"127.0.0.0/8"}}`, nil, true},
		{"another address", granted, bob, `{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`, nil, false},
		{"MFA", granted, bob, `{"Bool":{"aws:MultiFactorAuthPresent":"true"}}`, nil, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			role := world{w.Emulator, t}.role(home, fmt.Sprint("role", n), trust(test.principal, all, test.condition), "")
			in := &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("session")}
			if test.change != nil {
				test.change(in)
			}
			client := sts.NewFromConfig(test.caller)
			_, err := client.AssumeRole(t.Context(), in)
			if test.ok {
				if err != nil {
					t.Error(err)
				}
				return
			}
			who, err2 := client.GetCallerIdentity(t.Context(), nil)
			if err2 != nil {
				t.Fatal(err2)
			}
			expect(t, err, "AccessDenied", notAuthorized(*who.Arn, "sts:AssumeRole", role))
		})
	}
	role := w.role(home, "delegated", trust(account, all, ""), "")
	_, err := sts.NewFromConfig(config).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("session")})
	expect(t, err, "AccessDenied", notAuthorized(ann, "sts:AssumeRole", role)+noIdentityPolicy("sts:AssumeRole"))
}

func tagged(key, value string) func(*sts.AssumeRoleInput) {
	return func(in *sts.AssumeRoleInput) { in.Tags = []types.Tag{{Key: &key, Value: &value}} }
}

// TestChain: a role's session assumes another role.
func TestChain(t *testing.T) {
	w := newWorld(t)
	config, ann := w.user(home, "ann", "")
	twelve := func(in *iam.CreateRoleInput) { in.MaxSessionDuration = aws.Int32(43200) }
	first := w.role(home, "first", trust(ann, all, ""), allow(all), twelve)
	second := w.role(home, "second", trust(first, all, ""), "", twelve)
	plain := w.role(home, "plain", trust(first, `"sts:AssumeRole"`, ""), "")
	tagging := w.role(home, "tagging", trust(first, `["sts:AssumeRole","sts:TagSession"]`, ""), "")
	one, err := sts.NewFromConfig(config).AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: &first, RoleSessionName: aws.String("one"), DurationSeconds: aws.Int32(43200), SourceIdentity: aws.String("annabel"),
		Tags:              []types.Tag{{Key: aws.String("Team"), Value: aws.String("blue")}, {Key: aws.String("mine"), Value: aws.String("1")}},
		TransitiveTagKeys: []string{"team"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if *one.SourceIdentity != "annabel" || *one.PackedPolicySize < 1 {
		t.Errorf("source identity %v, packed size %v", *one.SourceIdentity, *one.PackedPolicySize)
	}
	client := w.as(one.Credentials)
	who := "arn:aws:sts::000000000000:assumed-role/first/one"
	chain := func(role string, change func(*sts.AssumeRoleInput)) (*sts.AssumeRoleOutput, error) {
		in := &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("two")}
		if change != nil {
			change(in)
		}
		return client.AssumeRole(t.Context(), in)
	}
	two, err := chain(second, func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(3600) })
	if err != nil {
		t.Fatal(err)
	}
	if *two.SourceIdentity != "annabel" || two.PackedPolicySize == nil {
		t.Errorf("what was handed on: source identity %v, packed size %v", two.SourceIdentity, two.PackedPolicySize)
	}
	_, err = chain(second, func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(3601) })
	expect(t, err, "ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
	_, err = chain(second, func(in *sts.AssumeRoleInput) { in.SourceIdentity = aws.String("somebody") })
	expect(t, err, "AccessDenied", "The source identity of the calling session can't be changed.")
	_, err = chain(second, tagged("TEAM", "red"))
	expect(t, err, "InvalidParameterValue", "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.")
	if _, err = chain(second, tagged("mine", "2")); err != nil {
		t.Errorf("a tag that is not handed on: %v", err)
	}
	_, err = chain(plain, nil)
	expect(t, err, "AccessDenied", notAuthorized(who, "sts:TagSession", plain))
	_, err = chain(tagging, nil)
	expect(t, err, "AccessDenied", notAuthorized(who, "sts:SetSourceIdentity", tagging))

	// The tag is there in the second session, and in the conditions that meet it.
	third := w.role(home, "third", trust(second, all, `{"StringEquals":{"aws:PrincipalTag/team":"blue","aws:SourceIdentity":"annabel"},"Null":{"aws:PrincipalTag/mine":"true"}}`), "")
	if _, err := w.as(two.Credentials).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &third, RoleSessionName: aws.String("three")}); err != nil {
		t.Error(err)
	}
}

// TestSessionPolicy: a session may do what both the role and its session policies allow.
func TestSessionPolicy(t *testing.T) {
	w := newWorld(t)
	config, ann := w.user(home, "ann", "")
	role := w.role(home, "admin", trust(ann, all, ""), allow(`"*"`))
	for name, test := range map[string]struct {
		change func(*sts.AssumeRoleInput)
		ok     bool
	}{
		"none":     {func(*sts.AssumeRoleInput) {}, true},
		"allows":   {func(in *sts.AssumeRoleInput) { in.Policy = aws.String(allow(`"iam:List*"`)) }, true},
		"silent":   {func(in *sts.AssumeRoleInput) { in.Policy = aws.String(allow(`"kms:*"`)) }, false},
		"managed":  {managed("arn:aws:iam::aws:policy/IAMReadOnlyAccess"), true},
		"managed2": {managed("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"), false},
	} {
		t.Run(name, func(t *testing.T) {
			in := &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("session"), MinimumSessionTokenSize: aws.Int32(4096)}
			test.change(in)
			out, err := sts.NewFromConfig(config).AssumeRole(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			if n := len(*out.Credentials.SessionToken); n < 4096 || n > 4140 {
				t.Errorf("a token of %d bytes, want 4096", n)
			}
			c := out.Credentials
			client := iam.NewFromConfig(w.ConfigWith(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken, emulatortest.Region))
			_, err = client.ListUsers(t.Context(), nil)
			if ok := err == nil; ok != test.ok {
				t.Errorf("ListUsers: %v", err)
			}
		})
	}
}

func managed(arn string) func(*sts.AssumeRoleInput) {
	return func(in *sts.AssumeRoleInput) { in.PolicyArns = []types.PolicyDescriptorType{{Arn: &arn}} }
}

// TestTokenSize: the token is at least as long as asked for.
func TestTokenSize(t *testing.T) {
	w := newWorld(t)
	config, ann := w.user(home, "ann", "")
	role := w.role(home, "app", trust(ann, all, ""), "")
	for size := int32(380); size < 480; size++ {
		out, err := sts.NewFromConfig(config).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("session"), MinimumSessionTokenSize: &size})
		if err != nil {
			t.Fatal(err)
		}
		if n := int32(len(*out.Credentials.SessionToken)); n < size || n > max(size, 430)+48 || n != *out.SessionTokenSize {
			t.Errorf("a token of %d bytes (%d) where %d were asked for", n, *out.SessionTokenSize, size)
		}
	}
}

// TestSessionEnds: a session ends with its role.
func TestSessionEnds(t *testing.T) {
	w := newWorld(t)
	config, ann := w.user(home, "ann", "")
	role := w.role(home, "app", trust(ann, all, ""), "")
	out, err := sts.NewFromConfig(config).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("session")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := iam.NewFromConfig(w.Config()).DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: aws.String("app")}); err != nil {
		t.Fatal(err)
	}
	w.role(home, "app", trust(ann, all, ""), "")
	_, err = w.as(out.Credentials).GetCallerIdentity(t.Context(), nil)
	expect(t, err, "InvalidClientTokenId", "The security token included in the request is invalid.")
}

// TestForeignRolesAreNotTold is a law: what is answered about another account's role, to whom that does not trust, does not depend on
// whether there is one.
func TestForeignRolesAreNotTold(t *testing.T) {
	w := newWorld(t)
	there := w.role(home, "there", trust("arn:aws:iam::"+home+":root", all, ""), "", func(in *iam.CreateRoleInput) {
		in.Tags = []iamtypes.Tag{{Key: aws.String("team"), Value: aws.String("blue")}}
	})
	const deny = `{"Effect":"Deny","Action":"sts:*","Resource":"*"`
	for name, policy := range map[string]string{
		"nobody": "", "admin": allow(`"*"`), "denied": document(deny + "}"),
		"prober": document(`{"Effect":"Allow","Action":"*","Resource":"*"},` + deny + `,"Condition":{"StringEquals":{"aws:ResourceTag/team":"blue"}}}`),
	} {
		config, arn := w.user(other, name, policy)
		for _, tags := range [][]types.Tag{nil, {{Key: aws.String("a"), Value: aws.String("b")}}} {
			var answers []string
			for _, role := range []string{there, "arn:aws:iam::" + home + ":role/absent"} {
				_, err := sts.NewFromConfig(config).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("session"), Tags: tags})
				e, ok := errors.AsType[smithy.APIError](err)
				if !ok {
					t.Fatalf("%s of %s: %v", name, role, err)
				}
				answers = append(answers, e.ErrorCode()+": "+strings.ReplaceAll(e.ErrorMessage(), role, "ROLE"))
			}
			if answers[0] != answers[1] {
				t.Errorf("%s:\n%s\n%s", arn, answers[0], answers[1])
			}
			if name == "denied" && !strings.HasSuffix(answers[0], " with an explicit deny in an identity-based policy") {
				t.Errorf("%s is not told why: %s", arn, answers[0])
			}
		}
	}
}

// TestLongSourceIdentity: up to 256 characters, also in tokens and assertions.
func TestLongSourceIdentity(t *testing.T) {
	f := newFederation(t, oidctest.Start(t))
	role := f.world.role(home, "named", document(`{"Effect":"Allow","Principal":{"Federated":"`+f.provider+`","AWS":"000000000000"},"Action":["sts:AssumeRole","sts:AssumeRoleWithWebIdentity","sts:SetSourceIdentity"]}`), "")
	config, _ := f.user(home, "ann", allow(`"sts:*"`))
	assume := func(name string) error {
		_, err := sts.NewFromConfig(config).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("session"), SourceIdentity: &name})
		return err
	}
	longest := strings.Repeat("x", 256)
	if err := assume(longest); err != nil {
		t.Error(err)
	}
	expect(t, assume(longest+"x"), "ValidationError", "1 validation error detected: Value '"+longest+"x' at 'sourceIdentity' failed to satisfy constraint: Member must have length less than or equal to 256")
	out, err := f.assume(role, f.token(map[string]any{"https://aws.amazon.com/source_identity": longest}))
	if err != nil || *out.SourceIdentity != longest {
		t.Errorf("%v, %v", out, err)
	}
	_, err = f.assume(role, f.token(map[string]any{"https://aws.amazon.com/source_identity": longest + "x"}))
	expect(t, err, "InvalidIdentityToken", "The source identity in the token is not valid")
}
