package oidc

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// How long and how many issuers' keys are kept, and how long that an issuer did not give them: whoever sends tokens
// must not make us ask for each.
const (
	keysTTL    = 5 * time.Minute
	failureTTL = 5 * time.Second
	maxIssuer  = 256
)

// A token whose key is not among those we have may be of a new key, so the keys are
// fetched anew; but whoever makes up key IDs must not make us hammer an issuer. Each
// issuer is asked early refetchBurst times in a row, and then once in refetchInterval.
const (
	refetchBurst    = 5
	refetchInterval = 10 * time.Second
)

// Config is what a Verifier is made of. The zero value is the default.
type Config struct {
	// Client fetches; nil means one that trusts the system's authorities and
	// providers' thumbprints. Its redirects are restricted in any case.
	Client *http.Client
	// InsecureHosts are hosts, with or without a port, that may be fetched from over
	// plain http. Those of this machine always may.
	InsecureHosts []string
	// Local returns the JSON Web Key Set held here in place of what an issuer publishes, and
	// whether there is one; nil means none.
	Local func(ctx context.Context, issuer string) (keySet []byte, ok bool, err error)
	// Offline forbids fetching: issuers without local keys are unreachable.
	Offline bool
	// Now is real time; nil means time.Now. The cache is not for the emulated time to
	// rule: it spares a real peer, and must neither freeze nor expire with a test's clock.
	Now func() time.Time
}

// Verifier verifies tokens, and caches the keys of issuers. It is safe for concurrent use.
type Verifier struct {
	fetcher fetcher
	local   func(ctx context.Context, issuer string) (keySet []byte, ok bool, err error)
	offline bool
	now     func() time.Time
	flights singleflight.Group

	mu      sync.Mutex
	issuers map[string]*issuer // by source.key()
}

// issuer is what is cached of one.
type issuer struct {
	keys    []key
	fetched time.Time
	// failure is why the latest fetch failed, nil if it did not, and asked when that was.
	failure error
	asked   time.Time
	// refetches is how often the keys may still be fetched early, as of counted.
	refetches float64
	counted   time.Time
}

// NewVerifier returns a Verifier.
func NewVerifier(c Config) *Verifier {
	v := &Verifier{
		fetcher: fetcher{client: c.Client, insecure: c.InsecureHosts},
		local:   c.Local,
		offline: c.Offline,
		now:     c.Now,
		issuers: make(map[string]*issuer),
	}
	if v.now == nil {
		v.now = time.Now
	}
	return v
}

// Verify checks that t is signed with a key that its issuer publishes. It does not
// look at the time, nor for whom the token is. thumbprints are those of certificates to trust
// besides the system's. The error is one of this package's. Callers must know the issuer
// for one to be trusted: it is fetched from.
func (v *Verifier) Verify(ctx context.Context, t *Token, thumbprints []string) error {
	if v.local != nil {
		keySet, ok, err := v.local(ctx, t.Issuer)
		if err != nil {
			return err
		}
		if ok {
			keys, err := parseKeys(keySet)
			if err != nil {
				return fmt.Errorf("%w: %w", ErrNoKey, err)
			}
			return t.verify(keys)
		}
	}
	if v.offline {
		return fmt.Errorf("%w: %s: fetching is turned off", ErrUnreachable, t.Issuer)
	}
	s := source{t.Issuer, thumbprints}
	keys, cached := v.cached(s)
	if !cached {
		keys, err := v.fetch(ctx, s)
		if err != nil {
			return err
		}
		return t.verify(keys)
	}
	err := t.verify(keys)
	// An issuer that was started anew may have another key under the old name, so a
	// wrong signature is a reason to look again, too.
	if err == nil || !v.mayRefetch(s) {
		return err
	}
	if keys, err = v.fetch(ctx, s); err != nil {
		return err
	}
	return t.verify(keys)
}

func (v *Verifier) cached(s source) ([]key, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	i := v.issuers[s.key()]
	if i == nil || v.now().Sub(i.fetched) >= keysTTL {
		return nil, false
	}
	return i.keys, true
}

func (v *Verifier) mayRefetch(s source) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	i := v.issuers[s.key()]
	if i == nil {
		return true
	}
	now := v.now()
	i.refetches = min(refetchBurst, i.refetches+now.Sub(i.counted).Seconds()/refetchInterval.Seconds())
	i.counted = now
	if i.refetches < 1 {
		return false
	}
	i.refetches--
	return true
}

// fetch fetches the keys, unless that failed a moment ago; callers at the same time share one fetch. It goes on if the
// caller who began it goes away.
func (v *Verifier) fetch(ctx context.Context, s source) ([]key, error) {
	if err := v.failure(s); err != nil {
		return nil, err
	}
	result := v.flights.DoChan(s.key(), func() (_ any, err error) {
		defer func() {
			if p := recover(); p != nil { // or the whole process would end
				err = fmt.Errorf("keys of %s: panic: %v", s.issuer, p)
			}
		}()
		keys, err := v.fetcher.keys(context.WithoutCancel(ctx), s)
		v.keep(s, keys, err)
		return keys, err
	})
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, ctx.Err())
	case r := <-result:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.([]key), nil
	}
}

// failure returns why the issuer's keys could not be had a moment ago, or nil.
func (v *Verifier) failure(s source) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if i := v.issuers[s.key()]; i != nil && v.now().Sub(i.asked) < failureTTL {
		return i.failure
	}
	return nil
}

// keep keeps what a fetch led to. Keys stay when a later fetch fails.
func (v *Verifier) keep(s source, keys []key, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.now()
	i := v.issuers[s.key()]
	if i == nil {
		v.makeRoom()
		i = &issuer{refetches: refetchBurst, counted: now}
		v.issuers[s.key()] = i
	}
	i.asked = now
	if i.failure = err; err == nil {
		i.keys, i.fetched = keys, now
	}
}

// makeRoom drops the issuer that was asked the longest ago, if there are too many.
func (v *Verifier) makeRoom() {
	if len(v.issuers) < maxIssuer {
		return
	}
	var oldest string
	var at time.Time
	for k, i := range v.issuers {
		if oldest == "" || i.asked.Before(at) {
			oldest, at = k, i.asked
		}
	}
	delete(v.issuers, oldest)
}
