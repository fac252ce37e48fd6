package policy

import (
	"slices"
	"testing"
)

func TestMissing(t *testing.T) {
	allow := func(kind Kind, elements string) Named {
		return Named{Policy: mustParse(t, kind, `{"Version":"2012-10-17","Statement":{"Effect":"Allow",`+elements+`}}`)}
	}
	all, none := allow(Identity, `"Action":"*","Resource":"*"`), allow(Identity, `"Action":"x:y","Resource":"*"`)
	deny := Named{Policy: mustParse(t, Identity, `{"Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`)}
	account := allow(KeyPolicy, `"Principal":{"AWS":"111111111111"},"Action":"*","Resource":"*"`)
	other := allow(KeyPolicy, `"Principal":{"AWS":"222222222222"},"Action":"*","Resource":"*"`)
	const ours, theirs = "111111111111", "222222222222"
	for _, test := range []struct {
		name     string
		owner    string
		policies Policies
		want     []Source
	}{
		{"allowed", ours, Policies{Identity: []Named{all}}, nil},
		{"no identity policy", ours, Policies{}, []Source{FromIdentity}},
		{"a key policy that hands on", ours, Policies{Resource: account, ResourceKind: KeyPolicy}, []Source{FromIdentity}},
		{"a key policy that names nobody here", ours, Policies{Resource: other, ResourceKind: KeyPolicy, Identity: []Named{none}}, []Source{FromResource}},
		{"another account, both sides", theirs, Policies{Resource: other, ResourceKind: KeyPolicy}, []Source{FromResource, FromIdentity}},
		{"another account, its side", theirs, Policies{Resource: other, ResourceKind: KeyPolicy, Identity: []Named{all}}, []Source{FromResource}},
		{"boundary and session", ours, Policies{Boundary: none, Session: []Named{none}}, []Source{FromIdentity, FromBoundary, FromSession}},
		{"service control policies", ours, Policies{SCPs: [][]Named{{all}, {none}}}, []Source{FromSCP, FromIdentity}},
		{"an explicit deny", ours, Policies{Identity: []Named{all, deny}}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			req := &Request{
				Principal: Principal{Type: User, Account: ours, ARN: "arn:aws:iam::111111111111:user/alice"},
				Action:    "kms:Decrypt", Resource: "arn:aws:kms:us-east-1:" + test.owner + ":key/k", ResourceAccount: test.owner,
			}
			if got := Missing(req, &test.policies); !slices.Equal(got, test.want) {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
	root := &Request{Principal: Principal{Type: AccountRoot, Account: ours}, Action: "sts:AssumeRole", Resource: "arn:aws:iam::111111111111:role/r"}
	if got := Missing(root, &Policies{ResourceKind: TrustPolicy}); got != nil {
		t.Errorf("no statement lets a root user assume a role: %v", got)
	}
}

// Whatever is missing, with it the request is allowed: a law, on mixed cases.
func TestMissingSuffices(t *testing.T) {
	m := newMixer(t)
	told := 0
	for range 20_000 {
		req, p := m.mix()
		missing := Missing(req, p)
		if d := Evaluate(req, p); missing != nil && d.Effect != ImplicitlyDenied {
			t.Fatalf("%v, but %v is missing", d.Effect, missing)
		}
		with := *p
		for _, source := range missing {
			with.allow(req, source)
			told++
		}
		if d := Evaluate(req, &with); missing != nil && d.Effect != Allowed {
			t.Fatalf("with %v the request is still %v by %v", missing, d.Effect, d.Source)
		}
	}
	if told == 0 {
		t.Error("nothing was ever missing")
	}
}
