package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/store"
)

// Server certificates can't be made here: an account has none.
func (s *Service) serverCertificateOperations() []api.Operation {
	return []api.Operation{
		api.Op("ListServerCertificates", s.listServerCertificates),
	}
}

func (s *Service) listServerCertificates(ctx context.Context, c api.Caller, in *iam.ListServerCertificatesInput) (*iam.ListServerCertificatesOutput, error) {
	err := s.store.View(ctx, func(r store.Reader) error {
		resource := identity.ARN(c.Partition, "iam", c.Account, "server-certificate"+pathOf(in.PathPrefix))
		return s.authz.Authorize(r, c, authz.Request{Action: "iam:ListServerCertificates", Resource: resource})
	})
	if err != nil {
		return nil, err
	}
	page, next, err := pageOf([]types.ServerCertificateMetadata{}, api.ListOf(c, in))
	return &iam.ListServerCertificatesOutput{ServerCertificateMetadataList: page, IsTruncated: next != nil, Marker: next}, err
}
