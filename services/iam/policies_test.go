package iam_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"

	"emulator/emulatortest"
)

// document is a policy with unusual white space, to see that it comes back as it was.
const document = `{ "Version":"2012-10-17",
	"Statement": {"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::b+ü/100%/*"}  }`

const administrator = "arn:aws:iam::aws:policy/AdministratorAccess"

// startIAM returns a client that is the root user of a new emulator.
func startIAM(t *testing.T) *iam.Client {
	t.Helper()
	return iam.NewFromConfig(emulatortest.Start(t).Config())
}

// must returns out, or ends the test.
func must[T any](out T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

// wantError checks code and message of an error of AWS.
func wantError(t testing.TB, err error, code, message string) {
	t.Helper()
	e, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		t.Errorf("got %v, want %s: %s", err, code, message)
		return
	}
	if e.ErrorCode() != code || e.ErrorMessage() != message {
		t.Errorf("got  %s: %s\nwant %s: %s", e.ErrorCode(), e.ErrorMessage(), code, message)
	}
}

// bigDocument returns a policy of size characters that are not white space.
func bigDocument(size int) string {
	const form = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::%s"}]}`
	return fmt.Sprintf(form, strings.Repeat("x", size-len(form)+len("%s")))
}

func makePolicy(t testing.TB, client *iam.Client, name string) string {
	t.Helper()
	out := must(client.CreatePolicy(context.Background(), &iam.CreatePolicyInput{PolicyName: &name, PolicyDocument: aws.String(document)}))(t)
	return *out.Policy.Arn
}

func TestPolicy(t *testing.T) {
	ctx, client := context.Background(), startIAM(t)
	created := must(client.CreatePolicy(ctx, &iam.CreatePolicyInput{
		PolicyName: aws.String("Read"), Path: aws.String("/team/a/"), PolicyDocument: aws.String(document),
		Description: aws.String("reads"), Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}},
	}))(t).Policy
	const arn = "arn:aws:iam::000000000000:policy/team/a/Read"
	if *created.Arn != arn || *created.PolicyName != "Read" || *created.Path != "/team/a/" || *created.DefaultVersionId != "v1" ||
		!strings.HasPrefix(*created.PolicyId, "ANPA") || len(*created.PolicyId) != 21 || !created.IsAttachable ||
		*created.AttachmentCount != 0 || *created.PermissionsBoundaryUsageCount != 0 || len(created.Tags) != 1 ||
		time.Since(*created.CreateDate) > time.Minute || !created.CreateDate.Equal(*created.UpdateDate) {
		t.Errorf("created %+v", *created)
	}
	got := must(client.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: aws.String(arn)}))(t).Policy
	if *got.PolicyId != *created.PolicyId || *got.Description != "reads" || len(got.Tags) != 1 || *got.Tags[0].Value != "v" {
		t.Errorf("got %+v", *got)
	}
	version := must(client.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: aws.String(arn), VersionId: aws.String("v1")}))(t).PolicyVersion
	if text, err := url.PathUnescape(*version.Document); err != nil || text != document || strings.ContainsAny(*version.Document, "+ \n{\"") {
		t.Errorf("document %s", *version.Document)
	}
	if !version.IsDefaultVersion || *version.VersionId != "v1" {
		t.Errorf("version %+v", *version)
	}
	must(client.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: aws.String(arn)}))(t)
	_, err := client.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: aws.String(arn)})
	wantError(t, err, "NoSuchEntity", "Policy "+arn+" was not found.")
	// A new policy of that name starts anew.
	again := must(client.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("Read"), PolicyDocument: aws.String(document)}))(t).Policy
	if *again.PolicyId == *created.PolicyId || *again.DefaultVersionId != "v1" {
		t.Errorf("made anew: %+v", *again)
	}
}

func TestAWSManagedPolicy(t *testing.T) {
	ctx, client := context.Background(), startIAM(t)
	p := must(client.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: aws.String(administrator)}))(t).Policy
	if *p.PolicyName != "AdministratorAccess" || *p.Path != "/" || *p.DefaultVersionId != "v1" || *p.AttachmentCount != 0 ||
		p.CreateDate.Format(time.DateOnly) != "2015-02-06" {
		t.Errorf("got %+v", *p)
	}
	v := must(client.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: aws.String(administrator), VersionId: p.DefaultVersionId}))(t).PolicyVersion
	text, _ := url.PathUnescape(*v.Document)
	if !json.Valid([]byte(text)) || !strings.Contains(text, `"Action": "*"`) {
		t.Errorf("document %s", text)
	}
	versions := must(client.ListPolicyVersions(ctx, &iam.ListPolicyVersionsInput{PolicyArn: aws.String(administrator)}))(t).Versions
	if len(versions) != 1 || !versions[0].IsDefaultVersion || versions[0].Document != nil {
		t.Errorf("versions %+v", versions)
	}
	if tags := must(client.ListPolicyTags(ctx, &iam.ListPolicyTagsInput{PolicyArn: aws.String(administrator)}))(t); len(tags.Tags) != 0 {
		t.Errorf("tags %+v", tags)
	}
	// Of a policy that AWS changed, old versions are known by number and date.
	const readOnly = "arn:aws:iam::aws:policy/ReadOnlyAccess"
	old := must(client.ListPolicyVersions(ctx, &iam.ListPolicyVersionsInput{PolicyArn: aws.String(readOnly)}))(t)
	if len(old.Versions) != 100 || !old.IsTruncated || !old.Versions[0].IsDefaultVersion || old.Versions[1].IsDefaultVersion ||
		old.Versions[99].CreateDate.After(*old.Versions[0].CreateDate) {
		t.Errorf("%d versions of %s, truncated %t", len(old.Versions), readOnly, old.IsTruncated)
	}
	_, err := client.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: aws.String(readOnly), VersionId: old.Versions[1].VersionId})
	wantError(t, err, "NotImplemented", "Of "+readOnly+", version "+*old.Versions[0].VersionId+" alone is supported.")
	_, err = client.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: aws.String(readOnly), VersionId: aws.String("v9999")})
	wantError(t, err, "NoSuchEntity", "Policy "+readOnly+" version v9999 does not exist or is not attachable.")
	// Nobody changes AWS's policies, nor sees those of another account.
	const other = "arn:aws:iam::222222222222:policy/p"
	denied := func(action, arn string) string {
		return "User: arn:aws:iam::000000000000:root is not authorized to perform: iam:" + action + " on resource: policy " + arn
	}
	for action, call := range map[string]func(arn *string) error{
		"DeletePolicy": func(arn *string) error {
			_, err := client.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: arn})
			return err
		},
		"CreatePolicyVersion": func(arn *string) error {
			_, err := client.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: aws.String(document)})
			return err
		},
		"DeletePolicyVersion": func(arn *string) error {
			_, err := client.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: aws.String("v1")})
			return err
		},
		"SetDefaultPolicyVersion": func(arn *string) error {
			_, err := client.SetDefaultPolicyVersion(ctx, &iam.SetDefaultPolicyVersionInput{PolicyArn: arn, VersionId: aws.String("v1")})
			return err
		},
		"TagPolicy": func(arn *string) error {
			_, err := client.TagPolicy(ctx, &iam.TagPolicyInput{PolicyArn: arn, Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}})
			return err
		},
		"UntagPolicy": func(arn *string) error {
			_, err := client.UntagPolicy(ctx, &iam.UntagPolicyInput{PolicyArn: arn, TagKeys: []string{"k"}})
			return err
		},
	} {
		wantError(t, call(aws.String(administrator)), "AccessDenied", denied(action, administrator))
		wantError(t, call(aws.String(other)), "AccessDenied", denied(action, other))
	}
	_, err = client.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: aws.String(other)})
	wantError(t, err, "AccessDenied", denied("GetPolicy", other))
}

func TestPolicyErrors(t *testing.T) {
	ctx, client := context.Background(), startIAM(t)
	arn := makePolicy(t, client, "Taken")
	create := func(name, document string) error {
		_, err := client.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: &name, PolicyDocument: &document})
		return err
	}
	get := func(arn string) error {
		_, err := client.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &arn})
		return err
	}
	version := func(document string) error {
		_, err := client.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: &arn, PolicyDocument: &document})
		return err
	}
	const missing = "arn:aws:iam::000000000000:policy/Missing"
	for _, test := range []struct {
		err           error
		code, message string
	}{
		{create("Taken", document), "EntityAlreadyExists", "A policy called Taken already exists. Duplicate names are not allowed."},
		{create("TAKEN", document), "EntityAlreadyExists", "A policy called TAKEN already exists. Duplicate names are not allowed."},
		{create("Broken", `{"Version":"2012-10-17"`), "MalformedPolicyDocument", "Syntax errors in policy."},
		{create("Big", bigDocument(6145)), "LimitExceeded", "Cannot exceed quota for PolicySize: 6144"},
		{version(bigDocument(6145)), "LimitExceeded", "Cannot exceed quota for PolicySize: 6144"},
		{version("{}"), "MalformedPolicyDocument", "Syntax errors in policy."},
		{get(missing), "NoSuchEntity", "Policy " + missing + " was not found."},
		{get("arn:aws:iam::000000000000:policy/taken"), "NoSuchEntity", "Policy arn:aws:iam::000000000000:policy/taken was not found."},
		{get("arn:aws:iam::000000000000:policy/path/Taken"), "NoSuchEntity", "Policy arn:aws:iam::000000000000:policy/path/Taken was not found."},
		{get("arn:aws:iam::aws:policy/Missing"), "NoSuchEntity", "Policy arn:aws:iam::aws:policy/Missing was not found."},
		{get("AdministratorAccess1"), "ValidationError", "Invalid ARN:  Could not be parsed!"},
		{get("arn:aws:iam::000000000000:role/Taken"), "InvalidInput", "ARN arn:aws:iam::000000000000:role/Taken is not valid."},
		{get("arn:aws:iam:us-east-1:000000000000:policy/Taken"), "InvalidInput", "ARN arn:aws:iam:us-east-1:000000000000:policy/Taken is not valid."},
		{get("arn:aws:iam::000000000000:policy/Taken "), "InvalidInput", "ARN arn:aws:iam::000000000000:policy/Taken  is not valid."},
		{get("arn:aws:iam::000000000000:policy/"), "InvalidInput", "ARN arn:aws:iam::000000000000:policy/ is not valid."},
		{get("arn:aws-cn:iam::000000000000:policy/Taken"), "ValidationError", "Invalid ARN partition"},
	} {
		wantError(t, test.err, test.code, test.message)
	}
	// What is at the limit is accepted, however much white space there is.
	if err := create("Fits", strings.ReplaceAll(bigDocument(6144), `"Statement":[`, `"Statement": [`+strings.Repeat("\n \t", 500))); err != nil {
		t.Error(err)
	}
	if out := must(client.ListPolicies(ctx, &iam.ListPoliciesInput{Scope: types.PolicyScopeTypeLocal}))(t); len(out.Policies) != 2 {
		t.Errorf("after the failures there are %d policies, want 2", len(out.Policies))
	}
	if out := must(client.ListPolicyVersions(ctx, &iam.ListPolicyVersionsInput{PolicyArn: &arn}))(t); len(out.Versions) != 1 {
		t.Errorf("after the failures there are %d versions, want 1", len(out.Versions))
	}
}

func TestPolicyVersions(t *testing.T) {
	ctx, client := context.Background(), startIAM(t)
	arn := aws.String(makePolicy(t, client, "P"))
	add := func(asDefault bool) (*iam.CreatePolicyVersionOutput, error) {
		return client.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: aws.String(bigDocument(200)), SetAsDefault: asDefault})
	}
	remove := func(id string) error {
		_, err := client.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: &id})
		return err
	}
	list := func() (ids []string) {
		t.Helper()
		p := iam.NewListPolicyVersionsPaginator(client, &iam.ListPolicyVersionsInput{PolicyArn: arn, MaxItems: aws.Int32(2)})
		for p.HasMorePages() {
			for _, v := range must(p.NextPage(ctx))(t).Versions {
				id := *v.VersionId
				if v.IsDefaultVersion {
					id += "*"
				}
				ids = append(ids, id)
			}
		}
		return ids
	}
	for i, asDefault := range []bool{false, true, false, false} {
		v := must(add(asDefault))(t).PolicyVersion
		if *v.VersionId != fmt.Sprintf("v%d", i+2) || v.IsDefaultVersion != asDefault || v.Document != nil {
			t.Errorf("created %+v", *v)
		}
	}
	if got := list(); !slices.Equal(got, []string{"v5", "v4", "v3*", "v2", "v1"}) {
		t.Errorf("versions %v", got)
	}
	_, err := add(true)
	wantError(t, err, "LimitExceeded", "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.")
	wantError(t, remove("v3"), "DeleteConflict", "Cannot delete the default version of a policy.")
	wantError(t, remove("v9"), "NoSuchEntity", "Policy "+*arn+" version v9 does not exist or is not attachable.")
	_, err = client.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: arn, VersionId: aws.String("v9")})
	wantError(t, err, "NoSuchEntity", "Policy "+*arn+" version v9 does not exist or is not attachable.")
	_, err = client.SetDefaultPolicyVersion(ctx, &iam.SetDefaultPolicyVersionInput{PolicyArn: arn, VersionId: aws.String("v9")})
	wantError(t, err, "NoSuchEntity", "Policy "+*arn+" version v9 does not exist or is not attachable.")
	_, err = client.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: arn})
	wantError(t, err, "DeleteConflict", "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.")

	if err := remove("v5"); err != nil {
		t.Error(err)
	}
	if v := must(add(false))(t).PolicyVersion; *v.VersionId != "v6" {
		t.Errorf("the number of a deleted version was used again: %s", *v.VersionId)
	}
	must(client.SetDefaultPolicyVersion(ctx, &iam.SetDefaultPolicyVersionInput{PolicyArn: arn, VersionId: aws.String("v1")}))(t)
	if got := list(); !slices.Equal(got, []string{"v6", "v4", "v3", "v2", "v1*"}) {
		t.Errorf("versions %v", got)
	}
	for _, id := range []string{"v2", "v3", "v4", "v6"} {
		if err := remove(id); err != nil {
			t.Error(err)
		}
	}
	must(client.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: arn}))(t)
}

func TestPolicyTags(t *testing.T) {
	ctx, client := context.Background(), startIAM(t)
	arn := aws.String(makePolicy(t, client, "P"))
	tag := func(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} }
	must(client.TagPolicy(ctx, &iam.TagPolicyInput{PolicyArn: arn, Tags: []types.Tag{tag("a", "1"), tag("b", "2")}}))(t)
	must(client.TagPolicy(ctx, &iam.TagPolicyInput{PolicyArn: arn, Tags: []types.Tag{tag("b", "3"), tag("c", "")}}))(t)
	must(client.UntagPolicy(ctx, &iam.UntagPolicyInput{PolicyArn: arn, TagKeys: []string{"a", "never"}}))(t)
	var got []string
	p := iam.NewListPolicyTagsPaginator(client, &iam.ListPolicyTagsInput{PolicyArn: arn, MaxItems: aws.Int32(1)})
	for p.HasMorePages() {
		for _, tag := range must(p.NextPage(ctx))(t).Tags {
			got = append(got, *tag.Key+"="+*tag.Value)
		}
	}
	if !slices.Equal(got, []string{"b=3", "c="}) {
		t.Errorf("tags %v", got)
	}
}

func TestListPolicies(t *testing.T) {
	ctx, client := context.Background(), startIAM(t)
	var own []string
	for i := range 5 {
		path := []string{"/", "/team/", "/team/a/"}[i%3]
		name := fmt.Sprintf("own%d", i)
		must(client.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: &name, Path: &path, PolicyDocument: aws.String(document), Description: aws.String("d")}))(t)
		own = append(own, name)
	}
	must(client.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("u")}))(t)
	for _, arn := range []string{administrator, "arn:aws:iam::000000000000:policy/own0", "arn:aws:iam::000000000000:policy/team/own1"} {
		must(client.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: aws.String("u"), PolicyArn: &arn}))(t)
	}
	list := func(in iam.ListPoliciesInput) (names []string) {
		t.Helper()
		p := iam.NewListPoliciesPaginator(client, &in)
		for p.HasMorePages() {
			out := must(p.NextPage(ctx))(t)
			if max := aws.ToInt32(in.MaxItems); max > 0 && len(out.Policies) > int(max) {
				t.Errorf("%d policies on a page of %d", len(out.Policies), max)
			}
			for _, p := range out.Policies {
				if p.Description != nil || p.Tags != nil {
					t.Errorf("lists leave out description and tags: %+v", p)
				}
				names = append(names, *p.PolicyName)
			}
		}
		return names
	}
	for name, test := range map[string]struct {
		in   iam.ListPoliciesInput
		want []string
	}{
		"local":       {iam.ListPoliciesInput{Scope: types.PolicyScopeTypeLocal}, own},
		"local pages": {iam.ListPoliciesInput{Scope: types.PolicyScopeTypeLocal, MaxItems: aws.Int32(2)}, own},
		"path":        {iam.ListPoliciesInput{PathPrefix: aws.String("/team/")}, []string{"own1", "own2", "own4"}},
		"used":        {iam.ListPoliciesInput{OnlyAttached: true}, []string{"own0", "own1", "AdministratorAccess"}},
		"used pages":  {iam.ListPoliciesInput{OnlyAttached: true, MaxItems: aws.Int32(1)}, []string{"own0", "own1", "AdministratorAccess"}},
		"used AWS":    {iam.ListPoliciesInput{OnlyAttached: true, Scope: types.PolicyScopeTypeAws}, []string{"AdministratorAccess"}},
		"used local":  {iam.ListPoliciesInput{OnlyAttached: true, Scope: types.PolicyScopeTypeLocal}, []string{"own0", "own1"}},
		"permissions": {iam.ListPoliciesInput{PolicyUsageFilter: types.PolicyUsageTypePermissionsPolicy, Scope: types.PolicyScopeTypeLocal}, []string{"own0", "own1"}},
		"boundaries":  {iam.ListPoliciesInput{PolicyUsageFilter: types.PolicyUsageTypePermissionsBoundary}, nil},
	} {
		if got := list(test.in); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
	all := list(iam.ListPoliciesInput{MaxItems: aws.Int32(400)})
	if len(all) < 1000 || !slices.Equal(all[:5], own) || !slices.IsSorted(all[5:]) || len(slices.Compact(slices.Sorted(slices.Values(all)))) != len(all) {
		t.Errorf("all: %d policies, the first %v", len(all), all[:5])
	}
	if aws := list(iam.ListPoliciesInput{Scope: types.PolicyScopeTypeAws, MaxItems: aws.Int32(1000)}); !slices.Equal(aws, all[5:]) {
		t.Errorf("AWS: %d policies of %d", len(aws), len(all)-5)
	}
	_, err := client.ListPolicies(ctx, &iam.ListPoliciesInput{Marker: aws.String("no marker of ours")})
	if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != "ValidationError" {
		t.Errorf("a marker of nobody: %v", err)
	}
}
