package store

import "sync"

// Cache keeps what was made of records, by the bytes of the record: they say all about
// it, so nothing in it becomes stale. What it returns is shared, and must not be
// changed. The zero value is empty. It is safe for concurrent use.
type Cache[T any] struct {
	// Size returns the bytes of what was made where they are more than those of its record; nil if they never are by much.
	Size func(T) int

	mu     sync.RWMutex
	made   map[string]T
	stored int // bytes of records in made, and their Size
}

// maxCached bounds the bytes that a cache keeps.
const maxCached = 4 << 20

// Get returns what make made of this record, now or before.
func (c *Cache[T]) Get(record []byte, make func([]byte) (T, error)) (T, error) {
	c.mu.RLock()
	v, ok := c.made[string(record)]
	c.mu.RUnlock()
	if ok {
		return v, nil
	}
	v, err := make(record)
	if err != nil {
		return v, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.made == nil || c.stored > maxCached {
		c.made, c.stored = map[string]T{}, 0
	}
	if _, ok := c.made[string(record)]; !ok {
		c.made[string(record)] = v
		c.stored += len(record)
		if c.Size != nil {
			c.stored += c.Size(v)
		}
	}
	return v, nil
}
