package kms

import "sync"

// cache keeps what was made of a record, by the bytes of the record: they say all
// about it, so nothing in it becomes stale.
type cache[T any] struct {
	mu      sync.RWMutex
	byBytes map[string]T
}

// maxCached bounds the memory: some ten MB.
const maxCached = 5000

func (c *cache[T]) get(record []byte, make func() (T, error)) (T, error) {
	c.mu.RLock()
	v, ok := c.byBytes[string(record)]
	c.mu.RUnlock()
	if ok {
		return v, nil
	}
	v, err := make()
	if err != nil {
		return v, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byBytes == nil || len(c.byBytes) >= maxCached {
		c.byBytes = map[string]T{}
	}
	c.byBytes[string(record)] = v
	return v, nil
}
