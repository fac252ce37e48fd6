package organizations

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/services/resourcegroupstaggingapi/tagindex"
	"emulator/store"
)

func (s *Service) tagOperations() []api.Operation {
	return []api.Operation{
		api.Op("ListTagsForResource", s.listTagsForResource),
		api.Op("TagResource", s.tagResource),
		api.Op("UntagResource", s.untagResource),
	}
}

func tagsPrefix(organization string) []byte { return identity.InOrganization(organization, "tags") }

// tagsKey is the key of the tags of a root, unit, account or policy, which has none if there is no record.
func tagsKey(organization, id string) []byte {
	return identity.InOrganization(organization, "tags", id)
}

// newTags returns tags as they are given.
func newTags(given []types.Tag) (map[string]string, error) {
	tags := make(map[string]string, len(given))
	for _, t := range given {
		if reserved(*t.Key) {
			return nil, systemTag()
		}
		if _, twice := tags[*t.Key]; twice {
			return nil, api.Errorf("InvalidInputException", "Tag keys must be unique among the tags attached to the same entity.").With("Reason", "DUPLICATE_TAG_KEY")
		}
		tags[*t.Key] = *t.Value
	}
	return tags, nil
}

// reserved reports whether a key is one of AWS's own, whatever its case.
//
// https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html#tag-conventions
func reserved(key string) bool { return len(key) >= 4 && strings.EqualFold(key[:4], "aws:") }

func systemTag() error {
	return api.Errorf("InvalidInputException", "You specified a tag key that is a system tag. You can't add, edit, or delete system tag keys because they're reserved for Amazon Web Services use.").With("Reason", "INVALID_SYSTEM_TAGS_PARAMETER")
}

// creating is the request of an operation that makes what has these tags.
func creating(tags map[string]string) authz.Request {
	return authz.Request{RequestTags: tags, TagAction: actionPrefix + "TagResource"}
}

// saveTags saves all tags of a resource.
func (s *Service) saveTags(tx store.Tx, o *identity.Organization, id string, tags map[string]string) error {
	if len(tags) > s.quotas.Max(tagsPerResource) {
		return api.Errorf("ConstraintViolationException", "You have exceeded the number of tags allowed on this resource.").With("Reason", "MAX_TAG_LIMIT_EXCEEDED")
	}
	arn, err := resourceARN(tx, o, id)
	if err != nil {
		return err
	}
	if err := tagindex.Put(tx, arn, tags); err != nil {
		return err
	}
	if len(tags) == 0 {
		return tx.Delete(tagsKey(o.ID, id))
	}
	return store.Save(tx, tagsKey(o.ID, id), tags)
}

// deleteTags is for what is about to be deleted.
func deleteTags(tx store.Tx, o *identity.Organization, id string) error {
	arn, err := resourceARN(tx, o, id)
	if err != nil {
		return err
	}
	if err := tagindex.Remove(tx, arn); err != nil {
		return err
	}
	return tx.Delete(tagsKey(o.ID, id))
}

// findTagged returns the tags of a resource and the organization once the caller may do the operation to it.
func (s *Service) findTagged(r store.Reader, c api.Caller, operation string, request authz.Request, id string) (*identity.Organization, map[string]string, error) {
	o, err := s.enter(r, c, operation, request, id)
	if err != nil {
		return nil, nil, err
	}
	if err := needTagged(r, o, operation, id); err != nil {
		return nil, nil, err
	}
	tags, _, err := store.Load[map[string]string](r, tagsKey(o.ID, id))
	return o, tags, err
}

// needTagged fails if there is nothing of this ID whose tags the operation is about.
func needTagged(r store.Reader, o *identity.Organization, operation, id string) error {
	if strings.HasPrefix(id, "rp-") || strings.HasPrefix(id, "rt-") {
		return needFurther(r, o, id)
	}
	if !isPolicy(id) {
		return needTarget(r, o, id)
	}
	p, err := identity.LoadOrganizationPolicy(r, o.ID, id)
	switch {
	case err != nil:
		return err
	case p == nil:
		return noTarget()
	case p.AWSManaged && operation != "ListTagsForResource":
		return api.Errorf("InvalidInputException", "You can't perform the specified operation on that target entity.").With("Reason", "TARGET_NOT_SUPPORTED")
	}
	return nil
}

func noTarget() error {
	return api.Errorf("TargetNotFoundException", "You specified a target that doesn't exist.")
}

// https://docs.aws.amazon.com/organizations/latest/APIReference/API_TagResource.html
func (s *Service) tagResource(ctx context.Context, c api.Caller, in *organizations.TagResourceInput) (*organizations.TagResourceOutput, error) {
	added, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		o, tags, err := s.findTagged(tx, c, "TagResource", authz.Request{RequestTags: added}, *in.ResourceId)
		if err != nil {
			return err
		}
		all := maps.Clone(added)
		for key, value := range tags {
			if _, replaced := added[key]; !replaced {
				all[key] = value
			}
		}
		return s.saveTags(tx, o, *in.ResourceId, all)
	})
}

func (s *Service) untagResource(ctx context.Context, c api.Caller, in *organizations.UntagResourceInput) (*organizations.UntagResourceOutput, error) {
	if slices.ContainsFunc(in.TagKeys, reserved) {
		return nil, systemTag()
	}
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		o, tags, err := s.findTagged(tx, c, "UntagResource", authz.Request{TagKeys: in.TagKeys}, *in.ResourceId)
		if err != nil {
			return err
		}
		for _, key := range in.TagKeys {
			delete(tags, key)
		}
		return s.saveTags(tx, o, *in.ResourceId, tags)
	})
}

func (s *Service) listTagsForResource(ctx context.Context, c api.Caller, in *organizations.ListTagsForResourceInput) (*organizations.ListTagsForResourceOutput, error) {
	out := &organizations.ListTagsForResourceOutput{}
	err := s.store.View(ctx, func(r store.Reader) error {
		_, tags, err := s.findTagged(r, c, "ListTagsForResource", authz.Request{}, *in.ResourceId)
		if err != nil {
			return err
		}
		all := make([]types.Tag, 0, len(tags))
		for _, key := range slices.Sorted(maps.Keys(tags)) {
			value := tags[key]
			all = append(all, types.Tag{Key: &key, Value: &value})
		}
		out.Tags, out.NextToken, err = pageOf(all, api.ListOf(c, in), 50)
		return err
	})
	return out, err
}
