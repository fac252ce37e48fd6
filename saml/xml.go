package saml

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/beevik/etree"
)

// Namespaces.
const (
	nsAssertion = "urn:oasis:names:tc:SAML:2.0:assertion"
	nsProtocol  = "urn:oasis:names:tc:SAML:2.0:protocol"
	nsMetadata  = "urn:oasis:names:tc:SAML:2.0:metadata"
	nsSignature = "http://www.w3.org/2000/09/xmldsig#"
	nsXML       = "http://www.w3.org/XML/1998/namespace"
	nsXMLNS     = "http://www.w3.org/2000/xmlns/"
)

// limits bound what a document may ask of us.
type limits struct {
	bytes    int
	elements int
}

const (
	maxDepth      = 50
	maxAttributes = 100
)

// parse reads a document that anybody may have written. It takes the part of XML that SAML
// needs, and on which parsers agree: UTF-8 without a byte order mark, no document type
// declaration (and so no entities), no processing instructions, and names of ASCII with one
// prefix at most, which is declared. Comments are dropped, so they cannot cut a text in two.
func parse(doc []byte, l limits) (*etree.Element, error) {
	if len(doc) > l.bytes {
		return nil, fmt.Errorf("document of %d bytes", len(doc))
	}
	if !utf8.Valid(doc) || bytes.HasPrefix(doc, []byte("\ufeff")) {
		return nil, errors.New("document is not UTF-8 without a byte order mark")
	}
	if err := checkTokens(doc, l.elements); err != nil {
		return nil, err
	}
	root, err := read(doc)
	if err != nil {
		return nil, err
	}
	// Go's parser and printer do not agree on all documents, and what is verified is printed
	// and parsed again.
	written, err := write(root)
	if err != nil {
		return nil, err
	}
	again, err := read(written)
	if err != nil || !equal(root, again) {
		return nil, errors.New("document reads differently once it was written")
	}
	return root, nil
}

// parseIn reads an element as if it stood in another one: it may use the prefixes that
// are declared there.
func parseIn(e *etree.Element, inner []byte, l limits) (*etree.Element, error) {
	around := etree.NewElement("x")
	around.Attr = slices.DeleteFunc(detach(e).Attr, func(a etree.Attr) bool {
		return a.Space != "xmlns" && (a.Space != "" || a.Key != "xmlns")
	})
	written, err := write(around)
	if err != nil {
		return nil, err
	}
	end := []byte("</x>")
	root, err := parse(slices.Concat(bytes.TrimSuffix(written, end), inner, end), l)
	if err != nil {
		return nil, err
	}
	if len(root.Child) != 1 || len(root.ChildElements()) != 1 {
		return nil, errors.New("not one element")
	}
	return detach(root.ChildElements()[0]), nil
}

// write writes an element so that it reads the same, with references for the characters that a
// parser would change.
func write(e *etree.Element) ([]byte, error) {
	d := etree.NewDocumentWithRoot(e.Copy())
	d.WriteSettings = etree.WriteSettings{CanonicalText: true, CanonicalAttrVal: true, CanonicalEndTags: true}
	return d.WriteToBytes()
}

func read(doc []byte) (*etree.Element, error) {
	d := etree.NewDocument()
	d.ReadSettings = etree.ReadSettings{PreserveDuplicateAttrs: true, MaxDepth: maxDepth}
	if err := d.ReadFromBytes(doc); err != nil {
		return nil, err
	}
	root := d.Root()
	if root == nil {
		return nil, errors.New("document has no element")
	}
	d.RemoveChild(root)
	dropComments(root)
	return root, nil
}

// checkTokens looks at a document token by token, before a tree of it is made.
func checkTokens(doc []byte, maxElements int) error {
	d := xml.NewDecoder(bytes.NewReader(doc))
	var scopes []map[string]string // prefixes that the open elements declare
	elements := 0
	for first := true; ; first = false {
		token, err := d.RawToken()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.Directive:
			return errors.New("document type declaration")
		case xml.ProcInst:
			if !first || t.Target != "xml" {
				return errors.New("processing instruction")
			}
		case xml.CharData:
			if len(scopes) == 0 && len(bytes.TrimSpace(t)) > 0 {
				return errors.New("text outside of the document's element")
			}
		case xml.StartElement:
			if elements++; elements > maxElements || len(scopes) == maxDepth || len(t.Attr) > maxAttributes {
				return errors.New("too many or too deep elements")
			}
			if len(scopes) == 0 && elements > 1 {
				return errors.New("more than one element")
			}
			scope, err := declared(t.Attr)
			if err != nil {
				return err
			}
			scopes = append(scopes, scope)
			if err := checkNames(t, scopes); err != nil {
				return err
			}
		case xml.EndElement:
			if len(scopes) == 0 {
				return errors.New("end tag without a start tag")
			}
			scopes = scopes[:len(scopes)-1]
		}
	}
	if elements == 0 || len(scopes) != 0 {
		return errors.New("document ends early")
	}
	return nil
}

// declared returns the namespaces that an element's attributes declare, by prefix.
//
// https://www.w3.org/TR/xml-names/#ns-decl
func declared(attributes []xml.Attr) (map[string]string, error) {
	var scope map[string]string
	for _, a := range attributes {
		prefix := a.Name.Local
		switch {
		case a.Name.Space == "" && prefix == "xmlns":
			prefix = ""
		case a.Name.Space != "xmlns":
			continue
		case prefix == "xml" || prefix == "xmlns" || a.Value == "":
			return nil, fmt.Errorf("declaration of the prefix %q", prefix)
		}
		if a.Value == nsXML || a.Value == nsXMLNS {
			return nil, errors.New("declaration of a reserved namespace")
		}
		if scope == nil {
			scope = make(map[string]string)
		}
		scope[prefix] = a.Value
	}
	return scope, nil
}

var namePattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

// checkNames checks the names of an element and of its attributes, which must differ by
// namespace, too.
func checkNames(t xml.StartElement, scopes []map[string]string) error {
	expand := func(n xml.Name) (xml.Name, error) {
		if !namePattern.MatchString(n.Local) {
			return n, fmt.Errorf("name %q", n.Local)
		}
		switch n.Space {
		case "xml":
			return xml.Name{Space: nsXML, Local: n.Local}, nil
		case "xmlns":
			return xml.Name{Space: nsXMLNS, Local: n.Local}, nil
		case "":
			return n, nil
		}
		for _, scope := range slices.Backward(scopes) {
			if uri, ok := scope[n.Space]; ok {
				return xml.Name{Space: uri, Local: n.Local}, nil
			}
		}
		return n, fmt.Errorf("prefix %q is not declared", n.Space)
	}
	if t.Name.Space == "xmlns" {
		return errors.New("element in the namespace of declarations")
	}
	if _, err := expand(t.Name); err != nil {
		return err
	}
	seen := make(map[xml.Name]bool, len(t.Attr))
	for _, a := range t.Attr {
		name, err := expand(a.Name)
		if err != nil {
			return err
		}
		if seen[name] {
			return fmt.Errorf("attribute %s twice", a.Name.Local)
		}
		seen[name] = true
	}
	return nil
}

// dropComments also joins the texts before and after each.
func dropComments(e *etree.Element) {
	children := e.Child[:0:0]
	for _, c := range e.Child {
		switch c := c.(type) {
		case *etree.Element:
			dropComments(c)
		case *etree.Comment:
			continue
		case *etree.CharData:
			if n := len(children); n > 0 {
				if text, ok := children[n-1].(*etree.CharData); ok {
					children[n-1] = etree.NewText(text.Data + c.Data)
					continue
				}
			}
		}
		children = append(children, c)
	}
	e.Child = nil
	for _, c := range children {
		e.AddChild(c)
	}
}

func equal(a, b *etree.Element) bool {
	sameAttr := func(x, y etree.Attr) bool { return x.Space == y.Space && x.Key == y.Key && x.Value == y.Value }
	if a.Space != b.Space || a.Tag != b.Tag || !slices.EqualFunc(a.Attr, b.Attr, sameAttr) {
		return false
	}
	return slices.EqualFunc(a.Child, b.Child, func(x, y etree.Token) bool {
		switch x := x.(type) {
		case *etree.Element:
			y, ok := y.(*etree.Element)
			return ok && equal(x, y)
		case *etree.CharData:
			y, ok := y.(*etree.CharData)
			return ok && x.Data == y.Data
		}
		return false
	})
}

// is tells whether e is the element of that name and namespace.
func is(e *etree.Element, namespace, tag string) bool {
	return e.Tag == tag && e.NamespaceURI() == namespace
}

func childrenOf(e *etree.Element, namespace, tag string) []*etree.Element {
	var found []*etree.Element
	for _, c := range e.ChildElements() {
		if is(c, namespace, tag) {
			found = append(found, c)
		}
	}
	return found
}

// child returns the first child of that name, or nil. What may not be there twice is checked
// with one.
func child(e *etree.Element, namespace, tag string) *etree.Element {
	if found := childrenOf(e, namespace, tag); len(found) > 0 {
		return found[0]
	}
	return nil
}

// one returns the only child of that name.
func one(e *etree.Element, namespace, tag string) (*etree.Element, error) {
	found := childrenOf(e, namespace, tag)
	if len(found) != 1 {
		return nil, fmt.Errorf("%d %s in %s", len(found), tag, e.Tag)
	}
	return found[0], nil
}

// attribute returns an attribute that has no prefix. etree's own way would take any prefix.
func attribute(e *etree.Element, name string) (string, bool) {
	for _, a := range e.Attr {
		if a.Space == "" && a.Key == name {
			return a.Value, true
		}
	}
	return "", false
}

func attributeOr(e *etree.Element, name, otherwise string) string {
	if value, ok := attribute(e, name); ok {
		return value
	}
	return otherwise
}

// text returns the whole text of an element that has nothing but text.
func text(e *etree.Element) (string, error) {
	var b strings.Builder
	for _, c := range e.Child {
		data, ok := c.(*etree.CharData)
		if !ok {
			return "", fmt.Errorf("%s is not a text", e.Tag)
		}
		b.WriteString(data.Data)
	}
	return strings.Trim(b.String(), " \t\r\n"), nil
}

// instant returns the time in an attribute, zero if it is not there. SAML's times are in UTC, said or not.
//
// https://docs.oasis-open.org/security/saml/v2.0/saml-core-2.0-os.pdf 1.3.3
func instant(e *etree.Element, name string) (time.Time, error) {
	value, ok := attribute(e, name)
	if !ok {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, value)
	if err != nil {
		t, err = time.Parse("2006-01-02T15:04:05", value)
	}
	if err != nil || t.IsZero() {
		return time.Time{}, fmt.Errorf("time %s=%q", name, value)
	}
	return t.UTC(), nil
}

// detach returns a copy of an element that stands alone: it has the namespace declarations
// of those that it stood in.
func detach(e *etree.Element) *etree.Element {
	alone := e.Copy()
	for p := e.Parent(); p != nil; p = p.Parent() {
		for _, a := range p.Attr {
			isDeclaration := a.Space == "xmlns" || a.Space == "" && a.Key == "xmlns"
			has := slices.ContainsFunc(alone.Attr, func(b etree.Attr) bool { return a.Space == b.Space && a.Key == b.Key })
			if isDeclaration && !has {
				alone.Attr = append(alone.Attr, etree.Attr{Space: a.Space, Key: a.Key, Value: a.Value})
			}
		}
	}
	return alone
}
