package cloudhsm

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudhsmv2/types"

	"emulator/api"
	"emulator/authz"
	"emulator/services/resourcegroupstaggingapi/tagindex"
	"emulator/store"
)

// Backup is the record of a backup.
type Backup struct {
	Partition string `json:"partition"`
	Region    string `json:"region"`
	Account   string `json:"account"`
	ID        string `json:"id"`

	Cluster string            `json:"cluster"`
	HSMType string            `json:"hsmType"`
	Mode    types.ClusterMode `json:"mode"`
	Created time.Time         `json:"created"`
	Tags    map[string]string `json:"tags,omitempty"`
	Identity

	// Copied is when it was copied from SourceBackup in SourceRegion; zero if it was not.
	Copied       time.Time `json:"copied,omitzero"`
	SourceRegion string    `json:"sourceRegion,omitempty"`
	SourceBackup string    `json:"sourceBackup,omitempty"`

	// Retention in days, as its cluster has it; zero of a copy, which belongs to no cluster.
	Retention    int  `json:"retention,omitempty"`
	NeverExpires bool `json:"neverExpires,omitempty"`
	// Deleted and Restored are when that was last done.
	Deleted  time.Time `json:"deleted,omitzero"`
	Restored time.Time `json:"restored,omitzero"`
	// Policy says with whom it is shared, with users and roles as unique IDs. SharedWith are the accounts in it.
	Policy     string   `json:"policy,omitempty"`
	SharedWith []string `json:"sharedWith,omitempty"`
}

func (b *Backup) arn() string { return arn(b.Partition, b.Region, b.Account, b.ID) }

func backupKey(account, region, id string) []byte {
	return store.Key("cloudhsm", account, region, "backup", id)
}

// The indexes of backups: all of them from the newest or from the oldest on, and those of a cluster.
func newestPrefix(account, region string) []byte {
	return store.Key("cloudhsm", account, region, "newest-backup")
}

func oldestPrefix(account, region string) []byte {
	return store.Key("cloudhsm", account, region, "oldest-backup")
}

func clusterBackupsPrefix(account, region, cluster string) []byte {
	return store.Key("cloudhsm", account, region, "backup-of", cluster)
}

// entries returns the keys of a backup's entries in the indexes. Their values are its ID.
func (b *Backup) entries() [][]byte {
	at := b.Created.UnixMilli()
	rising := store.Key(fmt.Sprintf("%019d", at), b.ID)
	all := [][]byte{
		slices.Concat(newestPrefix(b.Account, b.Region), store.Key(fmt.Sprintf("%019d", math.MaxInt64-at), b.ID)),
		slices.Concat(oldestPrefix(b.Account, b.Region), rising),
	}
	if b.Copied.IsZero() {
		all = append(all, slices.Concat(clusterBackupsPrefix(b.Account, b.Region, b.Cluster), rising))
	}
	return all
}

func saveBackup(tx store.Tx, b *Backup) error {
	if err := tagindex.Put(tx, b.arn(), b.Tags); err != nil {
		return err
	}
	for _, key := range b.entries() {
		if err := tx.Put(key, []byte(b.ID)); err != nil {
			return err
		}
	}
	return store.Save(tx, backupKey(b.Account, b.Region, b.ID), b)
}

// forget deletes a backup that can't be restored any more.
func forget(tx store.Tx, b *Backup) error {
	if err := share(tx, b, "", nil); err != nil {
		return err
	}
	for _, key := range append(b.entries(), backupKey(b.Account, b.Region, b.ID)) {
		if err := tx.Delete(key); err != nil {
			return err
		}
	}
	return tagindex.Remove(tx, b.arn())
}

const (
	day = 24 * time.Hour
	// pending is how long a deleted backup can be restored
	// (https://docs.aws.amazon.com/cloudhsm/latest/userguide/delete-restore-backup.html).
	pending = 7 * day
)

// doomed returns when a backup was deleted: by its owner, or because its cluster keeps backups for so long and has a newer one. It is
// the zero time if it was not. One that was restored is safe for a day: the owner may change how long the cluster keeps backups.
//
// https://docs.aws.amazon.com/cloudhsm/latest/userguide/manage-backup-retention.html
func (s *Service) doomed(r store.Reader, b *Backup) (time.Time, error) {
	if !b.Deleted.IsZero() || b.Retention == 0 || b.NeverExpires {
		return b.Deleted, nil
	}
	end := b.Created.Add(time.Duration(b.Retention) * day)
	if safe := b.Restored.Add(day); safe.After(end) {
		end = safe
	}
	if s.Clock.Now().Before(end) {
		return time.Time{}, nil
	}
	prefix := clusterBackupsPrefix(b.Account, b.Region, b.Cluster)
	for _, id := range r.Scan(prefix, slices.Concat(prefix, store.Key(fmt.Sprintf("%019d", b.Created.UnixMilli()), b.ID))) {
		newer, _, err := store.Load[Backup](r, backupKey(b.Account, b.Region, string(id)))
		if err != nil {
			return time.Time{}, err
		}
		if newer.Deleted.IsZero() {
			return end, nil
		}
	}
	return time.Time{}, nil
}

// backupState returns the state of a backup, and when one that is to be deleted will be.
func (s *Service) backupState(r store.Reader, b *Backup) (state types.BackupState, deletion time.Time, err error) {
	begun := b.Created
	if !b.Copied.IsZero() {
		begun = b.Copied
	}
	if _, ended := s.Clock.Ended(begun); !ended {
		return types.BackupStateCreateInProgress, time.Time{}, nil
	}
	deleted, err := s.doomed(r, b)
	if err != nil || deleted.IsZero() {
		return types.BackupStateReady, time.Time{}, err
	}
	deletion = deleted.Add(pending)
	if s.Clock.Now().Before(deletion) {
		return types.BackupStatePendingDeletion, deletion, nil
	}
	return types.BackupStateDeleted, deletion, nil
}

// loadBackup returns a backup, or nil. One that can't be restored any more is not there.
func (s *Service) loadBackup(r store.Reader, account, region, id string) (*Backup, error) {
	b, ok, err := store.Load[Backup](r, backupKey(account, region, id))
	if err != nil || !ok {
		return nil, err
	}
	if state, _, err := s.backupState(r, &b); err != nil || state == types.BackupStateDeleted {
		return nil, err
	}
	return &b, nil
}

// findBackup returns a backup of the account's with which the caller may do an operation.
func (s *Service) findBackup(r store.Reader, c api.Caller, operation, id string, request authz.Request) (*Backup, error) {
	b, err := s.loadBackup(r, c.Account, c.Region, id)
	if err != nil {
		return nil, err
	}
	if b != nil {
		request.ResourceTags, request.ResourcePolicy = b.Tags, b.resourcePolicy()
	}
	if err := s.authorize(r, c, operation, id, request); err != nil {
		return nil, err
	}
	if b == nil {
		return nil, noBackup(id)
	}
	return b, nil
}

func noBackup(id string) error { return notFound("Backup '%s' not found.", id) }

// needReady fails if a backup is not ready.
func (s *Service) needReady(r store.Reader, b *Backup) error {
	state, _, err := s.backupState(r, b)
	if err == nil && state != types.BackupStateReady {
		err = wrongBackupState(b, state)
	}
	return err
}

func wrongBackupState(b *Backup, state types.BackupState) error {
	return invalid("Backup '%s' is in state %s, which is not valid for this operation.", b.ID, state)
}

// backUp makes a backup of a cluster. Those of its backups go that can't be restored any more.
func (s *Service) backUp(tx store.Tx, k *Cluster) error {
	all, err := s.backupsOf(tx, k)
	if err != nil {
		return err
	}
	for _, b := range all {
		state, _, err := s.backupState(tx, b)
		if err == nil && state == types.BackupStateDeleted {
			err = forget(tx, b)
		}
		if err != nil {
			return err
		}
	}
	return saveBackup(tx, &Backup{
		Partition: k.Partition, Region: k.Region, Account: k.Account, ID: newID("backup"), Cluster: k.ID, HSMType: s.hsmType(k), Mode: k.Mode, Created: s.now(),
		Identity: k.Identity, Retention: k.Retention,
	})
}

// backupsOf returns the backups of a cluster, the oldest first.
func (s *Service) backupsOf(r store.Reader, k *Cluster) ([]*Backup, error) {
	var all []*Backup
	for _, id := range r.Scan(clusterBackupsPrefix(k.Account, k.Region, k.ID), nil) {
		b, _, err := store.Load[Backup](r, backupKey(k.Account, k.Region, string(id)))
		if err != nil {
			return nil, err
		}
		all = append(all, &b)
	}
	return all, nil
}

// retain lets the backups of a cluster have its days of retention.
func (s *Service) retain(tx store.Tx, k *Cluster) error {
	all, err := s.backupsOf(tx, k)
	if err != nil {
		return err
	}
	for _, b := range all {
		b.Retention = k.Retention
		if err := saveBackup(tx, b); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) wireBackup(r store.Reader, b *Backup) (*types.Backup, error) {
	state, deletion, err := s.backupState(r, b)
	if err != nil {
		return nil, err
	}
	w := &types.Backup{
		BackupId: &b.ID, BackupArn: aws.String(b.arn()), BackupState: state, ClusterId: &b.Cluster, CreateTimestamp: &b.Created, HsmType: &b.HSMType, Mode: b.Mode, NeverExpires: &b.NeverExpires,
		TagList: wireTags(b.Tags),
	}
	if !b.Copied.IsZero() {
		w.CopyTimestamp, w.SourceBackup, w.SourceCluster, w.SourceRegion = &b.Copied, &b.SourceBackup, &b.Cluster, &b.SourceRegion
	}
	if !deletion.IsZero() {
		w.DeleteTimestamp = &deletion
	}
	return w, nil
}
