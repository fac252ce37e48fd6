package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"

	"github.com/spf13/cobra"

	"emulator/authz"
	"emulator/server"
)

const defaultDataDir = ".emulator"

func newServeCommand(env settings) *cobra.Command {
	var (
		listen, dataDir, iam, logFormat, logLevel string
		ephemeral, secure, accountKeys            bool
		tlsNames, issuerHosts                     []string
	)
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve until SIGTERM or an interrupt",
		Args:  cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&listen, "listen", "127.0.0.1:4566", "`address` and port to listen on")
	flags.StringVar(&dataDir, "data-dir", defaultDataDir, "`directory` of the database and the master key")
	flags.BoolVar(&ephemeral, "ephemeral", false, "keep state in a temporary directory that is removed at exit")
	flags.BoolVar(&secure, "tls", false, "serve https, with a certificate of the authority that `emulator ca` prints")
	flags.StringSliceVar(&tlsNames, "tls-name", nil, "further `name`s or addresses for the certificate")
	flags.BoolVar(&accountKeys, "account-keys", true, "take a twelve-digit access key with secret test for the root user of that account")
	flags.StringSliceVar(&issuerHosts, "http-issuer", nil, "`host`s whose OpenID Connect issuers may use plain http, besides loopback ones")
	flags.StringVar(&iam, "iam", "enforce", "what becomes of denials: enforce, audit (only record them) or off")
	flags.StringVar(&logFormat, "log-format", "text", "text or json")
	flags.StringVar(&logLevel, "log-level", "info", "debug, info, warn or error")

	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		log, err := newLogger(cmd.ErrOrStderr(), logFormat, logLevel)
		if err != nil {
			return err
		}
		mode, ok := authz.ParseMode(iam)
		if !ok {
			return fmt.Errorf("--iam %q: want enforce, audit or off", iam)
		}
		if ephemeral {
			if cmd.Flags().Changed("data-dir") {
				return errors.New("--ephemeral and --data-dir exclude each other")
			}
			dataDir = ""
		}
		l, err := net.Listen("tcp", listen) // before anything is written
		if err != nil {
			return listenError(listen, err)
		}
		defer l.Close()
		s, err := server.Open(server.Config{
			DataDir:         dataDir,
			MasterKey:       env[masterKeyVariable],
			NoAccountKeys:   !accountKeys,
			InsecureIssuers: issuerHosts,
			IAM:             mode,
			AdminToken:      env[adminTokenVariable],
			Version:         buildVersion(),
			Log:             log,
		})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.Close()) }()
		var config *tls.Config
		if secure {
			authority, err := server.OpenAuthority(s.DataDir())
			if err != nil {
				return fmt.Errorf("local authority: %w", err)
			}
			if config, err = authority.TLSConfig(tlsNames); err != nil {
				return fmt.Errorf("certificate: %w", err)
			}
		}
		printStart(cmd.OutOrStdout(), l.Addr().(*net.TCPAddr), secure, ephemeral, s.DataDir(), accountKeys, mode)
		return s.Serve(cmd.Context(), l, config)
	}
	return cmd
}

// listenError says what is wrong without repeating the address twice.
func listenError(listen string, err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	return fmt.Errorf("cannot listen on %s: %w", listen, err)
}

func newLogger(w io.Writer, format, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil || strings.ContainsAny(level, "+-") {
		return nil, fmt.Errorf("--log-level %q: want debug, info, warn or error", level)
	}
	options := &slog.HandlerOptions{Level: l}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, fmt.Errorf("--log-format %q: want text or json", format)
}

// enforced is what the first screen says of each mode.
var enforced = map[authz.Mode]string{
	authz.Enforce: "signatures, identity policies, permissions boundaries, session, trust and key policies",
	authz.Audit:   "signatures; policies are only asked (GET /_emulator/decisions)",
	authz.Off:     "signatures; no policy",
}

// printStart is the first screen: where it listens, what it enforces, and what to
// type next.
func printStart(w io.Writer, addr *net.TCPAddr, secure, ephemeral bool, dataDir string, accountKeys bool, mode authz.Mode) {
	url := endpointURL(addr, secure)
	state := dataDir
	if ephemeral {
		state = "temporary, removed at exit"
	}
	fmt.Fprintf(w, `AWS emulator %s: STS, IAM, KMS
  endpoint   %s
  state      %s
  enforced   %s
  root user  access key test, secret test (account 000000000000)
`, buildVersion(), url, state, enforced[mode])
	if accountKeys {
		fmt.Fprintln(w, "             access key 111111111111, secret test (that account; any twelve digits)")
	}
	fmt.Fprintf(w, `
export AWS_ENDPOINT_URL=%s
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
export AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1
`, url)
	if secure {
		fmt.Fprintln(w, "emulator ca > ca.pem; export AWS_CA_BUNDLE=$PWD/ca.pem")
	}
}

// endpointURL is how a client on this machine reaches addr.
func endpointURL(addr *net.TCPAddr, secure bool) string {
	scheme := "http"
	if secure {
		scheme = "https"
	}
	host := addr.IP.String()
	if addr.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	return scheme + "://" + net.JoinHostPort(host, fmt.Sprint(addr.Port))
}
