// Package namespaces has the services that policies name actions of, by their namespaces: "kms".
//
// https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
package namespaces

import (
	"slices"
	"strings"
)

//go:generate go run ./gen

// Service is a service of AWS's.
type Service struct {
	// Namespace is what names of actions begin with: "kms".
	Namespace string
	// Name is AWS's: "AWS Key Management Service".
	Name string
}

// All returns all services, sorted by namespace. The list must not be changed.
func All() []Service { return services }

// Find returns the service of a namespace, if there is one.
func Find(namespace string) (Service, bool) {
	i, ok := slices.BinarySearchFunc(services, namespace, func(s Service, namespace string) int { return strings.Compare(s.Namespace, namespace) })
	if !ok {
		return Service{}, false
	}
	return services[i], true
}
