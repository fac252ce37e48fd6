package bolt_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"emulator/store"
	"emulator/store/bolt"
)

// sample is a closed database with a tree of two levels and free pages, and what is in it.
func sample(t *testing.T) (content []byte, truth map[string]string) {
	t.Helper()
	path := file(t)
	db := open(t, path)
	truth = make(map[string]string)
	for i := range 120 {
		key, value := fmt.Sprintf("%03d", i), strings.Repeat(fmt.Sprint(i), 30+i*10%800)
		put(t, db, key, value)
		truth[key] = value
	}
	put(t, db, "gone", "x")
	if err := db.Update(t.Context(), func(tx store.Tx) error { return tx.Delete([]byte("gone")) }); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	used := bytes.LastIndexFunc(whole, func(r rune) bool { return r != 0 })/pageSize + 1
	return whole[:(used+1)*pageSize], truth
}

// Whatever is done to a closed database, it doesn't open, or every read has the truth.
func TestDamagedFile(t *testing.T) {
	whole, truth := sample(t)
	dir := t.TempDir()
	refused, harmless := 0, 0
	try := func(name string, broken []byte) {
		t.Helper()
		path := filepath.Join(dir, fmt.Sprint(refused+harmless)) // bbolt may keep the lock of the last
		if err := os.WriteFile(path, broken, 0o600); err != nil {
			t.Fatal(err)
		}
		defer os.Remove(path)
		findings, err := bolt.Check(path)
		if err != nil && !errors.Is(err, store.ErrNewerFormat) {
			t.Fatalf("%s: Check: %v", name, err)
		}
		db, err := bolt.Open(path, bolt.Options{NoSync: true})
		if (err != nil) != (len(findings) > 0) && !errors.Is(err, store.ErrNewerFormat) {
			t.Errorf("%s: Check finds %q, Open: %v", name, findings, err)
		}
		if err != nil {
			refused++
			if !errors.Is(err, store.ErrDamaged) && !errors.Is(err, store.ErrNewerFormat) || !strings.Contains(err.Error(), path) {
				t.Errorf("%s: Open: %v", name, err)
			}
			return
		}
		harmless++
		defer db.Close()
		if err := readTruth(t, db, truth); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := touchAll(t, db); err != nil {
			t.Errorf("%s: Update: %v", name, err)
		}
	}
	random := rand.New(rand.NewChaCha8([32]byte{1}))
	noise := make([]byte, pageSize)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	pages := len(whole) / pageSize
	for page := range pages {
		for i, garbage := range [][]byte{make([]byte, pageSize), bytes.Repeat([]byte{0xff}, pageSize), noise, whole[3*pageSize:][:pageSize], whole[random.IntN(pages)*pageSize:][:pageSize]} {
			broken := bytes.Clone(whole)
			copy(broken[page*pageSize:], garbage)
			try(fmt.Sprintf("page %d, garbage %d", page, i), broken)
		}
		// The headers of pages and elements, where damage leads astray: small numbers in place of others.
		for range 20 {
			broken := bytes.Clone(whole)
			at := page*pageSize + random.IntN(300)
			broken[at] = byte(random.IntN(64))
			try(fmt.Sprintf("byte %d of page %d", at%pageSize, page), broken)
		}
		// A page that is in order and has less: the last element of a leaf or branch, or the last of the free pages.
		if count := int(binary.NativeEndian.Uint16(whole[page*pageSize+10:])); count > 0 {
			for _, fewer := range []int{count - 1, count / 2} {
				broken := bytes.Clone(whole)
				binary.NativeEndian.PutUint16(broken[page*pageSize+10:], uint16(fewer))
				try(fmt.Sprintf("%d of %d elements of page %d", fewer, count, page), broken)
			}
		}
		if whole[page*pageSize+8] == 0x10 { // free pages that are not
			for id := range pages {
				broken := bytes.Clone(whole)
				binary.NativeEndian.PutUint64(broken[page*pageSize+16:], uint64(id))
				try(fmt.Sprintf("page %d for free in page %d", id, page), broken)
			}
		}
		try(fmt.Sprintf("cut at page %d", page), whole[:page*pageSize])
		try(fmt.Sprintf("cut within page %d", page), whole[:page*pageSize+random.IntN(pageSize)])
	}
	for range 800 {
		broken := bytes.Clone(whole)
		at := random.IntN(len(broken))
		broken[at] ^= 1 << random.IntN(8)
		try(fmt.Sprintf("a bit of byte %d", at), broken)
	}
	t.Logf("%d refused, %d harmless", refused, harmless)
	if refused < 500 || harmless < 100 {
		t.Errorf("%d refused, %d harmless: too few for a test", refused, harmless)
	}
}

// readTruth reads all records in both ways.
func readTruth(t *testing.T, db store.Store, truth map[string]string) error {
	return db.View(t.Context(), func(r store.Reader) error {
		scanned := make(map[string]string)
		for k, v := range r.Scan(nil, nil) {
			scanned[string(k)] = string(v)
		}
		if !maps.Equal(scanned, truth) {
			return fmt.Errorf("a scan has %d records, which are not the %d that were stored", len(scanned), len(truth))
		}
		for k, v := range truth {
			if got := r.Get([]byte(k)); string(got) != v {
				return fmt.Errorf("Get(%s) is another value", k)
			}
		}
		if r.Get([]byte("gone")) != nil {
			return errors.New("what was deleted is back")
		}
		return nil
	})
}

// Whichever page breaks while the database is open, no transaction does worse than to fail, and
// the database closes.
func TestPagesBreakWhileOpen(t *testing.T) {
	whole, _ := sample(t)
	noise := make([]byte, pageSize)
	rand.NewChaCha8([32]byte{}).Read(noise)
	failed := 0
	for page := range len(whole) / pageSize {
		for i, garbage := range [][]byte{make([]byte, pageSize), bytes.Repeat([]byte{0xff}, pageSize), noise, bytes.Clone(whole[3*pageSize : 4*pageSize])} {
			path := file(t)
			if err := os.WriteFile(path, whole, 0o600); err != nil {
				t.Fatal(err)
			}
			db, err := bolt.Open(path, bolt.Options{NoSync: true})
			if err != nil {
				t.Fatal(err)
			}
			overwrite(t, path, page*pageSize, garbage)
			errs := []error{readAll(t, db)}
			if i == 0 { // with numbers that are too large bbolt takes all memory when it writes
				errs = append(errs, touchAll(t, db), readAll(t, db), touchAll(t, db))
			}
			for _, err := range errs {
				if err != nil {
					failed++
					if !errors.Is(err, store.ErrDamaged) {
						t.Errorf("page %d, garbage %d: %v", page, i, err)
					}
				}
			}
			if err := db.Close(); err != nil {
				t.Errorf("page %d: Close: %v", page, err)
			}
		}
	}
	if failed == 0 {
		t.Error("no transaction failed")
	}
}

// A value or a key that changes under an open database is an error to who reads it.
func TestRecordBreaksWhileOpen(t *testing.T) {
	path := file(t)
	db := open(t, path)
	defer db.Close()
	put(t, db, "a", "1")
	put(t, db, "the key", "the value")
	put(t, db, "z", "1")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	get := func(key string) func(store.Reader) { return func(r store.Reader) { r.Get([]byte(key)) } }
	scan := func(r store.Reader) {
		for range r.Scan(nil, nil) {
		}
	}
	for _, c := range []struct {
		from, to string
		read     func(store.Reader)
	}{
		{"the value", "the valve", get("the key")},
		{"the value", "the valve", scan},
		{"the key", "the kex", scan},
		{"the key", "the kex", get("the kex")},
	} {
		for at := 0; ; {
			i := bytes.Index(content[at:], []byte(c.from))
			if i < 0 {
				break
			}
			at += i
			overwrite(t, path, at, []byte(c.to))
			at++
		}
		err := db.View(t.Context(), func(r store.Reader) error { c.read(r); return nil })
		if !errors.Is(err, store.ErrDamaged) || !strings.Contains(err.Error(), "checksum") || !strings.Contains(err.Error(), "the ke") {
			t.Errorf("%q became %q: View: %v", c.from, c.to, err)
		}
		err = db.Update(t.Context(), func(tx store.Tx) error { c.read(tx); return nil })
		if !errors.Is(err, store.ErrDamaged) {
			t.Errorf("%q became %q: Update: %v", c.from, c.to, err)
		}
		overwrite(t, path, 0, content)
	}
	put(t, db, "the key", "whole again")
}

// overwrite changes a file that is open.
func overwrite(t *testing.T, path string, at int, content []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(content, int64(at)); err != nil {
		t.Fatal(err)
	}
}

// A database of the format without checksums is brought up to the present one, once.
func TestOlderFormat(t *testing.T) {
	path := file(t)
	truth := make(map[string]string)
	raw(t, path, func(tx *bbolt.Tx) error {
		meta, err := tx.CreateBucket([]byte("meta"))
		if err != nil {
			return err
		}
		if err := meta.Put([]byte("format"), []byte("1")); err != nil {
			return err
		}
		records, err := tx.CreateBucket([]byte("records"))
		for i := range 2000 {
			key, value := fmt.Sprintf("%04d", i), strings.Repeat("x", i)
			truth[key] = value
			err = errors.Join(err, records.Put([]byte(key), []byte(value)))
		}
		return err
	})
	for range 2 {
		if findings, err := bolt.Check(path); err != nil || len(findings) > 0 {
			t.Errorf("Check: %q, %v", findings, err)
		}
		db := open(t, path)
		if err := readTruth(t, db, truth); err != nil {
			t.Error(err)
		}
		put(t, db, "0000", "changed")
		truth["0000"] = "changed"
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	raw(t, path, func(tx *bbolt.Tx) error {
		if format := tx.Bucket([]byte("meta")).Get([]byte("format")); string(format) != "2" || tx.Bucket([]byte("records")) != nil {
			t.Errorf("format %s, and the old records are there: %v", format, tx.Bucket([]byte("records")) != nil)
		}
		return nil
	})
}

// A file that another program cuts short under us doesn't end the process.
func TestTruncatedWhileOpen(t *testing.T) {
	path := file(t)
	db := open(t, path)
	for i := range 100 {
		put(t, db, fmt.Sprintf("%03d", i), string(bytes.Repeat([]byte{'x'}, 5000)))
	}
	if err := os.Truncate(path, 10*int64(pageSize)); err != nil {
		t.Fatal(err)
	}
	if err := readAll(t, db); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("View: %v", err)
	}
	if err := touchAll(t, db); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("Update: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func readAll(t *testing.T, db store.Store) error {
	return db.View(t.Context(), func(r store.Reader) error {
		for _, v := range r.Scan(nil, nil) {
			bytes.Count(v, []byte("y")) // also values on pages of their own are read
		}
		for i := range 120 {
			r.Get(fmt.Appendf(nil, "%03d", i))
		}
		return nil
	})
}

func touchAll(t *testing.T, db store.Store) error {
	return db.Update(t.Context(), func(tx store.Tx) error {
		for i := range 120 {
			key := fmt.Appendf(nil, "%03d", i)
			if err := tx.Put(key, append(bytes.Clone(tx.Get(key)), 'y')); err != nil {
				return err
			}
		}
		return nil
	})
}
