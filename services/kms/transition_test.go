package kms_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"emulator/emulatortest"
	"emulator/server"
)

// transition is far longer than a test takes, and as nothing to the emulated clock.
const transition = 10 * time.Minute

func startSlow(t *testing.T) (*emulatortest.Emulator, *kms.Client) {
	t.Helper()
	e := emulatortest.Start(t, server.Config{Transition: transition})
	return e, kms.NewFromConfig(e.Config())
}

func wantState(t *testing.T, c *kms.Client, id *string, want types.KeyState) {
	t.Helper()
	if m := describe(t, c, id); m.KeyState != want || m.Enabled != (want == types.KeyStateEnabled) {
		t.Errorf("state %s, enabled %t, want %s", m.KeyState, m.Enabled, want)
	}
}

// https://docs.aws.amazon.com/kms/latest/APIReference/API_ReplicateKey.html: "When this operation completes, the new replica key
// has a transient key state of Creating … you can manage key, but you cannot yet use it in cryptographic operations."
// https://docs.aws.amazon.com/kms/latest/APIReference/API_UpdatePrimaryRegion.html: "While the key state is Updating, you can use
// the keys in cryptographic operations, but you cannot replicate the new primary key or perform certain management operations".
func TestTransitionsOfMultiRegionKeys(t *testing.T) {
	e, here := startSlow(t)
	there := inRegion(e, elsewhere)
	key := createMultiRegion(t, here, kms.CreateKeyInput{})
	replica := replicate(t, here, key.KeyId, elsewhere)
	if replica.KeyState != types.KeyStateCreating || replica.Enabled {
		t.Errorf("replicated %+v", replica)
	}
	wantState(t, there, key.KeyId, types.KeyStateCreating)
	wantState(t, here, key.KeyId, types.KeyStateEnabled)
	_, err := there.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("hello")})
	refused(t, err, "KMSInvalidStateException", *replica.Arn+" is creating.")
	_, err = here.UpdatePrimaryRegion(t.Context(), &kms.UpdatePrimaryRegionInput{KeyId: key.KeyId, PrimaryRegion: aws.String(elsewhere)})
	refused(t, err, "KMSInvalidStateException", *replica.Arn+" is creating.")
	e.Clock.Advance(transition)
	wantState(t, there, key.KeyId, types.KeyStateEnabled)

	must[*kms.UpdatePrimaryRegionOutput](t)(here.UpdatePrimaryRegion(t.Context(), &kms.UpdatePrimaryRegionInput{KeyId: key.KeyId, PrimaryRegion: aws.String(elsewhere)}))
	for _, c := range []*kms.Client{here, there} {
		wantState(t, c, key.KeyId, types.KeyStateUpdating)
		encrypt(t, c, key.KeyId)
		_, err := c.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: key.KeyId})
		refused(t, err, "KMSInvalidStateException", " is updating.")
	}
	_, err = there.ReplicateKey(t.Context(), &kms.ReplicateKeyInput{KeyId: key.KeyId, ReplicaRegion: aws.String("us-west-2")})
	refused(t, err, "KMSInvalidStateException", *replica.Arn+" is updating.")
	e.Clock.Freeze(e.Clock.Now()) // whereupon nobody waits for ever
	for _, c := range []*kms.Client{here, there} {
		wantState(t, c, key.KeyId, types.KeyStateEnabled)
	}
}

func TestTransitionsOfKeyStores(t *testing.T) {
	e, c := startSlow(t)
	id := must[*kms.CreateCustomKeyStoreOutput](t)(c.CreateCustomKeyStore(t.Context(), &kms.CreateCustomKeyStoreInput{
		CustomKeyStoreName: aws.String("hsm"), CloudHsmClusterId: aws.String("cluster-abcdefghijk"), KeyStorePassword: aws.String("password"), TrustAnchorCertificate: aws.String(certificate(t)),
	})).CustomKeyStoreId
	is := func(want types.ConnectionStateType) {
		t.Helper()
		out := must[*kms.DescribeCustomKeyStoresOutput](t)(c.DescribeCustomKeyStores(t.Context(), &kms.DescribeCustomKeyStoresInput{CustomKeyStoreId: id}))
		if got := out.CustomKeyStores[0].ConnectionState; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	connect := func() error {
		_, err := c.ConnectCustomKeyStore(t.Context(), &kms.ConnectCustomKeyStoreInput{CustomKeyStoreId: id})
		return err
	}
	disconnect := func() error {
		_, err := c.DisconnectCustomKeyStore(t.Context(), &kms.DisconnectCustomKeyStoreInput{CustomKeyStoreId: id})
		return err
	}
	create := func() (*kms.CreateKeyOutput, error) {
		return c.CreateKey(t.Context(), &kms.CreateKeyInput{Origin: types.OriginTypeAwsCloudhsm, CustomKeyStoreId: id})
	}
	is(types.ConnectionStateTypeDisconnected)
	for range 2 { // the second changes nothing
		if err := connect(); err != nil {
			t.Fatal(err)
		}
	}
	is(types.ConnectionStateTypeConnecting)
	_, err := create()
	refused(t, err, "CustomKeyStoreInvalidStateException", "not connected")
	e.Clock.Advance(transition)
	is(types.ConnectionStateTypeConnected)
	key := must[*kms.CreateKeyOutput](t)(create()).KeyMetadata

	if err := disconnect(); err != nil {
		t.Fatal(err)
	}
	is(types.ConnectionStateTypeDisconnecting)
	wantState(t, c, key.KeyId, types.KeyStateUnavailable)
	refused(t, connect(), "CustomKeyStoreInvalidStateException", "not disconnected")
	refused(t, disconnect(), "CustomKeyStoreInvalidStateException", "not connected")
	_, err = c.DeleteCustomKeyStore(t.Context(), &kms.DeleteCustomKeyStoreInput{CustomKeyStoreId: id})
	refused(t, err, "CustomKeyStoreHasCMKsException", "")
	e.Clock.Freeze(e.Clock.Now())
	is(types.ConnectionStateTypeDisconnected)
	wantState(t, c, key.KeyId, types.KeyStateUnavailable)
}

// https://docs.aws.amazon.com/kms/latest/APIReference/API_GetKeyRotationStatus.html: OnDemandRotationStartDate "Identifies the date and
// time that an in progress on-demand rotation was initiated".
func TestTransitionsOfRotation(t *testing.T) {
	e, c := startSlow(t)
	key := createKey(t, c, "", "")
	status := func() *kms.GetKeyRotationStatusOutput {
		t.Helper()
		return must[*kms.GetKeyRotationStatusOutput](t)(c.GetKeyRotationStatus(t.Context(), &kms.GetKeyRotationStatusInput{KeyId: key.KeyId}))
	}
	rotate := func() error {
		_, err := c.RotateKeyOnDemand(t.Context(), &kms.RotateKeyOnDemandInput{KeyId: key.KeyId})
		return err
	}
	if err := rotate(); err != nil {
		t.Fatal(err)
	}
	begun := status().OnDemandRotationStartDate
	if begun == nil || *current(t, c, key.KeyId) != *key.CurrentKeyMaterialId {
		t.Fatalf("under way since %v", begun)
	}
	refused(t, rotate(), "ConflictException", "in progress")
	if shown, _ := rotations(t, c, key.KeyId, ""); len(shown) != 0 {
		t.Errorf("under way: %q", shown)
	}
	decrypts(t, c, encrypt(t, c, key.KeyId), key.CurrentKeyMaterialId)
	must[*kms.DisableKeyOutput](t)(c.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: key.KeyId})) // which does not stop it

	e.Clock.Advance(time.Hour)
	if s := status(); s.OnDemandRotationStartDate != nil {
		t.Errorf("under way since %v", s.OnDemandRotationStartDate)
	}
	shown, entries := rotations(t, c, key.KeyId, "")
	if len(shown) != 1 || shown[0] != "CURRENT ON_DEMAND" || !entries[0].RotationDate.Equal(begun.Add(transition)) || *current(t, c, key.KeyId) != *entries[0].KeyMaterialId {
		t.Errorf("ended: %q, %+v", shown, entries)
	}
}
