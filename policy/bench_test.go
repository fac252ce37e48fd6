package policy

import (
	"fmt"
	"strings"
	"testing"
)

// manyPolicies returns ten policies of so many statements each, of which the last one allows.
func manyPolicies(b *testing.B, statements int) *Policies {
	p := new(Policies)
	services := []string{"sns", "ec2", "kms", "lambda", "sqs"}
	actions := []string{"Get*", "DescribeKey", "PutObject", "List*", "*Tags"}
	for i := range 10 {
		var all []string
		for j := range statements {
			n := i*statements + j
			all = append(all, fmt.Sprintf(
				`{"Effect": "Allow", "Action": ["%[1]s:%[2]s", "%[1]s:Create%[3]d"], "Resource": "arn:aws:%[1]s:us-east-1:111111111111:x%[3]d/*", "Condition": {"StringEquals": {"aws:PrincipalTag/team": "t%[3]d"}}}`,
				services[n%len(services)], actions[n/5%len(actions)], n))
		}
		if i == 9 {
			all[statements-1] = `{"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "arn:aws:kms:us-east-1:111111111111:key/*", "Condition": {"StringLike": {"aws:PrincipalTag/team": "blue*"}}}`
		}
		text := `{"Version": "2012-10-17", "Statement": [` + strings.Join(all, ",") + `]}`
		p.Identity = append(p.Identity, Named{Name: fmt.Sprint("p", i), Policy: mustParse(b, Identity, text)})
	}
	return p
}

func benchRequest() *Request {
	return &Request{
		Principal: Principal{Type: User, Account: "111111111111", ARN: "arn:aws:iam::111111111111:user/alice"},
		Action:    "kms:Decrypt", Resource: "arn:aws:kms:us-east-1:111111111111:key/1234abcd-12ab-34cd-56ef-1234567890ab",
		ResourceAccount: "111111111111", Context: NewContext(map[string][]string{"aws:PrincipalTag/team": {"blue1"}}),
	}
}

func BenchmarkEvaluate(b *testing.B) {
	for _, statements := range []int{5, 50} {
		b.Run(fmt.Sprintf("policies=10/statements=%d", 10*statements), func(b *testing.B) {
			p, req := manyPolicies(b, statements), benchRequest()
			if d := Evaluate(req, p); d.Effect != Allowed {
				b.Fatal(d)
			}
			b.ReportAllocs()
			for b.Loop() {
				Evaluate(req, p)
			}
		})
	}
}

func BenchmarkExplain(b *testing.B) {
	p, req := manyPolicies(b, 5), benchRequest()
	b.ReportAllocs()
	for b.Loop() {
		Explain(req, p)
	}
}

func BenchmarkParse(b *testing.B) {
	text := manyPolicies(b, 5).Identity[9].Policy.Text
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(Identity, text); err != nil {
			b.Fatal(err)
		}
	}
}
