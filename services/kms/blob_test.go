package kms

import (
	"bytes"
	"encoding/hex"
	"path/filepath"
	"testing"
	"testing/quick"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"emulator/identity"
	"emulator/services/kms/keystore"
	"emulator/store"
	"emulator/store/bolt"
)

// testStore returns KMS's key store in a database of its own, under a master key of zeros.
func testStore(t testing.TB) (store.Store, *keystore.Default) {
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
	return db, keystore.New(db, keyring)
}

// testKey returns a symmetric key in a store of its own.
func testKey(t testing.TB) usable {
	t.Helper()
	db, ks := testStore(t)
	material, err := keystore.Generate(types.KeySpecSymmetricDefault, "aws")
	if err != nil {
		t.Fatal(err)
	}
	k := usable{&Key{Account: "000000000000", Region: "us-east-1", ID: "id", MaterialID: "material"}, ks}
	if err := db.Update(t.Context(), func(tx store.Tx) error { return ks.Save(tx, k.ref(), material) }); err != nil {
		t.Fatal(err)
	}
	return k
}

// Databases and ciphertexts that were made before this version open. These were made by the version before key stores used keys.
func TestEarlierMaterialOpens(t *testing.T) {
	for cluster, was := range map[string]struct{ record, blob string }{
		"": {
			"4d789599cf2b0fe934bc4f16a312b172cca0f938be3af8c212b23deda99d6c2713dd42c2e049dcc0fe8fafa38c93147ee269350fddb4ad574302c57b4b858ad3c29a3bcb00a40240",
			"010c3030303030303030303030300975732d656173742d31026964086d6174657269616c6a7c744e146c24d7502bdb031de15e0894efa60fbc5f0634b9119a8fad10a82394b292c01d77a302f8",
		},
		"cluster-1234567890a": {
			"b82e3f86a1858b7880c278617fa69579c4364d57612d8fa81d9d67a60b51b6babff0203f67f2e5df02b0abd9a72cc42028f51e8f3bc71a993eb427eb63f66319e5b6e62b1eae17e4",
			"010c3030303030303030303030300975732d656173742d31026964086d6174657269616c8496555e584b10888c46ce718321e837e89865cc412d869dc6deb10c1a45726da99edd15ca81d9ae68",
		},
	} {
		db, ks := testStore(t)
		k := usable{&Key{Account: "000000000000", Region: "us-east-1", ID: "id", MaterialID: "material"}, ks}
		if cluster != "" {
			k.store = ks.Cluster(cluster, true)
		}
		record, err := hex.DecodeString(was.record)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Update(t.Context(), func(tx store.Tx) error { return tx.Put(k.ref().Key(cluster), record) }); err != nil {
			t.Fatal(err)
		}
		sealed, err := hex.DecodeString(was.blob)
		if err != nil {
			t.Fatal(err)
		}
		b, err := parseBlob(sealed)
		if err != nil {
			t.Fatal(err)
		}
		if plaintext, err := b.open(t.Context(), k, map[string]string{"a": "b"}); err != nil || string(plaintext) != "plaintext" {
			t.Errorf("%q: %q, %v", cluster, plaintext, err)
		}
	}
}

// What was sealed opens with the same context, and with no other.
func TestBlobProperty(t *testing.T) {
	k := testKey(t)
	property := func(plaintext []byte, context, other map[string]string) bool {
		sealed, err := sealBlob(t.Context(), k, plaintext, context)
		if err != nil {
			return false
		}
		b, err := parseBlob(sealed)
		if err != nil || b.account != k.Account || b.region != k.Region || b.keyID != k.ID || b.materialID != k.MaterialID {
			return false
		}
		opened, err := b.open(t.Context(), k, context)
		if err != nil || !bytes.Equal(opened, plaintext) {
			return false
		}
		same := bytes.Equal(additionalData(nil, context), additionalData(nil, other))
		_, err = b.open(t.Context(), k, other)
		return same == (err == nil)
	}
	if err := quick.Check(property, nil); err != nil {
		t.Error(err)
	}
}

func FuzzParseBlob(f *testing.F) {
	k := testKey(f)
	sealed, err := sealBlob(f.Context(), k, []byte("plaintext"), map[string]string{"a": "b"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add([]byte{blobVersion, 255})
	f.Add(append([]byte{blobVersion, 255}, bytes.Repeat([]byte("0"), 300)...))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parseBlob(b)
		if err != nil {
			return
		}
		if _, err := p.open(t.Context(), k, map[string]string{"a": "b"}); err == nil && !bytes.Equal(b, sealed) {
			t.Errorf("%x opens", b)
		}
	})
}
