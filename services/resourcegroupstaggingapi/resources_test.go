package resourcegroupstaggingapi_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
	"github.com/aws/smithy-go"

	"emulator/emulatortest"
	"emulator/server"
	"emulator/store"
	"emulator/store/bolt"
)

func must[T any](out T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

func wantError(t testing.TB, err error, code, message string) {
	t.Helper()
	e, ok := errors.AsType[smithy.APIError](err)
	if !ok || e.ErrorCode() != code || e.ErrorMessage() != message {
		t.Errorf("got %v, want %s: %s", err, code, message)
	}
}

func iamTags(pairs ...string) (tags []iamtypes.Tag) {
	for pair := range slices.Chunk(pairs, 2) {
		tags = append(tags, iamtypes.Tag{Key: &pair[0], Value: &pair[1]})
	}
	return tags
}

func newKey(t testing.TB, client *kms.Client, pairs ...string) *string {
	t.Helper()
	in := &kms.CreateKeyInput{}
	for pair := range slices.Chunk(pairs, 2) {
		in.Tags = append(in.Tags, kmstypes.Tag{TagKey: &pair[0], TagValue: &pair[1]})
	}
	return must(client.CreateKey(t.Context(), in))(t).KeyMetadata.Arn
}

// found lists all pages of what a request finds, as "ARN key=value …".
func found(t testing.TB, client *tagging.Client, in *tagging.GetResourcesInput) (lines []string) {
	t.Helper()
	for {
		out := must(client.GetResources(t.Context(), in))(t)
		for _, r := range out.ResourceTagMappingList {
			line := *r.ResourceARN
			for _, tag := range r.Tags {
				line += " " + *tag.Key + "=" + *tag.Value
			}
			lines = append(lines, line)
		}
		if in.PaginationToken = out.PaginationToken; *in.PaginationToken == "" {
			return lines
		}
	}
}

func wantSound(t testing.TB, e *emulatortest.Emulator) {
	t.Helper()
	resp := must(http.Get(e.URL + "/_emulator/check"))(t)
	defer resp.Body.Close()
	if text := string(must(io.ReadAll(resp.Body))(t)); strings.TrimSpace(text) != `{"findings":[]}` {
		t.Errorf("check: %s", text)
	}
}

const arn = "arn:aws:iam::000000000000:"

// Every kind of resource is listed where it is, with the tags that it has at the time. IAM's users and roles are not:
// https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/supported-services.html
func TestGetResources(t *testing.T) {
	ctx, e := t.Context(), emulatortest.Start(t)
	people, keys, client := iam.NewFromConfig(e.Config()), kms.NewFromConfig(e.Config()), tagging.NewFromConfig(e.Config())
	europe := e.ConfigWith("test", "test", "", "eu-west-1")
	trust := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}}`
	document := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`
	tags := iamTags("team", "a", "stage", "prod")
	must(people.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("ann"), Tags: tags}))(t)
	must(people.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("app"), AssumeRolePolicyDocument: &trust, Tags: tags}))(t)
	must(people.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("p"), Path: aws.String("/x/"), PolicyDocument: &document, Tags: tags}))(t)
	must(people.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("untagged"), PolicyDocument: &document}))(t)
	must(people.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: aws.String("i"), Tags: tags}))(t)
	must(people.CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://id.example"), Tags: tags}))(t)
	must(people.CreateVirtualMFADevice(ctx, &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: aws.String("m"), Tags: tags}))(t)
	key, untagged, other := newKey(t, keys, "team", "b"), newKey(t, keys), newKey(t, kms.NewFromConfig(europe), "team", "c")
	const both = " stage=prod team=a"
	iams := []string{arn + "instance-profile/i" + both, arn + "mfa/m" + both, arn + "oidc-provider/id.example" + both, arn + "policy/x/p" + both}
	all := append(slices.Clone(iams), *key+" team=b")
	if got := found(t, client, &tagging.GetResourcesInput{}); !slices.Equal(got, all) {
		t.Errorf("all: %q", got)
	}
	if got := found(t, tagging.NewFromConfig(europe), &tagging.GetResourcesInput{}); !slices.Equal(got, []string{*other + " team=c"}) {
		t.Errorf("in another Region: %q", got)
	}
	for name, test := range map[string]struct {
		in   tagging.GetResourcesInput
		want []string
	}{
		"a service":            {tagging.GetResourcesInput{ResourceTypeFilters: []string{"kms"}}, all[4:]},
		"a type":               {tagging.GetResourcesInput{ResourceTypeFilters: []string{"iam:policy"}}, all[3:4]},
		"two types":            {tagging.GetResourcesInput{ResourceTypeFilters: []string{"iam:mfa", "kms:key"}}, []string{all[1], all[4]}},
		"of what is not here":  {tagging.GetResourcesInput{ResourceTypeFilters: []string{"ec2:instance"}}, nil},
		"users":                {tagging.GetResourcesInput{ResourceTypeFilters: []string{"iam:user", "iam:role"}}, nil},
		"a key":                {tagging.GetResourcesInput{TagFilters: []types.TagFilter{{Key: aws.String("team")}}}, all},
		"a key of some":        {tagging.GetResourcesInput{TagFilters: []types.TagFilter{{Key: aws.String("stage")}}}, iams},
		"case":                 {tagging.GetResourcesInput{TagFilters: []types.TagFilter{{Key: aws.String("Team")}}}, nil},
		"a value":              {tagging.GetResourcesInput{TagFilters: []types.TagFilter{{Key: aws.String("team"), Values: []string{"b"}}}}, all[4:]},
		"one of two":           {tagging.GetResourcesInput{TagFilters: []types.TagFilter{{Key: aws.String("team"), Values: []string{"b", "a"}}}}, all},
		"both":                 {tagging.GetResourcesInput{TagFilters: []types.TagFilter{{Key: aws.String("team"), Values: []string{"a"}}, {Key: aws.String("stage")}}, ResourceTypeFilters: []string{"iam:mfa"}}, all[1:2]},
		"ARNs":                 {tagging.GetResourcesInput{ResourceARNList: []string{*key, arn + "mfa/m", *key, *untagged, *other, arn + "role/app", arn + "policy/none"}}, []string{all[4], all[1]}},
		"pages of one":         {tagging.GetResourcesInput{ResourcesPerPage: aws.Int32(1)}, all},
		"pages of two":         {tagging.GetResourcesInput{ResourcesPerPage: aws.Int32(2), ResourceTypeFilters: []string{"iam"}}, iams},
		"what does not comply": {tagging.GetResourcesInput{IncludeComplianceDetails: aws.Bool(true), ExcludeCompliantResources: aws.Bool(true)}, nil},
	} {
		if got := found(t, client, &test.in); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
	if out := must(client.GetResources(ctx, &tagging.GetResourcesInput{IncludeComplianceDetails: aws.Bool(true)}))(t); !*out.ResourceTagMappingList[0].ComplianceDetails.ComplianceStatus {
		t.Error("does not comply")
	}

	// What had tags is listed without, what is deleted is not.
	must(people.UntagPolicy(ctx, &iam.UntagPolicyInput{PolicyArn: aws.String(arn + "policy/x/p"), TagKeys: []string{"team", "stage"}}))(t)
	must(people.TagInstanceProfile(ctx, &iam.TagInstanceProfileInput{InstanceProfileName: aws.String("i"), Tags: iamTags("team", "z")}))(t)
	must(people.DeleteVirtualMFADevice(ctx, &iam.DeleteVirtualMFADeviceInput{SerialNumber: aws.String(arn + "mfa/m")}))(t)
	must(people.DeleteOpenIDConnectProvider(ctx, &iam.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: aws.String(arn + "oidc-provider/id.example")}))(t)
	must(keys.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: key, PendingWindowInDays: aws.Int32(7)}))(t)
	e.Clock.Advance(8 * 24 * time.Hour)
	newKey(t, keys) // sweeps
	if got := found(t, client, &tagging.GetResourcesInput{}); !slices.Equal(got, []string{arn + "instance-profile/i stage=prod team=z", arn + "policy/x/p"}) {
		t.Errorf("afterwards: %q", got)
	}
	wantSound(t, e)
	must(people.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: aws.String(arn + "policy/x/p")}))(t)
	must(people.DeleteInstanceProfile(ctx, &iam.DeleteInstanceProfileInput{InstanceProfileName: aws.String("i")}))(t)
	if got := found(t, client, &tagging.GetResourcesInput{}); len(got) > 0 || len(must(client.GetTagKeys(ctx, nil))(t).TagKeys) > 0 {
		t.Errorf("at the end: %q", got)
	}
	wantSound(t, e)
}

func TestTagKeysAndValues(t *testing.T) {
	ctx, e := t.Context(), emulatortest.Start(t)
	keys, client := kms.NewFromConfig(e.Config()), tagging.NewFromConfig(e.Config())
	var wantKeys, wantValues []string
	for i := range 6 {
		var pairs []string
		for j := range 40 {
			name := fmt.Sprintf("k%03d", (i*40+j)%120) // each twice
			pairs = append(pairs, name, "v")
			wantKeys = append(wantKeys, name)
		}
		newKey(t, keys, pairs...)
	}
	for i := range 130 {
		value := fmt.Sprintf("v%03d", i)
		wantValues = append(wantValues, value)
		newKey(t, keys, "shared", value, "empty", "")
	}
	newKey(t, keys, "shared", "") // before all others
	wantValues = append([]string{""}, wantValues...)
	slices.Sort(wantKeys)
	wantKeys = append([]string{"empty"}, append(slices.Compact(wantKeys), "shared")...)

	var got []string
	for in := (&tagging.GetTagKeysInput{}); ; {
		out := must(client.GetTagKeys(ctx, in))(t)
		got = append(got, out.TagKeys...)
		if in.PaginationToken = out.PaginationToken; *in.PaginationToken == "" {
			break
		}
	}
	if !slices.Equal(got, wantKeys) {
		t.Errorf("keys %q", got)
	}
	values := func(key string) (got []string) {
		t.Helper()
		for in := (&tagging.GetTagValuesInput{Key: &key}); ; {
			out := must(client.GetTagValues(ctx, in))(t)
			got = append(got, out.TagValues...)
			if in.PaginationToken = out.PaginationToken; *in.PaginationToken == "" {
				return got
			}
		}
	}
	if got := values("shared"); !slices.Equal(got, wantValues) {
		t.Errorf("values %q", got)
	}
	if got := values("empty"); !slices.Equal(got, []string{""}) {
		t.Errorf("empty values %q", got)
	}
	if got := values("share"); len(got) > 0 {
		t.Errorf("values of no key: %q", got)
	}
	if got := found(t, client, &tagging.GetResourcesInput{TagsPerPage: aws.Int32(100), TagFilters: []types.TagFilter{{Key: aws.String("k001")}}}); len(got) != 2 {
		t.Errorf("pages by tags: %d", len(got))
	}
	if out := must(client.GetResources(ctx, &tagging.GetResourcesInput{TagsPerPage: aws.Int32(100)}))(t); *out.PaginationToken == "" || len(out.ResourceTagMappingList) > 100 {
		t.Errorf("a page of %d", len(out.ResourceTagMappingList))
	}
}

// A filter that leaves little takes many pages, each of bounded work: some are empty.
func TestPagesAreBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of policies")
	}
	ctx, e := t.Context(), emulatortest.Start(t, server.Config{Quotas: []string{"off"}})
	people, client := iam.NewFromConfig(e.Config()), tagging.NewFromConfig(e.Config())
	document := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`
	for i := range 2100 {
		must(people.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String(fmt.Sprintf("p%04d", i)), PolicyDocument: &document, Tags: iamTags("k", "v")}))(t)
	}
	must(people.TagPolicy(ctx, &iam.TagPolicyInput{PolicyArn: aws.String(arn + "policy/p2099"), Tags: iamTags("rare", "x")}))(t)
	in := &tagging.GetResourcesInput{TagFilters: []types.TagFilter{{Key: aws.String("rare")}}}
	if out := must(client.GetResources(ctx, in))(t); len(out.ResourceTagMappingList) > 0 || *out.PaginationToken == "" {
		t.Errorf("the first page has %d", len(out.ResourceTagMappingList))
	}
	if got := found(t, client, in); !slices.Equal(got, []string{arn + "policy/p2099 k=v rare=x"}) {
		t.Errorf("found %q", got)
	}
}

func TestErrors(t *testing.T) {
	ctx, e := t.Context(), emulatortest.Start(t)
	keys, client := kms.NewFromConfig(e.Config()), tagging.NewFromConfig(e.Config())
	for range 3 {
		newKey(t, keys, "team", "a")
	}
	const code = "InvalidParameterException"
	one := []string{"arn:aws:iam::000000000000:policy/p"}
	for want, in := range map[string]*tagging.GetResourcesInput{
		"ResourceARNList and ResourceTypeFilters can't be specified in the same request.":   {ResourceARNList: one, ResourceTypeFilters: []string{"kms"}},
		"ResourceARNList and TagFilters can't be specified in the same request.":            {ResourceARNList: one, TagFilters: []types.TagFilter{{Key: aws.String("k")}}},
		"ResourceARNList and pagination parameters can't be specified in the same request.": {ResourceARNList: one, ResourcesPerPage: aws.Int32(5)},
		"ResourcesPerPage must be between 1 and 100.":                                       {ResourcesPerPage: aws.Int32(101)},
		"TagsPerPage must be between 100 and 500.":                                          {TagsPerPage: aws.Int32(99)},
		"ExcludeCompliantResources requires IncludeComplianceDetails.":                      {ExcludeCompliantResources: aws.Bool(true)},
		"ResourceTypeFilters has more than 100 items.":                                      {ResourceTypeFilters: make([]string, 101)},
		"kms: is not a resource type: the format is service[:resourceType].":                {ResourceTypeFilters: []string{"kms:"}},
		"A tag filter must have a key.":                                                     {TagFilters: []types.TagFilter{{Values: []string{"v"}}}},
		"nonsense is not a valid AmazonResourceName (ARN)":                                  {ResourceARNList: []string{"nonsense"}},
		"The pagination token is not valid.":                                                {PaginationToken: aws.String("nonsense")},
	} {
		_, err := client.GetResources(ctx, in)
		wantError(t, err, code, want)
	}
	_, err := client.GetTagKeys(ctx, &tagging.GetTagKeysInput{PaginationToken: aws.String("nonsense")})
	wantError(t, err, code, "The pagination token is not valid.")
	_, err = client.GetTagValues(ctx, &tagging.GetTagValuesInput{Key: aws.String("team"), PaginationToken: aws.String("nonsense")})
	wantError(t, err, code, "The pagination token is not valid.")

	// A token is good for a quarter of an hour, and for the list that it is of.
	in := &tagging.GetResourcesInput{ResourcesPerPage: aws.Int32(1)}
	in.PaginationToken = must(client.GetResources(ctx, in))(t).PaginationToken
	_, err = client.GetResources(ctx, &tagging.GetResourcesInput{PaginationToken: in.PaginationToken, ResourceTypeFilters: []string{"kms"}})
	wantError(t, err, code, "The pagination token is not valid.")
	e.Clock.Advance(14 * time.Minute)
	must(client.GetResources(ctx, in))(t)
	e.Clock.Advance(2 * time.Minute)
	_, err = client.GetResources(ctx, in)
	wantError(t, err, "PaginationTokenExpiredException", "The pagination token is expired.")
	_, err = client.TagResources(ctx, &tagging.TagResourcesInput{ResourceARNList: one, Tags: map[string]string{"a": "b"}})
	wantError(t, err, "UnsupportedOperationException", "The operation TagResources is not supported by this emulator.")
}

// Keys and values, too, come in pages whose tokens end.
func TestPagesOfKeys(t *testing.T) {
	ctx, e := t.Context(), emulatortest.Start(t)
	client, policies := tagging.NewFromConfig(e.Config()), iam.NewFromConfig(e.Config())
	document := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`
	const made = 101
	for n := range made {
		name := fmt.Sprint("n", n)
		must(policies.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: &name, PolicyDocument: &document, Tags: iamTags("team", name, name, "v")}))(t)
	}
	team := aws.String("team")
	keys := must(client.GetTagKeys(ctx, nil))(t)
	values := must(client.GetTagValues(ctx, &tagging.GetTagValuesInput{Key: team}))(t)
	moreKeys := must(client.GetTagKeys(ctx, &tagging.GetTagKeysInput{PaginationToken: keys.PaginationToken}))(t)
	moreValues := must(client.GetTagValues(ctx, &tagging.GetTagValuesInput{Key: team, PaginationToken: values.PaginationToken}))(t)
	if len(keys.TagKeys)+len(moreKeys.TagKeys) != made+1 || *moreKeys.PaginationToken != "" || len(values.TagValues)+len(moreValues.TagValues) != made || *moreValues.PaginationToken != "" {
		t.Errorf("%d and %d keys, %d and %d values", len(keys.TagKeys), len(moreKeys.TagKeys), len(values.TagValues), len(moreValues.TagValues))
	}
	e.Clock.Advance(16 * time.Minute)
	const expired = "PaginationTokenExpiredException"
	_, err := client.GetTagKeys(ctx, &tagging.GetTagKeysInput{PaginationToken: keys.PaginationToken})
	wantError(t, err, expired, "The pagination token is expired.")
	_, err = client.GetTagValues(ctx, &tagging.GetTagValuesInput{Key: team, PaginationToken: values.PaginationToken})
	wantError(t, err, expired, "The pagination token is expired.")
}

// Resources without a Region are listed in the home Region of their partition.
func TestHomeRegion(t *testing.T) {
	ctx, e := t.Context(), emulatortest.Start(t)
	china := e.ConfigWith("test", "test", "", "cn-north-1")
	document := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`
	must(iam.NewFromConfig(china).CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("p"), PolicyDocument: &document, Tags: iamTags("k", "v")}))(t)
	for region, want := range map[string]int{"cn-north-1": 1, "cn-northwest-1": 0, "us-east-1": 0} {
		if got := found(t, tagging.NewFromConfig(e.ConfigWith("test", "test", "", region)), &tagging.GetResourcesInput{}); len(got) != want {
			t.Errorf("in %s: %q", region, got)
		}
	}
}

// A database of an older version has no index: it is made when the database is opened. A reset empties it.
func TestOlderDatabase(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	t.Run("before", func(t *testing.T) {
		e := emulatortest.Start(t, server.Config{DataDir: dir})
		newKey(t, kms.NewFromConfig(e.Config()), "k", "v")
		document := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`
		must(iam.NewFromConfig(e.Config()).CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("p"), PolicyDocument: &document, Tags: iamTags("k", "v")}))(t)
	})
	db := must(bolt.Open(filepath.Join(dir, "emulator.db"), bolt.Options{}))(t)
	if err := db.Update(ctx, func(tx store.Tx) error {
		var keys [][]byte
		for key := range tx.Scan([]byte("tag"), nil) {
			keys = append(keys, slices.Clone(key))
		}
		if len(keys) != 5 {
			t.Errorf("%d records of tags", len(keys))
		}
		for _, key := range keys {
			if err := tx.Delete(key); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	e := emulatortest.Start(t, server.Config{DataDir: dir})
	client := tagging.NewFromConfig(e.Config())
	if got := found(t, client, &tagging.GetResourcesInput{TagFilters: []types.TagFilter{{Key: aws.String("k"), Values: []string{"v"}}}}); len(got) != 2 {
		t.Errorf("found %q", got)
	}
	wantSound(t, e)
	resp := must(http.Post(e.URL+"/_emulator/reset", "application/json", strings.NewReader(`{"account":"000000000000"}`)))(t)
	resp.Body.Close()
	if got := found(t, client, &tagging.GetResourcesInput{}); resp.StatusCode != 200 || len(got) > 0 || len(must(client.GetTagKeys(ctx, nil))(t).TagKeys) > 0 {
		t.Errorf("after a reset (%d): %q", resp.StatusCode, got)
	}
	wantSound(t, e)
}
