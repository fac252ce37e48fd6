package management

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// controls is the operator that says which operators policies further down may use.
const controls = "@@operators_allowed_for_child_policies"

// operatorNames has the operators by how they are written.
//
// https://docs.aws.amazon.com/organizations/latest/userguide/policy-operators.html
var operatorNames = map[string]operators{"@@assign": assign, "@@append": appendTo, "@@remove": remove}

// Parse parses a policy and checks it against the schema of its type. It may be but a part of what the type demands, which
// others on the way to an account complete. An error is a *SyntaxError.
func Parse(t Type, text string) (*Policy, error) {
	l, ok := languages[t]
	if !ok {
		return nil, &SyntaxError{Problem: fmt.Sprintf("there is no type %q of management policies", t)}
	}
	p := parser{jsontext.NewDecoder(strings.NewReader(text)), l}
	root, err := p.block(l.root, "", "")
	if err == nil {
		_, err = p.d.ReadToken()
		switch {
		case errors.Is(err, io.EOF):
			err = nil
		case err == nil:
			err = errors.New("there is more than one JSON value")
		}
	}
	if err == nil && len(root.members) == 0 {
		err = errors.New("there must be " + l.root.fieldNames())
	}
	if err != nil {
		if problem, ok := errors.AsType[*SyntaxError](err); ok {
			return nil, problem
		}
		return nil, &SyntaxError{Problem: err.Error()}
	}
	return &Policy{root, 8 * len(text)}, nil
}

type parser struct {
	d *jsontext.Decoder
	l language
}

func problem(path, format string, args ...any) error {
	return &SyntaxError{path, fmt.Sprintf(format, args...)}
}

// join appends a name to a path.
func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "/" + name
}

// block reads the object at a path. How deep it nests the schema bounds.
func (p *parser) block(s *schema, name, path string) (*block, error) {
	if kind := p.d.PeekKind(); kind != '{' && kind != jsontext.KindInvalid {
		return nil, problem(path, "an object is expected")
	}
	if _, err := p.d.ReadToken(); err != nil {
		return nil, err
	}
	b := &block{schema: s, name: name, values: make(map[operators][]string), allowed: allOperators}
	seen := make(map[string]bool)
	for p.d.PeekKind() != '}' {
		token, err := p.d.ReadToken()
		if err != nil {
			return nil, err
		}
		written := token.String()
		at := join(path, written)
		if strings.HasPrefix(written, "@@") {
			written = p.l.fold(written)
			if seen[written] {
				return nil, problem(at, "the operator stands here twice")
			}
			seen[written] = true
			if err := p.operator(b, written, at); err != nil {
				return nil, err
			}
			continue
		}
		member, name, why := s.member(written, p.l)
		switch {
		case why != "":
			return nil, problem(at, "%s", why)
		case seen[name]:
			return nil, problem(at, "the name stands here twice")
		}
		seen[name] = true
		m, err := p.block(member, name, at)
		if err != nil {
			return nil, err
		}
		b.members = append(b.members, m)
	}
	if _, err := p.d.ReadToken(); err != nil {
		return nil, err
	}
	if s.also != nil {
		if why := s.also(b); why != "" {
			return nil, problem(path, "%s", why)
		}
	}
	return b, nil
}

// operator reads what stands behind an operator.
func (p *parser) operator(b *block, name, path string) error {
	if name == controls {
		return p.controls(b, path)
	}
	op, ok := operatorNames[name]
	single := b.schema.kind == one || b.schema.kind == open && p.d.PeekKind() != '['
	switch {
	case !ok:
		return problem(path, "there is no such operator")
	case b.schema.kind == object:
		return problem(path, "values can't be set here")
	case single && op != assign:
		return problem(path, "only @@assign can set what is not a list")
	}
	values, err := p.values(single, path)
	if err != nil {
		return err
	}
	for _, value := range values {
		if why := b.schema.value(value); why != "" {
			return problem(path, "%q %s", value, why)
		}
	}
	b.single = single
	b.values[op] = values
	return nil
}

// controls reads which operators policies further down may use.
func (p *parser) controls(b *block, path string) error {
	names, err := p.values(false, path)
	if err != nil {
		return err
	}
	b.allowed = noOperators
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return problem(path, "%s stands here twice", name)
		}
		op, ok := operatorNames[p.l.fold(name)]
		switch folded := p.l.fold(name); {
		case folded == "@@all":
			op = allOperators
		case folded == "@@none" && len(names) == 1:
		case !ok:
			return problem(path, "%q can't stand here", name)
		}
		b.allowed |= op
	}
	if len(names) == 0 {
		return problem(path, "the list is empty")
	}
	return nil
}

// values reads a list of values, or a single one.
func (p *parser) values(single bool, path string) ([]string, error) {
	if single {
		value, err := p.scalar(path)
		return []string{value}, err
	}
	if kind := p.d.PeekKind(); kind != '[' && kind != jsontext.KindInvalid {
		return nil, problem(path, "a list is expected")
	}
	if _, err := p.d.ReadToken(); err != nil {
		return nil, err
	}
	values := []string{}
	for p.d.PeekKind() != ']' {
		value, err := p.scalar(path)
		if err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	_, err := p.d.ReadToken()
	return values, err
}

// scalar reads a string, or a number or Boolean in the place of one.
func (p *parser) scalar(path string) (string, error) {
	switch p.d.PeekKind() {
	case jsontext.KindInvalid, '"', 't', 'f':
	case '0': // as it is written
		raw, err := p.d.ReadValue()
		return string(bytes.Clone(raw)), err
	default:
		return "", problem(path, "a string is expected")
	}
	token, err := p.d.ReadToken()
	if err != nil {
		return "", err
	}
	return token.String(), nil
}
