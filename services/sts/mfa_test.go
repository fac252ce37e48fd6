package sts_test

import (
	"encoding/base32"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"emulator/identity"
)

// phone is a virtual MFA device that the user has enabled. Its codes are those of the emulated time.
type phone struct {
	world
	serial *string
	seed   []byte
}

func (w world) phone(account, user string) phone {
	w.t.Helper()
	client := iam.NewFromConfig(w.in(account))
	out, err := client.CreateVirtualMFADevice(w.t.Context(), &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: &user})
	if err != nil {
		w.t.Fatal(err)
	}
	seed, err := base32.StdEncoding.DecodeString(string(out.VirtualMFADevice.Base32StringSeed))
	if err != nil {
		w.t.Fatal(err)
	}
	p := phone{w, out.VirtualMFADevice.SerialNumber, seed}
	first := p.code()
	w.Clock.Advance(30 * time.Second)
	_, err = client.EnableMFADevice(w.t.Context(), &iam.EnableMFADeviceInput{UserName: &user, SerialNumber: p.serial, AuthenticationCode1: first, AuthenticationCode2: p.code()})
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (p phone) code() *string { return aws.String(identity.TOTP(p.seed, p.Clock.Now())) }

// next waits for a code that was not used yet.
func (p phone) next() *string {
	p.Clock.Advance(time.Minute)
	return p.code()
}

func TestMFA(t *testing.T) {
	w := newWorld(t)
	ann, arn := w.user(home, "ann", allow(`["sts:*","iam:Get*"]`))
	annCalls := sts.NewFromConfig(ann)
	w.user(home, "bob", "")
	bobs := w.phone(home, "bob")
	device := w.phone(home, "ann")
	const present = `{"Bool":{"aws:MultiFactorAuthPresent":"true"},"NumericLessThan":{"aws:MultiFactorAuthAge":"3600"}}`
	role := w.role(home, "guarded", trust(arn, all, present), allow(`"sts:AssumeRole"`))
	chained := w.role(home, "chained", trust(role, all, present), allow(`"sts:*"`))

	assume := func(client *sts.Client, role string, serial, code *string) (*types.Credentials, error) {
		out, err := client.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("session"), SerialNumber: serial, TokenCode: code})
		if err != nil {
			return nil, err
		}
		return out.Credentials, nil
	}
	refused := func(err error, resource string) {
		t.Helper()
		expect(t, err, "AccessDenied", notAuthorized(arn, "sts:AssumeRole", resource))
	}
	const wrongCode = "MultiFactorAuthentication failed with invalid MFA one time pass code. "
	const wrongDevice = "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user."

	_, err := assume(annCalls, role, nil, nil)
	refused(err, role)
	_, err = assume(annCalls, role, device.serial, device.code())
	expect(t, err, "AccessDenied", wrongCode) // it enabled the device
	_, err = assume(annCalls, role, bobs.serial, bobs.next())
	expect(t, err, "AccessDenied", wrongDevice)
	code := device.next()
	credentials, err := assume(annCalls, role, device.serial, code)
	if err != nil {
		t.Fatal(err)
	}
	_, err = assume(annCalls, role, device.serial, code)
	expect(t, err, "AccessDenied", wrongCode)
	// The second factor stays with the session of the role.
	if _, err := assume(w.as(credentials), chained, nil, nil); err != nil {
		t.Error(err)
	}
	w.Clock.Advance(59 * time.Minute)
	if _, err := assume(w.as(credentials), chained, nil, nil); err != nil {
		t.Error(err)
	}

	session := func(serial, code *string) (*types.Credentials, error) {
		out, err := annCalls.GetSessionToken(t.Context(), &sts.GetSessionTokenInput{SerialNumber: serial, TokenCode: code})
		if err != nil {
			return nil, err
		}
		return out.Credentials, nil
	}
	getUser := func(c *types.Credentials) error {
		_, err := iam.NewFromConfig(w.ConfigWith(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken, "us-east-1")).GetUser(t.Context(), nil)
		return err
	}
	plain, err := session(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = assume(w.as(plain), role, nil, nil)
	refused(err, role)
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_sts-comparison.html
	expect(t, getUser(plain), "InvalidClientTokenId", "The security token included in the request is invalid.")
	_, err = session(device.serial, aws.String("000000"))
	expect(t, err, "AccessDenied", wrongCode)
	proven, err := session(device.serial, device.next())
	if err != nil {
		t.Fatal(err)
	}
	if err := getUser(proven); err != nil {
		t.Error(err)
	}
	if _, err := assume(w.as(proven), role, nil, nil); err != nil {
		t.Error(err)
	}
	// A session of GetSessionToken may itself prove a second factor for a role.
	if _, err := assume(w.as(plain), role, device.serial, device.next()); err != nil {
		t.Error(err)
	}
	w.Clock.Advance(time.Hour)
	_, err = assume(w.as(proven), role, nil, nil)
	refused(err, role) // too long ago

	federated, err := annCalls.GetFederationToken(t.Context(), &sts.GetFederationTokenInput{Name: aws.String("fred"), Policy: aws.String(allow(`"iam:*"`))})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, getUser(federated.Credentials), "InvalidClientTokenId", "The security token included in the request is invalid.")
}

// TestWrongCodes: whoever guesses codes, be it many at once and wherever codes are taken, is slowed down after five. The right
// code is refused then, and good when the time has passed.
func TestWrongCodes(t *testing.T) {
	w := newWorld(t)
	ann, arn := w.user(home, "ann", allow(`"sts:*"`))
	client, people := sts.NewFromConfig(ann), iam.NewFromConfig(w.in(home))
	device := w.phone(home, "ann")
	role := w.role(home, "app", trust(arn, all, ""), "")
	w.Clock.Freeze(w.Clock.Now())
	w.Clock.Advance(time.Minute)
	session := func(code *string) error {
		_, err := client.GetSessionToken(t.Context(), &sts.GetSessionTokenInput{SerialNumber: device.serial, TokenCode: code})
		return err
	}
	ways := map[string]func(code *string) error{
		"GetSessionToken": session,
		"AssumeRole": func(code *string) error {
			_, err := client.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("session"), SerialNumber: device.serial, TokenCode: code})
			return err
		},
		"ResyncMFADevice": func(code *string) error {
			_, err := people.ResyncMFADevice(t.Context(), &iam.ResyncMFADeviceInput{UserName: aws.String("ann"), SerialNumber: device.serial, AuthenticationCode1: code, AuthenticationCode2: code})
			return err
		},
	}
	wrong := aws.String("000000")
	if *device.code() == *wrong {
		w.Clock.Advance(30 * time.Second)
	}
	var guessed atomic.Int32
	var wg sync.WaitGroup
	for range 10 {
		for name, way := range ways {
			wg.Go(func() {
				err := way(wrong)
				if err == nil {
					t.Errorf("%s took %s", name, *wrong)
				} else if !strings.Contains(err.Error(), "No code is taken before ") {
					guessed.Add(1)
				}
			})
		}
	}
	wg.Wait()
	if n := guessed.Load(); n != 5 {
		t.Errorf("%d guesses were looked at, want 5", n)
	}
	until := w.Clock.Now().Add(30 * time.Second).UTC().Format(time.RFC3339)
	expect(t, session(device.code()), "AccessDenied", "MultiFactorAuthentication failed, too many invalid MFA one time pass codes in a row. No code is taken before "+until+".")
	for name, way := range ways {
		if err := way(device.code()); err == nil || !strings.Contains(err.Error(), "No code is taken before "+until) {
			t.Errorf("%s while it is slowed down: %v", name, err)
		}
	}
	w.Clock.Advance(30 * time.Second)
	if err := session(device.code()); err != nil {
		t.Errorf("the right code in time: %v", err)
	}
	expect(t, session(wrong), "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code. ")
}
