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
		d.key, err = s.useForEncryption(r, c, k, a.action[len("kms:"):], types.EncryptionAlgorithmSpecSymmetricDefault, context)
		if k.Usage == types.KeyUsageTypeEncryptDecrypt && api.ErrorCode(err) == "InvalidKeyUsageException" { // for the algorithm
			return api.Errorf("InvalidKeyUsageException", "You cannot generate a data key with an asymmetric CMK")
		}
		if err != nil {
			return err
		}
		if err := check(k); err != nil {
			return err
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := cmp.Or(s.verifyRecipient(ctx, c, a.recipient), dryRun(dry)); err != nil {
		return nil, err
	}
	if d.plaintext, err = make(); err != nil {
		return nil, err
	}
	d.ciphertext, err = s.encryptWith(ctx, d.key, types.EncryptionAlgorithmSpecSymmetricDefault, d.plaintext, context)
	return d, err
}

func (s *Service) generateDataKey(ctx context.Context, c api.Caller, in *kms.GenerateDataKeyInput) (*kms.GenerateDataKeyOutput, error) {
	to, err := recipientOf(in.Recipient)
	if err != nil {
		return nil, err
	}
	d, err := s.newDataKey(ctx, c, "kms:GenerateDataKey", in, to)
	if err != nil {
		return nil, err
	}
	out := &kms.GenerateDataKeyOutput{KeyId: aws.String(d.key.ARN()), CiphertextBlob: d.ciphertext}
	if to == nil { // the model says so, but not of pairs
		out.KeyMaterialId = &d.key.MaterialID
	}
	out.Plaintext, out.CiphertextForRecipient, err = to.deliver(d.plaintext)
	return out, err
}

func (s *Service) generateDataKeyWithoutPlaintext(ctx context.Context, c api.Caller, in *kms.GenerateDataKeyWithoutPlaintextInput) (*kms.GenerateDataKeyWithoutPlaintextOutput, error) {
	d, err := s.newDataKey(ctx, c, "kms:GenerateDataKeyWithoutPlaintext", &kms.GenerateDataKeyInput{
		KeyId: in.KeyId, KeySpec: in.KeySpec, NumberOfBytes: in.NumberOfBytes, EncryptionContext: in.EncryptionContext, GrantTokens: in.GrantTokens, DryRun: in.DryRun,
	}, nil)
	if err != nil {
		return nil, err
	}
	clear(d.plaintext)
	return &kms.GenerateDataKeyWithoutPlaintextOutput{
		KeyId: aws.String(d.key.ARN()), KeyMaterialId: &d.key.MaterialID, CiphertextBlob: d.ciphertext,
	}, nil
}

func (s *Service) newDataKey(ctx context.Context, c api.Caller, action string, in *kms.GenerateDataKeyInput, to *recipient) (*dataKey, error) {
	if err := cmp.Or(s.checkGrantTokens(ctx, c, in.GrantTokens), checkContext(in.EncryptionContext)); err != nil {
		return nil, err
	}
	size, err := dataKeySize(in.KeySpec, in.NumberOfBytes)
	if err != nil {
		return nil, err
	}
	a := encryptionAccess(action, types.EncryptionAlgorithmSpecSymmetricDefault, in.EncryptionContext).readBy(to)
	return s.wrap(ctx, c, *in.KeyId, a, in.EncryptionContext, in.DryRun, func(*Key) error { return nil }, func() ([]byte, error) {
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

func (s *Service) newPair(ctx context.Context, c api.Caller, action string, in *kms.GenerateDataKeyPairInput, to *recipient) (*pair, error) {
	if err := cmp.Or(s.checkGrantTokens(ctx, c, in.GrantTokens), checkContext(in.EncryptionContext)); err != nil {
		return nil, err
	}
	spec := types.KeySpec(in.KeyPairSpec)
	if _, ok := specIn(c.Partition, spec); !ok {
		return nil, api.Errorf("NotImplemented", "KeyPairSpec %s is not supported in this Region.", spec)
	}
	a := encryptionAccess(action, types.EncryptionAlgorithmSpecSymmetricDefault, in.EncryptionContext).readBy(to)
	a.request.Context["kms:DataKeyPairSpec"] = []string{string(spec)}
	d, err := s.wrap(ctx, c, *in.KeyId, a, in.EncryptionContext, in.DryRun, func(k *Key) error {
		if k.CustomKeyStore != "" {
			return api.Errorf("UnsupportedOperationException", "%s origin is %s which is not valid for this operation.", k.ARN(), k.Origin)
		}
		return nil
	}, func() ([]byte, error) { return keystore.Generate(spec, c.Partition) })
	if err != nil {
		return nil, err
	}
	public, err := keystore.PublicKey(d.plaintext)
	return &pair{d, public}, err
}

func (s *Service) generateDataKeyPair(ctx context.Context, c api.Caller, in *kms.GenerateDataKeyPairInput) (*kms.GenerateDataKeyPairOutput, error) {
	to, err := recipientOf(in.Recipient)
	if err != nil {
		return nil, err
	}
	p, err := s.newPair(ctx, c, "kms:GenerateDataKeyPair", in, to)
	if err != nil {
		return nil, err
	}
	out := &kms.GenerateDataKeyPairOutput{
		KeyId: aws.String(p.key.ARN()), KeyMaterialId: &p.key.MaterialID, KeyPairSpec: in.KeyPairSpec,
		PrivateKeyCiphertextBlob: p.ciphertext, PublicKey: p.public,
	}
	out.PrivateKeyPlaintext, out.CiphertextForRecipient, err = to.deliver(p.plaintext)
	return out, err
}

func (s *Service) generateDataKeyPairWithoutPlaintext(ctx context.Context, c api.Caller, in *kms.GenerateDataKeyPairWithoutPlaintextInput) (*kms.GenerateDataKeyPairWithoutPlaintextOutput, error) {
	p, err := s.newPair(ctx, c, "kms:GenerateDataKeyPairWithoutPlaintext", &kms.GenerateDataKeyPairInput{
		KeyId: in.KeyId, KeyPairSpec: in.KeyPairSpec, EncryptionContext: in.EncryptionContext, GrantTokens: in.GrantTokens, DryRun: in.DryRun,
	}, nil)
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
	if in.NumberOfBytes == nil {
		return nil, api.Errorf("ValidationError", "NumberOfBytes is required.")
	}
	to, err := recipientOf(in.Recipient)
	if err != nil {
		return nil, err
	}
	context := make(map[string][]string)
	to.describe(context)
	err = s.store.View(ctx, func(r store.Reader) error {
		if err := s.authz.Authorize(r, c, authz.Request{Action: "kms:GenerateRandom", Resource: "*", Context: context}); err != nil || in.CustomKeyStoreId == nil {
			return err
		}
		ks, ok, err := loadKeyStore(r, c.Account, c.Region, *in.CustomKeyStoreId)
		switch {
		case err != nil:
			return err
		case !ok:
			return noKeyStore(*in.CustomKeyStoreId)
		case !s.connected(&ks):
			return wrongKeyStoreState(&ks, "connected")
		}
		return s.takeOfKeyStore(c.Region, ks.ID)
	})
	if err != nil {
		return nil, err
	}
	if err := s.verifyRecipient(ctx, c, to); err != nil {
		return nil, err
	}
	random := make([]byte, *in.NumberOfBytes)
	rand.Read(random)
	out := &kms.GenerateRandomOutput{}
	out.Plaintext, out.CiphertextForRecipient, err = to.deliver(random)
	return out, err
}
