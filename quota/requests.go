package quota

import (
	"sync"
	"time"
)

// Charge is what a request takes of a quota.
type Charge struct {
	Quota Quota
	// Of is whose quota it is: an account, whatever its principals ask, or a key store.
	Of string
	// Region is where: each has its own.
	Region string
	// Count is for how many requests it counts; 0 is for 1.
	Count int
}

// Throttles reports whether any request may be refused, so that nobody works out charges for nothing.
func (q *Quotas) Throttles() bool { return q != nil && (q.requests || len(q.set) > 0) }

// Take reports whether a request is within all quotas that it takes of, each once. If it is not, it takes of none.
func (q *Quotas) Take(charges ...Charge) bool {
	if !q.Throttles() {
		return true
	}
	limited := make([]limit, 0, len(charges))
	for _, c := range charges {
		if rate := q.value(c.Quota, c.Region); rate < Unlimited {
			limited = append(limited, limit{counterKey{c.Quota.Name, c.Of, c.Region}, rate, max(c.Count, 1)})
		}
	}
	return len(limited) == 0 || q.counters.take(limited)
}

// counterKey names a counter.
type counterKey struct{ quota, of, region string }

// limit is a Charge at a rate.
type limit struct {
	counterKey
	rate  float64
	count int
}

// interval is in which so many requests are answered: of less than one in a second, one in some seconds.
func (l limit) interval() (length time.Duration, requests int) {
	switch {
	case l.rate >= 1:
		return time.Second, int(l.rate)
	case l.rate == 0:
		return time.Second, 0
	}
	return time.Duration(float64(time.Second) / l.rate), 1
}

// counters count the requests of intervals, each of which begins with the first request after the one before. Those
// whose interval is over are dropped. If maxCounters are not over, which takes as many accounts, all are: none is told
// that others are too many.
type counters struct {
	now func() time.Time

	mu     sync.Mutex
	counts map[counterKey]count
	sweep  int // the number of counters at which to look for such as are over
}

type count struct {
	requests int
	end      time.Time
}

const (
	// minSweep is of how many counters nobody cares.
	minSweep    = 1 << 10
	maxCounters = 1 << 16
)

func (c *counters) take(limits []limit) bool {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	counts := make([]count, len(limits))
	for i, l := range limits {
		length, most := l.interval()
		counts[i] = c.counts[l.counterKey]
		if !now.Before(counts[i].end) {
			counts[i] = count{end: now.Add(length)}
		}
		if most > 0 { // one that counts for more than there are in an interval is the only one in its own
			most = max(most, l.count)
		}
		if counts[i].requests += l.count; counts[i].requests > most {
			return false
		}
	}
	if c.counts == nil {
		c.counts, c.sweep = make(map[counterKey]count), minSweep
	}
	for i, l := range limits {
		c.counts[l.counterKey] = counts[i]
	}
	if len(c.counts) >= c.sweep {
		c.drop(now)
	}
	return true
}

// drop drops the counters whose interval is over.
func (c *counters) drop(now time.Time) {
	for key, count := range c.counts {
		if !now.Before(count.end) {
			delete(c.counts, key)
		}
	}
	if len(c.counts) >= maxCounters {
		clear(c.counts)
	}
	c.sweep = min(max(minSweep, 2*len(c.counts)), maxCounters)
}
