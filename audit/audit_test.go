package audit

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"emulator/identity"
)

func anyEvent(*Event) bool { return true }

// filled is an event in which every member that is kept has a value of its own.
func filled(t *testing.T) Event {
	t.Helper()
	var e Event
	n := 0
	var fill func(v reflect.Value, name string)
	fill = func(v reflect.Value, name string) {
		n++
		switch v.Interface().(type) {
		case time.Time:
			v.Set(reflect.ValueOf(time.UnixMilli(int64(n) * 1e10).UTC()))
			return
		case []byte:
			v.SetBytes(fmt.Appendf(nil, "{%q:%d}", name, n))
			return
		}
		switch v.Kind() {
		case reflect.String:
			v.SetString(fmt.Sprint(name, n))
		case reflect.Uint16:
			v.SetUint(uint64(n))
		case reflect.Bool:
			v.SetBool(name != "Used")
		case reflect.Slice:
			v.Set(reflect.MakeSlice(v.Type(), 2, 2))
			for i := range v.Len() {
				fill(v.Index(i), name)
			}
		case reflect.Struct:
			for i := range v.NumField() {
				if field := v.Type().Field(i).Name; field != "Bearer" {
					fill(v.Field(i), field)
				}
			}
		default:
			t.Fatalf("%s is a %v", name, v.Kind())
		}
	}
	fill(reflect.ValueOf(&e).Elem(), "")
	return e
}

// Nothing of an event is lost, but for what is cut, and nothing that is kept is the caller's memory.
func TestKept(t *testing.T) {
	var trail Trail
	e, want := filled(t), filled(t)
	trail.Keep(&e)
	e.Request[0], e.Materials[0] = 'x', "changed"
	if got := trail.Newest(1, anyEvent); len(got) != 1 || !reflect.DeepEqual(got[0], want) {
		t.Errorf("kept\n%+v\nwant\n%+v", got, want)
	}
	e = Event{Message: strings.Repeat("é", maxText)}
	trail.Keep(&e)
	if got := trail.Newest(1, anyEvent)[0]; len(got.Message) > maxText+len("…") || !strings.HasSuffix(got.Message, "é…") || !got.Identity.Issued.IsZero() {
		t.Errorf("%+v", got)
	}
}

// The trail is bounded in bytes, and what is forgotten is the oldest.
func TestTrail(t *testing.T) {
	var trail Trail
	if len(trail.Newest(5, anyEvent)) != 0 || len(trail.Refusals("", 5)) != 0 {
		t.Error("an empty trail has events")
	}
	const n = 30_000
	for i := range n {
		e := Event{RequestID: fmt.Sprint(i), Operation: "Encrypt", Message: strings.Repeat("x", 1+i%maxText)}
		if i%2 == 0 {
			e.Code = "AccessDenied"
		}
		trail.Keep(&e)
	}
	all := trail.Newest(n, anyEvent)
	size := 0
	for _, e := range all {
		size += len(e.pack(nil)) + overhead
	}
	if size > maxBytes || size < maxBytes-2*maxText || size != trail.bytes || len(all) != len(trail.events)-trail.first || len(trail.events) > 2*len(all) {
		t.Errorf("%d events of %d bytes, counted as %d, in a slice of %d", len(all), size, trail.bytes, len(trail.events))
	}
	for i, e := range all {
		if e.RequestID != fmt.Sprint(n-1-i) {
			t.Fatalf("event %d is of request %s", i, e.RequestID)
		}
	}
	if got := trail.Refusals("", 2); len(got) != 2 || got[0].RequestID != fmt.Sprint(n-2) || got[1].RequestID != fmt.Sprint(n-4) {
		t.Errorf("refusals: %v", got)
	}
	if got := trail.Refusals(fmt.Sprint(n-1), 2); len(got) != 0 {
		t.Errorf("refusals of a call that succeeded: %v", got)
	}
	if got := trail.Refusals(fmt.Sprint(n-6), 2); len(got) != 1 || got[0].Code != "AccessDenied" {
		t.Errorf("refusals of a request: %v", got)
	}
}

// Who called, in the shapes that AWS documents.
func TestUserIdentity(t *testing.T) {
	issued := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	user := &identity.User{Account: "111122223333", Partition: "aws", Name: "Alice", Path: "/", ID: "AIDAEXAMPLE"}
	role := &identity.Role{Account: "111122223333", Partition: "aws", Name: "app", Path: "/service/", ID: "AROAEXAMPLE"}
	session := func(change func(*identity.Session)) *identity.Session {
		s := &identity.Session{Issued: issued}
		change(s)
		return s
	}
	roleSession := func(change func(*identity.Session)) identity.Principal {
		return identity.Principal{Kind: identity.AssumedRole, Account: role.Account, ARN: "arn:aws:sts::111122223333:assumed-role/app/me", UserID: "AROAEXAMPLE:me", AccessKeyID: "ASIAEXAMPLE", Role: role, Session: session(change)}
	}
	const roleIdentity = `{"type":"AssumedRole","principalId":"AROAEXAMPLE:me","arn":"arn:aws:sts::111122223333:assumed-role/app/me","accountId":"111122223333","accessKeyId":"ASIAEXAMPLE","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROAEXAMPLE","arn":"arn:aws:iam::111122223333:role/service/app","accountId":"111122223333","userName":"app"},`
	for name, test := range map[string]struct {
		principal identity.Principal
		want      string
	}{
		"nobody": {identity.Principal{}, `{"type":"Unknown"}`},
		"root": {identity.Principal{Kind: identity.Root, Account: "111122223333", ARN: "arn:aws:iam::111122223333:root", UserID: "111122223333", AccessKeyID: "111122223333"},
			`{"type":"Root","principalId":"111122223333","arn":"arn:aws:iam::111122223333:root","accountId":"111122223333","accessKeyId":"111122223333"}`},
		"AssumeRoot": {identity.Principal{Kind: identity.Root, Account: "111122223333", ARN: "arn:aws:iam::111122223333:root", UserID: "111122223333", AccessKeyID: "ASIAEXAMPLE", Session: session(func(s *identity.Session) { s.AssumedRoot = true })},
			`{"type":"Root","principalId":"111122223333","arn":"arn:aws:iam::111122223333:root","accountId":"111122223333","accessKeyId":"ASIAEXAMPLE","sessionContext":{"attributes":{"creationDate":"2030-01-02T03:04:05Z","mfaAuthenticated":"false"},"assumedRoot":"true"}}`},
		"user": {identity.Principal{Kind: identity.UserKind, Account: user.Account, ARN: user.ARN(), UserID: user.ID, AccessKeyID: "AKIAEXAMPLE", User: user},
			`{"type":"IAMUser","principalId":"AIDAEXAMPLE","arn":"arn:aws:iam::111122223333:user/Alice","accountId":"111122223333","accessKeyId":"AKIAEXAMPLE","userName":"Alice"}`},
		"user with MFA": {identity.Principal{Kind: identity.UserKind, Account: user.Account, ARN: user.ARN(), UserID: user.ID, AccessKeyID: "ASIAEXAMPLE", User: user, Session: session(func(s *identity.Session) { s.MFA = issued })},
			`{"type":"IAMUser","principalId":"AIDAEXAMPLE","arn":"arn:aws:iam::111122223333:user/Alice","accountId":"111122223333","accessKeyId":"ASIAEXAMPLE","userName":"Alice","sessionContext":{"attributes":{"creationDate":"2030-01-02T03:04:05Z","mfaAuthenticated":"true"}}}`},
		"federated user": {identity.Principal{Kind: identity.FederatedUser, Account: user.Account, ARN: "arn:aws:sts::111122223333:federated-user/bob", UserID: "111122223333:bob", AccessKeyID: "ASIAEXAMPLE", User: user, Session: session(func(*identity.Session) {})},
			`{"type":"FederatedUser","principalId":"111122223333:bob","arn":"arn:aws:sts::111122223333:federated-user/bob","accountId":"111122223333","accessKeyId":"ASIAEXAMPLE","sessionContext":{"sessionIssuer":{"type":"IAMUser","principalId":"AIDAEXAMPLE","arn":"arn:aws:iam::111122223333:user/Alice","accountId":"111122223333","userName":"Alice"},"attributes":{"creationDate":"2030-01-02T03:04:05Z","mfaAuthenticated":"false"}}}`},
		"role": {roleSession(func(s *identity.Session) { s.SourceIdentity = "bob" }),
			roleIdentity + `"attributes":{"creationDate":"2030-01-02T03:04:05Z","mfaAuthenticated":"false"},"sourceIdentity":"bob"}}`},
		"role, by a provider of the account": {roleSession(func(s *identity.Session) {
			s.FederatedProvider = "arn:aws:iam::111122223333:oidc-provider/id.example"
			s.Context = map[string][]string{"id.example:sub": {"bob"}, "id.example:aud": {"app", "other"}, "aws:SignInSessionArn": {"x"}}
		}), roleIdentity + `"webIdFederationData":{"federatedProvider":"arn:aws:iam::111122223333:oidc-provider/id.example","attributes":{"id.example:aud":"app","id.example:sub":"bob"}},"attributes":{"creationDate":"2030-01-02T03:04:05Z","mfaAuthenticated":"false"}}}`},
		"role, by SAML": {roleSession(func(s *identity.Session) {
			s.FederatedProvider = "arn:aws:iam::111122223333:saml-provider/corporate"
		}), roleIdentity + `"attributes":{"creationDate":"2030-01-02T03:04:05Z","mfaAuthenticated":"false"}}}`},
	} {
		id := IdentityOf(&test.principal)
		got, err := json.Marshal(id.record())
		if err != nil || string(got) != test.want {
			t.Errorf("%s: %v\ngot  %s\nwant %s", name, err, got, test.want)
		}
	}
}

// Who owns a resource has an event of his own, once the call was allowed.
func TestRecords(t *testing.T) {
	key := func(account string) Resource {
		return Resource{Type: KMSKey, Account: account, ARN: "arn:aws:kms:us-east-1:" + account + ":key/k"}
	}
	e := Event{
		RequestID: "r", Time: time.Date(2030, 1, 2, 3, 4, 5, 600, time.UTC), Service: "kms", Operation: "ReEncrypt", Region: "us-east-1",
		Identity: Identity{Type: "IAMUser", PrincipalID: "AIDAEXAMPLE", ARN: "arn:aws:iam::111122223333:user/Alice", Account: "111122223333", UserName: "Alice"},
		SourceIP: "192.0.2.0", UserAgent: "agent", Host: "kms.us-east-1.amazonaws.com", TLSVersion: 0x304, CipherSuite: 0x1302,
		Request: []byte(`{"destinationKeyId":"k"}`),
		Notes:   Notes{Resources: []Resource{key("111122223333"), key("444455556666")}, Materials: []string{"one", "two"}},
	}
	records := e.Records()
	if len(records) != 2 {
		t.Fatalf("%+v", records)
	}
	const want = `{"eventVersion":"1.11","userIdentity":{"type":"IAMUser","principalId":"AIDAEXAMPLE","arn":"arn:aws:iam::111122223333:user/Alice","accountId":"111122223333","userName":"Alice"},` +
		`"eventTime":"2030-01-02T03:04:05Z","eventSource":"kms.amazonaws.com","eventName":"ReEncrypt","awsRegion":"us-east-1","sourceIPAddress":"192.0.2.0","userAgent":"agent",` +
		`"requestParameters":{"destinationKeyId":"k"},"responseElements":null,"additionalEventData":{"destinationKeyMaterialId":"two","sourceKeyMaterialId":"one"},"requestID":"r","eventID":"%s","readOnly":true,` +
		`"resources":[{"accountId":"111122223333","type":"AWS::KMS::Key","ARN":"arn:aws:kms:us-east-1:111122223333:key/k"},{"accountId":"444455556666","type":"AWS::KMS::Key","ARN":"arn:aws:kms:us-east-1:444455556666:key/k"}],` +
		`"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","sharedEventID":"%s","eventCategory":"Management",` +
		`"tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_256_GCM_SHA384","clientProvidedHostHeader":"kms.us-east-1.amazonaws.com"}}`
	got, err := json.Marshal(records[0])
	if s := fmt.Sprintf(want, EventID("r", "111122223333"), records[0].SharedEventID); err != nil || string(got) != s {
		t.Errorf("%v\ngot  %s\nwant %s", err, got, s)
	}
	owner := records[1]
	if owner.UserIdentity != (userIdentity{Type: "AWSAccount", PrincipalID: "AIDAEXAMPLE", AccountID: "111122223333"}) || owner.RecipientAccountID != "444455556666" ||
		!slices.Equal(owner.Resources, []recordResource{{"444455556666", KMSKey, key("444455556666").ARN}}) ||
		owner.SharedEventID != records[0].SharedEventID || owner.EventID == records[0].EventID || owner.EventID != EventID("r", "444455556666") {
		t.Errorf("%+v", owner)
	}
	e.Code = "AccessDenied"
	if records = e.Records(); len(records) != 1 || records[0].SharedEventID != "" || len(records[0].AdditionalEventData) != 0 {
		t.Errorf("refused: %+v", records)
	}
	e = Event{Operation: "DisableKey", Notes: Notes{Resources: []Resource{key("111122223333")}}}
	if r := e.Records()[0]; r.ReadOnly || string(r.ResponseElements) != `{"keyId":"arn:aws:kms:us-east-1:111122223333:key/k"}` {
		t.Errorf("%+v", r)
	}
}

func TestNotes(t *testing.T) {
	var none *Notes
	none.Resource(Resource{})
	none.Use(Resource{}, "")
	none.Vouched(Identity{})
	var n Notes
	for i := range 3 * maxItems {
		n.Resource(Resource{ARN: fmt.Sprint(i / 2)})
		n.Use(Resource{ARN: "0"}, "m")
	}
	if len(n.Resources) != maxItems || len(n.Materials) != maxItems || !n.Resources[0].Used || n.Resources[1].Used {
		t.Errorf("%+v", n)
	}
}
