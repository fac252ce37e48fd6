package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"emulator/containercreds"
)

// newExecCommand runs a command with a role's credentials. now tells when they expire.
func newExecCommand(now func() time.Time, terminal terminal) *cobra.Command {
	s := sessionFlags{terminal: terminal}
	var eks bool
	cmd := &cobra.Command{
		Use:   "exec [flags] -- COMMAND [ARGUMENTS]",
		Short: "Run a command with a role's credentials, renewed as long as it runs",
		Long: `Runs a command whose AWS SDKs are a role, or without --role a session of the caller, as in
a container of Amazon ECS (with --eks: EKS Pod Identity). They fetch credentials from a
server on a loopback port that only the command knows the token of, and which renews
them. The command sees no profile and no other credentials, and exits as it exits.`,
		Example: `  emulator exec --role arn:aws:iam::000000000000:role/app -- aws sts get-caller-identity
  emulator exec --role arn:aws:iam::000000000000:role/admin --mfa arn:aws:iam::000000000000:mfa/bob -- terraform apply`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			path, err := exec.LookPath(args[0])
			if err != nil {
				return err
			}
			session, err := s.open(cmd.Context(), cmd.Flags())
			if err != nil {
				return err
			}
			server, err := containercreds.Start(containercreds.Config{Credentials: session.source, RoleARN: s.role, Now: now})
			if err != nil {
				return err
			}
			defer server.Close()
			if err := server.Prime(cmd.Context()); err != nil {
				return err
			}
			token := "AWS_CONTAINER_AUTHORIZATION_TOKEN=" + server.Token
			if eks {
				file, remove, err := tokenFile(server.Token)
				if err != nil {
					return err
				}
				defer func() { err = errors.Join(err, remove()) }()
				token = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=" + file
			}
			child := &exec.Cmd{
				Path: path, Args: args,
				Env: append(withoutCredentials(os.Environ()), token,
					"AWS_CONTAINER_CREDENTIALS_FULL_URI="+server.URL,
					"AWS_ENDPOINT_URL="+session.endpoint, "AWS_ENDPOINT_URL_STS="+session.endpoint,
					"AWS_REGION="+session.caller.Region, "AWS_DEFAULT_REGION="+session.caller.Region,
					// A default profile with credentials would go before.
					"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull,
				),
				Stdin: cmd.InOrStdin(), Stdout: cmd.OutOrStdout(), Stderr: cmd.ErrOrStderr(),
			}
			return runChild(child, terminal)
		},
	}
	cmd.Flags().SetInterspersed(false) // the first word that is no flag begins the command
	s.register(cmd.Flags())
	cmd.Flags().BoolVar(&eks, "eks", false, "give the token in a file, as EKS Pod Identity does")
	return cmd
}

// exitStatus is how a command ended, if not with 0. It has said why itself.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// tokenFile writes a token where only this user can read it.
func tokenFile(token string) (file string, remove func() error, err error) {
	dir, err := os.MkdirTemp("", "emulator-")
	if err != nil {
		return "", nil, err
	}
	file = filepath.Join(dir, "token")
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	return file, func() error { return os.RemoveAll(dir) }, nil
}

// credentialVariables are those that decide whom an SDK takes itself for, or that would lead
// it past the emulator ("Environment variables list" in the AWS SDKs and tools reference guide), and
// the emulator's own keys.
var credentialVariables = []string{
	"AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN",
	"AWS_CREDENTIAL_EXPIRATION", "AWS_ACCOUNT_ID",
	"AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE",
	"AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_WEB_IDENTITY_TOKEN_FILE",
	"AWS_IAM_ROLE_ARN", "AWS_IAM_ROLE_SESSION_NAME",
	"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
	"AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
	"EMULATOR_ROOT_KEY", "EMULATOR_MASTER_KEY",
	"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
}

func withoutCredentials(environ []string) []string {
	return slices.DeleteFunc(environ, func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains(credentialVariables, name)
	})
}

// runChild runs a command to its end and passes signals on. An interrupt from the keyboard
// has reached it already: the terminal sends it to all that run in the foreground, and many
// take a second one for impatience.
func runChild(child *exec.Cmd, terminal terminal) error {
	forwarded := []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, forwarded...)
	defer signal.Stop(signals)
	keyboard := false
	if tty, err := terminal(); err == nil {
		keyboard = true
		tty.Close()
	}
	if err := child.Start(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- child.Wait() }()
	for {
		select {
		case s := <-signals:
			if s != syscall.SIGINT || !keyboard {
				child.Process.Signal(s) // it may have ended by now
			}
		case err := <-done:
			return ended(child, err)
		}
	}
}

// ended turns the end of a command into the status that a shell gives it.
func ended(child *exec.Cmd, err error) error {
	if _, ok := errors.AsType[*exec.ExitError](err); !ok {
		return err
	}
	if status, ok := child.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return exitStatus(128 + int(status.Signal()))
	}
	return exitStatus(child.ProcessState.ExitCode())
}
