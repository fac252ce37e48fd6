package kms_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go/middleware"

	"emulator/emulatortest"
	"emulator/server"
	emulated "emulator/services/kms"
)

// requestID returns that of an answer.
func requestID(t *testing.T, out any) string {
	t.Helper()
	id, ok := awsmiddleware.GetRequestIDMetadata(reflect.ValueOf(out).Elem().FieldByName("ResultMetadata").Interface().(middleware.Metadata))
	if !ok {
		t.Fatal("no request ID")
	}
	return id
}

// eventOf returns the ID of a request's event in an account, "" if there is none, with the keys that it names.
func eventOf(t *testing.T, e *emulatortest.Emulator, requestID, account string) (id string, keys []string) {
	t.Helper()
	resp, err := http.Get(e.URL + "/_emulator/events?request=" + requestID)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var events struct {
		Records []struct {
			EventID, RecipientAccountID string
			Resources                   []struct{ ARN string }
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&events); err != nil {
		t.Fatal(err)
	}
	for _, r := range events.Records {
		if r.RecipientAccountID == account {
			id = r.EventID
			for _, resource := range r.Resources {
				keys = append(keys, resource.ARN)
			}
		}
	}
	return id, keys
}

func lastUsage(t *testing.T, c *kms.Client, key *string) *kms.GetKeyLastUsageOutput {
	t.Helper()
	return must[*kms.GetKeyLastUsageOutput](t)(c.GetKeyLastUsage(t.Context(), &kms.GetKeyLastUsageInput{KeyId: key}))
}

// Every operation that AWS counts as a use of a key leaves when it was, and which request and event it was, of each key
// that it used; no other call does, nor one that fails or only tries.
func TestEveryUseIsTold(t *testing.T) {
	e, c := start(t)
	at := time.Date(2030, 1, 2, 3, 4, 5, 678e6, time.UTC)
	e.Clock.Freeze(at)
	sealing, other := createKey(t, c, "", ""), createKey(t, c, "", "")
	signing, mac := createKey(t, c, types.KeySpecEccNistP256, types.KeyUsageTypeSignVerify), createKey(t, c, types.KeySpecHmac256, types.KeyUsageTypeGenerateVerifyMac)
	ctx, message, spec := t.Context(), []byte("message"), types.DataKeyPairSpecEccNistP256
	k := sealing.KeyId
	blob := must[*kms.EncryptOutput](t)(c.Encrypt(ctx, &kms.EncryptInput{KeyId: k, Plaintext: message})).CiphertextBlob
	signature := must[*kms.SignOutput](t)(c.Sign(ctx, &kms.SignInput{KeyId: signing.KeyId, Message: message, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256})).Signature
	tag := must[*kms.GenerateMacOutput](t)(c.GenerateMac(ctx, &kms.GenerateMacInput{KeyId: mac.KeyId, Message: message, MacAlgorithm: types.MacAlgorithmSpecHmacSha256})).Mac
	agreeing, encapsulating := createKey(t, c, types.KeySpecEccNistP256, types.KeyUsageTypeKeyAgreement), createKey(t, c, types.KeySpecMlKem768, types.KeyUsageTypeEncapsulateDecapsulate)
	peer := must[*kms.GetPublicKeyOutput](t)(c.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: agreeing.KeyId})).PublicKey
	encapsulated := must[*kms.EncapsulateOutput](t)(c.Encapsulate(ctx, &kms.EncapsulateInput{KeyId: encapsulating.KeyId, EncapsulationAlgorithm: types.EncapsulationAlgorithmSpecMlKem})).SharedSecretCiphertextBlob
	type use struct {
		keys []*types.KeyMetadata
		call func(dry *bool) (any, error)
	}
	one := []*types.KeyMetadata{sealing}
	uses := map[types.KeyLastUsageTrackingOperation]use{
		"Encrypt": {one, func(dry *bool) (any, error) {
			return c.Encrypt(ctx, &kms.EncryptInput{KeyId: k, Plaintext: message, DryRun: dry})
		}},
		"Decrypt": {one, func(dry *bool) (any, error) {
			return c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob, DryRun: dry})
		}},
		"ReEncrypt": {[]*types.KeyMetadata{sealing, other}, func(dry *bool) (any, error) {
			return c.ReEncrypt(ctx, &kms.ReEncryptInput{CiphertextBlob: blob, DestinationKeyId: other.KeyId, DryRun: dry})
		}},
		"GenerateDataKey": {one, func(dry *bool) (any, error) {
			return c.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: k, KeySpec: types.DataKeySpecAes256, DryRun: dry})
		}},
		"GenerateDataKeyWithoutPlaintext": {one, func(dry *bool) (any, error) {
			return c.GenerateDataKeyWithoutPlaintext(ctx, &kms.GenerateDataKeyWithoutPlaintextInput{KeyId: k, KeySpec: types.DataKeySpecAes256, DryRun: dry})
		}},
		"GenerateDataKeyPair": {one, func(dry *bool) (any, error) {
			return c.GenerateDataKeyPair(ctx, &kms.GenerateDataKeyPairInput{KeyId: k, KeyPairSpec: spec, DryRun: dry})
		}},
		"GenerateDataKeyPairWithoutPlaintext": {one, func(dry *bool) (any, error) {
			return c.GenerateDataKeyPairWithoutPlaintext(ctx, &kms.GenerateDataKeyPairWithoutPlaintextInput{KeyId: k, KeyPairSpec: spec, DryRun: dry})
		}},
		"Sign": {[]*types.KeyMetadata{signing}, func(dry *bool) (any, error) {
			return c.Sign(ctx, &kms.SignInput{KeyId: signing.KeyId, Message: message, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256, DryRun: dry})
		}},
		"Verify": {[]*types.KeyMetadata{signing}, func(dry *bool) (any, error) {
			return c.Verify(ctx, &kms.VerifyInput{KeyId: signing.KeyId, Message: message, Signature: signature, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256, DryRun: dry})
		}},
		"GenerateMac": {[]*types.KeyMetadata{mac}, func(dry *bool) (any, error) {
			return c.GenerateMac(ctx, &kms.GenerateMacInput{KeyId: mac.KeyId, Message: message, MacAlgorithm: types.MacAlgorithmSpecHmacSha256, DryRun: dry})
		}},
		"DeriveSharedSecret": {[]*types.KeyMetadata{agreeing}, func(dry *bool) (any, error) {
			return c.DeriveSharedSecret(ctx, &kms.DeriveSharedSecretInput{KeyId: agreeing.KeyId, KeyAgreementAlgorithm: types.KeyAgreementAlgorithmSpecEcdh, PublicKey: peer, DryRun: dry})
		}},
		"Encapsulate": {[]*types.KeyMetadata{encapsulating}, func(dry *bool) (any, error) {
			return c.Encapsulate(ctx, &kms.EncapsulateInput{KeyId: encapsulating.KeyId, EncapsulationAlgorithm: types.EncapsulationAlgorithmSpecMlKem, DryRun: dry})
		}},
		"Decapsulate": {[]*types.KeyMetadata{encapsulating}, func(dry *bool) (any, error) {
			return c.Decapsulate(ctx, &kms.DecapsulateInput{KeyId: encapsulating.KeyId, EncapsulationAlgorithm: types.EncapsulationAlgorithmSpecMlKem, SharedSecretCiphertextBlob: encapsulated, DryRun: dry})
		}},
		"VerifyMac": {[]*types.KeyMetadata{mac}, func(dry *bool) (any, error) {
			return c.VerifyMac(ctx, &kms.VerifyMacInput{KeyId: mac.KeyId, Message: message, Mac: tag, MacAlgorithm: types.MacAlgorithmSpecHmacSha256, DryRun: dry})
		}},
	}
	var registered []string
	for _, op := range emulated.New(emulated.Config{}).Operations() {
		registered = append(registered, op.Name)
	}
	for _, op := range types.KeyLastUsageTrackingOperation("").Values() {
		use, ok := uses[op]
		if !ok {
			if slices.Contains(registered, string(op)) {
				t.Errorf("%s is not called here", op)
			}
			continue
		}
		at = at.Add(time.Hour)
		e.Clock.Freeze(at)
		out, err := use.call(nil)
		if err != nil {
			t.Errorf("%s: %v", op, err)
			continue
		}
		request := requestID(t, out)
		event, named := eventOf(t, e, request, "000000000000")
		var arns []string
		for _, key := range use.keys {
			arns = append(arns, *key.Arn)
		}
		if !slices.Equal(named, arns) {
			t.Errorf("the event of %s names %v", op, named)
		}
		check := func(when string) {
			t.Helper()
			for _, key := range use.keys {
				got := lastUsage(t, c, key.KeyId).KeyLastUsage
				if got.Operation != op || aws.ToString(got.KmsRequestId) != request || event == "" || aws.ToString(got.CloudTrailEventId) != event || !aws.ToTime(got.Timestamp).Equal(at) {
					t.Errorf("%s, %s: %s at %v by request %s (%s), event %s (%s)", op, when, got.Operation, got.Timestamp, aws.ToString(got.KmsRequestId), request, aws.ToString(got.CloudTrailEventId), event)
				}
			}
		}
		check("after it")
		e.Clock.Advance(time.Minute)
		if _, err := use.call(aws.Bool(true)); err == nil {
			t.Errorf("%s does not know of dry runs", op)
		}
		must[*kms.DescribeKeyOutput](t)(c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: use.keys[0].KeyId}))
		if op == "Sign" {
			must[*kms.GetPublicKeyOutput](t)(c.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: use.keys[0].KeyId}))
		}
		for _, wrong := range []func() error{
			func() error {
				_, err := c.Decrypt(ctx, &kms.DecryptInput{KeyId: k, CiphertextBlob: append(bytes.Clone(blob), 0)})
				return err
			},
			func() error {
				_, err := c.Verify(ctx, &kms.VerifyInput{KeyId: signing.KeyId, Message: message, Signature: []byte("wrong"), SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256})
				return err
			},
			func() error {
				_, err := c.VerifyMac(ctx, &kms.VerifyMacInput{KeyId: mac.KeyId, Message: message, Mac: make([]byte, 32), MacAlgorithm: types.MacAlgorithmSpecHmacSha256})
				return err
			},
		} {
			if wrong() == nil {
				t.Error("what is wrong succeeds")
			}
		}
		check("after calls that are no use")
	}
}

// The last use is told for 400 days, also after a restart, and goes with its key. When it can't be known since when
// there are keys, it is said since when it is.
func TestGetKeyLastUsage(t *testing.T) {
	config := server.Config{DataDir: t.TempDir()}
	created := time.Date(2030, 1, 2, 3, 4, 5, 678e6, time.UTC)
	used := created.AddDate(0, 0, 10)
	var key *types.KeyMetadata
	var usage *types.KeyLastUsageData
	state := func(t *testing.T, c *kms.Client, id *string, since time.Time, want *types.KeyLastUsageData) {
		t.Helper()
		out := lastUsage(t, c, id)
		if *out.KeyId != *key.KeyId || !out.KeyCreationDate.Equal(created) || !out.TrackingStartDate.Equal(since) {
			t.Errorf("key %s created at %v, tracked since %v, want %v", *out.KeyId, out.KeyCreationDate, out.TrackingStartDate, since)
		}
		if !reflect.DeepEqual(out.KeyLastUsage, want) {
			t.Errorf("used %+v, want %+v", out.KeyLastUsage, want)
		}
	}
	none := &types.KeyLastUsageData{}
	t.Run("use", func(t *testing.T) {
		e := emulatortest.Start(t, config)
		c := kms.NewFromConfig(e.Config())
		e.Clock.Freeze(created)
		key = createKey(t, c, "", "")
		state(t, c, key.KeyId, created, none)
		before := created.AddDate(-1, 0, 0) // the clock may be moved back
		e.Clock.Freeze(before)
		must[*kms.EncryptOutput](t)(c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("x")}))
		if got := lastUsage(t, c, key.KeyId).KeyLastUsage; !aws.ToTime(got.Timestamp).Equal(before) {
			t.Errorf("used %+v", got)
		}
		e.Clock.Freeze(used)
		out := must[*kms.EncryptOutput](t)(c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("x")}))
		request := requestID(t, out)
		event, _ := eventOf(t, e, request, "000000000000")
		usage = &types.KeyLastUsageData{Operation: "Encrypt", Timestamp: &used, KmsRequestId: &request, CloudTrailEventId: &event}
		// Nobody asked: the end saves it.
	})
	t.Run("after a restart", func(t *testing.T) {
		e := emulatortest.Start(t, config)
		c := kms.NewFromConfig(e.Config())
		e.Clock.Freeze(used.Add(time.Hour))
		state(t, c, key.Arn, created, usage)
		const tracked = 400 * 24 * time.Hour
		e.Clock.Freeze(used.Add(tracked))
		state(t, c, key.KeyId, used, usage)
		e.Clock.Advance(time.Millisecond)
		state(t, c, key.KeyId, used.Add(time.Millisecond), none)

		// A key that is to be deleted, and one that is gone.
		now := used.Add(time.Hour)
		e.Clock.Freeze(now)
		must[*kms.ScheduleKeyDeletionOutput](t)(c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: key.KeyId, PendingWindowInDays: aws.Int32(7)}))
		state(t, c, key.KeyId, created, usage)
		e.Clock.Advance(8 * 24 * time.Hour)
		_, err := c.GetKeyLastUsage(t.Context(), &kms.GetKeyLastUsageInput{KeyId: key.KeyId})
		refused(t, err, "NotFoundException", "Key '"+*key.Arn+"' does not exist")
		createKey(t, c, "", "") // which sweeps
		e.Clock.Freeze(now)
		_, err = c.GetKeyLastUsage(t.Context(), &kms.GetKeyLastUsageInput{KeyId: key.KeyId})
		refused(t, err, "NotFoundException", "does not exist")
		resp, err := http.Get(e.URL + "/_emulator/check")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var check struct{ Findings []string }
		if err := json.NewDecoder(resp.Body).Decode(&check); err != nil || len(check.Findings) > 0 {
			t.Errorf("%v %v", err, check.Findings)
		}
	})
}

// Who may ask for the last use, and of what.
func TestGetKeyLastUsageRefuses(t *testing.T) {
	e, c := start(t)
	key := createKey(t, c, "", "")
	must[*kms.CreateAliasOutput](t)(c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/app"), TargetKeyId: key.KeyId}))
	people := iam.NewFromConfig(e.Config())
	user := func(name, policy string) *kms.Client {
		must[*iam.CreateUserOutput](t)(people.CreateUser(t.Context(), &iam.CreateUserInput{UserName: &name}))
		if policy != "" {
			must[*iam.PutUserPolicyOutput](t)(people.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: &name, PolicyName: aws.String("p"), PolicyDocument: &policy}))
		}
		k := must[*iam.CreateAccessKeyOutput](t)(people.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: &name})).AccessKey
		return kms.NewFromConfig(e.ConfigWith(*k.AccessKeyId, *k.SecretAccessKey, "", emulatortest.Region))
	}
	ask := func(c *kms.Client, id string) error {
		_, err := c.GetKeyLastUsage(t.Context(), &kms.GetKeyLastUsageInput{KeyId: &id})
		return err
	}
	if err := ask(user("allowed", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:GetKeyLastUsage","Resource":"*"}]}`), *key.Arn); err != nil {
		t.Error(err)
	}
	stranger := kms.NewFromConfig(e.ConfigWith("111111111111", "test", "", emulatortest.Region))
	for _, test := range []struct {
		c          *kms.Client
		id         string
		code, text string
	}{
		{user("bob", ""), *key.KeyId, "AccessDeniedException", "User: arn:aws:iam::000000000000:user/bob is not authorized to perform: kms:GetKeyLastUsage on resource: " + *key.Arn},
		{stranger, *key.Arn, "AccessDeniedException", "kms:GetKeyLastUsage on this resource because the resource does not exist in this account"},
		{c, "alias/app", "InvalidArnException", "Key Aliases are not supported for this operation."},
		{c, "arn:aws:kms:us-east-1:000000000000:alias/app", "InvalidArnException", "Key Aliases"},
		{c, "1234abcd-12ab-34cd-56ef-1234567890ab", "NotFoundException", "does not exist"},
		{c, "arn:aws:kms:us-west-2:000000000000:key/" + *key.KeyId, "NotFoundException", "us-west-2"},
	} {
		refused(t, ask(test.c, test.id), test.code, test.text)
	}
}

// The owner of a key learns of its use by another account, by the ID of the event in his account.
func TestUseByAnotherAccount(t *testing.T) {
	e, owner := start(t)
	const stranger = "111111111111"
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["000000000000","` + stranger + `"]},"Action":"kms:*","Resource":"*"}]}`
	key := must[*kms.CreateKeyOutput](t)(owner.CreateKey(t.Context(), &kms.CreateKeyInput{Policy: &policy})).KeyMetadata
	out := must[*kms.EncryptOutput](t)(kms.NewFromConfig(e.ConfigWith(stranger, "test", "", emulatortest.Region)).Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.Arn, Plaintext: []byte("x")}))
	usage := lastUsage(t, owner, key.KeyId).KeyLastUsage
	own, keys := eventOf(t, e, requestID(t, out), "000000000000")
	others, _ := eventOf(t, e, requestID(t, out), stranger)
	if own == "" || others == "" || own == others || aws.ToString(usage.CloudTrailEventId) != own || !slices.Equal(keys, []string{*key.Arn}) {
		t.Errorf("used %+v; events %q, naming %v, and %q", usage, own, keys, others)
	}
}
