package policy

import (
	"maps"
	"slices"
	"strings"
)

// Context is what conditions and variables know about a request. It may compute
// values when they are asked for.
type Context interface {
	// Values returns the values of a context key, whose name is given in lower case, and
	// whether the request has it. A key with no values counts as absent. The caller doesn't
	// change the values.
	Values(key string) (values []string, ok bool)
}

// MapContext is a Context with its keys in lower case.
type MapContext map[string][]string

// Values implements Context.
func (m MapContext) Values(key string) ([]string, bool) {
	values, ok := m[key]
	return values, ok
}

// NewContext returns a Context of the given keys, whatever their case. The values of keys
// that differ only by case are those of one key, sorted.
func NewContext(keys map[string][]string) MapContext {
	m := make(MapContext, len(keys))
	for key, values := range keys {
		lower := strings.ToLower(key)
		if before := m[lower]; len(before) > 0 && len(values) > 0 {
			values = slices.Sorted(slices.Values(slices.Concat(before, values)))
		} else if len(before) > 0 {
			values = before
		}
		m[lower] = values
	}
	return m
}

// ContextKeys returns the names of the context keys that a policy refers to in its
// conditions and variables, sorted, each as it was first written.
//
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetContextKeysForCustomPolicy.html
func (p *Policy) ContextKeys() []string {
	written := make(map[string]string) // by lower-case name
	add := func(key string) {
		if lower := strings.ToLower(key); written[lower] == "" {
			written[lower] = key
		}
	}
	addTemplate := func(t *template) {
		for _, p := range t.parts() {
			if p.key != "" {
				add(p.written)
			}
		}
	}
	for i := range p.Statements {
		s := &p.Statements[i]
		for j := range s.resources {
			addTemplate(&s.resources[j])
		}
		for j := range s.conditions {
			c := &s.conditions[j]
			add(c.key)
			for k := range c.values {
				addTemplate(&c.values[k].text)
			}
		}
	}
	return slices.Sorted(maps.Values(written))
}
