package bolt_test

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"go.etcd.io/bbolt"

	"emulator/store"
)

// BenchmarkUpdate writes records of 700 bytes, each on disk before the next of its client.
func BenchmarkUpdate(b *testing.B) {
	for _, clients := range []int{1, 64} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			db := open(b, file(b))
			defer db.Close()
			write(b, clients, func(key, value []byte) error {
				return db.Update(background, func(tx store.Tx) error { return tx.Put(key, value) })
			})
		})
	}
}

// BenchmarkBatch is the yardstick for BenchmarkUpdate: the same with bbolt's own Batch, as
// it is, and set up for just as many clients, so that none ever waits for its timer.
func BenchmarkBatch(b *testing.B) {
	for _, clients := range []int{1, 64} {
		for _, size := range []int{1000, clients} {
			b.Run(fmt.Sprintf("clients=%d/size=%d", clients, size), func(b *testing.B) {
				db, err := bbolt.Open(file(b), 0o600, nil)
				if err != nil {
					b.Fatal(err)
				}
				defer db.Close()
				db.MaxBatchSize = size
				bucket := []byte("records")
				if err := db.Update(func(tx *bbolt.Tx) error { _, err := tx.CreateBucket(bucket); return err }); err != nil {
					b.Fatal(err)
				}
				write(b, clients, func(key, value []byte) error {
					return db.Batch(func(tx *bbolt.Tx) error { return tx.Bucket(bucket).Put(key, value) })
				})
			})
		}
	}
}

func write(b *testing.B, clients int, put func(key, value []byte) error) {
	value := []byte(strings.Repeat("x", 700))
	b.ResetTimer()
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			for i := c; i < b.N; i += clients {
				if err := put(fmt.Appendf(nil, "%08d", i), value); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "updates/s")
}

// BenchmarkView reads from stores of two sizes: a read costs little more in the larger, and
// a page of a scan nothing.
func BenchmarkView(b *testing.B) {
	for _, records := range []int{1_000, 100_000} {
		db := open(b, file(b))
		key := func(i int) []byte { return fmt.Appendf(nil, "%08d", i*7919%records) }
		err := db.Update(b.Context(), func(tx store.Tx) error {
			for i := range records {
				if err := tx.Put(key(i), make([]byte, 700)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		keys := make([][]byte, 1000)
		for i := range keys {
			keys[i] = key(i)
		}
		get := func(n, i int) {
			err := db.View(background, func(r store.Reader) error {
				for j := range n {
					if r.Get(keys[(i+j)%len(keys)]) == nil {
						b.Error("absent")
					}
				}
				return nil
			})
			if err != nil {
				b.Error(err)
			}
		}
		for _, gets := range []int{1, 10} {
			b.Run(fmt.Sprintf("records=%d/gets=%d", records, gets), func(b *testing.B) {
				b.ReportAllocs()
				for i := range b.N {
					get(gets, i)
				}
			})
		}
		b.Run(fmt.Sprintf("records=%d/gets=1/parallel", records), func(b *testing.B) {
			b.RunParallel(func(p *testing.PB) {
				for i := 0; p.Next(); i++ {
					get(1, i)
				}
			})
		})
		b.Run(fmt.Sprintf("records=%d/scan=100", records), func(b *testing.B) {
			for i := range b.N {
				db.View(background, func(r store.Reader) error {
					n := 0
					for range r.Scan(nil, keys[i%len(keys)]) {
						if n++; n == 100 {
							break
						}
					}
					return nil
				})
			}
		})
		db.Close()
	}
}

// BenchmarkOpen opens a database of 200,000 records, which reads all of it.
func BenchmarkOpen(b *testing.B) {
	path := file(b)
	db := open(b, path)
	for i := 0; i < 200_000; i += 10_000 {
		err := db.Update(b.Context(), func(tx store.Tx) error {
			for j := range 10_000 {
				if err := tx.Put(fmt.Appendf(nil, "%08d", i+j), make([]byte, 700)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	db.Close()
	b.ResetTimer()
	for range b.N {
		open(b, path).Close()
	}
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(info.Size()>>20), "µs/MiB")
}
