package iam

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/go-json-experiment/json/jsontext"

	"emulator/api"
)

// A renderer fills the parameters of a template in.
//
// What it does and says is as AWS was recorded (stackd, testdata/aws/iam/role_templates.json).
type renderer struct {
	values map[string][]string
	lists  map[string]bool // the parameters that are lists
	// missing is the first parameter that has no value and would need one.
	missing string
}

func newRenderer(t *types.RoleTemplateVersion, given map[string]types.ReplacementValueEntry) (*renderer, error) {
	r := &renderer{values: make(map[string][]string), lists: make(map[string]bool)}
	known := make(map[string]bool)
	for _, p := range t.ParametersDefinition {
		name := *p.Name
		known[name], r.lists[name] = true, isList(p.Type)
		entry, ok := given[name]
		switch {
		case ok && !isList(p.Type) && len(entry.Values) != 1:
			return nil, api.Errorf("ValidationError", "%s replacement value must contain exactly one value, got %d", name, len(entry.Values))
		case ok:
			r.values[name] = entry.Values
		case p.DefaultValue != nil:
			r.values[name] = []string{*p.DefaultValue}
		}
	}
	unknown := ""
	for name := range given {
		if !known[name] && (unknown == "" || name < unknown) {
			unknown = name
		}
	}
	if unknown != "" {
		return nil, api.Errorf("InvalidInput", "Failed to render template: Unrecognized parameter: %s", unknown)
	}
	return r, nil
}

// failed is the error of what was rendered so far.
func (r *renderer) failed() error {
	if r.missing != "" {
		return api.Errorf("InvalidInput", "Failed to render template: Parameter '%s' not found.", r.missing)
	}
	return nil
}

// lookUp returns the values of a parameter, and notes if it has none.
func (r *renderer) lookUp(name string) []string {
	values, ok := r.values[name]
	if !ok && r.missing == "" {
		r.missing = name
	}
	return values
}

// text fills in a text that is not JSON.
func (r *renderer) text(pattern *string) string {
	return placeholder.ReplaceAllStringFunc(aws.ToString(pattern), func(m string) string { return strings.Join(r.lookUp(m[2:len(m)-1]), ",") })
}

// document fills in a policy, of which statements that are not enabled, with all they ask for, are left out. It is "" if none is left.
func (r *renderer) document(template string) (string, error) {
	enabled := func(parameter string) bool {
		values := r.lookUp(parameter)
		return len(values) == 1 && strings.EqualFold(values[0], "true")
	}
	text, statements, err := enabledStatements(template, enabled)
	if err != nil || statements == 0 {
		return "", err
	}
	var b strings.Builder
	for {
		at := placeholder.FindStringSubmatchIndex(text)
		if at == nil {
			b.WriteString(text)
			return b.String(), nil
		}
		name := text[at[2]:at[3]]
		values := quoteAll(r.lookUp(name))
		before, after := text[:at[0]], text[at[1]:]
		if whole := strings.HasSuffix(before, `"`) && strings.HasPrefix(after, `"`); r.lists[name] && whole {
			before, after = strings.TrimSuffix(before, `"`), strings.TrimPrefix(after, `"`)
			list := strings.Join(values, ",")
			if strings.HasSuffix(before, ":") { // else it stands in a list
				list = "[" + list + "]"
			}
			b.WriteString(before + list)
		} else {
			for i, value := range values {
				values[i] = value[1 : len(value)-1]
			}
			b.WriteString(before + strings.Join(values, ","))
		}
		text = after
	}
}

// quoteAll returns values as strings of JSON.
func quoteAll(values []string) []string {
	quoted := make([]string, len(values))
	for i, value := range values {
		text, _ := jsontext.AppendQuote(nil, strings.ToValidUTF8(value, "\uFFFD")) // fails for nothing else
		quoted[i] = string(text)
	}
	return quoted
}

// enabledStatements returns a document without white space and without the statements whose "@Enabled" names a parameter that is not, and how many
// statements it has. All else stands as it stood.
func enabledStatements(document string, enabled func(parameter string) bool) (string, int, error) {
	var out bytes.Buffer
	statements := 0
	d, e := jsontext.NewDecoder(strings.NewReader(document)), jsontext.NewEncoder(&out)
	err := copyObject(d, e, func(name string, value jsontext.Value) (jsontext.Value, error) {
		if name != "Statement" {
			return value, nil
		}
		var all []json.RawMessage
		if err := json.Unmarshal(value, &all); err != nil {
			all = []json.RawMessage{json.RawMessage(value)}
		}
		kept := []json.RawMessage{}
		for _, s := range all {
			text, ok, err := enabledStatement(string(s), enabled)
			if err != nil {
				return nil, err
			}
			if ok {
				kept = append(kept, text)
			}
		}
		statements = len(kept)
		return json.Marshal(kept)
	})
	return strings.TrimSpace(out.String()), statements, err
}

func enabledStatement(statement string, enabled func(parameter string) bool) (text json.RawMessage, ok bool, err error) {
	var out bytes.Buffer
	ok = true
	d, e := jsontext.NewDecoder(strings.NewReader(statement)), jsontext.NewEncoder(&out)
	err = copyObject(d, e, func(name string, value jsontext.Value) (jsontext.Value, error) {
		if name != "@Enabled" {
			return value, nil
		}
		var parameter string
		if err := json.Unmarshal(value, &parameter); err != nil {
			return nil, err
		}
		ok = enabled(parameter)
		return nil, nil
	})
	return bytes.TrimSpace(out.Bytes()), ok, err
}

// copyObject copies an object with what f makes of the values of its members. Those of which it makes nothing are left out.
func copyObject(d *jsontext.Decoder, e *jsontext.Encoder, f func(name string, value jsontext.Value) (jsontext.Value, error)) error {
	if d.PeekKind() != '{' {
		return errors.New("not an object")
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	if err := e.WriteToken(jsontext.BeginObject); err != nil {
		return err
	}
	for d.PeekKind() == '"' {
		token, err := d.ReadToken()
		if err != nil {
			return err
		}
		name := token.String()
		value, err := d.ReadValue()
		if err != nil {
			return err
		}
		if value, err = f(name, value.Clone()); err != nil {
			return err
		}
		if value == nil {
			continue
		}
		if err := e.WriteToken(jsontext.String(name)); err != nil {
			return err
		}
		if err := e.WriteValue(value); err != nil {
			return err
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	return e.WriteToken(jsontext.EndObject)
}
