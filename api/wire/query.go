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
	if err := decodeParameter(o.in, given, -1, in.Elem(), ""); err != nil {
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

// below yields the nodes below one.
func below(parameters []parameter, end int) iter.Seq[node] {
	return func(yield func(node) bool) {
		for len(parameters) > 0 {
			if len(parameters[0].name) == end { // the node's own value
				parameters = parameters[1:]
				continue
			}
			part, _, _ := strings.Cut(parameters[0].name[end+1:], ".")
			until, n := end+1+len(part), 1
			for n < len(parameters) && startsWith(parameters[n].name[end+1:], part) {
				n++
			}
			if !yield(node{part, until, parameters[:n]}) {
				return
			}
			parameters = parameters[n:]
		}
	}
}

func startsWith(name, part string) bool {
	return strings.HasPrefix(name, part) && (len(name) == len(part) || name[len(part)] == '.')
}

// decodeParameter reads v from the parameters of a node. Nothing is built but what the plan names.
func decodeParameter(p *plan, at []parameter, end int, v reflect.Value, name string) error {
	switch p.kind {
	case structureKind:
		v = settable(v)
		for child := range below(at, end) {
			i, ok := p.byName[child.part]
			if !ok {
				continue
			}
			f := &p.fields[i]
			if err := decodeParameter(f.plan, child.parameters, child.end, v.Field(f.index), f.name); err != nil {
				return err
			}
		}
		return nil
	case unionKind:
		return decodeParameterUnion(p, at, end, v, name)
	case listKind:
		return decodeParameterList(p, at, end, v, name)
	case mapKind:
		return decodeParameterMap(p, at, end, v, name)
	}
	if len(at[0].name) != end {
		return malformed(name)
	}
	return decodeScalar(p, at[0].value, settable(v), name)
}

// decodeParameterUnion reads the one member that is given.
func decodeParameterUnion(p *plan, at []parameter, end int, v reflect.Value, name string) error {
	children := slices.Collect(below(at, end))
	if len(children) != 1 {
		return malformed(name)
	}
	i := slices.IndexFunc(p.fields, func(f field) bool { return f.name == children[0].part })
	if i < 0 {
		return malformed(name)
	}
	f := &p.fields[i]
	member := reflect.New(f.member)
	if err := decodeParameter(f.plan, children[0].parameters, children[0].end, member.Elem().Field(f.index), f.name); err != nil {
		return err
	}
	v.Set(member)
	return nil
}

func malformed(name string) error {
	return api.Errorf("MalformedInput", "The value of parameter %s can't be parsed.", name)
}

// numbered returns the nodes called PART.1, PART.2 … below one, in order. Numbers may be left out.
func numbered(at []parameter, end int, part, name string) ([]node, error) {
	type item struct {
		node
		number int
	}
	var items []item
	for list := range below(at, end) {
		if list.part != part {
			continue
		}
		for child := range below(list.parameters, list.end) {
			n, err := strconv.Atoi(child.part)
			if err != nil || n < 1 || strconv.Itoa(n) != child.part { // "01"
				return nil, malformed(name)
			}
			items = append(items, item{child, n})
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
func decodeParameterList(p *plan, at []parameter, end int, v reflect.Value, name string) error {
	items, err := numbered(at, end, "member", name)
	if err != nil {
		return err
	}
	list := reflect.MakeSlice(v.Type(), len(items), len(items))
	for i, item := range items {
		if err := decodeParameter(p.element, item.parameters, item.end, list.Index(i), name); err != nil {
			return err
		}
	}
	v.Set(list)
	return nil
}

// decodeParameterMap reads NAME.entry.N.key and NAME.entry.N.value.
func decodeParameterMap(p *plan, at []parameter, end int, v reflect.Value, name string) error {
	entries, err := numbered(at, end, "entry", name)
	if err != nil {
		return err
	}
	m := reflect.MakeMapWithSize(v.Type(), len(entries))
	for _, entry := range entries {
		var key *string
		element := reflect.New(v.Type().Elem()).Elem()
		valued := false
		for child := range below(entry.parameters, entry.end) {
			switch child.part {
			case "key":
				key = &child.parameters[0].value
			case "value":
				valued = true
				if err := decodeParameter(p.element, child.parameters, child.end, element, name); err != nil {
					return err
				}
			}
		}
		if key == nil || !valued {
			return malformed(name)
		}
		m.SetMapIndex(reflect.ValueOf(*key).Convert(v.Type().Key()), element)
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
