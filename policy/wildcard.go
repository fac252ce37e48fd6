package policy

import (
	"strings"
	"unicode/utf8"
)

// pattern is text in which two bytes that UTF-8 never has stand for the wildcards,
// so that a literal * from ${*} or from a variable's value is just text.
type pattern string

const (
	anyRun  = '\xff' // *
	anyChar = '\xfe' // ?
)

var wildcards = strings.NewReplacer("*", string([]byte{anyRun}), "?", string([]byte{anyChar}))

// compilePattern makes wildcards of * and ?.
func compilePattern(s string) pattern { return pattern(wildcards.Replace(s)) }

// String returns the pattern with its wildcards as they are written.
func (p pattern) String() string {
	return strings.NewReplacer(string([]byte{anyRun}), "*", string([]byte{anyChar}), "?").Replace(string(p))
}

// Match reports whether all of s matches a pattern in which * stands for any
// characters and ? for one.
func Match(pattern, s string) bool { return compilePattern(pattern).match(s) }

// match goes back only to the last * it met, so that its cost is at most that of
// the pattern times the text, however many * there are.
func (p pattern) match(s string) bool {
	i, j := 0, 0           // in p and s
	star, restart := -1, 0 // the last * in p, and where in s the text behind it was tried
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
			restart++
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
