package iam

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"

	"emulator/api"
)

// parseCertificate reads one certificate in PEM.
func parseCertificate(text string) (*x509.Certificate, error) {
	block, rest := pem.Decode([]byte(text))
	if block != nil && block.Type == "CERTIFICATE" && len(bytes.TrimSpace(rest)) == 0 {
		if certificate, err := x509.ParseCertificate(block.Bytes); err == nil {
			return certificate, nil
		}
	}
	return nil, unreadableCertificate()
}

// unreadableCertificate has AWS's sentence.
//
// [rep] openshift-ansible #11214
func unreadableCertificate() error {
	return api.Errorf("MalformedCertificate", "Unable to parse certificate. Please ensure the certificate is in PEM format.")
}

// validKey reports whether a certificate's key is one of those that IAM takes. That bounds what it costs to verify signatures with it.
func validKey(public any) bool {
	switch key := public.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen() >= 1024 && key.N.BitLen() <= longestRSAKey
	case *ecdsa.PublicKey:
		return true
	}
	return false
}
