package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"emulator/store"
)

func viewError(t *testing.T, s store.Store) {
	if err := s.View(t.Context(), func(store.Reader) error { return errRefused }); err != errRefused {
		t.Errorf("View: %v", err)
	}
}

func viewPanic(t *testing.T, s store.Store) {
	put(t, s, "a", "1")
	if p := panicOf(func() { s.View(t.Context(), func(store.Reader) error { panic("oh") }) }); p != "oh" {
		t.Errorf("panic: %v", p)
	}
	// A mistake in the closure is not one of the database.
	var null *pair
	p := panicOf(func() {
		s.View(t.Context(), func(store.Reader) error { return errors.New(null.Key) })
	})
	if _, ok := p.(runtime.Error); !ok {
		t.Errorf("panic: %v, want the runtime's", p)
	}
	want(t, s, "a", "1")
}

// panicOf returns what f panics with.
func panicOf(f func()) (p any) {
	defer func() { p = recover() }()
	f()
	return nil
}

// overwrite writes in every way there is.
func overwrite(tx store.Tx) error {
	if err := putIn(tx, "a", "3", "a", "4", "c", "5", "d", "6"); err != nil {
		return err
	}
	for _, key := range []string{"b", "c", "absent"} {
		if err := tx.Delete([]byte(key)); err != nil {
			return err
		}
	}
	return putIn(tx, "b", "7", "c", "8")
}

// updateLater: what a closure asks for is done while others write, and the closure's first try leaves nothing behind.
func updateLater(t *testing.T, s store.Store) {
	put(t, s, "a", "1")
	tries := 0
	err := s.Update(t.Context(), func(tx store.Tx) error {
		if tries++; tries == 1 {
			if err := overwrite(tx); err != nil {
				t.Error(err)
			}
			return fmt.Errorf("wrapped: %w", &store.Later{Do: func() { put(t, s, "a", "2") }})
		}
		if got := string(tx.Get([]byte("a"))); got != "2" {
			t.Errorf("the second try reads %q", got)
		}
		return putIn(tx, "b", "3")
	})
	if err != nil || tries != 2 {
		t.Errorf("Update: %v after %d tries", err, tries)
	}
	want(t, s, "a", "2", "b", "3")

	ctx, cancel := context.WithCancel(t.Context())
	err = s.Update(ctx, func(store.Tx) error { return &store.Later{Do: cancel} })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Update of somebody who has gone: %v", err)
	}
}

func updateError(t *testing.T, s store.Store) {
	put(t, s, "a", "1", "b", "2")
	err := s.Update(t.Context(), func(tx store.Tx) error {
		if err := overwrite(tx); err != nil {
			t.Error(err)
		}
		return errRefused
	})
	if err != errRefused {
		t.Errorf("Update: %v", err)
	}
	want(t, s, "a", "1", "b", "2")
}

func updatePanic(t *testing.T, s store.Store) {
	put(t, s, "a", "1", "b", "2")
	p := panicOf(func() {
		s.Update(t.Context(), func(tx store.Tx) error {
			if err := overwrite(tx); err != nil {
				t.Error(err)
			}
			panic("oh")
		})
	})
	if p != "oh" {
		t.Errorf("panic: %v", p)
	}
	want(t, s, "a", "1", "b", "2")
	put(t, s, "c", "3") // goes on working
	want(t, s, "a", "1", "b", "2", "c", "3")
}

// A closure may end its goroutine, as t.Fatal does.
func updateGoexit(t *testing.T, s store.Store) {
	put(t, s, "a", "1", "b", "2")
	var wg sync.WaitGroup
	wg.Go(func() {
		s.Update(t.Context(), func(tx store.Tx) error {
			if err := overwrite(tx); err != nil {
				t.Error(err)
			}
			runtime.Goexit()
			return nil
		})
	})
	wg.Go(func() { s.View(t.Context(), func(store.Reader) error { runtime.Goexit(); return nil }) })
	wg.Wait()
	put(t, s, "c", "3")
	want(t, s, "a", "1", "b", "2", "c", "3")
}

// A View sees what was committed before it, and nothing after.
func snapshot(t *testing.T, s store.Store) {
	put(t, s, "a", "1", "b", "2")
	begun, written := make(chan bool), make(chan bool)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(written)
		<-begun
		put(t, s, "a", "3", "c", "4")
		if err := s.Update(t.Context(), func(tx store.Tx) error { return tx.Delete([]byte("b")) }); err != nil {
			t.Error(err)
		}
		want(t, s, "a", "3", "c", "4")
	})
	view(t, s, func(r store.Reader) {
		a := r.Get([]byte("a"))
		close(begun)
		<-written
		if again := r.Get([]byte("a")); string(a) != "1" || string(again) != "1" {
			t.Errorf("a is %q, then %q within a View", a, again)
		}
		if got := pairs(r, nil, nil); len(got) != 2 {
			t.Errorf("a View sees what was written since: %q", got)
		}
	})
	wg.Wait()
}

// Increments by many goroutines add up.
func noLostUpdate(t *testing.T, s store.Store) {
	const writers, each = 16, 25
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				err := s.Update(t.Context(), func(tx store.Tx) error { return add(tx, "counter", 1) })
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	want(t, s, "counter", strconv.Itoa(writers*each))
}

// add adds to a decimal number.
func add(tx store.Tx, key string, n int) error {
	old, _ := strconv.Atoi(string(tx.Get([]byte(key)))) // 0 if absent
	return putIn(tx, key, strconv.Itoa(old+n))
}

// Backups that are made while others write are of one moment each, have what was acknowledged
// before, and are databases like the one that they are of.
func backup(t *testing.T, s store.Store, restore func(t *testing.T, backup []byte) store.Store) {
	put(t, s, "left", "1000", "right", "0")
	var writing sync.WaitGroup
	var acknowledged atomic.Int64
	var finished atomic.Bool
	for w := range 4 {
		writing.Go(func() {
			for i := 0; !finished.Load(); i++ {
				err := s.Update(t.Context(), func(tx store.Tx) error {
					if err := add(tx, "left", -1); err != nil {
						return err
					}
					if err := putIn(tx, fmt.Sprintf("%d/%d", w, i%50), string(make([]byte, 100*(i%50)))); err != nil {
						return err
					}
					return add(tx, "right", 1)
				})
				if err != nil {
					t.Error(err)
					return
				}
				acknowledged.Add(1)
			}
		})
	}
	for range 5 {
		before := acknowledged.Load()
		var copied bytes.Buffer
		if err := s.Backup(t.Context(), &copied); err != nil {
			t.Fatalf("Backup: %v", err)
		}
		restored := restore(t, copied.Bytes())
		view(t, restored, func(r store.Reader) {
			left, _ := strconv.Atoi(string(r.Get([]byte("left"))))
			right, _ := strconv.Atoi(string(r.Get([]byte("right"))))
			if left+right != 1000 || int64(right) < before {
				t.Errorf("left %d and right %d, after %d acknowledged updates", left, right, before)
			}
		})
		put(t, restored, "restored", "1")
		if err := restored.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	finished.Store(true)
	writing.Wait()
	view(t, s, func(r store.Reader) {
		if r.Get([]byte("restored")) != nil {
			t.Error("a write to a copy is in the database")
		}
	})

	if err := s.Backup(t.Context(), full{}); err == nil {
		t.Error("Backup to what takes nothing: no error")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Backup(ctx, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	put(t, s, "after", "1")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(t.Context(), io.Discard); !errors.Is(err, store.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

// full is a writer that takes nothing.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errRefused }

// Whatever transfers between accounts succeed, fail or panic halfway, nobody ever sees
// another sum.
func transfers(t *testing.T, s store.Store) {
	const accounts, writers, each = 10, 8, 40
	account := func(i int) string { return fmt.Sprintf("account %d", i) }
	sum := func(r store.Reader) (sum int) {
		for _, p := range pairs(r, []byte("account "), nil) {
			n, err := strconv.Atoi(p.Value)
			if err != nil {
				t.Errorf("%s: %v", p.Key, err)
			}
			sum += n
		}
		return sum
	}
	for i := range accounts {
		put(t, s, account(i), "100")
	}
	var writing, reading sync.WaitGroup
	var finished atomic.Bool
	for range 2 {
		reading.Go(func() {
			for !finished.Load() {
				view(t, s, func(r store.Reader) {
					if got := sum(r); got != accounts*100 {
						t.Errorf("a View sees the sum %d", got)
					}
				})
			}
		})
	}
	for range writers {
		writing.Go(func() {
			for range each {
				from, to, end := account(rand.IntN(accounts)), account(rand.IntN(accounts)), rand.IntN(4)
				panicOf(func() {
					s.Update(t.Context(), func(tx store.Tx) error {
						if got := sum(tx); got != accounts*100 {
							t.Errorf("an Update sees the sum %d", got)
						}
						if err := add(tx, from, -7); err != nil {
							return err
						}
						switch end {
						case 0:
							return errRefused
						case 1:
							panic("oh")
						}
						return add(tx, to, 7)
					})
				})
			}
		})
	}
	writing.Wait()
	finished.Store(true)
	reading.Wait()
	view(t, s, func(r store.Reader) {
		if got := sum(r); got != accounts*100 {
			t.Errorf("the sum is %d at the end", got)
		}
	})
}

// Of concurrent updates some fail and some panic; the others are kept, and no trace of
// those.
func neighbours(t *testing.T, s store.Store) {
	const writers, each = 16, 30
	key := func(w, i int) string { return fmt.Sprintf("%02d/%02d", w, i) }
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				var err error
				p := panicOf(func() {
					err = s.Update(t.Context(), func(tx store.Tx) error {
						if err := putIn(tx, key(w, i), "value", "shared", key(w, i)); err != nil {
							return err
						}
						if i > 0 { // take back the one before
							if err := tx.Delete([]byte(key(w, i-1))); err != nil {
								return err
							}
						}
						switch i % 3 {
						case 1:
							return errRefused
						case 2:
							panic(key(w, i))
						}
						return nil
					})
				})
				switch i % 3 {
				case 0:
					if err != nil || p != nil {
						t.Errorf("%s: error %v, panic %v", key(w, i), err, p)
					}
				case 1:
					if err != errRefused || p != nil {
						t.Errorf("%s: error %v, panic %v, want its own error", key(w, i), err, p)
					}
				case 2:
					if p != key(w, i) {
						t.Errorf("%s: panic %v, want its own", key(w, i), p)
					}
				}
			}
		})
	}
	wg.Wait()
	view(t, s, func(r store.Reader) {
		// All records of i%3 == 0: those that tried to delete them failed.
		for w := range writers {
			for i := range each {
				if got, expected := r.Get([]byte(key(w, i))) != nil, i%3 == 0; got != expected {
					t.Errorf("%s: stored is %v", key(w, i), got)
				}
			}
		}
		if last := r.Get([]byte("shared")); r.Get(last) == nil {
			t.Errorf("the shared record is of %q, which failed", last)
		}
	})
}

func cancelled(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := s.Update(ctx, func(store.Tx) error { t.Error("Update ran"); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Update: %v", err)
	}
	err = s.View(ctx, func(store.Reader) error { t.Error("View ran"); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("View: %v", err)
	}
	put(t, s, "a", "1")
	want(t, s, "a", "1")
}

// A context that ends while another update is under way: the update is made or is not, and
// the error tells which.
func cancelledWaiting(t *testing.T, s store.Store) {
	var wg sync.WaitGroup
	begun, release := make(chan bool), make(chan bool)
	var once sync.Once
	wg.Go(func() {
		err := s.Update(t.Context(), func(tx store.Tx) error {
			once.Do(func() { close(begun) })
			<-release
			return putIn(tx, "first", "1")
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	var err error
	wg.Go(func() {
		err = s.Update(ctx, func(tx store.Tx) error { return putIn(tx, "second", "2") })
	})
	time.Sleep(time.Millisecond) // it waits by now, as a rule
	cancel()
	close(release)
	wg.Wait()
	switch {
	case err == nil:
		want(t, s, "first", "1", "second", "2")
	case errors.Is(err, context.Canceled):
		want(t, s, "first", "1")
	default:
		t.Errorf("Update: %v", err)
	}
}

func closed(t *testing.T, s store.Store) {
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Update(t.Context(), func(store.Tx) error { t.Error("Update ran"); return nil }); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Update: %v", err)
	}
	if err := s.View(t.Context(), func(store.Reader) error { t.Error("View ran"); return nil }); !errors.Is(err, store.ErrClosed) {
		t.Errorf("View: %v", err)
	}
	if err := s.Close(); err != nil { // once more is no error
		t.Errorf("Close: %v", err)
	}
}

// Close waits for transactions under way, which end as if nothing were.
func closeWaits(t *testing.T, s store.Store) {
	put(t, s, "a", "1")
	var wg, begun sync.WaitGroup
	release := make(chan bool)
	begun.Add(2)
	wg.Go(func() {
		view(t, s, func(r store.Reader) {
			begun.Done()
			<-release
			if got := string(r.Get([]byte("a"))); got != "1" {
				t.Errorf("a is %q while Close waits", got)
			}
		})
	})
	wg.Go(func() {
		var once sync.Once
		err := s.Update(t.Context(), func(tx store.Tx) error {
			once.Do(begun.Done)
			<-release
			return putIn(tx, "b", "2")
		})
		if err != nil {
			t.Errorf("Update: %v", err)
		}
	})
	begun.Wait()
	done := make(chan error)
	go func() { done <- s.Close() }()
	select {
	case err := <-done:
		t.Errorf("Close did not wait: %v", err)
		close(release)
	case <-time.After(20 * time.Millisecond):
		close(release)
		if err := <-done; err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	wg.Wait()
}
