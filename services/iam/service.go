// Package iam is AWS Identity and Access Management: users, groups, roles, their
// policies and access keys, and identity providers.
//
// https://docs.aws.amazon.com/IAM/latest/APIReference/
package iam

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"emulator/api"
	"emulator/audit"
	"emulator/authz"
	"emulator/clock"
	"emulator/identity"
	"emulator/quota"
	"emulator/store"
)

// Config is what the service needs.
type Config struct {
	Store   store.Store
	Authz   *authz.Authorizer
	Clock   *clock.Clock
	Keyring *identity.Keyring
	LastUse *audit.LastUse
	Quotas  *quota.Quotas
	// RoleTemplates are templates besides AWS's.
	RoleTemplates RoleTemplates
	RootKey       identity.RootKey // zero: identity.KnownRootKey
	// InsecureIssuers are hosts whose OpenID Connect issuers may use plain http, besides
	// loopback ones.
	InsecureIssuers []string
}

// Service is the service.
type Service struct {
	store           store.Store
	authz           *authz.Authorizer
	clock           *clock.Clock
	keyring         *identity.Keyring
	lastUse         *audit.LastUse
	quotas          *quota.Quotas
	templates       RoleTemplates
	rootKey         identity.RootKey
	insecureIssuers []string
}

// New returns the service.
func New(c Config) *Service {
	return &Service{store: c.Store, authz: c.Authz, clock: c.Clock, keyring: c.Keyring, lastUse: c.LastUse, quotas: c.Quotas, templates: c.RoleTemplates, rootKey: cmp.Or(c.RootKey, identity.KnownRootKey), insecureIssuers: c.InsecureIssuers}
}

// Operations returns what is covered of the API.
func (s *Service) Operations() []api.Operation {
	return slices.Concat(
		s.userOperations(),
		s.accessKeyOperations(),
		s.mfaOperations(),
		s.loginProfileOperations(),
		s.sshKeyOperations(),
		s.signingCertificateOperations(),
		s.serviceCredentialOperations(),
		s.accountOperations(),
		s.reportOperations(),
		s.accountAliasOperations(),
		s.passwordPolicyOperations(),
		s.groupOperations(),
		s.roleOperations(),
		s.serviceLinkedRoleOperations(),
		s.roleTemplateOperations(),
		s.instanceProfileOperations(),
		s.accountPropertyOperations(),
		s.serverCertificateOperations(),
		s.policyOperations(),
		s.attachmentOperations(),
		s.inlinePolicyOperations(),
		s.oidcOperations(),
		s.outboundOperations(),
		s.samlOperations(),
		s.rootAccessOperations(),
		s.delegationOperations(),
		s.simulationOperations(),
		s.tagOperations(),
	)
}

// now is the emulated time, in whole seconds as IAM shows it.
func (s *Service) now() time.Time { return s.clock.Now().Truncate(time.Second) }

// pathOf returns a path or path prefix that was given, or "/".
func pathOf(path *string) string {
	if path == nil {
		return "/"
	}
	return *path
}

// byPathKey is the key of an entry of the index that lists users, groups or roles by
// path and then name, so that a path prefix is a key prefix. Its value is the name as
// it is written.
func byPathKey(account string, k *entityKind, path, name string) []byte {
	return append(byPathPrefix(account, k, ""), store.Key(indexedPath(path), strings.ToLower(name))...)
}

func byPathPrefix(account string, k *entityKind, pathPrefix string) []byte {
	return append(store.Key("iam", account, k.name+"-by-path"), pathPrefix...)
}

// pathIndexed is how much of a path the index orders by. Markers are at most 320
// characters, and must hold a path and a name of 128.
const pathIndexed = 64

func indexedPath(path string) string {
	if len(path) <= pathIndexed {
		return path
	}
	sum := sha256.Sum256([]byte(path))
	return path[:pathIndexed] + hex.EncodeToString(sum[:16])
}

// listKind answers a list operation: it calls f with the names of the entities of a kind that the page wants, and returns the
// marker of the next page, nil after the last.
func (s *Service) listKind(ctx context.Context, c api.Caller, list api.List, k *entityKind, action string, pathPrefix *string, f func(r store.Reader, name string) error) (marker *string, err error) {
	page, err := newPage(list)
	if err != nil {
		return nil, err
	}
	err = s.store.View(ctx, func(r store.Reader) error {
		prefix := pathOf(pathPrefix)
		if err := s.authz.Authorize(r, c, authz.Request{Action: action, Resource: identity.ARN(c.Partition, "iam", c.Account, k.name+prefix)}); err != nil {
			return err
		}
		return listByPath(r, c.Account, k, prefix, page, func(name string) error { return f(r, name) })
	})
	return page.next(), err
}

// listByPath calls f with the names below a path prefix that the page wants.
func listByPath(r store.Reader, account string, k *entityKind, pathPrefix string, page *page, f func(name string) error) error {
	root := byPathPrefix(account, k, "")
	indexed := pathPrefix[:min(len(pathPrefix), pathIndexed)]
	for key, name := range r.Scan(byPathPrefix(account, k, indexed), page.startBelow(root)) {
		position := string(key[len(root):])
		if len(pathPrefix) > pathIndexed {
			e, err := k.load(r, account, string(name))
			if err != nil {
				return err
			}
			if !strings.HasPrefix(e.path, pathPrefix) {
				if page.skip(position) {
					continue
				}
				return nil
			}
		}
		if !page.take(position) {
			return nil
		}
		if err := f(string(name)); err != nil {
			return err
		}
	}
	return nil
}

// findBoundary checks that the permissions boundary of a new entity exists, and is none of the policies that only service-linked roles
// can have.
func findBoundary(r store.Reader, c api.Caller, arn string) error {
	p, err := findPolicy(r, c, arn)
	if err == nil && (p == nil || p.serviceLinked()) {
		err = api.Errorf("NoSuchEntity", "Scope ARN: %s does not exist or is not attachable.", arn)
	}
	return err
}

// findBoundaryOf is findBoundary for an entity that is there: what sets the boundary of such can answer PolicyNotAttachable.
func findBoundaryOf(r store.Reader, c api.Caller, k *entityKind, arn string) error {
	if p, err := findPolicy(r, c, arn); err != nil {
		return err
	} else if p != nil && p.serviceLinked() {
		return errServicePolicy(k)
	}
	return findBoundary(r, c, arn)
}
