// Package bolt keeps a store.Store in a bbolt file.
//
// Updates are committed in groups: while one commit is being flushed to disk, the
// updates that arrive wait, and then go into the next commit together. A lone
// writer waits for nobody. Each update's closure runs inside the shared transaction
// with a log of the values it replaced, so that one that fails is undone without
// its neighbours noticing.
package bolt

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"emulator/store"
)

// format is the version of the database's layout. A change that older versions
// can't read raises it.
const format = 1

var (
	recordsBucket = []byte("records")
	metaBucket    = []byte("meta")
	formatKey     = []byte("format")
)

const (
	// lockTimeout is short: another process that holds the file does not let go soon.
	lockTimeout = 100 * time.Millisecond
	// maxBatch bounds how many updates wait for the slowest of them.
	maxBatch = 512
	// mmapSize is mapped at once, so that growing to it never stops the readers.
	// It costs address space, not memory.
	mmapSize = 1 << 30
)

// DB is a database file. It implements store.Store.
type DB struct {
	bolt *bbolt.DB

	mu      sync.Mutex // guards what follows
	queue   []*update
	leading bool
	closed  bool
	under   sync.WaitGroup // transactions under way
}

var _ store.Store = (*DB)(nil)

// update is one caller of Update waiting for its commit.
type update struct {
	ctx  context.Context
	f    func(store.Tx) error
	done chan struct{}

	err       error
	panicked  any
	committed bool // done, for the leader's own use
}

// Open opens the database at path, or makes one. A file that is no database of ours is
// store.ErrDamaged, one of a later version store.ErrNewerFormat, one that another
// process holds store.ErrInUse; it is not changed then.
func Open(path string) (_ *DB, err error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := create(path); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	db, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &DB{bolt: db}, nil
}

// create makes an empty database under a temporary name and links it into place:
// whoever finds the file finds a whole one, and of two processes the second uses the
// first one's.
func create(path string) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if err := tmp.Close(); err != nil {
		return err
	}
	db, err := bbolt.Open(tmp.Name(), 0o600, nil)
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		if _, err := tx.CreateBucket(recordsBucket); err != nil {
			return err
		}
		meta, err := tx.CreateBucket(metaBucket)
		if err != nil {
			return err
		}
		version, err := json.Marshal(format)
		if err != nil {
			return err
		}
		return meta.Put(formatKey, version)
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	if err := os.Link(tmp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func open(path string) (db *bbolt.DB, err error) {
	// bbolt would take an empty file for a new database.
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if info.Size() == 0 {
		return nil, store.ErrDamaged
	}
	defer func() {
		if p := recover(); p != nil { // bbolt panics on pages that make no sense
			db, err = nil, fmt.Errorf("%w: %v", store.ErrDamaged, p)
		}
	}()
	db, err = bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:         lockTimeout,
		FreelistType:    bbolt.FreelistMapType,
		InitialMmapSize: mmapSize,
	})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, store.ErrInUse
	case errors.Is(err, fs.ErrPermission):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w: %w", store.ErrDamaged, err)
	}
	if err := checkFormat(db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func checkFormat(db *bbolt.DB) error {
	return db.View(func(tx *bbolt.Tx) error {
		meta := tx.Bucket(metaBucket)
		if meta == nil || tx.Bucket(recordsBucket) == nil {
			return store.ErrDamaged
		}
		var found int
		if err := json.Unmarshal(meta.Get(formatKey), &found); err != nil {
			return store.ErrDamaged
		}
		if found > format {
			return fmt.Errorf("%w: it has format %d, this version knows %d", store.ErrNewerFormat, found, format)
		}
		return nil
	})
}

// begin counts a transaction in, unless the database is closed.
func (db *DB) begin() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.closed {
		return store.ErrClosed
	}
	db.under.Add(1)
	return nil
}

// View implements store.Store.
func (db *DB) View(ctx context.Context, f func(store.Reader) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := db.begin(); err != nil {
		return err
	}
	defer db.under.Done()
	tx, err := db.bolt.Begin(false)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	return f(reader{tx.Bucket(recordsBucket)})
}

// Update implements store.Store. A closure must not begin another Update, which
// would wait for itself.
func (db *DB) Update(ctx context.Context, f func(store.Tx) error) error {
	if err := db.begin(); err != nil {
		return err
	}
	defer db.under.Done()
	u := &update{ctx: ctx, f: f, done: make(chan struct{})}
	db.mu.Lock()
	db.queue = append(db.queue, u)
	lead := !db.leading
	db.leading = true
	db.mu.Unlock()
	if lead {
		db.lead(u)
	}
	<-u.done
	if u.panicked != nil {
		panic(u.panicked)
	}
	return u.err
}

// lead commits what is in the queue, batch by batch. Once own is done it leaves the
// rest to another goroutine: own's caller need not wait for it.
func (db *DB) lead(own *update) {
	for {
		db.mu.Lock()
		n := min(len(db.queue), maxBatch)
		if n == 0 {
			db.queue, db.leading = nil, false
			db.mu.Unlock()
			return
		}
		if own != nil && own.committed {
			db.mu.Unlock()
			go db.lead(nil)
			return
		}
		batch := db.queue[:n:n]
		db.queue = db.queue[n:]
		db.mu.Unlock()
		db.commit(batch)
	}
}

// commit runs a batch in one bbolt transaction and tells its callers.
func (db *DB) commit(batch []*update) {
	err := db.try(batch)
	for _, u := range batch {
		if err != nil && u.err == nil && u.panicked == nil {
			u.err = err
		}
		u.committed = true
		close(u.done)
	}
}

// try returns an error if nothing of the batch was committed. Closures that failed
// have their own.
func (db *DB) try(batch []*update) (err error) {
	defer func() {
		if p := recover(); p != nil { // bbolt panics on pages that make no sense
			err = fmt.Errorf("%w: %v", store.ErrDamaged, p)
		}
	}()
	btx, err := db.bolt.Begin(true)
	if err != nil {
		return err
	}
	defer btx.Rollback() // no effect after a commit
	wrote := false
	for _, u := range batch {
		t := &tx{reader: reader{btx.Bucket(recordsBucket)}}
		if u.run(t) {
			wrote = wrote || len(t.log) > 0
		} else if err := t.undo(); err != nil {
			return err
		}
	}
	if !wrote { // nothing to flush, and nobody saw a write that is not on disk yet
		return nil
	}
	return btx.Commit()
}

// run runs the closure, notes how it ended, and reports whether it succeeded.
func (u *update) run(t *tx) (ok bool) {
	if u.err = u.ctx.Err(); u.err != nil {
		return false
	}
	defer func() {
		if p := recover(); p != nil {
			u.panicked, ok = p, false
		}
	}()
	u.err = u.f(t)
	return u.err == nil
}

// Close implements store.Store.
func (db *DB) Close() error {
	db.mu.Lock()
	closed := db.closed
	db.closed = true
	db.mu.Unlock()
	if closed {
		return nil
	}
	db.under.Wait()
	return db.bolt.Close()
}

type reader struct{ bucket *bbolt.Bucket }

func (r reader) Get(key []byte) []byte { return r.bucket.Get(key) }

func (r reader) Scan(prefix, after []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		c := r.bucket.Cursor()
		start := prefix
		if bytes.Compare(after, prefix) > 0 {
			start = after
		}
		k, v := c.Seek(start)
		if after != nil && bytes.Equal(k, after) {
			k, v = c.Next()
		}
		for ; k != nil && bytes.HasPrefix(k, prefix); k, v = c.Next() {
			if !yield(k, v) {
				return
			}
		}
	}
}

// tx writes, and remembers what it replaced.
type tx struct {
	reader
	log []replaced
}

type replaced struct {
	key, value []byte
	existed    bool
}

func (t *tx) Put(key, value []byte) error {
	t.remember(key)
	// bbolt keeps the slices until the commit.
	return t.bucket.Put(bytes.Clone(key), append([]byte{}, value...))
}

func (t *tx) Delete(key []byte) error {
	t.remember(key)
	return t.bucket.Delete(key)
}

func (t *tx) remember(key []byte) {
	old := t.bucket.Get(key)
	t.log = append(t.log, replaced{bytes.Clone(key), append([]byte{}, old...), old != nil})
}

// undo restores what the transaction replaced, last change first.
func (t *tx) undo() error {
	for i := len(t.log) - 1; i >= 0; i-- {
		r := t.log[i]
		var err error
		if r.existed {
			err = t.bucket.Put(r.key, r.value)
		} else {
			err = t.bucket.Delete(r.key)
		}
		if err != nil {
			return fmt.Errorf("undo: %w", err)
		}
	}
	return nil
}
