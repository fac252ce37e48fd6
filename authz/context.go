package authz

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"emulator/api"
	"emulator/identity"
	"emulator/policy"
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
	// sourceMember is that of the account of what a service calls for, if the question assumes one.
	sourceMember *identity.Member
	now          time.Time
	// assumed stands before all else: keys of a question, not of a call.
	assumed map[string][]string
}

// Values implements policy.Context.
func (c *context) Values(key string) ([]string, bool) {
	values := c.values(key)
	return values, len(values) > 0
}

func (c *context) values(key string) []string {
	if values := lookUp(c.assumed, key); values != nil {
		return values
	}
	name, ok := strings.CutPrefix(key, "aws:")
	if !ok {
		return c.given(key)
	}
	if kind, tag, ok := strings.Cut(name, "/"); ok {
		return c.tagValues(kind, tag)
	}
	if name == "tagkeys" {
		return append(slices.Sorted(maps.Keys(c.request.RequestTags)), c.request.TagKeys...)
	}
	if value := c.global(name); value != "" {
		return []string{value}
	}
	return c.given(key)
}

// given returns keys that come with the request, the service's own among them, and those
// that an identity provider gave a session.
func (c *context) given(key string) []string {
	if values := lookUp(c.request.Context, key); values != nil {
		return values
	}
	if name, ok := strings.CutPrefix(key, "iam:resourcetag/"); ok { // IAM's own name of it
		return c.tagValues("resourcetag", name)
	}
	if s := c.caller.Session; s != nil {
		return lookUp(s.Context, key)
	}
	return nil
}

// lookUp finds a key whatever its case. The values of keys that differ only by case are those of one
// key, sorted.
func lookUp(m map[string][]string, key string) []string {
	var found []string
	keys := 0
	for k, values := range m {
		if !strings.EqualFold(k, key) || len(values) == 0 {
			continue
		}
		if keys++; keys == 1 {
			found = values // not copied: as a rule it is the only one
		} else {
			found = append(slices.Clip(found), values...)
		}
	}
	if keys > 1 {
		slices.Sort(found)
	}
	return found
}

func (c *context) tagValues(kind, key string) []string {
	switch kind {
	case "principaltag":
		return c.principalTag(key)
	case "requesttag":
		return tag(c.request.RequestTags, key)
	case "resourcetag":
		return tag(c.request.ResourceTags, key)
	}
	return c.given("aws:" + kind + "/" + key)
}

// principalTag: tags of a session stand before those of the user or role.
func (c *context) principalTag(key string) []string {
	if s := c.caller.Session; s != nil {
		if values := tag(s.Tags, key); values != nil {
			return values
		}
	}
	switch {
	case c.caller.Role != nil:
		return tag(c.caller.Role.Tags, key)
	case c.caller.User != nil && c.caller.Kind == identity.UserKind:
		return tag(c.caller.User.Tags, key)
	}
	return nil
}

// tag is lookUp for tags: KMS takes those that differ only by case.
func tag(tags map[string]string, key string) []string {
	var found []string
	for k, v := range tags {
		if strings.EqualFold(k, key) {
			found = append(found, v)
		}
	}
	slices.Sort(found)
	return found
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
	case "sourceorgid":
		return organizationOf(c.sourceMember)
	case "sourceorgpaths":
		return pathOf(c.sourceMember)
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

// sourceAccount returns the account of what a service calls for, "" if nothing tells of one.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-sourceorgid
func (c *context) sourceAccount() string {
	if account := lookUp(c.assumed, "aws:sourceaccount"); len(account) > 0 {
		return account[0]
	}
	if source := lookUp(c.assumed, "aws:sourcearn"); len(source) > 0 {
		arn, _ := policy.ParseARN(source[0])
		return arn.Account
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
	"aws:AssumedRoot", "aws:CurrentTime", "aws:EpochTime", "aws:FederatedProvider", "aws:MultiFactorAuthAge", "aws:MultiFactorAuthPresent",
	"aws:PrincipalAccount", "aws:PrincipalArn", "aws:PrincipalIsAWSService", "aws:PrincipalOrgID", "aws:PrincipalOrgPaths", "aws:PrincipalType",
	"aws:Referer", "aws:RequestedRegion", "aws:ResourceAccount", "aws:ResourceOrgID", "aws:ResourceOrgPaths", "aws:SecureTransport",
	"aws:SourceIdentity", "aws:SourceIp", "aws:SourceOrgID", "aws:SourceOrgPaths", "aws:TokenIssueTime", "aws:UserAgent", "aws:ViaAWSService", "aws:userid", "aws:username",
}

// lowerGlobalNames are the same as global takes them.
var lowerGlobalNames = func() []string {
	lower := slices.Clone(globalNames)
	for i, name := range lower {
		lower[i] = strings.ToLower(strings.TrimPrefix(name, "aws:"))
	}
	return lower
}()

// chosen returns the names of the keys besides globalNames that the request has, as far as they are given: sorted, and
// of those that differ only by case the first.
func (c *context) chosen() []string {
	chosen := append(make([]string, 0, 16), "aws:TagKeys")
	withTags := func(prefix string, tags map[string]string) {
		for key := range tags {
			chosen = append(chosen, prefix+key)
		}
	}
	withTags("aws:RequestTag/", c.request.RequestTags)
	withTags("aws:ResourceTag/", c.request.ResourceTags)
	switch {
	case c.caller.Role != nil:
		withTags("aws:PrincipalTag/", c.caller.Role.Tags)
	case c.caller.User != nil && c.caller.Kind == identity.UserKind:
		withTags("aws:PrincipalTag/", c.caller.User.Tags)
	}
	contexts := [...]map[string][]string{c.request.Context, c.assumed, nil}
	if s := c.caller.Session; s != nil {
		withTags("aws:PrincipalTag/", s.Tags)
		contexts[2] = s.Context
	}
	for _, m := range contexts {
		for key := range m {
			chosen = append(chosen, key)
		}
	}
	slices.SortFunc(chosen, func(a, b string) int { return cmp.Or(compareFold(a, b), strings.Compare(a, b)) })
	return slices.CompactFunc(chosen, strings.EqualFold)
}

// compareFold compares without regard to the case of ASCII letters; names with others are rare.
func compareFold(a, b string) int {
	for i := range min(len(a), len(b)) {
		x, y := a[i], b[i]
		if 'A' <= x && x <= 'Z' {
			x += 'a' - 'A'
		}
		if 'A' <= y && y <= 'Z' {
			y += 'a' - 'A'
		}
		switch {
		case x|y >= utf8.RuneSelf:
			return strings.Compare(strings.ToLower(a), strings.ToLower(b))
		case x != y:
			return cmp.Compare(x, y)
		}
	}
	return cmp.Compare(len(a), len(b))
}
