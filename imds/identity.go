package imds

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// NewCertificate returns a self-signed certificate for the key of identity documents, with
// the subject of AWS's own ("AWS public certificates for instance identity document
// signatures" in the EC2 user guide) and good for as long as those.
func NewCertificate(key crypto.Signer, now time.Time) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 63))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject: pkix.Name{
			Country: []string{"US"}, Province: []string{"Washington State"}, Locality: []string{"Seattle"},
			Organization: []string{"Amazon Web Services LLC"},
		},
		NotBefore: now.Add(-time.Hour),
		NotAfter:  now.AddDate(179, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// checkIdentity tells what is wrong with the key and its certificate.
func checkIdentity(key crypto.Signer, certificate *x509.Certificate) error {
	public, ok := key.Public().(*rsa.PublicKey)
	switch {
	case !ok:
		return errors.New("the key of identity documents must be RSA")
	case certificate == nil:
		return errors.New("no certificate for the key of identity documents")
	case !public.Equal(certificate.PublicKey):
		return errors.New("the certificate is not that of the key of identity documents")
	}
	return nil
}

// signature is what `signature` answers: SHA-256 with RSA (PKCS #1 v1.5) over the document,
// in Base64 ("Verify the instance identity document … using the base64-encoded signature").
func signature(key crypto.Signer, document string) (string, error) {
	sum := sha256.Sum256([]byte(document))
	signed, err := key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		return "", err
	}
	return lines(signed), nil
}

// The parts of a PKCS #7 message that signs data (RFC 5652 calls it CMS, section 5).
type (
	message struct {
		Type    asn1.ObjectIdentifier
		Content signedData `asn1:"explicit,tag:0"`
	}
	signedData struct {
		Version          int
		DigestAlgorithms []pkix.AlgorithmIdentifier `asn1:"set"`
		Data             struct {
			Type    asn1.ObjectIdentifier
			Content []byte `asn1:"explicit,tag:0"`
		}
		Signers []signer `asn1:"set"`
	}
	signer struct {
		Version     int
		Certificate struct {
			Issuer asn1.RawValue
			Serial *big.Int
		}
		DigestAlgorithm    pkix.AlgorithmIdentifier
		Attributes         []attribute `asn1:"set,tag:0"`
		SignatureAlgorithm pkix.AlgorithmIdentifier
		Signature          []byte
	}
	attribute struct {
		Type   asn1.ObjectIdentifier
		Values []any `asn1:"set"`
	}
)

var (
	oidData          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidSignedData    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidContentType   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidSigningTime   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 5}

	algorithmSHA256 = pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}, Parameters: asn1.NullRawValue}
	algorithmRSA    = pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}, Parameters: asn1.NullRawValue}
)

// rsa2048 is what `rsa2048` answers: a PKCS #7 message that holds the document and its
// signature, without the certificate, in Base64 ("Verify … using the RSA-2048 signature").
func rsa2048(key crypto.Signer, certificate *x509.Certificate, document string, now time.Time) (string, error) {
	sum := sha256.Sum256([]byte(document))
	attributes := []attribute{
		{oidContentType, []any{oidData}},
		{oidSigningTime, []any{now.UTC()}},
		{oidMessageDigest, []any{sum[:]}},
	}
	// What is signed is the set with its own tag, not the one it has in the message.
	toSign, err := asn1.MarshalWithParams(attributes, "set")
	if err != nil {
		return "", fmt.Errorf("attributes: %w", err)
	}
	digest := sha256.Sum256(toSign)
	signed, err := key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return "", err
	}
	s := signer{
		Version: 1, DigestAlgorithm: algorithmSHA256, Attributes: attributes, SignatureAlgorithm: algorithmRSA, Signature: signed,
	}
	s.Certificate.Issuer = asn1.RawValue{FullBytes: certificate.RawIssuer}
	s.Certificate.Serial = certificate.SerialNumber
	m := message{Type: oidSignedData, Content: signedData{
		Version: 1, DigestAlgorithms: []pkix.AlgorithmIdentifier{algorithmSHA256}, Signers: []signer{s},
	}}
	m.Content.Data.Type, m.Content.Data.Content = oidData, []byte(document)
	der, err := asn1.Marshal(m)
	if err != nil {
		return "", fmt.Errorf("message: %w", err)
	}
	return lines(der), nil
}

// lines is Base64 in lines of 76 characters, as AWS gives it.
func lines(b []byte) string {
	text := base64.StdEncoding.EncodeToString(b)
	var wrapped strings.Builder
	for len(text) > 76 {
		wrapped.WriteString(text[:76] + "\n")
		text = text[76:]
	}
	return wrapped.String() + text
}
