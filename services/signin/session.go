package signin

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/store"
)

// How long things last
// (https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-sign-in.html).
const (
	accessTokenLife = 15 * time.Minute
	signInLife      = 12 * time.Hour
)

// The clients: the AWS CLI, with a browser on its own machine or on another one.
const (
	sameDevice  = "arn:aws:signin:::devtools/same-device"
	crossDevice = "arn:aws:signin:::devtools/cross-device"
)

// sessionKey is the global condition key that tells the credentials of a sign-in.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
const sessionKey = "aws:SignInSessionArn"

// signIn is somebody who signed in, until Ends.
type signIn struct {
	ID     string `json:"id"`
	Client string `json:"client"`
	Region string `json:"region"`
	// Kind is Root, User or AssumedRole; Name, UniqueID and SessionName are as in identity.Session.
	Kind        identity.Kind `json:"kind"`
	Account     string        `json:"account"`
	Name        string        `json:"name,omitempty"`
	UniqueID    string        `json:"uniqueId,omitempty"`
	SessionName string        `json:"sessionName,omitempty"`
	Ends        time.Time     `json:"ends"`
}

// begin is a sign-in of an account's root user, for the caller to say whose instead.
func (s *Service) begin(r store.Reader, c api.Caller, client, account string) *signIn {
	return &signIn{
		ID: uuid.NewString(), Client: client, Region: c.Region, Kind: identity.Root, Account: account, UniqueID: identity.AccountLife(r, account),
		Ends: c.Received.Truncate(time.Second).Add(signInLife),
	}
}

func (in *signIn) arn(resource string) string {
	return "arn:" + identity.Partition(in.Region) + ":signin:" + in.Region + ":" + in.Account + ":" + resource
}

// client is the ARN that policies name the client by
// (https://docs.aws.amazon.com/signin/latest/userguide/command-line-sign-in.html).
func (in *signIn) client() string {
	if in.Client == crossDevice {
		return in.arn("oauth2/public-client/remote")
	}
	return in.arn("oauth2/public-client/localhost")
}

// issued are credentials of a sign-in, and who they are of.
type issued struct {
	session   *identity.Session
	token     string
	principal identity.Principal
}

// issue makes credentials of a sign-in, if action is allowed to whom it is of. The error is identity.ErrToken if that
// user or role is gone.
func (s *Service) issue(r store.Reader, c api.Caller, in *signIn, action string) (*issued, error) {
	id, err := identity.NewAccessKeyID(identity.PrefixSessionKey, in.Account)
	if err != nil {
		return nil, err
	}
	session := &identity.Session{
		Kind: in.Kind, Account: in.Account, Name: in.Name, ID: in.UniqueID, SessionName: in.SessionName,
		AccessKeyID: id,
		Issued:      c.Received.Truncate(time.Second),
		Context:     map[string][]string{sessionKey: {in.arn("session/" + in.ID)}},
	}
	session.Expires = session.Issued.Add(accessTokenLife)
	if in.Ends.Before(session.Expires) {
		session.Expires = in.Ends
	}
	token, err := s.keyring.SealSession(session, 0)
	if err != nil {
		return nil, err
	}
	found, err := s.directory.Find(r, session.Issued, c.Partition, id, token)
	if err != nil {
		return nil, err
	}
	c.Principal = found.Principal
	if err := s.authz.Authorize(r, c, authz.Request{Action: action, Resource: in.client()}); err != nil {
		return nil, err
	}
	return &issued{session: session, token: token, principal: found.Principal}, nil
}

// endAfter ends a sign-in after so many seconds.
func (in *signIn) endAfter(c api.Caller, seconds int32) {
	in.Ends = c.Received.Truncate(time.Second).Add(time.Duration(seconds) * time.Second)
}

// Bindings keep what is sealed for one use from being taken for another.
const (
	formBinding    = "signin authorize form v1"
	refreshBinding = "signin refresh token v1"
	consoleBinding = "signin console token v1"
)

// seal returns v as a token that only open can read.
func (s *Service) seal(v any, binding string) (string, error) {
	plaintext, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("%s: %w", binding, err)
	}
	return base64.RawURLEncoding.EncodeToString(s.keyring.Seal(plaintext, binding)), nil
}

// open fails if the token was not sealed here for that use.
func (s *Service) open(token, binding string, v any) error {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil {
		return errors.Join(identity.ErrSealed, err)
	}
	plaintext, err := s.keyring.Open(sealed, binding)
	if err != nil {
		return err
	}
	return json.Unmarshal(plaintext, v)
}
