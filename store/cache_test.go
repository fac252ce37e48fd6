package store

import "testing"

// What was made counts, too, where it is larger than its record.
func TestCacheIsBounded(t *testing.T) {
	const size = maxCached / 4
	c := Cache[int]{Size: func(int) int { return size }}
	for i := range 100 {
		record := []byte{byte(i)}
		for range 2 {
			if v, err := c.Get(record, func([]byte) (int, error) { return i, nil }); err != nil || v != i {
				t.Fatalf("%d: %d, %v", i, v, err)
			}
		}
		if kept := len(c.made) * size; kept > maxCached+size {
			t.Fatalf("after %d records it keeps %d bytes", i+1, kept)
		}
	}
}
