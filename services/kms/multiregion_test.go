package kms_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"emulator/emulatortest"
)

const elsewhere = "eu-west-1"

func inRegion(e *emulatortest.Emulator, region string) *kms.Client {
	return kms.NewFromConfig(e.ConfigWith("test", "test", "", region))
}

func createMultiRegion(t *testing.T, c *kms.Client, in kms.CreateKeyInput) *types.KeyMetadata {
	t.Helper()
	in.MultiRegion = aws.Bool(true)
	key := must[*kms.CreateKeyOutput](t)(c.CreateKey(t.Context(), &in)).KeyMetadata
	if m := key.MultiRegionConfiguration; !strings.HasPrefix(*key.KeyId, "mrk-") || len(*key.KeyId) != 36 || !*key.MultiRegion || m.MultiRegionKeyType != types.MultiRegionKeyTypePrimary || *m.PrimaryKey.Arn != *key.Arn || len(m.ReplicaKeys) != 0 {
		t.Errorf("created %+v", key)
	}
	return key
}

func replicate(t *testing.T, c *kms.Client, id *string, region string) *types.KeyMetadata {
	t.Helper()
	return must[*kms.ReplicateKeyOutput](t)(c.ReplicateKey(t.Context(), &kms.ReplicateKeyInput{KeyId: id, ReplicaRegion: &region})).ReplicaKeyMetadata
}

// What is encrypted in one Region is decrypted in another, and what is shared stays in step.
func TestMultiRegion(t *testing.T) {
	e, here, _ := startChecked(t)
	now := time.Date(2031, 3, 1, 12, 0, 0, 0, time.UTC)
	e.Clock.Freeze(now)
	there := inRegion(e, elsewhere)
	key := createMultiRegion(t, here, kms.CreateKeyInput{Description: aws.String("here")})
	old := encrypt(t, here, key.KeyId)
	_, err := there.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: old})
	refused(t, err, "AccessDeniedException", "does not exist in this region")

	tags := []types.Tag{{TagKey: aws.String("a"), TagValue: aws.String("b")}}
	out := must[*kms.ReplicateKeyOutput](t)(here.ReplicateKey(t.Context(), &kms.ReplicateKeyInput{KeyId: key.Arn, ReplicaRegion: aws.String(elsewhere), Description: aws.String("there"), Tags: tags}))
	replica := out.ReplicaKeyMetadata
	if *replica.Arn != strings.Replace(*key.Arn, "us-east-1", elsewhere, 1) || *replica.KeyId != *key.KeyId || replica.KeyState != types.KeyStateCreating || describe(t, there, key.KeyId).KeyState != types.KeyStateEnabled || *replica.Description != "there" || *replica.CurrentKeyMaterialId != *key.CurrentKeyMaterialId ||
		!strings.Contains(*out.ReplicaPolicy, "Enable IAM User Permissions") || len(out.ReplicaTags) != 1 {
		t.Errorf("replicated %+v", out)
	}
	for _, c := range []*kms.Client{here, there} {
		m := describe(t, c, key.KeyId).MultiRegionConfiguration
		if *m.PrimaryKey.Region != "us-east-1" || len(m.ReplicaKeys) != 1 || *m.ReplicaKeys[0].Arn != *replica.Arn {
			t.Errorf("configuration %+v", m)
		}
	}
	_, err = here.ReplicateKey(t.Context(), &kms.ReplicateKeyInput{KeyId: key.KeyId, ReplicaRegion: aws.String(elsewhere)})
	refused(t, err, "AlreadyExistsException", *replica.Arn)
	_, err = here.ReplicateKey(t.Context(), &kms.ReplicateKeyInput{KeyId: key.KeyId, ReplicaRegion: aws.String("us-east-1")})
	refused(t, err, "AlreadyExistsException", *key.Arn)
	_, err = there.ReplicateKey(t.Context(), &kms.ReplicateKeyInput{KeyId: key.KeyId, ReplicaRegion: aws.String("us-west-2")})
	refused(t, err, "UnsupportedOperationException", "replica key")
	_, err = here.ReplicateKey(t.Context(), &kms.ReplicateKeyInput{KeyId: createKey(t, here, "", "").KeyId, ReplicaRegion: aws.String(elsewhere)})
	refused(t, err, "UnsupportedOperationException", "is not a multi-Region key")
	_, err = here.ReplicateKey(t.Context(), &kms.ReplicateKeyInput{KeyId: key.KeyId, ReplicaRegion: aws.String("cn-north-1")})
	refused(t, err, "ValidationException", "cn-north-1")

	decrypts(t, there, old, key.CurrentKeyMaterialId)
	decrypts(t, here, encrypt(t, there, key.KeyId), key.CurrentKeyMaterialId)
	if with := must[*kms.DecryptOutput](t)(there.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: old, KeyId: replica.Arn})); *with.KeyId != *replica.Arn {
		t.Errorf("decrypted with %s", *with.KeyId)
	}

	// Rotation is the primary's. What looks at either key makes it, and both get the material.
	for operation, err := range rotationOperations(t, there, key.KeyId) {
		if operation != "ListKeyRotations" {
			refused(t, err, "UnsupportedOperationException", "replica key")
		}
	}
	enableRotation(t, here, key.KeyId, nil)
	status := must[*kms.GetKeyRotationStatusOutput](t)(there.GetKeyRotationStatus(t.Context(), &kms.GetKeyRotationStatusInput{KeyId: key.KeyId}))
	if !status.KeyRotationEnabled || !status.NextRotationDate.Equal(now.Add(365*day)) {
		t.Errorf("of the replica: %+v", status)
	}
	e.Clock.Advance(2 * 365 * day)
	fresh := encrypt(t, there, key.KeyId)
	second := current(t, here, key.KeyId)
	if *second == *key.CurrentKeyMaterialId {
		t.Error("two years have made no new material")
	}
	decrypts(t, here, fresh, second)
	must[*kms.RotateKeyOnDemandOutput](t)(here.RotateKeyOnDemand(t.Context(), &kms.RotateKeyOnDemandInput{KeyId: key.KeyId}))
	decrypts(t, here, encrypt(t, there, key.KeyId), current(t, here, key.KeyId))
	decrypts(t, there, old, key.CurrentKeyMaterialId)
	replicate(t, here, key.KeyId, "us-west-2") // with all of it
	decrypts(t, inRegion(e, "us-west-2"), old, key.CurrentKeyMaterialId)
	decrypts(t, inRegion(e, "us-west-2"), fresh, second)
	want := []string{"NON_CURRENT", "NON_CURRENT AUTOMATIC", "NON_CURRENT AUTOMATIC", "CURRENT ON_DEMAND"}
	for _, region := range []string{"us-east-1", elsewhere, "us-west-2"} {
		if shown, _ := rotations(t, inRegion(e, region), key.KeyId, types.IncludeKeyMaterialAllKeyMaterial); !slices.Equal(shown, want) {
			t.Errorf("%s: %q", region, shown)
		}
	}

	// The rest is each key's own.
	must[*kms.DisableKeyOutput](t)(there.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: key.KeyId}))
	if a, b := describe(t, here, key.KeyId), describe(t, there, key.KeyId); !a.Enabled || b.Enabled || *a.Description != "here" || *b.Description != "there" {
		t.Errorf("%+v, %+v", a, b)
	}
	if tags := must[*kms.ListResourceTagsOutput](t)(here.ListResourceTags(t.Context(), &kms.ListResourceTagsInput{KeyId: key.KeyId})).Tags; len(tags) != 0 {
		t.Errorf("tags %v", tags)
	}
}

func TestUpdatePrimaryRegion(t *testing.T) {
	e, here, _ := startChecked(t)
	there := inRegion(e, elsewhere)
	key := createMultiRegion(t, here, kms.CreateKeyInput{KeySpec: types.KeySpecHmac256, KeyUsage: types.KeyUsageTypeGenerateVerifyMac})
	update := func(c *kms.Client, region string) error {
		_, err := c.UpdatePrimaryRegion(t.Context(), &kms.UpdatePrimaryRegionInput{KeyId: key.KeyId, PrimaryRegion: &region})
		return err
	}
	refused(t, update(here, elsewhere), "NotFoundException", elsewhere)
	replicate(t, here, key.KeyId, elsewhere)
	replicate(t, here, key.KeyId, "us-west-2")
	refused(t, update(there, elsewhere), "UnsupportedOperationException", "replica key")
	must[*kms.DisableKeyOutput](t)(there.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: key.KeyId}))
	refused(t, update(here, elsewhere), "DisabledException", "is disabled")
	must[*kms.EnableKeyOutput](t)(there.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: key.KeyId}))
	if err := update(here, elsewhere); err != nil {
		t.Fatal(err)
	}
	for region, kind := range map[string]types.MultiRegionKeyType{"us-east-1": "REPLICA", elsewhere: "PRIMARY", "us-west-2": "REPLICA"} {
		m := describe(t, inRegion(e, region), key.KeyId).MultiRegionConfiguration
		if m.MultiRegionKeyType != kind || *m.PrimaryKey.Region != elsewhere || len(m.ReplicaKeys) != 2 || *m.ReplicaKeys[0].Region != "us-east-1" {
			t.Errorf("%s: %+v", region, m)
		}
	}
	replicate(t, there, key.KeyId, "eu-north-1")
	refused(t, update(here, elsewhere), "UnsupportedOperationException", "replica key")
	mac := must[*kms.GenerateMacOutput](t)(here.GenerateMac(t.Context(), &kms.GenerateMacInput{KeyId: key.KeyId, MacAlgorithm: types.MacAlgorithmSpecHmacSha256, Message: []byte("m")})).Mac
	must[*kms.VerifyMacOutput](t)(inRegion(e, "eu-north-1").VerifyMac(t.Context(), &kms.VerifyMacInput{KeyId: key.KeyId, MacAlgorithm: types.MacAlgorithmSpecHmacSha256, Message: []byte("m"), Mac: mac}))
}

// A primary key waits for its replicas, and its waiting period begins when the last is gone, whoever notices.
func TestMultiRegionDeletion(t *testing.T) {
	e, here, gone := startChecked(t)
	now := time.Date(2031, 3, 1, 12, 0, 0, 0, time.UTC)
	there := inRegion(e, elsewhere)
	schedule := func(c *kms.Client, id *string, days int32) *kms.ScheduleKeyDeletionOutput {
		t.Helper()
		return must[*kms.ScheduleKeyDeletionOutput](t)(c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: id, PendingWindowInDays: &days}))
	}
	for _, swept := range []bool{false, true} {
		e.Clock.Freeze(now)
		key := createMultiRegion(t, here, kms.CreateKeyInput{})
		enableRotation(t, here, key.KeyId, nil)
		replicate(t, here, key.KeyId, elsewhere)
		if out := schedule(here, key.KeyId, 7); out.KeyState != types.KeyStatePendingReplicaDeletion || out.DeletionDate != nil || *out.PendingWindowInDays != 7 {
			t.Errorf("scheduled %+v", out)
		}
		if m := describe(t, here, key.KeyId); m.KeyState != types.KeyStatePendingReplicaDeletion || *m.PendingDeletionWindowInDays != 7 || m.DeletionDate != nil || m.Enabled {
			t.Errorf("scheduled %+v", m)
		}
		// API_GetKeyRotationStatus: "While a KMS key is pending deletion, its key rotation status is false".
		if s := must[*kms.GetKeyRotationStatusOutput](t)(here.GetKeyRotationStatus(t.Context(), &kms.GetKeyRotationStatusInput{KeyId: key.KeyId})); s.KeyRotationEnabled {
			t.Errorf("to be deleted: %+v", s)
		}
		_, err := here.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("x")})
		refused(t, err, "KMSInvalidStateException", *key.Arn+" is pending replica deletion.")
		_, err = here.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: key.KeyId})
		refused(t, err, "KMSInvalidStateException", *key.Arn+" is pending replica deletion.")
		must[*kms.CancelKeyDeletionOutput](t)(here.CancelKeyDeletion(t.Context(), &kms.CancelKeyDeletionInput{KeyId: key.KeyId}))
		if m := describe(t, here, key.KeyId); m.KeyState != types.KeyStateDisabled || m.PendingDeletionWindowInDays != nil {
			t.Errorf("cancelled %+v", m)
		}
		schedule(here, key.KeyId, 7)
		schedule(there, key.KeyId, 10)

		e.Clock.Freeze(now.Add(10*day - time.Second))
		if m := describe(t, here, key.KeyId); m.KeyState != types.KeyStatePendingReplicaDeletion {
			t.Errorf("the replica is not gone: %s", m.KeyState)
		}
		e.Clock.Freeze(now.Add(10 * day))
		if swept {
			e.Clock.Advance(time.Second)
			createKey(t, here, "", "")
		}
		if m := describe(t, here, key.KeyId); m.KeyState != types.KeyStatePendingDeletion || !m.DeletionDate.Equal(now.Add(17*day)) || len(m.MultiRegionConfiguration.ReplicaKeys) != 0 {
			t.Errorf("the replica is gone: %+v", m)
		}
		e.Clock.Freeze(now.Add(17*day + time.Second))
		_, err = here.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: key.KeyId})
		refused(t, err, "NotFoundException", "does not exist")
		createKey(t, here, "", "")
		gone(*key.KeyId)
	}

	// A replica that is gone makes room for another; a jump of the clock ends all at once.
	e.Clock.Freeze(now)
	key := createMultiRegion(t, here, kms.CreateKeyInput{})
	replicate(t, here, key.KeyId, elsewhere)
	schedule(there, key.KeyId, 7)
	_, err := here.ReplicateKey(t.Context(), &kms.ReplicateKeyInput{KeyId: key.KeyId, ReplicaRegion: aws.String(elsewhere)})
	refused(t, err, "AlreadyExistsException", elsewhere)
	e.Clock.Freeze(now.Add(7 * day))
	replicate(t, here, key.KeyId, elsewhere)
	e.Clock.Advance(2 * time.Second)
	createKey(t, here, "", "") // the old replica's deletion is not the new one's
	decrypts(t, there, encrypt(t, here, key.KeyId), key.CurrentKeyMaterialId)
	schedule(there, key.KeyId, 7)
	schedule(here, key.KeyId, 7)
	e.Clock.Advance(400 * day)
	_, err = here.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: key.KeyId})
	refused(t, err, "NotFoundException", "does not exist")

	// A replica that comes back when the clock is moved back has missed its primary key's rotation, and is used as it is.
	e.Clock.Freeze(now)
	key = createMultiRegion(t, here, kms.CreateKeyInput{})
	replicate(t, here, key.KeyId, elsewhere)
	enableRotation(t, here, key.KeyId, aws.Int32(90))
	e.Clock.Freeze(now.Add(85 * day))
	schedule(there, key.KeyId, 7)
	e.Clock.Freeze(now.Add(95 * day))
	if *current(t, here, key.KeyId) == *key.CurrentKeyMaterialId {
		t.Error("the primary key has not rotated")
	}
	e.Clock.Freeze(now.Add(91 * day))
	if *current(t, there, key.KeyId) != *key.CurrentKeyMaterialId {
		t.Error("the replica has rotated")
	}

	// No replica outlives its primary key, though the clock is moved back.
	e.Clock.Freeze(now)
	key = createMultiRegion(t, here, kms.CreateKeyInput{})
	replicate(t, here, key.KeyId, elsewhere)
	schedule(there, key.KeyId, 7)
	e.Clock.Freeze(now.Add(7 * day))
	if out := schedule(here, key.KeyId, 7); out.KeyState != types.KeyStatePendingDeletion {
		t.Errorf("scheduled %+v", out)
	}
	e.Clock.Freeze(now)
	_, err = there.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: key.KeyId})
	refused(t, err, "NotFoundException", "does not exist")
}

// Material is imported into the primary key, and then the same into each replica.
func TestMultiRegionImport(t *testing.T) {
	e, here, _ := startChecked(t)
	there := inRegion(e, elsewhere)
	key := createMultiRegion(t, here, kms.CreateKeyInput{Origin: types.OriginTypeExternal})
	i, material := newImporter(t, here, key.KeyId), random(32)
	id := must[*kms.ImportKeyMaterialOutput](t)(i.put(t, material, kms.ImportKeyMaterialInput{})).KeyMaterialId
	replicate(t, here, key.KeyId, elsewhere)
	if replica := describe(t, there, key.KeyId); replica.KeyState != types.KeyStatePendingImport {
		t.Errorf("replicated %+v", replica)
	}
	o := newImporter(t, there, key.KeyId)
	_, err := o.put(t, random(32), kms.ImportKeyMaterialInput{})
	refused(t, err, "IncorrectKeyMaterialException", "primary key")
	blob := encrypt(t, here, key.KeyId)
	_, err = there.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob})
	refused(t, err, "KMSInvalidStateException", "is pending import.")
	_, err = o.put(t, random(32), kms.ImportKeyMaterialInput{})
	refused(t, err, "IncorrectKeyMaterialException", "")
	must[*kms.ImportKeyMaterialOutput](t)(o.put(t, material, kms.ImportKeyMaterialInput{ImportType: types.ImportTypeExistingKeyMaterial, KeyMaterialId: id}))
	decrypts(t, there, blob, id)
	must[*kms.DeleteImportedKeyMaterialOutput](t)(there.DeleteImportedKeyMaterial(t.Context(), &kms.DeleteImportedKeyMaterialInput{KeyId: key.KeyId}))
	decrypts(t, here, blob, id)
	replicate(t, here, key.KeyId, "us-west-2")
	if m := describe(t, inRegion(e, "us-west-2"), key.KeyId); m.KeyState != types.KeyStatePendingImport || *m.CurrentKeyMaterialId != *id {
		t.Errorf("replicated %+v", m)
	}
}

// "You can create Multi-Region keys with imported symmetric, asymmetric, or HMAC key material"; of the last two there is one for life
// (https://docs.aws.amazon.com/kms/latest/developerguide/multi-region-keys-import.html).
func TestMultiRegionImportOfOneMaterial(t *testing.T) {
	e, here, _ := startChecked(t)
	there := inRegion(e, elsewhere)
	private := must[[]byte](t)(x509.MarshalPKCS8PrivateKey(must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))))
	for _, test := range []struct {
		spec     types.KeySpec
		usage    types.KeyUsageType
		material []byte
		other    []byte
		use      func(c *kms.Client, id *string) []byte
	}{
		{"HMAC_256", "GENERATE_VERIFY_MAC", random(40), random(40), func(c *kms.Client, id *string) []byte {
			return must[*kms.GenerateMacOutput](t)(c.GenerateMac(t.Context(), &kms.GenerateMacInput{KeyId: id, MacAlgorithm: "HMAC_SHA_256", Message: []byte("m")})).Mac
		}},
		{"ECC_NIST_P256", "SIGN_VERIFY", private, must[[]byte](t)(x509.MarshalPKCS8PrivateKey(must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)))), func(c *kms.Client, id *string) []byte {
			return must[*kms.GetPublicKeyOutput](t)(c.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: id})).PublicKey
		}},
	} {
		key := createMultiRegion(t, here, kms.CreateKeyInput{Origin: types.OriginTypeExternal, KeySpec: test.spec, KeyUsage: test.usage})
		i := newImporter(t, here, key.KeyId)
		must[*kms.ImportKeyMaterialOutput](t)(i.put(t, test.material, kms.ImportKeyMaterialInput{}))
		replicate(t, here, key.KeyId, elsewhere)
		o := newImporter(t, there, key.KeyId)
		for _, i := range []importer{i, o} {
			_, err := i.put(t, test.other, kms.ImportKeyMaterialInput{})
			refused(t, err, "IncorrectKeyMaterialException", "")
			_, err = i.put(t, test.material, kms.ImportKeyMaterialInput{ImportType: types.ImportTypeExistingKeyMaterial})
			refused(t, err, "UnsupportedOperationException", "symmetric")
		}
		if m := describe(t, there, key.KeyId); m.KeyState != types.KeyStatePendingImport {
			t.Errorf("%s: the replica is %s", test.spec, m.KeyState)
		}
		must[*kms.ImportKeyMaterialOutput](t)(o.put(t, test.material, kms.ImportKeyMaterialInput{}))
		if !bytes.Equal(test.use(here, key.KeyId), test.use(there, key.KeyId)) {
			t.Errorf("%s: another key in the other Region", test.spec)
		}
		_, err := here.RotateKeyOnDemand(t.Context(), &kms.RotateKeyOnDemandInput{KeyId: key.KeyId})
		refused(t, err, "UnsupportedOperationException", "")
		_, err = here.ListKeyRotations(t.Context(), &kms.ListKeyRotationsInput{KeyId: key.KeyId})
		refused(t, err, "UnsupportedOperationException", "")
	}
}

// New material goes into the primary key first and then, the same, into each replica; it is in force in all Regions from one rotation on.
// https://docs.aws.amazon.com/kms/latest/APIReference/API_ImportKeyMaterial.html
func TestMultiRegionImportedRotation(t *testing.T) {
	e, here, _ := startChecked(t)
	now := time.Date(2031, 3, 1, 12, 0, 0, 0, time.UTC)
	e.Clock.Freeze(now)
	there, third := inRegion(e, elsewhere), inRegion(e, "us-west-2")
	key := createMultiRegion(t, here, kms.CreateKeyInput{Origin: types.OriginTypeExternal})
	i := newImporter(t, here, key.KeyId)
	put := func(i importer, material []byte, in kms.ImportKeyMaterialInput) *string {
		t.Helper()
		return must[*kms.ImportKeyMaterialOutput](t)(i.put(t, material, in)).KeyMaterialId
	}
	anew := kms.ImportKeyMaterialInput{ImportType: types.ImportTypeNewKeyMaterial}
	existing := kms.ImportKeyMaterialInput{ImportType: types.ImportTypeExistingKeyMaterial}
	states := func(c *kms.Client, want ...string) []types.RotationsListEntry {
		t.Helper()
		_, entries := rotations(t, c, key.KeyId, types.IncludeKeyMaterialAllKeyMaterial)
		var shown []string
		for _, e := range entries {
			shown = append(shown, strings.TrimSpace(fmt.Sprint(e.KeyMaterialState, " ", e.ImportState, " ", e.RotationType)))
		}
		if !slices.Equal(shown, want) {
			t.Errorf("materials %q, want %q", shown, want)
		}
		return entries
	}
	rotate := func(c *kms.Client) error {
		_, err := c.RotateKeyOnDemand(t.Context(), &kms.RotateKeyOnDemandInput{KeyId: key.KeyId})
		return err
	}
	remove := func(c *kms.Client, id *string) {
		t.Helper()
		must[*kms.DeleteImportedKeyMaterialOutput](t)(c.DeleteImportedKeyMaterial(t.Context(), &kms.DeleteImportedKeyMaterialInput{KeyId: key.KeyId, KeyMaterialId: id}))
	}
	first, second := random(32), random(32)
	firstID := put(i, first, anew)
	replicate(t, here, key.KeyId, elsewhere)
	o := newImporter(t, there, key.KeyId)
	put(o, first, existing)
	old := encrypt(t, here, key.KeyId)

	_, err := o.put(t, second, anew)
	refused(t, err, "IncorrectKeyMaterialException", "primary key")
	secondID := put(i, second, anew)
	const multi = "PENDING_MULTI_REGION_IMPORT_AND_ROTATION "
	states(here, "CURRENT IMPORTED", multi+"IMPORTED")
	states(there, "CURRENT IMPORTED", multi+"PENDING_IMPORT")
	if m := describe(t, there, key.KeyId); m.KeyState != types.KeyStateEnabled || *m.CurrentKeyMaterialId != *firstID {
		t.Errorf("what is pending is the replica's: %+v", m)
	}
	refused(t, rotate(here), "KMSInvalidStateException", "PENDING_MULTI_REGION_IMPORT_AND_ROTATION")
	refused(t, rotate(there), "UnsupportedOperationException", "primary key")
	_, err = i.put(t, random(32), anew)
	refused(t, err, "KMSInvalidStateException", "pending rotation")
	_, err = o.put(t, random(32), kms.ImportKeyMaterialInput{KeyMaterialId: secondID})
	refused(t, err, "IncorrectKeyMaterialException", *secondID)
	put(o, second, kms.ImportKeyMaterialInput{KeyMaterialId: secondID, ValidTo: aws.Time(now.Add(time.Hour))})
	states(here, "CURRENT IMPORTED", "PENDING_ROTATION IMPORTED")
	states(there, "CURRENT IMPORTED", "PENDING_ROTATION IMPORTED")

	// A further replica has to have it, too, and one that has lost it.
	replicate(t, here, key.KeyId, "us-west-2")
	states(third, "CURRENT PENDING_IMPORT", multi+"PENDING_IMPORT")
	states(here, "CURRENT IMPORTED", multi+"IMPORTED")
	w := newImporter(t, third, key.KeyId)
	put(w, second, existing)
	if m := describe(t, third, key.KeyId); m.KeyState != types.KeyStatePendingImport {
		t.Errorf("with what is pending only: %s", m.KeyState)
	}
	put(w, first, existing)
	states(here, "CURRENT IMPORTED", "PENDING_ROTATION IMPORTED")
	e.Clock.Freeze(now.Add(2 * time.Hour))
	states(there, "CURRENT IMPORTED", multi+"PENDING_IMPORT")
	refused(t, rotate(here), "KMSInvalidStateException", "PENDING_MULTI_REGION_IMPORT_AND_ROTATION")
	createKey(t, there, "", "") // whoever writes destroys what has expired
	states(third, "CURRENT IMPORTED", multi+"IMPORTED")
	put(o, second, existing)
	remove(there, secondID)
	states(here, "CURRENT IMPORTED", multi+"IMPORTED")
	put(o, second, existing)

	// What the primary key loses is lost to all; then there may be other.
	remove(here, secondID)
	for _, c := range []*kms.Client{here, there, third} {
		states(c, "CURRENT IMPORTED")
	}
	_, err = o.put(t, second, existing)
	refused(t, err, "IncorrectKeyMaterialException", "primary key")
	put(i, second, kms.ImportKeyMaterialInput{ImportType: types.ImportTypeNewKeyMaterial, ValidTo: aws.Time(now.Add(3 * time.Hour))})
	put(o, second, existing)
	e.Clock.Freeze(now.Add(4 * time.Hour))
	for _, c := range []*kms.Client{here, there, third} {
		states(c, "CURRENT IMPORTED")
	}
	_, err = w.put(t, second, existing)
	refused(t, err, "IncorrectKeyMaterialException", "primary key")
	createKey(t, here, "", "")
	states(there, "CURRENT IMPORTED")

	// The rotation is all keys', by whatever Region is the primary.
	put(i, second, anew)
	put(o, second, existing)
	must[*kms.UpdatePrimaryRegionOutput](t)(here.UpdatePrimaryRegion(t.Context(), &kms.UpdatePrimaryRegionInput{KeyId: key.KeyId, PrimaryRegion: aws.String("us-west-2")}))
	states(third, "CURRENT IMPORTED", multi+"PENDING_IMPORT")
	refused(t, rotate(third), "KMSInvalidStateException", "PENDING_MULTI_REGION_IMPORT_AND_ROTATION")
	put(w, second, existing)
	must[any](t)(nil, rotate(third))
	for _, c := range []*kms.Client{here, there, third} {
		entries := states(c, "NON_CURRENT IMPORTED", "CURRENT IMPORTED ON_DEMAND")
		if *entries[1].KeyMaterialId != *secondID || !entries[1].RotationDate.Equal(now.Add(4*time.Hour)) {
			t.Errorf("rotated: %+v", entries[1])
		}
		decrypts(t, c, old, firstID)
		for _, other := range []*kms.Client{here, there, third} {
			decrypts(t, other, encrypt(t, c, key.KeyId), secondID)
		}
	}
	replicate(t, third, key.KeyId, "ap-south-1")
	states(inRegion(e, "ap-south-1"), "NON_CURRENT PENDING_IMPORT", "CURRENT PENDING_IMPORT ON_DEMAND")

	// For good, it is each key's own: lost to one, and with it its use.
	remove(third, firstID)
	states(here, "NON_CURRENT IMPORTED", "CURRENT IMPORTED ON_DEMAND")
	states(third, "NON_CURRENT PENDING_IMPORT", "CURRENT IMPORTED ON_DEMAND")
	must[*kms.ScheduleKeyDeletionOutput](t)(there.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: key.KeyId, PendingWindowInDays: aws.Int32(7)}))
	_, err = o.put(t, second, existing)
	refused(t, err, "KMSInvalidStateException", "pending deletion")
}

// Policies see which key of a multi-Region key it is, and where it goes; and what may not be reached in another Region is not told.
func TestMultiRegionConditionKeys(t *testing.T) {
	e, here := start(t)
	allow := func(actions, condition string) string {
		return `{"Effect":"Allow","Action":[` + actions + `],"Resource":"*","Condition":` + condition + `}`
	}
	config := newUser(t, e, e.Config(), "bob", strings.Join([]string{
		allow(`"kms:CreateKey"`, `{"StringEquals":{"kms:MultiRegion":"true","kms:MultiRegionKeyType":["PRIMARY","REPLICA"]}}`),
		allow(`"kms:ReplicateKey"`, `{"StringEquals":{"kms:ReplicaRegion":"eu-west-1","kms:MultiRegionKeyType":"PRIMARY"}}`),
		allow(`"kms:UpdatePrimaryRegion"`, `{"StringEquals":{"kms:PrimaryRegion":"eu-west-1"}}`),
		allow(`"kms:Encrypt"`, `{"StringEquals":{"kms:MultiRegion":"true","kms:MultiRegionKeyType":"REPLICA"}}`),
	}, ","))
	bob := kms.NewFromConfig(config)
	config.Region = elsewhere
	there := kms.NewFromConfig(config)
	_, err := bob.CreateKey(t.Context(), &kms.CreateKeyInput{BypassPolicyLockoutSafetyCheck: true})
	refused(t, err, "AccessDeniedException", "kms:CreateKey")
	key := must[*kms.CreateKeyOutput](t)(bob.CreateKey(t.Context(), &kms.CreateKeyInput{MultiRegion: aws.Bool(true), BypassPolicyLockoutSafetyCheck: true})).KeyMetadata
	to := func(region string) error {
		_, err := bob.ReplicateKey(t.Context(), &kms.ReplicateKeyInput{KeyId: key.KeyId, ReplicaRegion: &region, BypassPolicyLockoutSafetyCheck: true})
		return err
	}
	refused(t, to("us-west-2"), "AccessDeniedException", "kms:ReplicateKey")
	if err := to(elsewhere); err != nil {
		t.Fatal(err)
	}
	use := func(c *kms.Client) error {
		_, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("x")})
		return err
	}
	refused(t, use(bob), "AccessDeniedException", "kms:Encrypt")
	if err := use(there); err != nil {
		t.Error(err)
	}
	replicate(t, here, key.KeyId, "us-west-2")
	_, err = bob.UpdatePrimaryRegion(t.Context(), &kms.UpdatePrimaryRegionInput{KeyId: key.KeyId, PrimaryRegion: aws.String("us-west-2")})
	refused(t, err, "AccessDeniedException", "kms:UpdatePrimaryRegion")
	if _, err := bob.UpdatePrimaryRegion(t.Context(), &kms.UpdatePrimaryRegionInput{KeyId: key.KeyId, PrimaryRegion: aws.String(elsewhere)}); err != nil {
		t.Error(err)
	}
	refused(t, use(there), "AccessDeniedException", "kms:Encrypt") // which is the primary now

	// A stranger's ciphertexts of a multi-Region key that there is, and of one that there is not, are answered alike in every Region.
	blob := encrypt(t, here, key.KeyId)
	madeUp := bytes.Replace(blob, []byte(*key.KeyId), []byte("mrk-"+strings.Repeat("0", 32)), 1)
	for _, region := range []string{"us-east-1", elsewhere, "ap-south-1"} {
		stranger := kms.NewFromConfig(e.ConfigWith("111111111111", "test", "", region))
		_, one := stranger.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob})
		_, other := stranger.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: madeUp})
		refused(t, one, "AccessDeniedException", "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.")
		refused(t, other, "AccessDeniedException", "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.")
	}
}
