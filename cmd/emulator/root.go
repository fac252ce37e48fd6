package main

import (
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"emulator/identity"
)

// version is set by the linker in releases.
var version = ""

// Variables that have no flag: a flag would show a secret to everybody on the machine.
const (
	masterKeyVariable  = "EMULATOR_MASTER_KEY"
	adminTokenVariable = "EMULATOR_ADMIN_TOKEN"
)

// registerRootKey makes the flag of the root user's access key, which rootKey reads.
func registerRootKey(flags *pflag.FlagSet, text *string) {
	flags.StringVar(text, "root-key", "", "`NAME:SECRET`, the access key of the root user in place of test:test, and its secret that of twelve-digit keys. A flag shows to everybody on the machine: better set EMULATOR_ROOT_KEY")
}

func rootKey(text string) (identity.RootKey, error) {
	if text == "" {
		return identity.KnownRootKey, nil
	}
	return identity.ParseRootKey(text)
}

// newRootCommand returns the command with its subcommands. Without a subcommand it serves.
func newRootCommand(environ []string) *cobra.Command {
	env := environment(environ)
	serve := newServeCommand(env)
	root := &cobra.Command{
		Use:   "emulator",
		Short: "A local AWS for security: STS, IAM and KMS that verify and enforce",
		Long: `A local AWS for security: STS, IAM and KMS on one endpoint, every signature
verified and every policy enforced. Without a command it serves.

Each flag can be given as a variable: --data-dir as EMULATOR_DATA_DIR. The master
key and the admin token are variables only: ` + masterKeyVariable + `, ` + adminTokenVariable + `.`,
		Args:          cobra.NoArgs,
		RunE:          serve.RunE,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.Flags().AddFlagSet(serve.Flags())
	root.AddCommand(serve, newCACommand(), newHealthCommand(), newExplainCommand(env), newDenialsCommand(env), newEventsCommand(env), newTokenCommand(env), newSAMLCommand(env), newAttestCommand(env), newExecCommand(time.Now, openTerminal), newCredentialsCommand(openTerminal), newEnvCommand(openTerminal), newBackupCommand(env), newRestoreCommand(env), newCheckCommand(env), newPolicyCommand(), newCoverageCommand(), newVersionCommand())
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return env.apply(root, cmd) }
	return root
}

// settings are the variables of the environment that are ours, by name.
type settings map[string]string

const variablePrefix = "EMULATOR_"

func environment(environ []string) settings {
	s := make(settings)
	for _, entry := range environ {
		if name, value, _ := strings.Cut(entry, "="); strings.HasPrefix(name, variablePrefix) {
			s[name] = value
		}
	}
	return s
}

func variable(flag string) string {
	return variablePrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// apply sets the flags of cmd that were not given from their variables. A variable
// that is no flag's of any command is an error: it is a misspelling.
func (s settings) apply(root, cmd *cobra.Command) error {
	known := map[string]bool{masterKeyVariable: true, adminTokenVariable: true}
	for _, c := range append(root.Commands(), root) {
		c.Flags().VisitAll(func(f *pflag.Flag) { known[variable(f.Name)] = true })
	}
	for name := range s {
		if !known[name] {
			return fmt.Errorf("unknown variable %s", name)
		}
	}
	var err error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		value, ok := s[variable(f.Name)]
		if !ok || f.Changed || err != nil {
			return
		}
		if setErr := cmd.Flags().Set(f.Name, value); setErr != nil {
			err = fmt.Errorf("%s: %w", variable(f.Name), setErr)
		}
	})
	return err
}

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		Run:   func(cmd *cobra.Command, _ []string) { fmt.Fprintln(cmd.OutOrStdout(), buildVersion()) },
	}
}

// buildVersion is the linker's version, or that of the module, or the commit.
func buildVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			return setting.Value
		}
	}
	return "devel"
}
