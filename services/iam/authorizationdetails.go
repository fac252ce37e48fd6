package iam

import (
	"context"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/store"
)

func (s *Service) reportOperations() []api.Operation {
	return []api.Operation{
		api.Op("GetAccountAuthorizationDetails", s.getAccountAuthorizationDetails),
		api.Op("GenerateCredentialReport", s.generateCredentialReport),
		api.Op("GetCredentialReport", s.getCredentialReport),
		api.Op("GenerateServiceLastAccessedDetails", s.generateServiceLastAccessedDetails),
		api.Op("GetServiceLastAccessedDetails", s.getServiceLastAccessedDetails),
		api.Op("GetServiceLastAccessedDetailsWithEntities", s.getServiceLastAccessedDetailsWithEntities),
		api.Op("ListPoliciesGrantingServiceAccess", s.listPoliciesGrantingServiceAccess),
		api.Op("GenerateOrganizationsAccessReport", s.generateOrganizationsAccessReport),
		api.Op("GetOrganizationsAccessReport", s.getOrganizationsAccessReport),
	}
}

// maxDetails bounds the documents of a page, in bytes: AWS, too, may return fewer entities than asked for.
const maxDetails = 4 << 20

// details gathers a page of GetAccountAuthorizationDetails.
type details struct {
	s    *Service
	r    store.Reader
	c    api.Caller
	page *page
	out  *iam.GetAccountAuthorizationDetailsOutput
	size int // of the documents
	// told are the roles of which a use is told.
	told []string
}

// getAccountAuthorizationDetails lists users, groups, roles, the account's policies and those of AWS's that it uses, in this
// order. Each page is a scan of the indexes that the other lists read.
//
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html
func (s *Service) getAccountAuthorizationDetails(ctx context.Context, c api.Caller, in *iam.GetAccountAuthorizationDetailsInput) (*iam.GetAccountAuthorizationDetailsOutput, error) {
	page, err := newPage(api.ListOf(c, in))
	if err != nil {
		return nil, err
	}
	d := &details{s: s, c: c, page: page, out: &iam.GetAccountAuthorizationDetailsOutput{
		UserDetailList: []types.UserDetail{}, GroupDetailList: []types.GroupDetail{}, RoleDetailList: []types.RoleDetail{}, Policies: []types.ManagedPolicyDetail{},
	}}
	err = s.store.View(ctx, func(r store.Reader) error {
		if err := s.authz.Authorize(r, c, authz.Request{Action: "iam:GetAccountAuthorizationDetails", Resource: "*"}); err != nil {
			return err
		}
		d.r = r
		for _, part := range []struct {
			letter string
			kind   types.EntityType
			list   func() error
		}{
			{"a", types.EntityTypeUser, func() error { return listByPath(r, c.Account, userKind, "/", page, d.user) }},
			{"b", types.EntityTypeGroup, func() error { return listByPath(r, c.Account, groupKind, "/", page, d.group) }},
			{"c", types.EntityTypeRole, func() error { return listByPath(r, c.Account, roleKind, "/", page, d.role) }},
			{"d", types.EntityTypeLocalManagedPolicy, func() error { return walkPolicies(r, c, types.PolicyScopeTypeLocal, page.after, d.policy) }},
			{"e", types.EntityTypeAWSManagedPolicy, func() error { return walkUsedPolicies(r, c, types.PolicyScopeTypeAws, page.after, d.policy) }},
		} {
			if len(in.Filter) > 0 && !slices.Contains(in.Filter, part.kind) || !page.enter(part.letter) {
				continue
			}
			if err := part.list(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, role := range d.told {
		if err := s.lastUse.Told(ctx, role); err != nil {
			return nil, err
		}
	}
	d.out.Marker = page.next()
	d.out.IsTruncated = d.out.Marker != nil
	return d.out, nil
}

func (d *details) user(name string) error {
	u, _, err := identity.LoadUser(d.r, d.c.Account, name)
	if err != nil {
		return err
	}
	d.out.UserDetailList = append(d.out.UserDetailList, types.UserDetail{
		Arn: aws.String(u.ARN()), CreateDate: &u.Created, Path: &u.Path, UserId: &u.ID, UserName: &u.Name,
		GroupList: append([]string{}, u.Groups...), UserPolicyList: d.inline(u.Inline), AttachedManagedPolicies: wireAttached(u.Attached),
		PermissionsBoundary: wireBoundary(u.Boundary), Tags: wireTags(u.Tags),
	})
	return nil
}

func (d *details) group(name string) error {
	g, _, err := identity.LoadGroup(d.r, d.c.Account, name)
	if err != nil {
		return err
	}
	d.out.GroupDetailList = append(d.out.GroupDetailList, types.GroupDetail{
		Arn: aws.String(g.ARN()), CreateDate: &g.Created, Path: &g.Path, GroupId: &g.ID, GroupName: &g.Name,
		GroupPolicyList: d.inline(g.Inline), AttachedManagedPolicies: wireAttached(g.Attached),
	})
	return nil
}

func (d *details) role(name string) error {
	role, _, err := identity.LoadRole(d.r, d.c.Account, name)
	if err != nil {
		return err
	}
	w, err := d.s.wireRole(d.r, role)
	if err != nil {
		return err
	}
	used, err := d.s.roleLastUsed(d.r, role)
	if err != nil {
		return err
	}
	if used.LastUsedDate != nil {
		d.told = append(d.told, role.ID)
	}
	profiles, err := d.instanceProfiles(role)
	if err != nil {
		return err
	}
	d.count(*w.AssumeRolePolicyDocument)
	d.out.RoleDetailList = append(d.out.RoleDetailList, types.RoleDetail{
		Arn: w.Arn, CreateDate: w.CreateDate, Path: w.Path, RoleId: w.RoleId, RoleName: w.RoleName,
		AssumeRolePolicyDocument: w.AssumeRolePolicyDocument, InstanceProfileList: profiles,
		RolePolicyList: d.inline(role.Inline), AttachedManagedPolicies: wireAttached(role.Attached),
		PermissionsBoundary: wireBoundary(role.Boundary), Tags: wireTags(role.Tags), RoleLastUsed: used,
	})
	return nil
}

// instanceProfiles returns those that a role is in.
func (d *details) instanceProfiles(role *identity.Role) ([]types.InstanceProfile, error) {
	profiles := []types.InstanceProfile{}
	for _, name := range d.r.Scan(profilesOfRolePrefix(role.Account, role.Name), nil) {
		p, _, err := identity.LoadInstanceProfile(d.r, role.Account, string(name))
		if err != nil {
			return nil, err
		}
		w, err := d.s.wireInstanceProfile(d.r, p)
		if err != nil {
			return nil, err
		}
		for _, r := range w.Roles {
			d.count(*r.AssumeRolePolicyDocument)
		}
		profiles = append(profiles, *w)
	}
	return profiles, nil
}

// policy takes one of those that are walked.
func (d *details) policy(position string, p *managedPolicy) (more bool, err error) {
	if !d.page.take(position) {
		return false, nil
	}
	u, err := loadPolicyUse(d.r, d.c.Account, p.arn())
	if err != nil {
		return false, err
	}
	w := p.wire(u)
	out := types.ManagedPolicyDetail{
		Arn: w.Arn, AttachmentCount: w.AttachmentCount, CreateDate: w.CreateDate, DefaultVersionId: w.DefaultVersionId, IsAttachable: w.IsAttachable,
		Path: w.Path, PermissionsBoundaryUsageCount: w.PermissionsBoundaryUsageCount, PolicyId: w.PolicyId, PolicyName: w.PolicyName, UpdateDate: w.UpdateDate,
	}
	for _, v := range slices.Backward(p.versions()) { // the newest first, as AWS
		if p.local == nil && v.ID != p.defaultVersion() {
			continue // its document is not known
		}
		text, err := p.versionText(d.r, v.ID)
		if err != nil {
			return false, err
		}
		version := p.wireVersion(v)
		version.Document = d.document(text)
		out.PolicyVersionList = append(out.PolicyVersionList, version)
	}
	d.out.Policies = append(d.out.Policies, out)
	return true, nil
}

// inline returns inline policies as they are answered.
func (d *details) inline(policies map[string]string) []types.PolicyDetail {
	wire := []types.PolicyDetail{}
	for _, name := range slices.Sorted(maps.Keys(policies)) {
		wire = append(wire, types.PolicyDetail{PolicyName: &name, PolicyDocument: d.document(policies[name])})
	}
	return wire
}

func (d *details) document(text string) *string {
	encoded := encodeDocument(text)
	d.count(encoded)
	return &encoded
}

// count ends the page, once its documents are too long.
func (d *details) count(document string) {
	if d.size += len(document); d.size > maxDetails {
		d.page.left = 0
	}
}
