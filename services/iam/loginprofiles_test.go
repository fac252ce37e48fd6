package iam_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"emulator/emulatortest"
	"emulator/identity"
)

// userClient makes a user with an access key and, if it is not "", an inline policy.
func userClient(t *testing.T, e *emulatortest.Emulator, name, policy string) *iam.Client {
	t.Helper()
	ctx, root := t.Context(), iam.NewFromConfig(e.Config())
	must(root.CreateUser(ctx, &iam.CreateUserInput{UserName: &name}))(t)
	if policy != "" {
		must(root.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: &name, PolicyName: aws.String("p"), PolicyDocument: &policy}))(t)
	}
	key := must(root.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &name}))(t).AccessKey
	return iam.NewFromConfig(e.ConfigWith(*key.AccessKeyId, *key.SecretAccessKey, "", emulatortest.Region))
}

func allow(actions ...string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["` + strings.Join(actions, `","`) + `"],"Resource":"*"}]}`
}

func TestLoginProfile(t *testing.T) {
	ctx, client := t.Context(), startIAM(t)
	must(client.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("ann")}))(t)
	ann := aws.String("ann")
	absent := "Login Profile for User ann cannot be found."
	_, err := client.UpdateLoginProfile(ctx, &iam.UpdateLoginProfileInput{UserName: ann, Password: aws.String("Longer-1")})
	wantError(t, err, "NoSuchEntity", absent)
	made := must(client.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: ann, Password: aws.String("Longer-1"), PasswordResetRequired: true}))(t).LoginProfile
	if *made.UserName != "ann" || !made.PasswordResetRequired || made.CreateDate == nil {
		t.Errorf("made %v", made)
	}
	_, err = client.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: ann, Password: aws.String("Longer-1")})
	wantError(t, err, "EntityAlreadyExists", "Login Profile for user ann already exists.")
	_, err = client.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: aws.String("nobody"), Password: aws.String("Longer-1")})
	wantError(t, err, "NoSuchEntity", "The user with name nobody cannot be found.")
	_, err = client.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: ann})
	wantError(t, err, "ValidationError", "1 validation error detected: Value null at 'password' failed to satisfy constraint: Member must not be null")
	_, err = client.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{Password: aws.String("Longer-1")})
	wantError(t, err, "ValidationError", "Must specify userName when calling with non-User credentials")
	must(client.UpdateLoginProfile(ctx, &iam.UpdateLoginProfileInput{UserName: ann, PasswordResetRequired: aws.Bool(false)}))(t)
	must(client.UpdateUser(ctx, &iam.UpdateUserInput{UserName: ann, NewUserName: aws.String("anna")}))(t)
	got := must(client.GetLoginProfile(ctx, &iam.GetLoginProfileInput{UserName: aws.String("anna")}))(t).LoginProfile
	if *got.UserName != "anna" || got.PasswordResetRequired || !got.CreateDate.Equal(*made.CreateDate) {
		t.Errorf("got %v", got)
	}
	_, err = client.DeleteUser(ctx, &iam.DeleteUserInput{UserName: aws.String("anna")})
	wantError(t, err, "DeleteConflict", "Cannot delete entity, must delete login profile first.") // [rep] aws-nuke #169
	must(client.DeleteLoginProfile(ctx, &iam.DeleteLoginProfileInput{UserName: aws.String("anna")}))(t)
	must(client.DeleteUser(ctx, &iam.DeleteUserInput{UserName: aws.String("anna")}))(t)
	must(client.CreateUser(ctx, &iam.CreateUserInput{UserName: ann}))(t)
	_, err = client.GetLoginProfile(ctx, &iam.GetLoginProfileInput{UserName: ann}) // of another user
	wantError(t, err, "NoSuchEntity", absent)
}

// TestPasswordViolations: the default policy wants three of four kinds of characters, that of an account what it says.
//
// [rec] two sentences of a script's comment and of a course's notes on GitHub; the others are made like them
func TestPasswordViolations(t *testing.T) {
	ctx, client := t.Context(), startIAM(t)
	ann := aws.String("ann")
	must(client.CreateUser(ctx, &iam.CreateUserInput{UserName: ann}))(t)
	all := &iam.UpdateAccountPasswordPolicyInput{
		MinimumPasswordLength: aws.Int32(10), RequireLowercaseCharacters: true, RequireNumbers: true, RequireSymbols: true, RequireUppercaseCharacters: true,
	}
	for _, test := range []struct {
		policy             *iam.UpdateAccountPasswordPolicyInput
		password, violates string
	}{
		{nil, "Aa1", "Password should have a minimum length of 8"},
		{nil, "longenough1", "Password should meet 1 more of the following requirements: Password should have at least one uppercase letter, Password should have at least one symbol"},
		{nil, "ññññññññ", "Password should meet 3 more of the following requirements: Password should have at least one uppercase letter, Password should have at least one lowercase letter, Password should have at least one number, Password should have at least one symbol"},
		{nil, "Longenough1", ""},
		{&iam.UpdateAccountPasswordPolicyInput{}, "ñandúñ", ""},
		{&iam.UpdateAccountPasswordPolicyInput{}, "ñandú", "Password should have a minimum length of 6"},
		{all, "Longenough1", "Password should have at least one symbol"},
		{all, "long enough", "Password should have at least one uppercase letter, Password should have at least one number, Password should have at least one symbol"},
		{all, "Long-enough1", ""},
	} {
		if test.policy != nil {
			must(client.UpdateAccountPasswordPolicy(ctx, test.policy))(t)
		}
		_, err := client.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: ann, Password: &test.password})
		if test.violates != "" {
			wantError(t, err, "PasswordPolicyViolation", test.violates)
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", test.password, err)
		}
		must(client.DeleteLoginProfile(ctx, &iam.DeleteLoginProfileInput{UserName: ann}))(t)
	}
}

func TestChangePassword(t *testing.T) {
	ctx, e := t.Context(), emulatortest.Start(t)
	root := iam.NewFromConfig(e.Config())
	ann := userClient(t, e, "ann", "")
	change := func(client *iam.Client, before, after string) error {
		_, err := client.ChangePassword(ctx, &iam.ChangePasswordInput{OldPassword: &before, NewPassword: &after})
		return err
	}
	if err := change(ann, "x", "y"); !strings.Contains(err.Error(), "AccessDenied") {
		t.Errorf("without permission: %v", err)
	}
	_, err := ann.GetAccountPasswordPolicy(ctx, nil)
	if !strings.Contains(err.Error(), "AccessDenied") {
		t.Errorf("without permission: %v", err)
	}
	must(root.UpdateAccountPasswordPolicy(ctx, &iam.UpdateAccountPasswordPolicyInput{
		AllowUsersToChangePassword: true, PasswordReusePrevention: aws.Int32(2), MaxPasswordAge: aws.Int32(30), HardExpiry: aws.Bool(true), MinimumPasswordLength: aws.Int32(6),
	}))(t)
	must(ann.GetAccountPasswordPolicy(ctx, nil))(t)
	wantError(t, change(ann, "first1", "second"), "NoSuchEntity", "Login Profile for User ann cannot be found.")
	must(root.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: aws.String("ann"), Password: aws.String("first1"), PasswordResetRequired: true}))(t)
	wantError(t, change(ann, "wrong1", "second"), "AccessDenied", "The old password is not the user's.")
	wantError(t, change(ann, "first1", "short"), "PasswordPolicyViolation", "Password should have a minimum length of 6")
	again := "Password does not conform to the account password policy."
	wantError(t, change(ann, "first1", "first1"), "PasswordPolicyViolation", again)
	if err := change(ann, "first1", "second"); err != nil {
		t.Fatal(err)
	}
	if must(ann.GetAccountPasswordPolicy(ctx, nil))(t); must(root.GetLoginProfile(ctx, &iam.GetLoginProfileInput{UserName: aws.String("ann")}))(t).LoginProfile.PasswordResetRequired {
		t.Error("the new password has to be reset")
	}
	wantError(t, change(ann, "second", "first1"), "PasswordPolicyViolation", again)
	_, err = root.UpdateLoginProfile(ctx, &iam.UpdateLoginProfileInput{UserName: aws.String("ann"), Password: aws.String("second")})
	wantError(t, err, "PasswordPolicyViolation", again)
	must(root.UpdateLoginProfile(ctx, &iam.UpdateLoginProfileInput{UserName: aws.String("ann"), Password: aws.String("third1")}))(t)
	e.Clock.Advance(31 * 24 * time.Hour)
	if err := change(ann, "third1", "first1"); err != nil { // whose access keys are active, though HardExpiry is set
		t.Error(err)
	}
	wantError(t, change(root, "x", "y"), "InvalidUserType", "The request was rejected because the type of user for the transaction was incorrect.")
	// What the account's policy allows, a user's may deny.
	deny := `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"iam:ChangePassword","Resource":"*"}]}`
	must(root.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: aws.String("ann"), PolicyName: aws.String("p"), PolicyDocument: &deny}))(t)
	if err := change(ann, "first1", "fourth"); !strings.Contains(err.Error(), "explicit deny") {
		t.Errorf("denied: %v", err)
	}
}

// BenchmarkHashPassword is the cost of a password.
func BenchmarkHashPassword(b *testing.B) {
	keyring, err := identity.NewKeyring(make([]byte, identity.MasterKeySize))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		keyring.HashPassword("password", identity.NewSalt())
	}
}
