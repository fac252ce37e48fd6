package kms

import (
	"context"
	"crypto/x509"
	"slices"

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
	a.request.Context = map[string][]string{"kms:SigningAlgorithm": {string(algorithm)}, "kms:MessageType": {string(messageTypeOr(message))}}
	return a
}

func messageTypeOr(t types.MessageType) types.MessageType {
	if t == "" {
		return types.MessageTypeRaw
	}
	return t
}

// signingInput checks that an operation can use a key with an algorithm, and returns what is signed: the message's
// digest, the one given, or for pure Ed25519 the message.
func signingInput(k *Key, operation string, algorithm types.SigningAlgorithmSpec, message []byte, t types.MessageType) ([]byte, error) {
	if err := checkUsage(k, types.KeyUsageTypeSignVerify, operation); err != nil {
		return nil, err
	}
	if !slices.Contains(specs[k.Spec].signing, algorithm) {
		return nil, api.Errorf("InvalidKeyUsageException", "Algorithm %s is incompatible with key spec %s.", algorithm, k.Spec)
	}
	h := hashes[string(algorithm)]
	pure := algorithm == types.SigningAlgorithmSpecEd25519Sha512
	prehashed := algorithm == types.SigningAlgorithmSpecEd25519PhSha512
	switch messageTypeOr(t) {
	case types.MessageTypeRaw:
		if prehashed {
			return nil, api.Errorf("ValidationError", "Algorithm %s requires message type DIGEST.", algorithm)
		}
		if pure {
			return message, nil
		}
		digest := h.New()
		digest.Write(message)
		return digest.Sum(nil), nil
	case types.MessageTypeDigest:
		if pure {
			return nil, api.Errorf("ValidationError", "Algorithm %s requires message type RAW.", algorithm)
		}
		if len(message) != h.Size() {
			return nil, api.Errorf("ValidationError", "Digest is invalid length for algorithm %s.", algorithm)
		}
		return message, nil
	default:
		return nil, api.Errorf("ValidationError", "Message type %s is not valid for algorithm %s.", t, algorithm)
	}
}

// sign (https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html).
func (s *Service) sign(ctx context.Context, c api.Caller, in *kms.SignInput) (*kms.SignOutput, error) {
	if err := s.checkGrantTokens(ctx, c, in.GrantTokens); err != nil {
		return nil, err
	}
	out := &kms.SignOutput{SigningAlgorithm: in.SigningAlgorithm}
	var m *material
	var input []byte
	err := s.store.View(ctx, func(r store.Reader) error {
		k, err := s.findKey(r, c, *in.KeyId, signingAccess("kms:Sign", in.SigningAlgorithm, in.MessageType))
		if err != nil {
			return err
		}
		if input, err = signingInput(k, "Sign", in.SigningAlgorithm, in.Message, in.MessageType); err != nil {
			return err
		}
		if m, err = s.use(r, c, k, k.MaterialID); err != nil {
			return err
		}
		out.KeyId = aws.String(k.ARN())
		return dryRun(in.DryRun)
	})
	if err != nil {
		return nil, err
	}
	// A private key of RSA takes milliseconds: no transaction is open.
	out.Signature, err = m.sign(in.SigningAlgorithm, input)
	return out, err
}

// verify fails, rather than answer false, for a signature that is not good
// (https://docs.aws.amazon.com/kms/latest/APIReference/API_Verify.html).
func (s *Service) verify(ctx context.Context, c api.Caller, in *kms.VerifyInput) (*kms.VerifyOutput, error) {
	if err := s.checkGrantTokens(ctx, c, in.GrantTokens); err != nil {
		return nil, err
	}
	out := &kms.VerifyOutput{SigningAlgorithm: in.SigningAlgorithm, SignatureValid: true}
	err := s.store.View(ctx, func(r store.Reader) error {
		k, err := s.findKey(r, c, *in.KeyId, signingAccess("kms:Verify", in.SigningAlgorithm, in.MessageType))
		if err != nil {
			return err
		}
		input, err := signingInput(k, "Verify", in.SigningAlgorithm, in.Message, in.MessageType)
		if err != nil {
			return err
		}
		m, err := s.use(r, c, k, k.MaterialID)
		if err != nil {
			return err
		}
		if err := dryRun(in.DryRun); err != nil {
			return err
		}
		if !m.verify(in.SigningAlgorithm, input, in.Signature) {
			return api.Errorf("KMSInvalidSignatureException", "")
		}
		out.KeyId = aws.String(k.ARN())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *Service) getPublicKey(ctx context.Context, c api.Caller, in *kms.GetPublicKeyInput) (*kms.GetPublicKeyOutput, error) {
	if err := s.checkGrantTokens(ctx, c, in.GrantTokens); err != nil {
		return nil, err
	}
	out := &kms.GetPublicKeyOutput{}
	err := s.store.View(ctx, func(r store.Reader) error {
		k, err := s.findKey(r, c, *in.KeyId, access{action: "kms:GetPublicKey", anyAccount: true})
		if err != nil {
			return err
		}
		if specs[k.Spec].signing == nil {
			return api.Errorf("NotImplemented", "%s is not an asymmetric key.", k.ARN())
		}
		m, err := s.use(r, c, k, k.MaterialID)
		if err != nil {
			return err
		}
		if out.PublicKey, err = x509.MarshalPKIXPublicKey(m.signer.Public()); err != nil {
			return err
		}
		out.KeyId, out.KeyUsage, out.KeySpec, out.CustomerMasterKeySpec = aws.String(k.ARN()), k.Usage, k.Spec, types.CustomerMasterKeySpec(k.Spec)
		if k.Usage == types.KeyUsageTypeSignVerify {
			out.SigningAlgorithms = specs[k.Spec].signing
		} else {
			out.EncryptionAlgorithms = specs[k.Spec].encryption
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
