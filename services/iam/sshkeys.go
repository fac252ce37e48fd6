package iam

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"golang.org/x/crypto/ssh"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/store"
)

// The SSH public keys of users for CodeCommit.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_ssh-keys.html

func (s *Service) sshKeyOperations() []api.Operation {
	return []api.Operation{
		api.Op("UploadSSHPublicKey", s.uploadSSHPublicKey),
		api.Op("GetSSHPublicKey", s.getSSHPublicKey),
		api.Op("ListSSHPublicKeys", s.listSSHPublicKeys),
		api.Op("UpdateSSHPublicKey", s.updateSSHPublicKey),
		api.Op("DeleteSSHPublicKey", s.deleteSSHPublicKey),
	}
}

// AWS takes RSA keys from 2048 bits on, and the keys that IAM's certificates may have end at 16384.
const (
	shortestSSHKey = 2048
	longestRSAKey  = 16384
)

// parseSSHKey reads a public key as a line of an authorized_keys file, or in PEM.
func parseSSHKey(text string) (ssh.PublicKey, error) {
	text = strings.TrimSpace(text)
	invalid := api.Errorf("InvalidPublicKey", "The request was rejected because the public key is malformed or otherwise invalid.")
	var public any
	switch block, rest := pem.Decode([]byte(text)); {
	case strings.HasPrefix(text, ssh.KeyAlgoRSA+" "):
		key, _, options, rest, err := ssh.ParseAuthorizedKey([]byte(text))
		if err != nil || len(options) > 0 || len(rest) > 0 {
			return nil, invalid
		}
		if crypto, ok := key.(ssh.CryptoPublicKey); ok {
			public = crypto.CryptoPublicKey()
		}
	case block == nil || len(bytes.TrimSpace(rest)) > 0 || block.Type != "PUBLIC KEY" && block.Type != "RSA PUBLIC KEY":
		// [rec] a post on Stack Overflow has the message
		return nil, api.Errorf("UnrecognizedPublicKeyEncoding", "Invalid public key uploaded.")
	case block.Type == "PUBLIC KEY":
		public, _ = x509.ParsePKIXPublicKey(block.Bytes)
	default:
		public, _ = x509.ParsePKCS1PublicKey(block.Bytes)
	}
	rsaKey, ok := public.(*rsa.PublicKey)
	if !ok || rsaKey == nil || rsaKey.N.BitLen() < shortestSSHKey || rsaKey.N.BitLen() > longestRSAKey {
		return nil, invalid
	}
	key, err := ssh.NewPublicKey(rsaKey)
	if err != nil {
		return nil, invalid
	}
	return key, nil
}

// authorizedKey is a key without a comment, as it is kept.
func authorizedKey(key ssh.PublicKey) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}

func (s *Service) wireSSHKey(o owner, k *credential, key ssh.PublicKey, body string) *types.SSHPublicKey {
	fingerprint := ssh.FingerprintLegacyMD5(key)
	return &types.SSHPublicKey{UserName: o.name, SSHPublicKeyId: &k.ID, Fingerprint: &fingerprint, SSHPublicKeyBody: &body, Status: k.status(s.now()), UploadDate: &k.Created}
}

func (s *Service) uploadSSHPublicKey(ctx context.Context, c api.Caller, in *iam.UploadSSHPublicKeyInput) (*iam.UploadSSHPublicKeyOutput, error) {
	id, err := identity.NewAccessKeyID(identity.PrefixSSHPublicKey, c.Account)
	if err != nil {
		return nil, err
	}
	key, keyErr := parseSSHKey(*in.SSHPublicKeyBody)
	out := &iam.UploadSSHPublicKeyOutput{}
	err = s.store.Update(ctx, func(tx store.Tx) error {
		o, err := s.findOwner(tx, c, in.UserName, authz.Request{Action: "iam:UploadSSHPublicKey"})
		if err != nil {
			return err
		}
		if keyErr != nil {
			return keyErr
		}
		others, err := sshKeyKind.of(tx, c.Account, o.id)
		if err != nil {
			return err
		}
		k := &credential{ID: id, Created: s.now(), Body: authorizedKey(key)}
		for _, other := range others {
			if other.Body == k.Body {
				return api.Errorf("DuplicateSSHPublicKey", "The request was rejected because the SSH public key is already associated with the specified IAM user.")
			}
		}
		if err := s.within(sshKeyKind.quota, len(others)+1); err != nil {
			return err
		}
		out.SSHPublicKey = s.wireSSHKey(o, k, key, *in.SSHPublicKeyBody)
		return sshKeyKind.save(tx, c.Account, o.id, k)
	})
	return out, err
}

func (s *Service) getSSHPublicKey(ctx context.Context, c api.Caller, in *iam.GetSSHPublicKeyInput) (*iam.GetSSHPublicKeyOutput, error) {
	out := &iam.GetSSHPublicKeyOutput{}
	err := s.store.View(ctx, func(r store.Reader) error {
		o, k, err := s.findCredential(r, c, chosen{sshKeyKind, in.UserName, *in.SSHPublicKeyId}, "iam:GetSSHPublicKey")
		if err != nil {
			return err
		}
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(k.Body))
		if err != nil {
			return fmt.Errorf("SSH key %s: %w", k.ID, err)
		}
		body := k.Body
		if in.Encoding == types.EncodingTypePem {
			der, err := x509.MarshalPKIXPublicKey(key.(ssh.CryptoPublicKey).CryptoPublicKey())
			if err != nil {
				return err
			}
			body = string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
		}
		out.SSHPublicKey = s.wireSSHKey(o, k, key, body)
		return nil
	})
	return out, err
}

func (s *Service) listSSHPublicKeys(ctx context.Context, c api.Caller, in *iam.ListSSHPublicKeysInput) (*iam.ListSSHPublicKeysOutput, error) {
	if err := noRoot(c, in.UserName); err != nil {
		return nil, err
	}
	o, page, next, err := s.listCredentials(ctx, c, sshKeyKind, in.UserName, "iam:ListSSHPublicKeys", api.ListOf(c, in))
	out := &iam.ListSSHPublicKeysOutput{SSHPublicKeys: []types.SSHPublicKeyMetadata{}, IsTruncated: next != nil, Marker: next} // AWS sends empty lists
	for _, k := range page {
		out.SSHPublicKeys = append(out.SSHPublicKeys, types.SSHPublicKeyMetadata{UserName: o.name, SSHPublicKeyId: &k.ID, Status: k.status(s.now()), UploadDate: &k.Created})
	}
	return out, err
}

func (s *Service) updateSSHPublicKey(ctx context.Context, c api.Caller, in *iam.UpdateSSHPublicKeyInput) (*iam.UpdateSSHPublicKeyOutput, error) {
	return nil, s.setStatus(ctx, c, chosen{sshKeyKind, in.UserName, *in.SSHPublicKeyId}, "iam:UpdateSSHPublicKey", in.Status, "InvalidInput")
}

func (s *Service) deleteSSHPublicKey(ctx context.Context, c api.Caller, in *iam.DeleteSSHPublicKeyInput) (*iam.DeleteSSHPublicKeyOutput, error) {
	return nil, s.deleteCredential(ctx, c, chosen{sshKeyKind, in.UserName, *in.SSHPublicKeyId}, "iam:DeleteSSHPublicKey")
}
