package wire

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"emulator/api"
)

func operation(t testing.TB, service, name string) *Operation {
	t.Helper()
	codec, _ := codecOf(t, load(t, service), clients[service](aws.Config{Region: "us-east-1"}))
	o, ok := codec.Operation(name)
	if !ok {
		t.Fatalf("no %s", name)
	}
	return o
}

// The wording is AWS's
// (https://smithy.io/2.0/aws/protocols/aws-query-protocol.html has none; these are as its services answer).
func TestValidation(t *testing.T) {
	long := strings.Repeat("x", 65)
	for _, c := range []struct {
		name, service, operation, query, want string
	}{
		{"missing", "iam", "GetRole", "", "1 validation error detected: Value null at 'roleName' failed to satisfy constraint: Member must not be null"},
		{"too long", "iam", "GetRole", "RoleName=" + long, "1 validation error detected: Value '" + long + "' at 'roleName' failed to satisfy constraint: Member must have length less than or equal to 64"},
		{"pattern", "iam", "GetRole", "RoleName=a/b", `1 validation error detected: Value 'a/b' at 'roleName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]+`},
		{"several", "sts", "AssumeRole", "RoleArn=x&DurationSeconds=1", "3 validation errors detected: Value 'x' at 'roleArn' failed to satisfy constraint: Member must have length greater than or equal to 20; " +
			"Value null at 'roleSessionName' failed to satisfy constraint: Member must not be null; " +
			"Value '1' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900"},
		{"in a list", "iam", "TagRole", "RoleName=a&Tags.member.1.Key=&Tags.member.1.Value=x", "at 'tags.1.member.key' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{"missing in a list", "iam", "TagRole", "RoleName=a&Tags.member.1.Key=x", "1 validation error detected: Value null at 'tags.1.member.value' failed to satisfy constraint: Member must not be null"},
		{"enumeration", "iam", "UpdateAccessKey", "AccessKeyId=AKIAIOSFODNN7EXAMPLE&Status=Perhaps", "Value 'Perhaps' at 'status' failed to satisfy constraint: Member must satisfy enum value set: [Active, Inactive"},
		{"characters, not bytes", "iam", "TagRole", "RoleName=a&Tags.member.1.Key=" + url.QueryEscape(strings.Repeat("é", 128)) + "&Tags.member.1.Value=", ""},
		{"control character", "iam", "GetRole", "RoleName=a%0A", "regular expression pattern"},
	} {
		t.Run(c.name, func(t *testing.T) {
			form, err := url.ParseQuery(c.query)
			if err != nil {
				t.Fatal(err)
			}
			_, err = operation(t, c.service, c.operation).DecodeQuery(form)
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			e, ok := errors.AsType[*api.Error](err)
			if !ok || e.Code != "ValidationError" || !strings.Contains(e.Message, c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestQueryForms(t *testing.T) {
	decode := func(query string) (any, error) {
		form, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		return operation(t, "iam", "TagRole").DecodeQuery(form)
	}
	in, err := decode("RoleName=a&Tags.member.2.Key=b&Tags.member.2.Value=2&Tags.member.10.Key=c&Tags.member.10.Value=3&Unknown.x=1")
	if err != nil {
		t.Fatal(err)
	}
	if tags := in.(*iam.TagRoleInput).Tags; len(tags) != 2 || *tags[0].Key != "b" || *tags[1].Key != "c" {
		t.Errorf("tags %v", tags)
	}
	if in, err = decode("RoleName=a&Tags="); err != nil || in.(*iam.TagRoleInput).Tags == nil {
		t.Errorf("the empty list: %v", err)
	}
	for _, bad := range []string{"Tags.member.x.Key=1", "Tags.member.0.Key=1", "Tags.member.01.Key=1"} {
		if _, err := decode(bad + "&RoleName=a"); api.ErrorCode(err) != "MalformedInput" {
			t.Errorf("%s: %v", bad, err)
		}
	}
	for _, bad := range []string{"DurationSeconds=x", "DurationSeconds=99999999999", "DurationSeconds=1.5"} {
		form, _ := url.ParseQuery(bad)
		if _, err := operation(t, "sts", "AssumeRole").DecodeQuery(form); api.ErrorCode(err) != "MalformedInput" {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestJSONErrors(t *testing.T) {
	for body, want := range map[string]string{
		`{`: "MalformedInput", `[]`: "MalformedInput", `{} {}`: "MalformedInput", `{"KeyId":1}`: "MalformedInput", `{"KeyId":{}}`: "MalformedInput",
		`{"KeyId":"a","KeyId":"b","Plaintext":"eA=="}`: "MalformedInput", `{"KeyId":"a","Plaintext":"!"}`: "MalformedInput",
		`{"KeyId":"a","Plaintext":"eA==","EncryptionContext":[]}`: "MalformedInput", "{\"KeyId\":\"\xff\"}": "MalformedInput",
		`{"keyid":"a","Plaintext":"eA=="}`: "ValidationError", `{"KeyId":null,"Plaintext":"eA=="}`: "ValidationError", ``: "ValidationError",
		`{"KeyId":"a","Plaintext":"eA==","Unknown":{"x":[1]}}`: "", `{"KeyId":"a","Plaintext":"eA==","DryRun":true}`: "",
		`{"KeyId":"a","Plaintext":"eA==","DryRun":"true"}`: "MalformedInput", `{"KeyId":"a","Plaintext":"eA==","DryRun":1}`: "MalformedInput",
	} {
		_, err := operation(t, "kms", "Encrypt").DecodeJSON([]byte(body))
		if got := api.ErrorCode(err); got != want || (err != nil) != (want != "") {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
}

func TestEncodeError(t *testing.T) {
	codec := func(service string) *Codec {
		c, _ := codecOf(t, load(t, service), clients[service](aws.Config{Region: "us-east-1"}))
		return c
	}
	iamCodec, kmsCodec := codec("iam"), codec("kms")
	getRole, _ := iamCodec.Operation("GetRole")
	encrypt, _ := kmsCodec.Operation("Encrypt")
	for _, c := range []struct {
		name      string
		codec     *Codec
		operation *Operation
		err       error
		queryJSON bool
		status    int
		body      string
	}{
		{"declared, with its code on the wire", iamCodec, getRole, api.Errorf("NoSuchEntity", "a <b>"), false, 404,
			`<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>a &lt;b&gt;</Message></Error><RequestId>id</RequestId></ErrorResponse>`},
		{"common", iamCodec, getRole, api.Errorf("AccessDenied", "x"), false, 403, "<Code>AccessDenied</Code>"},
		{"as JSON", iamCodec, getRole, api.Errorf("AccessDenied", "x"), true, 403, `{"Error":{"Code":"AccessDenied","Message":"x","Type":"Sender"},"RequestId":"id"}`},
		{"not declared", iamCodec, getRole, api.Errorf("EntityAlreadyExists", "x"), false, 500, "<Type>Receiver</Type><Code>InternalFailure</Code>"},
		{"no error of AWS's", iamCodec, getRole, errors.New("secret"), false, 500, "InternalFailure"},
		{"without an operation", iamCodec, nil, api.Errorf("InvalidAction", "x"), false, 400, "InvalidAction"},
		{"JSON", kmsCodec, encrypt, api.Errorf("DisabledException", `"x"`), false, 400, `{"__type":"DisabledException","message":"\"x\""}`},
		{"JSON without a message", kmsCodec, encrypt, api.Errorf("InvalidAction", ""), false, 400, `{"__type":"UnknownOperationException"}`},
		{"JSON, common", kmsCodec, encrypt, api.Errorf("AccessDenied", "x"), false, 400, `{"__type":"AccessDeniedException","message":"x"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := c.codec.EncodeError(c.operation, c.err, "id", c.queryJSON)
			if r.Status != c.status || !strings.Contains(string(r.Body), c.body) {
				t.Errorf("%d %s\nwant %d %s", r.Status, r.Body, c.status, c.body)
			}
			if (r.Unexpected != nil) != (c.status == 500) || strings.Contains(string(r.Body), "secret") {
				t.Errorf("unexpected: %v, body %s", r.Unexpected, r.Body)
			}
		})
	}
}

func FuzzDecodeQuery(f *testing.F) {
	f.Add("RoleArn=arn:aws:iam::000000000000:role/a&RoleSessionName=b&Tags.member.1.Key=a&PolicyArns.member.1.arn=x")
	f.Add("Tags.member.1=1&Tags.member.1.Key.x=2&Tags=&.=1")
	o := operation(f, "sts", "AssumeRole")
	f.Fuzz(func(t *testing.T, query string) {
		form, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		in, err := o.DecodeQuery(form)
		if err != nil && api.ErrorCode(err) == "" {
			t.Errorf("%v is none of AWS's errors", err)
		}
		if err == nil && in.(*sts.AssumeRoleInput).RoleArn == nil {
			t.Error("no RoleArn")
		}
	})
}

func FuzzDecodeJSON(f *testing.F) {
	f.Add([]byte(`{"KeyId":"a","Plaintext":"eA==","EncryptionContext":{"a":"b"},"GrantTokens":["x"],"DryRun":false}`))
	f.Add([]byte(`{"KeyId":1e400}`))
	o := operation(f, "kms", "Encrypt")
	f.Fuzz(func(t *testing.T, body []byte) {
		in, err := o.DecodeJSON(body)
		if err != nil && api.ErrorCode(err) == "" {
			t.Errorf("%v is none of AWS's errors", err)
		}
		if err == nil && in.(*kms.EncryptInput).KeyId == nil {
			t.Error("no KeyId")
		}
	})
}

func BenchmarkDecodeEncode(b *testing.B) {
	encrypt, assume := operation(b, "kms", "Encrypt"), operation(b, "sts", "AssumeRole")
	body := []byte(`{"KeyId":"1234abcd-12ab-34cd-56ef-1234567890ab","Plaintext":"` + strings.Repeat("AAAA", 341) + `","EncryptionContext":{"app":"bench","tenant":"t"}}`)
	out := &kms.EncryptOutput{KeyId: aws.String("x"), CiphertextBlob: make([]byte, 1200)}
	b.Run("kms Encrypt 1 KiB", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := encrypt.DecodeJSON(body); err != nil {
				b.Fatal(err)
			}
			encrypt.AppendJSON(nil, out)
		}
	})
	form, _ := url.ParseQuery("Action=AssumeRole&RoleArn=arn:aws:iam::000000000000:role/app&RoleSessionName=bench")
	b.Run("sts AssumeRole", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := assume.DecodeQuery(form); err != nil {
				b.Fatal(err)
			}
		}
	})
}
