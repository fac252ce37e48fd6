package store

import (
	"fmt"
	"maps"
	"slices"
)

// Indexed is what must be in indexes according to the records: it is how indexes are checked. The
// zero value is empty.
type Indexed struct {
	entries  map[string]string
	own      []func(parts []string) bool
	findings []string
}

// Own takes the records whose keys have these parts as entries of an index.
func (x *Indexed) Own(is func(parts []string) bool) { x.own = append(x.own, is) }

// Entry says that there must be an entry of an index.
func (x *Indexed) Entry(key []byte, value string) {
	if x.entries == nil {
		x.entries = make(map[string]string)
	}
	x.entries[string(key)] = value
}

// Find notes what else is wrong.
func (x *Indexed) Find(format string, args ...any) {
	x.findings = append(x.findings, fmt.Sprintf(format, args...))
}

// Need notes it if there is no record under key, which the record at by refers to.
func (x *Indexed) Need(r Reader, key, by []byte) {
	if r.Get(key) == nil {
		x.Find("the record %q refers to %q, which is not there", Parts(by), Parts(key))
	}
}

// Compare returns what was found, and how the entries that are there differ from those that must be.
func (x *Indexed) Compare(r Reader) []string {
	missing := maps.Clone(x.entries)
	for key, value := range r.Scan(nil, nil) {
		parts := Parts(key)
		if !slices.ContainsFunc(x.own, func(is func([]string) bool) bool { return is(parts) }) {
			continue
		}
		expected, ok := x.entries[string(key)]
		switch {
		case !ok:
			x.Find("the index entry %q is of nothing", parts)
		case expected != string(value):
			x.Find("the index entry %q is %q, and not %q", parts, value, expected)
		}
		delete(missing, string(key))
	}
	for _, key := range slices.Sorted(maps.Keys(missing)) {
		x.Find("the index entry %q is missing", Parts([]byte(key)))
	}
	return x.findings
}
