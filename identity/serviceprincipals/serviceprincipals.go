// Package serviceprincipals knows the services that policies may name as principals: "lambda.amazonaws.com". AWS publishes no
// list of them. Ours is the union of lists that others maintain, and takes everything that has the form of a documented
// principal of one of these services: to refuse a good one is worse than to take a bad one.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-services
package serviceprincipals

import (
	"fmt"
	"slices"
	"strings"

	"emulator/identity"
)

//go:generate go run ./gen

// Further are service principals besides those of AWS. The zero value has none.
type Further map[string]bool

// NewFurther returns these names as Further. An error names one that is none.
func NewFurther(names []string) (Further, error) {
	f := make(Further)
	for _, name := range names {
		if !strings.Contains(name, ".") || strings.ContainsAny(name, "*?:/ ") {
			return nil, fmt.Errorf("%q is not a service principal, such as lambda.amazonaws.com", name)
		}
		f[name] = true
	}
	return f, nil
}

// Check returns an error for a name that is neither a service principal of AWS's nor a further one.
func (f Further) Check(name string) error {
	if _, ok := slices.BinarySearch(services, ServiceOf(name)); ok || f[name] {
		return nil
	}
	return fmt.Errorf("AWS has no service principal %q; --service-principal adds one", name)
}

// suffixes are what service principals end with: those of hosts, Alexa's, and that of older services.
var suffixes = append(identity.DNSSuffixes(), "amazon.com", "aws.internal")

// ServiceOf returns the name of the service that a principal is of, or "" for what has no principal's form:
// part.service.region.suffix, of which the part and the region may be missing.
func ServiceOf(principal string) string {
	for _, suffix := range suffixes {
		rest, ok := strings.CutSuffix(principal, "."+suffix)
		if !ok {
			continue
		}
		labels := strings.Split(rest, ".")
		if last := len(labels) - 1; last > 0 && identity.NamesRegion(labels[last]) {
			labels = labels[:last]
		}
		if slices.Contains(labels, "") {
			return ""
		}
		return labels[len(labels)-1]
	}
	return ""
}
