package containercreds

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Renewal is how long before their expiry credentials are replaced: "we make new
// credentials available at least five minutes before the expiration of the old
// credentials" (EC2 user guide, "Retrieve security credentials from instance metadata").
// It is also the window in which the Go SDK asks for new ones.
const Renewal = 5 * time.Minute

// Source makes new credentials, by AssumeRole for example. Without CanExpire they are good
// for ever.
type Source func(ctx context.Context) (aws.Credentials, error)

// Cache keeps what a source made until Renewal before its expiry. Of many calls at once
// only one asks the source. It is safe for concurrent use.
type Cache struct {
	source Source
	now    func() time.Time

	mu      sync.Mutex
	current aws.Credentials
	updated time.Time
}

// NewCache returns an empty cache. now tells the time by which credentials expire.
func NewCache(source Source, now func() time.Time) *Cache {
	return &Cache{source: source, now: now}
}

// Credentials returns credentials and when they were made. If the source fails while the
// last ones have some minutes to live, they are returned: what is asked next may succeed.
func (c *Cache) Credentials(ctx context.Context) (aws.Credentials, time.Time, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.valid(Renewal) {
		return c.current, c.updated, nil
	}
	made, err := c.source(ctx)
	if err != nil {
		if c.valid(0) {
			return c.current, c.updated, nil
		}
		return aws.Credentials{}, time.Time{}, err
	}
	c.current, c.updated = made, c.now()
	return c.current, c.updated, nil
}

// valid reports whether there are credentials with more than left to live.
func (c *Cache) valid(left time.Duration) bool {
	return c.current.HasKeys() && (!c.current.CanExpire || c.now().Add(left).Before(c.current.Expires))
}
