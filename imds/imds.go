// Package imds is the EC2 instance metadata service: what answers at 169.254.169.254 on an
// instance, with session tokens (IMDSv2) and, if allowed, without (IMDSv1). It follows the
// pages under "Use instance metadata to manage your EC2 instance" and "Instance identity
// documents" in the EC2 user guide. What an instance without a network, disks or tags has no
// use for is not there, and answers 404 as what AWS does not have.
package imds

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"emulator/containercreds"
	"emulator/identity"
)

// ErrTrust is what a source of credentials wraps if the role's trust policy does not let
// ec2.amazonaws.com assume it. The service then answers as AWS does
// ("Code" : "AssumeRoleUnauthorizedAccess").
var ErrTrust = errors.New("the role does not trust ec2.amazonaws.com")

// Config describes the instance. Region and AccountID must be given.
type Config struct {
	Region, AccountID string
	// InstanceID is i- and hexadecimal digits (default: that of AWS's examples).
	InstanceID string
	// RoleARN is the role of the instance, none if empty.
	RoleARN string
	// InstanceProfileARN and InstanceProfileID are those of the profile with the role
	// (default: a profile with the name of the role, and a new ID).
	InstanceProfileARN, InstanceProfileID string
	// Credentials makes the role's credentials when they are asked for; they are kept until
	// five minutes before they expire.
	Credentials containercreds.Source
	// AllowV1 answers requests without a token too. AWS calls it HttpTokens=optional.
	AllowV1 bool
	// IdentityKey is the RSA key that signs the identity document, and IdentityCertificate
	// its certificate; NewCertificate makes one. Without a key the document has no signatures.
	IdentityKey         crypto.Signer
	IdentityCertificate *x509.Certificate
	// Now tells the time by which tokens and credentials expire (default: time.Now).
	Now func() time.Time
	// Log gets the failures of Credentials (default: none).
	Log *slog.Logger
}

// Handler is the service of one instance.
type Handler struct {
	role    string
	profile struct{ arn, id string }
	values  map[string]string // by path after the version, without the slash in front
	paths   []string          // of values and of what is made when asked, sorted
	cache   *containercreds.Cache
	tokens  tokens
	allowV1 bool
	now     func() time.Time
	started time.Time
	log     *slog.Logger
}

// The paths that are made when they are asked for.
const (
	infoPath        = "meta-data/iam/info"
	credentialsPath = "meta-data/iam/security-credentials/"
	// extendedPath is what newer SDKs (Java, JavaScript, PHP, Ruby) ask for before the other:
	// the same with the account.
	extendedPath = "meta-data/iam/security-credentials-extended/"
)

// New returns the service of an instance that starts now.
func New(c Config) (*Handler, error) {
	if c.Region == "" || c.AccountID == "" {
		return nil, errors.New("imds: an instance has a Region and an account")
	}
	if c.InstanceID == "" {
		c.InstanceID = "i-1234567890abcdef0"
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	h := &Handler{tokens: newTokens(), allowV1: c.AllowV1, now: c.Now, started: c.Now().UTC(), log: c.Log}
	var err error
	if h.values, err = values(c, h.started); err != nil {
		return nil, fmt.Errorf("imds: %w", err)
	}
	for path := range h.values {
		h.paths = append(h.paths, path)
	}
	if c.RoleARN != "" {
		if err := h.attach(c); err != nil {
			return nil, fmt.Errorf("imds: %w", err)
		}
		h.paths = append(h.paths, infoPath, credentialsPath+h.role, extendedPath+h.role)
	}
	slices.Sort(h.paths)
	return h, nil
}

// attach gives the instance its role.
func (h *Handler) attach(c Config) error {
	prefix, path, ok := strings.Cut(c.RoleARN, ":role/")
	h.role = path[strings.LastIndexByte(path, '/')+1:]
	switch {
	case !ok || h.role == "":
		return fmt.Errorf("%q is not the ARN of a role", c.RoleARN)
	case c.Credentials == nil:
		return errors.New("no source of the role's credentials")
	}
	h.profile.arn, h.profile.id = c.InstanceProfileARN, c.InstanceProfileID
	if h.profile.arn == "" {
		h.profile.arn = prefix + ":instance-profile/" + h.role
	}
	if h.profile.id == "" {
		h.profile.id = identity.NewUniqueID(identity.PrefixInstanceProfile)
	}
	h.cache = containercreds.NewCache(c.Credentials, c.Now)
	return nil
}

const (
	tokenHeader = "X-Aws-Ec2-Metadata-Token"
	ttlHeader   = "X-Aws-Ec2-Metadata-Token-Ttl-Seconds"
)

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Server", "EC2ws")
	w.Header().Set("Accept-Ranges", "none")
	version, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	isToken := slices.Contains(versions, version) && path == "api/token"
	switch r.Method {
	case http.MethodPut:
		if !isToken {
			fail(w, http.StatusMethodNotAllowed)
			return
		}
		h.issue(w, r)
	case http.MethodGet, http.MethodHead:
		if isToken {
			fail(w, http.StatusMethodNotAllowed)
			return
		}
		if !h.admit(w, r) {
			fail(w, http.StatusUnauthorized)
			return
		}
		h.get(w, r, version, path)
	default:
		fail(w, http.StatusMethodNotAllowed)
	}
}

// issue answers with a session token. A request that came through a proxy gets none: this is
// what stops an open one from giving the instance's credentials away.
func (h *Handler) issue(w http.ResponseWriter, r *http.Request) {
	if len(r.Header.Values("X-Forwarded-For")) > 0 {
		fail(w, http.StatusForbidden)
		return
	}
	ttl, err := strconv.ParseUint(r.Header.Get(ttlHeader), 10, 32)
	if err != nil || ttl < minTTL || ttl > maxTTL {
		fail(w, http.StatusBadRequest)
		return
	}
	w.Header().Set(ttlHeader, strconv.FormatUint(ttl, 10))
	answer(w, h.tokens.issue(h.now().Add(time.Duration(ttl)*time.Second)))
}

// admit reports whether the request may have an answer. An invalid token is worse than none.
func (h *Handler) admit(w http.ResponseWriter, r *http.Request) bool {
	sent := r.Header.Values(tokenHeader)
	if len(sent) == 0 {
		return h.allowV1
	}
	left := h.tokens.check(sent[0], h.now())
	if left == 0 {
		return false
	}
	w.Header().Set(ttlHeader, strconv.Itoa(left))
	return true
}

func (h *Handler) get(w http.ResponseWriter, r *http.Request, version, path string) {
	if version == "" && path == "" {
		answer(w, strings.Join(versions, "\n"))
		return
	}
	path = strings.TrimSuffix(path, "/")
	if !slices.Contains(versions, version) {
		fail(w, http.StatusNotFound)
		return
	}
	if value, ok := h.values[path]; ok {
		answer(w, value)
		return
	}
	switch {
	case h.role == "": // the rest belongs to the role
	case path == infoPath:
		answer(w, h.info())
		return
	case path == credentialsPath+h.role, path == extendedPath+h.role:
		h.credentials(r.Context(), w, strings.HasPrefix(path, extendedPath))
		return
	}
	if names := h.list(path); len(names) > 0 {
		answer(w, strings.Join(names, "\n"))
		return
	}
	fail(w, http.StatusNotFound)
}

// list returns the names in a directory, those of directories with a slash behind, but for
// those of the top, as with AWS.
func (h *Handler) list(dir string) []string {
	var names []string
	if dir != "" {
		dir += "/"
	}
	for _, path := range h.paths {
		rest, ok := strings.CutPrefix(path, dir)
		if !ok {
			continue
		}
		name, _, deeper := strings.Cut(rest, "/")
		if deeper && dir != "" {
			name += "/"
		}
		// What is in a directory stands together, so a name seen before was the last one.
		if len(names) == 0 || names[len(names)-1] != name {
			names = append(names, name)
		}
	}
	return names
}

func (h *Handler) info() string {
	return object(
		member{"Code", "Success"},
		member{"LastUpdated", h.started.Format(time.RFC3339)},
		member{"InstanceProfileArn", h.profile.arn},
		member{"InstanceProfileId", h.profile.id},
	)
}

func (h *Handler) credentials(ctx context.Context, w http.ResponseWriter, extended bool) {
	creds, updated, err := h.cache.Credentials(ctx)
	if err != nil {
		h.log.Error("instance credentials", "role", h.role, "error", err)
	}
	switch {
	case errors.Is(err, ErrTrust):
		answer(w, object(
			member{"Code", "AssumeRoleUnauthorizedAccess"},
			member{"Message", "EC2 cannot assume the role " + h.role + ".  Please see documentation at https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_iam-ec2.html#troubleshoot_iam-ec2_errors-info-doc."},
			member{"LastUpdated", h.now().UTC().Format(time.RFC3339)},
		))
		return
	case err != nil:
		fail(w, http.StatusServiceUnavailable)
		return
	}
	members := []member{
		{"Code", "Success"},
		{"LastUpdated", updated.UTC().Format(time.RFC3339)},
		{"Type", "AWS-HMAC"},
		{"AccessKeyId", creds.AccessKeyID},
		{"SecretAccessKey", creds.SecretAccessKey},
		{"Token", creds.SessionToken},
		{"Expiration", creds.Expires.UTC().Format(time.RFC3339)},
	}
	if extended {
		members = append(members, member{"AccountId", creds.AccountID})
	}
	answer(w, object(members...))
}

// member is a member of a JSON object, whose value is a string or nil.
type member struct {
	name  string
	value any
}

// object writes JSON the way AWS does, whose spaces some scripts rely on:
//
//	{
//	  "Code" : "Success",
//	  "LastUpdated" : "2012-04-26T16:39:16Z"
//	}
func object(members ...member) string {
	var b strings.Builder
	for i, m := range members {
		if i > 0 {
			b.WriteByte(',')
		}
		value, _ := json.Marshal(m.value) // a string or nil
		fmt.Fprintf(&b, "\n  %q : %s", m.name, value)
	}
	return "{" + b.String() + "\n}"
}

func answer(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.Write([]byte(text))
}

// fail answers with AWS's page for a status.
func fail(w http.ResponseWriter, status int) {
	title := strconv.Itoa(status) + " - " + http.StatusText(status)
	page := `<?xml version="1.0" encoding="iso-8859-1"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"
	"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">
 <head>
  <title>` + title + `</title>
 </head>
 <body>
  <h1>` + title + `</h1>
 </body>
</html>
`
	w.Header().Set("Content-Type", "text/html")
	w.Header().Set("Content-Length", strconv.Itoa(len(page)))
	w.WriteHeader(status)
	w.Write([]byte(page))
}
