package saml

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

// signatureMethods are the algorithms that are accepted. Those with SHA-1 are not: a
// collision of it is affordable, and AWS does not say that it takes them.
var signatureMethods = []string{
	dsig.RSASHA256SignatureMethod, dsig.RSASHA384SignatureMethod, dsig.RSASHA512SignatureMethod,
	dsig.ECDSASHA256SignatureMethod, dsig.ECDSASHA384SignatureMethod, dsig.ECDSASHA512SignatureMethod,
}

var digestMethods = []string{
	"http://www.w3.org/2001/04/xmlenc#sha256",
	"http://www.w3.org/2001/04/xmldsig-more#sha384",
	"http://www.w3.org/2001/04/xmlenc#sha512",
}

// verifySignature returns e as one of the identity provider's keys signed it: without the
// signature, and made of the very bytes that the digest was of. Nothing else of e may be used.
// e stands alone.
//
// The library would look for a signature anywhere in e, take the certificate that the document
// has, and do transforms as it is told. So it is shown only signatures after the profile of
// SAML, without their KeyInfo, and one certificate at a time.
func (o *Options) verifySignature(e *etree.Element) (*etree.Element, error) {
	if err := checkSignature(e); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	var errs []error
	for _, c := range o.Metadata.Certificates {
		verified, err := verifyWith(e, c)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		id, _ := attribute(e, "ID")
		if verifiedID, _ := attribute(verified, "ID"); verifiedID != id || !is(verified, e.NamespaceURI(), e.Tag) {
			return nil, fmt.Errorf("%w: another element is signed", ErrSignature)
		}
		o.signer = c
		return verified, nil
	}
	return nil, fmt.Errorf("%w: %w", ErrSignature, errors.Join(errs...))
}

func verifyWith(e *etree.Element, c *x509.Certificate) (*etree.Element, error) {
	e = e.Copy()
	signature := child(e, nsSignature, "Signature")
	if keyInfo := child(signature, nsSignature, "KeyInfo"); keyInfo != nil {
		signature.RemoveChild(keyInfo)
	}
	value := child(signature, nsSignature, "SignatureValue")
	encoded, err := text(value)
	if err != nil {
		return nil, err
	}
	raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(encoded), ""))
	if err != nil {
		return nil, err
	}
	if key, ok := c.PublicKey.(*ecdsa.PublicKey); ok {
		if raw, err = ecdsaSignature(raw, key); err != nil {
			return nil, err
		}
	}
	value.SetText(base64.StdEncoding.EncodeToString(raw))

	context := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{c}})
	// AWS takes no notice of the dates in certificates, so it is always a time at which this one is valid.
	context.Clock = dsig.NewFakeClockAt(c.NotBefore)
	verified, err := context.Validate(e)
	if err != nil {
		return nil, err
	}
	if verified == nil {
		return nil, errors.New("nothing is signed")
	}
	return verified, nil
}

// ecdsaSignature turns a signature of XML, the two numbers one after the other, into the form of
// X.509, which the library expects.
//
// https://www.w3.org/TR/xmldsig-core1/#sec-ECDSA
func ecdsaSignature(raw []byte, key *ecdsa.PublicKey) ([]byte, error) {
	size := (key.Curve.Params().N.BitLen() + 7) / 8
	if len(raw) != 2*size {
		return nil, fmt.Errorf("ECDSA signature of %d bytes", len(raw))
	}
	r, s := new(big.Int).SetBytes(raw[:size]), new(big.Int).SetBytes(raw[size:])
	return asn1.Marshal(struct{ R, S *big.Int }{r, s})
}

// checkSignature checks that the signature of e is after the profile of SAML: enveloped in e, and of e
// as a whole, by its ID, in exclusive canonical form.
//
// https://docs.oasis-open.org/security/saml/v2.0/saml-core-2.0-os.pdf 5.4
func checkSignature(e *etree.Element) error {
	id, _ := attribute(e, "ID")
	if id == "" {
		return errors.New("signed element has no ID")
	}
	signature, err := one(e, nsSignature, "Signature")
	if err != nil {
		return err
	}
	if err := checkNoPrefixes(signature); err != nil {
		return err
	}
	if err := checkSequence(signature, "SignedInfo", "SignatureValue", "KeyInfo"); err != nil {
		return err
	}
	info := child(signature, nsSignature, "SignedInfo")
	if err := checkSequence(info, "CanonicalizationMethod", "SignatureMethod", "Reference"); err != nil {
		return err
	}
	canonicalization := child(info, nsSignature, "CanonicalizationMethod")
	if !isAlgorithm(canonicalization, string(dsig.CanonicalXML10ExclusiveAlgorithmId)) {
		return errors.New("canonicalization other than exclusive")
	}
	if !isAlgorithm(child(info, nsSignature, "SignatureMethod"), signatureMethods...) {
		return errors.New("signature algorithm is not accepted")
	}
	reference := child(info, nsSignature, "Reference")
	if uri, _ := attribute(reference, "URI"); uri != "#"+id {
		return fmt.Errorf("signature of %q", uri)
	}
	if err := checkSequence(reference, "Transforms", "DigestMethod", "DigestValue"); err != nil {
		return err
	}
	if !isAlgorithm(child(reference, nsSignature, "DigestMethod"), digestMethods...) {
		return errors.New("digest algorithm is not accepted")
	}
	transforms := child(reference, nsSignature, "Transforms").ChildElements()
	if len(transforms) != 2 ||
		!is(transforms[0], nsSignature, "Transform") || !isAlgorithm(transforms[0], string(dsig.EnvelopedSignatureAltorithmId)) ||
		!is(transforms[1], nsSignature, "Transform") || !isAlgorithm(transforms[1], string(dsig.CanonicalXML10ExclusiveAlgorithmId)) {
		return errors.New("transforms other than enveloped signature and exclusive canonicalization")
	}
	return nil
}

// checkSequence checks that the children of e are these, once each, in this order. KeyInfo may be missing.
func checkSequence(e *etree.Element, tags ...string) error {
	children := e.ChildElements()
	for _, tag := range tags {
		if len(children) > 0 && is(children[0], nsSignature, tag) {
			children = children[1:]
		} else if tag != "KeyInfo" {
			return fmt.Errorf("no %s in %s", tag, e.Tag)
		}
	}
	if len(children) > 0 {
		return fmt.Errorf("unexpected %s in %s", children[0].Tag, e.Tag)
	}
	return nil
}

// checkNoPrefixes checks that no attribute in a signature has a prefix: the library
// does not tell x:URI from URI.
func checkNoPrefixes(e *etree.Element) error {
	for _, a := range e.Attr {
		if a.Space != "" && a.Space != "xmlns" {
			return fmt.Errorf("attribute %s:%s in a signature", a.Space, a.Key)
		}
	}
	for _, c := range e.ChildElements() {
		if is(c, nsSignature, "KeyInfo") {
			continue // it is not read
		}
		if err := checkNoPrefixes(c); err != nil {
			return err
		}
	}
	return nil
}

func isAlgorithm(e *etree.Element, accepted ...string) bool {
	algorithm, _ := attribute(e, "Algorithm")
	return slices.Contains(accepted, algorithm)
}
