package bolt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"runtime/debug"
	"strconv"

	"emulator/store"
)

// maxFindings bounds what Check returns: more say no more.
const maxFindings = 100

// Check walks over all pages of the database file at path, to which nobody may write meanwhile,
// and returns what is wrong with it, nothing if it is whole. What is not in use is not looked at.
// The error is one of reading the file, or store.ErrNewerFormat.
//
// bbolt has a check of its own, but one that trusts the pages as far as reading them.
func Check(path string) (findings []string, err error) {
	w, err := walk(path)
	if err != nil {
		return nil, err
	}
	if _, err := w.format(); err != nil && !errors.Is(err, store.ErrDamaged) {
		return nil, err
	}
	return w.findings, nil
}

// walker walks over the pages of a file. Their layout is that of bbolt's file format, version 2.
type walker struct {
	data     []byte // of the file
	pageSize int
	end      uint64 // the first page that was never used
	state    []pageState
	findings []string // of pages

	// What is in our buckets.
	meta    map[string]string
	buckets map[string]bool
	found   summary  // of the records
	broken  []string // of the records
}

type pageState byte

// What is known of a page.
const (
	unknown pageState = iota
	free
	used
)

// bbolt's marks of pages, and of an element that is a bucket.
const (
	branchPage   = 0x01
	leafPage     = 0x02
	metaPage     = 0x04
	freelistPage = 0x10
	bucketFlag   = 0x01
	noFreelist   = ^uint64(0)
)

const (
	pageHeader   = 16 // id, flags, count, overflow
	elementSize  = 16 // leaf: flags, position, lengths of key and value; branch: position, length of key, page
	bucketHeader = 16 // root page, sequence
)

var native = binary.NativeEndian

// walk walks over all pages. The error is one of reading the file.
func walk(path string) (w *walker, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	data, release, err := mapFile(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer func() { err = errors.Join(err, release()) }()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil { // a sector that can't be read
			w, err = nil, damaged(p)
		}
	}()
	w = &walker{data: data, buckets: make(map[string]bool), meta: make(map[string]string)}
	root, freelist, ok := w.metas()
	if !ok {
		return w, nil
	}
	if missing := int64(w.end)*int64(w.pageSize) - info.Size(); missing > 0 {
		w.find("%d bytes are missing at the end", missing)
		return w, nil
	}
	w.state = make([]pageState, w.end)
	w.state[0], w.state[1] = used, used
	w.freePages(freelist)
	w.tree(root, nil, nil, true, w.bucket)
	for id, state := range w.state {
		if state == unknown && freelist != noFreelist {
			w.find("page %d is neither in use nor free", id)
		}
	}
	return w, nil
}

func (w *walker) find(format string, args ...any) {
	if len(w.findings) < maxFindings {
		w.findings = append(w.findings, fmt.Sprintf(format, args...))
	}
}

// metas reads the two meta pages, of which bbolt writes one at a time. It would do with one, and
// with it read the database as it was a transaction ago: no crash leaves half of a sector's 64
// bytes, so a page that does not fit its checksum is damage.
func (w *walker) metas() (root, freelist uint64, ok bool) {
	const size = 64
	var latest uint64
	for id := range uint64(2) {
		at := int(id) * w.pageSize
		if len(w.data) < at+pageHeader+size {
			w.find("meta page %d is missing", id)
			return 0, 0, false
		}
		m := w.data[at:][:pageHeader+size]
		flags, m := native.Uint16(m[8:]), m[pageHeader:]
		sum := fnv.New64a()
		sum.Write(m[:56])
		if flags != metaPage || native.Uint32(m) != 0xED0CDAED || sum.Sum64() != native.Uint64(m[56:]) {
			w.find("meta page %d does not fit its checksum", id)
			return 0, 0, false
		}
		pageSize, end := int(native.Uint32(m[8:])), native.Uint64(m[40:])
		if native.Uint32(m[4:]) != 2 || pageSize < 1<<10 || pageSize > 1<<16 || id > 0 && pageSize != w.pageSize || end < 2 || end > 1<<40 {
			w.find("meta page %d is of another version of bbolt", id)
			return 0, 0, false
		}
		w.pageSize = pageSize
		if txid := native.Uint64(m[48:]); id == 0 || txid > latest {
			latest, root, freelist, w.end = txid, native.Uint64(m[16:]), native.Uint64(m[32:]), end
		}
	}
	return root, freelist, true
}

// page returns a page that is in use, with those that it runs over into.
func (w *walker) page(id uint64) (page []byte, ok bool) {
	if id >= w.end {
		w.find("page %d is behind the end", id)
		return nil, false
	}
	page = w.data[int(id)*w.pageSize:]
	pages := 1 + uint64(native.Uint32(page[12:]))
	if native.Uint64(page) != id || pages > w.end-id {
		w.find("page %d has the header of another", id)
		return nil, false
	}
	for i := id; i < id+pages; i++ {
		switch w.state[i] {
		case used:
			w.find("page %d is used twice", i)
			return nil, false
		case free:
			w.find("page %d is in use and free", i)
		}
		w.state[i] = used
	}
	return page[:int(pages)*w.pageSize], true
}

// freePages reads the list of free pages.
func (w *walker) freePages(id uint64) {
	if id == noFreelist {
		return
	}
	page, ok := w.page(id)
	if !ok {
		return
	}
	count, ids := uint64(native.Uint16(page[10:])), page[pageHeader:]
	if count == 0xffff { // too many for the header
		count, ids = native.Uint64(ids), ids[8:]
	}
	if native.Uint16(page[8:]) != freelistPage || count > uint64(len(ids)/8) {
		w.find("page %d is no list of free pages", id)
		return
	}
	for range count {
		switch f := native.Uint64(ids); {
		case f >= w.end:
			w.find("page %d is free, and behind the end", f)
		case w.state[f] != unknown:
			w.find("page %d is free twice, or in use", f)
		default:
			w.state[f] = free
		}
		ids = ids[8:]
	}
}

// tree walks over the pages of a bucket from page id on, whose keys are not less than low and less
// than high; nil is no bound. Only the root of a bucket may be empty.
func (w *walker) tree(id uint64, low, high []byte, isRoot bool, visit func(flags uint32, key, value []byte)) {
	page, ok := w.page(id)
	if !ok {
		return
	}
	if native.Uint16(page[8:]) == leafPage {
		w.leaf(id, page, low, high, isRoot, visit)
		return
	}
	count := int(native.Uint16(page[10:]))
	if native.Uint16(page[8:]) != branchPage || count == 0 || pageHeader+count*elementSize > len(page) {
		w.find("page %d is neither a branch nor a leaf", id)
		return
	}
	child := func(i int) (key []byte, child uint64, ok bool) {
		element := page[pageHeader+i*elementSize:]
		if key, ok = within(element, native.Uint32(element), native.Uint32(element[4:])); !ok {
			w.find("page %d has a key outside of it", id)
		}
		return key, native.Uint64(element[8:]), ok
	}
	key, first, ok := child(0)
	for i := 0; ok && i < count; i++ {
		next, second := high, uint64(0)
		if i+1 < count {
			if next, second, ok = child(i + 1); !ok {
				return
			}
		}
		if bytes.Compare(key, low) < 0 || next != nil && bytes.Compare(key, next) >= 0 {
			w.find("page %d is not in order", id)
			return
		}
		w.tree(first, key, next, false, visit)
		key, first = next, second
	}
}

// leaf reads a page of elements, that of a bucket within its element if id is 0.
func (w *walker) leaf(id uint64, page, low, high []byte, isRoot bool, visit func(flags uint32, key, value []byte)) {
	count := int(native.Uint16(page[10:]))
	if count == 0 && !isRoot || pageHeader+count*elementSize > len(page) {
		w.find("page %d has %d elements", id, count)
		return
	}
	for i := range count {
		element := page[pageHeader+i*elementSize:]
		position, keySize, valueSize := native.Uint32(element[4:]), native.Uint32(element[8:]), native.Uint32(element[12:])
		key, ok := within(element, position, keySize)
		value, ok2 := within(element, position+keySize, valueSize)
		if !ok || !ok2 {
			w.find("page %d has an element outside of it", id)
			return
		}
		if c := bytes.Compare(key, low); c < 0 || c == 0 && i > 0 || high != nil && bytes.Compare(key, high) >= 0 {
			w.find("page %d is not in order", id)
			return
		}
		visit(native.Uint32(element), key, value)
		low = key
	}
}

// within returns a part of what follows an element.
func within(element []byte, position, size uint32) ([]byte, bool) {
	if uint64(position)+uint64(size) > uint64(len(element)) {
		return nil, false
	}
	return element[position:][:size:size], true
}

// bucket walks over a bucket, an element of the root. A small one is within its element, as a
// page without a number.
func (w *walker) bucket(flags uint32, name, value []byte) {
	if flags != bucketFlag || len(value) < bucketHeader {
		w.find("%q is no bucket", name)
		return
	}
	w.buckets[string(name)] = true
	visit := func(flags uint32, key, value []byte) {
		switch {
		case flags != 0:
			w.find("%q in the bucket %q is no record", key, name)
		case bytes.Equal(name, metaBucket):
			w.meta[string(key)] = string(value)
		case bytes.Equal(name, recordsBucket):
			_, sum, err := splitChecksum(key, value)
			if err != nil && len(w.broken) < maxFindings {
				w.broken = append(w.broken, err.Error())
			}
			w.found.add(sum)
		}
	}
	if root := native.Uint64(value); root != 0 {
		w.tree(root, nil, nil, true, visit)
		return
	}
	page := value[bucketHeader:]
	if len(page) < pageHeader || native.Uint16(page[8:]) != leafPage {
		w.find("the bucket %q is no page", name)
		return
	}
	w.leaf(0, page, nil, nil, true, visit)
}

// format returns the format of the database, of which the walk found nothing wrong, and if it is
// the present one the records are whole. Errors wrap store.ErrDamaged, with the findings' first,
// and store.ErrNewerFormat.
func (w *walker) format() (int, error) {
	if len(w.findings) > 0 {
		return 0, damaged(w.findings[0])
	}
	found, err := strconv.Atoi(w.meta[string(formatKey)])
	switch {
	case !w.buckets[string(metaBucket)]:
		w.find("it is another program's")
	case err != nil:
		w.find("its format is no number")
	case found > format:
		return 0, fmt.Errorf("%w: its format is %d, and this version knows formats up to %d", store.ErrNewerFormat, found, format)
	case found == 1 && w.buckets[string(unsummedBucket)]:
		return found, nil
	case found != format || !w.buckets[string(recordsBucket)]:
		w.find("it lacks its records")
	default:
		w.findings = w.broken
		expected, err := decodeSummary([]byte(w.meta[string(summaryKey)]))
		if len(w.broken) == 0 && (err != nil || w.found != expected) {
			w.find("it has %d records, which are not the %d that were stored", w.found.records, expected.records)
		}
	}
	if len(w.findings) > 0 {
		return 0, damaged(w.findings[0])
	}
	return found, nil
}
