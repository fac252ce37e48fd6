// Package saml reads what SAML 2.0 identity providers say: their metadata, and the signed
// responses in which they vouch for somebody. It has no state, no clock and no network.
//
// Verify is the whole of it: what it returns, the identity provider signed. It is stricter than
// SAML in what a response may look like (one assertion, signatures only where the profile of SAML
// puts them, nothing of XML that SAML does not need), because every attack on the signatures of
// XML needs room: a second assertion, or a signature that is not where the reader looks.
//
// What AWS does not say it checks, is not: a response may be redeemed more than once within its
// five minutes (command line tools do so, once for each role), InResponseTo is not looked at, and the
// certificates in metadata are keys: their expiry dates mean nothing.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_saml_assertions.html
// https://docs.oasis-open.org/security/saml/v2.0/saml-core-2.0-os.pdf
// https://docs.oasis-open.org/security/saml/v2.0/saml-profiles-2.0-os.pdf 4.1
package saml

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/beevik/etree"
)

// responseLimits: AWS takes 100,000 characters of base64.
var responseLimits = limits{bytes: 75_000, elements: 10_000}

// Options say whose response is accepted, and for what.
type Options struct {
	// Metadata is of the identity provider.
	Metadata *Metadata
	// Recipient tells whether a response may be brought to this URL; nil means AWSRecipient("").
	Recipient func(url string) bool
	// Audience tells whether we are who an assertion is for; nil means AWSAudience("").
	Audience func(uri string) bool
	// Now is the time.
	Now time.Time
	// Leeway is how far the identity provider's clock may run before ours.
	Leeway time.Duration
	// DecryptionKeys are tried for encrypted assertions.
	DecryptionKeys []*rsa.PrivateKey
	// EncryptionRequired refuses an assertion that is not encrypted.
	EncryptionRequired bool

	// signer has the key of the signature that was verified last.
	signer *x509.Certificate
}

// Assertion is what an identity provider says of somebody.
type Assertion struct {
	// ID is the assertion's own.
	ID string
	// Issuer is the identity provider.
	Issuer string
	// Subject is the name of who was authenticated, or "" if there is none, which AWS answers
	// with AccessDenied.
	Subject string
	// SubjectType is "persistent", "transient", or the URI of another format.
	SubjectType string
	// Recipient is the URL that the assertion was to be brought to. AWS calls it the audience.
	Recipient string
	// IssueInstant is when the assertion was made.
	IssueInstant time.Time
	// SessionNotOnOrAfter ends the session at the identity provider, and zero does not.
	SessionNotOnOrAfter time.Time
	// Attributes are by name, and their values in order.
	Attributes map[string][]string
	// Encrypted tells that the assertion was.
	Encrypted bool
	// Signer has the key that signed it: that of the response, if the assertion has no signature of its own.
	Signer *x509.Certificate
}

// Decode decodes the SAMLAssertion parameter of AssumeRoleWithSAML.
func Decode(parameter string) ([]byte, error) {
	response, err := base64.StdEncoding.DecodeString(strings.TrimSpace(parameter))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEncoding, err)
	}
	return response, nil
}

// Verify returns the assertion in a response, proven to be of the identity provider, for us,
// and of now. The error is one of this package's.
func Verify(response []byte, o Options) (*Assertion, error) {
	if o.Recipient == nil {
		o.Recipient = AWSRecipient("")
	}
	if o.Audience == nil {
		o.Audience = AWSAudience("")
	}
	root, err := parse(response, responseLimits)
	if err == nil {
		err = checkResponse(root)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if err := checkStatus(root); err != nil {
		return nil, err
	}
	// Issuers are checked before signatures, for the error; those that count, after.
	if err := checkIssuers(root, o.Metadata.EntityID); err != nil {
		return nil, err
	}
	if until := o.Metadata.ValidUntil; !until.IsZero() && !o.Now.Before(until) {
		return nil, ErrMetadataExpired
	}
	root, element, encrypted, err := o.open(root)
	if err != nil {
		return nil, err
	}
	if destination := attributeOr(root, "Destination", ""); destination != "" && !o.Recipient(destination) {
		return nil, fmt.Errorf("%w: destination %q", ErrRecipient, destination)
	}
	if o.EncryptionRequired && !encrypted {
		return nil, ErrNotEncrypted
	}
	assertion, err := o.read(element)
	if err != nil {
		return nil, err
	}
	assertion.Encrypted, assertion.Signer = encrypted, o.signer
	return assertion, nil
}

// open returns the response and its assertion as they were signed, whatever else
// the document says.
func (o *Options) open(root *etree.Element) (response, assertion *etree.Element, encrypted bool, err error) {
	signed := false
	if child(root, nsSignature, "Signature") != nil {
		if root, err = o.verifySignature(root); err != nil {
			return nil, nil, false, err
		}
		if err := checkResponse(root); err != nil {
			return nil, nil, false, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		signed = true
	}
	assertion = child(root, nsAssertion, "Assertion")
	if assertion == nil {
		assertion, err = o.openEncrypted(root, signed)
		return root, assertion, true, err
	}
	if assertion, err = o.openAssertion(assertion, signed); err != nil {
		return nil, nil, false, err
	}
	return root, assertion, false, nil
}

// openAssertion returns the assertion as it was signed, by itself or as a part of the response.
func (o *Options) openAssertion(assertion *etree.Element, signed bool) (*etree.Element, error) {
	if child(assertion, nsSignature, "Signature") != nil {
		return o.verifySignature(detach(assertion))
	}
	if !signed {
		return nil, fmt.Errorf("%w: neither the response nor the assertion is signed", ErrSignature)
	}
	return assertion, nil
}

// openEncrypted has one error for all that can go wrong on the way from the ciphertext to the signature
// in it: who can tell a wrong padding from a wrong signature can decrypt.
func (o *Options) openEncrypted(root *etree.Element, signed bool) (*etree.Element, error) {
	element := child(root, nsAssertion, "EncryptedAssertion")
	plain, err := decrypt(element, o.DecryptionKeys)
	if err != nil {
		return nil, ErrDecryption
	}
	assertion, err := parseIn(element, plain, responseLimits)
	if err != nil || !is(assertion, nsAssertion, "Assertion") || checkAssertion(assertion) != nil {
		return nil, ErrDecryption
	}
	ids := make(map[string]bool)
	if errors.Join(checkIDs(root, ids), checkIDs(assertion, ids)) != nil {
		return nil, ErrDecryption
	}
	if assertion, err = o.openAssertion(assertion, signed); err != nil {
		return nil, ErrDecryption
	}
	return assertion, nil
}
