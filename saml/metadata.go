package saml

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/beevik/etree"
)

// metadataLimits: AWS takes 10,000,000 characters. The number of elements is what costs memory.
var metadataLimits = limits{bytes: 10_000_000, elements: 50_000}

// minKeyBits is the least that AWS takes of a key in metadata.
const minKeyBits = 1024

// Metadata describes an identity provider.
type Metadata struct {
	// EntityID is the identity provider's name, the issuer of its assertions.
	EntityID string
	// Certificates have the keys that it signs with.
	Certificates []*x509.Certificate
	// ValidUntil ends the validity of the metadata, and zero does not.
	ValidUntil time.Time
	// SSO is where users sign in, or "".
	SSO string
}

// ParseMetadata reads the metadata document of CreateSAMLProvider: an EntityDescriptor of
// an identity provider that speaks SAML 2.0. Its own signature, if there is one, is not
// verified: who may create a provider vouches for it.
//
// https://docs.oasis-open.org/security/saml/v2.0/saml-metadata-2.0-os.pdf
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateSAMLProvider.html
func ParseMetadata(doc []byte) (*Metadata, error) {
	root, err := parse(doc, metadataLimits)
	if err != nil {
		return nil, metadataError(err)
	}
	if !is(root, nsMetadata, "EntityDescriptor") {
		return nil, metadataError(errors.New("not an EntityDescriptor"))
	}
	m := &Metadata{}
	if m.EntityID, _ = attribute(root, "entityID"); m.EntityID == "" {
		return nil, metadataError(errors.New("no entityID"))
	}
	if err := m.endBy(root); err != nil {
		return nil, err
	}
	found := false
	for _, role := range childrenOf(root, nsMetadata, "IDPSSODescriptor") {
		protocols, _ := attribute(role, "protocolSupportEnumeration")
		if !slices.Contains(strings.Fields(protocols), nsProtocol) {
			continue
		}
		found = true
		if err := m.addRole(role); err != nil {
			return nil, err
		}
	}
	if !found {
		return nil, metadataError(errors.New("no IDPSSODescriptor of SAML 2.0"))
	}
	if len(m.Certificates) == 0 {
		return nil, ErrNoCertificate
	}
	return m, nil
}

// EntityID returns what a metadata document calls the identity provider, "" if that can't be told: it reads no more than the
// beginning, so that those may ask who are not known to be allowed anything.
func EntityID(doc []byte) string {
	d := xml.NewDecoder(bytes.NewReader(doc[:min(len(doc), 16<<10)]))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // an ID is ASCII in most
	for {
		token, err := d.RawToken()
		if err != nil {
			return ""
		}
		if e, ok := token.(xml.StartElement); ok {
			for _, a := range e.Attr {
				if a.Name.Space == "" && a.Name.Local == "entityID" {
					return a.Value
				}
			}
			return ""
		}
	}
}

// KeyHash names the key of a certificate: the SHA-256 of its SubjectPublicKeyInfo. AWS does not say which hash it takes.
func KeyHash(c *x509.Certificate) string {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:])
}

func metadataError(err error) error { return fmt.Errorf("%w: %w", ErrMetadata, err) }

// endBy takes over an element's validUntil if it is earlier.
func (m *Metadata) endBy(e *etree.Element) error {
	until, err := instant(e, "validUntil")
	if err != nil {
		return metadataError(err)
	}
	if !until.IsZero() && (m.ValidUntil.IsZero() || until.Before(m.ValidUntil)) {
		m.ValidUntil = until
	}
	return nil
}

func (m *Metadata) addRole(role *etree.Element) error {
	if err := m.endBy(role); err != nil {
		return err
	}
	for _, key := range childrenOf(role, nsMetadata, "KeyDescriptor") {
		if use := attributeOr(key, "use", "signing"); use != "signing" {
			continue
		}
		for _, info := range childrenOf(key, nsSignature, "KeyInfo") {
			for _, data := range childrenOf(info, nsSignature, "X509Data") {
				if err := m.addCertificate(data); err != nil {
					return err
				}
			}
		}
	}
	for _, service := range childrenOf(role, nsMetadata, "SingleSignOnService") {
		if m.SSO == "" {
			m.SSO, _ = attribute(service, "Location")
		}
	}
	return nil
}

// addCertificate adds the first certificate: those after it are of the authorities that issued it,
// who must not sign assertions.
func (m *Metadata) addCertificate(data *etree.Element) error {
	e := child(data, nsSignature, "X509Certificate")
	if e == nil {
		return nil
	}
	der, err := decodeText(e)
	if err != nil {
		return metadataError(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return metadataError(err)
	}
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < minKeyBits {
			return fmt.Errorf("%w: RSA key of %d bits", ErrWeakKey, bits)
		}
	case *ecdsa.PublicKey:
	default:
		return fmt.Errorf("%w: %s key", ErrWeakKey, c.PublicKeyAlgorithm)
	}
	if !slices.ContainsFunc(m.Certificates, c.Equal) {
		m.Certificates = append(m.Certificates, c)
	}
	return nil
}
