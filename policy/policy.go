// Package policy is the IAM policy language: it parses and validates documents,
// decides whether the policies that apply to a request allow it, and explains why.
// It knows no service, does no I/O and reads no clock.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies.html
package policy

import (
	"fmt"
	"strings"
)

// Kind is what a policy is attached to. It decides which elements the grammar has.
type Kind int

// The kinds of policy.
const (
	// Identity is a policy of a user, group or role, also as a permissions boundary.
	Identity Kind = iota
	// Resource is a policy on a resource, of services without rules of their own.
	Resource
	// KeyPolicy is the policy of a KMS key: it must itself allow.
	KeyPolicy
	// TrustPolicy is the policy of a role that says who may assume it: it must itself allow.
	TrustPolicy
	// Session is a policy given with AssumeRole or its like.
	Session
	// SCP is a service control policy.
	SCP
	// RCP is a resource control policy.
	RCP
)

var kindNames = [...]string{"identity", "resource", "key", "trust", "session", "scp", "rcp"}

// String returns a short name: "identity".
func (k Kind) String() string { return kindNames[k] }

// hasPrincipal reports whether statements of this kind name principals.
func (k Kind) hasPrincipal() bool {
	return k == Resource || k == KeyPolicy || k == TrustPolicy || k == RCP
}

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
	Statements []*Statement
}

// Statement is one statement of a policy.
type Statement struct {
	// Sid is the statement's identifier, or "".
	Sid string
	// Index is its place in the document, from 0.
	Index int
	// Allow is set for Allow, not for Deny.
	Allow bool
	// Start and End are where the statement stands in the text.
	Start, End Position

	principals   []principal
	notPrincipal bool
	actions      []pattern // in lower case
	notAction    bool
	resources    []template
	notResource  bool
	anyResource  bool // a grammar without Resource, or "*"
	conditions   []condition
}

// Position is a place in a document. Lines and columns count from 1, columns in bytes.
type Position struct {
	Line   int `json:"line"`
	Column int `json:"column"`
	offset int
}

// SyntaxError is a document that is not of the grammar.
type SyntaxError struct {
	// Message is AWS's where it is known.
	Message string
	// At is where the error was found.
	At Position
}

// Error returns the message and the position.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s (line %d, column %d)", e.Message, e.At.Line, e.At.Column)
}

// Size returns the length of a document as AWS's quotas count it: characters
// without white space outside of strings.
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

// position finds the line and column of an offset.
func position(text string, offset int) Position {
	offset = max(0, min(offset, len(text)))
	before := text[:offset]
	return Position{
		Line:   1 + strings.Count(before, "\n"),
		Column: offset - strings.LastIndexByte(before, '\n'),
		offset: offset,
	}
}
