package server

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"emulator/identity"
)

// Names in the data directory.
const (
	databaseFile  = "emulator.db"
	masterKeyFile = "master.key"
)

// openDataDir makes sure that the data directory exists and returns the path of
// the database and the master key. Without one given, the key is read from the
// directory, and made there before the first database. A database without its key
// is an error: a new key would open nothing of it.
func openDataDir(dir, masterKeyHex string) (database string, key []byte, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", nil, fmt.Errorf("data directory: %w", err)
	}
	database = filepath.Join(dir, databaseFile)
	if masterKeyHex != "" {
		key, err := parseMasterKey(masterKeyHex)
		if err != nil {
			return "", nil, fmt.Errorf("the given master key: %w", err)
		}
		return database, key, nil
	}
	keyFile := filepath.Join(dir, masterKeyFile)
	text, err := os.ReadFile(keyFile)
	switch {
	case err == nil:
		if err := onlyOwners(keyFile); err != nil {
			return "", nil, err
		}
		key, err := parseMasterKey(strings.TrimSpace(string(text)))
		if err != nil {
			return "", nil, fmt.Errorf("%s: %w", keyFile, err)
		}
		return database, key, nil
	case !errors.Is(err, fs.ErrNotExist):
		return "", nil, fmt.Errorf("master key: %w", err)
	}
	if _, err := os.Stat(database); err == nil {
		return "", nil, fmt.Errorf("%s is missing, and %s can't be read without it", keyFile, database)
	}
	key, err = createMasterKey(keyFile)
	if errors.Is(err, fs.ErrExist) { // another process was first
		return openDataDir(dir, masterKeyHex)
	}
	return database, key, err
}

// openToOthers reports whether others than the owner may read, write or enter a file or
// directory. Windows has other permissions, which mode bits don't tell.
func openToOthers(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&0o077 != 0 && runtime.GOOS != "windows"
}

// onlyOwners returns an error if others can read a file with a secret.
func onlyOwners(path string) error {
	if openToOthers(path) {
		return fmt.Errorf("%s can be read by others on this machine; type chmod 600 %[1]s", path)
	}
	return nil
}

// createMasterKey writes a new key so that nobody ever reads half a key and none is overwritten.
func createMasterKey(path string) ([]byte, error) {
	key := make([]byte, identity.MasterKeySize)
	rand.Read(key)
	if err := writeFile(path, []byte(hex.EncodeToString(key)+"\n"), os.Link); err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	return key, nil
}

// writeFile writes a file that nobody else may read under a temporary name, flushes it, and has
// place, os.Link or os.Rename, put it into its place: the one fails if there is a file, the other
// replaces it.
func writeFile(path string, content []byte, place func(from, to string) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return place(f.Name(), path)
}

func parseMasterKey(text string) ([]byte, error) {
	key, err := hex.DecodeString(text)
	if err != nil || len(key) != identity.MasterKeySize {
		return nil, fmt.Errorf("want %d hexadecimal digits", 2*identity.MasterKeySize)
	}
	return key, nil
}
