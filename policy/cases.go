package policy

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Case is a decision to be tested: a request, the policies that apply, and what is
// expected of them.
type Case struct {
	Name     string       `json:"name"`
	Request  CaseRequest  `json:"request"`
	Policies CasePolicies `json:"policies"`
	// Expected is "Allowed", "ExplicitlyDenied" or "ImplicitlyDenied".
	Expected string `json:"expected,omitempty"`
	// Source says why that is expected: the page of AWS's documentation.
	Source string `json:"source,omitempty"`
}

// CaseRequest is the request of a Case.
type CaseRequest struct {
	// Principal is the ARN of a user, session or account root, an identity provider, the name of
	// a service, or "*" for an anonymous caller.
	Principal string `json:"principal"`
	// Issuer is the ARN of the role behind a session, if that has a path, or of the user behind a
	// federated user.
	Issuer string `json:"issuer,omitempty"`
	// UniqueID of the user or role.
	UniqueID        string                `json:"uniqueId,omitempty"`
	Action          string                `json:"action"`
	Resource        string                `json:"resource"`
	ResourceAccount string                `json:"resourceAccount,omitempty"`
	Context         map[string]CaseValues `json:"context,omitempty"`
}

// CaseValues are the values of a context key. In JSON a single value needs no list.
type CaseValues []string

// UnmarshalJSON reads a value or a list of them; numbers and Booleans need no quotes.
func (v *CaseValues) UnmarshalJSON(text []byte) error {
	list := []json.RawMessage{text}
	if len(text) > 0 && text[0] == '[' {
		if err := json.Unmarshal(text, &list); err != nil {
			return err
		}
	}
	*v = make(CaseValues, len(list))
	for i, item := range list {
		switch {
		case len(item) > 0 && item[0] == '"':
			if err := json.Unmarshal(item, &(*v)[i]); err != nil {
				return err
			}
		case len(item) > 0 && (item[0] == '{' || item[0] == '['):
			return errors.New("a context key has a string or a list of strings")
		default:
			(*v)[i] = string(item)
		}
	}
	return nil
}

// CasePolicies are the policies of a Case.
type CasePolicies struct {
	Identity []CasePolicy `json:"identity,omitempty"`
	Boundary *CasePolicy  `json:"boundary,omitempty"`
	Session  []CasePolicy `json:"session,omitempty"`
	// Scopes are what a session was scoped down to: each must allow.
	Scopes   []CasePolicy   `json:"scopes,omitempty"`
	Resource *CasePolicy    `json:"resource,omitempty"`
	SCPs     [][]CasePolicy `json:"scps,omitempty"`
	RCPs     [][]CasePolicy `json:"rcps,omitempty"`
	// Grants are the IDs of KMS grants that allow the request.
	Grants []string `json:"grants,omitempty"`
}

// CasePolicy is a document, or a document with a name.
type CasePolicy struct {
	Name     string          `json:"name,omitempty"`
	Document json.RawMessage `json:"document"`
}

// UnmarshalJSON reads {"name": …, "document": …} or just the document, which may be
// a string too.
func (p *CasePolicy) UnmarshalJSON(text []byte) error {
	type named CasePolicy
	if len(text) > 0 && text[0] == '{' {
		if err := json.Unmarshal(text, (*named)(p)); err != nil {
			return err
		}
	}
	if p.Document == nil {
		*p = CasePolicy{Document: bytes.Clone(text)}
	}
	if len(p.Document) > 0 && p.Document[0] == '"' {
		var document string
		if err := json.Unmarshal(p.Document, &document); err != nil {
			return err
		}
		p.Document = json.RawMessage(document)
	}
	return nil
}

// ReadCases reads cases: an array of them, or any number of them one after the other, such as one a
// line; also compressed by gzip.
func ReadCases(r io.Reader) ([]Case, error) {
	buffered := bufio.NewReader(r)
	if magic, _ := buffered.Peek(2); string(magic) == "\x1f\x8b" {
		z, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, fmt.Errorf("cases: %w", err)
		}
		buffered = bufio.NewReader(z)
	}
	var cases []Case
	d := json.NewDecoder(buffered)
	for {
		var text json.RawMessage
		err := d.Decode(&text)
		if errors.Is(err, io.EOF) {
			return cases, nil
		}
		if err != nil {
			return nil, fmt.Errorf("cases: %w", err)
		}
		items := []json.RawMessage{text}
		if text[0] == '[' {
			if err := json.Unmarshal(text, &items); err != nil {
				return nil, fmt.Errorf("cases: %w", err)
			}
		}
		for _, item := range items {
			var c Case
			if err := c.read(item); err != nil {
				return nil, fmt.Errorf("case %d: %w", len(cases)+1, err)
			}
			cases = append(cases, c)
		}
	}
}

// read reads a case strictly: a misspelt member would else leave out a policy, and test nothing.
func (c *Case) read(text json.RawMessage) error {
	err := readMembers(text, "", reflect.ValueOf(c).Elem())
	if err != nil && c.Name != "" {
		return fmt.Errorf("%s: %w", c.Name, err)
	}
	return err
}

// readMembers reads the members of an object into the fields of their names.
func readMembers(text json.RawMessage, path string, v reflect.Value) error {
	if !jsontext.Value(text).IsValid() { // what encoding/json lets pass
		return fmt.Errorf("%sa name is given twice in an object, or text is not UTF-8", prefixed(path))
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return inWords(err, path)
	}
	var known []string
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		known = append(known, name)
		member, ok := members[name]
		if !ok {
			continue
		}
		field, at := v.Field(i), strings.TrimPrefix(path+"."+name, ".")
		var err error
		if field.Kind() == reflect.Struct {
			err = readMembers(member, at, field)
		} else {
			err = inWords(json.Unmarshal(member, field.Addr().Interface()), at)
		}
		if err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if !slices.Contains(known, name) {
			return fmt.Errorf("%sthere is no member %q; known are %s", prefixed(path), name, strings.Join(known, ", "))
		}
	}
	return nil
}

func prefixed(path string) string {
	if path == "" {
		return ""
	}
	return path + ": "
}

// jsonTypes are the types of JSON in words, by what encoding/json calls them and by their kind in Go.
var (
	jsonTypes = map[string]string{"array": "a list", "object": "an object", "string": "a string", "number": "a number", "bool": "true or false"}
	goTypes   = map[reflect.Kind]string{reflect.Slice: "a list", reflect.Struct: "an object", reflect.Map: "an object", reflect.String: "a string"}
)

// inWords says what encoding/json says in the words of JSON.
func inWords(err error, path string) error {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		got, _, _ := strings.Cut(e.Value, " ") // "number 5"
		err = fmt.Errorf("%s is expected, not %s", goTypes[e.Type.Kind()], jsonTypes[got])
	}
	if err != nil {
		return fmt.Errorf("%s%w", prefixed(path), err)
	}
	return nil
}

// Build parses what a case holds.
func (c *Case) Build() (*Request, *Policies, error) {
	for _, needed := range [...]struct{ name, value string }{{"principal", c.Request.Principal}, {"action", c.Request.Action}, {"resource", c.Request.Resource}} {
		if needed.value == "" {
			return nil, nil, fmt.Errorf("case %s: request.%s is missing", c.Name, needed.name)
		}
	}
	principal, err := ParsePrincipal(c.Request.Principal)
	if err != nil {
		return nil, nil, fmt.Errorf("case %s: %w", c.Name, err)
	}
	if principal.Type == FederatedUser {
		principal.UserARN = c.Request.Issuer
	} else if c.Request.Issuer != "" {
		principal.RoleARN = c.Request.Issuer
		principal.ServiceLinked = strings.Contains(c.Request.Issuer, ":role/aws-service-role/")
	}
	principal.UniqueID = c.Request.UniqueID
	keys := make(map[string][]string, len(c.Request.Context))
	for key, values := range c.Request.Context {
		keys[key] = values
	}
	context := NewContext(keys)
	for key, value := range principal.contextKeys() {
		if _, set := context[key]; !set {
			context[key] = []string{value}
		}
	}
	req := &Request{
		Principal: principal, Action: c.Request.Action, Resource: c.Request.Resource,
		ResourceAccount: c.Request.ResourceAccount, Context: context,
	}
	b := builder{}
	p := &Policies{
		Identity: b.several(Identity, c.Policies.Identity),
		Boundary: b.one(Identity, c.Policies.Boundary),
		Session:  b.several(Session, c.Policies.Session),
		Scopes:   b.several(Session, c.Policies.Scopes),
		Resource: b.one(c.resourceKind(), c.Policies.Resource), ResourceKind: c.resourceKind(),
		SCPs: b.levels(SCP, c.Policies.SCPs),
		RCPs: b.levels(RCP, c.Policies.RCPs),
	}
	grantee := principal.ARN
	if principal.Type == AssumedRole {
		grantee = principal.RoleARN
	}
	for _, id := range c.Policies.Grants {
		p.Grants = append(p.Grants, Grant{ID: id, Grantee: grantee})
	}
	if b.err != nil {
		return nil, nil, fmt.Errorf("case %s: %w", c.Name, b.err)
	}
	return req, p, nil
}

// builder parses the policies of a case and keeps the first error.
type builder struct{ err error }

func (b *builder) one(kind Kind, from *CasePolicy) Named {
	if from == nil {
		return Named{}
	}
	if kind == RCP && isFullAccess(from.Document) {
		return Named{Name: from.Name} // RCPFullAWSAccess, which is implied
	}
	parsed := parse(kind, string(from.Document), nil)
	// Useless actions in a trust policy are refused when it is stored, but they decide nothing.
	parsed.problems = slices.DeleteFunc(parsed.problems, func(p problem) bool { return p.fault == faultTrustAction })
	policy, err := parsed.result()
	if err != nil && b.err == nil {
		b.err = fmt.Errorf("%s policy %s: %w", kind, from.Name, err)
	}
	return Named{Name: from.Name, Policy: policy}
}

// isFullAccess reports whether a document allows everyone everything.
func isFullAccess(document []byte) bool {
	p, err := Parse(Resource, string(document))
	if err != nil || len(p.Statements) != 1 {
		return false
	}
	s := &p.Statements[0]
	return s.Allow && s.anyResource && len(s.conditions) == 0 && !s.notAction && !s.notPrincipal &&
		len(s.actions) == 1 && s.actions[0].String() == "*" && s.principals[0].kind == namesEveryone
}

func (b *builder) several(kind Kind, from []CasePolicy) []Named {
	named := make([]Named, len(from))
	for i := range from {
		named[i] = b.one(kind, &from[i])
	}
	return named
}

func (b *builder) levels(kind Kind, from [][]CasePolicy) [][]Named {
	levels := make([][]Named, len(from))
	for i := range from {
		levels[i] = b.several(kind, from[i])
	}
	return levels
}

// resourceKind tells the kind of the resource policy from what it is on.
func (c *Case) resourceKind() Kind {
	arn, _ := ParseARN(c.Request.Resource)
	switch {
	case arn.Service == "kms":
		return KeyPolicy
	case arn.Service == "iam" && strings.HasPrefix(strings.ToLower(c.Request.Action), "sts:"):
		return TrustPolicy
	}
	return Resource
}

// Run decides the case.
func (c *Case) Run() (Decision, error) {
	req, p, err := c.Build()
	if err != nil {
		return Decision{}, err
	}
	return Evaluate(req, p), nil
}
