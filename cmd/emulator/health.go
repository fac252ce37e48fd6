package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

// newHealthCommand makes the health check of a container that has no shell.
func newHealthCommand() *cobra.Command {
	var (
		listen string
		secure bool
	)
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Exit 0 if an emulator on this machine is ready, 1 if not",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			addr, err := net.ResolveTCPAddr("tcp", listen)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), 3*time.Second)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, endpointURL(addr, secure)+"/readyz", nil)
			if err != nil {
				return err
			}
			// Whether it answers is the question here, not who it is: it is on this machine.
			client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
			resp, err := client.Do(req)
			if err != nil {
				return err
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				return fmt.Errorf("not ready: %s", resp.Status)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:4566", "`address` that the emulator listens on")
	cmd.Flags().BoolVar(&secure, "tls", false, "the emulator serves https")
	return cmd
}
