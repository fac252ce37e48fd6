package kms

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/google/uuid"

	"emulator/api"
	"emulator/authz"
	"emulator/services/kms/keystore"
	"emulator/store"
)

func (s *Service) keyOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateKey", s.createKey),
		api.Op("DescribeKey", s.describeKey),
		api.Op("GetKeyLastUsage", s.getKeyLastUsage),
		api.Op("ListKeys", s.listKeys),
		api.Op("EnableKey", s.enableKey),
		api.Op("DisableKey", s.disableKey),
		api.Op("UpdateKeyDescription", s.updateKeyDescription),
		api.Op("ScheduleKeyDeletion", s.scheduleKeyDeletion),
		api.Op("CancelKeyDeletion", s.cancelKeyDeletion),
	}
}

// newKey returns the key that a request describes, as far as the request alone tells.
func (s *Service) newKey(c api.Caller, in *kms.CreateKeyInput) (*Key, error) {
	k := &Key{
		Account: c.Account, Region: c.Region, Partition: c.Partition, ID: uuid.NewString(), Created: s.now(), Description: aws.ToString(in.Description),
		Spec: in.KeySpec, Usage: in.KeyUsage, Origin: in.Origin, Enabled: true, CustomKeyStore: aws.ToString(in.CustomKeyStoreId),
	}
	if in.CustomerMasterKeySpec != "" {
		if k.Spec != "" {
			return nil, api.Errorf("ValidationError", "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.")
		}
		k.Spec = types.KeySpec(in.CustomerMasterKeySpec)
	}
	if k.Spec == "" {
		k.Spec = types.KeySpecSymmetricDefault
	}
	if k.Origin == "" {
		k.Origin = types.OriginTypeAwsKms
	}
	spec, ok := specIn(k.Partition, k.Spec)
	switch {
	case !ok:
		return nil, api.Errorf("NotImplemented", "KeySpec %s is not supported in this Region.", k.Spec)
	case k.Usage == "" && k.Spec != types.KeySpecSymmetricDefault:
		return nil, api.Errorf("ValidationError", "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.")
	case k.Usage == "":
		k.Usage = types.KeyUsageTypeEncryptDecrypt
	}
	if !slices.Contains(spec.usages, k.Usage) {
		return nil, api.Errorf("ValidationError", "KeyUsage %s is not compatible with KeySpec %s", k.Usage, k.Spec)
	}
	switch {
	case k.Origin == types.OriginTypeExternalKeyStore || in.XksKeyId != nil:
		return nil, api.Errorf("NotImplemented", "Origin %s is not supported by this emulator.", k.Origin)
	case k.Origin == types.OriginTypeExternal && !keystore.Imports(k.Spec):
		return nil, api.Errorf("NotImplemented", "Importing key material of key spec %s is not supported.", k.Spec)
	case k.Origin == types.OriginTypeAwsCloudhsm && k.CustomKeyStore == "":
		return nil, api.Errorf("ValidationError", "CustomKeyStoreId is required when Origin is AWS_CLOUDHSM.")
	case k.Origin != types.OriginTypeAwsCloudhsm && k.CustomKeyStore != "":
		return nil, api.Errorf("ValidationError", "CustomKeyStoreId requires Origin AWS_CLOUDHSM or EXTERNAL_KEY_STORE.")
	case k.CustomKeyStore != "" && k.Spec != types.KeySpecSymmetricDefault:
		return nil, api.Errorf("NotImplemented", "Custom key stores hold symmetric encryption keys only.")
	case k.CustomKeyStore != "" && aws.ToBool(in.MultiRegion):
		return nil, api.Errorf("UnsupportedOperationException", "Multi-Region keys can't be created in a custom key store.")
	}
	if aws.ToBool(in.MultiRegion) {
		k.MultiRegion, k.ID = types.MultiRegionKeyTypePrimary, "mrk-"+strings.ReplaceAll(k.ID, "-", "")
	}
	if k.Origin != types.OriginTypeExternal {
		k.MaterialID = newMaterialID()
	}
	return k, nil
}

// createKey makes a key
// (https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateKey.html).
func (s *Service) createKey(ctx context.Context, c api.Caller, in *kms.CreateKeyInput) (*kms.CreateKeyOutput, error) {
	k, err := s.newKey(c, in)
	if err != nil {
		return nil, err
	}
	tags, tagsErr := newTags(in.Tags)
	given, reservedErr := k.takeReserved(tags)
	k.Tags = tags
	out := &kms.CreateKeyOutput{}
	var material []byte
	defer func() { clear(material) }()
	err = store.Make(ctx, s.store, func(r store.Reader) error {
		if err := s.authorizeCreate(r, c, k, in.BypassPolicyLockoutSafetyCheck); err != nil {
			return err
		}
		if err := cmp.Or(tagsErr, reservedErr); err != nil {
			return err
		}
		return s.setPolicy(r, c, k, in.Policy, in.BypassPolicyLockoutSafetyCheck)
	}, func() (_ []byte, err error) {
		if given != nil || k.Origin == types.OriginTypeExternal {
			return given, nil
		}
		material, err = keystore.Generate(k.Spec, k.Partition)
		return material, err
	}, func(tx store.Tx, material []byte) error {
		if err := s.sweep(tx); err != nil {
			return err
		}
		if err := cmp.Or(s.checkNew(tx, k), s.countNew(tx, k)); err != nil {
			return err
		}
		if err := s.place(tx, k, material); err != nil {
			return err
		}
		if k.MultiRegion != "" {
			if err := saveMultiRegion(tx, k, MultiRegion{Primary: k.Region}); err != nil {
				return err
			}
		}
		if out.KeyMetadata, err = s.metadata(tx, k); err != nil {
			return err
		}
		c.Notes.Resource(k.resource())
		return saveKey(tx, k)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *Service) authorizeCreate(r store.Reader, c api.Caller, k *Key, bypass bool) error {
	context := map[string][]string{
		"kms:CallerAccount":                  {c.Account},
		"kms:BypassPolicyLockoutSafetyCheck": {strconv.FormatBool(bypass)},
	}
	k.describe(context)
	k.describeMultiRegion(context)
	request := authz.Request{Action: "kms:CreateKey", Resource: "*", RequestTags: k.Tags, Context: context}
	if err := s.authz.Authorize(r, c, request); err != nil || len(k.Tags) == 0 {
		return err
	}
	// The key is in no answer yet, and its policy does not count.
	request.Action, request.Resource, request.Unnamed = "kms:TagResource", k.ARN(), true
	return s.authz.Authorize(r, c, request)
}

// place puts the material of a new key into its key store.
func (s *Service) place(tx store.Tx, k *Key, raw []byte) error {
	if k.Origin == types.OriginTypeExternal { // it is imported later
		return nil
	}
	if k.CustomKeyStore != "" {
		ks, ok, err := loadKeyStore(tx, k.Account, k.Region, k.CustomKeyStore)
		if err != nil {
			return err
		}
		if !ok {
			return noKeyStore(k.CustomKeyStore)
		}
		k.Cluster = ks.Cluster
		if err := tx.Put(storeKeyKey(k), nil); err != nil {
			return err
		}
	}
	ks, err := s.keyStore(tx, k)
	if err != nil {
		return err
	}
	if err := ks.Save(tx, k.ref(), raw); !errors.Is(err, keystore.ErrDisconnected) {
		return err
	}
	return api.Errorf("CustomKeyStoreInvalidStateException", "The custom key store %s is not connected.", k.CustomKeyStore)
}

func (s *Service) describeKey(ctx context.Context, c api.Caller, in *kms.DescribeKeyInput) (*kms.DescribeKeyOutput, error) {
	out := &kms.DescribeKeyOutput{}
	if err := s.checkGrantTokens(ctx, c, in.GrantTokens); api.ErrorCode(err) != "" { // DescribeKey has no InvalidGrantTokenException
		return nil, api.Errorf("ValidationError", "The grant token is not valid.")
	} else if err != nil {
		return nil, err
	}
	if m, ok := predefined(c, *in.KeyId); ok {
		if err := s.makeAWSManaged(ctx, c, m); err != nil {
			return nil, err
		}
	}
	err := s.store.View(ctx, func(r store.Reader) error {
		k, err := s.findKey(r, c, *in.KeyId, access{action: "kms:DescribeKey", anyAccount: true})
		if err != nil {
			return err
		}
		out.KeyMetadata, err = s.metadata(r, k)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// listKeysInput has what the SDK has not yet.
type listKeysInput struct {
	kms.ListKeysInput
	ResourceOwners []string
}

// listKeys: nothing is shared through RAM, so that of other accounts there are no keys
// (https://docs.aws.amazon.com/kms/latest/APIReference/API_ListKeys.html).
func (s *Service) listKeys(ctx context.Context, c api.Caller, in *listKeysInput) (*kms.ListKeysOutput, error) {
	out := &kms.ListKeysOutput{Keys: []types.KeyListEntry{}}
	err := s.store.View(ctx, func(r store.Reader) error {
		if err := s.authz.Authorize(r, c, authz.Request{Action: "kms:ListKeys", Resource: "*"}); err != nil {
			return err
		}
		p, err := newPage(api.ListOf(c, in), 100)
		if err != nil || len(in.ResourceOwners) > 0 && !slices.Contains(in.ResourceOwners, "SELF") {
			return err
		}
		prefix := store.Key("kms", c.Account, c.Region, "key")
		for key := range p.scan(r, prefix) {
			id := store.Parts(key)[4]
			k, err := s.loadKey(r, c.Account, c.Region, id)
			if err != nil {
				return err
			}
			if k == nil {
				continue // past its deletion date
			}
			if !p.take(key) {
				break
			}
			out.Keys = append(out.Keys, types.KeyListEntry{KeyId: &k.ID, KeyArn: aws.String(k.ARN())})
		}
		out.NextMarker = p.next(prefix)
		out.Truncated = out.NextMarker != nil
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *Service) enableKey(ctx context.Context, c api.Caller, in *kms.EnableKeyInput) (*kms.EnableKeyOutput, error) {
	return nil, s.setEnabled(ctx, c, *in.KeyId, "kms:EnableKey", true)
}

func (s *Service) disableKey(ctx context.Context, c api.Caller, in *kms.DisableKeyInput) (*kms.DisableKeyOutput, error) {
	return nil, s.setEnabled(ctx, c, *in.KeyId, "kms:DisableKey", false)
}

func (s *Service) setEnabled(ctx context.Context, c api.Caller, id, action string, enabled bool) error {
	return s.store.Update(ctx, func(tx store.Tx) error {
		return s.changeKey(tx, c, id, access{action: action}, func(k *Key) error {
			k.Enabled = enabled
			if err := s.checkState(tx, k, toEnable); err != nil {
				return err
			}
			return s.resumeRotation(tx, k)
		})
	})
}

func (s *Service) updateKeyDescription(ctx context.Context, c api.Caller, in *kms.UpdateKeyDescriptionInput) (*kms.UpdateKeyDescriptionOutput, error) {
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		return s.changeKey(tx, c, *in.KeyId, access{action: "kms:UpdateKeyDescription"}, func(k *Key) error {
			k.Description = *in.Description
			return s.checkState(tx, k, toName)
		})
	})
}

const (
	defaultPendingWindow = 30
	minPendingWindow     = 7
	maxPendingWindow     = 30
)

// scheduleKeyDeletion: from its deletion date on the key does not exist. What is left of it is destroyed by
// the next write (sweep).
func (s *Service) scheduleKeyDeletion(ctx context.Context, c api.Caller, in *kms.ScheduleKeyDeletionInput) (*kms.ScheduleKeyDeletionOutput, error) {
	window := int32(defaultPendingWindow)
	if in.PendingWindowInDays != nil {
		window = *in.PendingWindowInDays
	}
	if window < minPendingWindow || window > maxPendingWindow {
		return nil, api.Errorf("ValidationError", "PendingWindowInDays must be between %d and %d", minPendingWindow, maxPendingWindow)
	}
	out := &kms.ScheduleKeyDeletionOutput{KeyState: types.KeyStatePendingDeletion, PendingWindowInDays: &window}
	a := access{action: "kms:ScheduleKeyDeletion"}
	a.request.Context = map[string][]string{"kms:ScheduleKeyDeletionPendingWindowInDays": {fmt.Sprint(window)}}
	err := s.store.Update(ctx, func(tx store.Tx) error {
		return s.changeKey(tx, c, *in.KeyId, a, func(k *Key) error {
			if err := s.checkState(tx, k, toManage); err != nil {
				return err
			}
			k.Enabled, k.PendingWindow = false, window
			if err := s.destroyReplicas(tx, k); err != nil {
				return err
			}
			replicas, err := s.replicas(tx, k)
			if err != nil {
				return err
			}
			if len(replicas) > 0 {
				k.AwaitsReplicas = true
				out.KeyId, out.KeyState = aws.String(k.ARN()), types.KeyStatePendingReplicaDeletion
				return nil
			}
			k.Deletion = s.now().AddDate(0, 0, int(window))
			out.KeyId, out.DeletionDate = aws.String(k.ARN()), &k.Deletion
			return tx.Put(deletionKey(k), nil)
		})
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// cancelKeyDeletion leaves the key disabled, as AWS does.
func (s *Service) cancelKeyDeletion(ctx context.Context, c api.Caller, in *kms.CancelKeyDeletionInput) (*kms.CancelKeyDeletionOutput, error) {
	out := &kms.CancelKeyDeletionOutput{}
	err := s.store.Update(ctx, func(tx store.Tx) error {
		return s.changeKey(tx, c, *in.KeyId, access{action: "kms:CancelKeyDeletion"}, func(k *Key) error {
			if k.Deletion.IsZero() && !k.AwaitsReplicas {
				return api.Errorf("KMSInvalidStateException", "%s is not pending deletion.", k.ARN())
			}
			if err := tx.Delete(deletionKey(k)); err != nil {
				return err
			}
			k.Deletion, k.PendingWindow, k.AwaitsReplicas = time.Time{}, 0, false
			out.KeyId = aws.String(k.ARN())
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
