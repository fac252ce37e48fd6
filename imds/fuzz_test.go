package imds

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// No token but an issued one is good, and none of another life than was asked for.
func FuzzToken(f *testing.F) {
	now := time.Unix(1700000000, 0)
	tokens := newTokens()
	f.Add(tokens.issue(now.Add(time.Hour)) + "x")
	f.Add("")
	f.Add(strings.Repeat("A", 56))
	f.Fuzz(func(t *testing.T, text string) {
		if left := tokens.check(text, now); left != 0 {
			t.Errorf("%q has %d seconds left", text, left)
		}
	})
}

// Whatever the path, there is an answer, and without a token it tells nothing.
func FuzzPath(f *testing.F) {
	handler, err := New(Config{Region: "us-east-1", AccountID: "111111111111"})
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range []string{"", "/", "/latest", "/latest/meta-data/", "/latest/meta-data//", "//", "/latest/api/token", "/1.0/dynamic/"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL.Path = path
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != http.StatusUnauthorized && w.Code != http.StatusMethodNotAllowed {
			t.Errorf("%q without a token: %d", path, w.Code)
		}
		r.Header.Set(tokenHeader, handler.tokens.issue(handler.now().Add(time.Minute)))
		w = httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code == http.StatusUnauthorized || w.Body.Len() == 0 {
			t.Errorf("%q with a token: %d, %d bytes", path, w.Code, w.Body.Len())
		}
	})
}
