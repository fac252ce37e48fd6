package storetest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emulator/store"
)

// operation is one step of a random transaction.
type operation struct {
	kind       string // put, delete, get or scan
	key, value string // of a scan: prefix and after
}

// model compares the store with a map, through random transactions of which some fail.
func model(t *testing.T, s store.Store) {
	seed := rand.Uint64()
	defer func() {
		if t.Failed() {
			t.Logf("the seed was %d", seed)
		}
	}()
	random := rand.New(rand.NewPCG(seed, 0))
	// Few keys, so that they meet, but many enough for several pages.
	key := func() string {
		k := make([]byte, 1+random.IntN(3))
		for i := range k {
			k[i] = "\x00ab\xfe\xff"[random.IntN(5)]
		}
		return string(k)
	}
	stored := make(map[string]string)
	for range 400 {
		var operations []operation
		for range random.IntN(12) {
			op := operation{key: key()}
			switch n := random.IntN(10); {
			case n < 4:
				op.kind, op.value = "put", strings.Repeat(fmt.Sprint(random.IntN(1000)), random.IntN(100))
			case n < 7:
				op.kind = "delete"
			case n < 9:
				op.kind = "get"
			default:
				op.kind, op.value = "scan", key()
				op.key = op.key[:random.IntN(len(op.key)+1)]
			}
			operations = append(operations, op)
		}
		fail := random.IntN(4) == 0
		var next map[string]string
		err := s.Update(t.Context(), func(tx store.Tx) error {
			next = maps.Clone(stored)
			for _, op := range operations {
				if err := op.run(t, tx, next); err != nil {
					return err
				}
			}
			if fail {
				return errRefused
			}
			return nil
		})
		if fail && err != errRefused || !fail && err != nil {
			t.Fatalf("Update: %v", err)
		}
		if !fail {
			stored = next
		}
		view(t, s, func(r store.Reader) {
			compare(t, r, stored, "", "")
			compare(t, r, stored, key(), key())
		})
		if t.Failed() {
			return
		}
	}
}

// run does the operation in the transaction and in the map.
func (op operation) run(t *testing.T, tx store.Tx, stored map[string]string) error {
	key := []byte(op.key)
	switch op.kind {
	case "put":
		stored[op.key] = op.value
		return tx.Put(key, []byte(op.value))
	case "delete":
		delete(stored, op.key)
		return tx.Delete(key)
	case "get":
		got := tx.Get(key)
		if expected, ok := stored[op.key]; string(got) != expected || (got != nil) != ok {
			t.Errorf("Get(%q) = %q, want %q", key, got, expected)
		}
	case "scan":
		compare(t, tx, stored, op.key, op.value)
	}
	return nil
}

// compare compares a scan of the store with one of the map.
func compare(t *testing.T, r store.Reader, stored map[string]string, prefix, after string) {
	t.Helper()
	var expected []pair
	for _, k := range slices.Sorted(maps.Keys(stored)) {
		if strings.HasPrefix(k, prefix) && k > after {
			expected = append(expected, pair{k, stored[k]})
		}
	}
	if diff := cmp.Diff(expected, pairs(r, []byte(prefix), []byte(after))); diff != "" {
		t.Errorf("Scan(%q, %q) (-want +got):\n%s", prefix, after, diff)
	}
}
