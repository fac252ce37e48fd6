package iam_test

import (
	"crypto/x509"
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"emulator/emulatortest"
	"emulator/server"
)

// reportLines returns the lines of a credential report by user, by column.
func reportLines(t *testing.T, client *iam.Client) (lines map[string]map[string]string, order []string) {
	t.Helper()
	out := must(client.GetCredentialReport(t.Context(), nil))(t)
	if out.ReportFormat != types.ReportFormatTypeTextCsv || strings.HasSuffix(string(out.Content), "\n") {
		t.Errorf("format %s", out.ReportFormat)
	}
	records := must(csv.NewReader(strings.NewReader(string(out.Content))).ReadAll())(t)
	lines = make(map[string]map[string]string)
	for _, record := range records[1:] {
		line := make(map[string]string)
		for i, column := range records[0] {
			line[column] = record[i]
		}
		lines[record[0]], order = line, append(order, record[0])
	}
	return lines, order
}

// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html#id_credentials_understanding_the_report_format
func TestCredentialReport(t *testing.T) {
	ctx, e := t.Context(), emulatortest.Start(t)
	e.Clock.Freeze(time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC))
	client := iam.NewFromConfig(e.Config())
	must(client.UpdateAccountPasswordPolicy(ctx, &iam.UpdateAccountPasswordPolicyInput{MaxPasswordAge: aws.Int32(30)}))(t)
	zoe := userClient(t, e, "Zoe", allow("iam:*"))
	ann := aws.String("ann")
	must(client.CreateUser(ctx, &iam.CreateUserInput{UserName: ann, Path: aws.String("/team/")}))(t)
	must(client.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: ann, Password: aws.String("Longer-1")}))(t)
	_, pem := certificate(t, "ann", rsaKeys()[0], nil, nil, func(c *x509.Certificate) { c.NotAfter = e.Clock.Now().Add(24 * time.Hour) })
	made := must(client.UploadSigningCertificate(ctx, &iam.UploadSigningCertificateInput{UserName: ann, CertificateBody: &pem}))(t).Certificate
	must(client.UpdateSigningCertificate(ctx, &iam.UpdateSigningCertificateInput{UserName: ann, CertificateId: made.CertificateId, Status: "Inactive"}))(t)
	e.Clock.Advance(time.Hour)
	for range 2 {
		must(client.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: ann}))(t)
	}
	keys := must(client.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: ann}))(t).AccessKeyMetadata
	must(client.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{UserName: ann, AccessKeyId: keys[1].AccessKeyId, Status: "Inactive"}))(t)
	must(zoe.ListUsers(ctx, nil))(t)
	phone := makeDevice(t, client, "phone")
	first, second := phone.codes(e.Clock.Now())
	must(client.EnableMFADevice(ctx, &iam.EnableMFADeviceInput{UserName: aws.String("Zoe"), SerialNumber: phone.serial, AuthenticationCode1: first, AuthenticationCode2: second}))(t)

	if out := must(client.GenerateCredentialReport(ctx, nil))(t); out.State != types.ReportStateTypeStarted || aws.ToString(out.Description) != "No report exists. Starting a new report generation task" {
		t.Errorf("generated: %s %s", out.State, aws.ToString(out.Description))
	}
	lines, order := reportLines(t, client)
	if strings.Join(order, " ") != "<root_account> ann Zoe" {
		t.Errorf("lines of %v", order)
	}
	const at, later = "2030-01-02T03:04:05Z", "2030-01-02T04:04:05Z"
	for user, want := range map[string]map[string]string{
		"<root_account>": {
			"arn": "arn:aws:iam::000000000000:root", "user_creation_time": "1970-01-01T00:00:00Z", "password_enabled": "false", "password_last_used": "no_information", "password_next_rotation": "not_supported",
			"mfa_active": "false", "access_key_1_active": "true", "access_key_1_last_rotated": "N/A", "access_key_1_last_used_date": "2030-01-02T04:04:00Z", "access_key_1_last_used_region": "us-east-1",
			"access_key_1_last_used_service": "iam", "access_key_2_active": "false", "cert_1_active": "false", "cert_1_last_rotated": "N/A",
		},
		"ann": {
			"arn": "arn:aws:iam::000000000000:user/team/ann", "user_creation_time": at, "password_enabled": "true", "password_last_used": "no_information", "password_last_changed": at,
			"password_next_rotation": "2030-02-01T03:04:05Z", "mfa_active": "false", "access_key_1_active": "true", "access_key_1_last_rotated": later, "access_key_1_last_used_date": "N/A",
			"access_key_1_last_used_region": "N/A", "access_key_1_last_used_service": "N/A", "access_key_2_active": "false", "access_key_2_last_rotated": later,
			"cert_1_active": "false", "cert_1_last_rotated": at, "cert_2_active": "false", "cert_2_last_rotated": "N/A", "additional_credentials_info": "N/A",
		},
		"Zoe": {
			"password_enabled": "false", "password_last_used": "N/A", "password_last_changed": "N/A", "password_next_rotation": "N/A", "mfa_active": "true", "access_key_1_active": "true",
			"access_key_1_last_rotated": at, "access_key_1_last_used_date": "2030-01-02T04:04:00Z", "access_key_1_last_used_service": "iam", "access_key_2_last_rotated": "N/A",
		},
	} {
		for column, value := range want {
			if got := lines[user][column]; got != value {
				t.Errorf("%s of %s: %q, want %q", column, user, got, value)
			}
		}
	}
	if len(lines["ann"]) != 23 {
		t.Errorf("%d columns", len(lines["ann"]))
	}
}

// Where quotas allow more credentials than a line has, it says so.
func TestCredentialReportOfMany(t *testing.T) {
	ctx, e := t.Context(), emulatortest.Start(t, server.Config{Quotas: []string{"off"}})
	client := iam.NewFromConfig(e.Config())
	must(client.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("ann")}))(t)
	for range 3 {
		must(client.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: aws.String("ann")}))(t)
	}
	must(client.GenerateCredentialReport(ctx, nil))(t)
	lines, _ := reportLines(t, client)
	if got := lines["ann"]["additional_credentials_info"]; got != "1 more access keys (ListAccessKeys), 0 more certificates (ListSigningCertificates)" {
		t.Errorf("additional credentials: %q", got)
	}
}

// A report is good for four hours, and a new one is made at most that often.
func TestCredentialReportStates(t *testing.T) {
	ctx, e := t.Context(), emulatortest.Start(t, server.Config{Transition: time.Minute})
	client := iam.NewFromConfig(e.Config())
	generate := func(want types.ReportStateType) {
		t.Helper()
		if out := must(client.GenerateCredentialReport(ctx, nil))(t); out.State != want || (out.Description != nil) != (want == types.ReportStateTypeStarted) {
			t.Errorf("%s %v, want %s", out.State, out.Description, want)
		}
	}
	fails := func(code string) {
		t.Helper()
		_, err := client.GetCredentialReport(ctx, nil)
		wantError(t, err, code, "Unknown")
	}
	fails("ReportNotPresent")
	generate(types.ReportStateTypeStarted)
	generate(types.ReportStateTypeInprogress)
	fails("ReportInProgress")
	must(client.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("late")}))(t)
	e.Clock.Advance(2 * time.Minute)
	generate(types.ReportStateTypeComplete)
	before := must(client.GetCredentialReport(ctx, nil))(t)
	if strings.Contains(string(before.Content), "late") {
		t.Error("the report has a user who came later")
	}
	e.Clock.Advance(3 * time.Hour)
	generate(types.ReportStateTypeComplete)
	if again := must(client.GetCredentialReport(ctx, nil))(t); !again.GeneratedTime.Equal(*before.GeneratedTime) || string(again.Content) != string(before.Content) {
		t.Error("the report changed")
	}
	e.Clock.Advance(time.Hour)
	fails("ReportExpired")
	generate(types.ReportStateTypeStarted)
	e.Clock.Advance(2 * time.Minute)
	if lines, _ := reportLines(t, client); lines["late"] == nil {
		t.Error("the new report lacks a user")
	}
}
