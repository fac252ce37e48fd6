package iam

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/services/resourcegroupstaggingapi/tagindex"
	"emulator/store"
)

const maxTags = 50

// tagRule is how keys of tags compare.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html#case-sensitivity
type tagRule int

const (
	caseSensitive   tagRule = iota
	caseInsensitive         // of users and roles
)

// normal returns what two keys have in common that are the same.
func (rule tagRule) normal(key string) string {
	if rule == caseInsensitive {
		return strings.ToLower(key)
	}
	return key
}

// newTags returns tags that a request gives, or AWS's error.
func newTags(given []types.Tag, rule tagRule) (map[string]string, error) {
	tags := make(map[string]string, len(given))
	seen := make(map[string]bool, len(given))
	for _, t := range given {
		if seen[rule.normal(*t.Key)] {
			message := "Duplicate tag keys found."
			if rule == caseInsensitive {
				message += " Please note that Tag keys are case insensitive."
			}
			return tags, api.Errorf("InvalidInput", "%s", message)
		}
		if strings.HasPrefix(strings.ToLower(*t.Key), "aws:") {
			return tags, api.Errorf("InvalidInput", "aws: prefixed tag key names are not allowed for external use.")
		}
		seen[rule.normal(*t.Key)] = true
		tags[*t.Key] = *t.Value
	}
	return tags, nil
}

// addTags returns the tags with others added, which take the place of those with the same key, however it was spelt.
func addTags(tags, added map[string]string, rule tagRule) (map[string]string, error) {
	all := removeTags(tags, slices.Collect(maps.Keys(added)), rule)
	maps.Copy(all, added)
	if len(all) > maxTags {
		return nil, api.Errorf("LimitExceeded", "The number of tags has reached the maximum limit.")
	}
	return all, nil
}

// removeTags returns the tags without some. Keys that are not there do no harm.
func removeTags(tags map[string]string, keys []string, rule tagRule) map[string]string {
	remove := make(map[string]bool, len(keys))
	for _, key := range keys {
		remove[rule.normal(key)] = true
	}
	left := make(map[string]string, len(tags))
	for key, value := range tags {
		if !remove[rule.normal(key)] {
			left[key] = value
		}
	}
	return left
}

// wireTags returns tags as they are answered, sorted by key; never nil.
func wireTags(tags map[string]string) []types.Tag {
	wire := make([]types.Tag, 0, len(tags))
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		value := tags[key]
		wire = append(wire, types.Tag{Key: &key, Value: &value})
	}
	return wire
}

func (s *Service) tagOperations() []api.Operation {
	return []api.Operation{
		api.Op("TagUser", s.tagUser),
		api.Op("UntagUser", s.untagUser),
		api.Op("ListUserTags", s.listUserTags),
		api.Op("TagRole", s.tagRole),
		api.Op("UntagRole", s.untagRole),
		api.Op("ListRoleTags", s.listRoleTags),
		api.Op("TagPolicy", s.tagPolicy),
		api.Op("UntagPolicy", s.untagPolicy),
		api.Op("ListPolicyTags", s.listPolicyTags),
		api.Op("TagOpenIDConnectProvider", s.tagOIDCProvider),
		api.Op("UntagOpenIDConnectProvider", s.untagOIDCProvider),
		api.Op("ListOpenIDConnectProviderTags", s.listOIDCProviderTags),
		api.Op("TagSAMLProvider", s.tagSAMLProvider),
		api.Op("UntagSAMLProvider", s.untagSAMLProvider),
		api.Op("ListSAMLProviderTags", s.listSAMLProviderTags),
		api.Op("TagServerCertificate", s.tagServerCertificate),
		api.Op("UntagServerCertificate", s.untagServerCertificate),
		api.Op("ListServerCertificateTags", s.listServerCertificateTags),
		api.Op("TagMFADevice", s.tagMFADevice),
		api.Op("UntagMFADevice", s.untagMFADevice),
		api.Op("ListMFADeviceTags", s.listMFADeviceTags),
		api.Op("TagInstanceProfile", s.tagInstanceProfile),
		api.Op("UntagInstanceProfile", s.untagInstanceProfile),
		api.Op("ListInstanceProfileTags", s.listInstanceProfileTags),
	}
}

// tagged is a resource with tags, as far as they go.
type tagged struct {
	rule tagRule
	tags map[string]string
	// save saves the resource with other tags.
	save func(tx store.Tx, tags map[string]string) error
}

// findTagged returns the resource once the caller may do with it what request says.
type findTagged func(r store.Reader, request authz.Request) (tagged, error)

// saveTagged saves the record of a resource that the Resource Groups Tagging API lists, and deleteTagged deletes it.
func saveTagged[T any](tx store.Tx, key []byte, record T, arn string, tags map[string]string) error {
	if err := tagindex.Put(tx, arn, tags); err != nil {
		return err
	}
	return store.Save(tx, key, record)
}

func deleteTagged(tx store.Tx, key []byte, arn string) error {
	if err := tagindex.Remove(tx, arn); err != nil {
		return err
	}
	return tx.Delete(key)
}

func (s *Service) tag(ctx context.Context, action string, given []types.Tag, find findTagged) error {
	asked := make(map[string]string, len(given))
	for _, t := range given {
		asked[*t.Key] = *t.Value
	}
	return s.store.Update(ctx, func(tx store.Tx) error {
		resource, err := find(tx, authz.Request{Action: action, RequestTags: asked})
		if err != nil {
			return err
		}
		added, err := newTags(given, resource.rule)
		if err != nil {
			return err
		}
		all, err := addTags(resource.tags, added, resource.rule)
		if err != nil {
			return err
		}
		return resource.save(tx, all)
	})
}

func (s *Service) untag(ctx context.Context, action string, keys []string, find findTagged) error {
	return s.store.Update(ctx, func(tx store.Tx) error {
		resource, err := find(tx, authz.Request{Action: action, TagKeys: keys})
		if err != nil {
			return err
		}
		return resource.save(tx, removeTags(resource.tags, keys, resource.rule))
	})
}

func (s *Service) listTags(ctx context.Context, action string, list api.List, find findTagged) (page []types.Tag, next *string, err error) {
	err = s.store.View(ctx, func(r store.Reader) error {
		resource, err := find(r, authz.Request{Action: action})
		if err != nil {
			return err
		}
		page, next, err = pageOf(wireTags(resource.tags), list)
		return err
	})
	return page, next, err
}

func (s *Service) taggedUser(c api.Caller, name string) findTagged {
	return func(r store.Reader, request authz.Request) (tagged, error) {
		u, err := s.findUser(r, c, name, request)
		if err != nil {
			return tagged{}, err
		}
		return tagged{caseInsensitive, u.Tags, func(tx store.Tx, tags map[string]string) error {
			u.Tags = tags
			return store.Save(tx, identity.UserKey(c.Account, u.Name), u)
		}}, nil
	}
}

func (s *Service) taggedRole(c api.Caller, name string) findTagged {
	return func(r store.Reader, request authz.Request) (tagged, error) {
		role, err := s.findRole(r, c, name, request)
		if err != nil {
			return tagged{}, err
		}
		return tagged{caseInsensitive, role.Tags, func(tx store.Tx, tags map[string]string) error {
			role.Tags = tags
			return store.Save(tx, identity.RoleKey(c.Account, role.Name), role)
		}}, nil
	}
}

// taggedPolicy: the tags of AWS's policies can be listed, and not changed.
func (s *Service) taggedPolicy(c api.Caller, arn string) findTagged {
	return func(r store.Reader, request authz.Request) (tagged, error) {
		p, err := s.findPolicy(r, c, arn, request)
		if err != nil {
			return tagged{}, err
		}
		return tagged{caseSensitive, p.tags(), func(tx store.Tx, tags map[string]string) error {
			if p.local == nil {
				return deniedPolicy(c, request.Action, arn)
			}
			p.local.Tags = tags
			return savePolicy(tx, p.local)
		}}, nil
	}
}

func (s *Service) taggedOIDCProvider(c api.Caller, arn string) findTagged {
	return func(r store.Reader, request authz.Request) (tagged, error) {
		p, err := s.findOIDCProvider(r, c, arn, request)
		if err != nil {
			return tagged{}, err
		}
		return tagged{caseSensitive, p.Tags, func(tx store.Tx, tags map[string]string) error {
			p.Tags = tags
			return saveOIDCProvider(tx, p)
		}}, nil
	}
}

func (s *Service) taggedSAMLProvider(c api.Caller, arn string) findTagged {
	return func(r store.Reader, request authz.Request) (tagged, error) {
		p, err := s.findSAMLProvider(r, c, arn, request)
		if err != nil {
			return tagged{}, err
		}
		return tagged{caseSensitive, p.Tags, func(tx store.Tx, tags map[string]string) error {
			p.Tags = tags
			return saveSAMLProvider(tx, p)
		}}, nil
	}
}

func (s *Service) taggedServerCertificate(c api.Caller, name string) findTagged {
	return func(r store.Reader, request authz.Request) (tagged, error) {
		k, err := s.findServerCertificate(r, c, name, request)
		if err != nil {
			return tagged{}, err
		}
		return tagged{caseSensitive, k.Tags, func(tx store.Tx, tags map[string]string) error {
			k.Tags = tags
			return saveTagged(tx, identity.ServerCertificateKey(c.Account, k.Name), k, k.ARN(), tags)
		}}, nil
	}
}

func (s *Service) taggedMFADevice(c api.Caller, serial string) findTagged {
	return func(r store.Reader, request authz.Request) (tagged, error) {
		d, err := s.findMFADevice(r, c, serial, request)
		if err != nil {
			return tagged{}, err
		}
		return tagged{caseSensitive, d.Tags, func(tx store.Tx, tags map[string]string) error {
			d.Tags = tags
			return saveMFADevice(tx, d)
		}}, nil
	}
}

func (s *Service) taggedInstanceProfile(c api.Caller, name string) findTagged {
	return func(r store.Reader, request authz.Request) (tagged, error) {
		p, err := s.findInstanceProfile(r, c, name, request)
		if err != nil {
			return tagged{}, err
		}
		return tagged{caseSensitive, p.Tags, func(tx store.Tx, tags map[string]string) error {
			p.Tags = tags
			return saveInstanceProfile(tx, p)
		}}, nil
	}
}

func (s *Service) tagUser(ctx context.Context, c api.Caller, in *iam.TagUserInput) (*iam.TagUserOutput, error) {
	return nil, s.tag(ctx, "iam:TagUser", in.Tags, s.taggedUser(c, *in.UserName))
}

func (s *Service) untagUser(ctx context.Context, c api.Caller, in *iam.UntagUserInput) (*iam.UntagUserOutput, error) {
	return nil, s.untag(ctx, "iam:UntagUser", in.TagKeys, s.taggedUser(c, *in.UserName))
}

func (s *Service) listUserTags(ctx context.Context, c api.Caller, in *iam.ListUserTagsInput) (*iam.ListUserTagsOutput, error) {
	page, next, err := s.listTags(ctx, "iam:ListUserTags", api.ListOf(c, in), s.taggedUser(c, *in.UserName))
	return &iam.ListUserTagsOutput{Tags: page, IsTruncated: next != nil, Marker: next}, err
}

func (s *Service) tagRole(ctx context.Context, c api.Caller, in *iam.TagRoleInput) (*iam.TagRoleOutput, error) {
	return nil, s.tag(ctx, "iam:TagRole", in.Tags, s.taggedRole(c, *in.RoleName))
}

func (s *Service) untagRole(ctx context.Context, c api.Caller, in *iam.UntagRoleInput) (*iam.UntagRoleOutput, error) {
	return nil, s.untag(ctx, "iam:UntagRole", in.TagKeys, s.taggedRole(c, *in.RoleName))
}

func (s *Service) listRoleTags(ctx context.Context, c api.Caller, in *iam.ListRoleTagsInput) (*iam.ListRoleTagsOutput, error) {
	page, next, err := s.listTags(ctx, "iam:ListRoleTags", api.ListOf(c, in), s.taggedRole(c, *in.RoleName))
	return &iam.ListRoleTagsOutput{Tags: page, IsTruncated: next != nil, Marker: next}, err
}

func (s *Service) tagPolicy(ctx context.Context, c api.Caller, in *iam.TagPolicyInput) (*iam.TagPolicyOutput, error) {
	return nil, s.tag(ctx, "iam:TagPolicy", in.Tags, s.taggedPolicy(c, *in.PolicyArn))
}

func (s *Service) untagPolicy(ctx context.Context, c api.Caller, in *iam.UntagPolicyInput) (*iam.UntagPolicyOutput, error) {
	return nil, s.untag(ctx, "iam:UntagPolicy", in.TagKeys, s.taggedPolicy(c, *in.PolicyArn))
}

func (s *Service) listPolicyTags(ctx context.Context, c api.Caller, in *iam.ListPolicyTagsInput) (*iam.ListPolicyTagsOutput, error) {
	page, next, err := s.listTags(ctx, "iam:ListPolicyTags", api.ListOf(c, in), s.taggedPolicy(c, *in.PolicyArn))
	return &iam.ListPolicyTagsOutput{Tags: page, IsTruncated: next != nil, Marker: next}, err
}

func (s *Service) tagOIDCProvider(ctx context.Context, c api.Caller, in *iam.TagOpenIDConnectProviderInput) (*iam.TagOpenIDConnectProviderOutput, error) {
	return nil, s.tag(ctx, "iam:TagOpenIDConnectProvider", in.Tags, s.taggedOIDCProvider(c, *in.OpenIDConnectProviderArn))
}

func (s *Service) untagOIDCProvider(ctx context.Context, c api.Caller, in *iam.UntagOpenIDConnectProviderInput) (*iam.UntagOpenIDConnectProviderOutput, error) {
	return nil, s.untag(ctx, "iam:UntagOpenIDConnectProvider", in.TagKeys, s.taggedOIDCProvider(c, *in.OpenIDConnectProviderArn))
}

func (s *Service) listOIDCProviderTags(ctx context.Context, c api.Caller, in *iam.ListOpenIDConnectProviderTagsInput) (*iam.ListOpenIDConnectProviderTagsOutput, error) {
	page, next, err := s.listTags(ctx, "iam:ListOpenIDConnectProviderTags", api.ListOf(c, in), s.taggedOIDCProvider(c, *in.OpenIDConnectProviderArn))
	return &iam.ListOpenIDConnectProviderTagsOutput{Tags: page, IsTruncated: next != nil, Marker: next}, err
}

func (s *Service) tagSAMLProvider(ctx context.Context, c api.Caller, in *iam.TagSAMLProviderInput) (*iam.TagSAMLProviderOutput, error) {
	return nil, s.tag(ctx, "iam:TagSAMLProvider", in.Tags, s.taggedSAMLProvider(c, *in.SAMLProviderArn))
}

func (s *Service) untagSAMLProvider(ctx context.Context, c api.Caller, in *iam.UntagSAMLProviderInput) (*iam.UntagSAMLProviderOutput, error) {
	return nil, s.untag(ctx, "iam:UntagSAMLProvider", in.TagKeys, s.taggedSAMLProvider(c, *in.SAMLProviderArn))
}

func (s *Service) listSAMLProviderTags(ctx context.Context, c api.Caller, in *iam.ListSAMLProviderTagsInput) (*iam.ListSAMLProviderTagsOutput, error) {
	page, next, err := s.listTags(ctx, "iam:ListSAMLProviderTags", api.ListOf(c, in), s.taggedSAMLProvider(c, *in.SAMLProviderArn))
	return &iam.ListSAMLProviderTagsOutput{Tags: page, IsTruncated: next != nil, Marker: next}, err
}

func (s *Service) tagServerCertificate(ctx context.Context, c api.Caller, in *iam.TagServerCertificateInput) (*iam.TagServerCertificateOutput, error) {
	return nil, s.tag(ctx, "iam:TagServerCertificate", in.Tags, s.taggedServerCertificate(c, *in.ServerCertificateName))
}

func (s *Service) untagServerCertificate(ctx context.Context, c api.Caller, in *iam.UntagServerCertificateInput) (*iam.UntagServerCertificateOutput, error) {
	return nil, s.untag(ctx, "iam:UntagServerCertificate", in.TagKeys, s.taggedServerCertificate(c, *in.ServerCertificateName))
}

func (s *Service) listServerCertificateTags(ctx context.Context, c api.Caller, in *iam.ListServerCertificateTagsInput) (*iam.ListServerCertificateTagsOutput, error) {
	page, next, err := s.listTags(ctx, "iam:ListServerCertificateTags", api.ListOf(c, in), s.taggedServerCertificate(c, *in.ServerCertificateName))
	return &iam.ListServerCertificateTagsOutput{Tags: page, IsTruncated: next != nil, Marker: next}, err
}

func (s *Service) tagMFADevice(ctx context.Context, c api.Caller, in *iam.TagMFADeviceInput) (*iam.TagMFADeviceOutput, error) {
	return nil, s.tag(ctx, "iam:TagMFADevice", in.Tags, s.taggedMFADevice(c, *in.SerialNumber))
}

func (s *Service) untagMFADevice(ctx context.Context, c api.Caller, in *iam.UntagMFADeviceInput) (*iam.UntagMFADeviceOutput, error) {
	return nil, s.untag(ctx, "iam:UntagMFADevice", in.TagKeys, s.taggedMFADevice(c, *in.SerialNumber))
}

func (s *Service) listMFADeviceTags(ctx context.Context, c api.Caller, in *iam.ListMFADeviceTagsInput) (*iam.ListMFADeviceTagsOutput, error) {
	page, next, err := s.listTags(ctx, "iam:ListMFADeviceTags", api.ListOf(c, in), s.taggedMFADevice(c, *in.SerialNumber))
	return &iam.ListMFADeviceTagsOutput{Tags: page, IsTruncated: next != nil, Marker: next}, err
}

func (s *Service) tagInstanceProfile(ctx context.Context, c api.Caller, in *iam.TagInstanceProfileInput) (*iam.TagInstanceProfileOutput, error) {
	return nil, s.tag(ctx, "iam:TagInstanceProfile", in.Tags, s.taggedInstanceProfile(c, *in.InstanceProfileName))
}

func (s *Service) untagInstanceProfile(ctx context.Context, c api.Caller, in *iam.UntagInstanceProfileInput) (*iam.UntagInstanceProfileOutput, error) {
	return nil, s.untag(ctx, "iam:UntagInstanceProfile", in.TagKeys, s.taggedInstanceProfile(c, *in.InstanceProfileName))
}

func (s *Service) listInstanceProfileTags(ctx context.Context, c api.Caller, in *iam.ListInstanceProfileTagsInput) (*iam.ListInstanceProfileTagsOutput, error) {
	page, next, err := s.listTags(ctx, "iam:ListInstanceProfileTags", api.ListOf(c, in), s.taggedInstanceProfile(c, *in.InstanceProfileName))
	return &iam.ListInstanceProfileTagsOutput{Tags: page, IsTruncated: next != nil, Marker: next}, err
}
