package signin

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"html/template"
	"net/http"
	"time"

	"emulator/api"
)

// The pages have no scripts and load nothing.
var (
	//go:embed pages.html
	pagesHTML string
	//go:embed style.css
	style string

	pages = template.Must(template.New("pages").Funcs(template.FuncMap{
		"style": func() template.CSS { return template.CSS(style) },
	}).Parse(pagesHTML))
)

// contentPolicy allows the pages' one style sheet and nothing else
// (https://www.w3.org/TR/CSP3/). What a form may lead to comes behind it.
var contentPolicy = func() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
}()

// The data of the templates.
type (
	formData struct {
		Request  string
		Problem  string
		Remote   bool
		Redirect string
		Accounts []account
		More     bool
	}
	codeData    struct{ Code string }
	messageData struct{ Title, Text string }
	samlData    struct {
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

// answer is what a page's handler answers: a template with its data, a place to go on to, or JSON.
type answer struct {
	status     int
	template   string
	data       any
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
		if err := pages.ExecuteTemplate(&body, a.template, a.data); err != nil {
			s.log.Error("page", "template", a.template, "request", requestID, "error", err)
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
		return &answer{status: http.StatusBadRequest, template: "message", data: messageData{"Bad request", e.Error()}}
	}
	return &answer{status: http.StatusInternalServerError, template: "message", data: messageData{"Internal error", "The log of the emulator tells more."}}
}
