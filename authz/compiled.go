package authz

import (
	"sync"

	"emulator/policy"
)

// compiled keeps parsed policies by their text, which says all about them: nothing
// in it ever becomes stale.
type compiled struct {
	mu     sync.RWMutex
	byText map[compiledKey]*policy.Policy
	bytes  int
}

type compiledKey struct {
	kind policy.Kind
	text string
}

// maxCompiled bounds the bytes. It is some times what IAM's quotas allow one caller.
const maxCompiled = 64 << 20

// find returns a policy that was parsed before, else nil.
func (c *compiled) find(kind policy.Kind, text string) *policy.Policy {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.byText[compiledKey{kind, text}]
}

func (c *compiled) parse(kind policy.Kind, text string) (*policy.Policy, error) {
	if p := c.find(kind, text); p != nil {
		return p, nil
	}
	p, err := policy.Parse(kind, text)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byText == nil || c.bytes > maxCompiled {
		c.byText, c.bytes = make(map[compiledKey]*policy.Policy), 0
	}
	c.byText[compiledKey{kind, text}] = p
	c.bytes += p.Memory()
	return p, nil
}
