package kms

import (
	"encoding/base64"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"emulator/api"
	"emulator/store"
)

// Tags by which a new key gets an ID and material that are known before, so that ciphertexts kept beside a test open in each
// emulator. AWS has none such; the names are LocalStack's. They are no tags of the key.
const (
	customID       = "_custom_id_"
	customMaterial = "_custom_key_material_" // in base64: a secret, or a private key in PKCS #8
)

// takeReserved takes the reserved tags out of those of a new key, which gets the ID, and returns the material, nil if none is given.
func (k *Key) takeReserved(tags map[string]string) ([]byte, error) {
	id, fixed := tags[customID]
	text, given := tags[customMaterial]
	delete(tags, customID)
	delete(tags, customMaterial)
	if fixed {
		if !isKeyID(id) || isMultiRegionID(id) != (k.MultiRegion != "") {
			return nil, api.Errorf("ValidationError", "The tag %s is not the ID of such a key: %s", customID, id)
		}
		k.ID = id
	}
	if !given {
		return nil, nil
	}
	if k.Origin != types.OriginTypeAwsKms {
		return nil, api.Errorf("ValidationError", "The tag %s is not for keys of origin %s.", customMaterial, k.Origin)
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err == nil {
		raw, err = importable(k, raw)
	}
	if err != nil {
		return nil, api.Errorf("ValidationError", "The tag %s is not key material of key spec %s in base64.", customMaterial, k.Spec).Because("%v", err)
	}
	k.MaterialID = importedID(k, raw)
	return raw, nil
}

// checkNew returns an error if there is a key with the ID of a new one, which only one that was chosen can be.
func (s *Service) checkNew(tx store.Tx, k *Key) error {
	if err := s.destroyIfGone(tx, k); err != nil {
		return err
	}
	old, err := s.loadKey(tx, k.Account, k.Region, k.ID)
	if err != nil {
		return err
	}
	if old != nil || tx.Get(multiRegionKey(k.Account, k.ID)) != nil {
		return api.Errorf("ValidationError", "There is a key with the ID %s already.", k.ID)
	}
	return nil
}
