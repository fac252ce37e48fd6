package iam_test

import (
	"encoding/xml"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"emulator/emulatortest"
)

// query sends what the SDK has not yet.
func query(t *testing.T, config aws.Config, operation string, parameters map[string]string, out any) error {
	t.Helper()
	answer, err := emulatortest.Query(t.Context(), config, "iam", operation, parameters)
	if err == nil && out != nil {
		if err := xml.Unmarshal(answer, out); err != nil {
			t.Fatal(err)
		}
	}
	return err
}

func mustQuery(t *testing.T, config aws.Config, operation string, parameters map[string]string, out any) {
	t.Helper()
	if err := query(t, config, operation, parameters, out); err != nil {
		t.Fatal(err)
	}
}

// https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateRole.html
func TestRoleSigninSessionDuration(t *testing.T) {
	config := emulatortest.Start(t).Config()
	seen := func() (one, listed, described int) {
		t.Helper()
		var get struct {
			Seconds int `xml:"GetRoleResult>Role>MaxSigninSessionDuration"`
		}
		mustQuery(t, config, "GetRole", map[string]string{"RoleName": "app"}, &get)
		var list struct {
			Seconds int `xml:"ListRolesResult>Roles>member>MaxSigninSessionDuration"`
		}
		mustQuery(t, config, "ListRoles", nil, &list)
		var description struct {
			Seconds int `xml:"UpdateRoleDescriptionResult>Role>MaxSigninSessionDuration"`
		}
		mustQuery(t, config, "UpdateRoleDescription", map[string]string{"RoleName": "app", "Description": "d"}, &description)
		return get.Seconds, list.Seconds, description.Seconds
	}
	want := func(seconds int) {
		t.Helper()
		if one, listed, described := seen(); one != seconds || listed != seconds || described != seconds {
			t.Errorf("%d, %d and %d seconds, want %d", one, listed, described, seconds)
		}
	}
	var created struct {
		Seconds int `xml:"CreateRoleResult>Role>MaxSigninSessionDuration"`
	}
	mustQuery(t, config, "CreateRole", map[string]string{"RoleName": "app", "AssumeRolePolicyDocument": anyTrust, "MaxSigninSessionDuration": "7776000"}, &created)
	if created.Seconds != 7776000 {
		t.Errorf("created %+v", created)
	}
	want(7776000)
	update := func(parameters map[string]string) error {
		parameters["RoleName"] = "app"
		return query(t, config, "UpdateRole", parameters, nil)
	}
	for _, test := range []struct {
		name, value, reset string
		want               int
	}{
		{"neither leaves it", "", "", 7776000},
		{"a false reset leaves it", "", "false", 7776000},
		{"a value replaces it", "3600", "", 3600},
		{"a reset clears it", "", "true", 0},
		{"a reset of what is not set", "", "true", 0},
		{"a value beside a false reset", "7200", "false", 7200},
	} {
		t.Run(test.name, func(t *testing.T) {
			parameters := map[string]string{}
			if test.value != "" {
				parameters["MaxSigninSessionDuration"] = test.value
			}
			if test.reset != "" {
				parameters["ResetMaxSigninSessionDuration"] = test.reset
			}
			if err := update(parameters); err != nil {
				t.Fatal(err)
			}
			want(test.want)
		})
	}
	wantError(t, update(map[string]string{"MaxSigninSessionDuration": "3600", "ResetMaxSigninSessionDuration": "true"}),
		"InvalidInput", "MaxSigninSessionDuration and ResetMaxSigninSessionDuration can't be specified in the same request.")
	wantError(t, update(map[string]string{"MaxSigninSessionDuration": "3599"}),
		"ValidationError", "1 validation error detected: Value at 'maxSigninSessionDuration' failed to satisfy constraint: Member must have value greater than or equal to 3600")
	wantError(t, update(map[string]string{"MaxSigninSessionDuration": "7776001"}),
		"ValidationError", "1 validation error detected: Value at 'maxSigninSessionDuration' failed to satisfy constraint: Member must have value less than or equal to 7776000")
	want(7200)
}

// https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateLoginProfile.html
func TestUserSigninSessionDuration(t *testing.T) {
	config := emulatortest.Start(t).Config()
	client := iam.NewFromConfig(config)
	must(client.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("ann")}))(t)
	type profile struct {
		Seconds       int
		ResetRequired bool
	}
	get := func() profile {
		t.Helper()
		var out struct {
			Seconds       int  `xml:"GetLoginProfileResult>LoginProfile>MaxSigninSessionDuration"`
			ResetRequired bool `xml:"GetLoginProfileResult>LoginProfile>PasswordResetRequired"`
		}
		mustQuery(t, config, "GetLoginProfile", map[string]string{"UserName": "ann"}, &out)
		return profile(out)
	}
	var created struct {
		Seconds int `xml:"CreateLoginProfileResult>LoginProfile>MaxSigninSessionDuration"`
	}
	mustQuery(t, config, "CreateLoginProfile", map[string]string{"UserName": "ann", "Password": "Longer-1", "PasswordResetRequired": "true", "MaxSigninSessionDuration": "3600"}, &created)
	if got := get(); created.Seconds != 3600 || got != (profile{3600, true}) {
		t.Errorf("created %+v, got %+v", created, got)
	}
	mustQuery(t, config, "UpdateLoginProfile", map[string]string{"UserName": "ann", "MaxSigninSessionDuration": "86400"}, nil)
	if got := get(); got != (profile{86400, true}) { // the rest does not change
		t.Errorf("updated: %+v", got)
	}
	must(client.UpdateLoginProfile(t.Context(), &iam.UpdateLoginProfileInput{UserName: aws.String("ann"), Password: aws.String("Longer-2"), PasswordResetRequired: aws.Bool(false)}))(t)
	if got := get(); got != (profile{86400, false}) {
		t.Errorf("with another password: %+v", got)
	}
	wantError(t, query(t, config, "UpdateLoginProfile", map[string]string{"UserName": "ann", "MaxSigninSessionDuration": "3600", "ResetMaxSigninSessionDuration": "true"}, nil),
		"InvalidInput", "MaxSigninSessionDuration and ResetMaxSigninSessionDuration can't be specified in the same request.")
	for range 2 {
		mustQuery(t, config, "UpdateLoginProfile", map[string]string{"UserName": "ann", "ResetMaxSigninSessionDuration": "true"}, nil)
		if got := get(); got != (profile{}) {
			t.Errorf("reset: %+v", got)
		}
	}
}
