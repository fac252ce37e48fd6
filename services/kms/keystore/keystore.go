// Package keystore is where the material of KMS keys lives: the store of KMS itself,
// and a software one for each AWS CloudHSM custom key store.
//
// https://docs.aws.amazon.com/kms/latest/developerguide/key-store-overview.html
package keystore

import (
	"errors"
	"fmt"

	"emulator/identity"
	"emulator/store"
)

// ErrDisconnected: the custom key store that holds the material is not connected.
var ErrDisconnected = errors.New("the custom key store is not connected")

// ErrNoMaterial: the material is not there.
var ErrNoMaterial = errors.New("no key material")

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

// Store keeps key material, sealed.
type Store interface {
	// Save stores material under ref.
	Save(tx store.Tx, ref Ref, material []byte) error
	// Load returns the sealed material, which is the same as long as the material is. Errors are
	// ErrDisconnected and ErrNoMaterial.
	Load(r store.Reader, ref Ref) (sealed []byte, err error)
	// Open returns the material that Load returned sealed.
	Open(sealed []byte, ref Ref) ([]byte, error)
	// Delete destroys the material.
	Delete(tx store.Tx, ref Ref) error
}

// Default is KMS's own store.
type Default struct{ Keyring *identity.Keyring }

func (d Default) binding(ref Ref) string { return "kms " + fmt.Sprint(ref) }

// Save implements Store.
func (d Default) Save(tx store.Tx, ref Ref, material []byte) error {
	return tx.Put(ref.Key(""), d.Keyring.Seal(material, d.binding(ref)))
}

// Load implements Store.
func (d Default) Load(r store.Reader, ref Ref) ([]byte, error) {
	sealed := r.Get(ref.Key(""))
	if sealed == nil {
		return nil, ErrNoMaterial
	}
	return sealed, nil
}

// Open implements Store.
func (d Default) Open(sealed []byte, ref Ref) ([]byte, error) {
	return d.Keyring.Open(sealed, d.binding(ref))
}

// Copy stores the material of one key under another, unless it is there.
func (d Default) Copy(tx store.Tx, from, to Ref) error {
	if tx.Get(to.Key("")) != nil {
		return nil
	}
	sealed, err := d.Load(tx, from)
	if err != nil {
		return err
	}
	raw, err := d.Open(sealed, from)
	if err != nil {
		return err
	}
	defer clear(raw)
	return d.Save(tx, to, raw)
}

// Delete implements Store.
func (d Default) Delete(tx store.Tx, ref Ref) error { return tx.Delete(ref.Key("")) }

// Cluster is the software key store behind one CloudHSM custom key store. Its material
// is apart from KMS's and from that of other clusters, and out of reach while it is
// disconnected.
type Cluster struct {
	Keyring *identity.Keyring
	// ID is the cluster's: "cluster-1234567890a".
	ID        string
	Connected bool
}

func (c Cluster) binding(ref Ref) string { return "hsm " + c.ID + " " + fmt.Sprint(ref) }

// Save implements Store.
func (c Cluster) Save(tx store.Tx, ref Ref, material []byte) error {
	if !c.Connected {
		return ErrDisconnected
	}
	return tx.Put(ref.Key(c.ID), c.Keyring.Seal(material, c.binding(ref)))
}

// Load implements Store.
func (c Cluster) Load(r store.Reader, ref Ref) ([]byte, error) {
	if !c.Connected {
		return nil, ErrDisconnected
	}
	sealed := r.Get(ref.Key(c.ID))
	if sealed == nil {
		return nil, ErrNoMaterial
	}
	return sealed, nil
}

// Open implements Store.
func (c Cluster) Open(sealed []byte, ref Ref) ([]byte, error) {
	return c.Keyring.Open(sealed, c.binding(ref))
}

// Delete implements Store. KMS makes a best effort to delete a key from its cluster, connected
// or not; here it always succeeds.
func (c Cluster) Delete(tx store.Tx, ref Ref) error { return tx.Delete(ref.Key(c.ID)) }
