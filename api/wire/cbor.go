package wire

import (
	"maps"
	"math"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"

	"emulator/api"
)

// SmithyCBOR is the Smithy-Protocol header of requests and answers in CBOR
// (https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html).
const SmithyCBOR = "rpc-v2-cbor"

// cborDepth is how deep the lists, maps and structures of a request may be: more than any operation has.
const cborDepth = 16

var (
	cborDecoder = func() cbor.DecMode {
		mode, err := cbor.DecOptions{
			DupMapKey: cbor.DupMapKeyEnforcedAPF, DefaultMapType: reflect.TypeFor[map[string]any](), BignumTag: cbor.BignumTagForbidden,
			MaxNestedLevels: cborDepth, MaxArrayElements: MaxParameters, MaxMapPairs: MaxParameters,
		}.DecMode()
		if err != nil {
			panic(err) // of options that can't be
		}
		return mode
	}()
	cborEncoder = func() cbor.EncMode {
		mode, err := cbor.CoreDetEncOptions().EncMode()
		if err != nil {
			panic(err)
		}
		return mode
	}()
)

// DecodeCBOR is DecodeJSON for a body in CBOR, in which blobs are bytes and timestamps tagged seconds.
func (o *Operation) DecodeCBOR(body []byte) (any, error) {
	in := reflect.New(o.In)
	r := cborReader{}
	if len(body) > 0 {
		var tree any
		if err := cborDecoder.Unmarshal(body, &tree); err != nil {
			return nil, api.Errorf("MalformedInput", "The request body is not valid CBOR: %v", err)
		}
		if err := r.set(o.in, tree, in.Elem()); err != nil {
			return nil, err
		}
	}
	return o.finish(in, !r.nul)
}

type cborReader struct {
	items int  // of lists and maps
	nul   bool // a string with a NUL was read
}

// text returns a string as it is.
func (r *cborReader) text(s string) string {
	r.nul = r.nul || strings.IndexByte(s, 0) >= 0
	return s
}

// count counts items of a list or map.
func (r *cborReader) count(items int) error {
	if r.items += items; r.items > MaxParameters {
		return api.Errorf("MalformedInput", "The request has more than %d items in lists and maps.", MaxParameters)
	}
	return nil
}

// set puts a decoded value where it belongs. A null leaves v as it is: absent.
func (r *cborReader) set(p *plan, value any, v reflect.Value) error {
	if value == nil {
		return nil
	}
	switch value := value.(type) {
	case map[string]any:
		switch p.kind {
		case structureKind:
			return r.structure(p, value, settable(v))
		case mapKind:
			return r.mapping(p, value, v)
		}
	case []any:
		if p.kind == listKind {
			return r.list(p, value, v)
		}
	case string:
		if p.kind == stringKind {
			settable(v).SetString(r.text(value))
			return nil
		}
	case []byte:
		if p.kind == blobKind {
			settable(v).SetBytes(value)
			return nil
		}
	case bool:
		if p.kind == booleanKind {
			settable(v).SetBool(value)
			return nil
		}
	case time.Time:
		if p.kind == timestampKind {
			settable(v).Set(reflect.ValueOf(value.UTC().Round(time.Millisecond)))
			return nil
		}
	case uint64:
		if p.kind == integerKind && value <= math.MaxInt64 {
			return r.integer(p, int64(value), settable(v))
		}
	case int64:
		if p.kind == integerKind {
			return r.integer(p, value, settable(v))
		}
	case float64:
		if p.kind == floatKind {
			settable(v).SetFloat(value)
			return nil
		}
	}
	return notOfType(p)
}

func notOfType(p *plan) error {
	return api.Errorf("MalformedInput", "A value can not be converted to %s", typeName(p))
}

func (r *cborReader) integer(p *plan, n int64, v reflect.Value) error {
	if v.OverflowInt(n) {
		return notOfType(p)
	}
	v.SetInt(n)
	return nil
}

// structure takes the members that the operation knows.
func (r *cborReader) structure(p *plan, members map[string]any, v reflect.Value) error {
	for _, name := range slices.Sorted(maps.Keys(members)) {
		i, ok := p.byName[name]
		if !ok || members[name] == nil {
			continue
		}
		if i == absent {
			return unsupported(name)
		}
		if err := r.set(p.fields[i].plan, members[name], v.FieldByIndex(p.fields[i].index)); err != nil {
			return err
		}
	}
	return nil
}

func (r *cborReader) list(p *plan, items []any, v reflect.Value) error {
	if err := r.count(len(items)); err != nil {
		return err
	}
	list := reflect.MakeSlice(v.Type(), len(items), len(items))
	for i, item := range items {
		if err := r.set(p.element, item, list.Index(i)); err != nil {
			return err
		}
	}
	v.Set(list)
	return nil
}

func (r *cborReader) mapping(p *plan, items map[string]any, v reflect.Value) error {
	if err := r.count(len(items)); err != nil {
		return err
	}
	m := reflect.MakeMapWithSize(v.Type(), len(items))
	for _, name := range slices.Sorted(maps.Keys(items)) {
		element := reflect.New(v.Type().Elem()).Elem()
		if err := r.set(p.element, items[name], element); err != nil {
			return err
		}
		m.SetMapIndex(reflect.ValueOf(r.text(name)).Convert(v.Type().Key()), element)
	}
	v.Set(m)
	return nil
}

// EncodeCBOR returns the output in CBOR: what is nil is left out.
func (o *Operation) EncodeCBOR(out any) Response {
	body, err := cborEncoder.Marshal(cborTree(o.out, reflect.ValueOf(out).Elem()))
	if err != nil {
		panic(err) // of what was made just now
	}
	return Response{Status: http.StatusOK, ContentType: ContentTypeCBOR, Body: body}
}

// cborTree returns a value as what the encoder makes it of.
func cborTree(p *plan, v reflect.Value) any {
	switch p.kind {
	case structureKind:
		members := make(map[string]any)
		for i := range p.fields {
			f := &p.fields[i]
			if value, ok := present(v.FieldByIndex(f.index)); ok || f.required && f.plan.kind == listKind {
				members[f.name] = cborTree(f.plan, value)
			}
		}
		return members
	case listKind:
		items := make([]any, v.Len())
		for i := range items {
			item, _ := present(v.Index(i))
			items[i] = cborTree(p.element, item)
		}
		return items
	case mapKind:
		items := make(map[string]any, v.Len())
		for _, key := range v.MapKeys() {
			items[validText(key.String())] = cborTree(p.element, v.MapIndex(key))
		}
		return items
	case stringKind:
		return validText(v.String())
	case blobKind:
		return v.Bytes()
	case booleanKind:
		return v.Bool()
	case integerKind:
		return v.Int()
	case floatKind:
		return v.Float()
	default: // timestampKind
		return cbor.Tag{Number: 1, Content: float64(timeAt(v).UnixMilli()) / 1000}
	}
}

// validText replaces what is no UTF-8, of which CBOR's text can have none.
func validText(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// EncodeErrorCBOR is EncodeError for a call in CBOR.
func (c *Codec) EncodeErrorCBOR(o *Operation, err error) Response {
	e, known, unexpected := c.resolve(o, err, true)
	members := map[string]string{"__type": known.code}
	if e.Message != "" {
		members[known.message] = validText(e.Message)
	}
	for _, name := range known.members {
		members[name] = e.Members[name]
	}
	body, err := cborEncoder.Marshal(members)
	if err != nil {
		panic(err)
	}
	return Response{Status: known.status, ContentType: ContentTypeCBOR, ErrorType: known.code, Body: body, Unexpected: unexpected}
}
