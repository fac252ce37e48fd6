package main

import (
	"github.com/spf13/cobra"

	"emulator/server"
)

func newCACommand() *cobra.Command {
	var dataDir string
	cmd := &cobra.Command{
		Use:   "ca",
		Short: "Print the certificate of the local authority behind --tls, for AWS_CA_BUNDLE",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			authority, err := server.OpenAuthority(dataDir)
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(authority.PEM())
			return err
		},
	}
	cmd.Flags().StringVar(&dataDir, "data-dir", defaultDataDir, "`directory` of the authority")
	return cmd
}
