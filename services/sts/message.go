package sts

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"emulator/api"
	"emulator/authz"
	"emulator/store"
)

// decodeAuthorizationMessage opens the sealed message that tells why a call was denied
// (https://docs.aws.amazon.com/STS/latest/APIReference/API_DecodeAuthorizationMessage.html).
func (s *Service) decodeAuthorizationMessage(ctx context.Context, c api.Caller, in *sts.DecodeAuthorizationMessageInput) (*sts.DecodeAuthorizationMessageOutput, error) {
	err := s.store.View(ctx, func(r store.Reader) error {
		return s.authz.Authorize(r, c, authz.Request{Action: "sts:DecodeAuthorizationMessage", Resource: "*"})
	})
	if err != nil {
		return nil, err
	}
	decoded, err := authz.DecodeMessage(s.keyring, *in.EncodedMessage)
	if err != nil {
		return nil, err
	}
	return &sts.DecodeAuthorizationMessageOutput{DecodedMessage: &decoded}, nil
}
