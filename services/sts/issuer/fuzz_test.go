package issuer

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

var fuzzNow = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

// FuzzParseClaim: whatever is taken for a claim is in the token, of each kind of issuer.
func FuzzParseClaim(f *testing.F) {
	for _, seed := range []string{"repository=org/app", "a:=1", "sub:=null", `kubernetes.io:={"namespace":"a"}`, "environment=a:b", "namespace=x", "a:=1e999", `cognito:groups:=["x"]`, "=", ":="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name, value, err := ParseClaim(text)
		if err != nil {
			if !errors.Is(err, ErrRequest) || name != "" || value != nil {
				t.Errorf("%s %v %v", name, value, err)
			}
			return
		}
		for _, i := range builtIn {
			claims, err := build(i, fuzzNow, &Request{Claims: map[string]any{name: value}})
			if err != nil {
				t.Fatalf("%s: %v", i.Name, err)
			}
			encoded, err := json.Marshal(claims)
			if err != nil {
				t.Fatalf("%s: %v", i.Name, err)
			}
			if i.Profile == "eks" && strings.Contains(" namespace serviceaccount pod node ", " "+name+" ") {
				continue
			}
			want, _ := json.Marshal(value)
			var got map[string]json.RawMessage
			if err := json.Unmarshal(encoded, &got); err != nil {
				t.Fatal(err)
			}
			if value == nil && got[name] == nil {
				continue
			}
			if string(got[name]) != string(want) {
				t.Errorf("%s: %q is %s, want %s", i.Name, name, got[name], want)
			}
		}
	})
}

// FuzzTokenBody: a body is refused, or makes claims that can be signed.
func FuzzTokenBody(f *testing.F) {
	f.Add(`{"claims":{"repository":"a/b"},"audience":"x","expiresIn":"-5m","immutableSubject":true,"subjectClaims":["repo","context"]}`)
	f.Add(`{"expiresIn":"2562047h"}`)
	f.Add(`null`)
	f.Fuzz(func(t *testing.T, text string) {
		var body TokenBody
		if decode(strings.NewReader(text), &body) != nil {
			return
		}
		for _, i := range builtIn {
			request, err := body.request(i.Name)
			if err == nil {
				var claims map[string]any
				if claims, err = build(i, fuzzNow, &request); err == nil {
					_, err = json.Marshal(claims)
				}
			}
			if err != nil && !errors.Is(err, ErrRequest) {
				t.Errorf("%s: %v", i.Name, err)
			}
		}
	})
}

// FuzzParse: what is taken for an issuer is written the same way, and can be one.
func FuzzParse(f *testing.F) {
	f.Add("prod=eks@https://oidc.eks.eu-west-1.amazonaws.com/id/0123")
	f.Add("a=plain@http://[::1]:4566/x")
	f.Fuzz(func(t *testing.T, text string) {
		i, err := Parse(text)
		if err != nil {
			return
		}
		if i.Name+"="+i.Profile+"@"+i.URL != text {
			t.Errorf("%q is %+v", text, i)
		}
		recordKey(i.URL) // which panics if it can't be a key
	})
}
