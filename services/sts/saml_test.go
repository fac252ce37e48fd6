package sts_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/beevik/etree"

	"emulator/saml"
	"emulator/saml/samlidp"
)

// samlWorld is a world with an identity provider that an account trusts.
type samlWorld struct {
	world
	iam      *iam.Client
	sts      *sts.Client // without credentials
	idp      *samlidp.IDP
	provider string
}

const idpName = "https://idp.example.com/saml"

func rsaKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newSAMLWorld(t *testing.T, change ...func(*iam.CreateSAMLProviderInput)) *samlWorld {
	t.Helper()
	w := &samlWorld{world: newWorld(t)}
	anonymous := w.Config()
	anonymous.Credentials = aws.AnonymousCredentials{}
	w.sts, w.iam = sts.NewFromConfig(anonymous), iam.NewFromConfig(w.in(home))
	var err error
	if w.idp, err = samlidp.New(rsaKey(t), idpName, "https://idp.example.com/sso", w.Clock.Now()); err != nil {
		t.Fatal(err)
	}
	in := &iam.CreateSAMLProviderInput{Name: aws.String("corporate"), SAMLMetadataDocument: aws.String(string(w.idp.Metadata(w.Clock.Now())))}
	for _, f := range change {
		f(in)
	}
	out, err := w.iam.CreateSAMLProvider(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	w.provider = *out.SAMLProviderArn
	return w
}

// trusting makes a role that trusts the provider on a condition.
func (w *samlWorld) trusting(name, condition, policy string) string {
	w.t.Helper()
	return w.role(home, name, document(`{"Effect":"Allow","Principal":{"Federated":"`+w.provider+`"},"Action":["sts:AssumeRoleWithSAML","sts:TagSession","sts:SetSourceIdentity"],"Condition":`+condition+`}`), policy)
}

func (w *samlWorld) respond(role string, change ...func(*samlidp.Options)) *sts.AssumeRoleWithSAMLInput {
	w.t.Helper()
	o := samlidp.Options{Now: w.Clock.Now(), Subject: "alice", Attributes: map[string][]string{
		saml.RoleAttribute: {role + "," + w.provider}, saml.RoleSessionNameAttribute: {"alice@example.com"},
	}}
	for _, f := range change {
		f(&o)
	}
	response, err := w.idp.Respond(o)
	if err != nil {
		w.t.Fatal(err)
	}
	return &sts.AssumeRoleWithSAMLInput{RoleArn: &role, PrincipalArn: &w.provider, SAMLAssertion: &response}
}

const samlAudience = `{"StringEquals":{"SAML:aud":"https://signin.aws.amazon.com/saml"}}`

func TestAssumeRoleWithSAML(t *testing.T) {
	w := newSAMLWorld(t)
	role := w.trusting("staff", `{"StringEquals":{"SAML:aud":"https://signin.aws.amazon.com/saml","SAML:iss":"`+idpName+`","saml:sub_type":"persistent","saml:doc":"000000000000/corporate",
		"aws:FederatedProvider":"`+w.provider+`","aws:RequestTag/team":"blue","sts:SourceIdentity":"alice","sts:RoleSessionName":"alice@example.com"},
		"ForAnyValue:StringEquals":{"saml:eduPersonAffiliation":"staff"}}`,
		document(`{"Effect":"Allow","Action":"kms:ListKeys","Resource":"*","Condition":{"StringEquals":{"saml:sub":"alice","aws:PrincipalTag/team":"blue","aws:SourceIdentity":"alice"}}}`))
	out, err := w.sts.AssumeRoleWithSAML(t.Context(), w.respond(role, func(o *samlidp.Options) {
		o.Attributes["urn:oid:1.3.6.1.4.1.5923.1.1.1.1"] = []string{"member", "staff"}
		o.Attributes[saml.PrincipalTagPrefix+"team"] = []string{"blue"}
		o.Attributes[saml.TransitiveTagKeysAttribute] = []string{"team"}
		o.Attributes[saml.SourceIdentityAttribute] = []string{"alice"}
		o.Attributes[saml.SessionDurationAttribute] = []string{"1800"}
	}))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha1.Sum([]byte(idpName + home + "/corporate"))
	got := []string{*out.Subject, *out.SubjectType, *out.Issuer, *out.Audience, *out.NameQualifier, *out.SourceIdentity, *out.AssumedRoleUser.Arn}
	want := []string{"alice", "persistent", idpName, "https://signin.aws.amazon.com/saml", base64.StdEncoding.EncodeToString(sum[:]), "alice",
		"arn:aws:sts::000000000000:assumed-role/staff/alice@example.com"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q, want %q", got, want)
	}
	if d := out.Credentials.Expiration.Sub(w.Clock.Now()).Round(time.Minute); d != 30*time.Minute {
		t.Errorf("lasts %v", d)
	}
	if id, err := w.as(out.Credentials).GetCallerIdentity(t.Context(), nil); err != nil || *id.Arn != want[6] {
		t.Errorf("caller identity %v, %v", id, err)
	}
}

// TestSAMLDuration has which of the limits of a session is the shortest.
func TestSAMLDuration(t *testing.T) {
	w := newSAMLWorld(t)
	role := w.role(home, "long", document(`{"Effect":"Allow","Principal":{"Federated":"`+w.provider+`"},"Action":"sts:AssumeRoleWithSAML","Condition":`+samlAudience+`}`), "",
		func(in *iam.CreateRoleInput) { in.MaxSessionDuration = aws.Int32(7200) })
	for _, test := range []struct {
		name      string
		asked     int32
		attribute string
		ends      time.Duration
		want      time.Duration
		code      string
	}{
		{"default", 0, "", 0, time.Hour, ""},
		{"asked for", 7200, "", 0, 2 * time.Hour, ""},
		{"too long", 7201, "", 0, 0, "ValidationError"},
		{"attribute", 0, "7200", 0, 2 * time.Hour, ""},
		{"attribute too long", 0, "43200", 0, 0, "ValidationError"},
		{"asked for before attribute", 900, "7200", 0, 15 * time.Minute, ""},
		{"SessionNotOnOrAfter is sooner", 7200, "", 20 * time.Minute, 20 * time.Minute, ""},
		{"SessionNotOnOrAfter is later", 900, "", 20 * time.Minute, 15 * time.Minute, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := w.respond(role, func(o *samlidp.Options) {
				if test.attribute != "" {
					o.Attributes[saml.SessionDurationAttribute] = []string{test.attribute}
				}
				if test.ends != 0 {
					o.SessionNotOnOrAfter = o.Now.Add(test.ends)
				}
			})
			if test.asked != 0 {
				in.DurationSeconds = &test.asked
			}
			out, err := w.sts.AssumeRoleWithSAML(t.Context(), in)
			if test.code != "" {
				expect(t, err, test.code, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d := out.Credentials.Expiration.Sub(w.Clock.Now()).Round(time.Minute); d != test.want {
				t.Errorf("lasts %v, want %v", d, test.want)
			}
		})
	}
}

func TestAssumeRoleWithSAMLErrors(t *testing.T) {
	w := newSAMLWorld(t)
	role, other := w.trusting("staff", samlAudience, ""), w.trusting("other", samlAudience, "")
	picky := w.trusting("picky", `{"StringEquals":{"saml:sub":"bob"}}`, "")
	const denied = "Not authorized to perform sts:AssumeRoleWithSAML"
	forger, err := samlidp.New(rsaKey(t), idpName, "", w.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	without := func(attribute string) func(*samlidp.Options) {
		return func(o *samlidp.Options) { delete(o.Attributes, attribute) }
	}
	with := func(attribute string, values ...string) func(*samlidp.Options) {
		return func(o *samlidp.Options) { o.Attributes[attribute] = values }
	}
	forged := w.respond(role)
	response, err := forger.Respond(samlidp.Options{Now: w.Clock.Now(), Attributes: map[string][]string{
		saml.RoleAttribute: {role + "," + w.provider}, saml.RoleSessionNameAttribute: {"mallory"}}})
	if err != nil {
		t.Fatal(err)
	}
	forged.SAMLAssertion = &response
	change := func(in *sts.AssumeRoleWithSAMLInput, f func(*sts.AssumeRoleWithSAMLInput)) *sts.AssumeRoleWithSAMLInput {
		f(in)
		return in
	}
	for _, test := range []struct {
		name, code, message string
		in                  *sts.AssumeRoleWithSAMLInput
	}{
		{"another key", "InvalidIdentityToken", "Response signature invalid", forged},
		{"unsigned", "InvalidIdentityToken", "Response signature invalid", w.respond(role, func(o *samlidp.Options) { o.Signed = samlidp.SignNothing })},
		{"not base64", "InvalidIdentityToken", "Invalid base64 SAMLResponse", change(w.respond(role), func(in *sts.AssumeRoleWithSAMLInput) { in.SAMLAssertion = aws.String("<xml>") })},
		{"no XML", "InvalidIdentityToken", "Your request included an invalid SAML response", change(w.respond(role), func(in *sts.AssumeRoleWithSAMLInput) { in.SAMLAssertion = aws.String("bm8geG1s") })},
		{"another role than the assertion's", "AccessDenied", denied, change(w.respond(other), func(in *sts.AssumeRoleWithSAMLInput) { in.RoleArn = &role })},
		{"a role that does not exist", "AccessDenied", denied, w.respond(role + "x")},
		{"the trust policy does not match", "AccessDenied", denied, w.respond(picky)},
		{"no session name", "InvalidIdentityToken", "RoleSessionName is required in AuthnResponse", w.respond(role, without(saml.RoleSessionNameAttribute))},
		{"a bad session name", "InvalidIdentityToken", "RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}", w.respond(role, with(saml.RoleSessionNameAttribute, "a b"))},
		{"a bad tag", "InvalidIdentityToken", "The session tags in AuthnResponse are not valid", w.respond(role, with(saml.PrincipalTagPrefix+"aws:team", "blue"))},
		{"a missing transitive tag", "InvalidParameterValue", "The specified transitive tag key must be included in the requested tags.", w.respond(role, with(saml.TransitiveTagKeysAttribute, "team"))},
		{"issued for another", "InvalidIdentityToken", "Response does not contain the required audience.", w.respond(role, func(o *samlidp.Options) { o.Audience = "https://elsewhere.example.com" })},
		{"not authenticated", "IDPRejectedClaim", "The identity provider (IdP) reported that authentication failed", w.respond(role, func(o *samlidp.Options) {
			o.Alter = func(e *etree.Element) {
				e.FindElement("//StatusCode").CreateAttr("Value", "urn:oasis:names:tc:SAML:2.0:status:Responder")
			}
		})},
		{"old", "ExpiredTokenException", "Token must be redeemed within 5 minutes of issuance", w.respond(role, func(o *samlidp.Options) { o.Now, o.Lifetime = o.Now.Add(-6*time.Minute), time.Hour })},
		{"no such provider", "InvalidIdentityToken", "Specified provider doesn't exist", change(w.respond(role), func(in *sts.AssumeRoleWithSAMLInput) { in.PrincipalArn = aws.String(w.provider + "x") })},
		{"no provider's ARN", "ValidationError", role + " is invalid", change(w.respond(role), func(in *sts.AssumeRoleWithSAMLInput) { in.PrincipalArn = &role })},
		{"no role's ARN", "ValidationError", "Request ARN is invalid", change(w.respond(role), func(in *sts.AssumeRoleWithSAMLInput) { in.RoleArn = &w.provider })},
		{"a bad session policy", "MalformedPolicyDocument", "The policy is not in the valid JSON format.", change(w.respond(role), func(in *sts.AssumeRoleWithSAMLInput) { in.Policy = aws.String("{") })},
		{"a session policy that is too large", "PackedPolicyTooLarge", tooLarge, w.respond(role, func(o *samlidp.Options) {
			for i := range 50 {
				o.Attributes[saml.PrincipalTagPrefix+strings.Repeat("k", i+1)] = []string{noise(11000)[i*220 : (i+1)*220]}
			}
		})},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := w.sts.AssumeRoleWithSAML(t.Context(), test.in)
			expect(t, err, test.code, test.message)
		})
	}
}

// TestSAMLEncryption is the way of a private key, and of assertions that it decrypts.
func TestSAMLEncryption(t *testing.T) {
	key := rsaKey(t)
	text := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	w := newSAMLWorld(t, func(in *iam.CreateSAMLProviderInput) {
		in.AssertionEncryptionMode, in.AddPrivateKey = iamtypes.AssertionEncryptionModeTypeRequired, &text
	})
	role := w.trusting("staff", samlAudience, "")
	recipient, err := samlidp.New(key, "recipient", "", w.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(recipient.Certificate())
	if err != nil {
		t.Fatal(err)
	}
	encrypted := func(o *samlidp.Options) { o.EncryptTo = certificate }
	if _, err := w.sts.AssumeRoleWithSAML(t.Context(), w.respond(role, encrypted)); err != nil {
		t.Error(err)
	}
	// The session has the propagated context, which the caller is not shown.
	w.change("UpdateSAMLProvider", "SAMLProviderArn", w.provider, "ContextProvider.SubjectSourceKey", "Subject/NameID")
	acting := w.role(home, "acting", document(`{"Effect":"Allow","Principal":{"Federated":"`+w.provider+`"},"Action":["sts:AssumeRoleWithSAML","sts:SetContext"]}`),
		document(`{"Effect":"Allow","Action":"kms:ListKeys","Resource":"*","Condition":{"StringEquals":{"aws:OriginIdentity/Subject":"alice"}}}`))
	in := w.respond(acting, encrypted)
	var out struct {
		Result propagatedAnswer `xml:"AssumeRoleWithSAMLResult"`
	}
	err = w.query(w.anonymous(), "AssumeRoleWithSAML", map[string]string{"RoleArn": acting, "PrincipalArn": w.provider, "SAMLAssertion": *in.SAMLAssertion}, &out)
	if err != nil || out.Result.Subject != "" {
		t.Errorf("%+v, %v", out, err)
	}
	if _, err := kms.NewFromConfig(w.withCredentials(&out.Result.Credentials)).ListKeys(t.Context(), nil); err != nil {
		t.Error(err)
	}
	w.change("UpdateSAMLProvider", "SAMLProviderArn", w.provider, "RemoveContextProvider", "true")
	_, err = w.sts.AssumeRoleWithSAML(t.Context(), w.respond(role))
	expect(t, err, "InvalidIdentityToken", "Response is not encrypted")

	update := func(f func(*iam.UpdateSAMLProviderInput)) error {
		in := &iam.UpdateSAMLProviderInput{SAMLProviderArn: &w.provider}
		f(in)
		_, err := w.iam.UpdateSAMLProvider(t.Context(), in)
		return err
	}
	keys := func() []iamtypes.SAMLPrivateKey {
		t.Helper()
		out, err := w.iam.GetSAMLProvider(t.Context(), &iam.GetSAMLProviderInput{SAMLProviderArn: &w.provider})
		if err != nil {
			t.Fatal(err)
		}
		return out.PrivateKeyList
	}
	first := keys()[0].KeyId
	expect(t, update(func(in *iam.UpdateSAMLProviderInput) { in.RemovePrivateKey = first }), "InvalidInput", "Unable to set assertion encryption mode to Required because no private key is provided")
	expect(t, update(func(in *iam.UpdateSAMLProviderInput) { in.RemovePrivateKey, in.AddPrivateKey = first, &text }), "InvalidInput", "Unable to add and remove private keys in the same request. Set a value for only one of the two parameters.")
	expect(t, update(func(in *iam.UpdateSAMLProviderInput) { in.AddPrivateKey = aws.String("key") }), "InvalidInput", "Invalid private key")
	if err := update(func(in *iam.UpdateSAMLProviderInput) { in.AddPrivateKey = &text }); err != nil {
		t.Fatal(err)
	}
	expect(t, update(func(in *iam.UpdateSAMLProviderInput) { in.AddPrivateKey = &text }), "LimitExceeded", "Private key limit of 2 is reached")
	if err := update(func(in *iam.UpdateSAMLProviderInput) { in.RemovePrivateKey = first }); err != nil {
		t.Fatal(err)
	}
	if left := keys(); len(left) != 1 || *left[0].KeyId == *first {
		t.Errorf("keys %v", left)
	}
	expect(t, update(func(in *iam.UpdateSAMLProviderInput) { in.RemovePrivateKey = first }), "NoSuchEntity", "Failed to remove private key because the Key ID does not match a private key")
	if err := update(func(in *iam.UpdateSAMLProviderInput) {
		in.AssertionEncryptionMode = iamtypes.AssertionEncryptionModeTypeAllowed
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.sts.AssumeRoleWithSAML(t.Context(), w.respond(role)); err != nil {
		t.Error(err)
	}
}

func TestSAMLProvider(t *testing.T) {
	w := newSAMLWorld(t)
	got, err := w.iam.GetSAMLProvider(t.Context(), &iam.GetSAMLProviderInput{SAMLProviderArn: &w.provider})
	if err != nil {
		t.Fatal(err)
	}
	if *got.SAMLMetadataDocument != string(w.idp.Metadata(*got.CreateDate)) && len(*got.SAMLMetadataDocument) < 1000 || got.AssertionEncryptionMode != iamtypes.AssertionEncryptionModeTypeAllowed ||
		got.ValidUntil.Sub(*got.CreateDate) < 300*24*time.Hour {
		t.Errorf("got %+v", got)
	}
	metadata := got.SAMLMetadataDocument
	_, err = w.iam.CreateSAMLProvider(t.Context(), &iam.CreateSAMLProviderInput{Name: aws.String("corporate"), SAMLMetadataDocument: metadata})
	expect(t, err, "EntityAlreadyExists", "SAMLProvider corporate already exists.")
	_, err = w.iam.CreateSAMLProvider(t.Context(), &iam.CreateSAMLProviderInput{Name: aws.String("bad"), SAMLMetadataDocument: aws.String("<!DOCTYPE x>" + strings.Repeat(" ", 1000))})
	if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != "InvalidInput" || !strings.HasPrefix(e.ErrorMessage(), "Could not parse metadata") {
		t.Errorf("a bad document: %v", err)
	}
	if _, err := w.iam.TagSAMLProvider(t.Context(), &iam.TagSAMLProviderInput{SAMLProviderArn: &w.provider, Tags: []iamtypes.Tag{{Key: aws.String("a"), Value: aws.String("1")}, {Key: aws.String("b"), Value: aws.String("2")}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.iam.UntagSAMLProvider(t.Context(), &iam.UntagSAMLProviderInput{SAMLProviderArn: &w.provider, TagKeys: []string{"a"}}); err != nil {
		t.Fatal(err)
	}
	if tags, err := w.iam.ListSAMLProviderTags(t.Context(), &iam.ListSAMLProviderTagsInput{SAMLProviderArn: &w.provider}); err != nil || len(tags.Tags) != 1 || *tags.Tags[0].Key != "b" {
		t.Errorf("tags %v, %v", tags, err)
	}
	if list, err := w.iam.ListSAMLProviders(t.Context(), nil); err != nil || len(list.SAMLProviderList) != 1 || *list.SAMLProviderList[0].Arn != w.provider {
		t.Errorf("providers %v, %v", list, err)
	}
	if _, err := w.iam.DeleteSAMLProvider(t.Context(), &iam.DeleteSAMLProviderInput{SAMLProviderArn: &w.provider}); err != nil {
		t.Fatal(err)
	}
	_, err = w.iam.DeleteSAMLProvider(t.Context(), &iam.DeleteSAMLProviderInput{SAMLProviderArn: &w.provider})
	expect(t, err, "NoSuchEntity", "Manifest not found for arn "+w.provider)
}
