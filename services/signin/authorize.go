package signin

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"emulator/api"
	"emulator/identity"
	"emulator/policy"
	"emulator/store"
)

// codeLife is how long an authorization code is good, and how long the form is: enough to carry a code by hand to
// another machine. It is the most that RFC 6749 allows.
const codeLife = 10 * time.Minute

const (
	maxRedirect = 2048
	maxState    = 512
)

// request is what a client asks of the authorize page. The form carries it sealed, which tells the form from
// any that another site could make.
type request struct {
	Client    string    `json:"client"`
	Redirect  string    `json:"redirect"`
	State     string    `json:"state"`
	Challenge string    `json:"challenge"`
	Expires   time.Time `json:"expires"`
}

// authorization is what an authorization code stands for. It is deleted when the code is used.
type authorization struct {
	SignIn    signIn    `json:"signIn"`
	Redirect  string    `json:"redirect"`
	Challenge string    `json:"challenge"`
	Expires   time.Time `json:"expires"`
}

var codesPrefix = store.Key("signin-code")

// codeKey holds no code: who reads the database can't use one.
func codeKey(code string) []byte {
	sum := sha256.Sum256([]byte(code))
	return store.Key("signin-code", base64.RawURLEncoding.EncodeToString(sum[:]))
}

var challenge = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// parseRequest takes the parameters of AuthorizeOAuth2Access. An error is told to the person at the browser: a client
// that asks wrongly is not sent anywhere.
//
// https://docs.aws.amazon.com/signin/latest/APIReference/API_dataplane-signin_AuthorizeOAuth2Access.html
func parseRequest(query url.Values) (*request, error) {
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if len(query[name]) > 1 {
			return nil, badRequest("The parameter " + name + " is given more than once.")
		}
	}
	q := &request{
		Client:    query.Get("client_id"),
		Redirect:  query.Get("redirect_uri"),
		State:     query.Get("state"),
		Challenge: query.Get("code_challenge"),
	}
	switch {
	case q.Client != sameDevice && q.Client != crossDevice:
		return nil, badRequest("client_id is neither " + sameDevice + " nor " + crossDevice + ".")
	case !q.redirectFits():
		return nil, badRequest("redirect_uri is not one of the client: http://127.0.0.1:PORT/oauth/callback, or of a sign-in from another device that ends in " + confirmationPath + ".")
	case query.Get("response_type") != "code":
		return nil, badRequest("response_type must be code.")
	case query.Get("code_challenge_method") != "SHA-256":
		return nil, badRequest("code_challenge_method must be SHA-256.")
	case !challenge.MatchString(q.Challenge):
		return nil, badRequest("code_challenge is not a SHA-256 in base64url.")
	case !slices.Contains(strings.Fields(query.Get("scope")), "openid"):
		return nil, badRequest("scope must have openid.")
	case q.State == "" || len(q.State) > maxState:
		return nil, badRequest("state is required, of at most " + strconv.Itoa(maxState) + " characters.")
	}
	return q, nil
}

// redirectFits reports whether the client may ask for its redirect URI. On the same device that is the loopback listener
// of the CLI. From another one it is a page of AWS's console; nobody is sent there, so whose host it names does not matter.
func (q *request) redirectFits() bool {
	u, err := url.Parse(q.Redirect)
	if err != nil || len(q.Redirect) > maxRedirect || u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(q.Redirect, "#") {
		return false
	}
	if q.Client == crossDevice {
		return (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.EscapedPath() == confirmationPath
	}
	return u.Scheme == "http" && u.EscapedPath() == "/oauth/callback" && loopback(u)
}

// loopback reports whether a URL is of this machine, and its port a number.
func loopback(u *url.URL) bool {
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return false
		}
	} else if strings.HasSuffix(u.Host, ":") {
		return false
	}
	if u.Hostname() == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(u.Hostname())
	return err == nil && addr.Zone() == "" && addr.IsLoopback()
}

// callback is the redirect URI with the answer.
func (q *request) callback(answer ...string) string {
	values := url.Values{"state": {q.State}}
	for i := 0; i < len(answer); i += 2 {
		values.Set(answer[i], answer[i+1])
	}
	return q.Redirect + "?" + values.Encode()
}

// showAuthorize asks who signs in.
func (s *Service) showAuthorize(_ http.ResponseWriter, r *http.Request, c api.Caller) (*answer, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badRequest("The query string can't be parsed.")
	}
	q, err := parseRequest(query)
	if err != nil {
		return nil, err
	}
	q.Expires = c.Received.Add(codeLife)
	return s.form(r, http.StatusOK, q, "")
}

// form is the page that asks, with what went wrong the last time.
func (s *Service) form(r *http.Request, status int, q *request, problem string) (*answer, error) {
	sealed, err := s.seal(q, formBinding)
	if err != nil {
		return nil, err
	}
	data := formData{Request: sealed, Problem: problem, Remote: q.Client == crossDevice, Redirect: q.Redirect}
	err = s.store.View(r.Context(), func(tx store.Reader) (err error) {
		data.Accounts, data.More, err = principals(tx)
		return err
	})
	return &answer{status: status, page: authorizePage(data), formAction: q.origin()}, err
}

// origin is where the form may lead to besides here: browsers hold a redirect that answers a form to the policy of the page.
func (q *request) origin() string {
	if q.Client == crossDevice {
		return ""
	}
	u, err := url.Parse(q.Redirect)
	if err != nil { // it was parsed before
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// postAuthorize signs in whom the form names, and hands the client a code.
func (s *Service) postAuthorize(w http.ResponseWriter, r *http.Request, c api.Caller) (*answer, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		return nil, badRequest("The form can't be read.")
	}
	var q request
	if err := s.open(r.PostForm.Get("request"), formBinding, &q); err != nil || !c.Received.Before(q.Expires) {
		return nil, badRequest("The form is too old, or not of this emulator. Start again with aws login.")
	}
	if r.PostForm.Has("cancel") {
		if q.Client == sameDevice {
			return &answer{status: http.StatusSeeOther, location: q.callback("error", "access_denied")}, nil
		}
		return &answer{status: http.StatusOK, page: messagePage("Cancelled", "Nobody was signed in. You can close this page.")}, nil
	}
	who := r.PostForm.Get("other")
	if who == "" {
		who = r.PostForm.Get("principal")
	}
	code := rand.Text() + rand.Text()
	password := r.PostForm.Get("password")
	var in *signIn
	var profile *identity.LoginProfile
	var salt []byte
	err := store.Make(r.Context(), s.store, func(tx store.Reader) (err error) {
		if in, err = s.choose(tx, c, q.Client, strings.TrimSpace(who), r.PostForm.Get("session")); err != nil {
			return err
		}
		if _, err := s.issue(tx, c, in, "signin:AuthorizeOAuth2Access"); err != nil {
			return err
		}
		profile, err = loginProfile(tx, in)
		return err
	}, func() ([]byte, error) {
		if profile == nil {
			return nil, nil
		}
		salt = profile.Salt
		return s.keyring.HashPassword(password, salt), nil
	}, func(tx store.Tx, hash []byte) error {
		if profile != nil {
			if !bytes.Equal(salt, profile.Salt) || !profile.Matches(hash) {
				return api.Errorf("AccessDenied", "The password is not the user's.")
			}
			if err := s.usePassword(tx, c, in, profile); err != nil {
				return err
			}
		}
		if err := forgetCodes(tx, c.Received); err != nil {
			return err
		}
		return store.Save(tx, codeKey(code), authorization{*in, q.Redirect, q.Challenge, c.Received.Add(codeLife)})
	})
	if e, ok := errors.AsType[*api.Error](err); ok {
		status := http.StatusBadRequest
		if e.Code == "AccessDenied" {
			status = http.StatusForbidden
		}
		page, formErr := s.form(r, status, &q, e.Message)
		if formErr != nil {
			return nil, formErr
		}
		page.refused = err
		return page, nil
	}
	if err != nil {
		return nil, err
	}
	if q.Client == sameDevice {
		return &answer{status: http.StatusSeeOther, location: q.callback("code", code)}, nil
	}
	return &answer{status: http.StatusOK, page: codePage(verificationCode(q.State, code))}, nil
}

// loginProfile returns the login profile of whom somebody signs in as, or nil if it is not a user that has a password.
func loginProfile(r store.Reader, in *signIn) (*identity.LoginProfile, error) {
	if in.Kind != identity.UserKind {
		return nil, nil
	}
	p, ok, err := store.Load[identity.LoginProfile](r, identity.LoginProfileKey(in.Account, in.UniqueID))
	if err != nil || !ok || p.Hash == nil {
		return nil, err
	}
	return &p, nil
}

// usePassword notes that a user signs in with its password, unless that has to be changed first. AWS's page asks for a new one;
// here the operations of IAM are the way to it.
func (s *Service) usePassword(tx store.Tx, c api.Caller, in *signIn, p *identity.LoginProfile) error {
	rules, err := identity.LoadPasswordPolicy(tx, in.Account)
	switch {
	case err != nil:
		return err
	case p.ResetRequired:
		return api.Errorf("AccessDenied", "The password has to be changed first, by aws iam change-password.")
	case rules.Expired(p, c.Received):
		return api.Errorf("AccessDenied", "The password has expired. It is changed by aws iam change-password, or update-login-profile.")
	}
	user, ok, err := identity.LoadUser(tx, in.Account, in.Name)
	if err != nil || !ok { // choose has found it
		return err
	}
	user.PasswordLastUsed = c.Received.Truncate(time.Second)
	return store.Save(tx, identity.UserKey(in.Account, in.Name), user)
}

// verificationCode is what a person carries from the browser to the CLI on another device.
func verificationCode(state, code string) string {
	return base64.StdEncoding.EncodeToString([]byte(url.Values{"state": {state}, "code": {code}}.Encode()))
}

// forgetCodes deletes the codes that nobody used in time.
func forgetCodes(tx store.Tx, now time.Time) error {
	var expired [][]byte
	for key := range tx.Scan(codesPrefix, nil) {
		a, _, err := store.Load[authorization](tx, key)
		if err != nil {
			return err
		}
		if !now.Before(a.Expires) {
			expired = append(expired, slices.Clone(key))
		}
	}
	for _, key := range expired {
		if err := tx.Delete(key); err != nil {
			return err
		}
	}
	return nil
}

// choose finds whom the form names: by ARN, or an account's root user by its number.
func (s *Service) choose(r store.Reader, c api.Caller, client, who, sessionName string) (*signIn, error) {
	if identity.IsAccountID(who) {
		return s.begin(r, c, client, who), nil
	}
	unknown := api.Errorf("NoSuchEntity", "There is no user, role or root user %q.", who)
	if strings.IndexByte(who, 0) >= 0 {
		return nil, unknown
	}
	arn, ok := policy.ParseARN(who)
	if !ok || arn.Service != "iam" || arn.Region != "" || !identity.IsAccountID(arn.Account) {
		return nil, unknown
	}
	account, resource := arn.Account, arn.Resource
	in := s.begin(r, c, client, account)
	kind, name, _ := strings.Cut(resource, "/")
	name = name[strings.LastIndexByte(name, '/')+1:]
	switch {
	case resource == "root":
		return in, nil
	case kind == "user":
		user, ok, err := identity.LoadUser(r, account, name)
		if err != nil {
			return nil, err
		}
		if !ok || user.ARN() != who {
			return nil, unknown
		}
		in.Kind, in.Name, in.UniqueID = identity.UserKind, user.Name, user.ID
		profile, _, err := store.Load[identity.LoginProfile](r, identity.LoginProfileKey(account, user.ID))
		if seconds := profile.MaxSigninSessionDuration; seconds != 0 {
			in.endAfter(c, seconds)
		}
		return in, err
	case kind == "role":
		role, ok, err := identity.LoadRole(r, account, name)
		if err != nil {
			return nil, err
		}
		if !ok || role.ARN() != who || role.ServiceLinked() {
			return nil, unknown
		}
		if !sessionNames.MatchString(sessionName) {
			return nil, api.Errorf("ValidationError", "The name of a role's session has 2 to 64 letters, digits and characters of _=,.@+-.")
		}
		in.Kind, in.Name, in.UniqueID, in.SessionName = identity.AssumedRole, role.Name, role.ID, sessionName
		// A sign-in as a role lasts as long as its sessions may, if there is no setting of its own.
		in.endAfter(c, cmp.Or(role.MaxSigninSessionDuration, max(role.MaxSessionDuration, 3600)))
		return in, nil
	}
	return nil, unknown
}

// sessionNames are those that AssumeRole takes
// (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html).
var sessionNames = regexp.MustCompile(`^[A-Za-z0-9_=,.@+-]{2,64}$`)
