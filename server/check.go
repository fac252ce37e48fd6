package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"

	"emulator/services/cloudhsm"
	"emulator/services/iam"
	"emulator/services/kms"
	"emulator/services/organizations"
	"emulator/store"
	"emulator/store/bolt"
)

// adminCheck answers what is wrong with the database, as of one moment.
func (s *Server) adminCheck(w http.ResponseWriter, r *http.Request) {
	if !s.backup.TryLock() {
		adminError(w, http.StatusTooManyRequests, "another backup or check is being made")
		return
	}
	defer s.backup.Unlock()
	findings, err := s.check(r.Context())
	if err != nil {
		s.adminFailure(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, map[string][]string{"findings": findings})
}

// check looks at the pages of a copy: those of the file itself change meanwhile.
func (s *Server) check(ctx context.Context) ([]string, error) {
	copied, err := copyDatabase(ctx, s.store, s.dataDir)
	if err != nil {
		return nil, err
	}
	defer copied.remove()
	findings, err := bolt.Check(copied.Name())
	if err != nil || len(findings) > 0 {
		return findings, err
	}
	return checkIndexes(ctx, s.store)
}

// Check returns what is wrong with the database of a data directory that no emulator uses, else
// the error is store.ErrInUse: nothing if all is well.
func Check(ctx context.Context, dir string) ([]string, error) {
	db, err := openExisting(dir)
	if errors.Is(err, store.ErrDamaged) {
		return bolt.Check(filepath.Join(dir, databaseFile))
	}
	if err != nil {
		return nil, err
	}
	findings, err := checkIndexes(ctx, db)
	return findings, errors.Join(err, db.Close())
}

// CheckBackup returns what is wrong with the database in a backup.
func CheckBackup(ctx context.Context, backup io.Reader) ([]string, error) {
	dir, err := os.MkdirTemp("", "emulator-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	unpacked, _, err := unpack(backup, dir)
	if err != nil {
		return nil, err
	}
	if err := os.Rename(unpacked, filepath.Join(dir, databaseFile)); err != nil {
		return nil, err
	}
	return Check(ctx, dir)
}

// indexes tell, for a service, what its records say that must be in its indexes.
var indexes = []func(r store.Reader, indexed *store.Indexed) error{iam.Indexes, kms.Indexes, cloudhsm.Indexes, organizations.Indexes, usedExists}

// checkIndexes compares the indexes with the records.
func checkIndexes(ctx context.Context, s store.Store) (findings []string, err error) {
	findings = []string{} // in JSON a list even if it is empty
	err = s.View(ctx, func(r store.Reader) error {
		for _, f := range indexes {
			var indexed store.Indexed
			if err := f(r, &indexed); err != nil {
				return err
			}
			findings = append(findings, indexed.Compare(r)...)
		}
		return nil
	})
	if errors.Is(err, store.ErrDamaged) {
		return append(findings, fmt.Sprint(err)), nil
	}
	slices.Sort(findings)
	return findings, err
}
