package server_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"emulator/audit"
	"emulator/emulatortest"
	"emulator/server"
	"emulator/store"
	"emulator/store/bolt"
)

// events returns what the admin API answers, and its text.
func events(t *testing.T, e *emulatortest.Emulator, query string) ([]audit.Record, string) {
	t.Helper()
	text := adminGet(t, e, "/events?"+query)
	var answer struct{ Records []audit.Record }
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Records, string(text)
}

// names are what happened, the newest first: "AssumeRole AccessDenied".
func names(records []audit.Record) []string {
	var all []string
	for _, r := range records {
		all = append(all, strings.TrimSpace(r.EventName+" "+r.ErrorCode))
	}
	return all
}

// Each call has an event, which is there when its answer is, and tells what was asked without its secrets.
func TestEvents(t *testing.T) {
	e := emulatortest.Start(t, server.Config{Offline: true})
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	e.Clock.Freeze(now)
	ctx := t.Context()
	people, keys := iam.NewFromConfig(e.Config()), kms.NewFromConfig(e.Config())
	var secrets []string
	secret := func(s ...string) { secrets = append(secrets, s...) }
	blob := func(b ...[]byte) {
		for _, b := range b {
			secret(string(b), base64.StdEncoding.EncodeToString(b))
		}
	}

	must(people.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("bob")}))(t)
	must(people.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: aws.String("bob"), PolicyName: aws.String("p"), PolicyDocument: document(`{"Effect":"Allow","Action":["sts:*","kms:Encrypt"],"Resource":"*"}`)}))(t)
	made := must(people.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: aws.String("bob")}))(t).AccessKey
	secret(*made.SecretAccessKey)
	device := must(people.CreateVirtualMFADevice(ctx, &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: aws.String("phone")}))(t).VirtualMFADevice
	blob(device.Base32StringSeed, device.QRCodePNG)
	if _, err := people.EnableMFADevice(ctx, &iam.EnableMFADeviceInput{UserName: aws.String("bob"), SerialNumber: device.SerialNumber, AuthenticationCode1: aws.String("987123"), AuthenticationCode2: aws.String("987124")}); err == nil {
		t.Fatal("wrong codes are taken")
	}
	secret("987123", "987124")
	provider := must(people.CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://token.actions.githubusercontent.com"), ClientIDList: []string{"sts.amazonaws.com"}}))(t).OpenIDConnectProviderArn
	app := must(people.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("app"), AssumeRolePolicyDocument: document(
		`{"Effect":"Allow","Principal":{"AWS":["000000000000","111111111111"]},"Action":"sts:*"}`,
		`{"Effect":"Allow","Principal":{"Federated":"`+*provider+`"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringLike":{"token.actions.githubusercontent.com:sub":"repo:org/app:*"}}}`)}))(t).Role
	key := must(keys.CreateKey(ctx, &kms.CreateKeyInput{Description: aws.String("for tests")}))(t).KeyMetadata
	_, err := keys.CreateCustomKeyStore(ctx, &kms.CreateCustomKeyStoreInput{CustomKeyStoreName: aws.String("s"), CloudHsmClusterId: aws.String("cluster-abcdefghijk"), KeyStorePassword: aws.String("kmsPswd1234"), TrustAnchorCertificate: aws.String("x")})
	wantCode(t, err, "IncorrectTrustAnchorException")
	secret("kmsPswd1234")

	bob := e.ConfigWith(*made.AccessKeyId, *made.SecretAccessKey, "", "eu-west-1")
	role := must(sts.NewFromConfig(bob).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::000000000000:role/app"), RoleSessionName: aws.String("me"), ExternalId: aws.String("external")}))(t).Credentials
	secret(*role.SecretAccessKey, *role.SessionToken)
	token := ask(t, e, "oidc/github/token", `{"claims":{"repository":"org/app"}}`, "token")
	web := must(withoutCredentials(e).AssumeRoleWithWebIdentity(ctx, &sts.AssumeRoleWithWebIdentityInput{RoleArn: aws.String("arn:aws:iam::000000000000:role/app"), RoleSessionName: aws.String("run"), WebIdentityToken: &token}))(t).Credentials
	secret(token, *web.SecretAccessKey, *web.SessionToken)
	plaintext := []byte("a plaintext that nobody else may see")
	encrypted := must(keys.Encrypt(ctx, &kms.EncryptInput{KeyId: key.KeyId, Plaintext: plaintext, EncryptionContext: map[string]string{"app": "demo"}}))(t)
	blob(plaintext, encrypted.CiphertextBlob)
	must(keys.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: encrypted.CiphertextBlob, EncryptionContext: map[string]string{"app": "demo"}}))(t)
	must(keys.DisableKey(ctx, &kms.DisableKeyInput{KeyId: key.KeyId}))(t)
	_, err = keys.Encrypt(ctx, &kms.EncryptInput{KeyId: key.KeyId, Plaintext: plaintext, GrantTokens: []string{"granttokengranttoken"}})
	wantCode(t, err, "InvalidGrantTokenException")
	secret("granttokengranttoken")
	_, err = keys.Encrypt(ctx, &kms.EncryptInput{KeyId: key.KeyId, Plaintext: plaintext})
	wantCode(t, err, "DisabledException")
	_, err = kms.NewFromConfig(e.ConfigWith(*web.AccessKeyId, *web.SecretAccessKey, *web.SessionToken, emulatortest.Region)).ListKeys(ctx, nil)
	wantCode(t, err, "AccessDeniedException")
	_, err = sts.NewFromConfig(e.ConfigWith("AKIAIOSFODNN7EXAMPLE", "wrong secret", "", emulatortest.Region)).GetCallerIdentity(ctx, nil)
	wantCode(t, err, "InvalidClientTokenId")
	send(t, e, call{body: "Action=Nonsense&Version=2011-06-15", service: "sts", header: form}) // no operation

	all, text := events(t, e, "limit=1000")
	want := []string{
		"GetCallerIdentity InvalidClientTokenId", "ListKeys AccessDenied", "Encrypt DisabledException", "Encrypt InvalidGrantTokenException", "DisableKey", "Decrypt", "Encrypt",
		"AssumeRoleWithWebIdentity", "AssumeRole", "CreateCustomKeyStore IncorrectTrustAnchorException", "CreateKey", "CreateRole", "CreateOpenIDConnectProvider",
		"EnableMFADevice InvalidAuthenticationCode", "CreateVirtualMFADevice", "CreateAccessKey", "PutUserPolicy", "CreateUser",
	}
	if got := names(all); !slices.Equal(got, want) {
		t.Errorf("events\n%v\nwant\n%v", got, want)
	}
	for _, s := range secrets {
		if s != "" && strings.Contains(text, s) {
			t.Errorf("events have the secret %q", s)
		}
	}

	for name, want := range map[string]string{
		"CreateUser":             `{"userName":"bob"}`,
		"CreateAccessKey":        `{"userName":"bob"}`,
		"EnableMFADevice":        `{"serialNumber":"` + *device.SerialNumber + `","userName":"bob"}`,
		"AssumeRole":             `{"externalId":"external","roleArn":"arn:aws:iam::000000000000:role/app","roleSessionName":"me"}`,
		"Decrypt":                `{"encryptionContext":{"app":"demo"}}`,
		"CreateKey":              `{"bypassPolicyLockoutSafetyCheck":false,"description":"for tests"}`,
		"ListKeys":               `null`,
		"CreateAccessKey output": `{"accessKey":{"accessKeyId":"` + *made.AccessKeyId + `","createDate":"Jan 2, 2030, 3:04:05 AM","status":"Active","userName":"bob"}}`,
		"AssumeRole output": `{"assumedRoleUser":{"arn":"arn:aws:sts::000000000000:assumed-role/app/me","assumedRoleId":"` + *app.RoleId + `:me"},` +
			`"credentials":{"accessKeyId":"` + *role.AccessKeyId + `","expiration":"Jan 2, 2030, 4:04:05 AM"}}`,
		"Decrypt output":    `null`,
		"DisableKey output": `{"keyId":"` + *key.Arn + `"}`,
	} {
		operation, output := strings.CutSuffix(name, " output")
		r := all[slices.IndexFunc(all, func(r audit.Record) bool { return r.EventName == operation })]
		shown := r.RequestParameters
		if output {
			shown = r.ResponseElements
		}
		var members map[string]any
		json.Unmarshal(shown, &members)
		delete(members, "sessionTokenSize") // as long as the token
		delete(members, "sessionTokenUtilization")
		delete(members, "packedPolicySize")
		if got, _ := json.Marshal(members); string(got) != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}

	encrypt := all[6]
	if encrypt.EventTime != "2030-01-02T03:04:05Z" || encrypt.EventSource != "kms.amazonaws.com" || encrypt.AWSRegion != "us-east-1" || encrypt.SourceIPAddress != "127.0.0.1" ||
		!strings.Contains(encrypt.UserAgent, "aws-sdk-go-v2") || encrypt.RequestID != requestID(t, &encrypted.ResultMetadata, nil) || !encrypt.ReadOnly || encrypt.RecipientAccountID != "000000000000" ||
		len(encrypt.Resources) != 1 || encrypt.Resources[0].ARN != *key.Arn || encrypt.AdditionalEventData["keyMaterialId"] != *key.CurrentKeyMaterialId ||
		encrypt.TLSDetails.ClientProvidedHostHeader != strings.TrimPrefix(e.URL, "http://") || encrypt.TLSDetails.TLSVersion != "" {
		t.Errorf("Encrypt: %+v", encrypt)
	}
	if r := all[7]; r.UserIdentity.Type != "WebIdentityUser" || r.UserIdentity.UserName != "repo:org/app:ref:refs/heads/main" ||
		r.UserIdentity.IdentityProvider != *provider || r.UserIdentity.PrincipalID != *provider+":sts.amazonaws.com:"+r.UserIdentity.UserName ||
		r.RecipientAccountID != "000000000000" || r.Resources[0].ARN != "arn:aws:iam::000000000000:role/app" || r.Resources[0].Type != "AWS::IAM::Role" {
		t.Errorf("AssumeRoleWithWebIdentity: %+v", r)
	}
	if r := all[1]; r.UserIdentity.SessionContext == nil || r.UserIdentity.SessionContext.WebIDFederationData == nil || r.UserIdentity.SessionContext.WebIDFederationData.FederatedProvider != *provider {
		t.Errorf("ListKeys: %+v", r.UserIdentity)
	}
	if r := all[0]; r.UserIdentity.Type != "Unknown" || r.RecipientAccountID != "" {
		t.Errorf("GetCallerIdentity: %+v", r)
	}

	for query, want := range map[string][]string{
		"limit=2":                              {"GetCallerIdentity InvalidClientTokenId", "ListKeys AccessDenied"},
		"name=CreateKey":                       {"CreateKey"},
		"caller=bob":                           {"AssumeRole"},
		"caller=" + *made.AccessKeyId:          {"AssumeRole"},
		"name=Encrypt&errors=true":             {"Encrypt DisabledException", "Encrypt InvalidGrantTokenException"},
		"request=" + encrypt.RequestID:         {"Encrypt"},
		"request=nothing":                      nil,
		"caller=000000000000&errors=1&limit=1": {"ListKeys AccessDenied"},
		"caller=arn:aws:sts::000000000000:assumed-role/app/run": {"ListKeys AccessDenied"},
	} {
		if got, _ := events(t, e, query); !slices.Equal(names(got), want) {
			t.Errorf("%s: %v, want %v", query, names(got), want)
		}
	}
	for _, query := range []string{"limit=0", "limit=1001", "limit=x", "errors=x", "color=red"} {
		if resp, text := send(t, e, call{method: "GET", path: "/_emulator/events?" + query}); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %s %s", query, resp.Status, text)
		}
	}
}

// A call across accounts has an event in both, of one shared ID. One that is denied has one in the caller's alone.
func TestEventsAcrossAccounts(t *testing.T) {
	e := emulatortest.Start(t)
	ctx := t.Context()
	people := iam.NewFromConfig(e.Config())
	must(people.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("app"), AssumeRolePolicyDocument: document(`{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"sts:AssumeRole"}`)}))(t)
	strangers := iam.NewFromConfig(e.ConfigWith("111111111111", "test", "", emulatortest.Region))
	must(strangers.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("eve")}))(t)
	must(strangers.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: aws.String("eve"), PolicyName: aws.String("p"), PolicyDocument: document(anything)}))(t)
	k := must(strangers.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: aws.String("eve")}))(t).AccessKey
	eve := sts.NewFromConfig(e.ConfigWith(*k.AccessKeyId, *k.SecretAccessKey, "", emulatortest.Region))
	must(eve.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::000000000000:role/app"), RoleSessionName: aws.String("me")}))(t)
	both, _ := events(t, e, "name=AssumeRole")
	if len(both) != 2 || both[0].RecipientAccountID != "111111111111" || both[0].UserIdentity.UserName != "eve" || both[1].RecipientAccountID != "000000000000" ||
		both[1].UserIdentity.Type != "AWSAccount" || both[1].UserIdentity.AccountID != "111111111111" || both[1].UserIdentity.ARN != "" ||
		both[0].SharedEventID == "" || both[0].SharedEventID != both[1].SharedEventID || both[0].EventID == both[1].EventID || both[1].Resources[0].ARN != "arn:aws:iam::000000000000:role/app" {
		t.Errorf("%+v", both)
	}
	_, err := eve.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::000000000000:role/other"), RoleSessionName: aws.String("me")})
	wantCode(t, err, "AccessDenied")
	if denied, _ := events(t, e, "name=AssumeRole&errors=true"); len(denied) != 1 || denied[0].RecipientAccountID != "111111111111" || denied[0].SharedEventID != "" {
		t.Errorf("%+v", denied)
	}
}

// What was used last is forgotten with its account, and nothing else is.
func TestResetForgetsUses(t *testing.T) {
	dir := t.TempDir()
	e := emulatortest.Start(t, server.Config{DataDir: dir})
	use := func(account string) *string {
		c := kms.NewFromConfig(e.ConfigWith(account, "test", "", emulatortest.Region))
		key := must(c.CreateKey(t.Context(), nil))(t).KeyMetadata.KeyId
		must(c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key, Plaintext: []byte("x")}))(t)
		if used := must(c.GetKeyLastUsage(t.Context(), &kms.GetKeyLastUsageInput{KeyId: key}))(t); used.KeyLastUsage.Operation != "Encrypt" { // which saves it
			t.Errorf("%+v", used)
		}
		return key
	}
	use("111111111111")
	kept := use("222222222222")
	admin(t, e, "POST", "/reset", `{"account":"111111111111"}`, 200)
	if got := must(kms.NewFromConfig(e.ConfigWith("222222222222", "test", "", emulatortest.Region)).GetKeyLastUsage(t.Context(), &kms.GetKeyLastUsageInput{KeyId: kept}))(t); got.KeyLastUsage.Operation != "Encrypt" {
		t.Errorf("%+v", got)
	}
	if text := findings(t, e); text != nothingFound {
		t.Error(text)
	}
	admin(t, e, "POST", "/reset", "", 200)
	if text := findings(t, e); text != nothingFound {
		t.Error(text)
	}
}

// The database of an older version knows of no use of a key before it was opened by this one, and what it has of roles
// and access keys stays.
func TestUsesOfOlderVersions(t *testing.T) {
	dir := t.TempDir()
	var key, user, unused *string
	t.Run("before", func(t *testing.T) {
		e := emulatortest.Start(t, quiet(dir))
		key = must(kms.NewFromConfig(e.Config()).CreateKey(t.Context(), nil))(t).KeyMetadata.KeyId
		people := iam.NewFromConfig(e.Config())
		must(people.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("bob")}))(t)
		user = must(people.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("bob")}))(t).AccessKey.AccessKeyId
		unused = must(people.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("bob")}))(t).AccessKey.AccessKeyId
	})
	db := must(bolt.Open(dir+"/emulator.db", bolt.Options{}))(t)
	used := time.Now().UTC().Truncate(time.Minute).AddDate(-2, 0, 0) // AWS does not forget that of an access key
	if err := db.Update(t.Context(), func(tx store.Tx) error {
		for _, id := range []string{*user, "AKIAIOSFODNN7EXAMPLE", "AROAGONE"} {
			if err := tx.Put(store.Key("last-used", id), fmt.Appendf(nil, `{"at":%q,"region":"eu-west-1","service":"sts"}`, used.Format(time.RFC3339))); err != nil {
				return err
			}
		}
		return tx.Delete(store.Key("last-used-since"))
	}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	opened := time.Now()
	e := emulatortest.Start(t, quiet(dir))
	out := must(kms.NewFromConfig(e.Config()).GetKeyLastUsage(t.Context(), &kms.GetKeyLastUsageInput{KeyId: key}))(t)
	if out.TrackingStartDate.Before(opened.Truncate(time.Millisecond)) || !out.KeyCreationDate.Before(*out.TrackingStartDate) || out.KeyLastUsage.Operation != "" {
		t.Errorf("created %v, tracked since %v, opened %v, used %+v", out.KeyCreationDate, out.TrackingStartDate, opened, out.KeyLastUsage)
	}
	last := func(id *string) string {
		l := must(iam.NewFromConfig(e.Config()).GetAccessKeyLastUsed(t.Context(), &iam.GetAccessKeyLastUsedInput{AccessKeyId: id}))(t).AccessKeyLastUsed
		return fmt.Sprintf("%t %s %s", aws.ToTime(l.LastUsedDate).Equal(used), *l.Region, *l.ServiceName)
	}
	if got := last(user) + ", " + last(unused); got != "true eu-west-1 sts, false N/A N/A" {
		t.Error(got)
	}
	if text := findings(t, e); text != nothingFound {
		t.Error(text)
	}
}
