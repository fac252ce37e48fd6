package signin_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	awssignin "github.com/aws/aws-sdk-go-v2/service/signin"
	"github.com/aws/aws-sdk-go-v2/service/signin/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/golang-jwt/jwt/v5"

	"emulator/authz"
	"emulator/emulatortest"
	"emulator/identity"
	"emulator/server"
	"emulator/services/signin"
	"emulator/store"
	"emulator/store/bolt"
)

const (
	sameDevice  = "arn:aws:signin:::devtools/same-device"
	crossDevice = "arn:aws:signin:::devtools/cross-device"
	callback    = "http://127.0.0.1:45678/oauth/callback"
	home        = "000000000000"
	// mayLogin is the managed policy SignInLocalDevelopmentAccess.
	mayLogin = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["signin:AuthorizeOAuth2Access","signin:CreateOAuth2Token"],"Resource":"arn:aws:signin:*:*:oauth2/public-client/*"}]}`
	// verifier is a PKCE code verifier, and challenge what a client sends of it.
	verifier = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"
)

// world is an emulator with the sign-in service at the same endpoint. The service has a database of its own, in which
// user and role put what they create in the emulator; credentials open with the master key that both have.
type world struct {
	*emulatortest.Emulator
	t       testing.TB
	url     string
	store   store.Store
	service *signin.Service
	keyring *identity.Keyring
	restart func()
	guarded bool // refuse what the guard sees
}

func newWorld(t testing.TB) *world {
	master := make([]byte, identity.MasterKeySize)
	rand.Read(master)
	w := &world{Emulator: emulatortest.Start(t, server.Config{MasterKey: hex.EncodeToString(master)}), t: t}
	db, err := bolt.Open(filepath.Join(t.TempDir(), "db"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	w.store = db
	w.restart = func() {
		w.keyring = must(identity.NewKeyring(master))(t)
		regions := must(identity.NewRegions(nil))(t)
		w.service = signin.New(signin.Config{
			Store: db, Authz: authz.New(w.Clock, w.keyring, authz.Enforce), Clock: w.Clock,
			Directory: &identity.Directory{Keyring: w.keyring}, Regions: regions, Log: slog.New(slog.DiscardHandler),
		})
	}
	w.restart()
	emulator, err := url.Parse(w.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(emulator)
		r.Out.Host = r.In.Host // it is signed
	}}
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		for _, path := range signin.Paths {
			if r.URL.Path == path {
				w.service.Handler(w.guard).ServeHTTP(rw, r)
				return
			}
		}
		proxy.ServeHTTP(rw, r)
	}))
	t.Cleanup(s.Close)
	w.url = s.URL
	return w
}

func (w *world) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if w.guarded {
			http.Error(rw, "guarded", http.StatusForbidden)
			return
		}
		next.ServeHTTP(rw, r)
	})
}

// config is that of a client with these credentials.
func (w *world) config(id, secret, token string) aws.Config {
	c := w.ConfigWith(id, secret, token, emulatortest.Region)
	c.BaseEndpoint = &w.url
	return c
}

func (w *world) save(key []byte, record any) {
	w.t.Helper()
	if err := w.store.Update(w.t.Context(), func(tx store.Tx) error { return store.Save(tx, key, record) }); err != nil {
		w.t.Fatal(err)
	}
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// user creates a user with a policy, and returns its record.
func (w *world) user(account, name, policy string) identity.User {
	w.t.Helper()
	client := iam.NewFromConfig(w.config(account, "test", ""))
	created := must(client.CreateUser(w.t.Context(), &iam.CreateUserInput{UserName: &name, Path: aws.String("/team/")}))(w.t).User
	must(client.PutUserPolicy(w.t.Context(), &iam.PutUserPolicyInput{UserName: &name, PolicyName: aws.String("p"), PolicyDocument: &policy}))(w.t)
	user := identity.User{Account: account, Partition: "aws", Name: name, ID: *created.UserId, Path: "/team/", Inline: map[string]string{"p": policy}}
	w.save(identity.UserKey(account, name), user)
	return user
}

// role creates a role with a policy, and returns its record.
func (w *world) role(account, name, policy string, maxSession int32) identity.Role {
	w.t.Helper()
	client := iam.NewFromConfig(w.config(account, "test", ""))
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + account + `"},"Action":"sts:AssumeRole"}]}`
	created := must(client.CreateRole(w.t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust, MaxSessionDuration: &maxSession}))(w.t).Role
	must(client.PutRolePolicy(w.t.Context(), &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("p"), PolicyDocument: &policy}))(w.t)
	role := identity.Role{Account: account, Partition: "aws", Name: name, ID: *created.RoleId, Path: "/", Trust: trust, MaxSessionDuration: maxSession, Inline: map[string]string{"p": policy}}
	w.save(identity.RoleKey(account, name), role)
	return role
}

func challenge() string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// parameters are those of a good authorize request, changed by pairs of names and values.
func parameters(client string, changes ...string) url.Values {
	q := url.Values{
		"response_type": {"code"}, "client_id": {client}, "state": {"state & 1"}, "code_challenge_method": {"SHA-256"},
		"scope": {"openid"}, "redirect_uri": {callback}, "code_challenge": {challenge()},
	}
	if client == crossDevice {
		q.Set("redirect_uri", "http://emulator:4566/v1/sessions/confirmation")
	}
	for i := 0; i < len(changes); i += 2 {
		q.Set(changes[i], changes[i+1])
		if changes[i+1] == "" {
			q.Del(changes[i])
		}
	}
	return q
}

// browser follows no redirects.
var browser = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// do sends a request, and returns the answer with its body.
func (w *world) do(method, path string, form url.Values, headers ...string) (*http.Response, string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
			continue
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := browser.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp, string(body)
}

var hidden = regexp.MustCompile(`name="request" value="([^"]*)"`)

// open opens the authorize page, and returns what its form carries.
func (w *world) open(q url.Values, headers ...string) string {
	w.t.Helper()
	resp, body := w.do(http.MethodGet, "/v1/authorize?"+q.Encode(), nil, headers...)
	m := hidden.FindStringSubmatch(body)
	if resp.StatusCode != http.StatusOK || m == nil {
		w.t.Fatalf("authorize: %s\n%s", resp.Status, body)
	}
	return html.UnescapeString(m[1])
}

// pick answers the page.
func (w *world) pick(form, who string, headers ...string) (*http.Response, string) {
	w.t.Helper()
	headers = append([]string{"Origin", w.url, "Sec-Fetch-Site", "same-origin"}, headers...)
	return w.do(http.MethodPost, "/v1/authorize", url.Values{"request": {form}, "principal": {who}, "other": {""}, "session": {"ann"}}, headers...)
}

// code signs somebody in and returns the authorization code.
func (w *world) code(who string) string {
	w.t.Helper()
	resp, body := w.pick(w.open(parameters(sameDevice)), who)
	location, err := resp.Location()
	if err != nil || resp.StatusCode != http.StatusSeeOther {
		w.t.Fatalf("sign-in: %s %v\n%s", resp.Status, err, body)
	}
	if !strings.HasPrefix(location.String(), callback+"?") || location.Query().Get("state") != "state & 1" {
		w.t.Fatalf("redirected to %s", location)
	}
	return location.Query().Get("code")
}

// device is a client with a DPoP key.
type device struct {
	*world
	key *ecdsa.PrivateKey
}

func (w *world) device() device {
	return device{w, must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(w.t)}
}

// proof makes a DPoP proof.
func (d device) proof(change func(header, claims map[string]any)) string {
	d.t.Helper()
	claims := jwt.MapClaims{"jti": rand.Text(), "htm": "POST", "htu": d.url + "/v1/token", "iat": time.Now().Unix()}
	token := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	token.Header["typ"] = "dpop+jwt"
	token.Header["jwk"] = d.jwk()
	if change != nil {
		change(token.Header, claims)
	}
	return must(token.SignedString(d.key))(d.t)
}

// create calls CreateOAuth2Token as the SDK does, with a proof.
func (d device) create(in types.CreateOAuth2TokenRequestBody) (*types.CreateOAuth2TokenResponseBody, error) {
	return d.createWith(d.proof(nil), in)
}

func (d device) createWith(proof string, in types.CreateOAuth2TokenRequestBody) (*types.CreateOAuth2TokenResponseBody, error) {
	if in.ClientId == nil {
		in.ClientId = aws.String(sameDevice)
	}
	client := awssignin.NewFromConfig(d.config("", "", ""), awssignin.WithAPIOptions(smithyhttp.AddHeaderValue("DPoP", proof)))
	out, err := client.CreateOAuth2Token(d.t.Context(), &awssignin.CreateOAuth2TokenInput{TokenInput: &in})
	if err != nil {
		return nil, err
	}
	return out.TokenOutput, nil
}

func redeeming(code string) types.CreateOAuth2TokenRequestBody {
	return types.CreateOAuth2TokenRequestBody{GrantType: aws.String("authorization_code"), Code: &code, RedirectUri: aws.String(callback), CodeVerifier: aws.String(verifier)}
}

func refreshing(token *string) types.CreateOAuth2TokenRequestBody {
	return types.CreateOAuth2TokenRequestBody{GrantType: aws.String("refresh_token"), RefreshToken: token}
}

// who asks STS who the credentials are of.
func (w *world) who(c *types.AccessToken) (string, error) {
	out, err := sts.NewFromConfig(w.config(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)).GetCallerIdentity(w.t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", err
	}
	return *out.Arn, nil
}

// post sends a body to the token endpoint as it is.
func (d device) post(path, contentType, body string, headers ...string) (*http.Response, map[string]string) {
	d.t.Helper()
	r := must(http.NewRequestWithContext(d.t.Context(), http.MethodPost, d.url+path, bytes.NewReader([]byte(body))))(d.t)
	r.Header.Set("Content-Type", contentType)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	resp := must(http.DefaultClient.Do(r))(d.t)
	defer resp.Body.Close()
	var answer map[string]string
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		d.t.Fatal(err)
	}
	return resp, answer
}

func (d device) jwk() map[string]any {
	point := must(d.key.PublicKey.Bytes())(d.t)
	encode := base64.RawURLEncoding.EncodeToString
	return map[string]any{"kty": "EC", "crv": "P-256", "x": encode(point[1:33]), "y": encode(point[33:])}
}
