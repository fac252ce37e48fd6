package kms

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"emulator/api"
	"emulator/services/kms/keystore"
	"emulator/store"
)

func (s *Service) importOperations() []api.Operation {
	return []api.Operation{
		api.Op("GetParametersForImport", s.getParametersForImport),
		api.Op("ImportKeyMaterial", s.importKeyMaterial),
		api.Op("DeleteImportedKeyMaterial", s.deleteImportedKeyMaterial),
	}
}

const (
	importTokenLife = 24 * time.Hour
	// maxValidity is how far ahead imported material can expire, in days.
	maxValidity = 365
	// maxImported bounds what is parsed as a private key, of which the largest, of RSA_4096, has some 2,400 bytes.
	maxImported = 3 << 10
)

// wrapping is what a wrapping algorithm is: encryption of the material or, if it is an AES key wrap, of an AES key with which the
// material is wrapped.
type wrapping struct {
	encryption types.EncryptionAlgorithmSpec
	keyWrap    bool
}

// wrappings are those that AWS takes; RSAES_PKCS1_V1_5 it has ceased to. SM2PKE is China's, which has no AES key wrap.
var wrappings = map[types.AlgorithmSpec]wrapping{
	types.AlgorithmSpecRsaesOaepSha1:       {encryption: types.EncryptionAlgorithmSpecRsaesOaepSha1},
	types.AlgorithmSpecRsaesOaepSha256:     {encryption: types.EncryptionAlgorithmSpecRsaesOaepSha256},
	types.AlgorithmSpecRsaAesKeyWrapSha1:   {encryption: types.EncryptionAlgorithmSpecRsaesOaepSha1, keyWrap: true},
	types.AlgorithmSpecRsaAesKeyWrapSha256: {encryption: types.EncryptionAlgorithmSpecRsaesOaepSha256, keyWrap: true},
	types.AlgorithmSpecSm2pke:              {encryption: types.EncryptionAlgorithmSpecSm2pke},
}

// wrappingKeys are the key specs of wrapping keys.
var wrappingKeys = map[types.WrappingKeySpec]types.KeySpec{
	types.WrappingKeySpecRsa2048: types.KeySpecRsa2048, types.WrappingKeySpecRsa3072: types.KeySpecRsa3072, types.WrappingKeySpecRsa4096: types.KeySpecRsa4096,
	types.WrappingKeySpecSm2: types.KeySpecSm2,
}

// unwrap returns the material that was wrapped for the private key of a token, or keystore.ErrCiphertext.
func (t importToken) unwrap(wrapped []byte) ([]byte, error) {
	w := wrappings[t.Algorithm]
	if !w.keyWrap {
		return keystore.Unwrap(t.PrivateKey, w.encryption, wrapped)
	}
	size := min(specs[wrappingKeys[t.KeySpec]].bits/8, len(wrapped))
	kek, err := keystore.Unwrap(t.PrivateKey, w.encryption, wrapped[:size])
	if err != nil {
		return nil, err
	}
	return unwrapKey(kek, wrapped[size:])
}

// checkSize returns AWS's error if something is too short or too long to be wrapped for the key of a token.
func (t importToken) checkSize(wrapped []byte) error {
	size := specs[wrappingKeys[t.KeySpec]].bits / 8 // none of SM2
	if wraps := wrappings[t.Algorithm].keyWrap; size > 0 && (wraps && len(wrapped) <= size || !wraps && len(wrapped) != size) {
		return api.Errorf("ValidationError", "Invalid encrypted key size.")
	}
	return nil
}

// checkWrapping returns AWS's error if an algorithm and a wrapping key do not do for the material of a key: private keys of RSA are
// too long for OAEP, as are those of P-521 for OAEP with the shortest key; what is no private key is not wrapped twice, nor for SM2
// (https://docs.aws.amazon.com/kms/latest/developerguide/importing-keys-get-public-key-and-token.html#select-wrapping-algorithm).
func checkWrapping(k *Key, algorithm types.AlgorithmSpec, spec types.WrappingKeySpec) error {
	w, ok := wrappings[algorithm]
	china, private, forSM2 := k.Partition == keystore.China, specs[k.Spec].asymmetric(), algorithm == types.AlgorithmSpecSm2pke
	oaep := !w.keyWrap && !forSM2
	_, isRSA := rsaBits(k.Spec)
	switch {
	case !keystore.Imports(k.Spec):
		return api.Errorf("UnsupportedOperationException", "Importing key material of key spec %s is not supported.", k.Spec)
	case !ok, china && w.keyWrap, !china && forSM2:
		return api.Errorf("UnsupportedOperationException", "WrappingAlgorithm %s is not supported.", algorithm)
	case !china && spec == types.WrappingKeySpecSm2:
		return api.Errorf("UnsupportedOperationException", "WrappingKeySpec %s is not supported.", spec)
	case forSM2 != (spec == types.WrappingKeySpecSm2), !oaep && !private, oaep && isRSA, oaep && k.Spec == types.KeySpecEccNistP521 && spec == types.WrappingKeySpecRsa2048:
		return api.Errorf("ValidationError", "Wrapping algorithm %s and wrapping key spec %s cannot be used to import a %s key.", algorithm, spec, k.Spec)
	}
	return nil
}

func rsaBits(s types.KeySpec) (bits int, ok bool) {
	sp := specs[s]
	return sp.bits, sp.bits > 0 && sp.signing != nil
}

// importToken is what an import token holds, sealed, so that nothing is stored for one that is never used. It is bound to the key.
type importToken struct {
	Algorithm types.AlgorithmSpec   `json:"algorithm"`
	KeySpec   types.WrappingKeySpec `json:"keySpec"`
	ValidTo   time.Time             `json:"validTo"`
	// PrivateKey is the wrapping key's, in PKCS #8.
	PrivateKey []byte `json:"privateKey"`
}

func importBinding(k *Key) string { return "kms import " + k.ARN() }

func (s *Service) sealImportToken(k *Key, t importToken) ([]byte, error) {
	raw, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	return s.keyring.Seal(raw, importBinding(k)), nil
}

// openImportToken returns AWS's error for a token that is not one for this key, or not any more.
func (s *Service) openImportToken(k *Key, token []byte) (t importToken, err error) {
	raw, err := s.keyring.Open(token, importBinding(k))
	if err != nil {
		return t, api.Errorf("InvalidImportTokenException", "")
	}
	if err := json.Unmarshal(raw, &t); err != nil {
		return t, err
	}
	if wrappingKeys[t.KeySpec] == "" { // of an older version
		return t, api.Errorf("InvalidImportTokenException", "")
	}
	if s.expired(t.ValidTo) {
		return t, api.Errorf("ExpiredImportTokenException", "")
	}
	return t, nil
}

func expiration(validTo time.Time) (types.ExpirationModelType, *time.Time) {
	if validTo.IsZero() {
		return types.ExpirationModelTypeKeyMaterialDoesNotExpire, nil
	}
	return types.ExpirationModelTypeKeyMaterialExpires, &validTo
}

// pendingImport reports whether any material that the key has for good is missing.
func (s *Service) pendingImport(k *Key) bool {
	return k.Origin == types.OriginTypeExternal && (k.MaterialID == "" || k.Incomplete || s.expired(k.Expires))
}

// findForImport finds a key whose material is imported.
func (s *Service) findForImport(r store.Reader, c api.Caller, id string, a access) (*Key, error) {
	k, err := s.findByID(r, c, id, a)
	if err != nil {
		return nil, err
	}
	if k.Origin != types.OriginTypeExternal {
		return nil, wrongOrigin(k)
	}
	return k, nil
}

// getParametersForImport (https://docs.aws.amazon.com/kms/latest/APIReference/API_GetParametersForImport.html).
func (s *Service) getParametersForImport(ctx context.Context, c api.Caller, in *kms.GetParametersForImportInput) (*kms.GetParametersForImportOutput, error) {
	a := access{action: "kms:GetParametersForImport"}
	a.request.Context = map[string][]string{"kms:WrappingAlgorithm": {string(in.WrappingAlgorithm)}, "kms:WrappingKeySpec": {string(in.WrappingKeySpec)}}
	var k *Key
	err := s.store.View(ctx, func(r store.Reader) (err error) {
		if k, err = s.findForImport(r, c, *in.KeyId, a); err != nil {
			return err
		}
		if err := s.checkState(r, k, toManage); err != nil {
			return err
		}
		return checkWrapping(k, in.WrappingAlgorithm, in.WrappingKeySpec)
	})
	if err != nil {
		return nil, err
	}
	private, err := keystore.Generate(wrappingKeys[in.WrappingKeySpec], k.Partition)
	if err != nil {
		return nil, err
	}
	defer clear(private)
	out := &kms.GetParametersForImportOutput{KeyId: aws.String(k.ARN()), ParametersValidTo: aws.Time(s.now().Add(importTokenLife))}
	if out.PublicKey, err = keystore.PublicKey(private); err != nil {
		return nil, err
	}
	out.ImportToken, err = s.sealImportToken(k, importToken{in.WrappingAlgorithm, in.WrappingKeySpec, *out.ParametersValidTo, private})
	return out, err
}

// importKeyMaterial unwraps outside of the transaction
// (https://docs.aws.amazon.com/kms/latest/APIReference/API_ImportKeyMaterial.html).
func (s *Service) importKeyMaterial(ctx context.Context, c api.Caller, in *kms.ImportKeyMaterialInput) (*kms.ImportKeyMaterialOutput, error) {
	a := access{action: "kms:ImportKeyMaterial"}
	a.request.Context = map[string][]string{"kms:ExpirationModel": {string(types.ExpirationModelTypeKeyMaterialExpires)}}
	if in.ExpirationModel != "" {
		a.request.Context["kms:ExpirationModel"] = []string{string(in.ExpirationModel)}
	}
	if in.ValidTo != nil {
		a.request.Context["kms:ValidTo"] = []string{in.ValidTo.UTC().Format(time.RFC3339)}
	}
	var k *Key
	var token importToken
	out := &kms.ImportKeyMaterialOutput{}
	err := store.Make(ctx, s.store, func(r store.Reader) error {
		found, err := s.findForImport(r, c, *in.KeyId, a)
		if err != nil {
			return err
		}
		if err := s.checkState(r, found, toManage); err != nil {
			return err
		}
		if err := s.checkImport(found, in); err != nil {
			return err
		}
		k = found
		if token, err = s.openImportToken(found, in.ImportToken); err != nil {
			return err
		}
		return token.checkSize(in.EncryptedKeyMaterial)
	}, func() ([]byte, error) {
		raw, err := token.unwrap(in.EncryptedKeyMaterial)
		if err != nil {
			return nil, invalidCiphertext()
		}
		raw, err = importable(k, raw)
		if err != nil {
			return nil, incorrectMaterial("The key material is not one of key spec %s.", k.Spec).Because("%v", err)
		}
		return raw, nil
	}, func(tx store.Tx, raw []byte) error {
		changed := *k // which check has found in this transaction
		id, err := s.putImported(tx, &changed, raw, in)
		if err != nil {
			return err
		}
		out.KeyId = aws.String(k.ARN())
		if k.Spec == types.KeySpecSymmetricDefault {
			out.KeyMaterialId = &id
		}
		return s.saveShared(tx, &changed)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func incorrectMaterial(format string, args ...any) *api.Error {
	return api.Errorf("IncorrectKeyMaterialException", format, args...)
}

// checkImport returns AWS's error if the members of a request do not go together, or not with the key.
func (s *Service) checkImport(k *Key, in *kms.ImportKeyMaterialInput) error {
	never := in.ExpirationModel == types.ExpirationModelTypeKeyMaterialDoesNotExpire
	switch {
	case k.Spec != types.KeySpecSymmetricDefault && (in.ImportType != "" || in.KeyMaterialId != nil || in.KeyMaterialDescription != nil):
		return api.Errorf("UnsupportedOperationException", "ImportType, KeyMaterialId and KeyMaterialDescription are supported for symmetric encryption keys only.")
	case in.ImportType == types.ImportTypeNewKeyMaterial && in.KeyMaterialId != nil:
		return api.Errorf("ValidationError", "You cannot specify KeyMaterialId when ImportType is NEW_KEY_MATERIAL.")
	case never && in.ValidTo != nil:
		return api.Errorf("ValidationError", "The parameter ValidTo cannot be specified for a key with an expiration model of KEY_MATERIAL_DOES_NOT_EXPIRE")
	case never:
		return nil
	case in.ValidTo == nil:
		return api.Errorf("ValidationError", "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES")
	case !in.ValidTo.After(s.clock.Now()):
		return api.Errorf("ValidationError", "ValidTo must be in the future")
	case in.ValidTo.After(s.clock.Now().AddDate(0, 0, maxValidity)):
		return api.Errorf("ValidationError", "ValidTo must be no more than %d days from now", maxValidity)
	}
	return nil
}

// putImported stores material that was imported, and returns its ID. A key's first comes into force at once; other material than it
// has waits for a rotation, and only that of a symmetric key does.
func (s *Service) putImported(tx store.Tx, k *Key, raw []byte, in *kms.ImportKeyMaterialInput) (string, error) {
	if s.pendingImport(k) {
		k.Enabled = true // once nothing is missing any more, though it had been disabled
	}
	all, err := s.expire(tx, k)
	if err != nil {
		return "", err
	}
	m := KeyMaterial{ID: importedID(k, raw), Pending: k.MaterialID != ""}
	at := slices.IndexFunc(all, func(a KeyMaterial) bool { return a.ID == m.ID })
	if at >= 0 && all[at].Pending {
		if state, err := s.pendingState(tx, k, all[at]); err != nil {
			return "", err
		} else if state == "" { // the primary key's has expired
			at = -1
		}
	}
	fresh := in.ImportType == types.ImportTypeNewKeyMaterial || in.ImportType == "" && k.MaterialID == "" && in.KeyMaterialId == nil
	switch {
	case in.KeyMaterialId != nil && *in.KeyMaterialId != m.ID:
		return "", incorrectMaterial("The key material is not that with the ID %s.", *in.KeyMaterialId)
	case at < 0 && k.MultiRegion == types.MultiRegionKeyTypeReplica:
		return "", incorrectMaterial("The key material is none that was imported into the primary key of %s before.", k.ARN())
	case fresh && at >= 0:
		return "", incorrectMaterial("The key material is already associated with %s.", k.ARN())
	case !fresh && at < 0:
		return "", incorrectMaterial("The key material is none that was imported into %s before.", k.ARN())
	}
	if pending := slices.IndexFunc(all, func(a KeyMaterial) bool { return a.Pending }); fresh && pending >= 0 {
		return "", api.Errorf("KMSInvalidStateException", "New key material (id: %s) cannot be imported into KMS key %s, because another key material (id: %s) is pending rotation.", m.ID, k.ARN(), all[pending].ID)
	}
	if at >= 0 {
		m = all[at]
		if !m.ValidTo.IsZero() {
			if err := tx.Delete(expiryKey(k, m)); err != nil {
				return "", err
			}
		}
	} else if !m.Pending {
		k.MaterialID = m.ID
	}
	m.Missing, m.ValidTo = false, aws.ToTime(in.ValidTo)
	if in.KeyMaterialDescription != nil {
		m.Description = *in.KeyMaterialDescription
	}
	if !m.ValidTo.IsZero() {
		if err := tx.Put(expiryKey(k, m), nil); err != nil {
			return "", err
		}
	}
	if err := s.material.Save(tx, k.refOf(m.ID), raw); err != nil {
		return "", err
	}
	if at < 0 {
		err = addMaterial(tx, k, m)
	} else {
		err = store.Save(tx, materialKey(k, m), m)
	}
	if err != nil {
		return "", err
	}
	return m.ID, sumUp(tx, k)
}

// pendingMaterial returns the material that waits for a rotation, and its state; nil if none does.
func (s *Service) pendingMaterial(r store.Reader, k *Key) (*KeyMaterial, types.KeyMaterialState, error) {
	all, err := storedMaterials(r, k)
	if err != nil {
		return nil, "", err
	}
	for _, m := range all {
		if !m.Pending {
			continue
		}
		if state, err := s.pendingState(r, k, m); err != nil || state != "" {
			return &m, state, err
		}
	}
	return nil, "", nil
}

// rotateToImported brings the material that is pending into force, if there is any.
func (s *Service) rotateToImported(tx store.Tx, k *Key, date time.Time) error {
	m, _, err := s.pendingMaterial(tx, k)
	if err != nil || m == nil {
		return err
	}
	m.Pending, m.Rotated, m.Rotation = false, date, types.RotationTypeOnDemand
	k.MaterialID = m.ID
	if err := store.Save(tx, materialKey(k, *m), m); err != nil {
		return err
	}
	return sumUp(tx, k)
}

// deleteImportedKeyMaterial: material that is not there is no error
// (https://docs.aws.amazon.com/kms/latest/APIReference/API_DeleteImportedKeyMaterial.html).
func (s *Service) deleteImportedKeyMaterial(ctx context.Context, c api.Caller, in *kms.DeleteImportedKeyMaterialInput) (*kms.DeleteImportedKeyMaterialOutput, error) {
	out := &kms.DeleteImportedKeyMaterialOutput{}
	err := s.store.Update(ctx, func(tx store.Tx) error {
		found, err := s.findForImport(tx, c, *in.KeyId, access{action: "kms:DeleteImportedKeyMaterial"})
		if err != nil {
			return err
		}
		if err := s.checkState(tx, found, toManage); err != nil {
			return err
		}
		k := *found
		id := k.MaterialID
		if in.KeyMaterialId != nil {
			if k.Spec != types.KeySpecSymmetricDefault {
				return api.Errorf("UnsupportedOperationException", "KeyMaterialId is supported for symmetric encryption keys only.")
			}
			id = *in.KeyMaterialId
		}
		all, err := s.expire(tx, &k)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(all, func(m KeyMaterial) bool { return m.ID == id })
		switch {
		case at >= 0:
			if err := s.dropMaterial(tx, &k, all[at]); err != nil {
				return err
			}
			if err := sumUp(tx, &k); err != nil {
				return err
			}
		case in.KeyMaterialId != nil:
			return api.Errorf("NotFoundException", "Key material '%s' is not associated with %s.", id, k.ARN())
		}
		out.KeyId = aws.String(k.ARN())
		if k.Spec == types.KeySpecSymmetricDefault && id != "" {
			out.KeyMaterialId = &id
		}
		return s.saveShared(tx, &k)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// importedID returns the ID of imported material: of the same material in the same key the same, so that it is known again.
func importedID(k *Key, raw []byte) string {
	h := hmac.New(sha256.New, raw)
	h.Write([]byte("kms key material " + k.ID))
	return hex.EncodeToString(h.Sum(nil))
}

// importable returns material in the form in which it is stored, or an error if it is not of the key's spec.
func importable(k *Key, raw []byte) ([]byte, error) {
	if len(raw) > maxImported {
		return nil, errors.New("too long")
	}
	return keystore.Import(k.Spec, k.Partition, raw)
}
