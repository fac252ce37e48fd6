package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"
)

// newEnvCommand prints what points the SDKs of a shell at the emulator.
func newEnvCommand(terminal terminal) *cobra.Command {
	s := sessionFlags{terminal: terminal}
	var shell string
	cmd := &cobra.Command{
		Use:   "env",
		Short: "Print shell commands that point AWS SDKs at the emulator",
		Long: `Prints shell commands that set the endpoint, the region and the credentials: those of the
caller, or with --role or --mfa temporary ones. Unlike those of exec and credentials they are
not renewed.`,
		Example: `  eval "$(emulator env)"
  emulator env --role arn:aws:iam::000000000000:role/app | source          # fish
  emulator env | Out-String | Invoke-Expression                           # PowerShell`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if shell == "" {
				shell = os.Getenv("SHELL")
			}
			syntax, ok := shells[shellName(shell)]
			if !ok {
				return fmt.Errorf("--shell %q: want bash, fish or powershell", shell)
			}
			session, err := s.open(cmd.Context(), cmd.Flags())
			if err != nil {
				return err
			}
			if s.role == "" && s.mfa == "" {
				session.source = session.caller.Credentials.Retrieve
			}
			creds, err := session.source(cmd.Context())
			if err != nil {
				return err
			}
			var text strings.Builder
			for _, v := range [][2]string{
				{"AWS_ENDPOINT_URL", session.endpoint},
				// It goes before, and the Go SDK wants it for profiles with a role.
				{"AWS_ENDPOINT_URL_STS", session.endpoint},
				{"AWS_REGION", session.caller.Region},
				{"AWS_DEFAULT_REGION", session.caller.Region},
				{"AWS_ACCESS_KEY_ID", creds.AccessKeyID},
				{"AWS_SECRET_ACCESS_KEY", creds.SecretAccessKey},
				{"AWS_SESSION_TOKEN", creds.SessionToken},
				// Some SDKs take a profile before keys.
				{"AWS_PROFILE", ""},
				{"AWS_DEFAULT_PROFILE", ""},
				{"AWS_CREDENTIAL_EXPIRATION", ""},
			} {
				if v[1] == "" {
					fmt.Fprintf(&text, syntax.unset+"\n", v[0])
				} else {
					fmt.Fprintf(&text, syntax.set+"\n", v[0], syntax.quote.Replace(v[1]))
				}
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), text.String())
			return err
		},
	}
	s.register(cmd.Flags())
	cmd.Flags().StringVar(&shell, "shell", "", "bash (sh and zsh too), fish or powershell (default: that of $SHELL)")
	return cmd
}

// shellSyntax is how a shell sets and unsets a variable. All of them have single quotes, in
// which only what quote replaces is special, and newlines are not.
type shellSyntax struct {
	set, unset string
	quote      *strings.Replacer
}

var shells = map[string]shellSyntax{
	"bash": {"export %s='%s'", "unset %s", strings.NewReplacer(`'`, `'\''`)},
	"fish": {"set -gx %s '%s'", "set -e %s", strings.NewReplacer(`\`, `\\`, `'`, `\'`)},
	// PowerShell takes typographic quotes for quotes (about_Quoting_Rules).
	"powershell": {"$env:%s = '%s'", "Remove-Item Env:%s -ErrorAction SilentlyContinue",
		strings.NewReplacer(`'`, `''`, "‘", "‘‘", "’", "’’", "‚", "‚‚", "‛", "‛‛")},
}

// shellName returns the name that the syntax of a shell has in shells, by the path or name of
// the shell.
func shellName(path string) string {
	name := strings.TrimSuffix(filepath.Base(path), ".exe")
	switch {
	case path == "" && runtime.GOOS == "windows", name == "pwsh":
		return "powershell"
	case path == "", name == "sh", name == "zsh", name == "dash", name == "ksh", name == "ash":
		return "bash"
	}
	return name
}
