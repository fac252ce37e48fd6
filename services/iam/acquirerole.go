package iam

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"regexp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/policy"
	"emulator/store"
)

func (s *Service) roleTemplateOperations() []api.Operation {
	return []api.Operation{
		api.Op("GetRoleTemplateVersion", s.getRoleTemplateVersion),
		api.Op("AcquireRole", s.acquireRole),
	}
}

// authorizeTemplate asks to read a template, which AcquireRole does, too. The condition key iam:RoleTemplateARN is not of this action.
func (s *Service) authorizeTemplate(r store.Reader, c api.Caller, arn string) error {
	return s.authz.Authorize(r, c, authz.Request{Action: "iam:GetRoleTemplateVersion", Resource: arn})
}

func (s *Service) getRoleTemplateVersion(ctx context.Context, c api.Caller, in *iam.GetRoleTemplateVersionInput) (*iam.GetRoleTemplateVersionOutput, error) {
	err := s.store.View(ctx, func(r store.Reader) error { return s.authorizeTemplate(r, c, *in.TemplateArn) })
	if err != nil {
		return nil, err
	}
	t := s.template(*in.TemplateArn, in.MinorVersion)
	if t == nil {
		return nil, api.Errorf("NoSuchEntity", "Role Template %s cannot be found.", *in.TemplateArn)
	}
	w := *t
	w.AssumeRolePolicyDocumentTemplate = aws.String(encodeDocument(*t.AssumeRolePolicyDocumentTemplate))
	w.InlinePolicyTemplates = slices.Clone(t.InlinePolicyTemplates)
	for i := range w.InlinePolicyTemplates {
		w.InlinePolicyTemplates[i].PolicyDocument = aws.String(encodeDocument(*w.InlinePolicyTemplates[i].PolicyDocument))
	}
	return &iam.GetRoleTemplateVersionOutput{RoleTemplateVersion: &w}, nil
}

// acquireRole returns the role that a template makes of these values, and makes it first if there is none.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_role-manager_enable-use.html; what the page leaves open, and the
// texts, are as AWS was recorded to answer (stackd, testdata/aws/iam/role_templates.json, role_acquisition.json).
func (s *Service) acquireRole(ctx context.Context, c api.Caller, in *iam.AcquireRoleInput) (*iam.AcquireRoleOutput, error) {
	var out *types.Role
	err := s.store.Update(ctx, func(tx store.Tx) error {
		if err := s.authorizeTemplate(tx, c, *in.TemplateArn); err != nil {
			return err
		}
		t := s.template(*in.TemplateArn, in.TemplateMinorVersion)
		switch {
		case t == nil:
			return api.Errorf("NoSuchEntity", "Role template not found in repository: %s", *in.TemplateArn)
		case !t.Enabled || !t.VersionEnabled:
			return api.Errorf("RoleTemplateDisabled", "Role template %s is disabled.", *in.TemplateArn)
		}
		role, err := s.renderRole(tx, c, t, in.ReplacementValues)
		if err != nil {
			return err
		}
		made, ok, err := store.Load[identity.Role](tx, identity.RoleKey(c.Account, role.Name))
		if err != nil {
			return err
		}
		if ok {
			if err := s.reuseRole(tx, c, &made, role); err != nil {
				return err
			}
			role = &made
		} else if err := s.makeRole(tx, c, role); err != nil {
			return err
		}
		if out, err = s.wireRoleWhole(tx, role); err == nil {
			out.Description, out.MaxSessionDuration = nil, nil // as of CreateRole
		}
		return err
	})
	return &iam.AcquireRoleOutput{Role: out}, err
}

var (
	roleName = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)
	rolePath = regexp.MustCompile(`^(/|/[!-\x7f]{1,510}/)$`)
)

// renderRole returns the role that a template makes of values, with everything checked that takes no permission.
func (s *Service) renderRole(tx store.Tx, c api.Caller, t *types.RoleTemplateVersion, values map[string]types.ReplacementValueEntry) (*identity.Role, error) {
	r, err := newRenderer(t, values)
	if err != nil {
		return nil, err
	}
	role := &identity.Role{
		Account: c.Account, Partition: c.Partition, Name: r.text(t.RoleNamePattern), ID: identity.NewUniqueID(identity.PrefixRole), Path: "/", Created: s.now(),
		Description: r.text(t.RoleDescriptionPattern), MaxSessionDuration: defaultSessionDuration, Boundary: aws.ToString(t.PermissionBoundaryArn),
		Inline: make(map[string]string), Attached: slices.Clone(t.ManagedPolicyArns),
	}
	if t.RolePathPattern != nil {
		role.Path = r.text(t.RolePathPattern)
	}
	if t.MaxSessionDuration != nil {
		role.MaxSessionDuration = *t.MaxSessionDuration
	}
	var tags []types.Tag
	for _, tag := range t.RoleTagsTemplate {
		tags = append(tags, types.Tag{Key: aws.String(r.text(tag.Key)), Value: aws.String(r.text(tag.Value))})
	}
	trust, err := r.document(*t.AssumeRolePolicyDocumentTemplate)
	if err != nil {
		return nil, err
	}
	size := 0
	for _, p := range t.InlinePolicyTemplates {
		text, err := r.document(*p.PolicyDocument)
		if err != nil {
			return nil, err
		}
		if text != "" {
			role.Inline[*p.PolicyName] = text
			size += policy.Size(text)
		}
	}
	if err := r.failed(); err != nil {
		return nil, err
	}
	switch {
	case !roleName.MatchString(role.Name):
		return nil, api.Errorf("InvalidInput", "Failed to render template: %q is not the name of a role.", role.Name)
	case !rolePath.MatchString(role.Path):
		return nil, api.Errorf("InvalidInput", "Failed to render template: %q is not the path of a role.", role.Path)
	case role.ServiceLinked():
		return nil, errServicePath()
	case len(role.Description) > 1000:
		return nil, api.Errorf("InvalidInput", "Failed to render template: The description is longer than 1000 characters.")
	}
	if most := s.quotas.Max(roleKind.inlineSize); size > most {
		return nil, errInlineSize(roleKind, role.Name, most)
	}
	if role.Tags, err = newTags(tags, caseInsensitive); err != nil {
		return nil, err
	}
	if err := s.setTrust(tx, role, trust); err != nil {
		return nil, err
	}
	for _, text := range role.Inline {
		if err := s.checkDocument(policy.Identity, c.Partition, text); err != nil {
			return nil, err
		}
	}
	role.Template = &identity.RoleTemplate{ARN: *t.TemplateArn, MinorVersion: *t.MinorVersion, Made: configuration(role)}
	return role, nil
}

// ofTemplate is a request for what AcquireRole does to a role.
func ofTemplate(action string, role *identity.Role) authz.Request {
	return authz.Request{Action: action, Resource: role.ARN(), Context: map[string][]string{"iam:RoleTemplateARN": {role.Template.ARN}}}
}

// reuseRole checks that a role is the one that the template makes, and still is what it made.
func (s *Service) reuseRole(tx store.Tx, c api.Caller, made, role *identity.Role) error {
	request := ofTemplate("iam:GetRole", role)
	request.Resource, request.ResourceTags = made.ARN(), made.Tags
	request.Context = withBoundary(request.Context, made.Boundary)
	if err := s.authz.Authorize(tx, c, request); err != nil {
		return err
	}
	switch {
	case made.Template == nil || made.Template.ARN != role.Template.ARN:
		return api.Errorf("NameConflict", "A role with this name already exists in the account but was not created from this template. Choose a different role name, or remove the existing role if it is no longer needed.")
	case made.Name != role.Name || made.Template.Made != role.Template.Made:
		return api.Errorf("NameConflict", "A role with this name exists but was created with different parameters. Pass a unique roleName to create a new role.")
	case configuration(made) != made.Template.Made:
		return api.Errorf("RoleModified", "Role %s has been modified since it was created and is no longer managed.", made.Name)
	}
	return nil
}

// makeRole makes the role if the caller may do all that it takes.
func (s *Service) makeRole(tx store.Tx, c api.Caller, role *identity.Role) error {
	create := ofTemplate("iam:CreateRole", role)
	create.Context = withBoundary(create.Context, role.Boundary)
	create.RequestTags, create.TagAction = role.Tags, "iam:TagRole"
	requests := []authz.Request{create}
	if role.Boundary != "" {
		put := ofTemplate("iam:PutRolePermissionsBoundary", role)
		put.Context = withBoundary(put.Context, role.Boundary)
		requests = append(requests, put)
	}
	if len(role.Inline) > 0 {
		put := ofTemplate("iam:PutRolePolicy", role)
		put.Context = withBoundary(put.Context, role.Boundary)
		requests = append(requests, put)
	}
	for _, arn := range role.Attached {
		attach := ofTemplate("iam:AttachRolePolicy", role)
		attach.Context = withBoundary(attach.Context, role.Boundary)
		attach.Context["iam:PolicyARN"] = []string{arn}
		requests = append(requests, attach)
	}
	for _, request := range requests {
		if err := s.authz.Authorize(tx, c, request); err != nil {
			return err
		}
	}
	if err := s.room(tx, countedRoles, c.Account); err != nil {
		return err
	}
	if err := s.within(roleKind.attached, len(role.Attached)); err != nil {
		return err
	}
	for _, arn := range role.Attached {
		p, err := findPolicy(tx, c, arn)
		if err != nil {
			return err
		}
		if p == nil || p.serviceLinked() {
			return notAttachable(arn)
		}
	}
	if role.Boundary != "" {
		if err := findBoundary(tx, c, role.Boundary); err != nil {
			return err
		}
	}
	if err := changeBoundary(tx, c.Account, roleKind, role.Name, "", role.Boundary); err != nil {
		return err
	}
	return SaveRole(tx, role)
}

// configuration identifies what a template makes of a role and who uses the role may not change: its trust policy, its policies, however they
// are written, its boundary and its tags. Its description and how long its sessions last are not of it.
func configuration(role *identity.Role) string {
	inline := make(map[string]any, len(role.Inline))
	for name, text := range role.Inline {
		inline[name] = normal(text)
	}
	tags := make(map[string]string) // not nil, which is what it was read as
	maps.Copy(tags, role.Tags)
	text, _ := json.Marshal([]any{normal(role.Trust), inline, slices.Sorted(slices.Values(role.Attached)), role.Boundary, tags}) // of values that JSON has
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// normal returns a policy in a form that those have in common which say the same: a list of one is its element, and lists have no order.
func normal(document string) any {
	var value any
	if err := json.Unmarshal([]byte(document), &value); err != nil {
		return document
	}
	return normalValue(value)
}

func normalValue(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key, member := range value {
			value[key] = normalValue(member)
		}
	case []any:
		if len(value) == 1 {
			return normalValue(value[0])
		}
		texts := make([]json.RawMessage, len(value))
		for i, element := range value {
			texts[i], _ = json.Marshal(normalValue(element)) // as above
		}
		slices.SortFunc(texts, func(a, b json.RawMessage) int { return bytes.Compare(a, b) })
		return texts
	}
	return value
}
