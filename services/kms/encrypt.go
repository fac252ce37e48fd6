package kms

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"emulator/api"
	"emulator/identity"
	"emulator/services/kms/keystore"
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

// useForEncryption returns a key for use by an operation, such as "Encrypt", if it can be used with that algorithm and context.
func (s *Service) useForEncryption(r store.Reader, c api.Caller, k *Key, operation string, algorithm types.EncryptionAlgorithmSpec, context map[string]string) (usable, error) {
	key, err := useFor(s, r, c, k, types.KeyUsageTypeEncryptDecrypt, operation, k.algorithms().encryption, algorithm)
	if err == nil && algorithm != types.EncryptionAlgorithmSpecSymmetricDefault && len(context) > 0 {
		err = api.Errorf("ValidationError", "EncryptionContext is not supported when encrypting/decrypting with asymmetric CMKs.")
	}
	return key, err
}

// dryRun is AWS's answer to a call that would have succeeded.
func dryRun(on *bool) error {
	if aws.ToBool(on) {
		return api.Errorf("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")
	}
	return nil
}

// ignoresCiphertext reports whether a call only asks for permission, as far as the ciphertext goes. Modifiers of no dry run count for nothing.
func ignoresCiphertext(on *bool, modifiers []types.DryRunModifierType) bool {
	return aws.ToBool(on) && slices.Contains(modifiers, types.DryRunModifierTypeIgnoreCiphertext)
}

func invalidCiphertext() *api.Error { return api.Errorf("InvalidCiphertextException", "") }

// encryptWith encrypts with a key that may be used so. It keeps the context for whoever asks why the ciphertext does not open.
func (s *Service) encryptWith(ctx context.Context, k usable, algorithm types.EncryptionAlgorithmSpec, plaintext []byte, context map[string]string) ([]byte, error) {
	if longest := specs[k.Spec].longest(algorithm); len(plaintext) > longest {
		return nil, api.Errorf("ValidationError", "Algorithm %s and key spec %s cannot encrypt data larger than %d bytes.", algorithm, k.Spec, longest)
	}
	if algorithm != types.EncryptionAlgorithmSpecSymmetricDefault {
		return s.material.Encrypt(ctx, k.ref(), algorithm, plaintext)
	}
	blob, err := sealBlob(ctx, k, plaintext, context)
	if err == nil {
		s.contexts.note(blob, context)
	}
	return blob, err
}

// decryptWith decrypts with a key that may be used so.
func (s *Service) decryptWith(ctx context.Context, k usable, algorithm types.EncryptionAlgorithmSpec, ciphertext []byte, context map[string]string) (plaintext []byte, err error) {
	if algorithm != types.EncryptionAlgorithmSpecSymmetricDefault {
		plaintext, err = s.material.Decrypt(ctx, k.ref(), algorithm, ciphertext)
		if errors.Is(err, keystore.ErrCiphertext) {
			err = invalidCiphertext()
		}
		return plaintext, err
	}
	b, err := parseBlob(ciphertext)
	if err != nil {
		return nil, invalidCiphertext().Because("%v", err)
	}
	plaintext, err = b.open(ctx, k, context)
	switch {
	case errors.Is(err, keystore.ErrNoMaterial):
		err = invalidCiphertext().Because("made with no material of the key")
	case errors.Is(err, keystore.ErrCiphertext):
		err = invalidCiphertext().Because("%s", s.contexts.why(b, context))
	}
	return plaintext, err
}

// ciphertextKey finds the key of a ciphertext: that of the blob, or the one given, which
// must be the blob's, unless that is ignored. A key ID alone does for a key of another account if the blob names it.
func (s *Service) ciphertextKey(r store.Reader, c api.Caller, given *string, algorithm types.EncryptionAlgorithmSpec, ciphertext []byte, ignored bool, a access) (*Key, error) {
	asymmetric := algorithm != types.EncryptionAlgorithmSpecSymmetricDefault
	switch {
	case ciphertext == nil && !ignored: // the model lets it be absent
		return nil, api.Errorf("ValidationError", "1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy constraint: Member must not be null")
	case given == nil && asymmetric:
		return nil, api.Errorf("ValidationError", "KeyId must not be null")
	case given == nil && ignored:
		return nil, api.Errorf("ValidationError", "A key ID is required when DryRunModifiers is IGNORE_CIPHERTEXT.")
	case asymmetric || ignored:
		return s.findKey(r, c, *given, a)
	}
	b, err := parseBlob(ciphertext)
	if err != nil || !identity.IsAccountID(b.account) || !isKeyID(b.keyID) {
		return nil, invalidCiphertext()
	}
	if given == nil || *given == b.keyID { // which may be in any account
		return s.blobKey(r, c, b, a)
	}
	k, err := s.findKey(r, c, *given, a)
	if err != nil {
		return nil, err
	}
	if k.ID != b.keyID || k.Account != b.account || k.Region != b.region && k.MultiRegion == "" { // also of another usage
		return nil, api.Errorf("IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation.")
	}
	return k, nil
}

// blobKey finds the key that a blob names. Anybody can make up a blob, so that of other accounts and regions nobody learns
// whether there is the key, nor its ARN, unless he may use it. Within the account the denial says why.
func (s *Service) blobKey(r store.Reader, c api.Caller, b *blob, a access) (*Key, error) {
	unreachable := api.Errorf("AccessDenied", "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.")
	if b.region != c.Region && !isMultiRegionID(b.keyID) {
		return nil, unreachable
	}
	k, err := s.lookUpKey(r, c, keyID{account: b.account, region: c.Region, id: b.keyID}, a)
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
	var key usable
	err := s.store.View(ctx, func(r store.Reader) error {
		k, err := s.findKey(r, c, *in.KeyId, encryptionAccess("kms:Encrypt", algorithm, in.EncryptionContext))
		if err != nil {
			return err
		}
		key, err = s.useForEncryption(r, c, k, "Encrypt", algorithm, in.EncryptionContext)
		return err
	})
	if err != nil {
		return nil, err
	}
	ciphertext, err := s.encryptWith(ctx, key, algorithm, in.Plaintext, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	return &kms.EncryptOutput{KeyId: aws.String(key.ARN()), EncryptionAlgorithm: algorithm, CiphertextBlob: ciphertext}, nil
}

// decrypt (https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html).
func (s *Service) decrypt(ctx context.Context, c api.Caller, in *kms.DecryptInput) (*kms.DecryptOutput, error) {
	if err := cmp.Or(s.checkGrantTokens(ctx, c, in.GrantTokens), checkContext(in.EncryptionContext)); err != nil {
		return nil, err
	}
	to, err := recipientOf(in.Recipient)
	if err != nil {
		return nil, err
	}
	algorithm, ignored := algorithmOr(in.EncryptionAlgorithm), ignoresCiphertext(in.DryRun, in.DryRunModifiers)
	out := &kms.DecryptOutput{EncryptionAlgorithm: algorithm}
	var key usable
	err = s.store.View(ctx, func(r store.Reader) error {
		k, err := s.ciphertextKey(r, c, in.KeyId, algorithm, in.CiphertextBlob, ignored, encryptionAccess("kms:Decrypt", algorithm, in.EncryptionContext).readBy(to))
		if err != nil {
			return err
		}
		out.KeyId = aws.String(k.ARN())
		if algorithm == types.EncryptionAlgorithmSpecSymmetricDefault && to == nil {
			out.KeyMaterialId = materialOf(in.CiphertextBlob)
		}
		key, err = s.useForEncryption(r, c, k, "Decrypt", algorithm, in.EncryptionContext)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := s.verifyRecipient(ctx, c, to); err != nil {
		return nil, err
	}
	if ignored {
		return nil, dryRun(in.DryRun)
	}
	plaintext, err := s.decryptWith(ctx, key, algorithm, in.CiphertextBlob, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	out.Plaintext, out.CiphertextForRecipient, err = to.deliver(plaintext)
	return out, err
}

// reEncrypt decrypts with one key and encrypts with another; the caller needs a permission for
// each (https://docs.aws.amazon.com/kms/latest/APIReference/API_ReEncrypt.html).
func (s *Service) reEncrypt(ctx context.Context, c api.Caller, in *kms.ReEncryptInput) (*kms.ReEncryptOutput, error) {
	if err := cmp.Or(s.checkGrantTokens(ctx, c, in.GrantTokens), checkContext(in.SourceEncryptionContext), checkContext(in.DestinationEncryptionContext)); err != nil {
		return nil, err
	}
	ignored := ignoresCiphertext(in.DryRun, in.DryRunModifiers)
	from, to := algorithmOr(in.SourceEncryptionAlgorithm), algorithmOr(in.DestinationEncryptionAlgorithm)
	out := &kms.ReEncryptOutput{SourceEncryptionAlgorithm: from, DestinationEncryptionAlgorithm: to}
	var decrypting, encrypting usable
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
		if in.SourceKeyId != nil {
			if sourceID, err = s.peek(r, c, *in.SourceKeyId); err != nil {
				return err
			}
		} else if b, err := parseBlob(in.CiphertextBlob); err == nil {
			sourceID = b.keyID
		}
		source, err := s.ciphertextKey(r, c, in.SourceKeyId, from, in.CiphertextBlob, ignored,
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
		if decrypting, err = s.useForEncryption(r, c, source, "ReEncrypt", from, in.SourceEncryptionContext); err != nil {
			return err
		}
		if encrypting, err = s.useForEncryption(r, c, target, "ReEncrypt", to, in.DestinationEncryptionContext); err != nil {
			return err
		}
		if from == types.EncryptionAlgorithmSpecSymmetricDefault {
			out.SourceKeyMaterialId = materialOf(in.CiphertextBlob)
		}
		if to == types.EncryptionAlgorithmSpecSymmetricDefault {
			out.DestinationKeyMaterialId = &target.MaterialID
		}
		if ignored {
			return dryRun(in.DryRun)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	plaintext, err := s.decryptWith(ctx, decrypting, from, in.CiphertextBlob, in.SourceEncryptionContext)
	if err != nil {
		return nil, err
	}
	defer clear(plaintext)
	if out.CiphertextBlob, err = s.encryptWith(ctx, encrypting, to, plaintext, in.DestinationEncryptionContext); err != nil {
		return nil, err
	}
	if err := dryRun(in.DryRun); err != nil {
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
