package policy

import (
	"slices"
	"strings"
)

// template is text that may have policy variables in it, and wildcards if the element
// that it stands in has them. Policies have many, nearly all without variables.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
type template struct {
	fixed    pattern // the pattern if there are no variables
	variable *variableText
}

// variableText is a template with something between braces.
type variableText struct {
	source string // as it was written
	parts  []part // nil if the braces had nothing but ${*}, ${?} and ${$}
}

// source returns the template as it was written.
func (t *template) source() string {
	if t.variable != nil {
		return t.variable.source
	}
	return t.fixed.String()
}

// parts returns the parts of a template that has variables, else nil.
func (t *template) parts() []part {
	if t.variable == nil {
		return nil
	}
	return t.variable.parts
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
	if version != "2012-10-17" || !strings.Contains(source, "${") {
		return template{fixed: encodedPattern(encode(source))}
	}
	t := &variableText{source: source}
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
		return template{fixed: encodedPattern(text.String()), variable: t}
	}
	flush()
	return template{variable: t}
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

// maxChoices bounds the texts that a template stands for when its variables have several values.
const maxChoices = 16

// matches asks match about the text with the variables' values in it, as plain text: a * in a value is no
// wildcard. A variable is a place for one value; where the request has several, the text matches if
// it does so with any of them, or, without anyOf, if it does with each. It is not resolved if
// a variable has no value and no default.
func (t *template) matches(e *evaluation, anyOf bool, match func(*pattern) bool) (matched, resolved bool) {
	if t.parts() == nil {
		return match(&t.fixed), true
	}
	values := make(map[string][]string)
	choices := 1
	for i := range t.variable.parts {
		p := &t.variable.parts[i]
		if _, known := values[p.key]; known || p.key == "" {
			continue
		}
		v, _ := e.context.Values(p.key)
		values[p.key] = v
		choices *= max(1, len(v))
		switch {
		case len(v) == 0 && !t.hasDefault(p.key):
			return false, false
		case choices > maxChoices:
			return anyOf, true // what makes a Deny match, and an Allow not
		}
	}
	for choice := range choices {
		p := t.text(values, choice)
		if !e.spend(4096+8*len(p.literal)) || match(&p) == anyOf {
			return anyOf, true
		}
	}
	return !anyOf, true
}

// hasDefault reports whether every use of a variable has a default.
func (t *template) hasDefault(key string) bool {
	return !slices.ContainsFunc(t.variable.parts, func(p part) bool { return p.key == key && !p.hasDefault })
}

// text returns the pattern with one choice of the variables' values.
func (t *template) text(values map[string][]string, choice int) pattern {
	var b strings.Builder
	chosen := make(map[string]string)
	for i := range t.variable.parts {
		p := &t.variable.parts[i]
		v := values[p.key]
		switch value, again := chosen[p.key]; {
		case p.key == "":
			b.WriteString(p.text)
		case len(v) == 0:
			b.WriteString(p.fallback)
		case !again:
			// Bytes that are no UTF-8 could pass for wildcards.
			value = strings.ToValidUTF8(v[choice%len(v)], "\uFFFD")
			choice /= len(v)
			chosen[p.key] = value
			fallthrough
		default:
			b.WriteString(value)
		}
	}
	return encodedPattern(b.String())
}
