// Package storetest is what every engine behind store.Store must pass.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emulator/store"
)

var errRefused = errors.New("refused")

// Run runs the suite on stores that open makes, each empty and closed by the suite.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	for name, test := range map[string]func(*testing.T, store.Store){
		"own writes are visible":           ownWrites,
		"failed update leaves nothing":     failedUpdate,
		"panic leaves nothing and returns": panicking,
		"failures spare their neighbours":  neighbours,
		"views are snapshots":              snapshots,
		"scan":                             scan,
		"values are copied":                copied,
		"empty value is not absent":        emptyValue,
		"large values":                     largeValues,
		"cancelled context":                cancelled,
		"closed":                           closed,
		"random operations":                randomOperations,
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			test(t, s)
			if err := s.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
}

func update(t *testing.T, s store.Store, f func(store.Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), f); err != nil {
		t.Fatalf("Update: %v", err)
	}
}

// put stores pairs of key and value.
func put(t *testing.T, s store.Store, pairs ...string) {
	t.Helper()
	update(t, s, func(tx store.Tx) error {
		for i := 0; i < len(pairs); i += 2 {
			if err := tx.Put([]byte(pairs[i]), []byte(pairs[i+1])); err != nil {
				return err
			}
		}
		return nil
	})
}

// content returns all that is stored.
func content(t *testing.T, s store.Store) map[string]string {
	t.Helper()
	all := make(map[string]string)
	if err := s.View(t.Context(), func(r store.Reader) error {
		for k, v := range r.Scan(nil, nil) {
			all[string(k)] = string(v)
		}
		return nil
	}); err != nil {
		t.Fatalf("View: %v", err)
	}
	return all
}

func want(t *testing.T, s store.Store, pairs ...string) {
	t.Helper()
	expected := make(map[string]string)
	for i := 0; i < len(pairs); i += 2 {
		expected[pairs[i]] = pairs[i+1]
	}
	if diff := cmp.Diff(expected, content(t, s)); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
}

func ownWrites(t *testing.T, s store.Store) {
	put(t, s, "a", "1", "b", "2")
	update(t, s, func(tx store.Tx) error {
		tx.Put([]byte("a"), []byte("3"))
		tx.Delete([]byte("b"))
		tx.Delete([]byte("absent"))
		tx.Put([]byte("c"), []byte("4"))
		if got := string(tx.Get([]byte("a"))); got != "3" {
			t.Errorf("a is %q within the transaction", got)
		}
		if got := tx.Get([]byte("b")); got != nil {
			t.Errorf("b is %q after Delete", got)
		}
		var keys []string
		for k := range tx.Scan(nil, nil) {
			keys = append(keys, string(k))
		}
		if diff := cmp.Diff([]string{"a", "c"}, keys); diff != "" {
			t.Errorf("Scan in the transaction (-want +got):\n%s", diff)
		}
		return nil
	})
	want(t, s, "a", "3", "c", "4")
}

func failedUpdate(t *testing.T, s store.Store) {
	put(t, s, "a", "1", "b", "2")
	err := s.Update(t.Context(), func(tx store.Tx) error {
		tx.Put([]byte("a"), []byte("3"))
		tx.Put([]byte("a"), []byte("4"))
		tx.Delete([]byte("b"))
		tx.Put([]byte("c"), []byte("5"))
		tx.Delete([]byte("c"))
		tx.Put([]byte("d"), []byte("6"))
		return errRefused
	})
	if !errors.Is(err, errRefused) {
		t.Errorf("Update returned %v", err)
	}
	want(t, s, "a", "1", "b", "2")
}

func panicking(t *testing.T, s store.Store) {
	func() {
		defer func() {
			if p := recover(); p != "oh" {
				t.Errorf("recovered %v", p)
			}
		}()
		s.Update(t.Context(), func(tx store.Tx) error {
			tx.Put([]byte("a"), []byte("1"))
			panic("oh")
		})
	}()
	put(t, s, "b", "2") // goes on working
	want(t, s, "b", "2")
}

func neighbours(t *testing.T, s store.Store) {
	const writers, each = 16, 30
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				defer func() { recover() }()
				key := fmt.Appendf(nil, "%02d/%02d", w, i)
				err := s.Update(context.Background(), func(tx store.Tx) error {
					if err := tx.Put(key, key); err != nil {
						return err
					}
					if err := tx.Put([]byte("shared"), key); err != nil {
						return err
					}
					if i%3 == 1 {
						return errRefused
					}
					return nil
				})
				if (err != nil) != (i%3 == 1) {
					t.Errorf("%s: %v", key, err)
				}
			}
		})
	}
	wg.Wait()
	all := content(t, s)
	if last := all["shared"]; all[last] != last {
		t.Errorf("the shared record is of %q, which was undone", last)
	}
	for w := range writers {
		for i := range each {
			key := fmt.Sprintf("%02d/%02d", w, i)
			if _, ok := all[key]; ok != (i%3 != 1) {
				t.Errorf("%s: stored is %v", key, ok)
			}
		}
	}
}

func snapshots(t *testing.T, s store.Store) {
	put(t, s, "a", "1")
	err := s.View(t.Context(), func(r store.Reader) error {
		put(t, s, "a", "2", "b", "3")
		if got := string(r.Get([]byte("a"))); got != "1" {
			t.Errorf("a became %q within a View", got)
		}
		if r.Get([]byte("b")) != nil {
			t.Error("b appeared within a View")
		}
		return errRefused
	})
	if !errors.Is(err, errRefused) {
		t.Errorf("View returned %v", err)
	}
	want(t, s, "a", "2", "b", "3")
}

func scan(t *testing.T, s store.Store) {
	put(t, s, "a", "", "a\x00b", "", "a\x00c", "", "a\xff", "", "a\xff\xff", "", "b", "", "ab", "")
	for _, c := range []struct {
		prefix, after string
		want          []string
	}{
		{"", "", []string{"a", "a\x00b", "a\x00c", "ab", "a\xff", "a\xff\xff", "b"}},
		{"a\x00", "", []string{"a\x00b", "a\x00c"}},
		{"a\x00", "a\x00b", []string{"a\x00c"}},
		{"a\x00", "a\x00bb", []string{"a\x00c"}},
		{"a\x00", "a\x00c", nil},
		{"a\x00", "zzz", nil},
		{"a\x00", "a", []string{"a\x00b", "a\x00c"}},
		{"a\xff", "", []string{"a\xff", "a\xff\xff"}},
		{"a\xff", "a\xff", []string{"a\xff\xff"}},
		{"c", "", nil},
		{"", "ab", []string{"a\xff", "a\xff\xff", "b"}},
	} {
		var after []byte
		if c.after != "" {
			after = []byte(c.after)
		}
		var got []string
		s.View(t.Context(), func(r store.Reader) error {
			for k := range r.Scan([]byte(c.prefix), after) {
				got = append(got, string(k))
			}
			for range r.Scan([]byte(c.prefix), after) {
				break // may stop early
			}
			return nil
		})
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("Scan(%q, %q) (-want +got):\n%s", c.prefix, c.after, diff)
		}
	}
}

func copied(t *testing.T, s store.Store) {
	key, value := []byte("a"), []byte("1")
	update(t, s, func(tx store.Tx) error {
		err := tx.Put(key, value)
		key[0], value[0] = 'x', 'x'
		return err
	})
	want(t, s, "a", "1")
}

func emptyValue(t *testing.T, s store.Store) {
	update(t, s, func(tx store.Tx) error {
		tx.Put([]byte("a"), nil)
		if tx.Get([]byte("a")) == nil {
			t.Error("absent within the transaction")
		}
		return nil
	})
	s.Update(t.Context(), func(tx store.Tx) error {
		tx.Put([]byte("a"), []byte("1"))
		return errRefused
	})
	s.View(t.Context(), func(r store.Reader) error {
		if v := r.Get([]byte("a")); v == nil || len(v) != 0 {
			t.Errorf("the empty value came back as %v", v)
		}
		return nil
	})
}

func largeValues(t *testing.T, s store.Store) {
	value := strings.Repeat("x", 1<<20)
	put(t, s, "a", value, "b", value+"y")
	want(t, s, "a", value, "b", value+"y")
}

func cancelled(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := s.Update(ctx, func(store.Tx) error { t.Error("Update ran"); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Update: %v", err)
	}
	err = s.View(ctx, func(store.Reader) error { t.Error("View ran"); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("View: %v", err)
	}
}

func closed(t *testing.T, s store.Store) {
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Update(t.Context(), func(store.Tx) error { return nil }); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Update: %v", err)
	}
	if err := s.View(t.Context(), func(store.Reader) error { return nil }); !errors.Is(err, store.ErrClosed) {
		t.Errorf("View: %v", err)
	}
}

// randomOperations compares the store with a map.
func randomOperations(t *testing.T, s store.Store) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	model := make(map[string]string)
	key := func() string { return strings.Repeat(string(rune('a'+random.IntN(4))), 1+random.IntN(4)) }
	for range 300 {
		next := maps.Clone(model)
		fail := random.IntN(4) == 0
		err := s.Update(t.Context(), func(tx store.Tx) error {
			for range random.IntN(6) {
				k := key()
				if random.IntN(3) == 0 {
					delete(next, k)
					tx.Delete([]byte(k))
				} else {
					next[k] = fmt.Sprint(random.IntN(1000))
					tx.Put([]byte(k), []byte(next[k]))
				}
			}
			if fail {
				return errRefused
			}
			return nil
		})
		if fail != (err != nil) {
			t.Fatalf("Update: %v", err)
		}
		if !fail {
			model = next
		}
		compare(t, s, model, key(), key())
	}
}

func compare(t *testing.T, s store.Store, model map[string]string, prefix, after string) {
	t.Helper()
	if diff := cmp.Diff(model, content(t, s)); diff != "" {
		t.Fatalf("stored (-want +got):\n%s", diff)
	}
	var expected, got []string
	for _, k := range slices.Sorted(maps.Keys(model)) {
		if strings.HasPrefix(k, prefix) && k > after {
			expected = append(expected, k)
		}
	}
	s.View(t.Context(), func(r store.Reader) error {
		for k := range r.Scan([]byte(prefix), []byte(after)) {
			got = append(got, string(bytes.Clone(k)))
		}
		return nil
	})
	if diff := cmp.Diff(expected, got); diff != "" {
		t.Fatalf("Scan(%q, %q) (-want +got):\n%s", prefix, after, diff)
	}
}
