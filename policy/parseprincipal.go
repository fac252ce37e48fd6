package policy

import (
	"fmt"
	"strings"
)

// principal parses Principal or NotPrincipal.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
func (p *parser) principal(n *node, s *Statement, path string) {
	v, path, negated := p.either(n, path, "Principal")
	switch {
	case v == nil && p.kind.hasPrincipal():
		p.fail(faultNoPrincipal, n.start, path, "a statement of this kind of policy must have a Principal")
		return
	case v == nil:
		return
	case !p.kind.hasPrincipal() && p.kind != SCP:
		p.fail(faultPrincipalForbidden, v.start, path, "a policy of an identity has no Principal")
		return
	case p.kind == SCP:
		p.fail(faultSyntax, v.start, path, "a service control policy has no Principal")
		return
	case negated && p.kind != Resource && p.kind != KeyPolicy:
		p.fail(faultForbidden, v.start, path, "NotPrincipal is not supported in a %s policy", p.kind)
		return
	}
	s.notPrincipal = negated
	if v.kind == '"' {
		if v.text != "*" {
			p.invalidPrincipal(v, "AWS", path)
		}
		s.principals = []principal{{kind: namesEveryone, written: "*", source: "*"}}
		return
	}
	if p.kind == RCP {
		p.fail(faultSyntax, v.start, path, "the Principal of a resource control policy must be \"*\"")
		return
	}
	if v.kind != '{' || len(v.members) == 0 {
		p.fail(faultSyntax, v.start, path, "Principal must be \"*\" or an object")
		return
	}
	for _, m := range v.members {
		p.strings(m.value, path+"."+m.name, func(item item) {
			e, ok := compilePrincipal(m.name, item.text)
			if !ok {
				p.invalidPrincipal(item.node, m.name, item.at())
			}
			s.principals = append(s.principals, e)
		})
		if len(m.value.list()) == 0 {
			p.fail(faultSyntax, m.value.start, path+"."+m.name, "a list of principals must not be empty")
		}
	}
}

func (p *parser) invalidPrincipal(v *node, kind, path string) {
	quoted := fmt.Sprintf("%q:%q", kind, v.text)
	p.failWith(faultPrincipal, fmt.Sprintf(badPrincipal, quoted), v.start, path, quoted+" is not a principal")
}

// compilePrincipal compiles an element of a principal map. It fails for what can be
// no principal whatever exists: above all, a wildcard in an ARN.
func compilePrincipal(kind, s string) (principal, bool) {
	e := principal{value: s, written: kind, source: s}
	switch kind {
	case "AWS":
		a, isARN := ParseARN(s)
		switch {
		case s == "*":
			e.kind = namesEveryone
		case isAccountID(s):
			e.kind = namesAccount
		case isARN && a.Service == "iam" && a.Resource == "root" && isAccountID(a.Account):
			e.kind, e.value = namesAccount, a.Account
		case isARN && (a.Service == "iam" || a.Service == "sts"):
			e.kind = namesARN
			return e, a.Region == "" && isAccountID(a.Account) && principalResource(a)
		case isUniqueID(s):
			e.kind = namesUniqueID
		default:
			return e, false
		}
		return e, true
	case "Service":
		e.kind = namesService
		return e, strings.Contains(s, ".") && !strings.ContainsAny(s, "*?:/ ")
	case "Federated":
		e.kind = namesFederated
		return e, s != "" && !strings.ContainsAny(s, "*?")
	case "CanonicalUser":
		e.kind = namesCanonical
		return e, s != ""
	}
	return e, false
}

// principalResource reports whether an ARN's resource is a user, a role or a session.
func principalResource(a ARN) bool {
	kind, name, ok := strings.Cut(a.Resource, "/")
	if !ok || name == "" || strings.ContainsAny(name, "*?") {
		return false
	}
	switch kind {
	case "user", "role":
		return a.Service == "iam"
	case "assumed-role":
		return a.Service == "sts" && strings.Count(name, "/") == 1
	case "federated-user":
		return a.Service == "sts"
	}
	return false
}

// isUniqueID reports whether s looks like the unique ID of a user or role.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
func isUniqueID(s string) bool {
	if len(s) < 16 || !strings.HasPrefix(s, "AIDA") && !strings.HasPrefix(s, "AROA") {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !(c >= 'A' && c <= 'Z' || c >= '0' && c <= '9') {
			return false
		}
	}
	return true
}
