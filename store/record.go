package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// Key builds a key from parts, such as account, region, kind and name. Parts are
// terminated, not joined, so Key("a") is a prefix of Key("a", "b") and not of
// Key("ab"). Keys order as their parts do.
//
// Nothing is stored under a part with a NUL: the wire refuses them in names. One that was made up, such
// as an access key, makes a key of its own, in which C0 80, which no UTF-8 has, stands for it.
func Key(parts ...string) []byte {
	n := len(parts)
	for _, p := range parts {
		n += len(p)
	}
	k := make([]byte, 0, n)
	for _, p := range parts {
		if strings.IndexByte(p, 0) >= 0 {
			p = strings.ReplaceAll(p, "\x00", "\xc0\x80")
		}
		k = append(k, p...)
		k = append(k, 0)
	}
	return k
}

// Parts splits a key into the parts that Key made it from.
func Parts(key []byte) []string {
	return strings.Split(strings.TrimSuffix(string(key), "\x00"), "\x00")
}

// Load returns the record under key, and whether there is one. A record that
// can't be read is an error: the database is damaged.
func Load[T any](r Reader, key []byte) (record T, ok bool, err error) {
	raw := r.Get(key)
	if raw == nil {
		return record, false, nil
	}
	if err := json.Unmarshal(raw, &record); err != nil {
		return record, false, fmt.Errorf("record %q: %w", key, err)
	}
	return record, true, nil
}

// Save stores record under key as JSON.
func Save[T any](tx Tx, key []byte, record T) error {
	raw, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("record %q: %w", key, err)
	}
	return tx.Put(key, raw)
}

// LoadShared is Load through a cache. The record it returns, nil if there is none, is shared: it
// must not be changed.
func LoadShared[T any](r Reader, key []byte, c *Cache[*T]) (*T, error) {
	raw := r.Get(key)
	if raw == nil {
		return nil, nil
	}
	record, err := c.Get(raw, func(raw []byte) (*T, error) {
		record := new(T)
		return record, json.Unmarshal(raw, record)
	})
	if err != nil {
		return nil, fmt.Errorf("record %q: %w", key, err)
	}
	return record, nil
}

// Make stores what is costly to make. check says whether it may be made and stored: on a snapshot, so that nothing is
// made for whoever may not have it, and again in the transaction that stores it, where things may have changed. make
// runs once, between the two, outside of any transaction: nobody waits for it. save stores what it made.
func Make[T any](ctx context.Context, s Store, check func(Reader) error, make func() (T, error), save func(Tx, T) error) error {
	if err := s.View(ctx, check); err != nil {
		return err
	}
	made, err := make()
	if err != nil {
		return err
	}
	return s.Update(ctx, func(tx Tx) error {
		if err := check(tx); err != nil {
			return err
		}
		return save(tx, made)
	})
}
