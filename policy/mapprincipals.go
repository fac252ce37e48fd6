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

// MapPrincipals returns a document with the values of its AWS principals replaced by what f
// makes of them: accounts, ARNs and unique IDs, but neither "*" nor services and identity
// providers. All else stays as it stands, also white space. AWS replaces the ARNs of users and
// roles by unique IDs when it stores a policy, and back when it shows one. An error of f ends
// the work and is returned.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
func MapPrincipals(text string, f func(value string) (string, error)) (string, error) {
	root, at, err := parseJSON(text)
	if err != nil {
		return "", &SyntaxError{Message: badSyntax, Detail: err.Error(), At: position(text, at)}
	}
	var b strings.Builder
	written := 0
	for _, n := range awsPrincipals(root) {
		value, err := f(n.text)
		if err != nil {
			return "", err
		}
		if value == n.text {
			continue
		}
		quoted, err := jsontext.AppendQuote(nil, value)
		if err != nil {
			return "", err
		}
		b.WriteString(text[written:n.start])
		b.Write(quoted)
		written = n.end
	}
	b.WriteString(text[written:])
	return b.String(), nil
}

// awsPrincipals returns the strings under "AWS" of all statements, as they stand in the text.
func awsPrincipals(root *node) []*node {
	var all []*node
	statements := root.get("Statement")
	if statements == nil {
		return nil
	}
	for _, statement := range statements.list() {
		for _, element := range statement.members {
			if element.name != "Principal" && element.name != "NotPrincipal" {
				continue
			}
			aws := element.value.get("AWS")
			if aws == nil {
				continue
			}
			for _, item := range aws.list() {
				if item.kind == '"' && item.text != "*" {
					all = append(all, item)
				}
			}
		}
	}
	return all
}
