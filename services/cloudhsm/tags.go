package cloudhsm

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudhsmv2"
	"github.com/aws/aws-sdk-go-v2/service/cloudhsmv2/types"

	"emulator/api"
	"emulator/authz"
	"emulator/store"
)

func (s *Service) tagOperations() []api.Operation {
	return []api.Operation{
		api.Op("TagResource", s.tagResource),
		api.Op("UntagResource", s.untagResource),
		api.Op("ListTags", s.listTags),
	}
}

const maxTags = 50

// newTags returns tags as they are given.
func newTags(given []types.Tag) (map[string]string, error) {
	tags := make(map[string]string, len(given))
	for _, t := range given {
		if reserved(*t.Key) {
			return nil, systemTag()
		}
		if _, twice := tags[*t.Key]; twice {
			return nil, api.Errorf("CloudHsmTagException", "Duplicate tag keys are not allowed.")
		}
		tags[*t.Key] = *t.Value
	}
	return tags, nil
}

// reserved reports whether a key is one of AWS's own, whatever its case.
//
// https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html#tag-conventions
func reserved(key string) bool { return strings.HasPrefix(strings.ToLower(key), "aws:") }

func systemTag() error {
	return api.Errorf("CloudHsmTagException", "Tag keys beginning with aws: are reserved.")
}

func wireTags(tags map[string]string) []types.Tag {
	list := []types.Tag{}
	for _, key := range sortedKeys(tags) {
		value := tags[key]
		list = append(list, types.Tag{Key: &key, Value: &value})
	}
	return list
}

// tagged is a cluster or a backup.
type tagged struct {
	tags map[string]string
	save func(store.Tx, map[string]string) error
}

// findTagged returns a cluster or a backup with which the caller may do an operation.
func (s *Service) findTagged(r store.Reader, c api.Caller, operation, id string, request authz.Request) (*tagged, error) {
	if !isBackup(id) {
		k, err := s.findCluster(r, c, operation, id, request)
		if err != nil {
			return nil, err
		}
		if s.state(k) == types.ClusterStateDeleteInProgress {
			return nil, wrongState(k, types.ClusterStateDeleteInProgress)
		}
		return &tagged{k.Tags, func(tx store.Tx, tags map[string]string) error { k.Tags = tags; return saveCluster(tx, k) }}, nil
	}
	b, err := s.findBackup(r, c, operation, id, request)
	if err != nil {
		return nil, err
	}
	return &tagged{b.Tags, func(tx store.Tx, tags map[string]string) error { b.Tags = tags; return saveBackup(tx, b) }}, nil
}

func (s *Service) tagResource(ctx context.Context, c api.Caller, in *cloudhsmv2.TagResourceInput) (*cloudhsmv2.TagResourceOutput, error) {
	added, refused := newTags(in.TagList)
	return nil, s.Store.Update(ctx, func(tx store.Tx) error {
		t, err := s.findTagged(tx, c, "TagResource", *in.ResourceId, authz.Request{RequestTags: added})
		if err != nil {
			return err
		}
		if refused != nil {
			return refused
		}
		all := maps.Clone(added)
		for key, value := range t.tags {
			if _, replaced := added[key]; !replaced {
				all[key] = value
			}
		}
		if len(all) > maxTags {
			return api.Errorf("CloudHsmResourceLimitExceededException", "A resource can have at most %d tags.", maxTags)
		}
		return t.save(tx, all)
	})
}

func (s *Service) untagResource(ctx context.Context, c api.Caller, in *cloudhsmv2.UntagResourceInput) (*cloudhsmv2.UntagResourceOutput, error) {
	return nil, s.Store.Update(ctx, func(tx store.Tx) error {
		t, err := s.findTagged(tx, c, "UntagResource", *in.ResourceId, authz.Request{TagKeys: in.TagKeyList})
		if err != nil {
			return err
		}
		if slices.ContainsFunc(in.TagKeyList, reserved) {
			return systemTag()
		}
		left := maps.Clone(t.tags)
		for _, key := range in.TagKeyList {
			delete(left, key)
		}
		return t.save(tx, left)
	})
}

func (s *Service) listTags(ctx context.Context, c api.Caller, in *cloudhsmv2.ListTagsInput) (*cloudhsmv2.ListTagsOutput, error) {
	out := &cloudhsmv2.ListTagsOutput{}
	err := s.Store.View(ctx, func(r store.Reader) error {
		t, err := s.findTagged(r, c, "ListTags", *in.ResourceId, authz.Request{})
		if err != nil {
			return err
		}
		out.TagList, out.NextToken, err = tagPage(wireTags(t.tags), api.ListOf(c, in))
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// tagPage returns a page of the tags of a resource.
func tagPage(all []types.Tag, list api.List) (page []types.Tag, next *string, err error) {
	after, ok := list.After()
	start := 0
	if ok && after != "" {
		start, err = strconv.Atoi(after)
	}
	if !ok || err != nil || start < 0 {
		return nil, nil, invalid("The NextToken is not valid.")
	}
	start = min(start, len(all))
	end := min(start+list.Max(maxTags), len(all))
	if end < len(all) {
		token := list.Marker(strconv.Itoa(end))
		next = &token
	}
	return all[start:end], next, nil
}
