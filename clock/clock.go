// Package clock is the time that the emulated AWS lives in. A test can move it;
// whatever AWS computes from time (expiry, deletion, rotation, MFA codes,
// aws:CurrentTime) follows.
//
// The transport does not use it: the Date header and the age of a signature stay
// on real time, because SDKs correct their signing clock by Date.
package clock

import (
	"sync/atomic"
	"time"
)

// Clock tells the emulated time: real time plus an offset, or a fixed instant.
// The zero value tells real time. It is safe for concurrent use.
type Clock struct {
	// Transition is how long what AWS does in the background takes: making a replica of a key or
	// an account, connecting a key store. It is set before the clock is used.
	Transition time.Duration

	state atomic.Pointer[state]
}

type state struct {
	offset time.Duration
	frozen bool
	at     time.Time // if frozen
}

// Now returns the emulated time in UTC.
func (c *Clock) Now() time.Time {
	s := c.state.Load()
	switch {
	case s == nil:
		return time.Now().UTC()
	case s.frozen:
		return s.at
	default:
		return time.Now().Add(s.offset).UTC()
	}
}

// Ended reports whether a transition that began then has ended by now, and when it ends or did. Time that does
// not pass can't end any, and whoever waits for it would wait forever: with the clock frozen, or moved back to before its begin,
// it has ended. An operation tells itself, without asking, that what it began is under way.
func (c *Clock) Ended(begun time.Time) (end time.Time, ended bool) {
	now, end := c.Now(), begun.Add(c.Transition)
	if now.Before(end) && !now.Before(begun) {
		if _, frozen := c.Offset(); !frozen {
			return end, false
		}
		end = now
	}
	return end, true
}

// Set moves the clock to t, from where it runs on.
func (c *Clock) Set(t time.Time) {
	c.state.Store(&state{offset: time.Until(t)})
}

// Freeze stops the clock at t.
func (c *Clock) Freeze(t time.Time) {
	c.state.Store(&state{frozen: true, at: t.UTC()})
}

// Advance moves the clock by d, back if d is negative, and returns the new time.
// A frozen clock stays frozen.
func (c *Clock) Advance(d time.Duration) time.Time {
	for {
		old := c.state.Load()
		next := state{}
		if old != nil {
			next = *old
		}
		if next.frozen {
			next.at = next.at.Add(d)
		} else {
			next.offset += d
		}
		if c.state.CompareAndSwap(old, &next) {
			return c.Now()
		}
	}
}

// Reset goes back to real time.
func (c *Clock) Reset() { c.state.Store(nil) }

// Offset returns how far the clock is from real time, and whether it is frozen.
func (c *Clock) Offset() (offset time.Duration, frozen bool) {
	s := c.state.Load()
	switch {
	case s == nil:
		return 0, false
	case s.frozen:
		return time.Until(s.at), true
	default:
		return s.offset, false
	}
}
