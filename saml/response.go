package saml

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/beevik/etree"
)

const success = "urn:oasis:names:tc:SAML:2.0:status:Success"

// name is a namespace and a tag.
type name struct{ space, tag string }

// What a response and an assertion may consist of, by the schema of SAML. No part but
// the statements may be there twice.
var (
	responseParts = []name{
		{nsAssertion, "Issuer"}, {nsSignature, "Signature"}, {nsProtocol, "Extensions"}, {nsProtocol, "Status"},
		{nsAssertion, "Assertion"}, {nsAssertion, "EncryptedAssertion"},
	}
	assertionParts = []name{
		{nsAssertion, "Issuer"}, {nsSignature, "Signature"}, {nsAssertion, "Subject"}, {nsAssertion, "Conditions"},
		{nsAssertion, "Advice"},
	}
	assertionStatements = []name{
		{nsAssertion, "AuthnStatement"}, {nsAssertion, "AttributeStatement"}, {nsAssertion, "AuthzDecisionStatement"},
	}
	// alone are the elements that stand nowhere but where the above puts them: whoever
	// wraps a signed element into another needs one that does.
	alone = []name{
		{nsProtocol, "Response"}, {nsAssertion, "Assertion"}, {nsAssertion, "EncryptedAssertion"},
		{nsSignature, "Signature"}, {nsSignature, "Object"},
	}
)

// checkResponse checks that a document is a response with one assertion, and that it has
// no other place in which a second one, or a signature, could hide.
func checkResponse(root *etree.Element) error {
	if !is(root, nsProtocol, "Response") {
		return errors.New("not a response")
	}
	if version, _ := attribute(root, "Version"); version != "2.0" {
		return errors.New("not SAML 2.0")
	}
	if err := checkParts(root, responseParts, nil); err != nil {
		return err
	}
	assertions := childrenOf(root, nsAssertion, "Assertion")
	if len(assertions)+len(childrenOf(root, nsAssertion, "EncryptedAssertion")) != 1 {
		// A response that tells of a failure has none.
		if len(assertions) == 0 && checkStatus(root) != nil {
			return checkIDs(root, make(map[string]bool))
		}
		return errors.New("there must be one assertion")
	}
	for _, a := range assertions {
		if err := checkAssertion(a); err != nil {
			return err
		}
	}
	for _, c := range root.ChildElements() {
		if is(c, nsAssertion, "Assertion") {
			continue // it was checked
		}
		if err := checkInside(c); err != nil {
			return err
		}
	}
	return checkIDs(root, make(map[string]bool))
}

func checkAssertion(a *etree.Element) error {
	if version, _ := attribute(a, "Version"); version != "2.0" {
		return errors.New("not an assertion of SAML 2.0")
	}
	if id, _ := attribute(a, "ID"); id == "" {
		return errors.New("the assertion has no ID")
	}
	if err := checkParts(a, assertionParts, assertionStatements); err != nil {
		return err
	}
	return checkInside(a)
}

// checkParts checks that e consists of the parts, each at most once, and of any number of
// the repeated ones; and that there is no text between them.
func checkParts(e *etree.Element, parts, repeated []name) error {
	seen := make(map[name]bool)
	for _, c := range e.Child {
		switch c := c.(type) {
		case *etree.Element:
			n := name{c.NamespaceURI(), c.Tag}
			if !slices.Contains(repeated, n) && (seen[n] || !slices.Contains(parts, n)) {
				return fmt.Errorf("unexpected %s in %s", c.Tag, e.Tag)
			}
			seen[n] = true
		case *etree.CharData:
			if strings.Trim(c.Data, " \t\r\n") != "" {
				return fmt.Errorf("text in %s", e.Tag)
			}
		}
	}
	return nil
}

// checkInside checks that none of those that stand alone is inside of a part. AuthnContextDecl,
// Extensions and the like may have anything else.
func checkInside(part *etree.Element) error {
	for _, c := range part.ChildElements() {
		signature := is(part, nsAssertion, "Assertion") && is(c, nsSignature, "Signature")
		if slices.Contains(alone, name{c.NamespaceURI(), c.Tag}) && !signature {
			return fmt.Errorf("unexpected %s in %s", c.Tag, part.Tag)
		}
		if err := checkInside(c); err != nil {
			return err
		}
	}
	return nil
}

// checkIDs checks that no ID is there twice, and adds those of e to ids. Every attribute that anybody
// may take for an ID counts as one.
func checkIDs(e *etree.Element, ids map[string]bool) error {
	for _, a := range e.Attr {
		if !strings.EqualFold(a.Key, "id") || a.Space == "xmlns" {
			continue
		}
		if a.Space != "" || a.Value == "" || ids[a.Value] {
			return fmt.Errorf("ID %q is not unique", a.Value)
		}
		ids[a.Value] = true
	}
	for _, c := range e.ChildElements() {
		if err := checkIDs(c, ids); err != nil {
			return err
		}
	}
	return nil
}

// checkStatus checks that the identity provider tells of a success.
func checkStatus(root *etree.Element) error {
	status, err := one(root, nsProtocol, "Status")
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	code, err := one(status, nsProtocol, "StatusCode")
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if value, _ := attribute(code, "Value"); value != success {
		return fmt.Errorf("%w: %s", ErrStatus, value)
	}
	return nil
}

// checkIssuers checks the issuer of the response, which need not be there, and that of the
// assertion, unless it is encrypted.
func checkIssuers(root *etree.Element, entityID string) error {
	for _, e := range []*etree.Element{root, child(root, nsAssertion, "Assertion")} {
		if e == nil {
			continue
		}
		issuer := child(e, nsAssertion, "Issuer")
		if issuer == nil && e == root {
			continue
		}
		if err := checkIssuer(issuer, entityID); err != nil {
			return err
		}
	}
	return nil
}

func checkIssuer(issuer *etree.Element, entityID string) error {
	if issuer == nil {
		return fmt.Errorf("%w: the assertion has no issuer", ErrMalformed)
	}
	name, err := text(issuer)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if name != entityID {
		return fmt.Errorf("%w: %q is not %q", ErrIssuer, name, entityID)
	}
	return nil
}
