package iam

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/services/resourcegroupstaggingapi/tagindex"
	"emulator/store"
)

// Certificates of servers, with their private keys, for services that are older than AWS Certificate Manager.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_server-certs.html

// serverCertificateKind has no policies: server certificates are listed as users, groups and roles are.
var serverCertificateKind = &entityKind{name: "server-certificate", counted: countedServerCertificates, load: func(r store.Reader, account, name string) (*entity, error) {
	k, ok, err := identity.LoadServerCertificate(r, account, name)
	if err != nil || !ok {
		return nil, err
	}
	return &entity{name: k.Name, id: k.ID, path: k.Path, arn: k.ARN(), tags: k.Tags, inline: new(map[string]string), attached: new([]string)}, nil
}}

func (s *Service) serverCertificateOperations() []api.Operation {
	return []api.Operation{
		api.Op("UploadServerCertificate", s.uploadServerCertificate),
		api.Op("GetServerCertificate", s.getServerCertificate),
		api.Op("ListServerCertificates", s.listServerCertificates),
		api.Op("UpdateServerCertificate", s.updateServerCertificate),
		api.Op("DeleteServerCertificate", s.deleteServerCertificate),
	}
}

// findServerCertificate is findUser for server certificates.
func (s *Service) findServerCertificate(r store.Reader, c api.Caller, name string, request authz.Request) (*identity.ServerCertificate, error) {
	k, ok, err := identity.LoadServerCertificate(r, c.Account, name)
	if err != nil {
		return nil, err
	}
	request.Resource = identity.ARN(c.Partition, "iam", c.Account, "server-certificate/"+name)
	if ok {
		request.Resource, request.ResourceTags = k.ARN(), k.Tags
	}
	if err := s.authz.Authorize(r, c, request); err != nil {
		return nil, err
	}
	if !ok {
		return nil, api.Errorf("NoSuchEntity", "The Server Certificate with name %s cannot be found.", name)
	}
	return k, nil
}

// checkNoServerCertificate says whether the name is another's.
func checkNoServerCertificate(r store.Reader, account, name string) error {
	if r.Get(identity.ServerCertificateKey(account, name)) != nil {
		return api.Errorf("EntityAlreadyExists", "The Server Certificate with name %s already exists.", name)
	}
	return nil
}

func saveServerCertificate(tx store.Tx, k *identity.ServerCertificate) error {
	if err := tagindex.Put(tx, k.ARN(), k.Tags); err != nil {
		return err
	}
	return saveNew(tx, serverCertificateKind, identity.ServerCertificateKey(k.Account, k.Name), k, k.Account, k.Path, k.Name, k.ID, k.ARN())
}

func removeServerCertificate(tx store.Tx, k *identity.ServerCertificate) error {
	if err := tagindex.Remove(tx, k.ARN()); err != nil {
		return err
	}
	return deleteAll(tx, serverCertificateKind, identity.ServerCertificateKey(k.Account, k.Name), k.Account, k.Path, k.Name, k.ID)
}

func wireServerCertificate(k *identity.ServerCertificate) *types.ServerCertificateMetadata {
	return &types.ServerCertificateMetadata{
		Arn: aws.String(k.ARN()), Path: &k.Path, ServerCertificateId: &k.ID, ServerCertificateName: &k.Name, UploadDate: &k.Created, Expiration: &k.Expires,
	}
}

// uploadServerCertificate (https://docs.aws.amazon.com/IAM/latest/APIReference/API_UploadServerCertificate.html).
func (s *Service) uploadServerCertificate(ctx context.Context, c api.Caller, in *iam.UploadServerCertificateInput) (*iam.UploadServerCertificateOutput, error) {
	tags, tagsErr := newTags(in.Tags, caseSensitive)
	k := &identity.ServerCertificate{
		Account: c.Account, Partition: c.Partition, Name: *in.ServerCertificateName, ID: identity.NewUniqueID(identity.PrefixServerCertificate),
		Path: pathOf(in.Path), Created: s.now(), Tags: tags,
		// AWS gives them back without white space around, which Terraform's provider counts on.
		Body: strings.TrimSpace(*in.CertificateBody), Chain: strings.TrimSpace(aws.ToString(in.CertificateChain)),
	}
	out := &iam.UploadServerCertificateOutput{ServerCertificateMetadata: wireServerCertificate(k), Tags: in.Tags}
	err := store.Make(ctx, s.store, func(r store.Reader) error {
		request := authz.Request{Action: "iam:UploadServerCertificate", Resource: k.ARN(), RequestTags: tags, TagAction: "iam:TagServerCertificate"}
		if err := s.authz.Authorize(r, c, request); err != nil {
			return err
		}
		if tagsErr != nil {
			return tagsErr
		}
		if err := checkNoServerCertificate(r, c.Account, k.Name); err != nil {
			return err
		}
		return s.room(r, countedServerCertificates, c.Account)
	}, func() ([]byte, error) {
		certificate, err := parseServerCertificate(k.Body, *in.PrivateKey, k.Chain, s.now())
		if err != nil {
			return nil, err
		}
		k.Expires = certificate.NotAfter
		return s.keyring.Seal([]byte(*in.PrivateKey), k.ID), nil
	}, func(tx store.Tx, private []byte) error {
		k.PrivateKey = private
		return saveServerCertificate(tx, k)
	})
	return out, err
}

func (s *Service) getServerCertificate(ctx context.Context, c api.Caller, in *iam.GetServerCertificateInput) (*iam.GetServerCertificateOutput, error) {
	out := &iam.GetServerCertificateOutput{}
	err := s.store.View(ctx, func(r store.Reader) error {
		k, err := s.findServerCertificate(r, c, *in.ServerCertificateName, authz.Request{Action: "iam:GetServerCertificate"})
		if err != nil {
			return err
		}
		out.ServerCertificate = &types.ServerCertificate{ServerCertificateMetadata: wireServerCertificate(k), CertificateBody: &k.Body, Tags: wireTags(k.Tags)}
		if k.Chain != "" {
			out.ServerCertificate.CertificateChain = &k.Chain
		}
		return nil
	})
	return out, err
}

func (s *Service) listServerCertificates(ctx context.Context, c api.Caller, in *iam.ListServerCertificatesInput) (*iam.ListServerCertificatesOutput, error) {
	out := &iam.ListServerCertificatesOutput{ServerCertificateMetadataList: []types.ServerCertificateMetadata{}} // AWS sends empty lists
	var err error
	out.Marker, err = s.listKind(ctx, c, api.ListOf(c, in), serverCertificateKind, "iam:ListServerCertificates", in.PathPrefix, func(r store.Reader, name string) error {
		k, _, err := identity.LoadServerCertificate(r, c.Account, name)
		out.ServerCertificateMetadataList = append(out.ServerCertificateMetadataList, *wireServerCertificate(k))
		return err
	})
	out.IsTruncated = out.Marker != nil
	return out, err
}

// updateServerCertificate gives a certificate another name or path.
func (s *Service) updateServerCertificate(ctx context.Context, c api.Caller, in *iam.UpdateServerCertificateInput) (*iam.UpdateServerCertificateOutput, error) {
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		old, err := s.findServerCertificate(tx, c, *in.ServerCertificateName, authz.Request{Action: "iam:UpdateServerCertificate"})
		if err != nil {
			return err
		}
		k := *old
		if in.NewServerCertificateName != nil {
			k.Name = *in.NewServerCertificateName
		}
		if in.NewPath != nil {
			k.Path = *in.NewPath
		}
		// The caller must be allowed to do this to the certificate as it is and as it becomes.
		if err := s.authz.Authorize(tx, c, authz.Request{Action: "iam:UpdateServerCertificate", Resource: k.ARN(), ResourceTags: k.Tags}); err != nil {
			return err
		}
		if !strings.EqualFold(old.Name, k.Name) {
			if err := checkNoServerCertificate(tx, c.Account, k.Name); err != nil {
				return err
			}
		}
		if err := removeServerCertificate(tx, old); err != nil {
			return err
		}
		return saveServerCertificate(tx, &k)
	})
}

// deleteServerCertificate finds none in use: no load balancer or distribution is here.
func (s *Service) deleteServerCertificate(ctx context.Context, c api.Caller, in *iam.DeleteServerCertificateInput) (*iam.DeleteServerCertificateOutput, error) {
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		k, err := s.findServerCertificate(tx, c, *in.ServerCertificateName, authz.Request{Action: "iam:DeleteServerCertificate"})
		if err != nil {
			return err
		}
		return removeServerCertificate(tx, k)
	})
}
