package api_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/organizations"

	"emulator/api"
	"emulator/identity"
)

func caller(account, region string) api.Caller {
	return api.Caller{Principal: identity.Principal{Account: account}, Partition: "aws", Region: region}
}

// A marker is good for its list, with a page of any size, and for no other.
func TestMarkersAreBound(t *testing.T) {
	const position = "team/a\x00ann\x00"
	ours := caller("000000000000", "us-east-1")
	marker := aws.String(api.ListOf(ours, &iam.ListUsersInput{PathPrefix: aws.String("/team/")}).Marker(position))
	same := api.ListOf(ours, &iam.ListUsersInput{PathPrefix: aws.String("/team/"), Marker: marker, MaxItems: aws.Int32(7)})
	if after, ok := same.After(); after != position || !ok || same.Max(100) != 7 {
		t.Errorf("%q %t, %d items", after, ok, same.Max(100))
	}
	for name, other := range map[string]api.List{
		"other parameters": api.ListOf(ours, &iam.ListUsersInput{Marker: marker}),
		"other operation":  api.ListOf(ours, &iam.ListRolesInput{PathPrefix: aws.String("/team/"), Marker: marker}),
		"other account":    api.ListOf(caller("111111111111", "us-east-1"), &iam.ListUsersInput{PathPrefix: aws.String("/team/"), Marker: marker}),
		"other region":     api.ListOf(caller("000000000000", "eu-west-1"), &iam.ListUsersInput{PathPrefix: aws.String("/team/"), Marker: marker}),
		"other service":    api.ListOf(ours, &kms.ListKeysInput{Marker: marker}),
	} {
		if after, ok := other.After(); ok {
			t.Errorf("%s: good, and goes on after %q", name, after)
		}
	}
	for _, in := range []any{&kms.ListKeysInput{Limit: aws.Int32(3)}, &organizations.ListAccountsInput{MaxResults: aws.Int32(3), NextToken: marker}} {
		if l := api.ListOf(ours, in); l.Max(100) != 3 {
			t.Errorf("%T: a page of %d", in, l.Max(100))
		}
	}
	if _, ok := api.ListOf(ours, &organizations.ListAccountsInput{NextToken: marker}).After(); ok {
		t.Error("a token of another service is good")
	}
}

// FuzzMarker: what is a marker of a list, is the one that the list makes of the position.
func FuzzMarker(f *testing.F) {
	list := func(marker string) api.List {
		return api.ListOf(caller("000000000000", "us-east-1"), &iam.ListUsersInput{Marker: &marker})
	}
	for _, position := range []string{"1", "a\x00", "team/a\x00ann\x00"} {
		f.Add(list("").Marker(position))
	}
	f.Add("")
	f.Add("nonsense")
	f.Add("AAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, marker string) {
		l := list(marker)
		if position, ok := l.After(); ok && (position == "" || l.Marker(position) != marker) {
			t.Errorf("%q goes on after %q", marker, position)
		}
	})
}
