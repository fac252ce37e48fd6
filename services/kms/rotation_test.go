package kms_test

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"emulator/emulatortest"
	"emulator/server"
	"emulator/store"
	"emulator/store/bolt"
)

// What Terraform asks after each CreateKey. Asymmetric and HMAC keys are no error: AWS's API reference, and users of other emulators
// to whom AWS answered so (floci-io/floci 586). A key that is disabled, or to be deleted, answers too.
func TestKeyRotationStatus(t *testing.T) {
	_, c := start(t)
	status := func(id *string) (*kms.GetKeyRotationStatusOutput, error) {
		return c.GetKeyRotationStatus(t.Context(), &kms.GetKeyRotationStatusInput{KeyId: id})
	}
	for _, k := range []struct {
		spec  types.KeySpec
		usage types.KeyUsageType
	}{
		{"", ""}, {types.KeySpecEccNistP256, types.KeyUsageTypeSignVerify}, {types.KeySpecHmac256, types.KeyUsageTypeGenerateVerifyMac},
	} {
		key := createKey(t, c, k.spec, k.usage)
		if got := must[*kms.GetKeyRotationStatusOutput](t)(status(key.Arn)); got.KeyRotationEnabled || *got.KeyId != *key.Arn || got.RotationPeriodInDays != nil || got.NextRotationDate != nil {
			t.Errorf("%s: %+v", k.spec, got)
		}
		must[*kms.DisableKeyOutput](t)(c.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: key.KeyId}))
		must[*kms.GetKeyRotationStatusOutput](t)(status(key.KeyId))
		must[*kms.ScheduleKeyDeletionOutput](t)(c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: key.KeyId}))
		must[*kms.GetKeyRotationStatusOutput](t)(status(key.KeyId))
	}
	_, err := status(aws.String("12345678-1234-1234-1234-123456789012"))
	refused(t, err, "NotFoundException", "Key 'arn:aws:kms:us-east-1:000000000000:key/12345678-1234-1234-1234-123456789012' does not exist")
	_, err = status(aws.String("alias/a"))
	refused(t, err, "InvalidArnException", "Key Aliases are not supported for this operation.")

	store := must[*kms.CreateCustomKeyStoreOutput](t)(c.CreateCustomKeyStore(t.Context(), &kms.CreateCustomKeyStoreInput{
		CustomKeyStoreName: aws.String("hsm"), CloudHsmClusterId: aws.String("cluster-abcdefghijk"), KeyStorePassword: aws.String("password"), TrustAnchorCertificate: aws.String(certificate(t)),
	}))
	must[*kms.ConnectCustomKeyStoreOutput](t)(c.ConnectCustomKeyStore(t.Context(), &kms.ConnectCustomKeyStoreInput{CustomKeyStoreId: store.CustomKeyStoreId}))
	key := must[*kms.CreateKeyOutput](t)(c.CreateKey(t.Context(), &kms.CreateKeyInput{Origin: types.OriginTypeAwsCloudhsm, CustomKeyStoreId: store.CustomKeyStoreId})).KeyMetadata
	_, err = status(key.KeyId)
	refused(t, err, "UnsupportedOperationException", *key.Arn+" origin is AWS_CLOUDHSM which is not valid for this operation.")
}

// startChecked is start for a test at whose end the database must be sound. Of keys for which it calls gone nothing may be left then.
func startChecked(t *testing.T, quotas ...string) (e *emulatortest.Emulator, c *kms.Client, gone func(id string)) {
	t.Helper()
	dir := t.TempDir()
	var deleted []string
	t.Cleanup(func() { // when the emulator has stopped
		if findings, err := server.Check(context.Background(), dir); err != nil || len(findings) > 0 {
			t.Errorf("the database: %v, %q", err, findings)
		}
		db := must[*bolt.DB](t)(bolt.Open(filepath.Join(dir, "emulator.db"), bolt.Options{}))
		defer db.Close()
		db.View(context.Background(), func(r store.Reader) error {
			for key := range r.Scan(nil, nil) {
				if parts := store.Parts(key); strings.HasPrefix(parts[0], "kms") && slices.ContainsFunc(deleted, func(id string) bool { return slices.Contains(parts, id) }) {
					t.Errorf("left of a deleted key: %q", parts)
				}
			}
			return nil
		})
	})
	e = emulatortest.Start(t, server.Config{DataDir: dir, Quotas: quotas})
	return e, kms.NewFromConfig(e.Config()), func(id string) { deleted = append(deleted, id) }
}

const day = 24 * time.Hour

// rotations returns the materials of a key as "STATE TYPE", page by page, and their IDs.
func rotations(t *testing.T, c *kms.Client, id *string, include types.IncludeKeyMaterial) (shown []string, entries []types.RotationsListEntry) {
	t.Helper()
	for pages := kms.NewListKeyRotationsPaginator(c, &kms.ListKeyRotationsInput{KeyId: id, IncludeKeyMaterial: include, Limit: aws.Int32(2)}); pages.HasMorePages(); {
		out := must[*kms.ListKeyRotationsOutput](t)(pages.NextPage(t.Context()))
		for _, e := range out.Rotations {
			shown = append(shown, strings.TrimSpace(string(e.KeyMaterialState)+" "+string(e.RotationType)))
			entries = append(entries, e)
		}
	}
	return shown, entries
}

func encrypt(t *testing.T, c *kms.Client, id *string) []byte {
	t.Helper()
	return must[*kms.EncryptOutput](t)(c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: id, Plaintext: []byte("hello")})).CiphertextBlob
}

// decrypts checks that a ciphertext opens, and with which material.
func decrypts(t *testing.T, c *kms.Client, blob []byte, material *string) {
	t.Helper()
	out := must[*kms.DecryptOutput](t)(c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob}))
	if string(out.Plaintext) != "hello" || *out.KeyMaterialId != *material {
		t.Errorf("decrypted %q with %s, want %s", out.Plaintext, *out.KeyMaterialId, *material)
	}
}

func current(t *testing.T, c *kms.Client, id *string) *string {
	t.Helper()
	return must[*kms.DescribeKeyOutput](t)(c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: id})).KeyMetadata.CurrentKeyMaterialId
}

func enableRotation(t *testing.T, c *kms.Client, id *string, days *int32) {
	t.Helper()
	must[*kms.EnableKeyRotationOutput](t)(c.EnableKeyRotation(t.Context(), &kms.EnableKeyRotationInput{KeyId: id, RotationPeriodInDays: days}))
}

func TestAutomaticRotation(t *testing.T) {
	e, c := start(t)
	now := time.Date(2031, 3, 1, 12, 0, 0, 0, time.UTC)
	e.Clock.Freeze(now)
	key := createKey(t, c, "", "")
	status := func() *kms.GetKeyRotationStatusOutput {
		t.Helper()
		return must[*kms.GetKeyRotationStatusOutput](t)(c.GetKeyRotationStatus(t.Context(), &kms.GetKeyRotationStatusInput{KeyId: key.KeyId}))
	}
	enableRotation(t, c, key.KeyId, nil)
	if s := status(); !s.KeyRotationEnabled || *s.RotationPeriodInDays != 365 || !s.NextRotationDate.Equal(now.Add(365*day)) || s.OnDemandRotationStartDate != nil {
		t.Errorf("status %+v", s)
	}
	if shown, _ := rotations(t, c, key.KeyId, ""); len(shown) != 0 {
		t.Errorf("before a rotation: %q", shown)
	}
	if shown, all := rotations(t, c, key.KeyId, types.IncludeKeyMaterialAllKeyMaterial); !slices.Equal(shown, []string{"CURRENT"}) || *all[0].KeyMaterialId != *key.CurrentKeyMaterialId || all[0].RotationDate != nil || all[0].ImportState != "" {
		t.Errorf("before a rotation: %q", shown)
	}
	old := encrypt(t, c, key.KeyId)

	e.Clock.Advance(365*day - time.Second)
	decrypts(t, c, encrypt(t, c, key.KeyId), key.CurrentKeyMaterialId)
	e.Clock.Advance(time.Second)
	fresh := encrypt(t, c, key.KeyId) // is what rotates
	second := current(t, c, key.KeyId)
	if *second == *key.CurrentKeyMaterialId {
		t.Error("a year has made no new material")
	}
	decrypts(t, c, old, key.CurrentKeyMaterialId)
	decrypts(t, c, fresh, second)
	shown, entries := rotations(t, c, key.KeyId, "")
	if !slices.Equal(shown, []string{"CURRENT AUTOMATIC"}) || !entries[0].RotationDate.Equal(now.Add(365*day)) || *entries[0].KeyMaterialId != *second || *entries[0].KeyId != *key.KeyId {
		t.Errorf("after a year: %q", shown)
	}
	again := must[*kms.ReEncryptOutput](t)(c.ReEncrypt(t.Context(), &kms.ReEncryptInput{CiphertextBlob: old, DestinationKeyId: key.KeyId}))
	if *again.SourceKeyMaterialId != *key.CurrentKeyMaterialId || *again.DestinationKeyMaterialId != *second {
		t.Errorf("encrypted anew from %s to %s", *again.SourceKeyMaterialId, *again.DestinationKeyMaterialId)
	}

	// Years later each rotation has happened, on its date.
	e.Clock.Advance(3 * 365 * day)
	if s := status(); !s.NextRotationDate.Equal(now.Add(5 * 365 * day)) {
		t.Errorf("next is %v", s.NextRotationDate)
	}
	shown, entries = rotations(t, c, key.KeyId, types.IncludeKeyMaterialAllKeyMaterial)
	if want := []string{"NON_CURRENT", "NON_CURRENT AUTOMATIC", "NON_CURRENT AUTOMATIC", "NON_CURRENT AUTOMATIC", "CURRENT AUTOMATIC"}; !slices.Equal(shown, want) || !entries[3].RotationDate.Equal(now.Add(3*365*day)) {
		t.Errorf("after four years: %q", shown)
	}
	decrypts(t, c, old, key.CurrentKeyMaterialId)

	// Another period counts from now; the same one changes nothing.
	now = now.Add(4*365*day + 10*day)
	e.Clock.Freeze(now)
	enableRotation(t, c, key.KeyId, aws.Int32(90))
	e.Clock.Advance(day)
	enableRotation(t, c, key.KeyId, aws.Int32(90))
	if s := status(); !s.NextRotationDate.Equal(now.Add(90*day)) || *s.RotationPeriodInDays != 90 {
		t.Errorf("status %+v", s)
	}
	must[*kms.DisableKeyRotationOutput](t)(c.DisableKeyRotation(t.Context(), &kms.DisableKeyRotationInput{KeyId: key.KeyId}))
	e.Clock.Advance(1000 * day)
	if s := status(); s.KeyRotationEnabled || s.NextRotationDate != nil {
		t.Errorf("status %+v", s)
	}
	if shown, _ := rotations(t, c, key.KeyId, ""); len(shown) != 4 {
		t.Errorf("rotation off: %q", shown)
	}
	for _, days := range []int32{89, 2561} {
		_, err := c.EnableKeyRotation(t.Context(), &kms.EnableKeyRotationInput{KeyId: key.KeyId, RotationPeriodInDays: &days})
		refused(t, err, "ValidationException", "rotationPeriodInDays")
	}
}

// However far the clock jumps, the work is bounded, and the schedule stands.
func TestRotationsMissed(t *testing.T) {
	e, c := start(t)
	now := time.Date(2031, 3, 1, 12, 0, 0, 0, time.UTC)
	e.Clock.Freeze(now)
	key := createKey(t, c, "", "")
	old := encrypt(t, c, key.KeyId)
	enableRotation(t, c, key.KeyId, aws.Int32(90))
	e.Clock.Freeze(now.Add(500*90*day + time.Hour))
	decrypts(t, c, old, key.CurrentKeyMaterialId)
	shown, entries := rotations(t, c, key.KeyId, "")
	if len(shown) != 101 || !entries[100].RotationDate.Equal(now.Add(500*90*day)) || !entries[0].RotationDate.Equal(now.Add(400*90*day)) {
		t.Errorf("%d rotations from %v to %v", len(shown), entries[0].RotationDate, entries[len(entries)-1].RotationDate)
	}
}

// What is disabled does not rotate, and makes up for it once when it is enabled; what is to be deleted neither.
func TestRotationOfDisabledKey(t *testing.T) {
	e, c := start(t)
	now := time.Date(2031, 3, 1, 12, 0, 0, 0, time.UTC)
	e.Clock.Freeze(now)
	key := createKey(t, c, "", "")
	enableRotation(t, c, key.KeyId, nil)
	must[*kms.DisableKeyOutput](t)(c.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: key.KeyId}))
	_, err := c.EnableKeyRotation(t.Context(), &kms.EnableKeyRotationInput{KeyId: key.KeyId})
	refused(t, err, "DisabledException", *key.Arn+" is disabled.")
	_, err = c.DisableKeyRotation(t.Context(), &kms.DisableKeyRotationInput{KeyId: key.KeyId})
	refused(t, err, "DisabledException", *key.Arn+" is disabled.")
	_, err = c.RotateKeyOnDemand(t.Context(), &kms.RotateKeyOnDemandInput{KeyId: key.KeyId})
	refused(t, err, "DisabledException", *key.Arn+" is disabled.")
	now = now.Add(1000 * day)
	e.Clock.Freeze(now)
	if *current(t, c, key.KeyId) != *key.CurrentKeyMaterialId {
		t.Error("a disabled key has rotated")
	}
	if s := must[*kms.GetKeyRotationStatusOutput](t)(c.GetKeyRotationStatus(t.Context(), &kms.GetKeyRotationStatusInput{KeyId: key.KeyId})); !s.KeyRotationEnabled {
		t.Errorf("disabled: %+v", s)
	}
	must[*kms.EnableKeyOutput](t)(c.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: key.KeyId}))
	if shown, entries := rotations(t, c, key.KeyId, ""); !slices.Equal(shown, []string{"CURRENT AUTOMATIC"}) || !entries[0].RotationDate.Equal(now) {
		t.Errorf("enabled again: %q", shown)
	}
	s := must[*kms.GetKeyRotationStatusOutput](t)(c.GetKeyRotationStatus(t.Context(), &kms.GetKeyRotationStatusInput{KeyId: key.KeyId}))
	if !s.NextRotationDate.Equal(now.Add(365 * day)) {
		t.Errorf("enabled again: %+v", s)
	}

	must[*kms.ScheduleKeyDeletionOutput](t)(c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: key.KeyId}))
	if s := must[*kms.GetKeyRotationStatusOutput](t)(c.GetKeyRotationStatus(t.Context(), &kms.GetKeyRotationStatusInput{KeyId: key.KeyId})); s.KeyRotationEnabled {
		t.Errorf("to be deleted: %+v", s)
	}
	_, err = c.EnableKeyRotation(t.Context(), &kms.EnableKeyRotationInput{KeyId: key.KeyId})
	refused(t, err, "KMSInvalidStateException", *key.Arn+" is pending deletion.")
	must[*kms.CancelKeyDeletionOutput](t)(c.CancelKeyDeletion(t.Context(), &kms.CancelKeyDeletionInput{KeyId: key.KeyId}))
	if s := must[*kms.GetKeyRotationStatusOutput](t)(c.GetKeyRotationStatus(t.Context(), &kms.GetKeyRotationStatusInput{KeyId: key.KeyId})); !s.KeyRotationEnabled {
		t.Errorf("not to be deleted any more: %+v", s)
	}
}

func TestRotateKeyOnDemand(t *testing.T) {
	e, c, gone := startChecked(t)
	now := time.Date(2031, 3, 1, 12, 0, 0, 0, time.UTC)
	e.Clock.Freeze(now)
	key := createKey(t, c, "", "")
	blobs, ids := [][]byte{encrypt(t, c, key.KeyId)}, []*string{key.CurrentKeyMaterialId}
	enableRotation(t, c, key.KeyId, aws.Int32(100))
	rotate := func() error {
		_, err := c.RotateKeyOnDemand(t.Context(), &kms.RotateKeyOnDemandInput{KeyId: key.Arn})
		return err
	}
	for range 25 {
		if err := rotate(); err != nil {
			t.Fatal(err)
		}
		blobs, ids = append(blobs, encrypt(t, c, key.KeyId)), append(ids, current(t, c, key.KeyId))
	}
	refused(t, rotate(), "LimitExceededException", "The on-demand rotations limit has been reached for the given keyId. No more on-demand rotations can be performed for this key: "+*key.Arn)
	for i, blob := range blobs {
		decrypts(t, c, blob, ids[i])
	}
	if shown, entries := rotations(t, c, key.KeyId, ""); len(shown) != 25 || shown[0] != "NON_CURRENT ON_DEMAND" || shown[24] != "CURRENT ON_DEMAND" || *entries[24].KeyMaterialId != *ids[25] {
		t.Errorf("%q", shown)
	}
	s := must[*kms.GetKeyRotationStatusOutput](t)(c.GetKeyRotationStatus(t.Context(), &kms.GetKeyRotationStatusInput{KeyId: key.KeyId}))
	if !s.NextRotationDate.Equal(now.Add(100 * day)) {
		t.Errorf("rotations on demand moved the schedule: %+v", s)
	}

	soon := createKey(t, c, "", "")
	enableRotation(t, c, soon.KeyId, aws.Int32(100))
	e.Clock.Freeze(now.Add(100*day - 20*time.Minute))
	_, err := c.RotateKeyOnDemand(t.Context(), &kms.RotateKeyOnDemandInput{KeyId: soon.KeyId})
	refused(t, err, "ConflictException", "within the next 20 minutes")

	// All material of a key goes with it.
	must[*kms.ScheduleKeyDeletionOutput](t)(c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: key.KeyId}))
	e.Clock.Advance(31 * day)
	createKey(t, c, "", "")
	gone(*key.KeyId)
}

// Which keys never rotate, and that only their account may ask.
func TestRotationRefused(t *testing.T) {
	_, c := start(t)
	for spec, usage := range map[types.KeySpec]types.KeyUsageType{
		types.KeySpecEccNistP256: types.KeyUsageTypeSignVerify, types.KeySpecHmac256: types.KeyUsageTypeGenerateVerifyMac,
	} {
		key := createKey(t, c, spec, usage)
		for operation, err := range rotationOperations(t, c, key.Arn) {
			if operation == "DisableKeyRotation" { // measured by Floci: there is nothing to disable
				must[any](t)(nil, err)
				continue
			}
			refused(t, err, "UnsupportedOperationException", "")
			if !strings.HasSuffix(err.Error(), "UnsupportedOperationException: ") { // AWS's says no more, as users paste it
				t.Errorf("%s: %v", operation, err)
			}
		}
		// AWS looks at the state first, as LocalStack recorded it.
		must[*kms.DisableKeyOutput](t)(c.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: key.KeyId}))
		for operation, err := range rotationOperations(t, c, key.Arn) {
			if operation != "ListKeyRotations" {
				refused(t, err, "DisabledException", *key.Arn+" is disabled.")
			}
		}
	}
	for operation, err := range rotationOperations(t, c, aws.String("alias/a")) {
		refused(t, err, "InvalidArnException", "Key Aliases are not supported for this operation.")
		_ = operation
	}
	for operation, err := range rotationOperations(t, c, aws.String("arn:aws:kms:us-east-1:999999999999:key/12345678-1234-1234-1234-123456789012")) {
		refused(t, err, "AccessDeniedException", operation)
	}
}

// rotationOperations returns the errors of the operations on a key that change or list its rotations.
func rotationOperations(t *testing.T, c *kms.Client, id *string) map[string]error {
	_, enable := c.EnableKeyRotation(t.Context(), &kms.EnableKeyRotationInput{KeyId: id})
	_, disable := c.DisableKeyRotation(t.Context(), &kms.DisableKeyRotationInput{KeyId: id})
	_, rotate := c.RotateKeyOnDemand(t.Context(), &kms.RotateKeyOnDemandInput{KeyId: id})
	_, list := c.ListKeyRotations(t.Context(), &kms.ListKeyRotationsInput{KeyId: id})
	return map[string]error{"EnableKeyRotation": enable, "DisableKeyRotation": disable, "RotateKeyOnDemand": rotate, "ListKeyRotations": list}
}
