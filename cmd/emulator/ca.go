package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"emulator/server"
)

func newCACommand() *cobra.Command {
	var (
		dataDir string
		names   []string
	)
	cmd := &cobra.Command{
		Use:   "ca",
		Short: "Print the certificate of the local authority behind --tls, for AWS_CA_BUNDLE",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			authority, err := server.OpenAuthority(dataDir, names)
			if err != nil {
				return err
			}
			if authority.Replaced {
				fmt.Fprintln(cmd.ErrOrStderr(), "emulator: a new local authority was made; an emulator that is running has to be started anew")
			}
			_, err = cmd.OutOrStdout().Write(authority.PEM())
			return err
		},
	}
	cmd.Flags().StringVar(&dataDir, "data-dir", defaultDataDir, "`directory` of the authority")
	cmd.Flags().StringSliceVar(&names, "tls-name", nil, "further `name`s or addresses that it is to be good for")
	return cmd
}
