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

// Instance profiles and server certificates can't be made here: an account has none.
func (s *Service) instanceOperations() []api.Operation {
	return []api.Operation{
		api.Op("ListInstanceProfiles", s.listInstanceProfiles),
		api.Op("ListInstanceProfilesForRole", s.listInstanceProfilesForRole),
		api.Op("ListServerCertificates", s.listServerCertificates),
	}
}

// authorizeList asks for a list below a path.
func (s *Service) authorizeList(ctx context.Context, c api.Caller, action, resource string) error {
	return s.store.View(ctx, func(r store.Reader) error {
		return s.authz.Authorize(r, c, authz.Request{Action: action, Resource: identity.ARN(c.Partition, "iam", c.Account, resource)})
	})
}

func (s *Service) listInstanceProfiles(ctx context.Context, c api.Caller, in *iam.ListInstanceProfilesInput) (*iam.ListInstanceProfilesOutput, error) {
	if err := s.authorizeList(ctx, c, "iam:ListInstanceProfiles", "instance-profile"+pathOf(in.PathPrefix)); err != nil {
		return nil, err
	}
	page, next, err := pageOf([]types.InstanceProfile{}, api.ListOf(c, in))
	return &iam.ListInstanceProfilesOutput{InstanceProfiles: page, IsTruncated: next != nil, Marker: next}, err
}

func (s *Service) listInstanceProfilesForRole(ctx context.Context, c api.Caller, in *iam.ListInstanceProfilesForRoleInput) (*iam.ListInstanceProfilesForRoleOutput, error) {
	err := s.store.View(ctx, func(r store.Reader) error {
		_, err := s.findRole(r, c, *in.RoleName, authz.Request{Action: "iam:ListInstanceProfilesForRole"})
		return err
	})
	if err != nil {
		return nil, err
	}
	page, next, err := pageOf([]types.InstanceProfile{}, api.ListOf(c, in))
	return &iam.ListInstanceProfilesForRoleOutput{InstanceProfiles: page, IsTruncated: next != nil, Marker: next}, err
}

func (s *Service) listServerCertificates(ctx context.Context, c api.Caller, in *iam.ListServerCertificatesInput) (*iam.ListServerCertificatesOutput, error) {
	if err := s.authorizeList(ctx, c, "iam:ListServerCertificates", "server-certificate"+pathOf(in.PathPrefix)); err != nil {
		return nil, err
	}
	page, next, err := pageOf([]types.ServerCertificateMetadata{}, api.ListOf(c, in))
	return &iam.ListServerCertificatesOutput{ServerCertificateMetadataList: page, IsTruncated: next != nil, Marker: next}, err
}
