package saml_test

import (
	"encoding/base64"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"

	"emulator/saml"
	"emulator/saml/samlidp"
)

func tree(t testing.TB, response []byte) *etree.Element {
	t.Helper()
	d := etree.NewDocument()
	if err := d.ReadFromBytes(response); err != nil {
		t.Fatal(err)
	}
	return d.Root()
}

func print(t testing.TB, root *etree.Element) []byte {
	t.Helper()
	d := etree.NewDocumentWithRoot(root)
	d.WriteSettings = etree.WriteSettings{CanonicalText: true, CanonicalAttrVal: true}
	b, err := d.WriteToBytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// evil makes of an assertion or response one of the attacker's: another ID and another user.
func evil(e *etree.Element) *etree.Element {
	e = e.Copy()
	e.CreateAttr("ID", "_evil")
	for _, name := range e.FindElements(".//saml:NameID") {
		name.SetText("admin")
	}
	if signature := e.SelectElement("ds:Signature"); signature != nil {
		e.RemoveChild(signature)
	}
	return e
}

// TestWrapping has the eight forms of signature wrapping: the signed element is kept somewhere, and
// one of the attacker's put where it may be looked for.
//
// https://www.usenix.org/system/files/conference/usenixsecurity12/sec12-final91.pdf
func TestWrapping(t *testing.T) {
	p := anyIDP(t)
	signature := func(e *etree.Element) *etree.Element { return e.SelectElement("ds:Signature") }
	object := func(e *etree.Element) *etree.Element {
		o := etree.NewElement("ds:Object")
		o.CreateAttr("xmlns:ds", dsig.Namespace)
		o.AddChild(e)
		return o
	}
	tests := []struct {
		name   string
		signed samlidp.Signed
		wrap   func(root, assertion *etree.Element) *etree.Element
	}{
		{"1: response in its signature", samlidp.SignResponse, func(root, _ *etree.Element) *etree.Element {
			e, s := evil(root), signature(root)
			root.RemoveChild(s)
			s.AddChild(root)
			e.AddChild(s)
			return e
		}},
		{"2: signature before the signed response", samlidp.SignResponse, func(root, _ *etree.Element) *etree.Element {
			e, s := evil(root), signature(root)
			root.RemoveChild(s)
			e.InsertChildAt(0, root)
			e.InsertChildAt(0, s)
			return e
		}},
		{"3: evil assertion before the signed one", samlidp.SignAssertion, func(root, a *etree.Element) *etree.Element {
			root.InsertChildAt(a.Index(), evil(a))
			return root
		}},
		{"3: evil assertion after the signed one", samlidp.SignAssertion, func(root, a *etree.Element) *etree.Element {
			root.AddChild(evil(a))
			return root
		}},
		{"4: signed assertion in the evil one", samlidp.SignAssertion, func(root, a *etree.Element) *etree.Element {
			e := evil(a)
			root.RemoveChild(a)
			e.AddChild(a)
			root.AddChild(e)
			return root
		}},
		{"5: signature in the evil assertion, signed one after it", samlidp.SignAssertion, func(root, a *etree.Element) *etree.Element {
			e, s := evil(a), signature(a)
			a.RemoveChild(s)
			e.AddChild(s)
			root.InsertChildAt(a.Index(), e)
			return root
		}},
		{"6: signed assertion in the signature in the evil one", samlidp.SignAssertion, func(root, a *etree.Element) *etree.Element {
			e, s := evil(a), signature(a)
			root.RemoveChild(a)
			a.RemoveChild(s)
			s.AddChild(a)
			e.AddChild(s)
			root.AddChild(e)
			return root
		}},
		{"7: evil assertion in the extensions", samlidp.SignAssertion, func(root, a *etree.Element) *etree.Element {
			x := etree.NewElement("samlp:Extensions")
			x.AddChild(evil(a))
			root.InsertChildAt(1, x)
			return root
		}},
		{"7: signed assertion in the extensions", samlidp.SignAssertion, func(root, a *etree.Element) *etree.Element {
			x := etree.NewElement("samlp:Extensions")
			e := evil(a)
			root.RemoveChild(a)
			x.AddChild(a)
			root.InsertChildAt(1, x)
			root.AddChild(e)
			return root
		}},
		{"8: signed assertion in an object of the signature", samlidp.SignAssertion, func(root, a *etree.Element) *etree.Element {
			e, s := evil(a), signature(a)
			root.RemoveChild(a)
			a.RemoveChild(s)
			s.AddChild(object(a))
			e.AddChild(s)
			root.AddChild(e)
			return root
		}},
		{"signed response in the extensions", samlidp.SignResponse, func(root, _ *etree.Element) *etree.Element {
			e := evil(root)
			x := etree.NewElement("samlp:Extensions")
			x.AddChild(root)
			e.InsertChildAt(1, x)
			return e
		}},
		{"signed response in the status", samlidp.SignResponse, func(root, _ *etree.Element) *etree.Element {
			e := evil(root)
			e.SelectElement("samlp:Status").CreateElement("samlp:StatusDetail").AddChild(root)
			return e
		}},
		{"signed assertion in an attribute value", samlidp.SignAssertion, func(root, a *etree.Element) *etree.Element {
			e := evil(a)
			root.RemoveChild(a)
			e.CreateElement("saml:AttributeStatement").CreateElement("saml:Attribute").CreateElement("saml:AttributeValue").AddChild(a)
			root.AddChild(e)
			return root
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := tree(t, p.respond(samlidp.Options{Signed: tt.signed}))
			wrapped := tt.wrap(root, root.SelectElement("saml:Assertion"))
			p.refused(t, print(t, wrapped), p.options(), saml.ErrMalformed)
		})
	}
}

// TestForgery has what an attacker may do with a signature that does not wrap.
func TestForgery(t *testing.T) {
	p := anyIDP(t)
	info := func(r *etree.Element, tag string) *etree.Element { return find(t, r, "//ds:"+tag) }
	transform := func(r *etree.Element, i int) *etree.Element { return r.FindElements("//ds:Transform")[i] }
	algorithm := func(tag, uri string) func(r *etree.Element) {
		return func(r *etree.Element) { info(r, tag).CreateAttr("Algorithm", uri) }
	}
	drop := func(tag string) func(r *etree.Element) { return func(r *etree.Element) { remove(info(r, tag)) } }
	tests := []struct {
		name   string
		change func(root *etree.Element)
		want   error
	}{
		{"no signature", drop("Signature"), saml.ErrSignature},
		{"name changed", func(r *etree.Element) { find(t, r, "//saml:NameID").SetText("admin") }, saml.ErrSignature},
		{"attribute added", func(r *etree.Element) { find(t, r, "//saml:NameID").CreateAttr("x", "y") }, saml.ErrSignature},
		{"statement added", func(r *etree.Element) { find(t, r, "//saml:Assertion").CreateElement("saml:AttributeStatement") }, saml.ErrSignature},
		{"white space added", func(r *etree.Element) { find(t, r, "//saml:Subject").CreateText(" ") }, saml.ErrSignature},
		{"empty reference", func(r *etree.Element) { info(r, "Reference").CreateAttr("URI", "") }, saml.ErrSignature},
		{"no reference URI", func(r *etree.Element) { info(r, "Reference").RemoveAttr("URI") }, saml.ErrSignature},
		{"reference to the response", func(r *etree.Element) {
			info(r, "Reference").CreateAttr("URI", "#"+r.SelectAttrValue("ID", ""))
		}, saml.ErrSignature},
		{"reference by XPointer", func(r *etree.Element) { info(r, "Reference").CreateAttr("URI", "#xpointer(/)") }, saml.ErrSignature},
		{"reference with a prefix", func(r *etree.Element) {
			info(r, "Reference").CreateAttr("ds:URI", "#x")
		}, saml.ErrSignature},
		{"two references", func(r *etree.Element) { info(r, "SignedInfo").AddChild(info(r, "Reference").Copy()) }, saml.ErrSignature},
		{"no reference", drop("Reference"), saml.ErrSignature},
		{"two signatures", func(r *etree.Element) {
			find(t, r, "//saml:Assertion").AddChild(info(r, "Signature").Copy())
		}, saml.ErrMalformed},
		{"two SignedInfo", func(r *etree.Element) { info(r, "Signature").AddChild(info(r, "SignedInfo").Copy()) }, saml.ErrSignature},
		{"no SignedInfo", drop("SignedInfo"), saml.ErrSignature},
		{"no SignatureValue", drop("SignatureValue"), saml.ErrSignature},
		{"SignatureValue is no base64", func(r *etree.Element) { info(r, "SignatureValue").SetText("*") }, saml.ErrSignature},
		{"SignatureValue is cut", func(r *etree.Element) { info(r, "SignatureValue").SetText("AAAA") }, saml.ErrSignature},
		{"SignatureValue is zero", func(r *etree.Element) { info(r, "SignatureValue").SetText(strings.Repeat("A", 86) + "==") }, saml.ErrSignature},
		{"no DigestValue", drop("DigestValue"), saml.ErrSignature},
		{"no Transforms", drop("Transforms"), saml.ErrSignature},
		{"one transform", func(r *etree.Element) { remove(transform(r, 1)) }, saml.ErrSignature},
		{"three transforms", func(r *etree.Element) { info(r, "Transforms").AddChild(transform(r, 1).Copy()) }, saml.ErrSignature},
		{"transforms in another order", func(r *etree.Element) { info(r, "Transforms").AddChild(transform(r, 0)) }, saml.ErrSignature},
		{"XSLT", func(r *etree.Element) {
			transform(r, 1).CreateAttr("Algorithm", "http://www.w3.org/TR/1999/REC-xslt-19991116")
		}, saml.ErrSignature},
		{"XPath", func(r *etree.Element) {
			transform(r, 0).CreateAttr("Algorithm", "http://www.w3.org/TR/1999/REC-xpath-19991116")
		}, saml.ErrSignature},
		{"canonical form with comments", func(r *etree.Element) {
			transform(r, 1).CreateAttr("Algorithm", "http://www.w3.org/2001/10/xml-exc-c14n#WithComments")
		}, saml.ErrSignature},
		{"inclusive canonicalization", algorithm("CanonicalizationMethod", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"), saml.ErrSignature},
		{"RSA-SHA1", algorithm("SignatureMethod", dsig.RSASHA1SignatureMethod), saml.ErrSignature},
		{"ECDSA-SHA1", algorithm("SignatureMethod", dsig.ECDSASHA1SignatureMethod), saml.ErrSignature},
		{"signature on the response", func(r *etree.Element) { r.InsertChildAt(1, info(r, "Signature")) }, saml.ErrSignature},
		{"HMAC", algorithm("SignatureMethod", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"), saml.ErrSignature},
		{"RSA for ECDSA", algorithm("SignatureMethod", dsig.RSASHA256SignatureMethod), saml.ErrSignature},
		{"SHA-1 digest", algorithm("DigestMethod", "http://www.w3.org/2000/09/xmldsig#sha1"), saml.ErrSignature},
		{"signature in another namespace", func(r *etree.Element) {
			info(r, "Signature").CreateAttr("xmlns:ds", "http://example.com/")
		}, saml.ErrMalformed},
		{"assertion in another namespace", func(r *etree.Element) {
			find(t, r, "//saml:Assertion").CreateAttr("xmlns:saml", "http://example.com/")
		}, saml.ErrMalformed},
		{"response in another namespace", func(r *etree.Element) { r.CreateAttr("xmlns:samlp", "http://example.com/") }, saml.ErrMalformed},
		{"other assertion beside", func(r *etree.Element) {
			e := evil(r.SelectElement("saml:Assertion"))
			e.CreateAttr("xmlns:saml", "http://example.com/")
			r.InsertChildAt(0, e)
		}, saml.ErrMalformed},
		{"encrypted assertion beside", func(r *etree.Element) {
			r.CreateElement("saml:EncryptedAssertion").CreateAttr("xmlns:saml", "urn:oasis:names:tc:SAML:2.0:assertion")
		}, saml.ErrMalformed},
		{"the same ID twice", func(r *etree.Element) {
			r.CreateAttr("ID", find(t, r, "//saml:Assertion").SelectAttrValue("ID", ""))
		}, saml.ErrMalformed},
		{"the same ID in another spelling", func(r *etree.Element) {
			find(t, r, "//saml:NameID").CreateAttr("Id", r.SelectAttrValue("ID", ""))
		}, saml.ErrMalformed},
		{"ID with a prefix", func(r *etree.Element) { r.CreateAttr("xml:id", "x") }, saml.ErrMalformed},
		{"empty ID", func(r *etree.Element) { find(t, r, "//saml:NameID").CreateAttr("id", "") }, saml.ErrMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := tree(t, p.respond(samlidp.Options{}))
			tt.change(root)
			p.refused(t, print(t, root), p.options(), tt.want)
		})
	}
}

// TestSignedByAnother has a response that the identity provider signed, and in it an assertion that
// somebody else did; and the other way around.
func TestSignedByAnother(t *testing.T) {
	p, other := anyIDP(t), anyIDP(t)
	theirs := tree(t, other.respond(samlidp.Options{})).SelectElement("saml:Assertion")
	p.refused(t, p.respond(samlidp.Options{Signed: samlidp.SignResponse, Alter: func(r *etree.Element) {
		r.RemoveChild(r.SelectElement("saml:Assertion"))
		r.AddChild(theirs.Copy())
	}}), p.options(), saml.ErrSignature)
	ours := tree(t, p.respond(samlidp.Options{})).SelectElement("saml:Assertion")
	p.refused(t, other.respond(samlidp.Options{Signed: samlidp.SignResponse, Alter: func(r *etree.Element) {
		r.RemoveChild(r.SelectElement("saml:Assertion"))
		r.AddChild(ours.Copy())
	}}), p.options(), saml.ErrSignature)
}

// TestKeyInfo: what KeyInfo says does not matter.
func TestKeyInfo(t *testing.T) {
	p, other := anyIDP(t), anyIDP(t)
	for name, change := range map[string]func(info *etree.Element){
		"none":  remove,
		"empty": func(e *etree.Element) { e.Child = nil },
		"another's": func(e *etree.Element) {
			find(t, e, ".//ds:X509Certificate").SetText(base64.StdEncoding.EncodeToString(other.Certificate()))
		},
		"not a certificate": func(e *etree.Element) { find(t, e, ".//ds:X509Certificate").SetText("AAAA") },
		"something else":    func(e *etree.Element) { e.CreateElement("ds:KeyName").SetText("k") },
	} {
		root := tree(t, p.respond(samlidp.Options{}))
		change(find(t, root, "//ds:KeyInfo"))
		if _, err := saml.Verify(print(t, root), p.options()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestComments: a comment does not cut a text in two, nor does CDATA.
func TestComments(t *testing.T) {
	p := anyIDP(t)
	response := string(p.respond(samlidp.Options{
		Subject: "admin@example.com.evil.example",
		Attributes: map[string][]string{
			saml.RoleAttribute: {"arn:aws:iam::111111111111:role/admin-not,arn:aws:iam::111111111111:saml-provider/p"},
		},
	}))
	want, err := saml.Verify([]byte(response), p.options())
	if err != nil {
		t.Fatal(err)
	}
	for _, insertion := range []string{"<!---->", "<!-- x -->", "<![CDATA[]]>"} {
		changed := strings.NewReplacer(
			"admin@example.com", "admin@example.com"+insertion,
			"role/admin", "role/admin"+insertion,
			"urn:amazon", insertion+"urn:amazon",
			">https://idp", ">"+insertion+"https://"+insertion+"idp",
		).Replace(response)
		got, err := saml.Verify([]byte(changed), p.options())
		if changed == response || err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, error %v", insertion, got, err)
		}
	}
	for _, insertion := range []string{"<x/>", "<?x?>"} {
		changed := strings.Replace(response, "admin@example.com", "admin@example.com"+insertion, 1)
		if a, err := saml.Verify([]byte(changed), p.options()); err == nil {
			t.Errorf("%s: got %+v", insertion, a)
		}
	}
}

func TestNotSafeToRead(t *testing.T) {
	p := anyIDP(t)
	good := string(p.respond(samlidp.Options{}))
	bomb := `<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>`
	nested := func(depth int) string {
		return strings.Replace(good, "</samlp:Status>", strings.Repeat("<samlp:StatusDetail>", depth)+strings.Repeat("</samlp:StatusDetail>", depth)+"</samlp:Status>", 1)
	}
	into := func(s string) string { return strings.Replace(good, "<samlp:Response", "<samlp:Response "+s, 1) }
	tests := []struct{ name, document string }{
		{"empty", ""},
		{"white space", " "},
		{"text", "hello"},
		{"element", "<a/>"},
		{"cut", good[:len(good)-5]},
		{"document type", "<!DOCTYPE samlp:Response>" + good},
		{"external document type", `<!DOCTYPE samlp:Response SYSTEM "file:///etc/passwd">` + good},
		{"entities", bomb + good},
		{"entities in use", bomb + strings.Replace(good, ">user<", ">&b;<", 1)},
		{"undeclared entity", strings.Replace(good, ">user<", ">&nbsp;<", 1)},
		{"document type inside", strings.Replace(good, "<samlp:Status>", "<!DOCTYPE x><samlp:Status>", 1)},
		{"processing instruction before", "<?xml-stylesheet href='x'?>" + good},
		{"processing instruction inside", strings.Replace(good, "<samlp:Status>", "<?php x?><samlp:Status>", 1)},
		{"processing instruction after", good + "<?x?>"},
		{"XML declaration inside", strings.Replace(good, "<samlp:Status>", "<?xml version='1.0'?><samlp:Status>", 1)},
		{"other encoding", `<?xml version="1.0" encoding="ISO-8859-1"?>` + good},
		{"UTF-16", "\xfe\xff\x00<\x00a\x00/\x00>"},
		{"byte order mark", "\ufeff" + good},
		{"not UTF-8", strings.Replace(good, ">user<", ">us\xffer<", 1)},
		{"null", strings.Replace(good, ">user<", ">us\x00er<", 1)},
		{"reference to null", strings.Replace(good, ">user<", ">us&#0;er<", 1)},
		{"XML 1.1", `<?xml version="1.1"?>` + good},
		{"too deep", nested(100)},
		{"far too deep", nested(1500)},
		{"too long", strings.Replace(good, ">user<", ">"+strings.Repeat("u", 80_000)+"<", 1)},
		{"two documents", good + good},
		{"text after", good + "x"},
		{"end tag after", good + "</a>"},
		{"wrong end tag", strings.Replace(good, "</samlp:Status>", "</saml:Status>", 1)},
		{"too many attributes", into(func() string {
			var b strings.Builder
			for i := range 101 {
				b.WriteString("a" + strings.Repeat("a", i) + "='' ")
			}
			return b.String()
		}())},
		{"attribute twice", into(`Version="2.0"`)},
		{"attribute twice by namespace", into(`xmlns:a="http://a" xmlns:b="http://a" a:x="" b:x=""`)},
		{"undeclared prefix of an attribute", into(`a:x=""`)},
		{"undeclared prefix of an element", strings.Replace(good, "<samlp:Status>", "<a:x/><samlp:Status>", 1)},
		{"prefix declared elsewhere", strings.Replace(good, "<samlp:Status>", `<saml:Status/><samlp:Status>`, 1)},
		{"prefix declared away", into(`xmlns:a=""`)},
		{"prefix xml declared", into(`xmlns:xml="http://a"`)},
		{"prefix xmlns declared", into(`xmlns:xmlns="http://a"`)},
		{"reserved namespace", into(`xmlns:a="http://www.w3.org/XML/1998/namespace"`)},
		{"reserved namespace of declarations", into(`xmlns="http://www.w3.org/2000/xmlns/"`)},
		{"element xmlns", strings.Replace(good, "<samlp:Status>", "<xmlns:x/><samlp:Status>", 1)},
		// Names that Go's encoding/xml reads otherwise than it writes them.
		{"colon before an attribute", into(`:x=""`)},
		{"colon after an attribute", into(`x:=""`)},
		{"two colons in an attribute", into(`xmlns:a="http://a" a:b:x=""`)},
		{"colon before an element", strings.Replace(good, "<samlp:Status>", "<:x></:x><samlp:Status>", 1)},
		{"colon after an element", strings.Replace(good, "<samlp:Status>", "<x:></x:><samlp:Status>", 1)},
		{"two colons in an element", strings.Replace(good, "<samlp:Status>", "<samlp:a:b></samlp:a:b><samlp:Status>", 1)},
		{"directive with a comment", "<!x<!-- -->x>" + good},
		{"comment in a directive", "<!DOCTYPE a [<!-- ]>" + good + "<!-- -->]>"},
		{"end of CDATA", strings.Replace(good, ">user<", ">]]><", 1)},
		{"attribute without quotes", into(`a=b`)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p.refused(t, []byte(tt.document), p.options(), saml.ErrMalformed)
			if _, err := saml.ParseMetadata([]byte(tt.document)); !errors.Is(err, saml.ErrMetadata) {
				t.Errorf("as metadata: %v", err)
			}
		})
	}
	for _, document := range []string{
		`<?xml version="1.0" encoding="utf-8"?>` + "\n" + good + "\n<!-- end -->\n",
		into(`xmlns:unused="http://a" xmlns="http://b"`), // the response is not signed
		nested(10),
	} {
		if _, err := saml.Verify([]byte(document), p.options()); err != nil {
			t.Errorf("%v\n%s", err, document)
		}
	}
}
