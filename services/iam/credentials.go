package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/store"
)

// Of a user's credentials besides access keys and MFA devices none can be made here. What lists them answers as
// for a user who has none.
func (s *Service) otherCredentialOperations() []api.Operation {
	return []api.Operation{
		api.Op("ListSSHPublicKeys", s.listSSHPublicKeys),
		api.Op("ListServiceSpecificCredentials", s.listServiceSpecificCredentials),
		api.Op("ListSigningCertificates", s.listSigningCertificates),
	}
}

// authorizeListOf asks for a list of what a user has, who must exist.
func (s *Service) authorizeListOf(ctx context.Context, c api.Caller, given *string, action string) error {
	name, err := userName(c, given)
	if err != nil {
		return err
	}
	return s.store.View(ctx, func(r store.Reader) error {
		_, err := s.findUser(r, c, name, authz.Request{Action: action})
		return err
	})
}

func (s *Service) listSSHPublicKeys(ctx context.Context, c api.Caller, in *iam.ListSSHPublicKeysInput) (*iam.ListSSHPublicKeysOutput, error) {
	if err := s.authorizeListOf(ctx, c, in.UserName, "iam:ListSSHPublicKeys"); err != nil {
		return nil, err
	}
	page, next, err := pageOf([]types.SSHPublicKeyMetadata{}, api.ListOf(c, in))
	return &iam.ListSSHPublicKeysOutput{SSHPublicKeys: page, IsTruncated: next != nil, Marker: next}, err
}

// listServiceSpecificCredentials lists those of one user, or of all.
func (s *Service) listServiceSpecificCredentials(ctx context.Context, c api.Caller, in *iam.ListServiceSpecificCredentialsInput) (*iam.ListServiceSpecificCredentialsOutput, error) {
	const action = "iam:ListServiceSpecificCredentials"
	var err error
	switch all := aws.ToBool(in.AllUsers); {
	case all && in.UserName != nil:
		err = api.Errorf("ValidationError", "AllUsers and UserName cannot be specified together.")
	case all:
		err = s.store.View(ctx, func(r store.Reader) error {
			return s.authz.Authorize(r, c, authz.Request{Action: action, Resource: identity.ARN(c.Partition, "iam", c.Account, "user/*")})
		})
	default:
		err = s.authorizeListOf(ctx, c, in.UserName, action)
	}
	if err != nil {
		return nil, err
	}
	page, next, err := pageOf([]types.ServiceSpecificCredentialMetadata{}, api.ListOf(c, in))
	return &iam.ListServiceSpecificCredentialsOutput{ServiceSpecificCredentials: page, IsTruncated: next != nil, Marker: next}, err
}

func (s *Service) listSigningCertificates(ctx context.Context, c api.Caller, in *iam.ListSigningCertificatesInput) (*iam.ListSigningCertificatesOutput, error) {
	const action = "iam:ListSigningCertificates"
	var err error
	if in.UserName == nil && c.Kind == identity.Root {
		err = s.authorizeRoot(ctx, c, action)
	} else {
		err = s.authorizeListOf(ctx, c, in.UserName, action)
	}
	if err != nil {
		return nil, err
	}
	page, next, err := pageOf([]types.SigningCertificate{}, api.ListOf(c, in))
	return &iam.ListSigningCertificatesOutput{Certificates: page, IsTruncated: next != nil, Marker: next}, err
}
