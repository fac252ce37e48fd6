// Package samlidp is a SAML 2.0 identity provider without users: it signs whatever it is told
// to. With it AssumeRoleWithSAML can be tried without an identity provider at hand.
//
// https://docs.oasis-open.org/security/saml/v2.0/saml-core-2.0-os.pdf
package samlidp

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"math/big"
	"time"

	"github.com/beevik/etree"

	"emulator/saml"
)

// Namespaces.
const (
	nsAssertion = "urn:oasis:names:tc:SAML:2.0:assertion"
	nsProtocol  = "urn:oasis:names:tc:SAML:2.0:protocol"
	nsMetadata  = "urn:oasis:names:tc:SAML:2.0:metadata"
	nsSignature = "http://www.w3.org/2000/09/xmldsig#"
)

const (
	certificateYears = 10
	metadataDays     = 365
)

// IDP is an identity provider. It is safe for concurrent use.
type IDP struct {
	key         crypto.Signer
	entityID    string
	sso         string
	certificate []byte // DER
}

// New returns the identity provider that is called entityID, signs with an RSA or ECDSA key, and
// says that users sign in at sso. Its certificate is valid from now on for ten years.
func New(key crypto.Signer, entityID, sso string, now time.Time) (*IDP, error) {
	switch key.Public().(type) {
	case *rsa.PublicKey, *ecdsa.PublicKey:
	default:
		return nil, fmt.Errorf("key of %s is neither RSA nor ECDSA", entityID)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, fmt.Errorf("key of %s: %w", entityID, err)
	}
	serial := sha256.Sum256(public)
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial[:16]),
		Subject:      pkix.Name{CommonName: "SAML identity provider of the emulator"},
		NotBefore:    now.UTC().Truncate(time.Second),
		NotAfter:     now.UTC().Truncate(time.Second).AddDate(certificateYears, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("certificate of %s: %w", entityID, err)
	}
	return &IDP{key: key, entityID: entityID, sso: sso, certificate: certificate}, nil
}

// EntityID returns the name of the identity provider.
func (p *IDP) EntityID() string { return p.entityID }

// Certificate returns the certificate, in DER.
func (p *IDP) Certificate() []byte { return p.certificate }

// Metadata returns the document for CreateSAMLProvider. It is valid for a year from now.
//
// https://docs.oasis-open.org/security/saml/v2.0/saml-metadata-2.0-os.pdf
func (p *IDP) Metadata(now time.Time) []byte {
	root := element("md:EntityDescriptor", "xmlns:md", nsMetadata, "xmlns:ds", nsSignature, "xmlns:saml", nsAssertion,
		"entityID", p.entityID, "validUntil", instant(now.AddDate(0, 0, metadataDays)))
	role := add(root, "md:IDPSSODescriptor", "WantAuthnRequestsSigned", "false", "protocolSupportEnumeration", nsProtocol)
	key := add(role, "md:KeyDescriptor", "use", "signing")
	data := add(add(key, "ds:KeyInfo"), "ds:X509Data")
	add(data, "ds:X509Certificate").SetText(base64.StdEncoding.EncodeToString(p.certificate))
	for _, format := range []string{Persistent, Transient, EmailAddress, Unspecified} {
		add(role, "md:NameIDFormat").SetText(format)
	}
	for _, binding := range []string{"HTTP-Redirect", "HTTP-POST"} {
		add(role, "md:SingleSignOnService", "Binding", "urn:oasis:names:tc:SAML:2.0:bindings:"+binding, "Location", p.sso)
	}
	for _, name := range []string{
		saml.RoleAttribute, saml.RoleSessionNameAttribute, saml.SessionDurationAttribute, saml.SourceIdentityAttribute, saml.TransitiveTagKeysAttribute,
	} {
		add(role, "saml:Attribute", "NameFormat", uriName, "Name", name)
	}
	doc := etree.NewDocument()
	doc.CreateProcInst("xml", `version="1.0" encoding="UTF-8"`)
	doc.SetRoot(root)
	return write(doc)
}

// element returns an element with attributes: names and values in turn.
func element(tag string, attributes ...string) *etree.Element {
	e := etree.NewElement(tag)
	for i := 0; i < len(attributes); i += 2 {
		e.CreateAttr(attributes[i], attributes[i+1])
	}
	return e
}

func add(parent *etree.Element, tag string, attributes ...string) *etree.Element {
	e := element(tag, attributes...)
	parent.AddChild(e)
	return e
}

// write writes a document so that it reads the same: with references for the characters
// which a parser would change.
func write(doc *etree.Document) []byte {
	doc.WriteSettings = etree.WriteSettings{CanonicalText: true, CanonicalAttrVal: true}
	b, err := doc.WriteToBytes()
	if err != nil {
		panic(err) // writing to memory does not fail
	}
	return b
}

func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
