package iam

import (
	"cmp"
	"context"
	"encoding/binary"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/uuid"

	"emulator/api"
	"emulator/api/model"
	"emulator/audit"
	"emulator/identity"
	"emulator/policy"
	"emulator/services/iam/namespaces"
	"emulator/store"
)

// accessReport is the record of a report of what was last accessed: the one of a user, group, role or policy, or that of a part
// of an organization. It has what was known when it was generated.
type accessReport struct {
	ID string `json:"id"`
	// Owner alone may see it: a user by its unique ID, or a session.
	Owner       string                                  `json:"owner"`
	Granularity types.AccessAdvisorUsageGranularityType `json:"granularity,omitempty"`
	Begun       time.Time                               `json:"begun"`
	// Entities are the users and roles that have the permissions, by their unique IDs, or the accounts of the organization.
	Entities []string          `json:"entities,omitempty"`
	Services []accessedService `json:"services,omitempty"`
	// Failure is why there is no report.
	Failure string `json:"failure,omitempty"`
}

// accessedService is a service that was allowed.
type accessedService struct {
	Namespace string `json:"namespace"`
	// Uses are the last one of each of the entities that used it, the latest first.
	Uses []access `json:"uses,omitempty"`
	// Actions are those that are tracked, with the last use of any entity.
	Actions []accessedAction `json:"actions,omitempty"`
}

type accessedAction struct {
	Name string  `json:"name"`
	Use  *access `json:"use,omitempty"`
}

// access is the last use of something by an entity, the one of that number in the report.
type access struct {
	Entity int       `json:"entity"`
	At     time.Time `json:"at"`
	Region string    `json:"region"`
}

func latestFirst(a, b access) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Entity, b.Entity)) }

// Kinds of access reports, as they stand in keys.
const (
	serviceAccess      = "service-access-report"
	organizationAccess = "organizations-access-report"
)

// reportsKept is how long an access report is kept. AWS does not say.
const reportsKept = 24 * time.Hour

func accessReportKey(account, kind, id string) []byte { return store.Key("iam", account, kind, id) }

// newReportID returns an ID that begins with the time, so that reports are in the order of their begin.
func newReportID(now time.Time) string {
	id := uuid.New()
	copy(id[:], timePrefix(now))
	id[6] = id[6]&0x0f | 0x70 // of version 7
	return id.String()
}

func timePrefix(t time.Time) []byte {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(max(0, t.UnixMilli())))
	return b[2:]
}

// saveAccessReport saves a new report, and deletes some of those that are too old.
func (s *Service) saveAccessReport(tx store.Tx, account, kind string, report *accessReport) error {
	prefix := store.Key("iam", account, kind)
	var old [][]byte
	for key := range tx.Scan(prefix, nil) {
		r, _, err := store.Load[accessReport](tx, key)
		if err != nil {
			return err
		}
		if !s.reportGone(&r) || len(old) == 10 {
			break
		}
		old = append(old, slices.Clone(key))
	}
	for _, key := range old {
		if err := tx.Delete(key); err != nil {
			return err
		}
	}
	return store.Save(tx, accessReportKey(account, kind, report.ID), report)
}

func (s *Service) reportGone(r *accessReport) bool { return s.clock.Now().Sub(r.Begun) > reportsKept }

// loadAccessReport returns a report of the caller's.
func (s *Service) loadAccessReport(r store.Reader, c api.Caller, kind, id string) (*accessReport, error) {
	report, ok, err := store.Load[accessReport](r, accessReportKey(c.Account, kind, id))
	if err != nil {
		return nil, err
	}
	if !ok || report.Owner != c.UserID || s.reportGone(&report) {
		return nil, api.Errorf("NoSuchEntity", "The job with ID %s cannot be found.", id)
	}
	return &report, nil
}

// status of a report, and when it was done, if it is.
func (s *Service) status(r *accessReport) (types.JobStatusType, *time.Time) {
	done, ended := s.clock.Ended(r.Begun)
	switch {
	case !ended:
		return types.JobStatusTypeInProgress, nil
	case r.Failure != "":
		return types.JobStatusTypeFailed, &done
	}
	return types.JobStatusTypeCompleted, &done
}

// addServices lists the services that the policies of each level reach, with their actions if the report is to have them.
func (r *accessReport) addServices(levels ...[]*policy.Policy) {
	reached := func(service, action string) bool {
		return !slices.ContainsFunc(levels, func(policies []*policy.Policy) bool { return !policy.Reaches(policies, service, action) })
	}
	for _, service := range namespaces.All() {
		if !reached(service.Namespace, "") {
			continue
		}
		accessed := accessedService{Namespace: service.Namespace}
		if r.Granularity == types.AccessAdvisorUsageGranularityTypeActionLevel {
			for _, action := range trackedActions()[service.Namespace] {
				if reached(service.Namespace, action) {
					accessed.Actions = append(accessed.Actions, accessedAction{Name: action})
				}
			}
		}
		r.Services = append(r.Services, accessed)
	}
}

// addEntity adds what a user, a role or an account used of these services, as far as it is tracked.
func (r *accessReport) addEntity(tx store.Reader, id string) error {
	calls, err := audit.Calls(tx, id)
	if err != nil {
		return err
	}
	n := len(r.Entities)
	r.Entities = append(r.Entities, id)
	last := func(service, operation string) *access {
		use, ok := calls[audit.Subject{ID: id, Service: service, Operation: operation}]
		if !ok || r.Begun.Sub(use.At) > audit.Tracked {
			return nil
		}
		return &access{n, use.At, use.Region}
	}
	if len(calls) == 0 {
		return nil
	}
	for i := range r.Services {
		service := &r.Services[i]
		if use := last(service.Namespace, ""); use != nil {
			service.Uses = append(service.Uses, *use)
		}
		for j := range service.Actions {
			action := &service.Actions[j]
			if use := last(service.Namespace, action.Name); use != nil && (action.Use == nil || action.Use.At.Before(use.At)) {
				action.Use = use
			}
		}
	}
	return nil
}

// sort puts the latest use of each service first.
func (r *accessReport) sort() {
	for i := range r.Services {
		slices.SortFunc(r.Services[i].Uses, latestFirst)
	}
}

// trackedActions are the actions of each service whose last use is told: those that change something, of the services whose
// calls are seen here.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_last-accessed.html#access_policies_last-accessed-data-types
var trackedActions = sync.OnceValue(func() map[string][]string {
	tracked := make(map[string][]string)
	for _, name := range model.Names {
		m, err := model.Load(name)
		if err != nil {
			panic(err) // the models are a part of the program, which has loaded them at its start
		}
		for _, operation := range slices.Sorted(maps.Keys(m.Operations)) {
			if !audit.ReadOnly(operation) {
				tracked[m.ActionPrefix()] = append(tracked[m.ActionPrefix()], operation)
			}
		}
	}
	return tracked
})

// parsed are policies without their names.
func parsed(policies []sourced) []*policy.Policy {
	plain := make([]*policy.Policy, 0, len(policies)) // not nil: none reach nothing
	for _, p := range policies {
		plain = append(plain, p.Policy)
	}
	return plain
}

// entityOf returns the ARN of a user or role of a report, "" if it is gone.
func (r *accessReport) entityOf(tx store.Reader, n int) (string, error) {
	arn, _, err := store.Load[string](tx, identity.UniqueIDKey(r.Entities[n]))
	return arn, err
}

// wireServices returns the services as GetServiceLastAccessedDetails has them.
func (r *accessReport) wireServices(tx store.Reader, services []accessedService) ([]types.ServiceLastAccessed, error) {
	wire := []types.ServiceLastAccessed{}
	for _, service := range services {
		known, _ := namespaces.Find(service.Namespace)
		w := types.ServiceLastAccessed{ServiceName: &known.Name, ServiceNamespace: &service.Namespace, TotalAuthenticatedEntities: aws.Int32(int32(len(service.Uses)))}
		if len(service.Uses) > 0 {
			use := &service.Uses[0]
			arn, err := r.entityOf(tx, use.Entity)
			if err != nil {
				return nil, err
			}
			w.LastAuthenticated, w.LastAuthenticatedRegion = &use.At, &use.Region
			if arn != "" {
				w.LastAuthenticatedEntity = &arn
			}
		}
		for _, action := range service.Actions {
			tracked := types.TrackedActionLastAccessed{ActionName: &action.Name}
			if use := action.Use; use != nil {
				arn, err := r.entityOf(tx, use.Entity)
				if err != nil {
					return nil, err
				}
				tracked.LastAccessedTime, tracked.LastAccessedRegion = &use.At, &use.Region
				if arn != "" {
					tracked.LastAccessedEntity = &arn
				}
			}
			w.TrackedActionsLastAccessed = append(w.TrackedActionsLastAccessed, tracked)
		}
		wire = append(wire, w)
	}
	return wire, nil
}

// makeAccessReport makes a report between two checks of permission, and saves it. What was noted of calls is saved before: a
// report has all up to it.
func (s *Service) makeAccessReport(ctx context.Context, c api.Caller, kind string, report *accessReport, check func(store.Reader) error, fill func(store.Reader) error) error {
	return store.Make(ctx, s.store, check, func() (*accessReport, error) {
		if err := s.lastUse.Save(ctx); err != nil {
			return nil, err
		}
		if err := s.store.View(ctx, fill); err != nil {
			return nil, err
		}
		report.sort()
		return report, nil
	}, func(tx store.Tx, report *accessReport) error { return s.saveAccessReport(tx, c.Account, kind, report) })
}

// newAccessReport returns a report that begins now.
func (s *Service) newAccessReport(c api.Caller) *accessReport {
	now := s.now()
	return &accessReport{ID: newReportID(s.clock.Now()), Owner: strings.Clone(c.UserID), Begun: now}
}
