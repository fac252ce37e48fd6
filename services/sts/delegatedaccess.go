package sts

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/store"
)

// getDelegatedAccessToken trades in what SendDelegationToken sent for credentials of the identity that
// accepted the request, within the request's policy.
//
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetDelegatedAccessToken.html
func (s *Service) getDelegatedAccessToken(ctx context.Context, c api.Caller, in *sts.GetDelegatedAccessTokenInput) (*sts.GetDelegatedAccessTokenOutput, error) {
	if err := mayCall(c, "GetDelegatedAccessToken"); err != nil {
		return nil, err
	}
	if err := s.checkRegion(c, c.Account); err != nil {
		return nil, err
	}
	var request identity.DelegationRequest
	err := s.store.View(ctx, func(r store.Reader) error {
		if err := s.authz.Authorize(r, c, authz.Request{Action: "sts:GetDelegatedAccessToken", Resource: "*"}); err != nil {
			return err
		}
		id, err := s.keyring.OpenTradeIn(*in.TradeInToken)
		if err != nil || strings.IndexByte(id, 0) >= 0 {
			return api.Errorf("ValidationError", "The trade-in token is not valid.")
		}
		var ok bool
		request, ok, err = store.Load[identity.DelegationRequest](r, identity.DelegationRequestKey(id))
		if err == nil && (!ok || request.Requestor != c.Account || request.State != identity.DelegationFinalized) {
			err = api.Errorf("ValidationError", "The trade-in token is not valid.")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	left := request.Updated.Add(time.Duration(request.Seconds) * time.Second).Sub(s.clock.Now()).Truncate(time.Second)
	if left <= 0 {
		return nil, api.Errorf("ExpiredTradeInTokenException", "The trade-in token has expired.")
	}
	issued, err := s.issue(ctx, c, request.Session, int32(left/time.Second), nil)
	if err != nil {
		return nil, err
	}
	return &sts.GetDelegatedAccessTokenOutput{AssumedPrincipal: &request.Approver, Credentials: issued.Credentials}, nil
}
