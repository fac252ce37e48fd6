package saml_test

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"reflect"
	"testing"
	"time"

	"emulator/saml"
	"emulator/saml/samlidp"
)

// FuzzVerify: whatever is accepted says what the identity provider signed. The seeds are of
// fixed keys: each worker of the fuzzer would make its own.
func FuzzVerify(f *testing.F) {
	o := saml.Options{
		Metadata:       &saml.Metadata{EntityID: "i", Certificates: []*x509.Certificate{readCertificate(f, "ec.pem")}},
		Now:            now.Add(time.Second),
		DecryptionKeys: []*rsa.PrivateKey{readKey(f, "decryption.pem")},
	}
	want := &saml.Assertion{
		ID: "a", Issuer: "i", Subject: "u", SubjectType: samlidp.Unspecified, Recipient: signIn,
		IssueInstant: now.Add(123 * time.Millisecond), Attributes: map[string][]string{"n": {"v"}},
		Signer: o.Metadata.Certificates[0],
	}
	for _, name := range []string{"small-assertion.xml", "small-response.xml", "small-encrypted.xml"} {
		response := readFile(f, name)
		a, err := saml.Verify(response, o)
		if err != nil {
			f.Fatal(err)
		}
		a.Encrypted = false
		if !reflect.DeepEqual(a, want) {
			f.Fatalf("%s: got %+v", name, a)
		}
		f.Add(response)
	}
	f.Add([]byte(`<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>`))
	f.Add([]byte(`<p:Response xmlns:p="urn:oasis:names:tc:SAML:2.0:protocol" Version="2.0"/>`))
	f.Fuzz(func(t *testing.T, response []byte) {
		a, err := saml.Verify(response, o)
		if err != nil {
			if _, ok := errors.AsType[*saml.Error](err); !ok || a != nil {
				t.Errorf("got %+v, error %v", a, err)
			}
			return
		}
		a.Encrypted = false
		if !reflect.DeepEqual(a, want) {
			t.Errorf("got %+v, and %+v was signed", a, want)
		}
	})
}

// FuzzParseMetadata: what is accepted is complete.
func FuzzParseMetadata(f *testing.F) {
	certificate := base64.StdEncoding.EncodeToString(readPEM(f, "ec.pem"))
	f.Add([]byte(`<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="x"><IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><KeyDescriptor><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>` + certificate + `</X509Certificate></X509Data></KeyInfo></KeyDescriptor></IDPSSODescriptor></EntityDescriptor>`))
	f.Add([]byte(`<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="x"/>`))
	f.Add([]byte(`<?xml version="1.0" encoding="x"?><!-- <y entityID="y"/> --><EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="&lt;x"/>`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		quick := saml.EntityID(doc)
		m, err := saml.ParseMetadata(doc)
		if err != nil {
			if _, ok := errors.AsType[*saml.Error](err); !ok || m != nil {
				t.Errorf("got %+v, error %v", m, err)
			}
			return
		}
		if m.EntityID == "" || len(m.Certificates) == 0 {
			t.Errorf("incomplete metadata %+v", m)
		}
		if quick != "" && quick != m.EntityID {
			t.Errorf("entity ID %q at a glance, and %q", quick, m.EntityID)
		}
	})
}

// FuzzAttributes: claims that are accepted are complete.
func FuzzAttributes(f *testing.F) {
	f.Add(roleR+","+providerP, "alice", "3600", "bob", "Project")
	f.Add(",", "", "", "aws:", "")
	f.Fuzz(func(t *testing.T, role, session, duration, source, tag string) {
		c, err := saml.ClaimsOf(&saml.Assertion{Attributes: map[string][]string{
			saml.RoleAttribute: {role}, saml.RoleSessionNameAttribute: {session}, saml.SessionDurationAttribute: {duration},
			saml.SourceIdentityAttribute: {source}, saml.PrincipalTagPrefix + tag: {"x"},
		}})
		if err == nil && (len(c.Roles) != 1 || len(c.RoleSessionName) < 2 || c.Allows("", "") || c.Tags[tag] != "x") {
			t.Errorf("got %+v", c)
		}
	})
}
