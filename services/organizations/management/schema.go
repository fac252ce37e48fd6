package management

import (
	"fmt"
	"strings"
)

// language is what a type of policies can say.
type language struct {
	root *schema
	// anyCase: names and operators are the same in any case, and the effective policy has them in lower case.
	anyCase bool
	// complete gives an effective policy what nobody needs to say.
	complete func(*node)
	// check finds what the schema can't.
	check func(*node) []ValidationError
}

func (l language) fold(name string) string {
	if l.anyCase {
		return strings.ToLower(name)
	}
	return name
}

type kind int

const (
	object kind = iota // what has further blocks in it
	one                // a setting of one value
	many               // a setting of a list of values
	open               // any of these
)

// schema is what may stand in a block.
type schema struct {
	kind kind
	// fields are the names that an object may have; others is what stands under any other name, nil if it may have none.
	fields []field
	others *schema
	// name says what is wrong with such a name.
	name rule
	// keep: the effective policy has such names as they were written, not in lower case.
	keep bool
	// value says what is wrong with a value of a setting.
	value rule
	// least and most are how many members or values there have to be in an effective policy; a most of 0 is no limit.
	least, most int
	// also says what else is wrong with a block.
	also func(*block) string
}

// field is a name with what stands under it.
type field struct {
	name   string
	schema *schema
	// needed: an effective policy has to have it where it has the object.
	needed bool
}

// rule says what is wrong with a name or value, "" if nothing is.
type rule func(string) string

// may is a field that can be there, need one that an effective policy has to have.
func may(name string, s *schema) field  { return field{name, s, false} }
func need(name string, s *schema) field { return field{name, s, true} }

// fields is an object of some names.
func fields(f ...field) *schema { return &schema{fields: f} }

// named is an object of names that the author of the policy chooses.
func named(name rule, s *schema) *schema { return &schema{others: s, name: name} }

// value is a setting of one value, list one of any number.
func value(r rule) *schema { return &schema{kind: one, value: r} }
func list(r rule) *schema  { return &schema{kind: many, value: r} }

// atLeast and atMost bound how many there are in an effective policy.
func (s *schema) atLeast(n int) *schema { s.least = n; return s }
func (s *schema) atMost(n int) *schema  { s.most = n; return s }

// member returns what stands under a name and how the effective policy has the name, or why it can't be there.
func (s *schema) member(written string, l language) (m *schema, name, why string) {
	for _, f := range s.fields {
		if l.fold(written) == l.fold(f.name) {
			return f.schema, f.name, ""
		}
	}
	switch {
	case s.kind == one || s.kind == many:
		return nil, "", "a setting has only operators"
	case s.others == nil:
		return nil, "", "it can't stand here, only " + s.fieldNames()
	}
	if why := s.name(written); why != "" {
		return nil, "", "the name " + why
	}
	if s.keep {
		return s.others, written, ""
	}
	return s.others, strings.ToLower(written), ""
}

func (s *schema) fieldNames() string {
	names := make([]string, len(s.fields))
	for i, f := range s.fields {
		names[i] = f.name
	}
	return strings.Join(names, ", ")
}

// anything is the rule of what is not checked.
func anything(string) string { return "" }

// oneOf is the rule of what has to be one of some values.
func oneOf(values ...string) rule {
	return func(v string) string {
		for _, allowed := range values {
			if v == allowed {
				return ""
			}
		}
		return "must be one of " + strings.Join(values, ", ")
	}
}

// anyOf is the rule of what has to keep one of two.
func anyOf(a, b rule) rule {
	return func(v string) string {
		if a(v) == "" {
			return ""
		}
		return b(v)
	}
}

// letters is the rule of what has between least and most characters, all of them of a set.
func letters(least, most int, set, what string) rule {
	return func(v string) string {
		if len(v) < least || len(v) > most || strings.ContainsFunc(v, func(r rune) bool { return !strings.ContainsRune(set, r) }) {
			return "is not " + what
		}
		return ""
	}
}

// number is the rule of a whole number.
func number(least, most int64) rule {
	return func(v string) string {
		if n, ok := wholeNumber(v); !ok || n < least || n > most {
			return fmt.Sprintf("must be a whole number from %d to %d", least, most)
		}
		return ""
	}
}
