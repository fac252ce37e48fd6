package kms

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"emulator/api"
	"emulator/services/kms/keystore"
	"emulator/store"
)

func (s *Service) agreementOperations() []api.Operation {
	return []api.Operation{
		api.Op("DeriveSharedSecret", s.deriveSharedSecret),
		api.Op("Encapsulate", s.encapsulate),
		api.Op("Decapsulate", s.decapsulate),
	}
}

// deriveSharedSecret (https://docs.aws.amazon.com/kms/latest/APIReference/API_DeriveSharedSecret.html).
func (s *Service) deriveSharedSecret(ctx context.Context, c api.Caller, in *kms.DeriveSharedSecretInput) (*kms.DeriveSharedSecretOutput, error) {
	if err := s.checkGrantTokens(ctx, c, in.GrantTokens); err != nil {
		return nil, err
	}
	to, err := recipientOf(in.Recipient)
	if err != nil {
		return nil, err
	}
	a := access{action: "kms:DeriveSharedSecret", anyAccount: true}
	a.request.Context = with(nil, "kms:KeyAgreementAlgorithm", string(in.KeyAgreementAlgorithm))
	a = a.readBy(to)
	var key usable
	err = s.store.View(ctx, func(r store.Reader) error {
		k, err := s.findKey(r, c, *in.KeyId, a)
		if err != nil {
			return err
		}
		key, err = useFor(s, r, c, k, types.KeyUsageTypeKeyAgreement, "DeriveSharedSecret", k.algorithms().agreement, in.KeyAgreementAlgorithm)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := s.verifyRecipient(ctx, c, to); err != nil {
		return nil, err
	}
	secret, err := s.material.DeriveSharedSecret(ctx, key.ref(), in.PublicKey)
	if errors.Is(err, keystore.ErrPublicKey) {
		return nil, api.Errorf("ValidationError", "The public key is not a valid public key of key spec %s.", key.Spec)
	}
	if err != nil {
		return nil, err
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	out := &kms.DeriveSharedSecretOutput{KeyId: aws.String(key.ARN()), KeyAgreementAlgorithm: in.KeyAgreementAlgorithm, KeyOrigin: key.Origin}
	out.SharedSecret, out.CiphertextForRecipient, err = to.deliver(secret)
	return out, err
}

// useForEncapsulation returns the key that an operation names for use with an algorithm, if the caller may.
func (s *Service) useForEncapsulation(ctx context.Context, c api.Caller, operation, keyID string, algorithm types.EncapsulationAlgorithmSpec, tokens []string) (key usable, err error) {
	if err := s.checkGrantTokens(ctx, c, tokens); err != nil {
		return key, err
	}
	a := access{action: "kms:" + operation, anyAccount: true} // there is no condition key for the algorithm
	err = s.store.View(ctx, func(r store.Reader) error {
		k, err := s.findKey(r, c, keyID, a)
		if err != nil {
			return err
		}
		key, err = useFor(s, r, c, k, types.KeyUsageTypeEncapsulateDecapsulate, operation, k.algorithms().encapsulation, algorithm)
		return err
	})
	return key, err
}

// encapsulate (https://docs.aws.amazon.com/kms/latest/APIReference/API_Encapsulate.html).
func (s *Service) encapsulate(ctx context.Context, c api.Caller, in *kms.EncapsulateInput) (*kms.EncapsulateOutput, error) {
	key, err := s.useForEncapsulation(ctx, c, "Encapsulate", *in.KeyId, in.EncapsulationAlgorithm, in.GrantTokens)
	if err != nil {
		return nil, err
	}
	secret, ciphertext, err := s.material.Encapsulate(ctx, key.ref())
	if err != nil {
		return nil, err
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	return &kms.EncapsulateOutput{
		KeyId: aws.String(key.ARN()), EncapsulationAlgorithm: in.EncapsulationAlgorithm, SharedSecret: secret, SharedSecretCiphertextBlob: ciphertext,
	}, nil
}

// decapsulate answers for a ciphertext that was changed, or made for another key, with a secret that nobody knows; only one of
// another length is an error (https://docs.aws.amazon.com/kms/latest/APIReference/API_Decapsulate.html).
func (s *Service) decapsulate(ctx context.Context, c api.Caller, in *kms.DecapsulateInput) (*kms.DecapsulateOutput, error) {
	key, err := s.useForEncapsulation(ctx, c, "Decapsulate", *in.KeyId, in.EncapsulationAlgorithm, in.GrantTokens)
	if err != nil {
		return nil, err
	}
	secret, err := s.material.Decapsulate(ctx, key.ref(), in.SharedSecretCiphertextBlob)
	if errors.Is(err, keystore.ErrCiphertext) {
		return nil, invalidCiphertext()
	}
	if err != nil {
		return nil, err
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	return &kms.DecapsulateOutput{KeyId: aws.String(key.ARN()), EncapsulationAlgorithm: in.EncapsulationAlgorithm, SharedSecret: secret}, nil
}
