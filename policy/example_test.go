package policy_test

import (
	"fmt"

	"emulator/policy"
)

func ExampleEvaluate() {
	p, err := policy.Parse(policy.Identity, `{
		"Version": "2012-10-17",
		"Statement": {
			"Effect": "Allow",
			"Action": "s3:Get*",
			"Resource": "arn:aws:s3:::home/${aws:username}/*"
		}
	}`)
	if err != nil {
		fmt.Println(err)
		return
	}
	who, _ := policy.ParsePrincipal("arn:aws:iam::111111111111:user/alice")
	policies := &policy.Policies{Identity: []policy.Named{{Name: "home", Policy: p}}}
	for _, key := range []string{"alice/notes", "bob/notes"} {
		d := policy.Evaluate(&policy.Request{
			Principal: who,
			Action:    "s3:GetObject",
			Resource:  "arn:aws:s3:::home/" + key,
			Context:   policy.NewContext(map[string][]string{"aws:username": {"alice"}}),
		}, policies)
		fmt.Println(key+":", d.Effect)
		if d.Effect != policy.Allowed {
			fmt.Println(d.Reason("s3:GetObject"))
		}
	}
	// Output:
	// alice/notes: Allowed
	// bob/notes: ImplicitlyDenied
	// because no identity-based policy allows the s3:GetObject action
}

func ExampleLint() {
	for _, f := range policy.Lint(policy.Identity, `{
  "Version": "2012-10-17",
  "Statement": [{"Effect": "Allow", "Action": "GetObject", "Resource": "*"}]
}`, policy.Rules{}) {
		fmt.Printf("%d:%d: %s: %s\n", f.Line, f.Column, f.Severity, f.Message)
	}
	// Output:
	// 3:47: error: "GetObject" is not of the form service:action
}
