package wire

import (
	"reflect"
	"slices"
	"strings"
	"unicode"

	"emulator/api/model"
)

// Bounds of what an event shows of an input or output, in bytes of JSON.
const (
	maxShown     = 8 << 10
	maxShownText = 1 << 10
)

// unshown are members of which the model does not say that they are secret, and that no event has: AWS leaves them
// out, but for the session token, which is good here as long as the master key is.
var unshown = map[string]bool{
	"SessionToken": true, "TokenCode": true, "AuthenticationCode1": true, "AuthenticationCode2": true,
	"GrantToken": true, "GrantTokens": true, "ContextAssertion": true, "PreCoPassword": true,
}

// hidden reports whether no event has a member.
func hidden(m *model.Member) bool {
	shape := m.Shape
	for shape.Element != nil {
		shape = shape.Element.Shape
	}
	return unshown[m.Name] || m.Shape.Sensitive || shape.Sensitive || shape.Type == "blob"
}

// AppendShownInput appends what an event shows of the operation's input as JSON, with the member names and dates that
// CloudTrail has, and nothing if that is nothing: no blobs and no secrets. Long texts are cut, and what has no room
// is left out.
func (o *Operation) AppendShownInput(dst []byte, in any) []byte {
	return appendShown(dst, o.in, in)
}

// AppendShownOutput is AppendShownInput of the output.
func (o *Operation) AppendShownOutput(dst []byte, out any) []byte {
	return appendShown(dst, o.out, out)
}

func appendShown(dst []byte, p *plan, v any) []byte {
	s := shower{len(dst) + maxShown}
	shown := s.append(dst, p, reflect.ValueOf(v).Elem())
	if len(shown) == len(dst)+len("{}") {
		return dst
	}
	return shown
}

// shower appends members up to an end. What is begun is ended beyond it: one text, and brackets.
type shower struct{ end int }

func (s shower) append(dst []byte, p *plan, v reflect.Value) []byte {
	switch p.kind {
	case structureKind:
		dst = append(dst, '{')
		start := len(dst)
		material := isKeyMaterial(p, v)
		for i := range p.fields {
			f := &p.fields[i]
			value, ok := present(v.FieldByIndex(f.index))
			if !ok || f.hidden || material && f.name == "TagValue" {
				continue
			}
			if len(dst) > s.end {
				break
			}
			dst = s.append(appendMemberName(appendComma(dst, start), f.name), f.plan, value)
		}
		return append(dst, '}')
	case unionKind:
		dst = append(dst, '{')
		if member := v.Elem(); member.IsValid() {
			for i := range p.fields {
				if f := &p.fields[i]; member.Type() == reflect.PointerTo(f.member) && !f.hidden {
					value, _ := present(member.Elem().FieldByIndex(f.index))
					dst = s.append(appendMemberName(dst, f.name), f.plan, value)
				}
			}
		}
		return append(dst, '}')
	case listKind:
		dst = append(dst, '[')
		start := len(dst)
		for i := 0; i < v.Len() && len(dst) <= s.end; i++ {
			item, ok := present(v.Index(i))
			if !ok {
				continue
			}
			dst = s.append(appendComma(dst, start), p.element, item)
		}
		return append(dst, ']')
	case mapKind:
		dst = append(dst, '{')
		start := len(dst)
		texts, ok := v.Interface().(map[string]string)
		if !ok {
			for _, key := range sortedKeys(v) {
				if len(dst) <= s.end {
					dst = appendQuoted(appendComma(dst, start), shownText(key.String()))
					dst = s.append(append(dst, ':'), p.element, v.MapIndex(key))
				}
			}
			return append(dst, '}')
		}
		var room [16]string
		keys := room[:0]
		for key := range texts { // as in an encryption context: reflection would take some microseconds
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for _, key := range keys {
			if len(dst) <= s.end {
				dst = appendQuoted(appendComma(dst, start), shownText(key))
				dst = appendQuoted(append(dst, ':'), shownText(texts[key]))
			}
		}
		return append(dst, '}')
	case stringKind:
		return appendQuoted(dst, shownText(v.String()))
	case timestampKind:
		return timeAt(v).UTC().AppendFormat(dst, `"Jan 2, 2006, 3:04:05 PM"`)
	default:
		return appendScalar(dst, p, v)
	}
}

// isKeyMaterial reports whether a structure is the reserved tag of a new KMS key whose value is the key's material.
func isKeyMaterial(p *plan, v reflect.Value) bool {
	i, ok := p.byName["TagKey"]
	if !ok {
		return false
	}
	key, ok := present(v.FieldByIndex(p.fields[i].index))
	return ok && key.String() == "_custom_key_material_"
}

// appendMemberName appends a member's name as CloudTrail has it: keyId.
func appendMemberName(dst []byte, name string) []byte {
	dst = append(dst, '"', byte(unicode.ToLower(rune(name[0]))))
	return append(append(dst, name[1:]...), `":`...)
}

func appendComma(dst []byte, start int) []byte {
	if len(dst) > start {
		return append(dst, ',')
	}
	return dst
}

func shownText(s string) string {
	if len(s) <= maxShownText {
		return s
	}
	return strings.ToValidUTF8(s[:maxShownText], "") + "…"
}
