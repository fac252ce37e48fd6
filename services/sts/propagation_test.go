package sts_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"maps"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"emulator/emulatortest"
	"emulator/saml/samlidp"
	"emulator/services/sts/oidc"
	"emulator/services/sts/oidc/oidctest"
)

const identityCenter = "arn:aws:iam::aws:contextProvider/IdentityCenter"

// identityToken returns the claims of an ID token of IAM Identity Center.
func (w world) identityToken(body string) map[string]any {
	w.t.Helper()
	resp, err := http.Post(w.URL+"/_emulator/oidc/identitycenter/token", "application/json", strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	var minted struct{ Claims map[string]any }
	if err := json.NewDecoder(resp.Body).Decode(&minted); err != nil || resp.StatusCode != 200 {
		w.t.Fatalf("%s, %v", resp.Status, err)
	}
	return minted.Claims
}

// TestProvidedContexts: a session with the context of a user of IAM Identity Center.
//
// https://docs.aws.amazon.com/singlesignon/latest/userguide/trustedidentitypropagation-identity-enhanced-iam-role-sessions.html
func TestProvidedContexts(t *testing.T) {
	w := newWorld(t)
	config, ann := w.user(home, "ann", "")
	const (
		setting = `["sts:AssumeRole","sts:SetContext"]`
		ofAlice = `{"StringEquals":{"sts:RequestContext/identitystore:UserId":"alice"},"ForAllValues:ArnEquals":{"sts:RequestContextProviders":"` + identityCenter + `"},"Null":{"sts:RequestContextProviders":"false"}}`
	)
	role := w.role(home, "app", trust(ann, setting, ofAlice), allow(`"*"`))
	closed := w.role(home, "closed", trust(ann, `"sts:AssumeRole"`, ""), allow(`"*"`))
	assume := func(role string, contexts ...types.ProvidedContext) (*sts.AssumeRoleOutput, error) {
		return sts.NewFromConfig(config).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("session"), ProvidedContexts: contexts})
	}
	provided := func(provider string, assertion any) types.ProvidedContext {
		return types.ProvidedContext{ProviderArn: &provider, ContextAssertion: aws.String(assertion.(string))}
	}
	alice := w.identityToken(`{"claims":{"sub":"alice"}}`)
	good := provided(identityCenter, alice["sts:identity_context"])
	out, err := assume(role, good)
	if err != nil {
		t.Fatal(err)
	}
	if who, err := w.as(out.Credentials).GetCallerIdentity(t.Context(), nil); err != nil || !strings.HasSuffix(*who.Arn, ":assumed-role/app/session") {
		t.Errorf("%v, %v", who, err)
	}
	// It may do no more than what AWS made the context for.
	_, err = kms.NewFromConfig(w.withCredentials(out.Credentials)).ListKeys(t.Context(), nil)
	expect(t, err, "AccessDeniedException", notAuthorized(*out.AssumedRoleUser.Arn, "kms:ListKeys", "*")+" with an explicit deny in a session policy: arn:aws:iam::aws:policy/AWSIAMIdentityCenterAllowListForIdentityContext")
	// A context for events only limits nothing.
	forEvents, err := assume(role, provided(identityCenter, alice["sts:audit_context"]))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kms.NewFromConfig(w.withCredentials(forEvents.Credentials)).ListKeys(t.Context(), nil); err != nil {
		t.Error(err)
	}
	resp, err := http.Get(w.URL + "/_emulator/events?name=ListKeys")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var events bytes.Buffer
	if _, err := events.ReadFrom(resp.Body); err != nil || !strings.Contains(events.String(), `"onBehalfOf":{"userId":"alice","identityStoreArn":"arn:aws:identitystore::111122223333:identitystore/d-1234567890"}`) {
		t.Errorf("%s, %v", &events, err)
	}

	old := w.identityToken(`{"claims":{"sub":"alice"},"expiresIn":"-1m"}`)
	bob := w.identityToken(`{"claims":{"sub":"bob"}}`)
	china := w.identityToken(`{"claims":{"sub":"alice","aws:instance_arn":"arn:aws-cn:sso:::instance/ssoins-1234567890abcdef"}}`)
	denied := notAuthorized(ann, "sts:SetContext", closed)
	for _, test := range []struct {
		name, role, code, message string
		contexts                  []types.ProvidedContext
	}{
		{"the role does not allow it", closed, "AccessDenied", denied, []types.ProvidedContext{good}},
		{"another user than the role's", role, "AccessDenied", notAuthorized(ann, "sts:AssumeRole", role), []types.ProvidedContext{provided(identityCenter, bob["sts:identity_context"])}},
		{"no context where the role wants one", role, "AccessDenied", notAuthorized(ann, "sts:AssumeRole", role), nil},
		{"expired", role, "InvalidContextAssertion", "The context assertion has expired.", []types.ProvidedContext{provided(identityCenter, old["sts:identity_context"])}},
		{"changed", role, "InvalidContextAssertion", "The context assertion is not valid.", []types.ProvidedContext{provided(identityCenter, alice["sts:identity_context"].(string)[1:])}},
		{"of another provider", role, "InvalidContextAssertion", "The context assertion is not valid.", []types.ProvidedContext{provided(identityCenter, china["sts:identity_context"])}},
		{"a session token", role, "InvalidContextAssertion", "The context assertion is not valid.", []types.ProvidedContext{provided(identityCenter, *out.Credentials.SessionToken)}},
		{"unknown provider", role, "InvalidContextAssertion", "The context provider is not trusted.", []types.ProvidedContext{provided("arn:aws:iam::aws:contextProvider/Other", alice["sts:identity_context"])}},
		{"no provider", role, "InvalidContextAssertion", "The context provider is not trusted.", []types.ProvidedContext{{ContextAssertion: good.ContextAssertion}}},
		{"no assertion", role, "InvalidContextAssertion", "The context assertion is not valid.", []types.ProvidedContext{{ProviderArn: aws.String(identityCenter)}}},
		{"two", role, "InvalidContextAssertion", "A session can have one context assertion only.", []types.ProvidedContext{good, provided(identityCenter, alice["sts:audit_context"])}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := assume(test.role, test.contexts...)
			expect(t, err, test.code, test.message)
		})
	}
}

// propagatedAnswer is what AssumeRoleWithWebIdentity and AssumeRoleWithSAML answer.
type propagatedAnswer struct {
	Credentials types.Credentials
	shownContext
}

// shownContext is a TrustedIdentityPropagationContext.
type shownContext struct {
	Subject     string   `xml:"TrustedIdentityPropagationContext>OriginIdentity>Subject"`
	SubjectType string   `xml:"TrustedIdentityPropagationContext>OriginIdentity>SubjectType"`
	Issuer      string   `xml:"TrustedIdentityPropagationContext>OriginIdentity>Issuer"`
	Provider    string   `xml:"TrustedIdentityPropagationContext>OriginIdentity>FederatedProviderArn"`
	Keys        []string `xml:"TrustedIdentityPropagationContext>TransactionContext>IdentityProvider>entry>key"`
	Values      []string `xml:"TrustedIdentityPropagationContext>TransactionContext>IdentityProvider>entry>value"`
}

// change sends an operation of IAM that the SDK has not yet as the root user.
func (w world) change(operation string, pairs ...string) {
	w.t.Helper()
	parameters := make(map[string]string)
	for i := 0; i < len(pairs); i += 2 {
		parameters[pairs[i]] = pairs[i+1]
	}
	if _, err := emulatortest.Query(w.t.Context(), w.in(home), "iam", operation, parameters); err != nil {
		w.t.Fatal(err)
	}
}

// anonymous is the configuration of whoever has no credentials.
func (w world) anonymous() aws.Config {
	config := w.Config()
	config.Credentials = aws.AnonymousCredentials{}
	return config
}

// TestPropagatedByToken: the claims of an ID token that the provider's configuration names become context of the session.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_tip_federation_context_keys.html
func TestPropagatedByToken(t *testing.T) {
	f := newFederation(t, oidctest.Start(t))
	host := strings.TrimPrefix(f.provider, "arn:aws:iam::000000000000:oidc-provider/")
	f.change("UpdateOpenIDConnectProvider", "OpenIDConnectProviderArn", f.provider, "ContextProvider.SubjectSourceKey", "email", "ContextProvider.SubjectTypeSourceKey", "kind",
		"ContextProvider.KeyDefinitionList.member.1.SourceKey", "department", "ContextProvider.KeyDefinitionList.member.1.TargetKey", "Dept",
		"ContextProvider.KeyDefinitionList.member.2.SourceKey", "https://example.com/level", "ContextProvider.KeyDefinitionList.member.3.SourceKey", "absent")
	f.change("UpdateOpenIDConnectProvider", "OpenIDConnectProviderArn", f.provider, "IdentityCenterInstanceArn", "arn:aws:sso:::instance/ssoins-1234567890abcdef")
	federated := func(actions, condition string) string {
		return document(`{"Effect":"Allow","Principal":{"Federated":"` + f.provider + `"},"Action":` + actions + `,"Condition":` + condition + `}`)
	}
	const both = `["sts:AssumeRoleWithWebIdentity","sts:SetContext"]`
	role := f.world.role(home, "propagated", federated(both, `{"StringEquals":{"aws:OriginIdentity/Subject":"ann@example.com","sts:RequestContext/aws:OriginIdentity/SubjectType":"user"},"ForAllValues:StringEquals":{"sts:RequestContextProviders":"`+f.provider+`"}}`),
		document(`{"Effect":"Allow","Action":"kms:ListKeys","Resource":"*","Condition":{"StringEquals":{"aws:OriginIdentity/Subject":"ann@example.com","aws:OriginIdentity/SubjectType":"user","aws:OriginIdentity/Issuer":"`+host+`",
			"aws:TransactionContext/IdentityProvider/Dept":"sales","aws:TransactionContext/IdentityProvider/https://example.com/level":"3"},
			"ArnEquals":{"aws:OriginIdentity/FederatedProviderArn":"`+f.provider+`","aws:IdentityCenterInstanceArn":"arn:aws:sso:::instance/ssoins-1234567890abcdef"},
			"ArnLike":{"aws:IdentityStoreArn":"arn:aws:identitystore::000000000000:identitystore/d-*"},"Null":{"aws:TransactionContext/IdentityProvider/absent":"true"}}},
			{"Effect":"Allow","Action":["sts:AssumeRole","sts:GetScopedCredentials"],"Resource":"*"}`))
	claims := map[string]any{"email": "ann@example.com", "kind": "user", "department": "sales", "https://example.com/level": 3}
	var out struct {
		Result propagatedAnswer `xml:"AssumeRoleWithWebIdentityResult"`
	}
	assume := func(role string, claims map[string]any) error {
		return f.query(f.anonymous(), "AssumeRoleWithWebIdentity", map[string]string{"RoleArn": role, "RoleSessionName": "session", "WebIdentityToken": f.token(claims)}, &out)
	}
	if err := assume(role, claims); err != nil {
		t.Fatal(err)
	}
	want := shownContext{"ann@example.com", "user", host, f.provider, []string{"Dept", "https://example.com/level"}, []string{"sales", "3"}}
	if !reflect.DeepEqual(out.Result.shownContext, want) {
		t.Errorf("got %+v, want %+v", out.Result.shownContext, want)
	}
	session := f.withCredentials(&out.Result.Credentials)
	listKeys := func(config aws.Config) error {
		_, err := kms.NewFromConfig(config).ListKeys(t.Context(), nil)
		return err
	}
	if err := listKeys(session); err != nil {
		t.Error(err)
	}
	narrower := f.mustScope(session, allow(`"kms:ListKeys"`), "")
	if err := listKeys(f.withCredentials(&narrower.Credentials)); err != nil {
		t.Errorf("scoped down: %v", err)
	}

	with := func(name string, value any) map[string]any {
		changed := maps.Clone(claims)
		changed[name] = value
		return changed
	}
	closed := f.world.role(home, "closed", federated(`"sts:AssumeRoleWithWebIdentity"`, "{}"), "")
	open := f.world.role(home, "open", federated(both, "{}"), "")
	for _, test := range []struct {
		name, role    string
		claims        map[string]any
		code, message string
	}{
		{"the role does not allow it", closed, claims, "AccessDenied", "Not authorized to perform sts:SetContext"},
		{"another subject than the role's", role, with("email", "bob@example.com"), "AccessDenied", notTrusted},
		{"no subject", open, with("email", nil), "InvalidIdentityToken", "The trusted identity propagation subject email is missing"},
		{"an empty subject", open, with("email", ""), "InvalidIdentityToken", "The trusted identity propagation subject email is missing"},
		{"two subjects", open, with("email", []string{"a", "b"}), "InvalidIdentityToken", "The trusted identity propagation source email must have one value"},
		{"two types", open, with("kind", []string{"a", "b"}), "InvalidIdentityToken", "The trusted identity propagation source kind must have one value"},
		{"a long claim", open, with("department", strings.Repeat("x", 129)), "InvalidIdentityToken", "The trusted identity propagation source department must have at most 128 characters"},
	} {
		t.Run(test.name, func(t *testing.T) { expect(t, assume(test.role, test.claims), test.code, test.message) })
	}
	if err := assume(open, with("department", strings.Repeat("ä", 128))); err != nil {
		t.Error(err)
	}
	// Without a configuration nothing is propagated.
	f.change("UpdateOpenIDConnectProvider", "OpenIDConnectProviderArn", f.provider, "RemoveIdentityCenterInstance", "true")
	f.change("UpdateOpenIDConnectProvider", "OpenIDConnectProviderArn", f.provider, "RemoveContextProvider", "true")
	out.Result.shownContext = shownContext{}
	if err := assume(closed, claims); err != nil || !reflect.DeepEqual(out.Result.shownContext, shownContext{}) {
		t.Errorf("%+v, %v", out.Result.shownContext, err)
	}
}

// TestPropagatedByAssertion is the same of attributes of a SAML assertion.
func TestPropagatedByAssertion(t *testing.T) {
	w := newSAMLWorld(t)
	w.change("UpdateSAMLProvider", "SAMLProviderArn", w.provider, "ContextProvider.SubjectSourceKey", "Subject/NameID", "ContextProvider.SubjectTypeValue", "workload",
		"ContextProvider.KeyDefinitionList.member.1.SourceKey", "urn:oid:2.5.4.11", "ContextProvider.KeyDefinitionList.member.1.TargetKey", "Unit")
	role := w.role(home, "propagated", document(`{"Effect":"Allow","Principal":{"Federated":"`+w.provider+`"},"Action":["sts:AssumeRoleWithSAML","sts:SetContext"],"Condition":{"StringEquals":{"aws:OriginIdentity/Subject":"alice"}}}`),
		document(`{"Effect":"Allow","Action":"kms:ListKeys","Resource":"*","Condition":{"StringEquals":{"aws:OriginIdentity/Subject":"alice","aws:TransactionContext/IdentityProvider/Unit":"Sales"}}}`))
	var hashes struct {
		Hash string `xml:"GetSAMLProviderResult>SAMLKeyHashes>member>KeyHashes>member"`
	}
	answer, err := emulatortest.Query(t.Context(), w.in(home), "iam", "GetSAMLProvider", map[string]string{"SAMLProviderArn": w.provider})
	if err != nil {
		t.Fatal(err)
	}
	if err := xml.Unmarshal(answer, &hashes); err != nil {
		t.Fatal(err)
	}
	var out struct {
		Result propagatedAnswer `xml:"AssumeRoleWithSAMLResult"`
	}
	assume := func(change ...func(*samlidp.Options)) error {
		out.Result.shownContext = shownContext{}
		in := w.respond(role, append(change, func(o *samlidp.Options) { o.Subject = "alice"; o.Attributes["urn:oid:2.5.4.11"] = []string{"Sales"} })...)
		return w.query(w.anonymous(), "AssumeRoleWithSAML", map[string]string{"RoleArn": *in.RoleArn, "PrincipalArn": *in.PrincipalArn, "SAMLAssertion": *in.SAMLAssertion}, &out)
	}
	if err := assume(); err != nil {
		t.Fatal(err)
	}
	if want := (shownContext{"alice", "workload", hashes.Hash, w.provider, []string{"Unit"}, []string{"Sales"}}); !reflect.DeepEqual(out.Result.shownContext, want) {
		t.Errorf("got %+v, want %+v", out.Result.shownContext, want)
	}
	if _, err := kms.NewFromConfig(w.withCredentials(&out.Result.Credentials)).ListKeys(t.Context(), nil); err != nil {
		t.Error(err)
	}
	w.change("UpdateSAMLProvider", "SAMLProviderArn", w.provider, "ContextProvider.SubjectSourceKey", "employee")
	expect(t, assume(), "InvalidIdentityToken", "The trusted identity propagation subject employee is missing")
}

// TestOriginIdentityTokens: the subject of a token of GetWebIdentityToken is on whose behalf the caller acts.
//
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetWebIdentityToken.html
func TestOriginIdentityTokens(t *testing.T) {
	f := newFederation(t, oidctest.Start(t))
	if _, err := iam.NewFromConfig(f.in(home)).EnableOutboundWebIdentityFederation(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	f.change("UpdateOpenIDConnectProvider", "OpenIDConnectProviderArn", f.provider, "ContextProvider.SubjectSourceKey", "email")
	trusted := document(`{"Effect":"Allow","Principal":{"Federated":"` + f.provider + `"},"Action":["sts:AssumeRoleWithWebIdentity","sts:SetContext"]}`)
	role := f.world.role(home, "agent", trusted, allow(`["sts:GetWebIdentityToken","sts:SetWebIdentityTokenScope"]`))
	limited := f.world.role(home, "limited", trusted, document(`{"Effect":"Allow","Action":"sts:GetWebIdentityToken","Resource":"*","Condition":{"StringEquals":{"sts:SubjectMode":"OriginIdentity"}}},
		{"Effect":"Allow","Action":"sts:SetWebIdentityTokenScope","Resource":"*","Condition":{"ForAllValues:StringEquals":{"sts:IdentityTokenScope":["read","write"]}}}`))
	unscoped := f.world.role(home, "unscoped", trusted, allow(`"sts:GetWebIdentityToken"`))
	as := func(role, email string) aws.Config {
		t.Helper()
		out, err := f.assume(role, f.token(map[string]any{"email": email}))
		if err != nil {
			t.Fatal(err)
		}
		return f.withCredentials(out.Credentials)
	}
	get := func(config aws.Config, pairs ...string) (map[string]any, error) {
		parameters := map[string]string{"Audience.member.1": "https://api.example.com", "SigningAlgorithm": "ES384"}
		for i := 0; i < len(pairs); i += 2 {
			parameters[pairs[i]] = pairs[i+1]
		}
		var out struct {
			Token string `xml:"GetWebIdentityTokenResult>WebIdentityToken"`
		}
		if err := f.query(config, "GetWebIdentityToken", parameters, &out); err != nil {
			return nil, err
		}
		token, err := oidc.Parse(out.Token)
		if err != nil {
			t.Fatal(err)
		}
		return token.Claims, nil
	}
	const (
		aws_   = "https://sts.amazonaws.com/"
		origin = "OriginIdentity"
		shape  = "arn:aws:sts::000000000000:self"
	)
	ann := as(role, "ann@example.com")
	claims, err := get(ann, "SubjectMode", origin, "Scope", "read write:all")
	if err != nil {
		t.Fatal(err)
	}
	ours := claims[aws_].(map[string]any)
	if claims["sub"] != "ann@example.com" || claims["scope"] != "read write:all" || ours["subject_mode"] != origin || ours["principal_id"] != role {
		t.Errorf("%v", claims)
	}
	for _, pairs := range [][]string{nil, {"SubjectMode", "AWSIdentity"}} {
		claims, err := get(ann, pairs...)
		if err != nil {
			t.Fatal(err)
		}
		ours := claims[aws_].(map[string]any)
		if _, scoped := claims["scope"]; scoped || claims["sub"] != role || ours["subject_mode"] != nil || ours["principal_id"] != role {
			t.Errorf("%v", claims)
		}
	}
	plain, _ := f.user(home, "plain", allow(`"sts:*"`))
	self := func(role string) string { return "arn:aws:sts::000000000000:assumed-role/" + role + "/session" }
	const (
		needsContext = "The calling session has no trusted identity propagation context with a subject and its issuer."
		noSubject    = "The subject of the calling session's trusted identity propagation context can't be the subject of a token."
		scopeNeeds   = "Scope can be specified only with the SubjectMode OriginIdentity and exactly one audience."
		badScope     = " at 'scope' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\x21\\x23-\\x2B\\x2D-\\x5B\\x5D-\\x7E]+( [\\x21\\x23-\\x2B\\x2D-\\x5B\\x5D-\\x7E]+)*"
	)
	for _, test := range []struct {
		name          string
		config        aws.Config
		pairs         []string
		code, message string
	}{
		{"no context", plain, []string{"SubjectMode", origin}, "ValidationError", needsContext},
		{"a blank subject", as(role, " "), []string{"SubjectMode", origin}, "ValidationError", needsContext},
		{"an ARN", as(role, "aRn:aws:iam::1:root"), []string{"SubjectMode", origin}, "AccessDenied", noSubject},
		{"a space before", as(role, " ann"), []string{"SubjectMode", origin}, "AccessDenied", noSubject},
		{"a space behind", as(role, "ann "), []string{"SubjectMode", origin}, "AccessDenied", noSubject},
		{"a control character", as(role, "a\x01b"), []string{"SubjectMode", origin}, "AccessDenied", noSubject},
		{"a format character", as(role, "a\u200bb"), []string{"SubjectMode", origin}, "AccessDenied", noSubject},
		{"a separator", as(role, "a\u00a0b"), []string{"SubjectMode", origin}, "AccessDenied", noSubject},
		{"an unknown mode", ann, []string{"SubjectMode", "Nobody"}, "ValidationError", "1 validation error detected: Value 'Nobody' at 'subjectMode' failed to satisfy constraint: Member must satisfy enum value set: [AWSIdentity, OriginIdentity]"},
		{"a scope of AWS's identity", ann, []string{"Scope", "read"}, "ValidationError", scopeNeeds},
		{"two audiences", ann, []string{"SubjectMode", origin, "Scope", "read", "Audience.member.2", "two"}, "ValidationError", scopeNeeds},
		{"a scope twice", ann, []string{"SubjectMode", origin, "Scope", "read READ read"}, "ValidationError", "The scope value read is repeated."},
		{"two spaces", ann, []string{"SubjectMode", origin, "Scope", "a  b"}, "ValidationError", "1 validation error detected: Value 'a  b'" + badScope},
		{"a comma", ann, []string{"SubjectMode", origin, "Scope", "a,b"}, "ValidationError", "1 validation error detected: Value 'a,b'" + badScope},
		{"a mode that policies do not allow", as(limited, "ann"), nil, "AccessDenied", notAuthorized(self("limited"), "sts:GetWebIdentityToken", shape) + noIdentityPolicy("sts:GetWebIdentityToken")},
		{"a scope that policies do not allow", as(limited, "ann"), []string{"SubjectMode", origin, "Scope", "read admin"}, "AccessDenied", notAuthorized(self("limited"), "sts:SetWebIdentityTokenScope", shape) + noIdentityPolicy("sts:SetWebIdentityTokenScope")},
		{"no permission for scopes", as(unscoped, "ann"), []string{"SubjectMode", origin, "Scope", "read"}, "AccessDenied", notAuthorized(self("unscoped"), "sts:SetWebIdentityTokenScope", shape) + noIdentityPolicy("sts:SetWebIdentityTokenScope")},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := get(test.config, test.pairs...)
			expect(t, err, test.code, test.message)
		})
	}
	if _, err := get(as(limited, "ann"), "SubjectMode", origin, "Scope", "write read"); err != nil {
		t.Error(err)
	}
	// The credentials of GetSessionToken may, those of GetFederationToken may not.
	token, err := sts.NewFromConfig(plain).GetSessionToken(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := get(f.withCredentials(token.Credentials)); err != nil {
		t.Error(err)
	}
	federated, err := sts.NewFromConfig(plain).GetFederationToken(t.Context(), &sts.GetFederationTokenInput{Name: aws.String("bob"), Policy: aws.String(allow(`"*"`))})
	if err != nil {
		t.Fatal(err)
	}
	_, err = get(f.withCredentials(federated.Credentials))
	expect(t, err, "AccessDenied", "Cannot call GetWebIdentityToken with session credentials")
}
