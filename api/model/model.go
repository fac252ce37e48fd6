// Package model is AWS's published API model: which operations a service has, the
// shapes of what they take and return, their constraints and errors. The data is
// generated, with the documentation dropped.
package model

import (
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/json"
	"fmt"
	"slices"
)

//go:generate go run ./gen

//go:embed *.json.gz
var files embed.FS

// Names are the services that Load knows.
var Names = []string{"sts", "iam", "kms", "cloudhsmv2", "organizations", "resourcegroupstaggingapi"}

// Service is the model of a service.
type Service struct {
	// Name is the model's: "kms".
	Name string
	// Protocol is "query" or "json".
	Protocol, APIVersion string
	// CBOR is set if it also speaks smithy RPC v2 CBOR, in which its name is TargetPrefix.
	CBOR bool
	// TargetPrefix is that of X-Amz-Target, of JSON services.
	TargetPrefix string
	// SigningName is the service in the credential scope.
	SigningName string
	// XMLNamespace is that of answers, of query services.
	XMLNamespace string
	Operations   map[string]*Operation
}

// ActionPrefix is what names of the service's actions begin with in policies: "kms".
func (s *Service) ActionPrefix() string {
	if s.SigningName == "tagging" {
		return "tag"
	}
	return s.SigningName
}

// Operation is an operation of a service.
type Operation struct {
	Name          string
	Input, Output *Shape // nil if it has none
	// ResultWrapper is the element around an XML result, or "".
	ResultWrapper string
	// Errors that the operation declares.
	Errors []*Shape
}

// Shape is a type.
type Shape struct {
	Name string
	// Type is structure, list, map, string, blob, boolean, integer, long, float, double or timestamp.
	Type    string
	Members []Member // of a structure
	Element *Member  // of a list, and the value of a map
	Key     *Member  // of a map
	Union   bool

	// Constraints; nil and empty are none. Min and Max are of the length of strings, blobs, lists and
	// maps, and of the value of numbers.
	Min, Max *float64
	Pattern  string
	Enum     []string

	Sensitive bool
	// Error is set for the shapes of errors.
	Error *Error
}

// Member is a member of a structure, list or map. None of our services gives one another
// name on the wire, or flattens its lists.
type Member struct {
	Name     string
	Shape    *Shape
	Required bool
}

// Error tells how an error looks on the wire.
type Error struct {
	// Code on the wire: "NoSuchEntity" of the shape NoSuchEntityException.
	Code   string
	Status int
}

// The JSON form that the generator writes.
type (
	serviceJSON struct {
		Metadata struct {
			APIVersion, Protocol, TargetPrefix, SigningName, EndpointPrefix, XMLNamespace string
			Protocols                                                                     []string
		}
		Operations map[string]operationJSON
		Shapes     map[string]shapeJSON
	}
	operationJSON struct {
		Input, Output *memberJSON
		Errors        []string
	}
	memberJSON struct {
		Name, Shape, ResultWrapper string
	}
	shapeJSON struct {
		Type               string
		Members            []memberJSON
		Required           []string
		Member, Key, Value *memberJSON
		Min, Max           *float64
		Pattern            string
		Enum               []string
		Union, Sensitive   bool
		Exception, Fault   bool
		Error              *struct {
			Code           string
			HTTPStatusCode int
		}
	}
)

// undeclared are errors that an operation of AWS returns and its model does not have.
var undeclared = map[string][]string{
	"iam CreateRole": {"NoSuchEntityException"}, // of a permissions boundary (localstack, tests/aws/services/iam/test_iam_roles.snapshot.json)
}

// Load returns the model of a service.
func Load(name string) (*Service, error) {
	packed, err := files.ReadFile(name + ".json.gz")
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	var raw serviceJSON
	if err := json.NewDecoder(z).Decode(&raw); err != nil {
		return nil, fmt.Errorf("model %s: %w", name, err)
	}
	m := raw.Metadata
	s := &Service{
		Name: name, Protocol: m.Protocol, APIVersion: m.APIVersion, TargetPrefix: m.TargetPrefix,
		SigningName: m.SigningName, XMLNamespace: m.XMLNamespace, Operations: make(map[string]*Operation, len(raw.Operations)),
	}
	if s.TargetPrefix != "" {
		s.Protocol = "json" // CloudHSM's model prefers CBOR, and speaks JSON too
	}
	s.CBOR = slices.Contains(m.Protocols, "smithy-rpc-v2-cbor")
	if s.SigningName == "" {
		s.SigningName = m.EndpointPrefix
	}
	l := loader{raw: raw.Shapes, shapes: make(map[string]*Shape, len(raw.Shapes)), json: s.Protocol == "json"}
	for name, o := range raw.Operations {
		op := &Operation{Name: name}
		if o.Input != nil {
			op.Input = l.shape(o.Input.Shape)
		}
		if o.Output != nil {
			op.Output, op.ResultWrapper = l.shape(o.Output.Shape), o.Output.ResultWrapper
		}
		for _, e := range append(o.Errors, undeclared[s.Name+" "+name]...) {
			op.Errors = append(op.Errors, l.shape(e))
		}
		s.Operations[name] = op
	}
	return s, nil
}

type loader struct {
	raw    map[string]shapeJSON
	shapes map[string]*Shape
	json   bool
}

func (l *loader) shape(name string) *Shape {
	if s, ok := l.shapes[name]; ok {
		return s
	}
	raw := l.raw[name]
	s := &Shape{
		Name: name, Type: raw.Type, Union: raw.Union, Min: raw.Min, Max: raw.Max, Pattern: raw.Pattern,
		Enum: raw.Enum, Sensitive: raw.Sensitive,
	}
	l.shapes[name] = s // before its members: shapes may contain themselves
	for _, m := range raw.Members {
		member := l.member(&m)
		member.Required = slices.Contains(raw.Required, m.Name)
		s.Members = append(s.Members, *member)
	}
	if s.Element = l.member(raw.Member); s.Element == nil {
		s.Element = l.member(raw.Value)
	}
	s.Key = l.member(raw.Key)
	if raw.Exception {
		s.Error = &Error{Code: name, Status: 400}
		if raw.Fault {
			s.Error.Status = 500
		}
		if e := raw.Error; e != nil {
			if e.Code != "" {
				s.Error.Code = e.Code
			}
			// The JSON protocols answer 400 whatever the model says.
			if e.HTTPStatusCode != 0 && !l.json {
				s.Error.Status = e.HTTPStatusCode
			}
		}
	}
	return s
}

func (l *loader) member(raw *memberJSON) *Member {
	if raw == nil {
		return nil
	}
	return &Member{Name: raw.Name, Shape: l.shape(raw.Shape)}
}
