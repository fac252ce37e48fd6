package server

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"emulator/identity"
	"emulator/store"
	"emulator/store/bolt"
)

// A backup is a tar archive of a data directory: emulator.db as of one moment, and, if it was asked
// for, master.key, without which nothing opens the database. Unpacked into an empty directory it
// is a data directory.

// sendTimeout bounds how long a backup may take to its receiver.
const sendTimeout = 10 * time.Minute

// adminBackup answers a backup; with the master key if the query has with-key=1.
func (s *Server) adminBackup(w http.ResponseWriter, r *http.Request) {
	var key []byte
	switch given := r.URL.Query().Get("with-key"); given {
	case "", "0":
	case "1":
		var err error
		if _, key, err = openDataDir(s.dataDir, s.config.MasterKey); err != nil {
			s.adminFailure(w, r, err)
			return
		}
	default:
		adminError(w, http.StatusBadRequest, "with-key: want 0 or 1")
		return
	}
	if !s.backup.TryLock() { // each takes as much of the disk as the database
		adminError(w, http.StatusTooManyRequests, "another backup or check is being made")
		return
	}
	defer s.backup.Unlock()
	if err := s.lastUse.Save(r.Context()); err != nil {
		s.adminFailure(w, r, err)
		return
	}
	copied, err := copyDatabase(r.Context(), s.store, s.dataDir)
	if err != nil {
		s.adminFailure(w, r, err)
		return
	}
	defer copied.remove()
	w.Header().Set("Content-Type", "application/x-tar")
	w.Header().Set("Content-Disposition", `attachment; filename="emulator-backup.tar"`)
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(sendTimeout))
	if err := copied.archive(w, key); err != nil {
		panic(http.ErrAbortHandler) // so that the receiver sees that it is not the whole
	}
}

// databaseCopy is a copy of a database in a temporary file. It is made before anything is sent, so
// that nobody who reads slowly keeps the database from reusing its space.
type databaseCopy struct{ *os.File }

func copyDatabase(ctx context.Context, s store.Store, dir string) (databaseCopy, error) {
	f, err := os.CreateTemp(dir, databaseFile+".*") // mode 0600
	if err != nil {
		return databaseCopy{}, err
	}
	if err := s.Backup(ctx, f); err != nil {
		return databaseCopy{}, errors.Join(err, databaseCopy{f}.remove())
	}
	return databaseCopy{f}, nil
}

func (c databaseCopy) remove() error { return errors.Join(c.Close(), os.Remove(c.Name())) }

// archive writes the backup of the database and, unless it is nil, of the master key.
func (c databaseCopy) archive(w io.Writer, key []byte) error {
	size, err := c.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	t := tar.NewWriter(w)
	if err := t.WriteHeader(&tar.Header{Name: databaseFile, Mode: 0o600, Size: size, ModTime: time.Now()}); err != nil {
		return err
	}
	if _, err := io.Copy(t, io.NewSectionReader(c, 0, size)); err != nil {
		return err
	}
	if key != nil {
		text := hex.EncodeToString(key) + "\n"
		if err := t.WriteHeader(&tar.Header{Name: masterKeyFile, Mode: 0o600, Size: int64(len(text)), ModTime: time.Now()}); err != nil {
			return err
		}
		if _, err := io.WriteString(t, text); err != nil {
			return err
		}
	}
	return t.Close()
}

// Backup writes a backup of a data directory that no emulator uses, else the error is
// store.ErrInUse, to w. withKey puts the master key into it, for which masterKeyHex may stand in.
func Backup(ctx context.Context, dir, masterKeyHex string, withKey bool, w io.Writer) error {
	db, err := openExisting(dir)
	if err != nil {
		return err
	}
	defer db.Close()
	var key []byte
	if withKey {
		if _, key, err = openDataDir(dir, masterKeyHex); err != nil {
			return err
		}
	}
	copied, err := copyDatabase(ctx, db, dir)
	if err != nil {
		return err
	}
	defer copied.remove()
	return copied.archive(w, key)
}

// openExisting opens the database in a data directory, and makes none.
func openExisting(dir string) (*bolt.DB, error) {
	path := filepath.Join(dir, databaseFile)
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	return bolt.Open(path, bolt.Options{})
}

// Restore makes a data directory of a backup. It needs the master key that the database was made
// with: in the backup, in the directory already, or as masterKeyHex. A directory that has a
// database, a damaged backup or another key is an error, and leaves the directory as it was.
func Restore(dir, masterKeyHex string, backup io.Reader) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	database := filepath.Join(dir, databaseFile)
	if _, err := os.Stat(database); err == nil {
		return fmt.Errorf("%s is there already; restore into another directory", database)
	}
	restored, key, err := unpack(backup, dir)
	if err != nil {
		return err
	}
	defer os.Remove(restored)
	keyFile := filepath.Join(dir, masterKeyFile)
	_, err = os.Stat(keyFile)
	newKey := errors.Is(err, fs.ErrNotExist) && masterKeyHex == ""
	switch {
	case !newKey:
		_, kept, err := openDataDir(dir, masterKeyHex)
		if err != nil {
			return err
		}
		if key != nil && !bytes.Equal(key, kept) {
			return fmt.Errorf("the master key in the backup is not the one of %s", dir)
		}
		key = kept
	case key == nil:
		return fmt.Errorf("the backup has no master key: put the one it was made with into %s", keyFile)
	}
	if err := checkRestored(restored, key); err != nil {
		return err
	}
	if newKey {
		if err := writeFile(keyFile, []byte(hex.EncodeToString(key)+"\n"), os.Link); err != nil {
			return err
		}
	}
	return os.Link(restored, database) // not in place of one that was made meanwhile
}

// checkRestored opens the database, which is a check of all of it, and tries the key.
func checkRestored(path string, key []byte) error {
	keyring, err := identity.NewKeyring(key)
	if err != nil {
		return err
	}
	db, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		return fmt.Errorf("the backup: %w", err)
	}
	return errors.Join(db.Update(context.Background(), func(tx store.Tx) error { return checkMasterKey(tx, keyring) }), db.Close())
}

// unpack writes the database of a backup to a temporary file in dir, and returns its path and the
// master key, if that is in the backup.
func unpack(backup io.Reader, dir string) (database string, key []byte, err error) {
	f, err := os.CreateTemp(dir, databaseFile+".*") // mode 0600
	if err != nil {
		return "", nil, err
	}
	defer func() {
		if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
			os.Remove(f.Name())
		}
	}()
	found := false
	for t := tar.NewReader(backup); ; {
		header, err := t.Next()
		if err == io.EOF && found {
			return f.Name(), key, nil
		}
		if err != nil {
			return "", nil, fmt.Errorf("this is no backup, or not a whole one: %w", err)
		}
		switch {
		case header.Name == databaseFile && !found:
			found = true
			if _, err := io.Copy(f, t); err != nil {
				return "", nil, fmt.Errorf("this is not a whole backup: %w", err)
			}
		case header.Name == masterKeyFile && key == nil:
			text, err := io.ReadAll(io.LimitReader(t, 1<<10))
			if err != nil {
				return "", nil, fmt.Errorf("this is not a whole backup: %w", err)
			}
			if key, err = parseMasterKey(strings.TrimSpace(string(text))); err != nil {
				return "", nil, fmt.Errorf("%s in the backup: %w", masterKeyFile, err)
			}
		default:
			return "", nil, fmt.Errorf("this is no backup: there is %q in it", header.Name)
		}
	}
}
