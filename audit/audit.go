// Package audit keeps what became of calls: the latest of them as CloudTrail would record them, with more than the
// callers were told for whoever runs the emulator, and the last use of keys and roles.
package audit

import (
	"encoding/binary"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"emulator/identity"
)

// Event is a call to an AWS operation, and what became of it.
type Event struct {
	RequestID string
	// Time is the emulated time.
	Time time.Time
	// Service is the name of the API, "kms". Operation is "" if the call names none.
	Service, Operation string
	Region             string
	Identity           Identity
	SourceIP           string
	UserAgent          string
	// Host is the name by which the client called the endpoint.
	Host string
	// TLSVersion and CipherSuite are those of crypto/tls, 0 without TLS.
	TLSVersion, CipherSuite uint16
	// Code and Message are those of a refusal, "" if there was none.
	Code, Message string
	// Cause is what the caller was not told of it.
	Cause string
	// Request and Response are JSON of what may be shown of the operation's input and output, nil if there is
	// nothing. They are not cut: whoever makes them bounds them.
	Request, Response []byte
	Notes
}

// Identity is who made a call.
//
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
type Identity struct {
	// Type is CloudTrail's: "IAMUser".
	Type                                             string
	PrincipalID, ARN, Account, AccessKeyID, UserName string
	// Provider is who vouched for a caller without a signature.
	Provider string

	// Issued is when the session began, zero if there is none.
	Issued      time.Time
	MFA         bool
	AssumedRoot bool
	// Issuer is the role or user that the session is of; Type is "" if it is the root user.
	Issuer         Issuer
	SourceIdentity string
	OnBehalfOf     identity.OnBehalfOf
	// WebProvider is the OpenID Connect provider that vouched for the session, and Attributes are what it said:
	// condition keys, each followed by its value.
	WebProvider string
	Attributes  []string
}

// Issuer is what a session is of.
type Issuer struct{ Type, PrincipalID, ARN, Account, UserName string }

// identityTypes are CloudTrail's names for kinds of principals.
var identityTypes = map[identity.Kind]string{
	identity.Anonymous: "Unknown", identity.Root: "Root", identity.UserKind: "IAMUser",
	identity.AssumedRole: "AssumedRole", identity.FederatedUser: "FederatedUser",
}

// IdentityOf returns how an event names a principal.
func IdentityOf(p *identity.Principal) Identity {
	id := Identity{Type: identityTypes[p.Kind], PrincipalID: p.UserID, ARN: p.ARN, Account: p.Account, AccessKeyID: p.AccessKeyID}
	if p.Kind == identity.UserKind && p.User != nil {
		id.UserName = p.User.Name
	}
	session := p.Session
	if session == nil {
		return id
	}
	id.Issued, id.MFA, id.AssumedRoot, id.SourceIdentity = session.Issued, !session.MFA.IsZero(), session.AssumedRoot, session.SourceIdentity
	if session.OnBehalfOf != nil {
		id.OnBehalfOf = *session.OnBehalfOf
	}
	switch {
	case p.Role != nil:
		id.Issuer = Issuer{"Role", p.Role.ID, p.Role.ARN(), p.Role.Account, p.Role.Name}
	case p.Kind == identity.FederatedUser && p.User != nil:
		id.Issuer = Issuer{"IAMUser", p.User.ID, p.User.ARN(), p.User.Account, p.User.Name}
	}
	if session.FederatedProvider != "" && !strings.Contains(session.FederatedProvider, ":saml-provider/") {
		id.WebProvider = session.FederatedProvider
		_, host, isARN := strings.Cut(id.WebProvider, ":oidc-provider/")
		if !isARN {
			host = id.WebProvider
		}
		for _, key := range slices.Sorted(maps.Keys(session.Context)) {
			if values := session.Context[key]; strings.HasPrefix(key, host+":") && len(values) > 0 && len(id.Attributes) < 2*maxItems {
				id.Attributes = append(id.Attributes, key, values[0])
			}
		}
	}
	return id
}

// Notes are what an operation tells of itself for its event. They are written in the course of the call, by one
// goroutine; on nil nothing is noted.
type Notes struct {
	// Resources are those that the operation was allowed to do something with, in that order.
	Resources []Resource
	// Materials are the IDs of the key material that was used, in that order, "" where it is not shown.
	Materials []string
	// Recipient is what an attestation document said of who is to read the answer: names, each followed by its value.
	Recipient []string
	// Bearer is who called without a signature, as a provider said. It is for whoever makes the event, and not kept.
	Bearer Identity
}

// Resource is a resource of a call.
type Resource struct {
	// Type is CloudFormation's: "AWS::KMS::Key".
	Type, Account, ARN string
	// Used is set if cryptography was done with it.
	Used bool
}

// Resource notes a resource.
func (n *Notes) Resource(r Resource) {
	if n == nil || len(n.Resources) == maxItems {
		return
	}
	i := slices.IndexFunc(n.Resources, func(known Resource) bool { return known.ARN == r.ARN })
	if i < 0 {
		n.Resources = append(n.Resources, r)
	} else if r.Used {
		n.Resources[i].Used = true
	}
}

// Use notes that cryptography was done with a key, and the ID of its material, "" if it is not shown.
func (n *Notes) Use(key Resource, material string) {
	key.Used = true
	n.Resource(key)
	if n != nil && len(n.Materials) < maxItems {
		n.Materials = append(n.Materials, material)
	}
}

// Attested notes what an attestation document said, as Notes have it.
func (n *Notes) Attested(recipient []string) {
	if n != nil {
		n.Recipient = recipient
	}
}

// Vouched notes who called without a signature.
func (n *Notes) Vouched(id Identity) {
	if n != nil {
		n.Bearer = id
	}
}

// Bounds of a trail's memory. No event is larger than some 100 KB.
const (
	maxBytes = 16 << 20
	maxText  = 1 << 10
	maxItems = 8
	overhead = 64 // of an event, besides its text
)

// Trail is the latest events. The zero value is empty. It is safe for concurrent use.
type Trail struct {
	mu     sync.Mutex
	events []string // packed, the oldest first
	first  int      // those before it are forgotten
	bytes  int
}

// Keep adds an event, with long texts cut. What it keeps is a copy.
func (t *Trail) Keep(e *Event) {
	var room [2 << 10]byte
	packed := string(e.pack(room[:0]))
	t.mu.Lock()
	defer t.mu.Unlock()
	t.events = append(t.events, packed)
	t.bytes += len(packed) + overhead
	for t.bytes > maxBytes {
		t.bytes -= len(t.events[t.first]) + overhead
		t.events[t.first] = ""
		t.first++
	}
	if t.first > len(t.events)/2 {
		t.events = append(t.events[:0], t.events[t.first:]...)
		clear(t.events[len(t.events):cap(t.events)])
		t.first = 0
	}
}

// Newest returns the latest events, at most n, that are wanted, the newest first.
func (t *Trail) Newest(n int, wanted func(*Event) bool) []Event {
	t.mu.Lock()
	kept := slices.Clone(t.events[t.first:])
	t.mu.Unlock()
	var found []Event
	for i := len(kept) - 1; i >= 0 && len(found) < n; i-- {
		if e := unpack(kept[i]); wanted(&e) {
			found = append(found, e)
		}
	}
	return found
}

// Refusal is a call that was refused, with what the caller was not told.
type Refusal struct {
	RequestID string    `json:"requestId"`
	Time      time.Time `json:"time"`
	Service   string    `json:"service"`
	Operation string    `json:"operation,omitempty"`
	// Caller is an ARN, "" if the caller is not known.
	Caller string `json:"caller,omitempty"`
	// Code and Message are the answer's.
	Code    string `json:"code"`
	Message string `json:"message,omitempty"`
	// Cause is what the caller was not told.
	Cause string `json:"cause,omitempty"`
}

// Refusals returns the latest calls that were refused, at most n, the newest first: those of a request, or of all if
// requestID is "".
func (t *Trail) Refusals(requestID string, n int) []Refusal {
	refusals := []Refusal{}
	for _, e := range t.Newest(n, func(e *Event) bool { return e.Code != "" && (requestID == "" || e.RequestID == requestID) }) {
		refusals = append(refusals, Refusal{e.RequestID, e.Time, e.Service, e.Operation, e.Identity.ARN, e.Code, e.Message, e.Cause})
	}
	return refusals
}

// texts are the members of an event that are texts, in the order in which they are packed.
func (e *Event) texts() [26]*string {
	id := &e.Identity
	return [...]*string{
		&e.RequestID, &e.Service, &e.Operation, &e.Region, &e.SourceIP, &e.UserAgent, &e.Host, &e.Code, &e.Message, &e.Cause,
		&id.Type, &id.PrincipalID, &id.ARN, &id.Account, &id.AccessKeyID, &id.UserName,
		&id.Issuer.Type, &id.Issuer.PrincipalID, &id.Issuer.ARN, &id.Issuer.Account, &id.Issuer.UserName, &id.SourceIdentity, &id.OnBehalfOf.User, &id.OnBehalfOf.Store, &id.WebProvider, &id.Provider,
	}
}

// pack appends an event in as little memory as possible: numbers, and texts with their lengths.
func (e *Event) pack(b []byte) []byte {
	text := func(s string) {
		if len(s) > maxText {
			s = strings.ToValidUTF8(s[:maxText], "") + "…"
		}
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	for _, s := range e.texts() {
		text(*s)
	}
	for _, raw := range [...][]byte{e.Request, e.Response} {
		b = append(binary.AppendUvarint(b, uint64(len(raw))), raw...)
	}
	for _, t := range [...]time.Time{e.Time, e.Identity.Issued} {
		n := int64(0)
		if !t.IsZero() {
			n = t.UnixMilli()
		}
		b = binary.AppendVarint(b, n)
	}
	flags := uint64(0)
	if e.Identity.MFA {
		flags |= 1
	}
	if e.Identity.AssumedRoot {
		flags |= 2
	}
	for _, n := range [...]uint64{uint64(e.TLSVersion), uint64(e.CipherSuite), flags} {
		b = binary.AppendUvarint(b, n)
	}
	for _, list := range [...][]string{e.Identity.Attributes, e.Materials, e.Recipient} {
		b = binary.AppendUvarint(b, uint64(len(list)))
		for _, s := range list {
			text(s)
		}
	}
	b = binary.AppendUvarint(b, uint64(len(e.Resources)))
	for _, r := range e.Resources {
		text(r.Type)
		text(r.Account)
		text(r.ARN)
	}
	return b
}

// unpack returns what pack packed.
func unpack(packed string) Event {
	var e Event
	number := func() uint64 {
		n, size := binary.Uvarint([]byte(packed[:min(len(packed), binary.MaxVarintLen64)]))
		packed = packed[size:]
		return n
	}
	text := func() string {
		n := number()
		s := packed[:n]
		packed = packed[n:]
		return s
	}
	moment := func() time.Time {
		n, size := binary.Varint([]byte(packed[:min(len(packed), binary.MaxVarintLen64)]))
		packed = packed[size:]
		if n == 0 {
			return time.Time{}
		}
		return time.UnixMilli(n).UTC()
	}
	for _, s := range e.texts() {
		*s = text()
	}
	e.Request, e.Response = []byte(text()), []byte(text())
	e.Time, e.Identity.Issued = moment(), moment()
	e.TLSVersion, e.CipherSuite = uint16(number()), uint16(number())
	flags := number()
	e.Identity.MFA, e.Identity.AssumedRoot = flags&1 != 0, flags&2 != 0
	for _, list := range [...]*[]string{&e.Identity.Attributes, &e.Materials, &e.Recipient} {
		for range number() {
			*list = append(*list, text())
		}
	}
	for range number() {
		e.Resources = append(e.Resources, Resource{Type: text(), Account: text(), ARN: text()})
	}
	return e
}
