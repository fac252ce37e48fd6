package bolt

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"runtime/debug"
	"syscall"

	"go.etcd.io/bbolt"

	"emulator/store"
)

// maxBatch bounds how long the first update of a batch waits for the last.
const maxBatch = 512

// batch is the updates that share a bbolt transaction. Its fields are guarded by
// DB.turn until ended is closed, and constant after that.
type batch struct {
	tx    *bbolt.Tx
	size  int     // closures that ran
	dirty bool    // one of them wrote
	diff  summary // of what they wrote
	err   error   // why none of the writes is kept
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
		if db.failed != nil {
			return nil, db.failed
		}
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
		db.end(b)
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
			b.diff.change(t.diff)
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

// end commits a batch, if there is anything to commit, and tells those who wait.
func (db *DB) end(b *batch) {
	defer close(b.ended)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	if b.dirty && b.err == nil {
		b.err = db.commit(b)
	}
	defer func() {
		if p := recover(); p != nil { // bbolt keeps its locks
			if b.err == nil {
				b.err = damaged(p)
			}
			db.failed, db.locked = b.err, true
		}
	}()
	b.tx.Rollback() // no effect after a commit
}

// commit notes a failure after which it is not known what the disk holds: the next commit may
// use pages that the one on disk still needs.
func (db *DB) commit(b *batch) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = damaged(p)
			db.failed = err
		}
	}()
	if err := b.summarize(); err != nil {
		return err
	}
	err = b.tx.Commit()
	switch {
	case err == nil:
		return nil
	case ofFlush(err):
		db.failed = fmt.Errorf("the database could not be flushed to disk, and takes no writes until it is opened again: %w", err)
		return db.failed
	default: // such as of a full disk: the next may succeed
		return fmt.Errorf("the database could not be written: %w", err)
	}
}

// ofFlush reports whether an error of a commit is one of flushing what was written.
func ofFlush(err error) bool {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Op == "sync"
	}
	_, ok := errors.AsType[syscall.Errno](err)
	return ok
}

// summarize brings the summary of the records up to date.
func (b *batch) summarize() error {
	meta := b.tx.Bucket(metaBucket)
	s, err := decodeSummary(meta.Get(summaryKey))
	if err != nil {
		return err
	}
	s.change(b.diff)
	return meta.Put(summaryKey, s.encode())
}
