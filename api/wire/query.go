package wire

import (
	"encoding/base64"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"emulator/api"
)

// DecodeQuery returns the operation's input, validated, from the parameters of a query request. Parameters
// that the operation does not know are ignored, as AWS does.
func (o *Operation) DecodeQuery(form url.Values) (any, error) {
	in := reflect.New(o.In)
	root := parameters(form)
	if err := decodeParameter(o.in, root, in.Elem(), ""); err != nil {
		return nil, err
	}
	if err := o.validate(in.Elem()); err != nil {
		return nil, err
	}
	return in.Interface(), nil
}

// parameter is a node of the tree that the dots in parameters' names spell.
type parameter struct {
	value    string
	given    bool
	children map[string]*parameter
}

func parameters(form url.Values) *parameter {
	root := &parameter{children: make(map[string]*parameter, len(form))}
	for name, values := range form {
		at := root
		for part := range strings.SplitSeq(name, ".") {
			child := at.children[part]
			if child == nil {
				child = new(parameter)
				if at.children == nil {
					at.children = make(map[string]*parameter)
				}
				at.children[part] = child
			}
			at = child
		}
		at.value, at.given = values[0], true
	}
	return root
}

func decodeParameter(p *plan, at *parameter, v reflect.Value, name string) error {
	switch p.kind {
	case structureKind:
		v = settable(v)
		for i := range p.fields {
			f := &p.fields[i]
			child := at.children[f.name]
			if child == nil {
				continue
			}
			if err := decodeParameter(f.plan, child, v.Field(f.index), f.name); err != nil {
				return err
			}
		}
		return nil
	case unionKind:
		return decodeParameterUnion(p, at, v, name)
	case listKind:
		return decodeParameterList(p, at, v, name)
	case mapKind:
		return decodeParameterMap(p, at, v, name)
	}
	if !at.given {
		return malformed(name)
	}
	return decodeScalar(p, at.value, settable(v), name)
}

// decodeParameterUnion reads the one member that is given.
func decodeParameterUnion(p *plan, at *parameter, v reflect.Value, name string) error {
	if len(at.children) != 1 {
		return malformed(name)
	}
	for i := range p.fields {
		f := &p.fields[i]
		child := at.children[f.name]
		if child == nil {
			continue
		}
		member := reflect.New(f.member)
		if err := decodeParameter(f.plan, child, member.Elem().Field(f.index), f.name); err != nil {
			return err
		}
		v.Set(member)
		return nil
	}
	return malformed(name)
}

func malformed(name string) error {
	return api.Errorf("MalformedInput", "The value of parameter %s can't be parsed.", name)
}

// numbered returns the children of at called 1, 2 …, in order.
func numbered(at *parameter, name string) ([]*parameter, error) {
	if at == nil {
		return nil, nil
	}
	numbers := make([]int, 0, len(at.children))
	for key := range at.children {
		n, err := strconv.Atoi(key)
		if err != nil || n < 1 {
			return nil, malformed(name)
		}
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	found := make([]*parameter, len(numbers))
	for i, n := range numbers {
		if found[i] = at.children[strconv.Itoa(n)]; found[i] == nil { // "01"
			return nil, malformed(name)
		}
	}
	return found, nil
}

// decodeParameterList reads NAME.member.N; "NAME=" is an empty list.
func decodeParameterList(p *plan, at *parameter, v reflect.Value, name string) error {
	items, err := numbered(at.children["member"], name)
	if err != nil {
		return err
	}
	list := reflect.MakeSlice(v.Type(), len(items), len(items))
	for i, item := range items {
		if err := decodeParameter(p.element, item, list.Index(i), name); err != nil {
			return err
		}
	}
	v.Set(list)
	return nil
}

// decodeParameterMap reads NAME.entry.N.key and NAME.entry.N.value.
func decodeParameterMap(p *plan, at *parameter, v reflect.Value, name string) error {
	entries, err := numbered(at.children["entry"], name)
	if err != nil {
		return err
	}
	m := reflect.MakeMapWithSize(v.Type(), len(entries))
	for _, entry := range entries {
		key, value := entry.children["key"], entry.children["value"]
		if key == nil || value == nil {
			return malformed(name)
		}
		element := reflect.New(v.Type().Elem()).Elem()
		if err := decodeParameter(p.element, value, element, name); err != nil {
			return err
		}
		m.SetMapIndex(reflect.ValueOf(key.value).Convert(v.Type().Key()), element)
	}
	v.Set(m)
	return nil
}

// decodeScalar sets v from text.
func decodeScalar(p *plan, text string, v reflect.Value, name string) error {
	switch p.kind {
	case stringKind:
		v.SetString(text)
	case blobKind:
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return malformed(name)
		}
		v.SetBytes(b)
	case booleanKind:
		switch strings.ToLower(text) {
		case "true":
			v.SetBool(true)
		case "false":
			v.SetBool(false)
		default:
			return malformed(name)
		}
	case integerKind:
		n, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if err != nil {
			return malformed(name)
		}
		v.SetInt(n)
	case floatKind:
		f, err := strconv.ParseFloat(text, v.Type().Bits())
		if err != nil {
			return malformed(name)
		}
		v.SetFloat(f)
	case timestampKind:
		t, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return malformed(name)
		}
		v.Set(reflect.ValueOf(t.UTC()))
	}
	return nil
}
