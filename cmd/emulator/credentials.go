package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"emulator/containercreds"
	"emulator/identity"
)

// newCredentialsCommand makes what a credential_process must print.
func newCredentialsCommand(terminal terminal) *cobra.Command {
	s := sessionFlags{terminal: terminal}
	cmd := &cobra.Command{
		Use:   "credentials",
		Short: "Print temporary credentials as an SDK's credential_process",
		Long: `Prints temporary credentials of a role, or without --role those of GetSessionToken, in
the form that AWS SDKs read from the credential_process of a profile:

  [profile app]
  credential_process = emulator credentials --role arn:aws:iam::000000000000:role/app
  endpoint_url = http://127.0.0.1:4566
  region = us-east-1`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			session, err := s.open(cmd.Context(), cmd.Flags())
			if err != nil {
				return err
			}
			creds, err := session.source(cmd.Context())
			if err != nil {
				return err
			}
			return printProcessCredentials(cmd.OutOrStdout(), creds)
		},
	}
	s.register(cmd.Flags())
	return cmd
}

// printProcessCredentials writes what "Process credential provider" in the AWS SDKs and tools
// reference guide describes.
func printProcessCredentials(w io.Writer, creds aws.Credentials) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(struct {
		Version                                    int
		AccessKeyId, SecretAccessKey, SessionToken string
		Expiration                                 time.Time
		AccountId                                  string `json:",omitempty"`
	}{1, creds.AccessKeyID, creds.SecretAccessKey, creds.SessionToken, creds.Expires.UTC(), creds.AccountID})
}

// sessionFlags say whose temporary credentials are wanted, and who asks for them.
type sessionFlags struct {
	terminal                                           terminal
	endpoint, profile                                  string
	role, name, externalID, sourceIdentity, policyFile string
	duration                                           time.Duration
	tags                                               []string
	mfa, tokenCode                                     string
	rootKey                                            string
}

// defaultRegion is that of a caller who has none configured.
const defaultRegion = "us-east-1"

func (s *sessionFlags) register(flags *pflag.FlagSet) {
	flags.SortFlags = false
	flags.StringVar(&s.role, "role", "", "`ARN` of the role to assume")
	flags.StringVar(&s.name, "session-name", "emulator", "`name` of the role session")
	flags.StringVar(&s.profile, "profile", "", "`name` of the AWS profile that asks (default: as the SDKs find it, else the root user)")
	flags.StringVar(&s.externalID, "external-id", "", "external `ID` that the role's trust policy may want")
	flags.StringVar(&s.mfa, "mfa", "", "`serial` number or ARN of the caller's MFA device")
	flags.StringVar(&s.tokenCode, "token-code", "", "`code` of the MFA device (default: asked for on the terminal)")
	flags.DurationVar(&s.duration, "duration", 0, "lifetime of the session (default: that of AWS)")
	flags.StringVar(&s.sourceIdentity, "source-identity", "", "source identity of the session")
	flags.StringVar(&s.policyFile, "policy", "", "`file` with a session policy")
	flags.StringArrayVar(&s.tags, "tag", nil, "session tag `key=value`, any number of them")
	registerRootKey(flags, &s.rootKey)
	flags.StringVar(&s.endpoint, "endpoint", "", "`URL` of the emulator (default: $AWS_ENDPOINT_URL_STS, $AWS_ENDPOINT_URL or http://127.0.0.1:4566)")
}

// session makes the credentials that flags ask for, as often as it is asked.
type session struct {
	endpoint string
	caller   aws.Config
	source   containercreds.Source
}

// open reads the flags and the caller's AWS configuration. With an MFA device it calls
// GetSessionToken first: a code is good for one call, but a role session must be renewed, and
// the MFA session can do that for its twelve hours. To roles that want
// aws:MultiFactorAuthPresent it is the same.
func (s *sessionFlags) open(ctx context.Context, flags *pflag.FlagSet) (*session, error) {
	input, duration, err := s.input(flags)
	if err != nil {
		return nil, err
	}
	endpoint := s.endpointURL()
	caller, err := s.callerConfig(ctx, endpoint)
	if err != nil {
		return nil, err
	}
	get := &sts.GetSessionTokenInput{DurationSeconds: duration}
	if s.mfa != "" {
		code := s.tokenCode
		if code == "" {
			if code, err = s.terminal.ask(s.mfa); err != nil {
				return nil, err
			}
		}
		get.SerialNumber, get.TokenCode = &s.mfa, &code
		if input != nil {
			get.DurationSeconds = nil // the role session's
		}
		session, err := getSessionToken(ctx, caller, get)
		if err != nil {
			return nil, err
		}
		caller.Credentials = credentials.StaticCredentialsProvider{Value: session}
	}
	source := func(ctx context.Context) (aws.Credentials, error) {
		switch {
		case input != nil:
			return assumeRole(ctx, caller, input)
		case s.mfa != "": // the MFA session is what was asked for
			return caller.Credentials.Retrieve(ctx)
		default:
			return getSessionToken(ctx, caller, get)
		}
	}
	return &session{endpoint, caller, source}, nil
}

// input returns the call that the flags describe, nil without a role, and the lifetime.
func (s *sessionFlags) input(flags *pflag.FlagSet) (*sts.AssumeRoleInput, *int32, error) {
	var duration *int32
	if flags.Changed("duration") {
		if s.duration%time.Second != 0 {
			return nil, nil, fmt.Errorf("--duration %s: want whole seconds", s.duration)
		}
		duration = aws.Int32(int32(s.duration / time.Second))
	}
	if s.tokenCode != "" && s.mfa == "" {
		return nil, nil, errors.New("--token-code needs --mfa")
	}
	if s.role == "" {
		for _, name := range []string{"session-name", "external-id", "source-identity", "policy", "tag"} {
			if flags.Changed(name) {
				return nil, nil, fmt.Errorf("--%s needs --role", name)
			}
		}
		return nil, duration, nil
	}
	input := &sts.AssumeRoleInput{RoleArn: &s.role, RoleSessionName: &s.name, DurationSeconds: duration}
	if s.externalID != "" {
		input.ExternalId = &s.externalID
	}
	if s.sourceIdentity != "" {
		input.SourceIdentity = &s.sourceIdentity
	}
	if s.policyFile != "" {
		text, err := os.ReadFile(s.policyFile)
		if err != nil {
			return nil, nil, fmt.Errorf("--policy: %w", err)
		}
		input.Policy = aws.String(string(text))
	}
	for _, pair := range s.tags {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, nil, fmt.Errorf("--tag %q: want key=value", pair)
		}
		input.Tags = append(input.Tags, types.Tag{Key: &key, Value: &value})
	}
	return input, duration, nil
}

func (s *sessionFlags) endpointURL() string {
	for _, url := range []string{s.endpoint, os.Getenv("AWS_ENDPOINT_URL_STS"), os.Getenv("AWS_ENDPOINT_URL")} {
		if url != "" {
			return url
		}
	}
	return "http://127.0.0.1:4566"
}

// callerConfig is the AWS configuration of this user, as every SDK reads it, but for the
// instance metadata service: on a laptop nobody answers there. Without credentials it is
// that of the root user, as `emulator serve` prints it.
func (s *sessionFlags) callerConfig(ctx context.Context, endpoint string) (aws.Config, error) {
	local := func(o *sts.Options) { o.BaseEndpoint = &endpoint }
	client, err := httpClient()
	if err != nil {
		return aws.Config{}, err
	}
	c, err := config.LoadDefaultConfig(ctx,
		config.WithSharedConfigProfile(s.profile),
		config.WithBaseEndpoint(endpoint),
		config.WithHTTPClient(client),
		config.WithDefaultRegion(defaultRegion),
		config.WithEC2IMDSClientEnableState(imds.ClientDisabled),
		// The SDK gives the clients that profiles need no endpoint, if AWS_ENDPOINT_URL has it.
		config.WithAssumeRoleCredentialOptions(func(o *stscreds.AssumeRoleOptions) {
			o.TokenProvider = func() (string, error) { return s.terminal.ask(aws.ToString(o.SerialNumber)) }
			if client, ok := o.Client.(*sts.Client); ok {
				o.Client = sts.New(client.Options(), local)
			}
		}),
		config.WithWebIdentityRoleCredentialOptions(func(o *stscreds.WebIdentityRoleOptions) {
			if client, ok := o.Client.(*sts.Client); ok {
				o.Client = sts.New(client.Options(), local)
			}
		}),
	)
	if err != nil {
		return aws.Config{}, fmt.Errorf("AWS configuration: %w", err)
	}
	c.BaseEndpoint = &endpoint // whatever AWS_IGNORE_CONFIGURED_ENDPOINT_URLS says
	if aws.IsCredentialsProvider(c.Credentials, (*ec2rolecreds.Provider)(nil)) {
		if s.profile != "" {
			return aws.Config{}, fmt.Errorf("profile %s has no credentials", s.profile)
		}
		key, err := rootKey(s.rootKey)
		if err != nil {
			return aws.Config{}, err
		}
		c.Credentials = credentials.NewStaticCredentialsProvider(key.ID, key.Secret, "")
	}
	return c, nil
}

// stsClient calls the endpoint of the flags, even if there is another one for STS alone.
func stsClient(caller aws.Config) *sts.Client {
	return sts.NewFromConfig(caller, func(o *sts.Options) { o.BaseEndpoint = caller.BaseEndpoint })
}

func assumeRole(ctx context.Context, caller aws.Config, input *sts.AssumeRoleInput) (aws.Credentials, error) {
	out, err := stsClient(caller).AssumeRole(ctx, input)
	if err != nil {
		return aws.Credentials{}, callError(caller, err)
	}
	return temporary(out.Credentials), nil
}

func getSessionToken(ctx context.Context, caller aws.Config, input *sts.GetSessionTokenInput) (aws.Credentials, error) {
	out, err := stsClient(caller).GetSessionToken(ctx, input)
	if err != nil {
		return aws.Credentials{}, callError(caller, err)
	}
	return temporary(out.Credentials), nil
}

func temporary(c *types.Credentials) aws.Credentials {
	account, _ := identity.AccountOf(*c.AccessKeyId)
	return aws.Credentials{
		AccessKeyID: *c.AccessKeyId, SecretAccessKey: *c.SecretAccessKey, SessionToken: *c.SessionToken,
		CanExpire: true, Expires: *c.Expiration, AccountID: account,
	}
}

// callError makes one line of what the SDK says in many words.
func callError(caller aws.Config, err error) error {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		hint := ""
		if strings.Contains(api.ErrorMessage(), "root accounts") {
			hint = " Give the access key of a user, by --profile or AWS_ACCESS_KEY_ID."
		} else if response, ok := errors.AsType[*awshttp.ResponseError](err); ok && api.ErrorCode() == "AccessDenied" {
			hint = " (why: emulator explain " + response.ServiceRequestID() + ")"
		}
		return fmt.Errorf("%s: %s: %s%s", operationOf(err), api.ErrorCode(), oneLine(api.ErrorMessage()), hint)
	}
	if send, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("no answer from the emulator at %s: %w", aws.ToString(caller.BaseEndpoint), send.Err)
	}
	return errors.New(oneLine(err.Error()))
}

// operationOf returns the operation that failed: the innermost, for a profile can need calls of
// its own.
func operationOf(err error) (name string) {
	for {
		op, ok := errors.AsType[*smithy.OperationError](err)
		if !ok {
			return name
		}
		name, err = op.OperationName, op.Err
	}
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// terminal opens the terminal of whoever started the command. Standard input and output are
// not it: they belong to a command that is run, or to an SDK.
type terminal func() (io.ReadWriteCloser, error)

func openTerminal() (io.ReadWriteCloser, error) { return os.OpenFile("/dev/tty", os.O_RDWR, 0) }

// ask reads the code of an MFA device.
func (t terminal) ask(serial string) (string, error) {
	tty, err := t()
	if err != nil {
		return "", errors.New("no terminal to ask for the MFA code on: give --token-code")
	}
	defer tty.Close()
	if _, err := fmt.Fprintf(tty, "MFA code of %s: ", serial); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(tty).ReadString('\n')
	if line = strings.TrimSpace(line); line == "" {
		return "", errors.Join(errors.New("no MFA code"), err)
	}
	return line, nil
}
