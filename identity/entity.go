package identity

import (
	"strings"
	"time"

	"emulator/store"
)

// User is the record of an IAM user, with all that authorization needs of it.
type User struct {
	Account   string    `json:"account"`
	Partition string    `json:"partition"`
	Name      string    `json:"name"`
	ID        string    `json:"id"`
	Path      string    `json:"path"`
	Created   time.Time `json:"created"`
	// Boundary is the ARN of the permissions boundary, or "".
	Boundary string            `json:"boundary,omitempty"`
	Tags     map[string]string `json:"tags,omitempty"`
	// Inline policies by name, as they were given.
	Inline map[string]string `json:"inline,omitempty"`
	// Attached are the ARNs of managed policies, in the order of attachment.
	Attached []string `json:"attached,omitempty"`
	// Groups are the names of the user's groups.
	Groups []string `json:"groups,omitempty"`
	// AccessKeys are the IDs of the user's access keys.
	AccessKeys []string `json:"accessKeys,omitempty"`
	// MFADevices are the serial numbers of the devices enabled with the user.
	MFADevices []string `json:"mfaDevices,omitempty"`
	// Recreated is set if another user of this name had been deleted just before.
	Recreated bool `json:"recreated,omitempty"`
	// PasswordLastUsed is when the user signed in with its password last.
	PasswordLastUsed time.Time `json:"passwordLastUsed,omitzero"`
}

// ARN returns the user's ARN.
func (u *User) ARN() string { return ARN(u.Partition, "iam", u.Account, "user"+u.Path+u.Name) }

// Role is the record of an IAM role.
type Role struct {
	Account   string    `json:"account"`
	Partition string    `json:"partition"`
	Name      string    `json:"name"`
	ID        string    `json:"id"`
	Path      string    `json:"path"`
	Created   time.Time `json:"created"`
	// Trust is the trust policy as it was given, but for the users and roles it names:
	// they stand as their unique IDs, so that another of the same name is not trusted.
	Trust       string `json:"trust"`
	Description string `json:"description,omitempty"`
	// MaxSessionDuration in seconds.
	MaxSessionDuration int32 `json:"maxSessionDuration"`
	// MaxSigninSessionDuration in seconds; 0 if it is not set.
	MaxSigninSessionDuration int32             `json:"maxSigninSessionDuration,omitempty"`
	Boundary                 string            `json:"boundary,omitempty"`
	Tags                     map[string]string `json:"tags,omitempty"`
	Inline                   map[string]string `json:"inline,omitempty"`
	Attached                 []string          `json:"attached,omitempty"`
	// Template is what AcquireRole made the role of, nil if it did not.
	Template *RoleTemplate `json:"template,omitempty"`
}

// RoleTemplate is where a role is from.
type RoleTemplate struct {
	ARN          string `json:"arn"`
	MinorVersion int32  `json:"minorVersion"`
	// Made identifies what the role was when it was made.
	Made string `json:"made"`
}

// ARN returns the role's ARN.
func (r *Role) ARN() string { return ARN(r.Partition, "iam", r.Account, "role"+r.Path+r.Name) }

// ServiceLinked reports whether the role belongs to an AWS service, which no SCP limits.
func (r *Role) ServiceLinked() bool { return strings.HasPrefix(r.Path, "/aws-service-role/") }

// Group is the record of an IAM group. Its members are in an index of their own.
type Group struct {
	Account   string            `json:"account"`
	Partition string            `json:"partition"`
	Name      string            `json:"name"`
	ID        string            `json:"id"`
	Path      string            `json:"path"`
	Created   time.Time         `json:"created"`
	Inline    map[string]string `json:"inline,omitempty"`
	Attached  []string          `json:"attached,omitempty"`
}

// ARN returns the group's ARN.
func (g *Group) ARN() string { return ARN(g.Partition, "iam", g.Account, "group"+g.Path+g.Name) }

// ManagedPolicy is the record of a managed policy. The texts of its versions are
// records of their own, since authorization reads only the default one.
type ManagedPolicy struct {
	Account     string            `json:"account"`
	Partition   string            `json:"partition"`
	Name        string            `json:"name"`
	ID          string            `json:"id"`
	Path        string            `json:"path"`
	Description string            `json:"description,omitempty"`
	Created     time.Time         `json:"created"`
	Updated     time.Time         `json:"updated"`
	Tags        map[string]string `json:"tags,omitempty"`
	// Default is the ID of the version in force: "v3".
	Default string `json:"default"`
	// Versions in the order of creation; Next is the number of the next one.
	Versions []PolicyVersion `json:"versions"`
	Next     int             `json:"next"`
}

// PolicyVersion names a version of a managed policy.
type PolicyVersion struct {
	ID      string    `json:"id"`
	Created time.Time `json:"created"`
}

// ARN returns the policy's ARN.
func (p *ManagedPolicy) ARN() string {
	return ARN(p.Partition, "iam", p.Account, "policy"+p.Path+p.Name)
}

// AccessKey is the record of a user's access key, found by its ID alone.
type AccessKey struct {
	ID      string    `json:"id"`
	Account string    `json:"account"`
	User    string    `json:"user"` // "" of the root user's
	Active  bool      `json:"active"`
	Created time.Time `json:"created"`
	// Secret is sealed, bound to ID.
	Secret []byte `json:"secret"`
}

// OIDCProvider is the record of an OpenID Connect identity provider.
type OIDCProvider struct {
	Account   string `json:"account"`
	Partition string `json:"partition"`
	// URL is the issuer without its scheme: "token.actions.githubusercontent.com".
	URL string `json:"url"`
	// Scheme is http or https: the issuer is fetched as it was given.
	Scheme      string            `json:"scheme"`
	ClientIDs   []string          `json:"clientIds,omitempty"`
	Thumbprints []string          `json:"thumbprints,omitempty"`
	Created     time.Time         `json:"created"`
	Tags        map[string]string `json:"tags,omitempty"`
	Propagation
}

// ARN returns the provider's ARN.
func (p *OIDCProvider) ARN() string {
	return ARN(p.Partition, "iam", p.Account, "oidc-provider/"+p.URL)
}

// Keys of the records. Names of users, roles, groups and policies are unique
// without regard to case, so their keys are in lower case.

// UserKey is the key of a User.
func UserKey(account, name string) []byte {
	return store.Key("iam", account, "user", strings.ToLower(name))
}

// UsersPrefix is what the keys of an account's Users begin with.
func UsersPrefix(account string) []byte { return store.Key("iam", account, "user") }

// RoleKey is the key of a Role.
func RoleKey(account, name string) []byte {
	return store.Key("iam", account, "role", strings.ToLower(name))
}

// DeletionTaskKey is the key of the time when a deletion of a service-linked role began.
func DeletionTaskKey(account, role, id string) []byte {
	return append(DeletionTasksPrefix(account, role), store.Key(id)...)
}

// DeletionTasksPrefix is what the keys of a role's deletions begin with.
func DeletionTasksPrefix(account, role string) []byte {
	return store.Key("iam", account, "deletion-task", strings.ToLower(role))
}

// GroupKey is the key of a Group.
func GroupKey(account, name string) []byte {
	return store.Key("iam", account, "group", strings.ToLower(name))
}

// PolicyKey is the key of a ManagedPolicy.
func PolicyKey(account, name string) []byte {
	return store.Key("iam", account, "policy", strings.ToLower(name))
}

// PoliciesPrefix is what the keys of an account's ManagedPolicies begin with.
func PoliciesPrefix(account string) []byte { return store.Key("iam", account, "policy") }

// PolicyVersionKey is the key of the text of a policy's version.
func PolicyVersionKey(account, name, version string) []byte {
	return store.Key("iam", account, "policy-version", strings.ToLower(name), version)
}

// AccessKeyKey is the key of an AccessKey.
func AccessKeyKey(id string) []byte { return store.Key("access-key", id) }

// OIDCProviderKey is the key of an OIDCProvider.
func OIDCProviderKey(account, url string) []byte {
	return store.Key("iam", account, "oidc-provider", url)
}

// OIDCProvidersPrefix is what the keys of an account's OIDCProviders begin with.
func OIDCProvidersPrefix(account string) []byte { return store.Key("iam", account, "oidc-provider") }

// UniqueIDKey is the key under which a user's or role's ARN is found by its unique ID.
func UniqueIDKey(id string) []byte { return store.Key("unique-id", id) }

// LoadUser returns the user of that name; names differ if their case does.
func LoadUser(r store.Reader, account, name string) (*User, bool, error) {
	u, ok, err := store.Load[User](r, UserKey(account, name))
	return &u, ok && u.Name == name, err
}

// LoadRole returns the role of that name; names differ if their case does.
func LoadRole(r store.Reader, account, name string) (*Role, bool, error) {
	role, ok, err := store.Load[Role](r, RoleKey(account, name))
	return &role, ok && role.Name == name, err
}

// LoadGroup returns the group of that name; names differ if their case does.
func LoadGroup(r store.Reader, account, name string) (*Group, bool, error) {
	g, ok, err := store.Load[Group](r, GroupKey(account, name))
	return &g, ok && g.Name == name, err
}
