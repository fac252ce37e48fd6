package organizations_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"emulator/api/model"
	emulated "emulator/services/organizations"
)

// unwrapped is the error of the service in what a client returns.
func unwrapped(err error) error {
	e, _ := errors.AsType[smithy.APIError](err)
	return e
}

// callable are the operations that a member can call though it administers nothing.
var callable = []string{"DescribeEffectivePolicy", "DescribeOrganization", "LeaveOrganization"}

// ofHandshakes are those that any account can call.
var ofHandshakes = []string{"AcceptHandshake", "CancelHandshake", "DeclineHandshake", "DescribeHandshake", "ListHandshakesForAccount"}

// From which accounts each operation can be called.
//
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_Operations.html
func TestCallers(t *testing.T) {
	o := newTree(t)
	member, alone := o.as(o.account(o.root, "m")), o.as("999999999999")
	m, err := model.Load("organizations")
	check(t, err)
	user := o.user(management, `{"Effect":"Deny","Action":"*","Resource":"*"}`)
	for _, op := range emulated.New(emulated.Config{}).Operations() {
		t.Run(op.Name, func(t *testing.T) {
			call := func(client *organizations.Client) error {
				method := reflect.ValueOf(client).MethodByName(op.Name)
				in := reflect.New(method.Type().In(1).Elem())
				if shape := m.Operations[op.Name].Input; shape != nil {
					fill(shape, in.Elem())
				}
				err, _ := method.Call([]reflect.Value{reflect.ValueOf(t.Context()), in})[1].Interface().(error)
				return err
			}
			wantCode(t, call(user), "AccessDeniedException")
			if op.Name == "CreateOrganization" {
				wantCode(t, call(member), "AlreadyInOrganizationException")
				return
			}
			if slices.Contains(ofHandshakes, op.Name) {
				if e, ok := unwrapped(call(alone)).(smithy.APIError); ok && e.ErrorCode() != "HandshakeNotFoundException" {
					t.Errorf("alone: %v", e)
				}
				return
			}
			wantCode(t, call(alone), "AWSOrganizationsNotInUseException")
			if !slices.Contains(callable, op.Name) {
				wantCode(t, call(member), "AccessDeniedException")
			}
		})
	}
}

// Input that is wrong is told from what is not there, of each operation that takes any.
func TestBadInput(t *testing.T) {
	o := newTree(t)
	m, err := model.Load("organizations")
	check(t, err)
	for _, op := range emulated.New(emulated.Config{}).Operations() {
		shape := m.Operations[op.Name].Input
		if shape == nil || len(shape.Members) == 0 {
			continue
		}
		t.Run(op.Name, func(t *testing.T) {
			method := reflect.ValueOf(o.Client).MethodByName(op.Name)
			in := reflect.New(method.Type().In(1).Elem())
			fill(shape, in.Elem())
			for i := range in.Elem().NumField() {
				if f := in.Elem().Field(i); f.Type() == reflect.TypeFor[*string]() {
					f.Set(reflect.ValueOf(aws.String(strings.Repeat("x", 100_001) + "\x00")))
				} else if f.Kind() == reflect.String {
					f.SetString("NOTHING")
				}
			}
			err, _ := method.Call([]reflect.Value{reflect.ValueOf(t.Context()), in})[1].Interface().(error)
			wantCode(t, err, "InvalidInputException")
		})
	}
	_, err = o.UntagResource(t.Context(), &organizations.UntagResourceInput{ResourceId: &o.root, TagKeys: []string{strings.Repeat("x", 129)}})
	wantInput(t, err, types.InvalidInputExceptionReasonInvalidListMember)
	_, err = o.AttachPolicy(t.Context(), &organizations.AttachPolicyInput{PolicyId: aws.String("x"), TargetId: &o.root})
	wantInput(t, err, types.InvalidInputExceptionReasonInvalidSyntaxPolicy)
	_, err = o.AttachPolicy(t.Context(), &organizations.AttachPolicyInput{PolicyId: aws.String("p-12345678"), TargetId: aws.String("x")})
	wantInput(t, err, types.InvalidInputExceptionReasonInvalidPatternTargetId)
	_, err = o.ListPolicies(t.Context(), &organizations.ListPoliciesInput{Filter: "NOTHING"})
	wantInput(t, err, types.InvalidInputExceptionReasonInvalidEnumPolicyType)
	_, err = o.DescribeAccount(t.Context(), &organizations.DescribeAccountInput{}, func(o *organizations.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			_, err := stack.Initialize.Remove("OperationInputValidation") // by the client
			return err
		})
	})
	wantInput(t, err, types.InvalidInputExceptionReasonInputRequired)
}

// What is named and is not there.
func TestNotThere(t *testing.T) {
	o := newTree(t)
	unit := "ou-" + o.root[2:] + "-aaaaaaaa"
	_, err := o.ListAccountsForParent(t.Context(), &organizations.ListAccountsForParentInput{ParentId: &unit})
	wantCode(t, err, "ParentNotFoundException")
	_, err = o.ListOrganizationalUnitsForParent(t.Context(), &organizations.ListOrganizationalUnitsForParentInput{ParentId: &unit})
	wantCode(t, err, "ParentNotFoundException")
	_, err = o.UntagResource(t.Context(), &organizations.UntagResourceInput{ResourceId: &unit, TagKeys: []string{"a"}})
	wantCode(t, err, "TargetNotFoundException")
	policy := aws.String("p-aaaaaaaa")
	_, err = o.UpdatePolicy(t.Context(), &organizations.UpdatePolicyInput{PolicyId: policy, Name: policy})
	wantCode(t, err, "PolicyNotFoundException")
	_, err = o.ListTargetsForPolicy(t.Context(), &organizations.ListTargetsForPolicyInput{PolicyId: policy})
	wantCode(t, err, "PolicyNotFoundException")
	_, err = o.DisablePolicyType(t.Context(), &organizations.DisablePolicyTypeInput{RootId: aws.String("r-zzzz0"), PolicyType: types.PolicyTypeTagPolicy})
	wantCode(t, err, "RootNotFoundException")
}

// fill gives a value to each member that an operation needs.
func fill(shape *model.Shape, v reflect.Value) {
	values := map[string]string{
		"AccountId": "111111111111", "ChildId": "111111111111", "TargetId": "111111111111", "Id": "111111111111", "HandshakeId": "h-12345678", "CreateAccountRequestId": "car-12345678",
		"Email": "x@example.com", "ParentId": "r-ab12", "RootId": "r-ab12", "ResourceId": "r-ab12", "SourceParentId": "r-ab12", "DestinationParentId": "ou-ab12-12345678",
		"OrganizationalUnitId": "ou-ab12-12345678", "PolicyId": "p-12345678", "ServicePrincipal": "config.amazonaws.com",
	}
	for _, m := range shape.Members {
		if !m.Required {
			continue
		}
		f := v.FieldByName(m.Name)
		if f.Kind() == reflect.Pointer {
			f.Set(reflect.New(f.Type().Elem()))
			f = f.Elem()
		}
		given := values[m.Name]
		switch {
		case f.Type() == reflect.TypeFor[time.Time]():
			f.Set(reflect.ValueOf(time.Unix(0, 0)))
		case len(m.Shape.Enum) > 0:
			f.SetString(m.Shape.Enum[0])
		case m.Shape.Type == "structure":
			fill(m.Shape, f)
		case m.Shape.Type == "list":
			f.Set(reflect.MakeSlice(f.Type(), 1, 1))
			if element := m.Shape.Element.Shape; element.Type == "structure" {
				fill(element, f.Index(0))
			} else {
				f.Index(0).SetString("x")
			}
		case m.Name == "Id" && m.Shape.Name == "ResponsibilityTransferId":
			f.SetString("rt-12345678")
		case given != "":
			f.SetString(given)
		default:
			f.SetString("name")
		}
	}
}
