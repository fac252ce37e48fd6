package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"emulator/store"
	"emulator/store/bolt"
)

// counted is a store that counts its writes, and fails as long as fail is set.
type counted struct {
	store.Store
	mu     sync.Mutex
	writes int
	fail   error
	wrote  chan struct{}
}

func (c *counted) Update(ctx context.Context, f func(store.Tx) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writes++
	defer func() {
		select {
		case c.wrote <- struct{}{}:
		default:
		}
	}()
	if c.fail != nil {
		return c.fail
	}
	return c.Store.Update(ctx, f)
}

func existing(id string) []byte { return store.Key("thing", id) }

// newUses returns uses that wait for an hour before they are saved, of a store that has these things.
func newUses(t *testing.T, things ...string) (*LastUse, *counted) {
	t.Helper()
	db, err := bolt.Open(filepath.Join(t.TempDir(), "db"), bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if err := db.Update(t.Context(), func(tx store.Tx) error {
		for _, id := range things {
			if err := tx.Put(existing(id), []byte("x")); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	c := &counted{Store: db, wrote: make(chan struct{}, 100)}
	u := NewLastUse(c, slog.New(slog.DiscardHandler), existing)
	u.delay = time.Hour
	return u, c
}

var began = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

// last returns the last use as u tells it, and as one does that knows only what was saved.
func last(t *testing.T, u *LastUse, id string) (told, saved string) {
	t.Helper()
	show := func(use Use, ok bool, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return "never"
		}
		return use.At.Format(time.RFC3339) + " " + use.Operation + " " + use.RequestID
	}
	if err := u.store.View(t.Context(), func(r store.Reader) error {
		told, saved = show(u.Last(r, id)), show(NewLastUse(u.store, u.log, existing).Last(r, id))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return told, saved
}

func TestUsesAreSavedTogether(t *testing.T) {
	u, c := newUses(t, "a", "b")
	for i := range 1000 {
		u.Note(Use{At: began.Add(time.Duration(i) * time.Second), Operation: "Encrypt", RequestID: fmt.Sprint(i)}, Subject{ID: []string{"a", "b", "gone"}[i%3]})
	}
	const a, b = "2030-01-02T03:20:44Z Encrypt 999", "2030-01-02T03:20:42Z Encrypt 997"
	if told, saved := last(t, u, "a"); told != a || saved != "never" || c.writes != 0 {
		t.Errorf("before: %s, saved %s, %d writes", told, saved, c.writes)
	}
	if err := u.Told(t.Context(), "unknown"); err != nil || c.writes != 0 {
		t.Errorf("told of something else: %v, %d writes", err, c.writes)
	}
	if err := u.Told(t.Context(), "a"); err != nil || c.writes != 1 {
		t.Errorf("told: %v, %d writes", err, c.writes)
	}
	for id, want := range map[string]string{"a": a, "b": b} {
		if told, saved := last(t, u, id); told != want || saved != want {
			t.Errorf("%s: %s, saved %s", id, told, saved)
		}
	}
	if _, saved := last(t, u, "gone"); saved != "never" {
		t.Errorf("the use of what does not exist is saved: %s", saved)
	}
	// What says nothing new is not saved again.
	u.Note(Use{At: began.Add(999 * time.Second), Operation: "Encrypt", RequestID: "999"}, Subject{ID: "a"})
	if err := errors.Join(u.Told(t.Context(), "a"), u.Save(t.Context())); err != nil || c.writes != 1 {
		t.Errorf("the same again: %v, %d writes", err, c.writes)
	}
	at := began.Add(999 * time.Second)
	u.Note(Use{At: at, Operation: "Sign"}, Subject{ID: "b"})
	if err := u.Close(); err != nil || c.writes != 2 {
		t.Errorf("%v, %d writes", err, c.writes)
	}
	u.Note(Use{At: at, Operation: "Verify"}, Subject{ID: "b"})
	if _, saved := last(t, u, "b"); saved != "2030-01-02T03:20:44Z Sign " {
		t.Errorf("at the end: %s", saved)
	}
}

// Without anybody asking, uses are saved after a while, and again if that failed.
func TestUsesAreSavedLater(t *testing.T) {
	u, c := newUses(t, "a")
	u.delay = 0
	c.fail = errors.New("disk full")
	u.Note(Use{At: began, Operation: "Encrypt"}, Subject{ID: "a"})
	<-c.wrote
	<-c.wrote
	c.mu.Lock()
	c.fail = nil
	c.mu.Unlock()
	for saved := "never"; saved == "never"; _, saved = last(t, u, "a") {
		<-c.wrote
	}
	if err := u.Close(); err != nil {
		t.Error(err)
	}
}

// Whatever is used, and if the disk takes nothing: the memory is bounded, and what is noted stays.
func TestUsesAreBounded(t *testing.T) {
	u, c := newUses(t, "0")
	c.fail = errors.New("disk full")
	for i := range 3 * maxUses {
		u.Note(Use{At: began}, Subject{ID: fmt.Sprint(i)})
		if i%maxUses == 0 {
			if err := u.Save(t.Context()); err == nil {
				t.Fatal("no error")
			}
		}
	}
	if n := len(u.unsaved) + len(u.saved); n > maxUses {
		t.Errorf("%d uses in memory", n)
	}
	c.mu.Lock()
	c.fail = nil
	c.mu.Unlock()
	for range 3 {
		if err := u.Save(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i := range maxUses {
			u.Note(Use{At: began}, Subject{ID: fmt.Sprint("more", i)})
		}
	}
	if n := len(u.saved); n > maxUses {
		t.Errorf("%d uses in memory", n)
	}
	if told, saved := last(t, u, "0"); told != saved || saved == "never" {
		t.Errorf("%s, saved %s", told, saved)
	}
}

// Of who calls the last use of services and operations is kept beside its own, until it is deleted.
func TestCalls(t *testing.T) {
	u, _ := newUses(t, "a", "aa")
	kms, create := Subject{"a", "kms", ""}, Subject{"a", "kms", "CreateKey"}
	u.Note(Use{At: began, Region: "us-east-1"}, Subject{ID: "a"}, kms, create, Subject{"aa", "iam", "CreateUser"}, Subject{"gone", "kms", ""})
	u.Note(Use{At: began.Add(time.Minute), Region: "eu-west-1"}, kms)
	if err := u.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	calls := func(id string) (found map[Subject]Use) {
		t.Helper()
		if err := u.store.View(t.Context(), func(r store.Reader) (err error) {
			found, err = Calls(r, id)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return found
	}
	if got := calls("a"); len(got) != 2 || got[kms].Region != "eu-west-1" || !got[create].At.Equal(began) {
		t.Errorf("calls %v", got)
	}
	if got := calls("gone"); len(got) != 0 {
		t.Errorf("calls of what does not exist: %v", got)
	}
	if told, _ := last(t, u, "a"); told != "2030-01-02T03:04:05Z  " {
		t.Errorf("its own: %s", told)
	}
	if err := u.store.Update(t.Context(), func(tx store.Tx) error { return ForgetUse(tx, "a") }); err != nil {
		t.Fatal(err)
	}
	if got := calls("a"); len(got) != 0 || len(calls("aa")) != 1 {
		t.Errorf("after it was deleted: %v, of another %v", got, calls("aa"))
	}
	if _, saved := last(t, u, "a"); saved != "never" {
		t.Errorf("its own, after it was deleted: %s", saved)
	}
}

func TestForget(t *testing.T) {
	const one, two = "arn:aws:kms:us-east-1:111111111111:key/a", "arn:aws:kms:us-east-1:222222222222:key/a"
	u, _ := newUses(t, one, two)
	for _, id := range []string{one, two} {
		u.Note(Use{At: began}, Subject{ID: id})
	}
	for account, want := range map[string]string{"111111111111": "2030-01-02T03:04:05Z  ", "": "never"} {
		u.Note(Use{At: began}, Subject{ID: one})
		u.Note(Use{At: began}, Subject{ID: two})
		u.Forget(account)
		if told, _ := last(t, u, one); told != "never" {
			t.Errorf("of account %q: %s", account, told)
		}
		if told, _ := last(t, u, two); told != want {
			t.Errorf("of another account than %q: %s", account, told)
		}
	}
}

// A database of an older version knows nothing of uses before it was opened, and may have some of what was deleted.
func TestBegin(t *testing.T) {
	u, _ := newUses(t, "a")
	if err := u.store.Update(t.Context(), func(tx store.Tx) error {
		for _, id := range []string{"a", "gone"} {
			if err := tx.Put(Subject{ID: id}.key(), []byte(`{"at":"2029-12-31T00:00:00Z","region":"us-east-1","service":"sts"}`)); err != nil {
				return err
			}
		}
		return errors.Join(u.Begin(tx, began), u.Begin(tx, began.Add(time.Hour)))
	}); err != nil {
		t.Fatal(err)
	}
	if told, _ := last(t, u, "a"); told != "2029-12-31T00:00:00Z  " {
		t.Errorf("kept before: %s", told)
	}
	if told, _ := last(t, u, "gone"); told != "never" {
		t.Errorf("of what is gone: %s", told)
	}
	for now, want := range map[time.Time]time.Time{began: began, began.Add(Tracked): began, began.Add(Tracked + 1): began.Add(1)} {
		if err := u.store.View(t.Context(), func(r store.Reader) error {
			since, err := Since(r, now)
			if !since.Equal(want) {
				t.Errorf("at %v uses are known since %v", now, since)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
}

func BenchmarkNote(b *testing.B) {
	u := NewLastUse(nil, nil, existing)
	u.timer = time.NewTimer(time.Hour)
	defer u.timer.Stop()
	b.ReportAllocs()
	for b.Loop() {
		u.Note(Use{At: time.Now(), Operation: "Encrypt", RequestID: "r"}, Subject{ID: "arn:aws:kms:us-east-1:111111111111:key/1234abcd-12ab-34cd-56ef-1234567890ab"})
	}
}
