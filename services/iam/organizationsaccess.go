package iam

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/policy"
	"emulator/services/iam/namespaces"
	"emulator/store"
)

// concurrentReports is how many reports of an organization an account may have under way. AWS has such a limit, and does not
// say which.
const concurrentReports = 5

// manageOrganization returns the caller's organization, which it must manage.
func manageOrganization(r store.Reader, c api.Caller, action string) (*identity.Organization, error) {
	o, err := identity.LoadOrganization(r, c.Account)
	if err != nil {
		return nil, err
	}
	if o == nil || o.Management != c.Account {
		return nil, api.Errorf("AccessDenied", "User: %s is not authorized to perform: %s because the account is not the management account of an organization", c.ARN, action)
	}
	return o, nil
}

// generateOrganizationsAccessReport makes a report of the services that service control policies allow in a part of the
// organization, and of when its accounts used them last. The management account is in no report but its own.
//
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_GenerateOrganizationsAccessReport.html
func (s *Service) generateOrganizationsAccessReport(ctx context.Context, c api.Caller, in *iam.GenerateOrganizationsAccessReportInput) (*iam.GenerateOrganizationsAccessReportOutput, error) {
	const action = "iam:GenerateOrganizationsAccessReport"
	request := authz.Request{Action: action, Resource: identity.ARN(c.Partition, "iam", c.Account, "access-report/"+*in.EntityPath)}
	if in.OrganizationsPolicyId != nil {
		request.Context = map[string][]string{"iam:OrganizationsPolicyId": {*in.OrganizationsPolicyId}}
	}
	report := s.newAccessReport(c)
	var organization *identity.Organization
	check := func(r store.Reader) (err error) {
		if err := s.authz.Authorize(r, c, request); err != nil {
			return err
		}
		if organization, err = manageOrganization(r, c, action); err != nil {
			return err
		}
		return s.checkRunning(r, c)
	}
	err := s.makeAccessReport(ctx, c, organizationAccess, report, check, func(r store.Reader) error {
		targets, err := entityPath(r, organization, *in.EntityPath)
		if err != nil {
			return err
		}
		if targets == nil {
			report.Failure = "The entity path " + *in.EntityPath + " is not in the organization."
			return nil
		}
		accounts, err := accountsBelow(r, organization, *in.EntityPath)
		if err != nil {
			return err
		}
		var levels [][]*policy.Policy
		if !slices.Equal(accounts, []string{organization.Management}) {
			if levels, err = s.controlPolicies(r, organization, targets, in.OrganizationsPolicyId); err != nil {
				return err
			}
			if in.OrganizationsPolicyId != nil && levels == nil {
				report.Failure = "The policy " + *in.OrganizationsPolicyId + " is not in the organization."
				return nil
			}
		}
		report.addServices(levels...)
		for _, account := range accounts {
			if err := report.addEntity(r, account); err != nil {
				return err
			}
		}
		return nil
	})
	return &iam.GenerateOrganizationsAccessReportOutput{JobId: &report.ID}, err
}

// checkRunning bounds the reports that are under way.
func (s *Service) checkRunning(r store.Reader, c api.Caller) error {
	running := 0
	earliest := newReportID(s.clock.Now().Add(-s.clock.Transition - time.Second))
	for key := range r.Scan(store.Key("iam", c.Account, organizationAccess), accessReportKey(c.Account, organizationAccess, earliest)) {
		report, _, err := store.Load[accessReport](r, key)
		if err != nil {
			return err
		}
		if _, ended := s.clock.Ended(report.Begun); !ended {
			running++
		}
	}
	if running >= concurrentReports {
		return api.Errorf("ReportGenerationLimitExceeded", "The maximum number of concurrent requests for this account are already running.")
	}
	return nil
}

// entityPath returns the IDs that lead to a part of an organization, its own last; nil if there is no such part.
func entityPath(r store.Reader, o *identity.Organization, path string) ([]string, error) {
	parts := strings.Split(strings.TrimSuffix(path, "/"), "/")
	if len(parts) < 2 || parts[0] != o.ID || parts[1] != o.Root {
		return nil, nil
	}
	targets := parts[1:]
	id := targets[len(targets)-1]
	above := targets[:len(targets)-1]
	switch {
	case len(targets) == 1:
		return targets, nil
	case strings.HasPrefix(id, "ou-"):
		u, _, err := store.Load[identity.OrganizationalUnit](r, identity.OrganizationalUnitKey(o.ID, id))
		if err != nil || !slices.Equal(u.Parents, above) {
			return nil, err
		}
		return targets, nil
	}
	m, err := identity.LoadMember(r, id)
	if err != nil || m == nil || m.Organization != o.ID || !slices.Equal(m.Parents, above) {
		return nil, err
	}
	return targets, nil
}

// controlPolicies returns the service control policies that limit a part of an organization, by level; or one of them alone, nil if
// it is not among them. Without a policy, and without policies of the type, nil.
func (s *Service) controlPolicies(r store.Reader, o *identity.Organization, targets []string, only *string) ([][]*policy.Policy, error) {
	attached, err := s.authz.ServiceControlPoliciesOn(r, o, targets)
	if err != nil {
		return nil, err
	}
	var levels [][]*policy.Policy
	for _, level := range attached {
		var policies []*policy.Policy
		for _, n := range level {
			if only != nil && strings.HasSuffix(n.Name, "/"+*only) {
				return [][]*policy.Policy{{n.Policy}}, nil
			}
			policies = append(policies, n.Policy)
		}
		levels = append(levels, policies)
	}
	if only != nil {
		return nil, nil
	}
	return levels, nil
}

// accountsBelow returns the accounts of a part of an organization: of the root, of an organizational unit, or a single one. The
// management account is the only one of its part alone.
func accountsBelow(r store.Reader, o *identity.Organization, path string) ([]string, error) {
	path = strings.TrimSuffix(path, "/") + "/"
	var accounts []string
	prefix := identity.OrganizationAccountsPrefix(o.ID)
	for key := range r.Scan(prefix, nil) {
		account := store.Parts(key)[2]
		m, err := identity.LoadMember(r, account)
		if err != nil {
			return nil, err
		}
		own := m.Path() + account + "/"
		if strings.HasPrefix(own, path) && (account != o.Management || own == path) {
			accounts = append(accounts, account)
		}
	}
	return accounts, nil
}

func (s *Service) getOrganizationsAccessReport(ctx context.Context, c api.Caller, in *iam.GetOrganizationsAccessReportInput) (*iam.GetOrganizationsAccessReportOutput, error) {
	const action = "iam:GetOrganizationsAccessReport"
	out := &iam.GetOrganizationsAccessReportOutput{}
	err := s.store.View(ctx, func(r store.Reader) error {
		if err := s.authz.Authorize(r, c, authz.Request{Action: action, Resource: "*"}); err != nil {
			return err
		}
		if _, err := manageOrganization(r, c, action); err != nil {
			return err
		}
		report, err := s.loadAccessReport(r, c, organizationAccess, *in.JobId)
		if err != nil {
			return err
		}
		out.JobCreationDate = &report.Begun
		switch out.JobStatus, out.JobCompletionDate = s.status(report); out.JobStatus {
		case types.JobStatusTypeInProgress:
			return nil
		case types.JobStatusTypeFailed:
			out.ErrorDetails = &types.ErrorDetails{Code: aws.String("NoSuchEntity"), Message: &report.Failure}
			return nil
		}
		unused := 0
		for _, service := range report.Services {
			if len(service.Uses) == 0 {
				unused++
			}
		}
		out.NumberOfServicesAccessible, out.NumberOfServicesNotAccessed = aws.Int32(int32(len(report.Services))), aws.Int32(int32(unused))
		sortServices(report.Services, in.SortKey)
		page, next, err := pageOf(report.Services, api.ListOf(c, in))
		if err != nil {
			return err
		}
		out.Marker, out.IsTruncated = next, next != nil
		out.AccessDetails, err = report.wireAccess(r, page)
		return err
	})
	return out, err
}

// sortServices sorts services, which are sorted by namespace, by another key. Those that were not used count as used before all
// others.
func sortServices(services []accessedService, key types.SortKeyType) {
	byTime := func(a, b accessedService) int {
		switch {
		case len(a.Uses) > 0 && len(b.Uses) > 0:
			return a.Uses[0].At.Compare(b.Uses[0].At)
		}
		return min(len(a.Uses), 1) - min(len(b.Uses), 1)
	}
	switch key {
	case types.SortKeyTypeServiceNamespaceDescending:
		slices.Reverse(services)
	case types.SortKeyTypeLastAuthenticatedTimeAscending:
		slices.SortStableFunc(services, byTime)
	case types.SortKeyTypeLastAuthenticatedTimeDescending:
		slices.SortStableFunc(services, func(a, b accessedService) int { return byTime(b, a) })
	}
}

// wireAccess returns the services as GetOrganizationsAccessReport has them.
func (r *accessReport) wireAccess(tx store.Reader, services []accessedService) ([]types.AccessDetail, error) {
	wire := []types.AccessDetail{}
	for _, service := range services {
		known, _ := namespaces.Find(service.Namespace)
		w := types.AccessDetail{ServiceName: &known.Name, ServiceNamespace: &service.Namespace, TotalAuthenticatedEntities: aws.Int32(int32(len(service.Uses)))}
		if len(service.Uses) > 0 {
			use := &service.Uses[0]
			account := r.Entities[use.Entity]
			m, err := identity.LoadMember(tx, account)
			if err != nil {
				return nil, err
			}
			w.LastAuthenticatedTime, w.Region = &use.At, &use.Region
			if m != nil {
				w.EntityPath = aws.String(m.Path() + account)
			}
		}
		wire = append(wire, w)
	}
	return wire, nil
}
