package cloudhsm

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudhsmv2"
	"github.com/aws/aws-sdk-go-v2/service/cloudhsmv2/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/policy"
	"emulator/store"
)

func (s *Service) backupOperations() []api.Operation {
	return []api.Operation{
		api.Op("DescribeBackups", s.describeBackups),
		api.Op("ModifyBackupAttributes", s.modifyBackupAttributes),
		api.Op("DeleteBackup", s.deleteBackup),
		api.Op("RestoreBackup", s.restoreBackup),
		api.Op("CopyBackupToRegion", s.copyBackupToRegion),
	}
}

// sourceOf returns the backup that a cluster is to be made from, nil if there is none, once the caller may make the cluster. Another
// account's has to be shared with the caller.
func (s *Service) sourceOf(r store.Reader, c api.Caller, in *cloudhsmv2.CreateClusterInput) (*Backup, error) {
	request := authz.Request{Action: "cloudhsm:CreateCluster", Resource: "*"}
	for _, t := range in.TagList {
		if request.RequestTags == nil {
			request.RequestTags = make(map[string]string)
		}
		request.RequestTags[*t.Key] = *t.Value
	}
	var b *Backup
	if in.SourceBackupId != nil {
		region, account, id := c.Region, c.Account, *in.SourceBackupId
		if parsed, ok := policy.ParseARN(id); ok {
			region, account, id = parsed.Region, parsed.Account, strings.TrimPrefix(parsed.Resource, "backup/")
		}
		request.Resource, request.ResourceAccount = arn(c.Partition, region, account, id), account
		var err error
		if region == c.Region {
			if b, err = s.loadBackup(r, account, region, id); err != nil {
				return nil, err
			}
		}
		switch {
		case b != nil:
			request.ResourceTags, request.ResourcePolicy = b.Tags, b.resourcePolicy()
		case account != c.Account:
			request.ResourcePolicy = (&Backup{Partition: c.Partition, Region: region, Account: account, ID: id}).resourcePolicy()
		}
	}
	return b, s.Authz.Authorize(r, c, request)
}

// describeBackups lists the account's backups, the newest first unless it is told otherwise, or those that others share with it. In AWS these
// are listed once AWS RAM made a resource share of the policy; there is no RAM here, and they are at once.
func (s *Service) describeBackups(ctx context.Context, c api.Caller, in *cloudhsmv2.DescribeBackupsInput) (*cloudhsmv2.DescribeBackupsOutput, error) {
	out := &cloudhsmv2.DescribeBackupsOutput{}
	err := s.Store.View(ctx, func(r store.Reader) error {
		if err := s.authorize(r, c, "DescribeBackups", "", authz.Request{}); err != nil {
			return err
		}
		if err := checkFilters(in.Filters, "backupIds", "sourceBackupIds", "clusterIds", "states", "neverExpires"); err != nil {
			return err
		}
		prefix := newestPrefix(c.Account, c.Region)
		switch {
		case aws.ToBool(in.Shared):
			prefix = sharedPrefix(c.Account, c.Region)
		case aws.ToBool(in.SortAscending):
			prefix = oldestPrefix(c.Account, c.Region)
		}
		var err error
		out.Backups, out.NextToken, err = scanPage(r, api.ListOf(c, in), prefix, 50, func(key []byte) (*types.Backup, error) {
			owner, parts := c.Account, store.Parts(key)
			id := parts[len(parts)-1]
			if aws.ToBool(in.Shared) {
				owner = parts[len(parts)-2]
			}
			b, err := s.loadBackup(r, owner, c.Region, id)
			if err != nil || b == nil {
				return nil, err
			}
			if aws.ToBool(in.Shared) {
				if shared, err := s.sharedWith(r, c, b); err != nil || !shared {
					return nil, err
				}
			}
			w, err := s.wireBackup(r, b)
			if err != nil || !selects(in.Filters, "backupIds", b.ID) || !selects(in.Filters, "sourceBackupIds", b.SourceBackup) || !selects(in.Filters, "clusterIds", b.Cluster) ||
				!selects(in.Filters, "states", string(w.BackupState)) || !selects(in.Filters, "neverExpires", strconv.FormatBool(b.NeverExpires)) {
				return nil, err
			}
			return w, nil
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// changeBackup runs f on a backup that is in a state, with which the caller may do an operation, and returns what became of it.
func (s *Service) changeBackup(ctx context.Context, c api.Caller, operation, id string, needed types.BackupState, f func(*Backup)) (*types.Backup, error) {
	var w *types.Backup
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		b, err := s.findBackup(tx, c, operation, id, authz.Request{})
		if err != nil {
			return err
		}
		state, _, err := s.backupState(tx, b)
		if err != nil {
			return err
		}
		if state != needed {
			return wrongBackupState(b, state)
		}
		f(b)
		if w, err = s.wireBackup(tx, b); err != nil {
			return err
		}
		return saveBackup(tx, b)
	})
	return w, err
}

func (s *Service) modifyBackupAttributes(ctx context.Context, c api.Caller, in *cloudhsmv2.ModifyBackupAttributesInput) (*cloudhsmv2.ModifyBackupAttributesOutput, error) {
	w, err := s.changeBackup(ctx, c, "ModifyBackupAttributes", *in.BackupId, types.BackupStateReady, func(b *Backup) { b.NeverExpires = *in.NeverExpires })
	if err != nil {
		return nil, err
	}
	return &cloudhsmv2.ModifyBackupAttributesOutput{Backup: w}, nil
}

func (s *Service) deleteBackup(ctx context.Context, c api.Caller, in *cloudhsmv2.DeleteBackupInput) (*cloudhsmv2.DeleteBackupOutput, error) {
	w, err := s.changeBackup(ctx, c, "DeleteBackup", *in.BackupId, types.BackupStateReady, func(b *Backup) { b.Deleted = s.now() })
	if err != nil {
		return nil, err
	}
	return &cloudhsmv2.DeleteBackupOutput{Backup: w}, nil
}

func (s *Service) restoreBackup(ctx context.Context, c api.Caller, in *cloudhsmv2.RestoreBackupInput) (*cloudhsmv2.RestoreBackupOutput, error) {
	w, err := s.changeBackup(ctx, c, "RestoreBackup", *in.BackupId, types.BackupStatePendingDeletion, func(b *Backup) { b.Deleted, b.Restored = time.Time{}, s.now() })
	if err != nil {
		return nil, err
	}
	return &cloudhsmv2.RestoreBackupOutput{Backup: w}, nil
}

// copyBackupToRegion: the copy has the tags that are given, or else those of the source; in either case they need the permission to tag it. It belongs to
// no cluster, and nothing deletes it but its owner.
func (s *Service) copyBackupToRegion(ctx context.Context, c api.Caller, in *cloudhsmv2.CopyBackupToRegionInput) (*cloudhsmv2.CopyBackupToRegionOutput, error) {
	tags, refused := newTags(in.TagList)
	out := &cloudhsmv2.CopyBackupToRegionOutput{}
	id := newID("backup")
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		source, err := s.findBackup(tx, c, "CopyBackupToRegion", *in.BackupId, authz.Request{RequestTags: tags})
		if err != nil {
			return err
		}
		if refused != nil {
			return refused
		}
		to := *in.DestinationRegion
		if !s.Regions[to] || identity.Partition(to) != c.Partition || to == c.Region {
			return invalid("A backup of the Region %s can't be copied to the Region %s.", c.Region, to)
		}
		if err := s.needReady(tx, source); err != nil {
			return err
		}
		b := *source
		b.ID, b.Region, b.SourceBackup, b.SourceRegion, b.Copied = id, to, source.ID, source.Region, s.now()
		b.Retention, b.NeverExpires, b.Policy, b.SharedWith, b.Restored = 0, false, "", nil, time.Time{}
		if in.TagList != nil {
			b.Tags = tags
		}
		if len(b.Tags) > 0 {
			request := authz.Request{Action: "cloudhsm:TagResource", Resource: b.arn(), RequestTags: b.Tags}
			if err := s.Authz.Authorize(tx, c, request); err != nil {
				return err
			}
		}
		out.DestinationBackup = &types.DestinationBackup{CreateTimestamp: &b.Created, SourceBackup: &b.SourceBackup, SourceCluster: &b.Cluster, SourceRegion: &b.SourceRegion}
		return saveBackup(tx, &b)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
