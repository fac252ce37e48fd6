package kms

import (
	"context"
	"crypto/hmac"
	"slices"

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
func (s *Service) computeMac(ctx context.Context, c api.Caller, operation, keyID string, algorithm types.MacAlgorithmSpec, message []byte, tokens []string, dry *bool) (arn *string, mac []byte, err error) {
	if err := s.checkGrantTokens(ctx, c, tokens); err != nil {
		return nil, nil, err
	}
	a := access{action: "kms:" + operation, anyAccount: true}
	a.request.Context = map[string][]string{"kms:MacAlgorithm": {string(algorithm)}}
	err = s.store.View(ctx, func(r store.Reader) error {
		k, err := s.findKey(r, c, keyID, a)
		if err != nil {
			return err
		}
		if err := checkUsage(k, types.KeyUsageTypeGenerateVerifyMac, operation); err != nil {
			return err
		}
		if !slices.Contains(specs[k.Spec].mac, algorithm) {
			return api.Errorf("InvalidKeyUsageException", "Algorithm %s is incompatible with key spec %s.", algorithm, k.Spec)
		}
		m, err := s.use(r, c, k, k.MaterialID)
		if err != nil {
			return err
		}
		arn, mac = aws.String(k.ARN()), m.mac(algorithm, message)
		return dryRun(dry)
	})
	return arn, mac, err
}

func (s *Service) generateMac(ctx context.Context, c api.Caller, in *kms.GenerateMacInput) (*kms.GenerateMacOutput, error) {
	arn, mac, err := s.computeMac(ctx, c, "GenerateMac", *in.KeyId, in.MacAlgorithm, in.Message, in.GrantTokens, in.DryRun)
	if err != nil {
		return nil, err
	}
	return &kms.GenerateMacOutput{KeyId: arn, Mac: mac, MacAlgorithm: in.MacAlgorithm}, nil
}

// verifyMac fails, rather than answer false, for a MAC that is not good.
func (s *Service) verifyMac(ctx context.Context, c api.Caller, in *kms.VerifyMacInput) (*kms.VerifyMacOutput, error) {
	arn, mac, err := s.computeMac(ctx, c, "VerifyMac", *in.KeyId, in.MacAlgorithm, in.Message, in.GrantTokens, in.DryRun)
	if err != nil {
		return nil, err
	}
	if !hmac.Equal(mac, in.Mac) {
		return nil, api.Errorf("KMSInvalidMacException", "")
	}
	return &kms.VerifyMacOutput{KeyId: arn, MacAlgorithm: in.MacAlgorithm, MacValid: true}, nil
}
