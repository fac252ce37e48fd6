package iam_test

import (
	"encoding/json"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"emulator/emulatortest"
)

// TestNothingOfThatKind asks for what can't be made here: of what exists the lists are empty, of what does not
// the error is AWS's.
func TestNothingOfThatKind(t *testing.T) {
	ctx, client := t.Context(), startIAM(t)
	must(client.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("ann")}))(t)
	must(client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("app"), AssumeRolePolicyDocument: aws.String(anyTrust)}))(t)
	type list struct {
		whose string // "user" or "role", "" if the list is the account's
		call  func(name *string) (items int, truncated bool, err error)
	}
	lists := map[string]list{
		"ListSSHPublicKeys": {"user", func(name *string) (int, bool, error) {
			out, err := client.ListSSHPublicKeys(ctx, &iam.ListSSHPublicKeysInput{UserName: name})
			if err != nil {
				return 0, false, err
			}
			return len(out.SSHPublicKeys), out.IsTruncated, nil
		}},
		"ListServiceSpecificCredentials": {"user", func(name *string) (int, bool, error) {
			out, err := client.ListServiceSpecificCredentials(ctx, &iam.ListServiceSpecificCredentialsInput{UserName: name})
			if err != nil {
				return 0, false, err
			}
			return len(out.ServiceSpecificCredentials), out.IsTruncated, nil
		}},
		"ListServiceSpecificCredentials of all": {"", func(*string) (int, bool, error) {
			out, err := client.ListServiceSpecificCredentials(ctx, &iam.ListServiceSpecificCredentialsInput{AllUsers: aws.Bool(true)})
			if err != nil {
				return 0, false, err
			}
			return len(out.ServiceSpecificCredentials), out.IsTruncated, nil
		}},
		"ListSigningCertificates": {"user", func(name *string) (int, bool, error) {
			out, err := client.ListSigningCertificates(ctx, &iam.ListSigningCertificatesInput{UserName: name})
			if err != nil {
				return 0, false, err
			}
			return len(out.Certificates), out.IsTruncated, nil
		}},
		"ListInstanceProfilesForRole": {"role", func(name *string) (int, bool, error) {
			out, err := client.ListInstanceProfilesForRole(ctx, &iam.ListInstanceProfilesForRoleInput{RoleName: name})
			if err != nil {
				return 0, false, err
			}
			return len(out.InstanceProfiles), out.IsTruncated, nil
		}},
		"ListInstanceProfiles": {"", func(*string) (int, bool, error) {
			out, err := client.ListInstanceProfiles(ctx, &iam.ListInstanceProfilesInput{PathPrefix: aws.String("/app/")})
			if err != nil {
				return 0, false, err
			}
			return len(out.InstanceProfiles), out.IsTruncated, nil
		}},
		"ListServerCertificates": {"", func(*string) (int, bool, error) {
			out, err := client.ListServerCertificates(ctx, nil)
			if err != nil {
				return 0, false, err
			}
			return len(out.ServerCertificateMetadataList), out.IsTruncated, nil
		}},
	}
	for name, l := range lists {
		t.Run(name, func(t *testing.T) {
			exists := map[string]string{"user": "ann", "role": "app"}[l.whose]
			if items, truncated, err := l.call(&exists); items != 0 || truncated || err != nil {
				t.Errorf("%d items, truncated %t, %v", items, truncated, err)
			}
			if l.whose != "" {
				_, _, err := l.call(aws.String("nobody"))
				wantError(t, err, "NoSuchEntity", "The "+l.whose+" with name nobody cannot be found.")
			}
		})
	}
	// The sentence is that of a recorded answer (localstack, tests/aws/services/iam/test_iam_users.snapshot.json).
	_, err := client.GetLoginProfile(ctx, &iam.GetLoginProfileInput{UserName: aws.String("ann")})
	wantError(t, err, "NoSuchEntity", "Login Profile for User ann cannot be found.")
	_, err = client.GetLoginProfile(ctx, nil)
	wantError(t, err, "ValidationError", "Must specify userName when calling with non-User credentials")
	_, err = client.GetLoginProfile(ctx, &iam.GetLoginProfileInput{UserName: aws.String("nobody")})
	wantError(t, err, "NoSuchEntity", "The user with name nobody cannot be found.")
	// Terraform deletes the profile of a user with force_destroy unasked.
	_, err = client.DeleteLoginProfile(ctx, &iam.DeleteLoginProfileInput{UserName: aws.String("ann")})
	wantError(t, err, "NoSuchEntity", "Login Profile for User ann cannot be found.")
}

// TestAccountAlias: an account has one alias, which no other has; another takes its place.
func TestAccountAlias(t *testing.T) {
	ctx, e := t.Context(), emulatortest.Start(t)
	ours := iam.NewFromConfig(e.Config())
	theirs := iam.NewFromConfig(e.ConfigWith("111111111111", "test", "", emulatortest.Region))
	want := func(client *iam.Client, alias string) {
		t.Helper()
		if got := must(client.ListAccountAliases(ctx, nil))(t).AccountAliases; alias == "" && len(got) > 0 || alias != "" && (len(got) != 1 || got[0] != alias) {
			t.Errorf("aliases %v, want %q", got, alias)
		}
	}
	want(ours, "")
	for _, alias := range []string{"first", "second"} {
		must(ours.CreateAccountAlias(ctx, &iam.CreateAccountAliasInput{AccountAlias: &alias}))(t)
		want(ours, alias)
	}
	// [rep] aws-deployment-framework #465
	for _, client := range []*iam.Client{ours, theirs} {
		_, err := client.CreateAccountAlias(ctx, &iam.CreateAccountAliasInput{AccountAlias: aws.String("second")})
		wantError(t, err, "EntityAlreadyExists", "The account alias second already exists.")
	}
	must(theirs.CreateAccountAlias(ctx, &iam.CreateAccountAliasInput{AccountAlias: aws.String("first")}))(t)
	must(ours.SetSecurityTokenServicePreferences(ctx, &iam.SetSecurityTokenServicePreferencesInput{GlobalEndpointTokenVersion: "v2Token"}))(t)
	want(ours, "second")
	_, err := ours.DeleteAccountAlias(ctx, &iam.DeleteAccountAliasInput{AccountAlias: aws.String("first")})
	wantError(t, err, "NoSuchEntity", "The account alias first cannot be found.")
	must(ours.DeleteAccountAlias(ctx, &iam.DeleteAccountAliasInput{AccountAlias: aws.String("second")}))(t)
	want(ours, "")
	want(theirs, "first")
	if version := must(ours.GetAccountSummary(ctx, nil))(t).SummaryMap["GlobalEndpointTokenVersion"]; version != 2 {
		t.Errorf("the version of tokens is %d", version)
	}
}

// TestPasswordPolicy has recorded answers (localstack, tests/aws/services/iam/test_iam_account_password_policy.snapshot.json).
func TestPasswordPolicy(t *testing.T) {
	ctx, client := t.Context(), startIAM(t)
	absent := func() {
		t.Helper()
		_, err := client.GetAccountPasswordPolicy(ctx, nil)
		wantError(t, err, "NoSuchEntity", "The Password Policy with domain name 000000000000 cannot be found.")
		_, err = client.DeleteAccountPasswordPolicy(ctx, nil)
		wantError(t, err, "NoSuchEntity", "The account policy with name PasswordPolicy cannot be found.")
	}
	absent()
	for _, test := range []struct {
		in   iam.UpdateAccountPasswordPolicyInput
		want types.PasswordPolicy
	}{
		{want: types.PasswordPolicy{MinimumPasswordLength: aws.Int32(6)}},
		{iam.UpdateAccountPasswordPolicyInput{
			AllowUsersToChangePassword: true, HardExpiry: aws.Bool(true), MaxPasswordAge: aws.Int32(60), MinimumPasswordLength: aws.Int32(10), PasswordReusePrevention: aws.Int32(3),
			RequireLowercaseCharacters: true, RequireNumbers: true, RequireSymbols: true, RequireUppercaseCharacters: true,
		}, types.PasswordPolicy{
			AllowUsersToChangePassword: true, ExpirePasswords: true, HardExpiry: aws.Bool(true), MaxPasswordAge: aws.Int32(60), MinimumPasswordLength: aws.Int32(10), PasswordReusePrevention: aws.Int32(3),
			RequireLowercaseCharacters: true, RequireNumbers: true, RequireSymbols: true, RequireUppercaseCharacters: true,
		}},
	} {
		must(client.UpdateAccountPasswordPolicy(ctx, &test.in))(t)
		wantSame(t, must(client.GetAccountPasswordPolicy(ctx, nil))(t).PasswordPolicy, &test.want)
	}
	must(client.DeleteAccountPasswordPolicy(ctx, nil))(t)
	absent()
}

// wantSame compares two answers, of which what is absent counts.
func wantSame(t testing.TB, got, want any) {
	t.Helper()
	g, w := must(json.Marshal(got))(t), must(json.Marshal(want))(t)
	if string(g) != string(w) {
		t.Errorf("got  %s\nwant %s", g, w)
	}
}
