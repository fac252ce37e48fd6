package bolt_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"emulator/store"
	"emulator/store/bolt"
)

var pageSize = os.Getpagesize()

func TestOpenAgain(t *testing.T) {
	path := file(t)
	for _, key := range []string{"a", "b"} {
		db := open(t, path)
		put(t, db, key, "1")
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	db := open(t, path)
	defer db.Close()
	db.View(t.Context(), func(r store.Reader) error {
		if r.Get([]byte("a")) == nil || r.Get([]byte("b")) == nil {
			t.Error("a or b is lost")
		}
		return nil
	})
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, error %v", info.Mode(), err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("left beside the database: %v", entries)
	}
}

// A file that can't be opened stays as it is, and the error says why in one line.
func TestOpenRefuses(t *testing.T) {
	write := func(content []byte) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	setFormat := func(format string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			open(t, path).Close()
			raw(t, path, func(tx *bbolt.Tx) error { return tx.Bucket([]byte("meta")).Put([]byte("format"), []byte(format)) })
		}
	}
	truncate := func(size int) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			db := open(t, path)
			for i := range 100 {
				put(t, db, fmt.Sprint(i), strings.Repeat("x", 1000))
			}
			db.Close()
			if err := os.Truncate(path, int64(size)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name string
		make func(t *testing.T, path string)
		want error
		text string
	}{
		{"empty", write(nil), store.ErrDamaged, ""},
		{"short", write([]byte("short")), store.ErrDamaged, ""},
		{"text", write(bytes.Repeat([]byte("no database "), 5000)), store.ErrDamaged, ""},
		{"zeros", write(make([]byte, 20*pageSize)), store.ErrDamaged, ""},
		{"one byte is left", truncate(1), store.ErrDamaged, ""},
		{"a page is left", truncate(pageSize), store.ErrDamaged, ""},
		{"two pages are left", truncate(2 * pageSize), store.ErrDamaged, "missing at the end"},
		{"the end is missing", truncate(10 * pageSize), store.ErrDamaged, "missing at the end"},
		{"another program's", func(t *testing.T, path string) {
			raw(t, path, func(tx *bbolt.Tx) error { _, err := tx.CreateBucket([]byte("theirs")); return err })
		}, store.ErrDamaged, "another program"},
		{"no format", setFormat("one"), store.ErrDamaged, ""},
		{"format 0", setFormat("0"), store.ErrDamaged, ""},
		{"newer", setFormat("99"), store.ErrNewerFormat, "its format is 99, and this version knows formats up to 2"},
		{"directory", func(t *testing.T, path string) { os.Mkdir(path, 0o700) }, nil, "is a directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := file(t)
			c.make(t, path)
			before, _ := os.ReadFile(path)
			for range 2 { // the first attempt holds nothing back
				db, err := bolt.Open(path, bolt.Options{})
				if err == nil {
					db.Close()
					t.Fatal("Open succeeded")
				}
				for _, sentinel := range []error{store.ErrDamaged, store.ErrNewerFormat, store.ErrInUse} {
					if errors.Is(err, sentinel) != (sentinel == c.want) {
						t.Errorf("Open: %v, want %v", err, c.want)
					}
				}
				if s := err.Error(); !strings.Contains(s, c.text) || !strings.Contains(s, path) || strings.Contains(s, "\n") {
					t.Errorf("Open: %q, want one line with the path and %q", s, c.text)
				}
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
				t.Error("the file was changed")
			}
		})
	}
}

func TestOpenInUse(t *testing.T) {
	path := file(t)
	db := open(t, path)
	begin := time.Now()
	if _, err := bolt.Open(path, bolt.Options{}); !errors.Is(err, store.ErrInUse) {
		t.Errorf("Open: %v", err)
	}
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
	put(t, db, "a", "1") // the one that holds it goes on
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	open(t, path).Close()
}

func TestOpenNoDirectory(t *testing.T) {
	dir := t.TempDir()
	if _, err := bolt.Open(filepath.Join(dir, "missing", "test.db"), bolt.Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open: %v", err)
	}
	plain := filepath.Join(dir, "file")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := bolt.Open(filepath.Join(plain, "test.db"), bolt.Options{}); err == nil || errors.Is(err, store.ErrDamaged) {
		t.Errorf("Open: %v, want the file system's error", err)
	}
}

func TestOpenNoPermission(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may do everything")
	}
	path := file(t)
	open(t, path).Close()
	os.Chmod(path, 0)
	if _, err := bolt.Open(path, bolt.Options{}); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("an unreadable file: %v", err)
	}
	os.Remove(path)
	os.Chmod(filepath.Dir(path), 0o500)
	defer os.Chmod(filepath.Dir(path), 0o700)
	if _, err := bolt.Open(path, bolt.Options{}); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("an unwritable directory: %v", err)
	}
}

// Of processes that start together on a new directory, each writes into the same
// database or learns that it is in use.
func TestOpenTogether(t *testing.T) {
	for range 5 {
		path := file(t)
		var processes []*exec.Cmd
		var answers []*bytes.Buffer
		for range 4 {
			cmd, out := child("opener", path), new(bytes.Buffer)
			cmd.Stdout = out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			processes, answers = append(processes, cmd), append(answers, out)
		}
		for _, cmd := range processes {
			cmd.Wait()
		}
		db := open(t, path)
		wrote := 0
		for _, out := range answers {
			switch key, ok := strings.CutPrefix(out.String(), "wrote "); {
			case ok:
				wrote++
				db.View(t.Context(), func(r store.Reader) error {
					if r.Get([]byte(key)) == nil {
						t.Errorf("%s's write is lost", key)
					}
					return nil
				})
			case out.String() != "in use":
				t.Errorf("a process ended with %q", out)
			}
		}
		if wrote == 0 {
			t.Error("no process got the database")
		}
		db.Close()
	}
}

// openOnce is the process of TestOpenTogether.
func openOnce(path string) int {
	db, err := bolt.Open(path, bolt.Options{})
	if errors.Is(err, store.ErrInUse) {
		fmt.Print("in use")
		return 0
	}
	if err != nil {
		fmt.Print(err)
		return 1
	}
	key := fmt.Appendf(nil, "process %d", os.Getpid())
	if err := db.Update(background, func(tx store.Tx) error { return tx.Put(key, nil) }); err != nil {
		fmt.Print(err)
		return 1
	}
	fmt.Printf("wrote %s", key)
	return 0
}
