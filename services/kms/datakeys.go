package kms

import (
	"cmp"
	"context"
	"crypto/rand"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"emulator/api"
	"emulator/authz"
	"emulator/services/kms/keystore"
	"emulator/store"
)

func (s *Service) dataKeyOperations() []api.Operation {
	return []api.Operation{
		api.Op("GenerateDataKey", s.generateDataKey),
		api.Op("GenerateDataKeyWithoutPlaintext", s.generateDataKeyWithoutPlaintext),
		api.Op("GenerateDataKeyPair", s.generateDataKeyPair),
		api.Op("GenerateDataKeyPairWithoutPlaintext", s.generateDataKeyPairWithoutPlaintext),
		api.Op("GenerateRandom", s.generateRandom),
	}
}

// dataKey is a new secret and its ciphertext under a key.
type dataKey struct {
	key                   usable
	plaintext, ciphertext []byte
}

func dataKeySize(spec types.DataKeySpec, bytes *int32) (int, error) {
	switch {
	case (spec == "") == (bytes == nil):
		return 0, api.Errorf("ValidationError", "Please specify either number of bytes or key spec.")
	case bytes != nil:
		return int(*bytes), nil
	case spec == types.DataKeySpecAes128:
		return 16, nil
	default:
		return 32, nil
	}
}

// wrap encrypts a new secret with a symmetric key that check lets pass. make makes the secret, once the caller may have it.
func (s *Service) wrap(ctx context.Context, c api.Caller, keyID string, a access, context map[string]string, dry *bool, check func(*Key) error, make func() ([]byte, error)) (*dataKey, error) {
	d := &dataKey{}
	err := s.store.View(ctx, func(r store.Reader) error {
		k, err := s.findKey(r, c, keyID, a)
		if err != nil {
			return err
		}
		if err := check(k); err != nil {
			return err
		}
		if d.key, err = s.useForEncryption(r, c, k, a.action[len("kms:"):], types.EncryptionAlgorithmSpecSymmetricDefault, context); err != nil {
			return err
		}
		return dryRun(dry)
	})
	if err != nil {
		return nil, err
	}
	if d.plaintext, err = make(); err != nil {
		return nil, err
	}
	d.ciphertext, err = s.encryptWith(ctx, d.key, types.EncryptionAlgorithmSpecSymmetricDefault, d.plaintext, context)
	return d, err
}

func (s *Service) generateDataKey(ctx context.Context, c api.Caller, in *kms.GenerateDataKeyInput) (*kms.GenerateDataKeyOutput, error) {
	if in.Recipient != nil {
		return nil, api.Errorf("NotImplemented", "Recipient is not supported by this emulator.")
	}
	d, err := s.newDataKey(ctx, c, "kms:GenerateDataKey", *in.KeyId, in.KeySpec, in.NumberOfBytes, in.EncryptionContext, in.GrantTokens, in.DryRun)
	if err != nil {
		return nil, err
	}
	return &kms.GenerateDataKeyOutput{
		KeyId: aws.String(d.key.ARN()), KeyMaterialId: &d.key.MaterialID, Plaintext: d.plaintext, CiphertextBlob: d.ciphertext,
	}, nil
}

func (s *Service) generateDataKeyWithoutPlaintext(ctx context.Context, c api.Caller, in *kms.GenerateDataKeyWithoutPlaintextInput) (*kms.GenerateDataKeyWithoutPlaintextOutput, error) {
	d, err := s.newDataKey(ctx, c, "kms:GenerateDataKeyWithoutPlaintext", *in.KeyId, in.KeySpec, in.NumberOfBytes, in.EncryptionContext, in.GrantTokens, in.DryRun)
	if err != nil {
		return nil, err
	}
	clear(d.plaintext)
	return &kms.GenerateDataKeyWithoutPlaintextOutput{
		KeyId: aws.String(d.key.ARN()), KeyMaterialId: &d.key.MaterialID, CiphertextBlob: d.ciphertext,
	}, nil
}

func (s *Service) newDataKey(ctx context.Context, c api.Caller, action, keyID string, spec types.DataKeySpec, bytes *int32, context map[string]string, tokens []string, dry *bool) (*dataKey, error) {
	if err := cmp.Or(s.checkGrantTokens(ctx, c, tokens), checkContext(context)); err != nil {
		return nil, err
	}
	size, err := dataKeySize(spec, bytes)
	if err != nil {
		return nil, err
	}
	return s.wrap(ctx, c, keyID, encryptionAccess(action, types.EncryptionAlgorithmSpecSymmetricDefault, context), context, dry, func(*Key) error { return nil }, func() ([]byte, error) {
		plaintext := make([]byte, size)
		rand.Read(plaintext)
		return plaintext, nil
	})
}

// pair is a new key pair and its private key's ciphertext.
type pair struct {
	*dataKey
	public []byte
}

func (s *Service) newPair(ctx context.Context, c api.Caller, action, keyID string, spec types.DataKeyPairSpec, context map[string]string, tokens []string, dry *bool) (*pair, error) {
	if err := cmp.Or(s.checkGrantTokens(ctx, c, tokens), checkContext(context)); err != nil {
		return nil, err
	}
	if _, ok := specIn(c.Partition, types.KeySpec(spec)); !ok {
		return nil, api.Errorf("NotImplemented", "KeyPairSpec %s is not supported in this Region.", spec)
	}
	a := encryptionAccess(action, types.EncryptionAlgorithmSpecSymmetricDefault, context)
	a.request.Context["kms:DataKeyPairSpec"] = []string{string(spec)}
	d, err := s.wrap(ctx, c, keyID, a, context, dry, func(k *Key) error {
		if k.CustomKeyStore != "" {
			return api.Errorf("UnsupportedOperationException", "%s origin is %s which is not valid for this operation.", k.ARN(), k.Origin)
		}
		return nil
	}, func() ([]byte, error) { return keystore.Generate(types.KeySpec(spec), c.Partition) })
	if err != nil {
		return nil, err
	}
	public, err := keystore.PublicKey(d.plaintext)
	return &pair{d, public}, err
}

func (s *Service) generateDataKeyPair(ctx context.Context, c api.Caller, in *kms.GenerateDataKeyPairInput) (*kms.GenerateDataKeyPairOutput, error) {
	if in.Recipient != nil {
		return nil, api.Errorf("NotImplemented", "Recipient is not supported by this emulator.")
	}
	p, err := s.newPair(ctx, c, "kms:GenerateDataKeyPair", *in.KeyId, in.KeyPairSpec, in.EncryptionContext, in.GrantTokens, in.DryRun)
	if err != nil {
		return nil, err
	}
	return &kms.GenerateDataKeyPairOutput{
		KeyId: aws.String(p.key.ARN()), KeyMaterialId: &p.key.MaterialID, KeyPairSpec: in.KeyPairSpec,
		PrivateKeyPlaintext: p.plaintext, PrivateKeyCiphertextBlob: p.ciphertext, PublicKey: p.public,
	}, nil
}

func (s *Service) generateDataKeyPairWithoutPlaintext(ctx context.Context, c api.Caller, in *kms.GenerateDataKeyPairWithoutPlaintextInput) (*kms.GenerateDataKeyPairWithoutPlaintextOutput, error) {
	p, err := s.newPair(ctx, c, "kms:GenerateDataKeyPairWithoutPlaintext", *in.KeyId, in.KeyPairSpec, in.EncryptionContext, in.GrantTokens, in.DryRun)
	if err != nil {
		return nil, err
	}
	clear(p.plaintext)
	return &kms.GenerateDataKeyPairWithoutPlaintextOutput{
		KeyId: aws.String(p.key.ARN()), KeyMaterialId: &p.key.MaterialID, KeyPairSpec: in.KeyPairSpec,
		PrivateKeyCiphertextBlob: p.ciphertext, PublicKey: p.public,
	}, nil
}

// generateRandom takes its bytes from the same source for a custom key store, which has to be connected
// (https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateRandom.html).
func (s *Service) generateRandom(ctx context.Context, c api.Caller, in *kms.GenerateRandomInput) (*kms.GenerateRandomOutput, error) {
	switch {
	case in.Recipient != nil:
		return nil, api.Errorf("NotImplemented", "Recipient is not supported by this emulator.")
	case in.NumberOfBytes == nil:
		return nil, api.Errorf("ValidationError", "NumberOfBytes is required.")
	}
	err := s.store.View(ctx, func(r store.Reader) error {
		if err := s.authz.Authorize(r, c, authz.Request{Action: "kms:GenerateRandom", Resource: "*"}); err != nil || in.CustomKeyStoreId == nil {
			return err
		}
		ks, ok, err := loadKeyStore(r, c.Account, c.Region, *in.CustomKeyStoreId)
		switch {
		case err != nil:
			return err
		case !ok:
			return noKeyStore(*in.CustomKeyStoreId)
		case !ks.Connected:
			return wrongKeyStoreState(&ks, "connected")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	random := make([]byte, *in.NumberOfBytes)
	rand.Read(random)
	return &kms.GenerateRandomOutput{Plaintext: random}, nil
}
