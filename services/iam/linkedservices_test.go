package iam

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"emulator/identity"
	"emulator/identity/awspolicies"
)

// The table is sorted, has policies that AWS has, and names that a role can have.
func TestLinkedServices(t *testing.T) {
	if !slices.IsSortedFunc(linkedServices, func(a, b linkedService) int { return strings.Compare(a.principal, b.principal) }) {
		t.Error("not sorted by principal")
	}
	if len(linkedServices) < 160 {
		t.Errorf("only %d services", len(linkedServices))
	}
	named := regexp.MustCompile(`^[\w+=,.@-]{1,47}$`) // with AWSServiceRoleFor 64
	names := make(map[string]string)
	for i, l := range linkedServices {
		if i > 0 && linkedServices[i-1].principal == l.principal {
			t.Errorf("%s stands twice", l.principal)
		}
		if names[l.role] != "" {
			t.Errorf("%s and %s have a role of the same name", l.principal, names[l.role])
		}
		names[l.role] = l.principal
		if !named.MatchString(l.role) {
			t.Errorf("%s: the role %s", l.principal, l.role)
		}
		if p, ok := awspolicies.Find("aws", identity.ARN("aws", "iam", awsAccount, "policy/aws-service-role/"+l.policy)); !ok || !p.ServiceLinked() {
			t.Errorf("%s: there is no policy %s", l.principal, l.policy)
		}
	}
}

// contradicted are names in AWS's managed policies that its documentation has otherwise.
var contradicted = []string{
	"email.cognito-idp AmazonCognitoIdpEmail*", // of AmazonCognitoPowerUser: a prefix
	"redshift-data Redshift",
}

// What AWS's managed policies call the roles is what the table calls them.
func TestLinkedServicesOfPolicies(t *testing.T) {
	resource := regexp.MustCompile(`:role/aws-service-role/([a-z0-9.-]+)\.amazonaws\.com/AWSServiceRoleFor([\w.-]+)(\*?)"`)
	found := 0
	for p := range awspolicies.All("aws", "") {
		for _, m := range resource.FindAllStringSubmatch(p.Document(), -1) {
			l, ok := findLinkedService(m[1] + ".amazonaws.com")
			if !ok || slices.Contains(contradicted, m[1]+" "+m[2]+m[3]) {
				continue
			}
			found++
			if l.role != strings.TrimSuffix(m[2], "_") {
				t.Errorf("%s: the role of %s is %s, not %s", p.Name, m[1], m[2], l.role)
			}
		}
	}
	if found < 200 {
		t.Errorf("only %d are named", found)
	}
}
