package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// awkward is a value that a shell could take for more than text.
const awkward = "a'b\"c $HOME `id` $(id) \\ \\' !x #y\n%s ‘q’ \t*é;&|'"

// Real shells read the commands and get the values back. printenv is theirs to start.
func TestEnvInShells(t *testing.T) {
	noAWS(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", awkward)
	t.Setenv("AWS_REGION", "eu-west-1")
	for shell, program := range map[string][]string{
		"bash":       {"bash", "-euc"},
		"sh":         {"sh", "-euc"},
		"zsh":        {"zsh", "-euc"},
		"fish":       {"fish", "-c"},
		"powershell": {"pwsh", "-NoProfile", "-Command"},
	} {
		path, err := exec.LookPath(program[0])
		if err != nil {
			if shell == "bash" {
				t.Error(err)
			}
			continue // its syntax is in TestEnv
		}
		status, script, stderr := execIn(t, time.Now, noTerminal, "env", "--shell", shell, "--endpoint", "http://127.0.0.1:1/"+awkward)
		if status != 0 {
			t.Fatalf("status %d %q", status, stderr)
		}
		for name, want := range map[string]string{
			"AWS_SECRET_ACCESS_KEY": awkward, "AWS_ENDPOINT_URL": "http://127.0.0.1:1/" + awkward,
			"AWS_ACCESS_KEY_ID": "key", "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1",
		} {
			cmd := exec.Command(path, append(program[1:], script+"\nprintenv "+name)...)
			out, err := cmd.Output()
			if err != nil || string(out) != want+"\n" {
				t.Errorf("%s: %s is %q (%v)", shell, name, out, err)
			}
		}
		t.Setenv("AWS_SESSION_TOKEN", "")
		cmd := exec.Command(path, append(program[1:], script+"\nprintenv AWS_SESSION_TOKEN AWS_PROFILE AWS_CREDENTIAL_EXPIRATION || echo none")...)
		cmd.Env = append(os.Environ(), "AWS_SESSION_TOKEN=old", "AWS_PROFILE=old", "AWS_CREDENTIAL_EXPIRATION=old")
		if out, _ := cmd.Output(); string(out) != "none\n" {
			t.Errorf("%s: still there: %q", shell, out)
		}
	}
}

func TestEnv(t *testing.T) {
	noAWS(t)
	const bash = `export AWS_ENDPOINT_URL='http://127.0.0.1:4566'
export AWS_ENDPOINT_URL_STS='http://127.0.0.1:4566'
export AWS_REGION='us-east-1'
export AWS_DEFAULT_REGION='us-east-1'
export AWS_ACCESS_KEY_ID='test'
export AWS_SECRET_ACCESS_KEY='test'
unset AWS_SESSION_TOKEN
unset AWS_PROFILE
unset AWS_DEFAULT_PROFILE
unset AWS_CREDENTIAL_EXPIRATION
`
	const fish = `set -gx AWS_ENDPOINT_URL 'it\'s \\ $x'
set -gx AWS_ENDPOINT_URL_STS 'it\'s \\ $x'
set -gx AWS_REGION 'us-east-1'
`
	const powershell = "$env:AWS_ENDPOINT_URL = 'it''s \\ ‘‘$x’’'\n$env:AWS_ENDPOINT_URL_STS = 'it''s \\ ‘‘$x’’'\n$env:AWS_REGION = 'us-east-1'\n"
	for _, c := range []struct {
		shell, want string
		args        []string
	}{
		{"", bash, nil},
		{"/bin/bash", bash, nil},
		{"/usr/bin/zsh", bash, nil},
		{"/bin/sh", bash, nil},
		{"/usr/bin/fish", fish, []string{"--endpoint", `it's \ $x`}},
		{"/usr/bin/fish", bash, []string{"--shell", "bash"}},
		{"/opt/microsoft/powershell/7/pwsh", powershell, []string{"--endpoint", `it's \ ‘$x’`}},
		{"/bin/bash", "Remove-Item Env:AWS_SESSION_TOKEN -ErrorAction SilentlyContinue\n", []string{"--shell", "powershell"}},
		{"/bin/bash", "set -e AWS_SESSION_TOKEN\n", []string{"--shell", "fish"}},
	} {
		t.Setenv("SHELL", c.shell)
		if status, stdout, stderr := execIn(t, time.Now, noTerminal, append([]string{"env"}, c.args...)...); status != 0 || !strings.Contains(stdout, c.want) {
			t.Errorf("%s %v: %d %q\n%s", c.shell, c.args, status, stderr, stdout)
		}
	}
	for _, shell := range []string{"/bin/tcsh", "/bin/"} {
		t.Setenv("SHELL", shell)
		if status, stdout, stderr := execIn(t, time.Now, noTerminal, "env"); status != 1 || stdout != "" || !strings.Contains(stderr, "want bash, fish or powershell") {
			t.Errorf("%s: %d %q %q", shell, status, stdout, stderr)
		}
	}
}

func TestEnvRole(t *testing.T) {
	a := newAccount(t)
	status, stdout, stderr := a.run("env", "--shell", "bash", "--role", a.role("app", ""))
	if status != 0 || !strings.Contains(stdout, "export AWS_ENDPOINT_URL='"+a.URL+"'\n") || !strings.Contains(stdout, "export AWS_ACCESS_KEY_ID='ASIA") || !strings.Contains(stdout, "export AWS_SESSION_TOKEN='") {
		t.Fatalf("%d %q\n%s", status, stderr, stdout)
	}
	out, err := exec.Command("bash", "-c", `eval "$1"; exec "$2" test-child whoami`, "bash", stdout, os.Args[0]).Output()
	if err != nil || !strings.HasPrefix(string(out), "arn:aws:sts::000000000000:assumed-role/app/emulator ASIA") {
		t.Errorf("%q %v", out, err)
	}
}
