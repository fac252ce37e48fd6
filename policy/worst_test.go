package policy

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// What IAM's quotas allow one caller: a user with ten managed policies, in ten groups with ten each and inline
// ones, a boundary, session policies, a key policy, and five service control policies on each of seven levels.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html
func worstPolicies(tb testing.TB, statement func(size int) string) *Policies {
	document := func(kind Kind, size int) Named {
		text := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:Decrypt","Resource":"arn:aws:kms:us-east-1:111111111111:key/other"},`
		if kind == SCP {
			text = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},`
		}
		s := statement(size - len(text) - 2)
		if kind == KeyPolicy {
			text, s = strings.ReplaceAll(text, `"Allow",`, `"Allow","Principal":{"AWS":"111111111111"},`), strings.ReplaceAll(s, `{"Effect"`, `{"Principal":"*","Effect"`)
			text = strings.ReplaceAll(text, "key/other", "key/*")
		}
		return Named{Name: "p", Policy: mustParse(tb, kind, text+s+"]}")}
	}
	many := func(kind Kind, n, size int) (all []Named) {
		for range n {
			all = append(all, document(kind, size))
		}
		return all
	}
	p := &Policies{Boundary: document(Identity, 6144), Session: append(many(Session, 10, 6144), document(Session, 2048)), Resource: document(KeyPolicy, 32768)}
	p.Identity = append(append(many(Identity, 110, 6144), many(Identity, 10, 5120)...), document(Identity, 2048))
	for range 7 {
		p.SCPs = append(p.SCPs, many(SCP, 5, 10240))
	}
	return p
}

// fill returns as many distinct items, quoted, as fit into size bytes.
func fill(size int, item func(i int) string) string {
	var b strings.Builder
	for i := 0; ; i++ {
		s := fmt.Sprintf("%q", item(i))
		if b.Len()+len(s)+1 > size {
			return strings.TrimSuffix(b.String(), ",")
		}
		b.WriteString(s + ",")
	}
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// word returns a different word for each i.
func word(i int) string {
	w := ""
	for ; i > 0 || w == ""; i /= len(letters) {
		w += letters[i%len(letters) : i%len(letters)+1]
	}
	return w
}

func worstCases() map[string]func(size int) string {
	return map[string]func(size int) string{
		"actions": func(size int) string {
			head, tail := `{"Effect":"Deny","Action":[`, `],"Resource":"*"}`
			return head + fill(size-len(head)-len(tail), func(i int) string { return "kms:*" + word(i) + "*z" }) + tail
		},
		"resources": func(size int) string {
			head, tail := `{"Effect":"Deny","Action":"*","Resource":[`, `]}`
			return head + fill(size-len(head)-len(tail), func(i int) string { return "arn:aws:*" + word(i) + "*z" }) + tail
		},
		"user agent": func(size int) string {
			head, tail := `{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringLike":{"aws:UserAgent":[`, `]}}}`
			return head + fill(size-len(head)-len(tail), func(i int) string { return "*" + word(i) + "*~a*" }) + tail
		},
		"long patterns": func(size int) string {
			head, tail := `{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringLike":{"aws:UserAgent":[`, `]}}}`
			n := (size - len(head) - len(tail) - 6) / 2
			return head + fmt.Sprintf("%q,%q", "*"+strings.Repeat("a", n-3)+"b*", "*"+strings.Repeat("a?", n/2-3)+"b*") + tail
		},
		"statements": func(size int) string {
			one := `{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringLike":{"aws:UserAgent":"*%s*~a*"}}}`
			var all []string
			for i := 0; size > len(one)+4; i++ {
				all = append(all, fmt.Sprintf(one, word(i)))
				size -= len(all[i]) + 1
			}
			return strings.Join(all, ",")
		},
	}
}

func BenchmarkEvaluateWorst(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, length := range []int{100, 2048, 8192} {
		agents := map[string]string{"a": strings.Repeat("a", length)}
		random := make([]byte, length)
		for i := range random {
			random[i] = letters[r.IntN(len(letters))]
		}
		agents["random"] = string(random)
		for name, statement := range worstCases() {
			p := worstPolicies(b, statement)
			for kind, agent := range agents {
				b.Run(fmt.Sprintf("%s/agent=%s,%d", name, kind, length), func(b *testing.B) {
					req := benchRequest()
					req.Context = NewContext(map[string][]string{"aws:UserAgent": {agent}})
					var d Decision
					for b.Loop() {
						d = Evaluate(req, p)
					}
					if d.Effect != ImplicitlyDenied {
						b.Errorf("%v %v", d.Effect, d.Source)
					}
				})
			}
		}
	}
}

func BenchmarkParseWorst(b *testing.B) {
	for name, statement := range worstCases() {
		text := worstPolicies(b, statement).Identity[0].Policy.Text
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(Identity, text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
