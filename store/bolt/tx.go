package bolt

import (
	"bytes"
	"encoding/binary"
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
	value, _, _ := r.get(key)
	return value
}

// get returns the value of key, nil if there is none, as it is stored, and its checksum.
func (r *reader) get(key []byte) (value, stored []byte, sum uint32) {
	r.inside = true
	found, stored := r.cursor.Seek(key)
	if !bytes.Equal(found, key) || found == nil {
		r.inside = false
		return nil, nil, 0
	}
	value, sum = r.split(key, stored)
	return value, stored, sum
}

// split takes the checksum from a stored value. The value has been read now.
func (r *reader) split(key, stored []byte) (value []byte, sum uint32) {
	r.inside = true
	value, sum, err := splitChecksum(key, stored)
	if err != nil {
		panic(err)
	}
	r.inside = false
	return value, sum
}

func (r *reader) Scan(prefix, after []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		start := prefix
		if bytes.Compare(after, prefix) > 0 {
			start = after
		}
		r.inside = true
		cursor := r.records.Cursor()
		key, stored := cursor.Seek(start)
		if after != nil && bytes.Equal(key, after) {
			key, stored = cursor.Next()
		}
		for bytes.HasPrefix(key, prefix) && key != nil {
			value, _ := r.split(key, stored)
			if !yield(key, value) {
				return
			}
			r.inside = true
			key, stored = cursor.Next()
		}
		r.inside = false
	}
}

// tx is a store.Tx that remembers what it replaced.
type tx struct {
	reader
	log  []replaced
	diff summary // of what it wrote
}

// replaced is what a write put an end to, as it was stored; nil if there was nothing. It is not
// a copy: bbolt leaves values alone until the commit, and after that nothing is undone.
type replaced struct{ key, stored []byte }

func (t *tx) Put(key, value []byte) error {
	_, old, oldSum := t.get(key)
	t.inside = true
	// bbolt copies the key, but keeps the value.
	stored := withChecksum(key, value)
	err := t.records.Put(key, stored)
	t.inside = false
	if err != nil {
		return err
	}
	t.wrote(key, old, oldSum)
	t.diff.add(binary.LittleEndian.Uint32(stored[len(value):]))
	return nil
}

func (t *tx) Delete(key []byte) error {
	_, old, oldSum := t.get(key)
	if old == nil {
		return nil
	}
	t.inside = true
	err := t.records.Delete(key)
	t.inside = false
	if err != nil {
		return err
	}
	t.wrote(key, old, oldSum)
	return nil
}

// wrote notes a write in place of old.
func (t *tx) wrote(key, old []byte, oldSum uint32) {
	t.log = append(t.log, replaced{bytes.Clone(key), old})
	if old != nil {
		t.diff.remove(oldSum)
	}
}

// undo restores what the transaction replaced, the last write first.
func (t *tx) undo() error {
	for len(t.log) > 0 {
		last := t.log[len(t.log)-1]
		t.log = t.log[:len(t.log)-1]
		var err error
		if last.stored == nil {
			err = t.records.Delete(last.key)
		} else {
			err = t.records.Put(last.key, last.stored)
		}
		if err != nil {
			return damaged(err)
		}
	}
	return nil
}
