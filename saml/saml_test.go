package saml_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/beevik/etree"

	"emulator/saml"
	"emulator/saml/samlidp"
)

const (
	entityID = "https://idp.example/saml"
	signIn   = "https://signin.aws.amazon.com/saml"
)

var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func rsaKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func ecKey(t testing.TB, c elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// idp is an identity provider and what is known of it.
type idp struct {
	*samlidp.IDP
	t        testing.TB
	metadata *saml.Metadata
}

func newIDP(t testing.TB, key crypto.Signer) *idp {
	t.Helper()
	p, err := samlidp.New(key, entityID, "https://idp.example/sso", now)
	if err != nil {
		t.Fatal(err)
	}
	m, err := saml.ParseMetadata(p.Metadata(now))
	if err != nil {
		t.Fatal(err)
	}
	return &idp{p, t, m}
}

// anyIDP is an identity provider whose key is made fast.
func anyIDP(t testing.TB) *idp { return newIDP(t, ecKey(t, elliptic.P256())) }

func (p *idp) respond(o samlidp.Options) []byte {
	p.t.Helper()
	if o.Now.IsZero() {
		o.Now = now
	}
	s, err := p.Respond(o)
	if err != nil {
		p.t.Fatal(err)
	}
	b, err := saml.Decode(s)
	if err != nil {
		p.t.Fatal(err)
	}
	return b
}

func (p *idp) options() saml.Options { return saml.Options{Metadata: p.metadata, Now: now} }

// refused checks that a response is refused for the reason.
func (p *idp) refused(t *testing.T, response []byte, o saml.Options, want error) {
	t.Helper()
	a, err := saml.Verify(response, o)
	if a != nil || !errors.Is(err, want) {
		t.Errorf("got %+v, error %v, want %v\n%s", a, err, want, response)
	}
}

func encryptionCertificate(t testing.TB, key crypto.Signer) *x509.Certificate {
	t.Helper()
	p, err := samlidp.New(key, "recipient", "", now)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(p.Certificate())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// attributes have what XML has to escape.
var attributes = map[string][]string{
	saml.RoleAttribute:                     {"arn:aws:iam::111111111111:role/r,arn:aws:iam::111111111111:saml-provider/p"},
	saml.RoleSessionNameAttribute:          {"alice@example.com"},
	"urn:oid:1.3.6.1.4.1.5923.1.1.1.1":     {"staff", "faculty", "staff"},
	saml.PrincipalTagPrefix + `A&B"<'>é`:   {"a\r\n\tb & <c> ]]> \"d\" 'é'"},
	"https://example.com/attributes/empty": {""},
}

func TestVerify(t *testing.T) {
	rsaIDP := newIDP(t, rsaKey(t))
	decryption := rsaKey(t)
	to := encryptionCertificate(t, decryption)
	other := rsaKey(t)
	tests := []struct {
		name string
		idp  *idp
		o    samlidp.Options
	}{
		{"RSA assertion", rsaIDP, samlidp.Options{}},
		{"RSA response", rsaIDP, samlidp.Options{Signed: samlidp.SignResponse}},
		{"RSA both", rsaIDP, samlidp.Options{Signed: samlidp.SignBoth}},
		{"RSA SHA-384", rsaIDP, samlidp.Options{Hash: crypto.SHA384}},
		{"RSA SHA-512", rsaIDP, samlidp.Options{Hash: crypto.SHA512, Signed: samlidp.SignBoth}},
		{"P-256", anyIDP(t), samlidp.Options{Signed: samlidp.SignBoth}},
		{"P-384", newIDP(t, ecKey(t, elliptic.P384())), samlidp.Options{Hash: crypto.SHA384}},
		{"P-521", newIDP(t, ecKey(t, elliptic.P521())), samlidp.Options{Hash: crypto.SHA512}},
		{"AES-128-CBC", anyIDP(t), samlidp.Options{EncryptTo: to, Cipher: samlidp.AES128CBC}},
		{"AES-256-CBC", anyIDP(t), samlidp.Options{EncryptTo: to, Cipher: samlidp.AES256CBC, Signed: samlidp.SignResponse}},
		{"AES-128-GCM", anyIDP(t), samlidp.Options{EncryptTo: to, Cipher: samlidp.AES128GCM, Signed: samlidp.SignBoth}},
		{"AES-256-GCM", anyIDP(t), samlidp.Options{EncryptTo: to}},
		{"OAEP with SHA-256", anyIDP(t), samlidp.Options{EncryptTo: to, OAEPHash: crypto.SHA256}},
		{"OAEP with SHA-512", anyIDP(t), samlidp.Options{EncryptTo: to, OAEPHash: crypto.SHA512}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.Attributes = attributes
			tt.o.Subject = "alice & <bob>"
			tt.o.SessionNotOnOrAfter = now.Add(time.Hour)
			o := tt.idp.options()
			o.DecryptionKeys = []*rsa.PrivateKey{other, decryption}
			o.EncryptionRequired = tt.o.EncryptTo != nil
			a, err := saml.Verify(tt.idp.respond(tt.o), o)
			if err != nil {
				t.Fatal(err)
			}
			want := &saml.Assertion{
				ID: a.ID, Issuer: entityID, Subject: "alice & <bob>", SubjectType: "persistent", Recipient: signIn,
				IssueInstant: now, SessionNotOnOrAfter: now.Add(time.Hour), Attributes: attributes,
				Encrypted: tt.o.EncryptTo != nil, Signer: tt.idp.metadata.Certificates[0],
			}
			if !reflect.DeepEqual(a, want) || a.ID == "" {
				t.Errorf("got %+v, want %+v", a, want)
			}
		})
	}
}

// find returns the only element of a path.
func find(t testing.TB, root *etree.Element, path string) *etree.Element {
	t.Helper()
	found := root.FindElements(path)
	if len(found) != 1 {
		t.Fatalf("%d of %s", len(found), path)
	}
	return found[0]
}

func remove(e *etree.Element) { e.Parent().RemoveChild(e) }

// at is the time in an attribute.
func at(d time.Duration) string { return now.Add(d).Format(time.RFC3339) }

func TestSignedButRefused(t *testing.T) {
	p := anyIDP(t)
	const (
		assertion    = "//saml:Assertion"
		subject      = "//saml:Subject"
		confirmation = "//saml:SubjectConfirmation"
		data         = "//saml:SubjectConfirmationData"
		conditions   = "//saml:Conditions"
		restriction  = "//saml:AudienceRestriction"
	)
	set := func(name, value string) func(*etree.Element) {
		return func(e *etree.Element) { e.CreateAttr(name, value) }
	}
	unset := func(name string) func(*etree.Element) { return func(e *etree.Element) { e.RemoveAttr(name) } }
	again := func(e *etree.Element) { e.Parent().AddChild(e.Copy()) }
	child := func(tag string) func(*etree.Element) { return func(e *etree.Element) { e.CreateElement(tag) } }
	setText := func(s string) func(*etree.Element) { return func(e *etree.Element) { e.SetText(s) } }
	tests := []struct {
		name, path string
		change     func(*etree.Element)
		want       error
	}{
		{"status", "//samlp:StatusCode", set("Value", "urn:oasis:names:tc:SAML:2.0:status:Responder"), saml.ErrStatus},
		{"no status", "//samlp:Status", remove, saml.ErrMalformed},
		{"no status code", "//samlp:StatusCode", remove, saml.ErrMalformed},
		{"two status codes", "//samlp:StatusCode", again, saml.ErrMalformed},
		{"version of the response", ".", set("Version", "1.1"), saml.ErrMalformed},
		{"version of the assertion", assertion, set("Version", "2.1"), saml.ErrMalformed},
		{"issuer of the response", "./saml:Issuer", setText("https://other.example"), saml.ErrIssuer},
		{"issuer of the assertion", assertion + "/saml:Issuer", setText("https://other.example"), saml.ErrIssuer},
		{"no issuer of the assertion", assertion + "/saml:Issuer", remove, saml.ErrMalformed},
		{"two issuers", assertion + "/saml:Issuer", again, saml.ErrMalformed},
		{"destination", ".", set("Destination", "https://other.example"), saml.ErrRecipient},

		{"no IssueInstant", assertion, unset("IssueInstant"), saml.ErrMalformed},
		{"IssueInstant is no time", assertion, set("IssueInstant", "yesterday"), saml.ErrMalformed},
		{"issued later", assertion, set("IssueInstant", at(time.Second)), saml.ErrNotYetValid},
		{"issued too long ago", assertion, set("IssueInstant", at(-5*time.Minute-time.Second)), saml.ErrNotRedeemed},

		{"no conditions", conditions, remove, saml.ErrAudience},
		{"two conditions", conditions, again, saml.ErrMalformed},
		{"unknown condition", conditions, child("saml:Condition"), saml.ErrMalformed},
		{"expired", conditions, set("NotOnOrAfter", at(0)), saml.ErrExpired},
		{"NotOnOrAfter is no time", conditions, set("NotOnOrAfter", ""), saml.ErrMalformed},
		{"not yet valid", conditions, set("NotBefore", at(time.Second)), saml.ErrNotYetValid},
		{"NotBefore is no time", conditions, set("NotBefore", "2026-13-01T00:00:00Z"), saml.ErrMalformed},
		{"no audience restriction", restriction, remove, saml.ErrAudience},
		{"no audience", "//saml:Audience", remove, saml.ErrAudience},
		{"wrong audience", "//saml:Audience", setText("urn:amazon:webservices:other"), saml.ErrAudience},
		{"audience of elements", "//saml:Audience", child("saml:Audience"), saml.ErrMalformed},
		{"second restriction", conditions, func(e *etree.Element) {
			e.CreateElement("saml:AudienceRestriction").CreateElement("saml:Audience").SetText("https://other.example")
		}, saml.ErrAudience},

		{"no subject", subject, remove, saml.ErrMalformed},
		{"two names", "//saml:NameID", again, saml.ErrMalformed},
		{"encrypted name", subject, child("saml:EncryptedID"), saml.ErrMalformed},
		{"name of elements", "//saml:NameID", child("x"), saml.ErrMalformed},
		{"no confirmation", confirmation, remove, saml.ErrMalformed},
		{"two confirmations", confirmation, again, saml.ErrMalformed},
		{"holder of key", confirmation, set("Method", "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"), saml.ErrMalformed},
		{"no confirmation data", data, remove, saml.ErrMalformed},
		{"wrong recipient", data, set("Recipient", "https://signin.aws.amazon.com.evil.example/saml"), saml.ErrRecipient},
		{"no recipient", data, unset("Recipient"), saml.ErrRecipient},
		{"confirmation expired", data, set("NotOnOrAfter", at(0)), saml.ErrExpired},
		{"confirmation without end", data, unset("NotOnOrAfter"), saml.ErrMalformed},
		{"confirmation with NotBefore", data, set("NotBefore", at(-time.Minute)), saml.ErrMalformed},

		{"session is over", "//saml:AuthnStatement", set("SessionNotOnOrAfter", at(0)), saml.ErrExpired},
		{"session ends at no time", "//saml:AuthnStatement", set("SessionNotOnOrAfter", "soon"), saml.ErrMalformed},
		{"attribute without a name", "//saml:Attribute", unset("Name"), saml.ErrMalformed},
		{"encrypted attribute", "//saml:AttributeStatement", child("saml:EncryptedAttribute"), saml.ErrMalformed},
		{"value of elements", "//saml:AttributeValue", child("x"), saml.ErrMalformed},
		{"value of a text and a name", "//saml:AttributeValue", child("saml:NameID"), saml.ErrMalformed},

		{"no ID", assertion, unset("ID"), saml.ErrMalformed},
		{"assertion in an assertion", assertion, func(e *etree.Element) { e.CreateElement("saml:Advice").AddChild(e.Copy()) }, saml.ErrMalformed},
		{"two assertions", assertion, again, saml.ErrMalformed},
		{"text in the assertion", assertion, func(e *etree.Element) { e.CreateText("x") }, saml.ErrMalformed},
		{"text in the response", ".", func(e *etree.Element) { e.CreateText("x") }, saml.ErrMalformed},
		{"unknown part", assertion, child("saml:Other"), saml.ErrMalformed},
		{"response in the extensions", ".", func(e *etree.Element) { e.CreateElement("samlp:Extensions").CreateElement("samlp:Response") }, saml.ErrMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, signed := range []samlidp.Signed{samlidp.SignAssertion, samlidp.SignResponse} {
				response := p.respond(samlidp.Options{Signed: signed, Attributes: map[string][]string{"a": {"b"}}, Alter: func(r *etree.Element) {
					if tt.path == "." {
						tt.change(r)
					} else {
						tt.change(find(t, r, tt.path))
					}
				}})
				if signed == samlidp.SignResponse || tt.name != "no ID" { // which cannot be signed without
					p.refused(t, response, p.options(), tt.want)
				}
			}
		})
	}
}

func TestAccepted(t *testing.T) {
	p := anyIDP(t)
	tests := []struct {
		name   string
		alter  func(*etree.Element)
		change func(*saml.Options)
		check  func(*saml.Assertion) bool
	}{
		{name: "the last moment of five minutes", alter: func(r *etree.Element) {
			find(t, r, "//saml:Assertion").CreateAttr("IssueInstant", at(-5*time.Minute))
		}},
		{name: "leeway", alter: func(r *etree.Element) {
			find(t, r, "//saml:Assertion").CreateAttr("IssueInstant", at(time.Minute))
			find(t, r, "//saml:Conditions").CreateAttr("NotBefore", at(time.Minute))
		}, change: func(o *saml.Options) { o.Leeway = time.Minute }},
		{name: "time without a zone", alter: func(r *etree.Element) {
			find(t, r, "//saml:Assertion").CreateAttr("IssueInstant", "2026-03-04T05:06:07.0000000")
		}, check: func(a *saml.Assertion) bool { return a.IssueInstant.Equal(now) }},
		{name: "no name", alter: func(r *etree.Element) { remove(find(t, r, "//saml:NameID")) },
			check: func(a *saml.Assertion) bool { return a.Subject == "" && a.SubjectType == "" }},
		{name: "no format", alter: func(r *etree.Element) { find(t, r, "//saml:NameID").RemoveAttr("Format") },
			check: func(a *saml.Assertion) bool { return a.SubjectType == samlidp.Unspecified }},
		{name: "format", alter: func(r *etree.Element) { find(t, r, "//saml:NameID").CreateAttr("Format", samlidp.EmailAddress) },
			check: func(a *saml.Assertion) bool { return a.SubjectType == samlidp.EmailAddress }},
		{name: "transient", alter: func(r *etree.Element) { find(t, r, "//saml:NameID").CreateAttr("Format", samlidp.Transient) },
			check: func(a *saml.Assertion) bool { return a.SubjectType == "transient" }},
		{name: "no issuer of the response", alter: func(r *etree.Element) { remove(find(t, r, "./saml:Issuer")) }},
		{name: "no destination", alter: func(r *etree.Element) { r.RemoveAttr("Destination") }},
		{name: "white space around texts", alter: func(r *etree.Element) {
			for _, path := range []string{"./saml:Issuer", "//saml:Assertion/saml:Issuer", "//saml:Audience", "//saml:NameID"} {
				e := find(t, r, path)
				e.SetText("\n\t" + e.Text() + " ")
			}
		}, check: func(a *saml.Assertion) bool { return a.Subject == "user" && a.Issuer == entityID }},
		{name: "two audiences", alter: func(r *etree.Element) {
			find(t, r, "//saml:AudienceRestriction").InsertChildAt(0, etree.NewElement("saml:Audience"))
		}},
		{name: "one time use", alter: func(r *etree.Element) { find(t, r, "//saml:Conditions").CreateElement("saml:OneTimeUse") }},
		{name: "the earliest of sessions", alter: func(r *etree.Element) {
			for _, d := range []time.Duration{2 * time.Hour, time.Hour, 3 * time.Hour} {
				find(t, r, "//saml:Assertion").CreateElement("saml:AuthnStatement").CreateAttr("SessionNotOnOrAfter", at(d))
			}
		}, check: func(a *saml.Assertion) bool { return a.SessionNotOnOrAfter.Equal(now.Add(time.Hour)) }},
		{name: "eduPersonTargetedID", alter: func(r *etree.Element) {
			v := find(t, r, "//saml:Assertion").CreateElement("saml:AttributeStatement").CreateElement("saml:Attribute")
			v.CreateAttr("Name", "urn:oid:1.3.6.1.4.1.5923.1.1.1.10")
			v.CreateElement("saml:AttributeValue").CreateElement("saml:NameID").SetText("opaque")
		}, check: func(a *saml.Assertion) bool { return a.ConditionKeys()["saml:edupersontargetedid"][0] == "opaque" }},
		{name: "the same attribute twice", alter: func(r *etree.Element) {
			s := find(t, r, "//saml:Assertion").CreateElement("saml:AttributeStatement")
			for _, value := range []string{"1", "2"} {
				e := s.CreateElement("saml:Attribute")
				e.CreateAttr("Name", "n")
				e.CreateElement("saml:AttributeValue").SetText(value)
			}
		}, check: func(a *saml.Assertion) bool { return reflect.DeepEqual(a.Attributes["n"], []string{"1", "2"}) }},
		{name: "recipient of our own", alter: func(r *etree.Element) {
			r.CreateAttr("Destination", "http://127.0.0.1:4566/saml")
			find(t, r, "//saml:SubjectConfirmationData").CreateAttr("Recipient", "http://127.0.0.1:4566/saml")
			find(t, r, "//saml:Audience").SetText("http://127.0.0.1:4566/")
		}, change: func(o *saml.Options) {
			o.Recipient = func(url string) bool { return url == "http://127.0.0.1:4566/saml" }
			o.Audience = func(uri string) bool { return uri == "http://127.0.0.1:4566/" }
		}, check: func(a *saml.Assertion) bool { return a.Recipient == "http://127.0.0.1:4566/saml" }},
		{name: "certificate expired", alter: func(r *etree.Element) {
			later := now.AddDate(20, 0, 0)
			find(t, r, "//saml:Assertion").CreateAttr("IssueInstant", later.Format(time.RFC3339))
			for _, path := range []string{"//saml:Conditions", "//saml:SubjectConfirmationData"} {
				find(t, r, path).CreateAttr("NotOnOrAfter", later.Add(time.Minute).Format(time.RFC3339))
			}
		}, change: func(o *saml.Options) {
			m := *o.Metadata
			m.ValidUntil = time.Time{}
			o.Now, o.Metadata = now.AddDate(20, 0, 0), &m
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, signed := range []samlidp.Signed{samlidp.SignAssertion, samlidp.SignResponse} {
				o := p.options()
				if tt.change != nil {
					tt.change(&o)
				}
				a, err := saml.Verify(p.respond(samlidp.Options{Signed: signed, Alter: tt.alter}), o)
				if err != nil || tt.check != nil && !tt.check(a) {
					t.Errorf("got %+v, error %v", a, err)
				}
			}
		})
	}
}

func TestKeys(t *testing.T) {
	p, other := anyIDP(t), newIDP(t, rsaKey(t))
	response := p.respond(samlidp.Options{Signed: samlidp.SignBoth})
	with := func(certificates ...*x509.Certificate) saml.Options {
		return saml.Options{Now: now, Metadata: &saml.Metadata{EntityID: entityID, Certificates: certificates}}
	}
	// The response has its certificate in KeyInfo, which must not help.
	p.refused(t, response, with(other.metadata.Certificates...), saml.ErrSignature)
	p.refused(t, response, with(anyIDP(t).metadata.Certificates...), saml.ErrSignature)
	p.refused(t, response, with(), saml.ErrSignature)
	p.refused(t, response, saml.Options{Now: now, Metadata: other.metadata}, saml.ErrSignature)
	for _, certificates := range [][]*x509.Certificate{
		{other.metadata.Certificates[0], p.metadata.Certificates[0]},
		{p.metadata.Certificates[0], other.metadata.Certificates[0]},
	} {
		if _, err := saml.Verify(response, with(certificates...)); err != nil {
			t.Error(err)
		}
	}
	// Of SHA-1 not even a right signature is taken.
	other.refused(t, other.respond(samlidp.Options{Hash: crypto.SHA1}), other.options(), saml.ErrSignature)
	expired := *p.metadata
	expired.ValidUntil = now
	p.refused(t, response, saml.Options{Now: now, Metadata: &expired}, saml.ErrMetadataExpired)
	renamed := *p.metadata
	renamed.EntityID += "/"
	p.refused(t, response, saml.Options{Now: now, Metadata: &renamed}, saml.ErrIssuer)
}

func TestDecode(t *testing.T) {
	for _, s := range []string{"%%%%", "PHg+PC94Pg", "PHg-"} {
		if _, err := saml.Decode(s); !errors.Is(err, saml.ErrEncoding) {
			t.Errorf("%q: %v", s, err)
		}
	}
	long := base64.StdEncoding.EncodeToString([]byte("<Response>"))
	if got, err := saml.Decode(" " + long[:8] + "\r\n" + long[8:] + "\n"); err != nil || string(got) != "<Response>" {
		t.Errorf("%q, %v", got, err)
	}
}
