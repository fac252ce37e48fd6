package authz

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"emulator/api"
	"emulator/identity"
)

// context is the condition keys of a request. Values are made when a condition or
// variable asks for them: most requests ask for none.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
type context struct {
	caller  *api.Caller
	request *Request
	account string // of the resource
	// member and resourceMember are the places of the caller's and of the resource's account
	// in an organization, or nil.
	member, resourceMember *identity.Member
	now                    time.Time
	// assumed stands before all else: keys of a question, not of a call.
	assumed map[string][]string
}

// Values implements policy.Context.
func (c *context) Values(key string) ([]string, bool) {
	if values, ok := lookUp(c.assumed, key); ok {
		return values, true
	}
	name, ok := strings.CutPrefix(key, "aws:")
	if !ok {
		return c.given(key)
	}
	if kind, tag, ok := strings.Cut(name, "/"); ok {
		return c.tagValues(kind, tag)
	}
	if name == "tagkeys" {
		keys := slices.Sorted(maps.Keys(c.request.RequestTags))
		keys = append(keys, c.request.TagKeys...)
		return keys, len(keys) > 0
	}
	if value := c.global(name); value != "" {
		return []string{value}, true
	}
	return c.given(key)
}

// given returns keys that come with the request, the service's own among them, and those
// that an identity provider gave a session.
func (c *context) given(key string) ([]string, bool) {
	if values, ok := lookUp(c.request.Context, key); ok {
		return values, true
	}
	if name, ok := strings.CutPrefix(key, "iam:resourcetag/"); ok { // IAM's own name of it
		return c.tagValues("resourcetag", name)
	}
	if s := c.caller.Session; s != nil {
		return lookUp(s.Context, key)
	}
	return nil, false
}

// lookUp finds a key whatever its case. The maps are small.
func lookUp(m map[string][]string, key string) ([]string, bool) {
	for k, values := range m {
		if strings.EqualFold(k, key) && len(values) > 0 {
			return values, true
		}
	}
	return nil, false
}

func (c *context) tagValues(kind, key string) ([]string, bool) {
	var value string
	var ok bool
	switch kind {
	case "principaltag":
		value, ok = c.principalTag(key)
	case "requesttag":
		value, ok = tag(c.request.RequestTags, key)
	case "resourcetag":
		value, ok = tag(c.request.ResourceTags, key)
	}
	if !ok {
		return nil, false
	}
	return []string{value}, true
}

// principalTag: tags of a session stand before those of the user or role.
func (c *context) principalTag(key string) (string, bool) {
	if s := c.caller.Session; s != nil {
		if value, ok := tag(s.Tags, key); ok {
			return value, true
		}
	}
	switch {
	case c.caller.Role != nil:
		return tag(c.caller.Role.Tags, key)
	case c.caller.User != nil && c.caller.Kind == identity.UserKind:
		return tag(c.caller.User.Tags, key)
	}
	return "", false
}

func tag(tags map[string]string, key string) (string, bool) {
	for k, v := range tags {
		if strings.EqualFold(k, key) {
			return v, true
		}
	}
	return "", false
}

// global returns the value of a single-valued global key, named in lower case without
// "aws:"; "" if it is absent.
func (c *context) global(name string) string {
	caller, session := c.caller, c.caller.Session
	switch name {
	case "principalorgid":
		return organizationOf(c.member)
	case "principalorgpaths":
		return pathOf(c.member)
	case "resourceorgid":
		return organizationOf(c.resourceMember)
	case "resourceorgpaths":
		return pathOf(c.resourceMember)
	case "currenttime":
		return c.now.Format(time.RFC3339)
	case "epochtime":
		return strconv.FormatInt(c.now.Unix(), 10)
	case "sourceip":
		if caller.SourceIP.IsValid() {
			return caller.SourceIP.String()
		}
	case "securetransport":
		return strconv.FormatBool(caller.Secure)
	case "useragent":
		return caller.UserAgent
	case "referer":
		return caller.Referer
	case "requestedregion":
		return caller.Region
	case "resourceaccount":
		return c.account
	case "viaawsservice", "principalisawsservice":
		return "false"
	case "principalaccount":
		return caller.Account
	case "principalarn":
		return c.principalARN()
	case "principaltype":
		return principalTypes[caller.Kind]
	case "userid":
		return caller.UserID
	case "username":
		if caller.Kind == identity.UserKind {
			return caller.User.Name
		}
	}
	mfa := c.request.MFA
	if mfa.IsZero() && session != nil {
		mfa = session.MFA
	}
	switch {
	case name == "multifactorauthage" && !mfa.IsZero():
		return strconv.FormatInt(int64(c.now.Sub(mfa).Seconds()), 10)
	case name == "multifactorauthpresent" && (session != nil || !mfa.IsZero()):
		return strconv.FormatBool(!mfa.IsZero())
	case session == nil:
		return ""
	}
	switch name {
	case "tokenissuetime":
		return session.Issued.Format(time.RFC3339)
	case "sourceidentity":
		return session.SourceIdentity
	case "assumedroot":
		if session.AssumedRoot {
			return "true"
		}
	case "federatedprovider":
		return session.FederatedProvider
	}
	return ""
}

func organizationOf(m *identity.Member) string {
	if m == nil {
		return ""
	}
	return m.Organization
}

func pathOf(m *identity.Member) string {
	if m == nil {
		return ""
	}
	return m.Path()
}

var principalTypes = map[identity.Kind]string{
	identity.Anonymous: "Anonymous", identity.Root: "Account", identity.UserKind: "User",
	identity.AssumedRole: "AssumedRole", identity.FederatedUser: "FederatedUser",
}

// principalARN is the role's for a role's session.
func (c *context) principalARN() string {
	if c.caller.Role != nil {
		return c.caller.Role.ARN()
	}
	return c.caller.ARN
}

// globalNames are the single-valued global keys that a request can have.
var globalNames = []string{
	"AssumedRoot", "CurrentTime", "EpochTime", "FederatedProvider", "MultiFactorAuthAge", "MultiFactorAuthPresent", "PrincipalAccount", "PrincipalArn",
	"PrincipalIsAWSService", "PrincipalOrgID", "PrincipalOrgPaths", "PrincipalType", "Referer", "RequestedRegion", "ResourceAccount", "ResourceOrgID", "ResourceOrgPaths", "SecureTransport", "SourceIdentity", "SourceIp",
	"TokenIssueTime", "UserAgent", "ViaAWSService", "userid", "username",
}

// keys returns the names of all keys that have a value, sorted.
func (c *context) keys() []string {
	found := make(map[string]bool)
	for _, name := range globalNames {
		found["aws:"+name] = true
	}
	found["aws:TagKeys"] = true
	for _, m := range []map[string][]string{c.request.Context, c.assumed} {
		for key := range m {
			found[key] = true
		}
	}
	tags := map[string]map[string]string{"aws:RequestTag/": c.request.RequestTags, "aws:ResourceTag/": c.request.ResourceTags}
	if s := c.caller.Session; s != nil {
		tags["aws:PrincipalTag/"] = s.Tags
		for key := range s.Context {
			found[key] = true
		}
	}
	for prefix, m := range tags {
		for key := range m {
			found[prefix+key] = true
		}
	}
	maps.DeleteFunc(found, func(key string, _ bool) bool {
		_, ok := c.Values(strings.ToLower(key))
		return !ok
	})
	return slices.Sorted(maps.Keys(found))
}
