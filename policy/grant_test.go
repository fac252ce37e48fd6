package policy

import "testing"

// A grant names its grantee as a resource policy would, and is limited as what that allows.
func TestGrants(t *testing.T) {
	const (
		root    = "arn:aws:iam::111111111111:root"
		role    = "arn:aws:iam::111111111111:role/app"
		session = "arn:aws:sts::111111111111:assumed-role/app/one"
		roleID  = "AROAAAAAAAAAAAAAAAAAA"
		userID  = "AIDAAAAAAAAAAAAAAAAAA"
	)
	user := Principal{Type: User, Account: "111111111111", ARN: "arn:aws:iam::111111111111:user/ann", UniqueID: userID}
	federated := Principal{Type: FederatedUser, Account: "111111111111", ARN: "arn:aws:sts::111111111111:federated-user/f", UserARN: user.ARN, UniqueID: userID}
	assumed := Principal{Type: AssumedRole, Account: "111111111111", ARN: session, RoleARN: role, UniqueID: roleID}
	owner := Principal{Type: AccountRoot, Account: "111111111111", ARN: root}
	service := Principal{Type: Service, ARN: "lambda.amazonaws.com"}
	nothing := mustParse(t, Session, `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}`)
	all := mustParse(t, Identity, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*"}]}`)
	for _, tt := range []struct {
		name     string
		who      Principal
		grantee  string
		identity bool // a policy of its own allows it
		limited  bool // a session policy does not
		foreign  bool // the key is another account's
		allowed  bool
		source   Source
	}{
		{"a user", user, userID, false, false, false, true, FromGrant},
		{"a user, limited by its session", user, userID, false, true, false, true, FromGrant},
		{"a user of that name made anew", user, "AIDABBBBBBBBBBBBBBBBB", false, false, false, false, FromResource},
		{"a user of another account", user, userID, false, false, true, false, FromIdentity},
		{"a user of another account with a policy", user, userID, true, false, true, true, FromIdentity},
		{"a role", assumed, roleID, false, false, false, true, FromGrant},
		{"a role, limited by its session", assumed, roleID, false, true, false, false, FromSession},
		{"a session", assumed, session, false, true, false, true, FromGrant},
		{"another session", assumed, session + "x", false, false, false, false, FromResource},
		{"a federated user's user, limited by the session", federated, userID, false, true, false, false, FromSession},
		{"an account", user, root, false, false, false, false, FromIdentity},
		{"an account, and a policy hands it on", user, root, true, false, false, true, FromIdentity},
		{"an account's root user", owner, root, false, false, false, true, NoSource},
		{"a service", service, "lambda.amazonaws.com", false, false, true, true, FromGrant},
		{"another service", service, "s3.amazonaws.com", false, false, true, false, FromResource},
		{"everyone", user, "*", false, false, false, false, FromResource},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req := &Request{Principal: tt.who, Action: "kms:Decrypt", Resource: "arn:aws:kms:us-east-1:111111111111:key/k", ResourceAccount: "111111111111"}
			if tt.foreign {
				req.ResourceAccount = "222222222222"
			}
			p := &Policies{ResourceKind: KeyPolicy, Grants: []Grant{{ID: "other", Grantee: "arn:aws:iam::333333333333:root"}, {ID: "g", Grantee: tt.grantee}}}
			if tt.identity {
				p.Identity = []Named{{Name: "p", Policy: all}}
			}
			if tt.limited {
				p.Session = []Named{{Name: "s", Policy: nothing}}
			}
			d := Evaluate(req, p)
			if (d.Effect == Allowed) != tt.allowed || d.Source != tt.source {
				t.Errorf("%s by %s, want allowed %v by %s", d.Effect, d.Source, tt.allowed, tt.source)
			}
			if d.Source == FromGrant && d.Policy != "g" {
				t.Errorf("by grant %s", d.Policy)
			}
		})
	}

	// What limits an organization's accounts and resources limits grants.
	req := &Request{Principal: user, Action: "kms:Decrypt", Resource: "arn:aws:kms:us-east-1:111111111111:key/k"}
	grants := []Grant{{ID: "g", Grantee: userID}}
	scp := mustParse(t, SCP, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`)
	if d := Evaluate(req, &Policies{ResourceKind: KeyPolicy, Grants: grants, SCPs: [][]Named{{{Name: "scp", Policy: scp}}}}); d.Effect != ImplicitlyDenied || d.Source != FromSCP {
		t.Errorf("outside of a service control policy: %s by %s", d.Effect, d.Source)
	}
	rcp := mustParse(t, RCP, `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"kms:Decrypt","Resource":"*"}]}`)
	if d := Evaluate(req, &Policies{ResourceKind: KeyPolicy, Grants: grants, RCPs: [][]Named{{{Name: "rcp", Policy: rcp}}}}); d.Effect != ExplicitlyDenied || d.Source != FromRCP {
		t.Errorf("against a resource control policy: %s by %s", d.Effect, d.Source)
	}
}
