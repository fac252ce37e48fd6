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
	if k.Transient != "" {
		if _, ended := s.clock.Ended(k.TransientSince); !ended {
			return k.Transient, nil
		}
	}
	if s.pendingImport(k) {
		return types.KeyStatePendingImport, nil
	}
	if k.CustomKeyStore != "" {
		ks, ok, err := loadKeyStore(r, k.Account, k.Region, k.CustomKeyStore)
		if err != nil {
			return "", err
		}
		if !ok || !s.connected(&ks) {
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
	// toUse: cryptography with the key, and reading its public key.
	toUse need = iota
	// toGrant: making grants, of which a key needs no store that is connected.
	toGrant
	// toName: aliases, tags and the description.
	toName
	// toManage: imported material, and scheduling the deletion.
	toManage
	// toEnable: enabling and disabling; of an unavailable key it shows when that is available again.
	toEnable
	// toRotate: rotation and the regions of multi-Region keys.
	toRotate
)

// refused tells which states an operation does not work in, by what it needs. What has no need here works in all: reading, key
// policies, ending grants and aliases. Of the needs whose operations checkUsable asks for, Disabled is refused, too. The columns are
// those of AWS's table; what it leaves open, is refused.
var refused = map[need][]types.KeyState{
	toUse:    {pendingImport, pendingDeletion, pendingReplicaDeletion, unavailable, creating},
	toGrant:  {pendingImport, pendingDeletion, pendingReplicaDeletion, creating},
	toName:   {pendingDeletion, pendingReplicaDeletion},
	toManage: {pendingDeletion, pendingReplicaDeletion, creating, updating},
	toEnable: {pendingImport, pendingDeletion, pendingReplicaDeletion, creating, updating},
	toRotate: {pendingImport, pendingDeletion, pendingReplicaDeletion, unavailable, creating, updating},
}

const (
	pendingImport          = types.KeyStatePendingImport
	pendingDeletion        = types.KeyStatePendingDeletion
	pendingReplicaDeletion = types.KeyStatePendingReplicaDeletion
	unavailable            = types.KeyStateUnavailable
	creating               = types.KeyStateCreating
	updating               = types.KeyStateUpdating
)

// inWords are the states in AWS's errors.
var inWords = map[types.KeyState]string{
	pendingImport: "pending import", pendingDeletion: "pending deletion", pendingReplicaDeletion: "pending replica deletion",
	unavailable: "unavailable", creating: "creating", updating: "updating",
}

// checkState returns AWS's error if the key is in a state that the operation does not
// work in.
func (s *Service) checkState(r store.Reader, k *Key, n need) error {
	state, err := s.state(r, k)
	if err != nil {
		return err
	}
	return refuse(k, state, n)
}

// checkUsable is checkState for operations that want the key enabled, which only they have an error for.
func (s *Service) checkUsable(r store.Reader, k *Key, n need) error {
	state, err := s.state(r, k)
	if err != nil {
		return err
	}
	if state == types.KeyStateDisabled {
		return api.Errorf("DisabledException", "%s is disabled.", k.ARN())
	}
	return refuse(k, state, n)
}

func refuse(k *Key, state types.KeyState, n need) error {
	if !slices.Contains(refused[n], state) {
		return nil
	}
	refusal := api.Errorf("KMSInvalidStateException", "%s is %s.", k.ARN(), inWords[state])
	if state == unavailable {
		return refusal.Because("its custom key store is not connected")
	}
	return refusal
}

// keyStore returns where the key's material lives.
func (s *Service) keyStore(r store.Reader, k *Key) (keystore.Store, error) {
	if k.CustomKeyStore == "" {
		return s.material, nil
	}
	ks, _, err := loadKeyStore(r, k.Account, k.Region, k.CustomKeyStore)
	return s.material.Cluster(k.Cluster, s.connected(&ks)), err
}

// usable is a key that may be used, and the store that holds it: what a transaction leaves for the cryptography after it.
type usable struct {
	*Key
	store keystore.Store
}

// use returns the key for use, if it may be used. It notes the use: nothing else hands out keys for use.
func (s *Service) use(r store.Reader, c api.Caller, k *Key) (usable, error) {
	if err := s.checkUsable(r, k, toUse); err != nil {
		return usable{}, err
	}
	if err := s.upToDate(r, k); err != nil {
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
