package saml_test

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"emulator/saml"
)

const (
	roleR     = "arn:aws:iam::111111111111:role/path/r"
	roleS     = "arn:aws:iam::222222222222:role/s"
	providerP = "arn:aws:iam::111111111111:saml-provider/p"
)

func TestClaimsOf(t *testing.T) {
	full := func() map[string][]string {
		return map[string][]string{
			saml.RoleAttribute:                  {roleR + "," + providerP, " " + providerP + " ,\n" + roleS},
			saml.RoleSessionNameAttribute:       {"alice+1=2,3.4@example-5"},
			saml.SessionDurationAttribute:       {"900"},
			saml.SourceIdentityAttribute:        {"Alice"},
			saml.PrincipalTagPrefix + "Project": {"x"},
			saml.PrincipalTagPrefix + "a:b":     {""},
			saml.TransitiveTagKeysAttribute:     {"Project", "a:b"},
			"other":                             {"y"},
		}
	}
	c, err := saml.ClaimsOf(&saml.Assertion{Attributes: full()})
	want := &saml.Claims{
		Roles:             []saml.Role{{Role: roleR, Provider: providerP}, {Role: roleS, Provider: providerP}},
		RoleSessionName:   "alice+1=2,3.4@example-5",
		SessionDuration:   15 * time.Minute,
		SourceIdentity:    "Alice",
		Tags:              map[string]string{"Project": "x", "a:b": ""},
		TransitiveTagKeys: []string{"Project", "a:b"},
	}
	if err != nil || !reflect.DeepEqual(c, want) {
		t.Fatalf("got %+v, error %v", c, err)
	}
	for _, r := range []struct {
		role, provider string
		want           bool
	}{{roleR, providerP, true}, {roleS, providerP, true}, {roleR, roleR, false}, {roleS + "x", providerP, false}, {"", "", false}} {
		if got := c.Allows(r.role, r.provider); got != r.want {
			t.Errorf("Allows(%s, %s) = %t", r.role, r.provider, got)
		}
	}

	tests := []struct {
		attribute string
		values    []string
		want      error
	}{
		{saml.RoleAttribute, nil, saml.ErrNoRole},
		{saml.RoleAttribute, []string{"", ",", roleR, providerP, roleR + "," + roleS, providerP + "," + providerP, roleR + " x," + providerP, roleR + "," + providerP + "," + roleS, "role/r,saml-provider/p", "arn:aws:sts::1:role/r," + providerP}, saml.ErrNoRole},
		{saml.RoleSessionNameAttribute, nil, saml.ErrNoSessionName},
		{saml.RoleSessionNameAttribute, []string{""}, saml.ErrSessionName},
		{saml.RoleSessionNameAttribute, []string{"a"}, saml.ErrSessionName},
		{saml.RoleSessionNameAttribute, []string{"Alice Doe"}, saml.ErrSessionName},
		{saml.RoleSessionNameAttribute, []string{"alice\n"}, saml.ErrSessionName},
		{saml.RoleSessionNameAttribute, []string{"alicé"}, saml.ErrSessionName},
		{saml.RoleSessionNameAttribute, []string{strings.Repeat("a", 65)}, saml.ErrSessionName},
		{saml.RoleSessionNameAttribute, []string{"alice", "bob"}, saml.ErrSessionName},
		{saml.SourceIdentityAttribute, []string{"a"}, saml.ErrSourceIdentity},
		{saml.SourceIdentityAttribute, []string{strings.Repeat("x", 257)}, saml.ErrSourceIdentity},
		{saml.SourceIdentityAttribute, []string{"aws:x"}, saml.ErrSourceIdentity},
		{saml.SourceIdentityAttribute, []string{"alice", "bob"}, saml.ErrSourceIdentity},
		{saml.SessionDurationAttribute, []string{"899"}, saml.ErrSessionDuration},
		{saml.SessionDurationAttribute, []string{"43201"}, saml.ErrSessionDuration},
		{saml.SessionDurationAttribute, []string{"1h"}, saml.ErrSessionDuration},
		{saml.SessionDurationAttribute, []string{"900", "901"}, saml.ErrSessionDuration},
		{saml.PrincipalTagPrefix + "Project", []string{"x", "y"}, saml.ErrTags},
		{saml.PrincipalTagPrefix + "Project", []string{}, saml.ErrTags},
		{saml.PrincipalTagPrefix, []string{"x"}, saml.ErrTags},
	}
	for _, tt := range tests {
		attributes := full()
		if attributes[tt.attribute] = tt.values; tt.values == nil {
			delete(attributes, tt.attribute)
		}
		if c, err := saml.ClaimsOf(&saml.Assertion{Attributes: attributes}); !errors.Is(err, tt.want) {
			t.Errorf("%s = %q: got %+v, error %v, want %v", tt.attribute, tt.values, c, err, tt.want)
		}
	}
	// The names are case-sensitive.
	attributes := full()
	attributes[strings.ToLower(saml.RoleAttribute)] = attributes[saml.RoleAttribute]
	delete(attributes, saml.RoleAttribute)
	if _, err := saml.ClaimsOf(&saml.Assertion{Attributes: attributes}); !errors.Is(err, saml.ErrNoRole) {
		t.Error(err)
	}
}

// documentedKeys are those of AWS's page but for saml:doc and saml:namequalifier.
var documentedKeys = strings.Fields(`saml:aud saml:cn saml:commonName saml:eduorghomepageuri saml:eduorgidentityauthnpolicyuri
	saml:eduorglegalname saml:eduorgsuperioruri saml:eduorgwhitepagesuri saml:edupersonaffiliation saml:edupersonassurance
	saml:edupersonentitlement saml:edupersonnickname saml:edupersonorgdn saml:edupersonorgunitdn
	saml:edupersonprimaryaffiliation saml:edupersonprimaryorgunitdn saml:edupersonprincipalname
	saml:edupersonscopedaffiliation saml:edupersontargetedid saml:givenName saml:iss saml:mail saml:name
	saml:organizationStatus saml:primaryGroupSID saml:sub saml:sub_type saml:surname saml:uid saml:x500UniqueIdentifier`)

func TestConditionKeys(t *testing.T) {
	a := &saml.Assertion{Issuer: "i", Recipient: "r", Subject: "s", SubjectType: "persistent", Attributes: map[string][]string{"other": {"x"}}}
	for _, n := range strings.Fields("1 2 3 4 5 6 7 8 9 10 11") {
		a.Attributes["urn:oid:1.3.6.1.4.1.5923.1.1.1."+n] = []string{"1", "2"}
	}
	for _, name := range strings.Fields(`urn:oid:1.3.6.1.4.1.5923.1.2.1.2 urn:oid:1.3.6.1.4.1.5923.1.2.1.3 urn:oid:1.3.6.1.4.1.5923.1.2.1.4
		urn:oid:1.3.6.1.4.1.5923.1.2.1.5 urn:oid:1.3.6.1.4.1.5923.1.2.1.6 urn:oid:2.5.4.3
		http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name http://schemas.xmlsoap.org/claims/CommonName
		http://schemas.microsoft.com/ws/2008/06/identity/claims/primarygroupsid
		2.5.4.3 2.5.4.4 2.5.4.42 2.5.4.45 0.9.2342.19200300100.1.1 0.9.2342.19200300100.1.3 0.9.2342.19200300100.1.45`) {
		a.Attributes[name] = []string{"1", "2"}
	}
	a.Attributes["0.9.2342.19200300100.1.1"] = []string{"not the first of its key"}
	keys := a.ConditionKeys()
	if got := slices.Sorted(maps.Keys(keys)); !slices.Equal(got, documentedKeys) {
		t.Errorf("got %s\nwant %s", got, documentedKeys)
	}
	for key, want := range map[string][]string{
		"saml:iss": {"i"}, "saml:aud": {"r"}, "saml:sub": {"s"}, "saml:sub_type": {"persistent"},
		"saml:edupersonaffiliation": {"1", "2"}, "saml:edupersonorgdn": {"1"}, "saml:uid": {"1", "2"}, "saml:cn": {"1", "2"},
	} {
		if !slices.Equal(keys[key], want) {
			t.Errorf("%s = %q, want %q", key, keys[key], want)
		}
	}
	if keys := (&saml.Assertion{Issuer: "i", Recipient: "r"}).ConditionKeys(); len(keys) != 2 {
		t.Errorf("without a subject: %v", keys)
	}
}

func TestEndpoints(t *testing.T) {
	tests := []struct {
		url, id             string
		recipient, audience bool
	}{
		{"https://signin.aws.amazon.com/saml", "", true, true},
		{"https://us-east-1.signin.aws.amazon.com/saml", "", true, true},
		{"https://ap-southeast-2.signin.aws.amazon.com/saml", "x", true, true},
		{"https://us-gov-west-1.signin.amazonaws-us-gov.com/saml", "", true, true},
		{"https://signin.amazonaws-us-gov.com/saml", "", true, true},
		{"https://signin.amazonaws.cn/saml", "", true, true},
		{"https://signin.amazonaws.cn/static/saml", "", true, true},
		{"https://cn-north-1.signin.amazonaws.cn/saml", "", true, true},
		{"https://signin.aws.amazon.com/saml/acs/SAMLSPX1", "SAMLSPX1", true, true},
		{"https://eu-west-1.signin.aws.amazon.com/saml/acs/SAMLSPX1", "SAMLSPX1", true, true},
		{"https://signin.aws.amazon.com/saml/acs/SAMLSPX1", "SAMLSPX2", false, false},
		{"https://signin.aws.amazon.com/saml/acs/SAMLSPX1", "", false, false},
		{"https://signin.aws.amazon.com/saml/acs/", "", false, false},
		{"urn:amazon:webservices", "", false, true},
		{"urn:amazon:webservices:cn-north-1", "", false, true},
		{"urn:amazon:webservices:govcloud", "", false, true},
		{"urn:amazon:webservices:", "", false, false},
		{"", "", false, false},
		{"http://signin.aws.amazon.com/saml", "", false, false},
		{"https://signin.aws.amazon.com/saml/", "", false, false},
		{"https://signin.aws.amazon.com/saml#2", "", false, false},
		{"https://signin.aws.amazon.com/saml?x", "", false, false},
		{"https://signin.aws.amazon.com/saml\n", "", false, false},
		{"https://signin.aws.amazon.com.evil.example/saml", "", false, false},
		{"https://evil.signin.aws.amazon.com/saml", "", false, false},
		{"https://evil.example/https://signin.aws.amazon.com/saml", "", false, false},
		{"https://signinxaws.amazon.com/saml", "", false, false},
	}
	for _, tt := range tests {
		if got := saml.AWSRecipient(tt.id)(tt.url); got != tt.recipient {
			t.Errorf("recipient %q of %q: %t", tt.url, tt.id, got)
		}
		if got := saml.AWSAudience(tt.id)(tt.url); got != tt.audience {
			t.Errorf("audience %q of %q: %t", tt.url, tt.id, got)
		}
	}
}
