package kms

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"emulator/api"
	"emulator/services/kms/keystore"
	"emulator/store"
)

func (s *Service) rotationOperations() []api.Operation {
	return []api.Operation{
		api.Op("EnableKeyRotation", s.enableKeyRotation),
		api.Op("DisableKeyRotation", s.disableKeyRotation),
		api.Op("GetKeyRotationStatus", s.getKeyRotationStatus),
		api.Op("RotateKeyOnDemand", s.rotateKeyOnDemand),
		api.Op("ListKeyRotations", s.listKeyRotations),
	}
}

const (
	defaultRotationPeriod = 365 // days
	// conflictWindow is how long before an automatic rotation AWS refuses one on demand.
	conflictWindow = 20 * time.Minute
	// maxMissed bounds the rotations that are made up for at once. Of what was missed, nothing can have been encrypted.
	maxMissed = 100
)

// A rotation happens when somebody looks at the key or uses it after its date has come, not by a timer: upToDate is asked where
// material matters, in a transaction that may not be able to write, and its error makes the transaction run again after the rotation.

// overdue is the error of a transaction that came upon a key for which something is due. The same holds of a primary key whose
// last replica is gone.
type overdue struct{ key *Key }

// Error implements error. Nobody sees it.
func (e *overdue) Error() string { return e.key.ARN() + " is to be brought up to date first" }

// upToDate returns an overdue if the date of the key, or of its primary key, has come. What is disabled or to be deleted is not rotated.
func (s *Service) upToDate(r store.Reader, k *Key) error {
	if k.AwaitsReplicas {
		replicas, err := s.replicas(r, k)
		if err == nil && len(replicas) == 0 {
			err = &overdue{k}
		}
		return err
	}
	if !s.automaticDue(k) && !s.onDemandDue(k) {
		return nil
	}
	primary, err := s.primary(r, k) // a replica that a clock moved back brought back may not be in step
	if err == nil && primary != nil && (primary.Enabled && s.automaticDue(primary) || s.onDemandDue(primary)) {
		err = &overdue{primary}
	}
	return err
}

func (s *Service) automaticDue(k *Key) bool {
	return k.RotationPeriod != 0 && !s.clock.Now().Before(k.NextRotation)
}

// onDemandDue reports whether a rotation on demand is to end.
func (s *Service) onDemandDue(k *Key) bool {
	_, ended := s.clock.Ended(k.OnDemandSince)
	return ended && !k.OnDemandSince.IsZero()
}

// rotating is a store whose transactions find rotated what is due.
type rotating struct {
	store.Store
	s *Service
}

// View implements store.Store.
func (t rotating) View(ctx context.Context, f func(store.Reader) error) error {
	return t.again(ctx, func() error { return t.Store.View(ctx, f) })
}

// Update implements store.Store.
func (t rotating) Update(ctx context.Context, f func(store.Tx) error) error {
	return t.again(ctx, func() error { return t.Store.Update(ctx, f) })
}

func (t rotating) again(ctx context.Context, run func() error) error {
	for {
		err := run()
		due, ok := errors.AsType[*overdue](err)
		if !ok {
			return err
		}
		if err := t.Store.Update(ctx, func(tx store.Tx) error { return t.s.catchUp(tx, due.key) }); err != nil {
			return err
		}
	}
}

// catchUp does what is due for a key: it makes its rotations, each on its date.
func (s *Service) catchUp(tx store.Tx, stale *Key) error {
	found, err := s.loadKey(tx, stale.Account, stale.Region, stale.ID)
	if err != nil || found == nil || s.upToDate(tx, found) == nil { // somebody else was here
		return err
	}
	if found.AwaitsReplicas {
		return s.destroyReplicas(tx, found)
	}
	k := *found
	if s.onDemandDue(&k) {
		if err := s.endOnDemand(tx, &k); err != nil {
			return err
		}
	}
	if k.Enabled && s.automaticDue(&k) {
		if err := s.rotateMissed(tx, &k); err != nil {
			return err
		}
	}
	return s.saveShared(tx, &k)
}

// rotateMissed makes the automatic rotations whose dates have come, each on its own.
func (s *Service) rotateMissed(tx store.Tx, k *Key) error {
	period := int(k.RotationPeriod)
	if missed := int(s.now().Unix()-k.NextRotation.Unix()) / (period * 24 * 60 * 60); missed > maxMissed {
		k.NextRotation = k.NextRotation.AddDate(0, 0, (missed-maxMissed)*period)
	}
	for ; !s.clock.Now().Before(k.NextRotation); k.NextRotation = k.NextRotation.AddDate(0, 0, period) {
		if err := s.rotate(tx, k, types.RotationTypeAutomatic, k.NextRotation); err != nil {
			return err
		}
	}
	return nil
}

// resumeRotation makes up for what a key missed while it was disabled: one rotation, and the next a period after it.
func (s *Service) resumeRotation(tx store.Tx, k *Key) error {
	due, ok := errors.AsType[*overdue](s.upToDate(tx, k))
	if !ok || due.key.Region != k.Region || !s.automaticDue(k) {
		return nil
	}
	k.NextRotation = s.now().AddDate(0, 0, int(k.RotationPeriod))
	return s.rotate(tx, k, types.RotationTypeAutomatic, s.now())
}

// rotate gives a key, which the caller saves, new material. The old stays, to decrypt with.
func (s *Service) rotate(tx store.Tx, k *Key, t types.RotationType, date time.Time) error {
	if k.Materials == 0 {
		if err := addMaterial(tx, k, KeyMaterial{ID: k.MaterialID}); err != nil {
			return err
		}
	}
	raw, err := keystore.Generate(k.Spec, k.Partition) // of a symmetric key: it takes no time
	if err != nil {
		return err
	}
	k.MaterialID = newMaterialID()
	if err := s.material.Save(tx, k.ref(), raw); err != nil {
		return err
	}
	return addMaterial(tx, k, KeyMaterial{ID: k.MaterialID, Rotated: date, Rotation: t})
}

// checkOrigin returns AWS's error if material of a key's origin is not rotated: that in custom key stores, and none that is
// imported by itself, which can't be made up.
func checkOrigin(k *Key, byItself bool) error {
	if k.CustomKeyStore != "" || byItself && k.Origin == types.OriginTypeExternal {
		return wrongOrigin(k)
	}
	return nil
}

// checkSymmetric returns AWS's error, which says no more, if keys of a key's spec have one material for life. It comes after that of
// the key's state.
func checkSymmetric(k *Key) error {
	if k.Spec != types.KeySpecSymmetricDefault {
		return api.Errorf("UnsupportedOperationException", "").Because("%s keys have one key material", k.Spec)
	}
	return nil
}

func wrongOrigin(k *Key) error {
	return api.Errorf("UnsupportedOperationException", "%s origin is %s which is not valid for this operation.", k.ARN(), k.Origin)
}

// enableKeyRotation: the first rotation is a period from now. Asked again with the period that there is, it changes nothing
// (https://docs.aws.amazon.com/kms/latest/APIReference/API_EnableKeyRotation.html).
func (s *Service) enableKeyRotation(ctx context.Context, c api.Caller, in *kms.EnableKeyRotationInput) (*kms.EnableKeyRotationOutput, error) {
	period := int32(defaultRotationPeriod)
	a := access{action: "kms:EnableKeyRotation"}
	if in.RotationPeriodInDays != nil {
		period = *in.RotationPeriodInDays
		a.request.Context = map[string][]string{"kms:RotationPeriodInDays": {strconv.Itoa(int(period))}}
	}
	return nil, s.setRotation(ctx, c, *in.KeyId, a, func(k *Key) error {
		if k.RotationPeriod != period {
			k.RotationPeriod, k.NextRotation = period, s.now().AddDate(0, 0, int(period))
		}
		return checkSymmetric(k)
	})
}

// disableKeyRotation changes nothing of a key of a spec that does not rotate, which is no error, as others measured.
func (s *Service) disableKeyRotation(ctx context.Context, c api.Caller, in *kms.DisableKeyRotationInput) (*kms.DisableKeyRotationOutput, error) {
	return nil, s.setRotation(ctx, c, *in.KeyId, access{action: "kms:DisableKeyRotation"}, func(k *Key) error {
		k.RotationPeriod, k.NextRotation = 0, time.Time{}
		return nil
	})
}

func (s *Service) setRotation(ctx context.Context, c api.Caller, id string, a access, f func(*Key) error) error {
	return s.store.Update(ctx, func(tx store.Tx) error {
		return s.changeKey(tx, c, id, a, func(k *Key) error {
			if err := cmp.Or(checkOrigin(k, true), s.checkUsable(tx, k, toRotate), checkNotReplica(k)); err != nil {
				return err
			}
			return f(k)
		})
	})
}

// getKeyRotationStatus: asymmetric and HMAC keys, which never rotate, are told so as AWS does, without an error; keys of custom key
// stores are refused whatever their state. What is to be deleted does not rotate; what is disabled does not either, but says that it will
// (https://docs.aws.amazon.com/kms/latest/APIReference/API_GetKeyRotationStatus.html).
func (s *Service) getKeyRotationStatus(ctx context.Context, c api.Caller, in *kms.GetKeyRotationStatusInput) (*kms.GetKeyRotationStatusOutput, error) {
	out := &kms.GetKeyRotationStatusOutput{}
	err := s.store.View(ctx, func(r store.Reader) error {
		k, err := s.findByID(r, c, *in.KeyId, access{action: "kms:GetKeyRotationStatus", anyAccount: true})
		if err != nil {
			return err
		}
		if k.CustomKeyStore != "" {
			return wrongOrigin(k)
		}
		if err := s.upToDate(r, k); err != nil {
			return err
		}
		out.KeyId = aws.String(k.ARN())
		if !k.OnDemandSince.IsZero() {
			out.OnDemandRotationStartDate = &k.OnDemandSince
		}
		if k.RotationPeriod != 0 && k.Deletion.IsZero() && !k.AwaitsReplicas {
			out.KeyRotationEnabled, out.RotationPeriodInDays, out.NextRotationDate = true, &k.RotationPeriod, &k.NextRotation
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// rotateKeyOnDemand begins a rotation, which ends when somebody looks at the key, or uses it, after its time (endOnDemand)
// (https://docs.aws.amazon.com/kms/latest/APIReference/API_RotateKeyOnDemand.html).
func (s *Service) rotateKeyOnDemand(ctx context.Context, c api.Caller, in *kms.RotateKeyOnDemandInput) (*kms.RotateKeyOnDemandOutput, error) {
	out := &kms.RotateKeyOnDemandOutput{}
	err := s.store.Update(ctx, func(tx store.Tx) error {
		return s.changeKey(tx, c, *in.KeyId, access{action: "kms:RotateKeyOnDemand"}, func(k *Key) error {
			if err := cmp.Or(checkOrigin(k, false), s.checkUsable(tx, k, toRotate), checkNotReplica(k), checkSymmetric(k)); err != nil {
				return err
			}
			switch most := s.quotas.Max(onDemandQuota); {
			case k.OnDemand >= most:
				return api.Errorf("LimitExceededException", "The on-demand rotations limit has been reached for the given keyId. No more on-demand rotations can be performed for this key: %s", k.ARN())
			case !k.OnDemandSince.IsZero():
				return api.Errorf("ConflictException", "A rotation of %s is in progress.", k.ARN())
			case k.RotationPeriod != 0 && k.NextRotation.Sub(s.clock.Now()) <= conflictWindow:
				return api.Errorf("ConflictException", "An automatic rotation of %s is scheduled to begin within the next 20 minutes.", k.ARN())
			}
			if k.Origin == types.OriginTypeExternal {
				pending, state, err := s.pendingMaterial(tx, k)
				switch {
				case err != nil:
					return err
				case pending == nil:
					return api.Errorf("KMSInvalidStateException", "No available key material pending rotation for the key: %s.", k.ARN())
				case state != types.KeyMaterialStatePendingRotation:
					return api.Errorf("KMSInvalidStateException", "Key material '%s' of %s is in state %s: it has to be imported into all of its replica keys first.", pending.ID, k.ARN(), state)
				}
			}
			k.OnDemand++
			k.OnDemandSince = s.now()
			out.KeyId = aws.String(k.ARN())
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// endOnDemand ends a rotation on demand: its material comes into force. Imported material that has gone meanwhile does not.
func (s *Service) endOnDemand(tx store.Tx, k *Key) error {
	end, _ := s.clock.Ended(k.OnDemandSince)
	k.OnDemandSince = time.Time{}
	if k.Origin == types.OriginTypeExternal {
		return s.rotateToImported(tx, k, end)
	}
	return s.rotate(tx, k, types.RotationTypeOnDemand, end)
}

// listKeyRotations lists a key's materials, the oldest first
// (https://docs.aws.amazon.com/kms/latest/APIReference/API_ListKeyRotations.html).
func (s *Service) listKeyRotations(ctx context.Context, c api.Caller, in *kms.ListKeyRotationsInput) (*kms.ListKeyRotationsOutput, error) {
	var out *kms.ListKeyRotationsOutput
	err := s.store.View(ctx, func(r store.Reader) error {
		out = &kms.ListKeyRotationsOutput{Rotations: []types.RotationsListEntry{}}
		k, err := s.findByID(r, c, *in.KeyId, access{action: "kms:ListKeyRotations"})
		if err != nil {
			return err
		}
		if err := cmp.Or(checkOrigin(k, false), checkSymmetric(k)); err != nil {
			return err
		}
		if err := s.upToDate(r, k); err != nil {
			return err
		}
		p, err := newPage(api.ListOf(c, in), 100)
		if err != nil {
			return err
		}
		all := in.IncludeKeyMaterial == types.IncludeKeyMaterialAllKeyMaterial
		if k.Materials == 0 && k.MaterialID != "" && all && p.take(nil) {
			out.Rotations = append(out.Rotations, rotationEntry(k, KeyMaterial{ID: k.MaterialID}))
		}
		prefix := materialsPrefix(k)
		for key := range p.scan(r, prefix) {
			m, err := loadMaterial(r, key)
			if err != nil {
				return err
			}
			m, _ = s.asNow(k, m)
			entry := rotationEntry(k, m)
			if m.Pending {
				if entry.KeyMaterialState, err = s.pendingState(r, k, m); err != nil {
					return err
				}
			}
			if entry.KeyMaterialState == "" || m.Rotation == "" && !all {
				continue
			}
			if !p.take(key) {
				break
			}
			out.Rotations = append(out.Rotations, entry)
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

func rotationEntry(k *Key, m KeyMaterial) types.RotationsListEntry {
	e := types.RotationsListEntry{KeyId: &k.ID, KeyMaterialId: &m.ID, KeyMaterialState: types.KeyMaterialStateNonCurrent, RotationType: m.Rotation}
	if m.ID == k.MaterialID {
		e.KeyMaterialState = types.KeyMaterialStateCurrent
	}
	if !m.Rotated.IsZero() {
		e.RotationDate = &m.Rotated
	}
	if k.Origin != types.OriginTypeExternal {
		return e
	}
	if m.Description != "" {
		e.KeyMaterialDescription = &m.Description
	}
	e.ImportState = types.ImportStatePendingImport
	if !m.Missing {
		e.ImportState = types.ImportStateImported
		e.ExpirationModel, e.ValidTo = expiration(m.ValidTo)
	}
	return e
}
