package policy

import "testing"

// The sentences are those of AWS's page.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
func TestReason(t *testing.T) {
	const arn = "arn:aws:iam::111111111111:policy/p"
	tests := []struct {
		d    Decision
		want string
	}{
		{Decision{Effect: Allowed, Source: FromIdentity}, ""},
		{Decision{Source: FromIdentity}, "because no identity-based policy allows the kms:Decrypt action"},
		{Decision{Source: FromResource}, "because no resource-based policy allows the kms:Decrypt action"},
		{Decision{Source: FromBoundary}, "because no permissions boundary allows the kms:Decrypt action"},
		{Decision{Source: FromSession}, "because no session policy allows the kms:Decrypt action"},
		{Decision{Source: FromSCP}, "because no service control policy allows the kms:Decrypt action"},
		{Decision{Source: FromTrust}, "because no role trust policy allows the kms:Decrypt action"},
		{Decision{Effect: ExplicitlyDenied, Source: FromIdentity, Policy: "inline"}, "with an explicit deny in an identity-based policy"},
		{Decision{Effect: ExplicitlyDenied, Source: FromIdentity, Policy: arn}, "with an explicit deny in an identity-based policy: " + arn},
		{Decision{Effect: ExplicitlyDenied, Source: FromBoundary, Policy: arn}, "with an explicit deny in a permissions boundary: " + arn},
		{Decision{Effect: ExplicitlyDenied, Source: FromResource, Policy: arn}, "with an explicit deny in a resource-based policy"},
		{Decision{Effect: ExplicitlyDenied, Source: FromTrust}, "with an explicit deny in the role trust policy"},
		{Decision{Effect: ExplicitlyDenied, Source: FromSession}, "with an explicit deny in a session policy"},
		{Decision{Effect: ExplicitlyDenied, Source: FromSCP}, "with an explicit deny in a service control policy"},
		{Decision{Effect: ExplicitlyDenied, Source: FromRCP}, "with an explicit deny in a resource control policy"},
	}
	for _, tt := range tests {
		if got := tt.d.Reason("kms:Decrypt"); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.d, got, tt.want)
		}
	}
}

// When several types of policy are silent, AWS's diagram says which is spoken of.
func TestPolicyAtFault(t *testing.T) {
	const (
		same  = "111111111111"
		other = "222222222222"
	)
	parse := func(kind Kind, text string) Named { return Named{Policy: mustParse(t, kind, text)} }
	silent := statement(`"Effect": "Allow", "Action": "ec2:*", "Resource": "*"`)
	all := statement(`"Effect": "Allow", "Action": "*", "Resource": "*"`)
	none := parse(Identity, silent)
	full := parse(Identity, all)
	key := parse(KeyPolicy, statement(`"Effect": "Allow", "Principal": {"AWS": "111111111111"}, "Action": "kms:*", "Resource": "*"`))
	mute := parse(KeyPolicy, statement(`"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111111111111:user/zoe"}, "Action": "kms:*", "Resource": "*"`))
	role := parse(TrustPolicy, statement(`"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"`))
	tests := []struct {
		name    string
		account string
		p       Policies
		want    Source
	}{
		{"nothing", same, Policies{}, FromIdentity},
		{"key policy hands on", same, Policies{Resource: key}, FromIdentity},
		{"key policy does not hand on", same, Policies{Resource: mute, Identity: []Named{full}}, FromResource},
		{"trust policy", same, Policies{Resource: role, Identity: []Named{full}}, FromTrust},
		{"no key policy at all", same, Policies{ResourceKind: KeyPolicy, Identity: []Named{full}}, FromResource},
		{"no trust policy at all", same, Policies{ResourceKind: TrustPolicy, Identity: []Named{full}}, FromTrust},
		{"boundary", same, Policies{Identity: []Named{full}, Boundary: none}, FromBoundary},
		{"identity before boundary", same, Policies{Identity: []Named{none}, Boundary: none}, FromIdentity},
		{"boundary that is gone", same, Policies{Identity: []Named{full}, Boundary: Named{Name: "gone"}}, FromBoundary},
		{"session", same, Policies{Identity: []Named{full}, Boundary: full, Session: []Named{none}}, FromSession},
		{"session without policies", same, Policies{Identity: []Named{full}, SessionLimited: true}, FromSession},
		{"service control policy", same, Policies{SCPs: [][]Named{{none}}}, FromSCP},
		{"other account, no resource policy", other, Policies{Identity: []Named{full}}, FromResource},
		{"other account, no identity policy", other, Policies{Resource: key}, FromIdentity},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := Evaluate(&Request{
				Principal: Principal{Type: User, Account: same, ARN: "arn:aws:iam::111111111111:user/alice"},
				Action:    "kms:Decrypt", Resource: "arn:aws:kms:us-east-1:" + tt.account + ":key/k", ResourceAccount: tt.account,
			}, &tt.p)
			if d.Effect != ImplicitlyDenied || d.Source != tt.want {
				t.Errorf("%s by %q, want %q", d.Effect, d.Source, tt.want)
			}
		})
	}
}

func TestParsePrincipal(t *testing.T) {
	for arn, want := range map[string]Principal{
		"*":                                     {},
		"111111111111":                          {Type: AccountRoot, Account: "111111111111", ARN: "arn:aws:iam::111111111111:root"},
		"arn:aws:iam::111111111111:root":        {Type: AccountRoot, Account: "111111111111", ARN: "arn:aws:iam::111111111111:root"},
		"arn:aws-cn:iam::111111111111:user/a/b": {Type: User, Account: "111111111111", ARN: "arn:aws-cn:iam::111111111111:user/a/b"},
		"arn:aws:iam::111111111111:role/r":      {Type: Role, Account: "111111111111", ARN: "arn:aws:iam::111111111111:role/r"},
		"arn:aws-cn:sts::111111111111:assumed-role/r/s": {
			Type: AssumedRole, Account: "111111111111", ARN: "arn:aws-cn:sts::111111111111:assumed-role/r/s",
			RoleARN: "arn:aws-cn:iam::111111111111:role/r",
		},
		"arn:aws:sts::111111111111:federated-user/f":  {Type: FederatedUser, Account: "111111111111", ARN: "arn:aws:sts::111111111111:federated-user/f"},
		"arn:aws:iam::111111111111:saml-provider/p":   {Type: Federated, ARN: "arn:aws:iam::111111111111:saml-provider/p"},
		"accounts.google.com":                         {Type: Federated, ARN: "accounts.google.com"},
		"lambda.amazonaws.com":                        {Type: Service, ARN: "lambda.amazonaws.com"},
		"cognito-identity.amazonaws.com":              {Type: Federated, ARN: "cognito-identity.amazonaws.com"},
		"arn:aws:sts::111111111111:assumed-role/r/s2": {Type: AssumedRole, Account: "111111111111", ARN: "arn:aws:sts::111111111111:assumed-role/r/s2", RoleARN: "arn:aws:iam::111111111111:role/r"},
	} {
		if got, err := ParsePrincipal(arn); err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", arn, got, err, want)
		}
	}
	for _, arn := range []string{"alice", "arn:aws:iam::111111111111:group/g", "arn:aws:s3:::b"} {
		if p, err := ParsePrincipal(arn); err == nil {
			t.Errorf("%s: %+v", arn, p)
		}
	}
}
