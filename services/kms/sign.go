package kms

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"emulator/api"
	"emulator/store"
)

func (s *Service) signingOperations() []api.Operation {
	return []api.Operation{
		api.Op("Sign", s.sign),
		api.Op("Verify", s.verify),
		api.Op("GetPublicKey", s.getPublicKey),
	}
}

func signingAccess(action string, algorithm types.SigningAlgorithmSpec, message types.MessageType) access {
	a := access{action: action, anyAccount: true}
	a.request.Context = map[string][]string{"kms:SigningAlgorithm": {string(algorithm)}, "kms:MessageType": {string(message)}}
	return a
}

func messageTypeOr(t types.MessageType) types.MessageType {
	if t == "" {
		return types.MessageTypeRaw
	}
	return t
}

// anySize is what the API's model allows.
const anySize = -1

func rawOrDigest(size int) map[types.MessageType]int {
	return map[types.MessageType]int{types.MessageTypeRaw: anySize, types.MessageTypeDigest: size}
}

// messageSizes are how many bytes the algorithms sign of a message of each type that they take.
var messageSizes = map[types.SigningAlgorithmSpec]map[types.MessageType]int{
	types.SigningAlgorithmSpecRsassaPkcs1V15Sha256: rawOrDigest(32),
	types.SigningAlgorithmSpecRsassaPkcs1V15Sha384: rawOrDigest(48),
	types.SigningAlgorithmSpecRsassaPkcs1V15Sha512: rawOrDigest(64),
	types.SigningAlgorithmSpecRsassaPssSha256:      rawOrDigest(32),
	types.SigningAlgorithmSpecRsassaPssSha384:      rawOrDigest(48),
	types.SigningAlgorithmSpecRsassaPssSha512:      rawOrDigest(64),
	types.SigningAlgorithmSpecEcdsaSha256:          rawOrDigest(32),
	types.SigningAlgorithmSpecEcdsaSha384:          rawOrDigest(48),
	types.SigningAlgorithmSpecEcdsaSha512:          rawOrDigest(64),
	types.SigningAlgorithmSpecEd25519Sha512:        {types.MessageTypeRaw: anySize},
	types.SigningAlgorithmSpecEd25519PhSha512:      {types.MessageTypeDigest: 64},
	types.SigningAlgorithmSpecSm2dsa:               rawOrDigest(32),
	types.SigningAlgorithmSpecMlDsaShake256:        {types.MessageTypeRaw: anySize, types.MessageTypeExternalMu: 64},
}

// useForSigning returns a key for use by an operation, if it can be used with that algorithm for such a message.
func (s *Service) useForSigning(r store.Reader, c api.Caller, k *Key, operation string, algorithm types.SigningAlgorithmSpec, t types.MessageType, message []byte) (usable, error) {
	key, err := useFor(s, r, c, k, types.KeyUsageTypeSignVerify, operation, k.algorithms().signing, algorithm)
	if err != nil {
		return key, err
	}
	switch size, ok := messageSizes[algorithm][t]; {
	case !ok && algorithm == types.SigningAlgorithmSpecMlDsaShake256:
		err = api.Errorf("ValidationError", "Message type %s is incompatible with key spec %s.", t, k.Spec)
	case !ok:
		err = api.Errorf("ValidationError", "Message type %s is incompatible with algorithm %s.", t, algorithm)
	case size != anySize && len(message) != size:
		err = api.Errorf("ValidationError", "Digest is invalid length for algorithm %s.", algorithm)
	}
	return key, err
}

// sign (https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html).
func (s *Service) sign(ctx context.Context, c api.Caller, in *kms.SignInput) (*kms.SignOutput, error) {
	if err := s.checkGrantTokens(ctx, c, in.GrantTokens); err != nil {
		return nil, err
	}
	t := messageTypeOr(in.MessageType)
	var key usable
	err := s.store.View(ctx, func(r store.Reader) error {
		k, err := s.findKey(r, c, *in.KeyId, signingAccess("kms:Sign", in.SigningAlgorithm, t))
		if err != nil {
			return err
		}
		if key, err = s.useForSigning(r, c, k, "Sign", in.SigningAlgorithm, t, in.Message); err != nil {
			return err
		}
		return dryRun(in.DryRun)
	})
	if err != nil {
		return nil, err
	}
	signature, err := s.material.Sign(ctx, key.ref(), in.SigningAlgorithm, t, in.Message)
	if err != nil {
		return nil, err
	}
	return &kms.SignOutput{KeyId: aws.String(key.ARN()), SigningAlgorithm: in.SigningAlgorithm, Signature: signature}, nil
}

// verify fails, rather than answer false, for a signature that is not good
// (https://docs.aws.amazon.com/kms/latest/APIReference/API_Verify.html).
func (s *Service) verify(ctx context.Context, c api.Caller, in *kms.VerifyInput) (*kms.VerifyOutput, error) {
	if err := s.checkGrantTokens(ctx, c, in.GrantTokens); err != nil {
		return nil, err
	}
	t := messageTypeOr(in.MessageType)
	var key usable
	err := s.store.View(ctx, func(r store.Reader) error {
		k, err := s.findKey(r, c, *in.KeyId, signingAccess("kms:Verify", in.SigningAlgorithm, t))
		if err != nil {
			return err
		}
		key, err = s.useForSigning(r, c, k, "Verify", in.SigningAlgorithm, t, in.Message)
		return err
	})
	if err != nil {
		return nil, err
	}
	valid, err := s.material.Verify(ctx, key.ref(), in.SigningAlgorithm, t, in.Message, in.Signature)
	if err != nil {
		return nil, err
	}
	if !valid {
		return nil, api.Errorf("KMSInvalidSignatureException", "")
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	return &kms.VerifyOutput{KeyId: aws.String(key.ARN()), SigningAlgorithm: in.SigningAlgorithm, SignatureValid: true}, nil
}

func (s *Service) getPublicKey(ctx context.Context, c api.Caller, in *kms.GetPublicKeyInput) (*kms.GetPublicKeyOutput, error) {
	if err := s.checkGrantTokens(ctx, c, in.GrantTokens); err != nil {
		return nil, err
	}
	var key usable
	err := s.store.View(ctx, func(r store.Reader) error {
		k, err := s.findKey(r, c, *in.KeyId, access{action: "kms:GetPublicKey", anyAccount: true})
		if err != nil {
			return err
		}
		if key, err = s.use(r, c, k); err == nil && !specs[k.Spec].asymmetric() {
			err = api.Errorf("UnsupportedOperationException", "").Because("%s keys have no public key", k.Spec)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	public, err := s.material.PublicKey(ctx, key.ref())
	if err != nil {
		return nil, err
	}
	of := key.algorithms()
	return &kms.GetPublicKeyOutput{
		KeyId: aws.String(key.ARN()), KeyUsage: key.Usage, KeySpec: key.Spec, CustomerMasterKeySpec: types.CustomerMasterKeySpec(key.Spec), PublicKey: public,
		EncryptionAlgorithms: of.encryption, SigningAlgorithms: of.signing, KeyAgreementAlgorithms: of.agreement, EncapsulationAlgorithms: of.encapsulation,
	}, nil
}
