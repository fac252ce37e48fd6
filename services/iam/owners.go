package iam

import (
	"cmp"

	"github.com/aws/aws-sdk-go-v2/aws"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/store"
)

// owner is whose credentials they are: a user's or the root user's. Their records are found by its ID, so that they stay with
// the user when its name changes, and another user of that name does not get them.
type owner struct {
	id   string  // the user's unique ID, or the account's number
	name *string // nil of the root user
}

// title is the owner's name in messages.
func (o owner) title() string { return cmp.Or(aws.ToString(o.name), "root") }

// findOwner returns the user of that name, or if none is given the caller, once the caller may do with it what request says.
func (s *Service) findOwner(r store.Reader, c api.Caller, given *string, request authz.Request) (owner, error) {
	if given == nil && c.Kind == identity.Root {
		request.Resource = c.ARN
		return owner{id: c.Account}, s.authz.Authorize(r, c, request)
	}
	name, err := userName(c, given)
	if err != nil {
		return owner{}, err
	}
	u, err := s.findUser(r, c, name, request)
	if err != nil {
		return owner{}, err
	}
	return owner{id: u.ID, name: &u.Name}, nil
}
