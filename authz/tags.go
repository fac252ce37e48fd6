package authz

import (
	"strings"

	"emulator/api"
	"emulator/store"
)

// TagCheck returns an error if an account's tag policy does not let a resource of a type, "kms:key", have such tags.
type TagCheck func(r store.Reader, account, resource string, tags map[string]string) error

// tagging has the types of resources that actions tag. Types that no tag policy can be enforced of are not in it.
var tagging = map[string]string{
	"iam:TagInstanceProfile":       "iam:instance-profile",
	"iam:TagMFADevice":             "iam:mfa",
	"iam:TagOpenIDConnectProvider": "iam:oidc-provider",
	"iam:TagPolicy":                "iam:policy",
	"iam:TagSAMLProvider":          "iam:saml-provider",
	"iam:TagServerCertificate":     "iam:server-certificate",

	"kms:TagResource": "kms:key",

	"organizations:CreateAccount":               "organizations:account",
	"organizations:CreateGovCloudAccount":       "organizations:account",
	"organizations:InviteAccountToOrganization": "organizations:account",
	"organizations:CreateOrganizationalUnit":    "organizations:ou",
	"organizations:CreatePolicy":                "organizations:policy",
}

// checkTags asks the tag policy of the account that owns what a call gives tags, once the call is allowed.
func (a *Authorizer) checkTags(r store.Reader, c *api.Caller, req *Request) error {
	if len(req.RequestTags) == 0 || a.Tags == nil || a.mode != Enforce || a.rehearsal(c.RequestID) != nil {
		return nil
	}
	resource := tagging[req.Action]
	if resource == "" {
		resource = tagging[req.TagAction]
	}
	account := req.ResourceAccount
	if account == "" {
		account = c.Account
	}
	if req.Action == "organizations:TagResource" { // arn:aws:organizations::account:type/organization/id
		parts := strings.SplitN(req.Resource, ":", 6)
		if len(parts) < 6 {
			return nil
		}
		kind, _, _ := strings.Cut(parts[5], "/")
		resource, account = "organizations:"+kind, parts[4]
	}
	if resource == "" {
		return nil
	}
	return a.Tags(r, account, resource, req.RequestTags)
}
