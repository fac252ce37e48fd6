package wire

import (
	"bytes"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"emulator/api"
	"emulator/api/model"
)

// check holds the constraints of a shape in the form in which they are checked.
type check struct {
	min, max *float64
	enum     []string
	pattern  *pattern
	// What AWS says of each; "" of what there is none.
	least, most, oneOf, matches string
}

// newCheck returns nil for a shape without constraints.
func newCheck(s *model.Shape) (*check, error) {
	if s.Min == nil && s.Max == nil && s.Pattern == "" && len(s.Enum) == 0 {
		return nil, nil
	}
	c := &check{min: s.Min, max: s.Max, enum: s.Enum}
	measure := "value"
	switch s.Type {
	case "string", "blob", "list", "map":
		measure = "length"
	}
	if s.Min != nil {
		c.least = "have " + measure + " greater than or equal to " + strconv.FormatFloat(*s.Min, 'f', -1, 64)
	}
	if s.Max != nil {
		c.most = "have " + measure + " less than or equal to " + strconv.FormatFloat(*s.Max, 'f', -1, 64)
	}
	if len(s.Enum) > 0 {
		c.oneOf = "satisfy enum value set: [" + strings.Join(s.Enum, ", ") + "]"
	}
	if s.Pattern != "" {
		c.matches = "satisfy regular expression pattern: " + s.Pattern
		var err error
		if c.pattern, err = compilePattern(s.Pattern); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// validate checks the input against every constraint of the model, and words what it
// finds as AWS does.
func (o *Operation) validate(in reflect.Value) error {
	if !o.in.deep {
		return nil
	}
	w := violations{wording: o.wording}
	w.structure(o.in, in)
	if w.sentence != "" {
		return api.Errorf("ValidationError", "%s", w.sentence)
	}
	if len(w.found) == 0 {
		return nil
	}
	plural := ""
	if len(w.found) > 1 {
		plural = "s"
	}
	return api.Errorf("ValidationError", "%d validation error%s detected: %s", len(w.found), plural, strings.Join(w.found, "; "))
}

type violations struct {
	wording
	path     []string
	found    []string
	sentence string // the service's own, which stands alone
}

// What is said of an input is bounded, however much of it is wrong.
const (
	maxViolations = 100
	maxDescribed  = 1024 // bytes of a value
)

func (w *violations) full() bool { return len(w.found) >= maxViolations }

// add notes a violation. A sensitive value is not repeated.
func (w *violations) add(p *plan, v reflect.Value, constraint string) {
	value := "Value"
	if !p.shape.Sensitive && p.kind != blobKind && (!w.brief || p.check != nil && constraint == p.check.oneOf) {
		text := describe(nil, v)
		if len(text) > maxDescribed {
			text = append(bytes.ToValidUTF8(text[:maxDescribed], nil), "…"...)
		}
		value = "Value '" + string(text) + "'"
	}
	w.found = append(w.found, fmt.Sprintf("%s at '%s' failed to satisfy constraint: Member must %s", value, strings.Join(w.path, "."), constraint))
}

// describe appends a value as Java prints it, and stops once it is longer than what is said of one.
func describe(dst []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Pointer:
		return describe(dst, v.Elem())
	case reflect.String:
		return append(dst, v.String()[:min(v.Len(), maxDescribed+1)]...)
	case reflect.Slice:
		dst = append(dst, '[')
		for i := 0; i < v.Len() && len(dst) <= maxDescribed; i++ {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = describe(dst, v.Index(i))
		}
		return append(dst, ']')
	case reflect.Struct:
		dst = append(append(dst, v.Type().Name()...), '(')
		separator := ""
		for i := range v.NumField() {
			f := v.Type().Field(i)
			value, ok := present(v.Field(i))
			if !f.IsExported() || !ok || len(dst) > maxDescribed {
				continue
			}
			dst = append(append(append(dst, separator...), lowerFirst(f.Name)...), '=')
			dst = describe(dst, value)
			separator = ", "
		}
		return append(dst, ')')
	default:
		return fmt.Append(dst, v.Interface())
	}
}

func lowerFirst(name string) string { return strings.ToLower(name[:1]) + name[1:] }

func (w *violations) structure(p *plan, v reflect.Value) {
	for i := range p.fields {
		f := &p.fields[i]
		if !f.required && !f.plan.deep {
			continue
		}
		w.path = append(w.path, lowerFirst(f.name))
		value, ok := present(v.Field(f.index))
		switch {
		case ok && f.plan.deep:
			w.value(f.plan, value)
		case !ok && f.required:
			null := "Value null"
			if w.brief {
				null = "Value"
			}
			w.found = append(w.found, null+" at '"+strings.Join(w.path, ".")+"' failed to satisfy constraint: Member must not be null")
		}
		w.path = w.path[:len(w.path)-1]
	}
}

func (w *violations) value(p *plan, v reflect.Value) {
	if p.check != nil {
		w.constraints(p, v)
	}
	switch {
	case p.kind == structureKind:
		w.structure(p, v)
	case p.kind == unionKind:
		w.union(p, v)
	case p.kind == listKind && p.element.kind == stringKind && p.element.check != nil && w.brief:
		w.strings(p, v)
	case p.kind == listKind && p.element.deep:
		for i := 0; i < v.Len() && !w.full(); i++ {
			w.path = append(w.path, strconv.Itoa(i+1), "member")
			if item, ok := present(v.Index(i)); ok || item.Kind() == reflect.String {
				w.value(p.element, item)
			}
			w.path = w.path[:len(w.path)-2]
		}
	case p.kind == mapKind && p.element.deep:
		for _, key := range sortedKeys(v) {
			if w.full() {
				break
			}
			w.path = append(w.path, key.String(), "member")
			w.value(p.element, v.MapIndex(key))
			w.path = w.path[:len(w.path)-2]
		}
	}
}

func (w *violations) union(p *plan, v reflect.Value) {
	for i := range p.fields {
		f := &p.fields[i]
		if v.IsNil() || v.Elem().Elem().Type() != f.member || !f.plan.deep {
			continue
		}
		w.path = append(w.path, lowerFirst(f.name))
		if value, ok := present(v.Elem().Elem().Field(f.index)); ok {
			w.value(f.plan, value)
		}
		w.path = w.path[:len(w.path)-1]
	}
}

func (w *violations) constraints(p *plan, v reflect.Value) {
	c := p.check
	// A value that is too long by far is refused for its length, and not matched at its own expense.
	if c.pattern != nil && p.kind == stringKind && (c.max == nil || float64(v.Len()) <= 8*(*c.max)) && !c.pattern.match(v.String()) {
		if own := w.patterns[strings.Join(w.path, ".")]; own == "" {
			w.add(p, v, c.matches)
		} else if w.sentence == "" {
			w.sentence = "The specified value for " + w.path[0] + " is invalid. It must " + own
		}
	}
	if len(c.enum) > 0 && p.kind == stringKind && !slices.Contains(c.enum, v.String()) {
		w.add(p, v, c.oneOf)
	}
	if c.min == nil && c.max == nil {
		return
	}
	n := 0.0
	switch p.kind {
	case stringKind:
		n = float64(utf8.RuneCountInString(v.String()))
	case blobKind, listKind, mapKind:
		n = float64(v.Len())
	case integerKind:
		n = float64(v.Int())
	case floatKind:
		n = v.Float()
	default:
		return
	}
	if c.min != nil && n < *c.min {
		w.add(p, v, c.least)
	}
	if c.max != nil && n > *c.max {
		w.add(p, v, c.most)
	}
}

// strings checks a list of strings of which some break a constraint: all that there are, are told, once.
func (w *violations) strings(p *plan, v reflect.Value) {
	c := p.element.check
	var each violations
	for i := 0; i < v.Len() && len(each.found) == 0; i++ {
		each.constraints(p.element, v.Index(i))
	}
	if len(each.found) == 0 {
		return
	}
	var all []string
	for _, constraint := range []string{c.most, c.least, c.oneOf, c.matches} {
		if constraint != "" {
			all = append(all, "Member must "+constraint)
		}
	}
	if c.matches != "" { // as recorded of TagKeys, and not of ClientIDList
		all = append(all, "Member must not be null")
	}
	w.add(p, v, "satisfy constraint: ["+strings.Join(all, ", ")+"]")
}

// pattern is a regular expression that a whole value must match.
type pattern struct {
	regexp  *regexp.Regexp
	ascii   *[128]bool // of a pattern that is one class, repeated: most are
	minimum int
}

var (
	unicodeEscape = regexp.MustCompile(`\\u([0-9A-Fa-f]{4})`)
	oneClass      = regexp.MustCompile(`^\[[^\]]+\][*+]$`)
)

// compilePattern translates a pattern of the model, which is Java's, to Go's syntax.
func compilePattern(text string) (*pattern, error) {
	translated, ok := rewritten[text]
	if !ok {
		translated = unicodeEscape.ReplaceAllString(text, `\x{$1}`)
	}
	re, err := regexp.Compile(`^(?s:` + translated + `)$`)
	if err != nil {
		return nil, err
	}
	p := &pattern{regexp: re}
	if oneClass.MatchString(translated) {
		p.ascii = new([128]bool)
		for c := range p.ascii {
			p.ascii[c] = re.MatchString(string(rune(c)))
		}
		if strings.HasSuffix(translated, "+") {
			p.minimum = 1
		}
	}
	return p, nil
}

func (p *pattern) match(s string) bool {
	if p.ascii == nil || strings.IndexFunc(s, func(r rune) bool { return r > unicode.MaxASCII }) >= 0 {
		return p.regexp.MatchString(s)
	}
	for i := range len(s) {
		if !p.ascii[s[i]] {
			return false
		}
	}
	return len(s) >= p.minimum
}

// rewritten are the patterns that Go's syntax has no words for, as equivalents by hand.
var rewritten = map[string]string{
	// An account alias: no hyphen follows another. The length has a constraint of its own.
	`^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`: `[a-z0-9](-?[a-z0-9])*`,
}
