package audit

import (
	"context"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"emulator/store"
)

// Use is a use of something: when, and what else is told of it.
type Use struct {
	At time.Time `json:"at"`
	// Region and Service are kept of callers and of access keys.
	Region  string `json:"region,omitempty"`
	Service string `json:"service,omitempty"`
	// Operation and RequestID are kept of KMS keys.
	Operation string `json:"operation,omitempty"`
	RequestID string `json:"requestId,omitempty"`
}

// Subject is what was used, or who used something: a role or a user by its unique ID, an access key by its ID, an account by
// its number, a KMS key by its ARN. Of callers the last use of each service is kept, and of each of its operations that
// change something.
type Subject struct{ ID, Service, Operation string }

// Tracked is how long AWS remembers the use of a role or a KMS key. That of an access key it does not forget.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_last-accessed.html
const Tracked = 400 * 24 * time.Hour

const (
	// saveDelay is how long a use is in memory only, and what a crash loses.
	saveDelay = 2 * time.Second
	// maxUses bounds the uses in memory: those that are not saved, those being saved, and those that were. Half of
	// them are saved at once. If the disk does not take them further ones are not noted. A call is up to four.
	maxUses = 1 << 15
)

// LastUse is the last use of subjects. To use one writes nothing: uses are saved together, some seconds later, and before
// somebody is told of one. It is safe for concurrent use.
type LastUse struct {
	store store.Store
	log   *slog.Logger
	of    func(id string) []byte
	delay time.Duration // saveDelay but in tests

	save sync.Mutex // held while uses are saved

	mu      sync.Mutex
	unsaved map[Subject]Use
	saving  map[Subject]Use
	saved   map[Subject]Use // some of the latest, so that a use that says nothing new is not saved again
	timer   *time.Timer     // nil if nothing waits for it
	closed  bool
}

// NewLastUse returns what was saved in a store. of returns the key of the record of what was used: nothing is kept of
// what does not exist. It is nil of what is always there.
func NewLastUse(s store.Store, log *slog.Logger, of func(id string) []byte) *LastUse {
	return &LastUse{store: s, log: log, of: of, delay: saveDelay, unsaved: make(map[Subject]Use), saved: make(map[Subject]Use)}
}

// Note notes a use of these subjects.
func (u *LastUse) Note(use Use, of ...Subject) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return
	}
	for _, subject := range of {
		u.note(subject, use)
	}
}

func (u *LastUse) note(of Subject, use Use) {
	if known, ok := u.known(of); ok && known == use {
		return
	}
	if _, ok := u.unsaved[of]; !ok && len(u.unsaved) >= maxUses {
		return
	}
	of.ID, use.Region = strings.Clone(of.ID), strings.Clone(use.Region) // parts of the request
	u.unsaved[of] = use
	switch {
	case u.timer == nil:
		u.timer = time.AfterFunc(u.delay, u.saveLate) // the disk's time, not AWS's
	case len(u.unsaved) == maxUses/2:
		u.timer.Reset(0)
	}
}

// known returns what is known in memory of the last use.
func (u *LastUse) known(of Subject) (Use, bool) {
	for _, uses := range [...]map[Subject]Use{u.unsaved, u.saving, u.saved} {
		if use, ok := uses[of]; ok {
			return use, true
		}
	}
	return Use{}, false
}

func (u *LastUse) saveLate() {
	if err := u.Save(context.Background()); err != nil {
		u.log.Error("the last use of keys and roles can't be saved", "error", err)
	}
}

// key of a subject's last use. That of a caller is what those of its services and operations begin with.
func (s Subject) key() []byte {
	switch {
	case s.Operation != "":
		return store.Key("last-used", s.ID, s.Service, s.Operation)
	case s.Service != "":
		return store.Key("last-used", s.ID, s.Service)
	}
	return store.Key("last-used", s.ID)
}

// Save saves what was noted.
func (u *LastUse) Save(ctx context.Context) error {
	u.save.Lock()
	defer u.save.Unlock()
	u.mu.Lock()
	if u.timer != nil {
		u.timer.Stop()
		u.timer = nil
	}
	u.saving, u.unsaved = u.unsaved, make(map[Subject]Use)
	u.mu.Unlock()
	if len(u.saving) == 0 {
		return nil
	}
	err := u.store.Update(ctx, func(tx store.Tx) error {
		for of, use := range u.saving {
			if u.isGone(tx, of.ID) {
				continue
			}
			if err := store.Save(tx, of.key(), use); err != nil {
				return err
			}
		}
		return nil
	})
	u.mu.Lock()
	defer u.mu.Unlock()
	if err != nil { // the next time
		maps.Copy(u.saving, u.unsaved)
		u.unsaved = u.saving
		if u.timer == nil && !u.closed {
			u.timer = time.AfterFunc(u.delay, u.saveLate)
		}
	} else {
		if len(u.saved)+len(u.saving) > maxUses {
			clear(u.saved)
		}
		maps.Copy(u.saved, u.saving)
	}
	u.saving = nil
	return err
}

// Close saves what was noted. Nothing is noted after it.
func (u *LastUse) Close() error {
	u.mu.Lock()
	u.closed = true
	u.mu.Unlock()
	return u.Save(context.Background())
}

// isGone reports whether the record of what was used is not there any more.
func (u *LastUse) isGone(r store.Reader, id string) bool {
	key := u.of(id)
	return key != nil && r.Get(key) == nil
}

// Last returns the last use, and whether there was one.
func (u *LastUse) Last(r store.Reader, id string) (Use, bool, error) {
	u.mu.Lock()
	use, ok := u.known(Subject{ID: id})
	u.mu.Unlock()
	if ok {
		return use, true, nil
	}
	return store.Load[Use](r, Subject{ID: id}.key())
}

// Told saves what was noted if the last use of id is among it: what somebody was told, no crash loses.
func (u *LastUse) Told(ctx context.Context, id string) error {
	u.mu.Lock()
	_, unsaved := u.unsaved[Subject{ID: id}]
	_, saving := u.saving[Subject{ID: id}]
	u.mu.Unlock()
	if !unsaved && !saving {
		return nil
	}
	return u.Save(ctx)
}

// Forget forgets what is in memory of an account and of its keys, or with "" of all, after they were deleted: a key of the
// same ARN may be made again.
func (u *LastUse) Forget(account string) {
	u.save.Lock()
	defer u.save.Unlock()
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, uses := range [...]map[Subject]Use{u.unsaved, u.saved} {
		maps.DeleteFunc(uses, func(of Subject, _ Use) bool {
			return account == "" || of.ID == account || strings.Contains(of.ID, ":"+account+":")
		})
	}
}

// ForgetUse deletes what was saved of the last use, or of the calls, of something that is deleted.
func ForgetUse(tx store.Tx, id string) error {
	var keys [][]byte
	for key := range tx.Scan(Subject{ID: id}.key(), nil) {
		keys = append(keys, slices.Clone(key))
	}
	for _, key := range keys {
		if err := tx.Delete(key); err != nil {
			return err
		}
	}
	return nil
}

// Uses yields the IDs of what a last use is saved of, with the keys of these records.
func Uses(r store.Reader) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for key := range r.Scan(store.Key("last-used"), nil) {
			if !yield(store.Parts(key)[1], key) {
				return
			}
		}
	}
}

// Calls returns when a caller or an account last used services, and in them operations that change something, as far as
// that is saved.
func Calls(r store.Reader, id string) (map[Subject]Use, error) {
	calls := make(map[Subject]Use)
	prefix := Subject{ID: id}.key()
	for key := range r.Scan(prefix, prefix) {
		of := Subject{ID: id}
		parts := store.Parts(key)
		if of.Service = parts[2]; len(parts) > 3 {
			of.Operation = parts[3]
		}
		use, _, err := store.Load[Use](r, key)
		if err != nil {
			return nil, err
		}
		calls[of] = use
	}
	return calls, nil
}

var trackingKey = store.Key("last-used-since")

// Begin notes since when the uses of keys are known, in a database that says nothing of it: a new one, or one of an
// older version. There it forgets the uses of what no longer exists, as that version did not.
func (u *LastUse) Begin(tx store.Tx, since time.Time) error {
	if tx.Get(trackingKey) != nil {
		return nil
	}
	var orphans [][]byte
	for id, key := range Uses(tx) {
		if u.isGone(tx, id) {
			orphans = append(orphans, slices.Clone(key))
		}
	}
	for _, key := range orphans {
		if err := tx.Delete(key); err != nil {
			return err
		}
	}
	return store.Save(tx, trackingKey, since)
}

// Since returns since when the uses of keys are known: for as long as is tracked, and not before the begin.
func Since(r store.Reader, now time.Time) (time.Time, error) {
	since, _, err := store.Load[time.Time](r, trackingKey)
	if earliest := now.Add(-Tracked); since.Before(earliest) {
		since = earliest
	}
	return since, err
}
