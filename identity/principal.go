// Package identity is who can call: root users, users, roles and their sessions,
// with their access keys and policies as they are stored, and the session tokens
// that stand for temporary credentials.
package identity

// Kind is what a principal is.
type Kind string

// The kinds of principal. Anonymous is the zero value: a caller that did not sign.
const (
	Anonymous     Kind = ""
	Root          Kind = "Root"
	UserKind      Kind = "User"
	AssumedRole   Kind = "AssumedRole"
	FederatedUser Kind = "FederatedUser"
)

// Principal is an authenticated caller, or nobody (the zero value).
type Principal struct {
	Kind    Kind
	Account string
	// ARN as GetCallerIdentity and policies show it:
	// "arn:aws:sts::111111111111:assumed-role/app/session1".
	ARN string
	// UserID as GetCallerIdentity shows it: "AROAEXAMPLE:session1".
	UserID      string
	AccessKeyID string

	// User is set for users, their GetSessionToken sessions and users' federated users.
	User *User
	// Role is set for AssumedRole.
	Role *Role
	// Session is set if the credentials are temporary.
	Session *Session
}

// MayCallIAM reports whether IAM takes the credentials: it refuses those of
// GetFederationToken, and those of GetSessionToken that no MFA device vouched for.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_sts-comparison.html
func (p *Principal) MayCallIAM() bool {
	switch {
	case p.Session == nil, p.Kind == AssumedRole, p.Session.AssumedRoot, p.Session.Delegated:
		return true
	case len(p.Session.Context["aws:SignInSessionArn"]) > 0:
		return true // as in the console, which one signs in to with a password
	case p.Kind == FederatedUser:
		return false
	}
	return !p.Session.MFA.IsZero()
}

// ARN returns arn:PARTITION:SERVICE::ACCOUNT:RESOURCE, the form of resources that
// belong to no region.
func ARN(partition, service, account, resource string) string {
	return "arn:" + partition + ":" + service + "::" + account + ":" + resource
}
