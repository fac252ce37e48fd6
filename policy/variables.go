package policy

import "strings"

// template is a pattern with policy variables in it.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
type template struct {
	source string // as it was written
	// fixed is the pattern if there are no variables.
	fixed pattern
	parts []part
}

// part is text or, if key is set, a variable.
type part struct {
	text       pattern
	key        string // in lower case
	fallback   string
	hasDefault bool
}

// compileTemplate finds the variables; only policies of version 2012-10-17 have any.
func compileTemplate(s, version string) template {
	t := template{source: s}
	if version != "2012-10-17" || !strings.Contains(s, "${") {
		t.fixed = compilePattern(s)
		return t
	}
	var text strings.Builder // of the part under way, compiled
	flush := func() {
		if text.Len() > 0 {
			t.parts = append(t.parts, part{text: pattern(text.String())})
			text.Reset()
		}
	}
	for s != "" {
		before, rest, ok := strings.Cut(s, "${")
		text.WriteString(string(compilePattern(before)))
		if !ok {
			break
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			text.WriteString(string(compilePattern("${" + rest)))
			break
		}
		s = after
		switch name {
		case "*", "?", "$": // the characters themselves
			text.WriteString(name)
		default:
			flush()
			t.parts = append(t.parts, parseVariable(name))
		}
	}
	flush()
	if len(t.parts) == 0 {
		return t
	}
	if len(t.parts) == 1 && t.parts[0].key == "" {
		t.fixed, t.parts = t.parts[0].text, nil
	}
	return t
}

// parseVariable parses "aws:username" and "aws:PrincipalTag/team, 'none'".
func parseVariable(s string) part {
	key, fallback, hasDefault := strings.Cut(s, ",")
	p := part{key: strings.ToLower(strings.TrimSpace(key))}
	if fallback = strings.TrimSpace(fallback); hasDefault && len(fallback) >= 2 && fallback[0] == '\'' && fallback[len(fallback)-1] == '\'' {
		p.fallback, p.hasDefault = fallback[1:len(fallback)-1], true
	}
	return p
}

// resolve puts the variables' values in, as plain text. It fails if one has none, or
// more than one, and no default.
func (t *template) resolve(c Context) (pattern, bool) {
	if t.parts == nil {
		return t.fixed, true
	}
	var b strings.Builder
	for i := range t.parts {
		p := &t.parts[i]
		if p.key == "" {
			b.WriteString(string(p.text))
			continue
		}
		values, ok := c.Values(p.key)
		switch {
		case ok && len(values) == 1:
			b.WriteString(strings.ToValidUTF8(values[0], "\uFFFD")) // so that it has no wildcard
		case p.hasDefault:
			b.WriteString(p.fallback)
		default:
			return "", false
		}
	}
	return pattern(b.String()), true
}
