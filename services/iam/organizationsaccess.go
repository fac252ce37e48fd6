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
	"emulator/services/iam/namespaces"
	"emulator/store"
)

// concurrentReports is how many reports of an organization an account may have under way. AWS has such a limit, and does not
// say which.
const concurrentReports = 5

// fullAccess is the service control policy that allows everything. There is no other one here.
const fullAccess = "p-FullAWSAccess"

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
		accounts, err := accountsBelow(r, organization, *in.EntityPath)
		switch {
		case err != nil:
			return err
		case len(accounts) == 0 && *in.EntityPath != organization.ID+"/"+organization.Root:
			report.Failure = "The entity path " + *in.EntityPath + " is not in the organization."
			return nil
		case in.OrganizationsPolicyId != nil && *in.OrganizationsPolicyId != fullAccess && !slices.Equal(accounts, []string{organization.Management}):
			report.Failure = "The policy " + *in.OrganizationsPolicyId + " is not in the organization."
			return nil
		}
		report.addServices(nil)
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
