package identity

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/crypto/chacha20poly1305"
)

// MasterKeySize is the length of the master key, in bytes.
const MasterKeySize = 32

// ErrSealed is returned for sealed data that was changed, or sealed by another master key.
var ErrSealed = errors.New("sealed data does not open with this master key")

// Keyring holds what is derived from the master key: it seals what must not be
// readable in the database or in a session token. It is safe for concurrent use.
type Keyring struct {
	tokens  cipher.AEAD
	records cipher.AEAD
	secrets []byte

	passwords []byte
	hashing   chan struct{} // holds one for each password that is being hashed
}

// NewKeyring derives a keyring from a master key of MasterKeySize bytes.
func NewKeyring(master []byte) (*Keyring, error) {
	if len(master) != MasterKeySize {
		return nil, fmt.Errorf("the master key has %d bytes, not %d", len(master), MasterKeySize)
	}
	k := &Keyring{hashing: make(chan struct{}, runtime.GOMAXPROCS(0))}
	for _, use := range []struct {
		info string
		set  func(key []byte) error
	}{
		{"session token", func(key []byte) (err error) { k.tokens, err = chacha20poly1305.NewX(key); return err }},
		{"record", func(key []byte) (err error) { k.records, err = chacha20poly1305.NewX(key); return err }},
		{"session secret", func(key []byte) error { k.secrets = key; return nil }},
		{"password", func(key []byte) error { k.passwords = key; return nil }},
	} {
		key, err := hkdf.Key(sha256.New, master, nil, use.info, 32)
		if err != nil {
			return nil, err
		}
		if err := use.set(key); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// Seal encrypts a secret that goes into the database, bound to what it belongs
// to: Open needs the same binding.
func (k *Keyring) Seal(secret []byte, binding string) []byte {
	return seal(k.records, secret, binding)
}

// Open returns the secret that Seal sealed, or ErrSealed.
func (k *Keyring) Open(sealed []byte, binding string) ([]byte, error) {
	return open(k.records, sealed, binding)
}

// SessionSecret returns the secret access key of a session's access key ID. It is
// derived, so that issuing a session stores nothing.
func (k *Keyring) SessionSecret(accessKeyID string) string {
	mac := hmac.New(sha256.New, k.secrets)
	mac.Write([]byte(accessKeyID))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil)[:30])
}

// NewSecret returns a new secret access key of 40 characters.
func NewSecret() string {
	var b [30]byte
	rand.Read(b[:])
	return base64.StdEncoding.EncodeToString(b[:])
}

// seal uses XChaCha20-Poly1305: its nonce is long enough to be random for any
// number of messages under one key.
func seal(aead cipher.AEAD, plaintext []byte, binding string) []byte {
	out := make([]byte, aead.NonceSize(), aead.NonceSize()+len(plaintext)+aead.Overhead())
	rand.Read(out)
	return aead.Seal(out, out, plaintext, []byte(binding))
}

func open(aead cipher.AEAD, sealed []byte, binding string) ([]byte, error) {
	if len(sealed) < aead.NonceSize() {
		return nil, ErrSealed
	}
	plaintext, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], []byte(binding))
	if err != nil {
		return nil, ErrSealed
	}
	return plaintext, nil
}
