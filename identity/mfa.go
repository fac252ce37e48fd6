package identity

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"emulator/store"
)

// MFADevice is the record of a virtual MFA device. Its user's record names it, too.
type MFADevice struct {
	Account   string            `json:"account"`
	Partition string            `json:"partition"`
	Name      string            `json:"name"`
	Path      string            `json:"path"`
	Created   time.Time         `json:"created"`
	Tags      map[string]string `json:"tags,omitempty"`
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
}

// SerialNumber returns the device's serial number, which is its ARN.
func (d *MFADevice) SerialNumber() string {
	return ARN(d.Partition, "iam", d.Account, "mfa"+d.Path+d.Name)
}

// MFADeviceKey is the key of an MFADevice. Names are unique in an account whatever the path.
func MFADeviceKey(account, name string) []byte {
	return store.Key("iam", account, "mfa", strings.ToLower(name))
}

// MFADevicesPrefix is what the keys of an account's MFADevices begin with.
func MFADevicesPrefix(account string) []byte { return store.Key("iam", account, "mfa") }

// LoadMFADevice returns the device of that serial number.
func LoadMFADevice(r store.Reader, account, serial string) (*MFADevice, bool, error) {
	name := serial[strings.LastIndexByte(serial, '/')+1:]
	if name == "" || strings.IndexByte(name, 0) >= 0 {
		return nil, false, nil
	}
	d, ok, err := store.Load[MFADevice](r, MFADeviceKey(account, name))
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

// Take reports whether code is the device's at this time and was not taken before, and
// marks it, and all before it, as taken. The caller saves the record.
func (d *MFADevice) Take(seed []byte, code string, now time.Time) bool {
	step := now.Unix()/totpStep + d.Drift
	for _, at := range []int64{step, step - totpWindow, step + totpWindow} {
		if at > d.Used && sameCode(hotp(seed, at), code) {
			d.Used = at
			return true
		}
	}
	return false
}

// Synchronize reports whether the codes are two that the device shows one after the other,
// not taken before, and sets its drift. The caller saves the record.
func (d *MFADevice) Synchronize(seed []byte, first, second string, now time.Time) bool {
	step := now.Unix() / totpStep
	for drift := range int64(totpSearch) {
		for _, at := range []int64{step - drift, step + drift} {
			if at > d.Used && sameCode(hotp(seed, at), first) && sameCode(hotp(seed, at+1), second) {
				d.Drift, d.Used = at+1-step, at+1
				if d.Drift == 1 { // the second code may be the next one: the window has it
					d.Drift = 0
				}
				return true
			}
		}
	}
	return false
}

func sameCode(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
