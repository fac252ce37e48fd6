package kms

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"emulator/api"
	"emulator/audit"
	"emulator/policy"
	"emulator/store"
)

// uses are the operations that count as a use of a key.
var uses = types.KeyLastUsageTrackingOperation("").Values()

// TracksUse reports whether an operation, if it succeeds, is a use of the keys whose material it used.
func TracksUse(operation string) bool {
	return slices.Contains(uses, types.KeyLastUsageTrackingOperation(operation))
}

// RecordOf returns the key of the record of a KMS key, of which arn is the ARN.
func RecordOf(arn string) []byte {
	parsed, _ := policy.ParseARN(arn)
	return keyKey(parsed.Account, parsed.Region, strings.TrimPrefix(parsed.Resource, "key/"))
}

// shownMaterial is the ID of key material as it is shown: only symmetric encryption keys have one.
func (k *Key) shownMaterial(id string) string {
	if k.Spec != types.KeySpecSymmetricDefault {
		return ""
	}
	return id
}

// tracked returns since when the uses of a key are known, and the last of them, if there was one.
func (s *Service) tracked(r store.Reader, k *Key) (since time.Time, use audit.Use, err error) {
	now := s.now()
	if since, err = audit.Since(r, now); err != nil {
		return since, use, err
	}
	if since.Before(k.Created) {
		since = k.Created
	}
	last, ok, err := s.lastUse.Last(r, k.ARN())
	if ok && now.Sub(last.At) <= audit.Tracked {
		use = last
	}
	return since, use, err
}

// describeUse adds the condition key that keeps keys in use from being disabled or deleted: the whole days since the last use or, if
// there was none, since there could have been one.
//
// https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-trailing-days-without-key-usage
func (s *Service) describeUse(r store.Reader, k *Key, context map[string][]string) error {
	since, use, err := s.tracked(r, k)
	if use.At.After(since) {
		since = use.At
	}
	context["kms:TrailingDaysWithoutKeyUsage"] = []string{strconv.Itoa(int(s.now().Sub(since) / (24 * time.Hour)))}
	return err
}

// getKeyLastUsage tells the last use of the last 400 days. TrackingStartDate is when the key was made or, if that is
// later, the begin of these days, or of tracking in a database that an older version made.
//
// https://docs.aws.amazon.com/kms/latest/APIReference/API_GetKeyLastUsage.html
func (s *Service) getKeyLastUsage(ctx context.Context, c api.Caller, in *kms.GetKeyLastUsageInput) (*kms.GetKeyLastUsageOutput, error) {
	out := &kms.GetKeyLastUsageOutput{KeyLastUsage: &types.KeyLastUsageData{}}
	var used string
	err := s.store.View(ctx, func(r store.Reader) error {
		k, err := s.findByID(r, c, *in.KeyId, access{action: "kms:GetKeyLastUsage"})
		if err != nil {
			return err
		}
		since, use, err := s.tracked(r, k)
		if err != nil {
			return err
		}
		used = k.ARN()
		out.KeyId, out.KeyCreationDate, out.TrackingStartDate = &k.ID, &k.Created, &since
		if use.At.IsZero() {
			return nil
		}
		event := audit.EventID(use.RequestID, k.Account)
		out.KeyLastUsage = &types.KeyLastUsageData{
			Operation: types.KeyLastUsageTrackingOperation(use.Operation), Timestamp: &use.At, KmsRequestId: &use.RequestID, CloudTrailEventId: &event,
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, s.lastUse.Told(ctx, used)
}
