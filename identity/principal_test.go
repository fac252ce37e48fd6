package identity

import (
	"testing"
	"time"
)

// TestMayCallIAM has the table "Compare AWS STS credentials" of the IAM user guide.
func TestMayCallIAM(t *testing.T) {
	for _, test := range []struct {
		name string
		p    Principal
		want bool
	}{
		{"user", Principal{Kind: UserKind}, true},
		{"root user", Principal{Kind: Root}, true},
		{"AssumeRole", Principal{Kind: AssumedRole, Session: &Session{}}, true},
		{"GetSessionToken", Principal{Kind: UserKind, Session: &Session{}}, false},
		{"GetSessionToken with MFA", Principal{Kind: UserKind, Session: &Session{MFA: time.Unix(1, 0)}}, true},
		{"GetSessionToken of the root user", Principal{Kind: Root, Session: &Session{}}, false},
		{"GetFederationToken", Principal{Kind: FederatedUser, Session: &Session{}}, false},
		{"AssumeRoot", Principal{Kind: Root, Session: &Session{AssumedRoot: true}}, true},
		{"GetDelegatedAccessToken", Principal{Kind: UserKind, Session: &Session{Delegated: true}}, true},
		{"aws login", Principal{Kind: UserKind, Session: &Session{Context: map[string][]string{"aws:SignInSessionArn": {"arn"}}}}, true},
	} {
		if got := test.p.MayCallIAM(); got != test.want {
			t.Errorf("%s: got %v", test.name, got)
		}
	}
}
