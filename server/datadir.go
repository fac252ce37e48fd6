package server

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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

// createMasterKey writes a new key under a temporary name and links it into place,
// so that nobody ever reads half a key and none is overwritten.
func createMasterKey(path string) ([]byte, error) {
	key := make([]byte, identity.MasterKeySize)
	rand.Read(key)
	f, err := os.CreateTemp(filepath.Dir(path), masterKeyFile+".*") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(hex.EncodeToString(key) + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	if err := os.Link(f.Name(), path); err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	return key, nil
}

func parseMasterKey(text string) ([]byte, error) {
	key, err := hex.DecodeString(text)
	if err != nil || len(key) != identity.MasterKeySize {
		return nil, fmt.Errorf("want %d hexadecimal digits", 2*identity.MasterKeySize)
	}
	return key, nil
}
