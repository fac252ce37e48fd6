package policy

import (
	"fmt"
	"strconv"
	"strings"
)

// PrincipalType is what kind of caller a request has.
type PrincipalType int

// The types of principal.
const (
	// Anonymous did not sign the request.
	Anonymous PrincipalType = iota
	// AccountRoot is the root user of an account.
	AccountRoot
	// User is an IAM user.
	User
	// Role is a role itself, with no session, as policy simulation has it.
	Role
	// AssumedRole is a session of a role.
	AssumedRole
	// FederatedUser is a session that GetFederationToken made of a user.
	FederatedUser
	// Federated is a caller known only to an identity provider: OpenID Connect or SAML.
	Federated
	// Service is an AWS service.
	Service
)

var principalTypes = [...]string{"Anonymous", "Account", "User", "Role", "AssumedRole", "FederatedUser", "Federated", "Service"}

// String returns the type's name.
func (t PrincipalType) String() string { return principalTypes[t] }

// Principal is who makes a request.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
type Principal struct {
	Type PrincipalType
	// Account that it belongs to; "" for Anonymous, Federated and Service.
	Account string
	// ARN of the user, session or root; of the provider for Federated, or the name by which
	// policies know it ("accounts.google.com"); the name of a Service
	// ("lambda.amazonaws.com").
	ARN string
	// RoleARN is the role behind an assumed-role session. The session's own ARN lacks the
	// role's path.
	RoleARN string
	// UserARN is the user, or root user, behind a federated user.
	UserARN string
	// UniqueID of the user or role, also of those behind a session: "AIDA…", "AROA…".
	UniqueID string
	// ServiceLinked is set for service-linked roles, which no SCP or RCP limits.
	ServiceLinked bool
}

// ParsePrincipal returns the principal of an ARN or of a service's name, as far as it
// tells: it takes the role of a session to have no path.
func ParsePrincipal(arn string) (Principal, error) {
	a, ok := ParseARN(arn)
	kind, name, _ := strings.Cut(a.Resource, "/")
	p := Principal{Account: a.Account, ARN: arn}
	switch {
	case arn == "" || arn == "*" || arn == "anonymous":
		return Principal{}, nil
	case isAccountID(arn):
		return Principal{Type: AccountRoot, Account: arn, ARN: "arn:aws:iam::" + arn + ":root"}, nil
	case arn == "cognito-identity.amazonaws.com": // in spite of its name
		return Principal{Type: Federated, ARN: arn}, nil
	case !ok && strings.Contains(arn, ".amazonaws.com"):
		return Principal{Type: Service, ARN: arn}, nil
	case !ok && strings.Contains(arn, "."):
		return Principal{Type: Federated, ARN: arn}, nil
	case a.Service == "iam" && a.Resource == "root":
		p.Type = AccountRoot
	case a.Service == "iam" && kind == "user":
		p.Type = User
	case a.Service == "iam" && kind == "role":
		p.Type = Role
		p.ServiceLinked = strings.HasPrefix(name, "aws-service-role/")
	case a.Service == "iam" && (kind == "oidc-provider" || kind == "saml-provider"):
		return Principal{Type: Federated, ARN: arn}, nil
	case a.Service == "sts" && kind == "assumed-role":
		role, _, _ := strings.Cut(name, "/")
		p.Type = AssumedRole
		p.RoleARN = "arn:" + a.Partition + ":iam::" + a.Account + ":role/" + role
		// The names of service-linked roles are reserved.
		p.ServiceLinked = strings.HasPrefix(role, "AWSServiceRoleFor")
	case a.Service == "sts" && kind == "federated-user":
		p.Type = FederatedUser
	default:
		return Principal{}, fmt.Errorf("%q is not a principal", arn)
	}
	return p, nil
}

// contextKeys are the condition keys that follow from who the principal is, in lower case.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principal-properties
func (p *Principal) contextKeys() map[string]string {
	keys := map[string]string{"aws:principalisawsservice": strconv.FormatBool(p.Type == Service)}
	if !p.inAccount() {
		return keys
	}
	keys["aws:principalaccount"], keys["aws:principaltype"] = p.Account, p.Type.String()
	keys["aws:principalarn"] = p.ARN
	name := p.ARN[strings.LastIndexByte(p.ARN, '/')+1:]
	switch {
	case p.Type == AccountRoot:
		keys["aws:userid"] = p.Account
	case p.Type == FederatedUser:
		keys["aws:userid"] = p.Account + ":" + name
	case p.Type == User:
		keys["aws:username"] = name
		keys["aws:userid"] = p.UniqueID
	case p.Type == AssumedRole:
		keys["aws:principalarn"] = p.RoleARN
		keys["aws:userid"] = p.UniqueID + ":" + name
	}
	if p.UniqueID == "" && p.Type != AccountRoot && p.Type != FederatedUser {
		delete(keys, "aws:userid")
	}
	return keys
}

// principalKind is how an element of Principal names whom it names.
type principalKind int

const (
	namesEveryone  principalKind = iota
	namesAccount                 // an account, by its number or its root's ARN
	namesARN                     // a user, role or session
	namesUniqueID                // a user or role
	namesService                 // an AWS service
	namesFederated               // an identity provider
	namesCanonical               // an S3 canonical user, which no caller here is
)

// principal is a compiled element of Principal or NotPrincipal.
type principal struct {
	kind    principalKind
	value   string // what is compared: an account's number, else the element
	written string // the element's kind as written: "AWS"
	source  string // the element as written
}

// closeness says by which of its names an element of Principal found the caller. A policy
// on a resource grants the more directly the closer the name is.
type closeness int

const (
	noMatch       closeness = iota
	matchAccount            // the caller's account: hands the decision to the account's own policies
	matchIssuer             // the role of a session: grants, but boundaries and session policies limit
	matchDirectly           // the caller itself, or everyone: grants, limited by nothing but denies
)

// match compares an element with the caller.
func (e *principal) match(p *Principal) closeness {
	switch e.kind {
	case namesEveryone:
		return matchDirectly
	case namesAccount:
		if p.Account != "" && e.value == p.Account {
			return matchAccount
		}
	case namesARN:
		switch {
		case p.Type == Service || p.Type == Federated || p.Type == Anonymous:
		case e.value == p.ARN && p.Type == Role:
			return matchIssuer
		case e.value == p.ARN:
			return matchDirectly
		case e.value == p.RoleARN || e.value == p.UserARN:
			return matchIssuer
		}
	case namesUniqueID:
		switch {
		case p.UniqueID == "" || e.value != p.UniqueID:
		case p.Type == User:
			return matchDirectly
		default:
			return matchIssuer
		}
	case namesService:
		if p.Type == Service && e.value == p.ARN {
			return matchDirectly
		}
	case namesFederated:
		if p.Type == Federated && e.value == p.ARN {
			return matchDirectly
		}
	}
	return noMatch
}

// matchPrincipal returns the closest match of a statement's Principal or NotPrincipal.
func (s *Statement) matchPrincipal(p *Principal) closeness {
	if len(s.principals) == 0 {
		return matchDirectly // a kind of policy without Principal
	}
	if s.notPrincipal {
		if s.exempts(p) {
			return noMatch
		}
		return matchDirectly
	}
	best := noMatch
	for i := range s.principals {
		best = max(best, s.principals[i].match(p))
	}
	return best
}

// exempts reports whether NotPrincipal names the caller by every name that it has:
// its account, the role or user behind its session, and itself. To name only some of them is to
// deny it by the others.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html
func (s *Statement) exempts(p *Principal) bool {
	var account, issuer, itself bool
	for i := range s.principals {
		e := &s.principals[i]
		if e.kind == namesEveryone {
			return true
		}
		switch e.match(p) {
		case matchAccount:
			account = true
		case matchIssuer:
			issuer = true
		case matchDirectly:
			itself = true
		}
	}
	switch p.Type {
	case AccountRoot:
		return account
	case User, FederatedUser:
		return account && itself
	case Role:
		return account && issuer
	case AssumedRole:
		return account && issuer && itself
	default:
		return itself
	}
}
