package sts

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"emulator/api"
	"emulator/identity"
	"emulator/store"
)

const hour = 3600

// tokenSpace is how large a session token may be, in bytes. It is also the most that MinimumSessionTokenSize may ask for.
const tokenSpace = 4096

// credentials are temporary credentials as the operations return them.
type credentials struct {
	*types.Credentials
	// size of the session token in bytes, and in percent of tokenSpace.
	size, utilization int32
}

// issue makes credentials of a session: it fills in the access key and the times.
// minimum is the least size of the session token, or nil.
func (s *Service) issue(ctx context.Context, c api.Caller, session *identity.Session, seconds int32, minimum *int32) (*credentials, error) {
	if root := session.Name == ""; root || isGlobal(c) {
		err := s.store.View(ctx, func(r store.Reader) error {
			if root {
				session.ID = identity.AccountLife(r, session.Account)
			}
			if !isGlobal(c) {
				return nil
			}
			settings, _, err := store.Load[identity.AccountSettings](r, identity.AccountSettingsKey(session.Account))
			session.DefaultRegions = !settings.TokensForAllRegions
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	id, err := identity.NewAccessKeyID(identity.PrefixSessionKey, session.Account)
	if err != nil {
		return nil, err
	}
	session.AccessKeyID = id
	session.Issued = s.clock.Now().Truncate(time.Second)
	session.Expires = session.Issued.Add(time.Duration(seconds) * time.Second)
	token, err := s.keyring.SealSession(session, int(aws.ToInt32(minimum)))
	if err != nil {
		return nil, err
	}
	if len(token) > tokenSpace {
		return nil, api.Errorf("PackedPolicyTooLarge", "The session token has %d bytes, which exceeds the maximum allowed size of %d bytes.", len(token), tokenSpace)
	}
	secret := s.keyring.SessionSecret(id)
	return &credentials{
		Credentials: &types.Credentials{
			AccessKeyId:     &id,
			SecretAccessKey: &secret,
			SessionToken:    &token,
			Expiration:      &session.Expires,
		},
		size:        int32(len(token)),
		utilization: int32(min(100, (len(token)*100+tokenSpace-1)/tokenSpace)),
	}, nil
}

// roleDuration returns how long a role's session lasts. A role's own limit is told
// only to those who may assume it, so this comes after authorization.
func roleDuration(requested *int32, role *identity.Role) (int32, error) {
	if requested == nil {
		return hour, nil
	}
	if *requested > max(role.MaxSessionDuration, hour) {
		return 0, api.Errorf("ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	return *requested, nil
}

// userDuration returns how long a session of GetSessionToken and GetFederationToken
// lasts: twelve hours if not told otherwise, and never more than one of the root user.
func userDuration(requested *int32, c api.Caller) int32 {
	seconds := int32(12 * hour)
	if requested != nil {
		seconds = *requested
	}
	if c.Kind == identity.Root {
		seconds = min(seconds, hour)
	}
	return seconds
}
