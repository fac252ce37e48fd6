package saml

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Names of the attributes that are for AWS. They are case-sensitive.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_saml_assertions.html
const (
	RoleAttribute              = "https://aws.amazon.com/SAML/Attributes/Role"
	RoleSessionNameAttribute   = "https://aws.amazon.com/SAML/Attributes/RoleSessionName"
	SessionDurationAttribute   = "https://aws.amazon.com/SAML/Attributes/SessionDuration"
	SourceIdentityAttribute    = "https://aws.amazon.com/SAML/Attributes/SourceIdentity"
	TransitiveTagKeysAttribute = "https://aws.amazon.com/SAML/Attributes/TransitiveTagKeys"
	// PrincipalTagPrefix comes before the key of a session tag.
	PrincipalTagPrefix = "https://aws.amazon.com/SAML/Attributes/PrincipalTag:"
)

// Claims are what an assertion says for AWS.
type Claims struct {
	// Roles are those that the user may take, with the provider that must vouch for it.
	Roles []Role
	// RoleSessionName names the session.
	RoleSessionName string
	// SessionDuration bounds the session, and zero does not.
	SessionDuration time.Duration
	// SourceIdentity is "" if there is none.
	SourceIdentity string
	// Tags are the session tags. Whether they are allowed in a session is not looked at here.
	Tags map[string]string
	// TransitiveTagKeys are of the tags that the next roles inherit.
	TransitiveTagKeys []string
}

// Role is a pair of ARNs in the Role attribute.
type Role struct {
	Role, Provider string
}

// Allows tells whether the assertion gives the role to those whom the provider vouches for.
func (c *Claims) Allows(role, provider string) bool {
	return slices.Contains(c.Roles, Role{Role: role, Provider: provider})
}

var (
	namedPattern          = regexp.MustCompile(`^[a-zA-Z_0-9+=,.@-]{2,64}$`)
	sourceIdentityPattern = regexp.MustCompile(`^[a-zA-Z_0-9+=,.@-]{2,256}$`)
)

// ClaimsOf reads the attributes that are for AWS.
func ClaimsOf(a *Assertion) (*Claims, error) {
	c := &Claims{Tags: make(map[string]string), TransitiveTagKeys: a.Attributes[TransitiveTagKeysAttribute]}
	for _, value := range a.Attributes[RoleAttribute] {
		if r, ok := parseRole(value); ok {
			c.Roles = append(c.Roles, r)
		}
	}
	if len(c.Roles) == 0 {
		return nil, ErrNoRole
	}
	names := a.Attributes[RoleSessionNameAttribute]
	if len(names) == 0 {
		return nil, ErrNoSessionName
	}
	if len(names) > 1 || !namedPattern.MatchString(names[0]) {
		return nil, ErrSessionName
	}
	c.RoleSessionName = names[0]
	if identities := a.Attributes[SourceIdentityAttribute]; len(identities) > 0 {
		c.SourceIdentity = identities[0]
		if len(identities) > 1 || !sourceIdentityPattern.MatchString(c.SourceIdentity) || strings.HasPrefix(strings.ToLower(c.SourceIdentity), "aws:") {
			return nil, ErrSourceIdentity
		}
	}
	if durations := a.Attributes[SessionDurationAttribute]; len(durations) > 0 {
		seconds, err := strconv.Atoi(durations[0])
		if err != nil || len(durations) > 1 || seconds < 900 || seconds > 43200 {
			return nil, ErrSessionDuration
		}
		c.SessionDuration = time.Duration(seconds) * time.Second
	}
	for _, name := range slices.Sorted(maps.Keys(a.Attributes)) {
		key, ok := strings.CutPrefix(name, PrincipalTagPrefix)
		values := a.Attributes[name]
		if !ok {
			continue
		}
		if key == "" || len(values) != 1 {
			return nil, fmt.Errorf("%w: the tag %q must have one value", ErrTags, key)
		}
		c.Tags[key] = values[0]
	}
	return c, nil
}

// parseRole reads a value of the Role attribute: the ARNs of a role and of a provider, in
// either order. One that is neither allows nothing.
func parseRole(value string) (Role, bool) {
	first, second, _ := strings.Cut(value, ",")
	r := Role{Role: strings.TrimSpace(first), Provider: strings.TrimSpace(second)}
	if isARN(r.Role, "saml-provider/") {
		r.Role, r.Provider = r.Provider, r.Role
	}
	return r, isARN(r.Role, "role/") && isARN(r.Provider, "saml-provider/")
}

func isARN(s, kind string) bool {
	parts := strings.SplitN(s, ":", 6)
	return len(parts) == 6 && parts[0] == "arn" && parts[2] == "iam" && parts[3] == "" &&
		strings.HasPrefix(parts[5], kind) && !strings.ContainsAny(s, ", \t\n")
}

// attributeKey says that an attribute becomes a condition key. Of a single one, only the first value counts.
type attributeKey struct {
	attribute, key string
	single         bool
}

// attributeKeys are AWS's tables. The X.500 attributes are listed there without urn:oid:, two of
// them mistyped (2.4.5.42 and 0.9.2342.19200300.100.1.45): both forms are taken. The SID is
// said to be uid there, but has a key of its own in the list of keys: it becomes both.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_saml_assertions.html#saml-attribute-mapping
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-saml
var attributeKeys = []attributeKey{
	{"urn:oid:1.3.6.1.4.1.5923.1.1.1.1", "saml:edupersonaffiliation", false},
	{"urn:oid:1.3.6.1.4.1.5923.1.1.1.2", "saml:edupersonnickname", false},
	{"urn:oid:1.3.6.1.4.1.5923.1.1.1.3", "saml:edupersonorgdn", true},
	{"urn:oid:1.3.6.1.4.1.5923.1.1.1.4", "saml:edupersonorgunitdn", false},
	{"urn:oid:1.3.6.1.4.1.5923.1.1.1.5", "saml:edupersonprimaryaffiliation", true},
	{"urn:oid:1.3.6.1.4.1.5923.1.1.1.6", "saml:edupersonprincipalname", true},
	{"urn:oid:1.3.6.1.4.1.5923.1.1.1.7", "saml:edupersonentitlement", false},
	{"urn:oid:1.3.6.1.4.1.5923.1.1.1.8", "saml:edupersonprimaryorgunitdn", true},
	{"urn:oid:1.3.6.1.4.1.5923.1.1.1.9", "saml:edupersonscopedaffiliation", false},
	{"urn:oid:1.3.6.1.4.1.5923.1.1.1.10", "saml:edupersontargetedid", false},
	{"urn:oid:1.3.6.1.4.1.5923.1.1.1.11", "saml:edupersonassurance", false},
	{"urn:oid:1.3.6.1.4.1.5923.1.2.1.2", "saml:eduorghomepageuri", false},
	{"urn:oid:1.3.6.1.4.1.5923.1.2.1.3", "saml:eduorgidentityauthnpolicyuri", false},
	{"urn:oid:1.3.6.1.4.1.5923.1.2.1.4", "saml:eduorglegalname", false},
	{"urn:oid:1.3.6.1.4.1.5923.1.2.1.5", "saml:eduorgsuperioruri", false},
	{"urn:oid:1.3.6.1.4.1.5923.1.2.1.6", "saml:eduorgwhitepagesuri", false},
	{"urn:oid:2.5.4.3", "saml:cn", false},

	{"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name", "saml:name", false},
	{"http://schemas.xmlsoap.org/claims/CommonName", "saml:commonName", false},
	{"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname", "saml:givenName", false},
	{"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname", "saml:surname", false},
	{"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress", "saml:mail", false},
	{"http://schemas.microsoft.com/ws/2008/06/identity/claims/primarygroupsid", "saml:uid", false},
	{"http://schemas.microsoft.com/ws/2008/06/identity/claims/primarygroupsid", "saml:primaryGroupSID", false},

	{"2.5.4.3", "saml:commonName", false},
	{"2.5.4.4", "saml:surname", false},
	{"2.4.5.42", "saml:givenName", false},
	{"2.5.4.42", "saml:givenName", false},
	{"2.5.4.45", "saml:x500UniqueIdentifier", false},
	{"0.9.2342.19200300100.1.1", "saml:uid", false},
	{"0.9.2342.19200300100.1.3", "saml:mail", false},
	{"0.9.2342.19200300.100.1.45", "saml:organizationStatus", false},
	{"0.9.2342.19200300100.1.45", "saml:organizationStatus", false},
}

// ConditionKeys returns the condition keys that an assertion becomes in a trust policy. Those
// that are of the provider, saml:doc and saml:namequalifier, are missing. If several attributes
// become one key, only the first in AWS's tables does.
func (a *Assertion) ConditionKeys() map[string][]string {
	keys := map[string][]string{"saml:iss": {a.Issuer}, "saml:aud": {a.Recipient}}
	if a.Subject != "" {
		keys["saml:sub"], keys["saml:sub_type"] = []string{a.Subject}, []string{a.SubjectType}
	}
	for _, k := range attributeKeys {
		values := a.Attributes[k.attribute]
		if len(values) == 0 || keys[k.key] != nil {
			continue
		}
		if k.single {
			values = values[:1]
		}
		keys[k.key] = slices.Clone(values)
	}
	return keys
}
