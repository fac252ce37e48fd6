package bolt

import (
	"bytes"
	"iter"
	"runtime"

	"go.etcd.io/bbolt"
)

// reader is a store.Reader.
type reader struct {
	records *bbolt.Bucket
	cursor  *bbolt.Cursor // for Get: bucket.Get would allocate one each time
	// inside tells that bbolt is at work. It panics on pages that make no sense, and
	// such a panic is not the closure's. (A flag costs a read less than a defer.)
	inside bool
}

func (r *reader) open(btx *bbolt.Tx) {
	r.inside = true
	r.records = btx.Bucket(recordsBucket)
	r.cursor = r.records.Cursor()
	r.inside = false
}

// damage turns a panic into an error if it came of the file, and returns nil if it is
// the closure's own.
func (r *reader) damage(p any) error {
	if r.inside {
		return damaged(p)
	}
	// A value is read from the file when the closure looks at it. With
	// SetPanicOnFault, a page that is not there has an address; a nil pointer has none.
	if fault, ok := p.(runtime.Error); ok {
		if _, ok := fault.(interface{ Addr() uintptr }); ok {
			return damaged(p)
		}
	}
	return nil
}

func (r *reader) Get(key []byte) []byte {
	r.inside = true
	found, value := r.cursor.Seek(key)
	r.inside = false
	if !bytes.Equal(found, key) {
		return nil
	}
	return value
}

func (r *reader) Scan(prefix, after []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		start := prefix
		if bytes.Compare(after, prefix) > 0 {
			start = after
		}
		r.inside = true
		cursor := r.records.Cursor()
		key, value := cursor.Seek(start)
		if after != nil && bytes.Equal(key, after) {
			key, value = cursor.Next()
		}
		for bytes.HasPrefix(key, prefix) && key != nil {
			r.inside = false
			if !yield(key, value) {
				return
			}
			r.inside = true
			key, value = cursor.Next()
		}
		r.inside = false
	}
}

// tx is a store.Tx that remembers what it replaced.
type tx struct {
	reader
	log []replaced
}

// replaced is what a write put an end to; the value is nil if there was none. It is not
// a copy: bbolt leaves values alone until the commit, and after that nothing is undone.
type replaced struct{ key, value []byte }

func (t *tx) Put(key, value []byte) error {
	old := t.Get(key)
	t.inside = true
	// bbolt copies the key, but keeps the value, and reads nil as absent.
	err := t.records.Put(key, append([]byte{}, value...))
	t.inside = false
	if err != nil {
		return err
	}
	t.log = append(t.log, replaced{bytes.Clone(key), old})
	return nil
}

func (t *tx) Delete(key []byte) error {
	old := t.Get(key)
	if old == nil {
		return nil
	}
	t.inside = true
	err := t.records.Delete(key)
	t.inside = false
	if err != nil {
		return err
	}
	t.log = append(t.log, replaced{bytes.Clone(key), old})
	return nil
}

// undo restores what the transaction replaced, the last write first.
func (t *tx) undo() error {
	for len(t.log) > 0 {
		last := t.log[len(t.log)-1]
		t.log = t.log[:len(t.log)-1]
		var err error
		if last.value == nil {
			err = t.records.Delete(last.key)
		} else {
			err = t.records.Put(last.key, last.value)
		}
		if err != nil {
			return damaged(err)
		}
	}
	return nil
}
