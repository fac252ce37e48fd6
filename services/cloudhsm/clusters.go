package cloudhsm

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudhsmv2"
	"github.com/aws/aws-sdk-go-v2/service/cloudhsmv2/types"

	"emulator/api"
	"emulator/authz"
	"emulator/services/resourcegroupstaggingapi/tagindex"
	"emulator/store"
)

func (s *Service) clusterOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateCluster", s.createCluster),
		api.Op("DescribeClusters", s.describeClusters),
		api.Op("InitializeCluster", s.initializeCluster),
		api.Op("ModifyCluster", s.modifyCluster),
		api.Op("DeleteCluster", s.deleteCluster),
	}
}

// The types of HSMs. AWS makes no new clusters of the first any more; here they are made, so that there is what to migrate.
const hsm1, hsm2 = "hsm1.medium", "hsm2m.medium"

func checkHSMType(name string) error {
	if name != hsm1 && name != hsm2 {
		return invalid("Provided HsmType is not supported.")
	}
	return nil
}

// Days for which backups are kept (https://docs.aws.amazon.com/cloudhsm/latest/userguide/manage-backup-retention.html).
const leastRetention, defaultRetention, mostRetention = 7, 90, 379

// retention returns the days of a policy.
func retention(p *types.BackupRetentionPolicy) (int, error) {
	if p.Type != types.BackupRetentionTypeDays || p.Value == nil {
		return 0, invalid("A backup retention policy has the type DAYS and a value.")
	}
	days, err := strconv.Atoi(*p.Value)
	if err != nil || days < leastRetention || days > mostRetention {
		return 0, invalid("The value of a backup retention policy is between %d and %d days.", leastRetention, mostRetention)
	}
	return days, nil
}

// newCluster returns the cluster that a request describes, as far as it can be told without the database.
func (s *Service) newCluster(c api.Caller, in *cloudhsmv2.CreateClusterInput) (*Cluster, error) {
	tags, err := newTags(in.TagList)
	if err != nil {
		return nil, err
	}
	if err := checkHSMType(*in.HsmType); err != nil {
		return nil, err
	}
	k := &Cluster{
		Partition: c.Partition, Region: c.Region, Account: c.Account, ID: newID("cluster"), HSMType: *in.HsmType, Mode: in.Mode, Network: in.NetworkType,
		Subnets: make(map[string]string), VPC: vpcOf(c.Account, c.Region, in.SubnetIds[0]), SecurityGroup: newHexID("sg"), Created: s.now(), Retention: defaultRetention, Tags: tags,
	}
	if k.Network == "" {
		k.Network = types.NetworkTypeIpv4
	}
	if in.BackupRetentionPolicy != nil {
		if k.Retention, err = retention(in.BackupRetentionPolicy); err != nil {
			return nil, err
		}
	}
	for _, subnet := range in.SubnetIds {
		zone := zoneOf(c.Region, subnet)
		switch {
		case vpcOf(c.Account, c.Region, subnet) != k.VPC:
			return nil, invalid("All subnets must be in the same virtual private cloud (VPC).")
		case k.Subnets[zone] != "":
			return nil, invalid("You can specify only one subnet per Availability Zone.")
		}
		k.Subnets[zone] = subnet
	}
	s.become(k, types.ClusterStateCreateInProgress, types.ClusterStateUninitialized)
	return k, nil
}

// restore makes of a new cluster one that goes on from a backup. It is in use at once: there is nothing to initialize
// (https://docs.aws.amazon.com/cloudhsm/latest/userguide/create-cluster-from-backup.html).
func (s *Service) restore(k *Cluster, b *Backup) error {
	switch {
	case k.HSMType == hsm1 && b.HSMType == hsm2:
		return invalid("A backup of a cluster of type %s can't be restored to a cluster of type %s.", b.HSMType, k.HSMType)
	case k.Mode != "" && k.Mode != b.Mode:
		return invalid("A backup of a cluster in mode %s can't be restored to a cluster in mode %s.", b.Mode, k.Mode)
	}
	k.Mode, k.SourceBackup, k.Identity = b.Mode, b.ID, b.Identity
	s.become(k, types.ClusterStateCreateInProgress, types.ClusterStateActive)
	return nil
}

// createCluster also needs permissions of EC2, of which there is none here: they are not asked for.
//
// https://docs.aws.amazon.com/cloudhsm/latest/userguide/identity-access-management.html
func (s *Service) createCluster(ctx context.Context, c api.Caller, in *cloudhsmv2.CreateClusterInput) (*cloudhsmv2.CreateClusterOutput, error) {
	k, refused := s.newCluster(c, in)
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		b, err := s.sourceOf(tx, c, in)
		if err != nil {
			return err
		}
		if err := s.Authz.Authorize(tx, c, authz.ServiceLinkedRole(c, "cloudhsm.amazonaws.com", "AWSServiceRoleForCloudHSM")); err != nil {
			return err
		}
		if refused != nil {
			return refused
		}
		if len(k.Tags) > 0 {
			if err := s.authorize(tx, c, "TagResource", k.ID, authz.Request{RequestTags: k.Tags}); err != nil {
				return err
			}
		}
		if in.SourceBackupId != nil {
			if b == nil {
				return noBackup(*in.SourceBackupId)
			}
			if err := s.needReady(tx, b); err != nil {
				return err
			}
			if err := s.restore(k, b); err != nil {
				return err
			}
		}
		if k.Mode == "" {
			k.Mode = types.ClusterModeFips
		}
		if k.Mode == types.ClusterModeNonFips && k.HSMType == hsm1 {
			return invalid("HSM type %s supports only the mode %s.", hsm1, types.ClusterModeFips)
		}
		if err := s.makeRoom(tx, c); err != nil {
			return err
		}
		if err := s.LinkRole(tx, c.Partition, c.Account, "cloudhsm.amazonaws.com", k.Created); err != nil {
			return err
		}
		return saveCluster(tx, k)
	})
	if err != nil {
		return nil, err
	}
	c.Notes.Resource(noted(k.Account, k.ID, k.arn()))
	out := s.wireCluster(k)
	out.State = types.ClusterStateCreateInProgress
	return &cloudhsmv2.CreateClusterOutput{Cluster: out}, nil
}

// makeRoom fails if there can't be another cluster. Those that were deleted long ago go.
func (s *Service) makeRoom(tx store.Tx, c api.Caller) error {
	var doomed [][]byte
	live := 0
	for key := range tx.Scan(clustersPrefix(c.Account, c.Region), nil) {
		k, _, err := store.Load[Cluster](tx, key)
		switch {
		case err != nil:
			return err
		case s.gone(&k):
			doomed = append(doomed, slices.Clone(key))
		case s.state(&k) != types.ClusterStateDeleted:
			live++
		}
	}
	for _, key := range doomed {
		if err := tx.Delete(key); err != nil {
			return err
		}
	}
	if most := s.Quotas.Max(clustersQuota); live >= most {
		return invalid("The account has reached the limit of %d clusters in the Region %s.", most, c.Region)
	}
	return nil
}

func (s *Service) describeClusters(ctx context.Context, c api.Caller, in *cloudhsmv2.DescribeClustersInput) (*cloudhsmv2.DescribeClustersOutput, error) {
	out := &cloudhsmv2.DescribeClustersOutput{}
	err := s.Store.View(ctx, func(r store.Reader) error {
		if err := s.authorize(r, c, "DescribeClusters", "", authz.Request{}); err != nil {
			return err
		}
		if err := checkFilters(in.Filters, "clusterIds", "vpcIds", "states"); err != nil {
			return err
		}
		prefix := clustersPrefix(c.Account, c.Region)
		var err error
		out.Clusters, out.NextToken, err = scanPage(r, api.ListOf(c, in), prefix, 25, func(key []byte) (*types.Cluster, error) {
			parts := store.Parts(key)
			id := parts[len(parts)-1]
			if !selects(in.Filters, "clusterIds", id) {
				return nil, nil
			}
			k, err := s.loadCluster(r, c.Account, c.Region, id)
			if err != nil || k == nil || !selects(in.Filters, "vpcIds", k.VPC) || !selects(in.Filters, "states", string(s.state(k))) {
				return nil, err
			}
			return s.wireCluster(k), nil
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// rollbackTime is how long after the begin of a migration a cluster can get back the type of HSM that it had
// (https://docs.aws.amazon.com/cloudhsm/latest/userguide/hsm1-to-hsm2-migration.html).
const rollbackTime = 24 * time.Hour

// rollbackEnd returns until when a migration can be rolled back: the zero time if there is none.
func (k *Cluster) rollbackEnd() time.Time {
	if k.Migrated.IsZero() {
		return time.Time{}
	}
	return k.Migrated.Add(rollbackTime)
}

// migrate begins to give the HSMs of a cluster another type, or back the one that they had. They keep their addresses.
func (s *Service) migrate(k *Cluster, to string) error {
	if err := checkHSMType(to); err != nil {
		return err
	}
	state := s.state(k)
	switch {
	case state != types.ClusterStateActive:
		return wrongState(k, state)
	case to == k.HSMType:
		return invalid("Cluster '%s' is already of type %s.", k.ID, to)
	case len(k.HSMs) == 0:
		return invalid("Cluster '%s' has no HSM to migrate.", k.ID)
	case to == hsm2:
		k.Migrated, k.MigratedFrom = s.now(), k.HSMType
		s.become(k, types.ClusterStateModifyInProgress, types.ClusterStateActive)
	case !s.Clock.Now().Before(k.rollbackEnd()):
		return invalid("Cluster '%s' can't be changed from type %s to type %s.", k.ID, k.HSMType, to)
	default:
		k.Migrated, k.MigratedFrom = time.Time{}, ""
		s.become(k, types.ClusterStateRollbackInProgress, types.ClusterStateActive)
	}
	k.HSMType = to
	return nil
}

func wrongState(k *Cluster, state types.ClusterState) error {
	return invalid("Cluster '%s' is in state %s, which is not valid for this operation.", k.ID, state)
}

func (s *Service) modifyCluster(ctx context.Context, c api.Caller, in *cloudhsmv2.ModifyClusterInput) (*cloudhsmv2.ModifyClusterOutput, error) {
	out := &cloudhsmv2.ModifyClusterOutput{}
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		k, err := s.findCluster(tx, c, "ModifyCluster", *in.ClusterId, authz.Request{})
		if err != nil {
			return err
		}
		if in.BackupRetentionPolicy == nil && in.HsmType == nil {
			return invalid("BackupRetentionPolicy or HsmType is required.")
		}
		if state := s.state(k); state == types.ClusterStateDeleteInProgress {
			return wrongState(k, state)
		}
		if in.BackupRetentionPolicy != nil {
			if k.Retention, err = retention(in.BackupRetentionPolicy); err != nil {
				return err
			}
			if err := s.retain(tx, k); err != nil {
				return err
			}
		}
		if in.HsmType == nil {
			out.Cluster = s.wireCluster(k)
			return saveCluster(tx, k)
		}
		before := k.HSMType
		if err := s.backUp(tx, k); err != nil {
			return err
		}
		if err := s.migrate(k, *in.HsmType); err != nil {
			return err
		}
		out.Cluster = s.wireCluster(k)
		out.Cluster.State, out.Cluster.HsmType = k.Stage.During, &before
		for i := range out.Cluster.Hsms {
			out.Cluster.Hsms[i].HsmType = &before
		}
		return saveCluster(tx, k)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *Service) deleteCluster(ctx context.Context, c api.Caller, in *cloudhsmv2.DeleteClusterInput) (*cloudhsmv2.DeleteClusterOutput, error) {
	out := &cloudhsmv2.DeleteClusterOutput{}
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		k, err := s.findCluster(tx, c, "DeleteCluster", *in.ClusterId, authz.Request{})
		if err != nil {
			return err
		}
		switch state := s.state(k); {
		case len(k.HSMs) > 0:
			return invalid("Cluster '%s' contains HSMs, which must be deleted first.", k.ID)
		case strings.HasSuffix(string(state), "_IN_PROGRESS"):
			return wrongState(k, state)
		}
		s.become(k, types.ClusterStateDeleteInProgress, types.ClusterStateDeleted)
		out.Cluster = s.wireCluster(k)
		out.Cluster.State = types.ClusterStateDeleteInProgress
		k.Tags, k.Identity = nil, Identity{}
		if err := saveCluster(tx, k); err != nil {
			return err
		}
		return tagindex.Remove(tx, k.arn())
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// checkFilters fails if a filter is none of those that there are.
func checkFilters(given map[string][]string, known ...string) error {
	for _, name := range sortedKeys(given) {
		if !slices.Contains(known, name) {
			return invalid("The filter %s is not valid.", name)
		}
	}
	return nil
}

// selects reports whether a filter, if it is given, has a value.
func selects(given map[string][]string, name, value string) bool {
	values, filtered := given[name]
	return !filtered || slices.Contains(values, value)
}
