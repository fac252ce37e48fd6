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
		} else if p.kind == TrustPolicy {
			p.refuse(faultPrincipal, badStar, v.start, path, `everyone is {"AWS": "*"} in a trust policy`)
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
			} else if p.rules != nil {
				if err := p.rules.principal(&e); err != nil {
					p.failWith(faultPrincipal, principalMessage(m.name, item.text), item.start, item.at(), err.Error())
				}
			}
			s.principals = append(s.principals, e)
		})
		if len(m.value.list()) == 0 {
			p.fail(faultSyntax, m.value.start, path+"."+m.name, "a list of principals must not be empty")
		}
	}
}

func (p *parser) invalidPrincipal(v *node, kind, path string) {
	p.failWith(faultPrincipal, principalMessage(kind, v.text), v.start, path, fmt.Sprintf("%q:%q is not a principal", kind, v.text))
}

// principalMessage returns IAM's sentence on an invalid principal.
func principalMessage(kind, value string) string {
	switch kind {
	case "Federated":
		return badFederated
	case "Service":
		kind = "SERVICE"
	}
	return fmt.Sprintf(badPrincipal, kind, value)
}

// principal returns what keeps a principal from being written.
func (r *Rules) principal(e *principal) error {
	a, isARN := ParseARN(e.source)
	switch {
	case e.kind == namesService && r.Service != nil:
		return r.Service(e.value)
	case e.kind == namesFederated && !isProvider(a) && !isDomain(e.value):
		return fmt.Errorf("%q is neither a domain name nor the ARN of an identity provider", e.value)
	case isARN && r.Partition != "" && a.Partition != r.Partition:
		return fmt.Errorf("%q is of another partition than %s", e.source, r.Partition)
	}
	return nil
}

// isProvider reports whether an ARN is of the form of an identity provider's.
func isProvider(a ARN) bool {
	kind, name, _ := strings.Cut(a.Resource, "/")
	return a.Service == "iam" && a.Region == "" && isAccountID(a.Account) && name != "" && (kind == "oidc-provider" || kind == "saml-provider")
}

// isDomain reports whether s is a domain name of two labels or more: "accounts.google.com".
func isDomain(s string) bool {
	labels := strings.Split(s, ".")
	for _, label := range labels {
		if label == "" || strings.Trim(label, "-") != label || strings.ContainsFunc(strings.ReplaceAll(label, "-", ""), notAlphanumeric) {
			return false
		}
	}
	return len(labels) > 1
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
