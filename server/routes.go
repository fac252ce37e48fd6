package server

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

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

// ready answers 200 if the store can be read and written.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	err := s.store.View(r.Context(), func(store.Reader) error { return nil })
	if err == nil {
		err = s.probe.write(r.Context(), s.store)
	}
	if err != nil {
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "unavailable", "error": err.Error()})
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"status": "ready"})
}

// writeProbe finds out whether the store can be written: the disk may be full, or have failed. It
// is safe for concurrent use.
type writeProbe struct {
	mu   sync.Mutex
	last time.Time
	err  error
}

// probeGrain is how long the outcome of a probe is good: whoever polls costs no more than this.
const probeGrain = 2 * time.Second

// write writes a record as it is, unless that was done just now, and returns how it went.
func (p *writeProbe) write(ctx context.Context, s store.Store) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); now.Sub(p.last) >= probeGrain { // the disk's time, not AWS's
		p.last = now
		p.err = s.Update(context.WithoutCancel(ctx), func(tx store.Tx) error {
			return tx.Put(masterKeyCheck, tx.Get(masterKeyCheck))
		})
	}
	return p.err
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
