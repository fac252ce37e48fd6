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

// glob goes back only to the last * it met: what an earlier * could take differently,
// the later one can take too. So its cost is at most the product of the lengths,
// however many * there are.
func glob(p, s string) bool {
	i, j := 0, 0           // in p and s
	star, restart := -1, 0 // the last * in p, and from where in s the text behind it was tried
	for j < len(s) {
		switch {
		case i < len(p) && p[i] == anyRun:
			star, restart = i, j
			i++
		case i < len(p) && p[i] == anyChar:
			_, size := utf8.DecodeRuneInString(s[j:])
			i++
			j += size
		case i < len(p) && p[i] == s[j]:
			i++
			j++
		case star >= 0:
			_, size := utf8.DecodeRuneInString(s[restart:])
			restart += size
			i, j = star+1, restart
		default:
			return false
		}
	}
	for i < len(p) && p[i] == anyRun {
		i++
	}
	return i == len(p)
}
