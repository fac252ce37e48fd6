package bolt

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"

	"go.etcd.io/bbolt"

	"emulator/store"
)

// maxBatch bounds how long the first update of a batch waits for the last.
const maxBatch = 512

// batch is the updates that share a bbolt transaction. Its fields are guarded by
// DB.turn until ended is closed, and constant after that.
type batch struct {
	tx    *bbolt.Tx
	size  int   // closures that ran
	dirty bool  // one of them wrote
	err   error // why none of the writes is kept
	ended chan struct{}
}

// Update implements store.Store. An error of the commit goes to all who took part in
// it; as a rule nothing is stored then, but if it was the very last flush that failed,
// what the disk holds is not known.
func (db *DB) Update(ctx context.Context, f func(store.Tx) error) error {
	b, err := db.run(ctx, f)
	for later, ok := errors.AsType[*store.Later](err); ok; later, ok = errors.AsType[*store.Later](err) {
		later.Do()
		b, err = db.run(ctx, f)
	}
	if b == nil {
		return err
	}
	<-b.ended
	// That the commit failed comes first: the closure's own error may rest on what a
	// neighbour wrote.
	if b.err != nil {
		return b.err
	}
	return err
}

// run waits for its turn and runs f in the open batch. The batch that it returns has
// writes that f made or may have seen, so that their fate is f's too.
func (db *DB) run(ctx context.Context, f func(store.Tx) error) (*batch, error) {
	db.waiting.Add(1)
	db.turn.Lock()
	db.waiting.Add(-1)
	defer db.pass()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b := db.batch
	if b == nil {
		btx, err := db.begin(true)
		if err != nil {
			return nil, err
		}
		b = &batch{tx: btx, ended: make(chan struct{})}
		db.batch = b
	}
	err := b.run(f)
	if !b.dirty {
		return nil, err
	}
	return b, err
}

// pass ends a turn. While others wait the batch stays open for them; the last one,
// which nobody would relieve, ends it.
func (db *DB) pass() {
	defer db.turn.Unlock()
	b := db.batch
	if b == nil {
		return
	}
	if db.waiting.Load() == 0 {
		// Those whom the last commit woke may be about to come again. If nobody can run,
		// this takes no time.
		runtime.Gosched()
	}
	if db.waiting.Load() == 0 || b.size >= maxBatch || b.err != nil {
		db.batch = nil
		b.end()
	}
}

// run runs one closure and undoes what it wrote unless it succeeds. It may also panic,
// or leave its goroutine as a failing test does.
func (b *batch) run(f func(store.Tx) error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	b.size++
	var t tx
	succeeded := false
	defer func() {
		if succeeded {
			b.dirty = b.dirty || len(t.log) > 0
			return
		}
		p := recover()
		if p != nil {
			if err = t.damage(p); err != nil {
				b.err = err // bbolt broke off halfway: no use for its transaction
				return
			}
		}
		b.err = errUndo // unless undo returns
		if b.err = t.undo(); b.err != nil {
			err = b.err
		}
		if p != nil {
			panic(p)
		}
	}()
	t.open(b.tx)
	if err := f(&t); err != nil {
		return err
	}
	succeeded = true
	return nil
}

var errUndo = fmt.Errorf("%w: a failed transaction could not be undone", store.ErrDamaged)

// end commits the batch, if there is anything to commit, and tells those who wait.
func (b *batch) end() {
	defer close(b.ended)
	defer b.tx.Rollback() // no effect after a commit
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			b.err = damaged(p)
		}
	}()
	if b.dirty && b.err == nil {
		if err := b.tx.Commit(); err != nil {
			b.err = fmt.Errorf("the database could not be written: %w", err)
		}
	}
}
