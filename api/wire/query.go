package wire

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"iter"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"emulator/api"
)

// MaxParameters bounds what one request may hold: parameters of a form, items of lists and maps in JSON.
const MaxParameters = 10_000

// Form is the parameters of a query request, escaped as they were sent: those of the query string, and
// those of the body. Where a name is given twice the first counts.
type Form struct{ Query, Body []byte }

// Len returns how many parameters there are at most. It parses nothing.
func (f Form) Len() int {
	n := 0
	for _, part := range [...][]byte{f.Query, f.Body} {
		if len(part) > 0 {
			n += bytes.Count(part, and) + 1
		}
	}
	return n
}

var and = []byte{'&'}

// Get returns the value of a parameter, "" if it is not given or can't be unescaped. Nothing is built of
// the others.
func (f Form) Get(name string) string {
	for _, part := range [...][]byte{f.Query, f.Body} {
		for pair := range bytes.SplitSeq(part, and) {
			n, value, _ := bytes.Cut(pair, []byte{'='})
			if string(n) == name || bytes.ContainsAny(n, "%+") && unescaped(n) == name {
				return unescaped(value)
			}
		}
	}
	return ""
}

func unescaped(b []byte) string {
	s, _ := url.QueryUnescape(string(b))
	return s
}

// DecodeQuery returns the operation's input, validated, from the parameters of a query request. Parameters
// that the operation does not know are ignored, as AWS does.
func (o *Operation) DecodeQuery(form Form) (any, error) {
	given, err := o.known(form)
	if err != nil {
		return nil, err
	}
	in := reflect.New(o.In)
	if err := decodeParameter(o.in, node{end: -1, parameters: given}, in.Elem(), ""); err != nil {
		return nil, err
	}
	return o.finish(in, !slices.ContainsFunc(given, func(p parameter) bool { return !isText(p.value) }))
}

// finish validates the input, and refuses text that is none: a NUL, or what is no UTF-8. The model's
// patterns, which say more, come first.
func (o *Operation) finish(in reflect.Value, text bool) (any, error) {
	if err := o.validate(in.Elem()); err != nil {
		return nil, err
	}
	if !text {
		return nil, api.Errorf("MalformedInput", "A value has a character that is not allowed in text.")
	}
	return in.Interface(), nil
}

func isText(s string) bool { return strings.IndexByte(s, 0) < 0 && utf8.ValidString(s) }

// parameter is a parameter of a form, unescaped. The dots in names spell a tree; the parameters below a
// node stand together once they are sorted.
type parameter struct{ name, value string }

// known returns the parameters below members of the operation's input, sorted.
func (o *Operation) known(form Form) ([]parameter, error) {
	if form.Len() > MaxParameters {
		return nil, api.Errorf("MalformedInput", "The request has more than %d parameters.", MaxParameters)
	}
	var found []parameter
	for i, part := range [...][]byte{form.Query, form.Body} {
		code := [...]string{"MalformedQueryString", "MalformedInput"}[i]
		for pair := range bytes.SplitSeq(part, and) {
			n, v, _ := bytes.Cut(pair, []byte{'='})
			member, _, _ := bytes.Cut(n, []byte{'.'})
			if _, ok := o.in.byName[string(member)]; !ok && !bytes.ContainsAny(member, "%+") {
				continue
			}
			name, err := url.QueryUnescape(string(n))
			if err != nil {
				return nil, api.Errorf(code, "The parameters can't be parsed: %v", err)
			}
			value, err := url.QueryUnescape(string(v))
			if err != nil {
				return nil, api.Errorf(code, "The parameters can't be parsed: %v", err)
			}
			found = append(found, parameter{name, value})
		}
	}
	slices.SortStableFunc(found, func(a, b parameter) int { return compareNames(a.name, b.name) })
	return found, nil
}

// compareNames orders a name before those below it, and both before others.
func compareNames(a, b string) int {
	for i := range min(len(a), len(b)) {
		switch {
		case a[i] == b[i]:
		case a[i] == '.':
			return -1
		case b[i] == '.':
			return 1
		default:
			return cmp.Compare(a[i], b[i])
		}
	}
	return cmp.Compare(len(a), len(b))
}

// node is the parameters whose names begin with that of a member, of which end characters name it.
type node struct {
	part       string // the last of the name
	end        int
	parameters []parameter
}

// value returns the node's own value, of which it may have none.
func (n node) value() (string, bool) {
	return n.parameters[0].value, len(n.parameters[0].name) == n.end
}

// below yields the nodes below this one.
func (n node) below() iter.Seq[node] {
	return func(yield func(node) bool) {
		for left := n.parameters; len(left) > 0; {
			if len(left[0].name) == n.end { // its own value
				left = left[1:]
				continue
			}
			part, _, _ := strings.Cut(left[0].name[n.end+1:], ".")
			count := 1
			for count < len(left) && startsWith(left[count].name[n.end+1:], part) {
				count++
			}
			if !yield(node{part, n.end + 1 + len(part), left[:count]}) {
				return
			}
			left = left[count:]
		}
	}
}

func startsWith(name, part string) bool {
	return strings.HasPrefix(name, part) && (len(name) == len(part) || name[len(part)] == '.')
}

// decodeParameter reads v from the parameters of a node. Nothing is built but what the plan names.
func decodeParameter(p *plan, n node, v reflect.Value, name string) error {
	switch p.kind {
	case structureKind:
		v = settable(v)
		for child := range n.below() {
			i, ok := p.byName[child.part]
			if !ok {
				continue
			}
			if i == absent {
				return unsupported(child.part)
			}
			f := &p.fields[i]
			if err := decodeParameter(f.plan, child, v.FieldByIndex(f.index), f.name); err != nil {
				return err
			}
		}
		return nil
	case unionKind:
		return decodeParameterUnion(p, n, v, name)
	case listKind:
		return decodeParameterList(p, n, v, name)
	case mapKind:
		return decodeParameterMap(p, n, v, name)
	}
	value, ok := n.value()
	if !ok {
		return malformed(name)
	}
	return decodeScalar(p, value, settable(v), name)
}

// decodeParameterUnion reads the one member that is given.
func decodeParameterUnion(p *plan, n node, v reflect.Value, name string) error {
	children := slices.Collect(n.below())
	if len(children) != 1 {
		return malformed(name)
	}
	i := slices.IndexFunc(p.fields, func(f field) bool { return f.name == children[0].part })
	if i < 0 {
		return malformed(name)
	}
	f := &p.fields[i]
	member := reflect.New(f.member)
	if err := decodeParameter(f.plan, children[0], member.Elem().FieldByIndex(f.index), f.name); err != nil {
		return err
	}
	v.Set(member)
	return nil
}

func malformed(name string) error {
	return api.Errorf("MalformedInput", "The value of parameter %s can't be parsed.", name)
}

// numbered returns the nodes called PART.1, PART.2 … below one, in order. Numbers may be left out. Nothing else may stand there:
// what was meant as an item would be none.
func (n node) numbered(part, name string) ([]node, error) {
	type item struct {
		node
		number int
	}
	var items []item
	if own, ok := n.value(); ok && own != "" {
		return nil, malformed(name)
	}
	for list := range n.below() {
		if own, ok := list.value(); ok && own != "" || list.part != part {
			return nil, malformed(name)
		}
		for child := range list.below() {
			number, err := strconv.Atoi(child.part)
			if err != nil || number < 1 || strconv.Itoa(number) != child.part { // "01"
				return nil, malformed(name)
			}
			items = append(items, item{child, number})
		}
	}
	slices.SortFunc(items, func(a, b item) int { return cmp.Compare(a.number, b.number) })
	nodes := make([]node, len(items))
	for i := range items {
		nodes[i] = items[i].node
	}
	return nodes, nil
}

// decodeParameterList reads NAME.member.N; "NAME=" is an empty list.
func decodeParameterList(p *plan, n node, v reflect.Value, name string) error {
	items, err := n.numbered("member", name)
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
func decodeParameterMap(p *plan, n node, v reflect.Value, name string) error {
	entries, err := n.numbered("entry", name)
	if err != nil {
		return err
	}
	m := reflect.MakeMapWithSize(v.Type(), len(entries))
	for _, entry := range entries {
		var key, value *node
		for child := range entry.below() {
			switch child.part {
			case "key":
				key = &child
			case "value":
				value = &child
			}
		}
		if key == nil || value == nil {
			return malformed(name)
		}
		element := reflect.New(v.Type().Elem()).Elem()
		if err := decodeParameter(p.element, *value, element, name); err != nil {
			return err
		}
		text, _ := key.value()
		m.SetMapIndex(reflect.ValueOf(text).Convert(v.Type().Key()), element)
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
