package policy

import "slices"

// Missing returns the types of policy that would have to allow a request, each with one statement more, for it to be
// allowed; nothing if it is, or if no further Allow could help: an explicit deny stands, or a root user asks for a role.
// A statement that is missing in the policy of the resource is taken to name the principal itself.
func Missing(req *Request, p *Policies) []Source {
	var missing []Source
	with := *p
	for {
		d := Evaluate(req, &with)
		switch {
		case d.Effect == Allowed:
			return missing
		case d.Effect == ExplicitlyDenied, d.Source == Undecided, slices.Contains(missing, d.Source):
			return nil
		}
		missing = append(missing, d.Source)
		with.allow(req, d.Source)
	}
}

// allow adds a statement that allows a request to the policies of a type.
func (p *Policies) allow(req *Request, source Source) {
	s := Statement{Allow: true, anyResource: true, actions: []pattern{compilePattern("*")}}
	named := Named{Policy: &Policy{Kind: Identity, Statements: []Statement{s}}}
	switch source {
	case FromIdentity:
		p.Identity = append(slices.Clone(p.Identity), named)
	case FromBoundary:
		p.Boundary = named
	case FromSession:
		p.Session = append(slices.Clone(p.Session), named)
	case FromScope:
		p.Scopes = []Named{named}
	case FromSCP:
		p.SCPs = slices.Clone(p.SCPs)
		for i, level := range p.SCPs {
			p.SCPs[i] = append(slices.Clone(level), named)
		}
	case FromResource, FromTrust:
		s.principals = []principal{req.Principal.element()}
		resource := Policy{Kind: p.resourceKind(), Statements: []Statement{s}}
		if p.Resource.Policy != nil {
			resource.Statements = append(resource.Statements, p.Resource.Policy.Statements...)
		}
		p.Resource.Policy, p.ResourceKind = &resource, resource.Kind
	}
}

// element is the element of Principal that names a principal as one would: by the role rather than by its session.
func (p *Principal) element() principal {
	switch p.Type {
	case Anonymous:
		return principal{kind: namesEveryone}
	case AccountRoot:
		return principal{kind: namesAccount, value: p.Account}
	case Service:
		return principal{kind: namesService, value: p.ARN}
	case Federated:
		return principal{kind: namesFederated, value: p.ARN}
	case AssumedRole:
		return principal{kind: namesARN, value: p.RoleARN}
	}
	return principal{kind: namesARN, value: p.ARN}
}
