package signin_test

import (
	"crypto/rand"
	"crypto/rsa"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"emulator/emulatortest"
	"emulator/saml"
	"emulator/saml/samlidp"
)

// samlWorld are two accounts that trust an identity provider, and what it responds.
type samlWorld struct {
	*emulatortest.Emulator
	t     *testing.T
	idp   *samlidp.IDP
	roles []string // pairs of role and provider
}

func newSAMLWorld(t *testing.T) *samlWorld {
	w := &samlWorld{Emulator: emulatortest.Start(t), t: t}
	key := must(rsa.GenerateKey(rand.Reader, 2048))(t)
	w.idp = must(samlidp.New(key, "https://idp.example.com/saml", "https://idp.example.com/sso", w.Clock.Now()))(t)
	for _, account := range []string{home, "111111111111"} {
		client := iam.NewFromConfig(w.ConfigWith(account, "test", "", emulatortest.Region))
		provider := *must(client.CreateSAMLProvider(t.Context(), &iam.CreateSAMLProviderInput{
			Name: aws.String("corporate"), SAMLMetadataDocument: aws.String(string(w.idp.Metadata(w.Clock.Now()))),
		}))(t).SAMLProviderArn
		for _, name := range []string{"reader", "admin"} {
			trust := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Federated":"` + provider + `"},"Action":"sts:AssumeRoleWithSAML","Condition":{"StringEquals":{"SAML:aud":"https://signin.aws.amazon.com/saml"}}}}`
			role := must(client.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, Path: aws.String("/team/"), AssumeRolePolicyDocument: &trust}))(t).Role
			w.roles = append(w.roles, *role.Arn+","+provider)
		}
	}
	return w
}

func (w *samlWorld) respond(roles []string, change ...func(*samlidp.Options)) string {
	w.t.Helper()
	o := samlidp.Options{Now: w.Clock.Now(), Subject: "alice", Attributes: map[string][]string{
		saml.RoleAttribute: roles, saml.RoleSessionNameAttribute: {"alice@example.com"},
	}}
	for _, f := range change {
		f(&o)
	}
	return must(w.idp.Respond(o))(w.t)
}

// post sends the form as a browser does that comes from a page of origin.
func (w *samlWorld) post(origin, site string, form url.Values) (int, string) {
	w.t.Helper()
	r := must(http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.URL+"/saml", strings.NewReader(form.Encode())))(w.t)
	r.Host = "signin.aws.amazon.com"
	for name, value := range map[string]string{
		"Content-Type": "application/x-www-form-urlencoded", "Origin": origin, "User-Agent": "Mozilla/5.0",
		"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document",
	} {
		r.Header.Set(name, value)
	}
	resp := must(http.DefaultClient.Do(r))(w.t)
	defer resp.Body.Close()
	return resp.StatusCode, string(must(io.ReadAll(resp.Body))(w.t))
}

// TestSAMLPage: several roles are listed in the elements that saml2aws and others read
// (github.com/Versent/saml2aws, aws_account.go and testdata/saml.html), and the form that they are in signs in.
func TestSAMLPage(t *testing.T) {
	w := newSAMLWorld(t)
	now := time.Now()
	w.Clock.Freeze(now)
	must(iam.NewFromConfig(w.Config()).CreateAccountAlias(t.Context(), &iam.CreateAccountAliasInput{AccountAlias: aws.String("headquarters")}))(t)
	response := w.respond(w.roles)
	status, page := w.post("https://idp.example.com", "cross-site", url.Values{"SAMLResponse": {response}, "RelayState": {"https://console.aws.amazon.com/kms/home"}})
	if status != 200 {
		t.Fatal(status, page)
	}
	flat := regexp.MustCompile(`>\s+<`).ReplaceAllString(page, "><")
	for account, called := range map[string]string{home: "headquarters (000000000000)", "111111111111": "111111111111"} {
		want := `<div class="saml-account"><div><div class="saml-account-name">Account: ` + called + `</div></div>`
		for _, name := range []string{"reader", "admin"} {
			arn := "arn:aws:iam::" + account + ":role/team/" + name
			want += `<div class="saml-account"><div class="saml-role"><input type="radio" name="roleIndex" value="` + arn + `" class="saml-radio" id="` + arn + `" required>` +
				`<label for="` + arn + `" class="saml-role-description">` + name + `</label></div></div>`
		}
		if !strings.Contains(flat, want+"</div>") {
			t.Errorf("no %s in\n%s", want, flat)
		}
	}
	if !strings.Contains(flat, `<fieldset><div class="saml-account">`) {
		t.Error("no fieldset")
	}
	form := url.Values{"roleIndex": {"arn:aws:iam::111111111111:role/team/admin"}}
	for _, m := range regexp.MustCompile(`<input type="hidden" name="(.*?)" value="(.*?)">`).FindAllStringSubmatch(page, -1) {
		form.Set(m[1], html.UnescapeString(m[2]))
	}
	status, page = w.post("http://signin.aws.amazon.com", "same-origin", form)
	for _, want := range []string{"arn:aws:sts::111111111111:assumed-role/admin/alice@example.com", "<dd>111111111111</dd>", `<a href="https://console.aws.amazon.com/kms/home"`,
		now.Add(time.Hour).UTC().Format("2006-01-02 15:04:05 UTC")} {
		if status != 200 || !strings.Contains(html.UnescapeString(page), want) {
			t.Errorf("%d: no %s in\n%s", status, want, page)
		}
	}
}

// TestOneSAMLRole is signed in with without a question.
func TestOneSAMLRole(t *testing.T) {
	w := newSAMLWorld(t)
	status, page := w.post("null", "cross-site", url.Values{"SAMLResponse": {w.respond(w.roles[:1])}})
	if want := "assumed-role/reader/alice@example.com"; status != 200 || !strings.Contains(html.UnescapeString(page), want) {
		t.Errorf("%d: no %s in\n%s", status, want, page)
	}
}

// TestSAMLRefusals has the sentences of "Troubleshoot SAML federation with IAM"
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_saml.html).
func TestSAMLRefusals(t *testing.T) {
	w := newSAMLWorld(t)
	stranger := must(samlidp.New(must(rsa.GenerateKey(rand.Reader, 2048))(t), w.idp.EntityID(), "https://idp.example.com/sso", w.Clock.Now()))(t)
	other := must(samlidp.New(must(rsa.GenerateKey(rand.Reader, 2048))(t), "https://other.example.com", "https://idp.example.com/sso", w.Clock.Now()))(t)
	from := func(idp *samlidp.IDP) string { return (&samlWorld{w.Emulator, t, idp, nil}).respond(w.roles) }
	for _, c := range []struct {
		name     string
		response string
		role     string
		status   int
		text     string
	}{
		{"no response", "", "", 400, "Your request included an invalid SAML response. To logout, click here."},
		{"a role that is not offered", w.respond(w.roles[1:]), "arn:aws:iam::000000000000:role/team/reader", 400, "Your request included an invalid SAML response."},
		{"signed by another", from(stranger), "", 400, "Error: Response signature invalid (service: AWSSecurityTokenService; status code: 400; error code: InvalidIdentityToken; request ID: "},
		{"of another issuer", from(other), "", 400, "Error: Issuer not present in specified provider (service: AWSSecurityTokenService; status code: 400; error code: InvalidIdentityToken"},
		{"no base64", "{}", "", 400, "error code: InvalidIdentityToken"},
		{"expired", w.respond(w.roles, func(o *samlidp.Options) { o.Now = o.Now.Add(-time.Hour) }), "", 400, "error code: ExpiredToken"},
		{"no session name", w.respond(w.roles, func(o *samlidp.Options) { delete(o.Attributes, saml.RoleSessionNameAttribute) }), "", 400, "Error: RoleSessionName is required in AuthnResponse (service: "},
		{"a role that does not trust it", w.respond([]string{strings.Replace(w.roles[0], "reader", "nobody", 1)}), "", 403, "Error: Not authorized to perform sts:AssumeRoleWithSAML (service: AWSSecurityTokenService; status code: 403; error code: AccessDenied"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, page := w.post("https://idp.example.com", "cross-site", url.Values{"SAMLResponse": {c.response}, "roleIndex": {c.role}})
			if status != c.status || !strings.Contains(html.UnescapeString(page), c.text) {
				t.Errorf("%d, want %d with %s in\n%s", status, c.status, c.text, page)
			}
		})
	}
}
