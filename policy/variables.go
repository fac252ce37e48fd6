package policy

import "strings"

// template is text that may have policy variables in it, and wildcards if the element
// that it stands in has them.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
type template struct {
	source string  // as it was written
	fixed  pattern // the pattern if there are no variables
	parts  []part  // else its parts
}

// part is text with its wildcards encoded or, if key is set, a variable.
type part struct {
	text       string
	key        string // in lower case
	written    string // the key as it was written
	fallback   string
	hasDefault bool
}

// compileTemplate finds the variables, which only policies of version 2012-10-17 have.
// With wild, * and ? outside of variables are wildcards.
func compileTemplate(source, version string, wild bool) template {
	encode := func(s string) string {
		if wild {
			return toWildcards.Replace(s)
		}
		return s
	}
	t := template{source: source}
	if version != "2012-10-17" || !strings.Contains(source, "${") {
		t.fixed = encodedPattern(encode(source))
		return t
	}
	var text strings.Builder // since the last variable
	flush := func() {
		if text.Len() > 0 {
			t.parts = append(t.parts, part{text: text.String()})
			text.Reset()
		}
	}
	variables := 0
	for s := source; s != ""; {
		before, rest, ok := strings.Cut(s, "${")
		text.WriteString(encode(before))
		if !ok {
			break
		}
		inner, after, closed := strings.Cut(rest, "}")
		if !closed {
			text.WriteString(encode("${" + rest))
			break
		}
		s = after
		switch inner {
		case "*", "?", "$": // the characters themselves
			text.WriteString(inner)
		default:
			flush()
			t.parts = append(t.parts, parseVariable(inner))
			variables++
		}
	}
	if variables == 0 {
		t.fixed = encodedPattern(text.String())
		return t
	}
	flush()
	return t
}

// encodedPattern makes a pattern of text with its wildcards encoded.
func encodedPattern(s string) pattern {
	for i := range len(s) {
		if s[i] == anyRun || s[i] == anyChar {
			return pattern{literal: s[:i], rest: s[i:]}
		}
	}
	return pattern{literal: s}
}

// parseVariable parses what stands between the braces: "aws:username" or
// "aws:PrincipalTag/team, 'none'".
func parseVariable(s string) part {
	key, fallback, hasDefault := strings.Cut(s, ",")
	key = strings.TrimSpace(key)
	p := part{key: strings.ToLower(key), written: key}
	fallback = strings.TrimSpace(fallback)
	if n := len(fallback); hasDefault && n >= 2 && fallback[0] == '\'' && fallback[n-1] == '\'' {
		p.fallback, p.hasDefault = fallback[1:n-1], true
	}
	return p
}

// resolve puts in the variables' values, as plain text: a * in a value is no wildcard. It
// fails if a variable has no value and no default. A key with several values can't be a
// variable.
func (t *template) resolve(c Context) (pattern, bool) {
	if t.parts == nil {
		return t.fixed, true
	}
	var b strings.Builder
	for i := range t.parts {
		p := &t.parts[i]
		if p.key == "" {
			b.WriteString(p.text)
			continue
		}
		values, _ := c.Values(p.key)
		switch {
		case len(values) == 1:
			// Bytes that are no UTF-8 could pass for wildcards.
			b.WriteString(strings.ToValidUTF8(values[0], "\uFFFD"))
		case p.hasDefault:
			b.WriteString(p.fallback)
		default:
			return pattern{}, false
		}
	}
	return encodedPattern(b.String()), true
}
