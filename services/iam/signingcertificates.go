package iam

import (
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"emulator/api"
	"emulator/authz"
	"emulator/store"
)

// The X.509 certificates with which users, and the root user, sign requests to services that are older than access keys.

func (s *Service) signingCertificateOperations() []api.Operation {
	return []api.Operation{
		api.Op("UploadSigningCertificate", s.uploadSigningCertificate),
		api.Op("ListSigningCertificates", s.listSigningCertificates),
		api.Op("UpdateSigningCertificate", s.updateSigningCertificate),
		api.Op("DeleteSigningCertificate", s.deleteSigningCertificate),
	}
}

func (s *Service) wireSigningCertificate(o owner, k *credential) types.SigningCertificate {
	return types.SigningCertificate{UserName: o.name, CertificateId: &k.ID, CertificateBody: &k.Body, Status: k.status(s.now()), UploadDate: &k.Created}
}

// parseSigningCertificate reads a certificate that must be in force, and have an RSA key.
func (s *Service) parseSigningCertificate(text string) (*x509.Certificate, error) {
	certificate, err := parseCertificate(text)
	if err != nil {
		return nil, err
	}
	_, isRSA := certificate.PublicKey.(*rsa.PublicKey)
	if now := s.now(); !isRSA || !validKey(certificate.PublicKey) || now.Before(certificate.NotBefore) || now.After(certificate.NotAfter) {
		return nil, api.Errorf("InvalidCertificate", "The request was rejected because the certificate is invalid.")
	}
	return certificate, nil
}

func (s *Service) uploadSigningCertificate(ctx context.Context, c api.Caller, in *iam.UploadSigningCertificateInput) (*iam.UploadSigningCertificateOutput, error) {
	certificate, certificateErr := s.parseSigningCertificate(*in.CertificateBody)
	k := &credential{ID: newLongID(), Created: s.now(), Body: *in.CertificateBody}
	out := &iam.UploadSigningCertificateOutput{}
	err := s.store.Update(ctx, func(tx store.Tx) error {
		o, err := s.findOwner(tx, c, in.UserName, authz.Request{Action: "iam:UploadSigningCertificate"})
		if err != nil {
			return err
		}
		if certificateErr != nil {
			return certificateErr
		}
		sum := sha256.Sum256(certificate.Raw)
		k.Unique = hex.EncodeToString(sum[:])
		if tx.Get(signingKind.uniqueKey(c.Account, k.Unique)) != nil {
			return api.Errorf("DuplicateCertificate", "The request was rejected because the same certificate is associated with an IAM user in the account.")
		}
		others, err := signingKind.of(tx, c.Account, o.id)
		if err != nil {
			return err
		}
		if err := s.within(signingKind.quota, len(others)+1); err != nil {
			return err
		}
		w := s.wireSigningCertificate(o, k)
		out.Certificate = &w
		return signingKind.save(tx, c.Account, o.id, k)
	})
	return out, err
}

func (s *Service) listSigningCertificates(ctx context.Context, c api.Caller, in *iam.ListSigningCertificatesInput) (*iam.ListSigningCertificatesOutput, error) {
	o, page, next, err := s.listCredentials(ctx, c, signingKind, in.UserName, "iam:ListSigningCertificates", api.ListOf(c, in))
	out := &iam.ListSigningCertificatesOutput{Certificates: []types.SigningCertificate{}, IsTruncated: next != nil, Marker: next} // AWS sends empty lists
	for _, k := range page {
		out.Certificates = append(out.Certificates, s.wireSigningCertificate(o, &k))
	}
	return out, err
}

func (s *Service) updateSigningCertificate(ctx context.Context, c api.Caller, in *iam.UpdateSigningCertificateInput) (*iam.UpdateSigningCertificateOutput, error) {
	return nil, s.setStatus(ctx, c, chosen{signingKind, in.UserName, *in.CertificateId}, "iam:UpdateSigningCertificate", in.Status, "InvalidInput")
}

func (s *Service) deleteSigningCertificate(ctx context.Context, c api.Caller, in *iam.DeleteSigningCertificateInput) (*iam.DeleteSigningCertificateOutput, error) {
	return nil, s.deleteCredential(ctx, c, chosen{signingKind, in.UserName, *in.CertificateId}, "iam:DeleteSigningCertificate")
}
