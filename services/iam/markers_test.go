package iam_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"emulator/emulatortest"
)

// TestMarkers gives every list that has pages a marker that is none, and one of another list.
func TestMarkers(t *testing.T) {
	ctx, e := t.Context(), emulatortest.Start(t)
	client, keys := iam.NewFromConfig(e.Config()), kms.NewFromConfig(e.Config())
	ann, staff, app := aws.String("ann"), aws.String("staff"), aws.String("app")
	for _, name := range []string{"ann", "bob"} {
		must(client.CreateUser(ctx, &iam.CreateUserInput{UserName: &name}))(t)
	}
	must(client.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: staff}))(t)
	must(client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: app, AssumeRolePolicyDocument: aws.String(anyTrust)}))(t)
	must(client.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: aws.String("web")}))(t)
	arn := aws.String(makePolicy(t, client, "p"))
	provider := must(client.CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://a.example")}))(t).OpenIDConnectProviderArn
	serial := makeDevice(t, client, "d").serial
	key := must(keys.CreateKey(ctx, nil))(t).KeyMetadata.KeyId
	foreign := must(client.ListUsers(ctx, &iam.ListUsersInput{MaxItems: aws.Int32(1)}))(t).Marker
	fails := func(_ any, err error) error { return err }
	lists := map[string]func(marker *string) error{
		"iam ListUsers": func(m *string) error {
			return fails(client.ListUsers(ctx, &iam.ListUsersInput{PathPrefix: aws.String("/x/"), Marker: m}))
		},
		"iam ListGroups":   func(m *string) error { return fails(client.ListGroups(ctx, &iam.ListGroupsInput{Marker: m})) },
		"iam ListRoles":    func(m *string) error { return fails(client.ListRoles(ctx, &iam.ListRolesInput{Marker: m})) },
		"iam ListPolicies": func(m *string) error { return fails(client.ListPolicies(ctx, &iam.ListPoliciesInput{Marker: m})) },
		"iam ListPolicies OnlyAttached": func(m *string) error {
			return fails(client.ListPolicies(ctx, &iam.ListPoliciesInput{OnlyAttached: true, Marker: m}))
		},
		"iam ListPolicyVersions": func(m *string) error {
			return fails(client.ListPolicyVersions(ctx, &iam.ListPolicyVersionsInput{PolicyArn: arn, Marker: m}))
		},
		"iam ListEntitiesForPolicy": func(m *string) error {
			return fails(client.ListEntitiesForPolicy(ctx, &iam.ListEntitiesForPolicyInput{PolicyArn: arn, Marker: m}))
		},
		"iam ListDelegationRequests": func(m *string) error {
			return fails(client.ListDelegationRequests(ctx, &iam.ListDelegationRequestsInput{Marker: m}))
		},
		"iam GetAccountAuthorizationDetails": func(m *string) error {
			return fails(client.GetAccountAuthorizationDetails(ctx, &iam.GetAccountAuthorizationDetailsInput{Marker: m}))
		},
		"iam GetGroup": func(m *string) error {
			return fails(client.GetGroup(ctx, &iam.GetGroupInput{GroupName: staff, Marker: m}))
		},
		"iam ListGroupsForUser": func(m *string) error {
			return fails(client.ListGroupsForUser(ctx, &iam.ListGroupsForUserInput{UserName: ann, Marker: m}))
		},
		"iam ListAccessKeys": func(m *string) error {
			return fails(client.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: ann, Marker: m}))
		},
		"iam ListAccessKeys of root": func(m *string) error { return fails(client.ListAccessKeys(ctx, &iam.ListAccessKeysInput{Marker: m})) },
		"iam ListMFADevices": func(m *string) error {
			return fails(client.ListMFADevices(ctx, &iam.ListMFADevicesInput{UserName: ann, Marker: m}))
		},
		"iam ListMFADevices of root": func(m *string) error { return fails(client.ListMFADevices(ctx, &iam.ListMFADevicesInput{Marker: m})) },
		"iam ListVirtualMFADevices": func(m *string) error {
			return fails(client.ListVirtualMFADevices(ctx, &iam.ListVirtualMFADevicesInput{Marker: m}))
		},
		"iam ListMFADeviceTags": func(m *string) error {
			return fails(client.ListMFADeviceTags(ctx, &iam.ListMFADeviceTagsInput{SerialNumber: serial, Marker: m}))
		},
		"iam ListUserTags": func(m *string) error {
			return fails(client.ListUserTags(ctx, &iam.ListUserTagsInput{UserName: ann, Marker: m}))
		},
		"iam ListRoleTags": func(m *string) error {
			return fails(client.ListRoleTags(ctx, &iam.ListRoleTagsInput{RoleName: app, Marker: m}))
		},
		"iam ListPolicyTags": func(m *string) error {
			return fails(client.ListPolicyTags(ctx, &iam.ListPolicyTagsInput{PolicyArn: arn, Marker: m}))
		},
		"iam ListUserPolicies": func(m *string) error {
			return fails(client.ListUserPolicies(ctx, &iam.ListUserPoliciesInput{UserName: ann, Marker: m}))
		},
		"iam ListGroupPolicies": func(m *string) error {
			return fails(client.ListGroupPolicies(ctx, &iam.ListGroupPoliciesInput{GroupName: staff, Marker: m}))
		},
		"iam ListRolePolicies": func(m *string) error {
			return fails(client.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: app, Marker: m}))
		},
		"iam ListAttachedUserPolicies": func(m *string) error {
			return fails(client.ListAttachedUserPolicies(ctx, &iam.ListAttachedUserPoliciesInput{UserName: ann, Marker: m}))
		},
		"iam ListAttachedGroupPolicies": func(m *string) error {
			return fails(client.ListAttachedGroupPolicies(ctx, &iam.ListAttachedGroupPoliciesInput{GroupName: staff, Marker: m}))
		},
		"iam ListAttachedRolePolicies": func(m *string) error {
			return fails(client.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: app, Marker: m}))
		},
		"iam ListOpenIDConnectProviderTags": func(m *string) error {
			return fails(client.ListOpenIDConnectProviderTags(ctx, &iam.ListOpenIDConnectProviderTagsInput{OpenIDConnectProviderArn: provider, Marker: m}))
		},
		"iam ListAccountAliases": func(m *string) error {
			return fails(client.ListAccountAliases(ctx, &iam.ListAccountAliasesInput{Marker: m}))
		},
		"iam ListInstanceProfiles": func(m *string) error {
			return fails(client.ListInstanceProfiles(ctx, &iam.ListInstanceProfilesInput{Marker: m}))
		},
		"iam ListInstanceProfileTags": func(m *string) error {
			return fails(client.ListInstanceProfileTags(ctx, &iam.ListInstanceProfileTagsInput{InstanceProfileName: aws.String("web"), Marker: m}))
		},
		"iam ListServerCertificates": func(m *string) error {
			return fails(client.ListServerCertificates(ctx, &iam.ListServerCertificatesInput{Marker: m}))
		},
		"iam ListInstanceProfilesForRole": func(m *string) error {
			return fails(client.ListInstanceProfilesForRole(ctx, &iam.ListInstanceProfilesForRoleInput{RoleName: app, Marker: m}))
		},
		"iam ListSSHPublicKeys": func(m *string) error {
			return fails(client.ListSSHPublicKeys(ctx, &iam.ListSSHPublicKeysInput{UserName: ann, Marker: m}))
		},
		"iam ListSigningCertificates": func(m *string) error {
			return fails(client.ListSigningCertificates(ctx, &iam.ListSigningCertificatesInput{UserName: ann, Marker: m}))
		},
		"iam ListServiceSpecificCredentials": func(m *string) error {
			return fails(client.ListServiceSpecificCredentials(ctx, &iam.ListServiceSpecificCredentialsInput{UserName: ann, Marker: m}))
		},
		"iam SimulateCustomPolicy": func(m *string) error {
			return fails(client.SimulateCustomPolicy(ctx, &iam.SimulateCustomPolicyInput{PolicyInputList: []string{document}, ActionNames: []string{"a:b"}, Marker: m}))
		},
		"iam SimulatePrincipalPolicy": func(m *string) error {
			return fails(client.SimulatePrincipalPolicy(ctx, &iam.SimulatePrincipalPolicyInput{PolicySourceArn: aws.String("arn:aws:iam::000000000000:user/ann"), ActionNames: []string{"a:b"}, Marker: m}))
		},
		"kms ListKeys":    func(m *string) error { return fails(keys.ListKeys(ctx, &kms.ListKeysInput{Marker: m})) },
		"kms ListAliases": func(m *string) error { return fails(keys.ListAliases(ctx, &kms.ListAliasesInput{Marker: m})) },
		"kms ListResourceTags": func(m *string) error {
			return fails(keys.ListResourceTags(ctx, &kms.ListResourceTagsInput{KeyId: key, Marker: m}))
		},
		"kms DescribeCustomKeyStores": func(m *string) error {
			return fails(keys.DescribeCustomKeyStores(ctx, &kms.DescribeCustomKeyStoresInput{Marker: m}))
		},
	}
	for name, list := range lists {
		t.Run(name, func(t *testing.T) {
			code, message := "ValidationError", "Invalid Marker."
			if strings.HasPrefix(name, "kms") {
				code, message = "InvalidMarkerException", "The marker is not valid."
			}
			for _, marker := range []*string{aws.String("nonsense"), aws.String("MQ"), foreign} {
				wantError(t, list(marker), code, message)
			}
			if err := list(nil); err != nil {
				t.Errorf("without a marker: %v", err)
			}
		})
	}
}

// Markers fit into what the API takes of them, whatever the names in them.
func TestMarkersFit(t *testing.T) {
	ctx, client := t.Context(), startIAM(t)
	var names []string
	for i := range 3 {
		name := fmt.Sprintf("%d%s", i, strings.Repeat("n", 127))
		must(client.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: &name, Path: aws.String("/" + strings.Repeat("p", 510) + "/")}))(t)
		names = append(names, name)
	}
	var got []string
	for p := iam.NewListGroupsPaginator(client, &iam.ListGroupsInput{MaxItems: aws.Int32(1)}); p.HasMorePages(); {
		page := must(p.NextPage(ctx))(t)
		if page.Marker != nil && len(*page.Marker) > 320 {
			t.Errorf("a marker of %d characters", len(*page.Marker))
		}
		for _, g := range page.Groups {
			got = append(got, *g.GroupName)
		}
	}
	if !slices.Equal(got, names) {
		t.Errorf("got %v", got)
	}
}
