package policy

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// PrincipalType is what makes a request.
type PrincipalType int

// The types of principal. Anonymous is the zero value.
const (
	Anonymous PrincipalType = iota
	AccountRoot
	User
	AssumedRole
	FederatedUser
	// Federated is an identity of a web identity or SAML provider that has no AWS
	// credentials yet.
	Federated
	// Service is an AWS service.
	Service
)

// Principal is who makes a request.
type Principal struct {
	Type PrincipalType
	// ARN of the user, session, federated user or account root; for Federated the provider's ARN or name,
	// for Service the service's name.
	ARN string
	// Account that the principal belongs to.
	Account string
	// RoleARN is the role behind a session.
	RoleARN string
	// UniqueID of the user, or of the role behind a session: "AROAEXAMPLE".
	UniqueID string
}

// ParsePrincipal makes a Principal of an ARN. A session's role is taken to be at path "/".
func ParsePrincipal(arn string) Principal {
	p := Principal{ARN: arn, Type: Federated}
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" {
		if strings.HasSuffix(arn, ".amazonaws.com") {
			p.Type = Service
		}
		return p
	}
	p.Account = parts[4]
	kind, name, _ := strings.Cut(parts[5], "/")
	switch {
	case parts[5] == "root":
		p.Type = AccountRoot
	case kind == "user":
		p.Type = User
	case kind == "assumed-role":
		p.Type = AssumedRole
		role, _, _ := strings.Cut(name, "/")
		p.RoleARN = "arn:" + parts[1] + ":iam::" + parts[4] + ":role/" + role
	case kind == "federated-user":
		p.Type = FederatedUser
	}
	return p
}

// principal is an entry of a Principal element.
type principal struct {
	kind  string // AWS, Federated, Service, CanonicalUser, or "*"
	value string
	// account is set if the entry stands for a whole account.
	account string
}

// reach is how closely an entry of a Principal element names a principal.
type reach int

const (
	unnamed reach = iota
	// viaAccount: the entry names the principal's account.
	viaAccount
	// viaEveryone: the entry is "*".
	viaEveryone
	// viaRole: the entry names the role behind the session.
	viaRole
	// viaSelf: the entry names the user, session, federated user, provider or service itself.
	viaSelf
)

func (e *principal) reach(p *Principal) reach {
	switch {
	case e.kind == "*":
		return viaEveryone
	case e.kind == "Service":
		return self(p.Type == Service && strings.EqualFold(e.value, p.ARN))
	case e.kind == "Federated":
		return self(p.Type == Federated && e.value == p.ARN)
	case e.kind != "AWS" || p.Type == Service || p.Type == Federated || p.Type == Anonymous:
		return unnamed
	case e.account != "":
		if e.account == p.Account {
			return viaAccount
		}
		return unnamed
	case e.value == p.ARN:
		return viaSelf
	case p.UniqueID != "" && e.value == p.UniqueID, p.RoleARN != "" && e.value == p.RoleARN:
		if p.Type == AssumedRole {
			return viaRole
		}
		return self(p.Type == User)
	}
	return unnamed
}

func self(ok bool) reach {
	if ok {
		return viaSelf
	}
	return unnamed
}

// reach returns the closest that the statement's Principal element comes.
func (s *Statement) reach(p *Principal) reach {
	if s.principals == nil {
		return viaEveryone // a grammar without principals
	}
	closest := unnamed
	for i := range s.principals {
		closest = max(closest, s.principals[i].reach(p))
	}
	if !s.notPrincipal {
		return closest
	}
	if s.exempts(p) {
		return unnamed
	}
	return viaEveryone
}

// exempts reports whether a NotPrincipal element leaves p out. That an account is
// listed exempts nobody in it but its root user; a user must be listed with its account,
// a session with its role and account.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html
func (s *Statement) exempts(p *Principal) bool {
	listed := make(map[reach]bool)
	for i := range s.principals {
		listed[s.principals[i].reach(p)] = true
	}
	switch {
	case listed[viaEveryone]:
		return true
	case p.Type == AccountRoot:
		return listed[viaAccount] || listed[viaSelf]
	case p.Type == User, p.Type == FederatedUser:
		return listed[viaAccount] && listed[viaSelf]
	case p.Type == AssumedRole:
		return listed[viaAccount] && listed[viaRole] && listed[viaSelf]
	default:
		return listed[viaSelf]
	}
}

// principal parses Principal or NotPrincipal.
func (p *parser) principal(n *node, s *Statement) {
	value, not := p.either(n, "Principal", "NotPrincipal")
	if !p.kind.hasPrincipal() {
		if value != nil {
			p.fail(value.start, hasPrincipal)
		}
		return
	}
	if value == nil {
		p.fail(n.start, noPrincipals)
		return
	}
	s.notPrincipal = not
	s.principals = []principal{}
	switch value.kind {
	case '"':
		if value.text != "*" {
			p.fail(value.start, badPrincipal+`: "`+value.text+`"`)
			return
		}
		s.principals = append(s.principals, principal{kind: "*"})
	case '{':
		for _, m := range value.members {
			for _, item := range list(m.value) {
				p.principalEntry(s, m, item)
			}
		}
	default:
		p.fail(value.start, badSyntax)
	}
	if p.kind == RCP && (not || len(s.principals) != 1 || s.principals[0].kind != "*") {
		p.fail(value.start, badSyntax)
	}
	if len(s.principals) == 0 {
		p.fail(value.start, badSyntax)
	}
}

func (p *parser) principalEntry(s *Statement, m member, item *node) {
	if item.kind != jsontext.Kind('"') {
		p.fail(item.start, badSyntax)
		return
	}
	entry := principal{kind: m.name, value: item.text}
	valid := true
	switch m.name {
	case "AWS":
		switch {
		case item.text == "*":
			entry.kind = "*"
		case isAccount(item.text):
			entry.account = item.text
		case strings.HasPrefix(item.text, "arn:"):
			parts := strings.SplitN(item.text, ":", 6)
			valid = len(parts) == 6 && (parts[2] == "iam" || parts[2] == "sts") && isAccount(parts[4]) && !strings.ContainsAny(item.text, "*?")
			if valid && parts[5] == "root" {
				entry.account = parts[4]
			}
		default:
			valid = isUniqueID(item.text)
		}
	case "Service":
		valid = strings.Contains(item.text, ".") && !strings.ContainsAny(item.text, "*?")
	case "Federated", "CanonicalUser":
		valid = item.text != ""
	default:
		valid = false
	}
	if !valid {
		p.fail(item.start, badPrincipal+`: "`+m.name+`":"`+item.text+`"`)
		return
	}
	s.principals = append(s.principals, entry)
}

func isAccount(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

// isUniqueID reports whether s is of the form of a user's or role's unique ID.
func isUniqueID(s string) bool {
	return len(s) >= 16 && len(s) <= 128 && strings.HasPrefix(s, "A") && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
}

// MapPrincipals returns text with each AWS principal of its statements replaced by
// what f makes of it. The rest of the text stays as it is. The text must have been
// parsed without an error.
func MapPrincipals(text string, f func(value string) (string, error)) (string, error) {
	root, syntax := parseJSON(text)
	if syntax != nil {
		return "", syntax
	}
	var b strings.Builder
	last := 0
	for _, item := range awsPrincipals(root) {
		mapped, err := f(item.text)
		if err != nil {
			return "", err
		}
		if mapped == item.text {
			continue
		}
		quoted, err := jsontext.AppendQuote(nil, mapped)
		if err != nil {
			return "", err
		}
		b.WriteString(text[last:item.start])
		b.Write(quoted)
		last = item.end
	}
	b.WriteString(text[last:])
	return b.String(), nil
}

// awsPrincipals returns the entries under AWS, in the order of the text.
func awsPrincipals(root *node) []*node {
	var all []*node
	statements := root.get("Statement")
	if statements == nil {
		return nil
	}
	for _, s := range list(statements) {
		for _, m := range s.members {
			if m.name != "Principal" && m.name != "NotPrincipal" {
				continue
			}
			if aws := m.value.get("AWS"); aws != nil {
				all = append(all, list(aws)...)
			}
		}
	}
	return all
}
