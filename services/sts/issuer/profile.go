package issuer

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// stsAudience is what AWS's own clients of AssumeRoleWithWebIdentity ask their tokens for.
const stsAudience = "sts.amazonaws.com"

// profile is the claims of a kind of issuer.
type profile struct {
	// lifetime is how long its tokens are good for by default.
	lifetime time.Duration
	// claims adds those that the kind has beside iss, jti, iat and exp.
	claims func(*claimSet) error
}

var profileNames = []string{"github", "gitlab", "eks", "cognito", "identitycenter", "plain"}

var profiles = map[string]profile{
	// https://docs.github.com/en/actions/concepts/security/openid-connect#understanding-the-oidc-token
	"github": {5 * time.Minute, github},
	// The timeout of the job, which is an hour unless it says otherwise
	// (https://docs.gitlab.com/ci/secrets/id_token_authentication/#token-payload).
	"gitlab": {time.Hour, gitlab},
	// What the EKS webhook mounts
	// (https://github.com/aws/amazon-eks-pod-identity-webhook#eks-walkthrough).
	"eks": {24 * time.Hour, eks},
	// https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-id-token.html
	"cognito": {time.Hour, cognito},
	// https://docs.aws.amazon.com/singlesignon/latest/OIDCAPIReference/API_CreateTokenWithIAM.html
	"identitycenter": {time.Hour, identityCenter},
	// https://openid.net/specs/openid-connect-core-1_0.html#IDToken
	"plain": {time.Hour, plain},
}

func plain(c *claimSet) error {
	c.all["sub"], c.all["aud"] = "user", stsAudience
	return nil
}

// number is an ID made of what it identifies: the same in each token, and another one for another thing.
func number(kind, name string) string {
	sum := sha256.Sum256([]byte(kind + "\x00" + name))
	return strconv.FormatUint(uint64(binary.BigEndian.Uint32(sum[:])), 10)
}

// commit is a SHA-1 made of what it is of.
func commit(name string) string {
	sum := sha256.Sum256([]byte("commit\x00" + name))
	return hex.EncodeToString(sum[:20])
}

// uuidOf is made of what it identifies (RFC 9562, section 5.8).
func uuidOf(kind, name string) string {
	return uuid.NewHash(sha256.New(), uuid.Nil, []byte(kind+"\x00"+name), 8).String()
}
