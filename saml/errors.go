package saml

// Error is what AWS answers. The errors of this package wrap one of those below, and a cause,
// which is for the log: callers did not prove that they may know.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_saml.html
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithSAML.html
type Error struct {
	// Code is AWS's code.
	Code string
	// Message is AWS's where it is known.
	Message string
}

func (e *Error) Error() string { return e.Message }

// Codes of errors.
const (
	invalidInput  = "InvalidInput"
	invalidToken  = "InvalidIdentityToken"
	expiredToken  = "ExpiredTokenException"
	rejectedClaim = "IDPRejectedClaim"
)

// Errors of documents.
var (
	// ErrMetadata means that metadata is not a SAML 2.0 identity provider's.
	ErrMetadata = &Error{invalidInput, "Could not parse metadata"}
	// ErrNoCertificate means that metadata has no certificate to verify signatures with.
	ErrNoCertificate = &Error{invalidInput, "The metadata has no signing certificate"}
	// ErrWeakKey means that a certificate's key is shorter than AWS takes, or not RSA or ECDSA.
	ErrWeakKey = &Error{invalidInput, "Unable to parse metadata"}

	// ErrEncoding means that a response is not base64.
	ErrEncoding = &Error{invalidToken, "Invalid base64 SAMLResponse"}
	// ErrMalformed means that a response is not a SAML response of one assertion, or has what is
	// not safe to read.
	ErrMalformed = &Error{invalidToken, "Your request included an invalid SAML response"}
)

// Errors of what the identity provider says.
var (
	// ErrStatus means that the identity provider did not authenticate anybody.
	ErrStatus = &Error{rejectedClaim, "The identity provider (IdP) reported that authentication failed"}
	// ErrIssuer means that the response is of another identity provider than the metadata.
	ErrIssuer = &Error{invalidToken, "Issuer not present in specified provider"}
	// ErrSignature means that nothing which the metadata vouches for signed the assertion.
	ErrSignature = &Error{invalidToken, "Response signature invalid"}
	// ErrDecryption means that an encrypted assertion is not for us, or damaged.
	ErrDecryption = &Error{invalidToken, "Response could not be decrypted"}
	// ErrNotEncrypted means that the provider requires encryption, and the assertion was in the open.
	ErrNotEncrypted = &Error{invalidToken, "Response is not encrypted"}
	// ErrAudience means that the assertion is for somebody else.
	ErrAudience = &Error{invalidToken, "Response does not contain the required audience."}
	// ErrRecipient means that the assertion was to be brought elsewhere, or anywhere.
	ErrRecipient = &Error{invalidToken, "Response does not contain the required recipient"}
	// ErrNotRedeemed means that the assertion is older than five minutes.
	ErrNotRedeemed = &Error{expiredToken, "Token must be redeemed within 5 minutes of issuance"}
	// ErrExpired means that the assertion, or the session that it is of, is over.
	ErrExpired = &Error{expiredToken, "Response has expired"}
	// ErrNotYetValid means that the assertion is for later.
	ErrNotYetValid = &Error{invalidToken, "Response is not yet valid"}
	// ErrMetadataExpired means that the metadata's validUntil has passed.
	ErrMetadataExpired = &Error{invalidToken, "The metadata of the specified provider has expired"}
)

// Errors of the attributes in an assertion.
var (
	ErrNoRole          = &Error{invalidToken, "Your request included an invalid SAML response: the Role attribute is required in AuthnResponse"}
	ErrNoSessionName   = &Error{invalidToken, "RoleSessionName is required in AuthnResponse"}
	ErrSessionName     = &Error{invalidToken, "RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}"}
	ErrSourceIdentity  = &Error{invalidToken, `Source Identity must match [a-zA-Z_0-9+=,.@-]{2,256} and not begin with "aws:"`}
	ErrSessionDuration = &Error{invalidToken, "SessionDuration in AuthnResponse must be an integer from 900 to 43200"}
	ErrTags            = &Error{invalidToken, "The session tags in AuthnResponse are not valid"}
)
