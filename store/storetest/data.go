package storetest

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emulator/store"
)

func ownWrites(t *testing.T, s store.Store) {
	put(t, s, "a", "1", "b", "2")
	err := s.Update(t.Context(), func(tx store.Tx) error {
		if err := putIn(tx, "a", "3", "c", "4", "d", "5"); err != nil {
			return err
		}
		for _, key := range []string{"b", "d"} {
			if err := tx.Delete([]byte(key)); err != nil {
				return err
			}
			if got := tx.Get([]byte(key)); got != nil {
				t.Errorf("%s is %q after Delete", key, got)
			}
		}
		if got := string(tx.Get([]byte("a"))); got != "3" {
			t.Errorf("a is %q within the transaction", got)
		}
		if diff := cmp.Diff([]pair{{"a", "3"}, {"c", "4"}}, pairs(tx, nil, nil)); diff != "" {
			t.Errorf("Scan within the transaction (-want +got):\n%s", diff)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want(t, s, "a", "3", "c", "4")
}

func deletion(t *testing.T, s store.Store) {
	put(t, s, "a", "1", "ab", "2", "b", "3")
	for _, key := range []string{"a", "absent", "a"} { // that it is absent is no error
		if err := s.Update(t.Context(), func(tx store.Tx) error { return tx.Delete([]byte(key)) }); err != nil {
			t.Errorf("Delete(%q): %v", key, err)
		}
	}
	want(t, s, "ab", "2", "b", "3")
	put(t, s, "a", "4")
	want(t, s, "a", "4", "ab", "2", "b", "3")
}

// An empty value is a value, within its transaction, after it, and restored.
func emptyValue(t *testing.T, s store.Store) {
	check := func(r store.Reader) {
		for _, key := range []string{"empty", "nil"} {
			if got := r.Get([]byte(key)); got == nil || len(got) > 0 {
				t.Errorf("Get(%q) = %#v, want an empty slice", key, got)
			}
		}
	}
	put(t, s, "restored", "")
	err := s.Update(t.Context(), func(tx store.Tx) error {
		if err := tx.Put([]byte("empty"), []byte{}); err != nil {
			return err
		}
		if err := tx.Put([]byte("nil"), nil); err != nil {
			return err
		}
		check(tx)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	view(t, s, check)
	s.Update(t.Context(), func(tx store.Tx) error {
		putIn(tx, "restored", "1", "nil", "1")
		return errRefused
	})
	want(t, s, "empty", "", "nil", "", "restored", "")
}

func largeValues(t *testing.T, s store.Store) {
	large := strings.Repeat("0123456789abcdef", 1<<16) // 1 MiB
	put(t, s, "a", large, "b", "small", "c", large+large)
	want(t, s, "a", large, "b", "small", "c", large+large)
	put(t, s, "a", "small", "b", large)
	want(t, s, "a", "small", "b", large, "c", large+large)
}

// The caller may use the slices that it gave to Put and Delete for something else.
func valuesAreCopied(t *testing.T, s store.Store) {
	put(t, s, "gone", "1", "restored", "1")
	write := func(result error) {
		err := s.Update(t.Context(), func(tx store.Tx) error {
			key, value := []byte("a"), []byte("1")
			if err := tx.Put(key, value); err != nil {
				return err
			}
			copy(key, "x")
			copy(value, "x")
			key = []byte("gone")
			if result != nil {
				key = []byte("restored")
			}
			if err := tx.Delete(key); err != nil {
				return err
			}
			copy(key, "xxxxxxxx")
			return result
		})
		if err != result {
			t.Fatalf("Update: %v, want %v", err, result)
		}
	}
	write(nil)
	want(t, s, "a", "1", "restored", "1")
	write(errRefused)
	want(t, s, "a", "1", "restored", "1")
}

// What Get returned is valid to the end of the transaction, whatever it writes.
func valuesStay(t *testing.T, s store.Store) {
	put(t, s, "a", "1", "b", "2")
	err := s.Update(t.Context(), func(tx store.Tx) error {
		a, b := tx.Get([]byte("a")), tx.Get([]byte("b"))
		if err := putIn(tx, "a", "3"); err != nil {
			return err
		}
		again := tx.Get([]byte("a"))
		if err := putIn(tx, "a", "4"); err != nil {
			return err
		}
		if err := tx.Delete([]byte("b")); err != nil {
			return err
		}
		for i := range 1000 {
			if err := putIn(tx, fmt.Sprintf("c%d", i), "5"); err != nil {
				return err
			}
		}
		if string(a) != "1" || string(b) != "2" || string(again) != "3" {
			t.Errorf("values became %q, %q, %q, want 1, 2, 3", a, b, again)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A key that can't be stored is an error of Put, and leaves the rest alone.
func refusedKeys(t *testing.T, s store.Store) {
	for _, key := range [][]byte{nil, {}} {
		err := s.Update(t.Context(), func(tx store.Tx) error {
			if err := tx.Put(key, []byte("1")); err == nil {
				t.Errorf("Put(%#v) succeeded", key)
			}
			return putIn(tx, "a", "2")
		})
		if err != nil {
			t.Errorf("Update: %v", err)
		}
		want(t, s, "a", "2")
	}
}

func scan(t *testing.T, s store.Store) {
	all := []string{"\x00", "a", "a\x00", "a\x00b", "a\x00c", "ab", "a\xff", "a\xff\x00", "a\xff\xff", "b", "\xff", "\xff\xff"}
	for _, key := range all {
		put(t, s, key, "value of "+key)
	}
	const none = "nil" // no key of these begins so
	for _, c := range []struct {
		prefix, after string
		want          []string
	}{
		{none, none, all},
		{"", none, all},
		{"", "", all},
		{none, "", all},
		{"", "\x00", all[1:]},
		{"", "ab", all[6:]},
		{"", "aa", all[5:]}, // after need not exist
		{"", "\xff", all[11:]},
		{"", "\xff\xff", nil},
		{"", "\xff\xff\xff", nil},
		{"a", none, all[1:9]},
		{"a", "a", all[2:9]}, // greater than after, which the prefix is not
		{"a", "a\xff\xff", nil},
		{"a", "b", nil},
		{"a", "\x00", all[1:9]}, // before the prefix
		{"a\x00", none, all[2:5]},
		{"a\x00", "a", all[2:5]},
		{"a\x00", "a\x00", all[3:5]},
		{"a\x00", "a\x00b", all[4:5]},
		{"a\x00", "a\x00bb", all[4:5]},
		{"a\x00", "a\x00c", nil},
		{"a\x00", "zzz", nil},
		{"a\xff", none, all[6:9]},
		{"a\xff", "a\xff", all[7:9]},
		{"a\xff", "a\xff\xff", nil},
		{"\xff", none, all[10:]},
		{"\xff", "\xff", all[11:]},
		{"\xff\xff", none, all[11:]},
		{"\xff\xff\xff", none, nil},
		{"ab", none, []string{"ab"}},
		{"abc", none, nil},
		{"c", none, nil},
	} {
		slice := func(s string) []byte {
			if s == none {
				return nil
			}
			return []byte(s)
		}
		check := func(r store.Reader) {
			var expected []pair
			for _, key := range c.want {
				expected = append(expected, pair{key, "value of " + key})
			}
			sequence := r.Scan(slice(c.prefix), slice(c.after))
			for range sequence { // may stop early, and begin again
				break
			}
			var got []pair
			for k, v := range sequence {
				got = append(got, pair{string(k), string(v)})
			}
			if diff := cmp.Diff(expected, got); diff != "" {
				t.Errorf("Scan(%q, %q) (-want +got):\n%s", c.prefix, c.after, diff)
			}
		}
		view(t, s, check)
		if err := s.Update(t.Context(), func(tx store.Tx) error { check(tx); return nil }); err != nil {
			t.Errorf("Update: %v", err)
		}
	}
}

// Pages of a scan, taken one transaction each, make up the whole; and within a scan
// there may be another, and a Get.
func scanMany(t *testing.T, s store.Store) {
	const kinds, each, page = 3, 1000, 64
	key := func(kind, i int) []byte { return store.Key(fmt.Sprint(kind), fmt.Sprintf("%05d", i)) }
	err := s.Update(t.Context(), func(tx store.Tx) error {
		for i := range each {
			for kind := range kinds {
				if err := tx.Put(key(kind, i), bytes.Repeat([]byte{byte(i)}, i%300)); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for kind := range kinds {
		var after []byte
		n := 0
		for last := -1; last != n; {
			last = n
			view(t, s, func(r store.Reader) {
				taken := 0
				for k, v := range r.Scan(store.Key(fmt.Sprint(kind)), after) {
					if !bytes.Equal(k, key(kind, n)) || len(v) != n%300 {
						t.Fatalf("record %d of kind %d is %q with %d bytes", n, kind, k, len(v))
					}
					for other := range r.Scan(key((kind+1)%kinds, n), nil) {
						if !bytes.Equal(r.Get(other), r.Get(k)) {
							t.Fatalf("%q and %q differ", other, k)
						}
					}
					n++
					after = bytes.Clone(k)
					if taken++; taken == page {
						break
					}
				}
			})
		}
		if n != each {
			t.Errorf("%d records of kind %d, want %d", n, kind, each)
		}
	}
}
