package saml

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/beevik/etree"
)

const (
	bearer = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
	// redemption is how long after an assertion was made AWS takes it.
	redemption = 5 * time.Minute
	// formatPrefix is removed from the formats of names.
	formatPrefix      = "urn:oasis:names:tc:SAML:2.0:nameid-format:"
	unspecifiedFormat = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
)

// read reads a signed assertion and checks that it is for us and of now.
func (o *Options) read(e *etree.Element) (*Assertion, error) {
	if err := checkIssuer(child(e, nsAssertion, "Issuer"), o.Metadata.EntityID); err != nil {
		return nil, err
	}
	id, _ := attribute(e, "ID")
	a := &Assertion{ID: id, Issuer: o.Metadata.EntityID, Attributes: make(map[string][]string)}
	for _, step := range []func(*etree.Element, *Assertion) error{
		o.readIssueInstant, o.readConditions, o.readSubject, o.readAuthnStatements, readAttributes,
	} {
		if err := step(e, a); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func malformed(err error) error { return fmt.Errorf("%w: %w", ErrMalformed, err) }

func (o *Options) readIssueInstant(e *etree.Element, a *Assertion) error {
	issued, err := instant(e, "IssueInstant")
	if err == nil && issued.IsZero() {
		err = errors.New("no IssueInstant")
	}
	if err != nil {
		return malformed(err)
	}
	a.IssueInstant = issued
	if o.Now.Add(o.Leeway).Before(issued) {
		return fmt.Errorf("%w: issued at %s", ErrNotYetValid, issued)
	}
	if o.Now.After(issued.Add(redemption)) {
		return ErrNotRedeemed
	}
	return nil
}

// checkPeriod checks the NotBefore and NotOnOrAfter attributes, either of which may be missing.
func (o *Options) checkPeriod(e *etree.Element) error {
	from, err := instant(e, "NotBefore")
	if err != nil {
		return malformed(err)
	}
	until, err := instant(e, "NotOnOrAfter")
	if err != nil {
		return malformed(err)
	}
	if !from.IsZero() && o.Now.Add(o.Leeway).Before(from) {
		return fmt.Errorf("%w: it is from %s", ErrNotYetValid, from)
	}
	if !until.IsZero() && !o.Now.Before(until) {
		return ErrExpired
	}
	return nil
}

// readConditions checks the conditions. Each audience restriction must be met, and there must be one.
func (o *Options) readConditions(e *etree.Element, _ *Assertion) error {
	conditions := child(e, nsAssertion, "Conditions")
	if conditions == nil {
		return ErrAudience
	}
	if err := o.checkPeriod(conditions); err != nil {
		return err
	}
	restricted := false
	for _, c := range conditions.ChildElements() {
		switch {
		case is(c, nsAssertion, "AudienceRestriction"):
			restricted = true
			if err := o.checkAudience(c); err != nil {
				return err
			}
		case is(c, nsAssertion, "OneTimeUse"), is(c, nsAssertion, "ProxyRestriction"):
			// The first is about keeping the assertion, which nobody does; the second about issuing others.
		default:
			// SAML: an assertion with a condition that is not understood is not valid.
			return malformed(fmt.Errorf("condition %s is not known", c.Tag))
		}
	}
	if !restricted {
		return ErrAudience
	}
	return nil
}

func (o *Options) checkAudience(restriction *etree.Element) error {
	var audiences []string
	for _, c := range childrenOf(restriction, nsAssertion, "Audience") {
		uri, err := text(c)
		if err != nil {
			return malformed(err)
		}
		if o.Audience(uri) {
			return nil
		}
		audiences = append(audiences, uri)
	}
	return fmt.Errorf("%w: it is for %q", ErrAudience, audiences)
}

// readSubject reads whom the assertion is about, and checks the confirmation: exactly one, as AWS
// wants it, of the bearer, with a recipient and an end.
func (o *Options) readSubject(e *etree.Element, a *Assertion) error {
	subject := child(e, nsAssertion, "Subject")
	if subject == nil {
		return malformed(errors.New("no subject"))
	}
	if child(subject, nsAssertion, "EncryptedID") != nil {
		return malformed(errors.New("encrypted names are not supported"))
	}
	if names := childrenOf(subject, nsAssertion, "NameID"); len(names) > 1 {
		return malformed(errors.New("more than one NameID"))
	} else if len(names) == 1 {
		var err error
		if a.Subject, err = text(names[0]); err != nil {
			return malformed(err)
		}
		format := attributeOr(names[0], "Format", unspecifiedFormat)
		a.SubjectType = strings.TrimPrefix(format, formatPrefix)
	}
	confirmation, err := one(subject, nsAssertion, "SubjectConfirmation")
	if err != nil {
		return malformed(err)
	}
	if method, _ := attribute(confirmation, "Method"); method != bearer {
		return malformed(fmt.Errorf("subject confirmation by %q", method))
	}
	data, err := one(confirmation, nsAssertion, "SubjectConfirmationData")
	if err != nil {
		return malformed(err)
	}
	// SAML's profile forbids NotBefore here.
	if _, ok := attribute(data, "NotBefore"); ok {
		return malformed(errors.New("subject confirmation with NotBefore"))
	}
	if _, ok := attribute(data, "NotOnOrAfter"); !ok {
		return malformed(errors.New("subject confirmation without NotOnOrAfter"))
	}
	if err := o.checkPeriod(data); err != nil {
		return err
	}
	a.Recipient, _ = attribute(data, "Recipient")
	if !o.Recipient(a.Recipient) {
		return fmt.Errorf("%w: it is for %q", ErrRecipient, a.Recipient)
	}
	return nil
}

// readAuthnStatements reads when the session at the identity provider ends, the
// earliest time if there are more.
func (o *Options) readAuthnStatements(e *etree.Element, a *Assertion) error {
	for _, statement := range childrenOf(e, nsAssertion, "AuthnStatement") {
		end, err := instant(statement, "SessionNotOnOrAfter")
		if err != nil {
			return malformed(err)
		}
		if !end.IsZero() && (a.SessionNotOnOrAfter.IsZero() || end.Before(a.SessionNotOnOrAfter)) {
			a.SessionNotOnOrAfter = end
		}
	}
	if end := a.SessionNotOnOrAfter; !end.IsZero() && !o.Now.Before(end) {
		return ErrExpired
	}
	return nil
}

func readAttributes(e *etree.Element, a *Assertion) error {
	for _, statement := range childrenOf(e, nsAssertion, "AttributeStatement") {
		for _, c := range statement.ChildElements() {
			name, _ := attribute(c, "Name")
			if !is(c, nsAssertion, "Attribute") || name == "" {
				return malformed(fmt.Errorf("%s in an attribute statement", c.Tag))
			}
			for _, v := range childrenOf(c, nsAssertion, "AttributeValue") {
				value, err := attributeValue(v)
				if err != nil {
					return malformed(err)
				}
				a.Attributes[name] = append(a.Attributes[name], value)
			}
		}
	}
	return nil
}

// attributeValue returns a value: a text, or the text of the NameID that eduPersonTargetedID has
// for a value.
func attributeValue(v *etree.Element) (string, error) {
	if inner := v.ChildElements(); len(inner) == 1 && is(inner[0], nsAssertion, "NameID") {
		for _, c := range v.Child {
			if data, ok := c.(*etree.CharData); ok && strings.Trim(data.Data, " \t\r\n") != "" {
				return "", errors.New("AttributeValue with a text beside a NameID")
			}
		}
		v = inner[0]
	}
	return text(v)
}
