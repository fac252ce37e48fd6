package identity

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"emulator/store"
)

// MFADevice is the record of an MFA device: a virtual one, a hardware token or a FIDO security key. Its user's record names it, too.
type MFADevice struct {
	Account   string            `json:"account"`
	Partition string            `json:"partition"`
	Name      string            `json:"name"`
	Path      string            `json:"path"`
	Created   time.Time         `json:"created"`
	Tags      map[string]string `json:"tags,omitempty"`
	// Serial is the serial number of a device that is not virtual, and so has neither name nor path.
	Serial string `json:"serial,omitempty"`
	// FIDO is nil of all but FIDO security keys.
	FIDO *FIDOKey `json:"fido,omitempty"`
	// UserID is the unique ID of the user with whom the device is enabled, or "", and Enabled
	// since when.
	UserID  string    `json:"userId,omitempty"`
	Enabled time.Time `json:"enabled,omitzero"`
	// Seed is sealed, bound to the serial number.
	Seed []byte `json:"seed"`
	// Drift is how many steps the device's clock is ahead of ours, as of the last two codes
	// given together; Used is the step of the last code that was taken: none is taken twice.
	Drift int64 `json:"drift,omitempty"`
	Used  int64 `json:"used,omitempty"`
	// Wrong is how many wrong codes were given in a row, the last one at WrongAt.
	Wrong   int       `json:"wrong,omitempty"`
	WrongAt time.Time `json:"wrongAt,omitzero"`
}

// FIDOKey is what a FIDO security key has besides. It is registered for one user.
type FIDOKey struct {
	Owner string `json:"owner"` // the user's unique ID
	// Certifications are its levels, by AWS's names: FIDO, FIPS-140-2, FIPS-140-3.
	Certifications map[string]string `json:"certifications,omitempty"`
}

// ErrMFACode: a code is not the device's, or was taken before.
var (
	ErrMFACode = errors.New("wrong MFA code")
	errMFAUsed = fmt.Errorf("%w: it was used before", ErrMFACode)
)

// MFAPausedError: so many codes were wrong that none is looked at before Until.
type MFAPausedError struct{ Until time.Time }

func (e *MFAPausedError) Error() string {
	return "too many MFA codes were wrong: none is taken before " + e.Until.Format(time.RFC3339)
}

// SerialNumber returns the device's serial number. That of a virtual one is its ARN.
func (d *MFADevice) SerialNumber() string {
	if d.Serial != "" {
		return d.Serial
	}
	return ARN(d.Partition, "iam", d.Account, "mfa"+d.Path+d.Name)
}

// ARN returns the device's ARN, which hardware has none of.
func (d *MFADevice) ARN() string {
	if d.Serial != "" {
		return ""
	}
	return d.SerialNumber()
}

// Key is the key of the device's record.
func (d *MFADevice) Key() []byte {
	if d.Serial != "" {
		return store.Key("iam", d.Account, "mfa-serial", d.Serial)
	}
	return MFADeviceKey(d.Account, d.Path, d.Name)
}

// MFADeviceKey is the key of the MFADevice of a virtual device. Names are unique below a path.
func MFADeviceKey(account, path, name string) []byte {
	return store.Key("iam", account, "mfa", strings.TrimPrefix(path, "/")+strings.ToLower(name))
}

// MFADevicesPrefix is what the keys of an account's virtual MFADevices begin with, and OtherMFADevicesPrefix those of the others.
func MFADevicesPrefix(account string) []byte { return store.Key("iam", account, "mfa") }

// OtherMFADevicesPrefix is like MFADevicesPrefix.
func OtherMFADevicesPrefix(account string) []byte { return store.Key("iam", account, "mfa-serial") }

// LoadMFADevice returns the device of that serial number.
func LoadMFADevice(r store.Reader, account, serial string) (*MFADevice, bool, error) {
	if strings.IndexByte(serial, 0) >= 0 {
		return nil, false, nil
	}
	wanted := MFADevice{Account: account, Serial: serial}
	if _, name, ok := strings.Cut(serial, ":mfa/"); ok {
		i := strings.LastIndexByte(name, '/') + 1
		wanted = MFADevice{Account: account, Path: "/" + name[:i], Name: name[i:]}
	}
	d, ok, err := store.Load[MFADevice](r, wanted.Key())
	return &d, ok && d.SerialNumber() == serial, err
}

// A code is good for the step of 30 seconds it was made in, and for the one before and after.
const (
	totpStep   = 30
	totpWindow = 1
	// totpSearch is how far off a device's clock may be when it is enabled or
	// synchronized anew, with two codes: a day.
	totpSearch = 24 * 3600 / totpStep
)

// TOTP returns the code of six digits that a virtual MFA device shows at a time.
//
// https://www.rfc-editor.org/rfc/rfc6238
func TOTP(seed []byte, at time.Time) string { return hotp(seed, at.Unix()/totpStep) }

// hotp is the function of RFC 4226, section 5.3.
func hotp(seed []byte, counter int64) string {
	mac := hmac.New(sha1.New, seed) // what authenticator apps speak
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(counter)))
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 15
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[offset:])&0x7fffffff%1_000_000)
}

// AWS does not tell how it slows down who guesses codes of IAM's devices. That of Cognito stands in: after five wrong ones
// in a row it takes none for a time that doubles with each further one, up to 15 minutes. We begin with the life of a code.
//
// https://docs.aws.amazon.com/cognito/latest/developerguide/authentication.html#authentication-flow-lockout-behavior
const (
	wrongCodes   = 5
	shortestWait = totpStep * time.Second
	longestWait  = 15 * time.Minute
)

// Paused returns an *MFAPausedError if no code is looked at at this time.
func (d *MFADevice) Paused(now time.Time) error {
	if d.Wrong < wrongCodes {
		return nil
	}
	until := d.WrongAt.Add(min(longestWait, shortestWait<<min(d.Wrong-wrongCodes, 8)))
	if !now.Before(until) || now.Before(d.WrongAt) { // in which case the clock was moved back
		return nil
	}
	return &MFAPausedError{until}
}

// wrong counts a code that the device never showed.
func (d *MFADevice) wrong(now time.Time) error {
	d.Wrong, d.WrongAt = d.Wrong+1, now
	return ErrMFACode
}

// took marks a step, and all before it, as taken.
func (d *MFADevice) took(step int64) {
	d.Used, d.Wrong, d.WrongAt = step, 0, time.Time{}
}

// Take takes the device's code of this time, if it was not taken before. The error is an *MFAPausedError or, in which
// case the caller saves the record too, ErrMFACode.
func (d *MFADevice) Take(seed []byte, code string, now time.Time) error {
	if err := d.Paused(now); err != nil {
		return err
	}
	step := now.Unix()/totpStep + d.Drift
	for _, at := range []int64{step, step - totpWindow, step + totpWindow} {
		switch {
		case !sameCode(hotp(seed, at), code):
		case at <= d.Used:
			return errMFAUsed // of who has the device
		default:
			d.took(at)
			return nil
		}
	}
	return d.wrong(now)
}

// CodePair is where two codes that a device shows one after the other were found.
type CodePair struct {
	step  int64
	found bool
}

// FindCodes looks for two codes in a day before and after. That takes milliseconds: it is not for a transaction.
func FindCodes(seed []byte, first, second string, now time.Time) CodePair {
	step := now.Unix() / totpStep
	for drift := range int64(totpSearch) {
		for _, at := range []int64{step - drift, step + drift} {
			if sameCode(hotp(seed, at), first) && sameCode(hotp(seed, at+1), second) {
				return CodePair{at, true}
			}
		}
	}
	return CodePair{}
}

// Synchronize takes two codes, if they were found and not taken before, and sets the device's drift. Errors are those of Take.
func (d *MFADevice) Synchronize(codes CodePair, now time.Time) error {
	if err := d.Paused(now); err != nil {
		return err
	}
	switch {
	case !codes.found:
		return d.wrong(now)
	case codes.step <= d.Used:
		return errMFAUsed
	}
	d.took(codes.step + 1)
	d.Drift = codes.step + 1 - now.Unix()/totpStep
	if d.Drift == 1 { // the second code may be the next one: the window has it
		d.Drift = 0
	}
	return nil
}

func sameCode(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
