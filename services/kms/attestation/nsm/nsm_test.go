package nsm_test

import (
	"bytes"
	"crypto/x509"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"emulator/identity"
	"emulator/services/kms/attestation"
	"emulator/services/kms/attestation/nsm"
	"emulator/store"
	"emulator/store/bolt"
)

var now = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

func newModule(t *testing.T) (*nsm.Module, store.Store) {
	t.Helper()
	db, err := bolt.Open(filepath.Join(t.TempDir(), "db"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	keyring, err := identity.NewKeyring(make([]byte, identity.MasterKeySize))
	if err != nil {
		t.Fatal(err)
	}
	return nsm.New(nsm.Config{Store: db, Keyring: keyring}), db
}

// attest returns a document that was read again and verified at that time.
func attest(t *testing.T, m *nsm.Module, at time.Time, in nsm.Request) (*attestation.Document, error) {
	t.Helper()
	signed, err := m.Attest(t.Context(), at, &in)
	if err != nil {
		t.Fatal(err)
	}
	d, err := attestation.Parse(signed)
	if err != nil {
		t.Fatal(err)
	}
	root, err := m.Root(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return d, d.Verify([]*x509.Certificate{root}, at)
}

func TestAttest(t *testing.T) {
	m, _ := newModule(t)
	if root, err := m.Root(t.Context()); root != nil || err != nil {
		t.Errorf("a root before the first document: %v, %v", root, err)
	}
	pcr, zeros := bytes.Repeat([]byte{7}, 48), make([]byte, 48)
	d, err := attest(t, m, now, nsm.Request{PCRs: map[int][]byte{0: pcr, 31: pcr}, PublicKey: []byte("key"), UserData: []byte("data"), Nonce: []byte("nonce")})
	if err != nil || d.ModuleID == "" || d.Timestamp != uint64(now.UnixMilli()) || d.NitroTPM || len(d.PCRs) != 17 || !bytes.Equal(d.PCRs[0], pcr) || !bytes.Equal(d.PCRs[31], pcr) ||
		!bytes.Equal(d.PCRs[15], zeros) || string(d.PublicKey) != "key" || string(d.UserData) != "data" || string(d.Nonce) != "nonce" {
		t.Errorf("%+v: %v", d, err)
	}
	if d, err = attest(t, m, now, nsm.Request{NitroTPM: true, ModuleID: "i-1"}); err != nil || d.ModuleID != "i-1" || !d.NitroTPM || len(d.PCRs) != 24 || !bytes.Equal(d.PCRs[23], zeros) || d.PublicKey != nil {
		t.Errorf("%+v: %v", d, err)
	}
	// The emulated time may be any from 1970 to 2199, and was another when the root was made.
	for _, at := range []time.Time{time.Unix(1, 0), time.Date(2199, 12, 31, 23, 0, 0, 0, time.UTC)} {
		if _, err := attest(t, m, at, nsm.Request{}); err != nil {
			t.Errorf("at %s: %v", at, err)
		}
	}
}

// A document is good for three hours.
func TestLifetime(t *testing.T) {
	m, _ := newModule(t)
	signed, err := m.Attest(t.Context(), now, &nsm.Request{})
	if err != nil {
		t.Fatal(err)
	}
	root, err := m.Root(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d, _ := attestation.Parse(signed)
	for after, good := range map[time.Duration]bool{0: true, 3 * time.Hour: true, 3*time.Hour + time.Second: false, -2 * time.Second: false} {
		if err := d.Verify([]*x509.Certificate{root}, now.Add(after)); (err == nil) != good {
			t.Errorf("after %s: %v", after, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	m, _ := newModule(t)
	for name, in := range map[string]nsm.Request{
		"an index too high":  {PCRs: map[int][]byte{32: make([]byte, 48)}},
		"a negative index":   {PCRs: map[int][]byte{-1: make([]byte, 48)}},
		"a PCR too short":    {PCRs: map[int][]byte{0: make([]byte, 20)}},
		"a key too long":     {PublicKey: make([]byte, 1025)},
		"a key of no bytes":  {PublicKey: []byte{}},
		"user data too long": {UserData: make([]byte, 513)},
		"a nonce too long":   {Nonce: make([]byte, 513)},
		"a name too long":    {ModuleID: string(make([]byte, 129))},
		"a name of no UTF-8": {ModuleID: "\xff"},
	} {
		if _, err := m.Attest(t.Context(), now, &in); !errors.Is(err, nsm.ErrRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := attest(t, m, now, nsm.Request{NitroTPM: true, UserData: make([]byte, 1024)}); err != nil {
		t.Error(err)
	}
}

// There is one root, whoever comes first, and its key is sealed.
func TestRoot(t *testing.T) {
	m, db := newModule(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if _, err := m.Attest(t.Context(), now, &nsm.Request{}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if _, err := attest(t, m, now, nsm.Request{}); err != nil {
		t.Error(err)
	}
	other, err := identity.NewKeyring(bytes.Repeat([]byte{1}, identity.MasterKeySize))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := nsm.New(nsm.Config{Store: db, Keyring: other}).Attest(t.Context(), now, &nsm.Request{}); err == nil || errors.Is(err, nsm.ErrRequest) {
		t.Errorf("with another master key: %v", err)
	}
}
