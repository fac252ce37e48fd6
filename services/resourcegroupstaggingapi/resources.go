// Package resourcegroupstaggingapi is the Resource Groups Tagging API: it lists the tags of other services' resources.
//
// https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/
package resourcegroupstaggingapi

import (
	"context"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"

	"emulator/api"
	"emulator/authz"
	"emulator/clock"
	"emulator/policy"
	"emulator/services/resourcegroupstaggingapi/tagindex"
	"emulator/store"
)

// Config is what the service needs.
type Config struct {
	Store store.Store
	Authz *authz.Authorizer
	Clock *clock.Clock
}

// Service is the service.
type Service struct {
	store store.Store
	authz *authz.Authorizer
	clock *clock.Clock
}

// New returns the service.
func New(c Config) *Service { return &Service{store: c.Store, authz: c.Authz, clock: c.Clock} }

// Operations returns what is covered of the API.
func (s *Service) Operations() []api.Operation {
	return []api.Operation{
		api.Op("GetResources", s.getResources),
		api.Op("GetTagKeys", s.getTagKeys),
		api.Op("GetTagValues", s.getTagValues),
	}
}

const (
	resourcesPerPage, maxResourcesPerPage = 50, 100
	minTagsPerPage, maxTagsPerPage        = 100, 500
	maxTypeFilters                        = 100
	keysPerPage                           = 100
	// maxSkipped bounds the work for a page of which a filter leaves little: AWS, too, may answer with a token and fewer, or no,
	// resources.
	maxSkipped = 2000
	// tokenLife is how long a token is good.
	tokenLife = 15 * time.Minute
)

func invalid(format string, args ...any) error {
	return api.Errorf("InvalidParameterException", format, args...)
}

// after returns the position behind which a page begins, and whether there was a page before.
func (s *Service) after(list api.List) (position string, more bool, err error) {
	given, ok := list.After()
	if !ok {
		return "", false, invalid("The pagination token is not valid.")
	}
	if given == "" {
		return "", false, nil
	}
	at, position, _ := strings.Cut(given, " ")
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return "", false, invalid("The pagination token is not valid.")
	}
	if s.clock.Now().Sub(time.Unix(seconds, 0)) > tokenLife {
		return "", false, api.Errorf("PaginationTokenExpiredException", "The pagination token is expired.")
	}
	return position, true, nil
}

// token returns what the next call gives to get what is behind a position.
func (s *Service) token(list api.List, position string) *string {
	token := list.Marker(strconv.FormatInt(s.clock.Now().Unix(), 10) + " " + position)
	return &token
}

// orNone makes none of an empty token: that is how AWS says that there is no further page.
func orNone(token *string) *string {
	if aws.ToString(token) == "" {
		return nil
	}
	return token
}

// filter says which resources are wanted.
type filter struct {
	types []string
	tags  []types.TagFilter
}

func (f *filter) wants(arn string, tags map[string]string) bool {
	if len(f.types) > 0 {
		parsed, _ := policy.ParseARN(arn)
		kind, _, _ := strings.Cut(parsed.Resource, "/")
		if !slices.Contains(f.types, parsed.Service) && !slices.Contains(f.types, parsed.Service+":"+kind) {
			return false
		}
	}
	for _, t := range f.tags {
		value, ok := tags[*t.Key]
		if !ok || len(t.Values) > 0 && !slices.Contains(t.Values, value) {
			return false
		}
	}
	return true
}

// checkResources returns AWS's error for parameters that do not go together.
func checkResources(in *tagging.GetResourcesInput) error {
	if len(in.ResourceARNList) > 0 {
		switch {
		case len(in.ResourceTypeFilters) > 0:
			return invalid("ResourceARNList and ResourceTypeFilters can't be specified in the same request.")
		case len(in.TagFilters) > 0:
			return invalid("ResourceARNList and TagFilters can't be specified in the same request.")
		case in.ResourcesPerPage != nil || in.TagsPerPage != nil || in.PaginationToken != nil:
			return invalid("ResourceARNList and pagination parameters can't be specified in the same request.")
		}
	}
	switch {
	case in.ResourcesPerPage != nil && (*in.ResourcesPerPage < 1 || *in.ResourcesPerPage > maxResourcesPerPage):
		return invalid("ResourcesPerPage must be between 1 and %d.", maxResourcesPerPage)
	case in.TagsPerPage != nil && (*in.TagsPerPage < minTagsPerPage || *in.TagsPerPage > maxTagsPerPage):
		return invalid("TagsPerPage must be between %d and %d.", minTagsPerPage, maxTagsPerPage)
	case aws.ToBool(in.ExcludeCompliantResources) && !aws.ToBool(in.IncludeComplianceDetails):
		return invalid("ExcludeCompliantResources requires IncludeComplianceDetails.")
	case len(in.ResourceTypeFilters) > maxTypeFilters:
		return invalid("ResourceTypeFilters has more than %d items.", maxTypeFilters)
	}
	for _, t := range in.ResourceTypeFilters {
		if service, kind, named := strings.Cut(t, ":"); service == "" || named && kind == "" {
			return invalid("%s is not a resource type: the format is service[:resourceType].", t)
		}
	}
	for _, t := range in.TagFilters {
		if t.Key == nil {
			return invalid("A tag filter must have a key.")
		}
	}
	for _, arn := range in.ResourceARNList {
		if _, ok := policy.ParseARN(arn); !ok {
			return invalid("%s is not a valid AmazonResourceName (ARN)", arn)
		}
	}
	return nil
}

// getResources lists the resources of the call's Region that have or had tags, and in the home Region those that belong to
// none.
//
// https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html
func (s *Service) getResources(ctx context.Context, c api.Caller, in *tagging.GetResourcesInput) (*tagging.GetResourcesOutput, error) {
	in.PaginationToken = orNone(in.PaginationToken)
	list := api.ListOf(c, in)
	out := &tagging.GetResourcesOutput{ResourceTagMappingList: []types.ResourceTagMapping{}, PaginationToken: aws.String("")}
	err := s.store.View(ctx, func(r store.Reader) error {
		if err := s.authz.Authorize(r, c, authz.Request{Action: "tag:GetResources", Resource: "*"}); err != nil {
			return err
		}
		if err := checkResources(in); err != nil {
			return err
		}
		if aws.ToBool(in.ExcludeCompliantResources) {
			return nil // there are no tag policies: all comply
		}
		show := func(arn string, tags map[string]string) {
			w := types.ResourceTagMapping{ResourceARN: &arn, Tags: wireTags(tags)}
			if aws.ToBool(in.IncludeComplianceDetails) {
				w.ComplianceDetails = &types.ComplianceDetails{ComplianceStatus: aws.Bool(true)}
			}
			out.ResourceTagMappingList = append(out.ResourceTagMappingList, w)
		}
		if len(in.ResourceARNList) > 0 {
			return findResources(r, c, in.ResourceARNList, show)
		}
		after, _, err := s.after(list)
		if err != nil {
			return err
		}
		wanted := filter{in.ResourceTypeFilters, in.TagFilters}
		left, tagsLeft, skipped := list.Max(resourcesPerPage), math.MaxInt, 0
		if in.TagsPerPage != nil {
			tagsLeft = int(*in.TagsPerPage)
			if in.ResourcesPerPage == nil {
				left = tagsLeft
			}
		}
		for arn, tags := range tagindex.Resources(r, c.Account, c.Region, after) {
			switch {
			case !wanted.wants(arn, tags):
				if skipped++; skipped > maxSkipped {
					out.PaginationToken = s.token(list, after)
					return nil
				}
			case left == 0 || max(1, len(tags)) > tagsLeft:
				out.PaginationToken = s.token(list, after)
				return nil
			default:
				left, tagsLeft = left-1, tagsLeft-max(1, len(tags))
				show(arn, tags)
			}
			after = arn
		}
		return nil
	})
	return out, err
}

// findResources shows those of a list of ARNs that there are, in its order.
func findResources(r store.Reader, c api.Caller, arns []string, show func(arn string, tags map[string]string)) error {
	seen := make(map[string]bool)
	for _, arn := range arns {
		tags, err := tagindex.Find(r, c.Account, c.Region, arn)
		if err != nil {
			return err
		}
		if tags != nil && !seen[arn] {
			show(arn, tags)
		}
		seen[arn] = true
	}
	return nil
}

func wireTags(tags map[string]string) []types.Tag {
	wire := make([]types.Tag, 0, len(tags))
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		value := tags[key]
		wire = append(wire, types.Tag{Key: &key, Value: &value})
	}
	return wire
}

func (s *Service) getTagKeys(ctx context.Context, c api.Caller, in *tagging.GetTagKeysInput) (*tagging.GetTagKeysOutput, error) {
	in.PaginationToken = orNone(in.PaginationToken)
	list := api.ListOf(c, in)
	out := &tagging.GetTagKeysOutput{TagKeys: []string{}, PaginationToken: aws.String("")}
	err := s.store.View(ctx, func(r store.Reader) error {
		if err := s.authz.Authorize(r, c, authz.Request{Action: "tag:GetTagKeys", Resource: "*"}); err != nil {
			return err
		}
		after, _, err := s.after(list)
		if err != nil {
			return err
		}
		for key := range tagindex.Keys(r, c.Account, c.Region, after) {
			if len(out.TagKeys) == keysPerPage {
				out.PaginationToken = s.token(list, after)
				break
			}
			out.TagKeys, after = append(out.TagKeys, key), key
		}
		return nil
	})
	return out, err
}

func (s *Service) getTagValues(ctx context.Context, c api.Caller, in *tagging.GetTagValuesInput) (*tagging.GetTagValuesOutput, error) {
	in.PaginationToken = orNone(in.PaginationToken)
	list := api.ListOf(c, in)
	out := &tagging.GetTagValuesOutput{TagValues: []string{}, PaginationToken: aws.String("")}
	err := s.store.View(ctx, func(r store.Reader) error {
		if err := s.authz.Authorize(r, c, authz.Request{Action: "tag:GetTagValues", Resource: "*"}); err != nil {
			return err
		}
		after, more, err := s.after(list)
		if err != nil {
			return err
		}
		for value := range tagindex.Values(r, c.Account, c.Region, *in.Key, after, more) {
			if len(out.TagValues) == keysPerPage {
				out.PaginationToken = s.token(list, after)
				break
			}
			out.TagValues, after = append(out.TagValues, value), value
		}
		return nil
	})
	return out, err
}
