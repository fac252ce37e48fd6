// Package keystore is where the material of KMS keys lives and is used: the store of KMS itself,
// and a software one for each AWS CloudHSM custom key store. Material does not leave it.
//
// https://docs.aws.amazon.com/kms/latest/developerguide/key-store-overview.html
package keystore

import (
	"bytes"
	"context"
	"errors"

	"emulator/identity"
	"emulator/store"
)

// Errors on reaching a key.
var (
	// ErrDisconnected: the custom key store that holds the material is not connected.
	ErrDisconnected = errors.New("the custom key store is not connected")
	// ErrNoMaterial: the material is not there.
	ErrNoMaterial = errors.New("no key material")
)

// Errors on using a key.
var (
	// ErrCiphertext: the ciphertext was not made with this key, or changed since.
	ErrCiphertext = errors.New("the ciphertext does not open")
	// ErrPublicKey: the peer's public key is none, or not of the key's curve.
	ErrPublicKey = errors.New("not a public key of the key's curve")
)

// Ref names the material of a key.
type Ref struct {
	Account, Region, KeyID, MaterialID string
}

func (r Ref) key(table string, more ...string) []byte {
	return store.Key(append([]string{table, r.Account, r.Region}, append(more, r.KeyID, r.MaterialID)...)...)
}

// Key returns the key of the record with the material, in a cluster or, if that is "", in KMS's own store.
func (r Ref) Key(cluster string) []byte {
	if cluster != "" {
		return r.key("hsm-material", cluster)
	}
	return r.key("kms-material")
}

// Store holds symmetric encryption keys, as a custom key store does, which holds no others. All but Save and Delete are called
// with no transaction open: a store may be another machine. Errors are ErrDisconnected, ErrNoMaterial and ErrCiphertext.
type Store interface {
	// Save stores material under ref.
	Save(tx store.Tx, ref Ref, material []byte) error
	// Delete destroys the material.
	Delete(tx store.Tx, ref Ref) error
	// Seal encrypts. The ciphertext, which begins with SaltSize random bytes, opens only with the same data beside it.
	Seal(ctx context.Context, ref Ref, plaintext, data []byte) ([]byte, error)
	// Open returns what Seal sealed.
	Open(ctx context.Context, ref Ref, ciphertext, data []byte) ([]byte, error)
}

// records are material in the database, sealed.
type records struct {
	db      store.Store
	keyring *identity.Keyring
	// cluster is the ID of the CloudHSM cluster that it is in, or "" of KMS's own.
	cluster string
}

// binding is what sealed material belongs to.
func (m records) binding(ref Ref) string {
	holder := "kms "
	if m.cluster != "" {
		holder = "hsm " + m.cluster + " "
	}
	return holder + "{" + ref.Account + " " + ref.Region + " " + ref.KeyID + " " + ref.MaterialID + "}"
}

// Save implements Store.
func (m records) Save(tx store.Tx, ref Ref, material []byte) error {
	return tx.Put(ref.Key(m.cluster), m.keyring.Seal(material, m.binding(ref)))
}

// Copy stores the material of one key under another, unless it is there.
func (m records) Copy(tx store.Tx, from, to Ref) error {
	if tx.Get(to.Key(m.cluster)) != nil {
		return nil
	}
	sealed := tx.Get(from.Key(m.cluster))
	if sealed == nil {
		return ErrNoMaterial
	}
	raw, err := m.keyring.Open(sealed, m.binding(from))
	if err != nil {
		return err
	}
	defer clear(raw)
	return m.Save(tx, to, raw)
}

// Delete implements Store.
func (m records) Delete(tx store.Tx, ref Ref) error { return tx.Delete(ref.Key(m.cluster)) }

// load returns the material as it is sealed.
func (m records) load(ctx context.Context, ref Ref) (sealed []byte, err error) {
	err = m.db.View(ctx, func(r store.Reader) error {
		sealed = bytes.Clone(r.Get(ref.Key(m.cluster)))
		return nil
	})
	if err == nil && sealed == nil {
		err = ErrNoMaterial
	}
	return sealed, err
}

// secret calls f with the material of a symmetric or HMAC key, which is gone afterwards.
func (m records) secret(ctx context.Context, ref Ref, f func(secret []byte) ([]byte, error)) ([]byte, error) {
	sealed, err := m.load(ctx, ref)
	if err != nil {
		return nil, err
	}
	secret, err := m.keyring.Open(sealed, m.binding(ref))
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	return f(secret)
}

// Seal implements Store.
func (m records) Seal(ctx context.Context, ref Ref, plaintext, data []byte) ([]byte, error) {
	return m.secret(ctx, ref, func(secret []byte) ([]byte, error) { return seal(secret, plaintext, data) })
}

// Open implements Store.
func (m records) Open(ctx context.Context, ref Ref, ciphertext, data []byte) ([]byte, error) {
	return m.secret(ctx, ref, func(secret []byte) ([]byte, error) { return open(secret, ciphertext, data) })
}

// Default is KMS's own store, which holds keys of every kind. It is safe for concurrent use.
type Default struct {
	records
	pairs store.Cache[*pair]
}

// New returns KMS's own store in a database. Material is sealed with the keyring.
func New(db store.Store, keyring *identity.Keyring) *Default {
	return &Default{records: records{db: db, keyring: keyring}, pairs: store.Cache[*pair]{Size: (*pair).size}}
}

// Cluster is the software key store behind one CloudHSM custom key store. Its material
// is apart from KMS's and from that of other clusters, and out of reach while it is
// disconnected.
type Cluster struct {
	records
	connected bool
}

// Cluster returns the store of a cluster: "cluster-1234567890a".
func (d *Default) Cluster(id string, connected bool) Cluster {
	return Cluster{records{db: d.db, keyring: d.keyring, cluster: id}, connected}
}

// Save implements Store. So does Delete, which a disconnected cluster does not refuse: KMS makes a best effort to delete a key
// from its cluster, connected or not; here it always succeeds.
func (c Cluster) Save(tx store.Tx, ref Ref, material []byte) error {
	if !c.connected {
		return ErrDisconnected
	}
	return c.records.Save(tx, ref, material)
}

// Seal implements Store.
func (c Cluster) Seal(ctx context.Context, ref Ref, plaintext, data []byte) ([]byte, error) {
	if !c.connected {
		return nil, ErrDisconnected
	}
	return c.records.Seal(ctx, ref, plaintext, data)
}

// Open implements Store.
func (c Cluster) Open(ctx context.Context, ref Ref, ciphertext, data []byte) ([]byte, error) {
	if !c.connected {
		return nil, ErrDisconnected
	}
	return c.records.Open(ctx, ref, ciphertext, data)
}
