package saml_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"testing"

	"github.com/beevik/etree"

	"emulator/saml"
	"emulator/saml/samlidp"
)

func TestEncryptedRefused(t *testing.T) {
	p, other := anyIDP(t), anyIDP(t)
	key := rsaKey(t)
	to := encryptionCertificate(t, key)
	flip := func(path string, at int) func(*etree.Element) {
		return func(r *etree.Element) {
			e := find(t, r, path)
			b, err := base64.StdEncoding.DecodeString(e.Text())
			if err != nil {
				t.Fatal(err)
			}
			if at < 0 {
				at += len(b)
			}
			b[at] ^= 1
			e.SetText(base64.StdEncoding.EncodeToString(b))
		}
	}
	const (
		content = "//xenc:EncryptedData/xenc:CipherData/xenc:CipherValue"
		wrapped = "//xenc:EncryptedKey/xenc:CipherData/xenc:CipherValue"
		method  = "//xenc:EncryptedData/xenc:EncryptionMethod"
		keyBy   = "//xenc:EncryptedKey/xenc:EncryptionMethod"
	)
	set := func(path, value string) func(*etree.Element) {
		return func(r *etree.Element) { find(t, r, path).CreateAttr("Algorithm", value) }
	}
	drop := func(path string) func(*etree.Element) {
		return func(r *etree.Element) { remove(find(t, r, path)) }
	}
	cbc := samlidp.Options{Cipher: samlidp.AES128CBC}
	tests := []struct {
		name   string
		o      samlidp.Options
		change func(*etree.Element)
	}{
		{"unsigned", samlidp.Options{Signed: samlidp.SignNothing}, nil},
		{"unsigned CBC", samlidp.Options{Signed: samlidp.SignNothing, Cipher: samlidp.AES256CBC}, nil},
		{"content of GCM", samlidp.Options{}, flip(content, 20)},
		{"tag of GCM", samlidp.Options{}, flip(content, -1)},
		{"first block of CBC", cbc, flip(content, 3)},
		{"middle of CBC", cbc, flip(content, 200)},
		{"last block of CBC", cbc, flip(content, -1)},
		{"key", samlidp.Options{}, flip(wrapped, 7)},
		{"no content", samlidp.Options{}, drop(content)},
		{"empty content", samlidp.Options{}, func(r *etree.Element) { find(t, r, content).SetText("") }},
		{"empty content of CBC", cbc, func(r *etree.Element) { find(t, r, content).SetText("") }},
		{"content is no base64", samlidp.Options{}, func(r *etree.Element) { find(t, r, content).SetText("*") }},
		{"content of elements", samlidp.Options{}, func(r *etree.Element) { find(t, r, content).CreateElement("x") }},
		{"content is elsewhere", samlidp.Options{}, func(r *etree.Element) {
			e := find(t, r, content)
			e.Tag = "CipherReference"
			e.CreateAttr("URI", "https://example.com/")
		}},
		{"no key", samlidp.Options{}, drop("//xenc:EncryptedKey")},
		{"no key value", samlidp.Options{}, drop(wrapped)},
		{"no cipher data", samlidp.Options{}, drop("//xenc:EncryptedKey/xenc:CipherData")},
		{"no method", samlidp.Options{}, drop(method)},
		{"no method of the key", samlidp.Options{}, drop(keyBy)},
		{"no encrypted data", samlidp.Options{}, drop("//xenc:EncryptedData")},
		{"triple DES", samlidp.Options{}, set(method, "http://www.w3.org/2001/04/xmlenc#tripledes-cbc")},
		{"cipher of another key size", samlidp.Options{}, set(method, samlidp.AES128GCM)},
		{"cipher of another mode", samlidp.Options{}, set(method, samlidp.AES256CBC)},
		{"RSA 1.5", samlidp.Options{}, set(keyBy, "http://www.w3.org/2001/04/xmlenc#rsa-1_5")},
		{"another digest", samlidp.Options{}, set(keyBy+"/ds:DigestMethod", "http://www.w3.org/2001/04/xmlenc#sha256")},
		{"unknown digest", samlidp.Options{}, set(keyBy+"/ds:DigestMethod", "http://www.w3.org/2001/04/xmldsig-more#md5")},
		{"another mask", samlidp.Options{OAEPHash: crypto.SHA256}, set(keyBy+"/xenc11:MGF", "http://www.w3.org/2009/xmlenc11#mgf1sha1")},
		{"unknown mask", samlidp.Options{OAEPHash: crypto.SHA256}, set(keyBy+"/xenc11:MGF", "http://www.w3.org/2009/xmlenc11#mgf1")},
		{"label", samlidp.Options{}, func(r *etree.Element) { find(t, r, keyBy).CreateElement("xenc:OAEPparams").SetText("AAAA") }},
		{"label is no base64", samlidp.Options{}, func(r *etree.Element) { find(t, r, keyBy).CreateElement("xenc:OAEPparams").SetText("*") }},
		{"too many keys", samlidp.Options{}, func(r *etree.Element) {
			e := find(t, r, "//xenc:EncryptedKey")
			for range 4 {
				e.Parent().AddChild(e.Copy())
			}
		}},
		{"ID of the assertion in the response", samlidp.Options{Alter: func(r *etree.Element) {
			find(t, r, "//saml:Assertion").CreateAttr("ID", "_same")
		}}, func(r *etree.Element) { r.CreateAttr("ID", "_same") }},
		{"not an assertion", samlidp.Options{Signed: samlidp.SignResponse, Alter: func(r *etree.Element) {
			find(t, r, "//saml:Assertion").CreateAttr("xmlns:saml", "http://example.com/")
		}}, nil},
		{"nested assertion", samlidp.Options{Signed: samlidp.SignResponse, Alter: func(r *etree.Element) {
			e := find(t, r, "//saml:Assertion")
			e.CreateElement("saml:Advice").AddChild(e.Copy())
		}}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.EncryptTo = to
			root := tree(t, p.respond(tt.o))
			if tt.change != nil {
				tt.change(root)
			}
			o := p.options()
			o.DecryptionKeys = []*rsa.PrivateKey{key}
			p.refused(t, print(t, root), o, saml.ErrDecryption)
		})
	}

	response := p.respond(samlidp.Options{EncryptTo: to})
	p.refused(t, response, p.options(), saml.ErrDecryption)
	o := p.options()
	o.DecryptionKeys = []*rsa.PrivateKey{rsaKey(t)}
	p.refused(t, response, o, saml.ErrDecryption)
	o.DecryptionKeys = []*rsa.PrivateKey{key}
	p.refused(t, other.respond(samlidp.Options{EncryptTo: to}), o, saml.ErrDecryption)
	p.refused(t, p.respond(samlidp.Options{EncryptTo: to, Alter: func(r *etree.Element) {
		find(t, r, "//saml:Assertion/saml:Issuer").SetText("https://other.example")
	}}), o, saml.ErrIssuer)
	o.EncryptionRequired = true
	p.refused(t, p.respond(samlidp.Options{}), o, saml.ErrNotEncrypted)
}

// TestEncryptedOtherwise has what identity providers do otherwise than samlidp: the key beside
// the data, and hashes of OAEP that differ.
func TestEncryptedOtherwise(t *testing.T) {
	p := anyIDP(t)
	key := rsaKey(t)
	o := p.options()
	o.DecryptionKeys = []*rsa.PrivateKey{key}
	response := p.respond(samlidp.Options{EncryptTo: encryptionCertificate(t, key)})
	beside := tree(t, response)
	e := find(t, beside, "//xenc:EncryptedKey")
	e.CreateAttr("xmlns:xenc", "http://www.w3.org/2001/04/xmlenc#")
	e.CreateAttr("xmlns:ds", "http://www.w3.org/2000/09/xmldsig#")
	find(t, beside, "//saml:EncryptedAssertion").AddChild(e)
	if _, err := saml.Verify(print(t, beside), o); err != nil {
		t.Error(err)
	}

	mixed := tree(t, response)
	value := find(t, mixed, "//xenc:EncryptedKey/xenc:CipherData/xenc:CipherValue")
	sealed, err := base64.StdEncoding.DecodeString(value.Text())
	if err != nil {
		t.Fatal(err)
	}
	content, err := key.Decrypt(nil, sealed, &rsa.OAEPOptions{Hash: crypto.SHA1})
	if err != nil {
		t.Fatal(err)
	}
	options := &rsa.OAEPOptions{Hash: crypto.SHA256, MGFHash: crypto.SHA1, Label: []byte("label")}
	if sealed, err = rsa.EncryptOAEPWithOptions(rand.Reader, &key.PublicKey, content, options); err != nil {
		t.Fatal(err)
	}
	value.SetText(base64.StdEncoding.EncodeToString(sealed))
	method := find(t, mixed, "//xenc:EncryptedKey/xenc:EncryptionMethod")
	method.SelectElement("ds:DigestMethod").CreateAttr("Algorithm", "http://www.w3.org/2001/04/xmlenc#sha256")
	method.CreateElement("xenc:OAEPparams").SetText(base64.StdEncoding.EncodeToString([]byte("label")))
	for _, algorithm := range []string{"http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p", "http://www.w3.org/2009/xmlenc11#rsa-oaep"} {
		method.CreateAttr("Algorithm", algorithm)
		if _, err := saml.Verify(print(t, mixed.Copy()), o); err != nil {
			t.Errorf("%s: %v", algorithm, err)
		}
	}
}
