package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"emulator/services/sts/issuer"
)

// newTokenCommand makes ID tokens for tests.
func newTokenCommand(env settings) *cobra.Command {
	var (
		name, endpoint string
		claims         []string
		expiresIn      time.Duration
		show           bool
		body           issuer.TokenBody
	)
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Print an ID token of the built-in OpenID Connect provider",
		Long: `Prints an ID token of the built-in OpenID Connect provider, with the claims and under
the issuer of GitHub Actions, GitLab CI/CD, an EKS service account or a Cognito user pool.
It is good for AssumeRoleWithWebIdentity in an account that has an IAM OpenID Connect
provider for that issuer. That of IAM Identity Center has context assertions for AssumeRole in
its claims sts:identity_context and sts:audit_context.`,
		Example: `  emulator token --issuer github --claim repository=org/app --claim environment=prod
  emulator token --issuer eks --claim namespace=shop --claim serviceaccount=cart > token
  emulator token --issuer cognito --claim 'cognito:groups:=["admins"]' --show
  emulator token --issuer plain --claim sub=alice --claim \
    'https://aws.amazon.com/tags:={"principal_tags":{"team":["blue"]},"transitive_tag_keys":["team"]}'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if body.Claims, err = issuer.ParseClaims(claims); err != nil {
				return err
			}
			if cmd.Flags().Changed("expires-in") {
				body.ExpiresIn = expiresIn.String()
			}
			address := endpoint + issuer.Path + "/" + url.PathEscape(name) + "/token"
			var minted struct {
				Token  string          `json:"token"`
				Claims json.RawMessage `json:"claims"`
			}
			if err := callAdmin(cmd.Context(), env, http.MethodPost, address, &body, &minted); err != nil {
				return err
			}
			if show {
				encoder := json.NewEncoder(cmd.ErrOrStderr())
				encoder.SetIndent("", "  ")
				encoder.SetEscapeHTML(false)
				if err := encoder.Encode(minted.Claims); err != nil {
					return err
				}
			}
			// A file gets no newline: what reads a token file sends all that is in it.
			out := cmd.OutOrStdout()
			if isTerminal(out) {
				minted.Token += "\n"
			}
			_, err = io.WriteString(out, minted.Token)
			return err
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&name, "issuer", "github", "`name`: github, gitlab, eks, cognito, identitycenter, plain or a configured one")
	flags.StringArrayVar(&claims, "claim", nil, "`name=text` or name:=JSON, any number of them; name:=null leaves a claim out")
	flags.StringVar(&body.Audience, "audience", "", "`audience` of the token (default: what the issuer's clients use)")
	flags.DurationVar(&expiresIn, "expires-in", 0, "lifetime; a negative one makes an expired token (default: that of the issuer)")
	flags.StringVar(&body.Algorithm, "alg", "", "RS256, ES256 or EdDSA (default RS256)")
	flags.BoolVar(&body.ImmutableSubject, "immutable-subject", false, "GitHub's subject with IDs: repo:ORG@ID/REPO@ID:…")
	flags.StringSliceVar(&body.SubjectClaims, "subject-claims", nil, "`claims` of which a GitHub or GitLab project was configured to build subjects")
	flags.StringVar(&endpoint, "endpoint", defaultEndpoint(), "`URL` of the emulator")
	flags.BoolVar(&show, "show", false, "print the claims as JSON to stderr")
	return cmd
}
