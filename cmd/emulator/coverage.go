package main

import (
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"emulator/server"
)

func newCoverageCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "coverage",
		Short: "Print which operations are there and which are missing, as the table in the README",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			s, err := server.Open(server.Config{Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				return err
			}
			defer s.Close()
			printCoverage(cmd.OutOrStdout(), s.Coverage())
			return nil
		},
	}
}

func printCoverage(w io.Writer, coverage []server.Coverage) {
	fmt.Fprint(w, "| service | covered | operations | missing |\n| --- | --- | --- | --- |\n")
	for _, c := range coverage {
		fmt.Fprintf(w, "| %s | %d/%d | %s | %s |\n", c.Service, len(c.Registered), len(c.Registered)+len(c.Missing),
			strings.Join(c.Registered, ", "), strings.Join(c.Missing, ", "))
	}
}
