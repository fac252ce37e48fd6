package policy

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// The properties are checked on requests and policies of the oracle's cases, mixed at random.

// mixer makes policies of parts of many cases.
type mixer struct {
	*rand.Rand
	t        *testing.T
	requests []*Request
	policies []*Policies
	allows   []string // statements without Principal
	denies   []string
}

func newMixer(t *testing.T) *mixer {
	m := &mixer{Rand: rand.New(rand.NewPCG(1, 2)), t: t}
	for _, c := range readCases(t, "testdata/cases.jsonl.gz") {
		req, p, err := c.Build()
		if err != nil {
			t.Fatal(err)
		}
		m.requests, m.policies = append(m.requests, req), append(m.policies, p)
		for _, n := range p.Identity {
			for _, s := range n.Policy.Statements {
				text := n.Policy.Text[s.Start.Offset:s.End.Offset]
				if s.Allow {
					m.allows = append(m.allows, text)
				} else {
					m.denies = append(m.denies, text)
				}
			}
		}
	}
	// Statements that match often.
	m.allows = append(m.allows, `{"Effect":"Allow","Action":"*","Resource":"*"}`)
	m.denies = append(m.denies, `{"Effect":"Deny","Action":"*","Resource":"*"}`)
	return m
}

func pick[T any](m *mixer, list []T) T { return list[m.IntN(len(list))] }

// mix returns a request and policies of different cases.
func (m *mixer) mix() (*Request, *Policies) {
	from := func() *Policies { return pick(m, m.policies) }
	p := &Policies{
		Identity: slices.Concat(from().Identity, from().Identity), Boundary: from().Boundary, Session: from().Session,
		Resource: from().Resource, SCPs: from().SCPs, RCPs: from().RCPs,
	}
	req := pick(m, m.requests)
	if m.IntN(10) == 0 {
		who := &req.Principal
		p.Grants = []Grant{{ID: "grant", Grantee: pick(m, []string{who.ARN, who.RoleARN, who.UniqueID, who.Account})}}
	}
	return req, p
}

// with returns a policy with one more statement.
func (m *mixer) with(p *Policy, statement string) *Policy {
	var statements []string
	for _, s := range p.Statements {
		statements = append(statements, p.Text[s.Start.Offset:s.End.Offset])
	}
	statements = slices.Insert(statements, m.IntN(len(statements)+1), withoutSid(m.t, statement))
	return mustParse(m.t, p.Kind, `{"Version":"2012-10-17","Statement":[`+strings.Join(statements, ",")+`]}`)
}

func withoutSid(t *testing.T, statement string) string {
	var elements map[string]json.RawMessage
	if err := json.Unmarshal([]byte(statement), &elements); err != nil {
		t.Fatal(err)
	}
	delete(elements, "Sid")
	text, err := json.Marshal(elements)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestExplainAgreesWithEvaluate(t *testing.T) {
	m := newMixer(t)
	effects := make(map[Effect]int)
	for range 20_000 {
		req, p := m.mix()
		d := Evaluate(req, p)
		effects[d.Effect]++
		checkTrace(t, "mixed", d, Explain(req, p))
	}
	if len(effects) != 3 {
		t.Errorf("not all effects occurred: %v", maps.Collect(maps.All(effects)))
	}
}

func TestDenyNeverAllows(t *testing.T) {
	m := newMixer(t)
	for range 20_000 {
		req, p := m.mix()
		before := Evaluate(req, p)
		if len(p.Identity) == 0 {
			continue
		}
		deny := pick(m, m.denies)
		p.Identity = slices.Clone(p.Identity)
		i := m.IntN(len(p.Identity))
		p.Identity[i].Policy = m.with(p.Identity[i].Policy, deny)
		after := Evaluate(req, p)
		if after.Effect == Allowed && before.Effect != Allowed || before.Effect == ExplicitlyDenied && after.Effect != ExplicitlyDenied {
			t.Fatalf("%s turned %s into %s", deny, before.Effect, after.Effect)
		}
	}
}

func TestAllowNeverDenies(t *testing.T) {
	m := newMixer(t)
	for range 20_000 {
		req, p := m.mix()
		if len(p.Identity) == 0 {
			continue
		}
		p.Identity = p.Identity[:1:1]
		before := Evaluate(req, p)
		allow := pick(m, m.allows)
		p.Identity = []Named{{Policy: m.with(p.Identity[0].Policy, allow)}}
		after := Evaluate(req, p)
		if before.Effect == Allowed && after.Effect != Allowed || before.Effect != ExplicitlyDenied && after.Effect == ExplicitlyDenied {
			t.Fatalf("%s turned %s into %s", allow, before.Effect, after.Effect)
		}
	}
}

// What limits or grants in one place must not be weaker for the order of policies.
func TestOrderDoesNotMatter(t *testing.T) {
	m := newMixer(t)
	for range 5_000 {
		req, p := m.mix()
		before := Evaluate(req, p)
		p.Identity = slices.Clone(p.Identity)
		m.Shuffle(len(p.Identity), func(i, j int) { p.Identity[i], p.Identity[j] = p.Identity[j], p.Identity[i] })
		if after := Evaluate(req, p); after.Effect != before.Effect || after.Source != before.Source {
			t.Fatalf("another order turned %s by %s into %s by %s", before.Effect, before.Source, after.Effect, after.Source)
		}
	}
}
