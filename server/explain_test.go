package server_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"emulator/emulatortest"
	"emulator/identity"
)

// explained is an answer of the admin API, as far as tests look.
type explained struct {
	RequestID string
	Refused   *struct{ Service, Operation, Caller, Code, Message, Cause string }
	Decisions []struct {
		Effect, Resource string
		Empty, Missing   []string
		Advice           []struct {
			Where     string
			Statement json.RawMessage
		}
	}
	Notes []string
}

func explainQuestion(t *testing.T, e *emulatortest.Emulator, q map[string]any) (explained, string) {
	t.Helper()
	body, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	resp, text := send(t, e, call{path: "/_emulator/explain", body: string(body)})
	if resp.StatusCode != 200 {
		return explained{}, text
	}
	var x explained
	if err := json.Unmarshal([]byte(text), &x); err != nil {
		t.Fatal(err)
	}
	return x, ""
}

// What explain says of a call is what becomes of the call: resources are found as the service finds them.
func TestExplainNeverErrs(t *testing.T) {
	e := emulatortest.Start(t)
	people, keys := iam.NewFromConfig(e.Config()), kms.NewFromConfig(e.Config())
	key, err := keys.CreateKey(t.Context(), &kms.CreateKeyInput{Tags: []kmstypes.Tag{{TagKey: aws.String("team"), TagValue: aws.String("red")}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keys.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/app"), TargetKeyId: key.KeyMetadata.KeyId}); err != nil {
		t.Fatal(err)
	}
	config := userWith(t, e, "alice",
		`{"Effect":"Allow","Action":"*","Resource":"*"}`,
		`{"Effect":"Deny","Action":"kms:Encrypt","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"red"}}}`,
		`{"Effect":"Deny","Action":"kms:Sign","Resource":"*","Condition":{"ForAnyValue:StringEquals":{"kms:ResourceAliases":"alias/app"}}}`,
		`{"Effect":"Deny","Action":"iam:GetRole","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"red"}}}`,
		`{"Effect":"Deny","Action":"kms:Verify","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"127.0.0.0/8"}}}`)
	trust := document(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:root"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"x"}}}`)
	for name, tags := range map[string]string{"red": "red", "blue": "blue"} {
		if _, err := people.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: trust, Tags: iamTags("team", tags)}); err != nil {
			t.Fatal(err)
		}
	}
	const alice, carol = "arn:aws:iam::000000000000:user/alice", "arn:aws:iam::111111111111:root"
	arn := *key.KeyMetadata.Arn
	for _, test := range []struct {
		principal, action, resource string
		context                     map[string][]string
		effect, refused             string
	}{
		{alice, "kms:Decrypt", *key.KeyMetadata.KeyId, nil, "Allowed", ""},
		{alice, "kms:Decrypt", "alias/app", nil, "Allowed", ""},
		{alice, "kms:Encrypt", "alias/app", nil, "ExplicitlyDenied", "AccessDenied"},
		{alice, "kms:Encrypt", arn, nil, "ExplicitlyDenied", "AccessDenied"},
		{alice, "kms:Sign", arn, nil, "ExplicitlyDenied", "AccessDenied"},
		{alice, "kms:Verify", arn, nil, "ExplicitlyDenied", "AccessDenied"},
		{alice, "kms:Verify", arn, map[string][]string{"aws:SourceIp": {"192.0.2.1"}}, "Allowed", ""},
		{alice, "kms:Decrypt", "alias/none", nil, "Allowed", "NotFoundException"},
		{alice, "kms:Decrypt", strings.Replace(arn, "us-east-1", "eu-west-1", 1), nil, "Allowed", "NotFoundException"},
		{alice, "kms:ListKeys", "*", nil, "Allowed", ""},
		{carol, "kms:Decrypt", arn, nil, "ImplicitlyDenied", "AccessDenied"},
		{carol, "kms:GetKeyPolicy", arn, nil, "", "AccessDenied"},
		{alice, "iam:GetRole", "red", nil, "ExplicitlyDenied", "AccessDenied"},
		{alice, "iam:GetRole", "blue", nil, "Allowed", ""},
		{alice, "iam:GetRole", "arn:aws:iam::000000000000:role/blue", nil, "Allowed", ""},
		{alice, "iam:GetRole", "green", nil, "Allowed", "NoSuchEntity"},
		{alice, "iam:CreateRole", "green", nil, "Allowed", ""},
		{alice, "iam:ListRoles", "*", nil, "Allowed", ""},
		{alice, "iam:GetUser", "*", nil, "Allowed", ""},
		{alice, "sts:AssumeRole", "blue", nil, "ImplicitlyDenied", "AccessDenied"},
		{alice, "sts:AssumeRole", "blue", map[string][]string{"sts:ExternalId": {"x"}}, "Allowed", ""},
		{alice, "sts:AssumeRole", "green", nil, "ImplicitlyDenied", "AccessDenied"},
		{alice, "s3:GetObject", "arn:aws:s3:::b/k", nil, "Allowed", ""},
	} {
		t.Run(test.action+" on "+test.resource, func(t *testing.T) {
			x, failed := explainQuestion(t, e, map[string]any{"principal": test.principal, "action": test.action, "resource": test.resource, "context": test.context})
			if failed != "" {
				t.Fatal(failed)
			}
			effect, refused := "", ""
			if len(x.Decisions) > 0 {
				effect = x.Decisions[0].Effect
			}
			if x.Refused != nil {
				refused = x.Refused.Code
			}
			if effect != test.effect || refused != test.refused {
				t.Errorf("%s, %q; want %s, %q", effect, refused, test.effect, test.refused)
			}
		})
	}
	// It is as said.
	c := kms.NewFromConfig(config)
	if _, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: aws.String("alias/app"), Plaintext: []byte("x")}); err == nil {
		t.Error("alice may encrypt")
	}
	// Questions leave no trace among the calls.
	if text := fmt.Sprint(admin(t, e, "GET", "/decisions", "", 200)); strings.Contains(text, "kms:Sign") {
		t.Errorf("a question is listed as a call: %s", text)
	}
}

func TestExplainSaysWhatIsNotThere(t *testing.T) {
	e := emulatortest.Start(t)
	const root = "arn:aws:iam::000000000000:root"
	for _, test := range []struct{ principal, action, resource, want string }{
		{root, "kms:Dekrypt", "*", "kms:Dekrypt is no action. The nearest: kms:Decrypt"},
		{root, "kms:ReEncrypt", "*", "kms:ReEncrypt is no action. The nearest: kms:"},
		{root, "iam:Passrole_", "*", "The nearest: iam:PassRole"},
		{root, "kms:*", "*", "is no action"},
		{root, "decrypt", "*", "is no action"},
		{root, "kms:Decrypt", "*", "kms:Decrypt is asked of a key"},
		{root, "sts:AssumeRole", "*", "sts:AssumeRole is asked of a role"},
		{root, "iam:GetRole", "*", "iam:GetRole is asked of a role"},
		{root, "iam:GetRole", "arn:aws:iam::111111111111:role/x", "is of another account"},
		{root, "s3:GetObject", "bucket", "bucket is neither an ARN nor *"},
		{"arn:aws:iam::000000000000:user/nobody", "kms:ListKeys", "*", "does not exist"},
		{"alice", "kms:ListKeys", "*", "is not the ARN of a principal"},
	} {
		if _, failed := explainQuestion(t, e, map[string]any{"principal": test.principal, "action": test.action, "resource": test.resource}); !strings.Contains(failed, test.want) {
			t.Errorf("%s on %s: %s, want %s", test.action, test.resource, failed, test.want)
		}
	}
	for key, want := range map[string]string{
		"aws:SourceIpp": "[aws:SourceIpp is no global condition key of AWS.]", "kms:EncryptionContxt:a": "no condition key. The nearest: kms:EncryptionContext",
		"kms:RecipientAttestation:PRC0": "no condition key. The nearest: kms:RecipientAttestation:PCR0", "kms:recipientattestation:nitrotpmpcr23": "[]", "kms:RecipientAttestation:NitroTPMPCR24": "no condition key",
		"source": "has the form aws:SourceIp", "kms:encryptioncontext:a": "[]", "aws:PrincipalTag/a": "[]", "token.actions.githubusercontent.com:sub": "[]",
	} {
		x, failed := explainQuestion(t, e, map[string]any{"principal": root, "action": "kms:ListKeys", "resource": "*", "context": map[string][]string{key: {"x"}}})
		if failed != "" || !strings.Contains(fmt.Sprint(x.Notes), want) {
			t.Errorf("%s: %v %s, want %s", key, x.Notes, failed, want)
		}
	}
	x, _ := explainQuestion(t, e, map[string]any{"principal": root, "action": "s3:GetObject", "resource": "*"})
	if !strings.Contains(fmt.Sprint(x.Notes), "actions of s3 are not known here") {
		t.Errorf("notes: %v", x.Notes)
	}
}

// The statements that explain gives are those that suffice, on both sides where both are missing.
func TestAdviceSuffices(t *testing.T) {
	e := emulatortest.Start(t)
	owner := kms.NewFromConfig(e.Config())
	key, err := owner.CreateKey(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	arn := *key.KeyMetadata.Arn
	two := e.ConfigWith("111111111111", "test", "", emulatortest.Region)
	people := iam.NewFromConfig(two)
	if _, err := people.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("bob")}); err != nil {
		t.Fatal(err)
	}
	q := map[string]any{"principal": "arn:aws:iam::111111111111:user/bob", "action": "kms:Encrypt", "resource": arn}
	x, failed := explainQuestion(t, e, q)
	if failed != "" || len(x.Decisions) == 0 || fmt.Sprint(x.Decisions[0].Missing) != "[resource-based policy identity-based policy]" {
		t.Fatalf("%+v %s", x, failed)
	}
	advice := x.Decisions[0].Advice
	if len(advice) != 2 || advice[0].Where != "the policy of "+arn || advice[1].Where != "a policy of arn:aws:iam::111111111111:user/bob" {
		t.Fatalf("%+v", advice)
	}
	policy := document(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:root"},"Action":"kms:*","Resource":"*"}`, string(advice[0].Statement))
	if _, err := owner.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: &arn, Policy: policy}); err != nil {
		t.Fatal(err)
	}
	if _, err := people.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: aws.String("bob"), PolicyName: aws.String("p"), PolicyDocument: document(string(advice[1].Statement))}); err != nil {
		t.Fatal(err)
	}
	if x, failed := explainQuestion(t, e, q); failed != "" || x.Refused != nil || x.Decisions[0].Effect != "Allowed" {
		t.Errorf("%+v %s", x, failed)
	}
}

// Every refused call leaves a reason, also one that no policy refused.
func TestRefusalsLeaveReasons(t *testing.T) {
	e := emulatortest.Start(t)
	root := e.Config()
	keys := kms.NewFromConfig(root)
	last := func() explained {
		t.Helper()
		_, text := send(t, e, call{method: "GET", path: "/_emulator/decisions/last"})
		var x explained
		if err := json.Unmarshal([]byte(text), &x); err != nil || x.Refused == nil {
			t.Fatalf("%s %v", text, err)
		}
		return x
	}
	if resp, _ := send(t, e, call{method: "GET", path: "/_emulator/decisions/last"}); resp.StatusCode != 404 {
		t.Errorf("before any call: %d", resp.StatusCode)
	}
	key, err := keys.CreateKey(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	blob, err := keys.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyMetadata.KeyId, Plaintext: []byte("x"), EncryptionContext: map[string]string{"app": "demo"}})
	if err != nil {
		t.Fatal(err)
	}
	config := userWith(t, e, "alice", anything)
	people, tokens := iam.NewFromConfig(root), sts.NewFromConfig(config)
	device, err := people.CreateVirtualMFADevice(t.Context(), &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: aws.String("phone")})
	if err != nil {
		t.Fatal(err)
	}
	seed := decodeBase32(t, string(device.VirtualMFADevice.Base32StringSeed))
	now := e.Clock.Now()
	if _, err := people.EnableMFADevice(t.Context(), &iam.EnableMFADeviceInput{
		UserName: aws.String("alice"), SerialNumber: device.VirtualMFADevice.SerialNumber,
		AuthenticationCode1: aws.String(identity.TOTP(seed, now.Add(-time.Minute))), AuthenticationCode2: aws.String(identity.TOTP(seed, now.Add(-30*time.Second))),
	}); err != nil {
		t.Fatal(err)
	}
	code := func(code string) func() error {
		return func() error {
			_, err := tokens.GetSessionToken(t.Context(), &sts.GetSessionTokenInput{SerialNumber: device.VirtualMFADevice.SerialNumber, TokenCode: &code})
			return err
		}
	}
	if err := code(identity.TOTP(seed, now))(); err != nil {
		t.Fatal(err)
	}
	wrong := "000000"
	if identity.TOTP(seed, now) == wrong {
		wrong = "000001"
	}
	for _, test := range []struct {
		name string
		call func() error
		want string
	}{
		{"encryption context", func() error {
			_, err := keys.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob.CiphertextBlob})
			return err
		}, "made under {app=demo}, asked with {}"},
		{"MFA code that was used", code(identity.TOTP(seed, now)), "it was used before"},
		{"wrong MFA code", code(wrong), "wrong MFA code"},
		{"role", func() error {
			_, err := tokens.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::222222222222:role/x"), RoleSessionName: aws.String("s1")})
			return err
		}, "account 222222222222 has no role of this ARN"},
		{"access key", func() error {
			_, err := sts.NewFromConfig(e.ConfigWith("AKIAIOSFODNN7EXAMPLE", "x", "", emulatortest.Region)).GetCallerIdentity(t.Context(), nil)
			return err
		}, "there is no active access key AKIAIOSFODNN7EXAMPLE"},
		{"session token", func() error {
			_, err := sts.NewFromConfig(e.ConfigWith("ASIAIOSFODNN7EXAMPLE", "x", "abc", emulatortest.Region)).GetCallerIdentity(t.Context(), nil)
			return err
		}, "was not made here"},
		{"provider", func() error {
			_, err := tokens.AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
				RoleArn: aws.String("arn:aws:iam::000000000000:role/x"), RoleSessionName: aws.String("s1"), WebIdentityToken: aws.String(unsignedToken),
			})
			return err
		}, "No OpenIDConnect provider found in your account for https://id.example.com"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := test.call(); err == nil {
				t.Fatal("the call was not refused")
			}
			x := last()
			if reason := x.Refused.Message + x.Refused.Cause; !strings.Contains(reason, test.want) {
				t.Errorf("%+v, want %s", x.Refused, test.want)
			}
			if again := admin(t, e, "GET", "/decisions/"+x.RequestID, "", 200); again["refused"] == nil {
				t.Errorf("by its request ID: %v", again)
			}
		})
	}
	listed := admin(t, e, "GET", "/decisions", "", 200)["refused"].([]any)
	if len(listed) != 7 || !strings.HasSuffix(fmt.Sprint(listed[6].(map[string]any)["cause"]), "asked with {}") {
		t.Errorf("%v", listed)
	}
}

// unsignedToken is {"alg":"RS256","kid":"k"}.{"iss":"https://id.example.com","sub":"s","aud":"a","exp":9999999999,"iat":1} with no signature to speak of.
const unsignedToken = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImsifQ.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwic3ViIjoicyIsImF1ZCI6ImEiLCJleHAiOjk5OTk5OTk5OTksImlhdCI6MX0.AAAA"

// The clock goes where what is counted from it can still be told.
func TestClockBounds(t *testing.T) {
	e := emulatortest.Start(t)
	for body, status := range map[string]int{
		`{"set":"9999-12-31T23:59:00Z","freeze":true}`: 400, `{"set":"2200-01-01T00:00:00Z"}`: 400, `{"set":"1969-12-31T23:59:59Z"}`: 400,
		`{"set":"0001-01-01T00:00:00Z"}`: 400, `{"advance":"2562047h"}`: 400, `{"advance":"-2562047h"}`: 400, `{"set":"2199-12-31T00:00:00Z"}`: 200, `{"advance":"x"}`: 400,
	} {
		before := e.Clock.Now()
		admin(t, e, "POST", "/clock", body, status)
		if moved := e.Clock.Now().Sub(before); status != 200 && (moved < 0 || moved > time.Minute) {
			t.Errorf("%s: refused, and moved by %v", body, moved)
		}
		admin(t, e, "DELETE", "/clock", "", 200)
	}
}
