package iam

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"time"

	"emulator/api"
)

// decodePEM reads PEM blocks, and reports whether there is nothing else than white space between them.
func decodePEM(text string) (blocks []*pem.Block, ok bool) {
	for {
		if text = strings.TrimSpace(text); text == "" {
			return blocks, true
		}
		block, rest := pem.Decode([]byte(text))
		if block == nil || !strings.HasPrefix(text, "-----BEGIN "+block.Type) || strings.Count(text[:len(text)-len(rest)], "-----BEGIN") > 1 {
			return nil, false // Decode has passed over something
		}
		blocks, text = append(blocks, block), string(rest)
	}
}

// parseCertificate reads one certificate in PEM.
func parseCertificate(text string) (*x509.Certificate, error) {
	if blocks, ok := decodePEM(text); ok && len(blocks) == 1 && blocks[0].Type == "CERTIFICATE" {
		if certificate, err := x509.ParseCertificate(blocks[0].Bytes); err == nil {
			return certificate, nil
		}
	}
	return nil, unreadableCertificate()
}

// unreadableCertificate has AWS's sentence, also where it is the private key.
//
// [rep] openshift-ansible #11214; two posts about private keys that were not in PEM
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

// parsePrivateKey reads a private key in PEM that is not encrypted.
func parsePrivateKey(text string) (crypto.Signer, error) {
	blocks, ok := decodePEM(text)
	if !ok || len(blocks) != 1 {
		return nil, unreadableCertificate()
	}
	var key any
	var err error
	switch block := blocks[0]; {
	case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
		return nil, api.Errorf("MalformedCertificate", "Unable to parse private key. Please ensure the private key is not encrypted.")
	case block.Type == "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case block.Type == "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case block.Type == "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	signer, ok := key.(crypto.Signer)
	if err != nil || !ok {
		return nil, unreadableCertificate()
	}
	return signer, nil
}

// parseServerCertificate reads a certificate that is in force, holds it to its private key, and its chain, if there is one, to it.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_server-certs.html#upload-server-certificate
func parseServerCertificate(body, privateKey, chain string, now time.Time) (*x509.Certificate, error) {
	certificate, err := parseCertificate(body)
	if err != nil {
		return nil, err
	}
	key, err := parsePrivateKey(privateKey)
	if err != nil {
		return nil, err
	}
	switch public, ok := certificate.PublicKey.(interface{ Equal(crypto.PublicKey) bool }); {
	case !ok || !validKey(certificate.PublicKey):
		return nil, api.Errorf("MalformedCertificate", "The certificate's key is neither an RSA key of at most %d bits nor one on an elliptic curve.", longestRSAKey)
	case !public.Equal(key.Public()):
		return nil, api.Errorf("KeyPairMismatch", "The request was rejected because the public key certificate and the private key do not match.")
	case now.Before(certificate.NotBefore) || now.After(certificate.NotAfter):
		return nil, api.Errorf("MalformedCertificate", "The certificate is valid from %s to %s only.", certificate.NotBefore.UTC().Format(time.RFC3339), certificate.NotAfter.UTC().Format(time.RFC3339))
	}
	return certificate, checkChain(certificate, chain)
}

// longestChain bounds the signatures to verify. Real chains have three certificates.
const longestChain = 10

// checkChain holds a certificate to the chain of those that signed it, each by the next.
func checkChain(certificate *x509.Certificate, chain string) error {
	if chain == "" {
		return nil
	}
	blocks, ok := decodePEM(chain)
	if !ok || len(blocks) == 0 || len(blocks) > longestChain {
		return brokenChain(-1)
	}
	for i, block := range blocks {
		issuer, err := x509.ParseCertificate(block.Bytes)
		if err != nil || !validKey(issuer.PublicKey) || !bytes.Equal(certificate.RawIssuer, issuer.RawSubject) || certificate.CheckSignatureFrom(issuer) != nil {
			return brokenChain(i - 1)
		}
		certificate = issuer
	}
	return nil
}

// brokenChain names the place in the chain of the certificate that the next one did not sign: -1 is the one before the chain.
//
// [rep] lego #304
func brokenChain(index int) error {
	return api.Errorf("MalformedCertificate",
		"Unable to validate certificate chain. The certificate chain must start with the immediate signing certificate, followed by any intermediaries in order. The index within the chain of the invalid certificate is: %d", index)
}
