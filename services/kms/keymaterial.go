package kms

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"emulator/store"
)

// KeyMaterial is the record of one of a key's materials, which is in the key store under the key and the ID. A key whose material
// KMS made has no records until it is first rotated.
type KeyMaterial struct {
	ID string `json:"id"`
	// Rotated is when a rotation brought it into force, and Rotation what kind of one; zero for a key's first.
	Rotated  time.Time          `json:"rotated,omitzero"`
	Rotation types.RotationType `json:"rotation,omitempty"`

	// What follows is of imported material.

	// Pending is set until a rotation brings it into force. Until then it is the key's for a time only. Replicas of a multi-Region
	// key have it as long as their primary key does, Missing until it is imported into them, too.
	Pending bool `json:"pending,omitempty"`
	// Missing is set if it was deleted, or has expired, and is to be imported again.
	Missing bool `json:"missing,omitempty"`
	// ValidTo is when it is deleted, zero if never.
	ValidTo     time.Time `json:"validTo,omitzero"`
	Description string    `json:"description,omitempty"`

	n int // of a key's materials, from 1
}

// materialsPrefix begins the keys of the records of a key's materials, the oldest first.
func materialsPrefix(k *Key) []byte {
	return store.Key("kms", k.Account, k.Region, "material", k.ID)
}

func materialKey(k *Key, m KeyMaterial) []byte {
	return append(materialsPrefix(k), store.Key(fmt.Sprintf("%08d", m.n))...)
}

// expiryKey is the key of an entry of the index of the expiry of imported material, the earliest first.
func expiryKey(k *Key, m KeyMaterial) []byte {
	return store.Key("kms-expiry", m.ValidTo.UTC().Format(time.RFC3339), k.Account, k.Region, k.ID, m.ID)
}

func loadMaterial(r store.Reader, key []byte) (KeyMaterial, error) {
	m, _, err := store.Load[KeyMaterial](r, key)
	if err != nil {
		return m, err
	}
	m.n, err = strconv.Atoi(store.Parts(key)[5])
	return m, err
}

// storedMaterials returns all materials of a key, the oldest first, with those that have expired since somebody wrote.
func storedMaterials(r store.Reader, k *Key) ([]KeyMaterial, error) {
	if k.Materials == 0 && k.MaterialID != "" {
		return []KeyMaterial{{ID: k.MaterialID}}, nil
	}
	var all []KeyMaterial
	for key := range r.Scan(materialsPrefix(k), nil) {
		m, err := loadMaterial(r, key)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

func (s *Service) expired(at time.Time) bool { return !at.IsZero() && !s.clock.Now().Before(at) }

// asNow returns one of a key's materials as it is now, and whether there still is one: what has expired is missing, and gone if it
// goes when it does.
func (s *Service) asNow(k *Key, m KeyMaterial) (KeyMaterial, bool) {
	if !s.expired(m.ValidTo) {
		return m, true
	}
	m.Missing, m.ValidTo = true, time.Time{}
	return m, !m.forTime(k)
}

// forTime reports whether a key has a material only until it is deleted or expires. A replica keeps the record as its primary key does.
func (m KeyMaterial) forTime(k *Key) bool {
	return m.Pending && k.MultiRegion != types.MultiRegionKeyTypeReplica
}

// pendingState is the state of material that waits for a rotation, "" if it does no longer: the primary key of a multi-Region key says
// so for all. Each of them has to have it imported first.
func (s *Service) pendingState(r store.Reader, k *Key, m KeyMaterial) (types.KeyMaterialState, error) {
	primary, err := s.primary(r, k)
	if err != nil || primary == nil {
		return "", err
	}
	replicas, err := s.replicas(r, primary)
	if err != nil {
		return "", err
	}
	state := types.KeyMaterialStatePendingRotation
	for _, related := range append(replicas, primary) {
		theirs, err := loadMaterial(r, materialKey(related, m))
		if err != nil {
			return "", err
		}
		switch now, ok := s.asNow(related, theirs); {
		case !ok, theirs.ID == "" && related == primary:
			return "", nil
		case now.Missing, theirs.ID == "": // a clock that is moved back may bring back a replica that is behind
			state = types.KeyMaterialStatePendingMultiRegionImportAndRotation
		}
	}
	return state, nil
}

// addMaterial appends a record to those of a key.
func addMaterial(tx store.Tx, k *Key, m KeyMaterial) error {
	k.Materials++
	m.n = k.Materials
	return store.Save(tx, materialKey(k, m), m)
}

// dropMaterial destroys imported material. Of that which the key does not have for a time only, its record stays.
func (s *Service) dropMaterial(tx store.Tx, k *Key, m KeyMaterial) error {
	if m.forTime(k) {
		return s.forgetMaterial(tx, k, m)
	}
	if err := s.destroyMaterial(tx, k, m); err != nil {
		return err
	}
	m.Missing, m.ValidTo = true, time.Time{}
	return store.Save(tx, materialKey(k, m), m)
}

// forgetMaterial destroys imported material with its record.
func (s *Service) forgetMaterial(tx store.Tx, k *Key, m KeyMaterial) error {
	if err := s.destroyMaterial(tx, k, m); err != nil {
		return err
	}
	return tx.Delete(materialKey(k, m))
}

func (s *Service) destroyMaterial(tx store.Tx, k *Key, m KeyMaterial) error {
	if err := s.material.Delete(tx, k.refOf(m.ID)); err != nil || m.ValidTo.IsZero() {
		return err
	}
	return tx.Delete(expiryKey(k, m))
}

// sumUp notes in a key, which the caller saves, what of its imported material is missing, and when the first of the rest expires.
func sumUp(r store.Reader, k *Key) error {
	all, err := storedMaterials(r, k)
	if err != nil {
		return err
	}
	k.Incomplete, k.Expires = false, time.Time{}
	for _, m := range all {
		switch {
		case m.Pending:
		case m.Missing:
			k.Incomplete = true
		case !m.ValidTo.IsZero() && (k.Expires.IsZero() || m.ValidTo.Before(k.Expires)):
			k.Expires = m.ValidTo
		}
	}
	return nil
}

// expire destroys what has expired of a key's material, and returns the rest. The caller saves the key.
func (s *Service) expire(tx store.Tx, k *Key) ([]KeyMaterial, error) {
	all, err := storedMaterials(tx, k)
	if err != nil {
		return nil, err
	}
	for _, m := range all {
		if s.expired(m.ValidTo) {
			if err := s.dropMaterial(tx, k, m); err != nil {
				return nil, err
			}
		}
	}
	if err := sumUp(tx, k); err != nil {
		return nil, err
	}
	return storedMaterials(tx, k)
}

// sweepExpired is sweep for imported material whose time has come.
func (s *Service) sweepExpired(tx store.Tx, now string) error {
	var due [][]string
	for key := range tx.Scan(store.Key("kms-expiry"), nil) {
		parts := store.Parts(key)
		if parts[1] >= now {
			break
		}
		due = append(due, parts)
	}
	for _, parts := range due {
		k, _, err := store.Load[Key](tx, keyKey(parts[2], parts[3], parts[4]))
		if err != nil {
			return err
		}
		if _, err := s.expire(tx, &k); err != nil {
			return err
		}
		if err := s.saveShared(tx, &k); err != nil {
			return err
		}
	}
	return nil
}

// newMaterialID returns an ID for material that KMS makes.
func newMaterialID() string {
	var id [32]byte
	rand.Read(id[:])
	return hex.EncodeToString(id[:])
}
