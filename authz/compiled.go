package authz

import (
	"encoding/json"
	"sync"

	"emulator/policy"
)

// compiled keeps parsed policies by what is stored of them, which says all about them: nothing
// in it ever becomes stale.
type compiled struct {
	mu    sync.RWMutex
	made  map[document]*policy.Policy
	bytes int
}

// document is a policy as it is stored: its text, or of a managed policy the record, in JSON.
type document struct {
	kind    policy.Kind
	managed bool
	stored  string
}

// maxCompiled bounds the bytes. It is some times what IAM's quotas allow one caller.
const maxCompiled = 64 << 20

// find returns a policy that was parsed before, else nil.
func (c *compiled) find(d document) *policy.Policy {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.made[d]
}

func (c *compiled) parse(d document) (*policy.Policy, error) {
	if p := c.find(d); p != nil {
		return p, nil
	}
	text := d.stored
	if d.managed {
		if err := json.Unmarshal([]byte(d.stored), &text); err != nil {
			return nil, err
		}
	}
	p, err := policy.Parse(d.kind, text)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.made == nil || c.bytes > maxCompiled {
		c.made, c.bytes = make(map[document]*policy.Policy), 0
	}
	c.made[d] = p
	c.bytes += p.Memory() + len(d.stored)
	return p, nil
}
