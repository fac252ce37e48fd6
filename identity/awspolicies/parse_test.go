package awspolicies_test

import (
	"testing"

	"emulator/identity/awspolicies"
	"emulator/policy"
)

// TestParse shows that all of AWS's policies are of the grammar that policies are
// parsed by.
func TestParse(t *testing.T) {
	for p := range awspolicies.All("aws", "") {
		if _, err := policy.Parse(policy.Identity, p.Document()); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
}
