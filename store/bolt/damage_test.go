package bolt_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"emulator/store"
	"emulator/store/bolt"
)

// Whichever page is broken, no transaction does worse than to fail.
func TestDamagedPages(t *testing.T) {
	random := rand.NewChaCha8([32]byte{})
	noise := make([]byte, pageSize)
	random.Read(noise)
	path := file(t)
	db := open(t, path)
	for i := range 120 { // a tree of two levels, and free pages
		put(t, db, fmt.Sprintf("%03d", i), string(bytes.Repeat([]byte{'x'}, 100+i*10%3000)))
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	used := bytes.LastIndexFunc(whole, func(r rune) bool { return r != 0 })/pageSize + 1
	opened, failed := 0, 0
	for page := range used {
		for i, garbage := range [][]byte{make([]byte, pageSize), bytes.Repeat([]byte{0xff}, pageSize), noise, whole[3*pageSize : 4*pageSize]} {
			broken := bytes.Clone(whole[:(used+1)*pageSize])
			copy(broken[page*pageSize:], garbage)
			path := fmt.Sprintf("%s.%d.%d", path, page, i) // bbolt may keep the lock of the last
			if err := os.WriteFile(path, broken, 0o600); err != nil {
				t.Fatal(err)
			}
			db, err := bolt.Open(path, bolt.Options{NoSync: true})
			if err != nil {
				if !errors.Is(err, store.ErrDamaged) {
					t.Fatalf("page %d: Open: %v", page, err)
				}
				continue
			}
			opened++
			for _, err := range []error{readAll(t, db), touchAll(t, db), readAll(t, db)} {
				if err != nil {
					failed++
					if !errors.Is(err, store.ErrDamaged) {
						t.Errorf("page %d: %v", page, err)
					}
				}
			}
			if err := db.Close(); err != nil {
				t.Errorf("page %d: Close: %v", page, err)
			}
		}
	}
	if opened == 0 || failed == 0 {
		t.Errorf("of %d pages %d times the database opened, and %d transactions failed: too few for a test", used, opened, failed)
	}
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
