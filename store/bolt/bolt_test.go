package bolt_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"

	"emulator/store"
	"emulator/store/bolt"
	"emulator/store/storetest"
)

// roles are what the test binary does as a process that a test kills or restricts.
var roles = map[string]func(path string) int{
	"writer": writeForever,
	"opener": openOnce,
}

func TestMain(m *testing.M) {
	if role, ok := roles[os.Getenv("BOLT_TEST_ROLE")]; ok {
		os.Exit(role(os.Getenv("BOLT_TEST_DATABASE")))
	}
	os.Exit(m.Run())
}

// child is the test binary in a role.
func child(role, path string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "BOLT_TEST_ROLE="+role, "BOLT_TEST_DATABASE="+path,
		"GORACE=atexit_sleep_ms=0") // else each stays for a second
	cmd.Stderr = os.Stderr
	return cmd
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, file(t)) }, restore)
}

func TestStoreNoSync(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		db, err := bolt.Open(file(t), bolt.Options{NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		return db
	}, restore)
}

func restore(t *testing.T, backup []byte) store.Store {
	t.Helper()
	path := file(t)
	if err := os.WriteFile(path, backup, 0o600); err != nil {
		t.Fatal(err)
	}
	return open(t, path)
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
