package signin

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"net/http"
	"time"

	"github.com/a-h/templ"

	"emulator/api"
)

//go:generate go run github.com/a-h/templ/cmd/templ@v0.3.1100 generate -f pages.templ

// style is that of the pages, which have no scripts and load nothing.
//
//go:embed style.css
var style string

// contentPolicy allows the pages' one style sheet and nothing else
// (https://www.w3.org/TR/CSP3/). What a form may lead to comes behind it.
var contentPolicy = func() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
}()

// The data of the pages.
type (
	formData struct {
		Request  string
		Problem  string
		Remote   bool
		Redirect string
		Accounts []account
		More     bool
	}
	samlData struct {
		Response, RelayState string
		Accounts             []account
	}
	consoleData struct {
		ARN, Account string
		Until        time.Time
		Issuer       string
		Destination  string
		// Console is set if the destination is a page of AWS's console, and thus a link.
		Console bool
	}
)

// answer is what a page's handler answers: a page, a place to go on to, or JSON.
type answer struct {
	status     int
	page       templ.Component
	formAction string // an origin besides our own to which the page's form may lead
	location   string
	json       any
	refused    error // for the log
}

// badRequest is an error that the person at the browser, or the program in its place, is shown with the status 400.
type badRequest string

func (e badRequest) Error() string { return string(e) }

// page makes an http.Handler of a handler of a page.
func (s *Service) page(f func(http.ResponseWriter, *http.Request, api.Caller) (*answer, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		requestID := start(w)
		a, err := f(w, r, s.caller(r, requestID))
		if err != nil {
			a = errorPage(err)
		} else {
			err = a.refused
		}
		s.logRequest(r, requestID, began, a.status, err)
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		if a.json != nil {
			writeJSON(w, a.status, a.json)
			return
		}
		policy := contentPolicy
		if a.formAction != "" {
			policy += " " + a.formAction
		}
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		// Not no-referrer: with that a browser sends "Origin: null" with the form.
		h.Set("Referrer-Policy", "same-origin")
		if a.location != "" {
			h.Set("Location", a.location)
			w.WriteHeader(a.status)
			return
		}
		var body bytes.Buffer
		if err := a.page.Render(r.Context(), &body); err != nil {
			s.log.Error("page", "request", requestID, "error", err)
			http.Error(w, "internal error", http.StatusInternalServerError)
			return
		}
		h.Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(a.status)
		w.Write(body.Bytes())
	})
}

func errorPage(err error) *answer {
	if e, ok := errors.AsType[badRequest](err); ok {
		return &answer{status: http.StatusBadRequest, page: messagePage("Bad request", e.Error())}
	}
	return &answer{status: http.StatusInternalServerError, page: messagePage("Internal error", "The log of the emulator tells more.")}
}
