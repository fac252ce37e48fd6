package issuer

import "github.com/google/uuid"

// cognitoClient is the app client that tokens are for, as AWS's examples have it.
const cognitoClient = "1example23456789"

// cognito adds the claims of the ID token of a user pool. cognito:groups,
// cognito:roles, cognito:preferred_role and custom:* are there if they are asked for.
//
// https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-id-token.html
func cognito(c *claimSet) error {
	user := c.add("cognito:username", "my-test-user")
	c.add("sub", uuidOf("cognito user", c.issuer.URL+" "+user))
	c.add("email", user+"@example.com")
	c.all["email_verified"] = true
	c.add("token_use", "id")
	c.all["auth_time"] = c.issued.Unix()
	c.add("event_id", uuid.NewString())
	c.add("origin_jti", uuid.NewString())
	c.all["aud"] = cognitoClient
	return nil
}
