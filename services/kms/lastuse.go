package kms

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"emulator/api"
	"emulator/audit"
	"emulator/policy"
	"emulator/store"
)

// tracked are the operations that count as a use of a key.
var tracked = types.KeyLastUsageTrackingOperation("").Values()

// TracksUse reports whether an operation, if it succeeds, is a use of the keys whose material it used.
func TracksUse(operation string) bool {
	return slices.Contains(tracked, types.KeyLastUsageTrackingOperation(operation))
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

// getKeyLastUsage tells the last use of the last 400 days. TrackingStartDate is when the key was made or, if that is
// later, the begin of these days, or of tracking in a database that an older version made.
//
// https://docs.aws.amazon.com/kms/latest/APIReference/API_GetKeyLastUsage.html
func (s *Service) getKeyLastUsage(ctx context.Context, c api.Caller, in *kms.GetKeyLastUsageInput) (*kms.GetKeyLastUsageOutput, error) {
	out := &kms.GetKeyLastUsageOutput{KeyLastUsage: &types.KeyLastUsageData{}}
	var used string
	err := s.store.View(ctx, func(r store.Reader) error {
		k, err := s.findKey(r, c, *in.KeyId, access{action: "kms:GetKeyLastUsage", noAlias: true})
		if err != nil {
			return err
		}
		now := s.now()
		since, err := audit.Since(r, now)
		if err != nil {
			return err
		}
		if since.Before(k.Created) {
			since = k.Created
		}
		out.KeyId, out.KeyCreationDate, out.TrackingStartDate = &k.ID, &k.Created, &since
		used = k.ARN()
		use, ok, err := s.lastUse.Last(r, used)
		if err != nil || !ok || now.Sub(use.At) > audit.Tracked {
			return err
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
