package kms

import (
	"context"
	"crypto/hmac"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"emulator/api"
	"emulator/store"
)

func (s *Service) macOperations() []api.Operation {
	return []api.Operation{
		api.Op("GenerateMac", s.generateMac),
		api.Op("VerifyMac", s.verifyMac),
	}
}

// computeMac returns the key's ARN and the MAC, if the caller may have it.
func (s *Service) computeMac(ctx context.Context, c api.Caller, operation, keyID string, algorithm types.MacAlgorithmSpec, message []byte, tokens []string) (arn *string, mac []byte, err error) {
	if err := s.checkGrantTokens(ctx, c, tokens); err != nil {
		return nil, nil, err
	}
	a := access{action: "kms:" + operation, anyAccount: true}
	a.request.Context = map[string][]string{"kms:MacAlgorithm": {string(algorithm)}}
	var key usable
	err = s.store.View(ctx, func(r store.Reader) error {
		k, err := s.findKey(r, c, keyID, a)
		if err != nil {
			return err
		}
		key, err = useFor(s, r, c, k, types.KeyUsageTypeGenerateVerifyMac, operation, k.algorithms().mac, algorithm)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	mac, err = s.material.MAC(ctx, key.ref(), algorithm, message)
	return aws.String(key.ARN()), mac, err
}

func (s *Service) generateMac(ctx context.Context, c api.Caller, in *kms.GenerateMacInput) (*kms.GenerateMacOutput, error) {
	arn, mac, err := s.computeMac(ctx, c, "GenerateMac", *in.KeyId, in.MacAlgorithm, in.Message, in.GrantTokens)
	if err != nil {
		return nil, err
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	return &kms.GenerateMacOutput{KeyId: arn, Mac: mac, MacAlgorithm: in.MacAlgorithm}, nil
}

// verifyMac fails, rather than answer false, for a MAC that is not good.
func (s *Service) verifyMac(ctx context.Context, c api.Caller, in *kms.VerifyMacInput) (*kms.VerifyMacOutput, error) {
	arn, mac, err := s.computeMac(ctx, c, "VerifyMac", *in.KeyId, in.MacAlgorithm, in.Message, in.GrantTokens)
	if err != nil {
		return nil, err
	}
	if !hmac.Equal(mac, in.Mac) {
		return nil, api.Errorf("KMSInvalidMacException", "")
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	return &kms.VerifyMacOutput{KeyId: arn, MacAlgorithm: in.MacAlgorithm, MacValid: true}, nil
}
