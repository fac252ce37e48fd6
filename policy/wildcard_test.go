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
		{"a?b*c", "a\u00e9bc", true},
		{"*a?", "xa\u00e9", true},
		{"*a?*\u00e9", "a\u00e9\u00e9", true},
		{"*a?*\u00e9", "a\u00e9", false},
		{"*?b*", "ab", true},
		{"*?b*", "b", false},
		{"*a?c*a?c*", "abcabc", true},
		{"*a?c*a?c*", "abcbc", false},
		{"?*?", "a", false},
		{"ab*b", "ab", false},
		{"*" + strings.Repeat("a?", 100) + "b*", strings.Repeat("ax", 150) + "b", true},
		{"*" + strings.Repeat("a?", 100) + "b*", strings.Repeat("ax", 99) + "b", false},
		{"*" + strings.Repeat("?", 64) + "*", strings.Repeat("\u00e9", 64), true},
		{"*" + strings.Repeat("?", 65) + "*", strings.Repeat("\u00e9", 64), false},
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
	for _, seed := range [][2]string{{"a*b?c", "axbyc"}, {"*?*", "é"}, {"**a", "aaa"}, {"*a?b*?c*", "aébxc"}, {"*" + strings.Repeat("a?", 40) + "b*", strings.Repeat("aé", 60) + "b"}, {"arn:aws:s3:::*/${x}", "arn:aws:s3:::b/k"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if len(pattern) > 150 || len(s) > 400 {
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
