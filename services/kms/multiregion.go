package kms

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"emulator/api"
	"emulator/identity"
	"emulator/store"
)

func (s *Service) multiRegionOperations() []api.Operation {
	return []api.Operation{
		api.Op("ReplicateKey", s.replicateKey),
		api.Op("UpdatePrimaryRegion", s.updatePrimaryRegion),
	}
}

// MultiRegion is the record of related multi-Region keys: which they are. Each is a key of its own; what they share the primary
// copies to its replicas whenever it is saved
// (https://docs.aws.amazon.com/kms/latest/developerguide/multi-region-keys-overview.html).
type MultiRegion struct {
	// Primary is a region.
	Primary string `json:"primary"`
	// Replicas are regions, sorted.
	Replicas []string `json:"replicas,omitempty"`
}

func multiRegionKey(account, id string) []byte { return store.Key("kms-multi-region", account, id) }

func loadMultiRegion(r store.Reader, k *Key) (MultiRegion, error) {
	m, ok, err := store.Load[MultiRegion](r, multiRegionKey(k.Account, k.ID))
	if err == nil && !ok {
		err = errors.New("multi-Region key " + k.ARN() + " has no record of its regions")
	}
	return m, err
}

func saveMultiRegion(tx store.Tx, k *Key, m MultiRegion) error {
	return store.Save(tx, multiRegionKey(k.Account, k.ID), m)
}

// isMultiRegionID reports whether a key ID is that of a multi-Region key, whose ciphertexts open in each of its regions.
func isMultiRegionID(id string) bool { return strings.HasPrefix(id, "mrk-") }

// describeMultiRegion adds the condition keys that tell multi-Region keys from others.
func (k *Key) describeMultiRegion(context map[string][]string) {
	context["kms:MultiRegion"] = []string{strconv.FormatBool(k.MultiRegion != "")}
	if k.MultiRegion != "" {
		context["kms:MultiRegionKeyType"] = []string{string(k.MultiRegion)}
	}
}

// replicas returns the replicas that exist of a primary key, none of a replica or of a key of one Region.
func (s *Service) replicas(r store.Reader, k *Key) ([]*Key, error) {
	if k.MultiRegion != types.MultiRegionKeyTypePrimary {
		return nil, nil
	}
	m, err := loadMultiRegion(r, k)
	if err != nil {
		return nil, err
	}
	var all []*Key
	for _, region := range m.Replicas {
		replica, err := s.loadKey(r, k.Account, region, k.ID)
		if err != nil {
			return nil, err
		}
		if replica != nil {
			all = append(all, replica)
		}
	}
	return all, nil
}

// primary returns the key whose rotation is that of k: k itself unless it is a replica. It is nil if it is gone.
func (s *Service) primary(r store.Reader, k *Key) (*Key, error) {
	if k.MultiRegion != types.MultiRegionKeyTypeReplica {
		return k, nil
	}
	m, err := loadMultiRegion(r, k)
	if err != nil {
		return nil, err
	}
	return s.loadKey(r, k.Account, m.Primary, k.ID)
}

// checkNotReplica returns AWS's error if the key is a replica, of which only its primary can be changed so.
func checkNotReplica(k *Key) error {
	if k.MultiRegion == types.MultiRegionKeyTypeReplica {
		return api.Errorf("UnsupportedOperationException", "%s is a multi-Region replica key, and the operation is supported on its primary key only.", k.ARN())
	}
	return nil
}

// checkPrimary returns AWS's error if the key is not the primary of a multi-Region key, or its regions can't be changed in its state.
func (s *Service) checkPrimary(r store.Reader, k *Key) error {
	if k.MultiRegion == "" {
		return api.Errorf("UnsupportedOperationException", "%s is not a multi-Region key.", k.ARN())
	}
	return cmp.Or(s.checkUsable(r, k, toRotate), checkNotReplica(k))
}

func (s *Service) multiRegionConfiguration(r store.Reader, k *Key) (*types.MultiRegionConfiguration, error) {
	m, err := loadMultiRegion(r, k)
	if err != nil {
		return nil, err
	}
	in := func(region string) types.MultiRegionKey {
		return types.MultiRegionKey{Arn: aws.String(arn(k.Partition, region, k.Account, "key/"+k.ID)), Region: &region}
	}
	primary := in(m.Primary)
	out := &types.MultiRegionConfiguration{MultiRegionKeyType: k.MultiRegion, PrimaryKey: &primary, ReplicaKeys: []types.MultiRegionKey{}}
	for _, region := range m.Replicas {
		if replica, err := s.loadKey(r, k.Account, region, k.ID); err != nil {
			return nil, err
		} else if replica != nil {
			out.ReplicaKeys = append(out.ReplicaKeys, in(region))
		}
	}
	return out, nil
}

// saveShared is saveKey, and copies what a primary key shares with its replicas to them.
func (s *Service) saveShared(tx store.Tx, k *Key) error {
	replicas, err := s.replicas(tx, k)
	if err != nil {
		return err
	}
	for _, found := range replicas {
		replica := *found
		if err := s.share(tx, k, &replica); err != nil {
			return err
		}
	}
	return saveKey(tx, k)
}

// share copies to a replica what its primary key shares with it, and saves it.
func (s *Service) share(tx store.Tx, k, replica *Key) error {
	all, err := storedMaterials(tx, k)
	if err != nil {
		return err
	}
	if k.Origin == types.OriginTypeExternal {
		err = s.shareImported(tx, all, replica)
	} else {
		err = s.shareMaterials(tx, k, all, replica)
	}
	if err != nil {
		return err
	}
	replica.MaterialID, replica.Materials = k.MaterialID, k.Materials
	replica.RotationPeriod, replica.NextRotation = k.RotationPeriod, k.NextRotation
	replica.OnDemand, replica.OnDemandSince = k.OnDemand, k.OnDemandSince
	if err := sumUp(tx, replica); err != nil {
		return err
	}
	return saveKey(tx, replica)
}

func (s *Service) shareMaterials(tx store.Tx, k *Key, all []KeyMaterial, replica *Key) error {
	for _, m := range all {
		if err := s.material.Copy(tx, k.refOf(m.ID), replica.refOf(m.ID)); err != nil {
			return err
		}
		if m.n > replica.Materials {
			if err := store.Save(tx, materialKey(replica, m), m); err != nil {
				return err
			}
		}
	}
	return nil
}

// shareImported copies the records of imported material, which is to be imported into the replica, too: which there are, and which
// rotations have brought into force.
func (s *Service) shareImported(tx store.Tx, all []KeyMaterial, replica *Key) error {
	theirs, err := storedMaterials(tx, replica)
	if err != nil {
		return err
	}
	find := func(in []KeyMaterial, n int) int {
		return slices.IndexFunc(in, func(m KeyMaterial) bool { return m.n == n })
	}
	for _, m := range theirs {
		if find(all, m.n) < 0 { // it was pending
			if err := s.forgetMaterial(tx, replica, m); err != nil {
				return err
			}
		}
	}
	for _, m := range all {
		m.Missing, m.ValidTo = true, time.Time{}
		if at := find(theirs, m.n); at >= 0 {
			if theirs[at].Pending == m.Pending {
				continue
			}
			m.Missing, m.ValidTo, m.Description = theirs[at].Missing, theirs[at].ValidTo, theirs[at].Description
		}
		if err := store.Save(tx, materialKey(replica, m), m); err != nil {
			return err
		}
	}
	return nil
}

// leave takes a key that is destroyed out of those related to it. Of a primary key that waits for it to go, the last starts the
// waiting period.
func (s *Service) leave(tx store.Tx, k *Key) error {
	if k.MultiRegion == types.MultiRegionKeyTypePrimary { // there are no others
		return tx.Delete(multiRegionKey(k.Account, k.ID))
	}
	m, err := loadMultiRegion(tx, k)
	if err != nil {
		return err
	}
	m.Replicas = slices.DeleteFunc(m.Replicas, func(region string) bool { return region == k.Region })
	if err := saveMultiRegion(tx, k, m); err != nil || len(m.Replicas) > 0 {
		return err
	}
	primary, _, err := store.Load[Key](tx, keyKey(k.Account, m.Primary, k.ID))
	if err != nil || !primary.AwaitsReplicas {
		return err
	}
	primary.Deletion = k.Deletion.AddDate(0, 0, int(primary.PendingWindow))
	primary.AwaitsReplicas = false
	if err := tx.Put(deletionKey(&primary), nil); err != nil {
		return err
	}
	return saveKey(tx, &primary)
}

// destroyIfGone destroys a key whose deletion date has come, which sweep, that counts in seconds, may have left.
func (s *Service) destroyIfGone(tx store.Tx, k *Key) error {
	old, ok, err := store.Load[Key](tx, keyKey(k.Account, k.Region, k.ID))
	if err != nil || !ok || !s.gone(&old) {
		return err
	}
	return s.destroy(tx, deletionKey(&old), old.Account, old.Region, old.ID)
}

// destroyReplicas destroys the replicas of a primary key that are gone, so that no clock that is moved back brings them back. If it
// waits for them, its own waiting period begins.
func (s *Service) destroyReplicas(tx store.Tx, k *Key) error {
	if k.MultiRegion != types.MultiRegionKeyTypePrimary {
		return nil
	}
	m, err := loadMultiRegion(tx, k)
	if err != nil {
		return err
	}
	for _, region := range m.Replicas {
		if err := s.destroyIfGone(tx, &Key{Account: k.Account, Region: region, ID: k.ID}); err != nil {
			return err
		}
	}
	return nil
}

// replicateKey: the caller's Region is the primary's, and the new key's policy and tags are asked for in that of the replica
// (https://docs.aws.amazon.com/kms/latest/APIReference/API_ReplicateKey.html).
func (s *Service) replicateKey(ctx context.Context, c api.Caller, in *kms.ReplicateKeyInput) (*kms.ReplicateKeyOutput, error) {
	region := *in.ReplicaRegion
	if identity.Partition(region) != c.Partition || !identity.NamesRegion(region) {
		return nil, api.Errorf("ValidationError", "%s is not a Region of the partition %s.", region, c.Partition)
	}
	tags, tagsErr := newTags(in.Tags)
	a := access{action: "kms:ReplicateKey"}
	a.request.Context = map[string][]string{"kms:ReplicaRegion": {region}}
	there := c
	there.Region = region
	var out *kms.ReplicateKeyOutput
	err := s.store.Update(ctx, func(tx store.Tx) error {
		k, err := s.findByID(tx, c, *in.KeyId, a)
		if err != nil {
			return err
		}
		replica := &Key{
			Account: k.Account, Region: region, Partition: k.Partition, ID: k.ID, Created: s.now(), Description: aws.ToString(in.Description),
			Spec: k.Spec, Usage: k.Usage, Origin: k.Origin, Enabled: true, Tags: tags, MultiRegion: types.MultiRegionKeyTypeReplica,
		}
		replica.Transient, replica.TransientSince = types.KeyStateCreating, replica.Created
		if err := s.authorizeCreate(tx, there, replica, in.BypassPolicyLockoutSafetyCheck); err != nil {
			return err
		}
		if err := cmp.Or(s.checkPrimary(tx, k), tagsErr, s.upToDate(tx, k)); err != nil {
			return err
		}
		if err := s.sweep(tx); err != nil {
			return err
		}
		if err := s.destroyIfGone(tx, replica); err != nil {
			return err
		}
		if old, err := s.loadKey(tx, replica.Account, region, replica.ID); err != nil {
			return err
		} else if old != nil {
			return api.Errorf("AlreadyExistsException", "%s already exists.", old.ARN())
		}
		if err := s.countNew(tx, replica); err != nil {
			return err
		}
		m, err := loadMultiRegion(tx, k)
		if err != nil {
			return err
		}
		m.Replicas = append(m.Replicas, region)
		slices.Sort(m.Replicas)
		if err := saveMultiRegion(tx, k, m); err != nil {
			return err
		}
		if err := s.setPolicy(tx, there, replica, in.Policy, in.BypassPolicyLockoutSafetyCheck); err != nil {
			return err
		}
		if err := s.share(tx, k, replica); err != nil {
			return err
		}
		out = &kms.ReplicateKeyOutput{ReplicaTags: in.Tags}
		if out.ReplicaKeyMetadata, err = s.metadata(tx, replica); err != nil {
			return err
		}
		out.ReplicaKeyMetadata.KeyState, out.ReplicaKeyMetadata.Enabled = types.KeyStateCreating, false
		text, err := s.authz.ShowPrincipals(tx, replica.Policy)
		out.ReplicaPolicy = &text
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// updatePrimaryRegion changes which key is the primary, at once; both are Updating for a time. The caller needs the permission
// on both (https://docs.aws.amazon.com/kms/latest/APIReference/API_UpdatePrimaryRegion.html).
func (s *Service) updatePrimaryRegion(ctx context.Context, c api.Caller, in *kms.UpdatePrimaryRegionInput) (*kms.UpdatePrimaryRegionOutput, error) {
	region := *in.PrimaryRegion
	asked := func() access {
		a := access{action: "kms:UpdatePrimaryRegion"}
		a.request.Context = map[string][]string{"kms:PrimaryRegion": {region}}
		return a
	}
	there := c
	there.Region = region
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		k, err := s.findByID(tx, c, *in.KeyId, asked())
		if err != nil {
			return err
		}
		if err := cmp.Or(s.checkPrimary(tx, k), s.upToDate(tx, k)); err != nil {
			return err
		}
		next, err := s.findByID(tx, there, k.ID, asked())
		if err != nil {
			return err
		}
		if err := s.checkUsable(tx, next, toRotate); err != nil {
			return err
		}
		m, err := loadMultiRegion(tx, k)
		if err != nil || region == m.Primary {
			return err
		}
		m.Replicas[slices.Index(m.Replicas, region)] = m.Primary
		slices.Sort(m.Replicas)
		m.Primary = region
		was, is := *k, *next
		was.MultiRegion, is.MultiRegion = types.MultiRegionKeyTypeReplica, types.MultiRegionKeyTypePrimary
		for _, k := range []*Key{&was, &is} {
			k.Transient, k.TransientSince = types.KeyStateUpdating, s.now()
		}
		return cmp.Or(saveKey(tx, &was), saveKey(tx, &is), saveMultiRegion(tx, k, m))
	})
}
