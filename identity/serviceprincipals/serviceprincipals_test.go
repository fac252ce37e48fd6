package serviceprincipals

import (
	"slices"
	"strings"
	"testing"

	"emulator/identity/awspolicies"
)

func TestCheck(t *testing.T) {
	tests := []struct {
		name string
		ok   bool
	}{
		{"ec2.amazonaws.com", true},
		{"lambda.amazonaws.com", true},
		{"pods.eks.amazonaws.com", true},
		{"delivery.logs.amazonaws.com", true},
		{"logs.eu-west-1.amazonaws.com", true}, // https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
		{"s3.me-south-1.amazonaws.com", true},  // regions that are opted into
		{"member.org.stacksets.cloudformation.amazonaws.com", true},
		{"dnssec-route53.amazonaws.com", true},
		{"api-service.dnssec.route53.aws.internal", true}, // its older name, which botocore's documentation had
		{"alexa-appkit.amazon.com", true},
		{"ec2.amazonaws.com.cn", true},
		{"logs.cn-north-1.amazonaws.com.cn", true},
		{"lambda.us-gov-west-1.amazonaws.com", true},
		{"ec2.c2s.ic.gov", true},
		{"custom.example.com", true}, // a further one

		{"amazonaws.com", false},               // https://github.com/aws-samples/aws-cdk-examples/issues/801
		{"tagging.amazonaws.com", false},       // https://github.com/hashicorp/terraform/issues/35086
		{"bedrock-agent.amazonaws.com", false}, // these are of users' reports
		{"s3files.amazonaws.com", false},
		{"codepipeiine.amazonaws.com", false},
		{"nope.amazonaws.com", false},
		{"invalid.amazonaws.com", false},

		{"", false},
		{"ec2", false},
		{"ec2.example.com", false},
		{".ec2.amazonaws.com", false},
		{".amazonaws.com", false},
		{"eu-west-1.amazonaws.com", false},
		{"ec2amazonaws.com", false},
		{"example.com", false},
	}
	further, err := NewFurther([]string{"custom.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		if err := further.Check(tt.name); (err == nil) != tt.ok {
			t.Errorf("%q: %v", tt.name, err)
		} else if err != nil && !strings.Contains(err.Error(), "--service-principal") {
			t.Errorf("%q: %v names no flag", tt.name, err)
		}
	}
	if Further(nil).Check("custom.example.com") == nil {
		t.Error("a further principal is there without being told")
	}
	if !slices.IsSorted(services) {
		t.Error("the list is not sorted")
	}
}

func TestNewFurtherRefuses(t *testing.T) {
	for _, name := range []string{"", "custom", "*.amazonaws.com", "https://a.example", "a b.example"} {
		if _, err := NewFurther([]string{name}); err == nil {
			t.Errorf("%q is taken", name)
		}
	}
}

// Whatever AWS's own policies pass roles to, a role may trust.
func TestManagedPoliciesPassTo(t *testing.T) {
	found := 0
	for p := range awspolicies.All("aws", "") {
		for _, rest := range strings.Split(p.Document(), `"iam:PassedToService"`)[1:] {
			rest, _, _ = strings.Cut(rest, "}")
			for _, name := range strings.Split(rest, `"`) {
				if !strings.HasSuffix(name, ".amazonaws.com") || strings.ContainsAny(name, "*?") {
					continue
				}
				found++
				if err := Further(nil).Check(name); err != nil {
					t.Errorf("%s: %v", p.Name, err)
				}
			}
		}
	}
	if found < 100 {
		t.Errorf("only %d were found", found)
	}
}
