// Package containercreds is the container credentials endpoint: the local HTTP server from
// which AWS's SDKs in a container fetch the credentials of its role. One handler has both
// forms, which differ only in how the client knows the authorization token:
//
//   - Amazon ECS ("Task IAM role" in the ECS developer guide): the token is in
//     AWS_CONTAINER_AUTHORIZATION_TOKEN.
//   - Amazon EKS ("Learn how EKS Pod Identity grants pods access to AWS services" in the EKS
//     user guide): it is in the file that AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE names, which
//     SDKs read anew for each request.
//
// The address is in AWS_CONTAINER_CREDENTIALS_FULL_URI in both. SDKs take plain http there
// only from a loopback address and the two of ECS and EKS ("Container credential provider" in
// the AWS SDKs and tools reference guide).
package containercreds

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// Path is where the credentials are, as with the EKS Pod Identity agent.
const Path = "/v1/credentials"

// Config says whose credentials an endpoint gives to whom.
type Config struct {
	// Token is what clients send as Authorization, the whole header.
	Token string
	// Credentials makes credentials when they are needed.
	Credentials Source
	// RoleARN is told to clients, which do not use it.
	RoleARN string
	// Now tells the time by which credentials expire (default: time.Now).
	Now func() time.Time
	// Log gets the failures of Credentials (default: none).
	Log *slog.Logger
}

// Handler is the endpoint.
type Handler struct {
	token   [sha256.Size]byte
	roleARN string
	cache   *Cache
	log     *slog.Logger
}

// New returns the endpoint. A token must be given, and be one that a header can carry: who
// reaches the port must not by that have the credentials.
func New(c Config) (*Handler, error) {
	if c.Token == "" || strings.ContainsFunc(c.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("containercreds: the token must be of visible ASCII characters")
	}
	if c.Credentials == nil {
		return nil, errors.New("containercreds: no source of credentials")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Handler{
		token:   sha256.Sum256([]byte(c.Token)),
		roleARN: c.RoleARN,
		cache:   NewCache(c.Credentials, c.Now),
		log:     c.Log,
	}, nil
}

// answer has the members in the order of ECS, and AccountId, which EKS has too.
type answer struct {
	RoleArn         string `json:",omitempty"`
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string
	Token           string `json:",omitempty"`
	Expiration      string `json:",omitempty"`
	AccountID       string `json:"AccountId,omitempty"`
}

// refusal is the form of an error that SDKs read.
type refusal struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// The exact type without a charset: the Go SDK reads errors of no other as JSON.
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	switch {
	case !h.authorized(r):
		if r.Header.Get("Authorization") == "" {
			refuse(w, http.StatusUnauthorized, "Unauthorized", "The request has no authorization token")
			return
		}
		refuse(w, http.StatusForbidden, "AccessDenied", "The authorization token is not that of this endpoint")
	case r.URL.Path != Path:
		refuse(w, http.StatusNotFound, "NotFound", "Credentials are at "+Path)
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		refuse(w, http.StatusMethodNotAllowed, "MethodNotAllowed", "The method must be GET")
	default:
		h.serve(w, r)
	}
}

// authorized compares hashes, so that neither the content nor the length of the token is
// told by time.
func (h *Handler) authorized(r *http.Request) bool {
	sent := r.Header.Values("Authorization")
	if len(sent) != 1 {
		return false
	}
	sum := sha256.Sum256([]byte(sent[0]))
	return subtle.ConstantTimeCompare(sum[:], h.token[:]) == 1
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request) {
	creds, _, err := h.cache.Credentials(r.Context())
	if err != nil {
		h.log.Error("container credentials", "error", err)
		refuse(w, http.StatusInternalServerError, "CredentialsUnavailable", err.Error())
		return
	}
	a := answer{
		RoleArn:         h.roleARN,
		AccessKeyID:     creds.AccessKeyID,
		SecretAccessKey: creds.SecretAccessKey,
		Token:           creds.SessionToken,
		AccountID:       creds.AccountID,
	}
	if creds.CanExpire {
		a.Expiration = creds.Expires.UTC().Format(time.RFC3339)
	}
	write(w, http.StatusOK, a)
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	write(w, status, refusal{code, message})
}

func write(w http.ResponseWriter, status int, body any) {
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.Encode(body) // a failure is that of the connection
}
