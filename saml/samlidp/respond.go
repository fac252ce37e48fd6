package samlidp

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

// Formats of names.
const (
	Persistent   = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
	Transient    = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
	EmailAddress = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
	Unspecified  = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
)

const uriName = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"

// Signed says what is signed of a response.
type Signed int

// The zero value signs the assertion, as most identity providers do.
const (
	SignAssertion Signed = iota
	SignResponse
	SignBoth
	SignNothing
)

// Options say what is in a response. The zero value of each but Now is a default.
type Options struct {
	// Now is the time.
	Now time.Time
	// Recipient is where the response is to be brought; "" means https://signin.aws.amazon.com/saml.
	Recipient string
	// Audience is whom the assertion is for; "" means urn:amazon:webservices.
	Audience string
	// Subject is the name of the user; "" means "user".
	Subject string
	// SubjectFormat is the URI of its format; "" means Persistent.
	SubjectFormat string
	// Attributes are by name, and their values in order.
	Attributes map[string][]string
	// Lifetime of the assertion; 0 means five minutes.
	Lifetime time.Duration
	// SessionNotOnOrAfter ends the user's session; zero leaves it out.
	SessionNotOnOrAfter time.Time
	// Signed is what to sign.
	Signed Signed
	// Hash is that of signatures; 0 means SHA-256.
	Hash crypto.Hash
	// EncryptTo is the certificate to encrypt the assertion for, which must be of an RSA key.
	EncryptTo *x509.Certificate
	// Cipher is the URI of the algorithm to encrypt the assertion with; "" means AES-256-GCM.
	Cipher string
	// OAEPHash is that of the encryption of the key; 0 means SHA-1, as most identity providers have it.
	OAEPHash crypto.Hash
	// Alter may change the response before anything is signed, to try out what is refused. It is nil if nothing is to be.
	Alter func(response *etree.Element)
}

func (o *Options) setDefaults() {
	for _, d := range []struct {
		field *string
		value string
	}{
		{&o.Recipient, "https://signin.aws.amazon.com/saml"},
		{&o.Audience, "urn:amazon:webservices"},
		{&o.Subject, "user"},
		{&o.SubjectFormat, Persistent},
		{&o.Cipher, AES256GCM},
	} {
		if *d.field == "" {
			*d.field = d.value
		}
	}
	if o.Lifetime == 0 {
		o.Lifetime = 5 * time.Minute
	}
	if o.Hash == 0 {
		o.Hash = crypto.SHA256
	}
	if o.OAEPHash == 0 {
		o.OAEPHash = crypto.SHA1
	}
}

// Respond returns a response in base64, as the SAMLAssertion parameter of AssumeRoleWithSAML is.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_saml_assertions.html
func (p *IDP) Respond(o Options) (string, error) {
	response, err := p.response(o)
	if err != nil {
		return "", fmt.Errorf("response of %s: %w", p.entityID, err)
	}
	return base64.StdEncoding.EncodeToString(response), nil
}

func (p *IDP) response(o Options) ([]byte, error) {
	o.setDefaults()
	root := element("samlp:Response", "xmlns:samlp", nsProtocol, "ID", "_"+rand.Text(), "Version", "2.0",
		"IssueInstant", instant(o.Now), "Destination", o.Recipient)
	add(root, "saml:Issuer", "xmlns:saml", nsAssertion).SetText(p.entityID)
	add(add(root, "samlp:Status"), "samlp:StatusCode", "Value", "urn:oasis:names:tc:SAML:2.0:status:Success")
	root.AddChild(p.assertion(&o))
	if o.Alter != nil {
		o.Alter(root)
	}
	assertion := root.SelectElement("saml:Assertion")
	if o.Signed == SignAssertion || o.Signed == SignBoth {
		if assertion == nil {
			return nil, errors.New("there is no assertion to sign")
		}
		if err := p.sign(assertion, o.Hash); err != nil {
			return nil, err
		}
	}
	if o.EncryptTo != nil {
		if assertion == nil {
			return nil, errors.New("there is no assertion to encrypt")
		}
		encrypted, err := encrypt(assertion, &o)
		if err != nil {
			return nil, err
		}
		at := assertion.Index()
		root.RemoveChildAt(at)
		root.InsertChildAt(at, encrypted)
	}
	if o.Signed == SignResponse || o.Signed == SignBoth {
		if err := p.sign(root, o.Hash); err != nil {
			return nil, err
		}
	}
	return write(etree.NewDocumentWithRoot(root)), nil
}

// assertion returns an assertion that stands alone, so that it is signed as it is read.
func (p *IDP) assertion(o *Options) *etree.Element {
	until := instant(o.Now.Add(o.Lifetime))
	a := element("saml:Assertion", "xmlns:saml", nsAssertion, "ID", "_"+rand.Text(), "Version", "2.0", "IssueInstant", instant(o.Now))
	add(a, "saml:Issuer").SetText(p.entityID)
	subject := add(a, "saml:Subject")
	add(subject, "saml:NameID", "Format", o.SubjectFormat).SetText(o.Subject)
	confirmation := add(subject, "saml:SubjectConfirmation", "Method", "urn:oasis:names:tc:SAML:2.0:cm:bearer")
	add(confirmation, "saml:SubjectConfirmationData", "NotOnOrAfter", until, "Recipient", o.Recipient)
	conditions := add(a, "saml:Conditions", "NotBefore", instant(o.Now), "NotOnOrAfter", until)
	add(add(conditions, "saml:AudienceRestriction"), "saml:Audience").SetText(o.Audience)
	authn := add(a, "saml:AuthnStatement", "AuthnInstant", instant(o.Now), "SessionIndex", "_"+rand.Text())
	if !o.SessionNotOnOrAfter.IsZero() {
		authn.CreateAttr("SessionNotOnOrAfter", instant(o.SessionNotOnOrAfter))
	}
	add(add(authn, "saml:AuthnContext"), "saml:AuthnContextClassRef").SetText("urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified")
	if len(o.Attributes) == 0 {
		return a
	}
	statement := add(a, "saml:AttributeStatement")
	for _, name := range slices.Sorted(maps.Keys(o.Attributes)) {
		e := add(statement, "saml:Attribute", "Name", name, "NameFormat", uriName)
		for _, value := range o.Attributes[name] {
			add(e, "saml:AttributeValue").SetText(value)
		}
	}
	return a
}

// sign signs an element that stands alone. The signature comes after the issuer, where the
// schema of SAML has it.
func (p *IDP) sign(e *etree.Element, hash crypto.Hash) error {
	context, err := dsig.NewSigningContext(p.key, [][]byte{p.certificate})
	if err != nil {
		return err
	}
	context.Hash = hash
	context.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	signature, err := context.ConstructSignature(e.Copy(), true) // it changes what it is given
	if err != nil {
		return err
	}
	if key, ok := p.key.Public().(*ecdsa.PublicKey); ok {
		if err := rawECDSA(signature.SelectElement("ds:SignatureValue"), key); err != nil {
			return err
		}
	}
	at := 0
	if issuer := e.SelectElement("saml:Issuer"); issuer != nil {
		at = issuer.Index() + 1
	}
	e.InsertChildAt(at, signature)
	return nil
}

// rawECDSA turns a signature from the form of X.509 into that of XML: the two numbers one after the other.
//
// https://www.w3.org/TR/xmldsig-core1/#sec-ECDSA
func rawECDSA(value *etree.Element, key *ecdsa.PublicKey) error {
	der, err := base64.StdEncoding.DecodeString(value.Text())
	if err != nil {
		return err
	}
	var signature struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &signature); err != nil {
		return err
	}
	size := (key.Curve.Params().N.BitLen() + 7) / 8
	raw := signature.S.FillBytes(make([]byte, size))
	raw = append(signature.R.FillBytes(make([]byte, size)), raw...)
	value.SetText(base64.StdEncoding.EncodeToString(raw))
	return nil
}

// recipientKey returns the key of a certificate to encrypt for.
func recipientKey(c *x509.Certificate) (*rsa.PublicKey, error) {
	key, ok := c.PublicKey.(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("certificate to encrypt for is not of an RSA key")
	}
	return key, nil
}
