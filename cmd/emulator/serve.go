package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"emulator/authz"
	"emulator/identity"
	"emulator/server"
	"emulator/services/iam"
	"emulator/services/sts/issuer"
)

const defaultDataDir = ".emulator"

func newServeCommand(env settings) *cobra.Command {
	var (
		listen, iam, logFormat, logLevel string
		ephemeral, secure                bool
		accountKeys, mintTokens          bool
		tlsNames, testIssuers            []string
		config                           server.Config
		metadata                         server.Metadata
		metadataListen, rootKeyText      string
		attestationRoots                 []string
		roleTemplates                    string
	)
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve until SIGTERM or an interrupt",
		Args:  cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&listen, "listen", "127.0.0.1:4566", "`address` and port to listen on")
	flags.StringVar(&config.DataDir, "data-dir", defaultDataDir, "`directory` of the database and the master key")
	flags.BoolVar(&ephemeral, "ephemeral", false, "keep state in a temporary directory that is removed at exit")
	flags.BoolVar(&secure, "tls", false, "serve https, with a certificate of the authority that `emulator ca` prints")
	flags.StringSliceVar(&tlsNames, "tls-name", nil, "further `name`s or addresses for the certificate")
	flags.StringSliceVar(&config.HostNames, "host-name", nil, "`name`s or addresses by which browsers may ask, besides loopback ones, AWS's, --tls-name and the address that is listened on")
	flags.StringSliceVar(&config.AllowOrigins, "allow-origin", nil, "`origin`s (https://app.example:8443) whose web pages may call AWS's operations; each in full, * is none")
	registerRootKey(flags, &rootKeyText)
	flags.BoolVar(&accountKeys, "account-keys", true, "take a twelve-digit access key with the root key's secret for the root user of that account")
	flags.StringSliceVar(&config.InsecureIssuers, "http-issuer", nil, "`host`s whose OpenID Connect issuers may use plain http, besides loopback ones")
	flags.BoolVar(&config.Offline, "offline", false, "fetch no keys of OpenID Connect issuers: only tokens made here are good")
	flags.BoolVar(&mintTokens, "test-issuers", true, "mint ID tokens for tests (emulator token), and take them for the real issuers'")
	flags.StringSliceVar(&testIssuers, "test-issuer", nil, "a further issuer of such tokens: `name=profile@URL`")
	flags.StringVar(&roleTemplates, "role-templates", "", "JSON `file` of role templates for AcquireRole, besides AWS's: a list of what GetRoleTemplateVersion answers")
	flags.StringArrayVar(&attestationRoots, "attestation-root", nil, "PEM `file` of roots that attestation documents have to lead to, in place of the built-in one (emulator attest)")
	flags.StringSliceVar(&config.Regions, "region", nil, "a further `region`, besides those that AWS has")
	flags.StringSliceVar(&config.ServicePrincipals, "service-principal", nil, "a further `service` (queue.example.com) that policies may name as a principal, besides those that AWS has")
	flags.StringSliceVar(&config.DisabledRegions, "disable-sts-region", nil, "`region`s in which STS gives no credentials")
	flags.DurationVar(&config.Transition, "transition", 0, "`time` that what AWS does in the background takes (30s): a key's replica, a new account, connecting a key store, a CloudHSM cluster")
	flags.StringVar(&metadataListen, "imds-listen", "", "`address` and port of an EC2 instance metadata service, which has the credentials of --imds-role")
	flags.StringVar(&metadata.Role, "imds-role", "", "`ARN` of the instance's role or instance profile")
	flags.StringVar(&metadata.Region, "imds-region", "us-east-1", "the instance's `region`")
	flags.BoolVar(&metadata.AllowV1, "imds-v1", false, "answer IMDSv1 requests, which have no token")
	flags.IntVar(&config.MaxConnections, "max-connections", server.DefaultConnections, "`number` of connections that are open at once; further ones wait")
	flags.StringSliceVar(&config.Quotas, "quotas", nil, "`settings` of quotas: off, requests (AWS's of requests are in force, too), NAME=VALUE, or a file of such")
	flags.StringVar(&iam, "iam", "enforce", "what becomes of denials: enforce, audit (only record them) or off")
	flags.StringVar(&logFormat, "log-format", "text", "text or json")
	flags.StringVar(&logLevel, "log-level", "info", "debug, info, warn or error")

	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		if config.Log, err = newLogger(cmd.ErrOrStderr(), logFormat, logLevel); err != nil {
			return err
		}
		var ok bool
		if config.IAM, ok = authz.ParseMode(iam); !ok {
			return fmt.Errorf("--iam %q: want enforce, audit or off", iam)
		}
		if config.MaxConnections < 1 {
			return fmt.Errorf("--max-connections %d: want at least 1", config.MaxConnections)
		}
		if config.Transition < 0 {
			return fmt.Errorf("--transition %s: want no less than 0", config.Transition)
		}
		if ephemeral {
			if cmd.Flags().Changed("data-dir") {
				return errors.New("--ephemeral and --data-dir exclude each other")
			}
			config.DataDir = ""
		}
		if metadataListen == "" && (metadata.Role != "" || metadata.AllowV1 || cmd.Flags().Changed("imds-region")) {
			return errors.New("--imds-role, --imds-region and --imds-v1 need --imds-listen")
		}
		for _, text := range testIssuers {
			i, err := issuer.Parse(text)
			if err != nil {
				return fmt.Errorf("--test-issuer: %w", err)
			}
			config.TestIssuers = append(config.TestIssuers, i)
		}
		if config.RoleTemplates, err = readRoleTemplates(roleTemplates); err != nil {
			return fmt.Errorf("--role-templates: %w", err)
		}
		for _, file := range attestationRoots {
			roots, err := readRoots(file)
			if err != nil {
				return fmt.Errorf("--attestation-root %s: %w", file, err)
			}
			config.AttestationRoots = append(config.AttestationRoots, roots...)
		}
		if config.RootKey, err = rootKey(rootKeyText); err != nil {
			return err
		}
		config.HostNames = append(config.HostNames, listenerNames(listen, tlsNames)...)
		config.NoAccountKeys, config.NoTestIssuers = !accountKeys, !mintTokens
		config.MasterKey, config.AdminToken, config.Version = env[masterKeyVariable], env[adminTokenVariable], buildVersion()
		l, err := net.Listen("tcp", listen) // before anything is written
		if err != nil {
			return listenError(listen, err)
		}
		defer l.Close()
		if !l.Addr().(*net.TCPAddr).IP.IsLoopback() && config.RootKey == identity.KnownRootKey {
			config.Log.Warn("other machines may reach this, and everybody knows the root user's secret: set EMULATOR_ROOT_KEY=NAME:SECRET", "listen", l.Addr())
		}
		s, err := server.Open(config)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.Close()) }()
		var tlsConfig *tls.Config
		if secure {
			authority, err := server.OpenAuthority(s.DataDir(), tlsNames)
			if err != nil {
				return fmt.Errorf("local authority: %w", err)
			}
			if authority.Replaced {
				config.Log.Warn("a new local authority was made, limited to the names of this emulator: clients need what `emulator ca` prints now")
			}
			if tlsConfig, err = authority.TLSConfig(tlsNames); err != nil {
				return fmt.Errorf("certificate: %w", err)
			}
		}
		if metadataListen != "" {
			stop, addr, err := serveMetadata(cmd.Context(), s, metadataListen, metadata)
			if err != nil {
				return fmt.Errorf("instance metadata service: %w", err)
			}
			defer stop()
			metadataListen = addr
		}
		printStart(cmd.OutOrStdout(), endpointURL(l.Addr().(*net.TCPAddr), secure), metadataListen, s, &config)
		return s.Serve(cmd.Context(), l, tlsConfig)
	}
	return cmd
}

// readRoleTemplates reads a file of templates; "" is none.
func readRoleTemplates(file string) (iam.RoleTemplates, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	templates, err := iam.ParseRoleTemplates(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return templates, nil
}

// listenerNames are the host names that the flags give the listener.
func listenerNames(listen string, tlsNames []string) []string {
	names := slices.DeleteFunc(slices.Clone(tlsNames), func(name string) bool { return strings.Contains(name, "*") })
	host, _, _ := net.SplitHostPort(listen)
	if _, err := netip.ParseAddr(host); err != nil && host != "" {
		names = append(names, host)
	}
	return names
}

// serveMetadata serves the instance metadata service until stop is called, and returns its address.
func serveMetadata(ctx context.Context, s *server.Server, listen string, m server.Metadata) (stop func(), address string, err error) {
	handler, err := s.MetadataHandler(m)
	if err != nil {
		return nil, "", err
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, "", listenError(listen, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.ServeMetadata(ctx, l, handler)
	}()
	stop = func() { cancel(); <-done }
	return stop, l.Addr().String(), nil
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
	authz.Enforce: "signatures, identity policies, permissions boundaries, session, trust and key policies, service and resource control policies",
	authz.Audit:   "signatures; policies are only asked (GET /_emulator/decisions)",
	authz.Off:     "signatures; no policy",
}

// printStart is the first screen: where it listens, what it enforces, and what to
// type next.
func printStart(w io.Writer, url, metadata string, s *server.Server, config *server.Config) {
	state := config.DataDir
	if state == "" {
		state = "temporary, removed at exit"
	}
	// A log keeps what is on the screen: of other secrets it has where they are.
	secret, quoted := config.RootKey.Secret, config.RootKey.Secret
	if config.RootKey != identity.KnownRootKey {
		secret, quoted = "as in EMULATOR_ROOT_KEY", `"${EMULATOR_ROOT_KEY#*:}"`
	}
	fmt.Fprintf(w, `AWS emulator %s: STS, IAM, KMS, Organizations
  endpoint   %s
  state      %s
  enforced   %s
  root user  access key %s, secret %s (account 000000000000)
`, buildVersion(), url, state, enforced[config.IAM], config.RootKey.ID, secret)
	if !config.NoAccountKeys {
		fmt.Fprintf(w, "             access key 111111111111, secret %s (that account; any twelve digits)\n", secret)
	}
	if issuers := s.TestIssuers(); len(issuers) > 0 {
		names := make([]string, len(issuers))
		for at, i := range issuers {
			names[at] = i.Name
		}
		fmt.Fprintf(w, "  ID tokens  for tests (emulator token --issuer NAME): %s\n", strings.Join(names, ", "))
	}
	if metadata != "" {
		fmt.Fprintf(w, "  instance   export AWS_EC2_METADATA_SERVICE_ENDPOINT=http://%s\n", metadata)
	}
	fmt.Fprintf(w, `
export AWS_ENDPOINT_URL=%s AWS_ENDPOINT_URL_STS=%[1]s
export AWS_ACCESS_KEY_ID=%s AWS_SECRET_ACCESS_KEY=%s
export AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1
`, url, config.RootKey.ID, quoted)
	if strings.HasPrefix(url, "https:") {
		fmt.Fprintf(w, "emulator ca --data-dir %s > ca.pem; export AWS_CA_BUNDLE=$PWD/ca.pem\n", s.DataDir())
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
