package main

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"emulator/server"
)

// newSAMLCommand is the built-in SAML identity provider.
func newSAMLCommand(env settings) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "saml",
		Short: "Metadata and signed responses of the built-in SAML identity provider",
		Long: `The built-in SAML 2.0 identity provider signs whatever it is told to, for tests of
AssumeRoleWithSAML: register its metadata as a SAML provider, then ask for a response.`,
		Example: `  emulator saml metadata > metadata.xml
  aws iam create-saml-provider --name corporate --saml-metadata-document file://metadata.xml
  aws sts assume-role-with-saml --role-arn $ROLE --principal-arn $PROVIDER \
    --saml-assertion "$(emulator saml response --role $ROLE --provider $PROVIDER --subject alice)"`,
	}
	var endpoint string
	cmd.PersistentFlags().StringVar(&endpoint, "endpoint", defaultEndpoint(), "`URL` of the emulator")
	cmd.AddCommand(newSAMLMetadataCommand(env, &endpoint), newSAMLResponseCommand(env, &endpoint))
	return cmd
}

func newSAMLMetadataCommand(env settings, endpoint *string) *cobra.Command {
	return &cobra.Command{
		Use:   "metadata",
		Short: "Print the metadata document for CreateSAMLProvider",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var answer struct {
				Metadata string `json:"metadata"`
			}
			if err := callAdmin(cmd.Context(), env, http.MethodGet, *endpoint+"/_emulator/saml/metadata", nil, &answer); err != nil {
				return err
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), answer.Metadata)
			return err
		},
	}
}

func newSAMLResponseCommand(env settings, endpoint *string) *cobra.Command {
	var (
		request    server.SAMLRequest
		attributes []string
	)
	cmd := &cobra.Command{
		Use:   "response",
		Short: "Print a signed response in base64, as AssumeRoleWithSAML takes it",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			request.Attributes = make(map[string][]string)
			for _, pair := range attributes {
				name, value, ok := strings.Cut(pair, "=")
				if !ok {
					return fmt.Errorf("--attribute %q: want name=value", pair)
				}
				request.Attributes[name] = append(request.Attributes[name], value)
			}
			var answer struct {
				Response string `json:"response"`
			}
			if err := callAdmin(cmd.Context(), env, http.MethodPost, *endpoint+"/_emulator/saml/response", request, &answer); err != nil {
				return err
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), answer.Response)
			return err
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&request.Role, "role", "", "`ARN` of the role")
	flags.StringVar(&request.Provider, "provider", "", "`ARN` of the IAM SAML provider")
	flags.StringVar(&request.Subject, "subject", "", "`name` of the user (default user)")
	flags.StringVar(&request.SessionName, "session-name", "", "RoleSessionName (default: the subject)")
	flags.StringArrayVar(&attributes, "attribute", nil, "further attribute `name=value`, any number of them, by its full name")
	flags.StringVar(&request.Audience, "audience", "", "`URI` in place of urn:amazon:webservices")
	flags.StringVar(&request.Recipient, "recipient", "", "`URL` in place of https://signin.aws.amazon.com/saml")
	flags.StringVar(&request.Age, "age", "", "make it that much older, to see it refused: 10m")
	cmd.MarkFlagRequired("role")
	cmd.MarkFlagRequired("provider")
	return cmd
}
