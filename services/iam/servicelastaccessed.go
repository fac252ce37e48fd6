package iam

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/policy"
	"emulator/services/iam/namespaces"
	"emulator/store"
)

// generateServiceLastAccessedDetails makes a report of the services that permissions policies allow: those of a user, group or
// role, or a managed policy. Boundaries and other kinds of policies are not looked at.
//
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_GenerateServiceLastAccessedDetails.html
func (s *Service) generateServiceLastAccessedDetails(ctx context.Context, c api.Caller, in *iam.GenerateServiceLastAccessedDetailsInput) (*iam.GenerateServiceLastAccessedDetailsOutput, error) {
	const action = "iam:GenerateServiceLastAccessedDetails"
	report := s.newAccessReport(c)
	if report.Granularity = in.Granularity; in.Granularity == "" {
		report.Granularity = types.AccessAdvisorUsageGranularityTypeServiceLevel
	}
	var policies []*policy.Policy
	var entities func(r store.Reader, f func(id string) error) error
	check := func(r store.Reader) error {
		if arn, ok := policy.ParseARN(*in.Arn); ok && arn.Service == "iam" && strings.HasPrefix(arn.Resource, "policy/") {
			p, err := s.findPolicy(r, c, *in.Arn, authz.Request{Action: action})
			if err != nil {
				return err
			}
			text, err := p.text(r)
			if err != nil {
				return err
			}
			parsed, err := policy.Parse(policy.Identity, text)
			policies = []*policy.Policy{parsed}
			entities = func(r store.Reader, f func(string) error) error { return eachHolder(r, c.Account, p.arn(), f) }
			return err
		}
		var sim simulation
		if err := s.loadSource(r, c, *in.Arn, action, &sim); err != nil {
			return err
		}
		policies = parsed(sim.policies)
		entities = func(_ store.Reader, f func(string) error) error { return f(sim.principal.UniqueID) }
		if _, name, ok := strings.Cut(*in.Arn, ":group/"); ok {
			entities = func(r store.Reader, f func(string) error) error {
				return eachMember(r, c.Account, name[strings.LastIndexByte(name, '/')+1:], f)
			}
		}
		return nil
	}
	err := s.makeAccessReport(ctx, c, serviceAccess, report, check, func(r store.Reader) error {
		report.addServices(policies)
		return entities(r, func(id string) error { return report.addEntity(r, id) })
	})
	return &iam.GenerateServiceLastAccessedDetailsOutput{JobId: &report.ID}, err
}

// eachMember calls f with the unique IDs of a group's users.
func eachMember(r store.Reader, account, group string, f func(id string) error) error {
	for _, name := range r.Scan(membersPrefix(account, group), nil) {
		u, _, err := identity.LoadUser(r, account, string(name))
		if err != nil {
			return err
		}
		if err := f(u.ID); err != nil {
			return err
		}
	}
	return nil
}

// eachHolder calls f with the unique IDs of the users and roles that have a managed policy, by themselves or, of users, by their
// groups. None comes twice.
func eachHolder(r store.Reader, account, policyARN string, f func(id string) error) error {
	seen := make(map[string]bool)
	once := func(id string) error {
		if seen[id] {
			return nil
		}
		seen[id] = true
		return f(id)
	}
	return walkEntities(r, account, policyARN, asPermissions, "", func(_ string, k *entityKind, name string) (more bool, err error) {
		if k == groupKind {
			return true, eachMember(r, account, name, once)
		}
		e, err := k.load(r, account, name)
		if err != nil {
			return false, err
		}
		return true, once(e.id)
	})
}

func (s *Service) getServiceLastAccessedDetails(ctx context.Context, c api.Caller, in *iam.GetServiceLastAccessedDetailsInput) (*iam.GetServiceLastAccessedDetailsOutput, error) {
	out := &iam.GetServiceLastAccessedDetailsOutput{ServicesLastAccessed: []types.ServiceLastAccessed{}}
	err := s.store.View(ctx, func(r store.Reader) error {
		if err := s.authz.Authorize(r, c, authz.Request{Action: "iam:GetServiceLastAccessedDetails", Resource: "*"}); err != nil {
			return err
		}
		report, err := s.loadAccessReport(r, c, serviceAccess, *in.JobId)
		if err != nil {
			return err
		}
		out.JobType, out.JobCreationDate = report.Granularity, &report.Begun
		if out.JobStatus, out.JobCompletionDate = s.status(report); out.JobStatus != types.JobStatusTypeCompleted {
			return nil
		}
		page, next, err := pageOf(report.Services, api.ListOf(c, in))
		if err != nil {
			return err
		}
		out.Marker, out.IsTruncated = next, next != nil
		out.ServicesLastAccessed, err = report.wireServices(r, page)
		return err
	})
	return out, err
}

// getServiceLastAccessedDetailsWithEntities lists the entities that could have used a service, the latest use first, and those
// that did not use it last.
//
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetServiceLastAccessedDetailsWithEntities.html
func (s *Service) getServiceLastAccessedDetailsWithEntities(ctx context.Context, c api.Caller, in *iam.GetServiceLastAccessedDetailsWithEntitiesInput) (*iam.GetServiceLastAccessedDetailsWithEntitiesOutput, error) {
	out := &iam.GetServiceLastAccessedDetailsWithEntitiesOutput{EntityDetailsList: []types.EntityDetails{}}
	err := s.store.View(ctx, func(r store.Reader) error {
		if err := s.authz.Authorize(r, c, authz.Request{Action: "iam:GetServiceLastAccessedDetailsWithEntities", Resource: "*"}); err != nil {
			return err
		}
		report, err := s.loadAccessReport(r, c, serviceAccess, *in.JobId)
		if err != nil {
			return err
		}
		out.JobCreationDate = &report.Begun
		if out.JobStatus, out.JobCompletionDate = s.status(report); out.JobStatus != types.JobStatusTypeCompleted {
			return nil
		}
		i := slices.IndexFunc(report.Services, func(service accessedService) bool { return service.Namespace == *in.ServiceNamespace })
		if i < 0 {
			return invalidInput("The service namespace %s is not in the report of the job with ID %s.", *in.ServiceNamespace, *in.JobId)
		}
		all := slices.Clone(report.Services[i].Uses)
		used := make(map[int]bool)
		for _, use := range all {
			used[use.Entity] = true
		}
		for n := range report.Entities {
			if !used[n] {
				all = append(all, access{Entity: n})
			}
		}
		page, next, err := pageOf(all, api.ListOf(c, in))
		if err != nil {
			return err
		}
		out.Marker, out.IsTruncated = next, next != nil
		for _, use := range page {
			arn, err := report.entityOf(r, use.Entity)
			if err != nil {
				return err
			}
			if arn == "" {
				continue // deleted since
			}
			details := types.EntityDetails{EntityInfo: wireEntity(arn, report.Entities[use.Entity])}
			if !use.At.IsZero() {
				details.LastAuthenticated = &use.At
			}
			out.EntityDetailsList = append(out.EntityDetailsList, details)
		}
		return nil
	})
	return out, err
}

// wireEntity describes a user or role by its ARN.
func wireEntity(arn, id string) *types.EntityInfo {
	info := &types.EntityInfo{Arn: &arn, Id: &id, Type: types.PolicyOwnerEntityTypeRole}
	_, resource, _ := strings.Cut(arn, ":user/")
	if resource != "" {
		info.Type = types.PolicyOwnerEntityTypeUser
	} else {
		_, resource, _ = strings.Cut(arn, ":role/")
	}
	i := strings.LastIndexByte(resource, '/') + 1
	path, name := "/"+resource[:i], resource[i:]
	info.Path, info.Name = &path, &name
	return info
}

var ownerTypes = map[types.PolicySourceType]types.PolicyOwnerEntityType{
	types.PolicySourceTypeUser: types.PolicyOwnerEntityTypeUser, types.PolicySourceTypeGroup: types.PolicyOwnerEntityTypeGroup, types.PolicySourceTypeRole: types.PolicyOwnerEntityTypeRole,
}

// listPoliciesGrantingServiceAccess lists, by service, the policies of a user with its groups, of a group or of a role that allow
// anything of it.
//
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListPoliciesGrantingServiceAccess.html
func (s *Service) listPoliciesGrantingServiceAccess(ctx context.Context, c api.Caller, in *iam.ListPoliciesGrantingServiceAccessInput) (*iam.ListPoliciesGrantingServiceAccessOutput, error) {
	var out *iam.ListPoliciesGrantingServiceAccessOutput
	err := s.store.View(ctx, func(r store.Reader) error {
		var sim simulation
		if err := s.loadSource(r, c, *in.Arn, "iam:ListPoliciesGrantingServiceAccess", &sim); err != nil {
			return err
		}
		for _, namespace := range in.ServiceNamespaces {
			if _, ok := namespaces.Find(namespace); !ok {
				return invalidInput("The service namespace %s is not valid.", namespace)
			}
		}
		page, next, err := pageOf(in.ServiceNamespaces, api.ListOf(c, in))
		if err != nil {
			return err
		}
		out = &iam.ListPoliciesGrantingServiceAccessOutput{IsTruncated: next != nil, Marker: next, PoliciesGrantingServiceAccess: []types.ListPoliciesGrantingServiceAccessEntry{}}
		for _, namespace := range page {
			entry := types.ListPoliciesGrantingServiceAccessEntry{ServiceNamespace: &namespace, Policies: []types.PolicyGrantingServiceAccess{}}
			for _, p := range sim.policies {
				if policy.Reaches([]*policy.Policy{p.Policy}, namespace, "") {
					entry.Policies = append(entry.Policies, wireGranting(p))
				}
			}
			out.PoliciesGrantingServiceAccess = append(out.PoliciesGrantingServiceAccess, entry)
		}
		return nil
	})
	return out, err
}

func wireGranting(p sourced) types.PolicyGrantingServiceAccess {
	if p.inline.policy != "" {
		return types.PolicyGrantingServiceAccess{
			PolicyName: &p.inline.policy, PolicyType: types.PolicyTypeInline, EntityName: &p.inline.entity, EntityType: ownerTypes[p.kind],
		}
	}
	_, _, name := splitPolicyARN(p.Name)
	return types.PolicyGrantingServiceAccess{PolicyName: &name, PolicyArn: &p.Name, PolicyType: types.PolicyTypeManaged}
}
