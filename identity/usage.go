package identity

import (
	"context"
	"maps"
	"strings"
	"sync"
	"time"

	"emulator/store"
)

// Use is when and where a role or access key was used last.
type Use struct {
	At      time.Time `json:"at"`
	Region  string    `json:"region"`
	Service string    `json:"service"`
}

// useGrain is how exact the time of a use is: AWS's own is some hours late.
const useGrain = time.Minute

// Usage notes the uses of roles and access keys. To use one writes nothing: the notes are
// saved when somebody may see one, and at the end. It is safe for concurrent use.
type Usage struct {
	mu      sync.Mutex
	seen    map[string]Use
	unsaved map[string]Use
}

// Note notes that a principal called a service.
func (u *Usage) Note(p *Principal, use Use) {
	var id string
	switch {
	case p.Role != nil:
		id = p.Role.ID
	case (p.User != nil || strings.HasPrefix(p.AccessKeyID, PrefixAccessKey)) && p.Session == nil: // the RootKey has no record
		id = p.AccessKeyID
	default:
		return
	}
	use.At = use.At.Truncate(useGrain)
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.seen[id] == use {
		return
	}
	if u.seen == nil || len(u.seen) >= maxUses {
		u.seen = make(map[string]Use)
	}
	if u.unsaved == nil {
		u.unsaved = make(map[string]Use)
	}
	u.seen[id], u.unsaved[id] = use, use
}

// maxUses bounds the memory of what need not be noted again.
const maxUses = 1 << 16

func useKey(id string) []byte { return store.Key("last-used", id) }

// Save saves what was noted since the last time.
func (u *Usage) Save(ctx context.Context, s store.Store) error {
	u.mu.Lock()
	unsaved := u.unsaved
	u.unsaved = nil
	u.mu.Unlock()
	if len(unsaved) == 0 {
		return nil
	}
	err := s.Update(ctx, func(tx store.Tx) error {
		for id, use := range unsaved {
			if err := store.Save(tx, useKey(id), use); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil { // the next time
		u.mu.Lock()
		defer u.mu.Unlock()
		maps.Copy(unsaved, u.unsaved)
		u.unsaved = unsaved
	}
	return err
}

// ForgetUse deletes what was saved of a role or access key.
func ForgetUse(tx store.Tx, id string) error { return tx.Delete(useKey(id)) }

// Last returns the last use of a role, by its unique ID, or of an access key, saved or not.
func (u *Usage) Last(r store.Reader, id string) (Use, bool, error) {
	u.mu.Lock()
	use, ok := u.unsaved[id]
	u.mu.Unlock()
	if ok {
		return use, true, nil
	}
	return store.Load[Use](r, useKey(id))
}
