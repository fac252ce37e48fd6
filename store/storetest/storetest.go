// Package storetest is the suite that every engine behind store.Store passes.
package storetest

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emulator/store"
)

// Run runs the suite on stores that open makes, each empty and closed by the suite. restore
// opens what Backup wrote. As the contract lets an engine run a closure of Update again, those
// of the suite can be.
func Run(t *testing.T, open func(t *testing.T) store.Store, restore func(t *testing.T, backup []byte) store.Store) {
	for _, c := range []struct {
		name string
		test func(*testing.T, store.Store)
	}{
		{"OwnWrites", ownWrites},
		{"Delete", deletion},
		{"EmptyValue", emptyValue},
		{"LargeValues", largeValues},
		{"ValuesAreCopied", valuesAreCopied},
		{"ValuesStayUntilTheEnd", valuesStay},
		{"RefusedKeys", refusedKeys},
		{"Scan", scan},
		{"ScanMany", scanMany},
		{"ViewError", viewError},
		{"ViewPanic", viewPanic},
		{"UpdateError", updateError},
		{"UpdateLater", updateLater},
		{"UpdatePanic", updatePanic},
		{"UpdateGoexit", updateGoexit},
		{"Snapshot", snapshot},
		{"NoLostUpdate", noLostUpdate},
		{"Transfers", transfers},
		{"Neighbours", neighbours},
		{"Cancelled", cancelled},
		{"CancelledWaiting", cancelledWaiting},
		{"Closed", closed},
		{"CloseWaits", closeWaits},
		{"Model", model},
		{"Backup", func(t *testing.T, s store.Store) { backup(t, s, restore) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t)
			defer func() {
				if err := s.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			}()
			c.test(t, s)
		})
	}
}

var errRefused = errors.New("refused")

// put stores pairs of a key and a value in one transaction.
func put(t *testing.T, s store.Store, pairs ...string) {
	t.Helper()
	if err := s.Update(t.Context(), func(tx store.Tx) error { return putIn(tx, pairs...) }); err != nil {
		t.Fatalf("Update: %v", err)
	}
}

func putIn(tx store.Tx, pairs ...string) error {
	for i := 0; i < len(pairs); i += 2 {
		if err := tx.Put([]byte(pairs[i]), []byte(pairs[i+1])); err != nil {
			return err
		}
	}
	return nil
}

// view runs f, which must not fail.
func view(t *testing.T, s store.Store, f func(store.Reader)) {
	t.Helper()
	if err := s.View(t.Context(), func(r store.Reader) error { f(r); return nil }); err != nil {
		t.Errorf("View: %v", err)
	}
}

// pair is a copy of what Scan yields.
type pair struct{ Key, Value string }

func pairs(r store.Reader, prefix, after []byte) []pair {
	var all []pair
	for k, v := range r.Scan(prefix, after) {
		all = append(all, pair{string(k), string(v)})
	}
	return all
}

// want checks all that is stored, given as pairs in the order of the keys.
func want(t *testing.T, s store.Store, stored ...string) {
	t.Helper()
	var expected []pair
	for i := 0; i < len(stored); i += 2 {
		expected = append(expected, pair{stored[i], stored[i+1]})
	}
	view(t, s, func(r store.Reader) {
		t.Helper()
		if diff := cmp.Diff(expected, pairs(r, nil, nil)); diff != "" {
			t.Errorf("stored (-want +got):\n%s", diff)
		}
		for _, p := range expected {
			if got := r.Get([]byte(p.Key)); got == nil || string(got) != p.Value {
				t.Errorf("Get(%q) = %q, want %q", p.Key, got, p.Value)
			}
		}
	})
}
