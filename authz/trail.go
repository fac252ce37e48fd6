package authz

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unsafe"

	"emulator/policy"
)

// Bounds of the trail's memory.
const (
	maxTrail      = 4096
	maxTrailBytes = 24 << 20 // with the policies, each counted once
	// maxKeptValue and maxKeptContext cut what a caller sent: nothing that is kept is a part of a request.
	maxKeptValue   = 1 << 10
	maxKeptContext = 16 << 10
)

// trail keeps the latest decisions, and what they were made of: a trace is made when somebody asks for it, from
// the same immutable policies.
type trail struct {
	mu     sync.Mutex
	ring   []asked
	first  int // the oldest, once the ring is full
	bytes  int
	counts map[*policy.Policy]int // how many of the ring hold a policy
	levels map[*policy.Named]int  // or a level, by its first
}

// asked is a question, its answer, and the policies that were gathered for it.
type asked struct {
	requestID string
	at        time.Time
	question  policy.Request // without the context
	context   keptContext
	caller    callerName
	policies  *policy.Policies
	decision  policy.Decision
}

// callerName is how an authorization message names the caller, besides its ARN.
type callerName struct{ id, name string }

// keep adds a decision, and forgets the oldest where there is no room.
func (t *trail) keep(a asked) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts, t.levels = make(map[*policy.Policy]int), make(map[*policy.Named]int)
	}
	t.count(&a, 1)
	if len(t.ring) < maxTrail {
		t.ring = append(t.ring, a)
	} else {
		t.count(&t.ring[t.first], -1)
		t.ring[t.first] = a
		t.first = (t.first + 1) % maxTrail
	}
	for t.bytes > maxTrailBytes {
		t.forget()
	}
}

// forget empties the oldest entries, the older half of them: it is rarely needed. If the newest is alone, only its policies go.
func (t *trail) forget() {
	t.ring = slices.Concat(t.ring[t.first:], t.ring[:t.first])
	t.first = 0
	if len(t.ring) == 1 {
		t.count(&t.ring[0], -1)
		t.ring[0].policies = new(policy.Policies)
		t.count(&t.ring[0], 1)
		return
	}
	half := len(t.ring) / 2
	for i := range t.ring[:half] {
		t.count(&t.ring[i], -1)
	}
	t.ring = slices.Clone(t.ring[half:])
}

// count adds an entry's bytes, or with -1 takes them away. A policy counts with the first entry that holds it. Levels of an
// organization's policies are shared whole, and counted whole: there can be very many policies in a few of them.
func (t *trail) count(a *asked, by int) {
	t.bytes += by * (int(unsafe.Sizeof(*a)) + len(a.context) + len(a.question.Resource) + len(a.question.Principal.ARN))
	for level := range a.policies.Levels() {
		if len(level) > 0 && changed(t.levels, &level[0], by) {
			for _, n := range level {
				t.countPolicy(n, by)
			}
		}
	}
	for n := range a.policies.Own() {
		t.countPolicy(n, by)
	}
}

func (t *trail) countPolicy(n policy.Named, by int) {
	t.bytes += by * (int(unsafe.Sizeof(n)) + len(n.Name))
	if n.Policy != nil && changed(t.counts, n.Policy, by) {
		t.bytes += by * n.Policy.Memory()
	}
}

// changed counts one more or less of a key, and reports whether it is the first or was the last.
func changed[K comparable](counts map[K]int, key K, by int) bool {
	before := counts[key]
	if before+by == 0 {
		delete(counts, key)
	} else {
		counts[key] = before + by
	}
	return before == 0 || before+by == 0
}

// find returns the decisions of a request, in their order.
func (t *trail) find(requestID string) []asked {
	found := t.newest(func(a *asked) bool { return a.requestID == requestID }, maxTrail)
	slices.Reverse(found)
	return found
}

// newest returns the latest n that are wanted, the newest first.
func (t *trail) newest(wanted func(*asked) bool, n int) []asked {
	t.mu.Lock()
	defer t.mu.Unlock()
	var found []asked
	for i := len(t.ring) - 1; i >= 0 && len(found) < n; i-- {
		if a := &t.ring[(t.first+i)%len(t.ring)]; wanted(a) {
			found = append(found, *a)
		}
	}
	return found
}

// keptContext is the condition keys of a request in as little memory as possible: names and values with their
// lengths, in one piece.
type keptContext string

// keep copies a context's keys. Long values are cut, and names that have no room are left out.
func (c *context) keep() keptContext {
	var room [2 << 10]byte
	b := room[:0]
	add := func(s string) {
		if len(s) > maxKeptValue {
			s = fmt.Sprintf("%s… (cut, of %d bytes)", strings.ToValidUTF8(s[:maxKeptValue], ""), len(s))
		}
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	for i, name := range globalNames {
		if value := c.global(lowerGlobalNames[i]); value != "" {
			add(name)
			b = append(b, 1)
			add(value)
		}
	}
	for _, name := range c.chosen() {
		values := c.values(strings.ToLower(name))
		if len(values) == 0 || len(b) > maxKeptContext {
			continue
		}
		add(name)
		values = values[:min(len(values), maxKeptContext/maxKeptValue)]
		b = binary.AppendUvarint(b, uint64(len(values)))
		for _, value := range values {
			add(value)
		}
	}
	return keptContext(b)
}

// keys returns what keep kept, under the names as they were given.
func (k keptContext) keys() map[string][]string {
	number := func() int {
		n, size := binary.Uvarint([]byte(k[:min(len(k), binary.MaxVarintLen64)]))
		k = k[size:]
		return int(n)
	}
	text := func() string {
		n := number()
		s := string(k[:n])
		k = k[n:]
		return s
	}
	keys := make(map[string][]string)
	for k != "" {
		name := text()
		for range number() {
			keys[name] = append(keys[name], text())
		}
	}
	return keys
}

// Explanation is a decision of a request, and why it was made.
type Explanation struct {
	Principal string `json:"principal"`
	Action    string `json:"action"`
	Resource  string `json:"resource"`
	policy.Trace
	// Advice is what would allow the request, if statements could.
	Advice []Advice `json:"advice,omitempty"`
	// EncodedMessage is what DecodeAuthorizationMessage decodes, of a denial.
	EncodedMessage string `json:"encodedMessage,omitempty"`
}

func explain(question *policy.Request, policies *policy.Policies, d policy.Decision) Explanation {
	trace := policy.ExplainDecision(question, policies, d)
	return Explanation{
		Principal: question.Principal.ARN, Action: question.Action, Resource: question.Resource,
		Trace: trace, Advice: advise(question, policies, trace.Missing),
	}
}

// Explain returns the decisions of a request, in their order. The latest few thousand
// are kept, with long values cut.
func (a *Authorizer) Explain(requestID string) ([]Explanation, error) {
	var all []Explanation
	for _, q := range a.trail.find(requestID) {
		q.question.Context = policy.NewContext(q.context.keys())
		e := explain(&q.question, q.policies, q.decision)
		if e.Effect != policy.Allowed {
			var err error
			if e.EncodedMessage, err = q.encodedMessage(a.keyring); err != nil {
				return nil, err
			}
		}
		all = append(all, e)
	}
	return all, nil
}

// Denial is a decision that was, or in the mode Audit would have been, a refusal.
type Denial struct {
	RequestID string `json:"requestId"`
	// Time is the emulated time.
	Time      time.Time `json:"time"`
	Principal string    `json:"principal"`
	Action    string    `json:"action"`
	Resource  string    `json:"resource"`
	Effect    string    `json:"effect"`
	Reason    string    `json:"reason"`
	// LetThrough is set in the mode Audit: the call went on.
	LetThrough bool `json:"letThrough"`
}

// Denials returns the latest denials that are kept, at most n, the newest first.
func (a *Authorizer) Denials(n int) []Denial {
	denials := []Denial{}
	for _, q := range a.trail.newest(func(q *asked) bool { return q.decision.Effect != policy.Allowed }, n) {
		denials = append(denials, Denial{
			RequestID: q.requestID, Time: q.at, Principal: q.question.Principal.ARN, Action: q.question.Action, Resource: q.question.Resource,
			Effect: q.decision.Effect.String(), Reason: q.decision.Reason(q.question.Action), LetThrough: a.mode == Audit,
		})
	}
	return denials
}
