//go:build linux

package bolt_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"emulator/store"
	"emulator/store/bolt"
)

// swap puts another file in the place of an open one. The write-only devices stand for what
// happens to disks: /dev/full is full, and /dev/null can't be flushed.
func swap(t *testing.T, path, other string) {
	t.Helper()
	replacement, err := os.OpenFile(other, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer replacement.Close()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if target, err := os.Readlink(filepath.Join("/proc/self/fd", e.Name())); err == nil && target == path {
			fd, err := strconv.Atoi(e.Name())
			if err != nil {
				t.Fatal(err)
			}
			if err := syscall.Dup3(int(replacement.Fd()), fd, syscall.O_CLOEXEC); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("%s is not open", path)
}

// After a failed flush nothing more is written until the database is opened again; after a
// failed write the next one is tried.
func TestFailedFlush(t *testing.T) {
	for _, c := range []struct {
		device, text string
		errno        syscall.Errno
		final        bool
	}{
		{"/dev/null", "takes no writes until it is opened again", syscall.EINVAL, true},
		{"/dev/full", "could not be written", syscall.ENOSPC, false},
	} {
		t.Run(c.device, func(t *testing.T) {
			path := file(t)
			db := open(t, path)
			put(t, db, "a", "1")
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			write := func(db store.Store) error {
				return db.Update(t.Context(), func(tx store.Tx) error { return tx.Put([]byte("a"), []byte("2")) })
			}
			swap(t, path, c.device)
			if err := write(db); !errors.Is(err, c.errno) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("Update: %v", err)
			}
			swap(t, c.device, path)
			if err := write(db); (err != nil) != c.final {
				t.Errorf("Update once the device is back: %v", err)
			}
			err = db.View(t.Context(), func(r store.Reader) error {
				want := "1"
				if !c.final {
					want = "2"
				}
				if got := string(r.Get([]byte("a"))); got != want {
					return fmt.Errorf("a is %q", got)
				}
				return nil
			})
			if err != nil {
				t.Errorf("View: %v", err)
			}
			db.Close() // it may have lost its lock
			if c.final {
				if after, _ := os.ReadFile(path); string(after) != string(content) {
					t.Error("something was written")
				}
			}
			db, err = bolt.Open(path, bolt.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if err := write(db); err != nil {
				t.Errorf("opened again: %v", err)
			}
		})
	}
}
