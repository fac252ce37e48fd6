package server_test

import (
	"encoding/base32"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"emulator/emulatortest"
)

// document makes a policy of statements.
func document(statements ...string) *string {
	return aws.String(`{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`)
}

// userWith makes a user with a policy of these statements.
func userWith(t *testing.T, e *emulatortest.Emulator, name string, statements ...string) aws.Config {
	t.Helper()
	config := user(t, e, name)
	_, err := iam.NewFromConfig(e.Config()).PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: &name, PolicyName: aws.String("p"), PolicyDocument: document(statements...)})
	if err != nil {
		t.Fatal(err)
	}
	return config
}

const anything = `{"Effect":"Allow","Action":"*","Resource":"*"}`

// iamTags makes tags of keys and values.
func iamTags(pairs ...string) (tags []iamtypes.Tag) {
	for i := 0; i < len(pairs); i += 2 {
		tags = append(tags, iamtypes.Tag{Key: &pairs[i], Value: &pairs[i+1]})
	}
	return tags
}

func decodeBase32(t *testing.T, text string) []byte {
	t.Helper()
	b, err := base32.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// requestID returns that of an answer or of an error.
func requestID(t *testing.T, metadata *middleware.Metadata, err error) string {
	t.Helper()
	if e, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		return e.RequestID
	}
	id, ok := awsmiddleware.GetRequestIDMetadata(*metadata)
	if !ok {
		t.Fatalf("no request ID: %v", err)
	}
	return id
}

// Condition keys that differ only by case are one key: a call is decided alike each time, and its explanation
// tells the decision that was made.
func TestKeysThatDifferByCase(t *testing.T) {
	e := emulatortest.Start(t)
	keys := kms.NewFromConfig(e.Config())
	key, err := keys.CreateKey(t.Context(), &kms.CreateKeyInput{Tags: []kmstypes.Tag{
		{TagKey: aws.String("team"), TagValue: aws.String("red")}, {TagKey: aws.String("TEAM"), TagValue: aws.String("blue")}}})
	if err != nil {
		t.Fatal(err)
	}
	encrypt := func(context map[string]string) func(*kms.Client) (*middleware.Metadata, error) {
		return func(c *kms.Client) (*middleware.Metadata, error) {
			out, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyMetadata.KeyId, Plaintext: []byte("x"), EncryptionContext: context})
			if err != nil {
				return nil, err
			}
			return &out.ResultMetadata, nil
		}
	}
	create := func(tags ...string) func(*kms.Client) (*middleware.Metadata, error) {
		return func(c *kms.Client) (*middleware.Metadata, error) {
			in := &kms.CreateKeyInput{}
			for _, tag := range tags {
				name, value, _ := strings.Cut(tag, "=")
				in.Tags = append(in.Tags, kmstypes.Tag{TagKey: &name, TagValue: &value})
			}
			out, err := c.CreateKey(t.Context(), in)
			if err != nil {
				return nil, err
			}
			return &out.ResultMetadata, nil
		}
	}
	statement := func(effect, operator, key, value string) string {
		return fmt.Sprintf(`{"Effect":%q,"Action":"kms:*","Resource":"*","Condition":{%q:{%q:%q}}}`, effect, operator, key, value)
	}
	two := map[string]string{"tenant": "secret", "TENANT": "x"}
	for i, test := range []struct {
		name       string
		statements []string
		call       func(*kms.Client) (*middleware.Metadata, error)
		effect     string
	}{
		{"denied by one of two values", []string{anything, statement("Deny", "StringEquals", "kms:EncryptionContext:tenant", "secret")}, encrypt(two), "ExplicitlyDenied"},
		{"whatever the policy's case", []string{anything, statement("Deny", "StringEquals", "kms:encryptioncontext:Tenant", "x")}, encrypt(two), "ExplicitlyDenied"},
		{"denied unless", []string{anything, statement("Deny", "StringNotEquals", "kms:EncryptionContext:tenant", "x")}, encrypt(two), "ExplicitlyDenied"},
		{"allowed by one of two values", []string{statement("Allow", "StringEquals", "kms:EncryptionContext:tenant", "secret")}, encrypt(two), "ImplicitlyDenied"},
		{"allowed by both", []string{statement("Allow", "StringLike", "kms:EncryptionContext:tenant", "*")}, encrypt(two), "Allowed"},
		{"ForAnyValue", []string{statement("Allow", "ForAnyValue:StringEquals", "kms:EncryptionContext:tenant", "x")}, encrypt(two), "Allowed"},
		{"request tags", []string{anything, statement("Deny", "StringEquals", "aws:RequestTag/team", "red")}, create("TEAM=blue", "team=red"), "ExplicitlyDenied"},
		{"request tags, allowed", []string{statement("Allow", "StringEquals", "aws:RequestTag/team", "red")}, create("TEAM=blue", "team=red"), "ImplicitlyDenied"},
		{"resource tags", []string{anything, statement("Deny", "StringEquals", "aws:ResourceTag/team", "blue")}, encrypt(nil), "ExplicitlyDenied"},
		{"resource tags, allowed", []string{statement("Allow", "StringEquals", "aws:ResourceTag/Team", "blue")}, encrypt(nil), "ImplicitlyDenied"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := kms.NewFromConfig(userWith(t, e, fmt.Sprint("user", i), test.statements...))
			var first map[string]any
			for range 30 {
				metadata, err := test.call(c)
				answer := admin(t, e, "GET", "/decisions/"+requestID(t, metadata, err), "", 200)
				decisions := answer["decisions"].([]any)
				decision := decisions[len(decisions)-1].(map[string]any)
				if (err == nil) != (test.effect == "Allowed") || decision["effect"] != test.effect {
					t.Fatalf("explained as %v, answered with %v", decision["effect"], err)
				}
				delete(decision, "encodedMessage") // sealed each time anew
				if first == nil {
					first = decision
				}
				if !reflect.DeepEqual(first, decision) {
					t.Fatalf("another trace:\n%v\n%v", first, decision)
				}
			}
		})
	}
}

// withHeader has a client send a header.
func withHeader(config aws.Config, name, value string) aws.Config {
	config.APIOptions = append(config.APIOptions, smithyhttp.SetHeaderValue(name, value))
	return config
}

// What is kept of refused calls is bounded, whatever they carry.
func TestTrailMemory(t *testing.T) {
	e := emulatortest.Start(t)
	config := user(t, e, "mallory")
	heap := func() int {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	long := strings.Repeat("x", 1<<20-4096)
	name := func(i int) *string { return aws.String(fmt.Sprint(long[:1000], i)) }
	credentials, err := config.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before := heap()
	for i := range 60 {
		send(t, e, call{body: fmt.Sprintf("Action=CreateUser&Version=2010-05-08&UserName=u&Tags.member.1.Key=k&Tags.member.1.Value=v%d&Junk=%s", i, long), header: form, service: "iam", credentials: credentials})
		send(t, e, call{body: fmt.Sprintf(`{"KeyId":"alias/x","Plaintext":"eA==","EncryptionContext":{"k":"%d"},"Junk":%q}`, i, long), header: jsonFor("TrentService.Encrypt"), service: "kms", credentials: credentials})
	}
	people := iam.NewFromConfig(withHeader(withHeader(config, "User-Agent", long[:8000]), "Referer", long[:8000]))
	keys := kms.NewFromConfig(config)
	for i := range 300 {
		// Strings that would be parts of the body, in the query and in the JSON protocol.
		if _, err := people.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: aws.String("p"), Path: aws.String("/" + long[:500] + "/"), PolicyDocument: aws.String(long[:100_000])}); err == nil {
			t.Fatal("allowed")
		}
		if _, err := keys.Encrypt(t.Context(), &kms.EncryptInput{KeyId: aws.String("alias/x"), Plaintext: []byte(long[:4096]), EncryptionContext: map[string]string{*name(i): long[:7000]}}); err == nil {
			t.Fatal("allowed")
		}
	}
	if grown := heap() - before; grown > 32<<20 {
		t.Errorf("720 refused calls keep %d MB", grown>>20)
	}
}

// The header of a call that conditions compare, and an encryption context, have a bound.
func TestBoundedValues(t *testing.T) {
	e := emulatortest.Start(t)
	for _, header := range []string{"User-Agent", "Referer"} {
		for length, status := range map[int]int{8192: 200, 8193: 413, 200_000: 413} {
			resp, body := send(t, e, call{body: whoAmI, service: "sts", header: http.Header{"Content-Type": form["Content-Type"], header: {strings.Repeat("x", length)}}})
			if resp.StatusCode != status || status == 413 && !strings.Contains(body, "<Code>RequestEntityTooLarge</Code>") {
				t.Errorf("%s of %d bytes: %d %s", header, length, resp.StatusCode, body)
			}
		}
	}
	c := kms.NewFromConfig(e.Config())
	key, err := c.CreateKey(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for length, good := range map[int]bool{8191: true, 8192: false} {
		context := map[string]string{"k": strings.Repeat("x", length)}
		calls := map[string]func() error{
			"Encrypt": func() error {
				_, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyMetadata.KeyId, Plaintext: []byte("x"), EncryptionContext: context})
				return err
			},
			"GenerateDataKey": func() error {
				_, err := c.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: key.KeyMetadata.KeyId, KeySpec: "AES_256", EncryptionContext: context})
				return err
			},
			"GenerateDataKeyPair": func() error {
				_, err := c.GenerateDataKeyPair(t.Context(), &kms.GenerateDataKeyPairInput{KeyId: key.KeyMetadata.KeyId, KeyPairSpec: "ECC_NIST_P256", EncryptionContext: context})
				return err
			},
		}
		for _, name := range slices.Sorted(maps.Keys(calls)) {
			if err := calls[name](); (err == nil) != good || err != nil && !strings.Contains(err.Error(), "The encryption context is larger than 8192 bytes") {
				t.Errorf("%s with %d bytes: %v", name, length, err)
			}
		}
	}
}

// heavy gives a user all the policies that IAM's quotas allow, full of patterns, and returns what denies nothing of them.
func heavy(t testing.TB, e *emulatortest.Emulator, name string) {
	c := iam.NewFromConfig(e.Config())
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	patterns := func(n, size int) string {
		var all []string
		for length := 0; length < size-350; n++ {
			all = append(all, fmt.Sprintf(`"*%x*~a*"`, n))
			length += len(all[len(all)-1]) + 1
		}
		return `{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringLike":{"aws:UserAgent":[` + strings.Join(all, ",") + `]}}}`
	}
	for g := range 10 {
		group := aws.String(fmt.Sprint(name, "-", g))
		_, err := c.CreateGroup(t.Context(), &iam.CreateGroupInput{GroupName: group})
		check(err)
		_, err = c.AddUserToGroup(t.Context(), &iam.AddUserToGroupInput{GroupName: group, UserName: &name})
		check(err)
		for p := range 10 {
			created, err := c.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: aws.String(fmt.Sprint(*group, "-", p)), PolicyDocument: document(anything, patterns(4096*(10*g+p+1), 6144))})
			check(err)
			_, err = c.AttachGroupPolicy(t.Context(), &iam.AttachGroupPolicyInput{GroupName: group, PolicyArn: created.Policy.Arn})
			check(err)
		}
	}
}

// BenchmarkHeldUp is how long the writes of one account wait while another's callers, with policies made to be slow,
// write all the time.
func BenchmarkHeldUp(b *testing.B) {
	for _, bench := range []struct {
		name  string
		agent string
		heavy bool
	}{{"nobody else", "", false}, {"quotas full of patterns", "", true}, {"and a long header", strings.Repeat("a", 8000), true}, {"one pattern, a header of 250 KB", strings.Repeat("a", 250_000), false}} {
		b.Run(bench.name, func(b *testing.B) {
			e := emulatortest.Start(b)
			admin := iam.NewFromConfig(e.Config())
			create := func(name string) aws.Config {
				if _, err := admin.CreateUser(b.Context(), &iam.CreateUserInput{UserName: &name}); err != nil {
					b.Fatal(err)
				}
				key, err := admin.CreateAccessKey(b.Context(), &iam.CreateAccessKeyInput{UserName: &name})
				if err != nil {
					b.Fatal(err)
				}
				return e.ConfigWith(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "", emulatortest.Region)
			}
			attacker := create("attacker")
			if bench.heavy {
				heavy(b, e, "attacker")
			} else if bench.agent != "" {
				pattern := `{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringLike":{"aws:UserAgent":"*` + strings.Repeat("a", 1700) + `b*"}}}`
				if _, err := admin.PutUserPolicy(b.Context(), &iam.PutUserPolicyInput{UserName: aws.String("attacker"), PolicyName: aws.String("p"), PolicyDocument: document(anything, pattern)}); err != nil {
					b.Fatal(err)
				}
			}
			if bench.agent != "" {
				attacker = withHeader(attacker, "User-Agent", bench.agent)
			}
			var stop atomic.Bool
			var running sync.WaitGroup
			if bench.heavy || bench.agent != "" {
				for range 4 {
					running.Go(func() {
						c := iam.NewFromConfig(attacker)
						for !stop.Load() {
							c.UpdateUser(b.Context(), &iam.UpdateUserInput{UserName: aws.String("attacker"), NewPath: aws.String("/x/")})
						}
					})
				}
				time.Sleep(200 * time.Millisecond)
			}
			victim := iam.NewFromConfig(e.ConfigWith("111111111111", "test", "", emulatortest.Region))
			var waits []time.Duration
			for i := 0; b.Loop(); i++ {
				start := time.Now()
				if _, err := victim.CreateUser(b.Context(), &iam.CreateUserInput{UserName: aws.String(fmt.Sprint("u", i))}); err != nil {
					b.Fatal(err)
				}
				waits = append(waits, time.Since(start))
			}
			stop.Store(true)
			running.Wait()
			slices.Sort(waits)
			b.ReportMetric(float64(waits[len(waits)/2].Microseconds())/1000, "ms-median")
			b.ReportMetric(float64(waits[len(waits)-1].Microseconds())/1000, "ms-longest")
		})
	}
}
