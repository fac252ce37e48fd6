package policy

import (
	"errors"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// node is a JSON value that knows where it stands.
type node struct {
	kind       jsontext.Kind // of { [ " 0 t f n
	text       string        // of a string: unescaped; of numbers and literals: as written
	members    []member      // of an object
	items      []*node       // of an array
	start, end int
}

type member struct {
	name  string
	at    int
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

// maxDepth is far beyond the grammar's own depth.
const maxDepth = 32

var errDepth = errors.New("nested too deeply")

// parseJSON parses the whole text. Duplicate keys and invalid UTF-8 are errors.
func parseJSON(text string) (*node, *SyntaxError) {
	d := jsontext.NewDecoder(strings.NewReader(text))
	n, err := readNode(d, 0)
	if err == nil {
		if _, err = d.ReadToken(); errors.Is(err, io.EOF) {
			return n, nil
		}
		if err == nil {
			err = errors.New("more than one value")
		}
	}
	at := int(d.InputOffset())
	if s, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		at = int(s.ByteOffset)
	}
	return nil, &SyntaxError{Message: "Syntax errors in policy.", At: position(text, at)}
}

func readNode(d *jsontext.Decoder, depth int) (*node, error) {
	if depth > maxDepth {
		return nil, errDepth
	}
	kind := d.PeekKind()
	if kind != '{' && kind != '[' {
		raw, err := d.ReadValue()
		if err != nil {
			return nil, err
		}
		n := &node{kind: kind, text: string(raw), end: int(d.InputOffset())}
		n.start = n.end - len(raw)
		if kind == '"' {
			unquoted, err := jsontext.AppendUnquote(nil, raw)
			if err != nil {
				return nil, err
			}
			n.text = string(unquoted)
		}
		return n, nil
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	n := &node{kind: kind, start: int(d.InputOffset()) - 1}
	for d.PeekKind() != '}' && d.PeekKind() != ']' {
		if kind == '[' {
			item, err := readNode(d, depth+1)
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, item)
			continue
		}
		name, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		m := member{name: name.String(), at: int(d.InputOffset())}
		if m.value, err = readNode(d, depth+1); err != nil {
			return nil, err
		}
		n.members = append(n.members, m)
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	n.end = int(d.InputOffset())
	return n, nil
}
