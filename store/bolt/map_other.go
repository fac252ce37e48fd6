//go:build !unix

package bolt

import (
	"io"
	"os"
)

// mapFile returns the first bytes of a file, until release is called.
func mapFile(f *os.File, size int64) (data []byte, release func() error, err error) {
	data = make([]byte, size)
	_, err = io.ReadFull(f, data)
	return data, func() error { return nil }, err
}
