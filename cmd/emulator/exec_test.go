package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/spf13/cobra"

	"emulator/emulatortest"
	"emulator/identity"
)

// The test binary is also the commands that the tests run: test-child NAME ARGUMENTS.
func init() {
	if len(os.Args) > 2 && os.Args[1] == "test-child" {
		os.Exit(testChild(os.Args[2], os.Args[3:]))
	}
}

func testChild(name string, args []string) int {
	switch name {
	case "emulator":
		return execute(context.Background(), args, time.Now, openTerminal, os.Stdin, os.Stdout, os.Stderr)
	case "whoami":
		return whoami()
	case "twice": // again when there is a line to read
		if status := whoami(); status != 0 {
			return status
		}
		bufio.NewReader(os.Stdin).ReadString('\n')
		return whoami()
	case "environment":
		fmt.Println(strings.Join(os.Environ(), "\n"))
	case "status":
		return 7
	case "killed":
		self, _ := os.FindProcess(os.Getpid())
		self.Kill()
		select {}
	case "signal":
		signals := make(chan os.Signal, 2)
		signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
		fmt.Println("ready")
		fmt.Println(<-signals)
		return 3
	}
	return 0
}

// whoami prints who the SDK's default chain takes this process for, and its key.
func whoami() int {
	ctx := context.Background()
	c, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	out, err := sts.NewFromConfig(c).GetCallerIdentity(ctx, nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	creds, _ := c.Credentials.Retrieve(ctx)
	fmt.Println(*out.Arn, creds.AccessKeyID, creds.AccountID, c.Region)
	return 0
}

// execute runs one of the client commands as run runs them.
func execute(ctx context.Context, args []string, now func() time.Time, terminal terminal, stdin io.Reader, stdout, stderr io.Writer) int {
	root := &cobra.Command{Use: "emulator", SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(newExecCommand(now, terminal), newCredentialsCommand(terminal), newEnvCommand(terminal))
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if status, ok := errors.AsType[exitStatus](err); ok {
		return int(status)
	}
	if err != nil {
		fmt.Fprintf(stderr, "emulator: %v\n", err)
		return 1
	}
	return 0
}

// account is an emulator whose user bob may assume any role that lets him.
type account struct {
	*emulatortest.Emulator
	t   *testing.T
	iam *iam.Client
}

const bobARN = "arn:aws:iam::000000000000:user/bob"

// newAccount starts an emulator and makes bob the user whom SDKs find in the environment.
func newAccount(t *testing.T) *account {
	t.Helper()
	e := emulatortest.Start(t)
	a := &account{e, t, iam.NewFromConfig(e.Config())}
	ctx, bob := t.Context(), aws.String("bob")
	_, err := a.iam.CreateUser(ctx, &iam.CreateUserInput{UserName: bob})
	if err == nil {
		_, err = a.iam.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: bob, PolicyName: bob, PolicyDocument: aws.String(
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:*","Resource":"*"}]}`)})
	}
	if err != nil {
		t.Fatal(err)
	}
	key, err := a.iam.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: bob})
	if err != nil {
		t.Fatal(err)
	}
	noAWS(t)
	t.Setenv("AWS_ENDPOINT_URL", e.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", *key.AccessKey.AccessKeyId)
	t.Setenv("AWS_SECRET_ACCESS_KEY", *key.AccessKey.SecretAccessKey)
	return a
}

// noAWS takes all of AWS's configuration out of the environment.
func noAWS(t *testing.T) {
	for _, entry := range os.Environ() {
		if name, value, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, value) // comes back after the test
			os.Unsetenv(name)
		}
	}
	t.Setenv("HOME", t.TempDir())
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "config"))
}

// role makes a role that trusts bob under a condition, and returns its ARN.
func (a *account) role(name, condition string) string {
	a.t.Helper()
	if condition == "" {
		condition = "{}"
	}
	trust := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":%q},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"],"Condition":%s}]}`, bobARN, condition)
	out, err := a.iam.CreateRole(a.t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust})
	if err != nil {
		a.t.Fatal(err)
	}
	return *out.Role.Arn
}

// phone gives bob an MFA device, and returns its serial number and what makes unused codes.
func (a *account) phone() (serial string, code func() string) {
	a.t.Helper()
	ctx, bob := a.t.Context(), aws.String("bob")
	out, err := a.iam.CreateVirtualMFADevice(ctx, &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: bob})
	if err != nil {
		a.t.Fatal(err)
	}
	seed, err := base32.StdEncoding.DecodeString(string(out.VirtualMFADevice.Base32StringSeed))
	if err != nil {
		a.t.Fatal(err)
	}
	code = func() string { return identity.TOTP(seed, a.Clock.Advance(time.Minute)) }
	first := code()
	a.Clock.Advance(-30 * time.Second)
	_, err = a.iam.EnableMFADevice(ctx, &iam.EnableMFADeviceInput{UserName: bob, SerialNumber: out.VirtualMFADevice.SerialNumber, AuthenticationCode1: &first, AuthenticationCode2: aws.String(code())})
	if err != nil {
		a.t.Fatal(err)
	}
	return *out.VirtualMFADevice.SerialNumber, code
}

// run runs a client command with nothing to read, and returns what it wrote.
func (a *account) run(args ...string) (status int, stdout, stderr string) {
	return execIn(a.t, a.Clock.Now, noTerminal, args...)
}

func noTerminal() (io.ReadWriteCloser, error) { return nil, os.ErrNotExist }

func execIn(t *testing.T, now func() time.Time, terminal terminal, args ...string) (status int, stdout, stderr string) {
	var out, err bytes.Buffer
	status = execute(t.Context(), args, now, terminal, strings.NewReader(""), &out, &err)
	return status, out.String(), err.String()
}

func TestExec(t *testing.T) {
	a := newAccount(t)
	role := a.role("app", "")
	// None of this must reach the SDK of the command.
	shared := os.Getenv("AWS_CONFIG_FILE")
	if err := os.WriteFile(shared, []byte("[default]\nregion = eu-west-3\naws_access_key_id = wrong\naws_secret_access_key = wrong\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", shared)
	t.Setenv("AWS_ROLE_ARN", "arn:aws:iam::000000000000:role/other")
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere")
	t.Setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/nowhere")
	t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/nowhere")
	t.Setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
	endpoint := os.Getenv("AWS_ENDPOINT_URL")
	t.Setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	for _, form := range [][]string{nil, {"--eks"}} {
		args := append([]string{"exec", "--role", role, "--session-name", "me", "--endpoint", endpoint}, form...)
		status, stdout, stderr := a.run(append(args, "--", os.Args[0], "test-child", "whoami")...)
		if status != 0 || !strings.HasPrefix(stdout, "arn:aws:sts::000000000000:assumed-role/app/me ASIA") || !strings.HasSuffix(stdout, " 000000000000 eu-west-3\n") {
			t.Errorf("%v: status %d %q %q", form, status, stdout, stderr)
		}
		_, stdout, _ = a.run(append(args, os.Args[0], "test-child", "environment")...)
		file := strings.Contains(stdout, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE="+tmp)
		text := strings.Contains(stdout, "AWS_CONTAINER_AUTHORIZATION_TOKEN=")
		if file != (form != nil) || text == file || !strings.Contains(stdout, "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:") {
			t.Errorf("%v: environment\n%s", form, stdout)
		}
		for _, name := range []string{"AWS_ACCESS_KEY_ID=", "AWS_ROLE_ARN=", "AWS_WEB_IDENTITY_TOKEN_FILE=", "_RELATIVE_URI=", "http://127.0.0.1:1\n", shared} {
			if strings.Contains(stdout, name) {
				t.Errorf("%v: %s in the environment", form, name)
			}
		}
	}
	if left, _ := filepath.Glob(filepath.Join(tmp, "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// Without a role the command is the caller, with a session.
func TestExecSession(t *testing.T) {
	a := newAccount(t)
	if status, stdout, stderr := a.run("exec", os.Args[0], "test-child", "whoami"); status != 0 || !strings.HasPrefix(stdout, bobARN+" ASIA") {
		t.Errorf("status %d %q %q", status, stdout, stderr)
	}
}

// The credentials are renewed while the command runs, with an MFA device too.
func TestExecRenewal(t *testing.T) {
	a := newAccount(t)
	serial, code := a.phone()
	app, guarded := a.role("app", ""), a.role("guarded", `{"Bool":{"aws:MultiFactorAuthPresent":"true"}}`)
	for _, args := range [][]string{
		{"--role", guarded, "--mfa", serial, "--token-code", code()},
		{"--role", app},
	} {
		stdin, more := io.Pipe()
		lines, stdout := io.Pipe()
		var stderr bytes.Buffer
		done := make(chan int, 1)
		go func() {
			args := append(append([]string{"exec"}, args...), "--", os.Args[0], "test-child", "twice")
			done <- execute(t.Context(), args, a.Clock.Now, noTerminal, stdin, stdout, &stderr)
			stdout.Close()
			stdin.Close()
		}()
		read := bufio.NewReader(lines)
		first, _ := read.ReadString('\n')
		a.Clock.Advance(56 * time.Minute)
		fmt.Fprintln(more)
		more.Close()
		second, _ := read.ReadString('\n')
		status := <-done
		if a, b := strings.Fields(first), strings.Fields(second); status != 0 || len(a) != 4 || len(b) != 4 || a[0] != b[0] || a[1] == b[1] {
			t.Errorf("%v: status %d, %q then %q: %s", args, status, first, second, &stderr)
		}
	}
}

// fakeTerminal answers each question with a line.
type fakeTerminal struct {
	strings.Reader
	asked bytes.Buffer
}

func (f *fakeTerminal) Write(p []byte) (int, error) { return f.asked.Write(p) }
func (f *fakeTerminal) Close() error                { return nil }

func TestMFAPrompt(t *testing.T) {
	a := newAccount(t)
	serial, code := a.phone()
	role := a.role("guarded", `{"Bool":{"aws:MultiFactorAuthPresent":"true"}}`)
	for _, c := range []struct{ answer, want string }{
		{code() + "\n", ""},
		{"\n", "no MFA code"},
		{"", "no MFA code"},
		{"000\n", "tokenCode"},
	} {
		tty := new(fakeTerminal)
		tty.Reset(c.answer)
		open := func() (io.ReadWriteCloser, error) { return tty, nil }
		status, stdout, stderr := execIn(t, a.Clock.Now, open, "credentials", "--role", role, "--mfa", serial)
		if (status == 0) != (c.want == "") || !strings.Contains(stderr, c.want) {
			t.Errorf("answer %q: status %d %q %q", c.answer, status, stdout, stderr)
		}
		if asked := tty.asked.String(); asked != "MFA code of "+serial+": " {
			t.Errorf("asked %q", asked)
		}
	}
	if status, _, stderr := a.run("credentials", "--role", role, "--mfa", serial); status != 1 || !strings.Contains(stderr, "give --token-code") {
		t.Errorf("no terminal: %d %q", status, stderr)
	}
	if status, stdout, stderr := a.run("credentials", "--mfa", serial, "--token-code", code(), "--duration", "20m"); status != 0 || !strings.Contains(stdout, "ASIA") {
		t.Errorf("a session with MFA: %d %q %q", status, stdout, stderr)
	}
}

func TestExecStatus(t *testing.T) {
	a := newAccount(t)
	role := a.role("app", "")
	for name, want := range map[string]int{"nothing": 0, "status": 7, "killed": 128 + 9} {
		if status, _, stderr := a.run("exec", "--role", role, "--", os.Args[0], "test-child", name); status != want || stderr != "" {
			t.Errorf("%s: status %d, want %d; stderr %q", name, status, want, stderr)
		}
	}
}

// Signals reach the command, from a supervisor that has no terminal, and its answer counts.
func TestExecSignals(t *testing.T) {
	a := newAccount(t)
	role := a.role("app", "")
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		cmd := exec.Command(os.Args[0], "test-child", "emulator", "exec", "--role", role, "--", os.Args[0], "test-child", "signal")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(stdout)
		if line, err := lines.ReadString('\n'); err != nil || line != "ready\n" {
			t.Fatalf("%q %v", line, err)
		}
		if err := cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
		line, _ := lines.ReadString('\n')
		cmd.Wait()
		if line != s.String()+"\n" || cmd.ProcessState.ExitCode() != 3 {
			t.Errorf("%v: %q, status %d", s, line, cmd.ProcessState.ExitCode())
		}
	}
}

// What goes wrong before the command begins is one line, and it does not begin.
func TestExecRefusals(t *testing.T) {
	a := newAccount(t)
	role := a.role("app", "")
	closed := a.role("closed", `{"Bool":{"aws:SecureTransport":"true"}}`)
	policy := filepath.Join(t.TempDir(), "policy")
	if err := os.WriteFile(policy, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	child := []string{"--", os.Args[0], "test-child", "environment"}
	for _, c := range []struct {
		want string
		args []string
	}{
		{"requires at least 1 arg", []string{"--role", role}},
		{"executable file not found", []string{"--role", role, "--", "no-such-command"}},
		{"AssumeRole: AccessDenied: User: " + bobARN + " is not authorized to perform: sts:AssumeRole", append([]string{"--role", closed}, child...)},
		{"(why: emulator explain ", append([]string{"--role", closed}, child...)},
		{"no answer from the emulator at http://127.0.0.1:1: ", append([]string{"--role", role, "--endpoint", "http://127.0.0.1:1"}, child...)},
		{"--token-code needs --mfa", append([]string{"--role", role, "--token-code", "123456"}, child...)},
		{"--tag needs --role", append([]string{"--tag", "a=b"}, child...)},
		{`--tag "a": want key=value`, append([]string{"--role", role, "--tag", "a"}, child...)},
		{"--duration 1.5s: want whole seconds", append([]string{"--role", role, "--duration", "1500ms"}, child...)},
		{"durationSeconds", append([]string{"--role", role, "--duration", "1m"}, child...)},
		{"--policy: open", append([]string{"--role", role, "--policy", "/nowhere/policy"}, child...)},
		{"MalformedPolicyDocument", append([]string{"--role", role, "--policy", policy}, child...)},
		{"nobody", append([]string{"--role", role, "--profile", "nobody"}, child...)},
	} {
		status, stdout, stderr := a.run(append([]string{"exec"}, c.args...)...)
		if status != 1 || stdout != "" || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("status %d, stdout %q, stderr %q, want %q", status, stdout, stderr, c.want)
		}
	}
}
