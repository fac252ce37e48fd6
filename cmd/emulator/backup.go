package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"emulator/server"
	"emulator/store"
)

// source is where the state is that a command is about: an emulator that runs, or the data
// directory of one that does not.
type source struct {
	endpoint, dataDir string
}

func (s *source) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.dataDir, "data-dir", defaultDataDir, "`directory` of an emulator that does not run")
	cmd.Flags().StringVar(&s.endpoint, "endpoint", defaultEndpoint(), "`URL` of the emulator")
}

// ask has an emulator do it, or does it offline. A data directory that was named is taken unless an
// emulator holds it; otherwise the emulator at the endpoint is asked first, if there is one.
func (s *source) ask(cmd *cobra.Command, online func(endpoint string) error, offline func(dataDir string) error) error {
	if cmd.Flags().Changed("data-dir") {
		err := offline(s.dataDir)
		if errors.Is(err, store.ErrInUse) {
			err = online(s.endpoint)
		}
		return err
	}
	err := online(s.endpoint)
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Op == "dial" && !cmd.Flags().Changed("endpoint") {
		if err := offline(s.dataDir); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return err
}

func newBackupCommand(env settings) *cobra.Command {
	var (
		from           source
		withKey, force bool
	)
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write a copy of all state, as of one moment, while the emulator runs or does not",
		Long: `Writes the database, as of one moment, to a tar archive: of the emulator that runs, or of the
data directory of one that does not. Restoring it needs the master key of the emulator,
which is in the archive only with --with-key: who has both has every secret.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return writeNew(args[0], force, func(w io.Writer) error {
				return from.ask(cmd, func(endpoint string) error {
					url := endpoint + "/_emulator/backup"
					if withKey {
						url += "?with-key=1"
					}
					return download(cmd.Context(), env, url, w)
				}, func(dataDir string) error {
					return server.Backup(cmd.Context(), dataDir, env[masterKeyVariable], withKey, w)
				})
			})
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().BoolVar(&withKey, "with-key", false, "put the master key into it")
	cmd.Flags().BoolVar(&force, "force", false, "replace the file if there is one")
	from.flags(cmd)
	return cmd
}

func download(ctx context.Context, env settings, url string, w io.Writer) error {
	resp, err := sendAdmin(ctx, env, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("the backup broke off: %w", err)
	}
	return nil
}

// writeNew writes a file that only its owner may read. It is there whole or not at all.
func writeNew(path string, replace bool, write func(io.Writer) error) error {
	if _, err := os.Lstat(path); err == nil && !replace {
		return fmt.Errorf("%s is there already; --force replaces it", path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := errors.Join(write(f), f.Sync(), f.Close()); err != nil {
		return err
	}
	if replace {
		return os.Rename(f.Name(), path)
	}
	return os.Link(f.Name(), path)
}

func newRestoreCommand(env settings) *cobra.Command {
	var dataDir string
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Make a data directory of a backup",
		Long: `Makes a data directory of a backup. If the master key is not in it, it must be in the
directory as master.key, or in ` + masterKeyVariable + `.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer f.Close()
			return server.Restore(dataDir, env[masterKeyVariable], f)
		},
	}
	cmd.Flags().StringVar(&dataDir, "data-dir", defaultDataDir, "`directory` without a database")
	return cmd
}

func newCheckCommand(env settings) *cobra.Command {
	var from source
	cmd := &cobra.Command{
		Use:   "check [BACKUP]",
		Short: "Look for damage in the state: exit 1 if there is any",
		Long: `Reads every page of the database and every record, and compares the indexes with the
records: in a backup, of the emulator that runs, or in the data directory of one
that does not. It prints what is wrong, a line each.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var findings []string
			var err error
			if len(args) == 1 {
				findings, err = checkBackup(cmd.Context(), args[0])
			} else {
				err = from.ask(cmd, func(endpoint string) error {
					resp, err := sendAdmin(cmd.Context(), env, http.MethodGet, endpoint+"/_emulator/check", nil)
					if err != nil {
						return err
					}
					defer resp.Body.Close()
					var answer struct{ Findings []string }
					err = json.NewDecoder(resp.Body).Decode(&answer)
					findings = answer.Findings
					return err
				}, func(dataDir string) (err error) {
					findings, err = server.Check(cmd.Context(), dataDir)
					return err
				})
			}
			if err != nil {
				return err
			}
			for _, finding := range findings {
				fmt.Fprintln(cmd.OutOrStdout(), finding)
			}
			if len(findings) > 0 {
				return errors.New("the database is damaged")
			}
			return nil
		},
	}
	cmd.Flags().SortFlags = false
	from.flags(cmd)
	return cmd
}

func checkBackup(ctx context.Context, path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return server.CheckBackup(ctx, f)
}
