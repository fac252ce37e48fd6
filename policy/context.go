package policy

import (
	"maps"
	"slices"
	"strings"
)

// Context is what a request carries for conditions and variables. Key names are
// given in lower case. A key with no values counts as absent.
type Context interface {
	Values(key string) (values []string, ok bool)
}

// MapContext is a Context of a map, whose keys are in lower case.
type MapContext map[string][]string

// Values implements Context.
func (m MapContext) Values(key string) ([]string, bool) {
	values, ok := m[key]
	return values, ok && len(values) > 0
}

// NewContext returns a Context of the given keys, whatever their case.
func NewContext(keys map[string][]string) MapContext {
	m := make(MapContext, len(keys))
	for key, values := range keys {
		m[strings.ToLower(key)] = values
	}
	return m
}

// ContextKeys returns the names of the context keys that a policy refers to, in its conditions
// and variables, sorted.
func (p *Policy) ContextKeys() []string {
	keys := make(map[string]string) // by lower-case name, the name as first written
	add := func(key string) {
		if lower := strings.ToLower(key); keys[lower] == "" {
			keys[lower] = key
		}
	}
	addTemplate := func(t *template) {
		for _, part := range t.parts {
			if part.key != "" {
				add(part.key)
			}
		}
	}
	for _, s := range p.Statements {
		for i := range s.conditions {
			add(s.conditions[i].key)
			for j := range s.conditions[i].values {
				addTemplate(&s.conditions[i].values[j].template)
			}
		}
		for i := range s.resources {
			addTemplate(&s.resources[i])
		}
	}
	return slices.Sorted(maps.Values(keys))
}
