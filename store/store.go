// Package store is the contract between the services and the database: ordered
// keys, byte values, transactions.
//
// A transaction is a closure. Update may run its closure more than once (an
// engine that detects conflicts tries again), so a closure must have no effect
// outside of its transaction. Slices that a transaction hands out are valid only
// until it ends, and must not be changed.
//
// Package storetest holds the suite that every engine passes.
package store

import (
	"context"
	"errors"
	"io"
	"iter"
)

// Errors on opening a store; ErrDamaged also of a transaction that comes upon a broken
// place. An engine wraps them with what it knows.
var (
	// ErrInUse: another process holds the database.
	ErrInUse = errors.New("the database is in use by another process")
	// ErrDamaged: the file is no database, or is broken.
	ErrDamaged = errors.New("the database is damaged or not a database")
	// ErrNewerFormat: a later version of the emulator wrote the database.
	ErrNewerFormat = errors.New("the database was written by a newer version")
)

// ErrClosed is returned by transactions begun after Close.
var ErrClosed = errors.New("the database is closed")

// Later is the error by which a closure of Update asks for time outside of its transaction, which holds up all
// other writers: its writes are undone, Do is run, and then the closure once more. Do prepares what is expensive
// and depends on nothing that is stored; it has no other effect.
type Later struct{ Do func() }

// Error implements error. Nobody sees it.
func (*Later) Error() string { return "the transaction is to be run again" }

// Reader reads within a transaction.
type Reader interface {
	// Get returns the value of key, or nil if there is none.
	Get(key []byte) []byte
	// Scan yields, in the order of the keys, the pairs whose key begins with
	// prefix and is greater than after (nil: from the first). Its cost is that
	// of the pairs taken, however many there are before and behind.
	// The transaction must not write while a scan is under way.
	Scan(prefix, after []byte) iter.Seq2[[]byte, []byte]
}

// Tx reads and writes within a transaction, and sees its own writes.
type Tx interface {
	Reader
	// Put stores value, which is copied, under key.
	Put(key, value []byte) error
	// Delete removes key; that it is absent is no error.
	Delete(key []byte) error
}

// Store is a transactional, ordered key-value database.
type Store interface {
	// View runs f on a consistent snapshot and returns f's error.
	View(ctx context.Context, f func(Reader) error) error
	// Update runs f and, if it returns nil, commits its writes: once Update has
	// returned nil they are on disk. If f returns an error or panics, none of its writes
	// are kept. An error that is a *Later is not returned. Concurrent updates share one flush to disk.
	Update(ctx context.Context, f func(Tx) error) error
	// Backup writes a copy of the database as of one moment, in the engine's own format, to w.
	// Until it returns, the database can reuse no space: a w that may be slow is for the caller
	// to put a file in front of. A copy that ended in an error is of no use.
	Backup(ctx context.Context, w io.Writer) error
	// Close waits for the transactions under way and closes the database. Closing
	// again is no error.
	Close() error
}
