package saml_test

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"

	"emulator/saml"
)

func TestParseMetadata(t *testing.T) {
	p := anyIDP(t)
	if len(p.metadata.Certificates) != 1 || string(p.metadata.Certificates[0].Raw) != string(p.Certificate()) ||
		p.metadata.EntityID != entityID || p.metadata.SSO != "https://idp.example/sso" || !p.metadata.ValidUntil.Equal(now.AddDate(0, 0, 365)) {
		t.Errorf("got %+v", p.metadata)
	}

	second := base64.StdEncoding.EncodeToString(anyIDP(t).Certificate())
	key := func(r *etree.Element) *etree.Element { return find(t, r, "//md:KeyDescriptor") }
	certificate := func(r *etree.Element) *etree.Element { return find(t, r, "//ds:X509Certificate") }
	role := func(r *etree.Element) *etree.Element { return find(t, r, "//md:IDPSSODescriptor") }
	ed25519IDP := func() string {
		_, k, err := ed25519.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: now}
		der, err := x509.CreateCertificate(nil, template, template, k.Public(), k)
		if err != nil {
			t.Fatal(err)
		}
		return base64.StdEncoding.EncodeToString(der)
	}
	tests := []struct {
		name   string
		change func(*etree.Element)
		check  func(*saml.Metadata) bool
		want   error
	}{
		{"key without a use", func(r *etree.Element) { key(r).RemoveAttr("use") }, nil, nil},
		{"other keys", func(r *etree.Element) {
			for _, use := range []string{"signing", "encryption"} {
				e := key(r).Copy()
				certificateOf := find(t, e, ".//ds:X509Certificate")
				certificateOf.SetText("\n" + second[:64] + "\n\t" + second[64:] + " ")
				e.CreateAttr("use", use)
				defer role(r).AddChild(e)
			}
		}, func(m *saml.Metadata) bool { return len(m.Certificates) == 2 }, nil},
		{"the same key twice", func(r *etree.Element) { role(r).AddChild(key(r).Copy()) },
			func(m *saml.Metadata) bool { return len(m.Certificates) == 1 }, nil},
		{"chain", func(r *etree.Element) {
			find(t, r, "//ds:X509Data").CreateElement("ds:X509Certificate").SetText(second)
		}, func(m *saml.Metadata) bool {
			return len(m.Certificates) == 1 && m.Certificates[0].Equal(p.metadata.Certificates[0])
		}, nil},
		{"no end", func(r *etree.Element) { r.RemoveAttr("validUntil") }, func(m *saml.Metadata) bool { return m.ValidUntil.IsZero() }, nil},
		{"earlier end of the role", func(r *etree.Element) { role(r).CreateAttr("validUntil", at(time.Hour)) },
			func(m *saml.Metadata) bool { return m.ValidUntil.Equal(now.Add(time.Hour)) }, nil},
		{"no location", func(r *etree.Element) {
			for _, e := range r.FindElements("//md:SingleSignOnService") {
				remove(e)
			}
		}, func(m *saml.Metadata) bool { return m.SSO == "" }, nil},
		{"several protocols", func(r *etree.Element) {
			role(r).CreateAttr("protocolSupportEnumeration", "urn:oasis:names:tc:SAML:1.1:protocol urn:oasis:names:tc:SAML:2.0:protocol")
		}, nil, nil},

		{"end is no time", func(r *etree.Element) { r.CreateAttr("validUntil", "never") }, nil, saml.ErrMetadata},
		{"end of the role is no time", func(r *etree.Element) { role(r).CreateAttr("validUntil", "") }, nil, saml.ErrMetadata},
		{"no entity ID", func(r *etree.Element) { r.RemoveAttr("entityID") }, nil, saml.ErrMetadata},
		{"entity ID with a prefix", func(r *etree.Element) {
			r.RemoveAttr("entityID")
			r.CreateAttr("md:entityID", entityID)
		}, nil, saml.ErrMetadata},
		{"other root", func(r *etree.Element) { r.Tag = "EntitiesDescriptor" }, nil, saml.ErrMetadata},
		{"other namespace", func(r *etree.Element) { r.CreateAttr("xmlns:md", "http://example.com/") }, nil, saml.ErrMetadata},
		{"service provider", func(r *etree.Element) { role(r).Tag = "SPSSODescriptor" }, nil, saml.ErrMetadata},
		{"SAML 1.1", func(r *etree.Element) {
			role(r).CreateAttr("protocolSupportEnumeration", "urn:oasis:names:tc:SAML:1.1:protocol")
		}, nil, saml.ErrMetadata},
		{"no key", func(r *etree.Element) { remove(key(r)) }, nil, saml.ErrNoCertificate},
		{"encryption key only", func(r *etree.Element) { key(r).CreateAttr("use", "encryption") }, nil, saml.ErrNoCertificate},
		{"no certificate", func(r *etree.Element) { remove(certificate(r)) }, nil, saml.ErrNoCertificate},
		{"certificate is no base64", func(r *etree.Element) { certificate(r).SetText("-----BEGIN CERTIFICATE-----") }, nil, saml.ErrMetadata},
		{"certificate is none", func(r *etree.Element) { certificate(r).SetText("AAAA") }, nil, saml.ErrMetadata},
		{"certificate of elements", func(r *etree.Element) { certificate(r).CreateElement("x") }, nil, saml.ErrMetadata},
		{"Ed25519", func(r *etree.Element) { certificate(r).SetText(ed25519IDP()) }, nil, saml.ErrWeakKey},
		{"RSA of 512 bits", func(r *etree.Element) {
			certificate(r).SetText(base64.StdEncoding.EncodeToString(readPEM(t, "rsa512.pem")))
		}, nil, saml.ErrWeakKey},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := tree(t, p.Metadata(now))
			tt.change(root)
			m, err := saml.ParseMetadata(print(t, root))
			if !errors.Is(err, tt.want) || (m == nil) != (tt.want != nil) {
				t.Fatalf("got %+v, error %v, want %v", m, err, tt.want)
			}
			if tt.check != nil && !tt.check(m) {
				t.Errorf("got %+v", m)
			}
		})
	}
}

func TestBigMetadata(t *testing.T) {
	doc := string(anyIDP(t).Metadata(now))
	with := func(s string) []byte {
		return []byte(strings.Replace(doc, "<md:KeyDescriptor", s+"<md:KeyDescriptor", 1))
	}
	if _, err := saml.ParseMetadata(with("<!--" + strings.Repeat("x", 1_000_000) + "-->")); err != nil {
		t.Error(err)
	}
	for _, s := range []string{strings.Repeat("<a/>", 60_000), strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100), strings.Repeat(" ", 10_000_001)} {
		if _, err := saml.ParseMetadata(with(s)); !errors.Is(err, saml.ErrMetadata) {
			t.Errorf("%.10s: %v", s, err)
		}
	}
}
