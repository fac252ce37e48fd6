package store_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"emulator/store"
	"emulator/store/bolt"
)

func TestKey(t *testing.T) {
	ordered := [][]string{
		{}, {""}, {"", "a"}, {"a"}, {"a", ""}, {"a", "", "b"}, {"a", "\x01"}, {"a", "b"}, {"a", "b", "c"}, {"a\x01"},
		{"ab"}, {"ab", "a"}, {"b"}, {"é"}, {"\xff"}, {"\xff", "\xff"}, {"\xff\xff"},
	}
	if !slices.IsSortedFunc(ordered, slices.Compare) {
		t.Fatal("the cases are not in the order of their parts")
	}
	for i, a := range ordered {
		for j, b := range ordered {
			if got := bytes.Compare(store.Key(a...), store.Key(b...)); got != slices.Compare(a, b) {
				t.Errorf("keys of %q and %q compare as %d, cases %d and %d", a, b, got, i, j)
			}
			isPrefix := len(a) <= len(b) && slices.Equal(a, b[:len(a)])
			if got := bytes.HasPrefix(store.Key(b...), store.Key(a...)); got != isPrefix {
				t.Errorf("key of %q begins with that of %q: %v", b, a, got)
			}
		}
		if len(a) == 0 {
			continue // Parts never returns none
		}
		if got := store.Parts(store.Key(a...)); !slices.Equal(got, a) {
			t.Errorf("Parts(Key(%q)) = %q", a, got)
		}
	}
}

// A part with a NUL is neither another part's key nor that of two.
func TestKeyOfNUL(t *testing.T) {
	parts := [][]string{{"a", "b"}, {"a", "b", ""}, {"a\x00b"}, {"a\x00b\x00"}, {"a\x00", "b"}, {"a", "\x00b"}, {"a", ""}, {"a\x00"}, {"\x00"}, {""}, {}}
	for i, a := range parts {
		for j, b := range parts {
			if bytes.Equal(store.Key(a...), store.Key(b...)) != (i == j) {
				t.Errorf("keys of %q and %q", a, b)
			}
		}
		if got := len(store.Parts(store.Key(a...))); len(a) > 0 && got != len(a) {
			t.Errorf("the key of %q has %d parts", a, got)
		}
	}
}

func TestLoadSave(t *testing.T) {
	type record struct {
		Version int
		Name    string
	}
	db, err := bolt.Open(filepath.Join(t.TempDir(), "test.db"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	key, broken := store.Key("account", "thing"), store.Key("account", "broken")
	err = db.Update(t.Context(), func(tx store.Tx) error {
		if got, ok, err := store.Load[record](tx, key); got != (record{}) || ok || err != nil {
			t.Errorf("Load of an absent record: %v, %v, %v", got, ok, err)
		}
		if err := tx.Put(broken, []byte(`{"Version":`)); err != nil {
			return err
		}
		return store.Save(tx, key, record{1, "thing"})
	})
	if err != nil {
		t.Fatal(err)
	}
	err = db.View(t.Context(), func(r store.Reader) error {
		if got, ok, err := store.Load[record](r, key); got != (record{1, "thing"}) || !ok || err != nil {
			t.Errorf("Load: %v, %v, %v", got, ok, err)
		}
		if _, _, err := store.Load[record](r, broken); err == nil || !strings.Contains(err.Error(), "broken") {
			t.Errorf("Load of a broken record: %v, want an error that names it", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What Make makes, it makes outside of transactions, and stores only if that is still right.
func TestMake(t *testing.T) {
	db, err := bolt.Open(filepath.Join(t.TempDir(), "db"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	refused := errors.New("refused")
	allowed := func(r store.Reader) error {
		if r.Get(store.Key("forbidden")) != nil {
			return refused
		}
		return nil
	}
	write := func(key string) error {
		return db.Update(t.Context(), func(tx store.Tx) error { return tx.Put(store.Key(key), []byte("x")) })
	}
	made := 0
	run := func(during string) error {
		return store.Make(t.Context(), db, allowed, func() ([]byte, error) {
			made++
			return []byte("made"), write(during) // would wait for itself within a transaction
		}, func(tx store.Tx, value []byte) error {
			return tx.Put(store.Key("result", during), value)
		})
	}
	stored := func(during string) (value []byte) {
		t.Helper()
		if err := db.View(t.Context(), func(r store.Reader) error { value = bytes.Clone(r.Get(store.Key("result", during))); return nil }); err != nil {
			t.Fatal(err)
		}
		return value
	}
	if err := run("other"); err != nil || made != 1 || string(stored("other")) != "made" {
		t.Errorf("%v, made %d times, stored %q", err, made, stored("other"))
	}
	if err := run("forbidden"); !errors.Is(err, refused) || made != 2 || stored("forbidden") != nil {
		t.Errorf("forbidden meanwhile: %v, made %d times, stored %q", err, made, stored("forbidden"))
	}
	if err := run("late"); !errors.Is(err, refused) || made != 2 {
		t.Errorf("forbidden before: %v, made %d times", err, made)
	}
}
