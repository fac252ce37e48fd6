// Package wire turns AWS's query, JSON 1.1 and CBOR protocols into the SDK's input
// structs and its output structs into answers: one codec for all operations, driven
// by the API model, with a plan per type that is made once.
//
// https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
// https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html
// https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
package wire

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"emulator/api"
	"emulator/api/model"
)

// Codec is the codec of a service.
type Codec struct {
	model      *model.Service
	operations map[string]*Operation
}

// Operation is a registered operation with its codec.
type Operation struct {
	api.Operation
	model     *model.Operation
	namespace string
	in, out   *plan
	wording   wording
}

// New returns the codec for the operations of a service. That an operation or a
// member is in only one of the model and the SDK is an error.
func New(m *model.Service, operations []api.Operation) (*Codec, error) {
	c := &Codec{model: m, operations: make(map[string]*Operation, len(operations))}
	p := planner{service: m.Name, plans: make(map[planKey]*plan)}
	for _, op := range operations {
		p.unions = op.Unions
		om, ok := m.Operations[op.Name]
		if !ok {
			return nil, fmt.Errorf("%s is no operation of the model", op.Name)
		}
		if c.operations[op.Name] != nil {
			return nil, fmt.Errorf("%s is registered twice", op.Name)
		}
		w := &Operation{Operation: op, model: om, namespace: m.XMLNamespace, wording: wordings[m.Name]}
		var err error
		if w.in, err = p.structure(om.Input, op.In); err != nil {
			return nil, fmt.Errorf("%s: %w", op.Name, err)
		}
		if w.out, err = p.structure(om.Output, op.Out); err != nil {
			return nil, fmt.Errorf("%s: %w", op.Name, err)
		}
		c.operations[op.Name] = w
	}
	return c, nil
}

// Operation returns a registered operation.
func (c *Codec) Operation(name string) (*Operation, bool) {
	op, ok := c.operations[name]
	return op, ok
}

// plan is how a Go type and a shape fit together. The Go type may be a pointer to
// what the plan is for.
type plan struct {
	kind    kind
	shape   *model.Shape
	goType  reflect.Type   // without a pointer
	fields  []field        // of a structure
	byName  map[string]int // where a field is: at absent if the Go type lacks it
	element *plan          // of a list and of a map's values
	check   *check
	// deep is set if anything below has a constraint.
	deep bool
}

type field struct {
	name     string // on the wire
	index    []int  // as reflect.Value.FieldByIndex has it
	required bool
	hidden   bool // from events
	plan     *plan
	member   reflect.Type // of a union: the struct that holds the value
}

// absent is the place of a member that AWS's model is ahead with.
const absent = -1

type kind uint8

const (
	structureKind kind = iota
	listKind
	mapKind
	stringKind
	blobKind
	booleanKind
	integerKind
	floatKind
	timestampKind
	unionKind
)

type planKey struct {
	shape  *model.Shape
	goType reflect.Type
}

type planner struct {
	service string
	plans   map[planKey]*plan
	unions  []reflect.Type
}

// structure plans an operation's input or output, which the model may lack.
func (p planner) structure(s *model.Shape, t reflect.Type) (*plan, error) {
	if s == nil {
		return &plan{kind: structureKind, goType: t}, nil
	}
	return p.plan(s, t)
}

var (
	timeType  = reflect.TypeFor[time.Time]()
	bytesType = reflect.TypeFor[[]byte]()
)

func (p planner) plan(s *model.Shape, t reflect.Type) (*plan, error) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	key := planKey{s, t}
	if known := p.plans[key]; known != nil {
		return known, nil
	}
	pl := &plan{shape: s, goType: t}
	p.plans[key] = pl // before its members: shapes may contain themselves
	var err error
	var fits bool
	switch s.Type {
	case "structure":
		if s.Union {
			pl.kind, fits = unionKind, t.Kind() == reflect.Interface
			err = p.members(pl)
			break
		}
		pl.kind, fits = structureKind, t.Kind() == reflect.Struct
		if fits {
			err = p.fields(pl)
		}
	case "list":
		pl.kind, fits = listKind, t.Kind() == reflect.Slice
		if fits {
			pl.element, err = p.plan(s.Element.Shape, t.Elem())
		}
	case "map":
		pl.kind, fits = mapKind, t.Kind() == reflect.Map && t.Key().Kind() == reflect.String
		if fits {
			pl.element, err = p.plan(s.Element.Shape, t.Elem())
		}
	case "string":
		pl.kind, fits = stringKind, t.Kind() == reflect.String
	case "blob":
		pl.kind, fits = blobKind, t == bytesType
	case "boolean":
		pl.kind, fits = booleanKind, t.Kind() == reflect.Bool
	case "integer", "long":
		pl.kind, fits = integerKind, t.Kind() == reflect.Int32 || t.Kind() == reflect.Int64
	case "float", "double":
		pl.kind, fits = floatKind, t.Kind() == reflect.Float32 || t.Kind() == reflect.Float64
	case "timestamp":
		pl.kind, fits = timestampKind, t == timeType
	}
	if err != nil {
		return nil, err
	}
	if !fits {
		return nil, fmt.Errorf("shape %s (%s) does not fit the SDK's %v", s.Name, s.Type, t)
	}
	if pl.check, err = newCheck(s); err != nil {
		return nil, fmt.Errorf("shape %s: %w", s.Name, err)
	}
	pl.deep = true // a shape that contains itself is taken to be
	pl.deep = pl.constrained()
	return pl, nil
}

func (pl *plan) constrained() bool {
	if pl.check != nil || pl.element != nil && pl.element.deep {
		return true
	}
	for _, f := range pl.fields {
		if f.required || f.plan.deep {
			return true
		}
	}
	return false
}

// fields finds the SDK's field for each member. The SDK begins names with a capital letter,
// and appends an underscore to those that are Go's or its own.
func (p planner) fields(pl *plan) error {
	pl.byName = make(map[string]int, len(pl.shape.Members))
	for _, m := range pl.shape.Members {
		name := strings.ToUpper(m.Name[:1]) + m.Name[1:]
		f, ok := pl.goType.FieldByName(name)
		if !ok {
			if f, ok = pl.goType.FieldByName(name + "_"); !ok {
				if slices.Contains(aheadMembers[p.service+" "+pl.shape.Name], m.Name) {
					pl.byName[m.Name] = absent
					continue
				}
				return fmt.Errorf("the SDK's %v has no member %s", pl.goType, m.Name)
			}
		}
		member, err := p.plan(m.Shape, f.Type)
		if err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
		pl.byName[m.Name] = len(pl.fields)
		pl.fields = append(pl.fields, field{name: m.Name, index: f.Index, required: m.Required, hidden: hidden(&m), plan: member})
	}
	return nil
}

// members finds the SDK's struct for each member of a union: the interface's name, Member,
// and the member's, with the value in a field.
func (p planner) members(pl *plan) error {
	for _, m := range pl.shape.Members {
		i := slices.IndexFunc(p.unions, func(t reflect.Type) bool { return t.Name() == pl.goType.Name()+"Member"+m.Name })
		if i < 0 {
			return fmt.Errorf("the type of member %s of union %s is not registered", m.Name, pl.shape.Name)
		}
		value, ok := p.unions[i].FieldByName("Value")
		if !ok {
			return fmt.Errorf("%v has no value", p.unions[i])
		}
		member, err := p.plan(m.Shape, value.Type)
		if err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
		pl.fields = append(pl.fields, field{name: m.Name, index: value.Index, hidden: hidden(&m), plan: member, member: p.unions[i]})
	}
	return nil
}

// unsupported refuses a member that the operation does not take yet.
func unsupported(name string) error {
	return api.Errorf("NotImplemented", "The parameter %s is not supported by this emulator.", name)
}

// settable returns what v points to, making it if need be. v itself if it is no pointer.
func settable(v reflect.Value) reflect.Value {
	if v.Kind() != reflect.Pointer {
		return v
	}
	if v.IsNil() {
		v.Set(reflect.New(v.Type().Elem()))
	}
	return v.Elem()
}

// present returns what v points to, and whether there is anything: strings that
// are not pointers, the SDK's enumerations, are absent if empty.
func present(v reflect.Value) (reflect.Value, bool) {
	switch v.Kind() {
	case reflect.Pointer:
		return v.Elem(), !v.IsNil()
	case reflect.Slice, reflect.Map:
		return v, !v.IsNil()
	case reflect.String:
		return v, v.Len() > 0
	default:
		return v, true
	}
}

// timeAt and bytesAt avoid boxing.
func timeAt(v reflect.Value) time.Time {
	return *v.Addr().Interface().(*time.Time)
}
