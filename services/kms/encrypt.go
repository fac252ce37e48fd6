package kms

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"emulator/api"
	"emulator/identity"
	"emulator/store"
)

func (s *Service) encryptionOperations() []api.Operation {
	return []api.Operation{
		api.Op("Encrypt", s.encrypt),
		api.Op("Decrypt", s.decrypt),
		api.Op("ReEncrypt", s.reEncrypt),
	}
}

// maxContext bounds the keys and values of an encryption context, in bytes: conditions compare them.
const maxContext = 8 << 10

func checkContext(context map[string]string) error {
	size := 0
	for key, value := range context {
		size += len(key) + len(value)
	}
	if size > maxContext {
		return api.Errorf("ValidationError", "The encryption context is larger than %d bytes.", maxContext)
	}
	return nil
}

// encryptionAccess is the access of an operation with an encryption context.
func encryptionAccess(action string, algorithm types.EncryptionAlgorithmSpec, context map[string]string) access {
	a := access{action: action, anyAccount: true}
	a.request.Context = make(map[string][]string, 8+len(context))
	if algorithm != "" {
		a.request.Context["kms:EncryptionAlgorithm"] = []string{string(algorithm)}
	}
	for key, value := range context {
		a.request.Context["kms:EncryptionContext:"+key] = []string{value}
	}
	if len(context) > 0 {
		a.request.Context["kms:EncryptionContextKeys"] = slices.Sorted(maps.Keys(context))
	}
	return a
}

func algorithmOr(algorithm types.EncryptionAlgorithmSpec) types.EncryptionAlgorithmSpec {
	if algorithm == "" {
		return types.EncryptionAlgorithmSpecSymmetricDefault
	}
	return algorithm
}

// checkEncryption returns AWS's error if an operation, such as "Encrypt", can't use a key with that algorithm and context.
func checkEncryption(k *Key, operation string, algorithm types.EncryptionAlgorithmSpec, context map[string]string) error {
	if err := checkUsage(k, types.KeyUsageTypeEncryptDecrypt, operation); err != nil {
		return err
	}
	switch {
	case !slices.Contains(specs[k.Spec].encryption, algorithm):
		return api.Errorf("InvalidKeyUsageException", "Algorithm %s is incompatible with key spec %s.", algorithm, k.Spec)
	case algorithm != types.EncryptionAlgorithmSpecSymmetricDefault && len(context) > 0:
		return api.Errorf("ValidationError", "EncryptionContext is not supported with asymmetric keys.")
	}
	return nil
}

// checkUsage returns AWS's error if an operation can't use a key for what it is for.
func checkUsage(k *Key, usage types.KeyUsageType, operation string) error {
	if k.Usage != usage {
		return api.Errorf("InvalidKeyUsageException", "%s key usage is %s which is not valid for %s.", k.ARN(), k.Usage, operation)
	}
	return nil
}

// dryRun is AWS's answer to a call that would have succeeded.
func dryRun(on *bool) error {
	if aws.ToBool(on) {
		return api.Errorf("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")
	}
	return nil
}

// seal is sealBlob, and keeps the context for whoever asks why the ciphertext does not open.
func (s *Service) seal(k *Key, m *material, plaintext []byte, context map[string]string) ([]byte, error) {
	ciphertext, err := sealBlob(k, m, plaintext, context)
	s.contexts.note(ciphertext, context)
	return ciphertext, err
}

func invalidCiphertext() *api.Error { return api.Errorf("InvalidCiphertextException", "") }

// encryptWith encrypts, for an operation, with a key that the caller may use.
func (s *Service) encryptWith(r store.Reader, c api.Caller, k *Key, operation string, algorithm types.EncryptionAlgorithmSpec, plaintext []byte, context map[string]string) ([]byte, error) {
	if err := checkEncryption(k, operation, algorithm, context); err != nil {
		return nil, err
	}
	m, err := s.use(r, c, k, k.MaterialID)
	if err != nil {
		return nil, err
	}
	if algorithm == types.EncryptionAlgorithmSpecSymmetricDefault {
		return s.seal(k, m, plaintext, context)
	}
	ciphertext, longest, err := m.encryptOAEP(algorithm, plaintext)
	if err == nil && ciphertext == nil {
		return nil, api.Errorf("ValidationError", "Algorithm %s and key spec %s cannot encrypt data larger than %d bytes.", algorithm, k.Spec, longest)
	}
	return ciphertext, err
}

// decryptWith decrypts, for an operation, with a key that the caller may use.
func (s *Service) decryptWith(r store.Reader, c api.Caller, k *Key, operation string, algorithm types.EncryptionAlgorithmSpec, ciphertext []byte, context map[string]string) ([]byte, error) {
	if err := checkEncryption(k, operation, algorithm, context); err != nil {
		return nil, err
	}
	if algorithm != types.EncryptionAlgorithmSpecSymmetricDefault {
		m, err := s.use(r, c, k, k.MaterialID)
		if err != nil {
			return nil, err
		}
		plaintext, err := m.decryptOAEP(algorithm, ciphertext)
		if err != nil {
			return nil, invalidCiphertext()
		}
		return plaintext, nil
	}
	b, err := parseBlob(ciphertext)
	if err != nil {
		return nil, invalidCiphertext().Because("%v", err)
	}
	if b.materialID != k.MaterialID {
		return nil, invalidCiphertext().Because("made with other material of the key")
	}
	m, err := s.use(r, c, k, b.materialID)
	if err != nil {
		return nil, err
	}
	plaintext, err := b.open(m, context)
	if err != nil {
		return nil, invalidCiphertext().Because("%s", s.contexts.why(b, context))
	}
	return plaintext, nil
}

// ciphertextKey finds the key of a ciphertext: that of the blob, or the one given, which
// must be the blob's.
func (s *Service) ciphertextKey(r store.Reader, c api.Caller, given *string, algorithm types.EncryptionAlgorithmSpec, ciphertext []byte, a access) (*Key, error) {
	if algorithm != types.EncryptionAlgorithmSpecSymmetricDefault {
		if given == nil {
			return nil, api.Errorf("ValidationError", "A key ID is required to decrypt with an asymmetric key.")
		}
		return s.findKey(r, c, *given, a)
	}
	if ciphertext == nil { // the model lets it be absent, for a kind of dry run that is not supported
		return nil, api.Errorf("ValidationError", "1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy constraint: Member must not be null")
	}
	b, err := parseBlob(ciphertext)
	if err != nil || !identity.IsAccountID(b.account) || !isKeyID(b.keyID) {
		return nil, invalidCiphertext()
	}
	if given == nil {
		return s.blobKey(r, c, b, a)
	}
	k, err := s.findKey(r, c, *given, a)
	if err != nil {
		return nil, err
	}
	if k.ID != b.keyID || k.Account != b.account || k.Region != b.region { // also of another usage
		return nil, api.Errorf("IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation.")
	}
	return k, nil
}

// blobKey finds the key that a blob names. Anybody can make up a blob, so that of other accounts and regions nobody learns
// whether there is the key, nor its ARN, unless he may use it. Within the account the denial says why.
func (s *Service) blobKey(r store.Reader, c api.Caller, b *blob, a access) (*Key, error) {
	unreachable := api.Errorf("AccessDenied", "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.")
	if b.region != c.Region {
		return nil, unreachable
	}
	k, err := s.lookUpKey(r, c, keyID{account: b.account, region: b.region, id: b.keyID}, a)
	if code := api.ErrorCode(err); code == "NotFoundException" || code == "AccessDenied" && b.account != c.Account {
		return nil, unreachable
	}
	return k, err
}

// encrypt (https://docs.aws.amazon.com/kms/latest/APIReference/API_Encrypt.html).
func (s *Service) encrypt(ctx context.Context, c api.Caller, in *kms.EncryptInput) (*kms.EncryptOutput, error) {
	if err := cmp.Or(s.checkGrantTokens(ctx, c, in.GrantTokens), checkContext(in.EncryptionContext)); err != nil {
		return nil, err
	}
	algorithm := algorithmOr(in.EncryptionAlgorithm)
	out := &kms.EncryptOutput{EncryptionAlgorithm: algorithm}
	err := s.store.View(ctx, func(r store.Reader) error {
		k, err := s.findKey(r, c, *in.KeyId, encryptionAccess("kms:Encrypt", algorithm, in.EncryptionContext))
		if err != nil {
			return err
		}
		out.KeyId = aws.String(k.ARN())
		if out.CiphertextBlob, err = s.encryptWith(r, c, k, "Encrypt", algorithm, in.Plaintext, in.EncryptionContext); err != nil {
			return err
		}
		return dryRun(in.DryRun)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// decrypt (https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html).
func (s *Service) decrypt(ctx context.Context, c api.Caller, in *kms.DecryptInput) (*kms.DecryptOutput, error) {
	if err := cmp.Or(s.checkGrantTokens(ctx, c, in.GrantTokens), checkContext(in.EncryptionContext)); err != nil {
		return nil, err
	}
	if in.Recipient != nil || len(in.DryRunModifiers) > 0 {
		return nil, api.Errorf("NotImplemented", "Recipient and DryRunModifiers are not supported by this emulator.")
	}
	algorithm := algorithmOr(in.EncryptionAlgorithm)
	out := &kms.DecryptOutput{EncryptionAlgorithm: algorithm}
	err := s.store.View(ctx, func(r store.Reader) error {
		k, err := s.ciphertextKey(r, c, in.KeyId, algorithm, in.CiphertextBlob, encryptionAccess("kms:Decrypt", algorithm, in.EncryptionContext))
		if err != nil {
			return err
		}
		out.KeyId = aws.String(k.ARN())
		if algorithm == types.EncryptionAlgorithmSpecSymmetricDefault {
			out.KeyMaterialId = &k.MaterialID
		}
		if out.Plaintext, err = s.decryptWith(r, c, k, "Decrypt", algorithm, in.CiphertextBlob, in.EncryptionContext); err != nil {
			return err
		}
		return dryRun(in.DryRun)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// reEncrypt decrypts with one key and encrypts with another; the caller needs a permission for
// each (https://docs.aws.amazon.com/kms/latest/APIReference/API_ReEncrypt.html).
func (s *Service) reEncrypt(ctx context.Context, c api.Caller, in *kms.ReEncryptInput) (*kms.ReEncryptOutput, error) {
	if err := cmp.Or(s.checkGrantTokens(ctx, c, in.GrantTokens), checkContext(in.SourceEncryptionContext), checkContext(in.DestinationEncryptionContext)); err != nil {
		return nil, err
	}
	if len(in.DryRunModifiers) > 0 {
		return nil, api.Errorf("NotImplemented", "DryRunModifiers is not supported by this emulator.")
	}
	from, to := algorithmOr(in.SourceEncryptionAlgorithm), algorithmOr(in.DestinationEncryptionAlgorithm)
	out := &kms.ReEncryptOutput{SourceEncryptionAlgorithm: from, DestinationEncryptionAlgorithm: to}
	err := s.store.View(ctx, func(r store.Reader) error {
		same := func(a access, one, other string) access {
			a.request.Context["kms:ReEncryptOnSameKey"] = []string{map[bool]string{true: "true", false: "false"}[one == other]}
			return a
		}
		destination, err := s.peek(r, c, *in.DestinationKeyId)
		if err != nil {
			return err
		}
		sourceID := ""
		if b, err := parseBlob(in.CiphertextBlob); err == nil {
			sourceID = b.keyID
		}
		source, err := s.ciphertextKey(r, c, in.SourceKeyId, from, in.CiphertextBlob,
			same(encryptionAccess("kms:ReEncryptFrom", from, in.SourceEncryptionContext), sourceID, destination))
		if err != nil {
			return err
		}
		target, err := s.findKey(r, c, *in.DestinationKeyId,
			same(encryptionAccess("kms:ReEncryptTo", to, in.DestinationEncryptionContext), source.ID, destination))
		if err != nil {
			return err
		}
		out.SourceKeyId, out.KeyId = aws.String(source.ARN()), aws.String(target.ARN())
		plaintext, err := s.decryptWith(r, c, source, "ReEncrypt", from, in.CiphertextBlob, in.SourceEncryptionContext)
		if err != nil {
			return err
		}
		if out.CiphertextBlob, err = s.encryptWith(r, c, target, "ReEncrypt", to, plaintext, in.DestinationEncryptionContext); err != nil {
			return err
		}
		if from == types.EncryptionAlgorithmSpecSymmetricDefault {
			out.SourceKeyMaterialId = &source.MaterialID
		}
		if to == types.EncryptionAlgorithmSpecSymmetricDefault {
			out.DestinationKeyMaterialId = &target.MaterialID
		}
		return dryRun(in.DryRun)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// peek returns the ID of the key that a request names, for a condition key that is needed before the key
// itself is; "" if there is none.
func (s *Service) peek(r store.Reader, c api.Caller, given string) (string, error) {
	id, err := parseKeyID(c, given)
	if err != nil || id.alias == "" {
		return id.id, err
	}
	alias, _, err := loadAlias(r, id.account, id.region, id.alias)
	return alias.Target, err
}
