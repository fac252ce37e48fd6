package policy

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestMatch(t *testing.T) {
	tests := []struct {
		pattern, s string
		want       bool
	}{
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"*", "a/b:c", true},
		{"a", "a", true},
		{"a", "A", false},
		{"a*", "a", true},
		{"*a", "ba", true},
		{"*a", "ab", false},
		{"a*b*c", "abbcbc", true},
		{"a*b*c", "abbcb", false},
		{"?", "a", true},
		{"?", "", false},
		{"?", "ab", false},
		{"?", "é", true},
		{"*?", "é", true},
		{"a?c", "abc", true},
		{"**", "a", true},
		{"*?*", "", false},
		{"a.c", "abc", false},
		{"\xff", "a", false},
		{"*\xff", "b\xff", false},
	}
	for _, tt := range tests {
		if got := Match(tt.pattern, tt.s); got != tt.want {
			t.Errorf("Match(%q, %q) = %v", tt.pattern, tt.s, got)
		}
	}
}

// A hundred * would take longer than the universe lasts if each were tried with each.
func TestMatchDoesNotBlowUp(t *testing.T) {
	start := time.Now()
	if Match(strings.Repeat("a*", 100)+"b", strings.Repeat("a", 100_000)) {
		t.Error("matched")
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

func FuzzMatch(f *testing.F) {
	for _, seed := range [][2]string{{"a*b?c", "axbyc"}, {"*?*", "é"}, {"**a", "aaa"}, {"arn:aws:s3:::*/${x}", "arn:aws:s3:::b/k"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if len(pattern) > 50 || len(s) > 200 {
			return
		}
		got := Match(pattern, s)
		pattern = strings.ToValidUTF8(pattern, "\uFFFD")
		if strings.ToValidUTF8(s, "") != s {
			return // Go's regexp has its own idea of invalid UTF-8
		}
		source := regexp.QuoteMeta(pattern)
		source = strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(source)
		if want := regexp.MustCompile(`(?s)\A` + source + `\z`).MatchString(s); got != want {
			t.Errorf("Match(%q, %q) = %v, want %v", pattern, s, got, want)
		}
	})
}

func BenchmarkMatchHundredStars(b *testing.B) {
	p := compilePattern(strings.Repeat("a*", 100) + "b")
	s := strings.Repeat("a", 2000)
	for b.Loop() {
		p.match(s)
	}
}
