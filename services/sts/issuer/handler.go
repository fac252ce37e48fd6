package issuer

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/mux"
)

// Path is where Handler answers.
const Path = "/_emulator/oidc"

// maxBody is far above any token that AWS would take, which has 20,000 characters at most.
const maxBody = 64 << 10

// Handler answers below Path:
//
//	GET  /                                            the alias table
//	GET  /{issuer}/.well-known/openid-configuration   OpenID Connect Discovery 1.0
//	GET  /{issuer}/.well-known/jwks.json              the keys
//	POST /{issuer}/token                              a token, by a JSON body
//	GET  /{issuer}/token                              a token, in the way of GitHub Actions
//	POST /{issuer}/rotate                             a new key
//
// admin lets pass who may mint tokens and rotate keys; the rest is for everybody.
func (p *Provider) Handler(admin func(http.Handler) http.Handler) http.Handler {
	r := mux.NewRouter().SkipClean(true).UseEncodedPath()
	guarded := func(h http.HandlerFunc) http.Handler { return admin(h) }
	r.HandleFunc(Path, p.serveIssuers).Methods(http.MethodGet)
	r.HandleFunc(Path+"/", p.serveIssuers).Methods(http.MethodGet)
	r.HandleFunc(Path+"/{issuer}/.well-known/openid-configuration", p.serveDiscovery).Methods(http.MethodGet)
	r.HandleFunc(Path+"/{issuer}/.well-known/jwks.json", p.serveKeys).Methods(http.MethodGet)
	r.Handle(Path+"/{issuer}/token", guarded(p.serveToken)).Methods(http.MethodPost)
	r.Handle(Path+"/{issuer}/token", guarded(p.serveActionsToken)).Methods(http.MethodGet)
	r.Handle(Path+"/{issuer}/rotate", guarded(p.serveRotate)).Methods(http.MethodPost)
	r.NotFoundHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusNotFound, "nothing here for "+r.Method+" "+r.URL.Path)
	})
	r.MethodNotAllowedHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusMethodNotAllowed, r.URL.Path+" does not take "+r.Method)
	})
	return r
}

func (p *Provider) serveIssuers(w http.ResponseWriter, r *http.Request) {
	type entry struct {
		Issuer
		Discovery string `json:"discovery"`
	}
	entries := make([]entry, len(p.issuers))
	for at, i := range p.issuers {
		entries[at] = entry{i, address(r, i) + "/.well-known/openid-configuration"}
	}
	answer(w, map[string]any{"issuers": entries})
}

// serveDiscovery names as issuer the one that the tokens name, and as the place of its keys
// this server under the address by which it was asked.
//
// https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata
func (p *Provider) serveDiscovery(w http.ResponseWriter, r *http.Request) {
	i, err := p.find(mux.Vars(r)["issuer"])
	if err != nil {
		fail(w, err)
		return
	}
	answer(w, map[string]any{
		"issuer":                                i.URL,
		"jwks_uri":                              address(r, i) + "/.well-known/jwks.json",
		"id_token_signing_alg_values_supported": Algorithms,
		"response_types_supported":              []string{"id_token"},
		"subject_types_supported":               []string{"public"},
		"scopes_supported":                      []string{"openid"},
		"claims_supported":                      claimNames(i, p.clock.Now()),
	})
}

// address is where an issuer is found on this server.
func address(r *http.Request, i Issuer) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host + Path + "/" + i.Name
}

func (p *Provider) serveKeys(w http.ResponseWriter, r *http.Request) {
	i, err := p.find(mux.Vars(r)["issuer"])
	if err != nil {
		fail(w, err)
		return
	}
	keySet, _, err := p.Keys(r.Context(), i.URL)
	if err != nil {
		fail(w, err)
		return
	}
	answer(w, json.RawMessage(keySet))
}

// TokenBody is the body of POST token. All of it can be left out; the fields are those of Request.
type TokenBody struct {
	Claims           map[string]any `json:"claims,omitempty"`
	Audience         string         `json:"audience,omitempty"`
	ExpiresIn        string         `json:"expiresIn,omitempty"` // 5m, or -1h for an expired token
	Algorithm        string         `json:"algorithm,omitempty"`
	ImmutableSubject bool           `json:"immutableSubject,omitempty"`
	SubjectClaims    []string       `json:"subjectClaims,omitempty"`
}

func (t *TokenBody) request(issuer string) (Request, error) {
	request := Request{
		Issuer: issuer, Claims: t.Claims, Audience: t.Audience, Algorithm: t.Algorithm,
		ImmutableSubject: t.ImmutableSubject, SubjectClaims: t.SubjectClaims,
	}
	if t.ExpiresIn != "" {
		d, err := time.ParseDuration(t.ExpiresIn)
		if err != nil {
			return Request{}, fmt.Errorf("%w: expiresIn: %w", ErrRequest, err)
		}
		if d == 0 {
			return Request{}, fmt.Errorf("%w: expiresIn: want a time to come, or a negative one", ErrRequest)
		}
		request.ExpiresIn = d
	}
	return request, nil
}

// serveToken mints a token of a TokenBody.
func (p *Provider) serveToken(w http.ResponseWriter, r *http.Request) {
	var body TokenBody
	if r.ContentLength != 0 {
		if err := decode(http.MaxBytesReader(w, r.Body, maxBody), &body); err != nil {
			status := http.StatusBadRequest
			if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
				status = http.StatusRequestEntityTooLarge
			}
			refuse(w, status, "body: "+err.Error())
			return
		}
	}
	request, err := body.request(mux.Vars(r)["issuer"])
	if err != nil {
		fail(w, err)
		return
	}
	token, claims, err := p.Mint(r.Context(), p.clock.Now(), request)
	if err != nil {
		fail(w, err)
		return
	}
	answer(w, map[string]any{"token": token, "claims": claims})
}

// serveActionsToken answers as the URL in ACTIONS_ID_TOKEN_REQUEST_URL, to which GitHub's toolkit appends
// &audience=…, and so do actions that are built with it. What the job is to be stands in that
// URL: …/token?claim=repository=org/app&claim=environment=prod.
//
// The toolkit sends the job's ACTIONS_ID_TOKEN_REQUEST_TOKEN, and won't ask without one. Here any
// will do, but one there must be: whatever can be made to fetch a URL on this machine
// would mint a token otherwise.
//
// https://docs.github.com/en/actions/reference/security/oidc#methods-for-requesting-the-oidc-token
func (p *Provider) serveActionsToken(w http.ResponseWriter, r *http.Request) {
	if scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " "); !strings.EqualFold(scheme, "Bearer") || token == "" {
		refuse(w, http.StatusForbidden, "GET needs an Authorization header, as GitHub's toolkit sends it: Bearer and any token. Or use POST.")
		return
	}
	var body TokenBody
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		refuse(w, http.StatusBadRequest, "query: "+err.Error())
		return
	}
	for name, values := range query {
		last := values[len(values)-1]
		switch name {
		case "api-version": // GitHub's URL has it
		case "audience":
			body.Audience = last
		case "claim":
			body.Claims, err = ParseClaims(values)
		case "expiresIn":
			body.ExpiresIn = last
		case "algorithm":
			body.Algorithm = last
		case "immutableSubject":
			if body.ImmutableSubject, err = strconv.ParseBool(last); err != nil {
				err = fmt.Errorf("%w: immutableSubject: want true or false", ErrRequest)
			}
		case "subjectClaims":
			body.SubjectClaims = strings.Split(last, ",")
		default:
			err = fmt.Errorf("%w: unknown parameter %s", ErrRequest, name)
		}
		if err != nil {
			fail(w, err)
			return
		}
	}
	request, err := body.request(mux.Vars(r)["issuer"])
	if err != nil {
		fail(w, err)
		return
	}
	request.ownersAudience = true
	token, _, err := p.Mint(r.Context(), p.clock.Now(), request)
	if err != nil {
		fail(w, err)
		return
	}
	answer(w, map[string]any{"value": token})
}

func (p *Provider) serveRotate(w http.ResponseWriter, r *http.Request) {
	kid, err := p.Rotate(r.Context(), p.clock.Now(), mux.Vars(r)["issuer"])
	if err != nil {
		fail(w, err)
		return
	}
	answer(w, map[string]any{"kid": kid})
}

func answer(w http.ResponseWriter, v any) { writeJSON(w, http.StatusOK, v) }

// fail tells what was wrong with the request, or that it was not the request.
func fail(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	switch {
	case errors.Is(err, ErrUnknownIssuer):
		status = http.StatusNotFound
	case errors.Is(err, ErrRequest):
		status = http.StatusBadRequest
	}
	refuse(w, status, err.Error())
}

// refuse writes the error as the admin API does, and again as message, which is what GitHub's
// toolkit shows.
func refuse(w http.ResponseWriter, status int, message string) {
	writeJSON(w, status, map[string]string{"error": message, "message": message})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store") // keys rotate, and tokens are secrets
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}
