package kms

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"emulator/api"
	"emulator/services/kms/keystore"
	"emulator/store"
)

// state is the key's state at this time
// (https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html).
func (s *Service) state(r store.Reader, k *Key) (types.KeyState, error) {
	if !k.Deletion.IsZero() {
		return types.KeyStatePendingDeletion, nil
	}
	if k.AwaitsReplicas {
		return types.KeyStatePendingReplicaDeletion, nil
	}
	if s.pendingImport(k) {
		return types.KeyStatePendingImport, nil
	}
	if k.CustomKeyStore != "" {
		ks, ok, err := loadKeyStore(r, k.Account, k.Region, k.CustomKeyStore)
		if err != nil {
			return "", err
		}
		if !ok || !ks.Connected {
			return types.KeyStateUnavailable, nil
		}
	}
	if !k.Enabled {
		return types.KeyStateDisabled, nil
	}
	return types.KeyStateEnabled, nil
}

// need is what an operation needs of a key's state.
type need int

const (
	// toChange: operations that AWS refuses on a key that is to be deleted only.
	toChange need = iota
	// toEnable: operations that also want the key to have its material, and its store to be connected.
	toEnable
)

// refused tells which states an operation does not work in, by what it needs.
var refused = map[need][]types.KeyState{
	toChange: {types.KeyStatePendingDeletion, types.KeyStatePendingReplicaDeletion},
	toEnable: {types.KeyStatePendingDeletion, types.KeyStatePendingReplicaDeletion, types.KeyStatePendingImport, types.KeyStateUnavailable},
}

// checkState returns AWS's error if the key is in a state that the operation does not
// work in.
func (s *Service) checkState(r store.Reader, k *Key, n need) error {
	state, err := s.state(r, k)
	if err != nil {
		return err
	}
	if slices.Contains(refused[n], state) {
		return stateError(k, state)
	}
	return nil
}

// checkUsable returns AWS's error if cryptography can't be done with the key.
func (s *Service) checkUsable(r store.Reader, k *Key) error {
	state, err := s.state(r, k)
	switch {
	case err != nil:
		return err
	case state == types.KeyStateDisabled: // which only operations that use keys have as an error
		return api.Errorf("DisabledException", "%s is disabled.", k.ARN())
	case state != types.KeyStateEnabled:
		return stateError(k, state)
	}
	return s.upToDate(r, k)
}

func stateError(k *Key, state types.KeyState) error {
	switch state {
	case types.KeyStatePendingDeletion:
		return api.Errorf("KMSInvalidStateException", "%s is pending deletion.", k.ARN())
	case types.KeyStatePendingReplicaDeletion:
		return api.Errorf("KMSInvalidStateException", "%s is pending replica deletion.", k.ARN())
	case types.KeyStatePendingImport:
		return api.Errorf("KMSInvalidStateException", "%s is pending import.", k.ARN())
	}
	return api.Errorf("KMSInvalidStateException", "%s is unavailable: its custom key store is not connected.", k.ARN())
}

// keyStore returns where the key's material lives.
func (s *Service) keyStore(r store.Reader, k *Key) (keystore.Store, error) {
	if k.CustomKeyStore == "" {
		return s.material, nil
	}
	ks, _, err := loadKeyStore(r, k.Account, k.Region, k.CustomKeyStore)
	return s.material.Cluster(k.Cluster, ks.Connected), err
}

// usable is a key that may be used, and the store that holds it: what a transaction leaves for the cryptography after it.
type usable struct {
	*Key
	store keystore.Store
}

// use returns the key for use, if it may be used. It notes the use: nothing else hands out keys for use.
func (s *Service) use(r store.Reader, c api.Caller, k *Key) (usable, error) {
	if err := s.checkUsable(r, k); err != nil {
		return usable{}, err
	}
	ks, err := s.keyStore(r, k)
	if err == nil {
		err = s.takeOfKeyStore(k.Region, k.CustomKeyStore)
	}
	if err == nil {
		c.Notes.Use(k.resource(), k.shownMaterial(k.MaterialID))
	}
	return usable{k, ks}, err
}
