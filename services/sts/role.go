package sts

import (
	"cmp"
	"errors"
	"strings"
	"time"

	"emulator/api"
	"emulator/audit"
	"emulator/authz"
	"emulator/identity"
	"emulator/policy"
	"emulator/store"
)

// roleARN is the ARN of a role, whether there is one or not. The name is empty if it is the ARN of something else.
type roleARN struct {
	text, partition, account, name string
}

// parseARN parses an ARN of something in an account.
func parseARN(text string) (policy.ARN, error) {
	arn, ok := policy.ParseARN(text)
	switch {
	case !ok || arn.Partition == "" || arn.Service == "" || arn.Resource == "":
		return arn, api.Errorf("ValidationError", "%s is invalid", text)
	case !identity.IsAccountID(arn.Account):
		return arn, invalidARN()
	}
	return arn, nil
}

func invalidARN() error { return api.Errorf("ValidationError", "Request ARN is invalid") }

// parseRoleARN parses the ARN of what AssumeRole is asked for, which a user's may be as well: nobody may assume that.
func parseRoleARN(text string) (roleARN, error) {
	arn, err := parseARN(text)
	if err != nil {
		return roleARN{}, err
	}
	path, ok := strings.CutPrefix(arn.Resource, "role/")
	name := path[strings.LastIndexByte(path, '/')+1:]
	if !ok || arn.Service != "iam" || arn.Region != "" || !isName(name) {
		name = ""
	}
	return roleARN{text, arn.Partition, arn.Account, name}, nil
}

// parseFederatedRoleARN is parseRoleARN for whoever has no credentials yet: it must be the ARN of a role.
func parseFederatedRoleARN(text string) (roleARN, error) {
	arn, err := parseRoleARN(text)
	if err == nil && arn.name == "" {
		err = invalidARN()
	}
	return arn, err
}

// isName reports whether s may be the name of an IAM role or policy.
func isName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_+=,.@-", r))
	})
}

// roleRequest asks whether somebody may assume a role.
type roleRequest struct {
	// action is "sts:AssumeRole" or one of its like.
	action string
	arn    roleARN
	// principal is nil if it is the caller.
	principal *policy.Principal
	context   map[string][]string
	mfa       time.Time
	// tags are those of the request; tagging and naming tell that the session gets tags or
	// a source identity, be it by the request or from the session that makes it; setting tells that it gets a context.
	tags                     map[string]string
	tagging, naming, setting bool
	// assumed are condition keys of a call that nobody makes.
	assumed map[string][]string
}

// AskRole asks for permission to assume a role, or to give its session tags or a source identity, as the operations do. The
// error is that of the operation.
func (s *Service) AskRole(r store.Reader, c api.Caller, action, role string, assumed map[string][]string) error {
	arn, err := parseRoleARN(role)
	if err != nil {
		return err
	}
	_, err = s.authorizeRole(r, c, &roleRequest{action: action, arn: arn, assumed: assumed})
	return err
}

// untrusted is the denial of a role that does not trust who asks, in AWS's words.
func (q *roleRequest) untrusted(c api.Caller) error {
	if q.principal != nil {
		return api.Errorf("AccessDenied", "Not authorized to perform %s", q.action)
	}
	return api.Errorf("AccessDenied", "User: %s is not authorized to perform: %s on resource: %s", c.ARN, q.action, q.arn.text)
}

// authorizeRole returns the role if it may be assumed, with the tags and the source
// identity that its session gets. It does not tell whether a role exists that may not. One that does not exist
// is refused also where denials are let through.
func (s *Service) authorizeRole(r store.Reader, c api.Caller, q *roleRequest) (*identity.Role, error) {
	role, err := s.directory.Role(r, q.arn.account, q.arn.name)
	if err != nil {
		return nil, err
	}
	trusted := role != nil && role.ARN() == q.arn.text
	request := authz.Request{
		Action:          q.action,
		Resource:        q.arn.text,
		ResourceAccount: q.arn.account,
		RequestTags:     q.tags,
		Context:         q.context,
		MFA:             q.mfa,
		Assumed:         q.assumed,
		Principal:       q.principal,
		ResourcePolicy:  &authz.ResourcePolicy{Kind: policy.TrustPolicy, ARN: q.arn.text},
	}
	if trusted {
		request.ResourcePolicy.Text = role.Trust
		request.ResourceTags = role.Tags
	}
	err = s.authz.Authorize(r, c, request)
	if e, ok := errors.AsType[*api.Error](err); ok && trusted && q.arn.account != c.Account && strings.Contains(e.Message, " with an explicit deny in ") {
		// The caller's own policies may deny for the tags of another account's role, which are not his to know.
		request.ResourcePolicy = &authz.ResourcePolicy{Kind: policy.TrustPolicy, ARN: q.arn.text}
		request.ResourceTags = nil
		err = s.authz.Authorize(r, c, request)
	}
	if !trusted {
		denied, ok := errors.AsType[*api.Error](cmp.Or(err, q.untrusted(c)))
		if !ok {
			return nil, err
		}
		return nil, denied.Because("account %s has no role of this ARN", q.arn.account)
	}
	if err != nil {
		return nil, err
	}
	for _, further := range [...]struct {
		asked  bool
		action string
	}{{q.tagging, "sts:TagSession"}, {q.naming, "sts:SetSourceIdentity"}, {q.setting, "sts:SetContext"}} {
		if !further.asked {
			continue
		}
		request.Action = further.action
		if err := s.authz.Authorize(r, c, request); err != nil {
			return nil, err
		}
	}
	c.Notes.Resource(audit.Resource{Type: "AWS::IAM::Role", Account: role.Account, ARN: q.arn.text})
	return role, nil
}
