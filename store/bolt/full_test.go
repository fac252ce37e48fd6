//go:build unix

package bolt_test

import (
	"fmt"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"

	"emulator/store"
	"emulator/store/bolt"
)

func init() { roles["full"] = fillDisk }

// On a full disk (a limit on the size of files stands for it) each update that isn't
// stored has an error, and the database is as it was before.
func TestFull(t *testing.T) {
	path := file(t)
	out, err := child("full", path).Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	stored := make(map[string]bool)
	db := open(t, path)
	defer db.Close()
	db.View(t.Context(), func(r store.Reader) error {
		for k := range r.Scan(nil, nil) {
			stored[string(k)] = true
		}
		return nil
	})
	acknowledged := strings.Fields(string(out))
	for _, key := range acknowledged {
		if !stored[key] {
			t.Errorf("%s was acknowledged and is lost", key)
		}
	}
	if len(stored) != len(acknowledged) || len(stored) == 0 {
		t.Errorf("%d records are stored, and %d acknowledged", len(stored), len(acknowledged))
	}
}

// fillDisk is the process of TestFull.
func fillDisk(path string) int {
	signal.Ignore(syscall.SIGXFSZ)
	db, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	write := func(key string) error {
		return db.Update(background, func(tx store.Tx) error { return tx.Put([]byte(key), make([]byte, 100_000)) })
	}
	if err := write("first"); err != nil { // the file grows by 16 MB
		fmt.Println(err)
		return 1
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		fmt.Println(err)
		return 1
	}
	full := limit
	full.Cur = 18 << 20
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full); err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("first")
	var wg sync.WaitGroup
	var mu sync.Mutex
	failures := 0
	for w := range 4 {
		wg.Go(func() {
			for i := range 100 {
				key := fmt.Sprintf("%d-%d", w, i)
				err := write(key)
				mu.Lock()
				if err != nil {
					failures++
				} else {
					fmt.Println(key)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if failures == 0 {
		fmt.Println("nothing failed")
		return 1
	}
	// Once there is space, writing goes on.
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		fmt.Println(err)
		return 1
	}
	if err := write("last"); err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("last")
	return 0
}
