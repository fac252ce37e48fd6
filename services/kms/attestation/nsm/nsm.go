// Package nsm is a Nitro Secure Module that attests whatever it is told to, under a root of its own: the built-in issuer of
// attestation documents for tests.
package nsm

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"time"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"

	"emulator/identity"
	"emulator/services/kms/attestation"
	"emulator/store"
)

// ErrRequest is in the chain of errors about what was asked for.
var ErrRequest = errors.New("attestation document")

// Config is what a module needs.
type Config struct {
	Store   store.Store
	Keyring *identity.Keyring
}

// Module makes attestation documents.
type Module struct {
	store   store.Store
	keyring *identity.Keyring
}

// New returns a module. Its root is made at its first use.
func New(c Config) *Module { return &Module{c.Store, c.Keyring} }

// Request is what a document is to say.
type Request struct {
	// ModuleID; "": one of its kind.
	ModuleID string
	// NitroTPM asks for an instance's document rather than an enclave's.
	NitroTPM bool
	// PCRs by index. Of the first sixteen of an enclave, and the twenty-four of a NitroTPM, those that are not there are zeros, as all
	// are of an enclave in debug mode.
	PCRs map[int][]byte
	// PublicKey in DER, UserData and Nonce; nil: none.
	PublicKey, UserData, Nonce []byte
}

const (
	pcrSize = sha512.Size384
	// lifetime is that of a certificate that signs documents, as with Nitro hypervisors.
	lifetime = 3 * time.Hour
	early    = time.Second
	// maxModuleID leaves the certificates, which have it, room in what is theirs.
	maxModuleID = 128
)

// The root is valid whatever the emulated time is.
var (
	rootFrom  = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	rootUntil = time.Date(2250, 1, 1, 0, 0, 0, 0, time.UTC)
)

var rootKey = store.Key("attestation-root")

// root is the record of the root.
type root struct {
	Certificate []byte
	// Key is PKCS #8, sealed.
	Key []byte
}

// Root returns the root's certificate, or nil as long as no document was made.
func (m *Module) Root(ctx context.Context) (*x509.Certificate, error) {
	found, err := m.load(ctx)
	if err != nil || found == nil {
		return nil, err
	}
	return x509.ParseCertificate(found.Certificate)
}

func (m *Module) load(ctx context.Context) (found *root, err error) {
	err = m.store.View(ctx, func(r store.Reader) error {
		record, ok, err := store.Load[root](r, rootKey)
		if ok {
			found = &record
		}
		return err
	})
	return found, err
}

// authority is a certificate and its key.
type authority struct {
	*x509.Certificate
	key *ecdsa.PrivateKey
}

// openRoot returns the root, which is made if there is none.
func (m *Module) openRoot(ctx context.Context) (*authority, error) {
	found, err := m.load(ctx)
	if err != nil {
		return nil, err
	}
	if found == nil {
		made, err := m.newRoot()
		if err != nil {
			return nil, err
		}
		if err := m.store.Update(ctx, func(tx store.Tx) error {
			first, ok, err := store.Load[root](tx, rootKey)
			if err != nil {
				return err
			}
			if found = made; ok { // somebody else was first
				found = &first
				return nil
			}
			return store.Save(tx, rootKey, made)
		}); err != nil {
			return nil, err
		}
	}
	der, err := m.keyring.Open(found.Key, string(rootKey))
	if err != nil {
		return nil, fmt.Errorf("key of the attestation root: %w", err)
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("key of the attestation root: %w", err)
	}
	certificate, err := x509.ParseCertificate(found.Certificate)
	return &authority{certificate, key.(*ecdsa.PrivateKey)}, err
}

func (m *Module) newRoot() (*root, error) {
	made, err := issue(nil, "emulator.nitro-enclaves", rootFrom, rootUntil, true)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(made.key)
	if err != nil {
		return nil, err
	}
	return &root{made.Raw, m.keyring.Seal(der, string(rootKey))}, nil
}

// issue makes a key and its certificate, which is that of an authority or of one who signs documents. By nil it is a root's.
func issue(by *authority, name string, from, until time.Time, isAuthority bool) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial := make([]byte, 16)
	rand.Read(serial)
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial), NotBefore: from, NotAfter: until, BasicConstraintsValid: true, IsCA: isAuthority, MaxPathLen: -1,
		Subject:  pkix.Name{CommonName: name, OrganizationalUnit: []string{"Emulator"}},
		KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if isAuthority {
		template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	}
	if by == nil {
		by = &authority{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.Certificate, key.Public(), by.key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	return &authority{certificate, key}, err
}

// document is an attestation document in the order in which Nitro hypervisors write it. What is not there they write as null.
type document struct {
	ModuleID    string          `cbor:"module_id"`
	Digest      string          `cbor:"digest"`
	Timestamp   int64           `cbor:"timestamp"`
	PCRs        cbor.RawMessage `cbor:"pcrs,omitempty"`
	NitroTPM    cbor.RawMessage `cbor:"nitrotpm_pcrs,omitempty"`
	Certificate []byte          `cbor:"certificate"`
	Bundle      [][]byte        `cbor:"cabundle"`
	PublicKey   []byte          `cbor:"public_key"`
	UserData    []byte          `cbor:"user_data"`
	Nonce       []byte          `cbor:"nonce"`
}

// Attest returns a document made now. Errors are ErrRequest, or the store's.
func (m *Module) Attest(ctx context.Context, now time.Time, in *Request) ([]byte, error) {
	d := &document{
		ModuleID: cmp.Or(in.ModuleID, "i-1234567890abcdef0-enc1234567890abcdef"), Digest: "SHA384", Timestamp: now.UnixMilli(),
		PublicKey: in.PublicKey, UserData: in.UserData, Nonce: in.Nonce,
	}
	if len(d.ModuleID) > maxModuleID || !utf8.ValidString(d.ModuleID) {
		return nil, fmt.Errorf("%w: the module ID is not text of at most %d bytes", ErrRequest, maxModuleID)
	}
	var err error
	if in.NitroTPM {
		d.ModuleID = cmp.Or(in.ModuleID, "i-1234567890abcdef0-tpm0000000000000000")
		d.NitroTPM, err = encodePCRs(in.PCRs, 24)
	} else {
		d.PCRs, err = encodePCRs(in.PCRs, 16)
	}
	if err != nil {
		return nil, err
	}
	top, err := m.openRoot(ctx)
	if err != nil {
		return nil, err
	}
	instance, err := issue(top, "instance of "+d.ModuleID, now.Add(-early), now.Add(lifetime), true)
	if err != nil {
		return nil, err
	}
	signer, err := issue(instance, d.ModuleID, now.Add(-early), now.Add(lifetime), false)
	if err != nil {
		return nil, err
	}
	d.Certificate, d.Bundle = signer.Raw, [][]byte{top.Raw, instance.Raw}
	payload, err := cbor.Marshal(d)
	if err != nil {
		return nil, err
	}
	signed, err := attestation.Sign(signer.key, payload)
	if err != nil {
		return nil, err
	}
	if _, err := attestation.Parse(signed); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	return signed, nil
}

// encodePCRs encodes registers by index, zeros for the first of them that have no value.
func encodePCRs(given map[int][]byte, first int) ([]byte, error) {
	pcrs := make(map[int][]byte, first)
	for index := range first {
		pcrs[index] = make([]byte, pcrSize)
	}
	maps.Copy(pcrs, given)
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		return nil, err
	}
	return mode.Marshal(pcrs)
}
