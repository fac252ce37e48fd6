package sts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"emulator/api"
	"emulator/identity"
	"emulator/store"
)

// proveMFA takes the code of one of the caller's MFA devices, and returns when it was
// proven, or the zero time if the call gives none. A code is taken once, whatever becomes of
// the call.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_mfa_configure-api-require.html
func (s *Service) proveMFA(ctx context.Context, c api.Caller, serial, code *string) (time.Time, error) {
	switch {
	case serial == nil && code == nil:
		return time.Time{}, nil
	case serial == nil || code == nil:
		return time.Time{}, api.Errorf("AccessDenied", "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.")
	case c.User == nil || c.Kind != identity.UserKind:
		return time.Time{}, unknownDevice()
	}
	now := s.clock.Now()
	var wrong error // which is to be stored
	err := s.store.Update(ctx, func(tx store.Tx) error {
		d, ok, err := identity.LoadMFADevice(tx, c.Account, *serial)
		if err != nil {
			return err
		}
		if !ok || d.UserID != c.User.ID || d.FIDO != nil { // which AWS takes for signing in only
			return unknownDevice()
		}
		seed, err := s.keyring.Open(d.Seed, *serial)
		if err != nil {
			return fmt.Errorf("%s: %w", *serial, err)
		}
		wrong = d.Take(seed, *code, now)
		if paused, ok := errors.AsType[*identity.MFAPausedError](wrong); ok {
			return api.Errorf("AccessDenied", "MultiFactorAuthentication failed, too many invalid MFA one time pass codes in a row. No code is taken before %s.", paused.Until.UTC().Format(time.RFC3339))
		}
		return store.Save(tx, d.Key(), d)
	})
	if err == nil && wrong != nil {
		err = api.Errorf("AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code. ").Because("%v at %s", wrong, now.Format(time.RFC3339))
	}
	return now, err
}

func unknownDevice() error {
	return api.Errorf("AccessDenied", "MultiFactorAuthentication failed, unable to validate MFA code.  "+
		"Please verify your MFA serial number is valid and associated with this user.")
}
