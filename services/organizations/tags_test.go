package organizations_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	taggingtypes "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"

	"emulator/server"
)

func tagsOf(pairs ...string) (tags []types.Tag) {
	for i := 0; i < len(pairs); i += 2 {
		tags = append(tags, types.Tag{Key: &pairs[i], Value: &pairs[i+1]})
	}
	return tags
}

// tags returns a resource's as "key=value ".
func (o *tree) tags(id string) (text string) {
	o.t.Helper()
	out, err := o.ListTagsForResource(o.t.Context(), &organizations.ListTagsForResourceInput{ResourceId: &id})
	check(o.t, err)
	for _, t := range out.Tags {
		text += *t.Key + "=" + *t.Value + " "
	}
	return text
}

func TestTags(t *testing.T) {
	o := newTree(t)
	unit, err := o.CreateOrganizationalUnit(t.Context(), &organizations.CreateOrganizationalUnitInput{ParentId: &o.root, Name: aws.String("u"), Tags: tagsOf("b", "1", "a", "")})
	check(t, err)
	made, err := o.CreateAccount(t.Context(), &organizations.CreateAccountInput{AccountName: aws.String("a"), Email: aws.String("a@example.com"), Tags: tagsOf("b", "1", "a", "")})
	check(t, err)
	status, err := o.DescribeCreateAccountStatus(t.Context(), &organizations.DescribeCreateAccountStatusInput{CreateAccountRequestId: made.CreateAccountStatus.Id})
	check(t, err)
	_, err = o.TagResource(t.Context(), &organizations.TagResourceInput{ResourceId: &o.root, Tags: tagsOf("b", "1", "a", "")})
	check(t, err)
	for _, id := range []string{*unit.OrganizationalUnit.Id, *status.CreateAccountStatus.AccountId, o.root} {
		if got := o.tags(id); got != "a= b=1 " {
			t.Errorf("tags of %s: %s", id, got)
		}
		_, err := o.TagResource(t.Context(), &organizations.TagResourceInput{ResourceId: &id, Tags: tagsOf("b", "2", "B", "3")})
		check(t, err)
		_, err = o.UntagResource(t.Context(), &organizations.UntagResourceInput{ResourceId: &id, TagKeys: []string{"a", "never"}})
		check(t, err)
		if got := o.tags(id); got != "B=3 b=2 " {
			t.Errorf("tags of %s: %s", id, got)
		}
		_, err = o.UntagResource(t.Context(), &organizations.UntagResourceInput{ResourceId: &id, TagKeys: []string{"b", "B"}})
		check(t, err)
		if got := o.tags(id); got != "" {
			t.Errorf("tags of %s: %s", id, got)
		}
	}
}

// The tags of all resources are found by the Resource Groups Tagging API, until their resource is gone.
//
// https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/supported-services.html
func TestTagsAreFound(t *testing.T) {
	o := newTree(t)
	tagged := func() (arns []string) {
		t.Helper()
		found, err := tagging.NewFromConfig(o.e.Config()).GetResources(t.Context(), &tagging.GetResourcesInput{ResourceTypeFilters: []string{"organizations"}, TagFilters: []taggingtypes.TagFilter{{Key: aws.String("team")}}})
		check(t, err)
		for _, m := range found.ResourceTagMappingList {
			arns = append(arns, *m.ResourceARN)
		}
		return arns
	}
	unit, policy, account := o.unit(o.root, "u"), o.policy(scp, "p", denyIAM), o.account(o.root, "a")
	for _, id := range []string{unit, policy, account, o.root} {
		_, err := o.TagResource(t.Context(), &organizations.TagResourceInput{ResourceId: &id, Tags: tagsOf("team", "red")})
		check(t, err)
	}
	arn := "arn:aws:organizations::000000000000:"
	if got, want := tagged(), []string{arn + "account/" + o.id + "/" + account, arn + "ou/" + o.id + "/" + unit, arn + "policy/" + o.id + "/service_control_policy/" + policy, arn + "root/" + o.id + "/" + o.root}; !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
	_, err := o.DeleteOrganizationalUnit(t.Context(), &organizations.DeleteOrganizationalUnitInput{OrganizationalUnitId: &unit})
	check(t, err)
	_, err = o.DeletePolicy(t.Context(), &organizations.DeletePolicyInput{PolicyId: &policy})
	check(t, err)
	_, err = o.UntagResource(t.Context(), &organizations.UntagResourceInput{ResourceId: &account, TagKeys: []string{"team"}})
	check(t, err)
	if got := tagged(); len(got) != 1 {
		t.Errorf("found %q", got)
	}
}

// Tags that can't be, of a new unit as of an old one.
func TestTagsAreRefused(t *testing.T) {
	o := newTree(t, server.Config{Quotas: []string{"organizations.TagsPerResource=3"}})
	for name, c := range map[string]struct {
		tags []types.Tag
		want func(error)
	}{
		"a key twice": {tagsOf("a", "1", "a", "1"), func(err error) { wantInput(t, err, types.InvalidInputExceptionReasonDuplicateTagKey) }},
		"AWS's own":   {tagsOf("AWS:x", "1"), func(err error) { wantInput(t, err, types.InvalidInputExceptionReasonInvalidSystemTagsParameter) }},
		"too many":    {tagsOf("a", "1", "b", "1", "c", "1", "d", "1"), func(err error) { wantConstraint(t, err, types.ConstraintViolationExceptionReasonMaxTagLimitExceeded) }},
		"no letters":  {tagsOf("a\x01", "1"), func(err error) { wantInput(t, err, types.InvalidInputExceptionReasonInvalidPattern) }},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := o.CreateOrganizationalUnit(t.Context(), &organizations.CreateOrganizationalUnitInput{ParentId: &o.root, Name: &name, Tags: c.tags})
			c.want(err)
			_, err = o.TagResource(t.Context(), &organizations.TagResourceInput{ResourceId: &o.root, Tags: c.tags})
			c.want(err)
		})
	}
	for i := range 2 {
		_, err := o.TagResource(t.Context(), &organizations.TagResourceInput{ResourceId: &o.root, Tags: tagsOf(fmt.Sprint("a", i), "1", fmt.Sprint("b", i), "1")})
		if i == 1 {
			wantConstraint(t, err, types.ConstraintViolationExceptionReasonMaxTagLimitExceeded)
		} else {
			check(t, err)
		}
	}
	_, err := o.UntagResource(t.Context(), &organizations.UntagResourceInput{ResourceId: &o.root, TagKeys: []string{"aws:x"}})
	wantInput(t, err, types.InvalidInputExceptionReasonInvalidSystemTagsParameter)
	for _, id := range []string{"999999999999", "ou-" + o.root[2:] + "-aaaaaaaa", "r-zzzz0", "p-aaaaaaaa"} {
		_, err = o.ListTagsForResource(t.Context(), &organizations.ListTagsForResourceInput{ResourceId: &id})
		wantCode(t, err, "TargetNotFoundException")
		_, err = o.TagResource(t.Context(), &organizations.TagResourceInput{ResourceId: &id, Tags: tagsOf("a", "b")})
		wantCode(t, err, "TargetNotFoundException")
	}
}
