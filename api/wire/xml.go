package wire

import (
	"encoding/base64"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// AppendXML appends the answer of a query service: the output in its wrapper,
// and the request ID.
func (o *Operation) AppendXML(dst []byte, out any, requestID string) []byte {
	dst = append(dst, '<')
	dst = append(dst, o.Name...)
	dst = append(dst, `Response xmlns="`...)
	dst = append(dst, o.namespace...)
	dst = append(dst, `">`...)
	if o.model.ResultWrapper != "" {
		dst = appendElement(dst, o.out, o.model.ResultWrapper, reflect.ValueOf(out).Elem())
	} else {
		dst = appendMembers(dst, o.out, reflect.ValueOf(out).Elem())
	}
	dst = append(dst, "<ResponseMetadata><RequestId>"...)
	dst = append(dst, requestID...)
	dst = append(dst, "</RequestId></ResponseMetadata></"...)
	dst = append(dst, o.Name...)
	return append(dst, "Response>"...)
}

// appendElement appends <name>v</name>.
func appendElement(dst []byte, p *plan, name string, v reflect.Value) []byte {
	dst = append(dst, '<')
	dst = append(dst, name...)
	dst = append(dst, '>')
	start := len(dst)
	switch p.kind {
	case structureKind:
		dst = appendMembers(dst, p, v)
	case listKind:
		for i := range v.Len() {
			item, _ := present(v.Index(i))
			dst = appendElement(dst, p.element, "member", item)
		}
	case mapKind:
		for _, key := range sortedKeys(v) {
			dst = append(dst, "<entry><key>"...)
			dst = appendText(dst, key.String())
			dst = append(dst, "</key>"...)
			dst = appendElement(dst, p.element, "value", v.MapIndex(key))
			dst = append(dst, "</entry>"...)
		}
	default:
		dst = appendScalar(dst, p, v)
	}
	if len(dst) == start { // <name/>
		dst[start-1] = '/'
		return append(dst, '>')
	}
	dst = append(dst, "</"...)
	dst = append(dst, name...)
	return append(dst, '>')
}

func appendMembers(dst []byte, p *plan, v reflect.Value) []byte {
	for i := range p.fields {
		f := &p.fields[i]
		value, ok := present(v.FieldByIndex(f.index))
		if !ok && !(f.required && f.plan.kind == listKind) { // AWS sends required lists though they be empty
			continue
		}
		dst = appendElement(dst, f.plan, f.name, value)
	}
	return dst
}

func sortedKeys(m reflect.Value) []reflect.Value {
	byName := make(map[string]reflect.Value, m.Len())
	for _, key := range m.MapKeys() {
		byName[key.String()] = key
	}
	keys := make([]reflect.Value, 0, len(byName))
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		keys = append(keys, byName[name])
	}
	return keys
}

func appendScalar(dst []byte, p *plan, v reflect.Value) []byte {
	switch p.kind {
	case stringKind:
		return appendText(dst, v.String())
	case blobKind:
		return base64.StdEncoding.AppendEncode(dst, v.Bytes())
	case booleanKind:
		return strconv.AppendBool(dst, v.Bool())
	case integerKind:
		return strconv.AppendInt(dst, v.Int(), 10)
	case floatKind:
		return strconv.AppendFloat(dst, v.Float(), 'g', -1, 64)
	default: // timestampKind
		return timeAt(v).UTC().AppendFormat(dst, time.RFC3339)
	}
}

// appendText escapes s for XML. What XML can't hold becomes U+FFFD.
func appendText(dst []byte, s string) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			i++
			switch {
			case c == '&':
				dst = append(dst, "&amp;"...)
			case c == '<':
				dst = append(dst, "&lt;"...)
			case c == '>':
				dst = append(dst, "&gt;"...)
			case c == '"':
				dst = append(dst, "&quot;"...)
			case c == '\r', c == '\n', c == '\t': // else a parser makes other white space of them
				dst = append(dst, "&#x"...)
				dst = append(dst, strings.ToUpper(strconv.FormatUint(uint64(c), 16))...)
				dst = append(dst, ';')
			case c < 0x20:
				dst = append(dst, "\uFFFD"...)
			default:
				dst = append(dst, c)
			}
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		i += size
		if r == 0xFFFE || r == 0xFFFF {
			r = utf8.RuneError
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}
