package bolt_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"emulator/store"
	"emulator/store/bolt"
	"emulator/store/storetest"
)

func TestMain(m *testing.M) {
	if path := os.Getenv("BOLT_TEST_WRITER"); path != "" {
		writeForever(path)
	}
	os.Exit(m.Run())
}

func open(t testing.TB, path string) *bolt.DB {
	t.Helper()
	db, err := bolt.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, filepath.Join(t.TempDir(), "db")) })
}

func TestKeptAfterClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	db := open(t, path)
	if err := db.Update(t.Context(), func(tx store.Tx) error { return tx.Put([]byte("a"), []byte("1")) }); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, error %v", info.Mode(), err)
	}
	db = open(t, path)
	defer db.Close()
	db.View(t.Context(), func(r store.Reader) error {
		if got := string(r.Get([]byte("a"))); got != "1" {
			t.Errorf("a is %q", got)
		}
		return nil
	})
	if files, _ := filepath.Glob(path + ".*"); len(files) > 0 {
		t.Errorf("left behind: %v", files)
	}
}

// A file that can't be opened says why and stays as it is.
func TestOpenRefuses(t *testing.T) {
	newer := func(t *testing.T, path string) {
		open(t, path).Close()
		db, err := bbolt.Open(path, 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if err := db.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte("meta")).Put([]byte("format"), []byte("99")) }); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name string
		make func(t *testing.T, path string)
		want error
	}{
		{"empty", func(t *testing.T, path string) { os.WriteFile(path, nil, 0o600) }, store.ErrDamaged},
		{"text", func(t *testing.T, path string) {
			os.WriteFile(path, []byte(strings.Repeat("no database ", 5000)), 0o600)
		}, store.ErrDamaged},
		{"short", func(t *testing.T, path string) { os.WriteFile(path, []byte("short"), 0o600) }, store.ErrDamaged},
		{"zeros", func(t *testing.T, path string) { os.WriteFile(path, make([]byte, 1<<16), 0o600) }, store.ErrDamaged},
		{"truncated", func(t *testing.T, path string) {
			open(t, path).Close()
			os.Truncate(path, 5000)
		}, store.ErrDamaged},
		{"another program's", func(t *testing.T, path string) {
			db, _ := bbolt.Open(path, 0o600, nil)
			db.Close()
		}, store.ErrDamaged},
		{"newer", newer, store.ErrNewerFormat},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "db")
			c.make(t, path)
			before, _ := os.ReadFile(path)
			db, err := bolt.Open(path)
			if !errors.Is(err, c.want) {
				t.Errorf("Open: %v, want %v", err, c.want)
			}
			if db != nil {
				db.Close()
			}
			if after, _ := os.ReadFile(path); string(after) != string(before) {
				t.Error("the file was changed")
			}
		})
	}
}

func TestOpenInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	defer open(t, path).Close()
	begin := time.Now()
	if _, err := bolt.Open(path); !errors.Is(err, store.ErrInUse) {
		t.Errorf("Open: %v", err)
	}
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestOpenMissingDirectory(t *testing.T) {
	if _, err := bolt.Open(filepath.Join(t.TempDir(), "missing", "db")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Open: %v", err)
	}
}

const partsPerWrite = 3

// writeForever is the process that TestKill kills: it prints each write once it is
// acknowledged.
func writeForever(path string) {
	db, err := bolt.Open(path)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	var mu sync.Mutex
	for w := range 8 {
		go func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%d-%d", os.Getpid(), w, i)
				err := db.Update(context.Background(), func(tx store.Tx) error {
					for part := range partsPerWrite {
						if err := tx.Put(fmt.Appendf(nil, "%s/%d", id, part), []byte(strings.Repeat(id, 1+i%50))); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					fmt.Println(err)
					os.Exit(1)
				}
				mu.Lock()
				fmt.Println(id)
				mu.Unlock()
			}
		}()
	}
	select {}
}

// TestKill kills a writing process at any moment, again and again: each acknowledged write
// is there afterwards, and none is there in part.
func TestKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	acknowledged := make(map[string]bool)
	for round := range 15 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "BOLT_TEST_WRITER="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		if !lines.Scan() {
			t.Fatal("nothing was written")
		}
		acknowledged[lines.Text()] = true
		kill := time.AfterFunc(time.Duration(rand.IntN(60_000))*time.Microsecond, func() { cmd.Process.Kill() })
		for lines.Scan() {
			acknowledged[lines.Text()] = true
		}
		kill.Stop()
		cmd.Wait()

		db := open(t, path)
		stored := make(map[string]int)
		db.View(t.Context(), func(r store.Reader) error {
			for k, v := range r.Scan(nil, nil) {
				id, _, _ := strings.Cut(string(k), "/")
				stored[id]++
				if !strings.HasPrefix(string(v), id) {
					t.Errorf("%s has the value of another", k)
				}
			}
			return nil
		})
		db.Close()
		for id := range acknowledged {
			if stored[id] == 0 {
				t.Fatalf("round %d: %s was acknowledged and is lost", round, id)
			}
		}
		for id, parts := range stored {
			if parts != partsPerWrite {
				t.Errorf("round %d: %d parts of %s", round, parts, id)
			}
		}
	}
	t.Logf("%d acknowledged writes", len(acknowledged))
}

func BenchmarkUpdate(b *testing.B) {
	for _, clients := range []int{1, 64} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			db := open(b, filepath.Join(b.TempDir(), "db"))
			defer db.Close()
			benchmarkWrites(b, clients, func(key, value []byte) error {
				return db.Update(context.Background(), func(tx store.Tx) error { return tx.Put(key, value) })
			})
		})
		b.Run(fmt.Sprintf("bbolt.Batch/clients=%d", clients), func(b *testing.B) {
			db, err := bbolt.Open(filepath.Join(b.TempDir(), "db"), 0o600, nil)
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			db.Update(func(tx *bbolt.Tx) error { _, err := tx.CreateBucket([]byte("b")); return err })
			benchmarkWrites(b, clients, func(key, value []byte) error {
				return db.Batch(func(tx *bbolt.Tx) error { return tx.Bucket([]byte("b")).Put(key, value) })
			})
		})
	}
}

func benchmarkWrites(b *testing.B, clients int, write func(key, value []byte) error) {
	value := []byte(strings.Repeat("x", 700))
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			for i := c; i < b.N; i += clients {
				if err := write(fmt.Appendf(nil, "%08d", i), value); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkView(b *testing.B) {
	db := open(b, filepath.Join(b.TempDir(), "db"))
	defer db.Close()
	db.Update(b.Context(), func(tx store.Tx) error {
		for i := range 100_000 {
			tx.Put(fmt.Appendf(nil, "%08d", i), []byte("value"))
		}
		return nil
	})
	b.Run("Get", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			key := fmt.Appendf(nil, "%08d", i%100_000)
			db.View(b.Context(), func(r store.Reader) error {
				if r.Get(key) == nil {
					b.Error("absent")
				}
				return nil
			})
		}
	})
	b.Run("Scan 100", func(b *testing.B) {
		for i := range b.N {
			after := fmt.Appendf(nil, "%08d", i%99_000)
			db.View(b.Context(), func(r store.Reader) error {
				n := 0
				for range r.Scan(nil, after) {
					if n++; n == 100 {
						break
					}
				}
				return nil
			})
		}
	})
}
