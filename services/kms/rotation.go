package kms

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"emulator/api"
	"emulator/store"
)

func (s *Service) rotationOperations() []api.Operation {
	return []api.Operation{
		api.Op("GetKeyRotationStatus", s.getKeyRotationStatus),
	}
}

// getKeyRotationStatus: no key rotates, since rotation can't be turned on yet. Asymmetric and HMAC keys, which never do, are told so
// as AWS does, without an error; keys of custom key stores are refused whatever their state. What is to be deleted does not rotate
// (https://docs.aws.amazon.com/kms/latest/APIReference/API_GetKeyRotationStatus.html).
func (s *Service) getKeyRotationStatus(ctx context.Context, c api.Caller, in *kms.GetKeyRotationStatusInput) (*kms.GetKeyRotationStatusOutput, error) {
	out := &kms.GetKeyRotationStatusOutput{}
	err := s.store.View(ctx, func(r store.Reader) error {
		k, err := s.findKey(r, c, *in.KeyId, access{action: "kms:GetKeyRotationStatus", anyAccount: true, noAlias: true})
		if err != nil {
			return err
		}
		if k.CustomKeyStore != "" {
			return api.Errorf("UnsupportedOperationException", "%s origin is %s which is not valid for this operation.", k.ARN(), k.Origin)
		}
		out.KeyId = aws.String(k.ARN())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
