package authz

import (
	"strings"
	"time"

	"github.com/google/uuid"

	"emulator/api"
	"emulator/identity"
	"emulator/policy"
	"emulator/store"
)

// Rehearse runs what an operation does to find a resource and ask for permission, for a call that nobody makes. f hands
// the request ID on in the caller. It returns the decisions in their order, with the policies that are stored and in any mode.
// They are not kept.
func (a *Authorizer) Rehearse(f func(requestID string)) []Explanation {
	id := rehearsalPrefix + uuid.NewString()
	var decisions []Explanation
	a.rehearsals.Store(id, &decisions)
	defer a.rehearsals.Delete(id)
	f(id)
	return decisions
}

const rehearsalPrefix = "rehearsal "

// rehearsal returns where the decisions of a rehearsal go, nil if the call is real.
func (a *Authorizer) rehearsal(requestID string) *[]Explanation {
	if !strings.HasPrefix(requestID, rehearsalPrefix) {
		return nil
	}
	decisions, ok := a.rehearsals.Load(requestID)
	if !ok {
		return nil
	}
	return decisions.(*[]Explanation)
}

// CallerOf returns the caller that a principal would be at a time: a user, a role's session, or with the ARN of a role any
// session of it, or an account's root user. The error is NoSuchEntity if it does not exist, and InvalidInput if it can't call.
func CallerOf(r store.Reader, principal string, now time.Time) (api.Caller, error) {
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
		c.Session = &identity.Session{Kind: c.Kind, Account: c.Account, Name: role.Name, ID: role.ID, SessionName: session, Issued: now}
		c.ARN = identity.ARN(role.Partition, "sts", role.Account, "assumed-role/"+role.Name+"/"+session)
		return c, nil
	}
	return c, api.Errorf("InvalidInput", "%s is not the ARN of a user, role, role session or account root.", principal)
}
