package kms

import (
	"context"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"emulator/api"
	"emulator/store"
)

func (s *Service) tagOperations() []api.Operation {
	return []api.Operation{
		api.Op("TagResource", s.tagResource),
		api.Op("UntagResource", s.untagResource),
		api.Op("ListResourceTags", s.listResourceTags),
	}
}

const maxTags = 50

// newTags returns tags that a request gives, or AWS's error.
func newTags(given []types.Tag) (map[string]string, error) {
	tags := make(map[string]string, len(given))
	for _, t := range given {
		if _, twice := tags[*t.TagKey]; twice {
			return tags, api.Errorf("TagException", "Duplicate tag keys")
		}
		if isReserved(*t.TagKey) {
			return tags, reservedTag()
		}
		if !isTagText(*t.TagKey) || !isTagText(*t.TagValue) {
			return tags, api.Errorf("TagException", "Invalid tag")
		}
		tags[*t.TagKey] = *t.TagValue
	}
	if len(tags) > maxTags {
		return tags, api.Errorf("TagException", "Too many tags")
	}
	return tags, nil
}

// isTagText reports whether tags can have a text: its characters are letters, digits, spaces and a few others, but not & or quotes
// (https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-kms-key-tag.html).
func isTagText(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool {
		return !unicode.In(r, unicode.L, unicode.Z, unicode.N) && !strings.ContainsRune("_.:/=+-@", r)
	})
}

// isReserved reports whether a tag is AWS's own.
func isReserved(key string) bool { return strings.HasPrefix(strings.ToLower(key), "aws:") }

func reservedTag() error { return api.Errorf("TagException", "Tags beginning with aws: are reserved") }

func (s *Service) tagResource(ctx context.Context, c api.Caller, in *kms.TagResourceInput) (*kms.TagResourceOutput, error) {
	tags, tagsErr := newTags(in.Tags)
	a := access{action: "kms:TagResource"}
	a.request.RequestTags = tags
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		return s.changeKey(tx, c, *in.KeyId, a, func(k *Key) error {
			if tagsErr != nil {
				return tagsErr
			}
			all := maps.Clone(k.Tags)
			if all == nil {
				all = make(map[string]string)
			}
			maps.Copy(all, tags)
			if len(all) > maxTags {
				return api.Errorf("TagException", "Too many tags")
			}
			k.Tags = all
			return s.checkState(tx, k, toName)
		})
	})
}

func (s *Service) untagResource(ctx context.Context, c api.Caller, in *kms.UntagResourceInput) (*kms.UntagResourceOutput, error) {
	a := access{action: "kms:UntagResource"}
	a.request.TagKeys = in.TagKeys
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		return s.changeKey(tx, c, *in.KeyId, a, func(k *Key) error {
			if slices.ContainsFunc(in.TagKeys, isReserved) {
				return reservedTag()
			}
			k.Tags = maps.Clone(k.Tags)
			for _, key := range in.TagKeys {
				delete(k.Tags, key)
			}
			return s.checkState(tx, k, toName)
		})
	})
}

func (s *Service) listResourceTags(ctx context.Context, c api.Caller, in *kms.ListResourceTagsInput) (*kms.ListResourceTagsOutput, error) {
	out := &kms.ListResourceTagsOutput{}
	err := s.store.View(ctx, func(r store.Reader) error {
		k, err := s.findByID(r, c, *in.KeyId, access{action: "kms:ListResourceTags"})
		if err != nil {
			return err
		}
		var tags []types.Tag
		for _, key := range slices.Sorted(maps.Keys(k.Tags)) {
			value := k.Tags[key]
			tags = append(tags, types.Tag{TagKey: &key, TagValue: &value})
		}
		out.Tags, out.NextMarker, err = pageOf(tags, api.ListOf(c, in), 50)
		out.Truncated = out.NextMarker != nil
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
