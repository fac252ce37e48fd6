package bolt_test

import (
	"os"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"

	"emulator/store"
	"emulator/store/bolt"
	"emulator/store/storetest"
)

// TestMain lets the test binary be the process that a test kills or restricts.
func TestMain(m *testing.M) {
	switch path := os.Getenv("BOLT_TEST_DATABASE"); os.Getenv("BOLT_TEST_CHILD") {
	case "writer":
		os.Exit(writeForever(path))
	case "opener":
		os.Exit(openOnce(path))
	case "full":
		os.Exit(fillDisk(path))
	}
	os.Exit(m.Run())
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, file(t)) })
}

func TestStoreNoSync(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		db, err := bolt.Open(file(t), bolt.Options{NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		return db
	})
}

func file(t testing.TB) string { return filepath.Join(t.TempDir(), "test.db") }

func open(t testing.TB, path string) *bolt.DB {
	t.Helper()
	db, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func put(t testing.TB, db store.Store, key, value string) {
	t.Helper()
	if err := db.Update(t.Context(), func(tx store.Tx) error { return tx.Put([]byte(key), []byte(value)) }); err != nil {
		t.Fatal(err)
	}
}

// raw works on a closed database with bbolt itself.
func raw(t testing.TB, path string, f func(*bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Update(f); err != nil {
		t.Fatal(err)
	}
}
