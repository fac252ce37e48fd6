// Package policy is the IAM policy language: it parses and validates documents,
// decides whether the policies that apply to a request allow it, and explains why.
// It knows no service, does no I/O and reads no clock.
//
// Parse compiles a document once; Evaluate decides on a request with compiled
// policies and is cheap; Explain makes the same decision and keeps what it looked at.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies.html
package policy

import (
	"strings"
	"time"
	"unsafe"
)

// Kind is what a policy is attached to. It decides which elements the grammar has.
type Kind int

// The kinds of policy.
const (
	// Identity is an inline policy of a user, group or role, or a permissions boundary.
	Identity Kind = iota
	// Managed is an identity policy that is to be stored as a managed policy: its
	// version must be 2012-10-17.
	Managed
	// Resource is a policy on a resource of a service without rules of its own.
	Resource
	// KeyPolicy is the policy of a KMS key, which must itself allow.
	KeyPolicy
	// TrustPolicy is the policy of a role that says who may assume it. It must itself allow.
	TrustPolicy
	// Session is a policy passed when a session is created.
	Session
	// SCP is a service control policy.
	SCP
	// RCP is a resource control policy.
	RCP
)

var kindNames = [...]string{"identity", "managed", "resource", "key", "trust", "session", "scp", "rcp"}

// String returns a short name, such as "identity".
func (k Kind) String() string { return kindNames[k] }

// ParseKind returns the kind of that short name.
func ParseKind(name string) (Kind, bool) {
	for k, n := range kindNames {
		if n == name {
			return Kind(k), true
		}
	}
	return 0, false
}

// hasPrincipal reports whether statements of this kind name principals.
func (k Kind) hasPrincipal() bool {
	return k == Resource || k == KeyPolicy || k == TrustPolicy || k == RCP
}

// ofIdentity reports whether it is a policy of an identity or of its session. These go through the same parser of IAM's.
func (k Kind) ofIdentity() bool { return k == Identity || k == Managed || k == Session }

// Policy is a parsed and compiled document. It is immutable and safe for
// concurrent use.
type Policy struct {
	// Kind that it was parsed as.
	Kind Kind
	// Version is 2012-10-17, or 2008-10-17 if the document has none.
	Version string
	// ID is the document's Id, or "".
	ID string
	// Text is the document as it was given.
	Text string
	// Statements in their order.
	Statements []Statement
}

// Statement is one statement of a policy.
type Statement struct {
	// Sid is the statement's identifier, or "".
	Sid string `json:"sid,omitzero"`
	// Index is its place in the document, from 0.
	Index int `json:"index"`
	// Allow is set for Allow, not for Deny.
	Allow bool `json:"allow"`
	// Start and End are where the statement stands in the text; End is just behind it.
	Start Position `json:"start"`
	End   Position `json:"end"`

	notAction    bool
	notPrincipal bool
	notResource  bool
	anyResource  bool      // Resource is "*", or the grammar has none
	actions      []pattern // in lower case
	resources    []template
	principals   []principal
	conditions   []condition
}

// Effect returns "Allow" or "Deny".
func (s *Statement) Effect() string {
	if s.Allow {
		return "Allow"
	}
	return "Deny"
}

// Memory returns about how many bytes the policy occupies: many times its text.
func (p *Policy) Memory() int {
	n := int(unsafe.Sizeof(*p)) + len(p.Text) + len(p.Statements)*int(unsafe.Sizeof(Statement{}))
	for i := range p.Statements {
		s := &p.Statements[i]
		for j := range s.actions {
			n += s.actions[j].memory()
		}
		for j := range s.resources {
			n += s.resources[j].memory()
		}
		n += len(s.principals) * int(unsafe.Sizeof(principal{}))
		for j := range s.conditions {
			c := &s.conditions[j]
			n += int(unsafe.Sizeof(*c)) + len(c.lowerKey)
			for k := range c.values {
				n += int(unsafe.Sizeof(value{})) + c.values[k].text.memory()
				switch operand := c.values[k].operand.(type) {
				case nil, bool:
				case []template:
					for l := range operand {
						n += operand[l].memory()
					}
				default:
					n += int(unsafe.Sizeof(time.Time{})) // or as much
				}
			}
		}
	}
	return n
}

func (p *pattern) memory() int { return int(unsafe.Sizeof(*p)) + len(p.literal) + len(p.rest) }

func (t *template) memory() int {
	n := int(unsafe.Sizeof(*t)) + t.fixed.memory()
	for _, part := range t.parts() {
		n += int(unsafe.Sizeof(part)) + 2*len(part.key) + len(part.text)
	}
	return n
}

// Position is a place in a document. Lines and columns count from 1, columns in
// bytes; Offset counts bytes from 0.
type Position struct {
	Line   int `json:"line"`
	Column int `json:"column"`
	Offset int `json:"offset"`
}

// position finds the line and column of an offset.
func position(text string, offset int) Position {
	return Position{Line: 1, Column: 1}.advance(text, max(0, min(offset, len(text))))
}

// advance finds the line and column of an offset behind p: who goes from one to the next counts a text once.
func (p Position) advance(text string, offset int) Position {
	between := text[p.Offset:offset]
	next := Position{Line: p.Line, Column: p.Column + len(between), Offset: offset}
	if lines := strings.Count(between, "\n"); lines > 0 {
		next.Line, next.Column = p.Line+lines, len(between)-strings.LastIndexByte(between, '\n')
	}
	return next
}

// Size returns the length of a document as AWS's quotas count it: characters
// without white space, except inside of strings.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-entity-length
func Size(text string) int {
	n := 0
	quoted, escaped := false, false
	for _, r := range text {
		switch {
		case escaped:
			escaped = false
		case quoted && r == '\\':
			escaped = true
		case r == '"':
			quoted = !quoted
		case !quoted && (r == ' ' || r == '\t' || r == '\r' || r == '\n'):
			continue
		}
		n++
	}
	return n
}
