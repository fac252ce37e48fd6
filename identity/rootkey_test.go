package identity

import (
	"strings"
	"testing"
)

func TestParseRootKey(t *testing.T) {
	for text, want := range map[string]RootKey{
		"test:test":                        {"test", "test"},
		"ops:a:b/c+d=":                     {"ops", "a:b/c+d="},
		"Admin_1:s3cret":                   {"Admin_1", "s3cret"},
		"1234567890123:x":                  {"1234567890123", "x"}, // not twelve digits
		"":                                 {},
		"ops":                              {},
		":secret-part":                     {},
		"ops:":                             {},
		"o/ps:secret-part":                 {},
		"o ps:secret-part":                 {},
		"111111111111:secret":              {},
		"AKIAIOSFODNN7EXAMPLE:secret-part": {},
		"ASIAIOSFODNN7EXAMPLE:secret-part": {},
		"ops:secret-part with space":       {},
		"ops:secret-part\n":                {},
		"ops:secret-pärt":                  {},
		"ops:" + strings.Repeat("s", 129):  {},
		strings.Repeat("n", 129) + ":secret-part": {},
	} {
		got, err := ParseRootKey(text)
		if got != want || (err == nil) != (want != RootKey{}) {
			t.Errorf("%.40q: %v, %v", text, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret-p") {
			t.Errorf("%.40q: the error has the secret: %v", text, err)
		}
	}
}
