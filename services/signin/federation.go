package signin

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"emulator/api"
	"emulator/identity"
	"emulator/store"
)

// How long a link to the console is good, and a session that one begins.
const (
	consoleLinkLife = 15 * time.Minute
	minConsole      = 900
	maxConsole      = 43200
)

// consoleToken is what a SigninToken seals: the session token that it was made of, and
// when. Seconds is how long the console session lasts; 0: as long as the credentials.
type consoleToken struct {
	SessionToken string    `json:"sessionToken"`
	Made         time.Time `json:"made"`
	Seconds      int       `json:"seconds,omitempty"`
}

// errCredentials is AWS's error, whatever is wrong with the credentials.
var errCredentials = badRequest("Invalid credentials parameter")

// serveFederation answers the federation endpoint, whose parameters come in the query or in a form.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_enable-console-custom-url.html
func (s *Service) serveFederation(w http.ResponseWriter, r *http.Request, c api.Caller) (*answer, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		return nil, badRequest("The parameters can't be read.")
	}
	switch r.Form.Get("Action") {
	case "getSigninToken":
		token, err := s.signinToken(r.Context(), c, r.Form)
		if err != nil {
			return nil, err
		}
		return &answer{status: http.StatusOK, json: map[string]string{"SigninToken": token}}, nil
	case "login":
		data, err := s.consoleLogin(r.Context(), c, r.Form)
		if err != nil {
			return nil, err
		}
		return &answer{status: http.StatusOK, page: consolePage(data)}, nil
	case "logout":
		return &answer{status: http.StatusOK, page: messagePage("Signed out", "The emulator has no console, and so nobody was signed in to it.")}, nil
	}
	return nil, badRequest("Invalid Action parameter")
}

// consoleSession is the Session parameter.
type consoleSession struct {
	ID    string `json:"sessionId"`
	Key   string `json:"sessionKey"`
	Token string `json:"sessionToken"`
}

func parseSession(text string) (*consoleSession, error) {
	var session consoleSession
	if err := json.Unmarshal([]byte(text), &session); err != nil || session.ID == "" || session.Key == "" || session.Token == "" {
		return nil, errCredentials
	}
	return &session, nil
}

// signinToken makes a token of credentials of a role's session or of a federated user.
func (s *Service) signinToken(ctx context.Context, c api.Caller, form url.Values) (string, error) {
	session, err := parseSession(form.Get("Session"))
	if err != nil {
		return "", err
	}
	credential, err := s.find(ctx, c, c.Received, session.ID, session.Token)
	if err != nil {
		return "", err
	}
	p := credential.Principal
	if subtle.ConstantTimeCompare([]byte(credential.Secret), []byte(session.Key)) != 1 || p.Kind != identity.AssumedRole && p.Kind != identity.FederatedUser {
		return "", errCredentials
	}
	token := consoleToken{SessionToken: session.Token, Made: c.Received}
	if form.Has("SessionDuration") {
		if p.Kind == identity.FederatedUser || p.Session.Chained {
			return "", errCredentials // those sessions last as long as their credentials
		}
		if token.Seconds, err = strconv.Atoi(form.Get("SessionDuration")); err != nil || token.Seconds < minConsole || token.Seconds > maxConsole {
			return "", badRequest("Invalid SessionDuration parameter")
		}
	}
	return s.seal(token, consoleBinding)
}

// find returns whose credentials those are, at a time when they must not have expired.
func (s *Service) find(ctx context.Context, c api.Caller, at time.Time, accessKeyID, token string) (identity.Credential, error) {
	var credential identity.Credential
	err := s.store.View(ctx, func(r store.Reader) (err error) {
		credential, err = s.directory.Find(r, at, c.Partition, accessKeyID, token)
		return err
	})
	if errors.Is(err, identity.ErrUnknownKey) || errors.Is(err, identity.ErrToken) || errors.Is(err, identity.ErrExpired) || errors.Is(err, identity.ErrUnusable) {
		return credential, errCredentials
	}
	return credential, err
}

// consoleLogin tells who a token signs in, and until when.
func (s *Service) consoleLogin(ctx context.Context, c api.Caller, form url.Values) (*consoleData, error) {
	var token consoleToken
	if err := s.open(form.Get("SigninToken"), consoleBinding, &token); err != nil || !c.Received.Before(token.Made.Add(consoleLinkLife)) {
		return nil, badRequest("Invalid SigninToken parameter")
	}
	destination := form.Get("Destination")
	if destination == "" {
		return nil, badRequest("Invalid Destination parameter")
	}
	session, err := s.keyring.OpenSession(token.SessionToken)
	if err != nil {
		return nil, err
	}
	until := session.Expires
	if token.Seconds != 0 {
		until = c.Received.Add(time.Duration(token.Seconds) * time.Second)
	}
	if !c.Received.Before(until) {
		return nil, errCredentials
	}
	// A console session may outlast the credentials that it began with, but not the user or role behind them.
	credential, err := s.find(ctx, c, token.Made, session.AccessKeyID, token.SessionToken)
	if err != nil {
		return nil, err
	}
	return &consoleData{
		ARN: credential.Principal.ARN, Account: credential.Principal.Account, Until: until,
		Issuer: form.Get("Issuer"), Destination: destination, Console: isConsole(destination),
	}, nil
}

// consoles are the hosts of AWS's consoles, by partition.
var consoles = []string{"console.aws.amazon.com", "console.amazonaws.cn", "console.amazonaws-us-gov.com", "console.amazonaws.eu"}

// isConsole reports whether a URL is of AWS's console.
func isConsole(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https" && u.User == nil && slices.ContainsFunc(consoles, func(host string) bool {
		return u.Host == host || strings.HasSuffix(u.Host, "."+host)
	})
}
