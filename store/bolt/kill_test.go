package bolt_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"emulator/store"
	"emulator/store/bolt"
)

// background is for what has no test's context: benchmarks and processes.
var background = context.Background()

// parts is how many records a transaction of the writer makes.
const parts = 3

// writeForever is the process that TestKill kills. It prints each transaction once it is
// acknowledged: "+id" for records that are there now, "-id" for such as are gone.
func writeForever(path string) int {
	db, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	failed := make(chan error)
	var mu sync.Mutex
	acknowledge := func(sign, id string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Println(sign + id)
	}
	each := func(id string, f func(key, value []byte) error) error {
		for part := range parts {
			if err := f(fmt.Appendf(nil, "%s/%d", id, part), content(id, part)); err != nil {
				return err
			}
		}
		return nil
	}
	for w := range 8 {
		go func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%d-%d", os.Getpid(), w, i)
				if err := db.Update(background, func(tx store.Tx) error { return each(id, tx.Put) }); err != nil {
					failed <- err
				}
				acknowledge("+", id)
				if i%4 > 0 {
					continue
				}
				if err := db.Update(background, func(tx store.Tx) error {
					return each(id, func(key, _ []byte) error { return tx.Delete(key) })
				}); err != nil {
					failed <- err
				}
				acknowledge("-", id)
			}
		}()
	}
	fmt.Println(<-failed)
	return 1
}

// content is what the writer stores, of lengths from a few bytes to several pages.
func content(id string, part int) []byte {
	return []byte(strings.Repeat(id+"|", 1+len(id)*part*part*10))
}

// TestKill kills a writing process at any moment, again and again. What it acknowledged
// is there, and no transaction is there in part.
func TestKill(t *testing.T) {
	rounds := 20
	if testing.Short() {
		rounds = 3
	}
	path := file(t)
	acknowledged := make(map[string]bool) // and whether it is there
	for round := range rounds {
		cmd := child("writer", path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(10*time.Millisecond+time.Duration(rand.IntN(90_000))*time.Microsecond, func() { cmd.Process.Kill() })
		for lines := bufio.NewReader(out); ; {
			line, err := lines.ReadString('\n')
			if err != nil { // the last line may be half a line
				break
			}
			id := strings.TrimSuffix(line[1:], "\n")
			switch line[0] {
			case '+':
				acknowledged[id] = true
			case '-':
				acknowledged[id] = false
			default:
				t.Fatalf("the writer says %q", line)
			}
		}
		cmd.Wait()

		stored := make(map[string]int)
		db := open(t, path)
		err = db.View(t.Context(), func(r store.Reader) error {
			for k, v := range r.Scan(nil, nil) {
				id, part, _ := strings.Cut(string(k), "/")
				if expected := content(id, int(part[0]-'0')); string(v) != string(expected) {
					t.Errorf("%s has %d bytes of another content", k, len(v))
				}
				stored[id]++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		for id, n := range stored {
			if n != parts {
				t.Errorf("round %d: %s has %d records of %d", round, id, n, parts)
			}
		}
		for id, there := range acknowledged {
			// A deletion may have been under way; any record may be deleted whose number
			// the writer deletes.
			var n int
			fmt.Sscanf(id[strings.LastIndexByte(id, '-')+1:], "%d", &n)
			if there && stored[id] == 0 && n%4 > 0 {
				t.Fatalf("round %d: %s was acknowledged and is lost", round, id)
			}
			if !there && stored[id] > 0 {
				t.Fatalf("round %d: the deletion of %s was acknowledged and is lost", round, id)
			}
		}
	}
	t.Logf("%d acknowledged transactions in %d rounds", len(acknowledged), rounds)
}
