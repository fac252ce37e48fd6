package iam

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"maps"
	"regexp"
	"slices"
	"strings"

	"emulator/api"
	"emulator/identity"
	"emulator/store"
)

// NewMFADevice is a device that AWS would not make: a hardware token, which comes from its vendor with a serial number and
// a seed, or a FIDO security key, which is registered with a user in the console.
type NewMFADevice struct {
	Account string `json:"account"` // identity.DefaultAccount if not given
	// SerialNumber is that of a hardware token.
	SerialNumber string `json:"serialNumber"`
	// User and Name are of a FIDO key: whose it is, and how that calls it.
	User string `json:"user"`
	Name string `json:"name"`
	// Certifications of a FIDO key: {"FIDO": "L1", "FIPS-140-2": "L2"}.
	Certifications map[string]string `json:"certifications"`
	// Seed in base32: that of the codes which a token shows, and which stand for the touch of a key. A new one if not given.
	Seed string `json:"seed"`
}

// RegisteredMFADevice is what was made of it.
type RegisteredMFADevice struct {
	SerialNumber string `json:"serialNumber"`
	Seed         string `json:"seed"`
}

var (
	tokenSerial = regexp.MustCompile(`^[\w+=/.@-]{9,256}$`)
	keyName     = regexp.MustCompile(`^[\w+=.@-]{1,64}$`)
	keyLevel    = regexp.MustCompile(`^[\w+]{1,32}$`)
)

// RegisterMFADevice makes a hardware token or a FIDO security key, which EnableMFADevice then takes. Nobody is asked for permission:
// it is for whoever runs the emulator. What is wrong with a device is an *api.Error.
func (s *Service) RegisterMFADevice(ctx context.Context, n NewMFADevice) (RegisteredMFADevice, error) {
	if n.Account == "" {
		n.Account = identity.DefaultAccount
	}
	seed, err := base32.StdEncoding.DecodeString(n.Seed)
	if n.Seed == "" {
		seed = make([]byte, seedSize)
		rand.Read(seed)
	}
	isKey := n.SerialNumber == ""
	switch {
	case err != nil || len(seed) < 10 || len(seed) > 64:
		return RegisteredMFADevice{}, api.Errorf("InvalidInput", "seed: want 10 to 64 bytes in base32")
	case !identity.IsAccountID(n.Account):
		return RegisteredMFADevice{}, api.Errorf("InvalidInput", "account: want twelve digits")
	case isKey && (n.User == "" || !keyName.MatchString(n.Name)):
		return RegisteredMFADevice{}, api.Errorf("InvalidInput", "give either serialNumber of a hardware token, or user and name of a FIDO key")
	case !isKey && (n.User != "" || n.Name != "" || n.Certifications != nil):
		return RegisteredMFADevice{}, api.Errorf("InvalidInput", "user, name and certifications are of FIDO keys, which have no serialNumber of their own")
	case !isKey && !tokenSerial.MatchString(n.SerialNumber):
		return RegisteredMFADevice{}, api.Errorf("InvalidInput", "serialNumber: want 9 to 256 letters, digits and characters of _+=/.@-")
	}
	for name, level := range n.Certifications {
		if certificationKeys[name] == "" || !keyLevel.MatchString(level) {
			return RegisteredMFADevice{}, api.Errorf("InvalidInput", "certifications: want levels of %s", strings.Join(slices.Sorted(maps.Keys(certificationKeys)), ", "))
		}
	}
	d := &identity.MFADevice{Account: n.Account, Serial: n.SerialNumber, Created: s.now()}
	err = s.store.Update(ctx, func(tx store.Tx) error {
		if isKey {
			u, ok, err := identity.LoadUser(tx, n.Account, n.User)
			if err != nil {
				return err
			}
			if !ok {
				return noUser(n.User)
			}
			// As AWS's: arn:aws:iam::123456789012:u2f/user/JohnDoe/default-55CBEEXAMPLE
			d.Partition, d.Serial = u.Partition, identity.ARN(u.Partition, "iam", u.Account, "u2f/user/"+u.Name+"/"+n.Name+"-"+newLongID()[:26])
			d.FIDO = &identity.FIDOKey{Owner: u.ID, Certifications: n.Certifications}
		}
		if tx.Get(d.Key()) != nil {
			return api.Errorf("EntityAlreadyExists", "MFA device already exists.")
		}
		d.Seed = s.keyring.Seal(seed, d.Serial)
		return saveMFADevice(tx, d)
	})
	return RegisteredMFADevice{d.Serial, base32.StdEncoding.EncodeToString(seed)}, err
}
