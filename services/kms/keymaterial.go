package kms

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
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
}

// materialsPrefix begins the keys of the records of a key's materials, the oldest first.
func materialsPrefix(k *Key) []byte {
	return store.Key("kms", k.Account, k.Region, "material", k.ID)
}

// addMaterial appends a record to those of a key.
func addMaterial(tx store.Tx, k *Key, m KeyMaterial) error {
	k.Materials++
	return store.Save(tx, append(materialsPrefix(k), store.Key(fmt.Sprintf("%08d", k.Materials))...), m)
}

// materialIDs returns the IDs of all materials of a key.
func materialIDs(r store.Reader, k *Key) ([]string, error) {
	if k.Materials == 0 {
		return []string{k.MaterialID}, nil
	}
	var ids []string
	for key := range r.Scan(materialsPrefix(k), nil) {
		m, _, err := store.Load[KeyMaterial](r, key)
		if err != nil {
			return nil, err
		}
		ids = append(ids, m.ID)
	}
	return ids, nil
}

// newMaterialID returns an ID for material that KMS makes.
func newMaterialID() string {
	var id [32]byte
	rand.Read(id[:])
	return hex.EncodeToString(id[:])
}
