package server

import (
	"net/http"
	"strings"

	"github.com/gorilla/mux"

	"emulator/identity"
	"emulator/jwk"
	"emulator/store"
)

// outboundRoutes publish the keys that verify the tokens of GetWebIdentityToken, below
// our own endpoint and under the issuers' names at AWS.
func (s *Server) outboundRoutes(r *mux.Router) {
	for _, issuer := range []*mux.Router{
		r.PathPrefix("/_emulator/sts/{issuer}").Subrouter(),
		r.Host("{issuer}.tokens.sts.global.api.aws").Subrouter(),
	} {
		issuer.HandleFunc("/.well-known/openid-configuration", s.outboundDiscovery).Methods(http.MethodGet)
		issuer.HandleFunc("/.well-known/jwks.json", s.outboundKeys).Methods(http.MethodGet)
	}
}

// outboundIssuer answers 404 and nil if there is no such issuer. One that was disabled still
// answers: its tokens are good until they expire.
func (s *Server) outboundIssuer(w http.ResponseWriter, r *http.Request) *identity.OutboundIssuer {
	var issuer identity.OutboundIssuer
	var found bool
	id := mux.Vars(r)["issuer"]
	err := s.store.View(r.Context(), func(tx store.Reader) error {
		if strings.IndexByte(id, 0) >= 0 {
			return nil
		}
		account, ok, err := store.Load[string](tx, identity.OutboundAccountKey(id))
		if err != nil || !ok {
			return err
		}
		issuer, found, err = store.Load[identity.OutboundIssuer](tx, identity.OutboundIssuerKey(account))
		return err
	})
	switch {
	case err != nil:
		s.log.Error("outbound issuer", "issuer", id, "error", err)
		writeJSON(w, http.StatusInternalServerError, map[string]string{"error": "internal error"})
	case !found:
		writeJSON(w, http.StatusNotFound, map[string]string{"error": "no such issuer"})
	default:
		return &issuer
	}
	return nil
}

// outboundDiscovery follows https://openid.net/specs/openid-connect-discovery-1_0.html.
func (s *Server) outboundDiscovery(w http.ResponseWriter, r *http.Request) {
	if issuer := s.outboundIssuer(w, r); issuer != nil {
		writeJSON(w, http.StatusOK, map[string]any{
			"issuer": issuer.URL, "jwks_uri": issuer.URL + "/.well-known/jwks.json",
			"response_types_supported": []string{"id_token"}, "subject_types_supported": []string{"public"},
			"id_token_signing_alg_values_supported": []string{"RS256", "ES384"},
			"claims_supported":                      []string{"iss", "sub", "aud", "exp", "iat", "jti", "https://sts.amazonaws.com/"},
		})
	}
}

func (s *Server) outboundKeys(w http.ResponseWriter, r *http.Request) {
	if issuer := s.outboundIssuer(w, r); issuer != nil {
		keys := []jwk.Key{issuer.Keys["RS256"].Public, issuer.Keys["ES384"].Public}
		writeJSON(w, http.StatusOK, map[string]any{"keys": keys})
	}
}
