package wire

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"

	"emulator/api/model"
)

// secretName is how members are called that may be secret, and noSecrets are those called so that are none.
var (
	secretName = regexp.MustCompile(`(?i)token|secret|password|private|code|credential|seed|plaintext|assertion`)
	noSecrets  = []string{
		"AllowUsersToChangePassword", "AssertionEncryptionMode", "Code", "ConnectionErrorCode", "CredentialAgeDays", "Credentials", "DecodedMessage", "EncodedMessage", "ErrorCode", "ExpirePasswords",
		"GlobalEndpointTokenVersion", "MaxPasswordAge", "MinimumPasswordLength", "MinimumSessionTokenSize", "NextToken", "PasswordLastUsed", "PasswordPolicy", "PasswordResetRequired",
		"PasswordReusePrevention", "PrivateKeyList", "RemovePrivateKey", "ServiceCredentialAlias", "ServiceSpecificCredential", "ServiceSpecificCredentialId", "ServiceSpecificCredentials",
		"SessionTokenSize", "SessionTokenUtilization", "SubjectFromWebIdentityToken", "XksProxyAuthenticationCredential",
	}
)

// Of every operation's input and output an event has all but secrets and blobs.
func TestShownHasNoSecrets(t *testing.T) {
	for name, newClient := range clients {
		m := load(t, name)
		codec, _ := codecOf(t, m, newClient(aws.Config{Region: "us-east-1"}))
		for op, o := range codec.operations {
			in, out := reflect.New(o.In), reflect.New(o.Out)
			fill(in.Elem(), 0)
			fill(out.Elem(), 0)
			for text, shape := range map[string]*model.Shape{
				string(o.AppendShownInput(nil, in.Interface())):   o.model.Input,
				string(o.AppendShownOutput(nil, out.Interface())): o.model.Output,
			} {
				if text == "" || shape == nil {
					continue
				}
				var shown any
				if err := json.Unmarshal([]byte(text), &shown); err != nil {
					t.Fatalf("%s: %v\n%s", op, err, text)
				}
				checkShown(t, op, shape, shown)
			}
		}
	}
}

func checkShown(t *testing.T, path string, s *model.Shape, shown any) {
	if s.Sensitive || s.Type == "blob" {
		t.Errorf("%s is shown", path)
	}
	switch v := shown.(type) {
	case map[string]any:
		if s.Type == "map" {
			for _, value := range v {
				checkShown(t, path, s.Element.Shape, value)
			}
			return
		}
		known := 0
		for _, m := range s.Members {
			value, ok := v[strings.ToLower(m.Name[:1])+m.Name[1:]]
			if !ok {
				continue
			}
			known++
			if secretName.MatchString(m.Name) && !slices.Contains(noSecrets, m.Name) {
				t.Errorf("%s: is %s a secret?", path, m.Name)
			}
			checkShown(t, path+"."+m.Name, m.Shape, value)
		}
		if known != len(v) {
			t.Errorf("%s: other members than those of %s: %v", path, s.Name, v)
		}
	case []any:
		for _, item := range v {
			checkShown(t, path, s.Element.Shape, item)
		}
	}
}

func TestShown(t *testing.T) {
	created := time.Date(2030, 1, 2, 15, 4, 5, 600e6, time.UTC)
	m := load(t, "kms")
	keys, _ := codecOf(t, m, kms.NewFromConfig(aws.Config{}))
	sessions, _ := codecOf(t, load(t, "sts"), sts.NewFromConfig(aws.Config{}))
	for want, got := range map[string][]byte{
		"": keys.operations["ListKeys"].AppendShownInput(nil, &kms.ListKeysInput{}),
		`{"encryptionContext":{"Department":"Engineering","Project":"Alpha"},"keyId":"alias/app","keySpec":"AES_256"}`: sorted(t, keys.operations["GenerateDataKey"].AppendShownInput(nil, &kms.GenerateDataKeyInput{
			KeyId: aws.String("alias/app"), KeySpec: "AES_256", EncryptionContext: map[string]string{"Project": "Alpha", "Department": "Engineering"}, GrantTokens: []string{"x"}})),
		`{"keyId":"k"}`: keys.operations["Decrypt"].AppendShownInput(nil, &kms.DecryptInput{KeyId: aws.String("k"), CiphertextBlob: []byte("secret")}),
		`{"keyMetadata":{"creationDate":"Jan 2, 2030, 3:04:05 PM","enabled":false,"keyId":"k"}}`: sorted(t, keys.operations["CreateKey"].AppendShownOutput(nil, &kms.CreateKeyOutput{
			KeyMetadata: &types.KeyMetadata{KeyId: aws.String("k"), CreationDate: &created}})),
		`{"credentials":{"accessKeyId":"ASIA","expiration":"Jan 2, 2030, 3:04:05 PM"}}`: sorted(t, sessions.operations["GetSessionToken"].AppendShownOutput(nil, &sts.GetSessionTokenOutput{
			Credentials: &ststypes.Credentials{AccessKeyId: aws.String("ASIA"), Expiration: &created, SecretAccessKey: aws.String("s"), SessionToken: aws.String("t")}})),
	} {
		if string(got) != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// sorted returns JSON with the members of objects in order.
func sorted(t *testing.T, text []byte) []byte {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	text, _ = json.Marshal(v)
	return text
}

// However much is sent, little of it is shown, and that is JSON.
func TestShownIsBounded(t *testing.T) {
	keys, _ := codecOf(t, load(t, "kms"), kms.NewFromConfig(aws.Config{}))
	long := strings.Repeat("\x01", 100_000)
	context := make(map[string]string)
	tags := make([]types.Tag, 10_000)
	for i := range 1000 {
		context[fmt.Sprint(i, long[:2000])] = long
	}
	for i := range tags {
		tags[i] = types.Tag{TagKey: &long, TagValue: &long}
	}
	for op, in := range map[string]any{
		"Encrypt":     &kms.EncryptInput{KeyId: &long, EncryptionContext: context},
		"CreateKey":   &kms.CreateKeyInput{Description: &long, Policy: &long, Tags: tags},
		"TagResource": &kms.TagResourceInput{KeyId: aws.String("k"), Tags: tags},
	} {
		shown := keys.operations[op].AppendShownInput(nil, in)
		if !json.Valid(shown) || len(shown) > maxShown+2*6*maxShownText+100 {
			t.Errorf("%s: %d bytes, %.50s", op, len(shown), shown)
		}
	}
}

func BenchmarkShown(b *testing.B) {
	keys, _ := codecOf(b, load(b, "kms"), kms.NewFromConfig(aws.Config{}))
	o := keys.operations["Encrypt"]
	room := make([]byte, 0, 1<<10)
	for name, context := range map[string]map[string]string{"without context": nil, "with context": {"app": "demo", "tenant": "blue"}} {
		in := &kms.EncryptInput{KeyId: aws.String("1234abcd-12ab-34cd-56ef-1234567890ab"), Plaintext: room[:1024:1024], EncryptionContext: context}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				o.AppendShownInput(room, in)
			}
		})
	}
}
