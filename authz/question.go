package authz

import (
	"strings"

	"emulator/api"
	"emulator/identity"
	"emulator/policy"
	"emulator/store"
)

// Question is what somebody wants to know of a call that nobody made.
type Question struct {
	// Principal is the ARN of a user, a role, a role's session or an account's root user.
	Principal string `json:"principal"`
	Action    string `json:"action"`
	// Resource is an ARN, or "*".
	Resource string `json:"resource"`
	// Context holds condition keys. They stand before those that follow from the principal.
	Context map[string][]string `json:"context,omitempty"`
}

// Ask answers a question as Authorize would, with the policies that are stored. resourcePolicy is that of the
// resource, nil if it has none. A principal that does not exist is an error with the code NoSuchEntity.
func (a *Authorizer) Ask(r store.Reader, q Question, resourcePolicy *ResourcePolicy) (Explanation, error) {
	caller, err := callerOf(r, q.Principal)
	if err != nil {
		return Explanation{}, err
	}
	req := Request{Action: q.Action, Resource: q.Resource, ResourcePolicy: resourcePolicy}
	if arn, ok := policy.ParseARN(q.Resource); ok {
		req.ResourceAccount = arn.Account
	}
	question, policies, err := a.gather(r, &caller, &req)
	if err != nil {
		return Explanation{}, err
	}
	question.Context.(*context).assumed = q.Context
	return explain(question, policies, policy.Evaluate(question, policies)), nil
}

// callerOf returns the caller that a principal would be.
func callerOf(r store.Reader, principal string) (api.Caller, error) {
	arn, ok := policy.ParseARN(principal)
	kind, name, _ := strings.Cut(arn.Resource, "/")
	c := api.Caller{Partition: arn.Partition, Region: "us-east-1"}
	c.Account, c.ARN = arn.Account, principal
	missing := api.Errorf("NoSuchEntity", "The principal %s does not exist.", principal)
	switch {
	case !ok || !identity.IsAccountID(arn.Account):
		return c, api.Errorf("InvalidInput", "%s is not the ARN of a principal.", principal)
	case arn.Resource == "root":
		c.Kind, c.UserID = identity.Root, arn.Account
		return c, nil
	case kind == "user":
		user, ok, err := identity.LoadUser(r, arn.Account, name[strings.LastIndexByte(name, '/')+1:])
		if err == nil && (!ok || user.ARN() != principal) {
			err = missing
		}
		c.Kind, c.User, c.UserID = identity.UserKind, user, user.ID
		return c, err
	case kind == "role", kind == "assumed-role":
		roleName, session, named := strings.Cut(name, "/")
		if kind == "role" {
			roleName, session = name[strings.LastIndexByte(name, '/')+1:], "any"
		} else if !named {
			return c, missing
		}
		role, ok, err := identity.LoadRole(r, arn.Account, roleName)
		if err == nil && (!ok || kind == "role" && role.ARN() != principal) {
			err = missing
		}
		if err != nil {
			return c, err
		}
		c.Kind, c.Role, c.UserID = identity.AssumedRole, role, role.ID+":"+session
		c.ARN = identity.ARN(role.Partition, "sts", role.Account, "assumed-role/"+role.Name+"/"+session)
		return c, nil
	}
	return c, api.Errorf("InvalidInput", "%s is not the ARN of a user, role, role session or account root.", principal)
}
