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
}

type compiledKey struct {
	kind policy.Kind
	text string
}

// maxCompiled bounds the memory: some tens of MB with policies of usual size.
const maxCompiled = 5000

func (c *compiled) parse(kind policy.Kind, text string) (*policy.Policy, error) {
	key := compiledKey{kind, text}
	c.mu.RLock()
	p := c.byText[key]
	c.mu.RUnlock()
	if p != nil {
		return p, nil
	}
	p, err := policy.Parse(kind, text)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byText == nil || len(c.byText) >= maxCompiled {
		c.byText = make(map[compiledKey]*policy.Policy)
	}
	c.byText[key] = p
	return p, nil
}
