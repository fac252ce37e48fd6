package cloudhsm

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudhsmv2"
	"github.com/aws/aws-sdk-go-v2/service/cloudhsmv2/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/store"
)

// keyBinding is what the sealed private key of a cluster is bound to. The same key is in backups, and in the clusters made from them.
const keyBinding = "key of a CloudHSM cluster"

// newIdentity makes a cluster's key, and the request for its certificate, with a subject as AWS's have it.
//
// https://docs.aws.amazon.com/cloudhsm/latest/userguide/verify-hsm-identity.html
func newIdentity(keyring *identity.Keyring) (Identity, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return Identity{}, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Identity{}, err
	}
	var serial [6]byte
	rand.Read(serial[:])
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{
		Country: []string{"US"}, Province: []string{"CA"}, Locality: []string{"SanJose"}, Organization: []string{"Cavium"}, OrganizationalUnit: []string{"N3FIPS"},
		CommonName: fmt.Sprintf("HSM:%X:PARTN:1, for FIPS mode", serial),
	}}, key)
	if err != nil {
		return Identity{}, err
	}
	return Identity{
		Key: keyring.Seal(private, keyBinding),
		CSR: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr})),
	}, nil
}

// parseCertificate returns the one certificate of a text in PEM.
func parseCertificate(name, text string) (*x509.Certificate, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" || strings.TrimSpace(string(rest)) != "" {
		return nil, invalid("%s is not one certificate in PEM format.", name)
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, invalid("%s is not one certificate in PEM format.", name)
	}
	return certificate, nil
}

// signedBy fails if issuer did not sign a certificate. Of the issuer it asks only for the key and the name: AWS's guide makes it without
// extensions, too.
func signedBy(certificate, issuer *x509.Certificate) error {
	if !bytes.Equal(certificate.RawIssuer, issuer.RawSubject) {
		return fmt.Errorf("the issuer is %s, not %s", certificate.Issuer, issuer.Subject)
	}
	return issuer.CheckSignature(certificate.SignatureAlgorithm, certificate.RawTBSCertificate, certificate.Signature)
}

// checkCertificates fails if signed is not a certificate for the key of the request, issued by the anchor, which signed itself.
//
// https://docs.aws.amazon.com/cloudhsm/latest/APIReference/API_InitializeCluster.html
func checkCertificates(request, signed, anchor string) error {
	certificate, err := parseCertificate("SignedCert", signed)
	if err != nil {
		return err
	}
	root, err := parseCertificate("TrustAnchor", anchor)
	if err != nil {
		return err
	}
	block, _ := pem.Decode([]byte(request))
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return err
	}
	if err := signedBy(root, root); err != nil {
		return invalid("TrustAnchor is not a self-signed certificate.").Because("%v", err)
	}
	if !bytes.Equal(certificate.RawSubjectPublicKeyInfo, csr.RawSubjectPublicKeyInfo) {
		return invalid("SignedCert was not issued for the cluster's certificate signing request (CSR).")
	}
	if err := signedBy(certificate, root); err != nil {
		return invalid("SignedCert was not issued by TrustAnchor.").Because("%v", err)
	}
	return nil
}

func (s *Service) initializeCluster(ctx context.Context, c api.Caller, in *cloudhsmv2.InitializeClusterInput) (*cloudhsmv2.InitializeClusterOutput, error) {
	var k *Cluster
	check := func(r store.Reader) (err error) {
		if k, err = s.findCluster(r, c, "InitializeCluster", *in.ClusterId, authz.Request{}); err != nil {
			return err
		}
		switch state := s.state(k); {
		case state != types.ClusterStateUninitialized:
			return wrongState(k, state)
		case !s.works(k):
			return invalid("Cluster '%s' has no active HSM.", k.ID)
		}
		return nil
	}
	checked := func() (request string, err error) {
		return k.CSR, checkCertificates(k.CSR, *in.SignedCert, *in.TrustAnchor)
	}
	err := store.Make(ctx, s.Store, check, checked, func(tx store.Tx, request string) error {
		if k.CSR != request { // its HSM is another by now
			return invalid("SignedCert was not issued for the cluster's certificate signing request (CSR).")
		}
		k.CSR, k.Certificate, k.TrustAnchor = "", *in.SignedCert, *in.TrustAnchor
		s.become(k, types.ClusterStateInitializeInProgress, types.ClusterStateInitialized)
		return saveCluster(tx, k)
	})
	if err != nil {
		return nil, err
	}
	state := types.ClusterStateInitializeInProgress
	return &cloudhsmv2.InitializeClusterOutput{State: state, StateMessage: stateMessage(state)}, nil
}

// Activate takes an initialized cluster into use, which the first login does that changes the password of its administrator.
//
// https://docs.aws.amazon.com/cloudhsm/latest/userguide/activate-cluster.html
func (s *Service) Activate(ctx context.Context, account, region, id string) error {
	return s.Store.Update(ctx, func(tx store.Tx) error {
		k, err := s.loadCluster(tx, account, region, id)
		switch {
		case err != nil:
			return err
		case k == nil:
			return noCluster(id)
		case s.state(k) != types.ClusterStateInitialized:
			return wrongState(k, s.state(k))
		case !s.works(k):
			return invalid("Cluster '%s' has no active HSM.", k.ID)
		}
		s.become(k, types.ClusterStateActive, types.ClusterStateActive)
		if err := s.backUp(tx, k); err != nil {
			return err
		}
		return saveCluster(tx, k)
	})
}

// Degrade makes an HSM fail, or work again.
func (s *Service) Degrade(ctx context.Context, account, region, hsm string, degraded bool) error {
	return s.Store.Update(ctx, func(tx store.Tx) error {
		all, err := s.allClusters(tx, account, region)
		if err != nil {
			return err
		}
		for _, k := range all {
			for i := range k.HSMs {
				if k.HSMs[i].ID == hsm {
					k.HSMs[i].Degraded = degraded
					return saveCluster(tx, k)
				}
			}
		}
		return notFound("HSM '%s' not found.", hsm)
	})
}
