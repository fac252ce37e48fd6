package wire

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudhsmv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"emulator/api"
	"emulator/api/model"
)

// clients are the SDK's clients, which know their service only as methods.
var clients = map[string]func(aws.Config) any{
	"sts":           func(c aws.Config) any { return sts.NewFromConfig(c) },
	"iam":           func(c aws.Config) any { return iam.NewFromConfig(c) },
	"kms":           func(c aws.Config) any { return kms.NewFromConfig(c) },
	"cloudhsmv2":    func(c aws.Config) any { return cloudhsmv2.NewFromConfig(c) },
	"organizations": func(c aws.Config) any { return organizations.NewFromConfig(c) },
}

func load(t testing.TB, name string) *model.Service {
	t.Helper()
	m, err := model.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// methods returns the client's operations: those methods that take an input.
func methods(client any) map[string]reflect.Value {
	found := make(map[string]reflect.Value)
	v := reflect.ValueOf(client)
	for i := range v.NumMethod() {
		m := v.Type().Method(i)
		if m.Type.NumIn() == 4 && m.Type.NumOut() == 2 && strings.HasSuffix(m.Type.In(2).String(), "."+m.Name+"Input") {
			found[m.Name] = v.Method(i)
		}
	}
	return found
}

// codecOf registers every operation of the client, without code behind it.
func codecOf(t testing.TB, m *model.Service, client any) (*Codec, []string) {
	t.Helper()
	var operations []api.Operation
	var left []string
	for _, name := range slices.Sorted(maps.Keys(methods(client))) {
		method := methods(client)[name].Type()
		op := api.Operation{Name: name, In: method.In(1).Elem(), Out: method.Out(0).Elem()}
		if _, err := New(m, []api.Operation{op}); err != nil {
			left = append(left, fmt.Sprintf("%s: %v", name, err))
			continue
		}
		operations = append(operations, op)
	}
	c, err := New(m, operations)
	if err != nil {
		t.Fatal(err)
	}
	return c, left
}

// The model and the SDK know the same operations and members, but for those that the model is ahead with, and all but
// one fit the codec: IAM's only union, in the operations on delegation requests or their like.
func TestModelFitsSDK(t *testing.T) {
	lacked := make(map[string][]string)
	for name, client := range clients {
		m := load(t, name)
		c := client(aws.Config{Region: "us-east-1"})
		sdk := slices.Concat(slices.Collect(maps.Keys(methods(c))), aheadOperations[name])
		slices.Sort(sdk)
		if diff := cmp.Diff(slices.Sorted(maps.Keys(m.Operations)), sdk); diff != "" {
			t.Errorf("%s: operations (-model +SDK):\n%s", name, diff)
		}
		codec, left := codecOf(t, m, c)
		for _, l := range left {
			if !strings.Contains(l, "PolicyIdentifier") {
				t.Errorf("%s: %s", name, l)
			}
		}
		seen := make(map[*plan]bool) // the codec has one plan for each type
		for _, op := range codec.operations {
			addLacked(lacked, name, op.in, seen)
			addLacked(lacked, name, op.out, seen)
		}
	}
	if diff := cmp.Diff(aheadMembers, lacked); diff != "" {
		t.Errorf("members that the model is ahead with (-table +what the SDK lacks):\n%s", diff)
	}
}

// addLacked adds the members that the plan, or one below it, has no field for.
func addLacked(lacked map[string][]string, service string, p *plan, seen map[*plan]bool) {
	if p == nil || seen[p] {
		return
	}
	seen[p] = true
	for _, name := range slices.Sorted(maps.Keys(p.byName)) {
		if p.byName[name] == absent {
			shape := service + " " + p.shape.Name
			lacked[shape] = append(lacked[shape], name)
		}
	}
	for i := range p.fields {
		addLacked(lacked, service, p.fields[i].plan, seen)
	}
	addLacked(lacked, service, p.element, seen)
}

// What the model is ahead with fits a type that embeds the SDK's; without one a request is refused.
func TestModelAhead(t *testing.T) {
	type role struct {
		iamtypes.Role
		MaxSigninSessionDuration *int32
	}
	type input struct {
		iam.UpdateRoleInput
		MaxSigninSessionDuration      *int32
		ResetMaxSigninSessionDuration *bool
	}
	type output struct {
		iam.GetRoleOutput
		Role *role
	}
	operation := func(m *model.Service, name string, in, out reflect.Type) *Operation {
		codec, err := New(m, []api.Operation{{Name: name, In: in, Out: out}})
		if err != nil {
			t.Fatal(err)
		}
		op, _ := codec.Operation(name)
		return op
	}
	m := load(t, "iam")
	form := Form{Body: []byte("RoleName=app&MaxSigninSessionDuration=3600&Description=d")}
	in, err := operation(m, "UpdateRole", reflect.TypeFor[input](), reflect.TypeFor[iam.UpdateRoleOutput]()).DecodeQuery(form)
	want := &input{UpdateRoleInput: iam.UpdateRoleInput{RoleName: aws.String("app"), Description: aws.String("d")}, MaxSigninSessionDuration: aws.Int32(3600)}
	if err != nil || cmp.Diff(want, in, sdkTypes...) != "" {
		t.Errorf("%v\n%s", err, cmp.Diff(want, in, sdkTypes...))
	}
	_, err = operation(m, "UpdateRole", reflect.TypeFor[iam.UpdateRoleInput](), reflect.TypeFor[iam.UpdateRoleOutput]()).DecodeQuery(form)
	if api.ErrorCode(err) != "NotImplemented" {
		t.Errorf("a member that the type lacks: %v", err)
	}
	out := string(operation(m, "GetRole", reflect.TypeFor[iam.GetRoleInput](), reflect.TypeFor[output]()).AppendXML(nil,
		&output{Role: &role{Role: iamtypes.Role{Path: aws.String("/"), RoleName: aws.String("app")}, MaxSigninSessionDuration: aws.Int32(3600)}}, "id"))
	if !strings.Contains(out, "<Role><Path>/</Path><RoleName>app</RoleName><MaxSigninSessionDuration>3600</MaxSigninSessionDuration></Role>") {
		t.Error(out)
	}
	_, err = operation(load(t, "kms"), "ListKeys", reflect.TypeFor[kms.ListKeysInput](), reflect.TypeFor[kms.ListKeysOutput]()).DecodeJSON([]byte(`{"ResourceOwners":["SELF"]}`))
	if api.ErrorCode(err) != "NotImplemented" {
		t.Errorf("a member that the type lacks: %v", err)
	}
}

// wireStub is the network: it keeps the request and answers with the given body.
type wireStub struct {
	request     *http.Request
	body        []byte
	answer      []byte
	contentType string
}

func (w *wireStub) Do(r *http.Request) (*http.Response, error) {
	w.request = r
	w.body = nil
	if r.Body != nil {
		w.body, _ = io.ReadAll(r.Body)
	}
	return &http.Response{
		StatusCode: 200, Header: http.Header{"Content-Type": {w.contentType}},
		Body: io.NopCloser(strings.NewReader(string(w.answer))), Request: r,
	}, nil
}

// Each operation of each SDK client goes there and back: what the client sends is
// decoded to the input it was given, what the codec sends is decoded by the client
// to the output.
func TestThereAndBack(t *testing.T) {
	for name, newClient := range clients {
		t.Run(name, func(t *testing.T) {
			stub := &wireStub{}
			client := newClient(aws.Config{
				Region: "us-east-1", HTTPClient: stub, BaseEndpoint: aws.String("http://stub"),
				Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
				Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
			})
			m := load(t, name)
			codec, _ := codecOf(t, m, client)
			for op, o := range codec.operations {
				in, out := reflect.New(o.In), reflect.New(o.Out)
				fill(in.Elem(), 0)
				fill(out.Elem(), 0)
				if m.Protocol == "json" {
					stub.answer, stub.contentType = o.AppendJSON(nil, out.Interface()), ContentTypeJSON
				} else {
					stub.answer, stub.contentType = o.AppendXML(nil, out.Interface(), "id"), ContentTypeXML
				}
				results := methods(client)[op].Call([]reflect.Value{reflect.ValueOf(context.Background()), in})
				if err := results[1].Interface(); err != nil {
					t.Errorf("%s: %v\n%s", op, err, stub.answer)
					continue
				}
				decoded := reflect.New(o.In)
				var err error
				if m.Protocol == "json" {
					d := decoders.Get().(*decoder)
					d.read(stub.body)
					err = d.decode(o.in, decoded.Elem())
				} else {
					var given []parameter
					if given, err = o.known(Form{Body: stub.body}); err == nil {
						err = decodeParameter(o.in, node{end: -1, parameters: given}, decoded.Elem(), "")
					}
				}
				if err != nil {
					t.Errorf("%s: %v\n%s", op, err, stub.body)
					continue
				}
				if diff := cmp.Diff(in.Interface(), decoded.Interface(), sdkTypes...); diff != "" {
					t.Errorf("%s: input (-sent +decoded):\n%s\n%s", op, diff, stub.body)
				}
				if diff := cmp.Diff(out.Interface(), results[0].Interface(), sdkTypes...); diff != "" {
					t.Errorf("%s: output (-sent +decoded):\n%s\n%s", op, diff, stub.answer)
				}
			}
		})
	}
}

var sdkTypes = []cmp.Option{
	cmp.Exporter(func(reflect.Type) bool { return true }),
	cmp.FilterPath(func(p cmp.Path) bool {
		f, ok := p.Last().(cmp.StructField)
		return ok && f.Name() == "ResultMetadata"
	}, cmp.Ignore()),
	cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) }),
}

// fill sets everything that v has, to a depth that types which contain themselves end at.
func fill(v reflect.Value, depth int) {
	if v.Type() == timeType {
		v.Set(reflect.ValueOf(time.Date(2026, 11, 24, 1, 2, 3, 0, time.UTC)))
		return
	}
	if depth > 8 {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), depth+1)
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Name != "ResultMetadata" {
				fill(v.Field(i), depth+1)
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte{0, 1, 0xfe, 0xff})
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), depth+1)
		fill(v.Index(1), depth+1)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, depth+1)
		fill(value, depth+1)
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString(" a<b>&\"c'\té€😀\n ")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int32, reflect.Int64:
		v.SetInt(42)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(1.5)
	}
}
