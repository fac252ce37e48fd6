// Package api is what an AWS operation looks like from the inside: who calls,
// what it takes and returns, and how it fails. It knows neither HTTP nor any
// service.
package api

import (
	"context"
	"reflect"
)

// Operation is one AWS operation of a service.
type Operation struct {
	// Name is AWS's name: "CreateAlias".
	Name string
	// In and Out are the SDK's input and output structs.
	In, Out reflect.Type
	// Call runs the operation on a pointer to an In, and returns a pointer to an Out.
	Call func(ctx context.Context, c Caller, in any) (out any, err error)
	// Anonymous is set for operations that may be called without a signature.
	Anonymous bool
	// Unions are the SDK's types of the members of unions in the input, which reflection
	// does not find: types.PolicyIdentifierMemberPolicyArn.
	Unions []reflect.Type
}

// Op makes an Operation of a function. A nil output with a nil error is an empty
// result.
func Op[In, Out any](name string, f func(context.Context, Caller, *In) (*Out, error)) Operation {
	return Operation{
		Name: name,
		In:   reflect.TypeFor[In](),
		Out:  reflect.TypeFor[Out](),
		Call: func(ctx context.Context, c Caller, in any) (any, error) {
			out, err := f(ctx, c, in.(*In))
			if err != nil {
				return nil, err
			}
			if out == nil {
				out = new(Out)
			}
			return out, nil
		},
	}
}

// Unsigned marks op as one that AWS lets be called without a signature.
func Unsigned(op Operation) Operation {
	op.Anonymous = true
	return op
}

// WithUnion tells the types of the members of a union in op's input.
func WithUnion(op Operation, members ...any) Operation {
	for _, m := range members {
		op.Unions = append(op.Unions, reflect.TypeOf(m))
	}
	return op
}
