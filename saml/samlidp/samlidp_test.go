package samlidp_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"github.com/beevik/etree"

	"emulator/saml"
	"emulator/saml/samlidp"
)

var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func keys(t *testing.T) map[string]crypto.Signer {
	t.Helper()
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]crypto.Signer{"RSA": r, "ECDSA": e}
}

func TestIDP(t *testing.T) {
	for name, key := range keys(t) {
		p, err := samlidp.New(key, "urn:idp", "https://idp.example/sso?a=1&b=2", now)
		if err != nil {
			t.Fatal(err)
		}
		doc := p.Metadata(now)
		if len(doc) < 1000 {
			t.Errorf("%s: metadata of %d characters, and AWS wants 1000", name, len(doc))
		}
		m, err := saml.ParseMetadata(doc)
		if err != nil || m.EntityID != p.EntityID() || m.SSO != "https://idp.example/sso?a=1&b=2" {
			t.Errorf("%s: got %+v, error %v", name, m, err)
		}
		if c := m.Certificates[0]; c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) != nil || !c.NotBefore.Equal(now) {
			t.Errorf("%s: certificate %v", name, c)
		}
		response, err := p.Respond(samlidp.Options{Now: now, Lifetime: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		raw, err := saml.Decode(response)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := saml.Verify(raw, saml.Options{Metadata: m, Now: now}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := saml.Verify(raw, saml.Options{Metadata: m, Now: now.Add(time.Minute)}); !errors.Is(err, saml.ErrExpired) {
			t.Errorf("%s: after a minute: %v", name, err)
		}
	}
}

func TestRefused(t *testing.T) {
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := samlidp.New(edwards, "urn:idp", "", now); err == nil {
		t.Errorf("got %+v of an Ed25519 key", p)
	}
	certificates := make(map[string]*x509.Certificate)
	var p *samlidp.IDP
	for name, key := range keys(t) {
		if p, err = samlidp.New(key, "urn:idp", "", now); err != nil {
			t.Fatal(err)
		}
		if certificates[name], err = x509.ParseCertificate(p.Certificate()); err != nil {
			t.Fatal(err)
		}
	}
	empty := func(response *etree.Element) { response.Child = nil }
	for name, o := range map[string]samlidp.Options{
		"MD5":                     {Hash: crypto.MD5},
		"encryption for ECDSA":    {EncryptTo: certificates["ECDSA"]},
		"unknown cipher":          {EncryptTo: certificates["RSA"], Cipher: "rot13"},
		"unknown hash of OAEP":    {EncryptTo: certificates["RSA"], OAEPHash: crypto.MD5},
		"no assertion to sign":    {Alter: empty},
		"no assertion to encrypt": {Alter: empty, Signed: samlidp.SignResponse, EncryptTo: certificates["RSA"]},
	} {
		o.Now = now
		if s, err := p.Respond(o); err == nil {
			t.Errorf("%s: got %s", name, s)
		}
	}
}
