package policy

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// NamedPrincipal is an element of a Principal or NotPrincipal: "AWS" and an ARN, say.
type NamedPrincipal struct {
	// Kind is "AWS", "Service", "Federated" or "CanonicalUser"; a bare "*" is of kind "*".
	Kind, Value string
}

// Principals returns all that a policy's statements name, in their order.
func (p *Policy) Principals() []NamedPrincipal {
	var all []NamedPrincipal
	for i := range p.Statements {
		for _, e := range p.Statements[i].principals {
			all = append(all, NamedPrincipal{Kind: e.written, Value: e.source})
		}
	}
	return all
}

// MapPrincipals returns a document with its principals replaced by what f makes of them. kind is
// "AWS", "Service", "Federated" or "CanonicalUser", or "*" for a bare "*". All else stays as it stands, also
// white space. AWS replaces the ARNs of users and roles by unique IDs when it stores a policy, and back when
// it shows one. An error of f ends the work and is returned.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
func MapPrincipals(text string, f func(kind, value string) (string, error)) (string, error) {
	root, at, err := parseJSON(text)
	if err != nil {
		return "", &SyntaxError{Message: badSyntax, Detail: err.Error(), At: position(text, at)}
	}
	var b strings.Builder
	written := 0
	for _, m := range principalNodes(root) {
		value, err := f(m.name, m.value.text)
		if err != nil {
			return "", err
		}
		if value == m.value.text {
			continue
		}
		quoted, err := jsontext.AppendQuote(nil, value)
		if err != nil {
			return "", err
		}
		b.WriteString(text[written:m.value.start])
		b.Write(quoted)
		written = m.value.end
	}
	b.WriteString(text[written:])
	return b.String(), nil
}

// principalNodes returns the strings of all Principal and NotPrincipal elements with their
// kinds, in the order of the text.
func principalNodes(root *node) []member {
	var all []member
	add := func(kind string, value *node) {
		for _, item := range value.list() {
			if item.kind == '"' {
				all = append(all, member{name: kind, value: item})
			}
		}
	}
	statements := root.get("Statement")
	if statements == nil {
		return nil
	}
	for _, statement := range statements.list() {
		for _, element := range statement.members {
			if element.name != "Principal" && element.name != "NotPrincipal" {
				continue
			}
			if element.value.kind != '{' {
				add("*", element.value)
			}
			for _, m := range element.value.members {
				add(m.name, m.value)
			}
		}
	}
	return all
}
