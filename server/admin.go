package server

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"emulator/api"
	"emulator/identity"
	"emulator/services/iam"
	"emulator/services/organizations"
	"emulator/store"
)

// adminRoutes is the admin API: what AWS has no operation for.
func (s *Server) adminRoutes(r *mux.Router) {
	r.Use(s.adminOnly)
	r.HandleFunc("/version", s.adminVersion).Methods(http.MethodGet)
	r.HandleFunc("/clock", s.adminClock).Methods(http.MethodGet)
	r.HandleFunc("/clock", s.adminMoveClock).Methods(http.MethodPost)
	r.HandleFunc("/clock", s.adminResetClock).Methods(http.MethodDelete)
	r.HandleFunc("/reset", s.adminReset).Methods(http.MethodPost)
	r.HandleFunc("/backup", s.adminBackup).Methods(http.MethodGet)
	r.HandleFunc("/check", s.adminCheck).Methods(http.MethodGet)
	r.HandleFunc("/delegation-requests/{id}", s.adminDelegation).Methods(http.MethodGet)
	r.HandleFunc("/access-tokens", s.adminAccessToken).Methods(http.MethodPost)
	r.HandleFunc("/accounts/{account}/facts", s.adminFacts).Methods(http.MethodGet, http.MethodPut)
	r.HandleFunc("/mfa-devices", s.adminMFADevice).Methods(http.MethodPost)
	r.HandleFunc("/cloudhsm/activate", s.adminActivateCluster).Methods(http.MethodPost)
	r.HandleFunc("/cloudhsm/degrade", s.adminDegradeHSM).Methods(http.MethodPost)
	r.HandleFunc("/saml/metadata", s.samlMetadata).Methods(http.MethodGet)
	r.HandleFunc("/saml/response", s.samlRespond).Methods(http.MethodPost)
	r.HandleFunc("/attestation-document", s.adminAttest).Methods(http.MethodPost)
	r.HandleFunc("/explain", s.adminExplain).Methods(http.MethodPost)
	r.HandleFunc("/events", s.adminEvents).Methods(http.MethodGet)
	r.HandleFunc("/decisions", s.adminDecisions).Methods(http.MethodGet)
	r.HandleFunc("/decisions/{requestID}", s.adminDecision).Methods(http.MethodGet)
	r.NotFoundHandler = s.adminOnly(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		adminError(w, http.StatusNotFound, "nothing here for "+r.Method+" "+r.URL.Path)
	}))
}

// adminOnly lets in who knows the admin token, and without one only callers on this
// machine that name it by a loopback address. A web page is kept out also if its origin may
// call AWS's operations.
func (s *Server) adminOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// GitHub's toolkit sends a bearer token to the place where it gets ID tokens, also if none is asked for.
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		given := s.config.AdminToken != "" && strings.EqualFold(scheme, "Bearer")
		switch {
		case given && subtle.ConstantTimeCompare([]byte(token), []byte(s.config.AdminToken)) == 1:
		case given:
			adminError(w, http.StatusForbidden, "the admin token is wrong")
			return
		case !sourceIP(r).IsLoopback() || forwarded(r):
			adminError(w, http.StatusForbidden, "the admin API answers callers on this machine only, not those behind a proxy, or with the admin token")
			return
		case !loopbackHost(r.Host) || fromOtherOrigin(r):
			adminError(w, http.StatusForbidden, "the admin API does not answer pages of another origin")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// adminFailure answers an error that is ours.
func (s *Server) adminFailure(w http.ResponseWriter, r *http.Request, err error) {
	s.log.Error("admin", "path", r.URL.Path, "error", err)
	adminError(w, http.StatusInternalServerError, err.Error())
}

func adminError(w http.ResponseWriter, status int, message string) {
	writeJSON(w, status, map[string]string{"error": message})
}

func (s *Server) adminVersion(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"version": s.config.Version, "coverage": s.Coverage()})
}

type clockState struct {
	Now           time.Time `json:"now"`
	OffsetSeconds float64   `json:"offsetSeconds"`
	Frozen        bool      `json:"frozen"`
}

func (s *Server) adminClock(w http.ResponseWriter, _ *http.Request) {
	offset, frozen := s.clock.Offset()
	writeJSON(w, http.StatusOK, clockState{s.clock.Now(), offset.Seconds(), frozen})
}

// The emulated time has bounds, so that whatever is counted from it can be stored, and shown, too.
var (
	earliestClock = time.Unix(0, 0)
	latestClock   = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

// adminMoveClock takes {"set": RFC 3339 time, "freeze": true} or {"advance": "36h"}.
func (s *Server) adminMoveClock(w http.ResponseWriter, r *http.Request) {
	var move struct {
		Set     *time.Time `json:"set"`
		Freeze  bool       `json:"freeze"`
		Advance string     `json:"advance"`
	}
	if err := decodeAdmin(w, r, &move); err != nil {
		adminError(w, http.StatusBadRequest, err.Error())
		return
	}
	to := s.clock.Now()
	if d, err := time.ParseDuration(move.Advance); move.Set != nil {
		to = *move.Set
	} else if err == nil {
		to = to.Add(d)
	}
	switch {
	case to.Before(earliestClock) || !to.Before(latestClock):
		adminError(w, http.StatusBadRequest, "the clock goes from 1970 to 2199")
		return
	case move.Set != nil && move.Advance == "" && move.Freeze:
		s.clock.Freeze(*move.Set)
	case move.Set != nil && move.Advance == "":
		s.clock.Set(*move.Set)
	case move.Set == nil && move.Advance != "" && !move.Freeze:
		d, err := time.ParseDuration(move.Advance)
		if err != nil {
			adminError(w, http.StatusBadRequest, err.Error())
			return
		}
		s.clock.Advance(d)
	default:
		adminError(w, http.StatusBadRequest, `give either "set" (and "freeze") or "advance"`)
		return
	}
	s.adminClock(w, r)
}

func (s *Server) adminResetClock(w http.ResponseWriter, r *http.Request) {
	s.clock.Reset()
	s.adminClock(w, r)
}

// adminReset deletes everything, or with {"account": "111111111111"} what belongs
// to that account.
func (s *Server) adminReset(w http.ResponseWriter, r *http.Request) {
	var reset struct {
		Account string `json:"account"`
	}
	if err := decodeAdmin(w, r, &reset); err != nil {
		adminError(w, http.StatusBadRequest, err.Error())
		return
	}
	if reset.Account != "" && !identity.IsAccountID(reset.Account) {
		adminError(w, http.StatusBadRequest, "account: want twelve digits")
		return
	}
	var deleted int
	err := s.store.Update(r.Context(), func(tx store.Tx) error {
		shared, err := sharedBy(tx, reset.Account)
		if err != nil {
			return err
		}
		var doomed [][]byte
		for key, value := range tx.Scan(nil, nil) {
			if string(key) != string(masterKeyCheck) && (reset.Account == "" || belongsTo(tx, reset.Account, shared, key, value)) {
				doomed = append(doomed, append([]byte(nil), key...))
			}
		}
		for _, key := range doomed {
			if err := tx.Delete(key); err != nil {
				return err
			}
		}
		deleted = len(doomed)
		return errors.Join(identity.EndAccountLife(tx, reset.Account), s.beginTracking(tx))
	})
	if err != nil {
		s.adminFailure(w, r, err)
		return
	}
	s.lastUse.Forget(reset.Account)
	writeJSON(w, http.StatusOK, map[string]int{"deleted": deleted})
}

// sharedBy returns the IDs of what an account has together with others and what goes with it:
// the organizations that it manages, and the delegation requests in which it has a part.
func sharedBy(r store.Reader, account string) (map[string]bool, error) {
	ids := make(map[string]bool)
	for key := range r.Scan(store.Key("organizations"), nil) {
		o, _, err := store.Load[identity.Organization](r, key)
		if err != nil {
			return nil, err
		}
		ids[o.ID] = o.Management == account
	}
	for key := range r.Scan(store.Key("delegation-request"), nil) {
		d, _, err := store.Load[identity.DelegationRequest](r, key)
		if err != nil {
			return nil, err
		}
		ids[d.ID] = d.Requestor == account || d.OwnerAccount == account
	}
	return ids, nil
}

// belongsTo tells the account of a record by its key: either its second part is
// the account, or it is one of those that are found without knowing the account.
func belongsTo(r store.Reader, account string, shared map[string]bool, key, value []byte) bool {
	parts := store.Parts(key)
	if len(parts) < 2 {
		return false
	}
	ours := func(id string) bool { return id == account || shared[id] }
	switch parts[0] {
	case "access-key":
		owner, _ := identity.AccountOf(parts[1])
		return owner == account
	case "unique-id":
		return strings.Contains(string(value), ":"+account+":")
	case "last-used": // of an account, of an access key, of a KMS key by its ARN, or of a user or role by its unique ID
		owner, _ := identity.AccountOf(parts[1])
		return owner == account || parts[1] == account || parts[1] == identity.RootKeyUse(account) || strings.Contains(parts[1]+string(r.Get(identity.UniqueIDKey(parts[1]))), ":"+account+":")
	case "account-email":
		return string(value) == account
	case "handshake-received": // what was sent is the sender's
		return shared[string(value)]
	case "outbound-issuer", "signin-code":
		return strings.Contains(string(value), `"`+account+`"`)
	case "tag", "tagged": // also of an account as its organization has it
		return parts[1] == account || strings.HasSuffix(parts[len(parts)-1], "/"+account) && strings.Contains(parts[len(parts)-1], ":organizations:")
	case "organization-member":
		m, err := identity.LoadMember(r, parts[1])
		return err == nil && m != nil && (m.Account == account || shared[m.Organization])
	case "delegation-workflow":
		return parts[1] == account || shared[string(value)]
	case "organizations", "organizations-create-account", "delegation-request", "delegation-owned", "organization-account", "in-organization", "kms-deletion", "cloudhsm-shared":
		return slices.ContainsFunc(parts[1:], ours)
	default:
		return parts[1] == account
	}
}

// adminAccessToken makes an access token in place of Login with Amazon or Facebook, of
// {"provider", "app", "user", "expiresIn"}.
func (s *Server) adminAccessToken(w http.ResponseWriter, r *http.Request) {
	request := struct {
		Provider  string `json:"provider"`
		App       string `json:"app"`
		User      string `json:"user"`
		ExpiresIn string `json:"expiresIn"`
	}{ExpiresIn: "1h"}
	if err := decodeAdmin(w, r, &request); err != nil {
		adminError(w, http.StatusBadRequest, err.Error())
		return
	}
	lifetime, err := time.ParseDuration(request.ExpiresIn)
	switch _, known := identity.AccessTokenProviders[request.Provider]; {
	case !known:
		adminError(w, http.StatusBadRequest, "provider: want www.amazon.com or graph.facebook.com")
		return
	case request.App == "" || request.User == "":
		adminError(w, http.StatusBadRequest, "app and user are the IDs of an app and of a user at the provider")
		return
	case err != nil:
		adminError(w, http.StatusBadRequest, "expiresIn: "+err.Error())
		return
	}
	token, err := s.directory.Keyring.SealAccessToken(&identity.AccessToken{
		Provider: request.Provider, App: request.App, User: request.User, Expires: s.clock.Now().Add(lifetime),
	})
	if err != nil {
		s.adminFailure(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"token": token})
}

// adminMFADevice registers a hardware token or a FIDO security key, of an iam.NewMFADevice, and answers its serial number and
// the seed of its codes.
func (s *Server) adminMFADevice(w http.ResponseWriter, r *http.Request) {
	var device iam.NewMFADevice
	if err := decodeAdmin(w, r, &device); err != nil {
		adminError(w, http.StatusBadRequest, err.Error())
		return
	}
	made, err := s.iam.RegisterMFADevice(r.Context(), device)
	if e, ok := errors.AsType[*api.Error](err); ok {
		adminError(w, http.StatusBadRequest, e.Message)
		return
	}
	if err != nil {
		s.adminFailure(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, made)
}

// adminFacts answers what holds of an account outside of AWS's API, organizations.Facts, and replaces it.
func (s *Server) adminFacts(w http.ResponseWriter, r *http.Request) {
	account := mux.Vars(r)["account"]
	if !identity.IsAccountID(account) {
		adminError(w, http.StatusBadRequest, "account: want twelve digits")
		return
	}
	if r.Method == http.MethodPut {
		facts := &organizations.Facts{}
		err := decodeAdmin(w, r, facts)
		if err == nil {
			err = s.organizations.SetFacts(r.Context(), account, facts)
		}
		if e, ok := errors.AsType[*api.Error](err); ok {
			err = errors.New(e.Message)
		}
		if err != nil {
			adminError(w, http.StatusBadRequest, err.Error())
			return
		}
	}
	facts, err := s.organizations.Facts(r.Context(), account)
	if err != nil {
		s.adminFailure(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, facts)
}

// adminDelegation answers what SendDelegationToken sent to a request's notification channel:
// there is no SNS here.
func (s *Server) adminDelegation(w http.ResponseWriter, r *http.Request) {
	id := mux.Vars(r)["id"]
	var request identity.DelegationRequest
	var ok bool
	err := s.store.View(r.Context(), func(tx store.Reader) (err error) {
		if strings.IndexByte(id, 0) < 0 {
			request, ok, err = store.Load[identity.DelegationRequest](tx, identity.DelegationRequestKey(id))
		}
		return err
	})
	switch {
	case err != nil:
		s.adminFailure(w, r, err)
	case !ok || request.State != identity.DelegationFinalized:
		adminError(w, http.StatusNotFound, "no token was sent for delegation request "+id)
	default:
		writeJSON(w, http.StatusOK, map[string]string{"notificationChannel": request.Channel, "tradeInToken": s.directory.Keyring.SealTradeIn(id)})
	}
}

// decodeAdmin reads a JSON body strictly: what is not known is an error. An empty
// body is an empty object.
func decodeAdmin(w http.ResponseWriter, r *http.Request, v any) error {
	if r.ContentLength == 0 {
		return nil
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("body: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("body: more than one JSON value")
	}
	return nil
}
