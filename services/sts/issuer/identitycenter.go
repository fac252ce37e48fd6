package issuer

import (
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"emulator/identity"
)

// identityCenter adds the claims of the ID token that CreateTokenWithIAM returns. The instance, the identity store and the
// application follow from nothing: they stand under the numbers of AWS's examples.
//
// https://docs.aws.amazon.com/singlesignon/latest/userguide/trustedidentitypropagation-identity-enhanced-iam-role-sessions.html
func identityCenter(c *claimSet) error {
	if c.text("sub", "") == "" {
		c.add("sub", uuidOf("identity center user", c.issuer.URL))
	}
	c.add("aws:identity_store_id", "d-1234567890")
	c.add("aws:identity_store_arn", "arn:aws:identitystore::111122223333:identitystore/"+c.text("aws:identity_store_id", "d-1234567890"))
	c.add("aws:instance_account", "111122223333")
	c.add("aws:instance_arn", "arn:aws:sso:::instance/ssoins-1234567890abcdef")
	c.add("aws:credential_id", uuid.NewString())
	c.all["auth_time"] = c.issued.Unix()
	c.all["aud"] = "arn:aws:sso::111122223333:application/ssoins-1234567890abcdef/apl-1234567890abcdef"
	return nil
}

// The claims with the assertions for AssumeRole.
const (
	identityContext = "sts:identity_context"
	auditContext    = "sts:audit_context"
)

// assert adds the context assertions that say what the other claims do, unless they are asked to be something else.
func (p *Provider) assert(claims, asked map[string]any) error {
	expires, _ := strconv.ParseInt(text(claims["exp"]), 10, 64)
	a := identity.ContextAssertion{Provider: identity.IdentityCenterProvider("aws"), Expires: time.Unix(expires, 0).UTC(), Context: make(map[string][]string)}
	for key, claim := range map[string]string{
		"identitystore:UserId": "sub", "identitystore:IdentityStoreArn": "aws:identity_store_arn",
		"identitycenter:InstanceArn": "aws:instance_arn", "identitycenter:ApplicationArn": "aud", "identitycenter:CredentialId": "aws:credential_id",
	} {
		if value := text(claims[claim]); value != "" {
			a.Context[key] = []string{value}
			if partition := strings.Split(value, ":"); key == "identitycenter:InstanceArn" && len(partition) > 1 {
				a.Provider = identity.IdentityCenterProvider(partition[1])
			}
		}
	}
	for _, name := range []string{identityContext, auditContext} {
		if _, ok := asked[name]; ok {
			continue
		}
		a.AuditOnly = name == auditContext
		sealed, err := p.keyring.SealContextAssertion(&a)
		if err != nil {
			return err
		}
		claims[name] = sealed
	}
	return nil
}
