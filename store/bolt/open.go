package bolt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"emulator/store"
)

// format is the version of the database's layout. A change that older versions can't
// read raises it. In format 1 records had no checksums.
const format = 2

// All records are in one bucket; the other has only the format and the summary of the records.
var (
	recordsBucket  = []byte("records with checksums")
	unsummedBucket = []byte("records") // of format 1
	metaBucket     = []byte("meta")
	formatKey      = []byte("format")
	summaryKey     = []byte("summary")
)

// Options are how a database is kept. The zero value is the default.
type Options struct {
	// NoSync leaves it to the operating system when writes reach the disk. Then a
	// crash of the machine, though not of the process, loses acknowledged writes or damages
	// the file: only for databases that are removed afterwards.
	NoSync bool
}

// Open opens the database at path, or makes one there. If it can't, the error wraps
// store.ErrDamaged for a file that is no database of ours, store.ErrNewerFormat for
// one of a later version, store.ErrInUse for one that another process holds, or is that
// of the file system. An existing file is changed by none of them.
func Open(path string, opts Options) (*DB, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := create(path); err != nil {
			return nil, fmt.Errorf("new database: %w", err)
		}
	}
	db, err := open(path, opts)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &DB{bolt: db}, nil
}

// create makes an empty database under a temporary name and links it into place: who
// finds a file finds a whole one. A rename would take the file away from another
// process that was first; a link lets it be.
func create(path string) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if err := tmp.Close(); err != nil {
		return err
	}
	db, err := bbolt.Open(tmp.Name(), 0o600, nil)
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		if _, err := tx.CreateBucket(recordsBucket); err != nil {
			return err
		}
		meta, err := tx.CreateBucket(metaBucket)
		if err != nil {
			return err
		}
		return putMeta(meta, summary{})
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	if err := os.Link(tmp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func putMeta(meta *bbolt.Bucket, s summary) error {
	if err := meta.Put(summaryKey, s.encode()); err != nil {
		return err
	}
	return meta.Put(formatKey, strconv.AppendInt(nil, format, 10))
}

// addChecksums makes of a database of format 1 one of format 2, in one transaction.
func addChecksums(tx *bbolt.Tx) error {
	records, err := tx.CreateBucket(recordsBucket)
	if err != nil {
		return err
	}
	var s summary
	err = tx.Bucket(unsummedBucket).ForEach(func(key, value []byte) error {
		s.add(checksum(key, value))
		return records.Put(key, withChecksum(key, value))
	})
	if err != nil {
		return err
	}
	if err := tx.DeleteBucket(unsummedBucket); err != nil {
		return err
	}
	return putMeta(tx.Bucket(metaBucket), s)
}

// syncDir flushes a directory, without which a new name in it may not outlast a crash.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" { // it can't, and need not
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// open opens an existing file. It checks it first, as one to read only: bbolt may write
// on opening, even to another program's file, and it reads what it is led to. An older
// format is brought up to the present one.
func open(path string, opts Options) (db *bbolt.DB, err error) {
	defer func() {
		if p := recover(); p != nil { // the list of free pages is broken
			err = damaged(p)
		}
	}()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))

	options := bbolt.Options{
		OpenFile: openExisting,
		ReadOnly: true,
		// Another process that holds the file does not let go soon.
		Timeout: 100 * time.Millisecond,
	}
	if db, err = bbolt.Open(path, 0o600, &options); err != nil {
		return nil, openError(err)
	}
	w, err := walk(path) // while bbolt holds its lock
	if err := errors.Join(err, db.Close()); err != nil {
		return nil, err
	}
	found, err := w.format()
	if err != nil {
		return nil, err
	}

	options.ReadOnly = false
	options.NoSync = opts.NoSync
	options.InitialMmapSize = initialMmapSize()
	// The array is slow once there are many free pages. That the list is stored in each
	// commit (no NoFreelistSync) spares the opening a walk over all pages.
	options.FreelistType = bbolt.FreelistMapType
	options.NoStatistics = true // a lock less in each View
	if db, err = bbolt.Open(path, 0o600, &options); err != nil {
		return nil, openError(err)
	}
	if found < format {
		if err := db.Update(addChecksums); err != nil {
			return nil, errors.Join(fmt.Errorf("adding checksums: %w", err), db.Close())
		}
	}
	return db, nil
}

// openExisting is there because bbolt would make a database of a file that is missing or
// empty.
func openExisting(path string, _ int, _ os.FileMode) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Size() == 0 {
		err = bolterrors.ErrInvalid
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func openError(err error) error {
	var system syscall.Errno
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return store.ErrInUse
	case errors.As(err, &system):
		return err
	default:
		return damaged(err)
	}
}

// initialMmapSize is mapped at once, because growing past it has to wait for the readers.
// It costs address space, not memory; but on Windows the file becomes as large.
func initialMmapSize() int {
	if runtime.GOOS == "windows" || strconv.IntSize == 32 {
		return 0
	}
	return 1 << 30
}
