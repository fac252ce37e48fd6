// Package cloudhsm is AWS CloudHSM v2: clusters of hardware security modules, and their backups. It is what manages them;
// there is nothing behind the addresses of the HSMs.
//
// https://docs.aws.amazon.com/cloudhsm/latest/APIReference/
package cloudhsm

import (
	"crypto/rand"
	"encoding/base32"
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
	Quotas  *quota.Quotas
	// Regions to which backups can be copied.
	Regions identity.Regions
	// LinkRole makes the role that is linked to a service, unless it is there.
	LinkRole func(tx store.Tx, partition, account, principal string, now time.Time) error
}

// Service is the service.
type Service struct{ Config }

// New returns the service.
func New(c Config) *Service { return &Service{c} }

// Operations returns what is covered of the API.
func (s *Service) Operations() []api.Operation {
	return slices.Concat(s.clusterOperations(), s.hsmOperations(), s.backupOperations(), s.sharingOperations(), s.tagOperations())
}

// now is the emulated time, in milliseconds as CloudHSM shows it.
func (s *Service) now() time.Time { return s.Clock.Now().Truncate(time.Millisecond) }

// stage is what something becomes: it is During until AWS's work in the background has ended, and Then from there on.
type stage[S ~string] struct {
	During S         `json:"during"`
	Then   S         `json:"then"`
	Since  time.Time `json:"since"`
}

// at returns the state of what is at a stage.
func at[S ~string](c *clock.Clock, g stage[S]) S {
	if _, ended := c.Ended(g.Since); !ended {
		return g.During
	}
	return g.Then
}

// newID returns an ID as AWS's are: "cluster-igklspoyj5v".
func newID(kind string) string {
	var b [7]byte
	rand.Read(b[:])
	return kind + "-" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:])[:11])
}

// newHexID returns an ID as those of EC2 are: "eni-1234567890abcdef0".
func newHexID(kind string) string {
	var b [9]byte
	rand.Read(b[:])
	return kind + "-" + hex.EncodeToString(b[:])[:17]
}

// arn of a cluster or a backup, of which the ID says which it is.
func arn(partition, region, account, id string) string {
	kind, _, _ := strings.Cut(id, "-")
	return "arn:" + partition + ":cloudhsm:" + region + ":" + account + ":" + kind + "/" + id
}

// authorize asks for the permission to do an operation with a cluster or a backup, also if it is not there.
func (s *Service) authorize(r store.Reader, c api.Caller, operation, id string, request authz.Request) error {
	request.Action = "cloudhsm:" + operation
	if request.Resource = "*"; id != "" {
		request.Resource = arn(c.Partition, c.Region, c.Account, id)
	}
	if err := s.Authz.Authorize(r, c, request); err != nil {
		return err
	}
	if id != "" {
		c.Notes.Resource(noted(c.Account, id, request.Resource))
	}
	return nil
}

// noted is a cluster or a backup as events show it.
func noted(account, id, arn string) audit.Resource {
	r := audit.Resource{Type: "AWS::CloudHSM::Cluster", Account: account, ARN: arn}
	if isBackup(id) {
		r.Type = "AWS::CloudHSM::Backup"
	}
	return r
}

// isBackup reports whether an ID is that of a backup, not of a cluster.
func isBackup(id string) bool { return strings.HasPrefix(id, "backup-") }

func invalid(format string, args ...any) *api.Error {
	return api.Errorf("CloudHsmInvalidRequestException", format, args...)
}

func notFound(format string, args ...any) *api.Error {
	return api.Errorf("CloudHsmResourceNotFoundException", format, args...)
}
