// Package audit keeps what became of calls, for whoever runs the emulator: more than the callers were told.
package audit

import (
	"strings"
	"sync"
	"time"
)

// Event is a call that was refused.
type Event struct {
	RequestID string `json:"requestId"`
	// Time is the emulated time.
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

// Bounds of a trail's memory: some 4 MB.
const (
	maxEvents = 2000
	maxText   = 512
)

// Trail is the latest events. The zero value is empty. It is safe for concurrent use.
type Trail struct {
	mu   sync.Mutex
	ring []Event
	next int // to be overwritten, once the ring is full
}

// Keep adds an event, with long texts cut. What it keeps is no part of a request.
func (t *Trail) Keep(e Event) {
	for _, text := range []*string{&e.Operation, &e.Caller, &e.Message, &e.Cause} {
		if len(*text) > maxText {
			*text = strings.ToValidUTF8((*text)[:maxText], "") + "…"
		} else {
			*text = strings.Clone(*text)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.ring) < maxEvents {
		t.ring = append(t.ring, e)
		return
	}
	t.ring[t.next] = e
	t.next = (t.next + 1) % maxEvents
}

// Newest returns the latest n events, the newest first.
func (t *Trail) Newest(n int) []Event {
	t.mu.Lock()
	defer t.mu.Unlock()
	latest := make([]Event, 0, min(n, len(t.ring)))
	for i := len(t.ring) - 1; i >= 0 && len(latest) < n; i-- {
		latest = append(latest, t.ring[(t.next+i)%len(t.ring)])
	}
	return latest
}

// Find returns the event of a request, nil if none is kept.
func (t *Trail) Find(requestID string) *Event {
	for _, e := range t.Newest(maxEvents) {
		if e.RequestID == requestID {
			return &e
		}
	}
	return nil
}
