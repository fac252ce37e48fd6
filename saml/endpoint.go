package saml

import (
	"regexp"
	"slices"
)

// signIn matches AWS's sign-in endpoints of all partitions, with a region or without. What follows
// /acs/ is the ID of a provider.
//
// https://docs.aws.amazon.com/general/latest/gr/signin-service.html
var signIn = regexp.MustCompile(`^https://(?:[a-z]{2}(?:-[a-z]+)+-[0-9]{1,2}\.)?signin\.(?:aws\.amazon\.com|amazonaws\.cn|amazonaws-us-gov\.com)(?:/static)?/saml(?:/acs/([A-Za-z0-9_-]+))?$`)

// audiences are AWS's names for itself as a relying party.
var audiences = []string{"urn:amazon:webservices", "urn:amazon:webservices:cn-north-1", "urn:amazon:webservices:govcloud"}

// AWSRecipient returns a check for AWS's sign-in endpoints: https://signin.aws.amazon.com/saml,
// those of the regions and of the other partitions, and those of one provider, which have its ID after
// /acs/. With providerID "" the latter are refused.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_saml_assertions.html#saml_subject-name-id
func AWSRecipient(providerID string) func(url string) bool {
	return func(url string) bool {
		m := signIn.FindStringSubmatch(url)
		return m != nil && (m[1] == "" || m[1] == providerID)
	}
}

// AWSAudience returns a check for what AWS is called in an assertion: urn:amazon:webservices, those of
// the other partitions, or a sign-in endpoint.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_saml_assertions.html#saml_audience-restriction
func AWSAudience(providerID string) func(uri string) bool {
	recipient := AWSRecipient(providerID)
	return func(uri string) bool { return slices.Contains(audiences, uri) || recipient(uri) }
}
