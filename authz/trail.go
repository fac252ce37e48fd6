package authz

import (
	"sync"

	"emulator/policy"
)

// trail keeps the questions of the latest requests, not the answers: a trace is made
// when somebody asks for it, from the same immutable policies.
type trail struct {
	mu     sync.Mutex
	latest []asked // a ring
	next   int
}

// asked is one question with the policies that were gathered for it.
type asked struct {
	requestID string
	question  *policy.Request
	policies  *policy.Policies
}

// maxTrail bounds the memory: about 1 KB each.
const maxTrail = 4096

func (t *trail) keep(requestID string, q *policy.Request, p *policy.Policies) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.latest) < maxTrail {
		t.latest = append(t.latest, asked{requestID, q, p})
		return
	}
	t.latest[t.next] = asked{requestID, q, p}
	t.next = (t.next + 1) % maxTrail
}

func (t *trail) find(requestID string) []asked {
	t.mu.Lock()
	defer t.mu.Unlock()
	var found []asked
	for i := range t.latest { // the oldest first
		if a := t.latest[(t.next+i)%len(t.latest)]; a.requestID == requestID {
			found = append(found, a)
		}
	}
	return found
}

// newest returns what is kept, the newest first.
func (t *trail) newest() []asked {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]asked, 0, len(t.latest))
	for i := range t.latest {
		all = append(all, t.latest[(t.next+len(t.latest)-1-i)%len(t.latest)])
	}
	return all
}

// Explanation is a decision of a request, and why it was made.
type Explanation struct {
	Principal string `json:"principal"`
	Action    string `json:"action"`
	Resource  string `json:"resource"`
	policy.Trace
	// EncodedMessage is what DecodeAuthorizationMessage decodes, of a denial.
	EncodedMessage string `json:"encodedMessage,omitempty"`
}

func (q *asked) explain() Explanation {
	return Explanation{
		Principal: q.question.Principal.ARN, Action: q.question.Action, Resource: q.question.Resource,
		Trace: policy.Explain(q.question, q.policies),
	}
}

// Explain returns the decisions of a request, in their order. The latest few thousand
// are kept.
func (a *Authorizer) Explain(requestID string) ([]Explanation, error) {
	var all []Explanation
	for _, q := range a.trail.find(requestID) {
		e := q.explain()
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
	Principal string `json:"principal"`
	Action    string `json:"action"`
	Resource  string `json:"resource"`
	Effect    string `json:"effect"`
	Reason    string `json:"reason"`
}

// Denials returns the latest denials that are kept, at most n, the newest first.
func (a *Authorizer) Denials(n int) []Denial {
	denials := []Denial{}
	for _, q := range a.trail.newest() {
		if len(denials) == n {
			break
		}
		d := policy.Evaluate(q.question, q.policies)
		if d.Effect == policy.Allowed {
			continue
		}
		denials = append(denials, Denial{
			RequestID: q.requestID, Principal: q.question.Principal.ARN, Action: q.question.Action, Resource: q.question.Resource,
			Effect: d.Effect.String(), Reason: d.Reason(q.question.Action),
		})
	}
	return denials
}
