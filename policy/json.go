package policy

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// node is a JSON value that knows where it stands.
type node struct {
	kind       jsontext.Kind // of { [ " 0 t f n
	text       string        // of a string: unescaped; of a number or literal: as written
	members    []member      // of an object
	items      []*node       // of an array
	start, end int
}

// member is a name and its value in an object.
type member struct {
	name  string
	start int
	value *node
}

// get returns the member of that name, or nil.
func (n *node) get(name string) *node {
	for i := range n.members {
		if n.members[i].name == name {
			return n.members[i].value
		}
	}
	return nil
}

// list returns the items of an array, or a single value as the only item: wherever
// the grammar has a list, a single value may stand for it.
func (n *node) list() []*node {
	if n.kind == '[' {
		return n.items
	}
	return []*node{n}
}

// maxDepth is far beyond the grammar's own depth.
const maxDepth = 32

var (
	errDepth    = errors.New("nested too deeply")
	errTrailing = errors.New("more than one JSON value")
)

// parseJSON parses all of text. Duplicate names and invalid UTF-8 are errors. at is
// where the error is.
func parseJSON(text string) (n *node, at int, err error) {
	d := decoder{jsontext.NewDecoder(strings.NewReader(text)), text}
	if n, err = d.readNode(0); err == nil {
		if _, err = d.ReadToken(); errors.Is(err, io.EOF) {
			return n, 0, nil
		}
		if err == nil {
			err = errTrailing
		}
	}
	at = int(d.InputOffset())
	if s, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		at = int(s.ByteOffset)
		err = s.Err
	}
	return nil, at, err
}

// decoder knows the text, so that strings need not be copied out of it.
type decoder struct {
	*jsontext.Decoder
	text string
}

func (d decoder) readNode(depth int) (*node, error) {
	if depth > maxDepth {
		return nil, errDepth
	}
	kind := d.PeekKind()
	if kind != '{' && kind != '[' {
		return d.readScalar(kind)
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	n := &node{kind: kind, start: int(d.InputOffset()) - 1}
	for d.PeekKind() != '}' && d.PeekKind() != ']' {
		var m member
		if kind == '{' {
			name, err := d.readScalar('"')
			if err != nil {
				return nil, err
			}
			m.name, m.start = name.text, name.start
		}
		value, err := d.readNode(depth + 1)
		if err != nil {
			return nil, err
		}
		if kind == '{' {
			m.value = value
			n.members = append(n.members, m)
		} else {
			n.items = append(n.items, value)
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	n.end = int(d.InputOffset())
	return n, nil
}

// readScalar reads a string, number or literal; the decoder checks that it is one.
func (d decoder) readScalar(kind jsontext.Kind) (*node, error) {
	raw, err := d.ReadValue()
	if err != nil {
		return nil, err
	}
	end := int(d.InputOffset())
	n := &node{kind: kind, text: d.text[end-len(raw) : end], start: end - len(raw), end: end}
	switch {
	case kind == '"' && bytes.IndexByte(raw, '\\') < 0:
		n.text = n.text[1 : len(n.text)-1]
	case kind == '"':
		unquoted, err := jsontext.AppendUnquote(nil, raw)
		if err != nil {
			return nil, err
		}
		n.text = string(unquoted)
	}
	return n, nil
}
