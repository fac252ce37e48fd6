package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// printed is what a credential_process prints.
type printed struct {
	Version                                               int
	AccessKeyId, SecretAccessKey, SessionToken, AccountId string
	Expiration                                            time.Time
}

func (a *account) credentials(args ...string) printed {
	a.t.Helper()
	status, stdout, stderr := a.run(append([]string{"credentials"}, args...)...)
	var p printed
	if err := json.Unmarshal([]byte(stdout), &p); err != nil || status != 0 {
		a.t.Fatalf("status %d %q %q", status, stdout, stderr)
	}
	return p
}

func (a *account) identity(p printed) string {
	a.t.Helper()
	client := sts.NewFromConfig(a.ConfigWith(p.AccessKeyId, p.SecretAccessKey, p.SessionToken, "us-east-1"))
	out, err := client.GetCallerIdentity(a.t.Context(), nil)
	if err != nil {
		a.t.Fatal(err)
	}
	return *out.Arn
}

func TestCredentials(t *testing.T) {
	a := newAccount(t)
	a.Clock.Freeze(time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC))
	role := a.role("app", "")
	p := a.credentials("--role", role)
	if p.Version != 1 || p.AccountId != "000000000000" || !p.Expiration.Equal(a.Clock.Now().Add(time.Hour)) || a.identity(p) != "arn:aws:sts::000000000000:assumed-role/app/emulator" {
		t.Errorf("%+v", p)
	}
	p = a.credentials("--role", role, "--duration", "15m")
	if !p.Expiration.Equal(a.Clock.Now().Add(15 * time.Minute)) {
		t.Errorf("%+v", p)
	}
	p = a.credentials()
	if p.Version != 1 || p.AccountId != "000000000000" || a.identity(p) != bobARN || p.SessionToken == "" {
		t.Errorf("%+v", p)
	}
	p = a.credentials("--duration", "1h")
	if !p.Expiration.Equal(a.Clock.Now().Add(time.Hour)) {
		t.Errorf("%+v", p)
	}
}

// Each flag reaches the call: the trust policy wants them all.
func TestCredentialsFlags(t *testing.T) {
	a := newAccount(t)
	role := a.role("app", `{"StringEquals":{"sts:ExternalId":"x1","aws:RequestTag/team":"a=b","aws:RequestTag/cost":"","sts:SourceIdentity":"bob","sts:RoleSessionName":"me"}}`)
	if _, err := a.iam.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: aws.String("app"), PolicyName: aws.String("all"),
		PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:*","Resource":"*"}]}`)}); err != nil {
		t.Fatal(err)
	}
	policy := filepath.Join(t.TempDir(), "policy.json")
	if err := os.WriteFile(policy, []byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:GetRole","Resource":"*"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	flags := []string{"--role", role, "--session-name", "me", "--external-id", "x1", "--source-identity", "bob", "--tag", "team=a=b", "--tag", "cost="}
	for skip := 2; skip < len(flags); skip += 2 {
		args := append([]string{"credentials"}, flags[:skip]...)
		if status, stdout, _ := a.run(append(args, flags[skip+2:]...)...); status != 1 || stdout != "" {
			t.Errorf("without %s %s: %d %q", flags[skip], flags[skip+1], status, stdout)
		}
	}
	p := a.credentials(append(flags, "--policy", policy)...)
	client := iam.NewFromConfig(a.ConfigWith(p.AccessKeyId, p.SecretAccessKey, p.SessionToken, "us-east-1"))
	if _, err := client.GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("app")}); err != nil {
		t.Errorf("what the session policy allows: %v", err)
	}
	if _, err := client.ListRoles(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "AccessDenied") {
		t.Errorf("what the session policy does not allow: %v", err)
	}
}

// An SDK gets its credentials from the command by a profile.
func TestCredentialProcess(t *testing.T) {
	a := newAccount(t)
	role := a.role("app", "")
	file := os.Getenv("AWS_CONFIG_FILE")
	text := fmt.Sprintf("[profile app]\nregion = eu-west-1\nendpoint_url = %s\ncredential_process = %q test-child emulator credentials --role %s --profile bob\n"+
		"[profile bad]\nregion = eu-west-1\ncredential_process = %q test-child emulator credentials --role %s-not --profile bob\n"+
		"[profile bob]\naws_access_key_id = %s\naws_secret_access_key = %s\n",
		a.URL, os.Args[0], role, os.Args[0], role, os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	os.Unsetenv("AWS_ACCESS_KEY_ID")
	os.Unsetenv("AWS_SECRET_ACCESS_KEY")
	c, err := config.LoadDefaultConfig(t.Context(), config.WithSharedConfigProfile("app"))
	if err != nil {
		t.Fatal(err)
	}
	creds, err := c.Credentials.Retrieve(t.Context())
	if err != nil || !creds.CanExpire || creds.AccountID != "000000000000" || creds.Source != "ProcessProvider" {
		t.Errorf("%+v %v", creds, err)
	}
	if out, err := sts.NewFromConfig(c).GetCallerIdentity(t.Context(), nil); err != nil || *out.Arn != "arn:aws:sts::000000000000:assumed-role/app/emulator" {
		t.Errorf("%+v %v", out, err)
	}
	if c, err = config.LoadDefaultConfig(t.Context(), config.WithSharedConfigProfile("bad")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Credentials.Retrieve(t.Context()); err == nil || !strings.Contains(err.Error(), "exit status 1") {
		t.Errorf("error %v", err)
	}
}

// The caller is whom the SDK finds: a profile, one that assumes a role itself, or else the
// root user, who may not assume roles.
func TestCaller(t *testing.T) {
	a := newAccount(t)
	role := a.role("app", "")
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("e30.e30.e30"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`[profile bob]
aws_access_key_id = %s
aws_secret_access_key = %s
[profile app]
role_arn = %s
source_profile = bob
role_session_name = there
[profile mfa]
role_arn = %[3]s
source_profile = bob
mfa_serial = arn:aws:iam::000000000000:mfa/bob
[profile web]
role_arn = %[3]s
web_identity_token_file = %s
[profile empty]
region = eu-west-1
`, os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), role, token)
	if err := os.WriteFile(os.Getenv("AWS_CONFIG_FILE"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	os.Unsetenv("AWS_ACCESS_KEY_ID")
	os.Unsetenv("AWS_SECRET_ACCESS_KEY")
	if got := a.identity(a.credentials("--profile", "bob")); got != bobARN {
		t.Errorf("%s", got)
	}
	if got := a.identity(a.credentials()); got != "arn:aws:iam::000000000000:root" {
		t.Errorf("%s", got)
	}
	for _, c := range []struct {
		want string
		args []string
	}{
		{"AssumeRole: AccessDenied: Roles may not be assumed by root accounts. Give the access key of a user", []string{"--role", role}},
		{"assumed-role/app/there is not authorized to perform: sts:AssumeRole", []string{"--profile", "app", "--role", role}},
		{"GetSessionToken: AccessDenied: Cannot call GetSessionToken with session credentials", []string{"--profile", "app"}},
		{"give --token-code", []string{"--profile", "mfa"}},
		{"AssumeRoleWithWebIdentity: InvalidIdentityToken: ", []string{"--profile", "web"}},
		{"profile empty has no credentials", []string{"--profile", "empty"}},
	} {
		if status, stdout, stderr := a.run(append([]string{"credentials"}, c.args...)...); status != 1 || stdout != "" || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%v: %d %q %q", c.args, status, stdout, stderr)
		}
	}
}
