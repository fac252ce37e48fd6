package sts

import (
	"context"
	"maps"

	"emulator/api"
	"emulator/identity"
	"emulator/policy"
	"emulator/store"
)

// federation is somebody for whom an identity provider vouched, and the role he wants.
type federation struct {
	// action is "sts:AssumeRoleWithSAML" or one of its like.
	action string
	role   roleARN
	// provider is what trust policies name: an ARN or, of AWS's own providers, their name.
	provider    string
	sessionName string
	policies    sessionPolicies
	// tags, the transitive ones of them, and the source identity are the provider's word.
	tags           map[string]string
	transitive     []string
	sourceIdentity string
	// trust are the condition keys for the trust policy, session those that stay.
	trust, session map[string][]string
	// propagated are further ones, for both: on whose behalf the session acts.
	propagated map[string][]string
}

// assumed is a session of a role for somebody federated.
type assumed struct {
	role    *identity.Role
	session *identity.Session
}

// federate answers whether the role may be assumed, with the session that it gets, which is
// not issued yet.
func (s *Service) federate(ctx context.Context, c api.Caller, f *federation) (*assumed, error) {
	tags, err := newTags(f.tags, f.transitive, nil)
	if err != nil {
		return nil, err
	}
	f.trust["sts:RoleSessionName"] = []string{f.sessionName}
	f.trust["aws:FederatedProvider"] = []string{f.provider}
	if f.sourceIdentity != "" {
		f.trust["sts:SourceIdentity"] = []string{f.sourceIdentity}
	}
	if len(f.transitive) > 0 {
		f.trust["sts:TransitiveTagKeys"] = f.transitive
	}
	if len(f.propagated) > 0 {
		maps.Copy(f.trust, f.propagated)
		maps.Copy(f.session, f.propagated)
		requestContext(f.trust, f.provider, f.propagated)
	}
	question := roleRequest{
		action:    f.action,
		arn:       f.role,
		principal: &policy.Principal{Type: policy.Federated, ARN: f.provider},
		context:   f.trust,
		tags:      tags.requested,
		tagging:   len(tags.all) > 0,
		naming:    f.sourceIdentity != "",
		setting:   len(f.propagated) > 0,
	}
	var role *identity.Role
	err = s.store.View(ctx, func(r store.Reader) (err error) {
		if role, err = s.authorizeRole(r, c, &question); err != nil {
			return err
		}
		return f.policies.check(r, role.Account)
	})
	if err != nil {
		return nil, err
	}
	session := roleSession(role, f.sessionName, f.policies, tags, f.sourceIdentity)
	session.FederatedProvider, session.Context = f.provider, f.session
	return &assumed{role, session}, nil
}
