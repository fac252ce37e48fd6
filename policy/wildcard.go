package policy

import (
	"strings"
	"unicode/utf8"
)

// Match reports whether all of s matches a pattern in which * stands for any
// characters, also none, and ? for exactly one.
func Match(pattern, s string) bool {
	p := compilePattern(strings.ToValidUTF8(pattern, "\uFFFD"))
	return p.match(s)
}

// In a compiled pattern two bytes that UTF-8 never has stand for the wildcards, so
// that a * that is not a wildcard, from ${*} or from a variable's value, is just text.
const (
	anyRun  = '\xff' // *
	anyChar = '\xfe' // ?
)

var (
	toWildcards   = strings.NewReplacer("*", "\xff", "?", "\xfe")
	fromWildcards = strings.NewReplacer("\xff", "*", "\xfe", "?")
)

// pattern is a compiled pattern. Most of them are plain text, or plain text and a *
// at the end; those cost no more than a comparison.
type pattern struct {
	literal string // up to the first wildcard
	rest    string // the first wildcard and all behind it
}

// compilePattern makes wildcards of * and ?. s must be valid UTF-8.
func compilePattern(s string) pattern {
	i := strings.IndexAny(s, "*?")
	if i < 0 {
		return pattern{literal: s}
	}
	return pattern{literal: s[:i], rest: toWildcards.Replace(s[i:])}
}

// String returns the pattern as it was written.
func (p *pattern) String() string { return p.literal + fromWildcards.Replace(p.rest) }

func (p *pattern) match(s string) bool {
	switch {
	case !strings.HasPrefix(s, p.literal):
		return false
	case p.rest == "":
		return len(s) == len(p.literal)
	case p.rest == "\xff":
		return true
	}
	return glob(p.rest, s[len(p.literal):])
}

// cost is what match takes at most, in units of evaluation.work.
func (p *pattern) cost(s string) int {
	switch {
	case p.rest == "" || p.rest == "\xff":
		return 64
	case strings.IndexByte(p.rest, anyChar) < 0:
		return 64 + len(s)
	default:
		return 64 + 16*len(s)*(1+len(p.rest)/wordSize)
	}
}

// glob matches what stands before the first *, then what stands behind the last one, and looks for
// what stands between two of them in what is left, each as early as it can be had: a later
// place has nothing that an earlier one lacks. Its cost is that of the lengths, not of their product.
func glob(p, s string) bool {
	first, p, starred := strings.Cut(p, "\xff")
	s, ok := cutPrefix(s, first)
	if !starred || !ok {
		return ok && s == ""
	}
	last := strings.LastIndexByte(p, anyRun)
	if s, ok = cutSuffix(s, p[last+1:]); !ok {
		return false
	}
	for between := range strings.SplitSeq(p[:max(last, 0)], "\xff") {
		if s, ok = cutThrough(s, between); !ok {
			return false
		}
	}
	return true
}

// cutPrefix returns s without what p, which has no *, matches at its begin.
func cutPrefix(s, p string) (rest string, ok bool) {
	for p != "" {
		literal, after, wild := strings.Cut(p, "\xfe")
		if !strings.HasPrefix(s, literal) || wild && len(s) == len(literal) {
			return s, false
		}
		s, p = s[len(literal):], after
		if wild {
			_, size := utf8.DecodeRuneInString(s)
			s = s[size:]
		}
	}
	return s, true
}

// cutSuffix returns s without what p, which has no *, matches at its end.
func cutSuffix(s, p string) (rest string, ok bool) {
	for p != "" {
		wild := strings.LastIndexByte(p, anyChar)
		literal := p[wild+1:]
		if !strings.HasSuffix(s, literal) || wild >= 0 && len(s) == len(literal) {
			return s, false
		}
		s, p = s[:len(s)-len(literal)], p[:max(wild, 0)]
		if wild >= 0 {
			_, size := utf8.DecodeLastRuneInString(s)
			s = s[:len(s)-size]
		}
	}
	return s, true
}

// cutThrough returns what stands in s behind the first place that p, which has no *, matches.
func cutThrough(s, p string) (rest string, ok bool) {
	if strings.IndexByte(p, anyChar) < 0 {
		i := strings.Index(s, p)
		if i < 0 {
			return s, false
		}
		return s[i+len(p):], true
	}
	return shiftAnd(s, p)
}

const wordSize = 64

// shiftAnd is cutThrough for a p with ?, by Baeza-Yates and Gonnet's algorithm: a bit for each
// byte of p says whether p up to there matches what was read last. The bit of a ? stays set while the
// character goes on.
func shiftAnd(s, p string) (rest string, ok bool) {
	if len(s) < len(p) {
		return s, false
	}
	words := (len(p) + wordSize - 1) / wordSize
	var short [256 + 2]uint64 // without garbage for what is usual
	memory := short[:]
	if words > 1 {
		memory = make([]uint64, words*len(short))
	}
	reached, chars, bytes := memory[:words], memory[words:2*words], memory[2*words:]
	for i := range len(p) {
		word, bit := i/wordSize, uint64(1)<<(i%wordSize)
		if p[i] == anyChar {
			chars[word] |= bit
		} else {
			bytes[int(p[i])*words+word] |= bit
		}
	}
	end := uint64(1) << ((len(p) - 1) % wordSize)
	for i := range len(s) {
		expected := bytes[int(s[i])*words:][:words]
		begins := utf8.RuneStart(s[i])
		carry := uint64(1)
		for w, before := range reached {
			next := before<<1 | carry
			carry = before >> (wordSize - 1)
			if begins {
				reached[w] = next & (expected[w] | chars[w])
			} else {
				reached[w] = next&expected[w] | before&chars[w]
			}
		}
		if reached[words-1]&end != 0 {
			rest := s[i+1:]
			for rest != "" && p[len(p)-1] == anyChar && !utf8.RuneStart(rest[0]) {
				rest = rest[1:]
			}
			return rest, true
		}
	}
	return s, false
}
