package iam_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"emulator/emulatortest"
)

// eachKind runs f for users, groups and roles, with an entity called "Name".
func eachKind(t *testing.T, f func(t *testing.T, client *iam.Client, k kindOfEntity)) {
	client := startIAM(t)
	for _, k := range kindsOfEntity(context.Background(), client) {
		t.Run(k.name, func(t *testing.T) {
			if err := k.create("Name", "/"); err != nil {
				t.Fatal(err)
			}
			f(t, client, k)
		})
	}
}

// pages collects what list returns in pages of two.
func pages[T any](t *testing.T, list func(marker *string, max int32) ([]T, *string, error)) (all []T) {
	t.Helper()
	var marker *string
	for {
		items, next, err := list(marker, 2)
		if err != nil {
			t.Fatal(err)
		}
		if len(items) > 2 {
			t.Fatalf("%d items on a page of 2", len(items))
		}
		all = append(all, items...)
		if next == nil {
			return all
		}
		marker = next
	}
}

func TestAttach(t *testing.T) {
	eachKind(t, func(t *testing.T, client *iam.Client, k kindOfEntity) {
		ctx := context.Background()
		counts := func(arn string) (attachments int32) {
			t.Helper()
			return *must(client.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &arn}))(t).Policy.AttachmentCount
		}
		var arns []string
		for i := range 11 {
			arns = append(arns, makePolicy(t, client, fmt.Sprintf("%s%02d", k.name, i)))
		}
		before := counts(administrator)
		for _, arn := range append(arns[:9:9], administrator) {
			for range 2 { // the second has no effect
				if err := k.attach("Name", arn); err != nil {
					t.Fatal(err)
				}
			}
		}
		if got := counts(arns[0]); got != 1 {
			t.Errorf("attachment count %d, want 1", got)
		}
		if got := counts(administrator); got != before+1 {
			t.Errorf("attachment count of AdministratorAccess %d, want %d", got, before+1)
		}
		wantError(t, k.attach("Name", arns[10]), "LimitExceeded", "Cannot exceed quota for PoliciesPer"+k.title+": 10")
		if got := counts(arns[10]); got != 0 {
			t.Errorf("attachment count %d after a failure", got)
		}
		got := pages(t, func(marker *string, max int32) ([]types.AttachedPolicy, *string, error) {
			return k.attached("Name", "", marker, max)
		})
		if len(got) != 10 || *got[0].PolicyArn != arns[0] || *got[0].PolicyName != k.name+"00" || *got[9].PolicyArn != administrator {
			t.Errorf("%d attached policies, the first %s", len(got), *got[0].PolicyArn)
		}
		_, err := client.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: &arns[0]})
		wantError(t, err, "DeleteConflict", "Cannot delete a policy attached to entities.")
		if err := k.detach("Name", arns[0]); err != nil {
			t.Fatal(err)
		}
		must(client.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: &arns[0]}))(t)
		wantError(t, k.detach("Name", arns[0]), "NoSuchEntity", "Policy "+arns[0]+" was not found.")
		if err := k.attach("Name", arns[10]); err != nil {
			t.Error(err)
		}
	})
}

func TestAttachErrors(t *testing.T) {
	eachKind(t, func(t *testing.T, client *iam.Client, k kindOfEntity) {
		arn := makePolicy(t, client, k.name)
		const (
			missing     = "arn:aws:iam::000000000000:policy/Missing"
			other       = "arn:aws:iam::222222222222:policy/Other"
			serviceRole = "arn:aws:iam::aws:policy/aws-service-role/AWSSupportServiceRolePolicy"
		)
		noEntity := "The " + k.name + " with name Nobody cannot be found."
		_, _, listed := k.attached("Nobody", "", nil, 10)
		for _, test := range []struct {
			err           error
			code, message string
		}{
			{k.attach("Nobody", arn), "NoSuchEntity", noEntity},
			{k.detach("Nobody", arn), "NoSuchEntity", noEntity},
			{listed, "NoSuchEntity", noEntity},
			{k.attach("Name", missing), "NoSuchEntity", "Policy " + missing + " does not exist or is not attachable."},
			{k.attach("Name", other), "NoSuchEntity", "Policy " + other + " does not exist or is not attachable."},
			{k.attach("Name", "AdministratorAccess1"), "ValidationError", "Invalid ARN:  Could not be parsed!"},
			{k.attach("Name", serviceRole), "PolicyNotAttachable", "Cannot attach a Service Role Policy to a Customer " + k.title + "."},
			{k.detach("Name", arn), "NoSuchEntity", "Policy " + arn + " was not found."},
			{k.detach("Name", "AdministratorAccess1"), "ValidationError", "Invalid ARN:  Could not be parsed!"},
		} {
			wantError(t, test.err, test.code, test.message)
		}
		if got, _, _ := k.attached("Name", "", nil, 10); len(got) != 0 {
			t.Errorf("after the failures: %v", got)
		}
	})
}

func TestAttachedPath(t *testing.T) {
	eachKind(t, func(t *testing.T, client *iam.Client, k kindOfEntity) {
		name := k.name + "Deep"
		arn := *must(client.CreatePolicy(context.Background(), &iam.CreatePolicyInput{PolicyName: &name, Path: aws.String("/deep/"), PolicyDocument: aws.String(document)}))(t).Policy.Arn
		for _, arn := range []string{administrator, arn} {
			if err := k.attach("Name", arn); err != nil {
				t.Fatal(err)
			}
		}
		got, _, err := k.attached("Name", "/deep/", nil, 10)
		if err != nil || len(got) != 1 || *got[0].PolicyArn != arn {
			t.Errorf("got %v, %v", got, err)
		}
	})
}

func TestListEntitiesForPolicy(t *testing.T) {
	ctx, client := context.Background(), startIAM(t)
	arn := makePolicy(t, client, "P")
	var want []string
	for _, k := range kindsOfEntity(ctx, client) {
		for i, path := range []string{"/", "/x/", "/x/"} {
			name := fmt.Sprintf("Name%d", i)
			if err := k.create(name, path); err != nil {
				t.Fatal(err)
			}
			if err := k.attach(name, arn); err != nil {
				t.Fatal(err)
			}
			want = append(want, k.name+" "+name)
		}
	}
	list := func(in iam.ListEntitiesForPolicyInput) (names []string) {
		t.Helper()
		in.PolicyArn = &arn
		p := iam.NewListEntitiesForPolicyPaginator(client, &in)
		for p.HasMorePages() {
			out := must(p.NextPage(ctx))(t)
			for _, u := range out.PolicyUsers {
				names = append(names, "user "+*u.UserName)
				if !strings.HasPrefix(*u.UserId, "AIDA") {
					t.Errorf("user ID %s", *u.UserId)
				}
			}
			for _, g := range out.PolicyGroups {
				names = append(names, "group "+*g.GroupName)
			}
			for _, r := range out.PolicyRoles {
				names = append(names, "role "+*r.RoleName)
			}
		}
		slices.Sort(names)
		return names
	}
	slices.Sort(want)
	for name, test := range map[string]struct {
		in   iam.ListEntitiesForPolicyInput
		want []string
	}{
		"all":         {iam.ListEntitiesForPolicyInput{}, want},
		"pages":       {iam.ListEntitiesForPolicyInput{MaxItems: aws.Int32(2)}, want},
		"users":       {iam.ListEntitiesForPolicyInput{EntityFilter: types.EntityTypeUser}, []string{"user Name0", "user Name1", "user Name2"}},
		"roles, path": {iam.ListEntitiesForPolicyInput{EntityFilter: types.EntityTypeRole, PathPrefix: aws.String("/x/"), MaxItems: aws.Int32(1)}, []string{"role Name1", "role Name2"}},
		"permissions": {iam.ListEntitiesForPolicyInput{PolicyUsageFilter: types.PolicyUsageTypePermissionsPolicy}, want},
		"boundaries":  {iam.ListEntitiesForPolicyInput{PolicyUsageFilter: types.PolicyUsageTypePermissionsBoundary}, nil},
	} {
		if got := list(test.in); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
	_, err := client.ListEntitiesForPolicy(ctx, &iam.ListEntitiesForPolicyInput{PolicyArn: aws.String("arn:aws:iam::000000000000:policy/Missing")})
	wantError(t, err, "NoSuchEntity", "Policy arn:aws:iam::000000000000:policy/Missing does not exist or is not attachable.")
}

func TestInline(t *testing.T) {
	eachKind(t, func(t *testing.T, client *iam.Client, k kindOfEntity) {
		for _, name := range []string{"b", "a", "c"} {
			if err := k.put("Name", name, document); err != nil {
				t.Fatal(err)
			}
		}
		out := must(k.get("Name", "a"))(t)
		if text, err := url.PathUnescape(out); err != nil || text != "Name a "+document {
			t.Errorf("got %s", out)
		}
		if got := pages(t, func(marker *string, max int32) ([]string, *string, error) { return k.list("Name", marker, max) }); !slices.Equal(got, []string{"a", "b", "c"}) {
			t.Errorf("policies %v", got)
		}
		replaced := bigDocument(300)
		if err := k.put("Name", "a", replaced); err != nil {
			t.Fatal(err)
		}
		if text, _ := url.PathUnescape(must(k.get("Name", "a"))(t)); text != "Name a "+replaced {
			t.Errorf("got %s", text)
		}
		for _, name := range []string{"a", "b", "c"} {
			if err := k.remove("Name", name); err != nil {
				t.Fatal(err)
			}
		}
		// All policies together count, a replaced one with its new size.
		half := k.inlineSize / 2
		for name, size := range map[string]int{"a": half, "b": half} {
			for range 2 {
				if err := k.put("Name", name, bigDocument(size)); err != nil {
					t.Fatal(err)
				}
			}
		}
		full := fmt.Sprintf("Maximum policy size of %d bytes exceeded for %s Name", k.inlineSize, k.name)
		wantError(t, k.put("Name", "b", bigDocument(half+1)), "LimitExceeded", full)
		wantError(t, k.put("Name", "c", bigDocument(200)), "LimitExceeded", full)
		// White space does not count, but it has a bound.
		wide := func(size int) string { return bigDocument(half) + strings.Repeat(" ", size-half) }
		if err := k.put("Name", "b", wide(100<<10)); err != nil {
			t.Error(err)
		}
		wantError(t, k.put("Name", "a", wide(100<<10)), "LimitExceeded", full)

		noPolicy := "The " + k.name + " policy with name c cannot be found."
		noEntity := "The " + k.name + " with name Nobody cannot be found."
		_, gotPolicy := k.get("Name", "c")
		_, gotEntity := k.get("Nobody", "a")
		_, _, listed := k.list("Nobody", nil, 10)
		for _, test := range []struct {
			err           error
			code, message string
		}{
			{k.put("Nobody", "a", document), "NoSuchEntity", noEntity},
			{k.put("Name", "a", "{"), "MalformedPolicyDocument", "Syntax errors in policy."},
			{gotPolicy, "NoSuchEntity", noPolicy},
			{gotEntity, "NoSuchEntity", noEntity},
			{k.remove("Name", "c"), "NoSuchEntity", noPolicy},
			{k.remove("Nobody", "a"), "NoSuchEntity", noEntity},
			{listed, "NoSuchEntity", noEntity},
		} {
			wantError(t, test.err, test.code, test.message)
		}
		if text, _ := url.PathUnescape(must(k.get("Name", "a"))(t)); text != "Name a "+bigDocument(half) {
			t.Error("a failed put changed the policy")
		}
	})
}

// TestPolicyARNCondition lets a user attach one policy only.
func TestPolicyARNCondition(t *testing.T) {
	ctx := context.Background()
	e := emulatortest.Start(t)
	root := iam.NewFromConfig(e.Config())
	must(root.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("u")}))(t)
	must(root.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: aws.String("u"), PolicyName: aws.String("p"), PolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:AttachUserPolicy","iam:DetachUserPolicy"],"Resource":"arn:aws:iam::*:user/u",` +
			`"Condition":{"ArnEquals":{"iam:PolicyARN":"arn:aws:iam::aws:policy/IAMReadOnlyAccess"}}}]}`)}))(t)
	key := must(root.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: aws.String("u")}))(t).AccessKey
	client := iam.NewFromConfig(e.ConfigWith(*key.AccessKeyId, *key.SecretAccessKey, "", emulatortest.Region))
	attach := func(user, arn string) error {
		_, err := client.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: &user, PolicyArn: &arn})
		return err
	}
	const denied = "User: arn:aws:iam::000000000000:user/u is not authorized to perform: iam:AttachUserPolicy on resource: %s because no identity-based policy allows the iam:AttachUserPolicy action"
	wantError(t, attach("u", administrator), "AccessDenied", fmt.Sprintf(denied, "arn:aws:iam::000000000000:user/u"))
	wantError(t, attach("other", "arn:aws:iam::aws:policy/IAMReadOnlyAccess"), "AccessDenied", fmt.Sprintf(denied, "arn:aws:iam::000000000000:user/other"))
	if err := attach("u", "arn:aws:iam::aws:policy/IAMReadOnlyAccess"); err != nil {
		t.Fatal(err)
	}
	// It is in force at once.
	must(client.ListPolicies(ctx, &iam.ListPoliciesInput{MaxItems: aws.Int32(1)}))(t)
}
