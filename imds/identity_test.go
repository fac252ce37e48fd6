package imds_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"
	"time"

	"emulator/imds"
)

// signing returns a key of identity documents and its certificate.
func signing(t *testing.T) (*rsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := imds.NewCertificate(key, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return key, certificate
}

func decode(t *testing.T, text string) []byte {
	t.Helper()
	for line := range strings.Lines(text) {
		if len(strings.TrimSuffix(line, "\n")) > 76 {
			t.Errorf("line of %d characters", len(line))
		}
	}
	b, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(text, "\n", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestIdentityDocument(t *testing.T) {
	key, certificate := signing(t)
	i := start(t, func(c *imds.Config) { c.IdentityKey, c.IdentityCertificate = key, certificate })
	if _, names := i.get("/latest/dynamic/instance-identity/"); names != "document\nrsa2048\nsignature" {
		t.Errorf("names %q", names)
	}
	_, document := i.get("/latest/dynamic/instance-identity/document")
	if !strings.HasPrefix(document, "{\n  \"accountId\" : \"111111111111\",\n") || !strings.Contains(document, "\n  \"kernelId\" : null,\n") {
		t.Errorf("document:\n%s", document)
	}
	_, signature := i.get("/latest/dynamic/instance-identity/signature")
	public := certificate.PublicKey.(*rsa.PublicKey)
	sum := sha256.Sum256([]byte(document))
	if err := rsa.VerifyPKCS1v15(public, crypto.SHA256, sum[:], decode(t, signature)); err != nil {
		t.Errorf("signature: %v", err)
	}
	_, message := i.get("/latest/dynamic/instance-identity/rsa2048")
	verifyMessage(t, decode(t, message), certificate, document)
}

// verifyMessage reads a PKCS #7 message as RFC 5652 has it, and checks its signature.
func verifyMessage(t *testing.T, der []byte, certificate *x509.Certificate, document string) {
	t.Helper()
	var outer struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue
	}
	unmarshal(t, der, &outer)
	var signed struct {
		Version    int
		Algorithms asn1.RawValue
		Data       struct {
			Type    asn1.ObjectIdentifier
			Content asn1.RawValue
		}
		Signers asn1.RawValue
	}
	unmarshal(t, outer.Content.Bytes, &signed)
	var content []byte
	unmarshal(t, signed.Data.Content.Bytes, &content)
	if string(content) != document {
		t.Errorf("the message holds %q", content)
	}
	var signer struct {
		Version int
		Name    struct {
			Issuer asn1.RawValue
			Serial *big.Int
		}
		Digest     asn1.RawValue
		Attributes asn1.RawValue
		Algorithm  asn1.RawValue
		Signature  []byte
	}
	unmarshal(t, signed.Signers.Bytes, &signer)
	if !bytes.Equal(signer.Name.Issuer.FullBytes, certificate.RawIssuer) || signer.Name.Serial.Cmp(certificate.SerialNumber) != 0 {
		t.Error("the signer is another")
	}
	sum := sha256.Sum256([]byte(document))
	if !bytes.Contains(signer.Attributes.Bytes, sum[:]) {
		t.Error("the document's digest is not among the attributes")
	}
	attributes := bytes.Clone(signer.Attributes.FullBytes)
	if attributes[0] != 0xa0 {
		t.Errorf("tag %x of the attributes", attributes[0])
	}
	attributes[0] = 0x31 // they are signed as a SET
	digest := sha256.Sum256(attributes)
	if err := rsa.VerifyPKCS1v15(certificate.PublicKey.(*rsa.PublicKey), crypto.SHA256, digest[:], signer.Signature); err != nil {
		t.Errorf("message: %v", err)
	}
}

func unmarshal(t *testing.T, der []byte, v any) {
	t.Helper()
	if rest, err := asn1.Unmarshal(der, v); err != nil || len(rest) > 0 {
		t.Fatalf("%v, %d bytes left", err, len(rest))
	}
}

func TestIdentityKeys(t *testing.T) {
	key, certificate := signing(t)
	_, another := signing(t)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		key         crypto.Signer
		certificate *x509.Certificate
		want        string
	}{
		{key, certificate, ""},
		{key, another, "not that of the key"},
		{curve, certificate, "must be RSA"},
	} {
		_, err := imds.New(imds.Config{Region: "us-east-1", AccountID: "111111111111", IdentityKey: c.key, IdentityCertificate: c.certificate})
		if got := ""; err != nil {
			got = err.Error()
			if c.want == "" || !strings.Contains(got, c.want) {
				t.Errorf("error %q, want %q", got, c.want)
			}
		} else if c.want != "" {
			t.Errorf("no error, want %q", c.want)
		}
	}
}
