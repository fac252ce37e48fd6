package authz

import (
	gocontext "context"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"emulator/api"
	"emulator/clock"
	"emulator/identity"
	"emulator/policy"
	"emulator/store"
	"emulator/store/bolt"
)

func newAuthorizer(t *testing.T) *Authorizer {
	t.Helper()
	keyring, err := identity.NewKeyring(make([]byte, identity.MasterKeySize))
	if err != nil {
		t.Fatal(err)
	}
	return New(new(clock.Clock), keyring, Enforce)
}

// alice is a user with an inline policy of that text.
func alice(text string) api.Caller {
	u := &identity.User{Name: "alice", ID: "AIDAALICEALICEALICEA", Account: "111111111111", Partition: "aws", Inline: map[string]string{"p": text}}
	return api.Caller{Principal: identity.Principal{Kind: identity.UserKind, Account: u.Account, ARN: u.ARN(), UserID: u.ID, User: u}}
}

// The trail's memory is bounded, with the policies that only it still holds.
func TestTrailIsBounded(t *testing.T) {
	a := newAuthorizer(t)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	db, err := bolt.Open(t.TempDir()+"/db", bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	const calls = maxTrail + 100
	for i := range calls {
		patterns := make([]string, 100)
		for j := range patterns {
			patterns[j] = fmt.Sprintf(`"*%d.%d*"`, i, j)
		}
		c := alice(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringLike":{"aws:UserAgent":[` + strings.Join(patterns, ",") + `]}}}]}`)
		c.RequestID, c.UserAgent = fmt.Sprint(i), strings.Repeat("x", 8000)
		request := Request{Action: "kms:Encrypt", Resource: "*", Context: make(map[string][]string)}
		for j := range 100 {
			request.Context[fmt.Sprintf("kms:EncryptionContext:%d", j)] = []string{strings.Repeat("y", 2000)}
		}
		err := db.View(gocontext.Background(), func(r store.Reader) error { return a.Authorize(r, c, request) })
		if api.ErrorCode(err) != "AccessDenied" {
			t.Fatal(err)
		}
		if a.trail.bytes > maxTrailBytes || a.policies.bytes > maxCompiled+maxCompiled/4 {
			t.Fatalf("%d bytes of trail, %d of policies", a.trail.bytes, a.policies.bytes)
		}
	}
	if len(a.trail.ring) < 100 {
		t.Errorf("only %d decisions are kept", len(a.trail.ring))
	}
	a.policies = compiled{}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int(after.HeapAlloc) - int(before.HeapAlloc); grown > 2*maxTrailBytes {
		t.Errorf("the trail keeps %d MB, and counts %d", grown>>20, a.trail.bytes>>20)
	}
	last, err := a.Explain(fmt.Sprint(calls - 1))
	if err != nil || len(last) != 1 || last[0].Effect != policy.ImplicitlyDenied {
		t.Errorf("%v %v", last, err)
	}
	runtime.KeepAlive(a)
}

// A policy that is too large for the trail leaves the decision, at least.
func TestTrailOfHugePolicies(t *testing.T) {
	a := newAuthorizer(t)
	p := &policy.Policies{}
	for i := range 200 {
		parsed, err := policy.Parse(policy.Identity, `{"Statement":{"Effect":"Deny","Action":"x:y","Resource":[`+strings.Repeat(`"arn:aws:s3:::*",`, 2000)+`"*"]}}`)
		if err != nil {
			t.Fatal(err)
		}
		p.Identity = append(p.Identity, policy.Named{Name: fmt.Sprint(i), Policy: parsed})
	}
	a.trail.keep(asked{requestID: "small", policies: new(policy.Policies)})
	a.trail.keep(asked{requestID: "huge", policies: p, decision: policy.Decision{Effect: policy.ExplicitlyDenied}})
	if e, err := a.Explain("huge"); err != nil || len(e) != 1 || e[0].Effect != policy.ExplicitlyDenied || a.trail.bytes > maxTrailBytes {
		t.Errorf("%v %v, %d bytes", e, err, a.trail.bytes)
	}
}

// A context comes back as it was, but for what is cut.
func TestKeptContext(t *testing.T) {
	c := alice(`{}`)
	c.UserAgent = strings.Repeat("é", 4000)
	c.User.Tags = map[string]string{"team": "blue"}
	known := &context{caller: &c, request: &Request{
		Context: map[string][]string{"kms:a": {"1", ""}, "KMS:A": {"0"}, "kms:none": {}}, RequestTags: map[string]string{"b": "", "a": "x"},
	}, account: c.Account}
	keys := known.keep().keys()
	for key, want := range map[string]string{
		"KMS:A": `["" "0" "1"]`, "aws:RequestTag/a": `["x"]`, "aws:RequestTag/b": `[""]`, "aws:TagKeys": `["a" "b"]`, "aws:PrincipalTag/team": `["blue"]`,
		"aws:username": `["alice"]`, "kms:a": `[]`, "kms:none": `[]`,
	} {
		if got := fmt.Sprintf("%q", keys[key]); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
	if got := keys["aws:UserAgent"][0]; len(got) > maxKeptValue+100 || !strings.HasSuffix(got, "… (cut, of 8000 bytes)") {
		t.Errorf("%d bytes: %q", len(got), got)
	}
}

// While others wait only short policies are parsed.
func TestPoliciesAreParsedOutsideOfTheWritersTurn(t *testing.T) {
	a := newAuthorizer(t)
	db, err := bolt.Open(t.TempDir()+"/db", bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for size, want := range map[int]int{100: 1, 2 * maxParsedInTurn: 2} {
		c := alice(fmt.Sprintf(`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}%s}`, strings.Repeat(" ", size)))
		tries := 0
		err := db.Update(t.Context(), func(tx store.Tx) error {
			tries++
			return a.Authorize(tx, c, Request{Action: "kms:CreateKey", Resource: "*"})
		})
		if err != nil || tries != want {
			t.Errorf("%d bytes: %d tries, %v", size, tries, err)
		}
	}
}

// BenchmarkAuthorize is a decision with what is kept of it.
func BenchmarkAuthorize(b *testing.B) {
	keyring, err := identity.NewKeyring(make([]byte, identity.MasterKeySize))
	if err != nil {
		b.Fatal(err)
	}
	a := New(new(clock.Clock), keyring, Enforce)
	db, err := bolt.Open(b.TempDir()+"/db", bolt.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	c := alice(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}`)
	c.RequestID, c.UserAgent, c.Region = "11111111-2222-3333-4444-555555555555", "aws-sdk-go-v2/1.48.0 ua/2.1 os/linux lang/go#1.26.8", "us-east-1"
	request := Request{Action: "kms:Encrypt", Resource: "arn:aws:kms:us-east-1:111111111111:key/1", Context: map[string][]string{"kms:EncryptionContext:app": {"a"}, "kms:CallerAccount": {"111111111111"}}}
	b.ReportAllocs()
	db.View(b.Context(), func(r store.Reader) error {
		for b.Loop() {
			if err := a.Authorize(r, c, request); err != nil {
				b.Fatal(err)
			}
		}
		return nil
	})
}
