package kms

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"emulator/api"
	"emulator/authz"
	"emulator/store"
)

// createClusterKeyStore makes a store of type AWS_CLOUDHSM. It takes any cluster ID that no other store uses, and does not look it up among the clusters of
// CloudHSM: nothing is behind their HSMs yet that could hold keys. The trust anchor must be a certificate.
func (s *Service) createClusterKeyStore(ctx context.Context, c api.Caller, ks *KeyStore, in *kms.CreateCustomKeyStoreInput) error {
	if in.CloudHsmClusterId == nil || in.TrustAnchorCertificate == nil || in.KeyStorePassword == nil {
		return api.Errorf("ValidationError", "CloudHsmClusterId, TrustAnchorCertificate and KeyStorePassword are required for a custom key store of type AWS_CLOUDHSM.")
	}
	ks.Cluster, ks.TrustAnchor = *in.CloudHsmClusterId, *in.TrustAnchorCertificate
	return s.store.Update(ctx, func(tx store.Tx) error {
		for _, request := range []authz.Request{
			keyStoreRequest(c, "kms:CreateCustomKeyStore"), {Action: "cloudhsm:DescribeClusters", Resource: "*"},
			authz.ServiceLinkedRole(c, "cks.kms.amazonaws.com", "AWSServiceRoleForKeyManagementServiceCustomKeyStores"),
		} {
			if err := s.authz.Authorize(tx, c, request); err != nil {
				return err
			}
		}
		if err := checkTrustAnchor(ks.TrustAnchor); err != nil {
			return err
		}
		all, err := allKeyStores(tx, c)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(all, func(other KeyStore) bool { return other.Cluster == ks.Cluster }) {
			return api.Errorf("CloudHsmClusterInUseException", "The AWS CloudHSM cluster %s is in use by another custom key store.", ks.Cluster)
		}
		if err := s.addKeyStore(tx, all, ks); err != nil {
			return err
		}
		return s.linkRole(tx, c.Partition, c.Account, "cks.kms.amazonaws.com", s.now())
	})
}

func checkTrustAnchor(text string) error {
	block, _ := pem.Decode([]byte(text))
	if block != nil && block.Type == "CERTIFICATE" {
		if _, err := x509.ParseCertificate(block.Bytes); err == nil {
			return nil
		}
	}
	return api.Errorf("IncorrectTrustAnchorException", "The trust anchor certificate is not a certificate in PEM form.")
}
