package server

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/gorilla/mux"

	"emulator/services/signin"
	"emulator/services/sts/issuer"
	"emulator/store"
)

// routes builds the handler. Paths are not cleaned: a redirect would break the
// signature of a request to "//".
func (s *Server) routes() http.Handler {
	r := mux.NewRouter().SkipClean(true).UseEncodedPath()
	r.HandleFunc("/healthz", s.health).Methods(http.MethodGet, http.MethodHead)
	r.HandleFunc("/readyz", s.ready).Methods(http.MethodGet, http.MethodHead)
	r.HandleFunc("/health", s.localstackHealth).Methods(http.MethodGet, http.MethodHead)
	r.HandleFunc("/_localstack/health", s.localstackHealth).Methods(http.MethodGet, http.MethodHead)
	s.outboundRoutes(r)
	h := s.signin.Handler(s.adminOnly)
	for _, path := range signin.Paths {
		r.Path(path).Handler(h)
	}
	if s.issuers != nil { // before the admin API: discovery documents and keys are for everybody
		r.PathPrefix(issuer.Path).Handler(s.issuers.Handler(s.adminOnly))
	}
	s.adminRoutes(r.PathPrefix("/_emulator").Subrouter())
	r.PathPrefix("/").Methods(http.MethodGet, http.MethodPost).HandlerFunc(s.serveAWS)
	r.PathPrefix("/").HandlerFunc(s.serveOtherMethod)
	return s.guardBrowsers(r)
}

// health answers as long as the process serves.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// ready answers 200 if the store can be read.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	if err := s.storeReadable(r.Context()); err != nil {
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "unavailable", "error": err.Error()})
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"status": "ready"})
}

func (s *Server) storeReadable(ctx context.Context) error {
	return s.store.View(ctx, func(store.Reader) error { return nil })
}

// localstackHealth answers in the shape that existing scripts wait for.
func (s *Server) localstackHealth(w http.ResponseWriter, _ *http.Request) {
	services := make(map[string]string)
	for _, c := range s.Coverage() {
		if len(c.Registered) > 0 {
			services[c.Service] = "running"
		}
	}
	writeJSON(w, http.StatusOK, map[string]any{"services": services, "edition": "community", "version": s.config.Version})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}
