package wire

import (
	"errors"
	"fmt"
	"net/url"
	"runtime"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"emulator/api"
	"emulator/api/model"
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
		{"missing", "sts", "GetFederationToken", "", "1 validation error detected: Value null at 'name' failed to satisfy constraint: Member must not be null"},
		{"missing, and secret", "sts", "AssumeRoleWithWebIdentity", "RoleArn=arn:aws:iam::000000000000:role/a&RoleSessionName=me", "1 validation error detected: Value at 'webIdentityToken' failed to satisfy constraint: Member must not be null"}, // measured of KMS
		{"too long", "sts", "GetFederationToken", "Name=" + long, "1 validation error detected: Value '" + long + "' at 'name' failed to satisfy constraint: Member must have length less than or equal to 32"},
		{"pattern", "sts", "GetFederationToken", "Name=a/b", `1 validation error detected: Value 'a/b' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*`},
		{"several", "sts", "AssumeRole", "RoleArn=x&DurationSeconds=1", "3 validation errors detected: Value 'x' at 'roleArn' failed to satisfy constraint: Member must have length greater than or equal to 20; " +
			"Value null at 'roleSessionName' failed to satisfy constraint: Member must not be null; " +
			"Value '1' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900"},
		{"in a list", "iam", "TagRole", "RoleName=a&Tags.member.1.Key=&Tags.member.1.Value=x", "at 'tags.1.member.key' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{"missing in a list", "iam", "TagRole", "RoleName=a&Tags.member.1.Key=x", "1 validation error detected: Value at 'tags.1.member.value' failed to satisfy constraint: Member must not be null"},
		{"enumeration", "iam", "UpdateAccessKey", "AccessKeyId=AKIAIOSFODNN7EXAMPLE&Status=Perhaps", "Value 'Perhaps' at 'status' failed to satisfy constraint: Member must satisfy enum value set: [Active, Inactive"},
		{"characters, not bytes", "iam", "TagRole", "RoleName=a&Tags.member.1.Key=" + url.QueryEscape(strings.Repeat("é", 128)) + "&Tags.member.1.Value=", ""},
		{"control character", "sts", "GetFederationToken", "Name=a%0A", "regular expression pattern"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := operation(t, c.service, c.operation).DecodeQuery(Form{Body: []byte(c.query)})
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

// TestIAMWording has recorded answers, but for those rows that say otherwise.
//
// [rec] localstack, tests/aws/services/iam/*.snapshot.json, of February 2026; [rep] what users pasted.
func TestIAMWording(t *testing.T) {
	const (
		name   = " is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-"
		path   = " is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters."
		prefix = "The specified value for pathPrefix is invalid. It must begin with the / character and contain only alphanumeric characters and/or / characters."
		tagKey = `Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]+`
	)
	codec, _ := codecOf(t, load(t, "iam"), clients["iam"](aws.Config{Region: "us-east-1"}))
	trust := "&AssumeRolePolicyDocument=x"
	for _, c := range []struct{ operation, query, want string }{
		{"CreateVirtualMFADevice", "VirtualMFADeviceName=a&Path=test", "The specified value for path" + path}, // [rec] test_iam_mfa
		{"CreateVirtualMFADevice", "VirtualMFADeviceName=a&Path=/test", "The specified value for path" + path},
		{"CreateVirtualMFADevice", "VirtualMFADeviceName=a&Path=/" + strings.Repeat("a", 511) + "/", "1 validation error detected: Value at 'path' failed to satisfy constraint: Member must have length less than or equal to 512"},
		{"UpdateUser", "UserName=a&NewPath=x", "The specified value for newPath" + path}, // versitygw, after AWS
		{"CreatePolicy", "PolicyName=a&PolicyDocument=x&Path=x", "The specified value for path" + path},
		{"ListUsers", "PathPrefix=x", prefix},    // versitygw
		{"ListPolicies", "PathPrefix=x", prefix}, // [rep] aws-cli #5860
		{"AttachUserPolicy", "UserName=a/b&PolicyArn=arn:aws:iam::aws:policy/x", "The specified value for userName" + name},                                       // [rep] qontract-reconcile #2640
		{"AttachRolePolicy", "RoleName=a/b&PolicyArn=arn:aws:iam::aws:policy/x", "The specified value for roleName" + name},                                       // [rep] amplify-cli #9120
		{"PutRolePolicy", "RoleName=a&PolicyName=Deny+unless+VPC&PolicyDocument=x", "The specified value for policyName" + name},                                  // [rep] cfn-lint #996
		{"GetGroup", "GroupName=iamgroup*", "The specified value for groupName" + name},                                                                           // [rep]
		{"DeleteAccessKey", "AccessKeyId=AKIA-IOSFODNN7EXAMPLE", "The specified value for accessKeyId is invalid. It must contain only alphanumeric characters."}, // versitygw
		{"CreateRole", "RoleName=a&Path=x" + trust + "&Description=%01&MaxSessionDuration=1", "The specified value for path" + path},
		{"SetDefaultPolicyVersion", "PolicyArn=arn:aws:iam::aws:policy/x&VersionId=1", `1 validation error detected: Value at 'versionId' failed to satisfy constraint: Member must satisfy regular expression pattern: v[1-9][0-9]*(\.[A-Za-z0-9-]*)?`}, // [rec] test_iam_policies
		{"CreateRole", "RoleName=a" + trust + "&Tags.member.1.Key=" + strings.Repeat("a", 129) + "&Tags.member.1.Value=x", "1 validation error detected: Value at 'tags.1.member.key' failed to satisfy constraint: Member must have length less than or equal to 128"},
		{"CreateRole", "RoleName=a" + trust + "&Tags.member.1.Key=%3C&Tags.member.1.Value=x", "1 validation error detected: Value at 'tags.1.member.key' failed to satisfy constraint: " + tagKey}, // [rec] test_iam_roles
		{"UntagRole", "RoleName=a&TagKeys.member.1=%3C", "1 validation error detected: Value at 'tagKeys' failed to satisfy constraint: Member must satisfy constraint: " +
			"[Member must have length less than or equal to 128, Member must have length greater than or equal to 1, " + tagKey + ", Member must not be null]"}, // [rec] test_iam_roles
		{"CreateOpenIDConnectProvider", "Url=https://a.example&ClientIDList.member.1=" + strings.Repeat("b", 256), "1 validation error detected: Value at 'clientIDList' failed to satisfy constraint: Member must satisfy constraint: " +
			"[Member must have length less than or equal to 255, Member must have length greater than or equal to 1]"}, // [rec] test_iam_oidc
		{"UpdateAccountPasswordPolicy", "MinimumPasswordLength=129", "1 validation error detected: Value at 'minimumPasswordLength' failed to satisfy constraint: Member must have value less than or equal to 128"}, // [rec]
		{"UpdateAccessKey", "AccessKeyId=AKIAIOSFODNN7EXAMPLE&Status=x", "1 validation error detected: Value 'x' at 'status' failed to satisfy constraint: Member must satisfy enum value set: [Active, Inactive"},   // versitygw
		{"GetRole", "", "1 validation error detected: Value at 'roleName' failed to satisfy constraint: Member must not be null"},                                                                                    // versitygw
	} {
		t.Run(c.operation+" "+c.query[:min(len(c.query), 60)], func(t *testing.T) {
			o, _ := codec.Operation(c.operation)
			_, err := o.DecodeQuery(Form{Body: []byte(c.query)})
			e, ok := errors.AsType[*api.Error](err)
			if !ok || e.Code != "ValidationError" || e.Message != c.want && !strings.HasPrefix(e.Message, c.want+", ") {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestQueryForms(t *testing.T) {
	decode := func(query string) (any, error) {
		return operation(t, "iam", "TagRole").DecodeQuery(Form{Body: []byte(query)})
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
	for _, bad := range []string{"Tags.member.x.Key=1", "Tags.member.0.Key=1", "Tags.member.01.Key=1", "Tags.1.Key=1", "Tags.members.1.Key=1", "Tags=x", "Tags.member=x"} {
		if _, err := decode(bad + "&RoleName=a"); api.ErrorCode(err) != "MalformedInput" {
			t.Errorf("%s: %v", bad, err)
		}
	}
	for _, bad := range []string{"DurationSeconds=x", "DurationSeconds=99999999999", "DurationSeconds=1.5"} {
		if _, err := operation(t, "sts", "AssumeRole").DecodeQuery(Form{Body: []byte(bad)}); api.ErrorCode(err) != "MalformedInput" {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// Whatever a request names, what is built of it is not more than what the model names.
func TestDecodeIsBounded(t *testing.T) {
	const size = 1 << 20
	fill := func(begin, repeat, end string) []byte {
		n := (size - len(begin) - len(end)) / len(repeat)
		return []byte(begin + strings.Repeat(repeat, n) + end)
	}
	var numbered []byte
	for i := range MaxParameters {
		numbered = fmt.Appendf(numbered, "Tags.member.%d.Key=&", i+1)
	}
	numbered = numbered[:len(numbered)-1]
	tag := operation(t, "iam", "TagRole")
	encrypt := operation(t, "kms", "Encrypt")
	tagKey := operation(t, "kms", "TagResource")
	many := fill("", "a&", "")[:MaxParameters+2]
	for _, c := range []struct {
		name      string
		operation *Operation
		form      Form
		json      []byte
		times     int // as much may be allocated as the request is long
	}{
		{"a deep name", tag, Form{Body: fill("RoleName=a&", "a.", "a=")}, nil, 0},
		{"a deep name below a list", tag, Form{Body: fill("RoleName=a&Tags.member.1.", "a.", "a=")}, nil, 1},
		{"many names", tag, Form{Body: fill("RoleName=a", "&a", "")}, nil, 0},
		{"many names in query and body", tag, Form{Query: many, Body: many}, nil, 0},
		{"many items", tag, Form{Body: numbered}, nil, 30},
		{"deep JSON", encrypt, Form{}, fill(`{"x":`, `[`, ""), 1},
		{"unknown names in JSON", encrypt, Form{}, fill(`{"KeyId":"a"`, `,"b":{}`, `}`), 1},
		{"many entries in JSON", encrypt, Form{}, fill(`{"EncryptionContext":{"a":"b"`, `,"c":""`, `}}`), 1},
		{"many items in JSON", tagKey, Form{}, fill(`{"KeyId":"a","Tags":[{}`, `,{}`, `]}`), 2},
		{"a long value that is wrong", encrypt, Form{}, fill(`{"KeyId":"`, "é", `"}`), 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			var before, after runtime.MemStats
			var err error
			runtime.ReadMemStats(&before)
			if c.json != nil {
				_, err = c.operation.DecodeJSON(c.json)
			} else {
				_, err = c.operation.DecodeQuery(c.form)
			}
			runtime.ReadMemStats(&after)
			length := len(c.json) + len(c.form.Query) + len(c.form.Body)
			if used := int(after.TotalAlloc - before.TotalAlloc); used > c.times*length+64<<10 {
				t.Errorf("%d KiB for %d", used>>10, length>>10)
			}
			if e, ok := errors.AsType[*api.Error](err); err != nil && (!ok || len(e.Message) > 64<<10) {
				t.Errorf("%.1000v", err)
			}
		})
	}
}

// Text has no NUL and is UTF-8, whatever the model says or does not say.
func TestTextIsText(t *testing.T) {
	create := func(query string) (any, error) {
		return operation(t, "iam", "CreateOpenIDConnectProvider").DecodeQuery(Form{Body: []byte(query)})
	}
	encrypt := func(body string) (any, error) { return operation(t, "kms", "Encrypt").DecodeJSON([]byte(body)) }
	for _, c := range []struct {
		name   string
		decode func(string) (any, error)
		sent   string
		code   string
	}{
		{"NUL", create, "Url=a%00b", "MalformedInput"},
		{"NUL in a list", create, "Url=a&ClientIDList.member.1=%00", "MalformedInput"},
		{"no UTF-8", create, "Url=a%FFb", "MalformedInput"},
		{"a surrogate", create, "Url=%ED%A0%80", "MalformedInput"},
		{"NUL in what the operation does not know", create, "Url=a&x=%00", ""},
		{"a pattern comes first", func(q string) (any, error) { return operation(t, "iam", "GetRole").DecodeQuery(Form{Query: []byte(q)}) }, "RoleName=%00", "ValidationError"},
		{"a broken escape in the query string", func(q string) (any, error) { return operation(t, "iam", "GetRole").DecodeQuery(Form{Query: []byte(q)}) }, "RoleName=%", "MalformedQueryString"},
		{"a broken escape", create, "Url=%", "MalformedInput"},
		{"JSON: NUL", encrypt, `{"KeyId":"a\u0000","Plaintext":"eA=="}`, "MalformedInput"},
		{"JSON: NUL in a key", encrypt, `{"KeyId":"a","Plaintext":"eA==","EncryptionContext":{"\u0000":"b"}}`, "MalformedInput"},
		{"JSON: NUL in a list", encrypt, `{"KeyId":"a","Plaintext":"eA==","GrantTokens":["\u0000"]}`, "MalformedInput"},
		{"JSON: a lone surrogate", encrypt, `{"KeyId":"\ud800","Plaintext":"eA=="}`, "MalformedInput"},
		{"JSON: a NUL in bytes", encrypt, `{"KeyId":"a","Plaintext":"AA=="}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := c.decode(c.sent); api.ErrorCode(err) != c.code || (err != nil) != (c.code != "") {
				t.Errorf("%v, want %q", err, c.code)
			}
		})
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
	iamCodec, kmsCodec, organizationsCodec := codec("iam"), codec("kms"), codec("organizations")
	getRole, _ := iamCodec.Operation("GetRole")
	encrypt, _ := kmsCodec.Operation("Encrypt")
	listRoots, _ := organizationsCodec.Operation("ListRoots")
	// No query service has an error with members yet.
	getRole.model.Errors = append(getRole.model.Errors, &model.Shape{
		Name: "Detailed", Type: "structure", Error: &model.Error{Code: "Detailed", Status: 400},
		Members: []model.Member{{Name: "Reason"}, {Name: "message"}, {Name: "Detail"}},
	})
	detailed := api.Errorf("Detailed", "x").With("Detail", "<d>").With("Reason", "r")
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
		{"JSON with members", organizationsCodec, listRoots, api.Errorf("InvalidInputException", "x").With("Reason", "INVALID_NEXT_TOKEN"), false, 400,
			`{"__type":"InvalidInputException","Message":"x","Reason":"INVALID_NEXT_TOKEN"}`},
		{"JSON with a member that it has not", organizationsCodec, listRoots, api.Errorf("InvalidInputException", "x").With("Why", "secret"), false, 500, "InternalFailure"},
		{"common with a member", organizationsCodec, listRoots, api.Errorf("AccessDenied", "x").With("Reason", "secret"), false, 500, "InternalFailure"},
		{"query with members", iamCodec, getRole, detailed, false, 400, "<Code>Detailed</Code><Message>x</Message><Reason>r</Reason><Detail>&lt;d&gt;</Detail></Error>"},
		{"query with members, as JSON", iamCodec, getRole, detailed, true, 400, `{"Error":{"Code":"Detailed","Message":"x","Reason":"r","Detail":"<d>","Type":"Sender"}`},
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
		in, err := o.DecodeQuery(Form{Body: []byte(query)})
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
	form := Form{Body: []byte("Action=AssumeRole&RoleArn=arn:aws:iam::000000000000:role/app&RoleSessionName=bench")}
	b.Run("sts AssumeRole", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := assume.DecodeQuery(form); err != nil {
				b.Fatal(err)
			}
		}
	})
}
