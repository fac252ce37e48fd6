package kms

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"emulator/services/kms/keystore"
)

// contexts are the encryption contexts of the latest ciphertexts, for whoever asks why one does not open. A context
// is no secret, but stands in no ciphertext.
type contexts struct {
	mu     sync.Mutex
	made   map[[keystore.SaltSize]byte]string
	latest [4096][keystore.SaltSize]byte
	next   int
}

// maxContextText cuts long contexts.
const maxContextText = 200

// note keeps the context that a ciphertext was made under.
func (c *contexts) note(ciphertext []byte, context map[string]string) {
	b, err := parseBlob(ciphertext)
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.made == nil {
		c.made = make(map[[keystore.SaltSize]byte]string)
	}
	salt := b.salt()
	delete(c.made, c.latest[c.next])
	c.latest[c.next], c.made[salt] = salt, contextText(context)
	c.next = (c.next + 1) % len(c.latest)
}

// why says why a ciphertext does not open under a context.
func (c *contexts) why(b *blob, context map[string]string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	asked := contextText(context)
	switch made, ok := c.made[b.salt()]; {
	case !ok:
		return "made under another encryption context than " + asked + ", or changed since"
	case made == asked:
		return "changed since it was made"
	default:
		return fmt.Sprintf("made under %s, asked with %s", made, asked)
	}
}

// contextText shows a context: {app=demo}.
func contextText(context map[string]string) string {
	pairs := make([]string, 0, len(context))
	for _, key := range slices.Sorted(maps.Keys(context)) {
		pairs = append(pairs, key+"="+context[key])
	}
	text := strings.Join(pairs, ", ")
	if len(text) > maxContextText {
		text = strings.ToValidUTF8(text[:maxContextText], "") + "…"
	}
	return "{" + text + "}"
}
