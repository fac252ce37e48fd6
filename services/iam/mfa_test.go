package iam_test

import (
	"bytes"
	"context"
	"encoding/base32"
	"image/png"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"emulator/emulatortest"
	"emulator/identity"
)

// device is a virtual MFA device as an app holds it.
type device struct {
	serial *string
	seed   []byte
}

func makeDevice(t *testing.T, client *iam.Client, name string) device {
	t.Helper()
	out := must(client.CreateVirtualMFADevice(t.Context(), &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: &name, Path: aws.String("/d/")}))(t)
	seed, err := base32.StdEncoding.DecodeString(string(out.VirtualMFADevice.Base32StringSeed))
	if err != nil || len(out.VirtualMFADevice.Base32StringSeed) != 64 {
		t.Fatalf("seed %q: %v", out.VirtualMFADevice.Base32StringSeed, err)
	}
	if _, err := png.Decode(bytes.NewReader(out.VirtualMFADevice.QRCodePNG)); err != nil {
		t.Errorf("QR code: %v", err)
	}
	return device{out.VirtualMFADevice.SerialNumber, seed}
}

// codes are the last one and the present one.
func (d device) codes(now time.Time) (first, second *string) {
	return aws.String(identity.TOTP(d.seed, now.Add(-30*time.Second))), aws.String(identity.TOTP(d.seed, now))
}

func TestMFADevice(t *testing.T) {
	ctx := context.Background()
	e := emulatortest.Start(t)
	client := iam.NewFromConfig(e.Config())
	alice, bob := aws.String("alice"), aws.String("bob")
	for _, name := range []*string{alice, bob} {
		must(client.CreateUser(ctx, &iam.CreateUserInput{UserName: name}))(t)
	}
	d, spare := makeDevice(t, client, "phone"), makeDevice(t, client, "Spare")
	if want := "arn:aws:iam::000000000000:mfa/d/phone"; *d.serial != want {
		t.Errorf("serial number %s, want %s", *d.serial, want)
	}
	enable := func(user *string, d device, first, second *string) error {
		_, err := client.EnableMFADevice(ctx, &iam.EnableMFADeviceInput{UserName: user, SerialNumber: d.serial, AuthenticationCode1: first, AuthenticationCode2: second})
		return err
	}
	deactivate := func(user *string, d device) error {
		_, err := client.DeactivateMFADevice(ctx, &iam.DeactivateMFADeviceInput{UserName: user, SerialNumber: d.serial})
		return err
	}
	first, second := d.codes(e.Clock.Now())
	wrong := "Authentication code for device is not valid."
	wantError(t, enable(alice, d, second, first), "InvalidAuthenticationCode", wrong)
	wantError(t, enable(alice, d, first, first), "InvalidAuthenticationCode", wrong)
	wantError(t, enable(aws.String("nobody"), d, first, second), "NoSuchEntity", "The user with name nobody cannot be found.")
	missing := device{serial: aws.String("arn:aws:iam::000000000000:mfa/phone")} // another path
	wantError(t, enable(alice, missing, first, second), "NoSuchEntity", "MFA Device with serial number "+*missing.serial+" does not exist.")
	wantError(t, deactivate(alice, d), "NoSuchEntity", "MFA Device invalid for user.")
	if err := enable(alice, d, first, second); err != nil {
		t.Fatal(err)
	}
	wantError(t, enable(bob, d, first, second), "EntityAlreadyExists", "MFA Device is already in use.")
	wantError(t, deactivate(bob, d), "NoSuchEntity", "MFA Device invalid for user.")

	resync := func(user *string, d device, first, second *string) error {
		_, err := client.ResyncMFADevice(ctx, &iam.ResyncMFADeviceInput{UserName: user, SerialNumber: d.serial, AuthenticationCode1: first, AuthenticationCode2: second})
		return err
	}
	wantError(t, resync(alice, d, first, second), "InvalidAuthenticationCode", wrong) // taken already
	e.Clock.Advance(time.Minute)
	first, second = d.codes(e.Clock.Now())
	if err := resync(alice, d, first, second); err != nil {
		t.Error(err)
	}

	list := must(client.ListMFADevices(ctx, &iam.ListMFADevicesInput{UserName: alice}))(t)
	if len(list.MFADevices) != 1 || *list.MFADevices[0].SerialNumber != *d.serial || *list.MFADevices[0].UserName != "alice" || list.MFADevices[0].EnableDate == nil {
		t.Errorf("devices of the user: %v", list.MFADevices)
	}
	serials := func(status types.AssignmentStatusType) (names []string) {
		t.Helper()
		for p := iam.NewListVirtualMFADevicesPaginator(client, &iam.ListVirtualMFADevicesInput{AssignmentStatus: status, MaxItems: aws.Int32(1)}); p.HasMorePages(); {
			for _, v := range must(p.NextPage(ctx))(t).VirtualMFADevices {
				name := (*v.SerialNumber)[strings.LastIndexByte(*v.SerialNumber, '/')+1:]
				if v.User != nil {
					name += " of " + *v.User.UserName
				}
				if v.Base32StringSeed != nil || v.QRCodePNG != nil {
					t.Error("a list shows the seed")
				}
				names = append(names, name)
			}
		}
		return names
	}
	for status, want := range map[types.AssignmentStatusType][]string{
		"": {"phone of alice", "Spare"}, types.AssignmentStatusTypeAny: {"phone of alice", "Spare"},
		types.AssignmentStatusTypeAssigned: {"phone of alice"}, types.AssignmentStatusTypeUnassigned: {"Spare"},
	} {
		if got := serials(status); !slices.Equal(got, want) {
			t.Errorf("status %q: got %v, want %v", status, got, want)
		}
	}

	// The user's name may change; the user may not go while a device is enabled.
	must(client.UpdateUser(ctx, &iam.UpdateUserInput{UserName: alice, NewUserName: aws.String("alicia")}))(t)
	alice = aws.String("alicia")
	if got := serials(types.AssignmentStatusTypeAssigned); !slices.Equal(got, []string{"phone of alicia"}) {
		t.Errorf("after renaming: %v", got)
	}
	_, err := client.DeleteUser(ctx, &iam.DeleteUserInput{UserName: alice})
	wantError(t, err, "DeleteConflict", "Cannot delete entity, must delete MFA device first.")
	_, err = client.DeleteVirtualMFADevice(ctx, &iam.DeleteVirtualMFADeviceInput{SerialNumber: d.serial})
	wantError(t, err, "DeleteConflict", "MFA VirtualDevice in use. Must deactivate first.")
	if err := deactivate(alice, d); err != nil {
		t.Fatal(err)
	}
	must(client.DeleteVirtualMFADevice(ctx, &iam.DeleteVirtualMFADeviceInput{SerialNumber: d.serial}))(t)
	must(client.DeleteUser(ctx, &iam.DeleteUserInput{UserName: alice}))(t)
	_, err = client.CreateVirtualMFADevice(ctx, &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: aws.String("spare"), Path: aws.String("/d/")})
	wantError(t, err, "EntityAlreadyExists", "MFA device already exists.")                                                   // [rec] localstack, test_iam_mfa.snapshot.json
	must(client.CreateVirtualMFADevice(ctx, &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: aws.String("spare")}))(t) // below another path
	if got := serials(types.AssignmentStatusTypeUnassigned); len(got) != 2 {
		t.Errorf("of one name below two paths: %v", got)
	}
	must(client.DeleteVirtualMFADevice(ctx, &iam.DeleteVirtualMFADeviceInput{SerialNumber: aws.String("arn:aws:iam::000000000000:mfa/spare")}))(t)

	tags := []types.Tag{{Key: aws.String("team"), Value: aws.String("red")}, {Key: aws.String("use"), Value: aws.String("test")}}
	must(client.TagMFADevice(ctx, &iam.TagMFADeviceInput{SerialNumber: spare.serial, Tags: tags}))(t)
	must(client.UntagMFADevice(ctx, &iam.UntagMFADeviceInput{SerialNumber: spare.serial, TagKeys: []string{"use"}}))(t)
	if got := must(client.ListMFADeviceTags(ctx, &iam.ListMFADeviceTagsInput{SerialNumber: spare.serial}))(t).Tags; len(got) != 1 || *got[0].Key != "team" {
		t.Errorf("tags %v", got)
	}
	_, err = client.ListMFADeviceTags(ctx, &iam.ListMFADeviceTagsInput{SerialNumber: d.serial})
	wantError(t, err, "NoSuchEntity", "MFA Device with serial number "+*d.serial+" does not exist.")
}

// TestMFADeviceQuota enables as many devices as one user may have.
func TestMFADeviceQuota(t *testing.T) {
	ctx := context.Background()
	e := emulatortest.Start(t)
	client := iam.NewFromConfig(e.Config())
	must(client.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("u")}))(t)
	for i := range 9 {
		d := makeDevice(t, client, string(rune('a'+i)))
		first, second := d.codes(e.Clock.Now())
		_, err := client.EnableMFADevice(ctx, &iam.EnableMFADeviceInput{UserName: aws.String("u"), SerialNumber: d.serial, AuthenticationCode1: first, AuthenticationCode2: second})
		if i < 8 && err != nil {
			t.Fatal(err)
		}
		if i == 8 {
			wantError(t, err, "LimitExceeded", "Cannot exceed quota for MFADevicesPerUser: 8")
		}
	}
}

// TestEnablingSlowsDown: nobody finds out a device's codes by enabling it.
func TestEnablingSlowsDown(t *testing.T) {
	ctx := context.Background()
	e := emulatortest.Start(t)
	e.Clock.Freeze(e.Clock.Now())
	client := iam.NewFromConfig(e.Config())
	must(client.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("u")}))(t)
	d := makeDevice(t, client, "phone")
	enable := func(first, second *string) error {
		_, err := client.EnableMFADevice(ctx, &iam.EnableMFADeviceInput{UserName: aws.String("u"), SerialNumber: d.serial, AuthenticationCode1: first, AuthenticationCode2: second})
		return err
	}
	first, second := d.codes(e.Clock.Now())
	for range 5 {
		wantError(t, enable(second, first), "InvalidAuthenticationCode", "Authentication code for device is not valid.")
	}
	until := e.Clock.Now().Add(30 * time.Second).UTC().Format(time.RFC3339)
	wantError(t, enable(first, second), "InvalidAuthenticationCode", "Too many authentication codes for device are not valid. No code is taken before "+until+".")
	e.Clock.Advance(30 * time.Second)
	if err := enable(d.codes(e.Clock.Now())); err != nil {
		t.Error(err)
	}
}
