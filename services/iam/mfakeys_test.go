package iam_test

import (
	"encoding/base32"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"emulator/emulatortest"
)

// register makes a device that AWS has no operation for.
func register(t *testing.T, e *emulatortest.Emulator, body string) (d device, problem string) {
	t.Helper()
	resp := must(http.Post(e.URL+"/_emulator/mfa-devices", "application/json", strings.NewReader(body)))(t)
	defer resp.Body.Close()
	var made struct{ SerialNumber, Seed, Error string }
	if err := json.Unmarshal(must(io.ReadAll(resp.Body))(t), &made); err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		return d, made.Error
	}
	return device{&made.SerialNumber, must(base32.StdEncoding.DecodeString(made.Seed))(t)}, ""
}

func enableDevice(t *testing.T, e *emulatortest.Emulator, client *iam.Client, user string, d device) error {
	t.Helper()
	first, second := d.codes(e.Clock.Now())
	_, err := client.EnableMFADevice(t.Context(), &iam.EnableMFADeviceInput{UserName: &user, SerialNumber: d.serial, AuthenticationCode1: first, AuthenticationCode2: second})
	return err
}

func TestHardwareMFA(t *testing.T) {
	ctx, e := t.Context(), emulatortest.Start(t)
	client := iam.NewFromConfig(e.Config())
	ann := userClient(t, e, "ann", allow("iam:*", "sts:*"))
	stranger := device{aws.String("GAHT00000000"), []byte("0123456789")}
	wantError(t, enableDevice(t, e, client, "ann", stranger), "NoSuchEntity", "MFA Device with serial number GAHT00000000 does not exist.")
	token, _ := register(t, e, `{"serialNumber":"GAHT12345678","seed":"GEZDGNBVGY3TQOJQ"}`)
	if string(token.seed) != "1234567890" {
		t.Errorf("seed %q", token.seed)
	}
	if err := enableDevice(t, e, client, "ann", token); err != nil {
		t.Fatal(err)
	}
	devices := must(ann.ListMFADevices(ctx, nil))(t).MFADevices
	if len(devices) != 1 || *devices[0].SerialNumber != "GAHT12345678" {
		t.Errorf("devices %v", devices)
	}
	if virtual := must(client.ListVirtualMFADevices(ctx, nil))(t).VirtualMFADevices; len(virtual) != 0 {
		t.Errorf("virtual devices %v", virtual)
	}
	summary := must(client.GetAccountSummary(ctx, nil))(t).SummaryMap
	if summary["MFADevices"] != 1 || summary["MFADevicesInUse"] != 1 {
		t.Errorf("the summary counts %d, %d", summary["MFADevices"], summary["MFADevicesInUse"])
	}
	_, err := client.GetMFADevice(ctx, &iam.GetMFADeviceInput{UserName: aws.String("ann"), SerialNumber: token.serial})
	wantError(t, err, "ValidationError", "GAHT12345678 is not the ARN of a FIDO security key.")
	_, err = client.DeleteVirtualMFADevice(ctx, &iam.DeleteVirtualMFADeviceInput{SerialNumber: token.serial})
	wantError(t, err, "NoSuchEntity", "MFA Device with serial number GAHT12345678 does not exist.")
	wantSound(t, e)
	must(client.DeactivateMFADevice(ctx, &iam.DeactivateMFADeviceInput{UserName: aws.String("ann"), SerialNumber: token.serial}))(t)
	e.Clock.Advance(time.Minute)
	if err := enableDevice(t, e, client, "ann", token); err != nil { // it is the same token
		t.Error(err)
	}
	wantSound(t, e)

	for body, problem := range map[string]string{
		`{}`:                              "give either serialNumber of a hardware token, or user and name of a FIDO key",
		`{"serialNumber":"GAHT12345678"}`: "MFA device already exists.",
		`{"serialNumber":"GAHT12345678","user":"ann"}`:                              "user, name and certifications are of FIDO keys, which have no serialNumber of their own",
		`{"serialNumber":"arn:aws:iam::000000000000:mfa/x"}`:                        "serialNumber: want 9 to 256 letters, digits and characters of _+=/.@-",
		`{"serialNumber":"GAHT12345679","seed":"1"}`:                                "seed: want 10 to 64 bytes in base32",
		`{"serialNumber":"GAHT12345679","account":"1"}`:                             "account: want twelve digits",
		`{"user":"nobody","name":"key"}`:                                            "The user with name nobody cannot be found.",
		`{"user":"ann","name":"key","certifications":{"TÜV":"1"}}`:                  "certifications: want levels of FIDO, FIPS-140-2, FIPS-140-3",
		`{"user":"ann","name":"key","certifications":{"FIDO":"` + "\\u0000" + `"}}`: "certifications: want levels of FIDO, FIPS-140-2, FIPS-140-3",
	} {
		if _, got := register(t, e, body); got != problem {
			t.Errorf("%s: %q, want %q", body, got, problem)
		}
	}
}

// TestSecurityKey: a FIDO key is enabled by whom its certifications allow it.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_mfa_fido_supported_configurations.html
func TestSecurityKey(t *testing.T) {
	ctx, e := t.Context(), emulatortest.Start(t)
	root := iam.NewFromConfig(e.Config())
	ann := userClient(t, e, "ann", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"iam:EnableMFADevice","Resource":"arn:aws:iam::*:user/${aws:username}","Condition":{"StringEquals":{"iam:RegisterSecurityKey":"Create"}}},
		{"Effect":"Allow","Action":"iam:EnableMFADevice","Resource":"arn:aws:iam::*:user/${aws:username}","Condition":{"StringEquals":{
			"iam:RegisterSecurityKey":"Activate","iam:FIDO-FIPS-140-2-certification":["L2","L3"],"iam:FIDO-FIPS-140-3-certification":"L1","iam:FIDO-certification":["L1","L2"]}}},
		{"Effect":"Allow","Action":["iam:GetMFADevice","iam:ListMFADevices","iam:DeactivateMFADevice","sts:GetSessionToken"],"Resource":"*"}]}`)
	must(root.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("bob")}))(t)
	plain, _ := register(t, e, `{"user":"ann","name":"plain"}`)
	weak, _ := register(t, e, `{"user":"ann","name":"weak","certifications":{"FIDO":"L1","FIPS-140-2":"L1","FIPS-140-3":"L1"}}`)
	strong, problem := register(t, e, `{"user":"ann","name":"strong","certifications":{"FIDO":"L2","FIPS-140-2":"L2","FIPS-140-3":"L1"}}`)
	if problem != "" || !strings.HasPrefix(*strong.serial, "arn:aws:iam::000000000000:u2f/user/ann/strong-") {
		t.Fatalf("serial number %s, %s", *strong.serial, problem)
	}
	virtual := makeDevice(t, root, "phone")
	for _, d := range []device{plain, weak, virtual} {
		if err := enableDevice(t, e, ann, "ann", d); err == nil || !strings.Contains(err.Error(), "AccessDenied") {
			t.Errorf("%s: %v, want AccessDenied", *d.serial, err)
		}
	}
	wantError(t, enableDevice(t, e, root, "bob", strong), "NoSuchEntity", "MFA Device with serial number "+*strong.serial+" does not exist.")
	wrong := device{strong.serial, plain.seed}
	wantError(t, enableDevice(t, e, ann, "ann", wrong), "InvalidAuthenticationCode", "Authentication code for device is not valid.")
	if err := enableDevice(t, e, ann, "ann", strong); err != nil {
		t.Fatal(err)
	}
	got := must(ann.GetMFADevice(ctx, &iam.GetMFADeviceInput{SerialNumber: strong.serial}))(t)
	if *got.UserName != "ann" || got.EnableDate == nil || got.Certifications["FIDO"] != "L2" || got.Certifications["FIPS-140-2"] != "L2" || len(got.Certifications) != 3 {
		t.Errorf("got %+v", got)
	}
	_, err := root.GetMFADevice(ctx, &iam.GetMFADeviceInput{UserName: aws.String("bob"), SerialNumber: strong.serial})
	wantError(t, err, "NoSuchEntity", "MFA Device invalid for user.")
	_, err = root.GetMFADevice(ctx, &iam.GetMFADeviceInput{SerialNumber: strong.serial})
	wantError(t, err, "NoSuchEntity", "MFA Device with serial number "+*strong.serial+" does not exist.")
	if devices := must(ann.ListMFADevices(ctx, nil))(t).MFADevices; len(devices) != 1 || *devices[0].SerialNumber != *strong.serial {
		t.Errorf("devices %v", devices)
	}
	wantSound(t, e)

	// A security key is for signing in; no session is had with it.
	key := must(root.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: aws.String("ann")}))(t).AccessKey
	_, code := strong.codes(e.Clock.Now().Add(30 * time.Second))
	_, err = sts.NewFromConfig(e.ConfigWith(*key.AccessKeyId, *key.SecretAccessKey, "", emulatortest.Region)).GetSessionToken(ctx, &sts.GetSessionTokenInput{SerialNumber: strong.serial, TokenCode: code})
	if err == nil || !strings.Contains(err.Error(), "MultiFactorAuthentication failed") {
		t.Errorf("a session: %v", err)
	}
	must(ann.DeactivateMFADevice(ctx, &iam.DeactivateMFADeviceInput{UserName: aws.String("ann"), SerialNumber: strong.serial}))(t)
	wantError(t, enableDevice(t, e, root, "ann", strong), "NoSuchEntity", "MFA Device with serial number "+*strong.serial+" does not exist.")
	wantSound(t, e)
}

// selfManaged lets users manage their own credentials, and everything else of them only with MFA.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_examples_aws_my-sec-creds-self-manage.html, shortened
const selfManaged = `{"Version":"2012-10-17","Statement":[
	{"Effect":"Allow","Action":["iam:CreateVirtualMFADevice"],"Resource":"arn:aws:iam::*:mfa/*"},
	{"Effect":"Allow","Action":["iam:EnableMFADevice","iam:ListMFADevices","iam:ResyncMFADevice","iam:GetUser","iam:ChangePassword",
		"iam:CreateAccessKey","iam:DeleteAccessKey","iam:ListAccessKeys","iam:UpdateAccessKey","iam:GetAccessKeyLastUsed",
		"iam:UploadSSHPublicKey","iam:ListSSHPublicKeys","iam:UploadSigningCertificate","iam:ListSigningCertificates",
		"iam:CreateServiceSpecificCredential","iam:ListServiceSpecificCredentials","iam:CreateLoginProfile","iam:GetLoginProfile"],"Resource":"arn:aws:iam::*:user/${aws:username}"},
	{"Effect":"Deny","NotAction":["iam:CreateVirtualMFADevice","iam:EnableMFADevice","iam:GetUser","iam:ListMFADevices","iam:ListVirtualMFADevices","iam:ResyncMFADevice","sts:GetSessionToken"],
		"Resource":"*","Condition":{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}}]}`

// TestSelfManagement: a user makes its MFA device, and with a session of it its other credentials; nobody else's, and none without.
func TestSelfManagement(t *testing.T) {
	ctx, e := t.Context(), emulatortest.Start(t)
	root := iam.NewFromConfig(e.Config())
	must(root.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("bob")}))(t)
	ann := aws.String("ann")
	must(root.CreateUser(ctx, &iam.CreateUserInput{UserName: ann}))(t)
	must(root.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: ann, PolicyName: aws.String("self"), PolicyDocument: aws.String(selfManaged)}))(t)
	key := must(root.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: ann}))(t).AccessKey
	config := e.ConfigWith(*key.AccessKeyId, *key.SecretAccessKey, "", emulatortest.Region)
	without := iam.NewFromConfig(config)
	phone := makeDevice(t, without, "ann")
	if err := enableDevice(t, e, without, "ann", phone); err != nil {
		t.Fatal(err)
	}
	e.Clock.Advance(time.Minute)
	_, code := phone.codes(e.Clock.Now())
	session := must(sts.NewFromConfig(config).GetSessionToken(ctx, &sts.GetSessionTokenInput{SerialNumber: phone.serial, TokenCode: code}))(t).Credentials
	with := iam.NewFromConfig(e.ConfigWith(*session.AccessKeyId, *session.SecretAccessKey, *session.SessionToken, emulatortest.Region))

	_, body := certificate(t, "ann", rsaKeys()[0], nil, nil)
	calls := map[string]func(c *iam.Client, user *string) error{
		"CreateAccessKey": func(c *iam.Client, user *string) error {
			_, err := c.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: user})
			return err
		},
		"ListAccessKeys": func(c *iam.Client, user *string) error {
			_, err := c.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: user})
			return err
		},
		"UpdateAccessKey": func(c *iam.Client, user *string) error {
			_, err := c.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{UserName: user, AccessKeyId: key.AccessKeyId, Status: types.StatusTypeActive})
			return err
		},
		"UploadSigningCertificate": func(c *iam.Client, user *string) error {
			_, err := c.UploadSigningCertificate(ctx, &iam.UploadSigningCertificateInput{UserName: user, CertificateBody: &body})
			return err
		},
		"CreateServiceSpecificCredential": func(c *iam.Client, user *string) error {
			_, err := c.CreateServiceSpecificCredential(ctx, &iam.CreateServiceSpecificCredentialInput{UserName: user, ServiceName: aws.String("codecommit.amazonaws.com")})
			return err
		},
		"CreateLoginProfile": func(c *iam.Client, user *string) error {
			_, err := c.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: user, Password: aws.String("Password-1")})
			return err
		},
	}
	for name, call := range calls {
		for what, err := range map[string]error{"without MFA": call(without, ann), "another user's": call(with, aws.String("bob"))} {
			if err == nil || !strings.Contains(err.Error(), "AccessDenied") {
				t.Errorf("%s %s: %v, want AccessDenied", name, what, err)
			}
		}
		if err := call(with, ann); err != nil {
			t.Errorf("%s with MFA: %v", name, err)
		}
	}
	err := calls["CreateAccessKey"](with, ann)
	wantError(t, err, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2")
	// The name in the policy is the one that the user has now.
	must(root.UpdateUser(ctx, &iam.UpdateUserInput{UserName: ann, NewUserName: aws.String("anna")}))(t)
	if err := calls["ListAccessKeys"](with, aws.String("anna")); err != nil {
		t.Error(err)
	}
	wantSound(t, e)
}
