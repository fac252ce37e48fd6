package authz

import (
	"encoding/json"
	"strings"

	"emulator/policy"
)

// Advice is a statement without which a request is denied, and where it would have to stand.
type Advice struct {
	Type policy.Source `json:"type"`
	// Where names the policy, or whose it is.
	Where string `json:"where"`
	// Statement allows this request and no other.
	Statement json.RawMessage `json:"statement"`
}

// advise says which statements would allow a request, as few as there can be. It says nothing if there are none.
func advise(q *policy.Request, p *policy.Policies, missing []policy.Source) []Advice {
	var all []Advice
	if p.Resource.Policy == nil && p.Resource.Name != "" {
		return nil // there is no such resource, to which a statement could be added
	}
	for _, source := range missing {
		statement := struct {
			Effect    string
			Principal map[string]string `json:",omitempty"`
			Action    string
			Resource  string `json:",omitempty"`
		}{Effect: "Allow", Action: q.Action, Resource: q.Resource}
		a := Advice{Type: source}
		switch source {
		case policy.FromIdentity:
			a.Where = "a policy of " + owner(&q.Principal)
		case policy.FromBoundary:
			a.Where = "the permissions boundary " + p.Boundary.Name
		case policy.FromSession:
			a.Where = "a policy that is passed when the session is made"
		case policy.FromScope:
			a.Where = "each policy that is passed to GetScopedCredentials"
		case policy.FromSCP:
			a.Where = "a service control policy, on each level where none allows it"
		case policy.FromResource:
			a.Where = "the policy of " + q.Resource
			statement.Principal = element(&q.Principal)
			if strings.HasPrefix(q.Action, "kms:") {
				statement.Resource = "*"
			}
		case policy.FromTrust:
			a.Where = "the trust policy of " + q.Resource
			statement.Principal, statement.Resource = element(&q.Principal), ""
		}
		a.Statement, _ = json.Marshal(statement) // strings only
		all = append(all, a)
	}
	return all
}

// owner is whose policies say what a principal may do.
func owner(p *policy.Principal) string {
	switch p.Type {
	case policy.AssumedRole:
		return p.RoleARN
	case policy.FederatedUser:
		return p.UserARN
	}
	return p.ARN
}

// element is how a Principal element names a principal.
func element(p *policy.Principal) map[string]string {
	switch p.Type {
	case policy.Federated:
		return map[string]string{"Federated": p.ARN}
	case policy.Service:
		return map[string]string{"Service": p.ARN}
	}
	return map[string]string{"AWS": owner(p)}
}
