package iam

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"rsc.io/qr"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/store"
)

const seedSize = 40 // as AWS's, of which the base32 form has 64 characters

func (s *Service) mfaOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateVirtualMFADevice", s.createVirtualMFADevice),
		api.Op("DeleteVirtualMFADevice", s.deleteVirtualMFADevice),
		api.Op("ListVirtualMFADevices", s.listVirtualMFADevices),
		api.Op("EnableMFADevice", s.enableMFADevice),
		api.Op("DeactivateMFADevice", s.deactivateMFADevice),
		api.Op("ResyncMFADevice", s.resyncMFADevice),
		api.Op("ListMFADevices", s.listMFADevices),
		api.Op("GetMFADevice", s.getMFADevice),
	}
}

// findMFADevice returns the virtual device of that serial number once the caller may do with it
// what request says.
func (s *Service) findMFADevice(r store.Reader, c api.Caller, serial string, request authz.Request) (*identity.MFADevice, error) {
	d, ok, err := identity.LoadMFADevice(r, c.Account, serial)
	if err != nil {
		return nil, err
	}
	ok = ok && d.Serial == ""
	request.Resource = serial
	if ok {
		request.ResourceTags = d.Tags
	}
	if err := s.authz.Authorize(r, c, request); err != nil {
		return nil, err
	}
	if !ok {
		return nil, noMFADevice(serial)
	}
	return d, nil
}

func noMFADevice(serial string) error {
	return api.Errorf("NoSuchEntity", "MFA Device with serial number %s does not exist.", serial)
}

func saveMFADevice(tx store.Tx, d *identity.MFADevice) error {
	return saveTagged(tx, d.Key(), d, d.ARN(), d.Tags)
}

// findUserMFA returns a user and one of its devices.
func (s *Service) findUserMFA(r store.Reader, c api.Caller, userName, serial, action string) (*identity.User, *identity.MFADevice, error) {
	u, err := s.findUser(r, c, userName, authz.Request{Action: action})
	if err != nil {
		return nil, nil, err
	}
	d, ok, err := identity.LoadMFADevice(r, c.Account, serial)
	switch {
	case err != nil:
		return nil, nil, err
	case !ok:
		return nil, nil, noMFADevice(serial)
	case d.UserID != u.ID:
		return nil, nil, api.Errorf("NoSuchEntity", "MFA Device invalid for user.")
	}
	return u, d, nil
}

// findNewMFA returns a user and a device that may become its own.
func (s *Service) findNewMFA(r store.Reader, c api.Caller, userName, serial string) (*identity.User, *identity.MFADevice, error) {
	d, ok, err := identity.LoadMFADevice(r, c.Account, serial)
	if err != nil {
		return nil, nil, err
	}
	request := authz.Request{Action: "iam:EnableMFADevice"}
	if ok && d.FIDO != nil { // which is challenged, and then proves itself
		request.Context = map[string][]string{registerKey: {"Create"}}
		if _, err := s.findUser(r, c, userName, request); err != nil {
			return nil, nil, err
		}
		request.Context = securityKeyContext(d)
	}
	u, err := s.findUser(r, c, userName, request)
	switch {
	case err != nil:
		return nil, nil, err
	case !ok, d.FIDO != nil && d.FIDO.Owner != u.ID:
		return nil, nil, noMFADevice(serial)
	case d.UserID != "":
		return nil, nil, api.Errorf("EntityAlreadyExists", "MFA Device is already in use.")
	}
	if err := s.checkSettled(u); err != nil {
		return nil, nil, err
	}
	return u, d, s.within(mfaDevicesPerUser, len(u.MFADevices)+1)
}

// The condition keys of a FIDO security key that is being enabled.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#available-keys-for-iam
const registerKey = "iam:RegisterSecurityKey"

var certificationKeys = map[string]string{
	"FIDO": "iam:FIDO-certification", "FIPS-140-2": "iam:FIDO-FIPS-140-2-certification", "FIPS-140-3": "iam:FIDO-FIPS-140-3-certification",
}

func securityKeyContext(d *identity.MFADevice) map[string][]string {
	conditions := map[string][]string{registerKey: {"Activate"}}
	for name, level := range d.FIDO.Certifications {
		conditions[certificationKeys[name]] = []string{level}
	}
	return conditions
}

// saveUserMFA saves what findUserMFA or findNewMFA found.
func saveUserMFA(tx store.Tx, u *identity.User, d *identity.MFADevice) error {
	if err := saveMFADevice(tx, d); err != nil {
		return err
	}
	return store.Save(tx, identity.UserKey(u.Account, u.Name), u)
}

// synchronizeMFA takes two codes that follow one another, the proof that the device which find finds has the seed, and then does
// with it what remains. Wrong codes are counted.
func (s *Service) synchronizeMFA(ctx context.Context, serial, first, second string,
	find func(store.Reader) (*identity.User, *identity.MFADevice, error), proven func(*identity.User, *identity.MFADevice)) error {
	var u *identity.User
	var d *identity.MFADevice
	var seed []byte // sealed
	var wrong error // which is to be stored
	now := s.clock.Now()
	err := store.Make(ctx, s.store, func(r store.Reader) (err error) {
		if u, d, err = find(r); err != nil {
			return err
		}
		if paused, ok := errors.AsType[*identity.MFAPausedError](d.Paused(now)); ok {
			return api.Errorf("InvalidAuthenticationCode", "Too many authentication codes for device are not valid. No code is taken before %s.", paused.Until.UTC().Format(time.RFC3339))
		}
		return nil
	}, func() (identity.CodePair, error) {
		seed = d.Seed
		opened, err := s.keyring.Open(seed, serial)
		if err != nil {
			return identity.CodePair{}, fmt.Errorf("%s: %w", serial, err)
		}
		return identity.FindCodes(opened, first, second, now), nil
	}, func(tx store.Tx, codes identity.CodePair) error {
		if !bytes.Equal(seed, d.Seed) { // it is another device meanwhile
			codes = identity.CodePair{}
		}
		if wrong = d.Synchronize(codes, now); wrong == nil {
			proven(u, d)
		}
		return saveUserMFA(tx, u, d)
	})
	if err == nil && wrong != nil {
		err = api.Errorf("InvalidAuthenticationCode", "Authentication code for device is not valid.")
	}
	return err
}

// createVirtualMFADevice is the only one to show the seed.
//
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateVirtualMFADevice.html
func (s *Service) createVirtualMFADevice(ctx context.Context, c api.Caller, in *iam.CreateVirtualMFADeviceInput) (*iam.CreateVirtualMFADeviceOutput, error) {
	tags, tagsErr := newTags(in.Tags, caseSensitive)
	d := &identity.MFADevice{
		Account: c.Account, Partition: c.Partition, Name: *in.VirtualMFADeviceName, Path: pathOf(in.Path), Created: s.now(), Tags: tags,
	}
	serial := d.SerialNumber()
	out := &types.VirtualMFADevice{SerialNumber: &serial, Tags: in.Tags}
	err := store.Make(ctx, s.store, func(r store.Reader) error {
		request := authz.Request{Action: "iam:CreateVirtualMFADevice", Resource: serial, RequestTags: tags, TagAction: "iam:TagMFADevice"}
		if err := s.authz.Authorize(r, c, request); err != nil {
			return err
		}
		switch {
		case tagsErr != nil:
			return tagsErr
		case len(serial) > 256: // no operation could name it
			return api.Errorf("InvalidInput", "The serial number %s is longer than 256 characters.", serial)
		case r.Get(identity.MFADeviceKey(c.Account, d.Path, d.Name)) != nil:
			return api.Errorf("EntityAlreadyExists", "MFA device already exists.")
		}
		return s.room(r, countedMFADevices, c.Account)
	}, func() ([]byte, error) {
		seed := make([]byte, seedSize)
		rand.Read(seed)
		text := base32.StdEncoding.EncodeToString(seed)
		code, err := qr.Encode(fmt.Sprintf("otpauth://totp/%s@%s?secret=%s", url.PathEscape(d.Name), c.Account, text), qr.M)
		if err != nil {
			return nil, fmt.Errorf("QR code: %w", err)
		}
		out.Base32StringSeed, out.QRCodePNG = []byte(text), code.PNG()
		return s.keyring.Seal(seed, serial), nil
	}, func(tx store.Tx, seed []byte) error {
		d.Seed = seed
		if err := countedMFADevices.add(tx, c.Account, 1); err != nil {
			return err
		}
		return saveMFADevice(tx, d)
	})
	return &iam.CreateVirtualMFADeviceOutput{VirtualMFADevice: out}, err
}

func (s *Service) deleteVirtualMFADevice(ctx context.Context, c api.Caller, in *iam.DeleteVirtualMFADeviceInput) (*iam.DeleteVirtualMFADeviceOutput, error) {
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		d, err := s.findMFADevice(tx, c, *in.SerialNumber, authz.Request{Action: "iam:DeleteVirtualMFADevice"})
		if err != nil {
			return err
		}
		if d.UserID != "" {
			return api.Errorf("DeleteConflict", "MFA VirtualDevice in use. Must deactivate first.")
		}
		if err := countedMFADevices.add(tx, c.Account, -1); err != nil {
			return err
		}
		return deleteTagged(tx, identity.MFADeviceKey(c.Account, d.Path, d.Name), d.SerialNumber())
	})
}

func (s *Service) listVirtualMFADevices(ctx context.Context, c api.Caller, in *iam.ListVirtualMFADevicesInput) (*iam.ListVirtualMFADevicesOutput, error) {
	page, err := newPage(api.ListOf(c, in))
	if err != nil {
		return nil, err
	}
	out := &iam.ListVirtualMFADevicesOutput{VirtualMFADevices: []types.VirtualMFADevice{}} // AWS sends empty lists
	err = s.store.View(ctx, func(r store.Reader) error {
		request := authz.Request{Action: "iam:ListVirtualMFADevices", Resource: identity.ARN(c.Partition, "iam", c.Account, "mfa/")}
		if err := s.authz.Authorize(r, c, request); err != nil {
			return err
		}
		root := identity.MFADevicesPrefix(c.Account)
		for key := range r.Scan(root, page.startBelow(root)) {
			d, _, err := store.Load[identity.MFADevice](r, key)
			if err != nil {
				return err
			}
			position := string(key[len(root):])
			switch assigned := d.UserID != ""; {
			case in.AssignmentStatus == types.AssignmentStatusTypeAssigned && !assigned,
				in.AssignmentStatus == types.AssignmentStatusTypeUnassigned && assigned:
				if page.skip(position) {
					continue
				}
				return nil
			}
			if !page.take(position) {
				return nil
			}
			w, err := wireVirtualMFADevice(r, &d)
			if err != nil {
				return err
			}
			out.VirtualMFADevices = append(out.VirtualMFADevices, w)
		}
		return nil
	})
	out.Marker = page.next()
	out.IsTruncated = out.Marker != nil
	return out, err
}

// wireVirtualMFADevice leaves out the seed and the tags, as AWS does in lists.
func wireVirtualMFADevice(r store.Reader, d *identity.MFADevice) (types.VirtualMFADevice, error) {
	w := types.VirtualMFADevice{SerialNumber: aws.String(d.SerialNumber())}
	if d.UserID == "" {
		return w, nil
	}
	u, err := userByID(r, d.Account, d.UserID)
	if err != nil {
		return w, fmt.Errorf("%s: %w", d.SerialNumber(), err)
	}
	w.User, w.EnableDate = wireUserWhole(u), &d.Enabled
	return w, nil
}

// userByID returns the user of that unique ID, whom another record refers to.
func userByID(r store.Reader, account, id string) (*identity.User, error) {
	arn, ok, err := store.Load[string](r, identity.UniqueIDKey(id))
	if err != nil {
		return nil, err
	}
	u := new(identity.User)
	if ok {
		u, ok, err = identity.LoadUser(r, account, arn[strings.LastIndexByte(arn, '/')+1:])
	}
	if err == nil && !ok {
		err = fmt.Errorf("user %s does not exist", id)
	}
	return u, err
}

// enableMFADevice (https://docs.aws.amazon.com/IAM/latest/APIReference/API_EnableMFADevice.html).
func (s *Service) enableMFADevice(ctx context.Context, c api.Caller, in *iam.EnableMFADeviceInput) (*iam.EnableMFADeviceOutput, error) {
	return nil, s.synchronizeMFA(ctx, *in.SerialNumber, *in.AuthenticationCode1, *in.AuthenticationCode2, func(r store.Reader) (*identity.User, *identity.MFADevice, error) {
		return s.findNewMFA(r, c, *in.UserName, *in.SerialNumber)
	}, func(u *identity.User, d *identity.MFADevice) {
		d.UserID, d.Enabled = u.ID, s.now()
		u.MFADevices = append(u.MFADevices, *in.SerialNumber)
	})
}

func (s *Service) resyncMFADevice(ctx context.Context, c api.Caller, in *iam.ResyncMFADeviceInput) (*iam.ResyncMFADeviceOutput, error) {
	return nil, s.synchronizeMFA(ctx, *in.SerialNumber, *in.AuthenticationCode1, *in.AuthenticationCode2, func(r store.Reader) (*identity.User, *identity.MFADevice, error) {
		return s.findUserMFA(r, c, *in.UserName, *in.SerialNumber, "iam:ResyncMFADevice")
	}, func(*identity.User, *identity.MFADevice) {})
}

// deactivateMFADevice of the root user finds none: no device can be registered with it here.
func (s *Service) deactivateMFADevice(ctx context.Context, c api.Caller, in *iam.DeactivateMFADeviceInput) (*iam.DeactivateMFADeviceOutput, error) {
	if in.UserName == nil && c.Kind == identity.Root {
		if err := s.authorizeRoot(ctx, c, "iam:DeactivateMFADevice"); err != nil {
			return nil, err
		}
		return nil, noMFADevice(*in.SerialNumber)
	}
	name, err := userName(c, in.UserName)
	if err != nil {
		return nil, err
	}
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		u, d, err := s.findUserMFA(tx, c, name, *in.SerialNumber, "iam:DeactivateMFADevice")
		if err != nil {
			return err
		}
		serial := d.SerialNumber()
		u.MFADevices = slices.DeleteFunc(u.MFADevices, func(other string) bool { return other == serial })
		d.UserID, d.Enabled = "", time.Time{}
		if err := saveUserMFA(tx, u, d); err != nil {
			return err
		}
		if d.FIDO != nil { // which would have to be registered anew
			return tx.Delete(d.Key())
		}
		return nil
	})
}

func (s *Service) listMFADevices(ctx context.Context, c api.Caller, in *iam.ListMFADevicesInput) (*iam.ListMFADevicesOutput, error) {
	out := &iam.ListMFADevicesOutput{}
	if in.UserName == nil && c.Kind == identity.Root { // no device can be registered with it here
		err := s.authorizeRoot(ctx, c, "iam:ListMFADevices")
		if err == nil {
			out.MFADevices, _, err = pageOf([]types.MFADevice{}, api.ListOf(c, in))
		}
		return out, err
	}
	name, err := userName(c, in.UserName)
	if err != nil {
		return nil, err
	}
	err = s.store.View(ctx, func(r store.Reader) error {
		u, err := s.findUser(r, c, name, authz.Request{Action: "iam:ListMFADevices"})
		if err != nil {
			return err
		}
		devices := []types.MFADevice{}
		for _, serial := range u.MFADevices {
			d, _, err := identity.LoadMFADevice(r, c.Account, serial)
			if err != nil {
				return err
			}
			devices = append(devices, types.MFADevice{SerialNumber: &serial, UserName: &u.Name, EnableDate: &d.Enabled})
		}
		out.MFADevices, out.Marker, err = pageOf(devices, api.ListOf(c, in))
		out.IsTruncated = out.Marker != nil
		return err
	})
	return out, err
}

// getMFADevice tells of FIDO security keys only.
//
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetMFADevice.html
func (s *Service) getMFADevice(ctx context.Context, c api.Caller, in *iam.GetMFADeviceInput) (*iam.GetMFADeviceOutput, error) {
	if in.UserName == nil && c.Kind == identity.Root { // no device can be registered with it here
		if err := s.authorizeRoot(ctx, c, "iam:GetMFADevice"); err != nil {
			return nil, err
		}
		return nil, noMFADevice(*in.SerialNumber)
	}
	name, err := userName(c, in.UserName)
	if err != nil {
		return nil, err
	}
	out := &iam.GetMFADeviceOutput{SerialNumber: in.SerialNumber, UserName: &name}
	err = s.store.View(ctx, func(r store.Reader) error {
		_, d, err := s.findUserMFA(r, c, name, *in.SerialNumber, "iam:GetMFADevice")
		if err != nil {
			return err
		}
		if d.FIDO == nil {
			return api.Errorf("ValidationError", "%s is not the ARN of a FIDO security key.", *in.SerialNumber)
		}
		out.EnableDate, out.Certifications = &d.Enabled, d.FIDO.Certifications
		return nil
	})
	return out, err
}
