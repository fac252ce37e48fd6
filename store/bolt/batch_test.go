package bolt

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"emulator/store"
)

func openTest(t *testing.T) *DB {
	t.Helper()
	db, err := Open(filepath.Join(t.TempDir(), "test.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// commits returns how often bbolt has committed.
func commits(t *testing.T, db *DB) int {
	t.Helper()
	tx, err := db.bolt.Begin(false)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	return tx.ID()
}

// holdTurn keeps the updates that f starts waiting until n of them do.
func holdTurn(db *DB, n int64, start func()) {
	db.turn.Lock()
	start()
	for db.waiting.Load() < n {
		time.Sleep(100 * time.Microsecond)
	}
	db.turn.Unlock()
}

func TestUpdatesShareACommit(t *testing.T) {
	for _, c := range []struct{ updates, commits int }{{1, 1}, {2, 1}, {maxBatch, 1}, {maxBatch + 1, 2}} {
		db := openTest(t)
		before := commits(t, db)
		var wg sync.WaitGroup
		holdTurn(db, int64(c.updates), func() {
			for i := range c.updates {
				wg.Go(func() {
					if err := db.Update(t.Context(), func(tx store.Tx) error { return tx.Put(fmt.Appendf(nil, "%d", i), nil) }); err != nil {
						t.Error(err)
					}
				})
			}
		})
		wg.Wait()
		if got := commits(t, db) - before; got != c.commits {
			t.Errorf("%d updates took %d commits, want %d", c.updates, got, c.commits)
		}
	}
}

func TestNothingToCommit(t *testing.T) {
	db := openTest(t)
	before := commits(t, db)
	for range 10 {
		db.Update(t.Context(), func(tx store.Tx) error { tx.Get([]byte("a")); return tx.Delete([]byte("a")) })
		db.Update(t.Context(), func(tx store.Tx) error { tx.Put([]byte("a"), nil); return errors.New("refused") })
	}
	if got := commits(t, db); got != before {
		t.Errorf("%d commits of nothing", got-before)
	}
}

// An update that waits when its context ends doesn't run, and doesn't keep the others
// from their commit, even as the last of the batch.
func TestCancelledWhileWaiting(t *testing.T) {
	db := openTest(t)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	holdTurn(db, 8, func() {
		for i := range 8 {
			wg.Go(func() {
				if i%2 == 0 {
					err := db.Update(ctx, func(store.Tx) error { t.Error("it ran"); return nil })
					if !errors.Is(err, context.Canceled) {
						t.Errorf("Update: %v", err)
					}
				} else if err := db.Update(t.Context(), func(tx store.Tx) error { return tx.Put([]byte("a"), nil) }); err != nil {
					t.Error(err)
				}
			})
		}
		cancel()
	})
	wg.Wait()
}

// Updates that wait when the database is closed are made, or fail as closed.
func TestCloseWhileWaiting(t *testing.T) {
	for range 20 {
		db := openTest(t)
		var wg sync.WaitGroup
		holdTurn(db, 8, func() {
			for range 8 {
				wg.Go(func() {
					err := db.Update(t.Context(), func(tx store.Tx) error { return tx.Put([]byte("a"), nil) })
					if err != nil && !errors.Is(err, store.ErrClosed) {
						t.Errorf("Update: %v", err)
					}
				})
			}
			wg.Go(func() {
				if err := db.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
		})
		wg.Wait()
	}
}
