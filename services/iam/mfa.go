package iam

import (
	"context"
	"crypto/rand"
	"encoding/base32"
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

// Quotas: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
const (
	mfaDevicesPerUser = 8
	seedSize          = 40 // as AWS's, of which the base32 form has 64 characters
)

func (s *Service) mfaOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateVirtualMFADevice", s.createVirtualMFADevice),
		api.Op("DeleteVirtualMFADevice", s.deleteVirtualMFADevice),
		api.Op("ListVirtualMFADevices", s.listVirtualMFADevices),
		api.Op("EnableMFADevice", s.enableMFADevice),
		api.Op("DeactivateMFADevice", s.deactivateMFADevice),
		api.Op("ResyncMFADevice", s.resyncMFADevice),
		api.Op("ListMFADevices", s.listMFADevices),
	}
}

// findMFADevice returns the device of that serial number once the caller may do with it
// what request says.
func (s *Service) findMFADevice(r store.Reader, c api.Caller, serial string, request authz.Request) (*identity.MFADevice, error) {
	d, ok, err := identity.LoadMFADevice(r, c.Account, serial)
	if err != nil {
		return nil, err
	}
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
	return api.Errorf("NoSuchEntity", "VirtualMFADevice with serial number %s doesn't exist.", serial)
}

func saveMFADevice(tx store.Tx, d *identity.MFADevice) error {
	return store.Save(tx, identity.MFADeviceKey(d.Account, d.Name), d)
}

// changeUserMFA runs f on a user and one of its devices, or for EnableMFADevice one that
// may become it, and saves both.
func (s *Service) changeUserMFA(ctx context.Context, c api.Caller, userName, serial, action string, f func(*identity.User, *identity.MFADevice) error) error {
	return s.store.Update(ctx, func(tx store.Tx) error {
		u, err := s.findUser(tx, c, userName, authz.Request{Action: action})
		if err != nil {
			return err
		}
		d, ok, err := identity.LoadMFADevice(tx, c.Account, serial)
		if err != nil {
			return err
		}
		if !ok {
			return noMFADevice(serial)
		}
		if action != "iam:EnableMFADevice" && d.UserID != u.ID {
			return api.Errorf("NoSuchEntity", "MFA Device invalid for user.")
		}
		if err := f(u, d); err != nil {
			return err
		}
		if err := saveMFADevice(tx, d); err != nil {
			return err
		}
		return store.Save(tx, identity.UserKey(c.Account, u.Name), u)
	})
}

// createVirtualMFADevice is the only one to show the seed.
//
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateVirtualMFADevice.html
func (s *Service) createVirtualMFADevice(ctx context.Context, c api.Caller, in *iam.CreateVirtualMFADeviceInput) (*iam.CreateVirtualMFADeviceOutput, error) {
	tags, tagsErr := newTags(in.Tags)
	d := &identity.MFADevice{
		Account: c.Account, Partition: c.Partition, Name: *in.VirtualMFADeviceName, Path: pathOf(in.Path), Created: s.now(), Tags: tags,
	}
	serial := d.SerialNumber()
	seed := make([]byte, seedSize)
	rand.Read(seed)
	d.Seed = s.keyring.Seal(seed, serial)
	err := s.store.Update(ctx, func(tx store.Tx) error {
		request := authz.Request{Action: "iam:CreateVirtualMFADevice", Resource: serial, RequestTags: tags}
		if err := s.authz.Authorize(tx, c, request); err != nil {
			return err
		}
		switch {
		case tagsErr != nil:
			return tagsErr
		case len(serial) > 256: // no operation could name it
			return api.Errorf("InvalidInput", "The serial number %s is longer than 256 characters.", serial)
		case tx.Get(identity.MFADeviceKey(c.Account, d.Name)) != nil:
			return api.Errorf("EntityAlreadyExists", "MFADevice entity at the same path and name already exists.")
		}
		return saveMFADevice(tx, d)
	})
	if err != nil {
		return nil, err
	}
	text := base32.StdEncoding.EncodeToString(seed)
	code, err := qr.Encode(fmt.Sprintf("otpauth://totp/%s@%s?secret=%s", url.PathEscape(d.Name), c.Account, text), qr.M)
	if err != nil {
		return nil, fmt.Errorf("QR code: %w", err)
	}
	return &iam.CreateVirtualMFADeviceOutput{VirtualMFADevice: &types.VirtualMFADevice{
		SerialNumber: &serial, Base32StringSeed: []byte(text), QRCodePNG: code.PNG(), Tags: wireTags(tags),
	}}, nil
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
		return tx.Delete(identity.MFADeviceKey(c.Account, d.Name))
	})
}

func (s *Service) listVirtualMFADevices(ctx context.Context, c api.Caller, in *iam.ListVirtualMFADevicesInput) (*iam.ListVirtualMFADevicesOutput, error) {
	page, err := newPage(in.Marker, in.MaxItems)
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
	u, err := mfaUser(r, d)
	if err != nil {
		return w, err
	}
	w.User, w.EnableDate = wireUserWhole(u), &d.Enabled
	return w, nil
}

// mfaUser returns the user with whom a device is enabled.
func mfaUser(r store.Reader, d *identity.MFADevice) (*identity.User, error) {
	arn, ok, err := store.Load[string](r, identity.UniqueIDKey(d.UserID))
	if err != nil {
		return nil, err
	}
	u := new(identity.User)
	if ok {
		u, ok, err = identity.LoadUser(r, d.Account, arn[strings.LastIndexByte(arn, '/')+1:])
	}
	if err == nil && !ok {
		err = fmt.Errorf("%s is enabled with user %s, which does not exist", d.SerialNumber(), d.UserID)
	}
	return u, err
}

// enableMFADevice wants two codes that follow one another, the proof that the device has
// the seed.
//
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_EnableMFADevice.html
func (s *Service) enableMFADevice(ctx context.Context, c api.Caller, in *iam.EnableMFADeviceInput) (*iam.EnableMFADeviceOutput, error) {
	return nil, s.changeUserMFA(ctx, c, *in.UserName, *in.SerialNumber, "iam:EnableMFADevice", func(u *identity.User, d *identity.MFADevice) error {
		switch {
		case d.UserID != "":
			return api.Errorf("EntityAlreadyExists", "MFA Device is already in use.")
		case len(u.MFADevices) >= mfaDevicesPerUser:
			return api.Errorf("LimitExceeded", "Cannot exceed quota for MFADevicesPerUser: %d", mfaDevicesPerUser)
		}
		if err := s.synchronize(d, *in.AuthenticationCode1, *in.AuthenticationCode2); err != nil {
			return err
		}
		d.UserID, d.Enabled = u.ID, s.now()
		u.MFADevices = append(u.MFADevices, d.SerialNumber())
		return nil
	})
}

func (s *Service) resyncMFADevice(ctx context.Context, c api.Caller, in *iam.ResyncMFADeviceInput) (*iam.ResyncMFADeviceOutput, error) {
	return nil, s.changeUserMFA(ctx, c, *in.UserName, *in.SerialNumber, "iam:ResyncMFADevice", func(_ *identity.User, d *identity.MFADevice) error {
		return s.synchronize(d, *in.AuthenticationCode1, *in.AuthenticationCode2)
	})
}

func (s *Service) synchronize(d *identity.MFADevice, first, second string) error {
	seed, err := s.keyring.Open(d.Seed, d.SerialNumber())
	if err != nil {
		return fmt.Errorf("%s: %w", d.SerialNumber(), err)
	}
	if !d.Synchronize(seed, first, second, s.clock.Now()) {
		return api.Errorf("InvalidAuthenticationCode", "Authentication code for device is not valid.")
	}
	return nil
}

func (s *Service) deactivateMFADevice(ctx context.Context, c api.Caller, in *iam.DeactivateMFADeviceInput) (*iam.DeactivateMFADeviceOutput, error) {
	name, err := userName(c, in.UserName)
	if err != nil {
		return nil, err
	}
	return nil, s.changeUserMFA(ctx, c, name, *in.SerialNumber, "iam:DeactivateMFADevice", func(u *identity.User, d *identity.MFADevice) error {
		serial := d.SerialNumber()
		u.MFADevices = slices.DeleteFunc(u.MFADevices, func(other string) bool { return other == serial })
		d.UserID, d.Enabled = "", time.Time{}
		return nil
	})
}

func (s *Service) listMFADevices(ctx context.Context, c api.Caller, in *iam.ListMFADevicesInput) (*iam.ListMFADevicesOutput, error) {
	out := &iam.ListMFADevicesOutput{}
	if in.UserName == nil && c.Kind == identity.Root { // no device can be registered with it here
		out.MFADevices = []types.MFADevice{}
		return out, s.authorizeRoot(ctx, c, "iam:ListMFADevices")
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
		out.MFADevices, out.Marker, err = pageOf(devices, in.Marker, in.MaxItems)
		out.IsTruncated = out.Marker != nil
		return err
	})
	return out, err
}
