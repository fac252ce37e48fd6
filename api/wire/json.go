package wire

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"math"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"emulator/api"
)

// DecodeJSON returns the operation's input, validated, from a JSON body. Members that
// the operation does not know are ignored, null is absence, names match with case.
func (o *Operation) DecodeJSON(body []byte) (any, error) {
	in := reflect.New(o.In)
	text := true
	if len(bytes.TrimSpace(body)) > 0 {
		r := decoders.Get().(*decoder)
		defer r.release()
		r.read(body)
		if err := r.decode(o.in, in.Elem()); err != nil {
			return nil, serialization(err)
		}
		if _, err := r.ReadToken(); !errors.Is(err, io.EOF) {
			return nil, serialization(errors.New("data after the JSON value"))
		}
		text = !r.nul
	}
	return o.finish(in, text)
}

// serialization makes AWS's error of what the parser says.
func serialization(err error) error {
	if e, ok := errors.AsType[*api.Error](err); ok {
		return e
	}
	return api.Errorf("MalformedInput", "The request body is not valid JSON: %v", err)
}

var decoders = sync.Pool{New: func() any { return &decoder{Decoder: jsontext.NewDecoder(new(bytes.Buffer))} }}

type decoder struct {
	*jsontext.Decoder
	buffer bytes.Buffer
	items  int  // of lists and maps
	nul    bool // a string with a NUL was read; one that is no UTF-8 is an error
}

func (d *decoder) read(body []byte) {
	d.buffer = *bytes.NewBuffer(body)
	d.Reset(&d.buffer)
	d.items, d.nul = 0, false
}

// release gives the decoder back, without the body.
func (d *decoder) release() {
	d.read(nil)
	decoders.Put(d)
}

// text returns a string's value.
func (d *decoder) text(token jsontext.Token) string {
	s := token.String()
	d.nul = d.nul || strings.IndexByte(s, 0) >= 0
	return s
}

// item counts one more item of a list or map.
func (d *decoder) item() error {
	if d.items++; d.items > MaxParameters {
		return api.Errorf("MalformedInput", "The request has more than %d items in lists and maps.", MaxParameters)
	}
	return nil
}

// wrongType words the error as AWS does.
func wrongType(found jsontext.Kind, p *plan) error {
	switch found {
	case '{', '[':
		return api.Errorf("MalformedInput", "Start of structure or list found where not expected.")
	case '"':
		return api.Errorf("MalformedInput", "STRING_VALUE can not be converted to %s", typeName(p))
	case '0':
		return api.Errorf("MalformedInput", "NUMBER_VALUE can not be converted to %s", typeName(p))
	default:
		return api.Errorf("MalformedInput", "%s_VALUE can not be converted to %s", map[jsontext.Kind]string{'t': "TRUE", 'f': "FALSE"}[found], typeName(p))
	}
}

func typeName(p *plan) string {
	return map[kind]string{
		structureKind: "a structure", listKind: "a list", mapKind: "a map", stringKind: "String", blobKind: "a blob",
		booleanKind: "Boolean", integerKind: "Integer", floatKind: "Double", timestampKind: "milliseconds since epoch",
	}[p.kind]
}

// decode reads one value. A null leaves v as it is: absent.
func (d *decoder) decode(p *plan, v reflect.Value) error {
	switch d.PeekKind() {
	case 'n':
		_, err := d.ReadToken()
		return err
	case '{':
		switch p.kind {
		case structureKind:
			return d.structure(p, settable(v))
		case mapKind:
			return d.mapping(p, v)
		}
	case '[':
		if p.kind == listKind {
			return d.list(p, v)
		}
	case 0:
		_, err := d.ReadToken()
		return err
	case '"':
		token, err := d.ReadToken()
		if err != nil {
			return err
		}
		return setString(p, d.text(token), settable(v))
	default:
		token, err := d.ReadToken()
		if err != nil {
			return err
		}
		return setLiteral(p, token, settable(v))
	}
	return wrongType(d.PeekKind(), p)
}

func (d *decoder) structure(p *plan, v reflect.Value) error {
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return err
		}
		i, ok := p.byName[name.String()]
		if !ok {
			if err := d.SkipValue(); err != nil {
				return err
			}
			continue
		}
		if i == absent {
			return unsupported(name.String())
		}
		if err := d.decode(p.fields[i].plan, v.FieldByIndex(p.fields[i].index)); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

func (d *decoder) list(p *plan, v reflect.Value) error {
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	list := reflect.MakeSlice(v.Type(), 0, 4)
	for d.PeekKind() != ']' {
		if err := d.item(); err != nil {
			return err
		}
		element := reflect.New(v.Type().Elem()).Elem()
		if err := d.decode(p.element, element); err != nil {
			return err
		}
		list = reflect.Append(list, element)
	}
	v.Set(list)
	_, err := d.ReadToken()
	return err
}

func (d *decoder) mapping(p *plan, v reflect.Value) error {
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	m := reflect.MakeMap(v.Type())
	for d.PeekKind() != '}' {
		if err := d.item(); err != nil {
			return err
		}
		name, err := d.ReadToken()
		if err != nil {
			return err
		}
		key := reflect.ValueOf(d.text(name)).Convert(v.Type().Key())
		element := reflect.New(v.Type().Elem()).Elem()
		if err := d.decode(p.element, element); err != nil {
			return err
		}
		m.SetMapIndex(key, element)
	}
	v.Set(m)
	_, err := d.ReadToken()
	return err
}

func setString(p *plan, text string, v reflect.Value) error {
	switch p.kind {
	case stringKind:
		v.SetString(text)
		return nil
	case blobKind:
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return api.Errorf("MalformedInput", "The value is not base64: %v", err)
		}
		v.SetBytes(b)
		return nil
	}
	return wrongType('"', p)
}

func setLiteral(p *plan, token jsontext.Token, v reflect.Value) error {
	k := token.Kind()
	switch {
	case p.kind == booleanKind && k != '0':
		v.SetBool(token.Bool())
		return nil
	case k != '0':
		return wrongType(k, p)
	case p.kind == integerKind:
		n, err := strconv.ParseInt(token.String(), 10, v.Type().Bits())
		if err != nil {
			return wrongType(k, p)
		}
		v.SetInt(n)
		return nil
	case p.kind == floatKind:
		f, err := strconv.ParseFloat(token.String(), v.Type().Bits())
		if err != nil {
			return wrongType(k, p)
		}
		v.SetFloat(f)
		return nil
	case p.kind == timestampKind:
		f, err := strconv.ParseFloat(token.String(), 64)
		if err != nil || math.Abs(f) > 253402300799 { // the year 9999
			return wrongType(k, p)
		}
		v.Set(reflect.ValueOf(time.UnixMilli(int64(math.Round(f * 1000))).UTC()))
		return nil
	}
	return wrongType(k, p)
}

// AppendJSON appends the output as JSON 1.1: what is nil is left out, timestamps are
// seconds since the epoch.
func (o *Operation) AppendJSON(dst []byte, out any) []byte {
	return appendJSON(dst, o.out, reflect.ValueOf(out).Elem())
}

// AppendQueryJSON appends the JSON form of a query service's answer, which it gives when
// asked with Accept: application/json.
func (o *Operation) AppendQueryJSON(dst []byte, out any, requestID string) []byte {
	dst = append(dst, `{"`+o.Name+`Response":{`...)
	if o.model.ResultWrapper != "" {
		dst = append(dst, `"`+o.model.ResultWrapper+`":`...)
		dst = appendJSON(dst, o.out, reflect.ValueOf(out).Elem())
		dst = append(dst, ',')
	}
	return append(dst, `"ResponseMetadata":{"RequestId":"`+requestID+`"}}}`...)
}

func appendJSON(dst []byte, p *plan, v reflect.Value) []byte {
	switch p.kind {
	case structureKind:
		dst = append(dst, '{')
		start := len(dst)
		for i := range p.fields {
			f := &p.fields[i]
			value, ok := present(v.FieldByIndex(f.index))
			if !ok && !(f.required && f.plan.kind == listKind) {
				continue
			}
			if len(dst) > start {
				dst = append(dst, ',')
			}
			dst = append(dst, '"')
			dst = append(dst, f.name...)
			dst = append(dst, `":`...)
			dst = appendJSON(dst, f.plan, value)
		}
		return append(dst, '}')
	case listKind:
		dst = append(dst, '[')
		for i := range v.Len() {
			if i > 0 {
				dst = append(dst, ',')
			}
			item, _ := present(v.Index(i))
			dst = appendJSON(dst, p.element, item)
		}
		return append(dst, ']')
	case mapKind:
		dst = append(dst, '{')
		for i, key := range sortedKeys(v) {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendQuoted(dst, key.String())
			dst = append(dst, ':')
			dst = appendJSON(dst, p.element, v.MapIndex(key))
		}
		return append(dst, '}')
	case stringKind:
		return appendQuoted(dst, v.String())
	case blobKind:
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, v.Bytes())
		return append(dst, '"')
	case timestampKind:
		return strconv.AppendFloat(dst, float64(timeAt(v).UnixMilli())/1000, 'f', -1, 64)
	default:
		return appendScalar(dst, p, v)
	}
}

// appendQuoted appends s as a JSON string; what is no UTF-8 becomes U+FFFD.
func appendQuoted(dst []byte, s string) []byte {
	quoted, err := jsontext.AppendQuote(dst, s)
	if err != nil {
		quoted, _ = jsontext.AppendQuote(dst, string(bytes.ToValidUTF8([]byte(s), []byte("\uFFFD"))))
	}
	return quoted
}
