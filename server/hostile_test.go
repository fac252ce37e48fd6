package server_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"emulator/api/model"
	"emulator/emulatortest"
	"emulator/server"
)

// hostile are values that no operation expects, by type, as bytes of a form and as JSON.
var hostile = map[string][]text{
	"string": {
		{"a\x00b", `"a\u0000b"`},
		{"a\xed\xa0\x80b", `"a\ud800b"`}, // half of a surrogate pair
		{"a\xffb", "\"a\xffb\""},         // no UTF-8
		{strings.Repeat("a", 4000), `"` + strings.Repeat("a", 4000) + `"`},
		{strings.Repeat("a", 40_000), `"` + strings.Repeat("a", 40_000) + `"`}, // longer than the database's keys
		{"", `""`},
	},
	"integer":   {{"-1", "-1"}, {"0", "0"}, {"2147483647", "2147483647"}, {"9223372036854775808", "1e400"}},
	"long":      {{"-1", "-1"}, {"0", "0"}, {"9223372036854775807", "9223372036854775807"}},
	"timestamp": {{"9999-12-31T23:59:59Z", "253402300799"}, {"0001-01-01T00:00:00Z", "-62135596800"}, {"x", `"x"`}},
	"blob":      {{"", `""`}, {"!", `"!"`}, {strings.Repeat("AAAA", 10_000), `"` + strings.Repeat("AAAA", 10_000) + `"`}},
}

// TestHostileValues puts each of them into every member that every registered operation takes: members of
// members, items of lists, keys and values of maps. None is a bug of ours.
func TestHostileValues(t *testing.T) {
	e := emulatortest.Start(t)
	values := prepare(t, e)
	maps.Copy(values, map[string]any{"KeyPairSpec": "ECC_NIST_P256", "KeySpec": "AES_256"})
	config := user(t, e, "bob")
	bob, err := config.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.Open(server.Config{DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	sent := 0
	for _, c := range s.Coverage() {
		m, err := model.Load(c.Service)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range c.Registered {
			in := m.Operations[name].Input
			if in == nil {
				continue
			}
			for _, path := range leaves(in, nil) {
				for _, h := range hostile[path.kind] {
					input := example(in, values).(map[string]any)
					place(in, input, path.steps, h, values)
					request := call{service: m.SigningName}
					if m.Protocol == "json" {
						request.header, request.body = jsonFor(m.TargetPrefix+"."+name), string(appendJSON(nil, input))
					} else {
						parameters := url.Values{"Action": {name}, "Version": {m.APIVersion}}
						addParameters(parameters, "", input)
						request.header, request.body = form, parameters.Encode()
					}
					for _, request.credentials = range []aws.Credentials{bob, root} {
						sent++
						if resp, body := send(t, e, request); resp.StatusCode >= 500 && resp.StatusCode != http.StatusNotImplemented {
							t.Errorf("%s %s: %.20s in %s: %s %.300s", c.Service, name, h.json, strings.Join(path.steps, "."), resp.Status, body)
						}
					}
				}
			}
		}
	}
	t.Logf("%d requests", sent)
}

// text is a value as it stands in a form and in JSON.
type text struct{ form, json string }

// entry is a map's only one.
type entry struct{ key, value any }

// Steps of paths below members.
const (
	item  = "[]"
	key   = "{key}"
	value = "{value}"
)

// leaf is where a value of a type can stand.
type leaf struct {
	steps []string
	kind  string
}

// leaves returns what is below a shape and has nothing below itself.
func leaves(shape *model.Shape, above []string) []leaf {
	var found []leaf
	below := func(step string, s *model.Shape) {
		if len(above) < 8 {
			found = append(found, leaves(s, append(slices.Clone(above), step))...)
		}
	}
	switch shape.Type {
	case "structure":
		for _, m := range shape.Members {
			below(m.Name, m.Shape)
		}
	case "list":
		below(item, shape.Element.Shape)
	case "map":
		below(key, shape.Key.Shape)
		below(value, shape.Element.Shape)
	default:
		return []leaf{{above, shape.Type}}
	}
	return found
}

// example returns a value of a shape with what it needs.
func example(shape *model.Shape, values map[string]any) any {
	switch shape.Type {
	case "structure":
		v := make(map[string]any)
		for i, m := range shape.Members {
			if m.Required || slices.Contains(alwaysGiven, m.Name) || shape.Union && i == 0 {
				v[m.Name] = exampleMember(&m, values)
			}
		}
		return v
	case "list":
		return []any{example(shape.Element.Shape, values)}
	case "map":
		return entry{text{"a", `"a"`}, example(shape.Element.Shape, values)}
	case "boolean":
		return true
	case "blob":
		return base64.StdEncoding.EncodeToString([]byte("x"))
	case "string":
		if len(shape.Enum) > 0 {
			return shape.Enum[0]
		}
		return "name"
	case "timestamp":
		return nil
	default:
		return 1
	}
}

func exampleMember(m *model.Member, values map[string]any) any {
	given := values[keyOf(m)]
	switch given := given.(type) {
	case nil:
		return example(m.Shape, values)
	case []byte:
		return base64.StdEncoding.EncodeToString(given)
	case []string:
		list := make([]any, len(given))
		for i := range given {
			list[i] = given[i]
		}
		return list
	case map[string]string:
		for k, v := range given {
			return entry{text{k, strconv.Quote(k)}, v}
		}
		return nil
	default:
		if len(m.Shape.Enum) > 0 && !slices.Contains(m.Shape.Enum, fmt.Sprint(given)) {
			return m.Shape.Enum[0]
		}
		return given
	}
}

// place puts a value at a path below v, and makes what is not there on the way.
func place(shape *model.Shape, v any, path []string, hostile text, values map[string]any) any {
	if len(path) == 0 {
		return hostile
	}
	switch shape.Type {
	case "structure":
		m := shape.Members[slices.IndexFunc(shape.Members, func(m model.Member) bool { return m.Name == path[0] })]
		members := v.(map[string]any)
		if shape.Union {
			clear(members)
		}
		below, ok := members[m.Name]
		if !ok {
			below = example(m.Shape, values)
		}
		members[m.Name] = place(m.Shape, below, path[1:], hostile, values)
		return members
	case "list":
		return []any{place(shape.Element.Shape, v.([]any)[0], path[1:], hostile, values)}
	default:
		e := v.(entry)
		if path[0] == key {
			return entry{hostile, e.value}
		}
		return entry{e.key, place(shape.Element.Shape, e.value, path[1:], hostile, values)}
	}
}

func addParameters(parameters url.Values, name string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for member, below := range v {
			addParameters(parameters, strings.TrimPrefix(name+"."+member, "."), below)
		}
	case []any:
		for i, below := range v {
			addParameters(parameters, name+".member."+strconv.Itoa(i+1), below)
		}
	case entry:
		addParameters(parameters, name+".entry.1.key", v.key)
		addParameters(parameters, name+".entry.1.value", v.value)
	case text:
		parameters.Set(name, v.form)
	case nil:
	default:
		parameters.Set(name, fmt.Sprint(v))
	}
}

func appendJSON(b []byte, v any) []byte {
	switch v := v.(type) {
	case map[string]any:
		b = append(b, '{')
		for i, member := range slices.Sorted(maps.Keys(v)) {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(strconv.AppendQuote(b, member), ':')
			b = appendJSON(b, v[member])
		}
		return append(b, '}')
	case []any:
		b = append(b, '[')
		for i, below := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, below)
		}
		return append(b, ']')
	case entry:
		b = append(appendJSON(append(b, '{'), v.key), ':')
		return append(appendJSON(b, v.value), '}')
	case text:
		return append(b, v.json...)
	default:
		quoted, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return append(b, quoted...)
	}
}
