// Package bolt keeps a store.Store in a bbolt file.
//
// Updates are committed in groups: while one commit is flushed to disk, the updates
// that arrive wait, and then share the next one. A lone writer waits for nobody.
// Each closure runs in its caller's goroutine, inside the shared transaction, with a
// log of the values that it replaced: one that fails is undone without its
// neighbours noticing.
//
// Caveats:
//
//   - A closure must not begin a transaction of its own. An Update within an Update
//     waits for itself, and bbolt can't remap a growing file under an open View.
//   - A long View, or Backup, keeps the pages of its snapshot from being used again: the
//     file grows meanwhile.
//   - Open reads the whole file and refuses one that is damaged in any place that is in
//     use: a page, a record that doesn't fit its checksum, one that is missing. It takes half a
//     millisecond for each MB. Whole sectors that are as they were some writes ago, all of
//     them together, are not told from an older database.
//   - If the file is damaged while it is open, the transaction that comes upon the place
//     fails with store.ErrDamaged, and others go on working. What is found only when the file
//     is opened again: a page that lost some of its records and is otherwise in order, and
//     one whose numbers make no sense where bbolt, which trusts them, writes.
//   - After a flush to disk that failed, nothing is written any more, since it is not
//     known what the disk holds; reading goes on.
package bolt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"emulator/store"
)

// DB is a database file. It implements store.Store.
type DB struct {
	bolt *bbolt.DB

	waiting atomic.Int64 // updates that wait for their turn, and will take it
	turn    sync.Mutex   // held while an update's closure runs, and while a batch ends
	batch   *batch       // the open one, or nil; while nobody has the turn or waits for it, nil
	failed  error        // guarded by turn: why there are no more updates
	locked  bool         // guarded by turn: bbolt will never let go of its locks
}

var _ store.Store = (*DB)(nil)

// View implements store.Store.
func (db *DB) View(ctx context.Context, f func(store.Reader) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	btx, err := db.begin(false)
	if err != nil {
		return err
	}
	defer btx.Rollback()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	var r reader
	defer func() {
		if p := recover(); p != nil {
			if err = r.damage(p); err == nil {
				panic(p)
			}
		}
	}()
	r.open(btx)
	return f(&r)
}

// Close implements store.Store. An update that has not had its turn by then fails
// with store.ErrClosed.
func (db *DB) Close() error {
	db.turn.Lock()
	locked := db.locked
	db.turn.Unlock()
	if locked {
		return nil // the end of the process does it
	}
	return db.bolt.Close() // waits for bbolt's transactions, and so for ours
}

// Backup implements store.Store. It is a database file that Open opens.
func (db *DB) Backup(ctx context.Context, w io.Writer) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	btx, err := db.begin(false)
	if err != nil {
		return err
	}
	defer btx.Rollback()
	_, err = btx.WriteTo(w)
	return err
}

func (db *DB) begin(writable bool) (*bbolt.Tx, error) {
	btx, err := db.bolt.Begin(writable)
	if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		return nil, store.ErrClosed
	}
	return btx, err
}

// damaged is the error for what bbolt said, or panicked with.
func damaged(cause any) error {
	if _, ok := cause.(runtime.Error); ok { // an index or an address
		cause = "a page makes no sense or can't be read"
	}
	return fmt.Errorf("%w: %v", store.ErrDamaged, cause)
}
