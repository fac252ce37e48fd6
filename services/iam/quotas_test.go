package iam_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"emulator/emulatortest"
	"emulator/server"
)

// What a quota counts: make makes the nth, and unmake, if there is one, ends the nth.
type quotaCase struct {
	name         string
	make, unmake func(t *testing.T, c *iam.Client, n int) error
}

// TestQuotas sets each quota to two, and makes three.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
func TestQuotas(t *testing.T) {
	name := func(n int) *string { return aws.String(fmt.Sprint("n", n)) }
	arn := func(resource string, n int) *string {
		return aws.String(fmt.Sprintf("arn:aws:iam::000000000000:%s%d", resource, n))
	}
	trust := aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"sts:AssumeRole"}]}`)
	user := func(t *testing.T, c *iam.Client) {
		_, _ = c.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("u")})
	}
	cases := []quotaCase{
		{"UsersPerAccount", func(t *testing.T, c *iam.Client, n int) error {
			return failed(c.CreateUser(t.Context(), &iam.CreateUserInput{UserName: name(n)}))
		}, func(t *testing.T, c *iam.Client, n int) error {
			return failed(c.DeleteUser(t.Context(), &iam.DeleteUserInput{UserName: name(n)}))
		}},
		{"GroupsPerAccount", func(t *testing.T, c *iam.Client, n int) error {
			return failed(c.CreateGroup(t.Context(), &iam.CreateGroupInput{GroupName: name(n)}))
		}, func(t *testing.T, c *iam.Client, n int) error {
			return failed(c.DeleteGroup(t.Context(), &iam.DeleteGroupInput{GroupName: name(n)}))
		}},
		{"RolesPerAccount", func(t *testing.T, c *iam.Client, n int) error {
			return failed(c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: name(n), AssumeRolePolicyDocument: trust}))
		}, func(t *testing.T, c *iam.Client, n int) error {
			return failed(c.DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: name(n)}))
		}},
		{"InstanceProfilesPerAccount", func(t *testing.T, c *iam.Client, n int) error {
			return failed(c.CreateInstanceProfile(t.Context(), &iam.CreateInstanceProfileInput{InstanceProfileName: name(n)}))
		}, func(t *testing.T, c *iam.Client, n int) error {
			return failed(c.DeleteInstanceProfile(t.Context(), &iam.DeleteInstanceProfileInput{InstanceProfileName: name(n)}))
		}},
		{"PoliciesPerAccount", func(t *testing.T, c *iam.Client, n int) error {
			return failed(c.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: name(n), PolicyDocument: aws.String(document)}))
		}, func(t *testing.T, c *iam.Client, n int) error {
			return failed(c.DeletePolicy(t.Context(), &iam.DeletePolicyInput{PolicyArn: arn("policy/n", n)}))
		}},
		{"PolicyVersionsInUsePerAccount", func(t *testing.T, c *iam.Client, n int) error {
			if n > 1 {
				return failed(c.CreatePolicyVersion(t.Context(), &iam.CreatePolicyVersionInput{PolicyArn: arn("policy/n", 1), PolicyDocument: aws.String(document)}))
			}
			return failed(c.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: name(n), PolicyDocument: aws.String(document)}))
		}, func(t *testing.T, c *iam.Client, _ int) error {
			return failed(c.DeletePolicyVersion(t.Context(), &iam.DeletePolicyVersionInput{PolicyArn: arn("policy/n", 1), VersionId: aws.String("v2")}))
		}},
		{"VirtualMFADevicesPerAccount", func(t *testing.T, c *iam.Client, n int) error {
			return failed(c.CreateVirtualMFADevice(t.Context(), &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: name(n)}))
		}, func(t *testing.T, c *iam.Client, n int) error {
			return failed(c.DeleteVirtualMFADevice(t.Context(), &iam.DeleteVirtualMFADeviceInput{SerialNumber: arn("mfa/n", n)}))
		}},
		{"OpenIdConnectProvidersPerAccount", func(t *testing.T, c *iam.Client, n int) error {
			return failed(c.CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{
				Url: aws.String(fmt.Sprintf("https://n%d", n)), ThumbprintList: []string{strings.Repeat("a", 40)},
			}))
		}, func(t *testing.T, c *iam.Client, n int) error {
			return failed(c.DeleteOpenIDConnectProvider(t.Context(), &iam.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn("oidc-provider/n", n)}))
		}},
		{"ClientIdsPerOpenIdConnectProvider", func(t *testing.T, c *iam.Client, n int) error {
			if n == 1 {
				return failed(c.CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{
					Url: aws.String("https://n1"), ThumbprintList: []string{strings.Repeat("a", 40)}, ClientIDList: []string{"n1"},
				}))
			}
			return failed(c.AddClientIDToOpenIDConnectProvider(t.Context(), &iam.AddClientIDToOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn("oidc-provider/n", 1), ClientID: name(n)}))
		}, nil},
		{"AccessKeysPerUser", func(t *testing.T, c *iam.Client, _ int) error {
			user(t, c)
			return failed(c.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("u")}))
		}, nil},
		{"GroupsPerUser", func(t *testing.T, c *iam.Client, n int) error {
			user(t, c)
			must(c.CreateGroup(t.Context(), &iam.CreateGroupInput{GroupName: name(n)}))(t)
			return failed(c.AddUserToGroup(t.Context(), &iam.AddUserToGroupInput{UserName: aws.String("u"), GroupName: name(n)}))
		}, func(t *testing.T, c *iam.Client, n int) error {
			return failed(c.RemoveUserFromGroup(t.Context(), &iam.RemoveUserFromGroupInput{UserName: aws.String("u"), GroupName: name(n)}))
		}},
		{"PoliciesPerUser", func(t *testing.T, c *iam.Client, n int) error {
			user(t, c)
			return failed(c.AttachUserPolicy(t.Context(), &iam.AttachUserPolicyInput{UserName: aws.String("u"), PolicyArn: aws.String(makePolicy(t, c, *name(n)))}))
		}, nil},
		{"PoliciesPerGroup", func(t *testing.T, c *iam.Client, n int) error {
			_, _ = c.CreateGroup(t.Context(), &iam.CreateGroupInput{GroupName: aws.String("g")})
			return failed(c.AttachGroupPolicy(t.Context(), &iam.AttachGroupPolicyInput{GroupName: aws.String("g"), PolicyArn: aws.String(makePolicy(t, c, *name(n)))}))
		}, nil},
		{"PoliciesPerRole", func(t *testing.T, c *iam.Client, n int) error {
			_, _ = c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("r"), AssumeRolePolicyDocument: trust})
			return failed(c.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: aws.String("r"), PolicyArn: aws.String(makePolicy(t, c, *name(n)))}))
		}, nil},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			client := iam.NewFromConfig(emulatortest.Start(t, server.Config{Quotas: []string{"iam." + test.name + "=2"}}).Config())
			make := func(n int) error { return test.make(t, client, n) }
			for n := range 2 {
				if err := make(n + 1); err != nil {
					t.Fatal(err)
				}
			}
			wantError(t, make(3), "LimitExceeded", "Cannot exceed quota for "+test.name+": 2")
			if test.unmake == nil {
				return
			}
			if err := test.unmake(t, client, 1); err != nil {
				t.Fatal(err)
			}
			if err := make(4); err != nil {
				t.Errorf("after one is gone: %v", err)
			}
			wantError(t, make(5), "LimitExceeded", "Cannot exceed quota for "+test.name+": 2")
		})
	}
	// Service-linked roles may be more.
	client := iam.NewFromConfig(emulatortest.Start(t, server.Config{Quotas: []string{"iam.RolesPerAccount=0"}}).Config())
	must(client.CreateServiceLinkedRole(t.Context(), &iam.CreateServiceLinkedRoleInput{AWSServiceName: aws.String("batch.amazonaws.com")}))(t)
}

// Renames change no number, and off means none.
func TestQuotaOfRenamed(t *testing.T) {
	client := iam.NewFromConfig(emulatortest.Start(t, server.Config{Quotas: []string{"iam.UsersPerAccount=1"}}).Config())
	for i := range 3 {
		name := aws.String(fmt.Sprint("u", i))
		if i == 0 {
			must(client.CreateUser(t.Context(), &iam.CreateUserInput{UserName: name}))(t)
		}
		must(client.UpdateUser(t.Context(), &iam.UpdateUserInput{UserName: name, NewUserName: aws.String(fmt.Sprint("u", i+1))}))(t)
	}
	summary := must(client.GetAccountSummary(t.Context(), nil))(t).SummaryMap
	if summary["Users"] != 1 || summary["UsersQuota"] != 1 || summary["RolesQuota"] != 1000 {
		t.Errorf("summary %v", summary)
	}
	wantError(t, failed(client.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("w")})), "LimitExceeded", "Cannot exceed quota for UsersPerAccount: 1")

	client = iam.NewFromConfig(emulatortest.Start(t, server.Config{Quotas: []string{"off"}}).Config())
	must(client.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("u")}))(t)
	for range 5 {
		must(client.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("u")}))(t)
	}
}

// failed is the error of a call whose answer does not matter.
func failed(_ any, err error) error { return err }
