package server

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// DefaultConnections is how many connections a listener has open at once, unless told otherwise. Each
// takes about 20 KB.
const DefaultConnections = 1000

// maxBodies bounds the bytes of the bodies of all requests under way.
const maxBodies = 32 << 20

// connections is a listener of which only so many connections are open at once. A further one waits. For it
// the connection is closed that has waited for a request for the longest time, as clients expect
// of one that they keep alive; if each has a request, the first that is answered makes room.
type connections struct {
	net.Listener
	limit int

	mu      sync.Mutex
	changed sync.Cond
	open    int
	waiting map[*connection]uint64 // for a request, since this turn
	turn    uint64
	closed  bool
}

func boundConnections(l net.Listener, limit int) *connections {
	c := &connections{Listener: l, limit: limit, waiting: make(map[*connection]uint64)}
	c.changed.L = &c.mu
	return c
}

// Accept returns the next connection once there is room for it.
func (l *connections) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.open >= l.limit && !l.closed {
		if c := l.longestWaiting(); c != nil {
			l.release(c)
			c.Conn.Close()
		} else {
			l.changed.Wait()
		}
	}
	if l.closed {
		accepted.Close()
		return nil, net.ErrClosed
	}
	c := &connection{Conn: accepted, of: l}
	l.open++
	l.wait(c)
	return c, nil
}

// Close also ends an Accept that waits for room.
func (l *connections) Close() error {
	l.mu.Lock()
	l.closed = true
	l.changed.Broadcast()
	l.mu.Unlock()
	return l.Listener.Close()
}

// note is http.Server's ConnState.
func (l *connections) note(of net.Conn, state http.ConnState) {
	if t, ok := of.(*tls.Conn); ok {
		of = t.NetConn()
	}
	c := of.(*connection)
	l.mu.Lock()
	defer l.mu.Unlock()
	if state == http.StateIdle {
		l.wait(c)
	} else if state != http.StateNew { // of which Accept knows
		delete(l.waiting, c)
	}
}

func (l *connections) wait(c *connection) {
	if !c.released {
		l.turn++
		l.waiting[c] = l.turn
		l.changed.Broadcast()
	}
}

func (l *connections) release(c *connection) {
	if !c.released {
		c.released = true
		l.open--
		delete(l.waiting, c)
		l.changed.Broadcast()
	}
}

func (l *connections) longestWaiting() *connection {
	var longest *connection
	for c, since := range l.waiting {
		if longest == nil || since < l.waiting[longest] {
			longest = c
		}
	}
	return longest
}

type connection struct {
	net.Conn
	of       *connections
	released bool
}

// Close makes room for another.
func (c *connection) Close() error {
	c.of.mu.Lock()
	c.of.release(c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}

var errBodies = errors.New("the requests under way are too large together")

// boundBodies lets the bodies of all requests have maxBodies bytes together. Reading what is beyond is errBodies.
func boundBodies(next http.Handler) http.Handler {
	var used atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			b := &body{ReadCloser: r.Body, used: &used}
			defer func() { used.Add(-b.read) }()
			counted := *r // net/http looks at the body of its own when the request ends
			counted.Body = b
			r = &counted
		}
		next.ServeHTTP(w, r)
	})
}

type body struct {
	io.ReadCloser
	used *atomic.Int64
	read int64
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	if b.used.Add(int64(n)) > maxBodies {
		return n, errBodies
	}
	return n, err
}
