package iam

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"emulator/api"
	"emulator/authz"
	"emulator/policy"
	"emulator/store"
)

// maxAsked bounds what a permission check asks, each time with all the caller's policies.
const maxAsked = 100

// oneOrMore is an element of a policy that may be a string or a list of them.
type oneOrMore []string

func (o *oneOrMore) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '"' {
		*o = make(oneOrMore, 1)
		return json.Unmarshal(text, &(*o)[0])
	}
	return json.Unmarshal(text, (*[]string)(o))
}

// permission is a statement of a policy, as far as a permission check asks for it.
type permission struct {
	Effect           string
	Action, Resource oneOrMore // none if there is a NotAction or NotResource
}

// permissions returns the statements of a document that is a policy.
func permissions(document string) ([]permission, error) {
	var parsed struct{ Statement json.RawMessage }
	if err := json.Unmarshal([]byte(document), &parsed); err != nil {
		return nil, fmt.Errorf("policy of a delegation request: %w", err)
	}
	if parsed.Statement[0] == '{' {
		parsed.Statement = append(append(json.RawMessage{'['}, parsed.Statement...), ']')
	}
	var all []permission
	if err := json.Unmarshal(parsed.Statement, &all); err != nil {
		return nil, fmt.Errorf("policy of a delegation request: %w", err)
	}
	return all, nil
}

// checkPermissions tells whether the caller may do all that a request's policy allows. Wildcards are asked for as they are written:
// of who may do all that they stand for, a statement matches them, too. Where a condition or part of a wildcard makes the difference it
// is not sure. AWS calls its own answer approximate.
func (s *Service) checkPermissions(r store.Reader, c api.Caller, document string) (types.PermissionCheckResultType, error) {
	all, err := permissions(document)
	if err != nil {
		return "", err
	}
	result, asked := types.PermissionCheckResultTypeAllowed, 0
	for _, p := range all {
		if p.Effect != "Allow" {
			continue
		}
		if asked += len(p.Action) * len(p.Resource); asked > maxAsked || len(p.Action) == 0 || len(p.Resource) == 0 {
			return types.PermissionCheckResultTypeUnsure, nil
		}
		for _, action := range p.Action {
			for _, resource := range p.Resource {
				switch one := s.checkPermission(r, c, action, resource); one {
				case types.PermissionCheckResultTypeDenied:
					return one, nil
				case types.PermissionCheckResultTypeUnsure:
					result = one
				}
			}
		}
	}
	return result, nil
}

func (s *Service) checkPermission(r store.Reader, c api.Caller, action, resource string) types.PermissionCheckResultType {
	decisions := s.authz.Rehearse(func(requestID string) {
		c.RequestID = requestID
		s.authz.Authorize(r, c, authz.Request{Action: action, Resource: resource}) // what counts is in the decisions
	})
	if len(decisions) != 1 || decisions[0].Incomplete {
		return types.PermissionCheckResultTypeUnsure
	}
	allowed := decisions[0].Effect == policy.Allowed
	for _, p := range decisions[0].Policies {
		for _, statement := range p.Statements {
			if m := statement.Mismatch; m != nil && allowed == (statement.Effect == "Deny") && mightMatch(m, allowed, action, resource) {
				return types.PermissionCheckResultTypeUnsure
			}
		}
	}
	if allowed {
		return types.PermissionCheckResultTypeAllowed
	}
	return types.PermissionCheckResultTypeDenied
}

// mightMatch reports whether a statement that does not match might: at another time, or, of one that denies, for a part of what a
// wildcard stands for.
func mightMatch(m *policy.Mismatch, allowed bool, action, resource string) bool {
	asked := resource
	switch {
	case m.Element == "Condition":
		return true
	case !allowed || m.Element != "Action" && m.Element != "Resource":
		return false
	case m.Element == "Action":
		asked = action
	}
	return slices.ContainsFunc(m.Policy, func(written string) bool { return policy.Match(strings.ToLower(asked), strings.ToLower(written)) })
}
